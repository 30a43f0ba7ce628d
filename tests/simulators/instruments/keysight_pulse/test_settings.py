"""What settings of a generator do to each other: levels, limits, units, timing of the pulse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulators.instruments.keysight_pulse.bare import PREFIX, TYPES, Bare

both = pytest.mark.parametrize("kind", TYPES)


@both
class TestLevels:
    def test_high_and_low_are_another_view_of_amplitude_and_offset(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT:HIGH 3", "VOLT:LOW 1")
        assert bare.number("VOLT?") == pytest.approx(2)
        assert bare.number("VOLT:OFFS?") == pytest.approx(2)
        bare.tell("VOLT:OFFS 0", "VOLT 4")
        assert bare.number("VOLT:HIGH?") == pytest.approx(2)
        assert bare.number("VOLT:LOW?") == pytest.approx(-2)

    def test_each_channel_has_its_own(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT2:OFFS 1" if kind == "keysight81160a" else "SOUR2:VOLT:OFFS 1")
        assert bare.number("VOLT:OFFS?") == 0

    def test_a_large_amplitude_moves_the_offset(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT:OFFS 4")
        assert bare.refused("VOLT 4") == [-221]
        assert bare.number("VOLT?") == pytest.approx(4)
        assert bare.number("VOLT:OFFS?") == pytest.approx(3)

    def test_an_offset_is_cut_where_the_amplitude_leaves_no_room(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT 4")
        assert bare.refused("VOLT:OFFS -4.5") == [-222]
        assert bare.number("VOLT:OFFS?") == pytest.approx(-3)

    def test_levels_that_cross_push_each_other(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT:HIGH 2;LOW 1")
        assert bare.refused("VOLT:LOW 3") == [-221]
        assert bare.number("VOLT:LOW?") == pytest.approx(3)
        assert bare.number("VOLT:HIGH?") > 3
        assert bare.refused("VOLT:HIGH -1") == [-221]
        assert bare.number("VOLT:LOW?") < -1

    @pytest.mark.parametrize(
        "message", ["VOLT:HIGH 5.1", "VOLT:LOW -5.1", "VOLT:HIGH -5", "VOLT 11"]
    )
    def test_levels_out_of_the_window_change_nothing(self, kind: str, message: str) -> None:
        bare = Bare(kind)
        assert bare.refused(message) == [-222]
        assert bare.number("VOLT?") == pytest.approx(0.1)
        assert bare.number("VOLT:OFFS?") == 0

    def test_units(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT 2", "VOLT:UNIT VRMS")
        assert bare.number("VOLT?") == pytest.approx(2 / 8**0.5)
        bare.tell("VOLT:UNIT DBM")
        assert bare.number("VOLT?") == pytest.approx(10)
        bare.tell("VOLT 4", "VOLT:UNIT VPP")
        assert bare.number("VOLT?") == pytest.approx(2 * 10**-0.3)
        bare.tell("FUNC SQU", "VOLT 2", "VOLT:UNIT VRMS")
        assert bare.number("VOLT?") == pytest.approx(1)

    def test_dbm_needs_a_load(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT:UNIT DBM")
        assert bare.refused("OUTP:LOAD INF") == [-221]
        assert bare.ask("VOLT:UNIT?") == "VPP"
        assert bare.refused("VOLT:UNIT DBM") == [-221]


@both
class TestLimits:
    def limited(self, kind: str) -> Bare:
        bare = Bare(kind)
        bare.tell("VOLT:LIM:HIGH 2;LOW -1", "VOLT:LIM:STAT ON")
        return bare

    @pytest.mark.parametrize(
        "message", ["VOLT:HIGH 2.1", "VOLT:LOW -1.1", "VOLT:OFFS 2", "VOLT 3", "APPL1:SIN 1e3,3,0"]
    )
    def test_nothing_gets_past_them(self, kind: str, message: str) -> None:
        bare = self.limited(kind)
        message = message if kind == "keysight81160a" else message.replace("APPL1", "APPL")
        assert bare.refused(message) == [-222]
        assert bare.number("VOLT?") == pytest.approx(0.1)
        assert bare.number("VOLT:OFFS?") == 0
        assert bare.ask("OUTP?;:FUNC?") == "0;SIN"

    def test_no_other_function_gets_past_them(self, kind: str) -> None:
        bare = self.limited(kind)
        bare.tell("FUNC DC", "VOLT:OFFS 1.9", "VOLT 1")
        assert bare.refused("FUNC SIN") == [-222]
        assert bare.refused("APPL1:SQU 1e3,1,1.9".replace("1:", ":")) == [-222]
        assert bare.ask("FUNC?;:OUTP?") == "DC;0"

    def test_what_they_allow_is_done(self, kind: str) -> None:
        self.limited(kind).tell("VOLT:HIGH 2", "VOLT:LOW -1")

    def test_they_are_not_set_below_the_levels(self, kind: str) -> None:
        bare = self.limited(kind)
        bare.tell("VOLT:HIGH 1.5", "VOLT:LOW -0.5")
        assert bare.refused("VOLT:LIM:HIGH 1.4") == bare.refused("VOLT:LIM:LOW -0.4") == [-221]
        bare.tell("VOLT:LIM:STAT OFF", "VOLT:LIM:HIGH 1.4")
        assert bare.refused("VOLT:LIM:STAT ON") == [-221]
        assert bare.ask("VOLT:LIM:STAT?") == "0"

    def test_another_load_does_not_get_past_them(self, kind: str) -> None:
        bare = self.limited(kind)
        bare.tell("VOLT:HIGH 1.5")
        assert bare.refused("OUTP:LOAD INF") == [-221]
        assert bare.number("OUTP:LOAD?") == 50
        assert bare.number("VOLT:HIGH?") == pytest.approx(1.5)


@both
class TestTiming:
    def pulses(self, kind: str) -> tuple[Bare, str]:
        bare = Bare(kind)
        node = PREFIX[kind]
        bare.tell(f"{node}:WIDT 1us", f"{node}:PER 10us", "FUNC:PULS:TRAN 100ns", "FUNC PULS")
        return bare, node

    def test_period_and_frequency_are_one(self, kind: str) -> None:
        bare, node = self.pulses(kind)
        assert bare.number("FREQ?") == pytest.approx(100e3)
        bare.tell("FREQ 50kHz")
        assert bare.number(f"{node}:PER?") == pytest.approx(20e-6)

    def test_width_or_duty_cycle_is_held(self, kind: str) -> None:
        bare, node = self.pulses(kind)
        assert bare.number(f"{node}:DCYC?") == pytest.approx(10)
        bare.tell(f"{node}:PER 20us")
        assert bare.number(f"{node}:WIDT?") == pytest.approx(1e-6)
        bare.tell(f"{node}:HOLD DCYC", f"{node}:PER 10us")
        assert bare.number(f"{node}:WIDT?") == pytest.approx(0.5e-6)
        bare.tell("FREQ 50kHz", f"{node}:DCYC 20")
        assert bare.number(f"{node}:WIDT?") == pytest.approx(4e-6)

    def test_a_short_period_costs_the_edges_first(self, kind: str) -> None:
        bare, node = self.pulses(kind)
        assert bare.refused(f"{node}:PER 1.1us") == [-221]
        assert bare.number(f"{node}:WIDT?") == pytest.approx(1e-6)
        assert bare.number("FUNC:PULS:TRAN?") < 100e-9

    def test_then_the_width(self, kind: str) -> None:
        bare, node = self.pulses(kind)
        assert bare.refused(f"{node}:PER 0.9us") == [-221]
        assert 0.8e-6 < bare.number(f"{node}:WIDT?") < 0.9e-6

    def test_a_width_that_does_not_fit(self, kind: str) -> None:
        bare, node = self.pulses(kind)
        assert bare.refused(f"{node}:WIDT 11us") == [-221]
        assert bare.number(f"{node}:PER?") == pytest.approx(10e-6)
        assert 9.9e-6 < bare.number(f"{node}:WIDT?") < 10e-6

    def test_edges_that_do_not_fit(self, kind: str) -> None:
        bare, node = self.pulses(kind)
        assert bare.refused("FUNC:PULS:TRAN 900ns") == [-221]
        assert bare.number(f"{node}:WIDT?") == pytest.approx(1e-6)
        assert bare.number("FUNC:PULS:TRAN?") < 810e-9

    def test_other_functions_do_not_care(self, kind: str) -> None:
        bare = Bare(kind)
        node = PREFIX[kind]
        bare.tell(f"{node}:WIDT 1", f"{node}:PER 1ms")
        assert bare.refused("FUNC PULS") == [-221]
        assert bare.number(f"{node}:WIDT?") < 1e-3

    @pytest.mark.parametrize(
        ("setting", "value"), [("WIDT", "1ns"), ("PER", "1ns"), ("WIDT", "2e6")]
    )
    def test_what_is_out_of_range(self, kind: str, setting: str, value: str) -> None:
        bare, node = self.pulses(kind)
        assert bare.refused(f"{node}:{setting} {value}") == [-222]

    def test_a_function_that_is_not_so_fast(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("FREQ MAX")
        assert bare.refused("FUNC RAMP") == [-221]
        assert bare.number("FREQ?") == pytest.approx(bare.number("FREQ? MAX"))


NUMBERS = st.sampled_from(
    ["0", "1", "-1", "5", "-5", "20", "1e-9", "1e-6", "1e-3", "MIN", "MAX", "INF"]
)
HEADERS = st.sampled_from([
    "VOLT", "VOLT:OFFS", "VOLT:HIGH", "VOLT:LOW", "VOLT:LIM:HIGH", "VOLT:LIM:LOW", "OUTP:LOAD",
    "FREQ", "FUNC:PULS:WIDT", "FUNC:PULS:PER", "FUNC:PULS:DCYC", "FUNC:PULS:TRAN", "VOLT:LIM:STAT",
    "BURS:NCYC", "BURS:STAT", "BURS:INT:PER", "OUTP", "FUNC:SQU:DCYC", "FUNC:RAMP:SYMM",
])  # fmt: skip
WORDS = st.sampled_from([
    "FUNC PULS", "FUNC SIN", "FUNC DC", "FUNC RAMP", "FUNC SQU", "FUNC NOIS", "OUTP:POL INV",
    "VOLT:UNIT VRMS", "VOLT:UNIT DBM", "VOLT:UNIT VPP", "*TRG", "ARM:SOUR MAN", "TRIG:SOUR BUS",
    "*RST", "OUTP ON", "OUTP OFF", "APPL:PULS 1e6,1,0", "APPL1:DC DEF,DEF,1", "TRIG:COUN 3",
])  # fmt: skip
COMMANDS = st.one_of(
    WORDS,
    st.builds("{} {}".format, HEADERS, NUMBERS),
    st.builds("{}? {}".format, HEADERS, NUMBERS),
)


@both
@settings(max_examples=50)
@given(commands=st.lists(COMMANDS, max_size=25))
def test_whatever_is_set_the_levels_stay_in_the_window(kind: str, commands: list[str]) -> None:
    bare = Bare(kind)
    for command in commands:
        bare.it.handle(command.encode())
        bare.errors()
        channel = bare.it.channels[1]
        output = channel.output.source
        assert abs(output.level_v) <= 10 + 1e-6
        if channel.limited:
            assert channel.high_low.high_v <= channel.limit_high_v + 1e-6
        assert channel.width_s > 0
        assert channel.function != "PULS" or channel.width_s <= channel.period_s
    bare.sleep(1e-9)
