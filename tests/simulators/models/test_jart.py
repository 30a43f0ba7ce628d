"""JART VCM v1b against the authors' files, LSODA on an independent solution, and its own rules.

The static table was computed from JART_VCM_v1b.va (2020: its constants, no Flim), the sweep with
the same constants and Flim; `tests.simulators.models.jart_reference` shares no code with the
model.
"""

import math
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.constants import Boltzmann, elementary_charge

from hil.errors import ConfigError, NotSupported
from hil.simulators.models.drive import Drive, Terminal
from hil.simulators.models.files import get_model
from hil.simulators.models.jart import VACANCY_HZ, VACANCY_ODDS, Jart
from hil.simulators.models.jart_kernel import Cell, _leg, _rate, _slope, tick_hz
from hil.simulators.models.model import Device, State
from hil.testing.device_contract import DeviceContract, Pulse
from tests.simulators.models import jart_reference
from tests.simulators.models.drives import (
    Steps,
    cells_at,
    check_cells_apart,
    play_at,
    waveform,
    whole_and_cut,
)

DATA = Path(__file__).parent / "data"
INF = math.inf
N = "n_disc_1e26_per_m3"
TRIANGLE = [(1.5, -1.5), (1.5, 0.0), (1.5, 1.5), (1.5, 0.0)]
GUIDE, DEFAULT = 1e7, 15.72e6


def play(drive: Drive, n: ArrayLike, model: Jart | None = None) -> tuple[Terminal, State]:
    return play_at(n, model or Jart(), drive)


def n_after(
    points: Steps,
    n: float,
    ohm: float = 0.0,
    limit_a: float = INF,
    model: Jart | None = None,
    start_v: float = 0.0,
) -> float:
    return float(play(waveform(points, ohm, limit_a, start_v=start_v), n, model)[1][N][0])


class TestContract(DeviceContract):
    set_pulse = Pulse(-0.9, 5e-6)
    reset_pulse = Pulse(1.4, 20e-6)

    @pytest.fixture
    def device(self) -> Device:
        return Jart()


class TestContractOfChangingCells(DeviceContract):
    set_pulse = Pulse(-1.1, 5e-6)
    reset_pulse = Pulse(1.5, 50e-6)
    source_ohm = 100.0
    limit_a = 1e-3
    random = True

    @pytest.fixture
    def device(self) -> Device:
        return get_model("jart-var")


# ---- static -----------------------------------------------------------------------------------


def test_static_values_of_the_published_file() -> None:
    voltage_v, n, current_a, kelvin, rate = np.loadtxt(
        DATA / "jart_static.csv", delimiter=",", skiprows=1
    ).T
    assert (voltage_v > 0).sum() > 20
    model = Jart(constants="2020", flim=False)
    state = cells_at(n, model)
    np.testing.assert_allclose(model.current_a(state, voltage_v), current_a, rtol=1e-9)
    np.testing.assert_allclose(model.filament_k(state, voltage_v), kelvin, rtol=1e-9)
    np.testing.assert_allclose(model.rate(state, voltage_v), rate, rtol=1e-8)


@pytest.mark.parametrize(
    ("read_v", "levels", "micro_s"),
    [
        (
            0.2,
            [0.008, 0.06, 0.2, 0.5, 1, 1.98975, 5, 20],
            [15.25, 100.2, 247.0, 388.4, 479.9, 543.4, 591.0, 617.7],
        ),
        (-0.2, [0.008, 0.06, 1.98975, 20], [9.55, 92.1, 543, 629]),
    ],
)
def test_conductance_read(read_v: float, levels: list[float], micro_s: list[float]) -> None:
    model = Jart()
    told_s = model.current_a(cells_at(levels, model), read_v) / read_v
    np.testing.assert_allclose(told_s * 1e6, micro_s, rtol=7e-4)


@pytest.mark.parametrize("flim", [True, False])
@pytest.mark.parametrize("rth0", [GUIDE, DEFAULT])
def test_any_point_agrees_with_the_reference(rth0: float, flim: bool) -> None:
    model = Jart(rth0_k_per_w=rth0, flim=flim, constants="2020")
    reference = jart_reference.Jart(rth0, flim, "2020")
    rng = np.random.default_rng(4)
    n = np.exp(rng.uniform(math.log(0.0081), math.log(19.9), 150))
    voltage_v = rng.uniform(-1.5, 1.5, 150)
    told = [reference.solve(v, x) for v, x in zip(voltage_v, n, strict=True)]
    state = cells_at(n, model)
    current_a = [one.current_a for one in told]
    np.testing.assert_allclose(model.current_a(state, voltage_v), current_a, rtol=1e-9)
    rate = [one.rate for one in told]
    np.testing.assert_allclose(model.rate(state, voltage_v), rate, rtol=1e-7)


