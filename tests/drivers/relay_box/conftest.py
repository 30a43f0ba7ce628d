"""A virtual relay box on a device, through a real socket."""

import contextlib
from collections.abc import Iterator

import pytest

from hil.drivers.relay_box import RelayBox, connected
from hil.drivers.session import exchange
from hil.errors import InstrumentError
from hil.virtual import VirtualLab
from tests.drivers.relay_box.watched import NAME, PATIENCE_S, Watched, plan

PATHS = {"generator": 1, "smu": 2, "ground": 3}
SWITCHING_S = 5e-3
TROUBLE = "relay-stuck"


@pytest.fixture(scope="session")
def lab() -> Iterator[VirtualLab]:
    """A lab for all tests here."""
    with VirtualLab.start(plan("relaybox", "3", "common")) as running:
        yield running


@pytest.fixture
def virtual(lab: VirtualLab, monkeypatch: pytest.MonkeyPatch) -> Iterator[RelayBox]:
    """A switch that was just connected, its contacts open."""
    monkeypatch.setattr(exchange, "QUIET_S", 0.02)  # there is no network in between
    address = lab.addresses[NAME]
    switch = connected(address, paths=PATHS, clock=lab.clock(), switching_s=SWITCHING_S)
    switch.open_all()
    switch.adapter.timeout_s = PATIENCE_S
    yield switch
    lab.ask("faults clear")
    lab.ask(f"trouble {NAME} {TROUBLE} off")
    with contextlib.suppress(InstrumentError):
        switch.open_all()
    switch.close()


@pytest.fixture
def watched(lab: VirtualLab, virtual: RelayBox) -> Watched:
    """What the switch does from now on."""
    return Watched(lab)
