"""What the wires of an array do to it, as maps over its cells: a write and a product."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.crossbar.crossbar import Crossbar
from hil.simulators.crossbar.linear import Solution

if TYPE_CHECKING:
    from hil.simulators.crossbar.cells import Law
    from hil.simulators.crossbar.newton import Operating

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
    solve: Callable[..., Any],
    shape: tuple[int, int],
    cell: tuple[int, int],
    voltage_v: float,
    *,
    row_share: float | None = 0.5,
    column_share: float | None = 0.5,
    scheme: str = "V/2",
) -> WriteMap:
    """Solve an array while one cell is written; no time passes, so no cell changes.

    Parameters
    ----------
    solve : callable
        ``Crossbar.solve``, or ``Array.settle`` with the state of its cells: takes row and column
        voltages and, by keyword, the masks of floating lines; its result has ``cell_v``, and
        ``memory_v`` where an access device may be in series.
    shape, cell : (int, int)
        Rows and columns of the array; row and column of the cell, from 0.
    voltage_v : float
        Of the selected row's source (V).
    row_share, column_share : float or None
        Other rows and columns, as parts of that voltage; None floats. V/2 by default.
    scheme : str
        What that is called.

    Raises
    ------
    ConfigError
        For a cell that the array does not have.
    """
    (rows, columns), (row, column) = shape, cell
    if not (0 <= row < rows and 0 <= column < columns):
        raise ConfigError(
            f"there is no cell R{row + 1}C{column + 1} in an array of {rows} x {columns}"
        )
    row_v = np.full(rows, (row_share or 0.0) * voltage_v)
    column_v = np.full(columns, (column_share or 0.0) * voltage_v)
    row_v[row], column_v[column] = voltage_v, 0.0
    floating = {}
    if row_share is None:
        floating["floating_rows"] = np.arange(rows) != row
    if column_share is None:
        floating["floating_columns"] = np.arange(columns) != column
    solution = solve(row_v, column_v, **floating)
    on_row = None if column_share is None else 1 - column_share
    seen_v = np.array(getattr(solution, "memory_v", solution.cell_v))
    return WriteMap(seen_v, row, column, voltage_v, scheme, on_row, row_share)


def crossbar_maps(
    cells: "ArrayLike | Law",
    *,
    cell: tuple[int, int],
    voltage_v: float,
    input_v: ArrayLike,
    row_share: float | None = 0.5,
    column_share: float | None = 0.5,
    scheme: str = "V/2",
    **wires: ArrayLike,
) -> tuple[WriteMap, ProductMap]:
    """Make both maps of a `Crossbar`.

    Parameters
    ----------
    cells : (rows, columns) array, or Law
        As `Crossbar` takes them.
    cell, voltage_v, row_share, column_share, scheme :
        The write, see `write_map`.
    input_v : float or (rows,)
        The product's voltages of the rows (V).
    **wires : float or array
        ``row_wire_ohm`` and its like, see `Crossbar`.
    """
    real, ideal = Crossbar(cells, **wires), Crossbar(cells)
    shape = real.network.rows, real.network.columns
    write = write_map(
        real.solve, shape, cell, voltage_v, row_share=row_share, column_share=column_share,
        scheme=scheme,
    )  # fmt: skip

    def current_a(solved: "Solution | Operating") -> Floats:
        if isinstance(solved, Solution):
            return np.asarray(cells, float) * solved.cell_v
        return solved.cell_a

    row_v = np.broadcast_to(np.asarray(input_v, float), shape[0])
    pair = (current_a(crossbar.solve(row_v)) for crossbar in (real, ideal))
    return write, product_map(row_v, *pair)


def product_map(input_v: ArrayLike, cell_a: Floats, ideal_a: Floats) -> ProductMap:
    """Compare the currents of the cells with those that they would have without wires.

    Parameters
    ----------
    input_v : (rows,) or float
        Voltages of the rows (V).
    cell_a, ideal_a : (rows, columns)
        Current of each cell, in the array and with its row's voltage across it (A).
    """
    ideal_column_a = ideal_a.sum(axis=0)
    return ProductMap(
        _relative(cell_a, ideal_a),
        _relative(cell_a.sum(axis=0), ideal_column_a),
        np.broadcast_to(np.asarray(input_v, float), (len(cell_a),)),
    )


def _relative(found: Floats, ideal: Floats) -> Floats:
    error = np.zeros_like(found)
    np.divide(found - ideal, ideal, out=error, where=ideal != 0)
    return error
