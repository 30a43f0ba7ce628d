"""Jump tables as a model file: what was fitted becomes a bench."""

import json
import math
import textwrap
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from hil.decode import decode
from hil.errors import ConfigError
from hil.protocols.jump_table.profile import Floats, Profile
from hil.simulators.models.files import ModelFile, make_model
from hil.whole_file import whole_file

SHAPE_TOLERANCE = 1e-3
"""Rows of a shape that lie this near (in sigmas) to the line between two others are left out."""

_QUIET_V = 0.5
_READ_V = 0.2
_SHORTEST_EDGE_S = 200e-9
_WIDTH = 99


def write_model(
    path: Path,
    *,
    title: str,
    source: str,
    profiles: Mapping[float, Profile],
    low_s: float,
    high_s: float,
    pulse_high_s: float,
    edge_s: float | None = None,
    read_noise: float | None = None,
    about: Iterable[str] = (),
) -> None:
    """Write profiles as a file of the model ``jump-table``, which is a bench at once.

    It is valid up to its largest amplitudes (and reads of 0.2 V) and to twice the current that
    they drive through *high_s*. Up to half its smallest amplitude, 0.5 V at most, moves nothing.
    Numbers keep all their digits; only shapes, which are known to some hundredths of a sigma at
    best, are written to 1e-5 and without the rows that `SHAPE_TOLERANCE` can do without.

    Parameters
    ----------
    path : Path
        The file, whole afterwards or not touched.
    title, source : str
        What the model is, in a few words, and which run or paper it comes from.
    profiles : mapping from float to Profile
        What a pulse of each amplitude (V) does.
    low_s, high_s : float
        Bounds of the conductance (S), finite.
    pulse_high_s : float
        Flat top of the pulses (s).
    edge_s : float, optional
        Their edges (s); the model then knows edges up to twice as long, else up to a tenth of
        the flat top, and of 200 ns always.
    read_noise : float, optional
        White noise of a reading over its value, rms, which the model then adds to its readings.
    about : iterable of str
        Lines for the head of the file: how it was fitted, and how well.

    Raises
    ------
    ConfigError
        For profiles or numbers that make no model; nothing is written then.
    StoreError
        If the file cannot be written.
    """
    _check(profiles, low_s, high_s, pulse_high_s)
    longest_edge_s = 2 * edge_s if edge_s is not None else pulse_high_s / 10
    voltages_v = sorted(float(voltage_v) for voltage_v in profiles)
    largest_v = max(map(abs, voltages_v))
    lines = [
        *_comments([title, f"Source: {source}", *about]),
        'kind = "model"',
        "version = 1",
        'model = "jump-table"',
        f"title = {toml_text(title)}",
        f"source = {toml_text(source)}",
        "",
        "[valid]",
        f"positive_v = {_number(max(voltages_v[-1], _READ_V))}",
        f"negative_v = {_number(min(voltages_v[0], -_READ_V))}",
        f"current_a = {_number(_rounded_up(2 * largest_v * high_s))}",
        f"conductance_s = [{_number(low_s)}, {_number(high_s)}]",
        "",
        "[parameters]",
        f"low_s = {_number(low_s)}",
        f"high_s = {_number(high_s)}",
        f"pulse_high_s = {_number(pulse_high_s)}",
        f"longest_edge_s = {_number(max(longest_edge_s, _SHORTEST_EDGE_S))}",
        f"quiet_v = {_number(min(_QUIET_V, min(map(abs, voltages_v)) / 2))}",
    ]
    if read_noise:
        lines += ["", "[parameters.noise]", f"white = {_number(read_noise)}"]
    for voltage_v in voltages_v:
        lines += _table(voltage_v, profiles[voltage_v])
    write_checked(path, lines)


def write_checked(path: Path, lines: Iterable[str]) -> None:
    """Write the lines of a model file, if they make a model.

    Raises
    ------
    ConfigError
        If they do not, or the file's name does not end in .toml; nothing is written then.
    StoreError
        If the file cannot be written.
    """
    refuse_other_name(path)
    text = "\n".join(lines) + "\n"
    file = decode(tomllib.loads(text), ModelFile, str(path))
    make_model(file.model, file.parameters)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def refuse_other_name(path: Path) -> None:
    """Raise ConfigError for a name that ``--bench`` would not take for a model file's."""
    if path.suffix != ".toml":
        raise ConfigError(f"{path} does not end in .toml, as a model file does; name it so")


