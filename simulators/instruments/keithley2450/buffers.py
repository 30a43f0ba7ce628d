"""Reading buffers (:TRACe): what they hold, how it is told, statistics.

Source: Model 2450 Reference Manual 2450-901-01 Rev B, pages 6-103 to 6-127. Not modelled: files,
styles (all buffers hold everything), buffers that clients write to.
"""

from collections import deque
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.keithley2450.form import Form
from hil.simulators.instruments.keithley2450.unconfirmed import (
    BEGAN,
    BUFFER_EXISTS,
    DEFAULT_POINTS,
    EMPTY_BUFFER,
    NO_SUCH_BUFFER,
    UNITS,
)
from hil.simulators.instruments.scpi.declare import Maybe, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Choice, Text, Whole

OUTPUT_ON, FOUR_WIRE, LIMITED, READ_BACK = 128, 64, 32, 8
"""Bits of the source's status beside a reading (page 8-29)."""

DEFAULTS = ("defbuffer1", "defbuffer2")
LEAST_POINTS, MOST_POINTS = 10, 6_875_000
MOST_ELEMENTS = 14
ELEMENT = Choice(
    "DATE", "FORMatted", "FRACtional", "READing", "RELative", "SEConds", "SOURce",
    "SOURFORMatted", "SOURSTATus", "SOURUNIT", "STATus", "TIME", "TSTamp", "UNIT",
)  # fmt: skip
ELEMENTS = (Maybe(ELEMENT),) * MOST_ELEMENTS
_BINARY = {"READ", "REL", "SOUR"}
_NAME = Maybe(Text())
_INDEX = Whole(1, MOST_POINTS)
_SIZE = Whole(LEAST_POINTS, MOST_POINTS)


class Entry(NamedTuple):
    """One reading in a buffer.

    Attributes
    ----------
    time_s : float
        In the lab's time.
    function, source_function : str
        VOLT, CURR or RES.
    reading, source : float
        In V, A or ohm; what was measured, and what was forced or read back.
    status, source_status : int
        Bits.
    """

    time_s: float
    function: str
    reading: float
    source_function: str
    source: float
    status: int
    source_status: int


class Buffer:
    """One buffer; a default one goes on at its beginning when it is full, others end."""

    def __init__(self, points: int, *, goes_round: bool) -> None:
        self.points = points
        self.goes_round = goes_round
        self.entries: deque[Entry] = deque()
        self.began_s = 0.0
        """Time of the first entry since it was cleared (s)."""

    def add(self, entry: Entry) -> None:
        """Store a reading."""
        if not self.entries:
            self.began_s = entry.time_s
        if len(self.entries) < self.points:
            self.entries.append(entry)
        elif self.goes_round:
            self.entries.popleft()
            self.entries.append(entry)

    def resize(self, points: int) -> None:
        """Change its size, which clears it."""
        self.points = points
        self.entries.clear()


