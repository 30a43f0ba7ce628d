"""A serial line as a pseudo terminal: a client opens it by its path, as any serial port.

Only where there are such (not on Windows, which has no `pty`). The line is raw: no echo, no
translation. Speed, parity and stop bits may be set and mean nothing. On Linux a client that asks
for parity can open the line but not change anything afterwards, because the system drops the
parity bit: open it without parity.

Nobody tells when a client opens a pseudo terminal, so it is looked at a hundred times a second; a
client that closes it, or dies, is seen at once. One that closes it and is followed by another
within a moment is taken for the same. Nor can it be hung up: a client that is cut off loses its
answer, and is taken for a new one at once.
"""

import os
import pty
import select
import termios
import tty
from typing import TYPE_CHECKING

from hil.simulators.instruments.wire.server import Loop
from hil.simulators.instruments.wire.stream import Stream

if TYPE_CHECKING:
    from hil.simulators.instruments.wire.wire import Wire

LOOK_EVERY_S = 10e-3


class _End:
    """The lab's end of a pseudo terminal, for a stream; who opened it closes it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        return self._number

    def recv_into(self, room: memoryview, /) -> int:
        return os.readv(self._number, [room])

    def send(self, wire: bytes | memoryview, /) -> int:
        return os.write(self._number, wire)

    def close(self) -> None:
        return


class PtyDoor:
    """A pseudo terminal.

    Parameters
    ----------
    loop : Loop
        What calls it.
    wire : Wire
        What it leads to.
    """

    def __init__(self, loop: Loop, wire: "Wire") -> None:
        self._loop = loop
        self._wire = wire
        self._number, client_end = pty.openpty()
        tty.setraw(client_end, termios.TCSANOW)
        self._path = os.ttyname(client_end)
        self.address = f"ASRL{self._path}::INSTR"
        os.set_blocking(self._number, False)
        os.close(client_end)  # from now on it can be seen whether a client has it
        self._is_open = True
        self._look_later()

    def listen(self) -> None:
        """Look for the next client as soon as the last one has closed the line."""
        if self._is_open:
            self._forget_answers()
            self._look_later()

    def close(self) -> None:
        """Hang up."""
        if self._is_open:
            self._is_open = False
            os.close(self._number)

    def _look_later(self) -> None:
        self._loop.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        if not self._is_open:
            return
        if self._nobody_there():
            self._look_later()
            return
        wire = self._wire
        wire.welcome(
            Stream(self._loop, _End(self._number), wire.cut, wire.take, wire.lose, wire.interrupts)
        )

    def _nobody_there(self) -> bool:
        looking = select.poll()
        looking.register(self._number, select.POLLIN)
        events = sum(event for _, event in looking.poll(0))
        return bool(events & select.POLLHUP) and not events & select.POLLIN

    def _forget_answers(self) -> None:
        """Throw away answers that the last client has left, as a closed port does."""
        client_end = os.open(self._path, os.O_RDWR | os.O_NOCTTY)
        termios.tcflush(client_end, termios.TCIFLUSH)
        os.close(client_end)