def test_a_cell_beyond_its_bound_is_not_driven_further() -> None:
    model = Jart()
    state = cells_at([0.007, 0.007, 21.0, 21.0], model)
    rate = model.rate(state, [1.0, -1.0, -1.0, 1.0])
    assert rate[0] == 0 == rate[2]
    assert rate[1] > 0 > rate[3]


# ---- sweeps and switching times ---------------------------------------------------------------


def crossing_v(model: Jart, level: float = 0.4) -> list[float]:
    """Bisect for the voltages of the triangle at which N passes a level."""
    state, found, start_v = cells_at(0.008, model), [], 0.0
    for lasting, stop_v in TRIANGLE:
        before = state.copy()
        model.advance(state, start_v, stop_v, lasting)
        side = before[N][0] < level
        if side != (state[N][0] < level):
            low, high = 0.0, 1.0
            for _ in range(40):
                share = 0.5 * (low + high)
                part = before.copy()
                model.advance(part, start_v, start_v + share * (stop_v - start_v), share * lasting)
                low, high = (share, high) if side == (part[N][0] < level) else (low, share)
            found.append(start_v + high * (stop_v - start_v))
        start_v = stop_v
    return found


@pytest.mark.parametrize(
    ("rth0", "set_v", "reset_v"),
    [(GUIDE, -0.663877, 1.165051), (DEFAULT, -0.590070, 0.928222)],
)
def test_crossings_of_a_sweep(rth0: float, set_v: float, reset_v: float) -> None:
    told = crossing_v(Jart(rth0_k_per_w=rth0, constants="2020"))
    assert told == pytest.approx([set_v, reset_v], abs=2e-6)
    assert crossing_v(Jart(rth0_k_per_w=rth0)) == pytest.approx([set_v, reset_v], abs=1e-3)


def test_currents_of_a_sweep() -> None:
    time_s, voltage_v, current_a, n = np.loadtxt(
        DATA / "jart_sweep.csv", delimiter=",", skiprows=1
    ).T
    drive = waveform(list(zip(np.diff(time_s), voltage_v[1:], strict=True)))
    terminal, state = play(drive, 0.008, Jart(rth0_k_per_w=GUIDE, constants="2020"))
    away = (np.abs(voltage_v[1:] + 0.663877) > 5e-3) & (np.abs(voltage_v[1:] - 1.165051) > 5e-3)
    told_a = terminal.current_a[away, 0]
    np.testing.assert_allclose(told_a, current_a[1:][away], rtol=1e-5)
    assert state[N][0] == pytest.approx(n[-1], rel=1e-5)


SET_S = [(-0.6, 17.2e-3), (-0.7, 364e-6), (-0.8, 10.1e-6), (-0.9, 0.389e-6), (-1.1, 1.67e-9)]
RESET_S = [(0.7065, 25.6), (0.9, 77e-3), (1.0, 6.35e-3), (1.1, 0.714e-3), (1.3, 20e-6),
           (1.5, 1.30e-6)]  # fmt: skip


@pytest.mark.parametrize(
    ("rth0", "n", "voltage_v", "time_s"),
    [(DEFAULT, 0.008, *case) for case in SET_S]
    + [(DEFAULT, 19.9, *case) for case in RESET_S]
    + [
        (GUIDE, 0.008, -0.6, 0.273),
        (GUIDE, 0.008, -1.1, 50.3e-9),
        (GUIDE, 19.9, 1.1, 0.181),
        (GUIDE, 19.9, 1.5, 176e-6),
    ],
)
def test_switching_times(rth0: float, n: float, voltage_v: float, time_s: float) -> None:
    """N passes 0.4 when the figures say, which have two or three digits."""
    model = Jart(rth0_k_per_w=rth0, constants="2020")
    ends = [
        n_after([(time_s * share, voltage_v)], n, model=model, start_v=voltage_v) < 0.4
        for share in (0.996, 1.004)
    ]
    assert ends == [n < 0.4, n > 0.4]


# ---- motion against LSODA ---------------------------------------------------------------------

