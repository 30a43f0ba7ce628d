"""Stanford-PKU v1.0.0 against its equations, solved here independently, and published figures.

The reference below shares no code with the model: it finds the load line with SciPy's brentq,
integrates the gap in time with LSODA and stops at events; a cell at its threshold on a rising ramp
follows the root of the threshold condition.
"""

import dataclasses
import math
import shutil
import subprocess
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

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
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import State
from hil.simulators.models.stanford import Stanford
from tests.simulators.models.drives import (
    Steps,
    check_cells_apart,
    play_at,
    waveform,
    whole_and_cut,
)

INF = math.inf
HRS_M, LRS_M = 1.7e-9, 0.2e-9
SET_V = 1.4e9 * 12e-9 / (16 - 0.8 * 1.7**3)
RESET_V = -1.4e9 * 12e-9 / (16 - 0.8 * 0.2**3)

# Triangle 0 -> 2 -> 0 -> -2 -> 0 V in 16 ms without series resistance: time (ms), source (V),
# current (A), gap (nm), from an event-driven solution of the equations.
SWEEP = [
    (0.40, 0.20, 9.891503716129e-07, 1.7),
    (0.96, 0.48, 3.716863418328e-06, 1.7),
    (2.00, 1.00, 3.039483156090e-05, 1.7),
    (2.64, 1.32, 1.093531075647e-04, 1.7),
    (2.72, 1.36, 1.283279718725e-04, 1.7),
    (2.80, 1.40, 6.075437798073e-02, 0.2),
    (2.88, 1.44, 7.129619000564e-02, 0.2),
    (3.20, 1.60, 1.352128304202e-01, 0.2),
    (3.60, 1.80, 3.009223512047e-01, 0.2),
    (4.00, 2.00, 6.697153068307e-01, 0.2),
    (4.80, 1.60, 1.352128304202e-01, 0.2),
    (6.00, 1.00, 1.226215022503e-02, 0.2),
    (6.80, 0.60, 2.456135110208e-03, 0.2),
    (7.20, 0.40, 1.067411487602e-03, 0.2),
    (7.60, 0.20, 3.990517410027e-04, 0.2),
    (7.84, 0.08, 1.462517985916e-04, 0.2),
    (7.92, 0.04, 7.219976903397e-05, 0.2),
    (8.00, 0.00, 0.0, 0.2),
    (8.40, -0.20, -3.990517410027e-04, 0.2),
    (9.04, -0.52, -1.770252481368e-03, 0.2),
    (10.00, -1.00, -1.226215022503e-02, 0.2),
    (10.08, -1.04, -1.439108897571e-02, 0.2),
    (10.16, -1.08, -1.402691864888e-03, 0.8220706914435),
    (10.24, -1.12, -5.932466591451e-04, 1.077217345016),
    (10.32, -1.16, -3.662310599058e-04, 1.237812594381),
    (10.40, -1.20, -2.665881969349e-04, 1.357208808297),
    (10.48, -1.24, -2.136841023054e-04, 1.452515037270),
    (10.56, -1.28, -1.826636913115e-04, 1.531731418807),
    (10.64, -1.32, -1.635689771011e-04, 1.599336846392),
    (10.72, -1.36, -1.517272168580e-04, 1.658126246122),
    (10.80, -1.40, -1.505950466617e-04, 1.7),
    (10.88, -1.44, -1.767255861645e-04, 1.7),
    (11.20, -1.60, -3.351590977172e-04, 1.7),
    (12.00, -2.00, -1.660058274553e-03, 1.7),
    (12.80, -1.60, -3.351590977172e-04, 1.7),
    (13.20, -1.40, -1.505950466617e-04, 1.7),
    (13.84, -1.08, -4.186420625622e-05, 1.7),
    (14.00, -1.00, -3.039483156090e-05, 1.7),
    (14.80, -0.60, -6.088150250616e-06, 1.7),
    (15.60, -0.20, -9.891503716129e-07, 1.7),
    (16.00, 0.00, 0.0, 1.7),
]


def play(drive: Drive, gap_m: ArrayLike, model: Stanford | None = None) -> tuple[Terminal, State]:
    return play_at(gap_m, model or Stanford(), drive)


def gap_after(
    points: Steps,
    gap_m: float,
    ohm: float = 0.0,
    limit_a: float = INF,
    model: Stanford | None = None,
) -> float:
    return float(play(waveform(points, ohm, limit_a), gap_m, model)[1]["gap_m"][0])


# ---- the equations, solved independently (nm, V, A, s) ----------------------------------------


def gamma(gap: float) -> float:
    return 16 - 0.8 * gap**3


def current(gap: float, voltage: float) -> float:
    return 1e-3 * math.exp(-gap / 0.25) * math.sinh(voltage / 0.25)


def across(gap: float, source: float, ohm: float, limit_a: float) -> float:
    """Voltage across the cell behind a resistance and a current limit, magnitudes."""
    held = 0.25 * math.asinh(limit_a / (1e-3 * math.exp(-gap / 0.25))) if limit_a < INF else INF
    if ohm == 0 or source == 0:
        return min(source, held)

    def miss(voltage: float) -> float:
        return voltage + ohm * current(gap, voltage) - source

    return min(float(brentq(miss, 0, source, xtol=1e-15, rtol=1e-14)), held)


def field(gap: float, source: float, ohm: float, limit_a: float) -> float:
    """Local field over F_min: ions move from 1 on."""
    return gamma(gap) * across(gap, source, ohm, limit_a) / 12e-9 / 1.4e9


