"""Pulses from a text file: the amplitude of each, and the conductance before and after it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.protocols.jump_table.reading.delimited import Delimited, Texts

Floats = NDArray[np.float64]

_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12}

_NAMES = {
    "pulse_voltage": ("V", ("pulse_voltage", "voltage", "amplitude", "v")),
    "before": ("S", ("conductance_before",)),
    "after": ("S", ("conductance_after",)),
    "conductance": ("S", ("conductance", "g")),
    "step": ("S", ("step", "dg")),
}
"""What a column is, its unit, and the names it may have."""

_TRUE, _FALSE = ("1", "1.0", "true"), ("0", "0.0", "false", "")


class Pulses(NamedTuple):
    """Pulses that count, (pulses,) each.

    Attributes
    ----------
    voltage_v, before_s, after_s : (pulses,) float64
        Amplitude (V), and conductance before and after (S); not checked.
    fault : callable
        Makes an error that says where a value stands: row, which of the three, what is wrong.
    """

    voltage_v: Floats
    before_s: Floats
    after_s: Floats
    fault: Callable[[int, int, str], ConfigError]


class _Column(NamedTuple):
    place: int
    scale: float


def pulses_of_file(path: Path, cell: int | None, voltage_v: float | None) -> Pulses:
    """Read the pulses of a text file.

    One of three sets of columns must be there, in any order, with others beside them; a name may
    carry its unit in brackets or after an underscore (``G (uS)``, ``dG_nS``, ``conductance_s``):

    - pulse_voltage, conductance_before, conductance_after: a row a pulse. Only rows of kind
      ``point`` that are ``in_window`` count, if there are such columns.
    - conductance (or G), step (or dG), and pulse_voltage unless *voltage_v* is given.
    - pulse_voltage, conductance: a log in order of time, of each cell for itself if there is a
      column ``cell``. A row is a reading, after a pulse if it has a voltage.

    Parameters
    ----------
    path : Path
        The file, see `Delimited`.
    cell : int or None
        Take only the rows of this cell.
    voltage_v : float or None
        Amplitude (V) where the file has none.

    Raises
    ------
    ConfigError
        As `Delimited`, and for columns that are missing or ambiguous.
    """
    file = Delimited(path)
    columns = _columns(file)
    if voltage_v is not None and "pulse_voltage" in columns:
        raise ConfigError(f"{path} tells its amplitudes itself; leave the voltage (--voltage) out")
    if "before" in columns and "after" in columns and "pulse_voltage" in columns:
        return _pairs(file, columns, cell)
    if "conductance" in columns and "step" in columns:
        return _steps(file, columns, cell, voltage_v)
    if "conductance" in columns and "pulse_voltage" in columns:
        return _log(file, columns, cell)
    raise ConfigError(
        f"{path} has the columns {', '.join(file.names)}; it needs pulse_voltage_v, "
        "conductance_before_s and conductance_after_s, or G and dG, or pulse_voltage_v and "
        "conductance_s"
    )


def _columns(file: Delimited) -> dict[str, _Column]:
    """Find the columns that are known, with the factor to SI."""
    columns: dict[str, _Column] = {}
    for place, name in enumerate(file.names):
        base, unit_text = _split(name)
        for what, (unit, names) in _NAMES.items():
            if base in names:
                if what in columns:
                    raise ConfigError(
                        f"{file.path} has two columns for one thing, "
                        f"{file.names[columns[what].place]!r} and {name!r}; leave one out"
                    )
                columns[what] = _Column(place, _scale(file, name, unit_text, unit))
        if base in ("kind", "in_window", "cell") and not unit_text:
            columns[base] = _Column(place, 1.0)
    return columns


def _split(name: str) -> tuple[str, str]:
    """Split a column's name into what it is, in lower case, and its unit."""
    known = {one for _, names in _NAMES.values() for one in names}
    bracketed = re.fullmatch(r"(.*?)\s*[\[(]\s*(.*?)\s*[\])]", name)
    if bracketed:
        base, unit = bracketed[1].strip().lower().replace(" ", "_"), bracketed[2]
        return base.removesuffix(f"_{unit.lower()}"), unit
    base = name.lower().replace(" ", "_")
    head, _, tail = name.replace(" ", "_").rpartition("_")
    if base not in known and head.lower() in known:
        return head.lower(), tail
    return base, ""


def _scale(file: Delimited, name: str, text: str, unit: str) -> float:
    """Give the factor from a column's unit to SI; without one it is SI."""
    if not text:
        return 1.0
    prefix = text[:-1]
    if text[-1:].lower() != unit.lower() or prefix not in _PREFIXES:
        what = "siemens" if unit == "S" else "volts"
        raise ConfigError(
            f"{file.path}: the column {name!r} is not in {what}; its unit may be "
            + ", ".join(f"{p}{unit}" for p in ("", "m", "u", "n"))
        )
    return _PREFIXES[prefix]


