"""Cells of a model as the law of an array."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from hil.errors import ConfigError
from hil.simulators.crossbar.cells import Cells, GatedLaw, Law
from hil.simulators.models import get_model
from hil.simulators.models.drive import Floats
from hil.simulators.models.layers.layer import Layer, Layered
from hil.simulators.models.model import Device, State
from hil.simulators.models.resistor import Resistor
from hil.simulators.models.stanford import Stanford


class Twice(Layer, frozen=True, kw_only=True):
    """Twice the current; of slopes it says nothing."""

    def current_a(self, inner: Device, state: State, voltage_v: ArrayLike) -> Floats:
        return 2 * inner.current_a(state, voltage_v)


def test_cells_are_numbered_along_the_rows() -> None:
    model = Resistor()
    state = model.initial_state(6, np.random.default_rng(0))
    state["resistance_ohm"] = 1e3 * np.arange(1, 7)
    law = Cells(model, state, 2, 3)
    current_a, slope_s = law.linearised(np.ones((2, 3)))
    assert current_a == pytest.approx(1e-3 / np.arange(1, 7).reshape(2, 3))
    assert slope_s == pytest.approx(current_a)


def test_cells_are_as_their_state_is_now() -> None:
    model = Stanford()
    state = model.initial_state(4, np.random.default_rng(0))
    law = Cells(model, state, 2, 2)
    before_a = law.linearised(np.full((2, 2), 0.2))[0]
    state["gap_m"][3] = model.gap_min_m
    after_a = law.linearised(np.full((2, 2), 0.2))[0]
    assert after_a[1, 1] > 100 * before_a[1, 1]
    assert (after_a.flat[:3] == before_a.flat[:3]).all()


def test_cells_are_a_law_and_have_no_gate() -> None:
    model = Resistor()
    law = Cells(model, model.initial_state(4, np.random.default_rng(0)), 2, 2)
    assert isinstance(law, Law)
    assert not isinstance(law, GatedLaw)


def test_layers_give_their_own_slopes() -> None:
    stuck = get_model("stanford", stuck={"lrs_share": 1.0, "lrs_ohm": "2kohm"})
    twice = Layered(inner=Stanford(), layer=Twice())
    for model, told_s in ((stuck, 1 / 2e3), (twice, None)):
        state = model.initial_state(4, np.random.default_rng(0))
        current_a, slope_s = Cells(model, state, 2, 2).linearised(np.full((2, 2), 0.3))
        assert current_a.ravel() == pytest.approx(model.current_a(state, 0.3), rel=1e-12)
        plain_s = Stanford().linearised(state, 0.3)[1].reshape(2, 2)
        assert slope_s == pytest.approx(2 * plain_s if told_s is None else told_s, rel=1e-4)


def test_a_state_of_other_cells_is_refused() -> None:
    model = Resistor()
    state = model.initial_state(5, np.random.default_rng(0))
    with pytest.raises(ConfigError, match="needs a state of 6 cells"):
        Cells(model, state, 2, 3)
