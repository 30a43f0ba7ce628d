"""Noise of the cell itself, as a reading sees it: white, 1/f and random telegraph noise."""

import math
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.layers.layer import Columns, Layer, ohmic
from hil.simulators.models.layers.noise_kernel import fluctuate
from hil.simulators.models.model import Device, State
from hil.units import quantity

_LEAST = 0.01
"""No fluctuation takes a conductance below this part of itself."""

_COMPONENTS = 24
"""Streams of `hil.draws` that there are for the slow components."""


class Telegraph(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trap that is full or empty: two levels, each left at random after its mean time."""

    step: Annotated[
        float, quantity("1", "difference of the levels over the conductance", gt=0, le=1)
    ]
    high_s: Annotated[float, quantity("s", "mean time at the upper level", gt=0)]
    low_s: Annotated[float, quantity("s", "mean time at the lower level", gt=0)]


class Noise(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Relative fluctuations of the conductance at the readings; the state does not move.

    White noise is fresh at each reading, and at each sample of one that a bench averages. 1/f
    noise is a sum of Ornstein-Uhlenbeck processes whose correlation times lie evenly in log time,
    each with `flicker^2 ln(10) / per_decade` of variance: the one-sided density of ln G is then
    ``flicker^2 / f`` between the corners (F. N. Hooge and P. A. Bobbert, Physica B 239, 223
    (1997): a 1/f spectrum from Lorentzians). Telegraph noise has mean 0. All are exact for any
    times between readings, waiting between programs included.

    Not modelled: noise of the current while a pulse switches, thermal and shot noise, an aperture
    that averages.
    """

    white: Annotated[float, quantity("1", "rms of a reading over its value", ge=0, le=0.5)] = 0.0
    flicker: Annotated[
        float, quantity("1", "square root of the relative 1/f density at 1 Hz", ge=0, le=0.5)
    ] = 0.0
    fastest_s: Annotated[float, quantity("s", "shortest correlation time", gt=0)] = 1e-6
    slowest_s: Annotated[float, quantity("s", "longest correlation time", gt=0)] = 1e5
    per_decade: Annotated[int, msgspec.Meta(ge=1, le=4, description="components a decade")] = 1
    telegraph: Telegraph | None = None

    needed_columns: ClassVar[tuple[str, ...]] = (
        "noise_draws",
        "noise_s",
        "flicker",
        "telegraph",
    )
    ages: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.fastest_s < self.slowest_s:
            raise ConfigError(
                f"noise: fastest_s {self.fastest_s:g} s must be below slowest_s "
                f"{self.slowest_s:g} s"
            )
        if len(self._times_s) > _COMPONENTS:
            raise ConfigError(
                f"noise: {len(self._times_s)} components of 1/f noise are more than "
                f"{_COMPONENTS}; choose fewer a decade, or times closer together"
            )

    @property
    def columns(self) -> Columns:
        """What the noise remembers of each cell."""
        return (
            ("noise_draws", np.int64),
            ("noise_s", np.float64),
            ("flicker", np.float64, len(self._times_s)),
            ("telegraph", np.int8),
        )

    def play(
        self, inner: Device, state: State, cells: NDArray[np.int64], drive: Drive
    ) -> Terminal:
        """Take cells through a drive; what flows at a reading is then changed."""
        seen = inner.play(state, cells, drive)
        look_s = np.ascontiguousarray(drive.look_s + drive.start_s)
        relative = np.empty(seen.current_a.shape)
        trap = self.telegraph or Telegraph(step=1.0, high_s=1.0, low_s=1.0)
        fluctuate(
            state["key"], state["noise_draws"], state["noise_s"], state["flicker"],
            state["telegraph"], cells, look_s, self.white, self._component, self._times_s,
            trap.step if self.telegraph else 0.0, trap.high_s, trap.low_s, relative,
        )  # fmt: skip
        return _changed(seen, relative, drive)

    @property
    def _times_s(self) -> Floats:
        decades = math.log10(self.slowest_s / self.fastest_s)
        count = max(round(decades * self.per_decade), 1) + 1
        return np.geomspace(self.fastest_s, self.slowest_s, count)

    @property
    def _component(self) -> float:
        times_s = self._times_s
        return self.flicker * math.sqrt(math.log(times_s[1] / times_s[0]))


def _changed(seen: Terminal, relative: Floats, drive: Drive) -> Terminal:
    """Give what is at the terminals when the conductances are larger by a relative change.

    The cell is taken for ohmic about its reading, on the load line of the source with its limit.
    At 0 V there is nothing to change.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        conductance_s = np.nan_to_num(seen.current_a / seen.voltage_v, nan=0.0, posinf=0.0)
    changed = ohmic(conductance_s * np.maximum(1 + relative, _LEAST), drive)
    dark = seen.voltage_v == 0
    return Terminal(
        np.where(dark, 0.0, changed.voltage_v), np.where(dark, 0.0, changed.current_a),
        np.where(dark, seen.limited, changed.limited),
    )  # fmt: skip
