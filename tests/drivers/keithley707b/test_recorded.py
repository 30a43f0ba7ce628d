"""What goes over the wire of a 707B, message by message."""

import pytest
from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers.keithley707b import Keithley707B, safe_messages, wires
from hil.errors import ConfigError, InstrumentError

Pairs = list[tuple[str | None, str | None]]
PATHS = {"smu": "1A01", "generator": "1B01", "ground": "1C01"}
NONE = "0.000000000000000e+00"
COUNT = ("print(errorqueue.count)", NONE)
CONNECT: Pairs = [
    ("*IDN?", "Keithley Instruments Inc., Model 707B, 1234567, 01.40a"),
    ("errorqueue.clear()", None),
    ("print(errorqueue.count)", "0.00000e+00"),
    ("format.data = format.ASCII", None),
    ("format.asciiprecision = 16", None),
    COUNT,
    ("print(format.asciiprecision)", "1.600000000000000e+01"),
    ("channel.connectrule = channel.BREAK_BEFORE_MAKE", None),
    COUNT,
]


def closed(text: str) -> Pairs:
    return [('print(channel.getclose("allslots"), "whole")', f"{text}\twhole")]


def opened(then: str = "nil") -> Pairs:
    return [('channel.open("allslots")', None), COUNT, *closed(then)]


def safe(then: str = "nil") -> Pairs:
    return [('channel.open("allslots")', None), ("errorqueue.clear()", None), COUNT, *opened(then)]


def closing(crosspoints: str, then: str) -> Pairs:
    return [(f'channel.exclusiveclose("{crosspoints}")', None), COUNT, *closed(then)]


def matrix(pairs: Pairs, paths: dict[str, str] = PATHS, clock: VirtualClock | None = None):
    return expected_protocol(
        Keithley707B, [*CONNECT, *pairs], paths=paths, clock=clock or VirtualClock(),
        switching_s=20e-3,
    )  # fmt: skip


def test_a_path_is_opened_read_back_closed_and_read_back() -> None:
    clock = VirtualClock()
    with matrix([*opened(), *closing("1B01", "1B01"), *closed("1B01")], clock=clock) as switch:
        switch.close_path("generator")
        assert switch.closed() == ("generator",)
    assert clock.now_s() == pytest.approx(40e-3)


def test_a_path_of_several_crosspoints_closes_them_all() -> None:
    paths = {"smu": "1A01, 2H12", "ground": "1C01,2H12"}
    with matrix([*opened(), *closing("1A01,2H12", "1A01;2H12"), *closed("1A01;2H12")], paths) as m:
        m.close_path("smu")
        assert m.closed() == ("smu",)


@pytest.mark.parametrize("then", ["nil", "1A01", "1A01;1B01", "1B01;3C07"])
def test_contacts_that_are_not_where_they_should_be_are_told_and_opened(then: str) -> None:
    with (
        matrix([*opened(), *closing("1B01", then), *safe()]) as switch,
        pytest.raises(InstrumentError, match="where 1B01 should be"),
    ):
        switch.close_path("generator")


def test_a_contact_that_sticks_is_told() -> None:
    with matrix([*opened("1A01"), *safe("1A01")]) as switch:
        with pytest.raises(InstrumentError, match="1A01 closed where nothing") as caught:
            switch.close_path("generator")
        assert any("1A01" in note for note in caught.value.__notes__)


def test_somebody_elses_contacts_make_no_path() -> None:
    with (
        matrix(closed("1A01;1B07")) as switch,
        pytest.raises(InstrumentError, match="1B07 closed, which makes no path"),
    ):
        switch.closed()


@pytest.mark.parametrize("answer", ["1A01", "1A01;1B", "ni\twhole", "1A01;\twhole", "\twhole"])
def test_half_a_list_is_no_list(answer: str) -> None:
    with (
        matrix([(closed("")[0][0], answer)]) as switch,
        pytest.raises(InstrumentError, match="list of crosspoints"),
    ):
        switch.closed()


@pytest.mark.parametrize(
    "crosspoint", ["1A1", "7A01", "1I01", "1A00", "A01", "", "1A01;1B01", "3"]
)
def test_what_is_no_crosspoint_is_refused_before_a_byte(crosspoint: str) -> None:
    with pytest.raises(ConfigError, match="no crosspoint"):
        Keithley707B(None, {"smu": crosspoint}, clock=VirtualClock(), switching_s=1e-3)


def test_paths_that_hold_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="close the same"):
        Keithley707B(None, {"a": "1A01", "b": "1A01,1B01"}, clock=VirtualClock(), switching_s=1e-3)


def test_the_guard_opens_everything() -> None:
    safe = safe_messages("TCPIP::10.0.0.5::5025::SOCKET")
    assert safe.messages == (b"\n", b'channel.open("allslots")\n')


def test_wires_of_a_virtual_one() -> None:
    ports = {"smu": "smu.a", "generator": "generator.1"}
    assert wires("switch", PATHS, ports, "top") == {
        "switch.01": "top",
        "smu.a": "switch.A",
        "generator.1": "switch.B",
        "switch.C": "ground",
    }
    assert wires("m", {"smu": "2A01", "ground": "2A12"}, {"smu": "smu"}, "top") == {
        "m.A": "top",
        "smu": "m.2-01",
        "m.2-12": "ground",
    }
    with pytest.raises(ConfigError, match="neither"):
        wires("m", {"smu": "1A01", "ground": "1B02"}, ports, "top")
    with pytest.raises(ConfigError, match="neither"):
        wires("m", {"smu": "1A01,1A02", "ground": "1B02"}, ports, "top")
