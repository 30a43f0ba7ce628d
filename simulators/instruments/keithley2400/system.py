"""Output, terminals, display and system settings.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, tables 18-4, 18-5, 18-8 and 18-9.
"""

from typing import TYPE_CHECKING, Any

from hil.simulators.instruments.scpi.declare import Derived, Setting, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument
from hil.simulators.instruments.scpi.values import Boolean, Choice, Number, Text, Whole

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400

BLOCKED = 802


class AutoZero(Boolean):
    """ON, OFF or ONCE, which leaves it off."""

    def read(self, argument: Argument, owner: Any, default: bool | None = None) -> bool:
        """Read a switch."""
        if argument.kind == "word" and argument.text.upper() == "ONCE":
            return False
        return super().read(argument, owner, default)


class Output:
    """``:OUTPut``; the interlock is the output-enable line, which counts only if asked for."""

    state = Derived(
        "[:STATe]",
        Boolean(),
        lambda part: part.engine.channel.on,
        lambda part, on: part.engine.switch(on),
        default=False,
    )
    mode = Setting(":SMODe", Choice("HIMPedance", "NORMal", "ZERO", "GUARd"), "NORM")
    needs_interlock = Setting(":ENABle[:STATe]", Boolean(), default=False)

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self.engine = engine

    interlock = Derived(
        ":INTerlock[:STATe]",
        Boolean(),
        lambda part: part.needs_interlock,
        lambda part, on: part.require(on),
        default=False,
    )

    @needs_interlock.then
    def require(self, on: bool) -> None:
        """Make the output depend on the interlock, or no longer."""
        self.needs_interlock = on
        self.engine.heed_interlock()

    @property
    def blocked(self) -> bool:
        """Whether the interlock keeps the output off."""
        return self.needs_interlock and self.engine.interlock_open

    @query(":ENABle:TRIPped")
    def _enabled(self) -> str:
        return "0" if self.engine.interlock_open else "1"

    @query(":INTerlock:TRIPped")
    def _closed(self) -> str:
        return self._enabled()


class System:
    """``:SYSTem``, ``:ROUTe`` and ``:DISPlay``."""

    auto_zero = Setting(":SYSTem:AZERo[:STATe]", AutoZero(), default=True)
    remote_sense = Setting(":SYSTem:RSENse", Boolean(), default=False)
    guard = Setting(":SYSTem:GUARd", Choice("OHMS", "CABLe"), "CABL")
    line_hz = Setting(":SYSTem:LFRequency", Whole(50, 60), 60, kept=True)
    line_auto = Setting(":SYSTem:LFRequency:AUTO", Boolean(), default=False, kept=True)
    beeper = Setting(":SYSTem:BEEPer:STATe", Boolean(), default=True)
    range_changes = Setting(":SYSTem:RCMode", Choice("SINGle", "MULTiple"), "SING")
    resets_time = Setting(":SYSTem:TIME:RESet:AUTO", Boolean(), default=False)
    terminals = Setting(":ROUTe:TERMinals", Choice("FRONt", "REAR"), "FRON")
    display = Setting(":DISPlay:ENABle", Boolean(), default=True)
    digits = Setting(":DISPlay:DIGits", Whole(4, 7), 6)

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self.engine = engine
        self.began_s = 0.0
        """From when on time stamps count (s)."""

    @line_hz.check
    def _real(self, line_hz: int) -> int:
        if line_hz not in (50, 60):
            raise ScpiError(-222)
        return line_hz

    @terminals.then
    def _routed(self, terminals: str) -> None:
        del terminals
        self.engine.switch(False)

    @command(":SYSTem:TIME:RESet")
    def _reset_time(self) -> None:
        self.began_s = self.engine.now_s

    @query(":SYSTem:TIME")
    def _time(self) -> str:
        return self.engine.spelling.real(self.engine.now_s - self.began_s)

    @command(":SYSTem:BEEPer[:IMMediate]", Number("HZ", 65, 2e6), Number("S", 0, 7.9))
    def _beep(self, frequency_hz: float, duration_s: float) -> None:
        """Make no sound."""

    @command(":SYSTem:CLEar")
    def _clear(self) -> None:
        self.engine.status.errors.clear()

    @command(":SYSTem:PRESet")
    def _preset(self) -> None:
        self.engine.reset()

    @command(":SYSTem:LOCal")
    @command(":SYSTem:REMote")
    @command(":SYSTem:RWLock")
    @command(":DISPlay:CNDisplay")
    def _nothing(self) -> None:
        """Only the front panel would change."""

    @command(":DISPlay[:WINDow{1:2}]:TEXT[:DATA]", Text())
    @command(":DISPlay[:WINDow{1:2}]:TEXT:STATe", Boolean())
    def _show(self, window: int, text: object) -> None:
        """Show nothing."""

    @query(":STATus:QUEue[:NEXT]")
    def _next(self) -> str:
        return self.engine.next_error()

    @command(":STATus:QUEue:CLEar")
    def _forget(self) -> None:
        self.engine.status.errors.clear()
