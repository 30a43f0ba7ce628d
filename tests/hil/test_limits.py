"""Limits and the ledger: what a waveform does to a cell, against sampling it finely."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ConfigError, LimitExceeded
from hil.limits import STRESS, Budget, Ledger, Limits, PhaseLimits, check_limits
from hil.program import Phase, Program, hold, pulse, ramp, read, wait

READ_V = 0.2


def limits(width_s: float | None = None, **forming: float) -> Limits:
    return Limits(
        read=PhaseLimits(positive_v=READ_V, negative_v=-READ_V, current_a=1e-4),
        switching=PhaseLimits(positive_v=3.0, negative_v=-3.0, current_a=1e-3, width_s=width_s),
        forming=PhaseLimits(current_a=1e-4, **forming) if forming else None,
    )


def waveform(levels_v: list[float], durations_s: list[float], repeats: int) -> Program:
    volts = np.array([0.0, *levels_v, 0.0])[:, None]
    duration_s = np.array([*durations_s[: len(levels_v)], 1e-6])[:, None]
    count = len(duration_s)
    return Program(
        duration_s, volts[:-1].copy(), volts[1:].copy(), np.zeros(count, np.int8),
        np.full(count, Phase.SWITCHING, np.int8), np.array([[0, count, repeats]]),
    )  # fmt: skip


def sampled_excursions_s(program: Program, repeats: int) -> list[float]:
    """Lengths of all stretches beyond the read limits, from 20,000 samples a segment."""
    share = (np.arange(20_000) + 0.5) / 20_000
    beyond, step_s = [], []
    for _ in range(repeats):
        for a, b, t in zip(
            program.start_v[:, 0], program.stop_v[:, 0], program.duration_s[:, 0], strict=True
        ):
            beyond.append(np.abs(a + (b - a) * share) > READ_V)
            step_s.append(np.full(share.size, t / share.size))
    flags, widths_s = np.concatenate(beyond), np.concatenate(step_s)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(int)))
    sums = np.concatenate(([0.0], np.cumsum(widths_s)))
    return [float(sums[stop] - sums[start]) for start, stop in edges.reshape(-1, 2)]


levels = st.lists(st.sampled_from([-2.0, -0.5, -0.1, 0.0, 0.15, 0.7, 1.0]), min_size=1, max_size=6)
durations = st.lists(st.sampled_from([1e-6, 3e-6, 1e-5]), min_size=6, max_size=6)


@given(levels_v=levels, durations_s=durations, repeats=st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_pulses_and_their_longest_width_are_those_of_the_waveform(
    levels_v: list[float], durations_s: list[float], repeats: int
) -> None:
    program = waveform(levels_v, durations_s, repeats)
    expected_s = sampled_excursions_s(program, repeats)
    stress = check_limits(program, limits()).stress
    assert stress["pulses"][0] == len(expected_s)
    if not expected_s:
        return
    longest_s = max(expected_s)
    check_limits(program, limits(width_s=longest_s * 1.001))
    with pytest.raises(LimitExceeded, match="width_s"):
        check_limits(program, limits(width_s=longest_s * 0.999))


def test_a_bias_held_over_repeats_is_one_long_excursion() -> None:
    up, down = ramp(1.0, rise_s=1e-6), hold(1.0, 1e-3, looks=0)
    middle = Program(
        down.duration_s[1:2], down.start_v[1:2], down.stop_v[1:2], down.look[1:2],
        down.phase[1:2], np.array([[0, 1, 1000]]),
    )  # fmt: skip
    rise = Program(
        up.duration_s[:1], up.start_v[:1], up.stop_v[:1], up.look[:1], up.phase[:1],
        np.array([[0, 1, 1]]),
    )  # fmt: skip
    fall = Program(
        up.duration_s[1:], up.start_v[1:], up.stop_v[1:], up.look[1:], up.phase[1:],
        np.array([[0, 1, 1]]),
    )  # fmt: skip
    program = rise + middle + fall
    assert check_limits(program, limits()).stress["pulses"][0] == 1
    with pytest.raises(LimitExceeded, match="asks for 1 s where"):
        check_limits(program, limits(width_s=0.9))


def test_a_polarity_change_is_two_pulses() -> None:
    swing = waveform([1.0, -1.0], [1e-6, 1e-6], 1)
    assert check_limits(swing, limits()).stress["pulses"][0] == 2


def test_read_segments_are_held_to_the_read_limits_and_pulses_to_theirs() -> None:
    check_limits(pulse(3.0, high_s=1e-6) + wait(1e-6) + read(0.2), limits())
    with pytest.raises(LimitExceeded, match=r"limits\.read\.positive_v"):
        check_limits(pulse(3.0, high_s=1e-6) + read(0.3), limits())


def test_forming_is_shut_unless_it_is_stated_and_has_limits_of_its_own() -> None:
    formed = pulse(3.5, high_s=1e-6).forming()
    with pytest.raises(LimitExceeded, match="forming has no limits"):
        check_limits(formed, limits())
    check_limits(formed, limits(positive_v=4.0, negative_v=-1.0))
    with pytest.raises(LimitExceeded, match=r"limits\.forming\.positive_v"):
        check_limits(formed, limits(positive_v=3.4, negative_v=-1.0))


def test_a_gate_beyond_its_limit_or_without_one_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="gate_v"):
        check_limits(read(0.1).demanding(gate_v=1.0), limits())


@pytest.mark.parametrize(
    "bad",
    [
        {"positive_v": float("nan")}, {"positive_v": float("inf")}, {"width_s": 0.0},
        {"width_s": -1.0}, {"current_a": float("nan")},
    ],
    ids=str,
)  # fmt: skip
def test_limits_that_are_none_are_refused(bad: dict[str, float]) -> None:
    good = {"positive_v": 1.0, "negative_v": -1.0, "current_a": 1e-3}
    with pytest.raises(ConfigError):
        PhaseLimits(**{**good, **bad})


def test_read_limits_wider_than_switching_limits_are_refused() -> None:
    wide = PhaseLimits(positive_v=2.0, negative_v=-2.0, current_a=1e-3)
    narrow = PhaseLimits(positive_v=1.0, negative_v=-1.0, current_a=1e-3)
    with pytest.raises(ConfigError, match=r"limits\.read"):
        Limits(read=wide, switching=narrow)


def stress_of(**values: float) -> np.ndarray:
    stress = np.zeros(1, STRESS)
    for name, value in values.items():
        stress[name] = value
    return stress


def test_the_ledger_adds_what_adds_and_keeps_the_extremes() -> None:
    ledger = Ledger(3, earlier=np.repeat(stress_of(pulses=5, energy_j=1.0, highest_v=2.0), 3))
    ledger.book(np.array([0, 2]), stress_of(pulses=1, bias_vs=0.5, highest_v=1.0, lowest_v=-1.0))
    ledger.book(np.array([2]), stress_of(pulses=2, energy_j=0.25, highest_v=3.0))
    total = ledger.total()
    assert total["pulses"].tolist() == [6, 5, 8]
    assert total["energy_j"].tolist() == [1.0, 1.0, 1.25]
    assert total["highest_v"].tolist() == [2.0, 2.0, 3.0]
    assert total["lowest_v"].tolist() == [-1.0, 0.0, -1.0]
    assert ledger.own["pulses"].tolist() == [1, 0, 3]


def test_a_budget_counts_earlier_runs_too_and_names_the_cell() -> None:
    ledger = Ledger(2, earlier=np.concatenate((stress_of(pulses=1), stress_of(pulses=9))))
    both = np.arange(2)
    ledger.refuse_beyond(Budget(pulses=10), both, stress_of(pulses=1))
    with pytest.raises(LimitExceeded, match=r"cell 1 .* budget"):
        ledger.refuse_beyond(Budget(pulses=10), both, stress_of(pulses=2))
    ledger.refuse_beyond(Budget(pulses=10), np.array([0]), stress_of(pulses=2))


def test_a_read_limit_takes_no_width() -> None:
    read_limits = PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-4, width_s=1e-3)
    with pytest.raises(ConfigError, match="width_s"):
        Limits(read=read_limits, switching=limits().switching)


def test_an_excursion_is_held_to_the_width_of_every_phase_it_touches() -> None:
    up = waveform([1.9, 1.9, 1.95], [1e-6, 1.0, 1e-6], 1)
    phase = np.array([1, 1, 2, 1], np.int8)
    mixed = Program(up.duration_s, up.start_v, up.stop_v, up.look, phase, up.units)
    wide = limits(width_s=1e-3, positive_v=4.0, negative_v=-4.0)
    with pytest.raises(LimitExceeded, match=r"limits\.switching\.width_s"):
        check_limits(mixed, wide)


def test_a_negative_gate_voltage_is_held_to_its_limit_too() -> None:
    read_limits = PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-4, gate_v=3.0)
    gated = Limits(read=read_limits, switching=limits().switching)
    check_limits(read(0.1).demanding(gate_v=-2.0), gated)
    with pytest.raises(LimitExceeded, match="gate_v"):
        check_limits(read(0.1).demanding(gate_v=-3.5), gated)
