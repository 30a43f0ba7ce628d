"""The virtual 4200A with pymeasure's own driver, unmodified, over a socket."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pymeasure.instruments.keithley import Keithley4200
from pymeasure.instruments.keithley.keithley4200 import StatusCode

from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import running


@contextmanager
def connected(resistance_ohm: float) -> Iterator[Keithley4200]:
    plan = LabPlan(
        instruments={"scs": InstrumentPlan(type="keithley4200")},
        wiring={"PMU1-1": "top"},
        model="resistor",
        parameters={"resistance_ohm": resistance_ohm},
    )
    with running(plan) as lab:
        address = lab.server.addresses["scs"]
        driver = Keithley4200(address, visa_library="@py", timeout=20_000)
        try:
            yield driver
        finally:
            driver.adapter.close()


@pytest.fixture(scope="module")
def resistor() -> Iterator[Keithley4200]:
    with connected(10e3) as driver:
        yield driver


@pytest.fixture(scope="module")
def unconnected() -> Iterator[Keithley4200]:
    """Its terminals are open."""
    with connected(1e15) as driver:
        driver.clear()
        yield driver


class TestResistor:
    @pytest.mark.parametrize("volts", [0.1, -1.0, 5.0])
    def test_is_measured_within_a_thousandth(self, resistor: Keithley4200, volts: float) -> None:
        resistor.smu1.voltage_setpoint = (0, volts, 1e-2)
        assert resistor.smu1.voltage / resistor.smu1.current == pytest.approx(10e3, rel=1e-3)
        resistor.smu1.disable()

    def test_compliance_holds(self, resistor: Keithley4200) -> None:
        resistor.smu1.voltage_setpoint = (0, 5, 1e-5)
        assert resistor.smu1.current == pytest.approx(1e-5, rel=1e-3)
        assert resistor.smu1.voltage == pytest.approx(0.1, rel=1e-3)
        resistor.smu1.disable()

    def test_a_current_is_forced(self, resistor: Keithley4200) -> None:
        resistor.smu1.current_setpoint = (0, 2e-5, 1)
        assert resistor.smu1.voltage == pytest.approx(0.2, rel=1e-3)
        resistor.smu1.disable()

    def test_a_refused_command_is_acknowledged_with_a_syntax_error(
        self, resistor: Keithley4200
    ) -> None:
        resistor.smu1.voltage_setpoint = (0, 1000, 1e-3)
        assert resistor.status & StatusCode.SYNTAX_ERROR
        resistor.clear()


class TestOpenTerminals:
    """What pymeasure's own suite for a connected 4200A checks."""

    def test_it_says_what_it_is(self, unconnected: Keithley4200) -> None:
        assert "KI4200" in unconnected.id
        assert isinstance(unconnected.status, StatusCode)
        assert unconnected.options[:2] == ["SMU1", "SMU2"]

    @pytest.mark.parametrize("volts", [1, 20.65, -3.27, 43.1, 12.0, -99.7, 0])
    def test_voltages(self, unconnected: Keithley4200, volts: float) -> None:
        unconnected.clear()
        statuses = [unconnected.status]
        for quantity in ("voltage", "current"):
            unconnected.smu1.voltage_setpoint = (0, volts, 1e-3)
            statuses.append(unconnected.status)
            if quantity == "voltage":
                assert unconnected.smu1.voltage == pytest.approx(volts, rel=1e-3, abs=1e-4)
            else:
                assert unconnected.smu1.current == pytest.approx(0, abs=1e-4)
            statuses.append(unconnected.status)
        none, ready = StatusCode.NONE, StatusCode.DATA_READY
        assert statuses == [none, none, ready, ready, ready]
        unconnected.clear()

    @pytest.mark.parametrize("amperes", [1e-3, -0.0256, 1.467e-2, 1.243e-6])
    def test_currents_end_at_the_compliance(
        self, unconnected: Keithley4200, amperes: float
    ) -> None:
        unconnected.clear()
        unconnected.smu1.current_setpoint = (0, amperes, 1)
        assert unconnected.status == StatusCode.NONE
        assert unconnected.smu1.current == pytest.approx(0, abs=1e-6)
        assert unconnected.status == StatusCode.DATA_READY
        assert abs(unconnected.smu1.voltage) == pytest.approx(1, rel=1e-3)
        unconnected.clear()
