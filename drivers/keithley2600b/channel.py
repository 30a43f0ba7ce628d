"""One channel of a 2600B as a source meter: ranges, compliance, sweeps, pulses."""

from typing import TYPE_CHECKING

import numpy as np

from hil.clock import Clock
from hil.drivers.keithley2600b import runs
from hil.drivers.keithley2600b.models import BEFORE_END_S, least_pulse_s, reach
from hil.drivers.keithley2600b.settings import held_values, setting_lines
from hil.drivers.keithley2600b.unconfirmed import (
    DEAD_SOCKET_PORT,
    OWN_STEP_S,
    POLL_S,
    START_S,
    START_SHARE,
)
from hil.drivers.metering import fitted
from hil.drivers.roles import Floats, Rows, SourceMeter, SourceSettings
from hil.drivers.safety import safe_if_it_fails
from hil.drivers.tsp import number
from hil.errors import ConfigError, InstrumentError, NotSupported
from hil.guard import SafeMessages

if TYPE_CHECKING:
    from hil.drivers.keithley2600b.instrument import Keithley2600B

TIMERS = {"a": (1, 2, 3), "b": (4, 5, 6)}
"""Trigger timers of each channel, of the eight that a unit has."""
SWEEPING = {"a": 2, "b": 4}
"""Bits of status.operation.sweeping.condition."""

STAYS_ON = (
    "A 2600B whose connection is lost keeps its outputs on at their last level (a sweep that runs "
    "still ends at 0 V) until somebody connects or presses OUTPUT; its socket takes one client, "
    f"and a connection to port {DEAD_SOCKET_PORT} frees one that is half open."
)
"""What stays energised when the connection is lost."""


