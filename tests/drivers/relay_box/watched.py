"""A switch in a lab, and what its contacts and its line have done since a test began."""

from typing import Any

from hil.virtual import InstrumentPlan, LabPlan, VirtualLab

NAME = "switch"
PATIENCE_S = 0.2


def plan(kind: str, contact: str, shared: str) -> LabPlan:
    """A switch with a resistor behind it."""
    return LabPlan(
        instruments={NAME: InstrumentPlan(type=kind)},
        wiring={f"{NAME}.{shared}": "top", f"{NAME}.{contact}": "ground"},
        model="resistor",
    )


class Watched:
    """The logs of a lab with one switch, from now on."""

    def __init__(self, lab: VirtualLab) -> None:
        self.lab = lab
        self._first = len(lab.ask("terminals 0"))
        self._byte = len(lab.ask("bytes 0"))

    def contacts(self) -> list[dict[str, Any]]:
        """Each move of a contact."""
        found = self.lab.ask(f"terminals {self._first}")
        return [event for event in found if event["kind"] == "contact"]

    def closed(self) -> list[set[str]]:
        """Which contacts were closed after each move."""
        now: set[str] = set()
        states = [set(now)]
        for move in self.contacts():
            contact = f"{move['source']} {move['to']}"
            (now.add if move["closed"] else now.discard)(contact)
            states.append(set(now))
        return states

    def most_closed(self) -> int:
        """How many were closed at once."""
        return max(map(len, self.closed()))

    def sent(self) -> int:
        """How many messages went to it."""
        return sum(way == "in" for *_, way, _ in self.lab.ask(f"bytes {self._byte}"))

    def fault(self, what: str, skip: int) -> None:
        """Let something go wrong with an answer to come."""
        kind, _, rest = what.partition(" ")
        self.lab.ask(f"fault {kind} {NAME} {rest} skip={skip}")
