"""Other people's drivers at a source meter in a lab that is served in this process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import Running, running

OHM = 1e4
Place = tuple[Running, Any]
"""A lab, and somebody else's driver at its instrument."""
NEWLINES = {"read_termination": "\n", "write_termination": "\n"}


@contextmanager
def served(kind: str, **options: Any) -> Iterator[tuple[Running, str]]:
    """Serve an instrument at a resistor: the lab, and where the instrument is."""
    plan = LabPlan(
        instruments={"smu": InstrumentPlan(type=kind, options={"ideal": True, **options})},
        wiring={"smu": "top"}, model="resistor", parameters={"resistance_ohm": OHM},
    )  # fmt: skip
    with running(plan) as lab:
        yield lab, lab.server.addresses["smu"]


@contextmanager
def at(
    kind: str, connect: Callable[[Any, str], AbstractContextManager[Any]], driver: Any
) -> Iterator[Place]:
    """Serve an instrument and connect a driver to it, by one of the two below."""
    with served(kind) as (lab, address), connect(driver, address) as made:
        yield lab, made


@contextmanager
def pymeasure_driver(driver: Any, address: str) -> Iterator[Any]:
    """Connect a driver of pymeasure."""
    made = driver(address, visa_library="@py", timeout=10_000, **NEWLINES)
    try:
        yield made
    finally:
        made.adapter.close()


@contextmanager
def qcodes_driver(driver: Any, address: str) -> Iterator[Any]:
    """Connect a driver of QCoDeS."""
    made = driver("smu", address, visalib="@py", terminator="\n", timeout=10)
    try:
        yield made
    finally:
        made.close()


def written(lab: Running) -> list[str]:
    """List what the client has sent, without terminators."""
    log = [message for _, message in lab.lab.messages.since(0)]
    return [m.wire.decode("latin-1").rstrip("\n") for m in log if m.direction == "in"]


def outputs(lab: Running) -> list[bool]:
    """List how the output was switched."""
    log = [event for _, event in lab.lab.events.since(0)]
    return [event.what["on"] for event in log if event.what["kind"] == "output"]


def levels_v(lab: Running) -> set[float]:
    """List the levels at which the cell was held (V, open circuit)."""
    log = [event.signal for _, event in lab.lab.events.since(0)]
    return {round(signal.last_v, 6) for signal in log if signal is not None}
