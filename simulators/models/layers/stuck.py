"""Cells that no pulse moves: stuck at LRS or at HRS."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.draws import uniforms
from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.layers.layer import Columns, Layer, ohmic
from hil.simulators.models.model import Device, State
from hil.simulators.models.streams import STUCK
from hil.units import quantity


class Stuck(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of the cells is stuck, each drawn by itself; a stuck cell is a resistor."""

    lrs_share: Annotated[float, quantity("1", "share of cells stuck at LRS", ge=0, le=1)] = 0.0
    hrs_share: Annotated[float, quantity("1", "share of cells stuck at HRS", ge=0, le=1)] = 0.0
    lrs_ohm: Annotated[float, quantity("ohm", "resistance of those stuck at LRS", gt=0)] = 2e3
    hrs_ohm: Annotated[float, quantity("ohm", "resistance of those stuck at HRS", gt=0)] = 10e6

    own_columns: ClassVar[Columns] = (("stuck_s", np.float64),)
    """Conductance of a stuck cell, 0 for one that works."""

    def __post_init__(self) -> None:
        if self.lrs_share + self.hrs_share > 1:
            raise ConfigError(
                f"stuck: lrs_share {self.lrs_share:g} and hrs_share {self.hrs_share:g} are more "
                "than all cells"
            )

    def start(self, inner: Device, state: State) -> None:
        """Draw which cells are stuck."""
        share = uniforms(state["key"], STUCK, np.zeros((1, len(state)), np.uint64))[0]
        state["stuck_s"] = np.select(
            [share < self.lrs_share, share < self.lrs_share + self.hrs_share],
            [1 / self.lrs_ohm, 1 / self.hrs_ohm],
        )
        inner.start(state)

    def current_a(self, inner: Device, state: State, voltage_v: ArrayLike) -> Floats:
        """Ohm's law for stuck cells, the device's own for the others."""
        stuck_s = state["stuck_s"]
        flowing_a = stuck_s * np.asarray(voltage_v, float)
        return np.where(stuck_s > 0, flowing_a, inner.current_a(state, voltage_v))

    def linearised(
        self, inner: Device, state: State, voltage_v: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Ohm's law and the conductance for stuck cells, the device's own for the others."""
        return self.linearised_behind(inner, state, voltage_v, 0.0)

    def linearised_behind(
        self, inner: Device, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Likewise, a stuck cell and the resistance being one resistor."""
        current_a, slope_s = inner.linearised_behind(state, voltage_v, series_ohm)
        whole_s = state["stuck_s"] / (1.0 + series_ohm * state["stuck_s"])
        flowing_a = whole_s * np.asarray(voltage_v, float)
        return np.where(whole_s > 0, flowing_a, current_a), np.where(whole_s > 0, whole_s, slope_s)

    def play(
        self, inner: Device, state: State, cells: NDArray[np.int64], drive: Drive
    ) -> Terminal:
        """Take the cells that work through the drive; the others are resistors."""
        stuck_s = state["stuck_s"][cells]
        works = stuck_s == 0
        if works.all():
            return inner.play(state, cells, drive)
        terminal = ohmic(stuck_s, drive)
        places = np.flatnonzero(works)
        if places.size:
            seen = inner.play(state, cells[places], drive.of_columns(places))
            for kept, new in zip(terminal, seen, strict=True):
                kept[:, places] = new
        return terminal
