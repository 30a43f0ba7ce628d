"""Relative fluctuations of a conductance at given times: the kernel behind `Noise`."""

import math

import numpy as np
from numba import njit

from hil.draws import normal, uniform
from hil.simulators.models.streams import FLICKER, TELEGRAPH, WHITE


@njit(cache=True, error_model="numpy", nogil=True)
def fluctuate(
    keys, drawn, seen_s, slow, levels, cells, look_s, white, flicker, times_s, telegraph,
    high_s, low_s, relative,
):  # fmt: skip
    """Draw the relative change of each cell's conductance at each reading.

    Parameters
    ----------
    keys, drawn, seen_s, levels : (all cells,) uint64, int64, float64, int8
        Columns of the state: key, draws so far, time of the last one (s), the telegraph's level.
    slow : (all cells, times) float64
        The slow components, in units of their rms.
    cells : (cells,) int64
    look_s : (readings, columns) float64
        When each reading is taken (s).
    white, flicker : float
        Rms of the white part; rms of each slow component.
    times_s : (times,) float64
        Correlation times of the slow components (s).
    telegraph, high_s, low_s : float
        Step of the telegraph noise and its mean times at the upper and the lower level (s).
    relative : (readings, cells) float64
        Filled in.
    """
    one = look_s.shape[1] == 1
    rate = 1.0 / high_s + 1.0 / low_s
    up = high_s / (high_s + low_s)
    for k in range(cells.shape[0]):
        cell, column = cells[k], 0 if one else k
        for reading in range(look_s.shape[0]):
            now_s, count = look_s[reading, column], np.uint64(drawn[cell])
            passed_s = max(now_s - seen_s[cell], 0.0) if drawn[cell] else math.inf
            change = white * normal(keys[cell], WHITE, count) if white > 0.0 else 0.0
            if flicker > 0.0:
                for n in range(times_s.shape[0]):
                    kept = math.exp(-passed_s / times_s[n])
                    fresh = math.sqrt(-math.expm1(-2.0 * passed_s / times_s[n]))
                    kick = normal(keys[cell], FLICKER + np.uint64(n), count)
                    slow[cell, n] = kept * slow[cell, n] + fresh * kick
                    change += flicker * slow[cell, n]
            if telegraph > 0.0:
                kept = math.exp(-passed_s * rate)
                chance = up + (levels[cell] - up) * kept
                levels[cell] = 1 if uniform(keys[cell], TELEGRAPH, count) < chance else 0
                change += telegraph * (levels[cell] - up)
            relative[reading, k] = change
            seen_s[cell] = now_s
            drawn[cell] += 1
