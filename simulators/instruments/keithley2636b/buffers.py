"""Reading buffers: `nvbuffer1`, `nvbuffer2`, those of `makebuffer` (2600B manual, section 3)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hil.simulators.instruments.keithley2636b.unconfirmed import FULL
from hil.simulators.instruments.tsp.engine import Engine, Rejected, TspError
from hil.simulators.instruments.tsp.objects import Object, choice, number, whole

RANGED, SOURCE_RANGED, FOUR_WIRE, COMPLIANCE, FILTERED = 0x04, 0x08, 0x10, 0x40, 0x80
"""Bits of `statuses` (2600B manual, `bufferVar.statuses`)."""


class Row(NamedTuple):
    """A reading and what belongs to it; ranges in SI, functions by their numbers."""

    reading: float
    time_s: float
    source_value: float
    status: int
    source_range: float
    measure_range: float
    source_function: int
    measure_function: int
    output: int


_COLUMNS: dict[str, Callable[["Buffer", Row], float]] = {
    "readings": lambda _, row: row.reading,
    "timestamps": lambda buffer, row: row.time_s - buffer.begin_s,
    "sourcevalues": lambda _, row: row.source_value,
    "statuses": lambda _, row: row.status,
    "sourceranges": lambda _, row: row.source_range,
    "measureranges": lambda _, row: row.measure_range,
    "sourcefunctions": lambda _, row: row.source_function,
    "measurefunctions": lambda _, row: row.measure_function,
    "sourceoutputstates": lambda _, row: row.output,
}


class Buffer:
    """One buffer.

    Parameters
    ----------
    capacity : int
        Readings that it holds.
    catch_up : callable
        Called with the buffer before it is read: brings in what has been measured by now; with
        its second argument true, also waits for what is still to come.
    """

    def __init__(self, capacity: int, catch_up: Callable[["Buffer", bool], None]) -> None:
        self.capacity = capacity
        self.values: dict[str, Any] = {
            "appendmode": 0, "collecttimestamps": 1, "collectsourcevalues": 0, "cachemode": 1,
            "fillmode": 0, "fillcount": capacity, "timestampresolution": 1e-6,
        }  # fmt: skip
        self.rows: list[Row] = []
        self._catch_up = catch_up

    @property
    def begin_s(self) -> float:
        """Time of the first reading, from which its timestamps count (s)."""
        return self.rows[0].time_s if self.rows else 0.0

    def start(self) -> None:
        """Make room for what a measurement begins to store, unless it is to be appended."""
        if not self.values["appendmode"]:
            self.rows.clear()

    def add(self, row: Row) -> None:
        """Store a reading; raises Rejected if there is no room."""
        if len(self.rows) >= self.capacity:
            raise Rejected(*FULL)
        self.rows.append(row)

    def read(self) -> list[Row]:
        """Give what has been measured by now."""
        self._catch_up(self, False)
        return self.rows

    def wait(self) -> list[Row]:
        """Give what has been measured when all that is to come has come."""
        self._catch_up(self, True)
        return self.rows

    def lua(self, engine: Engine) -> Any:
        """Make the TSP object."""
        readings = Column(self, _COLUMNS["readings"])
        made = Object(engine, "reading_buffer", columns=readings, index=readings.at)
        for name, take in _COLUMNS.items():
            column = Column(self, take)
            table = Object(engine, "synchronous_table", columns=column, index=column.at)
            table.call(f"get{name[:-1]}", column.at)
            made.child(name, table)
        made.attribute("n", lambda: len(self.read()))
        made.attribute("next", lambda: len(self.read()) + 1)
        made.attribute("capacity", lambda: self.capacity)
        made.attribute("basetimestamp", lambda: self.begin_s)
        one = choice(0, 1)
        made.settings(self.values, {
            "appendmode": one, "collecttimestamps": one, "collectsourcevalues": one,
            "cachemode": one, "fillmode": one, "fillcount": whole(1, self.capacity),
            "timestampresolution": number(1e-6, 16.0),
        })  # fmt: skip
        made.call("clear", self.rows.clear)
        made.call("clearcache", lambda: None)
        made.constants({"FILL_ONCE": 0, "FILL_WINDOW": 1})
        return made.lua


class Column:
    """A column of a buffer, as a Lua table of numbers."""

    def __init__(self, buffer: Buffer, take: Callable[[Buffer, Row], float]) -> None:
        self.buffer = buffer
        self._take = take

    def at(self, place: Any = None) -> float | None:
        """Give one number, counted from 1; None where there is none."""
        if not isinstance(place, (int, float)):
            raise TspError("a number was expected")
        rows = self.buffer.read()
        if not 1 <= place <= len(rows):
            return None
        return float(self._take(self.buffer, rows[int(place) - 1]))

    def part(self, first: float, last: float) -> list[float]:
        """Give the numbers of a part; those that are there."""
        begin = max(int(max(first, 1)), 1)
        rows = self.buffer.wait()
        chosen = rows[begin - 1 : int(min(last, len(rows)))]
        return [float(self._take(self.buffer, row)) for row in chosen]


def buffer_of(engine: Engine, table: Any) -> Buffer | None:
    """Tell which buffer a chunk means; None for nil; raises TspError for anything else."""
    if table is None:
        return None
    column = engine.column(table)
    if not isinstance(column, Column):
        raise TspError("a reading buffer was expected")
    return column.buffer
