"""What a search for an operating point begins with, how far it has come, and what it finds."""

from typing import NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError, NotSupported
from hil.simulators.crossbar.cells import GatedLaw, Law
from hil.simulators.crossbar.linear import LinearSolver, Solution

Floats = NDArray[np.float64]

LOOSE, TIGHT = 1e-3, 1e-14
"""Relative tolerances of the linear solves, the first and the last. The last is below the linear
solver's own, as that is relative to the tangents' currents, some times those that flow."""

_RELATIVE = 1e-12
"""Residual over the largest current of a cell that counts as none."""

_FLOOR_V = 1e-15
"""What a residual over the largest slope may always be (V): rounding of volts."""

_NOISE = 1e-10
"""Where a residual over the largest current that no longer falls is the rounding of the law."""

_NOTHING_A = 1e-18
"""Likewise of any current: six electrons a second. Closed gates and selectors between lines that
float carry so little that their own solvers round by more than `_NOISE` of it."""


class Operating(NamedTuple):
    """Voltages and currents of an array of nonlinear cells at one instant.

    Attributes
    ----------
    cell_v, cell_a : (rows, columns) float64
        Voltage across each cell, row less column (V), and the current of its law there (A).
    row_node_v, column_node_v : (rows, columns) float64
        Voltage of each cell's node on its row and on its column (V).
    row_a, far_row_a : (rows,) float64
        Current from each row's near and far source into the array (A).
    column_a, far_column_a : (columns,) float64
        Current from the array into each column's near and far source (A).
    residual_a : float
        Largest difference between the current of a cell's law and what Kirchhoff's law leaves
        for it in the network (A).
    steps : int
        Steps of Newton's method that were taken.
    memory_v : (rows, columns) float64
        Voltage across each memory device alone: `cell_v` unless it has an access device (V).
    """

    cell_v: Floats
    cell_a: Floats
    row_node_v: Floats
    column_node_v: Floats
    row_a: Floats
    column_a: Floats
    far_row_a: Floats
    far_column_a: Floats
    residual_a: float
    steps: int
    memory_v: Floats


class Sources(NamedTuple):
    """What drives the lines, in V and in A, and the residual asked for (None: by its default)."""

    row_v: Floats
    column_v: Floats
    column_a: Floats | None
    tolerance_a: float | None

    def allows(self, worst_a: float, top_a: float, steepest_s: float) -> bool:
        """Tell whether a residual is small enough."""
        least_a = _RELATIVE * top_a if self.tolerance_a is None else self.tolerance_a
        return worst_a <= max(least_a, _FLOOR_V * steepest_s)

    def network(
        self,
        linear: LinearSolver,
        chord_s: Floats,
        offset_a: Floats,
        guess_v: Floats | None,
        tolerance: float,
    ) -> Solution:
        """Solve the network with tangents ``offset_a + chord_s V`` for its cells.

        Raises
        ------
        NotSupported
            There are no currents in float64: some tangents are too far from others.
        """
        try:
            return linear.solve(
                chord_s, self.row_v, self.column_v, cell_a=offset_a, column_a=self.column_a,
                start_v=guess_v, tolerance=tolerance,
            )  # fmt: skip
        except ConfigError as error:
            msg = f"no operating point of the array was found: {error}"
            raise NotSupported(msg) from error


class Progress:
    """Watches the residual from step to step."""

    def __init__(self, sources: Sources, tolerance: float) -> None:
        self.sources, self.best_a, self.stale, self.tolerance = sources, np.inf, 0, tolerance

    def done(self, worst_a: float, top_a: float, steepest_s: float) -> bool:
        """Tell whether a solution will do, and set the tolerance of the next linear one.

        That never grows again: a loose solution may leave weakly tied lines anywhere, and a
        residual after one says less than after a better one.
        """
        tight = self.tolerance <= TIGHT
        good = self.sources.allows(worst_a, top_a, steepest_s)
        self.stale = 0 if worst_a < 0.5 * self.best_a else self.stale + 1
        self.best_a = min(self.best_a, worst_a)
        relative = 0.0 if good else worst_a / top_a if top_a > 0 else 1.0
        wanted = max(TIGHT, relative * relative)
        if wanted < self.tolerance:
            self.tolerance, self.best_a = wanted, np.inf
        return tight and (good or (self.stale > 1 and is_noise(worst_a, top_a)))


def is_noise(worst_a: float, top_a: float) -> bool:
    """Tell whether a residual that no longer falls may be the rounding of a law."""
    return worst_a <= max(_NOISE * top_a, _NOTHING_A)


def gated(law: Law | GatedLaw) -> TypeGuard[GatedLaw]:
    """Tell whether a law asks for potentials; isinstance of a protocol takes 20 us."""
    return hasattr(law, "linearised_at")


def finite(told: tuple[Floats, ...]) -> tuple[Floats, ...]:
    """Raise unless a law can be begun with."""
    if not all(np.isfinite(part).all() for part in told):
        raise NotSupported(
            "at the voltages of the lines a cell's law gives no finite current or slope; lower "
            "them, or give start_v, the voltages across the cells to begin with"
        )
    return told


def gather(
    law: Law | GatedLaw,
    at: Solution,
    cell_v: Floats,
    cell_a: Floats,
    worst_a: float,
    steps: int,
) -> Operating:
    """Gather what was found; *law* was asked last at this point."""
    memory_v: Floats = getattr(law, "memory_v", cell_v)
    return Operating(
        cell_v, cell_a, at.row_node_v, at.column_node_v, at.row_a, at.column_a, at.far_row_a,
        at.far_column_a, worst_a, steps, memory_v,
    )  # fmt: skip
