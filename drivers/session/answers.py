"""What instruments answer, read strictly: the whole text, or an error that shows it.

Only what is common to many instruments; a driver has its own instrument's grammar. Each function
takes the text and the command that it answers, so that it can be handed to `Session.ask`.
"""

import math
import re
from collections.abc import Callable

from hil.errors import InstrumentError

_FLOAT = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_is_float = re.compile(_FLOAT).fullmatch
_is_integer = re.compile(r"[+-]?[0-9]+").fullmatch
_are_floats = re.compile(rf" *{_FLOAT} *(?:, *{_FLOAT} *)*").fullmatch


def number(text: str, command: str = "") -> float:
    """Read one finite number; blanks around it are allowed.

    Raises
    ------
    InstrumentError
        The text is anything else.
    """
    found = text.strip(" ")
    if _is_float(found):
        value = float(found)
        if math.isfinite(value):
            return value
    raise unexpected(text, command, "a number")


def numbers(text: str, command: str = "", *, count: int | None = None) -> list[float]:
    """Read finite numbers with commas between them, *count* of them if it is given.

    Raises
    ------
    InstrumentError
        The text is anything else, or has another number of numbers.
    """
    if _are_floats(text):
        values = [float(field) for field in text.split(",")]
        if count in {None, len(values)} and all(map(math.isfinite, values)):
            return values
    wanted = "numbers with commas between them" if count is None else f"{count} numbers"
    raise unexpected(text, command, wanted)


def integer(text: str, command: str = "") -> int:
    """Read one integer, written without point and exponent; blanks around it are allowed.

    Raises
    ------
    InstrumentError
        The text is anything else.
    """
    found = text.strip(" ")
    if _is_integer(found):
        return int(found)
    raise unexpected(text, command, "an integer")


def acknowledged(text: str, command: str = "", *, word: str = "ACK") -> None:
    """Make sure that a setting was acknowledged.

    ``ACK`` is what KXCI answers (KXCI Programming manual 4200A-KXCI-907-01).

    Raises
    ------
    InstrumentError
        The text is anything but *word*.
    """
    if text != word:
        raise unexpected(text, command, repr(word))


def matching(pattern: str, wanted: str) -> Callable[[str, str], re.Match[str]]:
    """Make a reader for a whole answer that matches *pattern*, described as *wanted*."""
    fullmatch = re.compile(pattern).fullmatch

    def match(text: str, command: str = "") -> re.Match[str]:
        if found := fullmatch(text):
            return found
        raise unexpected(text, command, wanted)

    return match


def unexpected(text: str, command: str, wanted: str) -> InstrumentError:
    """Make the error that shows an answer which is not what was *wanted*."""
    shown = repr(text) if len(text) <= 200 else f"{text[:200]!r}... ({len(text)} characters)"
    to = f" to {command!r}" if command else ""
    return InstrumentError(f"the answer{to} is {shown}, not {wanted}")