class Keithley2600BChannel(SourceMeter):
    """A channel that sources voltage and measures current; made by `Keithley2600B.channel`.

    Its output in the state OFF still holds 0 V with 1 mA (off mode NORMAL, as after a reset).

    Parameters
    ----------
    unit : Keithley2600B
        The instrument, connected.
    letter : str
        "a" or "b".
    clock : Clock
        Waits.
    """

    stays_on = STAYS_ON

    def __init__(self, unit: "Keithley2600B", letter: str, clock: Clock) -> None:
        self.identity = unit.identity
        self.reach = reach(unit.line_hz, unit.model)
        self._unit = unit
        self._letter = letter
        self._smu = f"smu{letter}"
        self._clock = clock
        self._line_hz = unit.line_hz
        self._asked: SourceSettings | None = None
        self._held: SourceSettings | None = None
        self._on = False
        self._scripting = False
        self.make_safe()
        unit.tell(f"{self._smu}.reset()", *runs.always(self._smu))

    # -- settings -----------------------------------------------------------------------------
    def prepare(self, settings: SourceSettings) -> SourceSettings:
        """Set ranges, compliance and aperture, and return them as the instrument holds them.

        Compliance has every digit (pymeasure's and QCoDeS' drivers send it with six decimals,
        which makes 0 A of 100 nA).

        Raises
        ------
        ConfigError
            A setting is no positive number.
        NotSupported
            It cannot do that.
        InstrumentError
            It holds something else than it was told.
        """
        if settings == self._asked and self._held is not None:
            return self._held
        held = fitted(settings, self.reach, self._label)
        self._asked = self._held = None
        with safe_if_it_fails(self._give_up):
            self._unit.tell(*setting_lines(self._smu, held, self._line_hz))
            self._unit.confirm(held_values(self._smu, held, self._line_hz))
        self._asked, self._held = settings, held
        return held

    def output(self, *, on: bool) -> None:
        """Switch the output on at 0 V, or go to 0 V and off; read back.

        Raises
        ------
        InstrumentError
            It was not prepared, or its output is not as it was told.
        """
        if not on:
            self.make_safe()
            return
        if self._held is None:
            raise InstrumentError(f"{self._name} has no compliance yet; prepare it first")
        smu = self._smu
        with safe_if_it_fails(self._give_up):
            self._unit.tell(f"{smu}.source.levelv = 0", f"{smu}.source.output = {smu}.OUTPUT_ON")
            self._unit.confirm({f"{smu}.source.output": 1, f"{smu}.source.levelv": 0})
        self._on = True

    # -- sweeps and pulses --------------------------------------------------------------------
    def sweep(self, levels_v: Floats, delay_s: float, *, stop_at_limit: bool = False) -> Rows:
        """Step through levels in the instrument, measure each once, and return to 0 V.

        The trigger model steps, so that the sweep also ends at 0 V where the connection is lost.
        With *stop_at_limit*, which the trigger model does not know, a script of the instrument's
        own does. Times count from the beginning of the sweep, to within the instrument's own
        time of a step.

        Raises
        ------
        ConfigError
            A number is not finite.
        NotSupported
            A level beyond the range that was prepared, more levels or a longer delay than it can.
        InstrumentError
            The output is off, the sweep does not end in time, or its data cannot be right.
        """
        levels_v = np.asarray(levels_v, np.float64)
        held = self._ready(levels_v)
        most_s = self.reach.most_delay_s
        if not 0 <= delay_s <= most_s:
            raise NotSupported(
                f"{self._name} waits up to {most_s:g} s on a step, not {delay_s:g} s"
            )
        step_s = delay_s + held.aperture_s + OWN_STEP_S
        with safe_if_it_fails(self._give_up):
            if stop_at_limit:
                count = self._step(levels_v, delay_s, step_s)
            else:
                count = len(levels_v)
                self._unit.tell(*runs.sweep_lines(self._smu, levels_v, delay_s))
                self._await(count * step_s)
            return runs.rows(self._unit, self._smu, count, delay_s + held.aperture_s)

    def pulses(self, levels_v: Floats, high_s: float, period_s: float) -> Rows:
        """Play pulses from 0 V at the ticks of trigger timers, each measured on its top.

        *high_s* is from the step up to the step down; the instrument's own slew is within it.
        The measurement ends 60 us before the pulse.

        Raises
        ------
        ConfigError
            As `sweep`.
        NotSupported
            A level as in `sweep`, pulses that are too short for a measurement or too close.
        InstrumentError
            As `sweep`.
        """
        levels_v = np.asarray(levels_v, np.float64)
        held = self._ready(levels_v)
        least_s = least_pulse_s(held.aperture_s)
        if not high_s >= least_s * (1 - 1e-9):
            raise NotSupported(
                f"{self._name} makes pulses from {least_s * 1e6:g} us with an aperture of "
                f"{held.aperture_s * 1e6:g} us, not of {high_s * 1e6:g} us"
            )
        if not high_s + BEFORE_END_S <= period_s < np.inf:
            raise NotSupported(
                f"{self._name} needs {BEFORE_END_S * 1e6:g} us between pulses; pulses of "
                f"{high_s:g} s every {period_s:g} s leave less"
            )
        timers = TIMERS[self._letter]
        lines = runs.pulse_lines(self._smu, timers, levels_v, high_s, period_s, held.aperture_s)
        with safe_if_it_fails(self._give_up):
            self._unit.tell(*lines[:-1])
            wanted = {timers[0]: period_s, timers[2]: high_s}
            self._unit.confirm(
                {
                    f"trigger.timer[{timer}].delay": round(value_s, runs.TIMER_DIGITS)
                    for timer, value_s in wanted.items()
                }
            )
            self._unit.tell(lines[-1])
            self._await(len(levels_v) * period_s)
            return runs.rows(self._unit, self._smu, len(levels_v), high_s - BEFORE_END_S)

    def _ready(self, levels_v: Floats) -> SourceSettings:
        """Refuse what cannot be played, before anything is sent."""
        if self._held is None or not self._on:
            raise InstrumentError(f"the output of {self._name} is off; prepare and switch it on")
        if not np.isfinite(levels_v).all():
            raise ConfigError(f"{self._name} takes finite levels")
        if not 1 <= len(levels_v) <= self.reach.most_points:
            raise NotSupported(
                f"{self._name} steps through 1 to {self.reach.most_points} levels, not "
                f"{len(levels_v)}"
            )
        most_v = self._held.range_v * self.reach.overrange
        highest_v = float(np.abs(levels_v).max())
        if highest_v > most_v * (1 + 1e-12):
            raise NotSupported(
                f"{self._name} is prepared for {most_v:g} V, and a level of {highest_v:g} V is "
                "asked for; prepare it for more"
            )
        return self._held

    def _await(self, expected_s: float) -> None:
        """Wait until the trigger model is idle again."""
        self._clock.sleep(expected_s)
        until_s = self._clock.now_s() + START_S + START_SHARE * expected_s
        while (
            int(self._unit.ask_for("status.operation.sweeping.condition")[0])
            & SWEEPING[self._letter]
        ):
            if self._clock.now_s() > until_s:
                raise InstrumentError(
                    f"a sweep of {self._name} that takes {expected_s:.3g} s is still running; it "
                    "was aborted"
                )
            self._clock.sleep(POLL_S)

    def _step(self, levels_v: Floats, delay_s: float, step_s: float) -> int:
        """Have the instrument's own script step; tell how many levels it went to."""
        unit = self._unit
        unit.tell(*runs.stepping_lines(self._smu, levels_v))
        patience_s = START_S + (1 + START_SHARE) * len(levels_v) * step_s
        self._scripting = True
        done = unit.get(runs.stepping(self._smu, len(levels_v), delay_s), number, patience_s)
        self._scripting = False
        unit.check(runs.STEPPER)
        if not (done.is_integer() and 1 <= done <= len(levels_v)):
            raise InstrumentError(f"{self._name} says that it went to {done:g} levels")
        return int(done)

    # -- ways out -----------------------------------------------------------------------------
    def make_safe(self) -> None:
        """End what runs, 0 V, output off; may be called any time.

        A lost connection is made again once.

        ``abort`` on a line of its own ends a script that runs (2600BS-901-01, "Using the abort
        command"; unconfirmed).

        Raises
        ------
        InstrumentError
            The output is still on, or does not say that it is off.
        """
        self._on = False
        on, level_v = self._unit.insist(self._gone_home)
        if on or level_v:
            raise InstrumentError(
                f"the output of {self._name} is {'on' if on else 'off'} at {level_v:g} V although "
                "it was switched off at 0 V; press OUTPUT on the instrument and take the cell off"
            )

    def _gone_home(self) -> list[float]:
        """Go to 0 V and off, in step or not; whether the output is on, and its level (V)."""
        end = ("abort",) if self._scripting else ()
        self._unit.interject(*end, *_safe_lines(self._smu))
        self._unit.clear_errors()
        self._scripting = False  # what answers is not in the middle of a script
        return self._unit.ask_for(f"{self._smu}.source.output", f"{self._smu}.source.levelv")

    def _give_up(self) -> None:
        """Make the channel safe after an error; what it holds is not known any more."""
        self._asked = self._held = None
        self.make_safe()

    def safe_messages(self) -> SafeMessages:
        """Tell the guard what makes this channel safe without its owner."""
        return safe_messages(self._unit.address, channel=self._letter)

    def close(self) -> None:
        """Disconnect; the connection ends with the last channel of the unit."""
        self._unit.release(self._letter)

    @property
    def _label(self) -> str:
        return f"{self._unit.name} channel {self._letter}"

    @property
    def _name(self) -> str:
        return f"the {self._label}"


def safe_messages(address: str, *, channel: str) -> SafeMessages:
    """Tell the guard what makes a channel safe: each line is obeyed whatever became of the others.

    The first one ends a line that the owner left half sent, the second one a script.
    """
    lines = ("", "abort", *_safe_lines(f"smu{channel}"))
    return SafeMessages(address, {}, tuple(f"{line}\n".encode() for line in lines), 0.02, "@py")


def _safe_lines(smu: str) -> tuple[str, ...]:
    return (f"{smu}.abort()", f"{smu}.source.levelv = 0", f"{smu}.source.output = 0")