def speed(gap: float, source: float, ohm: float = 0.0, limit_a: float = INF) -> float:
    """|dgap/dt| in nm/s with the motion switched on."""
    v = across(gap, source, ohm, limit_a)
    kt = k / elementary_charge * (298 + 2.1e3 * v * current(gap, v))
    x = gamma(gap) * 0.25 / 12 * v / kt
    return 10e9 * math.exp(-0.6 / kt) * math.sinh(x)


class Leg(NamedTuple):
    """A ramp of |source| to one side: toward -1 shrinks the gap (SET)."""

    start: float
    stop: float
    duration: float
    ohm: float
    limit_a: float
    toward: int

    def source(self, time: float) -> float:
        return self.start + (self.stop - self.start) * time / self.duration

    def above(self, time: float, gap: float) -> float:
        return field(gap, self.source(time), self.ohm, self.limit_a) - 1

    def speed(self, time: float, gap: float) -> float:
        return speed(gap, self.source(time), self.ohm, self.limit_a)

    @property
    def bound(self) -> float:
        return 0.2 if self.toward < 0 else 1.7

    def end_of_motion(self, gap: float) -> float:
        """Gap ahead at which motion would end if the source stayed at stop."""

        def above(gap: float) -> float:
            return self.above(self.duration, gap)

        if above(self.bound) >= 0:
            return self.bound
        return float(brentq(above, gap, self.bound, xtol=1e-16, rtol=1e-15))

    def slides(self, time: float, gap: float) -> bool:
        """Whether the threshold moves through the gap the way the cell does, and slower."""
        here, later = self.above(time, gap), 1e-6 * self.duration
        by_gap = (self.above(time, gap + 1e-6) - here) / 1e-6
        by_time = (self.above(time + later, gap) - here) / later
        return bool(0 < -by_time / by_gap * self.toward < self.speed(time, gap))

    def run(self, gap: float) -> float:
        """Solve the leg from a gap; return the gap at its end."""
        most = 0 if self.start > self.stop else self.duration
        if gap == self.bound or self.above(most, gap) <= 0:
            return gap
        time, at_onset = 0.0, abs(self.above(0, gap)) < 1e-9
        if self.above(0, gap) < -1e-9:
            time, at_onset = brentq(self.above, 0, self.duration, args=(gap,), xtol=1e-22), True
        if at_onset and self.slides(time, gap):
            return self.end_of_motion(gap)

        def onset(t: float, y: Floats) -> float:
            return self.above(t, y[0])

        def bound(t: float, y: Floats) -> float:
            return (self.bound - float(y[0])) * self.toward

        for event in (onset, bound):
            event.__dict__.update(terminal=True, direction=-1)
        solution = solve_ivp(
            lambda t, y: [self.toward * self.speed(t, y[0])],
            (time, self.duration),
            [gap],
            method="LSODA",
            rtol=1e-12,
            atol=1e-14,
            events=(onset, bound),
        )
        assert solution.success
        gap, time = float(solution.y[0, -1]), float(solution.t[-1])
        if solution.t_events[1].size:
            return self.bound
        if solution.t_events[0].size and self.stop > self.start:
            assert self.slides(time, gap)
            return self.end_of_motion(gap)
        return gap


def reference(points: Steps, gap_m: float, ohm: float, limit_a: float) -> float:
    """Solve a waveform that does not change its sign; returns the gap (m)."""
    gap, start = gap_m * 1e9, 0.0
    for duration, stop in points:
        toward = -1 if start + stop > 0 else 1
        gap = Leg(abs(start), abs(stop), duration, ohm, limit_a, toward).run(gap)
        start = stop
    return gap * 1e-9


# ---- thresholds and the sliding RESET ---------------------------------------------------------


def first_motion(gap_m: float, low_v: float, high_v: float) -> float:
    """Bisect for the voltage at which a ramp of 1 ms moves the gap."""
    for _ in range(45):
        middle_v = 0.5 * (low_v + high_v)
        moved = gap_after([(1e-3, middle_v)], gap_m) != gap_m
        low_v, high_v = (low_v, middle_v) if moved else (middle_v, high_v)
    return high_v


def test_set_threshold() -> None:
    assert first_motion(HRS_M, 1.0, 2.0) == pytest.approx(1.391927, abs=1e-6)
    assert first_motion(HRS_M, 1.0, 2.0) == pytest.approx(SET_V, rel=1e-11)
    assert Stanford().set_threshold_v == pytest.approx(SET_V, rel=1e-15)


def test_reset_threshold() -> None:
    assert first_motion(LRS_M, -0.5, -2.0) == pytest.approx(-1.050420, abs=1e-6)
    assert first_motion(LRS_M, -0.5, -2.0) == pytest.approx(RESET_V, rel=1e-11)
    assert Stanford().reset_threshold_v == pytest.approx(RESET_V, rel=1e-15)


def test_reset_threshold_with_16_at_negative_voltage() -> None:
    model = Stanford(gamma0=19.5, beta=0.4, gamma_negative="16")
    assert model.reset_threshold_v == pytest.approx(-16.8 / (16 - 0.4 * 0.008), rel=1e-15)
    assert model.set_threshold_v == pytest.approx(16.8 / (19.5 - 0.4 * 1.7**3), rel=1e-15)
    assert gap_after([(1e-3, -1.0504)], LRS_M, model=model) > LRS_M
    assert gap_after([(1e-3, -1.0500)], LRS_M, model=model) == LRS_M


