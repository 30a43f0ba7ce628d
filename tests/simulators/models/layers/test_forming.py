"""Forming: the threshold exactly where it should be, and afterwards the model as it is alone."""

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.simulators.models import get_model
from tests.simulators.models.drives import play, waveform

FORMING = {"form_v": "3V", "pristine_ohm": "1Mohm"}


@pytest.mark.parametrize("ohm", [0.0, 1e5])
def test_a_cell_forms_from_its_voltage_on(ohm: float) -> None:
    threshold_v = 3.0 * (1 + ohm / 1e6)
    device = get_model("stanford", forming=FORMING)
    for source_v, formed in ((threshold_v * (1 - 1e-9), False), (threshold_v * (1 + 1e-9), True)):
        seen, state = play(
            device, waveform([(1e-6, source_v), (1e-6, 0.0), (1e-6, 0.1)], ohm, 1e-3)
        )
        assert (state["form_v"][0] == 0) == formed
        assert (seen.current_a[-1, 0] > 1.5e-7) == formed


def test_on_a_ramp_the_model_goes_on_where_the_cell_formed() -> None:
    seen, state = play(
        get_model("stanford", forming=FORMING),
        waveform([(1e-6, 2.0), (2e-6, 4.0), (1e-6, 4.0), (1e-6, 0.0), (1e-6, 0.1)], 1e3, 1e-4),
    )
    began_v = 3.0 * (1 + 1e3 / 1e6)
    model = get_model("stanford")
    alone = model.initial_state(1, np.random.default_rng(3))
    left_s = 2e-6 * (4.0 - began_v) / 2.0
    for start_v, stop_v, lasting_s in (
        (began_v, 4.0, left_s), (4.0, 4.0, 1e-6), (4.0, 0.0, 1e-6), (0.0, 0.1, 1e-6),
    ):  # fmt: skip
        model.advance(alone, start_v, stop_v, lasting_s, 1e3, 1e-4)
    assert state["gap_m"][0] == pytest.approx(alone["gap_m"][0], abs=1e-15)
    assert seen.current_a[0, 0] == pytest.approx(2.0 / (1e6 + 1e3))
    assert seen.limited[:, 0].tolist() == [False, True, True, False, False]


def test_repeats_after_forming_are_played_as_often() -> None:
    cycle = [(1e-7, 3.5), (1e-7, 0.0), (1e-7, -2.0), (1e-7, 0.0), (1e-7, 0.1), (1e-7, 0.0)]
    device = get_model("stanford", forming=FORMING)
    at_once, state = play(device, waveform(cycle, 1e4, repeats=3))
    apart, other = play(device, waveform(cycle * 3, 1e4))
    assert (at_once.current_a == apart.current_a).all()
    assert (state == other).all()


@pytest.mark.parametrize("edge_s", [0.0, 100e-9])
def test_a_pulse_that_forms_an_event_model_is_its_first_pulse(edge_s: float) -> None:
    forming = {"form_v": "1.5V", "pristine_ohm": "1Mohm"}
    device = get_model("tiox", initial_conductance_s="10uS", forming=forming)
    pulse = [(edge_s, 1.8), (500e-9, 1.8), (edge_s, 0.0), (1e-6, 0.1)]
    seen, state = play(device, waveform(pulse), cells=20)
    plain, other = play(get_model("tiox", initial_conductance_s="10uS"), waveform(pulse), 20)
    assert (state["form_v"] == 0).all()
    assert (state["conductance_s"] == other["conductance_s"]).all()
    assert (seen.current_a[-1] == plain.current_a[-1]).all()


@pytest.mark.parametrize(("model", "sign"), [("stanford", 1), ("jart", -1)])
def test_only_the_polarity_of_the_set_forms(model: str, sign: int) -> None:
    device = get_model(model, forming=FORMING)
    for side in (1, -1):
        _, state = play(device, waveform([(1e-6, side * 3.5), (1e-6, 0.0)], 1e4, 1e-5))
        assert (state["form_v"][0] == 0) == (side == sign)


def test_a_compliance_below_the_pristine_current_keeps_a_cell_from_forming() -> None:
    device = get_model("stanford", forming=FORMING)
    seen, state = play(device, waveform([(1e-6, 9.0), (1e-6, 0.0)], limit_a=2.9e-6))
    assert state["form_v"][0] == 3.0
    assert seen.voltage_v[0, 0] == pytest.approx(2.9)


def test_forming_voltages_spread_evenly() -> None:
    device = get_model("stanford", forming={**FORMING, "spread": 0.1})
    form_v = device.initial_state(20_000, np.random.default_rng(1))["form_v"]
    assert form_v.min() == pytest.approx(2.7, abs=1e-3)
    assert form_v.max() == pytest.approx(3.3, abs=1e-3)
    assert form_v.std() == pytest.approx(0.6 / np.sqrt(12), rel=0.02)


def test_bad_values() -> None:
    with pytest.raises(ConfigError, match="form_v"):
        get_model("stanford", forming={"form_v": "0V"})
    with pytest.raises(ConfigError, match="key 'form_v' is missing"):
        get_model("stanford", forming={"spread": 0.1})
