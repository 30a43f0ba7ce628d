"""Reading answers strictly: one that is not what was asked for raises."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hil.errors import InstrumentError

_is_number = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?").fullmatch


def unexpected(text: str, command: str, wanted: str) -> InstrumentError:
    """Make the error that shows an answer which is not what was *wanted*."""
    shown = repr(text) if len(text) <= 200 else f"{text[:200]!r}... ({len(text)} characters)"
    to = f" to {command!r}" if command else ""
    return InstrumentError(f"the answer{to} is {shown}, not {wanted}")


def number(text: str, command: str) -> float:
    """Read one number; NaN and infinity are none."""
    if not _is_number(text.strip()):
        raise unexpected(text, command, "a number")
    return float(text)


def integer(text: str, command: str) -> int:
    """Read a whole number, however it is written."""
    value = number(text, command)
    if not value.is_integer():
        raise unexpected(text, command, "a whole number")
    return int(value)


def flag(text: str, command: str) -> bool:
    """Read 0 or 1."""
    if text.strip() not in ("0", "1"):
        raise unexpected(text, command, "0 or 1")
    return text.strip() == "1"


def word(text: str, command: str) -> str:
    """Read one word of letters and digits, such as the name of a language."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", text.strip()) is None:
        raise unexpected(text, command, "a word")
    return text.strip()


def numbers(count: int) -> Callable[[str, str], NDArray[np.float64]]:
    """Make what reads *count* numbers between commas."""

    def read(text: str, command: str) -> NDArray[np.float64]:
        parts = [part.strip() for part in text.split(",")]
        if len(parts) != count or not all(map(_is_number, parts)):
            raise unexpected(text, command, f"{count} numbers")
        return np.array(parts, np.float64)

    return read
