"""The 2450's own SCPI: defaults, refusals, readings, buffers, sweeps, loops, languages, output."""

import struct

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.simulators.instruments.keithley2450.instrument import Keithley2450
from tests.simulators.instruments.smu.bare import OHM, Bare, resistor_lab


@pytest.fixture
def bare() -> Bare:
    return Bare(Keithley2450)


DEFAULTS = {
    ":OUTP?": "0",
    ":OUTP:VOLT:SMOD?": "NORM",
    ":OUTP:INT:TRIP?": "1",
    ":ROUT:TERM?": "FRON",
    ":SENS:FUNC?": '"CURR:DC"',
    ":SENS:CURR:RANG:AUTO?": "1",
    ":SENS:CURR:NPLC?": "1.000000E+00",
    ":SENS:CURR:AZER?": "1",
    ":SENS:COUN?": "1",
    ":SOUR:FUNC?": "VOLT",
    ":SOUR:VOLT?": "0.000000E+00",
    ":SOUR:VOLT:ILIM?": "1.050000E-04",
    ":SOUR:CURR:VLIM?": "2.100000E+01",
    ":SOUR:VOLT:ILIM:TRIP?": "0",
    ":SOUR:VOLT:READ:BACK?": "1",
    ":SOUR:VOLT:PROT?": "NONE",
    ":FORM?": "ASC",
    ":TRAC:POIN?": "100000",
    ":TRAC:ACT?": "0",
    ":TRIG:STAT?": "IDLE;IDLE;1",
}


@pytest.mark.parametrize("query", DEFAULTS)
def test_what_it_is_after_a_reset(bare: Bare, query: str) -> None:
    bare.obeys(
        ":SOUR:FUNC CURR;:SENS:CURR:NPLC 10;:SENS:FUNC 'VOLT';:SENS:CURR:AZER OFF;:SENS:COUN 3",
        ":SOUR:VOLT:PROT PROT20;ILIM 1e-3;READ:BACK 0;:OUTP:VOLT:SMOD HIMP;:FORM REAL",
        ":TRAC:POIN 20;:SOUR:FUNC VOLT;:SOUR:VOLT 1;:OUTP ON", ":READ?", "*RST",
    )  # fmt: skip
    assert bare.ask(query) == DEFAULTS[query]


def test_it_says_what_it_is_and_speaks(bare: Bare) -> None:
    assert bare.ask("*LANG?;*IDN?") == "SCPI;KEITHLEY INSTRUMENTS,MODEL 2450,04451269,1.7.7b"


def test_errors_have_a_type_and_a_time(bare: Bare) -> None:
    bare.sleep(62.5)
    bare.tell("FOO")
    assert bare.ask(":SYST:ERR?") == '-113,"Undefined header;1;2026/01/01 00:01:02.500"'
    assert bare.ask(":SYST:ERR?") == '0,"No error;0;0 0"'


REFUSED = {
    "FOO": -113, ":SOUR:VOLT 211": -222, ":SOUR:VOLT:ILIM 2": -222, ":SENS:FUNC 'AMPS'": -224,
    ":READ?": -221, ":FETC? 'defbuffer1'": -222, ":TRAC:DATA? 1,1": -222, ":TRAC:CLE 'b'": 1133,
    ":TRAC:MAKE 'defbuffer1', 100": 1115, ":TRAC:DEL 'defbuffer1'": -221, "*LANG TSP": -224,
    ":SOUR:VOLT:ILIM 1;:SOUR:VOLT 50": -221, ":SOUR:VOLT:PROT PROT3": -224,
    ":SOUR:SWE:VOLT:LIST": -221, ":SOUR:SWE:VOLT:LOG 0,1,5": -222, ":TRIG:LOAD 'Loop', 3": -224,
    ":SOUR:SWE:VOLT:LIN 0,1,5,0,1,AUTO,ON,OFF,'b'": 1133, ":TRAC:MAKE 'b', 5": -222,
    ":TRIG:LOAD 'SimpleLoop', 3;:INIT": -221,
}  # fmt: skip


@pytest.mark.parametrize("command", REFUSED)
def test_what_it_refuses(bare: Bare, command: str) -> None:
    assert bare.refuses(command) == REFUSED[command]
    assert bare.error() == 0