CASES = {
    "SET pulse, not finished": ([(1e-7, -0.7), (3e-4, -0.7), (1e-7, 0.0)], 0.008, 0.0, INF),
    "SET on a fast edge": ([(1e-7, -1.3)], 0.008, 0.0, INF),
    "SET at the operating point": ([(1e-7, -0.342), (4e-3, -0.342)], 0.06, 0.0, INF),
    "SET slows down at n_max": ([(1e-7, -0.7), (1e-3, -0.7)], 5.0, 0.0, INF),
    "RESET at the operating point": ([(1e-7, 0.7065), (1e-3, 0.7065)], 1.98975, 0.0, INF),
    "RESET pulse, slowing down": ([(1e-7, 1.2), (1e-5, 1.2), (1e-7, 0.0)], 2.0, 0.0, INF),
    "RESET from n_max": ([(1e-7, 1.3), (3e-5, 1.3), (1e-7, 0.0)], 19.99, 0.0, INF),
    "a little on an edge": ([(1e-7, -0.6), (1e-7, 0.0)], 0.008, 0.0, INF),
    "SET, 2 kohm": ([(1e-7, -1.0), (1e-6, -1.0), (1e-7, 0.0)], 0.02, 2e3, INF),
    "SET, limit": ([(1e-7, -0.9), (1e-6, -0.9), (1e-7, 0.0)], 0.008, 0.0, 1e-4),
    "RESET, 500 ohm and limit": ([(1e-7, 1.5), (1e-4, 1.5)], 5.0, 500.0, 4e-4),
    "both signs": ([(1e-6, -0.9), (2e-6, 1.3), (1e-6, 0.0)], 0.3, 0.0, INF),
}
TO_THE_BOUND = ("SET on a fast edge", "SET slows down at n_max")
"""Without Flim LSODA cannot pass the end of these, where the rate drops to 0 at once."""
FLIM = {"with Flim": True, "without": False}


def reference(name: str, flim: bool) -> float:
    steps, n, ohm, limit_a = CASES[name]
    times = np.cumsum([0.0] + [step[0] for step in steps])
    voltages = [0.0] + [step[1] for step in steps]
    path = [(float(t), v) for t, v in zip(times, voltages, strict=True)]
    cell = jart_reference.Jart(DEFAULT, flim, "2020", ohm, limit_a)
    return cell.follow(path, n, rtol=1e-11).n[-1]


def off(name: str, flim: bool, truth: float, tolerance: float) -> float:
    """Tell the error in ln N."""
    steps, n, ohm, limit_a = CASES[name]
    model = Jart(flim=flim, tolerance=tolerance, constants="2020")
    return abs(math.log(n_after(steps, n, ohm, limit_a, model) / truth))


@pytest.mark.parametrize("flim", FLIM.values(), ids=FLIM)
@pytest.mark.parametrize("name", CASES)
def test_motion(name: str, flim: bool) -> None:
    to_the_bound = not flim and name in TO_THE_BOUND
    wanted = 20.0 if to_the_bound else reference(name, flim)
    assert abs(math.log(wanted / CASES[name][1])) > 1e-8, "the case is to move N"
    assert off(name, flim, wanted, 1e-6) < 3e-6
    assert off(name, flim, wanted, 1e-7) < 3e-7
    assert off(name, flim, wanted, 1e-10) < 3e-8


def test_error_falls_with_the_tolerance() -> None:
    """A ramp into the SET, on which each error grows tenfold: from 1e-6 to 1e-10 by 2,000."""
    steps = [(0.65, -0.65)]
    exact = n_after(steps, 0.008, model=Jart(rth0_k_per_w=GUIDE, tolerance=1e-12))
    errors = []
    for tolerance in (1e-6, 1e-8, 1e-10):
        model = Jart(rth0_k_per_w=GUIDE, tolerance=tolerance)
        errors.append(abs(math.log(n_after(steps, 0.008, model=model) / exact)))
    assert errors[0] < 2e-5
    assert errors[1] < errors[0] / 5
    assert errors[2] < errors[0] / 500


@pytest.mark.parametrize("voltage_v", [-1.1, -0.3, 0.3, 1.1])
@pytest.mark.parametrize(("ohm", "limit_a"), [(0.0, INF), (800.0, INF), (0.0, 2e-5)])
def test_derivatives_are_those_of_the_rate(voltage_v: float, ohm: float, limit_a: float) -> None:
    """By ln N and V, through circuit, contact and a moving geometry: without them, no order 5."""
    model, sets, high = Jart(), voltage_v < 0, abs(voltage_v)
    law = model._law(cells_at(1.0, model), np.array([0]), ohm, limit_a)[0]
    for n in (0.0085, 0.02, 0.2, 2.0, 12.0, 19.0):
        leg = _leg(
            Cell(n, 45e-9, 4e-10, 47e-9, 4.3e-10, 0.008, 20.0, 0, 0, 0.0), sets, 0.0, 1.0, 1.0
        )
        told = _slope(law, leg, 0.0, high, 0.0, False)
        ahead, more = 1e-5 if sets else -1e-5, 1e-5 * high
        by_y = sum(
            weight * _rate(law, leg, steps * ahead, high, 0.0, False)[0]
            for steps, weight in ((0, -1.5), (1, 2.0), (2, -0.5))
        )
        by_v = _rate(law, leg, 0.0, high + more, 0.0, False)[0]
        by_v -= _rate(law, leg, 0.0, high - more, 0.0, False)[0]
        slack = 1e-4 * abs(told.rate)
        assert told.by_y == pytest.approx(by_y / ahead, rel=1e-4, abs=slack)
        assert told.by_v == pytest.approx(by_v / (2 * more), rel=1e-4, abs=slack)


