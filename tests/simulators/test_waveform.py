"""Waveforms from files, cells under them, and files of what they did."""

import csv
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.errors import ConfigError, NotSupported, StoreError
from hil.simulators import waveform as module
from hil.simulators.models.files import get_model
from hil.simulators.waveform import Trace, Waveform, read_waveform, simulate, write_trace

TIMES = [0.0, 1e-6, 1e-6, 2e-6, 3.5e-6, 4e-6, 4e-6, 5e-6, 0.1, 0.2]
VOLTS = [0.0, 0.1, -0.25, -0.25, 1.0, 2.0, 0.0, 0.0, 0.3, 0.0]


def sweep(rows: int = 81, peak_v: float = 2.0, lasting_s: float = 1.0) -> Waveform:
    corners = np.interp(np.linspace(0, 4, rows), [0, 1, 3, 4], [0, peak_v, -peak_v, 0])
    return Waveform(np.linspace(0, lasting_s, rows), corners)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# Reading.


@pytest.mark.parametrize(
    "text",
    [
        "time_s,voltage_v\n0,0\n1e-6,0.5\n",
        "time_s,voltage_v\r\n0,0\r\n1e-6,0.5",
        "\ufefftime_s;voltage_v\r\n0;0\r\n1e-6;0.5\r\n",
        "voltage_v\ttime_s\n0\t0\n0.5\t0.000001\n",
        '\n"time_s", voltage_v \n\n 0, 0\n\n1E-6 ,+.5\n ,\n\n',
    ],
    ids=["plain", "CRLF", "from Excel", "tabs, turned round", "spaces and blank lines"],
)
def test_a_waveform_is_read_however_it_was_saved(tmp_path: Path, text: str) -> None:
    read = read_waveform(written(tmp_path / "w.csv", text))
    assert read.time_s.tolist() == [0.0, 1e-6]
    assert read.voltage_v.tolist() == [0.0, 0.5]
    assert read.ignored == ()


def test_other_columns_are_told_and_not_used(tmp_path: Path) -> None:
    text = 'note,voltage_v,current_a,time_s\n"a, b",1,x,0\n,2,,3\n'
    read = read_waveform(written(tmp_path / "w.csv", text))
    assert (read.time_s.tolist(), read.voltage_v.tolist()) == ([0, 3], [1, 2])
    assert read.ignored == ("note", "current_a")


HEADER = "time_s,voltage_v\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "w.csv is empty; its first line must name time_s and voltage_v"),
        (" \n\n", "w.csv is empty"),
        (HEADER, "w.csv has no rows below its header; a waveform needs at least two"),
        (HEADER + "0,0\n", "w.csv has one row below its header"),
        ("0,0\n1,1\n", "w.csv has no column 'time_s'; its first line must name time_s and"),
        ("time_s,voltage\n0,0\n1,1\n", "no column 'voltage_v'; its first line must name"),
        ("time_s,voltage_v,time_s\n", "w.csv has 2 columns 'time_s'"),
        (HEADER + "0,0\n1,nan\n", "w.csv, line 3: voltage_v is nan; it must be a finite number"),
        (HEADER + "0,0\ninf,1\n", "w.csv, line 3: time_s is inf; it must be a finite number"),
        (HEADER + "0,0\n1,much\n", "line 3: voltage_v is 'much'; it must be a number such as 0.5"),
        (
            HEADER + "0,0\n1us,1\n",
            "line 3: time_s is '1us'; it must be a number such as 1e-6, in s",
        ),
        ("time_s;voltage_v\n0;0\n1;0,5\n", "line 3: voltage_v is '0,5'; it must be a number such"),
        (HEADER + "0,0\n1,20.5\n", "line 3: voltage_v is 20.5; it must be within 20 V"),
        (HEADER + "0,0\n1\n", "line 3: 1 values below a header of 2 names"),
        (HEADER + "0,0\n1,1,1\n", "line 3: 3 values below a header of 2 names"),
        (HEADER + "0,0\n\n2,1\n1.5,1\n", "line 5: time_s falls from 2.0 to 1.5 s; sort the rows"),
        (HEADER + '0,0\n1,"1\n', "w.csv, line 3: unexpected end of data; is it a CSV file?"),
        (b"\xff\xfet\x00i\x00", "w.csv is not a text file in UTF-8; save it as CSV UTF-8"),
    ],
)
def test_what_is_no_waveform_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, words: str
) -> None:
    with pytest.raises(ConfigError) as told:
        read_waveform(written(tmp_path / "w.csv", text))
    assert words in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.csv cannot be read: No such file"):
        read_waveform(tmp_path / "gone.csv")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_waveform(tmp_path)


# Cells under a waveform.