class TestReadings:
    def test_one_number(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", "OUTP ON")
        assert bare.ask(":READ?") == "5.000000E-05"
        assert bare.ask(":MEAS? 'defbuffer1'") == "5.000000E-05"
        assert bare.ask(":MEAS:VOLT?") == "5.000000E-01"
        assert bare.numbers(":MEAS:RES?") == [OHM]
        assert bare.ask(":TRAC:ACT?") == "4"

    def test_elements(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", "OUTP ON")
        bare.sleep(100.0)
        told = bare.ask(":READ? 'defbuffer1', SOUR,READ,SOURUNIT,UNIT,DATE,TIME,SEC")
        assert told.split(",") == [
            "5.000000E-01", "5.000000E-05", "VOLT", "AMP", "01/01/2026", "00:01:40", "1767225700",
        ]  # fmt: skip
        assert bare.ask(":FETC? 'defbuffer1', STAT,SOURSTAT") == "264,136"
        assert (
            bare.ask(":FETC? 'defbuffer1', SOURFORM,FORM") == "5.000000E-01 VOLT,5.000000E-05 AMP"
        )
        assert bare.numbers(":FETC? 'defbuffer1', FRAC,REL")[1] == 0

    def test_precision_and_binary(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", "OUTP ON", ":FORM:ASC:PREC 3")
        assert bare.ask(":READ?") == "5.00E-05"
        bare.obeys(":FORM REAL")
        told = bare.ask(":FETC? 'defbuffer1', READ,SOUR").encode("latin-1")
        assert struct.unpack("<2d", told[2:]) == pytest.approx((50e-6, 0.5))
        assert bare.refuses(":FETC? 'defbuffer1', DATE") == 1133

    def test_the_limit(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5;:SOUR:VOLT:ILIM 10.5e-6", "OUTP ON")
        assert bare.ask(":SOUR:VOLT:ILIM:TRIP?") == "1"
        assert bare.numbers(":READ? 'defbuffer1', READ,SOUR") == pytest.approx([10.5e-6, 0.105])
        assert int(bare.ask(":FETC? 'defbuffer1', SOURSTAT")) & 32
        bare.obeys(":SOUR:VOLT:READ:BACK OFF")
        assert bare.numbers(":READ? 'defbuffer1', SOUR") == [0.5]
        bare.obeys(":SOUR:VOLT:ILIM 1e-3")
        assert bare.ask(":SOUR:VOLT:ILIM:TRIP?") == "0"

    def test_a_fixed_range_overflows(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5;:SENS:CURR:RANG 1e-5", "OUTP ON")
        assert bare.numbers(":READ? 'defbuffer1', READ,STAT") == [9.9e37, 265]

    def test_a_source_of_current(self, bare: Bare) -> None:
        bare.obeys(
            ":SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SOUR:CURR 2e-5;:SOUR:CURR:VLIM 1", "OUTP ON"
        )
        assert bare.numbers(":READ?") == pytest.approx([0.2])
        assert bare.ask(":SOUR:CURR:VLIM:TRIP?") == "0"
        bare.obeys(":SOUR:CURR:VLIM 0.1")
        assert bare.numbers(":READ?") == pytest.approx([0.1])
        assert bare.ask(":SOUR:CURR:VLIM:TRIP?;:SOUR:VOLT:ILIM:TRIP?") == "1;0"

    def test_several_at_once_fill_a_buffer_of_one_s_own(self, bare: Bare) -> None:
        bare.obeys(":TRAC:MAKE 'mine', 10, ", ":SENS:COUN 8", ":SOUR:VOLT 0.5", "OUTP ON")
        bare.obeys(":TRAC:TRIG 'mine'", ":TRAC:TRIG 'mine'")
        assert (
            bare.ask(":TRAC:ACT? 'mine';:TRAC:POIN? 'mine';:TRAC:FILL:MODE? 'mine'")
            == "10;10;ONCE"
        )
        assert bare.numbers(":TRAC:STAT:AVER? 'mine'") == pytest.approx([50e-6])
        assert bare.numbers(":TRAC:STAT:STDD? 'mine'") == pytest.approx([0.0], abs=1e-12)
        bare.obeys(":TRAC:POIN 20, 'defbuffer1'")
        for _ in range(3):
            bare.obeys(":TRAC:TRIG")
        assert bare.ask(":TRAC:ACT?") == "20"
        bare.obeys(":TRAC:DEL 'mine'")
        assert bare.refuses(":TRAC:ACT? 'mine'") == 1133

    @pytest.mark.parametrize(("settings", "duration_s"), [
        (":SENS:CURR:NPLC 1", 3 / 60 + 0.17e-3),
        (":SENS:CURR:NPLC 0.1;AZER OFF", 0.1 / 60 + 0.17e-3),
        (":SENS:CURR:AZER OFF;:SENS:CURR:AVER ON;AVER:COUN 5", 5 / 60 + 0.17e-3),
    ])  # fmt: skip
    def test_a_reading_takes_its_time(self, bare: Bare, settings: str, duration_s: float) -> None:
        bare.obeys(settings, ":SOUR:VOLT 0.5", "OUTP ON", ":READ?")
        began_s = bare.lab.now_s()
        bare.tell(":READ?")
        assert bare.lab.now_s() - began_s == pytest.approx(duration_s, rel=1e-3)


class TestRuns:
    def test_a_linear_sweep(self, bare: Bare) -> None:
        bare.obeys(":SOUR:SWE:VOLT:LIN 0, 0.4, 5", ":INIT", "*WAI")
        told = np.array(bare.numbers(":TRAC:DATA? 1, 5, 'defbuffer1', SOUR, READ")).reshape(-1, 2)
        assert told[:, 0] == pytest.approx(np.linspace(0, 0.4, 5), abs=1e-6)
        assert told[:, 1] == pytest.approx(np.linspace(0, 0.4, 5) / OHM, abs=1e-10)
        assert bare.outputs() == [True, False]
        assert bare.largest_v() == pytest.approx(0.4)

    @pytest.mark.parametrize(("sweep", "levels"), [
        ("LIN 0,1,3,0,2", [0, 0.5, 1, 0, 0.5, 1]),
        ("LIN 0,1,3,0.1,1,BEST,ON,ON", [0, 0.5, 1, 1, 0.5, 0]),
        ("LIN:STEP 0,1,0.5", [0, 0.5, 1]),
        ("LOG 0.01,1,3", [0.01, 0.1, 1]),
        ("LIST 2,0.1", [-1, 2]),
    ])  # fmt: skip
    def test_other_sweeps(self, bare: Bare, sweep: str, levels: list[float]) -> None:
        bare.obeys(":SOUR:LIST:VOLT 1,-1;:SOUR:LIST:VOLT:APP 2", ":SOUR:VOLT:ILIM 1e-3")
        bare.obeys(f":SOUR:SWE:VOLT:{sweep}", ":INIT")
        assert bare.ask("*OPC?;:TRAC:ACT?") == f"1;{len(levels)}"
        assert bare.numbers(f":TRAC:DATA? 1,{len(levels)},'defbuffer1',SOUR") == pytest.approx(
            levels
        )

    def test_a_limit_ends_it_unless_told_otherwise(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT:ILIM 25e-6", ":SOUR:SWE:VOLT:LIN 0.1, 1, 10", ":INIT", "*WAI")
        assert bare.ask(":TRAC:ACT?") == "3"
        assert bare.largest_v() == pytest.approx(0.3)
        bare.obeys(":SOUR:SWE:VOLT:LIN 0.1, 1, 10, 0, 1, BEST, OFF", ":INIT", "*WAI")
        assert bare.ask(":TRAC:ACT?") == "10"

    def test_it_plays_in_the_background_and_is_aborted(self, bare: Bare) -> None:
        bare.obeys(":SOUR:SWE:VOLT:LIN 0.1, 1, 10, 0.1", ":INIT")
        bare.sleep(0.5)
        assert bare.ask(":TRIG:STAT?;:TRAC:ACT?") == "RUNNING;RUNNING;1;3"
        assert bare.refuses(":SOUR:VOLT 5") == -221
        assert bare.refuses(":READ?") == -221
        assert bare.refuses(":INIT") == -213
        bare.obeys(":ABOR")
        bare.sleep(5.0)
        assert bare.ask(":TRAC:ACT?;:OUTP?;:SOUR:VOLT?") == "3;0;4.000000E-01"
        assert bare.largest_v() == pytest.approx(0.4)

    def test_switching_off_ends_it(self, bare: Bare) -> None:
        bare.obeys(":SOUR:SWE:VOLT:LIN 0.1, 1, 10, 0.1, 0", ":INIT")
        for _ in range(4):
            bare.sleep(1.0)
            bare.instrument.settle()
        bare.obeys("OUTP OFF")
        assert bare.ask("OUTP?;:TRIG:STAT?") == "0;IDLE;IDLE;1"
        assert bare.outputs() == [True, False]

    def test_loops(self, bare: Bare) -> None:
        bare.obeys(
            ":SOUR:VOLT 0.5;:SENS:CURR:AZER OFF", "OUTP ON", ":TRIG:LOAD 'SimpleLoop', 4, 0.1"
        )
        bare.obeys(":INIT", "*WAI")
        times_s = bare.numbers(":TRAC:DATA? 1,4,'defbuffer1',REL")
        assert np.diff(times_s) == pytest.approx(0.1 + 1 / 60 + 0.17e-3, rel=1e-3)
        bare.obeys(":TRIG:LOAD 'DurationLoop', 1.0, 0.05", ":INIT", "*WAI")
        assert bare.ask(":TRAC:ACT?;:OUTP?") == "14;1"
        bare.obeys(":TRIG:LOAD 'Empty'", ":INIT")
        assert bare.ask(":TRAC:ACT?") == "14"

    def test_operation_complete_is_an_event(self, bare: Bare) -> None:
        bare.obeys("*ESE 1;*SRE 32", "*CLS", ":SOUR:SWE:VOLT:LIN 0,1,5,0.1")
        bare.tell(":INIT;*OPC")
        assert not bare.instrument.status_byte() & 64
        bare.sleep(5.0)
        assert bare.instrument.status_byte() & 64
        assert bare.ask("*ESR?") == "1"


class TestOutput:
    def test_what_is_logged_of_it(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 1.5", "OUTP ON")
        bare.sleep(0.2)
        bare.obeys("OUTP OFF")
        assert bare.outputs() == [True, False]
        assert bare.largest_v() == 1.5
        assert bare.last_v() == 0.0

    @pytest.mark.parametrize("command", [
        "*RST", ":SOUR:FUNC CURR", ":ROUT:TERM REAR", ":SENS:CURR:RSEN ON",
    ])  # fmt: skip
    def test_what_else_switches_off(self, bare: Bare, command: str) -> None:
        bare.obeys(":SOUR:VOLT 0.1", "OUTP ON", command)
        assert bare.ask("OUTP?") == "0"

    def test_high_voltage_needs_the_interlock(self, bare: Bare) -> None:
        bare.instrument.interlock_open = True
        bare.obeys(":SOUR:VOLT 1", "OUTP ON", "OUTP OFF", ":SOUR:VOLT 50")
        assert bare.refuses("OUTP ON") == 5074
        bare.obeys(":SOUR:VOLT 1;:OUTP:INT:STAT ON")
        assert bare.refuses("OUTP ON") == 5074
        bare.instrument.interlock_open = False
        bare.obeys("OUTP ON")
        bare.instrument.interlock_open = True
        assert bare.ask("OUTP?;:OUTP:INT:TRIP?") == "0;0"
        assert bare.error() == 5074

    def test_a_stuck_output_and_other_troubles(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.1", "OUTP ON")
        bare.instrument.troubles |= {"output-stuck", "compliance", "over-range"}
        assert bare.numbers(":READ? 'defbuffer1',READ,SOURSTAT") == [9.9e37, 168]
        bare.obeys("OUTP OFF")
        assert bare.ask("OUTP?") == "1"
        bare.instrument.troubles.add("queue-full")
        assert [bare.error() for _ in range(21)][18:] == [-102, -350, 0]


class TestLanguages:
    def test_a_language_counts_from_the_next_client_on(self, bare: Bare) -> None:
        bare.obeys(":SOUR:VOLT 0.5", "OUTP ON", "*LANG SCPI2400")
        assert bare.ask("*LANG?;:SOUR:VOLT:ILIM?") == "SCPI2400;1.050000E-04"
        bare.instrument.disconnected()
        bare.instrument.connected()
        assert bare.ask("*IDN?;*LANG?;:OUTP?") == (
            "KEITHLEY INSTRUMENTS,MODEL 2450,04451269,1.7.7b;SCPI2400;0"
        )
        bare.obeys(":SOUR:VOLT 0.5;:SENS:CURR:PROT 1e-3", "OUTP ON")
        assert bare.ask(":READ?").startswith("+5.000000E-01,+5.000000E-05,+9.910000E+37,")
        bare.obeys("*LANG SCPI")
        bare.instrument.connected()
        assert bare.ask(":SOUR:VOLT:ILIM?") == "1.050000E-04"

    def test_a_2400_from_the_start(self) -> None:
        bare = Bare(Keithley2450, language="SCPI2400")
        assert bare.ask(":SENS:CURR:PROT?;*LANG?") == "1.050000E-04;SCPI2400"
        bare.instrument.interlock_open = True
        bare.obeys(":OUTP:INT:STAT ON")
        assert bare.refuses("OUTP ON") == 802
        bare.instrument.trigger()
        assert bare.error() == -211
        bare.instrument.clear()
        assert bare.instrument.status_byte() == 0

    def test_options_that_it_does_not_have(self) -> None:
        with pytest.raises(ConfigError, match="language"):
            Keithley2450("smu", resistor_lab(), {"language": "TSP"})
