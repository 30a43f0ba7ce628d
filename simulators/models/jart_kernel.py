"""Walk JART VCM v1b cells through a waveform: the kernel behind `hil.simulators.models.jart`.

Voltages and currents are magnitudes: a segment is cut where its voltage changes sign, and on each
piece, a *leg*, N can only grow (SET, V < 0) or only fall (RESET, V > 0). With it the radius and
the length of the disc go their way to what the half cycle leads to.

The circuit is solved for the voltage u across the Schottky contact: with it the current follows
from a cubic (Rser grows with I^2), the temperature from both, and what is left is
``ln I_contact(u, T) = ln I``, by Newton's method with a bracket around the root. At V > 0 that is
the smallest root: the barrier has an infinite slope at u = phibn0 - phin, which makes two more.

ln N is integrated over time by `_rodas5p`, an L-stable Rosenbrock pair, with exact derivatives; in
a runaway time is integrated over ln N instead, along which the rate changes evenly. Where a leg
moves N so little that it hardly acts on itself, one look at its highest voltage or a quadrature
over the voltage does the same.

A look at a current and its slope solves the same circuit once more (`_tangent`), without a guess
from the moment before, which makes steps in a logarithm and a good first estimate worth while.

The helpers stay in this module: numba's cache does not notice a change in another one.
`hil.simulators.models.vcm_kernel` is the exception.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hil.draws import normal, uniform
from hil.simulators.models.compiled import helper
from hil.simulators.models.streams import VACANCY
from hil.simulators.models.vcm_kernel import CROSSING_V, half_cycle, mean_barrier, power_10

_TICK = VACANCY
_PERIOD = VACANCY + np.uint64(1)
"""Streams of `hil.draws` for the steps of the vacancy machine, and for how often it steps."""

_CAP = 0.99375
"""Part of phibn0 - phin below which the conducting root at V > 0 lies; from there the next two."""

_DONE = 3e-6
"""Relative Newton step after which the root is exact to about its square, for a reading."""

_MATCHED = 3e-7
"""Difference of the logarithms of both currents from which one more step is exact to rounding."""

_FLOOR_V = 1e-9
"""Below this the cell is taken to be linear in V."""

_COMPLETE = 1e-3
"""A half cycle that begins this close to its bound (relative) leaves the geometry as it is.

Its side is then +-2."""

_QUIET = 0.02
"""What may be neglected, in tolerances."""

_STEEP = 40.0
"""Change of ln(rate) over ln N from which on a bound is near."""

_REACH = 0.25
"""Largest step in ln N."""

_TICKS = 256
"""Steps of the vacancy machine that are played at most for a wait: it has forgotten the rest."""

LAW = np.dtype(
    [
        (name, np.float64)
        for name in (
            "t0", "kb", "pi", "ohm_m", "w00", "image", "barrier", "gap", "richardson", "emission",
            "n_plug", "rth", "scaling", "lcell", "line", "cubic", "dwa", "lean", "attempts",
            "flim", "ohm", "limit", "tolerance", "done",
        )
    ]
)  # fmt: skip
"""Constants of a call, one record for all cells or one a cell; SI, N in 1e26/m^3, energies in eV.

``ohm_m`` is 1/(1e26 z e un); ``w00`` W00/sqrt(N); ``image`` the fourth power of the barrier's
lowering over N and V; ``gap`` phibn0 - phin; ``emission`` what stands before T sqrt(W00 (...)) in
the thermionic field emission; ``rth`` Rth0 rdet^2; ``line`` RTiOx + R0 and ``cubic`` the factor of
I^3 in KVL; ``lean`` z a/(pi dWa); ``attempts`` a ny0; ``ohm`` and ``limit`` the source's; ``done``
the relative Newton step that is small enough while N is integrated.
"""


class Cell(NamedTuple):
    """A cell as it is: the columns of the state, and where its circuit was solved last."""

    n: float
    radius: float
    length: float
    radius_new: float
    length_new: float
    n_low: float
    n_high: float
    side: int
    draws: int
    hint: float


class Leg(NamedTuple):
    """A piece of a segment on one side of 0 V, and what it does to the cell.

    N is ``n exp(z)``, z between ``least`` and ``most`` on its way to ``goal``; r and l change by
    ``widen`` and ``lengthen`` per unit of N.
    """

    negative: bool
    start: float
    stop: float
    duration: float
    ramp: float
    n: float
    bound: float
    goal: float
    least: float
    most: float
    radius: float
    length: float
    widen: float
    lengthen: float


class Wire(NamedTuple):
    """The filament at one N: what the circuit and the contact see of it."""

    n: float
    radius: float
    length: float
    area: float
    disc: float
    plug: float
    rth: float
    w00: float


class Spot(NamedTuple):
    """Operating point: voltage of the contact, current, temperature; held by the limit or not."""

    contact: float
    current: float
    kelvin: float
    held: bool


class Slope(NamedTuple):
    """Rate of ln N, its derivatives by ln N and by V, and those of the contact's voltage."""

    rate: float
    by_y: float
    by_v: float
    contact: float
    contact_y: float
    contact_v: float
    held: bool


@helper
def _wire(law, leg, n):
    """Compute the filament at a concentration."""
    radius, length = leg.radius, leg.length
    if leg.widen != 0.0 or leg.lengthen != 0.0:
        on = n - leg.n
        way = leg.bound - leg.n
        on = min(max(on, 0.0), way) if way > 0.0 else max(min(on, 0.0), way)
        radius += leg.widen * on
        length += leg.lengthen * on
    square = radius * radius
    area = law.pi * square
    per_area = law.ohm_m / area
    rth = law.rth / square
    if not leg.negative:
        rth *= law.scaling
    disc = per_area * length / n
    plug = per_area * max(law.lcell - length, 0.0) / law.n_plug
    return Wire(n, radius, length, area, disc, plug, rth, law.w00 * math.sqrt(n))


