"""Mean and ln sigma as polynomials whose degrees the Bayesian information criterion chooses."""

import math
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta

from hil.one_thread import one_thread
from hil.protocols.jump_table.fitting.censored import (
    LEAST_LOG_SIGMA,
    Likelihood,
    NoScatter,
    Scaled,
    Top,
    as_spread,
    climb,
    scaled,
)
from hil.protocols.jump_table.fitting.enough import demand, scatter_demanded, span_s
from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.fitting.smoothness import RIDGE
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

_AXIS = 101
"""Conductances of the profile."""


class _Choice(NamedTuple):
    """A fit of one pair of degrees."""

    criterion: float
    mean_degree: int
    sigma_degree: int
    likelihood: Likelihood
    penalty: Floats
    top: Top


class Polynomial(Method, frozen=True, kw_only=True):
    """Polynomials for mean and ln sigma of a censored normal distribution, by BIC.

    dG ~ N(mu(G), sigma(G)), mu and ln sigma polynomials; readings at a bound are Tobit
    observations, as in `hil.protocols.jump_table.fitting.spline`. Of all pairs of degrees the
    profile is of the one with the least -2 ln p + k ln n (Schwarz, Annals of Statistics 6 (1978)
    461). Draws come from the asymptotic normal distributions of the coefficients of all pairs, as
    wide as the readings are scattered (`as_spread`), each pair in proportion to n^(-k/2) p
    (Raftery, Sociological Methodology 25 (1995) 111), because it is not known which is the true
    one. Where the truth is no polynomial, or too weakly curved
    for the criterion, intervals are too narrow.
    """

    max_mean: Annotated[int, Meta(ge=0, le=9, description="highest degree of the mean")] = 4
    max_sigma: Annotated[int, Meta(ge=0, le=9, description="highest degree of ln sigma")] = 3
    censored: Annotated[
        bool, Meta(description="take a reading at a bound as stopped there, not as a step")
    ] = True
    draws: Annotated[int, Meta(ge=1, le=100_000, description="from the posterior")] = 300

    @one_thread
    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        """Fit one amplitude.

        Returns
        -------
        Fit
            The profile on 101 conductances between the bounds, `draws` draws, and the figures
            points, stopped_low, stopped_high (readings at the bounds), degree_mean, degree_sigma,
            bic (of densities in 1/S), and coefficients of Legendre polynomials from the lower (-1)
            to the upper (1) end of the axis: mean_s in S, log_sigma of sigma in S.

        Raises
        ------
        ConfigError
            For fewer than 40 points, and for points that say too little: what is missing, and how
            many would do.
        """
        from scipy.linalg import solve_triangular

        demand(points, "a polynomial", censored=self.censored)
        readings = scaled(points, censored=self.censored)
        low_s, high_s = span_s(points)
        at = 2 * (points.conductance_s - low_s) / (high_s - low_s) - 1
        with scatter_demanded(points):
            choices = self._choices(at, readings)
        best = min(choices, key=lambda choice: choice.criterion)
        weights = np.exp([(best.criterion - choice.criterion) / 2 for choice in choices])
        share = np.linspace(-1, 1, _AXIS)
        drawn = []
        for choice, count in zip(
            choices, rng.multinomial(self.draws, weights / weights.sum()), strict=True
        ):
            normal = rng.standard_normal((len(choice.top.beta), count))
            factor = as_spread(choice.likelihood, choice.penalty, choice.top).factor
            moves = solve_triangular(factor, normal, lower=True, trans="T").T
            drawn.append(_curves(choice, choice.top.beta + moves, share, readings))
        mean_s, sigma_s = _curves(best, best.top.beta[None], share, readings)[0]
        profile = Profile(low_s + (share + 1) / 2 * (high_s - low_s), mean_s, sigma_s)
        return Fit(profile, rng.permutation(np.concatenate(drawn)), _figures(readings, best))

    def _choices(self, at: Floats, readings: Scaled) -> list[_Choice]:
        """Fit all pairs of degrees."""
        tops: dict[tuple[int, int], Top] = {}
        choices = []
        for sigma_degree in range(self.max_sigma + 1):
            for mean_degree in range(self.max_mean + 1):
                pair = (mean_degree, sigma_degree)
                likelihood = Likelihood(
                    mean_degree + 1,
                    sigma_degree + 1,
                    np.zeros(len(at), np.int64),
                    _legendre(at, mean_degree),
                    _legendre(at, sigma_degree),
                    readings,
                )
                penalty = np.diag(np.repeat(RIDGE, [mean_degree + 1, sigma_degree + 1]))
                top = climb(likelihood, penalty, _start(tops, pair, readings))
                log_sigma = likelihood.sigma_basis @ top.beta[mean_degree + 1 :]
                if log_sigma.min() < LEAST_LOG_SIGMA:
                    raise NoScatter
                tops[pair] = top
                criterion = -2 * top.log_p + len(top.beta) * math.log(len(at))
                choices.append(_Choice(criterion, *pair, likelihood, penalty, top))
        return choices


def _start(tops: dict[tuple[int, int], Top], pair: tuple[int, int], readings: Scaled) -> Floats:
    """Begin at the fit of one degree less, or at a constant."""
    mean_degree, sigma_degree = pair
    if (mean_degree - 1, sigma_degree) in tops:
        lower = tops[mean_degree - 1, sigma_degree].beta
        return np.concatenate([lower[:mean_degree], [0.0], lower[mean_degree:]])
    if (mean_degree, sigma_degree - 1) in tops:
        return np.concatenate([tops[mean_degree, sigma_degree - 1].beta, [0.0]])
    start = np.zeros(mean_degree + sigma_degree + 2)
    start[mean_degree + 1] = 0.5 * math.log(float(np.mean(readings.step**2)))
    return start


def _curves(choice: _Choice, beta: Floats, share: Floats, readings: Scaled) -> Floats:
    """Give mean and sigma (S) of coefficients, (draws, 2, m)."""
    cut = choice.mean_degree + 1
    mean = beta[:, :cut] @ _legendre(share, choice.mean_degree).T
    sigma = np.exp(beta[:, cut:] @ _legendre(share, choice.sigma_degree).T)
    return np.stack(
        [readings.centre_s + readings.spread_s * mean, readings.spread_s * sigma], axis=1
    )


def _legendre(at: Floats, degree: int) -> Floats:
    """Evaluate the Legendre polynomials up to a degree, (n, degree + 1)."""
    table = np.empty((len(at), degree + 1))
    table[:] = np.polynomial.legendre.legvander(at, degree)
    return table


def _figures(readings: Scaled, best: _Choice) -> dict[str, object]:
    """Say what the fit came to."""
    mean_s = readings.spread_s * best.top.beta[: best.mean_degree + 1]
    mean_s[0] += readings.centre_s
    log_sigma = best.top.beta[best.mean_degree + 1 :].copy()
    log_sigma[0] += math.log(readings.spread_s)
    return {
        **readings.counts(),
        "degree_mean": best.mean_degree,
        "degree_sigma": best.sigma_degree,
        "bic": best.criterion + 2 * readings.free * math.log(readings.spread_s),
        "mean_s": [float(value) for value in mean_s],
        "log_sigma": [float(value) for value in log_sigma],
    }
