"""Amplitude and offset, high and low level: what one of them does to the others.

All are told for the load that the generator is told of: behind its 50 ohm, what is 1 V into 50 ohm
is 2 V into an open circuit.
"""

import math
from typing import NamedTuple

from hil.simulators.instruments.keysight_pulse.model import SOURCE_OHM, Model
from hil.simulators.instruments.scpi.errors import ScpiError

_GRAIN = 1e-9
"""Levels that differ by no more are the same (V)."""


class Levels(NamedTuple):
    """High and low level, for the load in force (V)."""

    high_v: float
    low_v: float

    @property
    def amplitude_v(self) -> float:
        """Peak to peak (V)."""
        return self.high_v - self.low_v

    @property
    def offset_v(self) -> float:
        """In the middle (V)."""
        return (self.high_v + self.low_v) / 2


class Window(NamedTuple):
    """What levels may be with a load.

    Attributes
    ----------
    most_v : float
        Largest level of either sign (V).
    least_amplitude_v, most_amplitude_v : float
        Peak to peak (V).
    """

    most_v: float
    least_amplitude_v: float
    most_amplitude_v: float


class Changed(NamedTuple):
    """Levels as they become, and what else had to change (empty: nothing)."""

    levels: Levels
    conflict: str


def share(load_ohm: float) -> float:
    """Tell which part of the open-circuit voltage the load gets."""
    return 1.0 if math.isinf(load_ohm) else load_ohm / (load_ohm + SOURCE_OHM)


def window(model: Model, load_ohm: float) -> Window:
    """Tell what levels may be."""
    scale = 2 * share(load_ohm)
    return Window(
        model.most_level_v * scale, model.least_amplitude_v * scale,
        model.most_amplitude_v * scale,
    )  # fmt: skip


def with_amplitude(amplitude_v: float, offset_v: float, room: Window) -> Changed:
    """Set the amplitude; the offset follows where the levels would be too large."""
    most_v = max(room.most_v - amplitude_v / 2, 0.0)
    kept_v = math.copysign(min(abs(offset_v), most_v), offset_v)
    conflict = "" if abs(kept_v - offset_v) <= _GRAIN else "offset changed due to amplitude"
    kept_v = kept_v if conflict else offset_v
    return Changed(Levels(kept_v + amplitude_v / 2, kept_v - amplitude_v / 2), conflict)


def with_high(high_v: float, levels: Levels, room: Window) -> Changed:
    """Set the high level; the low one follows where they would cross or lie too far apart."""
    low_v = max(min(levels.low_v, high_v - room.least_amplitude_v), high_v - room.most_amplitude_v)
    if low_v < -room.most_v - _GRAIN:
        raise ScpiError(-222)
    return _changed(Levels(high_v, low_v), levels.low_v - low_v, "low level changed")


def with_low(low_v: float, levels: Levels, room: Window) -> Changed:
    """Set the low level; the high one follows where they would cross or lie too far apart."""
    high_v = max(levels.high_v, low_v + room.least_amplitude_v)
    high_v = min(high_v, low_v + room.most_amplitude_v)
    if high_v > room.most_v + _GRAIN:
        raise ScpiError(-222)
    return _changed(Levels(high_v, low_v), levels.high_v - high_v, "high level changed")


def _changed(levels: Levels, by_v: float, conflict: str) -> Changed:
    return Changed(levels, conflict if abs(by_v) > _GRAIN else "")


def crest(function: str) -> float:
    """Tell what peak to peak is for 1 V rms of a function."""
    return {"SIN": 2 * math.sqrt(2), "RAMP": 2 * math.sqrt(3), "TRI": 2 * math.sqrt(3)}.get(
        function, 2.0
    )


def shown(amplitude_v: float, unit: str, function: str, load_ohm: float) -> float:
    """Give an amplitude in the unit that is asked for: VPP, VRMS or DBM."""
    rms_v = amplitude_v / crest(function)
    if unit == "DBM":
        return 10 * math.log10(max(rms_v, 1e-12) ** 2 / load_ohm / 1e-3)
    return rms_v if unit == "VRMS" else amplitude_v


def meant(value: float, unit: str, function: str, load_ohm: float) -> float:
    """Give the peak to peak amplitude (V) of a value in a unit."""
    if unit == "DBM":
        return math.sqrt(10 ** (value / 10) * 1e-3 * load_ohm) * crest(function)
    return value * crest(function) if unit == "VRMS" else value
