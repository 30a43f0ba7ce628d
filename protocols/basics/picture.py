"""Pictures of I-V sweeps and of forming."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray

from hil.protocol import Table
from hil.protocols.basics.summary import Formed, forming_of, last_before_forming
from hil.protocols.basics.switching import (
    RESET,
    SET,
    Sweeps,
    Switching,
    sweeps_of,
    switching_of,
    undisturbed,
)
from hil.protocols.pictures import save, typeset

if TYPE_CHECKING:
    from hil.protocols.basics.forming import Forming
    from hil.protocols.basics.iv import IVSweep

Floats = NDArray[np.float64]

HANDFUL = 5
"""Distributions are drawn of more values than this."""

LINES = 300
"""At most so many sweeps of each half are drawn, evenly chosen."""

_SET, _RESET, _LINE = "#1f6fb4", "#c2452d", "#222222"
_COLORS = {SET: _SET, RESET: _RESET}
_STRONG = {SET: "#0f3a63", RESET: "#6e2114"}
_DASHED = (0, (4, 2))


def draw_iv(protocol: "IVSweep", table: Table, caption: str, path: Path) -> list[Path]:
    """Draw |I| over the programmed voltage; beside it distributions, where there are enough.

    Parameters
    ----------
    protocol : IVSweep
        Whose compliances and read voltage are drawn.
    table : Table
        The run's records.
    caption : str
        Sample and provenance.
    path : Path
        The PNG; the SVG goes beside it.

    Returns
    -------
    list of Path
        What was written; nothing where there are no records yet.
    """
    table = undisturbed(table) if table else table
    halves = [half for half in (SET, RESET) if table and (table["half"] == half).any()]
    if not halves:
        return []
    swept = {half: sweeps_of(table, half) for half in halves}
    found = {half: switching_of(swept[half], half, protocol.read_v) for half in halves}
    several = max(int(one.switched.sum()) for one in found.values()) > HANDFUL
    figure = Figure(figsize=(10.2 if several else 8.6, 4.8))
    axis, *sides = _panels(figure, several=several)
    for half in halves:
        _curves(axis, half, swept[half], found[half], np.unique(table["cell"]).size)
    _compliances(axis, protocol)
    _log_scale(axis, "A", "current |I|")
    axis.set_xlabel("programmed voltage (V)", fontsize=10)
    axis.legend(fontsize=7.5, loc="lower right", framealpha=0.85, edgecolor="none")
    size_a = np.abs(table["current_a"])
    if (size_a > 0).any():  # not down to the rare readings that noise brings near 0
        axis.set_ylim(bottom=0.4 * float(np.quantile(size_a[size_a > 0], 0.005)))
    if sides:
        _distributions(sides, found, protocol.read_v)
    return save(figure, caption, path)


def _panels(figure: Figure, *, several: bool) -> list[Axes]:
    width, height = figure.get_size_inches()
    left, right, bottom, top = 0.85 / width, 1 - 0.15 / width, 0.6 / height, 1 - 0.42 / height
    if not several:
        grid = figure.add_gridspec(1, 1, left=left, right=right, bottom=bottom, top=top)
        return [_axis(figure, grid[0, 0])]
    middle = 6.3 / width
    main = figure.add_gridspec(1, 1, left=left, right=middle, bottom=bottom, top=top)
    side = figure.add_gridspec(
        2, 1, left=middle + 0.8 / width, right=right, bottom=bottom, top=top, hspace=0.38
    )
    return [_axis(figure, panel) for panel in (main[0, 0], side[0, 0], side[1, 0])]


def _axis(figure: Figure, panel: SubplotSpec) -> Axes:
    axis: Axes = figure.add_subplot(panel)
    axis.tick_params(labelsize=8)
    return axis


def _log_scale(axis: Axes, unit: str, label: str) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(EngFormatter(unit, sep=" "))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_ylabel(label, fontsize=10)


def _curves(axis: Axes, half: str, swept: Sweeps, found: Switching, cells: int) -> None:
    """Draw every half sweep thin, the last one of the first cell strong, and the switches."""
    color = _COLORS[half]
    count = len(swept.source_v)
    size_a = np.abs(swept.current_a)
    size_a = np.where(size_a > 0, size_a, np.nan)
    shown = np.unique(np.linspace(0, count - 1, min(count, LINES)).astype(int))
    lines = np.stack((swept.source_v[shown], size_a[shown]), axis=2)
    axis.add_collection(
        LineCollection(
            list(lines), colors=color, linewidths=0.6, rasterized=count > 20,
            alpha=float(np.clip(6 / count, 0.06, 0.5)),
        )
    )  # fmt: skip
    last = count - cells
    axis.plot(
        swept.source_v[last], size_a[last], color=_STRONG[half], linewidth=1.5,
        label=("last cycle" + (", first cell" if cells > 1 else "")) if half == SET else None,
    )  # fmt: skip
    rows = shown[found.switched[shown]]
    if not rows.size:
        return
    at = found.at[rows]
    volts = float(np.nanmedian(found.voltage_v))
    axis.plot(
        swept.source_v[rows, at], size_a[rows, at], "o", color=color, markersize=4.5,
        markeredgecolor="white", markeredgewidth=0.6, linestyle="none", zorder=3,
        label=f"V$_{{{half.upper()}}}$ at the cell {volts:+.2f} V"
        + (" (median)" if count > 1 else ""),
    )  # fmt: skip


def _compliances(axis: Axes, protocol: "IVSweep") -> None:
    """Draw each half's compliance on its side."""
    for peak_v, limit_a, half in (
        (protocol.set_v, protocol.set_current_limit_a, SET),
        (protocol.reset_v, protocol.reset_current_limit_a, RESET),
    ):
        if peak_v is None or limit_a is None:
            continue
        axis.plot(
            [0, peak_v], [limit_a] * 2, color=_LINE, linewidth=0.9, linestyle=_DASHED, zorder=1
        )
        side = 1 if peak_v > 0 else -1
        axis.annotate(
            f"{half.upper()} compliance {typeset(limit_a, 'A')}", (0, limit_a),
            xytext=(5 * side, 4), textcoords="offset points", fontsize=7.5, color=_LINE,
            ha="left" if side > 0 else "right",
        )  # fmt: skip


