"""Walk Stanford-PKU cells through a waveform: the kernel behind `hil.simulators.models.stanford`.

All voltages and currents are magnitudes: a segment is cut where its voltage changes sign, and on
each piece, a *leg*, the gap can only shrink (SET) or only grow (RESET).

Ions move only where gamma(gap) V / tox >= F_min. So each gap has one source voltage, its *onset*,
from which on it moves: ``onset = V + R I(V, gap)`` with ``V = F_min tox / gamma(gap)``, and none
at all where that current is beyond the limit. Over the gap the onset has one minimum. A cell

- *rests* while the source is below its onset, which costs next to nothing;
- *moves* while the source is above it. Under a steady source the time is integrated over the gap,
  by panels of 16 points that fill vector registers, mostly one for all the way, and the gap at the
  end is found by Newton's method. On a ramp steps are taken over ``gap + lead time``: the speed
  then changes evenly along the variable, and a runaway is no longer stiff. The error of each step
  in the gap is controlled;
- *slides* once its motion has brought the onset up to the source. The gap then follows
  ``onset(gap) = source`` as long as the ramp is slower than the cell could be: the sliding mode of
  a discontinuous right-hand side (Filippov 1988, doi 10.1007/978-94-015-7793-9).

Before an edge that nobody measures the flat top after it is looked at: where that surely takes
the cell to the end of its motion, what the edge did before does not matter (`_foresee`).

The other helpers stay in this module: numba's cache does not notice a change in another one.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hil.draws import normal
from hil.simulators.models.compiled import fused
from hil.simulators.models.gap_kernel import (
    BOLTZMANN_EV_PER_K,
    KRONROD,
    WAYS,
    current_at,
    descend,
    divide_all,
    fast_exp,
    load_line,
    panel_sums,
    sinh_exp,
    top_after,
)

_GAP_NOISE = np.uint64(1)
"""Stream of `hil.draws` for the noise of the gap."""

_SLACK = 1e-13
"""A source counts as above the onset when it is by this part of it: rounding is not motion."""

_SHORT = 1e-3
"""How far before the gap at which a limit ends its motion a cell stops, in tolerances."""

LAW = np.dtype(
    [
        (name, np.float64)
        for name in (
            "i0", "per_g0", "v0", "vel0", "beta", "ea", "pull", "floor", "t_ini", "rth",
            "gap_min", "gap_max", "ohm", "limit", "tolerance", "stride", "gamma_set",
            "gamma_reset", "diffusion", "grid", "t_crit", "t_smth",
        )
    ]
)  # fmt: skip
"""Constants of a cell in one call: parameters, source, steps and noise, in SI.

