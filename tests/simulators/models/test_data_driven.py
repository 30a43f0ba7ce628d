"""The data-driven TiOx model against its closed solution, SciPy's LSODA and published figures.

The reference solves the load line with SciPy's brentq and integrates eq. (8) of arXiv 1703.01167,
written here once more, with LSODA.
"""

import math
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from hil.errors import ConfigError
from hil.simulators.models import get_model
from hil.simulators.models.data_driven import DataDriven
from hil.simulators.models.drive import Drive, Terminal
from hil.simulators.models.files import shipped_model_files
from hil.simulators.models.model import Device
from hil.testing.device_contract import DeviceContract, Pulse
from tests.simulators.models.drives import cells_at

INF = math.inf
STEPS = np.loadtxt(Path(__file__).parent / "data/data_driven_steps.csv", delimiter=",", skiprows=1)
"""The closed solution in exact arithmetic: voltage, resistance before, duration, after."""


def after(
    start_v: float, stop_v: float, duration_s: float, resistance_ohm: float,
    source_ohm: float = 0.0, limit_a: float = INF, *, model: DataDriven | None = None,
) -> float:  # fmt: skip
    model = model or DataDriven()
    state = cells_at(resistance_ohm, model)
    model.advance(state, start_v, stop_v, duration_s, source_ohm, limit_a)
    return float(state["resistance_ohm"][0])


# ---- the equations, written down independently -------------------------------------------------


def current(voltage: float, resistance: float) -> float:
    a, b = (0.225, 4.12) if voltage > 0 else (0.2801, 4.10)
    return a / resistance * math.sinh(b * voltage)


def across(source: float, resistance: float, ohm: float, limit_a: float) -> float:
    sign = math.copysign(1.0, source)
    voltage = abs(source)
    if ohm > 0 and source != 0:
        voltage = brentq(
            lambda v: v + ohm * abs(current(sign * v, resistance)) - abs(source),
            0, abs(source), xtol=1e-15, rtol=1e-14,
        )  # fmt: skip
    if abs(current(sign * voltage, resistance)) > limit_a:
        a, b = (0.225, 4.12) if sign > 0 else (0.2801, 4.10)
        voltage = math.asinh(limit_a * resistance / a) / b
    return sign * voltage


def speed(voltage: float, resistance: float) -> float:
    if voltage > 0.5:
        ahead = max(-40928.13784 + 55117.97865 * voltage - resistance, 0)
        return 0.12340 * (math.exp(voltage / 2.74111) - 1) * ahead**2
    if voltage < -0.5:
        ahead = max(resistance - 41366.35820 - 7789.66771 * voltage, 0)
        return -0.33 * (math.exp(-voltage / 2.59685) - 1) * ahead**2
    return 0.0


def reference(
    start_v: float, stop_v: float, duration_s: float, resistance: float,
    ohm: float = 0.0, limit_a: float = INF,
) -> float:  # fmt: skip
    def rate(t: float, y: Any) -> list[float]:
        source = start_v + (stop_v - start_v) * t / duration_s
        return [speed(across(source, y[0], ohm, limit_a), y[0])]

    solution = solve_ivp(
        rate, (0, duration_s), [resistance], method="LSODA", rtol=1e-10, atol=1e-7,
        max_step=duration_s / 200,
    )  # fmt: skip
    assert solution.success
    return float(solution.y[0, -1])


# ---- constant voltage: the closed solution ------------------------------------------------------


def test_steps_at_constant_voltage_are_exact() -> None:
    model = DataDriven()
    state = cells_at(STEPS[:, 1], model)
    model.advance(state, STEPS[:, 0], STEPS[:, 0], STEPS[:, 2])
    assert len(STEPS) == 80
    np.testing.assert_allclose(state["resistance_ohm"], STEPS[:, 3], rtol=1e-9)


def test_a_cell_beyond_its_target_stays_where_the_listing_jumps() -> None:
    """The listing's own test comes after its step and passes 12.2 kohm."""
    s, r, dt = 0.1234 * math.expm1(1 / 2.74111), -40928.13784 + 55117.97865, 10e-3
    listing = (40e3 + s * r * (r - 40e3) * dt) / (1 + s * (r - 40e3) * dt)
    assert listing == pytest.approx(12.2e3, rel=0.01)
    assert after(1.0, 1.0, 10e-3, 40e3) == 40e3


