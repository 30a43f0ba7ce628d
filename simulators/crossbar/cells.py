"""What a solver asks of the cells of an array: a current, and how it grows with the voltage."""

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError

if TYPE_CHECKING:
    from hil.simulators.models.model import Device, State

Floats = NDArray[np.float64]


@runtime_checkable
class Law(Protocol):
    """Cells whose current depends on the voltage across them, and on nothing else of the array."""

    rows: int
    columns: int

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        """Compute currents (A) and slopes dI/dV (S) at voltages, all (rows, columns).

        The current must be right; the slope only helps to find the operating point.
        """
        ...


@runtime_checkable
class GatedLaw(Protocol):
    """Cells whose current depends on the potentials of both nodes: a gate refers to ground."""

    rows: int
    columns: int

    def linearised_at(
        self, row_node_v: Floats, column_node_v: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Compute currents and slopes at potentials, all (rows, columns).

        Returns
        -------
        current_a : (rows, columns) float64
            From the row's node to the column's (A).
        row_slope_s, column_slope_s : (rows, columns) float64
            How it grows with the row's potential, and how it falls with the column's (S).
        """
        ...


class Cells:
    """Cells of a model between the lines of an array, as they are in their state.

    Parameters
    ----------
    model : Device
        A model, alone or in layers.
    state : (rows * columns,) structured array
        Cell (i, j) is number ``i * columns + j``. Not copied: cells move when it moves.
    rows, columns : int
        Cells of the array.

    Raises
    ------
    ConfigError
        The state has another number of cells.
    """

    def __init__(self, model: "Device", state: "State", rows: int, columns: int) -> None:
        if state.shape != (rows * columns,):
            raise ConfigError(
                f"an array of {rows} x {columns} cells needs a state of {rows * columns} cells, "
                f"this one has the shape {state.shape}"
            )
        self.model, self.state, self.rows, self.columns = model, state, rows, columns

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        """Compute currents (A) and slopes dI/dV (S) at voltages, all (rows, columns)."""
        current_a, slope_s = self.model.linearised(self.state, voltage_v.reshape(-1))
        shape = (self.rows, self.columns)
        return current_a.reshape(shape), slope_s.reshape(shape)