def test_no_voltage_moves_a_gap_without_field_enhancement() -> None:
    model = Stanford(gamma0=3.0)
    assert model.set_threshold_v == INF
    assert gap_after([(1e-3, 5.0)], HRS_M, model=model) == HRS_M


@pytest.mark.parametrize("voltage_v", [-1.06, -1.0971, -1.2, -1.35, -1.3919])
def test_slow_reset_follows_the_threshold(voltage_v: float) -> None:
    law_m = 1e-9 * ((16 - 16.8 / abs(voltage_v)) / 0.8) ** (1 / 3)
    assert gap_after([(2e-3, voltage_v)], LRS_M) == pytest.approx(law_m, rel=1e-6, abs=1e-12)
    assert gap_after([(2e-3, voltage_v)], LRS_M) == pytest.approx(law_m, rel=1e-13)


def test_slow_reset_reaches_95_nm_at_the_published_voltage() -> None:
    assert gap_after([(2e-3, -1.0971)], LRS_M) == pytest.approx(0.95e-9, abs=1e-12)


def test_bounds_do_not_wind_up() -> None:
    """A cell that was driven against a bound for long turns back at once."""
    gap_m = gap_after([(1e-3, 2.0), (1.0, 2.0), (1e-3, 0.0), (1e-3, -1.2)], HRS_M)
    assert gap_m == pytest.approx(1e-9 * ((16 - 16.8 / 1.2) / 0.8) ** (1 / 3), rel=1e-12)


# ---- the sweep --------------------------------------------------------------------------------


def test_sweep_agrees_with_the_reference_solution() -> None:
    time_s, voltage_v, current_a, gap_nm = np.array(SWEEP).T * [[1e-3], [1], [1], [1]]
    drive = waveform(list(zip(np.diff(time_s, prepend=0), voltage_v, strict=True)))
    terminal, state = play(drive, HRS_M)
    np.testing.assert_allclose(terminal.current_a[:, 0], current_a, rtol=1e-11)
    np.testing.assert_array_equal(terminal.voltage_v[:, 0], voltage_v)
    model, start = Stanford(), (0.0, 0.0)
    state = model.initial_state(1, np.random.default_rng(0))
    for t, v, gap in zip(time_s, voltage_v, gap_nm, strict=True):
        model.advance(state, start[1], v, t - start[0])
        assert state["gap_m"][0] == pytest.approx(gap * 1e-9, rel=1e-12)
        start = t, v


@pytest.mark.parametrize(("ohm", "limit_a"), [(50.0, INF), (1000.0, INF), (50.0, 5e-4)])
def test_sweep_behind_a_resistance(ohm: float, limit_a: float) -> None:
    """Slow against the cell: it rests, or runs away to where motion ends, or slides there.

    Motion that a limit ends is taken to end 1e-7 nm short, so that the same limit lets it RESET.
    """
    times_ms = np.arange(0.08, 16.04, 0.08)
    volts = np.interp(times_ms, [0, 4, 8, 12, 16], [0, 2, 0, -2, 0])
    terminal, _ = play(waveform([(80e-6, v) for v in volts], ohm, limit_a), HRS_M)
    short, rtol = (0.0, 1e-9) if limit_a == INF else (1e-7, 1e-6)
    gap = 1.7
    for row, source in enumerate(volts):
        if field(gap, abs(source), ohm, limit_a) > 1:
            toward = -1 if source > 0 else 1
            gap = Leg(0, abs(source), 1, ohm, limit_a, toward).end_of_motion(gap) - toward * short
        v = across(gap, abs(source), ohm, limit_a)
        i = current(gap, v)
        held = limit_a < INF and math.isclose(i, limit_a, rel_tol=1e-9)
        assert abs(terminal.voltage_v[row, 0]) == pytest.approx(v, rel=rtol, abs=1e-14)
        assert abs(terminal.current_a[row, 0]) == pytest.approx(i, rel=20 * rtol, abs=1e-18)
        assert terminal.limited[row, 0] == held


# ---- motion against LSODA ---------------------------------------------------------------------

CASES = {
    "SET on a fast edge": ([(1e-7, 1.77)], HRS_M, 0.0, INF),
    "SET under way": ([(1e-7, 1.45), (2.6e-7, 1.45), (1e-7, 0.0)], HRS_M, 0.0, INF),
    "SET by a slow ramp": ([(4e-5, 1.413)], HRS_M, 0.0, INF),
    "RESET on a fast edge": ([(1e-7, -1.6)], LRS_M, 0.0, INF),
    "RESET pulse, not finished": ([(1e-7, -1.2), (5e-7, -1.2), (1e-7, 0.0)], LRS_M, 0.0, INF),
    "RESET pulse, finished": ([(1e-7, -1.3), (9e-6, -1.3), (1e-7, 0.0)], LRS_M, 0.0, INF),
    "RESET that lags, then slides": ([(3e-5, -1.3)], LRS_M, 0.0, INF),
    "RESET that falls behind a little": ([(1.0515 / 7e3, -1.0515)], LRS_M, 0.0, INF),
    "RESET that falls behind, then slides": ([(1.2 / 5e3, -1.2)], LRS_M, 0.0, INF),
    "RESET from half way": ([(1e-6, -1.5)], 0.9e-9, 0.0, INF),
    "SET, 50 ohm": ([(1e-7, 1.6), (4e-8, 1.6), (1e-7, 0.0)], HRS_M, 50.0, INF),
    "RESET, 50 ohm": ([(1e-7, -1.9), (4e-8, -1.9), (1e-7, 0.0)], LRS_M, 50.0, INF),
    "SET, 1 kohm, stopped by the resistance": ([(1e-7, 1.8), (3e-6, 1.8)], HRS_M, 1e3, INF),
    "SET slides behind 1 kohm": ([(1e-3, 1.7), (1e-3, 2.2)], HRS_M, 1e3, INF),
    "SET, limit": ([(1e-7, 1.6), (2e-7, 1.6), (1e-7, 0.0)], HRS_M, 0.0, 5e-4),
    "SET, limit met on the edge": ([(1e-7, 2.1), (1e-8, 2.1)], HRS_M, 0.0, 5e-4),
    "SET, 50 ohm and limit": ([(1e-7, 1.7), (1e-7, 1.7), (2e-7, 0.0)], HRS_M, 50.0, 2e-3),
    "RESET, limit lets go": ([(1e-7, -1.9), (2e-8, -1.9)], 0.5e-9, 50.0, 1e-2),
}


