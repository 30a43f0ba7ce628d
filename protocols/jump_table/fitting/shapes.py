"""Distributions as equally spaced quantiles, even between two: laid out, and their moments."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def laid_out(values: Floats, count: int) -> Floats:
    """Lay out a sample's quantiles at *count* equally spaced probabilities from 0 to 1.

    The first and the last lie so that the mean square of what is beyond the second and the last
    but one is that of the sample there; at the extremes of the sample they would make its tails
    too heavy.
    """
    ordered = np.sort(values)
    share = (np.arange(len(ordered)) + 0.5) / len(ordered)
    quantiles = np.interp(np.linspace(0, 1, count), share, ordered)
    tail = max(1, round(len(ordered) / (count - 1)))
    quantiles[0] = _end(quantiles[1], ordered[:tail], -1)
    quantiles[-1] = _end(quantiles[-2], ordered[-tail:], 1)
    return quantiles


def _end(inner: float, tail: Floats, sign: int) -> float:
    """Find the end x of a piece from *inner* with the mean square (x^2 + x i + i^2) / 3."""
    inside = 12 * float(np.mean(tail**2)) - 3 * inner**2
    end = 0.5 * (-inner + sign * np.sqrt(max(inside, 0.0)))
    return float(max(end, inner) if sign > 0 else min(end, inner))


def moments(quantiles: Floats) -> tuple[Floats, Floats]:
    """Give mean and sigma of distributions, (rows, quantiles), as (rows, 1) each."""
    left, right = quantiles[:, :-1], quantiles[:, 1:]
    mean = (0.5 * (left + right)).mean(axis=1, keepdims=True)
    square = ((left * left + left * right + right * right) / 3).mean(axis=1, keepdims=True)
    return mean, np.sqrt(square - mean**2)
