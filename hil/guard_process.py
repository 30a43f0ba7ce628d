"""The guard's own process: waits for its owner to release it or to be gone, then acts.

What it is for, and what it does not cover, stands in `hil.guard`.
"""

import functools
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from hil.clock import RealClock
from hil.guard import LEAVE_WITHIN_S, RETRY_FOR_S, Answer, Hello, Request, SafeMessages

if TYPE_CHECKING:
    import pyvisa

CONNECT_WITHIN_S = 2.0
RETRY_EVERY_S = 0.1
LINGER_S = 0.3
LINGER_AT_MOST_S = 3.0

_SOCKET = re.compile(r"TCPIP\d*::(?P<host>.+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)
_wait = RealClock().sleep
_PLAIN_LIBRARIES = ("", "@py", "@ivi")


class _Log:
    """Lines appended to a file that may be missing, full or on a share that went away."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, text: str, when: datetime | None = None) -> None:
        stamp = (when or _now()).isoformat(timespec="milliseconds")
        with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(f"{stamp} guard {os.getpid()}: {text}\n")


class _Report(NamedTuple):
    """What a thread tells of its address; the log is written elsewhere, as it may hang."""

    when: datetime
    address: str
    text: str
    sent: bool = False
    last: bool = False


def main() -> int:
    """Wait for the owner to release the guard or to be gone.

    Returns
    -------
    int
        Exit code: 0 if released or if everything was sent, 1 if something was not sent, 2 if the
        first line cannot be read.
    """
    _ignore_signals()
    hello = _read_hello()
    if hello is None:
        return 2
    log = _Log(Path(hello.log))
    log.write(f"ready, watching process {hello.owner}")
    _say(b"ready\n")
    instruments = _watch(log)
    if instruments is None:
        log.write("released, nothing sent")
        return 0
    return _make_all_safe(instruments, log)


def _ignore_signals() -> None:
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _read_hello() -> Hello | None:
    line = b"\n"
    while line and not line.strip():
        line = sys.stdin.buffer.readline()
    try:
        return msgspec.json.decode(line, type=Hello)
    except msgspec.MsgspecError as error:
        _say(msgspec.json.encode(Answer(None, str(error))) + b"\n")
        return None


def _say(line: bytes) -> None:
    # An owner that no longer listens is gone or going; the end of the input tells which.
    with suppress(OSError):
        os.write(sys.stdout.fileno(), line)


def _watch(log: _Log) -> tuple[SafeMessages, ...] | None:
    """Serve requests; give the list in force at the end of the input, None when released."""
    instruments: tuple[SafeMessages, ...] = ()
    with suppress(OSError):
        for line in sys.stdin.buffer:
            if not line.endswith(b"\n"):
                break
            if line.strip() == b"release":
                return None
            if line.strip():
                instruments = _answer(line, instruments, log)
    return instruments


def _answer(
    line: bytes, instruments: tuple[SafeMessages, ...], log: _Log
) -> tuple[SafeMessages, ...]:
    """Give the list that is in force after a request: the new one, or the old if that is bad."""
    answer = Answer(None)
    try:
        request = msgspec.json.decode(line, type=Request)
        answer.number = request.number
        wanted = msgspec.json.decode(request.protect, type=tuple[SafeMessages, ...])
        for item in wanted:
            _prepare(item)
    except Exception as error:  # noqa: BLE001 - VISA libraries raise anything, a guard lives on
        answer.error = _describe(error)
        log.write(f"refused a request: {answer.error}")
    else:
        instruments = wanted
        log.write(f"protecting {', '.join(item.address for item in wanted) or 'nothing'}")
    _say(msgspec.json.encode(answer) + b"\n")
    return instruments


def _prepare(item: SafeMessages) -> None:
    """Load now what sending will need, and see that the address is one."""
    if _socket_address(item) is None:
        info = _manager(item.visa_library).resource_info(item.address)
        if info.resource_class is None:
            raise ValueError(f"{item.address!r} is not the address of an instrument")


@functools.cache
def _manager(library: str) -> "pyvisa.ResourceManager":
    import pyvisa

    return pyvisa.ResourceManager(library)


def _socket_address(item: SafeMessages) -> tuple[str, int] | None:
    """Tell host and port of a raw socket.

    These go without VISA: pyvisa-py takes a refused or closed connection for an open one, and
    closing with an answer unread would throw away what the instrument has not yet read.
    """
    found = _SOCKET.fullmatch(item.address)
    if found is None or item.visa_library not in _PLAIN_LIBRARIES:
        return None
    return found["host"].strip("[]"), int(found["port"])


def _make_all_safe(instruments: Sequence[SafeMessages], log: _Log) -> int:
    """Send everything, every address in a thread of its own; give the exit code."""
    gone_s = time.monotonic()
    reports: SimpleQueue[_Report] = SimpleQueue()
    queues: dict[str, list[SafeMessages]] = {}
    for item in instruments:
        queues.setdefault(item.address, []).append(item)
    for queue in queues.values():
        threading.Thread(
            target=_make_address_safe, args=(queue, gone_s, reports), daemon=True
        ).start()
    log.write(f"the owner is gone without a release, {len(queues)} addresses to make safe")
    pauses_s = sum(item.pause_s * len(item.messages) for item in instruments)
    return _follow(reports, set(queues), gone_s + RETRY_FOR_S + pauses_s + LEAVE_WITHIN_S, log)


def _follow(reports: SimpleQueue[_Report], pending: set[str], until_s: float, log: _Log) -> int:
    """Write down what the threads report, until the last one is done."""
    code = 0
    while pending:
        try:
            report = reports.get(timeout=max(0.0, until_s - time.monotonic()))
        except Empty:
            log.write(f"stuck, left as they are: {', '.join(sorted(pending))}")
            # A thread that hangs inside a driver would keep a normal exit waiting.
            os._exit(1)
        log.write(f"{report.address}: {report.text}", report.when)
        if report.last:
            pending.discard(report.address)
            code = code if report.sent else 1
    log.write("done" if code == 0 else "done, but not every instrument was reached")
    return code


def _make_address_safe(
    queue: Sequence[SafeMessages], gone_s: float, reports: SimpleQueue[_Report]
) -> None:
    everything = True
    for item in queue:
        everything &= _keep_trying(item, gone_s, reports)
    text = "all sent" if everything else "NOT MADE SAFE"
    reports.put(_Report(_now(), queue[0].address, text, sent=everything, last=True))


def _keep_trying(item: SafeMessages, gone_s: float, reports: SimpleQueue[_Report]) -> bool:
    """Send until it works, for some seconds: an instrument may still hold its dead client."""
    said = ""
    while True:
        try:
            after_s = _send(item) - gone_s
        except Exception as error:  # noqa: BLE001 - VISA libraries raise anything, one try is no end
            text = _describe(error)
        else:
            messages = b" ".join(item.messages)
            text = f"sent {messages!r}, {after_s * 1e3:.0f} ms after the owner was gone"
            reports.put(_Report(_now(), item.address, text))
            return True
        if time.monotonic() - gone_s > RETRY_FOR_S:
            reports.put(_Report(_now(), item.address, f"given up: {text}"))
            return False
        if text != said:
            reports.put(_Report(_now(), item.address, f"trying again: {text}"))
            said = text
        _wait(RETRY_EVERY_S)


def _send(item: SafeMessages) -> float:
    """Send all messages over a new connection; give the time of the last (monotonic, s)."""
    address = _socket_address(item)
    return _send_by_visa(item) if address is None else _send_by_socket(item, address)


def _send_by_socket(item: SafeMessages, address: tuple[str, int]) -> float:
    with socket.create_connection(address, CONNECT_WITHIN_S) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _send_messages(item, link.sendall)
        sent_s = time.monotonic()
        _linger(link)
    return sent_s


def _linger(link: socket.socket) -> None:
    """Take what is answered before closing; an instrument that hangs up has not listened."""
    until_s = time.monotonic() + LINGER_AT_MOST_S
    link.settimeout(LINGER_S)
    with suppress(TimeoutError):
        while time.monotonic() < until_s:
            if not link.recv(4096):
                raise ConnectionError("the instrument closed the connection")


def _send_by_visa(item: SafeMessages) -> float:
    settings = item.settings | {"timeout": CONNECT_WITHIN_S * 1e3}
    session: Any = _manager(item.visa_library).open_resource(item.address, **settings)
    try:
        _send_messages(item, session.write_raw)
        sent_s = time.monotonic()
        # Closing may drop the line's control signals before the instrument has read everything.
        _wait(LINGER_S)
    finally:
        session.close()
    return sent_s


def _send_messages(item: SafeMessages, write: Callable[[bytes], object]) -> None:
    for count, message in enumerate(item.messages):
        if count:
            _wait(item.pause_s)
        if message:
            write(message)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


if __name__ == "__main__":
    sys.exit(main())
