"""Means on one side of zero: the best allowed place and draws, against scipy."""

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize
from scipy.stats import kstest, truncnorm

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.censored import Likelihood, Scaled, Top, climb
from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.fitting.signs import draws_above, steer_above
from hil.protocols.jump_table.fitting.spline import Sign, Spline
from hil.protocols.jump_table.fitting.spline_basis import cubic, dense, roughness
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats
from tests.protocols.jump_table.fitting.published import drawn, truth
from tests.protocols.jump_table.fitting.truths import CURVED, distances, draws_of, points_of


def signed(points: Points, sign: Sign, seed: int = 0) -> Fit:
    """Fit with a sign."""
    return Spline(sign=sign).fit(points, np.random.default_rng(seed))


def held_back() -> tuple[Likelihood, Floats, Floats, Floats]:
    """Make up readings that dip below zero, a penalty, and walls at zero."""
    rng = np.random.default_rng(1)
    at = rng.uniform(size=150)
    first, values = cubic(at, 6)
    readings = Scaled(np.sin(6 * at) + rng.standard_normal(150), np.zeros(150, np.int64), 0.0, 1.0)
    penalty = np.kron(np.diag([1.0, 50.0]), roughness(6, 2)) + 0.01 * np.eye(12)
    curves = dense(*cubic(np.linspace(0, 1, 31), 6), 6)
    walls = np.hstack([curves, np.zeros_like(curves)])
    return Likelihood(6, 6, first, values, values, readings), penalty, walls, np.zeros(31)


def test_best_allowed_place_is_that_of_a_general_minimiser() -> None:
    likelihood, penalty, walls, offsets = held_back()

    def loss(beta: Floats) -> tuple[float, Floats]:
        log_p, slope, _ = likelihood.sums(beta)
        return 0.5 * float(beta @ penalty @ beta) - log_p, penalty @ beta - slope

    start = np.r_[np.ones(6), np.zeros(6)]
    found = minimize(
        loss, start, jac=True, method="SLSQP",
        constraints=LinearConstraint(walls, -offsets), options={"ftol": 1e-12, "maxiter": 500},
    )  # fmt: skip
    top = climb(likelihood, penalty, start, steer_above(walls, offsets))
    assert (walls @ top.beta).min() == pytest.approx(0, abs=1e-9)
    assert top.height == pytest.approx(-found.fun, abs=1e-5)
    assert top.beta == pytest.approx(found.x, abs=2e-3)
    assert climb(likelihood, penalty, start).height > top.height + 1


def normal_of(covariance: Floats, mean: Floats) -> Top:
    """Give the top of a normal distribution."""
    factor = np.linalg.cholesky(np.linalg.inv(covariance))
    return Top(mean, 0.0, 0.0, np.zeros(len(mean)), factor @ factor.T, factor)


def test_draws_beside_a_wall_are_a_truncated_normal() -> None:
    covariance = np.array([[4.0, 1.8], [1.8, 1.0]])
    top = normal_of(covariance, np.array([1.0, -3.0]))
    wall = np.array([[1.0, 0.0]])
    draws = draws_above(top, wall, np.array([0.5]), 20_000, np.random.default_rng(2))
    assert draws[:, 0].min() >= -0.5 - 1e-12
    expected = truncnorm(-0.75, np.inf, 1.0, 2.0)
    assert kstest(draws[::4, 0], expected.cdf).pvalue > 1e-3
    rest = draws[:, 1] + 3 - 0.45 * (draws[:, 0] - 1)
    assert rest.std() == pytest.approx(np.sqrt(0.19), rel=0.03)


