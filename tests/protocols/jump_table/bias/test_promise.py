"""Modeling bias: intervals that cover as often as they say, and what is said of them."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from hil.protocols.jump_table.bias.promise import Bias, Promise, difference
from hil.protocols.jump_table.profile import Floats

Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]

REPEATS = 4000


def normal(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    return rng.normal(0, 0.8, size)


def skewed(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Below the best by what is exponential, as where some trainings do not come far."""
    return 1.5 - rng.exponential(1.5, size)


def failing(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Three trainings in ten come ten points less far."""
    return rng.normal(0, 0.8, size) - 10 * ((rng.random(size) < 0.3) - 0.3)


@pytest.mark.parametrize(
    ("model", "target", "instances"),
    [
        (normal, normal, 3),
        (normal, normal, 20),
        (skewed, skewed, 6),
        (skewed, normal, 20),
        (failing, normal, 20),
    ],
    ids=["three", "normal", "six skewed", "skewed against normal", "failing against normal"],
)
def test_a_95_percent_interval_covers_what_it_should(
    model: Draw, target: Draw, instances: int
) -> None:
    rng = np.random.default_rng(7)
    drawn = 2.5 + model(rng, (instances, REPEATS)), target(rng, (instances, REPEATS))
    _, low, high = difference(*drawn)
    assert 0.90 <= np.mean((low <= 2.5) & (high >= 2.5)) <= 0.98


def test_the_interval_is_welchs(rng: np.random.Generator) -> None:
    model, target = rng.normal(85, 2, (7, 3)), rng.normal(84, 0.5, (12, 3))
    bias, low, high = difference(model, target)
    other = stats.ttest_ind(model, target, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose(bias, model.mean(0) - target.mean(0))
    np.testing.assert_allclose(low, other.low)
    np.testing.assert_allclose(high, other.high)


def test_accuracies_that_do_not_differ_have_an_interval_of_no_width() -> None:
    bias, low, high = difference(np.full((3, 2), 11.0), np.full((3, 2), 9.0))
    assert bias.tolist() == low.tolist() == high.tolist() == [2.0, 2.0]


def test_a_model_without_bias_shows_what_is_said(rng: np.random.Generator) -> None:
    target = rng.normal(85, 0.8, (20, REPEATS))
    promise = Promise.of("a", 1, rng.normal(85, 1.6, (20, REPEATS)), target)
    assert np.mean(np.abs(promise.bias)) == pytest.approx(np.mean(promise.unbiased), rel=0.05)


@pytest.fixture
def bias(rng: np.random.Generator) -> Bias:
    target = np.array([70.0, 80.0]) + rng.normal(0, 0.5, (20, 2))
    moved = {("spline", 1): 3.0, ("spline", 2): -4.0, ("binning", 1): 0.0}
    promises = [
        Promise.of(*key, target[rng.permutation(20)] + points, target)
        for key, points in moved.items()
    ]
    return Bias.of(3.0, {1.0: 70.0, 3.0: 75.0}, target, promises)


def test_over_and_under_promising_are_said_in_words(bias: Bias) -> None:
    lines = list(bias.lines())
    assert lines[0].startswith("learning rate 3, the target's best (1: 70.0 %, 3: 75.0 %); it is")
    assert "on 20 networks" in lines[1]
    assert lines[2].startswith("spline, data set 1: over-promises by 3.0 points (bias +3.0, 95 %")
    assert lines[3].startswith("spline, data set 2: under-promises by 4.0 points (bias -4.0, 95")
    assert "mean |bias| 3.5 points over all epochs and 2 data sets" in lines[4]
    assert lines[4].endswith("over-promising 1, under-promising 1")
    assert "binning: no bias seen (bias " in lines[5]


def test_figures_are_json(bias: Bias) -> None:
    figures = json.loads(json.dumps(bias.figures()))
    assert figures["rates"] == {"1.0": 70.0, "3.0": 75.0}
    assert [promise["verdict"] for promise in figures["promises"]] == [
        "over-promises",
        "under-promises",
        "no bias seen",
    ]
    assert figures["models"]["spline"]["mean_absolute_bias"] == pytest.approx(3.5)
    assert figures["models"]["spline"]["over_promise"] == 1
    assert figures["models"]["spline"]["under_promise"] == 1


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)
