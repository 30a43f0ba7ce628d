"""Staircases in programs: what an SMU plays as one sweep of its own."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.program import Program

Floats = NDArray[np.float64]

UNEVEN_S = 100e-6
"""Longest edge, and how much the delays of the steps may differ (s): an SMU has its own edges."""
OWN_SHARE = 0.25
"""Most that an SMU's own time may add to a step: limits and ledger do not count it (share)."""
EXPANDED = 65_536
"""Segments that a staircase may have at most, repeats included."""


class Stairs(NamedTuple):
    """Levels that are all played alike.

    Attributes
    ----------
    levels_v : (steps,) float64
        Voltage of each step.
    delay_s, aperture_s : float
        Time before each measurement, edge included, and time of the measurement.
    """

    levels_v: Floats
    delay_s: float
    aperture_s: float


def stairs_of(program: Program, most_levels: int) -> Stairs | None:
    """Find levels, delay and aperture: each step an edge, a dwell and one measured segment.

    None if the program is anything else, or has more levels. The last edge, to 0 V, is the
    instrument's own.
    """
    order = _expanded(program, most_levels)
    if order is None:
        return None
    columns = (program.duration_s, program.start_v, program.stop_v)
    duration_s, start_v, stop_v = (values[order, 0] for values in columns)
    look = program.look[order] > 0
    last = np.flatnonzero(look)
    # which step each segment belongs to; what comes after the last look has a number of its own
    step: NDArray[np.int64] = np.cumsum(look) - look
    first = np.concatenate(([0], last[:-1] + 1))
    flat = start_v == stop_v
    opening = np.zeros(len(order), bool)
    opening[first] = True
    tail: NDArray[np.bool_] = step == len(last)
    edge = ~flat | tail
    even = (
        not (edge & ~(opening | tail)).any()
        and flat[last].all()
        and tail.sum() <= 1
        and duration_s[edge].max(initial=0.0) <= UNEVEN_S
    )
    before_s = np.bincount(step[~look & ~tail], duration_s[~look & ~tail], len(last))
    measured_s = duration_s[last]
    if not even or np.ptp(before_s) > UNEVEN_S or np.ptp(measured_s) > 1e-9:
        return None
    return Stairs(start_v[last], float(before_s.max()), float(measured_s[0]))


def _expanded(program: Program, most_levels: int) -> NDArray[np.int64] | None:
    """List the segments in the order of play."""
    units = program.units.tolist()
    segments = sum((last - first) * repeats for first, last, repeats in units)
    looks = len(program.timeline.look) if segments <= EXPANDED else 0
    if not 1 <= looks <= most_levels:
        return None
    return np.concatenate(
        [np.tile(np.arange(first, last), repeats) for first, last, repeats in units]
    )
