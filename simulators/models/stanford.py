"""The Stanford-PKU RRAM model v1.0.0: a filament with a gap, SET at positive voltage.

Source: Z. Jiang and H.-S. P. Wong, Stanford University RRAM Verilog-A Model 1.0.0 with its
manual (2014), doi 10.4231/D37H1DN48. Written from the equations, with V the voltage across the
cell and gap' the rate of the gap::

    I     = I0 exp(-gap/g0) sinh(V/V0)
    T     = T_ini + |V I| Rth
    gamma = gamma0 - beta (gap/1 nm)^3,  and 0 where gamma |V| / tox < F_min
    gap'  = -Vel0 exp(-q Ea/kT) sinh(gamma (a0/tox) q V/kT),  gap_min <= gap <= gap_max

Choices where the sources differ:

- gamma0 for V < 0 is the parameter; the Verilog-A writes 16 there (``gamma_negative = "16"``).
- The gap itself stops at its bounds. The Verilog-A clips only what it reads of an integral that
  goes on, so that a cell needs as long to come back from a bound as it was driven into it.
- k and q are those of the SI. Thresholds, sliding RESET and currents contain neither; speeds do.
- A fresh cell is in HRS (gap_max), as in the manual; the Verilog-A starts in LRS.

A SET that a current limit ends leaves the gap where the same limit just allows the RESET or just
does not: the equations do not tell. Here it does.

Noise: the Verilog-A adds ``deltaGap0 N(0,1) / (1 + exp((T_crit - T)/T_smth))`` to gap' at each
step of the simulator, so its variance after a time grows with the steps it took. Here the gap is a
diffusion, ``dgap = gap' dt + sigma(T) sqrt(noise_step) dW`` with sigma that factor: what the
Verilog-A gives at a fixed step of ``noise_step_s``, whatever steps are taken. As there, it acts
without a voltage too: the rms way at rest is ``sigma sqrt(noise_step_s t)``, 0.27 nm in a
microsecond with the 0.02 m/s of the Verilog-A, 1.3 nm in a second with the 1e-4 m/s of its decks.
The bounds reflect it, which is what clipping comes to with ever smaller steps. A drive that would
take more than 1e7 draws a cell is refused.

Not modelled: heat capacity (T follows at once), forming, differences between cells, relaxation,
and breakdown: at 2 V and no series resistance the cell carries 0.67 A at 3,100 K.
"""

import math
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.gap import Gap
from hil.simulators.models.gap_kernel import BOLTZMANN_EV_PER_K
from hil.simulators.models.model import State, records
from hil.simulators.models.parts import refuse_parts
from hil.simulators.models.published import within
from hil.simulators.models.stanford_kernel import LAW, walk
from hil.units import quantity