@pytest.mark.parametrize("repeats", [1, 2000])
def test_reads_move_a_cell_as_little_as_the_equations_say(repeats: int) -> None:
    """What is too little for a step is not dropped: it adds up."""
    pulse = [(1e-7, 0.35), (1e-3, 0.35), (1e-7, 0.0)]
    drive = waveform(pulse, repeats=repeats)
    moved = math.log(float(play(drive, 0.5)[1][N][0]) / 0.5)
    rate = Jart().rate(cells_at(0.5, Jart()), 0.35)[0] / 0.5
    assert moved == pytest.approx(repeats * 1e-3 * rate, rel=3e-3)


# ---- properties -------------------------------------------------------------------------------

levels = st.floats(0.008, 20.0)
volts = st.just(0.0) | st.floats(-1.5, -1e-12) | st.floats(1e-12, 1.5)
ohms = st.sampled_from([0.0, 50.0, 1e3, 1e5])
limits = st.sampled_from([INF, 1e-2, 1e-4, 1e-6])
points = st.lists(
    st.tuples(st.sampled_from([0.0, 1e-8, 1e-6, 1e-3, 1.0]), volts), min_size=1, max_size=5
)
many = settings(max_examples=100, deadline=None)


@many
@given(points, levels, ohms, limits, st.booleans())
def test_bounds_kirchhoff_and_passivity(
    steps: Steps, n: float, ohm: float, limit_a: float, flim: bool
) -> None:
    drive, model = waveform(steps, ohm, limit_a), Jart(flim=flim)
    terminal, state = play(drive, n, model)
    assert 0.008 <= state[N][0] <= 20.0
    source_v, v, i = drive.stop_v[:, 0], terminal.voltage_v[:, 0], terminal.current_a[:, 0]
    held = terminal.limited[:, 0]
    assert np.all(v * i >= 0)
    assert np.all(np.sign(i) == np.sign(source_v))
    assert np.all(np.abs(i) <= limit_a)
    np.testing.assert_allclose((v + ohm * i)[~held], source_v[~held], rtol=1e-9)
    assert np.all(np.abs(v + ohm * i)[held] < np.abs(source_v)[held])
    np.testing.assert_allclose(np.abs(i)[held], limit_a, rtol=1e-15)
    assert model.current_a(state, v[-1])[0] == pytest.approx(i[-1], rel=1e-7)


@many
@given(
    st.lists(levels, min_size=2, max_size=5), st.lists(volts, min_size=2, max_size=20, unique=True)
)
def test_current_grows_with_voltage_and_vacancies(ns: list[float], voltages: list[float]) -> None:
    voltages.sort()
    ns.sort()
    model = Jart()
    state = cells_at(ns, model)
    current_a = np.array([model.current_a(state, v) for v in voltages])
    # the inner voltages are solved to their last bits, which is this much of a current
    slack = 1e-9 * np.abs(current_a) + 1e-15
    assert np.all(np.diff(current_a, axis=0) >= -slack[1:])
    assert np.all(np.diff(np.abs(current_a), axis=1) >= -slack[:, 1:])


@many
@given(
    st.sampled_from([1e-8, 1e-6, 1e-3, 1.0]), volts, volts, levels, ohms, limits, st.floats(0, 1)
)
def test_a_segment_may_be_cut(
    duration: float,
    start_v: float,
    stop_v: float,
    n: float,
    ohm: float,
    limit_a: float,
    share: float,
) -> None:
    """It changes ln N by the tolerance, or what a shift in voltage of 1 uV does."""
    whole, parts = whole_and_cut(duration, start_v, stop_v, share, ohm, limit_a)
    shifted = waveform([(duration, stop_v + 1e-6)], ohm, limit_a, start_v=start_v + 1e-6)
    back = waveform([(duration, stop_v - 1e-6)], ohm, limit_a, start_v=start_v - 1e-6)
    one, two, three, four = (
        math.log(play(drive, n)[1][N][0]) for drive in (whole, parts, shifted, back)
    )
    assert abs(one - two) <= 1e-5 + max(abs(one - three), abs(one - four))


@settings(max_examples=30, deadline=None)
@given(st.lists(levels, min_size=2, max_size=6), points, ohms, limits, st.randoms())
def test_cells_do_not_know_of_each_other(
    ns: list[float], steps: Steps, ohm: float, limit_a: float, random: Random
) -> None:
    drive, model = waveform(steps, ohm, limit_a), Jart(walk_r=0.1, walk_n_min=0.9, rtn=True)
    check_cells_apart(ns, model, drive, random)


