"""The 2400's settings and queries: defaults, ranges, refusals, formats, output, status."""

import struct

import pytest

from hil.errors import ConfigError
from hil.simulators.instruments.keithley2400.instrument import Keithley2400
from tests.simulators.instruments.smu.bare import OHM, Bare, resistor_lab


@pytest.fixture
def bare() -> Bare:
    return Bare(Keithley2400)


DEFAULTS = {
    ":OUTP?": "0",
    ":OUTP:SMOD?": "NORM",
    ":OUTP:INT:TRIP?": "1",
    ":ROUT:TERM?": "FRON",
    ":SENS:CURR:RANG?": "1.050000E-04",
    ":SENS:CURR:PROT?": "1.050000E-04",
    ":SENS:CURR:PROT:TRIP?": "0",
    ":SENS:VOLT:PROT?": "2.100000E+01",
    ":SENS:CURR:NPLC?": "1.000000E+00",
    ":SENS:FUNC?": '"CURR:DC"',
    ":SENS:AVER:COUN?": "10",
    ":SOUR:FUNC?": "VOLT",
    ":SOUR:DEL?": "1.000000E-03",
    ":SOUR:VOLT?": "0.000000E+00",
    ":SOUR:VOLT:RANG?": "2.100000E+01",
    ":SOUR:SWE:POIN?": "2500",
    ":SOUR:SWE:RANG?": "BEST",
    ":TRIG:COUN?": "1",
    ":ARM:SOUR?": "IMM",
    ":FORM:ELEM?": "VOLT,CURR,RES,TIME,STAT",
    ":SYST:AZER?": "1",
    ":SYST:RSEN?": "0",
    ":TRAC:FEED:CONT?": "NEV",
}


@pytest.mark.parametrize("query", DEFAULTS)
def test_what_it_is_after_a_reset(bare: Bare, query: str) -> None:
    bare.obeys(
        ":SOUR:FUNC CURR;:SENS:CURR:NPLC 10;:SENS:FUNC:ALL;:SENS:AVER:COUN 3;:OUTP:SMOD HIMP",
        ":SOUR:VOLT 1;:SENS:VOLT:PROT 2;:TRIG:COUN 7;:FORM:ELEM CURR;:SYST:AZER OFF",
        "OUTP ON", "*RST",
    )  # fmt: skip
    assert bare.ask(query) == DEFAULTS[query]


def test_it_says_what_it_is(bare: Bare) -> None:
    assert bare.ask("*IDN?") == (
        "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30   Mar 17 2006 09:29:29/A02  /K/J"
    )


@pytest.mark.parametrize(("wanted", "told"), [(1e-6, 1.05e-6), (1.1e-6, 1.05e-5), (-0.5, 1.05)])
def test_a_range_is_the_one_that_holds_the_value(bare: Bare, wanted: float, told: float) -> None:
    bare.obeys(":SENS:CURR:PROT 1", f":SENS:CURR:RANG {wanted}")
    assert bare.numbers(":SENS:CURR:RANG?") == [told]
    assert bare.ask(":SENS:CURR:RANG:AUTO?") == "0"


REFUSED = {
    "FOO": -113, ":SOUR:VOLT 211": -222, ":SOUR:FUNC RES": -224, ":SENS:FUNC CURR": -104,
    ":SENS:FUNC 'AMPS'": -224, ":SENS:VOLT:RANG 2": 823, ":SENS:CURR:RANG 1e-2": 824,
    ":SENS:CURR:RANG 1e-4;PROT 50e-9": 822, ":SENS:CURR:PROT 1;:SOUR:VOLT 50": 826,
    ":SOUR:VOLT 50;:SENS:CURR:PROT 1": 826, ":SOUR:VOLT:RANG 2;:SOUR:VOLT 3": -222,
    ":TRIG:COUN 2500;:ARM:COUN 2": -221, ":READ?": 803, ":INIT": 803, ":FETC?": -230,
    ":TRAC:DATA?": -230, "*TRG": -211, ":TRAC:FEED:CONT NEXT;:TRAC:POIN 7": 800,
    ":SOUR:MEM:REC 3": -200, "*RCL 1": -200, ":SYST:LFR 55": -222,
    ":SOUR:LIST:VOLT " + ",".join(["1"] * 101): -223,
}  # fmt: skip


@pytest.mark.parametrize("command", REFUSED)
def test_what_it_refuses(bare: Bare, command: str) -> None:
    assert bare.refuses(command) == REFUSED[command]
    assert bare.error() == 0


def test_its_own_errors_have_a_sign_and_are_execution_errors(bare: Bare) -> None:
    bare.tell("*CLS", ":READ?")
    assert bare.ask(":SYST:ERR?") == '+803,"Not permitted with OUTPUT off"'
    assert bare.ask(":SYST:ERR?") == '0,"No error"'
    assert bare.ask("*ESR?") == "16"


