"""What a lab remembers: the newest messages on its wires and events at its ports."""

from collections import deque
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from hil.simulators.instruments.lab.signal import Signal

Entry = TypeVar("Entry")


class Log(Generic[Entry]):
    """The newest entries, numbered from 0; what is too many or too large falls off its old end."""

    def __init__(self, most: int, most_weight: int) -> None:
        self._entries: deque[tuple[Entry, int]] = deque()
        self._most = most
        self._most_weight = most_weight
        self._weight = 0
        self._first = 0

    def append(self, entry: Entry, weight: int = 0) -> None:
        """Add an entry; its weight is whatever the log is bounded by."""
        self._entries.append((entry, weight))
        self._weight += weight
        while len(self._entries) > self._most or self._weight > self._most_weight:
            self._weight -= self._entries.popleft()[1]
            self._first += 1

    def since(self, number: int) -> list[tuple[int, Entry]]:
        """List the entries from *number* on that are still there, with their numbers."""
        skipped = max(number - self._first, 0)
        kept = islice(self._entries, skipped, None)
        return [(n, entry) for n, (entry, _) in enumerate(kept, self._first + skipped)]


class Message(NamedTuple):
    """What went over an instrument's wire."""

    time_s: float
    wall_s: float
    instrument: str
    direction: str
    wire: bytes


class Event(NamedTuple):
    """What happened at a port; a waveform has its signal."""

    time_s: float
    wall_s: float
    source: str
    terminal: str | None
    what: dict[str, Any]
    signal: Signal | None = None
