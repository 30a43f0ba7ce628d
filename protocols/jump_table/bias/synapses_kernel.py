"""Pulses on many devices, each a step that depends on where the device is."""

from math import sqrt

import numpy as np
from numba import njit


@njit(error_model="numpy", nogil=True)
def _shaped(shape, x, share):
    """Look a standardised quantile up: linear between rows (x, in rows) and between columns."""
    row = min(int(x), shape.shape[0] - 2)
    a = x - row
    y = share * (shape.shape[1] - 1)
    column = min(int(y), shape.shape[1] - 2)
    b = y - column
    low = shape[row, column] + b * (shape[row, column + 1] - shape[row, column])
    high = shape[row + 1, column] + b * (shape[row + 1, column + 1] - shape[row + 1, column])
    return low + a * (high - low)


@njit(error_model="numpy", nogil=True)
def _ordered(pulses, sign):
    """Sort devices by their pulses, most first; also give how many have k or more, for each k."""
    most = 0
    for k in range(pulses.shape[0]):
        most = max(most, pulses[k] * sign)
    left = np.zeros(most + 2, np.int64)
    for k in range(pulses.shape[0]):
        left[max(pulses[k] * sign, 0)] += 1
    for count in range(most - 1, 0, -1):
        left[count] += left[count + 1]
    left[0] = pulses.shape[0]
    devices = np.empty(left[1] if most > 0 else 0, np.int64)
    place = left[1:].copy()
    for k in range(pulses.shape[0]):
        count = pulses[k] * sign
        if count > 0:
            devices[place[count]] = k
            place[count] += 1
    return devices, left


@njit(cache=True, error_model="numpy", nogil=True)
def play_exact(conductance_s, pulses, sign, moments, shape, low_s, high_s, rng):
    """Play the pulses of one sign, each by itself: step, clip, next; in place.

    First the first pulse of every device that has one, then the second: what a device does next
    waits for what it did, and others need not wait for it.
    """
    devices, left = _ordered(pulses, sign)
    g = np.empty(devices.shape[0])
    for j in range(devices.shape[0]):
        g[j] = min(max(conductance_s[devices[j]], low_s), high_s)
    last = moments.shape[0] - 1
    per_s = last / (high_s - low_s)
    shape_scale = (shape.shape[0] - 1) / last
    for pulse in range(1, left.shape[0] - 1):
        for j in range(left[pulse]):
            x = (g[j] - low_s) * per_s
            i = min(int(x), last - 1)
            part = x - i
            mean = moments[i, 0] + part * (moments[i + 1, 0] - moments[i, 0])
            sigma = moments[i, 1] + part * (moments[i + 1, 1] - moments[i, 1])
            if shape.shape[1] > 0:
                z = _shaped(shape, x * shape_scale, rng.random())
            else:
                z = rng.standard_normal()
            g[j] = min(max(g[j] + mean + sigma * z, low_s), high_s)
    for j in range(devices.shape[0]):
        conductance_s[devices[j]] = g[j]


@njit(cache=True, error_model="numpy", nogil=True)
def play_aggregate(conductance_s, pulses, sign, moments, low_s, high_s, rng):
    """Play the pulses of one sign all at once: a straight line for the mean, clipped once."""
    last = moments.shape[0] - 1
    per_s = last / (high_s - low_s)
    for k in range(conductance_s.shape[0]):
        count = pulses[k] * sign
        if count <= 0:
            continue
        g = min(max(conductance_s[k], low_s), high_s)
        x = (g - low_s) * per_s
        i = min(int(x), last - 1)
        part = x - i
        mean = moments[i, 0] + part * (moments[i + 1, 0] - moments[i, 0])
        sigma = moments[i, 1] + part * (moments[i + 1, 1] - moments[i, 1])
        slope = (moments[i + 1, 0] - moments[i, 0]) * per_s
        a = 1.0 + max(slope, -1.0)
        if a > 1.0 - 1e-9:
            steps, squares = float(count), float(count)
        else:
            steps = (1.0 - a**count) / (1.0 - a)
            squares = (1.0 - a ** (2 * count)) / (1.0 - a * a)
        g += mean * steps + sigma * sqrt(squares) * rng.standard_normal()
        conductance_s[k] = min(max(g, low_s), high_s)


NO_SHAPE = np.empty((1, 0))
"""Of a normal distribution."""
