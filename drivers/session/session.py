"""A conversation with one instrument: every command gets its own answer, or an error.

What goes wrong on a wire goes wrong here and nowhere above: two threads that talk at once, an
answer that comes after its time and would be taken for the next one, a connection that is refused
or lost, characters that noise has changed. A `Session` is a pymeasure Adapter, so that pymeasure's
instrument classes ride on it as the drivers of this project do.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pymeasure.adapters import Adapter

from hil.drivers.session.bytelog import ByteLog
from hil.drivers.session.exchange import Exchange, Wiring
from hil.drivers.session.turn import Turn
from hil.errors import ConfigError, InstrumentError

T = TypeVar("T")


class Session(Adapter):  # type: ignore[misc]  # pymeasure has no types
    r"""One instrument's line, with one owner at a time.

    A session is *in step* while every answer belongs to the last command. After a timeout, an
    answer that nobody read, bytes that nobody asked for or an answer that cannot be right it is
    out of step: before it sends the next command it drops what lies there, asks what *resync* says
    until the answer is recognised, and only then goes on. What it drops is kept in the byte log
    and logged as a warning. This rests on an instrument that answers in the order of its commands,
    as all do that have one input queue, and once: a second answer is noticed unless it comes after
    the next command was sent.

    Parameters
    ----------
    address
        A VISA address: ``TCPIP::host::port::SOCKET``, ``ASRL/dev/ttyUSB0::INSTR``, ...
    write_termination, read_termination
        What ends a command and what ends an answer, such as ``"\0"`` or ``"\n"``.
    resync
        A harmless command, and a regular expression for the whole of its answer that no other
        command's answer matches: ``("*IDN?", "KEITHLEY INSTRUMENTS,KI4200A,.*")``. ``{n}`` in both
        stands for a number that is never used twice, for instruments that can echo one.
    answers
        Whether every command is answered ("all"), as on KXCI, or those with a question mark
        ("queries"). It matters for pymeasure, which writes and reads in two calls.
    remedy
        What to do where there is no connection: ``"start KXCI on the 4200A"``.
    silence
        What to do where there is one and nobody has answered: ``"stop the other program"``; the
        remedy if empty.
    timeout_s
        How long an answer may take (s), in the time of this computer.
    visa_library
        pyvisa's backend.
    settings
        Settings of a serial line: ``baud_rate``, ``data_bits``, ``parity`` ("none", "even",
        "odd"), ``stop_bits`` (1, 1.5 or 2), ``flow_control``, as pyvisa names them.
    log
        The logger that pymeasure's is a child of.
    record
        A file that the bytes of both directions are appended to.

    Raises
    ------
    ConfigError
        The address or a setting is wrong.
    InstrumentError
        There is no connection.
    """

    def __init__(
        self,
        address: str,
        *,
        write_termination: str,
        read_termination: str,
        resync: tuple[str, str],
        answers: Literal["all", "queries"] = "all",
        remedy: str = "",
        silence: str = "",
        timeout_s: float = 5.0,
        visa_library: str = "@py",
        settings: dict[str, Any] | None = None,
        log: logging.Logger | None = None,
        record: Path | None = None,
    ) -> None:
        super().__init__(log=log)
        if not (write_termination and read_termination):
            raise ConfigError(f"{address}: commands and answers need a termination")
        self.address = address
        self.timeout_s = timeout_s
        self._all_answered = answers == "all"
        self._turn = Turn(address)
        wiring = Wiring(
            address, write_termination, read_termination, resync, remedy, silence or remedy,
            timeout_s, visa_library, settings or {},
        )  # fmt: skip
        self._exchange = Exchange(wiring, self.log, record)

    @property
    def traffic(self) -> ByteLog:
        """The newest bytes of both directions, with times."""
        return self._exchange.traffic

    @property
    def connection(self) -> Any:
        """The resource of pyvisa; who reads from it himself brings the session out of step."""
        return self._exchange.resource

    def query(self, command: str, timeout_s: float | None = None) -> str:
        """Send a command and give its answer, without its termination.

        Raises
        ------
        SessionTimeout
            The answer did not come within *timeout_s* (the session's own if None).
        InstrumentError
            The connection is lost, the session cannot get in step, the answer is no text, or
            another thread keeps the line.
        """
        return self.ask(command, _as_it_is, timeout_s)

    def ask(
        self, command: str, parse: Callable[[str, str], T], timeout_s: float | None = None
    ) -> T:
        """Send a command and read its answer with *parse*, such as `answers.number`.

        An answer that *parse* refuses leaves the session out of step: what broke one answer may
        have broken or added others.

        Raises
        ------
        InstrumentError
            As `query`, or *parse* refuses the answer.
        """
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        self._take_turn(command, limit_s)
        try:
            self._exchange.put(command, answered=True)
            answer = self._exchange.answer(limit_s)
            try:
                return parse(answer, command)
            except InstrumentError as error:
                self.suspect(f"the answer to {command!r} makes no sense")
                self._exchange.annotate(error)
                raise
        finally:
            self._turn.give_back()

    def interject(self, command: str) -> None:
        """Send a command that nobody answers, whoever's turn it is, in step or not.

        For what makes an instrument safe: to find one's step can take long, and one that is busy
        may not answer before it is done. Nothing is raised where the bytes cannot go; whoever
        needs to know asks afterwards.
        """
        self._exchange.interject(command)

    def suspect(self, reason: str) -> None:
        """Have the session make sure that it is in step before it sends the next command."""
        self._exchange.suspect(reason)

    def reopen(self) -> None:
        """Close the connection and make a new one; nothing is sent.

        Raises
        ------
        InstrumentError
            There is no connection.
        """
        self._take_turn("reopen", self.timeout_s)
        try:
            self._exchange.reopen()
        finally:
            self._turn.give_back()

    @contextmanager
    def closed_if_it_fails(self) -> Iterator[Self]:
        """Close the connection again where what is made of it inside fails."""
        try:
            yield self
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection, whoever's turn it is; once is enough."""
        if hasattr(self, "_exchange"):  # else it was never made
            self._exchange.close()

    def flush_read_buffer(self) -> None:
        """Drop what lies in the input; an answer that is still to come is dropped in its time."""
        self._take_turn("flush", self.timeout_s)
        try:
            self._exchange.flush()
        finally:
            self._turn.give_back()

    # pymeasure's side: what belongs together comes as two calls

    def _write(self, command: str) -> None:
        self._begin(command, lambda answered: self._exchange.put(command, answered=answered))

    def _write_bytes(self, content: bytes) -> None:
        # binary data begin with # (IEEE 488.2, section 8.7.9); a ? among them asks nothing
        command = content.partition(b"#")[0].decode("latin-1")
        self._begin(
            command, lambda answered: self._exchange.send(command, content, answered=answered)
        )

    def _read(self) -> str:
        self._take_reading()
        try:
            return self._exchange.answer(self.timeout_s)
        finally:
            self._turn.give_back()

    def _read_bytes(self, count: int, break_on_termchar: bool = False) -> bytes:
        self._take_reading()
        try:
            if break_on_termchar:
                return self._exchange.message(self.timeout_s)
            if count < 0:
                return self._exchange.until_quiet(self.timeout_s)
            return self._exchange.exactly(count, self.timeout_s)
        finally:
            self._turn.give_back()

    def __repr__(self) -> str:
        return f"<Session {self.address}>"

    def _begin(self, command: str, send: Callable[[bool], None]) -> None:
        """Send; where an answer is to come, keep the turn until it is read."""
        answered = self._all_answered or "?" in command
        self._take_turn(command, self.timeout_s)
        try:
            send(answered)
        except BaseException:
            self._turn.give_back()
            raise
        if not answered:
            self._turn.give_back()

    def _take_turn(self, what: str, limit_s: float) -> None:
        if not self._turn.mine:
            self._turn.take(what, limit_s)

    def _take_reading(self) -> None:
        """Take the turn to read, if nobody else has sent anything since this thread did."""
        self._take_turn("read", self.timeout_s)
        if self._exchange.asker is not threading.current_thread():
            self._turn.give_back()
            raise InstrumentError(
                f"{self.address}: this thread has asked nothing that it could read an answer to; "
                "write a command first"
            )


def _as_it_is(answer: str, command: str) -> str:  # noqa: ARG001
    return answer
