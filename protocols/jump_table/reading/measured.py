"""Points of jump tables from a run, or from somebody's text file."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.decode import decode
from hil.errors import ConfigError
from hil.protocols.jump_table.collect import JumpTableCollection
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.reading.bounds import (
    Bounds,
    bounded,
    found_bounds,
    given_bounds,
    refuse_beyond,
)
from hil.protocols.jump_table.reading.pulses import Pulses, pulses_of_file
from hil.protocols.jump_table.reading.read_noise import LEAST, ReadNoise, read_noise
from hil.store import FILE, Header, RunRecord

Floats = NDArray[np.float64]

FEWEST = 40
"""Fewest points of an amplitude that can be fitted."""

LARGEST_S = 0.1
"""A conductance above this is taken for one that is not in siemens."""

_BELOW = "a conductance must be above 0; subtract the zero of the meter"
_ABOVE = (
    "it is above 0.1 S, which looks like uS or nS; write the unit into the column's name, as in "
    "G (uS)"
)
_QUIET_V = 1e-12
_ALIKE = 1e-6
"""Amplitudes nearer together than this part of themselves are one."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of a device's jump tables.

    Attributes
    ----------
    amplitudes : tuple of Points
        From the most negative to the most positive, without 0 V.
    control : Points or None
        Pulses of 0 V, where there are any.
    low_s, high_s : float
        Bounds of the device (S); infinite where none was given or found. Where noise blurs
        them, those of the points are further inside: see `reading.bounds`.
    title, source : str
        What was measured, and where it was read from.
    pulse_high_s : float or None
        Flat top of the pulses (s).
    header : Header or None
        Of the run.
    skipped : int
        Points of the run without a reading before or after them, which are left out.
    """

    amplitudes: tuple[Points, ...]
    control: Points | None
    low_s: float
    high_s: float
    title: str
    source: str
    pulse_high_s: float | None = None
    header: Header | None = None
    skipped: int = 0

    @property
    def kind(self) -> str | None:
        """Kind of the bench: physics, virtual or hardware; None for a file."""
        return None if self.header is None else self.header.kind

    @property
    def range_s(self) -> tuple[float, float]:
        """Range of G to fit and to show (S): the bounds, or what was read where there is none."""
        ends = [values for one in self.amplitudes for values in (one.conductance_s, one.after_s)]
        every = np.concatenate(ends)
        return (
            self.low_s if np.isfinite(self.low_s) else float(every.min()),
            self.high_s if np.isfinite(self.high_s) else float(every.max()),
        )

    def alike(self, points: Points) -> list[Points]:
        """Give all points that begin where those of one amplitude do, as to their density.

        In a run these are all that are cut off at the same stops, so not those of 0 V, as
        amplitudes are drawn at random; in a file, which may go through them in turn, those of the
        amplitude alone.
        """
        return [points] if self.header is None else list(self.amplitudes)


class _Source(NamedTuple):
    """Pulses and what is known about them."""

    pulses: Pulses
    title: str
    text: str
    header: Header | None = None
    skipped: int = 0


def read_points(
    source: Path | str,
    *,
    bounds_s: tuple[float, float] | None = None,
    cell: int | None = None,
    voltage_v: float | None = None,
    read_noise_s: float | None = None,
    one_sided: bool = False,
) -> Measured:
    """Read points from the folder of a run of ``jump-table``, or from a text file.

    A file's first line names its columns: those of an exported run (pulse_voltage_v,
    conductance_before_s, conductance_after_s; ``kind``, ``in_window`` and ``cell`` are heeded),
    or conductance and step (``G (uS), dG (uS)``, conductance_s, step_s; pulse_voltage_v unless
    it is given here), or a log of pulses in order of time (pulse_voltage_v, conductance_s: the
    reading after each; no voltage for a reading alone). See `reading.pulses`.

    Parameters
    ----------
    source : path
        The folder or file. A run may still be going on.
    bounds_s : (low, high), optional
        Bounds of the conductance (S). Left out, they are where readings pile up, if they do; read
        noise blurs that, and bounds must then be told.
    cell : int, optional
        Number of the only cell to take; all cells together if left out.
    voltage_v : float, optional
        Amplitude (V) of a file that does not tell it.
    read_noise_s : float, optional
        Rms of the error of a reading (S), for data with given bounds; from the 0 V pulses if left
        out.
    one_sided : bool
        Whether amplitudes of one sign alone are enough.

    Raises
    ------
    ConfigError
        If there is no such thing, it is a run of another protocol, a value is missing or cannot
        be, there are fewer than 40 points of an amplitude, or they cannot carry a fit.
    StoreError
        For a folder that is no run.
    """
    if read_noise_s is not None and not 0 < read_noise_s < np.inf:
        raise ConfigError(f"read_noise_s {read_noise_s:g} S must be above 0 and finite")
    path = Path(source)
    taken = _taken(path, cell, voltage_v)
    grouped = _grouped(taken.pulses, taken.text)
    control = next((one for one in grouped if one.voltage_v == 0), None)
    driven = [one for one in grouped if one.voltage_v != 0]
    if not driven:
        raise ConfigError(f"{taken.text} holds no pulses but 0 V; there is nothing to fit")
    if bounds_s is None:
        bounds = found_bounds(np.concatenate([one.after_s for one in grouped]))
    else:
        bounds = _bounds(grouped, bounds_s, _noise(control, read_noise_s), taken.text)
    amplitudes = tuple(bounded(one, bounds) for one in driven)
    for one in amplitudes:
        _check(one, taken.text)
    if not one_sided:
        _refuse_one_sided(amplitudes, taken.text)
    header = taken.header
    collected = None
    if header is not None:
        collected = decode(header.parameters, JumpTableCollection, taken.text)
    return Measured(
        amplitudes, control, bounds.low_s, bounds.high_s, taken.title, taken.text,
        None if collected is None else collected.high_s, header, taken.skipped,
    )  # fmt: skip


def _taken(path: Path, cell: int | None, voltage_v: float | None) -> _Source:
    if path.name == FILE:
        path = path.parent
    if path.is_dir():
        if voltage_v is not None:
            raise ConfigError(
                f"{path} tells its amplitudes itself; leave the voltage (--voltage) out"
            )
        return _of_run(path, cell)
    if not path.exists():
        raise ConfigError(f"there is no run folder or file {path}; hil runs lists the runs")
    return _Source(pulses_of_file(path, cell, voltage_v), path.stem, str(path))


def _of_run(folder: Path, cell: int | None) -> _Source:
    """Take the points of a run that began in its window."""
    with RunRecord(folder) as record:
        header = record.header
        if header.protocol != "jump-table":
            raise ConfigError(
                f"{folder} is a run of {header.protocol}; jump tables are fitted to runs of "
                "jump-table"
            )
        table = record.table()
    if cell is not None and not 0 <= cell < len(header.cells):
        raise ConfigError(
            f"{folder} has no cell {cell}; it has cells 0 to {len(header.cells) - 1}"
        )
    counted = (table["kind"] == "point") & (table["in_window"] == 1)
    if cell is not None:
        counted &= table["cell"] == cell
    names = ("pulse_voltage_v", "conductance_before_s", "conductance_after_s")
    read = np.isfinite(table[names[1]]) & np.isfinite(table[names[2]])
    rows = np.flatnonzero(counted & read)
    values = [np.asarray(table[name][rows], float) for name in names]

    def fault(row: int, which: int, what: str) -> ConfigError:
        return ConfigError(f"{folder}, record {rows[row] + 1}, column {names[which]!r}: {what}")

    pulses = Pulses(values[0], values[1], values[2], fault)
    skipped = int(np.count_nonzero(counted & ~read))
    return _Source(pulses, header.device or header.bench, str(folder), header, skipped)


def _grouped(pulses: Pulses, where: str) -> list[Points]:
    """Sort pulses by amplitude."""
    _refuse_wrong(pulses)
    if not len(pulses.voltage_v):
        raise ConfigError(
            f"{where} holds no point yet; {FEWEST} of each amplitude are the least, 4,000 are good"
        )
    voltages_v = np.unique(pulses.voltage_v)
    voltages_v[np.abs(voltages_v) < _QUIET_V] = 0.0
    gaps = np.diff(voltages_v) > _ALIKE * np.abs(voltages_v[1:])
    starts_v = voltages_v[np.concatenate([[True], gaps])]
    which = np.searchsorted(starts_v, pulses.voltage_v + _QUIET_V, side="right") - 1
    step_s = pulses.after_s - pulses.before_s
    return [
        Points(float(v), pulses.before_s[rows], step_s[rows], -np.inf, np.inf)
        for v, rows in ((v, which == k) for k, v in enumerate(starts_v))
    ]


def _refuse_wrong(pulses: Pulses) -> None:
    """Raise for the first value that cannot be."""
    for which, values in enumerate((pulses.voltage_v, pulses.before_s, pulses.after_s)):
        checks = [
            (np.isnan(values), "there is no number; leave such rows out"),
            (np.isinf(values), "an infinite number cannot be"),
        ]
        if which > 0:
            checks += [(values <= 0, _BELOW), (values > LARGEST_S, _ABOVE)]
        for wrong, what in checks:
            if wrong.any():
                row = int(wrong.argmax())
                raise pulses.fault(row, which, f"{values[row]:g}: {what}")


def _noise(control: Points | None, read_noise_s: float | None) -> ReadNoise | None:
    """Give the read noise that is known."""
    if read_noise_s is not None:
        return ReadNoise.constant(read_noise_s, read_noise_s, 1.0)
    if control is None or len(control) < LEAST or not np.ptp(control.step_s):
        return None
    return read_noise(control)


def _bounds(
    grouped: list[Points],
    bounds_s: tuple[float, float],
    noise: ReadNoise | None,
    where: str,
) -> Bounds:
    bounds = given_bounds(bounds_s, noise)
    readings_s = [values for one in grouped for values in (one.conductance_s, one.after_s)]
    refuse_beyond(bounds, np.concatenate(readings_s), where)
    return bounds


def _check(points: Points, where: str) -> None:
    """Refuse points that cannot carry a fit."""
    named = f"{points.voltage_v:+.4g} V of {where}"
    if len(points) < FEWEST:
        raise ConfigError(
            f"{named}: {len(points)} points are too few, {FEWEST} are the least; on the profile "
            "of Yousuf 2023, 500 give an SSD of 0.021 and 4,000 one of 0.008"
        )
    if np.ptp(points.conductance_s) <= 1e-9 * points.conductance_s.max():
        raise ConfigError(
            f"{named}: all {len(points):,} points begin at {points.conductance_s[0]:g} S; a jump "
            "table needs them spread over the range of G"
        )
    if not points.step_s.any():
        raise ConfigError(
            f"{named}: none of the {len(points):,} pulses moved the conductance; look at the "
            "contact and the amplitude"
        )


def _refuse_one_sided(amplitudes: tuple[Points, ...], where: str) -> None:
    signs = {np.sign(one.voltage_v) for one in amplitudes}
    if len(signs) == 1:
        has, lacks = ("positive", "negative") if 1.0 in signs else ("negative", "positive")
        listed = ", ".join(f"{one.voltage_v:+.4g} V" for one in amplitudes)
        raise ConfigError(
            f"{where} has {has} amplitudes only ({listed}), and a device needs both to be brought "
            f"back; collect {lacks} ones too, or allow one-sided data (--one-sided)"
        )