def test_a_resistor_obeys_ohms_law_at_each_row_of_a_file_by_hand(tmp_path: Path) -> None:
    points = zip(TIMES, VOLTS, strict=True)
    text = HEADER + "".join(f"{time!r},{volts!r}\n" for time, volts in points)
    read = read_waveform(written(tmp_path / "w.csv", text))
    trace = simulate(get_model("resistor", resistance_ohm=2e3), read)
    columns = write_trace(trace, tmp_path / "out.csv")
    assert columns == ("time_s", "voltage_v", "current_a", "resistance_ohm")
    rows = rows_of(tmp_path / "out.csv")
    assert [float(row["time_s"]) for row in rows] == TIMES
    assert [float(row["voltage_v"]) for row in rows] == VOLTS
    assert [float(row["current_a"]) for row in rows] == [volts / 2e3 for volts in VOLTS]
    assert {row["resistance_ohm"] for row in rows} == {"2000.0"}


def test_behind_a_resistance_and_a_limit_the_cell_has_its_own_voltage(tmp_path: Path) -> None:
    model = get_model("resistor", resistance_ohm=1e3)
    behind: dict[str, Any] = {"source_ohm": 1e3, "limit_a": 0.4e-3}
    trace = simulate(model, Waveform(np.array(TIMES), np.array(VOLTS)), **behind)
    columns = write_trace(trace, tmp_path / "out.csv", **behind)
    assert columns[2:5] == ("current_a", "cell_v", "limited")
    rows = rows_of(tmp_path / "out.csv")
    assert [row["limited"] for row in rows] == [str(abs(v) > 0.8) for v in VOLTS]
    want_a = [math.copysign(min(abs(v) / 2e3, 0.4e-3), v) for v in VOLTS]
    assert [float(row["current_a"]) for row in rows] == pytest.approx(want_a)
    assert [float(row["cell_v"]) for row in rows] == pytest.approx([1e3 * a for a in want_a])
    assert [float(row["voltage_v"]) for row in rows] == VOLTS
    only_source = write_trace(trace, tmp_path / "out.csv", source_ohm=1.0)
    assert "cell_v" in only_source
    assert "limited" not in only_source


@pytest.mark.parametrize(
    "parameters",
    [{}, {"delta_gap0_m_per_s": 1e-5}, {"series_ohm": 300.0, "noise": {"white": 0.01}}],
    ids=["alone", "noise of the gap", "layers"],
)
def test_row_by_row_is_what_the_model_does_in_one_go(parameters: dict[str, float]) -> None:
    model, wave = get_model("stanford", **parameters), sweep()
    trace = simulate(model, wave, cells=4, seed=5, source_ohm=500.0, limit_a=1e-3)
    state = model.initial_state(4, np.random.default_rng([5, 1]))
    whole = model.play(state, np.arange(4), wave.drive(500.0, 1e-3))
    assert np.ptp(trace.state["gap_m"], axis=0).min() > 0.5e-9, "the cells have switched"
    np.testing.assert_allclose(trace.current_a, whole.current_a, rtol=1e-9)
    np.testing.assert_allclose(trace.voltage_v, whole.voltage_v, rtol=1e-9)
    assert (trace.limited == whole.limited).all()
    np.testing.assert_allclose(trace.state["gap_m"][-1], state["gap_m"], rtol=1e-9)


def test_a_cell_does_the_same_however_many_there_are() -> None:
    model = get_model("stanford", delta_gap0_m_per_s=1e-5)
    many = simulate(model, sweep(), cells=20, seed=9)
    few = simulate(model, sweep(), cells=3, seed=9)
    other = simulate(model, sweep(), cells=3, seed=10)
    assert (many.current_a[:, :3] == few.current_a).all()
    assert (many.state["gap_m"][:, :3] == few.state["gap_m"]).all()
    assert (few.current_a[-2] != other.current_a[-2]).all()
    assert len(np.unique(many.state["gap_m"][-1])) == 20


def test_a_jump_is_a_step_in_no_time_and_the_first_row_is_where_the_source_begins() -> None:
    model = get_model("stanford")
    begun = simulate(model, Waveform(np.array([0.0, 1e-3]), np.array([2.0, 2.0])))
    assert begun.current_a[0, 0] == pytest.approx(
        model.current_a(model.initial_state(1, np.random.default_rng(0)), 2.0)[0]
    )
    assert begun.state["gap_m"][:, 0].tolist() == [1.7e-9, pytest.approx(0.2e-9)]
    stepped = simulate(
        model, Waveform(np.array([0.0, 0.0, 1e-9, 1e-9]), np.array([0.0, 2.0, 2.0, 0.0]))
    )
    assert stepped.state["gap_m"][0, 0] == stepped.state["gap_m"][1, 0] == 1.7e-9
    assert stepped.state["gap_m"][3, 0] == stepped.state["gap_m"][2, 0]


def test_a_state_is_told_without_what_only_keeps_count() -> None:
    pulse = Waveform(np.array([0, 1e-8, 5.1e-7, 5.2e-7]), np.array([0, 1.5, 1.5, 0.0]))
    trace = simulate(get_model("tiox", initial_conductance_s=1e-5), pulse, cells=3)
    assert set(trace.state) == {"conductance_s"}
    assert (trace.state["conductance_s"][:3] == 1e-5).all()
    assert (trace.state["conductance_s"][3] != 1e-5).all()


