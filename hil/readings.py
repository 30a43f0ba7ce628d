"""What was measured while a program ran: raw first, conductance from it."""

from dataclasses import dataclass
from functools import cached_property

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
        Whether the source was holding its current limit.
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
    def conductance_s(self) -> Floats:
        """Conductance of each read, (reads, cells), zero subtracted where the read has one (S).

        G = (mean I_V - I_0) / (mean V_V - V_0), NaN where a read has no voltage.
        """
        current_a, voltage_v = self.current_a, self.voltage_v
        if len(self.look) > 1 and (self.look != _FIRST).any():
            current_a, voltage_v = self._per_read(current_a), self._per_read(voltage_v)
        conductance_s = np.full(current_a.shape, np.nan)
        np.divide(current_a, voltage_v, out=conductance_s, where=voltage_v != 0.0)
        return conductance_s

    def _per_read(self, values: Floats) -> Floats:
        starts = np.flatnonzero(self.look != Look.AGAIN)
        zeroed = self.look == Look.ZERO
        counted = np.where(zeroed[:, None], 0.0, values)
        sums = np.add.reduceat(counted, starts, axis=0)
        counts = np.add.reduceat((~zeroed).astype(float), starts)
        zeros = np.where(zeroed[starts, None], values[starts], 0.0)
        return sums / counts[:, None] - zeros


_FIRST = int(Look.FIRST)