def _distributions(sides: list[Axes], found: dict[str, Switching], read_v: float) -> None:
    """Draw the share of half sweeps below each value: switching voltages, resistances."""
    volts, ohms = sides
    for half, one in found.items():
        _share(volts, np.abs(one.voltage_v), _COLORS[half], f"|V$_{{{half.upper()}}}$|")
    volts.set_xlabel("switching voltage at the cell (V)", fontsize=9)
    reached = {"LRS": (SET, "lrs_ohm", _SET), "HRS": (RESET, "hrs_ohm", _RESET)}
    for label, (half, name, color) in reached.items():
        if half in found:
            after_ohm = np.where(found[half].switched, getattr(found[half], name), np.nan)
            bound = " (at least)" if label == "HRS" and found[half].within_noise.any() else ""
            _share(ohms, after_ohm, color, f"{label} after {half.upper()}{bound}")
    ohms.set_xscale("log")
    few_decades = np.divide(*ohms.get_xlim()[::-1]) < 100
    ohms.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
    ohms.xaxis.set_major_formatter(EngFormatter("Ω", sep=" "))
    ohms.xaxis.set_minor_formatter(NullFormatter())
    ohms.set_xlabel(f"resistance at {typeset(read_v, 'V')}", fontsize=9)
    for axis in sides:
        axis.set_ylabel("share of cycles (%)", fontsize=9)
        axis.set_ylim(0, 100)
        axis.grid(color="0.92", linewidth=0.7)
        axis.set_axisbelow(True)
        axis.legend(fontsize=7.5, frameon=False, loc="best")


def _share(axis: Axes, values: Floats, color: str, label: str) -> None:
    ordered = np.sort(values[np.isfinite(values)])
    if not ordered.size:
        return
    share = np.arange(1, ordered.size + 1) / ordered.size * 100
    axis.step(
        np.insert(ordered, 0, ordered[0]), np.insert(share, 0, 0.0), where="post", color=color,
        linewidth=1.4, label=label,
    )  # fmt: skip


