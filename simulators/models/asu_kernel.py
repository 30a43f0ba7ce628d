"""Walk cells of the Stanford-ASU variant through a waveform: the kernel of `asu`.

The state is the gap and the temperature. The current is explicit in voltage and gap, so that the
heat, as the temperature that it would lead to, is too: ``Q = T_ini + tau/Cth V I``, and the
temperature follows it as ``T' = (Q - T) / tau``. A segment is taken

- in one go where the gap stays where it is: stopped by its bound, or too slow to move by more
  than a hundredth of the tolerance. The temperature is then a filter of Q that has a closed form,
  or nearly (`_follow`);
- under a steady source and slowly against tau by panels of time over the gap, at the temperature Q
  less its lag (`_glide`), and fast against tau by steps over the gap (`_rush`);
- else by steps in time of RODAS, a Rosenbrock method of order 4 that is L-stable (Hairer and
  Wanner, Solving Ordinary Differential Equations II, 1996, section VI.4): however short tau is
  against a step, the temperature follows. An embedded method of order 3 gives the step's errors;
- not at all where it is an edge that nobody measures, and the flat top after it surely takes the
  gap to its bound (`_foresee`).

The helpers stay in this module: numba's cache does not notice a change in another one.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

BOLTZMANN_EV_PER_K = 1.380649e-23 / 1.602176634e-19
"""k/q of the SI (exact since 2019; CODATA 2018)."""

_jit = njit(error_model="numpy", nogil=True, fastmath={"contract"})
"""For the helpers, compiled inside `walk`; a product and a sum may become one (FMA)."""

_free = njit(error_model="numpy", nogil=True, fastmath={"contract", "reassoc", "nsz"})
"""The same for sums in any order."""

_WAYS = np.array([
    0.00427231443959368, 0.02544604382862073, 0.06756778832011546, 0.12923440720030278,
    0.20695638226615443, 0.29707742431130141, 0.39610752249605075, 0.5, 0.60389247750394925,
    0.70292257568869859, 0.79304361773384557, 0.87076559279969722, 0.93243221167988454,
    0.97455395617137927, 0.99572768556040632, 1.0,
])  # fmt: skip
_KRONROD = np.array([
    0.01146766100526461, 0.03154604631498927, 0.05239500516112509, 0.07032662985776296,
    0.08450233331963395, 0.09517528903239270, 0.10221647003764944, 0.10474107054236391,
    0.10221647003764944, 0.09517528903239270, 0.08450233331963395, 0.07032662985776296,
    0.05239500516112509, 0.03154604631498927, 0.01146766100526461, 0.0,
])  # fmt: skip
_GAUSS = np.array([
    0.0, 0.06474248308443484, 0.0, 0.13985269574463833, 0.0, 0.19091502525255947, 0.0,
    0.20897959183673469, 0.0, 0.19091502525255947, 0.0, 0.13985269574463833, 0.0,
    0.06474248308443484, 0.0, 0.0,
])  # fmt: skip
"""Kronrod's 15 points of a panel from 0 to 1, and its end; their weights; those of Gauss's 7.

Degrees 23 and 13 (Piessens et al., QUADPACK, 1983, routine QK15).
"""

LAW = np.dtype(
    [
        ("i0", np.float64),
        ("per_g0", np.float64),
        ("v0", np.float64),
        ("vel0", np.float64),
        ("gamma0", np.float64),
        ("beta", np.float64),
        ("ea_generation", np.float64),
        ("ea_recombination", np.float64),
        ("pull", np.float64),
        ("t_ini", np.float64),
        ("rth", np.float64),
        ("tau", np.float64),
        ("gap_min", np.float64),
        ("gap_max", np.float64),
        ("ohm", np.float64),
        ("limit", np.float64),
        ("gap_tolerance", np.float64),
        ("kelvin_tolerance", np.float64),
    ]
)
"""Constants of a cell in one call, in SI: ``beta`` is beta / g1^3, ``pull`` a0 / L."""


class Ramp(NamedTuple):
    """The source over a segment: open-circuit voltage at its beginning (V), its change (V/s)."""

    start: float
    slope: float


class Spot(NamedTuple):
    """The rates of a state, gap' and T', and how they change with gap, temperature and time."""

    gap_rate: float
    kelvin_rate: float
    gap_by_gap: float
    gap_by_kelvin: float
    gap_by_time: float
    kelvin_by_gap: float
    kelvin_by_time: float


@_jit
def _exp(x):
    """Compute exp(x) to 2 ulp, held at exp(-700) and exp(700): no call and no branch.

    x = n ln 2 + r (ln 2 in two parts; adding 1.5 * 2**52 rounds to n, and leaves it in the lowest
    bits), the series of exp(r) to r**12, and n into the exponent's bits.
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


@_jit
def _current(law, gap, voltage):
    """Compute I0 exp(-gap/g0) sinh(V/V0) for V >= 0."""
    y, fall = voltage / law.v0, gap * law.per_g0
    if y < 0.5:
        return law.i0 * math.sinh(y) * math.exp(-fall)
    return 0.5 * law.i0 * (_exp(y - fall) - _exp(-y - fall))


