"""Names of a matrix' crosspoints: "1A01" is row A and column 01 of the card in slot 1."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from hil.simulators.instruments.keithley707b.unconfirmed import BAD_LABEL, NO_CHANNEL
from hil.simulators.instruments.tsp.engine import Rejected

ROWS = "ABCDEFGH"
_CHANNEL = re.compile(r"([1-6])([A-H])(\d\d)", re.IGNORECASE)
_SLOT = re.compile(r"slot([1-6])")


class Crosspoint(NamedTuple):
    """A relay of a matrix card; in the order of slot, row and column."""

    slot: int
    row: str
    column: int

    def __str__(self) -> str:
        return f"{self.slot}{self.row}{self.column:02}"


class Names:
    """What stands for crosspoints in a channel list: specifiers, ranges, labels, patterns.

    Parameters
    ----------
    slots, columns : int
        Cards that there are, and columns of each.
    """

    def __init__(self, slots: int, columns: int) -> None:
        self.slots = slots
        self.columns = columns
        self.labels: dict[str, Crosspoint] = {}
        self.patterns: dict[str, tuple[Crosspoint, ...]] = {}

    @property
    def everything(self) -> list[Crosspoint]:
        """All crosspoints in order."""
        return [one for slot in range(1, self.slots + 1) for one in self.card(slot)]

    def card(self, slot: int) -> list[Crosspoint]:
        """All crosspoints of a slot in order."""
        columns = range(1, self.columns + 1)
        return [Crosspoint(slot, row, column) for row in ROWS for column in columns]

    def listed(self, text: object, *, whole: bool) -> list[Crosspoint]:
        """Read a channel list (707B manual, section 2, channel list parameter).

        Parameters
        ----------
        text : object
            Separated by commas or semicolons: "1A01", "1A01:1A05", a label, a pattern.
        whole : bool
            Whether "slotX" and "allslots" are allowed.

        Raises
        ------
        Rejected
            If something is no channel, or the list is empty.
        """
        if not isinstance(text, str) or not text.strip():
            raise Rejected(*NO_CHANNEL)
        found = [one for part in re.split("[,;]", text) for one in self._part(part.strip(), whole)]
        return list(dict.fromkeys(found))

    def name(self, label: object, channel: Crosspoint) -> None:
        """Give a crosspoint a label, or take it away with an empty one."""
        if not isinstance(label, str):
            raise Rejected(*BAD_LABEL)
        self.labels = {name: one for name, one in self.labels.items() if one != channel}
        if not label or label[0] == " ":
            return
        if self._taken(label):
            raise Rejected(*BAD_LABEL)
        self.labels[label] = channel

    def remember(self, name: object, channels: Iterable[Crosspoint]) -> None:
        """Keep a pattern of crosspoints under a name."""
        if not isinstance(name, str) or not name or name in self.labels or self._like(name):
            raise Rejected(*BAD_LABEL)
        self.patterns[name] = tuple(channels)

    def _taken(self, label: str) -> bool:
        return label in self.labels or label in self.patterns or self._like(label)

    def _like(self, name: str) -> bool:
        """Tell whether a name could be mistaken for something else in a list."""
        return bool(
            re.search(r"[\s,;:]", name) or _CHANNEL.fullmatch(name) or _SLOT.fullmatch(name)
            or name == "allslots"
        )  # fmt: skip

    def _part(self, part: str, whole: bool) -> list[Crosspoint]:
        if part in self.patterns:
            return list(self.patterns[part])
        slot = _SLOT.fullmatch(part)
        if whole and part == "allslots":
            return self.everything
        if whole and slot is not None and int(slot[1]) <= self.slots:
            return self.card(int(slot[1]))
        first, _, last = part.partition(":")
        begin = self._one(first)
        if not last:
            return [begin]
        end = self._one(last)
        if end < begin:
            raise Rejected(*NO_CHANNEL)
        return [one for one in self.everything if begin <= one <= end]

    def _one(self, name: str) -> Crosspoint:
        if name in self.labels:
            return self.labels[name]
        match = _CHANNEL.fullmatch(name)
        if match is None:
            raise Rejected(*NO_CHANNEL)
        channel = Crosspoint(int(match[1]), match[2].upper(), int(match[3]))
        if channel.slot > self.slots or not 1 <= channel.column <= self.columns:
            raise Rejected(*NO_CHANNEL)
        return channel
