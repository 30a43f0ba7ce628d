"""What a meter makes of what it measures."""

from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.simulators.readout import Readout

CURRENTS = st.floats(-1.2e-5, 1.2e-5)


def _one(readout: Readout, *samples_a: float) -> tuple[float, bool]:
    shape = (len(samples_a), 1)
    current_a, _, over = readout.measured(np.reshape(samples_a, shape), np.zeros(shape))
    return float(current_a[0, 0]), bool(over[0, 0])


def test_a_perfect_meter_tells_what_is_there() -> None:
    assert _one(Readout(), 1.23456789e-6) == (1.23456789e-6, False)


@given(CURRENTS)
def test_a_reading_is_a_whole_number_of_counts_and_half_a_count_off_at_most(true_a: float) -> None:
    told_a, over = _one(Readout(range_a=1e-5, counts=100), true_a)
    counts = told_a / 1e-7
    assert counts == pytest.approx(round(counts), abs=1e-9)
    if over:
        assert told_a == pytest.approx(np.sign(true_a) * 1e-5)
        assert abs(true_a) >= 1.0049e-5
    else:
        assert abs(told_a - true_a) <= 0.5e-7 * (1 + 1e-9)


@given(st.floats(-1, 1), st.integers(2, 9))
def test_digits_are_those_of_decimal_arithmetic(true_v: float, digits: int) -> None:
    shape = (1, 1)
    readout = Readout(digits=digits)
    told_v = readout.measured(np.zeros(shape), np.full(shape, true_v))[1][0, 0]
    exact = Decimal(true_v)
    if exact:
        place = Decimal(10) ** (exact.adjusted() - digits + 1)
        exact = exact.quantize(place, ROUND_HALF_EVEN)
    assert told_v == float(exact)


def test_an_aperture_is_averaged_before_noise_and_counts() -> None:
    readout = Readout(samples=4, noise_a=1e-6)
    current_a = np.array([[1e-6], [2e-6], [3e-6], [6e-6], [0.0], [0.0], [0.0], [4e-6]])
    told_a, _, _ = readout.measured(current_a, current_a, np.array([[0.0], [1.0]]))
    assert told_a[:, 0] == pytest.approx([3e-6, 2e-6])
