"""The resistor against Ohm's law and Kirchhoff's, and the interface that every model has."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Terminal
from hil.simulators.models.resistor import Resistor


def steps(
    voltages: ArrayLike,
    source_ohm: float = 0.0,
    limit_a: float = math.inf,
    measured: ArrayLike = True,
    units: ArrayLike | None = None,
) -> Drive:
    """Hold each voltage for a microsecond: one column of voltages, or one for each cell."""
    rows = np.array(voltages, float)
    stop_v = np.ascontiguousarray(rows.reshape(len(rows), -1))
    return Drive(
        np.full_like(stop_v, 1e-6),
        stop_v,
        stop_v,
        np.broadcast_to(measured, len(stop_v)).copy(),
        np.array([[0, len(stop_v), 1]] if units is None else units),
        source_ohm,
        limit_a,
    )


def play(drive: Drive, cells: int = 1, **parameters: float) -> Terminal:
    model = Resistor(**parameters)
    state = model.initial_state(cells, np.random.default_rng(0))
    return model.play(state, np.arange(cells), drive)


def test_divider() -> None:
    terminal = play(steps([1.0, -2.0, 0.0], source_ohm=1e3), resistance_ohm=9e3)
    np.testing.assert_allclose(terminal.current_a[:, 0], [1e-4, -2e-4, 0.0], rtol=1e-15)
    np.testing.assert_allclose(terminal.voltage_v[:, 0], [0.9, -1.8, 0.0], rtol=1e-15)
    assert not terminal.limited.any()


def test_source_holds_its_limit() -> None:
    terminal = play(steps([0.5, 2.0, -2.0], limit_a=1e-4))
    np.testing.assert_array_equal(terminal.limited[:, 0], [False, True, True])
    np.testing.assert_allclose(terminal.current_a[:, 0], [5e-5, 1e-4, -1e-4], rtol=1e-15)
    np.testing.assert_allclose(terminal.voltage_v[:, 0], [0.5, 1.0, -1.0], rtol=1e-15)


@given(st.floats(-100, 100), st.floats(1e-3, 1e9), st.floats(0, 1e6), st.floats(1e-9, 1.0))
def test_kirchhoff(
    source_v: float, resistance_ohm: float, source_ohm: float, limit_a: float
) -> None:
    terminal = play(steps([source_v], source_ohm, limit_a), resistance_ohm=resistance_ohm)
    voltage_v, current_a = terminal.voltage_v[0, 0], terminal.current_a[0, 0]
    assert voltage_v == pytest.approx(resistance_ohm * current_a, rel=1e-14)
    assert abs(current_a) <= limit_a
    if terminal.limited[0, 0]:
        assert abs(source_v) > abs(voltage_v + source_ohm * current_a) * (1 - 1e-14)
    else:
        assert voltage_v + source_ohm * current_a == pytest.approx(source_v, rel=1e-14)


def test_each_cell_has_its_own_column_and_resistance() -> None:
    model = Resistor()
    state = model.initial_state(3, np.random.default_rng(0))
    state["resistance_ohm"] = [1e3, 2e3, 4e3]
    terminal = model.play(state, np.array([2, 0]), steps([[4.0, 1.0], [8.0, 2.0]]))
    np.testing.assert_array_equal(terminal.current_a, [[1e-3, 1e-3], [2e-3, 2e-3]])
    np.testing.assert_array_equal(model.current_a(state, 4.0), [4e-3, 2e-3, 1e-3])


def test_readings_follow_units_and_repeats() -> None:
    drive = steps([1.0, 2.0, 3.0], measured=[True, False, True], units=[[1, 3, 2], [0, 1, 1]])
    terminal = play(drive)
    np.testing.assert_allclose(terminal.current_a[:, 0], [3e-4, 3e-4, 1e-4], rtol=1e-15)
    assert play(steps([1.0], measured=False)).current_a.shape == (0, 1)


def test_state_stays_as_it_is() -> None:
    model = Resistor()
    state = model.initial_state(2, np.random.default_rng(0))
    before = state.copy()
    model.advance(state, 0.0, 5.0, 1e-3)
    assert state.tobytes() == before.tobytes()


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_bad_resistance_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match="resistance_ohm"):
        Resistor(resistance_ohm=value)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"resistance_ohm": value}, Resistor)
