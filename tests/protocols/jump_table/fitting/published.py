"""The linear profiles of Yousuf 2023 (arXiv 2211.15925), as its authors published them."""

import numpy as np

from hil.protocols.jump_table.fitting.synthetic import synthetic
from hil.protocols.jump_table.metrics import ovle, ssd
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile

LOW_S, HIGH_S, SIGMA_S = 3e-9, 38e-9, 1.2e-9
AXIS_S = np.linspace(LOW_S, HIGH_S, 100)
MEANS = {
    "SET": (0.173202952e-9, -3.97901806e-3),
    "RESET": (0.0271089146e-9, -9.83011083e-3),
}
"""Intercept (S) and slope of the mean."""


def truth(which: str = "SET") -> Profile:
    """Give a published profile on its axis."""
    intercept_s, slope = MEANS[which]
    return Profile(AXIS_S, intercept_s + slope * AXIS_S, np.full(100, SIGMA_S))


def drawn(count: int, seed: int, which: str = "SET") -> Points:
    """Draw clipped points from a published profile."""
    rng = np.random.default_rng([seed, count])
    return synthetic(truth(which), count, LOW_S, HIGH_S, rng, voltage_v=1.5)


def errors(profile: Profile, which: str = "SET") -> tuple[float, float]:
    """Give SSD and OVLE between a fit and the published profile."""
    known = truth(which)
    fitted = profile.on(AXIS_S)
    both = (fitted.mean_s, fitted.sigma_s, known.mean_s, known.sigma_s)
    return float(ssd(*both)), float(ovle(*both))
