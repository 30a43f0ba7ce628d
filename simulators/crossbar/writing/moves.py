"""How far the states of cells have moved, and how cells are taken through voltages they see."""

import math

import numpy as np
from numpy.typing import NDArray

from hil.simulators.crossbar.line_drive import Floats
from hil.simulators.models.drive import Drive
from hil.simulators.models.model import Device, State

Places = NDArray[np.int64]

_LEAST_SHARE = 1e-3
"""Below this part of its range a memory counts as this part of it."""

_OTHER = 0.02
"""So far, relative, another visible column than the memory may be off."""


class Ruler:
    """Measures moves of states: of the memory against its value, of other columns roughly.

    Parameters
    ----------
    model : Device
    state : (cells,) structured array
        Tells the range of each cell's memory.
    tolerance : float
        The unit of a move of the memory, relative to the memory's value, or to a thousandth of
        its range where that is more. Other columns that are not bookkeeping (a temperature, the
        voltage that forms a cell) have 0.02 of their value as their unit.
    """

    def __init__(self, model: Device, state: State, tolerance: float) -> None:
        low, high = model.memory_range(state)
        self._floor = _LEAST_SHARE * np.abs(high - low)
        self._memory, self.tolerance = model.memory_column, tolerance
        dtype = model.state_dtype
        self._others = [
            name
            for name in dtype.names or ()
            if name not in model.bookkeeping and name != self._memory and dtype[name].kind in "fiu"
        ]

    def moves(self, before: State, after: State, cells: Places | None = None) -> Floats:
        """Measure the move of each of some cells (all unless told), in units, (cells,) float64."""
        floor = self._floor if cells is None else self._floor[cells]
        old, new = before[self._memory], after[self._memory]
        value = np.maximum(np.maximum(np.abs(new), floor), 1e-300)
        moved: Floats = np.abs(new - old) / (self.tolerance * value)
        for name in self._others:
            one, other = before[name], after[name]
            if not np.array_equal(one, other):
                least = np.maximum(np.maximum(np.abs(one), np.abs(other)), 1e-300)
                moved = np.maximum(moved, np.abs(1.0 * other - one) / (_OTHER * least))
        return moved


def seen_drive(
    duration_s: Floats,
    start_v: Floats,
    stop_v: Floats,
    *,
    source_ohm: float = 0.0,
    limit_a: float = math.inf,
    start_s: float = 0.0,
    measured: bool = False,
) -> Drive:
    """Make a drive of what cells see: durations (segments,), voltages (segments, cells)."""
    segments = len(duration_s)
    return Drive(
        duration_s=np.repeat(duration_s[:, None], start_v.shape[1], axis=1),
        start_v=np.ascontiguousarray(start_v),
        stop_v=np.ascontiguousarray(stop_v),
        measured=np.full(segments, measured),
        units=np.array([[0, segments, 1]]),
        source_ohm=source_ohm,
        limit_a=limit_a,
        start_s=start_s,
    )
