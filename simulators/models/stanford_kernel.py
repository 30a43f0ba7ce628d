"""Walk Stanford-PKU cells through a waveform: the kernel behind `hil.simulators.models.stanford`.

Everything here is in magnitudes: a segment is cut where the voltage changes sign, each piece is a
*leg* on which the gap can only shrink (SET) or only grow (RESET).

Ions move only where gamma(gap) v / tox >= F_min. So each gap has one source voltage, its *onset*,
from which on it moves: ``onset = v + R I(v, gap)`` with ``v = F_min tox / gamma(gap)``, and none at
all if that current is above the limit. Over the gap the onset has one minimum; on a leg a cell

- *rests* while the source is below its onset, which costs next to nothing;
- *moves* while the source is above, with a step controlled in the gap. Where the gap itself
  changes the speed (SET runaway, the slow end of a RESET), the gap is the independent variable and
  time is integrated over it, which takes away the stiffness; where the ramp does, time is;
- *slides* when its motion has brought the onset up to the source: the gap then follows
  ``onset(gap) = source`` for as long as the ramp is slower than the cell could be (the sliding
  mode of a discontinuous right-hand side, Filippov 1988, doi 10.1007/978-94-015-7793-9).

Helpers stay in this module: numba's cache does not see a change in another one.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hil import draws

BOLTZMANN_EV_PER_K = 1.380649e-23 / 1.602176634e-19
"""k/q from the exact values of the SI (CODATA 2018)."""

_GAP_NOISE = np.uint64(1)
_SLACK = 1e-13
_jit = njit(cache=True, error_model="numpy", nogil=True)


class Law(NamedTuple):
    """Constants of one call: the parameters of the model, the source and the tolerance, in SI."""

    i0: float
    g0: float
    v0: float
    vel0: float
    gamma_set: float
    gamma_reset: float
    beta: float
    ea: float
    pull: float
    t_ini: float
    rth: float
    floor: float
    gap_min: float
    gap_max: float
    tolerance: float
    noise: float
    noise_grid: float
    t_crit: float
    t_smth: float
    ohm: float
    limit: float


class Leg(NamedTuple):
    """A piece of a segment on one side of 0 V: |source| goes from start to stop in duration."""

    gamma0: float
    toward: float
    bound: float
    start: float
    stop: float
    duration: float
    ramp: float


class Spot(NamedTuple):
    """Where a moving cell is, how fast, and how fast ln(speed) changes with gap and with time."""

    gap: float
    time: float
    speed: float
    along_gap: float
    along_time: float


@_jit
def _sinh_exp(x, fall):
    """Compute sinh(x) exp(-fall), x >= 0, without overflow on the way."""
    if x < 0.5:
        return math.sinh(x) * math.exp(-fall)
    if x > 20.0:
        return 0.5 * math.exp(min(x - fall, 700.0))
    return 0.5 * (math.exp(x - fall) - math.exp(-x - fall))


@_jit
def _gamma(law, gamma0, gap):
    """Compute the local field enhancement (manual, gamma = gamma0 - beta (gap / 1 nm)^3)."""
    gap_nm = gap * 1e9
    return gamma0 - law.beta * gap_nm * gap_nm * gap_nm


@_jit
def _current(law, gap, voltage):
    """Compute I0 exp(-gap/g0) sinh(V/V0)."""
    return law.i0 * _sinh_exp(voltage / law.v0, gap / law.g0)


@_jit
def _load_line(law, gap, source):
    """Solve V + R I(V, gap) = source; the limit, where reached, holds I instead.

    With y = V/V0 the equation is y + b sinh(y) = s: increasing and convex, started at or above its
    root by two upper bounds, so that Halley's iteration descends to it.

    Returns
    -------
    voltage, current : float
        Of the cell (V, A).
    limited : bool
    """
    if law.ohm == 0.0 and law.limit == math.inf:
        return source, _current(law, gap, source), False
    if law.limit < math.inf:
        scale = law.i0 * max(math.exp(-gap / law.g0), 1e-300)
        voltage = law.v0 * math.asinh(law.limit / scale)
        if source > voltage + law.ohm * law.limit:
            return voltage, law.limit, True
    if law.ohm == 0.0 or source == 0.0:
        return source, _current(law, gap, source), False
    fall = gap / law.g0
    half = 0.5 * law.ohm * law.i0 / law.v0
    s = source / law.v0
    b = 2.0 * half * math.exp(-fall)
    y = s / (1.0 + b)
    if b > 1e-300:
        y = min(y, math.log(2.0 * s / b + 1.0))
    for _ in range(100):
        up = half * math.exp(min(y - fall, 700.0))
        down = half * math.exp(-y - fall)
        miss = s - y - (up - down)
        slope = 1.0 + up + down
        change = miss / (slope + 0.5 * (up - down) * miss / slope)
        y += change
        if not abs(change) > 1e-6 * y:
            break
    voltage = y * law.v0
    if 2.0 * voltage > source:
        return voltage, _current(law, gap, voltage), False
    return voltage, (source - voltage) / law.ohm, False


@_jit
def _speed_at(law, gamma0, gap, voltage, current):
    """Compute |dgap/dt| with the motion switched on: Vel0 exp(-Ea/kT) sinh(gamma a0 V/tox kT)."""
    kt = BOLTZMANN_EV_PER_K * (law.t_ini + law.rth * voltage * current)
    x = law.pull * _gamma(law, gamma0, gap) * voltage
    if x <= 0.0:
        return 0.0
    return law.vel0 * _sinh_exp(x / kt, law.ea / kt)


@_jit
def _source(leg, time):
    """Compute |open-circuit voltage| at a time, held beyond the ends of the leg."""
    return max(leg.start + leg.ramp * min(max(time, 0.0), leg.duration), 0.0)


@_jit
def _speed(law, leg, gap, time):
    gap = min(max(gap, law.gap_min), law.gap_max)
    voltage, current, _ = _load_line(law, gap, _source(leg, time))
    return _speed_at(law, leg.gamma0, gap, voltage, current)


@_jit
def _spot(law, leg, gap, time):
    """Compute the speed and its two rates (1/m, 1/s), which are rough: they only choose the step."""
    raw = gap
    gap = min(max(gap, law.gap_min), law.gap_max)
    voltage, current, limited = _load_line(law, gap, _source(leg, time))
    speed = _speed_at(law, leg.gamma0, gap, voltage, current)
    gamma = _gamma(law, leg.gamma0, gap)
    kelvin = law.t_ini + law.rth * voltage * current
    x = law.pull * gamma * voltage
    if limited:
        share, v_gap, i_gap = 0.0, law.v0 / law.g0, 0.0
    else:
        load = law.ohm * current / law.v0
        share = 1.0 / (1.0 + load)
        v_gap = law.v0 / law.g0 * load * share
        i_gap = -current / law.g0 * share
    x_gap = law.pull * (gamma * v_gap - 3e27 * law.beta * gap * gap * voltage)
    kelvin_gap = law.rth * (v_gap * current + voltage * i_gap)
    kelvin_v = law.rth * current * (1.0 + voltage / law.v0)
    heat = (law.ea - x) / kelvin
    kt = BOLTZMANN_EV_PER_K * kelvin
    along_gap = abs(x_gap + heat * kelvin_gap) / kt
    along_time = abs(leg.ramp) * share * abs(law.pull * gamma + heat * kelvin_v) / kt
    return Spot(raw, time, speed, max(along_gap, 0.5 / law.g0), along_time)


@_jit
def _excess(law, gamma0, gap, source):
    """Compute how far a source is above the onset of a gap (V); continuous, negative at rest."""
    gamma = _gamma(law, gamma0, gap)
    if gamma <= 0.0:
        return -1e9
    voltage = law.floor / gamma
    excess = source - voltage
    if law.ohm == 0.0 and law.limit == math.inf:
        return excess
    current = _current(law, gap, voltage)
    excess -= law.ohm * current
    if law.limit < math.inf and current > 0.0:
        excess = min(excess, law.v0 * math.log(law.limit / current))
    return excess


@_jit
def _creep(law, leg, gap):
    """Compute the fastest ramp (V/s) along which a cell can keep to its onset; < 0: none."""
    gamma = _gamma(law, leg.gamma0, gap)
    voltage = law.floor / gamma
    current = _current(law, gap, voltage)
    v_gap = voltage * 3e27 * law.beta * gap * gap / gamma
    i_v = math.hypot(law.i0 * math.exp(-gap / law.g0), current) / law.v0
    onset_gap = v_gap + law.ohm * (i_v * v_gap - current / law.g0)
    return leg.toward * onset_gap * _speed_at(law, leg.gamma0, gap, voltage, current)


@_jit
def _edge(law, leg, gap, source):
    """Find the gap at which motion under a steady source ends: its bound, or excess = 0 (Ridders).

    The excess has one maximum over the gap and is positive at the start, so one root lies ahead.
    """
    outside = leg.bound
    beyond = _excess(law, leg.gamma0, outside, source)
    if beyond >= 0.0:
        return outside
    inside = gap
    within = _excess(law, leg.gamma0, inside, source)
    if within <= 0.0:
        return inside
    last = inside
    for _ in range(100):
        middle = 0.5 * (inside + outside)
        value = _excess(law, leg.gamma0, middle, source)
        root = middle + (middle - inside) * value / math.sqrt(value * value - within * beyond)
        at_root = _excess(law, leg.gamma0, root, source)
        if value < 0.0:
            outside, beyond = middle, value
        else:
            inside, within = middle, value
        if at_root < 0.0:
            outside, beyond = root, at_root
        else:
            inside, within = root, at_root
        if within == 0.0 or abs(root - last) <= 2e-16 * root:
            break
        last = root
    return root


@_jit
def _slope(law, leg, spot, lead, on, aside):
    """Compute the slope of what is integrated, *on* along the variable, *aside* from the spot.

    The variable is time for an infinite lead and the gap's way is integrated; else it is
    ``|gap's way| + lead time`` and time is. With lead = along_time / along_gap the logarithm of
    the speed then changes at an even rate whichever of the two drives it.
    """
    if lead == math.inf:
        return _speed(law, leg, spot.gap + leg.toward * aside, spot.time + on)
    gap = spot.gap + leg.toward * (on - lead * aside)
    return 1.0 / max(lead + _speed(law, leg, gap, spot.time + aside), 1e-300)


@_jit
def _slope_at(spot, lead):
    return spot.speed if lead == math.inf else 1.0 / max(lead + spot.speed, 1e-300)


@_jit
def _land(law, leg, spot, lead, on, aside):
    """Make the spot at the end of a step."""
    if lead == math.inf:
        return _spot(law, leg, spot.gap + leg.toward * aside, spot.time + on)
    return _spot(law, leg, spot.gap + leg.toward * (on - lead * aside), spot.time + aside)


@_jit
def _quadrature(law, leg, spot, size):
    """Integrate time over the gap under a steady source: Lobatto 4 inside Kronrod 7 points.

    Degrees 5 and 9 (Gander and Gautschi, BIT 40, 84 (2000), doi 10.1023/A:1022318402393). The
    difference is the error of the lower degree; its power 3/2 bounds that of the higher.
    """
    half = 0.5 * size
    outer = _slope(law, leg, spot, 0.0, half - 0.816496580927726 * half, 0.0)
    outer += _slope(law, leg, spot, 0.0, half + 0.816496580927726 * half, 0.0)
    inner = _slope(law, leg, spot, 0.0, half - 0.4472135954999579 * half, 0.0)
    inner += _slope(law, leg, spot, 0.0, half + 0.4472135954999579 * half, 0.0)
    centre = _slope(law, leg, spot, 0.0, half, 0.0)
    end = _spot(law, leg, spot.gap + leg.toward * size, spot.time)
    ends = 1.0 / spot.speed + 1.0 / end.speed
    best = half / 1470.0 * (77.0 * ends + 432.0 * outer + 625.0 * inner + 672.0 * centre)
    ratio = abs(best - half / 6.0 * (ends + 5.0 * inner)) * end.speed / size
    end = Spot(end.gap, spot.time + best, end.speed, end.along_gap, end.along_time)
    return end, size * ratio * math.sqrt(ratio)


@_jit
def _runge_kutta(law, leg, spot, lead, size):
    """Take one step of Dormand and Prince's pair 5(4), doi 10.1016/0771-050X(80)90013-3."""
    a = size * _slope_at(spot, lead)
    b = size * _slope(law, leg, spot, lead, 0.2 * size, a / 5)
    c = size * _slope(law, leg, spot, lead, 0.3 * size, (3 * a + 9 * b) / 40)
    aside = 44 * a / 45 - 56 * b / 15 + 32 * c / 9
    d = size * _slope(law, leg, spot, lead, 0.8 * size, aside)
    aside = (19372 * a - 76080 * b + 64448 * c - 1908 * d) / 6561
    e = size * _slope(law, leg, spot, lead, 8 * size / 9, aside)
    aside = 9017 * a / 3168 - 355 * b / 33 + 46732 * c / 5247 + 49 * d / 176 - 5103 * e / 18656
    f = size * _slope(law, leg, spot, lead, size, aside)
    aside = 35 * a / 384 + 500 * c / 1113 + 125 * d / 192 - 2187 * e / 6784 + 11 * f / 84
    end = _land(law, leg, spot, lead, size, aside)
    error = 71 * a / 57600 - 71 * c / 16695 + 71 * d / 1920 - 17253 * e / 339200 + 22 * f / 525
    error = abs(error - size * _slope_at(end, lead) / 40)
    return end, error if lead == math.inf else error * (lead + end.speed)


