"""Staircases: their levels, and the columns of their records."""

import math
from typing import Any

import numpy as np

from hil.cells import Indices
from hil.errors import ConfigError
from hil.limits import PhaseLimits
from hil.readings import Readings

PER_VOLT = 1_000_000
"""Levels are whole microvolts, so that every one is a short decimal number."""


def rising_v(peak_v: float, step_v: float) -> list[float]:
    """List the levels of a staircase from one step to its peak.

    Parameters
    ----------
    peak_v : float
        Last level (V), either sign.
    step_v : float
        Height of a step (V).

    Returns
    -------
    list of float
        The floats nearest to the decimal multiples of the step: 0.3, not 0.30000000000000004.

    Raises
    ------
    ConfigError
        If the step is not in whole microvolts or does not divide the peak.
    """
    step, peak = round(step_v * PER_VOLT), round(abs(peak_v) * PER_VOLT)
    for volts, whole in ((step_v, step), (abs(peak_v), peak)):
        if whole < 1 or not math.isclose(volts * PER_VOLT, whole, rel_tol=1e-12):
            raise ConfigError(f"a staircase is of whole microvolts, not of {volts:.12g} V")
    if peak % step:
        raise ConfigError(
            f"steps of {step_v:g} V do not reach a peak of {peak_v:g} V; take {peak_v:g} V "
            "divided by a whole number"
        )
    sign = math.copysign(1, peak_v)
    return [sign * k * step / PER_VOLT for k in range(1, peak // step + 1)]


def there_and_back_v(peak_v: float, step_v: float) -> list[float]:
    """List the levels of a half sweep: 0 V to the peak, which comes once, and back."""
    up_v = rising_v(peak_v, step_v)
    return up_v + up_v[-2::-1]


def highest_v(limits: PhaseLimits, sign: int, step_v: float, most_v: float = math.inf) -> float:
    """Find the highest whole number of steps of one sign within the limits and *most_v*."""
    allowed_v = min(most_v, limits.positive_v if sign > 0 else -limits.negative_v)
    step = max(round(step_v * PER_VOLT), 1)
    return sign * (math.floor(allowed_v * PER_VOLT + 1e-3) // step * step) / PER_VOLT


def columns_of(readings: Readings, cells: Indices) -> dict[str, Any]:
    """Lay out what was read, one record a reading and cell, each column (readings, cells)."""
    shape = readings.current_a.shape
    return {
        "cell": np.broadcast_to(cells, shape),
        "step": np.broadcast_to(np.arange(shape[0])[:, None], shape),
        "source_v": readings.source_v,
        "voltage_v": readings.voltage_v,
        "current_a": readings.current_a,
        "time_s": readings.time_s,
        "limited": readings.limited,
        "status": readings.status,
    }
