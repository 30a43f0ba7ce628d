"""JART with the fitted current against its formulas, written here again, and SciPy's LSODA."""

import math
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.constants import elementary_charge, k
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from hil.errors import ConfigError, NotSupported
from hil.simulators.models import get_model
from hil.simulators.models import jart_fit_kernel as kernel
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.jart_fit import JartFit
from hil.simulators.models.model import Device, State
from hil.testing.device_contract import DeviceContract, Pulse
from tests.simulators.models.drives import (
    Steps,
    cells_at,
    check_cells_apart,
    play_at,
    waveform,
    whole_and_cut,
)

INF = math.inf
N = "n_disc_1e26_per_m3"
SET_V, RESET_V, READ_V = -0.342, 0.7065, 0.2
LOW, HIGH = 0.06, 1.9897452127440087
"""The paper's voltages, and its window of N."""


def play(drive: Drive, n: ArrayLike, model: JartFit | None = None) -> tuple[Terminal, State]:
    return play_at(n, model or JartFit(), drive)


def n_after(
    points: Steps,
    n: float,
    model: JartFit | None = None,
    ohm: float = 0.0,
    limit_a: float = INF,
    start_v: float = 0.0,
) -> float:
    drive = waveform(points, ohm, limit_a, start_v=start_v)
    return float(play(drive, n, model)[1][N][0])


def pulse(voltage_v: float, high_s: float = 1e-6, edge_s: float = 100e-9) -> Steps:
    return [(edge_s, voltage_v), (high_s, voltage_v), (edge_s, 0.0)]


# ---- the equations, written again -------------------------------------------------------------


def fitted(v: float, n: float) -> float:
    """Current of Ntinas 2022 (A), n >= 0.008 and |v| <= 1.5 V."""
    if v > 0:
        h = 5.548 + 6.8648 * v + 51.586 * math.exp(-0.36 * v)
        g = 4.84e-3 * (1 - math.exp(-0.1353 * v))
        return g / math.pow(1 + h * math.pow(n / 0.008, -1.054), 1 / 1.0526)
    al1 = 4.81951e-5 * math.exp(-1.03685 / 0.34567)
    al = (al1 + 4.81951e-5) / (1 + math.exp(-(v + 1.03685) / 0.34567)) - 4.81951e-5
    be = 4.2383e-5 * (1 - math.exp(-v)) - 7.0526e-4 * v
    c = 4.2125 * math.exp(-v / 1.4134) + 2.8646 * v - 4.004
    d = 7.4235 * math.exp(-v / 4.0585) + 1.4524 * v - 6.6103
    f = 6.326e-4 + (1.4711 - 6.326e-4) / (1 + math.pow(-v / 0.5199, 1.561))
    return -al - be / math.pow(1 + math.pow(c / n, d), f)


def across(source: float, n: float, ohm: float, limit_a: float) -> float:
    """Voltage across the cell behind a resistance and a current limit."""
    v = source
    if ohm:
        low, high = sorted((1e-12 * source, source))
        v = brentq(lambda x: x + ohm * fitted(x, n) - source, low, high, xtol=1e-15, rtol=1e-14)
    if abs(fitted(v, n)) > limit_a:
        low, high = sorted((1e-9 * v, v))
        v = brentq(lambda x: abs(fitted(x, n)) - limit_a, low, high, xtol=1e-15, rtol=1e-14)
    return float(v)


def slope(v: float, n: float, radius: float = 45e-9, length: float = 0.4e-9) -> float:
    """d ln N/dt (1/s) with Flim and the constants of the SI."""
    i = fitted(v, n)
    inner = v - i * (650 + 719.2437 * (1 + 719.2437 * 3.92e-3 * i**2 * 90471.47))
    rth = 15.72e6 * (45e-9 / radius) ** 2 * (0.27 if v > 0 else 1)
    kt = k / elementary_charge * (293 + i * inner * rth)
    disc = n * 1e26 * 2 * elementary_charge * 4e-6 * math.pi * radius**2
    field = inner / 3e-9 if v > 0 else i / disc
    gamma = 2 * 0.25e-9 * field / (math.pi * 1.35)
    mean = math.sqrt(1 - gamma**2) + gamma * math.asin(gamma)
    low, high = (1.35 * (mean + sign * gamma * math.pi / 2) for sign in (-1, 1))
    room = 1 - ((0.008 / n) if v > 0 else (n / 20)) ** 10
    hops = 0.25e-9 * 2e13 / length * (math.exp(-low / kt) - math.exp(-high / kt))
    return -(20 + n) / 2 * hops * room / n


