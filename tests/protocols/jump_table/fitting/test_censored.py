"""The censored likelihood against scipy, finite differences and closed forms."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr
from scipy.stats import CensoredData, norm

from hil.protocols.jump_table.fitting.censored import (
    Likelihood,
    NoScatter,
    Scaled,
    Top,
    as_spread,
    climb,
    scaled,
)
from hil.protocols.jump_table.fitting.censored_kernel import log_tail, point_terms
from hil.protocols.jump_table.fitting.spline_basis import cubic, roughness
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats


def likelihood(seed: int, count: int = 60, size: int = 5) -> tuple[Likelihood, Floats]:
    """Make up readings of which a third is at each bound, and coefficients of no meaning."""
    rng = np.random.default_rng(seed)
    first, values = cubic(rng.uniform(size=count), size)
    side = rng.integers(-1, 2, count)
    readings = Scaled(3 * rng.standard_normal(count), side, 0.0, 1.0)
    beta = rng.normal(scale=0.7, size=2 * size)
    return Likelihood(size, size, first, values, values, readings), beta


@pytest.mark.parametrize("z", [-1e8, -1e4, -300.0, -30.1, -29.9, -8.0, -0.3, 0.0, 2.0, 9.0, 40.0])
def test_tail_is_stable(z: float) -> None:
    log_below, h, rise = log_tail(z)
    assert log_below == pytest.approx(log_ndtr(z), rel=1e-12, abs=1e-300)
    assert h == pytest.approx(np.exp(norm.logpdf(z) - log_ndtr(z)) if z > -30 else -z, rel=2e-3)
    # z + h falls off as 1/|z|, where the plain sum would have lost all digits
    if z < -100:
        assert rise * -z == pytest.approx(1 - 2 / z**2, rel=1e-8)
    else:
        assert rise == pytest.approx(z + h, rel=1e-9)


def test_log_likelihood_is_that_of_scipy() -> None:
    maker, beta = likelihood(1)
    basis = np.zeros((60, 5))
    for k in range(4):
        basis[np.arange(60), maker.first + k] = maker.mean_basis[:, k]
    mu, sigma = basis @ beta[:5], np.exp(basis @ beta[5:])
    step, side, *_ = maker.readings
    expected = np.select(
        [side < 0, side > 0],
        [norm.logcdf(step, mu, sigma), norm.logsf(step, mu, sigma)],
        norm.logpdf(step, mu, sigma),
    ).sum()
    assert maker.sums(beta)[0] == pytest.approx(expected, rel=1e-12)


def test_slope_and_curvature_are_finite_differences() -> None:
    maker, beta = likelihood(2)
    _, slope, curvature = maker.sums(beta)
    for k, way in enumerate(1e-5 * np.eye(10)):
        after, before = maker.sums(beta + way), maker.sums(beta - way)
        assert slope[k] == pytest.approx((after[0] - before[0]) / 2e-5, rel=1e-6, abs=1e-6)
        assert curvature[k] == pytest.approx((before[1] - after[1]) / 2e-5, rel=1e-6, abs=1e-6)


def test_stand_in_of_the_curvature_is_never_negative() -> None:
    negative = 0
    for seed in range(20):
        maker, beta = likelihood(seed)
        stand_in = maker.sums(beta, exact=False)[2]
        assert np.linalg.eigvalsh(stand_in).min() > -1e-9
        negative += np.linalg.eigvalsh(maker.sums(beta)[2]).min() < -1e-3
    assert negative > 5  # of the exact one: the stand-in is needed
    for z in (-3.0, -0.3, 0.3, 3.0):
        for side in (-1, 0, 1):
            assert point_terms(0.0, 0.0, z, side)[3] >= 0
            one = np.ones((1, 1))
            alone = Scaled(np.array([z]), np.array([side]), 0.0, 1.0)
            maker = Likelihood(1, 1, np.zeros(1, np.int64), one, one, alone)
            assert np.linalg.eigvalsh(maker.sums(np.zeros(2), exact=False)[2]).min() >= 0


def test_squares_are_those_of_single_readings() -> None:
    maker, beta = likelihood(7)
    expected = np.zeros((10, 10))
    for i in range(60):
        one = slice(i, i + 1)
        readings = Scaled(maker.readings.step[one], maker.readings.side[one], 0.0, 1.0)
        alone = Likelihood(
            5, 5, maker.first[one], maker.mean_basis[one], maker.sigma_basis[one], readings
        )
        slope = alone.sums(beta)[1]
        expected += np.outer(slope, slope)
    assert maker.squares(beta) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def covariance(top: Top) -> Floats:
    return np.asarray(np.linalg.inv(top.factor @ top.factor.T))


def test_spread_of_normal_readings_is_that_of_the_posterior() -> None:
    """Readings that are what the model says, a part of them stopped, make no difference."""
    rng = np.random.default_rng(8)
    first, values = cubic(rng.uniform(size=40_000), 5)
    step = np.clip(rng.standard_normal(40_000), -1.0, 1.5)
    side = (step == 1.5).astype(np.int64) - (step == -1.0)
    maker = Likelihood(5, 5, first, values, values, Scaled(step, side, 0.0, 1.0))
    penalty = np.kron(np.eye(2), 30 * roughness(5, 2)) + 0.01 * np.eye(10)
    top = climb(maker, penalty, np.zeros(10))
    ratio = np.diag(covariance(as_spread(maker, penalty, top))) / np.diag(covariance(top))
    assert ratio == pytest.approx(np.ones(10), abs=0.08)


def test_spread_leaves_the_centre_where_it_is() -> None:
    maker, beta = likelihood(9, count=400)
    penalty = 5 * np.eye(10)
    top = climb(maker, penalty, beta)._replace(uphill=np.linspace(-1, 1, 10))
    again = as_spread(maker, penalty, top)
    assert again.beta is top.beta
    centres = [covariance(one) @ one.uphill for one in (top, again)]
    assert centres[1] == pytest.approx(centres[0], rel=1e-9)


def test_one_mean_and_one_sigma_are_those_of_scipy() -> None:
    rng = np.random.default_rng(3)
    step = np.clip(rng.normal(0.4, 1.3, 400), -0.8, 1.0)
    side = (step == 1.0).astype(np.int64) - (step == -0.8)
    one = np.ones((400, 1))
    maker = Likelihood(1, 1, np.zeros(400, np.int64), one, one, Scaled(step, side, 0.0, 1.0))
    top = climb(maker, np.zeros((2, 2)), np.zeros(2))
    data = CensoredData(step[side == 0], left=step[side < 0], right=step[side > 0])
    mean, sigma = norm.fit(data)
    assert top.beta[0] == pytest.approx(mean, abs=1e-3)
    assert np.exp(top.beta[1]) == pytest.approx(sigma, abs=1e-3)
    assert abs(mean - 0.4) < 0.15 < abs(np.exp(top.beta[1]) - step.std())


def test_top_is_that_of_a_general_minimiser() -> None:
    maker, _ = likelihood(4, count=200, size=6)
    penalty = np.kron(np.diag([2.0, 5.0]), roughness(6, 2)) + 0.01 * np.eye(12)

    def loss(at: Floats) -> tuple[float, Floats]:
        log_p, slope, _ = maker.sums(at)
        return 0.5 * float(at @ penalty @ at) - log_p, penalty @ at - slope

    found = minimize(loss, np.zeros(12), jac=True, method="BFGS", options={"gtol": 1e-8})
    top = climb(maker, penalty, 3 * np.ones(12))
    assert top.height == pytest.approx(-found.fun, rel=1e-10)
    assert top.beta == pytest.approx(found.x, abs=1e-5)
    assert top.height == pytest.approx(-loss(top.beta)[0], rel=1e-10)
    assert maker.sums(top.beta)[0] == pytest.approx(top.log_p, rel=1e-9)
    assert abs(maker.sums(top.beta)[1] - penalty @ top.beta).max() < 1e-4


def test_uncensored_mean_is_weighted_least_squares() -> None:
    maker, _ = likelihood(5, count=300)
    readings = maker.readings._replace(side=np.zeros(300, np.int64))
    maker = Likelihood(5, 5, maker.first, maker.mean_basis, maker.sigma_basis, readings)
    penalty = np.kron(np.eye(2), 3 * roughness(5, 2)) + 0.01 * np.eye(10)
    top = climb(maker, penalty, np.zeros(10))
    basis = np.zeros((300, 5))
    for k in range(4):
        basis[np.arange(300), maker.first + k] = maker.mean_basis[:, k]
    weight = np.exp(-2 * basis @ top.beta[5:])[:, None]
    closed = np.linalg.solve(
        basis.T @ (weight * basis) + penalty[:5, :5], basis.T @ (weight[:, 0] * readings.step)
    )
    assert top.beta[:5] == pytest.approx(closed, abs=1e-6)


def test_steps_without_scatter_end() -> None:
    maker, _ = likelihood(6)
    readings = Scaled(np.zeros(60), np.zeros(60, np.int64), 0.0, 1.0)
    maker = Likelihood(5, 5, maker.first, maker.mean_basis, maker.sigma_basis, readings)
    with pytest.raises(NoScatter):
        climb(maker, 1e-3 * np.eye(10), np.ones(10))


def test_readings_at_a_bound_are_steps_to_the_bound() -> None:
    at_s = np.array([2.0, 2.0, 9.0, 5.0, 5.0]) * 1e-9
    after_s = np.array([0.8, 4.0, 10.5, 6.0, 4.5]) * 1e-9
    points = Points(1.0, at_s, after_s - at_s, 1e-9, 10e-9)
    readings = scaled(points, censored=True)
    assert readings.side.tolist() == [-1, 0, 1, 0, 0]
    back_s = readings.centre_s + readings.spread_s * readings.step
    assert back_s == pytest.approx([-1e-9, 2e-9, 1e-9, 1e-9, -0.5e-9])
    assert scaled(points, censored=False).side.tolist() == [0, 0, 0, 0, 0]


def test_scale_survives_steps_that_mostly_stand_still() -> None:
    step_s = np.r_[np.zeros(90), np.linspace(-1e-9, 1e-9, 10)]
    readings = scaled(Points(1.0, np.zeros(100), step_s, -1.0, 1.0), censored=True)
    assert readings.spread_s == pytest.approx(step_s.std())
    assert np.isfinite(readings.step).all()
    assert ndtr(readings.step).max() < 1
