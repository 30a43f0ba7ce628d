"""Answers, read to the last character."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.session.answers import acknowledged, integer, matching, number, numbers
from hil.errors import InstrumentError


@given(st.floats(-1e300, 1e300))
def test_numbers_as_instruments_write_them(value):
    for text in (repr(value), f"{value:+.15E}", f" {value:e} ", f"{value:f}"):
        assert number(text) == float(text)
    assert numbers(f"{value!r}, {value:+.6E},1.", count=3) == [value, float(f"{value:.6E}"), 1.0]


@pytest.mark.parametrize("read", [number, numbers])
@pytest.mark.parametrize(
    "text",
    ["", " ", "+1.00E-0\0", "1,", ",1", "1_000", "1e", "0x10", "nan", "inf", "1e999", "--1", ".",
     "1 2", "1\n", "\u0661", "ACK", "1.5V", "-", "1e+", "1;2"],
)  # fmt: skip
def test_what_is_no_number(read, text):
    with pytest.raises(InstrumentError) as caught:
        read(text, "TI1")
    assert repr(text) in str(caught.value)
    assert "'TI1'" in str(caught.value)


@given(st.text(max_size=6))
def test_nothing_is_read_that_python_reads_otherwise(text):
    try:
        value = number(text)
    except InstrumentError:
        return
    assert value == float(text)
    assert text.isascii()


def test_the_count_counts():
    assert numbers("1,2,3") == [1, 2, 3]
    with pytest.raises(InstrumentError, match="not 4 numbers"):
        numbers("1,2,3", "RD", count=4)


@pytest.mark.parametrize(("text", "value"), [("12", 12), (" -3", -3), ("+0", 0)])
def test_integers(text, value):
    assert integer(text) == value


@pytest.mark.parametrize("text", ["", "1.0", "1e3", "1_0", "\u0661", "1 2"])
def test_what_is_no_integer(text):
    with pytest.raises(InstrumentError, match="not an integer"):
        integer(text, "SP")


def test_acknowledgement_is_the_word_and_nothing_else():
    acknowledged("ACK", "BC")
    for text in ("", "ACK ", "AC", "ACKACK", "ack"):
        with pytest.raises(InstrumentError, match=r"'BC' is .* not 'ACK'"):
            acknowledged(text, "BC")


def test_a_grammar_of_ones_own():
    read = matching(r"V([0-9]+)\.([0-9]+)", "a version")
    assert read("V1.13", "ID").groups() == ("1", "13")
    with pytest.raises(InstrumentError, match="not a version"):
        read("V1.13 ", "ID")


def test_a_long_answer_is_cut_in_the_error():
    with pytest.raises(InstrumentError, match=r"\(5000 characters\)") as caught:
        number("9" * 5000)
    assert len(str(caught.value)) < 300
