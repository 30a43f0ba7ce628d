"""Data-driven TiOx model: a switching rate and a resistance window that follow the voltage.

Messaris et al., "A Compact Verilog-A ReRAM Switching Model" (arXiv 1703.01167), eqs (5), (7) and
(8), with the sinh current of Messaris et al., "A Data-Driven Verilog-A ReRAM Model", IEEE TCAD
37(12) 3151 (2018), eq. (3). Defaults: the Verilog-A listing of Rezaeifar et al., "A Neural Network
Approach for Calibrating Memristor Crossbars" (MemSys 2025)::

    dR/dt = Ap (exp(v/tp) - 1) (rp0 + rp1 v - R)^2      v > 0 and R < rp0 + rp1 v
    dR/dt = An (exp(-v/tn) - 1) (R - rn0 - rn1 v)^2     v < 0 and R > rn0 + rn1 v, An < 0
    dR/dt = 0                                           else, and where |v| <= quiet_v
    I = ap/R sinh(bp v), v > 0;  an/R sinh(bn v), v <= 0

A positive voltage raises R. At a constant voltage across the cell the equation has a closed
solution; else it is integrated with error control, with the load line solved at each step.

Choices:

- The listing tests R against r(v) after its step: from R > r(v) a long step passes the test with a
  resistance that it jumped to (40 kohm, 1 V, 10 ms: 12.2 kohm). Here the test comes first.
- quiet_v is the listing's ``abs(vin) <= 0.5``; arXiv 1703.01167 has none (0).
- R does not fall below floor_ohm. The listing has no floor: below -5.31 V its R passes through 0.
- The current of the listing was fitted below 0.5 V. At -4 V it says 185 A for 10 kohm: a current
  limit or a resistor in series is needed there, or another current (``data-driven-lab``).

Not modelled: noise, volatility, temperature, capacitance, breakdown. What voltages beyond those
of the fit do is extrapolated; from exp(230) on the cell is at its target at once.
"""

from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.models.data_driven_kernel import LAW, Common, walk
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import State, records
from hil.simulators.models.published import Published, within
from hil.simulators.models.sinh_kernel import SIDES, driven
from hil.units import quantity


