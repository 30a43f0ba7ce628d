"""Numbers that go to an instrument, against Python's own."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.drivers.session.numbers import exact, exact_list
from hil.errors import ConfigError

finite = st.floats(allow_nan=False, allow_infinity=False)
# what a person writes: few digits, a size that a bench has
written = st.builds(
    lambda digits, power: float(f"{digits}e{power}"),
    st.integers(-999_999, 999_999),
    st.integers(-15, 6),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (3 * 0.1, "0.3"),
        (500e-9, "5e-7"),
        (-1.25e-5, "-1.25e-5"),
        (1000, "1000"),
        (1000.0, "1e3"),
        (100.0, "100"),
        (-0.5, "-0.5"),
        (True, "1"),
        (10**12, "1e12"),
        (np.float64(0.25), "0.25"),
        (np.int64(128), "128"),
        (1.00000000000005, "1"),
        (1.2345678e-5, "1.2345678e-5"),
        (1.23456789e-2, "0.0123456789"),
    ],
)
def test_examples(value, text):
    assert exact(value) == text


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (123456.789012, "round it to 123456.78901"),
        (-1.23456789012e-5, "round it to -1.234568e-5"),
        (1e-300, "out of the instrument's range"),
        (1.5e101, "out of the instrument's range"),
        (math.inf, "no number"),
        (-math.inf, "no number"),
        (math.nan, "no number"),
        (10**400, "out of the instrument's range"),
        (1234567890123, "round it to 123456789e4"),
    ],
)
def test_what_does_not_fit_is_said_with_what_would(value, advice):
    with pytest.raises(ConfigError, match=advice) as caught:
        exact(value)
    assert advice == "no number" or str(value)[:6] in str(caught.value)


@given(finite, st.integers(3, 30), st.integers(1, 3))
def test_the_text_is_the_number_or_there_is_none(value, longest, exponent_digits):
    try:
        text = exact(value, longest, exponent_digits)
    except ConfigError:
        return
    assert len(text) <= longest
    assert abs(float(text) - value) <= 1e-12 * abs(value)
    assert text.startswith("-") == (value < 0)
    assert len(text.partition("e")[2].lstrip("-")) <= exponent_digits
    assert "+" not in text
    assert not text.startswith((".", "-."))


@given(written)
def test_written_numbers_fit_with_their_own_digits(value):
    text = exact(value)
    assert float(text) == value
    assert len(text) <= len(f"{Decimal(repr(value)).normalize():e}".replace("+", ""))


@given(written.filter(bool), st.floats(-4e-13, 4e-13))
def test_noise_of_arithmetic_is_no_digit(value, noise):
    assert float(exact(value * (1 + noise))) == value


@given(finite.filter(lambda value: abs(value) > 1e-290))
def test_no_text_with_fewer_digits_would_do(value):
    text = exact(value, 30, 3)
    digits = len(text.partition("e")[0].lstrip("-0.").replace(".", "").rstrip("0"))
    for fewer in range(1, digits):
        assert abs(float(f"{value:.{fewer - 1}e}") - value) > 1e-12 * abs(value)


@given(st.integers())
def test_integers_are_written_whole(value):
    try:
        text = exact(value)
    except ConfigError:
        assert len(str(value)) > 12
    else:
        assert Decimal(text) == value
        assert text == str(value) or len(str(value)) > 12


@pytest.mark.parametrize("make", [list, tuple, np.array, iter])
def test_many(make):
    assert exact_list(make([0.5, 1e-7, 0.5, -2.0])) == ["0.5", "1e-7", "0.5", "-2"]


def test_one_of_many_that_does_not_fit():
    with pytest.raises(ConfigError, match=r"0\.1234567890123"):
        exact_list([1.0, 0.1234567890123])