``pull`` is a0 / tox and ``floor`` F_min tox (V); ``stride`` is the first guess of a step on a
ramp, as a change of ln(speed); the gammas are gamma0 at positive and at negative voltage;
``diffusion`` is deltaGap0 sqrt(time step) in m/sqrt(s) and ``grid`` the kick of a part (m). A
record, because numba hands it on as a pointer: a tuple would be copied at every call.
"""


class Leg(NamedTuple):
    """A piece of a segment on one side of 0 V, and where it drives the gap: toward -1 or +1."""

    gamma0: float
    toward: float
    bound: float
    start: float
    stop: float
    duration: float
    ramp: float


class Spot(NamedTuple):
    """Where a moving cell is, how fast, and how fast ln(speed) changes with gap and with time.

    Its voltage and how that changes with gap and source are where the next load line is sought.
    """

    gap: float
    time: float
    speed: float
    along_gap: float
    along_time: float
    limited: bool
    voltage: float
    by_gap: float
    by_source: float


@fused
def _gamma(law, gamma0, gap):
    """Compute the local field enhancement, gamma0 - beta (gap / 1 nm)^3."""
    gap_nm = gap * 1e9
    return gamma0 - law.beta * gap_nm * gap_nm * gap_nm


@fused
def _speed_at(law, gamma0, gap, voltage, current):
    """Compute |dgap/dt| where ions move: Vel0 exp(-Ea/kT) sinh(gamma a0 V / (tox kT))."""
    per_kt = 1.0 / (BOLTZMANN_EV_PER_K * (law.t_ini + law.rth * voltage * current))
    x = law.pull * _gamma(law, gamma0, gap) * voltage
    return law.vel0 * sinh_exp(max(x, 0.0) * per_kt, law.ea * per_kt)


@fused
def _source(leg, time):
    """Compute the open-circuit voltage at a time, held before and after the leg."""
    return max(leg.start + leg.ramp * min(max(time, 0.0), leg.duration), 0.0)


@fused
def _speed(law, leg, spot, gap, time):
    """Compute the speed at a gap and a time near a spot."""
    gap, source = min(max(gap, law.gap_min), law.gap_max), _source(leg, time)
    if law.ohm == 0.0 or law.limit < math.inf or source == 0.0:
        voltage, current, _ = load_line(law, gap, source)
        return _speed_at(law, leg.gamma0, gap, voltage, current)
    half, fall = 0.5 * law.ohm * law.i0 / law.v0, gap * law.per_g0
    near = spot.voltage + spot.by_gap * (gap - spot.gap)
    near += spot.by_source * (source - _source(leg, spot.time))
    near = min(max(near, 0.0), source) / law.v0
    y = descend(half, fall, source / law.v0, near, 1e-3)
    current = 0.5 * law.i0 * (fast_exp(y - fall) - fast_exp(-y - fall))
    return _speed_at(law, leg.gamma0, gap, y * law.v0, current)


@fused
def _spot(law, leg, gap, time, side):
    """Compute the speed and its two rates (1/m, 1/s), which only choose the step and are rough.

    On the *side* +1 the source is taken to hold its limit, on -1 not to, on 0 as it does.
    """
    at = min(max(gap, law.gap_min), law.gap_max)
    voltage, current, limited = load_line(law, at, _source(leg, time))
    limited = side > 0 if side else limited
    speed = _speed_at(law, leg.gamma0, at, voltage, current)
    gamma = _gamma(law, leg.gamma0, at)
    load = law.ohm * current / law.v0
    if limited:
        share, v_gap, i_gap = 0.0, law.v0 * law.per_g0, 0.0
    else:
        share = 1.0 / (1.0 + load)
        v_gap = law.v0 * law.per_g0 * load * share
        i_gap = -current * law.per_g0 * share
    kelvin = law.t_ini + law.rth * voltage * current
    heat = (law.ea - law.pull * gamma * voltage) / kelvin
    x_gap = law.pull * (gamma * v_gap - 3e27 * law.beta * at * at * voltage)
    heat_gap = heat * law.rth * (v_gap * current + voltage * i_gap)
    heat_v = heat * law.rth * current * (1.0 + voltage / law.v0)
    per_kt = 1.0 / (BOLTZMANN_EV_PER_K * kelvin)
    along_gap = max(abs(x_gap + heat_gap) * per_kt, 0.5 * law.per_g0)
    along_time = abs(leg.ramp) * share * abs(law.pull * gamma + heat_v) * per_kt
    return Spot(gap, time, speed, along_gap, along_time, limited, voltage, v_gap, share)


@fused
def _excess(law, gamma0, gap, source):
    """Compute how far a source is above the onset of a gap (V), continuous also at the limit."""
    gamma = _gamma(law, gamma0, gap)
    if gamma <= 0.0:
        return -1e9
    voltage = law.floor / gamma
    excess = source - voltage
    if law.ohm == 0.0 and law.limit == math.inf:
        return excess
    current = current_at(law, gap, voltage)
    excess -= law.ohm * current
    if law.limit < math.inf and current > 0.0:
        excess = min(excess, law.v0 * math.log(law.limit / current))
    return excess


@fused
def _creep(law, leg, gap):
    """Compute the fastest ramp (V/s) that a cell at its onset can follow; below 0 it runs away."""
    gamma = _gamma(law, leg.gamma0, gap)
    voltage = law.floor / gamma
    current = current_at(law, gap, voltage)
    v_gap = voltage * 3e27 * law.beta * gap * gap / gamma
    i_v = math.hypot(law.i0 * math.exp(-gap * law.per_g0), current) / law.v0
    rise = leg.toward * (v_gap + law.ohm * (i_v * v_gap - current * law.per_g0))
    if rise <= 0.0:
        return -1.0
    return rise * _speed_at(law, leg.gamma0, gap, voltage, current)


@fused
def _held(law, gamma0, gap, source):
    """Tell whether the limit, rather than the source, is what keeps a gap from moving."""
    if law.limit == math.inf:
        return False
    voltage = law.floor / _gamma(law, gamma0, gap)
    current = current_at(law, gap, voltage)
    if current <= 0.0:
        return False
    above = law.v0 * math.log(law.limit / current)
    return above < law.tolerance * law.per_g0 * law.v0 and above < (
        source - voltage - law.ohm * current
    )


@fused
def _edge(law, leg, gap, source):
    """Find where motion under a steady source ends: at the bound, or where excess = 0 (Ridders).

    The excess has one maximum over the gap and is above 0 at the start: one root lies ahead. Where
    that is the limit's, the same limit just allows the way back or just does not. So as not to
    leave this to rounding the gap ends a little before: a cell can RESET at the compliance that
    it was SET with.
    """
    outside, inside = leg.bound, gap
    beyond = _excess(law, leg.gamma0, outside, source)
    within = _excess(law, leg.gamma0, inside, source)
    if beyond >= 0.0:
        return outside
    root = inside
    for _ in range(60):
        if within <= 0.0:
            break
        last = root
        middle = 0.5 * (inside + outside)
        value = _excess(law, leg.gamma0, middle, source)
        root = middle + (middle - inside) * value / math.sqrt(value * value - within * beyond)
        if value < 0.0:
            outside, beyond = middle, value
        else:
            inside, within = middle, value
        value = _excess(law, leg.gamma0, root, source)
        if value < 0.0:
            outside, beyond = root, value
        else:
            inside, within = root, value
        if abs(root - last) <= 4e-16 * root:
            break
    if _held(law, leg.gamma0, root, source):
        short = root - leg.toward * _SHORT * law.tolerance
        root = short if leg.toward * (short - gap) > 0.0 else gap
    return root


@fused
def _slope(law, leg, spot, lead, on, aside):
    """Compute the slope of what is integrated, *on* along the variable, *aside* from the spot.

    With an infinite lead the variable is time, and the gap's way is integrated; else it is
    ``|gap's way| + lead time``, and time is. With lead = along_time / along_gap it measures the
    change of ln(speed), whichever of the two brings it about.
    """
    if lead == math.inf:
        return _speed(law, leg, spot, spot.gap + leg.toward * aside, spot.time + on)
    gap = spot.gap + leg.toward * (on - lead * aside)
    return _slope_of(_speed(law, leg, spot, gap, spot.time + aside), lead)


@fused
def _slope_of(speed, lead):
    return speed if lead == math.inf else 1.0 / max(lead + speed, 1e-300)


@fused
def _arrive(law, leg, spot, lead, on, aside):
    """Make the spot at the end of a step."""
    if lead == math.inf:
        return _spot(law, leg, spot.gap + leg.toward * aside, spot.time + on, 0)
    return _spot(law, leg, spot.gap + leg.toward * (on - lead * aside), spot.time + aside, 0)


@fused
def _panel(law, gamma0, source, gap, way, limited, work):
    """Integrate time over the gap under a steady source, from a gap on by a way (m, signed).

    The slopes, time over gap at `WAYS`, are left in the first row of *work*.

    Returns
    -------
    time : float
        By Kronrod's points (s).
    error : float
        How far Gauss's are from that: what is wrong with a rule of degree 13.
    """
    slopes, volts = work[0], work[1]
    if limited:
        for n in range(16):
            rise = min((gap + way * WAYS[n]) * law.per_g0, 700.0)
            volts[n] = law.v0 * math.asinh(law.limit / law.i0 * math.exp(rise))
    else:
        divide_all(law, source, gap, way, work)
    for n in range(16):
        at = gap + way * WAYS[n]
        fall, y = at * law.per_g0, volts[n] / law.v0
        current = 0.5 * law.i0 * (fast_exp(y - fall) - fast_exp(-y - fall))
        per_kt = 1.0 / (BOLTZMANN_EV_PER_K * (law.t_ini + law.rth * volts[n] * current))
        x = max(law.pull * _gamma(law, gamma0, at) * volts[n], 0.0) * per_kt
        speed = 0.5 * law.vel0 * (fast_exp(x - law.ea * per_kt) - fast_exp(-x - law.ea * per_kt))
        slopes[n] = 1.0 / max(speed, 1e-300)
    best, other = panel_sums(slopes)
    return best * abs(way), abs(best - other) * abs(way)


@fused
def _settle(law, leg, gap, work):
    """Move a cell that is above its onset under a steady source, by panels as long as they can be.

    Returns
    -------
    gap : float
        Where it came to its bound, to its onset, or to the end of the leg.
    """
    source, left = leg.start, leg.duration
    bound = _edge(law, leg, gap, source)
    kink = _kink(law, leg) if law.limit < math.inf else -1.0
    goal = kink if (kink - gap) * (bound - kink) > 0.0 else bound
    size = abs(goal - gap)
    for _ in range(10_000):
        reach = abs(goal - gap)
        size = min(size, reach)
        middle = gap + 0.5 * leg.toward * size
        limited = law.limit < math.inf and load_line(law, middle, source)[2]
        spent, error = _panel(law, leg.gamma0, source, gap, leg.toward * size, limited, work)
        if size == reach and goal == bound and spent + 10.0 * error <= left:
            return bound
        ratio = error / spent
        slip = 0.25 * spent * ratio * math.sqrt(ratio) / work[0, 15]
        if not slip <= law.tolerance and size > law.tolerance:
            size *= 0.5
        elif spent > left:
            return gap + leg.toward * _land(law, leg, gap, size, left, limited, work)
        else:
            left -= spent
            gap = goal if size == reach else gap + leg.toward * size
            if gap == bound:
                break
            goal = bound if gap == goal else goal
            size *= 2.0
    return gap


@fused
def _land(law, leg, gap, size, left, limited, work):
    """Find the way (m) after which a time is spent, less than that of a panel just taken.

    The first guess is among the panel's points. From there on ln(speed) is taken to change evenly
    about the end of a shorter panel, which is right to second order.
    """
    slopes = work[0]
    low, high, way, spent = 0.0, size, 0.0, 0.0
    for n in range(15):
        way = size * WAYS[n]
        spent += size * KRONROD[n] * slopes[n]
        if spent > left:
            break
    for _ in range(100):
        spent, _ = _panel(law, leg.gamma0, leg.start, gap, leg.toward * way, limited, work)
        late = spent - left
        low, high = (way, high) if late < 0.0 else (low, way)
        bend = math.log(slopes[14] / slopes[15]) / ((WAYS[15] - WAYS[14]) * way)
        more = -late / slopes[15]
        if abs(bend * more) > 1e-6:
            more = -math.log(max(1.0 - bend * more, 1e-9)) / bend
        last, way = way, way + more
        if not low <= way <= high:
            way = 0.5 * (low + high)
        elif abs(bend * more) < 1e-3 or abs(more) < 1e-3 * law.tolerance:
            break
        if way == last:
            break
    return way


@fused
def _runge_kutta(law, leg, spot, lead, size):
    """Take one step of Dormand and Prince's pair 5(4), doi 10.1016/0771-050X(80)90013-3."""
    a = size * _slope_of(spot.speed, lead)
    b = size * _slope(law, leg, spot, lead, 0.2 * size, 0.2 * a)
    c = size * _slope(law, leg, spot, lead, 0.3 * size, 0.075 * a + 0.225 * b)
    aside = 44 / 45 * a - 56 / 15 * b + 32 / 9 * c
    d = size * _slope(law, leg, spot, lead, 0.8 * size, aside)
    aside = 19372 / 6561 * a - 25360 / 2187 * b + 64448 / 6561 * c - 212 / 729 * d
    e = size * _slope(law, leg, spot, lead, 8 / 9 * size, aside)
    aside = 9017 / 3168 * a - 355 / 33 * b + 46732 / 5247 * c + 49 / 176 * d - 5103 / 18656 * e
    f = size * _slope(law, leg, spot, lead, size, aside)
    aside = 35 / 384 * a + 500 / 1113 * c + 125 / 192 * d - 2187 / 6784 * e + 11 / 84 * f
    end = _arrive(law, leg, spot, lead, size, aside)
    g = size * _slope_of(end.speed, lead)
    error = 71 / 57600 * a - 71 / 16695 * c + 71 / 1920 * d - 17253 / 339200 * e
    error = abs(error + 22 / 525 * f - 0.025 * g)
    if lead == math.inf:
        return end, error
    if end.speed < 1e-3 * spot.speed or end.time < spot.time:
        return end, math.inf
    return end, error * (lead + end.speed)


