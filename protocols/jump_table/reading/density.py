"""How densely readings lie over G: a smooth logarithm of their density, and its slope."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError

Floats = NDArray[np.float64]

_BINS = 120
_PIECES = 10
"""Pieces of the cubic spline."""

_SMOOTHNESS = tuple(float(x) for x in np.geomspace(1e-3, 1e6, 28))


@dataclass(frozen=True, eq=False)
class LogDensity:
    """Logarithm of a density as a cubic spline, up to a constant.

    A histogram of 120 bins is fitted by Poisson regression with a penalty on the third differences
    of a B-spline's coefficients, which leaves a normal density unpunished; the weight of the
    penalty has the largest Laplace evidence (P. H. C. Eilers and B. D. Marx, Stat. Sci. 11, 89
    (1996), section 8). An edge where readings end, as at a window, is no slope to it: it is fitted
    up to there and no further.

    Attributes
    ----------
    low_s, high_s : float
        Range of the readings (S); beyond it the slope stays as it is at its end.
    coefficients : (splines,) float64
        Of the spline.
    factor : (splines, splines) float64
        Square root of their covariance.
    """

    low_s: float
    high_s: float
    coefficients: Floats
    factor: Floats

    @classmethod
    def of(cls, readings_s: Floats) -> "LogDensity":
        """Fit readings, (readings,); raises ConfigError for fewer than 40 or if all are alike."""
        low_s, high_s = float(readings_s.min(initial=np.inf)), float(readings_s.max(initial=0.0))
        if len(readings_s) < 40 or not low_s < high_s:
            raise ConfigError(
                f"{len(readings_s)} readings from {low_s:g} to {high_s:g} S tell no density; it "
                "takes 40 or more that differ"
            )
        counts, edges = np.histogram(
            (readings_s - low_s) / (high_s - low_s), _BINS, range=(0.0, 1.0)
        )
        basis = _splines(0.5 * (edges[1:] + edges[:-1]))
        bend = np.diff(np.eye(basis.shape[1]), 3, axis=0)
        penalty = bend.T @ bend
        start = np.full(basis.shape[1], np.log(counts.mean()))
        fits = [_fitted(basis, counts, weight * penalty, start) for weight in _SMOOTHNESS]
        ranks = len(bend) * np.log(_SMOOTHNESS)
        best = int(np.argmax([e + 0.5 * r for (_, _, e), r in zip(fits, ranks, strict=True)]))
        coefficients, precision, _ = fits[best]
        factor = np.linalg.inv(np.linalg.cholesky(precision)).T
        return cls(low_s, high_s, coefficients, factor)

    def slope(self, conductance_s: Floats) -> Floats:
        """Give the slope of the logarithm (1/S)."""
        return np.asarray(self._slopes(conductance_s) @ self.coefficients)

    def slope_draws(self, conductance_s: Floats, draws: int, rng: np.random.Generator) -> Floats:
        """Draw slopes (1/S) as they may as well be, (draws, points)."""
        normal = rng.standard_normal((draws, len(self.coefficients)))
        coefficients = self.coefficients + normal @ self.factor.T
        return np.asarray(coefficients @ self._slopes(conductance_s).T)

    def _slopes(self, conductance_s: Floats) -> Floats:
        width_s = self.high_s - self.low_s
        share = np.clip((conductance_s - self.low_s) / width_s, 0.0, 1.0)
        return _splines(share, slope=True) / width_s


def _splines(share: Floats, *, slope: bool = False) -> Floats:
    """Lay out cubic B-splines on equal knots over 0 to 1, or their slopes, (points, splines)."""
    from scipy.interpolate import BSpline

    knots = np.arange(-3, _PIECES + 4) / _PIECES
    splines = BSpline(knots, np.eye(_PIECES + 3), 3)
    return np.asarray(splines.derivative()(share) if slope else splines(share))


def _fitted(
    basis: Floats, counts: NDArray[np.int64], penalty: Floats, start: Floats
) -> tuple[Floats, Floats, float]:
    """Maximise the penalised Poisson likelihood: coefficients, precision, log evidence."""
    a = start
    precision = np.eye(len(a))
    for _ in range(100):
        mean = np.exp(np.minimum(basis @ a, 50.0))
        precision = (basis * mean[:, None]).T @ basis + penalty + 1e-9 * np.eye(len(a))
        step = np.linalg.solve(precision, basis.T @ (counts - mean) - penalty @ a)
        a = a + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-300))
        if np.abs(step).max() < 1e-8:
            break
    fit = float(counts @ (basis @ a) - np.exp(np.minimum(basis @ a, 50.0)).sum())
    evidence = fit - 0.5 * float(a @ penalty @ a) - 0.5 * np.linalg.slogdet(precision)[1]
    return a, precision, float(evidence)
