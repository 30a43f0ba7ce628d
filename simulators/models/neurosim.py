"""NeuroSim "Real Device": pulses walk a conductance along an exponential, with noise.

P.-Y. Chen, X. Peng and S. Yu, "NeuroSim: A Circuit-Level Macro Model for Benchmarking
Neuro-Inspired Architectures in Online Learning", IEEE TCAD 37(12) 3067-3080 (2018), doi
10.1109/TCAD.2018.2789723; defaults: the Ag:Si device of MLP+NeuroSim V3.0. For each polarity::

    G(x) = B (1 - exp(-x / A)) + Gmin,   B = (Gmax - Gmin) / (1 - exp(-N / A))
    x(G) = -A ln(1 - (G - Gmin) / B)
    G' = G(x(G) + n) + N(0, sigma) sqrt(|n|), clipped to Gmin and Gmax

with n pulses, n < 0 for LTD, and N levels. A = A_norm(NL) N has the sign of NL. NeuroSim looks
A_norm up in a list of 900 entries; here it is solved for, from the definition of NL as the
distance between the normalised curve f(x) = (1 - exp(-x/A)) / (1 - exp(-1/A)) and the straight
line: ``NL = 10.10153 max(f(x) - x)``, which gives that list to 2.2e-5. NL = 0 is linear.

As a function of G one pulse is exactly linear, ``dG = (1 - exp(-+1/A)) (B + Gmin - G)``, so a
waveform is played like a jump table's: it may hold pulses of these two amplitudes and this width.
Each pulse has its own noise and is clipped, as on a bench. NeuroSim itself makes a write of n
pulses in one go: `NeuroSim.write`.

Beyond |NL| of about 8 the curve is a wall: the first steps from its flat end are below the
rounding of G (exp(-44) of the range at 9), and without noise a cell does not leave it.

Not modelled: NeuroSim's non-linear I-V, its read noise, and what other pulses would do.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from hil.draws import normals
from hil.errors import ConfigError
from hil.simulators.models.drive import Floats
from hil.simulators.models.model import State
from hil.simulators.models.pulsed import Profiles, Pulsed
from hil.simulators.models.streams import PULSE
from hil.units import quantity

_NL_SCALE = 10.10153
"""NL over the largest distance from the straight line, so that NeuroSim's list is met."""


def a_norm(nonlinearity: ArrayLike) -> Floats:
    """Solve for A over the number of levels at a non-linearity.

    The distance is largest at ``x = -A ln(A (1 - exp(-1/A)))`` and falls with A.

    Parameters
    ----------
    nonlinearity : float or array
        |NL|, above 0 and at most 9.

    Returns
    -------
    float64 array
        A_norm of the shape of nonlinearity.
    """
    wanted = np.asarray(nonlinearity, float) / _NL_SCALE
    low, high = np.full(wanted.shape, -30.0), np.full(wanted.shape, 6.0)
    for _ in range(70):
        middle = 0.5 * (low + high)
        beyond = _distance(np.exp(middle)) > wanted
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray(np.exp(-0.5 * (low + high)))


def _distance(y: Floats) -> Floats:
    """Compute max(f(x) - x) for 1/A = y; below 1e-4 its series y/8 is exact to 1e-9."""
    small = y < 1e-4
    bent = np.where(small, 1.0, y)
    whole = -np.expm1(-bent)
    at = -np.log(whole / bent) / bent
    return np.where(small, y / 8.0, -np.expm1(-bent * at) / whole - at)