def _pairs(file: Delimited, columns: dict[str, _Column], cell: int | None) -> Pulses:
    """Read rows with the conductance before and after each pulse."""
    wanted = [columns[name] for name in ("pulse_voltage", "before", "after")]
    flags = [name for name in ("kind", "in_window", "cell") if name in columns]
    read, texts = file.read([one.place for one in wanted], [columns[name].place for name in flags])
    beside = dict(zip(flags, texts, strict=True))
    counted = _of_cell(file, beside.get("cell"), cell, len(read[0]))
    if "kind" in beside:
        counted &= _is(beside["kind"], [name == "point" for name in beside["kind"].names])
    if "in_window" in beside:
        counted &= _truth(file, columns["in_window"].place, beside["in_window"])
    rows = np.flatnonzero(counted)
    values = [one.scale * part[rows] for one, part in zip(wanted, read, strict=True)]
    return _pulses(file, rows, values, [one.place for one in wanted])


def _steps(
    file: Delimited, columns: dict[str, _Column], cell: int | None, voltage_v: float | None
) -> Pulses:
    """Read rows with the conductance and the step."""
    names = ["conductance", "step"] + ["pulse_voltage"] * ("pulse_voltage" in columns)
    if len(names) == 2 and voltage_v is None:
        raise ConfigError(
            f"{file.path} does not say at which amplitude its steps were made; add a column "
            "pulse_voltage_v, or give the voltage (--voltage 1.5V)"
        )
    wanted = [columns[name] for name in names]
    cells = [columns["cell"].place] if "cell" in columns else []
    read, of_cell = file.read([one.place for one in wanted], cells)
    rows = np.flatnonzero(_of_cell(file, of_cell[0] if cells else None, cell, len(read[0])))
    before_s, step_s, *rest = (
        one.scale * part[rows] for one, part in zip(wanted, read, strict=True)
    )
    pulsed_v = rest[0] if rest else np.full(len(rows), voltage_v, float)
    places = [wanted[2].place if rest else wanted[0].place, wanted[0].place, wanted[1].place]
    return _pulses(file, rows, [pulsed_v, before_s, before_s + step_s], places)


def _log(file: Delimited, columns: dict[str, _Column], cell: int | None) -> Pulses:
    """Read a log: the reading before a pulse is the one of the row above, of the same cell."""
    wanted = [columns["pulse_voltage"], columns["conductance"]]
    cells = [columns["cell"].place] if "cell" in columns else []
    read, of_cell = file.read([one.place for one in wanted], cells)
    rows = np.flatnonzero(_of_cell(file, of_cell[0] if cells else None, cell, len(read[0])))
    which = of_cell[0].which if cells else np.zeros(len(read[0]), np.int64)
    rows = rows[np.argsort(which[rows], kind="stable")]
    voltage_v, after_s = (one.scale * part[rows] for one, part in zip(wanted, read, strict=True))
    pulse = ~np.isnan(voltage_v)
    pulse[:1] = False
    pulse[1:] &= np.diff(which[rows]) == 0
    at = np.flatnonzero(pulse)
    places = [wanted[0].place, wanted[1].place, wanted[1].place]
    return _pulses(file, rows[at], [voltage_v[at], after_s[at - 1], after_s[at]], places)


def _pulses(
    file: Delimited, rows: NDArray[np.int64], values: list[Floats], places: list[int]
) -> Pulses:
    def fault(row: int, which: int, what: str) -> ConfigError:
        return file.fault(int(rows[row]), places[which], what)

    return Pulses(values[0], values[1], values[2], fault)


def _of_cell(
    file: Delimited, cells: Texts | None, cell: int | None, count: int
) -> NDArray[np.bool_]:
    """Tell which rows belong to a cell; all of them without one."""
    if cell is None:
        return np.ones(count, bool)
    if cells is None:
        raise ConfigError(f"{file.path} has no column cell to take cell {cell} from")
    if str(cell) not in cells.names:
        has = ", ".join(cells.names[:8])
        raise ConfigError(f"{file.path} has no cell {cell}; it has {has}")
    return _is(cells, [name == str(cell) for name in cells.names])


def _truth(file: Delimited, place: int, texts: Texts) -> NDArray[np.bool_]:
    """Read a column of 0 and 1, or of true and false."""
    strange = _is(texts, [name.lower() not in _TRUE + _FALSE for name in texts.names])
    if strange.any():
        row = int(strange.argmax())
        name = texts.names[texts.which[row]]
        raise file.fault(row, place, f"{name!r} is neither 0 nor 1")
    return _is(texts, [name.lower() in _TRUE for name in texts.names])


def _is(texts: Texts, names: list[bool]) -> NDArray[np.bool_]:
    """Tell of which rows something is true, told for each name."""
    return np.asarray(np.array(names)[texts.which])
