"""Least-squares fit of normal distributions to many empirical CDFs at once."""

import numpy as np

from hil.protocols.jump_table.profile import Floats

_FLOOR = 0.25
"""Smallest sigma in widths of a step bin: the CDF is then 0 at one edge and 1 at the next but one,
and a smaller sigma would change no value of it."""

_FAR = 10.0
"""Longest step of a mean, in bins; of ln sigma it is 1."""

_ROUNDS = 100
_TOLERANCE = 1e-9


def fit_cdfs(cdf: Floats, mean: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """Fit ``Phi((edge - mean) / sigma)`` to each row by least squares.

    Levenberg-Marquardt in (mean, ln sigma) with a damping of its own for each row (Levenberg, Q.
    Appl. Math. 2 164 (1944); Marquardt, J. SIAM 11 431 (1963)); what a row comes to does not
    depend on the others.

    Parameters
    ----------
    cdf : (rows, edges) float64
        Share of the steps up to the edges 1, 2, 3, ...
    mean, sigma : (rows,) float64
        Where to start, in the same units: widths of a step bin.

    Returns
    -------
    mean, sigma : (rows,) float64
        Sigma is at least a quarter of a bin.
    """
    state = np.stack([mean, np.log(np.maximum(sigma, _FLOOR))])
    damping = np.full(len(mean), 1e-3)
    cost, slope, curve = _expand(cdf, state)
    left = np.arange(len(mean))
    for _ in range(_ROUNDS):
        step = _step(slope[:, left], curve[:, left], damping[left])
        trial = state[:, left] + step
        trial[1] = np.maximum(trial[1], np.log(_FLOOR))
        trial_cost, trial_slope, trial_curve = _expand(cdf[left], trial)
        better = trial_cost <= cost[left]
        rows = left[better]
        state[:, rows] = trial[:, better]
        cost[rows] = trial_cost[better]
        slope[:, rows] = trial_slope[:, better]
        curve[:, rows] = trial_curve[:, better]
        damping[left] *= np.where(better, 0.1, 10.0)
        settled = np.abs(step).max(axis=0) < _TOLERANCE * (1 + np.abs(state[:, left]).max(axis=0))
        left = left[~settled & (damping[left] < 1e12)]
        if not len(left):
            break
    return state[0], np.exp(state[1])


def _step(slope: Floats, curve: Floats, damping: Floats) -> Floats:
    """Solve the damped normal equations of each row."""
    a, b, c = curve[0] * (1 + damping) + 1e-30, curve[1], curve[2] * (1 + damping) + 1e-30
    whole = a * c - b * b
    step = np.stack([b * slope[1] - c * slope[0], b * slope[0] - a * slope[1]]) / whole
    most = np.array([[_FAR], [1.0]])
    return np.asarray(np.clip(step, -most, most))


def _expand(cdf: Floats, state: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the squared error of each row, its half gradient, and the Gauss-Newton matrix."""
    from scipy.special import ndtr

    edges = np.arange(1.0, cdf.shape[1] + 1)
    sigma = np.exp(state[1])[:, None]
    z = (edges - state[0][:, None]) / sigma
    off = ndtr(z) - cdf
    by_mean = np.exp(-0.5 * z * z) / (-np.sqrt(2 * np.pi) * sigma)
    by_log = by_mean * z * sigma
    by_mean_sum = np.einsum("ij,ij->i", by_mean, off)
    by_log_sum = np.einsum("ij,ij->i", by_log, off)
    curve = np.stack(
        [
            np.einsum("ij,ij->i", by_mean, by_mean),
            np.einsum("ij,ij->i", by_mean, by_log),
            np.einsum("ij,ij->i", by_log, by_log),
        ]
    )
    return np.einsum("ij,ij->i", off, off), np.stack([by_mean_sum, by_log_sum]), curve
