"""An instrument that speaks SCPI: settings that are asked for errors, answers read strictly.

A parser may forget the rest of a message after an error in it (SCPI-1999, volume 1, section 6.2),
so the question for errors is a message of its own: it is answered whatever became of the settings.
"""

import math
import re
from contextlib import suppress
from typing import Any

from hil.drivers.session import Session
from hil.drivers.session.answers import number, unexpected
from hil.drivers.session.instrument import SessionInstrument
from hil.errors import InstrumentError

ASK_ERROR = ":SYST:ERR?"

_error = re.compile(r'([+-]?\d+),\s*"(.*?)(?:;\d+;[\d/:. ]+)?"').fullmatch
_MOST_ERRORS = 50
"""An error queue is no longer than that."""


def scpi_session(
    address: str,
    pattern: str,
    remedy: str,
    *,
    termination: str = "\n",
    settings: dict[str, Any] | None = None,
) -> Session:
    """Open a session to what answers ``*IDN?`` by *pattern*; the rest is as for `Session`."""
    return Session(
        address,
        write_termination=termination,
        read_termination=termination,
        resync=("*IDN?", pattern),
        answers="queries",
        remedy=remedy,
        settings=settings,
    )


class ScpiInstrument(SessionInstrument):
    """An instrument that is told settings, and asked for errors after them."""

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
            raise self.refusal(what, error)

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
            raise self.other(held, wanted, what)
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
    match = _error(text.strip())
    if match is None:
        raise unexpected(text, command, 'an error such as -113,"Undefined header"')
    return None if int(match[1]) == 0 else f"{match[2]} ({int(match[1])})"
