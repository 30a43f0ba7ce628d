"""What an ammeter and a voltmeter make of what they measure: averaging, noise, resolution.

A simulated bench and a virtual instrument with the same read-out give the same numbers.
"""

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.units import quantity

Floats = NDArray[np.float64]


class Readout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the meters of a bench are like; the default is a perfect one."""

    noise_a: Annotated[float, quantity("A", "white noise of one reading, rms", ge=0)] = 0.0
    range_a: (
        Annotated[float, quantity("A", "fixed measuring range; none if left out", gt=0)] | None
    ) = None
    voltage_range_v: (
        Annotated[
            float,
            quantity("V", "range of the voltmeter; left out: told by the current", gt=0),
        ]
        | None
    ) = None
    counts: Annotated[int, Meta(ge=2, description="counts from zero to the end of a range")] = (
        32768
    )
    samples: Annotated[
        int, Meta(ge=1, le=1000, description="averaged over an aperture; 1 is what its end shows")
    ] = 1
    digits: (
        Annotated[int, Meta(ge=2, le=17, description="significant digits in which it tells")]
        | None
    ) = None

    def measured(
        self, current_a: Floats, voltage_v: Floats, noise: Floats | None = None
    ) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Turn what flows into what is read.

        Parameters
        ----------
        current_a, voltage_v : (readings * samples, cells) float64
            True values at the ends of the equal parts of each measured window.
        noise : (readings, cells) float64, optional
            Standard normal numbers, one for each reading.

        Returns
        -------
        current_a, voltage_v : (readings, cells) float64
            As the instrument tells them.
        over : (readings, cells) bool
            Whether the current was beyond the range; it reads the end of the range then.
        """
        current_a, voltage_v = self._averaged(current_a), self._averaged(voltage_v)
        if noise is not None:
            current_a = current_a + self.noise_a * noise
        current_a, over = self._counted(current_a, self.range_a)
        voltage_v, _ = self._counted(voltage_v, self.voltage_range_v)
        return self._told(current_a), self._told(voltage_v), over

    def _averaged(self, values: Floats) -> Floats:
        if self.samples == 1:
            return values
        parts = values.reshape(-1, self.samples, values.shape[1])
        mean: Floats = parts.mean(axis=1)
        return mean

    def _counted(self, values: Floats, end: float | None) -> tuple[Floats, NDArray[np.bool_]]:
        """Round to counts of a range; beyond its end it reads the end."""
        if end is None:
            return values, np.zeros(values.shape, np.bool_)
        count = end / self.counts
        rounded: Floats = np.rint(values / count) * count
        over = np.abs(rounded) > end
        return np.clip(rounded, -end, end), over

    def _told(self, values: Floats) -> Floats:
        if self.digits is None:
            return values
        form = f".{self.digits}g"
        told = [float(format(value, form)) for value in values.ravel().tolist()]
        return np.array(told).reshape(values.shape)
