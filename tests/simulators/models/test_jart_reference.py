"""The plain-Python JART that other tests believe: against figures made from the authors' file.

Static values and the sweep (Rth0 = 1e7 K/W) are of the deterministic Verilog-A of 17.02.2020 with
its own constants. The sweep has Flim, which that file has not: only so does the cell stay at
n = 8.2e-3 after the RESET instead of reaching 8e-3.
"""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hil.simulators.models.files import get_model
from tests.simulators.models.jart_reference import Jart

TRIANGLE = [(0.0, 0.0), (1.5, -1.5), (3.0, 0.0), (4.5, 1.5), (6.0, 0.0)]
STATIC = np.loadtxt(Path(__file__).parent / "data" / "jart_static.csv", delimiter=",", skiprows=1)
"""Voltage (V), N (1e26 per m^3), current (A), T (K), dN/dt (1e26 per m^3 and s), without Flim."""

# Triangle 0 -> -1.5 -> 0 -> 1.5 -> 0 V at 1 V/s: time (s), current (A), N, T (K).
SWEEP = [
    (0.09, -7.252521338e-07, 8.000000114e-03, 293.645525),
    (0.33, -3.488482218e-06, 8.000029810e-03, 304.345361),
    (0.57, -6.702550732e-06, 8.053620542e-03, 330.589414),
    (0.81, -4.992346413e-04, 2.000000001e01, 810.198683),
    (1.05, -6.358374328e-04, 2.000000001e01, 1133.717258),
    (1.29, -7.650586442e-04, 2.000000001e01, 1519.337490),
    (1.53, -8.569562406e-04, 2.000000001e01, 1845.458498),
    (1.77, -7.334673758e-04, 2.000000001e01, 1417.494509),
    (2.01, -6.023580592e-04, 2.000000001e01, 1046.717535),
    (2.25, -4.640090565e-04, 2.000000001e01, 739.979580),
    (2.49, -3.193503740e-04, 2.000000001e01, 506.186547),
    (2.73, -1.699772812e-04, 2.000000001e01, 354.801502),
    (2.97, -1.854929651e-05, 2.000000001e01, 293.853327),
    (3.21, 1.296747490e-04, 2.000000001e01, 304.219169),
    (3.45, 2.780093437e-04, 1.999999991e01, 342.087403),
    (3.69, 4.236247562e-04, 1.999994810e01, 402.811603),
    (3.93, 5.643579353e-04, 1.996111434e01, 482.372555),
    (4.17, 5.020715377e-05, 2.282402271e-02, 442.282114),
    (4.41, 2.782523977e-05, 1.011934467e-02, 396.068043),
    (4.65, 2.175657707e-05, 8.235097524e-03, 370.552662),
    (4.89, 1.775354889e-05, 8.209644269e-03, 345.042098),
    (5.13, 1.383851843e-05, 8.208893214e-03, 324.798677),
    (5.37, 9.959909051e-06, 8.208864059e-03, 309.575063),
    (5.61, 6.126001711e-06, 8.208862361e-03, 299.311940),
    (5.85, 2.341652735e-06, 8.208862190e-03, 293.928098),
]
SET_V, RESET_V = -0.663877, 1.165051


def test_static_values() -> None:
    cell = Jart(flim=False, constants="2020")
    solved = np.array([cell.solve(voltage_v, n) for voltage_v, n in STATIC[:, :2]])
    np.testing.assert_allclose(solved[:, [1, 2, 4]], STATIC[:, 2:], rtol=1e-9)


def test_the_constants_of_the_si_move_currents_little_and_rates_more() -> None:
    solved = np.array([Jart(flim=False).solve(voltage_v, n) for voltage_v, n in STATIC[:, :2]])
    current_a, kelvin, rate = np.abs(solved[:, [1, 2, 4]] / STATIC[:, 2:] - 1).max(axis=0)
    assert 1e-5 < current_a < 3e-4
    assert kelvin < 2e-4
    assert 1e-3 < rate < 1e-2


@pytest.mark.parametrize(
    ("voltage_v", "n"), [(0.2, 0.2), (0.5, 0.5), (0.7, 0.06), (0.9, 10.0), (1.2, 20.0)]
)
def test_the_root_is_the_smallest_of_three(voltage_v: float, n: float) -> None:
    """At V > 0 the law has more solutions where the barrier stops sinking: not those."""
    cell = Jart(rth0=1e7)
    at_v = np.linspace(1e-6, min(voltage_v, 0.15), 4000)

    def miss(schottky_v: float) -> float:
        current_a, kelvin = cell._circuit(voltage_v, n, schottky_v)
        return current_a - cell._emission(schottky_v, n, kelvin)

    signs = np.sign([miss(float(v)) for v in at_v])
    crossings_v = at_v[1:][signs[1:] != signs[:-1]]
    assert len(crossings_v) == 3
    assert cell.solve(voltage_v, n).schottky_v == pytest.approx(crossings_v[0], abs=4e-5)
    assert crossings_v[0] < 0.0225
    assert crossings_v[1] > 0.079


@pytest.mark.parametrize(
    ("n", "at_plus_us"),
    [(0.008, 15.25), (0.06, 100.2), (0.2, 247.0), (0.5, 388.4), (1.0, 479.9), (1.98975, 543.4),
     (5.0, 591.0), (20.0, 617.7)],
)  # fmt: skip
def test_conductance_at_200_mv(n: float, at_plus_us: float) -> None:
    assert Jart().solve(0.2, n).current_a / 0.2e-6 == pytest.approx(at_plus_us, rel=5e-4)


