"""What a waveform does to a cell, added up segment by segment."""

import numpy as np
from numba import njit


@njit(cache=True)
def book(total, cells, stress):
    """Add stress, (1,) or (cells,), to the entries of *cells*."""
    one = stress.shape[0] == 1
    for k in range(cells.shape[0]):
        _add(total[cells[k]], stress[0 if one else k])


@njit(cache=True)
def disturb(total, cells, array_columns, on_row, on_column, elsewhere):
    """Add to all other cells of an array what each of *cells* lets them have of its program."""
    one = on_row.shape[0] == 1
    for k in range(cells.shape[0]):
        place = 0 if one else k
        row, column = cells[k] // array_columns, cells[k] % array_columns
        for other in range(array_columns):
            if other != column:
                _add(total[row * array_columns + other], on_row[place])
        for other in range(total.shape[0] // array_columns):
            if other != row:
                _add(total[other * array_columns + column], on_column[place])
        if elsewhere[place]["bias_s"] == 0.0:
            continue
        for other in range(total.shape[0]):
            if other // array_columns != row and other % array_columns != column:
                _add(total[other], elsewhere[place])


@njit(cache=True)
def _add(mine, more):
    mine["pulses"] += more["pulses"]
    mine["bias_vs"] += more["bias_vs"]
    mine["bias_s"] += more["bias_s"]
    mine["energy_j"] += more["energy_j"]
    mine["highest_v"] = max(mine["highest_v"], more["highest_v"])
    mine["lowest_v"] = min(mine["lowest_v"], more["lowest_v"])
    mine["disturbs"] += more["disturbs"]


@njit(cache=True)
def tally(
    duration_s, start_v, stop_v, phase, units, read_low_v, read_high_v, stress, extremes, longest_s
):  # fmt: skip
    """Walk through a program: fill stress, extremes (phase, low/high) and longest excursions.

    Returns the largest step between segments, or from and to 0 V at the ends (V), inf where a
    number is none that can be played.
    """
    worst_gap_v = 0.0
    state = np.empty(4)
    for column in range(start_v.shape[1]):
        mine = stress[column]
        state[:] = 0.0  # end voltage, time of the open excursion, its phases, largest gap
        for unit in range(units.shape[0]):
            first, last, repeats = units[unit]
            _walk(duration_s, start_v, stop_v, phase, column, first, last, 1,
                  read_low_v, read_high_v, mine, extremes, longest_s, state)  # fmt: skip
            if repeats > 1:
                before_s = state[1]
                closed = mine["pulses"]
                _walk(duration_s, start_v, stop_v, phase, column, first, last, repeats - 1,
                      read_low_v, read_high_v, mine, extremes, longest_s, state)  # fmt: skip
                if mine["pulses"] == closed and state[1] > before_s:
                    state[1] = before_s + (state[1] - before_s) * (repeats - 1)
        _close(mine, longest_s, state)
        worst_gap_v = max(worst_gap_v, state[3], abs(state[0]))
    return worst_gap_v


@njit(cache=True)
def _walk(duration_s, start_v, stop_v, phase, column, first, last, times,
          read_low_v, read_high_v, mine, extremes, longest_s, state):  # fmt: skip
    """Go once through a unit, counting what adds up *times* times."""
    pulses = mine["pulses"]
    for s in range(first, last):
        a, b, t, p = start_v[s, column], stop_v[s, column], duration_s[s, column], phase[s]
        if not (0.0 < t < np.inf and abs(a) < np.inf and abs(b) < np.inf):
            state[3] = np.inf
        state[3] = max(state[3], abs(a - state[0]))
        state[0] = b
        extremes[p, 0] = min(extremes[p, 0], a, b)
        extremes[p, 1] = max(extremes[p, 1], a, b)
        mine["highest_v"] = max(mine["highest_v"], a, b)
        mine["lowest_v"] = min(mine["lowest_v"], a, b)
        if a != 0.0 or b != 0.0:
            mine["bias_s"] += times * t
            area = _area(a, b, t)
            mine["bias_vs"] += times * area
            mine["energy_j"] += times * area
        if state[1] > 0.0 or min(a, b) < read_low_v or max(a, b) > read_high_v:
            _excursion(a, b, t, p, read_low_v, read_high_v, mine, longest_s, state)
    mine["pulses"] = pulses + (mine["pulses"] - pulses) * times


@njit(cache=True)
def _area(a, b, t):
    """Integral of |V| over a linear segment."""
    if a * b >= 0.0:
        return 0.5 * (abs(a) + abs(b)) * t
    return 0.5 * (a * a + b * b) / (abs(a) + abs(b)) * t


@njit(cache=True)
def _excursion(a, b, t, p, low_v, high_v, mine, longest_s, state):
    """Follow how long the voltage has been beyond the read limits without a break."""
    if not _beyond(a, low_v, high_v):
        _close(mine, longest_s, state)
    if a == b:
        if _beyond(a, low_v, high_v):
            _extend(t, p, state)
        return
    at_low, at_high = (low_v - a) / (b - a), (high_v - a) / (b - a)
    enters, leaves = min(at_low, at_high), max(at_low, at_high)
    if leaves <= 0.0 or enters >= 1.0:
        _extend(t, p, state)
        return
    if enters > 0.0:
        _extend(enters * t, p, state)
    _close(mine, longest_s, state)
    if leaves < 1.0:
        _extend((1.0 - leaves) * t, p, state)


@njit(cache=True)
def _beyond(v, low_v, high_v):
    return v > high_v or v < low_v


@njit(cache=True)
def _extend(t, p, state):
    state[1] += t
    state[2] = float(int(state[2]) | (1 << p))


@njit(cache=True)
def _close(mine, longest_s, state):
    """End the excursion that is open, if one is."""
    if state[1] > 0.0:
        mine["pulses"] += 1
        for p in range(longest_s.shape[0]):
            if int(state[2]) >> p & 1:
                longest_s[p] = max(longest_s[p], state[1])
        state[1] = 0.0
        state[2] = 0.0
