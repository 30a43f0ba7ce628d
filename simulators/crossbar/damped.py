"""Newton's method with steps that are shortened until the residual falls, for any law.

The network is linear, so on the way from one solution of it to another its currents are in
proportion, and only the laws have to be asked again.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from hil.errors import NotSupported
from hil.simulators.crossbar.cells import GatedLaw, Law
from hil.simulators.crossbar.linear import LinearSolver, Solution
from hil.simulators.crossbar.newton_kernel import FLAT, LEAST_S
from hil.simulators.crossbar.operating import (
    TIGHT,
    Operating,
    Progress,
    Sources,
    finite,
    gated,
    gather,
    is_noise,
)

Floats = NDArray[np.float64]

_STEPS = 200
"""At most so many steps."""

_CORRECTIONS, _CORRECTED = 24, 1e-3
"""How many more solves there may be for the tangents of gated cells, whose matrix is not
symmetric; what part of the residual they may leave."""

_ROUNDING = 1e-15
"""Part of the largest current below which they stop too."""

_SHORTEST = 1e-9
"""Least part of a step."""


def damped(
    linear: LinearSolver, law: Law | GatedLaw, sources: Sources, row_v: Floats, column_v: Floats
) -> Operating:
    """Find the operating point from potentials of the nodes on, all (rows, columns).

    Raises
    ------
    NotSupported
        No operating point was found.
    """
    here = _Point(law, row_v, column_v, None)
    finite((here.current_a, *here.slopes()))
    progress, worst_a = Progress(sources, TIGHT), np.inf
    for step in range(1, _STEPS + 1):
        at, told_a = _corrected(linear, sources, here)
        there = _Point(law, at.row_node_v, at.column_node_v, told_a)
        worst_a, top_a = there.worst_a, float(np.abs(told_a).max())
        done = progress.done(worst_a, top_a, float(there.slopes()[0].max()))
        shorter = there if done else here.towards(law, there)
        if done or (shorter is None and is_noise(worst_a, top_a)):
            there = _Point(law, at.row_node_v, at.column_node_v, told_a)
            return gather(law, at, at.cell_v, there.current_a, worst_a, step)
        if shorter is None:
            break
        here = shorter
    raise NotSupported(
        f"no operating point of the array was found: after {step} steps a cell's current still "
        f"misses Kirchhoff's law by {worst_a:.3g} A; look for cells whose current falls with the "
        "voltage or jumps, or give the lines a driver resistance"
    )


def _corrected(linear: LinearSolver, sources: Sources, here: "_Point") -> tuple[Solution, Floats]:
    """Solve the network with the tangents of a point, and give their currents there too.

    The mean of the two slopes of a gated cell makes a symmetric matrix; the rest follows as
    a current, from the solutions before, until it no longer changes by much beside the
    residual.
    """
    chord_s, half_s = here.slopes()
    steady_a = here.current_a - chord_s * (here.row_v - here.column_v)
    rest, guess_v = _Mixing(np.zeros_like(steady_a)), here.row_v
    while True:
        offset_a = steady_a + rest.now
        at = sources.network(linear, chord_s, offset_a, guess_v, TIGHT)
        told_a = offset_a + chord_s * at.cell_v
        moved_v = (at.row_node_v - here.row_v) + (at.column_node_v - here.column_v)
        off_a = half_s * moved_v - rest.now
        top_a = float(np.abs(told_a).max())
        wanted_a = top_a if here.told_a is None else here.worst_a
        enough_a = max(_CORRECTED * wanted_a, _ROUNDING * top_a)
        if rest.steps == _CORRECTIONS or not np.abs(off_a).max() > enough_a:
            return at, told_a
        rest.go(off_a)
        guess_v = at.row_node_v


class _Mixing:
    """Solves a linear fixed point x = f(x) from its residuals f(x) - x, with all that it has seen.

    D. G. Anderson, J. ACM 12(4), 547 (1965), doi 10.1145/321296.321305; for a linear f the same as
    GMRES (H. F. Walker and P. Ni, SIAM J. Numer. Anal. 49(4), 1715 (2011), doi 10.1137/10078356X).
    """

    def __init__(self, start: Floats) -> None:
        self.now, self.steps = start, 0
        self._off: Floats | None = None
        self._moves: list[Floats] = []
        self._changes: list[Floats] = []

    def go(self, off: Floats) -> None:
        """Go on from the residual of where it is now."""
        step = off
        if self._off is not None:
            self._changes.append((off - self._off).ravel())
            changes = np.array(self._changes).T
            shares = np.linalg.lstsq(changes, off.ravel(), rcond=None)[0]
            mixed = (np.array(self._moves).T + changes) @ shares
            step = off - mixed.reshape(off.shape)
        self._moves.append(step.ravel())
        self.now, self._off, self.steps = self.now + step, off, self.steps + 1


class _Point:
    """Potentials of the nodes, what the laws say there, and what flows there in the network."""

    def __init__(
        self, law: Law | GatedLaw, row_v: Floats, column_v: Floats, told_a: Floats | None
    ) -> None:
        self.row_v, self.column_v, self.told_a = row_v, column_v, told_a
        if gated(law):
            self.current_a, self._row_s, self._column_s = law.linearised_at(row_v, column_v)
        else:
            self.current_a, self._row_s = cast("Law", law).linearised(row_v - column_v)
            self._column_s = self._row_s
        self._off_a = self.current_a - (0.0 if told_a is None else told_a)
        with np.errstate(over="ignore"):  # an exponential far away: any shorter step is better
            self.norm_a = float(np.linalg.norm(self._off_a))

    @property
    def worst_a(self) -> float:
        """Largest residual (A)."""
        worst_a = float(np.abs(self._off_a).max())
        return np.inf if np.isnan(worst_a) else worst_a

    def slopes(self) -> tuple[Floats, Floats]:
        """Give mean and half difference of the slopes, lifted where flat (S)."""
        voltage_v = self.row_v - self.column_v
        with np.errstate(divide="ignore", invalid="ignore"):
            chord_s = np.where(voltage_v != 0, self.current_a / voltage_v, 0.0)
        least_s = FLAT * np.maximum(chord_s, 0.0)
        row_s, column_s = (
            np.maximum(slope_s, np.where(slope_s > 0, least_s, np.maximum(least_s, LEAST_S)))
            for slope_s in (self._row_s, self._column_s)
        )
        return 0.5 * (row_s + column_s), 0.5 * (row_s - column_s)

    def towards(self, law: Law | GatedLaw, there: "_Point") -> "_Point | None":
        """Go towards another point as far as the residual falls; None where it does not."""
        if self.told_a is None or there.told_a is None:
            return there
        share, trial = 1.0, there
        while not trial.norm_a <= (1.0 - 1e-4 * share) * self.norm_a:
            share *= 0.5
            if share < _SHORTEST:
                return None
            trial = _Point(
                law, self.row_v + share * (there.row_v - self.row_v),
                self.column_v + share * (there.column_v - self.column_v),
                self.told_a + share * (there.told_a - self.told_a),
            )  # fmt: skip
        return trial
