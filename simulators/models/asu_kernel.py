"""Walk cells of the Stanford-ASU variant through a waveform: the kernel of `asu`.

The state is the gap and the temperature. The current is explicit in voltage and gap, so that the
heat, as the temperature that it would lead to, is too: ``Q = T_ini + tau/Cth V I``, and the
temperature follows it as ``T' = (Q - T) / tau``. A segment is taken

- in one go where the gap stays where it is: stopped by its bound, or too slow to move by more
  than a hundredth of the tolerance. The temperature is then a filter of Q that has a closed form,
  or nearly (`_follow`);
- by steps in time of RODAS (`rosenbrock_kernel`), which is L-stable: however short tau is against
  a step, the temperature follows;
- where a steady source makes a gap move fast against tau, as in a runaway, by steps over the gap
  (`_rush`), along which its speed changes evenly;
- not at all where it is an edge that nobody measures, and the flat top after it surely takes the
  gap to its bound (`_foresee`).

The other helpers stay in this module: numba's cache does not notice a change in another one.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hil.simulators.models import rosenbrock_kernel as ros
from hil.simulators.models.compiled import fused
from hil.simulators.models.gap_kernel import (
    BOLTZMANN_EV_PER_K,
    WAYS,
    current_at,
    divide_all,
    fast_exp,
    load_line,
    panel_sums,
    top_after,
)

LAW = np.dtype(
    [
        (name, np.float64)
        for name in (
            "i0", "per_g0", "v0", "vel0", "gamma0", "beta", "ea_generation", "ea_recombination",
            "pull", "t_ini", "rth", "tau", "gap_min", "gap_max", "ohm", "limit", "gap_tolerance",
            "kelvin_tolerance",
        )
    ]
)  # fmt: skip
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


@fused
def _heated(law, gap, source):
    """Compute the temperature Q that a steady source would lead to (K)."""
    voltage, current, _ = load_line(law, gap, abs(source))
    return law.t_ini + law.rth * voltage * current


@fused
def _gap_rate(law, gap, kelvin, voltage):
    """Compute gap' (m/s), without its bounds."""
    per_kt = 1.0 / (BOLTZMANN_EV_PER_K * kelvin)
    x = law.pull * (law.gamma0 - law.beta * gap * gap * gap) * voltage
    forth = fast_exp((x - law.ea_generation) * per_kt)
    return -law.vel0 * (forth - fast_exp(-(x + law.ea_recombination) * per_kt))


@fused
def _rates(law, ramp, time, gap, kelvin, held):
    """Compute gap' and T' within a step, which may look a little beyond the bounds.

    A gap that is *held* by its bound does not move.
    """
    source = ramp.start + ramp.slope * time
    beyond = 0.5 / law.per_g0
    at = min(max(gap, law.gap_min - beyond), law.gap_max + beyond)
    voltage, current, _ = load_line(law, at, abs(source))
    kelvin_rate = (law.t_ini - kelvin + law.rth * voltage * current) / law.tau
    if held:
        return 0.0, kelvin_rate
    warm = max(kelvin, 0.5 * law.t_ini)
    return _gap_rate(law, at, warm, math.copysign(voltage, source)), kelvin_rate


@fused
def _stopped(law, gap, gap_rate):
    return (gap <= law.gap_min and gap_rate < 0.0) or (gap >= law.gap_max and gap_rate > 0.0)


@fused
def _spot(law, ramp, gap, kelvin):
    """Compute the rates and their derivatives at the beginning of a ramp."""
    source, size = ramp.start, abs(ramp.start)
    voltage, current, limited = load_line(law, gap, size)
    conductance = math.hypot(law.i0 * fast_exp(-gap * law.per_g0), current) / law.v0
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
    forth = law.vel0 * fast_exp((x - law.ea_generation) * per_kt)
    back = law.vel0 * fast_exp(-(x + law.ea_recombination) * per_kt)
    if _stopped(law, gap, back - forth):
        return Spot(0.0, kelvin_rate, 0.0, 0.0, 0.0, heat_gap, heat_time)
    by_x = -(forth + back) * per_kt
    warming = (law.ea_generation - x) * forth - (law.ea_recombination + x) * back
    by_kelvin = -warming * per_kt / kelvin
    by_time = by_x * sign * gamma * v_source * climb
    return Spot(back - forth, kelvin_rate, by_x * x_gap, by_kelvin, by_time, heat_gap, heat_time)


