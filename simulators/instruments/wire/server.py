"""One thread that serves many sockets: a selectors loop with timers, and ports that listen."""

import heapq
import itertools
import math
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from hil.errors import InstrumentError

HOST = "127.0.0.1"
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


def _checked(port: int) -> int:
    """Return a port; one that cannot be is an error as any other that cannot be had."""
    if not 0 <= port <= 65535:
        raise OSError("ports are from 0 to 65535")
    return port
