"""A virtual relay box on a device, through a real socket, as fixtures."""

import pytest

from hil.drivers.relay_box import connected
from tests.drivers.switch_lab import Made, lab, virtual, watched

__all__ = ["lab", "virtual", "watched"]

PATHS = {"generator": 1, "smu": 2, "ground": 3}
MADE = Made(
    connected, "relaybox", PATHS, 5e-3,
    contact="3", shared="common", trouble="relay-stuck",
)  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Made:
    """Say which switch the fixtures are about."""
    return MADE