def test_draws_in_a_corner_are_those_of_rejection() -> None:
    covariance = np.array([[1.0, 0.7], [0.7, 1.0]])
    walls = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    offsets = np.array([0.0, 0.2, 2.0])
    top = normal_of(covariance, np.array([0.3, 0.4]))
    draws = draws_above(top, walls, offsets, 20_000, np.random.default_rng(3))
    assert (draws @ walls.T + offsets).min() >= -1e-12
    every = np.random.default_rng(4).multivariate_normal([0.3, 0.4], covariance, 60_000)
    kept = every[(every @ walls.T + offsets >= 0).all(axis=1)]
    assert draws.mean(axis=0) == pytest.approx(kept.mean(axis=0), abs=0.02)
    assert np.cov(draws.T) == pytest.approx(np.cov(kept.T), abs=0.02)


def test_draws_about_a_held_back_top_are_centred_beyond_it() -> None:
    # N(-1, 1) kept above 0: the top is 0 and its slope is -1
    top = normal_of(np.eye(1), np.zeros(1))._replace(uphill=np.array([-1.0]))
    draws = draws_above(top, np.eye(1), np.zeros(1), 20_000, np.random.default_rng(5))
    assert kstest(draws[::4, 0], truncnorm(1.0, np.inf, -1.0, 1.0).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("sign", "voltage_v", "side"),
    [
        ("rising", -1.5, 1),
        ("falling", 1.5, -1),
        ("by-voltage", 1.5, 1),
        ("by-voltage", -1.5, -1),
    ],
)
@pytest.mark.parametrize("count", [40, 500])
def test_fit_and_draws_keep_their_side(
    sign: Sign, voltage_v: float, side: int, count: int
) -> None:
    plain = drawn(count, 3)
    points = Points(voltage_v, plain.conductance_s, plain.step_s, plain.low_s, plain.high_s)
    found = signed(points, sign)
    assert (side * found.profile.mean_s).min() >= 0
    assert (side * draws_of(found)[:, 0]).min() >= 0
    assert (side * draws_of(found)[:, 0]).max() > 0.01e-9
    assert len(draws_of(found)) == 300


def test_a_pulse_of_no_voltage_has_no_sign() -> None:
    plain = drawn(500, 3)
    points = Points(0.0, plain.conductance_s, plain.step_s, plain.low_s, plain.high_s)
    assert (
        signed(points, "by-voltage").profile.mean_s == signed(points, "none").profile.mean_s
    ).all()


def test_a_sign_that_is_known_brings_the_fit_nearer() -> None:
    ways = {
        sign: np.mean(
            [distances(signed(drawn(500, seed), sign), truth()) for seed in range(10)], axis=0
        )
        for sign in ("none", "by-voltage")
    }
    assert (ways["by-voltage"] < 0.95 * ways["none"]).all()


def test_a_mean_far_from_zero_is_left_alone() -> None:
    points = points_of(CURVED, 2000, 1)
    plain, kept = signed(points, "none"), signed(points, "rising")
    apart_s = np.abs(plain.profile.mean_s - kept.profile.mean_s)
    assert (apart_s < 0.3 * draws_of(plain)[:, 0].std(axis=0)).mean() > 0.8


def test_a_wrong_sign_shows_in_sigma() -> None:
    points = points_of(CURVED, 2000, 1)
    found = signed(points, "falling").profile
    mean_s, sigma_s = CURVED.moments(found.conductance_s[:30])
    assert found.mean_s.max() <= 0
    wide_s = np.hypot(mean_s, sigma_s)
    assert found.sigma_s[:30] == pytest.approx(wide_s, rel=0.25)


def test_steps_that_a_wrong_sign_leaves_no_scatter_are_refused() -> None:
    """Of steps in whole grains of 5 nS most stand still, and a sign presses sigma to nothing."""
    plain = drawn(2000, 5)
    step_s = np.round(plain.step_s / 5e-9) * 5e-9
    points = Points(1.0, plain.conductance_s, step_s, -2e-9, 43e-9)
    assert np.mean(step_s == 0) > 0.9
    with pytest.raises(ConfigError, match="no scatter"):
        signed(points, "rising")
