"""One pass over the cells of an array between two steps of Newton's method."""

import numpy as np
from numba import njit

FLAT = 1e-3
"""Least slope of a tangent over the ratio of current and voltage."""

LEAST_S = 1e-12
"""Slope where a law has none (S): it keeps a line that nothing else holds where it was."""

_FAR = 2.0
"""A law that says more than so many times the predicted current is not followed by its tangent."""

_STEEP = 10.0
"""Exponent of the power of the voltage from which on a law is taken for an exponential."""


@njit(cache=True, error_model="numpy", nogil=True)
def compare(voltage, current, slope, chord, offset):
    """Compare a law with what its tangents predicted; make the next tangents in their place.

    Where the law says far more than was predicted it rises steeply, and its tangents would come
    down by a little at each step. The next one is then made lower, see `_lower`: by a model of the
    law, which only the next comparison trusts or not. A tangent that is flat or falls is lifted: a
    network of such may have no solution. At the end that makes no difference, as a tangent says
    what the law does where it touches it.

    Parameters
    ----------
    voltage, current, slope : (rows, columns) float64
        Voltages that the tangents led to (V); the law there (A, S).
    chord, offset : (rows, columns) float64
        The tangents ``offset + chord V`` (A, S); the next ones afterwards.

    Returns
    -------
    float, float, float
        Largest difference of a law and its tangent (A; inf where one is no number), largest
        current of a tangent (A), largest slope of the next tangents (S).
    """
    worst = top = steepest = 0.0
    rows, columns = current.shape
    for i in range(rows):
        for j in range(columns):
            v, found, rises = voltage[i, j], current[i, j], slope[i, j]
            told = offset[i, j] + chord[i, j] * v
            off = abs(found - told)
            worst = max(worst, np.inf if np.isnan(off) else off)
            top = max(top, abs(told))
            steep = found * told > 0.0 and v * found > 0.0 and rises > 0.0
            if steep and abs(found) > _FAR * abs(told):
                v, found, rises = _lower(v, found, rises, told)
            chord[i, j], offset[i, j] = _tangent(v, found, rises)
            steepest = max(steepest, chord[i, j])
    return worst, top, steepest


@njit(cache=True, error_model="numpy", nogil=True)
def tangents(voltage, current, slope, chord, offset):
    """Fill in the tangents of a law, ``offset + chord V``, all (rows, columns)."""
    rows, columns = current.shape
    for i in range(rows):
        for j in range(columns):
            chord[i, j], offset[i, j] = _tangent(voltage[i, j], current[i, j], slope[i, j])


@njit(error_model="numpy", nogil=True)
def _lower(v, found, rises, told):
    """Give voltage, current and slope where a law carries less: `told` instead of `found`.

    Along an exponential through the point with its slope if that is steep and stays above its
    scale, else along a power law.
    """
    exponent, decay = max(v * rises / found, 1.0), np.log(found / told)
    if exponent > _STEEP and decay < exponent - 1.0:
        return v * (1.0 - decay / exponent), told, told * exponent / v
    v *= np.exp(-decay / exponent)
    return v, told, exponent * told / v


@njit(error_model="numpy", nogil=True)
def _tangent(v, found, rises):
    """Make the tangent at a voltage, but not flat: its slope and its current at 0 V."""
    least = FLAT * found / v if v * found > 0.0 else 0.0
    if not rises > 0.0:
        least = max(least, LEAST_S)
    rises = max(rises, least)
    return rises, found - rises * v