@helper
def _field_emission(law, wire, u, kelvin):
    """Compute ln(I) of the contact at V < 0 and its derivatives by u, T and ln N.

    Returned is the logarithm in two parts, the second to be taken of a product.
    """
    barrier, barrier_u, barrier_y = law.barrier, 0.0, 0.0
    psi = law.gap + u
    if psi > 0.0:
        lowering = math.sqrt(math.sqrt(law.image * wire.n * psi))
        barrier -= lowering
        barrier_u = -0.25 * lowering / psi
        barrier_y = -0.25 * lowering
        if barrier <= 0.0:
            barrier, barrier_u, barrier_y = 0.0, 0.0, 0.0
    a = wire.w00 / (law.kb * kelvin)
    if a < 0.1:
        square = a * a
        th = a * (1.0 - square * (1 / 3 - square * (2 / 15 - square * (17 / 315))))
        rest = a * square * (1 / 3 - square * (2 / 15 - square * (17 / 315 - square * 62 / 2835)))
    else:
        fall = math.exp(-2.0 * a)
        th = (1.0 - fall) / (1.0 + fall)
        rest = a - th
    rounding = 1.0 - th * th
    per_w0 = th / wire.w00
    per_eps = rest / wire.w00
    w0_y = 0.5 - 0.5 * rounding * a / th
    w0_t = rounding * a / (th * kelvin)
    eps_y = 0.5 - 0.5 * th * th * a / rest
    eps_t = th * th * a / (rest * kelvin)
    reach = u + barrier * rounding
    bent = barrier * th * rounding * a
    w = u * per_eps
    if w > 300.0:
        grown, share = 1e130, 1.0
        w_more = w - 300.0 - (math.log(1e130) - 300.0)
    else:
        grown = math.expm1(w)
        share = (grown + 1.0) / grown
        w_more = 0.0
    product = law.emission * wire.area * kelvin * math.sqrt(wire.w00 * reach) * grown
    by_u = 0.5 * (1.0 + barrier_u * rounding) / reach - barrier_u * per_w0 + share * per_eps
    by_t = 1.0 / kelvin + bent / (reach * kelvin) + barrier * per_w0 * w0_t - share * w * eps_t
    by_y = 0.25 + 0.5 * (barrier_y * rounding - bent) / reach
    by_y += barrier * per_w0 * w0_y - barrier_y * per_w0 - share * w * eps_y
    return w_more - barrier * per_w0, product, by_u, by_t, by_y


@helper
def _thermionic(law, wire, u, kelvin):
    """Compute ln(I) of the contact at V > 0 as `_field_emission` does for V < 0."""
    barrier, barrier_u, barrier_y = law.barrier, 0.0, 0.0
    psi = law.gap - u
    if psi > 0.0:
        lowering = math.sqrt(math.sqrt(law.image * wire.n * psi))
        barrier -= lowering
        barrier_u = 0.25 * lowering / psi
        barrier_y = -0.25 * lowering
        if barrier <= 0.0:
            barrier, barrier_u, barrier_y = 0.0, 0.0, 0.0
    per_kt = 1.0 / (law.kb * kelvin)
    w = u * per_kt
    if w > 300.0:
        grown, share = 1e130, 1.0
        w_more = w - 300.0 - (math.log(1e130) - 300.0)
    else:
        grown = math.expm1(w)
        share = (grown + 1.0) / grown
        w_more = 0.0
    product = law.richardson * wire.area * kelvin * kelvin * grown
    by_u = (share - barrier_u) * per_kt
    by_t = (2.0 + barrier * per_kt - share * w) / kelvin
    return w_more - barrier * per_kt, product, by_u, by_t, -barrier_y * per_kt


@helper
def _contact(law, wire, negative, u, kelvin):
    if negative:
        return _field_emission(law, wire, u, kelvin)
    return _thermionic(law, wire, u, kelvin)


@helper
def _through(total, cubic, rest):
    """Solve ``total I + cubic I^3 = rest``: from above, where Newton's method cannot fail."""
    current = rest / total
    for _ in range(50):
        bend = cubic * current * current
        change = ((total + bend) * current - rest) / (total + 3.0 * bend)
        current -= change
        if not change > 1e-6 * current:
            break
    return current


@helper
def _solve(law, wire, negative, source, guess, fixed, done):
    """Find the voltage of the contact, in a bracket; *fixed*: at the limit's current.

    At the limit it is at most the source's: there the cell needs more than the source has.
    """
    total = wire.disc + wire.plug + law.line + law.ohm
    inner = wire.disc + wire.plug
    low, high, sure = 0.0, source, not fixed
    if not negative and 0.0 < law.gap * _CAP < source:
        high, sure = law.gap * _CAP, False
    u = guess if 0.0 < guess < high else 0.3 * high
    current, kelvin = 0.0, 0.0
    for _ in range(200):
        current = law.limit if fixed else _through(total, law.cubic, source - u)
        kelvin = law.t0 + wire.rth * current * (u + current * inner)
        fall, product, by_u, by_t, _ = _contact(law, wire, negative, u, kelvin)
        miss = math.log(product / current) + fall
        by_x = 0.0 if fixed else 1.0 / (total + 3.0 * law.cubic * current * current)
        slope = by_u + by_t * wire.rth * (current - by_x * (u + 2.0 * current * inner))
        slope += by_x / current
        if miss > 0.0:
            high, sure = u, True
        elif u == high:
            if high == source:
                return u, current, kelvin
            low, high, sure = u, source, not fixed
        else:
            low = u
        change = -miss / slope
        new = u + change
        if low < new < high:
            if abs(change) <= done * new:
                u = new
                break
        elif new >= high and not sure:
            new = high
        else:
            new = 0.5 * (low + high)
            if not low < new < high:
                break
        u = new
    current = law.limit if fixed else _through(total, law.cubic, source - u)
    return u, current, law.t0 + wire.rth * current * (u + current * inner)


