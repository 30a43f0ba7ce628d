"""What a 4200A answers, read by its grammar to the last character.

An answer that is shifted, doubled, cut or garbled must never become a number: each form has fixed
parts (a status of 8 hex digits, exponents of two digits, a count that is known before), and what
does not match raises. Source: KXCI Programming manual 4200A-KXCI-907-01, sections 4, 5 and 7.
"""

import re
from string import ascii_uppercase
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.drivers.session.answers import unexpected
from hil.errors import InstrumentError

Floats = NDArray[np.float64]

# possessive single characters keep a long answer from being read over and over; no group is, as
# Python before 3.11.5 takes a repeated one that matched in part for a match
_NUMBER = r"-?+[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?+[0-9]{1,2}+)?"
_ROW = rf"{_NUMBER},{_NUMBER},{_NUMBER},[0-9A-Fa-f]{{8}}+"
_ROWS = re.compile(rf"{_ROW}(?:;{_ROW})*")
_VALUE = r"(?:-?+[0-9]++\.[0-9]++[eE][+-][0-9]{2}+|0\.0++)"
_VALUES = re.compile(rf"[A-Z] {{0,3}}+{_VALUE}(?:, ?+[A-Z] {{0,3}}+{_VALUE})*")
_NUMBERS = re.compile(rf"(?:[A-Z] {{0,3}}+)?{_NUMBER}(?:, ?+(?:[A-Z] {{0,3}}+)?{_NUMBER})*")
_IDENTITY = re.compile(r"KEITHLEY INSTRUMENTS,(KI4200A?),([^,]+),V([0-9]+(?:\.[0-9]+)+)")
_ERROR = re.compile(r".*\((-?[0-9]{1,4})\)")
_SERIAL_POLL = re.compile(r"[0-9]{1,3}")


class Rows(NamedTuple):
    """What a PMU has measured.

    Attributes
    ----------
    voltage_v, current_a, time_s : (rows,) float64
        Means over the windows; time from the start of the execution.
    status : (rows,) int64
        The status word.
    """

    voltage_v: Floats
    current_a: Floats
    time_s: Floats
    status: NDArray[np.int64]


class Values(NamedTuple):
    """What an SMU has measured: values, and whether each has the C of compliance."""

    value: Floats
    limited: NDArray[np.bool_]


class Identity(NamedTuple):
    """Answer to ``*IDN?``."""

    model: str
    serial: str
    version: tuple[int, ...]


def parse_rows(answer: str, command: str, *, count: int) -> Rows:
    """Read rows ``V,I,T,S`` joined by semicolons (section 7, :PMU:DATA:GET).

    Raises
    ------
    InstrumentError
        Any character is out of place, or there are not *count* rows.
    """
    if not answer and count == 0:
        empty = np.empty(0)
        return Rows(empty, empty, empty, np.empty(0, np.int64))
    if _ROWS.fullmatch(answer) is None or answer.count(";") + 1 != count:
        raise unexpected(answer, command, f"{count} rows of voltage, current, time and status")
    fields = answer.replace(";", ",").split(",")
    voltage_v, current_a, time_s = (np.array(fields[k::4]).astype(float) for k in range(3))
    status = np.array([int(word, 16) for word in fields[3::4]])
    return Rows(voltage_v, current_a, time_s, status)


def parse_values(answer: str, command: str, *, most: int) -> Values:
    """Read ``N 4.3555E-15,C 10.000E-06`` (section 5, DO): a letter and a value, comma between.

    Raises
    ------
    InstrumentError
        Any character is out of place, there is none, or there are more than *most*.
    """
    parts = answer.split(",")
    if _VALUES.fullmatch(answer) is None or len(parts) > most:
        raise unexpected(answer, command, f"up to {most} values with their flags")
    letters = [part.strip()[0] for part in parts]
    if not {"N", "C"}.issuperset(letters):
        raise InstrumentError(
            f"the SMU flags {''.join(sorted({*letters} - {'N', 'C'}))!r} with its values, which "
            "are neither normal (N) nor at compliance (C); look at the 4200A's messages"
        )
    value = np.array([float(part.strip()[1:]) for part in parts])
    return Values(value, np.array(letters) == "C")


def parse_numbers(answer: str, command: str, *, count: int) -> Floats:
    """Read *count* timestamps or status words of a sweep, each with or without a letter."""
    parts = answer.split(",")
    if _NUMBERS.fullmatch(answer) is None or len(parts) != count:
        raise unexpected(answer, command, f"{count} numbers")
    return np.array([float(part.strip().lstrip(ascii_uppercase).strip()) for part in parts])


def parse_identity(answer: str, command: str) -> Identity:
    """Read ``KEITHLEY INSTRUMENTS,KI4200A,1442736,V1.13`` (section 3)."""
    match = _IDENTITY.fullmatch(answer.strip())
    if match is None:
        raise unexpected(answer, command, "that of a Keithley 4200A; check the address")
    return Identity(match[1], match[2], tuple(int(part) for part in match[3].split(".")))


def parse_error(answer: str, command: str) -> str:
    """Read what :ERROR:LAST:GET says: "" where there is none (section 7).

    No error is an empty answer, or a text with the code 0 on some versions.
    """
    answer = answer.strip()
    if not answer:
        return ""
    match = _ERROR.fullmatch(answer)
    if match is None:
        raise unexpected(answer, command, "the last error")
    return "" if int(match[1]) == 0 else answer


def acknowledged(answer: str, command: str = "") -> None:
    """Make sure that a setting was acknowledged: every one answers ``ACK``.

    Raises
    ------
    InstrumentError
        The answer is anything else.
    """
    if answer != "ACK":
        raise unexpected(answer, command, "'ACK'")


def parse_running(answer: str, command: str) -> bool:
    """Read :PMU:TEST:STATUS? (section 7): 1 running, 0 idle."""
    if answer not in ("0", "1"):
        raise unexpected(answer, command, "1 for running or 0 for idle")
    return answer == "1"


def parse_serial_poll(answer: str, command: str) -> int:
    """Read SP (section 4): 1 data ready, 2 syntax error, 16 busy, 64 service request."""
    if _SERIAL_POLL.fullmatch(answer) is None or int(answer) > 255:
        raise unexpected(answer, command, "a status byte")
    return int(answer)