@fused
def _plan(leg, spot, reach, stride):
    """Choose the lead and the size of the next step, and say how much room there is for it."""
    left = leg.duration - spot.time
    lead = spot.along_time / spot.along_gap
    if spot.along_gap * (2.5 * spot.speed + lead) * left <= 2.2:
        return math.inf, left, left
    if spot.along_gap * (spot.speed + lead) * reach <= spot.speed:
        return 0.0, reach, reach
    return lead, stride / spot.along_gap, math.inf


@fused
def _gauge(law, leg, spot, at_limit):
    """Compute how far the source is above the onset, or above where it holds its limit (V)."""
    gap = min(max(spot.gap, law.gap_min), law.gap_max)
    source = _source(leg, spot.time)
    if not at_limit:
        return _excess(law, leg.gamma0, gap, source)
    scale = law.i0 * max(math.exp(-gap * law.per_g0), 1e-300)
    return source - law.ohm * law.limit - law.v0 * math.asinh(law.limit / scale)


@fused
def _meet(law, leg, spot, end, lead, size, at_limit):
    """Find where in a step, from spot to end, the gauge changes its sign (Illinois).

    A spot where it is 0 already is not the answer, unless the gauge leaves it to the wrong side.

    Returns
    -------
    end : Spot
    error, size : float
        Of the shortened step.
    """
    sign = -1.0 if at_limit and not spot.limited else 1.0
    low, below = 0.0, max(sign * _gauge(law, leg, spot, at_limit), _SLACK)
    high, above = size, min(sign * _gauge(law, leg, end, at_limit), -_SLACK)
    error, side, most = math.inf, 0, 1e-6 if at_limit else math.inf
    while below == _SLACK and low == 0.0:
        size = 0.5 * high
        end, error = _runge_kutta(law, leg, spot, lead, size)
        value = sign * _gauge(law, leg, end, at_limit)
        if value > _SLACK:
            low, below = size, value
        else:
            high, above = size, min(value, -_SLACK)
        if abs(end.gap - spot.gap) <= 0.1 * law.tolerance:
            return end, error, size
    for _ in range(50):
        last = end.gap
        size = low + (high - low) * below / (below - above)
        end, error = _runge_kutta(law, leg, spot, lead, size)
        value = sign * _gauge(law, leg, end, at_limit)
        if abs(end.gap - last) <= 0.1 * law.tolerance and abs(value) < most:
            break
        if value < 0.0:
            below *= 0.5 if side < 0 else 1.0
            high, above, side = size, value, -1
        else:
            above *= 0.5 if side > 0 else 1.0
            low, below, side = size, value, 1
    return end, error, size


