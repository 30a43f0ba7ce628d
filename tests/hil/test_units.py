"""Quantities as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ConfigError
from hil.units import Scale, format_quantity, parse_quantity, scale_of


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("500ns", "s", 500e-9),
        ("1.2 V", "V", 1.2),
        ("-100uA", "A", -100e-6),
        ("10kΩ", "ohm", 10e3),
        ("10 kohm", "ohm", 10e3),
        (".5mS", "S", 0.5e-3),
        ("5µS", "S", 5e-6),
        ("2mm", "m", 2e-3),
        ("1e3 m", "m", 1e3),
        ("0.1", "V", 0.1),
        ("3", "1", 3.0),
        ("1.5e-7s", "s", 1.5e-7),
    ],
)
def test_a_quantity_is_exactly_the_float_one_would_type(
    text: str, unit: str, value: float
) -> None:
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("500nV", "s"), ("5S", "s"), ("5s", "S"), ("nan", "V"), ("inf", "V"), ("1e999V", "V"),
        ("", "V"), ("V", "V"), ("12 parsecs", "m"), ("3V", "1"), ("1,5V", "V"), ("1 xV", "V"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str, unit: str) -> None:
    with pytest.raises(ConfigError, match=r"such as|write it like|too large"):
        parse_quantity(text, unit)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (5e-7, "s", "500 ns"), (1.8, "V", "1.8 V"), (-81e-6, "A", "-81 uA"), (0.0, "V", "0 V"),
        (999.99e-9, "s", "1 us"), (99999.0, "ohm", "100 kohm"),
        (1e-3, "S", "1 mS"), (0.5, "1", "0.5"),
    ],
)  # fmt: skip
def test_a_value_is_written_with_the_prefix_one_would_choose(
    value: float, unit: str, text: str
) -> None:
    assert format_quantity(value, unit) == text


@given(st.floats(1e-14, 1e11), st.sampled_from(["V", "A", "s", "S", "ohm"]))
def test_what_is_written_can_be_read_again(value: float, unit: str) -> None:
    written = format_quantity(value, unit, digits=12)
    assert parse_quantity(written, unit) == pytest.approx(value, rel=1e-11)


@pytest.mark.parametrize(
    ("largest", "scale"),
    [
        (36e-9, (1e9, "nS")),
        (-29e-6, (1e6, "uS")),
        (1e-6, (1e6, "uS")),
        (0.9999e-6, (1e9, "nS")),
        (2.0, (1.0, "S")),
        (3e-17, (1e15, "fS")),
        (0.0, (1.0, "S")),
        (float("nan"), (1.0, "S")),
    ],
)
def test_values_side_by_side_have_the_prefix_of_the_largest(
    largest: float, scale: tuple[float, str]
) -> None:
    found = scale_of(largest, "S")
    assert isinstance(found, Scale)
    assert found.unit == scale[1]
    assert found.factor == pytest.approx(scale[0])
