import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ks_2samp

from hil.errors import ConfigError
from hil.protocols.jump_table.metrics import fasano_franceschini, ks2d, ks2d_test


def _quadrants(x, y, x_at, y_at):
    """Count, for every origin, weighted points in the four quadrants: (4, x_at, y_at)."""
    weight = np.repeat((len(y), -len(x)), (len(x), len(y)))
    pooled = np.concatenate((x, y))
    left, below = pooled[:, 0] <= x_at[:, None], pooled[:, 1] <= y_at[:, None]
    return np.array(
        [
            (side * weight) @ half.T
            for side in (left.astype(int), 1 - left)
            for half in (below.astype(int), 1 - below)
        ]
    )


def brute_peacock(x, y):
    """Compare all four quadrants around every pair of an x and a y that occur."""
    x_at, y_at = (np.unique(np.concatenate((x, y))[:, axis]) for axis in (0, 1))
    return int(np.abs(_quadrants(x, y, x_at, y_at)).max()) / (len(x) * len(y))


def brute_fasano_franceschini(x, y):
    """Compare the quadrants around each point of either sample."""
    most = [
        int(np.abs([np.diag(q) for q in _quadrants(x, y, origins[:, 0], origins[:, 1])]).max())
        for origins in (x, y)
    ]
    return sum(most) / (2 * len(x) * len(y))


def _case(seed):
    """Draw two samples; every second case has ties, within a sample and between them."""
    rng = np.random.default_rng((7, seed))
    n, m = rng.integers(1, 25, 2)
    x, y = rng.normal(size=(n, 2)), rng.normal(rng.choice((0, 1)), 1, size=(m, 2))
    kind = seed % 10
    if kind in (1, 3, 5):
        x, y = (np.round(sample * rng.choice((0.5, 1, 3))) for sample in (x, y))
    if kind == 7:
        x[:, 1], y[:, 1] = x[:, 0] * rng.choice((-1, 1)), y[:, 0]
    if kind == 9:
        y = np.concatenate((y, x[rng.integers(0, n, 5)], y[:1]))
    if kind == 5:
        x[:, rng.integers(2)] = 0
    return x, y


def test_equals_a_search_of_all_origins_in_a_thousand_cases():
    cases = [_case(seed) for seed in range(1000)]
    assert min(len(x) for x, _ in cases) == min(len(y) for _, y in cases) == 1
    assert [ks2d(*case) for case in cases] == [brute_peacock(*case) for case in cases]


def test_fasano_franceschini_equals_a_search_of_all_points_in_a_thousand_cases():
    cases = [_case(seed) for seed in range(1000)]
    expected = [brute_fasano_franceschini(*case) for case in cases]
    assert [fasano_franceschini(*case) for case in cases] == expected


@pytest.mark.parametrize("decimals", [1, 9])
def test_equals_a_search_with_hundreds_of_points(decimals):
    rng = np.random.default_rng(3)
    x = np.round(rng.normal(size=(300, 2)), decimals)
    y = np.round(rng.normal(0.2, 1, size=(170, 2)), decimals)
    assert ks2d(x, y) == brute_peacock(x, y)
    assert fasano_franceschini(x, y) == brute_fasano_franceschini(x, y)


def test_known_distances():
    corner = [(0.0, 0.0), (1.0, 1.0)]
    assert ks2d(corner, [(0.0, 1.0), (1.0, 0.0)]) == 0.5
    assert ks2d([(0, 0)], [(0, 0)]) == 0
    assert ks2d([(0, 0)], [(0, 1)]) == 1
    # an origin between all points, at none of them, tells these apart
    ring = [(-1, -2), (-2, -1)], [(1, 2), (2, -1.5)]
    assert ks2d(*ring) == 1


def samples():
    """Small samples with many ties."""
    return st.integers(1, 12).flatmap(
        lambda count: arrays(float, (count, 2), elements=st.integers(-4, 4).map(float))
    )


@given(samples(), samples())
def test_the_order_of_samples_axes_and_directions_does_not_matter(x, y):
    distance = ks2d(x, y)
    assert ks2d(y, x) == distance
    assert ks2d(x[:, ::-1], y[:, ::-1]) == distance
    for one, other in ((np.exp, np.arctan), (np.negative, np.cbrt)):
        mapped = (np.stack((one(s[:, 0]), other(s[:, 1])), axis=1) for s in (x, y))
        assert ks2d(*mapped) == distance


