"""JART VCM v1b once more, in plain Python: brentq for the Schottky voltage, LSODA on ln N.

Equations: JART_VCM_v1b.va (det, 17.02.2020) and the user guide of May 2021 (Flim). It shares
nothing with the project's model, is slow, and is made to be read beside the published equations.
SI apart from densities, which are in 1e26 per m^3 as there.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.constants import Boltzmann, elementary_charge, epsilon_0, h, m_e
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

Floats = NDArray[np.float64]
Point = tuple[float, float]
"""Time (s) and open-circuit voltage (V)."""

# e (C), k (J/K), h (J s), eps0 (F/m), m (kg), pi
CONSTANTS: dict[str, tuple[float, float, float, float, float, float]] = {
    "si": (elementary_charge, Boltzmann, h, epsilon_0, m_e, math.pi),
    "2020": (1.602e-19, 1.3807e-23, 6.626e-34, 8.854e-12, 9.10938e-31, 3.1416),
}
RICHARDSON = 6.01e5
Z, HOP_M, NY0_HZ, BARRIER_EV = 2.0, 0.25e-9, 2e13, 1.35
EPS, EPS_PHIB, PHIBN0_V, PHIN_V = 17.0, 5.5, 0.18, 0.1
MOBILITY, RADIUS_M, CELL_M, DISC_M = 4e-6, 45e-9, 3e-9, 0.4e-9
N_MIN, N_MAX, N_PLUG = 0.008, 20.0, 20.0
T0_K, RESET_COOLING = 293.0, 0.27
R_TIOX, R0, R_TH_LINE, ALPHA_LINE = 650.0, 719.2437, 90471.47, 3.92e-3
CUBIC = R0**2 * ALPHA_LINE * R_TH_LINE
ROOT_V = 0.99375 * (PHIBN0_V - PHIN_V)
"""Above it V > 0 has further solutions, which no device reaches from 0 V."""
LN_LOW, LN_HIGH = math.log(N_MIN / 2), math.log(N_MAX * 1.1)


class Solved(NamedTuple):
    """A cell at one moment: what flows, how hot it is, what its vacancies do."""

    voltage_v: float
    """Across the cell itself."""
    current_a: float
    temperature_k: float
    schottky_v: float
    rate: float
    """dN/dt in 1e26 per m^3 and s."""


@dataclass(frozen=True)
class Jart:
    """One deterministic cell with the published defaults, behind a resistance and a limit."""

    rth0: float = 15.72e6
    flim: bool = True
    constants: str = "si"
    source_ohm: float = 0.0
    limit_a: float = math.inf

    def solve(self, voltage_v: float, n: float) -> Solved:
        """Find current, temperature and dN/dt at the source's voltage."""
        if voltage_v == 0.0:
            return Solved(0.0, 0.0, T0_K, 0.0, 0.0)

        def miss(schottky_v: float) -> float:
            current_a, kelvin = self._circuit(voltage_v, n, schottky_v)
            return current_a - self._emission(schottky_v, n, kelvin)

        schottky_v = _root(miss, voltage_v)
        current_a, kelvin = self._circuit(voltage_v, n, schottky_v)
        if abs(current_a) > self.limit_a:
            return self._held(math.copysign(self.limit_a, voltage_v), voltage_v, n)
        return self._solved(current_a, kelvin, schottky_v, n)

    def _held(self, current_a: float, voltage_v: float, n: float) -> Solved:
        """Find what the cell needs at the current of the limit; voltage_v is more than that."""

        def kelvin(schottky_v: float) -> float:
            return self._kelvin(current_a, schottky_v + current_a * sum(self._resistances(n)))

        def miss(schottky_v: float) -> float:
            return current_a - self._emission(schottky_v, n, kelvin(schottky_v))

        schottky_v = _root(miss, voltage_v)
        return self._solved(current_a, kelvin(schottky_v), schottky_v, n)

    def _solved(self, current_a: float, kelvin: float, schottky_v: float, n: float) -> Solved:
        line_ohm = R_TIOX + R0 + CUBIC * current_a**2
        cell_v = schottky_v + current_a * (sum(self._resistances(n)) + line_ohm)
        rate = self._rate(schottky_v, current_a, n, kelvin)
        return Solved(cell_v, current_a, kelvin, schottky_v, rate)

    def _resistances(self, n: float) -> tuple[float, float]:
        """Give the resistance of the disc and of the plug."""
        e, *_, pi = CONSTANTS[self.constants]
        of_1 = 1.0 / (1e26 * Z * e * MOBILITY * pi * RADIUS_M**2)
        return DISC_M * of_1 / n, (CELL_M - DISC_M) * of_1 / N_PLUG

    def _circuit(self, voltage_v: float, n: float, schottky_v: float) -> tuple[float, float]:
        """Solve Kirchhoff's law, a cubic with one real root, for the current; then T."""
        bulk = sum(self._resistances(n))
        p = (bulk + R_TIOX + R0 + self.source_ohm) / CUBIC
        q = (voltage_v - schottky_v) / CUBIC
        root = math.sqrt(p / 3)
        current_a = 2 * root * math.sinh(math.asinh(q / (2 * root**3)) / 3)
        return current_a, self._kelvin(current_a, schottky_v + current_a * bulk)

    def _kelvin(self, current_a: float, hot_v: float) -> float:
        """Compute T from the voltage over all but the line."""
        return T0_K + current_a * hot_v * self.rth0 * (RESET_COOLING if current_a > 0 else 1.0)

    def _emission(self, schottky_v: float, n: float, kelvin: float) -> float:
        """Compute the current over the barrier (V > 0) or through it (V < 0)."""
        e, k, planck, eps0, mass, pi = CONSTANTS[self.constants]
        area, kt = pi * RADIUS_M**2, k * kelvin
        lowering = PHIBN0_V - PHIN_V - schottky_v
        barrier_v = PHIBN0_V
        if lowering > 0:
            inner = e**3 * Z * n * 1e26 * lowering / (8 * pi**2 * (EPS_PHIB * eps0) ** 3)
            barrier_v = max(0.0, PHIBN0_V - math.sqrt(math.sqrt(inner)))
        if schottky_v >= 0:
            prefactor = area * RICHARDSON * kelvin**2 * math.exp(-e * barrier_v / kt)
            return prefactor * math.expm1(e * schottky_v / kt)
        w00 = e * planck / (4 * pi) * math.sqrt(Z * n * 1e26 / (mass * EPS * eps0))
        u = w00 / kt
        w0, slope = w00 / math.tanh(u), w00 / (u - math.tanh(u))
        within = pi * w00 * e * (-schottky_v + barrier_v / math.cosh(u) ** 2)
        prefactor = (
            area * RICHARDSON * kelvin / k * math.sqrt(within) * math.exp(-e * barrier_v / w0)
        )
        return -prefactor * math.expm1(-e * schottky_v / slope)

    def _rate(self, schottky_v: float, current_a: float, n: float, kelvin: float) -> float:
        """Compute dN/dt by hopping in the field of the cell (RESET) or the disc (SET)."""
        e, k, *_, pi = CONSTANTS[self.constants]
        disc, plug = self._resistances(n)
        resets = current_a > 0
        if (resets and n < N_MIN) or (not resets and n > N_MAX):
            return 0.0
        field = current_a * disc / DISC_M
        if resets:
            field = (schottky_v + current_a * (disc + plug)) / CELL_M
        gamma = Z * HOP_M * field / (pi * BARRIER_EV)
        mean = BARRIER_EV * (math.sqrt(1 - gamma**2) + gamma * math.asin(gamma))
        half = BARRIER_EV * gamma * pi / 2
        hops = 2 * math.exp(-mean * e / (k * kelvin)) * math.sinh(half * e / (k * kelvin))
        limit = 1.0
        if self.flim:
            limit = 1 - ((N_MIN / n) if resets else (n / N_MAX)) ** 10
        return -(N_PLUG + n) / 2 * HOP_M * NY0_HZ / DISC_M * limit * hops

    def follow(self, points: Sequence[Point], n: float, rtol: float = 1e-9) -> "Path":
        """Integrate ln N along straight lines between points, a new start at each and at 0 V."""
        path = Path([points[0][0]], [points[0][1]], [n], [])
        for (start_s, start_v), (stop_s, stop_v) in _legs(points):
            slope = (stop_v - start_v) / (stop_s - start_s)

            def rhs(
                after_s: float, y: Floats, at_v: float = start_v, slope: float = slope
            ) -> float:
                clamped = math.exp(min(max(float(y[0]), LN_LOW), LN_HIGH))
                return self.solve(at_v + slope * after_s, clamped).rate / clamped

            found = solve_ivp(
                rhs, (0.0, stop_s - start_s), [math.log(path.n[-1])], method="LSODA",
                rtol=rtol, atol=rtol, dense_output=True,
            )  # fmt: skip
            if not found.success:
                raise ArithmeticError(found.message)
            path.time_s.extend(start_s + found.t[1:])
            path.voltage_v.extend(start_v + slope * found.t[1:])
            path.n.extend(np.exp(found.y[0, 1:]))
            path.legs.append((start_s, found.sol))
        return path


