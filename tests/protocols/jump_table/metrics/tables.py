"""The paper's SET table, and points of any table, for tests of what is said of them."""

import numpy as np

from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

LOW_S, HIGH_S = 3e-9, 38e-9
"""Window of the published tables (Yousuf 2023)."""

SIGMA_S = 1.2e-9


def paper_set(shift: float = 0.0, stretch: float = 1.0, rows: int = 15) -> Profile:
    """Give the published SET table, its mean shifted by so many sigmas and its sigma stretched."""
    axis_s = np.linspace(LOW_S, HIGH_S, rows)
    mean_s = 0.173202952e-9 - 3.97901806e-3 * axis_s
    return Profile(axis_s, mean_s + shift * SIGMA_S, np.full(rows, stretch * SIGMA_S))


def skewed(rows: int = 15) -> Profile:
    """Give the same table with exponential residuals that differ from row to row."""
    plain = paper_set(rows=rows)
    share = np.linspace(0, 1, 41)[1:-1]
    inside = -np.log1p(-share) - 1
    one = np.concatenate(([-1.0], inside, [inside[-1] + 2]))
    shape = one * np.linspace(1.0, 1.5, rows)[:, None]
    return Profile(plain.conductance_s, plain.mean_s, plain.sigma_s, shape)


def measured(profile: Profile, count: int, rng: np.random.Generator) -> Points:
    """Draw conductances evenly, and a step each that is stopped at the window."""
    at_s: Floats = rng.uniform(LOW_S, HIGH_S, count)
    step_s = profile.quantile(at_s, rng.random(count))
    return Points(1.5, at_s, np.clip(step_s, LOW_S - at_s, HIGH_S - at_s), LOW_S, HIGH_S)
