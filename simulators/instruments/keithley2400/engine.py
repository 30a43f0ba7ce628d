"""A source meter that speaks SCPI as the 2400 series does: settings, runs, readings.

A run is what `:INITiate` starts: arm count times trigger count source-delay-measure cycles. It is
handed to the channel as a whole and plays on the cell as time passes; while it runs, nothing but
`unconfirmed.AT_ONCE` is obeyed before it is over.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, sections 9 to 11, 17 and 18.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from hil.simulators.instruments.keithley2400.measuring import Measuring
from hil.simulators.instruments.keithley2400.model import Personality
from hil.simulators.instruments.keithley2400.readings import Format
from hil.simulators.instruments.keithley2400.run import MEASUREMENT, OUTPUT_OFF, Run
from hil.simulators.instruments.keithley2400.sense import Resistance, Sense, SenseFunction
from hil.simulators.instruments.keithley2400.source import (
    EXCEEDS_POWER,
    Lists,
    Source,
    SourceFunction,
)
from hil.simulators.instruments.keithley2400.system import BLOCKED, Output, System
from hil.simulators.instruments.keithley2400.trace import Statistics, Trace
from hil.simulators.instruments.keithley2400.trigger import Arm, Triggers
from hil.simulators.instruments.keithley2400.unconfirmed import (
    AT_ONCE,
    SETTING_FORM,
)
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Unit
from hil.simulators.instruments.scpi.status import OPERATION, QUESTIONABLE
from hil.simulators.instruments.scpi.values import Spelling
from hil.simulators.instruments.smu.channel import Channel
from hil.simulators.instruments.smu.engine import SourcemeterEngine
from hil.simulators.instruments.smu.model import OVERRANGE, Level

EXECUTION_ERRORS = range(800, 900)
"""Positive codes that set the execution-error bit (manual, table B-1)."""


class Sourcemeter2400(SourcemeterEngine):
    """The language and the instrument behind it.

    Parameters
    ----------
    name : str
        What the lab calls it.
    lab : Lab
        Clock, cells and logs.
    personality : Personality
        Which instrument it is.
    channel : Channel
        Its output.

    Attributes
    ----------
    functions : dict of str to SourceFunction
        VOLT and CURR.
    senses : dict of str to SenseFunction
        VOLT and CURR.
    """

    spelling: ClassVar[Spelling] = Spelling(SETTING_FORM, str)
    register_names: ClassVar[Mapping[int, str]] = {
        MEASUREMENT: "MEASurement", QUESTIONABLE: "QUEStionable", OPERATION: "OPERation",
    }  # fmt: skip
    error_texts: ClassVar[Mapping[int, str]] = {
        -214: "Trigger deadlock",
        800: "Illegal with storage active",
        BLOCKED: "OUTPUT blocked by interlock",
        OUTPUT_OFF: "Not permitted with OUTPUT off",
        822: "Too small for sense range",
        823: "Invalid with source read-back on",
        824: "Cannot exceed compliance range",
        EXCEEDS_POWER: "Attempt to exceed power limit",
        830: "Invalid with INF ARM:COUNT",
    }
    version: ClassVar[str] = "1996.0"
    blocked_error: ClassVar[int] = BLOCKED
    run: Run
    output: Output

    def __init__(self, name: str, lab: Lab, personality: Personality, channel: Channel) -> None:
        super().__init__(name, lab, channel)
        self.personality = personality
        self._build()
        self.run = Run(self)
        self.reset()

    def _build(self) -> None:
        measurement = self.status.registers[MEASUREMENT]
        self.source = Source(self)
        self.functions = {"VOLT": SourceFunction(self, current=False),
                          "CURR": SourceFunction(self, current=True)}  # fmt: skip
        self.sense = Sense(self)
        self.senses = {"VOLT": SenseFunction(self, current=False),
                       "CURR": SenseFunction(self, current=True)}  # fmt: skip
        self.arm, self.triggers = Arm(self), Triggers(self)
        self.format, self.output, self.system = Format(), Output(self), System(self)
        self.trace = Trace(self.format, measurement)
        self.resistance = Resistance(self)
        for name, node in (("VOLT", "VOLTage"), ("CURR", "CURRent")):
            self.declare(self.functions[name], f":SOURce[1]:{node}")
            self.declare(Lists(self.functions[name]), f":SOURce[1]:LIST:{node}")
            self.declare(self.senses[name], f":SENSe[1]:{node}[:DC]")
        self.declare(self.source, ":SOURce[1]")
        self.declare(self.sense, ":SENSe[1]")
        self.declare(self.resistance, ":SENSe[1]:RESistance")
        self.declare(self.arm, ":ARM[:SEQuence[1]][:LAYer[1]]")
        self.declare(self.triggers, ":TRIGger[:SEQuence[1]]")
        self.declare(self.format, ":FORMat")
        self.declare(self.output, ":OUTPut[1]")
        self.declare(self.system)
        for root in (":TRACe", ":DATA"):
            self.declare(self.trace, root)
        self.declare(Statistics(self.format, self.trace), ":CALCulate3")
        self.declare(Measuring(self))

    # -- what the lab asks for ----------------------------------------------------------------
    def triggered(self) -> None:
        """Obey ``*TRG``: begin the pass that waits for it."""
        self.run.trigger()

    def _obey(self, unit: Unit, path: str) -> str:
        if self.run.is_on and unit.header.lstrip(":") not in AT_ONCE:
            self.wait()
        return super()._obey(unit, path)

    # -- what it says of itself ---------------------------------------------------------------
    def identity(self) -> str:
        """Answer ``*IDN?``."""
        return self.personality.identity

    def told_error(self, code: int, text: str, detail: str, at_s: float) -> str:
        """Answer ``:SYSTem:ERRor?``; positive codes have a sign."""
        del detail, at_s
        return f'{code:+d},"{text}"' if code > 0 else f'{code},"{text}"'

    def error(self, code: int, detail: str = "") -> None:
        """Put an error into the queue; the instrument's own are execution errors."""
        before = self.status.event
        super().error(code, detail)
        if code in EXECUTION_ERRORS:
            self.status.event = before | 16

    def reset(self) -> None:
        """Obey ``*RST`` (tables 18-3 to 18-11)."""
        self.switch(False)
        super().reset()
        for function in self.functions.values():
            function.reset()
        for sense in self.senses.values():
            sense.reset()
        self.sense.reset()
        self.format.reset()
        self.run.rows = []
        self.changed()

    # -- source and output --------------------------------------------------------------------
    def level(self, value: float | None = None) -> Level:
        """Make what the settings force: the level, or *value* instead of it.

        The limit is the compliance, or 105 % of a fixed measure range below it.
        """
        source, sense = self.functions[self.forced], self.senses[self._limiting]
        value = source.level if value is None else value
        limit = min(sense.protection, OVERRANGE * (sense.fixed or math.inf))
        protection_v = abs(self.source.protection_v)
        if source.current:
            return Level(True, value, min(limit, protection_v))
        return Level(False, max(min(value, protection_v), -protection_v), limit)

    def changed(self) -> None:
        """Bring the output to what the settings force."""
        level = self.level()
        if level != self.channel.level or self.run.is_on:
            self.run.stop()
            self.channel.force(level, self.now_s)

    def refuse_power(
        self, current: bool, value: float | None = None, limit: float | None = None
    ) -> None:
        """Raise ScpiError if a level and a limit together are more than the instrument can do."""
        forced, limiting = ("CURR", "VOLT") if current else ("VOLT", "CURR")
        value = abs(self.functions[forced].level if value is None else value)
        limit = self.senses[limiting].protection if limit is None else limit
        volts, amperes = (limit, value) if current else (value, limit)
        if self.source.function == forced and amperes > self._most_a(volts):
            raise ScpiError(EXCEEDS_POWER)

    def protects(self) -> bool:
        """Tell whether over-voltage protection holds the source."""
        return abs(self.functions[self.forced].level) > abs(self.source.protection_v)

    def limited(self, *, by_current: bool) -> bool:
        """Tell whether the output is in current (or voltage) compliance just now."""
        if not self.channel.on or by_current == self.channel.level.current:
            return False
        found = self.channel.limited(self.now_s)
        self.spend(self.personality.point_s)
        return found

    def _most_a(self, volts: float) -> float:
        return self.personality.channel.most_a(volts) * (1 + 1e-9)

    @property
    def forced(self) -> str:
        """Which function the source has: VOLT or CURR."""
        return "CURR" if self.source.function == "CURR" else "VOLT"

    @property
    def _limiting(self) -> str:
        return "VOLT" if self.forced == "CURR" else "CURR"

    @property
    def range_limits(self) -> bool:
        """Whether a fixed measure range limits the output, not the compliance."""
        return self.channel.level.limit < self.senses[self._limiting].protection * (1 - 1e-9)

    @property
    def falls(self) -> bool:
        """Whether the output goes to 0 V before its relay opens."""
        return self.output.mode != "HIMP"

    # -- memory -------------------------------------------------------------------------------
    def memory(self) -> list[dict[str, Any]]:
        """Give a copy of the settings that a source memory holds."""
        return [{name: value for name, value in vars(part).items() if name.endswith("_is")}
                | ({"cycles": part.cycles, "functions": {*part.functions}}
                   if isinstance(part, Sense) else {})
                for part in self._kept]  # fmt: skip

    def recall(self, memory: list[dict[str, Any]]) -> None:
        """Go back to settings that were kept, with nothing else happening."""
        for part, settings in zip(self._kept, memory, strict=True):
            for name in [name for name in vars(part) if name.endswith("_is")]:
                del part.__dict__[name]
            part.__dict__.update(settings)

    @property
    def _kept(self) -> list[Any]:
        return [
            *self.functions.values(), *self.senses.values(), self.sense, self.source,
        ]  # fmt: skip
