"""``hil serve``: what it says, what it serves, how it ends, what bad input is told."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hil.virtual import VirtualLab
from tests.simulators.instruments.echo import Client, install_echo
from tests.simulators.instruments.visa import opened

BENCH = """
kind = "echo"
[limits.read]
positive_v = "0.2V"
negative_v = "-0.2V"
current_a = "1mA"
[limits.switching]
positive_v = "1V"
negative_v = "-1V"
current_a = "1mA"
"""
LAB = """
kind = "lab"
seed = 11
[instruments.one]
type = "echo"
[instruments.two]
type = "echo"
transport = "hislip"
options = { loud = true }
[wiring]
OUT = "top"
[device]
model = "resistor"
parameters = { resistance_ohm = "2kohm" }
series_ohm = 100
"""
OHM = {"resistor:2kohm": 2e3, "resistor:1000": 1e3, "open": 1e15, None: 10e3}


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_echo(tmp_path, monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "lab.toml").write_text(BENCH)


def introduction(process: "subprocess.Popen[str]") -> list[str]:
    """What it says before it serves."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("serving"):
            break
    return lines


def log(folder: Path) -> list[str]:
    return (folder / "lab.log").read_text().splitlines()


def end(process: "subprocess.Popen[str]", how: int = signal.SIGINT) -> None:
    process.send_signal(how)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
