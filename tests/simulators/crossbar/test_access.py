"""Transistors and selectors in series with memory devices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ConfigError
from hil.simulators.crossbar.access import (
    Access,
    Selector,
    Transistor,
    WithSelector,
    WithTransistor,
    with_access,
)
from hil.simulators.crossbar.cells import Cells, GatedLaw, Law
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.newton import NonlinearSolver
from hil.simulators.models import get_model
from tests.simulators.crossbar.operating_spice import Floats

NMOS = Transistor(threshold_v=0.5, k_a_per_v2=2e-3, lambda_per_v=0.1, off_s=1e-9)


def cells(rows: int, columns: int, name: str = "stanford") -> Cells:
    """Make cells all over the range of their memory."""
    model = get_model(name)
    state = model.initial_state(rows * columns, np.random.default_rng(0))
    hrs, lrs = model.memory_range(state)
    share = np.random.default_rng(1).uniform(0, 1, rows * columns)
    state[model.memory_column] = hrs + share * (lrs - hrs)
    return Cells(model, state, rows, columns)


def through(transistor: Transistor, drain_v: float, source_v: float, gate_v: float) -> Floats:
    ends_v = np.array([[drain_v]]), np.array([[source_v]])
    return np.ravel(transistor.linearised(*ends_v, np.array([gate_v])))


def test_the_square_law() -> None:
    """Saturation, triode and off, as in a textbook: k/2 V_ov^2 and k (V_ov - V_DS/2) V_DS."""
    plain = Transistor(threshold_v=0.5, k_a_per_v2=2e-3)
    assert through(plain, 3.0, 0.2, 1.7)[0] == pytest.approx(1e-3 * 1.0**2)
    assert through(plain, 0.6, 0.2, 1.7)[0] == pytest.approx(2e-3 * (1.0 - 0.2) * 0.4)
    assert through(plain, 3.0, 1.3, 1.7)[0] == 0.0
    assert through(NMOS, 3.0, 1.3, 1.7)[0] == pytest.approx(1e-9 * 1.7)
    assert through(NMOS, 3.0, 0.2, 1.7)[0] == pytest.approx(1e-3 * 1.28 + 1e-9 * 2.8)


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-1, 4))
def test_its_ends_are_alike_and_its_slopes_its_own(
    drain_v: float, source_v: float, gate_v: float
) -> None:
    told = through(NMOS, drain_v, source_v, gate_v)
    turned = through(NMOS, source_v, drain_v, gate_v)
    assert turned == pytest.approx([-told[0], told[2], told[1]], rel=1e-12, abs=1e-18)
    assert (told[1:] >= 1e-9).all()
    step = 1e-6
    by_drain = through(NMOS, drain_v + step, source_v, gate_v)[0] - told[0]
    by_source = told[0] - through(NMOS, drain_v, source_v + step, gate_v)[0]
    assert (by_drain / step, by_source / step) == pytest.approx(told[1:], rel=1e-4, abs=5e-9)


@pytest.mark.parametrize("selector", [Selector(), Selector(i0_a=1e-15, v0_v=0.02)])
@pytest.mark.parametrize("name", ["stanford", "jart-fit", "data-driven"])
def test_a_selector_and_its_memory_share_the_voltage(selector: Selector, name: str) -> None:
    law = cells(4, 5, name)
    whole = with_access(law, selector)
    assert isinstance(whole, WithSelector)
    voltage_v = np.linspace(-3, 3, 20).reshape(4, 5)
    current_a, slope_s = whole.linearised(voltage_v)
    assert current_a == pytest.approx(law.linearised(whole.memory_v)[0], rel=1e-12)
    told_a = selector.i0_a * np.sinh((voltage_v - whole.memory_v) / selector.v0_v)
    assert told_a == pytest.approx(current_a, rel=1e-9)
    sides_a = [whole.linearised(voltage_v + way)[0] for way in (-1e-5, 1e-5)]
    assert slope_s == pytest.approx((sides_a[1] - sides_a[0]) / 2e-5, rel=1e-3, abs=1e-10)
    assert isinstance(whole, Law)
    assert not isinstance(whole, GatedLaw)


@pytest.mark.parametrize("gate_v", [0.2, 1.2, 3.0])
def test_a_transistor_and_its_memory_carry_one_current(gate_v: float) -> None:
    law = cells(4, 5)
    whole = with_access(law, NMOS, gate_v)
    assert isinstance(whole, WithTransistor)
    assert isinstance(whole, GatedLaw)
    rng = np.random.default_rng(2)
    row_v, column_v = rng.uniform(-2, 2, (2, 4, 5))
    current_a, row_s, column_s = whole.linearised_at(row_v, column_v)
    memory_v = whole.memory_v.copy()
    assert current_a == pytest.approx(law.linearised(memory_v)[0], rel=1e-12)
    inner_v = row_v - memory_v
    told_a = NMOS.linearised(inner_v, column_v, np.full(4, gate_v))[0]
    assert told_a == pytest.approx(current_a, rel=1e-9, abs=1e-17)
    step = 1e-6
    by_row = whole.linearised_at(row_v + step, column_v)[0] - current_a
    by_column = current_a - whole.linearised_at(row_v, column_v + step)[0]
    assert by_row / step == pytest.approx(row_s, rel=1e-3, abs=1e-12)
    assert by_column / step == pytest.approx(column_s, rel=1e-3, abs=1e-12)


def test_the_gate_limits_what_a_cell_can_carry() -> None:
    """No cell carries more than its transistor in saturation, and none flows past closed gates."""
    law = cells(6, 6)
    law.state["gap_m"] = 0.3e-9
    transistor = Transistor(threshold_v=0.5, k_a_per_v2=1e-4)
    network = Network.of(6, 6, row_wire_ohm=2.5, column_wire_ohm=2.5, sense_ohm=100.0)
    gate_v = np.array([0.0, 0.0, 1.5, 0.0, 0.0, 0.0])
    row_v = np.where(gate_v > 0, 2.0, 0.0)
    found = NonlinearSolver(network).solve(with_access(law, transistor, gate_v), row_v, 0.0)
    assert found.cell_a[2] == pytest.approx(0.5e-4, rel=0.05)
    assert (found.cell_a[2] < 0.5e-4).all()
    assert (found.cell_a[gate_v == 0] == 0).all()
    assert (np.abs(found.memory_v[2]) < found.cell_v[2]).all()
    assert (found.memory_v[gate_v == 0] == 0).all()


@settings(max_examples=25, deadline=None)
@given(
    access=st.sampled_from((NMOS, Transistor(k_a_per_v2=1e-4), Selector(), Selector(v0_v=0.02))),
    volts=st.lists(st.floats(-2.5, 2.5), min_size=6, max_size=6),
    gates=st.lists(st.floats(-1, 5), min_size=3, max_size=3),
    start=st.lists(st.floats(-3, 3), min_size=9, max_size=9),
    ohm=st.sampled_from((0.0, 100.0, 1e4)),
    floating=st.booleans(),
)
def test_every_start_leads_somewhere_right(
    access: Access, volts: list[float], gates: list[float], start: list[float], ohm: float,
    floating: bool,
) -> None:  # fmt: skip
    law = cells(3, 3)
    whole = with_access(law, access, None if isinstance(access, Selector) else gates)
    network = Network.of(3, 3, row_wire_ohm=2.5, column_wire_ohm=2.5, sense_ohm=ohm)
    if floating:
        network = network.floating(np.arange(3) > 0, np.arange(3) > 0)
    start_v = np.array(start).reshape(3, 3)
    row_v, column_v = np.array(volts[:3]), np.array(volts[3:])
    found = NonlinearSolver(network).solve(whole, row_v, column_v, start_v=start_v)
    top_a = np.abs(found.cell_a).max()
    assert found.residual_a <= max(1e-10 * top_a, 1e-18)
    sums_a = found.cell_a.sum(axis=1), found.cell_a.sum(axis=0)
    assert found.row_a == pytest.approx(sums_a[0], rel=0, abs=1e-9 * top_a + 1e-17)
    assert found.column_a == pytest.approx(sums_a[1], rel=0, abs=1e-9 * top_a + 1e-17)
    assert found.cell_a == pytest.approx(law.linearised(found.memory_v)[0], rel=1e-9, abs=1e-18)


def test_slopes_that_a_gate_makes_differ_are_followed() -> None:
    """Resistors behind transistors in lines that float; with symmetric slopes alone it is lost."""
    model = get_model("resistor", resistance_ohm=1430.6430984572612)
    law = Cells(model, model.initial_state(8, np.random.default_rng(0)), 4, 2)
    weak = Transistor(k_a_per_v2=1e-4, lambda_per_v=0.05, off_s=1e-10)
    others = np.arange(4) > 0, np.arange(2) < 1
    network = Network.of(4, 2, column_wire_ohm=20.0, driver_ohm=50.0).floating(*others)
    row_v = np.array([2.35514810611537, 0.0, 0.0, 0.0])
    found = NonlinearSolver(network).solve(with_access(law, weak, 0.71211892376714), row_v, 0.0)
    assert found.residual_a <= 1e-10 * np.abs(found.cell_a).max()
    assert found.row_a[0] == pytest.approx(found.column_a[1], rel=1e-9)
    assert found.row_a[0] > 1e-6


def test_what_is_no_access_device_is_refused() -> None:
    law = cells(2, 2)
    with pytest.raises(ConfigError, match="need gate_v"):
        with_access(law, NMOS)
    with pytest.raises(ConfigError, match="selector has no gate"):
        with_access(law, Selector(), 1.0)
    with pytest.raises(ConfigError, match="gate_v does not fit"):
        with_access(law, NMOS, np.zeros(3))
    with pytest.raises(ConfigError, match="finite"):
        with_access(law, NMOS, np.nan)
    with pytest.raises(ConfigError, match="k_a_per_v2"):
        Transistor(k_a_per_v2=0.0)
    with pytest.raises(ConfigError, match="v0_v"):
        Selector(v0_v=-1.0)


class Counting(Cells):
    """Cells that count how often they are asked."""

    asked = 0

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        self.asked += 1
        return super().linearised(voltage_v)


def test_a_closed_gate_is_no_long_way_to_nothing() -> None:
    model, rows, columns = get_model("stanford-lab"), 8, 16
    cells = rows * columns
    state = model.initial_state(cells, np.random.default_rng(1))
    model.preset(state, np.arange(cells), 5e-6, 0.1)
    law = Counting(model, state, rows, columns)
    network = Network.of(rows, columns, row_wire_ohm=2.5, column_wire_ohm=2.5, driver_ohm=50)
    gate_v, half_v = np.where(np.arange(rows) == 0, 2.0, 0.0), np.full(rows, 0.75)
    half_v[0] = 1.5
    at = NonlinearSolver(network).solve(
        with_access(law, Transistor(), gate_v), half_v, np.where(np.arange(columns) > 0, 0.75, 0.0)
    )
    assert (at.memory_v[1:] == 0.0).all()
    assert law.asked < 60
