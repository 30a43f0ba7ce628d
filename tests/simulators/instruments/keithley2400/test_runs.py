"""The 2400's runs: sweeps, lists, memory, triggers, buffer, statistics, what waits for them."""

import numpy as np
import pytest

from hil.simulators.instruments.keithley2400.instrument import Keithley2400
from tests.simulators.instruments.smu.bare import OHM, Bare


@pytest.fixture
def bare() -> Bare:
    made = Bare(Keithley2400)
    made.obeys(":FORM:ELEM VOLT,CURR", ":SYST:AZER OFF", ":SENS:CURR:NPLC 0.1", "OUTP ON")
    return made


def rows(values: list[float]) -> np.ndarray:
    return np.array(values).reshape(-1, 2)


class TestSweeps:
    @pytest.mark.parametrize("settings", [
        ":SOUR:VOLT:STAR 0;STOP 1;STEP 0.25", ":SOUR:VOLT:STAR 0;STOP 1;:SOUR:SWE:POIN 5",
        ":SOUR:VOLT:STEP 0.25;STAR 0;STOP 1", ":SOUR:VOLT:CENT 0.5;SPAN 1;:SOUR:SWE:POIN 5",
    ])  # fmt: skip
    def test_a_linear_staircase(self, bare: Bare, settings: str) -> None:
        bare.obeys(settings, ":SOUR:VOLT:MODE SWE", ":TRIG:COUN 5")
        told = rows(bare.numbers(":READ?"))
        assert told[:, 0] == pytest.approx(np.linspace(0, 1, 5))
        assert told[:, 1] == pytest.approx(np.linspace(0, 1, 5) / OHM, abs=1e-9)
        assert bare.largest_v() == 1.0

    def test_down_and_logarithmic(self, bare: Bare) -> None:
        bare.obeys(
            ":SOUR:VOLT:STAR 0.01;STOP 1;:SOUR:SWE:POIN 3;SPAC LOG;DIR DOWN",
            ":SOUR:VOLT:MODE SWE", ":TRIG:COUN 3",
        )  # fmt: skip
        assert rows(bare.numbers(":READ?"))[:, 0] == pytest.approx([1, 0.1, 0.01])

    def test_a_list_and_its_start(self, bare: Bare) -> None:
        bare.obeys(":SOUR:LIST:VOLT 1,-1", ":SOUR:LIST:VOLT:APP 2", ":SOUR:VOLT:MODE LIST")
        assert bare.ask(":SOUR:LIST:VOLT:POIN?") == "3"
        bare.obeys(":TRIG:COUN 4", ":SENS:CURR:PROT 1e-3")
        assert rows(bare.numbers(":READ?"))[:, 0].tolist() == [1, -1, 2, 1]
        bare.obeys(":SOUR:LIST:VOLT:STAR 2", ":TRIG:COUN 2")
        assert rows(bare.numbers(":READ?"))[:, 0].tolist() == [-1, 2]

    def test_of_currents(self, bare: Bare) -> None:
        bare.obeys(
            ":SOUR:FUNC CURR;:SENS:FUNC 'VOLT'", ":SOUR:CURR:STAR -2e-6;STOP 2e-6",
            ":SOUR:SWE:POIN 5;:SOUR:CURR:MODE SWE;:TRIG:COUN 5;:OUTP ON",
        )  # fmt: skip
        told = rows(bare.numbers(":READ?"))
        assert told[:, 0] == pytest.approx(np.linspace(-0.02, 0.02, 5), abs=1e-5)

    def test_it_ends_at_compliance_if_asked_to(self, bare: Bare) -> None:
        bare.obeys(
            ":SOUR:VOLT:STAR 0.1;STOP 1;:SOUR:SWE:POIN 10;CAB LATE;:SOUR:VOLT:MODE SWE",
            ":TRIG:COUN 10;:SENS:CURR:PROT 25e-6",
        )  # fmt: skip
        assert len(rows(bare.numbers(":READ?"))) == 3
        assert bare.largest_v() == pytest.approx(0.3)

    def test_a_fixed_source_range_cuts_levels(self, bare: Bare) -> None:
        bare.obeys(
            ":SOUR:VOLT:RANG 0.2;:SOUR:VOLT:STAR 0;STOP 1;:SOUR:SWE:POIN 2;RANG FIX",
            ":SOUR:VOLT:MODE SWE;:TRIG:COUN 2",
        )  # fmt: skip
        bare.tell(":READ?")
        assert bare.largest_v() == pytest.approx(0.21)

    def test_source_memory(self, bare: Bare) -> None:
        bare.obeys(
            ":SOUR:VOLT 0.1;:SOUR:MEM:SAVE 1",
            ":SOUR:VOLT 0.3;:SENS:CURR:PROT 20e-6;:SOUR:MEM:SAVE 2",
            ":SOUR:FUNC MEM;:SOUR:MEM:POIN 2;:TRIG:COUN 2;:OUTP ON",
        )  # fmt: skip
        told = rows(bare.numbers(":READ?"))
        assert told[:, 1] == pytest.approx([10e-6, 20e-6])
        assert bare.ask(":SOUR:FUNC?") == "MEM"


