"""What comes out of both generators: levels into any load, pulses, bursts, and when it ends."""

import numpy as np
import pytest

from tests.simulators.instruments.keysight_pulse.bare import CYCLES, TYPES, Bare, start

both = pytest.mark.parametrize("kind", TYPES)


@both
class TestPulse:
    def test_its_levels_edges_and_width(self, kind: str) -> None:
        bare = start(kind)
        bare.tell("OUTP ON")
        assert bare.trigger() == pytest.approx(10e-6)
        times_s, volts = bare.waveform()
        assert times_s[1] - times_s[0] == pytest.approx(100e-9)  # 80 ns is 10 to 90 %
        assert times_s[3] - times_s[2] == pytest.approx(400e-9)
        assert times_s[5] - times_s[4] == pytest.approx(100e-9)
        assert volts.tolist() == pytest.approx([0, 1, 1, 1, 1, 0, 0, 0])
        assert bare.pulses() == [(pytest.approx(500e-9), pytest.approx(1.0))]

    def test_edges_of_their_own(self, kind: str) -> None:
        bare = start(kind)
        node = "PULS:TRAN" if kind == "keysight81160a" else "FUNC:PULS:TRAN"
        bare.tell(f"{node}:LEAD 40ns", f"{node}:TRA 160ns", "OUTP ON")
        bare.trigger()
        times_s, _ = bare.waveform()
        assert times_s[1] - times_s[0] == pytest.approx(50e-9)
        assert times_s[5] - times_s[4] == pytest.approx(200e-9)
        assert bare.pulses() == [(pytest.approx(500e-9), pytest.approx(1.0))]

    def test_a_burst_has_as_many_as_were_asked_for(self, kind: str) -> None:
        bare = start(kind)
        bare.tell(f"{CYCLES[kind]} 7", "OUTP ON")
        assert bare.trigger() == pytest.approx(70e-6)
        assert len(bare.pulses()) == 7
        bare.trigger()
        assert len(bare.pulses()) == 14

    def test_a_million_pulses_are_one_signal(self, kind: str) -> None:
        bare = start(kind)
        bare.tell(f"{CYCLES[kind]} 1000000", "OUTP ON")
        assert bare.trigger() == pytest.approx(10.0)
        signals = [event.signal for event in bare.events("waveform")]
        assert sum(signal.units[:, 2].sum() for signal in signals if signal) == 1_000_000

    def test_one_at_a_time(self, kind: str) -> None:
        bare = start(kind)
        bare.tell("OUTP ON")
        assert bare.refused("*TRG;*TRG") == [-211]
        bare.sleep(1e-3)
        assert len(bare.pulses()) == 1

    def test_negative_ones_rest_at_zero_with_inverted_polarity(self, kind: str) -> None:
        bare = start(kind)
        bare.tell("VOLT:LOW -1.8;HIGH 0", "OUTP:POL INV", "OUTP ON")
        bare.sleep(1e-3)
        bare.trigger()
        bare.sleep(1e-3)
        times_s, volts = bare.waveform()
        assert volts[0] == volts[-1] == pytest.approx(0)
        assert len(times_s) == 8  # nothing stood at the cell before and after
        assert bare.pulses() == [(pytest.approx(500e-9), pytest.approx(-1.8))]

    def test_no_trigger_no_pulse(self, kind: str) -> None:
        bare = start(kind)
        bare.tell("OUTP ON")
        bare.sleep(1.0)
        assert bare.events("waveform") == []

    def test_off_cuts_a_burst(self, kind: str) -> None:
        bare = start(kind)
        bare.tell(f"{CYCLES[kind]} 10", "OUTP ON", "*TRG")
        bare.sleep(35.3e-6)
        bare.tell("OUTP OFF")
        assert bare.ask("*OPC?;:OUTP?") == "1;0"
        assert bare.it.busy_until_s == 0.0
        bare.sleep(1.0)
        times_s, _ = bare.waveform()
        assert times_s[-1] == pytest.approx(35.3e-6)
        assert [event.what["on"] for event in bare.events("output")] == [True, False]

    def test_a_burst_with_the_output_off_ends_all_the_same(self, kind: str) -> None:
        bare = start(kind)
        assert bare.trigger() == pytest.approx(10e-6)
        assert bare.events("waveform") == []

    def test_a_stuck_relay_is_told(self, kind: str) -> None:
        bare = start(kind)
        bare.it.troubles.add("output-stuck")
        bare.tell("OUTP ON", "OUTP OFF", "*RST")
        assert bare.ask("OUTP?") == "1"

    def test_a_delay_comes_first(self, kind: str) -> None:
        bare = start(kind)
        bare.tell(("PULS:DEL" if kind == "keysight81160a" else "TRIG:DEL") + " 3us", "OUTP ON")
        assert bare.trigger() == pytest.approx(13e-6)
        times_s, volts = bare.waveform()
        assert times_s[np.argmax(volts)] == pytest.approx(3.1e-6)

    def test_a_change_in_a_burst_ends_it(self, kind: str) -> None:
        bare = start(kind)
        bare.tell(f"{CYCLES[kind]} 10", "OUTP ON", "*TRG")
        bare.sleep(25e-6)
        bare.tell("VOLT:HIGH 0.5")
        bare.sleep(1.0)
        assert len(bare.pulses()) == 3
        assert bare.trigger() == pytest.approx(100e-6)


