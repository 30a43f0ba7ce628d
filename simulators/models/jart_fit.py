"""JART VCM v1b with a fitted current: explicit, so that a pulse takes microseconds. SET below 0 V.

Source of the current: V. Ntinas et al., "Toward Simplified Physics-Based Memristor Modeling of
Valence Change Mechanism Devices", IEEE TCAS-II 69(5) 2473 (2022), doi 10.1109/TCSII.2022.3160304,
fitted to JART VCM v1b at its nominal geometry. With N the concentration of vacancies in the disc
(1e26 per m^3)::

    V > 0:  I = g / (1 + h (N/0.008)^-j0)^(1/k0),  g = g0 (1 - exp(-g1 V)),
            h = h0 + h1 V + h2 exp(-h3 V)
    V < 0:  I = -al - be / (1 + (c/N)^d)^f,  al = (al1 + al0)/(1 + exp(-(V + al2)/al3)) - al0,
            al1 = al0 exp(-al2/al3),  be = b1 (1 - exp(-V)) - b0 V,
            c = c2 exp(-V/c3) + c1 V - c0,  d = d2 exp(-V/d3) + d1 V - d0,
            f = f0 + (f1 - f0)/(1 + (-V/f2)^f3)

All else is JART VCM v1b (C. Bengel et al., IEEE TCAS-I 67(12) 4618 (2020), doi
10.1109/TCSI.2020.3018502, and its User Guide of May 2021)::

    Rser  = R_TiOx + R0 (1 + R0 alpha_line I^2 R_thline)
    T     = T0 + I (V - I Rser) Rth,  Rth = Rth0 (r_det/r)^2, times the scaling for V > 0
    E     = (V - I Rser)/l_cell for V > 0,  I / (N z e u_n pi r^2) for V < 0
    dN/dt = -(Nplug + N)/2 a ny0/l Flim (exp(-dWmin/kT) - exp(-dWmax/kT))  (`vcm_kernel.hopping`)
    Flim  = 1 - (Nmin/N)^10 for V > 0,  1 - (N/Nmax)^10 for V < 0

V is the voltage from the active to the ohmic electrode. Choices where the sources differ:

- Rth0 is 15.72e6 K/W, as in the Verilog-A; the guide's own instance has 1e7.
- Flim is on, as in the guide of 2021; the Verilog-A of 2020 has none.
- e, k and pi are those of the SI; ``constants = "2020"`` takes the Verilog-A's (e 1.602e-19, k
  1.3807e-23, pi 3.1416), which move rates by up to 0.8 % and no current.
- Below N = 0.008, where the fit of V < 0 would change its sign at 0.004 to 0.005, the current goes
  on in proportion to N; so do the fit of V > 0 by itself and, nearly, the full model.
- Beyond 1.5 V, where the fit bends back, it goes on in proportion to V.

Against the full model's current the fit is off by 2 % in the median and by 46 % at worst (-0.2 V,
N = 0.008). It holds for the nominal r and l whatever those of the cell are: they act on its speed
alone. The paper that this is for (Z. Yu et al., AICAS 2024, arXiv 2403.06712) keeps N in 0.06 to
1.98975 (94 to 559 uS at 0.2 V), SETs at -0.342 V, RESETs at +0.7065 V and reads at 0.2 V.

Noise from cycle to cycle (User Guide, chapter 4): when |V| rises past 15 uV, which begins a half
cycle, n_min, n_max, r and l take a step of a random walk, ``xi (1 +- walk P)`` with P uniform in 0
to 1, reflected at the ends of their ranges. The bounds change at once; r and l go from where they
are to their new values as N goes to the bound ahead. A jitter of r and l is a step at once, before
that (Z. Yu's device of IBM's aihwkit, `rpu_JART_v1b_device`, which clips at the ends instead; its
ends are those of ``walk_within = "cell"``, the cell's own value times 1 +- the largest step).
With ``noise_step_s`` the same happens again each time that it has passed within a half cycle,
where N moves at all: the paper draws for every 10 ns, so that many short pulses are equal to a
long one. So many steps fill the ranges whatever their size, and each costs a microsecond or so: a
drive with more than 1e7 of them a cell is refused.

Not modelled: the differences of the current with r and l, heat capacity, forming, relaxation, and
random telegraph noise.
"""

import math
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.jart_fit_kernel import CELL, LAW, STILL, rates, tangents, walk
from hil.simulators.models.model import State, records
from hil.simulators.models.parts import MOST_PARTS, refuse_parts
from hil.simulators.models.vcm import CHARGE, CONSTANTS, WALKERS, Range, Vcm, each
from hil.units import quantity


