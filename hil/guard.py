r"""The small process that makes a bench safe when its owner is gone.

The owner starts a `Guard` before it opens its first instrument, and tells it as data what each
instrument is to be sent. The guard holds the reading end of a pipe. It acts when the pipe ends,
which it does however the owner died, unless it has read `release` before::

    with Guard(folder / "guard.log") as guard:
        guard.protect([SafeMessages("TCPIP::10.0.0.5::5025::SOCKET", {}, (b":OUTP OFF\n",))])
        ...  # open, measure, make safe, close

Not covered: a machine that loses power or is stopped whole (the guard goes with it), an owner that
hangs or is stopped but lives, an instrument that cannot be reached or no longer listens. The log
says what was sent; that an instrument obeyed is not checked. Untested on Windows.
"""

import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO, Any, Self
from weakref import WeakSet

import msgspec

from hil.errors import GuardError

__all__ = ["Guard", "SafeMessages"]

READY_WITHIN_S = 15.0
ANSWER_WITHIN_S = 30.0
LEAVE_WITHIN_S = 10.0
RETRY_FOR_S = 8.0

# Exactly the owner's hil: neither a lab's own hil.py nor another installed copy can stand in, and
# what hil/__init__.py may come to import does not slow the start.
_BOOT = """
import sys, types
sys.modules["hil"] = hil = types.ModuleType("hil")
hil.__path__ = [sys.argv[1]]
from hil.guard_process import main
sys.exit(main())
"""


