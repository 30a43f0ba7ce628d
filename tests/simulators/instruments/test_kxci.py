"""KXCI: numbers as the manual shows them, messages taken apart, errors."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.simulators.instruments import kxci
from hil.simulators.instruments.kxci import Command, Refused

VALUES = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)


def rounded(value: float, digits: int) -> float:
    """Round to significant digits by decimal arithmetic."""
    exact = Decimal(value)
    place = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    return float(exact.quantize(place, ROUND_HALF_EVEN)) if exact else 0.0


class TestTold:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.00788628, "0.00788628"),
            (-21.7246e-9, "-21.7246e-9"),
            (0.0, "0"),
            (1e-3, "0.001"),
            (0.9999996e-3, "0.001"),
            (9.99999e-4, "999.999e-6"),
            (999999.4, "999999"),
            (1e6, "1e6"),
            (100e-9, "100e-9"),
            (-123.4567, "-123.457"),
        ],
    )
    def test_is_written_as_in_the_manual(self, value: float, text: str) -> None:
        assert kxci.told(value) == text

    @given(VALUES.filter(lambda value: value == 0 or abs(value) > 1e-30))
    def test_reads_back_as_six_digits(self, value: float) -> None:
        assert float(kxci.told(value)) == rounded(value, 6)

    @given(st.integers(1, 10**9))
    def test_twelve_digits_keep_ten_nanoseconds_of_an_hour(self, ticks: int) -> None:
        told_s = float(kxci.told(ticks * 1e-8 + 0.0, 12))
        assert round(told_s / 1e-8) == ticks


class TestEngineering:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (22.329e-9, "22.329E-09"),
            (4.3555e-15, "4.3555E-15"),
            (54.978e-15, "54.978E-15"),
            (-1.0, "-1.0000E+00"),
            (250e-3, "250.00E-03"),
            (12345.0, "12.345E+03"),
        ],
    )
    def test_is_written_as_in_the_manual(self, value: float, text: str) -> None:
        assert kxci.engineering(value) == text

    @given(st.floats(1e-14, 1e3), st.integers(3, 7))
    def test_reads_back_as_its_digits(self, value: float, digits: int) -> None:
        assert float(kxci.engineering(-value, digits)) == rounded(-value, digits)


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "value"), [("1", 1), ("-0.5", -0.5), (".5", 0.5), ("1.E-6", 1e-6), ("+2e+3", 2e3)]
    )
    def test_are_read(self, text: str, value: float) -> None:
        assert kxci.number(text) == value

    @pytest.mark.parametrize(
        "text", ["", "-", "1e-006", "1.234567890123", "nan", "inf", "1 2", "0x10", "1e", "1_0"]
    )
    def test_are_refused(self, text: str) -> None:
        with pytest.raises(Refused) as refused:
            kxci.number(text)
        assert refused.value.code == -993

    def test_have_twelve_characters_at_most(self) -> None:
        assert kxci.number("-1.23456e-10") == -1.23456e-10
        with pytest.raises(Refused):
            kxci.number("-1.234567e-10")

    def test_whole_numbers_keep_their_bounds(self) -> None:
        assert kxci.integer("1e3", 1, 1000) == 1000
        for text in ("0", "1001", "1.5"):
            with pytest.raises(Refused):
                kxci.integer(text, 1, 1000)


class TestMessages:
    def test_spaces_and_case_do_not_matter(self) -> None:
        for text in ("US;DV1,0,0.2,1e-3", "us; dv 1 , 0,0.2, 1E-3", " US ;DV  1,0,0.2,1e-3;"):
            words = kxci.commands(text)
            assert [command.word for command in words] == ["US", "DV"]
            assert [kxci.number(argument) for argument in words[1].arguments] == [1, 0, 0.2, 1e-3]

    def test_a_page_and_a_command_may_stand_together(self) -> None:
        assert kxci.commands("SM DM1") == [Command("SM", []), Command("DM", ["1"])]

    def test_long_commands_have_their_word_up_to_the_space(self) -> None:
        assert kxci.commands(":pmu:rpm:configure PMU1-1, 0") == [
            Command(":PMU:RPM:CONFIGURE", ["PMU1-1", "0"])
        ]

    def test_an_empty_message_has_no_command(self) -> None:
        assert kxci.commands(" ; ") == []

    def test_what_has_no_word_is_a_command_error(self) -> None:
        with pytest.raises(Refused) as refused:
            kxci.commands("1V")
        assert refused.value.code == -992

    def test_names_have_six_characters_in_quotes(self) -> None:
        assert kxci.name("'ISWEEP'") == "ISWEEP"
        for text in ("'SEVENCH'", "''", "I1"):
            with pytest.raises(Refused):
                kxci.name(text)

    def test_an_error_is_its_text_and_its_code(self) -> None:
        assert str(Refused(-992)) == "KXCI command error. (-992)"
