"""What is at the ends of an array's lines at the readings of a drive."""

import numpy as np

from hil.simulators.crossbar.cells import Law
from hil.simulators.crossbar.line_drive import Floats, LineDrive, LineTerminal
from hil.simulators.crossbar.writing.circuit import Circuit, Point
from hil.simulators.crossbar.writing.moves import seen_drive
from hil.simulators.models.model import Device, State


class Shown:
    """Cells whose currents are off a law by a factor each, (cells,)."""

    def __init__(self, law: Law, factor: Floats) -> None:
        self.rows, self.columns = law.rows, law.columns
        self._law, self._factor = law, factor.reshape(law.rows, law.columns)

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        """Compute currents (A) and slopes dI/dV (S) at voltages, all (rows, columns)."""
        current_a, slope_s = self._law.linearised(voltage_v)
        return self._factor * current_a, self._factor * slope_s


class Record:
    """Collects readings; asks cells that have noise what they show.

    A fluctuation of a cell's conductance changes the currents of all lines: the network is solved
    once more, with each cell's law times the factor by which the cell is off it.
    """

    def __init__(self, model: Device, state: State, circuit: Circuit, lines: LineDrive) -> None:
        self._model, self._state, self._circuit, self._lines = model, state, circuit, lines
        self._every = np.arange(len(state))
        self._readings: list[tuple[Floats, Floats, Floats, bool]] = []

    def add(self, point: Point, now_s: float) -> None:
        """Take down an operating point as the reading at a time."""
        if self._model.ages:
            point = self._as_shown(point, now_s)
        found, lines = point.operating, self._lines
        row_a = np.where(lines.floating_rows, 0.0, found.row_a + found.far_row_a)
        column_a = np.where(lines.floating_columns, 0.0, found.column_a + found.far_column_a)
        self._readings.append((row_a, column_a, point.ends_v, point.held != 0))

    def terminal(self) -> LineTerminal:
        """Give all readings."""
        lines = self._lines
        rows, columns = len(lines.floating_rows), len(lines.floating_columns)
        if not self._readings:
            nothing = np.empty((0, columns))
            return LineTerminal(np.empty((0, rows)), nothing, nothing, np.empty(0, np.bool_))
        row_a, column_a, column_v, limited = zip(*self._readings, strict=True)
        return LineTerminal(
            np.array(row_a), np.array(column_a), np.array(column_v), np.array(limited)
        )

    def _as_shown(self, point: Point, now_s: float) -> Point:
        """Solve again with what the cells show, if that is not what they are."""
        seen_v = point.memory_v[None]
        look = seen_drive(np.zeros(1), seen_v, seen_v, start_s=now_s, measured=True)
        shown_a = self._model.play(self._state, self._every, look).current_a[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.nan_to_num(shown_a / point.memory_a, nan=1.0, posinf=1.0, neginf=1.0)
        if np.abs(factor - 1.0).max() < 1e-9:
            return point
        shown = Shown(self._circuit.cells, factor)
        return self._circuit.solve(point.row_v, point.column_v, point, cells=shown)
