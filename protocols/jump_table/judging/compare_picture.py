"""The picture of several ways to fit a jump table, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hil.protocols.jump_table.judging.panel_picture import LOWERS, RAISES, color_of
from hil.protocols.pictures import save
from hil.simulators.crossbar.picture import placed

_LEFT, _PITCH = 1.1, 2.4


@dataclass(frozen=True)
class Score:
    """How far the model of one method is from a device, by one measure.

    ``low`` and ``high`` are the ends of its interval, where there is one.
    """

    method: str
    measure: str
    voltage_v: float
    value: float
    low: float | None = None
    high: float | None = None


def draw_compare(scores: Sequence[Score], caption: str, path: Path) -> list[Path]:
    """Draw a panel a measure, in it a line a method: a dot for each amplitude.

    The method with the best median of the first measure is at the top of all; a bar is at the
    median.

    Parameters
    ----------
    scores : sequence of Score
        Measures come in the order in which they are first met; the less the better.
    caption, path
        As `draw_fit` has them.

    Returns
    -------
    list of Path
        What was written; nothing where there are no scores.
    """
    measures = list(dict.fromkeys(score.measure for score in scores))
    if not scores:
        return []
    by_first = _medians([score for score in scores if score.measure == measures[0]])
    methods = sorted({score.method for score in scores}, key=lambda m: -by_first.get(m, np.inf))
    voltages_v = sorted({score.voltage_v for score in scores})
    height = max(1.4, len(methods) * (0.2 + 0.06 * len(voltages_v)))
    width = 0.25 + _LEFT + len(measures) * _PITCH
    figure = Figure(figsize=(max(width, 5.0), height + 1.4))
    for number, measure in enumerate(measures):
        axis = placed(figure, _LEFT + number * _PITCH, 0.75, _PITCH - 0.3, height)
        here = [score for score in scores if score.measure == measure]
        _draw_measure(axis, here, methods, voltages_v)
        axis.set_title(measure, fontsize=10, pad=4)
        axis.tick_params(axis="y", labelleft=number == 0, left=number == 0)
    _legend(figure, list(scores))
    return save(figure, caption, path)


def _draw_measure(
    axis: Axes, scores: list[Score], methods: list[str], voltages_v: list[float]
) -> None:
    """Draw the scores by one measure."""
    medians = _medians(scores)
    for row, method in enumerate(methods):
        if row % 2:
            axis.axhspan(row - 0.5, row + 0.5, color="0.96", linewidth=0, zorder=0)
        if method in medians:
            ends = [row - 0.36, row + 0.36]
            axis.plot([medians[method]] * 2, ends, color="0.45", linewidth=2, zorder=1)
    for score in scores:
        y = methods.index(score.method) + _aside(score.voltage_v, voltages_v)
        color = color_of(score.voltage_v)
        if score.low is not None and score.high is not None:
            axis.plot([score.low, score.high], [y, y], color=color, linewidth=1.1, alpha=0.7)
        axis.plot(score.value, y, "o", color=color, markersize=4, markeredgewidth=0)
    axis.set_yticks(range(len(methods)), methods, fontsize=9)
    axis.set_ylim(-0.5, len(methods) - 0.5)
    axis.tick_params(axis="x", labelsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.grid(axis="x", color="0.9", linewidth=0.7)
    axis.set_axisbelow(True)
    if min(score.value for score in scores) >= 0:
        axis.set_xlim(left=0)


def _legend(figure: Figure, scores: list[Score]) -> None:
    """Say what dots and bars are, at the bottom."""
    signs = {
        "a positive amplitude": any(score.voltage_v >= 0 for score in scores),
        "a negative amplitude": any(score.voltage_v < 0 for score in scores),
    }
    handles = [
        Line2D([], [], color=color, label=label, marker="o", markersize=4, linewidth=1.1)
        for color, (label, there) in zip((RAISES, LOWERS), signs.items(), strict=True)
        if there
    ]
    handles.append(Line2D([], [], color="0.45", linewidth=2, label="median of all"))
    figure.legend(
        handles=handles, loc="lower center", ncols=3, fontsize=8, frameon=False,
        bbox_to_anchor=(0.5, 0.02 / figure.get_figheight()),
    )  # fmt: skip


def _medians(scores: list[Score]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for score in scores:
        values.setdefault(score.method, []).append(score.value)
    return {method: float(np.median(found)) for method, found in values.items()}


def _aside(voltage_v: float, voltages_v: list[float]) -> float:
    """Find how far above the middle of its line an amplitude is drawn, positive ones above."""
    if len(voltages_v) == 1:
        return 0.0
    return 0.6 * (voltages_v.index(voltage_v) / (len(voltages_v) - 1) - 0.5)
