"""Drives for the tests of models and layers, and cells to play them on."""

import math
from random import Random

import numpy as np
from numpy.typing import ArrayLike

from hil.simulators.models.drive import Drive, Terminal
from hil.simulators.models.model import Device, State

Steps = list[tuple[float, float]]
"""Duration (s) and the voltage (V) to which the source goes in it."""


def waveform(
    points: Steps,
    ohm: float = 0.0,
    limit_a: float = math.inf,
    repeats: int = 1,
    start_v: float = 0.0,
    start_s: float = 0.0,
    seen: bool = True,
) -> Drive:
    """Go from start_v through (duration, voltage) points, linearly; all are measured if seen."""
    durations, stops = np.array(points, float).T.reshape(2, -1, 1).copy()
    starts = np.concatenate(([[start_v]], stops[:-1]))
    units = np.array([[0, len(points), repeats]])
    measured = np.full(len(points), seen)
    return Drive(durations, starts, stops, measured, units, ohm, limit_a, start_s)


def cells_at(memory: ArrayLike, device: Device) -> State:
    """Make a cell for each value of the memory column."""
    values = np.atleast_1d(np.asarray(memory, float))
    state = device.initial_state(len(values), np.random.default_rng(0))
    state[device.memory_column] = values
    return state


def play_at(memory: ArrayLike, device: Device, drive: Drive) -> tuple[Terminal, State]:
    """Play one cell, or one for each value of the memory column: terminal and state."""
    state = cells_at(memory, device)
    return device.play(state, np.arange(len(state)), drive), state


def play(device: Device, drive: Drive, cells: int = 1, seed: int = 3) -> tuple[Terminal, State]:
    """Play fresh cells: terminal and state."""
    state = device.initial_state(cells, np.random.default_rng(seed))
    return device.play(state, np.arange(cells), drive), state


def whole_and_cut(
    duration: float, start_v: float, stop_v: float, share: float, ohm: float, limit_a: float
) -> tuple[Drive, Drive]:
    """Make a ramp, and the same as two segments, cut after a share of its duration."""
    cut_v = start_v + share * (stop_v - start_v)
    cut = [(share * duration, cut_v), ((1 - share) * duration, stop_v)]
    whole = waveform([(duration, stop_v)], ohm, limit_a, start_v=start_v)
    return whole, waveform(cut, ohm, limit_a, start_v=start_v)


def check_cells_apart(memory: list[float], device: Device, drive: Drive, random: Random) -> None:
    """Play cells together, and one by one in any order: to the last bit the same."""
    together, state = play_at(memory, device, drive)
    apart = cells_at(memory, device)
    for cell in random.sample(range(len(memory)), len(memory)):
        alone = device.play(apart, np.array([cell]), drive)
        np.testing.assert_array_equal(alone.current_a[:, 0], together.current_a[:, cell])
    assert apart.tobytes() == state.tobytes()
