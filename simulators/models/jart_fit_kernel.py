"""Walk JART cells with the fitted current: the kernel behind `hil.simulators.models.jart_fit`.

All voltages and currents are magnitudes: a segment is cut where its voltage changes sign, and on
each piece, a *leg*, N can only grow (SET, negative) or only shrink (RESET, positive).

What is integrated is y = ln N, by Dormand and Prince's explicit pair 5(4). Where a leg proves
stiff, which is near N_max and in slow sweeps, the rest of it is left to RODAS, which is
L-stable. The error of a step is kept below the tolerance times the way that y goes in it, so that
many short pulses do as well as a long one. On the way the limits of N act as the smooth factor
that they are; what ends a step beyond a bound is put there, and rests. Where y hardly moves a
plateau takes one step of a lower order, and an edge, along which the speed changes by ten decades,
one quadrature.

What the fit needs to know of a voltage does not depend on N; it is kept for the voltages met last,
so that it is computed once a plateau, and once for an edge that many cells see.
"""

import math

import numpy as np
from numba import njit

from hil.simulators.models.compiled import helper
from hil.simulators.models.rosenbrock_kernel import rodas
from hil.simulators.models.vcm_kernel import (
    CROSSING_V,
    LENGTH,
    RADIUS,
    between,
    half_cycle,
    hopping,
    power_10,
    room,
    walk_on,
)

FIT_V = 1.5
"""Up to this the fit's current grows with the voltage; beyond it is continued in proportion."""

_FLOOR_V = 1e-12
"""Below this a look takes the current to be in proportion to the voltage."""

_LEAST_LN_N = math.log(0.008)
"""ln of the concentration to which the fit is normalised, and where it begins."""

_PLACES = 64
"""How many voltages are kept in mind."""

_CONDUCTANCE_A = 4.84e-3
_SLOPE_PER_V = 0.1353
_H = (5.548, 6.8648, 51.586, 0.36)
_J0 = 1.054
_PER_K0 = 1.0 / 1.0526
_ALPHA = (4.81951e-5, 4.81951e-5 * math.exp(-1.03685 / 0.34567), 1.03685, 0.34567)
_BETA = (7.0526e-4, 4.2383e-5)
_C = (4.004, 2.8646, 4.2125, 1.4134)
_D = (6.6103, 1.4524, 7.4235, 4.0585)
_F = (6.326e-4, 1.4711, 0.5199, 1.561)

_LAGUERRE = (0.9358222275240878, 3.305407289332279, 7.758770483143634)
"""Roots of the Laguerre polynomial L_3^(1)."""

_FALL = (math.exp(-_LAGUERRE[0]), math.exp(-_LAGUERRE[1]), math.exp(-_LAGUERRE[2]))

_WEIGHTS = (0.6290526808677527, 0.11835638545510051, 0.002590933677146946)
"""Of these points, with 1/4 for s = 0: exact for exp(-s) times a polynomial of degree 6."""

_ROUGH = (0.27545060744435657, 0.5886814810396593, 0.13586791151598407)
"""Of s = 0 and the first two of them: exact up to degree 2."""

_REACH = 12.0
"""Over how many e-folds an edge must go for that."""

STILL = 1e-12
"""Where ln N changes by less in a noise step, as during a read, noise is not renewed."""

LAW = np.dtype(
    [
        (name, np.float64)
        for name in (
            "n_plug", "barrier", "per_k", "gamma_per_field", "pull", "hop", "r_det", "per_density",
            "per_cell", "kelvin", "rth", "rth_scaling", "rs0", "rs2", "limits", "ohm", "limit",
            "tolerance", "tick", "about_cell",
            "own_n_min", "own_n_max", "own_r", "own_l",
        )
    ]
)  # fmt: skip
"""Constants of one call in SI, concentrations in 1e26 per m^3, barriers in eV.

``hop`` is a ny0, ``per_density`` 1/(1e26 z e un pi), ``per_cell`` 1/l_cell, ``rs0`` and ``rs2``
are R_TiOx + R_0 and R_0^2 alpha_line R_thline of R_ser(I); ``limits`` is 1 with Flim, ``tick`` the
time after which noise is renewed within a half cycle. ``about_cell`` is 1 where walks stay near
the cell's own n_min, n_max, r and l.
"""

