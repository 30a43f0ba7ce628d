"""RODAS against solutions in closed form."""

import math
from typing import Any

import numpy as np
import pytest

from hil.simulators.models.compiled import helper
from hil.simulators.models.rosenbrock_kernel import rodas


@helper
def _growth(given: Any, time: float, y: float) -> float:
    """Have 1/(given - sin t) as a solution: y' = y^2 cos t."""
    return y * y * math.cos(time)


@helper
def _decay(given: Any, time: float, y: float) -> float:
    """Follow cos t within 1/given."""
    return float(-given[0] * (y - math.cos(time)))


def walk(steps: int) -> tuple[float, float]:
    """Integrate y' = y^2 cos t from y(0) = 1/2 to t = 1: error at the end, largest estimate."""
    step, y, size, most = rodas(_growth), 0.5, 1 / steps, 0.0
    for k in range(steps):
        t = k * size
        slopes = y * y * math.cos(t), 2 * y * math.cos(t), -y * y * math.sin(t)
        y, error = step((0.0,), t, y, *slopes, size)
        most = max(most, error)
    return float(abs(y - 1 / (2 - math.sin(1)))), most


def test_it_is_of_order_4_and_its_estimate_of_a_step_too() -> None:
    errors, estimates = np.array([walk(steps) for steps in (8, 16, 32, 64)]).T
    assert np.log2(errors[:-1] / errors[1:]) == pytest.approx(4, abs=0.35)
    assert np.log2(estimates[:-1] / estimates[1:]) == pytest.approx(4, abs=0.35)
    assert (errors < 10 * estimates).all()


def test_a_stiff_decay_is_over_after_one_step() -> None:
    """L-stable: 1e9 times faster than the step, it ends where it is led to."""
    y, error = rodas(_decay)((1e9,), 0.0, 7.0, -6e9, -1e9, 0.0, 1.0)
    assert y == pytest.approx(math.cos(1.0), abs=1e-6)
    assert error < 1e-6
