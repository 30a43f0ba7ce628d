"""One operating point of an array of linear cells, exactly.

Every row is eliminated from its far end to its driver: a node that sees the conductance e to
elsewhere, behind a segment R, hands a = 1/(1 + e R) of its current on, and the conductance a e; it
takes u = a u_next + b y, with b = R a and y the current that arrived. No difference of numbers
of one sign is ever taken, so ideal (0) and broken wires (inf: a = 0, b = 1/e) are exact too. What
is left, S = P - D L^-1 D on the columns' nodes (P the columns' and L the rows' tridiagonals with
the cells D in both), is solved by conjugate gradients with the columns eliminated in the same way
as P^-1 (Hestenes and Stiefel, J. Res. NBS 49, 409, 1952; P times the direction comes by recurrence
from the residuals). Voltages are counted from each line's own source, so that small losses in the
wires are as exact as large ones.

Lines that hang together by cells much better than they hang on any source (floating, or behind a
large resistance) lose digits by that ratio: 1e-16 of it is what rounding leaves undetermined.
"""

import math
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError

if TYPE_CHECKING:
    from hil.simulators.crossbar.network import Network

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TOLERANCE = 2e-11
"""Of the residual in the norm of its power, before a last step that is not counted: currents are
then good to 3e-13 of the largest one up to 512 x 512 cells of 1 to 100 uS and 2.5 ohm a segment,
and to 1e-11 where 1000 ohm a segment leave hardly any."""

FLOOR_OHM = 1e-12
"""Least resistance of a far end: two ideal sources on one line would share its current at will."""

_NO_CELLS = np.empty((0, 0))
_NO_NODES = np.empty((0, 0, 0))


class Solution(NamedTuple):
    """Voltages and currents of an array at one instant.

    Attributes
    ----------
    row_node_v, column_node_v : (rows, columns) float64
        Voltage of each cell's node on its row and on its column (V).
    row_a, far_row_a : (rows,) float64
        Current from each row's near and far source into the array (A).
    column_a, far_column_a : (columns,) float64
        Current from the array into each column's near and far source (A).
    iterations : int
        Steps of conjugate gradients that were taken.
    reached : (2, rows, columns) bool or None
        Nodes on rows and on columns that a source reaches; None: all.
    """

    row_node_v: Floats
    column_node_v: Floats
    row_a: Floats
    column_a: Floats
    far_row_a: Floats
    far_column_a: Floats
    iterations: int
    reached: Flags | None = None

    @property
    def cell_v(self) -> Floats:
        """(rows, columns) float64: voltage of each cell, row less column (V)."""
        return self.row_node_v - self.column_node_v

    @property
    def floating(self) -> Flags:
        """(2, rows, columns) bool: nodes on rows and columns that no source reaches.

        Their voltage is not determined: they are given 0 V, the least in the sum of squares.
        """
        if self.reached is None:
            return np.zeros((2, *self.row_node_v.shape), dtype=np.bool_)
        return ~self.reached


