"""Levels of staircases: exact decimals, refused where they would not be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ConfigError
from hil.limits import PhaseLimits
from hil.protocols.basics.sweep import highest_v, rising_v, there_and_back_v


@given(st.integers(1, 500_000), st.integers(1, 60), st.sampled_from([1, -1]))
def test_levels_are_the_floats_nearest_to_decimal_multiples_of_the_step(
    step_uv: int, count: int, sign: int
) -> None:
    step = Decimal(step_uv) / 10**6
    levels_v = rising_v(float(sign * step * count), float(step))
    assert levels_v == [float(sign * step * k) for k in range(1, count + 1)]
    assert max(len(f"{level:.12g}") for level in levels_v) <= 12
    assert all(float(f"{level:.12g}") == level for level in levels_v)


def test_a_half_sweep_has_its_peak_once() -> None:
    assert there_and_back_v(-0.3, 0.1) == [-0.1, -0.2, -0.3, -0.2, -0.1]
    assert there_and_back_v(0.1, 0.1) == [0.1]


@pytest.mark.parametrize(("peak_v", "step_v"), [(1.0, 0.3), (0.1, 0.2), (-2.0, 0.07)])
def test_a_step_that_does_not_divide_the_peak_is_refused(peak_v: float, step_v: float) -> None:
    with pytest.raises(ConfigError, match="do not reach a peak"):
        rising_v(peak_v, step_v)


@pytest.mark.parametrize(
    ("peak_v", "step_v"), [(1.0, 1 / 3), (0.0, 0.1), (1.0, 4e-7), (2.0000001, 0.1)]
)
def test_levels_that_are_no_whole_microvolts_are_refused(peak_v: float, step_v: float) -> None:
    with pytest.raises(ConfigError, match="whole microvolts"):
        rising_v(peak_v, step_v)


@pytest.mark.parametrize(
    ("sign", "step_v", "most_v", "expected"),
    [
        (1, 0.05, 2.0, 1.8),
        (1, 0.1, 1.0, 1.0),
        (-1, 0.05, 9.0, -2.25),
        (-1, 0.1, 9.0, -2.2),
        (1, 0.7, 9.0, 1.4),
    ],
)
def test_the_highest_peak_is_whole_steps_within_the_limits(
    sign: int, step_v: float, most_v: float, expected: float
) -> None:
    limits = PhaseLimits(positive_v=1.8, negative_v=-2.25, current_a=1e-3)
    assert highest_v(limits, sign, step_v, most_v) == expected
    rising_v(expected, step_v)
