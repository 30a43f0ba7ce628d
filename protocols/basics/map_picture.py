"""Pictures of read maps."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from hil.protocol import Table
from hil.protocols.basics.map_summary import ESTIMATE, READ, Maps, maps_of
from hil.protocols.pictures import save
from hil.simulators.crossbar.picture import heat_map, number_decades, placed
from hil.units import format_quantity

if TYPE_CHECKING:
    from hil.protocols.basics.read_map import ReadMap

Floats = NDArray[np.float64]

_MEASURED, _COMPUTED, _MARK = "#1f6fb4", "#d98a1f", "#c2452d"
_SIDE, _LOW, _HEIGHT = 3.6, 0.6, 4.75


def draw_map(protocol: "ReadMap", table: Table, caption: str, path: Path) -> list[Path]:
    """Draw conductances over rows and columns, the estimate beside them, and distributions.

    Cells in a line are drawn over their number; there is no picture of a single one. Medians
    where a map was read several times; cells that were at a limit have a cross, what is not known
    or not positive is grey.

    Parameters
    ----------
    protocol : ReadMap
        What was asked for.
    table : Table
        The run's records.
    caption : str
        Sample and provenance.
    path : Path
        The PNG; the SVG goes beside it.

    Returns
    -------
    list of Path
        What was written; nothing where there are no positive conductances.
    """
    if not table or not (table["kind"] == READ).any():
        return []
    maps = maps_of(table)
    shown = {"measured": _positive(maps.measured_s), ESTIMATE: _positive(maps.wire_aware_s)}
    shown = {what: map_s for what, map_s in shown.items() if np.isfinite(map_s).any()}
    if "measured" not in shown:
        return []
    if maps.limited.size == 1:
        return []
    two_ways = min(maps.limited.shape) > 1
    width = 4.2 + len(shown) * (_SIDE + 0.8) if two_ways else 9.8
    figure = Figure(figsize=(width, _HEIGHT))
    if two_ways:
        _draw_maps(figure, protocol, maps, shown)
    else:
        _draw_line(placed(figure, 0.8, _LOW, width - 4.2, _SIDE), protocol, maps, shown)
    _draw_shares(placed(figure, width - 2.7, _LOW, 2.4, _SIDE), shown)
    return save(figure, caption, path)


def _draw_maps(figure: Figure, protocol: "ReadMap", maps: Maps, shown: dict[str, Floats]) -> None:
    """Draw all maps in the same colours, with one bar."""
    ends = [pick(map_s) for map_s in shown.values() for pick in (np.nanmin, np.nanmax)]
    norm = LogNorm(0.98 * min(ends), 1.02 * max(ends))
    for k, (what, map_s) in enumerate(shown.items()):
        left = 0.65 + k * (_SIDE + 0.8)
        axis = placed(figure, left, _LOW, _SIDE, _SIDE)
        bar = placed(figure, left + _SIDE + 0.12, _LOW, 0.13, _SIDE)
        siemens = EngFormatter("S", sep=" ")
        heat_map(axis, bar, map_s, norm, siemens, "conductance" if k == len(shown) - 1 else "")
        bar.set_visible(k == len(shown) - 1)
        limit = "; x: at its limit" if maps.limited.any() else ""
        axis.set_title(_titles(protocol)[what] + limit, fontsize=9)
        row, column = np.nonzero(maps.limited)
        axis.plot(
            column, row, "x", color=_MARK, markersize=4, linestyle="none", clip_on=False,
        )  # fmt: skip


def _draw_line(axis: Axes, protocol: "ReadMap", maps: Maps, shown: dict[str, Floats]) -> None:
    """Draw cells in a line over their number."""
    numbers = np.arange(maps.limited.size)
    for (what, map_s), color in zip(shown.items(), (_MEASURED, _COMPUTED), strict=False):
        axis.plot(
            numbers, map_s.ravel(), "o", color=color, markersize=3, label=_titles(protocol)[what],
            rasterized=numbers.size > 5_000,
        )  # fmt: skip
    limited = maps.limited.ravel()
    if limited.any():
        axis.plot(
            numbers[limited], shown["measured"].ravel()[limited], "x", color=_MARK, markersize=6,
            label="at its limit",
        )  # fmt: skip
    axis.set_yscale("log")
    number_decades(axis.yaxis, *axis.get_ylim())
    axis.yaxis.set_major_formatter(EngFormatter("S", sep=" "))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("cell", fontsize=9)
    axis.set_ylabel("conductance", fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(color="0.92", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.set_title(_titles(protocol)["measured"], fontsize=9)
    if len(shown) > 1 or limited.any():
        axis.legend(fontsize=7.5, framealpha=0.85, edgecolor="none")


def _draw_shares(axis: Axes, shown: dict[str, Floats]) -> None:
    """Draw the share of cells below each conductance."""
    for (what, map_s), color in zip(shown.items(), (_MEASURED, _COMPUTED), strict=False):
        ordered = np.sort(map_s[np.isfinite(map_s)])
        share = np.arange(1, ordered.size + 1) / ordered.size * 100
        axis.step(
            np.insert(ordered, 0, ordered[0]), np.insert(share, 0, 0.0), where="post",
            color=color, linewidth=1.4, label=what, linestyle="--" if what == ESTIMATE else "-",
        )  # fmt: skip
    axis.set_xscale("log")
    number_decades(axis.xaxis, *axis.get_xlim())
    axis.xaxis.set_major_formatter(EngFormatter("S", sep=" "))
    axis.tick_params(labelsize=8)
    axis.tick_params(axis="x", rotation=30)
    axis.set_xlabel("conductance", fontsize=9)
    axis.set_ylabel("share of cells (%)", fontsize=9)
    axis.set_ylim(0, 100)
    axis.grid(color="0.92", linewidth=0.7)
    axis.set_axisbelow(True)
    if len(shown) > 1:
        axis.legend(fontsize=7.5, frameon=False, loc="upper left")


def _titles(protocol: "ReadMap") -> dict[str, str]:
    """Name what is drawn; an estimate is never called a measurement."""
    often = f", median of {protocol.repeats}" if protocol.repeats > 1 else ""
    return {
        "measured": f"measured at {format_quantity(protocol.read_v, 'V')}{often}",
        ESTIMATE: f"wire-aware estimate (computed{often})",
    }


def _positive(map_s: Floats) -> Floats:
    """Leave out what a logarithmic scale does not have."""
    return np.where(map_s > 0, map_s, np.nan)