class SafeMessages(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    r"""What makes one instrument safe.

    Parameters
    ----------
    address
        VISA resource string, such as ``TCPIP::10.0.0.5::5025::SOCKET`` or
        ``ASRL/dev/ttyUSB0::INSTR``.
    settings
        Keyword arguments of pyvisa's ``open_resource``, such as ``{"baud_rate": 115200}``; a
        `timeout` in it is not used.
    messages
        Bytes to send, in order, as they are: terminations included. They may be sent more than
        once and must end a command that the owner left half sent: start with ``b"\n"`` where the
        instrument needs it. An empty message sends nothing, for a pause before the first message.
    pause_s
        Time between messages (s).
    visa_library
        What pyvisa's ``ResourceManager`` is given; it must be the one the owner uses.
    """

    address: str
    settings: dict[str, Any]
    messages: tuple[bytes, ...]
    pause_s: float = 0.0
    visa_library: str = ""

    def __post_init__(self) -> None:
        if not any(self.messages):
            raise ValueError(f"{self.address} would be sent nothing: give it messages")
        if not all(isinstance(message, bytes) for message in self.messages):
            raise TypeError(f"the messages for {self.address} are not a tuple of bytes")
        if not 0 <= self.pause_s < float("inf"):
            raise ValueError(f"a pause of {self.pause_s} s for {self.address} is not possible")


class Hello(msgspec.Struct):
    """First line to the guard."""

    log: str
    owner: int


class Request(msgspec.Struct):
    """Line that replaces the list; its items are checked once its number is known."""

    number: int
    protect: msgspec.Raw


class Answer(msgspec.Struct):
    """Line from the guard; a request that cannot be read has no number."""

    number: int | None
    error: str = ""


class Guard:
    """Owner's handle on the process that makes the bench safe.

    Used as a context manager it releases the guard when the block ends normally. When the block
    ends by an exception, whether the bench was made safe is not known: the guard then acts, and is
    waited for, so that it cannot meet the owner's next session.

    Keep a reference: a handle that is garbage counts as an owner that is gone.

    Parameters
    ----------
    log
        File to which the guard appends what it did. A log that cannot be written stops nothing.
    """

    def __init__(self, log: Path) -> None:
        self._log = log.absolute()
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: SimpleQueue[bytes] = SimpleQueue()
        self._asked = 0

    def __enter__(self) -> Self:
        """Start the guard."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the guard, or let it act if the block raised."""
        if error is None:
            self.release()
        else:
            self._hand_over(error)

    def start(self) -> None:
        """Launch the guard and wait until it is ready.

        Raises
        ------
        GuardError
            If it is running already, or is not ready within 15 s.
        """
        with self._lock:
            if self._process is not None:
                raise GuardError("the guard was started already: release it first")
            _keep_from_forks(self)
            self._process = process = _launch(self._log)
            self._answers = _listen(process)
            try:
                self._send(msgspec.json.encode(Hello(str(self._log), os.getpid())))
                self._await(b"ready\n".__eq__, READY_WITHIN_S)
            except BaseException:
                self._process = None
                _end(process)
                raise

    def protect(self, instruments: Sequence[SafeMessages]) -> None:
        """Replace the list of what the guard is to send; return when it has confirmed.

        Call it before the session to an instrument opens. Different addresses are served at the
        same time, entries of the same address one after another.

        Parameters
        ----------
        instruments
            All instruments of the bench, not only new ones.

        Raises
        ------
        GuardError
            If the guard is gone, or refuses the list (an address that is none, a VISA library that
            does not load): the list before it then stays in force.
        """
        with self._lock:
            self.check_alive()
            self._asked += 1
            request = {"number": self._asked, "protect": instruments}
            try:
                line = msgspec.json.encode(request)
            except (TypeError, ValueError, OverflowError) as error:
                raise GuardError(f"the guard cannot be told these settings: {error}") from error
            self._send(line)
            answer = _read_answer(self._await(self._is_mine, ANSWER_WITHIN_S))
        if answer.error:
            raise GuardError(f"the guard refuses the list: {answer.error}")

    def check_alive(self) -> None:
        """Raise a `GuardError` if no guard is there; costs microseconds."""
        if self._process is None:
            raise GuardError("no guard is running: start one before an instrument is opened")
        if self._process.poll() is not None:
            raise self._gone(self._process)

    def release(self) -> None:
        """Let the guard go without acting, once the bench is safe; may be called again.

        Raises
        ------
        GuardError
            If the guard was gone before it was released.
        """
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            try:
                _write(process, b"\nrelease\n")
                code = process.wait(LEAVE_WITHIN_S)
            except (OSError, subprocess.TimeoutExpired) as error:
                _end(process)
                raise self._gone(process) from error
            _end(process)
            if code != 0:
                raise self._gone(process)

    def _hand_over(self, error: BaseException) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _close_input(process)
        try:
            code = process.wait(RETRY_FOR_S + LEAVE_WITHIN_S)
        except subprocess.TimeoutExpired:
            error.add_note(f"the guard is still making the bench safe; see {self._log}")
            return
        if code != 0:
            error.add_note(f"the guard did not make every instrument safe; see {self._log}")

    def _send(self, line: bytes) -> None:
        process = self._running()
        try:
            # The newline before it ends what an interrupted call may have left half written.
            _write(process, b"\n" + line + b"\n")
        except OSError as error:
            raise self._gone(process) from error

    def _await(self, wanted: Callable[[bytes], bool], within_s: float) -> bytes:
        process = self._running()
        until_s = time.monotonic() + within_s
        while True:
            try:
                line = self._answers.get(timeout=max(0.0, until_s - time.monotonic()))
            except Empty:
                process.kill()
                raise GuardError(
                    f"the guard did not answer within {within_s:g} s and was ended; "
                    f"make the bench safe and see {self._log}"
                ) from None
            if not line:
                raise self._gone(process)
            if wanted(line):
                return line

    def _is_mine(self, line: bytes) -> bool:
        return _read_answer(line).number == self._asked

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise GuardError("no guard is running: start one before an instrument is opened")
        return self._process

    def _gone(self, process: subprocess.Popen[bytes]) -> GuardError:
        with suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
        return GuardError(
            f"the guard is gone (exit code {process.returncode}), nothing watches over the bench: "
            f"make it safe, see {self._log} and start again"
        )

    def _forget(self) -> None:
        """Drop the pipe in a forked child, where it would hide the death of the owner."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        # It is no child of this process: nothing to wait for, nothing to warn of.
        process.returncode = 0


_guards: WeakSet[Guard] = WeakSet()


def _forget_all() -> None:
    for guard in list(_guards):
        guard._forget()  # noqa: SLF001 - same module


@functools.cache
def _watch_forks() -> None:
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=_forget_all)


def _keep_from_forks(guard: Guard) -> None:
    _watch_forks()
    _guards.add(guard)


def _launch(log: Path) -> subprocess.Popen[bytes]:
    """Start the process apart from the owner's terminal, group and standard error."""
    if not sys.executable:
        raise GuardError("the guard cannot be started: this Python does not know its own program")
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    folder = str(Path(__file__).resolve().parent)
    complaints = _open_log(log)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-c", _BOOT, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if complaints is None else complaints,
            bufsize=0,
            start_new_session=True,
            creationflags=flags,
        )
    except OSError as error:
        raise GuardError(f"the guard cannot be started: {error}") from error
    finally:
        if complaints is not None:
            complaints.close()


def _open_log(log: Path) -> IO[bytes] | None:
    try:
        return log.open("ab")
    except OSError:
        return None


def _listen(process: subprocess.Popen[bytes]) -> SimpleQueue[bytes]:
    """Read the guard's answers in a thread: a pipe has no time limit on Windows."""
    answers: SimpleQueue[bytes] = SimpleQueue()
    if process.stdout is not None:
        reader = threading.Thread(
            target=_read_lines, args=(process.stdout, answers), name="guard answers", daemon=True
        )
        reader.start()
    return answers


def _read_lines(stdout: IO[bytes], answers: SimpleQueue[bytes]) -> None:
    with stdout, suppress(OSError):
        while line := stdout.readline():
            answers.put(line)
    answers.put(b"")


def _read_answer(line: bytes) -> Answer:
    try:
        return msgspec.json.decode(line, type=Answer)
    except msgspec.MsgspecError:
        return Answer(None, f"cannot read {line!r}")


def _write(process: subprocess.Popen[bytes], line: bytes) -> None:
    if process.stdin is None:
        raise BrokenPipeError
    rest = memoryview(line)
    while rest:
        rest = rest[process.stdin.write(rest) :]


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that the process is gone and its pipe closed."""
    process.kill()
    _close_input(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(LEAVE_WITHIN_S)
