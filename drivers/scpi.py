"""An instrument that speaks SCPI: settings that are asked for errors, answers read strictly.

A parser may forget the rest of a message after an error in it (SCPI-1999, volume 1, section 6.2),
so the question for errors is a message of its own: it is answered whatever became of the settings.
"""

import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pymeasure.adapters import Adapter
from pymeasure.instruments import Instrument

from hil.drivers.session import Session
from hil.drivers.session.answers import number, unexpected
from hil.errors import InstrumentError

T = TypeVar("T")

SHOWN = 120
"""Characters of a refused command that an error shows."""
ASK_ERROR = ":SYST:ERR?"

_error = re.compile(r'([+-]?\d+),\s*"(.*?)(?:;\d+;[\d/:. ]+)?"').fullmatch
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
        """Send settings as one message, then ask for errors.

        Where one command must not be obeyed after another was refused, tell them one by one.

        Raises
        ------
        InstrumentError
            With the instrument's own words; its queue is empty then.
        """
        message = ";".join(commands)
        self.write(message)
        self.check(message)

    def check(self, what: str) -> None:
        """Ask for errors of *what* was done.

        Raises
        ------
        InstrumentError
            With the instrument's own words; its queue is empty then.
        """
        error = self.get(ASK_ERROR, _read_error)
        if error is not None:
            with suppress(InstrumentError):  # that it does not stop is not what went wrong first
                self._drain()
            shown = what if len(what) <= SHOWN else f"{what[:SHOWN]}..."
            raise InstrumentError(f"the {self.name} refuses {shown}: {error}")

    def get(
        self, command: str, parse: Callable[[str, str], T], timeout_s: float | None = None
    ) -> T:
        """Ask and read the answer with *parse*; one that it refuses puts the session on guard."""
        if isinstance(self.adapter, Session):
            return self.adapter.ask(command, _stripped(parse), timeout_s)
        return _stripped(parse)(str(self.ask(command)), command)

    def suspect(self, reason: str) -> None:
        """Have the session find its step before the next command."""
        if isinstance(self.adapter, Session):
            self.adapter.suspect(reason)

    def confirm(self, command: str, wanted: float, what: str, tolerance: float = 1e-6) -> float:
        """Ask for a setting and make sure that the instrument holds what it was told.

        Returns
        -------
        float
            What it holds.

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
        return held

    def clear_errors(self) -> None:
        """Forget the errors of whoever was here before.

        Raises
        ------
        InstrumentError
            They do not go away.
        """
        self.write("*CLS")
        self._drain()

    def close(self) -> None:
        """Disconnect; the instrument stays as it is."""
        self.adapter.close()

    def _drain(self) -> None:
        for _ in range(_MOST_ERRORS):
            if self.get(ASK_ERROR, _read_error) is None:
                return
        raise InstrumentError(
            f"the {self.name} does not stop telling errors; switch it off and on"
        )


def _read_error(text: str, command: str) -> str | None:
    """Read ``-113,"Undefined header"``; None for no error.

    What a 2450 adds after the words, ``;1;2018/05/26 14:00:14.871``, is left out.
    """
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


def _stripped(parse: Callable[[str, str], T]) -> Callable[[str, str], T]:
    return lambda text, command: parse(text.strip(), command)
