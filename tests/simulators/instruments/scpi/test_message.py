"""Program messages: what real clients send is read, whatever else is refused, nothing hangs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Unit, cut, units


def read(message: str | bytes) -> list[Unit]:
    return list(units(message.encode("latin-1") if isinstance(message, str) else message))


def arguments(message: str | bytes) -> list[tuple[str, str]]:
    return [(argument.kind, argument.text) for argument in read(message)[0].arguments]


def code(message: str) -> int:
    with pytest.raises(ScpiError) as refused:
        read(message)
    return refused.value.code


class TestUnits:
    def test_a_chain_as_qcodes_sends_it(self) -> None:
        first, second = read(":TRIG:COUN 1;:FORM:ELEM VOLT,CURR")
        assert first == (":TRIG:COUN", False, (("word", "1"),))
        assert second == (":FORM:ELEM", False, (("word", "VOLT"), ("word", "CURR")))

    @pytest.mark.parametrize("message", ["*RST;:stat:pres;:*CLS;", "*RST ; :stat:pres;;:*CLS \r"])
    def test_colons_before_common_commands_and_empty_units(self, message: str) -> None:
        assert [unit.header for unit in read(message)] == ["*RST", ":STAT:PRES", "*CLS"]

    def test_a_query_with_arguments(self) -> None:
        (unit,) = read(":TRACe:DATA? 1, 5, 'defbuffer1'")
        assert unit.is_query
        assert unit.header == ":TRACE:DATA"
        assert [text for _, text in unit.arguments] == ["1", "5", "defbuffer1"]

    def test_an_empty_last_argument(self) -> None:
        assert arguments(":TRACe:MAKE 'buf1', 100, ") == [
            ("string", "buf1"), ("word", "100"), ("word", ""),
        ]  # fmt: skip

    @pytest.mark.parametrize("message", ["T 'it''s'", 'T "it\'s"'])
    def test_quotes(self, message: str) -> None:
        assert arguments(message) == [("string", "it's")]

    def test_separators_in_quotes_are_text(self) -> None:
        assert arguments("T 'a;b,c#12(@1)'") == [("string", "a;b,c#12(@1)")]

    def test_a_channel_list(self) -> None:
        assert arguments("ROUT:CLOS (@1,2:4)") == [("list", "@1,2:4")]

    def test_numbers_keep_their_spaces_inside(self) -> None:
        assert arguments("V  1.5 mV ") == [("word", "1.5 mV")]

    def test_a_block_may_hold_anything(self) -> None:
        assert arguments(b"DATA VOLATILE,#15;\n,'\xff") == [
            ("word", "VOLATILE"), ("block", ";\n,'\xff"),
        ]  # fmt: skip

    def test_a_command_may_be_glued_to_a_block(self) -> None:
        assert [unit.header for unit in read("DATA X,#13abc:DATA:COPY Y")] == [
            "DATA", ":DATA:COPY",
        ]  # fmt: skip

    def test_a_block_without_a_length_ends_with_the_message(self) -> None:
        assert arguments("DATA #0a;b") == [("block", "a;b")]

    @pytest.mark.parametrize(
        ("message", "wrong"),
        [
            ("1VOLT", -102),
            ("VOLT::LEV 1", -102),
            ("VOLT?1", -103),
            ("*IDN??", -102),
            ("VOLT 'open", -151),
            ("VOLT 'a' 'b'", -103),
            ("VOLT (@1", -171),
            ("VOLT #3ab", -161),
            ("VOLT #15ab", -161),
            ("\xe4VOLT 1", -101),
        ],
    )
    def test_what_is_wrong_with_it(self, message: str, wrong: int) -> None:
        assert code(message) == wrong

    def test_what_comes_before_the_error_is_given(self) -> None:
        found = units(b"*CLS;VOLT 'open")
        assert next(found).header == "*CLS"
        with pytest.raises(ScpiError):
            next(found)


class TestCut:
    def cuts(self, stream: bytes) -> tuple[list[bytes], bytes]:
        rest, messages = bytearray(stream), []
        while (found := cut(rest)) is not None:
            end, begin = found
            messages.append(bytes(rest[:end]))
            del rest[:begin]
        return messages, bytes(rest)

    def test_lines(self) -> None:
        assert self.cuts(b"*IDN?\nVOLT 1\r\nFO") == ([b"*IDN?", b"VOLT 1\r"], b"FO")

    def test_a_line_feed_in_a_block_ends_nothing(self) -> None:
        assert self.cuts(b"DATA X,#14\n\n\n\n\n*OPC?\n") == (
            [b"DATA X,#14\n\n\n\n", b"*OPC?"], b"",
        )  # fmt: skip

    def test_a_command_that_is_glued_to_a_block_is_a_message_of_its_own(self) -> None:
        assert self.cuts(b"DATA X,#13abc:COPY Y\n") == ([b"DATA X,#13abc", b":COPY Y"], b"")

    def test_a_chain_goes_on_behind_a_block(self) -> None:
        assert self.cuts(b"DATA X,#13abc;:COPY Y\n") == ([b"DATA X,#13abc;:COPY Y"], b"")

    @pytest.mark.parametrize("length", range(13))
    def test_a_block_that_is_under_way_is_waited_for(self, length: int) -> None:
        whole = b"D #210ab\ncd\nefghi"
        assert self.cuts(whole[: 3 + length]) == ([], whole[: 3 + length])

    @pytest.mark.parametrize("message", [b"T '#19'", b"T #19x", b"T #", b"T '#", b"V #3\xffab"])
    def test_what_is_no_block_does_not_swallow_the_next_message(self, message: bytes) -> None:
        messages, _ = self.cuts(message + b"\n*IDN?\n" + b"x" * 20 + b"\n")
        assert b"*IDN?" in (messages[-1], messages[-2]) or b"#19x" in message

    @given(st.lists(st.binary(max_size=40), max_size=6))
    def test_it_always_comes_to_an_end(self, parts: list[bytes]) -> None:
        stream = b"\n".join(parts) + b"\n"
        messages, rest = self.cuts(stream)
        assert sum(map(len, messages)) + len(rest) <= len(stream)
