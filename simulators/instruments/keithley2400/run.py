"""Runs: source-delay-measure cycles, what they read, and when.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, sections 10, 11 and 17. Not
modelled: with automatic output-off the output stays on from the first cycle of a run to the last
one, whatever its mode; a run that another instrument's time overtakes stops late on compliance.
"""

import math
from itertools import cycle, islice
from typing import TYPE_CHECKING

from hil.simulators.instruments.keithley2400 import readings
from hil.simulators.instruments.keithley2400.readings import NOT_A_NUMBER, Row
from hil.simulators.instruments.keithley2400.source import MEMORIES
from hil.simulators.instruments.keithley2400.trigger import MOST_READINGS
from hil.simulators.instruments.keithley2400.unconfirmed import AUTOZERO_CONVERSIONS
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.status import OPERATION
from hil.simulators.instruments.smu.model import Integration, Level, Reading, Step
from hil.simulators.instruments.smu.run import BackgroundRun

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400

OUTPUT_OFF = 803
MEASUREMENT = 0
"""Bit of the status byte of the measurement event register."""
AVAILABLE, OVERFLOWED, IN_COMPLIANCE = 1 << 6, 1 << 7, 1 << 14
"""Bits of the measurement event register (section 15)."""
IDLE = 1 << 10
"""Bit of the operation event register (section 15)."""
_AT_ONCE = {"IMM", "TIM"}


