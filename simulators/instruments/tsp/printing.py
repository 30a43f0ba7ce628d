"""How numbers are printed: ASCII with so many digits, or binary blocks (2600B, `format`)."""

import struct
from typing import TYPE_CHECKING, Any, Protocol

from hil.simulators.instruments.tsp import unconfirmed

if TYPE_CHECKING:
    from hil.simulators.instruments.tsp.engine import Engine

ASCII, REAL32, REAL64 = 1, 2, 3
BIG, LITTLE = 0, 1
"""`format.NORMAL` and `format.SWAPPED`, also called BIGENDIAN and LITTLEENDIAN."""


class Columns(Protocol):
    """What `printbuffer` takes: a column of numbers that belongs to the instrument."""

    def part(self, first: float, last: float) -> list[float]:
        """Give the numbers from *first* to *last*, counted from 1; those that are there."""


class Format:
    """The settings `format.asciiprecision`, `format.data` and `format.byteorder`."""

    def __init__(self, engine: "Engine", digits: int = 6) -> None:
        self._engine = engine
        self._first_digits = digits
        self.digits = digits
        self.data = ASCII
        self.byteorder = LITTLE

    def reset(self, digits: int | None = None) -> None:
        """Go back to what is set at power-on."""
        self._first_digits = digits or self._first_digits
        self.data, self.byteorder = ASCII, LITTLE
        self.set_digits(self._first_digits)

    def set_digits(self, digits: int) -> None:
        """Set the significant digits of all printed numbers."""
        self.digits = digits
        self._engine.set_precision(digits)

    def block(self, columns: list[list[Any]]) -> bytes:
        """Print columns one row after the other, as one message without its end."""
        rows = zip(*columns, strict=False)
        values = [float(value) for row in rows for value in row]
        if self.data == ASCII:
            text = unconfirmed.SEPARATOR.join(f"{value:.{self.digits - 1}e}" for value in values)
            return text.encode()
        order = "<" if self.byteorder == LITTLE else ">"
        if self.data == REAL64:
            return b"#0" + struct.pack(f"{order}{len(values)}d", *values)
        return b"#0" + struct.pack(f"{order}{len(values)}f", *map(_single, values))


def _single(value: float) -> float:
    """Keep a value within single precision."""
    return max(-3.4e38, min(3.4e38, value))
