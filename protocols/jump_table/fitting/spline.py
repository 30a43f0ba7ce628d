"""Mean and ln sigma as smooth curves, steps stopped at the bounds taken as such: the P-spline."""

import math
from itertools import product
from typing import Annotated, Literal, NamedTuple

import numpy as np
from msgspec import Meta

from hil.one_thread import one_thread
from hil.protocols.jump_table.fitting.censored import (
    Likelihood,
    NoScatter,
    Scaled,
    Top,
    as_spread,
    climb,
    scaled,
    solve,
)
from hil.protocols.jump_table.fitting.enough import demand, scatter_demanded, span_s
from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.fitting.signs import draws_above, steer_above
from hil.protocols.jump_table.fitting.smoothness import Evidence, smoothest
from hil.protocols.jump_table.fitting.spline_basis import cubic, dense, roughness
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

_STEP = 2.0
"""Grid of the logarithms of both precisions that curves are averaged over, and its order."""
_AROUND = sorted(product(range(-2, 3), repeat=2), key=lambda way: max(abs(way[0]), abs(way[1])))

_LIGHT = math.log(1e-3)
_LEAD = -3.0
"""Ln weight below which a place is left out, and below which none is looked for beyond it."""

_AVERAGED = 1000
"""Draws that the mean is taken over where it has a sign."""

Sign = Literal["none", "rising", "falling", "by-voltage"]


class _Part(NamedTuple):
    """Curves of one pair of precisions, and the share of the posterior that they have."""

    weight: float
    top: Top
    penalty: Floats


class Spline(Method, frozen=True, kw_only=True):
    """Penalised cubic splines for mean and ln sigma of a censored normal distribution.

    dG ~ N(mu(G), sigma(G)), mu = B a, ln sigma = B b, with cubic B-splines on equal knots between
    the bounds and a penalty on the squared differences of neighbouring coefficients (P-splines:
    Eilers and Marx, Statistical Science 11 (1996) 89). Readings at a bound are Tobit observations:
    of the step they say only that it would have led there or further. Both precisions maximise the
    evidence in Laplace's approximation; mean, ln sigma and draws are averages over precisions
    around them by weight of evidence (Rue, Martino and Chopin, J. R. Stat. Soc. B 71 (2009) 319),
    so that intervals include what is not known about the smoothness. Draws are as wide as the
    readings are scattered, not as normal ones would be: intervals hold mean and sigma of skewed
    steps too.

    A kink is not smooth: where sigma has a floor, intervals are too narrow beside it.

    With a sign the mean stays on its side of zero at each conductance of the profile. The profile
    (then the average of draws) and the draws keep to it; the evidence, which decides on the
    smoothness only, does not know of it. An interval between quantiles of such draws begins a
    little beyond zero, so that a true mean next to zero lies outside.
    """

    basis: Annotated[int, Meta(ge=5, le=60, description="splines each for mean and ln sigma")] = 15
    order: Annotated[int, Meta(ge=1, le=3, description="of the differences in the penalty")] = 2
    censored: Annotated[
        bool, Meta(description="take a reading at a bound as stopped there, not as a step")
    ] = True
    sign: Annotated[
        Sign,
        Meta(
            description="of the mean: rising (at least 0), falling (at most 0), none, or "
            "by-voltage (rising for pulses above 0 V, falling below)"
        ),
    ] = "none"
    draws: Annotated[int, Meta(ge=1, le=100_000, description="from the posterior")] = 300

    @one_thread
    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        """Fit one amplitude.

        Returns
        -------
        Fit
            The profile on some hundred conductances between the bounds, `draws` draws, and the
            figures points, stopped_low, stopped_high (readings at the bounds), precision_mean and
            precision_sigma (of differences of coefficients, the steps in units of spread_s),
            freedom_mean and freedom_sigma (effective degrees of freedom) and log_evidence (of
            densities in 1/S).

        Raises
        ------
        ConfigError
            For fewer than 40 points, and for points that say too little: what is missing, and how
            many would do.
        """
        demand(points, "a spline", censored=self.censored)
        readings = scaled(points, censored=self.censored)
        low_s, high_s = span_s(points)
        first, values = cubic((points.conductance_s - low_s) / (high_s - low_s), self.basis)
        likelihood = Likelihood(self.basis, self.basis, first, values, values, readings)
        evidence = Evidence(likelihood, roughness(self.basis, self.order))
        share = np.linspace(0, 1, (self.basis - 3) * math.ceil(100 / (self.basis - 3)) + 1)
        curves = dense(*cubic(share, self.basis), self.basis)
        side = self._side(points.voltage_v)
        with scatter_demanded(points):
            logs = smoothest(evidence)
            parts, value = _parts(evidence, logs)
            if side:
                mean, drawn = _signed(likelihood, parts, curves, side, self.draws, rng)
            else:
                mean, drawn = _free(likelihood, parts, self.draws, rng)
        draws = _in_siemens(drawn, curves, readings, side)
        mean_s, sigma_s = _in_siemens(mean[None], curves, readings, side)[0]
        profile = Profile(low_s + share * (high_s - low_s), mean_s, sigma_s)
        return Fit(profile, draws, _figures(readings, parts[0].top, logs, value))

    def _side(self, voltage_v: float) -> int:
        """Say which side of zero the mean is on: 1 above, -1 below, 0 any."""
        by_voltage = int(np.sign(voltage_v))
        return {"none": 0, "rising": 1, "falling": -1, "by-voltage": by_voltage}[self.sign]


