"""Pictures of devices: I-V curves, populations of cells, responses to pulses.

Each function takes arrays and gives a matplotlib figure: save it with ``figure.savefig``.
"""

import re
import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter
from numpy.typing import ArrayLike

from hil.simulators.models.drive import Floats
from hil.simulators.waveform import Trace

LINES = 200
"""At most so many cells are drawn one by one, evenly chosen; medians and bands are of all."""

_CELL, _STRONG, _LINE = "#1f6fb4", "#0f3a63", "#222222"
_UNITS = {"m": "m", "s": "s", "v": "V", "a": "A", "k": "K", "ohm": "Ω"}
_DECADES = 100.0
"""A quantity that spans more than this has a logarithmic axis."""
_LEGEND: dict[str, Any] = {"fontsize": 7.5, "framealpha": 0.85, "edgecolor": "none"}


def iv_picture(
    voltage_v: ArrayLike, current_a: ArrayLike, *, time_s: ArrayLike | None = None, title: str = ""
) -> Figure:
    """Draw I over V, and |I| on a logarithmic axis beside it.

    One cell is coloured by time, from dark to bright. Many cells are thin lines, with the median
    of their currents.

    Parameters
    ----------
    voltage_v : (rows,)
        Voltage of the source (V).
    current_a : (rows,) or (rows, cells)
        Current of each cell (A).
    time_s : (rows,), optional
        When (s); left out, the number of the row takes its place.
    title : str
        Above the picture.
    """
    volts, currents_a = np.asarray(voltage_v, float), _columns(current_a)
    rows = np.asarray(np.arange(len(volts)) if time_s is None else time_s, float)
    figure = Figure(figsize=(10.2, 4.4), layout="constrained")
    axes = figure.subplots(1, 2)
    lines = []
    for axis, shown in zip(axes, (currents_a, np.abs(currents_a)), strict=True):
        if shown.shape[1] > 1:
            _population(axis, volts, shown, log=axis is axes[1], band=False)
        else:
            lines.append(_coloured(axis, volts, shown[:, 0], rows, log=axis is axes[1]))
        axis.set_xlabel("programmed voltage (V)", fontsize=10)
    _name(axes[0], "current", "A", log=False)
    if not lines:
        axes[0].legend(loc="lower right", **_LEGEND)
    flowing_a = np.abs(currents_a[currents_a != 0])
    _name(axes[1], "current |I|", "A", log=flowing_a.size > 0)
    if flowing_a.size:  # not down to the few points next to 0 V
        axes[1].set_ylim(bottom=0.4 * float(np.quantile(flowing_a, 0.005)))
    if lines:
        bar = figure.colorbar(lines[0], ax=list(axes), pad=0.015, aspect=30)
        bar.set_label("row" if time_s is None else "time", fontsize=9)
        bar.ax.yaxis.set_major_formatter(EngFormatter("" if time_s is None else "s", sep=" "))
        bar.ax.tick_params(labelsize=8)
    return _titled(figure, title)


def population_picture(
    x: ArrayLike,
    values: ArrayLike,
    *,
    label: str,
    unit: str = "",
    x_label: str = "pulse",
    x_unit: str = "",
    title: str = "",
) -> Figure:
    """Draw how a quantity of many cells goes: each cell, their median, and the band of 80 %.

    Parameters
    ----------
    x : (rows,)
        Time or the number of the pulse.
    values : (rows, cells)
        The quantity, in SI; its axis is logarithmic where it spans more than two decades.
    label, unit, x_label, x_unit : str
        What the axes are, and their units without a prefix ("" for none).
    title : str
        Above the picture.
    """
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    axis = figure.subplots()
    _panel(axis, np.asarray(x, float), _columns(values), label, unit)
    _name_x(axis, x_label, x_unit)
    axis.legend(**_LEGEND)
    return _titled(figure, title)


