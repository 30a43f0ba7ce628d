"""The contract of source meters: on the virtual 2636B, or on a real one by --device-address."""

from collections.abc import Iterator

import pytest

from hil.clock import RealClock
from hil.drivers.keithley2600b import unit_at
from hil.drivers.keithley2600b.channel import Keithley2600BChannel
from hil.testing.source_meter_contract import SourceMeterContract
from hil.virtual import VirtualLab
from tests.drivers.keithley2600b.conftest import RESISTANCE_OHM, plan


@pytest.fixture(scope="module")
def noisy() -> Iterator[VirtualLab]:
    """A lab whose meters have noise and errors, as real ones have."""
    with VirtualLab.start(plan(ideal=False)) as running:
        yield running


class TestKeithley2600B(SourceMeterContract):
    """Channel a, with 10 kohm across it."""

    resistance_ohm = RESISTANCE_OHM

    @pytest.fixture
    def source_meter(self, request: pytest.FixtureRequest) -> Iterator[Keithley2600BChannel]:
        address = request.config.getoption("--device-address")
        if address is None:
            lab: VirtualLab = request.getfixturevalue("noisy")
            unit = unit_at(lab.addresses["smu"], clock=lab.clock())
        else:
            unit = unit_at(address, clock=RealClock())
        meter = unit.channel("a")
        yield meter
        meter.make_safe()
        meter.close()