def test_equal_steps_compose() -> None:
    whole, parts = after(-2.0, -2.0, 1e-3, 60e3), 60e3
    for _ in range(10):
        parts = after(-2.0, -2.0, 1e-4, parts)
    assert parts == pytest.approx(whole, rel=1e-12)


def test_reads_and_jumps_move_nothing() -> None:
    for voltage in (0.5, -0.5, 0.2):
        assert after(voltage, voltage, 1e3, 60e3) == 60e3
        assert after(0.0, voltage, 1e3, 15e3) == 15e3
    assert after(-4.0, 4.0, 0.0, 40e3) == 40e3


@pytest.mark.parametrize(("voltage_v", "resistance_ohm"), [(-2, 60e3), (1.5, 15e3), (-0.6, 45e3)])
def test_rate_is_the_slope_of_the_steps(voltage_v: float, resistance_ohm: float) -> None:
    model = DataDriven()
    rate = float(model.rate(cells_at(resistance_ohm, model), voltage_v)[0])
    assert rate == pytest.approx(speed(voltage_v, resistance_ohm), rel=1e-12)
    tiny = 1e-4 / abs(rate) * resistance_ohm
    both = after(voltage_v, voltage_v, tiny, resistance_ohm) - resistance_ohm
    assert both / tiny == pytest.approx(rate, rel=1e-3)


def test_rate_is_zero_where_nothing_moves() -> None:
    model = DataDriven()
    state = cells_at([60e3, 60e3, 15e3, 40e3, 1e3], model)
    assert (model.rate(state, np.array([-0.5, 1.0, -2.0, 0.0, -9.0])) == 0).all()


def test_current_is_that_of_the_listing() -> None:
    """R I / V at 0.1 to 0.5 V and at -0.1 and -0.5 V, from its constants."""
    model = DataDriven()
    voltage_v = np.array([0.1, 0.2, 0.3, 0.4, 0.5, -0.1, -0.5])
    ratio = model.current_a(cells_at(np.full(7, 25e3), model), voltage_v) * 25e3 / voltage_v
    np.testing.assert_allclose(
        ratio, [0.953, 1.036, 1.182, 1.407, 1.737, 1.181, 2.14], atol=5.1e-3
    )


# ---- voltages that change -----------------------------------------------------------------------

RAMPS = [
    (0.0, 2.0, 1e-3, 20e3, 1e3, INF),
    (2.0, 0.0, 1e-3, 20e3, 1e3, INF),
    (0.0, -1.5, 1e-2, 60e3, 1e3, INF),
    (0.0, -1.5, 1e-2, 60e3, 0.0, INF),
    (-2.0, -2.0, 1e-3, 60e3, 1e3, INF),
    (1.8, 1.8, 1e-3, 20e3, 0.0, 1e-3),
    (0.0, 1.8, 1e-3, 20e3, 1e3, 1e-3),
    (0.0, -2.5, 1e-3, 60e3, 0.0, 1e-4),
]


@pytest.mark.parametrize("ramp", RAMPS, ids=str)
def test_ramps_agree_with_lsoda(ramp: tuple[float, ...]) -> None:
    start_v, stop_v, duration_s, resistance, ohm, limit_a = ramp
    expected = reference(*ramp)
    assert expected != resistance
    got = after(start_v, stop_v, duration_s, resistance, ohm, limit_a)
    assert got == pytest.approx(expected, rel=1e-7)


def test_the_error_falls_with_the_tolerance() -> None:
    expected = reference(*RAMPS[2])
    errors = [
        abs(after(*RAMPS[2], model=DataDriven(tolerance=tolerance)) / expected - 1)
        for tolerance in (1e-4, 1e-6, 1e-8)
    ]
    assert errors[0] < 1e-4
    assert all(later < 0.05 * earlier for earlier, later in pairwise(errors))


OHM, RATE_V_PER_S = 1e5, 400.0
K = OHM * 0.2801 * math.sinh(4.10 * 0.5)
"""At -0.5 V behind OHM: R = K / (|source| - 0.5 V)."""


