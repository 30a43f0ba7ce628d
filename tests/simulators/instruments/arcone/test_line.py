"""The virtual ArC ONE over lines as its hosts open them, with binary answers spoiled."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import serial

from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import Running, running, until

NEEDS_POSIX = pytest.mark.skipif(os.name != "posix", reason="pseudo terminals are of POSIX")


@contextmanager
def board(transport: str) -> Iterator[tuple[Running, serial.SerialBase]]:
    """Serve a board of 4 x 4 resistors, and initialize it as libarc1 does."""
    item = InstrumentPlan(type="arcone", transport=transport, options={"ideal": True})  # type: ignore[arg-type]
    plan = LabPlan(
        instruments={"board": item}, wiring={}, rows=4, columns=4, model="resistor",
        parameters={"resistance_ohm": 2e3},
    )  # fmt: skip
    with running(plan) as lab:
        _, host, port, *_ = [*lab.server.addresses["board"].split("::"), "", ""]
        url = f"socket://{host}:{port}" if transport == "socket" else ""
        path = lab.server.addresses["board"].removeprefix("ASRL").removesuffix("::INSTR")
        with serial.serial_for_url(url or path, baudrate=921600, timeout=10) as line:
            line.write(b"00\n")
            line.write(b"999\n")  # lost: the board hears nothing yet
            while lab.ask("bytes 1") == []:
                continue
            lab.ask("sleep 2")
            line.write(b"0\n30\n4\n4\n2\n0\n0\n0.500000\n")
            assert line.readline() == b"1\n"
            yield lab, line


def read_one(line: serial.SerialBase, count: int = 4) -> bytes:
    line.write(b"1\n2\n3\n")
    answer: bytes = line.read(count)
    return answer


@pytest.mark.parametrize("transport", ["socket", pytest.param("pty", marks=NEEDS_POSIX)])
def test_a_host_reads_floats_without_framing(transport: str) -> None:
    with board(transport) as (_, line):
        assert struct.unpack("<f", read_one(line)) == (2000.0,)
        line.write(b"2\n1\n4\n4\n")
        assert struct.unpack("<16f", line.read(64)) == (2000.0,) * 16
        line.write(b"999\n")
        assert len(line.read(4)) == 4


def test_binary_answers_are_spoiled_too() -> None:
    good = struct.pack("<f", 2000.0)
    with board("socket") as (lab, line):
        lab.ask("fault truncated board")
        assert read_one(line, 2) == good[:2]
        lab.ask("fault garbled board")
        garbled = read_one(line)
        assert len(garbled) == 4
        assert garbled != good
        lab.ask("fault duplicated board")
        assert read_one(line, 8) == good * 2
        assert read_one(line) == good


def test_a_host_that_goes_in_mid_job_leaves_the_board_there() -> None:
    with board("socket") as (lab, line):
        line.write(b"3\n1\n1\n")
        line.close()
        until(lambda: not lab.has_client())
        _, host, port, _ = lab.server.addresses["board"].split("::")
        with serial.serial_for_url(f"socket://{host}:{port}", timeout=10) as other:
            other.write(b"0\n0\n")  # taken as voltage and width
            assert struct.unpack("<f", other.read(4)) == (2000.0,)