def lsoda(points: Steps, n: float, ohm: float = 0.0, limit_a: float = INF) -> float:
    """N after a waveform from 0 V (1e26 per m^3)."""
    y, start = math.log(n), 0.0
    for duration, stop in points:

        def right(
            t: float, y: Floats, start: float = start, stop: float = stop, all_s: float = duration
        ) -> list[float]:
            source, at = start + (stop - start) * t / all_s, math.exp(min(max(y[0], -4.8), 3.1))
            return [slope(across(source, at, ohm, limit_a), at) if source else 0.0]

        if start or stop:
            step = duration / 30 if start != stop else INF
            found = solve_ivp(
                right, (0, duration), [y], "LSODA", rtol=1e-11, atol=1e-13, max_step=step
            )
            assert found.success
            y = float(found.y[0, -1])
        start = stop
    return math.exp(y)


# ---- current and rate -------------------------------------------------------------------------

GRID_N = np.geomspace(0.008, 22, 40)
GRID_V = np.array([-1.5, -1.3, -0.9, -0.5, -0.342, -0.2, -0.01, 0.01, 0.2, 0.5, 0.7065, 1.2, 1.5])


def test_current_is_the_fit() -> None:
    found = JartFit().current_a(cells_at(GRID_N, JartFit()), GRID_V[:, None])
    wanted = [[fitted(v, n) for n in GRID_N] for v in GRID_V]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(("n", "conductance_s"), [(LOW, 94.45300e-6), (HIGH, 559.30031e-6)])
def test_ends_of_the_window(n: float, conductance_s: float) -> None:
    found = JartFit().current_a(cells_at(n, JartFit()), READ_V)[0] / READ_V
    assert found == pytest.approx(conductance_s, rel=3e-7)


# Current (A) of the full JART VCM v1b, with its Schottky contact solved, at V, N.
FULL = [
    (-1.3, 0.06, -9.01e-5), (-1.3, 2.0, -5.73e-4), (-0.7, 0.06, -6.05e-5), (-0.7, 0.4, -2.09e-4),
    (-0.342, 0.06, -3.14e-5), (-0.342, 2.0, -1.86e-4), (0.2, 0.06, 2.00e-5), (0.2, 2.0, 1.09e-4),
    (0.7065, 0.06, 7.20e-5), (0.7065, 2.0, 3.85e-4), (1.2, 0.4, 4.28e-4), (1.5, 20.0, 8.75e-4),
]  # fmt: skip


def test_fit_is_near_the_full_model() -> None:
    off = [JartFit().current_a(cells_at(n, JartFit()), v)[0] / full_a - 1 for v, n, full_a in FULL]
    assert np.median(np.abs(off)) < 0.03
    assert np.abs(off).max() < 0.06


def test_current_goes_on_in_proportion_where_the_fit_ends() -> None:
    model = JartFit()
    low, half = model.current_a(cells_at([0.008, 0.004], model), -0.342)
    assert half == pytest.approx(low / 2, rel=1e-12)
    one, two = (model.current_a(cells_at(1.0, model), v)[0] for v in (-1.5, -3.0))
    assert two == pytest.approx(2 * one, rel=1e-14)


def test_rate() -> None:
    model, inside = JartFit(), GRID_N[1:-4]
    found = model.rate(cells_at(inside, model), GRID_V[:, None])
    wanted = [[slope(v, n) * n for n in inside] for v in GRID_V]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    assert np.all(model.rate(cells_at(inside, model), 0.0) == 0)


def test_rate_with_a_geometry_and_parameters_of_its_own() -> None:
    model = JartFit()
    state = cells_at([0.3, 0.3], model)
    state["radius_m"], state["length_m"] = [45e-9, 42e-9], [0.4e-9, 0.43e-9]
    for v in (SET_V, RESET_V):
        wanted = [0.3 * slope(v, 0.3), 0.3 * slope(v, 0.3, 42e-9, 0.43e-9)]
        np.testing.assert_allclose(model.rate(state, v), wanted, rtol=1e-9)


