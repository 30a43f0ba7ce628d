"""What the two Stanford models share: the current over the gap, its bounds, and fresh cells.

``I = I0 exp(-gap/g0) sinh(V/V0)`` (Z. Jiang et al., SISPAD 2014; P.-Y. Chen and S. Yu, IEEE Trans.
Electron Devices 62(12) 4022 (2015), doi 10.1109/TED.2015.2492421). How the gap moves is each
model's own, as are the values of I0, g0 and V0.

Not modelled: see there.
"""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from hil.errors import ConfigError
from hil.simulators.models.drive import Floats
from hil.simulators.models.model import State, records
from hil.simulators.models.published import Published
from hil.simulators.models.sinh_kernel import DECAY, gapped
from hil.units import quantity


class Gap(Published, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cells with a gap; who inherits gives the parameters without a value theirs."""

    i0_a: Annotated[float, quantity("A", "current prefactor", gt=0)]
    g0_m: Annotated[float, quantity("m", "decay length of I over gap", gt=0)]
    v0_v: Annotated[float, quantity("V", "scale of the sinh in I", gt=0)]
    a0_m: Annotated[float, quantity("m", "hopping distance", gt=0)] = 0.25e-9
    t_ini_k: Annotated[float, quantity("K", "ambient temperature", gt=0)] = 298.0
    gap_min_m: Annotated[float, quantity("m", "least gap (LRS)", ge=0)]
    gap_max_m: Annotated[float, quantity("m", "largest gap (HRS)", gt=0)] = 1.7e-9
    initial_gap_m: (
        Annotated[float, quantity("m", "gap of a fresh cell; gap_max_m if left out", ge=0)] | None
    ) = None
    gap_tolerance_m: Annotated[
        float, quantity("m", "largest error of one step in the gap", gt=0, le=1e-11)
    ] = 1e-13

    set_polarity: ClassVar[int] = 1
    memory: ClassVar[str] = "gap_m"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.gap_min_m <= self.fresh_gap_m <= self.gap_max_m:
            raise ConfigError(
                f"initial_gap_m is {self.fresh_gap_m:g} m, outside gap_min_m {self.gap_min_m:g} m "
                f"to gap_max_m {self.gap_max_m:g} m; the {self.source} keeps the gap between them"
            )

    @property
    def fresh_gap_m(self) -> float:
        """Gap of a fresh cell (m)."""
        return self.gap_max_m if self.initial_gap_m is None else self.initial_gap_m

    def start(self, state: State) -> None:
        """Make fresh cells, all at the same gap, or each at its own bound."""
        bounds = self.parameter("gap_min_m", state), self.parameter("gap_max_m", state)
        gap_m = bounds[1] if self.initial_gap_m is None else self.initial_gap_m
        state["gap_m"] = np.clip(gap_m, *bounds)

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Give the bounds of the gap."""
        hrs_m, lrs_m = self.parameter("gap_max_m", state), self.parameter("gap_min_m", state)
        return np.full(len(state), hrs_m), np.full(len(state), lrs_m)

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute I0 exp(-gap/g0) sinh(V/V0), the exponents combined so that none overflows."""
        y = np.asarray(voltage_v, float) / self.parameter("v0_v", state)
        fall = state["gap_m"] / self.parameter("g0_m", state)
        rise = np.exp(np.minimum(np.abs(y) - fall, 700.0))
        half_a = 0.5 * self.parameter("i0_a", state)
        return np.asarray(np.copysign(-half_a * rise * np.expm1(-2.0 * np.abs(y)), y))

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute I0 exp(-gap/g0) sinh(V/V0) and I0/V0 exp(-gap/g0) cosh(V/V0)."""
        voltage = np.empty(len(state))
        voltage[:] = voltage_v
        current_a, slope_s = np.empty(len(state)), np.empty(len(state))
        i0_a, v0_v, g0_m = (self.parameter(name, state) for name in ("i0_a", "v0_v", "g0_m"))
        laws = records(DECAY, (i0_a, 1.0 / v0_v, 1.0 / g0_m), np.arange(len(state)))
        gapped(laws, np.ascontiguousarray(state["gap_m"]), voltage, current_a, slope_s)
        return current_a, slope_s
