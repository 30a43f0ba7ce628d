"""A linear resistor: the cell that never changes, for checking a bench against Ohm's law."""

import math
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.models.model import Drive, Floats, Model, State, Terminal
from hil.units import quantity


class Resistor(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """I = V / R. Not modelled: noise, capacitance, self-heating, a rated power."""

    resistance_ohm: Annotated[float, quantity("ohm", "resistance of a fresh cell", gt=0)] = 10e3

    state_dtype: ClassVar[np.dtype[np.void]] = np.dtype([("resistance_ohm", np.float64)])
    sets_at: ClassVar[int] = 1
    """A resistor does not SET; +1 is what most models have."""

    def __post_init__(self) -> None:
        if not 0 < self.resistance_ohm < math.inf:
            raise ConfigError(
                f"resistance_ohm is {self.resistance_ohm}; it must be above 0 ohm and finite"
            )

    def initial_state(self, cells: int, rng: np.random.Generator) -> State:  # noqa: ARG002
        """Make fresh cells, all alike; nothing is drawn."""
        state = np.zeros(cells, self.state_dtype)
        state["resistance_ohm"] = self.resistance_ohm
        return state

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute V / R."""
        return np.asarray(np.asarray(voltage_v, float) / state["resistance_ohm"])

    def play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Compute the readings of a drive: a voltage divider, or the current limit.

        The source holds |I| = limit_a where the divider would carry more; the cell is then at
        limit_a times its resistance.
        """
        resistance_ohm = state["resistance_ohm"][cells]
        source_v = drive.stop_v[drive.looks]
        divided_a = source_v / (drive.source_ohm + resistance_ohm)
        limited = np.abs(divided_a) > drive.limit_a
        current_a = np.where(limited, np.copysign(drive.limit_a, source_v), divided_a)
        return Terminal(current_a * resistance_ohm, current_a, limited)
