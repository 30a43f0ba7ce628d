"""The error of an answer that is not what was asked for."""

from hil.drivers.session.answers import unexpected


def test_it_shows_answer_and_command():
    text = str(unexpected("+1.00E-0\0", "TI1", "a number"))
    assert text == "the answer to 'TI1' is '+1.00E-0\\x00', not a number"
    assert str(unexpected("", "", "a number")) == "the answer is '', not a number"


def test_a_long_answer_is_cut():
    text = str(unexpected("9" * 5000, "", "a number"))
    assert "(5000 characters)" in text
    assert len(text) < 300
