"""The :SOURce commands: level, range, delay, staircase and list sweeps, source memory.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, sections 10 and 18 (tables 18-7).
Not modelled: triggered levels, scaling factors, the soak time, the digital output port (SOURce2),
jumps on limits in a source memory sweep.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from hil.simulators.instruments.keithley2400.kinds import Own
from hil.simulators.instruments.keithley2400.unconfirmed import LIST_AT_ONCE, WITHOUT_COMPLIANCE_V
from hil.simulators.instruments.scpi.declare import Derived, Rest, Setting, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Boolean, Choice, Number, Whole
from hil.simulators.instruments.smu.model import OVERRANGE

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400

MOST_POINTS = 2500
MEMORIES = 100
EXCEEDS_POWER = 826


def _most(part: "SourceFunction") -> float:
    return part.most


def _least(part: "SourceFunction") -> float:
    return -part.most


def _levels(**settings: Any) -> Setting[float]:
    return Setting(default=0.0, kind=Own(_least, _most), **settings)


class SourceFunction:
    """``:SOURce:VOLTage`` or ``:SOURce:CURRent``: what is forced, in V or A.

    Parameters
    ----------
    engine : Sourcemeter2400
        Whose it is.
    current : bool
        Which of the two.
    """

    level = _levels(pattern="[:LEVel][:IMMediate][:AMPLitude]")
    mode = Setting(":MODE", Choice("FIXed", "SWEep", "LIST"), "FIX")
    full_scale = Setting(":RANGe", Own(_least, _most), 0.0)
    """105 % of the range, which is also what the query answers (a 2400 says 21 for 20 V)."""
    auto_range = Setting(":RANGe:AUTO", Boolean(), default=True)
    start = _levels(pattern=":STARt")
    stop = _levels(pattern=":STOP")
    center = Derived(
        ":CENTer",
        Own(_least, _most),
        lambda part: (part.start + part.stop) / 2,
        lambda part, value: part.spread(value, part.stop - part.start),
    )
    span = Derived(
        ":SPAN",
        Own(lambda part: -2 * part.most, lambda part: 2 * part.most),
        lambda part: part.stop - part.start,
        lambda part, value: part.spread((part.start + part.stop) / 2, value),
    )
    step = Derived(
        ":STEP",
        Own(lambda part: -2 * part.most, lambda part: 2 * part.most),
        lambda part: part.wanted_step or part.step_of(),
        lambda part, value: part.set_step(value),
    )

    def __init__(self, engine: "Sourcemeter2400", *, current: bool) -> None:
        self.engine = engine
        self.current = current
        self.unit = "A" if current else "V"
        self.most = engine.personality.most_a if current else engine.personality.most_v
        self.list: list[float] = [0.0]
        self.list_start = 1
        self.wanted_step = 0.0
        """Distance of two points of a sweep, if it was named and not their number (V or A)."""

    @level.check
    def _checked(self, value: float) -> None:
        if not self.auto_range and abs(value) > self.full_scale * (1 + 1e-9):
            raise ScpiError(-222)
        self.engine.refuse_power(self.current, value)

    @level.then
    def _forced(self, value: float) -> None:
        if self.auto_range:
            self.full_scale = self._snapped(value)
        self.engine.changed()

    @full_scale.check
    def _snapped(self, value: float) -> float:
        model = self.engine.personality.channel
        return OVERRANGE * model.range_of(value, current=self.current)

    @full_scale.then
    def _fixed(self, value: float) -> None:
        del value
        self.auto_range = False
        self.level = float(np.clip(self.level, -self.full_scale, self.full_scale))
        self.engine.changed()

    @start.then
    @stop.then
    def _moved(self, value: float) -> None:
        del value
        if self.wanted_step:
            self.set_step(self.wanted_step)

    def reset(self) -> None:
        """Go to what ``*RST`` leaves (table 18-7): 100 uA and 20 V."""
        self.wanted_step = 0.0
        self.full_scale = self._snapped(1e-4 if self.current else 20.0)
        self.list, self.list_start = [0.0], 1

    def spread(self, center: float, span: float) -> None:
        """Set start and stop by their middle and their distance."""
        self.start, self.stop = center - span / 2, center + span / 2
        self._moved(0.0)

    def step_of(self) -> float:
        """Tell the distance of two points of a linear sweep."""
        return (self.stop - self.start) / (self.engine.source.points - 1)

    def set_step(self, step: float) -> None:
        """Set the number of points by their distance, as soon as start and stop fit to it."""
        self.wanted_step = abs(step)
        count = round(abs(self.stop - self.start) / self.wanted_step) + 1 if step else 0
        if 2 <= count <= MOST_POINTS:
            self.engine.source.points = count

    def swept(self, *, logarithmic: bool, down: bool) -> list[float]:
        """List the levels of a staircase sweep."""
        count = self.engine.source.points
        ends = (self.stop, self.start) if down else (self.start, self.stop)
        if not logarithmic:
            return [float(value) for value in np.linspace(*ends, count)]
        if ends[0] * ends[1] <= 0:
            raise ScpiError(-221)
        return [float(value) for value in np.geomspace(*ends, count)]

    def points(self) -> list[float]:
        """List the levels of a run, one for each trigger; they begin again when they are over."""
        source = self.engine.source
        if self.mode == "FIX":
            return [self.level]
        if self.mode == "LIST":
            return self.list[self.list_start - 1 :] or self.list
        levels = self.swept(logarithmic=source.spacing == "LOG", down=source.direction == "DOWN")
        if source.ranging == "FIX":
            return [float(np.clip(one, -self.full_scale, self.full_scale)) for one in levels]
        return levels


class Source:
    """``:SOURce``: which function, delay, automatic switching off, sweeps, lists, memory."""

    function = Setting(":FUNCtion[:MODE]", Choice("VOLTage", "CURRent", "MEMory"), "VOLT")
    delay_s = Setting(":DELay", Number("S", 0, 9999.999), 1e-3)
    auto_delay = Setting(":DELay:AUTO", Boolean(), default=True)
    clears = Setting(":CLEar:AUTO", Boolean(), default=False)
    clears_when = Setting(":CLEar:AUTO:MODE", Choice("ALWays", "TCOunt"), "ALW")
    protection_v = Setting(
        ":VOLTage:PROTection[:LEVel]", Number("V", -210, 210), WITHOUT_COMPLIANCE_V
    )
    spacing = Setting(":SWEep:SPACing", Choice("LINear", "LOGarithmic"), "LIN")
    points = Setting(":SWEep:POINts", Whole(2, MOST_POINTS), MOST_POINTS)
    direction = Setting(":SWEep:DIRection", Choice("UP", "DOWN"), "UP")
    ranging = Setting(":SWEep:RANGing", Choice("BEST", "AUTO", "FIXed"), "BEST")
    aborts = Setting(":SWEep:CABort", Choice("NEVer", "EARLy", "LATE"), "NEV")
    memory_points = Setting(":MEMory:POINts", Whole(1, MEMORIES), 1)
    memory_start = Setting(":MEMory:STARt", Whole(1, MEMORIES), 1)

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self.engine = engine
        self.memories: dict[int, Any] = {}

    @function.then
    def _chosen(self, function: str) -> None:
        del function
        self.engine.switch(False)
        self.engine.changed()

    @points.then
    def _counted(self, points: int) -> None:
        del points
        for function in self.engine.functions.values():
            function.wanted_step = 0.0

    @delay_s.then
    def _fixed(self, delay_s: float) -> None:
        del delay_s
        self.auto_delay = False

    @protection_v.then
    def _protected(self, protection_v: float) -> None:
        del protection_v
        self.engine.changed()

    @query(":VOLTage:PROTection:TRIPped")
    def _is_protected(self) -> str:
        return "1" if self.engine.protects() else "0"

    @command(":CLEar[:IMMediate]")
    def _clear(self) -> None:
        self.engine.switch(False)

    @command(":MEMory:SAVE", Whole(1, MEMORIES))
    def _save(self, place: int) -> None:
        self.memories[place] = self.engine.memory()

    @command(":MEMory:RECall", Whole(1, MEMORIES))
    def _recall(self, place: int) -> None:
        if place not in self.memories:
            raise ScpiError(-200)
        self.engine.recall(self.memories[place])


class Lists:
    """``:SOURce:LIST:VOLTage`` or ``:CURRent``: levels of a list sweep."""

    def __init__(self, function: SourceFunction) -> None:
        self._function = function
        self.unit = function.unit
        self.most = function.most

    @command("", Rest(Own(_least, _most)))
    def _set(self, *levels: float) -> None:
        self._function.list = self._few(levels)

    @query("")
    def _all(self) -> str:
        real = self._function.engine.spelling.real
        return ",".join(real(level) for level in self._function.list)

    @command(":APPend", Rest(Own(_least, _most)))
    def _append(self, *levels: float) -> None:
        if len(self._function.list) + len(levels) > MOST_POINTS:
            raise ScpiError(-223)
        self._function.list = self._function.list + self._few(levels)

    @query(":POINts")
    def _count(self) -> str:
        return str(len(self._function.list))

    @command(":STARt", Whole(1, MOST_POINTS))
    def _start(self, place: int) -> None:
        self._function.list_start = place

    @query(":STARt")
    def _started(self) -> str:
        return str(self._function.list_start)

    def _few(self, levels: tuple[float, ...]) -> list[float]:
        if len(levels) > LIST_AT_ONCE:
            raise ScpiError(-223)
        for level in levels:
            self._function.engine.refuse_power(self._function.current, level)
        return list(levels)