def test_hrs_is_asymmetric() -> None:
    siemens = [Jart().solve(-0.2, n).current_a / -0.2 for n in (0.008, 0.06, 1.98975, 20.0)]
    assert siemens == pytest.approx([9.55e-6, 92.1e-6, 543e-6, 629e-6], rel=7e-4)


@pytest.mark.parametrize(
    ("rth0", "n", "voltage_v", "within_s"),
    [
        (15.72e6, 0.008, -0.6, 17.2e-3), (15.72e6, 0.008, -0.7, 364e-6),
        (15.72e6, 0.008, -0.8, 10.1e-6), (15.72e6, 0.008, -0.9, 0.389e-6),
        (15.72e6, 0.008, -1.1, 1.67e-9), (15.72e6, 19.9, 0.7065, 25.6),
        (15.72e6, 19.9, 0.9, 77e-3), (15.72e6, 19.9, 1.0, 6.35e-3),
        (15.72e6, 19.9, 1.1, 0.714e-3), (15.72e6, 19.9, 1.3, 20.0e-6),
        (15.72e6, 19.9, 1.5, 1.30e-6), (1e7, 0.008, -0.6, 0.273), (1e7, 0.008, -1.1, 50.3e-9),
        (1e7, 19.9, 1.1, 0.181), (1e7, 19.9, 1.5, 176e-6),
    ],
)  # fmt: skip
def test_switching_times(rth0: float, n: float, voltage_v: float, within_s: float) -> None:
    """Until N = 0.4 at a constant voltage, as published figures have it (three digits)."""
    cell = Jart(rth0=rth0, constants="2020")
    path = cell.follow([(0.0, voltage_v), (3 * within_s, voltage_v)], n)
    ((time_s, _),) = path.crossings(0.4)
    assert time_s == pytest.approx(within_s, rel=4e-3)


def test_sweep() -> None:
    cell = Jart(rth0=1e7, constants="2020")
    path = cell.follow(TRIANGLE, 0.008)
    (_, set_v), (_, reset_v) = path.crossings(0.4)
    assert set_v == pytest.approx(SET_V, abs=1e-6)
    assert reset_v == pytest.approx(RESET_V, abs=1e-6)
    corners_s, corners_v = np.array(TRIANGLE).T
    for time_s, current_a, n, kelvin in SWEEP:
        voltage_v = float(np.interp(time_s, corners_s, corners_v))
        found = cell.solve(voltage_v, path.at(time_s))
        assert found.current_a == pytest.approx(current_a, rel=3e-5)
        assert path.at(time_s) == pytest.approx(n, rel=3e-5)
        assert found.temperature_k == pytest.approx(kelvin, rel=3e-5)


def test_sweep_with_the_thermal_resistance_of_the_file() -> None:
    (_, set_v), (_, reset_v) = Jart(constants="2020").follow(TRIANGLE, 0.008).crossings(0.4)
    assert set_v == pytest.approx(-0.590070, abs=1e-6)
    assert reset_v == pytest.approx(0.928222, abs=2e-6)


def test_without_flim_the_cell_reaches_its_bound() -> None:
    path = Jart(rth0=1e7, flim=False, constants="2020").follow(TRIANGLE, 0.008)
    assert path.n[-1] == pytest.approx(0.008, rel=1e-6)


@pytest.mark.parametrize(("voltage_v", "n"), [(-0.9, 0.5), (0.9, 0.5), (-0.9, 0.01), (1.4, 19.0)])
def test_resistance_and_limit_of_the_source(voltage_v: float, n: float) -> None:
    free = Jart(source_ohm=500.0).solve(voltage_v, n)
    assert free.voltage_v + 500 * free.current_a == pytest.approx(voltage_v, rel=1e-12)
    held = Jart(source_ohm=500.0, limit_a=1e-4).solve(voltage_v, n)
    limited = abs(free.current_a) > 1e-4
    wanted_a = math.copysign(1e-4, voltage_v) if limited else free.current_a
    assert held.current_a == wanted_a
    for seen in (free, held):
        alone = Jart().solve(seen.voltage_v, n)
        assert alone.current_a == pytest.approx(seen.current_a, rel=1e-12)
        assert alone.rate == pytest.approx(seen.rate, rel=1e-10)


@pytest.mark.parametrize("limit_a", [5e-5, 2e-4])
def test_the_model_behind_a_resistance_and_a_limit(limit_a: float) -> None:
    """SET that the limit ends, RESET without one: N within 1e-6 of the reference."""
    model = get_model("jart")
    state = model.initial_state(1, np.random.default_rng(0))
    n = 0.008
    for start_v, stop_v in pairwise((0.0, -1.0, 0.0, 1.3, 0.0)):
        now_a = limit_a if start_v + stop_v < 0 else math.inf
        cell = Jart(source_ohm=500.0, limit_a=now_a)
        model.advance(state, start_v, stop_v, 1e-3, 500.0, now_a)
        n = cell.follow([(0.0, start_v), (1e-3, stop_v)], n).n[-1]
        assert state["n_disc_1e26_per_m3"][0] == pytest.approx(n, rel=1e-6)