def test_a_cell_slides_at_its_quiet_voltage_behind_a_resistor() -> None:
    """Faster than the ramp at 0.5 V, still below it: it stays at 0.5 V, in closed form."""
    state, model = cells_at(60e3, DataDriven()), DataDriven()
    drive = one_segment(0.0, -2.6, 2.6 / RATE_V_PER_S, OHM)
    terminal = model.play(state, np.array([0]), drive)
    assert state["resistance_ohm"][0] == pytest.approx(K / (2.6 - 0.5), rel=1e-9)
    assert terminal.voltage_v[0, 0] == pytest.approx(-0.5, rel=1e-9)


def test_a_slide_ends_where_the_ramp_is_faster_than_the_cell() -> None:
    """Against LSODA with the step of the rate at 0.5 V widened to 50 uV."""
    duration = 4.0 / RATE_V_PER_S

    def rate(t: float, y: Any) -> list[float]:
        voltage = across(-4.0 * t / duration, y[0], OHM, INF)
        share = 1 / (1 + math.exp(min((voltage + 0.5) / 5e-5, 500)))
        return [share * speed(min(voltage, -0.5000001), y[0])]

    expected = solve_ivp(
        rate, (0, duration), [60e3], method="LSODA", rtol=1e-8, max_step=duration / 500
    ).y[0, -1]
    got = after(0.0, -4.0, duration, 60e3, OHM)
    assert got < K / 2.5
    assert got == pytest.approx(expected, rel=2e-4)


def test_a_limit_ends_the_set_where_the_voltage_is_quiet() -> None:
    """The limit holds 20 uA; the voltage falls with R until 0.5 V across the cell."""
    got = after(-2.0, -2.0, 1e3, 60e3, 0.0, 20e-6)
    assert got == pytest.approx(0.2801 * math.sinh(4.10 * 0.5) / 20e-6, rel=1e-6)


def test_the_floor_holds() -> None:
    assert after(-8.0, -8.0, 1.0, 40e3) == 1e3
    nearly_ohmic = DataDriven(iv_an_v=10.0, iv_bn_per_v=0.1)
    assert after(0.0, -8.0, 1.0, 40e3, 50.0, model=nearly_ohmic) == 1e3


@pytest.mark.parametrize("voltage_v", [1e4, 1e9])
def test_absurd_voltages_bring_a_cell_to_its_target(voltage_v: float) -> None:
    target = -40928.13784 + 55117.97865 * voltage_v
    assert after(voltage_v, voltage_v, 1e-9, 40e3) == pytest.approx(target, rel=1e-12)
    assert after(-voltage_v, -voltage_v, 1e-9, 40e3) == 1e3
    model = DataDriven()
    assert np.isfinite(model.current_a(cells_at(10e3, model), voltage_v)).all()


# ---- properties ---------------------------------------------------------------------------------

resistances = st.floats(5e3, 80e3)
voltages = st.floats(-6, 4)
ohms = st.one_of(st.just(0.0), st.floats(1, 1e5))
limits = st.one_of(st.just(INF), st.floats(1e-6, 1e-2))
durations = st.floats(-7, 1).map(lambda power: 10**power)


@given(resistances, voltages, voltages, durations, ohms, limits, st.floats(0.01, 0.99))
@settings(max_examples=200, deadline=None)
def test_where_a_segment_is_cut_does_not_matter(
    resistance: float, a: float, b: float, duration: float, ohm: float, limit: float, part: float
) -> None:
    whole = after(a, b, duration, resistance, ohm, limit)
    middle = a + (b - a) * part
    first = after(a, middle, duration * part, resistance, ohm, limit)
    cut = after(middle, b, duration * (1 - part), first, ohm, limit)
    assert cut == pytest.approx(whole, rel=2e-6)


