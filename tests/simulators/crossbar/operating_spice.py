"""The operating point of an array of any cells by ngspice, a simulator by somebody else."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.simulators.crossbar.network import Network

Floats = NDArray[np.float64]
Cell = Callable[[int, int, str, str], str]
"""Writes the lines of cell (i, j) between the nodes of its row and its column."""

CIRCUIT = """* an array
{lines}
.options gmin=1e-20 abstol=1e-15 reltol=1e-9 vntol=1e-11 itl1=1000
.control
set filetype=binary
op
write {out}
quit
.endc
.end
"""


class Answer(NamedTuple):
    """What ngspice says: nodes (rows, columns) in V, currents of lines in A."""

    row_node_v: Floats
    column_node_v: Floats
    row_a: Floats
    column_a: Floats


def operating_point(
    network: Network,
    row_v: Floats,
    column_v: Floats,
    cell: Cell,
    folder: Path,
    extra: str = "",
    patience_s: float = 50.0,
) -> Answer:
    """Solve an array all of whose wires have a resistance; ends are open where theirs is inf."""
    rows, columns = network.rows, network.columns
    lines = [extra]
    for i in range(rows):
        lines.append(f"Vr{i} rs{i} 0 {float(row_v[i])!r}")
        first = float(network.driver_ohm[i] + network.row_wire_ohm[i, 0])
        lines += _resistor(f"Rr{i}_0", f"rs{i}", f"r{i}_0", first)
        for j in range(1, columns):
            ohm = float(network.row_wire_ohm[i, j])
            lines += _resistor(f"Rr{i}_{j}", f"r{i}_{j - 1}", f"r{i}_{j}", ohm)
    for j in range(columns):
        lines.append(f"Vc{j} cs{j} 0 {float(column_v[j])!r}")
        last = float(network.sense_ohm[j] + network.column_wire_ohm[-1, j])
        lines += _resistor(f"Rc{rows - 1}_{j}", f"c{rows - 1}_{j}", f"cs{j}", last)
        for i in range(rows - 1):
            ohm = float(network.column_wire_ohm[i, j])
            lines += _resistor(f"Rc{i}_{j}", f"c{i}_{j}", f"c{i + 1}_{j}", ohm)
    every = [(i, j) for i in range(rows) for j in range(columns)]
    lines += [cell(i, j, f"r{i}_{j}", f"c{i}_{j}") for i, j in every]
    netlist, out = folder / "array.cir", folder / "array.raw"
    netlist.write_text(CIRCUIT.format(lines="\n".join(lines), out=out))
    subprocess.run(["ngspice", "-b", netlist], capture_output=True, check=True, timeout=patience_s)
    told = _read(out)
    nodes = [[[told[f"v({line}{i}_{j})"] for j in range(columns)] for i in range(rows)]
             for line in "rc"]  # fmt: skip
    rows_a = [told[f"i(vr{i})"] for i in range(rows)]
    columns_a = [told[f"i(vc{j})"] for j in range(columns)]
    return Answer(np.array(nodes[0]), np.array(nodes[1]), -np.array(rows_a), np.array(columns_a))


def _read(path: Path) -> dict[str, float]:
    """Read what ngspice wrote; a list of thousands of names would take it longer than to solve."""
    header, numbers = path.read_bytes().split(b"Binary:\n", 1)
    names = [line.split()[1] for line in header.decode().partition("Variables:\n")[2].splitlines()]
    return dict(zip(names, np.frombuffer(numbers, np.float64), strict=True))


def _resistor(name: str, one: str, other: str, ohm: float) -> list[str]:
    return [] if np.isinf(ohm) else [f"{name} {one} {other} {ohm!r}"]


def sinh_source(name: str, one: str, other: str, scale_a: float, per_v: float) -> str:
    """Write a current ``scale_a sinh(per_v V)`` between two nodes."""
    return f"B{name} {one} {other} I={scale_a!r}*sinh({per_v!r}*(V({one})-V({other})))"
