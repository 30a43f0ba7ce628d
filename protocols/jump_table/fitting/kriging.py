"""Two-tier kriging: one Gaussian process for the mean, one for sigma."""

import warnings
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta

from hil.export import needed
from hil.one_thread import one_thread
from hil.protocols.jump_table.fitting.checks import check_points
from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

_LEAST = 20
_ROWS = 100
_LOG_CHI2_MEAN = -1.2703628454614782
"""Mean of the logarithm of a chi-squared number with one degree of freedom, -gamma - ln 2
(Abramowitz and Stegun 26.4 with 6.3.3): how far ln r^2 lies below ln sigma^2."""

_LOG_CHI2_VARIANCE = np.pi**2 / 2
"""Its variance, from the trigamma function at 1/2 (Abramowitz and Stegun 6.4.4)."""

_LEVEL = 10.0
"""Prior variance of the level of a curve, in variances of the values: as good as unknown."""

_LENGTHS = (0.05, 5.0)
"""Correlation lengths to choose from, in ranges of the conductance."""

_JITTER = 1e-9
_LEAST_SQUARE = 1e-8
"""Of a residual, in variances of the step: its logarithm is that of nothing otherwise."""


class Kriging(Method, frozen=True, kw_only=True):
    """Gaussian processes of the mean and of the logarithm of the squared residuals.

    I. Hossen, M. A. Anders, L. Wang and G. C. Adam, "Data-driven RRAM device models using Kriging
    interpolation", Sci. Rep. 12 5963 (2022): a first kriging for the mean of the step, a second
    for its standard deviation. The second is done on ln r^2, as P. W. Goldberg, C. K. I. Williams
    and C. M. Bishop did (NIPS 10 493 (1998)), with the mean of ln chi^2 taken off. Kernels are
    squared exponential with white noise, their parameters those of the largest likelihood
    (scikit-learn). Cost grows with the cube of the points, so that at most `most_points` are
    used, drawn at random. The draws are from both posteriors.

    Steps that were stopped at a bound count as what they were, as they do in binning: near the
    bounds the mean is drawn inwards and sigma comes out too small.
    """

    quick: ClassVar[bool] = False

    most_points: Annotated[
        int, Meta(ge=_LEAST, le=5_000, description="points to use, drawn at random")
    ] = 500
    draws: Annotated[int, Meta(ge=0, le=100_000, description="draws from the posterior")] = 200

    @one_thread
    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        """Fit both processes; see `Method.fit`. The generator draws points and posterior."""
        check_points(points, _LEAST, "kriging")
        gp = needed("sklearn.gaussian_process", "learn")
        if len(points) > self.most_points:
            points = points.take(rng.choice(len(points), self.most_points, replace=False))
            check_points(points, _LEAST, "kriging")
        low_s, high_s = points.conductance_s.min(), points.conductance_s.max()
        centre_s, scale_s = points.step_s.mean(), points.step_s.std()
        at = (points.conductance_s - low_s) / (high_s - low_s)
        axis = np.linspace(0.0, 1.0, _ROWS)
        step = (points.step_s - centre_s) / scale_s
        mean = _Process(gp, at, step, 0.5)
        residual = step - mean.at(at)
        log_square = np.log(np.maximum(residual**2, _LEAST_SQUARE)) - _LOG_CHI2_MEAN
        level = log_square.mean()
        log_variance = _Process(gp, at, log_square - level, _LOG_CHI2_VARIANCE)
        curves = [process.curves(axis, rng, self.draws) for process in (mean, log_variance)]
        mean_s = centre_s + scale_s * curves[0]
        sigma_s = scale_s * np.exp(0.5 * (level + curves[1]))
        profile = Profile(low_s + axis * (high_s - low_s), mean_s[0], sigma_s[0])
        draws = np.stack([mean_s[1:], sigma_s[1:]], axis=1) if self.draws else None
        figures = {
            "points": len(points),
            "mean_length_s": mean.length * (high_s - low_s),
            "sigma_length_s": log_variance.length * (high_s - low_s),
        }
        return Fit(profile, draws, figures)


class _Process:
    """A Gaussian process over a scaled axis, its parameters those of the largest likelihood."""

    def __init__(self, gp: Any, at: Floats, value: Floats, noise: float) -> None:
        """Fit; *noise* is the variance of the values at one place to start from."""
        part = gp.kernels
        level = part.ConstantKernel(_LEVEL, "fixed")
        bend = part.ConstantKernel(1.0, (1e-4, 1e3)) * part.RBF(0.5, _LENGTHS)
        kernel = part.WhiteKernel(noise, (1e-6, 1e2)) + (level + bend)
        with warnings.catch_warnings():
            # a parameter at its bound means a line, or no curve that can be told from one
            quiet = needed("sklearn.exceptions", "learn").ConvergenceWarning
            warnings.simplefilter("ignore", category=quiet)
            regressor = gp.GaussianProcessRegressor(kernel, alpha=_JITTER)
            self._fitted = regressor.fit(at[:, None], value)
        self.length = float(self._fitted.kernel_.k2.k2.k2.length_scale)
        self._noise = float(self._fitted.kernel_.k1.noise_level)

    def at(self, at: Floats) -> Floats:
        """Give the posterior mean."""
        return np.asarray(self._fitted.predict(at[:, None]))

    def curves(self, at: Floats, rng: np.random.Generator, draws: int) -> Floats:
        """Give the posterior mean and draws from the posterior of the curve, (1 + draws, m)."""
        mean, covariance = self._fitted.predict(at[:, None], return_cov=True)
        covariance -= self._noise * np.eye(len(at))  # the noise is of points, not of the curve
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        off = rng.standard_normal((draws, len(at))) @ root.T
        return np.vstack([mean, mean + off])