class Stanford(Gap, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stanford-PKU RRAM v1.0.0 with its published defaults, deterministic unless noise is set."""

    i0_a: Annotated[float, quantity("A", "current prefactor", gt=0), within(0, 1e-2)] = 1e-3
    g0_m: Annotated[float, quantity("m", "decay length of I over gap", gt=0), within(0, 2e-9)] = (
        0.25e-9
    )
    v0_v: Annotated[float, quantity("V", "scale of the sinh in I", gt=0), within(0, 10)] = 0.25
    vel0_m_per_s: Annotated[float, quantity("m/s", "attempt velocity", gt=0), within(0, 20)] = 10.0
    gamma0: Annotated[
        float, quantity("1", "field enhancement at gap 0", gt=0), within(0, math.inf)
    ] = 16.0
    beta: Annotated[
        float, quantity("1", "loss of field enhancement per nm^3", ge=0), within(0, math.inf)
    ] = 0.8
    gamma_negative: Annotated[
        Literal["parameter", "16"],
        msgspec.Meta(description="gamma0 at negative voltage: the parameter, or the .va's 16"),
    ] = "parameter"
    ea_ev: Annotated[float, quantity("eV", "activation energy", gt=0), within(0, 1)] = 0.6
    rth_k_per_w: Annotated[float, quantity("K/W", "thermal resistance", ge=0)] = 2.1e3
    f_min_v_per_m: Annotated[
        float, quantity("V/m", "local field below which nothing moves", ge=0), within(0, 3e9)
    ] = 1.4e9
    tox_m: Annotated[float, quantity("m", "oxide thickness", gt=0), within(0, 100e-9)] = 12e-9
    gap_min_m: Annotated[float, quantity("m", "least gap (LRS)", ge=0)] = 0.2e-9
    delta_gap0_m_per_s: Annotated[
        float, quantity("m/s", "noise of the gap's rate; 0: none", ge=0), within(0, 0.1)
    ] = 0.0
    t_crit_k: Annotated[float, quantity("K", "noise: threshold", gt=0), within(390, 460)] = 450.0
    t_smth_k: Annotated[float, quantity("K", "noise: smoothing", gt=0), within(400, 600)] = 500.0
    noise_step_s: Annotated[
        float, quantity("s", "time step of the .va that the noise is equal to", gt=0)
    ] = 1e-9
    noise_grid_m: Annotated[
        float, quantity("m", "rms kick after which drift and noise are renewed", gt=0)
    ] = 1e-11

    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("gap_m", np.float64),
        ("draws", np.int64),
    )
    source: ClassVar[str] = "Stanford-PKU v1.0.0 Verilog-A (doi 10.4231/D37H1DN48)"
    varies: ClassVar[tuple[str, ...]] = (
        "i0_a", "g0_m", "v0_v", "vel0_m_per_s", "gamma0", "beta", "ea_ev", "rth_k_per_w",
        "gap_min_m", "gap_max_m",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gamma_negative not in ("parameter", "16"):
            raise ConfigError(
                f"gamma_negative is {self.gamma_negative!r}; it is 'parameter', or '16' as in the "
                + self.source
            )

    @property
    def set_threshold_v(self) -> float:
        """Voltage across a cell in HRS (gap_max) from which on it SETs (V), see `threshold_v`."""
        return float(self.threshold_v(self.gap_max_m, 1))

    @property
    def reset_threshold_v(self) -> float:
        """Voltage across a cell in LRS (gap_min) from which on it RESETs (V), below 0."""
        return float(self.threshold_v(self.gap_min_m, -1))

    def threshold_v(self, gap_m: ArrayLike, polarity: int) -> Floats:
        """Compute the voltage across a cell from which on its gap moves.

        ``F_min tox / (gamma0 - beta (gap/1 nm)^3)``, where gamma |V| / tox reaches F_min (manual,
        equation of gamma). A slow RESET keeps the gap where this is the voltage.

        Parameters
        ----------
        gap_m : float or array
            Gap (m).
        polarity : int
            +1 for SET, -1 for RESET.

        Returns
        -------
        float64 array of the shape of gap_m
            Voltage (V) with that sign; infinite where no voltage moves the gap.
        """
        gamma = self._gamma0(polarity) - self.beta * (np.asarray(gap_m) * 1e9) ** 3
        least_v = self.f_min_v_per_m * self.tox_m
        with np.errstate(divide="ignore"):
            voltage_v = np.where(gamma > 0, least_v / np.maximum(gamma, 0), np.inf)
        return np.copysign(voltage_v, polarity)

    def _gamma0(self, polarity: int, state: State | None = None) -> Any:
        if polarity < 0 and self.gamma_negative == "16":
            return 16.0
        return self.gamma0 if state is None else self.parameter("gamma0", state)

    def rate(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute how fast the gap changes, gap' of the module's equations.

        Parameters
        ----------
        state : (cells,) structured array
        voltage_v : float or (cells,)
            Voltage across the cell (V).

        Returns
        -------
        (cells,) float64
            m/s, without the noise; 0 below F_min and where the gap is stopped by its bound.
        """
        v, gap_m = np.broadcast_arrays(np.asarray(voltage_v, float), state["gap_m"])
        beta = self.parameter("beta", state)
        gamma0 = np.where(v < 0, self._gamma0(-1, state), self._gamma0(1, state))
        gamma = gamma0 - beta * (gap_m * 1e9) ** 3
        heat_w = np.abs(v * self.current_a(state, v))
        kt_ev = BOLTZMANN_EV_PER_K * (self.t_ini_k + self.parameter("rth_k_per_w", state) * heat_w)
        x = np.abs(gamma * self.a0_m / self.tox_m * v) / kt_ev
        fall = self.parameter("ea_ev", state) / kt_ev
        speed = -0.5 * np.exp(np.minimum(x - fall, 700.0)) * np.expm1(-2.0 * x)
        bound_m = np.where(
            v > 0, self.parameter("gap_min_m", state), self.parameter("gap_max_m", state)
        )
        moves = (gamma > 0) & (gamma * np.abs(v) >= self.f_min_v_per_m * self.tox_m)
        moves &= np.sign(v) * (gap_m - bound_m) > 0
        size = self.parameter("vel0_m_per_s", state) * speed
        return np.where(moves, -np.copysign(size, v), 0.0)

    def refuse(self, drive: Drive) -> None:
        """Raise NotSupported for a drive in which the noise would be drawn too often.

        That is more than `MOST_PARTS` times a cell, even if it stays at ambient temperature.
        """
        if self.delta_gap0_m_per_s == 0.0:
            return
        cold = 1.0 + math.exp((self.t_crit_k - self.t_ini_k) / self.t_smth_k)
        sigma = self.delta_gap0_m_per_s * math.sqrt(self.noise_step_s) / cold
        part_s = (self.noise_grid_m / sigma) ** 2
        top_v = np.maximum(np.abs(drive.start_v), np.abs(drive.stop_v))
        refuse_parts(
            drive, part_s, f"noise of the gap is drawn every {part_s:.2g} s under a voltage",
            "shorten the drive, or give less delta_gap0_m_per_s or more noise_grid_m",
            where=self._busy(top_v),
        )  # fmt: skip

    def _busy(self, top_v: Floats) -> NDArray[np.bool_]:
        """Tell whether the kernel draws noise in parts up to a voltage: LRS moves, or warms."""
        most = max(self._gamma0(1), self._gamma0(-1))
        moves = (top_v > 0) & (top_v * most >= self.f_min_v_per_m * self.tox_m)
        lrs_a = self.i0_a * np.exp(top_v / self.v0_v - self.gap_min_m / self.g0_m) / 2
        return np.asarray(moves | (self.rth_k_per_w * top_v * lrs_a >= 1.0))

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive, by steps with an error of at most gap_tolerance_m each.

        Where the gap runs away, an error made earlier grows by the ratio of the speeds, as one of
        the voltage would.
        """
        walk(
            self._laws(state, cells, drive), state["gap_m"], state["key"], state["draws"], cells,
            drive.duration_s, drive.start_v, drive.stop_v, drive.measured, drive.units, *terminal,
        )  # fmt: skip

    def _laws(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Any:
        own: dict[str, Any] = {name: self.parameter(name, state) for name in self.varies}
        values = (
            own["i0_a"], 1.0 / own["g0_m"], own["v0_v"], own["vel0_m_per_s"], own["beta"],
            own["ea_ev"], self.a0_m / self.tox_m, self.f_min_v_per_m * self.tox_m, self.t_ini_k,
            own["rth_k_per_w"], own["gap_min_m"], own["gap_max_m"], drive.source_ohm,
            drive.limit_a, self.gap_tolerance_m, min((self.gap_tolerance_m / 1.2e-15) ** 0.2, 2.5),
            own["gamma0"], self._gamma0(-1, state),
            self.delta_gap0_m_per_s * math.sqrt(self.noise_step_s), self.noise_grid_m,
            self.t_crit_k, self.t_smth_k,
        )  # fmt: skip
        return records(LAW, values, cells)
