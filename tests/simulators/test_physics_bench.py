"""The bench contract on PhysicsBench in every configuration, and what only it has."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.bench import Bench
from hil.cells import Cells
from hil.config import find_bench, shipped_benches
from hil.decode import read_toml
from hil.errors import ConfigError
from hil.limits import Limits, PhaseLimits
from hil.program import Program, pulse, read, staircase, wait
from hil.simulators.models import get_model
from hil.simulators.physics_bench import PhysicsBench, Source
from hil.simulators.readout import Readout
from hil.testing import BenchContract

LIMITS = Limits(
    read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-3),
    switching=PhaseLimits(positive_v=2.0, negative_v=-2.0, current_a=1e-3, width_s=1e-3),
)


def resistor_bench(cells: int = 1, **settings: Any) -> PhysicsBench:
    model = get_model("resistor", resistance_ohm=10e3)
    return PhysicsBench("r", model, cells=Cells(columns=cells), limits=LIMITS, seed=1, **settings)


CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "one cell": {},
    "seven cells at once": {"cells": 7},
    "seven cells one by one": {"cells": 7, "visiting": "sequential"},
    "source resistance": {"cells": 2, "source": Source(output_ohm=50, series_ohm=1e3)},
    "noise": {"cells": 3, "readout": Readout(noise_a=1e-9)},
    "range": {"cells": 3, "readout": Readout(range_a=1e-4)},
    "sampled": {"cells": 2, "readout": Readout(samples=4, voltage_range_v=10.0, digits=6)},
    "an instrument": {
        "cells": 2,
        "visiting": "sequential",
        "source": Source(output_ohm=50),
        "readout": Readout(noise_a=1e-9, range_a=1e-4),
    },
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
class TestResistors(BenchContract):
    resistance_ohm = 10e3

    @pytest.fixture
    def bench(self, name: str) -> Iterator[Bench]:
        settings = CONFIGURATIONS[name]
        self.tolerance = 2e-3 if "readout" in settings else 1e-9
        with resistor_bench(**settings) as bench:
            yield bench


SIMULATED = [
    name for name, path in shipped_benches().items() if read_toml(path)["kind"] == "physics"
]


@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("cells", ["1", "3"])
@pytest.mark.parametrize("visiting", ["parallel", "sequential"])
class TestShipped(BenchContract):
    @pytest.fixture
    def bench(self, name: str, cells: str, visiting: str) -> Iterator[Bench]:
        overrides = {"cells": cells, "visiting": visiting}
        with find_bench(name, overrides).build(seed=3) as bench:
            yield bench

    def a_pulse(self, bench: Bench) -> Program:
        if bench.name == "neurosim":  # knows no others
            return pulse(3.2, high_s=300e-6, edge_s=1e-6)
        return pulse(min(1.5, bench.limits.switching.positive_v), high_s=500e-9)


def test_sequential_visiting_takes_each_cell_after_the_other() -> None:
    with resistor_bench(3, visiting="sequential") as bench:
        program = read(0.1)
        readings = bench.apply(program)
        each_s = program.timeline.longest_s
        assert readings.time_s[0] == pytest.approx(
            program.timeline.time_s[0] + each_s * np.arange(3)
        )
        assert bench.clock.now_s() == pytest.approx(3 * each_s)
        assert bench.check(program).duration_s == pytest.approx(3 * each_s)


def test_order_of_visiting_changes_no_reading() -> None:
    settings = {"readout": Readout(noise_a=1e-8)}
    with resistor_bench(4, **settings) as bench:
        forward = bench.apply(read(0.1)).current_a[0]
    with resistor_bench(4, **settings) as bench:
        backward = [bench.apply(read(0.1), np.array([k])).current_a[0, 0] for k in (3, 2, 1, 0)]
    assert backward[::-1] == forward.tolist()


def test_the_first_cells_are_the_same_however_many_there_are() -> None:
    def states(cells: int) -> np.ndarray:
        bench = find_bench("tiox", {"cells": str(cells)}).build(seed=9)
        assert isinstance(bench, PhysicsBench)
        return bench.state

    assert (states(2) == states(50)[:2]).all()


def test_read_noise_has_the_stated_size() -> None:
    with resistor_bench(200, readout=Readout(noise_a=2e-8)) as bench:
        current_a = bench.apply(read(0.1) * 100).current_a
    assert current_a.mean() == pytest.approx(1e-5, abs=5 * 2e-8 / np.sqrt(current_a.size))
    assert current_a.std() == pytest.approx(2e-8, rel=0.03)


def test_a_range_is_read_in_counts_and_reports_when_it_is_exceeded() -> None:
    with resistor_bench(readout=Readout(range_a=1.5e-5, counts=1000)) as bench:
        inside, beyond = bench.apply(read(0.1) + read(0.19)), None
        assert inside.current_a[0, 0] / 1.5e-8 == pytest.approx(
            round(inside.current_a[0, 0] / 1.5e-8)
        )
        assert inside.status.tolist() == [[0], [2]]
        assert inside.current_a[1, 0] == pytest.approx(1.5e-5)
        assert beyond is None


def test_voltage_at_the_cell_is_what_the_series_resistance_leaves() -> None:
    with resistor_bench(source=Source(output_ohm=100, series_ohm=900)) as bench:
        readings = bench.apply(read(0.11))
    assert readings.voltage_v[0, 0] == pytest.approx(0.1, rel=1e-12)
    assert readings.conductance_s[0, 0] == pytest.approx(1e-4, rel=1e-12)


def test_resistances_in_series_lower_the_worst_current() -> None:
    with resistor_bench(source=Source(series_ohm=10e3)) as bench:
        assert bench.check(pulse(1.0, high_s=1e-6)).current_a == pytest.approx(1e-4)


segments = st.lists(
    st.tuples(st.floats(1e-9, 1e-3), st.floats(-3, 3, width=32)), min_size=1, max_size=8
)


def _free_program(levels: list[tuple[float, float]], repeats: int) -> Program:
    """Build a program with any levels; it begins and ends at 0 V."""
    levels_v = [0.0, *[level for _, level in levels], 0.0]
    duration_s = np.array([*[duration for duration, _ in levels], 1e-6])[:, None]
    volts = np.array(levels_v)[:, None]
    count = len(duration_s)
    look = np.zeros(count, np.int8)
    look[:-1] = 1
    phase = np.ones(count, np.int8)
    units = np.array([[0, count, repeats]])
    return Program(duration_s, volts[:-1].copy(), volts[1:].copy(), look, phase, units)


@given(levels=segments, repeats=st.integers(1, 4), limit_v=st.floats(0.2, 2.5))
@settings(max_examples=150, deadline=None)
def test_what_passes_check_never_exceeds_a_limit_and_what_exceeds_one_never_passes(
    levels: list[tuple[float, float]], repeats: int, limit_v: float
) -> None:
    program = _free_program(levels, repeats)
    limits = Limits(
        read=PhaseLimits(positive_v=0.1, negative_v=-0.1, current_a=5e-5),
        switching=PhaseLimits(positive_v=limit_v, negative_v=-limit_v, current_a=5e-5),
    )
    model = get_model("resistor", resistance_ohm=10e3)
    bench = PhysicsBench("r", model, cells=Cells(), limits=limits, seed=1)
    exceeds = max(abs(level) for _, level in levels) > limit_v
    with bench:
        try:
            bench.check(program)
        except ValueError:
            assert exceeds
            return
        assert not exceeds
        readings = bench.apply(program)
    assert (np.abs(readings.voltage_v) <= limit_v).all()
    assert (np.abs(readings.current_a) <= 5e-5).all()
    _ledger_equals_the_integral(bench, program, repeats)


def _ledger_equals_the_integral(bench: Bench, program: Program, repeats: int) -> None:
    """Integrate |V| on a fine grid, which knows nothing of the ledger's arithmetic."""
    total_vs = 0.0
    for a, b, t in zip(
        program.start_v[:, 0], program.stop_v[:, 0], program.duration_s[:, 0], strict=True
    ):
        x = np.linspace(0, 1, 4001)
        total_vs += np.trapezoid(np.abs(a + (b - a) * x), x * t)
    assert bench.ledger.own["bias_vs"][0] == pytest.approx(repeats * total_vs, rel=1e-6, abs=1e-15)
    assert bench.ledger.own["highest_v"][0] == max(0.0, program.stop_v.max())
    assert bench.ledger.own["lowest_v"][0] == min(0.0, program.stop_v.min())