CELL = np.dtype(
    [
        (name, np.float64)
        for name in (
            "low", "high", "radius", "length", "radius_old", "radius_new", "length_old",
            "length_new", "n_old", "since", "start", "ramp", "duration", "attempts", "rth",
            "per_current", "seen_v", "seen_slope",
        )
    ]
    + [(name, np.int64) for name in ("side", "draws", "setting", "moving")]
)  # fmt: skip
"""The cell at work: bounds and geometry, the leg it is on, and its speed when last seen.

``rth`` is the heat resistance of the leg (K/W), ``attempts`` a ny0/l (1/s) and ``per_current`` the
field in the disc over I/N; with *moving* they follow the geometry instead. A record, as `LAW` is,
because numba hands it on as a pointer.
"""


@helper
def _recall(memo, source, setting):
    """Find the place in *memo* of what the fit needs to know of a voltage; compute it if new."""
    key = -source if setting else source
    spread = source * 618033.988749895
    place = int((spread - math.floor(spread)) * _PLACES)
    row = memo[place]
    if row[0] != key:
        row[0] = key
        v = min(source, FIT_V)
        row[1] = source / v
        if setting:
            rise = 1.0 + math.exp((v - _ALPHA[2]) / _ALPHA[3])
            row[2] = (_ALPHA[1] + _ALPHA[0]) / rise - _ALPHA[0]
            row[3] = _BETA[0] * v - _BETA[1] * math.expm1(v)
            row[4] = math.log(_C[2] * math.exp(v / _C[3]) - _C[1] * v - _C[0])
            row[5] = _D[2] * math.exp(v / _D[3]) - _D[1] * v - _D[0]
            row[6] = _F[0] + (_F[1] - _F[0]) / (1.0 + (v / _F[2]) ** _F[3])
        else:
            row[2] = -_CONDUCTANCE_A * math.expm1(-_SLOPE_PER_V * v)
            row[3] = _H[0] + _H[1] * v + _H[2] * math.exp(-_H[3] * v)
    return place


@helper
def _current(memo, voltage, setting, y):
    """Compute the fitted current; below N = 0.008 it goes on in proportion to N, as at V > 0."""
    row = memo[_recall(memo, voltage, setting)]
    if not setting:
        x = row[3] * math.exp(-_J0 * (y - _LEAST_LN_N))
        return row[1] * row[2] * math.exp(-_PER_K0 * math.log(1.0 + x))
    x = math.exp(row[5] * (row[4] - max(y, _LEAST_LN_N)))
    current = row[1] * (row[2] + row[3] * math.exp(-row[6] * math.log(1.0 + x)))
    return current if y >= _LEAST_LN_N else current * math.exp(y - _LEAST_LN_N)


@helper
def _tangent(voltage, setting, y):
    """Compute the fitted current as `_current` does, and dI/dV; nothing is kept in mind."""
    v, above = min(voltage, FIT_V), max(y, _LEAST_LN_N)
    if not setting:
        fall = math.exp(-_H[3] * v)
        x = math.exp(-_J0 * (y - _LEAST_LN_N))
        grown = 1.0 + (_H[0] + _H[1] * v + _H[2] * fall) * x
        grown_v = (_H[1] - _H[2] * _H[3] * fall) * x
        current = -_CONDUCTANCE_A * math.expm1(-_SLOPE_PER_V * v)
        slope = _CONDUCTANCE_A * _SLOPE_PER_V * math.exp(-_SLOPE_PER_V * v)
        share = math.exp(-_PER_K0 * math.log(grown))
        slope = share * (slope - current * _PER_K0 * grown_v / grown)
        current *= share
    else:
        rise = math.exp((v - _ALPHA[2]) / _ALPHA[3])
        top = (_ALPHA[1] + _ALPHA[0]) / (1.0 + rise)
        beta = _BETA[0] * v - _BETA[1] * math.expm1(v)
        beta_v = _BETA[0] - _BETA[1] * math.exp(v)
        c, d = _C[2] * math.exp(v / _C[3]), _D[2] * math.exp(v / _D[3])
        place, steep = c - _C[1] * v - _C[0], d - _D[1] * v - _D[0]
        bent = (v / _F[2]) ** _F[3]
        f = _F[0] + (_F[1] - _F[0]) / (1.0 + bent)
        f_v = -(f - _F[0]) / (1.0 + bent) * _F[3] * bent / v
        way = math.log(place) - above
        x = math.exp(steep * way)
        ln, full = math.log(1.0 + x), x / (1.0 + x)
        way_v = (d / _D[3] - _D[1]) * way + steep * (c / _C[3] - _C[1]) / place
        share = math.exp(-f * ln)
        current = top - _ALPHA[0] + beta * share
        slope = share * (beta_v - beta * (f_v * ln + f * full * way_v))
        slope -= top * rise / (1.0 + rise) / _ALPHA[3]
        fewer = math.exp(y - above)
        current, slope = current * fewer, slope * fewer
    if voltage > FIT_V:
        slope = current / FIT_V
        current = slope * voltage
    return current, slope


