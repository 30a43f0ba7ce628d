"""Pictures of arrays: maps over rows and columns."""

import textwrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import (
    EngFormatter,
    Formatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    PercentFormatter,
)
from numpy.typing import NDArray

from hil.simulators.crossbar.maps import ProductMap, WriteMap
from hil.units import format_quantity

Floats = NDArray[np.float64]

_LINE, _MARK, _BAR = "#222222", "#c2452d", "#1f6fb4"
_DASHED = (0, (4, 2))
_NOTHING = "0.8"
"""Colour of cells of which there is nothing."""
_NARROW, _FEW_DECADES = 5.0, 100.0
_STEPS = (1, 2, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 1000)
_WIDTH, _HEIGHT = 12.0, 5.75
_MAP, _SIDE, _GAP = 3.6, 0.85, 0.14
"""Sides of a map, of a profile beside it, and what is between them (inch)."""


def crossbar_picture(write: WriteMap, product: ProductMap, *, title: str = "") -> Figure:
    """Draw what every cell sees in a write, and what the wires take from a product.

    Left the voltages of all cells, the selected one ringed, with profiles along its row and its
    column; dashed is what the scheme has in mind. Right the error of each cell's part in the
    current of its column, and below it that of the whole column.

    Parameters
    ----------
    write, product : WriteMap, ProductMap
        Of one array.
    title : str
        Above the picture.
    """
    figure = Figure(figsize=(_WIDTH, _HEIGHT))
    low, high = 0.55, 0.55 + _SIDE + _GAP
    left = 0.75
    aside = left + _MAP + _GAP
    bar = aside + _SIDE + _GAP
    axes = [
        placed(figure, left, high, _MAP, _MAP),
        placed(figure, left, low, _MAP, _SIDE),
        placed(figure, aside, high, _SIDE, _MAP),
        placed(figure, bar, high, 0.13, _MAP),
    ]
    _draw_write(write, *axes)
    left = _WIDTH - _MAP - 1.1
    axes = [
        placed(figure, left, high, _MAP, _MAP),
        placed(figure, left, low, _MAP, _SIDE),
        placed(figure, left + _MAP + _GAP, high, 0.13, _MAP),
    ]
    _draw_product(product, *axes)
    if title:
        wrapped = textwrap.wrap(title, int(_WIDTH * 15))
        figure.suptitle("\n".join(wrapped), fontsize=8, color="0.35", y=1 - 0.08 / _HEIGHT)
    return figure


def heat_map(
    axis: Axes,
    bar: Axes,
    values: Floats,
    norm: Normalize,
    formatter: Formatter,
    label: str,
    *,
    cmap: str = "viridis",
) -> None:
    """Draw a map with row 1 on top, and a bar of its colours; NaN is grey.

    Parameters
    ----------
    axis, bar : Axes
        Where the map is, and where its bar.
    values : (rows, columns)
        What is shown.
    norm, formatter, label : Normalize, Formatter, str
        From values to colours; how the bar writes values; what they are.
    cmap : str
        Colours.
    """
    image = axis.imshow(
        values, norm=norm, cmap=cmap, interpolation="nearest", aspect="auto"
    )  # fmt: skip
    axis.set_facecolor(_NOTHING)
    number(axis, *values.shape)
    figure: Any = axis.figure
    figure.colorbar(image, cax=bar)
    bar.set_ylabel(label, fontsize=9)
    bar.tick_params(labelsize=8)
    if isinstance(norm, LogNorm) and norm.vmin and norm.vmax:
        number_decades(bar.yaxis, norm.vmin, norm.vmax)
    bar.yaxis.set_major_formatter(formatter)


def number(axis: Axes, rows: int, columns: int) -> None:
    """Write the numbers of rows and columns, from 1."""
    for side, count in ((axis.xaxis, columns), (axis.yaxis, rows)):
        step = next((step for step in _STEPS if count <= 8 * step), count)
        places = [1, *range(step if step > 2 else 1 + step, count + 1, step)]
        side.set_ticks([place - 1 for place in places], [str(place) for place in places])
    axis.tick_params(labelsize=8)
    axis.set_xlabel("column", fontsize=9)
    axis.set_ylabel("row", fontsize=9)


def number_decades(axis: Axis, low: float, high: float) -> None:
    """Choose the numbers of a logarithmic axis so that there are neither few nor many."""
    if high < _NARROW * low:
        axis.set_major_locator(MaxNLocator(6))
    else:
        subs = (1, 2, 5) if high < _FEW_DECADES * low else (1,)
        axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_formatter(NullFormatter())


def placed(figure: Figure, left: float, low: float, width: float, height: float) -> Axes:
    """Put axes at a place in a figure, in inches."""
    full, tall = figure.get_size_inches()
    return figure.add_axes((left / full, low / tall, width / full, height / tall))


