"""What a 4225-PMU plays at one :PMU:EXECUTE: stored sequences, listed with loops; pure.

Limits: KXCI Programming manual 4200A-KXCI-907-01, section 7 (segment arb).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import NotSupported

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Entry = tuple[bytes, int]
"""Content of a sequence, and how often it is played in a row."""

TICKS_PER_S = 100_000_000
"""Durations count in ticks of 10 ns."""
VOLTS_PER_UNIT = 1_000_000
"""Voltages count in microvolts: far finer than the source, and they fit the 12 characters that
an argument may have (section 2)."""

TICKS, START, STOP, LOOK = range(4)
"""Columns of a table of segments: ticks, microvolts, microvolts, measured (1) or not (0)."""

SEQUENCES, ENTRIES, POINTS = 512, 512, 65_536
"""Numbers for sequences, entries of the list, rows of data."""


class Sequence(NamedTuple):
    """Segments that the instrument stores under one number; equal content is equal.

    Attributes
    ----------
    content : bytes
        The table of its segments, (segments, 4) int64.
    """

    content: bytes

    @property
    def rows(self) -> Rows:
        """The table of segments."""
        return np.frombuffer(self.content, np.int64).reshape(-1, 4)

    @property
    def duration_s(self) -> Floats:
        """Time of each segment (s)."""
        return self.rows[:, TICKS] / TICKS_PER_S

    @property
    def start_v(self) -> Floats:
        """Voltage at the beginning of each segment (V)."""
        return self.rows[:, START] / VOLTS_PER_UNIT

    @property
    def stop_v(self) -> Floats:
        """Voltage at the end of each segment (V)."""
        return self.rows[:, STOP] / VOLTS_PER_UNIT

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Whether each segment is measured."""
        return self.rows[:, LOOK] > 0


class Execution(NamedTuple):
    """What is played by one :PMU:EXECUTE, timed by the instrument.

    Attributes
    ----------
    sequences : tuple of Sequence
        Those that occur, each once.
    entries : tuple of (int, int)
        Order of play: index into *sequences*, loops.
    duration_s : float
        Length of the waveform.
    opens_s, ends_s : (points,) float64
        Begin and end of each measured window, from the start of the execution.
    """

    sequences: tuple[Sequence, ...]
    entries: tuple[tuple[int, int], ...]
    duration_s: float
    opens_s: Floats
    ends_s: Floats


def packed(entries: Iterable[Entry]) -> Iterator[Execution]:
    """Share entries out to executions that the instrument can hold, cutting at 0 V only.

    Raises
    ------
    NotSupported
        More is played without coming back to 0 V than the instrument can hold.
    """
    taken: list[Entry] = []
    names: set[bytes] = set()
    points = 0
    for block, looks in _blocks(entries):
        new = {content for content, _ in block} - names
        if taken and (
            len(taken) + len(block) > ENTRIES
            or len(names) + len(new) > SEQUENCES
            or points + looks > POINTS
        ):
            yield _execution(taken)
            taken, names, points = [], set(), 0
            new = {content for content, _ in block}
        if len(block) > ENTRIES or len(new) > SEQUENCES or looks > POINTS:
            raise NotSupported(
                "the program stays away from 0 V for more than 512 sequences or 65,536 readings, "
                "which is what the PMU plays in one go; come back to 0 V in between"
            )
        taken += block
        names |= new
        points += looks
    yield _execution(taken)


def _blocks(entries: Iterable[Entry]) -> Iterator[tuple[list[Entry], int]]:
    """Yield what is played from one 0 V to the next, and its readings."""
    facts: dict[bytes, tuple[bool, bool, int]] = {}
    block: list[Entry] = []
    points = 0
    for content, loops in entries:
        if content not in facts:
            rows = Sequence(content).rows
            facts[content] = rows[0, START] == 0, rows[-1, STOP] == 0, int(rows[:, LOOK].sum())
        begins, ends, looks = facts[content]
        most = POINTS // looks if looks and begins and ends else loops
        for done in range(0, loops, most):
            times = min(most, loops - done)
            block.append((content, times))
            points += looks * times
            if ends:
                yield block, points
                block, points = [], 0
    if block:
        yield block, points


def _execution(entries: list[Entry]) -> Execution:
    index: dict[bytes, int] = {}
    for content, _ in entries:
        index.setdefault(content, len(index))
    sequences = tuple(map(Sequence, index))
    order = tuple((index[content], loops) for content, loops in entries)
    opens, ends, duration = _windows([each.rows for each in sequences], np.array(order))
    return Execution(
        sequences, order, duration / TICKS_PER_S, opens / TICKS_PER_S, ends / TICKS_PER_S
    )


def _windows(tables: list[Rows], order: Rows) -> tuple[Rows, Rows, int]:
    """Find begin and end of each measured segment in ticks, in the order of play, and the end."""
    ends_in = [rows[:, TICKS].cumsum() for rows in tables]
    at = [np.flatnonzero(rows[:, LOOK]) for rows in tables]
    looks = np.array([len(where) for where in at])
    lasts = np.array([ends[-1] for ends in ends_in])
    ends_at = np.concatenate([ends[where] for ends, where in zip(ends_in, at, strict=True)])
    widths = np.concatenate([rows[where, TICKS] for rows, where in zip(tables, at, strict=True)])
    # What is not measured may be repeated without end; it is one long play here.
    each, loops = order[:, 0], order[:, 1]
    plays = np.where(looks[each] > 0, loops, 1)
    played = np.repeat(each, plays)
    passing = np.repeat(lasts[each] * np.where(looks[each] > 0, 1, loops), plays)
    begins = passing.cumsum() - passing
    counts = looks[played]
    within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    which = np.repeat((looks.cumsum() - looks)[played], counts) + within
    ends = np.repeat(begins, counts) + ends_at[which]
    return ends - widths[which], ends, int(passing.sum())
