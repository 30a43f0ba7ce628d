"""What sources do to the lines of an array, and what is then at their ends."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LineDrive:
    """Voltages of all lines, linear over each segment; every line begins and ends where it likes.

    Attributes
    ----------
    duration_s : (segments,) float64
        All lines together.
    row_start_v, row_stop_v : (segments, rows) float64
        Open-circuit voltage of each row's source; 0 where the row floats.
    column_start_v, column_stop_v : (segments, columns) float64
        Likewise for the columns, whose sources are virtual grounds at other levels than 0 V.
    measured : (segments,) bool
        Whether currents at the end of the segment are wanted.
    floating_rows, floating_columns : (rows,) bool, (columns,) bool
        Lines that nobody drives.
    limit_a : float
        Regulated current limit of the source at `limited_column`; inf for none.
    limited_column : int
        Where the limit acts, which is where the current of a selected cell is measured.
    gate_v : (rows,) float64 or None
        Voltage of each row's gate line, for cells with a transistor.
    start_s : float
        When it begins, for cells that change with time by themselves.
    """

    duration_s: Floats
    row_start_v: Floats
    row_stop_v: Floats
    column_start_v: Floats
    column_stop_v: Floats
    measured: Flags
    floating_rows: Flags
    floating_columns: Flags
    limit_a: float = math.inf
    limited_column: int = 0
    gate_v: Floats | None = None
    start_s: float = 0.0


class LineTerminal(NamedTuple):
    """What is at the ends of the lines at the end of each measured segment, without noise.

    Attributes
    ----------
    row_a : (readings, rows) float64
        Current out of each row's source into the array (A).
    column_a : (readings, columns) float64
        Current out of the array into each column's source (A).
    column_v : (readings, columns) float64
        Voltage of each column's source (V): as driven, another where it holds its limit, and the
        line's own where it floats.
    limited : (readings,) bool
        Whether the source at `LineDrive.limited_column` was holding its current limit.
    """

    row_a: Floats
    column_a: Floats
    column_v: Floats
    limited: Flags
