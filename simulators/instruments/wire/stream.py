"""One client of a server: its bytes cut into messages, one handled after the other."""

import selectors
import socket
from collections.abc import Callable, Iterator

from hil.simulators.instruments.wire.server import Loop, Pipe

LONGEST_MESSAGE = 1 << 22
"""A client that sends more than this (bytes) without a terminator is cut off."""

Cut = Callable[[bytearray], tuple[int, int] | None]
"""Finds the first message in what was received: its length, and where the next one begins."""


class Stream:
    """One client: its bytes cut into messages, one handled after the other.

    Parameters
    ----------
    loop : Loop
        What calls it.
    pipe : Pipe
        The connection; the stream closes it.
    cut : callable
        Finds the first message in what was received.
    on_message : callable
        Takes each message, as long as *cut* says, and the bytes in which it came.
    on_gone : callable
        Called once when the connection is closed, whoever closed it, with what was left of a
        message.
    urgent : callable, optional
        Told of each message that waits while the stream holds; True ends that. A client that
        leaves has all its messages handled first.
    """

    _room = memoryview(bytearray(1 << 16))

    def __init__(
        self,
        loop: Loop,
        pipe: Pipe | socket.socket,
        cut: Cut,
        on_message: Callable[["Stream", bytes, bytes], None],
        on_gone: Callable[["Stream", bytes], None],
        urgent: Callable[[bytes], bool] = lambda _: False,
    ) -> None:
        if isinstance(pipe, socket.socket):
            pipe.setblocking(False)
            pipe.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop = loop
        self._pipe = pipe
        self._cut = cut
        self._on_message = on_message
        self._on_gone = on_gone
        self._urgent = urgent
        self._has_left = False
        self._in = bytearray()
        self._out = memoryview(b"")
        self.holds = False
        self.is_open = True
        loop.count(+1)
        loop.watch(pipe, selectors.EVENT_READ, self._read)

    def send(self, *wires: bytes, ended: bool = True) -> None:  # noqa: ARG002 - bytes have no ends
        """Send bytes; until the client has taken them, none of its messages are handled."""
        if self._has_left:
            return
        wire = b"".join(wires)
        if self._out:
            self._out = memoryview(bytes(self._out) + wire)
            return
        sent = self._try_to_send(wire)
        if sent is not None and sent < len(wire):
            self._out = memoryview(wire)[sent:]
            self._loop.forget(self._pipe)
            self._loop.watch(self._pipe, selectors.EVENT_WRITE, self._write)

    def hold(self) -> None:
        """Handle no message until `go_on`."""
        self.holds = True

    def go_on(self, first: Callable[[], None] | None = None) -> None:
        """Handle messages again, and those that came in meanwhile, *first* something else.

        That may hold the stream once more.
        """
        self.holds = False
        if first is not None:
            first()
        self._handle()

    def hand_to(
        self,
        on_message: Callable[["Stream", bytes, bytes], None],
        on_gone: Callable[["Stream", bytes], None],
    ) -> None:
        """Let others take its messages and its end from now on."""
        self._on_message, self._on_gone = on_message, on_gone

    def close(self) -> None:
        """Disconnect the client."""
        if self.is_open:
            self.is_open = False
            if not self._has_left:
                self._loop.forget(self._pipe)
            self._pipe.close()
            self._loop.count(-1)
            self._on_gone(self, bytes(self._in))

    def catch_up(self) -> None:
        """Take what has come already, before something that the client has sent later."""
        while self.is_open and self._read():
            continue

    def _read(self) -> bool:
        """Take some of what has come and handle it; tell whether there was anything."""
        if not self.is_open or self._has_left:
            return False
        try:
            count = self._pipe.recv_into(self._room)
        except BlockingIOError:
            return False
        except OSError:
            count = 0
        if not count and self.holds and self._cut(self._in) is not None:
            self._has_left = True
            self._loop.forget(self._pipe)
            return False
        if not count or len(self._in) > LONGEST_MESSAGE:
            self.close()
            return False
        self._in += self._room[:count]
        self._handle()
        return True

    def _handle(self) -> None:
        while self.is_open and not self.holds and not self._out:
            found = self._cut(self._in)
            if found is None:
                break
            wire = bytes(self._in[: found[1]])
            del self._in[: found[1]]
            self._on_message(self, wire[: found[0]], wire)
        if self.is_open and self.holds:
            if any(map(self._urgent, self._waiting())):
                self.go_on()
        elif self._has_left:
            self.close()

    def _waiting(self) -> Iterator[bytes]:
        """Show the messages that have come and are not handled yet."""
        rest = self._in
        while (found := self._cut(rest)) is not None:
            yield bytes(rest[: found[0]])
            rest = rest[found[1] :]

    def _write(self) -> None:
        if not self.is_open:
            return
        sent = self._try_to_send(self._out)
        if sent is None:
            return
        self._out = self._out[sent:]
        if not self._out:
            self._loop.forget(self._pipe)
            self._loop.watch(self._pipe, selectors.EVENT_READ, self._read)
            self._handle()

    def _try_to_send(self, wire: bytes | memoryview) -> int | None:
        """Send what fits now and tell how much that was; None if the client is gone."""
        try:
            return self._pipe.send(wire)
        except BlockingIOError:
            return 0
        except OSError:
            self.close()
            return None


def until(terminator: bytes) -> Cut:
    """Make what cuts a stream at a terminator."""

    def cut(received: bytearray) -> tuple[int, int] | None:
        end = received.find(terminator)
        return None if end < 0 else (end, end + len(terminator))

    return cut
