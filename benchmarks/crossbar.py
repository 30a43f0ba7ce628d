"""The crossbar solver beside badcrossbar and a plain sparse factorisation, in one run.

    python benchmarks/crossbar.py [--quick] [--json FILE]

Linear cells of 1 to 100 uS, 0.1 to 0.5 V on the rows, 1 and 2.5 ohm a segment on both sides: one
vector from scratch (array made, wires and all), then 100 vectors on one array. Each round takes
all three one after the other (100 vectors in a third of the rounds, at least 3). What is printed
is medians over the rounds, the ratio of each round too, and the largest error relative to the
largest current, against a factorisation that was refined. Then nonlinear cells, memory, and what a
write looks like to a simulator that ignores the wires.

badcrossbar is not among the project's extras:
``pip install badcrossbar`` needs the headers of cairo (Debian: libcairo2-dev, pkg-config), and is
best put into a folder of its own (``--target``), as it brings a package ``tests``; without it its
columns stay empty.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
from machine import Figure, machine
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from hil.simulators.crossbar import Cells, Crossbar, Network
from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.line_drive import LineDrive
from hil.simulators.models import get_model

Floats = NDArray[np.float64]

READ_V = 0.1
GOAL_ONE, GOAL_MANY = 250, 40
INPUTS = 100
ROUNDS = {32: 15, 64: 11, 128: 7, 256: 5, 512: 3}
OURS_AT_ONCE = {32: 50, 64: 20, 128: 10, 256: 3, 512: 1}
"""How often the fast one is repeated in a round; its median counts."""


def array_of(size: int) -> tuple[Floats, Floats]:
    """Draw conductances (S) and vectors (V)."""
    rng = np.random.default_rng(size)
    return rng.uniform(1e-6, 1e-4, (size, size)), rng.uniform(0.1, 0.5, (INPUTS, size))


def nodal(conductance_s: Floats, wire_ohm: float) -> tuple[sparse.csc_matrix, int]:
    """Write the nodal equations of both sides as one sparse matrix; word nodes come first."""
    rows, columns = conductance_s.shape
    cells = rows * columns
    word = np.arange(cells).reshape(rows, columns)
    bit = word + cells
    pairs = [
        (word.ravel(), bit.ravel(), conductance_s.ravel()),
        (word[:, :-1].ravel(), word[:, 1:].ravel(), np.full(rows * (columns - 1), 1 / wire_ohm)),
        (bit[:-1].ravel(), bit[1:].ravel(), np.full((rows - 1) * columns, 1 / wire_ohm)),
    ]
    one, other, value = (np.concatenate(part) for part in zip(*pairs, strict=True))
    ends = np.concatenate((word[:, 0], bit[-1]))
    ground = np.full(len(ends), 1 / wire_ohm)
    place_row = np.concatenate((one, other, one, other, ends))
    place_column = np.concatenate((one, other, other, one, ends))
    values = np.concatenate((value, value, -value, -value, ground))
    matrix = sparse.csc_matrix((values, (place_row, place_column)), (2 * cells, 2 * cells))
    return matrix, cells


def by_splu(conductance_s: Floats, vectors_v: Floats, wire_ohm: float, refine: int = 0) -> Floats:
    """Solve with scipy's SuperLU as it comes; (inputs, columns)."""
    matrix, cells = nodal(conductance_s, wire_ohm)
    rows, columns = conductance_s.shape
    rhs = np.zeros((2 * cells, len(vectors_v)))
    rhs[np.arange(rows) * columns] = vectors_v.T / wire_ohm
    factor = splu(matrix)
    volts = factor.solve(rhs)
    for _ in range(refine):
        volts += factor.solve(rhs - matrix @ volts)
    currents_a: Floats = volts[-columns:].T / wire_ohm
    return currents_a


