"""The 2450's driver with a virtual 2450, over a real socket; or with --device-address."""

import pytest

from hil.drivers.keithley2450 import connected
from tests.drivers.meter_lab import Made, Mishaps, VirtualContract


@pytest.fixture(scope="module")
def made() -> Made:
    return Made(connected, "keithley2450")


class TestContract(VirtualContract):
    """On 10 kohm."""


class TestMishaps(Mishaps):
    """On its line and of its own."""
