"""Nonlinear cells, selectors and transistors against ngspice, to 1e-10 of the largest current."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hil.simulators.crossbar.access import Selector, Transistor, with_access
from hil.simulators.crossbar.cells import Cells, GatedLaw, Law
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.newton import NonlinearSolver
from hil.simulators.models.data_driven import DataDriven
from tests.simulators.crossbar.operating_spice import Cell, Floats, operating_point, sinh_source
from tests.simulators.models.spice import needs_ngspice

A_V, B_PER_V = 0.225, 4.12
SELECTOR = Selector(i0_a=1e-10, v0_v=0.08)
TRANSISTOR = Transistor(threshold_v=0.45, k_a_per_v2=4e-4, lambda_per_v=0.03, off_s=1e-9)
MOS = ".model n nmos level=1 vto=0.45 kp=4e-4 lambda=0.03 gamma=0 is=1e-30\nVbulk bulk 0 -9"

pytestmark = needs_ngspice


def cells(rows: int, columns: int) -> tuple[Law, Floats]:
    """Make sinh cells of random conductances, and give these."""
    model = DataDriven(iv_an_v=A_V, iv_bn_per_v=B_PER_V)
    rng = np.random.default_rng(rows)
    state = model.initial_state(rows * columns, rng)
    state["resistance_ohm"] = 1 / rng.uniform(1e-6, 1e-4, rows * columns)
    return Cells(model, state, rows, columns), 1 / state["resistance_ohm"].reshape(rows, columns)


def sinh_cell(conductance_s: Floats) -> Cell:
    def write(i: int, j: int, row: str, column: str) -> str:
        scale_a = A_V * float(conductance_s[i, j])
        return sinh_source(f"m{i}_{j}", row, column, scale_a, B_PER_V)

    return write


def with_selector(conductance_s: Floats) -> Cell:
    memory = sinh_cell(conductance_s)

    def write(i: int, j: int, row: str, column: str) -> str:
        inner = f"x{i}_{j}"
        access = sinh_source(f"s{i}_{j}", inner, column, SELECTOR.i0_a, 1 / SELECTOR.v0_v)
        return f"{memory(i, j, row, inner)}\n{access}"

    return write


def with_transistor(conductance_s: Floats, gate_v: Floats) -> Cell:
    memory = sinh_cell(conductance_s)

    def write(i: int, j: int, row: str, column: str) -> str:
        inner, gate = f"x{i}_{j}", f"g{i}_{j}"
        return "\n".join((
            memory(i, j, row, inner),
            f"V{gate} {gate} 0 {float(gate_v[i])!r}",
            f"M{i}_{j} {inner} {gate} {column} bulk n w=1u l=1u",
            f"Roff{i}_{j} {inner} {column} {1 / TRANSISTOR.off_s!r}",
        ))  # fmt: skip

    return write


def lines(size: int, selected_v: float, row_share: float, column_share: float) -> list[Floats]:
    """Give the voltages of rows and columns that select the far corner."""
    row_v, column_v = (
        np.full(size, row_share * selected_v),
        np.full(size, column_share * selected_v),
    )
    row_v[0], column_v[-1] = selected_v, 0.0
    return [row_v, column_v]


def agrees(
    network: Network, law: Law | GatedLaw, row_v: Floats, column_v: Floats, cell: Cell,
    folder: Path, extra: str = "",
) -> None:  # fmt: skip
    found = NonlinearSolver(network).solve(law, row_v, column_v)
    told = operating_point(network, row_v, column_v, cell, folder, extra)
    top_a = np.abs(told.row_a).max()
    assert found.row_a == pytest.approx(told.row_a, rel=0, abs=1e-10 * top_a)
    assert found.column_a == pytest.approx(told.column_a, rel=0, abs=1e-10 * top_a)
    assert found.row_node_v == pytest.approx(told.row_node_v, rel=0, abs=1e-10)
    assert found.column_node_v == pytest.approx(told.column_node_v, rel=0, abs=1e-10)


ENDS: dict[str, Callable[[int], Network]] = {
    "wires": lambda n: Network.of(n, n, row_wire_ohm=2.5, column_wire_ohm=2.5),
    "ends": lambda n: Network.of(
        n, n, row_wire_ohm=1.0, column_wire_ohm=4.0, driver_ohm=100.0, sense_ohm=300.0
    ),
}


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize(("size", "share"), [(8, (1 / 2, 1 / 2)), (12, (1 / 3, 2 / 3))])
@pytest.mark.parametrize("selected_v", [2.0, -1.5])
def test_writes(
    ends: str, size: int, share: tuple[float, float], selected_v: float, tmp_path: Path
) -> None:
    law, conductance_s = cells(size, size)
    row_v, column_v = lines(size, selected_v, *share)
    agrees(ENDS[ends](size), law, row_v, column_v, sinh_cell(conductance_s), tmp_path)


@pytest.mark.parametrize("floating", [True, False])
def test_reads(floating: bool, tmp_path: Path) -> None:
    size = 16
    law, conductance_s = cells(size, size)
    row_v, column_v = lines(size, 0.3, 0.0, 0.0)
    network = ENDS["ends"](size)
    if floating:
        network = network.floating(row_v == 0, np.arange(size) < size - 1)
    agrees(network, law, row_v, column_v, sinh_cell(conductance_s), tmp_path)


@pytest.mark.parametrize("selected_v", [2.5, -2.5])
def test_selectors(selected_v: float, tmp_path: Path) -> None:
    law, conductance_s = cells(8, 8)
    row_v, column_v = lines(8, selected_v, 1 / 2, 1 / 2)
    whole = with_access(law, SELECTOR)
    agrees(ENDS["ends"](8), whole, row_v, column_v, with_selector(conductance_s), tmp_path)


@pytest.mark.parametrize("selected_v", [2.0, -1.5])
@pytest.mark.parametrize("others_v", [0.0, 1.1])
def test_transistors(selected_v: float, others_v: float, tmp_path: Path) -> None:
    law, conductance_s = cells(8, 8)
    row_v, column_v = lines(8, selected_v, 0.0, 0.0)
    gate_v = np.full(8, others_v)
    gate_v[0] = 1.6
    whole = with_access(law, TRANSISTOR, gate_v)
    cell = with_transistor(conductance_s, gate_v)
    agrees(ENDS["ends"](8), whole, row_v, column_v, cell, tmp_path, MOS)