@fused
def _advance(law, leg, spot, bound, stride):
    """Take one step that keeps to the tolerance, the end of the leg, the bound and the limit.

    Where the source begins or ceases to hold its limit the speed has a kink: a step ends there.

    Returns
    -------
    end : Spot
    lead, size : float
        The step that was taken.
    stride : float
        What to try next, learnt from the error of this one: a change of ln(speed).
    """
    reach = abs(bound - spot.gap)
    lead, size, room = _plan(leg, spot, reach, stride)
    cut, kink = 0.8, -1.0
    while True:
        end, error = _runge_kutta(law, leg, spot, lead, size)
        if end.limited != spot.limited and error <= 1e3 * law.tolerance:
            end, error, size = _meet(law, leg, spot, end, lead, size, True)
            kink = size
        late = end.time - leg.duration
        if not error <= law.tolerance:
            factor = 0.9 * math.exp(-0.2 * math.log(min(error / law.tolerance, 1e30)))
            size *= min(factor, cut) if factor > 0.1 else 0.1
            cut = max(0.5 * cut, 0.2)
        elif lead < math.inf and late > 0.0:
            chord = 1.0 - late / (end.time - spot.time)
            tangent = 1.0 - late * (lead + end.speed) / size
            size *= max(0.9 * min(tangent, chord), 0.1)
        elif leg.toward * (end.gap - bound) > law.tolerance:
            lead, size, room = 0.0, reach, reach
        else:
            break
    if size < room and lead < math.inf and size != kink:
        better = math.exp(-0.2 * math.log(max(error / law.tolerance, 1e-9)))
        stride = min(max(0.9 * better * size * spot.along_gap, 0.1), 2.5)
    if size == kink:
        end = _spot(law, leg, end.gap, end.time, -1 if spot.limited else 1)
    if leg.toward * (end.gap - bound) >= 0.0 or (lead == 0.0 and size == reach):
        end = Spot(
            bound, end.time, end.speed, end.along_gap, end.along_time, end.limited,
            end.voltage, end.by_gap, end.by_source,
        )  # fmt: skip
    return end, lead, size, stride


