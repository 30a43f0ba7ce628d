"""An instrument that speaks SCPI: settings that are asked for errors, answers read strictly."""

import math
import re
from collections.abc import Callable
from typing import TypeVar

from pymeasure.adapters import Adapter
from pymeasure.instruments import Instrument

from hil.drivers.session.answers import number, unexpected
from hil.errors import InstrumentError

T = TypeVar("T")

_error = re.compile(r'([+-]?\d+),\s*"(.*)"').fullmatch
_MOST_ERRORS = 50
"""An error queue is no longer than that."""


class ScpiInstrument(Instrument):  # type: ignore[misc]  # pymeasure has no types
    """pymeasure's Instrument on a session.

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
        self.identity = self.get("*IDN?", _matching(pattern, name))

    def tell(self, *commands: str) -> None:
        """Send settings as one message and ask for errors.

        Raises
        ------
        InstrumentError
            With the instrument's own words; its queue is empty then.
        """
        message = ";".join((*commands, ":SYST:ERR?"))
        error = self.get(message, _read_error)
        if error is not None:
            self._drain()
            raise InstrumentError(f"the {self.name} refuses {'; '.join(commands)}: {error}")

    def get(self, command: str, parse: Callable[[str, str], T]) -> T:
        """Ask and read the answer with *parse*; one that it refuses puts the session on guard."""
        answer = str(self.ask(command)).strip()
        try:
            return parse(answer, command)
        except InstrumentError:
            self.suspect(f"the answer to {command!r} makes no sense")
            raise

    def suspect(self, reason: str) -> None:
        """Have the session find its step before the next command."""
        suspect = getattr(self.adapter, "suspect", None)
        if suspect is not None:
            suspect(reason)

    def confirm(self, command: str, wanted: float, what: str, tolerance: float = 1e-6) -> None:
        """Ask for a setting and make sure that the instrument holds what it was told.

        Raises
        ------
        InstrumentError
            It holds something else.
        """
        held = self.get(command, number)
        if not math.isclose(held, wanted, rel_tol=tolerance, abs_tol=1e-15):
            raise InstrumentError(
                f"the {self.name} holds {held:.9g} as {what} where {wanted:.9g} was set; it was "
                "not used: look at the instrument"
            )

    def clear_errors(self) -> None:
        """Forget the errors of whoever was here before."""
        self.write("*CLS")
        self._drain()

    def _drain(self) -> None:
        for _ in range(_MOST_ERRORS):
            if self.get(":SYST:ERR?", _read_error) is None:
                return
        raise InstrumentError(
            f"the {self.name} does not stop telling errors; switch it off and on"
        )


def _read_error(text: str, command: str) -> str | None:
    """Read ``-113,"Undefined header"``; None for no error."""
    match = _error(text)
    if match is None:
        raise unexpected(text, command, 'an error such as -113,"Undefined header"')
    return None if int(match[1]) == 0 else f"{match[2]} ({int(match[1])})"


def _matching(pattern: str, name: str) -> Callable[[str, str], str]:
    def read(text: str, command: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise unexpected(text, command, f"the identity of a {name}")
        return text

    return read