@pytest.fixture(scope="module")
def truth() -> dict[str, float]:
    return {name: reference(*case) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_motion(name: str, truth: dict[str, float]) -> None:
    points, gap_m, ohm, limit_a = CASES[name]
    assert abs(truth[name] - gap_m) > 1e-11, "the case is to move the gap"
    assert gap_after(points, gap_m, ohm, limit_a) == pytest.approx(truth[name], abs=3e-13)


def test_error_falls_with_the_tolerance(truth: dict[str, float]) -> None:
    tolerances = [1e-12, 1e-13, 1e-14, 1e-15, 1e-16]
    worst = []
    for tolerance in tolerances:
        model = Stanford(gap_tolerance_m=tolerance)
        errors = [abs(gap_after(*CASES[name], model) - truth[name]) for name in CASES]
        worst.append(max(errors))
    assert all(e < 10 * t for e, t in zip(worst, tolerances, strict=True)), worst
    assert worst[-1] < 3e-3 * worst[0]


@pytest.mark.parametrize("tolerance", [1e-12, 1e-13, 3e-14, 1e-15])
@pytest.mark.parametrize(
    ("gap_m", "start_v", "stop_v"),
    [(1.690902e-9, 1.792595, -0.3140359), (1.354479e-9, 1.686044, -0.1367105)],
)
def test_the_limit_ends_a_set_on_a_falling_ramp(
    gap_m: float, start_v: float, stop_v: float, tolerance: float
) -> None:
    model = Stanford(gap_tolerance_m=tolerance)
    drive = waveform([(1e-6, stop_v)], 0.0, 1e-3, start_v=start_v)
    found = float(play(drive, gap_m, model)[1]["gap_m"][0]) * 1e9
    assert current(found, 16.8 / gamma(found)) == pytest.approx(1e-3, rel=1e-5)


@pytest.mark.parametrize("tolerance", [1e-12, 1e-13, 1e-15])
def test_reset_at_the_compliance_of_the_set(tolerance: float) -> None:
    """A SET that the limit ended leaves the cell where the same limit can RESET it, twice."""
    model = Stanford(gap_tolerance_m=tolerance)
    gap_m = HRS_M
    for _ in range(2):
        for _ in range(2):
            steps = [(1e-7, 1.6), (1e-3, 1.6), (1e-7, 0.0)]
            gap_m = gap_after(steps, gap_m, 0.0, 5e-4, model)
            voltage = 16.8 / gamma(gap_m * 1e9)
            assert current(gap_m * 1e9, voltage) == pytest.approx(5e-4, rel=1e-5)
        gap_m = gap_after([(1e-3, -1.3), (1e-3, -1.3)], gap_m, 0.0, 5e-4, model)
        assert gap_m == pytest.approx(1e-9 * ((16 - 16.8 / 1.3) / 0.8) ** (1 / 3), rel=1e-9)


@pytest.mark.parametrize(
    ("duration", "stop_v", "gap_m"), [(1e-7, 1.5, HRS_M), (1e-6, -1.0, LRS_M), (1e-3, 0.6, HRS_M)]
)
def test_motion_without_a_threshold(duration: float, stop_v: float, gap_m: float) -> None:
    """F_min = 0: everything moves, slowly; against LSODA."""
    model = Stanford(f_min_v_per_m=0.0, beyond_published=True)
    solution = solve_ivp(
        lambda t, y: [-math.copysign(speed(y[0], abs(stop_v) * t / duration), stop_v)],
        (0, duration),
        [gap_m * 1e9],
        method="LSODA",
        rtol=1e-12,
        atol=1e-14,
    )
    truth_m = solution.y[0, -1] * 1e-9
    assert abs(truth_m - gap_m) > 1e-12
    assert gap_after([(duration, stop_v)], gap_m, model=model) == pytest.approx(truth_m, abs=1e-13)


# ---- properties -------------------------------------------------------------------------------

gaps = st.floats(LRS_M, HRS_M)
volts = st.just(0.0) | st.floats(-2.5, -1e-12) | st.floats(1e-12, 2.5)
ohms = st.sampled_from([0.0, 50.0, 1e3, 1e5])
limits = st.sampled_from([INF, 1e-2, 5e-4, 1e-6])
points = st.lists(
    st.tuples(st.sampled_from([1e-8, 1e-7, 1e-6, 1e-3]), volts), min_size=1, max_size=5
)
many = settings(max_examples=150, deadline=None)


@many
@given(points, gaps, ohms, limits)
def test_bounds_kirchhoff_and_passivity(
    steps: Steps, gap_m: float, ohm: float, limit_a: float
) -> None:
    drive = waveform(steps, ohm, limit_a)
    terminal, state = play(drive, gap_m)
    assert LRS_M <= state["gap_m"][0] <= HRS_M
    source_v, v, i = drive.stop_v[:, 0], terminal.voltage_v[:, 0], terminal.current_a[:, 0]
    held = terminal.limited[:, 0]
    assert np.all(v * i >= 0)
    assert np.all(np.sign(i) == np.sign(source_v))
    assert np.all(np.abs(i) <= limit_a)
    np.testing.assert_allclose((v + ohm * i)[~held], source_v[~held], rtol=1e-14)
    assert np.all(np.abs(v + ohm * i)[held] < np.abs(source_v)[held])
    np.testing.assert_allclose(np.abs(i)[held], limit_a, rtol=1e-15)
    last = Stanford().current_a(state, v[-1])[0]
    assert last == pytest.approx(i[-1], rel=1e-12)


@many
@given(gaps, st.lists(volts, min_size=2, max_size=20, unique=True), ohms)
def test_current_grows_with_voltage(gap_m: float, levels: list[float], ohm: float) -> None:
    """At the cell and at the source, one state: read without time to move."""
    levels.sort()
    state = play(waveform([(0.0, 0.0)]), gap_m)[1]
    cell = [Stanford().current_a(state, v)[0] for v in levels]
    read = play(waveform([(0.0, v) for v in levels], ohm), gap_m)[0].current_a[:, 0]
    assert np.all(np.diff(cell) >= 0)
    assert np.all(np.diff(read) >= -1e-14 * np.abs(read[1:]))
    np.testing.assert_array_equal(np.sign(cell), np.sign(levels))


@many
@given(
    st.sampled_from([1e-8, 1e-7, 1e-6, 1e-4]), volts, volts, gaps, ohms, limits, st.floats(0, 1)
)
def test_a_segment_may_be_cut(
    duration: float,
    start_v: float,
    stop_v: float,
    gap_m: float,
    ohm: float,
    limit_a: float,
    share: float,
) -> None:
    """The gap changes by the tolerance, times what a runaway makes of it."""
    whole, parts = whole_and_cut(duration, start_v, stop_v, share, ohm, limit_a)
    one, two = (play(drive, gap_m)[1]["gap_m"][0] for drive in (whole, parts))
    growth = speed(one * 1e9, abs(stop_v), ohm, limit_a) * 1e-9 / 3e-4
    assert abs(one - two) <= 1e-13 * max(3, 10 * growth)


@given(st.lists(gaps, min_size=2, max_size=6), points, ohms, limits, st.randoms())
def test_cells_do_not_know_of_each_other(
    gap_m: list[float], steps: Steps, ohm: float, limit_a: float, random: Random
) -> None:
    drive, model = waveform(steps, ohm, limit_a), Stanford(delta_gap0_m_per_s=1e-6)
    check_cells_apart(gap_m, model, drive, random)


@given(gaps, st.floats(0, 1e3), st.floats(-1, 1))
def test_at_rest_nothing_moves(gap_m: float, duration: float, voltage_v: float) -> None:
    """At 0 V, and below the threshold of every gap, whatever is read there."""
    _, state = play(waveform([(duration, 0.0), (1e-6, voltage_v), (duration, voltage_v)]), gap_m)
    before = play(waveform([(0.0, 0.0)]), gap_m)[1]
    assert state.tobytes() == before.tobytes()


@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_repeats_are_the_same_as_once_after_the_other(noise: float) -> None:
    model = Stanford(delta_gap0_m_per_s=noise)
    cycle = [(1e-7, 1.45), (1e-7, 1.45), (2e-7, -1.15), (3e-7, -1.15), (1e-7, 0.0)]
    repeated, state = play(waveform(cycle, 50.0, 5e-3, repeats=3), HRS_M, model)
    written, other = play(waveform(cycle * 3, 50.0, 5e-3), HRS_M, model)
    assert state.tobytes() == other.tobytes()
    for one, two in zip(repeated, written, strict=True):
        np.testing.assert_array_equal(one, two)


def test_units_play_in_their_order_and_columns_belong_to_cells() -> None:
    one, two = (waveform([(1e-7, v), (1e-6, v), (1e-7, 0.0)]) for v in (1.5, 1.41))
    measured = np.array([False, True, False])

    def with_units(units: list[tuple[int, int, int]], *drives: Drive) -> Drive:
        columns = [[d.duration_s, d.start_v, d.stop_v] for d in drives]
        duration_s, start_v, stop_v = (np.hstack(c) for c in zip(*columns, strict=True))
        return Drive(duration_s, start_v, stop_v, measured, np.array(units), 0.0, INF)

    drive = with_units([(0, 3, 1), (2, 3, 0), (0, 2, 1)], one, two)
    terminal, state = play(drive, [HRS_M, HRS_M])
    assert terminal.current_a.shape == (2, 2)
    for column, single in enumerate((one, two)):
        alone, ended = play(with_units([(0, 3, 1), (0, 2, 1)], single), HRS_M)
        np.testing.assert_array_equal(alone.current_a[:, 0], terminal.current_a[:, column])
        assert ended["gap_m"][0] == state["gap_m"][column]


def test_large_exponents_do_not_overflow() -> None:
    model = Stanford(v0_v=0.01, g0_m=2e-12, beyond_published=True)
    terminal, state = play(waveform([(1e-6, 8.0), (1e-6, 8.0)], 10.0), HRS_M, model)
    assert np.isfinite(terminal.current_a).all()
    assert np.isfinite(model.current_a(state, [8.0])).all()
    assert terminal.voltage_v[0, 0] + 10 * terminal.current_a[0, 0] == pytest.approx(
        8.0, rel=1e-13
    )


# ---- noise ------------------------------------------------------------------------------------

NOISY = Stanford(delta_gap0_m_per_s=0.02, initial_gap_m=0.95e-9)
CELLS = 20_000


def sigma(kelvin: float = 298.0) -> float:
    """What the .va adds to the rate, at a step of 1 ns, as diffusion: nm/sqrt(s)."""
    return 0.02e9 / (1 + math.exp((450 - kelvin) / 500)) * math.sqrt(1e-9)


def spread(
    steps: Steps, gap_m: float = 0.95e-9, model: Stanford = NOISY, start_v: float = 0.0
) -> Floats:
    """Ways of many cells, nm."""
    _, state = play(waveform(steps, start_v=start_v), np.full(CELLS, gap_m), model)
    return (state["gap_m"] - gap_m) * 1e9


@pytest.mark.parametrize("parts", [1, 7])
def test_mean_square_grows_as_in_theory(parts: int) -> None:
    """200 ns at rest; with 20,000 cells a variance is known to 1 % and the mean to 0.7 %."""
    way = spread([(200e-9 / parts, 0.0)] * parts)
    expected = sigma() ** 2 * 200e-9
    assert way.var() == pytest.approx(expected, rel=0.04)
    assert abs(way.mean()) < 4 * math.sqrt(expected / CELLS)
    quartile = np.quantile(way, 0.75) / math.sqrt(expected)
    assert quartile == pytest.approx(0.6745, abs=0.05)


def test_a_hot_cell_is_noisier() -> None:
    """Just below its threshold an LRS cell is warm; with ten times Rth it is hot."""
    for rth, least_k in ((2.1e3, 320), (2.1e4, 550)):
        kelvin = 298 + rth * 1.04 * current(0.25, 1.04)
        assert kelvin > least_k
        way = spread(
            [(1e-9, 1.04)], 0.25e-9, msgspec.structs.replace(NOISY, rth_k_per_w=rth), 1.04
        )
        assert way.var() == pytest.approx(sigma(kelvin) ** 2 * 1e-9, rel=0.04)


@pytest.mark.parametrize("parts", [1, 5])
def test_bounds_reflect(parts: int) -> None:
    """A cell that starts at its bound stays within: half a normal; after long, uniform."""
    way = spread([(50e-9 / parts, 0.0)] * parts, HRS_M)
    width = sigma() * math.sqrt(50e-9)
    assert way.max() <= 0
    assert way.mean() == pytest.approx(-width * math.sqrt(2 / math.pi), rel=0.03)
    long = spread([(1e-3 / parts, 0.0)] * parts)
    assert long.mean() == pytest.approx(0, abs=0.02)
    assert long.var() == pytest.approx(1.5**2 / 12, rel=0.03)


def test_noisy_set_does_not_depend_on_the_cut() -> None:
    """How many of 6,000 cells a marginal pulse has SET, played whole and in 12 parts."""
    fractions = []
    for parts in (1, 12):
        steps = [(1e-7, 1.41)] + [(2.5e-7 / parts, 1.41)] * parts
        gap_m = play(waveform(steps), np.full(6000, HRS_M), NOISY)[1]["gap_m"]
        fractions.append(np.mean(gap_m < 0.7e-9))
    assert 0.3 < fractions[0] < 0.7
    assert fractions[0] == pytest.approx(fractions[1], abs=4 * math.sqrt(0.5 / 6000))


def test_noise_is_not_drawn_for_ever() -> None:
    """At 298 K a kick of 0.01 nm takes 55 us: 1e7 are 555 s, where the field moves LRS."""
    model = Stanford(delta_gap0_m_per_s=1e-4)
    cold = 1 + math.exp((450 - 298) / 500)
    assert 1e7 * (1e-11 * cold / 1e-4) ** 2 / 1e-9 == pytest.approx(554.7, rel=1e-3)
    with pytest.raises(NotSupported, match=r"1.01e\+07 times for each cell.*shorten the drive"):
        model.refuse(waveform([(563.0, 1.6)]))
    with pytest.raises(NotSupported, match=r"1\.01e"):
        model.refuse(waveform([(5.63, 1.6)], repeats=100))
    model.refuse(waveform([(550.0, 1.6)]))
    model.refuse(waveform([(1e6, 0.1), (1e6, 0.0)]))
    Stanford().refuse(waveform([(1e6, 1.6)]))


def test_noise_is_off_unless_asked_for() -> None:
    state = play(waveform([(1e-6, 1.5)]), HRS_M)[1]
    assert state["draws"][0] == 0
    driven = play(waveform([(1e-6, 1.5)]), HRS_M, NOISY)[1]
    assert driven["draws"][0] > 100
    read = play(waveform([(1e-6, 0.1), (20e-6, 0.1), (1e-6, 0.0), (1.0, 0.0)]), HRS_M, NOISY)[1]
    assert read["draws"][0] == 4, "where nothing drifts, one draw a segment is right"


# ---- cells of their own, parameter sets, rates ------------------------------------------------


def with_own(names: tuple[str, ...], cells: int, model: Stanford) -> State:
    """Make a state whose cells have their own parameters, 3 % about the model's."""
    rng = np.random.default_rng(11)
    dtype = np.dtype([*model.state_dtype.descr, *((name, float) for name in names)])
    state = np.zeros(cells, dtype)
    state["key"] = rng.integers(2**64, size=cells, dtype=np.uint64)
    for name in names:
        state[name] = getattr(model, name) * rng.uniform(0.97, 1.03, cells)
    model.start(state)
    return state


@pytest.mark.parametrize("names", [Stanford.varies, ("gamma0",), ("gap_max_m", "rth_k_per_w")])
@pytest.mark.parametrize("gamma_negative", ["parameter", "16"])
def test_cells_with_parameters_of_their_own(names: tuple[str, ...], gamma_negative: str) -> None:
    """Each is as if it were alone, with those parameters for all."""
    fixed: dict[str, Any] = {"gamma_negative": gamma_negative, "delta_gap0_m_per_s": 1e-6}
    nominal = Stanford(**fixed)
    state = with_own(names, 6, nominal)
    before = state.copy()
    steps = [(1e-7, 1.5), (3e-7, 1.5), (2e-7, -1.3), (4e-7, -1.3), (1e-7, 0.2)]
    drive = waveform(steps, 50.0, 5e-2)
    together = nominal.play(state, np.arange(6), drive)
    for cell in range(6):
        own: dict[str, Any] = {name: float(state[name][cell]) for name in names}
        one = Stanford(**own, **fixed)
        alone = one.initial_state(1, np.random.default_rng(0))
        assert alone["gap_m"][0] == before["gap_m"][cell]
        alone["key"] = before["key"][cell]
        terminal = one.play(alone, np.arange(1), drive)
        assert alone["gap_m"][0] == state["gap_m"][cell]
        np.testing.assert_array_equal(terminal.current_a[:, 0], together.current_a[:, cell])
        assert one.current_a(alone, 0.3)[0] == nominal.current_a(state, 0.3)[cell]
        assert one.rate(alone, 1.45)[0] == nominal.rate(state, 1.45)[cell]
        assert one.rate(alone, -1.45)[0] == nominal.rate(state, -1.45)[cell]
        assert one.memory_range(alone)[0][0] == nominal.memory_range(state)[0][cell]


def test_a_gap_outside_its_own_bounds_is_clipped() -> None:
    model = Stanford(initial_gap_m=1.7e-9)
    state = with_own(("gap_max_m",), 2, model)
    state["gap_max_m"] = [1.6e-9, 1.8e-9]
    model.start(state)
    np.testing.assert_array_equal(state["gap_m"], [1.6e-9, 1.7e-9])
    state["gap_m"] = 1.75e-9
    model.advance(state, 0.0, 0.1, 1e-6)
    np.testing.assert_array_equal(state["gap_m"], [1.6e-9, 1.75e-9])


def test_rate_is_that_of_the_equations() -> None:
    state = play(waveform([(0.0, 0.0)]), [0.3e-9, 0.9e-9, 1.6e-9])[1]
    for voltage_v in (-2.0, -1.2, -1.06, 0.0, 1.06, 1.3, 2.0):
        expected = [
            -math.copysign(1e-9 * speed(gap, abs(voltage_v)), voltage_v)
            if gamma(gap) * abs(voltage_v) >= 16.8
            else 0.0
            for gap in (0.3, 0.9, 1.6)
        ]
        found = Stanford().rate(state, voltage_v)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    state["gap_m"] = [LRS_M, HRS_M, LRS_M]
    stopped = Stanford().rate(state, [1.5, -1.5, -1.5]) == 0
    np.testing.assert_array_equal(stopped, [True, True, False])


@pytest.mark.parametrize(
    ("name", "set_v", "reset_v", "limit_a"),
    [
        ("stanford-ihp", 1.3, -1.2, 1e-3),
        ("stanford-ugr", 1.5, -1.5, 1e-2),
        ("stanford-lab", 2.0, -2.0, 5e-4),
    ],
)
def test_a_parameter_set_loads_and_switches(
    name: str, set_v: float, reset_v: float, limit_a: float
) -> None:
    device = get_model(name)
    state = device.initial_state(1, np.random.default_rng(0))
    seen_s = [device.current_a(state, 0.1)[0] / 0.1]
    for top_v in (set_v, reset_v):
        for start_v, stop_v in ((0.0, top_v), (top_v, top_v), (top_v, 0.0)):
            device.advance(state, start_v, stop_v, 1e-3, limit_a=limit_a if top_v > 0 else INF)
        seen_s.append(device.current_a(state, 0.1)[0] / 0.1)
    assert seen_s[1] > 10 * seen_s[0]
    assert seen_s[1] > 10 * seen_s[2]


@pytest.mark.parametrize("ohm", [0.0, 50.0, 1e3])
@pytest.mark.parametrize("top_v", [1.4, 1.45, 1.8, -1.1, -1.3, -1.6])
def test_what_is_foreseen_comes_true(top_v: float, ohm: float) -> None:
    """A pulse ends alike whether its edges are measured, and so played, or not."""
    steps = [(1e-7, top_v), (5e-7, top_v), (1e-7, 0.0)]
    seen = waveform(steps, ohm)
    unseen = dataclasses.replace(seen, measured=np.zeros(3, bool))
    starts = [LRS_M, 0.7e-9, 1.2e-9, HRS_M]
    played, foreseen = (play(drive, starts)[1]["gap_m"] for drive in (seen, unseen))
    np.testing.assert_allclose(foreseen, played, atol=2e-13, rtol=0)


# ---- parameters -------------------------------------------------------------------------------

NUMBERS = [
    f for f in Stanford.__struct_fields__ if f not in ("gamma_negative", "beyond_published")
]


@pytest.mark.parametrize("value", [math.nan, INF, -INF])
@pytest.mark.parametrize("name", NUMBERS)
def test_no_parameter_may_be_nan_or_infinite(name: str, value: float) -> None:
    parameters: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=name):
        Stanford(**parameters)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(parameters, Stanford)


