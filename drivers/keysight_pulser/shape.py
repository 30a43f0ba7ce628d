"""Between a train of pulses and what a generator is told: levels, width, transitions; pure."""

import math
from typing import NamedTuple

from hil.drivers.keysight_pulser.unconfirmed import (
    EDGE_SHARE,
    LEVEL_SHARE,
    LEVEL_STEP_V,
    TIME_SHARE,
    TIME_STEP_S,
    WIDTH_EDGES,
)
from hil.drivers.roles import PulserReach, Train
from hil.errors import ConfigError, InstrumentError, NotSupported
from hil.units import format_quantity

_ROUNDING = 1e-9
"""What arithmetic leaves behind (share)."""

LONGEST_S = 1e6
"""Longest period of both generators, and so of all that is in it (s)."""

FENCE_SHARE = 0.01
"""How far a limit may be held off the one that was asked for (share): it has few digits."""


class Levels(NamedTuple):
    """The two levels of a pulse, open circuit (V); inverted it rests at the higher one."""

    high_v: float
    low_v: float
    inverted: bool

    @classmethod
    def of(cls, level_v: float) -> "Levels":
        """Make those of a pulse from 0 V."""
        return cls(level_v, 0.0, False) if level_v > 0 else cls(0.0, level_v, True)

    @property
    def rest_v(self) -> float:
        """Where it rests (V)."""
        return self.high_v if self.inverted else self.low_v

    @property
    def top_v(self) -> float:
        """Where the pulse goes (V)."""
        return self.low_v if self.inverted else self.high_v


class Times(NamedTuple):
    """Times as a generator counts them (s): transitions 10-90 %, width 50-50 %."""

    period_s: float
    width_s: float
    leading_s: float
    trailing_s: float


def times_of(train: Train) -> Times:
    """Tell what the times of a train are to a generator."""
    width_s = train.high_s + WIDTH_EDGES * (train.rise_s + train.fall_s)
    return Times(train.period_s, width_s, EDGE_SHARE * train.rise_s, EDGE_SHARE * train.fall_s)


def train_of(levels: Levels, times: Times, pulses: int) -> Train:
    """Tell what comes out of a generator that holds this."""
    rise_s, fall_s = times.leading_s / EDGE_SHARE, times.trailing_s / EDGE_SHARE
    high_s = times.width_s - WIDTH_EDGES * (rise_s + fall_s)
    return Train(levels.top_v, rise_s, high_s, fall_s, times.period_s, pulses)


def refuse(train: Train, reach: PulserReach, name: str) -> None:
    """Compare a train with what a generator can do.

    Raises
    ------
    ConfigError
        It is no train: a number is NaN, or there is no pulse.
    NotSupported
        The generator called *name* cannot make it.
    """
    if not all(map(math.isfinite, train)) or train.pulses < 1 or train.pulses % 1:
        raise ConfigError(f"a train is made of finite numbers and whole pulses, not of {train}")
    level_v = abs(train.level_v)
    if not reach.least_v * (1 - _ROUNDING) <= level_v <= reach.most_v * (1 + _ROUNDING):
        raise NotSupported(
            f"the {name} makes pulses of {reach.least_v:.3g} V to {reach.most_v:.3g} V (open "
            f"circuit), not of {level_v:.4g} V"
        )
    if train.pulses > reach.most_pulses:
        raise NotSupported(
            f"the {name} plays up to {reach.most_pulses} pulses in one go, not {train.pulses}"
        )
    for what, asked_s, least_s, most_s in (
        ("flat top", train.high_s, reach.least_high_s, LONGEST_S),
        ("rising edge", train.rise_s, reach.least_edge_s, reach.most_edge_s),
        ("falling edge", train.fall_s, reach.least_edge_s, reach.most_edge_s),
        ("period", train.period_s, reach.least_period_s, LONGEST_S),
    ):
        if not least_s * (1 - _ROUNDING) <= asked_s <= most_s * (1 + _ROUNDING):
            raise NotSupported(
                f"the {name} has a {what} from {format_quantity(least_s, 's', 3)} to "
                f"{format_quantity(most_s, 's', 3)}, not of {format_quantity(asked_s, 's')}"
            )
    whole_s = train.rise_s + train.high_s + train.fall_s
    if train.period_s < whole_s * (1 - _ROUNDING):
        raise NotSupported(
            f"a pulse lasts {format_quantity(whole_s, 's')} and the next one begins after "
            f"{format_quantity(train.period_s, 's')}; make the period longer"
        )
    times = times_of(train)
    room_s = reach.edge_room * (train.rise_s + train.fall_s)
    if min(times.width_s, times.period_s - times.width_s) < room_s * (1 - _ROUNDING):
        raise NotSupported(
            f"the {name} needs more of a pulse and of the pause after it for edges of "
            f"{format_quantity(train.rise_s, 's')} and {format_quantity(train.fall_s, 's')}; make "
            "the edges shorter, or flat top and period longer"
        )


def refuse_other(held: Train, asked: Train, rest_v: float, name: str) -> None:
    """Raise InstrumentError if a generator holds another train than it was told, or rests off 0 V.

    The times may differ by what its digits leave open, a level by 1 % at most.
    """
    step_v = min(LEVEL_STEP_V, 0.01 * abs(asked.level_v))
    slack_v = max(step_v, LEVEL_SHARE * abs(asked.level_v)) * (1 + _ROUNDING)
    wrong = abs(held.level_v - asked.level_v) > slack_v or abs(rest_v) > step_v
    for had_s, wanted_s in zip(held[1:5], asked[1:5], strict=True):
        wrong |= abs(had_s - wanted_s) > TIME_SHARE * wanted_s + 2 * TIME_STEP_S
    if wrong or held.pulses != asked.pulses:
        raise InstrumentError(
            f"the {name} holds {_told(held)}, resting at {rest_v:.6g} V, where {_told(asked)} was "
            "set; it was not used: look at the instrument"
        )


def _told(train: Train) -> str:
    edges = ", ".join(format_quantity(t, "s") for t in train[1:5])
    return f"{train.pulses} x {train.level_v:.6g} V ({edges})"


def refuse_other_limits(held: tuple[float, float], asked: tuple[float, float], name: str) -> None:
    """Raise InstrumentError if a generator holds other voltage limits than it was told (V)."""
    for held_v, asked_v in zip(held, asked, strict=True):
        if abs(held_v - asked_v) > max(FENCE_SHARE * abs(asked_v), LEVEL_STEP_V) + _ROUNDING:
            raise InstrumentError(
                f"the {name} holds limits of {held[0]:.6g} V to {held[1]:.6g} V where "
                f"{asked[0]:.6g} V to {asked[1]:.6g} V were set; it was not used: look at the "
                "instrument"
            )


def resting(fence: tuple[float, float] | None, least_v: float, name: str) -> Levels:
    """Find the smallest pulse from 0 V that is within the limits."""
    low_v, high_v = (-math.inf, math.inf) if fence is None else fence
    for level_v in (least_v, -least_v):
        if low_v <= level_v <= high_v:
            return Levels.of(level_v)
    raise NotSupported(
        f"the smallest pulse of the {name}, {least_v:.3g} V, is beyond limits of {low_v:.4g} V to "
        f"{high_v:.4g} V; it cannot be used with them"
    )
