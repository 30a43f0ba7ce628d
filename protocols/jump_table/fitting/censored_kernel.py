"""Sums over readings of a censored normal likelihood with slope and curvature, in numba."""

import math

import numpy as np
from numba import njit

_FAR = -30.0
"""Below it the normal tail comes from its asymptotic series, which is exact to rounding there."""

_ROOT_HALF = math.sqrt(0.5)
_LOG_ROOT_TWO_PI = 0.5 * math.log(2 * math.pi)


@njit(cache=True, error_model="numpy")
def log_tail(z):
    """Return ln Phi(z), the Mills ratio h = phi/Phi and z + h, stable for every z.

    Abramowitz and Stegun, Handbook of Mathematical Functions (1964): 7.1.22 (Phi from erfc) and
    26.2.12 (series of the tail). h' = -h (z + h).
    """
    if z < _FAR:
        t = 1.0 / (z * z)
        lack = t * (1.0 - t * (3.0 - t * (15.0 - t * (105.0 - 945.0 * t))))
        log_phi = -0.5 * z * z - _LOG_ROOT_TWO_PI
        whole = 1.0 - lack
        return log_phi + math.log(whole / -z), -z / whole, -z * lack / whole
    above = 0.5 * math.erfc(z * _ROOT_HALF)
    below = 1.0 - above if z > 0 else 0.5 * math.erfc(-z * _ROOT_HALF)
    log_below = math.log1p(-above) if z > 0 else math.log(below)
    h = math.exp(-0.5 * z * z - _LOG_ROOT_TWO_PI) / below
    return log_below, h, z + h


@njit(cache=True, error_model="numpy")
def point_terms(mu, eta, step, side):
    """Return ln p of one reading, d/dmu, d/deta and the negative second derivatives.

    eta = ln sigma. A reading inside (side 0) has the normal density, one at the lower bound (-1)
    the probability of everything below it, one at the upper bound (1) of everything above it:
    Tobin, Econometrica 26 (1958) 24.
    """
    inverse = math.exp(-eta)
    z = (step - mu) * inverse
    if side == 0:
        return (
            -0.5 * z * z - eta - _LOG_ROOT_TWO_PI,
            z * inverse,
            z * z - 1.0,
            inverse * inverse,
            2.0 * z * inverse,
            2.0 * z * z,
        )
    w = -side * z
    log_p, h, rise = log_tail(w)
    bent = h * rise
    return (
        log_p,
        side * h * inverse,
        -w * h,
        bent * inverse * inverse,
        side * inverse * (h - w * bent),
        w * (w * bent - h),
    )


@njit(cache=True, error_model="numpy")
def _curves(beta, a, b, mean_basis, sigma_basis, i):
    """Give mu and ln sigma of reading i, whose coefficients begin at a and b."""
    mu, eta = 0.0, 0.0
    for j in range(mean_basis.shape[1]):
        mu += mean_basis[i, j] * beta[a + j]
    for j in range(sigma_basis.shape[1]):
        eta += sigma_basis[i, j] * beta[b + j]
    return mu, eta


@njit(cache=True, error_model="numpy")
def sums(beta, means, first, mean_basis, sigma_basis, step, side, exact, slope, curvature):
    """Add up ln p over readings, its gradient and its negative Hessian; return ln p.

    Parameters
    ----------
    beta : (p,) float64
        Coefficients of mu, then of ln sigma.
    means : int
        How many of them are mu's.
    first : (n,) int64
        First function of the basis that is not zero at a reading.
    mean_basis, sigma_basis : (n, k) and (n, l) float64
        Values of that function and those after it, for mu and ln sigma.
    step, side : (n,) float64 and (n,) int64
        Readings (for one at a bound: the bound), and -1, 0 or 1: where they were stopped.
    exact : bool
        Whether to add up the exact Hessian; otherwise one that is never negative: without the
        cross terms, and with 1 + z^2, between the expected 2 and the observed 2 z^2, for ln sigma.
    slope, curvature : (p,) and (p, p) float64
        Filled; of the curvature the lower triangle.
    """
    slope[:] = 0.0
    curvature[:] = 0.0
    total = 0.0
    k, m = mean_basis.shape[1], sigma_basis.shape[1]
    for i in range(len(step)):
        a, b = first[i], means + first[i]
        mu, eta = _curves(beta, a, b, mean_basis, sigma_basis, i)
        log_p, by_mu, by_eta, mu_mu, mu_eta, eta_eta = point_terms(mu, eta, step[i], side[i])
        if not exact:
            mu_eta = 0.0
            eta_eta = 1.0 + 0.5 * eta_eta if side[i] == 0 else max(eta_eta, 0.0)
        total += log_p
        for j in range(k):
            slope[a + j] += mean_basis[i, j] * by_mu
            heavy = mean_basis[i, j] * mu_mu
            for q in range(j + 1):
                curvature[a + j, a + q] += heavy * mean_basis[i, q]
        for j in range(m):
            slope[b + j] += sigma_basis[i, j] * by_eta
            heavy = sigma_basis[i, j] * eta_eta
            for q in range(j + 1):
                curvature[b + j, b + q] += heavy * sigma_basis[i, q]
            heavy = sigma_basis[i, j] * mu_eta
            for q in range(k):
                curvature[b + j, a + q] += heavy * mean_basis[i, q]
    return total


@njit(cache=True, error_model="numpy")
def squares(beta, means, first, mean_basis, sigma_basis, step, side, whole):
    """Add up the outer products of each reading's gradient of ln p.

    Parameters are those of `sums`; of *whole*, (p, p) float64, the lower triangle is filled.
    """
    whole[:] = 0.0
    k, m = mean_basis.shape[1], sigma_basis.shape[1]
    slope, at = np.empty(k + m), np.empty(k + m, np.int64)
    for i in range(len(step)):
        a, b = first[i], means + first[i]
        mu, eta = _curves(beta, a, b, mean_basis, sigma_basis, i)
        by_mu, by_eta = point_terms(mu, eta, step[i], side[i])[1:3]
        for j in range(k):
            slope[j], at[j] = mean_basis[i, j] * by_mu, a + j
        for j in range(m):
            slope[k + j], at[k + j] = sigma_basis[i, j] * by_eta, b + j
        for j in range(k + m):
            for q in range(j + 1):
                whole[at[j], at[q]] += slope[j] * slope[q]