class TestReadings:
    def test_five_elements_with_signs(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", "OUTP ON")
        words = bare.ask(":READ?").split(",")
        assert words[:3] == ["+5.000000E-01", "+5.000000E-05", "+9.910000E+37"]
        assert int(float(words[4])) == 21508

    def test_all_functions_at_once(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", ":SENS:FUNC:ALL", "OUTP ON")
        voltage_v, current_a, ohm, _, status = bare.numbers(":READ?")
        assert (voltage_v, current_a, ohm) == pytest.approx((0.5, 50e-6, OHM))
        assert int(status) & (7 << 11) == 7 << 11

    def test_elements_keep_their_order(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", "OUTP ON", ":FORM:ELEM CURR,VOLT")
        assert bare.ask(":FORM:ELEM?") == "VOLT,CURR"
        assert bare.numbers(":READ?") == [0.5, 50e-6]

    @pytest.mark.parametrize(("order", "kind"), [("NORM", ">5f"), ("SWAP", "<5f")])
    def test_binary(self, bare: Bare, order: str, kind: str) -> None:
        bare.obeys(":SOUR:VOLT 0.5", "OUTP ON", f":FORM:BORD {order};:FORM REAL,32")
        told = bare.ask(":READ?")
        assert told[:2] == "#0"
        assert struct.unpack(kind, told[2:].encode("latin-1"))[:2] == pytest.approx((0.5, 50e-6))

    def test_compliance_shows_in_status_and_query(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", ":SENS:CURR:PROT 10.5e-6", "OUTP ON")
        assert bare.ask(":SENS:CURR:PROT:TRIP?") == "1"
        _, current_a, _, _, status = bare.numbers(":READ?")
        assert current_a == pytest.approx(10.5e-6)
        assert int(status) & 8
        assert int(bare.ask(":STAT:MEAS?")) & 1 << 14
        bare.obeys(":SENS:CURR:PROT 1e-3")
        assert bare.ask(":SENS:CURR:PROT:TRIP?") == "0"
        assert not int(bare.numbers(":READ?")[4]) & 8

    def test_a_fixed_range_below_the_compliance_holds_the_current(self, bare: Bare) -> None:
        bare.obeys(":SENS:CURR:RANG 1e-5", ":SENS:CURR:PROT 1e-3", ":SOUR:VOLT 1", "OUTP ON")
        _, current_a, _, _, status = bare.numbers(":READ?")
        assert current_a == pytest.approx(10.5e-6)
        assert int(status) & (8 | 1 << 16) == 8 | 1 << 16

    def test_measure_switches_on_and_goes_back_to_one_reading(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", ":TRIG:COUN 5", ":SENS:CURR:PROT 2e-5", ":SENS:CURR:NPLC 10")
        assert len(bare.numbers(":MEAS:CURR?")) == 5
        assert bare.ask(":OUTP?;:TRIG:COUN?;:SENS:CURR:NPLC?") == "1;1;1.000000E+00"
        assert bare.numbers(":SENS:CURR:PROT?") == [2e-5]

    def test_a_source_of_current(self, bare: Bare) -> None:
        bare.obeys(":SOUR:FUNC CURR;:SOUR:CURR 20e-6;:SENS:FUNC 'VOLT';:SENS:FUNC:OFF 'CURR'")
        bare.obeys(":SENS:VOLT:PROT 1", "OUTP ON")
        voltage_v, current_a, _, _, status = bare.numbers(":READ?")
        assert (voltage_v, current_a) == pytest.approx((0.2, 20e-6))
        assert int(status) & 1 << 15
        bare.obeys(":SENS:VOLT:PROT 0.1")
        assert bare.numbers(":READ?")[0] == pytest.approx(0.1)
        assert bare.ask(":SENS:VOLT:PROT:TRIP?") == "1"

    def test_over_voltage_protection_limits_the_source(self, bare: Bare) -> None:
        bare.obeys(":SENS:FUNC 'VOLT'", ":SOUR:VOLT:PROT 20", ":SOUR:VOLT 30", "OUTP ON")
        bare.obeys(":SENS:CURR:PROT 0.1")
        assert bare.numbers(":READ?")[0] == pytest.approx(20)
        assert bare.largest_v() == pytest.approx(20)
        assert bare.ask(":SOUR:VOLT:PROT:TRIP?") == "1"

    @pytest.mark.parametrize(
        ("settings", "duration_s"),
        [
            (":SENS:CURR:NPLC 1", 0.001 + 3 / 60 + 12.47e-3),
            (":SENS:CURR:NPLC 0.1;:SYST:AZER OFF", 0.001 + 0.1 / 60 + 12.47e-3),
            (":SENS:AVER ON;:SENS:AVER:COUN 4;:SYST:AZER OFF", 0.001 + 4 / 60 + 12.47e-3),
            (":SOUR:DEL 0.5;:SYST:AZER OFF", 0.5 + 1 / 60 + 12.47e-3),
            (":SYST:LFR 50;:SYST:AZER OFF", 0.001 + 1 / 50 + 12.47e-3),
        ],
    )
    def test_a_reading_takes_its_time(self, bare: Bare, settings: str, duration_s: float) -> None:
        bare.obeys(settings, ":SOUR:VOLT 0.5", "OUTP ON")
        bare.tell(":READ?")
        began_s = bare.lab.now_s()
        bare.tell(":READ?")
        assert bare.lab.now_s() - began_s == pytest.approx(duration_s, rel=1e-3)


class TestOutput:
    def test_what_is_logged_of_it(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 1.5", "OUTP ON")
        bare.sleep(0.2)
        bare.obeys("OUTP OFF")
        assert bare.outputs() == [True, False]
        assert bare.largest_v() == 1.5
        assert bare.last_v() == 0.0

    def test_high_impedance_opens_at_once(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 1.5", ":OUTP:SMOD HIMP", "OUTP ON")
        bare.sleep(0.2)
        bare.obeys("OUTP OFF")
        assert bare.last_v() == 1.5

    @pytest.mark.parametrize(
        "command", ["*RST", ":SOUR:FUNC CURR", ":ROUT:TERM REAR", ":SOUR:CLE", "*SAV 1;*RCL 1"]
    )
    def test_what_else_switches_off(self, bare: Bare, command: str) -> None:
        bare.obeys(":SOUR:VOLT 0.1", "OUTP ON", command)
        assert bare.ask("OUTP?") == "0"
        assert bare.outputs() == [True, False]

    def test_the_interlock_counts_if_it_is_asked_for(self, bare: Bare) -> None:
        bare.obeys("OUTP ON")
        bare.instrument.interlock_open = True
        assert bare.ask("OUTP?") == "1"
        bare.obeys(":OUTP:INT:STAT ON")
        assert bare.ask("OUTP?;:OUTP:INT:TRIP?") == "0;0"
        assert bare.refuses("OUTP ON") == 802
        bare.instrument.interlock_open = False
        bare.obeys("OUTP ON")
        bare.instrument.interlock_open = True
        assert bare.outputs() == [True, False, True, False]

    def test_automatic_output_off(self, bare: Bare) -> None:
        bare.obeys(":SOUR:CLE:AUTO ON", ":SOUR:VOLT 0.5")
        assert bare.numbers(":READ?")[1] == pytest.approx(50e-6)
        assert bare.outputs() == [True, False]


class TestTroubles:
    def test_a_stuck_output_is_told(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 1", "OUTP ON")
        bare.instrument.troubles.add("output-stuck")
        bare.obeys("OUTP OFF")
        assert bare.ask("OUTP?") == "1"

    def test_readings_in_trouble(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.1", "OUTP ON")
        bare.instrument.troubles |= {"compliance", "over-range"}
        _, current_a, _, _, status = bare.numbers(":READ?")
        assert current_a == 9.9e37
        assert int(status) & 9 == 9

    def test_a_full_queue(self, bare: Bare) -> None:
        bare.instrument.troubles.add("queue-full")
        errors = [bare.error() for _ in range(21)]
        assert errors[18:] == [-102, -350, 0]

    def test_all_are_known(self) -> None:
        assert Keithley2400.known_troubles == {
            "output-stuck", "compliance", "over-range", "queue-full",
        }  # fmt: skip


def test_settings_are_kept_and_recalled(bare: Bare) -> None:
    bare.obeys(
        ":SOUR:VOLT 1.25;:SENS:CURR:PROT 2e-5;:SENS:CURR:NPLC 3", "*SAV 2", "*RST", "*RCL 2"
    )
    assert bare.numbers(":SOUR:VOLT?") == [1.25]
    assert bare.numbers(":SENS:CURR:PROT?") == [2e-5]
    assert bare.numbers(":SENS:CURR:NPLC?") == [3]


@pytest.mark.parametrize(("named", "end"), [("LF", b"\n"), ("CR", b"\r")])
def test_a_serial_line_has_its_own_terminator(named: str, end: bytes) -> None:
    instrument = Bare(Keithley2400, terminator=named).instrument
    assert instrument.terminator == end
    assert instrument.cut(bytearray(b"*IDN?" + end + b"OUTP?")) == (5, 6)
    assert instrument.cut(bytearray(b"*IDN?")) is None


def test_options_that_it_does_not_have() -> None:
    with pytest.raises(ConfigError, match="idle"):
        Keithley2400("smu", resistor_lab(), {"idle": True})