class TestWaiting:
    def begin(self, bare: Bare) -> None:
        bare.obeys(":SOUR:DEL 0.1;:SOUR:VOLT 0.5;:TRIG:COUN 10")
        assert bare.tell(":INIT") is None

    def test_it_plays_in_the_background(self, bare: Bare) -> None:
        self.begin(bare)
        bare.sleep(0.55)
        assert bare.tell(":ABOR") is None
        assert len(rows(bare.numbers(":FETC?"))) == 5

    @pytest.mark.parametrize("command", ["*OPC?", "*STB?", ":OUTP OFF", "*WAI", ":FETC?"])
    def test_other_commands_wait_for_its_end(self, bare: Bare, command: str) -> None:
        self.begin(bare)
        began_s = bare.lab.now_s()
        bare.tell(command)
        assert bare.lab.now_s() - began_s == pytest.approx(1.0214, rel=1e-3)

    def test_reset_and_device_clear_end_it(self, bare: Bare) -> None:
        self.begin(bare)
        bare.tell("*RST")
        assert bare.lab.now_s() < 0.1
        assert bare.outputs() == [True, False]
        bare.obeys("OUTP ON")
        self.begin(bare)
        bare.instrument.clear()
        began_s = bare.lab.now_s()
        assert bare.error() == 0
        assert bare.lab.now_s() == began_s

    def test_idle_is_an_operation_event(self, bare: Bare) -> None:
        assert bare.ask(":STAT:OPER:COND?") == "1024"
        bare.tell(":STAT:OPER:ENAB 1024;*CLS;*SRE 128")
        self.begin(bare)
        bare.sleep(2.0)
        assert bare.instrument.status_byte() & 64
        assert bare.ask(":STAT:OPER?") == "1024"


class TestTriggers:
    def test_the_bus(self, bare: Bare) -> None:
        bare.obeys(":ARM:SOUR BUS;:ARM:COUN 2;:TRIG:COUN 3;:SOUR:VOLT 0.1")
        bare.tell(":INIT", "*TRG")
        bare.sleep(1.0)
        bare.tell("*TRG")
        assert len(rows(bare.numbers(":FETC?"))) == 6
        assert bare.refuses("*TRG") == -211

    def test_nobody_triggers_a_read(self, bare: Bare) -> None:
        bare.obeys(":ARM:SOUR BUS")
        assert bare.refuses(":READ?") == -214

    def test_a_timer(self, bare: Bare) -> None:
        bare.obeys(":ARM:SOUR TIM;:ARM:TIM 0.5;:ARM:COUN 4;:FORM:ELEM TIME;:SOUR:VOLT 0.1")
        times_s = bare.numbers(":READ?")
        assert np.diff(times_s) == pytest.approx(0.5, rel=1e-4)

    def test_without_end_until_it_is_stopped(self, bare: Bare) -> None:
        bare.obeys(":ARM:COUN INF;:SOUR:VOLT 0.1")
        assert bare.refuses(":READ?") == 830
        bare.tell(":INIT")
        for _ in range(5):
            bare.sleep(0.1)
            bare.instrument.settle()
        bare.tell(":ABOR")
        assert len(rows(bare.numbers(":FETC?"))) >= 4

    def test_a_delay_comes_before_the_level(self, bare: Bare) -> None:
        bare.obeys(":TRIG:DEL 0.2;:TRIG:COUN 2;:SOUR:LIST:VOLT 0.1,0.2;:SOUR:VOLT:MODE LIST")
        bare.obeys(":FORM:ELEM TIME")
        times_s = bare.numbers(":READ?")
        assert times_s[1] - times_s[0] == pytest.approx(0.2 + 0.001 + 0.1 / 60 + 0.47e-3, rel=1e-3)


class TestBuffer:
    def test_it_fills_and_says_so(self, bare: Bare) -> None:
        bare.obeys(":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512", ":SOUR:VOLT 0.5")
        bare.obeys(":TRAC:CLE;:TRAC:POIN 5;:TRIG:COUN 5;:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT")
        assert int(bare.ask("*STB?")) & 65 == 0
        bare.tell(":INIT")
        assert int(bare.ask("*STB?")) & 65 == 65
        assert bare.ask(":TRAC:POIN:ACT?;:TRAC:FEED:CONT?") == "5;NEV"
        assert rows(bare.numbers(":TRAC:DATA?"))[:, 1] == pytest.approx(50e-6)
        assert bare.ask(":TRAC:FREE?") == "59880,120"
        bare.obeys("*RST")
        assert bare.ask(":DATA:POIN:ACT?") == "5"
        bare.obeys(":TRAC:CLE")
        assert bare.refuses(":TRAC:DATA?") == -230

    def test_time_stamps(self, bare: Bare) -> None:
        bare.obeys(":FORM:ELEM TIME;:TRIG:COUN 3;:TRAC:POIN 3;FEED:CONT NEXT;:SOUR:DEL 0.1")
        bare.tell(":INIT")
        assert bare.numbers(":TRAC:DATA?") == pytest.approx([0, 0.102137, 0.204273], abs=1e-5)
        bare.obeys(":TRAC:TST:FORM DELT")
        assert bare.numbers(":TRAC:DATA?") == pytest.approx([0, 0.102137, 0.102137], abs=1e-5)

    @pytest.mark.parametrize(("kind", "told"), [
        ("MEAN", 0.5), ("MAX", 1.0), ("MIN", 0.0), ("SDEV", 0.5), ("PKPK", 1.0),
    ])  # fmt: skip
    def test_statistics(self, bare: Bare, kind: str, told: float) -> None:
        bare.obeys(":SOUR:LIST:VOLT 0,0.5,1;:SOUR:VOLT:MODE LIST;:TRIG:COUN 3")
        bare.obeys(":TRAC:POIN 3;FEED:CONT NEXT")
        bare.tell(":INIT")
        assert bare.numbers(f":CALC3:FORM {kind};:CALC3:DATA?") == pytest.approx(
            [told, told / OHM], abs=1e-9
        )