class LinearSolver:
    """Solves one network for any linear cells and sources.

    It keeps its scratch memory (11 numbers a cell) between calls, so it serves one thread.
    """

    def __init__(self, network: "Network") -> None:
        from hil.simulators.crossbar import linear_kernel
        from hil.simulators.crossbar.lines_kernel import ABREAST

        self.network = network
        self._kernel = linear_kernel
        row_wire_ohm, column_wire_ohm = network.row_wire_ohm, network.column_wire_ohm
        driver_ohm, sense_ohm = network.driver_ohm, network.sense_ohm
        self._row_ohm, self._column_ohm = _compact(row_wire_ohm), _compact(column_wire_ohm)
        self._row_end = _end(driver_ohm, row_wire_ohm[:, 0], network.far_driver_ohm)
        self._column_end = _end(sense_ohm, column_wire_ohm[-1], network.far_sense_ohm)
        ways = (row_wire_ohm, column_wire_ohm, driver_ohm, sense_ohm)
        self._may_float = math.inf in map(_largest, ways)
        rows = -(-network.rows // ABREAST) * ABREAST
        self._line = np.empty((2, max(rows, network.columns)))
        self._work = np.empty((linear_kernel.PLANES, rows, _stride(network.columns)))

    def __reduce__(self) -> tuple[type["LinearSolver"], tuple["Network"]]:
        """Pickle and copy the network alone: the rest is scratch."""
        return LinearSolver, (self.network,)

    def solve(
        self,
        conductance_s: ArrayLike,
        row_v: ArrayLike,
        column_v: ArrayLike,
        *,
        cell_a: ArrayLike | None = None,
        row_a: ArrayLike | None = None,
        column_a: ArrayLike | None = None,
        start_v: ArrayLike | None = None,
        tolerance: float = TOLERANCE,
    ) -> Solution:
        """Find the voltages and currents.

        Parameters
        ----------
        conductance_s : (rows, columns)
            Of the cells, finite and >= 0 (S). A shorted cell has the resistance of its short.
        row_v, column_v : (rows,), (columns,)
            Of the lines' sources (V). It says nothing where a line is open at both ends.
        cell_a : (rows, columns), optional
            Current sources beside the cells, from row to column (A): a cell then carries
            g v + cell_a.
        row_a, column_a : (rows,), (columns,), optional
            Current driven into a line at its node nearest to the near end (A).
        start_v : (rows, columns), optional
            Guess of the voltages on the rows. It saves steps where it is near, and changes no
            more of the answer than the tolerance.
        tolerance : float
            Of the residual, relative (see `TOLERANCE`).

        Returns
        -------
        Solution
            New arrays. Nodes that no source reaches through wires and conducting cells are at
            0 V and carry no current; what `cell_a`, `row_a` and `column_a` would drive into them
            has no way back and is left out.

        Raises
        ------
        ConfigError
            A shape does not fit; a conductance is negative, infinite or none; a voltage or current
            is not finite; the tolerance is not between 0 and 1; or the resistances span so much
            that there is no answer in float64.
        """
        if not 0.0 < tolerance < 1.0:
            raise ConfigError(f"tolerance is {tolerance}; give a small number between 0 and 1")
        cells = (self.network.rows, self.network.columns)
        nodes = np.empty((2, *cells))
        steps, row_out, column_out, reached = self._run(
            _cells("conductance_s", conductance_s, cells),
            _sources("row", row_v, row_a, self.network.rows),
            _sources("column", column_v, column_a, self.network.columns),
            _NO_CELLS if cell_a is None else _cells("cell_a", cell_a, cells),
            _NO_CELLS if start_v is None else _cells("start_v", start_v, cells),
            tolerance,
            nodes,
        )
        return Solution(
            nodes[0], nodes[1], row_out[0], column_out[0], row_out[1], column_out[1],
            steps, reached,
        )  # fmt: skip

    def column_a(self, conductance_s: ArrayLike, row_v: ArrayLike, column_v: ArrayLike) -> Floats:
        """Find only the currents into the columns' near sources: (columns,) float64 (A).

        Parameters and errors are those of `solve`.
        """
        net = self.network
        g = _cells("conductance_s", conductance_s, (net.rows, net.columns))
        rows = _sources("row", row_v, None, net.rows)
        columns = _sources("column", column_v, None, net.columns)
        out = self._run(g, rows, columns, _NO_CELLS, _NO_CELLS, TOLERANCE, _NO_NODES)[2]
        return cast("Floats", out[0])

    def _run(
        self,
        conductance_s: Floats,
        row_in: Floats,
        column_in: Floats,
        cell_a: Floats,
        start_v: Floats,
        tolerance: float,
        nodes: Floats,
    ) -> tuple[int, Floats, Floats, Flags | None]:
        """Call the kernel; return steps, currents of rows and columns, and reached nodes."""
        row_out, column_out = np.empty_like(row_in), np.empty_like(column_in)
        reached = None
        if self._may_float:
            # not `Network.open_rows`: a line is as open where its first segment is broken
            row_in[0, _open(self._row_end)] = column_in[0, _open(self._column_end)] = 0.0
            reached = self._reached(conductance_s)
            if reached is not None:
                conductance_s, cell_a = _cut(conductance_s, cell_a, reached)
        steps = self._kernel.solve(
            conductance_s, row_in, column_in, cell_a, self._row_ohm, self._column_ohm,
            self._row_end, self._column_end, start_v, tolerance, self._work, self._line,
            row_out, column_out, nodes,
        )  # fmt: skip
        if steps < 0:
            raise ConfigError(_WHY[steps])
        if reached is not None and nodes.size:
            nodes *= reached
        return steps, row_out, column_out, reached

    def _reached(self, conductance_s: Floats) -> Flags | None:
        """Find the nodes on rows and columns that a source reaches; None: all."""
        from hil.simulators.crossbar.islands_kernel import reach

        reached = np.empty((2, *conductance_s.shape), dtype=np.bool_)
        reach(
            conductance_s,
            self._row_ohm,
            self._column_ohm,
            self._row_end,
            self._column_end,
            reached,
        )
        return None if reached.all() else reached


_WHY = {
    -1: "conductance_s has a value below 0, an infinite one or none at all: give S >= 0, and a "
    "shorted cell the conductance of its short",
    -2: "a voltage or a current is not a finite number: give V and A",
    -3: "no currents can be found: the resistances of wires, ends and cells span more than "
    "float64 can tell apart, so give nearly ideal ones as 0 and nearly open ones as inf",
}


def _cells(name: str, given: ArrayLike, shape: tuple[int, int]) -> Floats:
    array = np.ascontiguousarray(given, dtype=np.float64)
    if array.shape != shape:
        msg = f"{name} is {array.shape}, but the network has {shape} cells (rows, columns)"
        raise ConfigError(msg)
    return array if array.flags.writeable else array.copy()  # numba takes them for two types


def _sources(line: str, voltage_v: ArrayLike, current_a: ArrayLike | None, lines: int) -> Floats:
    """Gather voltages and currents of the rows or the columns: (2, lines)."""
    sources = np.zeros((2, lines))
    try:
        sources[0] = voltage_v
        if current_a is not None:
            sources[1] = current_a
    except (TypeError, ValueError) as error:
        msg = f"{line}_v and {line}_a must be one number for each of the {lines} {line}s"
        raise ConfigError(msg) from error
    return sources


def _end(near_ohm: Floats, first_ohm: Floats, far_ohm: Floats) -> Floats:
    """(2, lines): resistance from each near node to its source, conductance from each far one."""
    end = np.empty((2, len(near_ohm)))
    if _uniform(near_ohm) and _uniform(first_ohm) and _uniform(far_ohm):
        end[0] = near_ohm.item(0) + first_ohm.item(0)
        end[1] = 1 / max(far_ohm.item(0), FLOOR_OHM)
    else:
        end[0] = near_ohm + first_ohm
        end[1] = 1 / np.maximum(far_ohm, FLOOR_OHM)
    return end


def _uniform(ohm: Floats) -> bool:
    """Whether one number was spread over the array: then it is worth not to look at all of it."""
    return not any(ohm.strides)


def _largest(ohm: Floats) -> float:
    return ohm.item(0) if _uniform(ohm) else float(ohm.max())


def _open(end: Floats) -> Flags:
    """(lines,) bool: lines that no source reaches through their own ends."""
    is_open: Flags = np.isinf(end[0]) & (end[1] == 0)
    return is_open


def _cut(conductance_s: Floats, cell_a: Floats, reached: Flags) -> tuple[Floats, Floats]:
    """Give conductances and currents without those of cells with an unreached node.

    A current into the line of such a node finds no conductance then, and makes no voltage. What
    is no conductance is left, to be found out.
    """
    gone = ~(reached[0] & reached[1])
    left_s = np.where(gone & (conductance_s > 0) & (conductance_s < np.inf), 0.0, conductance_s)
    return left_s, np.where(gone, 0.0, cell_a) if cell_a.size else cell_a


def _compact(wire_ohm: Floats) -> Floats:
    """Take wires that are the same all along as one row of the array."""
    return np.array(wire_ohm[:1] if wire_ohm.strides[0] == 0 else wire_ohm, order="C")


def _stride(columns: int) -> int:
    """Fill rows of a plane up to vectors, and keep 8 of them from falling on the same cache lines.

    Without it a sweep over the rows of 512 x 512 cells takes 2.5 times as long.
    """
    filled = -(-columns // 8) * 8
    return filled + 8 if filled % 64 == 0 else filled