@pytest.mark.parametrize(
    ("name", "ramp", "part"),
    [
        ("data-driven-2017", (-2.4423, 4.1336, 33.65, 61168.7, 541.4), 0.9116),
        (
            "data-driven",
            (5.917884, 0.5839176, 7.9514744e-07, 45376.5089, 42.6924194),
            0.79128186,
        ),
        (
            "data-driven",
            (-2.8753361, 0.06834377, 11.6316308, 45266.0144, 73.844487, 1.46647581e-3),
            0.4213098,
        ),
    ],
    ids=["follows its target", "soon past it", "limit ends"],
)
def test_nor_where_steps_tell_little_of_their_error(
    name: str, ramp: tuple[float, ...], part: float
) -> None:
    model = get_model(name)
    assert isinstance(model, DataDriven)
    a, b, duration, resistance, *rest = ramp
    middle = a + (b - a) * part
    first = after(a, middle, duration * part, resistance, *rest, model=model)
    cut = after(middle, b, duration * (1 - part), first, *rest, model=model)
    assert cut == pytest.approx(after(*ramp, model=model), rel=5e-7)


@given(resistances, voltages, durations, ohms, limits)
@settings(deadline=None)
def test_a_voltage_moves_the_resistance_one_way_and_not_past_its_target(
    resistance: float, voltage: float, duration: float, ohm: float, limit: float
) -> None:
    got = after(0.0, voltage, duration, resistance, ohm, limit)
    if voltage > 0:
        target = max(resistance, -40928.13784 + 55117.97865 * voltage)
        assert resistance <= got <= target * (1 + 1e-6)
    else:
        assert max(1e3, min(resistance, 41366.3582 + 7789.66771 * voltage) * (1 - 1e-6)) <= got
        assert got <= resistance


@given(resistances, voltages, ohms, limits)
@settings(deadline=None)
def test_kirchhoff_and_passivity(
    resistance: float, voltage: float, ohm: float, limit: float
) -> None:
    model, state = DataDriven(), cells_at(resistance, DataDriven())
    terminal = model.play(state, np.array([0]), one_segment(0.0, voltage, 1e-4, ohm, limit))
    v, i, limited = (float(part[0, 0]) for part in terminal)
    assert v * i >= 0
    assert abs(i) <= limit
    assert i == pytest.approx(current(v, float(state["resistance_ohm"][0])), rel=1e-9, abs=1e-30)
    if limited:
        assert abs(i) == limit
        assert abs(v) + ohm * limit <= abs(voltage) * (1 + 1e-12)
    else:
        assert v + ohm * i == pytest.approx(voltage, rel=1e-12, abs=1e-12)


def test_cells_with_parameters_of_their_own_are_those_cells() -> None:
    names = ("ap_per_ohm_s", "rn0_ohm", "iv_bp_per_v", "initial_resistance_ohm")
    own = np.array([[0.2, 30e3, 3.0, 20e3], [0.05, 45e3, 4.5, 50e3]])
    base = DataDriven()
    dtype = np.dtype([*base.state_dtype.descr, *((name, np.float64) for name in names)])
    state = np.zeros(2, dtype)
    for name, column in zip(names, own.T, strict=True):
        state[name] = column
    base.start(state)
    drive = one_segment(-2.0, 1.9, 1e-2, 500.0)
    seen = base.play(state, np.arange(2), drive)
    for cell, values in enumerate(own):
        model = DataDriven(**dict(zip(names, values.tolist(), strict=True)))
        alone = model.initial_state(1, np.random.default_rng(0))
        told = model.play(alone, np.array([0]), drive)
        assert alone["resistance_ohm"][0] == state["resistance_ohm"][cell]
        assert told.current_a[0, 0] == seen.current_a[0, cell]
        both = base.rate(state, 1.5)[cell], base.current_a(state, 1.5)[cell]
        assert both == (model.rate(alone, 1.5)[0], model.current_a(alone, 1.5)[0])


def one_segment(
    start_v: float, stop_v: float, duration_s: float, ohm: float, limit_a: float = INF
) -> Drive:
    lasting, begin, end = (np.full((1, 1), x) for x in (duration_s, start_v, stop_v))
    return Drive(lasting, begin, end, np.ones(1, bool), np.array([[0, 1, 1]]), ohm, limit_a)


# ---- parameters and model files -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"ap_per_ohm_s": math.nan}, "finite"),
        ({"ap_per_ohm_s": -0.1}, "above 0"),
        ({"an_per_ohm_s": 0.33}, "below 0"),
        ({"tp_v": 0.0}, "above 0"),
        ({"rp1_ohm_per_v": -1.0}, "at least 0"),
        ({"initial_resistance_ohm": 5e3}, "outside 10000 to 60241 ohm"),
        ({"initial_resistance_ohm": 500.0, "beyond_published": True}, "below floor_ohm"),
        ({"lrs_ohm": 70e3}, "between"),
        ({"tolerance": 0.1}, "at most 0.001"),
    ],
    ids=str,
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        DataDriven(**parameters)


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'rp0_ohm'"):
        get_model("data-driven", rp_ohm=1.0)


