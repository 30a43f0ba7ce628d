"""How long collecting takes: the whole command, many cells, one program, the journal, the help.

    python benchmarks/collecting.py [--quick] [--json FILE]

Prints the machine, then a line a figure: median, range, goal. Whole commands run in processes of
their own; the rest in this one, after a warm-up. PyMeasure's recorder writes the same rows in the
same run, for the ratio.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from machine import Figure, machine, repeated

from hil.config import find_bench
from hil.program import pulse, read, wait
from hil.protocol import Batch
from hil.protocols.jump_table.collect import JumpTableCollection
from hil.runner import start
from hil.store import Header, RunStore

COLUMNS = dict.fromkeys(("v1", "v2", "v3", "v4", "v5", "v6", "v7"), "V") | {"status": "1"}


def command_s(*arguments: str) -> float:
    """Time a whole command (s)."""
    start_s = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hil", *arguments], check=True, capture_output=True)
    return time.perf_counter() - start_s


def collect_points_per_s(cells: int, points: int) -> float:
    """Collect on *cells* at once, records kept on disk, without start and picture (points/s)."""
    named = find_bench("tiox", {"cells": str(cells)})
    bench = named.build(seed=1)
    protocol = JumpTableCollection(points=points).complete(bench)
    with tempfile.TemporaryDirectory() as folder:
        start_s = time.perf_counter()
        start("jump-table", protocol, named, bench, seed=1, folder=Path(folder) / "run")
        return protocol.total(bench) / (time.perf_counter() - start_s)


def program_us(cells: int, pulses: int) -> float:
    """Play a program of *pulses* pulses with a read each; time per pulse and cell (us)."""
    program = (pulse(1.5, high_s=500e-9) + wait(100e-6) + read(0.1)) * pulses
    with find_bench("tiox", {"cells": str(cells)}).build(seed=1) as bench:
        bench.apply(program)
        times = max(3, 20_000 // (pulses * max(1, cells // 10)))
        start_s = time.perf_counter()
        for _ in range(times):
            bench.apply(program)
        return (time.perf_counter() - start_s) / times / pulses / cells * 1e6


def header(columns: dict[str, str]) -> Header:
    """Make the header of a run that nobody will read."""
    return Header(
        protocol="none", parameters={}, bench="none", bench_file={}, kind="physics", seed=0,
        columns=columns, cells=["cell 0"], created_utc="", versions={},
    )  # fmt: skip


def journal(rows: int) -> tuple[float, float]:
    """Append batches of 100 rows of 8 columns; rows/s and CPU per row (us)."""
    values = np.random.default_rng(1).random((7, 100))
    columns = {f"v{k + 1}": values[k] for k in range(7)} | {"status": np.arange(100)}
    batch = Batch(columns, 100, 100)
    with (
        tempfile.TemporaryDirectory() as folder,
        RunStore.create(Path(folder) / "run", header(COLUMNS)) as store,
    ):
        start_s, cpu_s = time.perf_counter(), time.process_time()
        for number in range(rows // 100):
            store.append(number, [batch])
        wall_s, used_s = time.perf_counter() - start_s, time.process_time() - cpu_s
    return rows / wall_s, used_s / rows * 1e6


def pymeasure_us(rows: int) -> float:
    """Let PyMeasure's CSV formatter and file handler keep the same rows; CPU per row (us)."""
    from pymeasure.experiment import Procedure, Results, unique_filename
    from pymeasure.experiment.workers import Worker

    class Emit(Procedure):  # type: ignore[misc]  # PyMeasure has no types
        DATA_COLUMNS: ClassVar[list[str]] = list(COLUMNS)

        def execute(self) -> None:
            row = dict.fromkeys(COLUMNS, 0.123456789)
            for _ in range(rows):
                self.emit("results", row)

    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(Results(Emit(), unique_filename(folder)))
        cpu_s = time.process_time()
        worker.start()
        worker.join(timeout=600)
        return (time.process_time() - cpu_s) / rows * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 40 s")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    times, rows = (1, 20_000) if options.quick else (5, 200_000)
    print(machine())
    figures = []

    def show(name: str, unit: str, goal: str, values: list[float]) -> None:
        figures.append(Figure(name, unit, goal, values))
        print(figures[-1].line(), flush=True)

    with tempfile.TemporaryDirectory() as out:
        command = ("run", "jump-table", "--bench", "tiox", "--out", out)
        seconds = repeated(times, lambda: command_s(*command))
    show("hil run jump-table --bench tiox, 80,000 points", "s", "<= 10", seconds)
    values = repeated(9, lambda: 1e3 * command_s("--help"))
    show("hil --help", "ms", "< 300", values)
    points = 100 if options.quick else 1000
    values = repeated(times, lambda: collect_points_per_s(100, points))
    show("collecting on 100 cells at once, start to end", "points/s", ">= 100,000", values)
    values = repeated(times, lambda: program_us(1, 1))
    show("one program, 1 cell (pulse, wait, read)", "us", "<= 70", values)
    values = repeated(times, lambda: program_us(100, 100))
    show("a pulse and read, 100 cells, 100 pulses a program", "us", "<= 0.2", values)
    both = [journal(rows) for _ in range(times + 1)][1:]
    show("journal, batches of 100 rows", "rows/s", ">= 300,000", [rate for rate, _ in both])
    show("journal, CPU", "us/row", "<= 3", [us for _, us in both])
    values = repeated(times, lambda: pymeasure_us(rows))
    show("PyMeasure 0.16 recorder, CPU, same rows", "us/row", "none", values)
    ratio = figures[-1].median / figures[-2].median
    print(f"PyMeasure over journal, CPU a row: {ratio:.1f}")
    if options.json:
        report = {"machine": machine(), "figures": {f.name: f.values for f in figures}}
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
