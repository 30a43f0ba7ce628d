"""One step of `simulators.models.roots` for all points in one pass."""

import numpy as np
from numba import njit

_EPS = float(np.finfo(np.float64).eps)

_NEAR = 1e-10
"""A step of Newton's method of this part leaves an error at rounding, with slopes to 1e-5."""


@njit(cache=True, error_model="numpy", nogil=True)
def step(x, low, high, before, last, size, value, slope):
    """Move all points, their brackets and their last two steps, (points,); tell if all arrived."""
    arrived = True
    for k in range(len(x)):
        if value[k] > 0.0:
            high[k] = x[k]
        elif value[k] < 0.0:
            low[k] = x[k]
        way, near = 0.0, _NEAR
        if value[k] != 0.0:
            way = -value[k] / slope[k]
            inside = low[k] <= x[k] + way <= high[k]
            if not (inside and abs(way) <= 0.5 * before[k]):
                way, near = low[k] + 0.5 * (high[k] - low[k]) - x[k], 2.0 * _EPS
        x[k] += way
        before[k], last[k] = last[k], abs(way)
        if not abs(way) <= near * max(abs(x[k]), size[k]):
            arrived = False
    return arrived
