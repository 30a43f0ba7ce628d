"""Smooth location and scale, and the shape of the residuals nearby: a table for skewed steps."""

from dataclasses import replace
from typing import Annotated, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.fitting.shapes import laid_out, moments
from hil.protocols.jump_table.fitting.spline import Spline
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile, interpolated

_ROUNDS = 6
"""How often what stopped steps would have been is drawn anew from the shape that it makes."""

_NORMAL_DISTANCE = 0.0597
_PLAIN = 10.0
"""Times what chance would show from which on what is seen is left as it is."""

_HELD = 1_000_000
"""Most random numbers that are held at once."""


class _Kept(NamedTuple):
    """How much of the windows' means, sigmas and shapes is more than chance, 0 to 1 each."""

    mean: float
    sigma: float
    shape: float


class Local(Method, frozen=True, kw_only=True):
    """A semi-parametric table: the censored spline, and residuals in the place of the normal.

    Mean and sigma are those of `Spline`. The residuals (dG - mean) / sigma of the points nearest
    in G, by rank, are laid out as quantiles, for a number of such windows. In between, quantiles
    are interpolated. A step that was stopped counts as one of those beyond where it was stopped:
    it is placed among them in proportion, again and again until the shape agrees with itself (B.
    Efron, Proc. 5th Berkeley Symp. 4, 831 (1967); B. W. Turnbull, J. R. Stat. Soc. B 38, 290
    (1976)), beginning from a normal distribution, whose tail stays where no step was ever seen.

    Between two quantiles the distribution is even. The first and the last lie so that the mean
    square of what is beyond the second and the last but one is that of the residuals there.

    The windows' means, sigmas and shapes scatter about 0, 1 and the normal shape by chance as
    well. Each of the three is drawn towards these by as much as normal residuals would scatter
    (in mean square over the windows; W. James and C. Stein, Proc. 4th Berkeley Symp. 1, 361
    (1961)), so that steps which are normal give a table little worse than the spline's. What is
    left goes into mean and sigma of the table, which are the true ones of its distribution, and
    into those of the draws, each with residuals weighed anew (D. B. Rubin, Ann. Stat. 9, 130
    (1981)). Of 1,000 steps with a skew of 1, intervals of 95 % held the mean in 93 % and sigma in
    86 %, with a skew of 2 sigma in some 80 %: few points in a window show little of a long tail.
    Beside a bound that hides it sigma is too small.
    """

    rows: Annotated[int, Meta(ge=1, le=200, description="windows over G")] = 25
    window: Annotated[
        float, Meta(gt=0, le=1, description="part of the points that are in a window")
    ] = 0.15
    quantiles: Annotated[int, Meta(ge=5, le=1001, description="quantiles of a shape")] = 65
    least: Annotated[int, Meta(ge=10, description="fewest points in a window")] = 60
    spline: Spline = Spline()

    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        """Fit one amplitude.

        Returns
        -------
        Fit
            As of `Spline`, with a shape; the draws do not include what is not known about it
            beyond mean and sigma. Beside its figures: windows, window_points.

        Raises
        ------
        ConfigError
            As `Spline`.
        """
        fit = self.spline.fit(points, rng)
        order = np.argsort(points.conductance_s, kind="stable")
        nearby = points.take(order)
        size = min(len(points), max(self.least, round(self.window * len(points))))
        starts = np.unique(np.linspace(0, len(points) - size, self.rows).round().astype(int))
        mean_s, sigma_s = fit.profile.moments(nearby.conductance_s)
        residuals = (nearby.step_s - mean_s) / sigma_s
        stopped = nearby.at_high.astype(int) - nearby.at_low.astype(int)
        side = stopped if self.spline.censored else np.zeros_like(stopped)
        parts = [slice(start, start + size) for start in starts]
        placed = [_placed(residuals[one], side[one], self.quantiles) for one in parts]
        rows = np.array([laid_out(one, self.quantiles) for one in placed])
        kept = _kept_of(rows, size)
        centres_s = np.array([np.median(nearby.conductance_s[one]) for one in parts])
        fit = replace(fit, figures={**fit.figures, "windows": len(starts), "window_points": size})
        shaped = _with_shape(fit, centres_s, _drawn_to_normal(rows, kept))
        if fit.draws is None or shaped.draws is None or not (kept.mean or kept.sigma):
            return shaped
        off, wider = _weighed_anew(
            fit.profile, fit.draws, nearby.conductance_s, parts, placed, rng
        )
        for one, mean, sigma in zip(shaped.draws, kept.mean * off, wider**kept.sigma, strict=True):
            one[0] += one[1] * np.interp(shaped.profile.conductance_s, centres_s, mean)
            one[1] *= np.interp(shaped.profile.conductance_s, centres_s, sigma)
        return shaped