@fused
def _solve(inverse, p, q):
    """Multiply a matrix of two rows by a vector."""
    a, b, c, d = inverse
    return a * p + b * q, c * p + d * q


@fused
def _step(law, ramp, gap, kelvin, spot, h):
    """Take one step of RODAS from the beginning of a ramp.

    Returns
    -------
    gap, kelvin : float
    gap_error, kelvin_error : float
    """
    held, per = spot.gap_rate == 0.0, 1.0 / h
    a, b = ros.PER_GAMMA * per - spot.gap_by_gap, -spot.gap_by_kelvin
    c, d = -spot.kelvin_by_gap, ros.PER_GAMMA * per + 1.0 / law.tau
    over = 1.0 / (a * d - b * c)
    w = d * over, -b * over, -c * over, a * over
    x_drift, y_drift = h * spot.gap_by_time, h * spot.kelvin_by_time
    x1, y1 = _solve(w, spot.gap_rate + ros.D1 * x_drift, spot.kelvin_rate + ros.D1 * y_drift)

    p, q = _rates(law, ramp, ros.T2 * h, gap + ros.A21 * x1, kelvin + ros.A21 * y1, held)
    p += ros.C21 * per * x1 + ros.D2 * x_drift
    q += ros.C21 * per * y1 + ros.D2 * y_drift
    x2, y2 = _solve(w, p, q)

    x, y = gap + ros.A31 * x1 + ros.A32 * x2, kelvin + ros.A31 * y1 + ros.A32 * y2
    p, q = _rates(law, ramp, ros.T3 * h, x, y, held)
    p += per * (ros.C31 * x1 + ros.C32 * x2) + ros.D3 * x_drift
    q += per * (ros.C31 * y1 + ros.C32 * y2) + ros.D3 * y_drift
    x3, y3 = _solve(w, p, q)

    x = gap + ros.A41 * x1 + ros.A42 * x2 + ros.A43 * x3
    y = kelvin + ros.A41 * y1 + ros.A42 * y2 + ros.A43 * y3
    p, q = _rates(law, ramp, ros.T4 * h, x, y, held)
    p += per * (ros.C41 * x1 + ros.C42 * x2 + ros.C43 * x3) + ros.D4 * x_drift
    q += per * (ros.C41 * y1 + ros.C42 * y2 + ros.C43 * y3) + ros.D4 * y_drift
    x4, y4 = _solve(w, p, q)

    x = gap + ros.A51 * x1 + ros.A52 * x2 + ros.A53 * x3 + ros.A54 * x4
    y = kelvin + ros.A51 * y1 + ros.A52 * y2 + ros.A53 * y3 + ros.A54 * y4
    p, q = _rates(law, ramp, h, x, y, held)
    p += per * (ros.C51 * x1 + ros.C52 * x2 + ros.C53 * x3 + ros.C54 * x4)
    q += per * (ros.C51 * y1 + ros.C52 * y2 + ros.C53 * y3 + ros.C54 * y4)
    x5, y5 = _solve(w, p, q)

    x, y = x + x5, y + y5
    p, q = _rates(law, ramp, h, x, y, held)
    p += per * (ros.C61 * x1 + ros.C62 * x2 + ros.C63 * x3 + ros.C64 * x4 + ros.C65 * x5)
    q += per * (ros.C61 * y1 + ros.C62 * y2 + ros.C63 * y3 + ros.C64 * y4 + ros.C65 * y5)
    x6, y6 = _solve(w, p, q)
    return x + x6, y + y6, abs(x6), abs(y6)