@_jit
def _step(law, leg, spot, lead, size):
    """Take a step; its error in the gap (m) comes with it."""
    if lead == 0.0 and leg.ramp == 0.0:
        return _quadrature(law, leg, spot, size)
    return _runge_kutta(law, leg, spot, lead, size)


@_jit
def _plan(law, leg, spot, reach):
    """Choose the variable of the next step, guess its size and say how much room there is."""
    left = leg.duration - spot.time
    lead = spot.along_time / spot.along_gap
    if spot.along_gap * (2.5 * spot.speed + lead) * left <= 2.2:
        return math.inf, left, left
    if spot.along_gap * (spot.speed + lead) * reach <= spot.speed:
        return 0.0, reach, reach
    if leg.ramp == 0.0:
        x = 1.45 * (law.tolerance * spot.along_gap / 1e-6) ** 0.1
        return 0.0, min(x, 4.0) / spot.along_gap, reach
    x = (law.tolerance * spot.along_gap / 6e-6) ** 0.2
    return lead, min(x, 3.0) / spot.along_gap, math.inf


@_jit
def _locate(law, leg, spot, lead, size, before, after):
    """Find the spot within a step at which a moving cell meets its onset (Illinois)."""
    low, high = 0.0, size
    low_value, high_value = max(before, _SLACK), after
    last = spot
    for _ in range(50):
        middle = low + (high - low) * low_value / (low_value - high_value)
        end, _ = _step(law, leg, spot, lead, middle)
        value = _excess(law, leg.gamma0, end.gap, _source(leg, end.time))
        if abs(end.gap - last.gap) <= 0.1 * law.tolerance:
            break
        last = end
        if value < 0.0:
            high, high_value = middle, value
            low_value *= 0.5
        else:
            low, low_value = middle, value
            high_value *= 0.5
    return end


