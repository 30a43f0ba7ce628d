"""Roots of many rising functions at once, by Newton's method kept within brackets."""

from collections.abc import Callable

import numpy as np

from hil.simulators.models.drive import Floats
from hil.simulators.models.roots_kernel import step

_STEPS = 200
"""More than halving a bracket of doubles down to nothing ever needs, or Newton close to a root."""


def rising_root(
    function: Callable[[Floats], tuple[Floats, Floats]],
    low: Floats,
    high: Floats,
    start: Floats,
    size: Floats | float = 0.0,
) -> Floats:
    """Find where each of many rising functions is 0, to rounding.

    Newton's step where it stays in the bracket and is less than half of the last step but one,
    else the bracket's middle (R. P. Brent, Algorithms for Minimization without Derivatives, 1973,
    chapter 4, has the rule for interpolation).

    Parameters
    ----------
    function : callable
        Of x, gives values and slopes; the slopes only matter for speed.
    low, high, start : float64 arrays of one shape
        Between which the root lies, and where to begin.
    size : float or such an array
        How large the terms are that make up the function, over its slope: where rounding of them
        moves the root, if that is more than its own.

    Returns
    -------
    float64 array of that shape
    """
    low, high, x = (np.array(side, float).ravel() for side in (low, high, start))
    np.clip(x, low, high, out=x)
    before, last = high - low, high - low
    sizes = np.broadcast_to(np.asarray(size, float), start.shape).ravel()
    for _ in range(_STEPS):
        value, slope = function(x.reshape(start.shape))
        if step(x, low, high, before, last, sizes, value.reshape(-1), slope.reshape(-1)):
            break
    return x.reshape(start.shape)