@helper
def _root(memo, setting, y, share, ohm, goal, top, current):
    """Solve ``share V + ohm I(V) = goal`` between 0 and *top*, where I is *current* (secants).

    The left side increases. As I is nearly in proportion to V the first step is a good one.
    """
    low, high, voltage = 0.0, top, top
    miss = share * top + ohm * current - goal
    slope = share + ohm * current / top
    for _ in range(100):
        if miss > 0.0:
            high = voltage
        else:
            low = voltage
        new = voltage - miss / slope
        if not low < new < high:
            new = 0.5 * (low + high)
        current = _current(memo, new, setting, y)
        value = share * new + ohm * current - goal
        change = new - voltage
        slope = (value - miss) / change if (value - miss) * change > 0.0 else slope
        voltage, miss = new, value
        if abs(miss) <= 1e-15 * goal or abs(change) <= 4e-16 * voltage:
            break
    return voltage, current


@helper
def _load_line(law, memo, setting, y, source):
    """Find the voltage across the cell, its current, and whether the source holds its limit."""
    if source <= 0.0:
        return 0.0, 0.0, False
    voltage, current = source, _current(memo, source, setting, y)
    if law.ohm > 0.0 and current > 0.0:
        voltage, current = _root(memo, setting, y, 1.0, law.ohm, source, source, current)
    if current <= law.limit:
        return voltage, current, False
    voltage, _ = _root(memo, setting, y, 0.0, 1.0, law.limit, voltage, current)
    return voltage, law.limit, True


@helper
def _shape(law, cell, radius, length):
    """Compute what depends on the geometry: attempts (1/s), heat resistance, field over I/N."""
    rth = law.rth * (law.r_det / radius) ** 2
    if not cell.setting:
        rth *= law.rth_scaling
    return law.hop / length, rth, law.per_density / (radius * radius)


@helper
def _geometry(cell, n):
    """Compute r and l of a cell on its way through a half cycle."""
    goal = cell.high if cell.setting else cell.low
    radius = between(cell.radius_old, cell.radius_new, n, cell.n_old, goal)
    return radius, between(cell.length_old, cell.length_new, n, cell.n_old, goal)


@helper
def _hop(law, cell, n, voltage, current):
    """Compute dN/dt without its limits, T = T0 + I (V - I Rser) Rth."""
    attempts, rth, per_current = cell.attempts, cell.rth, cell.per_current
    if cell.moving:
        radius, length = _geometry(cell, n)
        attempts, rth, per_current = _shape(law, cell, radius, length)
    inside = max(voltage - current * (law.rs0 + law.rs2 * current * current), 0.0)
    field = -current * per_current / n if cell.setting else inside * law.per_cell
    return hopping(
        n, law.n_plug, field, law.kelvin + current * inside * rth, law.barrier, law.per_k,
        law.gamma_per_field, law.pull, attempts,
    )  # fmt: skip


@helper
def _slope(law, cell, memo, source, y):
    """Compute d ln N/dt, its limits continued beyond the bounds so that it is smooth there."""
    y = min(max(y, -30.0), 30.0)
    n = math.exp(y)
    voltage, current, _ = _load_line(law, memo, cell.setting, y, source)
    rate = _hop(law, cell, n, voltage, current)
    if law.limits != 0.0:
        rate *= 1.0 - power_10(n / cell.high if cell.setting else cell.low / n)
    return rate / n


@helper
def _source(cell, time):
    """Compute the open-circuit voltage at a time on the leg."""
    return max(cell.start + cell.ramp * time, 0.0)


