"""Which programs are staircases, and what the SMU is told of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.keithley4200.sweeps import _known, prepared_sweep
from hil.errors import ConfigError, NotSupported
from hil.program import Program, hold, pulse, read, staircase, wait

levels = st.lists(st.integers(-1500, 1500).map(lambda mv: mv / 1000), min_size=1, max_size=50)


times = st.integers(400_000, 16_000_000).map(lambda ticks: ticks / 1e8)


@given(levels, times, times)
def test_a_staircase_keeps_its_levels_and_times(
    levels_v: list[float], dwell_s: float, aperture_s: float
) -> None:
    program = staircase(levels_v, dwell_s=dwell_s, aperture_s=aperture_s)
    sweep = prepared_sweep(program, 10e-6, 60)
    assert sweep.levels_v.tolist() == pytest.approx(levels_v, abs=1e-12)
    assert sweep.delay_s == pytest.approx(dwell_s + 1e-6)
    assert sweep.aperture_s == aperture_s
    assert sweep.limit_a == 10e-6
    assert sweep.duration_s >= len(levels_v) * (sweep.delay_s + aperture_s)


def test_repeats_and_joined_staircases_are_one() -> None:
    up = staircase([0.1, 0.2], dwell_s=1e-3, aperture_s=20e-3)
    down = staircase([-0.1, -0.2], dwell_s=1e-3, aperture_s=20e-3)
    with pytest.raises(NotSupported):  # between them it comes back to 0 V, which is no step
        prepared_sweep((up + down) * 2, 1e-6, 60)
    sweep = prepared_sweep(hold(0.1, 0.1, looks=5), 1e-6, 60)
    assert sweep.levels_v.tolist() == [0.1] * 5
    assert sweep.aperture_s == pytest.approx(20e-3)


def test_a_read_with_its_zero_is_a_staircase_of_two_steps() -> None:
    sweep = prepared_sweep(read(0.1, settle_s=1e-3, aperture_s=20e-3, zero=True), 1e-6, 60)
    assert sweep.levels_v.tolist() == [0.0, 0.1]


def uneven(column: int, factor: float) -> Program:
    program = staircase([0.1, 0.2, 0.3], dwell_s=1e-3, aperture_s=20e-3)
    duration_s = program.duration_s.copy()
    duration_s[column] *= factor
    return Program(
        duration_s, program.start_v, program.stop_v, program.look, program.phase, program.units
    )


@pytest.mark.parametrize(
    "program",
    [
        pulse(1.0, high_s=1e-3),
        wait(1.0),
        pulse(1.0, high_s=20e-3, measured=True) * 5000,
        staircase([0.1], dwell_s=1e-3, aperture_s=20e-3) + wait(1.0),
        wait(1.0) + staircase([0.1, 0.2], dwell_s=1e-3, aperture_s=20e-3),
        uneven(4, 1.2),
        uneven(5, 1.01),
        pulse(1.0, high_s=1e-3) * 10**9 + read(0.1),
        staircase([0.1, 0.2], dwell_s=1e-3, aperture_s=20e-3, edge_s=1e-3),
    ],
    ids=[
        "pulse", "wait", "too many", "rest", "lead", "uneven dwell", "uneven aperture", "endless",
        "slow edges",
    ],
)  # fmt: skip
def test_what_is_no_staircase_is_refused(program: Program) -> None:
    with pytest.raises(NotSupported, match="staircases of up to 4096 steps"):
        prepared_sweep(program, 1e-6, 60)


@pytest.mark.parametrize(
    ("dwell_s", "aperture_s", "limit_a", "line_hz", "why"),
    [
        (8e-3, 100e-6, 1e-6, 60, "measures for"),
        (100e-6, 200e-6, 1e-6, 60, "too much for one of 301 us; make dwell and aperture 8 ms or"),
        (3e-3, 4.9e-3, 1e-6, 60, "of its own"),
        (1e-3, 190e-6, 1e-6, 50, "measures for"),
        (1e-3, 180e-3, 1e-6, 60, "measures for"),
        (7.0, 20e-3, 1e-6, 60, "waits up to"),
        (1e-3, 20e-3, 99e-9, 60, "holds a current limit"),
        (1e-3, 20e-3, 0.11, 60, "holds a current limit"),
    ],
)  # fmt: skip
def test_what_the_smu_cannot_do_is_refused(
    dwell_s: float, aperture_s: float, limit_a: float, line_hz: float, why: str
) -> None:
    program = staircase([0.1], dwell_s=dwell_s, aperture_s=aperture_s)
    with pytest.raises(NotSupported, match=why):
        prepared_sweep(program, limit_a, line_hz)


def test_the_shortest_step_lasts_a_quarter_longer_than_it_is_booked() -> None:
    program = staircase([0.1, 0.2], dwell_s=4e-3 - 1e-6, aperture_s=4e-3)
    sweep = prepared_sweep(program, 1e-6, 60)
    assert sweep.own_share == pytest.approx(0.25)
    assert sweep.duration_s == pytest.approx(2 * 8e-3 * 1.25)


def test_a_voltage_at_compliance_that_is_the_programmed_one_is_unknown() -> None:
    levels_v = np.array([0.2, 0.4, 0.6, -0.6, 0.8])
    limited = np.array([False, True, True, True, True])
    told_v = np.array([0.2, 0.399999, 0.5, -0.6, np.nan])
    nan = np.nan
    assert np.array_equal(
        _known(told_v, limited, levels_v), [0.2, nan, 0.5, nan, nan], equal_nan=True
    )


def test_exact_timing_is_not_the_smus() -> None:
    program = staircase([0.1], dwell_s=1e-3, aperture_s=20e-3).demanding(exact_timing=True)
    with pytest.raises(NotSupported, match="exact_timing"):
        prepared_sweep(program, 1e-6, 60)


def test_a_limit_with_too_many_digits_is_refused_before_anything_is_sent() -> None:
    program = staircase([0.1], dwell_s=1e-3, aperture_s=20e-3)
    with pytest.raises(ConfigError, match="round it"):
        prepared_sweep(program, 1e-4 / 3, 60)