def _draw_write(write: WriteMap, axis: Axes, below: Axes, aside: Axes, bar: Axes) -> None:
    sign, peak_v = np.sign(write.voltage_v) or 1.0, abs(write.voltage_v)
    if (sign * write.cell_v).min() < -0.05 * peak_v:  # some cells see the other polarity
        norm, cmap = Normalize(-peak_v, peak_v), "RdBu_r"
    else:
        norm = Normalize(min(0.0, write.voltage_v), max(0.0, write.voltage_v))
        cmap = "viridis" if sign > 0 else "viridis_r"
    volts = EngFormatter("V", sep=" ")
    heat_map(axis, bar, write.cell_v, norm, volts, "voltage of the cell", cmap=cmap)
    axis.plot(
        [write.column], [write.row], "o", markersize=9, markerfacecolor="none",
        markeredgecolor=_MARK, markeredgewidth=1.6, clip_on=False, zorder=5,
    )  # fmt: skip
    i, j, worst_v = write.worst
    what = f"{format_quantity(write.voltage_v, 'V')} write of {_name(write.row, write.column)}"
    lines = [f"{what}, {write.scheme}: it sees {format_quantity(write.selected_v, 'V', 3)}"]
    if i >= 0:
        lines.append(f"most of the others: {format_quantity(worst_v, 'V', 3)} at {_name(i, j)}")
    axis.set_title("\n".join(lines), fontsize=9)
    axis.set_xlabel("")
    axis.tick_params(labelbottom=False)
    rows, columns = write.cell_v.shape
    line: dict[str, Any] = {"color": _BAR, "linestyle": "none", "marker": "o", "markersize": 2.2}
    below.plot(np.arange(columns), write.cell_v[write.row], **line)
    aside.plot(write.cell_v[:, write.column], np.arange(rows), **line)
    line = {**line, "color": _MARK, "markersize": 4}
    below.plot([write.column], [write.selected_v], **line)
    aside.plot([write.selected_v], [write.row], **line)
    _follow(below, axis)
    aside.set_yticks(axis.get_yticks(), [])
    aside.tick_params(labelsize=8)
    aside.set_ylim(axis.get_ylim())
    below.set_ylabel(f"row {write.row + 1}", fontsize=9)
    aside.set_xlabel(f"column {write.column + 1}", fontsize=9)
    ends = sorted((min(0.0, sign * float((sign * write.cell_v).min())), write.voltage_v))
    for side, limit in ((below.yaxis, below.set_ylim), (aside.xaxis, aside.set_xlim)):
        limit(*np.add(ends, np.multiply((-0.06, 0.06), peak_v)))
        side.set_major_formatter(volts)
    below.set_yticks([0.0, write.voltage_v / 2, write.voltage_v])
    aside.set_xticks([0.0, write.voltage_v])
    dashed: dict[str, Any] = {"color": _LINE, "linewidth": 0.8, "linestyle": _DASHED, "zorder": 1}
    if write.on_row is not None:
        below.axhline(write.on_row * write.voltage_v, **dashed)
    if write.on_column is not None:
        aside.axvline(write.on_column * write.voltage_v, **dashed)


def _draw_product(product: ProductMap, upper: Axes, lower: Axes, bar: Axes) -> None:
    errors = product.contribution
    low, high = float(errors.min()), float(errors.max())
    widest = max(-low, high)
    if high > 0.02 * widest:  # cells that carry more than they should
        norm, cmap = Normalize(-widest, widest), "RdBu_r"
    else:
        norm, cmap = Normalize(low if low < 0 else -1.0, 0.0), "magma"
    percents = PercentFormatter(1, decimals=_decimals(widest), symbol=" %")
    heat_map(upper, bar, errors, norm, percents, "error of each cell's current", cmap=cmap)
    upper.set_xlabel("")
    upper.tick_params(labelbottom=False)
    mean, worst = float(product.column.mean()), int(np.abs(product.column).argmax())
    upper.set_title(
        f"product, {_inputs(product.input_v)}: columns {_percent(mean)} in the mean, "
        f"{_percent(product.column[worst])} at C{worst + 1}\n"
        f"single cells {_percent(low)} to {_percent(high)}",
        fontsize=9,
    )
    lower.bar(np.arange(len(product.column)), product.column, width=1.0, color=_BAR)
    lower.axhline(0, color=_LINE, linewidth=0.8)
    lower.yaxis.set_major_formatter(percents)
    _follow(lower, upper)
    lower.set_ylabel("whole\ncolumn", fontsize=9)


def _follow(below: Axes, axis: Axes) -> None:
    """Give a profile the columns of the map above it."""
    places = axis.get_xticks()
    below.set_xticks(places, [f"{place + 1:.0f}" for place in places])
    below.set_xlim(axis.get_xlim())
    below.set_xlabel("column", fontsize=9)
    for side in (below, axis):
        side.tick_params(labelsize=8)
    below.grid(axis="y", color="0.92", linewidth=0.7)
    below.set_axisbelow(True)


def _decimals(widest: float) -> int:
    """Tell how many decimals of a percentage show steps of the widest error."""
    return int(np.clip(1 - np.floor(np.log10(100 * widest)), 0, 6)) if widest > 0 else 0


def _percent(part: float) -> str:
    return f"{100 * part:+.3g} %"


def _inputs(input_v: Floats) -> str:
    low, high = (format_quantity(float(end), "V") for end in (input_v.min(), input_v.max()))
    return f"all rows at {low}" if low == high else f"rows at {low} to {high}"


def _name(row: int, column: int) -> str:
    return f"R{row + 1}C{column + 1}"
