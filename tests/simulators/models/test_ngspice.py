"""The models against ngspice, which solves the same equations as a circuit, and JART's reference.

ngspice's own error here, seen by halving its step and tolerance, is below 0.05 mV of a switching
voltage and 4e-4 of a current outside jumps; the tolerances below leave room for no more than that.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.simulators.models.drive import Drive, Floats
from hil.simulators.models.files import get_model
from hil.simulators.models.model import Device
from tests.simulators.models import spice
from tests.simulators.models.jart_reference import Jart, Point, crossings
from tests.simulators.models.spice import Trace, needs_ngspice

Points = Sequence[Point]

TRIANGLE = ((0.0, 0.0), (1.5, -1.5), (3.0, 0.0), (4.5, 1.5), (6.0, 0.0))
SWEEPS = ((1e7, True), (1e7, False), (15.72e6, True))
"""Thermal resistance (K/W) and whether with Flim."""
CURRENT = 1e-3
"""Relative tolerance of currents outside jumps."""
SWITCHING_V = 2e-4
"""Tolerance of a switching voltage in a sweep."""


def pulse(voltage_v: float, high_s: float) -> Points:
    return (0.0, 0.0), (1e-7, voltage_v), (1e-7 + high_s, voltage_v), (2e-7 + high_s, 0.0)


# thermal resistance (K/W), N before, source (ohm), waveform: published operating point and strong
PULSES = {
    "SET": (15.72e6, 0.008, 0.0, pulse(-0.9, 1e-6)),
    "SET behind 500 ohm": (15.72e6, 0.06, 500.0, pulse(-0.9, 1e-6)),
    "RESET": (15.72e6, 19.0, 0.0, pulse(1.4, 5e-6)),
    "RESET behind 500 ohm": (15.72e6, 19.9, 500.0, pulse(1.8, 5e-6)),
    "SET at the operating point": (15.72e6, 0.06, 0.0, pulse(-0.342, 1e-3)),
    "RESET at the operating point": (15.72e6, 1.9, 0.0, pulse(0.7065, 1e-3)),
}


def simulate(device: str, points: Points, steps: int, reltol: float) -> Trace:
    with TemporaryDirectory() as folder:
        return spice.run(device, points, Path(folder), steps, reltol)


@cache
def jart_sweep(rth0: float, flim: bool) -> Trace:
    device = spice.jart(Jart(rth0=rth0, flim=flim, constants="2020"), 0.008)
    return simulate(device, TRIANGLE, 6000, 1e-7)


@cache
def jart_pulse(name: str) -> Trace:
    rth0, n, source_ohm, points = PULSES[name]
    cell = Jart(rth0=rth0, source_ohm=source_ohm)
    return simulate(spice.jart(cell, n), points, 10_000, 1e-7)


def looks(points: Points, count: int) -> tuple[Floats, Floats]:
    """Choose times over a waveform at which the source is on; times and voltages."""
    corners_s, corners_v = np.array(points).T
    time_s = np.linspace(0, corners_s[-1], count + 1)[1:-1]
    voltage_v = np.interp(time_s, corners_s, corners_v)
    on = np.abs(voltage_v) > 1e-9
    return time_s[on], voltage_v[on]


def played(
    device: Device, column: str, value: float, points: Points, time_s: Floats, source_ohm: float
) -> tuple[Floats, float]:
    """Play points on one cell: its current at those times, and the column at the end."""
    corners_s, corners_v = np.array(points).T
    ends_s = np.union1d(time_s, corners_s)
    levels_v = np.interp(ends_s, corners_s, corners_v)[:, None]
    measured = np.isin(ends_s[1:], time_s)
    drive = Drive(
        np.diff(ends_s)[:, None], levels_v[:-1].copy(), levels_v[1:].copy(), measured,
        np.array([[0, len(measured), 1]]), source_ohm, np.inf,
    )  # fmt: skip
    state = device.initial_state(1, np.random.default_rng(0))
    state[column] = value
    terminal = device.play(state, np.arange(1), drive)
    return terminal.current_a[:, 0], float(state[column][0])


def outside_jumps(trace: Trace, time_s: Floats) -> NDArray[np.bool_]:
    """Tell which times are further than a thousandth of the waveform from N = 0.4."""
    jumps = crossings(trace.time_s, trace.source_v, trace.state, 0.4)
    away_s = [abs(time_s - when) for when, _ in jumps]
    nearest_s = np.min([*away_s, np.full(len(time_s), np.inf)], axis=0)
    away: NDArray[np.bool_] = nearest_s > trace.time_s[-1] / 1000
    return away


def n_after(device: Device, n: float, points: Points) -> float:
    """Give N of a cell after a waveform."""
    return played(device, "n_disc_1e26_per_m3", n, points, np.array([points[-1][0]]), 0.0)[1]


@needs_ngspice
@pytest.mark.parametrize(("rth0", "flim"), SWEEPS)
def test_jart_reference_sweep(rth0: float, flim: bool) -> None:
    cell = Jart(rth0=rth0, flim=flim, constants="2020")
    trace, path = jart_sweep(rth0, flim), cell.follow(TRIANGLE, 0.008)
    found = crossings(trace.time_s, trace.source_v, trace.state, 0.4)
    np.testing.assert_allclose(found, path.crossings(0.4), rtol=0, atol=1e-4)
    time_s, voltage_v = looks(TRIANGLE, 300)
    away = outside_jumps(trace, time_s)
    expected_a = [
        cell.solve(float(v), path.at(float(t))).current_a
        for t, v in zip(time_s, voltage_v, strict=True)
    ]
    np.testing.assert_allclose(
        trace.current_at(time_s)[away], np.array(expected_a)[away], rtol=CURRENT
    )


@needs_ngspice
@pytest.mark.parametrize("name", PULSES)
def test_jart_reference_pulses(name: str) -> None:
    rth0, n, source_ohm, points = PULSES[name]
    cell = Jart(rth0=rth0, source_ohm=source_ohm)
    trace, path = jart_pulse(name), cell.follow(points, n)
    time_s, voltage_v = looks(points, 100)
    expected_n = [path.at(float(t)) for t in time_s]
    expected_a = [
        cell.solve(float(v), n).current_a for v, n in zip(voltage_v, expected_n, strict=True)
    ]
    away = outside_jumps(trace, time_s)
    np.testing.assert_allclose(
        trace.current_at(time_s)[away], np.array(expected_a)[away], rtol=CURRENT
    )
    assert trace.state[-1] == pytest.approx(np.log(path.n[-1]), abs=CURRENT)


@needs_ngspice
@pytest.mark.parametrize(("rth0", "flim"), SWEEPS)
def test_jart_sweep(rth0: float, flim: bool) -> None:
    """Crossings of N = 0.4 within 0.2 mV; currents outside 5 mV of them within 1e-3."""
    model = get_model("jart", rth0_k_per_w=rth0, flim=flim, constants="2020")
    trace = jart_sweep(rth0, flim)
    (_, set_v), (_, reset_v) = crossings(trace.time_s, trace.source_v, trace.state, 0.4)
    to_set = [
        n_after(model, 0.008, ((0.0, 0.0), (-v, v)))
        for v in (set_v + SWITCHING_V, set_v - SWITCHING_V)
    ]
    assert to_set[0] < 0.4 < to_set[1]
    full = TRIANGLE[:3]
    to_reset = [
        n_after(model, 0.008, (*full, (3.0 + v, v)))
        for v in (reset_v - SWITCHING_V, reset_v + SWITCHING_V)
    ]
    assert to_reset[0] > 0.4 > to_reset[1]
    time_s, _ = looks(TRIANGLE, 300)
    current_a, _ = played(model, "n_disc_1e26_per_m3", 0.008, TRIANGLE, time_s, 0.0)
    away = outside_jumps(trace, time_s)
    np.testing.assert_allclose(current_a[away], trace.current_at(time_s)[away], rtol=CURRENT)


@needs_ngspice
@pytest.mark.parametrize("name", PULSES)
def test_jart_pulses(name: str) -> None:
    rth0, n, source_ohm, points = PULSES[name]
    model, trace = get_model("jart", rth0_k_per_w=rth0), jart_pulse(name)
    time_s, _ = looks(points, 100)
    current_a, last_n = played(model, "n_disc_1e26_per_m3", n, points, time_s, source_ohm)
    away = outside_jumps(trace, time_s)
    np.testing.assert_allclose(current_a[away], trace.current_at(time_s)[away], rtol=CURRENT)
    assert np.log(last_n) == pytest.approx(trace.state[-1], abs=CURRENT)


UP = ((0.0, 0.0), (4e-3, 2.0), (8e-3, 0.0))
DOWN = ((0.0, 0.0), (4e-3, -2.0), (8e-3, 0.0))

# gap before (m), F_min (V/m), source (ohm), width of its threshold (V/m), waveform
STANFORD = {
    "F_min = 0, SET on a load line": (1.7e-9, 0.0, 1e3, 1e5, UP),
    "F_min = 0, RESET on a load line": (0.2e-9, 0.0, 1e3, 1e5, DOWN),
    "SET that its own current ends": (1.7e-9, 1.4e9, 1e3, 1e5, pulse(1.6, 5e-7)),
    "SET to the end": (1.7e-9, 1.4e9, 50.0, 1e5, pulse(2.0, 5e-7)),
    "RESET to the end": (0.2e-9, 1.4e9, 50.0, 1e5, pulse(-2.4, 5e-7)),
    "RESET that slides along its threshold": (0.2e-9, 1.4e9, 10.0, 1e6, pulse(-1.4, 5e-7)),
}


@needs_ngspice
@pytest.mark.parametrize("name", STANFORD)
def test_stanford_behind_a_resistance(name: str) -> None:
    gap_m, f_min, source_ohm, width, points = STANFORD[name]
    trace = simulate(spice.stanford(gap_m, f_min, source_ohm, width), points, 20_000, 1e-7)
    model = get_model("stanford", f_min_v_per_m=f_min)
    time_s, _ = looks(points, 100)
    current_a, last_m = played(model, "gap_m", gap_m, points, time_s, source_ohm)
    np.testing.assert_allclose(current_a, trace.current_at(time_s), rtol=CURRENT)
    assert last_m * 1e9 == pytest.approx(trace.state[-1], abs=2e-4)