@fused
def _beyond(law, gap):
    """Compute how far a gap is beyond its bounds, below 0 within (m)."""
    return max(law.gap_min - gap, gap - law.gap_max)


@fused
def _meet(law, ramp, gap, kelvin, spot, h):
    """Shorten a step that leads beyond a bound, to where it leads to the bound (Illinois)."""
    low, below = 0.0, _beyond(law, gap)
    end, _, _, _ = _step(law, ramp, gap, kelvin, spot, h)
    high, above, side = h, _beyond(law, end), 0
    for _ in range(60):
        h = low + (high - low) * below / (below - above)
        end, _, _, _ = _step(law, ramp, gap, kelvin, spot, h)
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


@fused
def _first(law, ramp, spot, left):
    """Choose a first step: short against the ramp, the runaway and, if it matters, tau."""
    h = min(left, 0.3 * law.v0 / max(abs(ramp.slope), 1e-300))
    h = min(h, 0.3 / max(abs(spot.gap_by_gap), 1e-300))
    if abs(spot.kelvin_rate) * law.tau > 10.0 * law.kelvin_tolerance:
        h = min(h, law.tau)
    return h


@fused
def _error(law, kelvin, gap_error, kelvin_error):
    """Compare errors with the tolerances; that of the temperature grows with it."""
    return max(
        gap_error / law.gap_tolerance,
        kelvin_error / law.kelvin_tolerance * law.t_ini / max(kelvin, law.t_ini),
    )


@fused
def _factor(error):
    """Compute by how much the next step may be longer than one with that error."""
    if not error < 1e4:
        return 0.1
    return min(0.9 * math.exp(-0.25 * math.log(max(error, 1e-9))), 6.0)


@fused
def _try(law, ramp, gap, kelvin, spot, h):
    """Take a step in time that keeps to the tolerances, at most h long, at most to a bound.

    A gap that turns at its bound, because the source has just passed 0 V, stays there.

    Returns
    -------
    gap, kelvin : float
    time, h : float
        How long it was, and how long the next one may be; inf if no step keeps to them, because
        at some 100 V the heat is more than a number can hold.
    """
    while True:
        end, warm, gap_error, kelvin_error = _step(law, ramp, gap, kelvin, spot, h)
        error = _error(law, kelvin, gap_error, kelvin_error)
        if error <= 1.0:
            break
        h *= _factor(error)
        if h < 1e-30:
            return gap, kelvin, math.inf, h
    if _beyond(law, end) <= 0.0 or spot.gap_rate == 0.0:
        after = h * _factor(error)
        if gap_error > 0.01 * law.gap_tolerance:
            speed = abs(_rates(law, ramp, h, end, warm, False)[0])
            after *= min(1.0, max(abs(spot.gap_rate) / max(speed, 1e-300), 0.2))
        return end, warm, h, after
    if _beyond(law, gap) == 0.0:
        return gap, warm, h, h
    h = _meet(law, ramp, gap, kelvin, spot, h)
    _, warm, _, _ = _step(law, ramp, gap, kelvin, spot, h)
    return law.gap_min if end < gap else law.gap_max, warm, h, h


@fused
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
    turn = math.copysign(abs(turn) + law.ohm * current_at(law, gap, abs(turn)), turn)
    first = (turn - ramp.start) / ramp.slope
    if not 0.0 < first < duration:
        return False
    kelvin = _follow(law, ramp, gap, kelvin, first)
    voltage, _, _ = load_line(law, gap, abs(stop))
    rate = _gap_rate(law, gap, kelvin, math.copysign(voltage, stop))
    return abs(rate) * (duration - first) <= 0.01 * law.gap_tolerance


@fused
def _outward(law, gap, source, gamma, even):
    """Tell whether a gap at a bound is driven against it."""
    voltage, _, _ = load_line(law, gap, abs(source))
    x = gamma * math.copysign(voltage, source)
    return (gap <= law.gap_min and x >= even) or (gap >= law.gap_max and x <= even)


