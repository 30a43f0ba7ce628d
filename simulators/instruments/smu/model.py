"""What a source measure channel is like, what it is told to do, and what it reads."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.simulators.models.drive import Floats

Flags = NDArray[np.bool_]

OVERRANGE = 1.05
"""A range goes on to 105 % of its name (SPEC-2400 and the data sheets of 2450 and 2600B)."""


class Accuracy(NamedTuple):
    """How far off a range may be within a year of its calibration.

    Attributes
    ----------
    range : float
        V or A.
    gain : float
        Part of the reading.
    offset : float
        V or A.
    """

    range: float
    gain: float
    offset: float


class ChannelModel(NamedTuple):
    """What a channel can do.

    Attributes
    ----------
    ranges_v, ranges_a : tuple of float
        Of source and meter, the smallest one first (V, A).
    envelope : tuple of (float, float)
        Most voltage (V) with the most current (A) up to there, the lowest voltage first.
    edge_s : float
        How long the source takes to a new level (s).
    counts : int
        Counts of the meter from zero to the name of a range.
    noise : float
        White noise of a reading of one power line cycle, part of the range, rms.
    source_v, measured_v, measured_a : tuple of Accuracy
        By range; a range that is not named has the gain and the relative offset of the nearest.
    """

    ranges_v: tuple[float, ...]
    ranges_a: tuple[float, ...]
    envelope: tuple[tuple[float, float], ...]
    edge_s: float
    counts: int
    noise: float
    source_v: tuple[Accuracy, ...] = ()
    measured_v: tuple[Accuracy, ...] = ()
    measured_a: tuple[Accuracy, ...] = ()

    def most_a(self, voltage_v: float) -> float:
        """Tell the most current at a voltage (A); 0 where the voltage is beyond all."""
        reached = (amperes for volts, amperes in self.envelope if abs(voltage_v) <= volts)
        return next(reached, 0.0)

    def range_of(self, value: float, *, current: bool) -> float:
        """Choose the smallest range that holds a value with 5 % to spare, or the largest one."""
        ranges = self.ranges_a if current else self.ranges_v
        return float(held(ranges, np.array([abs(value)]))[0])


class Level(NamedTuple):
    """What a source is told to do.

    Attributes
    ----------
    current : bool
        Whether it forces a current; else a voltage.
    value : float
        V or A.
    limit : float
        Of the other quantity (A or V), positive.
    """

    current: bool
    value: float
    limit: float

    @property
    def open_v(self) -> float:
        """Voltage without a load (V): a current source goes as far as its limit."""
        if not self.current:
            return self.value
        return float(np.copysign(self.limit, self.value)) if self.value else 0.0

    @property
    def limit_a(self) -> float:
        """Current that it does not exceed (A)."""
        if not self.current:
            return self.limit
        return abs(self.value) or np.inf

    def in_compliance(self, limited: Flags) -> Flags:
        """Tell compliance from whether the current was held."""
        return ~limited if self.current and self.value else limited


class Integration(NamedTuple):
    """How a channel measures.

    Attributes
    ----------
    aperture_s : float
        Integration time (s).
    cycles : float
        The same in power line cycles, times the readings that are averaged; for the noise.
    fixed_a, fixed_v : float, optional
        Fixed measure range (A, V); chosen by the reading if left out.
    lowest_a, lowest_v : float
        Lowest range that is chosen (A, V).
    """

    aperture_s: float
    cycles: float
    fixed_a: float | None = None
    fixed_v: float | None = None
    lowest_a: float = 0.0
    lowest_v: float = 0.0


class Step(NamedTuple):
    """A part of a sweep or a pulse: go to a level at once, stay, be measured or not.

    The integration ends with the step, whose duration holds the edge to the level as well.
    """

    level: Level
    lasting_s: float
    measured: bool = False


class Reading(NamedTuple):
    """What was measured, each (readings,).

    Attributes
    ----------
    time_s : float64
        The end of the integration, in the lab's time.
    voltage_v, current_a : float64
        At the terminals; the end of the range where it was beyond it.
    level : float64
        What was forced, as programmed (V or A).
    compliance : bool
        Whether the source was held by its limit.
    over_v, over_a : bool
        Whether the voltage or the current was beyond the measure range.
    range_v, range_a : float64
        The measure ranges.
    """

    time_s: Floats
    voltage_v: Floats
    current_a: Floats
    level: Floats
    compliance: Flags
    over_v: Flags
    over_a: Flags
    range_v: Floats
    range_a: Floats


def held(ranges: tuple[float, ...], values: Floats) -> Floats:
    """Choose for each value the smallest range that holds it with 5 % to spare."""
    ends = np.array(ranges)
    places = np.searchsorted(ends * OVERRANGE * (1 + 1e-12), values)
    return ends[np.minimum(places, len(ends) - 1)]
