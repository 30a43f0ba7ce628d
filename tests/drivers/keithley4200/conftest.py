"""Benches on virtual instruments, through a real socket."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hil.config import NamedBench, find_bench
from hil.drivers.keithley4200.bench import Keithley4200Bench
from hil.drivers.keithley4200.bench_file import INSTRUMENT
from hil.errors import InstrumentError
from hil.virtual import LabPlan, VirtualLab

RESISTOR = {
    "virtual.model": "resistor",
    "virtual.parameters.resistance_ohm": "10000.0",
    "limits.read.current_a": "100uA",
    "limits.switching.current_a": "100uA",
    "limits.switching.width_s": "10s",
}
IDEAL = {**RESISTOR, "virtual.ideal": "true"}


class Site:
    """A bench and its lab; what was before it in the logs is left out."""

    def __init__(self, lab: VirtualLab, bench: Keithley4200Bench) -> None:
        self.lab = lab
        self.bench = bench
        self._first_byte = self.bytes_so_far()
        self._first_event = len(self.lab.ask("terminals 0"))

    def sent(self, begin: int | None = None) -> list[str]:
        """Every command that went to the instrument, from entry *begin* on."""
        log = self.lab.ask(f"bytes {self._first_byte if begin is None else begin}")
        return [text.rstrip("\0") for *_, way, text in log if way == "in"]

    def bytes_so_far(self) -> int:
        """How many entries the byte log has."""
        return len(self.lab.ask("bytes 0"))

    def terminals(self, kind: str) -> list[dict[str, Any]]:
        """What happened at the ports."""
        events = self.lab.ask(f"terminals {self._first_event}")
        return [event for event in events if event["kind"] == kind]

    def fault(self, what: str, settings: str = "") -> None:
        """Let something go wrong with the next answer."""
        kind, _, rest = what.partition(" ")
        self.lab.ask(f"fault {kind} {INSTRUMENT} {rest} {settings}".strip())


def named(overrides: dict[str, str]) -> NamedBench:
    """The shipped bench file with other values."""
    return find_bench("keithley4200", overrides)


def plan_of(bench: NamedBench, options: dict[str, Any] | None = None) -> LabPlan:
    """The lab for a bench, its instrument built in another way."""
    plan = bench.file.counterpart(1)
    plan.instruments[INSTRUMENT].options.update(options or {})
    return plan


def placed(bench: NamedBench, lab: VirtualLab) -> Site:
    """A bench in a lab, not yet open."""
    built = bench.build(1, lab)
    assert isinstance(built, Keithley4200Bench)
    return Site(lab, built)


def closed(place: Site) -> None:
    """Close a bench whose line a test may have cut."""
    with contextlib.suppress(InstrumentError):
        place.bench.close()


@pytest.fixture(scope="module")
def resistors_lab() -> Iterator[VirtualLab]:
    """A lab with a resistor of 10 kohm and ideal meters, for a whole module."""
    with VirtualLab.start(plan_of(named(IDEAL))) as lab:
        yield lab


@pytest.fixture
def resistor(resistors_lab: VirtualLab) -> Iterator[Site]:
    """An open bench on a resistor."""
    place = placed(named(IDEAL), resistors_lab)
    place.bench.open()
    yield place
    resistors_lab.ask("faults clear")
    resistors_lab.ask(f"interlock {INSTRUMENT} closed")
    closed(place)


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    """Make a site with a lab of its own, which ends with the test."""
    places: list[Site] = []

    def make(
        overrides: dict[str, str],
        *,
        options: dict[str, Any] | None = None,
        is_open: bool = True,
    ) -> Site:
        bench = named(overrides)
        place = placed(bench, VirtualLab.start(plan_of(bench, options)))
        places.append(place)
        if is_open:
            place.bench.open()
        return place

    yield make
    for place in places:
        closed(place)
        place.lab.stop()
