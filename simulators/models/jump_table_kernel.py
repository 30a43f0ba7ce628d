"""What event models make of a waveform: which pulses it holds, and a random step for each."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hil.draws import normal, uniform
from hil.simulators.models.compiled import helper

AMPLITUDE, WIDTH, EDGE = 1, 2, 3
"""What of a waveform the tables do not know."""


GRID, CURVES = 1, 2
"""Forms of a table in lists."""


class Lists(NamedTuple):
    """Tables that are lists of numbers, in two arrays: many would make each call slow.

    ``layout`` (tables, 5) int64 has for each table its form, where in ``numbers`` (n,) float64 it
    begins, and three lengths; a table of another form, or beyond the last, is a polynomial. There

    - a `GRID` of rows, 0 and columns has its conductances (rows), steps (columns), in S, and
      cumulated probabilities (rows, columns);
    - `CURVES` of rows, shape rows and shape columns have conductances, means and sigmas (rows
      each), in S, and if there are shape rows, their conductances and standardised quantiles at
      equally spaced probabilities (shape rows, shape columns).
    """

    layout: Any
    numbers: Any


@helper
def _match(plateau_v, plateau_s, amplitudes_v, width_s, amplitude_tolerance, width_tolerance):
    """Find the table of a plateau: (index, 0), or (-1, what does not fit)."""
    best, nearest = -1, np.inf
    for k in range(amplitudes_v.shape[0]):
        off = abs(plateau_v - amplitudes_v[k]) / abs(amplitudes_v[k])
        if off < nearest:
            best, nearest = k, off
    if nearest > amplitude_tolerance:
        return -1, AMPLITUDE
    if abs(plateau_s - width_s) > width_tolerance * width_s:
        return -1, WIDTH
    return best, 0


@njit(cache=True, error_model="numpy")
def find_unknown(
    duration_s, start_v, stop_v, units,
    amplitudes_v, width_s, quiet_v, amplitude_tolerance, width_tolerance, longest_edge_s,
):  # fmt: skip
    """Look for the first thing in a waveform that the tables do not know; source values."""
    for column in range(start_v.shape[1]):
        plateau_v, plateau_s = 0.0, 0.0
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(min(repeats, 2)):
                for s in range(first, last):
                    a, b, t = start_v[s, column], stop_v[s, column], duration_s[s, column]
                    if a == b and abs(a) > quiet_v:
                        if plateau_s > 0.0 and a != plateau_v:
                            return AMPLITUDE, a, t
                        plateau_v = a
                        plateau_s += t
                        continue
                    if max(abs(a), abs(b)) > quiet_v and t > longest_edge_s:
                        return EDGE, b, t
                    if plateau_s > 0.0:
                        found, code = _match(plateau_v, plateau_s, amplitudes_v, width_s,
                                             amplitude_tolerance, width_tolerance)  # fmt: skip
                        if found < 0:
                            return code, plateau_v, plateau_s
                        plateau_s = 0.0
                    elif abs(a) > quiet_v and not abs(b) > abs(a):
                        return WIDTH, a, 0.0
    return 0, 0.0, 0.0


@helper
def _polynomial(coefficients, x):
    value = 0.0
    for k in range(coefficients.shape[0] - 1, -1, -1):
        value = value * x + coefficients[k]
    return value


@helper
def _first_above(numbers, first, count, x):
    """Find the first of sorted numbers that is above x, counted from *first*; count if none is."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if numbers[first + middle] > x:
            high = middle
        else:
            low = middle + 1
    return low


@helper
def _quantile(numbers, cdf, step, columns, share):
    """Invert one row, linear between its points; what is beyond its ends is at its ends."""
    j = _first_above(numbers, cdf, columns, share)
    if j == 0:
        return numbers[step]
    if j == columns:
        return numbers[step + columns - 1]
    below = numbers[cdf + j - 1]
    part = (share - below) / (numbers[cdf + j] - below)
    left = numbers[step + j - 1]
    return left + part * (numbers[step + j] - left)


@helper
def _gridded(layout, numbers, table, g, share):
    """Interpolate the quantile of a step linearly between the rows at both sides of G."""
    first, rows, columns = layout[table, 1], layout[table, 2], layout[table, 4]
    step = first + rows
    cdf = step + columns
    i = _first_above(numbers, first, rows, g)
    if i == 0 or i == rows:
        return _quantile(numbers, cdf + max(i - 1, 0) * columns, step, columns, share)
    left = numbers[first + i - 1]
    part = (g - left) / (numbers[first + i] - left)
    below = _quantile(numbers, cdf + (i - 1) * columns, step, columns, share)
    return below + part * (_quantile(numbers, cdf + i * columns, step, columns, share) - below)


