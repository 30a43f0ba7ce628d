"""What goes over the wire of a relay box, message by message."""

import pytest
from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers.relay_box import SERIAL, RelayBox, safe_messages, wires
from hil.errors import ConfigError, InstrumentError

Pairs = list[tuple[str | None, str | None]]
PATHS = {"generator": 1, "smu": 2, "ground": 3}
CONNECT: Pairs = [("*IDN?", "HIL RELAY BOX,3,0001,1.0")]


def at(position: int) -> Pairs:
    return [(str(position), str(position)), ("?", str(position))]


def box(pairs: Pairs, paths: dict[str, int] = PATHS, clock: VirtualClock | None = None):
    return expected_protocol(
        RelayBox, [*CONNECT, *pairs], paths=paths, clock=clock or VirtualClock(), switching_s=5e-3
    )


def test_a_path_is_opened_read_back_closed_and_read_back() -> None:
    clock = VirtualClock()
    with box([*at(0), *at(2), ("?", "2"), ("?", "0")], clock=clock) as switch:
        switch.close_path("smu")
        assert switch.closed() == ("smu",)
        assert switch.closed() == ()
    assert clock.now_s() == pytest.approx(10e-3)


@pytest.mark.parametrize("then", [[("2", "0"), ("?", "2")], [("2", "2"), ("?", "0")]])
def test_a_contact_that_is_not_where_it_should_be_is_told_and_opened(then: Pairs) -> None:
    with (
        box([*at(0), *then, *at(0)]) as switch,
        pytest.raises(InstrumentError, match="where 2 should be"),
    ):
        switch.close_path("smu")


def test_a_contact_that_sticks_is_told() -> None:
    stuck: Pairs = [("0", "1"), ("?", "1")]
    with (
        box([*stuck, *stuck]) as switch,
        pytest.raises(InstrumentError, match="position 1 where 0 should be"),
    ):
        switch.close_path("smu")


@pytest.mark.parametrize(
    ("answer", "said"), [("E", "does not know '0'"), ("", "position"), ("12", "position")]
)
def test_an_answer_that_is_none_is_told(answer: str, said: str) -> None:
    with box([("0", answer)]) as switch, pytest.raises(InstrumentError, match=said):
        switch.open_all()


def test_a_path_without_a_name_is_told() -> None:
    with (
        box([("?", "1")], paths={"smu": 2}) as switch,
        pytest.raises(InstrumentError, match="path 1 closed, which has no name"),
    ):
        switch.closed()


@pytest.mark.parametrize("paths", [{"smu": 0}, {"smu": "1A01"}, {"smu": 10}, {"a": 1, "b": 1}])
def test_what_is_no_number_of_a_path_is_refused_before_a_byte(paths: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        RelayBox(None, paths, clock=VirtualClock(), switching_s=1e-3)


def test_a_path_that_the_box_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 to 3"), box([], paths={"smu": 4}):
        pass


def test_something_else_at_the_address_is_refused() -> None:
    pairs = [("*IDN?", "ARDUINO")]
    with (
        pytest.raises(InstrumentError, match="identity of a relay box"),
        expected_protocol(RelayBox, pairs, paths=PATHS, clock=VirtualClock(), switching_s=5e-3),
    ):
        pass


def test_the_guard_opens_everything() -> None:
    serial = safe_messages("ASRL/dev/ttyUSB0::INSTR")
    assert serial.messages == (b"\n", b"0\n")
    assert serial.settings["baud_rate"] == SERIAL["baud_rate"]
    assert safe_messages("TCPIP::127.0.0.1::7::SOCKET").settings == {}


def test_wires_of_a_virtual_one() -> None:
    ports = {"smu": "smu", "generator": "generator.1"}
    assert wires("switch", PATHS, ports, "top") == {
        "switch.common": "top",
        "generator.1": "switch.1",
        "smu": "switch.2",
        "switch.3": "ground",
    }
