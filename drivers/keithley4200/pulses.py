"""Playing programs on one channel of a 4225-PMU with its RPM, in segment arb mode.

Source: KXCI Programming manual 4200A-KXCI-907-01, section 7; status word: LPT Library manual,
section 6.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.clock import Clock
from hil.drivers.keithley4200.executions import SEQUENCES, Execution
from hil.drivers.keithley4200.grammar import Rows
from hil.drivers.keithley4200.instrument import Keithley4200A
from hil.drivers.keithley4200.segments import translated
from hil.drivers.keithley4200.unconfirmed import (
    COMPENSATION_OFF,
    POLL_S,
    RPM_SETTLING_S,
    SAMPLE_RATE_HZ,
    SPOT_MEAN_TIME,
    START_S,
    START_SHARE,
    TIMESTAMP_SLACK_S,
    TIMESTAMP_SLACK_SHARE,
)
from hil.drivers.session.numbers import exact
from hil.errors import InstrumentError, NotSupported
from hil.program import Phase, Program
from hil.units import format_quantity

Floats = NDArray[np.float64]

OUTPUT_OHM = 50.0
"""Output resistance of a pulse channel (ohm)."""

RANGES_A = (100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 200e-3)
"""Measuring ranges of an RPM at 10 V; the index is the code in the status word (A)."""

CHANNEL, RANGE, CURRENT_OVER, COMPLIANCE = 0x3, 0xF0, 0xC00, 0xF000
SKIPPED = 1 << 30
"""Fields of the status word."""


class Pulses(NamedTuple):
    """A program as the PMU plays it.

    Attributes
    ----------
    steps : tuple
        Executions, and pauses at 0 V (s).
    range_a : float
        Measuring range (A).
    limit_a : float
        Current at which a reading counts as limited (A).
    """

    steps: tuple[Execution | float, ...]
    range_a: float
    limit_a: float


class Measured(NamedTuple):
    """What came of it: one element a reading.

    Attributes
    ----------
    time_s, voltage_v, current_a : (readings,) float64
        Bench time at the end of each window; means over it.
    limited : (readings,) bool
        Beyond the measuring range or the current limit.
    over : (readings,) bool
        Beyond the measuring range: the current is larger than what was measured.
    status : (readings,) int64
        The instrument's word.
    """

    time_s: Floats
    voltage_v: Floats
    current_a: Floats
    limited: NDArray[np.bool_]
    over: NDArray[np.bool_]
    status: NDArray[np.int64]


def prepared_pulses(
    program: Program, limit_a: float, source_ohm: float
) -> tuple[Pulses, tuple[str, ...]]:
    """Turn a program into what the PMU plays, and what is to be said about it.

    Raises
    ------
    NotSupported
        The PMU cannot play it, or has no range for the current.
    """
    if program.demands.stop_at_limit:
        raise NotSupported(
            "a PMU cannot stop at a current limit: it plays the whole waveform; sweep with the "
            "SMU (regulated) or take shorter programs"
        )
    fitting = [range_a for range_a in RANGES_A if limit_a <= range_a * (1 + 1e-9)]
    if not fitting:
        raise NotSupported(
            f"the current limit of {format_quantity(limit_a, 'A')} is beyond the RPM's largest "
            f"range, {format_quantity(RANGES_A[-1], 'A')}; lower it"
        )
    waveform = translated(program)
    range_a = fitting[0]
    notes = list(waveform.notes)
    writing = program.phase > Phase.READ
    largest_v = np.abs(program.start_v[writing]).max(initial=0.0)
    if largest_v / source_ohm > range_a:
        notes.append(
            f"range {format_quantity(range_a, 'A')}: write currents above it are not measured; "
            f"only {format_quantity(source_ohm, 'ohm')} holds them, to "
            f"{format_quantity(largest_v / source_ohm, 'A', 3)} into a short"
        )
    settling_s = RPM_SETTLING_S.get(range_a, 0.0)
    if _settled_s(program) < settling_s * (1 - 1e-9):
        notes.append(
            f"range {format_quantity(range_a, 'A')} needs about "
            f"{format_quantity(settling_s, 's')} to settle; settle that long before measuring"
        )
    return Pulses(waveform.steps, range_a, limit_a), tuple(notes)


def _settled_s(program: Program) -> float:
    """Find the shortest time that the voltage is constant before it is measured (s)."""
    flat = (program.start_v == program.stop_v)[:, 0]
    looks = np.flatnonzero(program.look)
    before = np.maximum(looks - 1, 0)
    settled_s = np.where(flat[before] & (looks > 0), program.duration_s[before, 0], 0.0)
    return float(settled_s.min(initial=np.inf))


class Player:
    """One PMU channel: what is stored and set there, so that nothing is sent twice.

    Parameters
    ----------
    instrument : Keithley4200A
        Connected.
    channel : int
        Of the PMU.
    clock : Clock
        The bench's.
    """

    def __init__(self, instrument: Keithley4200A, channel: int, clock: Clock) -> None:
        self._instrument = instrument
        self._channel = channel
        self._clock = clock
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._listed: Execution | None = None
        self._range_a = 0.0
        self._on = False
        self._ready = False

    def distrust(self) -> None:
        """Take nothing for granted any more of what is stored and set: something went wrong."""
        self._ready = False

    def initialise(self) -> None:
        """Enter segment arb mode with the output off; what was stored is gone.

        The source is told of a load of 1 Mohm, so that a level is its open-circuit voltage, and no
        correction of it is left to the instrument.
        """
        self._forget()
        ch, tell = self._channel, self._instrument.tell
        tell(":PMU:INIT 1")
        tell(f":PMU:OUTPUT:STATE {ch},0")
        tell(f":PMU:RPM:CONFIGURE PMU1-{ch},0")
        tell(f":PMU:SOURCE:RANGE {ch},10")
        tell(f":PMU:LOAD {ch},1e6")
        tell(f":PMU:LLEC:CONFIGURE {ch},0")
        tell(f":PMU:CONNECTION:COMP {ch},{COMPENSATION_OFF}")
        tell(f":PMU:SAMPLE:RATE {exact(SAMPLE_RATE_HZ)}")
        self._instrument.check()
        self._ready = True

    def leave(self) -> None:
        """Hand the cell to the SMU: output off, then the RPM's switch."""
        self._on = False
        self._instrument.output(self._channel, on=False)
        self._instrument.tell(f":PMU:RPM:CONFIGURE PMU1-{self._channel},2")

    def come_back(self) -> None:
        """Take the cell from the SMU, which is off."""
        self._instrument.tell(f":PMU:RPM:CONFIGURE PMU1-{self._channel},0")

    def play(self, pulses: Pulses) -> Measured:
        """Play a program.

        Raises
        ------
        InstrumentError
            The instrument refuses it, does not end in time, or answers what cannot be right.
        """
        parts = []
        for step in pulses.steps:
            if isinstance(step, Execution):
                parts.append(self._execute(step, pulses))
            else:
                self._clock.sleep(step)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            nothing, none = np.empty(0), np.empty(0, bool)
            return Measured(nothing, nothing, nothing, none, none, np.empty(0, np.int64))
        return Measured(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def _execute(self, execution: Execution, pulses: Pulses) -> Measured:
        self._set_up(execution, pulses.range_a)
        start_s = self._clock.now_s()
        self._instrument.execute()
        self._clock.sleep(execution.duration_s)
        self._wait_for_end(execution.duration_s)
        self._instrument.check()  # a test that was refused leaves the data of the one before
        rows = self._instrument.rows(self._channel, len(execution.ends_s))
        self._refuse_foreign(rows, execution, pulses.range_a)
        over, held = (rows.status & bits > 0 for bits in (CURRENT_OVER, COMPLIANCE))
        limited = over | held | (np.abs(rows.current_a) >= pulses.limit_a)
        return Measured(
            start_s + execution.ends_s, rows.voltage_v, rows.current_a, limited, over, rows.status
        )

    def _set_up(self, execution: Execution, range_a: float) -> None:
        """Send what the instrument does not have yet; errors are asked for before it plays."""
        if not self._ready:
            self.initialise()
        if execution is self._listed and range_a == self._range_a and self._on:
            return
        unknown = [each for each in execution.sequences if each.content not in self._numbers]
        if len(self._numbers) + len(unknown) > SEQUENCES:
            self.initialise()
            unknown = list(execution.sequences)
        self._listed = None
        for sequence in unknown:
            number = len(self._numbers) + 1
            self._instrument.store(self._channel, number, sequence)
            self._numbers[sequence.content] = number
        if unknown:
            self._instrument.check()  # before the list: only the last error is kept
        if range_a != self._range_a:
            self._range_a = 0.0
            # 2: a fixed range, so that it never changes under bias
            self._instrument.tell(f":PMU:MEASURE:RANGE {self._channel},2,{exact(range_a)}")
            self._range_a = range_a
        numbers = [self._numbers[sequence.content] for sequence in execution.sequences]
        self._instrument.list_sequences(
            self._channel, [(numbers[k], loops) for k, loops in execution.entries]
        )
        self._instrument.check()
        if not self._on:
            self._instrument.output(self._channel, on=True)
            self._on = True
        self._listed = execution

    def _wait_for_end(self, duration_s: float) -> None:
        """Wait until the test is over; one that takes much too long is aborted."""
        if not self._instrument.is_running():
            return
        deadline_s = self._clock.now_s() + START_S + START_SHARE * duration_s
        while self._clock.now_s() <= deadline_s:
            self._clock.sleep(POLL_S)
            if not self._instrument.is_running():
                return
        raise InstrumentError(
            f"the PMU is still running {START_S:g} s after a waveform of "
            f"{format_quantity(duration_s, 's')}; it was aborted: look at the 4200A's messages"
        )

    def _refuse_foreign(self, rows: Rows, execution: Execution, range_a: float) -> None:
        """Make sure that the data are this channel's, in this range, of this waveform."""
        status = rows.status
        code = RANGES_A.index(range_a) << 4
        if ((status & (CHANNEL | RANGE)) != (self._channel | code)).any() or (
            status & SKIPPED
        ).any():
            raise self._foreign(
                f"status words such as {int(status[0]):08X} are not of channel {self._channel} "
                f"in the range {format_quantity(range_a, 'A')}"
            )
        slack_s = TIMESTAMP_SLACK_S + TIMESTAMP_SLACK_SHARE * execution.ends_s
        begin, end = SPOT_MEAN_TIME
        width_s = execution.ends_s - execution.opens_s
        early = rows.time_s < execution.opens_s + begin * width_s - slack_s
        late = rows.time_s > execution.opens_s + end * width_s + slack_s
        if (early | late).any():
            worst = int(np.flatnonzero(early | late)[0])
            raise self._foreign(
                f"reading {worst} is stamped {rows.time_s[worst]:.9g} s and was due at "
                f"{execution.ends_s[worst]:.9g} s"
            )

    def _foreign(self, why: str) -> InstrumentError:
        self._instrument.suspect(why)
        return InstrumentError(
            f"the PMU's data are of another test: {why}; nothing of them is taken"
        )
