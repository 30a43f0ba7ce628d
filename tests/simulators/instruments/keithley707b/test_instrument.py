"""The virtual 707B: channel lists, the order of relays, what the lab sees of it."""

import pytest

from hil.clock import VirtualClock
from hil.simulators.instruments.keithley707b.instrument import Keithley707B
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.source import Source
from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import Client, running

pytest.importorskip("lupa")


class Bare:
    """A matrix whose column 1 leads to a cell, and a source on row A."""

    def __init__(self, **options: object) -> None:
        wiring = {"source": "m.A", "m.01": "top"}
        plan = LabPlan(
            instruments={}, wiring=wiring, model="resistor", parameters={"resistance_ohm": 10e3}
        )
        self.lab = Lab(plan)
        self.source = Source(self.lab, "source")
        self.unit = Keithley707B("m", self.lab, options)
        self.lab.wiring.refuse_loose()

    def send(self, *messages: str) -> str | None:
        answer: bytes | None = None
        for message in messages:
            answer = self.unit.handle(message.encode())
            assert isinstance(self.lab.clock, VirtualClock)
            self.lab.clock.sleep(max(self.unit.busy_until_s - self.lab.now_s(), 0.0))
        return None if answer is None else answer.decode()

    def tell(self, *messages: str) -> None:
        for message in messages:
            assert self.send(message) is None
            assert self.codes() == [], message

    def closed(self, channels: str = "allslots") -> str | None:
        return self.send(f'print(channel.getclose("{channels}"))')

    def codes(self) -> list[int]:
        return [self.unit.errors.next().code for _ in range(self.unit.errors.count)]

    def moves(self) -> list[tuple[str, str, bool]]:
        """List how contacts moved."""
        found = [event for _, event in self.lab.events.since(0)]
        return [
            (event.source, event.what["to"], event.what["closed"])
            for event in found
            if event.what["kind"] == "contact"
        ]


@pytest.fixture
def bare() -> Bare:
    return Bare()


class TestChannels:
    def test_after_power_on_all_are_open(self, bare: Bare) -> None:
        assert bare.closed() == "nil"
        assert bare.send("print(channel.connectrule == channel.BREAK_BEFORE_MAKE)") == "true"

    def test_lists_ranges_labels_and_patterns(self, bare: Bare) -> None:
        bare.tell(
            'channel.pattern.setimage("1B02,1B04;1B06", "Chans")',
            'channel.setlabel("1H12", "start")', 'channel.close("1A01:1A05, 1C03, Chans, start")',
        )  # fmt: skip
        every = "1A01;1A02;1A03;1A04;1A05;1B02;1B04;1B06;1C03;1H12"
        assert bare.closed("slot1") == every
        assert bare.closed("1B01:1B12") == "1B02;1B04;1B06"
        assert bare.send('print(channel.getlabel("1H12"))') == "start"
        bare.tell('channel.setlabel("1H12", "")')
        assert bare.send('print(channel.getlabel("1H12"))') == "1H12"
        bare.tell('channel.open("allslots")')
        assert bare.closed() == "nil"

    def test_exclusively(self, bare: Bare) -> None:
        bare.tell('channel.close("1A01, 1B01")', 'channel.exclusiveclose("1C01, 1B01")')
        assert bare.closed() == "1B01;1C01"
        bare.tell('channel.exclusiveclose("")')
        assert bare.closed() == "nil"

    def test_states_and_counts(self, bare: Bare) -> None:
        bare.tell('channel.close("1A02")', 'channel.close("1A02")')
        assert bare.send('print(channel.getstate("1A01:1A03"))') == "0;1;0"
        assert bare.send('print(channel.getcount("1A01:1A03"))') == "0,1,0"
        assert bare.send("print(channel.createspecifier(1, 2, 3))") == "1B03"

    @pytest.mark.parametrize(
        "message",
        ['channel.close("1A13")', 'channel.close("2A01")', 'channel.close("1I01")',
         'channel.close("")', 'channel.close("allslots")', 'channel.close("1A01, nonsense")',
         'channel.close("1A05:1A01")', "channel.close()", "channel.close(5)",
         'channel.setlabel("1A01", "a b")', 'channel.setlabel("1A01", "1A02")',
         'channel.open("slot7")', 'channel.exclusiveclose("1A99")', "channel.getclose('x')"],
    )  # fmt: skip
    def test_what_is_refused_moves_nothing(self, bare: Bare, message: str) -> None:
        bare.tell('channel.close("1B02")')
        before = bare.moves()
        assert bare.send(message) is None
        assert bare.codes() == [1115]
        assert bare.moves() == before

    def test_other_slots(self) -> None:
        bare = Bare(slots=2, columns=4)
        bare.tell('channel.close("1A04, 2A04")', 'channel.exclusiveslotclose("2B01")')
        assert bare.closed() == "1A04;2B01"
        assert bare.moves()[:2] == [("m.A", "m.04", True), ("m.A", "m.2-04", True)]
        assert bare.send("print(slot[2].idn == slot[1].idn, slot[3].idn)") == "true\tEmpty Slot"