class Run(BackgroundRun):
    """What `:INITiate` starts; its parts are passes through the arm layer.

    Attributes
    ----------
    rows : list of Row
        What the last one read (the sample buffer).
    """

    _engine: "Sourcemeter2400"

    def __init__(self, engine: "Sourcemeter2400") -> None:
        super().__init__(engine)
        self.rows: list[Row] = []
        self._next_s = 0.0
        """Before this no pass begins (s)."""
        self._turns_off = False
        engine.status.registers[OPERATION].condition |= IDLE

    def begin(self) -> None:
        """Begin; raises ScpiError -213 while one runs and +803 with the output off."""
        engine = self._engine
        if self.is_on:
            raise ScpiError(-213)
        if not engine.channel.on:
            if not engine.source.clears:
                raise ScpiError(OUTPUT_OFF)
            engine.switch(True)
            self._turns_off = True
        self.rows, self.range_changes = [], 0
        self._left = engine.arm.count or math.inf
        self._next_s = engine.now_s
        self.is_on = True
        engine.status.registers[OPERATION].set(IDLE, on=False)
        try:
            self._go_on()
        except ScpiError:
            self._finish()
            raise

    def trigger(self) -> None:
        """Begin the pass that waits for a trigger of the bus; -211 if none does."""
        waits = self._left > 0 and self._engine.arm.source == "BUS"
        if not waits or self._engine.channel.measures:
            raise ScpiError(-211)
        self._pass()

    @property
    def _stops_at_limit(self) -> bool:
        return self._engine.source.aborts != "NEV"

    def _last_s(self) -> float:
        return self.rows[-1].time_s + self._engine.system.began_s

    def _go_on(self) -> None:
        """Queue the passes that wait for nothing; those without end one by one."""
        engine = self._engine
        if not self.is_on or engine.arm.source not in _AT_ONCE or engine.triggers.source != "IMM":
            return
        while math.isfinite(self._left) and self._left:
            self._pass()
        if self._left and engine.channel.end_s <= engine.now_s:
            self._pass()

    def _pass(self) -> None:
        """Queue one pass: as many cycles as there are triggers."""
        engine = self._engine
        channel, now_s = engine.channel, engine.now_s
        gap_s = self._next_s - max(now_s, channel.end_s)
        if gap_s > 0:
            channel.queue([Step(channel.level, gap_s)], now_s)
        self._next_s = max(now_s, channel.end_s)
        if engine.source.function == "MEM":
            self._queue_memories()
        else:
            wanted = cycle(engine.functions[engine.forced].points())
            levels = [engine.level(one) for one in islice(wanted, engine.triggers.count)]
            self._queue(levels)
        if engine.arm.source == "TIM":
            self._next_s += engine.arm.timer_s
        self._left -= 1

    def _queue(self, levels: list[Level]) -> None:
        engine = self._engine
        integration = self._integration()
        lasting_s = self._lasting_s(integration)
        steps = []
        before = engine.channel.level
        for level in levels:
            if engine.triggers.delay_s:
                steps.append(Step(before, engine.triggers.delay_s))
            steps.append(Step(level, lasting_s, measured=True))
            before = level
        engine.channel.queue(steps, engine.now_s, integration)

    def _queue_memories(self) -> None:
        """Queue one cycle for each trigger with the settings of one memory after the other."""
        engine = self._engine
        first, count = engine.source.memory_start, engine.source.memory_points
        places = [(first - 1 + place) % MEMORIES + 1 for place in range(count)]
        if any(place not in engine.source.memories for place in places):
            raise ScpiError(-200)
        for place in islice(cycle(places), engine.triggers.count):
            engine.recall(engine.source.memories[place])
            self._queue([engine.level()])
        engine.source.function = "MEM"

    def _integration(self) -> Integration:
        """Tell how a reading is integrated."""
        engine = self._engine
        cycles = engine.sense.cycles * engine.sense.averaged
        current, voltage = engine.senses["CURR"], engine.senses["VOLT"]
        return Integration(
            cycles / engine.system.line_hz, cycles, current.fixed, voltage.fixed,
            current.lowest, voltage.lowest,
        )  # fmt: skip

    def _lasting_s(self, integration: Integration) -> float:
        """Tell how long a cycle lasts: source delay, all conversions, what lies between (s)."""
        engine = self._engine
        measured = engine.sense.functions
        conversions = max(len(measured - {"RES"}), 2 if "RES" in measured else 1)
        conversions *= AUTOZERO_CONVERSIONS if engine.system.auto_zero else 1
        delay_s = engine.source.delay_s
        return delay_s + conversions * integration.aperture_s + engine.personality.point_s

    def _finish(self) -> None:
        if not self.is_on:
            return
        self.is_on = False
        self._left = 0.0
        self._engine.status.registers[OPERATION].set(IDLE)
        if self._turns_off:
            self._turns_off = False
            self._engine.switch(False)

    def _collect(self) -> None:
        """Take what has been measured."""
        reading = self._engine.channel.taken()
        for place in range(len(reading.time_s)):
            row = self._row(reading, place)
            self.rows.append(row)
            self._engine.trace.take(row)
        del self.rows[:-MOST_READINGS]

    def _row(self, reading: Reading, place: int) -> Row:
        """Make what is told of a reading, and note what it means for the status."""
        engine = self._engine
        told, over = readings.told(reading, place)
        ohm = readings.resistance(told["VOLT"], told["CURR"])
        for name in {*told} - engine.sense.functions:
            forced = name == engine.forced
            told[name] = float(reading.level[place]) if forced else NOT_A_NUMBER
        if "RES" not in engine.sense.functions:
            ohm = NOT_A_NUMBER
        compliance = bool(reading.compliance[place])
        overflow = any(over[name] for name in engine.sense.functions & {*over})
        engine.status.registers[MEASUREMENT].flash(
            AVAILABLE | OVERFLOWED * overflow | IN_COMPLIANCE * compliance
        )
        self._take_ranges(reading, place)
        time_s = float(reading.time_s[place]) - engine.system.began_s
        return Row(told["VOLT"], told["CURR"], ohm, time_s, self._status(compliance, overflow))

    def _take_ranges(self, reading: Reading, place: int) -> None:
        for name, ends in (("VOLT", reading.range_v), ("CURR", reading.range_a)):
            sense = self._engine.senses[name]
            if name in self._engine.sense.functions and sense.auto_range:
                self.range_changes += sense.took(float(ends[place]))

    def _status(self, compliance: bool, overflow: bool) -> int:
        """Make the status word of a reading."""
        engine = self._engine
        functions, forced = engine.sense.functions, engine.forced
        bits = {
            readings.OVERRANGE: overflow,
            readings.FILTER: engine.sense.filters,
            readings.FRONT_REAR: engine.system.terminals == "FRON",
            readings.COMPLIANCE: compliance,
            readings.PROTECTED: engine.protects(),
            readings.AUTO_OHMS: engine.resistance.mode == "AUTO",
            readings.MEASURES_V: "VOLT" in functions,
            readings.MEASURES_A: "CURR" in functions,
            readings.MEASURES_OHM: "RES" in functions,
            readings.SOURCES_V: forced == "VOLT",
            readings.SOURCES_A: forced == "CURR",
            readings.RANGE_COMPLIANCE: compliance and engine.range_limits,
            readings.REMOTE_SENSE: engine.system.remote_sense,
        }
        return sum(bit for bit, is_set in bits.items() if is_set)
