"""What source meters that speak SCPI have in common: ranges, refusals, waits, the way home.

Whatever goes wrong while something is set or put out, the source meter goes to 0 V and off.
"""

from abc import abstractmethod
from contextlib import suppress
from typing import ClassVar

import numpy as np
from pymeasure.adapters import Adapter

from hil.clock import Clock
from hil.drivers.metering import fitted, out_of, texts
from hil.drivers.roles import Floats, Rows, SourceMeter, SourceMeterReach, SourceSettings
from hil.drivers.safety import safe_if_it_fails
from hil.drivers.scpi import ScpiInstrument
from hil.drivers.session import Session
from hil.drivers.session.answers import flag, integer, number
from hil.errors import ConfigError, InstrumentError, NotSupported
from hil.units import format_quantity

ERRORS = 4
"""Bit of the status byte: errors are queued."""
POLL_S = 10e-3
"""Time between two looks at a sweep (s)."""
LATE_S = 10.0
"""How much later than due, beside half its length, a sweep may end (s)."""
PIECE = 250
"""Readings that are fetched at once."""


class ScpiSourceMeter(ScpiInstrument, SourceMeter):
    """A source meter on a session.

    Parameters
    ----------
    adapter : Adapter
        The session.
    name, pattern : str
        As for `ScpiInstrument`.
    reach : SourceMeterReach
        What it can do.
    clock : Clock
        The bench's; nothing waits by another one.
    line_hz : float
        Line frequency, in which it counts its aperture (Hz).
    """

    abort: ClassVar[str] = ":ABOR"
    level: ClassVar[str] = ":SOUR:VOLT"
    """Command of the voltage that stands between sweeps."""
    done: ClassVar[int]
    """Bit of the status byte that tells the end of a sweep."""

    def __init__(
        self,
        adapter: Adapter,
        name: str,
        pattern: str,
        *,
        reach: SourceMeterReach,
        clock: Clock,
        line_hz: float,
    ) -> None:
        super().__init__(adapter, name, pattern)
        self.reach = reach
        self._clock = clock
        self._line_hz = line_hz
        self._on = False
        self._asked: SourceSettings | None = None
        self._held: SourceSettings | None = None

    def refuse_other_line(self) -> None:
        """Raise ConfigError unless it counts its aperture in periods of the stated line."""
        found_hz = self.get(":SYST:LFR?", number)
        if found_hz != self._line_hz:
            raise ConfigError(
                f"the {self.name} is on a line of {found_hz:g} Hz, not of {self._line_hz:g} Hz; "
                "correct line_hz"
            )

    # -- what each one does in its own words --------------------------------------------------
    @abstractmethod
    def _set(self, wanted: SourceSettings) -> SourceSettings:
        """Set what is wanted, ranges by their names, and give what is held."""

    @abstractmethod
    def _run(self, levels_v: Floats, delay_s: float, *, stop_at_limit: bool) -> Rows:
        """Sweep, and be on and at 0 V afterwards."""

    # -- the role -----------------------------------------------------------------------------
    def prepare(self, settings: SourceSettings) -> SourceSettings:
        """Set ranges, compliance and aperture, and return them as the instrument holds them.

        Nothing is sent for what is set already.

        Raises
        ------
        NotSupported
            It cannot do that.
        InstrumentError
            It holds something else than it was told.
        """
        if self._held is not None and settings == self._asked:
            return self._held
        wanted = fitted(settings, self.reach, self.name)
        with safe_if_it_fails(self._give_up):
            self._held = None
            held = self._set(wanted)
        self._asked, self._held = settings, held
        return held

    def output(self, *, on: bool) -> None:
        """Switch the output on at 0 V, or go to 0 V and off; read back.

        Raises
        ------
        InstrumentError
            It is not where it was told to be, or nothing has been prepared.
        """
        if not on:
            self.make_safe()
        elif self._held is None:
            raise InstrumentError(
                f"the {self.name} is not switched on without a current limit; prepare it first"
            )
        elif not self._on:
            with safe_if_it_fails(self._give_up):
                self.confirm(f"{self.level}?", 0.0, "source level (V)")
                self._switch_on()
            self._on = True

    def sweep(self, levels_v: Floats, delay_s: float, *, stop_at_limit: bool = False) -> Rows:
        """Step through levels in the instrument, measure each once, and return to 0 V.

        See `SourceMeter.sweep`.

        Raises
        ------
        NotSupported
            More levels, a higher one or a longer delay than it can or was prepared for.
        ConfigError
            A level or the delay is no finite number.
        InstrumentError
            Its output is off, it does not end in time, or it answers what cannot be right.
        """
        levels_v = np.asarray(levels_v, np.float64)
        self._refuse(levels_v, delay_s)
        with safe_if_it_fails(self._give_up):
            return self._run(levels_v, delay_s, stop_at_limit=stop_at_limit)

    def pulses(self, levels_v: Floats, high_s: float, period_s: float) -> Rows:
        """Refuse: there is no pulse mode.

        Raises
        ------
        NotSupported
            Always. A trigger model can make a single pulse with a reading of about 1.6 ms and
            longer (Tektronix' example SimplePulse_SVMI), with no promise of its timing.
        """
        del levels_v, period_s
        raise NotSupported(
            f"the {self.name} has no pulse mode: what it can switch takes about 1.6 ms and longer "
            f"and keeps no guaranteed time, so no pulse of {format_quantity(high_s, 's')}; use a "
            "pulse generator, or sweep the levels"
        )

    def make_safe(self) -> None:
        """End what runs, go to 0 V, then off; read back. A lost connection is made again once.

        Raises
        ------
        InstrumentError
            The output may still be on.
        """
        self._on = False
        if self.insist(self._gone_home):
            raise InstrumentError(
                f"the output of the {self.name} does not go off; it was told to stand at 0 V: "
                "disconnect the device and switch the instrument off"
            )

    def shutdown(self) -> None:
        """Make the instrument safe, as pymeasure's procedures ask for at their end."""
        self.make_safe()
        super().shutdown()

    # -- for those who write one --------------------------------------------------------------
    @property
    def _home(self) -> tuple[str, ...]:
        """What makes it safe, each a message of its own: an error in one stops no other."""
        return (self.abort, f"{self.level} 0", ":OUTP OFF")

    def _begin(self, *settings: str) -> None:
        """Take over from whoever was here before: safe, at its defaults, without errors."""
        self.make_safe()
        self.write("*RST")
        self.clear_errors()
        for setting in settings:
            self.tell(setting)

    def _fill_list(self, before: str, levels_v: Floats, piece: int) -> None:
        """Tell a setting and the levels of a list, so many in each message."""
        levels = texts(levels_v)
        self.tell(before, f":SOUR:LIST:VOLT {','.join(levels[:piece])}")
        for first in range(piece, len(levels), piece):
            self.tell(f":SOUR:LIST:VOLT:APP {','.join(levels[first : first + piece])}")

    def _wait_for_end(self, due_s: float, *, early: bool) -> None:
        """Wait until a sweep is over; the status byte tells.

        It is due after *due_s*, or may be over *early*. An instrument may answer only when it is
        done.

        Raises
        ------
        InstrumentError
            It reports an error, or it does not end in time.
        """
        deadline_s = self._clock.now_s() + 1.5 * due_s + LATE_S
        limit_s = due_s + (self.adapter.timeout_s if isinstance(self.adapter, Session) else 0.0)
        if not early:
            self._clock.sleep(due_s)
        while True:
            status = self.get("*STB?", integer, limit_s)
            if status & ERRORS:
                self.check("the sweep")
            if status & self.done:
                return
            if self._clock.now_s() > deadline_s:
                raise InstrumentError(
                    f"the {self.name} is still sweeping where {format_quantity(due_s, 's', 3)} "
                    "were to be enough; it was stopped: look at its display"
                )
            self._clock.sleep(POLL_S)

    def _refuse_count(self, done: int, steps: int) -> None:
        self.suspect("a sweep brought another number of readings than it has steps")
        raise InstrumentError(
            f"the {self.name} has {done} readings of {steps} steps, and not because it is at its "
            "current limit; nothing of them is taken: repeat the sweep"
        )

    def _refuse_times(self, time_s: Floats) -> None:
        if (np.diff(time_s) < 0).any():
            self.suspect("the times of a sweep do not rise")
            raise InstrumentError(
                f"the times that the {self.name} gives do not rise; nothing of the sweep is "
                "taken: repeat it"
            )

    def _switch_on(self) -> None:
        self.tell(":OUTP ON")
        if not self.get(":OUTP?", flag):
            raise InstrumentError(
                f"the output of the {self.name} does not go on; look at its interlock"
            )

    def _held_settings(self) -> SourceSettings:
        if self._held is None:
            raise InstrumentError(f"the {self.name} has no settings; prepare it first")
        return self._held

    def _confirm_range(self, command: str, wanted: float, what: str) -> float:
        """Read a range back: some tell its name, some where it ends, which is up to 6 % more."""
        held = self.get(command, number)
        if not wanted * (1 - 1e-6) <= held <= wanted * 1.06:
            raise self.other(held, wanted, what)
        return wanted

    def _refuse(self, levels_v: Floats, delay_s: float) -> None:
        """Refuse what cannot be played, before a byte of it is sent."""
        held = self._held_settings()
        if not self._on:
            raise InstrumentError(f"the output of the {self.name} is off; switch it on first")
        if levels_v.ndim != 1 or not 1 <= len(levels_v) <= self.reach.most_points:
            raise NotSupported(
                f"the {self.name} sweeps 1 to {self.reach.most_points} levels, not "
                f"{levels_v.size}; sweep them in parts"
            )
        if not (np.isfinite(levels_v).all() and np.isfinite(delay_s) and delay_s >= 0):
            raise ConfigError(
                f"the {self.name} cannot sweep levels or delays that are no finite numbers, and "
                "no delay is negative"
            )
        least_s, most_s = self.reach.least_delay_s, self.reach.most_delay_s
        if delay_s and not least_s <= delay_s <= most_s:
            raise out_of(self.name, "waits 0 s, or", delay_s, "s", least_s, most_s)
        most_v = held.range_v * self.reach.overrange
        if np.abs(levels_v).max() > most_v * (1 + 1e-9):
            raise NotSupported(
                f"a level of {np.abs(levels_v).max():.6g} V is beyond the range that the "
                f"{self.name} was prepared for, which ends at {most_v:.6g} V; prepare it for more"
            )

    def _gone_home(self) -> bool:
        """Go to 0 V and off; whether the output is on all the same.

        The bytes go out before the session finds its step, which can take long after a lost
        answer, and which an instrument that sweeps may not answer.
        """
        self.interject(*self._home)
        is_on = self.get(":OUTP?", flag)
        with suppress(InstrumentError):  # there may have been nothing to end
            self._drain()
        return is_on

    def _give_up(self) -> None:
        """Make it safe after an error; what it holds is not known any more."""
        self._held = None
        self.make_safe()