class TestServing:
    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("connected", [False, True])
    def test_ends_well_by_ctrl_c_and_by_sigterm(
        self, launch: Callable[..., "subprocess.Popen[str]"], how: int, connected: bool
    ) -> None:
        process = launch("serve", "--instrument", "echo")
        address = introduction(process)[0].split()[0]
        client = Client(address) if connected else None
        end(process, how)
        if client is not None:
            with pytest.raises(EOFError):
                client.answer()
            client.close()

    def test_the_example_in_its_help_works(
        self, launch: Callable[..., "subprocess.Popen[str]"]
    ) -> None:
        shown, _ = launch("serve", "--help").communicate(timeout=20)
        example = re.search(r"Example: hil (.+)", shown)
        assert example is not None
        process = launch(*example[1].split())
        assert introduction(process)[0].startswith("TCPIP::127.0.0.1::")
        end(process)

    @pytest.mark.parametrize("dut", OHM)
    def test_one_instrument_on_a_device(
        self, launch: Callable[..., "subprocess.Popen[str]"], dut: str | None
    ) -> None:
        options = [] if dut is None else ["--dut", dut]
        process = launch("serve", "--instrument", "echo", "--seed", 3, *options)
        first, control, wiring, loose, *_ = introduction(process)
        client = Client(first.split()[0])
        (current_a, _) = client.ask("pulse 1").strip("[]").split(",")
        assert float(current_a) == pytest.approx(1 / (OHM[dut] + 50))
        client.close()
        assert "real pace, seed 3" in control
        assert wiring == f"OUT is wired to the top of a device: {dut or 'resistor:10kohm'}"
        assert loose == "echo.source is wired to nothing"
        end(process)

    def test_the_instruments_of_a_bench_file(
        self, launch: Callable[..., "subprocess.Popen[str]"]
    ) -> None:
        process = launch("serve", "lab.toml", "--pace", "virtual", "--seed", 4)
        first, control, *_ = introduction(process)
        assert control.endswith("virtual pace, seed 4")
        lab = VirtualLab.connect(control.split()[2].rstrip(";"))
        assert lab.addresses == {"echo": first.split()[0]}
        lab.clock().sleep(60.0)
        client = Client(lab.addresses["echo"])
        assert client.ask("time") == "60.0"
        client.close()
        lab.close()
        end(process)

    def test_a_model_and_a_port_of_ones_choice(
        self, launch: Callable[..., "subprocess.Popen[str]"]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        process = launch("serve", "--instrument", "echo", "--dut", "tiox", "--port", port)
        assert introduction(process)[0] == f"TCPIP::127.0.0.1::{port}::SOCKET  echo, virtual"
        end(process)

    @pytest.mark.parametrize("transport", ["hislip", "pty"])
    def test_each_transport_is_served_and_logged(
        self, launch: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, transport: str
    ) -> None:
        process = launch(
            "serve", "--instrument", "echo", "--transport", transport, "--log", "lab.log"
        )
        with opened(introduction(process)[0].split()[0]) as client:
            assert client.query("abc") == "abc"
            told = [line.split(" ", 1)[1].split() for line in log(tmp_path)]
            assert [words[1:] for words in told] == [
                ["echo", "in", r"'abc\x00'"], ["echo", "out", r"'abc\x00'"],
            ]  # fmt: skip
        end(process)

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
    def test_what_is_on_goes_to_0_v_and_off_at_the_end(
        self, launch: Callable[..., "subprocess.Popen[str]"], tmp_path: Path, how: int
    ) -> None:
        process = launch("serve", "--instrument", "echo", "--log", "lab.log")
        client = Client(introduction(process)[0].split()[0])
        assert client.ask("level 0.5") == "level 0.5"
        process.send_signal(how)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "at 0 V and off now: echo.source\n", "")
        assert log(tmp_path)[-1].endswith(" echo.source --  at 0 V and off")
        client.close()

    def test_the_instruments_of_a_lab_file(
        self, launch: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
    ) -> None:
        (tmp_path / "bench.toml").write_text(LAB)
        process = launch("serve", "bench.toml")
        one, two, control, *wires = introduction(process)
        assert one.endswith("one, a echo, virtual")
        assert one.startswith("TCPIP::127.0.0.1::")
        assert two.startswith("TCPIP::127.0.0.1::hislip0,")
        assert control.endswith("; real pace, seed 11")
        assert wires[0] == "OUT is wired to the top of a device: resistor"
        with opened(one.split()[0]) as first, opened(two.split()[0]) as second:
            assert first.query("options") == "{}"
            assert second.query("options") == '{"loud": true}'
            (current_a, _) = second.query("pulse 1").strip("[]").split(",")
            assert float(current_a) == pytest.approx(1 / (2000 + 100 + 50))
        end(process)

    def test_a_client_that_is_killed_leaves_the_instrument_as_it_is(
        self, launch: Callable[..., "subprocess.Popen[str]"], tmp_path: Path
    ) -> None:
        process = launch("serve", "--instrument", "relaybox")
        address = introduction(process)[0].split()[0]
        port = address.split("::")[2]
        code = (
            f"import socket, sys; s = socket.create_connection(('127.0.0.1', {port}))\n"
            "s.sendall(b'2\\n'); s.recv(9); print('done', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as killed:
            assert killed.stdout is not None
            assert killed.stdout.readline() == b"done\n"
            killed.kill()
        client = Client(address, b"\n")
        assert client.ask("?") == "2"
        client.close()
        end(process)

    def test_stop_at_the_control_socket_ends_it(
        self, launch: Callable[..., "subprocess.Popen[str]"]
    ) -> None:
        process = launch("serve", "--instrument", "echo")
        control = introduction(process)[1]
        VirtualLab.connect(control.split()[2].rstrip(";")).stop()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "name a lab or bench file, or an instrument"),
        ("lab.toml --instrument echo", "name a lab or bench file, or an instrument"),
        ("lab.toml --dut open", "leave --dut out"),
        ("--instrument ecko", "there is no virtual instrument 'ecko'; there is echo"),
        ("--instrument echo --dut tiix", "there is no model 'tiix'; did you mean 'tiox'?"),
        ("--instrument echo --dut resistor:5V", "'5V' is not in ohm"),
        ("--instrument echo --dut resistor:", "--dut: '' is not a number"),
        ("--instrument echo --dut resistor:0", "resistance_ohm: it must be a number > 0"),
        ("--instrument echo --dut none.toml", "none.toml cannot be read"),
        ("--instrument echo --port 70000", "--port"),
        ("resistor", "no instruments"),
        ("lob.toml", "lob.toml cannot be read"),
        ("bad.toml", "bad.toml: there is no key 'instrumens'; did you mean 'instruments'?"),
        ("two.toml --port 5025", "--port is for one instrument, not for one, two"),
        ("two.toml --transport pty", "--transport is for one instrument, not for one, two"),
        ("--instrument echo --transport gpib", "'gpib' is not one of"),
        ("--instrument echo --transport pty --port 5025", "no port"),
        ("--instrument echo --log .", "the log . cannot be written"),
    ],
)
def test_bad_input_is_told_in_one_sentence(
    hil: Callable[..., Any], tmp_path: Path, line: str, words: str
) -> None:
    (tmp_path / "bad.toml").write_text('kind = "lab"\n[instrumens.x]\ntype = "echo"')
    (tmp_path / "two.toml").write_text(LAB)
    told = hil("serve", *line.split())
    assert told.code != 0
    assert told.out == ""
    assert words in told.err
    assert told.err.count("\n") == 1


def test_a_port_in_use_is_told(hil: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = hil("serve", "--instrument", "echo", "--port", port)
    assert told.code == 1
    assert told.err.startswith(f"hil: echo cannot listen at port {port} (")
