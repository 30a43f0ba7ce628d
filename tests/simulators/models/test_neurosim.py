"""NeuroSim's Real Device against the figures of its list and its own way of writing."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, norm

from hil.errors import ConfigError, NotSupported
from hil.simulators.models import get_model
from hil.simulators.models.drive import Drive
from hil.simulators.models.model import Device, State
from hil.simulators.models.neurosim import NeuroSim, a_norm
from hil.testing.device_contract import DeviceContract, Pulse

LOW_S, HIGH_S = 3.0769e-9, 3.8462e-8


def train(voltage_v: float, repeats: int = 1, high_s: float = 300e-6, ohm: float = 0.0) -> Drive:
    """Pulses with edges of 1 us."""
    edges = (np.array([[1e-6], [high_s], [1e-6]]), np.array([[0.0], [voltage_v], [voltage_v]]))
    stop_v = np.array([[voltage_v], [voltage_v], [0.0]])
    units = np.array([[0, 3, repeats]])
    return Drive(*edges, stop_v, np.zeros(3, bool), units, ohm, math.inf)


def cells_at(model: NeuroSim, conductance_s: float, cells: int = 1, seed: int = 0) -> State:
    state = model.initial_state(cells, np.random.default_rng(seed))
    state["conductance_s"] = conductance_s
    return state


def pulsed(model: NeuroSim, conductance_s: float, voltage_v: float, repeats: int = 1) -> float:
    state = cells_at(model, conductance_s)
    model.play(state, np.array([0]), train(voltage_v, repeats))
    return float(state["conductance_s"][0])


@pytest.mark.parametrize(
    ("nl", "listed"), [(2.40, 0.499181), (4.88, 0.200303), (0.01, 126.268958), (9.0, 0.02281)]
)
def test_a_norm_is_that_of_the_list(nl: float, listed: float) -> None:
    assert a_norm(nl) == pytest.approx(listed, rel=3e-5)


@given(st.floats(1e-8, 9))
def test_a_norm_gives_back_the_non_linearity(nl: float) -> None:
    """The definition, the largest distance sought on a grid of x."""
    a = float(a_norm(nl))
    x = np.linspace(0, 1, 2001)
    distance = (np.expm1(-x / a) / math.expm1(-1 / a) - x).max()
    assert 10.10153 * distance == pytest.approx(nl, rel=1e-5, abs=1e-11)


@pytest.mark.parametrize(
    ("levels", "voltage_v", "slope", "at_low_s", "at_high_s"),
    [
        ((500, 500), 3.2, 3.998547e-3, 163.55e-12, None),
        ((500, 500), -2.8, 9.935190e-3, None, -353.96e-12),
        ((97, 100), 3.2, 0.0204406, None, None),
        ((97, 100), -2.8, 0.0486986, None, None),
    ],
)
def test_the_mean_of_a_pulse_is_linear_with_the_known_slope(
    levels: tuple[int, int], voltage_v: float, slope: float, at_low_s: Any, at_high_s: Any
) -> None:
    model = NeuroSim(sigma_c2c=0.0, levels_ltp=levels[0], levels_ltd=levels[1])
    at = np.array([0.2, 0.5, 0.8]) * (HIGH_S - LOW_S) + LOW_S
    steps = np.array([pulsed(model, g, voltage_v) - g for g in at])
    np.testing.assert_allclose(np.diff(steps) / np.diff(at), -slope, rtol=1e-5)
    for bound, expected in ((LOW_S, at_low_s), (HIGH_S, at_high_s)):
        if expected is not None:
            assert pulsed(model, bound, voltage_v) - bound == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("nl", [2.4, -4.88, 0.0, 1e-5, 6.0, -6.0])
def test_as_many_pulses_as_levels_cross_the_range_and_come_back(nl: float) -> None:
    model = NeuroSim(sigma_c2c=0.0, nl_ltp=nl, nl_ltd=-nl)
    assert pulsed(model, LOW_S, 3.2, 97) == pytest.approx(HIGH_S, rel=1e-9)
    assert pulsed(model, HIGH_S, -2.8, 100) == pytest.approx(LOW_S, rel=1e-9)


@pytest.mark.parametrize("nl", [2.4, -4.88, 0.0, 6.0, -6.0])
@given(share=st.floats(0, 1), pulses=st.integers(-120, 120))
@settings(deadline=None)
def test_without_noise_a_write_is_as_many_pulses(nl: float, share: float, pulses: int) -> None:
    model = NeuroSim(sigma_c2c=0.0, nl_ltp=nl, nl_ltd=nl)
    start_s = min(LOW_S + share * (HIGH_S - LOW_S), HIGH_S)
    state = cells_at(model, start_s)
    model.write(state, np.array([0]), pulses)
    told = pulsed(model, start_s, 3.2 if pulses > 0 else -2.8, abs(pulses)) if pulses else start_s
    assert state["conductance_s"][0] == pytest.approx(told, rel=1e-8)
    assert state["draws"][0] == (pulses != 0)


def test_the_noise_of_pulses_accumulates_and_that_of_a_write_is_of_its_root() -> None:
    model, cells = NeuroSim(sigma_c2c=0.001, nl_ltp=0.0), 20_000
    by_pulses, at_once = (cells_at(model, 10e-9, cells) for _ in range(2))
    model.play(by_pulses, np.arange(cells), train(3.2, 16))
    model.write(at_once, np.arange(cells), 16)
    sigma_s = 0.001 * (HIGH_S - LOW_S) * 4
    mean_s = 10e-9 + 16 * (HIGH_S - LOW_S) / 97
    for state in (by_pulses, at_once):
        assert kstest(state["conductance_s"], norm(mean_s, sigma_s).cdf).pvalue > 1e-3
    assert (by_pulses["draws"] == 16).all()
    assert (at_once["draws"] == 1).all()


def test_a_write_leaves_other_cells_and_null_writes_alone() -> None:
    model = NeuroSim()
    state = cells_at(model, 20e-9, 4)
    model.write(state, np.array([3, 1]), [0, -2])
    assert (state["conductance_s"][[0, 2, 3]] == 20e-9).all()
    assert state["conductance_s"][1] != 20e-9
    assert state["draws"].tolist() == [0, 1, 0, 0]


@given(st.floats(0, 1), st.integers(-200, 200), st.integers(0, 2**32), st.floats(0, 1))
@settings(deadline=None)
def test_conductance_stays_within_its_bounds(
    share: float, pulses: int, seed: int, sigma: float
) -> None:
    model = NeuroSim(sigma_c2c=sigma)
    state = cells_at(model, LOW_S + share * (HIGH_S - LOW_S), 20, seed)
    model.write(state, np.arange(20), pulses)
    model.play(state, np.arange(20), train(3.2 if pulses > 0 else -2.8, 3))
    assert (state["conductance_s"] >= LOW_S).all()
    assert (state["conductance_s"] <= HIGH_S).all()


def test_cells_with_parameters_of_their_own_are_those_cells() -> None:
    own: dict[str, list[Any]] = {
        "nl_ltp": [1.0, 5.0],
        "nl_ltd": [-7.0, -0.5],
        "sigma_c2c": [0.0, 0.01],
    }
    base = NeuroSim()
    dtype = np.dtype([*base.state_dtype.descr, *((name, np.float64) for name in own)])
    state = np.zeros(2, dtype)
    state["key"] = 5
    for name, column in own.items():
        state[name] = column
    base.start(state)
    for voltage_v in (3.2, -2.8):
        base.play(state, np.arange(2), train(voltage_v, 7))
    base.write(state, np.array([1, 0]), [-3, 4])
    for cell, pulses in ((0, 4), (1, -3)):
        model = NeuroSim(**{name: column[cell] for name, column in own.items()})
        alone = cells_at(model, model.g_min_s)
        alone["key"] = 5
        for voltage_v in (3.2, -2.8):
            model.play(alone, np.array([0]), train(voltage_v, 7))
        model.write(alone, np.array([0]), pulses)
        assert state["conductance_s"][cell] == pytest.approx(alone["conductance_s"][0], rel=1e-12)


@pytest.mark.parametrize(
    ("drive", "words"),
    [
        (train(3.0), r"no NeuroSim pulse for \+3 V.*-2.8, \+3.2"),
        (train(-3.2), "no NeuroSim pulse for -3.2 V"),
        (train(3.2, high_s=100e-6), "know pulses of 0.0003 s, not the 0.0001 s"),
    ],
)
def test_other_pulses_are_refused(drive: Drive, words: str) -> None:
    model = NeuroSim()
    with pytest.raises(NotSupported, match=words):
        model.refuse(drive)
    state = cells_at(model, 20e-9)
    with pytest.raises(NotSupported, match=words):
        model.play(state, np.array([0]), drive)
    assert state["conductance_s"][0] == 20e-9


def test_a_pulse_that_arrives_too_small_is_refused() -> None:
    model = NeuroSim(initial_conductance_s=30e-9)
    with pytest.raises(NotSupported, match="at the cell"):
        model.play(cells_at(model, 30e-9), np.array([0]), train(3.2, ohm=1e6))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"nl_ltp": 9.5}, "-9 to 9"),
        ({"nl_ltd": math.nan}, "-9 to 9"),
        ({"g_min_s": 1e-6}, "below g_max_s"),
        ({"g_max_s": math.inf}, "finite"),
        ({"levels_ltp": 0}, "above 0"),
        ({"sigma_c2c": -0.1}, "0 or more"),
        ({"ltd_v": 2.8}, "below 0"),
        ({"ltp_v": 0.4}, "quiet_v"),
        ({"initial_conductance_s": 1e-6}, "outside"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        NeuroSim(**parameters)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'nl_ltp'"):
        get_model("neurosim", nl_lpt=1.0)


def test_the_target_device_of_the_modeling_bias_paper_has_its_mean_steps() -> None:
    """162 and 22 pS at 3 and 38 nS (LTP), -2.4 and -350 pS (LTD); closed form for 500 levels."""
    model = get_model("neurosim-500", sigma_c2c=0.0)
    assert isinstance(model, NeuroSim)
    assert pulsed(model, 3e-9, 3.2) - 3e-9 == pytest.approx(161.77e-12, rel=1e-4)
    assert pulsed(model, 38e-9, -2.8) - 38e-9 == pytest.approx(-350.11e-12, rel=1e-4)


class TestNeuroSim(DeviceContract):
    set_pulse = Pulse(3.2, 300e-6)
    reset_pulse = Pulse(-2.8, 300e-6)
    random = True

    @pytest.fixture
    def device(self) -> Device:
        return get_model("neurosim", initial_conductance_s="20nS")
