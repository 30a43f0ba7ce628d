"""The virtual 2636B: settings, measurements, buffers, limits, what may be wrong with it."""

import pytest

from hil.simulators.instruments.keithley2636b import unconfirmed
from tests.simulators.instruments.keithley2636b.in_process_2636b import Bare

pytest.importorskip("lupa")

PLC_S = 1 / 60


@pytest.fixture
def bare() -> Bare:
    return Bare()


def on(bare: Bare, volts: float = 1.0, limit_a: float = 1e-3) -> None:
    bare.tell(
        "smua.measure.autozero = smua.AUTOZERO_ONCE", "smua.measure.delay = 0",
        f"smua.source.limiti = {limit_a}", f"smua.source.levelv = {volts}",
        "smua.source.output = smua.OUTPUT_ON",
    )  # fmt: skip


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("source.func", 1), ("source.levelv", 0), ("source.limiti", 0.1), ("source.output", 0),
         ("source.limitv", 20), ("measure.nplc", 1), ("measure.autozero", 2),
         ("measure.count", 1), ("trigger.count", 1), ("sense", 0), ("source.autorangev", 1)],
    )  # fmt: skip
    def test_after_a_reset(self, bare: Bare, name: str, value: float) -> None:
        bare.tell("smua.source.func = 0 smua.source.levelv = 2 smua.measure.nplc = 5")
        bare.tell("smua.source.limiti = 1e-3 smua.sense = 1 smua.measure.count = 3")
        bare.tell("smua.reset()")
        assert bare.number(f"smua.{name}") == value

    @pytest.mark.parametrize(
        ("message", "code"),
        [("smua.source.levelv = 203", 1102), ("smua.source.levelv = -203", 1103),
         ("smua.source.limiti = 1e-11", 1103), ("smua.source.limiti = 2", 1102),
         ("smua.measure.nplc = 1e-4", 1103), ("smua.measure.nplc = 26", 1102),
         ("smua.source.func = 2", 1102), ("smua.source.levelv = 'x'", -104),
         ("smua.source.rangev = 2 smua.source.levelv = 5", 1102),
         ("smua.source.levelv = 100 smua.source.limiti = 0.2", 1102),
         ("smua.source.nothing = 1", -286), ("smua.trigger.IDLE_EVENT_ID = 1", -286),
         ("smua.nvbuffer1.n = 1", -286), ("smuc.source.levelv = 1", -286),
         ("smua.measure.i(1)", -286), ("smua.trigger.source.listv(1)", -104),
         ("smua.trigger.source.listv({1, 'x'})", -104), ("makebuffer(0)", 1103)],
    )  # fmt: skip
    def test_what_is_refused_changes_nothing(self, bare: Bare, message: str, code: int) -> None:
        before = bare.ask("smua.source.limiti, smua.measure.nplc, smua.source.func")
        assert bare.send(message) is None
        assert bare.codes() == [code]
        assert bare.ask("smua.source.limiti, smua.measure.nplc, smua.source.func") == before

    def test_a_chunk_goes_on_after_what_is_out_of_range(self, bare: Bare) -> None:
        bare.send("smua.source.levelv = 1000 smua.source.levelv = 1")
        assert bare.codes() == [1102]
        assert bare.number("smua.source.levelv") == 1

    def test_ranges(self, bare: Bare) -> None:
        bare.tell("smua.source.rangev = 1.5", "smua.measure.rangei = 3e-6")
        assert bare.number("smua.source.rangev") == 2
        assert bare.number("smua.source.autorangev") == 0
        assert bare.number("smua.measure.rangei") == 1e-5
        bare.tell("smua.source.autorangev = 1", "smua.source.levelv = 15")
        assert bare.number("smua.source.rangev") == 20