@given(samples(), samples())
def test_fasano_franceschini_is_symmetric_and_no_larger(x, y):
    distance = fasano_franceschini(x, y)
    assert fasano_franceschini(y, x) == distance
    assert fasano_franceschini(x[:, ::-1], y[:, ::-1]) == distance
    assert fasano_franceschini(np.exp(x), np.exp(y)) == distance
    assert distance <= ks2d(x, y)


@given(samples(), st.sampled_from([(20.0, 0.0), (0.0, -20.0), (-20.0, 20.0)]))
def test_zero_for_a_sample_and_itself_one_for_separated_ones(x, apart):
    assert ks2d(x, x[::-1]) == fasano_franceschini(x, x) == 0
    assert ks2d(x, np.concatenate((x, x))) == 0
    assert ks2d(x, x + apart) == 1


@given(samples(), samples())
def test_one_dimension_is_scipys_distance(x, y):
    assume(len(x) + len(y) > 2)  # scipy divides by zero there
    x[:, 1] = y[:, 1] = 3.0
    expected = ks_2samp(x[:, 0], y[:, 0], method="asymp").statistic
    assert ks2d(x, y) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (np.zeros((0, 2)), "must be points"),
        (np.zeros((3, 3)), "must be points"),
        (np.zeros(4), "must be points"),
        ([(0.0, np.nan), (1.0, 1.0)], "NaN or infinity in 1 points"),
        ([(np.inf, 0.0)], "NaN or infinity in 1 points"),
        ([("a", "b")], "holds what is no number"),
    ],
)
@pytest.mark.parametrize("distance", [ks2d, fasano_franceschini])
def test_bad_samples_are_named(distance, bad, says):
    good = [(0.0, 0.0)]
    with pytest.raises(ConfigError, match=f"the second sample .*{says}"):
        distance(good, bad)
    with pytest.raises(ConfigError, match=f"the first sample .*{says}"):
        distance(bad, good)


def test_p_value_and_critical_distance_say_the_same():
    rng = np.random.default_rng(11)
    told = [
        ks2d_test(rng.normal(size=(12, 2)), rng.normal(shift, 1, (9, 2)), rng, permutations)
        for shift in (0.0, 0.5, 1.0)
        for permutations in (19, 40, 99, 104)
        for _ in range(20)
    ]
    verdicts = [test.p_value <= 0.05 for test in told]
    assert verdicts == [test.statistic > test.critical_95 for test in told]
    assert {True, False} == set(verdicts)


def test_the_test_is_wrong_in_one_case_of_twenty():
    rng = np.random.default_rng(5)

    def clipped(count):
        conductance = rng.random(count)
        step = np.clip(rng.normal(0, 0.5, count), -conductance, 1 - conductance)
        return np.stack((conductance, step), axis=1)

    p = [ks2d_test(clipped(30), clipped(20), rng, 99).p_value for _ in range(600)]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.08
    assert np.mean(p) == pytest.approx(0.5, abs=0.05)


def test_the_test_sees_a_shift():
    rng = np.random.default_rng(6)
    found = ks2d_test(rng.normal(size=(200, 2)), rng.normal(0.5, 1, (150, 2)), rng)
    assert found.statistic > found.critical_95
    assert found.p_value == 1 / 201


def test_too_few_permutations():
    with pytest.raises(ConfigError, match="take 19 or more"):
        ks2d_test([(0, 0)], [(0, 1)], np.random.default_rng(0), 18)


@pytest.mark.benchmark
@pytest.mark.parametrize(("count", "bound_s"), [(4_000, 2e-3), (10_000, 6e-3)])
def test_takes_milliseconds(count, bound_s):
    x, y = np.random.default_rng(0).normal(size=(2, count, 2))
    took_s = []
    for _ in range(30):
        begun_s = time.perf_counter()
        ks2d(x, y)
        took_s.append(time.perf_counter() - begun_s)
    assert min(took_s) < bound_s
