"""What the JART kernels share, against its formulas as published."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.constants import elementary_charge, k

from hil.simulators.models import vcm_kernel as vcm

PER_K = k / elementary_charge
Z, A_M, NY0_HZ, L_M, N_PLUG = 2, 0.25e-9, 2e13, 0.4e-9, 20.0
RANGES = (0.004, 0.016, 18.0, 22.0, 40.5e-9, 49.5e-9, 0.36e-9, 0.44e-9)


def hopping(n: float, field: float, kelvin: float, barrier: float = 1.35) -> float:
    per_field = Z * A_M / (math.pi * barrier)
    hop = A_M * NY0_HZ / L_M
    rate: float = vcm.hopping(
        n, N_PLUG, field, kelvin, barrier, PER_K, per_field, Z * A_M / 2, hop
    )
    return rate


@given(
    st.floats(0.004, 22),
    st.floats(1e3, 1.6e9) | st.floats(-1.6e9, -1e3),
    st.floats(250, 2500),
)
def test_hopping_is_the_difference_of_two_barriers(n: float, field: float, kelvin: float) -> None:
    gamma = Z * A_M * field / (math.pi * 1.35)
    mean = 1.35 * (math.sqrt(1 - gamma**2) + gamma * math.asin(gamma))
    low, high = (mean + sign * 1.35 * gamma * math.pi / 2 for sign in (-1, 1))
    jumps = math.exp(-low / (PER_K * kelvin)) - math.exp(-high / (PER_K * kelvin))
    rate = -(N_PLUG + n) / 2 * A_M * NY0_HZ / L_M * jumps
    # the difference of two nearly equal numbers is known as well as they are
    lost = 1e-15 * abs(high / (PER_K * kelvin)) / min(abs(high - low) / (PER_K * kelvin), 1)
    assert hopping(n, field, kelvin) == pytest.approx(rate, rel=1e-12 + 20 * lost)
    assert math.copysign(1, rate) == -math.copysign(1, field)


def test_without_a_barrier_a_higher_field_changes_nothing() -> None:
    edge = math.pi * 1.35 / (Z * A_M)
    free = N_PLUG * A_M * NY0_HZ / L_M
    assert hopping(N_PLUG, -edge, 600) == pytest.approx(free, rel=1e-12)
    assert hopping(N_PLUG, -1e3 * edge, 1e-3) == pytest.approx(free, rel=1e-6)
    assert hopping(1.0, 0.0, 300) == 0


def test_room_is_0_at_and_beyond_the_bound_ahead_only() -> None:
    assert vcm.room(20.0, 0.008, 20.0, True, True) == vcm.room(21.0, 0.008, 20.0, True, False) == 0
    assert vcm.room(0.008, 0.008, 20.0, False, True) == 0
    assert vcm.room(21.0, 0.008, 20.0, False, False) == 1
    assert vcm.room(16.0, 0.008, 20.0, True, True) == pytest.approx(1 - 0.8**10, rel=1e-14)
    assert vcm.room(0.01, 0.008, 20.0, False, True) == pytest.approx(1 - 0.8**10, rel=1e-14)


@given(st.floats(-5, 5))
def test_reflection(value: float) -> None:
    kept = vcm.reflect(value, 0.5, 1.5)
    assert 0.5 <= kept <= 1.5
    if 0.5 <= value <= 1.5:
        assert kept == pytest.approx(value, abs=1e-15)
    elif -0.5 <= value < 0.5:
        assert kept == pytest.approx(1 - value, abs=1e-15)
    assert vcm.reflect(value, 2.0, 2.0) == 2.0


def test_half_cycles_walk_within_their_ranges() -> None:
    """20,000 cells: steps uniform and independent while no end is near, then within the ranges."""
    walks, begin = (0.4, 0.05, 0.04, 0.05), (0.009, 20.0, 45e-9, 0.4e-9)
    keys = np.random.default_rng(5).integers(2**64, size=20_000, dtype=np.uint64)
    first = np.array([vcm.half_cycle(walks, RANGES, key, 0, *begin) for key in keys])
    steps = (first / begin - 1) / walks
    assert np.abs(steps).max() <= 1
    assert np.abs(steps.mean(axis=0)).max() < 4 / math.sqrt(3 * len(keys))
    np.testing.assert_allclose(steps.var(axis=0), 1 / 3, rtol=0.03)
    assert np.abs(np.corrcoef(steps.T) - np.eye(4)).max() < 0.03
    low, high = np.array(RANGES).reshape(4, 2).T
    for key in keys[:50]:
        now = np.array(begin)
        for count in range(100):
            now = np.array(vcm.half_cycle((0.9, 0.1, 0.1, 0.1), RANGES, key, count, *now))
            assert np.all((low <= now) & (now <= high))


def test_no_walk_leaves_a_value_even_outside_its_range() -> None:
    key = np.uint64(1)
    assert vcm.half_cycle((0.0,) * 4, RANGES, key, 3, 0.1, 5.0, 1e-9, 1e-9) == (
        0.1, 5.0, 1e-9, 1e-9,
    )  # fmt: skip


def test_geometry_goes_with_n_and_arrives() -> None:
    assert vcm.between(45.0, 47.0, 0.008, 0.008, 20.0) == 45
    assert vcm.between(45.0, 47.0, 20.0, 0.008, 20.0) == 47
    assert vcm.between(45.0, 47.0, 10.004, 0.008, 20.0) == pytest.approx(46, rel=1e-14)
    assert vcm.between(45.0, 47.0, 0.008, 20.0, 0.008) == 47
    assert vcm.between(45.0, 47.0, 20.0, 20.0, 20.0) == 45
    assert vcm.between(45.0, 47.0, 21.0, 21.0, 20.0) == 45
