"""The Stanford-ASU variant against its equations, solved here independently by SciPy's LSODA.

The reference shares no code with the model: brentq finds the load line, gap and temperature are
integrated in time with events at the bounds, and at a bound the temperature alone.
"""

import math
import shutil
import subprocess
from pathlib import Path
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

from hil.errors import ConfigError
from hil.simulators.models import get_model
from hil.simulators.models.asu import StanfordAsu
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import State
from tests.simulators.models.drives import (
    Steps,
    check_cells_apart,
    play_at,
    waveform,
    whole_and_cut,
)

INF = math.inf
HRS_M, LRS_M = 1.7e-9, 0.1e-9
TAU_S, RTH = 2.3e-10, 2.3e-10 / 3.1825e-16


def play(
    drive: Drive, gap_m: ArrayLike, model: StanfordAsu | None = None
) -> tuple[Terminal, State]:
    return play_at(gap_m, model or StanfordAsu(), drive)


def end(drive: Drive, gap_m: float, model: StanfordAsu | None = None) -> tuple[float, float]:
    _, state = play(drive, gap_m, model)
    return float(state["gap_m"][0]), float(state["temperature_k"][0])


# ---- the equations, solved independently (nm, V, A, s, K) -------------------------------------


def current(gap: float, voltage: float) -> float:
    return 6.14e-5 * math.exp(-gap / 0.27505) * math.sinh(voltage / 0.43)


def across(gap: float, source: float, ohm: float, limit_a: float) -> float:
    size = abs(source)
    held = INF
    if limit_a < INF:
        held = 0.43 * math.asinh(limit_a / (6.14e-5 * math.exp(-gap / 0.27505)))
    if ohm and size:
        root = brentq(lambda v: v + ohm * current(gap, v) - size, 0, size, xtol=1e-15, rtol=1e-14)
        size = float(root)
    return math.copysign(min(size, held), source)


def rates(gap: float, kelvin: float, voltage: float) -> tuple[float, float]:
    """gap' (nm/s) and T' (K/s)."""
    x = (16.5 - 1.25 * gap**3) * 0.25 / 5 * voltage
    kt = k / elementary_charge * kelvin
    gap_rate = -150e9 * (math.exp((x - 1.501) / kt) - math.exp((-x - 1.5) / kt))
    return gap_rate, (voltage * current(gap, voltage) * RTH + 298 - kelvin) / TAU_S


def reference(points: Steps, gap_m: float, ohm: float, limit_a: float) -> tuple[float, float]:
    """Solve a waveform; returns gap (m) and temperature (K)."""
    gap, kelvin, start = gap_m * 1e9, 298.0, 0.0
    for duration, stop in points:
        gap, kelvin = leg(gap, kelvin, start, stop, duration, ohm, limit_a)
        start = stop
    return gap * 1e-9, kelvin


def leg(
    gap: float,
    kelvin: float,
    start: float,
    stop: float,
    duration: float,
    ohm: float,
    limit_a: float,
) -> tuple[float, float]:
    def source(t: float) -> float:
        return start + (stop - start) * t / duration

    def slope(t: float, y: Floats) -> tuple[float, float]:
        return rates(y[0], y[1], across(y[0], source(t), ohm, limit_a))

    def held(t: float, y: Floats) -> float:
        return slope(t, np.array([gap, y[0]]))[1]

    bound, time = 0.1 if start + stop > 0 else 1.7, 0.0
    if gap != bound:

        def ahead(t: float, y: Floats) -> float:
            return (float(y[0]) - bound) * (0.9 - bound)

        ahead.__dict__.update(terminal=True, direction=-1)
        solution = solve_ivp(
            slope, (0, duration), [gap, kelvin], method="LSODA", rtol=1e-10,
            atol=[1e-10, 1e-7], events=ahead,
        )  # fmt: skip
        assert solution.success
        time, gap, kelvin = float(solution.t[-1]), *map(float, solution.y[:, -1])
        gap = bound if solution.status == 1 else min(max(gap, 0.1), 1.7)
    if time < duration:
        solution = solve_ivp(
            held, (time, duration), [kelvin], method="LSODA", rtol=1e-10, atol=1e-9
        )
        kelvin = float(solution.y[0, -1])
    return gap, kelvin