@_jit
def _load_line(law, gap, source):
    """Find the voltage across the cell, its current, and whether the source holds its limit.

    The source is a magnitude, and so are the answers.
    """
    if law.limit < math.inf:
        voltage = law.v0 * math.asinh(law.limit / law.i0 * math.exp(min(gap * law.per_g0, 700.0)))
        if source > voltage + law.ohm * law.limit:
            return voltage, law.limit, True
    if law.ohm == 0.0 or source == 0.0:
        return source, _current(law, gap, source), False
    voltage = _divide(law, gap, source)
    if 2.0 * voltage > source:
        return voltage, _current(law, gap, voltage), False
    return voltage, (source - voltage) / law.ohm, False


@_jit
def _guess(s, b):
    """Guess the root y of y + b sinh(y) = s: the lesser of two upper bounds.

    The logarithm is read off the bits of the number, to 0.06: a line between powers of 2.
    """
    grown = np.float64(1.0 + 2.0 * s / max(b, 1e-300)).view(np.int64)
    return min(s / (1.0 + b), 0.6931471805599453 * (grown * 2.0**-52 - 1023.0))


@_jit
def _divide(law, gap, source):
    """Solve V + R I(V) = source to rounding.

    As y + b sinh(y) = s this is increasing and convex; Halley's iteration, of third order, comes
    down to the root (a step that overshoots upwards lands right of it again, where it cannot
    fail).
    """
    fall = gap * law.per_g0
    half = 0.5 * law.ohm * law.i0 / law.v0
    s = source / law.v0
    y = _guess(s, 2.0 * half * _exp(-fall))
    for _ in range(100):
        up, down = half * _exp(y - fall), half * _exp(-y - fall)
        odd = up - down if y > 0.5 else 2.0 * half * math.exp(-fall) * math.sinh(y)
        miss, even = s - y - odd, 1.0 + up + down
        change = miss / (even + 0.5 * odd * miss / even)
        y += change
        if not abs(change) > 1e-5 * y:
            break
    return y * law.v0


@_jit
def _divide_all(law, source, gap, way, work):
    """Solve the load line at all points of a panel, as `_divide` does."""
    s, volts, falls, left = source / law.v0, work[1], work[2], work[3]
    half = 0.5 * law.ohm * law.i0 / law.v0
    for n in range(16):
        falls[n] = (gap + way * _WAYS[n]) * law.per_g0
        volts[n] = _guess(s, 2.0 * half * _exp(-falls[n]))
    for _ in range(100):
        for n in range(16):
            up, down = half * _exp(volts[n] - falls[n]), half * _exp(-volts[n] - falls[n])
            miss, even = s - volts[n] - (up - down), 1.0 + up + down
            change = miss / (even + 0.5 * (up - down) * miss / even)
            volts[n] += change
            left[n] = abs(change)
        if not _total(left) > 1e-3 * s:
            break
    for n in range(16):
        volts[n] *= law.v0


@_free
def _sums(slopes):
    """Integrate slopes over a panel by both rules."""
    best, other = 0.0, 0.0
    for n in range(16):
        best += _KRONROD[n] * slopes[n]
        other += _GAUSS[n] * slopes[n]
    return best, other


@_free
def _total(values):
    """Add up."""
    total = 0.0
    for n in range(16):
        total += values[n]
    return total


@_jit
def _heated(law, gap, source):
    """Compute the temperature Q that a steady source would lead to (K)."""
    voltage, current, _ = _load_line(law, gap, abs(source))
    return law.t_ini + law.rth * voltage * current


@_jit
def _gap_rate(law, gap, kelvin, voltage):
    """Compute gap' (m/s), without its bounds."""
    per_kt = 1.0 / (BOLTZMANN_EV_PER_K * kelvin)
    x = law.pull * (law.gamma0 - law.beta * gap * gap * gap) * voltage
    forth = _exp((x - law.ea_generation) * per_kt)
    return -law.vel0 * (forth - _exp(-(x + law.ea_recombination) * per_kt))


@_jit
def _rates(law, ramp, time, gap, kelvin, held):
    """Compute gap' and T' within a step, which may look a little beyond the bounds.

    A gap that is *held* by its bound does not move.
    """
    source = ramp.start + ramp.slope * time
    beyond = 0.5 / law.per_g0
    at = min(max(gap, law.gap_min - beyond), law.gap_max + beyond)
    voltage, current, _ = _load_line(law, at, abs(source))
    kelvin_rate = (law.t_ini - kelvin + law.rth * voltage * current) / law.tau
    if held:
        return 0.0, kelvin_rate
    warm = max(kelvin, 0.5 * law.t_ini)
    return _gap_rate(law, at, warm, math.copysign(voltage, source)), kelvin_rate


@_jit
def _stopped(law, gap, gap_rate):
    return (gap <= law.gap_min and gap_rate < 0.0) or (gap >= law.gap_max and gap_rate > 0.0)


