"""Chains, common commands, status and errors of an instrument that speaks SCPI."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulators.instruments.scpi.sample import Bare


class TestChains:
    def test_the_path_carries_over(self) -> None:
        bare = Bare()
        assert bare.say(":SOUR2:VOLT:LEV 1.5;IMM?;AMPL?;:VOLT?") == (
            "+1.500000E+00;+1.500000E+00;+0.000000E+00"
        )

    def test_a_common_command_does_not_change_it(self) -> None:
        assert Bare().say("SOUR2:VOLT:LEV 1;*CLS;LEV?") == "+1.000000E+00"

    def test_a_colon_begins_at_the_root(self) -> None:
        bare = Bare()
        assert bare.tell("SOUR2:VOLT 1;:VOLT 2;SOUR2:VOLT 3") == []
        assert [bare.it.channels[n].level_v for n in (1, 2)] == [2.0, 3.0]

    def test_a_command_error_ends_the_message(self) -> None:
        bare = Bare()
        assert bare.say("VOLT 1;NONSENSE 2;:VOLT 3;*IDN?") is None
        assert bare.it.channels[1].level_v == 1.0
        assert bare.errors() == [-113]

    def test_an_execution_error_does_not(self) -> None:
        bare = Bare()
        assert bare.say("VOLT 9;:STAT ON;*IDN?") == "NOBODY,SAMPLE,0,1.0"
        assert bare.it.channels[1].on
        assert bare.errors() == [-222]

    def test_a_failing_query_answers_nothing(self) -> None:
        bare = Bare()
        assert bare.say("VOLT? 3") is None
        assert bare.say("NO?;*IDN?") is None
        assert bare.say("*IDN?;NO?") == "NOBODY,SAMPLE,0,1.0"
        assert bare.errors() == [-108, -113, -113]

    def test_what_cannot_be_asked_or_set(self) -> None:
        bare = Bare()
        assert bare.tell("TRAC:MAKE?") == bare.tell("CALC3:DATA 1") == bare.tell("*IDN") == [-113]

    @pytest.mark.parametrize("message", [b"", b";", b" ; ;\r", b"\n"])
    def test_nothing_is_nothing(self, message: bytes) -> None:
        assert Bare().tell(message) == []


class TestReset:
    def test_settings_go_to_their_defaults(self) -> None:
        bare = Bare()
        bare.say("SOUR2:VOLT 1;:KEPT 9;:TITL 'x';:*RST")
        assert bare.say("SOUR2:VOLT?;:TITL?;:KEPT?") == '+0.000000E+00;"";9'
        assert bare.it.channels[2].seen == [1.0]


class TestErrors:
    def test_the_queue_is_read_in_order(self) -> None:
        bare = Bare()
        for message in ("NO", "VOLT 9", "VOLT 'x'"):
            bare.say(message)
        assert bare.say("SYST:ERR:COUN?") == "3"
        assert bare.say(":SYSTem:ERRor:NEXT?") == '-113,"Undefined header"'
        assert bare.errors() == [-222, -158]

    def test_a_full_queue_ends_with_an_overflow(self) -> None:
        bare = Bare()
        for _ in range(7):
            bare.say("NO")
        bare.say("VOLT 9")
        assert bare.errors() == [-113] * 4 + [-350]

    def test_cls_forgets_them(self) -> None:
        bare = Bare()
        bare.say("NO")
        assert bare.say("*CLS;*ESR?;:SYST:ERR?") == '0;0,"No error"'

    def test_all_at_once(self) -> None:
        bare = Bare()
        bare.say("VOLT 9;:VOLT 9")
        assert bare.say("SYST:ERR:ALL?") == ",".join(['-222,"Parameter data out of range"'] * 2)
        assert bare.say("SYST:ERR:ALL?") == '0,"No error"'

    def test_somebody_left_it_full(self) -> None:
        bare = Bare()
        bare.it.troubles.add("queue-full")
        assert bare.errors() == [-102] * 4 + [-350]


class TestStatus:
    @pytest.mark.parametrize(("message", "bit"), [("NO", 32), ("VOLT 9", 16), ("*OPC", 1)])
    def test_events(self, message: str, bit: int) -> None:
        bare = Bare()
        assert bare.say("*ESR?") == "128"
        bare.say(message)
        assert bare.say("*ESR?") == str(bit)
        assert bare.say("*ESR?") == "0"

    @pytest.mark.parametrize(("code", "bit"), [(803, 8), (-350, 8), (-410, 4), (-200, 16)])
    def test_events_of_other_errors(self, code: int, bit: int) -> None:
        bare = Bare()
        bare.say("*CLS")
        bare.it.error(code)
        assert bare.say("*ESR?") == str(bit)

    def test_the_status_byte_sums_up(self) -> None:
        bare = Bare()
        bare.say("*CLS;*ESE 32;*SRE 32")
        assert bare.say("*STB?") == "0"
        bare.say("NO")
        assert bare.say("*STB?") == str(4 + 32 + 64)
        assert bare.say("*ESE?;*SRE?;*STB?") == f"32;32;{4 + 16 + 32 + 64}"

    def test_a_serial_poll_tells_of_each_request_once(self) -> None:
        bare = Bare()
        bare.say("*CLS;*ESE 32;*SRE 32;NO")
        assert bare.it.status_byte() == 4 + 32 + 64
        assert bare.it.status_byte() == 4 + 32
        assert bare.say("*ESR?") == "32"
        assert bare.it.status_byte() == 4
        bare.say("NO")
        assert bare.it.status_byte() == 4 + 32 + 64

    def test_registers(self) -> None:
        bare = Bare()
        operation = bare.it.status.registers[7]
        operation.set(16)
        assert bare.say("STAT:OPER:COND?;EVEN?;:STAT:OPER?") == "16;16;0"
        bare.say("STAT:OPER:ENAB 16;NTR 16;PTR 0")
        operation.set(16, on=False)
        assert bare.say("*STB?") == "128"
        assert bare.say("STAT:OPER?;*STB?") == "16;16"
        bare.say("STAT:PRES")
        assert bare.say("STAT:OPER:ENAB?;PTR?;NTR?") == "0;32767;0"

    @pytest.mark.parametrize("message", ["*SRE 256", "*ESE -1", "STAT:OPER:ENAB 65536"])
    def test_masks_have_limits(self, message: str) -> None:
        assert Bare().tell(message) == [-222]


class TestTime:
    def test_opc_waits_for_what_runs(self) -> None:
        bare = Bare()
        assert bare.say("RUN 2;*OPC?") == "1"
        assert bare.it.busy_until_s == 2.0

    def test_wai_does_too(self) -> None:
        bare = Bare()
        bare.say("RUN 2;*WAI;RUN 1;*WAI")
        assert bare.it.busy_until_s == 3.0

    def test_opc_tells_when_it_is_over(self) -> None:
        bare = Bare()
        bare.say("*CLS;RUN 2;*OPC")
        assert bare.say("*ESR?") == "0"
        bare.sleep(2.0)
        assert bare.say("*ESR?") == "1"
        assert bare.say("*ESR?") == "0"

    @pytest.mark.parametrize("message", ["*CLS", "*RST"])
    def test_nobody_waits_any_more(self, message: str) -> None:
        bare = Bare()
        bare.say(f"*ESR?;RUN 2;*OPC;{message}")
        bare.sleep(2.0)
        assert bare.say("*ESR?") == "0"

    def test_what_never_ends_is_never_answered(self) -> None:
        bare = Bare()
        bare.it.over_s = float("inf")
        assert bare.say("*OPC?") is None


class TestTriggers:
    def test_both_ways(self) -> None:
        bare = Bare()
        bare.say("*TRG")
        bare.it.trigger()
        assert bare.it.triggers == 2
        bare.it.trigger()
        assert bare.errors() == [-211]


PIECES = st.sampled_from([
    "VOLT", "SOUR2:", ":", ";", "?", " ", ",", "1.5", "1e999", "MV", "'", '"', "#13", "#0", "#9",
    "(@1", ")", "*OPC", "*RST", "MAX", "TRAC:MAKE", "DATA", "STAT:OPER:ENAB", "\n", "LINE4:SET",
    "ECHO? ", "SYST:ERR?", "*", "[", "\xe4", "\0", "-", "#H", "TITL ", "SENS:FUNC ", "RUN 1",
])  # fmt: skip


class TestAnything:
    @given(st.binary(max_size=60))
    def test_bytes(self, message: bytes) -> None:
        """Nothing crashes; what is not understood is told; the next query is answered."""
        bare = Bare()
        bare.it.handle(message)
        assert bare.say("*IDN?") == "NOBODY,SAMPLE,0,1.0"

    @given(st.lists(PIECES, max_size=12).map("".join))
    def test_pieces_of_commands(self, message: str) -> None:
        bare = Bare()
        bare.say(message)
        bare.say("*CLS;*RST")
        assert bare.say(":*IDN?;:SYST:ERR?") == 'NOBODY,SAMPLE,0,1.0;0,"No error"'

    @given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
    def test_no_unknown_word_goes_unnoticed(self, word: str) -> None:
        message = f"XX{word}"
        bare = Bare()
        assert bare.say(message) is None
        assert len(bare.errors()) == 1