def test_what_an_event_model_does_not_know_is_refused_before_anything_is_played() -> None:
    done: list[int] = []
    with pytest.raises(NotSupported, match="no slope"):
        simulate(get_model("tiox"), sweep(), report=lambda row, _: done.append(row))
    assert done == []


def test_each_row_is_reported() -> None:
    told: list[tuple[int, int]] = []
    simulate(get_model("resistor"), sweep(5), report=lambda *row: told.append(row))
    assert told == [(k, 5) for k in range(1, 6)]


def test_time_begins_at_the_first_row() -> None:
    relaxing = {"relaxation": {"spread": 0.0, "drift": 0.1}}
    model = get_model("stanford", initial_gap_m=1e-9, **relaxing)
    early = Waveform(np.array([0.0, 1e-6, 1e-6, 1.0, 1e4]), np.array([0.5, 0.5, 0.1, 0.1, 0.1]))
    late = Waveform(early.time_s + 1e4, early.voltage_v)
    first, second = simulate(model, early), simulate(model, late)
    np.testing.assert_allclose(first.current_a, second.current_a, rtol=1e-9)
    fallen = first.current_a[4, 0] / first.current_a[3, 0]
    assert fallen == pytest.approx(1e4**-0.1, rel=1e-3), "it ages by the time of the waveform"


def test_a_device_that_ages_is_told_when_each_row_begins() -> None:
    begun_s: list[float] = []

    class Ageing(type(get_model("resistor"))):  # type: ignore[misc]
        ages = True

        def _walk(self, state, cells, drive, terminal):
            begun_s.append(drive.start_s)
            super()._walk(state, cells, drive, terminal)

    simulate(Ageing(), Waveform(np.array([5.0, 6.0, 6.0, 8.0, 9.0]), np.zeros(5)))
    assert begun_s == [0.0, 0.0, 1.0, 1.0, 3.0]


def test_too_much_to_keep_is_refused_before_memory_is_full() -> None:
    with pytest.raises(ConfigError, match="more than the 200,000,000 values that are kept"):
        simulate(get_model("resistor"), sweep(1001), cells=100_000)


def test_a_current_that_is_no_number_is_told_with_its_place() -> None:
    class Broken(type(get_model("resistor"))):  # type: ignore[misc]
        def _walk(self, state, cells, drive, terminal):
            super()._walk(state, cells, drive, terminal)
            terminal.current_a[drive.stop_v[:, 0] > 1] = np.inf

    with pytest.raises(ConfigError, match=r"no finite number at 2 V and 0\.5 s"):
        simulate(Broken(), Waveform(np.array([0, 0.5, 1]), np.array([0, 2.0, 0])))


# Writing.


def test_every_digit_is_kept_and_cells_come_one_after_the_other(tmp_path: Path) -> None:
    model = get_model("stanford", delta_gap0_m_per_s=1e-5)
    trace = simulate(model, sweep(11), cells=3, seed=2)
    columns = write_trace(trace, tmp_path / "out.csv")
    assert columns == ("cell", "time_s", "voltage_v", "current_a", "gap_m")
    rows = rows_of(tmp_path / "out.csv")
    assert [int(row["cell"]) for row in rows] == [0] * 11 + [1] * 11 + [2] * 11
    for name, want in (("current_a", trace.current_a), ("gap_m", trace.state["gap_m"])):
        assert [float(row[name]) for row in rows] == want.T.ravel().tolist()
    assert [float(row["voltage_v"]) for row in rows] == trace.source_v.tolist() * 3


def test_a_result_is_a_waveform_again(tmp_path: Path) -> None:
    trace = simulate(get_model("stanford"), sweep(11))
    write_trace(trace, tmp_path / "out.csv")
    again = read_waveform(tmp_path / "out.csv")
    assert again.time_s.tolist() == trace.time_s.tolist()
    assert again.voltage_v.tolist() == trace.source_v.tolist()
    assert again.ignored == ("current_a", "gap_m")


def traced() -> Trace:
    return simulate(get_model("resistor"), sweep(5))


def test_a_file_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "out.csv", "old")
    seen: list[str] = []

    def broken(*lines: object, **_: object) -> None:
        seen.extend(path.name for path in tmp_path.iterdir())
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(module, "chain", broken)
    with pytest.raises(StoreError, match=r"out.csv cannot be written \(No space left on device\)"):
        write_trace(traced(), tmp_path / "out.csv")
    assert len(seen) == 2, "what is written lies beside it"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "old"
    monkeypatch.undo()
    write_trace(traced(), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith("time_s,")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "folder" / "real.csv")
    write_trace(traced(), tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "folder" / "real.csv").is_file()


@pytest.mark.benchmark
@pytest.mark.slow
def test_ten_thousand_rows_take_a_second() -> None:
    import time

    model = get_model("stanford")
    simulate(model, sweep(11))
    begun_s = time.process_time()
    simulate(model, sweep(10_000))
    assert time.process_time() - begun_s < 1.0
