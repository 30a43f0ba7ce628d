"""What the electronics of a board make of levels and currents."""

import math
from typing import Any

import numpy as np
import pytest

from hil.errors import ConfigError, NotSupported
from hil.program import pulse, read
from hil.simulators.array.board import Adc, Board, Dac, Electronics, Mux, Tia
from tests.simulators.array.arrays import array_bench

ONE = np.array([0])


def electronics(rows: int = 2, columns: int = 2, seed: int = 1, **parts: Any) -> Electronics:
    return Electronics(Board(**parts), rows, columns, np.random.default_rng(seed))


def test_a_perfect_board_changes_nothing() -> None:
    board = electronics()
    levels_v, currents_a = np.array([[0.1, -0.2, 0.0, 1.3]]), np.array([[1e-6], [-3e-5]])
    assert (board.programmed(levels_v) == levels_v).all()
    told_a, over = board.measured(currents_a, ONE)
    assert (told_a == currents_a).all()
    assert not over.any()


def test_a_dac_puts_out_steps_and_0_v_and_its_ends_are_among_them() -> None:
    board = electronics(1, 1, dac=Dac(bits=8, range_v=1.27))
    asked_v = np.linspace(-1.27, 1.27, 1001)[:, None].repeat(2, axis=1)
    out_v = board.programmed(asked_v)
    assert np.unique(np.rint(out_v / 0.01)).tolist() == list(range(-127, 128))
    assert np.abs(out_v - asked_v).max() == pytest.approx(0.005, rel=0.02)
    assert out_v[[0, 500, -1], 0] == pytest.approx([-1.27, 0.0, 1.27])


def test_nonlinearity_is_a_smooth_bow_of_each_line_within_what_is_stated() -> None:
    dac = Dac(bits=12, range_v=2.047, inl_lsb=4.0)
    levels_v = np.arange(-2047, 2048)[:, None] * 1e-3 * np.ones(40)
    off_lsb = (electronics(20, 20, dac=dac).programmed(levels_v) - levels_v) / 1e-3
    assert np.abs(off_lsb).max() <= 4.0
    largest = np.abs(off_lsb).max(axis=0)
    assert np.median(largest) > 1.0
    assert len(np.unique(largest)) == 40
    assert off_lsb[[0, 2047, -1]] == pytest.approx(0.0, abs=1e-9)
    assert np.abs(np.diff(off_lsb, axis=0)).max() < 0.02
    again = electronics(20, 20, dac=dac).programmed(levels_v)
    assert (again - levels_v == off_lsb * 1e-3).all() or again == pytest.approx(
        levels_v + off_lsb * 1e-3, rel=1e-12
    )
    other = electronics(20, 20, seed=2, dac=dac).programmed(levels_v)
    assert (other != again).any()


def test_offsets_are_each_lines_own() -> None:
    off_v = electronics(30, 30, dac=Dac(offset_v=2e-3)).programmed(np.zeros((1, 60)))[0]
    assert 1.5e-3 < np.abs(off_v).max() <= 2e-3
    assert len(np.unique(off_v)) == 60


def test_levels_beyond_the_dacs_are_refused_also_by_the_bench() -> None:
    board = electronics(dac=Dac(range_v=1.0))
    board.refuse(np.array([-1.0, 1.0]))
    with pytest.raises(NotSupported, match=r"1\.5 V where the board's DACs reach 1 V"):
        board.refuse(np.array([-1.5]))
    with array_bench(board=Board(dac=Dac(range_v=1.0))) as bench:
        bench.check(pulse(1.0, high_s=1e-6))
        with pytest.raises(NotSupported, match="DACs"):
            bench.apply(pulse(1.01, high_s=1e-6))


def test_the_amplifier_has_gain_offset_and_an_end() -> None:
    board = electronics(1, 50, tia=Tia(gain_error=0.02, offset_a=1e-8, saturation_a=1e-5))
    columns = np.arange(50)
    offset_a, over = board.measured(np.zeros((1, 50)), columns)
    assert 8e-9 < np.abs(offset_a).max() <= 1e-8
    assert not over.any()
    gain = (board.measured(np.full((1, 50), 5e-6), columns)[0] - offset_a) / 5e-6
    assert 0.015 < np.abs(gain - 1).max() <= 0.02
    some = np.array([7, 3])
    assert (board.measured(np.zeros((1, 2)), some)[0] == offset_a[:, some]).all()
    told_a, over = board.measured(np.array([[2e-5], [-2e-5], [1e-6]]), ONE)
    assert told_a[:2, 0].tolist() == [1e-5, -1e-5]
    assert over[:, 0].tolist() == [True, True, False]


