"""A virtual 2636B with a resistor at each channel, through a real socket."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from hil.drivers.keithley2600b import unit_at
from hil.drivers.keithley2600b.channel import Keithley2600BChannel
from hil.drivers.keithley2600b.instrument import Keithley2600B
from hil.drivers.roles import SourceSettings
from hil.errors import InstrumentError
from hil.virtual import InstrumentPlan, LabPlan, VirtualLab

RESISTANCE_OHM = 10e3
PATIENCE_S = 0.2
SETTINGS = SourceSettings(range_v=1.0, limit_a=200e-6, range_a=100e-6, aperture_s=1e-3)


def plan(*, ideal: bool) -> LabPlan:
    """A resistor between channel a and ground."""
    return LabPlan(
        instruments={"smu": InstrumentPlan(type="keithley2636b", options={"ideal": ideal})},
        wiring={"smu.a": "top"},
        model="resistor",
        parameters={"resistance_ohm": RESISTANCE_OHM},
    )


class Site:
    """A unit and its lab; what was before it in the logs is left out."""

    def __init__(self, lab: VirtualLab) -> None:
        self.lab = lab
        self.clock = lab.clock()
        self.unit: Keithley2600B = unit_at(lab.addresses["smu"], clock=self.clock)
        self.smu: Keithley2600BChannel = self.unit.channel("a")
        self._first = len(lab.ask("terminals 0"))
        self._byte = len(lab.ask("bytes 0"))

    @property
    def session(self) -> Any:
        """The session of the unit."""
        return self.unit.adapter

    def ready(self, settings: SourceSettings = SETTINGS) -> Keithley2600BChannel:
        """Give channel a, prepared and on."""
        self.smu.prepare(settings)
        self.smu.output(on=True)
        return self.smu

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What happened at the ports."""
        found = self.lab.ask(f"terminals {self._first}")
        return [event for event in found if event["kind"] == kind]

    def sent(self) -> list[str]:
        """Every message that went to the instrument."""
        return [
            text.rstrip() for *_, way, text in self.lab.ask(f"bytes {self._byte}") if way == "in"
        ]

    def is_on(self) -> bool:
        """Whether a port is on, as the log tells."""
        last = {event["source"]: event["on"] for event in self.events("output")}
        return any(last.values())

    def last_v(self) -> float:
        """Where the port stood at the end of the last thing that it played (V)."""
        return float(self.events("waveform")[-1]["stop_v"][-1])

    def fault(self, what: str, settings: str = "") -> None:
        """Let something go wrong with an answer to come."""
        kind, _, rest = what.partition(" ")
        self.lab.ask(f"fault {kind} smu {rest} {settings}".strip())

    def close(self) -> None:
        """Make the channel safe and disconnect, as far as it goes."""
        with contextlib.suppress(InstrumentError):
            self.smu.make_safe()
        self.unit.close()


@pytest.fixture(scope="session")
def lab() -> Iterator[VirtualLab]:
    """A lab with ideal meters, for all tests here."""
    with VirtualLab.start(plan(ideal=True)) as running:
        yield running


@pytest.fixture
def site(lab: VirtualLab) -> Iterator[Site]:
    """A unit that was just connected, its channel a off."""
    place = Site(lab)
    yield place
    lab.ask("faults clear")
    for trouble in ("output-stuck", "compliance", "over-range", "queue-full"):
        lab.ask(f"trouble smu {trouble} off")
    place.close()