@helper
def _dormand_prince(law, cell, memo, time, y, slope, size):
    """Take a step of the pair 5(4), doi 10.1016/0771-050X(80)90013-3: y, slope there, error."""
    a = size * slope
    b = size * _slope(law, cell, memo, _source(cell, time + 0.2 * size), y + 0.2 * a)
    at = y + 0.075 * a + 0.225 * b
    c = size * _slope(law, cell, memo, _source(cell, time + 0.3 * size), at)
    at = y + 44 / 45 * a - 56 / 15 * b + 32 / 9 * c
    d = size * _slope(law, cell, memo, _source(cell, time + 0.8 * size), at)
    at = y + 19372 / 6561 * a - 25360 / 2187 * b + 64448 / 6561 * c - 212 / 729 * d
    e = size * _slope(law, cell, memo, _source(cell, time + 8 / 9 * size), at)
    end = _source(cell, time + size)
    at = y + 9017 / 3168 * a - 355 / 33 * b + 46732 / 5247 * c + 49 / 176 * d - 5103 / 18656 * e
    f = size * _slope(law, cell, memo, end, at)
    at = y + 35 / 384 * a + 500 / 1113 * c + 125 / 192 * d - 2187 / 6784 * e + 11 / 84 * f
    slope = _slope(law, cell, memo, end, at)
    error = 71 / 57600 * a - 71 / 16695 * c + 71 / 1920 * d - 17253 / 339200 * e
    return at, slope, abs(error + 22 / 525 * f - 0.025 * size * slope)


@helper
def _by_y(law, cell, memo, source, y):
    """Compute the derivative of the slope by y (1/s)."""
    above = _slope(law, cell, memo, source, y + 1e-5)
    return (above - _slope(law, cell, memo, source, y - 1e-5)) * 5e4


@helper
def _slope_at(given, time, y):
    """Compute d ln N/dt within a step."""
    law, cell, memo = given
    return _slope(law, cell, memo, _source(cell, time), y)


_step = rodas(_slope_at)


@helper
def _rodas(law, cell, memo, time, y, slope, size):
    """Take a step of RODAS: y, slope there, error."""
    begin, by_time = _source(cell, time), 0.0
    if cell.ramp != 0.0:
        aside = 1e-5 * (begin + 1e-3)
        by_time = _slope(law, cell, memo, begin + aside, y)
        by_time -= _slope(law, cell, memo, max(begin - aside, 0.0), y)
        by_time *= cell.ramp / (aside + min(aside, begin))
    by_y, given = _by_y(law, cell, memo, begin, y), (law, cell, memo)
    y, error = _step(given, time, y, slope, by_y, by_time, size)
    return y, _slope(law, cell, memo, _source(cell, time + size), y), error


@helper
def _steepness(law, cell, y, voltage, current):
    """Compute d ln|dN/dt| / d ln V, with I in proportion to V and both barriers' mean dWa."""
    n = math.exp(y)
    _, rth, per_current = _shape(law, cell, *_geometry(cell, n)) if cell.moving else (
        cell.attempts, cell.rth, cell.per_current,
    )  # fmt: skip
    inside = max(voltage - current * (law.rs0 + law.rs2 * current * current), 0.0)
    half = law.pull * (current * per_current / n if cell.setting else inside * law.per_cell)
    warmer = current * inside * rth
    kelvin = law.kelvin + warmer
    return (half + 2.0 * max(law.barrier - half, 0.0) * warmer / kelvin) / (law.per_k * kelvin)


@helper
def _edge(law, cell, memo, y, slope, top):
    """Take ln N through a whole edge along which it hardly moves: y, slope at its end, error.

    *slope* is at its higher voltage *top*, and falls off from there nearly as exp(-s): Gauss and
    Radau's rule for that weight with the point s = 0, of degree 6. What y does on the way is known
    well enough beforehand.
    """
    voltage, current, held = _load_line(law, memo, cell.setting, y, top)
    per_source = _steepness(law, cell, y, voltage, current) / top
    reach = per_source * abs(cell.ramp) * cell.duration
    if held or not reach > _REACH:
        return y, slope, math.inf
    rising = cell.ramp > 0.0
    whole = cell.duration / reach
    guess = slope * whole * (1.0 - 1.0 / (top * per_source))
    first, bend = slope, 0.0
    if rising:
        first = _slope(law, cell, memo, top, y + guess)
        bend = (first - slope) / guess
    total, rough = 0.25 * first, _ROUGH[0] * first
    for i in range(3):
        fall = _FALL[i]
        at = y + guess * (fall if rising else 1.0 - fall)
        part = _slope(law, cell, memo, top - _LAGUERRE[i] / per_source, at) / fall
        total += _WEIGHTS[i] * part
        if i < 2:
            rough += _ROUGH[i + 1] * part
    way = whole * total
    error = 0.02 * abs(total - rough) * whole + 0.15 * way * way
    if abs(total - rough) > 0.1 * abs(total):
        error = math.inf
    end = math.nan if cell.ramp < 0.0 else first + bend * (way - guess)
    return y + way, end, error