@helper
def _spot(law, wire, negative, source, guess, held, done):
    """Solve the circuit; *held* says whether the limit was holding close by."""
    free = law.limit == math.inf or source <= law.limit * (law.line + law.ohm)
    if not free and held:
        u, current, kelvin = _solve(law, wire, negative, source, guess, True, done)
        if _needs(law, wire, u) < source:
            return Spot(u, current, kelvin, True)
    u, current, kelvin = _solve(law, wire, negative, source, guess, False, done)
    if free or held or current <= law.limit:
        return Spot(u, current, kelvin, False)
    u, current, kelvin = _solve(law, wire, negative, source, u, True, done)
    return Spot(u, current, kelvin, True)


@helper
def _needs(law, wire, u):
    """Compute what the source must have for its limit's current."""
    x = law.limit
    return u + x * (wire.disc + wire.plug + law.line + law.ohm + law.cubic * x * x)


@helper
def _hop(law, wire, negative, spot):
    """Compute |dN/dt| / N without the bounds, and what its derivatives are made of.

    The barriers are ``dWa mean -+ half`` with half = z a E/2; beyond gamma = 1 the lower one is
    gone, and a higher field changes nothing more.
    """
    if negative:
        field = spot.current * wire.disc / wire.length
    else:
        field = (spot.contact + spot.current * (wire.disc + wire.plug)) / law.lcell
    per_kt = 1.0 / (law.kb * spot.kelvin)
    gamma = min(law.lean * field, 1.0)
    half = 0.5 * law.pi * law.dwa * gamma
    mean = law.dwa * mean_barrier(gamma)
    rest = -math.expm1(-2.0 * half * per_kt)
    rate = 0.5 * (law.n_plug / wire.n + 1.0) * law.attempts / wire.length
    return rate * math.exp((half - mean) * per_kt) * rest, field, gamma, half, mean, rest


@helper
def _room(law, leg, n):
    """Compute Flim, and its derivative by ln N; below 0 beyond the bound, which leads back."""
    if law.flim == 0.0:
        return 1.0, 0.0
    if leg.negative:
        used = power_10(n / leg.bound)
        return 1.0 - used, -10.0 * used
    used = power_10(leg.bound / n)
    return 1.0 - used, 10.0 * used


@helper
def _rate(law, leg, z, source, guess, held):
    """Compute the rate of ln N at a place on a leg, and the contact's voltage."""
    n = leg.n * math.exp(min(max(z, leg.least), leg.most))
    wire = _wire(law, leg, n)
    spot = _spot(law, wire, leg.negative, max(source, _FLOOR_V), guess, held, law.done)
    rate, _, _, _, _, _ = _hop(law, wire, leg.negative, spot)
    limited, _ = _room(law, leg, n)
    return rate * limited if leg.negative else -rate * limited, spot.contact


@helper
def _slope(law, leg, z, source, guess, held):
    """Compute the rate of ln N with its derivatives, by the chain rule through the circuit."""
    n = leg.n * math.exp(min(max(z, leg.least), leg.most))
    wire = _wire(law, leg, n)
    negative = leg.negative
    source = max(source, _FLOOR_V)
    spot = _spot(law, wire, negative, source, guess, held, law.done)
    u, x, kelvin = spot.contact, spot.current, spot.kelvin
    rate, field, gamma, half, mean, rest = _hop(law, wire, negative, spot)
    radius_y = leg.widen * n / wire.radius
    length_y = leg.lengthen * n / wire.length
    disc_y = wire.disc * (length_y - 1.0 - 2.0 * radius_y)
    plug_y = -2.0 * radius_y * wire.plug
    if wire.plug > 0.0:
        plug_y -= wire.plug * length_y * wire.length / (law.lcell - wire.length)
    inner = wire.disc + wire.plug
    by_x = 0.0
    if not spot.held:
        by_x = 1.0 / (inner + law.line + law.ohm + 3.0 * law.cubic * x * x)
    x_y = -x * (disc_y + plug_y) * by_x
    # the residual ln I_contact - ln I, by u, ln N and V
    t_x = wire.rth * (u + 2.0 * x * inner)
    t_y = wire.rth * x * (x * (disc_y + plug_y) - 2.0 * radius_y * (u + x * inner))
    _, _, by_u, by_t, by_y = _contact(law, wire, negative, u, kelvin)
    miss_u = by_u + by_t * (wire.rth * x - t_x * by_x) + by_x / x
    miss_y = by_y + 2.0 * radius_y + by_t * (t_y + t_x * x_y) - x_y / x
    miss_v = (by_t * t_x - 1.0 / x) * by_x
    u_y, u_v = -miss_y / miss_u, -miss_v / miss_u
    x_y -= by_x * u_y
    x_v = by_x * (1.0 - u_v)
    kelvin_y = t_y + wire.rth * x * u_y + t_x * x_y
    kelvin_v = wire.rth * x * u_v + t_x * x_v
    if negative:
        gamma_y = x_y / x + disc_y / wire.disc - length_y
        gamma_v = x_v / x
    else:
        across = field * law.lcell
        gamma_y = (u_y + x_y * inner + x * (disc_y + plug_y)) / across
        gamma_v = (u_v + x_v * inner) / across
    per_kt = 1.0 / (law.kb * kelvin)
    tilt = 0.0
    if gamma < 1.0:
        tilt = (half * (2.0 / rest - 1.0) - law.dwa * math.asin(gamma) * gamma) * per_kt
    warm = (mean - half * (2.0 / rest - 1.0)) * per_kt / kelvin
    limited, limited_y = _room(law, leg, n)
    own = -law.n_plug / (law.n_plug + n) - length_y
    rate = rate if negative else -rate
    return Slope(
        rate * limited,
        rate * (limited * (own + tilt * gamma_y + warm * kelvin_y) + limited_y),
        rate * limited * (tilt * gamma_v + warm * kelvin_v),
        u, u_y, u_v, spot.held,
    )  # fmt: skip