EDGE = 1e-7
CASES = {
    "SET under way on an edge": ([(EDGE, 2.295)], HRS_M, 0.0, INF),
    "SET under way on a flat top": ([(EDGE, 2.2), (6e-8, 2.2)], HRS_M, 0.0, INF),
    "SET, nearly": ([(EDGE, 2.2), (8e-8, 2.2)], HRS_M, 0.0, INF),
    "SET, done on a flat top": ([(EDGE, 2.2), (1.2e-7, 2.2)], HRS_M, 0.0, INF),
    "SET, done on an edge": ([(EDGE, 2.5)], HRS_M, 0.0, INF),
    "SET, limit": ([(EDGE, 2.3), (2e-7, 2.3)], HRS_M, 0.0, 1e-5),
    "SET, 1 mA": ([(EDGE, 2.3), (2e-6, 2.3)], HRS_M, 0.0, 1e-3),
    "SET, 10 kohm": ([(EDGE, 2.3), (1e-6, 2.3)], HRS_M, 1e4, INF),
    "SET by a jump": ([(0.0, 2.3), (1.5e-8, 2.3)], HRS_M, 0.0, INF),
    "RESET on an edge": ([(EDGE, -1.4)], LRS_M, 0.0, INF),
    "RESET pulse": ([(EDGE, -1.4), (5e-7, -1.4), (EDGE, 0.0)], LRS_M, 0.0, INF),
    "RESET by a jump": ([(0.0, -1.6), (2e-10, -1.6)], LRS_M, 0.0, INF),
    "RESET, 1 kohm": ([(EDGE, -1.6), (5e-7, -1.6)], LRS_M, 1e3, INF),
    "RESET from half way": ([(EDGE, -1.8), (1e-5, -1.8)], 0.8e-9, 50.0, INF),
    "RESET, then the other side": ([(EDGE, -1.5), (EDGE, 0.0), (EDGE, 1.9)], LRS_M, 0.0, INF),
    "heating only": ([(1e-10, 0.5), (3e-10, 0.5)], LRS_M, 0.0, INF),
    "cooling only": ([(EDGE, 1.0), (1e-9, 1.0), (1e-10, 0.1), (2e-10, 0.1)], LRS_M, 0.0, INF),
}


