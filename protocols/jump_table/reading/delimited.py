"""Columns of a text file: values apart by commas, semicolons or tabs, names in the first line.

Lines that are empty or begin with # are passed over. The decimal sign is the point.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError

Floats = NDArray[np.float64]

_AT_ONCE = 2_000
"""How many rows are texts at a time: few enough for a processor's cache."""

_BLANK = " ,;\t\r\n"


class Texts(NamedTuple):
    """A column of texts: which of the names each row has, (rows,) int64, and the names."""

    which: NDArray[np.int64]
    names: list[str]


class Delimited:
    """A text file with a line of names.

    Attributes
    ----------
    path : Path
        The file.
    names : list of str
        What its columns are called.

    Raises
    ------
    ConfigError
        If the file is not there, is not a text in UTF-8, or has no line of names.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as file:
            first = next(_lines(file, path), None)
        if first is None:
            raise ConfigError(f"{path} is empty; it needs a line of names and rows of numbers")
        self._delimiter = max(",;\t", key=first.count)
        self.names = [
            name.strip() for name in next(csv.reader([first], delimiter=self._delimiter))
        ]
        if all(map(_is_number, self.names)):
            raise ConfigError(
                f"{path} begins with numbers; name its columns in the first line, such as "
                "conductance_s,step_s"
            )

    def read(
        self, numbers: Sequence[int], texts: Sequence[int] = ()
    ) -> tuple[list[Floats], list[Texts]]:
        """Read some columns, by their positions.

        Parameters
        ----------
        numbers, texts : sequence of int
            Which columns hold numbers, and which texts. An empty number is NaN.

        Returns
        -------
        list of (rows,) float64, list of Texts
            In the order asked for.

        Raises
        ------
        ConfigError
            For a row that is too short or too long, and for a number that is none.
        """
        places = [*numbers, *texts]
        parts: list[list[NDArray[Any]]] = [[] for _ in places]
        known: list[dict[str, int]] = [{} for _ in texts]
        done = 0
        with _opened(self.path) as file:
            reader = csv.reader(_lines(file, self.path), delimiter=self._delimiter)
            next(reader)
            while rows := self._rows(reader):
                self._check_widths(rows, done)
                columns: Any = zip(*map(itemgetter(*places, places[0]), rows), strict=True)
                for k, values in enumerate(islice(columns, len(places))):
                    if k < len(numbers):
                        parts[k].append(self._numbers(values, places[k], done))
                    else:
                        parts[k].append(_numbered(values, known[k - len(numbers)]))
                done += len(rows)
        if not done:
            raise ConfigError(f"{self.path} has a line of names and no rows below it")
        whole = [np.concatenate(part) for part in parts]
        listed = zip(whole[len(numbers) :], known, strict=True)
        return whole[: len(numbers)], [Texts(which, list(names)) for which, names in listed]

    def line_of(self, row: int) -> int:
        """Tell in which line of the file a row of numbers stands, the first line being 1."""
        with _opened(self.path) as file:
            numbered = (k for k, line in enumerate(file, 1) if _counts(line))
            return next(islice(numbered, row + 1, None))

    def fault(self, row: int, place: int, what: str) -> ConfigError:
        """Make an error about one value."""
        return ConfigError(
            f"{self.path}, row {self.line_of(row)}, column {self.names[place]!r}: {what}"
        )

    def _rows(self, reader: Iterator[list[str]]) -> list[list[str]]:
        try:
            return list(islice(reader, _AT_ONCE))
        except csv.Error as error:
            raise ConfigError(f"{self.path} is not a table in a text file ({error})") from error

    def _check_widths(self, rows: list[list[str]], done: int) -> None:
        width = len(self.names)
        if set(map(len, rows)) == {width}:
            return
        wrong = next(k for k, row in enumerate(rows) if len(row) != width)
        raise ConfigError(
            f"{self.path}, row {self.line_of(done + wrong)} has {len(rows[wrong])} values where "
            f"{width} columns have names; write a decimal point, not a decimal comma, and leave "
            "no value out"
        )

    def _numbers(self, values: Sequence[str], place: int, done: int) -> Floats:
        try:
            return np.array(list(map(float, values)))
        except ValueError:
            filled = [value.strip() or "nan" for value in values]
        for k, value in enumerate(filled):
            if not _is_number(value):
                comma = re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", value)
                what = "has a decimal comma; write a point" if comma else "is not a number"
                raise self.fault(done + k, place, f"{value!r} {what}")
        return np.array(list(map(float, filled)))


def _numbered(values: Sequence[str], known: dict[str, int]) -> NDArray[np.int64]:
    """Give texts numbers, by their first appearance."""
    for value in dict.fromkeys(values):
        known.setdefault(value.strip(), len(known))
    try:
        return np.array(list(map(known.__getitem__, values)), np.int64)
    except KeyError:  # blanks about some
        return np.array([known[value.strip()] for value in values], np.int64)


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _counts(line: str) -> bool:
    stripped = line.strip(_BLANK)
    return stripped != "" and stripped[0] != "#"


def _lines(file: TextIO, path: Path) -> Iterator[str]:
    """Give the lines that hold something."""
    try:
        for line in file:
            stripped = line.strip(_BLANK)
            if stripped and stripped[0] != "#":
                if "\0" in line:
                    raise ConfigError(f"{path} is not a text file")
                yield line
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8; save it as UTF-8") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
