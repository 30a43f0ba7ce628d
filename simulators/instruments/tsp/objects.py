"""TSP objects made of Python functions: attributes that are checked, constants, functions."""

from collections.abc import Callable, Mapping
from typing import Any

from hil.simulators.instruments.tsp import unconfirmed
from hil.simulators.instruments.tsp.engine import Engine, Rejected
from hil.simulators.instruments.tsp.printing import Columns

Check = Callable[[Any], Any]
"""Turns what a chunk assigns into what is kept; raises Rejected."""


class Object:
    """A TSP object, whose metatable has Getters, Setters and Objects as on the instrument.

    Parameters
    ----------
    engine : Engine
        Its world.
    luatype : str, optional
        What its metatable calls it.
    columns : Columns, optional
        What `printbuffer` prints of it.
    index : callable, optional
        Gives what stands at a number.
    """

    def __init__(
        self,
        engine: Engine,
        luatype: str | None = None,
        *,
        columns: Columns | None = None,
        index: Callable[[float], Any] | None = None,
    ) -> None:
        self._engine = engine
        self.lua, self._add = engine.make(luatype, columns, index)

    def attribute(
        self, key: str | int, get: Callable[[], Any], put: Callable[[Any], None] | None = None
    ) -> None:
        """Add an attribute; without *put* it can only be read."""
        guarded = self._engine.guarded
        self._add.attribute(key, guarded(get), None if put is None else guarded(put))

    def constants(self, values: Mapping[str, float | str]) -> None:
        """Add constants."""
        for key, value in values.items():
            self._add.constant(key, value)

    def call(self, key: str, function: Callable[..., Any]) -> None:
        """Add a function."""
        self._add.call(key, self._engine.guarded(function))

    def child(self, key: str | int, value: Any) -> None:
        """Add an object, or any Lua value."""
        self._add.constant(key, value.lua if isinstance(value, Object) else value)

    def settings(
        self, values: dict[str, Any], checks: Mapping[str, Check], prefix: str = ""
    ) -> None:
        """Add attributes that are kept in *values* under their name with a prefix."""
        for key, check in checks.items():
            self.setting(values, key, check, prefix)

    def setting(self, values: dict[str, Any], key: str, check: Check, prefix: str = "") -> None:
        """Add one attribute that is kept in *values*."""
        name = prefix + key

        def put(value: Any) -> None:
            values[name] = check(value)

        self.attribute(key, lambda: values[name], put)


def number(low: float, high: float) -> Check:
    """Make a check for a number within bounds."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise Rejected(*unconfirmed.DATA_TYPE)
        if value > high * (1 + 1e-9 if high > 0 else 1):
            raise Rejected(*unconfirmed.TOO_BIG)
        if value < low * (1 - 1e-9 if low > 0 else 1):
            raise Rejected(*unconfirmed.TOO_SMALL)
        return float(value)

    return check


def whole(low: int, high: int) -> Check:
    """Make a check for a whole number within bounds; a fraction is cut off."""
    within = number(low, high)
    return lambda value: int(within(value))


def choice(*values: float) -> Check:
    """Make a check for one of some numbers; true and false are 1 and 0."""
    within = number(min(values), max(values))

    def check(value: Any) -> float:
        chosen = within(int(value) if isinstance(value, bool) else value)
        if chosen not in values:
            raise Rejected(*unconfirmed.TOO_BIG)
        return int(chosen)

    return check


def boolean(value: Any) -> bool:
    """Check for true and false; 0 and 1 are taken for them."""
    if isinstance(value, (int, float)):
        return bool(value)
    raise Rejected(*unconfirmed.DATA_TYPE)


def text(value: Any) -> str:
    """Check for a text."""
    if isinstance(value, str):
        return value
    raise Rejected(*unconfirmed.DATA_TYPE)


def numbers(table: Any) -> list[float]:
    """Read a Lua table that is a list of numbers; raises Rejected."""
    if table is None or isinstance(table, (int, float, str)) or not hasattr(table, "items"):
        raise Rejected(*unconfirmed.DATA_TYPE)
    found = dict(table.items())
    values = [found.get(place) for place in range(1, len(found) + 1)]
    if not values or not all(isinstance(value, (int, float)) for value in values):
        raise Rejected(*unconfirmed.DATA_TYPE)
    return [float(value) for value in values if value is not None]
