"""Two-dimensional two-sample Kolmogorov-Smirnov distances, and the test that goes with one.

J. A. Peacock, "Two-dimensional goodness-of-fit testing in astronomy", MNRAS 202 615-627 (1983);
G. Fasano and A. Franceschini, "A multidimensional version of the Kolmogorov-Smirnov test", MNRAS
225 155-170 (1987). The distances compare the shares of two samples in the four quadrants around
an origin; ties in x and y are exact in both. Yousuf 2023 (arXiv 2211.15925), eq. 9, uses
Peacock's.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.protocols.jump_table.metrics import ks2d_kernel

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


class KsTest(NamedTuple):
    """Peacock's distance, the p-value, and the distance above which it is at most 5 %."""

    statistic: float
    p_value: float
    critical_95: float


class _Pooled(NamedTuple):
    """Points of both samples in the order of x, with the product of the sizes."""

    x_rank: Integers
    y_rank: Integers
    weight: Integers
    product: int


def ks2d(x: ArrayLike, y: ArrayLike) -> float:
    """Give Peacock's distance of two samples: exact, over all origins, in O(N log N).

    A sweep over x keeps, in a tree over the ranks of y, the sum and the lowest and highest prefix
    sum, so that the extremes over y are known at every x.

    Parameters
    ----------
    x, y : (n, 2), (m, 2) array_like
        The samples, such as conductance and step; the units do not matter.

    Returns
    -------
    float
        0 for equal samples, 1 where a quadrant holds all of one sample and nothing of the other.

    Raises
    ------
    ConfigError
        If a sample is empty, is not (points, 2), or holds NaN or infinity.
    """
    pooled = _pool(x, y)
    return _peacock(pooled, pooled.weight) / pooled.product


def fasano_franceschini(x: ArrayLike, y: ArrayLike) -> float:
    """Give the distance of Fasano and Franceschini: origins at the points only, in O(N log N).

    The mean of the largest difference around points of the first sample and around those of the
    second. A point on a line through the origin counts as left of it or below it, as in
    Numerical Recipes 14.8, so that the distance stays the same under rising maps of an axis but
    not under mirroring.

    Parameters
    ----------
    x, y : (n, 2), (m, 2) array_like
        The samples.

    Raises
    ------
    ConfigError
        As for `ks2d`.
    """
    pooled = _pool(x, y)
    first, second = ks2d_kernel.fasano_franceschini(pooled.x_rank, pooled.y_rank, pooled.weight)
    return int(first + second) / (2 * pooled.product)


def ks2d_test(
    x: ArrayLike, y: ArrayLike, rng: np.random.Generator, permutations: int = 200
) -> KsTest:
    """Test whether two samples come from one distribution, by permuting who is in which.

    The p-value is (1 + permutations at least as far apart) / (1 + permutations), which is exact
    for any distribution and sizes if the pooled points are exchangeable: independent points, and
    no model that was fitted to one of the samples (B. Phipson and G. K. Smyth, Stat. Appl. Genet.
    Mol. Biol. 9(1) 39 (2010)). Consecutive steps of one walk are not quite independent.

    Parameters
    ----------
    x, y : (n, 2), (m, 2) array_like
        The samples.
    rng : Generator
        Draws the permutations.
    permutations : int
        At least 19, below which no p-value can be 5 %.

    Raises
    ------
    ConfigError
        As for `ks2d`, and for too few permutations.
    """
    if permutations < 19:
        raise ConfigError(f"{permutations} permutations cannot tell 5 %; take 19 or more")
    pooled = _pool(x, y)
    seen = _peacock(pooled, pooled.weight)
    null = np.sort([_peacock(pooled, rng.permutation(pooled.weight)) for _ in range(permutations)])
    as_far = permutations - int(np.searchsorted(null, seen))
    critical = int(null[permutations - (permutations + 1) // 20])
    return KsTest(
        seen / pooled.product, (1 + as_far) / (1 + permutations), critical / pooled.product
    )


def _peacock(pooled: _Pooled, weight: Integers) -> int:
    return int(ks2d_kernel.peacock(pooled.x_rank, pooled.y_rank, weight))


def _pool(first: ArrayLike, second: ArrayLike) -> _Pooled:
    """Rank both samples together; a point weighs as many as the other sample has points."""
    samples = _checked(first, "first"), _checked(second, "second")
    sizes = len(samples[0]), len(samples[1])
    weight = np.repeat(np.array((sizes[1], -sizes[0]), np.int64), sizes)
    pooled = np.concatenate(samples)
    order = np.argsort(pooled[:, 0])
    x_rank, y_rank = (_ranks(np.ascontiguousarray(axis)) for axis in pooled.T)
    return _Pooled(x_rank[order], y_rank[order], weight[order], sizes[0] * sizes[1])


def _ranks(values: Floats) -> Integers:
    return np.asarray(ks2d_kernel.ranks(values, np.argsort(values)))


def _checked(sample: ArrayLike, name: str) -> Floats:
    try:
        points = np.asarray(sample, float)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the {name} sample holds what is no number ({error})") from error
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise ConfigError(f"the {name} sample is {points.shape}; it must be points, (n, 2)")
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise ConfigError(f"the {name} sample holds NaN or infinity in {bad} points; drop them")
    return points
