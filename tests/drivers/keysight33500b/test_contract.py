"""The contract of generators: on the virtual 33522B, or on a real one by --device-address."""

from collections.abc import Callable, Iterator

import pytest

from hil.clock import RealClock
from hil.drivers.keysight33500b import connected
from hil.drivers.keysight_pulser.pulser import KeysightPulser
from hil.testing.pulser_contract import PulserContract
from tests.drivers.generator_lab import Site


class Test33500B(PulserContract):
    """Channel 1."""

    place: Site | None = None

    @pytest.fixture
    def pulser(self, request: pytest.FixtureRequest) -> Iterator[KeysightPulser]:
        address = request.config.getoption("--device-address")
        if address is None:
            at: Callable[[str], Site] = request.getfixturevalue("at")
            self.place = at("33500B")
            yield self.place.pulser
            return
        pulser = connected(address, channel=1, clock=RealClock())
        yield pulser
        pulser.make_safe()
        pulser.close()

    def sent(self) -> int | None:
        return None if self.place is None else len(self.place.sent())

    def is_on(self) -> bool | None:
        return None if self.place is None else self.place.is_on()
