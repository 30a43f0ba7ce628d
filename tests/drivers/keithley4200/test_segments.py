"""A program and what the PMU plays of it are the same waveform, within what the PMU can."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.keithley4200.executions import ENTRIES, POINTS, SEQUENCES, Execution
from hil.drivers.keithley4200.segments import translated
from hil.errors import NotSupported
from hil.program import Program, hold, pulse, ramp, read, staircase, wait


def executions(program: Program) -> list[Execution]:
    """All that is played, in order; pauses left out."""
    return [step for step in translated(program).steps if isinstance(step, Execution)]


def played(execution: Execution) -> Iterator[tuple[float, float, float, bool]]:
    """Every segment as it comes out of the instrument: s, V, V, measured."""
    for index, loops in execution.entries:
        each = execution.sequences[index]
        columns = (each.duration_s, each.start_v, each.stop_v, each.measured)
        yield from list(zip(*(column.tolist() for column in columns), strict=True)) * loops


def programmed(program: Program) -> Iterator[tuple[float, float, float, bool]]:
    """Every segment of a program, repeats written out."""
    for first, last, repeats in program.units.tolist():
        for _ in range(repeats):
            for k in range(first, last):
                yield (
                    program.duration_s[k, 0], program.start_v[k, 0], program.stop_v[k, 0],
                    bool(program.look[k]),
                )  # fmt: skip


def corners(segments) -> tuple[np.ndarray, np.ndarray]:
    """Times, in ticks of 10 ns, and voltages of a waveform where its slope may change."""
    ticks, voltage_v = [0], [0.0]
    for duration_s, start_v, stop_v, _ in segments:
        assert start_v == pytest.approx(voltage_v[-1], abs=1e-6)
        ticks.append(ticks[-1] + round(duration_s * 1e8))
        voltage_v.append(stop_v)
    return np.array(ticks), np.array(voltage_v)


def refuse_beyond_limits(execution: Execution) -> None:
    assert len(execution.sequences) <= SEQUENCES
    assert len({each.content for each in execution.sequences}) == len(execution.sequences)
    assert len(execution.entries) <= ENTRIES
    assert len(execution.ends_s) <= POINTS
    assert execution.sequences[execution.entries[0][0]].start_v[0] == 0
    assert execution.sequences[execution.entries[-1][0]].stop_v[-1] == 0
    for each in execution.sequences:
        assert 3 <= len(each.duration_s) <= 2048
        assert (each.duration_s >= 20e-9 - 1e-15).all()
        assert (each.duration_s <= 1.0).all()
        ticks = each.duration_s * 1e8
        assert ticks == pytest.approx(np.rint(ticks), abs=1e-6)
        assert (each.start_v[1:] == each.stop_v[:-1]).all()
        assert (np.abs(each.stop_v) <= 10).all()
    ends = [each.stop_v[-1] for each, _ in entries(execution)]
    starts = [each.start_v[0] for each, _ in entries(execution)]
    assert all(a == b for a, b in zip(ends[:-1], starts[1:], strict=True))


def entries(execution: Execution):
    return [(execution.sequences[index], loops) for index, loops in execution.entries]


def ticks(least: int, most: int) -> st.SearchStrategy[float]:
    return st.integers(least, most).map(lambda count: count * 10 / 1e9)


volts = st.integers(-2000, 2000).map(lambda count: count / 1000)
some_v = volts.filter(lambda voltage_v: abs(voltage_v) > 0.05)
pulses = st.builds(
    pulse, some_v, high_s=ticks(2, 500), edge_s=ticks(2, 50), measured=st.booleans()
)
reads = st.builds(
    read, st.just(0.1), settle_s=ticks(2, 1000), aperture_s=ticks(4, 1000),
    count=st.integers(1, 3), zero=st.booleans(),
)  # fmt: skip
waits = st.builds(wait, ticks(6, 10_000))
holds = st.builds(hold, some_v, st.integers(1, 9).map(float), looks=st.sampled_from([0, 1, 2, 5]))
stairs = st.builds(
    staircase, st.lists(volts, min_size=1, max_size=60), dwell_s=ticks(2, 99),
    aperture_s=ticks(2, 99),
)  # fmt: skip
parts = st.one_of(pulses, reads, waits, holds, stairs)
repeated = st.builds(lambda part, repeats: part * repeats, parts, st.integers(1, 4))
joined = st.lists(repeated, min_size=1, max_size=6).map(lambda ps: sum(ps[1:], start=ps[0]))
programs = st.builds(lambda program, repeats: program * repeats, joined, st.integers(1, 3))


@given(programs)
def test_what_is_played_is_what_was_programmed(program: Program) -> None:
    steps = executions(program)
    assert len(steps) == len(translated(program).steps)
    for step in steps:
        refuse_beyond_limits(step)
    whole = [segment for step in steps for segment in played(step)]
    time, voltage_v = corners(whole)
    wanted, wanted_v = corners(programmed(program))
    assert time[-1] == wanted[-1]
    either = np.union1d(time, wanted)
    difference_v = np.interp(either, time, voltage_v) - np.interp(either, wanted, wanted_v)
    assert np.abs(difference_v).max() < 2e-6
    duration = wanted[-1]
    of_program, of_played = np.trapezoid(wanted_v, wanted), np.trapezoid(voltage_v, time)
    assert of_played == pytest.approx(of_program, abs=2e-6 * duration)


@given(programs)
def test_every_reading_is_measured_at_its_time(program: Program) -> None:
    begin_s, ends_s, opens_s = 0.0, [], []
    for step in executions(program):
        ends_s += (begin_s + step.ends_s).tolist()
        opens_s += (begin_s + step.opens_s).tolist()
        begin_s += step.duration_s
    assert ends_s == pytest.approx(program.timeline.time_s[:, 0].tolist(), rel=1e-12)
    time_s, measured = 0.0, []
    for duration_s, *_, look in (s for step in executions(program) for s in played(step)):
        time_s += duration_s
        if look:
            measured.append((time_s - duration_s, time_s))
    assert [opens for opens, _ in measured] == pytest.approx(opens_s, rel=1e-9, abs=1e-15)
    assert [ends for _, ends in measured] == pytest.approx(ends_s, rel=1e-9)


def test_pulse_by_pulse_the_train_is_the_programmed_one() -> None:
    levels_v = np.random.default_rng(1).choice([-1.8, -1.35, 1.35, 1.8], 300)
    look = wait(100e-6) + read(0.1)
    train = sum(
        (pulse(v, high_s=500e-9) + look for v in levels_v[1:]),
        start=pulse(levels_v[0], high_s=500e-9) + look,
    )
    (execution,) = executions(train)
    refuse_beyond_limits(execution)
    assert len(execution.sequences) <= 5  # each amplitude with its look, stored once
    tops_v = [
        start_v for duration_s, start_v, stop_v, _ in played(execution)
        if start_v == stop_v and duration_s == 500e-9
    ]  # fmt: skip
    assert tops_v == levels_v.tolist()
    assert len(execution.ends_s) == 300


def test_a_million_cycles_are_one_entry() -> None:
    cycle = pulse(1.5, high_s=1e-6) + pulse(-1.5, high_s=1e-6)
    (execution,) = executions(cycle * 999_999 + cycle + read(0.1))
    assert [loops for _, loops in execution.entries] == [999_999, 1]
    assert len(execution.ends_s) == 1


def test_equal_parts_are_stored_once_and_joined_to_loops() -> None:
    (execution,) = executions(read(0.1) + read(0.1) + read(0.1))
    assert len(execution.sequences) == 1
    assert execution.entries == ((0, 3),)


def test_waits_of_more_than_1_s_are_left_to_the_computer() -> None:
    cycle = pulse(1.0, high_s=1e-6) + wait(3.0) + read(0.1)
    steps, notes = translated(wait(2.0) + cycle * 2)
    assert [step for step in steps if not isinstance(step, Execution)] == [2.0, 3.0, 3.0]
    assert isinstance(steps[-1], Execution)
    assert len(steps) == 6  # the read of the first cycle and the pulse of the next are one
    assert notes == ("waits of more than 1 s are timed by this computer",)
    with pytest.raises(NotSupported, match="1 s"):
        translated(cycle.demanding(exact_timing=True))


def test_a_wait_of_1_s_is_the_instruments() -> None:
    (execution,) = executions(read(0.1) + wait(1.0) + read(0.1))
    assert len(execution.ends_s) == 2


def test_a_bias_of_more_than_1_s_is_split_and_measured_at_its_end() -> None:
    notes = translated(hold(0.1, 30.0, looks=3)).notes
    (execution,) = executions(hold(0.1, 30.0, looks=3))
    refuse_beyond_limits(execution)
    assert execution.ends_s == pytest.approx([10.0, 20.0, 30.0], rel=1e-6)
    assert execution.ends_s - execution.opens_s == pytest.approx([1.0, 1.0, 1.0])
    assert "measured over their last part" in notes[0]


@pytest.mark.parametrize(
    ("program", "count"),
    [
        (read(0.1) * 200_000, 4),
        (
            sum((pulse(k / 1000, high_s=1e-6) + read(0.1) for k in range(1, 1300)), start=wait(1)),
            3,
        ),
        (sum((read(v) * 2 for v in [0.1, 0.2] * 512), start=wait(1)), 3),
    ],
    ids=["readings", "sequences", "entries"],
)
def test_what_does_not_fit_is_played_in_parts(program: Program, count: int) -> None:
    steps, notes = executions(program), translated(program).notes
    assert len(steps) == len(translated(program).steps) == count
    for step in steps:
        refuse_beyond_limits(step)
    assert sum(len(step.ends_s) for step in steps) == len(program.timeline.look)
    assert f"in {count} parts" in notes[0]
    with pytest.raises(NotSupported, match="exact_timing"):
        translated(program.demanding(exact_timing=True))


def test_what_does_not_fit_and_never_comes_to_zero_is_refused() -> None:
    levels = np.linspace(0.1, 1.0, 1300)
    long = sum(
        (staircase([v, v + 0.1], dwell_s=1e-6, aperture_s=1e-6) for v in levels),
        start=wait(1e-3),
    )
    biased = Program(
        long.duration_s, np.maximum(long.start_v, 0.05), np.maximum(long.stop_v, 0.05),
        long.look, long.phase, long.units,
    )  # fmt: skip
    with pytest.raises(NotSupported, match="0 V"):
        translated(biased)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (pulse(11.0, high_s=1e-6), "range is 10 V"),
        (pulse(1.0, high_s=10e-9), "20 ns"),
        (ramp(0.5, rise_s=1.0), "V/s"),
        (wait(20e-9) * 2, "three segments"),
        (read((0.1, 0.2)), "one column"),
    ],
    ids=["voltage", "short", "slow", "lone", "columns"],
)
def test_what_the_pmu_cannot_play_is_refused(program: Program, why: str) -> None:
    with pytest.raises(NotSupported, match=why):
        translated(program)


@given(st.floats(-9.9, 9.9))
def test_a_voltage_is_never_larger_than_programmed(level_v: float) -> None:
    (execution,) = executions(pulse(level_v, high_s=1e-6, edge_s=1e-6))
    start_v = execution.sequences[0].start_v
    assert np.abs(start_v).max() <= abs(level_v) * (1 + 1e-9) + 1e-9
    assert np.abs(start_v).max() >= abs(level_v) - 1e-6 - 1e-9


def test_equal_content_is_equal_whoever_built_it() -> None:
    (one,) = executions(pulse(1.0, high_s=1e-6))
    (other,) = executions(wait(1e-3) + pulse(1.0, high_s=1e-6) * 2)
    assert one.sequences[0] == other.sequences[1]