def test_the_2017_device_moves_within_its_published_boundaries() -> None:
    """Eq. (9): up toward 17.28 kohm at 0.8 V, down toward 10.48 kohm at -0.8 V, ohmic."""
    model = get_model("data-driven-2017")
    assert isinstance(model, DataDriven)
    assert after(0.8, 0.8, 1.0, 13.65e3, model=model) == pytest.approx(17.28e3, rel=2e-3)
    assert after(-0.8, -0.8, 1.0, 13.65e3, model=model) == pytest.approx(10.482e3, rel=2e-3)
    assert after(-0.6, -0.6, 1.0, 13.65e3, model=model) == 13.65e3
    assert model.current_a(cells_at(13.65e3, model), 0.8)[0] == pytest.approx(
        0.8 / 13.65e3, rel=2e-5
    )


@pytest.mark.parametrize("name", ["data-driven-2017", "data-driven-lab"])
def test_the_currents_of_a_model_file_are_within_what_it_says(name: str) -> None:
    valid = tomllib.loads(shipped_model_files()[name].read_text())["valid"]
    model = get_model(name)
    for conductance_s in valid["conductance_s"]:
        for key in ("positive_v", "negative_v"):
            state = model.initial_state(1, np.random.default_rng(0))
            state["resistance_ohm"] = 1 / conductance_s
            assert abs(model.current_a(state, valid[key])[0]) <= 0.5e-3


def test_the_lab_device_reads_its_resistance_at_200_mv() -> None:
    model = get_model("data-driven-lab")
    state = model.initial_state(1, np.random.default_rng(0))
    for voltage_v in (0.2, -0.2):
        read_ohm = voltage_v / model.current_a(state, voltage_v)
        assert read_ohm == pytest.approx(state["resistance_ohm"], rel=1e-5)


class TestDataDriven(DeviceContract):
    set_pulse = Pulse(-2.0, 100e-6)
    reset_pulse = Pulse(1.8, 100e-6)
    source_ohm = 100.0
    limit_a = 400e-6

    @pytest.fixture
    def device(self) -> Device:
        return get_model("data-driven-lab")


@pytest.mark.parametrize("stop_v", [3.0, 4.0, 10.0, 20.0])
def test_a_rising_source_leads_a_fast_cell(stop_v: float) -> None:
    """It is behind its target by sqrt(c/s), c the target's speed, however high the voltage."""
    model = get_model("data-driven-2017")
    assert isinstance(model, DataDriven)
    speed = 150.0 * stop_v / 1e-3
    lag = math.sqrt(speed / (4.86e-5 * math.expm1(stop_v / 0.12)))
    found = after(0.0, stop_v, 1e-3, 13.65e3, model=model)
    assert found == pytest.approx(17160.0 + 150.0 * stop_v - lag, rel=1e-6)
    limited = after(0.0, stop_v, 1e-3, 13.65e3, limit_a=0.01, model=model)
    assert limited == pytest.approx(found, rel=1e-9)
    assert after(0.0, stop_v, 1e-3, 5e4, model=model) == 5e4
    assert after(0.0, -stop_v, 1e-3, 0.9e3, model=model) == 0.9e3


def test_terminal_is_filled_for_each_reading() -> None:
    model = DataDriven()
    drive = Drive(
        np.full((3, 1), 1e-5),
        np.array([[0.0], [-1.0], [-1.0]]),
        np.array([[-1.0], [-1.0], [0.2]]),
        np.array([True, False, True]), np.array([[0, 3, 2]]), 0.0, INF,
    )  # fmt: skip
    terminal = model.play(cells_at([40e3, 60e3], model), np.arange(2), drive)
    assert isinstance(terminal, Terminal)
    assert (terminal.voltage_v == [[-1.0, -1.0], [0.2, 0.2]] * 2).all()
    assert (np.diff(np.abs(terminal.current_a[1::2]), axis=0) > 0).all()
