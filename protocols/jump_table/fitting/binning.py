"""Binning and interpolation (Yousuf 2023, algorithm 1), with fixed bins or bins that validate."""

from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.checks import check_points
from hil.protocols.jump_table.fitting.gaussian_cdf import fit_cdfs
from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

Ints = NDArray[np.int64]
Estimate = Literal["cdf-fit", "moments"]


class Binning(Method, frozen=True, kw_only=True):
    """Bins of conductance, a normal distribution in each, lines between their centres.

    Algorithm 1 of O. Yousuf et al., IEEE JETCAS 13(1) 382-394 (2023), arXiv 2211.15925: a
    two-dimensional histogram of (G, dG), the CDF of each bin of G at the upper edges of the bins
    of dG, a normal distribution by least squares, linear interpolation in G. The paper leaves
    open what follows; the choices here give the published trend and, on its linear profile with
    clipped data, the errors of an independent implementation at 40 to 10,000 points within 10 %:

    - both axes of the histogram run from the smallest to the largest value in the points (with G
      from bound to bound the errors are the same within 3 %);
    - a bin of G whose points do not lie in two bins of dG at least says nothing about sigma and
      is left out, so that the line goes on to the next bin (kept with the sigma that least
      squares ends at, which is near 0, the errors at 40 points are half as large again);
    - the fit starts from the moments of the histogram, and sigma ends at a quarter of a bin of dG
      or more, below which the CDF does not see it;
    - beyond the centres of the outermost bins mean and sigma stay as they are there (continued as
      lines the errors are up to 6 % larger).

    With ``estimate="moments"`` mean and sample standard deviation of the steps of each bin take
    the place of the histogram of dG.
    """

    g_bins: Annotated[int, Meta(ge=2, le=10_000, description="bins of the conductance")] = 20
    step_bins: Annotated[int, Meta(ge=3, le=10_000, description="bins of the step")] = 50
    estimate: Annotated[
        Estimate,
        Meta(description="normal distribution by least squares on the CDF, or by its moments"),
    ] = "cdf-fit"

    def fit(self, points: Points, rng: np.random.Generator) -> Fit:  # noqa: ARG002
        """Bin and interpolate; see `Method.fit`. The generator is not used."""
        check_points(points, 4, "binning")
        bins = _bins(points.conductance_s, self.g_bins)
        if self.estimate == "moments":
            mean_s, sigma_s = _moments(points.step_s, bins, self.g_bins)
        else:
            mean_s, sigma_s = _cdf_fits(points.step_s, bins, self.g_bins, self.step_bins)
        known = np.isfinite(sigma_s)
        if known.sum() < 2:
            raise ConfigError(self._too_few(points, int(known.sum())))
        centre_s = _centres(points.conductance_s, self.g_bins)
        figures = {"g_bins": self.g_bins, "fitted_bins": int(known.sum())}
        if self.estimate == "cdf-fit":
            figures["step_bins"] = self.step_bins
        return Fit(Profile(centre_s[known], mean_s[known], sigma_s[known]), figures=figures)

    def _too_few(self, points: Points, known: int) -> str:
        """Say why bins have no sigma: too few points, or a step far from all the others."""
        enough = 5 * self.g_bins
        found = f"only {known} of {self.g_bins} bins of conductance have two steps that differ"
        where = f"among {len(points)} points at {points.voltage_v:g} V"
        if len(points) >= enough and self.estimate == "cdf-fit":
            low_s, high_s = points.step_s.min(), points.step_s.max()
            return (
                f"{found} by more than a bin of the step, {where} with steps from {low_s:.3g} to "
                f"{high_s:.3g} S; leave out steps that are far from all others, or take more "
                "step_bins"
            )
        return f"{found}, {where}; some {enough} points spread over the range would do"


