"""What the kernels of the JART VCM models share: ion hopping, and the walk from cycle to cycle.

The formulas are fixed by their sources: JART VCM v1b (C. Bengel et al., IEEE TCAS-I 67(12) 4618
(2020), doi 10.1109/TCSI.2020.3018502) and its User Guide of May 2021. They are compiled into the
kernels of other modules, where numba's cache does not notice a change here: whoever changes this
file deletes the folder ``simulators/models/__pycache__``.

Vacancy concentrations are in 1e26 per m^3, all else in SI; barriers in eV.
"""

import math

import numpy as np

from hil.draws import uniform
from hil.simulators.models.compiled import helper
from hil.simulators.models.streams import HALF_CYCLE

CROSSING_V = 15e-6
"""A half cycle begins where |V| rises past this (User Guide, chapter 4)."""

N_MIN, N_MAX, RADIUS, LENGTH = (HALF_CYCLE + np.uint64(i) for i in range(4))
"""Streams of what changes at a half cycle."""


@helper
def mean_barrier(gamma):
    """Compute sqrt(1 - gamma^2) + gamma asin(gamma), the mean of both barriers over dWa.

    Below 0.125 by its series, which is as exact and needs neither function.
    """
    square = gamma * gamma
    if square < 0.015625:
        tail = 7 / 2304 + square * (21 / 11264 + square * (33 / 26624 + square * (143 / 163840)))
        tail = 1 / 24 + square * (1 / 80 + square * (5 / 896 + square * tail))
        return 1.0 + square * (0.5 + square * tail)
    return math.sqrt(1.0 - square) + gamma * math.asin(gamma)


@helper
def hopping(n, n_plug, field, kelvin, barrier, per_k, gamma_per_field, pull, attempts):
    """Compute the rate dN/dt of the vacancies by ion hopping, without limits of N.

    ``-(Nplug + N)/2 a ny0/l (exp(-dWmin/kT) - exp(-dWmax/kT))`` with ``dWmin, dWmax =
    dWa (sqrt(1-gamma^2) -+ gamma pi/2 + gamma asin(gamma))`` and ``gamma = z a E / (pi dWa)``
    (Bengel 2020; Menzel et al., doi 10.1039/C6NR04000K in its references), the difference of the
    exponentials in a form that cannot overflow. Where |gamma| reaches 1 the lower barrier is gone,
    and a higher field changes nothing more.

    Parameters
    ----------
    n, n_plug : float
        Concentrations in disc and plug (1e26 per m^3).
    field : float
        Field in the disc with the sign of the voltage (V/m).
    kelvin : float
        Temperature (K).
    barrier : float
        dWa (eV).
    per_k : float
        k/e (eV/K).
    gamma_per_field, pull : float
        ``z a / (pi dWa)`` and ``z a / 2``, which times the field is half of dWmax - dWmin in eV.
    attempts : float
        ``a ny0 / l`` (1/s).

    Returns
    -------
    float
        dN/dt (1e26 per m^3 and s): above 0 at a negative field (SET).
    """
    per_kt = 1.0 / (per_k * kelvin)
    gamma = gamma_per_field * abs(field)
    half = pull * abs(field)
    if gamma > 1.0:
        half /= gamma
        gamma = 1.0
    mean = barrier * mean_barrier(gamma)
    back = 2.0 * half * per_kt
    net = 1.0 - math.exp(-back) if back > 1.0 else -math.expm1(-back)
    jumps = math.exp((half - mean) * per_kt) * net
    return math.copysign(0.5 * (n_plug + n) * attempts * jumps, -field)


@helper
def power_10(x):
    """Compute x^10."""
    square = x * x
    fourth = square * square
    return fourth * fourth * square


@helper
def room(n, n_low, n_high, setting, limits):
    """Compute the factor of dN/dt that keeps N within its bounds.

    ``Flim = 1 - (N/Nmax)^10`` at negative voltage (*setting*), ``1 - (Nmin/N)^10`` at positive
    (User Guide 2021, variable model); without it (*limits* False) 1. Either way 0 at and beyond
    the bound that the voltage drives N towards.
    """
    if setting:
        if n >= n_high:
            return 0.0
        return 1.0 - power_10(n / n_high) if limits else 1.0
    if n <= n_low:
        return 0.0
    return 1.0 - power_10(n_low / n) if limits else 1.0


@helper
def reflect(value, low, high):
    """Keep a value within a range: what is beyond an end counts back from there."""
    width = high - low
    if not width > 0.0:
        return low
    place = abs(value - low) % (2.0 * width)
    return low + min(place, 2.0 * width - place)


@helper
def walk_on(value, most, low, high, key, stream, count):
    """Take one step of a random walk: ``xi (1 +- most P)``, P uniform in 0 to 1, sign at random.

    (User Guide, chapter 4.) Sign and P come from one number, ``2 U - 1``. A step that would leave
    the range is reflected at its end; most = 0 leaves the value as it is.
    """
    if most == 0.0:
        return value
    step = 2.0 * uniform(key, stream, count) - 1.0
    return reflect(value * (1.0 + most * step), low, high)


@helper
def half_cycle(walks, ranges, key, count, n_low, n_high, radius, length):
    """Draw bounds and geometry of the next half cycle (streams HALF_CYCLE + 0 to 3).

    Parameters
    ----------
    walks : tuple of 4 float
        The largest relative step of n_min, n_max, r and l, 0 for none.
    ranges : tuple of 8 float
        Low and high end of the range of n_min, n_max, r and l.
    key, count : uint64, int64
        The cell's key, and how many half cycles it has had.
    n_low, n_high, radius, length : float
        What they are now (1e26 per m^3, m).

    Returns
    -------
    tuple of 4 float
        n_min, n_max, r, l of the next half cycle. The last two are where it leads: see `between`.
    """
    return (
        walk_on(n_low, walks[0], ranges[0], ranges[1], key, N_MIN, count),
        walk_on(n_high, walks[1], ranges[2], ranges[3], key, N_MAX, count),
        walk_on(radius, walks[2], ranges[4], ranges[5], key, RADIUS, count),
        walk_on(length, walks[3], ranges[6], ranges[7], key, LENGTH, count),
    )


@helper
def progress(n, n_old, n_goal):
    """Compute how much of the way from n_old to the bound n_goal is done, 0 to 1.

    0 where there was no way to go, so that the geometry stays what it was.
    """
    way = n_goal - n_old
    if way == 0.0:
        return 0.0
    return min(max((n - n_old) / way, 0.0), 1.0)


@helper
def between(old, new, n, n_old, n_goal):
    """Compute r or l on its way: ``old + (new - old) (N - Nold)/(Ngoal - Nold)``.

    Ngoal is Nmax during a SET and Nmin during a RESET (User Guide, chapter 4), where *new* is
    reached; where N began at or beyond its goal *old* stays.
    """
    return old + (new - old) * progress(n, n_old, n_goal)
