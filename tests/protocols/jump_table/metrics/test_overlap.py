from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from hil.errors import ConfigError
from hil.protocols.jump_table.metrics import ovle, ssd

means = st.floats(-3, 3)
sigmas = st.floats(-2.5, 2.5).map(lambda power: 10**power)


def half_the_integral(mean_x, sigma_x, mean_y, sigma_y):
    """Integrate eq. 8 numerically, piece by piece."""
    one, other = NormalDist(mean_x, sigma_x), NormalDist(mean_y, sigma_y)
    steps = np.array((-12.0, -5.0, -2.0, -0.7, 0.0, 0.7, 2.0, 5.0, 12.0))
    ends = np.unique(np.concatenate((mean_x + steps * sigma_x, mean_y + steps * sigma_y)))

    def apart(x):
        return abs(one.pdf(x) - other.pdf(x))

    return sum(quad(apart, a, b, epsabs=1e-10, limit=200)[0] for a, b in pairwise(ends)) / 2


@settings(max_examples=30)
@given(means, sigmas, means, sigmas)
def test_ovle_is_half_the_integral(mean_x, sigma_x, mean_y, sigma_y):
    told = ovle([mean_x], [sigma_x], [mean_y], [sigma_y])
    assert told == pytest.approx(half_the_integral(mean_x, sigma_x, mean_y, sigma_y), abs=1e-8)


@given(means, sigmas, means, sigmas)
def test_ssd_is_the_difference_of_probabilities(mean_x, sigma_x, mean_y, sigma_y):
    expected = abs(norm.cdf(0, mean_x, sigma_x) - norm.cdf(0, mean_y, sigma_y))
    assert ssd([mean_x], [sigma_x], [mean_y], [sigma_y]) == pytest.approx(expected, abs=1e-14)


@given(means, sigmas, means, sigmas, st.floats(-12, 12))
def test_neither_order_nor_unit_matters_and_ssd_is_the_smaller(a, s, b, t, power):
    unit = 10**power
    for metric in (ssd, ovle):
        told = metric([a], [s], [b], [t])
        assert 0 <= told <= 1
        assert metric([b], [t], [a], [s]) == told
        scaled = metric([a * unit], [s * unit], [b * unit], [t * unit])
        assert scaled == pytest.approx(told, abs=1e-13)
        assert metric([a], [s], [a], [s]) == 0
    assert ssd([a], [s], [b], [t]) <= ovle([a], [s], [b], [t]) + 1e-14


@pytest.mark.parametrize("little", [1e-4, 1e-7, 1e-10, 1e-13])
def test_nearly_equal_tables(little):
    # to first order: phi(0) d for means d sigmas apart, 2 phi(1) e for sigmas 1 and 1 + e
    apart = ovle([0.0], [1.0], [little], [1.0])
    assert apart == pytest.approx(norm.pdf(0) * little, rel=1e-3, abs=1e-15)
    wider = ovle([0.0], [1.0], [0.0], [1.0 + little])
    assert wider == pytest.approx(2 * norm.pdf(1) * (1 + little - 1), rel=1e-3, abs=1e-15)
    both = ovle([0.0], [1.0], [1.0], [1.0 + little])
    assert both == pytest.approx(ovle([0.0], [1.0], [1.0], [1.0]), abs=little)


@pytest.mark.parametrize(
    ("table", "other", "expected"),
    [
        ((0.0, 1.0), (0.0, 1e-300), 1.0),
        ((0.0, 1e-300), (1.0, 1e300), 1.0),
        ((0.0, 5e-324), (0.0, 1e308), 1.0),
        ((0.0, 1.0), (1e200, 1.0), 1.0),
        ((1e300, 1e-300), (0.0, 1e-300), 1.0),
        ((0.0, 1.0), (0.0, 1e6), 1 - 2 * 5.2565 * norm.pdf(0) * 1e-6 - 2 * norm.cdf(-5.2565)),
        ((1e6, 1.0), (1e6 + 1, 1.0), 2 * norm.cdf(0.5) - 1),
    ],
)
def test_extreme_tables(table, other, expected):
    told = ovle(*np.array((table, other)).reshape(4, 1))
    assert told == pytest.approx(expected, abs=1e-8)


def test_means_over_the_axis_and_draws_broadcast():
    rng = np.random.default_rng(1)
    mean, draws = rng.normal(size=7), rng.normal(size=(5, 2, 7))
    sigma, draws[:, 1] = np.exp(rng.normal(size=7)), np.exp(draws[:, 1])
    for metric in (ssd, ovle):
        told = metric(mean, sigma, draws[:, 0], draws[:, 1])
        each = [
            np.mean(
                [metric([m], [s], [a], [b]) for m, s, a, b in zip(mean, sigma, *draw, strict=True)]
            )
            for draw in draws
        ]
        assert told.shape == (5,)
        assert told == pytest.approx(each, abs=1e-14)
        assert isinstance(metric(mean, sigma, *draws[0]), float)


def test_the_published_tables():
    # means 0.161 and 0.022 nS at the ends of the paper's SET table, sigma 1.2 nS
    axis = np.linspace(3, 38, 100)
    mean, sigma = 0.173202952 - 3.97901806e-3 * axis, np.full(100, 1.2)
    expected = np.mean(norm.cdf(mean / 1.2) - 0.5)
    assert ssd(mean, sigma, np.zeros(100), sigma) == pytest.approx(expected, rel=1e-12)
    assert ssd(mean, sigma, -mean, sigma) == pytest.approx(2 * expected, rel=1e-12)


@pytest.mark.parametrize("metric", [ssd, ovle])
@pytest.mark.parametrize(
    ("tables", "says"),
    [
        (([0.0], [0.0], [0.0], [1.0]), "sigma is not a number above 0"),
        (([0.0], [1.0], [0.0], [-1.0]), "sigma is not a number above 0"),
        (([0.0], [np.nan], [0.0], [1.0]), "sigma is not a number above 0"),
        (([0.0], [1.0], [np.nan], [1.0]), "mean is not finite"),
        (([0.0] * 3, [1.0] * 3, [0.0] * 2, [1.0] * 2), "on one axis"),
        (([], [], [], []), "on one axis"),
        ((0.0, 1.0, 0.0, 1.0), "on one axis"),
    ],
)
def test_bad_tables(metric, tables, says):
    with pytest.raises(ConfigError, match=says):
        metric(*tables)
