"""The :SENSe commands: what is measured, ranges, integration, filter, auto-zero.

Source: Model 2450 Reference Manual 2450-901-01 Rev B, pages 6-32 to 6-57. Not modelled: the
source that resistance measurements set up by themselves (V/I of what the settings force), offset
compensation, relative offsets, units other than those of the function.
"""

from typing import TYPE_CHECKING, Any

from hil.simulators.instruments.keithley2400.kinds import FUNCTIONS, Function, Own
from hil.simulators.instruments.scpi.declare import Setting, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Boolean, Choice, Number, Whole

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2450.native import Native2450

_DELAY = Number("S", 0, 10_000)


def _most(part: Any) -> float:
    return 1.05 * float(part.ranges[-1])


def _least(part: Any) -> float:
    return -_most(part)


class SenseFunction:
    """``:SENSe:CURRent``, ``:VOLTage`` or ``:RESistance``.

    Parameters
    ----------
    engine : Native2450
        Whose it is.
    name : str
        CURR, VOLT or RES.
    ranges : tuple of float
        In its unit, the lowest one first.
    """

    chosen_range = Setting(":RANGe[:UPPer]", Own(_least, _most), 0.0)
    auto_range = Setting(":RANGe:AUTO", Boolean(), default=True)
    lowest = Setting(":RANGe:AUTO:LLIMit", Own(lambda part: part.ranges[0], _most), 0.0)
    cycles = Setting(":NPLCycles", Number("", 0.01, 10), 1.0)
    four_wire = Setting(":RSENse", Boolean(), default=False)
    auto_zero = Setting(":AZERo[:STATe]", Boolean(), default=True)
    filters = Setting(":AVERage[:STATe]", Boolean(), default=False)
    filter_count = Setting(":AVERage:COUNt", Whole(1, 100), 10)
    filter_kind = Setting(":AVERage:TCONtrol", Choice("REPeat", "MOVing"), "REP")
    compensated = Setting(":OCOMpensated", Boolean(), default=False)
    shown = Setting(":UNIT", Choice("OHM", "WATT", "AMP", "VOLT"), "")

    def __init__(self, engine: "Native2450", name: str, ranges: tuple[float, ...]) -> None:
        self.engine = engine
        self.name = name
        self.unit = {"CURR": "A", "VOLT": "V", "RES": "OHM"}[name]
        self.ranges = ranges
        self.users_s = dict.fromkeys(range(1, 6), 0.0)

    def reset(self) -> None:
        """Go to what ``*RST`` leaves."""
        self.chosen_range, self.lowest = self.ranges[0], self.ranges[0]
        self.shown = {"CURR": "AMP", "VOLT": "VOLT", "RES": "OHM"}[self.name]
        self.users_s = dict.fromkeys(self.users_s, 0.0)

    @property
    def fixed(self) -> float | None:
        """The fixed range (A or V); None while it is chosen by the reading."""
        return None if self.auto_range else self.chosen_range

    @property
    def averaged(self) -> int:
        """How many readings the repeating filter averages."""
        return self.filter_count if self.filters and self.filter_kind == "REP" else 1

    def took(self, end: float) -> bool:
        """Remember the range that autorange has chosen; whether it is another one."""
        before, self.chosen_range = self.chosen_range, end
        return before != end

    @chosen_range.check
    def _snapped(self, value: float) -> float:
        self.engine.refuse_busy()
        return next(end for end in self.ranges if abs(value) <= 1.05 * end * (1 + 1e-9))

    @chosen_range.then
    def _fixed(self, value: float) -> None:
        del value
        self.auto_range = False

    @cycles.check
    @auto_range.check
    @filters.check
    @filter_count.check
    def _idle(self, value: object) -> None:
        del value
        self.engine.refuse_busy()

    @four_wire.then
    def _rewired(self, four_wire: bool) -> None:
        del four_wire
        self.engine.switch(False)

    @command(":DELay:USER{1:5}", _DELAY)
    def _set_user(self, number: int, delay_s: float) -> None:
        self.users_s[number] = delay_s

    @query(":DELay:USER{1:5}")
    def _user(self, number: int) -> str:
        return self.engine.spelling.real(self.users_s[number])


class Sense:
    """What is common to all functions: which one is measured, how often."""

    count = Setting(":COUNt", Whole(1, 300_000), 1)

    def __init__(self, engine: "Native2450") -> None:
        self._engine = engine
        self.function = "CURR"

    @command(":FUNCtion[:ON]", Function())
    def _choose(self, name: str) -> None:
        self._engine.refuse_busy()
        self.function = name

    @query(":FUNCtion[:ON]")
    def _chosen(self) -> str:
        return f'"{FUNCTIONS[self.function]}"'

    @command(":AZERo:ONCE")
    def _zero(self) -> None:
        if self._engine.run.is_on:
            raise ScpiError(-221)
