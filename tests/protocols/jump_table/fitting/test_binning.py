"""Algorithm 1: published errors, exactness, empty bins, and bins by cross-validation."""

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.special import ndtr

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.binning import Binning, BinningCv
from hil.protocols.jump_table.fitting.gaussian_cdf import fit_cdfs
from hil.protocols.jump_table.points import Points
from tests.protocols.jump_table.fitting.published import HIGH_S, LOW_S, drawn, errors

INDEPENDENT = {
    ("SET", 40): (0.1965, 0.3189),
    ("RESET", 40): (0.1925, 0.3085),
    ("SET", 100): (0.1558, 0.2368),
    ("RESET", 100): (0.1523, 0.2362),
    ("SET", 200): (0.1006, 0.1466),
    ("RESET", 200): (0.0983, 0.1463),
    ("SET", 500): (0.0588, 0.0877),
    ("RESET", 500): (0.0577, 0.0866),
    ("SET", 1000): (0.0428, 0.0646),
    ("RESET", 1000): (0.0416, 0.0638),
    ("SET", 2000): (0.0288, 0.0483),
    ("RESET", 2000): (0.0289, 0.0473),
    ("SET", 4000): (0.0220, 0.0368),
    ("RESET", 4000): (0.0217, 0.0357),
    ("SET", 10000): (0.0159, 0.0270),
    ("RESET", 10000): (0.0154, 0.0258),
}
"""SSD and OVLE of another implementation of 20 x 50 bins, means of 20 data sets."""

RNG = np.random.default_rng(1)


def plain(conductance_s: list[float], step_s: list[float]) -> Points:
    return Points(1.0, np.array(conductance_s), np.array(step_s), -np.inf, np.inf)


@pytest.mark.parametrize(("which", "count"), INDEPENDENT)
def test_errors_are_those_of_another_implementation(which: str, count: int) -> None:
    repeats = 100 if count <= 200 else 40
    found = [
        errors(Binning().fit(drawn(count, seed, which), RNG).profile, which)
        for seed in range(repeats)
    ]
    np.testing.assert_allclose(np.mean(found, axis=0), INDEPENDENT[which, count], rtol=0.1)


def test_errors_are_known_for_moments_and_for_fewer_bins() -> None:
    methods = (Binning(g_bins=10, estimate="moments"), Binning(g_bins=5), Binning(g_bins=50))
    found = [
        np.mean([errors(method.fit(drawn(4000, seed), RNG).profile) for seed in range(40)], axis=0)
        for method in methods
    ]
    assert found[0][0] == pytest.approx(0.0176, rel=0.1)
    np.testing.assert_allclose(found[1], (0.0133, 0.0199), rtol=0.1)
    np.testing.assert_allclose(found[2], (0.0359, 0.0523), rtol=0.1)


@pytest.mark.parametrize(
    ("count", "expected"), [(500, (0.0201, 0.0274)), (4000, (0.0210, 0.0314))]
)
def test_cross_validation_stops_at_the_pile_up(count: int, expected: tuple[float, float]) -> None:
    found = [
        errors(BinningCv().fit(drawn(count, seed), np.random.default_rng(seed)).profile)
        for seed in range(12)
    ]
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(6)
    assert (np.abs(mean - expected) < 3 * error).all()


def test_cross_validation_takes_few_bins_for_a_line_and_more_for_a_wave() -> None:
    rng = np.random.default_rng(3)
    at = rng.uniform(0, 1, 3000)
    noise = rng.normal(size=3000)
    line, wave = (
        BinningCv().fit(plain(list(at), list(mean + noise)), np.random.default_rng(0))
        for mean in (0.3 * at, 2 * np.sin(25 * at))
    )
    assert line.figures["g_bins"] <= 6
    assert wave.figures["g_bins"] >= 15
    assert wave.figures["validation_nll"] == pytest.approx(0.5 * np.log(2 * np.pi) + 0.5, abs=0.1)


def test_least_squares_is_that_of_scipy() -> None:
    rng = np.random.default_rng(5)
    edges = np.arange(1.0, 51.0)
    sizes = rng.integers(3, 400, 30)
    samples = [rng.normal(rng.uniform(5, 45), rng.uniform(2, 12), size) for size in sizes]
    cdf = np.array([[np.mean(np.floor(s) < edge) for edge in edges] for s in samples])
    mean, sigma = fit_cdfs(cdf, np.array([s.mean() for s in samples]), np.full(30, 6.0))
    for row in range(30):
        theirs, _ = curve_fit(
            lambda x, m, s: ndtr((x - m) / s), edges, cdf[row], (mean[row] + 1, sigma[row] * 1.2)
        )
        np.testing.assert_allclose((mean[row], sigma[row]), theirs, rtol=1e-4)


