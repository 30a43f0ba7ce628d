"""Settings that are asked for errors, and answers that are read strictly."""

from typing import Any

import pytest
from pymeasure.test import expected_protocol

from hil.drivers.scpi import ScpiInstrument
from hil.drivers.session.answers import number
from hil.errors import InstrumentError
from tests.drivers.recorded import Pair

IDENTITY: Pair = ("*IDN?", "MAKER,MODEL 1,2,3")
NO_ERROR: Pair = (":SYST:ERR?", '0,"No error"')


class Box(ScpiInstrument):
    def __init__(self, adapter: Any, **_: Any) -> None:
        super().__init__(adapter, "Box", r"MAKER,MODEL \d,.*")


def expected(*pairs: Pair) -> Any:
    return expected_protocol(Box, [IDENTITY, *pairs])


def test_settings_go_as_one_message_and_are_asked_for_errors() -> None:
    with expected((":A 1;:B 2", None), NO_ERROR) as box:
        box.tell(":A 1", ":B 2")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('-113,"Undefined header"', "Undefined header (-113)"),
        ('+803,"Not permitted with OUTPUT off"', "Not permitted with OUTPUT off (803)"),
        ('-113,"Undefined header;1;2018/05/26 14:00:14.871"', "Undefined header (-113)"),
        ('-221,"Settings conflict; width cut"', "Settings conflict; width cut (-221)"),
    ],
)
def test_a_refusal_is_told_in_the_instruments_words_and_leaves_no_error(
    answer: str, words: str
) -> None:
    errors: list[Pair] = [(":SYST:ERR?", answer), (":SYST:ERR?", '-350,"Queue overflow"')]
    with (
        expected((":A 1", None), *errors, NO_ERROR) as box,
        pytest.raises(InstrumentError) as caught,
    ):
        box.tell(":A 1")
    assert str(caught.value) == f"the Box refuses :A 1: {words}"


@pytest.mark.parametrize("answer", ["", "0", 'x,"No error"', '0,"No err', '"No error"', "0,No"])
def test_an_answer_that_is_no_error_is_not_taken_for_none(answer: str) -> None:
    with (
        expected((":A 1", None), (":SYST:ERR?", answer)) as box,
        pytest.raises(InstrumentError, match="not an error such as"),
    ):
        box.tell(":A 1")


@pytest.mark.parametrize("empty", ['0,"No error"', '+0,"No error"', '0,"No error;0;0 0"'])
def test_no_error_has_many_spellings(empty: str) -> None:
    with expected((":A 1", None), (":SYST:ERR?", empty)) as box:
        box.tell(":A 1")


def test_errors_of_others_are_forgotten() -> None:
    error: Pair = (":SYST:ERR?", '-113,"Undefined header"')
    with expected(("*CLS", None), error, error, NO_ERROR) as box:
        box.clear_errors()


def test_errors_that_do_not_end_are_said() -> None:
    error: Pair = (":SYST:ERR?", '-350,"Queue overflow"')
    with (
        expected(("*CLS", None), *([error] * 50)) as box,
        pytest.raises(InstrumentError, match="does not stop telling errors"),
    ):
        box.clear_errors()


@pytest.mark.parametrize(
    ("answer", "is_held"),
    [("1.050000E-05", True), ("0.0000105", True), ("1.0500001E-05", True), ("1.05001E-05", False)],
)
def test_what_is_held_is_compared(answer: str, is_held: bool) -> None:
    with expected((":LIM?", answer)) as box:
        if is_held:
            assert box.confirm(":LIM?", 10.5e-6, "limit (A)") == float(answer)
            return
        with pytest.raises(InstrumentError, match=r"as limit \(A\) where 1.05e-05 was set"):
            box.confirm(":LIM?", 10.5e-6, "limit (A)")


def test_a_long_refusal_is_shown_short() -> None:
    long = f":LIST {'1,' * 500}1"
    pairs: list[Pair] = [(long, None), (":SYST:ERR?", '-223,"Too much data"'), NO_ERROR]
    with expected(*pairs) as box, pytest.raises(InstrumentError) as caught:
        box.tell(long)
    assert len(str(caught.value)) < 200


def test_spaces_around_an_answer_are_no_part_of_it() -> None:
    with expected((":A?", " 1.5 ")) as box:
        assert box.get(":A?", number) == 1.5


def test_somebody_else_is_said() -> None:
    with (
        pytest.raises(InstrumentError, match="'OTHER,MODEL 1', not the identity of a Box"),
        expected_protocol(Box, [("*IDN?", "OTHER,MODEL 1")]),
    ):
        pass
