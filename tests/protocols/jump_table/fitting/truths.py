"""Devices of known mean and sigma, in nS, and points of them."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.fitting.synthetic import synthetic
from hil.protocols.jump_table.metrics import ovle, ssd
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats | float]

LOW_S, HIGH_S = 3e-9, 38e-9


def device(mean_ns: Curve, sigma_ns: Curve) -> Profile:
    """Tabulate curves over conductances in nS."""
    axis = np.linspace(3, 38, 1401)
    ones = np.ones_like(axis)
    return Profile(axis * 1e-9, mean_ns(axis) * ones * 1e-9, sigma_ns(axis) * ones * 1e-9)


# a curved one: the mean falls off, sigma has a hump
CURVED = device(
    lambda G: 2.2 * np.exp(-(G - 3) / 9) + 0.05,
    lambda G: 0.35 + 1.6 * np.exp(-(((G - 12) / 8) ** 2)),
)


def points_of(truth: Profile, count: int, seed: int, starts_s: Floats | None = None) -> Points:
    """Draw points that stop at the bounds."""
    rng = np.random.default_rng([seed, count])
    return synthetic(truth, count, LOW_S, HIGH_S, rng, voltage_v=1.5, starts_s=starts_s)


def distances(fit: Fit, truth: Profile) -> tuple[float, float]:
    """Give SSD and OVLE between a fit and the truth."""
    at_s = np.linspace(LOW_S, HIGH_S, 100)
    both = (*fit.profile.moments(at_s), *truth.moments(at_s))
    return float(ssd(*both)), float(ovle(*both))


def covered(fit: Fit, truth: Profile) -> Floats:
    """Say where the 95 % intervals of mean and sigma hold the truth, (2, m)."""
    low, high = np.quantile(draws_of(fit), [0.025, 0.975], axis=0)
    known = np.stack(truth.moments(fit.profile.conductance_s))
    return np.where((low <= known) & (known <= high), 1.0, 0.0)


def draws_of(fit: Fit) -> Floats:
    """Give the draws, which there must be, (draws, 2, m)."""
    assert fit.draws is not None
    return fit.draws
