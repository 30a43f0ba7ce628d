"""A resistor: the device whose answer everybody knows.

Not modelled: everything but Ohm's law.
"""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.models.model import Drive, Floats, Model, State, Terminal
from hil.units import quantity


class Resistor(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resistor of the same value at every cell."""

    resistance_ohm: Annotated[float, quantity("ohm", "resistance", gt=0)] = 10e3

    state_dtype: ClassVar[np.dtype[np.void]] = np.dtype([("resistance_ohm", np.float64)])
    sets_at: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 0 < self.resistance_ohm < np.inf:
            raise ConfigError(
                f"resistance_ohm is {self.resistance_ohm} ohm; it is positive and finite"
            )

    def initial_state(self, cells: int, _rng: np.random.Generator) -> State:
        """Make the state of resistors, which never changes."""
        state = np.zeros(cells, self.state_dtype)
        state["resistance_ohm"] = self.resistance_ohm
        return state

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Ohm's law."""
        return np.asarray(np.asarray(voltage_v, float) / state["resistance_ohm"])

    def play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Compute the load line at the end of each measured segment; nothing moves."""
        resistance_ohm = state["resistance_ohm"][cells]
        source_v = drive.stop_v[drive.looks]
        current_a = source_v / (drive.source_ohm + resistance_ohm)
        limited = np.abs(current_a) > drive.limit_a
        current_a = np.where(limited, np.copysign(drive.limit_a, current_a), current_a)
        return Terminal(current_a * resistance_ohm, current_a, limited)
