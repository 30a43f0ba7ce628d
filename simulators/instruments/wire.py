"""An instrument's wire: one client at a time, a log of every byte, and the faults of the line."""

import socket
import sys
import time
import traceback

from hil.clock import VirtualClock
from hil.simulators.instruments.faults import Fault, Faults
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.logs import Message
from hil.simulators.instruments.server import HOST, Listener, Loop, Stream


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
    port : int
        TCP port; 0 for any free one.

    Raises
    ------
    InstrumentError
        If the port is in use.
    """

    def __init__(
        self, loop: Loop, instrument: VirtualInstrument, faults: Faults, port: int
    ) -> None:
        self._loop = loop
        self._instrument = instrument
        self._faults = faults
        self._lab = instrument.lab
        self._client: Stream | None = None
        self._listener = Listener(loop, instrument.name, port, self._take)

    @property
    def address(self) -> str:
        """VISA address."""
        return f"TCPIP::{HOST}::{self._listener.port}::SOCKET"

    def close(self) -> None:
        """Disconnect the client and give the port back."""
        if self._client is not None:
            self._client.close()
        self._listener.close()

    def _take(self, sock: socket.socket) -> None:
        self._listener.rest()
        self._client = Stream(self._loop, sock, self._instrument.cut, self._handle, self._lose)
        try:
            self._instrument.connected()
        except Exception as error:  # noqa: BLE001 - whatever it is, the lab goes on
            self._break_off(self._client, error)

    def _lose(self, _: Stream, rest: bytes) -> None:
        self._client = None
        if rest:
            self._log("in", rest)
        try:
            self._instrument.disconnected()
        except Exception as error:  # noqa: BLE001
            self._complain(error)
        fault = self._faults.of_leaving(self._instrument.name)
        if fault is None:
            self._listener.listen()
        else:
            self._loop.call_later(fault.seconds, self._listener.listen)

    def _handle(self, client: Stream, message: bytes) -> None:
        self._log("in", message + self._instrument.terminator)
        try:
            answer = self._instrument.handle(message)
        except Exception as error:  # noqa: BLE001
            self._break_off(client, error)
            return
        ahead_s = self._instrument.busy_until_s - self._lab.now_s()
        if ahead_s <= 0:
            self._answer(client, answer)
        elif isinstance(self._lab.clock, VirtualClock):
            self._lab.clock.sleep(ahead_s)
            self._answer(client, answer)
        else:
            client.hold()
            self._loop.call_later(ahead_s, lambda: self._answer_late(client, answer))

    def _answer_late(self, client: Stream, answer: bytes | None) -> None:
        if client.is_open:
            client.go_on(first=lambda: self._answer(client, answer))

    def _answer(self, client: Stream, answer: bytes | None) -> None:
        if answer is None:
            return
        fault = self._faults.of_answer(self._instrument.name)
        if fault is None:
            self._send(client, answer + self._end)
        else:
            self._send_badly(client, answer, fault)

    @property
    def _end(self) -> bytes:
        own = self._instrument.answer_terminator
        return self._instrument.terminator if own is None else own

    def _send_badly(self, client: Stream, answer: bytes, fault: Fault) -> None:
        terminator = self._end
        half = answer[: len(answer) // 2]
        match fault.kind:
            case "late":
                client.hold()
                self._loop.call_later(
                    fault.seconds, lambda: self._send_late(client, answer + terminator)
                )
            case "truncated":
                self._send(client, half)
            case "cut":
                self._send(client, half + terminator)
            case "garbled":
                self._send(client, self._faults.garbled(answer) + terminator)
            case "duplicated":
                self._send(client, (answer + terminator) * 2)
            case "disconnect":
                client.close()

    def _send_late(self, client: Stream, wire: bytes) -> None:
        if client.is_open:
            self._send(client, wire)
            client.go_on()

    def _send(self, client: Stream, wire: bytes) -> None:
        self._log("out", wire)
        client.send(wire)

    def _complain(self, error: Exception) -> None:
        traceback.print_exc()
        self._instrument.lab.complaint = str(error) or type(error).__name__

    def _break_off(self, client: Stream, error: Exception) -> None:
        self._complain(error)
        sys.stderr.flush()
        client.close()

    def _log(self, direction: str, wire: bytes) -> None:
        message = Message(self._lab.now_s(), time.time(), self._instrument.name, direction, wire)
        self._lab.messages.append(message, len(wire))
