"""The :SOURce commands: levels, limits, delays, and what defines a sweep.

Source: Model 2450 Reference Manual 2450-901-01 Rev B, pages 6-58 to 6-90. Not modelled:
configuration lists, high capacitance, over-voltage protection between its named levels.
"""

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hil.simulators.instruments.keithley2400.kinds import Own
from hil.simulators.instruments.keithley2450.unconfirmed import AUTO_DELAY_S
from hil.simulators.instruments.scpi.declare import Maybe, Rest, Setting, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument
from hil.simulators.instruments.scpi.values import (
    Boolean,
    Choice,
    Kind,
    Number,
    Spelling,
    Text,
    Whole,
)

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2450.native import Native2450

MOST_POINTS = 1_000_000
MOST_LISTED, LISTED_AT_ONCE = 2500, 100
_DELAY = Number("S", 0, 10_000)
_SWEEP_DELAY = Maybe(Number("S", -1, 10_000))
_COUNT = Maybe(Whole(0, 268_435_455))
_RANGING = Maybe(Choice("AUTO", "BEST", "FIXed"))
_OPTION = Maybe(Boolean())
_BUFFER = Maybe(Text())


def _most(part: Any) -> float:
    return float(part.most)


def _least(part: Any) -> float:
    return -float(part.most)


_OWN = Own(_least, _most)


class Sweep(NamedTuple):
    """A sweep as it was defined.

    Attributes
    ----------
    function : str
        VOLT or CURR.
    levels : list of float
        One time through (V or A).
    delay_s : float
        At each point, beside the source delay (s).
    times : int
        How often (0: without end).
    aborts : bool
        Whether a reading in compliance ends it.
    buffer : str, optional
        Where readings go.
    """

    function: str
    levels: list[float]
    delay_s: float
    times: int
    aborts: bool
    buffer: str | None


class Protection(Kind[float]):
    """PROT2, PROT5, ... PROT180 or NONE, which is kept as infinite (V)."""

    _levels = (2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180)
    _named = re.compile(r"PROT(\d+)").fullmatch

    def read(self, argument: Argument, owner: Any, default: float | None = None) -> float:
        """Read a name."""
        del owner, default
        word = argument.text.upper()
        found = self._named(word) if argument.kind == "word" else None
        if word == "NONE":
            return np.inf
        if found is None or int(found[1]) not in self._levels:
            raise ScpiError(-224)
        return float(found[1])

    def answer(self, value: float, spelling: Spelling) -> str:
        """Write a name."""
        del spelling
        return "NONE" if np.isinf(value) else f"PROT{value:.0f}"


class SourceFunction:
    """``:SOURce:VOLTage`` or ``:SOURce:CURRent``, in V or A."""

    name: str
    unit: str
    most: float
    limit: Setting[float]
    level = Setting("[:LEVel][:IMMediate][:AMPLitude]", _OWN, 0.0)
    chosen_range = Setting(":RANGe", _OWN, 0.0)
    auto_range = Setting(":RANGe:AUTO", Boolean(), default=True)
    delay_s = Setting(":DELay", _DELAY, AUTO_DELAY_S)
    auto_delay = Setting(":DELay:AUTO", Boolean(), default=True)
    reads_back = Setting(":READ:BACK", Boolean(), default=True)

    def __init__(self, engine: "Native2450") -> None:
        self.engine = engine
        self.users_s = dict.fromkeys(range(1, 6), 0.0)
        self.list: list[float] = []

    def reset(self) -> None:
        """Go to what ``*RST`` leaves."""
        self.chosen_range = self.engine.channel.model.range_of(0.0, current=self.name == "CURR")
        self.users_s = dict.fromkeys(self.users_s, 0.0)
        self.list = []

    @property
    def wait_s(self) -> float:
        """Source delay (s)."""
        return AUTO_DELAY_S if self.auto_delay else self.delay_s

    @level.check
    def _checked(self, value: float) -> None:
        self.engine.refuse_busy()
        self.engine.refuse_power(self, value, self.limit)
        if not self.auto_range and abs(value) > 1.05 * self.chosen_range * (1 + 1e-9):
            raise ScpiError(-222)

    @level.then
    def _forced(self, value: float) -> None:
        if self.auto_range:
            self.chosen_range = self.engine.channel.model.range_of(
                value, current=self.name == "CURR"
            )
        self.engine.changed()

    @chosen_range.check
    def _snapped(self, value: float) -> float:
        self.engine.refuse_busy()
        wanted = self.engine.channel.model.range_of(value, current=self.name == "CURR")
        if abs(self.level) > 1.05 * wanted * (1 + 1e-9):
            raise ScpiError(-221)
        return wanted

    @chosen_range.then
    def _fixed(self, value: float) -> None:
        del value
        self.auto_range = False

    @delay_s.then
    def _delayed(self, delay_s: float) -> None:
        del delay_s
        self.auto_delay = False

    @command(":DELay:USER{1:5}", _DELAY)
    def _set_user(self, number: int, delay_s: float) -> None:
        self.users_s[number] = delay_s

    @query(":DELay:USER{1:5}")
    def _user(self, number: int) -> str:
        return self.engine.spelling.real(self.users_s[number])

    def _limited(self, limit: float) -> None:
        self.engine.refuse_busy()
        self.engine.refuse_power(self, self.level, limit)

    def _tripped(self) -> str:
        return "1" if self.engine.limited(self) else "0"