@_jit
def _advance(law, leg, spot, bound, ease):
    """Take one step that keeps to the tolerance, to the end of the leg and to the bound."""
    reach = abs(bound - spot.gap)
    lead, guess, room = _plan(law, leg, spot, reach)
    power = 0.1 if lead == 0.0 and leg.ramp == 0.0 else 0.2
    size = min(guess * ease, room)
    if room < math.inf:
        size = room / math.ceil(room / size - 0.05)
    while True:
        end, error = _step(law, leg, spot, lead, size)
        late = end.time - leg.duration
        if not error <= law.tolerance:
            factor = 0.9 * (law.tolerance / error) ** power
            size *= min(factor, 0.6) if factor > 0.1 else 0.1
        elif lead < math.inf and late > 0.0:
            chord = 1.0 - late / (end.time - spot.time)
            tangent = 1.0 - late * (lead + end.speed) / size
            size *= 0.9 * min(max(tangent, 0.2 * chord), chord)
        elif leg.toward * (end.gap - bound) > law.tolerance:
            lead, size, room = 0.0, reach, reach
        else:
            break
    if size < room:
        grow = 0.9 * (law.tolerance / max(error, 1e-9 * law.tolerance)) ** power
        ease = min(max(size / guess * grow, 0.2), 2.0)
    if leg.toward * (end.gap - bound) >= 0.0 or (lead == 0.0 and size == reach):
        end = Spot(bound, end.time, end.speed, end.along_gap, end.along_time)
    return end, lead, size, ease