@fused
def _kink(law, leg):
    """Find the gap at which a steady source begins or ceases to hold its limit; < 0: none."""
    y = (leg.start - law.ohm * law.limit) / law.v0
    if not y > 0.0:
        return -1.0
    log_sinh = y - 0.6931471805599453 + math.log1p(-math.exp(-2.0 * y))
    return (log_sinh + math.log(law.i0 / law.limit)) / law.per_g0


@fused
def _move(law, leg, gap, time):
    """Move a cell whose source, a ramp, is at or above its onset.

    Returns
    -------
    gap, time : float
        Where it came to its bound, to its onset, or to the end of the leg.
    at_onset : bool
    """
    stride = law.stride
    spot = _spot(law, leg, gap, time, 0)
    while spot.gap != leg.bound and spot.time < leg.duration:
        end, lead, size, stride = _advance(law, leg, spot, leg.bound, stride)
        if _gauge(law, leg, end, False) < -_SLACK * max(leg.start, leg.stop):
            end, _, _ = _meet(law, leg, spot, end, lead, size, False)
            source = _source(leg, end.time)
            if _held(law, leg.gamma0, end.gap, source):
                source = max(source, _source(leg, spot.time))
                return _edge(law, leg, spot.gap, source), end.time, True
            return end.gap, end.time, True
        spot = end
    return spot.gap, spot.time, False


