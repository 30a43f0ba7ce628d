"""The process of a lab: its plan comes in on standard input, its addresses go out in one line.

It serves until it is told to stop, or until nobody has been connected for half an hour; that the
process that started it is gone does not end it.
"""

import math
import os
import secrets
import socket
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from hil.errors import ConfigError, HilError
from hil.simulators.instruments import INSTRUMENTS
from hil.simulators.instruments.lab.control import Control
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.wire.faults import Faults
from hil.simulators.instruments.wire.journal import Journal
from hil.simulators.instruments.wire.server import HOST, Listener, Loop
from hil.simulators.instruments.wire.stream import Stream, until
from hil.simulators.instruments.wire.wire import Wire
from hil.virtual import LabPlan

if TYPE_CHECKING:
    from hil.simulators.instruments.instrument import VirtualInstrument

IDLE_S = 1800.0
OFF_EDGE_S = 1e-3
"""Time in which an output comes to 0 V when the lab is closed (s)."""


class LabServer:
    """A lab with its instruments and its control socket, all listening.

    Parameters
    ----------
    plan : LabPlan
        What is in it.
    idle_s : float
        Time without any connection after which `run` ends (s).
    journal : Journal, optional
        A file for all that goes over the wires.

    Attributes
    ----------
    lab : Lab
        The cell, the clock and the logs.
    addresses : dict of str to str
        VISA address of each instrument.
    control : str
        Where the control socket is and which lab is there, as host:port/name.

    Raises
    ------
    ConfigError
        For what the plan names and does not exist.
    InstrumentError
        If a port is in use.
    """

    def __init__(
        self, plan: LabPlan, idle_s: float = math.inf, journal: Journal | None = None
    ) -> None:
        _refuse_shared_ports(plan)
        self.lab = Lab(plan)
        instruments: dict[str, VirtualInstrument] = {
            name: INSTRUMENTS.load(item.type)(name, self.lab, item.options)
            for name, item in plan.instruments.items()
        }
        self._instruments = instruments
        self.lab.wiring.refuse_loose()
        faults = Faults(plan.seed)
        self._loop = Loop(idle_s)
        self._wires: list[Wire] = []
        self._clients: set[Stream] = set()
        self._listener: Listener | None = None
        try:
            for name, item in plan.instruments.items():
                wire = Wire(self._loop, instruments[name], faults, item, journal)
                self._wires.append(wire)
            self._listener = Listener(self._loop, "the control socket", 0, self._take)
        except HilError:
            self.close()
            raise
        self.addresses = {
            name: wire.address for name, wire in zip(instruments, self._wires, strict=True)
        }
        name = secrets.token_hex(4)
        self.control = f"{HOST}:{self._listener.port}/{name}"
        self._answers = Control(
            self.lab, name, instruments, self.addresses, faults, self._loop.stop
        )

    def run(self) -> None:
        """Serve until told to stop, or until nobody has been there for long enough."""
        self._loop.run()

    def stop(self) -> None:
        """End `run`; a signal's handler may call it."""
        self._loop.stop()

    def switch_off(self) -> list[str]:
        """Bring every output to 0 V and off, as for the night; tell which were on."""
        now_s, on = self.lab.now_s(), []
        for instrument in self._instruments.values():
            with _complaining():
                instrument.settle()
                on += instrument.switch_off()
        for source in self.lab.sources:
            if source.on:
                on.append(source.port)
                with _complaining():
                    source.switch(False, now_s, OFF_EDGE_S)
        return on

    def close(self) -> None:
        """Disconnect everybody and give all ports back."""
        for wire in self._wires:
            wire.close()
        for client in list(self._clients):
            client.close()
        if self._listener is not None:
            self._listener.close()
        self._loop.close()

    def _take(self, sock: socket.socket) -> None:
        self._clients.add(Stream(self._loop, sock, until(b"\n"), self._answer, self._lose))

    def _answer(self, client: Stream, line: bytes, _: bytes) -> None:
        for wire in self._wires:
            wire.catch_up()  # a client that writes and then sleeps has done it in this order
        client.send(self._answers.answer(line) + b"\n")

    def _lose(self, client: Stream, _: bytes) -> None:
        self._clients.discard(client)


@contextmanager
def _complaining() -> Iterator[None]:
    """Let nothing that breaks in the simulation keep the rest from being done."""
    try:
        yield
    except Exception:  # noqa: BLE001
        traceback.print_exc()


def _refuse_shared_ports(plan: LabPlan) -> None:
    """Raise ConfigError for a port that two instruments are to have."""
    owners: dict[int, str] = {}
    for name, item in plan.instruments.items():
        if item.port and item.port in owners:
            raise ConfigError(
                f"{owners[item.port]} and {name} cannot both listen at port {item.port}; give "
                "one of them another, or 0 for any free one"
            )
        owners[item.port] = name


def main(idle_s: float = IDLE_S) -> int:
    """Read a plan, serve it, and tell how it ended.

    Returns
    -------
    int
        Exit code: 0 when stopped or idle; 1 if the plan cannot be served, with one sentence on
        standard error.
    """
    try:
        plan = msgspec.json.decode(sys.stdin.buffer.read(), type=LabPlan)
        server = LabServer(plan, idle_s)
    except (HilError, msgspec.MsgspecError) as error:
        print(f"the virtual lab cannot be set up: {error}", file=sys.stderr)  # noqa: T201
        return 1
    try:
        _say({"addresses": server.addresses, "control": server.control})
        server.run()
    finally:
        server.close()
    return 0


def _say(hello: dict[str, Any]) -> None:
    """Write the one line, then let go of a pipe that nobody reads any more."""
    sys.stdout.buffer.write(msgspec.json.encode(hello) + b"\n")
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
