"""How fast the device models are: a pulse on one cell and on many, and a whole JART sweep.

    python benchmarks/models.py [--quick] [--json FILE]

Prints the machine, then a line for each pulse, number of cells and cores: processor time of a
cell's pulse and pulses a second, median and range; then the triangle sweep of the JART model
beside SciPy's LSODA in the same run, with the errors of both against a tighter solution. Each
pulse begins from the same state. Kernels are compiled before anything is timed.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from machine import Figure, machine
from numpy.typing import NDArray

from hil.simulators.models.drive import Drive
from hil.simulators.models.files import get_model
from hil.simulators.models.model import Device, State

Floats = NDArray[np.float64]

VIRTUAL_ARC_US = 970
"""What a pulse takes in VirtualArC, ArC Instruments' simulator in Python; quoted, not measured."""


class Case(NamedTuple):
    """A pulse that switches, from a given state: the memory column in its own unit."""

    model: str
    what: str
    start: float
    voltage_v: float
    high_s: float
    goal_us: float | None = None
    edge_s: float = 100e-9
    source_ohm: float = 0.0
    most_cells: int = 100_000

    @property
    def name(self) -> str:
        """Say which pulse on which model."""
        return f"{self.model}, {self.what} {self.voltage_v:+g} V {1e6 * self.high_s:g} us"

    def drive(self) -> Drive:
        """Make the pulse: edge, top, edge."""
        times = np.array([[self.edge_s], [self.high_s], [self.edge_s]])
        levels = np.array([[0.0], [self.voltage_v], [self.voltage_v], [0.0]])
        return lines(times, levels, self.source_ohm)


def lines(times_s: Floats, levels_v: Floats, source_ohm: float = 0.0) -> Drive:
    """Make a drive of straight lines between levels, (lines, cells or 1), nothing measured."""
    return Drive(
        times_s, levels_v[:-1].copy(), levels_v[1:].copy(), np.zeros(len(times_s), np.bool_),
        np.array([[0, len(times_s), 1]]), source_ohm, np.inf,
    )  # fmt: skip


TRIANGLE = ((0.0, 0.0), (1.5, -1.5), (3.0, 0.0), (4.5, 1.5), (6.0, 0.0))
"""The sweep of JART's user guide, 1 V/s: time (s) and voltage (V)."""
RTH0, N_HRS, N_SWITCHED = 1e7, 0.008, 0.4

CASES = (
    Case("stanford", "SET", 1.7e-9, 1.6, 500e-9, 1),
    Case("stanford", "RESET", 0.2e-9, -1.3, 500e-9, 1),
    Case("stanford", "SET behind 1 kohm", 1.7e-9, 1.6, 500e-9, source_ohm=1e3),
    Case("stanford-asu", "SET", 1.7e-9, 2.3, 500e-9),
    Case("stanford-asu", "RESET", 0.1e-9, -1.5, 500e-9),
    Case("jart", "SET", 0.4, -0.342, 1e-6, 10),
    Case("jart", "RESET", 1.0, 0.7065, 1e-6, 10),
    Case("jart", "strong SET", 0.008, -0.9, 1e-6, most_cells=1_000),
    Case("jart", "strong RESET", 15.0, 1.5, 1e-6, most_cells=1_000),
    Case("jart-var", "SET", 0.4, -0.342, 1e-6),
    Case("jart-var", "strong SET", 0.02, -0.9, 1e-6, most_cells=1_000),
    Case("jart-fit", "SET", 0.4, -0.342, 1e-6, 2),
    Case("jart-fit", "RESET", 1.0, 0.7065, 1e-6, 2),
    Case("jart-fit-var", "SET", 0.4, -0.342, 1e-6),
    Case("data-driven", "RESET", 40e3, 2.0, 100e-6),
    Case("data-driven", "SET", 40e3, -2.0, 100e-6),
    Case("neurosim", "LTP", 2e-8, 3.2, 300e-6),
    Case("tiox", "SET", 15e-6, 1.5, 500e-9),
)


