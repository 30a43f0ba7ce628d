"""How well a jump table foretells points: probability integral transform and log-likelihood."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from hil.errors import ConfigError
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import NORMAL_SHARE, Floats, Profile


class PitDistance(NamedTuple):
    """Kolmogorov-Smirnov distance of a PIT from uniform, and its p-value."""

    statistic: float
    p_value: float


def pit(profile: Profile, points: Points, rng: np.random.Generator) -> Floats:
    """Give the probability that the table has of a smaller step, at each point.

    Under the right table this probability integral transform is uniform from 0 to 1 (M.
    Rosenblatt, Ann. Math. Stat. 23 470-472 (1952)). A step that was stopped at a
    bound is only known to reach it: its value is drawn uniformly from those that do, which keeps
    the whole uniform (A. E. Brockwell, Stat. Probab. Lett. 77 1473-1478 (2007)).

    Parameters
    ----------
    profile : Profile
        The table; its distribution is taken to have no jumps.
    points : Points
        What was measured.
    rng : Generator
        Draws the values of steps that were stopped.

    Returns
    -------
    (points,) float64
        From 0 to 1.

    Raises
    ------
    ConfigError
        If there are no points, or one is not a number.
    """
    _check(points)
    at_s, low, high = points.conductance_s, points.at_low, points.at_high
    share = profile.cdf(at_s, points.step_s)
    if low.any():
        below = profile.cdf(at_s[low], points.low_s - at_s[low])
        share[low] = rng.random(len(below)) * below
    if high.any():
        below = profile.cdf(at_s[high], points.high_s - at_s[high])
        share[high] = below + rng.random(len(below)) * (1 - below)
    return share


def uniform_distance(shares: Floats) -> float:
    """Give the largest difference between the shares' distribution and the uniform one."""
    rising = np.sort(shares)
    steps = np.arange(len(rising) + 1) / len(rising)
    return float(max((rising - steps[:-1]).max(), (steps[1:] - rising).max()))


def pit_distance(shares: ArrayLike) -> PitDistance:
    """Give the distance of a PIT from uniform, by the one-sample Kolmogorov-Smirnov test.

    The p-value is exact for a table that was not fitted to these points; for one that was it is
    too large.

    Parameters
    ----------
    shares : (points,) array_like
        What `pit` gave.

    Raises
    ------
    ConfigError
        If there are none, or they are not from 0 to 1.
    """
    from scipy.stats import kstwo

    values = np.asarray(shares, float)
    if not (values.ndim == 1 and values.size and ((values >= 0) & (values <= 1)).all()):
        raise ConfigError("a PIT is one or more probabilities, each from 0 to 1")
    statistic = uniform_distance(values)
    return PitDistance(statistic, float(kstwo.sf(statistic, len(values))))


def nll_each(profile: Profile, points: Points, unit_s: float | None = None) -> Floats:
    """Give the negative log-likelihood of each point (natural logarithm).

    A free step counts with its density per *unit_s*; one that was stopped at a bound with the
    probability of reaching it, which has no unit (J. Tobin, Econometrica 26 24-36 (1958)). In the
    difference of two tables on the same points the unit drops out.

    Parameters
    ----------
    profile : Profile
        The table.
    points : Points
        What was measured.
    unit_s : float or None
        Step (S) that the density is quoted against; by default the standard deviation of the
        points' steps, so that a table that knows no more than mean and sigma of all steps has
        about 1.42, (1 + ln 2 pi) / 2, whatever the units.

    Returns
    -------
    (points,) float64
        Lower is better; inf where the table holds a step for impossible.

    Raises
    ------
    ConfigError
        If there are no points, one is not a number, or all steps are equal and there is no unit.
    """
    _check(points)
    unit = float(points.step_s.std()) if unit_s is None else unit_s
    if not unit > 0:
        raise ConfigError("all steps are equal, which leaves no unit of density; give unit_s")
    at_s, low, high = points.conductance_s, points.at_low, points.at_high
    loss = np.empty(len(points))
    free = ~(low | high)
    loss[free] = -profile.log_density(at_s[free], points.step_s[free]) - np.log(unit)
    loss[low] = -_log_beyond(profile, at_s[low], points.low_s - at_s[low], -1)
    loss[high] = -_log_beyond(profile, at_s[high], points.high_s - at_s[high], 1)
    return loss


def nll(profile: Profile, points: Points, unit_s: float | None = None) -> float:
    """Give the mean negative log-likelihood of the points; see `nll_each`."""
    return float(nll_each(profile, points, unit_s).mean())


def _log_beyond(profile: Profile, at_s: Floats, step_s: Floats, side: int) -> Floats:
    """Give the log-probability of a step of at most (side -1) or at least (side 1) *step_s*."""
    from scipy.special import log_ndtr

    mean_s, sigma_s = profile.moments(at_s)
    normal = np.asarray(log_ndtr(-side * (step_s - mean_s) / sigma_s))
    if profile.shape is None or not at_s.size:
        return normal
    below = profile.cdf(at_s, step_s)
    with np.errstate(divide="ignore"):
        shaped = np.log((1 - NORMAL_SHARE) * (below if side < 0 else 1 - below))
    return np.asarray(np.logaddexp(shaped, np.log(NORMAL_SHARE) + normal))


def _check(points: Points) -> None:
    if not len(points):
        raise ConfigError("there are no points to score a table on; one step or more will do")
    if not (np.isfinite(points.conductance_s).all() and np.isfinite(points.step_s).all()):
        raise ConfigError("points hold NaN or infinity; drop them before scoring a table")