@helper
def _at(leg, time):
    """Compute the source's voltage at a time on a leg."""
    return leg.start + leg.ramp * time


@helper
def _near(law, leg, z, slope, time, along, on, aside, bend):
    """Compute the slope of what is integrated at a stage of a step.

    *on* is the way along the variable, *aside* what is integrated over it: ln N over time, or,
    *along* ln N, time over ln N. *bend*, which is handed on, is by how much the contact's voltage
    was not linear at the last stage, over on^2: with it the guess is good.
    """
    if along:
        way, since = on if leg.negative else -on, aside
    else:
        way, since = aside, on
    straight = slope.contact + slope.contact_y * way + slope.contact_v * leg.ramp * since
    guess = straight + bend * on * on
    if guess < 0.3 * slope.contact:
        guess = 0.3 * slope.contact
    source = _at(leg, min(max(time + since, 0.0), leg.duration))
    rate, contact = _rate(law, leg, z + way, source, guess, slope.held)
    bend = (contact - straight) / (on * on)
    return 1.0 / max(abs(rate), 1e-300) if along else rate, bend


@helper
def _rodas5p(law, leg, z, slope, time, along, size):
    """Take one step of Rodas5P, an L-stable Rosenbrock pair 5(4): the way, error, last slope.

    G. Steinebach, BIT 63, 27 (2023), doi 10.1007/s10543-023-00967-x, in the form without products
    with the Jacobian (Hairer and Wanner, Solving ODEs II, section IV.7).
    """
    first, by_self, by_on = slope.rate, slope.by_y, leg.ramp * slope.by_v
    if along:
        square = first * first
        by_self, by_on = -math.copysign(by_on, by_on * first) / square, -by_self / square
        first = 1.0 / abs(first)
    per = 1.0 / size
    w = 1.0 / (per / 0.21193756319429014 - by_self)
    drift = size * by_on
    a = w * (first + 0.21193756319429014 * drift)
    f, bend = _near(law, leg, z, slope, time, along, 0.6358126895828704 * size, 3.0 * a, 0.0)
    b = w * (f - 14.155112264123755 * a * per - 0.42387512638858027 * drift)
    y = 2.849394379747939 * a + 0.45842242204463923 * b
    f, bend = _near(law, leg, z, slope, time, along, 0.4095798393397535 * size, y, bend)
    back = -17.97296035885952 * a - 2.859693295451294 * b
    c = w * (f + back * per - 0.3384627126235924 * drift)
    y = -6.954028509809101 * a + 2.489845061869568 * b - 10.358996098473584 * c
    f, bend = _near(law, leg, z, slope, time, along, 0.9769306725060716 * size, y, bend)
    back = 147.12150275711716 * a - 1.41221402718213 * b + 71.68940251302358 * c
    d = w * (f + back * per + 1.8046452872882734 * drift)
    y = 2.8029986275628964 * a + 0.5072464736228206 * b - 0.3988312541770524 * c
    y -= 0.04721187230404641 * d
    f, bend = _near(law, leg, z, slope, time, along, 0.4288403609558664 * size, y, bend)
    back = 165.43517024871676 * a - 0.4592823456491126 * b + 42.90938336958603 * c
    back -= 5.961986721573306 * d
    e = w * (f + back * per + 2.325825639765069 * drift)
    y = -7.502846399306121 * a + 2.561846144803919 * b - 11.627539656261098 * c
    y += -0.18268767659942256 * d + 0.030198172008377946 * e
    f, bend = _near(law, leg, z, slope, time, along, size, y, bend)
    back = 24.854864614690072 * a - 3.0009227002832186 * b + 47.4931110020768 * c
    back += 5.5814197821558125 * d - 0.6610691825249471 * e
    g = w * (f + back * per)
    y += g
    f, bend = _near(law, leg, z, slope, time, along, size, y, bend)
    back = 30.91273214028599 * a - 3.1208243349937974 * b + 77.79954646070892 * c
    back += 34.28646028294783 * d - 19.097331116725623 * e - 28.087943162872662 * g
    h = w * (f + back * per)
    y += h
    f, bend = _near(law, leg, z, slope, time, along, size, y, bend)
    back = 37.80277123390563 * a - 3.2571969029072276 * b + 112.26918849496327 * c
    back += 66.9347231244047 * d - 40.06618937091002 * e - 54.66780262877968 * g
    k = w * (f + (back - 9.48861652309627 * h) * per)
    return y + k, k, f


@helper
def _toward(leg, z):
    """Tell whether there is a way left to the bound."""
    return z < leg.goal if leg.negative else z > leg.goal


@helper
def _stop(leg, z):
    """Stop at the bound."""
    return min(z, leg.goal) if leg.negative else max(z, leg.goal)


@helper
def _runs_away(leg, slope, left):
    """Tell whether N's rate changes because N does, rather than because time passes.

    Then time is integrated over ln N, along which the rate changes evenly; close to a bound, where
    it falls to 0, ln N over time again.
    """
    own = abs(slope.by_y)
    return (
        own * left > 0.5
        and abs(slope.rate) * own > abs(leg.ramp * slope.by_v)
        and own < _STEEP * abs(slope.rate)
    )


