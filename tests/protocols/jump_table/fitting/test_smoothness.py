"""Splines, their roughness and the evidence against scipy, sampling and a grid."""

import numpy as np
import pytest
from scipy.interpolate import BSpline
from scipy.special import logsumexp

from hil.protocols.jump_table.fitting.censored import Likelihood, scaled
from hil.protocols.jump_table.fitting.smoothness import Evidence, smoothest
from hil.protocols.jump_table.fitting.spline_basis import cubic, dense, roughness
from hil.protocols.jump_table.points import Points
from tests.protocols.jump_table.fitting.published import drawn
from tests.protocols.jump_table.fitting.truths import CURVED, HIGH_S, LOW_S, points_of


def evidence_of(points: Points, size: int, order: int = 2) -> Evidence:
    """Set up the evidence of points."""
    first, values = cubic((points.conductance_s - LOW_S) / (HIGH_S - LOW_S), size)
    readings = scaled(points, censored=True)
    likelihood = Likelihood(size, size, first, values, values, readings)
    return Evidence(likelihood, roughness(size, order))


@pytest.mark.parametrize("size", [5, 15])
def test_basis_is_that_of_scipy(size: int) -> None:
    at = np.r_[0.0, np.random.default_rng(0).uniform(size=50), 1.0]
    knots = np.arange(-3, size + 1) / (size - 3)
    expected = BSpline.design_matrix(at[:-1], knots, 3).toarray()
    full = dense(*cubic(at, size), size)
    assert full[:-1] == pytest.approx(expected, abs=1e-12)
    assert full[-1, -3:] == pytest.approx([1 / 6, 4 / 6, 1 / 6])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_polynomials_below_the_order_are_not_rough(order: int) -> None:
    k = np.arange(9.0)
    matrix = roughness(9, order)
    assert (k ** (order - 1)) @ matrix @ k ** (order - 1) == pytest.approx(0, abs=1e-9)
    assert k**order @ matrix @ k**order > 1


def test_evidence_is_the_integral_over_the_coefficients() -> None:
    evidence = evidence_of(points_of(CURVED, 60, 1), 5)
    logs = np.array([2.0, 1.0])
    value, top = evidence.value(logs)
    penalty = evidence.penalty(logs)
    log_prior = 0.5 * np.linalg.slogdet(penalty)[1]
    rng = np.random.default_rng(2)
    # importance sampling from Student's t of 8 degrees of freedom about the top
    normal = rng.standard_normal((4000, 10))
    heavy = normal / np.sqrt(rng.chisquare(8, (4000, 1)) / 8)
    betas = top.beta + np.linalg.solve(top.factor.T, heavy.T).T
    log_p = np.array([evidence.likelihood.sums(beta)[0] for beta in betas])
    log_p += log_prior - 0.5 * np.einsum("ni,ij,nj->n", betas, penalty, betas)
    from scipy.stats import multivariate_t

    log_t = multivariate_t(np.zeros(10), np.eye(10), df=8).logpdf(heavy)
    log_t += np.log(np.diag(top.factor)).sum()
    exact = logsumexp(log_p - log_t) - np.log(4000) - 5 * np.log(2 * np.pi)
    assert value == pytest.approx(exact, abs=0.25)


def test_slope_of_the_evidence_is_a_finite_difference() -> None:
    evidence = evidence_of(points_of(CURVED, 300, 3), 15)
    for logs in np.array([[2.0, 1.0], [5.0, 6.0], [0.0, 9.0]]):
        slope = evidence.slope(logs, evidence.value(logs)[1])
        for j, way in enumerate(0.02 * np.eye(2)):
            after, before = evidence.value(logs + way)[0], evidence.value(logs - way)[0]
            assert slope[j] == pytest.approx((after - before) / 0.04, abs=3e-3)


@pytest.mark.parametrize("seed", range(4))
def test_search_finds_the_top_of_a_grid(seed: int) -> None:
    points = points_of(CURVED, 100, seed) if seed % 2 else drawn(100, seed)
    evidence = evidence_of(points, 15)
    found = evidence.value(smoothest(evidence))[0]
    grid = [
        evidence.value(np.array([mean, sigma]))[0]
        for mean in np.arange(-2.0, 14.0, 2)
        for sigma in np.arange(-2.0, 14.0, 2)
    ]
    assert found > max(grid) - 0.05
