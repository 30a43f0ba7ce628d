"""Currents of sinh laws and their slopes, for solvers that ask for both over and over.

``I = a/R sinh(b V)`` of `simulators.models.data_driven` and ``I = I0 exp(-gap/g0) sinh(V/V0)`` of
`simulators.models.gap`, whose sources stand there. dI/dV is the same with ``b cosh``. The loops
have no call and no branch in them, so that they become vector instructions: what is chosen between
is computed on both sides first.
"""

import numpy as np
from numba import njit

from hil.simulators.models.compiled import fused
from hil.simulators.models.gap_kernel import fast_exp

SIDES = np.dtype([(name, np.float64) for name in ("a_p", "b_p", "a_n", "b_n")])
"""a (V) and b (1/V) of a data-driven cell above 0 V, and below."""

DECAY = np.dtype([(name, np.float64) for name in ("i0", "per_v0", "per_g0")])
"""I0 (A), 1/V0 (1/V) and 1/g0 (1/m) of a cell with a gap."""

_inlined = njit(error_model="numpy", nogil=True, fastmath={"contract"}, inline="always")
"""Long helpers that the compiler would call instead, which ends the vector instructions."""


@fused
def _small_sinh(x):
    """Compute sinh(x) for |x| < 0.5 from its series to x**13, whose next term is 2e-17 of it."""
    y = x * x
    high = 1 / 362880 + y * (1 / 39916800 + y * (1 / 6227020800))
    return x * (1.0 + y * (1 / 6 + y * (1 / 120 + y * (1 / 5040 + y * high))))


@_inlined
def _driven(a_p, b_p, a_n, b_n, resistance, v):
    """Compute a/R sinh(b v) and its slope; fast_exp cuts the exponent at 700."""
    a = a_p if v > 0.0 else a_n
    b = b_p if v > 0.0 else b_n
    scale, x = a / resistance, b * v
    grown = fast_exp(x)
    fallen = 1.0 / grown
    small, large = _small_sinh(x), 0.5 * (grown - fallen)
    sinh = small if x * x < 0.25 else large
    return scale * sinh, scale * b * (0.5 * (grown + fallen))


@_inlined
def _gapped(i0, per_v0, fall, v):
    """Compute I0 exp(-fall) sinh(v/V0) and its slope; fast_exp cuts the exponents at 700."""
    x = v * per_v0
    grown, fallen = fast_exp(x - fall), fast_exp(-x - fall)
    small, large = _small_sinh(x) * fast_exp(-fall), 0.5 * (grown - fallen)
    sinh = small if x * x < 0.25 else large
    return i0 * sinh, i0 * per_v0 * (0.5 * (grown + fallen))


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def driven(laws, resistance, voltage, current, slope):
    """Fill in current (A) and slope (S) of data-driven cells, all arrays (cells,), laws or (1,).

    Resistances that lie side by side are eight times as fast as a column of a state.
    """
    a_p, b_p, a_n, b_n = laws[0].a_p, laws[0].b_p, laws[0].a_n, laws[0].b_n
    if len(laws) == 1:
        for k in range(len(voltage)):
            current[k], slope[k] = _driven(a_p, b_p, a_n, b_n, resistance[k], voltage[k])
    else:
        for k in range(len(voltage)):
            law = laws[k]
            current[k], slope[k] = _driven(
                law.a_p, law.b_p, law.a_n, law.b_n, resistance[k], voltage[k]
            )


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def gapped(laws, gap, voltage, current, slope):
    """Fill in current (A) and slope (S) of cells with a gap, all arrays (cells,), laws or (1,)."""
    i0, per_v0, per_g0 = laws[0].i0, laws[0].per_v0, laws[0].per_g0
    if len(laws) == 1:
        for k in range(len(voltage)):
            current[k], slope[k] = _gapped(i0, per_v0, gap[k] * per_g0, voltage[k])
    else:
        for k in range(len(voltage)):
            law = laws[k]
            current[k], slope[k] = _gapped(law.i0, law.per_v0, gap[k] * law.per_g0, voltage[k])
