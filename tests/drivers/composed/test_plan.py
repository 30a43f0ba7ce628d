"""Programs taken apart for single boxes: nothing is lost, nothing that a box cannot do is sent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.composed.parts import Sweep, parts_of
from hil.drivers.composed.plan import Boxes, Firing, Measuring, SlowPulses, planned
from hil.drivers.roles import PulserReach, SourceMeterReach, Train
from hil.errors import NotSupported
from hil.program import Program, hold, pulse, ramp, read, staircase, wait

SMU = SourceMeterReach(
    source_ranges_v=(0.2, 2.0, 20.0), measure_ranges_a=(1e-6, 1e-3), overrange=1.05,
    least_limit_a=1e-9, most_limit_a=1.0, least_aperture_s=1 / 6000, most_aperture_s=1 / 6,
    least_delay_s=50e-6, most_delay_s=10.0, own_step_s=1e-3, most_points=2500, least_pulse_s=None,
)  # fmt: skip
PULSER = PulserReach(
    most_v=10.0, least_v=0.1, output_ohm=50.0, least_high_s=10e-9, least_edge_s=2e-9,
    most_edge_s=1e-3, most_pulses=1_000_000, time_step_s=1e-9,
    least_period_s=50e-9, edge_room=0.64,
)  # fmt: skip
BOTH = Boxes(SMU, PULSER, 80e-3)
ALONE = Boxes(SMU, None, 0.0)
TIMED = Boxes(SMU._replace(least_pulse_s=200e-6), None, 0.0)
A_READ = read(0.1, settle_s=1e-3, aperture_s=1e-3)


def test_a_pulse_and_its_read_go_to_two_boxes() -> None:
    program = pulse(-1.2, high_s=500e-9, edge_s=50e-9) + wait(100e-6) + A_READ
    train, pause_s, look = parts_of(program)
    assert train == pytest.approx(Train(-1.2, 50e-9, 500e-9, 50e-9, 1.2e-6, 1))
    assert pause_s == pytest.approx(100e-6)
    assert isinstance(look, Sweep)
    assert look.stairs.levels_v.tolist() == [0.1]
    assert (look.stairs.delay_s, look.stairs.aperture_s) == pytest.approx((1.0001e-3, 1e-3))


def test_a_repeated_pulse_with_its_pause_is_one_train() -> None:
    program = (wait(1e-6) + pulse(1.0, high_s=1e-6) + wait(8e-6)) * 100_000
    pause_s, train = parts_of(program)
    assert pause_s == pytest.approx(1e-6)
    assert isinstance(train, Train)
    assert train.pulses == 100_000
    assert train.period_s == pytest.approx(10.2e-6)


def test_a_read_that_is_repeated_or_zeroed_keeps_every_look() -> None:
    program = read(0.1, settle_s=5e-3, aperture_s=1e-3, count=4, zero=True)
    sweeps = [part for part in parts_of(program) if isinstance(part, Sweep)]
    levels = np.concatenate([sweep.stairs.levels_v for sweep in sweeps])
    assert levels.tolist() == [0.0, 0.1, 0.1, 0.1, 0.1]
    assert levels.tolist() == program.timeline.source_v[:, 0].tolist()


def test_a_read_of_many_apertures_stays_at_its_level_and_settles_before_each() -> None:
    program = read(0.1, settle_s=5e-3, aperture_s=1e-3, count=4)
    (sweep,) = parts_of(program)
    assert isinstance(sweep, Sweep)
    assert sweep.stairs.levels_v.tolist() == [0.1] * 4
    assert sweep.stairs.delay_s == pytest.approx(5e-3, rel=1e-3)
    assert any("settles before each" in note for note in planned(program, 1e-4, BOTH).notes)


def test_a_staircase_through_zero_is_one_sweep() -> None:
    program = staircase([0.2, 0.0, -0.2], dwell_s=5e-3, aperture_s=1e-3)
    (sweep,) = parts_of(program)
    assert isinstance(sweep, Sweep)
    assert sweep.stairs.levels_v.tolist() == [0.2, 0.0, -0.2]


@given(st.lists(st.sampled_from([0.5, -0.5, 1.0]), min_size=1, max_size=6), st.integers(1, 5))
def test_no_look_and_no_pulse_is_lost(levels: list[float], repeats: int) -> None:
    program = pulse(levels[0], high_s=1e-6) + A_READ
    for level in levels[1:]:
        program = program + pulse(level, high_s=1e-6) * 3 + A_READ
    parts = parts_of(program * repeats)
    trains = [part for part in parts if isinstance(part, Train)]
    looks = sum(len(part.stairs.levels_v) for part in parts if isinstance(part, Sweep))
    assert sum(train.pulses for train in trains) == repeats * (3 * len(levels) - 2)
    assert looks == repeats * len(levels)
    assert looks == len((program * repeats).timeline.look)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (ramp(1.0, rise_s=1e-3), "rise, a flat top and a fall"),
        (pulse(1.0, high_s=1e-6, measured=True), "measures for 167 us"),
        (pulse(11.0, high_s=1e-6), "not of 11 V"),
        (pulse(0.01, high_s=1e-6), "not of 0.01 V"),
        (pulse(1.0, high_s=5e-9), "shortest flat top"),
        (pulse(1.0, high_s=1e-6, edge_s=1e-9), "edges last"),
        (pulse(1.0, high_s=1e-6) * 2, "add a wait"),
        (pulse(1.0, high_s=10e-9, edge_s=5e-9) * 2, "every 20 ns"),
        (hold(0.5, 2e-3), "of its own to each step"),
        (staircase([0.1] * 3000, dwell_s=5e-3, aperture_s=1e-3), "2500 levels"),
        (staircase([30.0], dwell_s=5e-3, aperture_s=1e-3), "reaches 21 V"),
        ((pulse(1.0, high_s=1e-6) + A_READ).demanding(regulated=True), "holds none"),
        ((A_READ + wait(1.0) + A_READ).demanding(stop_at_limit=True), "more than one sweep"),
        (pulse([1.0, 2.0], high_s=1e-6), "one column"),
        ((pulse(1.0, high_s=1e-6) + A_READ) * 100_000, "more than 65536"),
    ],
)
def test_what_the_boxes_cannot_do_is_said(program: Program, words: str) -> None:
    with pytest.raises(NotSupported, match=words):
        planned(program, 1e-3, BOTH)


@pytest.mark.parametrize("limit_a", [1e-12, 2.0])
def test_a_limit_that_the_source_meter_does_not_hold_is_refused(limit_a: float) -> None:
    with pytest.raises(NotSupported, match="holds a current limit from 1 nA to 1 A"):
        planned(A_READ, limit_a, BOTH)


def test_the_range_is_chosen_once_for_all_sweeps_of_a_program() -> None:
    program = read(0.1, settle_s=1e-3, aperture_s=1e-3) + pulse(3.0, high_s=1e-6)
    program = program + hold(1.5, 10e-3)
    steps = planned(program, 1e-4, BOTH).steps
    settings = {step.settings.range_v for step in steps if isinstance(step, Measuring)}
    assert settings == {1.5}
    assert [type(step) for step in steps if not isinstance(step, float)] == [
        Measuring, Firing, Measuring,
    ]  # fmt: skip


def test_the_way_between_pulse_and_read_is_counted_and_said() -> None:
    plan = planned((pulse(1.0, high_s=1e-6) + A_READ) * 3, 1e-4, BOTH)
    assert plan.duration_s == pytest.approx(6 * 80e-3 + 3 * (3.0001e-3 + 1.2e-6), rel=1e-4)
    assert any("80 ms more" in note for note in plan.notes)
    assert any("1 ms longer" in note for note in plan.notes)


def test_a_short_read_is_integrated_as_short_as_can_be_and_that_is_said() -> None:
    (step,) = planned(read(0.1), 1e-4, BOTH).steps
    assert isinstance(step, Measuring)
    assert step.settings.aperture_s == pytest.approx(1 / 6000)
    assert any("167 us" in note for note in planned(read(0.1), 1e-4, BOTH).notes)


def test_a_source_meter_alone_says_how_short_its_pulses_are() -> None:
    with pytest.raises(NotSupported, match=r"no pulse mode.*4 ms"):
        planned(pulse(1.0, high_s=1e-6), 1e-4, ALONE)
    (step,) = planned(pulse(1.0, high_s=10e-3), 1e-4, ALONE).steps
    assert isinstance(step, Measuring)
    assert step.stairs.delay_s + step.stairs.aperture_s == pytest.approx(10e-3)
    with pytest.raises(NotSupported, match="flat top of 200 us, not 100 us"):
        planned(pulse(1.0, high_s=100e-6), 1e-4, TIMED)
    with pytest.raises(NotSupported, match="up to 2500 pulses"):
        planned((pulse(1.0, high_s=500e-6) + wait(1e-3)) * 2501, 1e-4, TIMED)
    (slow,) = planned((pulse(1.0, high_s=500e-6) + wait(1e-3)) * 7, 1e-4, TIMED).steps
    assert isinstance(slow, SlowPulses)
    assert (slow.train.pulses, slow.settings.range_v) == (7, 1.0)
