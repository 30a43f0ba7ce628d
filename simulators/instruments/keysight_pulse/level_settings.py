"""The levels of a channel as settings: each is checked against its limits, others follow."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hil.simulators.instruments.keysight_pulse import levels, unconfirmed
from hil.simulators.instruments.keysight_pulse.levels import Changed, Levels, Window
from hil.simulators.instruments.keysight_pulse.model import Model
from hil.simulators.instruments.scpi.declare import Derived, Setting
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Boolean, Choice, Number

if TYPE_CHECKING:
    from hil.simulators.instruments.keysight_pulse.generator import Generator

MOST_LIMIT_V = 10.0
"""Voltage limits of either sign (81160A, by pymeasure's limits)."""


def _scaled(name: str, sign: float = 1.0) -> Callable[["LevelSettings"], float]:
    """Give a limit of the levels for the load in force."""

    def limit(channel: "LevelSettings") -> float:
        return sign * float(getattr(channel.window, name))

    return limit


class LevelSettings(ABC):
    """Settings for amplitude, offset, levels, load and limits.

    Attributes
    ----------
    model : Model
        Limits of the type.
    generator : Generator
        Whose channel it is.
    """

    model: Model
    generator: "Generator"
    function: Setting[str]

    @abstractmethod
    def changed(self) -> None:
        """Put out what the settings say now."""

    load_ohm = Setting("", Number("OHM", 1.0, 10e3, infinite=True), 50.0)
    amplitude_v = Setting("", Number("V"), 0.1)
    amplitude = Derived(
        "",
        Number(
            "V",
            lambda c: c.in_unit(c.window.least_amplitude_v),
            lambda c: c.in_unit(c.window.most_amplitude_v),
            suffixes=("VPP", "VRMS", "DBM"),
        ),
        lambda c: c.in_unit(c.amplitude_v),
        lambda c, value: c.set_amplitude(value),
        0.1,
    )
    high_v = Derived(
        "",
        Number("V", _scaled("most_v", -1), _scaled("most_v")),
        lambda c: c.high_low.high_v,
        lambda c, value: c.set_high(value),
        0.05,
    )
    low_v = Derived(
        "",
        Number("V", _scaled("most_v", -1), _scaled("most_v")),
        lambda c: c.high_low.low_v,
        lambda c, value: c.set_low(value),
        -0.05,
    )
    offset_v = Setting("", Number("V", _scaled("most_v", -1), _scaled("most_v")), 0.0)
    unit = Setting("", Choice("VPP", "VRMS", "DBM"), "VPP")
    limit_high_v = Setting("", Number("V", -MOST_LIMIT_V, MOST_LIMIT_V), MOST_LIMIT_V)
    limit_low_v = Setting("", Number("V", -MOST_LIMIT_V, MOST_LIMIT_V), -MOST_LIMIT_V)
    limited = Setting("", Boolean(), False)

    @property
    def high_low(self) -> Levels:
        """High and low for the load in force."""
        half_v = self.amplitude_v / 2
        return Levels(self.offset_v + half_v, self.offset_v - half_v)

    @property
    def put_out(self) -> Levels:
        """What the function reaches of them: DC stands at the offset."""
        if self.function == "DC":
            return Levels(self.offset_v, self.offset_v)
        return self.high_low

    @property
    def window(self) -> Window:
        """What levels may be with the load in force."""
        return levels.window(self.model, self.load_ohm)

    @load_ohm.check
    def _rescale(self, load_ohm: float) -> None:
        """Keep what comes out: all levels are told for the new load from now on."""
        ratio = levels.share(load_ohm) / levels.share(self.load_ohm)
        now = Levels(*(level * ratio for level in self.put_out))
        if self.limited and self._outside(now):
            raise ScpiError(unconfirmed.LIMITS_CONFLICT, "limits do not allow this load")
        if math.isinf(load_ohm) and self.unit == "DBM":
            self.unit = "VPP"
            self.generator.error(unconfirmed.FOLLOWS, "amplitude units changed due to load")
        self._hold_levels(self.amplitude_v * ratio, self.offset_v * ratio)

    @offset_v.check
    def _check_offset(self, offset_v: float) -> float:
        if self.function == "DC":
            self.refuse(Levels(offset_v, offset_v))
            return offset_v
        most_v = max(self.window.most_v - self.amplitude_v / 2, 0.0)
        kept_v = math.copysign(min(abs(offset_v), most_v), offset_v)
        kept_v = offset_v if abs(kept_v - offset_v) < 1e-9 else kept_v
        half_v = self.amplitude_v / 2
        self.refuse(Levels(kept_v + half_v, kept_v - half_v))
        if kept_v != offset_v:
            self.generator.error(unconfirmed.OFFSET_CUT, "value clipped to limit due to amplitude")
        return kept_v

    def set_amplitude(self, value: float) -> None:
        """Set the amplitude in the unit in force; the offset follows if it must."""
        amplitude_v = levels.meant(value, self.unit, self.function, self.load_ohm)
        if self.function == "DC":
            self.amplitude_v = amplitude_v
        else:
            self.take(levels.with_amplitude(amplitude_v, self.offset_v, self.window))
        self.changed()

    def in_unit(self, amplitude_v: float) -> float:
        """Give an amplitude in the unit in force."""
        return levels.shown(amplitude_v, self.unit, self.function, self.load_ohm)

    def set_high(self, high_v: float) -> None:
        """Set the high level."""
        self.take(levels.with_high(high_v, self.high_low, self.window))
        self.changed()

    def set_low(self, low_v: float) -> None:
        """Set the low level."""
        self.take(levels.with_low(low_v, self.high_low, self.window))
        self.changed()

    @unit.check
    def _check_unit(self, unit: str) -> None:
        if unit == "DBM" and math.isinf(self.load_ohm):
            raise ScpiError(unconfirmed.FOLLOWS, "DBM needs a load")

    @limited.check
    def _check_limited(self, on: bool) -> None:
        if on and self._outside(self.put_out):
            raise ScpiError(unconfirmed.LIMITS_CONFLICT, "levels are beyond the limits")

    @limit_high_v.check
    def _check_limit_high(self, limit_v: float) -> None:
        if limit_v <= self.limit_low_v or (self.limited and self.put_out.high_v > limit_v):
            raise ScpiError(unconfirmed.LIMITS_CONFLICT, "limit is below the levels")

    @limit_low_v.check
    def _check_limit_low(self, limit_v: float) -> None:
        if limit_v >= self.limit_high_v or (self.limited and self.put_out.low_v < limit_v):
            raise ScpiError(unconfirmed.LIMITS_CONFLICT, "limit is above the levels")

    def take(self, changed: Changed) -> None:
        """Keep levels that the limits allow, and say what else has changed."""
        self.refuse(changed.levels)
        self._hold_levels(changed.levels.amplitude_v, changed.levels.offset_v)
        if changed.conflict:
            self.generator.error(unconfirmed.FOLLOWS, changed.conflict)

    def _hold_levels(self, amplitude_v: float, offset_v: float) -> None:
        self.amplitude_v, self.offset_v = amplitude_v, offset_v

    def refuse(self, asked: Levels) -> None:
        """Raise for levels that the limits do not allow."""
        if self.limited and self._outside(asked):
            raise ScpiError(unconfirmed.BEYOND_A_LIMIT, "value exceeds the limit")

    def _outside(self, asked: Levels) -> bool:
        return asked.high_v > self.limit_high_v + 1e-9 or asked.low_v < self.limit_low_v - 1e-9

    @load_ohm.then
    @offset_v.then
    def _level_changed(self, _: Any) -> None:
        self.changed()
