"""What the two JART VCM models share: parameters, physical constants, fresh cells.

Source: JART VCM v1b, the Verilog-A files and the User Guide of May 2021 (emrl.de/JART.html); C.
Bengel et al., IEEE TCAS-I 67(12) 4618 (2020), doi 10.1109/TCSI.2020.3018502. What is here holds
for the full current (`jart`) and for the fitted one (`jart_fit`); each says in its module which
choices it makes.

Not modelled: see there.
"""

import math
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Floats
from hil.simulators.models.model import State
from hil.simulators.models.published import Published, within
from hil.units import quantity

CHARGE = 2.0
"""z: charge number of an oxygen vacancy (all three files)."""

PER_M3 = "vacancies (1e26 per m^3)"

Range = tuple[float, float]

WALKERS = ("n_min", "n_max", "r", "l")
"""What may change from half cycle to half cycle, each within a range."""


class Constants(NamedTuple):
    """Elementary charge (C), Boltzmann's and Planck's constant, eps0 (SI), pi."""

    charge: float
    boltzmann: float
    planck: float
    permittivity: float
    pi: float


CONSTANTS = {
    "si": Constants(1.602176634e-19, 1.380649e-23, 6.62607015e-34, 8.8541878128e-12, math.pi),
    "2020": Constants(1.602e-19, 1.3807e-23, 6.626e-34, 8.854e-12, 3.1416),
}
"""CODATA 2018, and those of JART_VCM_v1b.va of 17.02.2020."""


