"""Whose turn it is on a line: one thread's, from writing a command to reading its answer."""

import threading
from time import monotonic

from hil.errors import InstrumentError

LOOK_S = 0.05  # how often one who waits looks whether the holder still lives


class Turn:
    """A lock that is taken by one call, given back by another, and outlives its holder.

    A thread that ends between writing and reading leaves the turn to the next one.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._inherit = threading.Lock()
        self._holder: threading.Thread | None = None
        self._what = ""
        self._limit_s = 0.0
        self._count = 0

    @property
    def mine(self) -> bool:
        """Whether this thread has the turn."""
        return self._holder is threading.current_thread()

    def take(self, what: str, limit_s: float) -> None:
        """Take the turn for the command *what*, which should be over within *limit_s*.

        Raises
        ------
        InstrumentError
            Another thread has had it for longer than it was to need, and *limit_s* more.
        """
        if not self._lock.acquire(blocking=False):
            self._wait(what, limit_s)
        self._holder = threading.current_thread()
        self._what, self._limit_s = what, limit_s
        self._count += 1

    def give_back(self) -> None:
        """Let the next one have it."""
        self._holder = None
        self._lock.release()

    def _wait(self, what: str, limit_s: float) -> None:
        seen, since_s = self._count, monotonic()
        while not self._lock.acquire(timeout=LOOK_S):
            holder = self._holder
            if holder is not None and not holder.is_alive() and self._inherited(holder):
                return
            if self._count != seen:
                seen, since_s = self._count, monotonic()
            elif monotonic() - since_s > self._limit_s + limit_s:
                owner = "a thread" if holder is None else f"the thread {holder.name!r}"
                raise InstrumentError(
                    f"{self._name}: {what!r} was not sent, for {owner} has not read the answer to "
                    f"{self._what!r}; let it read, or end it"
                )

    def _inherited(self, late: threading.Thread) -> bool:
        with self._inherit:
            if self._holder is not late:
                return False
            self._holder = threading.current_thread()
            return True
