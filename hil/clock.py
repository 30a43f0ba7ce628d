"""Time, which belongs to the bench: whoever needs it asks a clock and never the computer."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any


class Clock(ABC):
    """What time it is on a bench (s), from whenever its clock was started."""

    @abstractmethod
    def now_s(self) -> float:
        """Tell the time on the bench (s)."""

    @abstractmethod
    def sleep(self, duration_s: float) -> None:
        """Let *duration_s* seconds of bench time pass."""


class RealClock(Clock):
    """The time on the wall."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()

    def now_s(self) -> float:
        """Tell the time since the clock was made (s)."""
        return time.monotonic() - self._start_s

    def sleep(self, duration_s: float) -> None:
        """Wait."""
        time.sleep(duration_s)

    def jump_to(self, now_s: float) -> None:
        """Count on from the time at which a run goes on (s)."""
        self._start_s = time.monotonic() - now_s


class VirtualClock(Clock):
    """Time that passes when the bench says so: a day of measurement in seconds."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s

    def now_s(self) -> float:
        """Tell the virtual time (s)."""
        return self._now_s

    def sleep(self, duration_s: float) -> None:
        """Move the time on at once."""
        if not duration_s >= 0:
            raise ValueError(f"time moves forward, not by {duration_s} s")
        self._now_s += duration_s

    def jump_to(self, now_s: float) -> None:
        """Take up the time of a snapshot (s)."""
        self._now_s = now_s


class LabClock(Clock):
    """The time in a lab of virtual instruments, which is asked over its control socket.

    Where only this clock moves the lab's time, that is taken to stand still between two sleeps.

    Parameters
    ----------
    ask : callable
        Sends a request to the lab and returns the answer; raises InstrumentError if it is gone.
    real : bool
        Whether the lab's time is that on the wall, so that a sleep is a wait.
    shared : bool
        Whether instruments move the lab's time too, while they let their client wait.
    """

    def __init__(self, ask: Callable[[str], Any], *, real: bool, shared: bool = False) -> None:
        self._ask = ask
        self._real = real
        self._must_ask = real or shared
        self._now_s = 0.0 if real else float(ask("now"))

    def now_s(self) -> float:
        """Tell the time since the lab was started (s)."""
        return float(self._ask("now")) if self._must_ask else self._now_s

    def sleep(self, duration_s: float) -> None:
        """Move the lab's time on at once, or wait where it passes by itself."""
        if self._real:
            time.sleep(duration_s)
        elif duration_s >= 0:
            self._now_s = float(self._ask(f"sleep {float(duration_s)!r}"))
        else:
            raise ValueError(f"time moves forward, not by {duration_s} s")
