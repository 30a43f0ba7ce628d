"""The bench file: what it must say, and what becomes of it."""

import msgspec
import pytest

from hil.config import bench_from_record, find_bench
from hil.drivers.arcone.bench_file import ArcOneFile
from hil.errors import ConfigError
from hil.virtual import LabPlan


def test_the_shipped_file_is_complete() -> None:
    bench = find_bench("arcone").build(1)
    assert bench.kind == "hardware"
    assert len(bench.cells) == 1024
    assert bench.capabilities.current_limit == "none"
    assert bench.capabilities.schemes == ("V/3", "V/2", "float", "grounded")
    (safe,) = bench.safe_messages()
    assert safe.address == "ASRL/dev/ttyACM0::INSTR"
    assert safe.settings["parity"] == 2


def test_a_file_becomes_a_lab() -> None:
    wires = {"array.row_wire_ohm": "2.5ohm", "array.column_wire_ohm": "1.5ohm"}
    named = find_bench("arcone", {"array.rows": "4", "array.series_ohm": "1kohm", **wires})
    plan = named.file.counterpart(7)
    assert isinstance(plan, LabPlan)
    assert (plan.rows, plan.columns, plan.series_ohm, plan.seed) == (4, 32, 1000, 7)
    assert (plan.row_wire_ohm, plan.column_wire_ohm) == (2.5, 1.5)
    assert plan.wiring == {}


def test_a_run_can_bring_it_back() -> None:
    file = find_bench("arcone").file
    assert isinstance(file, ArcOneFile)
    assert bench_from_record("lab", msgspec.to_builtins(file)).file == file


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("array.rows", "33", "array.rows"),
        ("array.columns", "0", "array.columns"),
        ("array.scheme", "V/4", "V/4"),
        ("array.series_ohm", "-1ohm", "series_ohm"),
        ("array.row_wire_ohm", "-1ohm", "row_wire_ohm"),
        ("array.column_wire_ohm", "1V", "column_wire_ohm"),
        ("instrument.parity", "mark", "mark"),
        ("instrument.baud_rate", "0", "baud_rate"),
        *(
            ("instrument.address", address, r"instrument\.address is")
            for address in ("/dev/ttyACM0", "ASRL/dev/ttyACM0", "GPIB0::5::INSTR", "socket://a:1")
        ),
    ],
)
def test_what_is_wrong_is_said(key: str, value: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        find_bench("arcone", {key: value})


@pytest.mark.parametrize("address", ["ASRL3::INSTR", "TCPIP::10.0.0.1::5000::SOCKET"])
def test_serial_lines_and_sockets_are_taken(address: str) -> None:
    file = find_bench("arcone", {"instrument.address": address}).file
    assert isinstance(file, ArcOneFile)
    assert file.instrument.address == address