@fused
def _slide(law, leg, gap, time, stuck):
    """Let a cell at its onset follow a rising ramp, up to where that gets too fast for it.

    A cell that is *stuck*, because by rounding it can neither follow nor fall behind, follows.

    Returns
    -------
    gap, time : float
        Where it falls behind, or where it is at the end of the leg.
    """
    if _held(law, leg.gamma0, gap, _source(leg, time)):
        return gap, leg.duration
    ramp = 0.0 if stuck else (1.0 - 1e-6) * leg.ramp
    if _creep(law, leg, gap) < ramp:
        return gap, time
    goal = _edge(law, leg, gap, leg.stop)
    behind, chunk = gap, 0.125 * (goal - gap)
    for number in range(1, 9):
        ahead = gap + number * chunk
        if _creep(law, leg, ahead) < ramp:
            for _ in range(50):
                middle = 0.5 * (behind + ahead)
                if _creep(law, leg, middle) < ramp:
                    ahead = middle
                else:
                    behind = middle
            return behind, -_excess(law, leg.gamma0, behind, leg.start) / leg.ramp
        behind = ahead
    return goal, leg.duration


@fused
def _drive(law, leg, gap, work):
    """Take one cell through one leg and return its gap."""
    top = max(leg.start, leg.stop)
    if not leg.toward * (leg.bound - gap) > 0.0:
        return gap
    if not _excess(law, leg.gamma0, gap, top) > _SLACK * top:
        return gap
    if leg.toward < 0.0 and _held(law, leg.gamma0, gap, top):
        room = 2.0 * _SHORT * law.tolerance * law.per_g0 * law.v0
        if _excess(law, leg.gamma0, gap, top) <= room:
            return gap
    if leg.ramp == 0.0:
        return _settle(law, leg, gap, work)
    time = 0.0
    excess = _excess(law, leg.gamma0, gap, leg.start)
    at_onset = excess <= _SLACK * top
    if at_onset:
        time = max(-excess, 0.0) / leg.ramp
    last = -1.0
    for _ in range(100):
        if at_onset:
            if leg.ramp <= 0.0:
                break
            stuck = abs(gap - last) <= 0.2 * law.tolerance
            gap, time = _slide(law, leg, gap, time, stuck)
            last = gap
        gap, time, at_onset = _move(law, leg, gap, time)
        if not at_onset:
            break
    return gap