class Vcm(Published, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of JART VCM v1b with their published defaults; the state has N, r and l."""

    rth0_k_per_w: Annotated[
        float, quantity("K/W", "thermal resistance at r = rdet", gt=0), within(1e6, 2e7)
    ] = 15.72e6
    flim: Annotated[bool, Meta(description="slow down towards the bounds of N")] = True
    constants: Annotated[
        Literal["si", "2020"], Meta(description="physical constants: SI, or the .va's of 2020")
    ] = "si"
    temperature_k: Annotated[float, quantity("K", "ambient", gt=0), within(100, 500)] = 293.0
    un_m2_per_vs: Annotated[
        float, quantity("m2/Vs", "electron mobility", gt=0), within(1e-6, 1e-5)
    ] = 4e-6
    n_max: Annotated[
        float, quantity("1", f"largest N (LRS), {PER_M3}", gt=0), within(1e-3, 1100)
    ] = 20.0
    n_min: Annotated[float, quantity("1", f"least N (HRS), {PER_M3}", gt=0), within(1e-4, 100)] = (
        0.008
    )
    n_plug: Annotated[float, quantity("1", f"in the plug, {PER_M3}", gt=0), within(1e-3, 100)] = (
        20.0
    )
    initial_n_disc: (
        Annotated[
            float,
            quantity("1", f"N of a fresh cell, n_min if left out, {PER_M3}", gt=0),
            within(1e-4, 1000),
        ]
        | None
    ) = None
    a_m: Annotated[float, quantity("m", "hopping distance", gt=0), within(1e-10, 1e-9)] = 0.25e-9
    ny0_hz: Annotated[float, quantity("Hz", "attempt frequency", gt=0), within(1e10, 1e14)] = 2e13
    dwa_ev: Annotated[float, quantity("eV", "hopping barrier", gt=0), within(0.8, 1.5)] = 1.35
    r_m: Annotated[float, quantity("m", "radius of the filament", gt=0), within(5e-9, 100e-9)] = (
        45e-9
    )
    rdet_m: Annotated[
        float, quantity("m", "radius that rth0 belongs to", gt=0), within(5e-9, 100e-9)
    ] = 45e-9
    lcell_m: Annotated[
        float, quantity("m", "length of disc and plug", gt=0), within(2e-9, 5e-9)
    ] = 3e-9
    l_m: Annotated[float, quantity("m", "length of the disc", gt=0), within(0.1e-9, 5e-9)] = 0.4e-9
    rth_scaling: Annotated[
        float, quantity("1", "factor of rth0 at V > 0", gt=0), within(0.1, 1)
    ] = 0.27
    rtiox_ohm: Annotated[float, quantity("ohm", "TiOx layer", ge=0), within(0, 5000)] = 650.0
    r0_ohm: Annotated[float, quantity("ohm", "line at ambient temperature", ge=0)] = 719.2437
    rthline_k_per_w: Annotated[float, quantity("K/W", "thermal resistance of the line", ge=0)] = (
        90471.47
    )
    alphaline_per_k: Annotated[
        float, quantity("1/K", "temperature coefficient of the line", ge=0)
    ] = 3.92e-3
    n_min_range: Annotated[Range, quantity("1", f"n_min walks in, {PER_M3}")] = (0.004, 0.016)
    n_max_range: Annotated[Range, quantity("1", f"n_max walks in, {PER_M3}")] = (18.0, 22.0)
    r_range: Annotated[Range, quantity("m", "r walks in")] = (40.5e-9, 49.5e-9)
    l_range: Annotated[Range, quantity("m", "l walks in")] = (0.36e-9, 0.44e-9)

    set_polarity: ClassVar[int] = -1
    memory: ClassVar[str] = "n_disc_1e26_per_m3"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.constants not in CONSTANTS:
            raise ConfigError(
                f"constants is {self.constants!r}; it is 'si', or '2020' as in the {self.source}"
            )
        self._check_order("n_min", "n_max", f" {PER_M3}")
        if self.initial_n_disc is not None:
            self._check_order("n_min", "initial_n_disc", f" {PER_M3}")
            self._check_order("initial_n_disc", "n_max", f" {PER_M3}")
        self._check_order("l_m", "lcell_m", " m")
        for name in WALKERS:
            self._check_range(name)
        self._check_extents()

    def _check_order(self, less: str, more: str, unit: str) -> None:
        low, high = getattr(self, less), getattr(self, more)
        if low > high:
            raise ConfigError(
                f"{less} is {low:g}{unit}; it must be at most {more}, {high:g}{unit}"
            )

    def _check_range(self, name: str) -> None:
        """Raise for a range that is none, or that a walk does not begin in."""
        low, high = getattr(self, f"{name}_range")
        if not 0.0 < low <= high < math.inf:
            raise ConfigError(
                f"{name}_range is {low:g} to {high:g}; it must be a range of numbers above 0"
            )
        value = getattr(self, name if name.startswith("n") else f"{name}_m")
        if name in self._walking() and not low <= value <= high:
            raise ConfigError(
                f"{name} is {value:g}, outside its {name}_range {low:g} to {high:g}; "
                f"widen the range or leave out what makes {name} walk"
            )

    def _check_extents(self) -> None:
        """Raise for walks that could bring n_min above n_max, or make the disc too long."""
        (_, n_min), (n_max, _), (_, l_m) = map(self._extent, ("n_min", "n_max", "l"))
        if n_min > n_max:
            raise ConfigError(
                f"n_min walks up to {n_min:g} and n_max down to {n_max:g} {PER_M3}; n_min must "
                "stay at most n_max, so narrow their ranges or steps"
            )
        if l_m > self.lcell_m:
            raise ConfigError(
                f"l walks up to {l_m:g} m, but lcell_m, the length of disc and plug, is "
                f"{self.lcell_m:g} m; narrow its range or step"
            )

    def _extent(self, name: str) -> Range:
        """Tell between which values one of WALKERS keeps."""
        walked: Range = getattr(self, f"{name}_range")
        value = getattr(self, name if name.startswith("n") else f"{name}_m")
        return walked if name in self._walking() else (value, value)

    def _walking(self) -> tuple[str, ...]:
        """Name which of WALKERS have to begin within their ranges."""
        raise NotImplementedError

    def start(self, state: State) -> None:
        """Make fresh cells in HRS, or where initial_n_disc says, with their own geometry."""
        for column, name in (
            ("radius_m", "r_m"), ("radius_new_m", "r_m"), ("length_m", "l_m"),
            ("length_new_m", "l_m"), ("n_low_1e26_per_m3", "n_min"),
            ("n_high_1e26_per_m3", "n_max"),
        ):  # fmt: skip
            state[column] = self.parameter(name, state)
        fresh = self.initial_n_disc
        state[self.memory] = state["n_low_1e26_per_m3"] if fresh is None else fresh

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Give the bounds of N of the current half cycle."""
        return state["n_low_1e26_per_m3"].copy(), state["n_high_1e26_per_m3"].copy()


def each(state: State, voltage_v: ArrayLike) -> tuple[tuple[int, ...], NDArray[Any], Floats]:
    """Pair each voltage with its cell: the result's shape, indices of cells, voltages."""
    volts = np.asarray(voltage_v, float)
    shape = np.broadcast_shapes(volts.shape, state.shape)
    cells = np.broadcast_to(np.arange(len(state)), shape)
    return shape, cells.flatten(), np.broadcast_to(volts, shape).flatten()
