"""Programs: what builders build, and how + and * put it together."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ConfigError
from hil.limits import Limits, PhaseLimits, check_limits
from hil.program import Look, Phase, Program, hold, pulse, ramp, read, staircase, vectors, wait
from hil.readings import Readings


def played(program: Program) -> list[tuple[float, float, float]]:
    """Write a program of one column out, segment by segment."""
    segments = []
    for first, last, repeats in program.units.tolist():
        rows = range(first, last)
        one = [
            (program.duration_s[k, 0], program.start_v[k, 0], program.stop_v[k, 0]) for k in rows
        ]
        segments += one * repeats
    return segments


def test_a_pulse_rises_holds_and_falls() -> None:
    assert played(pulse(1.5, high_s=500e-9, edge_s=100e-9)) == [
        (100e-9, 0.0, 1.5),
        (500e-9, 1.5, 1.5),
        (100e-9, 1.5, 0.0),
    ]


def test_a_read_is_measured_once_in_its_aperture_under_the_read_limits() -> None:
    program = read(0.1, settle_s=1e-5, aperture_s=2e-5)
    assert program.look.tolist() == [Look.NOT, Look.NOT, Look.FIRST, Look.NOT]
    assert program.phases == (Phase.READ,)
    assert program.timeline.time_s[0, 0] == pytest.approx(100e-9 + 1e-5 + 2e-5)


def test_every_builder_begins_and_ends_at_zero_volts_without_steps() -> None:
    programs = [
        pulse(1.0, high_s=1e-6), read(0.1, zero=True, count=3), hold(0.5, 1e-3, looks=4),
        ramp(2.0, rise_s=1e-3),
        staircase([0.1, 0.2, -0.3], dwell_s=1e-3, aperture_s=1e-3), wait(1.0),
    ]  # fmt: skip
    for program in programs:
        segments = played(program)
        assert segments[0][1] == 0.0
        assert segments[-1][2] == 0.0
        for (_, _, stop_v), (_, start_v, _) in pairwise(segments):
            assert stop_v == start_v


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4))
def test_plus_and_times_play_what_they_say(a: int, b: int, n: int) -> None:
    one, two = pulse(1.0, high_s=1e-6) * a, read(0.1) * b
    assert played((one + two) * n) == (played(one) + played(two)) * n
    assert len(((one + two) * n).timeline.look) == b * n


def test_a_repeated_part_is_stored_once() -> None:
    assert len((pulse(1.0, high_s=1e-6) * 1_000_000).look) == 3
    assert len(((pulse(1.0, high_s=1e-6) + read(0.1)) * 1_000_000).look) == 7


def test_a_program_for_one_and_one_for_many_cells_join_to_one_for_many() -> None:
    joined = pulse([1.0, 2.0], high_s=1e-6) + read(0.1)
    assert joined.columns == 2
    assert joined.timeline.source_v.tolist() == [[0.1, 0.1]]
    with pytest.raises(ConfigError, match="cannot be joined"):
        pulse([1.0, 2.0], high_s=1e-6) + pulse([1.0, 2.0, 3.0], high_s=1e-6)


def test_widths_may_differ_from_cell_to_cell() -> None:
    program = pulse(1.0, high_s=[1e-6, 2e-6])
    assert program.timeline.duration_s == pytest.approx([1.2e-6, 2.2e-6])


NONSENSE = {
    "a NaN voltage": lambda: pulse(float("nan"), high_s=1e-6),
    "no time": lambda: pulse(1.0, high_s=0.0),
    "negative time": lambda: pulse(1.0, high_s=-1e-6),
    "infinite time": lambda: pulse(1.0, high_s=float("inf")),
    "two dimensions": lambda: pulse([[1.0, 2.0]], high_s=1e-6),
    "different numbers of cells": lambda: pulse([1.0, 2.0, 3.0], high_s=[1e-6, 2e-6]),
    "no aperture": lambda: read(0.1, count=0),
    "negative looks": lambda: hold(1.0, 1e-3, looks=-1),
    "no repeats": lambda: pulse(1.0, high_s=1e-6) * 0,
    "half a repeat": lambda: pulse(1.0, high_s=1e-6) * 2.5,  # type: ignore[operator]
    "a time in words": lambda: pulse(1.0, high_s="1 us"),
    "a hold in words": lambda: hold(1.0, "1 s"),
    "vectors for a word": lambda: vectors([[0.1, 0.2]], dwell_s="1 ms"),  # type: ignore[arg-type]
    "a gate in words": lambda: read(0.1).demanding(gate_v="2 V"),
    "a negative current limit": lambda: read(0.1).demanding(current_limit_a=-1.0),
    "a NaN gate": lambda: read(0.1).demanding(gate_v=float("nan")),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_refused_where_it_is_built(name: str) -> None:
    with pytest.raises(ConfigError):
        NONSENSE[name]()


def test_demands_join_and_contradictions_do_not() -> None:
    limited = pulse(1.0, high_s=1e-6).demanding(current_limit_a=1e-4)
    assert (limited + read(0.1)).demands.current_limit_a == 1e-4
    assert (read(0.1).demanding(exact_timing=True) + limited).demands.exact_timing
    with pytest.raises(ConfigError, match="current_limit_a"):
        limited + read(0.1).demanding(current_limit_a=2e-4)


def test_conductance_averages_apertures_and_subtracts_the_zero() -> None:
    program = read(0.1, count=2, zero=True) + read(0.2)
    timeline = program.timeline
    current_a = np.array([[1e-9], [1.1e-6], [1.3e-6], [4e-6]])
    voltage_v = np.array([[1e-3], [0.1], [0.1], [0.2]])
    no = np.zeros((4, 1))
    readings = Readings(
        timeline.time_s,
        timeline.source_v,
        voltage_v,
        current_a,
        no > 0,
        no.astype(int),
        timeline.look,
    )
    assert readings.conductance_s[0, 0] == pytest.approx((1.2e-6 - 1e-9) / (0.1 - 1e-3))
    assert readings.conductance_s[1, 0] == pytest.approx(2e-5)


def test_a_read_at_zero_volts_has_no_conductance() -> None:
    no = np.zeros((1, 1))
    readings = Readings(no, no, no, no, no > 0, no.astype(int), np.array([1], np.int8))
    assert np.isnan(readings.conductance_s).all()


def test_a_program_cannot_be_changed_after_it_was_made() -> None:
    """What was checked is what is played."""
    program = pulse(1.0, high_s=1e-6) + read(0.1)
    for array in (
        program.duration_s,
        program.start_v,
        program.stop_v,
        program.look,
        program.units,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def by_hand(**changes: object) -> Program:
    whole = pulse(1.0, high_s=1e-6)
    parts = {name: getattr(whole, name) for name in ("duration_s", "start_v", "stop_v", "look")}
    parts |= {"phase": whole.phase, "units": whole.units}
    return Program(**{**parts, **changes})


LIMITS = Limits(
    read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-3),
    switching=PhaseLimits(positive_v=9.0, negative_v=-9.0, current_a=1e-3),
)
MALFORMED = {
    "a NaN level": lambda: by_hand(stop_v=np.array([[np.nan], [1.0], [0.0]])),
    "negative time": lambda: by_hand(duration_s=np.array([[1e-6], [-1e-6], [1e-6]])),
    "endless time": lambda: by_hand(duration_s=np.array([[1e-6], [np.inf], [1e-6]])),
    "units beyond the segments": lambda: by_hand(units=np.array([[0, 3, 1], [40, 60, 1]])),
    "an empty unit": lambda: by_hand(units=np.array([[1, 1, 1]])),
    "no units": lambda: by_hand(units=np.empty((0, 3), np.int64)),
    "no repeats": lambda: by_hand(units=np.array([[0, 3, 0]])),
    "an unknown phase": lambda: by_hand(phase=np.array([0, 9, 0], np.int8)),
    "an unknown look": lambda: by_hand(look=np.array([0, 7, 0], np.int8)),
    "arrays of different length": lambda: by_hand(look=np.zeros(2, np.int8)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_arrays_that_are_no_program_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        check_limits(MALFORMED[name](), LIMITS)


def test_a_million_repeats_cost_no_memory_but_for_what_they_measure() -> None:
    train = (pulse(1.0, high_s=1e-6) * 1_000_000) + read(0.1)
    assert train.timeline.look.tolist() == [Look.FIRST]
    assert train.timeline.longest_s == pytest.approx(1.2 + 20.2e-6)


def test_one_row_a_read_has_its_zero_subtracted_and_its_last_time() -> None:
    look = np.array([Look.ZERO, Look.AGAIN, Look.AGAIN, Look.FIRST], np.int8)
    column = np.arange(4.0)[:, None]
    readings = Readings(
        time_s=column,
        source_v=np.array([[0.0], [0.1], [0.1], [0.2]]),
        voltage_v=np.array([[0.01], [0.11], [0.13], [0.2]]),
        current_a=np.array([[1e-9], [3e-9], [5e-9], [9e-9]]),
        limited=np.array([[False], [True], [False], [False]]),
        status=np.array([[1], [2], [4], [0]]),
        look=look,
    )
    reads = readings.reads
    assert reads.time_s[:, 0].tolist() == [2.0, 3.0]
    assert reads.source_v[:, 0] == pytest.approx([0.1, 0.2])
    assert reads.voltage_v[:, 0] == pytest.approx([0.11, 0.2])
    assert reads.current_a[:, 0] == pytest.approx([3e-9, 9e-9])
    assert reads.limited[:, 0].tolist() == [True, False]
    assert reads.status[:, 0].tolist() == [7, 0]
    assert reads.reads is reads
    assert reads.conductance_s == pytest.approx(readings.conductance_s)


def test_a_read_at_0_volts_has_no_conductance_whatever_the_meters_show() -> None:
    shape = (1, 1)
    readings = Readings(
        np.zeros(shape), np.zeros(shape), np.full(shape, 7e-3), np.full(shape, 1e-9),
        np.zeros(shape, bool), np.zeros(shape, np.int64), np.array([Look.FIRST], np.int8),
    )  # fmt: skip
    assert np.isnan(readings.conductance_s).all()
