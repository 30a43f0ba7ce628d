"""What every bench must do, whatever it is made of.

Subclass `BenchContract` and override the fixture ``bench`` with an open bench::

    class TestMyBench(BenchContract):
        resistance_ohm = 10e3  # a known resistor at every cell; None leaves those tests out

        @pytest.fixture
        def bench(self):
            with find_bench("my_bench.toml").build(seed=1) as bench:
                yield bench

No program that is played goes further than `a_read`, half the read limit, and `a_pulse`.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec
import numpy as np
import pytest

from hil.bench import Bench
from hil.errors import ConfigError, LimitExceeded, NotSupported
from hil.program import Look, Program, pulse, read, wait
from hil.readings import Readings


class BenchContract:
    """The contract; each test says in its name what a bench must do."""

    resistance_ohm: float | None = None
    """Resistance of every cell (ohm), or None where the cells are devices."""

    tolerance: float = 1e-9
    """How well the bench measures it (relative)."""

    @pytest.fixture
    def bench(self) -> Iterator[Bench]:
        """Open the bench under test; to be overridden."""
        raise NotImplementedError("override the fixture bench with an open bench")

    def a_read(self, bench: Bench) -> Program:
        """Build a read at half the read limit."""
        return read(bench.limits.read.positive_v / 2)

    def a_pulse(self, bench: Bench) -> Program:
        """Build the shortest pulse of a few that the bench plays; overridden for picky devices."""
        programs = [self._pulse_of(bench, high_s) for high_s in (1e-6, 1e-3, 20e-3)]
        for program in programs:
            with suppress(NotSupported):
                bench.check(program)
                return program
        return programs[0]

    def _pulse_of(self, bench: Bench, high_s: float) -> Program:
        width_s = bench.limits.switching.width_s or 1e-3
        high_s = bench.round_time(min(width_s / 2, high_s))
        edge_s = bench.round_time(min(width_s / 8, 100e-9))
        return pulse(bench.limits.switching.positive_v / 2, high_s=high_s, edge_s=edge_s)

    def test_readings_have_one_row_a_look_and_one_column_a_cell(self, bench: Bench) -> None:
        program = self.a_read(bench) * 3
        readings = bench.apply(program)
        for values in _raw(readings):
            assert values.shape == (3, len(bench.cells))
        assert readings.look.tolist() == [Look.FIRST] * 3
        assert np.isfinite(readings.current_a).all()

    def test_source_voltage_is_the_programmed_one(self, bench: Bench) -> None:
        readings = bench.apply(self.a_read(bench))
        assert (readings.source_v == bench.limits.read.positive_v / 2).all()

    def test_cell_never_sees_more_than_the_source(self, bench: Bench) -> None:
        readings = bench.apply(self.a_read(bench))
        slack_v = 1e-12 + self.tolerance * bench.limits.read.positive_v
        assert (np.abs(readings.voltage_v) <= np.abs(readings.source_v) + slack_v).all()

    def test_time_passes_as_long_as_the_program_takes(self, bench: Bench) -> None:
        program = self.a_read(bench) + wait(1e-3)
        before_s = bench.clock.now_s()
        readings = bench.apply(program)
        after_s = bench.clock.now_s()
        assert after_s - before_s >= program.timeline.longest_s * (1 - 1e-9)
        assert (readings.time_s > before_s).all()
        assert (readings.time_s <= after_s).all()

    def test_times_of_a_cell_increase(self, bench: Bench) -> None:
        readings = bench.apply(self.a_read(bench) * 4)
        assert (np.diff(readings.time_s, axis=0) > 0).all()

    def test_check_is_pure(self, bench: Bench) -> None:
        before = bench.ledger.own.copy(), bench.clock.now_s()
        bench.check(self.a_pulse(bench))
        assert (bench.ledger.own == before[0]).all()
        if bench.kind == "physics":
            assert bench.clock.now_s() == before[1]

    def test_apply_books_what_check_announced(self, bench: Bench) -> None:
        program = self.a_pulse(bench) + self.a_read(bench)
        cells = bench.cells.indices  # in an array one: the others on its lines disturb a cell
        cells = cells if bench.biasing is None else cells[:1]
        cost = bench.check(program, cells)
        before = bench.ledger.own[cells]
        bench.apply(program, cells)
        for name in ("pulses", "bias_vs", "bias_s", "energy_j", "disturbs"):
            booked = bench.ledger.own[cells][name] - before[name]
            assert booked == pytest.approx(np.broadcast_to(cost.stress[name], booked.shape))
        assert (bench.ledger.own[cells]["highest_v"] >= cost.positive_v).all()

    def test_what_other_cells_of_an_array_see_is_booked(self, bench: Bench) -> None:
        if bench.biasing is None:
            pytest.skip("cells have lines of their own")
        program, first = self.a_pulse(bench), np.array([0])
        disturb = bench.check(program, first).disturb
        assert disturb is not None
        before = bench.ledger.own.copy()
        bench.apply(program, first)
        row, column = np.divmod(np.arange(1, len(bench.cells)), bench.cells.columns)
        on_lines = (disturb.on_row, disturb.on_column, disturb.elsewhere)
        where = np.where(row == 0, 0, np.where(column == 0, 1, 2))
        for name in ("pulses", "disturbs", "bias_vs", "bias_s", "energy_j"):
            booked = bench.ledger.own[name][1:] - before[name][1:]
            announced = np.array([each[name][0] for each in on_lines])
            assert booked == pytest.approx(announced[where])

    def test_only_the_named_cells_are_booked(self, bench: Bench) -> None:
        last = np.array([len(bench.cells) - 1])
        before = bench.ledger.own.copy()
        readings = bench.apply(self.a_read(bench), last)
        assert readings.current_a.shape == (1, 1)
        others = np.delete(np.arange(len(bench.cells)), last)
        if bench.biasing is None:
            assert (bench.ledger.own[others] == before[others]).all()
        for name in ("pulses", "disturbs"):  # a read is no pulse, for nobody
            assert (bench.ledger.own[others][name] == before[others][name]).all()
        assert bench.ledger.own["bias_s"][last] > before["bias_s"][last]

    def test_a_program_with_a_column_for_each_cell_is_played_to_each(self, bench: Bench) -> None:
        levels_v = bench.limits.read.positive_v * np.linspace(0.3, 0.5, len(bench.cells))
        readings = bench.apply(read(levels_v))
        assert readings.source_v[0] == pytest.approx(levels_v, rel=1e-12)

    @pytest.mark.parametrize("side", ["positive_v", "negative_v"])
    @pytest.mark.parametrize("phase", ["read", "switching"])
    def test_a_voltage_beyond_a_limit_is_refused(
        self, bench: Bench, side: str, phase: str
    ) -> None:
        limit_v = getattr(getattr(bench.limits, phase), side)
        beyond_v = limit_v * 1.001 + (1e-3 if side == "positive_v" else -1e-3)
        program = read(beyond_v) if phase == "read" else pulse(beyond_v, high_s=1e-6)
        self._refused(bench, program, LimitExceeded)

    def test_a_pulse_longer_than_the_limit_is_refused(self, bench: Bench) -> None:
        width_s = bench.limits.switching.width_s
        if width_s is None:
            pytest.skip("the bench file states no width_s")
        level_v = bench.limits.switching.positive_v
        self._refused(bench, pulse(level_v, high_s=width_s * 1.5), LimitExceeded)

    def test_a_current_limit_beyond_the_limits_is_refused(self, bench: Bench) -> None:
        if bench.capabilities.current_limit == "none":
            pytest.skip("the bench has no current limit")
        beyond_a = bench.limits.read.current_a * 2
        self._refused(bench, self.a_read(bench).demanding(current_limit_a=beyond_a), LimitExceeded)

    def test_forming_is_refused_where_it_is_shut(self, bench: Bench) -> None:
        if bench.forming_open and bench.limits.forming is not None:
            pytest.skip("forming is open on this bench")
        self._refused(bench, self.a_pulse(bench).forming(), LimitExceeded)

    def test_a_program_that_does_not_end_at_0_V_is_refused(self, bench: Bench) -> None:
        whole = self.a_read(bench)
        first = Program(
            whole.duration_s[:2], whole.start_v[:2], whole.stop_v[:2], whole.look[:2],
            whole.phase[:2], np.array([[0, 2, 1]]),
        )  # fmt: skip
        self._refused(bench, first, LimitExceeded)

    def test_a_budget_is_kept(self, bench: Bench) -> None:
        program = self.a_pulse(bench)
        each = int(bench.check(program).stress["pulses"].max())
        spent = int(bench.ledger.total()["pulses"].max())
        budget = msgspec.structs.replace(bench.limits.budget, pulses=spent + each)
        bench.limits = msgspec.structs.replace(bench.limits, budget=budget)
        bench.apply(program)
        self._refused(bench, program, LimitExceeded)

    def test_limits_that_are_lowered_hold_at_once(self, bench: Bench) -> None:
        program = self.a_pulse(bench)
        bench.check(program)
        lower = msgspec.structs.replace(
            bench.limits.switching, positive_v=program.start_v.max() / 2
        )
        read_limits = msgspec.structs.replace(bench.limits.read, positive_v=1e-3)
        bench.limits = msgspec.structs.replace(bench.limits, switching=lower, read=read_limits)
        self._refused(bench, program, LimitExceeded)

    @pytest.mark.parametrize(
        "demand", [{"gate_v": 1.0}, {"scheme": "no-such-scheme"}, {"exact_timing": True}], ids=str
    )
    def test_what_the_bench_cannot_do_is_refused(
        self, bench: Bench, demand: dict[str, object]
    ) -> None:
        can = bench.capabilities
        if (can.gate and "gate_v" in demand) or (can.exact_timing and "exact_timing" in demand):
            pytest.skip("the bench can")
        self._refused(bench, self.a_read(bench).demanding(**demand), NotSupported)

    def test_wrong_cells_are_refused(self, bench: Bench) -> None:
        count = len(bench.cells)
        self._refused(bench, read(np.full(count + 1, 0.01)), ConfigError)
        for wrong in ([count], [-1], [], [0, 0], [[0]], [0.5]):
            with pytest.raises(ConfigError):
                bench.apply(self.a_read(bench), np.array(wrong))

    def test_closing_twice_does_no_harm_and_a_closed_bench_plays_nothing(
        self, bench: Bench
    ) -> None:
        bench.make_safe()
        bench.make_safe()
        bench.close()
        bench.close()
        with pytest.raises(ConfigError, match="not open"):
            bench.apply(self.a_read(bench))

    def test_a_snapshot_brings_everything_back(self, bench: Bench) -> None:
        if not bench.can_snapshot:
            with pytest.raises(NotSupported):
                bench.snapshot()
            return
        program = self.a_pulse(bench) + wait(1e-6) + self.a_read(bench)
        bench.apply(program)
        kept = bench.snapshot()
        first = bench.apply(program)
        own = bench.ledger.own.copy()
        bench.restore(kept)
        again = bench.apply(program)
        for one, other in zip(_raw(first), _raw(again), strict=True):
            assert (one == other).all()
        assert (bench.ledger.own == own).all()

    def test_a_resistor_obeys_ohms_law(self, bench: Bench) -> None:
        resistance_ohm = self._resistor()
        readings = bench.apply(self.a_read(bench))
        assert readings.conductance_s == pytest.approx(1 / resistance_ohm, rel=self.tolerance)

    def test_averages_and_zero_reads_measure_the_same_resistor(self, bench: Bench) -> None:
        resistance_ohm = self._resistor()
        level_v = bench.limits.read.positive_v / 2
        readings = bench.apply(read(level_v, count=4, zero=True) + read(level_v))
        assert readings.conductance_s.shape == (2, len(bench.cells))
        assert readings.conductance_s == pytest.approx(1 / resistance_ohm, rel=self.tolerance)

    def test_a_current_limit_holds_and_is_reported(self, bench: Bench) -> None:
        resistance_ohm = self._resistor()
        if bench.capabilities.current_limit != "regulated":
            pytest.skip("the bench does not regulate current")
        limit_a = bench.limits.read.positive_v / resistance_ohm / 8
        readings = bench.apply(self.a_read(bench).demanding(current_limit_a=limit_a))
        assert readings.limited.all()
        assert np.abs(readings.current_a) == pytest.approx(limit_a, rel=max(self.tolerance, 1e-9))

    def _resistor(self) -> float:
        if self.resistance_ohm is None:
            pytest.skip("the cells are devices, not known resistors")
        return self.resistance_ohm

    @staticmethod
    def _refused(bench: Bench, program: Program, error: type[Exception]) -> None:
        """See that check and apply both refuse, and that nothing is booked."""
        before = bench.ledger.own.copy()
        with pytest.raises(error):
            bench.check(program)
        with pytest.raises(error):
            bench.apply(program)
        assert (bench.ledger.own == before).all()


def _raw(readings: Readings) -> tuple[np.ndarray, ...]:
    return (
        readings.time_s, readings.source_v, readings.voltage_v, readings.current_a,
        readings.limited, readings.status,
    )  # fmt: skip
