"""A waveform from a CSV file, what cells do under it row by row, and that as a CSV file.

A waveform file has a header that names `time_s` and `voltage_v`, in any order, then one row a
point, in seconds and volts. The voltage is the source's open-circuit voltage. It is linear between
two rows; two rows at the same time are a jump. The first row is where the source begins; the cells
are fresh there. Values are separated by commas, semicolons or tabs and have decimal points.

A result file has `time_s` and `voltage_v` as in the waveform, `current_a`, and the columns of the
cells' state after that row. Behind a source resistance or a current limit there is also `cell_v`,
the voltage across the cell itself, and under a current limit `limited`, whether the source held
it. Of many cells the first column is `cell`; its rows come cell by cell, each cell's as if it were
alone.

Not modelled: a waveform is exact, a reading has no noise but the device's own.
"""

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats
from hil.simulators.models.model import Device
from hil.whole_file import whole_file

LARGEST = 200_000_000
"""At most so many values (rows times cells times columns) are kept in memory: 1.6 GB."""

HIGHEST_V = 20.0
"""In volts. What forms or switches ReRAM is below 10 V; no model means anything beyond this, and
at some 100 V the exponentials of some are more than a number can hold."""

COLUMNS = ("time_s", "voltage_v")
"""What a waveform file must have."""


class Waveform(NamedTuple):
    """A source's open-circuit voltage, linear between its points.

    Attributes
    ----------
    time_s, voltage_v : (rows,) float64
        Points; a time that comes twice is a jump.
    ignored : tuple of str
        Columns of the file that a waveform does not have.
    """

    time_s: Floats
    voltage_v: Floats
    ignored: tuple[str, ...] = ()

    def drive(self, source_ohm: float = 0.0, limit_a: float = math.inf) -> Drive:
        """Turn it into segments, all measured; the first, of no time, is the first row."""
        rows = len(self.time_s)
        start_v = np.concatenate((self.voltage_v[:1], self.voltage_v[:-1]))
        return Drive(
            duration_s=np.diff(self.time_s, prepend=self.time_s[0])[:, None],
            start_v=start_v[:, None],
            stop_v=self.voltage_v[:, None].copy(),
            measured=np.ones(rows, np.bool_),
            units=np.array([[0, rows, 1]]),
            source_ohm=source_ohm,
            limit_a=limit_a,
        )


@dataclass(frozen=True, eq=False)
class Trace:
    """What cells did under a waveform.

    Attributes
    ----------
    time_s, source_v : (rows,) float64
        The waveform.
    voltage_v, current_a : (rows, cells) float64
        Voltage across each cell itself and current through it.
    limited : (rows, cells) bool
        Whether the source held its current limit.
    state : dict of str to (rows, cells) float64
        The columns of the state, the device's bookkeeping apart.
    """

    time_s: Floats
    source_v: Floats
    voltage_v: Floats
    current_a: Floats
    limited: NDArray[np.bool_]
    state: dict[str, Floats]

    @property
    def rows(self) -> int:
        """Number of points of the waveform."""
        return int(self.current_a.shape[0])

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(self.current_a.shape[1])