def by_badcrossbar() -> Callable[[Floats, Floats, float], Floats] | None:
    """Give a call of badcrossbar, if it is installed."""
    try:
        import badcrossbar
    except ImportError:
        return None
    logging.disable(logging.INFO)

    def solve(conductance_s: Floats, vectors_v: Floats, wire_ohm: float) -> Floats:
        found = badcrossbar.compute(
            vectors_v.T, 1 / conductance_s, r_i=wire_ohm, node_voltages=False, all_currents=False
        )
        return np.asarray(found.currents.output)

    return solve


def by_us(conductance_s: Floats, vectors_v: Floats, wire_ohm: float) -> Floats:
    """Solve with the project's crossbar, made anew."""
    crossbar = Crossbar(conductance_s, row_wire_ohm=wire_ohm, column_wire_ohm=wire_ohm)
    return crossbar.currents_a(vectors_v)


def seconds(solve: Callable[[], object], times: int = 1) -> float:
    """Time a call; the median where it is repeated."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        solve()
        taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def linear(size: int, wire_ohm: float, inputs: int, rounds: int) -> list[Figure]:
    """Compare the three on one array, round by round."""
    conductance_s, vectors_v = array_of(size)
    vectors_v = vectors_v[:inputs]
    theirs = by_badcrossbar()
    solvers: dict[str, Callable[[Floats, Floats, float], Floats]] = {
        "hil": by_us, "splu": by_splu, **({} if theirs is None else {"badcrossbar": theirs}),
    }  # fmt: skip
    few_v = vectors_v[:3]
    reference_a = by_splu(conductance_s, few_v, wire_ohm, refine=2)
    errors = {}
    for name, solve in solvers.items():
        off_a = solve(conductance_s, vectors_v, wire_ohm)[: len(few_v)] - reference_a
        errors[name] = np.abs(off_a).max() / np.abs(reference_a).max()
    taken: dict[str, list[float]] = {name: [] for name in solvers}
    for _ in range(rounds):
        for name, solve in solvers.items():
            times = OURS_AT_ONCE[size] if name == "hil" else 1
            call = partial(solve, conductance_s, vectors_v, wire_ohm)
            taken[name].append(seconds(call, times))
    what = f"{size}², {wire_ohm:g} ohm, {inputs} vector{'s' * (inputs > 1)}"
    figures = [
        Figure(f"{what}: {name} (error {errors[name]:.0e})", "ms", "", [1e3 * s for s in each])
        for name, each in taken.items()
    ]
    goal = f"{GOAL_ONE if inputs == 1 else GOAL_MANY}"
    for name in ("splu", "badcrossbar"):
        if name in taken:
            ratios = [
                theirs / ours for theirs, ours in zip(taken[name], taken["hil"], strict=True)
            ]
            target = goal if name == "badcrossbar" else ""
            figures.append(Figure(f"{what}: {name} / hil", "times", target, ratios))
    return figures


def memory_mb(size: int) -> float:
    """Tell how much one vector adds to the peak of a process with warm kernels (MB); Linux."""
    command = [sys.executable, __file__, "--memory-of", str(size)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def _memory_of(size: int) -> None:
    """Print what `memory_mb` asks for; the kernel's mark of the peak is set back before."""
    warm_s, warm_v = array_of(8)
    by_us(warm_s, warm_v[:1], 2.5)
    conductance_s, vectors_v = array_of(size)
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_kb()
    by_us(conductance_s, vectors_v[:1], 2.5)
    print((_peak_kb() - before) / 1e3)


def _peak_kb() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def nonlinear(size: int, rounds: int) -> list[Figure]:
    """Time one vector on cells of the calibration paper's sinh law, from scratch."""
    model = get_model("data-driven")
    rng = np.random.default_rng(size)
    state = model.initial_state(size * size, rng)
    state[model.memory_column] = 1 / rng.uniform(16.6e-6, 1e-4, size * size)
    vector_v = rng.uniform(0.1, 0.5, size)

    def solve() -> Floats:
        cells = Cells(model, state, size, size)
        return Crossbar(cells, row_wire_ohm=2.5, column_wire_ohm=2.5).currents_a(vector_v)

    solve()
    taken = [1e3 * seconds(solve, OURS_AT_ONCE[size]) for _ in range(rounds)]
    what = f"{size}², 2.5 ohm, 1 vector, sinh cells: hil"
    return [Figure(what, "ms", "1" if size == 64 else "", taken)]


