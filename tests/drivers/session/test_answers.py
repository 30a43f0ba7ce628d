"""The error of an answer that is not what was asked for."""

import pytest

from hil.drivers.session.answers import flag, integer, number, numbers, unexpected, word
from hil.errors import InstrumentError


def test_it_shows_answer_and_command():
    text = str(unexpected("+1.00E-0\0", "TI1", "a number"))
    assert text == "the answer to 'TI1' is '+1.00E-0\\x00', not a number"
    assert str(unexpected("", "", "a number")) == "the answer is '', not a number"


def test_a_long_answer_is_cut():
    text = str(unexpected("9" * 5000, "", "a number"))
    assert "(5000 characters)" in text
    assert len(text) < 300


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (number, "+1.050000E-05", 10.5e-6),
        (number, "-.5", -0.5),
        (number, "3.", 3.0),
        (integer, "+3.200000E+01", 32),
        (flag, "1", True),
        (flag, "0", False),
        (word, "SCPI2400", "SCPI2400"),
    ],
)
def test_what_is_asked_for_is_read(parse, text, value):
    assert parse(text, "Q?") == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *(
            (number, text)
            for text in ("", "nan", "inf", "1,2", "1e", "1.0E-", "0x10", "1_0", "--1")
        ),
        (integer, "1.5"),
        *((flag, text) for text in ("", "2", "ON", "01")),
        *((word, text) for text in ("", "0", "SC PI", "SCPI;0", '"SCPI"')),
        *((numbers(2), text) for text in ("", "1", "1,2,3", "1,", ",1", "1,x", "1;2")),
    ],
)
def test_what_is_not_asked_for_is_refused(parse, text):
    with pytest.raises(InstrumentError, match=r"the answer to 'Q\?' is"):
        parse(text, "Q?")


def test_numbers_are_counted():
    assert numbers(3)("1, -2.5E+1,3", "Q?").tolist() == [1.0, -25.0, 3.0]
