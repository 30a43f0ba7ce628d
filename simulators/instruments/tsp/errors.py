"""The error queue of an instrument that speaks TSP (2600B manual, `errorqueue`)."""

from collections import deque
from typing import NamedTuple

from hil.simulators.instruments.tsp.unconfirmed import QUEUE_SIZE

NO_SEVERITY, RECOVERABLE, SERIOUS = 0, 20, 30
"""Severities (2600B manual, `errorqueue.next`)."""


class Entry(NamedTuple):
    """An error: code, message, severity and the node where it happened."""

    code: int
    message: str
    severity: int = RECOVERABLE
    node: int = 1


EMPTY = Entry(0, "Queue Is Empty", NO_SEVERITY, 0)
OVERFLOW = Entry(-350, "Queue overflow", SERIOUS)


class ErrorQueue:
    """First in, first out; the last entry tells that more were lost."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()

    @property
    def count(self) -> int:
        """How many errors wait."""
        return len(self._entries)

    def add(self, code: int, message: str) -> None:
        """Queue an error."""
        if len(self._entries) >= QUEUE_SIZE:
            self._entries[-1] = OVERFLOW
        else:
            self._entries.append(Entry(code, message))

    def fill(self) -> None:
        """Fill the queue, as if nobody had read it for long."""
        while len(self._entries) < QUEUE_SIZE:
            self.add(-285, "TSP Syntax error at line 1: unexpected symbol near `*'")
        self._entries[-1] = OVERFLOW

    def next(self) -> Entry:
        """Take the oldest error; `EMPTY` if there is none."""
        return self._entries.popleft() if self._entries else EMPTY

    def clear(self) -> None:
        """Forget all errors."""
        self._entries.clear()
