"""What a read map came to: how conductances are distributed, and what wires make of them."""

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.cells import Cells
from hil.protocol import Summary, Table
from hil.protocols.basics.summary import spread_of
from hil.units import format_quantity

if TYPE_CHECKING:
    from hil.protocols.basics.read_map import ReadMap

Floats = NDArray[np.float64]

READ, ESTIMATE = "read", "wire-aware"
"""Kinds of record: one read of a cell; what is computed for it from a whole map."""

NAMED = 5
"""How many cells that are special are named."""
CLEAR = 3.0
"""A trend is told if it is so many times its standard error."""

_HEAD = f" {'':<14}{'median':>12}{'lower quartile':>16}{'upper quartile':>16}"
_HEAD += f"{'lowest':>22}{'highest':>22}"


class Maps(NamedTuple):
    """What was read of each cell, NaN where nothing was.

    Attributes
    ----------
    read_s, estimate_s : (repeats, rows, columns) float64
        Measured conductance; wire-aware estimate (S).
    amplification : (rows, columns) float64
        Of errors, from readings to the estimate; mean over the repeats.
    limited : (rows, columns) bool
        Whether a reading was at its limit.
    """

    read_s: Floats
    estimate_s: Floats
    amplification: Floats
    limited: NDArray[np.bool_]

    @property
    def measured_s(self) -> Floats:
        """(rows, columns): median over the repeats (S)."""
        return _middle(self.read_s)

    @property
    def wire_aware_s(self) -> Floats:
        """(rows, columns): median over the repeats (S)."""
        return _middle(self.estimate_s)


def maps_of(table: Table) -> Maps:
    """Lay out records as maps."""
    shape = tuple(int(table[name].max()) + 1 for name in ("repeat", "row", "column"))
    read, estimated = table["kind"] == READ, table["kind"] == ESTIMATE
    limited = _placed(table, "limited", read, shape) == 1
    return Maps(
        _placed(table, "conductance_s", read, shape),
        _placed(table, "wire_aware_s", estimated, shape),
        _middle(_placed(table, "amplification", estimated, shape)),
        limited.any(axis=0),
    )


def _placed(table: Table, name: str, mine: NDArray[np.bool_], shape: tuple[int, ...]) -> Floats:
    values = np.full(shape, np.nan)
    at = tuple(table[axis][mine].astype(int) for axis in ("repeat", "row", "column"))
    values[at] = table[name][mine]
    return values


