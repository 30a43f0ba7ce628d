"""What every virtual instrument is: messages in, answers out, a lab behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from hil.simulators.instruments.lab.lab import Lab


class VirtualInstrument(ABC):
    """An instrument as its wire shows it; one client at a time talks to it.

    While an instrument handles a message its own time may run ahead of the lab's: it calls `spend`
    for what takes time (an integration, a sweep that is waited for) and dates what it does at
    `now_s`. The wire lets the lab catch up before the answer goes out and before the next message
    is handled.

    Attributes
    ----------
    terminator, answer_terminator : bytes
        What ends each message, and each answer on a line that is a stream of bytes.
    takes_time : bool
        Whether it ever lets its client wait, so that it moves a lab's virtual time.
    usual_wiring : dict of str to str
        What `hil serve --instrument` wires: a port of the instrument to a terminal of the device.
    usual_shape : tuple of int
        Rows and columns of the device there.
    known_troubles : frozenset of str
        What `troubles` may hold.
    name : str
        What the lab calls it.
    lab : Lab
        Its clock, cells and logs.
    interlock_open : bool
        Whether somebody has opened the fixture; the lab sets it.
    troubles : set of str
        What is wrong with the instrument itself, such as "output stuck"; the lab sets it.
    """

    terminator: ClassVar[bytes]
    answer_terminator: ClassVar[bytes | None] = None
    takes_time: ClassVar[bool] = False
    usual_wiring: ClassVar[dict[str, str]] = {}
    usual_shape: ClassVar[tuple[int, int]] = (1, 1)
    known_troubles: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:  # noqa: ARG002
        self.name = name
        self.lab = lab
        self.interlock_open = False
        self.troubles: set[str] = set()
        self.busy_until_s = 0.0

    @abstractmethod
    def handle(self, message: bytes) -> bytes | None:
        """Take one message and give the answer, both without terminator; None for no answer.

        An exception is a fault of the simulation: the lab logs it and closes the connection.
        """

    def cut(self, received: bytearray) -> tuple[int, int] | None:
        """Find the first message in a stream of bytes: its length, and where the next one begins.

        None while it is not complete.
        """
        end = received.find(self.terminator)
        return None if end < 0 else (end, end + len(self.terminator))

    @property
    def now_s(self) -> float:
        """The lab's time, or the instrument's own where that is ahead (s)."""
        return max(self.lab.now_s(), self.busy_until_s)

    def spend(self, duration_s: float) -> None:
        """Let time pass in the instrument while its client waits."""
        self.busy_until_s = self.now_s + duration_s

    def interrupt(self, message: bytes) -> bool:  # noqa: ARG002
        """End what the instrument is busy with if a waiting message says so; it is handled later.

        Most instruments look at a message only when its turn has come.
        """
        return False

    def settle(self) -> None:  # noqa: B027 - most instruments do nothing by themselves
        """Play on the cells what has ended by now; called before the terminal log is read."""

    def switch_off(self) -> list[str]:
        """Take to 0 V and off what the lab knows no `Source` of; tell the ports that were on."""
        return []

    def status_byte(self) -> int:
        """Give the status byte as a serial poll does (IEEE 488.1), which clears the request."""
        return 0

    def clear(self) -> None:  # noqa: B027
        """Obey a device clear: forget what came in and what was to go out, keep the settings."""

    def trigger(self) -> None:  # noqa: B027
        """Obey a group execute trigger."""

    def connected(self) -> None:  # noqa: B027
        """Take note of a new client."""

    def disconnected(self) -> None:  # noqa: B027
        """Take note that the client is gone, however it went."""
