"""The operating point of nonlinear cells: conservation, and finding it from anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from hil.errors import ConfigError, NotSupported
from hil.simulators.crossbar import damped
from hil.simulators.crossbar.cells import Cells
from hil.simulators.crossbar.linear import LinearSolver
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.newton import NonlinearSolver, Operating
from hil.simulators.models import get_model
from hil.simulators.models.data_driven import DataDriven
from hil.simulators.models.resistor import Resistor
from tests.simulators.crossbar.operating_spice import Floats

SINH = DataDriven(iv_an_v=0.225, iv_bn_per_v=4.12)
WIRED = {"row_wire_ohm": 2.5, "column_wire_ohm": 2.5}


def sinh_cells(conductance_s: Floats) -> Cells:
    rows, columns = conductance_s.shape
    state = SINH.initial_state(conductance_s.size, np.random.default_rng(0))
    state["resistance_ohm"] = 1 / conductance_s.ravel()
    return Cells(SINH, state, rows, columns)


def half_select(
    size: int, selected_v: float = 2.0, row: int = 0, column: int = -1
) -> tuple[Floats, Floats]:
    row_v, column_v = np.full(size, selected_v / 2), np.full(size, selected_v / 2)
    row_v[row], column_v[column] = selected_v, 0.0
    return row_v, column_v


def missing_a(network: Network, row_v: Floats, column_v: Floats, found: Operating) -> Floats:
    """Compute what Kirchhoff's law lacks at each node, from the voltages along the wires."""
    row_in = -np.diff(np.column_stack((row_v, found.row_node_v)), axis=1)
    row_in[:, 0] /= network.driver_ohm + network.row_wire_ohm[:, 0]
    row_in[:, 1:] /= network.row_wire_ohm[:, 1:]
    column_out = -np.diff(np.vstack((found.column_node_v, column_v)), axis=0)
    column_out[-1] /= network.sense_ohm + network.column_wire_ohm[-1]
    column_out[:-1] /= network.column_wire_ohm[:-1]
    row_on = np.column_stack((row_in[:, 1:], np.zeros(network.rows)))
    column_before = np.vstack((np.zeros(network.columns), column_out[:-1]))
    return np.array([row_in - row_on, column_out - column_before]) - found.cell_a


class Saturating:
    """``top tanh(V/scale)``, of which Newton's method alone goes astray from its flat parts."""

    def __init__(self, rows: int, columns: int, top_a: float, scale_v: float) -> None:
        self.rows, self.columns, self.top_a, self.scale_v = rows, columns, top_a, scale_v

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        share = np.tanh(voltage_v / self.scale_v)
        return self.top_a * share, self.top_a / self.scale_v * (1 - share**2)


class Rounded(Saturating):
    """A conductance ``top/scale`` whose current is only good to 1e-20 A."""

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        slope_s = self.top_a / self.scale_v
        return 1e-20 * np.rint(slope_s * voltage_v / 1e-20), np.full_like(voltage_v, slope_s)


class Exponential(Saturating):
    """``top sinh(V/scale)``."""

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        x = voltage_v / self.scale_v
        return self.top_a * np.sinh(x), self.top_a / self.scale_v * np.cosh(x)


