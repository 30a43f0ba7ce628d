"""Two-tier kriging: errors, sigma as switching noise, intervals."""

import sys

import numpy as np
import pytest

from hil.errors import ConfigError, MissingExtra
from hil.protocols.jump_table.fitting.kriging import (
    _LOG_CHI2_MEAN,
    _LOG_CHI2_VARIANCE,
    Kriging,
)
from hil.protocols.jump_table.points import Points
from tests.protocols.jump_table.fitting.published import SIGMA_S, drawn, errors

pytest.importorskip("sklearn")


def curved(count: int, seed: int) -> tuple[Points, np.random.Generator]:
    """Draw a wave with a sigma that grows tenfold."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(0, 1, count)
    step = np.sin(6 * at) + 0.1 * 10**at * rng.normal(size=count)
    return Points(1.0, at, step, -np.inf, np.inf), rng


@pytest.mark.slow
def test_errors_are_those_of_two_tiers() -> None:
    """One tier, the kriging error of the mean in place of sigma, has an OVLE of 0.7."""
    found = [
        errors(Kriging(draws=0).fit(drawn(300, seed), np.random.default_rng(seed)).profile)
        for seed in range(4)
    ]
    ssd, ovle = np.mean(found, axis=0)
    assert ssd < 0.04
    assert ovle < 0.08


def test_mean_and_sigma_follow_a_curve_inside_their_intervals() -> None:
    points, rng = curved(400, 1)
    fit = Kriging().fit(points, rng)
    axis, (mean, sigma) = fit.profile.conductance_s, (fit.profile.mean_s, fit.profile.sigma_s)
    np.testing.assert_allclose(mean, np.sin(6 * axis), atol=0.25)
    np.testing.assert_allclose(np.log(sigma), np.log(0.1 * 10**axis), atol=0.35)
    assert fit.draws is not None
    assert fit.draws.shape == (200, 2, 100)
    low, high = np.quantile(fit.draws, (0.005, 0.995), axis=0)
    truth = np.array([np.sin(6 * axis), 0.1 * 10**axis])
    assert ((low <= truth) & (truth <= high)).mean() > 0.8
    assert np.abs(np.diff(fit.draws[:, 0], axis=1)).max() < 0.3  # curves, not points
    assert fit.figures["points"] == 400
    assert 0.05 <= fit.figures["mean_length_s"] < 1


def test_residuals_give_sigma_and_not_the_error_of_the_mean() -> None:
    rng = np.random.default_rng(2)
    points = Points(1.0, rng.uniform(0, 1, 400), rng.normal(3.0, SIGMA_S, 400), -np.inf, np.inf)
    sigma_s = Kriging(draws=0).fit(points, rng).profile.sigma_s
    assert np.exp(np.log(sigma_s).mean()) == pytest.approx(SIGMA_S, rel=0.12)
    assert np.ptp(sigma_s) < 0.6 * SIGMA_S


def test_constants_are_moments_of_a_logarithm() -> None:
    logs = np.log(np.random.default_rng(3).normal(size=400_000) ** 2)
    assert logs.mean() == pytest.approx(_LOG_CHI2_MEAN, abs=0.02)
    assert logs.var() == pytest.approx(_LOG_CHI2_VARIANCE, rel=0.02)


def test_points_are_drawn_and_seeds_decide() -> None:
    points = drawn(1000, 1)
    one, two, other = (
        Kriging(most_points=60, draws=3).fit(points, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    assert one.figures["points"] == 60
    np.testing.assert_array_equal(one.profile.mean_s, two.profile.mean_s)
    np.testing.assert_array_equal(one.draws, two.draws)
    assert (one.profile.mean_s != other.profile.mean_s).any()


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ConfigError, match="kriging needs 20 points"):
        Kriging().fit(drawn(19, 0), np.random.default_rng(0))


def test_without_scikit_learn_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sklearn", "sklearn.gaussian_process"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=r"hil-bench\[learn\]"):
        Kriging().fit(drawn(40, 0), np.random.default_rng(0))
