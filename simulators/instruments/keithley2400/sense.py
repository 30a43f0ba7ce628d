"""The :SENSe commands: functions, ranges, compliance, integration, filter.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, table 18-6. Not modelled: the
current that automatic ohms chooses (resistance is what the two meters tell, V/I, in both modes),
offset compensation, advanced filters.
"""

from typing import TYPE_CHECKING

from hil.simulators.instruments.keithley2400.kinds import FUNCTIONS, Function, Own
from hil.simulators.instruments.scpi.declare import Derived, Rest, Setting, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Boolean, Choice, Number, Whole
from hil.simulators.instruments.smu.model import OVERRANGE

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400

TOO_SMALL_FOR_RANGE = 822
INVALID_WITH_READ_BACK = 823
BEYOND_COMPLIANCE_RANGE = 824
LEAST_SHARE = 1e-3
"""The lowest compliance, part of the measure range (SPEC-2400)."""

_CYCLES = Number("", 0.01, 10)


def _most(part: "SenseFunction") -> float:
    return part.most


def _least(part: "SenseFunction") -> float:
    return -part.most


def _lowest(part: "SenseFunction") -> float:
    return LEAST_SHARE * part.ranges[0]


class SenseFunction:
    """``:SENSe:CURRent`` or ``:SENSe:VOLTage``: how one of them is measured and limited."""

    full_scale = Setting(":RANGe[:UPPer]", Own(_least, _most), 0.0)
    """105 % of the range, which is also what the query answers."""
    auto_range = Setting(":RANGe:AUTO", Boolean(), default=True)
    lowest = Setting(":RANGe:AUTO:LLIMit", Own(_lowest, _most), 0.0)
    protection = Setting(":PROTection[:LEVel]", Own(_lowest, _most), 0.0)
    """Compliance (A or V)."""
    synchronous = Setting(":PROTection:RSYNchronize", Boolean(), default=False)
    cycles = Derived(
        ":NPLCycles",
        _CYCLES,
        lambda part: part.engine.sense.cycles,
        lambda part, value: setattr(part.engine.sense, "cycles", value),
        1.0,
    )

    def __init__(self, engine: "Sourcemeter2400", *, current: bool) -> None:
        model = engine.personality.channel
        self.engine = engine
        self.current = current
        self.name = "CURR" if current else "VOLT"
        self.unit = "A" if current else "V"
        self.most = engine.personality.most_a if current else engine.personality.most_v
        self.ranges = model.ranges_a if current else model.ranges_v

    @property
    def range(self) -> float:
        """The range that is fixed, or was chosen last (A or V)."""
        return self.full_scale / OVERRANGE

    @property
    def fixed(self) -> float | None:
        """The fixed range (A or V); None while it is chosen by the reading."""
        return None if self.auto_range else self.range

    @full_scale.check
    def _snapped(self, value: float) -> float:
        wanted = self._of(value)
        if self.engine.source.function == self.name:
            raise ScpiError(INVALID_WITH_READ_BACK)
        if wanted > self._of(self.protection) * (1 + 1e-9):
            raise ScpiError(BEYOND_COMPLIANCE_RANGE)
        return OVERRANGE * wanted

    @full_scale.then
    def _fixed(self, value: float) -> None:
        del value
        self.auto_range = False
        self.engine.changed()

    @auto_range.then
    def _chosen(self, auto: bool) -> None:
        del auto
        self.engine.changed()

    @protection.check
    def _enough(self, value: float) -> float:
        value = abs(value)
        if not self.auto_range and value < LEAST_SHARE * self.range * (1 - 1e-9):
            raise ScpiError(TOO_SMALL_FOR_RANGE)
        self.engine.refuse_power(not self.current, limit=value)
        return value

    @protection.then
    def _limited(self, value: float) -> None:
        del value
        self.engine.changed()

    @query(":PROTection:TRIPped")
    def _tripped(self) -> str:
        return "1" if self.engine.limited(by_current=self.current) else "0"

    def reset(self) -> None:
        """Go to what ``*RST`` leaves (table 18-6): 100 uA and 20 V, limits at their ends."""
        self.full_scale = OVERRANGE * self._of(1e-4 if self.current else 20.0)
        self.lowest = self.ranges[0]
        self.protection = self.full_scale

    def defaults(self) -> None:
        """Go to what ``:CONFigure`` leaves: autorange."""
        self.auto_range = True
        self.lowest = self.ranges[0]

    def took(self, end: float) -> bool:
        """Remember the range that autorange has chosen (A or V); whether it is another one."""
        before, self.full_scale = self.full_scale, OVERRANGE * end
        return before != self.full_scale

    def _of(self, value: float) -> float:
        return self.engine.personality.channel.range_of(value, current=self.current)