class Threshold:
    """A selector that carries nothing at all up to 0.5 V, and 1 mS beyond."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        beyond_v = np.abs(voltage_v) - 0.5
        carried_a = np.copysign(1e-3 * np.maximum(beyond_v, 0.0), voltage_v)
        return carried_a, np.where(beyond_v > 0, 1e-3, 0.0)


class Jumping:
    """A current that jumps from -1 mA to 1 mA at 0.3 V: nowhere 0."""

    rows = columns = 1

    def linearised(self, voltage_v: Floats) -> tuple[Floats, Floats]:
        return np.where(voltage_v > 0.3, 1e-3, -1e-3), np.full(voltage_v.shape, 1e-6)


@pytest.mark.parametrize("size", [64, 200])
def test_currents_are_conserved(size: int) -> None:
    law = sinh_cells(np.random.default_rng(3).uniform(1e-6, 1e-4, (size, size)))
    network = Network.of(size, size, **WIRED, driver_ohm=10.0, sense_ohm=30.0)
    row_v, column_v = half_select(size)
    found = NonlinearSolver(network).solve(law, row_v, column_v)
    terms_a = 2.0 / 2.5
    assert np.abs(missing_a(network, row_v, column_v, found)).max() < 1e-14 * terms_a
    balance_a = found.row_a.sum() - found.column_a.sum()
    assert abs(balance_a) < 1e-14 * np.abs(found.row_a).sum()
    assert found.residual_a < 1e-12 * np.abs(found.cell_a).max()
    assert found.cell_a == pytest.approx(law.linearised(found.cell_v)[0], rel=1e-12)
    assert found.memory_v is found.cell_v


def test_resistors_need_one_step_of_the_linear_solver() -> None:
    model, size = Resistor(), 12
    state = model.initial_state(size * size, np.random.default_rng(0))
    state["resistance_ohm"] = np.random.default_rng(1).uniform(1e4, 1e6, size * size)
    network = Network.of(size, size, **WIRED, sense_ohm=100.0)
    row_v = np.linspace(-0.5, 0.5, size)
    found = NonlinearSolver(network).solve(Cells(model, state, size, size), row_v, 0.0)
    conductance_s = 1 / state["resistance_ohm"].reshape(size, size)
    told = LinearSolver(network).solve(conductance_s, row_v, np.zeros(size))
    assert found.column_a == pytest.approx(told.column_a, rel=1e-11)
    assert found.steps <= 2


def test_cells_are_not_linear() -> None:
    law = sinh_cells(np.full((6, 6), 5e-5))
    solver = NonlinearSolver(Network.of(6, 6, **WIRED))
    once = solver.solve(law, np.full(6, 0.25), 0.0).column_a
    twice = solver.solve(law, np.full(6, 0.5), 0.0).column_a
    assert (twice > 2.4 * once).all()


def test_without_wires_each_cell_has_the_voltage_of_its_lines() -> None:
    law = sinh_cells(np.full((3, 4), 5e-5))
    row_v, column_v = np.array([0.1, -0.4, 1.5]), np.array([0.0, 0.3, -0.2, 0.1])
    found = NonlinearSolver(Network.of(3, 4)).solve(law, row_v, column_v)
    assert found.cell_v == pytest.approx(row_v[:, None] - column_v, abs=1e-15)
    told_a = law.linearised(row_v[:, None] - column_v)[0]
    assert found.row_a == pytest.approx(told_a.sum(axis=1), rel=1e-14)


@pytest.mark.parametrize(("size", "far_v", "edge_v"), [(64, 1.087, 1.393), (128, 0.637, 1.187)])
def test_what_a_half_select_write_leaves_for_the_cell(
    size: int, far_v: float, edge_v: float
) -> None:
    """50.5 uS cells, 2.5 ohm a segment, 2 V: far from both ends, and from one of them only."""
    law = sinh_cells(np.full((size, size), 50.5e-6))
    solver = NonlinearSolver(Network.of(size, size, **WIRED))
    far = solver.solve(law, *half_select(size)).cell_v[0, -1]
    edge = solver.solve(law, *half_select(size, row=-1)).cell_v[-1, -1]
    assert (far, edge) == pytest.approx((far_v, edge_v), abs=1e-3)


def test_cells_that_carry_next_to_nothing_need_not_be_known_any_better() -> None:
    network = Network.of(3, 4, **WIRED).floating(np.arange(3) > 0, np.arange(4) > 0)
    found = NonlinearSolver(network).solve(Rounded(3, 4, 1e-12, 0.7), [0.1, 0, 0], 0.0)
    assert found.residual_a <= 1e-18
    assert found.column_a[0] == pytest.approx(1e-13 / 0.7 * 2, rel=1e-6)


def test_an_exponential_beyond_all_measure_is_far_away_in_silence() -> None:
    far_v, nothing_v = np.full((2, 2), 50.0), np.zeros((2, 2))
    assert damped._Point(Exponential(2, 2, 1e-6, 0.1), far_v, nothing_v, None).norm_a == np.inf


def test_a_line_driven_with_its_current_has_its_voltage() -> None:
    law = sinh_cells(np.random.default_rng(5).uniform(1e-6, 1e-4, (6, 5)))
    network = Network.of(6, 5, **WIRED, sense_ohm=50.0)
    row_v, column_v = np.linspace(0.2, 1.2, 6), np.zeros(5)
    driven = NonlinearSolver(network).solve(law, row_v, column_v)
    opened = network.floating(columns=np.arange(5) == 2)
    into_a = np.where(np.arange(5) == 2, -driven.column_a, 0.0)
    found = NonlinearSolver(opened).solve(law, row_v, column_v, column_a=into_a)
    assert found.column_node_v == pytest.approx(driven.column_node_v, abs=1e-12)


MODELS = ("stanford", "stanford-asu", "jart-guide", "jart-fit", "data-driven")


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_every_start_leads_to_the_same_point(name: str, data: st.DataObject) -> None:
    rows, columns = 3, 4
    model = get_model(name)
    state = model.initial_state(rows * columns, np.random.default_rng(0))
    shares = data.draw(st.lists(st.floats(0, 1), min_size=12, max_size=12))
    hrs, lrs = model.memory_range(state)
    state[model.memory_column] = hrs + np.array(shares) * (lrs - hrs)
    volts = st.floats(-1.5, 1.5)
    row_v = np.array(data.draw(st.lists(volts, min_size=rows, max_size=rows)))
    column_v = np.array(data.draw(st.lists(volts, min_size=columns, max_size=columns)))
    starts = st.lists(st.floats(-3, 3), min_size=12, max_size=12)
    start_v = np.array(data.draw(starts)).reshape(rows, columns)
    ohm = data.draw(st.sampled_from((0.0, 2.5, 1e3)))
    network = Network.of(rows, columns, **WIRED, driver_ohm=ohm, sense_ohm=ohm)
    solver, law = NonlinearSolver(network), Cells(model, state, rows, columns)
    found = solver.solve(law, row_v, column_v, start_v=start_v)
    again = solver.solve(law, row_v, column_v)
    top_a = np.abs(again.cell_a).max()
    assert found.residual_a <= max(1e-10 * top_a, 1e-18)
    assert found.row_a == pytest.approx(again.row_a, rel=1e-7, abs=1e-9 * top_a)
    hull_v = np.array([*row_v, *column_v])
    nodes_v = np.array([found.row_node_v, found.column_node_v])
    assert nodes_v.min() >= hull_v.min() - 1e-9
    assert nodes_v.max() <= hull_v.max() + 1e-9


@settings(max_examples=25, deadline=None)
@example(
    exponents=[-3, -7, -7, -7, -6, -5, -7, -3, -4], start_v=[0, 0, 0, 0, 0, 0, 0, 0, 1],
    selected_v=0.0, floating=True,
)  # fmt: skip
@example(
    exponents=[-3, -7, -7, -7, -3, -3, -7, -3, -3], start_v=[0, 0, 0, 0, 0, 0, 0, 0, 2],
    selected_v=0.0, floating=True,
)  # fmt: skip
@given(
    exponents=st.lists(st.floats(-9, -3), min_size=9, max_size=9),
    start_v=st.lists(st.floats(-3, 3), min_size=9, max_size=9),
    selected_v=st.floats(-3, 3),
    floating=st.booleans(),
)
def test_six_decades_of_conductance(
    exponents: list[float], start_v: list[float], selected_v: float, floating: bool
) -> None:
    law = sinh_cells(10.0 ** np.array(exponents).reshape(3, 3))
    network = Network.of(3, 3, **WIRED, driver_ohm=100.0)
    others = np.arange(3) > 0
    if floating:
        network = network.floating(others, others)
    row_v = np.array([selected_v, 0.0, 0.0])
    start = np.array(start_v).reshape(3, 3)
    found = NonlinearSolver(network).solve(law, row_v, np.zeros(3), start_v=start)
    top_a = np.abs(found.cell_a).max()
    steepest_s = law.linearised(found.cell_v)[1].max()
    assert found.residual_a <= max(1e-12 * top_a, 1e-15 * steepest_s)
    rounding_a = max(1e-14 * steepest_s * max(abs(selected_v), 1.0), 1e-12 * top_a)
    assert abs(found.row_a.sum() - found.column_a.sum()) <= rounding_a


@pytest.mark.parametrize("start_v", [-8.0, 0.0, 2.0])
def test_a_flat_law_is_found_too(start_v: float) -> None:
    law = Saturating(1, 1, 1e-3, 0.05)
    network = Network.of(1, 1, driver_ohm=10e3)
    found = NonlinearSolver(network).solve(
        law, np.array([2.0]), 0.0, start_v=np.full((1, 1), start_v)
    )
    told_v = brentq(lambda v: 1e-3 * np.tanh(v / 0.05) - (2.0 - v) / 10e3, 0, 2, xtol=1e-15)
    assert found.cell_v[0, 0] == pytest.approx(told_v, rel=1e-11)


def test_cells_that_carry_nothing_leave_a_floating_line_alone() -> None:
    network = Network.of(2, 2, **WIRED, driver_ohm=1e3).floating(
        np.array([False, True]), np.array([False, True])
    )
    solver = NonlinearSolver(network)
    below = solver.solve(Threshold(2, 2), np.array([0.4, 0.0]), 0.0)
    assert np.abs(below.row_a).max() < 1e-24
    assert (np.abs(below.cell_v) <= 0.4).all()
    beyond = solver.solve(Threshold(2, 2), np.array([1.5, 0.0]), 0.0)
    assert beyond.row_a[0] == pytest.approx(beyond.column_a[0], rel=1e-12)
    assert beyond.cell_v[0, 0] == pytest.approx(1.0, abs=0.01)
    assert np.abs(beyond.cell_a.flat[1:]).max() < 1e-12 * beyond.cell_a[0, 0]


@pytest.mark.parametrize("selected_v", [0.6, 2.0, -2.5])
def test_thresholds_are_crossed_by_whom_a_line_leaves_no_choice(selected_v: float) -> None:
    """Lines that float between cells that carry nothing stay where they were, not at 0 V."""
    others = np.arange(6) > 0
    network = Network.of(6, 6, **WIRED, driver_ohm=1e3).floating(others, others)
    row_v = np.where(others, 0.0, selected_v)
    found = NonlinearSolver(network).solve(Threshold(6, 6), row_v, 0.0)
    top_a = np.abs(found.cell_a).max()
    assert found.cell_a.sum(axis=0)[1:] == pytest.approx(np.zeros(5), abs=1e-11 * top_a)
    assert abs(found.row_a[0] - found.column_a[0]) < 1e-11 * top_a


def test_a_steep_law_is_not_walked_down() -> None:
    """3 V begin 128 times the scale above what the cell is left with: as many plain steps."""
    law = Exponential(1, 1, 1e-12, 0.02)
    found = NonlinearSolver(Network.of(1, 1, driver_ohm=1e3)).solve(law, np.array([3.0]), 0.0)
    told_v = brentq(lambda v: 1e-12 * np.sinh(v / 0.02) - (3.0 - v) / 1e3, 0, 3, xtol=1e-15)
    assert found.cell_v[0, 0] == pytest.approx(told_v, rel=1e-11)
    assert found.steps < 20


def test_no_number_stands_for_a_point_that_was_not_found() -> None:
    network = Network.of(1, 1, driver_ohm=1e5)
    with pytest.raises(NotSupported, match="no operating point"):
        NonlinearSolver(network).solve(Jumping(), np.array([0.3]), 0.0)


def test_a_law_that_overflows_says_so() -> None:
    law = sinh_cells(np.full((1, 1), 1e-3))
    law.state["resistance_ohm"] = 1e-300
    with pytest.raises(NotSupported, match="no finite current"):
        NonlinearSolver(Network.of(1, 1)).solve(law, np.array([400.0]), 0.0)


def test_tangents_beyond_float64_are_an_operating_point_that_was_not_found() -> None:
    law = sinh_cells(10 ** np.random.default_rng(5).uniform(-9, 0, (64, 64)))
    network = Network.of(64, 64, row_wire_ohm=1e9, column_wire_ohm=1e9)
    with pytest.raises(NotSupported, match=r"no operating point .* float64"):
        NonlinearSolver(network).solve(law, 0.01, 0.0)


def test_a_looser_tolerance_is_reached_sooner() -> None:
    law = sinh_cells(np.full((16, 16), 5e-5))
    solver = NonlinearSolver(Network.of(16, 16, **WIRED, driver_ohm=1e3))
    exact = solver.solve(law, *half_select(16))
    loose = solver.solve(law, *half_select(16), tolerance_a=1e-7)
    assert loose.residual_a <= 1e-7
    assert loose.steps < exact.steps
    warm = solver.solve(law, *half_select(16), start_v=exact.cell_v)
    assert warm.steps < exact.steps


def test_what_does_not_fit_is_refused() -> None:
    law = sinh_cells(np.full((2, 3), 5e-5))
    with pytest.raises(ConfigError, match="cells are 2 x 3"):
        NonlinearSolver(Network.of(3, 2)).solve(law, 0.0, 0.0)
    solver = NonlinearSolver(Network.of(2, 3))
    with pytest.raises(ConfigError, match="row_v"):
        solver.solve(law, np.zeros(3), 0.0)
    with pytest.raises(ConfigError, match="column_v"):
        solver.solve(law, 0.0, np.array([0.0, np.nan, 0.0]))
    with pytest.raises(ConfigError, match="start_v"):
        solver.solve(law, 0.0, 0.0, start_v=np.zeros((3, 2)))


PLAIN = """
import numpy as np
from hil.simulators.crossbar.access import Selector, Transistor, with_access
from hil.simulators.crossbar.cells import Cells
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.newton import NonlinearSolver
from hil.simulators.models import get_model
solver = NonlinearSolver(Network.of(2, 2, row_wire_ohm=2.5, driver_ohm=1e3))
for name in ("data-driven", "stanford"):
    model = get_model(name)
    law = Cells(model, model.initial_state(4, np.random.default_rng(0)), 2, 2)
    for whole in (law, with_access(law, Selector()), with_access(law, Transistor(), 1.2)):
        found = solver.solve(whole, np.array([1.5, 0.2]), 0.0)
        print(*found.row_a.tolist(), *found.memory_v.ravel().tolist())
"""


def test_the_kernels_are_plain_python_too(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PLAIN, {})
    compiled = np.array(capsys.readouterr().out.split(), float)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True, check=True, text=True, cwd=Path(__file__).resolve().parents[3],
        timeout=50,
    )  # fmt: skip
    assert len(compiled) == 36
    assert compiled == pytest.approx(np.array(done.stdout.split(), float), rel=1e-9)