@pytest.fixture(scope="module")
def truth() -> dict[str, tuple[float, float]]:
    return {name: reference(*case) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seen", [True, False])
def test_motion(name: str, seen: bool, truth: dict[str, tuple[float, float]]) -> None:
    points, gap_m, ohm, limit_a = CASES[name]
    expected_m, expected_k = truth[name]
    assert abs(expected_m - gap_m) > 1e-12 or abs(expected_k - 298) > 1, "something happens"
    found_m, found_k = end(waveform(points, ohm, limit_a, seen=seen), gap_m)
    assert found_m == pytest.approx(expected_m, abs=1e-12)
    assert found_k == pytest.approx(expected_k, rel=2e-3)


def test_error_falls_with_the_tolerances(truth: dict[str, tuple[float, float]]) -> None:
    worst = []
    for part in (90.0, 1.0, 0.01):
        model = StanfordAsu(gap_tolerance_m=part * 1e-13, temperature_tolerance_k=part * 0.1)
        found = {name: end(waveform(*_drive(name)), CASES[name][1], model) for name in CASES}
        worst.append([max(abs(found[name][n] - truth[name][n]) for name in CASES) for n in (0, 1)])
    assert worst[2][0] < 2e-14, worst
    assert worst[2][1] < 0.05, worst
    assert worst[2][0] < 0.2 * worst[0][0], worst
    assert worst[2][1] < 0.2 * worst[0][1], worst


def _drive(name: str) -> tuple[Steps, float, float]:
    points, _, ohm, limit_a = CASES[name]
    return points, ohm, limit_a


@pytest.mark.parametrize("top_v", [2.1, 2.2, 2.3, -1.6, -2.2])
def test_what_is_foreseen_comes_true(top_v: float) -> None:
    """A pulse ends alike whether its edges are measured, and so played, or not."""
    for width in np.geomspace(1e-8, 1e-5, 13):
        steps = [(EDGE, top_v), (float(width), top_v)]
        seen, unseen = (waveform(steps, 50.0, seen=seen) for seen in (True, False))
        for gap_m in (LRS_M, 0.9e-9, HRS_M):
            played, foreseen = end(seen, gap_m), end(unseen, gap_m)
            assert foreseen[0] == pytest.approx(played[0], abs=2e-13)
            assert foreseen[1] == pytest.approx(played[1], abs=0.2)


# ---- what can be said in closed form ----------------------------------------------------------


def test_temperature_settles_with_the_thermal_time_constant() -> None:
    """At a bound, after a jump to 0.5 V: an exponential, to the power times tau/Cth."""
    model = StanfordAsu()
    assert model.rth_k_per_w == pytest.approx(RTH)
    warmer = 0.5 * current(0.1, 0.5) * RTH
    for part in (0.1, 1.0, 5.0):
        _, kelvin = end(waveform([(0.0, 0.5), (part * TAU_S, 0.5)]), LRS_M)
        assert kelvin == pytest.approx(298 + warmer * (1 - math.exp(-part)), rel=1e-12)


def test_rate_is_that_of_the_equations() -> None:
    model = StanfordAsu()
    state = model.initial_state(3, np.random.default_rng(0))
    state["gap_m"], state["temperature_k"] = [0.3e-9, 0.9e-9, 1.6e-9], [298.0, 600.0, 1500.0]
    for voltage in (-1.5, -0.2, 0.0, 0.2, 1.8):
        expected = [
            1e-9 * rates(g * 1e9, t, voltage)[0]
            for _, g, t in state[["key", "gap_m", "temperature_k"]]
        ]
        np.testing.assert_allclose(model.rate(state, voltage), expected, rtol=1e-9)
    state["gap_m"] = [LRS_M, HRS_M, LRS_M]
    np.testing.assert_array_equal(model.rate(state, [1.0, -1.0, -1.0]) == 0, [True, True, False])


def test_current_is_that_of_the_equations() -> None:
    state = play(waveform([(0.0, 0.0)]), [LRS_M, 0.9e-9, HRS_M])[1]
    expected = [current(g * 1e9, v) for g, v in zip(state["gap_m"], (0.1, -1.3, 2.0), strict=True)]
    np.testing.assert_allclose(StanfordAsu().current_a(state, [0.1, -1.3, 2.0]), expected, 1e-13)
    hrs_m, lrs_m = StanfordAsu().memory_range(state)
    assert (hrs_m == HRS_M).all()
    assert (lrs_m == LRS_M).all()


def test_it_sets_and_resets_where_its_documentation_says() -> None:
    """A triangle of 6 ms to 2 V and -2 V: SET at 1.91 V."""
    levels = np.concatenate((np.linspace(0, 2, 201)[1:], np.linspace(2, -2, 401)[1:]))
    terminal, _ = play(waveform([(1e-5, v) for v in levels]), HRS_M)
    conductance = terminal.current_a[:, 0] / np.where(levels == 0, 1, levels)
    first = int(np.argmax(conductance[:200] > 1e-4))
    assert levels[first] == pytest.approx(1.91, abs=0.015)
    assert conductance[-1] < 1e-2 * np.max(conductance)


# ---- cells of their own -----------------------------------------------------------------------


def test_cells_with_parameters_of_their_own() -> None:
    names, rng = StanfordAsu.varies, np.random.default_rng(5)
    nominal = StanfordAsu()
    cells = 6
    dtype = np.dtype([*nominal.state_dtype.descr, *((name, float) for name in names)])
    state = np.zeros(cells, dtype)
    for name in names:
        state[name] = getattr(nominal, name) * rng.uniform(0.97, 1.03, cells)
    nominal.start(state)
    np.testing.assert_array_equal(state["gap_m"], state["gap_max_m"])
    drive = waveform([(EDGE, 2.25), (5e-7, 2.25), (2 * EDGE, -1.5), (1e-7, -1.5)], 50.0, 1e-3)
    together = nominal.play(state, np.arange(cells), drive)
    for cell in range(cells):
        own: dict[str, Any] = {name: float(state[name][cell]) for name in names}
        terminal, alone = play(drive, own["gap_max_m"], StanfordAsu(**own))
        assert alone["gap_m"][0] == state["gap_m"][cell]
        assert alone["temperature_k"][0] == state["temperature_k"][cell]
        np.testing.assert_array_equal(terminal.current_a[:, 0], together.current_a[:, cell])
    np.testing.assert_array_equal(nominal.memory_range(state)[0], state["gap_max_m"])


# ---- properties -------------------------------------------------------------------------------

gaps = st.floats(LRS_M, HRS_M)
volts = st.just(0.0) | st.floats(-2.4, -1e-12) | st.floats(1e-12, 2.4)
ohms = st.sampled_from([0.0, 50.0, 1e4])
limits = st.sampled_from([INF, 1e-3, 1e-5])
widths = st.sampled_from([0.0, 1e-10, 1e-8, 1e-6, 1e-3])
points = st.lists(st.tuples(widths, volts), min_size=1, max_size=5)
many = settings(max_examples=100, deadline=None)


@many
@given(points, gaps, ohms, limits)
def test_bounds_kirchhoff_and_passivity(
    steps: Steps, gap_m: float, ohm: float, limit_a: float
) -> None:
    drive = waveform(steps, ohm, limit_a)
    terminal, state = play(drive, gap_m)
    assert LRS_M <= state["gap_m"][0] <= HRS_M
    assert 298 - 1 <= state["temperature_k"][0] < 2e4
    source_v, v, i = drive.stop_v[:, 0], terminal.voltage_v[:, 0], terminal.current_a[:, 0]
    held = terminal.limited[:, 0]
    assert np.all(v * i >= 0)
    assert np.all(np.abs(i) <= limit_a)
    np.testing.assert_allclose((v + ohm * i)[~held], source_v[~held], rtol=1e-13)
    assert np.all(np.abs(v + ohm * i)[held] < np.abs(source_v)[held])
    assert StanfordAsu().current_a(state, v[-1])[0] == pytest.approx(i[-1], rel=1e-12)


@many
@given(st.sampled_from([1e-8, 1e-7, 1e-6]), volts, volts, gaps, ohms, limits, st.floats(0, 1))
def test_a_segment_may_be_cut(
    duration: float,
    start_v: float,
    stop_v: float,
    gap_m: float,
    ohm: float,
    limit_a: float,
    share: float,
) -> None:
    """The gap changes by a few tolerances, times what a runaway makes of it."""
    whole, parts = whole_and_cut(duration, start_v, stop_v, share, ohm, limit_a)
    (one, warm), (two, _) = (end(drive, gap_m) for drive in (whole, parts))
    voltage = across(one * 1e9, stop_v, ohm, limit_a)
    growth = abs(rates(one * 1e9, warm, voltage)[0]) * 1e-9 * duration / 1e-10
    assert abs(one - two) <= 1e-12 * max(3, 10 * growth)


@given(st.lists(gaps, min_size=2, max_size=6), points, ohms, limits, st.randoms())
@settings(max_examples=50, deadline=None)
def test_cells_do_not_know_of_each_other(
    gap_m: list[float], steps: Steps, ohm: float, limit_a: float, random: Random
) -> None:
    check_cells_apart(gap_m, StanfordAsu(), waveform(steps, ohm, limit_a), random)


@given(st.sampled_from([LRS_M, 0.5e-9, HRS_M]), st.floats(0, 1e3), st.floats(-0.3, 0.3))
def test_reading_moves_nothing_to_speak_of(
    gap_m: float, duration: float, voltage_v: float
) -> None:
    steps = [(1e-6, voltage_v), (1e-3, voltage_v), (1e-6, 0.0), (duration, 0.0)]
    found_m, found_k = end(waveform(steps), gap_m)
    assert found_m == pytest.approx(gap_m, abs=1e-16)
    assert found_k == pytest.approx(298, abs=1e-6)


# ---- parameters -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, INF])
@pytest.mark.parametrize("name", ["i0_a", "gamma0", "tau_th_s", "heat_capacity_j_per_k"])
def test_no_parameter_may_be_nan_or_infinite(name: str, value: float) -> None:
    parameters: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=name):
        StanfordAsu(**parameters)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parameters, StanfordAsu)