@both
class TestLoad:
    @pytest.mark.parametrize(("load", "open_v"), [("50", 2.0), ("INF", 1.0), ("200", 1.25)])
    def test_levels_are_meant_for_the_load(self, kind: str, load: str, open_v: float) -> None:
        bare = start(kind)
        bare.tell(f"OUTP:LOAD {load}", "VOLT:HIGH 1;LOW 0", "OUTP ON")
        bare.trigger()
        assert bare.pulses()[0][1] == pytest.approx(open_v)

    def test_a_load_divides(self, kind: str) -> None:
        """The open-circuit voltage stays what it was; the cell of 50 ohm gets half of it."""
        bare = start(kind, resistance_ohm=50.0)
        bare.tell("OUTP:LOAD 50", "VOLT:HIGH 1;LOW 0", "FUNC DC", "VOLT:OFFS 1", "OUTP ON")
        source = bare.it.channels[1].output.source
        assert source.level_v == pytest.approx(2.0)
        assert source.output_ohm == 50.0

    def test_another_load_renames_what_comes_out(self, kind: str) -> None:
        bare = Bare(kind)
        bare.tell("VOLT:HIGH 2;LOW -1", "OUTP:LOAD INF")
        assert bare.number("VOLT:HIGH?") == pytest.approx(4)
        assert bare.number("VOLT:LOW?") == pytest.approx(-2)
        assert bare.number("VOLT?") == pytest.approx(6)
        assert bare.number("VOLT:OFFS?") == pytest.approx(1)
        assert bare.number("OUTP:LOAD?") == 9.9e37
        bare.tell("OUTP:LOAD 50")
        assert bare.number("VOLT:HIGH?") == pytest.approx(2)

    def test_limits_of_the_levels_follow_the_load(self, kind: str) -> None:
        bare = Bare(kind)
        assert bare.number("VOLT:HIGH? MAX") == pytest.approx(5)
        bare.tell("OUTP:LOAD INF")
        assert bare.number("VOLT:HIGH? MAX") == pytest.approx(10)
        assert bare.refused("VOLT:HIGH 10.1") == [-222]


@both
class TestContinuous:
    def test_pulses_go_on_for_ever(self, kind: str) -> None:
        bare = start(kind)
        bare.tell("ARM:SOUR IMM" if kind == "keysight81160a" else "BURS:STAT OFF", "OUTP ON")
        for _ in range(5):
            bare.sleep(21e-6)
        assert len(bare.pulses()) == 11
        times_s, _ = bare.waveform()
        assert times_s[-1] == pytest.approx(105e-6)
        assert bare.ask("*OPC?") == "1"
        bare.tell("OUTP OFF")
        bare.sleep(1.0)
        assert bare.waveform()[0][-1] == pytest.approx(105e-6)

    def test_a_year_takes_no_time(self, kind: str) -> None:
        bare = start(kind)
        bare.tell("ARM:SOUR IMM" if kind == "keysight81160a" else "BURS:STAT OFF")
        bare.it.channels[1].output.source.cut_off = True
        bare.tell("OUTP ON")
        bare.sleep(3e7)
        bare.sleep(1.0)
        assert bare.waveform()[0].size == 0

    @pytest.mark.parametrize(
        ("function", "mean", "rms"),
        [("SIN", 0, 0.5**0.5), ("SQU", 0, 1), ("RAMP", 0, 3**-0.5), ("DC", 0.25, 0.25)],
    )
    def test_functions(self, kind: str, function: str, mean: float, rms: float) -> None:
        bare = Bare(kind)
        bare.tell("OUTP:LOAD INF", "VOLT 2", f"FUNC {function}", "FREQ 1kHz")
        bare.tell("VOLT:OFFS 0.25" if function == "DC" else "VOLT:OFFS 0", "OUTP ON")
        bare.sleep(10e-3)
        times_s, volts = bare.waveform()
        at_s = np.linspace(0, 10e-3, 20_001)[1:-1] + 1e-9
        seen = np.interp(at_s, times_s + np.arange(len(times_s)) * 1e-15, volts)
        assert seen.mean() == pytest.approx(mean, abs=2e-3)
        assert np.sqrt((seen**2).mean()) == pytest.approx(rms, abs=3e-3)

    def test_bursts_repeat_by_themselves(self, kind: str) -> None:
        bare = start(kind)
        bare.tell(
            f"{CYCLES[kind]} 3", "BURS:INT:PER 1ms",
            "ARM:SOUR INT2" if kind == "keysight81160a" else "TRIG:SOUR IMM", "OUTP ON",
        )  # fmt: skip
        bare.sleep(10.5e-3)
        assert len(bare.pulses()) == 33
        bare.sleep(1.0)
        assert len(bare.pulses()) == 3 * 1011

    def test_long_bursts_repeat_by_themselves(self, kind: str) -> None:
        bare = start(kind)
        bare.tell(
            f"{CYCLES[kind]} 2000", "BURS:INT:PER 100ms",
            "ARM:SOUR INT2" if kind == "keysight81160a" else "TRIG:SOUR IMM", "OUTP ON",
        )  # fmt: skip
        for _ in range(3):
            bare.sleep(20.15)
        signals = [event.signal for event in bare.events("waveform")]
        pulses = [unit[2] for signal in signals if signal for unit in signal.units if unit[0] == 0]
        assert sum(pulses) == pytest.approx(2000 * 605, rel=1e-5)  # some are cut in two

    def test_a_level_stands_at_the_cell(self, kind: str) -> None:
        bare = start(kind)
        bare.tell("VOLT:HIGH 1;LOW 0.5", "OUTP ON")
        bare.sleep(1.0)
        times_s, volts = bare.waveform()
        assert set(volts) == {0.5}
        assert times_s[-1] - times_s[0] == pytest.approx(1.0)


@both
def test_two_outputs_are_two_ports(kind: str) -> None:
    bare = Bare(kind)
    bare.tell("OUTP2 ON")
    assert bare.ask("OUTP1?;:OUTP2?") == "0;1"
    assert [event.source for event in bare.events("output")] == ["pg.2"]
    bare.tell("*RST")
    assert bare.ask("OUTP2?") == "0"
