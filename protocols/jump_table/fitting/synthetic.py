"""Points drawn from a profile (Yousuf 2023, algorithm 2)."""

from typing import Literal

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

Rule = Literal["clip", "resample"]
"""What becomes of a step beyond a bound: it ends there, or it is drawn anew until it does not."""


def synthetic(
    profile: Profile,
    count: int,
    low_s: float,
    high_s: float,
    rng: np.random.Generator,
    *,
    voltage_v: float = 0.0,
    rule: Rule = "clip",
    starts_s: Floats | None = None,
) -> Points:
    """Draw points from a profile.

    Algorithm 2 of O. Yousuf et al., IEEE JETCAS 13(1) 382-394 (2023), arXiv 2211.15925: G uniform,
    the step from its distribution at G, subject to ``low_s <= G + dG <= high_s`` (eq. 3). The text
    clips what exceeds the bounds. The listing can also be read as drawing until (3) holds, which
    is the distribution truncated at the bounds and is drawn as such here, in one go.

    Parameters
    ----------
    profile : Profile
        Distribution of the step over G.
    count : int
        How many points.
    low_s, high_s : float
        Bounds (S), which may be infinite where *starts_s* is given.
    rng : Generator
        Draws the conductances, then the steps.
    voltage_v : float
        Amplitude that the points are to have (V).
    rule : "clip" or "resample"
        What becomes of a step beyond a bound.
    starts_s : (k,) float64, optional
        Conductances (S) to take in place of uniform ones: in random order, none a second time
        before all were taken.

    Raises
    ------
    ConfigError
        For fewer than one point, or bounds that G cannot be drawn between.
    """
    if count < 1:
        raise ConfigError(f"count is {count}; synthetic data need 1 point or more")
    if starts_s is None and not (np.isfinite([low_s, high_s]).all() and low_s < high_s):
        raise ConfigError(
            f"G cannot be drawn between {low_s:g} S and {high_s:g} S; give finite, rising bounds, "
            "or starts_s, conductances to draw from"
        )
    if starts_s is None:
        at_s = low_s + rng.random(count) * (high_s - low_s)
    else:
        at_s = np.resize(rng.permutation(starts_s), count)
    step = rng.random(count)
    if rule == "resample":
        below, up_to = profile.cdf(at_s, low_s - at_s), profile.cdf(at_s, high_s - at_s)
        step = below + step * (up_to - below)
    # the open interval: 0 and 1 are infinitely far out in a normal distribution
    step_s = profile.quantile(at_s, np.clip(step, 1e-300, 1.0 - 1e-16))
    return Points(voltage_v, at_s, np.clip(at_s + step_s, low_s, high_s) - at_s, low_s, high_s)
