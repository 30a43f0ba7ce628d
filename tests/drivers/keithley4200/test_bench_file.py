"""The bench file: what it must say, and what becomes of it."""

from pathlib import Path

import pytest

from hil.config import bench_from_record, find_bench
from hil.drivers.keithley4200.bench_file import Keithley4200File
from hil.errors import ConfigError
from hil.virtual import LabPlan

TEXT = """
kind = "keithley4200"
[instrument]
address = "TCPIP::192.168.0.10::1225::SOCKET"
[wiring]
top = "PMU1-2"
sweeps = "SMU2"
series_ohm = "1kohm"
[limits.read]
positive_v = "0.2V"
negative_v = "-0.2V"
current_a = "10uA"
[limits.switching]
positive_v = "1V"
negative_v = "-1V"
current_a = "10uA"
"""

VIRTUAL = """
[virtual]
model = "device.toml"
"""


def written(folder: Path, text: str) -> Keithley4200File:
    path = folder / "lab.toml"
    path.write_text(text)
    file = find_bench(str(path)).file
    assert isinstance(file, Keithley4200File)
    return file


def test_the_shipped_file_is_complete() -> None:
    named = find_bench("keithley4200")
    bench = named.build(1)
    assert bench.kind == "hardware"
    assert bench.source_ohm == 50
    assert bench.capabilities.regulates
    assert bench.capabilities.current_limit == "watched"
    assert bench.capabilities.time_step_s == 10e-9
    (safe,) = bench.safe_messages()
    assert safe.messages[0].startswith(b"\0")  # ends a command that was left half sent
    assert all(message.endswith(b"\0") for message in safe.messages)


def test_a_file_becomes_a_bench_and_a_lab(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT + VIRTUAL)
    bench = file.build("lab", 1)
    assert bench.source_ohm == 1050
    assert bench.capabilities.current_limit == "series"
    assert ":PMU:OUTPUT:STATE 2,0" in str(bench.safe_messages())
    plan = file.counterpart(7)
    assert isinstance(plan, LabPlan)
    assert plan.wiring == {"PMU1-2": "top"}
    assert plan.instruments["keithley4200"].options["rpm"] == {"PMU1-2": "SMU2"}
    assert (plan.series_ohm, plan.seed, plan.pace) == (1000, 7, "virtual")


def test_a_model_file_is_found_from_the_bench_file(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT + VIRTUAL)
    assert file.virtual is not None
    assert file.virtual.model == str((tmp_path / "device.toml").resolve())


def test_a_run_can_bring_it_back(tmp_path: Path) -> None:
    import msgspec

    file = written(tmp_path, TEXT + VIRTUAL)
    again = bench_from_record("lab", msgspec.to_builtins(file)).file
    assert again == file


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('"PMU1-2"', '"PMU3"', "wiring.top"),
        ('"SMU2"', '"SMU"', "wiring.sweeps"),
        ('top = "PMU1-2"', 'top = "PMU1-2"\nbottom = "PMU1-1"', "only ground"),
        ('[limits.read]\npositive_v = "0.2V"\n', "[limits.read]\n", "positive_v"),
        ('series_ohm = "1kohm"', 'series_ohm = "-1ohm"', "series_ohm"),
        ('address = "TCPIP', 'adress = "TCPIP', "address"),
        *(
            ("TCPIP::192.168.0.10::1225::SOCKET", address, r"lab\.toml.*instrument\.address is")
            for address in (
                "192.168.0.10", "GPIB0::17::INSTR", "TCPIP::192.168.0.10::INSTR",
                "TCPIP::192.168.0.10::SOCKET", "TCPIP::192.168.0.10::0::SOCKET",
                "TCPIP::192.168.0.10::65536::SOCKET", "TCPIP::192.168.0.10::1225::SOCKET ",
            )
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert old in TEXT
    with pytest.raises(ConfigError, match=why):
        written(tmp_path, TEXT.replace(old, new))


@pytest.mark.parametrize("address", ["TCPIP0::k4200::1225::SOCKET", "tcpip::10.0.0.1::1::socket"])
def test_addresses_of_a_socket_are_taken(tmp_path: Path, address: str) -> None:
    text = TEXT.replace("TCPIP::192.168.0.10::1225::SOCKET", address)
    assert written(tmp_path, text).instrument.address == address


@pytest.mark.parametrize("value", ["nan", "inf", "[1.0, -inf]", "[{ depth = [nan] }]"])
def test_a_parameter_is_of_finite_numbers(tmp_path: Path, value: str) -> None:
    text = f"{TEXT}{VIRTUAL}[virtual.parameters]\ni0_a = {value}\n"
    with pytest.raises(ConfigError, match=r"lab\.toml.*virtual\.parameters\.i0_a is"):
        written(tmp_path, text)


def test_a_file_without_limits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="limits"):
        written(tmp_path, TEXT[: TEXT.index("[limits.read]")])


def test_without_virtual_it_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"add \[virtual\] with model"):
        written(tmp_path, TEXT).counterpart(1)
