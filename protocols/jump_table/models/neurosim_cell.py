"""NeuroSim's parameters of a device, from its source text or a list, as ours.

NeuroSim (P.-Y. Chen, X. Peng and S. Yu, IEEE TCAD 37(12) 3067-3080 (2018)) keeps a device as
assignments in C++, in the constructor of ``RealDevice`` in its ``Cell.cpp``. Only such lines as
``NL_LTP = 2.4;`` are read: numbers, and sums, differences, products and quotients of numbers and
of names that were given before.
"""

import ast
import csv
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hil.decode import read_toml, unknown
from hil.errors import ConfigError
from hil.protocols.jump_table.models.model_file import toml_text, write_checked

_OURS = {
    "maxConductance": "g_max_s",
    "minConductance": "g_min_s",
    "maxNumLevelLTP": "levels_ltp",
    "maxNumLevelLTD": "levels_ltd",
    "NL_LTP": "nl_ltp",
    "NL_LTD": "nl_ltd",
    "sigmaCtoC": "sigma_c2c",
    "writeVoltageLTP": "ltp_v",
    "writeVoltageLTD": "ltd_v",
    "writePulseWidthLTP": "pulse_high_s",
}
_OTHERS = ("writePulseWidthLTD", "nonIdenticalPulse", "sigmaDtoD")
_KNOWN = {*_OURS, *_OTHERS}
_TRUTHS = {"true": 1.0, "false": 0.0}

_OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def neurosim_parameters(path: Path | str) -> dict[str, Any]:
    """Read NeuroSim's parameters of a device.

    Parameters
    ----------
    path : path
        ``Cell.cpp``, or a list of the same names: TOML (``NL_LTP = 2.4``) or CSV (name, value).
        Of a source text only the names that matter are looked for; in a list every name must be
        one of them.

    Returns
    -------
    dict
        Parameters of the model ``neurosim``. ``sigmaCtoC``, a conductance, becomes a part of the
        range; the two write voltages get their signs; ``sigmaDtoD``, if it is not 0, becomes the
        cells' variability of both non-linearities.

    Raises
    ------
    ConfigError
        For a file that cannot be read, a name that is missing or unknown, a value that is none,
        and for pulses that are not all alike, which the model does not know.
    """
    path = Path(path)
    values = _values(path)
    missing = [name for name in _OURS if name not in values]
    if missing:
        raise ConfigError(
            f"{path} lacks {', '.join(missing)}; give them as NeuroSim's Cell.cpp does"
        )
    _refuse_uneven(path, values)
    ours: dict[str, Any] = {ours: values[name] for name, ours in _OURS.items()}
    range_s = ours["g_max_s"] - ours["g_min_s"]
    if not range_s > 0:
        raise ConfigError(
            f"{path}: minConductance {ours['g_min_s']:g} S must be below maxConductance "
            f"{ours['g_max_s']:g} S"
        )
    for name in ("maxNumLevelLTP", "maxNumLevelLTD"):
        if not float(values[name]).is_integer():
            raise ConfigError(f"{path}: {name} is {values[name]:g}; it must be a whole number")
        ours[_OURS[name]] = int(values[name])
    ours["sigma_c2c"] /= range_s
    ours["ltp_v"], ours["ltd_v"] = abs(ours["ltp_v"]), -abs(ours["ltd_v"])
    if values.get("sigmaDtoD"):
        spread = {"sigma": values["sigmaDtoD"], "low": -9.0, "high": 9.0}
        ours["variability"] = {"nl_ltp": spread, "nl_ltd": spread}
    return ours