class Path(NamedTuple):
    """Where a cell has been, at the solver's own steps."""

    time_s: list[float]
    voltage_v: list[float]
    n: list[float]
    legs: list[tuple[float, Callable[[float], Floats]]]
    """Where each leg begins, and ln N as a function of the time in it."""

    def at(self, time_s: float) -> float:
        """Give N at any time."""
        leg = max(0, bisect_left([start_s for start_s, _ in self.legs], time_s) - 1)
        start_s, ln_n = self.legs[leg]
        return math.exp(float(ln_n(time_s - start_s)[0]))

    def crossings(self, n: float) -> list[Point]:
        """Tell when and at which voltage N passed a value."""
        return crossings(np.array(self.time_s), np.array(self.voltage_v), np.log(self.n), n)


def crossings(time_s: Floats, voltage_v: Floats, ln_n: Floats, n: float) -> list[Point]:
    """Tell when and at which voltage N passed a value, on straight lines of ln N."""
    away = ln_n - math.log(n)
    at = np.flatnonzero(np.sign(away[1:]) != np.sign(away[:-1]))
    share = away[at] / (away[at] - away[at + 1])
    points = np.column_stack((time_s, voltage_v))
    return [
        (float(when), float(where))
        for when, where in points[at] + share[:, None] * (points[at + 1] - points[at])
    ]


def _root(miss: Callable[[float], float], voltage_v: float) -> float:
    """Find the Schottky voltage between 0 and the whole voltage."""
    low, high = (voltage_v, 0.0) if voltage_v < 0 else (0.0, min(voltage_v, ROOT_V))
    return float(brentq(miss, low, high, xtol=1e-300, rtol=8.9e-16))


def _legs(points: Sequence[Point]) -> list[tuple[Point, Point]]:
    """Cut straight lines at 0 V, where the law changes."""
    legs = []
    for (start_s, start_v), (stop_s, stop_v) in pairwise(points):
        ends = [(start_s, start_v), (stop_s, stop_v)]
        if start_v * stop_v < 0:
            zero_s = start_s + (stop_s - start_s) * start_v / (start_v - stop_v)
            ends.insert(1, (zero_s, 0.0))
        legs += [leg for leg in pairwise(ends) if leg[1][0] > leg[0][0]]
    return legs