class DataDriven(Published, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TiOx cells with a quadratic window; the defaults are those of the calibration paper."""

    ap_per_ohm_s: Annotated[float, quantity("1/(ohm s)", "Ap of the rate, v > 0", gt=0)] = 0.1234
    an_per_ohm_s: Annotated[float, quantity("1/(ohm s)", "An of the rate, below 0", lt=0)] = -0.33
    tp_v: Annotated[float, quantity("V", "scale of the exponential, v > 0", gt=0)] = 2.74111
    tn_v: Annotated[float, quantity("V", "scale of the exponential, v < 0", gt=0)] = 2.59685
    rp0_ohm: Annotated[float, quantity("ohm", "highest resistance, at 0 V")] = -40928.13784
    rp1_ohm_per_v: Annotated[float, quantity("ohm/V", "its growth with v", ge=0)] = 55117.97865
    rn0_ohm: Annotated[float, quantity("ohm", "lowest resistance, at 0 V")] = 41366.3582
    rn1_ohm_per_v: Annotated[float, quantity("ohm/V", "its growth with v", ge=0)] = 7789.66771
    iv_ap_v: Annotated[float, quantity("V", "prefactor of R I, v > 0", gt=0)] = 0.225
    iv_bp_per_v: Annotated[float, quantity("1/V", "in the sinh, v > 0", gt=0)] = 4.12
    iv_an_v: Annotated[float, quantity("V", "prefactor of R I, v < 0", gt=0)] = 0.2801
    iv_bn_per_v: Annotated[float, quantity("1/V", "in the sinh, v < 0", gt=0)] = 4.1
    quiet_v: Annotated[float, quantity("V", "voltages up to this move nothing", ge=0)] = 0.5
    initial_resistance_ohm: Annotated[
        float, quantity("ohm", "resistance of a fresh cell", gt=0), within(10e3, 1 / 16.6e-6)
    ] = 40e3
    lrs_ohm: Annotated[float, quantity("ohm", "low end of the range in use", gt=0)] = 10e3
    hrs_ohm: Annotated[float, quantity("ohm", "high end of the range in use", gt=0)] = 60e3
    floor_ohm: Annotated[float, quantity("ohm", "nothing drives R below this", gt=0)] = 1e3
    tolerance: Annotated[
        float, quantity("1", "largest relative error of one step in R", gt=0, le=1e-3)
    ] = 1e-7

    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (("resistance_ohm", np.float64),)
    source: ClassVar[str] = "calibration paper (16.6 to 100 uS)"
    set_polarity: ClassVar[int] = -1
    memory: ClassVar[str] = "resistance_ohm"
    varies: ClassVar[tuple[str, ...]] = (
        "ap_per_ohm_s", "an_per_ohm_s", "tp_v", "tn_v", "rp0_ohm", "rp1_ohm_per_v", "rn0_ohm",
        "rn1_ohm_per_v", "iv_ap_v", "iv_bp_per_v", "iv_an_v", "iv_bn_per_v",
        "initial_resistance_ohm",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.an_per_ohm_s >= 0:
            raise ConfigError(
                f"an_per_ohm_s is {self.an_per_ohm_s:g} 1/(ohm s); it must be below 0, as a "
                "negative voltage lowers the resistance"
            )
        if not self.floor_ohm <= self.lrs_ohm < self.hrs_ohm:
            raise ConfigError(
                f"lrs_ohm {self.lrs_ohm:g} ohm must lie between floor_ohm {self.floor_ohm:g} ohm "
                f"and hrs_ohm {self.hrs_ohm:g} ohm"
            )
        if self.initial_resistance_ohm < self.floor_ohm:
            raise ConfigError(
                f"initial_resistance_ohm is {self.initial_resistance_ohm:g} ohm, below floor_ohm "
                f"{self.floor_ohm:g} ohm; raise the one or lower the other"
            )

    def start(self, state: State) -> None:
        """Make fresh cells, all at initial_resistance_ohm or each at its own."""
        state["resistance_ohm"] = self.parameter("initial_resistance_ohm", state)

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Give the ends of the range in use; a cell may be driven beyond them."""
        return np.full(len(state), self.hrs_ohm), np.full(len(state), self.lrs_ohm)

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute a/R sinh(b v), the exponent cut at 700."""
        voltage = np.asarray(voltage_v, float)
        a = self._signed("iv_ap_v", "iv_an_v", state, voltage)
        b = self._signed("iv_bp_per_v", "iv_bn_per_v", state, voltage)
        return np.asarray(a / state["resistance_ohm"] * np.sinh(np.clip(b * voltage, -700, 700)))

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute a/R sinh(b v) and a b/R cosh(b v), the exponent cut at 700."""
        voltage = np.empty(len(state))
        voltage[:] = voltage_v
        current_a, slope_s = np.empty(len(state)), np.empty(len(state))
        values = tuple(
            self.parameter(name, state)
            for name in ("iv_ap_v", "iv_bp_per_v", "iv_an_v", "iv_bn_per_v")
        )
        laws = records(SIDES, values, np.arange(len(state)))
        driven(laws, np.ascontiguousarray(state["resistance_ohm"]), voltage, current_a, slope_s)
        return current_a, slope_s

    def rate(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute dR/dt with a voltage across each cell.

        Parameters
        ----------
        state : (cells,) structured array
        voltage_v : float or (cells,)
            Voltage across the cell (V).

        Returns
        -------
        (cells,) float64
            ohm/s, eq. (8) of arXiv 1703.01167 with quiet_v and floor_ohm.
        """
        voltage = np.asarray(voltage_v, float)
        factor = self._signed("ap_per_ohm_s", "an_per_ohm_s", state, voltage)
        scale_v = self._signed("tp_v", "tn_v", state, voltage)
        target = (
            self._signed("rp0_ohm", "rn0_ohm", state, voltage)
            + self._signed("rp1_ohm_per_v", "rn1_ohm_per_v", state, voltage) * voltage
        )
        resistance = state["resistance_ohm"]
        ahead = np.maximum(np.sign(voltage) * (target - resistance), 0.0)
        still = (np.abs(voltage) <= self.quiet_v) | (
            (voltage < 0) & (resistance <= self.floor_ohm)
        )
        speed = factor * np.expm1(np.minimum(np.abs(voltage) / scale_v, 230.0)) * ahead**2
        return np.where(still, 0.0, speed)

    def _signed(self, positive: str, negative: str, state: State, voltage: Floats) -> Any:
        """Pick each cell's parameter of the sign of its voltage."""
        return np.where(
            voltage > 0, self.parameter(positive, state), self.parameter(negative, state)
        )

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive: closed where it can be, by controlled steps elsewhere."""
        (ap, an, tp, tn, rp0, rp1, rn0, rn1, iv_ap, iv_bp, iv_an, iv_bn) = (
            self.parameter(name, state) for name in self.varies[:-1]
        )
        values = (ap, 1 / tp, rp0, rp1, iv_ap, iv_bp, -an, 1 / tn, rn0, rn1, iv_an, iv_bn)
        common = Common(
            float(self.quiet_v), float(self.floor_ohm), self.tolerance, float(drive.source_ohm),
            float(drive.limit_a),
        )  # fmt: skip
        walk(
            records(LAW, values, cells), common, state["resistance_ohm"], cells,
            drive.duration_s, drive.start_v, drive.stop_v, drive.measured, drive.units, *terminal,
        )  # fmt: skip
