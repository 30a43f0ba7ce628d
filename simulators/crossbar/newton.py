"""The operating point of an array of nonlinear cells: Newton's method on the linear solver.

Each step puts tangents of the cells' laws into the network and solves it exactly (`LinearSolver`);
what a law then says at the voltages that come out, less what its tangent said there, is the
residual: a current (A) that Kirchhoff's law lacks at both nodes of the cell. The linear solves are
only as good as the residual can be after them, by its square (inexact Newton: R. S. Dembo, S. C.
Eisenstat and T. Steihaug, SIAM J. Numer. Anal. 19(2), 400 (1982), doi 10.1137/0719025).

Steep laws are reached from above by a tangent where the predicted current flows instead of where
the voltage is (as the limiting of junctions in SPICE: L. W. Nagel, SPICE2, UCB/ERL M520 (1975)).
Where that makes no progress, and for cells with a gate, each step is shortened until the residual
falls (`damped`).
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.crossbar.cells import GatedLaw, Law
from hil.simulators.crossbar.damped import damped
from hil.simulators.crossbar.linear import LinearSolver
from hil.simulators.crossbar.network import Network, spread_v
from hil.simulators.crossbar.newton_kernel import compare, tangents
from hil.simulators.crossbar.operating import (
    LOOSE,
    Operating,
    Progress,
    Sources,
    finite,
    gated,
    gather,
)

__all__ = ["NonlinearSolver", "Operating"]

Floats = NDArray[np.float64]

_STEPS, _STALE = 60, 4
"""At most so many steps, and so many without progress."""


class NonlinearSolver:
    """Solves one network for cells of any law.

    Parameters
    ----------
    network : Network
        Wires and ends.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._linear = LinearSolver(network)
        shape = (network.rows, network.columns)
        self._chord_s, self._offset_a = np.empty(shape), np.empty(shape)

    def solve(
        self,
        law: Law | GatedLaw,
        row_v: ArrayLike,
        column_v: ArrayLike,
        *,
        column_a: Floats | None = None,
        start_v: Floats | None = None,
        tolerance_a: float | None = None,
    ) -> Operating:
        """Find the voltages at which the cells' currents and the network agree.

        Parameters
        ----------
        law : Law or GatedLaw
            The cells.
        row_v, column_v : float or (rows,), float or (columns,)
            Voltages of the sources (V).
        column_a : (columns,) or None
            Current into each column at its near cell (A), see `LinearSolver.solve`.
        start_v : (rows, columns) or None
            Voltages across the cells to begin with (V); if left out, those without wires.
        tolerance_a : float or None
            Largest residual (A); if left out, 1e-12 of the largest current of a cell.

        Returns
        -------
        Operating
            With the residual that was reached. It may be what 1e-15 V change in the steepest cell.
            Where the law itself is only good to more than the tolerance, that is where it no
            longer falls, up to 1e-10 of the largest current or 1e-18 A, whichever is more
            (tolerance_a given or not).

        Raises
        ------
        ConfigError
            A voltage is not a number, or a shape does not fit.
        NotSupported
            No operating point was found: the law has falling parts, or jumps, or says nothing
            finite at these voltages.
        """
        net = self.network
        if (law.rows, law.columns) != (net.rows, net.columns):
            raise ConfigError(
                f"the cells are {law.rows} x {law.columns} and the network is for {net.rows} x "
                f"{net.columns}; make both for one array"
            )
        sources = Sources(
            spread_v("row_v", row_v, net.rows), spread_v("column_v", column_v, net.columns),
            column_a, tolerance_a,
        )  # fmt: skip
        start_v = self._guess(sources) if start_v is None else np.ascontiguousarray(start_v)
        if start_v.shape != (net.rows, net.columns):
            raise ConfigError(
                f"start_v is {start_v.shape}, but there are {net.rows} x {net.columns} cells"
            )
        column_node_v = np.broadcast_to(sources.column_v, start_v.shape)
        begin = (start_v + column_node_v, column_node_v)
        if not gated(law):
            found, begin = self._quick(cast("Law", law), sources, start_v, begin)
            if found is not None:
                return found
        return damped(self._linear, law, sources, *begin)

    def _guess(self, sources: Sources) -> Floats:
        """Give the cells' voltages without wires, 0 V where a line floats."""
        free = self.network.open_rows[:, None] | self.network.open_columns
        return np.where(free, 0.0, sources.row_v[:, None] - sources.column_v)

    def _quick(
        self, law: Law, sources: Sources, start_v: Floats, begin: tuple[Floats, Floats]
    ) -> tuple[Operating | None, tuple[Floats, Floats]]:
        """Take whole steps; give the operating point, or None and where the residual was least."""
        chord_s, offset_a = self._chord_s, self._offset_a
        start_a, start_s = finite(law.linearised(start_v))
        tangents(start_v, start_a, start_s, chord_s, offset_a)
        progress, guess = Progress(sources, LOOSE), None
        for step in range(1, _STEPS + 1):
            at = sources.network(self._linear, chord_s, offset_a, guess, progress.tolerance)
            cell_v = at.cell_v
            current_a, slope_s = law.linearised(cell_v)
            worst_a, *sizes = compare(cell_v, current_a, slope_s, chord_s, offset_a)
            if progress.done(worst_a, *sizes):
                return gather(law, at, cell_v, current_a, worst_a, step), begin
            if progress.stale == 0:
                begin = (at.row_node_v, at.column_node_v)
            if progress.stale >= _STALE or not worst_a < np.inf:
                break
            guess = at.row_node_v
        return None, begin
