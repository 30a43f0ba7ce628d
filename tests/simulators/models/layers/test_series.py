"""A resistance of the device's own, against the same one outside it and against a root finder."""

import numpy as np
import pytest
from scipy.optimize import brentq

from hil.errors import ConfigError, NotSupported
from hil.simulators.models import get_model
from tests.simulators.models.drives import play, waveform

SWEEP = [(1e-3, 2.0), (1e-3, 0.0), (1e-3, -2.0), (1e-3, 0.0), (1e-3, 0.2)]


@pytest.mark.parametrize("limit_a", [np.inf, 2e-4])
def test_inside_or_outside_the_same_current_flows(limit_a: float) -> None:
    plain, state = play(get_model("stanford"), waveform(SWEEP, 1050.0, limit_a))
    inside, moved = play(get_model("stanford", series_ohm="1kohm"), waveform(SWEEP, 50.0, limit_a))
    assert (inside.current_a == plain.current_a).all()
    assert (moved["gap_m"] == state["gap_m"]).all()
    assert inside.voltage_v == pytest.approx(plain.voltage_v + 1e3 * plain.current_a, abs=1e-12)


@pytest.mark.parametrize("voltage_v", [-1.5, -0.1, 0.0, 0.1, 1.5])
def test_current_at_a_voltage_is_the_root_of_kirchhoffs_law(voltage_v: float) -> None:
    bare, device = get_model("stanford"), get_model("stanford", series_ohm=2e3)
    state = device.initial_state(3, np.random.default_rng(1))
    state["gap_m"] = [0.2e-9, 0.5e-9, 1.7e-9]
    for k, current_a in enumerate(device.current_a(state, voltage_v)):
        one = state[k : k + 1]
        cell_v = brentq(
            lambda v, one=one: v + 2e3 * bare.current_a(one, v)[0] - voltage_v,
            -2.0, 2.0, xtol=1e-300, rtol=1e-14,
        )  # fmt: skip
        assert current_a == pytest.approx(bare.current_a(one, cell_v)[0], rel=1e-9, abs=1e-30)


def test_currents_of_many_voltages_at_once() -> None:
    device = get_model("jart", series_ohm=2e3, noise={"white": 0.1})
    state = device.initial_state(3, np.random.default_rng(1))
    state["n_disc_1e26_per_m3"] = [0.1, 1.0, 10.0]
    volts = np.array([[-0.3], [0.0], [0.2], [0.4]])
    at_once = device.current_a(state, volts)
    assert at_once.shape == (4, 3)
    for row, voltage_v in zip(at_once, volts[:, 0], strict=True):
        assert row == pytest.approx(device.current_a(state, voltage_v), rel=1e-12)


def test_a_pulse_that_the_resistor_makes_too_small_is_refused_before_it_is_played() -> None:
    pulse = waveform([(1e-7, 1.8), (500e-9, 1.8), (1e-7, 0.0)])
    get_model("tiox").refuse(pulse)
    with pytest.raises(NotSupported, match="jump table"):
        get_model("tiox", series_ohm="10kohm").refuse(pulse)


def test_none_is_no_layer() -> None:
    assert get_model("stanford", series_ohm=0) == get_model("stanford")
    assert get_model("jart-lab", series_ohm=False) == get_model("jart-lab", series_ohm=0)


@pytest.mark.parametrize("value", ["-1ohm", "1kV", float("nan")])
def test_bad_values(value: object) -> None:
    with pytest.raises(ConfigError, match="series_ohm"):
        get_model("stanford", series_ohm=value)
