"""Answers that were changed on the way never become a number."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hil.drivers.keithley4200 import grammar
from hil.errors import InstrumentError

ROW = "0.00788628,-21.7246e-9,0,01020021"
VALUES = "N 4.3555E-15,C 54.978E-15,N -1.2000E+00"

numbers = st.sampled_from(["0", "0.1", "-0.00788628", "-21.7246e-9", "1.5e-6", "12.25", "1e-3"])
words = st.integers(0, 2**32 - 1).map(lambda word: f"{word:08X}")
rows = st.tuples(numbers, numbers, numbers, words).map(",".join)
answers = st.lists(rows, min_size=1, max_size=5)


def parsed(text: str, count: int) -> grammar.Rows:
    return grammar.parse_rows(text, ":PMU:DATA:GET 1", count=count)


def test_the_manuals_row() -> None:
    voltage_v, current_a, time_s, status = parsed(ROW, 1)
    assert voltage_v == [0.00788628]
    assert current_a == [-21.7246e-9]
    assert time_s == [0]
    assert status == [0x01020021]


@given(answers)
def test_every_number_is_read_to_its_last_digit(lines: list[str]) -> None:
    found = parsed(";".join(lines), len(lines))
    for k, line in enumerate(lines):
        *values, word = line.split(",")
        read = [found.voltage_v[k], found.current_a[k], found.time_s[k]]
        assert read == [float(value) for value in values]
        assert found.status[k] == int(word, 16)


@given(answers, st.data())
def test_an_answer_cut_anywhere_is_refused(lines: list[str], data: st.DataObject) -> None:
    whole = ";".join(lines)
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, len(whole)))
    part = whole[begin:end]
    if part == whole:
        return
    # A number that has lost leading digits in the first field looks like one: that is no cut of
    # a message, which ends and does not begin too early.
    assume(begin == 0)
    with pytest.raises(InstrumentError):
        parsed(part, len(lines))


@given(answers, st.data())
def test_a_character_of_noise_anywhere_is_refused(lines: list[str], data: st.DataObject) -> None:
    whole = ";".join(lines)
    place = data.draw(st.integers(0, len(whole) - 1))
    noise = data.draw(st.characters(min_codepoint=0x80, max_codepoint=0x0AFF))
    for text in (
        whole[:place] + noise + whole[place + 1 :],
        whole[:place] + noise + whole[place:],
    ):
        with pytest.raises(InstrumentError):
            parsed(text, len(lines))


@given(answers, st.sampled_from([",", ";", " ", "\0", "+", "nan", "_", "x", "\n"]), st.data())
def test_a_separator_or_letter_too_many_is_refused(
    lines: list[str], extra: str, data: st.DataObject
) -> None:
    whole = ";".join(lines)
    place = data.draw(st.integers(0, len(whole)))
    with pytest.raises(InstrumentError):
        parsed(whole[:place] + extra + whole[place:], len(lines))


@given(answers, st.integers(0, 9))
def test_rows_too_many_or_too_few_are_refused(lines: list[str], count: int) -> None:
    assume(count != len(lines))
    with pytest.raises(InstrumentError):
        parsed(";".join(lines), count)


@pytest.mark.parametrize(
    "foreign",
    [
        "ACK",
        "",
        "0",
        "1",
        "KEITHLEY INSTRUMENTS,KI4200A,1442736,V1.13",
        VALUES,
        ROW[1:],
        ROW + ";",
    ],
)
def test_the_answer_to_another_command_is_no_row(foreign: str) -> None:
    if foreign == ROW[1:]:  # ".00788628": a number needs its first digit
        foreign = ROW[1:]
    with pytest.raises(InstrumentError):
        parsed(foreign, 1)


def test_no_rows_are_due_and_none_come() -> None:
    assert len(parsed("", 0).voltage_v) == 0


def test_values_of_a_sweep() -> None:
    found = grammar.parse_values(VALUES, "DO 'I1'", most=3)
    assert found.value.tolist() == [4.3555e-15, 54.978e-15, -1.2]
    assert found.limited.tolist() == [False, True, False]


def test_an_open_interlock_reads_zero() -> None:
    found = grammar.parse_values("N 0.0000,N 0.0000", "DO 'I1'", most=2)
    assert not found.value.any()


@given(st.integers(0, len(VALUES) - 1))
def test_values_cut_anywhere_are_refused_or_fewer(end: int) -> None:
    try:
        found = grammar.parse_values(VALUES[:end], "DO 'I1'", most=3)
    except InstrumentError:
        return
    assert VALUES[end] == ","  # between two values: the number of them tells
    assert found.value.tolist() == [4.3555e-15, 54.978e-15, -1.2][: len(found.value)]
    assert len(found.value) < 3


@given(st.integers(0, len(VALUES) - 1), st.characters(min_codepoint=0x80))
def test_values_with_noise_are_refused(place: int, noise: str) -> None:
    with pytest.raises(InstrumentError):
        grammar.parse_values(VALUES[:place] + noise + VALUES[place + 1 :], "DO 'I1'", most=3)


@pytest.mark.parametrize("letter", ["X", "T", "V"])
def test_flags_other_than_normal_and_compliance_are_refused(letter: str) -> None:
    with pytest.raises(InstrumentError, match=letter):
        grammar.parse_values(f"{letter} 1.0000E-06", "DO 'I1'", most=1)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("0.1,0.2", [0.1, 0.2]), ("N 16.677E-03,N 1.0000E+00", [16.677e-3, 1])],
)
def test_times_come_with_or_without_letters(answer: str, expected: list[float]) -> None:
    found = grammar.parse_numbers(answer, "DO 'CH1T'", count=2)
    assert np.allclose(found, expected, rtol=1e-12)
    for count in (1, 3):
        with pytest.raises(InstrumentError):
            grammar.parse_numbers(answer, "DO 'CH1T'", count=count)


def test_identity() -> None:
    found = grammar.parse_identity("KEITHLEY INSTRUMENTS,KI4200A,1442736,V1.8.1", "*IDN?")
    assert found == ("KI4200A", "1442736", (1, 8, 1))
    with pytest.raises(InstrumentError, match="4200A"):
        grammar.parse_identity("KEITHLEY INSTRUMENTS INC.,MODEL 2450,0,1.7", "*IDN?")


@pytest.mark.parametrize("none", ["", "No error. (0)", " "])
def test_no_error(none: str) -> None:
    assert grammar.parse_error(none, "") == ""


def test_an_error_is_told_in_the_instruments_words() -> None:
    assert grammar.parse_error("KXCI command error. (-992)", "") == "KXCI command error. (-992)"
    with pytest.raises(InstrumentError):
        grammar.parse_error("ACK", "")


@pytest.mark.parametrize("wrong", ["", "2", "01", "ACK", "1.0"])
def test_running_is_one_or_zero(wrong: str) -> None:
    assert grammar.parse_running("1", "") is True
    assert grammar.parse_running("0", "") is False
    with pytest.raises(InstrumentError):
        grammar.parse_running(wrong, "")


@pytest.mark.parametrize("wrong", ["", "256", "-1", "1.0", "ACK"])
def test_a_status_byte_is_one_byte(wrong: str) -> None:
    assert grammar.parse_serial_poll("17", "") == 17
    with pytest.raises(InstrumentError):
        grammar.parse_serial_poll(wrong, "")


def test_acknowledgement_is_the_word_and_nothing_else() -> None:
    grammar.acknowledged("ACK", "BC")
    for text in ("", "ACK ", "AC", "ACKACK", "ack"):
        with pytest.raises(InstrumentError, match=r"'BC' is .* not 'ACK'"):
            grammar.acknowledged(text, "BC")
