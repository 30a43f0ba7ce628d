"""The 2400's driver with a virtual 2400, over a real socket; or with --device-address."""

from collections.abc import Iterator
from typing import Any

import pytest

from hil.drivers.keithley2400 import connected
from hil.testing.source_meter_contract import SourceMeterContract
from hil.virtual import VirtualLab
from tests.drivers.meter_lab import Made, Mishaps, Site, contracted

MADE = Made(connected, "keithley2400")


@pytest.fixture(scope="module")
def lab() -> Iterator[VirtualLab]:
    with VirtualLab.start(MADE.plan()) as lab:
        yield lab


class TestContract(SourceMeterContract):
    @pytest.fixture
    def source_meter(self, request: pytest.FixtureRequest) -> Iterator[Any]:
        address = request.config.getoption("--device-address")
        lab = None if address else request.getfixturevalue("lab")
        yield from contracted(MADE, lab, address)


class TestMishaps(Mishaps):
    @pytest.fixture
    def site(self, lab: VirtualLab) -> Iterator[Site]:
        place = Site(lab, MADE)
        yield place
        place.end()
