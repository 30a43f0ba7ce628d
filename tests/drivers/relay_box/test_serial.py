"""A relay box behind a serial line, which a pseudo terminal stands for."""

import sys
from collections.abc import Iterator

import msgspec
import pytest

from hil.drivers import relay_box
from hil.drivers.session.connect import open_resource
from hil.virtual import VirtualLab
from tests.drivers.relay_box.conftest import MADE, PATHS
from tests.drivers.switch_lab import NAME, Watched

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no pseudo terminals")


@pytest.fixture
def lab() -> Iterator[VirtualLab]:
    """A lab whose relay box is behind a pseudo terminal."""
    wired = MADE.plan()
    serial = msgspec.structs.replace(wired.instruments[NAME], transport="pty")
    with VirtualLab.start(msgspec.structs.replace(wired, instruments={NAME: serial})) as running:
        yield running


def at(lab: VirtualLab) -> relay_box.RelayBox:
    address = lab.addresses[NAME]
    assert address.startswith("ASRL")
    switch: relay_box.RelayBox = MADE.connected(address, lab.clock())
    return switch


def test_a_box_that_sleeps_when_its_line_is_opened_is_waited_for(
    lab: VirtualLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_box, "WAKES_WITHIN_S", 0.1)
    lab.ask(f"fault dropped {NAME}")
    switch = at(lab)
    switch.close_path("smu")
    assert switch.closed() == ("smu",)
    switch.close()


def test_paths_are_closed_over_a_serial_line_and_opened_by_the_guard(lab: VirtualLab) -> None:
    switch = at(lab)
    watched = Watched(lab)
    for path in PATHS:
        switch.close_path(path)
        assert switch.closed() == (path,)
    safe = switch.safe_messages()
    switch.close()
    line = open_resource(safe.address, "@py", safe.settings, 5.0, "")
    for message in safe.messages:
        line.write_raw(message)
    assert line.read_bytes(4) == b"E\n0\n"
    line.close()
    assert not watched.closed()[-1]
    assert watched.most_closed() == 1
