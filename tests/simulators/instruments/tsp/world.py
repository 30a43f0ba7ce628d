"""An instrument that speaks TSP and does nothing else."""

from typing import ClassVar

from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.tsp.instrument import TspInstrument
from hil.virtual import LabPlan


class World(TspInstrument):
    model: ClassVar[str] = "1234"

    resets = 0

    def reset(self) -> None:
        self.resets += 1


def made() -> World:
    plan = LabPlan(
        instruments={}, wiring={}, model="resistor", parameters={"resistance_ohm": 10e3}
    )
    return World("world", Lab(plan), {})


def ask(world: TspInstrument, *lines: str) -> str | None:
    """Send lines; what the last one answered."""
    answer: bytes | None = None
    for line in lines:
        answer = world.handle(line.encode("latin-1"))
    return None if answer is None else answer.decode("latin-1")


def errors(world: TspInstrument) -> list[tuple[int, str]]:
    """Take all errors."""
    return [world.errors.next()[:2] for _ in range(world.errors.count)]
