"""Points: their bounds, their shares, and what is none."""

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.protocols.jump_table.points import Points

AT_S = np.array([4e-9, 20e-9, 37e-9, 3e-9])
STEP_S = np.array([-1e-9, 2e-9, 1e-9, 0.0])
POINTS = Points(1.5, AT_S, STEP_S, 3e-9, 38e-9)


def test_what_ends_at_a_bound_was_stopped_there() -> None:
    assert len(POINTS) == 4
    assert POINTS.after_s == pytest.approx([3e-9, 22e-9, 38e-9, 3e-9])
    assert POINTS.at_low.tolist() == [True, False, False, True]
    assert POINTS.at_high.tolist() == [False, False, True, False]


def test_rounding_does_not_hide_a_bound_and_a_millionth_is_no_rounding() -> None:
    at_s = np.random.default_rng(1).uniform(3e-9, 38e-9, 1000)
    assert Points(1.5, at_s, 38e-9 - at_s, 3e-9, 38e-9).at_high.all()
    assert Points(1.5, at_s, 3e-9 - at_s, 3e-9, 38e-9).at_low.all()
    assert not Points(1.5, at_s, 38e-9 * (1 - 1e-6) - at_s, 3e-9, 38e-9).at_high.any()


def test_without_bounds_nothing_is_stopped() -> None:
    free = Points(1.5, AT_S, STEP_S, -np.inf, np.inf)
    assert not (free.at_low | free.at_high).any()


def test_some_points_are_taken_by_mask_or_index() -> None:
    some = POINTS.take(AT_S > 3.5e-9)
    assert some.conductance_s.tolist() == AT_S[:3].tolist()
    assert (some.voltage_v, some.low_s, some.high_s) == (1.5, 3e-9, 38e-9)
    assert POINTS.take(np.array([2, 2])).step_s.tolist() == [1e-9, 1e-9]


def test_each_point_goes_to_one_share_and_chance_decides_to_which() -> None:
    many = Points(1.5, np.arange(101.0), -np.arange(101.0), -np.inf, np.inf)
    parts = many.split(np.random.default_rng(1), (0.5, 0.25, 0.25))
    assert [len(part) for part in parts] == [50, 26, 25]
    every = np.concatenate([part.conductance_s for part in parts])
    assert sorted(every) == list(range(101))
    assert all((part.step_s == -part.conductance_s).all() for part in parts)
    other, _ = many.split(np.random.default_rng(2), (0.5, 0.5))
    assert set(other.conductance_s) != set(parts[0].conductance_s)


def test_what_is_no_points_is_refused() -> None:
    with pytest.raises(ConfigError, match="two lists of one length"):
        Points(1.5, AT_S, STEP_S[:3], 3e-9, 38e-9)
    for low_s, high_s in ((38e-9, 3e-9), (3e-9, 3e-9), (np.nan, 1.0)):
        with pytest.raises(ConfigError, match="must be below high_s"):
            Points(1.5, AT_S, STEP_S, low_s, high_s)