def _placed(residuals: Floats, side: NDArray[np.int64], count: int) -> Floats:
    """Put stopped residuals where they would have been; *side* tells which, and where (1, -1)."""
    from scipy.special import ndtr, ndtri

    stopped = np.flatnonzero(side)
    if not stopped.size:
        return residuals
    at, up = residuals[stopped], side[stopped] > 0
    # even shares of what is beyond, in an order that has nothing to do with where it was stopped
    share = (np.arange(1, len(stopped) + 1) * 0.6180339887498949) % 1.0
    below = ndtr(at)
    filled = residuals.copy()
    probabilities = np.linspace(0, 1, count)
    low, high = np.where(up, below, 0.0), np.where(up, 1.0, below)
    filled[stopped] = np.clip(ndtri(low + share * (high - low)), -5.0, 5.0)
    for _ in range(_ROUNDS):
        quantiles = laid_out(filled, count)
        rising = quantiles + 1e-12 * np.arange(count)
        below = np.interp(at, rising, probabilities)
        low, high = np.where(up, below, 0.0), np.where(up, 1.0, below)
        drawn = np.interp(low + share * (high - low), probabilities, quantiles)
        filled[stopped] = np.where(up, np.maximum(drawn, at), np.minimum(drawn, at))
    return filled


def _kept_of(rows: Floats, size: int) -> _Kept:
    """Tell how much of the rows' means, sigmas and shapes is not chance.

    Those of normal residuals scatter: means by 1 / size, logarithms of sigmas by 1 / (2 size), and
    the distance from the normal distribution ``size * integral (F - Phi)^2 dPhi`` is 0.0597 on
    average where mean and sigma are the rows' own (M. A. Stephens, Ann. Stat. 4, 357 (1976):
    Cramer-von Mises W^2, case 3).
    """
    from scipy.special import ndtr

    mean, sigma = moments(rows)
    shape = (rows - mean) / sigma
    distance = size * np.mean((ndtr(shape) - np.linspace(0, 1, rows.shape[1])) ** 2)
    keep = _kept(_NORMAL_DISTANCE, float(distance))
    return _Kept(
        max(keep, _kept(1 / size, float(np.mean(mean**2)))),
        max(keep, _kept(0.5 / size, float(np.mean(np.log(sigma) ** 2)))),
        keep,
    )


def _drawn_to_normal(rows: Floats, kept: _Kept) -> Floats:
    """Take from the rows' means, sigmas and shapes what is not kept of them."""
    from scipy.special import ndtri

    count = rows.shape[1]
    mean, sigma = moments(rows)
    normal = laid_out(ndtri((np.arange(64 * count) + 0.5) / (64 * count)), count)
    shape = kept.shape * (rows - mean) / sigma + (1 - kept.shape) * normal
    return np.asarray(kept.mean * mean + sigma**kept.sigma * shape)


def _kept(chance: float, seen: float) -> float:
    """Tell how much is left of what was seen if that much is chance; all of it if it is plain."""
    if seen > _PLAIN * chance:
        return 1.0
    return max(0.0, 1 - chance / seen) if seen > 0 else 0.0


def _weighed_anew(
    profile: Profile,
    draws: Floats,
    at_s: Floats,
    parts: list[slice],
    placed: list[Floats],
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Tell how the windows' means (off) and sigmas (times) change with weights and spline.

    Parameters
    ----------
    profile : Profile
        Of the spline.
    draws : (draws, 2, m) float64
        Its mean and sigma (S), drawn.
    at_s : (n,) float64
        Conductances (S), rising.
    parts, placed : lists of slices of the points and of (size,) float64
        The windows, and the residuals in them.
    rng : Generator
        Draws the weights, exponential and each point's own in all windows.

    Returns
    -------
    off, times : (draws, windows) float64
        Each draw's.
    """
    off, times = np.empty((2, len(draws), len(parts)))
    for first in range(0, len(draws), max(1, _HELD // len(at_s))):
        some = slice(first, first + max(1, _HELD // len(at_s)))
        weights = rng.standard_exponential((len(draws[some]), len(at_s)))
        for k, (part, z) in enumerate(zip(parts, placed, strict=True)):
            mean_s, sigma_s = profile.moments(at_s[part])
            curves = interpolated(profile.conductance_s, draws[some], at_s[part])
            means_s, sigmas_s = curves.swapaxes(0, 1)
            again = (mean_s + sigma_s * z - means_s) / sigmas_s
            weight = weights[:, part] / weights[:, part].sum(axis=1, keepdims=True)
            middle = (weight * again).sum(axis=1)
            spread = np.sqrt((weight * (again - middle[:, None]) ** 2).sum(axis=1))
            off[some, k], times[some, k] = middle - z.mean(), spread / z.std()
    return off, times


def _with_shape(fit: Fit, centres_s: Floats, rows: Floats) -> Fit:
    """Give a fit the residuals' quantiles."""
    profile, draws = fit.profile, fit.draws
    axis_s = profile.conductance_s
    columns = [np.interp(axis_s, centres_s, column) for column in rows.T]
    quantiles = np.stack(columns, axis=1)
    mean, sigma = moments(quantiles)
    shape = (quantiles - mean) / sigma
    off, wider = mean[:, 0], sigma[:, 0]
    mean_s, sigma_s = profile.mean_s + profile.sigma_s * off, profile.sigma_s * wider
    if draws is not None:
        draws = np.stack([draws[:, 0] + draws[:, 1] * off, draws[:, 1] * wider], axis=1)
    return Fit(Profile(axis_s, mean_s, sigma_s, shape), draws, fit.figures)
