"""Where clients of a virtual instrument come in: a TCP socket, HiSLIP, or a pseudo terminal.

A door lets one client in at a time and hands the wire what it says, message by message; what is
done with it is the wire's business and the same for all doors.
"""

import socket
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Protocol

from hil.errors import ConfigError
from hil.simulators.instruments.wire.server import HOST, Listener, Loop
from hil.simulators.instruments.wire.stream import Stream
from hil.virtual import InstrumentPlan

if TYPE_CHECKING:
    from hil.simulators.instruments.wire.wire import Wire


class Door(Protocol):
    """A way in.

    Attributes
    ----------
    address : str
        VISA address at which clients find it.
    """

    address: str

    def listen(self) -> None:
        """Let the next client in; called again when the last one has gone."""

    def close(self) -> None:
        """Let nobody in any more."""


class PortDoor(ABC):
    """A TCP port.

    Parameters
    ----------
    loop : Loop
        What calls it.
    wire : Wire
        What it leads to.
    port : int
        TCP port; 0 for any free one.

    Raises
    ------
    InstrumentError
        If the port is in use.
    """

    form: ClassVar[str]
    """How its address is written, with ``{host}`` and ``{port}``."""

    def __init__(self, loop: Loop, wire: "Wire", port: int) -> None:
        self._loop = loop
        self._wire = wire
        self._listener = Listener(loop, wire.name, port, self._let_in)
        self.address = self.form.format(host=HOST, port=self._listener.port)

    @abstractmethod
    def _let_in(self, sock: socket.socket) -> None:
        """Take a connection."""

    def close(self) -> None:
        """Give the port back."""
        self._listener.close()


class SocketDoor(PortDoor):
    """A plain TCP socket: messages end with the instrument's terminator."""

    form: ClassVar[str] = "TCPIP::{host}::{port}::SOCKET"

    def listen(self) -> None:
        """Let the next client in."""
        self._listener.listen()

    def _let_in(self, sock: socket.socket) -> None:
        self._listener.rest()
        wire = self._wire
        wire.welcome(Stream(self._loop, sock, wire.cut, wire.take, wire.lose, wire.interrupts))


def open_door(loop: Loop, wire: "Wire", plan: InstrumentPlan) -> Door:
    """Open the door that a plan asks for, with nobody in it yet.

    Raises
    ------
    ConfigError
        For a pseudo terminal where there are none, or with a port.
    InstrumentError
        If its port is in use.
    """
    if plan.transport == "hislip":
        from hil.simulators.instruments.wire.hislip import HislipDoor

        return HislipDoor(loop, wire, plan.port)
    if plan.transport == "socket":
        return SocketDoor(loop, wire, plan.port)
    if plan.port:
        raise ConfigError(
            f"{wire.name} is on a pseudo terminal, which has no port; leave {plan.port} out"
        )
    try:
        from hil.simulators.instruments.wire.terminal_line import PtyDoor
    except ImportError as error:
        raise ConfigError(
            f"{wire.name} cannot have a pseudo terminal on this system; its transport can be "
            "socket, which a client of a serial line opens as socket://HOST:PORT"
        ) from error
    return PtyDoor(loop, wire)
