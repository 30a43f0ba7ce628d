"""A linear resistor: the cell that never changes, for checking a bench against Ohm's law."""

import math
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import Model, State
from hil.units import quantity


class Resistor(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """I = V / R. Not modelled: noise, capacitance, self-heating, a rated power."""

    resistance_ohm: Annotated[float, quantity("ohm", "resistance of a fresh cell", gt=0)] = 10e3

    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (("resistance_ohm", np.float64),)
    set_polarity: ClassVar[int] = 1
    """A resistor does not SET; +1 is what most models have."""
    memory: ClassVar[str] = "resistance_ohm"

    def __post_init__(self) -> None:
        if not 0 < self.resistance_ohm < math.inf:
            raise ConfigError(
                f"resistance_ohm is {self.resistance_ohm}; it must be above 0 ohm and finite"
            )

    def start(self, state: State) -> None:
        """Make fresh cells, all alike."""
        state["resistance_ohm"] = self.resistance_ohm

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Tell that a resistor has one state."""
        return state["resistance_ohm"].copy(), state["resistance_ohm"].copy()

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute V / R."""
        return np.asarray(np.asarray(voltage_v, float) / state["resistance_ohm"])

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute V / R and 1 / R."""
        return self.current_a(state, voltage_v), 1.0 / state["resistance_ohm"]

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Compute the readings of a drive: a voltage divider, or the current limit.

        The source holds |I| = limit_a where the divider would carry more; the cell is then at
        limit_a times its resistance.
        """
        resistance_ohm = state["resistance_ohm"][cells]
        source_v = drive.stop_v[drive.looks]
        divided_a = source_v / (drive.source_ohm + resistance_ohm)
        terminal.limited[:] = np.abs(divided_a) > drive.limit_a
        held_a = np.copysign(drive.limit_a, source_v)
        terminal.current_a[:] = np.where(terminal.limited, held_a, divided_a)
        terminal.voltage_v[:] = terminal.current_a * resistance_ohm
