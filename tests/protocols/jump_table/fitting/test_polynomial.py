"""The polynomial: degrees, coefficients, distance and intervals."""

from dataclasses import replace

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.fitting.polynomial import Polynomial
from hil.protocols.jump_table.points import Points
from tests.protocols.jump_table.fitting.published import drawn, truth
from tests.protocols.jump_table.fitting.truths import (
    HIGH_S,
    LOW_S,
    covered,
    device,
    distances,
    draws_of,
    points_of,
)

QUADRATIC = device(
    lambda G: 0.8 - 0.006 * (G - 20) ** 2, lambda G: np.exp(0.02 * (G - 20))
)  # in nS


def fit(points: Points, **settings: object) -> Fit:
    """Fit with a generator of its own."""
    return Polynomial(**settings).fit(points, np.random.default_rng(0))  # type: ignore[arg-type]


def test_it_comes_as_near_as_published() -> None:
    near = np.mean([distances(fit(drawn(500, seed)), truth()) for seed in range(20)], axis=0)
    assert near[0] < 0.021
    assert near[1] < 0.029


def test_degrees_of_the_truth_are_found() -> None:
    degrees = [fit(points_of(QUADRATIC, 4000, seed)).figures for seed in range(4)]
    assert [each["degree_mean"] for each in degrees].count(2) >= 3
    assert [each["degree_sigma"] for each in degrees].count(1) >= 3


def test_one_degree_is_least_squares() -> None:
    points = replace(drawn(500, 1), low_s=-np.inf, high_s=np.inf)
    found = fit(points, max_mean=1, max_sigma=0)
    if found.figures["degree_mean"] == 0:
        at, order = points.conductance_s * 0, 0
    else:
        at, order = points.conductance_s * 1e9, 1
    line = np.polynomial.Polynomial.fit(at, points.step_s, order, domain=[-1, 1])
    assert found.profile.mean_s == pytest.approx(
        line(found.profile.conductance_s * 1e9 if order else 0), rel=1e-4
    )
    sigma_s = np.sqrt(np.mean((points.step_s - line(at)) ** 2))
    assert found.profile.sigma_s == pytest.approx(sigma_s, rel=1e-4)
    log_p = -250 * (np.log(2 * np.pi) + 2 * np.log(sigma_s) + 1)
    assert found.figures["bic"] == pytest.approx(-2 * log_p + (order + 2) * np.log(500), abs=0.01)


def test_coefficients_give_the_profile() -> None:
    found = fit(points_of(QUADRATIC, 1000, 5))
    at = 2 * (found.profile.conductance_s - LOW_S) / (HIGH_S - LOW_S) - 1
    legendre = np.polynomial.legendre.legval
    assert legendre(at, found.figures["mean_s"]) == pytest.approx(found.profile.mean_s, rel=1e-9)
    assert np.exp(legendre(at, found.figures["log_sigma"])) == pytest.approx(
        found.profile.sigma_s, rel=1e-9
    )


@pytest.mark.slow
def test_intervals_cover_a_polynomial() -> None:
    inside = [covered(fit(points_of(QUADRATIC, 1000, seed)), QUADRATIC) for seed in range(150)]
    mean, sigma = np.mean(inside, axis=(0, 2))
    assert 0.90 < mean < 0.98
    assert 0.90 < sigma < 0.98


def test_draws_do_not_trust_one_degree() -> None:
    """Where it is open whether there is a slope, some draws have one."""
    found = next(fit for seed in range(20) if (fit := _flat(seed)).figures["degree_mean"] == 0)
    slopes = np.ptp(draws_of(found)[:, 0], axis=1)
    assert (slopes == 0).any()
    assert (slopes > 0.05e-9).any()


def _flat(seed: int) -> Fit:
    return fit(drawn(2000, seed))


def test_draws_of_skewed_steps_are_as_wide_as_their_moments_are_uncertain() -> None:
    """The variance of ln sigma is (kurtosis - 1) / 4n, that of normal steps 1 / 2n."""
    rng = np.random.default_rng(3)
    step = rng.exponential(size=4000)
    found = draws_of(
        fit(
            Points(1.0, rng.uniform(1, 2, 4000), step, -np.inf, np.inf),
            max_mean=0, max_sigma=0, draws=4000,
        )
    )  # fmt: skip
    kurtosis = np.mean((step - step.mean()) ** 4) / step.var() ** 2
    mean_s, log_sigma = found[:, 0, 0], np.log(found[:, 1, 0])
    assert mean_s.std() == pytest.approx(step.std() / np.sqrt(4000), rel=0.05)
    assert log_sigma.std() == pytest.approx(np.sqrt((kurtosis - 1) / 16_000), rel=0.05)
    assert kurtosis > 6
    # a skewed sample with a large mean has a large sigma
    assert np.corrcoef(mean_s, log_sigma)[0, 1] > 0.5


@pytest.mark.parametrize("count", [40, 100])
def test_few_points_are_fitted(count: int) -> None:
    for seed in range(30):
        found = fit(drawn(count, seed))
        assert np.isfinite(draws_of(found)).all()
        assert distances(found, truth())[1] < 0.6


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (drawn(39, 1), "a polynomial needs 40 points"),
        (Points(1.0, np.linspace(1, 2, 50), np.linspace(0, 1, 50), 0.0, 9.0), "no scatter"),
    ],
)
def test_points_that_say_too_little_are_refused(points: Points, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        fit(points)