@helper
def _integrate(law, leg, z, time, guess, held):
    """Integrate ln N to the end of a leg, with steps of an error of at most the tolerance.

    The next step is chosen from the trend of the last two (K. Gustafsson, ACM TOMS 20, 496 (1994),
    doi 10.1145/198429.198437): on a ramp each would else be a little too large.
    """
    slope = _slope(law, leg, z, _at(leg, time), guess, held)
    size, along, closing = leg.duration - time, False, 0
    earlier, missed = 0.0, 1.0
    for _ in range(1_000_000):
        left = leg.duration - time
        if along != (closing < 2 and _runs_away(leg, slope, left)):
            along = not along
            size *= abs(slope.rate) if along else 1.0 / abs(slope.rate)
            earlier = 0.0
        room = abs(leg.goal - z) if along else left
        if along and law.flim == 0.0:
            size = min(size, _REACH)
        elif along:
            size = min(size, _REACH, 0.5 * room)
        last = not size < room
        if last:
            size = room
        aside, error, end = _rodas5p(law, leg, z, slope, time, along, size)
        error = abs(error) / law.tolerance
        if along:
            error /= max(end, 1e-300)
        if not error <= 1.0:
            size *= max(0.05, 0.9 * error**-0.2) if error < 1e300 else 0.05
            continue
        if along and aside > left:
            size *= 0.97 * left / aside
            closing += 1
            continue
        way, since = aside, size
        if along:
            way, since = size if leg.negative else -size, aside
            closing *= 2
        new = leg.goal if along and last else _stop(leg, z + way)
        if not _toward(leg, new) or (last and not along):
            return new, slope.contact
        guess = slope.contact + slope.contact_y * way + slope.contact_v * leg.ramp * since
        z, time = new, time + since
        slope = _slope(law, leg, z, _at(leg, time), guess, slope.held)
        error = max(error, 1e-6)
        grow = min(6.0, 0.9 * error**-0.2)
        if earlier > 0.0:
            grow = min(grow, 0.9 * size / earlier * (missed / (error * error)) ** 0.2)
        earlier, missed = size, max(error, 0.01)
        size *= grow
    return z, slope.contact


@helper
def _quadrature(law, leg, top, high, share):
    """Integrate the rate at the leg's first N over its time: Kronrod's 5 points in Gauss's 2.

    Over ``(V/high)^share``. With share a quarter of that along which the rate at the highest
    voltage does not change, the difference of both is 100 times the error or more.
    """
    low = min(leg.start, leg.stop)
    begin = (low / high) ** share
    centre, half = 0.5 * (1.0 + begin), 0.5 * (1.0 - begin)
    outer, inner, middle = 0.0, 0.0, 0.0
    guess = top.contact
    for node, place in (
        (4, 0.9258200997725514), (3, 0.5773502691896257), (2, 0.0),
        (1, -0.5773502691896257), (0, -0.9258200997725514),
    ):  # fmt: skip
        s = centre + half * place
        source = high * s ** (1.0 / share)
        guess = top.contact + top.contact_v * (source - high)
        if guess < 0.3 * top.contact:
            guess = 0.3 * top.contact
        rate, _ = _rate(law, leg, 0.0, source, guess, top.held)
        value = rate * source / s
        if node == 2:
            middle += value
        elif node == 1 or node == 3:
            inner += value
        else:
            outer += value
    scale = half / (share * abs(leg.ramp))
    best = scale * (0.197979797979798 * outer + 0.490909090909091 * inner)
    best += scale * 0.622222222222222 * middle
    return best, abs(best - scale * inner)


@helper
def _drive(law, leg, guess):
    """Take a cell through a leg; returns how far ln N has come, and the contact's voltage."""
    high = max(leg.start, leg.stop)
    top = _slope(law, leg, 0.0, high, guess, False)
    if not _toward(leg, 0.0):
        return 0.0, top.contact
    least = _QUIET * law.tolerance
    own = top.by_y / top.rate if top.rate != 0.0 else 0.0
    if leg.ramp == 0.0:
        way = top.rate * leg.duration
        if abs(way) * (own * way) ** 2 < least and abs(own * way) < 0.1:
            return _stop(leg, way * (1.0 + 0.5 * own * way)), top.contact
        return _integrate(law, leg, 0.0, 0.0, top.contact, top.held)
    share = 1.0 + max(high * top.by_v / top.rate, 0.0) if top.rate != 0.0 else 1.0
    low = min(leg.start, leg.stop)
    lasting = high / abs(leg.ramp)
    way = top.rate * lasting * (1.0 - (low / high) ** share) / share
    if abs(way) < least:
        return _stop(leg, way), top.contact
    if abs(way) * (own * way) ** 2 < least and abs(own * way) < 0.1:
        way, error = _quadrature(law, leg, top, high, 0.25 * share)
        if 0.05 * error < law.tolerance:
            return _stop(leg, way * (1.0 + 0.5 * own * way)), top.contact
    z, time = 0.0, 0.0
    if leg.ramp > 0.0:
        early = (least / abs(way)) ** (1.0 / share) * high
        z, time = _begin(law, leg, min((early - leg.start) / leg.ramp, 0.9 * leg.duration))
    return _integrate(law, leg, z, time, 0.0, False)