@_jit
def _spot(law, ramp, time, gap, kelvin):
    """Compute the rates and their derivatives."""
    source = ramp.start + ramp.slope * time
    size = abs(source)
    voltage, current, limited = _load_line(law, gap, size)
    conductance = math.hypot(law.i0 * _exp(-gap * law.per_g0), current) / law.v0
    if limited:
        v_source, v_gap = 0.0, law.per_g0 * current / conductance
    else:
        v_source = 1.0 / (1.0 + law.ohm * conductance)
        v_gap = law.ohm * current * law.per_g0 * v_source
    i_gap = conductance * v_gap - current * law.per_g0
    i_source = conductance * v_source
    climb = ramp.slope if source >= 0.0 else -ramp.slope
    heat_gap = (v_gap * current + voltage * i_gap) * law.rth / law.tau
    heat_time = (v_source * current + voltage * i_source) * climb * law.rth / law.tau
    kelvin_rate = (law.t_ini - kelvin + law.rth * voltage * current) / law.tau
    gamma = law.gamma0 - law.beta * gap * gap * gap
    sign = math.copysign(law.pull, source)
    x = sign * gamma * voltage
    x_gap = sign * (gamma * v_gap - 3.0 * law.beta * gap * gap * voltage)
    per_kt = 1.0 / (BOLTZMANN_EV_PER_K * kelvin)
    forth = law.vel0 * _exp((x - law.ea_generation) * per_kt)
    back = law.vel0 * _exp(-(x + law.ea_recombination) * per_kt)
    if _stopped(law, gap, back - forth):
        return Spot(0.0, kelvin_rate, 0.0, 0.0, 0.0, heat_gap, heat_time)
    by_x = -(forth + back) * per_kt
    warming = (law.ea_generation - x) * forth - (law.ea_recombination + x) * back
    by_kelvin = -warming * per_kt / kelvin
    by_time = by_x * sign * gamma * v_source * climb
    return Spot(back - forth, kelvin_rate, by_x * x_gap, by_kelvin, by_time, heat_gap, heat_time)


@_jit
def _step(law, ramp, time, gap, kelvin, spot, h):
    """Take one step of RODAS.

    Returns
    -------
    gap, kelvin : float
    gap_error, kelvin_error : float
    """
    held, per_h = spot.gap_rate == 0.0, 1.0 / h
    a, b = 4.0 * per_h - spot.gap_by_gap, -spot.gap_by_kelvin
    c, d = -spot.kelvin_by_gap, 4.0 * per_h + 1.0 / law.tau
    over = 1.0 / (a * d - b * c)
    a, b, c, d = a * over, b * over, c * over, d * over

    p, q = spot.gap_rate, spot.kelvin_rate
    p, q = p + 0.25 * h * spot.gap_by_time, q + 0.25 * h * spot.kelvin_by_time
    g1, k1 = d * p - b * q, a * q - c * p

    p, q = _rates(law, ramp, time + 0.386 * h, gap + 1.544 * g1, kelvin + 1.544 * k1, held)
    p += per_h * -5.6688 * g1 - 0.1043 * h * spot.gap_by_time
    q += per_h * -5.6688 * k1 - 0.1043 * h * spot.kelvin_by_time
    g2, k2 = d * p - b * q, a * q - c * p

    at = gap + 0.9466785280815826 * g1 + 0.2557011698983284 * g2
    warm = kelvin + 0.9466785280815826 * k1 + 0.2557011698983284 * k2
    p, q = _rates(law, ramp, time + 0.21 * h, at, warm, held)
    p += per_h * (-2.430093356833875 * g1 - 0.2063599157091915 * g2) + (
        0.1035 * h * spot.gap_by_time
    )
    q += per_h * (-2.430093356833875 * k1 - 0.2063599157091915 * k2) + (
        0.1035 * h * spot.kelvin_by_time
    )
    g3, k3 = d * p - b * q, a * q - c * p

    at = gap + 3.314825187068521 * g1 + 2.896124015972201 * g2 + 0.9986419139977817 * g3
    warm = kelvin + 3.314825187068521 * k1 + 2.896124015972201 * k2 + 0.9986419139977817 * k3
    p, q = _rates(law, ramp, time + 0.63 * h, at, warm, held)
    p += per_h * (-0.1073529058151375 * g1 - 9.594562251023355 * g2 - 20.47028614809616 * g3)
    q += per_h * (-0.1073529058151375 * k1 - 9.594562251023355 * k2 - 20.47028614809616 * k3)
    p, q = p - 0.0362 * h * spot.gap_by_time, q - 0.0362 * h * spot.kelvin_by_time
    g4, k4 = d * p - b * q, a * q - c * p

    at = gap + 1.221224509226641 * g1 + 6.019134481288629 * g2
    at += 12.53708332932087 * g3 - 0.6878860361058950 * g4
    warm = kelvin + 1.221224509226641 * k1 + 6.019134481288629 * k2
    warm += 12.53708332932087 * k3 - 0.6878860361058950 * k4
    p, q = _rates(law, ramp, time + h, at, warm, held)
    p += per_h * (7.496443313967647 * g1 - 10.24680431464352 * g2)
    p += per_h * (-33.99990352819905 * g3 + 11.70890893206160 * g4)
    q += per_h * (7.496443313967647 * k1 - 10.24680431464352 * k2)
    q += per_h * (-33.99990352819905 * k3 + 11.70890893206160 * k4)
    g5, k5 = d * p - b * q, a * q - c * p

    at, warm = at + g5, warm + k5
    p, q = _rates(law, ramp, time + h, at, warm, held)
    p += per_h * (8.083246795921522 * g1 - 7.981132988064893 * g2 - 31.52159432874371 * g3)
    p += per_h * (16.31930543123136 * g4 - 6.058818238834054 * g5)
    q += per_h * (8.083246795921522 * k1 - 7.981132988064893 * k2 - 31.52159432874371 * k3)
    q += per_h * (16.31930543123136 * k4 - 6.058818238834054 * k5)
    g6, k6 = d * p - b * q, a * q - c * p
    return at + g6, warm + k6, abs(g6), abs(k6)


