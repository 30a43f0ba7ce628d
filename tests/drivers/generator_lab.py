"""Virtual generators on a resistor of 100 kohm, through a real socket."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest

from hil.clock import Clock, RealClock
from hil.drivers import keysight33500b, keysight81160a
from hil.drivers.keysight_pulser.pulser import KeysightPulser
from hil.errors import InstrumentError
from hil.testing.pulser_contract import PulserContract
from hil.virtual import InstrumentPlan, LabPlan, VirtualLab

NAME = "generator"
RESISTANCE_OHM = 100e3


class Made(NamedTuple):
    """Which virtual instrument, and what connects to it."""

    type: str
    connected: Callable[..., KeysightPulser]


GENERATORS = {
    "81160A": Made("keysight81160a", keysight81160a.connected),
    "33500B": Made("keysight33522b", keysight33500b.connected),
}


class Site:
    """A generator in a lab; what was before it in the logs is left out."""

    def __init__(self, lab: VirtualLab, made: Made) -> None:
        self.lab = lab
        self.made = made
        self.clock: Clock = lab.clock()
        self.pulser = self.connected()
        self.forget()

    def connected(self) -> KeysightPulser:
        """Connect, and be impatient from then on."""
        pulser = self.made.connected(self.lab.addresses[NAME], channel=1, clock=self.clock)
        pulser.adapter.timeout_s = 0.15
        return pulser

    def forget(self) -> None:
        """Leave out what was so far."""
        self._first_byte = len(self.lab.ask("bytes 0"))
        self._first_event = len(self.lab.ask("terminals 0"))

    def sent(self) -> list[str]:
        """Every message that went to the generator."""
        log = self.lab.ask(f"bytes {self._first_byte}")
        return [text.rstrip("\n") for *_, way, text in log if way == "in"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What happened at its output."""
        events = self.lab.ask(f"terminals {self._first_event}")
        return [e for e in events if e["kind"] == kind and e["source"] == f"{NAME}.1"]

    def is_on(self) -> bool:
        """Whether its output is on, as the terminals tell."""
        events = [e for e in self.lab.ask("terminals 0") if e["kind"] == "output"]
        mine = [event["on"] for event in events if event["source"] == f"{NAME}.1"]
        return bool(mine) and bool(mine[-1])

    def fault(self, what: str) -> None:
        """Let something go wrong: ``late seconds=0.4 skip=2``."""
        kind, _, settings = what.partition(" ")
        self.lab.ask(f"fault {kind} {NAME} {settings}".strip())

    def calm(self) -> None:
        """Let nothing go wrong any more."""
        self.lab.ask("faults clear")
        for trouble in ("output-stuck", "queue-full"):
            self.lab.ask(f"trouble {NAME} {trouble} off")

    def pulses(self) -> list[tuple[float, ...]]:
        """Tell what came out: level (V), rise, flat top, fall (s), pulse by pulse.

        Levels at rest that are not 0 V come as pulses without edges.
        """
        found: list[tuple[float, ...]] = []
        for event in self.events("waveform"):
            rows = np.array([event["duration_s"], event["start_v"], event["stop_v"]])
            for first, last, repeats in event["units"]:
                found += _pulses(rows[:, first:last]) * repeats
        return found


def _pulses(rows: np.ndarray) -> list[tuple[float, ...]]:
    """Cut one unit at 0 V."""
    found: list[tuple[float, ...]] = []
    begin = 0
    for place in range(rows.shape[1]):
        if rows[2, place] != 0 and place < rows.shape[1] - 1:
            continue
        own = rows[:, begin : place + 1]
        begin = place + 1
        if not own[1:].any():
            continue
        edges = own[1] != own[2]
        level_v = float(max(own[1:].ravel(), key=abs))
        rise_s, fall_s = (float(own[0, 0]), float(own[0, -1])) if edges.any() else (0.0, 0.0)
        found.append((level_v, rise_s, float(own[0, ~edges].sum()), fall_s))
    return found


class VirtualContract(PulserContract):
    """The contract on channel 1 of a virtual generator, or of a real one by --device-address."""

    model: ClassVar[str]
    place: Site | None = None

    @pytest.fixture
    def pulser(self, request: pytest.FixtureRequest) -> Iterator[KeysightPulser]:
        address = request.config.getoption("--device-address")
        if address is None:
            at: Callable[[str], Site] = request.getfixturevalue("at")
            self.place = at(self.model)
            yield self.place.pulser
            return
        connected = GENERATORS[self.model].connected
        pulser = connected(address, channel=1, clock=RealClock())
        yield pulser
        pulser.make_safe()
        pulser.close()

    def sent(self) -> int | None:
        return None if self.place is None else len(self.place.sent())

    def is_on(self) -> bool | None:
        return None if self.place is None else self.place.is_on()


@pytest.fixture(scope="module")
def lab_of() -> Iterator[Callable[[str], VirtualLab]]:
    """Give the lab of a generator by its name: one for a whole module."""
    labs: dict[str, VirtualLab] = {}
    with contextlib.ExitStack() as stack:

        def lab(name: str) -> VirtualLab:
            if name not in labs:
                plan = LabPlan(
                    instruments={NAME: InstrumentPlan(type=GENERATORS[name].type)},
                    wiring={f"{NAME}.1": "top"},
                    model="resistor",
                    parameters={"resistance_ohm": RESISTANCE_OHM},
                )
                labs[name] = stack.enter_context(VirtualLab.start(plan))
            return labs[name]

        yield lab


@pytest.fixture
def at(lab_of: Callable[[str], VirtualLab]) -> Iterator[Callable[[str], Site]]:
    """Connect to a generator by its name; it is left off."""
    places: list[Site] = []

    def place(name: str) -> Site:
        places.append(Site(lab_of(name), GENERATORS[name]))
        return places[-1]

    yield place
    for each in places:
        each.calm()
        with contextlib.suppress(InstrumentError):
            each.pulser.make_safe()
        each.pulser.close()