@pytest.mark.parametrize(
    ("name", "value"),
    [("vel0_m_per_s", 783029.0), ("i0_a", 0.1206), ("f_min_v_per_m", 3.1e9), ("t_crit_k", 300.0)],
)
def test_published_ranges(name: str, value: float) -> None:
    parameters: dict[str, Any] = {name: value}
    with pytest.raises(ConfigError, match=f"{name} is .* of the Stanford-PKU v1.0.0 Verilog-A"):
        Stanford(**parameters)
    with pytest.raises(msgspec.ValidationError, match="beyond_published"):
        msgspec.convert(parameters, Stanford)
    assert getattr(Stanford(beyond_published=True, **parameters), name) == value


@pytest.mark.parametrize("name", ["i0_a", "g0_m", "tox_m", "t_ini_k", "gap_tolerance_m"])
def test_signs(name: str) -> None:
    parameters: dict[str, Any] = {name: -1e-12}
    with pytest.raises(ConfigError, match=f"{name} is -1e-12.*above 0"):
        Stanford(beyond_published=True, **parameters)


def test_gap_lies_between_its_bounds() -> None:
    with pytest.raises(ConfigError, match=r"initial_gap_m is 1\.8e-09 m, outside"):
        Stanford(initial_gap_m=1.8e-9)
    with pytest.raises(ConfigError, match="initial_gap_m"):
        Stanford(gap_min_m=1.8e-9)
    with pytest.raises(ConfigError, match="gamma_negative"):
        Stanford(gamma_negative="15")  # type: ignore[arg-type]
    assert Stanford(gap_max_m=1.88e-9).fresh_gap_m == 1.88e-9