@_jit
def _beyond(law, gap):
    """Compute how far a gap is beyond its bounds, below 0 within (m)."""
    return max(law.gap_min - gap, gap - law.gap_max)


@_jit
def _meet(law, ramp, gap, kelvin, spot, h):
    """Shorten a step that leads beyond a bound, to where it leads to the bound (Illinois)."""
    low, below = 0.0, _beyond(law, gap)
    end, _, _, _ = _step(law, ramp, 0.0, gap, kelvin, spot, h)
    high, above, side = h, _beyond(law, end), 0
    for _ in range(60):
        h = low + (high - low) * below / (below - above)
        end, _, _, _ = _step(law, ramp, 0.0, gap, kelvin, spot, h)
        value = _beyond(law, end)
        if abs(value) <= 0.1 * law.gap_tolerance:
            break
        if value > 0.0:
            below *= 0.5 if side > 0 else 1.0
            high, above, side = h, value, 1
        else:
            above *= 0.5 if side < 0 else 1.0
            low, below, side = h, value, -1
    return h


@_jit
def _first(law, ramp, spot, left):
    """Choose a first step: short against the ramp, the runaway and, if it matters, tau."""
    h = min(left, 0.3 * law.v0 / max(abs(ramp.slope), 1e-300))
    h = min(h, 0.3 / max(abs(spot.gap_by_gap), 1e-300))
    if abs(spot.kelvin_rate) * law.tau > 10.0 * law.kelvin_tolerance:
        h = min(h, law.tau)
    return h


@_jit
def _error(law, kelvin, gap_error, kelvin_error):
    """Compare errors with the tolerances; that of the temperature grows with it."""
    return max(
        gap_error / law.gap_tolerance,
        kelvin_error / law.kelvin_tolerance * law.t_ini / max(kelvin, law.t_ini),
    )


@_jit
def _factor(error):
    """Compute by how much the next step may be longer than one with that error."""
    if not error < 1e4:
        return 0.1
    return min(0.9 * math.exp(-0.25 * math.log(max(error, 1e-9))), 6.0)


@_jit
def _try(law, ramp, gap, kelvin, spot, h):
    """Take a step in time that keeps to the tolerances, at most h long, at most to a bound.

    A gap that turns at its bound, because the source has just passed 0 V, stays there.

    Returns
    -------
    gap, kelvin : float
    time, h : float
        How long it was, and how long the next one may be.
    """
    while True:
        end, warm, gap_error, kelvin_error = _step(law, ramp, 0.0, gap, kelvin, spot, h)
        error = _error(law, kelvin, gap_error, kelvin_error)
        if error <= 1.0 or h < 1e-30:
            break
        h *= _factor(error)
    if _beyond(law, end) <= 0.0 or spot.gap_rate == 0.0:
        after = h * _factor(error)
        if gap_error > 0.01 * law.gap_tolerance:
            speed = abs(_rates(law, ramp, h, end, warm, False)[0])
            after *= min(1.0, max(abs(spot.gap_rate) / max(speed, 1e-300), 0.2))
        return end, warm, h, after
    if _beyond(law, gap) == 0.0:
        return gap, warm, h, h
    h = _meet(law, ramp, gap, kelvin, spot, h)
    _, warm, _, _ = _step(law, ramp, 0.0, gap, kelvin, spot, h)
    return law.gap_min if end < gap else law.gap_max, warm, h, h


@_jit
def _integrate(law, ramp, gap, kelvin, duration):
    """Take a cell through a ramp on one side of 0 V: at rest as far as it is, by steps in time."""
    left, h, here = duration, -1.0, ramp
    quiet = _quiet(law, ramp, gap, kelvin, duration)
    if quiet > 30.0 * law.tau:
        gap = min(max(gap + _creep(law, ramp, gap, kelvin, quiet), law.gap_min), law.gap_max)
        kelvin = _warm(law, ramp, gap, kelvin, quiet)
        left -= quiet
        here = Ramp(ramp.start + ramp.slope * quiet, ramp.slope)
    while left > 0.0:
        if _beyond(law, gap) == 0.0 and _stays(law, here, gap, kelvin, left):
            return gap, _warm(law, here, gap, kelvin, left)
        if h > 0.0:
            way = _creep(law, here, gap, kelvin, left)
            if not math.isnan(way):
                gap = min(max(gap + way, law.gap_min), law.gap_max)
                return gap, _warm(law, here, gap, kelvin, left)
        spot = _spot(law, here, 0.0, gap, kelvin)
        if h < 0.0:
            h = _first(law, here, spot, left)
        gap, kelvin, spent, h = _try(law, here, gap, kelvin, spot, min(h, left))
        left = left - spent if spent < left else 0.0
        here = Ramp(ramp.start + ramp.slope * (duration - left), ramp.slope)
    return gap, kelvin


@_jit
def _quiet(law, ramp, gap, kelvin, duration):
    """Find how long, about, a gap stays where it is at the beginning of a ramp."""
    low, high = 0.0, duration
    for _ in range(5):
        middle = 0.5 * (low + high)
        if math.isnan(_creep(law, ramp, gap, kelvin, middle)):
            high = middle
        else:
            low = middle
    return low