def toml_text(text: str) -> str:
    """Write a string: TOML's escapes are JSON's, and the delete character has one too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _check(
    profiles: Mapping[float, Profile], low_s: float, high_s: float, pulse_high_s: float
) -> None:
    if not profiles:
        raise ConfigError("a model needs the profile of one amplitude at least; there is none")
    if not 0 < low_s < high_s < math.inf:
        raise ConfigError(
            f"the model's conductance would go from {low_s:g} S to {high_s:g} S; give the bounds "
            "of the device, above 0 and finite"
        )
    if not 0 < pulse_high_s < math.inf:
        raise ConfigError(
            f"the flat top of the pulses is {pulse_high_s:g} s; say how long it is, above 0"
        )
    if not all(map(abs, profiles)):
        raise ConfigError("0 V moves no cell and cannot be in a model; leave its profile out")


def _table(voltage_v: float, profile: Profile) -> list[str]:
    """Write the table of one amplitude."""
    lines = ["", "[[parameters.tables]]", f"voltage_v = {_number(voltage_v)}"]
    for name in ("conductance_s", "mean_s", "sigma_s"):
        lines += _list(name, getattr(profile, name))
    if profile.shape is not None:
        rows = needed_rows(profile.conductance_s, profile.shape, SHAPE_TOLERANCE)
        lines += _list("shape_conductance_s", profile.conductance_s[rows])
        lines.append("shape = [")
        for row in np.round(profile.shape[rows], 5) + 0.0:
            lines += [*_wrapped(row, "    ["), "    ],"]
        lines.append("]")
    return lines


def needed_rows(axis: Floats, rows: Floats, tolerance: float) -> list[int]:
    """Choose rows so that what is interpolated between them meets all the others.

    Parameters
    ----------
    axis : (m,) float64
        Where the rows are, rising.
    rows : (m, k) float64
        The rows.
    tolerance : float
        How far a number of a row that is left out may be from the line between its neighbours.

    Returns
    -------
    list of int
        Some of 0 to m - 1, the first and the last among them.
    """
    chosen = [0]
    last = len(axis) - 1
    while chosen[-1] < last:
        first = end = chosen[-1]
        while end < last and _straight(axis, rows, first, end + 1, tolerance):
            end += 1
        chosen.append(end)
    return chosen


def _straight(axis: Floats, rows: Floats, first: int, end: int, tolerance: float) -> bool:
    """Tell whether the rows between two lie on the line between them."""
    inner = slice(first + 1, end)
    part = ((axis[inner] - axis[first]) / (axis[end] - axis[first]))[:, None]
    line = rows[first] + part * (rows[end] - rows[first])
    return bool((np.abs(rows[inner] - line) <= tolerance).all())


def _list(name: str, values: Floats) -> list[str]:
    return [*_wrapped(values, f"{name} = ["), "]"]


def _wrapped(values: Floats, opening: str) -> list[str]:
    """Write numbers in lines of one indentation."""
    indent = " " * (len(opening) - len(opening.lstrip()) + 4)
    numbers = " ".join(f"{_number(value)}," for value in values)
    lines = textwrap.wrap(numbers, _WIDTH - len(indent), break_on_hyphens=False)
    return [opening, *(indent + line for line in lines)]


def _comments(texts: Iterable[str]) -> list[str]:
    """Write a comment, wrapped; what cannot stand in one becomes a blank."""
    lines: list[str] = []
    for text in texts:
        printable = "".join(c if c.isprintable() else " " for c in text)
        lines += [f"# {line}" for line in textwrap.wrap(printable, _WIDTH - 2)]
    return lines


def _number(value: float) -> str:
    return repr(float(value))


def _rounded_up(value: float) -> float:
    """Round up to two digits."""
    digit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / digit) * digit:.2g}")
