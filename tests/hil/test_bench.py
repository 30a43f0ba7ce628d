"""What every bench does alike, on benches whose source limits current in other ways."""

from typing import Any

import numpy as np
import pytest

from hil.bench import Bench, Prepared
from hil.capabilities import Capabilities
from hil.cells import Cells, Sample
from hil.clock import VirtualClock
from hil.errors import ConfigError, LimitExceeded, NotSupported
from hil.limits import Budget, Limits, PhaseLimits
from hil.program import Program, pulse, read, wait
from hil.protocol import RunView
from hil.readings import Products, Readings

LIMITS = Limits(
    read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=50e-6),
    switching=PhaseLimits(positive_v=2.0, negative_v=-2.0, current_a=1e-3),
    budget=Budget(energy_j=1e-6),
)


class Paper(Bench):
    """A bench that plays nothing, and notes what it was asked."""

    def __init__(self, source_ohm: float = 0.0, fails: bool = False, **can: Any) -> None:
        super().__init__(
            "paper", cells=Cells(columns=2), capabilities=Capabilities(**can), limits=LIMITS,
            clock=VirtualClock(), sample=Sample(), source_ohm=source_ohm,
        )  # fmt: skip
        self.calls: list[str] = []
        self.prepared: list[float] = []
        self._fails = fails

    def _open(self) -> None:
        self.calls.append("open")
        if self._fails:
            raise TimeoutError("the second instrument does not answer")

    def _prepare(self, program: Program, cells: np.ndarray, current_limit_a: float) -> Prepared:
        self.prepared.append(current_limit_a)
        return Prepared(None, program.timeline.longest_s, ("a note",))

    def _apply(self, program: Program, cells: np.ndarray, prepared: Any) -> Readings:
        raise AssertionError

    def _make_safe(self) -> None:
        self.calls.append("safe")

    def _close(self) -> None:
        self.calls.append("close")


def test_a_bench_that_fails_half_way_through_opening_is_made_safe_and_closed() -> None:
    bench = Paper(fails=True)
    with pytest.raises(TimeoutError), bench:
        pass
    assert bench.calls == ["open", "safe", "close"]


def test_a_resistor_in_series_is_held_to_the_limit_of_each_phase_by_its_own_voltage() -> None:
    bench = Paper(source_ohm=10e3, current_limit="series")
    cost = bench.check(pulse(2.0, high_s=1e-6) + read(0.1))
    assert cost.current_a == pytest.approx(200e-6)
    assert cost.current_limit_a == np.inf
    with pytest.raises(LimitExceeded, match="larger"):
        Paper(source_ohm=1e3, current_limit="series").check(read(0.1))
    with pytest.raises(LimitExceeded, match="in series"):
        bench.check(pulse(2.0, high_s=1e-6).demanding(current_limit_a=100e-6))


@pytest.mark.parametrize("how", ["watched", "none"])
def test_where_nothing_limits_the_current_energy_is_what_the_source_could_give(
    how: str,
) -> None:
    bench = Paper(source_ohm=100.0, current_limit=how)
    stress = bench.check(pulse(1.0, high_s=1e-6)).stress
    assert stress["energy_j"][0] == pytest.approx(1.1e-6 * 0.01)
    with pytest.raises(LimitExceeded, match="budget"):
        Paper(current_limit=how).check(pulse(1.0, high_s=1e-6))
    assert Paper(current_limit=how).check(wait(1.0)).stress["energy_j"][0] == 0


def test_a_current_limit_is_refused_where_there_is_none_and_told_where_it_is_watched() -> None:
    limited = read(0.1).demanding(current_limit_a=10e-6)
    with pytest.raises(NotSupported, match="limit a current"):
        Paper(source_ohm=1e6, current_limit="none").check(limited)
    bench = Paper(source_ohm=1e6, current_limit="watched")
    bench.check(limited)
    assert bench.prepared == [10e-6]


def test_a_regulated_program_is_played_under_the_least_limit_of_its_phases() -> None:
    bench = Paper(current_limit="regulated")
    assert bench.check(pulse(1.0, high_s=1e-6)).current_limit_a == 1e-3
    assert bench.check(pulse(1.0, high_s=1e-6) + read(0.1)).current_limit_a == 50e-6


def test_programs_are_prepared_once_for_the_same_cells() -> None:
    bench, program = Paper(current_limit="regulated"), read(0.1)
    for cells in (None, None, np.array([0]), np.array([0]), np.array([1])):
        bench.check(program, cells)
    assert len(bench.prepared) == 3


