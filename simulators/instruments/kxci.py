"""KXCI, the language of a Keithley 4200A-SCS: messages, numbers, errors.

Source of everything here that is not marked otherwise: KXCI Programming manual, 4200A-KXCI-907-01
Rev D (May 2024). A message ends with a NUL (the server takes it off) and is answered once, however
many commands are joined in it by semicolons: by the data of a query, else by ``ACK``.
"""

import re
from typing import NamedTuple

from hil.errors import HilError

ACK = "ACK"

ERRORS = {
    -947: "Illegal pulse sweep type",
    -948: "Step count mismatch",
    -950: "Source power limit exceeded",
    -953: "Stepper cannot be used without Sweeper",
    -956: "Segment start does not match previous stop",
    -958: "At least 3 segments must be defined",
    -959: "Segment does not meet the minimum slew rate",
    -961: "Unknown sequence",
    -962: "Invalid segment",
    -964: "Maximum Source Voltage Reached",
    -965: "Command not valid in present pulse mode",
    -966: "Execution Aborted",
    -967: "Invalid pulse parameter configuration",
    -969: "Invalid PMU argument",
    -974: "Command not valid in System Mode",
    -975: "Command not valid in User Mode",
    -979: "SMU not present",
    -980: "Command not valid during test",
    -988: "Instrument not mapped",
    -989: "Command not valid on this page",
    -991: "Illegal setup",
    -992: "KXCI command error",
    -993: "KXCI argument error",
}
"""Texts of the errors (manual, error table): the codes that users meet most often."""

PAGES = frozenset({"DE", "SS", "SM", "MD", "US"})
"""Commands that open a page or mode; another command may follow after a space (``SM DM1``)."""

MOST_CHARACTERS = 12
"""A number has at most so many characters (manual, section 2)."""

NAME_CHARACTERS = 6
"""A name of a voltage or current has at most so many characters (manual, section 4)."""

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?")
_SHORT = re.compile(r"([A-Za-z]{2})[ \t]*(.*)", re.DOTALL)


class Refused(HilError):
    """A command that the instrument does not obey; its code stands in `ERRORS`."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"{ERRORS[code]}. ({code})")


class Command(NamedTuple):
    """One command: its word in capitals and its arguments."""

    word: str
    arguments: list[str]


def commands(message: str) -> list[Command]:
    """Take a message apart; raises Refused (-992) for what is no command.

    Case does not matter and spaces may stand between the parts: examples of the manual differ.
    """
    found: list[Command] = []
    for part in message.split(";"):
        text = part.strip()
        if not text:
            continue
        if text[0] in ":*":
            word, _, rest = text.partition(" ")
            found.append(Command(word.upper(), _arguments(rest)))
        else:
            _add_short(text, found)
    return found


def _add_short(text: str, found: list[Command]) -> None:
    match = _SHORT.fullmatch(text)
    if match is None:
        raise Refused(-992)
    word, rest = match[1].upper(), match[2]
    if word in PAGES and rest:
        found.append(Command(word, []))
        _add_short(rest, found)
    else:
        found.append(Command(word, _arguments(rest)))


def _arguments(text: str) -> list[str]:
    return [argument.strip() for argument in text.split(",")] if text.strip() else []


def number(text: str) -> float:
    """Read a number; raises Refused (-993) for more characters or exponent digits than allowed."""
    if len(text) > MOST_CHARACTERS or _NUMBER.fullmatch(text) is None:
        raise Refused(-993)
    return float(text)


def integer(text: str, least: int, most: int) -> int:
    """Read a whole number within bounds; raises Refused (-993)."""
    value = number(text)
    if not (value.is_integer() and least <= value <= most):
        raise Refused(-993)
    return int(value)


def switch(text: str) -> bool:
    """Read 0 or 1; raises Refused (-993)."""
    return integer(text, 0, 1) == 1


def name(text: str) -> str:
    """Read a name in quotes; raises Refused (-993) for one that is empty or too long."""
    bare = text.strip("'\"").strip()
    if not 1 <= len(bare) <= NAME_CHARACTERS or bare == text:
        raise Refused(-993)
    return bare.upper()


def expect(arguments: list[str], least: int, most: int | None = None) -> list[str]:
    """Return the arguments if there are as many as allowed; raises Refused (-993)."""
    if not least <= len(arguments) <= (least if most is None else most):
        raise Refused(-993)
    return arguments


def told(value: float, digits: int = 6) -> str:
    """Write a number as the PMU does: ``0.00788628``, ``-21.7246e-9`` (manual, section 7).

    Plain from 1e-3 to 1e6, else with an exponent that is a multiple of 3; read back it is the
    value rounded to *digits* significant digits, 6 or more.
    """
    if value == 0.0:
        return "0"
    mantissa, _, tail = f"{value:.{digits - 1}e}".partition("e")
    exponent = int(tail)
    if -3 <= exponent < 6:
        return f"{value:.{digits}g}"
    whole, fraction, power = _shifted(mantissa, exponent)
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}e{power}" if fraction else f"{whole}e{power}"


def engineering(value: float, digits: int = 5) -> str:
    """Write a number as the SMUs do: ``22.329E-09``, ``4.3555E-15`` (manual, sections 4 and 5)."""
    mantissa, _, tail = f"{value:.{digits - 1}e}".partition("e")
    whole, fraction, power = _shifted(mantissa, int(tail))
    return f"{whole}.{fraction or '0'}E{power:+03d}"


def _shifted(mantissa: str, exponent: int) -> tuple[str, str, int]:
    """Move the point so that the exponent is a multiple of 3: whole part, fraction, exponent."""
    sign = "-" if mantissa[0] == "-" else ""
    figures = mantissa.removeprefix("-").replace(".", "")
    places = 1 + exponent % 3
    figures = figures.ljust(places, "0")
    return sign + figures[:places], figures[places:], exponent - exponent % 3