class TestRelays:
    def test_one_breaks_before_another_makes(self, bare: Bare) -> None:
        bare.tell('channel.close("1A01")', 'channel.exclusiveclose("1B01")')
        assert bare.moves() == [
            ("m.A", "m.01", True), ("m.A", "m.01", False), ("m.B", "m.01", True),
        ]  # fmt: skip
        bare.tell("channel.connectrule = channel.MAKE_BEFORE_BREAK")
        bare.tell('channel.exclusiveclose("1C01")')
        assert bare.moves()[-2:] == [("m.C", "m.01", True), ("m.B", "m.01", False)]

    def test_it_takes_its_time(self, bare: Bare) -> None:
        begin_s = bare.lab.now_s()
        bare.tell('channel.close("1A01, 1B02")')
        assert bare.lab.now_s() - begin_s == pytest.approx(20e-3, abs=1e-3)
        begin_s = bare.lab.now_s()
        bare.tell('channel.close("1A01")')
        assert bare.lab.now_s() - begin_s < 1e-3

    def test_it_leads_a_source_to_the_cell(self, bare: Bare) -> None:
        bare.source.switch(True, 0.0)
        assert bare.lab.wiring.driven("source") is None
        bare.tell('channel.close("1A01")')
        assert bare.lab.wiring.driven("source") is not None
        bare.tell("*rst")
        assert bare.lab.wiring.driven("source") is None

    def test_hot_switching_is_noted(self, bare: Bare) -> None:
        bare.source.switch(True, 0.0)
        bare.source.go_to(1.0, 0.0)
        bare.tell('channel.close("1A01")')
        kinds = [event.what["kind"] for _, event in bare.lab.events.since(0)]
        assert "hot switching" in kinds

    def test_a_stuck_one_tells_the_truth(self, bare: Bare) -> None:
        bare.tell('channel.close("1A01")')
        bare.unit.troubles.add("output-stuck")
        bare.tell('channel.open("allslots")')
        assert bare.closed() == "1A01"


def test_over_a_socket() -> None:
    plan = LabPlan(
        instruments={"m": InstrumentPlan(type="keithley707b")},
        wiring={"m.01": "top"},
        model="resistor",
        parameters={"resistance_ohm": 10e3},
    )
    with running(plan) as lab:
        client = Client(lab.server.addresses["m"], b"\n")
        lab.clients.append(client)
        assert client.ask("*IDN?") == ("Keithley Instruments Inc., Model 707B, 1234567, 01.00a")
        client.send('channel.close("1A01")')
        assert client.ask("*OPC?") == "1"
        assert client.ask('print(channel.getclose("allslots"))') == "1A01"
        assert client.ask("print(1)") == "1.000000000e+00"
