"""Arguments: units, keywords, limits, and the error for each that is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.instruments.scpi.sample import Bare


class TestNumbers:
    @pytest.mark.parametrize(
        ("written", "volts"),
        [
            ("1.5", 1.5), ("+1.5e0", 1.5), ("-.5", -0.5), ("2.", 2.0), ("150 mV", 0.15),
            ("150MV", 0.15), ("1500e3uV", 1.5), ("2 E -1 V", 0.2), ("#H1", 1.0), ("#b11", 3.0),
            ("#q4", 4.0), ("0.002kV", 2.0), ("1.500000", 1.5), ("1.5e+00", 1.5),
        ],
    )  # fmt: skip
    def test_volts(self, written: str, volts: float) -> None:
        bare = Bare()
        assert bare.tell(f"VOLT {written}") == []
        assert bare.it.channels[1].level_v == volts

    @pytest.mark.parametrize(
        ("header", "written", "value"),
        [
            ("FREQ", "2MHZ", 2e6), ("FREQ", "3 kHz", 3e3), ("LOAD", "1MOHM", 1e6),
            ("LOAD", "2KOHM", 2e3), ("PER", "2us", 2e-6), ("PER", "3NS", 3e-9),
            ("PER", "4ms", 4e-3),
        ],
    )  # fmt: skip
    def test_m_is_mega_before_hertz_and_ohm_only(
        self, header: str, written: str, value: float
    ) -> None:
        bare = Bare()
        assert bare.tell(f"{header} {written}") == []
        answer = bare.say(f"{header}?")
        assert answer is not None
        assert float(answer) == pytest.approx(value, rel=1e-6)

    def test_no_digit_is_lost_by_a_prefix(self) -> None:
        bare = Bare()
        bare.tell("PER 0.3 us")
        assert bare.it.channels[1].frequency_hz == 1 / 0.3e-6

    @pytest.mark.parametrize(
        ("written", "wrong"),
        [
            ("5.01", -222), ("-5.01", -222), ("1e400", -222), ("INF", -222), ("NAN", -222),
            ("1e99999", -123), ("abc", -104), ("1.5.2", -131), ("--1", -121), ("1 HZ", -131),
            ("1 XV", -131), ("'1'", -158), ("#11a", -168), ("(@1)", -178), ("1,2", -108),
            ("", -109), (",", -108), ("1" * 300, -124),
        ],
    )  # fmt: skip
    def test_what_is_wrong(self, written: str, wrong: int) -> None:
        bare = Bare()
        assert bare.tell(f"VOLT {written}") == [wrong]
        assert bare.it.channels[1].seen == []

    @pytest.mark.parametrize(
        ("word", "answer"), [("MIN", "-5"), ("maximum", "5"), ("DEF", "0"), ("MAX", "5")]
    )
    def test_extremes(self, word: str, answer: str) -> None:
        bare = Bare()
        assert bare.say(f"VOLT? {word}") == f"{float(answer):+.6E}"
        assert bare.tell(f"VOLT:LIM:HIGH 10;:VOLT {word}") == []
        assert bare.it.channels[1].level_v == float(answer)

    def test_limits_may_depend_on_the_part(self) -> None:
        bare = Bare()
        bare.it.channels[2].most_v = 6.0
        assert bare.tell("SOUR2:VOLT:LIM:HIGH 7") == [-222]
        assert bare.say("SOUR2:VOLT:LIM:HIGH? MAX;:VOLT:LIM:HIGH? MAX") == (
            "+6.000000E+00;+1.000000E+01"
        )

    def test_infinity_where_it_can_be(self) -> None:
        bare = Bare()
        assert bare.tell("LOAD INFinity") == []
        assert bare.say("LOAD?") == "+9.900000E+37"

    @given(st.floats(-5, 5, allow_nan=False), st.sampled_from(["%g", "%e", "%f", "%.17g"]))
    def test_every_number_is_read_as_python_writes_it(self, volts: float, how: str) -> None:
        bare = Bare()
        assert bare.tell(f"VOLT {how % volts}") == []
        assert bare.it.channels[1].level_v == round(float(how % volts), 3)

    def test_a_number_that_is_too_large_for_any(self) -> None:
        assert Bare().tell("FREQ 1e400") == [-222]


class TestOthers:
    @pytest.mark.parametrize(
        ("written", "on"), [("ON", 1), ("off", 0), ("1", 1), ("0", 0), ("2", 1), ("0.4", 0)]
    )
    def test_switches(self, written: str, on: int) -> None:
        bare = Bare()
        assert bare.tell(f"STAT {written}") == []
        assert bare.say("STAT?") == str(on)

    @pytest.mark.parametrize(("written", "wrong"), [("True", -224), ("'ON'", -158)])
    def test_what_is_no_switch(self, written: str, wrong: int) -> None:
        assert Bare().tell(f"STAT {written}") == [wrong]

    @pytest.mark.parametrize("written", ["CURR", "current", "Current"])
    def test_choices_are_answered_in_short_form(self, written: str) -> None:
        bare = Bare()
        assert bare.tell(f"FUNC {written}") == []
        assert bare.say("FUNC:MODE?") == "CURR"

    @pytest.mark.parametrize(("written", "wrong"), [("CURREN", -224), ("'CURR'", -104)])
    def test_what_is_no_choice(self, written: str, wrong: int) -> None:
        assert Bare().tell(f"FUNC {written}") == [wrong]

    @pytest.mark.parametrize("written", ["'CURR'", '"CURRent:DC"', "'curr:dc'"])
    def test_choices_in_quotes(self, written: str) -> None:
        bare = Bare()
        assert bare.tell(f"SENS1:FUNC {written}") == []
        assert bare.say("SENS:FUNC?") == '"CURR:DC"'

    def test_texts(self) -> None:
        bare = Bare()
        assert bare.tell("TITL 'say \"no\"'") == []
        assert bare.say("TITL?") == '"say ""no"""'
        assert bare.tell("TITL bare") == [-104]
        assert bare.say("ECHO? bare") == "bare"

    def test_blocks(self) -> None:
        bare = Bare()
        assert bare.tell(b"DATA #210\n;\xff,'56789") == []
        assert bare.it.data == b"\n;\xff,'56789"
        assert bare.say("DATA?") == "#210\n;\xff,'56789"


class TestMethods:
    def test_arguments_that_may_be_left_out(self) -> None:
        bare = Bare()
        for message in ("TRAC:MAKE 'a', 10", "TRAC:MAKE 'a', 10, ", "TRAC:MAKE 'a',10,comp"):
            assert bare.tell(message) == []
        assert bare.it.made == [("a", 10, None), ("a", 10, None), ("a", 10, "COMP")]

    @pytest.mark.parametrize(
        ("message", "wrong"),
        [
            ("TRAC:MAKE", -109), ("TRAC:MAKE 'a'", -109), ("TRAC:MAKE , 10", -109),
            ("TRAC:MAKE 'a', 9", -222), ("TRAC:MAKE 'a', 10, FULL, 3", -108),
            ("LINE3:SET", -109), ("LINE:SET 1", -114), ("*CLS 1", -108),
        ],
    )  # fmt: skip
    def test_arguments_that_are_wrong(self, message: str, wrong: int) -> None:
        bare = Bare()
        assert bare.tell(message) == [wrong]
        assert bare.it.made == []

    def test_any_number_of_arguments_and_a_number_of_the_header(self) -> None:
        bare = Bare()
        assert bare.tell("LINE4:SET 1uA,2 mA,3") == []
        assert bare.it.made == [(4, (1e-6, 2e-3, 3.0))]
