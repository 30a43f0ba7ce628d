"""The contract of switches: on the virtual relay box, or on a real one by --device-address."""

from collections.abc import Callable, Iterator

import pytest

from hil.clock import RealClock
from hil.drivers.relay_box import RelayBox, connected
from hil.testing.switch_contract import SwitchContract
from tests.drivers.relay_box.conftest import PATHS, SWITCHING_S


class TestRelayBox(SwitchContract):
    """With three paths."""

    @pytest.fixture
    def switch(self, request: pytest.FixtureRequest) -> Iterator[RelayBox]:
        address = request.config.getoption("--device-address")
        if address is None:
            yield request.getfixturevalue("virtual")
            return
        switch = connected(address, paths=PATHS, clock=RealClock(), switching_s=SWITCHING_S)
        switch.open_all()
        yield switch
        switch.make_safe()
        switch.close()

    @pytest.fixture
    def sent(self, request: pytest.FixtureRequest) -> Callable[[], int] | None:
        return _watched(request, "sent")

    @pytest.fixture
    def most_closed(self, request: pytest.FixtureRequest) -> Callable[[], int] | None:
        return _watched(request, "most_closed")


def _watched(request: pytest.FixtureRequest, what: str) -> Callable[[], int] | None:
    """Ask the lab, where there is one."""
    if request.config.getoption("--device-address") is not None:
        return None
    counted: Callable[[], int] = getattr(request.getfixturevalue("watched"), what)
    return counted
