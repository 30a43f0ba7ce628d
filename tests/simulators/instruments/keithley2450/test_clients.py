"""The virtual 2450 with other people's drivers, unmodified, over a socket."""

from collections.abc import Iterator

import numpy as np
import pytest
from pymeasure.instruments.keithley import Keithley2400, Keithley2450

from tests.simulators.instruments.smu.clients import (
    OHM,
    Place,
    at,
    levels_v,
    outputs,
    pymeasure_driver,
    qcodes_driver,
    served,
    written,
)


class TestPymeasure:
    @pytest.fixture
    def place(self) -> Iterator[Place]:
        with at("keithley2450", pymeasure_driver, Keithley2450) as place:
            yield place

    def test_a_resistor_is_measured(self, place: Place) -> None:
        lab, smu = place
        smu.reset()
        smu.apply_voltage(compliance_current=10.5e-6)
        smu.source_voltage = 0.1
        smu.measure_current()
        smu.enable_source()
        assert smu.current == pytest.approx(10e-6)
        assert ":SOUR:VOLT:ILIM 1.05e-05" in written(lab)
        smu.source_voltage = 0.2
        assert smu.current == pytest.approx(10.5e-6)
        smu.measure_resistance()
        assert smu.resistance == pytest.approx(OHM, rel=1e-4)
        smu.disable_source()
        assert smu.check_errors() == []
        assert outputs(lab) == [True, False]
        assert levels_v(lab) == {0.0, 0.1, 0.2}

    def test_a_current_is_sourced(self, place: Place) -> None:
        _, smu = place
        smu.reset()
        smu.apply_current(compliance_voltage=1.0)
        smu.source_current = 2e-5
        smu.measure_voltage()
        smu.enable_source()
        assert smu.voltage == pytest.approx(0.2)
        smu.shutdown()
        assert smu.source_enabled is False


class TestQcodes:
    @pytest.fixture
    def place(self) -> Iterator[Place]:
        pytest.importorskip("qcodes")
        from qcodes.instrument_drivers.Keithley import Keithley2450 as Driver

        with at("keithley2450", qcodes_driver, Driver) as place:
            yield place

    def test_a_resistor_is_measured(self, place: Place) -> None:
        lab, smu = place
        smu.reset()
        smu.source.function("voltage")
        smu.source.limit(10.5e-6)
        smu.source.voltage(0.1)
        smu.sense.function("current")
        with smu.output_enabled.set_to(True):
            assert smu.sense.current() == pytest.approx(10e-6)
            assert not smu.source.limit_tripped()
            smu.source.voltage(0.2)
            assert smu.sense.current() == pytest.approx(10.5e-6)
            assert smu.source.limit_tripped()
        assert smu.output_enabled() is False
        assert "SOUR:voltage:ILIM 1.05e-05" in written(lab)
        assert outputs(lab) == [True, False]
        assert levels_v(lab) == {0.0, 0.1, 0.2}

    def test_a_sweep_and_a_buffer(self, place: Place) -> None:
        lab, smu = place
        smu.reset()
        smu.source.sweep_setup(0, 0.4, 5)
        smu.sense.auto_range(True)
        smu.sense.function("current")
        with smu.buffer("mine", 100) as buffer:
            buffer.elements(["source_value", "measurement", "time"])
            smu.source.sweep_setup(0, 0.4, 5, buffer_name="mine")
            with smu.output_enabled.set_to(True):
                assert smu.sense.sweep() == pytest.approx(np.linspace(0, 0.4, 5) / OHM, abs=1e-9)
            selected = smu.sense.sweep.get_selected()
            assert len(selected) == 15
            assert float(selected[-3]) == pytest.approx(0.4)
            assert buffer.number_of_readings() == 0
        assert smu.ask("SYST:ERR?") == '0,"No error;0;0 0"'
        assert outputs(lab) == [True, False]

    def test_a_wrong_command(self, place: Place) -> None:
        _, smu = place
        smu.write("FOO 1")
        assert smu.ask("SYST:ERR?").startswith('-113,"Undefined header;1;')


def test_pymeasure_s_2400_at_a_2450_that_speaks_its_language() -> None:
    with served("keithley2450", language="SCPI2400") as (lab, address):
        with pymeasure_driver(Keithley2400, address) as smu:
            smu.reset()
            smu.compliance_current = 1e-3
            smu.source_voltage = 0.5
            smu.enable_source()
            assert smu.current == pytest.approx(50e-6)
            assert "MODEL 2450" in smu.id
            smu.disable_source()
            assert smu.check_errors() == []
        assert outputs(lab) == [True, False]