def pulse_picture(
    time_s: ArrayLike,
    voltage_v: ArrayLike,
    current_a: ArrayLike,
    state: dict[str, ArrayLike],
    *,
    title: str = "",
) -> Figure:
    """Draw voltage, current and state over time, one below the other.

    Many cells are drawn as in `population_picture`.

    Parameters
    ----------
    time_s, voltage_v : (rows,)
        Time (s) and voltage of the source (V).
    current_a : (rows,) or (rows, cells)
        Current of each cell (A); its size where that spans more than two decades.
    state : dict of str to (rows,) or (rows, cells)
        What else is drawn, by the name of its column with its unit: ``gap_m``.
    title : str
        Above the picture.
    """
    time, currents_a = np.asarray(time_s, float), _columns(current_a)
    figure = Figure(figsize=(8.6, 2.2 + 1.7 * (1 + len(state))), layout="constrained")
    axes = figure.subplots(2 + len(state), 1, sharex=True)
    _panel(axes[0], time, _columns(voltage_v), "voltage", "V", color=_LINE)
    sizes_a = np.abs(currents_a)
    if _is_wide(sizes_a):
        _panel(axes[1], time, sizes_a, "current |I|", "A")
    else:
        _panel(axes[1], time, currents_a, "current", "A")
    for axis, (name, values) in zip(axes[2:], state.items(), strict=True):
        _panel(axis, time, _columns(values), *label_of(name))
    _name_x(axes[-1], "time", "s")
    if currents_a.shape[1] > 1:
        axes[-1].legend(**_LEGEND)
    figure.align_ylabels(axes)
    return _titled(figure, title)


def picture_of(trace: Trace, memory: str, *, title: str = "") -> Figure:
    """Draw what fits the waveform: the I-V curves of a sweep, the response to anything else.

    Parameters
    ----------
    trace : Trace
        What the cells did.
    memory : str
        The column of the state that is drawn (`Device.memory_column`).
    title : str
        Above the picture.
    """
    if is_sweep(trace.time_s, trace.source_v):
        return iv_picture(trace.source_v, trace.current_a, time_s=trace.time_s, title=title)
    state: dict[str, ArrayLike] = {memory: trace.state[memory]}
    return pulse_picture(trace.time_s, trace.source_v, trace.current_a, state, title=title)


def is_sweep(time_s: Floats, voltage_v: Floats) -> bool:
    """Tell a sweep from pulses.

    A sweep goes in steps of at most a fifth of its range, and does not stay at one level beyond
    half of its highest voltage for most of its time.
    """
    step_v, lasting_s = np.diff(voltage_v), np.diff(time_s)
    range_v = float(np.ptp(voltage_v))
    if range_v == 0 or np.abs(step_v).max() > 0.2 * range_v:
        return False
    flat = (step_v == 0) & (np.abs(voltage_v[1:]) > 0.5 * np.abs(voltage_v).max())
    levels = np.unique(voltage_v[1:][flat], return_inverse=True)[1]
    longest_s = np.bincount(levels, lasting_s[flat]).max(initial=0.0)
    return bool(longest_s <= 0.5 * lasting_s[np.abs(voltage_v[1:]) > 0].sum())


def label_of(column: str) -> tuple[str, str]:
    """Read what a column is, and its unit, from its name: ``gap_m`` is a gap in m.

    A unit that takes no prefix stands in what it is: ``n_disc_1e26_per_m3``.
    """
    density = re.fullmatch(r"(.+)_1e(\d+)_per_m3", column)
    if density:
        return f"{density[1].replace('_', ' ')} (10$^{{{density[2]}}}$/m³)", ""
    words, _, suffix = column.rpartition("_")
    if not words or suffix not in _UNITS:
        return column, ""
    unit = "S" if suffix == "s" and "conductance" in words else _UNITS[suffix]
    return words.replace("_", " "), unit


def _columns(values: ArrayLike) -> Floats:
    """Make one column a cell."""
    table = np.asarray(values, float)
    return table[:, None] if table.ndim == 1 else table