@helper
def _between(numbers, first, count, x):
    """Find x on a rising axis: the number of the entry below, and its part of the way on."""
    i = min(max(_first_above(numbers, first, count, x), 1), count - 1) - 1
    left = numbers[first + i]
    part = (x - left) / (numbers[first + i + 1] - left)
    return i, min(max(part, 0.0), 1.0)


@helper
def _at(numbers, index, part):
    """Interpolate between one number and the next."""
    return numbers[index] + part * (numbers[index + 1] - numbers[index])


@helper
def _curved(layout, numbers, table, g, key, stream, drawn):
    """Draw a step about a listed mean, normal or of the table's own shape."""
    first, rows = layout[table, 1], layout[table, 2]
    i, part = _between(numbers, first, rows, g)
    mean = _at(numbers, first + rows + i, part)
    sigma = _at(numbers, first + 2 * rows + i, part)
    shape_rows, columns = layout[table, 3], layout[table, 4]
    if shape_rows == 0:
        return mean + sigma * normal(key, stream, drawn)
    share = uniform(key, stream, drawn) * (columns - 1)
    j = min(int(share), columns - 2)
    axis = first + 3 * rows
    i, part = _between(numbers, axis, shape_rows, g)
    row = axis + shape_rows + i * columns + j
    below = _at(numbers, row, share - j)
    above = _at(numbers, row + columns, share - j)
    return mean + sigma * (below + part * (above - below))


@helper
def _jump(
    g, key, stream, drawn, table, layout, numbers, mean, sigma, sigma_floor_s, low_s, high_s
):  # fmt: skip
    """Step a conductance once."""
    form = layout[table, 0] if table < layout.shape[0] else 0
    if form == GRID:
        step = _gridded(layout, numbers, table, g, uniform(key, stream, drawn))
    elif form == CURVES:
        step = _curved(layout, numbers, table, g, key, stream, drawn)
    else:
        spread = max(sigma_floor_s, _polynomial(sigma[table], g))
        step = _polynomial(mean[table], g) + spread * normal(key, stream, drawn)
    return min(max(g + step, low_s), high_s)


@helper
def _terminal(conductance_s, source_v, source_ohm, limit_a):
    """Load line of an ohmic cell behind a source: voltage, current, limited."""
    current_a = source_v * conductance_s / (1.0 + source_ohm * conductance_s)
    if abs(current_a) > limit_a:
        held_a = limit_a if source_v > 0.0 else -limit_a
        return held_a / conductance_s, held_a, True
    return current_a / conductance_s, current_a, False


@njit(cache=True, error_model="numpy", nogil=True)
def play(
    conductances_s, plateaus_v, plateaus_s, keys, drawn, cells, duration_s, start_v, stop_v,
    measured, units, source_ohm, limit_a,
    amplitudes_v, width_s, quiet_v, amplitude_tolerance, width_tolerance, longest_edge_s,
    stream, layout, numbers, mean, sigma, sigma_floor_s, low_s, high_s,
    voltage_v, current_a, limited,
):  # fmt: skip
    """Play a waveform: a plateau beyond quiet_v that ends is a pulse, and a pulse is a step."""
    one = start_v.shape[1] == 1
    for k in range(cells.shape[0]):
        cell = cells[k]
        column = 0 if one else k
        own = k if mean.shape[0] > 1 else 0
        reading = 0
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            for _ in range(repeats):
                for s in range(first, last):
                    a, b, t = start_v[s, column], stop_v[s, column], duration_s[s, column]
                    if a != b and max(abs(a), abs(b)) > quiet_v and t > longest_edge_s:
                        return EDGE, b, t
                    if a == b and abs(a) > quiet_v:
                        at_cell_v, _i, _l = _terminal(conductances_s[cell], a, source_ohm, limit_a)
                        plateaus_v[cell] = at_cell_v
                        plateaus_s[cell] += t
                    elif plateaus_s[cell] > 0.0:
                        table, code = _match(
                            plateaus_v[cell], plateaus_s[cell], amplitudes_v, width_s,
                            amplitude_tolerance, width_tolerance,
                        )  # fmt: skip
                        wrong_v, wrong_s = plateaus_v[cell], plateaus_s[cell]
                        plateaus_s[cell] = 0.0
                        if table < 0:
                            return code, wrong_v, wrong_s
                        conductances_s[cell] = _jump(
                            conductances_s[cell], keys[cell], stream, drawn[cell], table, layout,
                            numbers, mean[own], sigma[own], sigma_floor_s, low_s, high_s,
                        )  # fmt: skip
                        drawn[cell] += 1
                    elif abs(a) > quiet_v and not abs(b) > abs(a):
                        return WIDTH, a, 0.0
                    if measured[s]:
                        voltage_v[reading, k], current_a[reading, k], limited[reading, k] = (
                            _terminal(conductances_s[cell], b, source_ohm, limit_a)
                        )
                        reading += 1
    return 0, 0.0, 0.0
