"""A 2450 that speaks its own SCPI.

Source: Model 2450 Reference Manual 2450-901-01 Rev B, section 6. What it is: one function is
measured at a time, readings go into buffers, sweeps and loops are trigger models that run in the
background (`run`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from hil.simulators.instruments.keithley2400.readings import OVERFLOW, resistance, told
from hil.simulators.instruments.keithley2450.buffers import (
    FOUR_WIRE,
    LIMITED,
    OUTPUT_ON,
    READ_BACK,
    Buffers,
    Entry,
)
from hil.simulators.instruments.keithley2450.form import Form
from hil.simulators.instruments.keithley2450.measuring import Measuring
from hil.simulators.instruments.keithley2450.model import MODEL_2450, POINT_S
from hil.simulators.instruments.keithley2450.run import Run
from hil.simulators.instruments.keithley2450.sense import Sense, SenseFunction
from hil.simulators.instruments.keithley2450.source import (
    CurrentSource,
    Lists,
    SourceFunction,
    Sweeps,
    VoltageSource,
)
from hil.simulators.instruments.keithley2450.system import Output, System
from hil.simulators.instruments.keithley2450.unconfirmed import (
    AUTOZERO_CONVERSIONS,
    BEGAN,
    BUFFER_EXISTS,
    BUSY,
    FIRST,
    FRONT,
    INTERLOCKED,
    NO_SUCH_BUFFER,
    QUESTIONABLE,
    SETTING_FORM,
)
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Spelling
from hil.simulators.instruments.smu.channel import Channel
from hil.simulators.instruments.smu.engine import SourcemeterEngine
from hil.simulators.instruments.smu.model import Integration, Level, Reading

OHM_RANGES = (20.0, 200.0, 2e3, 2e4, 2e5, 2e6, 2e7, 2e8)


class Native2450(SourcemeterEngine):
    """The language and the instrument behind it.

    Parameters
    ----------
    name : str
        What the lab calls it.
    lab : Lab
        Clock, cells and logs.
    channel : Channel
        Its output.

    Attributes
    ----------
    source_function : str
        VOLT or CURR.
    functions : dict of str to SourceFunction
        VOLT and CURR.
    senses : dict of str to SenseFunction
        VOLT, CURR and RES.
    waits : bool
        Whether the source has moved and its delay is still to come, before the next reading.
    """

    spelling: ClassVar[Spelling] = Spelling(SETTING_FORM, str)
    error_texts: ClassVar[Mapping[int, str]] = dict((INTERLOCKED, NO_SUCH_BUFFER, BUFFER_EXISTS))
    blocked_error: ClassVar[int] = INTERLOCKED[0]
    run: Run
    output: Output

    def __init__(self, name: str, lab: Lab, channel: Channel) -> None:
        super().__init__(name, lab, channel)
        self.source_function = "VOLT"
        self.waits = False
        voltage, current = VoltageSource(self), CurrentSource(self)
        self.functions: dict[str, SourceFunction] = {"VOLT": voltage, "CURR": current}
        model = channel.model
        ranges = {"VOLT": model.ranges_v, "CURR": model.ranges_a, "RES": OHM_RANGES}
        self.senses = {one: SenseFunction(self, one, ends) for one, ends in ranges.items()}
        self.form, self.sense, self.output = Form(), Sense(self), Output(self)
        self.buffers, self.system = Buffers(self.form), System(self)
        self.run = Run(self)
        self._build()
        self.reset()

    def _build(self) -> None:
        for name, node in (("VOLT", "VOLTage"), ("CURR", "CURRent")):
            self.declare(self.functions[name], f":SOURce[1]:{node}")
            self.declare(Lists(self.functions[name]), f":SOURce[1]:LIST:{node}")
            self.declare(Sweeps(self.functions[name]), f":SOURce[1]:SWEep:{node}")
            self.declare(self.senses[name], f":SENSe[1]:{node}[:DC]")
        self.declare(self.senses["RES"], ":SENSe[1]:RESistance")
        self.declare(self.sense, ":SENSe[1]")
        self.declare(self.form, ":FORMat")
        self.declare(self.output, ":OUTPut[1]")
        self.declare(self.buffers, ":TRACe")
        self.declare(self.system)
        self.declare(Measuring(self))

    # -- what the lab asks for ----------------------------------------------------------------
    def triggered(self) -> None:
        """Obey ``*TRG``: an event that nothing waits for."""

    # -- what it says of itself ---------------------------------------------------------------
    def identity(self) -> str:
        """Answer ``*IDN?``."""
        return MODEL_2450.identity

    def no_error(self) -> str:
        """Answer ``:SYSTem:ERRor?`` when there is none."""
        return '0,"No error;0;0 0"'

    def told_error(self, code: int, text: str, detail: str, at_s: float) -> str:
        """Answer ``:SYSTem:ERRor?``: text, type (1 is an error) and time."""
        del detail
        when = BEGAN + timedelta(seconds=at_s)
        return f'{code},"{text};1;{when:%Y/%m/%d %H:%M:%S}.{when.microsecond // 1000:03d}"'

    def reset(self) -> None:
        """Obey ``*RST``."""
        self.switch(False)
        super().reset()
        self.source_function, self.sense.function = "VOLT", "CURR"
        for function in self.functions.values():
            function.reset()
        for sense in self.senses.values():
            sense.reset()
        self.buffers.reset()
        self.run.load(None)
        self.changed()

    # -- source and output --------------------------------------------------------------------
    def level(self, value: float | None = None) -> Level:
        """Make what the settings force: the level, or *value* instead of it."""
        function, voltage = self.functions[self.source_function], self.functions["VOLT"]
        assert isinstance(voltage, VoltageSource)  # noqa: S101
        most_v = voltage.protection_v
        value = function.level if value is None else value
        if self.source_function == "CURR":
            return Level(True, value, min(function.limit, most_v))
        return Level(False, max(min(value, most_v), -most_v), function.limit)

    def changed(self) -> None:
        """Bring the output to what the settings force."""
        level = self.level()
        if level != self.channel.level:
            self.waits |= level.value != self.channel.level.value
            self.channel.force(level, self.now_s)

    def switch(self, on: bool) -> None:
        """Switch the output on or off; off ends a trigger model that runs."""
        goes_on = on and not self.channel.on
        super().switch(on)
        self.waits |= goes_on

    def choose(self, function: str) -> None:
        """Force the other quantity, with the output off."""
        self.refuse_busy()
        if function != self.source_function:
            self.switch(False)
            self.source_function = function
            self.changed()

    def heed_interlock(self) -> None:
        """Switch off if the interlock forbids the output now."""
        was_on = self.channel.on
        super().heed_interlock()
        if self.output.blocked and was_on:
            self.error(INTERLOCKED[0])

    def refuse_busy(self) -> None:
        """Raise ScpiError while a trigger model runs."""
        if self.run.is_on:
            raise ScpiError(BUSY[0])

    def refuse_power(self, function: SourceFunction, value: float, limit: float) -> None:
        """Raise ScpiError if a level and its limit together are more than it can do."""
        volts, amperes = (limit, value) if function.name == "CURR" else (value, limit)
        if abs(amperes) > self.channel.model.most_a(volts) * (1 + 1e-9):
            raise ScpiError(-221)

    def limited(self, function: SourceFunction) -> bool:
        """Tell whether the limit of a function holds the output just now."""
        if not self.channel.on or function.name != self.source_function:
            return False
        found = self.channel.limited(self.now_s)
        self.spend(POINT_S)
        return found

    @property
    def falls(self) -> bool:
        """Whether the output goes to 0 V before its relay opens."""
        return self.output.modes[self.source_function] != "HIMP"

    # -- readings -----------------------------------------------------------------------------
    def integration(self) -> Integration:
        """Tell how a reading is integrated."""
        sense = self.senses[self.sense.function]
        cycles = sense.cycles * sense.averaged
        current, voltage = self.senses["CURR"], self.senses["VOLT"]
        return Integration(
            cycles / self.system.line_hz, cycles,
            current.fixed if sense is current else None,
            voltage.fixed if sense is voltage else None, current.lowest, voltage.lowest,
        )  # fmt: skip

    def lasting_s(self) -> float:
        """Tell how long the conversions of a reading take (s)."""
        sense = self.senses[self.sense.function]
        conversions = AUTOZERO_CONVERSIONS if sense.auto_zero else 1
        return conversions * self.integration().aperture_s

    def entry(self, reading: Reading, place: int, *, first: bool) -> Entry:
        """Make what is stored of a reading."""
        sense, source = self.senses[self.sense.function], self.functions[self.source_function]
        values, over = told(reading, place)
        values["RES"] = resistance(values["VOLT"], values["CURR"])
        forced = values[source.name] if source.reads_back else float(reading.level[place])
        if sense.name in over:
            ends = reading.range_v if sense.name == "VOLT" else reading.range_a
            self.run.range_changes += sense.auto_range and sense.took(float(ends[place]))
        value = values[sense.name]
        status = QUESTIONABLE * (abs(value) >= OVERFLOW) | FIRST * first
        status |= FRONT * (self.system.terminals == "FRON")
        source_status = OUTPUT_ON * self.channel.on | FOUR_WIRE * sense.four_wire
        source_status |= LIMITED * bool(reading.compliance[place]) | READ_BACK * source.reads_back
        return Entry(
            float(reading.time_s[place]), sense.name, value, source.name, forced, status,
            source_status,
        )  # fmt: skip
