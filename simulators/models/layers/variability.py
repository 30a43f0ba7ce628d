"""Cells that differ: each has its own value of some of the model's parameters."""

import math
import typing
import zlib
from itertools import combinations_with_replacement, product
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from scipy.special import ndtr, ndtri

from hil.decode import decode, members_of, unknown, unwrapped
from hil.draws import uniforms
from hil.errors import ConfigError
from hil.simulators.models.drive import Floats
from hil.simulators.models.layers.layer import Columns, Layer
from hil.simulators.models.model import Device, Model, State
from hil.simulators.models.streams import SPREAD
from hil.units import parse_quantity

_WIDEST = 4.0
"""Where a distribution ends that is not told to end sooner, in sigmas."""


class Spread(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one parameter differs from cell to cell: a normal distribution, cut off at both ends.

    Its centre is the model's parameter. Of the three sigmas one is given.
    """

    sigma: Annotated[float | str | None, Meta(description="in the parameter's unit")] = None
    sigma_relative: Annotated[float, Meta(gt=0, description="of the centre")] | None = None
    sigma_log: (
        Annotated[float, Meta(gt=0, description="of the logarithm: a log-normal distribution")]
        | None
    ) = None
    low: Annotated[float | str | None, Meta(description="lower end; 4 sigmas if left out")] = None
    high: Annotated[float | str | None, Meta(description="upper end; 4 sigmas if left out")] = None


class Variability(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Device-to-device variability; a cell's own values are columns of its state."""

    centres: dict[str, float]
    sigmas: dict[str, float]
    """Of the value, or of its logarithm where the parameter is in `logarithmic`."""
    ends: dict[str, tuple[float, float]]
    logarithmic: frozenset[str]

    @classmethod
    def of(cls, model: Model, spreads: dict[str, Any]) -> "Variability":
        """Check the spreads of a model's parameters, each with the keys of `Spread`.

        Raises
        ------
        ConfigError
            For a parameter that cannot vary, a spread without a sigma or with several, and ends
            that the model does not allow.
        """
        centres, sigmas, ends, logarithmic = {}, {}, {}, set()
        for name, settings in spreads.items():
            where = f"variability.{name}"
            spread = decode(settings, Spread, where)
            if not model.varies:
                raise ConfigError(f"{where}: the model has no parameter that can vary")
            if name not in model.varies:
                raise ConfigError(unknown(name, model.varies, "variability", "parameter to vary"))
            unit = _unit(model, name)
            given = _given(spread, where)
            centre = centres[name] = float(getattr(model, name))
            sigma = _number(getattr(spread, given), unit, f"{where}.{given}")
            sigmas[name] = sigma * abs(centre) if given == "sigma_relative" else sigma
            if given == "sigma_log":
                logarithmic.add(name)
            ends[name] = _ends(spread, centre, sigmas[name], unit, where, log=name in logarithmic)
        _try_ends(model, ends)
        return cls(centres=centres, sigmas=sigmas, ends=ends, logarithmic=frozenset(logarithmic))

    @property
    def columns(self) -> Columns:
        """One for each parameter that varies."""
        return tuple((name, np.float64) for name in self.centres)

    def start(self, inner: Device, state: State) -> None:
        """Draw each cell's own parameters, then make it fresh with them."""
        for name in self.centres:
            count = np.full((1, len(state)), zlib.crc32(name.encode()), np.uint64)
            state[name] = self._values(name, uniforms(state["key"], SPREAD, count)[0])
        inner.start(state)

    def _values(self, name: str, share: Floats) -> Floats:
        """Turn uniform numbers into a truncated normal distribution by inverting its CDF."""
        turn = np.log if name in self.logarithmic else np.asarray
        centre, sigma = turn(self.centres[name]), self.sigmas[name]
        low, high = ((turn(end) - centre) / sigma for end in self.ends[name])
        side = -1.0 if low > 0 else 1.0  # the tail in which the CDF keeps its digits
        below, above = ndtr(min(side * low, side * high)), ndtr(max(side * low, side * high))
        drawn = centre + sigma * side * ndtri(below + share * (above - below))
        values = np.exp(drawn) if name in self.logarithmic else drawn
        kept: Floats = np.clip(values, *self.ends[name])
        return kept


def _unit(model: Model, name: str) -> str:
    """Tell the unit of a parameter."""
    hint = typing.get_type_hints(type(model), include_extras=True)[name]
    return unwrapped(members_of(hint)[0])[0] or "1"


def _given(spread: Spread, where: str) -> str:
    """Name the one sigma that is given."""
    names = ("sigma", "sigma_relative", "sigma_log")
    given = [name for name in names if getattr(spread, name) is not None]
    if len(given) != 1:
        raise ConfigError(f"{where}: give one of {', '.join(names)}")
    return given[0]


def _number(value: float | str, unit: str, where: str) -> float:
    """Read a number that may have the parameter's unit; it must be finite."""
    try:
        number = parse_quantity(value, unit) if isinstance(value, str) else float(value)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    if not math.isfinite(number):
        raise ConfigError(f"{where} is {number}; it must be a finite number")
    return number


def _ends(
    spread: Spread, centre: float, sigma: float, unit: str, where: str, *, log: bool
) -> tuple[float, float]:
    if not sigma > 0:
        raise ConfigError(f"{where}: sigma is {sigma:g}; it must be above 0")
    if log and not centre > 0:
        raise ConfigError(f"{where}: sigma_log needs a parameter above 0, it is {centre:g}")
    reach = _WIDEST * sigma
    low, high = (
        (centre * math.exp(-reach), centre * math.exp(reach))
        if log
        else (centre - reach, centre + reach)
    )
    low = low if spread.low is None else _number(spread.low, unit, f"{where}.low")
    high = high if spread.high is None else _number(spread.high, unit, f"{where}.high")
    if not low < high or (log and not low > 0):
        raise ConfigError(
            f"{where}: low {low:g} must be below high {high:g}, and above 0 for logs"
        )
    return low, high


def _try_ends(model: Model, ends: dict[str, tuple[float, float]]) -> None:
    """Raise if the model would not take some ends of the distributions, alone or in pairs."""
    for one, other in combinations_with_replacement(ends, 2):
        for values in product(ends[one], ends[other]):
            trial = dict(zip((one, other), values, strict=True))
            try:
                msgspec.structs.replace(model, **trial)
            except ConfigError as error:
                told = " and ".join(f"{name} = {value:g}" for name, value in trial.items())
                raise ConfigError(
                    f"variability reaches {told}, and {error}; give low and high"
                ) from error
