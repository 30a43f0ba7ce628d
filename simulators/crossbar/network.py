"""Wires and ends of an array: what lies between its cells and its sources."""

import math
import struct
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ONE = struct.Struct("=d")


@dataclass(frozen=True, eq=False)
class Network:
    """Wires of an array and the resistances at the ends of its lines.

    Row i (word line) is driven from the left, through its driver and one segment of wire before
    each cell; column j (bit line) ends below the last row, through one segment and its sense
    resistance, in its own source (a virtual ground). Make one with `Network.of`.

    Attributes
    ----------
    rows, columns : int
        Cells of the array.
    row_wire_ohm, column_wire_ohm : (rows, columns) float64
        The segment of row i just before cell (i, j) seen from the driver; the segment of column j
        just after cell (i, j) towards the sense end. 0 is an ideal wire, inf a broken one.
    driver_ohm, far_driver_ohm : (rows,) float64
        Between a row's source and the first segment; between the last cell of the row and a
        second source at the same voltage. inf leaves that end open.
    sense_ohm, far_sense_ohm : (columns,) float64
        Between a column's last segment and its source; between the cell in the first row and a
        second source at the same voltage. inf leaves that end open.
    """

    rows: int
    columns: int
    row_wire_ohm: Floats
    column_wire_ohm: Floats
    driver_ohm: Floats
    sense_ohm: Floats
    far_driver_ohm: Floats
    far_sense_ohm: Floats

    @classmethod
    def of(
        cls,
        rows: int,
        columns: int,
        *,
        row_wire_ohm: ArrayLike = 0.0,
        column_wire_ohm: ArrayLike = 0.0,
        driver_ohm: ArrayLike = 0.0,
        sense_ohm: ArrayLike = 0.0,
        far_driver_ohm: ArrayLike = math.inf,
        far_sense_ohm: ArrayLike = math.inf,
    ) -> "Network":
        """Check resistances and spread them over the array.

        Wires are one number or (rows, columns), or what broadcasts to it; ends are one number or
        one for each row (driver) or column (sense). All in ohm.

        Raises
        ------
        ConfigError
            A shape does not fit, or a resistance is negative or not a number.
        """
        if not (isinstance(rows, Integral) and isinstance(columns, Integral)):
            raise ConfigError(f"rows and columns are whole numbers, not {rows!r} and {columns!r}")
        if rows < 1 or columns < 1:
            msg = f"an array of {rows} x {columns} cells is empty: it needs a row and a column"
            raise ConfigError(msg)
        cells = (rows, columns)
        return cls(
            rows,
            columns,
            _spread("row_wire_ohm", row_wire_ohm, cells),
            _spread("column_wire_ohm", column_wire_ohm, cells),
            _spread("driver_ohm", driver_ohm, (rows,)),
            _spread("sense_ohm", sense_ohm, (columns,)),
            _spread("far_driver_ohm", far_driver_ohm, (rows,)),
            _spread("far_sense_ohm", far_sense_ohm, (columns,)),
        )

    def floating(
        self,
        rows: ArrayLike | None = None,
        columns: ArrayLike | None = None,
        leak_ohm: float = math.inf,
    ) -> "Network":
        """Return the network with some lines driven by nobody.

        Parameters
        ----------
        rows, columns : (rows,) bool, (columns,) bool or None
            Lines whose near end leads through leak_ohm to 0 V and whose far end is open: solve
            with 0 V there.
        leak_ohm : float
            Leakage of the multiplexer to ground; inf for none.
        """
        leak = _spread("leak_ohm", leak_ohm, ())
        near, far, sense, far_sense = (
            self.driver_ohm, self.far_driver_ohm, self.sense_ohm, self.far_sense_ohm
        )  # fmt: skip
        if rows is not None:
            rows = _flags("rows", rows, self.rows)
            near, far = np.where(rows, leak, near), np.where(rows, math.inf, far)
        if columns is not None:
            columns = _flags("columns", columns, self.columns)
            sense = np.where(columns, leak, sense)
            far_sense = np.where(columns, math.inf, far_sense)
        return replace(
            self, driver_ohm=near, far_driver_ohm=far, sense_ohm=sense, far_sense_ohm=far_sense
        )

    @cached_property
    def one_ended(self) -> bool:
        """Whether no line has a source at its far end."""
        return bool(np.isinf(self.far_driver_ohm).all() and np.isinf(self.far_sense_ohm).all())

    @cached_property
    def open_rows(self) -> Flags:
        """(rows,) bool: rows that no source reaches through their own ends."""
        return np.isinf(self.driver_ohm) & np.isinf(self.far_driver_ohm)

    @cached_property
    def open_columns(self) -> Flags:
        """(columns,) bool: columns that no source reaches through their own ends."""
        return np.isinf(self.sense_ohm) & np.isinf(self.far_sense_ohm)


def _spread(name: str, ohm: ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Broadcast resistances without copying them, and check them."""
    if isinstance(ohm, float | int) and ohm >= 0:  # ten times as fast as broadcast_to
        return np.ndarray(shape, np.float64, _ONE.pack(ohm), 0, (0,) * len(shape))
    try:
        given = np.array(ohm, dtype=np.float64)
        spread = np.broadcast_to(given, shape)
    except (TypeError, ValueError) as error:
        msg = f"{name} does not fit: it takes one number or an array of {shape}, in ohm"
        raise ConfigError(msg) from error
    if not (given >= 0).all():
        msg = f"{name} has a negative value or none at all: give ohm >= 0, inf for an open"
        raise ConfigError(msg)
    return spread


def spread_v(name: str, voltage_v: ArrayLike, lines: int) -> Floats:
    """Give the voltage of each line, (lines,); raise ConfigError for what is none."""
    try:
        each_v = np.broadcast_to(np.asarray(voltage_v, float), (lines,))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{name} does not fit: give one number or {lines}, one a line, in V"
        ) from error
    if not np.isfinite(each_v).all():
        raise ConfigError(f"{name} holds what is not a finite number; give voltages in V")
    return each_v


def _flags(name: str, flags: ArrayLike, lines: int) -> Flags:
    given = np.asarray(flags)
    if given.shape != (lines,) or given.dtype != np.bool_:
        msg = f"floating {name} must be {lines} booleans, one for each of the {name}"
        raise ConfigError(msg)
    return given
