"""A profile: one distribution, whether it is asked for quantiles, probabilities or a density."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from hil.errors import ConfigError
from hil.protocols.jump_table.profile import NORMAL_SHARE, Floats, Profile

AXIS_S = np.array([1e-9, 2e-9, 5e-9])
MEAN_S = np.array([1e-10, 0.0, -3e-10])
SIGMA_S = np.array([1e-10, 2e-10, 4e-10])
SHAPE = np.array([[-1.0, -0.5, 0.2, 3.0], [-2.0, -0.3, 0.4, 2.0], [-3.0, 0.0, 0.5, 1.0]])
NORMAL = Profile(AXIS_S, MEAN_S, SIGMA_S)
SHAPED = Profile(AXIS_S, MEAN_S, SIGMA_S, SHAPE)
PLACES_S = np.array([0.0, 1e-9, 1.3e-9, 2e-9, 4.9e-9, 5e-9, 9e-9])


def test_moments_are_linear_between_and_constant_beyond() -> None:
    mean_s, sigma_s = NORMAL.moments([0.0, 1.5e-9, 3e-9, 9e-9])
    assert mean_s == pytest.approx([1e-10, 5e-11, -1e-10, -3e-10])
    assert sigma_s == pytest.approx([1e-10, 1.5e-10, 2e-10 * 4 / 3, 4e-10])


@pytest.mark.parametrize("profile", [NORMAL, SHAPED])
@pytest.mark.parametrize("share", [0.001, 1 / 3, 0.5, 0.9, 0.9999])
def test_a_probability_is_that_of_its_quantile(profile: Profile, share: float) -> None:
    step_s = profile.quantile(PLACES_S, np.full(7, share))
    assert profile.cdf(PLACES_S, step_s) == pytest.approx(share, abs=1e-9)


def test_a_normal_profile_is_scipys() -> None:
    step_s = np.linspace(-9e-10, 9e-10, 7)
    told = norm(*NORMAL.moments(PLACES_S))
    assert NORMAL.cdf(PLACES_S, step_s) == pytest.approx(told.cdf(step_s), rel=1e-12)
    assert NORMAL.log_density(PLACES_S, step_s) == pytest.approx(told.logpdf(step_s), rel=1e-12)


def test_quantiles_of_a_shape_are_interpolated_over_both() -> None:
    # between the first two rows, and between the second and third quantile
    step_s = SHAPED.quantile(np.array([1.5e-9]), np.array([0.5]))
    z = 0.25 * (-0.5 + 0.2 - 0.3 + 0.4)
    assert step_s == pytest.approx([5e-11 + 1.5e-10 * z])
    ends = SHAPED.quantile(np.array([9e-9, 9e-9]), np.array([0.0, 1.0]))
    assert ends == pytest.approx([-3e-10 - 3 * 4e-10, -3e-10 + 4e-10])


def test_probabilities_end_at_the_ends_of_a_shape() -> None:
    beyond_s = np.array([-9e-9, -np.inf, 9e-9, np.inf])
    assert SHAPED.cdf(np.full(4, 2e-9), beyond_s).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("at_s", [1e-9, 1.7e-9, 6e-9])
def test_density_is_the_slope_of_the_probability(at_s: float) -> None:
    mean_s, sigma_s = SHAPED.moments(at_s)
    step_s = mean_s + sigma_s * np.linspace(-2.95, 2.95, 60)
    small_s = 1e-5 * float(sigma_s)
    places_s = np.full(60, at_s)
    rise = SHAPED.cdf(places_s, step_s + small_s) - SHAPED.cdf(places_s, step_s - small_s)
    told = np.exp(SHAPED.log_density(places_s, step_s))
    normal = norm.pdf(step_s, mean_s, sigma_s)
    expected = (1 - NORMAL_SHARE) * rise / (2 * small_s) + NORMAL_SHARE * normal
    assert told == pytest.approx(expected, rel=1e-6)


def test_equal_quantiles_are_a_jump() -> None:
    shape = np.array([[-1.0, 0.0, 0.0, 1.0]] * 3)
    jump = Profile(AXIS_S, MEAN_S, SIGMA_S, shape)
    around_s = np.array([-1e-14, 0.0, 1e-14])
    assert jump.cdf(np.full(3, 2e-9), around_s) == pytest.approx([1 / 3, 2 / 3, 2 / 3], abs=1e-3)
    assert jump.quantile(np.full(2, 2e-9), np.array([0.4, 0.6])).tolist() == [0.0, 0.0]
    assert np.isfinite(jump.log_density(np.full(3, 2e-9), around_s)).all()


def test_another_axis_holds_the_same_distribution() -> None:
    finer = SHAPED.on(np.union1d(AXIS_S, np.linspace(1e-9, 5e-9, 9)))
    share = np.linspace(0.05, 0.95, 7)
    assert finer.quantile(PLACES_S, share) == pytest.approx(SHAPED.quantile(PLACES_S, share))
    assert NORMAL.on(AXIS_S[:2]).shape is None


def _spoiled(values: Floats, value: float) -> Floats:
    return np.concatenate([values[:-1], [value]])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"mean_s": MEAN_S[:2]}, "lists of one length"),
        ({"conductance_s": AXIS_S[::-1]}, "rising"),
        ({"conductance_s": _spoiled(AXIS_S, np.inf)}, "finite"),
        ({"mean_s": _spoiled(MEAN_S, np.nan)}, "finite"),
        ({"sigma_s": _spoiled(SIGMA_S, 0.0)}, "sigma_s must be above 0"),
        ({"shape": SHAPE[:2]}, "3 rows of two or more"),
        ({"shape": SHAPE[:, :1]}, "3 rows of two or more"),
        ({"shape": SHAPE[0, :3]}, "3 rows of two or more"),
        ({"shape": SHAPE[:, ::-1]}, "rising quantiles"),
        ({"shape": SHAPE * [1, 1, 1, np.inf]}, "rising quantiles"),
    ],
    ids=range(10),
)
def test_what_is_no_profile_is_refused(changed: dict[str, Any], says: str) -> None:
    lists = {"conductance_s": AXIS_S, "mean_s": MEAN_S, "sigma_s": SIGMA_S}
    with pytest.raises(ConfigError, match=says):
        Profile(**{**lists, **changed})
