"""An instrument that speaks TSP: lines of Lua out, what they print in.

Each line is one chunk of Lua that ends by itself at its first error, so settings go as lines of
their own, and the question for errors after them is answered whatever became of them. Answers are
read strictly: a number always has its exponent, which shows an answer that was cut short.
"""

import math
import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from pymeasure.adapters import Adapter

from hil.drivers.session import Session
from hil.drivers.session.answers import unexpected
from hil.drivers.session.instrument import SessionInstrument
from hil.errors import InstrumentError

RESYNC = ('print("step {n}")', "step {n}")
"""A question that is never asked twice, and its answer: how a session finds its step."""
DIGITS = 16
"""Significant digits that numbers are printed with (`format.asciiprecision`, 1 to 16)."""

_is_number = re.compile(r"[+-]?\d(?:\.\d+)?e[+-]\d{2,3}").fullmatch
_error = re.compile(r"([^\t]+)\t([^\t]*)\t[^\t]+\t[^\t]+").fullmatch
_MOST_ERRORS = 200


def tsp_session(address: str, remedy: str) -> Session:
    """Open a session to an instrument with a test script processor."""
    return Session(
        address,
        write_termination="\n",
        read_termination="\n",
        resync=RESYNC,
        answers="queries",
        remedy=remedy,
    )


class TspInstrument(SessionInstrument):
    """An instrument with a test script processor.

    Parameters
    ----------
    adapter, name, pattern :
        As for any `SessionInstrument`.

    Raises
    ------
    InstrumentError
        Something else is at the other end, or it does not print as it is told.
    """

    def __init__(self, adapter: Adapter, name: str, pattern: str) -> None:
        super().__init__(adapter, name, pattern)
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
            raise self.refusal(what, "; ".join(self._errors()))

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
                raise self.other(held, value, what)

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
