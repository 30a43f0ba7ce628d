"""Where a device's conductance is stopped (eq. 3 of Yousuf 2023), from readings or from a person.

A step that would have gone beyond a bound ends there, and only that it would have is known: such
readings are observations of their own kind (J. Tobin, Econometrica 26, 24 (1958)). Without read
noise they lie on the bound, and are found by that. With read noise they lie about it. A reading
beyond a limit some tau inside of the bound then still says that the step would have taken it
there, whether it was stopped behind the limit or not; so the limit, not the bound, is what counts
as a stop, and the readings between the two are given up for that.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.reading.read_noise import ReadNoise
from hil.units import format_quantity

Floats = NDArray[np.float64]

_GRAIN = 1e-6
"""Readings nearer together than this part of their range count as one."""

_ROUNDED = 1e-4
"""How far beyond a bound a reading may lie without noise, over the range: it was rounded."""

_INSIDE, _BEYOND = 3.0, 5.0
"""How many tau inside of a bound a reading counts as stopped, and may lie beyond it."""


class Bounds(NamedTuple):
    """Bounds of the device, and where its readings count as stopped (S); infinite for none."""

    low_s: float
    high_s: float
    stop_low_s: float
    stop_high_s: float


def found_bounds(after_s: Floats) -> Bounds:
    """Find bounds in readings after pulses: where three or more pile up at one end.

    They must be clearly more than lie together elsewhere, as they do in rounded readings: more
    than the mean m of the readings next to them, plus ``5 sqrt(m - 1) + 1``.
    """
    ordered = np.sort(after_s)
    low_s = float(ordered[0]) if _piled(ordered - ordered[0]) else -np.inf
    high_s = float(ordered[-1]) if _piled(ordered[-1] - ordered[::-1]) else np.inf
    return Bounds(low_s, high_s, low_s, high_s)


def _piled(away_s: Floats) -> bool:
    """Tell whether readings pile up at one end, from their distances from it, rising."""
    if away_s[-1] <= 0:
        return False
    cells = np.round(away_s / (_GRAIN * away_s[-1]))
    pile = int(np.searchsorted(cells, 0.5))
    rest = np.unique(cells[pile : pile + max(200, 10 * pile)], return_counts=True)[1]
    usual = float(rest[:-1].mean()) if len(rest) > 1 else float(rest.mean())
    return pile >= 3 and pile > usual + 5 * np.sqrt(usual - 1) + 1


def given_bounds(bounds_s: tuple[float, float], noise: ReadNoise | None) -> Bounds:
    """Make bounds of what a person says, with the read noise that blurs readings at them.

    Raises
    ------
    ConfigError
        If the bounds are crossed, not above 0, or nearer to each other than ten times the noise.
    """
    low_s, high_s = bounds_s
    if not 0 < low_s < high_s < np.inf:
        raise ConfigError(
            f"bounds {low_s:g} S to {high_s:g} S: the lower must be above 0 and below the upper"
        )
    if noise is None:
        return Bounds(low_s, high_s, low_s, high_s)
    tau_s = noise.at([low_s, high_s])
    stops_s = low_s + _INSIDE * float(tau_s[0]), high_s - _INSIDE * float(tau_s[1])
    if stops_s[1] - stops_s[0] < 0.4 * (high_s - low_s):
        raise ConfigError(
            f"a read noise of {_text(float(tau_s.max()))} rms leaves nothing to see between the "
            f"bounds {_text(low_s)} and {_text(high_s)}; widen them, or read longer"
        )
    return Bounds(low_s, high_s, *stops_s)


def refuse_beyond(bounds: Bounds, readings_s: Floats, where: str) -> None:
    """Raise ConfigError for readings further beyond given bounds than noise and rounding go."""
    slack_s = _ROUNDED * (bounds.high_s - bounds.low_s)
    ends_s = (
        bounds.low_s - max(slack_s, _BEYOND / _INSIDE * (bounds.stop_low_s - bounds.low_s)),
        bounds.high_s + max(slack_s, _BEYOND / _INSIDE * (bounds.high_s - bounds.stop_high_s)),
    )
    beyond = (readings_s < ends_s[0]) | (readings_s > ends_s[1])
    if beyond.any():
        raise ConfigError(
            f"{int(beyond.sum()):,} of {len(readings_s):,} readings of {where} lie beyond the "
            f"bounds {_text(bounds.low_s)} to {_text(bounds.high_s)} "
            f"({_text(float(readings_s.min()))} to {_text(float(readings_s.max()))}); widen them, "
            "check the unit, or say how large the read noise is"
        )


def bounded(points: Points, bounds: Bounds) -> Points:
    """Put bounds to points: what ends at a stop or beyond it ends there.

    Points that begin beyond a stop are left out; as this is decided by their conductance before
    the pulse alone, the rest are as they would be.
    """
    low_s, high_s = bounds.stop_low_s, bounds.stop_high_s
    before_s, after_s = points.conductance_s, points.after_s
    if (low_s, high_s) != bounds[:2]:
        kept = (before_s > low_s) & (before_s < high_s)
        before_s, after_s = before_s[kept], after_s[kept]
    grain_s = _GRAIN * float(np.ptp(after_s)) if after_s.size else 0.0
    after_s = np.where(after_s <= low_s + grain_s, low_s, after_s)
    after_s = np.where(after_s >= high_s - grain_s, high_s, after_s)
    before_s = np.clip(before_s, low_s, high_s)
    return Points(points.voltage_v, before_s, after_s - before_s, low_s, high_s)


def _text(conductance_s: float) -> str:
    return format_quantity(conductance_s, "S", 3)
