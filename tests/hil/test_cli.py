"""The command line: what a person types, what they get, and what bad input is told."""

import csv
import re
import shlex
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
import pytest

from hil import runner
from hil.bench import Bench
from hil.catalog import BENCH_KINDS, PROTOCOLS
from hil.cli.main import COMMANDS
from hil.cli.main import hil as group
from hil.config import find_bench, shipped_benches
from hil.simulators.physics_file import PhysicsFile
from hil.store import RunRecord

TIOX = shipped_benches()["tiox"].read_text(encoding="utf-8")
MODEL_FILE = (
    Path(sys.modules[PhysicsFile.__module__].__file__ or "").parent / "models" / "tiox.toml"
)
RUN = ("run", "jump-table", "--bench", "tiox", "--seed", "3")
NEUROSIM = """
maxConductance = 3.8462e-8; minConductance = 3.0769e-9; NL_LTP = 2.4; NL_LTD = -4.88;
maxNumLevelLTP = 97; maxNumLevelLTD = 100; sigmaCtoC = 0.035;
writeVoltageLTP = 3.2; writeVoltageLTD = 2.8; writePulseWidthLTP = 300e-6;
"""
HEAVY = ("numpy", "numba", "scipy", "matplotlib", "torch", "rich", "msgspec", "sqlite3")


def only(runs: Path) -> Path:
    (folder,) = (path for path in runs.iterdir() if path.is_dir())
    return folder


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure once for all tests that only look at a run."""
    folder = tmp_path_factory.mktemp("measured") / "2026-11-22_101403_jump-table_tiox"
    named = find_bench("tiox", {"cells": "2", "sample.device": "W3/D14"})
    protocol = PROTOCOLS.load("jump-table")(points=20)
    runner.start("jump-table", protocol, named, named.build(3), seed=3, folder=folder)
    return folder


@pytest.fixture
def run(measured: Path, tmp_path: Path) -> Path:
    """Put that run into the folder of the test."""
    return shutil.copytree(measured, tmp_path / "runs" / measured.name)


def is_one_sentence(told: Any, *words: str, code: int = 1) -> None:
    assert told.code == code
    assert not told.out or re.fullmatch(r"bench    [^\n]+\n", told.out), "at most what it was for"
    assert re.fullmatch(r"hil: [^\n]+\n", told.err), told.err
    for word in words:
        assert word in told.err


# What it costs to ask for help, and what help says.


def test_help_takes_little_time_and_imports_nothing_heavy(ended: Callable[..., Any]) -> None:
    code = f"""
import sys, time
sys.argv = ["hil", "--help"]
from hil.cli.main import main
try:
    main()
finally:
    heavy = [name for name in {HEAVY} if name in sys.modules]
    print(time.process_time(), *heavy, file=sys.stderr)
