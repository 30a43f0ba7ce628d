"""A resistance in series with the cell: electrodes, wires, a resistor on the die."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.layers.layer import Layer
from hil.simulators.models.model import Device, State
from hil.simulators.models.roots import rising_root
from hil.units import quantity


class Series(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A linear resistor that belongs to the device: its voltage counts as the cell's.

    The models solve a resistance in series together with their own equations; here it is added to
    the source's. Not modelled: its own heating.
    """

    series_ohm: Annotated[float, quantity("ohm", "resistance in series with the cell", ge=0)]

    def current_a(self, inner: Device, state: State, voltage_v: ArrayLike) -> Floats:
        """Solve V = v + R I(v) for each cell to rounding, where I(v) grows with v."""
        from scipy.optimize.elementwise import find_root  # half a start if it came with the rest

        place, wanted_v = np.broadcast_arrays(np.arange(len(state)), np.asarray(voltage_v, float))
        shape, place, wanted_v = place.shape, place.ravel(), wanted_v.ravel()

        def miss_v(v: Floats, k: NDArray[np.int64], total_v: Floats) -> Floats:
            return v + self.series_ohm * inner.current_a(state[k], v) - total_v

        ends = (np.minimum(wanted_v, 0.0), np.maximum(wanted_v, 0.0))
        tolerances = {"xrtol": 1e-15, "xatol": 1e-300, "frtol": 0.0, "fatol": 0.0}
        found = find_root(miss_v, ends, args=(place, wanted_v), tolerances=tolerances)
        return inner.current_a(state[place], found.x).reshape(shape)

    def linearised(
        self, inner: Device, state: State, voltage_v: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Solve V = v + R I(v) likewise, with the slope g/(1 + R g) of the two in series."""
        wanted_v = np.broadcast_to(np.asarray(voltage_v, float), state.shape)

        def miss_v(v: Floats) -> tuple[Floats, Floats]:
            current_a, slope_s = inner.linearised(state, v)
            return v + self.series_ohm * current_a - wanted_v, 1.0 + self.series_ohm * slope_s

        inner_v = rising_root(
            miss_v, np.minimum(wanted_v, 0.0), np.maximum(wanted_v, 0.0), 0.5 * wanted_v,
            np.abs(wanted_v),
        )  # fmt: skip
        current_a, slope_s = inner.linearised(state, inner_v)
        return current_a, slope_s / (1.0 + self.series_ohm * slope_s)

    def play(
        self, inner: Device, state: State, cells: NDArray[np.int64], drive: Drive
    ) -> Terminal:
        """Take cells through a drive behind the resistor too."""
        seen = inner.play(state, cells, self._behind(drive))
        voltage_v = seen.voltage_v + seen.current_a * self.series_ohm
        return Terminal(voltage_v, seen.current_a, seen.limited)

    def refuse(self, inner: Device, drive: Drive) -> None:
        """Raise if there is no answer to a drive behind the resistor too."""
        inner.refuse(self._behind(drive))

    def _behind(self, drive: Drive) -> Drive:
        return replace(drive, source_ohm=drive.source_ohm + self.series_ohm)