@helper
def _short(law, cell, memo, n, y, slope):
    """Take ln N through a plateau on which it hardly moves: y, slope at its end, error.

    Euler's step, or that of Bogacki and Shampine's pair 3(2), doi 10.1016/0893-9659(89)90079-7,
    whose error is that of the second order times what the next one is smaller. Both take it that
    the slope changes with y by a factor of exp(20 y) at most, as it does away from the bounds.
    """
    way = slope * cell.duration
    near = power_10(n / cell.high if cell.setting else cell.low / n)
    if abs(way) > 4e-3 or near > 0.5:
        return y, slope, math.inf
    if 10.0 * way * way <= 1e-3 * law.tolerance:
        return y + way, math.nan, 10.0 * way * way
    a = way
    b = cell.duration * _slope(law, cell, memo, cell.start, y + 0.5 * a)
    c = cell.duration * _slope(law, cell, memo, cell.start, y + 0.75 * b)
    at = y + 2 / 9 * a + 1 / 3 * b + 4 / 9 * c
    end = _slope(law, cell, memo, cell.start, at)
    error = abs(-5 / 72 * a + 1 / 12 * b + 1 / 9 * c - 0.125 * cell.duration * end)
    return at, end, 20.0 * abs(way) * error


@helper
def _integrate(law, cell, memo, y, slope, bound):
    """Take ln N through the leg; a step beyond the bound ends on it. Leaves `seen_slope`."""
    time, size, stiff, steps = 0.0, cell.duration, False, 0
    toward = 1.0 if cell.setting else -1.0
    while time < cell.duration:
        left = cell.duration - time
        size = min(size, left)
        steps += 1
        if steps % 16 == 0 and not stiff:
            stiff = size * _by_y(law, cell, memo, _source(cell, time), y) < -1.5
        if stiff:
            new, new_slope, error = _rodas(law, cell, memo, time, y, slope, size)
        else:
            new, new_slope, error = _dormand_prince(law, cell, memo, time, y, slope, size)
        allowed = law.tolerance * max(abs(new - y), 1e-3)
        if not error <= allowed:
            if size < 1e-30 * cell.duration:
                raise ArithmeticError("the vacancies of a cell cannot be followed")
            size *= max(0.9 * (allowed / error) ** 0.2, 0.1) if error < math.inf else 0.1
            continue
        y, slope = new, new_slope
        if toward * (y - bound) >= 0.0:
            cell.seen_slope = 0.0
            return bound
        time = cell.duration if size >= left else time + size
        size *= min(0.9 * (allowed / max(error, 1e-300)) ** 0.2, 5.0)
    cell.seen_slope = slope
    return y


@helper
def _leg(law, cell, memo, n, start, stop, duration):
    """Take a cell through a piece of a segment with one sign and one geometry; return N."""
    sign = -1.0 if cell.setting else 1.0
    if room(n, cell.low, cell.high, cell.setting, False) == 0.0 or not duration > 0.0:
        return n
    cell.start, cell.duration, cell.ramp = start, duration, (stop - start) / duration
    if not cell.moving:
        shape = _shape(law, cell, cell.radius, cell.length)
        cell.attempts, cell.rth, cell.per_current = shape
    y = math.log(n)
    slope = 0.0
    if cell.seen_v == sign * start:
        slope = cell.seen_slope
    elif start > 0.0:
        slope = _slope(law, cell, memo, start, y)
    fastest = slope if start >= stop else _slope(law, cell, memo, stop, y)
    if abs(fastest) * duration < 1e-12:
        cell.seen_v, cell.seen_slope = sign * stop if stop >= start else math.nan, fastest
        return n
    bound = math.log(cell.high if cell.setting else cell.low)
    if start == stop:
        after, end, error = _short(law, cell, memo, n, y, slope)
    else:
        after, end, error = _edge(law, cell, memo, y, fastest, max(start, stop))
    if error <= law.tolerance * max(abs(after - y), 1e-3) and (after - bound) * (y - bound) > 0.0:
        cell.seen_v, cell.seen_slope = math.nan if math.isnan(end) else sign * stop, end
        return math.exp(after)
    after = _integrate(law, cell, memo, y, slope, bound)
    cell.seen_v = sign * stop
    if after == bound:
        return cell.high if cell.setting else cell.low
    return math.exp(after)