"""
    told = [ended(code=code) for _ in range(5)]
    assert all("Commands:" in one.out for one in told)
    measured = [one.err.split() for one in told]
    assert [heavy for _, *heavy in measured] == [[]] * 5
    assert min(float(time_s) for time_s, *_ in measured) < 0.3


def test_hil_without_a_command_shows_the_help(hil: Callable[..., Any]) -> None:
    told = hil()
    assert "Commands:" in told.err
    assert "Example: " in told.err


ENDING = [command for command in COMMANDS if command != "serve"]  # serves until it is stopped


@pytest.mark.parametrize("command", ["", *ENDING])
@pytest.mark.usefixtures("run")
def test_the_example_in_each_help_works(
    hil: Callable[..., Any], tmp_path: Path, command: str
) -> None:
    (tmp_path / "sweep.csv").write_text("time_s,voltage_v\n0,0\n1,2\n", encoding="utf-8")
    (tmp_path / "Cell.cpp").write_text(NEUROSIM, encoding="utf-8")
    shutil.copy(MODEL_FILE, tmp_path / "tiox-w3.toml")
    shown = hil(*command.split(), "--help")
    assert shown.code == 0
    example = re.search(r"Example: hil (.+)", shown.out)
    assert example is not None, "each help ends with an example"
    words = shlex.split(example[1])
    if words[0] == "run":
        words += ["--set=points=5"]
    told = hil(*words)
    assert (told.code, told.err) == (0, "")
    assert told.out or command == "note"


def test_the_list_of_commands_says_what_each_of_them_says(hil: Callable[..., Any]) -> None:
    context = click.Context(group)
    assert list(COMMANDS) == group.list_commands(context)
    for name in COMMANDS:
        assert group.get_command(context, name) is not None


def test_the_help_of_a_protocol_lists_its_parameters_with_defaults(
    hil: Callable[..., Any],
) -> None:
    told = hil("run", "jump-table", "--help")
    assert told.code == 0
    for text in ("points=none", "high_s=500ns", "flat top of a pulse (s)", "pulses_per_program=1"):
        assert text in told.out


def test_the_version_is_told(hil: Callable[..., Any]) -> None:
    told = hil("--version")
    assert told.code == 0
    assert told.out.startswith("hil")


# What a run prints.


def test_a_run_says_what_it_does_and_ends_with_where_things_are(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    told = hil(*RUN, "--set=points=20", "--note=a remark", "--device=W3/D14/R2C5")
    assert (told.code, told.err) == (0, "")
    folder = only(tmp_path / "runs").relative_to(tmp_path)
    for text in (
        "bench    tiox  (physics: ", "W3/D14/R2C5", "8 pulse voltages x 20 points",
        "worst case at the cell: +1.8 V / -1.8 V", f"run      {folder}\n",
        f"picture  {folder / 'jump-table.png'}\n", f"picture  {folder / 'jump-table.svg'}\n",
        "+1.80 V         20",
    ):  # fmt: skip
        assert text in told.out
    assert (tmp_path / folder / "jump-table.png").stat().st_size > 10_000


def test_a_dry_run_shows_the_worst_case_and_makes_nothing(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    told = hil(*RUN, "--dry-run")
    assert told.code == 0
    assert "worst case" in told.out
    assert "nothing was sent" in told.out
    assert list(tmp_path.iterdir()) == []
    told = hil(*RUN, "--dry-run", "--json", "--set=points=100")
    figures = msgspec.json.decode(told.out)
    assert figures["run"] is None
    assert figures["plan"]["positive_v"] == 1.8
    assert figures["plan"]["duration_s"] == pytest.approx(800 * (0.7e-6 + 100e-6 + 20.2e-6))


def test_json_is_one_object_on_standard_output_and_all_else_on_standard_error(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    told = hil(*RUN, "--set=points=20", "--json")
    assert told.code == 0
    assert told.out.count("\n") == 1
    figures = msgspec.json.decode(told.out)
    folder = only(tmp_path / "runs").relative_to(tmp_path)
    assert figures["run"] == str(folder)
    assert (figures["finished"], figures["seed"]) == (True, 3)
    assert figures["pictures"] == [str(folder / f"jump-table.{kind}") for kind in ("png", "svg")]
    assert [one["points"] for one in figures["amplitudes"]] == [20] * 8
    assert "worst case" in told.err
    assert msgspec.json.decode(hil("resume", folder, "--json").out) == figures


@pytest.mark.usefixtures("no_pictures")
def test_settings_take_units_and_reach_protocol_and_bench(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    settings = {
        "points": "1e0", "voltages_v": "-1500mV,1.5 V", "delay_s": "1ms",
        "current_limit_a": "none",
        "bench.cells": "2", "bench.source.output_ohm": "10ohm", "bench.visiting": "sequential",
        "bench.sample.device": "W1", "bench.device.parameters.initial_conductance_s": "10uS",
    }  # fmt: skip
    told = hil(*RUN, *(f"--set={key}={text}" for key, text in settings.items()))
    assert (told.code, told.err) == (0, "")
    with RunRecord(only(tmp_path / "runs")) as record:
        header, table = record.header, record.table()
    assert header.parameters["voltages_v"] == [-1.5, 1.5]
    assert header.parameters["delay_s"] == 1e-3
    assert header.bench_file["source"]["output_ohm"] == 10.0
    assert header.device == "W1"
    assert set(table["cell"]) == {0, 1}
    assert table["conductance_after_s"][:2] == pytest.approx(10e-6)


@pytest.mark.usefixtures("no_pictures")
def test_the_same_seed_gives_the_same_records_and_a_left_out_one_is_told(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    first = msgspec.json.decode(
        hil("run", "jump-table", "--bench=tiox", "--set=points=1", "--json").out
    )
    again = hil(*RUN[:-2], "--set=points=1", f"--seed={first['seed']}", "--json")
    second = msgspec.json.decode(again.out)
    assert first.pop("run") != second.pop("run"), "two runs in one second are two folders"
    assert first == second


def test_a_model_file_is_a_bench(hil: Callable[..., Any]) -> None:
    command = ("run", "jump-table", "--bench", MODEL_FILE, "--set=points=1", "--dry-run")
    told = hil(*command)
    assert (told.code, told.err) == (0, "")
    assert "1 cell)" in told.out
    assert "3 cells)" in hil(*command, "--set=bench.cells=3").out


# Looking at what was measured.


def test_a_run_is_found_by_folder_name_beginning_and_as_the_last(
    hil: Callable[..., Any], tmp_path: Path, run: Path
) -> None:
    first = shutil.copytree(run, tmp_path / "here" / run.name)
    second = shutil.copytree(run, tmp_path / "here" / f"{run.name}-2")
    assert first.name in hil("show", first).out
    assert first.name in hil("show", first.name, "--out=here").out
    assert second.name in hil("show", "last", "--out=here").out
    is_one_sentence(hil("show", "20", "--out=here"), "2 runs '20'", "hil runs")
    is_one_sentence(hil("show", "nothing", "--out=here"), "no run 'nothing'", "hil runs")
    is_one_sentence(hil("show", "last", "--out=gone"), "no run 'last' in gone")
    listed = hil("runs", "--out=here").out.splitlines()
    assert [line.split()[0] for line in listed] == [first.name, second.name]
    assert all("physics" in line and "finished" in line for line in listed)
    assert hil("runs", "--out=gone").out == "no runs in gone\n"


@pytest.mark.usefixtures("run")
def test_show_tells_parameters_events_notes_and_figures(hil: Callable[..., Any]) -> None:
    assert hil("note", "last", "probe lifted after 40 minutes").code == 0
    shown = hil("show", "last").out
    for text in (
        "finished", "seed 3", "points = 20", "bench     tiox  (physics, 2 cells)  W3/D14",
        "numpy", "probe lifted after 40 minutes", "+1.80 V         40",
    ):  # fmt: skip
        assert text in shown


def test_plot_draws_what_is_on_disk(hil: Callable[..., Any], run: Path) -> None:
    told = hil("plot", "last")
    assert told.code == 0
    assert {path.suffix for path in run.glob("jump-table.*")} == {".png", ".svg"}


def test_csv_has_the_columns_under_their_names_and_every_bit(
    hil: Callable[..., Any], tmp_path: Path, run: Path
) -> None:
    told = hil("export", "last", "--format=csv", "--out=points.csv")
    assert told.code == 0
    with RunRecord(run) as record:
        table = record.table()
    with (tmp_path / "points.csv").open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    assert names == list(table)
    assert told.out == f"{len(rows)} records in points.csv\n"
    for name, texts in zip(names, zip(*rows, strict=True), strict=True):
        assert np.array(texts).astype(table[name].dtype).tobytes() == table[name].tobytes(), name
    assert list(tmp_path.glob("*.part")) == []


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("kind", "module"), [("parquet", "pyarrow"), ("netcdf", "xarray"), ("netcdf", "h5netcdf")]
)
def test_a_format_whose_extra_is_missing_says_which_to_install(
    hil: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
    module: str,
) -> None:
    for absent in ("pyarrow", "pyarrow.parquet", "xarray", "h5netcdf"):
        if module == absent or absent == "h5netcdf":
            monkeypatch.setitem(sys.modules, absent, None)
        elif absent not in sys.modules:
            monkeypatch.setitem(sys.modules, absent, types.ModuleType(absent))
    told = hil("export", "last", f"--format={kind}", "--out=points")
    is_one_sentence(told, module, 'pip install "hil-bench[export]"')
    assert not (tmp_path / "points").exists()


def test_parquet_holds_every_bit_and_the_header(
    hil: Callable[..., Any], tmp_path: Path, run: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert hil("export", "last", "--out=points.parquet").code == 0
    with RunRecord(run) as record:
        table, header = record.table(), record.header
    read = parquet.read_table(tmp_path / "points.parquet")
    assert read.column_names == list(table)
    for name, values in table.items():
        kept = np.array(read.column(name).to_pylist()).astype(values.dtype)
        assert kept.tobytes() == values.tobytes(), name
    assert msgspec.json.decode(read.schema.metadata[b"hil"])["seed"] == header.seed


def test_netcdf_holds_every_bit_the_units_and_the_header(
    hil: Callable[..., Any], tmp_path: Path, run: Path
) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    assert hil("export", "last", "--format=netcdf", "--out=points.nc").code == 0
    with RunRecord(run) as record:
        table = record.table()
    with xarray.open_dataset(tmp_path / "points.nc", engine="h5netcdf") as read:
        assert list(read.variables) == list(table)
        for name, values in table.items():
            assert read[name].values.astype(values.dtype).tobytes() == values.tobytes(), name
        assert read["conductance_after_s"].attrs["units"] == "S"
        assert msgspec.json.decode(read.attrs["hil"])["seed"] == 3


@pytest.mark.usefixtures("run")
def test_an_export_that_cannot_be_written_is_one_sentence(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    is_one_sentence(hil("export", "last", "--out=gone/points.csv"), "gone/points.csv", "No such")
    assert not (tmp_path / "gone").exists()


# One look, one pulse, off; what there is.


def test_read_and_pulse_show_what_the_cells_answer(hil: Callable[..., Any]) -> None:
    read = msgspec.json.decode(hil("read", "--bench=tiox", "--seed=1", "--json").out)
    (look,) = read["readings"]
    assert look["current_a"] == pytest.approx(look["conductance_s"] * look["voltage_v"])
    pulsed = hil("pulse", "--bench=tiox", "--voltage", "1.5V", "--high", "500ns", "--seed=1")
    assert pulsed.code == 0
    assert re.search(r"cell 0  before  .* uS\n.*cell 0  after   .* uS", pulsed.out)
    told = hil("pulse", "--bench=tiox", "--voltage=-1.8V", "--high=500ns", "--seed=1", "--json")
    before, after = msgspec.json.decode(told.out)["readings"]
    assert before["conductance_s"] == look["conductance_s"]
    assert after["conductance_s"] != before["conductance_s"]


def test_safe_says_that_it_is(hil: Callable[..., Any]) -> None:
    assert hil("safe", "tiox").out == "bench tiox (physics) is at 0 V and off\n"


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("protocols", ["jump-table"]),
        ("benches", ["stanford", "stanford-lab", "tiox"]),
        ("models", ["jump-table", "stanford", "tiox"]),
        ("instruments", ["arcone", "keithley2450", "keysight81160a"]),
    ],
)
def test_list_names_what_there_is_with_a_line_about_each(
    hil: Callable[..., Any], what: str, names: list[str]
) -> None:
    lines = hil("list", what).out.splitlines()
    listed = {line.split()[0]: line.split()[1:] for line in lines}
    assert set(names) <= set(listed)
    assert all(listed.values())


# Bad input.


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("points", "write it as KEY=VALUE"),
        ("points=", "write it as KEY=VALUE"),
        ("=5", "write it as KEY=VALUE"),
        ("pionts=3", "did you mean 'points'?"),
        ("points=abc", "'abc' is not a whole number"),
        ("points=nan", "'nan' is not a whole number"),
        ("points=1.5", "'1.5' is not a whole number"),
        ("points=0", "jump-table, points: it must be a whole number >= 1"),
        ("points=1e30", "jump-table, points: it must be a whole number <="),
        ("high_s=500nV", "--set high_s: '500nV' is not in s; write it like 500ns"),
        ("high_s=nan", "--set high_s: 'nan' is not a number"),
        ("high_s=1e400", "--set high_s: '1e400' is too large"),
        ("high_s=-1s", "jump-table, high_s: it must be a number > 0"),
        ("high_s=50ns", "pulses of 5e-07 s, not the 5e-08 s"),
        ("voltages_v=-1.5,1.5V,3s", "--set voltages_v: '3s' is not in V"),
        ("voltages_v=-1.5,3", "limits.switching.positive_v allows 1.8 V; nothing was sent"),
        ("voltages_v=-1.5,1.4", "for +1.4 V at the cell; there are jump tables for -1.8"),
        ("voltages_v=1.5", "a positive and a negative amplitude"),
        ("read_v=0.3V", "limits.read.positive_v allows 0.2 V"),
        ("read_v=0", "reads no conductance"),
        ("window_low_s=40uS", "window_low_s must be below window_high_s"),
        ("current_limit_a=1A", "limits allow 0.0005 A; nothing was sent"),
        ("bench.cels=3", "--set bench.cels: there is no key 'cels'; did you mean 'cells'?"),
        ("bench.cells=0", "cells: it must be a whole number >= 1"),
        ("bench.cells=1e9", "cells: it must be a whole number <="),
        ("bench.cells.more=1", "no keys"),
        ("bench.source=5", "source: it must be a table"),
        ("bench.source.output_ohm=5V", "'5V' is not in ohm; write it like 10kohm"),
        ("bench.visiting=sometimes", "'sometimes' is not one of parallel, sequential"),
        ("bench.kind=model", "cannot become one of another kind"),
        ("bench.sample.formed=maybe", "neither true nor false"),
        ("bench.sample.formed=false", "is not formed"),
        ("bench.limits.read.positive_v=nan", "'nan' is not a number"),
        ("bench.limits.budget.pulses=-1", "limits.budget.pulses: it must be a whole number >= 0"),
        ("bench.device.parameters.low_s=3V", "bench tiox, model jump-table, low_s: '3V'"),
        ("bench.device.parameters.lo_s=1uS", "there is no key 'lo_s'; did you mean 'low_s'?"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_one_sentence_with_its_place(
    hil: Callable[..., Any], tmp_path: Path, setting: str, words: str
) -> None:
    is_one_sentence(hil(*RUN, "--set", setting), words)
    assert list(tmp_path.iterdir()) == []


HIGH, KIND, MODEL = 'positive_v = "1.8V"', 'kind = "physics"', 'model = "tiox"'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (HIGH, 'positive_v = "1.8mA"', "limits.switching.positive_v: '1.8mA' is not in V"),
        (HIGH, 'positiv_v = "1.8V"', "no key 'positiv_v'; did you mean 'positive_v'?"),
        (HIGH, "positive_v = nan", "limits.switching.positive_v: the value is nan"),
        (HIGH, "positive_v = inf", "limits.switching.positive_v: the value is inf"),
        (HIGH, "positive_v = -1.8", "limits.switching.positive_v: it must be a number >= 0"),
        (HIGH, "positive_v = true", "positive_v: it must be a number, not true or false"),
        (HIGH, "", "limits.switching: the key 'positive_v' is missing"),
        ('positive_v = "0.2V"', 'positive_v = "2V"', "limits.read.positive_v is above"),
        ('negative_v = "-0.2V"', "negative_v = -2", "limits.read.negative_v is below"),
        ('negative_v = "-1.8V"', 'negative_v = "1.8V"', "negative_v: it must be a number <= 0"),
        ('current_a = "500uA"', "current_a = 0", "limits.read.current_a: it must be a number > 0"),
        ('width_s = "1us"', 'width_s = "-1us"', "width_s is -1e-06 s; it must be positive"),
        ("[limits.read]", "[limits.reed]", "limits: there is no key 'reed'; did you mean 'read'?"),
        ("[source]", "[sorce]", "there is no key 'sorce'; did you mean 'source'?"),
        ("cells = 1", "cells = 1.5", "cells: it must be a whole number, not one with a fraction"),
        ("cells = 1", 'cells = "many"', "cells: it must be a whole number, not a text"),
        (KIND, 'kind = "phisics"', "its kind is 'phisics'; a bench file begins with kind ="),
        (KIND, 'kind = ["physics"]', "a bench file begins with kind = one of"),
        (KIND, "", "it does not say its kind"),
        (MODEL, 'model = "tioxx"', "there is no model 'tioxx'; did you mean 'tiox'?"),
        (MODEL, 'model = "gone.toml"', "gone.toml cannot be read: No such file"),
        (MODEL, MODEL + "\nparameters.low_ss = 1", "no key 'low_ss'; did you mean 'low_s'?"),
        (MODEL, MODEL + "\nparameters.low_s = nan", "low_s: the value is nan"),
        (MODEL, MODEL + "\nparameters.low_s = 1.0", "low_s 1.0 S must be below high_s"),
        ("formed = true", "formed = false", "is not formed and this protocol needs one that is"),
    ],
)  # fmt: skip
def test_a_bad_bench_file_is_one_sentence_with_file_and_key(
    hil: Callable[..., Any], tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in TIOX
    (tmp_path / "lab.toml").write_text(TIOX.replace(old, new, 1), encoding="utf-8")
    is_one_sentence(hil("run", "jump-table", "--bench=lab.toml"), words, "lab")
    assert [path.name for path in tmp_path.iterdir()] == ["lab.toml"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b" \n", "lab.toml is empty"),
        (b"kind = physics\n", "lab.toml is not valid TOML: Invalid value (at line 1"),
        (bytes(range(256)), "lab.toml is not a text file in UTF-8"),
        (b"x = 1\n", "lab.toml: it does not say its kind"),
        (None, "lab.toml cannot be read: No such file"),
        ("folder", "lab.toml cannot be read: Is a directory"),
    ],
    ids=["empty", "not TOML", "binary", "another file", "missing", "folder"],
)
def test_what_is_no_bench_file_is_one_sentence(
    hil: Callable[..., Any], tmp_path: Path, content: bytes | str | None, words: str
) -> None:
    if isinstance(content, bytes):
        (tmp_path / "lab.toml").write_bytes(content)
    elif content:
        (tmp_path / "lab.toml").mkdir()
    for command in (("run", "jump-table"), ("read",)):
        is_one_sentence(hil(*command, "--bench=lab.toml"), words)
    is_one_sentence(hil("safe", "lab.toml"), words)


def test_a_bench_file_from_an_editor_that_marks_utf_8_is_read(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "lab.toml").write_bytes(TIOX.replace("\n", "\r\n").encode("utf-8-sig"))
    assert hil("safe", "lab.toml").out == "bench lab (physics) is at 0 V and off\n"


@pytest.mark.parametrize(
    ("command", "words", "code"),
    [
        ("run", f"name a protocol: {PROTOCOLS.names()[0]}", 2),
        ("run jump-table", "name a bench", 2),
        ("run jump-tabel --bench tiox", "no protocol 'jump-tabel'; there is jump-table", 1),
        ("run jump-table --bench tioks", "no shipped bench 'tioks'; did you mean 'tiox'?", 1),
        ("run jump-table --bench tiox --seed -1", "--seed", 2),
        ("run jump-table --bench tiox --seed 1099511627776", "--seed", 2),
        ("run jump-table --bench tiox --seed 1e3", "--seed", 2),
        ("run jump-table --bench tiox --sed 1", "--sed", 2),
        ("frobnicate", "frobnicate", 2),
        ("show", "Missing argument 'RUN' - see hil show --help", 2),
        ("list", "protocols, benches, models, instruments", 2),
        ("export last --out x.xls", "does not end in a format; add --format", 1),
        ("export last --format xls --out x", "'csv', 'netcdf', 'parquet'", 2),
        ("resume gone", "no run 'gone' in runs; hil runs lists them", 1),
        ("read --bench tiox --cell 3", "bench tiox has cells 0 to 0, not 3", 1),
        ("read --bench tiox --read 1V", "limits.read.positive_v allows 0.2 V", 1),
        ("pulse --bench tiox --voltage 1.2V --high 500ns", "there are jump tables for -1.8,", 1),
        ("pulse --bench tiox --voltage 9V --high 500ns", "limits.switching.positive_v allows", 1),
        ("pulse --bench tiox --voltage 1.5s --high 500ns", "'1.5s' is not in V", 2),
        ("safe tioxx", "did you mean 'tiox'?", 1),
    ],
)
def test_a_bad_command_is_one_sentence(
    hil: Callable[..., Any], command: str, words: str, code: int
) -> None:
    is_one_sentence(hil(*command.split()), words, code=code)


def test_a_folder_for_runs_that_is_a_file_is_one_sentence(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "taken").touch()
    told = hil(*RUN, "--out=taken")
    assert told.code == 1
    assert told.err.count("\n") == 1
    assert "choose another --out" in told.err


def test_only_debug_shows_where_an_error_comes_from(hil: Callable[..., Any]) -> None:
    command = (*RUN, "--set=points=0")
    assert "Traceback" not in hil(*command).err
    for debug in (("--debug", *command), (*command, "--debug")):
        told = hil(*debug)
        assert told.code == 1
        assert "Traceback" in told.err
        assert told.err.splitlines()[-1] == hil(*command).err.strip()


# A bench that is no simulation.


class LabFile(PhysicsFile, kw_only=True):
    """Simulated cells that say they are real ones."""

    def build(self, name: str, seed: int, lab: object = None) -> Bench:
        """Make the bench."""
        bench = super().build(name, seed)
        bench.kind = "hardware"
        return bench


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write a bench file of a kind that counts as hardware."""
    monkeypatch.setitem(sys.modules, "lab_of_the_test", types.SimpleNamespace(LabFile=LabFile))
    monkeypatch.setitem(BENCH_KINDS.shipped, "lab", "lab_of_the_test:LabFile")
    (tmp_path / "lab.toml").write_text(TIOX.replace('"physics"', '"lab"', 1), encoding="utf-8")
    return "--bench=lab.toml"


