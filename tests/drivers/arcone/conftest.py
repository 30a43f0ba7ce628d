"""Arrays on a virtual ArC ONE, through a real socket."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hil.config import find_bench
from hil.drivers.arcone.bench import ArcOneBench
from hil.errors import InstrumentError
from hil.virtual import LabPlan, VirtualLab

RESISTORS = {
    "array.rows": "2",
    "array.columns": "3",
    "virtual.model": "resistor",
    "virtual.parameters.resistance_ohm": "10000.0",
    "virtual.ideal": "true",
}


class Site:
    """A bench and its lab; what was before it in the logs is left out."""

    def __init__(self, lab: VirtualLab, overrides: dict[str, str]) -> None:
        bench = find_bench("arcone", overrides).build(1, lab)
        assert isinstance(bench, ArcOneBench)
        self.bench = bench
        self.lab = lab
        self._first_byte = len(lab.ask("bytes 0"))
        self._first_event = len(lab.ask("terminals 0"))

    def sent(self) -> list[str]:
        """Every token that went to the board."""
        log = self.lab.ask(f"bytes {self._first_byte}")
        return [text.rstrip("\n") for *_, way, text in log if way == "in"]

    def forget(self) -> None:
        """Leave out what was so far."""
        self._first_byte = len(self.lab.ask("bytes 0"))
        self._first_event = len(self.lab.ask("terminals 0"))

    def waveforms(self) -> list[dict[str, Any]]:
        """What was played on cells."""
        events = self.lab.ask(f"terminals {self._first_event}")
        return [event for event in events if event["kind"] == "waveform"]

    def fault(self, kind: str, settings: str = "") -> None:
        """Let something go wrong with an answer."""
        self.lab.ask(f"fault {kind} arcone {settings}".strip())


def plan_of(overrides: dict[str, str], options: dict[str, Any]) -> LabPlan:
    """The lab for a bench, its board built in another way."""
    plan = find_bench("arcone", overrides).file.counterpart(1)
    plan.instruments["arcone"].options.update(options)
    return plan


def closed(place: Site) -> None:
    """Close a bench whose line a test may have cut."""
    with contextlib.suppress(InstrumentError):
        place.bench.close()


@pytest.fixture(scope="module")
def resistors_lab() -> Iterator[VirtualLab]:
    """A lab with 2 x 3 resistors of 10 kohm and an ideal board, for a whole module."""
    with VirtualLab.start(plan_of(RESISTORS, {})) as lab:
        yield lab


@pytest.fixture
def resistors(resistors_lab: VirtualLab) -> Iterator[Site]:
    """An open bench on resistors."""
    place = Site(resistors_lab, RESISTORS)
    place.bench.open()
    yield place
    resistors_lab.ask("faults clear")
    closed(place)


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    """Make a site with a lab of its own, which ends with the test."""
    places: list[Site] = []

    def make(overrides: dict[str, str], **options: Any) -> Site:
        place = Site(VirtualLab.start(plan_of(overrides, options)), overrides)
        places.append(place)
        place.bench.open()
        return place

    yield make
    for place in places:
        closed(place)
        place.lab.stop()
