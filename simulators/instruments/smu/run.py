"""What plays on a channel in the background of a source meter that speaks SCPI."""

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.simulators.instruments.smu.engine import SourcemeterEngine


class BackgroundRun(ABC):
    """Parts that are queued on the channel one after the other, and stored when they are over.

    Attributes
    ----------
    is_on : bool
        Whether it has begun and is not over.
    range_changes : int
        How often autorange has chosen another range in the last measurement.
    """

    def __init__(self, engine: "SourcemeterEngine") -> None:
        self._engine = engine
        self.is_on = False
        self.range_changes = 0
        self._left = 0.0
        """Parts that have not begun; inf without end."""

    @property
    @abstractmethod
    def _stops_at_limit(self) -> bool:
        """Whether the first reading at the limit ends it."""

    @abstractmethod
    def _last_s(self) -> float:
        """When the last reading was made (s)."""

    @abstractmethod
    def _go_on(self) -> None:
        """Queue what is due of what is left."""

    @abstractmethod
    def _collect(self) -> None:
        """Store what has been measured."""

    @abstractmethod
    def _finish(self) -> None:
        """Be over, once."""

    def stop(self) -> None:
        """End it where it is."""
        if self.is_on:
            self._engine.channel.abort(self._engine.now_s)
            self._collect()
            self._finish()

    def ends_s(self) -> float:
        """When it is over (s); inf while it waits or has no end, -inf if nothing runs."""
        if not self.is_on:
            return -math.inf
        return math.inf if self._left else self._engine.channel.end_s

    def bring(self, until_s: float) -> float:
        """Bring it up to a time; the time at which it stopped by itself, if that is earlier."""
        stopped = self._engine.channel.bring(until_s, stops_at_limit=self._stops_at_limit)
        self._collect()
        if not stopped:
            return until_s
        self._finish()
        return self._last_s()

    def settle(self, now_s: float) -> None:
        """Bring it up to now, begin what is due, end it if it is over."""
        if not self.is_on:
            return
        self.bring(now_s)
        self._go_on()
        if self.ends_s() <= now_s:
            self._finish()
