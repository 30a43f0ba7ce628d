"""The guard against real deaths of real processes, over real sockets and a real serial line."""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from hil import guard as guard_module
from hil import guard_process
from hil.errors import GuardError
from hil.guard import Guard, SafeMessages

ROOT = Path(guard_module.__file__).resolve().parent.parent
OFF = (b":SOUR:VOLT 0\n", b":OUTP OFF\n", bytes([0, 255, 10]))
SAFE = b"".join(OFF)
PATIENCE_S = 15.0

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals, fork or terminals")

OWNER = """
import os, signal, socket, subprocess, sys, time
from pathlib import Path
import msgspec
from hil.guard import Guard, SafeMessages

def say(text):
    print(text, flush=True)

def wait():
    sys.stdin.readline()

log, instruments = Path(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=list[SafeMessages])
with Guard(log) as guard:
    guard.protect(instruments)
    say("armed")
    {body}
"""


def wait_until(true: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    until_s = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until_s, "waited in vain"
        threading.Event().wait(0.005)


class Instrument:
    """Takes one client at a time and keeps what it is sent."""

    def __init__(self, *, listening: bool = True, busy: int = 0) -> None:
        self.received = bytearray()
        self.received_at_s = 0.0
        self.connections = 0
        self._busy = busy
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        # Bound but not listening: it refuses, and nobody else can take the port.
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        if listening:
            self.listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    @property
    def address(self) -> str:
        return f"TCPIP::127.0.0.1::{self._socket.getsockname()[1]}::SOCKET"

    def listen(self) -> None:
        self._socket.listen()
        self._socket.settimeout(0.02)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def expect(self, data: bytes) -> float:
        """Wait for exactly these bytes; tell when the last of them came (monotonic, s)."""
        with self._news:
            self._news.wait_for(lambda: len(self.received) >= len(data), PATIENCE_S)
            assert bytes(self.received) == data
            return self.received_at_s

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                client, _ = self._socket.accept()
            except TimeoutError:
                continue
            with client:
                self.connections += 1
                self._hear(client, busy=self.connections <= self._busy)

    def _hear(self, client: socket.socket, *, busy: bool) -> None:
        client.settimeout(0.02)
        if busy:
            client.shutdown(socket.SHUT_WR)
        while not self._stop.is_set():
            try:
                data = client.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not data:
                return
            if not busy:
                self._keep(data)

    def _keep(self, data: bytes) -> None:
        with self._news:
            self.received += data
            self.received_at_s = time.monotonic()
            self._news.notify_all()


class Lab:
    """Instruments, owners and guards of one test."""

    def __init__(self, folder: Path, processes: ExitStack, shelf: ExitStack) -> None:
        self.log = folder / "guard.log"
        self._folder = folder
        self._processes = processes
        self._shelf = shelf
        self._owners = 0

    def instrument(self, *, listening: bool = True, busy: int = 0) -> Instrument:
        return self._shelf.enter_context(Instrument(listening=listening, busy=busy))

    def owner(self, body: str, *instruments: SafeMessages) -> "subprocess.Popen[bytes]":
        """Start an owner that has armed its guard and goes on with *body*."""
        process = self.start_owner(body, *instruments)
        assert heard(process) == "armed"
        return process

    def start_owner(self, body: str, *instruments: SafeMessages) -> "subprocess.Popen[bytes]":
        data = msgspec.json.encode(instruments).decode()
        command = [sys.executable, "-P", "-c", OWNER.format(body=body), str(self.log), data]
        process = self._launch(command, start_new_session=True)
        self._owners += 1
        self._shelf.callback(wait_until, self._all_guards_left)
        return process

    def bare_guard(self) -> "subprocess.Popen[bytes]":
        """Start the process itself, to be spoken to line by line."""
        process = self._launch([sys.executable, "-P", "-m", "hil.guard_process"])
        tell(process, {"log": str(self.log), "owner": os.getpid()})
        return process

    def wait_for_log(self, text: str) -> str:
        wait_until(lambda: text in self.read_log())
        return self.read_log()

    def _all_guards_left(self) -> bool:
        log = self.read_log()
        return log.count(": released, nothing sent") + log.count(": done") >= self._owners

    def read_log(self) -> str:
        return self.log.read_text() if self.log.is_file() else ""

    def _launch(self, command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            **options,
        )
        self._processes.enter_context(process)
        self._processes.callback(process.kill)
        return process


@pytest.fixture(scope="module")
def shelf() -> Iterator[ExitStack]:
    """Keep instruments until the last guard has left, or it could meet another test's."""
    with ExitStack() as things:
        yield things


@pytest.fixture
def lab(tmp_path: Path, shelf: ExitStack) -> Iterator[Lab]:
    with ExitStack() as processes:
        yield Lab(tmp_path, processes, shelf)


def heard(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def tell(process: "subprocess.Popen[bytes]", line: object) -> None:
    assert process.stdin is not None
    process.stdin.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
    process.stdin.flush()


def safe(address: str, *messages: bytes, **more: Any) -> SafeMessages:
    return SafeMessages(address, {}, messages or OFF, **more)


def request(number: int, *instruments: SafeMessages) -> bytes:
    return msgspec.json.encode({"number": number, "protect": instruments}) + b"\n"


def kill_guard(guard: Guard) -> None:
    process = guard._process
    assert process is not None
    process.kill()
    process.wait(PATIENCE_S)


def test_killed_owner_is_followed_within_a_second(lab: Lab) -> None:
    instrument = lab.instrument()
    port = instrument.address.split("::")[2]
    hold = f"link = socket.create_connection(('127.0.0.1', {port})); link.sendall(b'ON'); wait()"
    owner = lab.owner(hold, safe(instrument.address, pause_s=0.02))
    instrument.expect(b"ON")

    killed_s = time.monotonic()
    owner.kill()
    after_s = instrument.expect(b"ON" + SAFE) - killed_s

    assert 0.04 <= after_s < 1.0
    log = lab.wait_for_log("done")
    assert repr(OFF[0])[2:-1] in log
    assert "all sent" in log


def test_owner_that_ends_badly_is_followed(lab: Lab) -> None:
    instruments = {
        end: lab.instrument()
        for end in ("os._exit(3)", "raise RuntimeError", "os.abort()", "sys.exit()")
    }
    for end, instrument in instruments.items():
        lab.start_owner(end, safe(instrument.address))
    for instrument in instruments.values():
        instrument.expect(SAFE)


def test_released_guard_touches_nothing(lab: Lab) -> None:
    instrument = lab.instrument()
    ends = ("pass", "guard.release(); guard.release()")
    owners = [lab.start_owner(end, safe(instrument.address)) for end in ends]
    for owner in owners:
        assert owner.wait(PATIENCE_S) == 0
    # release() has waited for the guard's end, so nothing can come any more.
    assert instrument.connections == 0
    assert lab.read_log().count("released, nothing sent") == 2


def test_dead_instrument_delays_no_other_and_is_tried_again(lab: Lab) -> None:
    dead, alive, busy = lab.instrument(listening=False), lab.instrument(), lab.instrument(busy=2)
    addresses = [instrument.address for instrument in (dead, alive, busy)]
    owner = lab.owner("wait()", *map(safe, addresses))

    killed_s = time.monotonic()
    owner.kill()
    assert alive.expect(SAFE) - killed_s < 1.0
    lab.wait_for_log(f"{dead.address}: trying again: ConnectionRefusedError")
    wait_until(lambda: time.monotonic() > killed_s + 1.0)
    dead.listen()

    dead.expect(SAFE)
    # An instrument that hung up at first is sent everything again.
    wait_until(lambda: bytes(busy.received) == SAFE)
    assert busy.connections == 3


def test_answers_that_nobody_reads_do_not_eat_messages(lab: Lab, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        item = safe(f"TCPIP0::127.0.0.1::{server.getsockname()[1]}::socket", b"one\n", b"two\n")
        lab.owner("os._exit(3)", item)
        client, _ = server.accept()
        with client:
            client.settimeout(PATIENCE_S)
            assert client.recv(4) == b"one\n"
            client.sendall(b"ACK\n")
            # The guard has closed its end before the instrument reads on.
            lab.wait_for_log("done")
            assert client.recv(100) == b"two\n"
            assert client.recv(100) == b""


def test_child_that_outlives_the_owner_does_not_hide_its_death(lab: Lab) -> None:
    instrument = lab.instrument()
    body = (
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], "
        "stdout=subprocess.DEVNULL, close_fds=False); "
        "say(child.pid); wait()"
    )
    check_survivor(lab, body, instrument)


@posix
def test_forked_child_neither_hides_the_death_nor_releases(lab: Lab) -> None:
    instrument = lab.instrument()
    body = (
        "child = os.fork()\n"
        "    if child == 0:\n"
        "        guard.release(); say(os.getpid()); time.sleep(60); os._exit(0)\n"
        "    wait()"
    )
    check_survivor(lab, body, instrument)


def check_survivor(lab: Lab, body: str, instrument: Instrument) -> None:
    owner = lab.owner(body, safe(instrument.address))
    child = int(heard(owner))
    try:
        assert instrument.connections == 0
        owner.kill()
        owner.wait(PATIENCE_S)
        instrument.expect(SAFE)
        os.kill(child, 0)
    finally:
        os.kill(child, signal.SIGTERM)


@posix
def test_interrupt_of_the_owners_group_does_not_reach_the_guard(lab: Lab) -> None:
    instrument = lab.instrument()
    body = (
        "try:\n"
        "        say(guard._process.pid); wait()\n"
        "    except KeyboardInterrupt:\n"
        "        guard.protect(instruments); guard.check_alive(); say('still guarded'); wait()"
    )
    owner = lab.owner(body, safe(instrument.address))
    guard_pid = int(heard(owner))
    assert os.getpgid(guard_pid) == guard_pid != os.getpgid(owner.pid)
    os.killpg(owner.pid, signal.SIGINT)
    os.kill(guard_pid, signal.SIGINT)
    os.kill(guard_pid, signal.SIGTERM)
    assert heard(owner) == "still guarded"
    owner.kill()
    instrument.expect(SAFE)


def test_bad_lines_are_answered_and_survived(lab: Lab) -> None:
    instrument = lab.instrument()
    process = lab.bare_guard()
    assert heard(process) == "ready"
    bad: list[object] = [
        b"\xff\x00 no json\n",
        {"protect": []},
        {"number": 2, "protect": [{"address": "X"}]},
        {"number": 3, "protect": [{"address": "X", "settings": {}, "messages": ["AA=="]}]},
        {"number": 4, "protect": "release"},
    ]
    for line in bad:
        tell(process, line)
        assert json.loads(heard(process))["error"]
    tell(process, b"\n\n" + request(5, safe(instrument.address)))
    assert json.loads(heard(process)) == {"number": 5, "error": ""}
    tell(process, b"release\n")
    assert process.wait(PATIENCE_S) == 0
    assert instrument.connections == 0


def test_line_torn_by_the_owners_death_counts_for_nothing(lab: Lab) -> None:
    instruments = {
        torn: lab.instrument() for torn in (b"release", b'{"number": 2, "protect": []}', b'{"numb')
    }
    guards = {torn: lab.bare_guard() for torn in instruments}
    for torn, process in guards.items():
        tell(process, request(1, safe(instruments[torn].address)) + torn)
        # The answer has no reader either when the owner dies early.
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        process.stdin.close()
    for torn, process in guards.items():
        assert process.wait(PATIENCE_S) == 0
        instruments[torn].expect(SAFE)


def test_first_line_must_name_a_log(lab: Lab) -> None:
    process = lab._launch([sys.executable, "-P", "-m", "hil.guard_process"])
    tell(process, b"release\n")
    assert json.loads(heard(process))["error"]
    assert process.wait(PATIENCE_S) == 2


def test_refused_list_leaves_the_last_one_in_force(lab: Lab) -> None:
    old, new = lab.instrument(), lab.instrument()
    two = [safe(new.address, b"1\n"), safe(new.address, b"", b"2\n")]
    with pytest.raises(KeyError) as caught, Guard(lab.log) as guard:  # noqa: PT012 - the block
        guard.protect([safe(old.address)])
        guard.protect(two)
        with pytest.raises(GuardError, match="GARBAGE"):
            guard.protect([safe("GARBAGE::9")])
        with pytest.raises(GuardError, match="settings"):
            guard.protect([SafeMessages(new.address, {"odd": object()}, OFF)])
        guard.check_alive()
        raise KeyError
    # Leaving by an exception has waited for the guard, in the order given for one address.
    new.expect(b"1\n2\n")
    assert old.connections == 0
    assert not hasattr(caught.value, "__notes__")


def test_dead_guard_is_noticed(lab: Lab) -> None:
    guard = Guard(lab.log)
    guard.start()
    kill_guard(guard)
    with pytest.raises(GuardError, match="gone"):
        guard.check_alive()
    with pytest.raises(GuardError, match="gone"):
        guard.protect([])
    with pytest.raises(GuardError, match="gone"):
        guard.release()
    guard.release()

    guard.start()
    guard.check_alive()
    guard.release()


def test_dead_guard_is_noticed_at_the_end_of_the_block(lab: Lab) -> None:
    with pytest.raises(GuardError, match="gone"), Guard(lab.log) as guard:
        kill_guard(guard)
    with pytest.raises(KeyError) as caught, Guard(lab.log) as guard:  # noqa: PT012 - the block
        kill_guard(guard)
        raise KeyError
    assert "did not make every instrument safe" in caught.value.__notes__[0]


def test_guard_that_hangs_is_ended_and_noticed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard(lab.log)
    guard.start()
    monkeypatch.setattr(guard_module, "ANSWER_WITHIN_S", 0.0)
    with pytest.raises(GuardError, match="did not answer"):
        guard.protect([])
    with pytest.raises(GuardError, match="gone"):
        guard.release()


def test_guard_that_was_not_started_protects_nothing(lab: Lab) -> None:
    guard = Guard(lab.log)
    guard.release()
    with pytest.raises(GuardError, match="no guard"):
        guard.check_alive()
    with pytest.raises(GuardError, match="no guard"):
        guard.protect([])
    with guard, pytest.raises(GuardError, match="already"):
        guard.start()
    with pytest.raises(GuardError, match="no guard"):
        guard.check_alive()


def test_guard_that_cannot_start_is_noticed(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in filter(None, ["", str(lab.log / "missing"), shutil.which("false")]):
        monkeypatch.setattr(sys, "executable", program)
        guard = Guard(lab.log)
        with pytest.raises(GuardError):
            guard.start()
        guard.release()


def test_labs_own_hil_is_not_mistaken_for_ours(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hil", "msgspec", "pyvisa"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    monkeypatch.chdir(tmp_path)
    with Guard(lab.log) as guard:
        guard.protect([safe("ASRL/dev/null::INSTR", visa_library="@py")])


def test_log_that_cannot_be_written_stops_nothing(lab: Lab, tmp_path: Path) -> None:
    instrument = lab.instrument()
    with pytest.raises(KeyError), Guard(tmp_path) as guard:  # noqa: PT012 - the block
        guard.protect([safe(instrument.address)])
        raise KeyError
    instrument.expect(SAFE)


def test_instrument_that_stays_dead_is_given_up(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_process, "RETRY_FOR_S", 0.2)
    dead, alive = lab.instrument(listening=False), lab.instrument()
    serial = "ASRL/dev/no-such-port::INSTR"
    items = [safe(dead.address), safe(alive.address), safe(serial, visa_library="@py")]
    code = guard_process._make_all_safe(items, guard_process._Log(lab.log))
    assert code == 1
    alive.expect(SAFE)
    for address in (dead.address, serial):
        assert f"{address}: given up" in lab.read_log()
        assert f"{address}: NOT MADE SAFE" in lab.read_log()


@pytest.mark.parametrize(
    ("messages", "pause_s", "error"),
    [
        ((), 0.0, ValueError),
        ((b"",), 0.0, ValueError),
        (b"OUTP OFF", 0.0, TypeError),
        (("OUTPOFF1",), 0.0, TypeError),
        (OFF, -1.0, ValueError),
        (OFF, float("nan"), ValueError),
    ],
)
def test_messages_that_would_not_work_are_refused(
    messages: Any, pause_s: float, error: type[Exception]
) -> None:
    with pytest.raises(error):
        SafeMessages("TCPIP::127.0.0.1::1::SOCKET", {}, messages, pause_s)


@posix
def test_serial_instrument_gets_its_bytes_at_its_settings(lab: Lab) -> None:
    import termios

    from pyvisa.constants import Parity, StopBits

    ours, theirs = os.openpty()
    lab._shelf.callback(os.close, ours)
    lab._shelf.callback(os.close, theirs)
    settings = {
        "baud_rate": 115200,
        "parity": Parity.none,
        "stop_bits": StopBits.two,
        "write_termination": "\n",
        "timeout": None,
    }
    item = SafeMessages(f"ASRL{os.ttyname(theirs)}::INSTR", settings, OFF, 0.0, "@py")
    owner = lab.owner("wait()", item)

    killed_s = time.monotonic()
    owner.kill()
    received = b""
    while len(received) < len(SAFE):
        assert select.select([ours], [], [], PATIENCE_S)[0]
        received += os.read(ours, 4096)

    assert time.monotonic() - killed_s < 1.0
    assert received == SAFE
    attributes = termios.tcgetattr(theirs)
    assert attributes[4] == termios.B115200
    assert attributes[2] & termios.CSTOPB