@fused
def _creep(law, ramp, gap, kelvin, duration):
    """Compute how far the gap moves, nan if that is more than a hundredth of the tolerance.

    The fastest it can be is at the highest voltage and the highest temperature (or the lowest,
    where the pull is above the barrier); the way itself is Simpson's, and none below a millionth
    of that.
    """
    stop = ramp.start + ramp.slope * duration
    top = max(abs(ramp.start), abs(stop))
    voltage, current, _ = load_line(law, gap, top)
    x = abs(law.pull * (law.gamma0 - law.beta * gap * gap * gap) * voltage)
    barrier = min(law.ea_generation, law.ea_recombination) - x
    hottest = max(kelvin, law.t_ini + law.rth * voltage * current)
    at = hottest if barrier > 0.0 else law.t_ini
    most = law.vel0 * fast_exp(-barrier / (BOLTZMANN_EV_PER_K * at))
    if not most * duration <= 0.01 * law.gap_tolerance:
        return math.nan
    if most * duration <= 1e-8 * law.gap_tolerance:
        return 0.0
    way = 0.0
    for n in range(3):
        source = ramp.start + 0.5 * n * duration * ramp.slope
        voltage, current, _ = load_line(law, gap, abs(source))
        heated = law.t_ini + law.rth * voltage * current
        weight = 4.0 if n == 1 else 1.0
        way += weight * _gap_rate(law, gap, heated, math.copysign(voltage, source))
    return way * duration / 6.0


@fused
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


@fused
def _rush_rates(law, ramp, gap, toward, kelvin):
    """Compute time and temperature over the way of the gap, under a steady source."""
    gap_rate, kelvin_rate = _rates(law, ramp, 0.0, gap, kelvin, False)
    slope = 1.0 / max(toward * gap_rate, 1e-300)
    return slope, kelvin_rate * slope


@fused
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


@fused
def _integrate(law, ramp, gap, kelvin, duration):
    """Take a cell through a piece of a segment that stays on one side of 0 V."""
    left, h, stride, here = duration, -1.0, 0.3 / law.per_g0, ramp
    while left > 0.0:
        way = _rest(law, here, gap, kelvin, left)
        if not math.isnan(way):
            warm = _follow(law, here, gap, kelvin, left)
            if not math.isnan(warm):
                return min(max(gap + way, law.gap_min), law.gap_max), warm
        spot = _spot(law, here, gap, kelvin)
        if ramp.slope == 0.0 and _is_fast(law, spot):
            end, warm, spent, stride = _leap(law, ramp, gap, kelvin, spot, stride, left)
            if spent > 0.0:
                gap, kelvin, left, h = end, warm, left - spent, -1.0
                continue
        if h < 0.0:
            h = _first(law, here, spot, left)
        gap, kelvin, spent, h = _try(law, here, gap, kelvin, spot, min(h, left))
        if spent == math.inf:
            return _burst(law, here, left)
        left = left - spent if spent < left else 0.0
        here = Ramp(ramp.start + ramp.slope * (duration - left), ramp.slope)
    return gap, kelvin


@fused
def _burst(law, ramp, duration):
    """Take a cell to the bound that the source drives it to, and as warm as a number can tell."""
    stop = ramp.start + ramp.slope * duration
    gap = law.gap_min if ramp.start + stop > 0.0 else law.gap_max
    return gap, min(_heated(law, gap, stop), 1e300)


@fused
def _rest(law, ramp, gap, kelvin, duration):
    """Compute how far a gap moves that nearly stays where it is; nan for any other."""
    if (gap <= law.gap_min or gap >= law.gap_max) and _stays(law, ramp, gap, kelvin, duration):
        return 0.0
    return _creep(law, ramp, gap, kelvin, duration)


@fused
def _is_fast(law, spot):
    """Tell whether a gap moves fast against tau, by its own motion or by its warming."""
    by_itself, by_warming = spot.gap_by_gap, spot.gap_by_kelvin * spot.kelvin_by_gap * law.tau
    return (abs(by_itself) + abs(by_warming)) * law.tau > 1.0


