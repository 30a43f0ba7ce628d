"""One thread that serves many sockets: a selectors loop with timers, and streams of messages."""

import heapq
import itertools
import math
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from hil.errors import InstrumentError

HOST = "127.0.0.1"
LONGEST_MESSAGE = 1 << 22
"""A client that sends more than this (bytes) without a terminator is cut off."""

Cut = Callable[[bytearray], tuple[int, int] | None]
"""Finds the first message in what was received: its length, and where the next one begins."""

AWAKE_S = 200e-6 if (os.cpu_count() or 1) > 1 else 0.0
"""How long the loop stays awake for the next message (s); alone on a processor it must not."""


class Pipe(Protocol):
    """What a stream reads and writes without waiting: a socket, or what does as one does."""

    def fileno(self) -> int:
        """Give its number."""

    def recv_into(self, room: memoryview, /) -> int:
        """Take what has come; 0 when the other side is gone."""

    def send(self, wire: bytes | memoryview, /) -> int:
        """Send what fits now and tell how much that was."""

    def close(self) -> None:
        """Let go of it."""


class Loop:
    """Waits for sockets and timers, one call at a time.

    Parameters
    ----------
    idle_s : float
        Time without any stream after which the loop ends by itself (s).
    """

    def __init__(self, idle_s: float = math.inf) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._idle_s = idle_s
        self._idle_at_s = time.monotonic() + idle_s
        self._streams = 0
        self._running = True
        self._awake_until_s = 0.0
        self._bell, self._button = socket.socketpair()
        self._button.setblocking(False)
        self.watch(self._bell, selectors.EVENT_READ, lambda: None)

    def run(self) -> None:
        """Serve until `stop`, or until nobody has been there for long enough."""
        while self._running:
            for key, _ in self._ready():
                key.data()
            now_s = time.monotonic()
            while self._timers and self._timers[0][0] <= now_s:
                heapq.heappop(self._timers)[2]()
            if not self._streams and now_s >= self._idle_at_s:
                return

    def stop(self) -> None:
        """End `run` after the present round; a signal's handler may call it."""
        self._running = False
        with suppress(OSError):
            self._button.send(b"!")

    def close(self) -> None:
        """Let go of the system's list of sockets; who opened one closes it."""
        self._selector.close()
        self._bell.close()
        self._button.close()

    def call_later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call something after *delay_s* seconds on the wall."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), call))

    def watch(self, pipe: Pipe | socket.socket, events: int, call: Callable[[], object]) -> None:
        """Call something whenever a socket is ready."""
        self._selector.register(pipe, events, call)

    def forget(self, pipe: Pipe | socket.socket) -> None:
        """Watch a socket no longer."""
        self._selector.unregister(pipe)

    def count(self, streams: int) -> None:
        """Take note of a stream more, or one less."""
        self._streams += streams
        self._idle_at_s = time.monotonic() + self._idle_s

    def _ready(self) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets; for a moment after the last event without going to sleep.

        A process that sleeps takes longer to wake than to answer.
        """
        ready = self._selector.select(0)
        while not ready and time.monotonic() < self._awake_until_s:
            ready = self._selector.select(0)
        ready = ready or self._selector.select(self._patience_s())
        if ready:
            self._awake_until_s = time.monotonic() + AWAKE_S
        return ready

    def _patience_s(self) -> float | None:
        until_s = math.inf if self._streams else self._idle_at_s
        if self._timers:
            until_s = min(until_s, self._timers[0][0])
        if sys.platform == "win32":  # a signal does not end a wait there
            until_s = min(until_s, time.monotonic() + 0.5)
        return None if until_s == math.inf else max(0.0, until_s - time.monotonic())


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


class Listener:
    """A port at which clients call; it can be deaf for a while.

    Parameters
    ----------
    loop : Loop
        What calls it.
    name : str
        Whose port it is, for the error.
    port : int
        TCP port; 0 for any free one.
    on_client : callable
        Takes the socket of each client.

    Raises
    ------
    InstrumentError
        If the port is in use.
    """

    def __init__(
        self, loop: Loop, name: str, port: int, on_client: Callable[[socket.socket], None]
    ) -> None:
        try:
            self._sock = socket.create_server((HOST, _checked(port)), backlog=16)
        except OSError as error:
            raise InstrumentError(
                f"{name} cannot listen at port {port} ({error.strerror or error}); name another "
                "port, or 0 for any free one"
            ) from error
        self._sock.setblocking(False)
        self._loop = loop
        self._on_client = on_client
        self.port: int = self._sock.getsockname()[1]
        self.listen()

    def listen(self) -> None:
        """Take clients."""
        self._loop.watch(self._sock, selectors.EVENT_READ, self._accept)

    def rest(self) -> None:
        """Take nobody; who calls waits."""
        self._loop.forget(self._sock)

    def close(self) -> None:
        """Give the port back."""
        self._sock.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it may have left again
            self._on_client(self._sock.accept()[0])


def until(terminator: bytes) -> Cut:
    """Make what cuts a stream at a terminator."""

    def cut(received: bytearray) -> tuple[int, int] | None:
        end = received.find(terminator)
        return None if end < 0 else (end, end + len(terminator))

    return cut


def _checked(port: int) -> int:
    """Return a port; one that cannot be is an error as any other that cannot be had."""
    if not 0 <= port <= 65535:
        raise OSError("ports are from 0 to 65535")
    return port
