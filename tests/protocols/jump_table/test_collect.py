"""The jump-table collection: list of pulses, window, closed loop, faults, invariance."""

from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import kstest, norm

from hil.bench import Bench
from hil.cells import Cells, Sample
from hil.config import find_bench
from hil.errors import CellFault, ConfigError
from hil.limits import Limits, PhaseLimits
from hil.protocol import RunView, Table
from hil.protocols.jump_table.collect import JumpTableCollection
from hil.protocols.jump_table.summary import steps_of
from hil.runner import plan
from hil.simulators.models import get_model
from hil.simulators.models.jump_table import JumpTable
from hil.simulators.physics_bench import PhysicsBench
from hil.simulators.readout import Readout
from tests.tiox_published import AT_US, PUBLISHED_US


def collect(bench: Bench, seed: int = 7, **parameters: Any) -> Table:
    """Run a collection without a runner; records as flat columns."""
    protocol = JumpTableCollection(**parameters).complete(bench)
    batches = []
    with bench:
        for batch in protocol.measure(bench, RunView(seed)):
            shape = np.empty(batch.rows)
            flat = {
                name: np.broadcast_to(value, shape.shape)
                if np.ndim(value) == 0
                else np.ravel(value)
                for name, value in batch.values.items()
            }
            batches.append(flat)
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def tiox(cells: int = 1, seed: int = 11, **overrides: str) -> Bench:
    return find_bench("tiox", {"cells": str(cells), **overrides}).build(seed)


def of_cell(table: Table, cell: int) -> Table:
    mine = table["cell"] == cell
    return {name: values[mine] for name, values in table.items()}


def points(table: Table) -> Table:
    chosen = (table["kind"] == "point") & (table["in_window"] == 1)
    return {name: values[chosen] for name, values in table.items()}


@pytest.mark.parametrize("pulses_per_program", [1, 3, 7])
def test_every_amplitude_of_every_cell_has_exactly_its_points(pulses_per_program: int) -> None:
    table = points(collect(tiox(3), points=40, pulses_per_program=pulses_per_program))
    for cell in range(3):
        voltages_v, counts = np.unique(of_cell(table, cell)["pulse_voltage_v"], return_counts=True)
        assert len(voltages_v) == 8
        assert (counts == 40).all()


def test_points_begin_in_the_window_and_a_walk_ends_where_it_is_left() -> None:
    table = collect(tiox(), points=150)
    counted = points(table)
    assert (counted["conductance_before_s"] >= 6e-6).all()
    assert (counted["conductance_before_s"] <= 29e-6).all()
    walks = table["kind"] == "point"
    outside = (table["conductance_after_s"] < 6e-6) | (table["conductance_after_s"] > 29e-6)
    left = np.flatnonzero(walks & outside)[:-1]
    assert (table["segment"][left + 1] == table["segment"][left] + 1).all()


def test_each_read_before_is_the_read_after_of_the_row_above() -> None:
    table = collect(tiox(), points=30, pulses_per_program=4)
    for before, after in (
        ("conductance_before_s", "conductance_after_s"), ("read_before_v", "read_after_v"),
        ("read_before_a", "read_after_a"), ("time_before_s", "time_after_s"),
    ):  # fmt: skip
        assert (table[before][1:] == table[after][:-1]).all()
    raw_s = table["read_after_a"] / table["read_after_v"]
    assert raw_s == pytest.approx(table["conductance_after_s"])


def test_starts_are_uniform_over_the_window_and_reached_within_the_tolerance() -> None:
    """The first point of a walk begins within the tolerance of a uniformly drawn conductance."""
    table = collect(tiox(200), points=8, tolerance_s=0.5e-6)
    counted = points(table)
    _, first = np.unique(counted["cell"] * 10_000 + counted["segment"], return_index=True)
    starts = counted["conductance_before_s"][first]
    assert starts.size > 400
    inner = starts[(starts > 7e-6) & (starts < 28e-6)]
    assert kstest((inner - 7e-6) / 21e-6, "uniform").pvalue > 1e-3


def test_amplitudes_are_drawn_at_random_not_in_order() -> None:
    voltages_v = points(collect(tiox(), points=300))["pulse_voltage_v"]
    assert abs(np.corrcoef(voltages_v[:-1], voltages_v[1:])[0, 1]) < 0.1
    first, last = voltages_v[:400], voltages_v[-400:]
    for half in (first, last):
        counts = np.unique(half, return_counts=True)[1]
        assert counts.min() > 20