def test_a_million_cycles_are_booked_without_being_written_out() -> None:
    cycle = pulse(1.0, high_s=1e-6) + pulse(-1.0, high_s=1e-6)
    with resistor_bench() as bench:
        stress = bench.check(cycle * 1_000_000).stress
    assert stress["pulses"][0] == 2_000_000
    assert stress["bias_vs"][0] == pytest.approx(2e6 * 1.1e-6)


def test_pulses_are_counted_as_excursions_beyond_the_read_limits() -> None:
    with resistor_bench() as bench:
        program = pulse(1.0, high_s=1e-6) + wait(1e-6) + pulse(-0.5, high_s=1e-6) + read(0.1)
        assert bench.check(program).stress["pulses"][0] == 2
        assert bench.check(pulse(0.15, high_s=1e-6)).stress["pulses"][0] == 0


STEPS_V = [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("visiting", ["parallel", "sequential"])
@pytest.mark.parametrize("samples", [1, 3])
def test_a_source_that_stops_at_the_limit_plays_nothing_after_it(
    visiting: str, samples: int
) -> None:
    settings = {"visiting": visiting, "readout": Readout(samples=samples)}
    sweep = staircase(STEPS_V, dwell_s=1e-4, aperture_s=1e-4, edge_s=1e-6)
    limited = sweep.demanding(current_limit_a=60e-6, regulated=True, stop_at_limit=True)
    with resistor_bench(2, **settings) as bench:
        readings = bench.apply(limited)
        # 10 kohm: 25 and 50 uA flow freely, 75 uA would be above the limit
        assert readings.limited.tolist() == [[False] * 2, [False] * 2, [True] * 2, [False] * 2]
        assert readings.current_a[:3] == pytest.approx(
            np.array([[25e-6] * 2, [50e-6] * 2, [60e-6] * 2])
        )
        assert np.isnan(readings.current_a[3]).all()
        each_s = 3 * (1e-6 + 2e-4) + 1e-6
        assert bench.clock.now_s() == pytest.approx(
            each_s * (2 if visiting == "sequential" else 1)
        )


def test_cells_stop_at_the_limit_each_for_itself() -> None:
    levels = np.array([[0.5], [1.0]]) * np.array([1.0, 0.2])
    sweep = pulse(levels[0], high_s=1e-5, measured=True) + pulse(
        levels[1], high_s=1e-5, measured=True
    )
    with resistor_bench(2) as bench:
        readings = bench.apply(
            sweep.demanding(current_limit_a=40e-6, regulated=True, stop_at_limit=True)
        )
    assert readings.limited.tolist() == [[True, False], [False, False]]
    assert np.isnan(readings.current_a[1, 0])
    assert readings.current_a[:, 1] == pytest.approx([10e-6, 20e-6])


def test_stopping_at_a_limit_that_is_not_reached_changes_nothing() -> None:
    sweep = staircase([0.5, 1.0, 1.5, -1.0], dwell_s=1e-4, aperture_s=1e-4)
    once, again = (find_bench("stanford-lab").build(seed=3) for _ in range(2))
    with once, again:
        free = once.apply(sweep)
        stopping = again.apply(sweep.demanding(stop_at_limit=True))
        assert not free.limited.any()
        assert free.current_a == pytest.approx(stopping.current_a, rel=1e-12)
        assert once.apply(read(0.1)).current_a == pytest.approx(
            again.apply(read(0.1)).current_a, rel=1e-12
        )


def test_samples_of_a_steady_read_change_nothing_and_those_of_a_ramp_average_it() -> None:
    with (
        resistor_bench() as plain,
        resistor_bench(readout=Readout(samples=5)) as averaging,
    ):
        assert averaging.apply(read(0.1)).current_a == pytest.approx(
            plain.apply(read(0.1)).current_a, rel=1e-15
        )
        steps = staircase([0.1, 0.2], dwell_s=1e-5, aperture_s=1e-5)
        slope = Program(
            steps.duration_s, steps.start_v, steps.stop_v,
            np.array([1, 0, 0, 0, 0, 0, 0], np.int8), steps.phase, steps.units,
        )  # fmt: skip
        # ends of five parts of a ramp from 0 to 0.1 V: their mean is 0.06 V
        assert averaging.apply(slope).current_a[0, 0] == pytest.approx(0.06 / 10e3)


def aged_bench(cells: int = 1, **settings: Any) -> PhysicsBench:
    model = get_model("stanford", i0_a="10uA", relaxation={"drift": 0.05, "spread": 0.0})
    return PhysicsBench("a", model, cells=Cells(columns=cells), limits=LIMITS, seed=1, **settings)


def test_a_stop_at_the_limit_does_not_age_a_cell() -> None:
    ramp = staircase([0.5, 1.0, 1.5, 1.9], dwell_s=1e-6, aperture_s=1e-6)
    stopping = ramp.demanding(current_limit_a=1e-6, regulated=True, stop_at_limit=True)
    with aged_bench() as bench:
        bench.apply(wait(100.0))
        assert bench.apply(stopping).limited.any()
        assert bench.state["age_s"][0] < 1e-3
        assert bench.state["seen_s"][0] == pytest.approx(bench.clock.now_s())


def test_cells_that_wait_for_their_turn_age() -> None:
    plain = wait(1.0) + read(0.1)
    with aged_bench(3, visiting="sequential") as bench:
        bench.apply(pulse(1.6, high_s=1e-6))
        bench.apply(plain)
        seen_s = bench.state["seen_s"]
        assert np.diff(seen_s) == pytest.approx(plain.timeline.longest_s)


def test_a_device_with_a_forming_layer_is_not_formed() -> None:
    forming = {
        "device.parameters.forming.form_v": "2.5V",
        "device.parameters.forming.pristine_ohm": "10Mohm",
    }
    with pytest.raises(ConfigError, match="write formed = false in"):
        find_bench("stanford-lab", forming)
    bench = find_bench("stanford-lab", {**forming, "sample.formed": "false"}).build(seed=1)
    assert isinstance(bench, PhysicsBench)
    assert bench.state["form_v"][0] == 2.5
