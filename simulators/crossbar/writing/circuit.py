"""Cells of a model between the lines of an array, at one instant."""

import math
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, cast

import numpy as np

from hil.errors import NotSupported
from hil.simulators.crossbar.cells import GatedLaw, Law
from hil.simulators.crossbar.line_drive import Flags, Floats
from hil.simulators.crossbar.linear import LinearSolver
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.newton import NonlinearSolver, Operating
from hil.simulators.crossbar.operating import gated

_ROUGHLY = 1e-9
"""Of the largest current of a cell."""

Solvers = Callable[[Flags, Flags], NonlinearSolver]


class Point(NamedTuple):
    """An operating point of an array, and what its cells see of the rest.

    Attributes
    ----------
    operating : Operating
        Of the network.
    memory_v, memory_a : (cells,) float64
        Voltage across each memory device, without its access device, and current through it.
    row_v, column_v : (rows,) float64, (columns,) float64
        What the sources are told (V).
    ends_v : (columns,) float64
        Voltage of each column's source, see `LineTerminal.column_v`.
    held : int
        Sign of the current that the limited column's source holds at its limit; 0 where it does
        not.
    pull_v : float
        How far its limit has moved that source from the voltage that it is told (V).
    """

    operating: Operating
    memory_v: Floats
    memory_a: Floats
    row_v: Floats
    column_v: Floats
    ends_v: Floats
    held: int
    pull_v: float

    def still_held(self, row_v: Floats, column_v: Floats) -> bool:
        """Tell whether the limit is likely to hold at other voltages too.

        To force the limit's current through cells that do not carry it takes voltages far beyond
        the sources', where there may be no operating point.
        """
        other_v = np.abs(row_v - self.row_v).max() + np.abs(column_v - self.column_v).max()
        return self.held != 0 and bool(other_v < 0.5 * abs(self.pull_v))


