"""Draws from a normal distribution between walls, in numba."""

import math

import numpy as np
from numba import njit

_BOUNCES = 1000
"""Reflections after which a draw is given up, and the last one is kept."""


@njit(cache=True, error_model="numpy")
def _soonest(offsets, speeds, places, left):
    """Return when which wall is met in the time left, or -1.

    Seen from a wall the way is place cos t + speed sin t = reach cos(t - phase).
    """
    time, wall = left, -1
    for i in range(len(offsets)):
        reach = math.sqrt(speeds[i] ** 2 + places[i] ** 2)
        if places[i] + offsets[i] <= 1e-12 * reach and speeds[i] < 0:
            return 0.0, i
        if reach <= abs(offsets[i]):
            continue
        t = math.atan2(speeds[i], places[i]) + math.acos(-offsets[i] / reach)
        if t < 0:
            t += 2 * math.pi
        if t < time:
            time, wall = t, i
    return time, wall


@njit(cache=True, error_model="numpy")
def draw_within(walls, offsets, start, velocities):
    """Draw u ~ N(0, 1) where walls u + offsets >= 0, by exact Hamiltonian dynamics.

    Source: Pakman and Paninski, J. Comput. Graph. Stat. 23 (2014) 518. A draw moves on a circle
    for a quarter of its period and is reflected at every wall.

    Parameters
    ----------
    walls : (m, p) float64
        Rows: normal vectors of the walls.
    offsets : (m,) float64
        Values at the origin.
    start : (p,) float64
        An allowed place.
    velocities : (draws, p) float64
        Standard normal numbers.

    Returns
    -------
    (draws, p) float64
        The draws, each from the one before.
    """
    draws = np.empty_like(velocities)
    gram = walls @ walls.T
    place = start.copy()
    for n in range(len(velocities)):
        now, speed = place.copy(), velocities[n].copy()
        places, speeds = walls @ now, walls @ speed
        left = 0.5 * math.pi
        for _ in range(_BOUNCES):
            time, wall = _soonest(offsets, speeds, places, left)
            sine, cosine = math.sin(time), math.cos(time)
            now, speed = now * cosine + speed * sine, speed * cosine - now * sine
            places, speeds = places * cosine + speeds * sine, speeds * cosine - places * sine
            if wall < 0:
                place = now
                break
            back = 2 * speeds[wall] / gram[wall, wall]
            speed = speed - back * walls[wall]
            speeds = speeds - back * gram[wall]
            left -= time
        draws[n] = place
    return draws
