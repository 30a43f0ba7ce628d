"""Walks the cells of `logistic_cells`: Runge-Kutta steps in ln(x / (1 - x)), tried in halves."""

import math

from numba import njit

A_V, B_PER_V, LOW_S, HIGH_S = 0.225, 4.12, 1e-6, 100e-6
RATE_HZ, SCALE_V = 20.0, 0.15


@njit(cache=True, error_model="numpy")
def _share(u):
    return 1.0 / (1.0 + math.exp(-u))


@njit(cache=True, error_model="numpy")
def load_line(u, source_v, ohm, limit_a):
    """Solve for voltage and current of a cell behind a resistance with a limit."""
    g = (LOW_S + (HIGH_S - LOW_S) * _share(u)) * A_V
    v = source_v
    if ohm > 0.0 and source_v != 0.0:
        v = math.copysign(min(abs(source_v), math.asinh(abs(source_v) / ohm / g) / B_PER_V), v)
        for _ in range(60):
            f = v + ohm * g * math.sinh(B_PER_V * v) - source_v
            step = f / (1.0 + ohm * g * B_PER_V * math.cosh(B_PER_V * v))
            v -= step
            if abs(step) < 1e-15:
                break
    i = g * math.sinh(B_PER_V * v)
    if abs(i) > limit_a:
        return math.copysign(math.asinh(limit_a / g) / B_PER_V, v), math.copysign(limit_a, i), True
    return v, i, False


@njit(cache=True, error_model="numpy")
def _rate(u, a, b, t, ohm, limit_a):
    v = load_line(u, a + (b - a) * t, ohm, limit_a)[0]
    return 4.0 * RATE_HZ * math.sinh(v / SCALE_V)


@njit(cache=True, error_model="numpy")
def _step(u, a, b, t, h, lasting, ohm, limit_a):
    k1 = lasting * _rate(u, a, b, t, ohm, limit_a)
    k2 = lasting * _rate(u + 0.5 * h * k1, a, b, t + 0.5 * h, ohm, limit_a)
    k3 = lasting * _rate(u + 0.5 * h * k2, a, b, t + 0.5 * h, ohm, limit_a)
    k4 = lasting * _rate(u + h * k3, a, b, t + h, ohm, limit_a)
    return u + h * (k1 + 2.0 * k2 + 2.0 * k3 + k4) / 6.0


@njit(cache=True, error_model="numpy")
def walk(x, cells, duration_s, start_v, stop_v, measured, units, ohm, limit_a, seen):
    """Take cells through a drive, each step with an error of at most 1e-11 in ln(x / (1 - x))."""
    for c in range(len(cells)):
        column = c if start_v.shape[1] > 1 else 0
        u = math.log(x[cells[c]] / (1.0 - x[cells[c]]))
        look = 0
        for n in range(len(units)):
            for _ in range(units[n, 2]):
                for s in range(units[n, 0], units[n, 1]):
                    a, b = start_v[s, column], stop_v[s, column]
                    t, h, lasting = 0.0, 1.0, duration_s[s, column]
                    while t < 1.0 and lasting > 0.0 and (a != 0.0 or b != 0.0):
                        h = min(h, 1.0 - t)
                        one = _step(u, a, b, t, h, lasting, ohm, limit_a)
                        half = _step(u, a, b, t, 0.5 * h, lasting, ohm, limit_a)
                        two = _step(half, a, b, t + 0.5 * h, 0.5 * h, lasting, ohm, limit_a)
                        error = abs(two - one) / 15.0 / 1e-11
                        if error <= 1.0:
                            t, u = t + h, two
                        h *= min(4.0, 0.9 * max(error, 1e-6) ** -0.2)
                    if measured[s]:
                        seen[0][look, c], seen[1][look, c], held = load_line(u, b, ohm, limit_a)
                        seen[2][look, c] = held
                        look += 1
        x[cells[c]] = _share(u)


@njit(cache=True, error_model="numpy")
def current(x, voltage, out, slope):
    """Compute currents and slopes."""
    for k in range(len(x)):
        g = (LOW_S + (HIGH_S - LOW_S) * x[k]) * A_V
        out[k] = g * math.sinh(B_PER_V * voltage[k])
        slope[k] = g * B_PER_V * math.cosh(B_PER_V * voltage[k])
