"""Read noise, from pulses of 0 V: the readings about them differ by nothing else."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.protocols.jump_table.points import Points

Floats = NDArray[np.float64]

LEAST = 40
"""Fewest 0 V pulses that tell a read noise."""

NO_CONTROL = (
    "the data hold no 0 V pulses, so it cannot be known how much of sigma is the meter's and how "
    "far read noise pulls the mean; put 0 V among voltages_v, 500 pulses tell it to 3 %"
)
"""What to say where there is no control."""

_STEEP = 4.0
"""Steps beyond so many sigmas count as that many: a glitch is no noise."""

_RESAMPLES = 400
_BLOCKS = 1000
"""How many parts are resampled: points, or where there are more, every thousandth together."""

_INTERVAL = (0.025, 0.975)

_AXIS = 50
"""Conductances at which a noise is told."""


@dataclass(frozen=True, eq=False)
class ReadNoise:
    """Read noise over G, from 0 V pulses.

    Attributes
    ----------
    conductance_s : (m,) float64
        Axis (S), rising.
    tau_s : (m,) float64
        Rms of the error of one reading (S).
    low_s, high_s : (m,) float64
        Ends of its pointwise 95 % interval (S).
    points : int
        How many pulses it came from.
    """

    conductance_s: Floats
    tau_s: Floats
    low_s: Floats
    high_s: Floats
    points: int

    def at(self, conductance_s: ArrayLike) -> Floats:
        """Give tau (S) at any conductances; beyond the axis it stays as it is there."""
        at_s = np.asarray(conductance_s, float)
        return np.asarray(np.interp(at_s, self.conductance_s, self.tau_s))

    @property
    def relative(self) -> float:
        """Rms of a reading over its value, on average over the axis."""
        return float(np.sqrt(np.mean((self.tau_s / self.conductance_s) ** 2)))

    @classmethod
    def constant(cls, tau_s: float, low_s: float, high_s: float) -> "ReadNoise":
        """Make a noise that is known from elsewhere, the same from one conductance to another."""
        axis_s, tau = np.linspace(low_s, high_s, _AXIS), np.full(_AXIS, tau_s)
        return cls(axis_s, tau, tau, tau, 0)


def read_noise(control: Points | None, seed: int = 0) -> ReadNoise:
    """Find the read noise from the steps of 0 V pulses.

    Half their squares, about their straight line in G (a drift, and the pull to the middle, are no
    noise), are fitted by a quadratic Bernstein polynomial with coefficients of 0 or more, each
    square weighed by its own variance under the fit (2 tau^4, normal noise). Steps beyond 4 sigma
    count as 4 sigma. The interval is from 400 resamples.

    Parameters
    ----------
    control : Points or None
        Points of 0 V.
    seed : int
        Of the resamples.

    Raises
    ------
    ConfigError
        Without a control, or with fewer than 40 pulses or no noise in it.
    """
    if control is None:
        raise ConfigError(NO_CONTROL)
    count = len(control)
    if count < LEAST:
        raise ConfigError(
            f"{count} pulses of 0 V do not tell a read noise; {LEAST} are the least, "
            "500 tell it to 3 %"
        )
    low_s, high_s = float(control.conductance_s.min()), float(control.conductance_s.max())
    share = (control.conductance_s - low_s) / ((high_s - low_s) or 1.0)
    scale_s = float(np.std(control.step_s))
    if scale_s == 0:
        raise ConfigError(
            "all steps of the 0 V pulses are alike: the readings have no noise to be seen, or "
            "were rounded to steps above it"
        )
    line = np.stack([np.ones(count), share], axis=1)
    steps = control.step_s / scale_s
    steps = steps - line @ np.linalg.lstsq(line, steps, rcond=None)[0]
    basis = _bernstein(share)
    squares, weights = _robust(basis, steps)
    axis = np.linspace(0.0, 1.0, _AXIS)
    best = _solved(basis, squares, weights)
    tau = np.sqrt(_bernstein(axis) @ best)
    drawn = _resampled(basis, squares, weights, np.random.default_rng(seed))
    ends = np.quantile(np.sqrt(drawn @ _bernstein(axis).T), _INTERVAL, axis=0)
    axis_s = low_s + axis * ((high_s - low_s) or 1e-3 * low_s)
    return ReadNoise(axis_s, scale_s * tau, scale_s * ends[0], scale_s * ends[1], count)


def _bernstein(share: Floats) -> Floats:
    """Lay out the quadratic Bernstein polynomials, (points, 3)."""
    return np.stack([(1 - share) ** 2, 2 * share * (1 - share), share**2], axis=1)


def _robust(basis: Floats, steps: Floats) -> tuple[Floats, Floats]:
    """Give half the squares, cut at 4 sigma, and their weights under the fit to them."""
    # the median of a normal variable's square is 0.455 of its variance
    variance = np.full(len(steps), max(float(np.median(steps**2)) / 0.455, 1e-12) / 2)
    squares = 0.5 * steps**2
    for _ in range(20):
        squares = 0.5 * np.minimum(steps**2, 2 * _STEEP**2 * variance)
        before = variance
        variance = basis @ _solved(basis, squares, variance**-2.0)
        variance = np.maximum(variance, 1e-6 * variance.mean())
        if np.abs(variance / before - 1).max() < 1e-4:
            break
    return squares, variance**-2.0


def _solved(basis: Floats, squares: Floats, weights: Floats) -> Floats:
    """Fit coefficients of 0 or more by weighted least squares."""
    from scipy.optimize import nnls

    root = np.sqrt(weights / weights.mean())
    normal = (basis * root[:, None]).T @ (basis * root[:, None])
    return _nonnegative(normal, (basis * root[:, None]).T @ (root * squares), nnls)


def _nonnegative(normal: Floats, right: Floats, nnls: Any) -> Floats:
    """Solve normal equations for coefficients of 0 or more."""
    size = normal.trace()
    factor = np.linalg.cholesky(normal / size + 1e-12 * np.eye(len(normal)))
    return np.asarray(nnls(factor.T, np.linalg.solve(factor, right / size))[0])


def _resampled(
    basis: Floats, squares: Floats, weights: Floats, rng: np.random.Generator
) -> Floats:
    """Fit resampled steps, (resamples, 3)."""
    from scipy.optimize import nnls

    weights = weights / weights.mean()
    outer = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1) * weights[:, None]
    each = np.concatenate([outer, basis * (weights * squares)[:, None]], axis=1)
    blocks = min(len(basis), _BLOCKS)
    sums = np.stack([each[first::blocks].sum(axis=0) for first in range(blocks)])
    counts = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=_RESAMPLES)
    return np.array([
        _nonnegative(one[:9].reshape(3, 3), one[9:], nnls) for one in counts @ sums
    ])  # fmt: skip
