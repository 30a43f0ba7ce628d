"""Standard pulses of the virtual 4200A: their shape, pulse I-V, averages, sweeps."""

import numpy as np
import pytest

from tests.simulators.instruments.in_process import Bare

DIVIDED = 10000 / 10050


@pytest.fixture
def bare() -> Bare:
    """An instrument with pulses of 1 V: period 10 us, width 2 us, edges 400 and 600 ns."""
    bare = Bare()
    bare.tell(
        ":PMU:INIT 0", ":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:MEASURE:RANGE 1,2,1e-3",
        ":PMU:PULSE:TRAIN 1,0,1", ":PMU:PULSE:TIMES 1,10e-6,2e-6,400e-9,600e-9,1e-6",
        ":PMU:OUTPUT:STATE 1,1",
    )  # fmt: skip
    return bare


def play(bare: Bare, *messages: str) -> list[list[float]]:
    bare.tell(*messages, ":PMU:EXECUTE")
    bare.sleep(2.0)
    assert bare.ask(":PMU:TEST:STATUS?") == "0"
    text = bare.ask(":PMU:DATA:GET 1")
    return [[float(field) for field in row.split(",")] for row in text.split(";")] if text else []


def test_the_width_is_at_half_maximum_and_edges_are_whole(bare: Bare) -> None:
    play(bare)
    times_s, levels = bare.waveform()
    level_at = np.interp([1e-6, 1.2e-6, 1.4e-6, 2.9e-6, 3.2e-6, 3.5e-6], times_s, levels)
    assert level_at == pytest.approx([0, 0.5, 1, 1, 0.5, 0])
    assert times_s[-1] == pytest.approx(10e-6)


def test_a_pulse_is_a_row_of_high_and_low(bare: Bare) -> None:
    rows = play(bare, ":PMU:PULSE:BURST:COUNT 3", ":PMU:PULSE:TRAIN 1,-0.5,1")
    assert len(rows) == 3
    for number, (vh, ih, th, sh, vl, il, tl, sl) in enumerate(rows):
        assert (vh, vl) == pytest.approx((DIVIDED, -0.5 * DIVIDED), abs=2e-4)
        assert (ih, il) == pytest.approx((1 / 10050, -0.5 / 10050), abs=2e-8)
        top_s = number * 10e-6 + 1.4e-6 + 0.9 * 1.5e-6
        low_s = number * 10e-6 + 3.5e-6 + 0.9 * 6.5e-6
        assert (th, tl) == pytest.approx((top_s, low_s))
        assert (f"{sh:08.0f}", f"{sl:08.0f}") == ("01010041", "01010041")


def test_only_what_is_wanted_is_measured(bare: Bare) -> None:
    (row,) = play(bare, ":PMU:MEASURE:PIV 1,0,1")
    assert len(row) == 4
    assert row[0] == 0.0
    assert bare.ask(":PMU:DATA:GET 1,0,1,VL") == "0"
    assert bare.refused(":PMU:DATA:GET 1,0,1,VH") == -969
    assert play(bare, ":PMU:MEASURE:MODE 0") == []


def test_line_effect_compensation_is_only_shown(bare: Bare) -> None:
    (plain,) = play(bare)
    (row,) = play(bare, ":PMU:LLEC:CONFIGURE 1,1", ":PMU:CONNECTION:COMP 1,1,0")
    assert f"{row[3]:08.0f}" == "11010041"
    assert row[:3] == plain[:3]


def test_windows_are_parts_of_the_flat_level(bare: Bare) -> None:
    (row,) = play(bare, ":PMU:TIMES:PIV 1,0.1,0.2")
    assert row[2] == pytest.approx(1.4e-6 + 0.2 * 1.5e-6)
    assert bare.refused(":PMU:TIMES:PIV 1,0.5,0.5") == -969


