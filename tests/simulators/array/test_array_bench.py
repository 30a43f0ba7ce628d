"""The bench contract on ArrayBench in several configurations, and what only an array has."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from hil.bench import Bench
from hil.cells import Cells
from hil.config import find_bench
from hil.errors import LimitExceeded, NotSupported
from hil.limits import Budget
from hil.program import Program, pulse, read, staircase, wait
from hil.simulators.array.bench import ArrayBench, Gated
from hil.simulators.array.board import Adc, Board, Dac, Mux, Tia
from hil.simulators.crossbar.access import Selector
from hil.simulators.models import get_model
from hil.simulators.physics_bench import PhysicsBench
from hil.testing import BenchContract
from tests.simulators.array.arrays import LIMITS, WIRES, array_bench

GATED = Gated(gate_v=2.0, k_a_per_v2=1.0)
BOARD = Board(
    dac=Dac(bits=14, range_v=5.0, inl_lsb=1.0, offset_v=1e-4),
    mux=Mux(on_ohm=5.0, off_ohm=1e9),
    tia=Tia(input_ohm=5.0, gain_error=1e-3, offset_a=1e-9, saturation_a=1e-3),
    adc=Adc(bits=18, range_a=1e-3, noise_a=1e-9, averages=2),
)
CONFIGURATIONS: dict[str, tuple[float, dict[str, Any]]] = {
    "ideal lines": (1e-9, {}),
    "one cell": (1e-9, {"rows": 1, "columns": 1}),
    "wires": (0.04, {"wires": WIRES, "write": "V/3"}),
    "both ends": (0.02, {"wires": {**WIRES, "far_driver_ohm": 52.5, "far_sense_ohm": 12.5}}),
    "gates": (0.04, {"wires": WIRES, "access": GATED}),
    "a board": (0.05, {"wires": WIRES, "board": BOARD, "write": "mixed"}),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
class TestResistors(BenchContract):
    resistance_ohm = 10e3

    @pytest.fixture
    def bench(self, name: str) -> Iterator[Bench]:
        self.tolerance, settings = CONFIGURATIONS[name]
        with array_bench(**settings) as bench:
            yield bench


@pytest.mark.parametrize("write", ["V/2", "float"])
class TestDevices(BenchContract):
    @pytest.fixture
    def bench(self, write: str) -> Iterator[Bench]:
        model = get_model("stanford-lab", noise={"white": 0.01})
        board = Board(adc=Adc(noise_a=1e-9))
        with array_bench(2, 2, model=model, wires=WIRES, write=write, board=board) as bench:
            yield bench


class TestShipped(BenchContract):
    tolerance = 0.01  # of its board

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        few = {"array.rows": "3", "array.columns": "2"}
        with find_bench("array", few).build(seed=3) as bench:
            yield bench

    def a_pulse(self, bench: Bench) -> Program:
        return pulse(2.0, high_s=500e-9)


@pytest.mark.parametrize(("name", "amplitude_v"), [("stanford-lab", 2.0), ("tiox", 1.8)])
def test_one_cell_between_ideal_lines_is_a_cell_of_a_physics_bench(
    name: str, amplitude_v: float
) -> None:
    model = get_model(name)
    cycle = (
        pulse(amplitude_v, high_s=500e-9, measured=name != "tiox")
        + read(0.1, settle_s=1e-4, count=2, zero=True)
        + pulse(-amplitude_v, high_s=500e-9)
        + read(0.15)
    )
    with (
        array_bench(1, 1, model=model) as array,
        PhysicsBench("p", model, cells=Cells(), limits=LIMITS, seed=1) as alone,
    ):
        for program in (cycle * 3, cycle):
            seen, wanted = array.apply(program), alone.apply(program)
            for part in ("time_s", "source_v", "limited", "status", "look"):
                assert (getattr(seen, part) == getattr(wanted, part)).all()
            assert seen.current_a == pytest.approx(wanted.current_a, rel=1e-6, abs=1e-18)
            assert seen.voltage_v == pytest.approx(wanted.voltage_v, rel=1e-6, abs=1e-18)


def test_a_cell_that_is_set_at_a_current_limit_is_that_of_a_physics_bench() -> None:
    model = get_model("stanford-lab")
    sets = pulse(2.0, high_s=500e-9, measured=True) + read(0.1)
    with (
        array_bench(1, 1, model=model) as array,
        PhysicsBench("p", model, cells=Cells(), limits=LIMITS, seed=1) as alone,
    ):
        for limit_a in (5e-6, 2e-5):
            program = sets.demanding(current_limit_a=limit_a)
            seen, wanted = array.apply(program), alone.apply(program)
            assert wanted.limited.tolist() == seen.limited.tolist() == [[True], [False]]
            assert seen.current_a == pytest.approx(wanted.current_a, rel=2e-3)
            assert seen.voltage_v == pytest.approx(wanted.voltage_v, rel=1e-3)


def test_an_ageing_cell_knows_what_time_it_is() -> None:
    model = get_model("stanford-lab", relaxation={"spread": 0.5, "onset_s": 1e-5})
    program = pulse(0.5, high_s=1e-6) + (read(0.1) + wait(3e-4)) * 5 + read(0.1)
    with (
        array_bench(1, 1, model=model, write="float") as array,
        PhysicsBench("p", model, cells=Cells(), limits=LIMITS, seed=1) as alone,
    ):
        array.preset(1e-5)
        alone.preset(1e-5)
        for _ in range(2):
            seen_a, wanted_a = array.apply(program).current_a, alone.apply(program).current_a
            assert seen_a == pytest.approx(wanted_a, rel=1e-6)
            assert np.ptp(wanted_a) > 1e-3 * wanted_a.max()


def test_a_sweep_that_its_source_stops_is_one_of_a_physics_bench() -> None:
    model = get_model("stanford-lab")
    sweep = staircase([0.4, 0.8, 1.2, 1.6, 2.0], dwell_s=1e-3, aperture_s=1e-3)
    sweep = sweep.demanding(current_limit_a=2e-5, stop_at_limit=True, regulated=True)
    with (
        array_bench(1, 1, model=model) as array,
        PhysicsBench("p", model, cells=Cells(), limits=_long(LIMITS), seed=1) as alone,
    ):
        array.limits = _long(LIMITS)
        seen, wanted = array.apply(sweep), alone.apply(sweep)
    assert np.isnan(wanted.current_a).any()
    assert seen.current_a == pytest.approx(wanted.current_a, rel=1e-6, nan_ok=True)
    assert (seen.limited == wanted.limited).all()


@pytest.mark.parametrize("after", [None, read(0.1)])
def test_a_source_that_stops_goes_back_to_0_v_by_the_scheme_of_where_it_stopped(
    after: Program | None,
) -> None:
    sweep = staircase([0.1, 0.2, 0.3], dwell_s=1e-4, aperture_s=1e-4)
    sweep = sweep if after is None else sweep + after
    sweep = sweep.demanding(current_limit_a=1.5e-5, stop_at_limit=True, scheme="V/3")
    with array_bench(2, 2, write="float") as bench:
        played, play = [], bench.array.play

        def noting(state: Any, drive: Any) -> Any:
            played.append(drive)
            return play(state, drive)

        bench.array.play = noting  # type: ignore[method-assign]
        readings = bench.apply(sweep, np.array([0]))
    assert np.isnan(readings.current_a[2, 0])
    assert played[-1].row_start_v.tolist() == [pytest.approx([0.2, 0.2 / 3])]
    assert played[-1].column_start_v.tolist() == [pytest.approx([0.0, 0.4 / 3])]
    assert (played[-1].row_stop_v == 0).all()


def _long(limits: Any) -> Any:
    switching = msgspec.structs.replace(limits.switching, width_s=1.0)
    return msgspec.structs.replace(limits, switching=switching)


def test_the_voltage_told_is_without_the_ends_but_with_the_wires() -> None:
    board = Board(mux=Mux(on_ohm=30.0), tia=Tia(input_ohm=20.0))
    with array_bench(wires=WIRES, board=board) as bench:
        readings = bench.apply(read(0.1))
        told_v = 0.1 - readings.current_a[0] * (50 + 30 + 10 + 30 + 20)
        assert readings.voltage_v[0] == pytest.approx(told_v, rel=1e-12)
        true_s = 1e-4
        assert (readings.conductance_s < true_s * (1 - 1e-5)).all()
        far = readings.conductance_s[0].reshape(3, 4)
        assert far[0, 3] < far[0, 0], "the longest way has the most wire"


def test_a_source_at_each_end_counts_half() -> None:
    ends = {"driver_ohm": 100.0, "sense_ohm": 60.0, "far_driver_ohm": 100.0, "far_sense_ohm": 60.0}
    with array_bench(1, 1, wires=ends) as bench:
        readings = bench.apply(read(0.1))
    assert readings.current_a[0, 0] == pytest.approx(0.1 / (10e3 + 80.0), rel=1e-9)
    assert readings.conductance_s[0, 0] == pytest.approx(1e-4, rel=1e-9)
    with pytest.raises(NotSupported, match="hold a current limit"):
        bench.check(read(0.1).demanding(current_limit_a=1e-6, regulated=True))
    with array_bench(1, 1, wires=ends) as bench:
        seen = bench.apply(read(0.1).demanding(current_limit_a=5e-6))
    assert seen.current_a[0, 0] == readings.current_a[0, 0], "watched only"
    assert seen.limited.all()
    assert not readings.limited.any()


def test_a_read_among_floating_lines_has_sneak_currents_and_a_grounded_one_none() -> None:
    model = get_model("tiox")
    seen = {}
    for scheme in ("grounded", "float"):
        with array_bench(3, 3, model=model, read=scheme) as bench:
            around_s = np.full(9, 30e-6)
            around_s[4] = 6e-6
            bench.preset(around_s)
            seen[scheme] = bench.apply(read(0.1), np.array([4])).conductance_s[0, 0]
    assert seen["grounded"] == pytest.approx(6e-6, rel=1e-9)
    # over two cells to the columns that float, over four to the rows that do, and over two back
    sneak_s = 30e-6 / (1 / 2 + 1 / 4 + 1 / 2)
    assert seen["float"] == pytest.approx(6e-6 + sneak_s, rel=1e-6)


@pytest.mark.parametrize(
    ("scheme", "factor"), [("V/2", 1 + 2 * 0.5), ("V/3", 1 + 2 / 3), ("grounded", 1.0)]
)
def test_a_program_says_which_scheme_its_reads_have(scheme: str, factor: float) -> None:
    with array_bench(3, 3, read="float") as bench:
        readings = bench.apply(read(0.1).demanding(read_scheme=scheme), np.array([4]))
        assert readings.current_a[0, 0] == pytest.approx(1e-5 * factor, rel=1e-9)
        with pytest.raises(NotSupported, match="no scheme 'V/5'"):
            bench.apply(read(0.1).demanding(read_scheme="V/5"))


def test_reads_and_pulses_of_one_program_have_each_their_scheme() -> None:
    program = pulse(1.0, high_s=1e-6, measured=True) + read(0.1) + pulse(1.0, high_s=1e-6)
    with array_bench(3, 3, write="float", read="grounded") as bench:
        floating_a, grounded_a = bench.apply(program * 2, np.array([0])).current_a[:2, 0]
        assert grounded_a == pytest.approx(1e-5, rel=1e-9)
        assert floating_a == pytest.approx(1e-4 * (1 + 1 / (1 / 2 + 1 / 4 + 1 / 2)), rel=1e-6)
        half = program.demanding(scheme="V/2")
        assert bench.apply(half, np.array([0])).current_a[0, 0] == pytest.approx(2e-4, rel=1e-9)


def test_a_floating_line_leaks_through_the_multiplexer() -> None:
    def conductance_s(**mux: float) -> float:
        with array_bench(2, 2, read="float", board=Board(mux=Mux(**mux))) as bench:
            current_a = bench.apply(read(0.1), np.array([0])).current_a[0, 0]
            return float(current_a) / 0.1

    assert conductance_s() == pytest.approx(1e-4 * (1 + 1 / 3), rel=1e-6)
    # a leak of 0 ohm takes what floats to 0 V: the selected column then has its own cell's current
    assert conductance_s(off_ohm=1e-6) == pytest.approx(1e-4, rel=1e-6)
    # all of 10 kohm: 3 w = 1 + u and 3 u = w, so that u/10 kohm = 1/80 kohm comes back
    assert conductance_s(off_ohm=10e3) == pytest.approx(1e-4 * (1 + 1 / 8), rel=1e-6)


def test_a_line_that_floats_is_told_no_voltage() -> None:
    board = Board(dac=Dac(offset_v=1e-3))
    with array_bench(2, 3, write="mixed", board=board) as bench:
        drive = bench._drive(pulse(1.0, high_s=1e-6), np.array([[0, 3, 1]]), 1e-3)
        (lines,) = bench._lines(pulse(1.0, high_s=1e-6).demands).drives(drive, 0, 3, 0, 4)
    assert lines.floating_rows.tolist() == [False, False]
    assert lines.floating_columns.tolist() == [True, False, True]
    assert (lines.column_start_v == 0).all()
    assert (lines.column_stop_v == 0).all()
    assert lines.row_stop_v[1] == pytest.approx([0.25, 1.0], abs=1e-3)
    assert (lines.row_stop_v[1] != [0.25, 1.0]).all()
    assert lines.limited_column == 1


def test_what_is_booked_is_what_the_scheme_gives_to_each_cell() -> None:
    program = pulse(1.5, high_s=1e-6, edge_s=1e-7) * 3
    with array_bench(2, 3) as bench:
        bench.apply(program.demanding(scheme="V/3"), np.array([1]))
        booked = bench.ledger.own.reshape(2, 3)
    assert booked["pulses"].tolist() == [[0, 3, 0], [0, 0, 0]]
    assert booked["disturbs"].tolist() == [[3, 0, 3], [3, 3, 3]]
    part = booked["bias_vs"] / booked["bias_vs"][0, 1]
    assert part == pytest.approx(np.array([[1, 3, 1], [1, 1, 1]]) / 3)
    assert booked["highest_v"] == pytest.approx(np.array([[0.5, 1.5, 0.5], [0, 0.5, 0]]))
    assert booked["lowest_v"] == pytest.approx(np.array([[0, 0, 0], [-0.5, 0, -0.5]]))


@pytest.mark.parametrize("wires", [{}, WIRES], ids=["ideal", "wires"])
@pytest.mark.parametrize("scheme", ["V/2", "V/3", "float", "grounded", "mixed"])
def test_other_cells_see_what_is_booked_or_as_much_more_as_wires_take(
    scheme: str, wires: dict[str, Any]
) -> None:
    rng = np.random.default_rng(11)
    program = pulse(1.0, high_s=1e-6).demanding(scheme=scheme)
    with array_bench(4, 3, model=get_model("data-driven"), wires=wires) as bench:
        for cell in rng.permutation(12)[:4].tolist():
            bench.preset(rng.uniform(17e-6, 95e-6, 12), read_v=0.1)
            drive = bench._drive(program, program.units, np.inf)
            (lines,) = bench._lines(program.demands).drives(drive, 0, 3, 0, cell)
            seen_v = bench.array.settle(
                bench.state, lines.row_stop_v[0], lines.column_stop_v[0],
                floating_rows=lines.floating_rows, floating_columns=lines.floating_columns,
            ).cell_v.ravel()  # fmt: skip
            cells = np.array([cell])
            cost, bench.ledger.own[:] = bench.check(program, cells), 0
            bench.ledger.book(cells, cost.stress, cost.disturb)
            booked = bench.ledger.own
            slack_v = 1e-9 + 1.0 - seen_v[cell]
            assert slack_v < (0.2 if wires else 1e-8)
            assert (seen_v <= booked["highest_v"] + slack_v).all()
            assert (seen_v >= booked["lowest_v"] - slack_v).all()


def test_a_budget_of_disturbs_stops() -> None:
    with array_bench(2, 2) as bench:
        bench.limits = msgspec.structs.replace(LIMITS, budget=Budget(disturbs=5))
        program = pulse(1.0, high_s=1e-6)
        bench.apply(program * 5, np.array([0]))
        with pytest.raises(LimitExceeded, match=r"cell 1 .* disturbs"):
            bench.apply(program, np.array([0]))
        assert bench.ledger.own["pulses"].tolist() == [5, 0, 0, 0]


def test_a_neighbour_moves_no_more_than_by_half_the_pulse_itself() -> None:
    model = get_model("data-driven")  # which takes 13 mA at 2 V: no current limit acts here
    strong = msgspec.structs.replace(LIMITS.switching, current_a=1.0)
    limits = msgspec.structs.replace(LIMITS, switching=strong)
    wires = {"row_wire_ohm": 1.0, "column_wire_ohm": 1.0, "driver_ohm": 5.0, "sense_ohm": 5.0}
    with (
        array_bench(3, 3, model=model, wires=wires, limits=limits) as bench,
        PhysicsBench("p", model, cells=Cells(), limits=LIMITS, seed=1) as alone,
    ):
        column = model.memory_column
        fresh = float(alone.state[column][0])
        bench.apply(pulse(2.0 * model.sets_at, high_s=100e-6), np.array([4]))
        alone.apply(pulse(1.0 * model.sets_at, high_s=100e-6))
        moved = np.log(bench.state[column] / fresh).reshape(3, 3)
        most = float(np.log(alone.state[column][0] / fresh))
    assert most < -1e-3, "half a pulse shows"
    assert moved[1, 1] < 2 * most
    for mate in (moved[1, 0], moved[1, 2], moved[0, 1], moved[2, 1]):
        assert most <= mate < 0.7 * most, "wires take a little of it"
    for corner in (moved[0, 0], moved[0, 2], moved[2, 0], moved[2, 2]):
        assert abs(corner) < 1e-6


@pytest.mark.parametrize("board", [Board(), Board(adc=Adc(noise_a=1e-16))], ids=["ideal", "adc"])
def test_the_current_limit_acts_at_the_column_and_is_told(board: Board) -> None:
    with array_bench(2, 1, read="V/2", board=board) as bench:
        program = read(0.1).demanding(current_limit_a=8e-6)
        readings = bench.apply(program, np.array([0]))
        # 10 uA of the cell and 5 uA of the other are held at 8 uA: the column rises by 35 mV
        assert readings.current_a[0, 0] == pytest.approx(8e-6, rel=1e-8)
        assert readings.limited.all()
        assert readings.voltage_v[0, 0] == pytest.approx(0.065, rel=1e-8)
        notes = bench.check(program, np.array([0])).notes
        assert any("V/2" in note for note in notes)
        assert any("current limit acts" in note for note in notes)


def test_only_the_selected_row_conducts_where_there_are_gates() -> None:
    shut = Gated(gate_v=2.0, threshold_v=0.5, k_a_per_v2=1.0)
    with array_bench(3, 3, access=shut, read="V/2") as bench:
        readings = bench.apply(read(0.1), np.array([4]))
        assert readings.current_a[0, 0] == pytest.approx(1e-5, rel=1e-3)
        at = bench.array.settle(
            bench.state, np.array([0.05, 0.1, 0.05]), np.array([0.05, 0.0, 0.05]),
            gate_v=np.array([0.0, 2.0, 0.0]),
        )  # fmt: skip
        assert at.cell_a[[0, 2]] == pytest.approx(0.0, abs=1e-15)
        below = bench.apply(read(0.1).demanding(gate_v=0.4), np.array([4]))
        assert below.current_a[0, 0] == pytest.approx(0.0, abs=1e-15)
        with pytest.raises(LimitExceeded, match="gate_v"):
            bench.apply(read(0.1).demanding(gate_v=3.5))
        products = bench.multiply(np.full(3, 0.1), dwell_s=1e-6)
        assert products.current_a[0] == pytest.approx(3e-5, rel=1e-3)
        gateless = msgspec.structs.replace(LIMITS.read, gate_v=None)
        bench.limits = msgspec.structs.replace(LIMITS, read=gateless)
        with pytest.raises(LimitExceeded, match=r"transistor\.gate_v"):
            bench.apply(read(0.1))
        with pytest.raises(LimitExceeded, match=r"transistor\.gate_v"):
            bench.multiply(np.full(3, 0.1), dwell_s=1e-6)


def test_a_selector_holds_back_sneak_currents() -> None:
    def sneaks(**access: Any) -> float:
        with array_bench(3, 3, read="float", **access) as bench:
            alone_a = bench.apply(read(0.2).demanding(read_scheme="grounded"), np.array([0]))
            among_a = bench.apply(read(0.2), np.array([0]))
            return float(among_a.current_a[0, 0] / alone_a.current_a[0, 0]) - 1

    selector = Selector(i0_a=1e-8, v0_v=0.01)
    assert 0 < sneaks(access=selector) < sneaks() / 3


def test_repeats_are_played_one_by_one() -> None:
    model = get_model("data-driven")
    program = pulse(1.6 * model.sets_at, high_s=100e-6) + read(0.1)
    with (
        array_bench(2, 2, model=model, wires=WIRES) as at_once,
        array_bench(2, 2, model=model, wires=WIRES) as one_by_one,
    ):
        together = at_once.apply(program * 4, np.array([3])).current_a[:, 0]
        each = [one_by_one.apply(program, np.array([3])).current_a[0, 0] for _ in range(4)]
        assert together.tolist() == each
        assert (at_once.state == one_by_one.state).all()
        assert (np.diff(together) != 0).any()


def test_a_cell_is_where_it_was_after_the_time_it_waits_for_its_turn() -> None:
    with array_bench(2, 2) as bench:
        program = read(0.1) + wait(1e-3)
        readings = bench.apply(program)
        each_s = program.timeline.longest_s
        assert np.diff(readings.time_s[0]) == pytest.approx(np.full(3, each_s))
        assert bench.clock.now_s() == pytest.approx(4 * each_s)


def test_a_program_longer_than_a_block_is_played_as_any() -> None:
    program = (pulse(0.1, high_s=1e-6, measured=True) + read(0.1)) * 1
    whole = program
    for _ in range(7):
        whole = whole + whole
    whole = whole + whole + whole + whole
    assert len(whole.look) > 2 * 1024
    with array_bench(1, 2, write="float") as bench:
        readings = bench.apply(whole, np.array([1]))
    assert readings.current_a == pytest.approx(1e-5, rel=1e-9)
    assert len(readings.current_a) == 2 * 512


def test_a_long_program_is_spread_over_the_lines_bit_by_bit() -> None:
    pulses = read(0.1) + pulse(0.15, high_s=1e-6)
    for _ in range(12):
        pulses = pulses + pulses
    with array_bench(4, 4) as bench:
        drive = bench._drive(pulses, np.array([[0, len(pulses.look), 1]]), np.inf)
        tracemalloc.start()
        parts = bench._lines(pulses.demands).drives(drive, 0, len(pulses.look), 0, 5)
        shared = sum(len(part.duration_s) for part in parts)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert shared == len(pulses.look)
    assert most < 0.2 * shared * 4 * 8 * 8, "start and stop of all lines of all segments"


def test_a_run_can_be_taken_up_again_in_its_middle() -> None:
    model = get_model("jart-lab", noise={"white": 0.01, "flicker": 0.01})
    program = pulse(-0.9, high_s=1e-6) + read(0.1)
    with array_bench(2, 2, model=model, wires=WIRES, board=BOARD) as bench:
        bench.apply(program)
        bench.multiply(np.array([0.1, 0.05]), dwell_s=1e-6)
        kept = bench.snapshot()
        first = _both(bench, program)
        with array_bench(2, 2, model=model, wires=WIRES, board=BOARD) as other:
            other.restore(kept)
            for one, two in zip(first, _both(other, program), strict=True):
                assert (one == two).all()
            assert (bench.state == other.state).all()


def _both(bench: Bench, program: Program) -> list[np.ndarray]:
    """Apply a program, then multiply; returns all that was measured."""
    readings = bench.apply(program)
    products = bench.multiply(np.array([0.1, 0.05]), dwell_s=1e-6)
    return [readings.current_a, readings.time_s, products.current_a, products.time_s]


def test_what_an_event_model_does_not_know_is_refused_before_anything_is_booked() -> None:
    with array_bench(2, 2, model=get_model("tiox")) as bench:
        before = bench.ledger.own.copy()
        with pytest.raises(NotSupported, match="jump table"):
            bench.apply(pulse(1.8, high_s=500e-9))
        assert (bench.ledger.own == before).all()


def test_hil_check_is_told_what_an_array_promises() -> None:
    texts = {each.what: each.text for each in array_bench(wires=WIRES).assurances()}
    assert "2.5 ohm" in texts["array"]
    assert "selected column" in texts["current limit"]


def test_the_bench_is_an_array_bench_of_its_file() -> None:
    bench = find_bench("array").build(seed=1)
    assert isinstance(bench, ArrayBench)
    assert (bench.cells.rows, bench.cells.columns) == (32, 32)
    assert bench.source_ohm == pytest.approx(50 + 10 + 2 * 5 + 5)