class JartFit(Vcm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """JART VCM v1b with the fitted current of Ntinas 2022, deterministic unless a walk is set."""

    tolerance: Annotated[
        float, quantity("1", "error of a step over the change of ln N, or 0.001", gt=0, le=1e-3)
    ] = 1e-5
    walk_n_min: Annotated[float, quantity("1", "largest step of n_min", ge=0, lt=1)] = 0.0
    walk_n_max: Annotated[float, quantity("1", "largest step of n_max", ge=0, lt=1)] = 0.0
    walk_r: Annotated[float, quantity("1", "largest step of r, with N", ge=0, lt=1)] = 0.0
    walk_l: Annotated[float, quantity("1", "largest step of l, with N", ge=0, lt=1)] = 0.0
    jitter_r: Annotated[float, quantity("1", "largest step of r, at once", ge=0, lt=1)] = 0.0
    jitter_l: Annotated[float, quantity("1", "largest step of l, at once", ge=0, lt=1)] = 0.0
    walk_within: Annotated[
        Literal["ranges", "cell"],
        msgspec.Meta(
            description="walks keep to the ranges, or to a step around the cell's own values"
        ),
    ] = "ranges"
    noise_step_s: (
        Annotated[
            float,
            quantity("s", "time after which a half cycle's noise is renewed; never", ge=1e-12),
        ]
        | None
    ) = None

    needed_columns: ClassVar[tuple[str, ...]] = (
        "radius_old_m", "radius_new_m", "length_old_m", "length_new_m", "n_old_1e26_per_m3",
        "since_s", "side", "draws",
    )  # fmt: skip
    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("n_disc_1e26_per_m3", np.float64),
        ("radius_m", np.float64),
        ("length_m", np.float64),
        ("n_low_1e26_per_m3", np.float64),
        ("n_high_1e26_per_m3", np.float64),
        ("radius_old_m", np.float64),
        ("radius_new_m", np.float64),
        ("length_old_m", np.float64),
        ("length_new_m", np.float64),
        ("n_old_1e26_per_m3", np.float64),
        ("since_s", np.float64),
        ("side", np.int64),
        ("draws", np.int64),
    )
    source: ClassVar[str] = "JART VCM v1b Verilog-A and User Guide"
    varies: ClassVar[tuple[str, ...]] = (
        "r_m", "l_m", "n_min", "n_max", "rth0_k_per_w", "dwa_ev", "n_plug", "rtiox_ohm",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.walk_within not in ("ranges", "cell"):
            raise ConfigError(f"walk_within is {self.walk_within!r}; it is 'ranges' or 'cell'")

    def _walking(self) -> tuple[str, ...]:
        return WALKERS if self._noisy and self.walk_within == "ranges" else ()

    def _extent(self, name: str) -> Range:
        low, high = super()._extent(name)
        if self.walk_within == "cell":
            step = max(getattr(self, f"walk_{name}"), getattr(self, f"jitter_{name}", 0.0))
            return low * (1.0 - step), high * (1.0 + step)
        return low, high

    @property
    def _noisy(self) -> bool:
        walks, jitters, _ = self._noise
        return any((*walks, *jitters))

    @property
    def _noise(self) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
        return (
            (self.walk_n_min, self.walk_n_max, self.walk_r, self.walk_l),
            (self.jitter_r, self.jitter_l),
            (*self.n_min_range, *self.n_max_range, *self.r_range, *self.l_range),
        )

    def start(self, state: State) -> None:
        """Make fresh cells with their own geometry and bounds, at n_min or initial_n_disc."""
        super().start(state)
        for name in ("radius", "length"):
            state[f"{name}_old_m"] = state[f"{name}_m"]
        state["n_old_1e26_per_m3"] = state[self.memory]

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the fitted current, see the module; it does not depend on r and l."""
        return self.linearised(state, voltage_v)[0]

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute the fitted current and its derivative by V."""
        shape, cells, volts = each(state, voltage_v)
        current_a, slope_s = np.empty((2, len(cells)))
        tangents(state["n_disc_1e26_per_m3"][cells], volts, current_a, slope_s)
        return current_a.reshape(shape), slope_s.reshape(shape)

    def rate(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute dN/dt (1e26 per m^3 and s) of each cell at a voltage across it.

        Parameters
        ----------
        state : (cells,) structured array
        voltage_v : float or array that goes with (cells,)
            Voltage across the cell (V).

        Returns
        -------
        float64 array
        """
        shape, cells, volts = each(state, voltage_v)
        names = (
            "n_disc_1e26_per_m3", "radius_m", "length_m", "n_low_1e26_per_m3",
            "n_high_1e26_per_m3",
        )  # fmt: skip
        out = np.empty(len(cells))
        laws = self._laws(state, cells, 0.0, math.inf)
        rates(laws, _worker(False), tuple(state[name][cells] for name in names), volts, out)
        return out.reshape(shape)

    def refuse(self, drive: Drive) -> None:
        """Raise NotSupported for a drive in which the noise would be renewed too often.

        That is more than `MOST_PARTS` times a cell, rests and reads that move no N apart.
        """
        step_s = self.noise_step_s
        if step_s is None or not self._noisy or drive.lasting_s.max() <= MOST_PARTS * step_s:
            return
        up_v, down_v = self._least_moving_v(step_s)
        low_v = np.minimum(drive.start_v, drive.stop_v)
        high_v = np.maximum(drive.start_v, drive.stop_v)
        refuse_parts(
            drive, step_s, f"beyond {down_v:.2g} and {up_v:+.2g} V the noise is renewed every "
            f"noise_step_s, {step_s:g} s", "shorten the drive, or make noise_step_s longer",
            where=(low_v < down_v) | (high_v > up_v),
        )  # fmt: skip

    def _least_moving_v(self, step_s: float) -> tuple[float, float]:
        """Find above which voltage and below which one N moves within a noise step, in some cell.

        A tenth of what the kernel asks for leaves room for cells that differ.
        """
        trial = self.initial_state(24, np.random.default_rng(0))
        lowest, highest = self._extent("n_min")[0], self._extent("n_max")[1]
        trial[self.memory] = np.geomspace(lowest, highest, len(trial))
        trial["n_low_1e26_per_m3"], trial["n_high_1e26_per_m3"] = 0.5 * lowest, 2.0 * highest
        size_v, found = np.geomspace(1e-3, 10.0, 100), []
        for sign in (1.0, -1.0):
            speed = np.abs(self.rate(trial, sign * size_v[:, None]) / trial[self.memory])
            moves = (speed * step_s >= 0.1 * STILL).any(axis=1)
            found.append(sign * size_v[max(int(moves.argmax()) - 1, 0)])
        return found[0], found[1]

    def _walk(
        self, state: State, cells: np.ndarray[Any, np.dtype[np.int64]], drive: Drive,
        terminal: Terminal,
    ) -> None:  # fmt: skip
        """Take cells through a drive, by steps with a controlled error of ln N."""
        columns = tuple(state[name] for name, kind in self.own_columns if kind is np.float64)
        walk(
            self._laws(state, cells, drive.source_ohm, drive.limit_a), self._noise,
            _worker(self._noisy), columns, state["side"], state["draws"], state["key"], cells,
            drive.duration_s, drive.start_v, drive.stop_v, drive.measured, drive.units, *terminal,
        )  # fmt: skip

    def _laws(self, state: State, cells: Any, source_ohm: float, limit_a: float) -> Any:
        charge, boltzmann, _, _, pi = CONSTANTS[self.constants]
        barrier = self.parameter("dwa_ev", state)
        values = (
            self.parameter("n_plug", state), barrier, boltzmann / charge,
            CHARGE * self.a_m / (pi * barrier), 0.5 * CHARGE * self.a_m,
            self.a_m * self.ny0_hz, self.rdet_m,
            1.0 / (1e26 * CHARGE * charge * self.un_m2_per_vs * pi), 1.0 / self.lcell_m,
            self.temperature_k, self.parameter("rth0_k_per_w", state), self.rth_scaling,
            self.parameter("rtiox_ohm", state) + self.r0_ohm,
            self.r0_ohm**2 * self.alphaline_per_k * self.rthline_k_per_w, float(self.flim),
            source_ohm, limit_a, self.tolerance,
            math.inf if self.noise_step_s is None else self.noise_step_s,
            float(self.walk_within == "cell"),
            *(self.parameter(name, state) for name in ("n_min", "n_max", "r_m", "l_m")),
        )  # fmt: skip
        return records(LAW, values, cells)


def _worker(noisy: bool) -> Any:
    """Make a record for the kernel to work with."""
    cell = np.zeros(1, CELL).view(np.recarray)[0]
    cell.moving = noisy
    return cell
