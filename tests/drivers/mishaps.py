"""What may happen to any instrument's owner: Ctrl-C, and the guard on a connection of its own."""

import socket

from hil.clock import Clock
from hil.guard import SafeMessages


class Interrupting(Clock):
    """The clock of the lab, at which somebody presses Ctrl-C."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.began_s = clock.now_s()

    def now_s(self) -> float:
        return self._clock.now_s()

    def sleep(self, duration_s: float) -> None:
        self._clock.sleep(duration_s / 2)
        raise KeyboardInterrupt


def guard(safe: SafeMessages, before: bytes = b"") -> None:
    """Send what the guard would send, after something half sent, until an identity is answered."""
    _, host, port, _ = safe.address.split("::")
    with socket.create_connection((host, int(port)), 5) as line:
        line.settimeout(5)
        line.sendall(before)
        for message in safe.messages:
            line.sendall(message)
        line.sendall(b"*IDN?\n")
        received = b""
        while b"," not in received or not received.endswith(b"\n"):
            received += line.recv(4096)
