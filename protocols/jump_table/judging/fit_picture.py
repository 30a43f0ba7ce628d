"""Pictures of fitted jump tables: the fit over its points, and a twin over a device's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import binom

from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.judging.panel_picture import (
    LEFT,
    RAISES,
    TRUTH,
    Panels,
    color_of,
    draw_bands,
    draw_points,
    draw_profile,
    legend,
    panels_of,
    rows_of,
    tidy,
)
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile
from hil.protocols.pictures import save
from hil.simulators.crossbar.picture import placed

_PIT_HEIGHT, _PIT_GAP = 0.75, 0.45


def draw_fit(
    amplitudes: Sequence[tuple[Points, Fit, Floats]], caption: str, path: Path
) -> list[Path]:
    """Draw each amplitude's points with its fit, and below it how well they agree.

    Above: points, mean and mean ± sigma with their 95 % bands where the fit has draws, and
    dotted where the bounds stop a step. Below: the histogram of the probability integral
    transform over a uniform one, with the band in which 95 % of its bins would be if the fit were
    right (binomial, bin by bin).

    Parameters
    ----------
    amplitudes : sequence of (Points, Fit, (points,) float64)
        What was fitted, the fit, and the probability of a smaller step at each point; points
        whose probability is NaN do not count.
    caption : str
        Sample and provenance.
    path : Path
        The PNG; the SVG goes beside it, its points rasterised.

    Returns
    -------
    list of Path
        What was written; nothing where there are no amplitudes.
    """
    if not amplitudes:
        return []
    every = [points for points, _, _ in amplitudes]
    rows = rows_of([points.voltage_v for points in every])
    figure, panels = panels_of(every, rows, below=_PIT_HEIGHT + _PIT_GAP, foot=0.5)
    pits = [pit[np.isfinite(pit)] for _, _, pit in amplitudes]
    reach = max(map(_pit_reach, pits)) or 1.0
    for number, (points, fit, _) in enumerate(amplitudes):
        axis = panels.axis(figure, number)
        draw_points(axis, points, panels)
        if fit.draws is not None:
            color = color_of(points.voltage_v)
            draw_bands(axis, fit.profile, fit.draws, panels, color=color)
        draw_profile(axis, fit.profile, panels)
        _draw_pit(_below(figure, panels, number), pits[number], points.voltage_v, reach)
    banded = any(fit.draws is not None for _, fit, _ in amplitudes)
    legend(figure, _names(every, banded=banded) | {"uniform": "95 % of a uniform PIT"}, every)
    return save(figure, caption, path)


@dataclass(frozen=True, eq=False)
class Compared:
    """One amplitude of a device beside its model.

    Attributes
    ----------
    points : Points
        The device's.
    model : Profile
        The model's.
    truth : Profile or None
        What the device is, where it is a simulated one.
    figures : dict from str to float
        How far they are apart, as it stands in the panel: ``{"SSD": 0.009}``.
    """

    points: Points
    model: Profile
    truth: Profile | None = None
    figures: dict[str, float] | None = None


@dataclass(frozen=True, eq=False)
class BiasCurve:
    """Modeling bias over the epochs of training, (epochs,) each, in percentage points.

    ``low`` and ``high`` are the ends of its 95 % interval, where there is one.
    """

    mean: Floats
    low: Floats | None = None
    high: Floats | None = None


def draw_twin(
    compared: Sequence[Compared], caption: str, path: Path, *, bias: BiasCurve | None = None
) -> list[Path]:
    """Draw a model over the points of a device, and the modeling bias over the epochs.

    Parameters
    ----------
    compared : sequence of Compared
        One for each amplitude.
    caption, path
        As `draw_fit` has them.
    bias : BiasCurve, optional
        Of networks that were trained on both.

    Returns
    -------
    list of Path
        What was written; nothing where there are no amplitudes.
    """
    if not compared:
        return []
    every = [one.points for one in compared]
    rows = rows_of([points.voltage_v for points in every])
    figure, panels = panels_of(every, rows, below=0.0, foot=0.5 if bias is None else 2.9)
    for number, one in enumerate(compared):
        axis = panels.axis(figure, number)
        draw_points(axis, one.points, panels)
        draw_profile(axis, one.model, panels)
        if one.truth is not None:
            draw_profile(axis, one.truth, panels, color=TRUTH, linewidth=0.9)
        _write_figures(axis, one.figures or {})
    if bias is not None:
        width = figure.get_figwidth() - LEFT - 0.2
        _draw_bias(placed(figure, LEFT, 0.95, width, 1.75), bias)
    truth = any(one.truth is not None for one in compared)
    names = _names(every, banded=False) | ({"truth": "the device's own"} if truth else {})
    legend(figure, names, every)
    return save(figure, caption, path)


def _names(every: Sequence[Points], *, banded: bool) -> dict[str, str]:
    """Say what is drawn, for the legend."""
    bounded = any(np.isfinite([points.low_s, points.high_s]).any() for points in every)
    return {
        "points": "steps",
        "mean": "mean",
        "sigma": "mean ± sigma",
        **({"band": "95 % of the mean", "sigma band": "and of ± sigma"} if banded else {}),
        **({"bound": "stopped by a bound"} if bounded else {}),
    }


def _below(figure: Figure, panels: Panels, number: int) -> Axes:
    """Make the axis of the PIT under a panel."""
    left, bottom = panels.places[number]
    axis = placed(figure, left, bottom - _PIT_GAP - _PIT_HEIGHT, panels.width, _PIT_HEIGHT)
    tidy(axis)
    axis.tick_params(labelleft=panels.leftmost(number))
    if panels.leftmost(number):
        axis.set_ylabel("density", fontsize=9)
    return axis


def _bins(count: int) -> int:
    """Choose how many bins a histogram has: 20 points in each at least, where there are enough."""
    return int(np.clip(count // 20, 4, 20))


def _uniform_band(count: int) -> tuple[float, float]:
    """Compute where 95 % of the bins of a uniform histogram are, over their mean."""
    share = 1 / _bins(count)
    low, high = binom.ppf([0.025, 0.975], count, share) / (count * share)
    return float(low), float(high)


def _density(pit: Floats) -> Floats:
    return np.histogram(pit, bins=_bins(pit.size), range=(0, 1))[0] * _bins(pit.size) / pit.size


def _pit_reach(pit: Floats) -> float:
    """Find how far a histogram or its band goes from 1."""
    if not pit.size:
        return 0.0
    return float(np.abs(np.array([*_density(pit), *_uniform_band(pit.size)]) - 1.0).max())


def _draw_pit(axis: Axes, pit: Floats, voltage_v: float, reach: float) -> None:
    axis.set_xlim(0, 1)
    axis.set_ylim(max(1 - 1.15 * reach, 0.0), 1 + 1.15 * reach)
    axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axis.yaxis.set_major_locator(MaxNLocator(3))
    axis.set_xlabel("probability of a smaller step (PIT)", fontsize=8, labelpad=2)
    if not pit.size:
        return
    axis.axhspan(*_uniform_band(pit.size), color="0.9", linewidth=0)
    axis.axhline(1, color="0.6", linewidth=0.7)
    density = _density(pit)
    axis.stairs(
        density, np.linspace(0, 1, density.size + 1), baseline=None, linewidth=1.3,
        color=color_of(voltage_v),
    )  # fmt: skip


def _write_figures(axis: Axes, figures: dict[str, float]) -> None:
    """Write figures into the lower left corner of a panel, three digits each, three a line."""
    words = [f"{name} {value:.3g}" for name, value in figures.items()]
    text = "\n".join("   ".join(words[first : first + 3]) for first in range(0, len(words), 3))
    axis.text(
        0.02, 0.03, text, transform=axis.transAxes, fontsize=7.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.5},
    )  # fmt: skip


def _draw_bias(axis: Axes, bias: BiasCurve) -> None:
    epochs = np.arange(1, len(bias.mean) + 1)
    axis.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    if bias.low is not None and bias.high is not None:
        axis.fill_between(epochs, bias.low, bias.high, color=RAISES, alpha=0.2, linewidth=0)
    axis.plot(epochs, bias.mean, "o-", color=RAISES, markersize=3.5, linewidth=1.4)
    tidy(axis)
    axis.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10], integer=True))
    axis.set_xlabel("epoch", fontsize=9, labelpad=2)
    axis.set_ylabel("modeling bias (points)", fontsize=9)
    between = "" if bias.low is None else ", 95 % interval"
    axis.set_title(
        f"accuracy of networks on the model less that on the device{between}", fontsize=9, pad=4
    )
