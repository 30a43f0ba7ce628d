"""``hil simulate``: what a person types, what they get, and what bad input is told."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hil.cli import simulate as command
from hil.simulators import picture, waveform
from hil.simulators.models.files import get_model
from hil.simulators.waveform import Waveform, simulate

VOLTS = np.interp(np.linspace(0, 4, 81), [0, 1, 3, 4], [0, 2, -2, 0])
TIMES = np.linspace(0, 1, 81)
BEHIND = ("--source-ohm", "1kohm", "--limit", "500uA")


@pytest.fixture(autouse=True)
def sweep(tmp_path: Path) -> Path:
    rows = "".join(f"{t!r},{v!r}\n" for t, v in zip(TIMES.tolist(), VOLTS.tolist(), strict=True))
    path = tmp_path / "sweep.csv"
    path.write_text("time_s,voltage_v\n" + rows, encoding="utf-8")
    return path


@pytest.fixture
def simulated(hil: Callable[..., Any]) -> Callable[..., Any]:
    """Give the command; the model is stanford, the seed 3 unless said otherwise."""

    def tell(*more: object, model: str = "stanford") -> Any:
        wave = () if "--waveform" in more else ("--waveform", "sweep.csv")
        out = () if "--out" in more else ("--out", "out.csv")
        return hil("simulate", "--model", model, *wave, *out, "--seed", 3, *more)

    return tell


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(path: Path, name: str) -> list[float]:
    return [float(row[name]) for row in rows_of(path)]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def is_one_sentence(told: Any, words: str) -> None:
    assert re.fullmatch(r"hil: [^\n]+\n", told.err), told.err
    assert words in told.err
    assert told.code in (1, 2)


def test_a_sweep_says_what_it_is_and_ends_with_where_things_are(
    simulated: Callable[..., Any], tmp_path: Path
) -> None:
    told = simulated(*BEHIND, "--plot")
    assert (told.code, told.err) == (0, "")
    for text in (
        "model    stanford, seed 3\n",
        "waveform sweep.csv: 81 rows, 1 s, -2 V to +2 V, source 1 kohm, limit 500 uA\n",
        "out      out.csv  (81 rows: time_s, voltage_v, current_a, cell_v, limited, gap_m)\n",
        "picture  out.png\n", "largest |I|   500 uA at +1.", " rows at the limit\n",
        "conductance   4.574 uS at +0.1 V at first, ", "gap           1.7 nm at first, ",
    ):  # fmt: skip
        assert text in told.out
    assert (tmp_path / "out.png").stat().st_size > 10_000
    wave = Waveform(TIMES, VOLTS)
    want = simulate(get_model("stanford"), wave, source_ohm=1e3, limit_a=5e-4)
    assert column(tmp_path / "out.csv", "current_a") == want.current_a[:, 0].tolist()
    assert column(tmp_path / "out.csv", "gap_m") == want.state["gap_m"][:, 0].tolist()


def test_json_is_one_object_on_standard_output_and_all_else_on_standard_error(
    simulated: Callable[..., Any], tmp_path: Path
) -> None:
    told = simulated(*BEHIND, "--json", "--set", "i0_a=500uA")
    assert (told.code, told.out.count("\n")) == (0, 1)
    figures = msgspec.json.decode(told.out)
    assert (figures["model"], figures["set"]) == ("stanford", ["i0_a=500uA"])
    assert (figures["seed"], figures["rows"], figures["cells"]) == (3, 81, 1)
    assert (figures["out"], figures["picture"]) == ("out.csv", None)
    assert figures["columns"] == list(rows_of(tmp_path / "out.csv")[0])
    assert figures["largest_current_a"] == pytest.approx(5e-4)
    assert figures["limited_rows"] > 3
    assert figures["memory"]["column"] == "gap_m"
    gaps_m = column(tmp_path / "out.csv", "gap_m")
    assert figures["memory"]["last"] == gaps_m[-1]
    assert (figures["memory"]["least"], figures["memory"]["largest"]) == (min(gaps_m), 1.7e-9)
    last = rows_of(tmp_path / "out.csv")[-2]
    assert figures["last_conductance_at_v"] == float(last["voltage_v"])
    assert figures["last_conductance_s"] == float(last["current_a"]) / float(last["cell_v"])
    assert "waveform sweep.csv" in told.err


def test_cells_come_one_after_the_other_and_a_seed_brings_them_back(
    simulated: Callable[..., Any], tmp_path: Path
) -> None:
    noisy = ("--set", "delta_gap0_m_per_s=1e-5")
    told = simulated("--cells", 3, *noisy, "--out", "three.csv")
    assert "model    stanford, delta_gap0_m_per_s=1e-5; 3 cells, seed 3\n" in told.out
    assert "(243 rows: cell, time_s, " in told.out
    assert "(medians of 3 cells)" in told.out
    simulated("--cells", 2, *noisy, "--out", "two.csv")
    simulated("--cells", 2, *noisy, "--out", "other.csv", "--seed", 4)
    three, two = (column(tmp_path / f"{name}.csv", "gap_m") for name in ("three", "two"))
    assert three[: 2 * 81] == two
    assert column(tmp_path / "three.csv", "cell") == [0] * 81 + [1] * 81 + [2] * 81
    assert column(tmp_path / "other.csv", "gap_m") != two


def test_a_seed_is_drawn_and_told(hil: Callable[..., Any]) -> None:
    what = ("simulate", "--model=resistor", "--waveform=sweep.csv", "--out=out.csv")
    seeds = [re.search(r"seed (\d+)", hil(*what).out) for _ in range(2)]
    assert None not in seeds
    assert len({str(seed) for seed in seeds}) == 2


@pytest.mark.parametrize(
    ("model", "settings", "column_name", "want"),
    [
        ("stanford", ["initial_gap_m=1nm"], "gap_m", 1e-9),
        ("stanford", ["initial_gap_m=1e-9", "gamma_negative=16"], "gap_m", 1e-9),
        ("stanford", ["initial_gap_m=none"], "gap_m", 1.7e-9),
        ("resistor", ["resistance_ohm=2kohm", "series_ohm=1kohm"], "resistance_ohm", 2e3),
        ("resistor", ["resistance_ohm=2e3"], "resistance_ohm", 2e3),
        ("resistor", ["stuck.lrs_share=1", "stuck.lrs_ohm=5kohm"], "stuck_s", 2e-4),
    ],
)
def test_settings_reach_the_model_and_its_layers(
    simulated: Callable[..., Any], tmp_path: Path, model: str, settings: list[str],
    column_name: str, want: float,
) -> None:  # fmt: skip
    told = simulated(*(word for text in settings for word in ("--set", text)), model=model)
    assert (told.code, told.err) == (0, "")
    assert column(tmp_path / "out.csv", column_name)[0] == pytest.approx(want)


def test_a_model_file_is_a_model_and_what_is_set_comes_before_it(
    simulated: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text(
        'kind = "model"\nversion = 1\nmodel = "resistor"\ntitle = "T"\nsource = "S"\n'
        "[valid]\npositive_v = 1\nnegative_v = -1\n"
        '[parameters]\nresistance_ohm = "7kohm"\nnoise = {white = 0.1}\n',
        encoding="utf-8",
    )
    assert simulated(model="mine.toml").code == 0
    noisy_a, volts = (column(tmp_path / "out.csv", name) for name in ("current_a", "voltage_v"))
    assert noisy_a[5] != pytest.approx(volts[5] / 7e3, rel=1e-6)
    assert noisy_a[5] == pytest.approx(volts[5] / 7e3, rel=0.6)
    assert simulated("--set", "noise.white=0", model="mine.toml").code == 0
    assert column(tmp_path / "out.csv", "current_a") == pytest.approx([v / 7e3 for v in volts])


def test_other_columns_of_a_waveform_are_told(
    simulated: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "w.csv").write_text("time_s;note;voltage_v\n0;a;0\n1;b;1\n", encoding="utf-8")
    told = simulated("--waveform", "w.csv", model="resistor")
    assert (told.code, told.err) == (0, "")
    assert "not used of it: note\n" in told.out
    assert "resistance    10 kohm\n" in told.out


def test_a_waveform_of_nothing_has_no_conductance(
    simulated: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "w.csv").write_text("time_s,voltage_v\n0,0\n1,0\n", encoding="utf-8")
    told = simulated("--waveform", "w.csv", "--json", "--plot", "pictures.svg")
    assert told.code == 0
    assert msgspec.json.decode(told.out)["last_conductance_s"] is None
    assert (tmp_path / "pictures.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_help_lists_the_parameters_of_a_model_and_its_layers(hil: Callable[..., Any]) -> None:
    told = hil("simulate", "--model", "stanford", "--help")
    assert told.code == 0
    for text in ("Parameters of stanford", "i0_a=1mA", "noise.white=0", "stuck.lrs_share=0"):
        assert text in told.out
    assert "low_s=5uS" in hil("simulate", "--model", "tiox", "-h").out
    assert "Parameters" not in hil("simulate", "--help").out.replace("parameters", "")


def test_what_takes_long_shows_what_is_left(
    simulated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(
        "hil.cli.console.ProgressLine.__call__", lambda _, told: shown.append(told)
    )
    assert simulated(model="resistor").code == 0
    assert shown == []
    monkeypatch.setattr(command, "PATIENCE_S", -1.0)
    assert simulated(model="resistor").code == 0
    assert [told.done for told in shown] == list(range(1, 82))
    assert {told.total for told in shown} == {81}


# What goes wrong.


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--waveform", "gone.csv"], "gone.csv cannot be read: No such file"),
        (["--cells", "0"], "0 is not in the range 1<=x<=1000000"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--source-ohm", "-1"], "--source-ohm is -1 ohm; it must be at least 0 ohm"),
        (["--source-ohm", "1V"], "'1V' is not in ohm; write it like 10kohm"),
        (["--limit", "0"], "--limit is 0 A; it must be above 0 A"),
        (["--limit", "nan"], "'nan' is not a number with a unit such as 100uA"),
        (["--out", "sweep.csv"], "--waveform and --out are both sweep.csv; name two files"),
        (["--out", "./x/../sweep.csv"], "--waveform and --out are both"),
        (["--out", "gone/out.csv"], "cannot be written (No such file or directory)"),
        (["--out", "."], "File '.' is a directory"),
        (["--plot", "x.gif"], "--plot x.gif does not end in .png, .svg, .pdf; name it so"),
        (["--out", "x.png", "--plot"], "--out and --plot are both x.png; name two files"),
        (["--plot", "gone/x.png"], "cannot be written (No such file or directory)"),
        (["--set", "gap=1"], "--set gap: there is no parameter 'gap'; there are a0_m, beta, "),
        (["--set", "gap_mx=1"], "no parameter 'gap_mx'; did you mean 'gap_max_m'?"),
        (
            ["--set", "nois.white=1"],
            "--set nois.white: there is no parameter 'nois'; did you mean",
        ),
        (["--set", "i0_a"], "--set i0_a: write it as KEY=VALUE, such as series_ohm=1kohm"),
        (["--set", "i0_a=1V"], "--set i0_a: '1V' is not in A; write it like 100uA"),
        (["--set", "i0_a=nan"], "--set i0_a: 'nan' is not a number"),
        (["--set", "i0_a=-1mA"], "model stanford, i0_a: it must be a number > 0"),
        (["--set", "i0_a.x=1"], "model stanford, i0_a: it must be a number, not a table"),
        (["--set", "noise.white=1", "--set", "noise.white.x=1"], "white has no keys of its own"),
        (["--set", "noise.whit=1"], "noise: there is no key 'whit'; did you mean 'white'?"),
        (["--set", "noise.white=1V"], "noise.white: '1V' is not in a plain number"),
        (["--set", "initial_gap_m=3nm"], "initial_gap_m is 3e-09 m, outside gap_min_m"),
        (["--model", "stanfor"], "--model: there is no model 'stanfor'; did you mean 'stanford'?"),
        (["--model", "gone.toml"], "gone.toml cannot be read: No such file"),
        (["--model", "tiox"], "the jump tables know no slope"),
    ],
)
def test_bad_input_is_one_sentence_and_makes_no_file(
    simulated: Callable[..., Any], tmp_path: Path, more: list[str], words: str
) -> None:
    told = simulated(*more)
    is_one_sentence(told, words)
    assert files(tmp_path) == {"sweep.csv"}


def test_what_is_missing_is_told(hil: Callable[..., Any], tmp_path: Path) -> None:
    is_one_sentence(hil("simulate", "--waveform", "sweep.csv", "--out", "o.csv"), "'--model'")
    is_one_sentence(hil("simulate", "--model", "stanford", "--out", "o.csv"), "'--waveform'")
    is_one_sentence(hil("simulate", "--model=stanford", "--waveform=sweep.csv"), "'--out'")
    is_one_sentence(hil("simulate", "--model=stanfor", "--help"), "did you mean 'stanford'?")
    assert files(tmp_path) == {"sweep.csv"}


def test_a_bad_waveform_is_told_with_its_line(
    simulated: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "w.csv").write_text("time_s,voltage_v\n0,0\n1,x\n", encoding="utf-8")
    is_one_sentence(simulated("--waveform", "w.csv"), "w.csv, line 3: voltage_v is 'x'")


def test_a_stop_leaves_an_earlier_result_as_it_was(
    simulated: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "out.csv").write_text("old", encoding="utf-8")
    monkeypatch.setattr(waveform, "simulate", stop)
    told = simulated()
    assert (told.code, told.err) == (130, "\nhil: stopped\n")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == "old"
    assert files(tmp_path) == {"sweep.csv", "out.csv"}


def test_a_picture_that_fails_leaves_the_result_and_no_half_picture(
    simulated: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unwritten:
        def savefig(self, path: Path, **_: object) -> None:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(picture, "picture_of", lambda *_, **__: Unwritten())
    told = simulated("--plot")
    assert told.code == 1
    assert told.err.startswith("hil: out.png cannot be written (No space left on device)")
    assert files(tmp_path) == {"sweep.csv", "out.csv"}