def test_nothing_moves_beyond_the_bound_ahead() -> None:
    for flim in (True, False):
        model = JartFit(flim=flim)
        state = cells_at([0.008, 20.0], model)
        assert model.rate(state, 1.2)[0] == model.rate(state, -1.2)[1] == 0
        assert model.rate(state, 1.2)[1] < 0 < model.rate(state, -1.2)[0]
        assert n_after(pulse(1.2), 0.008, model) == 0.008
        assert n_after(pulse(-1.2), 20.0, model) == 20.0


def test_constants_of_2020_move_rates_and_no_current() -> None:
    si, old = JartFit(), JartFit(constants="2020")
    state = cells_at(0.4, si)
    assert old.current_a(state, SET_V) == si.current_a(state, SET_V)
    assert 1e-4 < abs(old.rate(state, SET_V)[0] / si.rate(state, SET_V)[0] - 1) < 0.01


# ---- motion against LSODA ---------------------------------------------------------------------

CASES: dict[str, tuple[Steps, float, dict[str, float]]] = {
    "SET pulse at the low end": (pulse(SET_V), LOW, {}),
    "SET pulse half way": (pulse(SET_V), 0.4, {}),
    "SET pulse at the high end": (pulse(SET_V), 1.9, {}),
    "RESET pulse at the low end": (pulse(RESET_V), 0.07, {}),
    "RESET pulse half way": (pulse(RESET_V), 0.4, {}),
    "SET, 1 ms": (pulse(SET_V, 1e-3), 0.1, {}),
    "SET, 6 ms": (pulse(SET_V, 6e-3), LOW, {}),
    "RESET, 6 ms": (pulse(RESET_V, 6e-3), HIGH, {}),
    "fast SET": (pulse(-0.6), LOW, {}),
    "SET that ends at the bound": (pulse(-0.7, 1.0, 1e-3), 0.00801, {}),
    "slow RESET": ([(1.2, 1.2), (1.2, 0.0)], 19.0, {}),
    "SET, 2 kohm": (pulse(-0.7, 1e-4), 0.1, {"ohm": 2e3}),
    "SET, limit": (pulse(-0.5, 1e-5), 0.1, {"limit_a": 100e-6}),
    "RESET, 50 ohm and limit": (pulse(0.9, 1e-4), 1.0, {"ohm": 50.0, "limit_a": 350e-6}),
}


