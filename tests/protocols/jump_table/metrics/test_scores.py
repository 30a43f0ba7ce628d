from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest, norm

from hil.errors import ConfigError
from hil.protocols.jump_table.metrics import nll, nll_each, pit, pit_distance
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from tests.protocols.jump_table.metrics.tables import HIGH_S, LOW_S, measured, paper_set, skewed


def wide() -> Profile:
    """Give a table of which every third step is stopped at a bound."""
    return paper_set(stretch=20)


@pytest.mark.parametrize("table", [paper_set(), wide(), skewed()])
def test_pit_is_uniform_under_the_right_table(table):
    rng = np.random.default_rng(2)
    p = [pit_distance(pit(table, measured(table, 100, rng), rng)).p_value for _ in range(400)]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08
    assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("table", [paper_set(0.3), paper_set(stretch=1.5), skewed()])
def test_pit_sees_the_wrong_table(table):
    rng = np.random.default_rng(3)
    found = pit_distance(pit(table, measured(paper_set(), 1000, rng), rng))
    assert found.p_value < 1e-3


def test_pit_of_a_stopped_step_is_spread_over_what_reaches_the_bound():
    at_s = np.array([LOW_S + 1e-9, HIGH_S - 1e-9]).repeat(2000)
    step_s = np.array([-1e-9, 1e-9]).repeat(2000)
    points = Points(1.5, at_s, step_s, LOW_S, HIGH_S)
    table = Profile(np.array([LOW_S, HIGH_S]), np.zeros(2), np.full(2, 1e-9))
    shares = pit(table, points, np.random.default_rng(4))
    reach = norm.cdf(-1)
    assert kstest(shares[:2000] / reach, "uniform").pvalue > 0.01
    assert kstest((shares[2000:] - (1 - reach)) / reach, "uniform").pvalue > 0.01


def test_pit_distance_is_scipys():
    shares = np.random.default_rng(5).random(40) ** 1.3
    expected = kstest(shares, "uniform")
    assert pit_distance(shares) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


@pytest.mark.parametrize("bad", [[], [0.5, np.nan], [1.5], [[0.5]]])
def test_what_is_no_pit(bad):
    with pytest.raises(ConfigError, match="each from 0 to 1"):
        pit_distance(bad)


def test_likelihood_of_free_and_stopped_steps():
    at_s = np.array([10e-9, LOW_S + 1e-9, HIGH_S - 2e-9])
    points = Points(1.5, at_s, np.array([0.5e-9, -1e-9, 2e-9]), LOW_S, HIGH_S)
    table = Profile(np.array([LOW_S, HIGH_S]), np.full(2, 0.1e-9), np.full(2, 1e-9))
    told = nll_each(table, points, unit_s=1e-9)
    assert told == pytest.approx(
        [-norm.logpdf(0.4), -norm.logcdf(-1.1), -norm.logsf(1.9)], rel=1e-12
    )
    assert nll(table, points, unit_s=1e-9) == pytest.approx(told.mean())
    assert nll_each(table, points, 1e-6)[0] == pytest.approx(told[0] - np.log(1e3))


@pytest.mark.parametrize("table", [paper_set(), wide(), skewed()])
def test_probabilities_add_up_to_one(table):
    """Stopped steps and free ones are scored by one distribution."""
    at_s = LOW_S + 2e-9
    ends_s = np.linspace(LOW_S - at_s, HIGH_S - at_s, 100_001)
    step_s = (ends_s[1:] + ends_s[:-1]) / 2
    one = Points(1.5, np.full(100_000, at_s), step_s, LOW_S, HIGH_S)
    unit_s = ends_s[1] - ends_s[0]
    free = np.exp(-nll_each(table, one, unit_s)).sum()
    both = Points(1.5, np.full(2, at_s), ends_s[[0, -1]], LOW_S, HIGH_S)
    assert free + np.exp(-nll_each(table, both, unit_s)).sum() == pytest.approx(1, abs=1e-4)


def test_no_bound_no_censoring():
    points = measured(paper_set(), 50, np.random.default_rng(6))
    free = replace(points, low_s=-np.inf, high_s=np.inf)
    mean_s, sigma_s = paper_set().moments(points.conductance_s)
    expected = -norm.logpdf(points.step_s, mean_s, sigma_s) - np.log(1e-9)
    assert nll_each(paper_set(), free, 1e-9) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [None, np.array([[-1.0, 0.5, 1.0]] * 2)])
def test_a_step_far_beyond_the_table_counts_finitely(shape):
    table = Profile(np.array([LOW_S, HIGH_S]), np.zeros(2), np.full(2, 1e-11), shape)
    points = Points(1.5, np.full(3, 5e-9), np.array([-2e-9, 33e-9, 1e-9]), LOW_S, HIGH_S)
    told = nll_each(table, points, 1e-11)
    rare = 0.0 if shape is None else np.log(100)
    assert told[0] == pytest.approx(200**2 / 2 + np.log(200 * np.sqrt(2 * np.pi)) + rare, rel=1e-8)
    assert told[1] == pytest.approx(3300**2 / 2, rel=1e-5)
    assert told[2] == pytest.approx(100**2 / 2 + np.log(2 * np.pi) / 2 + rare, rel=1e-8)


def test_units_of_conductance_do_not_matter():
    points = measured(paper_set(), 200, np.random.default_rng(7))
    table = paper_set()
    in_us = Points(1.5, points.conductance_s * 1e3, points.step_s * 1e3, LOW_S * 1e3, HIGH_S * 1e3)
    larger = Profile(table.conductance_s * 1e3, table.mean_s * 1e3, table.sigma_s * 1e3)
    assert nll(larger, in_us) == pytest.approx(nll(table, points), rel=1e-9)


def test_a_table_that_knows_mean_and_sigma_has_its_entropy():
    rng = np.random.default_rng(8)
    step_s = rng.normal(0, 1e-9, 20_000)
    points = Points(1.5, np.full(20_000, 20e-9), step_s, -np.inf, np.inf)
    table = Profile(np.array([LOW_S, HIGH_S]), np.zeros(2), np.full(2, 1e-9))
    assert nll(table, points) == pytest.approx((1 + np.log(2 * np.pi)) / 2, abs=0.02)


@pytest.mark.parametrize("wrong", [paper_set(0.2), paper_set(stretch=1.2), paper_set(stretch=0.8)])
@pytest.mark.parametrize("unit_s", [None, 1e-9])
def test_the_right_table_is_the_likeliest(wrong, unit_s):
    points = measured(paper_set(), 4000, np.random.default_rng(9))
    assert nll(paper_set(), points, unit_s) < nll(wrong, points, unit_s) - 0.01


def _points(step_s):
    return Points(1.5, np.full(len(step_s), 9e-9), np.array(step_s, float), LOW_S, HIGH_S)


def test_bad_points():
    rng = np.random.default_rng(0)
    for bad, says in (([], "no points"), ([np.nan, 0.0], "NaN or infinity")):
        with pytest.raises(ConfigError, match=says):
            pit(paper_set(), _points(bad), rng)
        with pytest.raises(ConfigError, match=says):
            nll(paper_set(), _points(bad))
    with pytest.raises(ConfigError, match="give unit_s"):
        nll(paper_set(), _points([1e-9, 1e-9]))