def test_rows_after_an_exit_inside_a_program_are_kept_and_flagged() -> None:
    table = collect(tiox(), points=200, pulses_per_program=10)
    walked = {name: values[table["kind"] == "point"] for name, values in table.items()}
    flagged = walked["in_window"] == 0
    assert flagged.sum() > 50
    within = (walked["conductance_before_s"] >= 6e-6) & (walked["conductance_before_s"] <= 29e-6)
    assert (within & flagged).any(), "a cell that came back is still flagged"
    assert not (~within & ~flagged).any()


def test_a_null_pulse_is_a_control_that_tells_read_noise() -> None:
    limits = Limits(
        read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-3),
        switching=PhaseLimits(positive_v=1.8, negative_v=-1.8, current_a=1e-3),
    )
    noisy = PhysicsBench(
        "t", get_model("tiox"), cells=Cells(), limits=limits, seed=2, readout=Readout(noise_a=3e-8)
    )
    table = collect(noisy, points=400, voltages_v=(-1.5, 0.0, 1.5))
    null, switching = (next(s for s in steps_of(table) if s.voltage_v == v) for v in (0.0, 1.5))
    assert null.step_s.std() == pytest.approx(np.sqrt(2) * 3e-7, rel=0.15)
    assert switching.step_s.std() > 3 * null.step_s.std()


def test_how_many_cells_go_at_once_changes_no_value() -> None:
    """Only times differ: a cell that goes later is measured later."""
    together = collect(tiox(5), points=25)
    alone = collect(tiox(5), points=25, cells_at_once=1)
    pairs = collect(tiox(5), points=25, cells_at_once=2)
    for cell in range(5):
        for other in (alone, pairs):
            _same(of_cell(together, cell), of_cell(other, cell))


def test_a_cell_gives_the_same_records_in_an_array_and_alone() -> None:
    _same(of_cell(collect(tiox(4), points=25), 0), collect(tiox(1), points=25))


def test_visiting_one_by_one_changes_no_value() -> None:
    together = collect(tiox(3), points=25)
    sequential = collect(tiox(3, visiting="sequential"), points=25)
    for cell in range(3):
        _same(of_cell(together, cell), of_cell(sequential, cell))


def test_the_same_seed_repeats_bit_for_bit_and_another_does_not() -> None:
    one, again = collect(tiox(2), points=20), collect(tiox(2), points=20)
    _same(one, again, but=())
    other = collect(tiox(2, seed=12), points=20)
    assert one["conductance_after_s"][:50].tolist() != other["conductance_after_s"][:50].tolist()


def _same(
    one: Table, other: Table, but: tuple[str, ...] = ("time_before_s", "time_after_s")
) -> None:
    assert len(one["cell"]) == len(other["cell"])
    for name in one.keys() - set(but):
        assert np.array_equal(one[name], other[name], equal_nan=one[name].dtype == float), name


def test_after_a_resume_on_a_bench_that_cannot_be_brought_back_cells_are_looked_at_anew() -> None:
    """What was counted stays counted; the walk begins anew from what the cell is now."""
    first = collect(tiox(2, seed=1), points=30)
    cut = {name: values[:100] for name, values in first.items()}
    counted = len(points(cut)["cell"])
    bench = tiox(2, seed=99)
    protocol = JumpTableCollection(points=30).complete(bench)
    with bench:
        view = RunView(7, batch=60, past=lambda: cut, seam=True)
        batches = list(protocol.measure(bench, view))
    assert batches[0].values["kind"] == "look"
    assert (batches[0].values["segment"] == -1).sum() == 0
    done = sum(batch.done for batch in batches)
    assert done + counted == 2 * 8 * 30


def resistors(resistance_ohm: float) -> PhysicsBench:
    limits = Limits(
        read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-3),
        switching=PhaseLimits(positive_v=1.8, negative_v=-1.8, current_a=1e-3),
    )
    model = get_model("resistor", resistance_ohm=resistance_ohm)
    sample = Sample(device="W3/D14", formed=True)
    return PhysicsBench("r", model, cells=Cells(columns=2), limits=limits, seed=1, sample=sample)


def test_the_read_that_shows_a_dead_cell_is_a_record() -> None:
    bench = resistors(1e9)
    with bench:
        measuring = JumpTableCollection(points=1).measure(bench, RunView(1))
        first = next(measuring)
        assert first.values["conductance_after_s"] == pytest.approx(np.full((1, 2), 1e-9))
        with pytest.raises(CellFault):
            next(measuring)


@pytest.mark.parametrize("cells_at_once", [None, 1])
@pytest.mark.parametrize("pulses_per_program", [1, 5])
def test_the_plan_lasts_as_long_as_the_points_of_the_run(
    cells_at_once: int | None, pulses_per_program: int
) -> None:
    """Closed-loop pulses and pulses after an exit come on top; here the window holds all."""
    bench = tiox(4)
    protocol = JumpTableCollection(
        points=20, cells_at_once=cells_at_once, pulses_per_program=pulses_per_program,
        window_low_s=4e-6, window_high_s=31e-6, tolerance_s=30e-6,
    )  # fmt: skip
    planned_s = plan(protocol, bench).cost.duration_s
    with bench:
        for _ in protocol.measure(bench, RunView(1)):
            pass
    assert bench.clock.now_s() == pytest.approx(planned_s, rel=0.02)


