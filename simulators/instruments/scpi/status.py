"""Status byte, registers (IEEE 488.2 chapter 11, SCPI-1999 volume 1, chapter 9), error queue."""

from collections import deque
from collections.abc import Callable, Mapping

from hil.simulators.instruments.scpi.errors import QUEUE_OVERFLOW, event_of

ERRORS, MESSAGE, EVENTS, REQUEST = 4, 16, 32, 64
"""Bits of the status byte: error queue, answer waits (MAV), event summary, request or summary."""
QUESTIONABLE, OPERATION = 3, 7
"""Bits of the status byte, by number."""
COMPLETE, POWER_ON = 1, 128
"""Bits of the event status register, beside those of errors."""
_ALL = 0x7FFF


class Register:
    """One set of status registers: condition, transition filters, event, enable (16 bits)."""

    def __init__(self) -> None:
        self.condition = 0
        self.event = 0
        self.preset()

    def preset(self) -> None:
        """Obey ``:STATus:PRESet``: nothing is reported, rising bits become events."""
        self.enable = 0
        self.rising = _ALL
        self.falling = 0

    def set(self, bits: int, on: bool = True) -> None:
        """Change bits of the condition; the events of the change are kept."""
        before = self.condition
        self.condition = before | bits if on else before & ~bits
        self.event |= ~before & self.condition & self.rising
        self.event |= before & ~self.condition & self.falling

    def flash(self, bits: int) -> None:
        """Note events that have no condition that lasts."""
        self.event |= bits & _ALL

    def take(self) -> int:
        """Read the events, which clears them."""
        event, self.event = self.event, 0
        return event

    @property
    def summary(self) -> bool:
        """Whether there is an event that is enabled."""
        return self.event & self.enable != 0


class ErrorQueue:
    """Errors, first in first out; when it is full the last one becomes an overflow.

    Parameters
    ----------
    most : int
        How many it holds.
    """

    def __init__(self, most: int = 20) -> None:
        self.most = most
        self._errors: deque[tuple[int, str, float]] = deque()

    def __len__(self) -> int:
        return len(self._errors)

    def add(self, code: int, detail: str, at_s: float) -> None:
        """Add an error."""
        if len(self._errors) < self.most:
            self._errors.append((code, detail, at_s))
        elif self._errors[-1][0] != QUEUE_OVERFLOW:
            self._errors[-1] = (QUEUE_OVERFLOW, "", at_s)

    def take(self) -> tuple[int, str, float] | None:
        """Take the oldest: code, detail, time; None if there is none."""
        return self._errors.popleft() if self._errors else None

    def clear(self) -> None:
        """Forget all."""
        self._errors.clear()


class Status:
    """All status of an instrument.

    Parameters
    ----------
    registers : mapping of int to Register
        What is summarised at which bit of the status byte (number).
    most_errors : int
        Length of the error queue.
    waiting : callable
        Tells whether an answer waits.

    Attributes
    ----------
    errors : ErrorQueue
        What went wrong.
    event : int
        Event status register.
    event_enable, request_enable : int
        What is reported (``*ESE``, ``*SRE``).
    """

    def __init__(
        self, registers: Mapping[int, Register], most_errors: int, waiting: Callable[[], bool]
    ) -> None:
        self.registers = dict(registers)
        self.errors = ErrorQueue(most_errors)
        self._waiting = waiting
        self.event = POWER_ON
        self.event_enable = 0
        self.request_enable = 0
        self._requested = 0

    def error(self, code: int, detail: str, at_s: float) -> None:
        """Take note of an error."""
        self.event |= event_of(code)
        self.errors.add(code, detail, at_s)

    def clear(self) -> None:
        """Obey ``*CLS``: forget events and errors, keep what is enabled."""
        self.event = 0
        self.errors.clear()
        for register in self.registers.values():
            register.event = 0

    def preset(self) -> None:
        """Obey ``:STATus:PRESet``."""
        for register in self.registers.values():
            register.preset()

    def take_event(self) -> int:
        """Read the event status register, which clears it."""
        event, self.event = self.event, 0
        return event

    @property
    def _summary(self) -> int:
        byte = ERRORS if len(self.errors) else 0
        byte |= MESSAGE if self._waiting() else 0
        byte |= EVENTS if self.event & self.event_enable else 0
        for bit, register in self.registers.items():
            byte |= 1 << bit if register.summary else 0
        return byte

    @property
    def byte(self) -> int:
        """The status byte as ``*STB?`` reads it: bit 6 tells whether anything enabled is there."""
        summary = self._summary
        return summary | (REQUEST if summary & self.request_enable else 0)

    def poll(self) -> int:
        """Read it as a serial poll does: bit 6 tells of a request, once for each new reason."""
        summary = self._summary
        reasons = summary & self.request_enable
        requests, self._requested = reasons & ~self._requested, reasons
        return summary | (REQUEST if requests else 0)