@_jit
def _stays(law, ramp, gap, kelvin, duration):
    """Tell whether a bound stops the gap up to the end of a segment on one side of 0 V.

    The sign of gap' is that of ``Eag - Ear - 2 x``, whatever the temperature. That it changes
    within the last millivolt of a ramp to 0 V does not matter if the cell is cold by then.
    """
    even = 0.5 * (law.ea_generation - law.ea_recombination)
    gamma = law.pull * (law.gamma0 - law.beta * gap * gap * gap)
    stop = ramp.start + ramp.slope * duration
    if _outward(law, gap, ramp.start, gamma, even) and _outward(law, gap, stop, gamma, even):
        return True
    if not _outward(law, gap, ramp.start, gamma, even) or not gamma > 0.0:
        return False
    turn = even / gamma
    turn = math.copysign(abs(turn) + law.ohm * _current(law, gap, abs(turn)), turn)
    first = (turn - ramp.start) / ramp.slope
    if not 0.0 < first < duration:
        return False
    kelvin = _follow(law, ramp, gap, kelvin, first)
    voltage, _, _ = _load_line(law, gap, abs(stop))
    rate = _gap_rate(law, gap, kelvin, math.copysign(voltage, stop))
    return abs(rate) * (duration - first) <= 0.01 * law.gap_tolerance


@_jit
def _outward(law, gap, source, gamma, even):
    """Tell whether a gap at a bound is driven against it."""
    voltage, _, _ = _load_line(law, gap, abs(source))
    x = gamma * math.copysign(voltage, source)
    return (gap <= law.gap_min and x >= even) or (gap >= law.gap_max and x <= even)


@_jit
def _creep(law, ramp, gap, kelvin, duration):
    """Compute how far the gap moves, nan if that is more than a hundredth of the tolerance.

    The fastest it can be is at the highest voltage and the highest temperature (or the lowest,
    where the pull is above the barrier); the way itself is Simpson's, and none below a millionth
    of that.
    """
    stop = ramp.start + ramp.slope * duration
    top = max(abs(ramp.start), abs(stop))
    voltage, current, _ = _load_line(law, gap, top)
    x = abs(law.pull * (law.gamma0 - law.beta * gap * gap * gap) * voltage)
    barrier = min(law.ea_generation, law.ea_recombination) - x
    hottest = max(kelvin, law.t_ini + law.rth * voltage * current)
    at = hottest if barrier > 0.0 else law.t_ini
    most = law.vel0 * _exp(-barrier / (BOLTZMANN_EV_PER_K * at))
    if not most * duration <= 0.01 * law.gap_tolerance:
        return math.nan
    if most * duration <= 1e-8 * law.gap_tolerance:
        return 0.0
    way = 0.0
    for n in range(3):
        source = ramp.start + 0.5 * n * duration * ramp.slope
        voltage, current, _ = _load_line(law, gap, abs(source))
        heated = law.t_ini + law.rth * voltage * current
        weight = 4.0 if n == 1 else 1.0
        way += weight * _gap_rate(law, gap, heated, math.copysign(voltage, source))
    return way * duration / 6.0


@_jit
def _follow(law, ramp, gap, kelvin, duration):
    """Let the temperature follow a source while the gap stays; nan where that has no closed form.

    Under a steady source it is an exponential. On a ramp, long after its beginning, it is the mean
    of Q over times before, with weights ``exp(-t/tau)/tau``: by Gauss's and Laguerre's three
    points, which is right to degree 5 (Abramowitz and Stegun 1964, table 25.9).
    """
    stop = ramp.start + ramp.slope * duration
    fade = math.exp(-duration / law.tau)
    if ramp.slope == 0.0:
        heated = _heated(law, gap, stop)
        return heated + (kelvin - heated) * fade
    back = ramp.slope * law.tau
    if duration < 30.0 * law.tau or abs(back) > 0.05 * law.v0:
        return math.nan
    heated = 0.711093009929173 * _heated(law, gap, stop - 0.4157745567834791 * back)
    heated += 0.2785177335692408 * _heated(law, gap, stop - 2.2942803602790417 * back)
    return heated + 0.0103892565015861 * _heated(law, gap, stop - 6.2899450829374792 * back)


@_jit
def _warm(law, ramp, gap, kelvin, duration):
    """Let the temperature follow a source while the gap stays."""
    warm = _follow(law, ramp, gap, kelvin, duration)
    if not math.isnan(warm):
        return warm
    time, h = 0.0, min(duration, 0.1 * law.tau)
    while time < duration:
        last = h >= duration - time
        h = min(h, duration - time)
        full = _spot(law, ramp, time, gap, kelvin)
        spot = Spot(0.0, full.kelvin_rate, 0.0, 0.0, 0.0, 0.0, full.kelvin_by_time)
        _, warm, _, error = _step(law, ramp, time, gap, kelvin, spot, h)
        error = _error(law, kelvin, 0.0, error)
        if not error <= 1.0 and h > 1e-15 * duration:
            h *= _factor(error)
            continue
        time, kelvin = time + h, warm
        if last:
            break
        h *= _factor(error)
    return kelvin


