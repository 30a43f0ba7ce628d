"""JART VCM v1b: a Schottky contact and a filament of oxygen vacancies, SET at negative voltage.

Sources: C. Bengel et al., IEEE TCAS-I 67(12) 4618 (2020), doi 10.1109/TCSI.2020.3018502; F.
Cueppers et al., APL Materials 7, 091105 (2019), doi 10.1063/1.5108654; the Verilog-A files
JART_VCM_v1b (17.02.2020), -var (15.02.2021) and -readvar (01.02.2021) of emrl.de/JART.html with
their User Guide (May 2021). Written from the equations, for a Pt/HfO2/TiOx/Ti cell; V is the
voltage across it, N the concentration of vacancies in the disc, A = pi r^2::

    V     = Vs + I (Rdisc + Rplug) + I Rser          Rdisc = l/(N z e un A)
    Rser  = RTiOx + R0 (1 + R0 alphaline I^2 Rthline)
                                                     Rplug = (lcell - l)/(Nplug z e un A)
    T     = T0 + I (V - I Rser) Rth                  Rth = Rth0 (rdet/r)^2 (times rth_scaling
                                                     for V > 0)
    phibn = phibn0 - (e^3 z N d/(8 pi^2 (epsphib eps0)^3))^(1/4),  d = phibn0 - phin - Vs
            (not below 0; phibn0 where d <= 0)
    Vs<0:   I = -A Ar T/k sqrt(pi W00 e (|Vs| + phibn/cosh^2(W00/kT))) exp(-e phibn/W0)
                (exp(e |Vs|/eps') - 1),   W00 = e h/(4 pi) sqrt(z N/(mdiel eps eps0)),
            W0 = W00/tanh(W00/kT),  eps' = W00/(W00/kT - tanh(W00/kT))
    Vs>=0:  I = A Ar T^2 exp(-e phibn/kT) (exp(e Vs/kT) - 1)
    E     = (V - I Rser)/lcell for V > 0,  I Rdisc/l for V < 0;  gamma = z a E/(pi dWa)
    dN/dt = -(Nplug + N)/2 (a ny0/l) Flim (exp(-dWmin/kT) - exp(-dWmax/kT))
            dWmin, dWmax = dWa (sqrt(1 - gamma^2) -+ gamma pi/2 + gamma asin(gamma))

Choices where the sources differ:

- ``rth0_k_per_w`` is 15.72e6 K/W as in the Verilog-A; the guide's instantiation has 10e6
  (the model file ``jart-guide``). It moves the SET of a sweep at 1 V/s by 74 mV.
- ``flim``: Flim = 1 - (N/Nmax)^10 at V < 0 and 1 - (Nmin/N)^10 at V > 0, as in -var and the guide.
  Without it (the file of 2020) N goes on at full speed and stops at its bound.
- ``constants`` of the SI; "2020" are the rounded ones of the file of 2020. Speeds differ
  by up to 0.8 %.
- SET is at negative voltage, as in all of these files (and not as in the older papers).
- T follows at once. The guide's listing shows a heat capacity of 1 J/K, -readvar one of 1e-18 J/K;
  the other two files have none.
- At V > 0 the equations have up to three solutions. The cell is on the one with the least Vs,
  which is the only one that begins at 0 V; solvers that start elsewhere see early RESETs.

From cycle to cycle (guide, chapter 4; Bengel eqs. 21 to 24), off unless a ``walk`` is above 0: a
half cycle begins where the source's |V| rises past 15 uV, so each pulse, each half of a sweep and
each reading is one, and so is a change of sign without a pause. There n_min, n_max, r and l are
drawn as ``xi (1 +- walk U)``, and reflected at the ends of their ranges. n_min and n_max hold at
once; r and l go there in a straight line over N, and arrive when N is at its bound. A half cycle
that begins within 0.1 % of the bound that it drives N to leaves r and l as they are: there is no
way left to go.

Read noise (``rtn``; Wiefels et al., IEEE TED 67(10) (2020), doi 10.1109/TED.2020.3018096): a
machine with the states -2 to 2 vacancies steps at a rate that each cell draws once, normal with
mean 50 Hz and sigma 50 Hz and above 0. N contains ``vacancies/(A l)`` for it. In each step, with
p1 = 0.1, p2 = 0.4 and p3 = 0.45: 0 is left with p2, up or down alike; 1 goes to 2 with p1, stays
with p3 - p1, goes to 0 else; 2 stays with p1 and goes to 1 else; -1 and -2 alike. Where a lack of
vacancies would take N below n_min none is taken out, and with ``rtn`` N is never below n_min.

Not modelled: forming, differences between cells (a layer gives each its own parameters),
relaxation, current noise other than that of N, and breakdown: the published cell itself gets to
2,900 K at -1.5 V in LRS (1,900 K with the guide's rth0). Beyond the published
1.5 V these equations do not hold: at N = 1.3 |I| falls with |V| from about -2 V on, at N = 13.5
from -3.5 V on.
"""