class BinningCv(Method, frozen=True, kw_only=True):
    """Binning with as many bins as predict points best that were left out.

    Yousuf 2023 optimises the bins for each data set (II.A) without saying how. Here the number of
    bins of G is the one with the smallest negative log-likelihood of a normal distribution in
    cross-validation, the model being mean and sample standard deviation of each bin; the fit is
    then that of all points.
    """

    most_bins: Annotated[int, Meta(ge=2, le=500, description="bins to try: 2 to this")] = 50
    folds: Annotated[int, Meta(ge=2, le=100, description="parts of the cross-validation")] = 4
    step_bins: Annotated[int, Meta(ge=3, le=10_000, description="bins of the step")] = 50
    estimate: Annotated[
        Estimate,
        Meta(description="normal distribution by least squares on the CDF, or by its moments"),
    ] = "moments"

    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        """Choose the bins and fit; see `Method.fit`. The generator deals the folds."""
        check_points(points, 4 * self.folds, "binning with cross-validation")
        fold = rng.permutation(np.arange(len(points)) % self.folds)
        counts = np.arange(2, self.most_bins + 1)
        losses = np.array([_loss(points, int(count), fold, self.folds) for count in counts])
        best = int(np.argmin(losses))
        if not np.isfinite(losses[best]):
            raise ConfigError(
                f"no number of bins leaves two steps that differ in two bins of each of "
                f"{self.folds} folds of the {len(points)} points at {points.voltage_v:g} V; some "
                f"{20 * self.folds} points spread over the range would do"
            )
        method = Binning(
            g_bins=int(counts[best]), step_bins=self.step_bins, estimate=self.estimate
        )
        fit = method.fit(points, rng)
        return Fit(fit.profile, figures={**fit.figures, "validation_nll": float(losses[best])})


def _bins(conductance_s: Floats, count: int) -> Ints:
    """Give the bin of each conductance, between the smallest and the largest."""
    low_s, high_s = conductance_s.min(), conductance_s.max()
    share = (conductance_s - low_s) / (high_s - low_s)
    return np.asarray(np.minimum((share * count).astype(np.int64), count - 1))


def _centres(conductance_s: Floats, count: int) -> Floats:
    low_s, high_s = conductance_s.min(), conductance_s.max()
    return np.asarray(low_s + (np.arange(count) + 0.5) * (high_s - low_s) / count)


def _moments(step_s: Floats, bins: Ints, rows: int) -> tuple[Floats, Floats]:
    """Give mean and sample standard deviation of each bin; NaN where steps do not differ."""
    count = np.bincount(bins, minlength=rows)
    mean_s = np.bincount(bins, step_s, minlength=rows) / np.maximum(count, 1)
    off_s = step_s - mean_s[bins]
    variance = np.bincount(bins, off_s * off_s, minlength=rows) / np.maximum(count - 1, 1)
    grain_s = 1e-12 * np.abs(step_s).max()
    return _where_known(variance > grain_s**2, mean_s, np.sqrt(variance))


def _cdf_fits(step_s: Floats, bins: Ints, rows: int, columns: int) -> tuple[Floats, Floats]:
    """Fit a normal distribution to the CDF of each bin; NaN where it has no sigma."""
    low_s = step_s.min()
    width_s = (step_s.max() - low_s) / columns
    column = np.minimum(((step_s - low_s) / width_s).astype(np.int64), columns - 1)
    histogram = np.bincount(bins * columns + column, minlength=rows * columns)
    histogram = histogram.reshape(rows, columns)
    known = (histogram > 0).sum(axis=1) > 1
    share = histogram[known] / histogram[known].sum(axis=1, keepdims=True)
    middle = np.arange(columns) + 0.5
    mean = share @ middle
    spread = np.sqrt(np.maximum(share @ middle**2 - mean**2, 0.0))
    mean_s, sigma_s = np.zeros(rows), np.zeros(rows)
    mean, sigma = fit_cdfs(np.cumsum(share, axis=1), mean, spread)
    mean_s[known], sigma_s[known] = low_s + mean * width_s, sigma * width_s
    return _where_known(known, mean_s, sigma_s)


def _where_known(known: NDArray[np.bool_], *values: Floats) -> tuple[Floats, Floats]:
    mean_s, sigma_s = (np.where(known, value, np.nan) for value in values)
    return mean_s, sigma_s


def _loss(points: Points, count: int, fold: Ints, folds: int) -> float:
    """Give the mean negative log-likelihood of left-out points; infinite without two bins."""
    bins, centre_s = _bins(points.conductance_s, count), _centres(points.conductance_s, count)
    loss = 0.0
    for part in range(folds):
        out = fold == part
        mean_s, sigma_s = _moments(points.step_s[~out], bins[~out], count)
        known = np.isfinite(sigma_s)
        if known.sum() < 2:
            return np.inf
        at_s = points.conductance_s[out]
        sigma = np.interp(at_s, centre_s[known], sigma_s[known])
        z = (points.step_s[out] - np.interp(at_s, centre_s[known], mean_s[known])) / sigma
        loss += float(np.sum(0.5 * z * z + np.log(sigma)))
    return loss / len(points) + 0.5 * float(np.log(2 * np.pi))
