"""The picture of a jump-table collection: steps over conductance, like Fig. 1d of Yousuf 2023."""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hil.protocol import Table
from hil.protocols.jump_table.summary import Steps, moments, steps_of
from hil.protocols.pictures import axis_scale, save
from hil.units import Scale

if TYPE_CHECKING:
    from hil.protocols.jump_table.collect import JumpTableCollection

BINS = 23
"""Parts of the window in which mean and sigma are drawn."""

_RAISES, _LOWERS, _LINE = "#1f6fb4", "#c2452d", "#222222"


def draw(protocol: "JumpTableCollection", table: Table, caption: str, path: Path) -> list[Path]:
    """Draw one panel an amplitude, as PNG and SVG (its points rasterised).

    Parameters
    ----------
    protocol : JumpTableCollection
        Whose window is drawn.
    table : Table
        The run's records.
    caption : str
        Sample and provenance.
    path : Path
        The PNG; the SVG goes beside it.

    Returns
    -------
    list of Path
        What was written; nothing where there are no points yet.
    """
    amplitudes = steps_of(table)
    if not amplitudes:
        return []
    rows = _rows(amplitudes)
    columns = max(len(row) for row in rows)
    figure = Figure(figsize=(max(7.0, 1.2 + 2.7 * columns), 1.3 + 2.5 * len(rows)))
    axes = figure.subplots(len(rows), columns, sharex=True, sharey=True, squeeze=False)
    x = axis_scale(protocol.window_high_s, "S")
    reach_s = _reach_s(amplitudes)
    y = axis_scale(reach_s, "S")
    for row, panels in zip(rows, axes, strict=True):
        for steps, axis in zip(row, panels, strict=False):
            _panel(axis, steps, protocol, x, y)
        for axis in panels[len(row) :]:
            axis.set_visible(False)
    _limit(axes, protocol, x.factor, reach_s * y.factor)
    inch_x, inch_y = 1 / figure.get_figwidth(), 1 / figure.get_figheight()
    figure.subplots_adjust(
        left=0.75 * inch_x, right=1 - 0.15 * inch_x, bottom=0.6 * inch_y, top=1 - 0.6 * inch_y,
        wspace=0.06, hspace=0.16,
    )  # fmt: skip
    figure.supxlabel(f"conductance before the pulse, G ({x.unit})", fontsize=11, y=0.1 * inch_y)
    figure.supylabel(f"step after one pulse, ΔG ({y.unit})", fontsize=11, x=0.1 * inch_x)
    return save(figure, caption, path)


def _rows(amplitudes: list[Steps]) -> list[list[Steps]]:
    """Lay out amplitudes from weak to strong, 0 V and positive ones above negative ones."""
    ordered = sorted(amplitudes, key=lambda steps: abs(steps.voltage_v))
    rows = [
        [steps for steps in ordered if steps.voltage_v >= 0],
        [steps for steps in ordered if steps.voltage_v < 0],
    ]
    return [row for row in rows if row]


def _panel(axis: Axes, steps: Steps, protocol: "JumpTableCollection", x: Scale, y: Scale) -> None:
    color = _RAISES if steps.voltage_v >= 0 else _LOWERS
    count = steps.step_s.size
    axis.plot(
        steps.conductance_s * x.factor, steps.step_s * y.factor, ".", color=color,
        markeredgewidth=0, markersize=3, alpha=float(np.clip(2000 / count, 0.15, 0.8)),
        rasterized=True,
    )  # fmt: skip
    axis.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    edges_s = np.linspace(protocol.window_low_s, protocol.window_high_s, BINS + 1)
    bins = [moments(steps, low, high) for low, high in pairwise(edges_s)]
    middle = (edges_s[1:] + edges_s[:-1]) / 2 * x.factor
    mean = np.array([one.mean_s if one.points > 4 else np.nan for one in bins]) * y.factor
    sigma = np.array([one.sigma_s for one in bins]) * y.factor
    axis.plot(middle, mean, color=_LINE, linewidth=1.6, label="mean")
    for side in (-1, 1):
        axis.plot(
            middle, mean + side * sigma, color=_LINE, linewidth=0.9, linestyle=(0, (4, 2)),
            label="mean ± sigma" if side > 0 else None,
        )  # fmt: skip
    axis.set_title(f"{steps.voltage_v:+.2f} V   {count:,} points", fontsize=9)
    axis.tick_params(labelsize=8)


def _reach_s(amplitudes: list[Steps]) -> float:
    """Find a step that is larger than all but the rarest (S)."""
    steps_s = np.concatenate([one.step_s for one in amplitudes])
    return float(np.quantile(np.abs(steps_s), 0.999)) * 1.08


def _limit(axes: Any, protocol: "JumpTableCollection", factor: float, reach: float) -> None:
    """Give all panels one scale, and one legend."""
    low, high = protocol.window_low_s * factor, protocol.window_high_s * factor
    margin = 0.03 * (high - low)
    first = axes[0, 0]
    first.set_ylim(-(reach or 1.0), reach or 1.0)
    first.set_xlim(low - margin, high + margin)
    first.legend(fontsize=7, frameon=False, loc="lower left")
