"""The Stanford-ASU variant of the Stanford-PKU model: generation, recombination, heat capacity.

Source: the Verilog-A ``module RRAM(Nt, Nb)`` designed at Stanford and ASU (P.-Y. Chen and S. Yu,
IEEE Trans. Electron Devices 62(12) 4022 (2015), doi 10.1109/TED.2015.2492421). SET at positive
voltage; with V the voltage across the cell, signed, and energies in eV over kT/q::

    I     = I0 exp(-gap/g0) sinh(V/V0)
    gamma = gamma0 - beta (gap/g1)^3
    x     = gamma (a0/L) V                                    energy that the field adds, eV
    gap'  = -Vel0 (exp(-(Eag - x)/kT) - exp(-(Ear + x)/kT))   gap_min <= gap <= gap_max
    Cth T' = V I - Cth (T - T_ini)/tau                        so that Rth = tau/Cth: 7.2e5 K/W

Vacancies are generated over a barrier Eag, which a positive V lowers (the gap shrinks), and
recombine over Ear, which it raises. Unlike in `stanford` there is no field below which nothing
moves, and the temperature takes time; at no voltage T settles at T_ini and the gap grows, because
Ear is below Eag, at 2.5e-25 m/s.

Choices:

- The defaults are those of that file, read in a copy of it; it gives no ranges but signs, and
  that gamma stays above 0, which is not asked for here.
- T follows its equation in time. The Verilog-A takes one implicit Euler step of it a time step of
  the simulator, so that what it gives depends on that step.
- The gap stops at its bounds, and turns back at once.
- k and q are those of the SI. A fresh cell is in HRS (gap_max) at T_ini; the file starts in LRS.

Not modelled: noise of the gap (an unscaled random number a time step in the Verilog-A), forming,
differences between cells, relaxation, and breakdown: nothing but the source keeps a cell that SETs
at 2 V from 2.2 mA and 3,500 K.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.simulators.models.asu_kernel import LAW, walk
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.gap import Gap
from hil.simulators.models.gap_kernel import BOLTZMANN_EV_PER_K
from hil.simulators.models.model import State, records
from hil.units import quantity


class StanfordAsu(Gap, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stanford-ASU RRAM with the defaults of its Verilog-A; the state is gap and temperature."""

    i0_a: Annotated[float, quantity("A", "current prefactor", gt=0)] = 6.14e-5
    g0_m: Annotated[float, quantity("m", "decay length of I over gap", gt=0)] = 2.7505e-10
    v0_v: Annotated[float, quantity("V", "scale of the sinh in I", gt=0)] = 0.43
    vel0_m_per_s: Annotated[float, quantity("m/s", "attempt velocity", gt=0)] = 150.0
    gamma0: Annotated[float, quantity("1", "field enhancement at gap 0", gt=0)] = 16.5
    beta: Annotated[float, quantity("1", "loss of field enhancement at gap g1", ge=0)] = 1.25
    g1_m: Annotated[float, quantity("m", "gap that beta is for", gt=0)] = 1e-9
    ea_generation_ev: Annotated[
        float, quantity("eV", "barrier of generation, Eag: the gap shrinks", gt=0)
    ] = 1.501
    ea_recombination_ev: Annotated[
        float, quantity("eV", "barrier of recombination, Ear: the gap grows", gt=0)
    ] = 1.5
    tox_m: Annotated[float, quantity("m", "oxide thickness, L", gt=0)] = 5e-9
    heat_capacity_j_per_k: Annotated[
        float, quantity("J/K", "heat capacity of the filament, Cth", gt=0)
    ] = 3.1825e-16
    tau_th_s: Annotated[float, quantity("s", "thermal time constant", gt=0)] = 2.3e-10
    gap_min_m: Annotated[float, quantity("m", "least gap (LRS)", ge=0)] = 0.1e-9
    temperature_tolerance_k: Annotated[
        float, quantity("K", "largest error of one step in the temperature", gt=0, le=10)
    ] = 0.1

    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("gap_m", np.float64),
        ("temperature_k", np.float64),
    )
    source: ClassVar[str] = "Stanford-ASU Verilog-A (doi 10.1109/TED.2015.2492421)"
    varies: ClassVar[tuple[str, ...]] = (
        "i0_a", "g0_m", "v0_v", "vel0_m_per_s", "gamma0", "beta", "ea_generation_ev",
        "ea_recombination_ev", "heat_capacity_j_per_k", "gap_min_m", "gap_max_m",
    )  # fmt: skip

    @property
    def rth_k_per_w(self) -> float:
        """Thermal resistance (K/W), tau/Cth."""
        return self.tau_th_s / self.heat_capacity_j_per_k

    def start(self, state: State) -> None:
        """Make fresh cells, all at the same gap, or each at its own bound, at T_ini."""
        super().start(state)
        state["temperature_k"] = self.t_ini_k

    def rate(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute how fast the gap changes, gap' of the module's equations.

        Parameters
        ----------
        state : (cells,) structured array
            Gap and temperature.
        voltage_v : float or (cells,)
            Voltage across the cell (V).

        Returns
        -------
        (cells,) float64
            m/s; 0 where the gap is stopped by its bound.
        """
        gap_m, kt_ev = state["gap_m"], BOLTZMANN_EV_PER_K * state["temperature_k"]
        gamma = self.parameter("gamma0", state) - self.parameter("beta", state) * (
            (gap_m / self.g1_m) ** 3
        )
        x = gamma * (self.a0_m / self.tox_m) * np.asarray(voltage_v, float)
        forth = np.exp(np.minimum((x - self.parameter("ea_generation_ev", state)) / kt_ev, 700.0))
        back = np.exp(
            np.minimum((-x - self.parameter("ea_recombination_ev", state)) / kt_ev, 700.0)
        )
        rate = self.parameter("vel0_m_per_s", state) * (back - forth)
        shut = (gap_m <= self.parameter("gap_min_m", state)) & (rate < 0)
        wide = (gap_m >= self.parameter("gap_max_m", state)) & (rate > 0)
        return np.where(shut | wide, 0.0, rate)

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive, by steps whose errors keep to both tolerances."""
        walk(
            self._laws(state, cells, drive), state["gap_m"], state["temperature_k"], cells,
            drive.duration_s, drive.start_v, drive.stop_v, drive.measured, drive.units, *terminal,
        )  # fmt: skip

    def _laws(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Any:
        own: dict[str, Any] = {name: self.parameter(name, state) for name in self.varies}
        values = (
            own["i0_a"], 1.0 / own["g0_m"], own["v0_v"], own["vel0_m_per_s"], own["gamma0"],
            own["beta"] / self.g1_m**3, own["ea_generation_ev"], own["ea_recombination_ev"],
            self.a0_m / self.tox_m, self.t_ini_k, self.tau_th_s / own["heat_capacity_j_per_k"],
            self.tau_th_s, own["gap_min_m"], own["gap_max_m"], drive.source_ohm, drive.limit_a,
            self.gap_tolerance_m, self.temperature_tolerance_k,
        )  # fmt: skip
        return records(LAW, values, cells)