@pytest.fixture(scope="module")
def truth() -> dict[str, float]:
    return {name: lsoda(points, n, **source) for name, (points, n, source) in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_motion(name: str, truth: dict[str, float]) -> None:
    """The error is less than 1e-5 of the way that ln N goes, times what the rest makes of it."""
    points, n, source = CASES[name]
    way = abs(math.log(truth[name] / n))
    assert way > 1e-5, "the case is to move N"
    for tolerance in (1e-5, 1e-8):
        found = n_after(points, n, JartFit(tolerance=tolerance), **source)
        allowed = max(tolerance, 1e-7) * max(way, 1e-3) + 1e-9  # of LSODA
        assert abs(math.log(found / truth[name])) < allowed


def test_error_falls_with_the_tolerance(truth: dict[str, float]) -> None:
    names = ["SET, 6 ms", "RESET, 6 ms", "fast SET", "slow RESET", "SET, limit"]
    worst = []
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
        model = JartFit(tolerance=tolerance)
        found = [n_after(CASES[x][0], CASES[x][1], model, **CASES[x][2]) for x in names]
        off = [abs(math.log(n / truth[name])) for n, name in zip(found, names, strict=True)]
        worst.append(max(off))
        assert worst[-1] < 10 * tolerance
    assert worst[-1] < 1e-3 * worst[0]


@pytest.mark.parametrize("ramp", [0.0, 2e5])
@pytest.mark.parametrize(
    ("method", "order", "sizes"),
    [(kernel._dormand_prince, 5, (5e-8, 2.5e-8)), (kernel._rodas, 4, (1.2e-8, 3e-9))],
)
def test_orders_of_the_methods(
    method: Any, order: int, sizes: tuple[float, float], ramp: float
) -> None:
    """Error of one step, which falls with the power order + 1 of its size."""
    state = cells_at(0.4, JartFit())
    law = JartFit()._laws(state, np.arange(1), 0.0, INF)[0]
    cell = np.zeros(1, kernel.CELL).view(np.recarray)[0]
    cell.setting, cell.start, cell.ramp, cell.high = 1, 0.4, ramp, 20.0
    cell.attempts, cell.rth, cell.per_current = kernel._shape(law, cell, 45e-9, 0.4e-9)
    memo = np.full((64, 7), np.nan)

    def walked(step: Any, size: float, steps: int) -> float:
        y = math.log(0.4)
        for i in range(steps):
            time = size / steps * i
            slope = kernel._slope(law, cell, memo, kernel._source(cell, time), y)
            y = step(law, cell, memo, time, y, slope, size / steps)[0]
        return y

    off = [abs(walked(method, s, 1) - walked(kernel._dormand_prince, s, 64)) for s in sizes]
    found = math.log(off[0] / off[1]) / math.log(sizes[0] / sizes[1])
    assert found == pytest.approx(order + 1, abs=0.6)


def test_operating_point() -> None:
    """About 6 ms bring a cell from 0.06 to 530 uS at the SET voltage, about 6 ms back."""
    goal = brentq(lambda n: fitted(READ_V, n) / READ_V - 530e-6, LOW, HIGH, xtol=1e-14)
    for voltage, begin, end in ((SET_V, LOW, goal), (RESET_V, goal, LOW)):
        n = np.geomspace(begin, end, 20001)
        per_rate = [1 / slope(voltage, x) for x in n]
        lasts = np.trapezoid(per_rate, np.log(n))
        assert lasts == pytest.approx(6e-3, rel=0.2)
        model = JartFit(tolerance=1e-8)
        found = n_after([(0.0, voltage), (float(lasts), voltage)], begin, model)
        assert found == pytest.approx(end, rel=1e-6)


def test_many_short_pulses_are_one_long_pulse() -> None:
    long = n_after([(0.0, SET_V), (2e-3, SET_V)], LOW)
    drive = waveform([(0.0, SET_V), (1e-6, SET_V), (0.0, 0.0)], repeats=2000)
    assert play(drive, LOW)[1][N][0] == pytest.approx(long, rel=1e-5)


@pytest.mark.parametrize("flim", [True, False])
def test_long_and_stiff(flim: bool) -> None:
    """Minutes at either bound, and slow sweeps, take no longer than they must."""
    model = JartFit(flim=flim)
    held = [(1e-3, -1.3), (600.0, -1.3), (1.3, 1.3), (600.0, 1.3), (1.3, 0.0)]
    terminal, state = play(waveform(held), 0.1, model)
    assert terminal.current_a[1, 0] == pytest.approx(fitted(-1.3, 20.0), rel=1e-6)
    assert state[N][0] == pytest.approx(0.008, rel=0.2 if flim else 1e-15)


# ---- properties -------------------------------------------------------------------------------

amounts = st.floats(0.008, 20)
volts = st.just(0.0) | st.floats(-1.5, -1e-6) | st.floats(1e-6, 1.5)
ohms = st.sampled_from([0.0, 50.0, 1e3, 1e5])
limits = st.sampled_from([INF, 1e-3, 1e-4, 1e-6])
points = st.lists(
    st.tuples(st.sampled_from([1e-8, 1e-6, 1e-3, 1.0]), volts), min_size=1, max_size=5
)
many = settings(max_examples=100)
WALKS: dict[str, Any] = {
    "walk_n_min": 0.9, "walk_n_max": 0.1, "walk_r": 0.1, "walk_l": 0.1, "jitter_r": 0.01,
    "jitter_l": 0.01,
}  # fmt: skip
NOISY = JartFit(**WALKS)


@many
@given(points, amounts, ohms, limits)
def test_bounds_kirchhoff_and_passivity(
    steps: Steps, n: float, ohm: float, limit_a: float
) -> None:
    drive = waveform(steps, ohm, limit_a)
    terminal, state = play(drive, n)
    assert 0.008 <= state[N][0] <= 20
    source_v, v, i = drive.stop_v[:, 0], terminal.voltage_v[:, 0], terminal.current_a[:, 0]
    held = terminal.limited[:, 0]
    np.testing.assert_array_equal(np.sign(i), np.sign(source_v))
    np.testing.assert_array_equal(np.sign(v), np.sign(source_v))
    assert np.all(np.abs(i) <= limit_a)
    np.testing.assert_allclose((v + ohm * i)[~held], source_v[~held], rtol=1e-13)
    assert np.all(np.abs(v + ohm * i)[held] < np.abs(source_v)[held])
    np.testing.assert_allclose(np.abs(i)[held], limit_a, rtol=1e-15)
    last = JartFit().current_a(state, v[-1])[0]
    assert last == pytest.approx(i[-1], rel=1e-12)


@given(st.lists(amounts, min_size=2, max_size=8, unique=True), st.lists(volts, min_size=2))
def test_current_grows_with_voltage_and_with_n(n: list[float], levels: list[float]) -> None:
    levels.sort()
    currents = JartFit().current_a(cells_at(sorted(n), JartFit()), np.array(levels)[:, None])
    rounding_a = 1e-14 * np.abs(currents)
    assert np.all(np.diff(currents, axis=0) >= -rounding_a[1:])
    assert np.all(np.diff(np.abs(currents), axis=1) >= -rounding_a[:, 1:])


@many
@given(
    st.sampled_from([1e-7, 1e-6, 1e-4]), volts, volts, amounts, ohms, limits, st.floats(0.01, 0.99)
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
    """ln N changes by a little of its way, more where a runaway is under way."""
    drives = whole_and_cut(duration, start_v, stop_v, share, ohm, limit_a)
    one, two = (float(play(drive, n)[1][N][0]) for drive in drives)
    assert abs(math.log(one / two)) <= 1e-3 * max(abs(math.log(one / n)), 1e-3)


@given(st.lists(amounts, min_size=2, max_size=6), points, ohms, st.randoms())
def test_cells_do_not_know_of_each_other(
    n: list[float], steps: Steps, ohm: float, random: Random
) -> None:
    check_cells_apart(n, NOISY, waveform(steps, ohm, 5e-4), random)


@given(amounts, st.floats(0, 1e6))
def test_at_0_v_nothing_moves(n: float, duration: float) -> None:
    for model in (JartFit(), NOISY):
        _, state = play(waveform([(duration, 0.0)]), n, model)
        assert state.tobytes() == cells_at(n, model).tobytes()


def test_repeats_are_the_same_as_once_after_the_other() -> None:
    cycle = [*pulse(-0.5), *pulse(0.9)]
    repeated, state = play(waveform(cycle, 50.0, 5e-4, repeats=3), 0.3, NOISY)
    written, other = play(waveform(cycle * 3, 50.0, 5e-4), 0.3, NOISY)
    assert state.tobytes() == other.tobytes()
    for one, two in zip(repeated, written, strict=True):
        np.testing.assert_array_equal(one, two)


class TestContract(DeviceContract):
    set_pulse = Pulse(-0.6, 1e-6)
    reset_pulse = Pulse(1.2, 10e-6)
    source_ohm = 50.0

    @pytest.fixture
    def device(self) -> Device:
        return JartFit()


# ---- noise ------------------------------------------------------------------------------------


def noisy_cells(steps: Steps, n: float, cells: int = 2000, **settings: Any) -> State:
    model = JartFit(**{**WALKS, **settings})
    return play(waveform(steps), np.full(cells, n), model)[1]


def test_a_half_cycle_draws_once() -> None:
    """A pulse, a sign change without a pause, and not a change of level."""
    for steps, draws in (
        (pulse(SET_V), 1),
        (pulse(SET_V) * 2, 2),
        ([(1e-7, -0.3), (1e-7, -0.2), (1e-7, 0.4), (1e-7, 0.0)], 2),
        ([(1e-7, -10e-6), (1e-7, 0.0)], 0),
        ([(1e-7, -10e-6), (1e-7, -0.1), (1e-7, -10e-6), (1e-7, -0.1)], 2),
    ):
        assert set(noisy_cells(steps, 0.4, 3)["draws"]) == {draws}


def test_a_jump_of_sign_begins_a_half_cycle() -> None:
    state = cells_at(0.4, NOISY)
    for voltage, draws in ((-0.3, 1), (-0.2, 1), (0.4, 2), (0.5, 2)):
        NOISY.advance(state, voltage, voltage, 1e-7)
        assert state["draws"][0] == draws


def test_without_walks_nothing_is_drawn() -> None:
    state = play(waveform(pulse(SET_V)), 0.4)[1]
    assert state["draws"][0] == 0
    assert state["radius_m"][0] == 45e-9


def test_bounds_change_at_once_geometry_with_n() -> None:
    begun = noisy_cells([(1e-7, 0.1)], 0.4, jitter_r=0.0, jitter_l=0.0)
    assert np.all(begun["radius_m"] == 45e-9)
    assert np.all(begun["length_m"] == 0.4e-9)
    step = begun["n_high_1e26_per_m3"] / 20 - 1
    assert step.var() == pytest.approx(0.1**2 / 3, rel=0.1)
    assert (begun["radius_new_m"] / 45e-9 - 1).var() == pytest.approx(0.1**2 / 3, rel=0.1)


@pytest.mark.parametrize(("steps", "n"), [(pulse(-1.2, 1e-3), 0.02), (pulse(1.4, 10.0), 2.0)])
def test_geometry_is_new_at_the_end_of_a_completed_half_cycle(steps: Steps, n: float) -> None:
    state = noisy_cells(steps, n, 200, flim=False)
    bound = "n_high_1e26_per_m3" if steps[0][1] < 0 else "n_low_1e26_per_m3"
    np.testing.assert_array_equal(state[N], state[bound])
    np.testing.assert_allclose(state["radius_m"], state["radius_new_m"], rtol=1e-14)
    np.testing.assert_allclose(state["length_m"], state["length_new_m"], rtol=1e-14)
    assert state["radius_m"].std() > 1e-9


def test_jitter_is_a_step_at_once() -> None:
    state = noisy_cells([(1e-7, 0.1)], 0.4, walk_r=0.0, walk_l=0.0)
    for column, mean in (("radius_m", 45e-9), ("length_m", 0.4e-9)):
        step = state[column] / mean - 1
        assert np.abs(step).max() <= 0.01
        assert step.var() == pytest.approx(0.01**2 / 3, rel=0.1)


@pytest.mark.parametrize("noise_step_s", [None, 10e-9])
def test_ranges_are_never_left(noise_step_s: float | None) -> None:
    model = JartFit(**WALKS, noise_step_s=noise_step_s)
    state = cells_at(np.geomspace(LOW, HIGH, 20), model)
    for voltage in (SET_V, RESET_V, -0.7, 1.1) * 5:
        model.play(state, np.arange(20), waveform(pulse(voltage)))
        for column, low, high in (
            ("n_low_1e26_per_m3", 0.004, 0.016),
            ("n_high_1e26_per_m3", 18, 22),
            ("radius_m", 40.5e-9, 49.5e-9),
            ("length_m", 0.36e-9, 0.44e-9),
        ):
            assert np.all((low <= state[column]) & (state[column] <= high))


def test_noise_every_10_ns() -> None:
    """A pulse of 1 us in one piece or in 37 draws 100 times; a read draws once."""
    settings: dict[str, Any] = {"noise_step_s": 10e-9}
    one, parts = (
        noisy_cells([(0.0, SET_V), *[(1e-6 / cut, SET_V)] * cut], 0.4, 20, **settings)
        for cut in (1, 37)
    )
    assert set(one["draws"]) <= {100, 101}
    np.testing.assert_allclose(one[N], parts[N], rtol=1e-7)
    assert one[N].std() > 0
    read = noisy_cells([(1e-3, READ_V), (20e-3, READ_V), (1e-3, 0.0)], 0.4, 3, **settings)
    assert set(read["draws"]) == {1}


def test_walks_around_the_cells_own_values() -> None:
    """Within 10 % of the cell's own radius, which may itself be at the end of its range."""
    model = JartFit(**WALKS, walk_within="cell", r_m=40.5e-9)
    state = cells_at(np.full(50, 0.4), model)
    seen = []
    for _ in range(50):
        model.play(state, np.arange(50), waveform([(1e-7, 0.1), (1e-7, 0.0)]))
        seen.append([state["radius_new_m"] / 40.5e-9, state["n_low_1e26_per_m3"] / 0.008])
    low, high = np.min(seen, axis=(0, 2)), np.max(seen, axis=(0, 2))
    assert np.all((low >= [0.9, 0.1]) & (high <= [1.1, 1.9]))
    assert np.all((low < [0.92, 0.2]) & (high > [1.08, 1.7]))


def test_noise_is_not_renewed_for_ever() -> None:
    """1e7 renewals of 10 ns are 0.1 s where N moves; reads and rests are none."""
    model = JartFit(**WALKS, noise_step_s=1e-8)
    with pytest.raises(NotSupported, match=r"noise_step_s, 1e-08 s, .* 1.02e\+07 times .*shorten"):
        model.refuse(waveform([(0.0, RESET_V), (0.102, RESET_V), (0.0, 0.0)]))
    with pytest.raises(NotSupported, match=r"1\.2e"):
        model.refuse(waveform([(0.0, SET_V), (2e-3, SET_V), (0.0, 0.0)], repeats=60))
    model.refuse(waveform([(0.0, RESET_V), (0.0995, RESET_V), (0.0, 0.0)]))
    model.refuse(waveform([(0.0, 1e-3), (1e6, 1e-3), (0.0, 0.0), (1e6, 0.0)]))
    JartFit(noise_step_s=1e-8).refuse(waveform([(1e6, RESET_V)]))
    NOISY.refuse(waveform([(1e6, RESET_V)]))


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_is_refused_is_where_noise_is_renewed(sign: int) -> None:
    """Below the voltages from which on refuse counts, the kernel draws once, whatever N is."""
    model = JartFit(**WALKS, noise_step_s=1e-8)
    still_v = max(model._least_moving_v(1e-8), key=lambda v: sign * v)
    for voltage, renewed in ((still_v, False), (1.6 * still_v, True)):
        state = cells_at(np.geomspace(0.02, 17, 7), model)
        model.play(state, np.arange(7), waveform([(0.0, voltage), (1e-6, voltage)]))
        assert (state["draws"].max() > 1) == renewed


def test_device_of_the_pulse_predictor() -> None:
    """Its cells go up and come back, each at its own pace."""
    device = get_model("jart-fit-var")
    state = device.initial_state(5, np.random.default_rng(3))
    conductances = [device.current_a(state, READ_V) / READ_V]
    for voltage in (SET_V, RESET_V):
        for _ in range(3):
            drive = waveform([(0.0, voltage), (0.5e-3, voltage), (0.0, 0.0)])
            device.play(state, np.arange(5), drive)
            conductances.append(device.current_a(state, READ_V) / READ_V)
    found = np.array(conductances)
    np.testing.assert_allclose(found[0], 94.453e-6, rtol=1e-5)
    assert np.all(np.diff(found[:4], axis=0) > 0)
    assert np.all(np.diff(found[3:], axis=0) < 0)
    assert found[3].std() > 20e-6
    assert found.max() < 620e-6


# ---- parameters -------------------------------------------------------------------------------

NUMBERS = [
    name
    for name in JartFit.__struct_fields__
    if name not in ("flim", "constants", "beyond_published", "walk_within")
    and not name.endswith("_range")
]


@pytest.mark.parametrize("value", [math.nan, INF, -1.0])
@pytest.mark.parametrize("name", NUMBERS)
def test_no_parameter_may_be_nan_infinite_or_negative(name: str, value: float) -> None:
    parameters: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=name):
        JartFit(**parameters)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parameters, JartFit)


