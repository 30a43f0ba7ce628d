"""An instrument of one's own: it answers over a socket, as badly as it is told to."""

import contextlib
import socket
import threading
from collections import deque
from typing import Any

import pytest

END = b"\0"
IDENTITY = "TEST,SERVER,7,1.0"
RESYNC = ("*IDN?", r"TEST,SERVER,7,1\.0")


def answer(command: str) -> str:
    """`Q17?` is answered `<17>`: an answer tells whose it is."""
    if command == "*IDN?":
        return IDENTITY
    if command.startswith("ECHO"):
        return command.removeprefix("ECHO ")
    return f"<{command.strip('Q?')}>"


class Instrument:
    """A server in a thread of its own: one client at a time, one answer after the other.

    *faults* holds what happens to the next answers: a kind, or a kind and seconds.
    """

    def __init__(self, *, answers="all", listening=True):
        self.faults: deque[str | tuple[str, float]] = deque()
        self.commands: list[str] = []
        self._all = answers == "all"
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.address = f"TCPIP::127.0.0.1::{self.port}::SOCKET"
        self.client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        if listening:
            self._thread.start()

    def stop(self):
        self._stop.set()
        with contextlib.suppress(OSError):  # wakes whoever waits in accept
            self._listener.shutdown(socket.SHUT_RDWR)
        self.hang_up()
        self._listener.close()
        if self._thread.is_alive():
            self._thread.join(5)

    def hang_up(self):
        if self.client is not None:
            with contextlib.suppress(OSError):
                self.client.shutdown(socket.SHUT_RDWR)

    def _serve(self):
        while not self._stop.is_set():
            try:
                self.client, _ = self._listener.accept()
            except OSError:
                return
            self.client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.client, contextlib.suppress(OSError):
                if not self._stop.is_set():  # else nobody hangs up any more
                    self._talk(self.client)

    def _talk(self, client):
        held = b""
        while data := client.recv(4096):
            *commands, held = (held + data).split(END)
            for command in commands:
                self.commands.append(command.decode("latin-1"))
                if self._all or b"?" in command.partition(b"#")[0]:
                    fault = self.faults.popleft() if self.faults else ""
                    if not self.reply(client, answer(self.commands[-1]).encode(), fault):
                        return

    def reply(self, client, data, fault):
        """Answer, and tell whether to go on."""
        kind, seconds = fault if isinstance(fault, tuple) else (fault, 0.0)
        half = data[: len(data) // 2]
        if kind == "late":
            self._stop.wait(seconds)
        sent = {
            "dropped": b"",
            "disconnect": b"",
            "truncated": half,
            "cut": half + END,
            "garbled": half[:-1] + b"\xc1\x9e" + data[len(half) + 1 :] + END,
            "duplicated": 2 * (data + END),
            "stray": b"X" + END + data + END,
        }.get(kind, data + END)
        client.sendall(sent)
        if kind == "again":
            self._stop.wait(seconds)
            client.sendall(data + END)
        return kind != "disconnect"


@pytest.fixture
def instrument():
    """Make instruments; they end with the test."""
    made = []

    def make(**options):
        made.append(Instrument(**options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def session(monkeypatch):
    """Make sessions; they are closed with the test."""
    from hil.drivers.session import Session

    made = []
    monkeypatch.setattr("hil.drivers.session.exchange.QUIET_S", 0.02)

    def make(address, **options):
        usual: dict[str, Any] = {
            "write_termination": "\0",
            "read_termination": "\0",
            "resync": RESYNC,
            "timeout_s": 0.2,
            "remedy": "start the server",
        }
        made.append(Session(address, **usual | options))
        return made[-1]

    yield make
    for each in made:
        each.close()