@helper
def _begin(law, leg, time):
    """Find how long a rising voltage does next to nothing, up to a time, and how much that is."""
    for _ in range(10):
        if time <= 0.0:
            break
        source = _at(leg, time)
        slope = _slope(law, leg, 0.0, source, 0.0, False)
        if abs(slope.rate) * time < _QUIET * law.tolerance:
            share = 1.0 + max(source * slope.by_v / slope.rate, 0.0) if slope.rate != 0.0 else 1.0
            low = 1.0 - (leg.start / source) ** share
            return slope.rate * source / leg.ramp * low / share, time
        time = 0.8 * time
    return 0.0, 0.0


@helper
def _leg(cell, negative, start, stop, duration):
    """Make a leg: where it drives N, and how the geometry goes with it."""
    bound = cell.n_high if negative else cell.n_low
    goal = math.log(bound / cell.n)
    widen, lengthen = 0.0, 0.0
    if abs(cell.side) < 2 and abs(bound - cell.n) > 1e-12 * bound:
        widen = (cell.radius_new - cell.radius) / (bound - cell.n)
        lengthen = (cell.length_new - cell.length) / (bound - cell.n)
    ramp = (stop - start) / duration if duration > 0.0 else 0.0
    return Leg(
        negative, start, stop, duration, ramp, cell.n, bound, goal, min(goal, 0.0) - 0.1,
        max(goal, 0.0) + 0.1, cell.radius, cell.length, widen, lengthen,
    )  # fmt: skip


@helper
def _renew(walks, ranges, key, cell, sign):
    """Begin a half cycle: bounds at once, radius and length as what it leads to."""
    n_low, n_high, radius, length = half_cycle(
        walks, ranges, key, cell.draws, cell.n_low, cell.n_high, cell.radius_new, cell.length_new
    )
    bound = n_high if sign < 0 else n_low
    side = 2 * sign if abs(bound - cell.n) <= _COMPLETE * bound else sign
    return Cell(
        cell.n, cell.radius, cell.length, radius, length, n_low, n_high, side, cell.draws + 1,
        cell.hint,
    )  # fmt: skip


@helper
def _on_side(cell, side):
    return Cell(
        cell.n, cell.radius, cell.length, cell.radius_new, cell.length_new, cell.n_low,
        cell.n_high, side, cell.draws, cell.hint,
    )  # fmt: skip


@helper
def _side(law, walks, ranges, key, cell, start, stop, duration):
    """Take a cell through a piece of a segment that stays on one side of 0 V."""
    negative = start + stop < 0.0
    sign = -1 if negative else 1
    start, stop = abs(start), abs(stop)
    if start <= CROSSING_V and cell.side != 0:
        cell = _on_side(cell, 0)
    if max(start, stop) > CROSSING_V and cell.side * sign <= 0:
        cell = _renew(walks, ranges, key, cell, sign) if walks[4] > 0.0 else _on_side(cell, sign)
    if duration > 0.0 and max(start, stop) > 0.0:
        cell = _move(law, cell, negative, start, stop, duration)
    if stop <= CROSSING_V and cell.side != 0:
        cell = _on_side(cell, 0)
    return cell


@helper
def _move(law, cell, negative, start, stop, duration):
    leg = _leg(cell, negative, start, stop, duration)
    if not _toward(leg, 0.0):
        return cell
    z, contact = _drive(law, leg, cell.hint * max(start, stop))
    n = leg.bound if z == leg.goal else cell.n * math.exp(z)
    wire = _wire(law, leg, n)
    return Cell(
        n, wire.radius, wire.length, cell.radius_new, cell.length_new, cell.n_low, cell.n_high,
        cell.side, cell.draws, contact / max(start, stop),
    )  # fmt: skip


@helper
def _segment(law, walks, ranges, key, cell, start, stop, duration):
    """Take a cell through one linear segment."""
    if start * stop >= 0.0:
        return _side(law, walks, ranges, key, cell, start, stop, duration)
    first = duration * (start / (start - stop))
    cell = _side(law, walks, ranges, key, cell, start, 0.0, first)
    return _side(law, walks, ranges, key, cell, 0.0, stop, duration - first)


@helper
def _still(cell, negative):
    """Make a leg on which nothing moves, for looking at a cell."""
    bound = cell.n_high if negative else cell.n_low
    return Leg(
        negative, 0.0, 0.0, 0.0, 0.0, cell.n, bound, 0.0, 0.0, 0.0, cell.radius, cell.length,
        0.0, 0.0,
    )  # fmt: skip


@helper
def _reading(law, cell, source):
    """Compute voltage and current of a cell as it is, whether the limit holds, and kelvin."""
    if source == 0.0:
        return 0.0, 0.0, False, law.t0
    leg = _still(cell, source < 0.0)
    wire = _wire(law, leg, cell.n)
    size = max(abs(source), _FLOOR_V)
    spot = _spot(law, wire, leg.negative, size, cell.hint * size, False, _DONE)
    share = abs(source) / size
    current = math.copysign(spot.current * share, source)
    if not spot.held:
        return source - law.ohm * current, current, False, spot.kelvin
    x = spot.current
    rest = wire.disc + wire.plug + law.line + law.cubic * x * x
    return math.copysign(spot.contact + x * rest, source), current, True, spot.kelvin


@helper
def _estimate(law, wire, negative, total, source):
    """Estimate the voltage of the contact, cold; at V < 0 a line for the barrier's lowering."""
    lowering = math.sqrt(math.sqrt(law.image * wire.n * law.gap)) if law.gap > 0.0 else 0.0
    barrier = max(law.barrier - lowering, 0.0)
    kt = law.kb * law.t0
    if not negative:
        drop = total * law.richardson * wire.area * law.t0 * law.t0 * math.exp(-barrier / kt)
        return min(source / (1.0 + drop / kt), kt * math.log1p(source / drop))
    a = wire.w00 / kt
    fall = math.exp(-2.0 * a)
    th = (1.0 - fall) / (1.0 + fall)
    per_w0, per_eps = th / wire.w00, (a - th) / wire.w00
    reach = barrier * (1.0 - th * th) + 0.03 * source
    drop = total * law.emission * wire.area * law.t0 * math.sqrt(wire.w00 * reach)
    drop *= math.exp(-barrier * per_w0)
    bend = 0.5 * per_eps + 0.5 / reach
    if lowering > 0.0 and barrier > 0.0:
        bend += 0.25 * lowering / law.gap * per_w0
    return math.log1p(bend * source / (1.0 + drop * per_eps)) / bend


