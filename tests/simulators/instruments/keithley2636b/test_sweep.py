"""The trigger model of the virtual 2636B: what comes out, when, and what is measured of it."""

import numpy as np
import pytest

from tests.simulators.instruments.keithley2636b.in_process_2636b import Bare

pytest.importorskip("lupa")

PLC_S = 1 / 60


@pytest.fixture
def bare() -> Bare:
    bare = Bare()
    bare.tell(
        "smua.source.rangev = 2 smua.source.limiti = 1e-3 smua.measure.rangei = 1e-3",
        "smua.measure.autozero = smua.AUTOZERO_ONCE smua.measure.delay = 0",
        "smua.trigger.source.action = smua.ENABLE smua.trigger.measure.action = smua.ENABLE",
        "smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2)",
        "smua.source.output = smua.OUTPUT_ON",
    )
    return bare


def at(bare: Bare, times_s: list[float]) -> list[float]:
    """Tell what came out at some times (V)."""
    times, volts = bare.voltage()
    return [float(volt) for volt in np.interp(times_s, times, volts)]


class TestStaircase:
    def test_levels_are_stepped_and_measured(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.linearv(-1, 1, 5) smua.trigger.count = 5")
        bare.tell("smua.trigger.initiate()")
        assert bare.number("status.operation.sweeping.condition") == 2
        bare.tell("waitcomplete()")
        assert bare.number("status.operation.sweeping.condition") == 0
        levels = [-1, -0.5, 0, 0.5, 1]
        assert bare.numbers("printbuffer(1, 5, smua.nvbuffer2)") == pytest.approx(levels)
        assert bare.numbers("printbuffer(1, 5, smua.nvbuffer1)") == pytest.approx(
            np.array(levels) / 10e3
        )
        told = bare.numbers("printbuffer(1, 5, smua.nvbuffer1.sourcevalues)")
        assert told == pytest.approx(levels)
        times_s = bare.numbers("printbuffer(1, 5, smua.nvbuffer1.timestamps)")
        assert np.diff(times_s) == pytest.approx(PLC_S + 33e-6, abs=1e-6)

    def test_the_level_is_held_or_given_up_at_the_end(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({0.5, 1}) smua.trigger.count = 2")
        bare.tell("smua.trigger.initiate()", "waitcomplete()")
        assert bare.number("smua.measure.v()") == pytest.approx(1.0)
        bare.tell("smua.trigger.endsweep.action = smua.SOURCE_IDLE")
        bare.tell("smua.trigger.initiate()", "waitcomplete()", "delay(1e-3)")
        assert bare.number("smua.measure.v()") == pytest.approx(0.0)

    def test_a_logarithmic_one_and_currents(self, bare: Bare) -> None:
        bare.tell("smua.source.func = 0 smua.source.limitv = 5 smua.measure.autorangei = 1")
        bare.tell("smua.trigger.source.logi(1e-6, 1e-4, 3) smua.trigger.count = 3")
        bare.tell("smua.trigger.initiate()", "waitcomplete()")
        volts = bare.numbers("printbuffer(1, 3, smua.nvbuffer2)")
        assert volts == pytest.approx([0.01, 0.1, 1.0])

    def test_its_own_limit(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({1}) smua.trigger.source.limiti = 2e-5")
        bare.tell("smua.source.limiti = 1e-4", "smua.trigger.initiate()", "waitcomplete()")
        assert bare.numbers("printbuffer(1, 1, smua.nvbuffer1)") == pytest.approx([2e-5])

    def test_its_limit_is_at_least_a_tenth_of_the_range(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({1}) smua.trigger.source.limiti = 1e-6")
        bare.tell("smua.source.limiti = 1e-4", "smua.trigger.initiate()", "waitcomplete()")
        assert bare.numbers("printbuffer(1, 1, smua.nvbuffer1)") == pytest.approx([1e-5])

    def test_a_second_one_is_refused_while_it_runs(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({1}) smua.trigger.count = 3")
        bare.tell("smua.trigger.arm.stimulus = trigger.EVENT_ID", "smua.trigger.initiate()")
        bare.send("smua.trigger.initiate()")
        assert bare.codes() == [-211]

    def test_without_a_list_there_is_none(self, bare: Bare) -> None:
        bare.send("smua.trigger.initiate()")
        assert bare.codes() == [-221]


class TestEvents:
    def test_it_waits_for_trg(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({1}) smua.trigger.arm.stimulus = trigger.EVENT_ID")
        bare.tell("smua.trigger.initiate()")
        bare.sleep(1.0)
        assert bare.number("status.operation.sweeping.condition") == 2
        assert bare.number("smua.nvbuffer1.n") == 0
        bare.tell("*trg", "waitcomplete()")
        assert bare.number("smua.nvbuffer1.n") == 1
        event = next(e for e in bare.events("waveform") if e.signal and e.signal.last_v == 1)
        assert event.time_s > 1.0

    def test_a_detector_can_be_set_by_hand(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({1}) smua.trigger.endpulse.stimulus = 999")
        bare.tell("smua.trigger.endpulse.set()", "smua.trigger.initiate()")
        bare.sleep(1.0)
        sweeping = "status.operation.sweeping.condition == status.operation.sweeping.SMUA"
        assert bare.ask(sweeping) == "true"
        bare.tell("smua.trigger.endpulse.set()")
        assert bare.ask(sweeping) == "false"

    def test_both_channels_wait_for_each_other(self) -> None:
        bare = Bare(wiring={"smu.a": "top", "smu.b": "bottom"})
        for smu, nplc in (("smua", 1), ("smub", 5)):
            bare.tell(
                f"{smu}.measure.nplc = {nplc} {smu}.measure.autozero = 1 {smu}.measure.delay = 0",
                f"{smu}.trigger.source.action = 1 {smu}.trigger.measure.action = 1",
                f"{smu}.trigger.measure.i({smu}.nvbuffer1) {smu}.trigger.count = 3",
                f"{smu}.trigger.endpulse.stimulus = trigger.blender[1].EVENT_ID",
                f"{smu}.source.output = 1",
            )
        bare.tell(
            "smua.trigger.source.listv({0.1, 0.2, 0.3}) smub.trigger.source.listv({0, 0, 0})",
            "trigger.blender[1].orenable = false",
            "trigger.blender[1].stimulus[1] = smua.trigger.MEASURE_COMPLETE_EVENT_ID",
            "trigger.blender[1].stimulus[2] = smub.trigger.MEASURE_COMPLETE_EVENT_ID",
            "smua.trigger.initiate() smub.trigger.initiate()",
        )
        assert bare.number("status.operation.sweeping.condition") == 6
        bare.tell("waitcomplete()")
        times_s = bare.numbers("printbuffer(1, 3, smua.nvbuffer1.timestamps)")
        assert np.diff(times_s) == pytest.approx(5 * PLC_S + 33e-6, abs=1e-4)
        assert bare.numbers("printbuffer(1, 3, smua.nvbuffer1)") == pytest.approx(
            [1e-5, 2e-5, 3e-5]
        )

    def test_an_aborted_one_stops_where_it_is(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({0.2, 0.4, 0.6}) smua.trigger.count = 3")
        bare.tell("smua.trigger.initiate()")
        bare.sleep(1.5 * PLC_S)
        bare.tell("smua.abort()", "delay(1)")
        assert bare.number("smua.nvbuffer1.n") == 1
        assert bare.number("status.operation.sweeping.condition") == 0
        assert bare.voltage()[1].max() == pytest.approx(0.4)
        assert bare.number("smua.measure.v()") == pytest.approx(0.0)

    def test_off_cuts_a_pulse(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({1}) smua.measure.nplc = 25")
        bare.tell("smua.trigger.initiate()")
        begin_s = bare.lab.now_s()
        bare.sleep(0.1)
        bare.tell("smua.source.output = 0")
        times, volts = bare.voltage()
        assert volts[-1] == 0
        assert times[-1] - begin_s == pytest.approx(0.1, abs=1e-3)


class TestEndless:
    def test_it_goes_on_until_it_is_aborted(self, bare: Bare) -> None:
        bare.tell("smua.trigger.source.listv({0.1, 0.2}) smua.trigger.count = 0")
        bare.tell("smua.measure.nplc = 25", "smua.trigger.initiate()", "waitcomplete()")
        bare.sleep(10.0)
        assert bare.number("status.operation.sweeping.condition") == 2
        assert bare.number("smua.nvbuffer1.n") == pytest.approx(10 / (25 / 60), abs=1.1)
        bare.tell("smua.abort()")
        assert bare.number("status.operation.sweeping.condition") == 0

    def test_events_that_feed_each_other_are_dropped(self, bare: Bare) -> None:
        bare.tell("trigger.blender[1].stimulus[1] = trigger.blender[2].EVENT_ID")
        bare.tell("trigger.blender[2].stimulus[1] = trigger.blender[1].EVENT_ID")
        bare.tell("trigger.blender[2].stimulus[2] = trigger.EVENT_ID")
        bare.tell("trigger.blender[2].orenable = true", "*trg", "waitcomplete()")
        assert bare.unit.triggers.bus.next_s is None


class TestPulses:
    """As Tektronix' example KE26XXB_Pulsed_Sweep_Single sets the timers."""

    PERIOD_S, WIDTH_S, NPLC = 10e-3, 1e-3, 0.01

    @pytest.fixture
    def pulsed(self, bare: Bare) -> Bare:
        delay_s = self.WIDTH_S - self.NPLC / 60 - 60e-6
        bare.tell(
            f"smua.measure.nplc = {self.NPLC} smua.trigger.count = 4",
            "smua.trigger.source.linearv(0.25, 1, 4)",
            f"trigger.timer[1].count = 3 trigger.timer[1].delay = {self.PERIOD_S}",
            "trigger.timer[1].passthrough = true",
            "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID",
            f"trigger.timer[2].count = 1 trigger.timer[2].delay = {delay_s}",
            "trigger.timer[2].passthrough = false",
            "trigger.timer[2].stimulus = smua.trigger.SOURCE_COMPLETE_EVENT_ID",
            f"trigger.timer[3].count = 1 trigger.timer[3].delay = {self.WIDTH_S}",
            "trigger.timer[3].passthrough = false",
            "trigger.timer[3].stimulus = smua.trigger.SOURCE_COMPLETE_EVENT_ID",
            "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID",
            "smua.trigger.measure.stimulus = trigger.timer[2].EVENT_ID",
            "smua.trigger.endpulse.stimulus = trigger.timer[3].EVENT_ID",
            "smua.trigger.endpulse.action = smua.SOURCE_IDLE",
            "smua.trigger.endsweep.action = smua.SOURCE_IDLE",
        )
        return bare

    def test_width_period_and_readings(self, pulsed: Bare) -> None:
        pulsed.tell("smua.trigger.initiate() waitcomplete()", "delay(1e-3)")
        levels = [0.25, 0.5, 0.75, 1.0]
        assert pulsed.numbers("printbuffer(1, 4, smua.nvbuffer2)") == pytest.approx(levels)
        times_s = pulsed.numbers("printbuffer(1, 4, smua.nvbuffer1.timestamps)")
        assert times_s == pytest.approx(np.arange(4) * self.PERIOD_S, abs=1e-6)
        times, volts = pulsed.voltage()
        for level in levels:
            rises = times[np.flatnonzero((volts[:-1] == 0) & np.isclose(volts[1:], level))]
            falls = times[np.flatnonzero((volts[1:] == 0) & np.isclose(volts[:-1], level))]
            assert len(rises) == len(falls) == 1
            assert falls[0] - rises[0] == pytest.approx(self.WIDTH_S, rel=1e-6)

    def test_nothing_but_pulses_comes_out(self, pulsed: Bare) -> None:
        pulsed.tell("smua.trigger.initiate()")
        begin_s = pulsed.lab.now_s()
        pulsed.sleep(0.1)
        middles = [begin_s + k * self.PERIOD_S + part for k in range(4) for part in (5e-4, 5e-3)]
        assert at(pulsed, middles) == pytest.approx([0.25, 0, 0.5, 0, 0.75, 0, 1, 0], abs=1e-9)

    def test_it_has_done_half_of_its_work_when_it_is_cut(self, pulsed: Bare) -> None:
        pulsed.tell("smua.trigger.initiate()")
        pulsed.sleep(1.5 * self.PERIOD_S)
        pulsed.tell("smua.source.output = 0")
        pulsed.sleep(1.0)
        assert pulsed.voltage()[1].max() == pytest.approx(0.5)
        assert pulsed.number("smua.nvbuffer1.n") == 2
