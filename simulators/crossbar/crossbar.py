"""An array of cells between resistive lines: the one class that most users need."""

import math
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError, NotSupported
from hil.simulators.crossbar.linear import LinearSolver, Solution
from hil.simulators.crossbar.network import Network

if TYPE_CHECKING:
    from hil.simulators.crossbar.cells import GatedLaw, Law
    from hil.simulators.crossbar.newton import NonlinearSolver, Operating
    from hil.simulators.crossbar.ports import Ports

Floats = NDArray[np.float64]

CROSSOVER = 12
"""Inputs from which on the array is reduced to its ports first. That takes as long as to solve for
10, 13, 14, 14, 8 inputs of 32, 64, 128, 256, 512 square cells (2.5 ohm a segment)."""


class Crossbar:
    """Currents and voltages of an array, with its wires.

    Row i is driven at its left end, through driver_ohm and one segment of wire before each cell;
    column j ends below its last row, through one segment and sense_ohm, in a virtual ground. It
    keeps scratch memory between calls: use it from one thread at a time.

    Parameters
    ----------
    cells : (rows, columns) array, or Law
        Conductances (S), finite and >= 0: 0 for an open cell, a short as the conductance it has.
        Or cells of any law, such as `hil.simulators.crossbar.Cells` of a model.
    row_wire_ohm, column_wire_ohm : float or (rows, columns)
        Resistance of a segment of wire: of the one before a cell in its row, of the one after it
        in its column. 0 is an ideal wire, inf a broken one.
    driver_ohm, sense_ohm : float, or (rows,) and (columns,)
        Between each line and its source, inf for a line that is open there.
    far_driver_ohm, far_sense_ohm : float, or (rows,) and (columns,)
        Likewise at the lines' far ends, where a second source has the voltage of the first.

    Raises
    ------
    ConfigError
        A shape does not fit, the array is empty, or a resistance is negative or no number. Of
        conductances, when they are first used.

    Examples
    --------
    >>> import numpy as np
    >>> from hil.simulators.crossbar import Crossbar
    >>> conductance_s = np.full((64, 64), 50e-6)
    >>> crossbar = Crossbar(conductance_s, row_wire_ohm=2.5, column_wire_ohm=2.5)
    >>> crossbar.currents_a(np.full(64, 0.2)).shape
    (64,)
    """

    def __init__(
        self,
        cells: "ArrayLike | Law | GatedLaw",
        *,
        row_wire_ohm: ArrayLike = 0.0,
        column_wire_ohm: ArrayLike = 0.0,
        driver_ohm: ArrayLike = 0.0,
        sense_ohm: ArrayLike = 0.0,
        far_driver_ohm: ArrayLike = math.inf,
        far_sense_ohm: ArrayLike = math.inf,
    ) -> None:
        taken = _cells(cells)
        shape = taken.shape if isinstance(taken, np.ndarray) else (taken.rows, taken.columns)
        self._cells, self._asked = taken, 0
        self.network = Network.of(
            *shape, row_wire_ohm=row_wire_ohm, column_wire_ohm=column_wire_ohm,
            driver_ohm=driver_ohm, sense_ohm=sense_ohm, far_driver_ohm=far_driver_ohm,
            far_sense_ohm=far_sense_ohm,
        )  # fmt: skip

    def currents_a(self, voltages_v: ArrayLike) -> Floats:
        """Multiply: compute the currents into the columns' virtual grounds.

        Conductances are solved for input by input, exactly; from `CROSSOVER` inputs on, in one
        call or in many, the array is reduced once to the matrix that turns voltages into
        currents, and each input is a product with it. Other cells are solved for input by input,
        each starting from the one before.

        Parameters
        ----------
        voltages_v : (rows,) or (inputs, rows)
            Of the rows' sources (V).

        Returns
        -------
        (columns,) or (inputs, columns) float64
            In A.

        Raises
        ------
        ConfigError
            The shape does not fit, a voltage is not finite, or a conductance is negative,
            infinite or none.
        NotSupported
            No operating point of nonlinear cells was found.
        """
        try:
            voltages_v = np.asarray(voltages_v, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ConfigError("voltages_v holds what is no number: give voltages in V") from error
        rows = self.network.rows
        if voltages_v.ndim not in (1, 2) or voltages_v.shape[-1] != rows:
            msg = (
                f"voltages_v is {voltages_v.shape}, but the array takes ({rows},) voltages, "
                f"or (inputs, {rows}) of them"
            )
            raise ConfigError(msg)
        cells = self._cells
        if not isinstance(cells, np.ndarray):
            return self._one_by_one(cells, voltages_v)
        self._asked += 1 if voltages_v.ndim == 1 else len(voltages_v)
        if self._asked >= CROSSOVER:
            if not np.isfinite(voltages_v).all():
                raise ConfigError("voltages_v has a value that is not a finite number: give V")
            return voltages_v @ self.ports.transfer_s.T
        if voltages_v.ndim == 1:
            return self._linear.column_a(cells, voltages_v, 0.0)
        out = np.empty((len(voltages_v), self.network.columns))
        for k, each_v in enumerate(voltages_v):
            out[k] = self._linear.column_a(cells, each_v, 0.0)
        return out

    def solve(
        self,
        row_v: ArrayLike,
        column_v: ArrayLike = 0.0,
        *,
        floating_rows: ArrayLike | None = None,
        floating_columns: ArrayLike | None = None,
    ) -> "Solution | Operating":
        """Find all voltages and currents for one set of sources.

        Parameters
        ----------
        row_v, column_v : float, or (rows,) and (columns,)
            Of the lines' sources (V).
        floating_rows, floating_columns : (rows,) bool, (columns,) bool, optional
            Lines that nobody drives, at either end.

        Returns
        -------
        Solution or Operating
            The former for conductances, the latter for cells of a law. Nodes that no source
            reaches are at 0 V; `Solution.floating` tells them.

        Raises
        ------
        ConfigError
            A shape does not fit, or a number is not finite.
        NotSupported
            No operating point of nonlinear cells was found.
        """
        floats = floating_rows is not None or floating_columns is not None
        other = self.network.floating(floating_rows, floating_columns) if floats else None
        if isinstance(self._cells, np.ndarray):
            linear = self._linear if other is None else LinearSolver(other)
            return linear.solve(self._cells, row_v, column_v)
        nonlinear = self._nonlinear if other is None else _nonlinear_solver(other)
        return nonlinear.solve(self._cells, row_v, column_v)

    def two_point_ohm(self) -> Floats:
        """Compute what an ohmmeter between a row and a column reads with all other lines open.

        Returns
        -------
        (rows, columns) float64
            Between the near ends of the wires, without driver_ohm and sense_ohm (ohm): the cell
            and all sneak paths around it. inf where there is no path.

        Raises
        ------
        NotSupported
            The cells are not conductances: theirs depends on the voltage.
        """
        return self.ports.two_point_ohm

    @cached_property
    def ports(self) -> "Ports":
        """The array of conductances as its lines' ends see it; it is worked out once."""
        from hil.simulators.crossbar.ports import Ports

        if not isinstance(self._cells, np.ndarray):
            raise NotSupported(
                "cells of a law have no fixed resistance between their lines: make the Crossbar "
                "from their conductances at one voltage"
            )
        return Ports(self.network, self._cells)

    @cached_property
    def _linear(self) -> LinearSolver:
        return LinearSolver(self.network)

    @cached_property
    def _nonlinear(self) -> "NonlinearSolver":
        return _nonlinear_solver(self.network)

    def _one_by_one(self, law: "Law | GatedLaw", voltages_v: Floats) -> Floats:
        """Solve for the currents of nonlinear cells, each input from the voltages of the last."""
        each = np.atleast_2d(voltages_v)
        out = np.empty((len(each), self.network.columns))
        start_v = None
        for k, row_v in enumerate(each):
            at = self._nonlinear.solve(law, row_v, 0.0, start_v=start_v)
            out[k], start_v = at.column_a, at.cell_v
        return out[0] if voltages_v.ndim == 1 else out


def _nonlinear_solver(network: Network) -> "NonlinearSolver":
    from hil.simulators.crossbar.newton import NonlinearSolver

    return NonlinearSolver(network)


def _cells(cells: "ArrayLike | Law | GatedLaw") -> "Floats | Law | GatedLaw":
    """Copy conductances, because what is made of them is kept; take cells of a law as they are."""
    if hasattr(cells, "linearised") or hasattr(cells, "linearised_at"):
        if not hasattr(cells, "rows"):
            name = type(cells).__name__
            msg = f"{name} is no array of cells: give Cells({name}(), state, rows, columns)"
            raise ConfigError(msg)
        return cast("Law | GatedLaw", cells)
    try:
        conductance_s = np.array(cells, dtype=np.float64, order="C")
    except (TypeError, ValueError) as error:
        msg = "cells must be conductances (rows, columns) in S, or have a law: give one of them"
        raise ConfigError(msg) from error
    if conductance_s.ndim != 2:
        msg = f"conductances are {conductance_s.shape}: give them as (rows, columns), in S"
        raise ConfigError(msg)
    return conductance_s