@given(levels, st.floats(0, 1e6))
def test_at_0_v_nothing_moves(n: float, duration: float) -> None:
    terminal, state = play(waveform([(duration, 0.0), (duration, 0.0)]), n)
    assert state.tobytes() == cells_at(n, Jart()).tobytes()
    assert not terminal.current_a.any()


@pytest.mark.parametrize("voltage_v", [-40.0, 40.0])
@pytest.mark.parametrize("limit_a", [INF, 1e-9])
def test_large_voltages_do_not_overflow(voltage_v: float, limit_a: float) -> None:
    drive = waveform([(1e-6, voltage_v), (1e-6, voltage_v)], 10.0, limit_a)
    terminal, state = play(drive, [0.008, 1.0, 20.0])
    for seen in (terminal.current_a, terminal.voltage_v, state[N]):
        assert np.isfinite(seen).all()
    if limit_a == INF:
        told_v = terminal.voltage_v + 10 * terminal.current_a
        np.testing.assert_allclose(told_v, voltage_v, rtol=1e-9)


def test_a_voltage_without_a_small_root_is_solved_too() -> None:
    """A barrier so high over phibn0 - phin that all solutions lie above that, at phibn0."""
    model = Jart(phibn0_ev=0.301, phin_ev=0.3)
    state = cells_at(1.0, model)
    for voltage_v in (0.3, 0.8, 1.5):
        current_a = model.current_a(state, voltage_v)[0]
        bulk_ohm = (0.4e-9 / 1.0 + 2.6e-9 / 20.0) / (2e26 * elementary_charge * 4e-6)
        line_ohm = 1369.2437 + 719.2437**2 * 3.92e-3 * 90471.47 * current_a**2
        area = math.pi * 45e-9**2
        contact_v = voltage_v - current_a * (bulk_ohm / area + line_ohm)
        assert contact_v > 1e-3
        kt_v = Boltzmann / elementary_charge * model.filament_k(state, voltage_v)[0]
        kelvin = kt_v * elementary_charge / Boltzmann
        told_a = area * 6.01e5 * kelvin**2 * math.exp(-0.301 / kt_v) * math.expm1(contact_v / kt_v)
        assert told_a == pytest.approx(current_a, rel=1e-9)


# ---- from cell to cell and cycle to cycle -----------------------------------------------------

CELLS = 4000
WALKS = Jart(walk_n_min=0.9, walk_n_max=0.1, walk_r=0.1, walk_l=0.1)
COLUMNS = [
    ("n_low_1e26_per_m3", "n_min", 0.9, 0.008),
    ("n_high_1e26_per_m3", "n_max", 0.1, 20.0),
    ("radius_new_m", "r", 0.1, 45e-9),
    ("length_new_m", "l", 0.1, 0.4e-9),
]


def test_cells_with_their_own_parameters() -> None:
    """A column with a parameter's name is that cell's value: as a model of its own."""
    own: dict[str, tuple[float, float]] = {
        "r_m": (41e-9, 49e-9),
        "l_m": (0.37e-9, 0.43e-9),
        "n_min": (0.005, 0.015),
        "n_max": (18.5, 21.5),
        "rth0_k_per_w": (1e7, 1.5e7),
        "dwa_ev": (1.3, 1.4),
        "phibn0_ev": (0.17, 0.19),
        "n_plug": (18.0, 22.0),
        "rtiox_ohm": (500.0, 700.0),
    }
    assert tuple(own) == Jart.varies
    model = Jart()
    state = np.zeros(2, np.dtype([*model.state_dtype.descr, *((name, "f8") for name in own)]))
    for name, values in own.items():
        state[name] = values
    model.start(state)
    drive = waveform([(1e-7, -0.9), (1e-6, -0.9), (1e-7, 0.2), (1e-5, 1.4), (1e-7, 0.2)])
    terminal = model.play(state, np.arange(2), drive)
    for k in range(2):
        mine: dict[str, Any] = {name: values[k] for name, values in own.items()}
        alone = Jart(**mine)
        seen, ended = play(drive, alone.n_min, alone)
        np.testing.assert_array_equal(seen.current_a[:, 0], terminal.current_a[:, k])
        assert ended[N][0] == state[N][k]
        np.testing.assert_array_equal(model.current_a(state, 0.1)[k], alone.current_a(ended, 0.1))


