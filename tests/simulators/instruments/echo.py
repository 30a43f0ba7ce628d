"""A tiny instrument for the tests of the lab: it says back what it is told, and plays pulses."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from hil.config import BenchFile
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.process import LabServer
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.instruments.lab.source import Source
from hil.virtual import InstrumentPlan, LabPlan

PATIENCE_S = 20.0


class Echo(VirtualInstrument):
    terminator = b"\0"
    usual_wiring: ClassVar[dict[str, str]] = {"OUT": "top"}
    known_troubles: ClassVar[frozenset[str]] = frozenset({"hoarse", "deaf"})

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.options = options
        self.source = Source(lab, f"{name}.source", output_ohm=50.0)
        self.status = 0
        self.obeyed: list[str] = []
        self.clients: list[str] = []
        self.ends_s = np.inf

    def settle(self) -> None:
        if self.lab.now_s() >= self.ends_s:
            self.ends_s = np.inf
            self.pulse(1.0)
            raise RuntimeError("this pulse was too much")

    def status_byte(self) -> int:
        return self.status

    def clear(self) -> None:
        self.obeyed.append("clear")

    def trigger(self) -> None:
        self.obeyed.append("trigger")

    def connected(self) -> None:
        self.clients.append("here")

    def disconnected(self) -> None:
        self.clients.append("gone")

    def handle(self, message: bytes) -> bytes | None:
        match message.split():
            case [b"silence"]:
                return None
            case [b"fail"]:
                raise RuntimeError("this instrument is broken")
            case [b"later", seconds]:
                self.ends_s = self.lab.now_s() + float(seconds)
            case [b"busy", seconds]:
                self.spend(float(seconds))
            case [b"status", value]:
                self.status = int(value)
                return None
            case [b"level", volts]:
                self.source.switch(True, self.now_s)
                self.source.go_to(float(volts), self.now_s)
            case [b"obeyed"]:
                return " ".join(self.obeyed).encode()
            case [b"troubles"]:
                return " ".join(sorted(self.troubles)).encode()
            case [b"clients"]:
                return " ".join(self.clients).encode()
            case [b"interlock"]:
                return str(self.interlock_open).encode()
            case [b"options"]:
                return json.dumps(self.options).encode()
            case [b"path"]:
                return json.dumps(sys.path).encode()
            case [b"time"]:
                return repr(self.lab.now_s()).encode()
            case [b"big", count]:
                return b"x" * int(count)
            case [b"pulse", volts]:
                return self.pulse(float(volts))
        return message

    def pulse(self, volts: float) -> bytes:
        lab, now_s = self.lab, self.lab.now_s()
        lab.output("OUT", True)
        seen = lab.play("OUT", pulses(volts), output_ohm=50.0, limit_a=np.inf, time_s=now_s)
        lab.output("OUT", False)
        return json.dumps(seen.current_a[:, 0].tolist()).encode()


class EchoFile(BenchFile, kw_only=True):
    """The bench file of a bench with an echo."""

    def counterpart(self, seed: int) -> LabPlan:
        return echo_plan(seed=seed)


def pulses(volts: float) -> Signal:
    """Two pulses, each measured on its top."""
    return Signal(
        duration_s=np.array([1e-7, 1e-5, 1e-7]),
        start_v=np.array([0.0, volts, volts]),
        stop_v=np.array([volts, volts, 0.0]),
        measured=np.array([False, True, False]),
        units=np.array([[0, 3, 2]]),
    )


def echo_plan(*names: str, port: int = 0, transport: str = "socket", **changes: Any) -> LabPlan:
    """Plan a lab of echoes, the output of one wired to 10 kohm."""
    item = InstrumentPlan(type="echo", port=port, transport=transport)  # type: ignore[arg-type]
    instruments = dict.fromkeys(names or ("echo",), item)
    settings: dict[str, Any] = {"model": "resistor", "wiring": {"OUT": "top"}, **changes}
    return LabPlan(instruments=instruments, **settings)


def install_echo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the echo be found as what a package has installed, in child processes too."""
    info = folder / "echo_instrument-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-instrument\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[hil.instruments]\necho = {__name__}:Echo\n[hil.benches]\necho = {__name__}:EchoFile\n"
    )
    monkeypatch.syspath_prepend(folder)


class Client:
    """A plain blocking socket that sends messages and cuts answers."""

    def __init__(self, address: str, end: bytes = b"\0") -> None:
        parts = address.replace("TCPIP::", "").replace("::SOCKET", "").replace("::", ":")
        host, port = parts.partition("/")[0].split(":")
        self.socket = socket.create_connection((host, int(port)), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._end = end
        self._rest = b""

    def send(self, message: str) -> None:
        self.socket.sendall(message.encode() + self._end)

    def answer(self) -> str:
        """Wait for one answer; EOFError if the connection ends before it."""
        while self._end not in self._rest:
            self._rest += self.some()
        answer, _, self._rest = self._rest.partition(self._end)
        return answer.decode("latin-1")

    def some(self) -> bytes:
        """Wait for whatever comes."""
        try:
            part = self.socket.recv(1 << 16)
        except ConnectionResetError:
            part = b""
        if not part:
            raise EOFError(self._rest)
        return part

    def ask(self, message: str) -> str:
        self.send(message)
        return self.answer()

    def close(self) -> None:
        self.socket.close()


class Running:
    """A lab that is served by a thread, and clients of it that are closed with it."""

    def __init__(self, server: LabServer) -> None:
        self.server = server
        self.lab = server.lab
        self.thread = threading.Thread(target=server.run, daemon=True)
        self.thread.start()
        self.clients: list[Client] = []

    def client(self, name: str = "echo") -> Client:
        self.clients.append(Client(self.server.addresses[name]))
        return self.clients[-1]

    def control(self) -> Client:
        self.clients.append(Client(self.server.control, b"\n"))
        return self.clients[-1]

    def ask(self, request: str) -> Any:
        """Ask the control socket, by a client of its own."""
        client = Client(self.server.control, b"\n")
        try:
            return json.loads(client.ask(request).encode("latin-1"))
        finally:
            client.close()

    def has_client(self) -> bool:
        """Tell whether the first instrument has one, once all that follows from that is done."""
        has = self.server._wires[0]._client is not None
        self.ask("bytes 0")  # answered by the thread that welcomes clients and forgets them
        return has


def until(has_come: Callable[[], bool]) -> None:
    """Look until something is so."""
    end_s = time.monotonic() + PATIENCE_S
    while not has_come():
        assert time.monotonic() < end_s


@contextmanager
def running(plan: LabPlan, **settings: Any) -> Iterator[Running]:
    """Serve a plan in this process."""
    lab = Running(LabServer(plan, **settings))
    try:
        yield lab
        if lab.thread.is_alive():
            lab.ask("stop")
        lab.thread.join(PATIENCE_S)
        assert not lab.thread.is_alive()
    finally:
        for client in lab.clients:
            client.close()
        lab.server.close()
