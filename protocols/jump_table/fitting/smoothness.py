"""How smooth mean and ln sigma are: both precisions by the evidence of the readings.

The prior of each curve says that differences of neighbouring coefficients are normal with a
precision; the evidence is the probability of the readings under that prior, by Laplace's
approximation (MacKay, Neural Computation 4 (1992) 415; for penalised likelihoods Wood, Pya and
Saefken, JASA 111 (2016) 1548).
"""

import math

import numpy as np

from hil.protocols.jump_table.fitting.censored import Likelihood, NoScatter, Top, climb, solve
from hil.protocols.jump_table.profile import Floats

LEAST = 0.1
"""Least precision of the differences: wilder curves, 3 spreads or a factor of 20 up and down from
one coefficient to the next, are none."""

RIDGE = (1e-4, 1e-2)
"""Precision of every single coefficient of mean and ln sigma: within 100 spreads, and within a
factor of e^10 of the spread. It decides only where the readings say nothing."""

_STIFF = 1e4
"""Times the readings: precision from which on curves are straight to every figure."""

_LEAP = 1.0
"""Largest change of a coefficient that is trusted to be foreseen."""

_GAIN = 1e-3
"""Gain of ln evidence that the search no longer goes for."""

_JUMP = 2.5
"""Largest change of the logarithm of a precision in one step of the search."""


class Evidence:
    """Evidence of readings as a function of ln precision of mean and ln sigma.

    Parameters
    ----------
    likelihood : Likelihood
        What the readings say.
    roughness : (k, k) float64
        Matrix of the squared differences of coefficients, the same for both curves.
    """

    def __init__(self, likelihood: Likelihood, roughness: Floats) -> None:
        self.likelihood = likelihood
        size = likelihood.means
        self._blocks = (slice(0, size), slice(size, None))
        self._roughness = roughness
        self._eigenvalues = np.maximum(np.linalg.eigvalsh(roughness), 0.0)
        step = likelihood.readings.step
        log_rms = 0.5 * math.log(float(np.mean(step * step)))
        self._beta = np.r_[np.zeros(size), np.full(size, log_rms)]
        self._paths = np.zeros((2, 2 * size))
        self._at = np.zeros(2)

    @property
    def limits(self) -> tuple[float, float]:
        """Lowest and highest ln precision."""
        return math.log(LEAST), math.log(_STIFF * len(self.likelihood.readings.step))

    def penalty(self, logs: Floats) -> Floats:
        """Give the precision of all coefficients, (p, p)."""
        full = np.diag(np.repeat(RIDGE, self.likelihood.means))
        for block, log in zip(self._blocks, logs, strict=True):
            full[block, block] += math.exp(log) * self._roughness
        return full

    def top(self, logs: Floats) -> Top:
        """Find the best coefficients, beginning near those of the last call."""
        start = self._beta + np.clip(logs - self._at, -3, 3) @ self._paths
        if np.abs(start - self._beta).max() > _LEAP:
            start = self._beta
        top = climb(self.likelihood, self.penalty(logs), start)
        self._beta, self._at = top.beta, logs
        return top

    def value(self, logs: Floats) -> tuple[float, Top]:
        """Return ln evidence (of scaled readings), and the top that it stands on."""
        top = self.top(logs)
        value = top.height - float(np.log(np.diag(top.factor)).sum())
        for log, ridge in zip(logs, RIDGE, strict=True):
            value += 0.5 * float(np.log(math.exp(log) * self._eigenvalues + ridge).sum())
        return value, top

    def slope(self, logs: Floats, top: Top) -> Floats:
        """Give the gradient of ln evidence, (2,); the way that the top takes is remembered."""
        slope = np.empty(2)
        inverse = solve(top.factor, np.eye(len(top.beta)))
        for j, (block, ridge) in enumerate(zip(self._blocks, RIDGE, strict=True)):
            stiff = math.exp(logs[j]) * self._eigenvalues
            rough = math.exp(logs[j]) * self._roughness
            pull = np.zeros_like(top.beta)
            pull[block] = rough @ top.beta[block]
            self._paths[j] = -inverse @ pull
            slope[j] = 0.5 * (
                float((stiff / (stiff + ridge)).sum())
                - float(top.beta @ pull)
                - float((inverse[block, block] * rough).sum())
                - float((inverse * self._bend(top.beta, self._paths[j])).sum())
            )
        return slope

    def _bend(self, beta: Floats, path: Floats) -> Floats:
        """Give the change of the information along a path of the coefficients."""
        reach = 1e-4 / max(float(np.abs(path).max()), 1e-8)
        after = self.likelihood.sums(beta + reach * path)[2]
        before = self.likelihood.sums(beta - reach * path)[2]
        return (after - before) / (2 * reach)


def smoothest(evidence: Evidence) -> Floats:
    """Find both ln precisions of the largest evidence, (2,), by BFGS between their limits.

    Raises
    ------
    NoScatter
        If sigma runs to zero even for a smooth curve.
    """
    low, high = evidence.limits
    at, inverse = np.array([3.0, 3.0]), np.eye(2)
    value, top = evidence.value(at)
    slope = evidence.slope(at, top)
    for _ in range(40):
        free = ((at > low) | (slope > 0)) & ((at < high) | (slope < 0))
        move = (inverse * np.outer(free, free)) @ slope
        move *= min(1.0, _JUMP / max(float(np.abs(move).max()), 1e-300))
        if move @ slope < 2 * _GAIN:
            break
        found = _better(evidence, at, move, value)
        if found is None:
            break
        trial, value, top = found
        steep = evidence.slope(trial, top)
        inverse = _update(inverse, trial - at, slope - steep)
        at, slope = trial, steep
    return at


def _better(
    evidence: Evidence, at: Floats, move: Floats, value: float
) -> tuple[Floats, float, Top] | None:
    """Go along a move, less far until it gains; None if it never does."""
    for _ in range(12):
        trial = np.clip(at + move, *evidence.limits)
        try:
            new, top = evidence.value(trial)
        except NoScatter:
            new = -math.inf
        else:
            if new >= value:
                return trial, new, top
        move = 0.3 * move
    return None


def _update(inverse: Floats, way: Floats, change: Floats) -> Floats:
    """Update the inverse curvature (BFGS); where the evidence bends up, take longer steps."""
    along = float(way @ change)
    if along <= 1e-12:
        return 2 * inverse
    left = np.eye(2) - np.outer(way, change) / along
    return np.asarray(left @ inverse @ left.T + np.outer(way, way) / along)
