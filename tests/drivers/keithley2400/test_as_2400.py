"""A 2450 that is set to the language of a 2400, and the drivers that take it or do not."""

from collections.abc import Iterator
from typing import Any

import pytest

from hil.drivers import keithley2400, keithley2450
from hil.errors import InstrumentError
from hil.testing.source_meter_contract import SourceMeterContract
from hil.virtual import VirtualLab
from tests.drivers.meter_lab import NAME, Made, contracted


@pytest.fixture(scope="module")
def made() -> Made:
    return Made(keithley2400.connected, "keithley2450", {"language": "SCPI2400"})


class TestContract(SourceMeterContract):
    @pytest.fixture
    def source_meter(self, made: Made, lab: VirtualLab) -> Iterator[Any]:
        yield from contracted(made, lab, None)


def test_the_driver_of_a_2450_says_that_this_one_speaks_another_language(lab: VirtualLab) -> None:
    with pytest.raises(InstrumentError, match=r"this 2450 is set to SCPI2400.*keithley2400"):
        keithley2450.connected(lab.addresses[NAME], clock=lab.clock(), line_hz=50)


def test_the_driver_of_a_2400_says_that_a_2450_speaks_another_language() -> None:
    with (
        VirtualLab.start(Made(keithley2450.connected, "keithley2450").plan()) as lab,
        pytest.raises(InstrumentError, match=r"this 2450 is set to SCPI,.*keithley2450"),
    ):
        keithley2400.connected(lab.addresses[NAME], clock=lab.clock(), line_hz=50)