def test_rows_do_not_depend_on_each_other() -> None:
    rng = np.random.default_rng(6)
    cdf = np.sort(rng.random((6, 20)), axis=1)
    start, spread = np.full(6, 10.0), np.full(6, 5.0)
    together = np.array(fit_cdfs(cdf, start, spread))
    alone = [fit_cdfs(cdf[k : k + 1], start[:1], spread[:1]) for k in range(6)]
    np.testing.assert_allclose(together, np.array(alone)[:, :, 0].T, rtol=1e-10)


def test_a_sigma_that_no_edge_sees_is_a_quarter_of_a_bin() -> None:
    cdf = np.r_[np.zeros(9), 0.5, np.ones(10)][None]
    mean, sigma = fit_cdfs(cdf, np.array([9.5]), np.array([0.5]))
    assert (mean[0], sigma[0]) == pytest.approx((10.0, 0.25), abs=1e-3)


@pytest.mark.parametrize("estimate", ["cdf-fit", "moments"])
def test_quantiles_of_a_line_give_the_line(estimate: str) -> None:
    # in each bin the same 400 conductances and the same 400 normal quantiles, in balance
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(400) + 0.5) / 400)
    centres = np.repeat((np.arange(20) + 0.5) / 20, 400)
    points = plain(list(centres), list(0.7 - 2.0 * centres + np.tile(quantiles, 20)))
    low, high = 0.5 / 20, 1 - 0.5 / 20
    method = Binning(g_bins=20, step_bins=400, estimate=estimate)  # type: ignore[arg-type]
    profile = method.fit(points, RNG).profile
    bins = low + (np.arange(20) + 0.5) * (high - low) / 20
    np.testing.assert_allclose(profile.conductance_s, bins)
    at_points = np.unique(centres)
    np.testing.assert_allclose(profile.mean_s, 0.7 - 2.0 * at_points, atol=0.005)
    np.testing.assert_allclose(profile.sigma_s, 1.0, rtol=0.01)


def test_bins_that_say_nothing_are_bridged() -> None:
    rng = np.random.default_rng(8)
    at = np.r_[rng.uniform(0, 0.3, 500), 0.55, rng.uniform(0.7, 1.0, 500)]
    fit = Binning(g_bins=10).fit(plain(list(at), list(at + rng.normal(0, 0.1, 1001))), RNG)
    assert fit.figures["fitted_bins"] == len(fit.profile.conductance_s) == 6
    mean, sigma = fit.profile.moments(0.5)
    assert float(mean) == pytest.approx(0.5, abs=0.03)
    assert float(sigma) == pytest.approx(0.1, abs=0.02)


def test_units_do_not_matter() -> None:
    points = drawn(300, 1)
    large = Points(1.5, points.conductance_s * 1e9, points.step_s * 1e9, LOW_S * 1e9, HIGH_S * 1e9)
    for method in (Binning(), Binning(estimate="moments"), BinningCv()):
        small_fit = method.fit(points, np.random.default_rng(0)).profile
        large_fit = method.fit(large, np.random.default_rng(0)).profile
        np.testing.assert_allclose(small_fit.mean_s * 1e9, large_fit.mean_s, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(small_fit.sigma_s * 1e9, large_fit.sigma_s, rtol=1e-6)


@pytest.mark.parametrize("method", [Binning(), BinningCv()])
@pytest.mark.parametrize(
    ("points", "says"),
    [
        (plain([1.0, 2.0], [1.0, 2.0]), "points at 1 V or more, and there are 2"),
        (plain([1.0] * 40, list(np.arange(40.0))), "start from 1 S"),
        (plain(list(np.arange(40.0)), [2.0] * 40), "all 40 steps at 1 V are 2 S"),
        (plain([*np.arange(39.0), np.nan], [1.0] * 40), "1 of the 40 points"),
        (plain([0.0] * 39 + [1.0], list(np.arange(40.0))), "points spread over the range would"),
    ],
)
def test_points_that_carry_nothing_are_refused(
    method: Binning | BinningCv, points: Points, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        method.fit(points, np.random.default_rng(0))


def test_a_step_far_from_all_others_is_named_and_does_not_matter_to_moments() -> None:
    rng = np.random.default_rng(9)
    points = plain(list(rng.uniform(0, 1, 1000)), [*rng.normal(0, 1, 999), 1e6])
    with pytest.raises(ConfigError, match=r"steps from -3\.\d+ to 1e\+06 S; leave out"):
        Binning().fit(points, RNG)
    assert np.median(Binning(estimate="moments").fit(points, RNG).profile.sigma_s) < 1.5
