"""An array of cells of any model between wires: reading and writing it, as its sources see it.

The network is quasi-static: no capacitance, so that voltages follow the sources and the cells at
once. Of what cells do in it `hil.simulators.crossbar.writing.coupling` tells.

Not modelled: capacitance and inductance of the lines, heat from one cell to another, limits of
rows' sources and of more than one column's.
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from hil.errors import ConfigError, NotSupported
from hil.simulators.crossbar.access import Access, Transistor, with_access
from hil.simulators.crossbar.cells import Cells, GatedLaw, Law
from hil.simulators.crossbar.line_drive import Flags, Floats, LineDrive, LineTerminal
from hil.simulators.crossbar.network import Network, spread_v
from hil.simulators.crossbar.newton import NonlinearSolver, Operating
from hil.simulators.crossbar.writing.circuit import Circuit
from hil.simulators.crossbar.writing.coupling import Coupling
from hil.simulators.crossbar.writing.moves import seen_drive
from hil.simulators.crossbar.writing.pulses import knows_only_pulses, play_pulses
from hil.simulators.models.drive import Drive
from hil.simulators.models.model import Device, State

TOLERANCE = 1e-4
"""With it writes of 8 x 8 cells at 2 V are within 2e-6 of an integrator, in a state from 0 to 1,
and SETs that run away within 2e-5 of the gap (see the tests of writing)."""

_MOST_VALUES = 2_000_000
"""Cells without lines are played in parts of so many segments times cells."""

_MOST_SOLVERS = 64
"""So many choices of floating lines keep their solver."""


class Array:
    """Cells of one model between the lines of a network; from one thread at a time.

    Parameters
    ----------
    model : Device
    network : Network
        All lines driven.
    access : Transistor or Selector, optional
        In series with each cell; a transistor's gate is driven by row.
    leak_ohm : float
        From a floating line's near end to 0 V.
    tolerance : float
        Largest error of a step in a cell's memory, relative to its value, or to a thousandth of
        its range where that is more. What is kept is more accurate than the estimate that this
        bounds. A cell that hardly moves while another does may be off by as much: take 1e-5 to
        study disturbs.

    Raises
    ------
    ConfigError
        The tolerance is not between 0 and 0.1.
    """

    def __init__(
        self,
        model: Device,
        network: Network,
        access: Access | None = None,
        *,
        leak_ohm: float = math.inf,
        tolerance: float = TOLERANCE,
    ) -> None:
        if not 0.0 < tolerance <= 0.1:
            raise ConfigError(f"the tolerance of an array is {tolerance}; it must be in 0 to 0.1")
        self.model, self.network, self.access, self.tolerance = model, network, access, tolerance
        self.leak_ohm = leak_ohm
        self._solvers: dict[bytes, NonlinearSolver] = {}
        lines = (
            network.row_wire_ohm, network.column_wire_ohm, network.driver_ohm, network.sense_ohm
        )  # fmt: skip
        self._ideal = network.one_ended and access is None and not any(ohm.any() for ohm in lines)

    def settle(
        self,
        state: State,
        row_v: ArrayLike,
        column_v: ArrayLike,
        *,
        floating_rows: Flags | None = None,
        floating_columns: Flags | None = None,
        gate_v: Floats | None = None,
        start_v: Floats | None = None,
        column_a: Floats | None = None,
    ) -> Operating:
        """Solve for one instant; no time passes and nothing moves.

        Parameters
        ----------
        state : (rows * columns,) structured array
            Cell (i, j) is number ``i * columns + j``.
        row_v, column_v : float or (rows,), float or (columns,)
            Voltages of the sources (V).
        floating_rows, floating_columns : (rows,) bool, (columns,) bool, optional
            Lines that nobody drives.
        gate_v : (rows,) float64, optional
            Voltage of each row's gate line, for cells with a transistor.
        start_v : (rows, columns) float64, optional
            Cell voltages to start from.
        column_a : (columns,) float64, optional
            Current into each column that floats, at its near end (A).

        Returns
        -------
        Operating

        Raises
        ------
        ConfigError
            Shapes do not fit, a voltage is no number, or a gate is missing.
        NotSupported
            No operating point was found.
        """
        rows, columns = self.network.rows, self.network.columns
        no_rows = np.zeros(rows, np.bool_) if floating_rows is None else floating_rows
        no_columns = np.zeros(columns, np.bool_) if floating_columns is None else floating_columns
        return self._solver(no_rows, no_columns).solve(
            self._around(self._cells(state), gate_v),
            np.where(no_rows, 0.0, spread_v("row_v", row_v, rows)),
            np.where(no_columns, 0.0, spread_v("column_v", column_v, columns)),
            column_a=column_a,
            start_v=start_v,
        )

    def refuse(self, drive: LineDrive) -> None:
        """Raise for a drive that the array or its cells have no answer to, as far as it is known.

        What a wire takes from a pulse is only known when it is played: an event model may still
        refuse the pulse then. Pure.

        Raises
        ------
        ConfigError
            Shapes do not fit, a number is none, or a gate is missing.
        NotSupported
            A current limit on a column with a source at both ends; what the cells refuse.
        """
        self._check(drive)
        if self._ideal or not knows_only_pulses(self.model):
            self.model.refuse(_apart(drive))

    def play(self, state: State, drive: LineDrive) -> LineTerminal:
        """Take the array through a drive; every cell's state moves in place, all or none.

        Parameters
        ----------
        state : (rows * columns,) structured array
            Cell (i, j) is number ``i * columns + j``.
        drive : LineDrive

        Returns
        -------
        LineTerminal

        Raises
        ------
        ConfigError
            Shapes do not fit, a number is none, or a gate is missing.
        NotSupported
            A current limit on a column with a source at both ends; cells that change too fast to
            be followed; an event model that does not know what arrives at a cell.
        """
        self._check(drive)
        before = state.copy()
        try:
            return self._play(state, drive)
        except BaseException:  # Ctrl-C leaves a step that was only tried
            state[:] = before
            raise

    def _play(self, state: State, drive: LineDrive) -> LineTerminal:
        floats = drive.floating_rows.any() or drive.floating_columns.any()
        if self._ideal and not floats and drive.limit_a == math.inf:
            return _play_apart(self.model, state, drive)
        circuit = Circuit(
            self.network, self._solver, self._cells(state),
            lambda cells: self._around(cells, drive.gate_v), drive.floating_rows,
            drive.floating_columns, drive.limit_a, drive.limited_column,
        )  # fmt: skip
        if knows_only_pulses(self.model):
            return play_pulses(self.model, state, circuit, drive)
        return Coupling(self.model, state, circuit, drive, self.tolerance).run()

    def _cells(self, state: State) -> Cells:
        return Cells(self.model, state, self.network.rows, self.network.columns)

    def _around(self, cells: Law, gate_v: Floats | None) -> Law | GatedLaw:
        """Put the access device, if there is one, in series with each memory device."""
        return cells if self.access is None else with_access(cells, self.access, gate_v)

    def _solver(self, floating_rows: Flags, floating_columns: Flags) -> NonlinearSolver:
        """Give the solver of the network with these lines floating; it is made once."""
        key = floating_rows.tobytes() + floating_columns.tobytes()
        if key not in self._solvers:
            if len(self._solvers) >= _MOST_SOLVERS:
                self._solvers.pop(next(iter(self._solvers)))
            network = self.network
            if floating_rows.any() or floating_columns.any():
                network = network.floating(floating_rows, floating_columns, self.leak_ohm)
            self._solvers[key] = NonlinearSolver(network)
        return self._solvers[key]

    def _check(self, drive: LineDrive) -> None:
        """Raise for a drive whose arrays do not fit the array."""
        segments, rows, columns = len(drive.duration_s), self.network.rows, self.network.columns
        shapes = {
            "duration_s": (segments,), "measured": (segments,),
            "row_start_v": (segments, rows), "row_stop_v": (segments, rows),
            "column_start_v": (segments, columns), "column_stop_v": (segments, columns),
            "floating_rows": (rows,), "floating_columns": (columns,),
        }  # fmt: skip
        for name, shape in shapes.items():
            given = getattr(drive, name)
            if given.shape != shape:
                raise ConfigError(f"{name} of the drive is {given.shape}; here it must be {shape}")
            if not np.isfinite(given).all():
                raise ConfigError(f"{name} of the drive has a value that is no number")
        if not (drive.duration_s >= 0).all():
            raise ConfigError("duration_s of the drive has a negative value; give s >= 0")
        if not drive.limit_a > 0:
            raise ConfigError(f"limit_a of the drive is {drive.limit_a}; it must be above 0")
        if not 0 <= drive.limited_column < columns:
            raise ConfigError(
                f"limited_column of the drive is {drive.limited_column}; there are {columns} "
                "columns, from 0"
            )
        if isinstance(self.access, Transistor) and drive.gate_v is None:
            raise ConfigError(
                "cells with a transistor need gate_v in the drive, a voltage for each row's gate"
            )
        if drive.limit_a < math.inf and not self.network.one_ended:
            raise NotSupported(
                "a current limit needs columns that are driven from one end; leave the far ends "
                "of this array open, or the limit out"
            )


def _apart(drive: LineDrive) -> Drive:
    """Give each cell its own source, of what its row is above its column."""
    start_v, stop_v = (
        (row_v[:, :, None] - column_v[:, None, :]).reshape(len(row_v), -1)
        for row_v, column_v in (
            (drive.row_start_v, drive.column_start_v),
            (drive.row_stop_v, drive.column_stop_v),
        )
    )
    apart = seen_drive(drive.duration_s, start_v, stop_v, start_s=drive.start_s)
    return replace(apart, measured=drive.measured)


def _part(drive: LineDrive, first: int, end: int) -> LineDrive:
    """Give some segments of a drive."""
    names = (
        "duration_s", "row_start_v", "row_stop_v", "column_start_v", "column_stop_v", "measured",
    )  # fmt: skip
    kept = {name: getattr(drive, name)[first:end] for name in names}
    start_s = drive.start_s + float(drive.duration_s[:first].sum())
    return replace(drive, **kept, start_s=start_s)


def _play_apart(model: Device, state: State, drive: LineDrive) -> LineTerminal:
    """Play cells that have nothing in common, because nothing lies before them."""
    rows, columns, segments = (
        len(drive.floating_rows),
        len(drive.floating_columns),
        len(drive.duration_s),
    )
    every, many = np.arange(len(state)), max(1, _MOST_VALUES // len(state))
    seen_a = [np.empty((0, rows, columns))]
    for first in range(0, segments, many):
        part = _part(drive, first, first + many)
        seen_a.append(model.play(state, every, _apart(part)).current_a.reshape(-1, rows, columns))
    current_a = np.concatenate(seen_a)
    return LineTerminal(
        current_a.sum(axis=2), current_a.sum(axis=1), drive.column_stop_v[drive.measured],
        np.zeros(len(current_a), np.bool_),
    )  # fmt: skip
