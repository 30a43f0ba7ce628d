"""The virtual relay box: its protocol, its contacts, its time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.clock import VirtualClock
from hil.errors import ConfigError
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.source import Source
from hil.simulators.instruments.relaybox.instrument import RelayBox
from hil.virtual import LabPlan

WIRING = {"pulser": "box.1", "smu": "box.2", "box.3": "ground", "box.common": "top"}


class Bare:
    def __init__(self, **options: Any) -> None:
        self.lab = Lab(LabPlan(instruments={}, wiring=WIRING, model="resistor"))
        self.pulser, self.smu = Source(self.lab, "pulser"), Source(self.lab, "smu")
        self.box = RelayBox("box", self.lab, options)
        self.lab.wiring.refuse_loose()

    def ask(self, *commands: str) -> str:
        answer: bytes | None = None
        for command in commands:
            answer = self.box.handle(command.encode())
            assert isinstance(self.lab.clock, VirtualClock)
            self.lab.clock.sleep(max(self.box.busy_until_s - self.lab.now_s(), 0.0))
        assert answer is not None
        return answer.decode()

    def connected(self) -> list[str]:
        """Tell which sources reach the device."""
        return [port for port in ("pulser", "smu") if self.lab.wiring.driven(port) is not None]

    def events(self, kind: str) -> list[dict[str, Any]]:
        found = [event for _, event in self.lab.events.since(0) if event.what["kind"] == kind]
        return [{"at": event.time_s, "port": event.source, **event.what} for event in found]


def test_every_command_is_answered_by_the_position() -> None:
    box = Bare()
    assert [box.ask(command) for command in ("?", "1", "?", "2\r", "?", "0", "3", "?")] == [
        "0", "1", "1", "2", "2", "0", "3", "3",
    ]  # fmt: skip
    assert box.ask("*IDN?") == "HIL RELAY BOX,3,0001,1.0"


def test_one_path_at_a_time_leads_to_the_device() -> None:
    box = Bare()
    found = []
    for command in ("0", "1", "2", "3"):
        box.ask(command)
        found.append(box.connected())
    assert found == [[], ["pulser"], ["smu"], []]


def test_breaks_before_it_makes_and_takes_its_time() -> None:
    box = Bare(settle_s="8ms")
    box.ask("1", "2", "2")
    contacts = [(round(e["at"], 6), e["port"], e["closed"]) for e in box.events("contact")]
    assert contacts == [(0.004, "box.1", True), (0.008, "box.1", False), (0.012, "box.2", True)]
    assert box.lab.now_s() == pytest.approx(0.016)


def test_switching_under_voltage_is_noted() -> None:
    box = Bare()
    box.smu.switch(True, 0.0)
    box.smu.go_to(1.0, 0.0)
    box.ask("2")
    assert [event["voltage_v"] for event in box.events("hot switching")] == [1.0]


@pytest.mark.parametrize("command", ["", "4", "9", "-1", "01", " 1", "x", "*IDN", "1 2"])
def test_unknown_commands_change_nothing(command: str) -> None:
    box = Bare()
    assert box.ask("1", command) == "E"
    assert box.ask("?") == "1"


def test_a_relay_that_sticks_is_told_by_the_answer() -> None:
    box = Bare()
    box.ask("1")
    box.box.troubles.add("relay-stuck")
    assert [box.ask(command) for command in ("0", "2", "?")] == ["1", "1", "1"]
    assert box.connected() == ["pulser"]


def test_a_client_that_comes_or_goes_changes_nothing() -> None:
    box = Bare()
    box.ask("2")
    box.box.disconnected()
    box.box.connected()
    assert box.ask("?") == "2"


def test_has_as_many_paths_as_it_was_built_with() -> None:
    lab = Lab(LabPlan(instruments={}, wiring={}, model="resistor"))
    box = RelayBox("box", lab, {"paths": 2})
    assert [box.handle(text) for text in (b"2", b"3", b"*IDN?")] == [
        b"2", b"E", b"HIL RELAY BOX,2,0001,1.0",
    ]  # fmt: skip


@pytest.mark.parametrize("options", [{"paths": 0}, {"paths": 10}, {"settle_s": -1}, {"x": 1}])
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="instrument box, options"):
        Bare(**options)


@given(st.lists(st.binary(max_size=8), max_size=10))
def test_any_bytes_are_answered(messages: list[bytes]) -> None:
    box = Bare()
    for message in messages:
        assert box.box.handle(message) is not None
    assert len(box.connected()) <= 1
