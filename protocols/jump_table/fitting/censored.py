"""Readings of which some were stopped at a bound: their likelihood, and its maximum under a prior.

Steps are normal, with a mean and a logarithm of sigma that are linear in coefficients. A reading
at a bound says only that the step would have led there or further (Tobin, Econometrica 26 (1958)
24).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats

Integers = NDArray[np.int64]

_FLAT = 1e-6
"""Newton's decrement below which one more step ends on the top, the error of it being squared."""

_MOST_STEPS = 200

_STRIDE = 2.0
"""Largest change of a coefficient of ln sigma in one step: sigma stays within a factor of e^2."""

_TRUSTED = 100
"""Readings whose own scatter counts as much as what normal steps would have."""

LEAST_LOG_SIGMA = -12.0
"""Where sigma is e^-12 of the spread of the steps, there is none."""

Steer = Callable[[Floats, Floats, Floats], Floats]
"""From slope, Cholesky factor of the curvature and place to the step that Newton takes."""


class NoScatter(ArithmeticError):
    """Sigma runs to zero over a part of the conductances; `scatter_demanded` says so to people."""


class Scaled(NamedTuple):
    """Steps in units in which they are about 1: step_s = centre_s + spread_s * step.

    Attributes
    ----------
    step : (n,) float64
        Scaled steps; of a reading at a bound the step to the bound.
    side : (n,) int64
        -1 at the lower bound, 1 at the upper one, 0 between.
    centre_s, spread_s : float
        Median of the steps, and their spread (S).
    """

    step: Floats
    side: Integers
    centre_s: float
    spread_s: float

    @property
    def free(self) -> int:
        """How many ended between the bounds."""
        return int(np.count_nonzero(self.side == 0))

    def counts(self) -> dict[str, int]:
        """Say how many there are and how many were stopped at which bound, for `Fit.figures`."""
        return {
            "points": len(self.side),
            "stopped_low": int(np.count_nonzero(self.side < 0)),
            "stopped_high": int(np.count_nonzero(self.side > 0)),
        }


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Readings on a basis each for mean and ln sigma.

    Attributes
    ----------
    means, sigmas : int
        Numbers of coefficients; the mean's come first.
    first : (n,) int64
        First function of the bases that is not zero at a reading.
    mean_basis, sigma_basis : (n, k) and (n, l) float64
        That function and those after it.
    readings : Scaled
        The steps.
    """

    means: int
    sigmas: int
    first: Integers
    mean_basis: Floats
    sigma_basis: Floats
    readings: Scaled

    def sums(self, beta: Floats, *, exact: bool = True) -> tuple[float, Floats, Floats]:
        """Return ln p, its gradient, and its negative Hessian or a positive stand-in for it."""
        from hil.protocols.jump_table.fitting.censored_kernel import sums

        slope = np.empty(len(beta))
        curvature = np.empty((len(beta), len(beta)))
        log_p = sums(
            beta, self.means, self.first, self.mean_basis, self.sigma_basis, self.readings.step,
            self.readings.side, exact, slope, curvature,
        )  # fmt: skip
        return float(log_p), slope, curvature + np.tril(curvature, -1).T

    def squares(self, beta: Floats) -> Floats:
        """Return the sum over readings of the outer product of the gradient of ln p."""
        from hil.protocols.jump_table.fitting.censored_kernel import squares

        whole = np.empty((len(beta), len(beta)))
        squares(
            beta, self.means, self.first, self.mean_basis, self.sigma_basis, self.readings.step,
            self.readings.side, whole,
        )  # fmt: skip
        return whole + np.tril(whole, -1).T


class Top(NamedTuple):
    """The maximum of a penalised likelihood.

    Attributes
    ----------
    beta : (p,) float64
        Where it is.
    log_p, height : float
        Log-likelihood there, without and with the penalty.
    uphill : (p,) float64
        Gradient of the height: zero, except where a constraint holds the top back.
    information : (p, p) float64
        Negative Hessian of the log-likelihood there.
    factor : (p, p) float64
        Lower Cholesky factor of the negative Hessian of the height.
    """

    beta: Floats
    log_p: float
    height: float
    uphill: Floats
    information: Floats
    factor: Floats


def scaled(points: Points, *, censored: bool) -> Scaled:
    """Bring steps to units of their own: median 0, and 1.48 median deviations (or sigma) 1.

    Parameters
    ----------
    points : Points
        The points.
    censored : bool
        Whether what ended at a bound was stopped there; otherwise it is a step like all others.
    """
    side = np.zeros(len(points), np.int64)
    step_s = points.step_s
    if censored:
        side = points.at_high.astype(np.int64) - points.at_low
        step_s = np.where(side < 0, points.low_s - points.conductance_s, step_s)
        step_s = np.where(side > 0, points.high_s - points.conductance_s, step_s)
    centre_s = float(np.median(step_s))
    spread_s = 1.4826 * float(np.median(np.abs(step_s - centre_s)))
    if spread_s <= 1e-9 * float(np.std(step_s)):
        spread_s = float(np.std(step_s))
    return Scaled((step_s - centre_s) / spread_s, side, centre_s, spread_s)


def climb(
    likelihood: Likelihood, penalty: Floats, start: Floats, steer: Steer | None = None
) -> Top:
    """Find the top of ln p - beta' penalty beta / 2 by Newton's method with halved steps.

    Where the exact curvature is not positive, one without cross terms takes its place; every
    accepted step goes uphill.

    Parameters
    ----------
    likelihood : Likelihood
        What the readings say.
    penalty : (p, p) float64
        Precision of the prior.
    start : (p,) float64
        Where to begin.
    steer : callable or None
        Gives the step where not all places are allowed; *start* must be an allowed one.

    Raises
    ------
    NoScatter
        If sigma runs to zero.
    """
    steer = steer or _newton
    top = _place(likelihood, penalty, start, likelihood.sums(start))
    for _ in range(_MOST_STEPS):
        move = steer(top.uphill, top.factor, top.beta)
        widest = float(np.abs(move[likelihood.means :]).max())
        move = move * min(1.0, _STRIDE / max(widest, 1e-300))
        if top.uphill @ move < _FLAT:
            return _end(top, penalty, move)
        higher = _higher(likelihood, penalty, top, move)
        if higher is None:
            break
        top = higher
        if top.beta[likelihood.means :].min() < LEAST_LOG_SIGMA:
            raise NoScatter
    return top


def _newton(uphill: Floats, factor: Floats, _beta: Floats) -> Floats:
    """Step to the top of the parabola that touches here."""
    return solve(factor, uphill)


def _place(
    likelihood: Likelihood, penalty: Floats, beta: Floats, sums: tuple[float, Floats, Floats]
) -> Top:
    """Say how high it is at a place, and how it bends there."""
    log_p, slope, information = sums
    pull = penalty @ beta
    try:
        factor = np.linalg.cholesky(information + penalty)
    except np.linalg.LinAlgError:
        information = likelihood.sums(beta, exact=False)[2]
        try:
            factor = np.linalg.cholesky(information + penalty)
        except np.linalg.LinAlgError:  # some readings weigh 1e15 times as much as others
            raise NoScatter from None
    height = log_p - 0.5 * float(beta @ pull)
    return Top(beta, log_p, height, slope - pull, information, np.asarray(factor, float))


def _higher(likelihood: Likelihood, penalty: Floats, top: Top, move: Floats) -> Top | None:
    """Go along a move, half as far until it gains; None if it never does."""
    for _ in range(40):
        beta = top.beta + move
        sums = likelihood.sums(beta)
        if sums[0] - 0.5 * float(beta @ penalty @ beta) >= top.height:
            return _place(likelihood, penalty, beta, sums)
        move = 0.5 * move
    return None


def _end(top: Top, penalty: Floats, move: Floats) -> Top:
    """Take the last, tiny step, along which the curvature stays as it is."""
    beta = top.beta + move
    bent = top.factor @ (top.factor.T @ move)
    height = top.height + float(top.uphill @ move) - 0.5 * float(move @ bent)
    log_p = height + 0.5 * float(beta @ penalty @ beta)
    return Top(beta, log_p, height, top.uphill - bent, top.information, top.factor)


def solve(factor: Floats, right: Floats) -> Floats:
    """Solve with the lower Cholesky factor of a matrix."""
    from scipy.linalg.lapack import dpotrs

    return np.asarray(dpotrs(factor, right, lower=1)[0])


def as_spread(likelihood: Likelihood, penalty: Floats, top: Top) -> Top:
    """Give a top the factor of draws that are spread as steps are which need not be normal.

    The information, which is that of normal steps, makes room for what readings show of it: the
    covariance of the coefficients is H^-1 (J + penalty) H^-1, H the curvature and J the sum of
    the squared gradients (H. White, Econometrica 50 (1982) 1). Of few readings that is mostly
    chance; J is therefore mixed with the information as if that came from 100 readings more. The
    centre stays where it is.

    Parameters
    ----------
    likelihood : Likelihood
        What the readings say.
    penalty : (p, p) float64
        Precision of the prior.
    top : Top
        The maximum of both.
    """
    from scipy.linalg import solve_triangular

    share = 1 / (1 + _TRUSTED / len(likelihood.readings.step))
    seen = share * likelihood.squares(top.beta) + (1 - share) * top.information
    curvature = top.factor @ top.factor.T
    root = solve_triangular(np.linalg.cholesky(seen + penalty), curvature, lower=True)
    precision = root.T @ root
    factor = np.asarray(np.linalg.cholesky(precision), float)
    return top._replace(factor=factor, uphill=precision @ solve(top.factor, top.uphill))