class Resistance:
    """``:SENSe:RESistance``."""

    mode = Setting(":MODE", Choice("AUTO", "MANual"), "AUTO")
    full_scale = Setting(":RANGe[:UPPer]", Number("OHM", 0, 2.1e8), 2.1e5)
    auto_range = Setting(":RANGe:AUTO", Boolean(), default=True)
    compensated = Setting(":OCOMpensated", Boolean(), default=False)
    cycles = Derived(
        ":NPLCycles",
        _CYCLES,
        lambda part: part.engine.sense.cycles,
        lambda part, value: setattr(part.engine.sense, "cycles", value),
        1.0,
    )

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self.engine = engine

    @full_scale.check
    def _snapped(self, ohm: float) -> float:
        ends = [2.1 * 10.0**power for power in range(1, 9)]
        return next(end for end in ends if ohm <= end * (1 + 1e-9))

    @full_scale.then
    def _fixed(self, ohm: float) -> None:
        del ohm
        self.auto_range = False


class Sense:
    """What is common to all functions: which are measured, integration, filter.

    Attributes
    ----------
    cycles : float
        Integration time (power line cycles), of all functions.
    functions : set of str
        What is measured: VOLT, CURR, RES.
    """

    concurrent = Setting(":FUNCtion:CONCurrent", Boolean(), default=True)
    filters = Setting(":AVERage[:STATe]", Boolean(), default=False)
    filter_count = Setting(":AVERage:COUNt", Whole(1, 100), 10)
    filter_kind = Setting(":AVERage:TCONtrol", Choice("MOVing", "REPeat"), "REP")

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self.engine = engine
        self.cycles = 1.0
        self.functions = {"CURR"}

    def reset(self) -> None:
        """Go to what ``*RST`` leaves: current, 1 PLC."""
        self.cycles = 1.0
        self.functions = {"CURR"}

    @property
    def averaged(self) -> int:
        """How many readings the repeating filter averages."""
        return self.filter_count if self.filters and self.filter_kind == "REP" else 1

    @concurrent.then
    def _alone(self, concurrent: bool) -> None:
        if not concurrent:
            self.functions = {"VOLT"}

    @command(":FUNCtion[:ON]", Rest(Function()))
    def _on(self, *names: str) -> None:
        if not self.concurrent and len(names) > 1:
            raise ScpiError(-108)
        self.functions = {*names} | (self.functions if self.concurrent else set())

    @query(":FUNCtion[:ON]")
    def _which(self) -> str:
        return ",".join(f'"{told}"' for name, told in FUNCTIONS.items() if name in self.functions)

    @command(":FUNCtion[:ON]:ALL")
    def _all(self) -> None:
        if self.concurrent:
            self.functions = {*FUNCTIONS}

    @query(":FUNCtion[:ON]:COUNt")
    def _count(self) -> str:
        return str(len(self.functions))

    @command(":FUNCtion:OFF", Rest(Function()))
    def _off(self, *names: str) -> None:
        self.functions -= {*names}

    @command(":FUNCtion:OFF:ALL")
    def _none(self) -> None:
        self.functions = set()

    @query(":FUNCtion:OFF")
    def _which_not(self) -> str:
        left = [told for name, told in FUNCTIONS.items() if name not in self.functions]
        return ",".join(f'"{told}"' for told in left)

    @query(":FUNCtion:STATe", Function())
    def _is_on(self, name: str) -> str:
        return "1" if name in self.functions else "0"
