"""Bytes out and bytes in: what a session needs of a wire, over pyvisa.

Every wait is for the wire and has a limit in seconds of this computer's time; that is also so
where a bench's time is virtual. A line raises TimeoutError when nothing came in time, and another
OSError when the other side is gone; the session makes errors of the project of them.
"""

import os
import select
import socket
from abc import ABC, abstractmethod
from time import monotonic
from typing import Any

from pyvisa import VisaIOError
from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import Error as VisaError

AT_ONCE = 65536  # bytes
KEEPALIVE_S = 60  # after so long without traffic the system asks whether the other side is there


class Line(ABC):
    """Messages over a wire, each followed by *end*.

    A subclass says how bytes are sent, how they are waited for and how to look, without waiting,
    whether some have arrived.
    """

    def __init__(self, end: bytes) -> None:
        self._end = end
        self.held = bytearray()  # received and not taken: half an answer, or more than one

    @abstractmethod
    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of *data* within *timeout_s*."""

    @abstractmethod
    def _more(self, timeout_s: float, count: int | None) -> bytes:
        """Wait for at least one byte; *count* are still wanted, None: up to the next end."""

    @abstractmethod
    def _arrived(self) -> bytes:
        """Take at once what has arrived, which may be nothing."""

    def message(self, timeout_s: float) -> bytes:
        """Take one message without its end; a half one stays in `held` when the time is over."""
        held, start, deadline_s = self.held, 0, 0.0
        while (at := held.find(self._end, start)) < 0:
            start = max(0, len(held) - len(self._end) + 1)
            if deadline_s:
                held += self._more(_left_s(deadline_s), None)
            else:
                deadline_s = monotonic() + timeout_s
                held += self._more(timeout_s, None)
        data = bytes(held[:at])
        del held[: at + len(self._end)]
        return data

    def exactly(self, count: int, timeout_s: float) -> bytes:
        """Take *count* bytes, whatever they are."""
        deadline_s = monotonic() + timeout_s
        while len(self.held) < count:
            self.held += self._more(_left_s(deadline_s), count - len(self.held))
        data = bytes(self.held[:count])
        del self.held[:count]
        return data

    def waiting(self) -> bytes:
        """Take what lies in the input, without waiting."""
        if arrived := self._arrived():
            self.held += arrived
        if not self.held:
            return b""
        data = bytes(self.held)
        self.held.clear()
        return data

    def until_quiet(self, quiet_s: float, limit_s: float) -> bytes:
        """Take what comes until nothing has come for *quiet_s*, but no longer than *limit_s*."""
        data = bytearray(self.waiting())
        deadline_s = monotonic() + limit_s
        try:
            while monotonic() < deadline_s:
                data += self._more(quiet_s, 1)
        except TimeoutError:
            data += self.waiting()
        return bytes(data)


class SocketLine(Line):
    """A connected TCP socket, such as pyvisa-py keeps behind a SOCKET address.

    Read directly, for two reasons. pyvisa-py 0.8.1 takes a connection that was refused for an open
    one (`tcpip.py`: any wake of `select` counts) and one that was closed for silence (`read`: an
    empty `recv` is waited out). And it has no way to look whether something lies in the input.
    """

    def __init__(self, connection: socket.socket, end: bytes) -> None:
        super().__init__(end)
        if code := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(code, os.strerror(code))
        connection.getpeername()  # raises where there is no other side
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_S)
        self._connection = connection
        self._timeout_s: float | None = None
        self._poll = select.poll() if hasattr(select, "poll") else None  # Windows has none
        if self._poll is not None:
            self._poll.register(connection, select.POLLIN)

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of *data* within *timeout_s*."""
        self._limit(timeout_s)
        self._connection.sendall(data)

    def _more(self, timeout_s: float, count: int | None) -> bytes:  # noqa: ARG002
        self._limit(timeout_s)
        try:
            data = self._connection.recv(AT_ONCE)
        except TimeoutError as error:
            if error.errno is None:
                raise
            # the system's own: the other side no longer confirms what it is sent
            raise ConnectionError("the other side is gone") from error
        if not data:
            raise ConnectionError("the other side has closed it")
        return data

    def _arrived(self) -> bytes:
        if self._poll is not None:
            ready = bool(self._poll.poll(0))
        else:
            ready = bool(select.select([self._connection], [], [], 0)[0])
        return self._more(1.0, None) if ready else b""

    def _limit(self, timeout_s: float) -> None:
        if timeout_s != self._timeout_s:
            self._connection.settimeout(timeout_s)
            self._timeout_s = timeout_s


class VisaLine(Line):
    """Any other pyvisa resource, through pyvisa's public interface.

    Whether something lies in the input can be seen on a serial line and, at the cost of about a
    millisecond, on a socket. Elsewhere (GPIB, USB, HiSLIP) it cannot, but there the instrument
    itself clears its output when it is sent a new command (IEEE 488.2, section 6.3.2.3).
    """

    def __init__(self, resource: Any, end: bytes) -> None:
        super().__init__(end)
        self._resource = resource
        self._timeout_s: float | None = None
        self._serial = resource.interface_type == InterfaceType.asrl
        self._socket = resource.resource_class == "SOCKET"

    def send(self, data: bytes, timeout_s: float) -> None:
        """Send all of *data* within *timeout_s*."""
        try:
            self._limit(timeout_s)
            self._resource.write_raw(data)
        except VisaError as error:
            raise _os_error(error) from error

    def _more(self, timeout_s: float, count: int | None) -> bytes:
        try:
            self._limit(timeout_s)
            if count is None:
                return bytes(self._resource.read_raw())
            resource = self._resource
            with resource.ignore_warning(StatusCode.success_max_count_read):
                data, _ = resource.visalib.read(resource.session, count)
        except (VisaError, RuntimeError) as error:  # pyvisa-py's HiSLIP raises the latter
            raise _os_error(error) from error
        if not data:  # over HiSLIP, where pyvisa's own read_bytes asks for ever
            raise TimeoutError
        return bytes(data)

    def _arrived(self) -> bytes:
        try:
            if self._serial:
                count = self._resource.bytes_in_buffer
                return self._more(1.0, count) if count else b""
        except VisaError as error:
            raise _os_error(error) from error
        data = bytearray()
        try:
            while self._socket:
                data += self._more(0.001, 1)
        except TimeoutError:
            pass
        return bytes(data)

    def _limit(self, timeout_s: float) -> None:
        if timeout_s != self._timeout_s:
            self._resource.timeout = max(1, round(timeout_s * 1e3))  # pyvisa counts in ms
            self._timeout_s = timeout_s


def open_line(resource: Any, termination: str) -> Line:
    """Make the line of an open pyvisa resource: the fast one over pyvisa-py's sockets.

    *termination* is what ends an answer. Raises OSError where there is no connection.
    """
    end = termination.encode("ascii")
    below = getattr(resource.visalib, "sessions", {}).get(resource.session)
    connection = getattr(below, "interface", None)
    if resource.resource_class == "SOCKET" and isinstance(connection, socket.socket):
        return SocketLine(connection, end)
    resource.read_termination = termination
    return VisaLine(resource, end)


def _left_s(deadline_s: float) -> float:
    """Tell what is left (s); TimeoutError when nothing is."""
    left_s = deadline_s - monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _os_error(error: Exception) -> OSError:
    """Say with an error of the system what pyvisa says with one of its own."""
    if isinstance(error, VisaIOError) and error.error_code == StatusCode.error_timeout:
        return TimeoutError(str(error))
    return ConnectionError(str(error))