class Buffers:
    """``:TRACe``.

    Parameters
    ----------
    form : Form
        How numbers are told.
    """

    def __init__(self, form: Form) -> None:
        self._form = form
        self._all: dict[str, Buffer] = {}
        self.reset()

    def reset(self) -> None:
        """Go to the two default buffers, empty."""
        self._all = {name: Buffer(DEFAULT_POINTS, goes_round=True) for name in DEFAULTS}

    def named(self, name: str | None) -> Buffer:
        """Find a buffer; without a name the first default one."""
        found = self._all.get(name or DEFAULTS[0])
        if found is None:
            raise ScpiError(NO_SUCH_BUFFER[0])
        return found

    def told(self, buffer: Buffer, entries: list[Entry], named: tuple[str | None, ...]) -> str:
        """Write entries with the elements that are asked for; the reading alone without any."""
        elements = [element for element in named if element is not None] or ["READ"]
        if self._form.is_binary:
            if {*elements} - _BINARY:
                raise ScpiError(NO_SUCH_BUFFER[0])
            return self._form.block([
                self._number(buffer, entry, element) for entry in entries for element in elements
            ])  # fmt: skip
        return self._form.joined([
            self._element(buffer, entry, element) for entry in entries for element in elements
        ])  # fmt: skip

    def newest(self, name: str | None, elements: tuple[str | None, ...]) -> str:
        """Write the newest entry of a buffer."""
        buffer = self.named(name)
        if not buffer.entries:
            raise ScpiError(EMPTY_BUFFER[0])
        return self.told(buffer, [buffer.entries[-1]], elements)

    def _number(self, buffer: Buffer, entry: Entry, element: str) -> float:
        since_s = entry.time_s - buffer.began_s
        return {"READ": entry.reading, "REL": since_s, "SOUR": entry.source}[element]

    def _element(self, buffer: Buffer, entry: Entry, element: str) -> str:
        when = BEGAN + timedelta(seconds=entry.time_s)
        real = self._form.real
        if element in _BINARY:
            return real(self._number(buffer, entry, element))
        unit, source_unit = UNITS[entry.function], UNITS[entry.source_function]
        return {
            "DATE": lambda: f"{when:%m/%d/%Y}",
            "FORM": lambda: f"{real(entry.reading)} {unit}",
            "FRAC": lambda: real(entry.time_s % 1),
            "SEC": lambda: f"{int(when.timestamp())}",
            "SOURFORM": lambda: f"{real(entry.source)} {source_unit}",
            "SOURSTAT": lambda: str(entry.source_status),
            "SOURUNIT": lambda: source_unit,
            "STAT": lambda: str(entry.status),
            "TIME": lambda: f"{when:%H:%M:%S}",
            "TST": lambda: _stamp(when),
            "UNIT": lambda: unit,
        }[element]()

    @command(":MAKE", Text(most=31), _SIZE, Maybe(Choice(
        "COMPact", "STANdard", "FULL", "WRITable", "FULLWRITable",
    )))  # fmt: skip
    def _make(self, name: str, points: int, style: str | None) -> None:
        del style
        if name in self._all:
            raise ScpiError(BUFFER_EXISTS[0])
        self._all[name] = Buffer(points, goes_round=False)

    @command(":DELete", Text())
    def _delete(self, name: str) -> None:
        self.named(name)
        if name in DEFAULTS:
            raise ScpiError(-221)
        del self._all[name]

    @command(":CLEar", _NAME)
    def _clear(self, name: str | None) -> None:
        self.named(name).entries.clear()

    @command(":POINts", _SIZE, _NAME)
    def _resize(self, points: int, name: str | None) -> None:
        self.named(name).resize(points)

    @query(":POINts", _NAME)
    def _points(self, name: str | None) -> str:
        return str(self.named(name).points)

    @query(":ACTual[:END]", _NAME)
    def _actual(self, name: str | None) -> str:
        return str(len(self.named(name).entries))

    @query(":ACTual:STARt", _NAME)
    def _first(self, name: str | None) -> str:
        return "1" if self.named(name).entries else "0"

    @command(":FILL:MODE", Choice("CONTinuous", "ONCE"), _NAME)
    def _fill(self, mode: str, name: str | None) -> None:
        self.named(name).goes_round = mode == "CONT"

    @query(":FILL:MODE", _NAME)
    def _fills(self, name: str | None) -> str:
        return "CONT" if self.named(name).goes_round else "ONCE"

    @query(":DATA", _INDEX, _INDEX, _NAME, *ELEMENTS)
    def _data(self, first: int, last: int, name: str | None, *elements: str | None) -> str:
        buffer = self.named(name)
        if not first <= last <= len(buffer.entries):
            raise ScpiError(EMPTY_BUFFER[0])
        return self.told(buffer, list(buffer.entries)[first - 1 : last], elements)

    @query(":STATistics:AVERage", _NAME)
    def _average(self, name: str | None) -> str:
        return self._form.real(float(self._values(name).mean()))

    @query(":STATistics:MAXimum", _NAME)
    def _maximum(self, name: str | None) -> str:
        return self._form.real(float(self._values(name).max()))

    @query(":STATistics:MINimum", _NAME)
    def _minimum(self, name: str | None) -> str:
        return self._form.real(float(self._values(name).min()))

    @query(":STATistics:STDDev", _NAME)
    def _deviation(self, name: str | None) -> str:
        values = self._values(name)
        return self._form.real(float(values.std(ddof=1)) if len(values) > 1 else 0.0)

    @query(":STATistics:PK2Pk", _NAME)
    def _spread(self, name: str | None) -> str:
        return self._form.real(float(np.ptp(self._values(name))))

    @command(":STATistics:CLEar", _NAME)
    def _clear_statistics(self, name: str | None) -> None:
        self.named(name)

    def _values(self, name: str | None) -> np.ndarray:
        entries = self.named(name).entries
        if not entries:
            raise ScpiError(EMPTY_BUFFER[0])
        return np.array([entry.reading for entry in entries])


def _stamp(when: datetime) -> str:
    return f"{when:%m/%d/%Y %H:%M:%S}.{when.microsecond:06d}000"
