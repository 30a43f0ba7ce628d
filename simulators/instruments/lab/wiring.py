"""Which port leads to which cell: fixed wires, and the contacts that switches have closed.

A lab has rows x columns cells between row lines and column lines; the only row of a single cell is
its ``top``, the only column its ``bottom``. Ends are names: ports of instruments ("smu"), contacts
of switches ("switch.A", "switch.01"), lines ("top", "row 3", "column 5") and "ground".
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from hil.decode import unknown
from hil.errors import ConfigError, NotSupported

GROUND = "ground"
_LINE = re.compile(r"(row|column) ([1-9]\d*)")


class Driven(NamedTuple):
    """A cell that a port leads to: its number, the polarity, and the ends at its other line."""

    cell: int
    sign: float
    opposite: frozenset[str]


class Wiring:
    """The wires and contacts of a lab.

    Parameters
    ----------
    wires : mapping of str to str
        Fixed wires, from a port or contact to a line, to ground or to a contact.
    rows, columns : int
        Of the cells.
    contacts : collection of str
        Ends that belong to switches; a line that leads to open contacts alone floats.

    Raises
    ------
    ConfigError
        For a wire that ends at no line, ground or contact.
    """

    def __init__(self, wires: Mapping[str, str], rows: int = 1, columns: int = 1) -> None:
        self._shape = (rows, columns)
        self._wires = dict(wires)
        self._closed: set[frozenset[str]] = set()
        self._contacts: set[str] = set()
        self._reached: dict[str, frozenset[str]] = {}
        self._driven: dict[str, Driven | None] = {}

    def add_contacts(self, contacts: set[str]) -> None:
        """Take note of the ends of a switch."""
        self._contacts |= contacts
        self._forget()

    def refuse_loose(self) -> None:
        """Raise ConfigError for a wire that ends nowhere."""
        rows, columns = self._shape
        lines = ["top", "bottom"] if self._shape == (1, 1) else ["row 1", "column 1"]
        for end in self._wires.values():
            line = _LINE.fullmatch(end)
            if end in (GROUND, *self._contacts) or (self._shape == (1, 1) and end in lines):
                continue
            if line is None or int(line[2]) > (rows if line[1] == "row" else columns):
                raise ConfigError(
                    unknown(end, [*lines, GROUND, *sorted(self._contacts)], "wiring", "terminal")
                )

    def close(self, one: str, other: str) -> None:
        """Join two ends by a contact."""
        self._closed.add(frozenset((one, other)))
        self._forget()

    def open(self, one: str, other: str) -> None:
        """Open a contact."""
        self._closed.discard(frozenset((one, other)))
        self._forget()

    def reached(self, end: str) -> frozenset[str]:
        """Tell all ends that an end is joined to, itself among them."""
        if end not in self._reached:
            joints = [*map(frozenset, self._wires.items()), *self._closed]
            found, fresh = {end}, {end}
            while fresh:
                fresh = {e for joint in joints if joint & fresh for e in joint} - found
                # a ground is where a wire ends: two ends at ground are not one wire
                found |= fresh
                fresh -= {GROUND}
            self._reached[end] = frozenset(found)
        return self._reached[end]

    def line_of(self, port: str) -> str | None:
        """Tell the line that a port leads to, for people; None if it leads nowhere."""
        lines = [end for end in self.reached(port) if self._place(end) is not None]
        return min(lines) if lines else None

    def driven(self, port: str) -> Driven | None:
        """Find the cell that a port drives; None where it drives none.

        Raises
        ------
        NotSupported
            If it drives several at once.
        """
        if port not in self._driven:
            self._driven[port] = self._find(port)
        return self._driven[port]

    def _find(self, port: str) -> Driven | None:
        here = self.reached(port)
        if GROUND in here:
            return None  # shorted
        found = []
        for end in here:
            place = self._place(end)
            if place is None:
                continue
            is_row, number = place
            for other in range(self._shape[1 if is_row else 0]):
                opposite = self._ends_at(not is_row, other)
                if opposite is not None and not opposite & here:
                    row, column = (number, other) if is_row else (other, number)
                    cell = row * self._shape[1] + column
                    found.append(Driven(cell, 1.0 if is_row else -1.0, opposite))
        if len(found) > 1:
            raise NotSupported(
                f"{port} drives {len(found)} cells at once; the lab's wires have no network "
                "solver: ground one line at a time"
            )
        return found[0] if found else None

    def _ends_at(self, is_row: bool, number: int) -> frozenset[str] | None:
        """Tell what a line is joined to; None if it floats."""
        name = f"{'row' if is_row else 'column'} {number + 1}"
        if self._shape == (1, 1):
            name = "top" if is_row else "bottom"
        ends = self.reached(name)
        others = ends - {name}
        if self._shape == (1, 1):
            return None if others and others <= self._contacts else ends
        return ends if others - self._contacts else None

    def _place(self, end: str) -> tuple[bool, int] | None:
        """Tell whether an end is a row or a column line, and which."""
        if self._shape == (1, 1):
            return {"top": (True, 0), "bottom": (False, 0)}.get(end)
        line = _LINE.fullmatch(end)
        return None if line is None else (line[1] == "row", int(line[2]) - 1)

    def _forget(self) -> None:
        self._reached.clear()
        self._driven.clear()
