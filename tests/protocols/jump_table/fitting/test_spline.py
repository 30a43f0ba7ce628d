"""The P-spline: how near it comes, how sure it is of it, its symmetries, and its limits."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.binning import Binning
from hil.protocols.jump_table.fitting.censored import Likelihood, as_spread, scaled, solve
from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.fitting.smoothness import Evidence, smoothest
from hil.protocols.jump_table.fitting.spline import Spline
from hil.protocols.jump_table.fitting.spline_basis import cubic, dense, roughness
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from tests.protocols.jump_table.fitting.published import drawn, truth
from tests.protocols.jump_table.fitting.truths import (
    CURVED,
    HIGH_S,
    LOW_S,
    Floats,
    covered,
    device,
    distances,
    draws_of,
    points_of,
)


def fit(points: Points, seed: int = 0, **settings: object) -> Fit:
    """Fit with a generator of its own."""
    return Spline(**settings).fit(points, np.random.default_rng(seed))  # type: ignore[arg-type]


def test_it_comes_as_near_as_published() -> None:
    near = np.mean([distances(fit(drawn(500, seed)), truth()) for seed in range(20)], axis=0)
    assert near[0] < 0.0229
    assert near[1] < 0.0333


@pytest.mark.slow
def test_it_is_three_times_nearer_than_bins() -> None:
    ours, bins = [], []
    for seed in range(12):
        points = drawn(4000, seed)
        ours.append(distances(fit(points, draws=1), truth()))
        bins.append(distances(Binning().fit(points, np.random.default_rng(0)), truth()))
    gain = np.mean(bins, axis=0) / np.mean(ours, axis=0)
    assert gain.min() > 2.8
    assert gain.max() > 3.0


def test_it_follows_curves() -> None:
    near = np.mean(
        [distances(fit(points_of(CURVED, 4000, seed)), CURVED) for seed in range(6)], axis=0
    )
    assert near[0] < 0.0125
    assert near[1] < 0.0210


def test_readings_at_the_bounds_are_not_steps() -> None:
    points = drawn(4000, 1)
    bent = distances(fit(points, censored=False), truth())
    assert distances(fit(points), truth())[1] < 0.6 * bent[1]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "repeats"), [(500, 200), (4000, 60)])
def test_intervals_cover_the_truth(count: int, repeats: int) -> None:
    inside = [covered(fit(drawn(count, 100 + k)), truth()) for k in range(repeats)]
    mean, sigma = np.mean(inside, axis=(0, 2))
    assert 0.90 < mean < 0.98
    assert 0.90 < sigma < 0.98
    edges = np.mean(inside, axis=0)[:, [0, -1]]
    assert edges.min() > 0.85


@pytest.mark.slow
def test_intervals_cover_the_truth_of_skewed_steps() -> None:
    """As wide as those of normal steps they would hold sigma in 72 % of cases."""
    inside = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        at_s = rng.uniform(LOW_S, HIGH_S, 1000)
        mean_s, sigma_s = truth().moments(at_s)
        step_s = mean_s + sigma_s * (rng.exponential(size=1000) - 1)
        inside.append(covered(fit(Points(1.5, at_s, step_s, -np.inf, np.inf)), truth()))
    mean, sigma = np.mean(inside, axis=(0, 2))
    assert 0.90 < mean < 0.98
    assert 0.82 < sigma < 0.98


def test_draws_know_the_straight_line() -> None:
    """What the penalty leaves free is as uncertain as a line of least squares is."""
    straight = device(lambda G: 20 - G, lambda _G: 1.0)
    points = points_of(straight, 1000, 5, np.linspace(8e-9, 32e-9, 1000))
    drawn_s = draws_of(fit(points, draws=2000))
    axis = np.linspace(LOW_S, HIGH_S, drawn_s.shape[2])
    G = np.linspace(8e-9, 32e-9, 1000)
    line = 1e-9 * np.sqrt(1 / 1000 + (axis - G.mean()) ** 2 / ((G - G.mean()) ** 2).sum())
    ratio = drawn_s[:, 0].std(axis=0) / line
    assert ratio.min() > 0.85
    assert np.median(ratio) < 1.6


def test_draws_are_of_several_smoothnesses() -> None:
    """What is not known about the precisions is in the draws: they are wider for it."""
    wider = []
    for seed in range(6):
        points = drawn(60, seed)
        readings = scaled(points, censored=True)
        at = (points.conductance_s - LOW_S) / (HIGH_S - LOW_S)
        likelihood = Likelihood(15, 15, *cubic(at, 15), cubic(at, 15)[1], readings)
        evidence = Evidence(likelihood, roughness(15, 2))
        logs = smoothest(evidence)
        factor = as_spread(likelihood, evidence.penalty(logs), evidence.top(logs)).factor
        curves = dense(*cubic(np.linspace(0, 1, 109), 15), 15)
        covariance = solve(factor, np.eye(30))[15:, 15:]
        spread = np.sqrt(np.einsum("ij,jk,ik->i", curves, covariance, curves))
        drawn_sigma = np.log(draws_of(fit(points, draws=4000))[:, 1]).std(axis=0)
        wider.append(drawn_sigma / spread)
    assert 1.05 < np.mean(wider) < 2.5


@given(
    scale=st.floats(1e-6, 1e6),
    step_scale=st.floats(1e-3, 1e3),
    seed=st.integers(0, 5),
    curved=st.booleans(),
)
@settings(max_examples=12, deadline=None)
def test_units_do_not_matter(scale: float, step_scale: float, seed: int, *, curved: bool) -> None:
    points = points_of(CURVED, 200, seed) if curved else drawn(200, seed)
    free = replace(points, low_s=-np.inf, high_s=np.inf)
    plain = fit(free, draws=5)
    other = fit(
        replace(
            free,
            conductance_s=scale * points.conductance_s,
            step_s=step_scale * points.step_s,
        ),
        draws=5,
    )
    assert other.profile.conductance_s == pytest.approx(scale * plain.profile.conductance_s)
    assert other.profile.mean_s == pytest.approx(
        step_scale * plain.profile.mean_s, abs=1e-5 * step_scale * 1e-9
    )
    assert other.profile.sigma_s == pytest.approx(step_scale * plain.profile.sigma_s, rel=1e-4)
    assert draws_of(other) == pytest.approx(
        step_scale * draws_of(plain), abs=1e-4 * step_scale * 1e-9
    )


@given(seed=st.integers(0, 20), curved=st.booleans())
@settings(max_examples=10, deadline=None)
def test_mirrored_points_give_the_mirrored_fit(seed: int, *, curved: bool) -> None:
    points = points_of(CURVED, 200, seed) if curved else drawn(200, seed)
    turned = replace(
        points,
        conductance_s=points.low_s + points.high_s - points.conductance_s,
        step_s=-points.step_s,
    )
    plain, other = fit(points).profile, fit(turned).profile
    assert other.mean_s[::-1] == pytest.approx(-plain.mean_s, abs=1e-13)
    assert other.sigma_s[::-1] == pytest.approx(plain.sigma_s, rel=1e-4)


def test_figures_say_what_the_fit_came_to() -> None:
    points = drawn(4000, 2)
    figures = fit(points).figures
    assert figures["points"] == 4000
    assert figures["stopped_low"] == np.count_nonzero(points.at_low) > 20
    assert figures["stopped_high"] == np.count_nonzero(points.at_high) > 20
    assert 2 < figures["freedom_mean"] < 4
    assert 2 < figures["freedom_sigma"] < 4
    curved = fit(points_of(CURVED, 4000, 2)).figures
    assert 5 < curved["freedom_mean"] < 13
    assert curved["precision_mean"] < figures["precision_mean"]


def test_evidence_is_in_the_units_of_the_steps() -> None:
    points = replace(drawn(300, 1), low_s=-np.inf, high_s=np.inf)
    thousand = replace(points, step_s=1000 * points.step_s)
    apart = fit(points).figures["log_evidence"] - fit(thousand).figures["log_evidence"]
    assert apart == pytest.approx(300 * np.log(1000), rel=1e-6)


def test_a_seed_decides() -> None:
    points = drawn(100, 1)
    assert (draws_of(fit(points, 1)) == draws_of(fit(points, 1))).all()
    assert (draws_of(fit(points, 1)) != draws_of(fit(points, 2))).any()


ROUGH = device(lambda _G: 0.5, lambda G: 0.02 * 10 ** ((G - 3) / 17.5))
HEAVY = device(lambda _G: 20.0, lambda _G: 8.0)


@pytest.mark.parametrize(
    ("device_is", "points"),
    [
        (truth(), drawn(40, 3)),
        (HEAVY, points_of(HEAVY, 4000, 4)),
        (ROUGH, points_of(ROUGH, 2000, 5)),
        (CURVED, points_of(CURVED, 900, 6, np.r_[5:7:300j, 20:21:300j, 35:37:300j] * 1e-9)),
        (CURVED, replace(points_of(CURVED, 900, 7), low_s=-np.inf, high_s=np.inf)),
    ],
    ids=["40 points", "most at a bound", "sigma varies 100-fold", "clusters", "no bounds"],
)
def test_hard_points_are_fitted(device_is: Profile, points: Points) -> None:
    found = fit(points)
    mean_s, sigma_s = device_is.moments(found.profile.conductance_s)
    assert np.abs((found.profile.mean_s - mean_s) / sigma_s).max() < 1.5
    assert np.abs(np.log(found.profile.sigma_s / sigma_s)).max() < 0.6
    assert np.isfinite(draws_of(found)).all()
    assert (draws_of(found)[:, 1] > 0).all()


def test_most_of_the_heavy_points_are_at_a_bound() -> None:
    points = points_of(HEAVY, 4000, 4)
    assert np.mean(points.at_low | points.at_high) > 0.55


def test_outliers_widen_sigma_and_no_more() -> None:
    points = drawn(2000, 8)
    step_s = points.step_s.copy()
    step_s[:4] = 1e-6
    found = fit(replace(points, step_s=step_s, low_s=-np.inf, high_s=np.inf))
    assert np.isfinite(draws_of(found)).all()
    assert found.profile.sigma_s.min() > 0.5e-9


@pytest.mark.slow
def test_a_hundred_thousand_points() -> None:
    points = drawn(100_000, 9)
    start = time.process_time()
    near = distances(fit(points, draws=10), truth())
    assert time.process_time() - start < 4
    assert near[1] < 0.005


@pytest.mark.benchmark
@pytest.mark.parametrize(("count", "most_s"), [(4000, 0.060), (10_000, 0.150)])
def test_speed(count: int, most_s: float) -> None:
    points = drawn(count, 10)
    taken_s = []
    for _ in range(8):
        start = time.perf_counter()
        fit(points)
        taken_s.append(time.perf_counter() - start)
    assert min(taken_s) < most_s


def _changed(**changes: object) -> Points:
    return replace(drawn(100, 11), **changes)  # type: ignore[arg-type]


def _spoiled(value: float) -> Floats:
    step_s = drawn(100, 11).step_s.copy()
    step_s[3] = value
    return step_s


STILL = Points(1.0, np.linspace(3e-9, 38e-9, 100), np.linspace(1e-9, 2e-9, 100), 0.0, 1e-7)
STOPPED = Points(
    1.0, np.linspace(3e-9, 38e-9, 100), 38e-9 - np.linspace(3e-9, 38e-9, 100), 0.0, 38e-9
)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (drawn(39, 1), "a spline needs 40 points"),
        (_changed(step_s=_spoiled(np.nan)), "1 of the 100 points at 1.5 V are no finite numbers"),
        (_changed(step_s=_spoiled(np.inf)), "no finite numbers"),
        (_changed(conductance_s=np.full(100, 1e-8)), "all 100 points"),
        (_changed(high_s=1.0), "less than a tenth of the range"),
        (_changed(step_s=np.full(100, 1e-12), low_s=0.0, high_s=1e-7), "steps"),
        (STOPPED, "weaker pulses would do"),
        (STILL, "no scatter"),
    ],
)
def test_points_that_say_too_little_are_refused(points: Points, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        fit(points)
