"""pymeasure's Instrument on a session: it knows who it talks to, and reads answers strictly."""

import re
from collections.abc import Callable
from typing import TypeVar

from pymeasure.adapters import Adapter
from pymeasure.instruments import Instrument

from hil.drivers.session.answers import unexpected
from hil.drivers.session.session import Session
from hil.errors import InstrumentError

T = TypeVar("T")

SHOWN = 120
"""Characters of a refused command that an error shows."""


class SessionInstrument(Instrument):  # type: ignore[misc]  # pymeasure has no types
    """An instrument that says who it is, asked on a session or on any adapter of pymeasure's.

    Parameters
    ----------
    adapter : Adapter
        The session.
    name : str
        For messages: "Keithley 2450".
    pattern : str
        Regular expression for the whole answer to ``*IDN?``.

    Attributes
    ----------
    identity : str
        That answer.

    Raises
    ------
    InstrumentError
        Something else is at the other end.
    """

    def __init__(self, adapter: Adapter, name: str, pattern: str) -> None:
        super().__init__(adapter, name, includeSCPI=False)
        self._closed = False
        self.identity = self.get("*IDN?", _matching(pattern, name))

    @property
    def address(self) -> str:
        """VISA address of its session."""
        return str(getattr(self.adapter, "address", ""))

    def get(
        self, command: str, parse: Callable[[str, str], T], timeout_s: float | None = None
    ) -> T:
        """Ask and read the answer with *parse*; one that it refuses puts the session on guard."""
        adapter = self.adapter  # once: pymeasure looks long for an attribute
        if isinstance(adapter, Session):
            return adapter.ask(command, parse, timeout_s)
        return parse(str(self.ask(command)), command)

    def interject(self, *commands: str) -> None:
        """Send commands that nobody answers, in step or not, past an answer still to come."""
        send = self.adapter.interject if isinstance(self.adapter, Session) else self.write
        for command in commands:
            send(command)

    def insist(self, act: Callable[[], T]) -> T:
        """Do what makes it safe; where that fails, over a new connection once more.

        Raises
        ------
        InstrumentError
            It failed again, there is no connection, or it was closed before.
        """
        try:
            return act()
        except InstrumentError:
            if self._closed or not isinstance(self.adapter, Session):
                raise
            self.adapter.reopen()
            return act()

    def suspect(self, reason: str) -> None:
        """Have the session find its step before the next command."""
        if isinstance(self.adapter, Session):
            self.adapter.suspect(reason)

    def close(self) -> None:
        """Disconnect; the instrument stays as it is."""
        self._closed = True
        self.adapter.close()

    def refusal(self, what: str, told: str) -> InstrumentError:
        """Make the error for *what* it was told, in its own words."""
        shown = what if len(what) <= SHOWN else f"{what[:SHOWN]}..."
        return InstrumentError(f"the {self.name} refuses {shown}: {told}")

    def other(self, held: float, wanted: float, what: str) -> InstrumentError:
        """Make the error for a setting that it holds differently."""
        return InstrumentError(
            f"the {self.name} holds {held:.9g} as {what} where {wanted:.9g} was set; it was not "
            "used: look at the instrument"
        )


def _matching(pattern: str, name: str) -> Callable[[str, str], str]:
    def read(text: str, command: str) -> str:
        if re.fullmatch(pattern, text.strip()) is None:
            raise unexpected(text, command, f"the identity of a {name}")
        return text.strip()

    return read
