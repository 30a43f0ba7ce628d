"""Signals: cut anywhere, both parts together are the whole."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hil.simulators.instruments.lab.signal import Signal

segments = st.lists(
    st.tuples(st.floats(1e-9, 1e-3), st.floats(-5, 5), st.floats(-5, 5), st.booleans()),
    min_size=1,
    max_size=6,
)
shares = st.floats(0.0, 1.0)


def whole(signal: Signal | None) -> list[tuple[float, float, float, bool]]:
    """Every segment in the order of play."""
    if signal is None:
        return []
    rows = list(zip(*(column.tolist() for column in signal[:4]), strict=True))
    return [row for a, b, n in signal.units.tolist() for _ in range(n) for row in rows[a:b]]


def made(rows: list[tuple[float, float, float, bool]], repeats: list[int]) -> Signal:
    """A signal whose units are all of its segments, and the first one, repeated."""
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    units = [[0, len(rows) if k % 2 == 0 else 1, n] for k, n in enumerate(repeats)]
    return Signal(columns[0], columns[1], columns[2], columns[3], np.array(units))


@given(segments, st.lists(st.integers(1, 4), min_size=1, max_size=3), shares)
def test_both_parts_are_the_whole(
    rows: list[tuple[float, float, float, bool]], repeats: list[int], share: float
) -> None:
    signal = made(rows, repeats)
    after_s = share * signal.lasting_s
    before, rest = signal.split(after_s)
    parts = whole(before) + whole(rest)
    assert sum(row[0] for row in whole(before)) == pytest.approx(after_s, rel=1e-9, abs=1e-18)
    assert sum(row[0] for row in parts) == pytest.approx(signal.lasting_s)
    assert sum(row[3] for row in parts) == sum(row[3] for row in whole(signal))
    times = np.cumsum([row[0] for row in whole(signal)])
    cut_times = np.cumsum([row[0] for row in parts])
    probes = np.setdiff1d(np.linspace(0, signal.lasting_s, 23)[1:-1], times)
    for probe in probes:
        near = np.abs(np.concatenate((times, cut_times)) - probe).min()
        if near > 1e-9 * signal.lasting_s:
            assert level(whole(signal), probe) == pytest.approx(level(parts, probe), abs=1e-6)


def level(rows: list[tuple[float, float, float, bool]], time_s: float) -> float:
    """Voltage at a time."""
    for duration_s, start_v, stop_v, _ in rows:
        if time_s <= duration_s:
            return start_v + (stop_v - start_v) * time_s / duration_s
        time_s -= duration_s
    return rows[-1][2]


def test_a_million_pulses_are_cut_without_writing_them_out() -> None:
    train = Signal.once([1e-7, 1e-6, 1e-7], [0, 1, 1], [1, 1, 0], repeats=1_000_000)
    before, rest = train.split(0.6 * train.lasting_s + 0.5e-6)
    assert before is not None
    assert rest is not None
    assert before.units[0].tolist() == [0, 3, 600_000]
    assert rest.units[-1].tolist() == [0, 3, 399_999]
    assert before.last_v == rest.first_v == 1.0


@given(segments, shares)
def test_what_is_measured_is_measured_once_at_its_end(
    rows: list[tuple[float, float, float, bool]], share: float
) -> None:
    signal = made([(row[0], row[1], row[2], True) for row in rows], [1])
    after_s = share * signal.lasting_s
    assume(np.abs(np.cumsum([row[0] for row in rows]) - after_s).min() > 1e-12)
    before, rest = signal.split(after_s)
    ended = sum(t <= after_s for t in np.cumsum([row[0] for row in rows]))
    assert sum(row[3] for row in whole(before)) == ended
    assert sum(row[3] for row in whole(rest)) == len(rows) - ended