@_jit
def _volts(law, source, gap, way, work):
    """Fill in the voltage across the cell at the points of a panel, the source being positive."""
    volts = work[1]
    if law.ohm == 0.0:
        for n in range(16):
            volts[n] = source
    else:
        _divide_all(law, source, gap, way, work)
    if law.limit < math.inf:
        for n in range(16):
            rise = min((gap + way * _WAYS[n]) * law.per_g0, 700.0)
            held = law.v0 * math.asinh(law.limit / law.i0 * math.exp(rise))
            volts[n] = held if source > held + law.ohm * law.limit else volts[n]


@_jit
def _least_panel(law, sign, source, gap, way, coldest, work):
    """Integrate time over the gap as if each point were as cold as the cell can be there.

    That is Q, or *coldest* where that is colder; beyond its barrier it counts as at it, because
    there the cold ones are the fast ones.
    """
    slopes, volts = work[0], work[1]
    _volts(law, source, gap, way, work)
    toward = math.copysign(1.0, way)
    for n in range(16):
        at = gap + way * _WAYS[n]
        fall, y = at * law.per_g0, volts[n] / law.v0
        current = 0.5 * law.i0 * (_exp(y - fall) - _exp(-y - fall))
        kelvin = min(law.t_ini + law.rth * volts[n] * current, coldest)
        per_kt = 1.0 / (BOLTZMANN_EV_PER_K * kelvin)
        x = sign * law.pull * (law.gamma0 - law.beta * at * at * at) * volts[n]
        forth = _exp(min((x - law.ea_generation) * per_kt, 0.0))
        rate = law.vel0 * (_exp(min(-(x + law.ea_recombination) * per_kt, 0.0)) - forth)
        slopes[n] = 1.0 / max(toward * rate, 1e-300)
    best, other = _sums(slopes)
    return best * abs(way), abs(best - other) * abs(way)


@_jit
def _glide_panel(law, sign, source, gap, way, work):
    """Integrate time over the gap while the temperature nearly is at Q.

    It lags by ``tau dQ/dt``; what that changes, squared, is what this leaves out.

    Returns
    -------
    time : float
        By Kronrod's points (s).
    error : float
        How far Gauss's are from that.
    change : float
        How far it is from the time without the lag.
    """
    slopes, volts, plain = work[0], work[1], work[2]
    _volts(law, source, gap, way, work)
    toward = math.copysign(1.0, way)
    for n in range(16):
        at = gap + way * _WAYS[n]
        fall, y = at * law.per_g0, volts[n] / law.v0
        up, down = 0.5 * law.i0 * _exp(y - fall), 0.5 * law.i0 * _exp(-y - fall)
        current, conductance = up - down, (up + down) / law.v0
        v_gap = law.ohm * current * law.per_g0 / (1.0 + law.ohm * conductance)
        i_gap = conductance * v_gap - current * law.per_g0
        if current > 0.999 * law.limit:
            v_gap, i_gap = law.per_g0 * current / conductance, 0.0
        heated = law.t_ini + law.rth * volts[n] * current
        x = sign * law.pull * (law.gamma0 - law.beta * at * at * at) * volts[n]
        per_kt = 1.0 / (BOLTZMANN_EV_PER_K * heated)
        forth = _exp((x - law.ea_generation) * per_kt)
        rate = law.vel0 * (_exp(-(x + law.ea_recombination) * per_kt) - forth)
        plain[n] = 1.0 / max(toward * rate, 1e-300)
        lag = law.tau * rate * law.rth * (v_gap * current + volts[n] * i_gap)
        lag = min(max(lag, -0.5 * heated), 0.5 * heated)
        per_kt = 1.0 / (BOLTZMANN_EV_PER_K * (heated - lag))
        forth = _exp((x - law.ea_generation) * per_kt)
        rate = law.vel0 * (_exp(-(x + law.ea_recombination) * per_kt) - forth)
        slopes[n] = 1.0 / max(toward * rate, 1e-300)
    best, other = _sums(slopes)
    without, _ = _sums(plain)
    return best * abs(way), abs(best - other) * abs(way), abs(best - without) * abs(way)


@_jit
def _reached(size, left, work):
    """Tell about which way is behind after a time, from the points of a panel."""
    spent, way = 0.0, 0.0
    for n in range(15):
        way = size * _WAYS[n]
        spent += size * _KRONROD[n] * work[0, n]
        if spent > left:
            break
    return way


@_jit
def _glide(law, ramp, gap, toward, left, work):
    """Move a cell whose temperature is at Q, under a steady source, by one panel.

    Returns
    -------
    gap, time : float
        Where it came to and when; an unchanged gap where it moves too fast for this.
    """
    sign, source = math.copysign(1.0, ramp.start), abs(ramp.start)
    bound = law.gap_min if toward < 0.0 else law.gap_max
    size = abs(bound - gap)
    low, high, done = 0.0, size, False
    for _ in range(60):
        spent, error, change = _glide_panel(law, sign, source, gap, toward * size, work)
        speed, late = 1.0 / work[0, 15], spent - left
        ratio, lag = error / spent, change / spent
        slip = spent * (0.25 * ratio * math.sqrt(ratio) + lag * lag) * speed
        good = slip <= law.gap_tolerance
        if not good and size < 0.02 / law.per_g0:
            return gap, 0.0
        if good and late <= 0.0 and (done or size == high):
            return (bound if size == abs(bound - gap) else gap + toward * size), spent
        if late <= 0.0:
            low = size
            size = 0.5 * (low + high) if good else 0.5 * size
            high = high if good else size
            continue
        if size == high and low == 0.0:
            high, size = size, _reached(size, left, work)
            continue
        high = size
        bend = math.log(work[0, 14] / work[0, 15]) / ((_WAYS[15] - _WAYS[14]) * size)
        less = late * speed
        if abs(bend * less) > 1e-6:
            less = math.log(max(1.0 + bend * less, 1e-9)) / bend
        if good and abs(bend * less) < 1e-3 and size - less > 0.0:
            return gap + toward * (size - less), left
        size = size - less if low < size - less < high else 0.5 * (low + high)
        low = low if good else 0.0
    return gap, 0.0


