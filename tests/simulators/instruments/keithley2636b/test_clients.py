"""The virtual 2636B with other people's drivers, unmodified, over a socket."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pymeasure.instruments.keithley import Keithley2600 as PymeasureKeithley2600

from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import Running, running

pytest.importorskip("lupa")

OHM = 10e3


@pytest.fixture
def lab() -> Iterator[Running]:
    plan = LabPlan(
        instruments={"smu": InstrumentPlan(type="keithley2636b")},
        wiring={"smu.a": "top"},
        model="resistor",
        parameters={"resistance_ohm": OHM},
    )
    with running(plan) as lab:
        yield lab


def wired(lab: Running) -> list[str]:
    """List what was sent to the instrument."""
    sent = [entry for _, entry in lab.lab.messages.since(0) if entry.direction == "in"]
    return [entry.wire.decode("latin-1").strip() for entry in sent]


def outputs(lab: Running) -> list[bool]:
    """List how the output of channel A was switched."""
    found = [event for _, event in lab.lab.events.since(0) if event.source == "smu.a"]
    return [event.what["on"] for event in found if event.what["kind"] == "output"]


def most_v(lab: Running) -> float:
    signals = [event.signal for _, event in lab.lab.events.since(0) if event.signal is not None]
    return float(max(np.abs(signal.stop_v).max() for signal in signals))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of its own ways
class TestPymeasure:
    @pytest.fixture
    def driver(self, lab: Running) -> Iterator[PymeasureKeithley2600]:
        driver = PymeasureKeithley2600(
            lab.server.addresses["smu"], visa_library="@py", timeout=20_000,
            write_termination="\n", read_termination="\n",
        )  # fmt: skip
        yield driver
        driver.adapter.close()

    def test_a_resistor_is_measured(self, driver: PymeasureKeithley2600) -> None:
        channel = driver.ChA
        channel.source_mode = "voltage"
        channel.source_voltage_range = 2
        channel.compliance_current = 1e-3
        channel.source_voltage = 0.5
        channel.source_output = "ON"
        assert channel.current == pytest.approx(0.5 / OHM, rel=2e-3)
        assert channel.voltage == pytest.approx(0.5, rel=2e-3)
        assert channel.resistance == pytest.approx(OHM, rel=2e-3)
        assert driver.next_error == (0, "Queue Is Empty")

    def test_compliance_is_what_it_really_sends(
        self, lab: Running, driver: PymeasureKeithley2600
    ) -> None:
        driver.ChA.compliance_current = 10.5e-6  # its %f has six decimals
        assert driver.ChA.compliance_current in (10e-6, 11e-6)
        assert wired(lab)[-2] in ("smua.source.limiti=0.000010", "smua.source.limiti=0.000011")
        driver.ChA.source_voltage = 1.0
        driver.ChA.source_output = "ON"
        assert driver.ChA.current == pytest.approx(driver.ChA.compliance_current, rel=2e-3)
        assert driver.ChA.ask("source.compliance and 1 or 0") == 1.0

    def test_a_limit_that_it_rounds_to_nothing_is_refused(
        self, driver: PymeasureKeithley2600
    ) -> None:
        driver.ChA.compliance_current = 1e-7
        assert driver.next_error == (1103, "Parameter too small")
        assert driver.ChA.compliance_current == 0.1

    def test_it_sweeps_and_switches_off(
        self, lab: Running, driver: PymeasureKeithley2600, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("pymeasure.instruments.keithley.keithley2600.time.sleep", id)
        driver.ChA.source_output = "ON"
        driver.ChA.ramp_to_voltage(1.0, steps=5)
        assert driver.ChA.current == pytest.approx(1.0 / OHM, rel=2e-3)
        driver.ChA.shutdown()
        assert driver.ChA.source_output == "OFF"
        assert outputs(lab) == [True, False]
        assert most_v(lab) == pytest.approx(1.0, rel=2e-3)

    def test_a_wrong_command_is_a_syntax_error(self, driver: PymeasureKeithley2600) -> None:
        driver.write("smua.source.levelv = = 1")
        code, message = driver.next_error
        assert code == -285
        assert message == "TSP Syntax error at line 1: unexpected symbol near `='"


class TestQcodes:
    @pytest.fixture
    def driver(self, lab: Running) -> Iterator[Any]:
        keithley = pytest.importorskip("qcodes.instrument_drivers.Keithley")
        driver = keithley.Keithley2636B(
            "smu", lab.server.addresses["smu"], visalib="@py", timeout=20, terminator="\n"
        )
        yield driver
        driver.close()

    def test_it_is_recognised(self, driver: Any) -> None:
        assert driver.model == "2636B"
        assert driver.get_idn() == {
            "vendor": "Keithley Instruments Inc.", "model": "2636B", "serial": "4308079",
            "firmware": "3.2.2",
        }  # fmt: skip

    def test_a_resistor_is_measured_within_a_limit(self, lab: Running, driver: Any) -> None:
        channel = driver.smua
        channel.mode("voltage")
        channel.limiti(10.5e-6)
        assert channel.limiti() == 10.5e-6
        assert "smua.source.limiti=1.05e-05" in wired(lab)
        channel.sourcerange_v(2)
        channel.volt(0.05)
        channel.output("on")
        assert channel.curr() == pytest.approx(0.05 / OHM, rel=2e-2)
        assert channel.curr.measurement_status == "No error occured."
        channel.volt(1.0)
        assert channel.curr() == pytest.approx(10.5e-6, rel=2e-3)
        assert channel.curr.measurement_status == "Reached current compliance limit."
        channel.volt(0.05)
        channel.output("off")
        assert channel.output() is False
        assert outputs(lab) == [True, False]

    def test_a_fast_sweep_and_a_time_trace(self, driver: Any) -> None:
        from qcodes.dataset import LinSweep

        channel = driver.smua
        channel.nplc(0.01)
        channel.setup_fastsweep(LinSweep(channel.volt, -1.0, 1.0, 21, 1e-3), mode="IV")
        assert channel.fastsweep() == pytest.approx(np.linspace(-1, 1, 21) / OHM, abs=3e-7)
        channel.timetrace_npts(10)
        channel.timetrace_dt(2e-3)
        assert channel.timetrace() == pytest.approx(np.full(10, 1 / OHM), rel=5e-3)

    def test_a_whole_snapshot_is_answered(self, driver: Any) -> None:
        driver.smua.reset()
        driver.snapshot(update=True)
        assert driver.ask("errorqueue.count") == "0.00000e+00"


class TestKeithley2600:
    @pytest.fixture
    def driver(self, lab: Running) -> Iterator[Any]:
        package = pytest.importorskip("keithley2600")
        logging.getLogger("keithley2600.keithley_driver").setLevel(logging.WARNING)
        driver = package.Keithley2600(
            lab.server.addresses["smu"], visa_library="@py", timeout=20_000,
            write_termination="\n", read_termination="\n",
        )  # fmt: skip
        assert driver.connected
        yield driver
        driver.disconnect()
        driver.rm.close()

    def test_levels_limits_and_readings(self, lab: Running, driver: Any) -> None:
        driver.smua.source.limiti = 10.5e-6
        assert driver.smua.source.limiti == 10.5e-6
        assert "_G.smua.source.limiti = 1.05e-05" in wired(lab)
        driver.apply_voltage(driver.smua, 0.05)
        assert driver.smua.measure.r() == pytest.approx(OHM, rel=2e-2)
        driver.apply_voltage(driver.smua, 1.0)
        assert driver.smua.source.compliance
        assert driver.smua.measure.i() == pytest.approx(10.5e-6, rel=5e-3)
        driver.smua.source.output = driver.smua.OUTPUT_OFF
        assert driver.smua.source.output == 0
        assert outputs(lab) == [True, False]
        with pytest.raises(AttributeError, match="read-only"):
            driver.localnode.model = 3

    def test_a_sweep_by_the_trigger_model(
        self, lab: Running, driver: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def sleep(seconds: float) -> None:
            lab.ask(f"sleep {seconds}")

        monkeypatch.setattr("keithley2600.keithley_driver.time.sleep", sleep)
        levels = [0.0, 0.5, 1.0, 0.5, -0.5]
        for pulsed in (False, True):
            volts, amperes = driver.voltage_sweep_single_smu(
                driver.smua, levels, t_int=1e-2, delay=0.0, pulsed=pulsed
            )
            assert volts == pytest.approx(levels, abs=2e-3)
            assert amperes == pytest.approx(np.array(levels) / OHM, abs=2e-7)
        assert driver.read_error_queue() == []

    def test_errors_are_raised(self, lab: Running, driver: Any) -> None:
        assert driver.smua.source.levelv == 0
        driver.raise_keithley_errors = True
        error = pytest.importorskip("keithley2600.keithley_driver").KeithleyError
        with pytest.raises(error, match="Parameter too big"):
            driver.smua.source.levelv = 1000
