"""Blocks and tracks: what a cut leaves, which rows there are, whatever the waveform."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hil.simulators.instruments.keithley4200.track import Track
from hil.simulators.instruments.keithley4200.waveform import Block, BlockBuilder, Window

EDGE_S = 100e-9

SEGMENTS = st.lists(
    st.tuples(st.integers(2, 50), st.integers(-20, 20), st.sampled_from([None, 0, 1, 4])),
    min_size=3,
    max_size=6,
)


def block(segments: list[tuple[int, int, int | None]]) -> Block:
    """Make a block from 0 V to 0 V: ticks of 10 ns, tenths of a volt, measured parts."""
    builder = BlockBuilder(0.0, 1.0)
    before_v = 0.0
    for number, (ticks, tenths, parts) in enumerate(segments):
        after_v = 0.0 if number == len(segments) - 1 else tenths / 10
        lasting_s = ticks * 1e-8
        window = None
        if parts is not None:
            begin_s = lasting_s / 2 if parts else 0.0
            window = Window(begin_s, lasting_s, max(parts, 1), waveform=parts == 0)
        builder.add(lasting_s, before_v, after_v, window)
        before_v = after_v
    return builder.build()


def corners(track: Track) -> tuple[np.ndarray, np.ndarray]:
    """Give times and voltages at the ends of the pieces, as the lab plays them."""
    signal = track.signal()
    order = np.concatenate([np.tile(np.arange(a, b), n) for a, b, n in signal.units.tolist()])
    times_s = np.append(0.0, signal.duration_s[order].cumsum())
    return times_s, np.append(signal.start_v[order[0]], signal.stop_v[order])


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    blocks = [block(draw(SEGMENTS)) for _ in range(draw(st.integers(1, 3)))]
    order = draw(
        st.lists(
            st.tuples(st.integers(0, len(blocks) - 1), st.integers(1, 4)), min_size=1, max_size=8
        )
    )
    index, loops = np.array(order, np.int64).T
    return Track(blocks, index, loops)


@given(tracks(), st.floats(0, 1.2))
def test_a_cut_track_is_the_whole_one_up_to_there_and_then_goes_to_zero(
    track: Track, share: float
) -> None:
    at_s = share * track.length_s
    cut = track.cut(at_s, EDGE_S)
    times_s, levels = corners(cut)
    whole_s, whole = corners(track)
    end_s = min(at_s, track.length_s)
    asked_s = np.linspace(0, end_s, 50)
    steep = 2.0 / 2e-8 * 2e-9  # two instants of the steepest edge
    seen = np.interp(asked_s, times_s, levels)
    np.testing.assert_allclose(seen, np.interp(asked_s, whole_s, whole), atol=steep)
    assert levels[-1] == 0.0
    assert times_s[-1] <= end_s + EDGE_S + 1e-9
    rows, all_rows = cut.rows(), track.rows()
    kept = len(rows.time_s)
    np.testing.assert_allclose(rows.time_s, all_rows.time_s[:kept], atol=1e-9)
    late_s = all_rows.time_s[kept:]
    assert (late_s > end_s - 2e-9).all()
    assert np.count_nonzero(_measured(cut)) == rows.parts.sum() == len(rows.settled)


@given(tracks())
def test_rows_are_where_the_measured_pieces_end(track: Track) -> None:
    rows = track.rows()
    times_s, _ = corners(track)
    ends_s = times_s[1:][_measured(track)]
    np.testing.assert_allclose(rows.time_s, ends_s[rows.parts.cumsum() - 1], atol=1e-12)
    assert len(rows.time_s) == track.row_count
    np.testing.assert_allclose(times_s[-1], track.length_s)


@given(SEGMENTS, st.floats(1e-9, 1e-5))
def test_a_lagging_meter_follows_as_a_low_pass(
    segments: list[tuple[int, int, int | None]], settling_s: float
) -> None:
    builder = BlockBuilder(settling_s, 1.0)
    before_v, shown_v = 0.5, 0.5
    expected, levels = [], []
    for ticks, tenths, _ in segments:
        lasting_s, after_v = ticks * 1e-8, tenths / 10 + 0.05
        builder.add(lasting_s, before_v, after_v, Window(0.0, lasting_s, 1, waveform=True))
        steps = 2000
        share = np.exp(-lasting_s / steps / settling_s)
        for k in range(steps):  # exponential smoothing of the middle of each step
            at_v = before_v + (after_v - before_v) * (k + 0.5) / steps
            shown_v = at_v + (shown_v - at_v) * share
        expected.append(shown_v)
        levels.append(after_v)
        before_v = after_v
    shown = builder.build().settled * np.array(levels)
    np.testing.assert_allclose(shown, expected, atol=5e-3)


def _measured(track: Track) -> np.ndarray:
    signal = track.signal()
    parts = [np.tile(signal.measured[a:b], n) for a, b, n in signal.units.tolist()]
    return np.concatenate(parts)