@fused
def _side(law, gap, work, start, stop, duration):
    """Take one cell through a piece of a segment that stays on one side of 0 V."""
    if start + stop > 0.0:
        gamma0, toward, bound = law.gamma_set, -1.0, law.gap_min
    else:
        gamma0, toward, bound = law.gamma_reset, 1.0, law.gap_max
    start, stop = abs(start), abs(stop)
    if not _gamma(law, gamma0, gap) * max(start, stop) >= law.floor or not duration > 0.0:
        return gap
    ramp = (stop - start) / duration
    return _drive(law, Leg(gamma0, toward, bound, start, stop, duration, ramp), gap, work)


@fused
def _segment(law, gap, work, start, stop, duration):
    """Take one cell through one linear segment and return its gap."""
    if start * stop >= 0.0:
        return _side(law, gap, work, start, stop, duration)
    first = duration * start / (start - stop)
    gap = _side(law, gap, work, start, 0.0, first)
    return _side(law, gap, work, 0.0, stop, duration - first)


@fused
def _sigma(law, gap, source):
    """Compute the diffusion of the gap at the cell's temperature, m/sqrt(s)."""
    voltage, current, _ = load_line(law, gap, abs(source))
    kelvin = law.t_ini + law.rth * voltage * current
    return law.diffusion / (1.0 + math.exp(min((law.t_crit - kelvin) / law.t_smth, 700.0)))


@fused
def _fold(law, gap):
    """Reflect a gap at its bounds: what clipping comes to when the steps get ever smaller."""
    width = law.gap_max - law.gap_min
    if width == 0.0:
        return gap
    place = abs(gap - law.gap_min) % (2.0 * width)
    return law.gap_min + min(place, 2.0 * width - place)


