"""What only the 33522B has: its headers, points at a sample rate, timer, abort."""

import numpy as np
import pytest

from tests.simulators.instruments.keysight_pulse.bare import Bare, start

KIND = "keysight33522b"


def test_it_says_what_it_is() -> None:
    bare = Bare(KIND)
    assert bare.ask("*IDN?") == "Agilent Technologies,33522B,MY57800256,5.00-1.19-2.00-58-00"
    assert bare.ask("FUNC:PULS:PER?") == "+1.000000000000000E-03"


@pytest.mark.parametrize("header", ["SOUR2:FUNC", ":SOURCE2:FUNCTION:SHAPE"])
def test_the_number_stands_at_source(header: str) -> None:
    bare = Bare(KIND)
    bare.tell(f"{header} PULS")
    assert bare.ask("FUNC?;:SOUR2:FUNC?") == "SIN;PULS"
    assert bare.refused("FUNC2 PULS") == [-114]


class TestPoints:
    def loaded(self, *values: float) -> Bare:
        bare = start(KIND)
        bare.tell(
            "DATA:ARB steps, " + ", ".join(map(str, values)), "FUNC:ARB steps", "FUNC ARB",
            "FUNC:ARB:SRAT 1e6;FILT OFF", "VOLT 2;:VOLT:OFFS 0", "OUTP ON",
        )  # fmt: skip
        return bare

    def test_they_come_at_the_sample_rate(self) -> None:
        bare = self.loaded(0, 0.5, -1, 1)
        assert bare.ask("FUNC:ARB?") == '"STEPS"'
        assert bare.trigger() == pytest.approx(4e-6, rel=1e-3)
        times_s, volts = bare.waveform()
        assert volts[:8].tolist() == pytest.approx([0, 0, 0.5, 0.5, -1, -1, 1, 1])
        assert times_s[:8:2].tolist() == pytest.approx([0, 1e-6, 2e-6, 3e-6])
        assert volts[-1] == 0

    def test_a_filter_joins_them(self) -> None:
        bare = self.loaded(0, 0.5, -1, 1)
        bare.tell("FUNC:ARB:FILT NORM")
        bare.trigger()
        _, volts = bare.waveform()
        assert volts.tolist() == pytest.approx([0, 0.5, 0.5, -1, -1, 1, 1, 0])

    def test_codes_and_blocks(self) -> None:
        bare = Bare(KIND)
        bare.tell("DATA:ARB:DAC codes, -32767, 0, 32767")
        data = np.array([0.25, -1.0], "<f4").tobytes()
        assert bare.refused(b"FORM:BORD SWAP;:DATA:ARB bytes,#18" + data) == []
        assert bare.refused("FUNC:ARB codes") == bare.refused('FUNC:ARB "BYTES"') == []
        points, lasting_s, _ = bare.it.channels[1].points()
        assert points.tolist() == [0.25, -1.0]
        assert lasting_s == pytest.approx(2 / 40e3)

    def test_the_memory(self) -> None:
        bare = Bare(KIND)
        assert bare.ask("FUNC:ARB?") == r'"INT:\BUILTIN\EXP_RISE.ARB"'
        bare.tell("DATA:ARB a, 0, 1")
        assert bare.refused("DATA:ARB A, 0, 1") == [786]
        assert bare.refused("FUNC:ARB b") == [785]
        assert bare.refused("SOUR2:FUNC:ARB a") == [785]
        assert bare.ask("DATA:VOL:CAT?") == r'"INT:\BUILTIN\EXP_RISE.ARB","A"'
        assert bare.ask("DATA:VOL:FREE?") == "+999998"
        bare.tell("DATA:VOL:CLE", "DATA:ARB a, 0, 1", "*RST")
        assert bare.ask("DATA:VOL:FREE?") == "+1000000"


def test_the_timer_triggers_bursts() -> None:
    bare = start(KIND)
    bare.tell("TRIG:TIM 2ms", "TRIG:SOUR TIM", "OUTP ON")
    bare.sleep(9e-3)
    assert len(bare.pulses()) == 5


def test_a_gated_burst_waits_for_a_gate() -> None:
    bare = start(KIND)
    bare.tell("BURS:MODE GAT", "OUTP ON")
    assert bare.refused("*TRG") == [-211]


def test_abort_ends_a_burst() -> None:
    bare = start(KIND)
    bare.tell("BURS:NCYC INF", "OUTP ON", "*TRG")
    assert bare.it.handle(b"*OPC?") is None
    bare.sleep(25e-6)
    bare.tell("ABOR")
    assert bare.ask("*OPC?") == "1"
    bare.sleep(1.0)
    assert len(bare.pulses()) == 3
    assert bare.number("BURS:NCYC?") == 9.9e37


def test_what_has_no_effect_on_the_outputs_is_kept() -> None:
    bare = Bare(KIND)
    for header, value in (
        ("OUTP:SYNC", "0"), ("OUTP:SYNC:SOUR", "CH2"), ("OUTP:TRIG", "1"), ("FREQ:MODE", "FIX"),
        ("TRIG:SLOP", "NEG"), ("BURS:GATE:POL", "INV"), ("VOLT:RANG:AUTO", "0"),
        ("FUNC:ARB:ADV", "TRIG"), ("DISP:TEXT", '"hello"'),
    ):  # fmt: skip
        bare.tell(f"{header} {value}")
        assert bare.ask(f"{header}?") == value
    bare.tell("DISP:TEXT:CLE", "SYST:BEEP", "PHAS:SYNC", "SOUR2:PHAS:SYNC")
    assert bare.ask("DISP:TEXT?") == '""'