def test_half_cycles_walk_within_their_ranges() -> None:
    """Steps are uniform in +-dmax; after many the range is never left, and used."""
    state = cells_at(np.full(CELLS, 0.008), WALKS)
    WALKS.play(state, np.arange(CELLS), waveform([(0.0, 0.1)]))
    for column, name, most, centre in COLUMNS:
        step = state[column] / centre - 1.0
        low, high = (end / centre - 1.0 for end in getattr(WALKS, f"{name}_range"))
        assert low <= step.min() < step.max() <= high
        if most == 0.1:
            assert step.mean() == pytest.approx(0.0, abs=4 * 0.058 / math.sqrt(CELLS))
            assert step.std() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)
    drive = waveform([(0.0, 0.1), (0.0, 0.0)], repeats=200)
    WALKS.play(state, np.arange(CELLS), drive)
    for column, name, _, _ in COLUMNS:
        low, high = getattr(WALKS, f"{name}_range")
        assert low <= state[column].min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < state[column].max() <= high
    assert np.corrcoef([state[column] for column, *_ in COLUMNS])[0, 1:] == pytest.approx(
        0.0, abs=4 / math.sqrt(CELLS)
    )


@pytest.mark.parametrize(
    ("steps", "half_cycles"),
    [
        ([(1e-6, 0.1), (1e-6, 0.1), (1e-6, 0.0)], 1),
        ([(1e-6, 0.1), (1e-6, 0.0), (1e-6, 0.1), (1e-6, 0.0)], 2),
        ([(1e-6, 0.1), (1e-6, -0.1), (1e-6, 0.1)], 3),
        ([(1e-6, 0.1), (1e-6, 0.05), (1e-6, 0.1)], 1),
        ([(1e-6, 14e-6), (1e-6, 0.0), (1e-6, -14e-6)], 0),
        ([(0.0, -0.1), (1e-6, 10e-6), (0.0, -0.1)], 2),
    ],
)
def test_what_a_half_cycle_is(steps: Steps, half_cycles: int) -> None:
    assert play(waveform(steps), 1.0, WALKS)[1]["draws"][0] == half_cycles


def test_a_jump_to_the_other_sign_is_a_half_cycle() -> None:
    state = play(waveform([(1e-6, 0.1)]), 1.0, WALKS)[1]
    WALKS.play(state, np.array([0]), waveform([(1e-6, 0.2)], start_v=0.1))
    assert state["draws"][0] == 1
    WALKS.play(state, np.array([0]), waveform([(1e-6, -0.1)], start_v=-0.2))
    assert state["draws"][0] == 2


@pytest.mark.parametrize(("voltage_v", "n"), [(-1.0, 0.02), (1.5, 10.0)])
@pytest.mark.parametrize("flim", FLIM.values(), ids=FLIM)
def test_geometry_arrives_with_the_vacancies(voltage_v: float, n: float, flim: bool) -> None:
    """Half way in N it is half way; at the end of a completed SET or RESET it is the new one."""
    model = msgspec.structs.replace(WALKS, flim=flim)
    state = cells_at(np.full(50, n), model)
    drive = waveform([(1e-9, voltage_v), (1e-8 if voltage_v < 0 else 1e-7, voltage_v)])
    model.play(state, np.arange(50), drive)
    goal = state["n_high_1e26_per_m3" if voltage_v < 0 else "n_low_1e26_per_m3"]
    share = (state[N] - n) / (goal - n)
    assert 0.05 < share.mean() < 0.999
    for old, now, new in (
        (45e-9, "radius_m", "radius_new_m"),
        (0.4e-9, "length_m", "length_new_m"),
    ):
        told = old + (state[new] - old) * share
        np.testing.assert_allclose(state[now], told, rtol=1e-9)
    model.play(state, np.arange(50), waveform([(10.0, voltage_v)], start_v=voltage_v))
    np.testing.assert_allclose(state[N], goal, rtol=1e-9)
    np.testing.assert_allclose(state["radius_m"], state["radius_new_m"], rtol=1e-9)
    np.testing.assert_allclose(state["length_m"], state["length_new_m"], rtol=1e-9)
    assert state["radius_m"].std() > 1e-9


def test_moving_geometry_is_integrated_exactly() -> None:
    """r and l enter everything: tight and loose tolerances agree on the way."""
    drive = waveform([(1e-7, -0.9), (4e-7, -0.9), (1e-7, 0.0), (1e-7, 1.4), (5e-6, 1.4)])
    ends = []
    for tolerance in (1e-7, 1e-11):
        model = msgspec.structs.replace(WALKS, tolerance=tolerance)
        ends.append(play(drive, np.full(20, 0.012), model)[1])
    assert np.log(ends[1][N]).std() > 1e-3
    np.testing.assert_allclose(np.log(ends[0][N]), np.log(ends[1][N]), atol=1e-6)