class Written(NamedTuple):
    """What a pulse left: conductance of the selected cell (S), worst change of another (part)."""

    selected_s: float
    disturb: float
    seconds: float


def write(size: int, wire_ohm: float, driver_ohm: float, sense_ohm: float) -> Written:
    """SET a JART cell in the far corner at V/2 among cells in LRS: -1.2 V, 1 us, 100 ns edges."""
    model = get_model("jart-lab")
    every = np.arange(size * size)
    state = model.initial_state(len(every), np.random.default_rng(1))
    least_s, most_s = model.reach_s(state, READ_V)
    model.preset(state, every, least_s * (most_s / least_s) ** 0.95, READ_V)
    model.preset(state, np.array([size - 1]), 1.01 * least_s[size - 1], READ_V)
    before_s = model.current_a(state, READ_V) / READ_V
    level_v = np.array([0.0, -1.2, -1.2, 0.0])
    part = np.full((2, size), 0.5)
    part[0, 0], part[1, -1] = 1.0, 0.0
    rows, columns = (level_v[:, None] * each for each in part)
    none = np.zeros(size, np.bool_)
    drive = LineDrive(
        np.array([100e-9, 1e-6, 100e-9]), rows[:-1], rows[1:], columns[:-1], columns[1:],
        np.zeros(3, np.bool_), none, none,
    )  # fmt: skip
    network = Network.of(
        size, size, row_wire_ohm=wire_ohm, column_wire_ohm=wire_ohm, driver_ohm=driver_ohm,
        sense_ohm=sense_ohm,
    )  # fmt: skip
    array = Array(model, network)
    taken_s = seconds(lambda: array.play(state, drive))
    change = model.current_a(state, READ_V) / READ_V / before_s
    others = np.abs(np.delete(change, size - 1) - 1)
    return Written(change[size - 1] * before_s[size - 1], float(others.max()), taken_s)


def writing(rounds: int) -> list[Figure]:
    """Compare a write that knows of the wires with one that does not."""
    what = "32², SET of the far corner at V/2"
    ways = {"with 2.5 ohm a segment": (2.5, 50.0, 10.0), "ignoring the wires": (0.0, 0.0, 0.0)}
    figures = []
    for name, ohms in ways.items():
        found = [write(32, *ohms) for _ in range(rounds + 1)][1:]
        figures += [
            Figure(f"{what}, {name}: conductance", "uS", "", [1e6 * w.selected_s for w in found]),
            Figure(f"{what}, {name}: worst disturb", "%", "", [100 * w.disturb for w in found]),
            Figure(f"{what}, {name}: time", "ms", "", [1e3 * w.seconds for w in found]),
        ]
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="up to 128 square, fewer rounds")
    parser.add_argument("--json", type=Path, help="write the figures to a file too")
    parser.add_argument("--memory-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        _memory_of(options.memory_of)
        return
    print(machine(), flush=True)
    shown: list[Figure] = []

    def show(figures: list[Figure]) -> None:
        shown.extend(figures)
        for figure in figures:
            print(figure.line(), flush=True)

    for size, rounds in ROUNDS.items():
        if options.quick and size > 128:
            break
        for wire_ohm in (1.0, 2.5):
            for inputs in (1, INPUTS):
                times = rounds if inputs == 1 else max(3, rounds // 3)
                show(linear(size, wire_ohm, inputs, min(times, 3) if options.quick else times))
    for size in (32, 64, 128):
        show(nonlinear(size, ROUNDS[size]))
    show(writing(3))
    show([Figure("memory for one vector, 512²", "MB", "100", [memory_mb(512)])])
    if options.json:
        kept: dict[str, Any] = {f.name: {"values": f.values, "unit": f.unit} for f in shown}
        options.json.write_text(json.dumps({"machine": machine(), "figures": kept}, indent=1))


if __name__ == "__main__":
    main()
