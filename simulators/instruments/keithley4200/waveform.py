"""What a sequence or a pulse of the virtual 4200A is compiled to, once: pieces to be measured."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.simulators.instruments.keithley4200.unconfirmed import TOO_MANY_POINTS
from hil.simulators.instruments.kxci import Refused
from hil.simulators.models.drive import Floats

Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]


MOST_POINTS = 65_536
"""What the buffer of a test holds (manual, section 7)."""

INSTANT_S = 1e-9
"""Times nearer than this are the same: sums of them differ in their last digits, and what an
output resolves is 10 ns (s)."""


class Window(NamedTuple):
    """When a segment is measured: from *start_s* to *stop_s* within it, in *parts* equal parts.

    The parts are one row together (spot mean), or a row each (waveform).
    """

    start_s: float
    stop_s: float
    parts: int
    waveform: bool


def samples(length_s: float, rate: float) -> int:
    """Count the samples of a waveform; raises Refused for more than the buffer holds."""
    count = round(length_s * rate)
    if count > MOST_POINTS:
        raise Refused(TOO_MANY_POINTS)
    return count


@dataclass(frozen=True, eq=False)
class Block:
    """A waveform in pieces, some of them measured.

    Attributes
    ----------
    duration_s, start_v, stop_v, measured : (pieces,)
        As in `Signal`.
    settled : (parts,) float64
        Which share of the current the ammeter shows at the end of each measured piece.
    row_s : (rows,) float64
        Time of each row from the start of the block (s).
    row_parts : (rows,) int64
        Measured pieces that make up each row.
    waveform : (rows,) bool
        Whether a row is a sample of a waveform, not a spot mean.
    length_s : float
        Duration of the whole block (s).
    """

    duration_s: Floats
    start_v: Floats
    stop_v: Floats
    measured: Flags
    settled: Floats
    row_s: Floats
    row_parts: Integers
    waveform: Flags
    length_s: float

    @cached_property
    def first_v(self) -> float:
        """Voltage it begins with (V)."""
        return float(self.start_v[0])

    @cached_property
    def last_v(self) -> float:
        """Voltage it ends with (V)."""
        return float(self.stop_v[-1])

    def cut(self, at_s: float) -> "Block | None":
        """Return what was played until *at_s*, with the rows that are complete; None if nothing.

        A block that has just ended is whole.
        """
        ends_s = self.duration_s.cumsum()
        whole = int(np.searchsorted(ends_s, at_s + INSTANT_S, side="right"))
        rest_s = at_s - (float(ends_s[whole - 1]) if whole else 0.0)
        duration_s, start_v, stop_v = (
            array[: whole + 1].copy() for array in (self.duration_s, self.start_v, self.stop_v)
        )
        if whole < len(ends_s) and rest_s > INSTANT_S:
            share = rest_s / duration_s[whole]
            stop_v[whole] = start_v[whole] + share * (stop_v[whole] - start_v[whole])
            duration_s[whole] = rest_s
        else:
            duration_s, start_v, stop_v = duration_s[:whole], start_v[:whole], stop_v[:whole]
        if not len(duration_s):
            return None
        rows = int(np.searchsorted(self.row_parts.cumsum(), self.measured[:whole].sum(), "right"))
        parts = int(self.row_parts[:rows].sum())
        measured = self.measured[: len(duration_s)].copy()
        measured[np.flatnonzero(measured)[parts:]] = False
        return Block(
            duration_s, start_v, stop_v, measured, self.settled[:parts], self.row_s[:rows],
            self.row_parts[:rows], self.waveform[:rows], float(duration_s.sum()),
        )  # fmt: skip


def edge(start_v: float, duration_s: float) -> Block:
    """Make the block that brings a source from *start_v* to 0 V."""
    none = np.zeros(0)
    return Block(
        np.array([duration_s]), np.array([start_v]), np.zeros(1), np.zeros(1, bool), none, none,
        none.astype(np.int64), none.astype(bool), duration_s,
    )  # fmt: skip


class BlockBuilder:
    """Collects the segments of a block.

    Parameters
    ----------
    settling_s : float
        Time constant of the ammeter (s); 0 for one that follows at once. It lags as it would on a
        resistor: by what a low-pass of this time constant makes of the source's voltage.
    row_time : float
        Which part of its window the time of a spot mean is, 0 to 1.
    """

    def __init__(self, settling_s: float, row_time: float) -> None:
        self._settling_s = settling_s
        self._row_time = row_time
        self._pieces: list[tuple[float, float, float, bool]] = []
        self._rows: list[tuple[float, int, bool]] = []
        self._settled: list[float] = []
        self._shown_v = 0.0
        self._length_s = 0.0

    def add(
        self, duration_s: float, start_v: float, stop_v: float, window: Window | None = None
    ) -> None:
        """Add a segment (s, V, V) that is measured in a window, or not at all."""
        if window is None:
            self._piece(duration_s, start_v, stop_v)
        else:
            self._measure(window, duration_s, start_v, stop_v)
        self._length_s += duration_s

    def build(self) -> Block:
        """Make the block."""
        pieces = np.array([piece[:3] for piece in self._pieces]).reshape(-1, 3)
        duration_s, start_v, stop_v = (np.ascontiguousarray(column) for column in pieces.T)
        return Block(
            duration_s, start_v, stop_v,
            np.array([piece[3] for piece in self._pieces], np.bool_),
            np.array(self._settled, np.float64),
            np.array([row[0] for row in self._rows], np.float64),
            np.array([row[1] for row in self._rows], np.int64),
            np.array([row[2] for row in self._rows], np.bool_),
            self._length_s,
        )  # fmt: skip

    def _measure(self, window: Window, duration_s: float, start_v: float, stop_v: float) -> None:
        begin_s, end_s, parts = window.start_s, window.stop_s, window.parts
        rest_s = duration_s - end_s
        part_s = (end_s - begin_s) / parts
        slope = (stop_v - start_v) / duration_s
        first_v = start_v + slope * begin_s if begin_s else start_v
        last_v = start_v + slope * end_s if rest_s > INSTANT_S else stop_v
        if begin_s:
            self._piece(begin_s, start_v, first_v)
        before_v = first_v
        for part in range(1, parts + 1):
            after_v = last_v if part == parts else first_v + (last_v - first_v) * (part / parts)
            self._piece(part_s, before_v, after_v, measured=True)
            before_v = after_v
            if window.waveform:
                self._rows.append((self._length_s + begin_s + part * part_s, 1, True))
        if not window.waveform:
            time_s = self._length_s + begin_s + self._row_time * (end_s - begin_s)
            self._rows.append((time_s, parts, False))
        if rest_s > INSTANT_S:
            self._piece(rest_s, last_v, stop_v)

    def _piece(
        self, duration_s: float, start_v: float, stop_v: float, *, measured: bool = False
    ) -> None:
        self._pieces.append((duration_s, start_v, stop_v, measured))
        self._follow(duration_s, start_v, stop_v)
        if measured:
            self._settled.append(self._shown_v / stop_v if stop_v else 1.0)

    def _follow(self, duration_s: float, start_v: float, stop_v: float) -> None:
        """Let the low-pass follow a linear piece (its exact response); it starts settled."""
        if not self._settling_s:
            self._shown_v = stop_v
            return
        if len(self._pieces) == 1:
            self._shown_v = start_v
        lag_v = (stop_v - start_v) / duration_s * self._settling_s
        decay = math.exp(-duration_s / self._settling_s)
        self._shown_v = stop_v - lag_v + (self._shown_v - start_v + lag_v) * decay
