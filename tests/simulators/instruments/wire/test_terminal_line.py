"""A pseudo terminal as a serial line: plain clients, pyserial and pyvisa-py."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from hil.errors import ConfigError
from hil.simulators.instruments.lab.process import LabServer
from tests.simulators.instruments.echo import (
    PATIENCE_S,
    Running,
    echo_plan,
    install_echo,
    running,
    until,
)
from tests.simulators.instruments.visa import opened

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo terminals are of POSIX")


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_echo(tmp_path, monkeypatch)


@pytest.fixture
def lab() -> Iterator[Running]:
    with running(echo_plan(transport="pty")) as lab:
        yield lab


def path(lab: Running) -> str:
    address = lab.server.addresses["echo"]
    assert address.startswith("ASRL/dev/")
    return address.removeprefix("ASRL").removesuffix("::INSTR")


def ask(line: serial.Serial, message: bytes) -> bytes:
    line.write(message + b"\0")
    answer: bytes = line.read_until(b"\0")
    return answer


def test_pyvisa_asks_over_it(lab: Running) -> None:
    for _ in range(2):
        with opened(lab.server.addresses["echo"]) as client:
            assert client.query("abc") == "abc"


def test_pyserial_asks_over_it_at_any_speed(lab: Running) -> None:
    with serial.Serial(path(lab), 921600, stopbits=2, timeout=PATIENCE_S) as line:
        assert ask(line, b"abc") == b"abc\0"
        line.baudrate = 9600
        assert ask(line, b"def") == b"def\0"


def test_a_line_is_raw(lab: Running) -> None:
    everything = bytes(range(1, 256))
    number = os.open(path(lab), os.O_RDWR | os.O_NOCTTY)  # a client that sets nothing
    os.write(number, everything + b"\0")
    answer = b""
    while not answer.endswith(b"\0"):
        answer += os.read(number, 1000)
    os.close(number)
    assert answer == everything + b"\0"


def test_long_answers_wait_until_they_are_taken(lab: Running) -> None:
    with serial.Serial(path(lab), timeout=PATIENCE_S) as line:
        assert ask(line, b"big 30000") == b"x" * 30_000 + b"\0"
        assert ask(line, b"abc") == b"abc\0"


def test_the_instrument_knows_who_comes_and_goes(lab: Running) -> None:
    for _ in range(2):
        with serial.Serial(path(lab), timeout=PATIENCE_S) as line:
            line.write(b"half a mess")
            until(lab.has_client)
        until(lambda: not lab.has_client())
    with serial.Serial(path(lab), timeout=PATIENCE_S) as line:
        assert ask(line, b"clients") == b"here gone here gone here\0"


def test_answers_that_a_client_has_left_are_not_for_the_next(lab: Running) -> None:
    number = os.open(path(lab), os.O_RDWR | os.O_NOCTTY)
    os.write(number, b"left behind\0")
    until(lambda: len(lab.ask("bytes 0")) == 2)
    os.close(number)
    until(lambda: not lab.has_client())
    number = os.open(path(lab), os.O_RDWR | os.O_NOCTTY)
    os.write(number, b"abc\0")
    assert os.read(number, 100) == b"abc\0"
    os.close(number)


def test_a_client_that_is_killed_has_gone(lab: Running) -> None:
    code = f"import os; os.write(os.open({path(lab)!r}, os.O_RDWR), b'abc\\0'); "
    with subprocess.Popen([sys.executable, "-c", code + "input()"], stdin=-1) as process:
        until(lambda: lab.ask("bytes 1") != [])
        process.send_signal(signal.SIGKILL)
    until(lambda: not lab.has_client())
    with serial.Serial(path(lab), timeout=PATIENCE_S) as line:
        assert ask(line, b"clients") == b"here gone here\0"


def test_one_that_is_cut_off_may_go_on_as_a_new_one(
    lab: Running, capfd: pytest.CaptureFixture[str]
) -> None:
    with serial.Serial(path(lab), timeout=0.1) as line:
        assert ask(line, b"fail") == b""
        line.timeout = PATIENCE_S
        assert ask(line, b"clients") == b"here gone here\0"
    assert "RuntimeError" in capfd.readouterr().err


def test_the_end_of_the_lab_hangs_up(lab: Running) -> None:
    with serial.Serial(path(lab), timeout=PATIENCE_S) as line:
        assert ask(line, b"abc") == b"abc\0"
        lab.ask("stop")
        lab.thread.join(PATIENCE_S)
        lab.server.close()
        with pytest.raises((serial.SerialException, OSError)):
            ask(line, b"abc")


def test_has_no_port() -> None:
    with pytest.raises(ConfigError, match="no port"):
        LabServer(echo_plan(transport="pty", port=5025))


def test_where_there_are_none_a_socket_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hil.simulators.instruments.wire.terminal_line", None)
    with pytest.raises(ConfigError, match="socket://HOST:PORT"):
        LabServer(echo_plan(transport="pty"))
