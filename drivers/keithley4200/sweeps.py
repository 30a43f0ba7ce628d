"""Playing staircases with an SMU that holds the current limit itself: list sweeps in system mode.

Source: KXCI Programming manual 4200A-KXCI-907-01, section 5 (pages DE, SS, SM and MD).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.clock import Clock
from hil.drivers.keithley4200.executions import VOLTS_PER_UNIT
from hil.drivers.keithley4200.grammar import Values
from hil.drivers.keithley4200.instrument import BUSY, READY, SYNTAX_ERROR, Keithley4200A
from hil.drivers.keithley4200.pulses import Measured
from hil.drivers.keithley4200.segments import microvolts
from hil.drivers.keithley4200.unconfirmed import (
    AT_LIMIT_SHARE,
    LEVEL_COUNT_SHARE,
    LEVEL_COUNT_V,
    LONGEST_DELAY_S,
    POLL_S,
    START_S,
    START_SHARE,
    SWEEP_STEP_S,
)
from hil.drivers.session.numbers import exact, exact_list
from hil.drivers.staircase import OWN_SHARE, UNEVEN_S, stairs_of
from hil.errors import InstrumentError, NotSupported
from hil.program import Program
from hil.units import format_quantity

Floats = NDArray[np.float64]

LEVELS = 4096
"""Most levels of a list sweep (VL)."""
LEAST_PLC, MOST_PLC = 0.01, 10.0
"""A/D aperture in power line cycles (IT4)."""
LEAST_LIMIT_A, MOST_LIMIT_A = 100e-9, 100e-3
"""Compliance of an SMU without preamplifier; a smaller one is raised without a word."""
RANGES_A = (100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 100e-3)
"""Its current ranges (A)."""


class Sweep(NamedTuple):
    """A staircase as the SMU plays it.

    Attributes
    ----------
    levels_v : (steps,) float64
        Voltage of each step.
    delay_s, aperture_s : float
        Time before each measurement, edge included, and time of the measurement.
    limit_a : float
        Compliance.
    stop_at_limit : bool
        Whether the sweep ends at the first step that is at compliance.
    """

    levels_v: Floats
    delay_s: float
    aperture_s: float
    limit_a: float
    stop_at_limit: bool

    @property
    def duration_s(self) -> float:
        """How long it takes, about (s): an SMU adds time of its own to each step."""
        return len(self.levels_v) * (self.delay_s + self.aperture_s + SWEEP_STEP_S)

    @property
    def own_share(self) -> float:
        """How much longer than programmed each step takes, about, `OWN_SHARE` at most."""
        return SWEEP_STEP_S / (self.delay_s + self.aperture_s)


def prepared_sweep(program: Program, limit_a: float, line_hz: float) -> Sweep:
    """Turn a program into a sweep.

    Limits are compared with the program, and the program is booked: neither counts the SMU's own
    time, by which a cell is stressed for longer, at most by `OWN_SHARE` as far as it is known.

    Raises
    ------
    NotSupported
        It is no staircase that this SMU can play, or its steps are too short.
    ConfigError
        The current limit or the dwell has more digits than the instrument takes.
    """
    stairs = stairs_of(program, LEVELS)
    if stairs is None:
        raise _no_staircase()
    levels_v, delay_s, aperture_s = stairs
    cycles = aperture_s * line_hz
    if not LEAST_PLC * (1 - 1e-9) <= cycles <= MOST_PLC * (1 + 1e-9):
        raise NotSupported(
            f"the SMU measures for {format_quantity(LEAST_PLC / line_hz, 's')} to "
            f"{format_quantity(MOST_PLC / line_hz, 's')} a step, not for "
            f"{format_quantity(aperture_s, 's')}"
        )
    if delay_s > LONGEST_DELAY_S:
        raise NotSupported(
            f"the SMU waits up to {LONGEST_DELAY_S} s on a step, not {delay_s:.6g} s"
        )
    if not LEAST_LIMIT_A <= limit_a <= MOST_LIMIT_A:
        raise NotSupported(
            f"the SMU holds a current limit from {format_quantity(LEAST_LIMIT_A, 'A')} to "
            f"{format_quantity(MOST_LIMIT_A, 'A')}, not {format_quantity(limit_a, 'A')}"
        )
    if program.demands.exact_timing:
        raise NotSupported(
            "an SMU reports the timing of a sweep and cannot guarantee it; leave exact_timing out"
        )
    for value in (limit_a, delay_s):
        exact(value)  # raises for what the instrument could not be told
    stop = program.demands.stop_at_limit
    sweep = Sweep(microvolts(levels_v) / VOLTS_PER_UNIT, delay_s, aperture_s, limit_a, stop)
    if sweep.own_share > OWN_SHARE * (1 + 1e-9):
        raise NotSupported(
            f"the SMU adds about {format_quantity(SWEEP_STEP_S, 's')} of its own to each step, "
            f"too much for one of {format_quantity(delay_s + aperture_s, 's')}; make dwell and "
            f"aperture {format_quantity(SWEEP_STEP_S / OWN_SHARE, 's')} or longer together"
        )
    return sweep


def _no_staircase() -> NotSupported:
    return NotSupported(
        "a program with a regulated current limit is played by the SMU, which plays staircases of "
        f"up to {LEVELS} steps: on each an edge of up to {format_quantity(UNEVEN_S, 's')}, a "
        "dwell and one measured segment, as long on all of them; for pulses behind a resistor in "
        "series leave sweeps out of [wiring]"
    )


class Sweeper:
    """One SMU of the instrument in system mode.

    Parameters
    ----------
    instrument : Keithley4200A
        Connected.
    smu : int
        Number of the SMU.
    clock : Clock
        The bench's.
    line_hz : float
        Line frequency, in which the A/D converter counts (Hz).
    """

    def __init__(self, instrument: Keithley4200A, smu: int, clock: Clock, line_hz: float) -> None:
        self._instrument = instrument
        self._smu = smu
        self._clock = clock
        self._line_hz = line_hz

    def play(self, sweep: Sweep) -> Measured:
        """Play a sweep; the SMU is off afterwards.

        Readings after the one that a sweep stopped at are NaN, and so is a voltage at compliance
        that is the programmed one.

        Raises
        ------
        InstrumentError
            The instrument refuses it, the interlock is open, it does not end in time, or it
            answers what cannot be right.
        """
        self._set_up(sweep)
        self._instrument.check()
        start_s = self._clock.now_s()
        self._instrument.tell("MD;ME1")
        self._clock.sleep(sweep.duration_s)
        self._wait_for_end(sweep)
        self._instrument.check()
        measured = self._fetched(sweep, start_s)
        self.switch_off()  # it is in standby; nobody switches the RPM on that alone
        return measured

    def stop(self) -> None:
        """End a sweep."""
        self._instrument.tell("ME4")

    def switch_off(self) -> None:
        """Bring the SMU to 0 V and off."""
        self._instrument.tell(f"US;DV{self._smu}")

    def _set_up(self, sweep: Sweep) -> None:
        smu, tell = self._smu, self._instrument.tell
        range_a = next(range_a for range_a in RANGES_A if sweep.limit_a <= range_a * (1 + 1e-9))
        cycles = min(max(sweep.aperture_s * self._line_hz, LEAST_PLC), MOST_PLC)
        limit = exact(sweep.limit_a)
        tell("BC")
        tell("DE")
        for other in self._instrument.smus:
            if other != smu:
                tell(f"CH{other}")  # not used
        tell(f"CH{smu},'V1','I1',1,1")
        tell("SS")
        tell(f"VL{smu},1,{limit},{','.join(exact_list(sweep.levels_v))}")
        tell("HT0")
        tell(f"DT{exact(sweep.delay_s)}")
        tell("RS7")  # all digits
        tell(f"IT4,0,0,{exact(round(cycles, 6))}")
        tell(f"RG{smu},{exact(range_a)}")  # the lowest range is the highest one: no ranging
        tell(f"EC{int(sweep.stop_at_limit)}")
        tell(f"ST{smu},1")  # 0 V and off by itself when the test is over
        tell("SM")
        tell("DM2")  # every example has a display list; nobody looks at it
        tell("LI'V1','I1'")

    def _wait_for_end(self, sweep: Sweep) -> None:
        deadline_s = self._clock.now_s() + START_S + START_SHARE * sweep.duration_s
        while True:
            status = self._instrument.serial_poll()
            if status & SYNTAX_ERROR:
                self._instrument.check()
                raise InstrumentError("the 4200A found an error in a command and does not say it")
            if status & READY and not status & BUSY:
                return
            if self._clock.now_s() > deadline_s:
                raise InstrumentError(
                    f"the SMU is still sweeping {START_S:g} s after the sweep of "
                    f"{format_quantity(sweep.duration_s, 's')} was due; it was aborted: look at "
                    "the 4200A's messages"
                )
            self._clock.sleep(POLL_S)

    def _fetched(self, sweep: Sweep, start_s: float) -> Measured:
        steps = len(sweep.levels_v)
        fetch = self._instrument
        current = fetch.sweep_values("I1", steps)
        done = len(current.value)
        self._refuse_short(sweep, current)
        voltage = fetch.sweep_values("V1", steps)
        times_s = fetch.sweep_numbers(f"CH{self._smu}T", done)
        words = fetch.sweep_numbers(f"CH{self._smu}S", done)
        if len(voltage.value) != done or (np.diff(times_s) < 0).any():
            fetch.suspect("the columns of a sweep do not fit together")
            raise InstrumentError(
                f"the SMU has {done} currents, {len(voltage.value)} voltages and times that do "
                "not fit together; nothing of them is taken: repeat the sweep"
            )
        if sweep.levels_v[:done].any() and not (current.value.any() or voltage.value.any()):
            raise InstrumentError(
                "every voltage and current of the sweep is exactly 0, so the interlock is open "
                "and nothing was applied; close the lid of the fixture"
            )
        limited = np.zeros(steps, bool)
        limited[:done] = current.limited
        limited[done - 1] |= done < steps
        status = np.zeros(steps, np.int64)
        status[:done] = words.astype(np.int64)
        return Measured(
            _filled(start_s + times_s, steps),
            _known(_filled(voltage.value, steps), limited, sweep.levels_v),
            _filled(current.value, steps),
            limited,
            np.zeros(steps, bool),  # its compliance ends within its range
            status,
        )

    def _refuse_short(self, sweep: Sweep, current: Values) -> None:
        """Fewer values than steps are right only where the sweep stops at its limit."""
        done, steps = len(current.value), len(sweep.levels_v)
        if done == steps:
            return
        near = abs(current.value[-1]) >= AT_LIMIT_SHARE * sweep.limit_a
        if not sweep.stop_at_limit or not (current.limited[-1] or near):
            self._instrument.suspect("a sweep brought fewer values than it has steps")
            raise InstrumentError(
                f"the SMU has {done} readings of {steps} steps and is not at its current limit; "
                "nothing of them is taken: repeat the sweep"
            )


def _known(voltage_v: Floats, limited: NDArray[np.bool_], levels_v: Floats) -> Floats:
    """Put NaN where a source that holds its current says that it is at its level."""
    as_told = np.isclose(voltage_v, levels_v, rtol=LEVEL_COUNT_SHARE, atol=LEVEL_COUNT_V)
    return np.where(limited & as_told, np.nan, voltage_v)


def _filled(values: Floats, count: int) -> Floats:
    """Fill up with NaN."""
    filled = np.full(count, np.nan)
    filled[: len(values)] = values
    return filled