@helper
def _tangent(law, cell, source):
    """Compute the current of a cell as it is, and how it grows with the source's voltage.

    Without a limit. As `_solve`, but with steps in the logarithm of the smaller part of the
    voltage, and exact where the contact blocks too: there the current is the contact's. What the
    last step takes for its derivatives, of ``ln I_contact(u, T) = ln I`` by u, T and V, is what
    the slope is made of.
    """
    negative, size = source < 0.0, max(abs(source), _FLOOR_V)
    wire = _wire(law, _still(cell, negative), cell.n)
    inner = wire.disc + wire.plug
    total = inner + law.line + law.ohm
    low, high, sure = 0.0, size, True
    cap = math.inf if negative else law.gap * _CAP
    if 0.0 < cap < size:
        high, sure = cap, False
    u = _estimate(law, wire, negative, total, size)
    most = 0.9 * high if sure else 0.3 * high
    if not 0.0 < u < most:
        u = most
    current, fall, product, by_x, whole, own, change = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for _ in range(200):
        current = _through(total, law.cubic, size - u)
        kelvin = law.t0 + wire.rth * current * (u + current * inner)
        fall, product, by_u, by_t, _ = _contact(law, wire, negative, u, kelvin)
        miss = math.log(product / current) + fall
        by_x = 1.0 / (total + 3.0 * law.cubic * current * current)
        whole = by_u + by_t * wire.rth * current
        own = whole - by_t * wire.rth * by_x * (u + 2.0 * current * inner)
        steep = own + by_x / current
        change = -miss / steep
        if abs(miss) <= _MATCHED or abs(change) <= 1e-15 * u:
            break
        if miss > 0.0:
            high, sure = u, True
        elif u == high:
            low, high, sure = u, size, True
        else:
            low = u
        new, rest = u + change, size - u
        if low < cap and change < -0.1 * u:
            new = u * math.exp(change / u)
        elif low < cap and change > 0.1 * rest:
            new = size - rest * math.exp(-change / rest)
        if not sure and not (steep > 0.0 and new < high):
            new = high
        elif not (steep > 0.0 and low < new < high):
            new = 0.5 * (low + high)
            if not low < new < high:
                change = 0.0
                break
        u = new
    if 2.0 * u > size:
        current = product * math.exp(fall) * (1.0 + own * change)
    else:
        x = current
        current -= ((total + law.cubic * x * x) * x - (size - u) + change) * by_x
    slope = by_x * whole / (own + by_x / current)
    return math.copysign(current * (abs(source) / size), source), slope


@helper
def _flow(law, cell, source):
    """Compute dN/dt of a cell as it is (1e26 per m^3 and s)."""
    leg = _still(cell, source < 0.0)
    beyond = cell.n > leg.bound if leg.negative else cell.n < leg.bound
    if source == 0.0 or beyond:
        return 0.0
    size = max(abs(source), _FLOOR_V)
    rate, _ = _rate(law, leg, 0.0, size, 0.0, False)
    return rate * cell.n * (abs(source) / size)


@helper
def tick_hz(key, mean, sigma):
    """Draw how often the vacancy machine of a cell steps: a normal number, again if below 0."""
    for count in range(1000):
        value = mean + sigma * normal(key, _PERIOD, count)
        if value > 0.0:
            return value
    return mean


@helper
def _next_vacancies(vacancies, key, tick, odds):
    """Take one step of the vacancy machine (Wiefels 2020): see `hil.simulators.models.jart`."""
    out, leave, stay = odds
    u = uniform(key, _TICK, tick)
    sign = 1 if vacancies > 0 else -1
    if vacancies == 0:
        if u >= leave:
            return 0
        return 1 if u < 0.5 * leave else -1
    if abs(vacancies) == 2:
        return vacancies if u < out else sign
    if u < out:
        return 2 * sign
    return sign if u < stay else 0


@helper
def _exchange(cell, vacancies, extra):
    """Put the vacancies into N in the place of the *extra* N that was there; never below n_low."""
    own = cell.n - extra
    more = vacancies / (math.pi * cell.radius * cell.radius * cell.length * 1e26)
    n = own + more
    if n < cell.n_low:
        n, more = max(own, cell.n_low), 0.0
    cell = Cell(
        n, cell.radius, cell.length, cell.radius_new, cell.length_new, cell.n_low, cell.n_high,
        cell.side, cell.draws, cell.hint,
    )  # fmt: skip
    return cell, more


@helper
def _catch_up(cell, key, noise, hertz, seen, now):
    """Let the vacancy machine step to now: vacancies, their N, ticks seen."""
    vacancies, extra, ticks = seen
    until = math.floor(now * hertz * (1.0 + 1e-12))
    if until <= ticks:
        return cell, seen
    for tick in range(max(ticks, until - _TICKS) + 1, until + 1):
        vacancies = _next_vacancies(vacancies, key, tick, noise)
    cell, extra = _exchange(cell, vacancies, extra)
    return cell, (vacancies, extra, until)


