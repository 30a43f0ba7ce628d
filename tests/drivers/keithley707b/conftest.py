"""A virtual 707B on a device, through a real socket, as fixtures."""

import pytest

from hil.drivers.keithley707b import connected
from tests.drivers.switch_lab import Made, lab, virtual, watched

__all__ = ["lab", "virtual", "watched"]

PATHS = {"smu": "1A01", "generator": "1B01", "ground": "1C01"}
MADE = Made(
    connected, "keithley707b", PATHS, 20e-3,
    contact="C", shared="01", trouble="output-stuck",
)  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Made:
    """Say which switch the fixtures are about."""
    return MADE
