"""Arrays of linear cells against ngspice, to 1e-11 of the largest current."""

import math
from pathlib import Path

import numpy as np
import pytest

from hil.simulators.crossbar.linear import LinearSolver
from hil.simulators.crossbar.network import Network
from tests.simulators.crossbar.operating_spice import operating_point
from tests.simulators.models.spice import needs_ngspice

pytestmark = needs_ngspice

NETWORKS = {
    "wires of 1 ohm": {"row_wire_ohm": 1.0, "column_wire_ohm": 1.0},
    "wires of 2.5 ohm": {"row_wire_ohm": 2.5, "column_wire_ohm": 2.5},
    "drivers and senses": {
        "row_wire_ohm": 5.0, "column_wire_ohm": 0.5, "driver_ohm": 50.0, "sense_ohm": 120.0
    },
}  # fmt: skip


def agree(network: Network, folder: Path, column_v: float = 0.0, patience_s: float = 50) -> None:
    rows, columns = network.rows, network.columns
    rng = np.random.default_rng(rows)
    conductance_s = rng.uniform(1e-6, 1e-4, (rows, columns))
    row_v = rng.uniform(0.1, 0.5, rows) * ~network.open_rows
    columns_v = np.full(columns, column_v) * ~network.open_columns

    def cell(i: int, j: int, one: str, other: str) -> str:
        return f"Rx{i}_{j} {one} {other} {1 / float(conductance_s[i, j])!r}"

    far = [
        f"Rf{i} r{i}_{columns - 1} rs{i} {float(ohm)!r}"
        for i, ohm in enumerate(network.far_driver_ohm)
        if ohm < math.inf
    ]
    told = operating_point(network, row_v, columns_v, cell, folder, "\n".join(far), patience_s)
    at = LinearSolver(network).solve(conductance_s, row_v, columns_v)
    bound_a = 1e-11 * told.row_a.max()
    np.testing.assert_allclose(at.column_a, told.column_a, rtol=0, atol=bound_a)
    np.testing.assert_allclose(at.row_a + at.far_row_a, told.row_a, rtol=0, atol=bound_a)
    np.testing.assert_allclose(at.row_node_v, told.row_node_v, rtol=0, atol=1e-11)
    np.testing.assert_allclose(at.column_node_v, told.column_node_v, rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("side", [8, 16, 32])
def test_squares(side: int, name: str, tmp_path: Path) -> None:
    agree(Network.of(side, side, **NETWORKS[name]), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_64_square(tmp_path: Path) -> None:
    network = Network.of(64, 64, row_wire_ohm=2.5, column_wire_ohm=2.5)
    agree(network, tmp_path, patience_s=280)


def test_drive_from_both_ends(tmp_path: Path) -> None:
    network = Network.of(
        12, 20, row_wire_ohm=4.0, column_wire_ohm=3.0, driver_ohm=10.0, far_driver_ohm=30.0
    )
    agree(network, tmp_path, column_v=0.05)


def test_floating_lines(tmp_path: Path) -> None:
    network = Network.of(10, 14, row_wire_ohm=4.0, column_wire_ohm=3.0, sense_ohm=7.0)
    agree(network.floating(np.arange(10) % 3 == 0, np.arange(14) % 4 == 1), tmp_path)