def _is_wide(values: Floats) -> bool:
    """Tell whether values are of one sign and span decades; zeros are no matter."""
    sizes = values[values != 0]
    return bool(sizes.size and sizes.min() > 0 and sizes.max() > _DECADES * sizes.min())


def _panel(
    axis: Axes, x: Floats, values: Floats, label: str, unit: str, *, color: str = _CELL
) -> None:
    """Draw a quantity over time, of one cell or of many."""
    log = _is_wide(values)
    if values.shape[1] > 1:
        _population(axis, x, values, log=log)
    else:
        shown = _drawable(values[:, 0], log=log)
        mark = "o" if len(x) <= LINES else ""
        axis.plot(
            x, shown, color=color, linewidth=1.2, marker=mark, markersize=2.5,
            rasterized=len(x) > 10_000,
        )  # fmt: skip
    _name(axis, label, unit, log=log)


def _population(axis: Axes, x: Floats, values: Floats, *, log: bool, band: bool = True) -> None:
    """Draw cells as thin lines, over them the median and, if wanted, the band of 80 %."""
    cells = values.shape[1]
    chosen = np.unique(np.linspace(0, cells - 1, min(cells, LINES)).astype(int))
    shown = _drawable(values, log=log)
    lines = [np.column_stack((x, shown[:, k])) for k in chosen]
    axis.add_collection(
        LineCollection(
            lines, colors=_CELL, linewidths=0.5, rasterized=cells * len(x) > 10_000,
            alpha=float(np.clip(8 / len(chosen), 0.08, 0.5)),
        )
    )  # fmt: skip
    axis.plot([], [], color=_CELL, linewidth=0.5, label=f"{cells:,} cells")
    low, middle, high = _drawable(np.quantile(values, [0.1, 0.5, 0.9], axis=1), log=log)
    if band:
        axis.fill_between(x, low, high, color=_CELL, alpha=0.2, linewidth=0, label="10 to 90 %")
    axis.plot(x, middle, color=_STRONG, linewidth=1.4, label="median")
    axis.autoscale_view()


def _coloured(axis: Axes, x: Floats, y: Floats, time: Floats, *, log: bool) -> LineCollection:
    """Draw a line that is coloured by time."""
    points = np.column_stack((x, _drawable(y, log=log)))
    line = LineCollection(
        list(np.stack((points[:-1], points[1:]), axis=1)), array=time[1:], cmap="viridis",
        linewidths=1.5, capstyle="round", rasterized=len(x) > 2000,
    )  # fmt: skip
    axis.add_collection(line)
    axis.autoscale_view()
    return line


def _drawable(values: Floats, *, log: bool) -> Floats:
    """Leave out what a logarithmic axis does not have."""
    return np.where(values > 0, values, np.nan) if log else values


def _name(axis: Axes, label: str, unit: str, *, log: bool) -> None:
    """Label the axis of a quantity; units with prefixes."""
    if log:
        axis.set_yscale("log")
    if unit:
        axis.yaxis.set_major_formatter(EngFormatter(unit, sep=" "))
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_ylabel(label, fontsize=10)
    axis.tick_params(labelsize=8)
    axis.grid(color="0.92", linewidth=0.7)
    axis.set_axisbelow(True)
    low, high = axis.get_ylim()
    if low < 0 < high:
        axis.axhline(0, color="0.8", linewidth=0.7, zorder=0)


def _name_x(axis: Axes, label: str, unit: str) -> None:
    if unit:
        axis.xaxis.set_major_formatter(EngFormatter(unit, sep=" "))
    axis.set_xlabel(label, fontsize=10)


def _titled(figure: Figure, title: str) -> Figure:
    if title:
        width = int(figure.get_figwidth() * 15)
        figure.suptitle("\n".join(textwrap.wrap(title, width)), fontsize=8, color="0.35")
    return figure
