"""What fits and judgements come to: lines for people, figures for programs, dots of a picture."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hil.protocols.jump_table.judging.compare_picture import Score
from hil.protocols.jump_table.judging.fitted import LEAST_TO_SPLIT, Fitted, Tried
from hil.protocols.jump_table.judging.judge import Judgement
from hil.protocols.jump_table.metrics import Distance, Interval
from hil.units import format_quantity, scale_of

AT = (1 / 4, 1 / 2, 3 / 4)
"""Where in the range of G mean and sigma are told."""


def fitted_lines(fits: Sequence[Fitted], method: str) -> Iterator[str]:
    """Tell mean and sigma of each amplitude, and how far the fit is from the device."""
    axis_s = fits[0].model.profile.conductance_s
    places_s = _places_s(fits[0])
    heading = "".join(f"{'at ' + format_quantity(at_s, 'S', 3):>20}" for at_s in places_s)
    yield (
        f"fitted by {method} to all points between {format_quantity(axis_s[0], 'S', 3)} and "
        f"{format_quantity(axis_s[-1], 'S', 3)}; SSD and OVLE to the device by the posterior, 95 %"
    )
    yield f"{'mean dG (sigma)':>20}{heading}"
    yield f"{'pulse':>9} {'points':>10}{'':>{20 * len(AT)}}{'SSD':>25}{'OVLE':>25}"
    moments = [np.array(one.model.profile.moments(places_s)) for one in fits]
    factor, unit = scale_of(float(np.abs(moments).max()), "S")
    for one, moment in zip(fits, moments, strict=True):
        told = (f"{mean:+.2f} ({sigma:.2f}) {unit}" for mean, sigma in factor * moment.T)
        cells = "".join(f"{text:>20}" for text in told)
        yield (
            f"{one.points.voltage_v:>+7.2f} V {len(one.points):>10,}{cells}"
            f"{_interval(one.ssd):>25}{_interval(one.ovle):>25}"
        )


def judged_lines(tried: Sequence[Tried]) -> Iterator[str]:
    """Tell what the points that were held out say, amplitude by amplitude."""
    judged = [one.judgement for one in tried if one.judgement is not None]
    yield from _unjudged_lines(tried)
    if judged:
        yield "judged by a third of the points, which a fit to the others did not see"
        yield from judgement_lines(judged)


def _unjudged_lines(tried: Sequence[Tried]) -> Iterator[str]:
    """Tell which amplitudes have too few points to be judged by a third of them."""
    voltages_v = sorted({one.voltage_v for one in tried if one.judgement is None})
    if voltages_v:
        names = ", ".join(f"{volts:+.4g} V" for volts in voltages_v)
        yield (
            f"{names}: fewer than {LEAST_TO_SPLIT} points, of which a third is not held out to "
            "judge the fit"
        )


def judgement_lines(judged: Sequence[Judgement]) -> Iterator[str]:
    """Tell judgements, a line each; in brackets what a right model stays below in 95 %."""
    yield (
        f"{'pulse':>9} {'points':>10}{'SSD':>25}{'OVLE':>25}{'KS (95 % limit)':>22}"
        f"{'PIT (95 % limit)':>22}{'NLL':>10}"
    )
    for one in judged:
        yield (
            f"{one.voltage_v:>+7.2f} V {one.points:>10,}{_interval(one.ssd):>25}"
            f"{_interval(one.ovle):>25}{_distance(one.ks):>22}{_distance(one.pit):>22}"
            f"{one.nll.value:>10.3f}"
        )


def compared_lines(tried: Sequence[Tried]) -> Iterator[str]:
    """Tell how methods did, means over the amplitudes, the nearest first."""
    yield from _unjudged_lines(tried)
    if all(one.judgement is None for one in tried):
        return
    yield (
        "judged by a third of the points, which no fit saw; means over the amplitudes, in "
        "brackets at how many of them the distance is that of a right model"
    )
    yield f"{'method':>12}{'SSD':>10}{'OVLE':>10}{'KS':>18}{'PIT':>18}{'NLL':>10}{'fit':>12}"
    groups: dict[str, list[Tried]] = {}
    for one in tried:
        if one.judgement is not None:
            groups.setdefault(one.method, []).append(one)
    rows = {name: _means(group) for name, group in groups.items()}
    for name in sorted(rows, key=lambda name: rows[name]["ssd"]):
        row = rows[name]
        took = format_quantity(row["seconds"], "s", 3)
        yield (
            f"{name:>12}{row['ssd']:>10.4f}{row['ovle']:>10.4f}{row['ks']:>10.4f}"
            f"{_share(row, 'ks'):>8}{row['pit']:>10.4f}{_share(row, 'pit'):>8}"
            f"{row['nll']:>10.3f}{took:>12}"
        )


def _share(row: dict[str, float], name: str) -> str:
    return f" ({row[name + '_right']:.0f}/{row['amplitudes']:.0f})"


def _means(tried: Sequence[Tried]) -> dict[str, float]:
    judged = [one.judgement for one in tried if one.judgement is not None]
    means = {
        name: float(np.mean([getattr(one, name).value for one in judged]))
        for name in ("ssd", "ovle", "ks", "pit", "nll")
    }
    for name in ("ks", "pit"):
        distances = [getattr(one, name) for one in judged]
        means[f"{name}_right"] = sum(one.value <= one.null_95 for one in distances)
    seconds = float(np.median([one.seconds for one in tried if one.seconds is not None]))
    return means | {"amplitudes": len(judged), "seconds": seconds}


def scores(tried: Sequence[Tried]) -> list[Score]:
    """Give the dots of a picture of methods side by side."""
    found = []
    for measure, name in (("SSD", "ssd"), ("OVLE", "ovle"), ("KS", "ks"), ("PIT", "pit")):
        for one in tried:
            if one.judgement is not None:
                value = getattr(one.judgement, name)
                voltage_v = one.judgement.voltage_v
                found.append(Score(one.method, measure, voltage_v, *value[:3]))
    return found


def fitted_figures(fits: Sequence[Fitted]) -> list[dict[str, Any]]:
    """Give the fits to programs."""
    return [
        {
            "voltage_v": one.points.voltage_v,
            "points": len(one.points),
            "ssd": one.ssd._asdict(),
            "ovle": one.ovle._asdict(),
            "at": [
                {"conductance_s": at_s, "mean_s": float(mean), "sigma_s": float(sigma)}
                for at_s, mean, sigma in zip(
                    _places_s(one), *one.model.profile.moments(_places_s(one)), strict=True
                )
            ],
            "fit": one.seen.figures,
        }
        for one in fits
    ]


def _places_s(one: Fitted) -> list[float]:
    low_s, high_s = one.model.profile.conductance_s[[0, -1]]
    return [float(low_s + share * (high_s - low_s)) for share in AT]


def _interval(interval: Interval) -> str:
    if interval.low == interval.high:
        return f"{interval.value:.4f}"
    return f"{interval.value:.4f} ({interval.low:.4f}-{interval.high:.4f})"


def _distance(distance: Distance) -> str:
    return f"{distance.value:.4f} ({distance.null_95:.4f})"
