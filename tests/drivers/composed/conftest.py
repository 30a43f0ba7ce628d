"""Benches of single boxes on virtual instruments, through real sockets."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from hil.bench import Bench
from hil.config import NamedBench, find_bench
from hil.errors import InstrumentError
from hil.virtual import VirtualLab

RESISTOR_OHM = 10e3
RESISTOR = {
    "virtual.model": "resistor",
    "virtual.parameters.resistance_ohm": str(RESISTOR_OHM),
    "virtual.ideal": "true",
}
RELAYS = {
    "switch.type": "relaybox", "switch.smu": "2", "switch.generator": "1", "switch.ground": "3",
    "switch.switching_s": "5ms",
}  # fmt: skip
AGILENT = {"generator.type": "keysight33500b"}
BENCHES = {
    "2450, 81160A, 707B": ("smu-pulser", {}),
    "2400, 33500B, relay box": (
        "smu-pulser", {"smu.type": "keithley2400", **AGILENT, **RELAYS},
    ),
    "2600B, 81160A, relay box": ("smu-pulser", {"smu.type": "keithley2600b", **RELAYS}),
    "2600B alone": ("keithley2600b", {}),
    "2450 alone": ("keithley2600b", {"smu.type": "keithley2450"}),
}  # fmt: skip
"""Shipped bench files, and what differs: every source meter, generator and switch is in one."""


class Site(NamedTuple):
    """An open bench, its file and its lab."""

    lab: VirtualLab
    bench: Bench
    named: NamedBench

    def since(self, entry: int = 0) -> list[dict[str, Any]]:
        """Everything that happened at the ports, from an entry on."""
        events: list[dict[str, Any]] = self.lab.ask(f"terminals {entry}")
        return events


def named(what: str, overrides: dict[str, str] | None = None) -> NamedBench:
    """One of the benches on a resistor, or on what the overrides say."""
    name, own = BENCHES[what]
    return find_bench(name, {**own, **RESISTOR, **(overrides or {})})


@contextlib.contextmanager
def opened(bench: NamedBench, seed: int = 1) -> Iterator[Site]:
    """Open a bench in a lab of its own; what a test may have cut is closed quietly."""
    with VirtualLab.start(bench.file.counterpart(seed)) as lab:
        built = bench.build(seed, lab, forming=True)
        built.open()
        try:
            yield Site(lab, built, bench)
        finally:
            with contextlib.suppress(InstrumentError):
                built.close()


@pytest.fixture(scope="module", params=BENCHES)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """Each of the benches on a resistor of 10 kohm, one for all tests of a module."""
    with opened(named(request.param)) as place:
        yield place


@pytest.fixture(scope="module")
def switched() -> Iterator[Site]:
    """A 2450, an 81160A and a 707B on a resistor."""
    with opened(named("2450, 81160A, 707B")) as place:
        yield place
