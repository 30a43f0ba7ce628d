"""The pages of the virtual 4200A's system mode: channels, sources, sampling in time.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, section 5.
"""

from collections.abc import Container
from dataclasses import dataclass, field

import numpy as np

from hil.simulators.instruments.kxci import Refused, expect, integer, name, number, switch
from hil.simulators.models.drive import Floats

VOLTAGE, CURRENT, COMMON = 1, 2, 3
"""Source modes of `CH`."""
VAR1, VAR2, CONSTANT, VAR1_PRIME = 1, 2, 3, 4
"""Source functions of `CH`."""
MOST_POINTS = 1024
MOST_LISTED = 4096
PER_DECADE = {2: 10, 3: 25, 4: 50}
"""Points of a decade of a logarithmic sweep, by its type."""
LEAST_STEP_V = 1e-3
"""A start or step below it becomes 0."""

PAGE_OF = {
    **dict.fromkeys(("CH",), "DE"),
    **dict.fromkeys(("VR", "IR", "VL", "IL", "VC", "IC", "VP", "IP", "HT", "DT", "ST"), "SS"),
    **dict.fromkeys(("DM", "LI", "IN", "NR", "WT", "XN", "XT", "YA", "YB"), "SM"),
    "ME": "MD",
}
"""On which page a command is valid (-989 elsewhere)."""


@dataclass(frozen=True)
class Definition:
    """One channel of the `DE` page: names of its voltage and current, mode and function."""

    voltage: str
    current: str
    mode: int
    function: int


@dataclass
class Setup:
    """What the pages hold; *smus* are the numbers of those that are built in."""

    smus: Container[int]
    channels: dict[int, Definition] = field(default_factory=dict)
    var1: tuple[bool, Floats, float] | None = None
    """Whether a current, values, compliance."""
    lists: dict[int, tuple[bool, Floats, float]] = field(default_factory=dict)
    var2: tuple[bool, Floats, float] | None = None
    constants: dict[int, tuple[bool, float, float]] = field(default_factory=dict)
    standby: dict[int, bool] = field(default_factory=dict)
    hold_s: float = 0.0
    delay_s: float = 0.0
    interval_s: float = 0.0
    wait_s: float = 0.0
    readings: int = 1

    def obey(self, word: str, arguments: list[str]) -> None:
        """Take a command of the pages DE, SS and SM; raises Refused."""
        if word in ("DM", "LI", "XN", "XT", "YA", "YB"):
            return
        {
            "CH": self._define, "VR": self._sweep, "IR": self._sweep, "VL": self._list,
            "IL": self._list, "VP": self._step, "IP": self._step, "VC": self._constant,
            "IC": self._constant, "HT": self._time, "DT": self._time, "IN": self._time,
            "WT": self._time, "NR": self._count, "ST": self._standby,
        }[word](word, arguments)  # fmt: skip

    def _present(self, text: str) -> int:
        channel = integer(text, 1, 9)
        if channel not in self.smus:
            raise Refused(-979)
        return channel

    def _define(self, _word: str, arguments: list[str]) -> None:
        channel = self._present(expect(arguments, 1, 5)[0])
        if len(arguments) == 1:
            self.channels.pop(channel, None)
            return
        _, voltage, current, mode, function = expect(arguments, 5)
        self.channels[channel] = Definition(
            name(voltage), name(current), integer(mode, 1, 3), integer(function, 1, 4)
        )

    def _sweep(self, word: str, arguments: list[str]) -> None:
        kind_text, *rest = expect(arguments, 4, 5)
        kind = integer(kind_text, 1, 4)
        current = word == "IR"
        if kind == 1:
            start, stop, step, compliance = map(number, expect(rest, 4))
            values = linear(start, stop, step, current=current)
        else:
            start, stop, compliance = number(rest[0]), number(rest[1]), number(rest[-1])
            values = logarithmic(start, stop, PER_DECADE[kind])
        self.var1 = (current, values, compliance)
        self.lists.clear()

    def _list(self, word: str, arguments: list[str]) -> None:
        channel, master, compliance, *values = expect(arguments, 4, 3 + MOST_LISTED)
        switch(master)
        listed = np.array([number(value) for value in values])
        self.lists[self._present(channel)] = (word == "IL", listed, number(compliance))

    def _step(self, word: str, arguments: list[str]) -> None:
        start, step, count, compliance = expect(arguments, 4)
        steps = integer(count, 1, MOST_POINTS)
        values = np.asarray(number(start) + number(step) * np.arange(steps), np.float64)
        self.var2 = (word == "IP", values, number(compliance))

    def _constant(self, word: str, arguments: list[str]) -> None:
        channel, value, compliance = expect(arguments, 3)
        constant = (word == "IC", number(value), number(compliance))
        self.constants[self._present(channel)] = constant

    def _time(self, word: str, arguments: list[str]) -> None:
        value_s = number(expect(arguments, 1)[0])
        if value_s < 0:
            raise Refused(-993)
        attribute = {"HT": "hold_s", "DT": "delay_s", "IN": "interval_s", "WT": "wait_s"}[word]
        setattr(self, attribute, value_s)

    def _count(self, _word: str, arguments: list[str]) -> None:
        self.readings = integer(expect(arguments, 1)[0], 1, MOST_LISTED)

    def _standby(self, _word: str, arguments: list[str]) -> None:
        channel, on = expect(arguments, 2)
        self.standby[self._present(channel)] = switch(on)


def linear(start: float, stop: float, step: float, *, current: bool) -> Floats:
    """List the values of a linear sweep; raises Refused (-993) for too many."""
    if not current:
        start, step = (0.0 if abs(value) < LEAST_STEP_V else value for value in (start, step))
    if step == 0.0:
        raise Refused(-993)
    count = int(abs((stop - start) / step) + 1.5)
    if count > MOST_POINTS:
        raise Refused(-993)
    return np.asarray(start + np.copysign(step, stop - start) * np.arange(count), np.float64)


def logarithmic(start: float, stop: float, per_decade: int) -> Floats:
    """List the values of a logarithmic sweep; raises Refused (-993) for too many."""
    if not start * stop > 0:
        raise Refused(-993)
    decades = np.log10(stop / start)
    count = int(abs(decades) * per_decade + 1.5)
    if count > MOST_POINTS:
        raise Refused(-993)
    return np.asarray(start * 10.0 ** (np.sign(decades) * np.arange(count) / per_decade))
