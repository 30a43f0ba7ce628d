"""A virtual 707B on a device, through a real socket."""

import contextlib
from collections.abc import Iterator

import pytest

from hil.drivers.keithley707b import Keithley707B, connected
from hil.drivers.session import exchange
from hil.errors import InstrumentError
from hil.virtual import VirtualLab
from tests.drivers.relay_box.watched import NAME, PATIENCE_S, Watched, plan

PATHS = {"smu": "1A01", "generator": "1B01", "ground": "1C01"}
SWITCHING_S = 20e-3
TROUBLE = "output-stuck"


@pytest.fixture(scope="session")
def lab() -> Iterator[VirtualLab]:
    """A lab for all tests here."""
    with VirtualLab.start(plan("keithley707b", "C", "01")) as running:
        yield running


@pytest.fixture
def virtual(lab: VirtualLab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keithley707B]:
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
def watched(lab: VirtualLab, virtual: Keithley707B) -> Watched:
    """What the switch does from now on."""
    return Watched(lab)
