"""A resistance in series with the cell: electrodes, wires, a resistor on the die."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.layers.layer import Layer
from hil.simulators.models.model import Device, State
from hil.units import quantity


class Series(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A linear resistor that belongs to the device: its voltage counts as the cell's.

    The models solve a resistance in series together with their own equations; here it is added to
    the source's. Not modelled: its own heating.
    """

    series_ohm: Annotated[float, quantity("ohm", "resistance in series with the cell", ge=0)]

    def current_a(self, inner: Device, state: State, voltage_v: ArrayLike) -> Floats:
        """Solve V = v + R I(v) for each cell to rounding, where I(v) grows with v."""
        place, wanted_v = np.broadcast_arrays(np.arange(len(state)), np.asarray(voltage_v, float))
        own = state if place.shape == state.shape else state[place.ravel()]
        current_a, _ = self.linearised(inner, own, wanted_v.ravel())
        return current_a.reshape(place.shape)

    def linearised(
        self, inner: Device, state: State, voltage_v: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Solve it likewise, or let the inner device do so."""
        return inner.linearised_behind(state, voltage_v, self.series_ohm)

    def linearised_behind(
        self, inner: Device, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Solve it with both resistances."""
        return inner.linearised_behind(state, voltage_v, self.series_ohm + series_ohm)

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
