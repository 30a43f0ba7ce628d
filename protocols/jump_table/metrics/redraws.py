"""How far points are from a table: averaged over redraws, with an interval and what is usual."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.metrics.intervals import FEWEST_DRAWS, FEWEST_VALUES, tails
from hil.protocols.jump_table.metrics.ks2d import ks2d
from hil.protocols.jump_table.metrics.scores import pit, uniform_distance
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile


class Distance(NamedTuple):
    """A distance, the two ends of its interval, and what the right model stays below in 95 %."""

    value: float
    low: float
    high: float
    null_95: float


def ks_interval(
    profile: Profile,
    points: Points,
    rng: np.random.Generator,
    redraws: int = 4,
    resamples: int = 200,
    level: float = 0.95,
) -> Distance:
    """Give Peacock's distance between points and steps drawn from a table.

    Steps are drawn at the points' own conductances and stopped at their bounds, several times;
    the distance is the mean, since that of one redraw is mostly its own noise. Even the right
    model is not at 0: compare with `null_95`.

    `null_95` is simulated from the table, so that a model that was not fitted to these points and
    is right is above it in 5 %, at any number of points; one that was fitted to them is above
    less often. The interval is for the distance expected at this number of points. It comes from
    resampled points, whose distances are larger by their own noise; it is shifted back by the
    mean of that. Its coverage is not guaranteed: it is near *level* where the table is clearly
    off and above it where the table is right.

    Parameters
    ----------
    profile : Profile
        The table.
    points : Points
        What was measured.
    rng : Generator
        Draws steps and resamples.
    redraws : int
        How many synthetic samples to average over.
    resamples : int
        How many resamples, and how many simulations for `null_95`.
    level : float
        Coverage asked for.

    Raises
    ------
    ConfigError
        If the points are fewer than ten, or hold NaN, or the resamples are fewer than 40.
    """

    def apart(measured: Points) -> float:
        drawn = redraw(profile, measured, rng)
        return ks2d(_pairs(measured), _pairs(drawn))

    return _over_redraws(apart, profile, points, rng, redraws, resamples, level)


def pit_interval(
    profile: Profile,
    points: Points,
    rng: np.random.Generator,
    redraws: int = 4,
    resamples: int = 200,
    level: float = 0.95,
) -> Distance:
    """Give the Kolmogorov-Smirnov distance of the PIT from uniform.

    As `ks_interval`, with the same promises; what is redrawn are the values of steps that were
    stopped at a bound. It sees no error that is up at one conductance and down at another, and
    has less noise than the two-dimensional distance.
    """

    def apart(measured: Points) -> float:
        return uniform_distance(pit(profile, measured, rng))

    return _over_redraws(apart, profile, points, rng, redraws, resamples, level)


def redraw(profile: Profile, points: Points, rng: np.random.Generator) -> Points:
    """Draw a step from a table at each point's conductance, and stop it at the points' bounds."""
    at_s = points.conductance_s
    # a share of 0 is infinitely far out in a normal distribution
    step_s = profile.quantile(at_s, np.maximum(rng.random(len(at_s)), 1e-300))
    return Points(
        points.voltage_v,
        at_s,
        np.clip(step_s, points.low_s - at_s, points.high_s - at_s),
        points.low_s,
        points.high_s,
    )


def _over_redraws(
    apart: Callable[[Points], float],
    profile: Profile,
    points: Points,
    rng: np.random.Generator,
    redraws: int,
    resamples: int,
    level: float,
) -> Distance:
    """Average a distance over redraws; bootstrap it, and simulate it for points of the table."""
    total = len(points)
    if total < FEWEST_VALUES or resamples < FEWEST_DRAWS:
        raise ConfigError(
            f"{total} points and {resamples} resamples are too few for an interval of a distance; "
            f"{FEWEST_VALUES} and {FEWEST_DRAWS} will do"
        )

    def average(measured: Points) -> float:
        return float(np.mean([apart(measured) for _ in range(redraws)]))

    value = average(points)
    again = [average(points.take(rng.integers(0, total, total))) for _ in range(resamples)]
    null = sorted(average(redraw(profile, points, rng)) for _ in range(resamples))
    shift = value - float(np.mean(again))
    low, high = np.quantile(again, tails(level)) + shift
    return Distance(
        value, max(float(low), 0.0), float(high), null[resamples - (resamples + 1) // 20]
    )


def _pairs(points: Points) -> Floats:
    return np.stack((points.conductance_s, points.step_s), axis=1)
