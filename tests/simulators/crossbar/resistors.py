"""Arrays of resistors, for what takes a model's cells."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hil.simulators.crossbar import Network
from hil.simulators.crossbar.array import Array
from hil.simulators.models import get_model
from hil.simulators.models.model import State


def resistors(conductance_s: ArrayLike, **wires: Any) -> tuple[Array, State]:
    """Make an array and its state from conductances (rows, columns) and the ends of `Network`."""
    given_s = np.asarray(conductance_s, float)
    model = get_model("resistor")
    state = model.initial_state(given_s.size, np.random.default_rng(1))
    state["resistance_ohm"] = 1 / given_s.ravel()
    return Array(model, Network.of(*given_s.shape, **wires)), state