@fused
def _leap(law, ramp, gap, kelvin, spot, stride, left):
    """Take a step over the gap if its error allows it, at most to a bound.

    Returns
    -------
    gap, kelvin : float
    time, stride : float
        How long it took, 0 if no step was taken; how long the next one may be (m).
    """
    toward = math.copysign(1.0, spot.gap_rate)
    bound = law.gap_max if toward > 0.0 else law.gap_min
    size = min(stride, abs(bound - gap))
    spent, warm, time_error, kelvin_error = _rush(law, ramp, gap, toward, kelvin, size)
    heating = abs(_rates(law, ramp, 0.0, gap + toward * size, warm, False)[1])
    error = _error(law, warm, 0.0, kelvin_error + time_error * heating)
    if not (error <= 1.0 and spent < left):
        less = max(0.9 * math.exp(-0.2 * math.log(max(error, 2.0))), 0.1)
        return gap, kelvin, 0.0, size * less
    end = bound if size == abs(bound - gap) else gap + toward * size
    more = min(0.9 * math.exp(-0.2 * math.log(max(error, 1e-9))), 5.0)
    return end, warm, spent, size * more


@fused
def _least_panel(law, sign, source, gap, way, coldest, work):
    """Integrate time over the gap as if each point were as cold as the cell can be there.

    That is Q, or *coldest* where that is colder; beyond its barrier it counts as at it, because
    there the cold ones are the fast ones.
    """
    slopes, volts = work[0], work[1]
    divide_all(law, source, gap, way, work)
    toward = math.copysign(1.0, way)
    for n in range(16):
        at = gap + way * WAYS[n]
        fall, y = at * law.per_g0, volts[n] / law.v0
        current = 0.5 * law.i0 * (fast_exp(y - fall) - fast_exp(-y - fall))
        kelvin = min(law.t_ini + law.rth * volts[n] * current, coldest)
        per_kt = 1.0 / (BOLTZMANN_EV_PER_K * kelvin)
        x = sign * law.pull * (law.gamma0 - law.beta * at * at * at) * volts[n]
        forth = fast_exp(min((x - law.ea_generation) * per_kt, 0.0))
        rate = law.vel0 * (fast_exp(min(-(x + law.ea_recombination) * per_kt, 0.0)) - forth)
        slopes[n] = 1.0 / max(toward * rate, 1e-300)
    best, other = panel_sums(slopes)
    return best * abs(way), abs(best - other) * abs(way)


@fused
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


@fused
def _segment(law, gap, kelvin, start, stop, duration):
    """Take one cell through one linear segment; return its gap and temperature."""
    if not duration > 1e-30:
        return gap, kelvin
    whole = Ramp(start, (stop - start) / duration)
    if start * stop >= 0.0:
        return _integrate(law, whole, gap, kelvin, duration)
    first = duration * start / (start - stop)
    gap, kelvin = _integrate(law, whole, gap, kelvin, first)
    return _integrate(law, Ramp(0.0, whole.slope), gap, kelvin, duration - first)


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
        See `hil.simulators.models.drive.Drive`.
    voltage_v, current_a, limited
        See `hil.simulators.models.drive.Terminal`.
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
                    top = math.nan
                    if foresees:
                        top = top_after(start_v, stop_v, measured, s, last, column)
                    if not math.isnan(top):
                        then = _foresee(law, gap, kelvin, top, duration_s[s + 1, column], work)
                        if then != gap:
                            gap = then
                            continue
                    gap, kelvin = _segment(law, gap, kelvin, a, b, duration)
                    if measured[s]:
                        voltage, current, held = load_line(law, gap, abs(b))
                        voltage_v[reading, k] = math.copysign(voltage, b)
                        current_a[reading, k] = math.copysign(current, b)
                        limited[reading, k] = held
                        reading += 1
        gaps[cell], kelvins[cell] = gap, kelvin
