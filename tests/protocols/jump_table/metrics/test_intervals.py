import numpy as np
import pytest

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.metrics import (
    fitted_interval,
    fixed_interval,
    mean_interval,
    nll,
    nll_each,
    ovle,
    refits,
    ssd,
)
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from tests.protocols.jump_table.metrics.tables import (
    HIGH_S,
    LOW_S,
    SIGMA_S,
    measured,
    paper_set,
)

DEVICE = paper_set(rows=10)


def _basis(conductance_s):
    return np.vander((conductance_s - 20e-9) / 17.5e-9, 3)


class Quadratic(Method, frozen=True):
    """Least squares with a quadratic mean and one sigma; the posterior under a flat prior."""

    draws: int = 150

    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        basis, axis_s = _basis(points.conductance_s), DEVICE.conductance_s
        inverse = np.linalg.inv(basis.T @ basis)
        best = inverse @ basis.T @ points.step_s
        squares = float(((points.step_s - basis @ best) ** 2).sum())
        free = len(points) - 3
        sigma = np.sqrt(squares / rng.chisquare(free, self.draws))
        spread = rng.normal(size=(self.draws, 3)) @ np.linalg.cholesky(inverse).T
        mean = (best + sigma[:, None] * spread) @ _basis(axis_s).T
        profile = Profile(
            axis_s, _basis(axis_s) @ best, np.full(len(axis_s), np.sqrt(squares / free))
        )
        return Fit(profile, np.stack((mean, np.repeat(sigma[:, None], len(axis_s), 1)), axis=1))


def unbounded(count, rng):
    """Draw points of the device with nothing that stops a step."""
    at_s = rng.uniform(LOW_S, HIGH_S, count)
    return Points(1.5, at_s, DEVICE.quantile(at_s, rng.random(count)), -np.inf, np.inf)


@pytest.fixture(scope="module")
def references():
    rng = np.random.default_rng(21)
    return [Quadratic().fit(unbounded(400, rng), rng) for _ in range(300)]


def covered(intervals, truth):
    return float(np.mean([low <= truth <= high for _, low, high in intervals]))


@pytest.mark.parametrize(
    ("table", "device"), [(paper_set(0.2), DEVICE), (paper_set(stretch=8), paper_set(stretch=12))]
)
def test_interval_of_the_likelihood_covers(table, device):
    """Where few steps are stopped, and where a third is."""
    rng = np.random.default_rng(22)
    truth = nll(table, measured(device, 400_000, rng), 1e-9)
    intervals = [
        mean_interval(nll_each(table, measured(device, 80, rng), 1e-9), rng, 300)
        for _ in range(300)
    ]
    assert 0.90 <= covered(intervals, truth) <= 0.98


def test_interval_of_a_mean_is_as_skewed_as_the_values():
    rng = np.random.default_rng(23)
    intervals = np.array([mean_interval(rng.exponential(size=20), rng, 300) for _ in range(300)])
    assert 0.90 <= covered(intervals, 1.0) <= 0.98
    value, low, high = intervals.T
    assert (high - value > value - low).mean() > 0.9


def test_interval_of_a_mean_narrows_and_has_its_level():
    rng = np.random.default_rng(24)
    values = rng.normal(3, 2, 4000)
    value, low, high = mean_interval(values, rng, 1000)
    assert value == values.mean()
    assert high - low == pytest.approx(2 * 1.96 * 2 / np.sqrt(4000), rel=0.15)
    narrow = mean_interval(values, rng, 1000, level=0.5)
    assert narrow.high - narrow.low == pytest.approx(2 * 0.674 * 2 / np.sqrt(4000), rel=0.15)
    assert mean_interval([2.0] * 10, rng) == (2.0, 2.0, 2.0)


def test_a_few_far_values_do_not_make_the_interval_of_a_mean_endless():
    values = np.r_[np.linspace(3.4, 3.6, 78), 0.5, 0.6]
    value, low, high = mean_interval(values, np.random.default_rng(26), 1000)
    assert 2.5 < low < value < high < 3.8


