"""One command, one answer: in step with the instrument, out of it, and in again.

Here one thread talks; whose turn it is and what pymeasure wants is the session's.
"""

import logging
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, NoReturn

from hil.drivers.session.bytelog import ByteLog, shown
from hil.drivers.session.connect import open_resource
from hil.drivers.session.line import Line, open_line
from hil.errors import WIRE_NOTE, InstrumentError, SessionTimeout

PROBES = 3  # how often who is out of step asks for his bearings, each time for one timeout
# So long must a line be quiet to be in step again: what an instrument sends in two pieces can be
# parted by the acknowledgement of the first, which Windows delays by up to 0.2 s (Linux: 0.04 s).
QUIET_S = 0.25
_numbers = count(1)


class Wiring(NamedTuple):
    """What an exchange has to know of its instrument; `Session` says what each means."""

    address: str
    write_termination: str
    read_termination: str
    resync: tuple[str, str]
    remedy: str
    silence: str
    timeout_s: float
    visa_library: str
    settings: dict[str, Any]


class Exchange:
    """The state of a conversation, and its connection.

    Attributes
    ----------
    traffic
        The byte log.
    resource
        pyvisa's resource, for what a session does not do.
    asker
        The thread that sent the last command.
    """

    def __init__(self, wiring: Wiring, log: logging.Logger, record: Path | None) -> None:
        self._wiring = wiring
        self._log = log
        self._end_out = wiring.write_termination
        self._end_in = wiring.read_termination.encode("ascii")
        self.traffic = ByteLog(record)
        self.asker: threading.Thread | None = None
        self._command = ""  # the last one that was sent
        self._owed = False  # its answer has not been received
        self._stands = False  # the connection was accepted
        self._heard = False  # an answer has come over this connection
        self._stale = ""  # why the exchange is out of step; empty: it is in step
        self._late_probes = 0  # answers to the resync command that may still come
        self._gone = ""  # why nothing can be sent any more
        self.resource: Any
        try:
            self._line = self._open()
        except InstrumentError:
            self.traffic.close()
            raise

    def put(self, command: str, *, answered: bool) -> None:
        """Send a command, as text."""
        if self._end_out in command or not command.isascii():
            raise self.error(
                f"{command!r} is not sent, for a command is plain text without {self._end_out!r}"
            )
        self.send(command, (command + self._end_out).encode("ascii"), answered=answered)

    def send(self, command: str, data: bytes, *, answered: bool) -> None:
        """Send *data*, which errors call *command*; get in step before, if need be."""
        if self._gone:
            raise self.error(f"{command!r} is not sent, for {self._gone}{self._remedy}")
        try:
            if self._owed:
                self._miss()
            if stray := self._line.waiting():
                self._drop(stray)
                self.suspect(f"{len(stray)} bytes came that nobody had asked for")
            if self._stale:
                self._resynchronise()
            self._command, self._owed = command, answered
            self.asker = threading.current_thread()
            self.traffic.add(">", data)
            self._line.send(data, self._wiring.timeout_s)
        except OSError as error:
            self._lose(error)

    def interject(self, command: str) -> None:
        """Send a command that nobody answers, in step or not; nothing happens if it cannot go."""
        data = (command + self._end_out).encode("ascii")
        with suppress(OSError):
            self._line.send(data, self._wiring.timeout_s)
            self.traffic.add(">", data)

    def answer(self, limit_s: float) -> str:
        """Receive one answer, which is to be the only one."""
        command = self._command
        data = self._receive(self._line.message, limit_s)
        if self._line.held:
            self.suspect(f"more than one answer came to {command!r}")
            if self._line.held != data + self._end_in:
                raise self.error(
                    f"more than one answer came to {command!r}, and nothing tells which is its own"
                )
        try:
            return data.decode("ascii")
        except UnicodeDecodeError as error:
            self.suspect(f"the answer to {command!r} is no text")
            raise self.error(f"the answer to {command!r} is no text: {shown(data)}") from error

    def message(self, limit_s: float) -> bytes:
        """Receive one message with its termination, whatever else lies there."""
        return self._receive(self._line.message, limit_s) + self._end_in

    def exactly(self, count: int, limit_s: float) -> bytes:
        """Receive *count* bytes of an answer."""
        return self._receive(lambda left_s: self._line.exactly(count, left_s), limit_s)

    def until_quiet(self, limit_s: float) -> bytes:
        """Receive what comes until nothing has come for *limit_s*."""

        def take(quiet_s: float) -> bytes:
            if data := self._line.until_quiet(quiet_s, 10 * quiet_s):
                return data
            raise TimeoutError

        return self._receive(take, limit_s)

    def flush(self) -> None:
        """Drop what lies in the input."""
        try:
            self._drop(self._line.waiting())
        except OSError as error:
            self._lose(error)

    def suspect(self, reason: str) -> None:
        """Make sure to be in step before the next command is sent."""
        self._stale = self._stale or reason

    def reopen(self) -> None:
        """Take a new connection, which is in step."""
        self._gone = "it could not be opened again"
        self._stands = False
        self.resource.close()
        self._line = self._open()
        self._gone = self._stale = ""
        self._owed = self._heard = False
        self._late_probes = 0

    def close(self) -> None:
        """Send nothing any more."""
        self._gone = self._gone or "it is closed"
        self.resource.close()
        self.traffic.close()

    def error(self, text: str, kind: type[InstrumentError] = InstrumentError) -> InstrumentError:
        """Make an error with the address, and the last bytes as a note."""
        error = kind(f"{self._wiring.address}: {text}")
        self.annotate(error)
        return error

    def annotate(self, error: BaseException) -> None:
        """Note the last bytes on an error."""
        last = f"the last bytes on {self._wiring.address}:\n{self.traffic.tail()}"
        error.add_note(f"{WIRE_NOTE}{last}")

    @property
    def _remedy(self) -> str:
        """What the sentence of an error ends with: a line that stands may be the wrong one."""
        silent = self._stands and not self._heard
        remedy = self._wiring.silence if silent else self._wiring.remedy
        return f"; {remedy}" if remedy else ""

    def _receive(self, take: Callable[[float], bytes], limit_s: float) -> bytes:
        try:
            data = take(limit_s)
        except TimeoutError as error:
            half = f", only {shown(bytes(self._line.held))}" if self._line.held else ""
            remedy = "" if self._heard else self._remedy
            raise self.error(
                f"no answer to {self._command!r} within {limit_s:g} s{half}{remedy}",
                SessionTimeout,
            ) from error
        except OSError as error:
            self._lose(error)
        self._owed, self._heard = False, True
        self.traffic.add("<", data)
        return data

    def _miss(self) -> None:
        """Reckon with an answer that was not received: it may still come."""
        self.suspect(f"the answer to {self._command!r} was not received")
        self._late_probes += self._command == self._wiring.resync[0]
        self._owed = False

    def _resynchronise(self) -> None:
        """Drop what comes until the answer to *resync* is recognised, and nothing after it."""
        self._remark(f"out of step: {self._stale}")
        deadline_s = monotonic() + PROBES * self._wiring.timeout_s
        pattern, found = self._probe(), False
        # equal answers cannot be told apart: all that may still come must have come
        while self._late_probes:
            left_s = max(0.001, deadline_s - monotonic())
            try:
                data = self._line.message(min(self._wiring.timeout_s, left_s))
            except TimeoutError:
                data = None
            if monotonic() >= deadline_s:
                self._give_up()
            if data is None:
                pattern = pattern if found else self._probe()
            elif re.fullmatch(pattern, data.decode("latin-1"), re.DOTALL):
                found = True
                self._late_probes -= 1
                self.traffic.add("<", data)
            else:
                self._drop(data)
        self._drop(self._line.until_quiet(QUIET_S, self._wiring.timeout_s))
        self._remark("in step again")
        self._stale = ""

    def _probe(self) -> str:
        """Ask for what can be recognised, and give the pattern of the answer."""
        number = str(next(_numbers))
        command, pattern = (part.replace("{n}", number) for part in self._wiring.resync)
        self._late_probes = 1 if command != self._wiring.resync[0] else self._late_probes + 1
        data = (command + self._end_out).encode("ascii")
        self.traffic.add(">", data)
        self._line.send(data, self._wiring.timeout_s)
        return pattern

    def _give_up(self) -> NoReturn:
        self._gone = f"it does not answer {self._wiring.resync[0]!r} as it should"
        raise self.error(
            f"out of step, for {self._stale}, and {self._gone}{self._remedy or '; check the line'}"
        )

    def _drop(self, data: bytes) -> None:
        if data:
            self._remark(f"dropped {shown(data)}")

    def _remark(self, text: str) -> None:
        self.traffic.add("!", text.encode())
        self._log.warning("%s: %s", self._wiring.address, text)

    def _lose(self, error: OSError) -> NoReturn:
        """Give the connection up."""
        if not self._gone:
            why = "it takes no more bytes" if isinstance(error, TimeoutError) else str(error)
            self._gone = f"the connection is lost: {why}"
        raise self.error(self._gone + self._remedy) from error

    def _open(self) -> Line:
        wiring = self._wiring
        self.resource = open_resource(
            wiring.address, wiring.visa_library, wiring.settings, wiring.timeout_s, self._remedy
        )
        try:
            line = open_line(self.resource, wiring.read_termination)
            if old := line.waiting():
                self._remark(f"dropped {shown(old)}, which lay there before")
        except OSError as error:
            self.resource.close()
            raise InstrumentError(f"{wiring.address}: {error}{self._remedy}") from error
        self._stands = True
        return line