class TestMeasuring:
    def test_a_resistor(self, bare: Bare) -> None:
        on(bare)
        current_a, voltage_v = map(float, bare.ask("smua.measure.iv()").split("\t"))
        assert current_a == pytest.approx(1e-4)
        assert voltage_v == pytest.approx(1.0)
        assert bare.number("smua.measure.r()") == pytest.approx(10e3)
        assert bare.number("smua.measure.p()") == pytest.approx(1e-4)

    def test_it_takes_its_time(self, bare: Bare) -> None:
        on(bare)
        begin_s = bare.lab.now_s()
        bare.ask("smua.measure.i()")
        assert bare.lab.now_s() - begin_s == pytest.approx(PLC_S, abs=1e-3)
        bare.tell("smua.measure.autozero = smua.AUTOZERO_AUTO")
        begin_s = bare.lab.now_s()
        bare.ask("smua.measure.i()")
        assert bare.lab.now_s() - begin_s == pytest.approx(3 * PLC_S, abs=1e-3)
        begin_s = bare.lab.now_s()
        bare.ask("smua.measure.i()")
        assert bare.lab.now_s() - begin_s == pytest.approx(PLC_S, abs=1e-3)

    def test_the_limit_holds_and_tells(self, bare: Bare) -> None:
        on(bare, limit_a=10.5e-6)
        assert bare.number("smua.measure.i()") == pytest.approx(10.5e-6)
        assert bare.number("smua.measure.v()") == pytest.approx(0.105)
        assert bare.ask("smua.source.compliance") == "true"
        assert bare.number("status.measurement.instrument.smua.condition") == 2
        bare.tell("smua.source.levelv = 0.05")
        assert bare.ask("smua.source.compliance") == "false"

    def test_a_current_is_sourced_within_a_voltage(self, bare: Bare) -> None:
        bare.tell(
            "smua.source.func = smua.OUTPUT_DCAMPS smua.source.leveli = 2e-5",
            "smua.source.limitv = 1 smua.source.output = 1",
        )
        assert bare.number("smua.measure.v()") == pytest.approx(0.2)
        bare.tell("smua.source.leveli = 1e-3")
        assert bare.number("smua.measure.v()") == pytest.approx(1.0)
        assert bare.number("status.measurement.instrument.smua.condition") == 1

    def test_beyond_a_fixed_range(self, bare: Bare) -> None:
        on(bare)
        bare.tell("smua.measure.rangei = 1e-6")
        assert bare.number("smua.measure.i()") == unconfirmed.OVERFLOW

    def test_the_output_goes_off_by_way_of_0_v(self, bare: Bare) -> None:
        on(bare)
        bare.tell("smua.source.output = 0")
        _, volts = bare.voltage()
        assert volts[-1] == 0
        assert [event.what["on"] for event in bare.events("output")] == [True, False]
        assert bare.number("smua.measure.i()") == 0

    def test_measure_and_step(self, bare: Bare) -> None:
        on(bare)
        told = bare.ask("smua.measureivandstep(0.5)").split("\t")
        assert float(told[1]) == pytest.approx(1.0)
        assert bare.number("smua.measure.v()") == pytest.approx(0.5)

    def test_channel_b_is_another_one(self) -> None:
        bare = Bare(wiring={"smu.b": "top"})
        bare.tell("smub.source.levelv = 1 smub.source.output = 1")
        assert bare.number("smub.measure.i()") == pytest.approx(1e-4)
        assert bare.number("smua.measure.i()") == 0