def test_values_that_give_no_interval_of_a_mean():
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=r"9 values are too few .* 10 will do"):
        mean_interval(np.arange(9), rng)
    with pytest.raises(ConfigError, match="1 of 12 values are not finite"):
        mean_interval([np.inf, *range(11)], rng)


@pytest.mark.parametrize("metric", [ssd, ovle])
def test_interval_of_a_fit_to_the_points_covers(references, metric):
    axis = DEVICE.mean_s, DEVICE.sigma_s
    inside = [
        low <= metric(fit.profile.mean_s, fit.profile.sigma_s, *axis) <= high
        for fit in references
        for _, low, high in [fitted_interval(metric, fit.profile, fit.profile, fit.draws)]
    ]
    assert 0.90 <= np.mean(inside) <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("metric", [ssd, ovle])
@pytest.mark.parametrize(
    ("shift", "stretch", "most"), [(0.0, 1.0, 0.99), (0.03, 1.1, 0.98), (0.2, 0.8, 0.98)]
)
def test_interval_of_a_fixed_model_covers(references, metric, shift, stretch, most):
    """At the device itself, where only one end can fail, nearer than the reference, and far."""
    table = paper_set(shift, stretch, rows=10)
    truth = metric(table.mean_s, table.sigma_s, DEVICE.mean_s, DEVICE.sigma_s)
    intervals = [fixed_interval(metric, table, fit.profile, fit.draws) for fit in references]
    assert 0.90 <= covered(intervals, truth) <= most
    assert all(low <= value <= high for value, low, high in intervals)
    values = [interval.value for interval in intervals]
    assert np.median(values) == pytest.approx(truth, rel=0.15, abs=0.01)


def test_the_models_own_axis_does_not_matter(references):
    fit = references[0]
    for interval in (fitted_interval, fixed_interval):
        coarse, fine = (
            interval(ovle, paper_set(0.1, rows=rows), fit.profile, fit.draws) for rows in (2, 99)
        )
        assert coarse == pytest.approx(fine, rel=1e-6)


def test_the_reference_as_a_fixed_model(references):
    fit = references[0]
    value, low, high = fixed_interval(ssd, fit.profile, fit.profile, fit.draws)
    assert value == low == 0
    assert high == fitted_interval(ssd, fit.profile, fit.profile, fit.draws, 0.9).high


def test_a_model_that_is_nearer_than_errors_allow_is_not_known_exactly(references):
    fit = references[0]
    near = Profile(
        fit.profile.conductance_s,
        fit.profile.mean_s + 1e-6 * fit.profile.sigma_s,
        fit.profile.sigma_s,
    )
    same = fixed_interval(ssd, fit.profile, fit.profile, fit.draws)
    assert fixed_interval(ssd, near, fit.profile, fit.draws) == pytest.approx(same, abs=1e-4)


def test_a_model_that_is_wrong_all_over(references):
    fit = references[0]
    table = paper_set(-8.0)
    for interval in (fitted_interval, fixed_interval):
        value, low, high = interval(ovle, table, fit.profile, fit.draws)
        assert 0.999 < low <= value <= high


def test_few_or_misplaced_draws(references):
    fit = references[0]
    for interval in (fitted_interval, fixed_interval):
        with pytest.raises(ConfigError, match="39 draws give no interval; 40"):
            interval(ssd, DEVICE, fit.profile, fit.draws[:39])
        with pytest.raises(ConfigError, match=r"\(k, 2, 10\)"):
            interval(ssd, DEVICE, fit.profile, fit.draws[:, :, 1:])


def test_refits_spread_as_the_posterior_does():
    rng = np.random.default_rng(25)
    points = unbounded(500, rng)
    fit = Quadratic(draws=2000).fit(points, rng)
    assert fit.draws is not None
    again = refits(Quadratic(), points, rng, 400)
    assert again.shape == (400, 2, 10)
    assert again.std(axis=0) == pytest.approx(fit.draws.std(axis=0), rel=0.2)
    assert again[:, 0].mean(axis=0) == pytest.approx(fit.profile.mean_s, abs=0.02 * SIGMA_S)
    elsewhere = refits(Quadratic(), points, rng, 3, [5e-9, 7e-9])
    assert elsewhere.shape == (3, 2, 2)
