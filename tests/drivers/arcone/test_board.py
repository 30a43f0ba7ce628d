"""What goes over the line to a board, letter by letter, and what is made of its answers."""

import struct

import pytest
from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers.arcone.board import ArcOne, _decimal, safe_messages
from hil.drivers.arcone.unconfirmed import GAP_S
from hil.errors import InstrumentError

VERSION = struct.pack("<2H", 5, 1)
ZERO = ("000", None)
MOST = 38
"""Arguments of job 50 with all words: what a job that was left half told may still wait for."""


def told(*tokens: str, answer: bytes | None = None) -> list[tuple[str, bytes | None]]:
    """Tokens, the last of which is answered."""
    pairs: list[tuple[str, bytes | None]] = [(token, None) for token in tokens]
    pairs[-1] = (tokens[-1], answer)
    return pairs


CONNECT = [*[ZERO] * (MOST + 1), ("00", None), ZERO, ("999", VERSION)]


def test_it_is_reset_and_asked_for_its_version_when_it_is_connected() -> None:
    clock = VirtualClock()
    with expected_protocol(ArcOne, CONNECT, clock=clock) as board:
        assert board.version == (5, 1)
        assert board.identity == "ArC ONE, firmware 5.1"
        assert board.quiet
    assert clock.now_s() > 2.0


def test_all_jobs() -> None:
    pairs = [
        *CONNECT,
        *told("0", "50", "32", "16", "2", "0", "1", "0.2", answer=b"1\n"),
        *told("1", "3", "4", answer=struct.pack("<f", 12_500.0)),
        *told("01", "3", "-0.3"),
        ZERO,
        *told("1", "32", "16", answer=struct.pack("<f", -2e6)),
        *told("02", "7", "8"),
        ZERO,
        *told("04", "-1.5", "0.00000025"),
        ZERO,
        *told("3", "1", "2", "2.0", "0.001", answer=struct.pack("<f", float("inf"))),
        *told("01", "2", "0.25"),
        ZERO,
        *told(
            "50",
            "0.0",
            "0.0",
            "0.25",
            "+3",
            "+5",
            "+1",
            "+32",
            "+8",
            "+2",
            answer=struct.pack("<3f", 400.0, 0.25, 0.0),
        ),
        *told("999", answer=VERSION),
    ]
    with expected_protocol(ArcOne, pairs, clock=VirtualClock()) as board:
        board.start(32, 16, "V/2", 0.2)
        board.read_at(0.2)  # it is already
        assert board.resistance(3, 4) == 12_500.0
        board.read_at(-0.3)
        assert board.resistance(32, 16) == -2e6
        board.select(7, 8)
        board.pulse(-1.5, 250e-9)
        assert board.pulse_and_read(1, 2, 2.0, 1e-3) == float("inf")
        assert board.resistance_of((2, 8, 32), 5, 0.25) == 400.0
        board.check()
        assert not board.quiet


@pytest.mark.parametrize("answer", [b"\0\0\0\0", VERSION, b"\0\0\xc0\x7f", b"\xff\xff\xff\xff"])
def test_what_is_no_resistance_is_refused_and_the_step_is_found_again(answer: bytes) -> None:
    pairs = [
        *CONNECT,
        *told("1", "1", "1", answer=answer),
        *[ZERO] * MOST,
        *told("1", "1", "1", answer=struct.pack("<f", 1e4)),
    ]
    with expected_protocol(ArcOne, pairs, clock=VirtualClock()) as board:
        with pytest.raises(InstrumentError, match="no resistance"):
            board.resistance(1, 1)
        assert board.resistance(1, 1) == pytest.approx(1e4)


@pytest.mark.parametrize("told_v", [0.5, -0.25, 0.0, float("nan")])
def test_a_column_read_at_another_voltage_is_refused(told_v: float) -> None:
    answer = struct.pack("<3f", 400.0, told_v, 0.0)
    pairs = [
        *CONNECT,
        *told("01", "2", "0.25"),
        ZERO,
        *told("50", "0.0", "0.0", "0.25", "+1", "+2", "+1", "+3", answer=answer),
        *[ZERO] * MOST,
        *told("999", answer=VERSION),
    ]
    with expected_protocol(ArcOne, pairs, clock=VirtualClock()) as board:
        with pytest.raises(InstrumentError, match="out of step"):
            board.resistance_of((3,), 2, 0.25)
        board.check()


def test_a_board_that_confirms_nothing_is_refused() -> None:
    pairs = [*CONNECT, *told("0", "50", "2", "2", "2", "0", "0", "0.1", answer=b"0\n")]
    with (
        expected_protocol(ArcOne, pairs, clock=VirtualClock()) as board,
        pytest.raises(InstrumentError, match="confirms its array"),
    ):
        board.start(2, 2, "V/3", 0.1)


def test_another_version_than_before_is_out_of_step() -> None:
    pairs = [*CONNECT, *told("999", answer=struct.pack("<2H", 1, 5))]
    with (
        expected_protocol(ArcOne, pairs, clock=VirtualClock()) as board,
        pytest.raises(InstrumentError, match="out of step"),
    ):
        board.check()


def test_the_gap_after_each_number_is_kept() -> None:
    clock = VirtualClock()
    with expected_protocol(ArcOne, [*CONNECT, *told("02", "1", "1")], clock=clock) as board:
        before_s = clock.now_s()
        board.select(1, 1)
        assert clock.now_s() - before_s == pytest.approx(3 * GAP_S)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"), (500e-9, "0.0000005"), (-12.0, "-12.0"),
        (1.23456789012e-6, "0.00000123456789012"),
    ],
)  # fmt: skip
def test_numbers_have_no_exponent_and_every_digit(value: float, text: str) -> None:
    assert _decimal(value) == text


def test_the_guard_completes_any_job_with_zeros_and_resets() -> None:
    safe = safe_messages("ASRL/dev/ttyACM0::INSTR")
    assert safe.messages == (b"\n", *[b"00\n"] * (MOST + 1))
    assert safe.settings == {"baud_rate": 921_600, "data_bits": 8, "parity": 2}
    assert safe_messages("TCPIP::h::1::SOCKET").settings == {}
