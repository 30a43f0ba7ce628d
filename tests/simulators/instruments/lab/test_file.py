"""Lab files: what they say, what is wrong with them, a plan of it."""

import re
from pathlib import Path
from typing import Any

import pytest

from hil.decode import read_toml
from hil.errors import ConfigError
from hil.simulators.instruments.lab.file import OPEN_OHM, read_lab_file
from hil.simulators.instruments.lab.process import LabServer
from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import install_echo

LAB = """
kind = "lab"
seed = 7
[instruments.smu]
type = "echo"
port = 5025
[instruments.generator]
type = "echo"
transport = "hislip"
options = { loud = true }
[wiring]
smu = "top"
generator.1 = "bottom"
"generator.2" = "ground"
[device]
model = "resistor"
parameters = { resistance_ohm = "2kohm" }
series_ohm = "100ohm"
row_wire_ohm = "2ohm"
column_wire_ohm = 3.0
"""


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_echo(tmp_path, monkeypatch)


def planned(text: str, folder: Path) -> LabPlan:
    path = folder / "bench.toml"
    path.write_text(text)
    return read_lab_file(read_toml(path), path).plan(path, seed=3)


def test_a_whole_one(tmp_path: Path) -> None:
    assert planned(LAB, tmp_path) == LabPlan(
        instruments={
            "smu": InstrumentPlan(type="echo", port=5025),
            "generator": InstrumentPlan(
                type="echo", transport="hislip", options={"loud": True}
            ),
        },
        wiring={"smu": "top", "generator.1": "bottom", "generator.2": "ground"},
        model="resistor", parameters={"resistance_ohm": "2kohm"}, series_ohm=100.0,
        row_wire_ohm=2.0, column_wire_ohm=3.0,
        seed=3, pace="real",
    )  # fmt: skip


def test_without_a_device_there_is_none(tmp_path: Path) -> None:
    plan = planned('kind = "lab"\n[instruments.x]\ntype = "echo"', tmp_path)
    assert (plan.model, plan.parameters) == ("resistor", {"resistance_ohm": OPEN_OHM})


def test_an_array_and_a_model_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'kind = "model"\nversion = 1\nmodel = "resistor"\ntitle = "t"\nsource = "s"\n'
        "[valid]\npositive_v = 1\nnegative_v = -1\n[parameters]\nresistance_ohm = 5e3\n"
    )
    text = LAB.replace('"resistor"', '"mine.toml"\nrows = 4\ncolumns = 8')
    plan = planned(text.replace("parameters = {", "# {"), tmp_path)
    assert (plan.model, plan.parameters) == ("resistor", {"resistance_ohm": 5e3})
    assert (plan.rows, plan.columns) == (4, 8)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seed = 7", "sead = 7"), "did you mean 'seed'"),
        (("seed = 7", "seed = -7"), "seed"),
        (("seed = 7", 'pace = "quick"'), "not one of real, virtual"),
        (('type = "echo"\nport', "port"), "instruments.smu: the key 'type' is missing"),
        (("port = 5025", "prot = 5025"), "instruments.smu: there is no key 'prot'"),
        (("port = 5025", "port = 70000"), "instruments.smu, port"),
        (('"hislip"', '"gpib"'), "'gpib' is not one of socket, hislip, pty"),
        (("[instruments.smu]", '[instruments."my smu"]'), "'my smu' is no name"),
        (("[instruments.smu]", "[instruments]\nother = 3\n[instruments.smu]"), "must be a table"),
        (("smu = ", "smu = 3 # "), "wiring, smu: a wire leads to an end's name, not to 3"),
        (('"100ohm"', '"100V"'), "device.series_ohm: '100V' is not in ohm"),
        (('model = "resistor"', 'model = "resistr"'), "did you mean 'resistor'"),
        (('model = "resistor"', ""), "'model' is missing"),
        (("[device]", "[devise]"), "did you mean 'device'"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    text = LAB.replace(*change)
    assert text != LAB
    with pytest.raises(ConfigError) as told:
        planned(text, tmp_path)
    assert words in str(told.value)
    assert re.match(r".*bench\.toml[,:] ", str(told.value))


def test_a_lab_without_instruments_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no instruments"):
        planned('kind = "lab"\n[instruments]', tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"smu": InstrumentPlan(type="ecko")}, "there is echo"),
        (
            dict.fromkeys("ab", InstrumentPlan(type="echo", port=5025)),
            "a and b cannot both listen at port 5025",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_told(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LabServer(LabPlan(instruments=change, wiring={}, model="resistor"))


def test_a_wire_that_ends_nowhere_is_told() -> None:
    plan = LabPlan(
        instruments={"x": InstrumentPlan(type="echo")}, wiring={"x": "tip"}, model="resistor"
    )
    with pytest.raises(ConfigError, match="did you mean 'top'"):
        LabServer(plan)