@helper
def _ranges(law, walks, jitters, ranges):
    """Tell within which ranges a cell walks."""
    if law.about_cell == 0.0:
        return ranges
    radius, length = max(walks[2], jitters[0]), max(walks[3], jitters[1])
    return (
        law.own_n_min * (1.0 - walks[0]), law.own_n_min * (1.0 + walks[0]),
        law.own_n_max * (1.0 - walks[1]), law.own_n_max * (1.0 + walks[1]),
        law.own_r * (1.0 - radius), law.own_r * (1.0 + radius),
        law.own_l * (1.0 - length), law.own_l * (1.0 + length),
    )  # fmt: skip


@helper
def _renew(law, noise, cell, key, n):
    """Begin a half cycle, or a part of one: draw bounds at once, and where the geometry goes."""
    walks, jitters, ranges = noise
    ranges = _ranges(law, walks, jitters, ranges)
    count = 2 * cell.draws
    cell.draws += 1
    cell.since = 0.0
    cell.seen_v = math.nan
    radius = walk_on(cell.radius, jitters[0], ranges[4], ranges[5], key, RADIUS, count + 1)
    length = walk_on(cell.length, jitters[1], ranges[6], ranges[7], key, LENGTH, count + 1)
    cell.radius_old, cell.length_old, cell.n_old = radius, length, n
    cell.low, cell.high, cell.radius_new, cell.length_new = half_cycle(
        walks, ranges, key, count, cell.low, cell.high, radius, length
    )


@helper
def _side(law, noise, cell, memo, key, n, start, stop, duration):
    """Take a cell through a piece of a segment that stays on one side of 0 V; return N."""
    setting = 1 if start + stop < 0.0 else 0
    side = -1 if setting else 1
    start, stop = abs(start), abs(stop)
    cell.setting = setting
    if not cell.moving:
        return _leg(law, cell, memo, n, start, stop, duration)
    if max(start, stop) <= CROSSING_V:
        cell.side = 0
        return n
    if cell.side != side or start <= CROSSING_V:
        _renew(law, noise, cell, key, n)
        cell.side = side
    tick = law.tick
    if tick < math.inf:
        fastest = _slope(law, cell, memo, max(start, stop), math.log(n))
        tick = tick if abs(fastest) * tick >= STILL else math.inf
    time = 0.0
    while time < duration:
        if cell.since >= tick * (1.0 - 1e-9):
            _renew(law, noise, cell, key, n)
        part = min(duration - time, tick - cell.since)
        begin = start + (stop - start) * (time / duration)
        last = time + part >= duration
        end = stop if last else start + (stop - start) * ((time + part) / duration)
        n = _leg(law, cell, memo, n, begin, end, part)
        cell.radius, cell.length = _geometry(cell, n)
        cell.since += part if tick < math.inf else 0.0
        time = duration if last else time + part
    if stop <= CROSSING_V:
        cell.side = 0
    return n


@helper
def _segment(law, noise, cell, memo, key, n, start, stop, duration):
    """Take a cell through one linear segment; return N."""
    if start * stop >= 0.0:
        return _side(law, noise, cell, memo, key, n, start, stop, duration)
    first = duration * start / (start - stop)
    n = _side(law, noise, cell, memo, key, n, start, 0.0, first)
    return _side(law, noise, cell, memo, key, n, 0.0, stop, duration - first)


@helper
def _load(cell, columns, side, draws, k):
    """Put a cell of the state to work."""
    cell.radius, cell.length, cell.low, cell.high = (
        columns[1][k], columns[2][k], columns[3][k], columns[4][k],
    )  # fmt: skip
    cell.radius_old, cell.radius_new = columns[5][k], columns[6][k]
    cell.length_old, cell.length_new = columns[7][k], columns[8][k]
    cell.n_old, cell.since = columns[9][k], columns[10][k]
    cell.side, cell.draws, cell.seen_v = side[k], draws[k], math.nan