def test_published_ranges() -> None:
    with pytest.raises(ConfigError, match=r"rth0_k_per_w is .* of the JART VCM v1b"):
        JartFit(rth0_k_per_w=3e7)
    assert JartFit(rth0_k_per_w=3e7, beyond_published=True).rth0_k_per_w == 3e7


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_min": 21.0}, "n_min is 21 .*at most n_max"),
        ({"l_m": 4e-9}, "l_m is 4e-09 m; it must be at most lcell_m"),
        ({"constants": "2021"}, "constants is '2021'"),
        ({"walk_within": "device"}, "walk_within is 'device'"),
        ({"r_range": (50e-9, 40e-9)}, "r_range is 5e-08 to 4e-08"),
        ({"n_min_range": (0.004, INF)}, "n_min_range"),
        (
            {"n_min_range": (0.004, 19.0), "walk_n_min": 0.1},
            "n_min walks up to 19 and n_max down to 18",
        ),
        ({"l_range": (3e-10, 4e-9), "jitter_l": 0.1}, "l walks up to 4e-09 m, but lcell_m"),
        (
            {"l_m": 2.9e-9, "walk_within": "cell", "walk_l": 0.05, "jitter_l": 0.01},
            "l walks up to 3.045e-09 m, but lcell_m",
        ),
        (
            {"n_min": 10.0, "walk_within": "cell", "walk_n_min": 0.9, "walk_n_max": 0.1},
            "n_min walks up to 19 and n_max down to 18",
        ),
        ({"r_m": 60e-9, "walk_r": 0.1}, "r is 6e-08, outside its r_range"),
    ],
)
def test_parameters_that_do_not_go_together(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        JartFit(**parameters)


def test_walks_are_below_1() -> None:
    with pytest.raises(msgspec.ValidationError, match="walk_r"):
        msgspec.convert({"walk_r": 1.0}, JartFit)