def test_an_average_is_one_row_of_a_burst(bare: Bare) -> None:
    rows = play(bare, ":PMU:MEASURE:MODE 3", ":PMU:PULSE:BURST:COUNT 100")
    assert len(rows) == 1
    assert rows[0][0] == pytest.approx(DIVIDED, abs=2e-4)
    assert rows[0][2] == pytest.approx(1.4e-6 + 0.9 * 1.5e-6)  # of the first pulse


def test_a_sweep_has_a_row_for_each_amplitude(bare: Bare) -> None:
    rows = play(bare, ":PMU:SWEEP:PULSE:AMPLITUDE 1,0,2,0.5,0,1")
    levels = [0, 0.5, 1, 1.5, 2, 1.5, 1, 0.5, 0]
    assert [row[0] for row in rows] == pytest.approx([v * DIVIDED for v in levels], abs=2e-4)
    averaged = play(bare, ":PMU:MEASURE:MODE 3", ":PMU:PULSE:BURST:COUNT 4")
    assert [row[0] for row in averaged] == [row[0] for row in rows]
    assert bare.refused(":PMU:SWEEP:PULSE:AMPLITUDE 1,0,2,0,0,1") == -969


def test_a_waveform_shows_the_pulse_and_what_is_around_it(bare: Bare) -> None:
    rows = play(
        bare, ":PMU:SAMPLE:RATE 10e6", ":PMU:MEASURE:MODE 2", ":PMU:TIMES:WAVEFORM 1,0.25,0.25"
    )
    times_s = [row[2] for row in rows]
    assert times_s[0] == pytest.approx(0.6e-6)
    assert times_s[-1] == pytest.approx(4.0e-6)
    assert len(rows) == 35
    shape = np.interp(times_s, [0, 1e-6, 1.4e-6, 2.9e-6, 3.5e-6, 1e-5], [0, 0, 1, 1, 0, 0])
    assert [row[0] for row in rows] == pytest.approx(shape * DIVIDED, abs=2e-4)
    assert {f"{row[3]:08.0f}" for row in rows} == {"01020041"}


def test_an_automatic_range_holds_the_largest_current(bare: Bare) -> None:
    rows = play(bare, ":PMU:MEASURE:RANGE 1,0")
    assert f"{rows[0][3]:08.0f}" == "01010031"
    rows = play(bare, ":PMU:PULSE:TRAIN 1,0,0.05")
    assert f"{rows[0][3]:08.0f}" == "01010021"
    rows = play(bare, ":PMU:MEASURE:RANGE 1,1,1e-3")
    assert f"{rows[0][3]:08.0f}" == "01010041"


def test_an_aborted_burst_keeps_its_rows(bare: Bare) -> None:
    bare.tell(":PMU:PULSE:BURST:COUNT 100", ":PMU:EXECUTE")
    bare.sleep(35e-6)
    bare.tell(":PMU:ABORT")
    assert bare.ask(":PMU:DATA:COUNT? 1") == "3"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("TIMES 1,10e-6,2e-6,10e-9,600e-9", -967),
        ("TIMES 1,10e-6,30e-9,20e-9,20e-9", -967),
        ("TIMES 1,50e-9,40e-9,20e-9,20e-9", -967),
        ("TIMES 1,10e-6,10e-6,20e-9,20e-9", -967),
        ("TIMES 1,10e-6,2e-6,4e-6,20e-9", -967),
        ("TIMES 1,1.1,2e-6,20e-9,20e-9", -967),
        ("TRAIN 1,0,10.5", -964),
        ("TRAIN 1,-6,6", -967),
    ],
)
def test_impossible_pulses_are_refused(bare: Bare, message: str, code: int) -> None:
    bare.tell(f":PMU:PULSE:{message}")
    assert bare.refused(":PMU:EXECUTE") == code
    assert not bare.events("output")


def test_all_channels_have_one_period(bare: Bare) -> None:
    bare.tell(":PMU:PULSE:TIMES 2,20e-6,2e-6,400e-9,600e-9", ":PMU:OUTPUT:STATE 2,1")
    assert bare.refused(":PMU:EXECUTE") == -967