class Circuit:
    """An array with its sources: which lines are driven, and where a current is limited.

    Parameters
    ----------
    network : Network
        All lines driven.
    solvers : callable
        Gives the solver of the network with some rows and columns floating.
    cells : Law
        The memory devices, in the state that they are in when `solve` is called.
    around : callable
        Puts what is in series with each of them around such a law.
    floating_rows, floating_columns : (rows,) bool, (columns,) bool
    limit_a, limited_column : float, int
        See `LineDrive`. Where the source at the column would carry more than the limit, it puts
        out the limit instead, and its voltage is somewhere between what it is told and what would
        carry no current. An array without active parts has one such voltage at most.
    """

    def __init__(
        self,
        network: Network,
        solvers: Solvers,
        cells: Law,
        around: Callable[[Law], Law | GatedLaw],
        floating_rows: Flags,
        floating_columns: Flags,
        limit_a: float = math.inf,
        limited_column: int = 0,
    ) -> None:
        self.cells, self.limit_a, self.limited_column = cells, limit_a, limited_column
        self._around, self._law = around, around(cells)
        self._dark = _dark(network)
        self.floating_columns = floating_columns
        self._driven = solvers(floating_rows, floating_columns)
        self._linear = LinearSolver(self._driven.network)
        self._far_end_ohm = network.column_wire_ohm[-1]
        self._sense_ohm = float(network.sense_ohm[limited_column])
        if limit_a < math.inf:
            opened = floating_columns.copy()
            opened[limited_column] = True
            self._opened = solvers(floating_rows, opened)
            self._held_linear = LinearSolver(self._opened.network)

    def solve(
        self, row_v: Floats, column_v: Floats, near: Point | None = None, *,
        cells: Law | None = None, roughly: bool = False,
    ) -> Point:  # fmt: skip
        """Solve for the sources' voltages, (rows,) and (columns,), from a point that is near.

        *cells* stand for the circuit's own where they are given. *roughly* is to a billionth of
        the currents of the near point.
        """
        if not (row_v.any() or column_v.any()):
            return self._dark
        law = self._law if cells is None else self._around(cells)
        start_v = None if near is None else near.operating.cell_v
        least_a = None
        if roughly and near is not None:
            least_a = _ROUGHLY * float(np.abs(near.memory_a).max()) or None
        if near is not None and near.still_held(row_v, column_v):
            with suppress(NotSupported):
                point = self._at_limit(law, row_v, column_v, start_v, near.held, least_a)
                if near.held * point.pull_v >= 0.0:
                    return point
        found = _solved(self._driven, law, row_v, column_v, None, start_v, least_a)
        flowing_a = float(found.column_a[self.limited_column])
        if abs(flowing_a) > self.limit_a:
            held = 1 if flowing_a > 0 else -1
            return self._at_limit(law, row_v, column_v, found.cell_v, held, least_a)
        return self._point(found, row_v, column_v, self._ends_v(found, column_v), 0)

    def seen_ohm(self, point: Point, cell: int, *, held: bool) -> float:
        """Compute what a memory device sees of the rest about a point, the limit held or not.

        That is -dV/dI at its terminals, all other cells and its access device with the slopes that
        they have there; inf where nothing leads on. How a gate's effect depends on the column's
        potential is left out.
        """
        found = point.operating
        if gated(self._law):
            slope_s = self._law.linearised_at(found.row_node_v, found.column_node_v)[1].copy()
        else:
            slope_s = cast("Law", self._law).linearised(found.cell_v)[1].copy()
        access_ohm = 0.0
        if self._law is not self.cells:
            whole_s = float(slope_s.flat[cell])
            own_s = float(self.cells.linearised(found.memory_v)[1].flat[cell])
            access_ohm = max(1.0 / whole_s - 1.0 / own_s, 0.0) if min(whole_s, own_s) > 0 else 0.0
        own_s = max(float(slope_s.flat[cell]), 1e-6 * float(slope_s.max()), 1e-15)
        slope_s.flat[cell] = own_s
        probe_a = np.zeros_like(slope_s)
        probe_a.flat[cell] = -1.0
        linear = self._held_linear if held else self._linear
        seen = linear.solve(slope_s, 0.0, 0.0, cell_a=probe_a, tolerance=1e-9)
        both_ohm = float(seen.cell_v.flat[cell])
        rest = 1.0 - own_s * both_ohm
        return access_ohm + (max(both_ohm, 0.0) / rest if rest > 1e-8 else math.inf)

    def _at_limit(
        self, law: Law | GatedLaw, row_v: Floats, column_v: Floats, start_v: Floats | None,
        held: int, least_a: float | None,
    ) -> Point:  # fmt: skip
        """Solve with the limit flowing into the limited column's source, or out of it."""
        column, flowing_a = self.limited_column, held * self.limit_a
        driven_v, into_a = column_v.copy(), np.zeros(len(column_v))
        driven_v[column], into_a[column] = 0.0, -flowing_a
        found = _solved(self._opened, law, row_v, driven_v, into_a, start_v, least_a)
        ends_v = self._ends_v(found, column_v)
        ends_v[column] = found.column_node_v[-1, column] - flowing_a * (
            self._far_end_ohm[column] + self._sense_ohm
        )
        found.column_a[column] = flowing_a
        return self._point(found, row_v, column_v, ends_v, held)

    def _ends_v(self, found: Operating, column_v: Floats) -> Floats:
        """Give the voltage at each column's near end: its source's, or the line's if it floats."""
        along_v = np.where(found.column_a == 0.0, 0.0, found.column_a * self._far_end_ohm)
        return np.where(self.floating_columns, found.column_node_v[-1] - along_v, column_v)

    def _point(
        self, found: Operating, row_v: Floats, column_v: Floats, ends_v: Floats, held: int
    ) -> Point:
        pull_v = float((ends_v - column_v)[self.limited_column]) if held else 0.0
        memory = found.memory_v.ravel(), found.cell_a.ravel()
        return Point(found, *memory, row_v, column_v, ends_v, held, pull_v)


def _solved(
    solver: NonlinearSolver, law: Law | GatedLaw, row_v: Floats, column_v: Floats,
    column_a: Floats | None, start_v: Floats | None, least_a: float | None,
) -> Operating:  # fmt: skip
    """Solve from voltages that are near, else from none.

    Lines that closed gates cut off may have strayed so far that no way leads back from there.
    """
    if start_v is not None:
        with suppress(NotSupported):
            return solver.solve(
                law, row_v, column_v, column_a=column_a, start_v=start_v, tolerance_a=least_a
            )
    return solver.solve(law, row_v, column_v, column_a=column_a, tolerance_a=least_a)


def _dark(network: Network) -> Point:
    """Give the point of an array without a voltage anywhere."""
    cells, rows, columns = (
        np.zeros(shape)
        for shape in ((network.rows, network.columns), network.rows, network.columns)
    )
    found = Operating(
        cell_v=cells, cell_a=cells, row_node_v=cells, column_node_v=cells, row_a=rows,
        column_a=columns, far_row_a=rows, far_column_a=columns, residual_a=0.0, steps=0,
        memory_v=cells,
    )  # fmt: skip
    return Point(found, cells.ravel(), cells.ravel(), rows, columns, columns, 0, 0.0)
