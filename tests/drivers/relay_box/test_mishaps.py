"""What goes wrong with a relay box is said; no path is taken for another, nor two at once."""

import contextlib
import socket

import pytest

from hil.drivers.relay_box import RelayBox
from hil.errors import InstrumentError
from tests.drivers.relay_box.conftest import TROUBLE
from tests.drivers.relay_box.watched import NAME, Watched


@pytest.mark.parametrize(
    "fault", ["truncated", "cut", "garbled", "duplicated", "dropped", "late seconds=0.4"]
)
def test_no_fault_of_the_line_is_taken_for_a_contact(
    virtual: RelayBox, watched: Watched, fault: str
) -> None:
    for skip in (0, 3):
        watched.fault(fault, skip)
        for path in ("smu", "ground"):
            try:
                virtual.close_path(path)
            except InstrumentError:
                assert len(watched.closed()[-1]) <= 1
            else:
                assert len(watched.closed()[-1]) == 1
        watched.lab.ask("faults clear")
        with contextlib.suppress(InstrumentError):
            virtual.make_safe()  # finds its step again, if it is out of it
        virtual.make_safe()
        assert not watched.closed()[-1]
        virtual.close_path("smu")
        assert virtual.closed() == ("smu",)
    assert watched.most_closed() == 1


def test_a_lost_connection_is_said_and_the_guard_opens_everything(
    virtual: RelayBox, watched: Watched
) -> None:
    virtual.close_path("smu")
    watched.fault("disconnect", 2)
    with pytest.raises(InstrumentError, match="lost"):
        virtual.close_path("generator")
    assert len(watched.closed()[-1]) == 1
    safe = virtual.safe_messages()
    _, host, port, _ = safe.address.split("::")
    with socket.create_connection((host, int(port)), 5) as line:
        line.settimeout(5)
        for message in safe.messages:
            line.sendall(message)
        line.sendall(b"*IDN?\n")
        while b"," not in line.recv(4096):
            pass
    assert not watched.closed()[-1]
    virtual.adapter.reopen()
    virtual.close_path("ground")
    assert virtual.closed() == ("ground",)


def test_a_relay_that_sticks_is_told(virtual: RelayBox, watched: Watched) -> None:
    virtual.close_path("smu")
    watched.lab.ask(f"trouble {NAME} {TROUBLE} on")
    with pytest.raises(InstrumentError, match="should be"):
        virtual.close_path("generator")
    with pytest.raises(InstrumentError, match="should be"):
        virtual.make_safe()
    assert virtual.closed() == ("smu",)
    watched.lab.ask(f"trouble {NAME} {TROUBLE} off")
    virtual.make_safe()
    assert virtual.closed() == ()
    assert watched.most_closed() == 1