@pytest.mark.parametrize(
    ("resistance_ohm", "word"), [(1e9, "open"), (100.0, "shorted"), (60e3, "stuck")], ids=str
)
def test_a_dead_cell_stops_the_run_with_its_name(resistance_ohm: float, word: str) -> None:
    with pytest.raises(CellFault, match=f"cell [01] of W3/D14 is {word}"):
        collect(resistors(resistance_ohm), points=10_000, attempts=50)


def test_a_cell_that_is_stuck_in_the_window_is_found_while_it_walks() -> None:
    with pytest.raises(CellFault, match=r"is stuck at 57\.14 uS"):
        collect(
            resistors(17.5e3), points=10_000, attempts=60, tolerance_s=20e-6,
            window_low_s=50e-6, window_high_s=65e-6,
        )  # fmt: skip


def test_polarity_is_the_devices() -> None:
    """On a device that SETs at negative voltage the closed loop arrives just as well."""
    model = get_model("tiox")
    assert isinstance(model, JumpTable)
    flipped = msgspec.structs.replace(
        model,
        tables=tuple(msgspec.structs.replace(t, voltage_v=-t.voltage_v) for t in model.tables),
    )
    bench = PhysicsBench(
        "t", flipped, cells=Cells(), limits=tiox().limits, seed=3, sample=Sample(formed=True)
    )
    bench.sets_at = -1
    table = collect(bench, points=50)
    assert (table["kind"] == "place").sum() < 6 * len(np.unique(table["segment"])) + 50


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"window_low_s": 30e-6}, "below"),
        ({"voltages_v": (1.5, 1.5, -1.5)}, "twice"),
        ({"voltages_v": (1.5, 1.8)}, "positive and a negative"),
        ({"read_v": 0.0}, "no conductance"),
    ],
    ids=["window", "twice", "one sign", "read"],
)
def test_bad_parameters_are_refused(parameters: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        JumpTableCollection(**parameters)


def test_elsewhere_than_on_physics_the_points_must_be_said() -> None:
    bench = tiox()
    assert JumpTableCollection().complete(bench).points == 10_000
    bench.kind = "hardware"
    with pytest.raises(ConfigError, match="points"):
        JumpTableCollection().complete(bench)


@pytest.mark.parametrize("voltage_v", sorted(PUBLISHED_US))
def test_records_agree_with_the_published_steps(all_cells: Table, voltage_v: float) -> None:
    """Turn every step into its probability under the published, clipped law: it is uniform."""
    moments_us, at_us = np.array(PUBLISHED_US[voltage_v]), np.array(AT_US)
    mine = all_cells["pulse_voltage_v"] == voltage_v
    before_us = all_cells["conductance_before_s"][mine] * 1e6
    after_us = all_cells["conductance_after_s"][mine] * 1e6
    known = (before_us > at_us[0]) & (before_us < at_us[-1])
    before_us, after_us = before_us[known], after_us[known]
    degree = 1 if voltage_v > 0 else 2
    mean_us = np.polyval(np.polyfit(at_us, moments_us[:, 0], degree), before_us)
    sigma_us = np.interp(before_us, at_us, moments_us[:, 1])
    share = norm.cdf(after_us - before_us, mean_us, sigma_us)
    random = np.random.default_rng(5).random(share.size)
    share = np.where(after_us <= 5 + 1e-9, random * share, share)
    share = np.where(after_us >= 30 - 1e-9, share + random * (1 - share), share)
    assert share.size > 1500
    assert kstest(share, "uniform").pvalue > 1e-3


@pytest.fixture(scope="module")
def all_cells() -> Table:
    return points(collect(tiox(40), points=60))


@pytest.mark.parametrize("together", [1, 4])
def test_reads_with_their_zero_give_the_same_table_on_a_bench_without_offset(
    together: int,
) -> None:
    plain, zeroed = (
        collect(tiox(2), points=12, pulses_per_program=together, zero=zero)
        for zero in (False, True)
    )
    for name, values in plain.items():
        if name.startswith("time"):
            assert (zeroed[name][1:] > values[1:])[~np.isnan(values[1:])].all()
        elif values.dtype.kind == "f":
            assert zeroed[name] == pytest.approx(values, rel=1e-12, nan_ok=True)
        else:
            assert (zeroed[name] == values).all()