@_jit
def _rush_rates(law, ramp, gap, toward, kelvin):
    """Compute time and temperature over the way of the gap, under a steady source."""
    gap_rate, kelvin_rate = _rates(law, ramp, 0.0, gap, kelvin, False)
    slope = 1.0 / max(toward * gap_rate, 1e-300)
    return slope, kelvin_rate * slope


@_jit
def _rush(law, ramp, gap, toward, kelvin, size):
    """Take one step over the gap, of Dormand and Prince's pair 5(4) (1980, 0771-050X(80)90013-3).

    For a cell that is fast against tau: its temperature and the time hardly change, however much
    its speed does.

    Returns
    -------
    time, kelvin : float
    time_error, kelvin_error : float
    """
    h = toward * size
    t1, k1 = _rush_rates(law, ramp, gap, toward, kelvin)
    k = kelvin + size * 0.2 * k1
    _, k2 = _rush_rates(law, ramp, gap + 0.2 * h, toward, k)
    k = kelvin + size * (0.075 * k1 + 0.225 * k2)
    t3, k3 = _rush_rates(law, ramp, gap + 0.3 * h, toward, k)
    k = kelvin + size * (44 / 45 * k1 - 56 / 15 * k2 + 32 / 9 * k3)
    t4, k4 = _rush_rates(law, ramp, gap + 0.8 * h, toward, k)
    k = 19372 / 6561 * k1 - 25360 / 2187 * k2 + 64448 / 6561 * k3 - 212 / 729 * k4
    t5, k5 = _rush_rates(law, ramp, gap + 8 / 9 * h, toward, kelvin + size * k)
    k = 9017 / 3168 * k1 - 355 / 33 * k2 + 46732 / 5247 * k3 + 49 / 176 * k4 - 5103 / 18656 * k5
    t6, k6 = _rush_rates(law, ramp, gap + h, toward, kelvin + size * k)
    time = 35 / 384 * t1 + 500 / 1113 * t3 + 125 / 192 * t4 - 2187 / 6784 * t5 + 11 / 84 * t6
    k = 35 / 384 * k1 + 500 / 1113 * k3 + 125 / 192 * k4 - 2187 / 6784 * k5 + 11 / 84 * k6
    warm = kelvin + size * k
    t7, k7 = _rush_rates(law, ramp, gap + h, toward, warm)
    t = 71 / 57600 * t1 - 71 / 16695 * t3 + 71 / 1920 * t4 - 17253 / 339200 * t5
    k = 71 / 57600 * k1 - 71 / 16695 * k3 + 71 / 1920 * k4 - 17253 / 339200 * k5
    t, k = t + 22 / 525 * t6 - 0.025 * t7, k + 22 / 525 * k6 - 0.025 * k7
    return size * time, warm, abs(size * t), abs(size * k)


@_jit
def _steady(law, source, gap, kelvin, duration, work):
    """Take a cell through a segment of constant voltage.

    Slow against tau it glides, fast it rushes, and between it takes steps in time.
    """
    ramp, left, h, stride = Ramp(source, 0.0), duration, -1.0, 0.3 / law.per_g0
    while left > 0.0:
        if _beyond(law, gap) == 0.0 and _stays(law, ramp, gap, kelvin, left):
            return gap, _warm(law, ramp, gap, kelvin, left)
        spot = _spot(law, ramp, 0.0, gap, kelvin)
        toward = math.copysign(1.0, spot.gap_rate)
        fast = abs(spot.gap_by_gap) + abs(spot.gap_by_kelvin * spot.kelvin_by_gap) * law.tau
        fast *= law.tau
        lag = law.tau * abs(spot.kelvin_rate - spot.kelvin_by_gap * law.tau * spot.gap_rate)
        if fast < 0.03 and lag < law.kelvin_tolerance and spot.gap_rate != 0.0:
            end, spent = _glide(law, ramp, gap, toward, left, work)
            if end != gap:
                gap, left = end, left - spent
                kelvin = _lagging(law, ramp, gap)
                continue
        if fast > 1.0:
            reach = law.gap_max - gap if toward > 0.0 else gap - law.gap_min
            size = min(stride, reach)
            spent, warm, time_error, kelvin_error = _rush(law, ramp, gap, toward, kelvin, size)
            heating = abs(_rates(law, ramp, 0.0, gap + toward * size, warm, False)[1])
            error = _error(law, warm, 0.0, kelvin_error + time_error * heating)
            if error <= 1.0 and spent < left:
                gap = _to(law, gap, toward, size, reach)
                kelvin, left = warm, left - spent
                stride = size * min(0.9 * math.exp(-0.2 * math.log(max(error, 1e-9))), 5.0)
                h = -1.0
                continue
            stride = size * max(0.9 * math.exp(-0.2 * math.log(max(error, 2.0))), 0.1)
            if not spent < 10.0 * left and size > 1e-3 / law.per_g0:
                continue
        h = _first(law, ramp, spot, left) if h < 0.0 else min(h, left)
        gap, kelvin, spent, h = _try(law, ramp, gap, kelvin, spot, h)
        left = left - spent if spent < left else 0.0
    return gap, kelvin