@_jit
def _kink(law, leg):
    """Find the gap at which a steady source begins or ceases to hold its limit (explicit)."""
    rest = leg.start - law.ohm * law.limit
    if not rest > 0.0:
        return -1.0
    y = rest / law.v0
    log_sinh = y - 0.6931471805599453 + math.log1p(-math.exp(-2.0 * y))
    return law.g0 * (log_sinh + math.log(law.i0 / law.limit))


@_jit
def _move(law, leg, gap, time):
    """Move a cell whose source is at or above its onset.

    Returns
    -------
    gap, time : float
        Where it came to its bound, to its onset, or to the end of the leg.
    at_onset : bool
    """
    bound = _edge(law, leg, gap, leg.stop) if leg.ramp == 0.0 else leg.bound
    spot = _spot(law, leg, gap, time)
    before = _excess(law, leg.gamma0, gap, _source(leg, time))
    kink = _kink(law, leg) if leg.ramp == 0.0 and law.limit < math.inf else -1.0
    ease = 1.0
    while spot.gap != bound and spot.time < leg.duration:
        stop = kink if (kink - spot.gap) * (bound - kink) > 0.0 else bound
        end, lead, size, ease = _advance(law, leg, spot, stop, ease)
        if leg.ramp != 0.0:
            source = _source(leg, end.time)
            after = _excess(law, leg.gamma0, end.gap, source)
            if after < -_SLACK * source:
                end = _locate(law, leg, spot, lead, size, before, after)
                return end.gap, end.time, True
            before = after
        spot = end
    return spot.gap, spot.time, False