def read_waveform(path: Path) -> Waveform:
    """Read a waveform from a CSV file (see the module for what it looks like).

    Raises
    ------
    ConfigError
        Naming the file, the line and what is wrong: no header, a value that is no finite number, a
        time that falls, fewer than two rows.
    """
    text = _text_of(path)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    try:
        header = [name.strip() for name in next(row for row in reader if row)]
        places = _places(header, path)
        points = [
            (reader.line_num, *_point(row, places, len(header), f"{path}, line {reader.line_num}"))
            for row in reader
            if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise ConfigError(f"{path}, line {reader.line_num}: {error}; is it a CSV file?") from error
    if len(points) < 2:
        what = "one row" if points else "no rows"
        raise ConfigError(f"{path} has {what} below its header; a waveform needs at least two")
    lines, times, volts = zip(*points, strict=True)
    time_s = np.array(times)
    falls = np.flatnonzero(np.diff(time_s) < 0)
    if falls.size:
        k = int(falls[0])
        raise ConfigError(
            f"{path}, line {lines[k + 1]}: time_s falls from {times[k]!r} to {times[k + 1]!r} s; "
            "sort the rows by time"
        )
    return Waveform(time_s, np.array(volts), tuple(n for n in header if n not in COLUMNS))


def _text_of(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8; save it as CSV UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if not text.strip():
        raise ConfigError(f"{path} is empty; its first line must name {' and '.join(COLUMNS)}")
    return text


def _separator(text: str) -> str:
    """Tell what stands between the names of the header."""
    header = text.lstrip().partition("\n")[0]
    return next((mark for mark in ";\t" if mark in header), ",")


def _places(header: list[str], path: Path) -> dict[str, int]:
    """Find the columns of a waveform in a header."""
    for name in COLUMNS:
        if header.count(name) != 1:
            how = f"{header.count(name)} columns" if name in header else "no column"
            raise ConfigError(
                f"{path} has {how} {name!r}; its first line must name {' and '.join(COLUMNS)}, "
                f"it is {','.join(header)[:80]!r}"
            )
    return {name: header.index(name) for name in COLUMNS}


def _point(row: list[str], places: dict[str, int], width: int, where: str) -> list[float]:
    """Read a row's time and voltage."""
    if len(row) != width:
        raise ConfigError(f"{where}: {len(row)} values below a header of {width} names")
    point = []
    for name, column in places.items():
        text = row[column].strip()
        try:
            value = float(text)
        except ValueError:
            example = "0.5, in V" if name == "voltage_v" else "1e-6, in s"
            raise ConfigError(
                f"{where}: {name} is {text!r}; it must be a number such as {example}"
            ) from None
        if not math.isfinite(value):
            raise ConfigError(f"{where}: {name} is {text}; it must be a finite number")
        if name == "voltage_v" and abs(value) > HIGHEST_V:
            raise ConfigError(f"{where}: {name} is {text}; it must be within {HIGHEST_V:g} V")
        point.append(value)
    return point


def simulate(
    device: Device,
    waveform: Waveform,
    *,
    cells: int = 1,
    seed: int = 0,
    source_ohm: float = 0.0,
    limit_a: float = math.inf,
    report: Callable[[int, int], None] | None = None,
) -> Trace:
    """Take fresh cells through a waveform, and look at them after each row.

    Parameters
    ----------
    device : Device
        What the cells are.
    waveform : Waveform
        What the source of each cell does.
    cells, seed : int
        How many cells, and of all their randomness; cell k is the same however many there are.
    source_ohm : float
        Resistance in series with each cell (ohm).
    limit_a : float
        Current limit that the source regulates (A), inf for none.
    report : callable, optional
        Told how many rows are done, of how many.

    Raises
    ------
    NotSupported
        If the model has no answer to the waveform.
    ConfigError
        If there is more to keep than `LARGEST`, or the device gives a current that is no number.
    """
    drive = waveform.drive(source_ohm, limit_a)
    rows = len(waveform.time_s)
    device.refuse(drive)
    trace = _empty(device, waveform, cells)
    state = device.initial_state(cells, np.random.default_rng([seed, 1]))
    everyone = np.arange(cells)
    for row, step in enumerate(_steps(drive, ages=device.ages)):
        seen = device.play(state, everyone, step)
        trace.voltage_v[row], trace.current_a[row], trace.limited[row] = (part[0] for part in seen)
        for name, values in trace.state.items():
            values[row] = state[name]
        if report is not None:
            report(row + 1, rows)
    _refuse_overflow(trace)
    return trace


def _refuse_overflow(trace: Trace) -> None:
    wrong = ~np.isfinite(trace.current_a).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        raise ConfigError(
            f"the current is no finite number at {trace.source_v[row]:g} V and "
            f"{trace.time_s[row]:g} s, which is beyond the model; lower the voltage, or add a "
            "source resistance or a current limit"
        )


def _empty(device: Device, waveform: Waveform, cells: int) -> Trace:
    """Make a trace to be filled in."""
    dtype = device.state_dtype
    told = [name for name in dtype.names or () if name not in device.bookkeeping]
    rows = len(waveform.time_s)
    if rows * cells * (2 + len(told)) > LARGEST:
        raise ConfigError(
            f"{rows:,} rows of {cells:,} cells with {2 + len(told)} values each are more than the "
            f"{LARGEST:,} values that are kept at once; take fewer cells, or the waveform in parts"
        )
    shape = (rows, cells)
    return Trace(
        waveform.time_s, waveform.voltage_v, np.empty(shape), np.empty(shape),
        np.empty(shape, np.bool_), {name: np.empty(shape) for name in told},
    )  # fmt: skip


def _steps(drive: Drive, *, ages: bool) -> Iterator[Drive]:
    """Cut a drive into its segments; the same object each time, unless cells age by themselves."""
    step = replace(
        drive, duration_s=np.zeros((1, 1)), start_v=np.zeros((1, 1)), stop_v=np.zeros((1, 1)),
        measured=np.ones(1, np.bool_), units=np.array([[0, 1, 1]]),
    )  # fmt: skip
    since_s = np.cumsum(drive.duration_s) - drive.duration_s[:, 0]
    for row in range(len(drive.measured)):
        step.duration_s[0] = drive.duration_s[row]
        step.start_v[0] = drive.start_v[row]
        step.stop_v[0] = drive.stop_v[row]
        yield replace(step, start_s=float(since_s[row])) if ages else step


def write_trace(
    trace: Trace, path: Path, *, source_ohm: float = 0.0, limit_a: float = math.inf
) -> tuple[str, ...]:
    """Write a trace to a CSV file, every digit of it; returns the names of its columns.

    The file appears whole or not at all; one that is there is replaced.

    Parameters
    ----------
    trace : Trace
        What is written.
    path : Path
        The file.
    source_ohm, limit_a : float
        As they were given to `simulate`; they decide about `cell_v` and `limited`.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    columns: dict[str, NDArray[Any]] = {"current_a": trace.current_a}
    if source_ohm > 0 or limit_a < math.inf:
        columns["cell_v"] = trace.voltage_v
    if limit_a < math.inf:
        columns["limited"] = trace.limited
    columns |= trace.state
    several = trace.cells > 1
    names = (*(["cell"] if several else []), *COLUMNS, *columns)
    waveform = list(map("{!r},{!r}".format, trace.time_s.tolist(), trace.source_v.tolist()))
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        file.write(",".join(names) + "\n")
        for cell in range(trace.cells):
            mine = [map(repr, values[:, cell].tolist()) for values in columns.values()]
            before = [[str(cell)] * trace.rows] if several else []
            lines = map(",".join, zip(*before, waveform, *mine, strict=True))
            file.write("\n".join(chain(lines, [""])))
    return names
