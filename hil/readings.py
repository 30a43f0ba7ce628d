"""What was measured while a program ran: raw first, conductance from it."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.program import Look

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Readings:
    """What was measured while a program ran.

    Attributes
    ----------
    time_s : (readings, cells) float64
        Bench time at the end of each measured segment.
    source_v : (readings, cells) float64
        Open-circuit voltage as programmed.
    voltage_v, current_a : (readings, cells) float64
        Voltage at the cell and current through it.
    limited : (readings, cells) bool
        Whether the current was at a limit: the source was holding it, or could not and was only
        watched, or it was beyond the measuring range. The status tells which.
    status : (readings, cells) int64
        The instrument's own status word; on physics bit 0 is limited, bit 1 over range.
    look : (readings,) int8
        Which read each belongs to (`hil.program.Look`).
    """

    time_s: Floats
    source_v: Floats
    voltage_v: Floats
    current_a: Floats
    limited: NDArray[np.bool_]
    status: NDArray[np.int64]
    look: NDArray[np.int8]

    @cached_property
    def reads(self) -> "Readings":
        """One row a read: the mean of its apertures, its zero subtracted where it has one.

        Its time is that of its last aperture; it is limited if one of them is; the status words
        are or-ed.
        """
        if not (self.look != _FIRST).any():
            return self
        starts = np.flatnonzero(self.look != Look.AGAIN)
        return Readings(
            time_s=np.maximum.reduceat(self.time_s, starts, axis=0),
            source_v=self._less_zero(self.source_v, starts),
            voltage_v=self._less_zero(self.voltage_v, starts),
            current_a=self._less_zero(self.current_a, starts),
            limited=np.logical_or.reduceat(self.limited, starts, axis=0),
            status=np.bitwise_or.reduceat(self.status, starts, axis=0),
            look=np.full(len(starts), _FIRST, np.int8),
        )

    @cached_property
    def conductance_s(self) -> Floats:
        """Conductance of each of `reads`, (reads, cells) (S).

        G = (mean I_V - I_0) / (mean V_V - V_0), NaN for a read at 0 V.
        """
        reads = self.reads
        conductance_s = np.full(reads.current_a.shape, np.nan)
        biased = (reads.voltage_v != 0.0) & (reads.source_v != 0.0)
        np.divide(reads.current_a, reads.voltage_v, out=conductance_s, where=biased)
        return conductance_s

    def _less_zero(self, values: Floats, starts: NDArray[np.int64]) -> Floats:
        zeroed = self.look == Look.ZERO
        counted = np.where(zeroed[:, None], 0.0, values)
        sums = np.add.reduceat(counted, starts, axis=0)
        counts = np.add.reduceat((~zeroed).astype(float), starts)
        zeros = np.where(zeroed[starts, None], values[starts], 0.0)
        return sums / counts[:, None] - zeros


class Products(NamedTuple):
    """Column currents of an array, one row for each vector on its rows.

    Attributes
    ----------
    current_a : (inputs, columns) float64
        Current into each column's virtual ground.
    over : (inputs, columns) bool
        Whether it was beyond what the column's meter can tell.
    time_s : (inputs,) float64
        Bench time at which each was measured.
    """

    current_a: Floats
    over: NDArray[np.bool_]
    time_s: Floats


_FIRST = int(Look.FIRST)
