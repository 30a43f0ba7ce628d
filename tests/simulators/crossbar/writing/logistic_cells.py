"""A device that is simple enough to be solved by others: sinh current, logistic state.

``I = a G(x) sinh(b V)``, G linear in x from 1 to 100 uS, ``dx/dt = 20/s sinh(V/0.15 V) 4x(1-x)``.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import Model, State
from tests.simulators.crossbar.writing import logistic_cells_kernel as kernel


class LogisticCells(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cells of the module's equations; SET at positive voltage."""

    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (("x", np.float64),)
    set_polarity: ClassVar[int] = 1
    memory: ClassVar[str] = "x"

    def start(self, state: State) -> None:
        """Start at 0.1."""
        state["x"] = 0.1

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Say 0 and 1."""
        return np.zeros(len(state)), np.ones(len(state))

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the current."""
        return self.linearised(state, voltage_v)[0]

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute current and slope."""
        voltage = np.broadcast_to(np.asarray(voltage_v, float), state.shape)
        current_a, slope_s = np.empty(state.shape), np.empty(state.shape)
        kernel.current(state["x"], voltage, current_a, slope_s)
        return current_a, slope_s

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        kernel.walk(
            state["x"], cells, drive.duration_s, drive.start_v, drive.stop_v, drive.measured,
            drive.units, float(drive.source_ohm), float(drive.limit_a), tuple(terminal),
        )  # fmt: skip


def rate(state: State, voltage_v: Floats) -> Floats:
    """Compute dx/dt of cells at voltages across them (1/s)."""
    x = state["x"]
    speed: Floats = kernel.RATE_HZ * np.sinh(voltage_v / kernel.SCALE_V) * 4.0 * x * (1.0 - x)
    return speed
