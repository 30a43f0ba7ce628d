"""A small instrument that speaks SCPI, with a little of everything, in this process."""

from typing import Any, ClassVar

from hil.clock import VirtualClock
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.declare import (
    Derived,
    Maybe,
    Quantity,
    Rest,
    Setting,
    command,
    query,
)
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.instrument import ScpiInstrument
from hil.simulators.instruments.scpi.values import (
    Block,
    Boolean,
    Choice,
    Number,
    Spelling,
    Text,
    Whole,
)
from hil.virtual import LabPlan


class Channel:
    """What there is twice."""

    level_v = Setting("VOLTage[:LEVel][:IMMediate][:AMPLitude]", Number("V", -5, 5), 0.0)
    limit_v = Quantity("VOLTage:LIMit:HIGH", "V", -10, lambda c: c.most_v, 5.0)
    on = Setting("STATe", Boolean(), False)
    mode = Setting("FUNCtion[:MODE]", Choice("VOLTage", "CURRent"), "VOLT")
    frequency_hz = Setting("FREQuency", Number("HZ"), 1e3)
    load_ohm = Setting("LOAD", Number("OHM", 1, 1e6, infinite=True), 50.0)
    period_s = Derived(
        "PERiod", Number("S"), lambda c: 1 / c.frequency_hz,
        lambda c, value: setattr(c, "frequency_hz", 1 / value),
    )  # fmt: skip
    most_v = 10.0

    def __init__(self) -> None:
        self.seen: list[float] = []

    @level_v.check
    def _refuse(self, level_v: float) -> float:
        if level_v > self.limit_v:
            raise ScpiError(-222)
        return round(level_v, 3)

    @level_v.then
    def _see(self, level_v: float) -> None:
        self.seen.append(level_v)


class Sample(ScpiInstrument):
    """The instrument."""

    spelling: ClassVar[Spelling] = Spelling("{:+.6E}".format, str)
    most_errors: ClassVar[int] = 5

    kept = Setting("KEPT", Whole(0, 100), 7, kept=True)
    data = Setting("DATA", Block(), b"")
    title = Setting("TITLe", Text(), "")
    quoted = Setting("SENSe[1]:FUNCtion", Choice("CURRent[:DC]", "VOLTage", quoted='"'), "VOLT")

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.channels = {1: Channel(), 2: Channel()}
        self.declare_each(self.channels, "[:SOURce{1:2}]")
        self.made: list[Any] = []
        self.over_s = 0.0
        self.triggers = 0

    def identity(self) -> str:
        return "NOBODY,SAMPLE,0,1.0"

    def ends_s(self) -> float:
        return self.over_s

    def triggered(self) -> None:
        if self.triggers >= 2:
            raise ScpiError(-211)
        self.triggers += 1

    @command("TRACe:MAKE", Text(), Whole(10, 100), Maybe(Choice("FULL", "COMPact")))
    def _make(self, name: str, size: int, style: str | None) -> None:
        self.made.append((name, size, style))

    @command("LINE{3:6}:SET", Rest(Number("A")))
    def _line(self, number: int, *values: float) -> None:
        self.made.append((number, values))

    @command("RUN", Number("S"))
    def _run(self, lasting_s: float) -> None:
        self.over_s = self.now_s + lasting_s

    @query("ECHO", Text(bare=True))
    def _echo(self, text: str) -> str:
        return text

    @query("CALCulate3:DATA")
    def _calculated(self) -> str:
        return "3"


class Bare:
    """The instrument with its lab."""

    def __init__(self) -> None:
        self.lab = Lab(LabPlan(instruments={}, wiring={}, model="resistor"))
        self.it = Sample("sample", self.lab, {})

    def say(self, message: str | bytes) -> str | None:
        """Send a message; its answer."""
        wire = message.encode("latin-1") if isinstance(message, str) else message
        answer = self.it.handle(wire)
        return None if answer is None else answer.decode("latin-1")

    def errors(self) -> list[int]:
        """Read the error queue."""
        found = []
        while (answer := self.say("SYST:ERR?")) != '0,"No error"':
            assert answer is not None
            found.append(int(answer.split(",")[0]))
        return found

    def tell(self, message: str | bytes) -> list[int]:
        """Send a message without queries; what was wrong with it."""
        assert self.say(message) is None
        return self.errors()

    def sleep(self, duration_s: float) -> None:
        assert isinstance(self.lab.clock, VirtualClock)
        self.lab.clock.sleep(duration_s)
