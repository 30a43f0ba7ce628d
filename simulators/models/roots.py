"""Roots of many rising functions at once, by Newton's method kept within brackets."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from hil.simulators.models.drive import Floats
from hil.simulators.models.roots_kernel import step

Law = Callable[[Floats], tuple[Floats, Floats]]

_STEPS = 200
"""More than halving a bracket of doubles down to nothing ever needs, or Newton close to a root."""


def rising_root(
    function: Law,
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


def behind(law: Law, voltage_v: ArrayLike, cells: int, series_ohm: float) -> tuple[Floats, Floats]:
    """Solve V = v + R I(v) for cells with a resistance in series, to rounding.

    Parameters
    ----------
    law : callable
        Of voltages v, (cells,), gives currents I (A), which rise with them, and slopes dI/dv (S).
    voltage_v : float or (cells,)
        V, across both (V).
    cells : int
    series_ohm : float
        R.

    Returns
    -------
    current_a, slope_s : (cells,) float64
        I, and dI/dV = g/(1 + R g) with g the law's slope (A, S).
    """
    wanted_v = np.broadcast_to(np.asarray(voltage_v, float), (cells,))
    if series_ohm == 0:
        return law(wanted_v)

    def miss_v(v: Floats) -> tuple[Floats, Floats]:
        current_a, slope_s = law(v)
        return v + series_ohm * current_a - wanted_v, 1.0 + series_ohm * slope_s

    inner_v = rising_root(
        miss_v, np.minimum(wanted_v, 0.0), np.maximum(wanted_v, 0.0), 0.5 * wanted_v,
        np.abs(wanted_v),
    )  # fmt: skip
    current_a, slope_s = law(inner_v)
    return current_a, slope_s / (1.0 + series_ohm * slope_s)