def draw_forming(protocol: "Forming", table: Table, caption: str, path: Path) -> list[Path]:
    """Draw each cell's way to its first LRS, and its resistance before and after.

    Sweeps: |I| over the programmed voltage. Pulses: the resistance read after each amplitude.
    Parameters and result are those of `draw_iv`; no picture where no cell was stressed.
    """
    cells = forming_of(protocol, table)
    if not any(one.attempts for one in cells):
        return []
    figure = Figure(figsize=(9.0, 4.4))
    grid = figure.add_gridspec(
        1, 2, width_ratios=(2.4, 1), left=0.1, right=0.985, bottom=0.135, top=0.9, wspace=0.32
    )
    way, states = _axis(figure, grid[0, 0]), _axis(figure, grid[0, 1])
    alpha = float(np.clip(8 / len(cells), 0.1, 0.9))
    (_sweeps if protocol.method == "sweep" else _pulses)(way, protocol, table, cells, alpha)
    way.set_xlabel("programmed voltage (V)", fontsize=10)
    _states(states, protocol, cells, alpha)
    return save(figure, caption, path)


def _sweeps(
    axis: Axes, protocol: "Forming", table: Table, cells: list[Formed], alpha: float
) -> None:
    marks = []
    for one in cells:
        mine = (table["cell"] == one.cell) & (table["kind"] == "sweep")
        swept = {name: values[mine] for name, values in table.items()}
        size_a = np.abs(swept["current_a"])
        size_a = np.where(size_a > 0, size_a, np.nan)
        axis.plot(swept["source_v"], size_a, color=_SET, linewidth=1.2, alpha=alpha)
        if np.isfinite(one.forming_v):
            at = last_before_forming(swept)
            marks.append((swept["source_v"][at], size_a[at]))
    if marks:
        volts = float(np.nanmedian([one.forming_v for one in cells]))
        text = f"V$_{{form}}$ at the cell {volts:+.2f} V" + (" (median)" if marks[1:] else "")
        axis.plot(
            *zip(*marks, strict=True), "o", color=_SET, markersize=5.5, zorder=3, label=text,
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
        axis.legend(fontsize=8, frameon=False, loc="center left")
    _log_scale(axis, "A", "current |I|")
    if (limit_a := protocol.current_limit_a) is not None:
        _dashed(axis, limit_a, f"limit {typeset(limit_a, 'A')}: ends the sweep")


def _pulses(
    axis: Axes, protocol: "Forming", table: Table, cells: list[Formed], alpha: float
) -> None:
    for one in cells:
        pulsed = np.flatnonzero((table["cell"] == one.cell) & (table["kind"] == "pulse"))
        amplitude_v = table["source_v"][pulsed]
        with np.errstate(divide="ignore"):
            ohms = np.abs(table["voltage_v"] / table["current_a"])[pulsed + 1]  # their reads
        axis.plot(
            amplitude_v, ohms, "o-", color=_SET, alpha=alpha, markersize=3,
            linewidth=0.9,
        )  # fmt: skip
    _log_scale(axis, "Ω", "resistance after the pulse")
    _dashed(axis, protocol.formed_below_ohm, "formed")


def _states(axis: Axes, protocol: "Forming", cells: list[Formed], alpha: float) -> None:
    """Draw one line a cell, from before to after."""
    for one in cells:
        axis.plot(
            [0, 1], [one.before_ohm, one.after_ohm], "o-", linewidth=0.9, markersize=5,
            alpha=alpha, color=_SET if one.formed else _RESET,
        )  # fmt: skip
    _log_scale(axis, "Ω", f"resistance at {typeset(protocol.read_v, 'V')}")
    _dashed(axis, protocol.formed_below_ohm, "formed")
    axis.set_xticks([0, 1], ["before", "after"], fontsize=9)
    axis.set_xlim(-0.35, 1.35)


def _dashed(axis: Axes, level: float, text: str) -> None:
    """Draw a level across, its name below it."""
    axis.axhline(level, color=_LINE, linewidth=0.9, linestyle=_DASHED, zorder=1)
    axis.annotate(
        text, (0, level), xycoords=axis.get_yaxis_transform(), xytext=(5, -4),
        textcoords="offset points", va="top", fontsize=7.5, color=_LINE,
    )  # fmt: skip
