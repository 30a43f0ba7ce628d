"""The virtual 2400 with other people's drivers, unmodified, over a socket."""

from collections.abc import Iterator

import numpy as np
import pytest
from pymeasure.instruments.keithley import Keithley2400

from tests.simulators.instruments.smu.clients import (
    OHM,
    Place,
    at,
    levels_v,
    outputs,
    pymeasure_driver,
    qcodes_driver,
    written,
)


class TestPymeasure:
    @pytest.fixture
    def place(self) -> Iterator[Place]:
        with at("keithley2400", pymeasure_driver, Keithley2400) as place:
            yield place

    def test_a_resistor_is_measured(self, place: Place) -> None:
        lab, smu = place
        smu.reset()
        smu.source_mode = "voltage"
        smu.compliance_current = 10.5e-6
        smu.source_voltage = 0.1
        smu.source_enabled = True
        assert smu.current == pytest.approx(10e-6)
        assert ":SENSE:CURRENT:PROTECTION 1.05e-05" in written(lab)
        told = smu.measure_all()
        assert told["resistance"] == pytest.approx(OHM)
        smu.source_voltage = 0.2
        told = smu.measure_all()
        assert told["current"] == pytest.approx(10.5e-6)
        assert told["status"] & 8
        smu.source_enabled = False
        assert not smu.source_enabled
        assert outputs(lab) == [True, False]
        assert levels_v(lab) == {0.0, 0.1, 0.2}
        assert smu.check_errors() == []

    def test_a_current_is_sourced(self, place: Place) -> None:
        _, smu = place
        smu.reset()
        smu.source_mode = "current"
        smu.compliance_voltage = 1.0
        smu.source_current = 2e-5
        smu.enable_source()
        assert smu.voltage == pytest.approx(0.2)
        smu.shutdown()
        assert smu.source_enabled is False

    def test_the_buffer(self, place: Place) -> None:
        _, smu = place
        smu.reset()
        smu.compliance_current = 1e-3
        smu.source_voltage = 0.5
        smu.enable_source()
        smu.config_buffer(10)
        smu.start_buffer()
        smu.wait_for_buffer()
        assert smu.buffer_data.reshape(-1, 5)[:, 1] == pytest.approx(np.full(10, 50e-6))
        assert smu.mean_current == pytest.approx(50e-6)
        assert smu.std_current == pytest.approx(0.0, abs=1e-12)
        assert smu.check_errors() == []

    def test_a_wrong_command(self, place: Place) -> None:
        _, smu = place
        smu.write(":SOUR:VOLTS 1")
        assert smu.check_errors()[0][0] == -113


class TestQcodes:
    @pytest.fixture
    def place(self) -> Iterator[Place]:
        pytest.importorskip("qcodes")
        from qcodes.instrument_drivers.Keithley import Keithley2400 as Driver

        with at("keithley2400", qcodes_driver, Driver) as place:
            yield place

    def test_a_resistor_is_measured(self, place: Place) -> None:
        lab, smu = place
        smu.reset()
        smu.write(":FORM:ELEM VOLT,CURR")
        smu.mode("VOLT")
        smu.compliancei(10.5e-6)
        assert smu.compliancei() == 10e-6
        assert "SENS:CURR:PROT 0.000010" in written(lab)
        smu.volt(0.05)
        smu.output(True)
        assert smu.curr() == pytest.approx(5e-6)
        assert smu.resistance() == pytest.approx(OHM)
        smu.volt(0.5)
        assert smu.curr() == pytest.approx(10e-6)
        assert smu.ask("SENS:CURR:PROT:TRIP?") == "1"
        smu.output(False)
        assert smu.output() is False
        assert outputs(lab) == [True, False]
        assert levels_v(lab) == {0.0, 0.05, 0.5}
        assert smu.ask("SYST:ERR?") == '0,"No error"'
