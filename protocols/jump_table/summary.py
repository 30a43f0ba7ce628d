"""What a jump-table collection came to: mean and sigma of the steps, amplitude by amplitude."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.protocol import Summary, Table
from hil.units import Scale, format_quantity, scale_of

if TYPE_CHECKING:
    from hil.protocols.jump_table.collect import JumpTableCollection

Floats = NDArray[np.float64]

AT = (1 / 4, 1 / 2, 3 / 4)
"""Where in the window the summary looks."""

NEAR = 0.05
"""Half the width of the part of the window that counts as there."""


class Steps(NamedTuple):
    """The points of one amplitude that began in the window, all cells together, each (points,)."""

    voltage_v: float
    conductance_s: Floats
    step_s: Floats


class Moments(NamedTuple):
    """Steps near one conductance: how many, their mean and their sigma (S)."""

    points: int
    mean_s: float
    sigma_s: float


def steps_of(table: Table) -> list[Steps]:
    """Sort the points by amplitude, from the most negative to the most positive."""
    counted = (table["kind"] == "point") & (table["in_window"] == 1)
    voltages_v = table["pulse_voltage_v"][counted]
    before_s = table["conductance_before_s"][counted]
    after_s = table["conductance_after_s"][counted]
    sorted_v = np.unique(voltages_v)
    masks = ((float(v), voltages_v == v) for v in sorted_v)
    return [Steps(v, before_s[mask], after_s[mask] - before_s[mask]) for v, mask in masks]


def moments(steps: Steps, low_s: float, high_s: float) -> Moments:
    """Compute mean and sigma of the steps that began between two conductances."""
    here = steps.step_s[(steps.conductance_s >= low_s) & (steps.conductance_s < high_s)]
    if here.size < 2:
        return Moments(int(here.size), float("nan"), float("nan"))
    return Moments(int(here.size), float(here.mean()), float(here.std(ddof=1)))


def summarise(protocol: "JumpTableCollection", table: Table) -> Summary:
    """Lay out the moments of every amplitude at a few conductances of the window."""
    low_s, high_s = protocol.window_low_s, protocol.window_high_s
    width_s = high_s - low_s
    places_s = [low_s + share * width_s for share in AT]
    amplitudes = steps_of(table)
    found = [
        [moments(steps, s - NEAR * width_s, s + NEAR * width_s) for s in places_s]
        for steps in amplitudes
    ]
    scale = _scale_of(found)
    figures: list[dict[str, Any]] = []
    heading = "".join(f"{'at ' + format_quantity(at_s, 'S', 3):>20}" for at_s in places_s)
    lines = [f"{'mean dG (sigma)':>20}{heading}", f"{'pulse':>9} {'points':>10}"]
    for steps, near in zip(amplitudes, found, strict=True):
        figures.append(
            {
                "voltage_v": steps.voltage_v,
                "points": int(steps.step_s.size),
                "at": [
                    {"conductance_s": at_s, **one._asdict()}
                    for at_s, one in zip(places_s, near, strict=True)
                ],
            }
        )
        cells = "".join(f"{_written(one, scale):>20}" for one in near)
        lines.append(f"{steps.voltage_v:>+7.2f} V {steps.step_s.size:>10,}{cells}")
    placing = int((table["kind"] == "place").sum())
    return Summary({"amplitudes": figures, "closed_loop_pulses": placing}, lines)


def _scale_of(found: list[list[Moments]]) -> Scale:
    """Choose the prefix that the largest mean or sigma has."""
    sizes_s = np.abs([(one.mean_s, one.sigma_s) for near in found for one in near])
    return scale_of(float(np.max(sizes_s, where=np.isfinite(sizes_s), initial=0.0)), "S")


def _written(one: Moments, scale: Scale) -> str:
    if np.isnan(one.mean_s):
        return "-"
    mean, sigma = one.mean_s * scale.factor, one.sigma_s * scale.factor
    return f"{mean:+.2f} ({sigma:.2f}) {scale.unit}"