def test_an_adc_reads_steps_and_says_where_it_ends() -> None:
    board = electronics(adc=Adc(bits=8, range_a=1.27e-6))
    told_a, over = board.measured(np.array([[2.4e-8], [1.3e-6], [-1.3e-6], [1.27e-6]]), ONE)
    assert told_a[:, 0] == pytest.approx([2e-8, 1.27e-6, -1.27e-6, 1.27e-6])
    assert over[:, 0].tolist() == [False, True, True, False]


def test_one_conversion_beyond_the_range_is_enough_to_say_so() -> None:
    board = electronics(adc=Adc(range_a=1e-6, noise_a=1e-7, averages=2))
    noise = np.array([[0.0], [9.0], [0.0], [0.0]])
    told_a, over = board.measured(np.array([[5e-7], [5e-7]]), ONE, noise)
    assert over[:, 0].tolist() == [True, False]
    assert told_a[:, 0] == pytest.approx([7.5e-7, 5e-7])


def test_averaging_lowers_noise_and_sees_between_steps_where_there_is_noise() -> None:
    rng, readings, step_a = np.random.default_rng(3), 400, 1e-8
    true_a = np.full((readings, 1), 3.4 * step_a)

    def told_a(noise_a: float, averages: int) -> np.ndarray:
        adc = Adc(bits=8, range_a=127 * step_a, noise_a=noise_a, averages=averages)
        noise = rng.standard_normal((readings * averages, 1))
        return electronics(adc=adc).measured(true_a, ONE, noise)[0]

    still = told_a(0.0, 64)
    assert still == pytest.approx(3 * step_a)
    dithered = told_a(step_a, 64)
    assert dithered.mean() == pytest.approx(3.4 * step_a, rel=0.02)
    spread_a = math.hypot(step_a, step_a / math.sqrt(12))
    assert dithered.std() == pytest.approx(spread_a / 8, rel=0.15)
    assert told_a(step_a, 1).std() == pytest.approx(spread_a, rel=0.15)


def test_a_bench_reads_with_the_noise_of_its_adc_and_zero_reads_take_offsets_away() -> None:
    board = Board(dac=Dac(offset_v=2e-3), tia=Tia(offset_a=3e-8), adc=Adc(noise_a=2e-9))
    with array_bench(2, 2, board=board) as bench:
        plain = bench.apply(read(0.1) * 200).conductance_s
        zeroed = bench.apply(read(0.1, zero=True) * 200).conductance_s
    off = np.abs(plain.mean(axis=0) / 1e-4 - 1)
    assert off.max() > 2e-3
    assert zeroed.mean(axis=0) == pytest.approx(1e-4, rel=1e-4)
    assert plain.std(axis=0) * 0.1 == pytest.approx(2e-9, rel=0.2)
    assert (plain[0] != plain[1]).all()


def test_a_reading_at_the_end_of_the_range_says_so() -> None:
    with array_bench(1, 2, board=Board(adc=Adc(bits=12, range_a=1.5e-5))) as bench:
        readings = bench.apply(read(0.1) + read(0.19), np.array([1]))
    assert readings.status[:, 0].tolist() == [0, 2]
    assert readings.limited[:, 0].tolist() == [False, True]
    assert readings.current_a[1, 0] == pytest.approx(1.5e-5)


@pytest.mark.parametrize(
    ("part", "settings", "text"),
    [
        (Dac, {"bits": 12}, r"board\.dac\.range_v is missing"),
        (Dac, {"range_v": 1.0, "inl_lsb": 1.0}, r"board\.dac\.bits is missing"),
        (Adc, {"bits": 12}, r"board\.adc\.range_a is missing"),
        (Tia, {"offset_a": math.nan}, "offset_a of the board is nan"),
        (Mux, {"off_ohm": math.inf}, "off_ohm of the board is inf"),
    ],
)
def test_a_board_that_is_none_is_refused(part: type, settings: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        part(**settings)