def write_neurosim(path: Path, source: Path | str, *, title: str = "") -> None:
    """Write NeuroSim's parameters of a device as a model file, which is a bench at once.

    Parameters
    ----------
    path : Path
        The model file, whole afterwards or not touched.
    source : path
        Where the parameters are, see `neurosim_parameters`.
    title : str
        What the device is.

    Raises
    ------
    ConfigError
        As `neurosim_parameters`, and for parameters that make no model.
    StoreError
        If the file cannot be written.
    """
    ours = neurosim_parameters(source)
    variability = ours.pop("variability", {})
    most_a = 2 * max(ours["ltp_v"], -ours["ltd_v"]) * ours["g_max_s"]
    name = Path(source).name
    lines = [
        'kind = "model"', "version = 1", 'model = "neurosim"',
        f"title = {toml_text(title or f'NeuroSim device of {name}')}",
        f"source = {toml_text(f'NeuroSim parameters in {name}')}", "",
        "[valid]", f"positive_v = {ours['ltp_v']!r}", f"negative_v = {ours['ltd_v']!r}",
        f"current_a = {most_a:.2e}",
        f"conductance_s = [{ours['g_min_s']!r}, {ours['g_max_s']!r}]", "",
        "[parameters]", *(f"{name} = {value!r}" for name, value in ours.items()),
    ]  # fmt: skip
    for name, spread in variability.items():
        lines += ["", f"[parameters.variability.{name}]"]
        lines += [f"{key} = {value!r}" for key, value in spread.items()]
    write_checked(path, lines)


def _refuse_uneven(path: Path, values: dict[str, float]) -> None:
    """Refuse pulses that differ: the model knows one amplitude a polarity and one width."""
    if values.get("nonIdenticalPulse"):
        raise ConfigError(
            f"{path}: nonIdenticalPulse is set, and the model neurosim knows pulses that are all "
            "alike"
        )
    up_s = values["writePulseWidthLTP"]
    down_s = values.get("writePulseWidthLTD", up_s)
    if abs(up_s - down_s) > 1e-9 * up_s:
        raise ConfigError(
            f"{path}: pulses of {up_s:g} s (LTP) and {down_s:g} s (LTD); the model neurosim knows "
            "one width for both"
        )


def _values(path: Path) -> dict[str, float]:
    """Read what names stand for, numbers worked out."""
    if path.suffix == ".toml":
        return _listed(path, list(read_toml(path).items()))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if path.suffix == ".csv":
        rows = [row for row in csv.reader(text.splitlines()) if any(map(str.strip, row))]
        if any(len(row) != 2 for row in rows):
            raise ConfigError(f"{path} must hold a name and a value in each row")
        return _listed(path, [(name.strip(), value.strip()) for name, value in rows])
    values = _worked_out(path, _assignments(text))
    if not _KNOWN & values.keys():
        raise ConfigError(f"{path} gives none of NeuroSim's names, such as NL_LTP = 2.4;")
    return values


def _listed(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, float]:
    """Work out a list in which every name must be known."""
    if pairs and [str(x).lower() for x in pairs[0]] == ["name", "value"]:
        pairs = pairs[1:]
    for name, _ in pairs:
        if name not in _KNOWN:
            raise ConfigError(unknown(name, _KNOWN, str(path), "name"))
    return _worked_out(path, pairs)


def _assignments(text: str) -> list[tuple[str, str]]:
    """Find the assignments of RealDevice's constructor; of the whole text if it has none."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    start = re.search(r"\bRealDevice\s*::\s*RealDevice\s*\([^)]*\)", text)
    if start is not None:
        rest = text[start.end() :]
        end = re.search(r"\n\S[^\n;]*::[^\n;]*\(", rest)
        text = rest[: end.start()] if end else rest
    return re.findall(r"\b([A-Za-z_]\w*)\s*=(?!=)\s*([^;{}]+);", text)


def _worked_out(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, float]:
    """Work out values in their order; of the names that are not known, those that can be."""
    values = dict(_TRUTHS)
    for name, value in pairs:
        text = str(value).strip()
        try:
            values[name] = _number(ast.parse(text, mode="eval").body, values)
        except (SyntaxError, TypeError, KeyError, ZeroDivisionError, ValueError) as error:
            if name not in _KNOWN:
                continue
            raise ConfigError(
                f"{path}: {name} = {text} is no number, nor made of numbers and the names above it"
            ) from error
    return values


def _number(node: ast.expr, values: dict[str, float]) -> float:
    """Work out an expression; raises KeyError or TypeError for anything but arithmetic."""
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return float(value)
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_number(inner, values)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_number(left, values), _number(right, values))
        case _:
            raise TypeError
