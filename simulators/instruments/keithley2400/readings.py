"""Readings as the 2400 tells them: five elements, a status word, ASCII or binary.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, pages 18-48 to 18-51.
"""

import math
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.scpi.declare import Maybe, Rest, Setting, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Choice, Whole
from hil.simulators.instruments.smu.model import Reading

NOT_A_NUMBER = 9.91e37
OVERFLOW = 9.9e37

OVERRANGE, FILTER, FRONT_REAR, COMPLIANCE, PROTECTED = 1, 2, 4, 8, 16
AUTO_OHMS, MEASURES_V, MEASURES_A, MEASURES_OHM = 1 << 10, 1 << 11, 1 << 12, 1 << 13
SOURCES_V, SOURCES_A, RANGE_COMPLIANCE, REMOTE_SENSE = 1 << 14, 1 << 15, 1 << 16, 1 << 22
"""Bits of the status word."""

ELEMENTS = ("VOLT", "CURR", "RES", "TIME", "STAT")
"""The order in which they are always told."""
_ELEMENT = Choice("VOLTage", "CURRent", "RESistance", "TIME", "STATus")


class Row(NamedTuple):
    """One reading: voltage (V), current (A), resistance (ohm), time (s), status word."""

    voltage_v: float
    current_a: float
    resistance_ohm: float
    time_s: float
    status: float


class Format:
    """``:FORMat``: which elements are told, and how."""

    order = Setting(":BORDer", Choice("NORMal", "SWAPped"), "NORM")
    registers = Setting(":SREGister", Choice("ASCii", "HEXadecimal", "OCTal", "BINary"), "ASC")

    def __init__(self) -> None:
        self._elements: tuple[str, ...] = ELEMENTS
        self._is_binary = False

    def reset(self) -> None:
        """Go to what ``*RST`` leaves: all elements, ASCII."""
        self._elements = ELEMENTS
        self._is_binary = False

    @command(":ELEMents[:SENSe[1]]", Rest(_ELEMENT))
    def _choose(self, *elements: str) -> None:
        self._elements = tuple(element for element in ELEMENTS if element in elements)

    @query(":ELEMents[:SENSe[1]]")
    def _chosen(self) -> str:
        return ",".join(self._elements)

    @command("[:DATA]", Choice("ASCii", "REAL", "SREal"), Maybe(Whole(32, 32)))
    def _type(self, kind: str, bits: int | None) -> None:
        if bits is not None and kind != "REAL":
            raise ScpiError(-108)
        self._is_binary = kind != "ASC"

    @query("[:DATA]")
    def _typed(self) -> str:
        return "REAL,32" if self._is_binary else "ASC"

    def written(self, rows: list[Row]) -> str:
        """Write readings with the chosen elements."""
        chosen = [ELEMENTS.index(element) for element in self._elements]
        return self.numbers([row[place] for row in rows for place in chosen])

    def statistics(self, rows: list[Row], kind: str) -> str:
        """Write what is made of voltages, currents and resistances, each on its own."""
        chosen = [
            ELEMENTS.index(element) for element in self._elements[:3] if element in ELEMENTS[:3]
        ]
        return self.numbers([_made(kind, [row[place] for row in rows]) for place in chosen])

    def numbers(self, values: list[float]) -> str:
        """Write numbers as readings."""
        if self._is_binary:
            kind = ">f4" if self.order == "NORM" else "<f4"
            return "#0" + np.array(values, kind).tobytes().decode("latin-1")
        return ",".join(f"{value:+.6E}" for value in values)


def _made(kind: str, values: list[float]) -> float:
    """Make a statistic of values; one that is no number makes no number."""
    if any(abs(value) >= OVERFLOW for value in values):
        return NOT_A_NUMBER
    numbers = np.array(values)
    if kind == "SDEV":
        return float(numbers.std(ddof=1)) if len(numbers) > 1 else 0.0
    if kind == "PKPK":
        return float(np.ptp(numbers))
    return float({"MEAN": numbers.mean(), "MAX": numbers.max(), "MIN": numbers.min()}[kind])


def told(reading: Reading, place: int) -> tuple[dict[str, float], dict[str, bool]]:
    """Give what is told of voltage and current, and which of them overflows."""
    over = {"VOLT": bool(reading.over_v[place]), "CURR": bool(reading.over_a[place])}
    seen = {"VOLT": float(reading.voltage_v[place]), "CURR": float(reading.current_a[place])}
    values = {
        name: math.copysign(OVERFLOW, value) if over[name] else value
        for name, value in seen.items()
    }
    return values, over


def resistance(voltage_v: float, current_a: float) -> float:
    """Divide what is told; an overflow where there is no current (ohm)."""
    if max(abs(voltage_v), abs(current_a)) >= OVERFLOW or not current_a:
        return OVERFLOW
    return math.copysign(min(abs(voltage_v / current_a), OVERFLOW), voltage_v * current_a)