@_jit
def _to(law, gap, toward, size, reach):
    """Give the gap after a step, the bound itself after one that reaches it."""
    if size == reach:
        return law.gap_max if toward > 0.0 else law.gap_min
    return gap + toward * size


@_jit
def _lagging(law, ramp, gap):
    """Compute the temperature of a gliding cell: Q less its lag."""
    kelvin = _heated(law, gap, ramp.start)
    for _ in range(2):
        spot = _spot(law, ramp, 0.0, gap, kelvin)
        kelvin += law.tau * (spot.kelvin_rate - spot.kelvin_by_gap * law.tau * spot.gap_rate)
    return kelvin


@_jit
def _foresee(law, gap, kelvin, top, duration, work):
    """Find the bound to which a steady source surely drives a cell, if it does, else the gap.

    What a cell did earlier on the way up to that voltage does then not matter: the gap has one
    direction, and a cell that is ahead, or warmer, stays so.
    """
    toward = -1.0 if top > 0.0 else 1.0
    bound = law.gap_min if top > 0.0 else law.gap_max
    if gap == bound or not _stays(law, Ramp(top, 0.0), bound, kelvin, duration):
        return gap
    coldest, size = min(kelvin, law.t_ini), abs(bound - gap)
    sign = math.copysign(1.0, top)
    spent, error = _least_panel(law, sign, abs(top), gap, toward * size, coldest, work)
    return bound if spent + 10.0 * error + 40.0 * law.tau <= duration else gap


@_jit
def _piece(law, gap, kelvin, start, stop, duration, work):
    """Take one cell through a piece of a segment that stays on one side of 0 V."""
    ramp = Ramp(start, (stop - start) / duration)
    if _beyond(law, gap) == 0.0 and _stays(law, ramp, gap, kelvin, duration):
        return gap, _warm(law, ramp, gap, kelvin, duration)
    way = _creep(law, ramp, gap, kelvin, duration)
    if not math.isnan(way):
        kelvin = _warm(law, ramp, gap, kelvin, duration)
        return min(max(gap + way, law.gap_min), law.gap_max), kelvin
    if start == stop:
        return _steady(law, start, gap, kelvin, duration, work)
    return _integrate(law, ramp, gap, kelvin, duration)


@_jit
def _segment(law, gap, kelvin, start, stop, duration, work):
    """Take one cell through one linear segment; return its gap and temperature."""
    if not duration > 1e-30:
        return gap, kelvin
    if start * stop >= 0.0:
        return _piece(law, gap, kelvin, start, stop, duration, work)
    first = duration * start / (start - stop)
    gap, kelvin = _piece(law, gap, kelvin, start, 0.0, first, work)
    return _piece(law, gap, kelvin, 0.0, stop, duration - first, work)


@_jit
def _leads(start, stop, top):
    """Tell whether a segment leads up to a voltage, from its side of 0 V and from below."""
    if top > 0.0:
        return min(start, stop) >= 0.0 and max(start, stop) <= top
    return max(start, stop) <= 0.0 and min(start, stop) >= top


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def walk(
    laws, gaps, kelvins, cells,
    duration_s, start_v, stop_v, measured, units, voltage_v, current_a, limited,
):  # fmt: skip
    """Walk cells through all segments of a drive; the state moves, the readings are filled in.

    Parameters
    ----------
    laws : (1,) or (cells,) record array of `LAW`
    gaps, kelvins : (all cells,) float64 (m, K)
        The columns of the state.
    cells : (cells,) int64
        Which cells.
    duration_s, start_v, stop_v, measured, units
        See `hil.simulators.models.model.Drive`.
    voltage_v, current_a, limited
        See `hil.simulators.models.model.Terminal`.
    """
    one, same = start_v.shape[1] == 1, laws.shape[0] == 1
    work = np.empty((4, 16))
    for k in range(cells.shape[0]):
        law = laws[0 if same else k]
        cell, column, reading = cells[k], 0 if one else k, 0
        gap, kelvin = min(max(gaps[cell], law.gap_min), law.gap_max), kelvins[cell]
        foresees = law.limit == math.inf
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(repeats):
                for s in range(first, last):
                    a, b, duration = start_v[s, column], stop_v[s, column], duration_s[s, column]
                    if foresees and not measured[s] and s + 1 < last and a != b:
                        top = start_v[s + 1, column]
                        if top == stop_v[s + 1, column] and _leads(a, b, top):
                            then = _foresee(law, gap, kelvin, top, duration_s[s + 1, column], work)
                            if then != gap:
                                gap = then
                                continue
                    gap, kelvin = _segment(law, gap, kelvin, a, b, duration, work)
                    if measured[s]:
                        voltage, current, held = _load_line(law, gap, abs(b))
                        voltage_v[reading, k] = math.copysign(voltage, b)
                        current_a[reading, k] = math.copysign(current, b)
                        limited[reading, k] = held
                        reading += 1
        gaps[cell], kelvins[cell] = gap, kelvin
