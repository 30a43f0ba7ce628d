"""What README and CONTRIBUTING show works."""

import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.config import find_bench, shipped_benches
from hil.protocol import RunView
from hil.simulators.instruments.lab.file import read_lab_file
from tests.conftest import Told

ROOT = Path(__file__).parent.parent


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_protocol_in_the_readme_measures() -> None:
    code = next(block for block in blocks("README.md", "python") if "class Endurance" in block)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    protocol = names["Endurance"](blocks=3, cycles_per_block=5)  # type: ignore[operator]
    with find_bench("tiox", {"cells": "50"}).build(seed=1) as bench:
        batches = list(protocol.measure(bench, RunView(1)))
        assert bench.check(protocol._cycles()).stress["pulses"][0] == 10
    assert len(batches) == 3
    lrs_s = np.mean([batch.values["lrs_s"] for batch in batches])
    hrs_s = np.mean([batch.values["hrs_s"] for batch in batches])
    assert lrs_s > 1.2 * hrs_s


def test_pymeasure_measures_the_resistor_that_is_served(
    launch: Callable[..., subprocess.Popen[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = (block for block in blocks("README.md", "python") if "pymeasure" in block)
    served = launch("serve", "--instrument", "keithley4200", "--dut", "resistor:10000")
    assert served.stdout is not None
    address = served.stdout.readline().split()[0]
    names: dict[str, Any] = {}
    exec(code.replace("TCPIP::127.0.0.1::1225::SOCKET", address), names)
    names["instrument"].adapter.close()
    assert float(capsys.readouterr().out) == pytest.approx(1e-4, rel=1e-3)


def test_the_contract_in_contributing_is_python() -> None:
    (code,) = blocks("CONTRIBUTING.md", "python")
    names: dict[str, object] = {}
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    assert "TestMyBench" in names


def test_the_bench_files_in_the_readme_are_those_that_ship() -> None:
    shown = [tomllib.loads(block) for block in blocks("README.md", "toml")]
    shipped = {
        name: tomllib.loads(path.read_text(encoding="utf-8"))
        for name, path in shipped_benches().items()
    }
    assert [shipped["tiox"], shipped["keithley4200"]] == shown[:2]
    for table in ("smu", "generator", "switch"):
        assert shown[2][table].items() <= shipped["smu-pulser"][table].items()


def test_the_lab_file_in_the_readme_is_one(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    (text,) = (block for block in blocks("README.md", "toml") if 'kind = "lab"' in block)
    data = tomllib.loads(text)
    plan = read_lab_file(data, path).plan(path, 1)
    assert set(plan.instruments) == {"smu", "generator", "switch"}
    assert plan.wiring["generator.1"] == "switch.B"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_the_sweep_and_the_device_in_the_readme_work(
    hil: Callable[..., Told], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hil("list", "models")
    sweep, device = (
        next(block for block in blocks("README.md", "python") if text in block)
        for text in ("sweep.csv", "get_model")
    )
    exec(compile(sweep, "README.md", "exec"), {})
    commands = re.findall(
        r"^hil (simulate .*)$", "\n".join(blocks("README.md", "console")), re.MULTILINE
    )
    assert len(commands) == 3
    for command in commands:
        told = hil(*command.replace("--cells 100", "--cells 3").split())
        assert told.code == 0, told.err
    assert {path.name for path in tmp_path.iterdir()} == {
        "sweep.csv", "iv.csv", "iv.png", "lab.csv", "cells.csv", "cells.png",
    }  # fmt: skip
    exec(compile(device, "README.md", "exec"), {})
    current_a, n_disc = map(float, capsys.readouterr().out.split()[-2:])
    assert current_a == pytest.approx(0.2 / (1e3 + 1 / 618e-6), rel=0.02)
    assert 10 < n_disc < 20
