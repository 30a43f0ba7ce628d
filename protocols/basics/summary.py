"""What sweeps and forming came to: medians and quartiles over cycles and cells."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.protocol import Summary, Table
from hil.protocols.basics.switching import (
    RESET,
    SET,
    SWITCHED,
    Sweeps,
    floor_a,
    last_before_set,
    sweeps_of,
    switching_of,
    undisturbed,
)
from hil.units import format_quantity

if TYPE_CHECKING:
    from hil.protocols.basics.forming import Forming
    from hil.protocols.basics.iv import IVSweep

Floats = NDArray[np.float64]

_DEFINITIONS = """
Over cycles and cells, of the half sweeps that switched: whose branches are at least a factor of
{ratio:g} apart at {read}. V_set and V_reset are of the last reading before the switch, which is
the steepest rise of log(I/V) or the compliance in a SET, the largest current in a RESET."""


class Spread(NamedTuple):
    """Median and quartiles; NaN of nothing."""

    median: float
    low: float
    high: float


def spread_of(values: Floats) -> Spread:
    """Find median and quartiles of what is a number."""
    known = values[~np.isnan(values)]
    if not known.size:
        return Spread(np.nan, np.nan, np.nan)
    low, median, high = np.quantile(known, (0.25, 0.5, 0.75), method="inverted_cdf").tolist()
    return Spread(median, low, high)


def summarise_iv(protocol: "IVSweep", table: Table) -> Summary:
    """Lay out switching voltages, both resistances and their ratio, for each half."""
    after = table["after_stop"] == 1
    left_out = len(set(zip(table["cycle"][after], table["half"][after], strict=True)))
    table = undisturbed(table)
    figures: dict[str, Any] = {"read_v": protocol.read_v, "switched_ratio": SWITCHED}
    read = format_quantity(protocol.read_v, "V", 3)
    lines = [f" {'':<24}{'median':>12}{'lower quartile':>18}{'upper quartile':>18}"]
    for half in (SET, RESET):
        if not (table["half"] == half).any():
            continue
        found = switching_of(sweeps_of(table, half), half, protocol.read_v)
        yes = found.switched
        figures[half] = {"half_sweeps": int(yes.size), "switched": int(yes.sum())}
        lines.append(f" {half.upper()}: {yes.sum():,} of {yes.size:,} half sweeps switched")
        if not yes.all():
            ohm = spread_of(found.lrs_ohm[~yes]).median
            figures[half]["not_switched_ohm"] = ohm
            lines[-1] += f", the rest stayed at {_ohms(ohm)}"
        for name, label, values, write in (
            ("voltage_v", f"V_{half} at the cell", found.voltage_v, _volts),
            ("lrs_ohm", f"LRS at {read}", found.lrs_ohm[yes], _ohms),
            ("hrs_ohm", f"HRS at {read}", found.hrs_ohm[yes], _ohms),
            ("ratio", "HRS/LRS", found.hrs_ohm[yes] / found.lrs_ohm[yes], _plain),
        ):
            spread = spread_of(values)
            figures[half][name] = spread._asdict()
            median, low, high = map(write, spread)
            if yes.any():
                lines.append(f"   {label:<22}{median:>12}{low:>18}{high:>18}")
        noisy = int(found.within_noise[yes].sum())
        figures[half]["hrs_within_noise"] = noisy
        if noisy:
            lines.append(
                f"   {noisy:,} HRS carried less than the noise: they are at least so high"
            )
    figures["left_out"] = left_out
    if left_out:
        lines.append(
            f" left out: {left_out} right after a stop; what was cut may have switched the cell"
        )
    return Summary(figures, [*lines, _DEFINITIONS.format(ratio=SWITCHED, read=read)])


class Formed(NamedTuple):
    """How the forming of one cell went; NaN for what there was not."""

    cell: int
    formed: bool
    forming_v: float
    current_a: float
    before_ohm: float
    after_ohm: float
    attempts: int


def forming_of(protocol: "Forming", table: Table) -> list[Formed]:
    """Sum up the records of each cell, in order of cells."""
    cells = np.unique(table["cell"]).tolist() if table else []
    return [
        _formed(protocol, {name: values[table["cell"] == cell] for name, values in table.items()})
        for cell in cells
    ]


def _formed(protocol: "Forming", mine: Table) -> Formed:
    reads = mine["kind"] == "read"
    with np.errstate(divide="ignore"):
        ohms = np.abs(mine["voltage_v"][reads] / mine["current_a"][reads])
    formed = bool(mine["kind"][-1] == "read" and ohms[-1] < protocol.formed_below_ohm)
    stress = {name: values[~reads] for name, values in mine.items()}
    forming_v = np.nan
    if formed and stress["kind"].size:
        last = -1 if protocol.method == "pulses" else last_before_forming(stress)
        forming_v = stress["voltage_v" if protocol.method == "sweep" else "source_v"][last]
    return Formed(
        cell=int(mine["cell"][0]),
        formed=formed,
        forming_v=float(forming_v),
        current_a=float(np.abs(stress["current_a"]).max(initial=0.0)),
        before_ohm=float(ohms[0]),
        after_ohm=float(ohms[-1]) if ohms.size > 1 else np.nan,
        attempts=int(mine["attempt"].max()),
    )


def last_before_forming(swept: Table) -> int:
    """Find the last reading of a rising sweep before the cell formed."""
    source_v, voltage_v, current_a, limited = (swept[name][None] for name in Sweeps._fields)
    rising = Sweeps(source_v, voltage_v, current_a, limited == 1)
    return int(last_before_set(rising, floor_a(current_a))[0])


def summarise_forming(protocol: "Forming", table: Table) -> Summary:
    """Tell forming voltage and resistance before and after, cell by cell, and over all cells."""
    cells = forming_of(protocol, table)
    limit = format_quantity(protocol.current_limit_a or np.inf, "A", 3)
    lines = [f"{'cell':>6}{'formed':>9}{'at':>10}{'before':>14}{'after':>14}"]
    lines += [
        f"{one.cell:>6}{'yes' if one.formed else 'no':>9}{_volts(one.forming_v):>10}"
        f"{_ohms(one.before_ohm):>14}{_ohms(one.after_ohm):>14}"
        for one in cells[:SHOWN]
    ]
    if len(cells) > SHOWN:
        volts = spread_of(np.array([one.forming_v for one in cells]))
        after = spread_of(np.array([one.after_ohm for one in cells if one.formed]))
        lines.append(f"   and {len(cells) - SHOWN} more; all: {_written(volts, _volts)} and ")
        lines[-1] += f"{_written(after, _ohms)} after, medians (quartiles)"
    lines.append(_HOW[protocol.method].format(limit=limit))
    formed = bool(cells) and all(one.formed for one in cells)
    if formed:
        lines.append("formed = true can now be stated under [sample] in the bench file")
    figures = {
        "cells": [one._asdict() for one in cells],
        "formed": sum(one.formed for one in cells),
        "current_limit_a": protocol.current_limit_a,
    }
    return Summary(figures, lines)


SHOWN = 12
"""How many cells have a line of their own."""

_HOW = {
    "sweep": (
        "at: voltage across the cell in the last reading before log(I/V) rose steepest, or before "
        "the limit of {limit}"
    ),
    "pulses": "at: programmed voltage of the pulse that formed the cell, at most {limit}",
}


def _written(spread: Spread, write: Callable[[float], str]) -> str:
    if np.isnan(spread.median):
        return "-"
    return f"{write(spread.median)} ({write(spread.low)} to {write(spread.high)})"


def _plain(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3g}"


def _volts(volts: float) -> str:
    return "-" if np.isnan(volts) else f"{volts:+.3f} V"


def _ohms(ohms: float) -> str:
    return "-" if np.isnan(ohms) else format_quantity(ohms, "ohm", 3)