def test_a_completed_set_leaves_the_geometry_of_the_next_alone() -> None:
    state = cells_at(np.full(20, 19.99), Jart())
    model = msgspec.structs.replace(WALKS, walk_n_max=0.0)
    model.play(state, np.arange(20), waveform([(1e-7, -1.0), (1e-3, -1.0), (1e-7, 0.0)]))
    assert state[N].min() > 19.999
    assert (state["radius_m"] == 45e-9).all()
    assert state["radius_new_m"].std() > 1e-9


def test_shipped_sets_of_parameters() -> None:
    guide, var = get_model("jart-guide"), get_model("jart-var")
    assert guide == Jart(rth0_k_per_w=1e7)
    state = var.initial_state(CELLS, np.random.default_rng(3))
    for name, low, high in (("r_m", 40.5e-9, 49.5e-9), ("n_min", 0.004, 0.016)):
        assert low <= state[name].min() < state[name].max() <= high
        assert state[name].mean() == pytest.approx(0.5 * (low + high), rel=0.3)
        assert state[name].std() > 0.1 * (high - low)


def test_the_set_for_a_lab_stays_within_its_limits() -> None:
    """Triangles of -1.0 and 1.3 V at 1 V/s: below 0.5 mA and 1,000 K, and it switches."""
    lab = get_model("jart-lab")
    state = lab.initial_state(1, np.random.default_rng(0))
    bare, start_v = Jart(rth0_k_per_w=1e7, n_max=0.4), 0.0
    reads: list[float] = []
    for stop_v in [-1.0, 0.0, 1.3, 0.0] * 2:
        parts = np.linspace(start_v, stop_v, 301)[1:]
        drive = waveform([(5e-3, v) for v in parts], limit_a=0.5e-3, start_v=start_v)
        seen = lab.play(state, np.array([0]), drive)
        start_v = stop_v
        assert not seen.limited.any()
        assert np.abs(seen.current_a).max() < 0.22e-3
        across_v = stop_v - 2e3 * seen.current_a[-1]
        assert bare.filament_k(cells_at(state[N], bare), across_v)[0] < 1000
        reads.append(lab.current_a(state, 0.2)[0] / 0.2)
    assert min(reads[1::4]) > 180e-6 > 7 * max(reads[3::4])


def test_vacancies_do_not_step_for_ever() -> None:
    """1e8 steps at 50 Hz are 2e6 s."""
    Jart(rtn=True).refuse(waveform([(1.9e6, 0.1)]))
    Jart().refuse(waveform([(1e9, 0.1)]))
    with pytest.raises(NotSupported, match=r"1.05e\+08 times for each cell.*switch rtn off"):
        Jart(rtn=True).refuse(waveform([(1.05e6, 0.1), (1.05e6, 0.0)]))


# ---- read noise -------------------------------------------------------------------------------


def test_vacancy_machine_has_its_steady_state() -> None:
    """Long waits: the share of each place is the machine's, from its matrix of transitions."""
    out, leave, stay = VACANCY_ODDS
    matrix = np.array([
        [out, 1 - out, 0, 0, 0],
        [out, stay - out, 1 - stay, 0, 0],
        [0, leave / 2, 1 - leave, leave / 2, 0],
        [0, 0, 1 - stay, stay - out, out],
        [0, 0, 0, 1 - out, out],
    ])  # fmt: skip
    shares = np.linalg.matrix_power(matrix, 1000)[0]
    model = Jart(rtn=True)
    state = cells_at(np.full(20_000, 1.0), model)
    model.play(state, np.arange(20_000), waveform([(1.0, 0.0)], start_s=1e4))
    told = np.array([np.mean(state["vacancies"] == place) for place in range(-2, 3)])
    assert np.all(np.abs(told - shares) < 4 * np.sqrt(shares * (1 - shares) / 20_000))


def test_a_wait_is_the_same_whole_or_in_parts() -> None:
    model, cells = Jart(rtn=True), 300
    whole, parts = (cells_at(np.full(cells, 1.0), model) for _ in range(2))
    model.play(whole, np.arange(cells), waveform([(3.0, 0.0)]))
    for k in range(6):
        model.play(parts, np.arange(cells), waveform([(0.5, 0.0)], start_s=0.5 * k))
    for column in ("vacancies", "ticks", N):
        np.testing.assert_allclose(whole[column], parts[column], rtol=1e-12)
    told_hz = np.array([tick_hz(key, *VACANCY_HZ) for key in whole["key"]])
    assert np.abs(whole["ticks"] - 3.0 * told_hz).max() <= 1.0
    assert told_hz.min() > 0
    assert told_hz.mean() == pytest.approx(64.4, abs=4 * 40 / math.sqrt(cells))