@_jit
def _slide(law, leg, gap, time):
    """Let a cell at its onset follow a rising ramp, up to where the ramp gets too fast for it.

    Returns
    -------
    gap, time : float
        Where it falls behind, or where it is at the end of the leg.
    """
    if _creep(law, leg, gap) < leg.ramp:
        return gap, time
    goal = _edge(law, leg, gap, leg.stop)
    behind, chunk = gap, 0.125 * (goal - gap)
    for number in range(1, 9):
        ahead = gap + number * chunk
        if _creep(law, leg, ahead) < leg.ramp:
            for _ in range(50):
                middle = 0.5 * (behind + ahead)
                if _creep(law, leg, middle) < leg.ramp:
                    ahead = middle
                else:
                    behind = middle
            return behind, -_excess(law, leg.gamma0, behind, leg.start) / leg.ramp
        behind = ahead
    return goal, leg.duration


@_jit
def _drive(law, leg, gap):
    """Take one cell through one leg and return its gap."""
    top = max(leg.start, leg.stop)
    if gap == leg.bound or not _excess(law, leg.gamma0, gap, top) > _SLACK * top:
        return gap
    time = 0.0
    excess = _excess(law, leg.gamma0, gap, leg.start)
    at_onset = excess < _SLACK * top
    if at_onset:
        time = -excess / leg.ramp
    for _ in range(1000):
        if at_onset:
            if leg.ramp <= 0.0:
                break
            gap, time = _slide(law, leg, gap, time)
        gap, time, at_onset = _move(law, leg, gap, time)
        if not at_onset:
            break
    return gap


