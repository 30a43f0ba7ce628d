"""What every virtual instrument is: messages in, answers out, a lab behind it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from hil.simulators.instruments.lab import Lab


class VirtualInstrument(ABC):
    """An instrument as its wire shows it; one client at a time talks to it.

    Attributes
    ----------
    terminator : bytes
        What ends each message, both ways.
    usual_wiring : dict of str to str
        What `hil serve --instrument` wires: a port of the instrument to a terminal of the device.
    name : str
        What the lab calls it.
    lab : Lab
        Its clock, cell and logs.
    interlock_open : bool
        Whether somebody has opened the fixture; the lab sets it.
    """

    terminator: ClassVar[bytes]
    usual_wiring: ClassVar[dict[str, str]] = {}

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:  # noqa: ARG002
        self.name = name
        self.lab = lab
        self.interlock_open = False

    @abstractmethod
    def handle(self, message: bytes) -> bytes | None:
        """Take one message and give the answer, both without terminator; None for no answer.

        An exception is a fault of the simulation: the lab logs it and closes the connection.
        """

    def settle(self) -> None:  # noqa: B027 - most instruments do nothing by themselves
        """Play on the cell what has ended by now; called before the terminal log is read."""

    def connected(self) -> None:  # noqa: B027
        """Take note of a new client."""

    def disconnected(self) -> None:  # noqa: B027
        """Take note that the client is gone, however it went."""
