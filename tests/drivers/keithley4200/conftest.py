"""Benches on virtual instruments, through a real socket."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hil.config import NamedBench, find_bench
from hil.drivers.keithley4200.bench import Keithley4200Bench
from hil.drivers.keithley4200.bench_file import INSTRUMENT, Keithley4200File
from hil.errors import InstrumentError
from hil.virtual import Lab

RESISTOR = {"virtual.model": "resistor", "virtual.parameters.resistance_ohm": "10000.0"}
IDEAL = {**RESISTOR, "virtual.ideal": "true"}


class Site:
    """A bench and its lab."""

    def __init__(self, lab: Lab, bench: Keithley4200Bench) -> None:
        self.lab = lab
        self.bench = bench

    def sent(self, begin: int = 0) -> list[str]:
        """Every command that went to the instrument, from entry *begin* on."""
        log = self.lab.ask(f"bytes {begin}")
        return [text.rstrip("\0") for *_, way, text in log if way == "in"]

    def bytes_so_far(self) -> int:
        """How many entries the byte log has."""
        return len(self.lab.ask("bytes 0"))

    def terminals(self, kind: str) -> list[dict[str, Any]]:
        """What happened at the ports."""
        return [event for event in self.lab.ask("terminals 0") if event["kind"] == kind]

    def fault(self, what: str, settings: str = "") -> None:
        """Let something go wrong with the next answer."""
        kind, _, rest = what.partition(" ")
        self.lab.ask(f"fault {kind} {INSTRUMENT} {rest} {settings}".strip())


def settled(overrides: dict[str, str]) -> NamedBench:
    """The shipped bench file with other values."""
    return find_bench("keithley4200", overrides)


@pytest.fixture
def site() -> Iterator[Callable[..., Site]]:
    """Make a site with an open bench; the lab ends with the test."""
    labs: list[Lab] = []
    benches: list[Keithley4200Bench] = []

    def make(
        overrides: dict[str, str] | None = None,
        *,
        options: dict[str, Any] | None = None,
        is_open: bool = True,
    ) -> Site:
        named = settled(IDEAL if overrides is None else overrides)
        assert isinstance(named.file, Keithley4200File)
        plan = named.file.counterpart(1)
        plan.instruments[INSTRUMENT].options.update(options or {})
        lab = Lab.start(plan)
        labs.append(lab)
        bench = named.build(1, lab, forming=True)
        assert isinstance(bench, Keithley4200Bench)
        benches.append(bench)
        if is_open:
            bench.open()
        return Site(lab, bench)

    yield make
    for bench in benches:
        with contextlib.suppress(InstrumentError):  # a test may have cut the line
            bench.close()
    for lab in labs:
        lab.stop()
