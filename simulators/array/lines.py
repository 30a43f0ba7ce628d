"""From a program for one cell of an array to what all its lines do."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hil.schemes import Scheme
from hil.simulators.array.board import Electronics
from hil.simulators.crossbar.line_drive import LineDrive
from hil.simulators.models.drive import Drive, Floats

_LONG = 1024
"""Units with more segments are cut where they are at 0 V, so that few are spread over all lines
at a time."""


@dataclass(frozen=True)
class Lines:
    """What drives the lines of an array while one of its cells is selected.

    Attributes
    ----------
    rows, columns : int
        Of the array.
    write, read : Scheme
        Of the other lines while the program switches, and while it reads.
    gate_v : float or None
        At the gates of the selected row; those of the others are at 0 V. None: no gates.
    electronics : Electronics
        What the levels go through.
    regulates : bool
        Whether the source of the selected column holds the current limit.
    """

    rows: int
    columns: int
    write: Scheme
    read: Scheme
    gate_v: float | None
    electronics: Electronics
    regulates: bool

    def drives(
        self, drive: Drive, first: int, last: int, column: int, cell: int, repeats: int = 1
    ) -> Iterator[LineDrive]:
        """Spread segments *first* to *last* of a drive, one of its columns, over all lines.

        They are spread when they are asked for; what is repeated is spread once.

        Yields
        ------
        LineDrive
            One, or more where a line begins or ceases to float and for very many segments.
        """
        each = self._once(drive, first, last, column, cell)
        if repeats == 1:
            yield from each
            return
        spread = list(each)
        for _ in range(repeats):
            yield from spread

    def _once(
        self, drive: Drive, first: int, last: int, column: int, cell: int
    ) -> Iterator[LineDrive]:
        reads = np.zeros(last - first, np.bool_)
        if drive.reads is not None:
            reads = drive.reads[first:last]
        for a, b in pairwise(self._cuts(drive.start_v[first:last, column], reads)):
            where = slice(first + a, first + b)
            yield self._drive(drive, where, reads[a:b], column, cell)

    def _spread(self, level_v: Floats, reads: NDArray[np.bool_], cell: int) -> Floats:
        """Give the levels of rows and columns, (segments, lines); 0 V where a line floats."""
        row, column = divmod(cell, self.columns)
        parts = np.where(reads[:, None], _parts(self.read), _parts(self.write))
        levels_v = np.empty((len(level_v), self.rows + self.columns))
        levels_v[:, : self.rows], levels_v[:, self.rows :] = (
            (level_v * part)[:, None] for part in parts.T
        )
        levels_v[:, row] = level_v
        spread_v = self.electronics.programmed(levels_v)
        spread_v[:, self.rows + column] = 0.0  # in its virtual ground, which no DAC drives
        for scheme, where in ((self.write, ~reads), (self.read, reads)):
            spread_v[np.ix_(where, self._floating(scheme, cell))] = 0.0
        return spread_v

    def _floating(self, scheme: Scheme, cell: int) -> NDArray[np.bool_]:
        """Tell which of the rows, then of the columns, float."""
        row, column = divmod(cell, self.columns)
        floating = np.repeat(
            (scheme.rows is None, scheme.columns is None), (self.rows, self.columns)
        )
        floating[[row, self.rows + column]] = False
        return floating

    def _cuts(self, start_v: Floats, reads: NDArray[np.bool_]) -> list[int]:
        """Find where a new drive begins: other lines float, or it would become long."""
        count = len(start_v)
        cuts = {0, count}
        if (self.read.rows is None, self.read.columns is None) != (
            self.write.rows is None, self.write.columns is None,
        ):  # fmt: skip
            cuts.update((np.flatnonzero(np.diff(reads)) + 1).tolist())
        if count > _LONG:
            rests = np.flatnonzero(start_v == 0)
            after = rests.searchsorted(np.arange(_LONG, count, _LONG))
            cuts.update(rests[after[after < len(rests)]].tolist())
        return sorted(cuts)

    def _drive(
        self, drive: Drive, where: slice, reads: NDArray[np.bool_], column: int, cell: int
    ) -> LineDrive:
        row, selected = divmod(cell, self.columns)
        start_v, stop_v = (
            self._spread(level_v[where, column], reads, cell)
            for level_v in (drive.start_v, drive.stop_v)
        )
        floating = self._floating(self.read if reads[0] else self.write, cell)
        gate_v = None
        if self.gate_v is not None:
            gate_v = np.zeros(self.rows)
            gate_v[row] = self.gate_v
        return LineDrive(
            np.ascontiguousarray(drive.duration_s[where, column]),
            start_v[:, : self.rows], stop_v[:, : self.rows],
            start_v[:, self.rows :], stop_v[:, self.rows :],
            drive.measured[where], floating[: self.rows], floating[self.rows :],
            drive.limit_a if self.regulates else np.inf, selected, gate_v,
        )  # fmt: skip


def all_rows(
    drive: Drive, electronics: Electronics, columns: int, gate_v: float | None
) -> Iterator[LineDrive]:
    """Put a drive with a column for each row on all rows at once, the columns at 0 V.

    Parameters
    ----------
    drive : Drive
        Of one unit, at 0 V after each vector.
    electronics : Electronics
        What the levels of the rows go through.
    columns : int
        Of the array, each in its virtual ground.
    gate_v : float or None
        At the gates of all rows.

    Yields
    ------
    LineDrive
        Some of the vectors each, in their order.
    """
    count, rows = drive.start_v.shape
    resting = np.flatnonzero((drive.start_v == 0).all(axis=1))
    cuts = [*resting[:: max(1, _LONG // 3)].tolist(), count]
    for a, b in pairwise(cuts):
        ends = np.zeros((b - a, columns))
        start, stop = (
            electronics.programmed(np.concatenate((level_v[a:b], ends), axis=1))[:, :rows]
            for level_v in (drive.start_v, drive.stop_v)
        )
        yield LineDrive(
            np.ascontiguousarray(drive.duration_s[a:b, 0]), start, stop, ends, ends,
            drive.measured[a:b], np.zeros(rows, np.bool_), np.zeros(columns, np.bool_),
            gate_v=None if gate_v is None else np.full(rows, gate_v),
        )  # fmt: skip


def _parts(scheme: Scheme) -> Floats:
    """Give the parts of rows and of columns; 0 for those that float."""
    return np.array([scheme.rows or 0.0, scheme.columns or 0.0])