def test_elsewhere_than_on_physics_the_number_of_points_has_no_default(
    hil: Callable[..., Any], lab: str
) -> None:
    is_one_sentence(hil("run", "jump-table", lab, "--dry-run"), "--set points=1000")


def test_where_nobody_can_be_asked_the_remedy_is_said(
    hil: Callable[..., Any], lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_of_file(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("click.termui.visible_prompt_func", end_of_file)
    told = hil("run", "jump-table", lab, "--set=points=1")
    assert told.code == 1
    assert told.err.splitlines()[-1] == "hil: nobody is there to say yes; in a script add --yes"


@pytest.mark.usefixtures("no_pictures")
def test_hardware_waits_for_a_yes_and_nothing_is_made_without_it(
    hil: Callable[..., Any], lab: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("run", "jump-table", lab, "--set=points=1", "--device=W3/D14")
    asked: list[str] = []

    def refuse(text: str) -> str:
        asked.append(text)
        return "n"

    monkeypatch.setattr("click.termui.visible_prompt_func", refuse)
    told = hil(*command)
    assert told.code == 130
    assert "measure W3/D14 now?" in asked[0]
    assert "worst case" in told.out
    assert not (tmp_path / "runs").exists()
    assert hil(*command, "--yes").code == 0
    with RunRecord(only(tmp_path / "runs")) as record:
        assert (record.header.kind, record.status) == ("hardware", "finished")
    told = hil("resume", "last")
    assert told.code == 130
    assert "measure W3/D14 now?" in asked[1]
    assert "worst case" in told.out
    assert hil("resume", "last", "--yes").code == 0
