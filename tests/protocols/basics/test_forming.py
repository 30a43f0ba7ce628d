"""Forming of fresh cells: the limit ends it, a read judges it, every way is bounded."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.bench import Bench
from hil.cli.main import main
from hil.config import find_bench
from hil.errors import CellFault, ConfigError, LimitExceeded
from hil.protocol import RunView, Table
from hil.protocols.basics.forming import Forming
from hil.runner import plan
from hil.simulators.physics_bench import PhysicsBench
from tests.protocols.basics.records import flat, joined

Fresh = Callable[..., PhysicsBench]
Measure = Callable[..., Table]
CLOSES_V = 1.4e9 * 12e-9 / (16 - 0.8 * 2.4**3)
"""Voltage across a cell from which on a gap of 2.4 nm closes: 3.40 V."""

NOISE = {"device.parameters.delta_gap0_m_per_s": "2e-5"}


def forming(bench: Bench, **parameters: Any) -> Forming:
    return Forming(**parameters).complete(bench)


def parts_until_fault(protocol: Forming, bench: Bench, run: RunView) -> tuple[list[Table], str]:
    parts: list[Table] = []
    with bench, pytest.raises(CellFault) as fault:
        parts.extend(flat(batch) for batch in protocol.measure(bench, run))
    return parts, str(fault.value)


@pytest.mark.parametrize("step_v", [0.05, 0.1])
def test_a_sweep_forms_at_the_threshold_and_ends_there(
    fresh: Fresh, measured: Measure, step_v: float
) -> None:
    bench = fresh()
    protocol = forming(bench, step_v=step_v)
    table = measured(protocol, bench)
    steps = np.count_nonzero(table["kind"] == "sweep")
    assert table["kind"].tolist() == ["read", *["sweep"] * steps, "read"]
    swept = table["kind"] == "sweep"
    source_v, limited = table["source_v"][swept], table["limited"][swept]
    assert limited.tolist() == [0] * (len(limited) - 1) + [1]
    assert CLOSES_V < source_v[-1] <= CLOSES_V + step_v + 0.01
    assert (np.diff(source_v) > 0).all()
    assert np.abs(table["current_a"]).max() == pytest.approx(50e-6)
    (one,) = protocol.summarise(table).figures["cells"]
    assert one["formed"]
    assert CLOSES_V - step_v - 0.01 < one["forming_v"] < CLOSES_V
    assert one["before_ohm"] > 1e8
    assert 1e4 < one["after_ohm"] < 1e5
    assert protocol.done(table) == protocol.total(bench) == 1


def test_no_more_is_applied_once_the_limit_was_reached(fresh: Fresh, measured: Measure) -> None:
    bench = fresh()
    measured(forming(bench), bench)
    state = bench.state["gap_m"][0]
    longer = fresh()
    measured(forming(longer, peak_v=3.7), longer)
    assert longer.state["gap_m"][0] == state
    assert longer.clock.now_s() == bench.clock.now_s()


@pytest.mark.parametrize("step_v", [0.05, 0.1])
def test_pulses_stop_when_a_read_finds_the_cell_formed(
    fresh: Fresh, measured: Measure, step_v: float
) -> None:
    bench = fresh()
    protocol = forming(bench, method="pulses", step_v=step_v)
    table = measured(protocol, bench)
    pulses, reads = table["kind"] == "pulse", table["kind"] == "read"
    levels_v = table["source_v"][pulses]
    assert levels_v == pytest.approx(step_v * np.arange(1, len(levels_v) + 1))
    assert CLOSES_V < levels_v[-1] <= CLOSES_V + step_v + 0.01
    ohms = table["voltage_v"][reads] / table["current_a"][reads]
    assert (ohms[:-1] > 1e6).all()
    assert ohms[-1] < 1e6
    (one,) = protocol.summarise(table).figures["cells"]
    assert one["forming_v"] == levels_v[-1]
    assert one["attempts"] == len(levels_v)
    assert np.abs(table["current_a"]).max() <= 50e-6 * (1 + 1e-9)


@pytest.mark.parametrize("method", ["sweep", "pulses"])
def test_cells_that_do_not_form_are_named_after_their_records(fresh: Fresh, method: str) -> None:
    bench = fresh(cells=2)
    protocol = forming(bench, method=method, peak_v=3.0, step_v=0.5)
    parts, fault = parts_until_fault(protocol, bench, RunView(1))
    assert "cell 0" in fault
    assert "cell 1" in fault
    assert "+3 V" in fault
    table = joined(parts)
    assert table["source_v"].max() == 3.0
    assert table["kind"][-1] == "read"
    assert protocol.done(table) == 0
    summary = protocol.summarise(table)
    assert summary.figures["formed"] == 0
    assert not any("formed = true" in line for line in summary.lines)
    # a resume sends nothing but says it again
    past = bench
    later = fresh(cells=2)
    later.restore(past.snapshot())
    run = RunView(1, len(parts), lambda: table, seam=False)
    rest, again = parts_until_fault(protocol, later, run)
    assert (rest, again) == ([], fault)
    assert (later.ledger.own == past.ledger.own).all()


def test_a_limit_that_ends_the_sweep_before_the_cell_forms_is_no_forming(fresh: Fresh) -> None:
    """Leakage of a fresh cell reaches 1 uA at 3.2 V; it has not formed by that."""
    bench = fresh()
    parts, _ = parts_until_fault(forming(bench, current_limit_a=1e-6), bench, RunView(1))
    table = joined(parts)
    assert table["limited"][table["kind"] == "sweep"][-1] == 1
    assert table["source_v"].max() < CLOSES_V


@pytest.mark.parametrize("method", ["sweep", "pulses"])
def test_a_cell_that_conducts_already_is_read_and_left_alone(
    fresh: Fresh, measured: Measure, tmp_path: Path, method: str
) -> None:
    bench = fresh(overrides={"device.parameters.initial_gap_m": "0.5e-9"})
    protocol = forming(bench, method=method)
    table = measured(protocol, bench)
    assert table["kind"].tolist() == ["read"]
    assert bench.ledger.own["pulses"].sum() == 0
    assert protocol.done(table) == 1
    assert protocol.picture(table, "", tmp_path / "forming.png") == []


@pytest.mark.parametrize("method", ["sweep", "pulses"])
@pytest.mark.parametrize("visiting", ["parallel", "sequential"])
def test_cells_are_formed_one_after_the_other(
    fresh: Fresh, measured: Measure, method: str, visiting: str
) -> None:
    bench = fresh(cells=3, visiting=visiting, overrides=NOISE)
    protocol = forming(bench, method=method, step_v=0.1)
    table = measured(protocol, bench)
    assert (np.diff(table["cell"]) >= 0).all()
    assert (np.diff(table["time_s"]) > 0).all()
    figures = protocol.summarise(table).figures
    assert figures["formed"] == 3
    planned = plan(protocol, bench).cost
    assert planned.duration_s >= bench.clock.now_s()
    assert planned.duration_s < 3 * bench.clock.now_s()


@pytest.mark.parametrize("method", ["sweep", "pulses"])
def test_a_resumed_run_has_the_records_of_one_that_was_not_stopped(
    fresh: Fresh, method: str
) -> None:
    whole = fresh(cells=2, overrides=NOISE)
    protocol = forming(whole, method=method, step_v=0.5)
    parts, snapshots = [], []
    with whole:
        for batch in protocol.measure(whole, RunView(5)):
            parts.append(flat(batch))
            snapshots.append(whole.snapshot())
    assert len(parts) > 5
    expected = joined(parts)
    for batches in range(1, len(parts)):
        past = joined(parts[:batches])
        bench = fresh(cells=2, overrides=NOISE)
        bench.restore(snapshots[batches - 1])
        with bench:
            run = RunView(5, batches, partial(dict, past), seam=False)
            rest = [flat(batch) for batch in protocol.measure(bench, run)]
        again = joined(parts[:batches] + rest)
        for name, values in expected.items():
            np.testing.assert_array_equal(values, again[name])


def test_after_a_seam_an_unfinished_cell_is_read_before_it_is_stressed(fresh: Fresh) -> None:
    """Cell 0 was swept and the run died before its read; it reads formed, so that is all."""
    bench = fresh()
    protocol = forming(bench)
    with bench:
        batches = protocol.measure(bench, RunView(1))
        past = joined([flat(next(batches)), flat(next(batches))])
        run = RunView(1, 2, lambda: past, seam=True)
        rest = [flat(batch) for batch in protocol.measure(bench, run)]
    assert [part["kind"].tolist() for part in rest] == [["read"]]


def test_after_a_seam_the_last_read_is_not_trusted(fresh: Fresh) -> None:
    """The third pulse was read as not formed; the cell is read again, then gets the fourth."""
    bench = fresh()
    protocol = forming(bench, method="pulses", step_v=0.5)
    with bench:
        batches = protocol.measure(bench, RunView(1))
        past = joined([flat(next(batches)) for _ in range(4)])
        run = RunView(1, 4, lambda: past, seam=True)
        rest = joined([flat(batch) for batch in protocol.measure(bench, run)])
    assert rest["kind"][:3].tolist() == ["read", "pulse", "read"]
    assert rest["attempt"][:3].tolist() == [3, 4, 4]


def test_forming_must_be_open_and_the_sample_fresh(fresh: Fresh) -> None:
    shut = find_bench("stanford-lab", {"sample.formed": "false"}).build(1)
    with pytest.raises(LimitExceeded, match="forming has no limits"):
        forming(shut)
    formed = fresh(formed="true")
    with pytest.raises(CellFault, match="again=true"):
        forming(formed)
    assert forming(formed, again=True).peak_v == 4.0


def test_defaults_are_the_limits_of_forming(fresh: Fresh) -> None:
    bench = fresh(overrides={"limits.read.current_a": "20uA"})
    protocol = forming(bench)
    assert (protocol.peak_v, protocol.current_limit_a) == (4.0, 50e-6)
    assert forming(bench, method="pulses").current_limit_a == 20e-6
    plan(forming(bench, method="pulses"), bench)
    with pytest.raises(LimitExceeded, match="current limit"):
        plan(forming(bench, current_limit_a=60e-6), bench)
    with pytest.raises(LimitExceeded, match=r"forming\.positive_v"):
        plan(forming(bench, peak_v=4.1), bench)
    with pytest.raises(ConfigError, match="read_v is 0 V"):
        Forming(read_v=0.0)


@pytest.mark.parametrize("method", ["sweep", "pulses"])
def test_every_stress_is_in_the_forming_phase_under_a_regulated_limit(
    fresh: Fresh, method: str
) -> None:
    bench = fresh()
    protocol = forming(bench, method=method, step_v=0.5)
    look, *stress = (program for program, _ in protocol.programs(bench))
    assert [phase.name for phase in look.phases] == ["READ"]
    assert len(stress) == (1 if method == "sweep" else 8)
    for program in stress:
        assert "FORMING" in [phase.name for phase in program.phases]
        assert "SWITCHING" not in [phase.name for phase in program.phases]
        assert program.demands.regulated
        assert program.demands.current_limit_a == 50e-6
        assert program.demands.stop_at_limit == (method == "sweep")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sweep", "pulses"])
def test_from_the_command_line_with_a_picture(
    fresh_file: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    method: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = f"run forming --bench {fresh_file(cells=2)} --set method={method} --seed 1 --json"
    monkeypatch.setattr(sys, "argv", ["hil", *asked.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = capsys.readouterr()
    figures = json.loads(told.out)
    assert figures["formed"] == 2
    assert "formed = true can now be stated" in told.err
    assert [Path(name).name for name in figures["pictures"]] == ["forming.png", "forming.svg"]
    assert all(Path(name).stat().st_size > 20_000 for name in figures["pictures"])
