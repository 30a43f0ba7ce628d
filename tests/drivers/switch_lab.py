"""A switch in a lab, what its contacts and its line do there, and what goes wrong."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from hil.clock import RealClock
from hil.errors import InstrumentError
from hil.testing.switch_contract import SwitchContract
from hil.virtual import InstrumentPlan, LabPlan, VirtualLab
from tests.drivers.mishaps import guard

NAME = "switch"
PATIENCE_S = 0.2


class Made(NamedTuple):
    """Which virtual switch, what connects to it, and how a device is wired to it."""

    connect: Callable[..., Any]
    type: str
    paths: Mapping[str, Any]
    switching_s: float
    contact: str
    shared: str
    trouble: str

    def plan(self) -> LabPlan:
        """A switch with a resistor behind it."""
        return LabPlan(
            instruments={NAME: InstrumentPlan(type=self.type)},
            wiring={f"{NAME}.{self.shared}": "top", f"{NAME}.{self.contact}": "ground"},
            model="resistor",
        )

    def connected(self, address: str, clock: Any) -> Any:
        """Connect to it."""
        return self.connect(address, paths=self.paths, clock=clock, switching_s=self.switching_s)


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

    def trouble(self, trouble: str, *, on: bool) -> None:
        """Break the switch itself, or mend it."""
        self.lab.ask(f"trouble {NAME} {trouble} {'on' if on else 'off'}")


@pytest.fixture(scope="module")
def lab(made: Made) -> Iterator[VirtualLab]:
    """A lab for all tests of a module, with what the fixture ``made`` says."""
    with VirtualLab.start(made.plan()) as running:
        yield running


@pytest.fixture
def virtual(made: Made, lab: VirtualLab) -> Iterator[Any]:
    """A switch that was just connected, its contacts open."""
    switch = made.connected(lab.addresses[NAME], lab.clock())
    switch.open_all()
    switch.adapter.timeout_s = PATIENCE_S
    yield switch
    lab.ask("faults clear")
    lab.ask(f"trouble {NAME} {made.trouble} off")
    with contextlib.suppress(InstrumentError):
        switch.open_all()
    switch.close()


@pytest.fixture
def watched(lab: VirtualLab, virtual: Any) -> Watched:
    """What the switch does from now on."""
    del virtual  # connected before
    return Watched(lab)


class VirtualContract(SwitchContract):
    """The contract on the virtual switch, or on a real one by --device-address."""

    @pytest.fixture
    def switch(self, request: pytest.FixtureRequest, made: Made) -> Iterator[Any]:
        address = request.config.getoption("--device-address")
        if address is None:
            yield request.getfixturevalue("virtual")
            return
        switch = made.connected(address, RealClock())
        switch.open_all()
        yield switch
        switch.make_safe()
        switch.close()

    @pytest.fixture
    def sent(self, request: pytest.FixtureRequest) -> Callable[[], int] | None:
        return _watched(request, "sent")

    @pytest.fixture
    def most_closed(self, request: pytest.FixtureRequest) -> Callable[[], int] | None:
        return _watched(request, "most_closed")


def _watched(request: pytest.FixtureRequest, what: str) -> Callable[[], int] | None:
    """Ask the lab, where there is one."""
    if request.config.getoption("--device-address") is not None:
        return None
    counted: Callable[[], int] = getattr(request.getfixturevalue("watched"), what)
    return counted


class Mishaps:
    """What goes wrong is said; no path is taken for another, nor two at once."""

    @pytest.mark.parametrize(
        "fault", ["truncated", "cut", "garbled", "duplicated", "dropped", "late seconds=0.4"]
    )
    def test_no_fault_of_the_line_is_taken_for_a_contact(
        self, virtual: Any, watched: Watched, fault: str
    ) -> None:
        for skip in (0, 3):
            watched.fault(fault, skip)
            for path in ("smu", "ground"):
                try:
                    virtual.close_path(path)
                except InstrumentError:
                    assert len(watched.closed()[-1]) <= 1
                else:
                    assert len(watched.closed()[-1]) == 1
            watched.lab.ask("faults clear")
            with contextlib.suppress(InstrumentError):
                virtual.make_safe()  # finds its step again, if it is out of it
            virtual.make_safe()
            assert not watched.closed()[-1]
            virtual.close_path("smu")
            assert virtual.closed() == ("smu",)
        assert watched.most_closed() == 1

    def test_a_lost_connection_is_said_and_everything_is_open(
        self, virtual: Any, watched: Watched
    ) -> None:
        virtual.close_path("smu")
        watched.fault("disconnect", 2)
        with pytest.raises(InstrumentError, match="lost"):
            virtual.close_path("generator")
        assert not watched.closed()[-1]

    def test_the_guard_opens_everything(self, virtual: Any, watched: Watched) -> None:
        virtual.close_path("smu")
        virtual.adapter.close()
        assert len(watched.closed()[-1]) == 1
        guard(virtual.safe_messages())
        assert not watched.closed()[-1]
        virtual.adapter.reopen()
        virtual.close_path("ground")
        assert virtual.closed() == ("ground",)

    def test_a_relay_that_sticks_is_told(self, virtual: Any, watched: Watched, made: Made) -> None:
        virtual.close_path("smu")
        watched.trouble(made.trouble, on=True)
        with pytest.raises(InstrumentError, match="should be"):
            virtual.close_path("generator")
        with pytest.raises(InstrumentError, match="should be"):
            virtual.make_safe()
        assert virtual.closed() == ("smu",)
        watched.trouble(made.trouble, on=False)
        virtual.make_safe()
        assert virtual.closed() == ()
        assert watched.most_closed() == 1