def test_first_cells_are_the_same_however_many_there_are() -> None:
    few, more = (Stanford().initial_state(n, np.random.default_rng(1)) for n in (2, 5))
    assert few.tobytes() == more[:2].tobytes()


# ---- a circuit simulator ----------------------------------------------------------------------


NETLIST = """* Stanford-PKU v1.0.0, F_min = 0, gap in nm on a capacitor of 1 F
Vin p 0 PWL(0 0 4m 2 8m 0 12m -2 16m 0)
.param kq={kq}
Bi a 0 V=0.5e-3*(exp(min((V(p)-V(g))/0.25,40))-exp(min((-V(p)-V(g))/0.25,40)))
Bt kt 0 V=kq*(298+2.1e3*abs(V(p)*V(a)))
Bx x 0 V=(16-0.8*V(g)*V(g)*V(g))*0.25/12*V(p)
Br r 0 V=5e9*(exp(min((V(x)-0.6)/max(V(kt),0.02),40))-exp(min((-V(x)-0.6)/max(V(kt),0.02),40)))
Bg 0 g I=V(r)>0 ? -V(r)*min(1,max(0,(V(g)-0.2)/1e-3)) : -V(r)*min(1,max(0,(1.7-V(g))/1e-3))
Cg g 0 1 IC=1.7
.options method=gear trtol=1 reltol=1e-6 abstol=1e-15 vntol=1e-9
.control
tran 1u 16m 0 1u uic
wrdata {out} v(p) v(a) v(g)
quit
.endc
.end
"""


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_ngspice_agrees(tmp_path: Path) -> None:
    """F_min = 0, which a circuit simulator can follow: the sweep, and the SET within 0.2 mV."""
    netlist, out = tmp_path / "stanford.cir", tmp_path / "out.txt"
    netlist.write_text(NETLIST.format(kq=k / elementary_charge, out=out))
    subprocess.run(["ngspice", "-b", netlist], capture_output=True, check=True, timeout=50)
    time_s, source_v, _, spice_a, _, spice_nm = np.loadtxt(out).T
    model = Stanford(f_min_v_per_m=0.0, beyond_published=True)
    grid_s = np.linspace(0, 16e-3, 1601)[1:]
    levels = np.interp(grid_s, [0, 4e-3, 8e-3, 12e-3, 16e-3], [0, 2, 0, -2, 0])
    terminal, _ = play(waveform([(1e-5, v) for v in levels]), HRS_M, model)
    current_a = terminal.current_a[:, 0]
    spice_set_v = np.interp(-1.0, -spice_nm[time_s < 4e-3], source_v[time_s < 4e-3])
    away = (np.abs(levels - spice_set_v) > 30e-3) & (levels != 0)
    spice_a = np.interp(grid_s, time_s, spice_a)
    np.testing.assert_allclose(current_a[away], spice_a[away], rtol=1e-3)
    ends_v = (spice_set_v - 2e-4, spice_set_v + 2e-4)
    gap_m = [gap_after([(v / 500, v)], HRS_M, model=model) for v in ends_v]
    assert gap_m[0] > 1e-9 > gap_m[1]
