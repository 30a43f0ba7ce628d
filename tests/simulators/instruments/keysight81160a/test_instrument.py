"""What only the 81160A has: its headers, triggered pulses without burst, DAC blocks, tracking."""

import numpy as np
import pytest

from hil.errors import ConfigError
from tests.simulators.instruments.keysight_pulse.bare import Bare

KIND = "keysight81160a"


def block(codes: list[int]) -> bytes:
    data = np.array(codes, ">i2").tobytes()
    count = str(len(data))
    return f"#{len(count)}{count}".encode() + data


def test_it_says_what_it_is() -> None:
    bare = Bare(KIND)
    assert bare.ask("*IDN?") == "Agilent Technologies,81160A,MY51400292,1.0.3.0-2.6"
    assert bare.ask(":SYST:ERR?") == '+0,"No error"'
    assert bare.ask("*ESR?;*STB?;*TST?") == "+128;+16;+0"
    assert bare.ask("PULS:PER?") == "+1.00000000E-03"


def test_it_has_no_options() -> None:
    with pytest.raises(ConfigError, match="speed"):
        Bare(KIND, speed=3)


@pytest.mark.parametrize(
    "header", [":FUNC2", "FUNCtion2:SHAPe", "SOUR:FUNC2", ":SOURCE:FUNCTION2:SHAPE"]
)
def test_the_number_stands_at_its_node(header: str) -> None:
    bare = Bare(KIND)
    bare.tell(f"{header} PULS")
    assert bare.ask(":FUNC1?;:FUNC2?") == "SIN;PULS"


def test_an_unknown_function() -> None:
    assert Bare(KIND).refused("FUNC ARB") == [-224]


def test_a_wrong_command_as_it_is_told() -> None:
    bare = Bare(KIND)
    bare.it.handle(b"NONSENSE 1")
    assert bare.ask("SYST:ERR?") == '-113,"Undefined header"'
    bare.it.handle(b"VOLT 100")
    assert bare.ask("SYST:ERR?") == '-222,"Data out of range"'
    bare.it.handle(b"VOLT:OFFS 3;:VOLT 5")
    assert bare.ask("SYST:ERR?") == '-221,"Settings conflict; offset changed due to amplitude"'


def test_count_and_burst_are_one() -> None:
    bare = Bare(KIND)
    assert bare.refused("BURS:NCYC 1") == [-222]
    bare.tell("TRIG:COUN 5")
    assert bare.ask("BURS:STAT?;NCYC?") == "1;+5"
    bare.tell("TRIG:COUN 1")
    assert bare.ask("BURS:STAT?;:TRIG:COUN?") == "0;+1"


def test_the_trailing_edge_follows_until_it_is_set() -> None:
    bare = Bare(KIND)
    bare.tell("PULS:TRAN 50ns")
    assert bare.number("PULS:TRAN:TRA?") == 50e-9
    bare.tell("PULS:TRAN:TRA 20ns", "PULS:TRAN 60ns")
    assert bare.number("PULS:TRAN:TRA?") == 20e-9
    assert bare.ask("PULS:TRAN:TRA:AUTO?") == "0"


