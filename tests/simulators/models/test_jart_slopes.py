"""Currents and slopes of both JART models, as a solver of many cells asks for them."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.constants import Boltzmann, elementary_charge, epsilon_0

from hil.simulators.models import get_model
from hil.simulators.models.jart import Jart
from hil.simulators.models.jart_fit import JartFit
from tests.simulators.models.drives import cells_at
from tests.simulators.models.jart_reference import CUBIC, R0, R_TIOX
from tests.simulators.models.jart_reference import Jart as Reference

N = (0.003, 0.008, 0.05, 0.4, 3.0, 20.0)
SIZES_V = (1e-5, 3e-4, 0.01, 0.1, 0.3, 0.7, 1.2, 1.49)
VOLTS = np.array([*SIZES_V, *(-v for v in SIZES_V)])


@pytest.mark.parametrize("series_ohm", [0.0, 2e3])
@pytest.mark.parametrize(
    "model", [Jart(), Jart(phibn0_ev=0.4), Jart(phibn0_ev=0.1), Jart(temperature_k=400.0),
              JartFit()],
    ids=["published", "high barrier", "low barrier", "hot", "fit"],
)  # fmt: skip
def test_the_slope_is_the_derivative_of_the_current(
    model: Jart | JartFit, series_ohm: float
) -> None:
    for n in N:
        state = cells_at(np.full(len(VOLTS), n), model)
        current_a, slope_s = model.linearised_behind(state, VOLTS, series_ohm)
        nearby_a = {
            k: model.linearised_behind(state, VOLTS * (1 + k * 1e-4), series_ohm)[0]
            for k in (-2, -1, 1, 2)
        }
        near, far = nearby_a[1] - nearby_a[-1], nearby_a[2] - nearby_a[-2]
        assert slope_s == pytest.approx((8 * near - far) / (12e-4 * VOLTS), rel=1e-6, abs=0)
        assert (current_a * VOLTS > 0).all()


@pytest.mark.parametrize("series_ohm", [0.0, 2e3])
@pytest.mark.parametrize("rth0", [15.72e6, 10e6])
def test_currents_are_those_of_the_equations(series_ohm: float, rth0: float) -> None:
    reference, model = Reference(rth0=rth0, source_ohm=series_ohm), Jart(rth0_k_per_w=rth0)
    for n in N[1:]:
        told_a, _ = model.linearised_behind(
            cells_at(np.full(len(VOLTS), n), model), VOLTS, series_ohm
        )
        wanted_a = [reference.solve(v, n).current_a for v in VOLTS]
        assert told_a == pytest.approx(wanted_a, rel=1e-6, abs=0)


def test_where_the_contact_blocks_its_law_alone_decides() -> None:
    """Next to all of the voltage lies across it then; what is left is no number to divide by."""
    model = Jart(phibn0_ev=0.5, temperature_k=100.0)
    state = cells_at([0.008], model)
    per_kt = elementary_charge / (Boltzmann * 100.0)
    square = math.pi * 45e-9**2
    for voltage_v in (1e-4, 0.01, 0.1):
        image = elementary_charge**3 * 2 * 0.008e26 * (0.5 - 0.1 - voltage_v)
        lowering = (image / (8 * math.pi**2 * (5.5 * epsilon_0) ** 3)) ** 0.25
        wanted_a = square * 6.01e5 * 100.0**2 * math.exp(-(0.5 - lowering) * per_kt)
        wanted_a *= math.expm1(voltage_v * per_kt)
        assert model.current_a(state, voltage_v)[0] == pytest.approx(wanted_a, rel=1e-6, abs=0)


@pytest.mark.parametrize(("barrier_ev", "band_ev"), [(0.2, 0.15), (0.3, 0.2), (0.3, 0.28)])
def test_contact_and_circuit_agree_where_the_barrier_has_an_edge(
    barrier_ev: float, band_ev: float
) -> None:
    """At V > 0 the lowering of the barrier ends at phibn0 - phin, with an infinite slope."""
    model = Jart(phibn0_ev=barrier_ev, phin_ev=band_ev)
    n, volts = (side.ravel() for side in np.meshgrid(N[1:], np.linspace(0.05, 1.45, 29)))
    current_a, _ = model.linearised(cells_at(n, model), volts)
    ohm = Reference()._resistances(1.0)
    inner_v = current_a * (ohm[0] / n + ohm[1])
    contact_v = volts - inner_v - current_a * (R_TIOX + R0 + CUBIC * current_a**2)
    warmed = 293.0 + current_a * (contact_v + inner_v) * 0.27 * 15.72e6
    per_kt = elementary_charge / (Boltzmann * warmed)
    above = np.maximum(barrier_ev - band_ev - contact_v, 0.0)
    image = elementary_charge**3 * 2e26 * n * above / (8 * math.pi**2 * (5.5 * epsilon_0) ** 3)
    barrier = np.maximum(barrier_ev - image**0.25, 0.0)
    wanted_a = math.pi * 45e-9**2 * 6.01e5 * warmed**2 * np.exp(-barrier * per_kt)
    wanted_a *= np.expm1(contact_v * per_kt)
    assert current_a == pytest.approx(wanted_a, rel=1e-5, abs=0)


def test_a_voltage_of_nothing_has_a_slope() -> None:
    for model in (Jart(), JartFit()):
        state = cells_at([0.1, 0.1, 0.1], model)
        current_a, slope_s = model.linearised(state, np.array([0.0, 1e-6, 1e-15]))
        assert current_a[0] == 0.0
        assert slope_s[0] == pytest.approx(current_a[1] / 1e-6, rel=1e-4, abs=0)
        assert current_a[2] == pytest.approx(slope_s[0] * 1e-15, rel=1e-4, abs=0)


def test_the_fit_goes_on_in_proportion_where_it_ends() -> None:
    model = JartFit()
    for voltage_v in (1.7, -2.5):
        current_a, slope_s = model.linearised(cells_at(N, model), voltage_v)
        end_v = math.copysign(1.5, voltage_v)
        wanted_a = model.current_a(cells_at(N, model), end_v) * voltage_v / end_v
        assert current_a == pytest.approx(wanted_a, rel=1e-14, abs=0)
        assert slope_s == pytest.approx(current_a / voltage_v, rel=1e-14, abs=0)


@pytest.mark.parametrize(
    "layers",
    [
        {},
        {"variability": {"phibn0_ev": {"sigma": "5meV"}, "rtiox_ohm": {"sigma": "20ohm"}}},
        {"stuck": {"lrs_share": 0.2, "hrs_share": 0.2}},
        {"forming": {"form_v": "1V", "pristine_ohm": "50kohm"}},
        {"noise": {"white": 0.01}, "series_ohm": 300.0},
    ],
    ids=["model", "variability", "stuck", "forming", "series"],
)
@pytest.mark.parametrize("name", ["jart", "jart-fit", "stanford"])
def test_a_resistance_in_series_is_solved_with_the_cell(name: str, layers: dict[str, Any]) -> None:
    if name != "jart" and "variability" in layers:
        layers = {}
    device = get_model(name, **layers)
    state = device.initial_state(40, np.random.default_rng(3))
    share = np.random.default_rng(4).uniform(0.1, 0.9, 40)
    hrs, lrs = device.memory_range(state)
    state[device.memory_column] = hrs * (lrs / hrs) ** share
    for voltage_v in (-0.8, -0.05, 0.2, 1.0):
        current_a, slope_s = device.linearised_behind(state, voltage_v, 1e3)
        across_v = voltage_v - 1e3 * current_a
        alone_a, alone_s = device.linearised(state, across_v)
        assert current_a == pytest.approx(alone_a, rel=1e-9, abs=0)
        assert slope_s == pytest.approx(alone_s / (1 + 1e3 * alone_s), rel=1e-6, abs=0)
