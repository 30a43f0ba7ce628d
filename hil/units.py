"""Quantities as people write them (500ns, 100uA, 0.1V) and as programs keep them (SI floats)."""

import math
import re
from typing import Any, NamedTuple

import msgspec

from hil.errors import ConfigError

_PREFIXES = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9,
}  # fmt: skip
_ALIASES = {"Ohm": "ohm", "\N{GREEK CAPITAL LETTER OMEGA}": "ohm", "\N{OHM SIGN}": "ohm"}
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S*)\s*")


def quantity(unit: str, description: str, **constraints: Any) -> msgspec.Meta:
    """Describe a field that is a quantity: its unit, what it is, and its bounds.

    For use in ``Annotated[float, quantity("s", "flat top", gt=0)]``; `hil.decode.decode` then
    takes ``500e-9`` and ``"500ns"`` alike and refuses ``"500nV"``. A plain number's unit is "1".
    """
    shown = description if unit == "1" else f"{description} ({unit})"
    return msgspec.Meta(description=shown, extra={"unit": unit}, **constraints)


def parse_quantity(text: str, unit: str) -> float:
    """Read a number with or without the unit.

    Parameters
    ----------
    text : str
        Such as ``"500ns"``, ``"1.2 V"``, ``"10kohm"`` or ``"0.1"``; a bare number is in SI.
    unit : str
        The unit that is expected: V, A, s, S, ohm, J, K, m ... or "1".

    Returns
    -------
    float
        The value in SI.

    Raises
    ------
    ConfigError
        For anything that is not a finite number with that unit.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        what = "a number" if unit == "1" else "a number with a unit"
        raise ConfigError(f"{text!r} is not {what} such as {_example(unit)}")
    number, suffix = float(match[1]), match[2]
    if not math.isfinite(number):
        raise ConfigError(f"{text!r} is too large for a number")
    if not suffix:
        return number
    for alias, name in _ALIASES.items():
        suffix = suffix.removesuffix(alias) + name if suffix.endswith(alias) else suffix
    prefix = suffix.removesuffix(unit)
    if unit == "1" or not suffix.endswith(unit) or prefix not in _PREFIXES:
        raise ConfigError(f"{text!r} is not in {_name(unit)}; write it like {_example(unit)}")
    mantissa, _, exponent = match[1].lower().partition("e")
    return float(f"{mantissa}e{int(exponent or 0) + _PREFIXES[prefix]}")


def _name(unit: str) -> str:
    return "a plain number" if unit == "1" else unit


def _example(unit: str) -> str:
    examples = {"V": "1.2V", "A": "100uA", "s": "500ns", "S": "10uS", "ohm": "10kohm", "1": "3"}
    return examples.get(unit, f"1{unit}")


def format_quantity(value: float, unit: str, digits: int = 4) -> str:
    """Write a value with an engineering prefix: 5e-07, "s" gives "500 ns"."""
    if unit == "1" or not math.isfinite(value):
        return f"{value:.{digits}g}"
    if value == 0:
        return f"0 {unit}"
    exponent = _exponent(value)
    scaled = float(f"{value:.{digits}g}") / 10.0 ** (3 * exponent)
    if abs(float(f"{scaled:.{digits}g}")) >= 1000 and exponent < 3:
        exponent, scaled = exponent + 1, scaled / 1000
    return f"{scaled:.{digits}g} {_SHOWN[exponent]}{unit}"


class Scale(NamedTuple):
    """What values are multiplied with to be in a unit, and that unit with its prefix."""

    factor: float
    unit: str


def scale_of(largest: float, unit: str) -> Scale:
    """Choose one prefix for values that stand side by side: in it the largest is 1 to 999.

    Parameters
    ----------
    largest : float
        The largest of them, by size; one that is 0 or not finite gets no prefix.
    unit : str
        Their unit, such as "S".
    """
    if largest == 0 or not math.isfinite(largest):
        return Scale(1.0, unit)
    exponent = _exponent(largest)
    return Scale(10.0 ** (-3 * exponent), f"{_SHOWN[exponent]}{unit}")


_SHOWN = {-5: "f", -4: "p", -3: "n", -2: "u", -1: "m", 0: "", 1: "k", 2: "M", 3: "G"}


def _exponent(value: float) -> int:
    """Find the power of 1,000 whose prefix a value has."""
    return min(max(math.floor(math.log10(abs(value)) / 3 + 1e-9), -5), 3)