class VoltageSource(SourceFunction):
    """``:SOURce:VOLTage``."""

    name, unit, most = "VOLT", "V", 210.0
    limit = Setting(":ILIMit[:LEVel]", Number("A", 1e-9, 1.05), 1.05e-4)
    protection_v = Setting(":PROTection[:LEVel]", Protection(), np.inf)

    @limit.check
    def _check_limit(self, limit: float) -> None:
        self._limited(limit)

    @limit.then
    @protection_v.then
    def _changed(self, value: float) -> None:
        del value
        self.engine.changed()

    @query(":ILIMit[:LEVel]:TRIPped")
    def _limit_tripped(self) -> str:
        return self._tripped()

    @query(":PROTection[:LEVel]:TRIPped")
    def _protection_tripped(self) -> str:
        return "1" if abs(self.level) > self.protection_v else "0"


class CurrentSource(SourceFunction):
    """``:SOURce:CURRent``."""

    name, unit, most = "CURR", "A", 1.05
    limit = Setting(":VLIMit[:LEVel]", Number("V", 0.02, 210), 21.0)

    @limit.check
    def _check_limit(self, limit: float) -> None:
        self._limited(limit)

    @limit.then
    def _changed(self, value: float) -> None:
        del value
        self.engine.changed()

    @query(":VLIMit[:LEVel]:TRIPped")
    def _limit_tripped(self) -> str:
        return self._tripped()


class Lists:
    """``:SOURce:LIST:VOLTage`` or ``:CURRent`` (pages 6-78 to 6-80)."""

    def __init__(self, function: SourceFunction) -> None:
        self._function = function
        self.unit, self.most = function.unit, function.most

    @command("", Rest(_OWN))
    def _set(self, *levels: float) -> None:
        self._function.list = self._few(levels)

    @query("")
    def _all(self) -> str:
        return ",".join(map(self._function.engine.spelling.real, self._function.list))

    @command(":APPend", Rest(_OWN))
    def _append(self, *levels: float) -> None:
        if len(self._function.list) + len(levels) > MOST_LISTED:
            raise ScpiError(-223)
        self._function.list = self._function.list + self._few(levels)

    @query(":POINts")
    def _count(self) -> str:
        return str(len(self._function.list))

    def _few(self, levels: tuple[float, ...]) -> list[float]:
        if len(levels) > LISTED_AT_ONCE:
            raise ScpiError(-223)
        return list(levels)


class Sweeps:
    """``:SOURce:SWEep:VOLTage`` or ``:CURRent`` (pages 6-81 to 6-90): they define, INIT begins."""

    def __init__(self, function: SourceFunction) -> None:
        self._function = function
        self.unit, self.most = function.unit, function.most

    @command(
        ":LINear", _OWN, _OWN, Whole(2, MOST_POINTS),
        _SWEEP_DELAY, _COUNT, _RANGING, _OPTION, _OPTION, _BUFFER,
    )  # fmt: skip
    def _linear(self, start: float, stop: float, points: int, *how: Any) -> None:
        self._define([float(level) for level in np.linspace(start, stop, points)], *how)

    @command(
        ":LINear:STEP", _OWN, _OWN, Number("", 1e-15, 420),
        _SWEEP_DELAY, _COUNT, _RANGING, _OPTION, _OPTION, _BUFFER,
    )  # fmt: skip
    def _by_step(self, start: float, stop: float, step: float, *how: Any) -> None:
        points = round(abs(stop - start) / step) + 1
        if not 2 <= points <= MOST_POINTS:
            raise ScpiError(-222)
        self._linear(start, stop, points, *how)

    @command(
        ":LOG", _OWN, _OWN, Whole(2, MOST_POINTS),
        _SWEEP_DELAY, _COUNT, _RANGING, _OPTION, _OPTION, _BUFFER,
    )  # fmt: skip
    def _logarithmic(self, start: float, stop: float, points: int, *how: Any) -> None:
        if start * stop <= 0:
            raise ScpiError(-222)
        self._define([float(level) for level in np.geomspace(start, stop, points)], *how)

    @command(":LIST", Maybe(Whole(1, MOST_LISTED)), _SWEEP_DELAY, _COUNT, _OPTION, _BUFFER)
    def _listed(
        self,
        first: int | None,
        delay_s: float | None,
        count: int | None,
        aborts: bool | None,
        buffer: str | None,
    ) -> None:
        levels = self._function.list[(first or 1) - 1 :]
        if not levels:
            raise ScpiError(-221)
        self._define(levels, delay_s, count, None, aborts, None, buffer)

    def _define(
        self,
        levels: list[float],
        delay_s: float | None,
        count: int | None,
        ranging: str | None,
        aborts: bool | None,
        dual: bool | None,
        buffer: str | None,
    ) -> None:
        engine, function = self._function.engine, self._function
        for level in (min(levels), max(levels)):
            engine.refuse_power(function, level, function.limit)
        if ranging == "FIX" and max(map(abs, levels)) > 1.05 * function.chosen_range:
            raise ScpiError(-221)
        engine.buffers.named(buffer)
        if dual:
            levels = levels + levels[::-1]
        engine.run.load(Sweep(
            function.name, levels, max(delay_s or 0.0, 0.0), 1 if count is None else count,
            aborts is not False, buffer,
        ))  # fmt: skip
