"""What the wires of an array do to it, as maps over its cells: a write and a product."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.network import Network
from hil.simulators.models.model import State

Floats = NDArray[np.float64]


class WriteMap(NamedTuple):
    """The voltage that each cell really sees while one of them is written.

    Attributes
    ----------
    cell_v : (rows, columns) float64
        Across each cell, row less column (V).
    row, column : int
        The selected cell.
    voltage_v : float
        Of the source of its row; its column is at 0 V (V).
    scheme : str
        How the other lines are biased, for people.
    on_row, on_column : float or None
        What other cells on its row and on its column would see without wires, as a part of that
        voltage; None where they hang on floating lines.
    """

    cell_v: Floats
    row: int
    column: int
    voltage_v: float
    scheme: str
    on_row: float | None
    on_column: float | None

    @property
    def selected_v(self) -> float:
        """What the selected cell sees (V)."""
        return float(self.cell_v[self.row, self.column])

    def others_v(self) -> dict[str, Floats]:
        """Tell what other cells see, by where they lie: on its row, on its column, elsewhere.

        Places without a cell are left out (V).
        """
        i, j = np.indices(self.cell_v.shape)
        row, column = i == self.row, j == self.column
        places = {
            "row": row & ~column, "column": column & ~row, "elsewhere": ~row & ~column
        }  # fmt: skip
        return {name: self.cell_v[where] for name, where in places.items() if where.any()}

    @property
    def worst(self) -> tuple[int, int, float]:
        """Row, column and voltage of the cell that sees most without being selected (V).

        Row and column -1, and 0 V, in an array of one cell.
        """
        if self.cell_v.size == 1:
            return -1, -1, 0.0
        others = np.abs(self.cell_v)
        others[self.row, self.column] = -1.0
        i, j = divmod(int(others.argmax()), self.cell_v.shape[1])
        return i, j, float(self.cell_v[i, j])


class ProductMap(NamedTuple):
    """How far a matrix-vector product is from that of an array without wires.

    Attributes
    ----------
    contribution : (rows, columns) float64
        Relative error of each cell's current; 0 where no current would flow.
    column : (columns,) float64
        Relative error of each column's current; 0 where none would flow.
    input_v : (rows,) float64
        Voltages of the rows; the columns are at 0 V (V).
    """

    contribution: Floats
    column: Floats
    input_v: Floats


def write_map(
    array: Array,
    state: State,
    cell: tuple[int, int],
    voltage_v: float,
    *,
    row_share: float | None = 0.5,
    column_share: float | None = 0.5,
    scheme: str = "V/2",
    gate_v: float | None = None,
) -> WriteMap:
    """Solve an array while one cell is written; no time passes, so no cell changes.

    Parameters
    ----------
    array : Array
    state : (rows * columns,) structured array
        Of its cells.
    cell : (int, int)
        Row and column of the selected one, from 0.
    voltage_v : float
        Of the selected row's source (V).
    row_share, column_share : float or None
        Other rows and columns, as parts of that voltage; None floats. V/2 by default.
    scheme : str
        What that is called.
    gate_v : float, optional
        At the gates of the selected row, for cells with a transistor; the others are at 0 V.

    Raises
    ------
    ConfigError
        For a cell that the array does not have.
    """
    (rows, columns), (row, column) = (array.network.rows, array.network.columns), cell
    if not (0 <= row < rows and 0 <= column < columns):
        raise ConfigError(
            f"there is no cell R{row + 1}C{column + 1} in an array of {rows} x {columns}"
        )
    row_v = np.full(rows, (row_share or 0.0) * voltage_v)
    column_v = np.full(columns, (column_share or 0.0) * voltage_v)
    row_v[row], column_v[column] = voltage_v, 0.0
    other_rows, other_columns = np.arange(rows) != row, np.arange(columns) != column
    found = array.settle(
        state, row_v, column_v,
        floating_rows=other_rows if row_share is None else None,
        floating_columns=other_columns if column_share is None else None,
        gate_v=None if gate_v is None else np.where(other_rows, 0.0, gate_v),
    )  # fmt: skip
    on_row = None if column_share is None else 1 - column_share
    return WriteMap(found.memory_v, row, column, voltage_v, scheme, on_row, row_share)


def product_map(
    array: Array, state: State, input_v: ArrayLike, *, gate_v: float | None = None
) -> ProductMap:
    """Compare the currents of an array's cells with those that they would have without wires.

    Parameters
    ----------
    array, state :
        As for `write_map`.
    input_v : (rows,) or float
        Voltages of the rows (V); the columns are at 0 V.
    gate_v : float, optional
        At all gates, for cells with a transistor.
    """
    rows, columns = array.network.rows, array.network.columns
    ideal = Array(array.model, Network.of(rows, columns), access=array.access)
    gates_v = None if gate_v is None else np.full(rows, gate_v)
    real_a, ideal_a = (
        each.settle(state, input_v, 0.0, gate_v=gates_v).cell_a for each in (array, ideal)
    )
    return ProductMap(
        _relative(real_a, ideal_a),
        _relative(real_a.sum(axis=0), ideal_a.sum(axis=0)),
        np.broadcast_to(np.asarray(input_v, float), (rows,)),
    )


def _relative(found: Floats, ideal: Floats) -> Floats:
    error = np.zeros_like(found)
    np.divide(found - ideal, ideal, out=error, where=ideal != 0)
    return error
