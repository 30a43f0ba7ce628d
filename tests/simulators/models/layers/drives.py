"""Drives for the tests of layers."""

import numpy as np

from hil.simulators.models.model import Device, Drive, State, Terminal


def steps(
    points: list[tuple[float, float]],
    ohm: float = 0.0,
    limit_a: float = np.inf,
    repeats: int = 1,
    start_s: float = 0.0,
) -> Drive:
    """Go from 0 V through (duration, voltage) points, linearly; all are measured."""
    duration_s, stop_v = np.array(points, float).T.reshape(2, -1, 1).copy()
    start_v = np.concatenate(([[0.0]], stop_v[:-1]))
    units = np.array([[0, len(points), repeats]])
    return Drive(
        duration_s, start_v, stop_v, np.ones(len(points), bool), units, ohm, limit_a, start_s
    )


def play(device: Device, drive: Drive, cells: int = 1, seed: int = 3) -> tuple[Terminal, State]:
    """Play fresh cells: terminal and state."""
    state = device.initial_state(cells, np.random.default_rng(seed))
    return device.play(state, np.arange(cells), drive), state