@fused
def _quiet(law, top):
    """Tell whether no gap moves up to a voltage, nor warms by a kelvin (0.1 % of its noise)."""
    if law.floor <= top * max(law.gamma_set, law.gamma_reset):
        return top == 0.0
    return law.rth * top * current_at(law, law.gap_min, top) < 1.0


@fused
def _noisy_segment(law, gap, work, key, drawn, start, stop, duration):
    """Take one cell through a segment in parts, each a drift and a kick (Lie splitting).

    A part ends when its kick has the rms of the grid, on a ramp after an eighth of it at the
    latest. Where nothing drifts one part is right however long.
    """
    quiet = _quiet(law, max(abs(start), abs(stop)))
    time = 0.0
    while time < duration:
        size = duration - time
        first = start + (stop - start) * (time / duration)
        if start != stop and not quiet:
            size = min(size, 0.125 * duration)
        sigma = _sigma(law, gap, first + 0.5 * (stop - start) * (size / duration))
        if not quiet:
            size = min(size, (law.grid / sigma) ** 2)
        last = first + (stop - start) * (size / duration)
        gap = _segment(law, gap, work, first, last, size)
        gap = _fold(law, gap + sigma * math.sqrt(size) * normal(key, _GAP_NOISE, drawn))
        drawn += 1
        time += size
    return gap, drawn


@fused
def _foresee(law, gap, top, duration, work):
    """Find where a steady source surely ends a cell's motion, if it does, else give the gap.

    What a cell did earlier on the way up to that voltage then does not matter: the motion has one
    direction, and no gap overtakes another.
    """
    side = law.gamma_set if top > 0.0 else law.gamma_reset
    toward, bound = (-1.0, law.gap_min) if top > 0.0 else (1.0, law.gap_max)
    top = abs(top)
    if not toward * (bound - gap) > 0.0 or not _excess(law, side, gap, top) > _SLACK * top:
        return gap
    goal = _edge(law, Leg(side, toward, bound, top, top, duration, 0.0), gap, top)
    spent, error = _panel(law, side, top, gap, goal - gap, False, work)
    return goal if spent + 10.0 * error <= duration else gap


@njit(cache=True, error_model="numpy", nogil=True, fastmath={"contract"})
def walk(
    laws, gaps, keys, drawn, cells,
    duration_s, start_v, stop_v, measured, units, voltage_v, current_a, limited,
):  # fmt: skip
    """Walk cells through all segments of a drive; the state moves, the readings are filled in.

    Parameters
    ----------
    laws : (1,) or (cells,) record array of `LAW`
    gaps, keys, drawn : (all cells,) float64 (m), uint64, int64
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
        gap, count = min(max(gaps[cell], law.gap_min), law.gap_max), drawn[cell]
        foresees = law.limit == math.inf and law.diffusion == 0.0
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(repeats):
                for s in range(first, last):
                    a, b, duration = start_v[s, column], stop_v[s, column], duration_s[s, column]
                    top = math.nan
                    if foresees:
                        top = top_after(start_v, stop_v, measured, s, last, column)
                    if not math.isnan(top):
                        then = _foresee(law, gap, top, duration_s[s + 1, column], work)
                        if then != gap:
                            gap = then
                            continue
                    if law.diffusion > 0.0:
                        gap, count = _noisy_segment(
                            law, gap, work, keys[cell], count, a, b, duration
                        )
                    else:
                        gap = _segment(law, gap, work, a, b, duration)
                    if measured[s]:
                        voltage, current, held = load_line(law, gap, abs(b))
                        voltage_v[reading, k] = math.copysign(voltage, b)
                        current_a[reading, k] = math.copysign(current, b)
                        limited[reading, k] = held
                        reading += 1
        gaps[cell], drawn[cell] = gap, count
