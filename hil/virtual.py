"""A lab of virtual instruments in a process of its own, from its client's side."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from hil.clock import LabClock
from hil.errors import InstrumentError

START_WITHIN_S = 240.0
"""A first start compiles the kernels of model and network, minutes on a busy machine (s)."""
CONNECT_WITHIN_S = 5.0
ANSWER_WITHIN_S = 60.0
LEAVE_WITHIN_S = 10.0

# Exactly the owner's hil, then whatever else the owner can import, in the owner's order.
_BOOT = """
import sys
sys.path[:] = sys.argv[1:]
import hil
del sys.path[0]
from hil.simulators.instruments.lab.process import main
sys.exit(main())
"""


class InstrumentPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One virtual instrument.

    Attributes
    ----------
    type : str
        Which one, such as "keithley4200".
    options : dict
        Its own, such as what is built in.
    port : int
        TCP port at which it listens; 0 for any free one.
    transport : str
        How clients reach it: a plain "socket", "hislip", or "pty", a pseudo terminal.
    """

    type: str
    options: dict[str, Any] = {}
    port: int = 0
    transport: Literal["socket", "hislip", "pty"] = "socket"


class LabPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is in a lab.

    Attributes
    ----------
    instruments : dict of str to InstrumentPlan
        By the name that the lab gives them.
    wiring : dict of str to str
        A port of an instrument, or a contact of a switch, to a terminal of the device ("PMU1-1"
        to "top"), to "ground" or to a contact ("smu" to "switch.A"). A terminal of a single device
        that no wire leads to is at ground.
    rows, columns : int
        Of the devices; the terminals of an array are "row 1" and "column 1" upwards.
    model, parameters :
        The device: a model's name or model file, and the parameters that differ, in SI.
    sets_at : int, optional
        Sign of the voltage that is said to SET the device, +1 or -1; a device that does so at
        the other one is refused.
    series_ohm : float
        A resistor at the cell (ohm).
    row_wire_ohm, column_wire_ohm : float
        Of the lines of an array, from one cell to the next (ohm); only a board that drives all
        lines of an array works into them.
    seed : int
        Of everything random about the cell and the instruments.
    pace : str
        "virtual": time passes when it is asked to; "real": as on the wall.
    """

    instruments: dict[str, InstrumentPlan]
    wiring: dict[str, str]
    rows: Annotated[int, Meta(ge=1)] = 1
    columns: Annotated[int, Meta(ge=1)] = 1
    model: str
    parameters: dict[str, Any] = {}
    sets_at: Literal[1, -1] | None = None
    series_ohm: float = 0.0
    row_wire_ohm: float = 0.0
    column_wire_ohm: float = 0.0
    seed: int = 0
    pace: Literal["virtual", "real"] = "virtual"


class VirtualLab:
    """A running lab: its clock, its logs and the means to disturb it.

    The lab goes on when this process ends, and ends by itself half an hour after the last
    connection to it; `close` leaves it running, `stop` ends it. As a context manager it is stopped
    at the end unless it is `kept`.

    Attributes
    ----------
    addresses : dict of str to str
        VISA address of each instrument: "TCPIP::127.0.0.1::PORT::SOCKET", or as its transport
        has it: "TCPIP::127.0.0.1::hislip0,PORT::INSTR", "ASRL/dev/pts/N::INSTR".
    control : str
        Where its control socket is and which lab it is, as host:port/name.
    kept : bool
        Whether it goes on after its context, with its cells as they are.
    """

    def __init__(self, control: str, process: subprocess.Popen[bytes] | None = None) -> None:
        self.control = control
        self.kept = False
        self._process = process
        self._lock = threading.Lock()
        self._is_open = True
        self._socket: socket.socket | None = None
        try:
            self._refuse_other(self.ask("name"))
            self.addresses: dict[str, str] = self.ask("addresses")
            self._is_real = self.ask("pace") == "real"
            self._is_shared = not self._is_real and self.ask("instruments move time")
        except BaseException:
            self.close()
            raise

    @classmethod
    def start(cls, plan: LabPlan, *, log: Path | None = None) -> Self:
        """Start a lab in a process of its own and wait until everything in it listens.

        Parameters
        ----------
        plan : LabPlan
            What is in it.
        log : Path, optional
            File to which the lab appends what goes wrong inside.

        Raises
        ------
        InstrumentError
            If it cannot be started, with what it said last.
        """
        process, control = _launch(plan, log)
        try:
            return cls(control, process)
        except BaseException:
            process.kill()
            process.wait()
            raise

    @classmethod
    def connect(cls, control: str) -> Self:
        """Connect to a lab that runs already; raises InstrumentError if it is gone."""
        return cls(control)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        explained = None if error is None else self.explained(error)
        if self.kept:
            self.close()
        else:
            self.stop()
        if explained is not None and explained is not error:
            raise explained from None

    def explained(self, error: BaseException) -> BaseException:
        """Give what went wrong in the simulation, where that is behind an instrument's error."""
        if isinstance(error, InstrumentError):
            with suppress(InstrumentError):
                if complaint := self.ask("complaint"):
                    return InstrumentError(f"the simulated device cannot do this: {complaint}")
        return error

    def clock(self) -> LabClock:
        """Give the clock of the lab; it is lost when the lab is closed."""
        return LabClock(self.ask, real=self._is_real, shared=self._is_shared)

    def ask(self, line: str) -> Any:
        """Send a request over the control socket and return the decoded answer.

        Raises
        ------
        InstrumentError
            If the lab refuses, or is gone.
        """
        with self._lock:
            try:
                answer = msgspec.json.decode(self._exchange(line.encode() + b"\n"))
            except (OSError, ValueError, OverflowError) as error:
                self._disconnect()
                raise self._gone() from error
            except BaseException:
                self._disconnect()  # an answer is under way that the next request must not get
                raise
        if isinstance(answer, dict) and "error" in answer:
            raise InstrumentError(f"the virtual lab at {self.control} refuses: {answer['error']}")
        return answer

    def stop(self) -> None:
        """End the lab, and close; nothing happens if it is gone."""
        with suppress(InstrumentError):
            self.ask("stop")
        if self._process is not None:
            try:
                self._process.wait(LEAVE_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.close()

    def close(self) -> None:
        """Disconnect; the lab goes on."""
        with self._lock:
            self._is_open = False
            self._disconnect()
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.returncode = 0  # it stays behind: nothing to wait for, nothing to warn of

    def _refuse_other(self, name: str) -> None:
        """Raise if another lab has got the port of the one that is asked for."""
        if name != self.control.rpartition("/")[2]:
            raise self._gone()

    def _gone(self) -> InstrumentError:
        return InstrumentError(
            f"the virtual lab at {self.control} is gone; its cells went with it, start a new one"
        )

    def _exchange(self, request: bytes) -> bytes:
        if self._socket is None:
            self._socket = self._connected()
        self._socket.sendall(request)
        parts = [self._socket.recv(1 << 16)]
        while not parts[-1].endswith(b"\n"):
            if not parts[-1]:
                raise ConnectionError("the connection ended")
            parts.append(self._socket.recv(1 << 16))
        return b"".join(parts)

    def _connected(self) -> socket.socket:
        if not self._is_open:
            raise ConnectionError("it was closed")
        host, _, port = self.control.partition("/")[0].rpartition(":")
        sock = socket.create_connection((host, int(port)), CONNECT_WITHIN_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(ANSWER_WITHIN_S)
        return sock

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _launch(plan: LabPlan, log: Path | None) -> tuple[subprocess.Popen[bytes], str]:
    """Start the process apart from this one's terminal and group; wait for its first line."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    folder = Path(__file__).resolve().parent.parent
    path = [str(folder), *(str(Path(entry).absolute()) for entry in sys.path)]
    with _complaints(log) as complaints:
        begin = complaints.seek(0, os.SEEK_END)
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-W", "ignore", "-c", _BOOT, *path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,
                creationflags=flags,
            )
        except OSError as error:
            raise InstrumentError(f"the virtual lab cannot be started: {error}") from error
        try:
            hello = _first_line(process, msgspec.json.encode(plan))
            return process, msgspec.json.decode(hello)["control"]
        except BaseException as error:
            process.kill()
            process.wait()
            if not isinstance(error, msgspec.MsgspecError):
                raise
            complaints.seek(begin)
            *_, last = complaints.read().decode(errors="replace").splitlines() or ["nothing"]
            raise InstrumentError(f"the virtual lab did not start; it said: {last}") from None


def _first_line(process: subprocess.Popen[bytes], plan: bytes) -> bytes:
    """Give the process its plan and read its first line; empty if it ended or took too long."""
    late = threading.Timer(START_WITHIN_S, process.kill)
    late.daemon = True
    late.start()
    try:
        with process.stdin as stdin, process.stdout as stdout:  # type: ignore[union-attr]
            with suppress(OSError):  # it may have ended already
                stdin.write(plan)
                stdin.close()
            return stdout.readline()
    finally:
        late.cancel()


def _complaints(log: Path | None) -> IO[bytes]:
    """Open the file for what the process writes to standard error."""
    if log is None:
        return tempfile.TemporaryFile()
    try:
        return log.open("a+b")
    except OSError as error:
        raise InstrumentError(
            f"the log of the virtual lab, {log}, cannot be written: {error.strerror}"
        ) from error
