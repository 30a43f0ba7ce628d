"""What ``--set KEY=VALUE``, and options like it, say, for all commands that take them."""

import typing
from typing import Any, TypeVar

import msgspec

from hil.decode import decode, decode_text, unknown
from hil.errors import ConfigError

Settings = TypeVar("Settings", bound=msgspec.Struct)


def pairs(settings: tuple[str, ...], example: str, option: str = "--set") -> dict[str, str]:
    """Give key and value of each; raise ConfigError, with an example, for what is none."""
    wanted = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not (key and equals and text):
            raise ConfigError(f"{option} {setting}: write it as KEY=VALUE, such as {example}")
        wanted[key] = text
    return wanted


def struct_of(
    kind: type[Settings],
    texts: dict[str, str],
    where: str,
    what: str,
    defaults: dict[str, Any] | None = None,
) -> Settings:
    """Make a struct with what is set of its fields.

    Parameters
    ----------
    kind : type
        The struct.
    texts : dict
        Field -> what a person wrote for it.
    where, what : str
        What the struct is, and what one of its fields is called, in errors.
    defaults : dict, optional
        Fields that differ from the struct's own defaults where they are not set.

    Raises
    ------
    ConfigError
        For a field that there is not, and for a value that it cannot have.
    """
    hints = typing.get_type_hints(kind, include_extras=True)
    values = dict(defaults or {})
    for key, text in texts.items():
        if key not in kind.__struct_fields__:
            raise ConfigError(unknown(key, kind.__struct_fields__, f"--set {key}", what))
        values[key] = decode_text(text, hints[key], f"--set {key}")
    return decode(values, kind, where)
