"""Parameters of a published model: their ranges, and what one may be told about a bad one."""

import math
import typing
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple

from msgspec import Meta

from hil.errors import ConfigError
from hil.simulators.models.model import Model


def within(low: float, high: float) -> Meta:
    """Note the range that a parameter has in the model's source."""
    return Meta(extra={"published": (low, high)})


class Published(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model with a source, which says in which range each parameter makes sense."""

    beyond_published: Annotated[
        bool, Meta(description="accept parameters outside the published ranges")
    ] = False

    source: ClassVar[str]
    """What the ranges are from, as an error names it."""

    def __post_init__(self) -> None:
        for name, bounds in _bounds(type(self)).items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, tuple):
                self._check(name, value, bounds)

    def _check(self, name: str, value: float, bounds: "_Bounds") -> None:
        """Raise for a parameter that is no number, has no meaning or was not published."""
        unit, above, least, most, (low, high) = bounds
        if not math.isfinite(value):
            raise ConfigError(f"{name} is {value}; it must be a finite number")
        if value <= above:
            raise ConfigError(f"{name} is {value:g}{unit}; it must be above {above:g}{unit}")
        if not least <= value <= most:
            limit = f"at least {least:g}" if value < least else f"at most {most:g}"
            raise ConfigError(f"{name} is {value:g}{unit}; it must be {limit}{unit}")
        if not low <= value <= high and not self.beyond_published:
            raise ConfigError(
                f"{name} is {value:g}{unit}, outside {low:g} to {high:g}{unit} of the "
                f"{self.source}; set beyond_published = true to use it all the same"
            )


class _Bounds(NamedTuple):
    """What a parameter may be: with a meaning, and as published."""

    unit: str
    above: float
    least: float
    most: float
    published: tuple[float, float]


@cache
def _bounds(model: type[Published]) -> dict[str, _Bounds]:
    """Read the bounds of each parameter that is a number from its annotations."""
    found = {}
    for name, hint in typing.get_type_hints(model, include_extras=True).items():
        members = (hint, *typing.get_args(hint))
        notes = [note for member in members for note in getattr(member, "__metadata__", ())]
        extra: dict[str, Any] = {}
        for note in notes:
            extra |= note.extra or {}
        if "unit" in extra:
            first = notes[0]
            found[name] = _Bounds(
                "" if extra["unit"] == "1" else f" {extra['unit']}",
                -math.inf if first.gt is None else first.gt,
                -math.inf if first.ge is None else first.ge,
                math.inf if first.le is None else first.le,
                extra.get("published", (-math.inf, math.inf)),
            )
    return found
