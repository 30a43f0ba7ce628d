"""From a program to what a 4225-PMU plays in segment arb mode; pure.

A program becomes steps: executions, and pauses at 0 V that the computer times. An execution is a
list of sequences with loops. A sequence is known by its content, so what recurs is sent once.
Limits: KXCI Programming manual 4200A-KXCI-907-01, section 7 (segment arb), and `unconfirmed`.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.drivers.keithley4200.executions import (
    LOOK,
    START,
    STOP,
    TICKS,
    TICKS_PER_S,
    VOLTS_PER_UNIT,
    Entry,
    Execution,
    Rows,
    packed,
)
from hil.drivers.keithley4200.unconfirmed import MIN_SLEW_V_PER_S, SEQUENCE_SEGMENTS
from hil.errors import NotSupported
from hil.program import Program

Floats = NDArray[np.float64]

SHORTEST, LONGEST = 2, TICKS_PER_S
"""Ticks of a segment on the 10 V range: 20 ns to 1 s."""
LARGEST_V = 10.0
"""The 10 V range of the source, which is the only one used."""
FEWEST = 3
"""Segments of a sequence at least."""
GROUP = 128
"""Segments to which parts that are played once are joined: what one command can carry."""


class Waveform(NamedTuple):
    """A whole program: executions, and pauses at 0 V (s) that the computer times."""

    steps: tuple[Execution | float, ...]
    notes: tuple[str, ...]


def translated(program: Program) -> Waveform:
    """Turn a program of one column into executions.

    Raises
    ------
    NotSupported
        The PMU cannot play it: voltage, ramp, length, or a timing that only a computer could
        give where the program demands an exact one.
    """
    table, units, shortened = _fine(program)
    notes = []
    if shortened:
        notes.append("segments of more than 1 s are measured over their last part, 1 s at most")
    stretches = list(_stretches(table, units))
    paused = any(isinstance(part, float) for part in stretches)
    if paused:
        notes.append("waits of more than 1 s are timed by this computer")
    steps: list[Execution | float] = []
    known: dict[tuple[Entry, ...], tuple[Execution, ...]] = {}
    parts = 0
    for part in stretches:
        if isinstance(part, float):
            steps.append(part)
            continue
        entries = tuple(_entries(table, part))
        if entries not in known:
            known[entries] = tuple(packed(entries))
        steps += known[entries]
        parts += 1
    pieces = sum(isinstance(step, Execution) for step in steps)
    if pieces > parts:
        notes.append(
            f"the program is played in {pieces} parts; the pauses at 0 V between them are timed "
            "by this computer"
        )
    if program.demands.exact_timing and (paused or pieces > parts):
        raise NotSupported(
            "the PMU times waits up to 1 s, 512 sequences and 65,536 readings in one go, and the "
            "program has more; shorten it or leave exact_timing out"
        )
    return Waveform(tuple(steps), tuple(notes))


def _fine(program: Program) -> tuple[Rows, list[list[int]], bool]:
    """Count in ticks and microvolts, refuse what no segment can be, split what is too long.

    Returns the table, the units in it, and whether a measured segment became shorter.
    """
    if program.columns != 1:
        raise NotSupported("a 4200A has one cell; give it a program of one column")
    table = np.empty((len(program.look), 4), np.int64)
    table[:, TICKS] = np.rint(program.duration_s[:, 0] * TICKS_PER_S)
    table[:, START] = microvolts(program.start_v[:, 0])
    table[:, STOP] = microvolts(program.stop_v[:, 0])
    table[:, LOOK] = program.look > 0
    _refuse(table)
    units: list[list[int]] = program.units.tolist()
    long = (table[:, TICKS] > LONGEST) & ~_pauses(table)
    if not long.any():
        return table, units, False
    pieces = [
        _cut(row) if is_long else row[None] for row, is_long in zip(table, long, strict=True)
    ]
    places = np.cumsum([0, *map(len, pieces)])
    units = [[int(places[first]), int(places[last]), times] for first, last, times in units]
    return np.concatenate(pieces), units, bool(table[long, LOOK].any())


def microvolts(voltage_v: Floats) -> Rows:
    """Count microvolts; what lies between two of them becomes the one nearer to 0 V."""
    exact = voltage_v * VOLTS_PER_UNIT
    nearest = np.rint(exact)
    return np.where(np.abs(exact - nearest) < 1e-3, nearest, np.trunc(exact)).astype(np.int64)


def _refuse(table: Rows) -> None:
    ticks = table[:, TICKS]
    if (ticks < SHORTEST).any():
        raise NotSupported(
            f"the program has a segment of {ticks.min() * 10} ns; one of the PMU lasts "
            "20 ns or more"
        )
    largest_v = np.abs(table[:, START : STOP + 1]).max() / VOLTS_PER_UNIT
    if largest_v > LARGEST_V:
        raise NotSupported(f"the program goes to {largest_v:.4g} V; the PMU's range is 10 V")
    rise_v = np.abs(table[:, STOP] - table[:, START]) / VOLTS_PER_UNIT
    slew = rise_v * TICKS_PER_S / ticks
    slow = (slew > 0) & (slew < MIN_SLEW_V_PER_S)
    if slow.any():
        raise NotSupported(
            f"the program has a ramp of {slew[slow].min():.3g} V/s; the PMU's slowest is "
            f"{MIN_SLEW_V_PER_S:.3g} V/s: take steps instead"
        )


def _pauses(table: Rows) -> NDArray[np.bool_]:
    """Find what the computer times: 0 V, not measured, longer than a segment can be."""
    silent = (table[:, START] == 0) & (table[:, STOP] == 0) & (table[:, LOOK] == 0)
    pauses: NDArray[np.bool_] = silent & (table[:, TICKS] > LONGEST)
    return pauses


def _cut(row: Rows) -> Rows:
    """Split a segment into equal parts that are short enough; the last one keeps the look."""
    return _split(row, -(-int(row[TICKS]) // LONGEST))


def _split(row: Rows, parts: int) -> Rows:
    """Split a segment at whole ticks, on its straight line; the last part keeps the look."""
    ticks, start, stop, look = row.tolist()
    ends = [ticks * (part + 1) // parts for part in range(parts)]
    levels = [start, *(start + int((stop - start) * end / ticks) for end in ends[:-1]), stop]
    rows = [
        (end - begin, low, high, 0)
        for (begin, end), (low, high) in zip(pairwise([0, *ends]), pairwise(levels), strict=True)
    ]
    rows[-1] = (*rows[-1][:LOOK], look)
    return np.array(rows, np.int64)


def _stretches(table: Rows, units: list[list[int]]) -> Iterator[list[list[int]] | float]:
    """Yield what is played without the computer, as units, and the pauses between (s)."""
    pauses = _pauses(table)
    if not pauses.any():
        yield units
        return
    stretch: list[list[int]] = []
    for first, last, repeats in units:
        at = first + np.flatnonzero(pauses[first:last])
        if not at.size:
            stretch.append([first, last, repeats])
            continue
        for _ in range(repeats):
            begin = first
            for pause in at.tolist():
                if pause > begin:
                    stretch.append([begin, pause, 1])
                if stretch:
                    yield stretch
                    stretch = []
                yield float(table[pause, TICKS] / TICKS_PER_S)
                begin = pause + 1
            if begin < last:
                stretch.append([begin, last, 1])
    if stretch:
        yield stretch


def _entries(table: Rows, units: list[list[int]]) -> Iterator[Entry]:
    """Yield contents and loops: what is played once is joined up to its next look."""
    previous, loops = b"", 0
    for rows, repeats in _groups(table, units):
        contents = [
            _padded(rows[first : first + SEQUENCE_SEGMENTS]).tobytes()
            for first in range(0, len(rows), SEQUENCE_SEGMENTS)
        ]
        for content in contents * (repeats if len(contents) > 1 else 1):
            times = repeats if len(contents) == 1 else 1
            if content == previous:
                loops += times
                continue
            if loops:
                yield previous, loops
            previous, loops = content, times
    yield previous, loops


def _groups(table: Rows, units: list[list[int]]) -> Iterator[tuple[Rows, int]]:
    """Join units that follow each other and are played once, until one of them looks."""
    seen = np.concatenate(([0], table[:, LOOK].cumsum())).tolist()
    begin = end = 0
    for first, last, repeats in units:
        if end > begin and (repeats > 1 or first != end or last - begin > GROUP):
            yield table[begin:end], 1
            begin = end
        if repeats > 1:
            yield table[first:last], repeats
            begin = end = last
            continue
        begin, end = (begin if end > begin else first), last
        if seen[last] > seen[first]:
            yield table[begin:end], 1
            begin = end
    if end > begin:
        yield table[begin:end], 1


def _padded(rows: Rows) -> Rows:
    """Split a segment where a sequence has fewer of them than it needs: best one unmeasured."""
    missing = FEWEST - len(rows)
    if missing <= 0:
        return rows
    free = np.where(rows[:, LOOK] == 0, rows[:, TICKS], 0)
    widest = int(free.argmax()) if free.any() else int(rows[:, TICKS].argmax())
    if rows[widest, TICKS] < (missing + 1) * SHORTEST:
        raise NotSupported(
            f"a part of the program lasts {rows[:, TICKS].sum() / TICKS_PER_S:.3g} s; what the "
            "PMU repeats or plays alone is three segments of 20 ns or more"
        )
    pieces = _split(rows[widest], missing + 1)
    return np.concatenate((rows[:widest], pieces, rows[widest + 1 :]))