@helper
def _ticking(law, walks, ranges, key, cell, start, stop, duration, noise, hertz, seen, now):
    """Take a cell through a segment, cut where its vacancy machine steps."""
    time = 0.0
    while True:
        cell, seen = _catch_up(cell, key, noise, hertz, seen, now + time)
        left = duration - time
        if start == 0.0 and stop == 0.0:
            size = left
        else:
            size = min(left, max((seen[2] + 1) / hertz - (now + time), 1e-12 * left))
        last = not size < left
        begin = start + (stop - start) * (time / duration) if duration > 0.0 else start
        end = stop if last else start + (stop - start) * ((time + size) / duration)
        cell = _segment(law, walks, ranges, key, cell, begin, end, size)
        if last:
            return _catch_up(cell, key, noise, hertz, seen, now + duration)
        time += size


@njit(cache=True, error_model="numpy", nogil=True)
def walk(
    laws, walks, ranges, noise, keys, n, radius, length, radius_new, length_new, n_low, n_high,
    side, draws, vacancies, extra, ticks, cells, begin_s, duration_s, start_v, stop_v, measured,
    units, voltage_v, current_a, limited,
):  # fmt: skip
    """Walk cells through all segments of a drive; the state moves, the readings are filled in.

    Parameters
    ----------
    laws : (1,) or (cells,) record array of `LAW`
    walks : tuple of 5 float
        Largest relative steps of n_min, n_max, r and l at a half cycle, and the largest of them.
    ranges : tuple of 8 float
        Low and high end of the range of each.
    noise : tuple of 5 float
        Probabilities of the vacancy machine (see `_next_vacancies`), and mean and sigma of how
        often it steps (Hz); a mean of 0 is none.
    keys, n, radius, length, radius_new, length_new, n_low, n_high, side, draws
        Columns of the state, (all cells,).
    vacancies, extra, ticks
        Columns of the vacancy machine: its place, what N has of it, steps since time 0.
    cells : (cells,) int64
        Which cells.
    begin_s : (1,) or (cells,) float64
        When the drive begins.
    duration_s, start_v, stop_v, measured, units
        See `hil.simulators.models.drive.Drive`.
    voltage_v, current_a, limited
        See `hil.simulators.models.drive.Terminal`.
    """
    one = start_v.shape[1] == 1
    odds = (noise[0], noise[1], noise[2])
    for k in range(cells.shape[0]):
        i, column, reading = cells[k], 0 if one else k, 0
        law = laws[k if laws.shape[0] > 1 else 0]
        key, now = keys[i], begin_s[k if begin_s.shape[0] > 1 else 0]
        hertz = tick_hz(key, noise[3], noise[4]) if noise[3] > 0.0 else 0.0
        seen = (vacancies[i], extra[i], ticks[i])
        cell = Cell(
            n[i], radius[i], length[i], radius_new[i], length_new[i], n_low[i], n_high[i],
            side[i], draws[i], 0.0,
        )  # fmt: skip
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(repeats):
                for s in range(first, last):
                    a, b, duration = start_v[s, column], stop_v[s, column], duration_s[s, column]
                    if hertz > 0.0:
                        cell, seen = _ticking(
                            law, walks, ranges, key, cell, a, b, duration, odds, hertz, seen, now
                        )
                        now += duration
                    else:
                        cell = _segment(law, walks, ranges, key, cell, a, b, duration)
                    if measured[s]:
                        voltage, current, held, _ = _reading(law, cell, b)
                        voltage_v[reading, k] = voltage
                        current_a[reading, k] = current
                        limited[reading, k] = held
                        reading += 1
        n[i], radius[i], length[i] = cell.n, cell.radius, cell.length
        radius_new[i], length_new[i] = cell.radius_new, cell.length_new
        n_low[i], n_high[i], side[i], draws[i] = cell.n_low, cell.n_high, cell.side, cell.draws
        vacancies[i], extra[i], ticks[i] = seen


@njit(cache=True, error_model="numpy", nogil=True)
def look(laws, n, radius, length, n_low, n_high, cells, voltage_v, kelvin, rate):
    """Compute temperature and dN/dt of cells with a voltage across them.

    Parameters
    ----------
    laws : (1,) or (looks,) record array of `LAW`
    n, radius, length, n_low, n_high
        Columns of the state, (all cells,).
    cells : (looks,) int64
        Which cell each look is at.
    voltage_v, kelvin, rate : (looks,) float64
        Voltage; the other two are filled in (K, 1e26 per m^3 and s).
    """
    for k in range(cells.shape[0]):
        i = cells[k]
        law = laws[k if laws.shape[0] > 1 else 0]
        cell = Cell(
            n[i], radius[i], length[i], radius[i], length[i], n_low[i], n_high[i], 0, 0, 0.0
        )
        _, _, _, kelvin[k] = _reading(law, cell, voltage_v[k])
        rate[k] = _flow(law, cell, voltage_v[k])


@njit(cache=True, error_model="numpy", nogil=True)
def tangents(laws, n, radius, length, voltage_v, current_a, slope_s):
    """Compute currents of cells with a voltage across them, and how they grow with it.

    Parameters
    ----------
    laws : (1,) or (looks,) record array of `LAW`
        Without a limit; *ohm* is in series with the cell.
    n, radius, length : (looks,) float64
        Of the cell that each look is at.
    voltage_v, current_a, slope_s : (looks,) float64
        Voltage over cell and resistance; the other two are filled in (A, S).
    """
    for k in range(voltage_v.shape[0]):
        law = laws[k if laws.shape[0] > 1 else 0]
        cell = Cell(n[k], radius[k], length[k], radius[k], length[k], n[k], n[k], 0, 0, 0.0)
        current_a[k], slope_s[k] = _tangent(law, cell, voltage_v[k])
