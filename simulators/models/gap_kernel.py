"""What the kernels of the two Stanford models share: the current, its load line, and panels.

The current ``I0 exp(-gap/g0) sinh(V/V0)`` behind a series resistance and a limit is fixed by its
sources: Z. Jiang et al., SISPAD 2014, and P.-Y. Chen and S. Yu, IEEE Trans. Electron Devices
62(12) 4022 (2015), doi 10.1109/TED.2015.2492421. The helpers are compiled into the kernels of
other modules, where numba's cache does not notice a change here: whoever changes this file deletes
the folder ``simulators/models/__pycache__``.

Voltages and currents are magnitudes; ``law`` is a record with at least ``i0`` (A), ``per_g0``
(1/m), ``v0`` (V), ``ohm`` and ``limit`` (of the source, ohm and A).
"""

import math

import numpy as np

from hil.simulators.models.compiled import fused, reordered

BOLTZMANN_EV_PER_K = 1.380649e-23 / 1.602176634e-19
"""k/q of the SI (exact since 2019; CODATA 2018)."""

WAYS = np.array([
    0.00427231443959368, 0.02544604382862073, 0.06756778832011546, 0.12923440720030278,
    0.20695638226615443, 0.29707742431130141, 0.39610752249605075, 0.5, 0.60389247750394925,
    0.70292257568869859, 0.79304361773384557, 0.87076559279969722, 0.93243221167988454,
    0.97455395617137927, 0.99572768556040632, 1.0,
])  # fmt: skip
KRONROD = np.array([
    0.01146766100526461, 0.03154604631498927, 0.05239500516112509, 0.07032662985776296,
    0.08450236331963395, 0.09517528903239270, 0.10221647003764944, 0.10474107054236391,
    0.10221647003764944, 0.09517528903239270, 0.08450236331963395, 0.07032662985776296,
    0.05239500516112509, 0.03154604631498927, 0.01146766100526461, 0.0,
])  # fmt: skip
GAUSS = np.array([
    0.0, 0.06474248308443484, 0.0, 0.13985269574463833, 0.0, 0.19091502525255947, 0.0,
    0.20897959183673469, 0.0, 0.19091502525255947, 0.0, 0.13985269574463833, 0.0,
    0.06474248308443484, 0.0, 0.0,
])  # fmt: skip
"""Kronrod's 15 points of a panel from 0 to 1, and its end; their weights; those of Gauss's 7.

Degrees 23 and 13 (Piessens et al., QUADPACK, 1983, routine QK15).
"""


@fused
def fast_exp(x):
    """Compute exp(x) to 2 ulp, held at exp(-700) and exp(700): no call and no branch.

    x = n ln 2 + r (ln 2 in two parts; adding 1.5 * 2**52 rounds to n, and leaves it in the lowest
    bits), the series of exp(r) to r**12, and n into the exponent's bits. Unlike a call of the C
    library, a loop over it becomes vector instructions.
    """
    x = min(max(x, -700.0), 700.0)
    shifted = x * 1.4426950408889634 + 6755399441055744.0
    n = shifted - 6755399441055744.0
    r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
    r2 = r * r
    r4 = r2 * r2
    low = 1.0 + r + r2 * (0.5 + r * (1 / 6))
    mid = (1 / 24 + r * (1 / 120)) + r2 * (1 / 720 + r * (1 / 5040))
    high = (1 / 40320 + r * (1 / 362880)) + r2 * (1 / 3628800 + r * (1 / 39916800))
    series = low + r4 * mid + (r4 * r4) * (high + r4 * (1 / 479001600))
    bits = (np.float64(shifted).view(np.int64) + 1023) << 52
    return series * np.int64(bits).view(np.float64)


@fused
def sinh_exp(x, fall):
    """Compute sinh(x) exp(-fall) for x >= 0 without overflow on the way."""
    if x < 0.5:
        return math.sinh(x) * fast_exp(-fall)
    return 0.5 * (fast_exp(x - fall) - fast_exp(-x - fall))


@fused
def current_at(law, gap, voltage):
    """Compute I0 exp(-gap/g0) sinh(V/V0)."""
    return law.i0 * sinh_exp(voltage / law.v0, gap * law.per_g0)