class TestBuffers:
    def test_readings_times_and_what_belongs_to_them(self, bare: Bare) -> None:
        on(bare)
        bare.tell("smua.measure.count = 3 smua.measure.interval = 0.1")
        bare.tell("smua.measure.iv(smua.nvbuffer1, smua.nvbuffer2)")
        assert bare.number("smua.nvbuffer1.n") == 3
        assert bare.numbers("printbuffer(1, 3, smua.nvbuffer1)") == pytest.approx([1e-4] * 3)
        assert bare.numbers("printbuffer(1, 3, smua.nvbuffer2)") == pytest.approx([1.0] * 3)
        assert bare.numbers("printbuffer(1, 3, smua.nvbuffer1.timestamps)") == pytest.approx(
            [0, 0.1, 0.2], abs=1e-6
        )
        assert bare.numbers("printbuffer(2, 2, smua.nvbuffer1.sourcevalues)") == [1.0]
        assert bare.number("smua.nvbuffer2.readings.getreading(2)") == pytest.approx(1.0)
        assert bare.ask("smua.nvbuffer2[4]") == "nil"

    def test_a_new_measurement_overwrites_unless_it_appends(self, bare: Bare) -> None:
        bare.tell("smua.measure.i(smua.nvbuffer1)", "smua.measure.i(smua.nvbuffer1)")
        assert bare.number("smua.nvbuffer1.n") == 1
        bare.tell("smua.nvbuffer1.appendmode = 1", "smua.measure.i(smua.nvbuffer1)")
        assert bare.number("smua.nvbuffer1.n") == 2
        bare.tell("smua.nvbuffer1.clear()")
        assert bare.number("smua.nvbuffer1.n") == 0

    def test_a_full_one_says_so(self, bare: Bare) -> None:
        bare.tell("b = makebuffer(2)", "smua.measure.count = 3")
        assert bare.send("smua.measure.i(b)") is None
        assert bare.codes() == [unconfirmed.FULL[0]]
        assert bare.number("b.n") == 2

    def test_compliance_stands_in_the_status(self, bare: Bare) -> None:
        on(bare, limit_a=1e-5)
        bare.tell("smua.measure.i(smua.nvbuffer1)")
        (status,) = bare.numbers("printbuffer(1, 1, smua.nvbuffer1.statuses)")
        assert int(status) & 0x40

    def test_measured_in_the_background(self, bare: Bare) -> None:
        on(bare)
        bare.tell("smua.measure.count = 5")
        begin_s = bare.lab.now_s()
        bare.tell("smua.measure.overlappediv(smua.nvbuffer1, smua.nvbuffer2)")
        assert bare.lab.now_s() - begin_s < 1e-3
        bare.sleep(2.5 * PLC_S)
        assert bare.number("smua.nvbuffer1.n") == 2
        bare.tell("waitcomplete()")
        assert bare.lab.now_s() - begin_s == pytest.approx(5 * PLC_S, abs=2e-3)
        assert bare.number("smua.nvbuffer1.n") == 5


class TestTroubles:
    def test_the_interlock_matters_on_the_highest_range(self, bare: Bare) -> None:
        bare.unit.interlock_open = True
        bare.tell("smua.source.levelv = 15 smua.source.output = 1")
        assert bare.send("smua.source.output = 0 smua.source.levelv = 30") is None
        assert bare.send("smua.source.output = 1") is None
        assert bare.codes() == [802]
        assert bare.number("smua.source.output") == 0
        bare.unit.interlock_open = False
        bare.tell("smua.source.output = 1")
        bare.unit.interlock_open = True
        assert bare.ask("smua.source.output") == "0.00000e+00"
        assert bare.codes() == [802]

    def test_nor_does_a_sweep_go_there_with_an_open_interlock(self, bare: Bare) -> None:
        on(bare, volts=0.0)
        bare.tell("smua.trigger.source.action = 1 smua.trigger.source.listv({1, 30})")
        bare.unit.interlock_open = True
        assert bare.send("smua.trigger.initiate()") is None
        assert bare.codes() == [802]
        bare.unit.interlock_open = False
        bare.tell("smua.trigger.arm.stimulus = trigger.EVENT_ID", "smua.trigger.initiate()")
        bare.unit.interlock_open = True
        assert bare.number("smua.source.output") == 0
        assert bare.codes() == [802]

    def test_a_stuck_output_goes_to_0_v_at_a_reset(self, bare: Bare) -> None:
        on(bare)
        bare.unit.troubles.add("output-stuck")
        bare.tell("smua.reset()", "delay(1)")
        assert bare.number("smua.source.output") == 1
        assert bare.voltage()[1][-1] == 0

    def test_a_stuck_output_tells_the_truth(self, bare: Bare) -> None:
        on(bare)
        bare.unit.troubles.add("output-stuck")
        bare.tell("smua.source.output = 0")
        assert bare.number("smua.source.output") == 1

    def test_compliance_and_over_range(self, bare: Bare) -> None:
        on(bare)
        bare.unit.troubles.update({"compliance", "over-range"})
        assert bare.number("smua.measure.i()") == unconfirmed.OVERFLOW
        assert bare.ask("smua.source.compliance") == "true"

    def test_the_queue_is_full(self, bare: Bare) -> None:
        bare.unit.troubles.add("queue-full")
        bare.send("")
        bare.send("nonsense(")
        errors = bare.errors()
        assert errors[-1].code == -350
        assert len(errors) == bare.unit.errors.count + len(errors)
        assert {error.code for error in errors[:-1]} == {-285}

    def test_everything_off_after_a_reset(self, bare: Bare) -> None:
        on(bare)
        bare.tell("*RST")
        assert bare.number("smua.source.output") == 0
        assert bare.voltage()[1][-1] == 0
