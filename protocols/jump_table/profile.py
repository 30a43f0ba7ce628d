"""What one pulse does at each conductance: the distribution of its step over G."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError

NORMAL_SHARE = 0.01
"""Share of a normal distribution in the density of a shape, so that no step is impossible."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Profile:
    """Distribution of the step of one amplitude, tabulated over G.

    Between two conductances mean, sigma and standardised quantiles are interpolated linearly;
    beyond the first and the last they stay as they are there.

    Attributes
    ----------
    conductance_s : (m,) float64
        Axis (S), rising.
    mean_s, sigma_s : (m,) float64
        Mean and sigma of the step (S); sigma above 0.
    shape : (m, k) float64 or None
        Quantiles of (step - mean) / sigma at k >= 2 equally spaced probabilities from 0 to 1,
        linear between them; None for a normal distribution.

    Raises
    ------
    ConfigError
        For an axis that does not rise, lists of other lengths, numbers that are not finite, a
        sigma that is not above 0, quantiles that fall.
    """

    conductance_s: Floats
    mean_s: Floats
    sigma_s: Floats
    shape: Floats | None = None

    def __post_init__(self) -> None:
        rows = len(self.conductance_s)
        if self.mean_s.shape != (rows,) or self.sigma_s.shape != (rows,):
            raise ConfigError("conductance_s, mean_s and sigma_s must be lists of one length")
        if rows < 2 or not (np.diff(self.conductance_s) > 0).all():
            raise ConfigError("conductance_s must be two or more rising numbers")
        if not np.isfinite([self.conductance_s, self.mean_s, self.sigma_s]).all():
            raise ConfigError("conductance_s, mean_s and sigma_s must be finite")
        if not (self.sigma_s > 0).all():
            raise ConfigError("sigma_s must be above 0")
        if self.shape is not None and not _are_quantiles(self.shape, rows):
            raise ConfigError(f"shape must have {rows} rows of two or more rising quantiles")

    def moments(self, conductance_s: ArrayLike) -> tuple[Floats, Floats]:
        """Give mean and sigma of the step (S) at any conductances."""
        at_s = np.asarray(conductance_s, float)
        return (
            np.interp(at_s, self.conductance_s, self.mean_s),
            np.interp(at_s, self.conductance_s, self.sigma_s),
        )

    def on(self, conductance_s: ArrayLike) -> "Profile":
        """Return the same distribution on another axis."""
        axis_s = np.asarray(conductance_s, float)
        shape = None if self.shape is None else self._rows_at(self.shape, axis_s)
        return Profile(axis_s, *self.moments(axis_s), shape)

    def quantile(self, conductance_s: Floats, share: Floats) -> Floats:
        """Give the step (S) that is not exceeded with a probability, (points,) each."""
        from scipy.special import ndtri

        mean_s, sigma_s = self.moments(conductance_s)
        if self.shape is None:
            return np.asarray(mean_s + sigma_s * ndtri(share))
        rows = self._rows_at(self.shape, conductance_s)
        last = rows.shape[1] - 1
        left = np.minimum((share * last).astype(int), last - 1)[:, None]
        below, above = (np.take_along_axis(rows, left + k, axis=1)[:, 0] for k in (0, 1))
        return np.asarray(
            mean_s + sigma_s * (below + (share * last - left[:, 0]) * (above - below))
        )

    def cdf(self, conductance_s: Floats, step_s: Floats) -> Floats:
        """Give the probability of a step up to *step_s* (S), (points,) each."""
        from scipy.special import ndtr

        mean_s, sigma_s = self.moments(conductance_s)
        z = (step_s - mean_s) / sigma_s
        if self.shape is None:
            return np.asarray(ndtr(z))
        left, last, q0, q1 = _around(self._rows_at(self.shape, conductance_s), z)
        part = np.where(q1 > q0, (z - q0) / np.where(q1 > q0, q1 - q0, 1.0), 1.0)
        return np.asarray(np.clip((left + np.clip(part, 0, 1)) / last, 0.0, 1.0))

    def log_density(self, conductance_s: Floats, step_s: Floats) -> Floats:
        """Give the logarithm of the density of a step (1/S), (points,) each.

        A shape is a histogram between its quantiles, but for `NORMAL_SHARE`.
        """
        mean_s, sigma_s = self.moments(conductance_s)
        z = (step_s - mean_s) / sigma_s
        log_normal = -0.5 * z * z - 0.5 * np.log(2 * np.pi) - np.log(sigma_s)
        if self.shape is None:
            return np.asarray(log_normal)
        rows = self._rows_at(self.shape, conductance_s)
        _, last, q0, q1 = _around(rows, z)
        inside = (rows[:, 0] <= z) & (z < rows[:, -1])
        width = np.maximum(q1 - q0, 1e-6)
        density = np.where(inside, 1.0 / (last * width * sigma_s), 0.0)
        with np.errstate(divide="ignore"):
            log_shaped = np.log((1 - NORMAL_SHARE) * density)
        return np.asarray(np.logaddexp(log_shaped, np.log(NORMAL_SHARE) + log_normal))

    def _rows_at(self, shape: Floats, conductance_s: Floats) -> Floats:
        """Interpolate quantiles between the rows around each conductance, (points, k)."""
        return interpolated(self.conductance_s, shape.T, conductance_s).T


def interpolated(axis_s: Floats, curves: Floats, at_s: Floats) -> Floats:
    """Interpolate curves (..., m) on one axis (m,) at conductances (S), (n,): (..., n).

    Beyond the ends of the axis they stay as they are there.
    """
    right = np.clip(np.searchsorted(axis_s, at_s), 1, len(axis_s) - 1)
    part = np.clip((at_s - axis_s[right - 1]) / (axis_s[right] - axis_s[right - 1]), 0.0, 1.0)
    return np.asarray((1 - part) * curves[..., right - 1] + part * curves[..., right])


def _around(rows: Floats, z: Floats) -> tuple[NDArray[np.int64], int, Floats, Floats]:
    """Find the two quantiles around each z: number of the lower, of the last, and both values."""
    last = rows.shape[1] - 1
    left = np.clip((rows <= z[:, None]).sum(axis=1) - 1, 0, last - 1)
    below, above = (np.take_along_axis(rows, left[:, None] + k, axis=1)[:, 0] for k in (0, 1))
    return left, last, below, above


def _are_quantiles(shape: Floats, rows: int) -> bool:
    """Say whether these are rows of two or more finite numbers that do not fall."""
    return (
        shape.ndim == 2
        and shape.shape[0] == rows
        and shape.shape[1] > 1
        and bool(np.isfinite(shape).all() and (np.diff(shape, axis=1) >= 0).all())
    )
