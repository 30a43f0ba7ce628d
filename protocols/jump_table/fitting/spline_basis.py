"""Cubic B-splines on equal knots, and the penalty on differences of their coefficients."""

import numpy as np
from numpy.typing import NDArray

from hil.protocols.jump_table.profile import Floats


def cubic(at: Floats, size: int) -> tuple[NDArray[np.int64], Floats]:
    """Evaluate cubic B-splines on equal knots from 0 to 1.

    Source: Eilers and Marx, Statistical Science 11 (1996) 89: knots go on beyond both ends.

    Parameters
    ----------
    at : (n,) float64
        Places from 0 to 1.
    size : int
        Number of splines; there are 3 intervals fewer.

    Returns
    -------
    first : (n,) int64
        First spline that is not zero there.
    values : (n, 4) float64
        That spline and the next three; they add up to 1.
    """
    place = at * (size - 3)
    first = np.clip(place.astype(np.int64), 0, size - 4)
    t = place - first
    rest = 1.0 - t
    values = np.stack(
        [
            rest**3,
            (3 * t - 6) * t * t + 4,
            (3 * rest - 6) * rest * rest + 4,
            t**3,
        ],
        axis=1,
    )
    return first, values / 6.0


def dense(first: NDArray[np.int64], values: Floats, size: int) -> Floats:
    """Write the values out as a matrix, (n, size)."""
    full = np.zeros((len(first), size))
    rows = np.arange(len(first))
    for k in range(values.shape[1]):
        full[rows, first + k] = values[:, k]
    return full


def roughness(size: int, order: int) -> Floats:
    """Give the matrix of the sum of squared differences of neighbouring coefficients."""
    differences = np.diff(np.eye(size), order, axis=0)
    return differences.T @ differences