@_jit
def _side(law, gap, start, stop, duration):
    """Take one cell through a piece of a segment that stays on one side of 0 V."""
    if start + stop > 0.0:
        gamma0, toward, bound = law.gamma_set, -1.0, law.gap_min
    else:
        gamma0, toward, bound = law.gamma_reset, 1.0, law.gap_max
    start, stop = abs(start), abs(stop)
    if not _gamma(law, gamma0, gap) * max(start, stop) >= law.floor or not duration > 0.0:
        return gap
    ramp = (stop - start) / duration
    return _drive(law, Leg(gamma0, toward, bound, start, stop, duration, ramp), gap)


@_jit
def _segment(law, gap, start, stop, duration):
    """Take one cell through one linear segment and return its gap."""
    if start * stop >= 0.0:
        return _side(law, gap, start, stop, duration)
    first = duration * start / (start - stop)
    gap = _side(law, gap, start, 0.0, first)
    return _side(law, gap, 0.0, stop, duration - first)


@_jit
def _sigma(law, gap, source):
    """Compute the diffusion of the gap, m/sqrt(s), at the cell's temperature."""
    voltage, current, _ = _load_line(law, gap, abs(source))
    kelvin = law.t_ini + law.rth * voltage * current
    return law.noise / (1.0 + math.exp(min((law.t_crit - kelvin) / law.t_smth, 700.0)))


@_jit
def _fold(law, gap):
    """Reflect a gap at its bounds, which is what clipping tends to for ever smaller steps."""
    width = law.gap_max - law.gap_min
    if width == 0.0:
        return gap
    place = abs(gap - law.gap_min) % (2.0 * width)
    return law.gap_min + min(place, 2.0 * width - place)


@_jit
def _noisy(law, gap, key, drawn, start, stop, duration):
    """Take one cell through a segment with noise: drift and kicks in turn (Lie splitting).

    A part lasts until the noise has moved the gap by its grid (rms). At rest at 0 V one part is
    exact, however long.
    """
    time = 0.0
    while time < duration:
        size = duration - time
        if start != stop:
            size = min(size, 0.125 * duration)
        first = start + (stop - start) * (time / duration)
        sigma = _sigma(law, gap, first + 0.5 * (stop - start) * (size / duration))
        if start != 0.0 or stop != 0.0:
            size = min(size, (law.noise_grid / sigma) ** 2)
        last = first + (stop - start) * (size / duration)
        gap = _segment(law, gap, first, last, size)
        gap = _fold(law, gap + sigma * math.sqrt(size) * draws.normal(key, _GAP_NOISE, drawn))
        drawn += 1
        time += size
    return gap, drawn


@_jit
def walk(
    law, gaps, keys, drawn, cells, duration_s, start_v, stop_v, measured, units,
    voltage_v, current_a, limited,
):  # fmt: skip
    """Walk cells through all segments of a drive; the state moves and readings are filled in place.

    Parameters
    ----------
    law : Law
    gaps, keys, drawn : (all cells,) float64 (m), uint64, int64
        Columns of the state.
    cells : (cells,) int64
        Which cells.
    duration_s, start_v, stop_v, measured, units
        As in `hil.simulators.models.model.Drive`.
    voltage_v, current_a, limited : (readings, cells)
        As in `hil.simulators.models.model.Terminal`.
    """
    own = start_v.shape[1] > 1
    for k in range(cells.shape[0]):
        cell = cells[k]
        column = k if own else 0
        gap = gaps[cell]
        reading = 0
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(repeats):
                for s in range(first, last):
                    start, stop, duration = (
                        start_v[s, column],
                        stop_v[s, column],
                        duration_s[s, column],
                    )
                    if law.noise > 0.0:
                        gap, drawn[cell] = _noisy(
                            law, gap, keys[cell], drawn[cell], start, stop, duration
                        )
                    else:
                        gap = _segment(law, gap, start, stop, duration)
                    if measured[s]:
                        voltage, current, limited[reading, k] = _load_line(law, gap, abs(stop))
                        voltage_v[reading, k] = math.copysign(voltage, stop)
                        current_a[reading, k] = math.copysign(current, stop)
                        reading += 1
        gaps[cell] = gap