import math
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.jart_kernel import LAW, look, tangents, walk
from hil.simulators.models.model import State, records
from hil.simulators.models.parts import refuse_parts
from hil.simulators.models.published import within
from hil.simulators.models.vcm import CHARGE, CONSTANTS, WALKERS, Vcm, each
from hil.units import quantity

VACANCY_ODDS = (0.1, 0.4, 0.45)
"""p1, p2, p3 of the vacancy machine, from the -readvar Verilog-A."""

VACANCY_HZ = (50.0, 50.0)
"""Mean and sigma of how often it steps, over cells (same source)."""

MOST_TICKS = 1e8
"""At most so many steps of the vacancies a cell and drive: they take 12 s."""

_ELECTRON_KG = 9.10938e-31
_RICHARDSON = 6.01e5
_DENSITY = 1e26
"""mdiel, Ar (A/m^2/K^2) of all three files, and the unit of N."""


class Jart(Vcm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """JART VCM v1b with its published defaults, deterministic unless walks or rtn are set.

    The state has N, radius and length of the disc as they are, the radius and length to which the
    half cycle leads (``_new``) and its bounds of N; ``side`` is the sign of the voltage since the
    half cycle began (0 at rest, +-2 where the geometry stays) and ``draws`` how many there were.
    The last three columns are the vacancy machine's: its place, what N has of it, its steps.
    """

    eps: Annotated[float, quantity("1", "permittivity of HfO2", gt=0), within(10, 25)] = 17.0
    epsphib: Annotated[
        float, quantity("1", "permittivity for the barrier's lowering", gt=0), within(1, 10)
    ] = 5.5
    phibn0_ev: Annotated[float, quantity("eV", "Schottky barrier", gt=0), within(0.1, 0.5)] = 0.18
    phin_ev: Annotated[
        float, quantity("eV", "conduction band edge over the Fermi level", gt=0), within(0.1, 0.3)
    ] = 0.1
    walk_n_min: Annotated[
        float, quantity("1", "largest relative step of n_min a half cycle", ge=0, le=1)
    ] = 0.0
    walk_n_max: Annotated[
        float, quantity("1", "largest relative step of n_max a half cycle", ge=0, le=1)
    ] = 0.0
    walk_r: Annotated[
        float, quantity("1", "largest relative step of r a half cycle", ge=0, le=1)
    ] = 0.0
    walk_l: Annotated[
        float, quantity("1", "largest relative step of l a half cycle", ge=0, le=1)
    ] = 0.0
    rtn: Annotated[bool, Meta(description="vacancies that come and go (read noise)")] = False
    tolerance: Annotated[
        float, quantity("1", "largest error of one step in ln N", gt=0, le=1e-2)
    ] = 1e-7

    needed_columns: ClassVar[tuple[str, ...]] = (
        "radius_new_m", "length_new_m", "side", "draws", "vacancy_n_1e26_per_m3", "ticks",
    )  # fmt: skip
    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("n_disc_1e26_per_m3", np.float64),
        ("radius_m", np.float64),
        ("length_m", np.float64),
        ("radius_new_m", np.float64),
        ("length_new_m", np.float64),
        ("n_low_1e26_per_m3", np.float64),
        ("n_high_1e26_per_m3", np.float64),
        ("side", np.int64),
        ("draws", np.int64),
        ("vacancies", np.int64),
        ("vacancy_n_1e26_per_m3", np.float64),
        ("ticks", np.int64),
    )
    source: ClassVar[str] = "JART VCM v1b Verilog-A and User Guide (emrl.de/JART.html)"
    varies: ClassVar[tuple[str, ...]] = (
        "r_m", "l_m", "n_min", "n_max", "rth0_k_per_w", "dwa_ev", "phibn0_ev", "n_plug",
        "rtiox_ohm",
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_order("phin_ev", "phibn0_ev", " eV")

    def _walking(self) -> tuple[str, ...]:
        return tuple(name for name in WALKERS if getattr(self, f"walk_{name}") > 0.0)

    def refuse(self, drive: Drive) -> None:
        """Raise NotSupported for a drive in which vacancies take too many steps."""
        if self.rtn:
            hertz = VACANCY_HZ[0]
            refuse_parts(
                drive, 1.0 / hertz, f"rtn draws {hertz:g} steps a second",
                "shorten the drive, or switch rtn off", most=MOST_TICKS,
            )  # fmt: skip

    @property
    def ages(self) -> bool:
        """Whether vacancies come and go by themselves."""
        return self.rtn

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Solve the circuit for the current of each cell at a voltage across it (A)."""
        return self._tangents(state, voltage_v, 0.0)[0]

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Solve the circuit for the current (A), and its derivatives for dI/dV (S)."""
        return self._tangents(state, voltage_v, 0.0)

    def linearised_behind(
        self, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Solve the circuit with the resistance in it."""
        return self._tangents(state, voltage_v, series_ohm)

    def _tangents(
        self, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Compute currents and slopes at voltages that go with the cells of a state."""
        shape, cells, voltage = each(state, voltage_v)
        names = ("n_disc_1e26_per_m3", "radius_m", "length_m")
        current_a, slope_s = np.empty((2, cells.size))
        laws = self._law(state, cells, series_ohm, math.inf)
        n, radius, length = (state[name][cells] for name in names)
        tangents(laws, n, radius, length, voltage, current_a, slope_s)
        return current_a.reshape(shape), slope_s.reshape(shape)

    def filament_k(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the temperature of each filament at a voltage across the cell (K).

        ``T0 + I (V - I Rser) Rth`` (Bengel 2020, eq. 5).
        """
        return self._look(state, voltage_v)[0]

    def rate(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute dN/dt of each cell at a voltage across it (1e26 per m^3 and s).

        0 for a cell that is beyond the bound to which the voltage drives it.
        """
        return self._look(state, voltage_v)[1]

    def _look(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute temperature and dN/dt at voltages that go with the cells of a state."""
        shape, cells, voltage = each(state, voltage_v)
        out = np.empty((2, cells.size))
        look(
            self._law(state, cells, 0.0, math.inf), state["n_disc_1e26_per_m3"],
            state["radius_m"], state["length_m"], state["n_low_1e26_per_m3"],
            state["n_high_1e26_per_m3"], cells, voltage, out[0], out[1],
        )  # fmt: skip
        kelvin, rate = out.reshape(2, *shape)
        return kelvin, rate

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive, by steps with an error of at most the tolerance in ln N.

        Where N runs away (SET), an error made earlier grows by the ratio of the speeds, as one of
        the voltage would.
        """
        walks = (self.walk_n_min, self.walk_n_max, self.walk_r, self.walk_l)
        hertz = VACANCY_HZ if self.rtn else (0.0, 0.0)
        args: tuple[Any, ...] = (
            self._law(state, cells, drive.source_ohm, drive.limit_a), (*walks, max(walks)),
            (*self.n_min_range, *self.n_max_range, *self.r_range, *self.l_range),
            (*VACANCY_ODDS, *hertz), state["key"], *(state[name] for name, _ in self.own_columns),
            cells, np.atleast_1d(np.asarray(drive.start_s, float)), drive.duration_s,
            drive.start_v, drive.stop_v, drive.measured, drive.units, *terminal,
        )  # fmt: skip
        walk(*args)

    def _law(
        self, state: State, cells: NDArray[np.int64], source_ohm: float, limit_a: float
    ) -> Any:
        """Make the kernel's constants; see `hil.simulators.models.jart_kernel.LAW`."""
        e, k, h, eps0, pi = CONSTANTS[self.constants]
        carried = _DENSITY * CHARGE
        w00 = h / (4 * pi) * math.sqrt(carried / (_ELECTRON_KG * self.eps * eps0))
        image = e**3 * carried / (8 * pi**2 * (self.epsphib * eps0) ** 3)
        barrier, dwa = self.parameter("phibn0_ev", state), self.parameter("dwa_ev", state)
        cubic = self.r0_ohm**2 * self.alphaline_per_k * self.rthline_k_per_w
        values = (
            self.temperature_k, k / e, pi, 1 / (carried * e * self.un_m2_per_vs), w00,
            image, barrier, barrier - self.phin_ev, _RICHARDSON,
            _RICHARDSON * e / k * math.sqrt(pi), self.parameter("n_plug", state),
            self.parameter("rth0_k_per_w", state) * self.rdet_m**2, self.rth_scaling,
            self.lcell_m, self.parameter("rtiox_ohm", state) + self.r0_ohm, cubic, dwa,
            CHARGE * self.a_m / (pi * dwa), self.a_m * self.ny0_hz, float(self.flim), source_ohm,
            limit_a, self.tolerance, min(0.1 * math.sqrt(self.tolerance), 1e-4),
        )  # fmt: skip
        return records(LAW, values, cells)
