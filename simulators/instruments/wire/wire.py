"""An instrument's wire: one client at a time, a log of every byte, and the faults of the line.

It is the same whatever carries the bytes; that is the door's business (see `doors`).
"""

import sys
import time
import traceback
from collections.abc import Callable
from typing import Protocol

from hil.clock import VirtualClock
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.logs import Message
from hil.simulators.instruments.wire.doors import open_door
from hil.simulators.instruments.wire.faults import Fault, Faults
from hil.simulators.instruments.wire.journal import Journal
from hil.simulators.instruments.wire.server import Loop
from hil.virtual import InstrumentPlan


class Caller(Protocol):
    """One client, as a door shows it to the wire.

    Attributes
    ----------
    is_open : bool
        Whether it is still there.
    """

    is_open: bool

    def send(self, *wires: bytes, ended: bool = True) -> None:
        """Send answers at once; one that has not *ended* is never told to be whole."""

    def hold(self) -> None:
        """Handle none of its messages until `go_on`."""

    def go_on(self, first: Callable[[], None] | None = None) -> None:
        """Handle its messages again, *first* something else."""

    def catch_up(self) -> None:
        """Take what has come already."""

    def close(self) -> None:
        """Disconnect it."""


class Wire:
    """What carries messages to an instrument and answers back.

    Parameters
    ----------
    loop : Loop
        What calls it.
    instrument : VirtualInstrument
        Who answers.
    faults : Faults
        What will go wrong.
    plan : InstrumentPlan
        Which transport, and at which port.
    journal : Journal, optional
        A file that gets every byte too.

    Attributes
    ----------
    name : str
        The instrument's.

    Raises
    ------
    ConfigError
        For a transport that there is not on this system.
    InstrumentError
        If the port is in use.
    """

    def __init__(
        self,
        loop: Loop,
        instrument: VirtualInstrument,
        faults: Faults,
        plan: InstrumentPlan,
        journal: Journal | None = None,
    ) -> None:
        self.name = instrument.name
        self.cut = instrument.cut
        self._loop = loop
        self._instrument = instrument
        self._faults = faults
        self._journal = journal
        self._lab = instrument.lab
        self._client: Caller | None = None
        self._cleared = 0
        self._is_open = True
        self._door = open_door(loop, self, plan)

    @property
    def address(self) -> str:
        """VISA address."""
        return self._door.address

    def close(self) -> None:
        """Disconnect the client and let nobody in any more."""
        self._is_open = False
        if self._client is not None:
            self._client.close()
        self._door.close()

    def catch_up(self) -> None:
        """Take what the client has sent already, before something that it has sent later."""
        if self._client is not None:
            self._client.catch_up()

    def welcome(self, client: Caller) -> None:
        """Take note of a client that has come in; the door is shut behind it."""
        self._client = client
        try:
            self._instrument.connected()
        except Exception as error:  # noqa: BLE001 - whatever it is, the lab goes on
            self._break_off(client, error)

    def lose(self, _: Caller, rest: bytes) -> None:
        """Take note that the client has gone, and of what it left of a message."""
        self._client = None
        if rest:
            self._log("in", rest)
        try:
            self._instrument.disconnected()
        except Exception as error:  # noqa: BLE001
            self._complain(error)
        fault = self._faults.of_leaving(self.name) if self._is_open else None
        if fault is not None:
            self._loop.call_later(fault.seconds, self._listen)
        else:
            self._listen()

    def take(self, client: Caller, message: bytes, wire: bytes) -> None:
        """Handle a message, which came in the bytes *wire*, and answer it."""
        self._log("in", wire)
        try:
            answer = self._instrument.handle(message)
        except Exception as error:  # noqa: BLE001
            self._break_off(client, error)
            return
        self._when_done(client, lambda: self._answer(client, answer))

    def interrupts(self, message: bytes) -> bool:
        """Tell whether a message that waits has ended what the instrument was busy with."""
        ended = self._instrument.interrupt(message)
        self._cleared += ended  # what was to be answered never is
        return ended

    def trigger(self, client: Caller) -> None:
        """Pass on a group execute trigger."""
        self._log("trigger", b"")
        try:
            self._instrument.trigger()
        except Exception as error:  # noqa: BLE001
            self._break_off(client, error)
            return
        self._when_done(client, lambda: None)

    def clear(self, client: Caller) -> None:
        """Pass on a device clear; what is still to be answered never is."""
        self._log("clear", b"")
        self._cleared += 1
        try:
            self._instrument.clear()
        except Exception as error:  # noqa: BLE001
            self._break_off(client, error)

    def poll(self, client: Caller, waits: int) -> int:
        """Give the status byte, with the bits *waits* where an answer waits in the door."""
        try:
            status = self._instrument.status_byte() | waits
        except Exception as error:  # noqa: BLE001
            self._break_off(client, error)
            return 0
        self._log("poll", bytes([status]))
        return status

    def _listen(self) -> None:
        if self._is_open:
            self._door.listen()

    def _when_done(self, client: Caller, then: Callable[[], None]) -> None:
        """Go on as soon as the lab has caught up with what the instrument has just done."""
        ahead_s = self._instrument.busy_until_s - self._lab.now_s()
        if ahead_s <= 0:
            then()
        elif isinstance(self._lab.clock, VirtualClock):
            self._lab.clock.sleep(ahead_s)
            then()
        else:
            self._later(client, ahead_s, then)

    def _later(self, client: Caller, delay_s: float, then: Callable[[], None]) -> None:
        """Hold a client for a while; *then* is left out if it goes, or clears the device."""
        client.hold()
        cleared = self._cleared

        def go_on() -> None:
            if client.is_open and cleared == self._cleared:
                client.go_on(first=then)

        self._loop.call_later(delay_s, go_on)

    def _answer(self, client: Caller, answer: bytes | None) -> None:
        if answer is None:
            return
        fault = self._faults.of_answer(self.name)
        if fault is None:
            self._send(client, answer + self._end)
        else:
            self._send_badly(client, answer, fault)

    @property
    def _end(self) -> bytes:
        own = self._instrument.answer_terminator
        return self._instrument.terminator if own is None else own

    def _send_badly(self, client: Caller, answer: bytes, fault: Fault) -> None:
        terminator = self._end
        half = answer[: len(answer) // 2]
        match fault.kind:
            case "late":
                whole = answer + terminator
                self._later(client, fault.seconds, lambda: self._send(client, whole))
            case "truncated":
                self._send(client, half, ended=False)
            case "cut":
                self._send(client, half + terminator)
            case "garbled":
                self._send(client, self._faults.garbled(answer) + terminator)
            case "duplicated":
                self._send(client, answer + terminator, answer + terminator)
            case "disconnect":
                client.close()

    def _send(self, client: Caller, *wires: bytes, ended: bool = True) -> None:
        for wire in wires:
            self._log("out", wire)
        client.send(*wires, ended=ended)

    def _complain(self, error: Exception) -> None:
        traceback.print_exc()
        self._lab.complaint = str(error) or type(error).__name__

    def _break_off(self, client: Caller, error: Exception) -> None:
        self._complain(error)
        sys.stderr.flush()
        client.close()

    def _log(self, direction: str, wire: bytes) -> None:
        message = Message(self._lab.now_s(), time.time(), self.name, direction, wire)
        self._lab.messages.append(message, len(wire))
        if self._journal is not None:
            self._journal.write(message)
