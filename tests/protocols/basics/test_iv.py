"""I-V sweeps on simulated cells: thresholds, compliance, order, resume, command line."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.bench import Bench
from hil.cli.main import main
from hil.config import find_bench
from hil.errors import ConfigError, LimitExceeded
from hil.protocol import RunView, Table
from hil.protocols.basics.iv import IVSweep
from hil.protocols.basics.switching import RESET, SET
from hil.runner import plan
from hil.simulators.models.stanford import Stanford
from hil.simulators.physics_bench import PhysicsBench
from tests.protocols.basics.records import flat, joined

Measure = Callable[..., Table]
NOISE = {"device.parameters.delta_gap0_m_per_s": "1e-5"}
SERIES_OHM = 1050.0


def lab(overrides: dict[str, str] | None = None, cells: int = 1) -> PhysicsBench:
    bench = find_bench("stanford-lab", {"cells": str(cells), **(overrides or {})}).build(3)
    assert isinstance(bench, PhysicsBench)
    return bench


def sweep(bench: Bench, **parameters: Any) -> IVSweep:
    return IVSweep(**parameters).complete(bench)


@pytest.mark.parametrize("step_v", [0.02, 0.05, 0.1])
def test_a_stanford_cell_switches_at_the_thresholds_of_its_equations(
    measured: Measure, step_v: float
) -> None:
    """SET at 1.3919 V from the largest gap; RESET where the gap left by the compliance begins."""
    bench = lab()
    protocol = sweep(bench, cycles=2, step_v=step_v, dwell_s=1e-3, aperture_s=1e-3)
    figures = protocol.summarise(measured(protocol, bench)).figures
    assert figures[SET]["switched"] == figures[RESET]["switched"] == 2
    assert 1.391927 - step_v - 0.003 < figures[SET]["voltage_v"]["median"] < 1.391927
    # the limit ends the SET at a gap between 0.2 nm and that of 2 nm / 10: thresholds 1.05 V up
    assert 1.05 - step_v < -figures[RESET]["voltage_v"]["median"] < 1.10


def test_the_gap_that_a_compliance_leaves_just_carries_it_at_its_own_threshold(
    measured: Measure,
) -> None:
    """LRS from the equations: I0 exp(-g/g0) sinh(V(g)/V0) is the compliance."""
    bench = lab()
    protocol = sweep(bench, cycles=1, set_current_limit_a=50e-6)
    figures = protocol.summarise(measured(protocol, bench)).figures
    assert isinstance(bench.model, Stanford)
    gaps = np.linspace(0.2e-9, 1.7e-9, 200_001)
    held_a = 10e-6 * np.exp(-gaps / 0.25e-9) * np.sinh(bench.model.threshold_v(gaps, 1) / 0.25)
    gap = gaps[np.abs(held_a - 50e-6).argmin()]
    low_a = 10e-6 * np.exp(-gap / 0.25e-9) * np.sinh(0.1 / 0.25)
    assert figures[SET]["lrs_ohm"]["median"] == pytest.approx(0.1 / low_a, rel=2e-3)
    assert figures[SET]["hrs_ohm"]["median"] == pytest.approx(
        0.1 / (10e-6 * np.exp(-1.7 / 0.25) * np.sinh(0.1 / 0.25)), rel=2e-3
    )


def test_a_higher_compliance_leaves_a_lower_resistance_and_a_larger_reset_current(
    measured: Measure,
) -> None:
    ohms, amperes = [], []
    for limit_a in (20e-6, 50e-6, 100e-6, 150e-6):
        bench = lab()
        protocol = sweep(
            bench,
            cycles=1,
            set_current_limit_a=limit_a,
            step_v=0.02,
            dwell_s=1e-3,
            aperture_s=1e-3,
        )
        table = measured(protocol, bench)
        ohms.append(protocol.summarise(table).figures[SET]["lrs_ohm"]["median"])
        amperes.append(np.abs(table["current_a"][table["half"] == RESET]).max())
    assert (np.diff(ohms) < 0).all()
    assert amperes == pytest.approx([20e-6, 50e-6, 100e-6, 150e-6], rel=0.15)


def test_a_slower_sweep_sets_no_later(measured: Measure) -> None:
    """Without the least field it is kinetics that decide: more time on a step, less voltage."""
    found = []
    for dwell_s in (1e-6, 1e-4, 1e-2):
        bench = lab(
            {
                "device.parameters.f_min_v_per_m": "0",
                "device.parameters.ea_ev": "0.9",
                "limits.switching.width_s": "10s",
            }
        )
        protocol = sweep(
            bench, cycles=1, step_v=0.02, dwell_s=dwell_s, aperture_s=dwell_s / 10, set_v=2.4
        )
        figures = protocol.summarise(measured(protocol, bench)).figures
        found.append(figures[SET]["voltage_v"]["median"])
    assert found[0] > found[1] > found[2]


def test_each_polarity_has_its_own_compliance(measured: Measure) -> None:
    bench = lab(cells=2)
    protocol = sweep(
        bench, cycles=2, set_current_limit_a=80e-6, reset_current_limit_a=120e-6, step_v=0.1
    )
    table = measured(protocol, bench)
    for half, limit_a in ((SET, 80e-6), (RESET, 120e-6)):
        mine = table["half"] == half
        assert np.abs(table["current_a"][mine]).max() <= limit_a * (1 + 1e-9)
    limited = table["limited"] == 1
    assert np.abs(table["current_a"][limited]) == pytest.approx(80e-6)
    assert (table["half"][limited] == SET).all()


def test_the_cell_has_what_the_series_resistance_leaves(measured: Measure) -> None:
    bench = lab()
    table = measured(sweep(bench, cycles=1), bench)
    free = table["limited"] == 0
    left_v = table["source_v"][free] - table["current_a"][free] * SERIES_OHM
    assert table["voltage_v"][free] == pytest.approx(left_v, rel=1e-9, abs=1e-12)
    held = ~free
    assert (table["voltage_v"][held] < table["source_v"][held] - 80e-6 * SERIES_OHM).all()


@pytest.mark.parametrize("first", [SET, RESET])
def test_records_come_in_order_of_halves_steps_and_cells(measured: Measure, first: str) -> None:
    bench = lab(cells=3)
    protocol = sweep(bench, cycles=2, first=first, step_v=0.5, set_v=1.5)
    table = measured(protocol, bench)
    assert len(table["cell"]) == protocol.total(bench) == 2 * 3 * (5 + 7)
    second = RESET if first == SET else SET
    halves = [
        half for k, half in enumerate(table["half"]) if k == 0 or half != table["half"][k - 1]
    ]
    assert halves == [first, second, first, second]
    assert (table["cell"][:6] == [0, 1, 2, 0, 1, 2]).all()
    rising = table["source_v"][(table["half"] == SET) & (table["cell"] == 1)]
    assert rising.tolist() == [0.5, 1.0, 1.5, 1.0, 0.5] * 2
    assert (np.diff(table["time_s"][table["cell"] == 0]) > 0).all()
    assert protocol.done(table) == protocol.total(bench)


@pytest.mark.parametrize("batches", range(1, 6))
def test_a_resumed_run_has_the_records_of_one_that_was_not_stopped(batches: int) -> None:
    whole_bench = lab(NOISE, cells=2)
    protocol = sweep(whole_bench, cycles=3, step_v=0.1)
    parts = []
    snapshot = b""
    with whole_bench:
        for batch in protocol.measure(whole_bench, RunView(5)):
            parts.append(flat(batch))
            if len(parts) == batches:
                snapshot = whole_bench.snapshot()
    past = joined(parts[:batches])
    bench = lab(NOISE, cells=2)
    bench.restore(snapshot)
    with bench:
        run = RunView(5, batches, lambda: past, seam=False)
        rest = [flat(batch) for batch in protocol.measure(bench, run)]
    whole, again = joined(parts), joined(parts[:batches] + rest)
    for name, values in whole.items():
        np.testing.assert_array_equal(values, again[name])


def test_a_resistor_switches_never(measured: Measure) -> None:
    bench = find_bench("resistor", {"cells": "2", "limits.switching.width_s": "1s"}).build(1)
    protocol = sweep(bench, cycles=3, step_v=0.1, reset_current_limit_a=50e-6)
    table = measured(protocol, bench)
    summary = protocol.summarise(table)
    for half in (SET, RESET):
        assert summary.figures[half]["half_sweeps"] == 6
        assert summary.figures[half]["switched"] == 0
        assert np.isnan(summary.figures[half]["voltage_v"]["median"])
        assert summary.figures[half]["not_switched_ohm"] == pytest.approx(10e3)
    assert "0 of 6 half sweeps switched, the rest stayed at 10 kohm" in "\n".join(summary.lines)
    assert table["voltage_v"] / table["current_a"] == pytest.approx(10e3)


def test_defaults_suit_the_bench() -> None:
    protocol = sweep(lab())
    assert (protocol.set_v, protocol.reset_v) == (2.0, -2.0)
    assert (protocol.set_current_limit_a, protocol.reset_current_limit_a) == (100e-6, 500e-6)
    narrow = lab({"limits.switching.positive_v": "1.83V", "limits.switching.current_a": "60uA"})
    protocol = sweep(narrow)
    assert (protocol.set_v, protocol.reset_v) == (1.8, -2.0)
    assert protocol.set_current_limit_a == 60e-6
    cost = plan(protocol, narrow).cost
    assert (cost.positive_v, cost.negative_v, cost.current_a) == (1.8, -2.0, 60e-6)
    turned = lab()
    turned.sets_at = -1
    protocol = sweep(turned)
    assert (protocol.set_v, protocol.reset_v) == (-2.0, 2.0)


def test_peaks_against_the_polarity_of_the_bench_are_refused() -> None:
    with pytest.raises(ConfigError, match="do not fit that"):
        sweep(lab(), set_v=-1.0, reset_v=1.0)


def test_peaks_and_compliances_beyond_the_limits_are_refused() -> None:
    bench = lab()
    with pytest.raises(LimitExceeded, match="positive_v"):
        plan(sweep(bench, set_v=2.6), bench)
    with pytest.raises(LimitExceeded, match="current limit"):
        plan(sweep(bench, reset_current_limit_a=1e-3), bench)


def test_the_programs_ask_for_a_regulated_source() -> None:
    bench = lab()
    for program, times in sweep(bench, cycles=7).programs(bench):
        assert program.demands.regulated
        assert times == 7


@pytest.mark.slow
def test_from_the_command_line_with_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = "run iv --bench stanford-lab --set cycles=7 --set step_v=100mV --seed 1 --json"
    monkeypatch.setattr(sys, "argv", ["hil", *asked.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    figures = json.loads(capsys.readouterr().out)
    assert figures["set"]["switched"] == 7
    assert [Path(name).name for name in figures["pictures"]] == ["iv.png", "iv.svg"]
    assert all(Path(name).stat().st_size > 20_000 for name in figures["pictures"])


def test_the_half_sweep_after_a_stop_is_marked_and_left_out(measured: Measure) -> None:
    """What was cut may have switched the cell: the half that comes first cannot be judged."""
    bench = lab()
    protocol = sweep(bench, cycles=3, dwell_s=1e-3, aperture_s=1e-3)
    with bench:
        batches = list(protocol.measure(bench, RunView(1, batch=2, past=dict, seam=True)))
        assert [batch.values["after_stop"] for batch in batches] == [1, 0, 0, 0]
        again = list(protocol.measure(bench, RunView(1, batch=2, past=dict, seam=False)))
        assert [batch.values["after_stop"] for batch in again] == [0, 0, 0, 0]
    whole = measured(protocol, lab())
    assert not whole["after_stop"].any()
    cut = (whole["cycle"] == 1) & (whole["half"] == SET)
    summary = protocol.summarise({**whole, "after_stop": cut.astype(int)})
    assert summary.figures["left_out"] == 1
    assert summary.figures[SET]["half_sweeps"] == 2
    assert summary.figures[RESET]["half_sweeps"] == 3
    assert any("left out: 1 right after a stop" in line for line in summary.lines)
