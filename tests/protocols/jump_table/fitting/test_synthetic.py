"""Algorithm 2: bounds, distributions, and where conductances come from."""

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import kstest, truncnorm

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.synthetic import Rule, synthetic
from hil.protocols.jump_table.profile import Profile
from tests.protocols.jump_table.fitting.published import HIGH_S, LOW_S, SIGMA_S, truth

COUNT = 20_000


@pytest.mark.parametrize("rule", ["clip", "resample"])
@pytest.mark.parametrize("sigma_s", [SIGMA_S, 100e-9])
def test_nothing_leaves_the_bounds(rule: Rule, sigma_s: float) -> None:
    profile = Profile(np.array([LOW_S, HIGH_S]), np.array([-9e-9, 9e-9]), np.full(2, sigma_s))
    points = synthetic(
        profile, COUNT, LOW_S, HIGH_S, np.random.default_rng(1), voltage_v=1.5, rule=rule
    )
    assert points.voltage_v == 1.5
    assert len(points) == COUNT
    assert points.after_s.min() >= LOW_S * (1 - 1e-12)
    assert points.after_s.max() <= HIGH_S * (1 + 1e-12)
    assert points.at_high.any() == (rule == "clip")
    assert kstest(points.conductance_s, "uniform", (LOW_S, HIGH_S - LOW_S)).pvalue > 1e-3


def test_clipped_steps_pile_up_with_the_mass_beyond() -> None:
    profile = truth("RESET")
    points = synthetic(profile, COUNT, LOW_S, HIGH_S, np.random.default_rng(2))
    mean_s, sigma_s = profile.moments(points.conductance_s)
    beyond = {
        "low": ndtr((LOW_S - points.conductance_s - mean_s) / sigma_s),
        "high": ndtr(-(HIGH_S - points.conductance_s - mean_s) / sigma_s),
    }
    for bound, piled in (("low", points.at_low), ("high", points.at_high)):
        expected, spread = (
            beyond[bound].sum(),
            np.sqrt((beyond[bound] * (1 - beyond[bound])).sum()),
        )
        assert abs(piled.sum() - expected) < 4 * spread
    free = ~(points.at_low | points.at_high)
    z = (points.step_s[free] - mean_s[free]) / sigma_s[free]
    below, above = beyond["low"][free], 1 - beyond["high"][free]
    assert kstest((ndtr(z) - below) / (above - below), "uniform").pvalue > 1e-3


def test_resampled_steps_are_truncated_normal() -> None:
    profile = Profile(np.array([LOW_S, HIGH_S]), np.full(2, 2e-9), np.full(2, 15e-9))
    points = synthetic(profile, COUNT, LOW_S, HIGH_S, np.random.default_rng(3), rule="resample")
    ends = ((bound - points.conductance_s - 2e-9) / 15e-9 for bound in (LOW_S, HIGH_S))
    share = truncnorm.cdf(points.step_s, *ends, loc=2e-9, scale=15e-9)
    assert kstest(share, "uniform").pvalue > 1e-3


def test_a_shape_is_drawn_as_it_is() -> None:
    shape = np.tile(np.array([-1.0, -0.5, 3.0]), (2, 1))
    profile = Profile(np.array([0.0, 1.0]), np.zeros(2), np.ones(2), shape)
    points = synthetic(profile, COUNT, -10.0, 10.0, np.random.default_rng(4))
    assert np.mean(points.step_s < -0.5) == pytest.approx(0.5, abs=0.02)
    assert (points.step_s.min(), points.step_s.max()) == pytest.approx((-1.0, 3.0), abs=0.01)


def test_starts_come_from_those_given_each_as_often_as_the_others() -> None:
    starts_s = np.array([5e-9, 6e-9, 9e-9, 30e-9])
    points = synthetic(truth(), 102, -np.inf, np.inf, np.random.default_rng(5), starts_s=starts_s)
    values, counts = np.unique(points.conductance_s, return_counts=True)
    np.testing.assert_array_equal(values, starts_s)
    assert sorted(counts) == [25, 25, 26, 26]


def test_equal_seeds_draw_equal_points() -> None:
    one, two, other = (
        synthetic(truth(), 50, LOW_S, HIGH_S, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one.step_s, two.step_s)
    assert (one.step_s != other.step_s).all()


@pytest.mark.parametrize(
    ("count", "high_s", "says"),
    [(0, HIGH_S, "1 point or more"), (9, np.inf, "give finite"), (9, 1e-9, "rising bounds")],
)
def test_what_cannot_be_drawn_is_refused(count: int, high_s: float, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        synthetic(truth(), count, LOW_S, high_s, np.random.default_rng(0))
