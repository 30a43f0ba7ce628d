"""Sweeps and pulses of a 2600B as lines of Lua, and the rows that come back.

Commands: reference manual 2600BS-901-01, section 7 (smuX.trigger, trigger.timer, printbuffer,
bufferVar.statuses). The timers of a pulse sweep are set as in the manufacturer's example
KE26XXB_Pulsed_Sweep_Single: period, time to the measurement, width, all from the period's tick.
"""

from collections.abc import Iterator

import numpy as np

from hil.drivers.keithley2600b.models import BEFORE_END_S
from hil.drivers.keithley2600b.unconfirmed import LONGEST_LINE
from hil.drivers.metering import OVER, readings, text, texts, words
from hil.drivers.roles import Floats, Rows
from hil.drivers.tsp import TspInstrument, numbers
from hil.errors import InstrumentError

LEVELS = "hil_levels"
"""The instrument's own variable with the levels."""
STEPPER = "hil_step"
"""The instrument's own function that stops at the limit."""
PIECE = 250
"""Rows of one printbuffer."""
TIMER_DIGITS = 9
"""Decimals of a timer's delay: to a nanosecond."""
LIMITED = 0x40
"""Bit of a reading's status: the source was limited (bufferVar.statuses)."""


def level_lines(levels_v: Floats) -> Iterator[str]:
    """Fill the list of levels; what is the same everywhere is one level that is repeated."""
    equal = bool((levels_v == levels_v[0]).all())
    yield f"{LEVELS} = {{}}"
    few: list[str] = []
    for written in texts(levels_v[:1] if equal else levels_v):
        few.append(written)
        if sum(map(len, few)) + len(few) > LONGEST_LINE - 80:
            yield _added(few)
            few = []
    if few:
        yield _added(few)


def _added(few: list[str]) -> str:
    return f"for _, v in ipairs({{{','.join(few)}}}) do table.insert({LEVELS}, v) end"


def always(smu: str) -> tuple[str, ...]:
    """Say once to a channel that was just reset how sweeps end and what is kept."""
    kept = tuple(
        f"{smu}.{buffer}.{what}"
        for buffer in ("nvbuffer1", "nvbuffer2")
        for what in ("clear()", "appendmode = 1", "collecttimestamps = 1")
    )
    return (
        f"{smu}.source.delay = 0",
        f"{smu}.measure.count = 1",
        f"{smu}.trigger.arm.count = 1",
        f"{smu}.trigger.arm.stimulus = 0",
        f"{smu}.trigger.source.action = {smu}.ENABLE",
        f"{smu}.trigger.source.limiti = {smu}.LIMIT_AUTO",
        f"{smu}.trigger.measure.action = {smu}.ENABLE",
        f"{smu}.trigger.measure.iv({smu}.nvbuffer1, {smu}.nvbuffer2)",
        f"{smu}.trigger.endsweep.action = {smu}.SOURCE_IDLE",
        *kept,
    )


def sweep_lines(smu: str, levels_v: Floats, delay_s: float) -> tuple[str, ...]:
    """Step through levels, each measured once after its delay, and return to the level before."""
    return (
        *_emptied(smu),
        *level_lines(levels_v),
        f"{smu}.trigger.source.listv({LEVELS})",
        f"{smu}.measure.delay = {text(delay_s)}",
        f"{smu}.trigger.source.stimulus = 0",
        f"{smu}.trigger.measure.stimulus = 0",
        f"{smu}.trigger.endpulse.stimulus = 0",
        f"{smu}.trigger.endpulse.action = {smu}.SOURCE_HOLD",
        f"{smu}.trigger.count = {len(levels_v)}",
        f"{smu}.trigger.initiate()",
    )


