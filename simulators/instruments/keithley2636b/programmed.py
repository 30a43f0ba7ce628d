"""What follows from the settings of a channel: levels, limits, ranges, integration."""

from typing import Any

from hil.simulators.instruments.keithley2636b.model import MODEL
from hil.simulators.instruments.keithley2636b.settings import DEFAULTS
from hil.simulators.instruments.smu.model import Integration, Level

LEAST_SWEEP_LIMIT = 0.1
"""Least limit in a sweep, of the range of the larger one of the sweep's and the normal limit
(2600B manual, `smuX.trigger.source.limitY`)."""


class Programmed:
    """The settings of a channel and what follows from them.

    Parameters
    ----------
    line_hz : float
        Line frequency (Hz).

    Attributes
    ----------
    values : dict
        All settings by their TSP names, such as "source.levelv".
    """

    def __init__(self, line_hz: float) -> None:
        self.values: dict[str, Any] = dict(DEFAULTS)
        self._line_hz = line_hz

    @property
    def programmed(self) -> Level:
        """The level that is set, outside of a sweep."""
        if self.values["source.func"]:
            return Level(False, self.values["source.levelv"], self.values["source.limiti"])
        return Level(True, self.values["source.leveli"], self.values["source.limitv"])

    def swept_level(self, value: float, *, current: bool) -> Level:
        """Give a level of a sweep within its limit."""
        name = "limitv" if current else "limiti"
        normal, own = self.values[f"source.{name}"], self.values[f"trigger.source.{name}"]
        widest = MODEL.range_of(max(normal, own), current=not current)
        return Level(current, value, max(own or normal, LEAST_SWEEP_LIMIT * widest))

    @property
    def range_v(self) -> float:
        """Source range (V)."""
        if self.values["source.autorangev"]:
            return MODEL.range_of(self.values["source.levelv"], current=False)
        return float(self.values["source.rangev"])

    @property
    def range_a(self) -> float:
        """Source range (A)."""
        if self.values["source.autorangei"]:
            return max(1e-9, MODEL.range_of(self.values["source.leveli"], current=True))
        return float(self.values["source.rangei"])

    @property
    def integration(self) -> Integration:
        """How it measures now."""
        values = self.values
        averaged = values["measure.filter.count"] if values["measure.filter.enable"] else 1
        aperture_s = values["measure.nplc"] / self._line_hz * averaged
        return Integration(
            aperture_s=aperture_s,
            cycles=values["measure.nplc"] * averaged,
            fixed_a=None if values["measure.autorangei"] else values["measure.rangei"],
            fixed_v=None if values["measure.autorangev"] else values["measure.rangev"],
            lowest_a=values["measure.lowrangei"],
            lowest_v=values["measure.lowrangev"],
        )
