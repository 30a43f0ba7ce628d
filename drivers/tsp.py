"""An instrument that speaks TSP: lines of Lua out, what they print in.

Each line is one chunk of Lua that ends by itself at its first error, so settings go as lines of
their own, and the question for errors after them is answered whatever became of them. Answers are
read strictly: a number always has its exponent, which shows an answer that was cut short.
"""

import math
import re
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pymeasure.adapters import Adapter
from pymeasure.instruments import Instrument

from hil.drivers.session import Session
from hil.drivers.session.answers import unexpected
from hil.errors import InstrumentError

T = TypeVar("T")

RESYNC = ('print("step {n}")', "step {n}")
"""A question that is never asked twice, and its answer: how a session finds its step."""
DIGITS = 16
"""Significant digits that numbers are printed with (`format.asciiprecision`, 1 to 16)."""
SHOWN = 120
"""Characters of a refused command that an error shows."""

_is_number = re.compile(r"[+-]?\d(?:\.\d+)?e[+-]\d{2,3}").fullmatch
_error = re.compile(r"([^\t]+)\t([^\t]*)\t[^\t]+\t[^\t]+").fullmatch
_MOST_ERRORS = 200


class TspInstrument(Instrument):  # type: ignore[misc]  # pymeasure has no types
    """pymeasure's Instrument on a session, for instruments with a test script processor.

    Parameters
    ----------
    adapter : Adapter
        The session.
    name : str
        For messages: "Keithley 2600B".
    pattern : str
        Regular expression for the whole answer to ``*IDN?``.

    Attributes
    ----------
    identity : str
        That answer.

    Raises
    ------
    InstrumentError
        Something else is at the other end, or it does not print as it is told.
    """

    def __init__(self, adapter: Adapter, name: str, pattern: str) -> None:
        super().__init__(adapter, name, includeSCPI=False)
        self.identity = self.get("*IDN?", _matching(pattern, name))
        self.clear_errors()
        self.tell("format.data = format.ASCII", f"format.asciiprecision = {DIGITS}")
        self.confirm({"format.asciiprecision": DIGITS})

    def tell(self, *commands: str) -> None:
        """Send settings, each as a line of its own, and ask for errors.

        Raises
        ------
        InstrumentError
            With the instrument's own words; its queue is empty then.
        """
        for command in commands:
            self.write(command)
        self.check("; ".join(commands))

    def check(self, what: str) -> None:
        """Ask for errors of *what* was sent; raises InstrumentError as `tell`."""
        if self.get("print(errorqueue.count)", number):
            told = "; ".join(self._errors())
            shown = what if len(what) <= SHOWN else f"{what[:SHOWN]}..."
            raise InstrumentError(f"the {self.name} refuses {shown}: {told}")

    def get(
        self, command: str, parse: Callable[[str, str], T], timeout_s: float | None = None
    ) -> T:
        """Send a line that prints one line, and read that with *parse*.

        An answer that *parse* refuses puts the session on guard.
        """
        if isinstance(self.adapter, Session):
            return self.adapter.ask(command, parse, timeout_s)
        return parse(str(self.ask(command)), command)

    def ask_for(self, *expressions: str) -> list[float]:
        """Ask what some expressions of the instrument's are just now."""
        values = self.get(f"print({', '.join(expressions)})", numbers(len(expressions)))
        return [float(value) for value in values]

    def confirm(self, wanted: dict[str, float], tolerance: float = 1e-6) -> None:
        """Make sure that the instrument holds what it was told: expressions and their values.

        Raises
        ------
        InstrumentError
            It holds something else.
        """
        for (what, value), held in zip(wanted.items(), self.ask_for(*wanted), strict=True):
            if not math.isclose(held, value, rel_tol=tolerance, abs_tol=1e-15):
                raise InstrumentError(
                    f"the {self.name} holds {held:.9g} as {what} where {value:.9g} was set; it "
                    "was not used: look at the instrument"
                )

    def clear_errors(self) -> None:
        """Forget the errors of whoever was here before.

        Raises
        ------
        InstrumentError
            They do not go away.
        """
        self.write("errorqueue.clear()")
        if self.get("print(errorqueue.count)", number):
            raise InstrumentError(
                f"the {self.name} does not forget its errors ({self._errors()[-1]}); switch it "
                "off and on"
            )

    def interject(self, *commands: str) -> None:
        """Send lines that nobody answers, in step or not, past an answer that is still to come.

        ``abort`` on a line of its own ends a script that runs (2600BS-901-01, "Using the abort
        command"; unconfirmed).
        """
        send = self.adapter.interject if isinstance(self.adapter, Session) else self.write
        for command in commands:
            send(command)

    def _errors(self) -> list[str]:
        """Read all errors, the oldest first, and forget them."""
        told = []
        for _ in range(_MOST_ERRORS):
            error = self.get("print(errorqueue.next())", _read_error)
            if error is None:
                break
            told.append(error)
        self.write("errorqueue.clear()")
        return told or ["it does not say why"]


def number(text: str, command: str) -> float:
    """Read one number as TSP prints it: with an exponent."""
    return float(numbers(1)(text, command)[0])


def numbers(count: int) -> Callable[[str, str], NDArray[np.float64]]:
    """Make what reads *count* numbers, between tabs (print) or commas (printbuffer)."""

    def read(text: str, command: str) -> NDArray[np.float64]:
        parts = [part.strip() for part in re.split(r"[\t,]", text)]
        if len(parts) != count or not all(map(_is_number, parts)):
            wanted = "a number" if count == 1 else f"{count} numbers"
            raise unexpected(text, command, wanted)
        return np.array(parts, np.float64)

    return read


def _read_error(text: str, command: str) -> str | None:
    """Read code, message, severity and node between tabs; None for code 0 (an empty queue)."""
    match = _error(text.strip())
    if match is None:
        raise unexpected(text, command, "an error of a TSP instrument")
    code = int(number(match[1], command))
    return None if code == 0 else f"{match[2]} ({code})"


def _matching(pattern: str, name: str) -> Callable[[str, str], str]:
    def read(text: str, command: str) -> str:
        if re.fullmatch(pattern, text.strip()) is None:
            raise unexpected(text, command, f"the identity of a {name}")
        return text.strip()

    return read