def test_vacancies_change_the_reading() -> None:
    """One more or less is 1/(A l) in N, ten times the HRS's share in conductance."""
    model = Jart(rtn=True)
    state = cells_at(np.full(400, 0.02), model)
    drive = waveform([(1e-3, 0.1), (0.5, 0.1), (1e-3, 0.0)], start_s=0.0)
    model.play(state, np.arange(400), drive)
    one = 1 / (math.pi * 45e-9**2 * 0.4e-9 * 1e26)
    np.testing.assert_allclose(state[N], 0.02 + one * state["vacancies"], rtol=1e-6)
    assert set(state["vacancies"]) == {-2, -1, 0, 1, 2}
    hrs = cells_at(np.full(400, 0.008), model)
    model.play(hrs, np.arange(400), drive)
    assert hrs[N].min() == 0.008
    assert hrs[N].max() == pytest.approx(0.008 + 2 * one)


def test_ticks_cut_a_pulse() -> None:
    """A pulse goes on with the N that each step leaves: far from the bounds the sum of both."""
    noisy, quiet = Jart(rtn=True), Jart()
    steps = [(1e-3, -0.3), (0.2, -0.3), (1e-3, 0.0)]
    state = play(waveform(steps), np.full(200, 10.0), noisy)[1]
    plain = n_after(steps, 10.0, model=quiet)
    assert plain > 10.0 + 1e-5
    np.testing.assert_allclose(state[N] - state["vacancy_n_1e26_per_m3"], plain, rtol=1e-5)
    assert state["ticks"].max() > 10


# ---- parameters -------------------------------------------------------------------------------

NOT_NUMBERS = (
    "flim", "constants", "rtn", "beyond_published", "n_min_range", "n_max_range", "r_range",
    "l_range",
)  # fmt: skip
NUMBERS = [name for name in Jart.__struct_fields__ if name not in NOT_NUMBERS]


@pytest.mark.parametrize("value", [math.nan, INF, -1.0])
@pytest.mark.parametrize("name", NUMBERS)
def test_bad_numbers(name: str, value: float) -> None:
    parameters: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=name):
        Jart(beyond_published=True, **parameters)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"rth0_k_per_w": 3e7}, r"rth0_k_per_w is 3e\+07 K/W, outside .* User Guide"),
        ({"lcell_m": 1e-9}, "lcell_m is 1e-09 m, outside"),
        ({"n_min": 30.0, "initial_n_disc": 1.0}, "n_min is 30 .*at most n_max"),
        ({"phin_ev": 0.2}, "phin_ev is 0.2 eV; it must be at most phibn0_ev"),
        ({"l_m": 4e-9, "lcell_m": 3e-9}, "l_m is 4e-09 m; it must be at most lcell_m"),
        ({"constants": "2019"}, "constants is '2019'"),
        ({"r_range": (5e-8, 4e-8)}, "r_range is 5e-08 to 4e-08"),
        ({"walk_n_max": 0.1, "n_max": 0.15}, "n_max is 0.15, outside its n_max_range 18 to 22"),
        (
            {"walk_l": 0.1, "l_range": (3e-10, 4e-9)},
            "l walks up to 4e-09 m, but lcell_m, .* is 3e-09 m",
        ),
        (
            {"walk_n_min": 0.1, "n_max": 0.012},
            "n_min walks up to 0.016 and n_max down to 0.012 .*narrow their ranges",
        ),
        ({"walk_l": 1.5}, "walk_l is 1.5; it must be at most 1"),
    ],
)
def test_bad_parameters(parameters: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Jart(**parameters)


def test_a_fresh_cell_is_in_hrs_unless_told_otherwise() -> None:
    assert Jart().initial_state(1, np.random.default_rng(0))[N][0] == 0.008
    assert Jart(initial_n_disc=2.0).initial_state(1, np.random.default_rng(0))[N][0] == 2.0
    low, high = Jart().memory_range(cells_at([1.0], Jart()))
    assert (low[0], high[0]) == (0.008, 20.0)
    assert not Jart().ages
    assert Jart(rtn=True).ages


@pytest.mark.parametrize("name", ["jart", "jart-lab", "jart-fit"])
@pytest.mark.parametrize("n_disc", [0.004, 100.0])
def test_a_fresh_cell_lies_between_the_bounds(name: str, n_disc: float) -> None:
    with pytest.raises(
        ConfigError, match=r"initial_n_disc.*it must be at most|n_min.*at most init"
    ):
        get_model(name, initial_n_disc=n_disc)


def test_the_published_cell_runs_as_hot_as_the_readme_says() -> None:
    state = cells_at(20.0, Jart())
    assert Jart().filament_k(state, -1.3)[0] == pytest.approx(2300, abs=10)
    assert Jart().current_a(state, -1.3)[0] == pytest.approx(-0.77e-3, abs=0.01e-3)
