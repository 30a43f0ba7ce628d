"""Output, terminals, language, display and system settings.

Source: Model 2450 Reference Manual 2450-901-01 Rev B, pages 6-31 and 6-91 to 6-102, appendix B
(``*LANG``).
"""

from typing import TYPE_CHECKING

from hil.simulators.instruments.scpi.declare import Derived, Setting, command, query
from hil.simulators.instruments.scpi.values import Boolean, Choice, Number, Text

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2450.native import Native2450

_MODES = ("NORMal", "HIMPedance", "ZERO", "GUARd")


class Output:
    """``:OUTPut``."""

    state = Derived(
        "[:STATe]",
        Boolean(),
        lambda part: part.engine.channel.on,
        lambda part, on: part.engine.switch(on),
        default=False,
    )
    voltage_mode = Setting(":VOLTage:SMODe", Choice(*_MODES), "NORM")
    current_mode = Setting(":CURRent:SMODe", Choice(*_MODES), "NORM")
    needs_interlock = Setting(":INTerlock[:STATe]", Boolean(), default=False)

    def __init__(self, engine: "Native2450") -> None:
        self.engine = engine

    @property
    def modes(self) -> dict[str, str]:
        """How the output is left, by source function."""
        return {"VOLT": self.voltage_mode, "CURR": self.current_mode}

    @property
    def blocked(self) -> bool:
        """Whether an open interlock forbids the output: always above 42 V, else if asked for."""
        if not self.engine.interlock_open:
            return False
        function = self.engine.functions[self.engine.source_function]
        volts = function.limit if function.name == "CURR" else abs(function.level)
        return self.needs_interlock or volts > HAZARDOUS_V

    @needs_interlock.then
    def _heed(self, needs: bool) -> None:
        del needs
        self.engine.heed_interlock()

    @query(":INTerlock:TRIPped")
    def _closed(self) -> str:
        return "0" if self.engine.interlock_open else "1"


HAZARDOUS_V = 42.0
"""Above this the output needs a closed interlock (manual, section 2, interlock)."""


class System:
    """``:SYSTem``, ``:ROUTe``, ``:DISPlay`` and the rest."""

    terminals = Setting(":ROUTe:TERMinals", Choice("FRONt", "REAR"), "FRON")
    function = Derived(
        ":SOURce[1]:FUNCtion[:MODE]",
        Choice("VOLTage", "CURRent"),
        lambda part: part.engine.source_function,
        lambda part, function: part.engine.choose(function),
        "VOLT",
    )
    screen = Setting(":DISPlay:LIGHt:STATe", Choice(
        "ON100", "ON75", "ON50", "ON25", "OFF", "BLACkout",
    ), "ON50")  # fmt: skip

    def __init__(self, engine: "Native2450") -> None:
        self.engine = engine
        self.line_hz = 60

    @query(":SYSTem:LFRequency")
    def _line(self) -> str:
        return str(self.line_hz)

    @terminals.then
    def _routed(self, terminals: str) -> None:
        del terminals
        self.engine.switch(False)

    @command(":SYSTem:BEEPer[:IMMediate]", Number("HZ", 20, 8000), Number("S", 0.001, 100))
    def _beep(self, frequency_hz: float, duration_s: float) -> None:
        """Make no sound."""

    @command(":SYSTem:CLEar")
    def _clear(self) -> None:
        self.engine.status.errors.clear()

    @command(":STATus:CLEar")
    def _forget(self) -> None:
        self.engine.status.event = 0
        for register in self.engine.status.registers.values():
            register.event = 0

    @query(":SYSTem:EVENtlog:NEXT")
    def _next(self) -> str:
        return self.engine.next_error()

    @command(":DISPlay:SCReen", Choice("HOME", "HOME_LARGe_reading", "SWIPE_USER", "SWIPE_GRAPh"))
    @command(":DISPlay:USER{1:2}:TEXT[:DATA]", Text())
    @command(":DISPlay:CLEar")
    def _show(self, *what: object) -> None:
        """Show nothing."""