@contextlib.contextmanager
def cores(count: int) -> Iterator[int]:
    """Let this process use so many processors, where the system can; gives how many it may."""
    if not hasattr(os, "sched_setaffinity"):
        yield os.cpu_count() or 1
        return
    every = os.sched_getaffinity(0)
    chosen = sorted(every)[:count]
    os.sched_setaffinity(0, chosen)
    try:
        yield len(chosen)
    finally:
        os.sched_setaffinity(0, every)


def fresh(device: Device, cells: int, start: float) -> State:
    """Make cells that all begin at the same value of the memory column."""
    state = device.initial_state(cells, np.random.default_rng(1))
    state[device.memory_column] = start
    return state


def cost(device: Device, state: State, drive: Drive) -> tuple[float, float]:
    """Play a drive on copies of a state; CPU (us) and time on the wall (us) of a cell's pulse."""
    every = np.arange(len(state))
    cpu_s = wall_s = 0.0
    times = max(1, 200 // len(state))
    for _ in range(times):
        own = state.copy()
        before_s, before_cpu_s = time.perf_counter(), time.process_time()
        device.play(own, every, drive)
        cpu_s += time.process_time() - before_cpu_s
        wall_s += time.perf_counter() - before_s
    pulses = times * len(state)
    return cpu_s / pulses * 1e6, wall_s / pulses * 1e6


def show_pulse(case: Case, cells: int, allowed: int, times: int) -> list[Figure]:
    """Measure one pulse on so many cells and cores, for some seconds at most; print the line."""
    device, drive = get_model(case.model), case.drive()
    state = fresh(device, cells, case.start)
    with cores(allowed) as given:
        cost(device, state[:2], drive)
        both = [cost(device, state, drive)]
        while len(both) < times and sum(us for _, us in both) * cells < 1e6 * times:
            both.append(cost(device, state, drive))
    where = f"{cells:,} cell{'s' * (cells > 1)}, {given} core{'s' * (given > 1)}"
    goal = "none" if case.goal_us is None or cells == 1 else f"<= {case.goal_us:g} us"
    figures = [
        Figure(f"{case.name}, {where}, CPU", "us", goal, [cpu_us for cpu_us, _ in both]),
        Figure(f"{case.name}, {where}", "pulses/s", "none", [1e6 / us for _, us in both]),
    ]
    cpu, rate = figures
    spread = f"({min(cpu.values):.3g} to {max(cpu.values):.3g}, n={len(both)})"
    print(
        f"{case.name:<42} {where:<22} {cpu.median:>8.3g} us {spread:<28} "
        f"{rate.median:>11,.0f} pulses/s  goal {goal}",
        flush=True,
    )
    return figures


def cpu_s(work: Callable[[], object]) -> float:
    """Time on the processor (s)."""
    before_s = time.process_time()
    work()
    return time.process_time() - before_s


def sweep(device: Device, cells: int) -> None:
    """Take fresh cells through the triangle."""
    device.play(fresh(device, cells, N_HRS), np.arange(cells), lines(*legs(TRIANGLE)))


def legs(points: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    """Turn (time, voltage) points into durations and levels of one column."""
    times_s, levels_v = np.array(points).T
    return np.diff(times_s)[:, None], levels_v[:, None]


def currents_at(device: Device, times_s: Floats) -> Floats:
    """Sweep one cell and look at its current at those times."""
    corners_s, corners_v = np.array(TRIANGLE).T
    ends_s = np.union1d(times_s, corners_s)
    drive = lines(*legs([*zip(ends_s, np.interp(ends_s, corners_s, corners_v), strict=True)]))
    drive = dataclasses.replace(drive, measured=np.isin(ends_s[1:], times_s))
    terminal = device.play(fresh(device, 1, N_HRS), np.arange(1), drive)
    return terminal.current_a[:, 0]


def switching_v(device: Device, before: Sequence[tuple[float, float]], near_v: float) -> float:
    """Find the voltage at which N passes 0.4 on an uncut ramp of 1 V/s, within 1 nV.

    Sixteen cells go to as many voltages and say between which two it is; and so on.
    """
    low_v, high_v = near_v - 1e-3, near_v + 1e-3
    times_s, levels_v = legs(before)
    while high_v - low_v > 1e-9:
        ends_v = np.linspace(low_v, high_v, 16)
        state = fresh(device, 16, N_HRS)
        drive = lines(
            np.vstack((np.repeat(times_s, 16, axis=1), abs(ends_v))),
            np.vstack((np.repeat(levels_v, 16, axis=1), ends_v)),
        )
        device.play(state, np.arange(16), drive)
        passed = np.diff(np.sign(state[device.memory_column] - N_SWITCHED))
        (at,) = np.flatnonzero(passed)
        low_v, high_v = ends_v[at : at + 2]
    return (low_v + high_v) / 2


class Seen(NamedTuple):
    """What a solver says of the sweep: where the cell switches, and its current."""

    set_v: float
    reset_v: float
    current_a: Floats


def seen_by_model(device: Device, near: Seen, times_s: Floats) -> Seen:
    """Ask the model."""
    set_v = switching_v(device, TRIANGLE[:1], near.set_v)
    reset_v = switching_v(device, TRIANGLE[:3], near.reset_v)
    return Seen(set_v, reset_v, currents_at(device, times_s))


def seen_by_lsoda(cell: Any, rtol: float, times_s: Floats) -> Seen:
    """Ask the reference of the tests."""
    path = cell.follow(TRIANGLE, N_HRS, rtol)
    (_, set_v), (_, reset_v) = path.crossings(N_SWITCHED)
    at_v = np.interp(times_s, *np.array(TRIANGLE).T)
    currents = [
        cell.solve(float(v), path.at(float(t))).current_a
        for t, v in zip(times_s, at_v, strict=True)
    ]
    return Seen(set_v, reset_v, np.array(currents))


def show_errors(device: Device, cell: Any) -> None:
    """Print the errors of the model and of LSODA against LSODA at a tolerance of 1e-13."""
    times_s = np.linspace(0, 6, 301)[1:-1]
    times_s = times_s[np.abs(times_s - 3.0) > 1e-9]
    tight = seen_by_lsoda(cell, 1e-13, times_s)
    jumps_s = np.array([[-tight.set_v], [3 + tight.reset_v]])
    away = np.abs(times_s - jumps_s).min(axis=0) > 5e-3
    found = {
        "jart": seen_by_model(device, tight, times_s),
        "LSODA, rtol 1e-9": seen_by_lsoda(cell, 1e-9, times_s),
    }
    for name, seen in found.items():
        worst = np.abs(seen.current_a / tight.current_a - 1)[away].max()
        print(
            f"errors of {name:<17} SET {1e6 * (seen.set_v - tight.set_v):+.3f} uV, "
            f"RESET {1e6 * (seen.reset_v - tight.reset_v):+.3f} uV, "
            f"current {worst:.1e} (5 mV away from both)"
        )


def show_sweep(times: int) -> list[Figure]:
    """Measure the JART sweep beside LSODA, in turns, and print the errors of both."""
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from tests.simulators.models.jart_reference import Jart

    device, cell = get_model("jart", rth0_k_per_w=RTH0), Jart(rth0=RTH0)
    own_ms, lsoda_ms = [], []
    for _ in range(times + 1):
        own_ms.append(1e3 / 20 * cpu_s(lambda: sweep(device, 20)))
        lsoda_ms.append(1e3 * cpu_s(lambda: cell.follow(TRIANGLE, N_HRS)))
    figures = [
        Figure("jart, 6 s sweep, a cell, CPU", "ms", "<= 5", own_ms[1:]),
        Figure("the same by LSODA, rtol 1e-9 on ln N, CPU", "ms", "none", lsoda_ms[1:]),
    ]
    for figure in figures:
        print(figure.line())
    print(f"LSODA over jart: {figures[1].median / figures[0].median:.0f}  goal >= 200")
    show_errors(device, cell)
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 40 s")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times, most = (3, 1_000) if options.quick else (5, 100_000)
    print(machine())
    figures = []
    for case in CASES:
        for cells in (1, 1_000, 100_000):
            if cells <= min(most, case.most_cells):
                for allowed in (1, 2)[: 1 + (cells > 1)]:
                    figures += show_pulse(case, cells, allowed, times)
    print(f"for comparison: VirtualArC, {VIRTUAL_ARC_US} us a pulse (quoted, not measured here)")
    figures += show_sweep(times)
    if options.json:
        report = {"machine": machine(), "figures": {f.name: f.values for f in figures}}
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
