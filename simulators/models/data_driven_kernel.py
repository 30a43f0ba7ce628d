"""Walk data-driven TiOx cells through a waveform: the kernel of `simulators.models.data_driven`.

All voltages and currents are magnitudes: a segment is cut where its voltage changes sign, and on
each piece, a *leg*, the resistance can only rise or only fall.

A resistance moves where the voltage across the cell is above ``quiet`` and the target r(v) lies
ahead. So each resistance has one source voltage, its *onset*, from which on it moves:
``onset = v + ohm I(v)`` at the larger of ``quiet`` and the voltage whose target it is; there is
none where that current is beyond the limit. A cell

- *rests* while the source is below its onset;
- *moves* above it: by the closed solution if the voltage across the cell is constant, else by
  RODAS (`rosenbrock_kernel`), which stays stable where the cell follows its target closely;
- *slides* where it falls behind a resistor while the source rises and would move at ``quiet``
  faster than the source allows: each step down of the voltage stops it, each step up starts it
  again, and its voltage stays at ``quiet`` (sliding mode of a discontinuous right-hand side,
  Filippov 1988, doi 10.1007/978-94-015-7793-9).
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from hil.simulators.models.compiled import helper
from hil.simulators.models.rosenbrock_kernel import rodas

_EDGE = 1e-9
"""By which part the voltage must fall below quiet to count as below: rounding is not an event."""

_KINK = 1e3
"""How much larger than it seems an error is taken where a limit sets in or ends in a step."""

LAW = np.dtype(
    [
        (name, np.float64)
        for name in (
            "rate_p", "per_v_p", "target0_p", "target1_p", "iv_a_p", "iv_b_p",
            "rate_n", "per_v_n", "target0_n", "target1_n", "iv_a_n", "iv_b_n",
        )
    ]
)  # fmt: skip
"""Constants of the cell, for both signs: |A| (1/ohm/s), 1/t (1/V), r0, r1, a (V), b (1/V)."""


class Common(NamedTuple):
    """Constants that all cells share, and the source."""

    quiet: float
    floor: float
    tolerance: float
    ohm: float
    limit: float


class Side(NamedTuple):
    """Constants of one sign; ``toward`` is +1 where the resistance rises, -1 where it falls."""

    toward: float
    rate: float
    per_v: float
    target0: float
    target1: float
    iv_a: float
    iv_b: float
    quiet: float
    floor: float
    tolerance: float
    ohm: float
    limit: float


class Slope(NamedTuple):
    """dR/dt (ohm/s) and how it changes with R and with time; where that is.

    ``voltage`` is across the cell, ``ahead`` (ohm) what is left to the target.
    """

    speed: float
    along_resistance: float
    along_time: float
    voltage: float
    limited: bool
    ahead: float


@helper
def _side(law, common, source):
    """Pick the constants of a sign."""
    if source > 0.0:
        return Side(
            1.0, law.rate_p, law.per_v_p, law.target0_p, law.target1_p, law.iv_a_p, law.iv_b_p,
            common.quiet, common.floor, common.tolerance, common.ohm, common.limit,
        )  # fmt: skip
    return Side(
        -1.0,
        law.rate_n,
        law.per_v_n,
        law.target0_n,
        -law.target1_n,
        law.iv_a_n,
        law.iv_b_n,
        common.quiet,
        common.floor,
        common.tolerance,
        common.ohm,
        common.limit,
    )


@helper
def _current(side, resistance, voltage):
    """Compute a/R sinh(b v)."""
    return side.iv_a / resistance * math.sinh(min(side.iv_b * voltage, 700.0))


@helper
def _load_line(side, resistance, source, guess):
    """Find the voltage across the cell, its current, and whether the source holds its limit."""
    if side.limit < math.inf:
        voltage = math.asinh(side.limit * resistance / side.iv_a) / side.iv_b
        if source > voltage + side.ohm * side.limit:
            return voltage, side.limit, True
    if side.ohm == 0.0 or source == 0.0:
        return source, _current(side, resistance, source), False
    voltage = _divide(side, resistance, source, guess)
    if 2.0 * voltage > source:
        return voltage, _current(side, resistance, voltage), False
    return voltage, (source - voltage) / side.ohm, False


@helper
def _divide(side, resistance, source, guess):
    """Solve u + c sinh(u) = e, u = b v, by Newton's method, which overshoots only upward.

    From a guess (V) if there is one and it is not far below, else from above.
    """
    e = side.iv_b * source
    c = side.ohm * side.iv_a * side.iv_b / resistance
    u = side.iv_b * guess
    fresh = u <= 0.0
    for _ in range(60):
        if fresh or u > e:
            u, fresh = min(e, math.asinh(e / c)), False
        grown = math.exp(u)
        sinh = 0.5 * (grown - 1.0 / grown) if u > 0.5 else math.sinh(u)
        step = (u + c * sinh - e) / (1.0 + 0.5 * c * (grown + 1.0 / grown))
        u -= step
        if abs(step) <= 1e-8 * min(u, 1.0):
            break
    return u / side.iv_b


@helper
def _sensitivity(side, voltage):
    """Compute |A| (exp(v/t) - 1) and its derivative; above exp(230) a cell is at its target."""
    x = min(voltage * side.per_v, 230.0)
    s = side.rate * math.expm1(x)
    return s, side.per_v * (s + side.rate)


@helper
def _ahead(side, resistance, voltage):
    """Tell how far the target is ahead of the resistance in the direction of this sign."""
    return side.toward * (side.target0 + side.target1 * voltage - resistance)


@helper
def _slope(side, resistance, source, ramp, guess):
    """Compute the speed and its derivatives; quiet and floor are left to the caller."""
    resistance = max(resistance, 0.5 * side.floor)
    voltage, current, limited = _load_line(side, resistance, source, guess)
    distance = _ahead(side, resistance, voltage)
    if distance <= 0.0:
        return Slope(0.0, 0.0, 0.0, voltage, limited, distance)
    if limited:
        y = current * resistance / side.iv_a
        by_source = 0.0
        by_resistance = y / (resistance * side.iv_b * math.sqrt(1.0 + y * y))
    elif side.ohm > 0.0:
        by_source = 1.0 / (
            1.0 + side.ohm * side.iv_b * math.hypot(current, side.iv_a / resistance)
        )
        by_resistance = side.ohm * current / resistance * by_source
    else:
        by_source, by_resistance = 1.0, 0.0
    s, s_by_v = _sensitivity(side, voltage)
    by_v = distance * (s_by_v * distance + 2.0 * s * side.toward * side.target1)
    along = by_v * by_resistance - 2.0 * s * distance * side.toward
    return Slope(
        side.toward * s * distance * distance,
        side.toward * along,
        side.toward * by_v * by_source * ramp,
        voltage,
        limited,
        distance,
    )


@helper
def _held(side, resistance, voltage, duration):
    """Solve dR/dt = s (r - R)^2 at a steady voltage that moves it.

    ``R + (r - R) x / (1 + x)`` with ``x = s |r - R| t`` is the closed form of the listing, which
    loses digits where x is small or large.
    """
    distance = _ahead(side, resistance, voltage)
    s, _ = _sensitivity(side, voltage)
    x = s * distance * duration
    share = 1.0 - 1.0 / (1.0 + x) if x > 1.0 else x / (1.0 + x)
    return max(resistance + side.toward * distance * share, min(side.floor, resistance))


@helper
def _onset(side, resistance):
    """Find the source voltage from which on a resistance moves, infinite if there is none."""
    if side.toward < 0.0 and resistance <= side.floor:
        return math.inf
    voltage = side.quiet
    if _ahead(side, resistance, voltage) <= 0.0:
        if side.target1 == 0.0:
            return math.inf
        voltage = (resistance - side.target0) / side.target1
    current = _current(side, resistance, voltage)
    if current >= side.limit:
        return math.inf
    return voltage + side.ohm * current


@helper
def _speed(given, time, resistance):
    """Compute dR/dt within a step, at a time since its beginning."""
    side, source, ramp, guess = given
    return _slope(side, resistance, source + time * ramp, ramp, guess).speed


_rodas = rodas(_speed)


@helper
def _step(side, resistance, here, source, ramp, size):
    """Make a step from where the slope is `here`: resistance after it, and its error."""
    given = side, source, ramp, here.voltage
    along = here.along_resistance, here.along_time
    return _rodas(given, 0.0, resistance, here.speed, *along, size)


@helper
def _to_quiet(side, resistance, here, source, ramp, size):
    """Find the part of a step after which the voltage is at quiet (bisection and Illinois)."""
    low, high, at_low, last, part = 0.0, size, here.voltage - side.quiet, 0, size
    after, _ = _step(side, resistance, here, source, ramp, size)
    voltage, _i, _l = _load_line(side, max(after, side.floor), source + ramp * size, side.quiet)
    at_high = voltage - side.quiet
    for _ in range(60):
        part = (low * at_high - high * at_low) / (at_high - at_low)
        after, _ = _step(side, resistance, here, source, ramp, part)
        voltage, _i, _l = _load_line(
            side, max(after, side.floor), source + ramp * part, side.quiet
        )
        miss = voltage - side.quiet
        if abs(miss) <= 0.1 * _EDGE * side.quiet or high - low <= 1e-15 * size:
            return after, part
        if miss > 0.0:
            low, at_low = part, miss
            at_high *= 0.5 if last == 1 else 1.0
            last = 1
        else:
            high, at_high = part, miss
            at_low *= 0.5 if last == -1 else 1.0
            last = -1
    return after, part


@helper
def _move(side, resistance, start, ramp, time, end):
    """Let a cell move: resistance, time, and whether it is at quiet before the end."""
    here = _slope(side, resistance, start + ramp * time, ramp, 0.0)
    pace = abs(here.along_resistance) + abs(here.speed) / resistance
    longest = 1.0 / (side.per_v * abs(ramp)) if ramp != 0.0 else math.inf
    size = end - time if pace == 0.0 else min(end - time, 0.3 / pace)
    while time < end:
        if here.along_resistance > 0.0:
            size = min(size, 1.0 / here.along_resistance)
        size = min(size, longest, end - time)
        source = start + ramp * time
        after, error = _step(side, resistance, here, source, ramp, size)
        after = max(after, side.floor) if side.toward < 0.0 else after
        later = _slope(side, after, source + ramp * size, ramp, here.voltage)
        if ramp >= 0.0 and here.ahead > 0.0:
            error = max(error, -later.ahead)
        error *= (_KINK if later.limited != here.limited else 1.0) / (side.tolerance * resistance)
        if not error <= 1.0 and size > 1e-14 * end:
            size *= max(0.1, 0.9 * error**-0.25) if error < math.inf else 0.1
            continue
        if later.voltage < side.quiet * (1.0 - _EDGE):
            after, size = _to_quiet(side, resistance, here, source, ramp, size)
            return max(after, side.floor), time + size, True
        rest = end - time - size
        time = end if rest <= 1e-15 * end else time + size
        resistance, here = after, later
        size *= min(6.0, 0.9 * max(error, 1e-9) ** -0.25)
        if (here.speed == 0.0 and ramp <= 0.0) or (side.toward < 0.0 and resistance == side.floor):
            return resistance, end, False
    return resistance, time, False


@helper
def _slide_end(side, source, ramp):
    """Find the source voltage up to which a cell slides; not above `source` if it does not.

    At quiet ``R = K / (source - quiet)``, K = ohm a sinh(b quiet). It slides while that changes
    slower than the cell at quiet would, ``K ramp / (source - quiet)^2 < s (R - r)^2``, and while
    the current is below the limit.
    """
    if side.toward > 0.0 or ramp <= 0.0 or side.ohm == 0.0 or side.quiet == 0.0:
        return source
    k = side.ohm * side.iv_a * math.sinh(side.iv_b * side.quiet)
    target = side.target0 + side.target1 * side.quiet
    s, _ = _sensitivity(side, side.quiet)
    slack = k - math.sqrt(k * ramp / s)
    above = source - side.quiet
    if target * above >= slack:
        return source
    last = min(side.quiet + side.ohm * side.limit, side.quiet + k / side.floor)
    return last if target <= 0.0 else min(last, side.quiet + slack / target)


@helper
def _led(side, resistance, stop, ramp):
    """Find where a rising source leads a cell that keeps up with its target; nan if it may not.

    Behind a target that moves at a speed c the distance becomes sqrt(c/s), within a few of the
    times 1/sqrt(c s). Where that is less than a tenth of the tolerance steps would only find
    rounding.
    """
    speed = side.toward * side.target1 * ramp
    if not (speed > 0.0 and side.ohm == 0.0):
        return math.nan
    target = side.target0 + side.target1 * stop
    end = max(target, side.floor) if side.toward < 0.0 else target
    least = min(end, resistance)
    if _current(side, least, stop) > side.limit:
        return math.nan
    lag = 0.1 * side.tolerance * least
    first = max(math.log1p(speed / (lag * lag * side.rate)) / side.per_v, side.quiet)
    if not stop > first + 20.0 * lag * ramp / speed:
        return math.nan
    return end if side.toward * (end - resistance) > 0.0 else resistance


@helper
def _leg(side, resistance, start, stop, duration):
    """Take one cell through a ramp of magnitudes."""
    ramp = (stop - start) / duration
    onset = _onset(side, resistance)
    if max(start, stop) <= onset:
        return resistance
    if start == stop:
        voltage, _i, limited = _load_line(side, resistance, start, 0.0)
        if side.ohm == 0.0 and not limited:
            after = _held(side, resistance, voltage, duration)
            if not _load_line(side, after, start, 0.0)[2]:
                return after
    elif ramp > 0.0:
        after = _led(side, resistance, stop, ramp)
        if not math.isnan(after):
            return after
    time = max(0.0, (onset - start) / ramp) if start < onset else 0.0
    end = duration
    if side.ohm == 0.0 and stop < side.quiet:
        end = (side.quiet - start) / ramp
    while time < end:
        source = start + ramp * time
        voltage, _i, _l = _load_line(side, resistance, source, 0.0)
        if voltage <= side.quiet * (1.0 + _EDGE):
            last = min(_slide_end(side, source, ramp), stop)
            if last > source:
                k = side.ohm * side.iv_a * math.sinh(side.iv_b * side.quiet)
                resistance, time = k / (last - side.quiet), (last - start) / ramp
                if last == stop or last >= side.quiet + side.ohm * side.limit:
                    return resistance
        resistance, time, quiet = _move(side, resistance, start, ramp, time, end)
        if quiet and (ramp <= 0.0 or _load_line(side, resistance, start + ramp * time, 0.0)[2]):
            return resistance
    return resistance


@helper
def _segment(law, common, resistance, start, stop, duration):
    """Take one cell through a segment, cut where it changes its sign."""
    if duration <= 0.0:
        return resistance
    if start * stop < 0.0:
        before = duration * (start / (start - stop))
        if before > 0.0:
            resistance = _leg(_side(law, common, start), resistance, abs(start), 0.0, before)
        start, duration = 0.0, duration - before
        if duration <= 0.0:
            return resistance
    side = _side(law, common, start + stop)
    return _leg(side, resistance, abs(start), abs(stop), duration)


@njit(cache=True, error_model="numpy", nogil=True)
def walk(
    laws, common, resistances, cells, duration_s, start_v, stop_v, measured, units,
    voltage_v, current_a, limited,
):  # fmt: skip
    """Walk cells through all segments of a drive; the state moves, the readings are filled in.

    Parameters
    ----------
    laws : (1,) or (cells,) record array of `LAW`
    common : Common
    resistances : (all cells,) float64
        The column of the state (ohm).
    cells : (cells,) int64
        Which cells.
    duration_s, start_v, stop_v, measured, units
        See `hil.simulators.models.drive.Drive`.
    voltage_v, current_a, limited
        See `hil.simulators.models.drive.Terminal`.
    """
    one = start_v.shape[1] == 1
    for k in range(cells.shape[0]):
        law = laws[k if laws.shape[0] > 1 else 0]
        cell, column, reading = cells[k], 0 if one else k, 0
        resistance = resistances[cell]
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(repeats):
                for s in range(first, last):
                    a, b = start_v[s, column], stop_v[s, column]
                    resistance = _segment(law, common, resistance, a, b, duration_s[s, column])
                    if measured[s]:
                        voltage, current, held = _load_line(
                            _side(law, common, b), resistance, abs(b), 0.0
                        )
                        voltage_v[reading, k] = math.copysign(voltage, b)
                        current_a[reading, k] = math.copysign(current, b)
                        limited[reading, k] = held
                        reading += 1
        resistances[cell] = resistance