def _middle(values: Floats) -> Floats:
    """Median over the repeats of what is a number; NaN of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of cells of which there is nothing
        middle: Floats = np.nanmedian(values, axis=0)
    return middle


def summarise_map(protocol: "ReadMap", table: Table) -> Summary:
    """Tell the distribution, what is at a limit, trends, noise, and the wire-aware estimate."""
    if not table or not (table["kind"] == READ).any():
        return Summary({}, [])
    maps = maps_of(table)
    measured = maps.measured_s
    known = int(np.isfinite(measured).sum())
    cells = f"{known:,} cell{'s' if known != 1 else ''}"
    lines = [f" measured at {format_quantity(protocol.read_v, 'V')}: {cells}", _HEAD]
    figures: dict[str, Any] = {
        "cells": known, "read_v": protocol.read_v, "measured_s": _figures(measured),
        "limited": int(maps.limited.sum()), "not_positive": int((measured <= 0).sum()),
    }  # fmt: skip
    lines.append(_row("conductance", measured))
    for what, where in (
        ("at the current limit or beyond the range", maps.limited),
        ("at 0 S or below, within the noise of the meter", measured <= 0),
    ):
        if where.any():
            lines.append(f" {where.sum():,} {what}: {_named(where)}")
    figures["trend"] = trend_of(measured)
    lines += _trend_line(figures["trend"], measured.shape)
    if len(maps.read_s) > 1:
        figures["repeat_scatter"] = _scatter(maps.read_s)
        middle, worst = (100 * figures["repeat_scatter"][name] for name in ("median", "worst"))
        lines.append(f" repeats of a cell scatter by {middle:.2g} % (median), {worst:.2g} % worst")
    if protocol.wire_aware:
        more, told = _estimated(protocol, maps)
        figures["wire_aware"] = more
        lines += told
    return Summary(figures, lines)


def _estimated(protocol: "ReadMap", maps: Maps) -> tuple[dict[str, Any], list[str]]:
    """Sum up the estimate, always called by its name."""
    estimate = maps.wire_aware_s
    lines = ["", f" wire-aware estimate: computed, not measured; linear cells, {protocol.behind}"]
    known = np.isfinite(estimate)
    if not known.any():
        lines.append(
            " none: no conductances give these readings behind these wires, or the map is not "
            "whole; look at the resistances, the read scheme, and the meter's offset and noise"
        )
        return {"cells": 0}, lines
    lines += [_HEAD, _row(ESTIMATE, estimate)]
    change = estimate / np.where(maps.measured_s > 0, maps.measured_s, np.nan) - 1
    spread = spread_of(change.ravel())
    error = spread_of(maps.amplification[known])
    worst = float(maps.amplification[known].max())
    if np.isfinite(change).any():
        most = int(np.nanargmax(np.abs(change)))
        lines.append(
            f" it differs from what was measured by {100 * spread.median:+.3g} % (median), most "
            f"at {Cells(*estimate.shape).name(most)}: {100 * change.ravel()[most]:+.3g} %"
        )
    lines.append(
        f" readings that are 1 % off put it {error.median:.3g} % off (median), {worst:.3g} % at "
        "worst; wires that are wrongly told are not in this"
    )
    if not known.all():
        lines.append(f" no estimate for {(~known).sum():,} cells: {_named(~known)}")
    if maps.limited.any():
        lines.append(
            " limited readings are taken as they are: estimates of cells on their lines are off"
        )
    figures = {
        "cells": int(known.sum()), "estimate_s": _figures(estimate),
        "change": spread._asdict(), "amplification": {"median": error.median, "worst": worst},
    }  # fmt: skip
    return figures, lines


def trend_of(map_s: Floats) -> dict[str, float | None]:
    """Fit ln G with a plane over the array; change from its first to its last row and column.

    None where there is one row or column only, or the slope is not `CLEAR` times its standard
    error (ordinary least squares).
    """
    row, column = np.divmod(np.arange(map_s.size).reshape(map_s.shape), map_s.shape[1])
    sound: NDArray[np.bool_] = map_s > 0
    found: dict[str, float | None] = {"rows": None, "columns": None}
    axes = [name for name, size in zip(found, map_s.shape, strict=True) if size > 1]
    places = {"rows": row[sound], "columns": column[sound]}
    count = int(sound.sum())
    if count < 2 * (len(axes) + 1):
        return found
    design = np.column_stack([np.ones(count), *(places[name] for name in axes)])
    inverse = np.linalg.pinv(design.T @ design)
    logs: Floats = np.log(map_s[sound])
    slopes = inverse @ design.T @ logs
    rest = logs - design @ slopes
    variance = float(rest @ rest) / (len(logs) - len(slopes))
    for k, name in enumerate(axes, 1):
        steps = map_s.shape[("rows", "columns").index(name)] - 1
        if abs(slopes[k]) > CLEAR * np.sqrt(variance * inverse[k, k]) + 1e-12:
            found[name] = float(np.expm1(slopes[k] * steps))
    return found


def _trend_line(trend: dict[str, float | None], shape: tuple[int, ...]) -> list[str]:
    told = [
        f"{100 * change:+.3g} % from {letter}1 to {letter}{size}"
        for letter, size, change in zip("RC", shape, trend.values(), strict=True)
        if change is not None
    ]
    return [f" trend across the array: {', '.join(told)}"] if told else []


def _scatter(read_s: Floats) -> dict[str, float]:
    """Find the standard deviation of the repeats of each cell, relative to their mean."""
    counts = np.isfinite(read_s).sum(axis=0)
    several = read_s[:, counts > 1]
    mean = np.nanmean(several, axis=0)
    relative = np.nanstd(several, axis=0, ddof=1) / np.abs(np.where(mean != 0, mean, np.nan))
    known = relative[np.isfinite(relative)]
    if not known.size:
        return {"median": np.nan, "worst": np.nan}
    return {"median": float(np.median(known)), "worst": float(known.max())}


def _figures(map_s: Floats) -> dict[str, float]:
    known = map_s[np.isfinite(map_s)]
    ends = (known.min(), known.max()) if known.size else (np.nan, np.nan)
    return spread_of(map_s.ravel())._asdict() | {"min": float(ends[0]), "max": float(ends[1])}


def _row(label: str, map_s: Floats) -> str:
    figures = _figures(map_s)
    middle, low, high, least, most = (
        format_quantity(figures[name], "S", 3) for name in ("median", "low", "high", "min", "max")
    )
    if not np.isfinite(map_s).any():
        return f"   {label:<12}{'-':>12}"
    cells = Cells(*map_s.shape)
    where = [cells.name(int(pick(map_s))) for pick in (np.nanargmin, np.nanargmax)]
    least, most = f"{least} {where[0]}", f"{most} {where[1]}"
    return f"   {label:<12}{middle:>12}{low:>16}{high:>16}{least:>22}{most:>22}"


def _named(where: NDArray[np.bool_]) -> str:
    numbers = np.flatnonzero(where)
    cells = Cells(*where.shape)
    names = ", ".join(cells.name(number) for number in numbers[:NAMED].tolist())
    return names + (", ..." if len(numbers) > NAMED else "")