@helper
def _store(cell, columns, side, draws, k):
    """Put a cell back into the state."""
    columns[1][k], columns[2][k], columns[3][k], columns[4][k] = (
        cell.radius, cell.length, cell.low, cell.high,
    )  # fmt: skip
    columns[5][k], columns[6][k] = cell.radius_old, cell.radius_new
    columns[7][k], columns[8][k] = cell.length_old, cell.length_new
    columns[9][k], columns[10][k] = cell.n_old, cell.since
    side[k], draws[k] = cell.side, cell.draws


@njit(cache=True, error_model="numpy", nogil=True)
def walk(
    laws, noise, cell, columns, side, draws, keys, cells,
    duration_s, start_v, stop_v, measured, units, voltage_v, current_a, limited,
):  # fmt: skip
    """Walk cells through all segments of a drive; the state moves, the readings are filled in.

    Parameters
    ----------
    laws : (1,) or (cells,) record array of `LAW`
    noise : tuple of 3 tuples
        Walks of n_min, n_max, r, l; jitters of r, l; ranges (`vcm_kernel.half_cycle`).
    cell : record of `CELL`
        To work with; *moving* says whether there is noise.
    columns : tuple of 11 (all cells,) float64
        N, r, l, n_min, n_max, r from and to, l from and to, N at the renewal, and time since it.
    side, draws : (all cells,) int64
        Sign of the half cycle under way, renewals so far.
    keys : (all cells,) uint64
    cells : (cells,) int64
        Which cells.
    duration_s, start_v, stop_v, measured, units
        See `hil.simulators.models.drive.Drive`.
    voltage_v, current_a, limited
        See `hil.simulators.models.drive.Terminal`.
    """
    memo = np.full((_PLACES, 7), np.nan)
    one = start_v.shape[1] == 1
    for k in range(cells.shape[0]):
        at, column, reading = cells[k], 0 if one else k, 0
        law = laws[k if laws.shape[0] > 1 else 0]
        _load(cell, columns, side, draws, at)
        n = columns[0][at]
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(repeats):
                for s in range(first, last):
                    a, b, duration = start_v[s, column], stop_v[s, column], duration_s[s, column]
                    n = _segment(law, noise, cell, memo, keys[at], n, a, b, duration)
                    if measured[s]:
                        voltage, current, held = _load_line(
                            law, memo, b < 0.0, math.log(n), abs(b)
                        )
                        voltage_v[reading, k] = math.copysign(voltage, b)
                        current_a[reading, k] = math.copysign(current, b)
                        limited[reading, k] = held
                        reading += 1
        columns[0][at] = n
        _store(cell, columns, side, draws, at)


@njit(cache=True, error_model="numpy", nogil=True)
def tangents(n, voltage_v, current_a, slope_s):
    """Fill in current (A) and slope (S) at voltages across cells, all (points,)."""
    for k in range(voltage_v.shape[0]):
        v = voltage_v[k]
        current, slope_s[k] = _tangent(max(abs(v), _FLOOR_V), v < 0.0, math.log(n[k]))
        current_a[k] = current * v / max(abs(v), _FLOOR_V)


@njit(cache=True, error_model="numpy", nogil=True)
def rates(laws, cell, columns, voltage_v, out):
    """Fill in dN/dt (1e26 per m^3 and s) at voltages across cells, (points,).

    *laws* has one record, or one for each point; *cell* is to work with, without noise; *columns*
    are N, r, l, n_min and n_max, each (points,).
    """
    n, radius, length, low, high = columns
    memo = np.full((_PLACES, 7), np.nan)
    for k in range(out.shape[0]):
        law, v = laws[k if laws.shape[0] > 1 else 0], voltage_v[k]
        cell.setting = 1 if v < 0.0 else 0
        factor = room(n[k], low[k], high[k], cell.setting, law.limits != 0.0)
        out[k] = 0.0
        if v != 0.0 and factor != 0.0:
            cell.attempts, cell.rth, cell.per_current = _shape(law, cell, radius[k], length[k])
            current = _current(memo, abs(v), v < 0.0, math.log(n[k]))
            out[k] = factor * _hop(law, cell, n[k], abs(v), current)
