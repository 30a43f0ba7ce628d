"""Read maps: order, resume, what is measured, and what is computed from it and named so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hil.bench import Bench
from hil.config import find_bench
from hil.errors import ConfigError, LimitExceeded, NotSupported
from hil.limits import Limits, PhaseLimits
from hil.protocol import RunView, Table
from hil.protocols.basics import read_map
from hil.protocols.basics.map_summary import ESTIMATE, READ, maps_of, trend_of
from hil.protocols.basics.read_map import ReadMap
from hil.runner import plan
from hil.simulators.array.bench import ArrayBench
from hil.simulators.array.board import Adc, Board
from hil.simulators.physics_bench import PhysicsBench
from tests.protocols.basics.records import flat, joined
from tests.simulators.array.arrays import WIRES, array_bench

Measure = Callable[..., Table]
Floats = NDArray[np.float64]

ROWS, COLUMNS = 9, 11
WIRED = {**WIRES, "row_wire_ohm": 20.0, "column_wire_ohm": 10.0}


def resistors(seed: int = 1, **settings: Any) -> ArrayBench:
    """Make an array of resistors of 5 to 50 uS behind wires."""
    bench = array_bench(ROWS, COLUMNS, **{"wires": WIRED, **settings})
    bench.state["resistance_ohm"] = 1 / np.random.default_rng(seed).uniform(5e-6, 5e-5, 99)
    return bench


def truth_s(bench: PhysicsBench) -> Floats:
    return np.asarray(1 / bench.state["resistance_ohm"])


def aware(bench: Bench, **parameters: Any) -> ReadMap:
    return ReadMap(**{**WIRED, **parameters}).complete(bench)


def of_kind(table: Table, kind: str) -> Table:
    return {name: values[table["kind"] == kind] for name, values in table.items()}


def test_cells_of_their_own_read_as_ohm_says(measured: Measure) -> None:
    bench = find_bench("resistor", {"cells": "5", "source.series_ohm": "1kohm"}).build(1)
    protocol = ReadMap(repeats=2).complete(bench)
    table = measured(protocol, bench)
    assert table["cell"].tolist() == [0, 1, 2, 3, 4] * 2
    assert table["repeat"].tolist() == [0] * 5 + [1] * 5
    assert table["conductance_s"] == pytest.approx(1e-4)
    assert table["current_a"] == pytest.approx(0.1 / 11.05e3)
    assert (table["kind"] == READ).all()
    assert np.isnan(table["wire_aware_s"]).all()
    assert protocol.done(table) == protocol.total(bench) == 10
    assert (np.diff(table["time_s"][table["cell"] == 2]) > 0).all()


def test_cells_of_an_array_come_row_by_row_at_their_own_times(measured: Measure) -> None:
    bench = resistors()
    table = measured(ReadMap().complete(bench), bench)
    assert table["cell"].tolist() == list(range(99))
    assert (table["row"] * COLUMNS + table["column"]).tolist() == list(range(99))
    assert (np.diff(table["time_s"]) > 0).all()


def test_zero_count_and_scheme_go_into_the_read() -> None:
    bench = resistors()
    protocol = ReadMap(zero=True, count=3, read_scheme="V/3", settle_s=1e-3, repeats=4)
    ((program, times),) = protocol.programs(bench)
    assert times == 4
    assert program.demands.read_scheme == "V/3"
    assert (program.look > 0).sum() == 4
    assert plan(protocol, bench).text == "9 x 11 cells read 4 times at 100 mV, other lines V/3"
    with pytest.raises(LimitExceeded, match="positive_v"):
        plan(ReadMap(read_v=0.3), bench)
    with pytest.raises(NotSupported, match="no scheme 'V/4'"):
        plan(ReadMap(read_scheme="V/4"), bench)


@pytest.mark.parametrize("scheme", ["grounded", "V/2", "float", "mixed"])
def test_the_wire_aware_estimate_finds_the_cells_and_leaves_what_was_measured(
    measured: Measure, scheme: str
) -> None:
    bench = resistors()
    plain = measured(ReadMap(read_scheme=scheme).complete(bench), bench)
    bench = resistors()
    table = measured(aware(bench, read_scheme=scheme), bench)
    reads, estimates = of_kind(table, READ), of_kind(table, ESTIMATE)
    for name, values in plain.items():
        np.testing.assert_array_equal(values, reads[name])
    assert np.abs(reads["conductance_s"] / truth_s(bench) - 1).max() > 0.02
    assert estimates["wire_aware_s"] == pytest.approx(truth_s(bench), rel=1e-6)
    assert (estimates["amplification"] > 0.9).all()
    assert estimates["cell"].tolist() == list(range(99))
    for name in ("source_v", "voltage_v", "current_a", "conductance_s", "time_s"):
        assert np.isnan(estimates[name]).all()


@pytest.mark.parametrize("scheme", ["grounded", "V/2"])
def test_the_amplification_is_what_noise_becomes(measured: Measure, scheme: str) -> None:
    bench = resistors(board=Board(adc=Adc(noise_a=2e-9)))
    protocol = aware(bench, read_scheme=scheme, repeats=12)
    table = measured(protocol, bench)
    maps = maps_of(table)
    noise = (maps.read_s.std(axis=0, ddof=1) / maps.measured_s).ravel()
    became = (maps.estimate_s.std(axis=0, ddof=1) / maps.wire_aware_s).ravel()
    foretold = np.median(noise) * np.median(maps.amplification)
    assert np.median(became) == pytest.approx(foretold, rel=0.35)
    assert (foretold > 3 * np.median(noise)) == (scheme == "V/2")


def test_a_limited_or_dead_cell_has_no_estimate_but_the_others_do(measured: Measure) -> None:
    reads = PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=20e-6)
    switching = PhaseLimits(positive_v=2, negative_v=-2, current_a=20e-6)
    bench = resistors(limits=Limits(read=reads, switching=switching))
    bench.state["resistance_ohm"][40] = 4e3
    bench.state["resistance_ohm"][50] = 1e15
    bench.electronics.measured = _offset(bench, -5e-9)  # type: ignore[method-assign]
    bench._exact = False
    protocol = aware(bench)
    table = measured(protocol, bench)
    estimates = of_kind(table, ESTIMATE)
    assert np.flatnonzero(np.isnan(estimates["wire_aware_s"])).tolist() == [40, 50]
    assert np.flatnonzero(estimates["limited"]).tolist() == [40]
    kept = ~np.isin(estimates["cell"], [40, 50])
    assert estimates["wire_aware_s"][kept] == pytest.approx(truth_s(bench)[kept], rel=0.02)
    told = "\n".join(protocol.summarise(table).lines)
    assert "1 at the current limit or beyond the range: R4C8" in told
    assert "1 at 0 S or below, within the noise of the meter: R5C7" in told
    assert "no estimate for 2 cells: R4C8, R5C7" in told
    assert "limited readings are taken as they are" in told


def _offset(bench: ArrayBench, offset_a: float) -> Callable[..., Any]:
    true = bench.electronics.measured

    def measured_a(current_a: Floats, *more: Any) -> Any:
        return true(current_a + offset_a, *more)

    return measured_a


def test_readings_that_no_cells_give_have_no_estimate_and_it_is_said(measured: Measure) -> None:
    bench = resistors()
    protocol = aware(bench, row_wire_ohm=20e3)
    table = measured(protocol, bench)
    assert np.isnan(of_kind(table, ESTIMATE)["wire_aware_s"]).all()
    summary = protocol.summarise(table)
    assert summary.figures["wire_aware"] == {"cells": 0}
    assert "none: no conductances give these readings" in "\n".join(summary.lines)
    assert summary.figures["measured_s"]["median"] > 5e-6


def test_an_estimate_needs_lines_that_cells_share() -> None:
    bench = find_bench("resistor", {"cells": "4"}).build(1)
    with pytest.raises(NotSupported, match="share no lines"):
        aware(bench)
    assert not ReadMap().complete(bench).wire_aware
    full = resistors()
    full.biasing.schemes["full"] = type(full.biasing.schemes["V/2"])(rows=1.0)  # type: ignore[index]
    with pytest.raises(ConfigError, match="take another read_scheme"):
        aware(full, read_scheme="full")
    with pytest.raises(ConfigError, match="reads no conductance"):
        ReadMap(read_v=0.0)


@pytest.mark.parametrize("batches", range(1, 6))
def test_a_resumed_run_has_the_records_of_one_that_was_not_stopped(batches: int) -> None:
    noisy = Board(adc=Adc(noise_a=5e-9))
    whole_bench = resistors(board=noisy)
    protocol = aware(whole_bench, repeats=2)
    parts, snapshot = [], b""
    with whole_bench:
        for batch in protocol.measure(whole_bench, RunView(5)):
            parts.append(flat(batch))
            if len(parts) == batches:
                snapshot = whole_bench.snapshot()
    assert [len(part["cell"]) for part in parts] == [64, 35, 99] * 2
    past = joined(parts[:batches])
    bench = resistors(board=noisy)
    bench.restore(snapshot)
    with bench:
        run = RunView(5, batches, lambda: past, seam=False)
        rest = [flat(batch) for batch in protocol.measure(bench, run)]
    whole, again = joined(parts), joined(parts[:batches] + rest)
    for name, values in whole.items():
        np.testing.assert_array_equal(values, again[name])


def test_all_cells_are_read_at_once_where_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for visiting, sizes in (("parallel", [7]), ("sequential", [3, 3, 1])):
        monkeypatch.setattr(read_map, "BLOCK", 3)
        bench = find_bench("resistor", {"cells": "7", "visiting": visiting}).build(1)
        with bench:
            batches = list(ReadMap().measure(bench, RunView(1)))
        assert [batch.rows for batch in batches] == sizes


def test_the_summary_tells_distribution_trend_and_estimate_by_name(measured: Measure) -> None:
    bench = array_bench(ROWS, COLUMNS, wires=WIRED)  # 10 kohm all
    protocol = aware(bench, repeats=2)
    summary = protocol.summarise(measured(protocol, bench))
    figures, told = summary.figures, "\n".join(summary.lines)
    assert figures["cells"] == 99
    assert figures["measured_s"]["max"] < 1e-4
    assert figures["trend"]["columns"] < -0.005
    assert figures["trend"]["rows"] > 0.005
    assert figures["repeat_scatter"] == {"median": 0, "worst": 0}
    assert figures["wire_aware"]["estimate_s"]["median"] == pytest.approx(1e-4)
    assert figures["wire_aware"]["change"]["median"] > 0.01
    assert "measured at 100 mV: 99 cells" in told
    assert "from R1 to R9, -" in told
    assert (
        "wire-aware estimate: computed, not measured; linear cells, wires of 20 ohm in rows and "
        "10 ohm in columns a segment, drivers of 50 ohm, meters of 10 ohm" in told
    )
    assert "readings that are 1 % off put it 1" in told


def test_a_trend_is_told_only_where_it_is_clear() -> None:
    rng = np.random.default_rng(1)
    flat_s = 1e-5 * np.exp(0.1 * rng.standard_normal((20, 30)))
    assert trend_of(flat_s) == {"rows": None, "columns": None}
    sloping = trend_of(flat_s * np.linspace(1, 0.8, 20)[:, None])
    assert sloping["rows"] == pytest.approx(-0.2, abs=0.04)
    assert sloping["columns"] is None
    assert trend_of(flat_s[:1]) == {"rows": None, "columns": None}
    assert trend_of(-flat_s) == {"rows": None, "columns": None}


def test_nothing_measured_is_nothing_told(tmp_path: Path) -> None:
    protocol = ReadMap()
    assert protocol.summarise({}).lines == []
    assert protocol.picture({}, "", tmp_path / "map.png") == []


@pytest.mark.parametrize("what", ["array", "line"])
def test_pictures_show_the_map_and_the_estimate_beside_it(
    measured: Measure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    from hil.protocols.basics import map_picture

    figures = []

    def kept(**size: Any) -> Figure:
        figures.append(Figure(**size))
        return figures[-1]

    monkeypatch.setattr(map_picture, "Figure", kept)
    kind = "wire-aware estimate (computed)"
    bench = resistors() if what == "array" else array_bench(1, 8, wires=WIRED)
    protocol = aware(bench)
    files = protocol.picture(measured(protocol, bench), "caption", tmp_path / "map.png")
    assert [file.name for file in files] == ["map.png", "map.svg"]
    assert all(file.stat().st_size > 5000 for file in files)
    (figure,) = figures
    assert figure.get_suptitle() == "caption"
    if what == "array":
        left, _, right, bar, shares = figure.axes
        assert (left.get_title(), right.get_title()) == ("measured at 100 mV", kind)
        assert left.images[0].norm.vmax == right.images[0].norm.vmax
        assert bar.get_ylabel() == "conductance"
    else:
        line, shares = figure.axes
        legend = line.get_legend()
        assert legend is not None
        texts = [text.get_text() for text in legend.get_texts()]
        assert texts == ["measured at 100 mV", kind]
    assert [line.get_label() for line in shares.lines] == ["measured", "wire-aware"]


def test_a_single_cell_has_no_picture(measured: Measure, tmp_path: Path) -> None:
    bench = find_bench("resistor").build(1)
    protocol = ReadMap().complete(bench)
    assert protocol.picture(measured(protocol, bench), "", tmp_path / "map.png") == []


BENCH = """
kind = "array"
[device]
model = "resistor"
[array]
rows = 4
columns = 5
row_wire_ohm = "2.5ohm"
[limits.read]
positive_v = 0.2
negative_v = -0.2
current_a = 1e-3
[limits.switching]
positive_v = 2
negative_v = -2
current_a = 1e-3
"""


def test_from_the_command_line(hil: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(BENCH, encoding="utf-8")
    asked = "run read-map --bench small.toml --seed 1 --json --set row_wire_ohm=2.5ohm"
    told = hil(*asked.split())
    assert told.code == 0, told.err
    assert "wire-aware estimate for wires of 2.5 ohm in rows and 0 ohm in columns" in told.err
    figures = json.loads(told.out)
    assert figures["cells"] == figures["wire_aware"]["cells"] == 20
    assert figures["wire_aware"]["estimate_s"]["median"] == pytest.approx(1e-4)
    assert [Path(name).name for name in figures["pictures"]] == ["read-map.png", "read-map.svg"]