@pytest.mark.parametrize("name", ["g0_m", "tau_th_s", "t_ini_k", "temperature_tolerance_k"])
def test_signs(name: str) -> None:
    parameters: dict[str, Any] = {name: 0.0}
    with pytest.raises(ConfigError, match=f"{name} is 0.*above 0"):
        StanfordAsu(**parameters)


def test_gap_lies_between_its_bounds() -> None:
    with pytest.raises(ConfigError, match=r"initial_gap_m is 1\.8e-09 m, outside"):
        StanfordAsu(initial_gap_m=1.8e-9)
    assert StanfordAsu(initial_gap_m=1e-9).fresh_gap_m == 1e-9


def test_the_lab_set_loads_and_switches() -> None:
    device = get_model("stanford-asu-lab")
    state = device.initial_state(1, np.random.default_rng(0))
    fresh_s = device.current_a(state, 0.2)[0] / 0.2
    for stop_v in (2.2, 0.0):
        device.advance(state, 2.2 - stop_v, stop_v, 1e-3, limit_a=1e-4)
    set_s = device.current_a(state, 0.2)[0] / 0.2
    for stop_v in (-1.6, 0.0):
        device.advance(state, -1.6 - stop_v, stop_v, 1e-3)
    reset_s = device.current_a(state, 0.2)[0] / 0.2
    assert set_s > 30 * fresh_s
    assert set_s > 30 * reset_s