def pulse_lines(
    smu: str, timers: tuple[int, int, int], levels_v: Floats,
    high_s: float, period_s: float, aperture_s: float,
) -> tuple[str, ...]:  # fmt: skip
    """Go to each level for its time and back, at the ticks of a timer; measured near the end."""
    period, look, width = timers
    tick = f"trigger.timer[{period}].EVENT_ID"
    count = len(levels_v)
    return (
        *_emptied(smu),
        *level_lines(levels_v),
        f"{smu}.trigger.source.listv({LEVELS})",
        f"{smu}.measure.delay = 0",
        *_timer(period, period_s, max(count - 1, 1), f"{smu}.trigger.ARMED_EVENT_ID", first=True),
        *_timer(look, high_s - aperture_s - BEFORE_END_S, 1, tick),
        *_timer(width, high_s, 1, tick),
        f"{smu}.trigger.source.stimulus = {tick}",
        f"{smu}.trigger.measure.stimulus = trigger.timer[{look}].EVENT_ID",
        f"{smu}.trigger.endpulse.stimulus = trigger.timer[{width}].EVENT_ID",
        f"{smu}.trigger.endpulse.action = {smu}.SOURCE_IDLE",
        f"{smu}.trigger.count = {count}",
        f"{smu}.trigger.initiate()",
    )


def _emptied(smu: str) -> tuple[str, str]:
    return (f"{smu}.nvbuffer1.clear()", f"{smu}.nvbuffer2.clear()")


def _timer(
    timer: int, delay_s: float, count: int, stimulus: str, *, first: bool = False
) -> tuple[str, ...]:
    """Set a timer; *first*: it ticks at its stimulus as well."""
    own = f"trigger.timer[{timer}]"
    return (
        f"{own}.reset()",
        f"{own}.delay = {text(round(delay_s, TIMER_DIGITS))}",
        f"{own}.count = {count}",
        f"{own}.passthrough = {'true' if first else 'false'}",
        f"{own}.stimulus = {stimulus}",
    )


def stepper_line() -> str:
    """Define the function that steps, looks and ends at the limit: the trigger model cannot.

    It ends at 0 V by itself, and returns how many levels it went to.
    """
    return (
        f"function {STEPPER}(smu, n, wait_s) local done = 0 local last = table.getn({LEVELS}) "
        f"for k = 1, n do smu.source.levelv = {LEVELS}[math.min(k, last)] delay(wait_s) "
        "local i = smu.measure.iv(smu.nvbuffer1, smu.nvbuffer2) done = k "
        f"if smu.source.compliance or math.abs(i) > {text(OVER)} then break end end "
        "smu.source.levelv = 0 return done end"
    )


def stepping_lines(smu: str, levels_v: Floats) -> tuple[str, ...]:
    """Get everything ready for the stepper."""
    return (*_emptied(smu), *level_lines(levels_v), f"{smu}.measure.delay = 0", stepper_line())


def stepping(smu: str, count: int, delay_s: float) -> str:
    """Run the stepper and print how many levels it went to."""
    return f"print({STEPPER}({smu}, {count}, {text(delay_s)}))"


def rows(unit: TspInstrument, smu: str, count: int, first_s: float) -> Rows:
    """Fetch what was measured: *count* rows; the first reading ended at *first_s*.

    The buffers' times begin with the first reading (bufferVar.basetimestamp).

    Raises
    ------
    InstrumentError
        There are more or fewer, or their times do not rise.
    """
    held = unit.ask_for(f"{smu}.nvbuffer1.n", f"{smu}.nvbuffer2.n")
    if held != [count, count]:
        raise InstrumentError(
            f"the {unit.name} has {held[0]:g} currents and {held[1]:g} voltages where {count} "
            "of each are due; somebody else uses its buffers"
        )
    table = np.concatenate(
        [_piece(unit, smu, first, count) for first in range(1, count + 1, PIECE)]
    )
    time_s, voltage_v, current_a, status = table.T
    if (np.diff(time_s) <= 0).any():
        raise InstrumentError(f"the times of the {unit.name}'s readings do not rise; sweep again")
    voltage_v, current_a, states = readings(voltage_v), readings(current_a), words(status)
    over = np.isnan(voltage_v) | np.isnan(current_a)
    limited = over | ((states & LIMITED) != 0)
    return Rows(first_s + (time_s - time_s[0]), voltage_v, current_a, limited, states)


def _piece(unit: TspInstrument, smu: str, first: int, count: int) -> Floats:
    """Fetch some rows: time, voltage, current, status; printbuffer puts them in turn."""
    last = min(first + PIECE - 1, count)
    parts = ("nvbuffer1.timestamps", "nvbuffer2.readings", "nvbuffer1.readings")
    what = ", ".join(f"{smu}.{part}" for part in (*parts, "nvbuffer1.statuses"))
    command = f"printbuffer({first}, {last}, {what})"
    return unit.get(command, numbers(4 * (last - first + 1))).reshape(-1, 4)
