"""One period of what a generator puts out, as linear segments between -1 (LOW) and +1 (HIGH)."""

import numpy as np

from hil.simulators.models.drive import Floats

TENTH_TO_NINTH = 0.8
"""An edge is told from 10 to 90 %, which is this part of it (33500 Series user's guide, pulse)."""
_SINE_SEGMENTS = 64


class Shape:
    """Segments of one period.

    Attributes
    ----------
    duration_s, start, stop : (segments,) float64
        Times (s), and levels from -1 to +1.
    rest : float
        Where it stands before and after it was played.
    """

    def __init__(self, duration_s: Floats, start: Floats, stop: Floats, rest: float) -> None:
        taken = duration_s > 0
        self.duration_s = duration_s[taken]
        self.start = start[taken]
        self.stop = stop[taken]
        self.rest = rest

    @property
    def lasting_s(self) -> float:
        """The period (s)."""
        return float(self.duration_s.sum())


def pulse(period_s: float, width_s: float, lead_s: float, trail_s: float) -> Shape:
    """Make a pulse; the width lies between its 50 % points, edges are told from 10 to 90 %."""
    rise_s, fall_s = lead_s / TENTH_TO_NINTH, trail_s / TENTH_TO_NINTH
    top_s = max(width_s - (rise_s + fall_s) / 2, 0.0)
    rest_s = max(period_s - rise_s - top_s - fall_s, 0.0)
    return _through([rise_s, top_s, fall_s, rest_s], [-1.0, 1.0, 1.0, -1.0, -1.0])


def square(period_s: float, duty: float) -> Shape:
    """Make a square wave without edges; *duty* from 0 to 1."""
    high_s = period_s * duty
    levels = np.array([1.0, -1.0])
    return Shape(np.array([high_s, period_s - high_s]), levels, levels, -1.0)


def ramp(period_s: float, symmetry: float) -> Shape:
    """Make a ramp up and down; *symmetry* is the part that rises, from 0 to 1."""
    rise_s = period_s * symmetry
    return _through([rise_s, period_s - rise_s], [-1.0, 1.0, -1.0])


def sine(period_s: float) -> Shape:
    """Make a sine of straight pieces."""
    levels = np.sin(np.linspace(0, 2 * np.pi, _SINE_SEGMENTS + 1))
    return _through([period_s / _SINE_SEGMENTS] * _SINE_SEGMENTS, levels)


def points(levels: Floats, period_s: float, *, steps: bool) -> Shape:
    """Make a waveform of points, with steps or straight lines between them."""
    count = len(levels)
    durations = np.full(count, period_s / count)
    after = levels if steps else np.roll(levels, -1)
    return Shape(durations, levels, after, float(levels[0]))


def flat(level: float = 0.0) -> Shape:
    """Make what stands still."""
    return Shape(np.array([1.0]), np.array([level]), np.array([level]), level)


def _through(durations_s: list[float], levels: "list[float] | Floats") -> Shape:
    corners = np.asarray(levels)
    return Shape(np.array(durations_s), corners[:-1], corners[1:], float(corners[0]))