class NeuroSim(Pulsed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """NeuroSim's Real Device; the defaults are its Ag:Si device."""

    g_min_s: Annotated[float, quantity("S", "least conductance", gt=0)] = 3.0769e-9
    g_max_s: Annotated[float, quantity("S", "largest conductance", gt=0)] = 3.8462e-8
    levels_ltp: Annotated[int, Meta(ge=1, description="pulses from g_min_s to g_max_s")] = 97
    levels_ltd: Annotated[int, Meta(ge=1, description="pulses from g_max_s to g_min_s")] = 100
    nl_ltp: Annotated[float, Meta(ge=-9, le=9, description="non-linearity of LTP")] = 2.4
    nl_ltd: Annotated[float, Meta(ge=-9, le=9, description="non-linearity of LTD")] = -4.88
    sigma_c2c: Annotated[
        float, Meta(ge=0, description="noise of a pulse over g_max_s - g_min_s")
    ] = 0.035
    ltp_v: Annotated[float, quantity("V", "amplitude of an LTP pulse", gt=0)] = 3.2
    ltd_v: Annotated[float, quantity("V", "amplitude of an LTD pulse", lt=0)] = -2.8
    pulse_high_s: Annotated[float, quantity("s", "flat top of both pulses", gt=0)] = 300e-6
    longest_edge_s: Annotated[
        float, quantity("s", "longest edge beyond quiet_v that still belongs to a pulse", gt=0)
    ] = 10e-6
    initial_conductance_s: (
        Annotated[float, quantity("S", "conductance of a fresh cell; g_min_s if left out")] | None
    ) = None

    stream: ClassVar[np.uint64] = PULSE
    knows: ClassVar[str] = "NeuroSim pulse"
    varies: ClassVar[tuple[str, ...]] = ("nl_ltp", "nl_ltd", "sigma_c2c")

    def __post_init__(self) -> None:
        self._check_numbers()
        if not self.g_min_s < self.g_max_s:
            raise ConfigError(
                f"g_min_s {self.g_min_s:g} S must be below g_max_s {self.g_max_s:g} S"
            )
        if not self.g_min_s <= self.fresh_conductance_s <= self.g_max_s:
            raise ConfigError(
                f"initial_conductance_s {self.fresh_conductance_s:g} S is outside "
                f"{self.g_min_s:g} to {self.g_max_s:g} S"
            )
        for name in ("ltp_v", "ltd_v"):
            if abs(getattr(self, name)) <= self.quiet_v:
                raise ConfigError(
                    f"{name} {getattr(self, name):g} V is not beyond quiet_v {self.quiet_v:g} V"
                )

    def _check_numbers(self) -> None:
        for name in ("g_min_s", "g_max_s", "pulse_high_s", "ltp_v", "levels_ltp", "levels_ltd"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; it must be above 0 and finite"
                )
        if not -math.inf < self.ltd_v < 0:
            raise ConfigError(f"ltd_v is {self.ltd_v} V; it must be below 0 and finite")
        if not 0 <= self.sigma_c2c < math.inf:
            raise ConfigError(f"sigma_c2c is {self.sigma_c2c}; it must be 0 or more, and finite")
        for name in ("nl_ltp", "nl_ltd"):
            if not -9 <= getattr(self, name) <= 9:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; NeuroSim knows -9 to 9, with the sign of A"
                )

    @property
    def fresh_conductance_s(self) -> float:
        """Conductance of a fresh cell (S)."""
        start_s = self.initial_conductance_s
        return self.g_min_s if start_s is None else start_s

    @property
    def amplitudes_v(self) -> Floats:
        """LTP and LTD (V)."""
        return np.array([self.ltp_v, self.ltd_v])

    def start(self, state: State) -> None:
        """Make fresh cells, all at one conductance."""
        state["conductance_s"] = self.fresh_conductance_s

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Give the bounds of the conductance."""
        return np.full(len(state), self.g_min_s), np.full(len(state), self.g_max_s)

    def write(self, state: State, cells: NDArray[np.int64], pulses: ArrayLike) -> None:
        """Write as NeuroSim does: all pulses of a cell at once, their noise added once.

        Unlike as many pulses in a waveform, the way between is not clipped: the two differ near
        the bounds.

        Parameters
        ----------
        state : (all cells,) structured array
            Moves in place.
        cells : (cells,) int64
            Which cells, each once.
        pulses : int or (cells,) int
            How many, negative for LTD; a cell with 0 is left alone.
        """
        count = np.broadcast_to(np.asarray(pulses, np.int64), cells.shape)
        up = count > 0
        per_pulse = np.where(up, *(self._per_pulse(side, state, cells) for side in _SIDES))
        whole = per_pulse * np.where(up, self.levels_ltp, self.levels_ltd)
        range_s = self.g_max_s - self.g_min_s
        share = (state["conductance_s"][cells] - self.g_min_s) / range_s
        linear = whole == 0
        y = np.where(linear, 1.0, whole)
        fallen = np.where(
            y > 0, np.exp(-y) - (1.0 - share) * np.expm1(-y), 1.0 + share * np.expm1(-y)
        )
        moved = np.where(
            linear,
            share + count / np.where(up, self.levels_ltp, self.levels_ltd),
            (fallen * np.exp(-per_pulse * count) - 1.0) / np.expm1(-y),
        )
        draw = normals(state["key"][cells], PULSE, state["draws"][cells][None].astype(np.uint64))
        sigma = np.broadcast_to(self.parameter("sigma_c2c", state), len(state))[cells]
        moved += sigma * np.sqrt(np.abs(count)) * draw[0]
        after_s = self.g_min_s + range_s * np.clip(moved, 0.0, 1.0)
        written = cells[count != 0]
        state["conductance_s"][written] = after_s[count != 0]
        state["draws"][written] += 1

    def _per_pulse(self, side: str, state: State, cells: NDArray[np.int64]) -> Floats:
        """Compute 1/A, (1,) or (cells,), with the sign of NL; 0 where NL is."""
        nl = np.atleast_1d(self.parameter(f"nl_{side}", state))
        nl = nl[cells] if len(nl) > 1 else nl
        levels = self.levels_ltp if side == "ltp" else self.levels_ltd
        bent = _bends()(np.minimum(np.abs(nl), 9.0))
        return np.asarray(np.copysign(bent, nl) / levels)

    def _profiles(self, state: State, cells: NDArray[np.int64]) -> Profiles:
        """Give the mean step, linear in G, and its sigma, for LTP and LTD."""
        range_s = self.g_max_s - self.g_min_s
        rows = []
        for side, levels, count in zip(
            _SIDES, (self.levels_ltp, self.levels_ltd), (1, -1), strict=True
        ):
            y = self._per_pulse(side, state, cells)
            slope = np.expm1(-y * count)
            bent = np.where(y == 0, 1.0, y)
            at_min = np.where(
                y == 0, count / levels, np.expm1(-bent * count) / np.expm1(-bent * levels)
            )
            rows.append((range_s * at_min - slope * self.g_min_s, slope))
        sigma = np.atleast_1d(self.parameter("sigma_c2c", state))
        sigma = range_s * (sigma[cells] if len(sigma) > 1 else sigma)
        profiles = max(len(sigma), *(len(row[1]) for row in rows))
        mean = np.empty((profiles, 2, 2))
        for k, row in enumerate(rows):
            mean[:, k] = np.column_stack(np.broadcast_arrays(*row))
        spread = np.broadcast_to(sigma[:, None, None], (profiles, 2, 1)).copy()
        return Profiles(mean, spread, 0.0, self.g_min_s, self.g_max_s)


_SIDES = ("ltp", "ltd")


@cache
def _bends() -> Callable[[Floats], Any]:
    """Make a curve of 1/A_norm over |NL|, exact to 1e-9: solving for each cell would be slow."""
    nl = np.linspace(0.0, 9.0, 1501)
    curve: Callable[[Floats], Any] = CubicSpline(nl, np.append(0.0, 1.0 / a_norm(nl[1:])))
    return curve