def _parts(evidence: Evidence, logs: Floats) -> tuple[list[_Part], float]:
    """Weigh precisions around the best ones; the best one first, with its ln evidence."""
    low, high = evidence.limits
    best, _ = evidence.value(logs)
    values: dict[tuple[int, int], float] = {}
    found = []
    for i, j in _AROUND:
        pair = logs + _STEP * np.array([i, j])
        inner = (i - (i > 0) + (i < 0), j - (j > 0) + (j < 0))
        if values.get(inner, best) < best + _LEAD or not low <= pair.min() <= pair.max() <= high:
            values[i, j] = -math.inf
            continue
        try:
            values[i, j], top = evidence.value(pair)
        except NoScatter:
            values[i, j] = -math.inf
            continue
        if values[i, j] > best + _LIGHT:
            weight = math.exp(values[i, j] - best)
            found.append(_Part(weight, top, evidence.penalty(pair)))
    whole = sum(part.weight for part in found)
    return [part._replace(weight=part.weight / whole) for part in found], best


def _shares(parts: list[_Part], count: int, rng: np.random.Generator) -> list[int]:
    """Say how many draws come from each part."""
    return [int(share) for share in rng.multinomial(count, [part.weight for part in parts])]


def _free(
    likelihood: Likelihood, parts: list[_Part], count: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the mean coefficients and draws of them."""
    from scipy.linalg import solve_triangular

    drawn = []
    for part, share in zip(parts, _shares(parts, count, rng), strict=True):
        normal = rng.standard_normal((len(part.top.beta), share))
        factor = as_spread(likelihood, part.penalty, part.top).factor
        moves = solve_triangular(factor, normal, lower=True, trans="T")
        drawn.append(part.top.beta + moves.T)
    mean = sum(part.weight * part.top.beta for part in parts)
    return np.asarray(mean), rng.permutation(np.concatenate(drawn))


def _signed(
    likelihood: Likelihood,
    parts: list[_Part],
    curves: Floats,
    side: int,
    count: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Return the mean coefficients and draws of them where the mean is on its side of zero."""
    walls = np.hstack([side * curves, np.zeros_like(curves)])
    zero = likelihood.readings.centre_s / likelihood.readings.spread_s
    offsets = np.full(len(curves), side * zero)
    steer = steer_above(walls, offsets)
    drawn = []
    for part, share in zip(parts, _shares(parts, max(count, _AVERAGED), rng), strict=True):
        top = part.top
        if (walls @ top.beta + offsets).min() < 0:
            start = top.beta.copy()
            level = side * (float(np.mean(curves @ start[: likelihood.means])) + zero)
            start[: likelihood.means] = side * max(level, 1e-3) - zero
            top = climb(likelihood, part.penalty, start, steer)
        top = as_spread(likelihood, part.penalty, top)
        drawn.append(draws_above(top, walls, offsets, share, rng))
    mixed = rng.permutation(np.concatenate(drawn))
    return mixed.mean(axis=0), mixed[:count]


def _in_siemens(beta: Floats, curves: Floats, readings: Scaled, side: int) -> Floats:
    """Give mean and sigma (S) of coefficients, (draws, 2, m)."""
    size = curves.shape[1]
    mean_s = readings.centre_s + readings.spread_s * (beta[:, :size] @ curves.T)
    if side:  # rounding may leave it a digit beyond zero
        mean_s = side * np.maximum(side * mean_s, 0.0)
    sigma_s = readings.spread_s * np.exp(beta[:, size:] @ curves.T)
    return np.stack([mean_s, sigma_s], axis=1)


def _figures(readings: Scaled, top: Top, logs: Floats, value: float) -> dict[str, float | int]:
    """Say what the fit came to."""
    half = len(top.beta) // 2
    freedom = np.diag(solve(top.factor, top.information))
    return {
        **readings.counts(),
        "spread_s": readings.spread_s,
        "precision_mean": math.exp(logs[0]),
        "precision_sigma": math.exp(logs[1]),
        "freedom_mean": float(freedom[:half].sum()),
        "freedom_sigma": float(freedom[half:].sum()),
        "log_evidence": value - readings.free * math.log(readings.spread_s),
    }
