"""Points from runs and from text files: layouts, units, bounds, and what cannot carry a fit."""

import contextlib
import io
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil import runner
from hil.config import find_bench
from hil.errors import ConfigError, StoreError
from hil.export import export_table
from hil.keeper import Progress
from hil.protocols.basics.read_map import ReadMap
from hil.protocols.jump_table.collect import JumpTableCollection
from hil.protocols.jump_table.reading.bounds import found_bounds
from hil.protocols.jump_table.reading.measured import Measured, read_points
from hil.protocols.jump_table.summary import steps_of
from hil.store import FILE, RunRecord

LOW, HIGH = 3e-9, 38e-9


def some_points(count: int = 60, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amplitudes, conductances before and after, well inside the bounds."""
    rng = np.random.default_rng(seed)
    voltage_v = np.tile([-1.5, 1.5], count)
    before_s = rng.uniform(8e-9, 30e-9, 2 * count)
    return voltage_v, before_s, before_s + rng.normal(0, 1e-9, 2 * count)


def file_of(
    folder: Path, names: str, *columns: Any, between: str = ",", name: str = "data.csv"
) -> Path:
    """Write columns below a line of names."""
    rows = "\n".join(between.join(map(str, row)) for row in zip(*columns, strict=True))
    path = folder / name
    path.write_text(f"{names}\n{rows}\n", encoding="utf-8")
    return path


def pairs(folder: Path, *columns: Any, names: str = "") -> Path:
    return file_of(
        folder, names or "pulse_voltage_v,conductance_before_s,conductance_after_s", *columns
    )


def clipped(folder: Path, count: int = 2000, noise_s: float = 0.0, control: int = 0) -> Path:
    """Points of a device with bounds, 1 nS of step, read with noise; 0 V among them."""
    rng = np.random.default_rng(5)
    voltage_v = np.concatenate([np.tile([-1.5, 1.5], count), np.zeros(control)])
    before_s = rng.uniform(LOW, HIGH, len(voltage_v))
    step_s = np.where(voltage_v == 0, 0.0, rng.normal(0.1e-9, 1e-9, len(voltage_v)))
    after_s = np.clip(before_s + step_s, LOW, HIGH)
    errors_s = noise_s * rng.standard_normal((2, len(voltage_v)))
    return pairs(folder, voltage_v, before_s + errors_s[0], after_s + errors_s[1])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run on two cells, with the control."""
    named = find_bench("tiox", {"cells": "2"})
    protocol = JumpTableCollection(points=200, voltages_v=(-1.8, 0.0, 1.65), pulses_per_program=8)
    folder = tmp_path_factory.mktemp("runs") / "run"
    runner.start("jump-table", protocol, named, named.build(3), seed=3, folder=folder)
    return folder


def test_a_run_gives_the_points_that_its_summary_counts(run: Path) -> None:
    measured = read_points(run)
    with RunRecord(run) as record:
        steps = steps_of(record.table())
    assert [one.voltage_v for one in measured.amplitudes] == [-1.8, 1.65]
    for one, wanted in zip(measured.amplitudes, (steps[0], steps[2]), strict=True):
        np.testing.assert_array_equal(one.conductance_s, wanted.conductance_s)
        np.testing.assert_allclose(one.step_s, wanted.step_s, rtol=1e-9, atol=1e-20)
    assert measured.control is not None
    assert len(measured.control) == 400
    assert measured.pulse_high_s == 500e-9
    assert measured.kind == "physics"
    assert measured.title == "tiox"


def test_the_bounds_of_the_tiox_device_are_found_where_its_readings_pile_up(run: Path) -> None:
    measured = read_points(run)
    assert (measured.low_s, measured.high_s) == pytest.approx((5e-6, 30e-6), rel=1e-12)
    assert measured.range_s == (measured.low_s, measured.high_s)
    up = measured.amplitudes[1]
    assert up.at_high.sum() == (up.after_s > 30e-6 * (1 - 1e-9)).sum() > 0


def test_one_cell_of_a_run(run: Path) -> None:
    alone = read_points(run, cell=1)
    assert [len(one) for one in alone.amplitudes] == [200, 200]
    with pytest.raises(ConfigError, match=r"has no cell 2; it has cells 0 to 1$"):
        read_points(run, cell=2)


def test_an_exported_run_gives_the_same_points(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    with RunRecord(run) as record:
        export_table(record.table(), record.header, "csv", path)
    for cell in (None, 1):
        ours, theirs = read_points(run, cell=cell), read_points(path, cell=cell)
        assert (ours.low_s, ours.high_s) == (theirs.low_s, theirs.high_s)
        for a, b in zip(ours.amplitudes, theirs.amplitudes, strict=True):
            np.testing.assert_array_equal(a.conductance_s, b.conductance_s)
            np.testing.assert_array_equal(a.step_s, b.step_s)


def test_points_of_a_run_without_a_reading_are_left_out_and_counted(
    run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "copy")
    with contextlib.closing(sqlite3.connect(tmp_path / "copy" / FILE)) as db:
        db.execute(
            "UPDATE records SET conductance_after_s = NULL WHERE seq IN "
            "(SELECT seq FROM records WHERE in_window = 1 LIMIT 3)"
        )
        db.commit()
    measured = read_points(tmp_path / "copy")
    assert measured.control is not None
    assert measured.skipped == 3
    assert sum(map(len, (*measured.amplitudes, measured.control))) == 1200 - 3


def test_a_run_that_is_still_measured_is_read(tmp_path: Path) -> None:
    named = find_bench("tiox")
    protocol = JumpTableCollection(points=60, voltages_v=(-1.5, 1.5))
    seen: list[Measured] = []

    def look(progress: Progress) -> None:
        if progress.done > 110:
            seen.append(read_points(tmp_path / "run"))

    runner.start(
        "jump-table", protocol, named, named.build(3), seed=3, folder=tmp_path / "run",
        report=look,
    )  # fmt: skip
    assert 110 < sum(map(len, seen[0].amplitudes)) <= 120


def test_a_run_of_another_protocol_is_named(tmp_path: Path) -> None:
    named = find_bench("resistor")
    runner.start("read-map", ReadMap(), named, named.build(1), seed=1, folder=tmp_path / "run")
    with pytest.raises(ConfigError, match=r"run is a run of read-map; jump tables are fitted to"):
        read_points(tmp_path / "run")


def test_what_is_no_run_and_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no run folder or file .*none; hil runs"):
        read_points(tmp_path / "none")
    with pytest.raises(StoreError, match="is not a run folder"):
        read_points(tmp_path)


@pytest.mark.parametrize(
    ("names", "scales", "between"),
    [
        ("conductance_s,step_s,pulse_voltage_v", (1, 1, 1), ","),
        ("G,dG,V", (1, 1, 1), ","),
        ("g (uS);dg (nS);Voltage (mV)", (1e6, 1e9, 1e3), ";"),
        ("dG_nS\tG_uS\tpulse_voltage_v", (1e9, 1e6, 1), "\t"),
        ("Step [nS],Conductance [µS],amplitude_V", (1e9, 1e6, 1), ","),
    ],
)
def test_conductances_and_steps_in_any_unit(
    tmp_path: Path, names: str, scales: tuple[float, ...], between: str
) -> None:
    voltage_v, before_s, after_s = some_points()
    first, second = (before_s, after_s - before_s)
    if names.lower().startswith(("dg", "step")):
        first, second = second, first
    path = file_of(
        tmp_path, names, scales[0] * first, scales[1] * second, scales[2] * voltage_v,
        between=between,
    )  # fmt: skip
    measured = read_points(path)
    for one, sign in zip(measured.amplitudes, (-1, 1), strict=True):
        assert one.voltage_v == pytest.approx(1.5 * sign)
        mine = voltage_v == 1.5 * sign
        np.testing.assert_allclose(one.conductance_s, before_s[mine], rtol=1e-12)
        np.testing.assert_allclose(one.step_s, (after_s - before_s)[mine], atol=1e-20)
    assert measured.low_s == -np.inf
    assert measured.high_s == np.inf
    ends_s = min(before_s.min(), after_s.min()), max(before_s.max(), after_s.max())
    assert measured.range_s == pytest.approx(ends_s)


def test_conductances_and_steps_without_amplitudes_need_one(tmp_path: Path) -> None:
    _, before_s, after_s = some_points()
    path = file_of(tmp_path, "G,dG", before_s, after_s - before_s)
    with pytest.raises(ConfigError, match="does not say at which amplitude its steps were made"):
        read_points(path)
    measured = read_points(path, voltage_v=-2.0, one_sided=True)
    assert [(one.voltage_v, len(one)) for one in measured.amplitudes] == [(-2.0, 120)]


def test_a_log_of_pulses_pairs_each_reading_with_the_one_above(tmp_path: Path) -> None:
    voltages = ["", *(["1.5", "-1.5"] * 45), "nan", "1.5", "-1.5"]
    conductance_s = 1e-6 * np.random.default_rng(2).uniform(10, 20, len(voltages))
    path = file_of(tmp_path, "pulse_voltage_v,conductance_s", voltages, conductance_s)
    down, up = read_points(path).amplitudes
    where = [k for k, v in enumerate(voltages) if v == "1.5"]
    np.testing.assert_allclose(up.conductance_s, conductance_s[[k - 1 for k in where]])
    np.testing.assert_allclose(up.after_s, conductance_s[where])
    assert (len(down), len(up)) == (46, 46)


def test_a_log_that_begins_with_a_pulse_does_not_count_it(tmp_path: Path) -> None:
    voltages = [1.5, -1.5] * 41
    path = file_of(tmp_path, "pulse_voltage_v,G (uS)", voltages, 10 + np.arange(82) % 7)
    assert [len(one) for one in read_points(path).amplitudes] == [41, 40]


def test_a_log_of_cells_in_turn_pairs_each_with_its_own(tmp_path: Path) -> None:
    cells = np.tile([0, 1], 100)
    voltages = np.repeat(np.tile([1.5, -1.5], 50), 2)
    conductance_s = np.where(cells == 1, 20e-6, 10e-6) + 1e-8 * np.arange(200)
    path = file_of(tmp_path, "cell,pulse_voltage_v,conductance_s", cells, voltages, conductance_s)
    for one in read_points(path).amplitudes:
        np.testing.assert_allclose(one.step_s, 2e-8)
    only = read_points(path, cell=1)
    assert min(one.conductance_s.min() for one in only.amplitudes) > 19e-6


def test_flags_of_the_export_are_heeded_and_rows_that_do_not_count_may_hold_anything(
    tmp_path: Path,
) -> None:
    voltage_v, before_s, after_s = some_points()
    kind = np.where(np.arange(120) < 10, "place", "point")
    inside = np.where(np.arange(120) >= 110, "False", "True")
    before_s[:10] = np.nan
    path = file_of(
        tmp_path, "kind,in_window,pulse_voltage_v,conductance_before_s,conductance_after_s",
        kind, inside, voltage_v, before_s, after_s,
    )  # fmt: skip
    assert [len(one) for one in read_points(path).amplitudes] == [50, 50]


def test_comments_marks_quotes_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    voltage_v, before_s, after_s = some_points()
    rows = [f'{v},"{a}",{b}\r\n' for v, a, b in zip(voltage_v, before_s, after_s, strict=True)]
    names = '# of wafer 3\n\n"pulse_voltage_v", conductance_before_s ,conductance_after_s\r\n'
    path = tmp_path / "data.csv"
    path.write_bytes(("\ufeff" + names + "# begin\n" + ",,\n".join(rows)).encode())
    assert [len(one) for one in read_points(path).amplitudes] == [60, 60]


def test_amplitudes_that_differ_by_rounding_are_one(tmp_path: Path) -> None:
    voltage_v, before_s, after_s = some_points()
    voltage_v[::3] *= 1 + 3e-8
    path = pairs(tmp_path, [repr(v) for v in voltage_v.tolist()], before_s, after_s)
    assert [len(one) for one in read_points(path).amplitudes] == [60, 60]


@pytest.mark.benchmark
def test_a_hundred_thousand_rows_are_read_in_three_seconds(tmp_path: Path) -> None:
    """A tenth of that on a quiet core."""
    voltage_v, before_s, after_s = some_points(50_000)
    text = io.StringIO()
    text.write("pulse_voltage_v,conductance_before_s,conductance_after_s,note\n")
    np.savetxt(text, np.stack([voltage_v, before_s, after_s, after_s], axis=1), "%.17g", ",")
    path = tmp_path / "large.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    started = time.perf_counter()
    measured = read_points(path)
    assert time.perf_counter() - started < 3.0
    np.testing.assert_array_equal(measured.amplitudes[1].conductance_s, before_s[1::2])


# bounds


def test_exact_bounds_are_found_and_readings_there_are_stopped(tmp_path: Path) -> None:
    measured = read_points(clipped(tmp_path))
    assert (measured.low_s, measured.high_s) == (LOW, HIGH)
    for one in measured.amplitudes:
        assert 8 < one.at_low.sum() < 60
        assert 8 < one.at_high.sum() < 60


@pytest.mark.parametrize("spread", ["normal", "even"])
def test_readings_in_coarse_steps_are_no_bounds(spread: str) -> None:
    """Ten readings lie together everywhere, at the ends of an even spread too."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        even = rng.uniform(1e-8, 5e-8, 4000)
        read_s = even if spread == "even" else rng.normal(2e-8, 4e-9, 4000)
        assert found_bounds(np.floor(read_s * 1e10) / 1e10)[:2] == (-np.inf, np.inf)


def test_given_bounds_are_kept_and_rounding_at_them_is_a_stop(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    before_s = rng.uniform(LOW, HIGH, 4000)
    after_s = np.clip(before_s + rng.normal(0, 1e-9, 4000), LOW, HIGH)
    step_s = np.array([f"{x:.3e}" for x in after_s - before_s])  # four digits, as people print
    path = file_of(tmp_path, "V,G,dG", np.tile([-1, 1], 2000), before_s, step_s)
    measured = read_points(path, bounds_s=(LOW, HIGH))
    stopped = sum(one.at_low.sum() + one.at_high.sum() for one in measured.amplitudes)
    assert (measured.low_s, measured.high_s) == (LOW, HIGH)
    assert stopped > 0.4 * np.isin(after_s, (LOW, HIGH)).sum()


def test_readings_beyond_given_bounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"^\d+ of 8,000 readings of .*data.csv lie beyond the bounds 4 nS to 37 nS "
        r"\(3 nS to 38 nS\); widen them, check the unit, or say how large",
    ):
        read_points(clipped(tmp_path), bounds_s=(4e-9, 37e-9))


@pytest.mark.parametrize("bounds_s", [(5e-9, 3e-9), (0.0, 1e-8), (1e-9, np.inf), (np.nan, 1.0)])
def test_crossed_bounds_are_refused(tmp_path: Path, bounds_s: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="the lower must be above 0 and below the upper"):
        read_points(clipped(tmp_path), bounds_s=bounds_s)


@pytest.mark.parametrize("known", ["told", "control"])
def test_with_read_noise_what_ends_three_tau_inside_of_a_bound_is_stopped(
    tmp_path: Path, known: str
) -> None:
    """Whoever would have gone beyond the limit is beyond it: stopped or not, noise or not."""
    tau_s = 0.2e-9
    path = clipped(tmp_path, 4000, tau_s, 2000)
    told_s = tau_s if known == "told" else None
    measured = read_points(path, bounds_s=(LOW, HIGH), read_noise_s=told_s)
    assert (measured.low_s, measured.high_s) == (LOW, HIGH)
    up = measured.amplitudes[1]
    assert up.low_s == pytest.approx(LOW + 3 * tau_s, abs=0.2 * tau_s)
    assert up.high_s == pytest.approx(HIGH - 3 * tau_s, abs=0.2 * tau_s)
    assert up.conductance_s.max() < up.high_s
    assert up.after_s.max() == pytest.approx(up.high_s, rel=1e-12)
    # near the bound the share that is stopped is what the latent step says
    from scipy.special import ndtr

    near = up.conductance_s > HIGH - 1.6e-9
    spread_s = np.hypot(1e-9, np.sqrt(2) * tau_s)
    wanted = ndtr((up.conductance_s[near] + 0.1e-9 - up.high_s) / spread_s)
    error = np.sqrt((wanted * (1 - wanted)).sum()) / near.sum()
    assert up.at_high[near].mean() == pytest.approx(wanted.mean(), abs=3.5 * error)


def test_noise_as_large_as_the_range_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a read noise of 6 nS rms leaves nothing to see"):
        read_points(clipped(tmp_path), bounds_s=(LOW, HIGH), read_noise_s=6e-9)
    with pytest.raises(ConfigError, match="read_noise_s -1 S must be above 0"):
        read_points(clipped(tmp_path), read_noise_s=-1.0)


# what cannot carry a fit


def spoiled(folder: Path, row: int, column: int, value: str) -> Path:
    columns = [[f"{x:.17g}" for x in values] for values in some_points()]
    columns[column][row] = value
    return pairs(folder, *columns)


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        (1, "", r"row 9, column 'conductance_before_s': nan: there is no number; leave such"),
        (0, "", r"row 9, column 'pulse_voltage_v': nan: there is no number"),
        (2, "nan", r"row 9, column 'conductance_after_s': nan: there is no number"),
        (2, "inf", r"row 9, column 'conductance_after_s': inf: an infinite number cannot be"),
        (1, "0", r"row 9, column 'conductance_before_s': 0: a conductance must be above 0"),
        (2, "-3e-9", r"row 9, column 'conductance_after_s': -3e-09: a conductance must be above"),
        (1, "12.5", r"row 9, column 'conductance_before_s': 12.5: it is above 0.1 S, which looks"),
        (1, "open", r"row 9, column 'conductance_before_s': 'open' is not a number$"),
        (1, '"1,5e-9"', r"row 9, column 'conductance_before_s': '1,5e-9' has a decimal comma"),
        (1, "1,5e-9", r"row 9 has 4 values where 3 columns have names; write a decimal point"),
    ],
)
def test_a_wrong_value_is_told_with_file_row_and_column(
    tmp_path: Path, column: int, value: str, match: str
) -> None:
    with pytest.raises(ConfigError, match=r"data\.csv, " + match):
        read_points(spoiled(tmp_path, 7, column, value))


def test_rows_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    path = spoiled(tmp_path, 7, 1, "open")
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(["# a", "", *lines[:4], "", *lines[4:]]), encoding="utf-8")
    with pytest.raises(ConfigError, match="row 12,"):
        read_points(path)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", r"data.csv is empty; it needs a line of names"),
        (b"# nothing\n\n", r"is empty"),
        (b"G,dG,V\n", r"has a line of names and no rows below it"),
        (b"1e-6,2e-9\n1e-6,3e-9\n", r"begins with numbers; name its columns in the first line"),
        (b"voltage,current\n1,2\n", r"has the columns voltage, current; it needs pulse_voltage_v"),
        (b"G,dG,G (uS)\n1,2,3\n", r"has two columns for one thing, 'G' and 'G \(uS\)'"),
        (b"G (kohm),dG,V\n1,2,3\n", r"the column 'G \(kohm\)' is not in siemens; its unit may be"),
        (b"G,dG,V (s)\n1,2,3\n", r"the column 'V \(s\)' is not in volts"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe\x00", r"is not a text file in UTF-8; save it as UTF-8"),
        (b"PK\x03\x04\x00\x00\n\x00", r"is not a text file"),
        ("G (µS),dG,V\n1,2,3\n".encode("cp1252"), r"is not a text file in UTF-8"),
        (b"cell,V,G\n0,1,1e-6\n", r"has no cell 7; it has 0"),
        (b"V,G,dG\n0,1e-6,1e-9\n", r"has no column cell to take cell 7 from"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_of_points_is_told(
    tmp_path: Path, content: bytes, match: str
) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=match):
        read_points(path, cell=7 if b"ell" in match.encode() else None)


def test_a_folder_that_cannot_be_read_as_a_file_is_told(tmp_path: Path) -> None:
    from hil.protocols.jump_table.reading.delimited import Delimited

    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        Delimited(tmp_path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ("few", r"-1.5 V of .*data.csv: 25 points are too few, 40 are the least; on the profile"),
        ("still", r"-1.5 V of .*: none of the 60 pulses moved the conductance"),
        ("one place", r"-1.5 V of .*: all 60 points begin at 1e-08 S; a jump table needs them"),
        ("control", r"holds no pulses but 0 V; there is nothing to fit"),
        ("none", r"holds no point yet; 40 of each amplitude are the least"),
    ],
)
def test_points_that_cannot_carry_a_fit_are_told(tmp_path: Path, change: str, match: str) -> None:
    voltage_v, before_s, after_s = some_points()
    kind = np.full(120, "point")
    if change == "few":
        kind[70:] = "place"
        kind[50:][voltage_v[50:] < 0] = "place"
    elif change == "still":
        after_s = before_s
    elif change == "one place":
        before_s = np.full(120, 1e-8)
    elif change == "control":
        voltage_v = 0 * voltage_v
    else:
        kind[:] = "place"
    path = file_of(
        tmp_path, "kind,pulse_voltage_v,conductance_before_s,conductance_after_s",
        kind, voltage_v, before_s, after_s,
    )  # fmt: skip
    with pytest.raises(ConfigError, match=match):
        read_points(path)


@pytest.mark.parametrize(
    ("sign", "has", "lacks"), [(1, "positive", "negative"), (-1, "negative", "positive")]
)
def test_one_sided_data_is_told_and_may_be_allowed(
    tmp_path: Path, sign: int, has: str, lacks: str
) -> None:
    voltage_v, before_s, after_s = some_points()
    path = pairs(tmp_path, sign * (1 + (voltage_v > 0)), before_s, after_s)
    with pytest.raises(ConfigError, match=f"has {has} amplitudes only .*; collect {lacks} ones"):
        read_points(path)
    assert len(read_points(path, one_sided=True).amplitudes) == 2