@pytest.mark.parametrize("seconds", [1e-8, 150.07, 1234.56, 0.1, 3.3e-7])
def test_a_rounded_time_passes_the_check(seconds: float) -> None:
    bench = Paper(current_limit="regulated", time_step_s=10e-9)
    bench.check(wait(bench.round_time(seconds)))
    with pytest.raises(NotSupported, match="15 ns lies between; take 10 ns or 20 ns"):
        bench.check(wait(1.5e-8))


@pytest.mark.parametrize("seed", [0, 2**39, 2**40 - 1])
def test_every_permitted_seed_gives_numbers(seed: int) -> None:
    view = RunView(seed)
    counts = np.arange(3)[:, None] + np.zeros((1, 2), np.int64)
    one = view.uniform("start", np.arange(2), counts)
    assert one.shape == (3, 2)
    assert len(set(one.ravel().tolist())) == 6


def test_a_batchs_generator_goes_on_and_the_next_batch_has_another() -> None:
    view = RunView(5)
    first, second = view.rng().random(), view.rng().random()
    assert first != second
    view.batch += 1
    assert view.rng().random() not in (first, second)


class Array(Paper):
    """Two rows of one cell each that takes vectors and presets, and notes them."""

    def __init__(self, **can: Any) -> None:
        super().__init__(**can)
        self.cells = Cells(rows=2)

    def _multiply(self, program: Program) -> Products:
        self.calls.append(f"vectors {program.timeline.source_v.tolist()}")
        return Products(np.zeros((1, 1)), np.zeros((1, 1), bool), np.zeros(1))

    def _preset(self, conductance_s: np.ndarray, cells: np.ndarray, read_v: float) -> None:
        self.calls.append(f"preset {conductance_s.tolist()} of {cells.tolist()} at {read_v}")


def test_vectors_are_checked_and_booked_on_every_cell() -> None:
    with Array(multiplies=True, current_limit="regulated", source_ohm=2e3) as bench:
        bench.multiply([[0.1, -0.2], [0.2, 0.0]], dwell_s=1e-3, edge_s=1e-6)
        assert bench.calls[-1] == "vectors [[0.1, -0.2], [0.2, 0.0]]"
        own = bench.ledger.own
        assert own["bias_s"] == pytest.approx([2 * 1.002e-3, 1.002e-3])
        assert own["bias_vs"] == pytest.approx([0.3 * 1.001e-3, 0.2 * 1.001e-3])
        assert own["energy_j"] == pytest.approx(own["bias_vs"] * 0.2 / 2e3), "nothing regulates"
        assert own["lowest_v"].tolist() == [0.0, -0.2]
        before = own.copy()
        for volts, error in (
            ([0.3, 0.0], LimitExceeded), ([0.1], ConfigError), ([[0.1, np.nan]], ConfigError),
            (np.zeros((0, 2)), ConfigError), (np.zeros((1, 1, 2)), ConfigError),
            (["a", "b"], ConfigError),
        ):  # fmt: skip
            with pytest.raises(error):
                bench.multiply(volts, dwell_s=1e-3)
        with pytest.raises(LimitExceeded, match="budget"):
            bench.multiply([0.2, 0.2], dwell_s=1.0)
        assert (own == before).all()
    with pytest.raises(ConfigError, match="not open"):
        bench.multiply([0.1, 0.1], dwell_s=1e-3)


def test_a_preset_is_told_to_whoever_keeps_the_record() -> None:
    told: list[str] = []
    bench = Array(presets=True)
    bench.on_preset = told.append
    bench.preset(1e-5, np.array([1]))
    bench.preset(np.array([1e-5, 2e-5]), read_v=0.2)
    assert bench.calls == [
        "preset [1e-05] of [1] at 0.1",
        "preset [1e-05, 2e-05] of [0, 1] at 0.2",
    ]
    assert told[1] == "2 cells put at 1e-05 to 2e-05 S at 0.2 V without a pulse"
    assert not bench.ledger.own["pulses"].any()


def test_a_preset_may_have_the_shape_of_the_array() -> None:
    bench = Array(presets=True)
    bench.preset([[1e-5], [2e-5]])
    assert bench.calls == ["preset [1e-05, 2e-05] of [0, 1] at 0.1"]
    for wrong in ([[1e-5, 2e-5]], [1e-5] * 3, [-1e-5, 1e-5], [np.nan, 1e-5], "10uS"):
        with pytest.raises(ConfigError, match="a preset"):
            bench.preset(wrong)


def test_vectors_and_presets_are_refused_where_there_are_none() -> None:
    with Array() as bench:
        with pytest.raises(NotSupported, match="all rows at once"):
            bench.multiply([0.1, 0.1], dwell_s=1e-3)
        with pytest.raises(NotSupported, match="pulses"):
            bench.preset(1e-5)