# ---- a circuit simulator ----------------------------------------------------------------------


NETLIST = """* Stanford-ASU: gap in nm on a capacitor of 1 F, temperature in K on one of tau
Vin p 0 PWL(0 0 1m -1.5 2m 0 3m 1.4 4m 0)
.param kq={kq}
Bi a 0 V=3.07e-5*(exp(min(V(p)/0.43-V(g)/0.27505,40))-exp(min(-V(p)/0.43-V(g)/0.27505,40)))
Bt 0 t I=298+{rth}*abs(V(p)*V(a))-V(t)
Ct t 0 2.3e-10 IC=298
Bk kt 0 V=kq*max(V(t),200)
Bx x 0 V=(16.5-1.25*V(g)*V(g)*V(g))*0.05*V(p)
Br r 0 V=150e9*(exp(min((V(x)-1.501)/V(kt),40))-exp(min((-V(x)-1.5)/V(kt),40)))
Bg 0 g I=V(r)>0 ? -V(r)*min(1,max(0,(V(g)-0.1)/1e-4)) : -V(r)*min(1,max(0,(1.7-V(g))/1e-4))
Cg g 0 1 IC=0.1
.options method=gear trtol=1 reltol=1e-6 abstol=1e-15 vntol=1e-9
.control
tran 0.2u 4m 0 0.2u uic
wrdata {out} v(p) v(a) v(g) v(t)
quit
.endc
.end
"""


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_ngspice_agrees(tmp_path: Path) -> None:
    """A RESET sweep from LRS and one to 1.4 V, which SETs in part: currents within 1e-3."""
    netlist, out = tmp_path / "asu.cir", tmp_path / "out.txt"
    netlist.write_text(NETLIST.format(kq=k / elementary_charge, rth=RTH, out=out))
    subprocess.run(["ngspice", "-b", netlist], capture_output=True, check=True, timeout=50)
    time_s, _, _, spice_a, _, spice_nm, _, spice_k = np.loadtxt(out).T
    grid_s = np.linspace(0, 4e-3, 401)[1:]
    levels = np.interp(grid_s, [0, 1e-3, 2e-3, 3e-3, 4e-3], [0, -1.5, 0, 1.4, 0])
    terminal, state = play(waveform([(1e-5, v) for v in levels]), LRS_M)
    spice_at = np.interp(grid_s, time_s, spice_a)
    away = np.abs(levels) > 1e-6
    np.testing.assert_allclose(terminal.current_a[away, 0], spice_at[away], rtol=1e-3)
    assert state["gap_m"][0] * 1e9 == pytest.approx(spice_nm[-1], rel=1e-4)
    assert spice_nm.max() > 0.5
    assert spice_k.max() > 310


@pytest.mark.parametrize("voltage", [300.0, -300.0])
def test_a_source_beyond_all_numbers_ends_at_the_bound(voltage: float) -> None:
    """The heat overflows; the gap is at its bound, and the temperature a number."""
    model = StanfordAsu()
    drive = waveform([(1e-6, voltage), (1e-3, voltage), (1e-6, 0.0), (1e-6, 0.0)])
    gap_m, kelvin = end(drive, 1e-9, model)
    assert gap_m == (model.gap_min_m if voltage > 0 else model.gap_max_m)
    assert kelvin == pytest.approx(298.0)
