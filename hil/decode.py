"""Data from files and the command line, checked against a type: quantities, NaN, unknown keys."""

import contextlib
import difflib
import math
import re
import tomllib
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hil.errors import ConfigError
from hil.units import parse_quantity

T = TypeVar("T")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; raises ConfigError naming the file and the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a text file in UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if not text.strip():
        raise ConfigError(f"{path} is empty")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def decode(data: Any, wanted: type[T], where: str) -> T:
    """Check data against a type, taking quantities with their units ("500ns") on the way.

    Raises
    ------
    ConfigError
        Naming *where*, the key and what is wrong with it: an unknown key, a wrong unit, NaN, a
        value out of its bounds.
    """
    try:
        return msgspec.convert(_prepared(data, wanted, where, ""), wanted)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        key = f", {place.rstrip('`')}" if place else ""
        raise ConfigError(f"{where}{key}: {_in_words(message)}") from error


def decode_text(text: str, wanted: Any, where: str) -> Any:
    """Read one value typed at the command line: a number, a quantity, a list with commas."""
    try:
        return _from_text(text, wanted)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _from_text(text: str, wanted: Any) -> Any:
    unit, plain = unwrapped(wanted)
    members = members_of(plain)
    if type(None) in members:
        if text.lower() == "none":
            return None
        return _from_text(text, typing.Annotated[members[0], _Unit(unit)])
    if typing.get_origin(plain) in (tuple, list):
        inner: Any = typing.Annotated[typing.get_args(plain)[0], _Unit(unit)]
        return [_from_text(part, inner) for part in text.split(",") if part.strip()]
    if plain is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{text!r} is neither true nor false")
        return text.lower() == "true"
    if plain is int or _are_whole(plain):
        return _whole(text)
    return parse_quantity(text, unit or "1") if plain is float else text


def _are_whole(hint: Any) -> bool:
    """Tell whether a type is a choice of whole numbers."""
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    return bool(choices) and all(isinstance(choice, int) for choice in choices)


def _whole(text: str) -> int:
    """Read 10000 or 1e4."""
    for number in (int, float):
        with contextlib.suppress(ValueError):
            value = number(text)
            if float(value).is_integer():
                return int(value)
    raise ConfigError(f"{text!r} is not a whole number")


class _Unit(msgspec.Struct, frozen=True):
    """Carries the unit of a list to its entries."""

    unit: str | None


def unwrapped(hint: Any) -> tuple[str | None, Any]:
    """Split a type hint into the unit that its Meta names and the plain type."""
    unit = None
    while typing.get_origin(hint) is typing.Annotated:
        hint, *notes = typing.get_args(hint)
        for note in notes:
            if isinstance(note, msgspec.Meta) and note.extra:
                unit = note.extra.get("unit", unit)
            elif isinstance(note, _Unit):
                unit = note.unit or unit
    return unit, hint


def members_of(hint: Any) -> tuple[Any, ...]:
    """List the members of a union, None last; any other type is its own only member."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(sorted(typing.get_args(hint), key=lambda member: member is type(None)))
    return (hint,)


_TYPES = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false",
    "object": "a table", "array": "a list", "null": "nothing",
}  # fmt: skip


def _in_words(message: str) -> str:
    """Say what msgspec says in the words of a bench file."""
    message = re.sub(r"^Object missing required field `(.+)`", r"the key '\1' is missing", message)
    message = re.sub("^Expected ", "it must be ", message)
    message = message.replace(" | null`", "`")
    message = message.replace(", got `float`", ", not one with a fraction")
    message = message.replace(", got ", ", not ")
    return re.sub(r"`(\w+)`", lambda match: _TYPES.get(match[1], match[0]), message)


def _prepared(value: Any, hint: Any, where: str, key: str) -> Any:
    """Turn text quantities into SI floats and refuse NaN, unknown keys and wrong units."""
    unit, plain = unwrapped(hint)
    for choice in members_of(plain):
        inner_unit, member = unwrapped(choice)
        unit = inner_unit or unit
        if (
            isinstance(value, dict)
            and isinstance(member, type)
            and issubclass(member, msgspec.Struct)
        ):
            return _prepared_struct(value, member, where, key)
        if isinstance(value, dict) and typing.get_origin(member) is dict:
            entry = typing.get_args(member)[1]
            if isinstance(entry, type) and issubclass(entry, msgspec.Struct):
                return {k: _converted(v, entry, where, f"{key}.{k}") for k, v in value.items()}
        if isinstance(value, (list, tuple)) and typing.get_origin(member) in (tuple, list):
            inner: Any = typing.Annotated[typing.get_args(member)[0], _Unit(unit)]
            return [_prepared(v, inner, where, f"{key}[{k}]") for k, v in enumerate(value)]
        if typing.get_origin(member) is typing.Literal and value not in typing.get_args(member):
            known = ", ".join(map(str, typing.get_args(member)))
            raise ConfigError(f"{where}, {key}: {value!r} is not one of {known}")
        if member is float and isinstance(value, str) and unit is not None:
            try:
                return parse_quantity(value, unit)
            except ConfigError as error:
                raise ConfigError(f"{where}, {key}: {error}") from error
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}, {key}: the value is {value}; it must be a finite number")
    return value


def _converted(value: Any, hint: Any, where: str, key: str) -> Any:
    """Check an entry of a table with free names, which msgspec leaves out of its messages."""
    prepared = _prepared(value, hint, where, key)
    try:
        msgspec.convert(prepared, hint)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$")
        raise ConfigError(f"{where}, {key}{place.rstrip('`')}: {_in_words(message)}") from error
    return prepared


def _prepared_struct(
    value: dict[str, Any], struct: type[msgspec.Struct], where: str, key: str
) -> dict[str, Any]:
    hints = typing.get_type_hints(struct, include_extras=True)
    prepared = {}
    for name, entry in value.items():
        if name not in struct.__struct_fields__:
            place = f"{where}, {key}" if key else where
            raise ConfigError(unknown(name, struct.__struct_fields__, place, "key"))
        prepared[name] = _prepared(entry, hints[name], where, f"{key}.{name}".lstrip("."))
    return prepared


def unknown(name: str, known: Iterable[str], where: str, what: str) -> str:
    """Say that a name is unknown, which are known, and which was probably meant."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
    return f"{where}: there is no {what} {name!r}; {hint}"