class TestPoints:
    def test_a_block_is_played_over_one_period(self) -> None:
        bare = Bare(KIND)
        assert bare.refused(b":DATA1:DAC VOLATILE," + block([8191, 0, -8191, 4096])) == []
        bare.tell(
            "FUNC:USER VOLATILE", "FUNC USER", "FREQ 1MHz", "OUTP:LOAD INF", "VOLT 2",
            "ARM:SOUR MAN", "OUTP ON",
        )  # fmt: skip
        assert bare.trigger() == pytest.approx(1e-6, rel=2e-3)
        times_s, volts = bare.waveform()
        assert volts[:8:2].tolist() == pytest.approx([1, 0, -1, 4096 / 8191])
        assert (times_s[1::2] - times_s[::2])[:4].tolist() == pytest.approx([250e-9] * 4)
        assert volts[-1] == pytest.approx(1)

    def test_a_block_and_the_next_command_without_anything_between(self) -> None:
        bare = Bare(KIND)
        stream = b":DATA1:DAC VOLATILE," + block([10] * 5) + b":DATA1:COPY mine, VOLATILE\n"
        end, begin = bare.it.cut(bytearray(stream)) or (0, 0)
        assert end == begin
        assert bare.refused(stream[:end]) == []
        assert bare.refused(stream[begin:-1]) == []
        assert bare.ask(":DATA:NVOL:CAT?") == '"MINE"'

    def test_the_memory(self) -> None:
        bare = Bare(KIND)
        assert bare.ask(":DATA:NVOL:CAT?;FREE?") == '"";+4'
        assert bare.refused(":DATA:COPY A") == [785]
        bare.tell(":DATA VOLATILE, -1, 0.5, 1")
        bare.tell(*(f":DATA:COPY {name}" for name in "ABCD"))
        assert bare.refused(":DATA:COPY E") == [781]
        assert bare.refused(":DATA:COPY A, B") == [784]
        assert bare.ask(":DATA:CAT?") == '"EXP_RISE","VOLATILE","A","B","C","D"'
        bare.tell("FUNC:USER A", "FUNC USER")
        assert bare.refused(":DATA:DEL A") == [787]
        assert bare.refused(":DATA:DEL X") == bare.refused("FUNC:USER X") == [785]
        bare.tell(":DATA:DEL B", ":DATA2:DEL:ALL")
        assert bare.ask(":DATA:NVOL:FREE?") == "+4"

    @pytest.mark.parametrize(
        ("message", "wrong"),
        [
            (b":DATA:DAC OTHER," + block([1, 2]), -224),
            (b":DATA:DAC VOLATILE," + block([9000, 2]), -222),
            (b":DATA:DAC VOLATILE,#13abc", -161),
            (b":DATA:DAC VOLATILE,#14ab", -161),
            (b":DATA:DAC VOLATILE,5", -109),
            (b":DATA VOLATILE, 1, 1.1", -222),
            (b":DATA:DAC VOLATILE", -109),
        ],
    )
    def test_what_is_refused(self, message: bytes, wrong: int) -> None:
        assert Bare(KIND).refused(message) == [wrong]


def test_a_channel_that_tracks_the_other() -> None:
    bare = Bare(KIND)
    bare.tell("VOLT1:HIGH 2", ":TRAC:CHAN1 ON", "PULS:WIDT1 3us", "OUTP1 ON")
    assert bare.number("VOLT2:HIGH?") == pytest.approx(2)
    assert bare.number("PULS:WIDT2?") == pytest.approx(3e-6)
    assert bare.ask("OUTP2?;:TRAC:CHAN2?") == "0;0"
    bare.tell(":TRAC:CHAN1 OFF", "PULS:WIDT1 4us")
    assert bare.number("PULS:WIDT2?") == pytest.approx(3e-6)


class TestApply:
    def test_it_sets_all_and_switches_on(self) -> None:
        bare = Bare(KIND)
        bare.tell("TRIG2:COUN 3", "PULS:WIDT2 100ns", ":APPL2:PULS 1e6, 2, 0.5")
        assert bare.ask("FUNC2?;:OUTP2?;:BURS2:STAT?") == "PULS;1;0"
        assert bare.number("FREQ2?") == 1e6
        assert bare.number("VOLT2:HIGH?") == 1.5

    def test_defaults(self) -> None:
        bare = Bare(KIND)
        bare.tell("FREQ 5", "VOLT 3", ":APPL:SQU DEF, DEF, DEF")
        assert bare.ask("FREQ?;:VOLT?;:FUNC?") == "+1.00000000E+03;+1.00000000E-01;SQU"

    @pytest.mark.parametrize("asked", ["1e9", "1e3, 6", "1e3, 1, 6", "1e-7", "1e3, 1, 1, 1"])
    def test_nothing_of_what_is_out_of_range_is_done(self, asked: str) -> None:
        bare = Bare(KIND)
        assert len(bare.refused(f":APPL:SIN {asked}")) == 1
        assert bare.ask("OUTP?;:FREQ?") == "0;+1.00000000E+03"