@fused
def load_line(law, gap, source):
    """Find the voltage across the cell, its current, and whether the source holds its limit."""
    if law.limit < math.inf:
        scale = law.i0 * max(math.exp(-gap * law.per_g0), 1e-300)
        voltage = law.v0 * math.asinh(law.limit / scale)
        if source > voltage + law.ohm * law.limit:
            return voltage, law.limit, True
    if law.ohm == 0.0 or source == 0.0:
        return source, current_at(law, gap, source), False
    voltage = divide(law, gap, source)
    if 2.0 * voltage > source:
        return voltage, current_at(law, gap, voltage), False
    return voltage, (source - voltage) / law.ohm, False


@fused
def _guess(s, b):
    """Guess the root y of y + b sinh(y) = s: the lesser of two upper bounds.

    The logarithm is read off the bits of the number, to 0.06: a line between powers of 2.
    """
    grown = np.float64(1.0 + 2.0 * s / max(b, 1e-300)).view(np.int64)
    return min(s / (1.0 + b), 0.6931471805599453 * (grown * 2.0**-52 - 1023.0))


@fused
def divide(law, gap, source):
    """Solve V + R I(V) = source to rounding.

    As y + b sinh(y) = s this is increasing and convex; Halley's iteration, of third order, comes
    down to the root (a step that overshoots upwards lands right of it again, where it cannot
    fail).
    """
    fall = gap * law.per_g0
    half = 0.5 * law.ohm * law.i0 / law.v0
    s = source / law.v0
    return descend(half, fall, s, _guess(s, 2.0 * half * fast_exp(-fall)), 1e-5) * law.v0


@fused
def descend(half, fall, s, y, least):
    """Improve a guess of y in y + 2 half exp(-fall) sinh(y) = s, to the third power of least."""
    for _ in range(100):
        up, down = half * fast_exp(y - fall), half * fast_exp(-y - fall)
        odd = up - down if y > 0.5 else 2.0 * half * math.exp(-fall) * math.sinh(y)
        miss, even = s - y - odd, 1.0 + up + down
        change = miss / (even + 0.5 * odd * miss / even)
        y += change
        if not abs(change) > least * y:
            break
    return y


@reordered
def panel_sums(slopes):
    """Integrate slopes over a panel by both rules."""
    best, other = 0.0, 0.0
    for n in range(16):
        best += KRONROD[n] * slopes[n]
        other += GAUSS[n] * slopes[n]
    return best, other


@reordered
def _total(values):
    """Add up."""
    total = 0.0
    for n in range(16):
        total += values[n]
    return total


@fused
def divide_all(law, source, gap, way, work):
    """Solve the load line without a limit at all points of a panel, as `divide` does.

    The voltages across the cell are left in the second row of *work*.
    """
    s, volts, falls, left = source / law.v0, work[1], work[2], work[3]
    if law.ohm == 0.0:
        for n in range(16):
            volts[n] = source
        return
    half = 0.5 * law.ohm * law.i0 / law.v0
    for n in range(16):
        falls[n] = (gap + way * WAYS[n]) * law.per_g0
        volts[n] = _guess(s, 2.0 * half * fast_exp(-falls[n]))
    for _ in range(100):
        for n in range(16):
            up, down = half * fast_exp(volts[n] - falls[n]), half * fast_exp(-volts[n] - falls[n])
            miss, even = s - volts[n] - (up - down), 1.0 + up + down
            change = miss / (even + 0.5 * (up - down) * miss / even)
            volts[n] += change
            left[n] = abs(change)
        if not _total(left) > 1e-3 * s:
            break
    for n in range(16):
        volts[n] *= law.v0


@fused
def _leads(start, stop, top):
    """Tell whether a segment leads up to a voltage, from its side of 0 V and from below."""
    if top > 0.0:
        return min(start, stop) >= 0.0 and max(start, stop) <= top
    return max(start, stop) <= 0.0 and min(start, stop) >= top


@fused
def top_after(start_v, stop_v, measured, s, last, column):
    """Find the flat top to which a segment leads that nobody measures; nan where it does not."""
    a, b = start_v[s, column], stop_v[s, column]
    if measured[s] or s + 1 >= last or a == b:
        return math.nan
    top = start_v[s + 1, column]
    return top if top == stop_v[s + 1, column] and _leads(a, b, top) else math.nan
