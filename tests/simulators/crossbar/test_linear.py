"""The linear solver against nodal analysis, Kirchhoff's laws and its own promises."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ConfigError
from hil.simulators.crossbar.linear import LinearSolver
from hil.simulators.crossbar.network import Network
from tests.simulators.crossbar.reference import nodal

OPEN = math.inf


def uniform(rows, columns, wire_ohm=2.5, seed=0):
    """Give a network, cells between 1 and 100 uS, and row voltages between 0.1 and 0.5 V."""
    rng = np.random.default_rng(seed)
    net = Network.of(rows, columns, row_wire_ohm=wire_ohm, column_wire_ohm=wire_ohm)
    return net, rng.uniform(1e-6, 1e-4, (rows, columns)), rng.uniform(0.1, 0.5, rows)


def rough(cells, seed):
    """Give an array in which nothing is like anything else, and all of its sources."""
    rng = np.random.default_rng(seed)
    rows, columns = cells
    net = Network.of(
        rows,
        columns,
        row_wire_ohm=rng.uniform(0.1, 50, cells),
        column_wire_ohm=rng.uniform(0.1, 50, cells),
        driver_ohm=rng.uniform(0, 100, rows),
        sense_ohm=rng.uniform(0, 100, columns),
        far_driver_ohm=rng.choice([OPEN, 20.0], rows),
        far_sense_ohm=rng.choice([OPEN, 30.0], columns),
    )
    conductance_s = rng.uniform(1e-6, 1e-4, cells) * (rng.random(cells) > 0.1)
    sources = {
        "row_v": rng.uniform(-1, 1, rows),
        "column_v": rng.uniform(-1, 1, columns),
        "cell_a": rng.uniform(-1e-5, 1e-5, cells),
        "row_a": rng.uniform(-1e-5, 1e-5, rows),
        "column_a": rng.uniform(-1e-5, 1e-5, columns),
    }
    return net, conductance_s, sources


def agrees(net, conductance_s, solution, accuracy=1e-11, **sources):
    """Compare with nodal analysis, currents relative to the largest."""
    told = nodal(net, conductance_s, **sources)
    scale_v = max(np.abs(told.row_node_v).max(), np.abs(told.column_node_v).max())
    np.testing.assert_allclose(solution.row_node_v, told.row_node_v, 0, accuracy * scale_v)
    np.testing.assert_allclose(solution.column_node_v, told.column_node_v, 0, accuracy * scale_v)
    rounding_a = 1e-4 * np.max(conductance_s) * scale_v  # times accuracy
    scale_a = max(np.abs(told.row_a).max(), np.abs(told.column_a).max(), rounding_a)
    into, out = solution.row_a + solution.far_row_a, solution.column_a + solution.far_column_a
    np.testing.assert_allclose(into, told.row_a, 0, accuracy * scale_a)
    np.testing.assert_allclose(out, told.column_a, 0, accuracy * scale_a)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (7, 5), (8, 8), (17, 24), (40, 16)])
def test_agrees_with_nodal_analysis(shape) -> None:
    net, conductance_s, sources = rough(shape, seed=shape[0])
    solution = LinearSolver(net).solve(conductance_s, **sources)
    agrees(net, conductance_s, solution, **sources)


@pytest.mark.parametrize("wire_ohm", [1.0, 2.5])
@pytest.mark.parametrize("side", [32, 128])
def test_agrees_for_even_wires(side, wire_ohm) -> None:
    net, conductance_s, row_v = uniform(side, side, wire_ohm)
    solution = LinearSolver(net).solve(conductance_s, row_v, 0.0)
    agrees(net, conductance_s, solution, 1e-12, row_v=row_v, column_v=0.0)


@settings(max_examples=80, deadline=None)
@given(
    rows=st.integers(1, 10),
    columns=st.integers(1, 10),
    wires=st.lists(st.sampled_from([0.0, 0.5, 2.5, 1e3, OPEN]), min_size=1, max_size=6),
    ends=st.lists(st.sampled_from([0.0, 3.0, 1e4, OPEN]), min_size=1, max_size=4),
    cells=st.lists(st.sampled_from([0.0, 1e-7, 1e-6, 1e-4, 1e-2]), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
def test_ideal_broken_open_and_shorted_parts_are_exact(
    rows, columns, wires, ends, cells, seed
) -> None:
    rng = np.random.default_rng(seed)
    net = Network.of(
        rows,
        columns,
        row_wire_ohm=rng.choice(wires, (rows, columns)),
        column_wire_ohm=rng.choice(wires, (rows, columns)),
        driver_ohm=rng.choice(ends, rows),
        sense_ohm=rng.choice(ends, columns),
        far_driver_ohm=rng.choice([OPEN, OPEN, 5.0], rows),
        far_sense_ohm=rng.choice([OPEN, OPEN, 5.0], columns),
    )
    conductance_s = rng.choice(cells, (rows, columns))
    sources = {"row_v": rng.uniform(-1, 1, rows), "column_v": rng.uniform(-1, 1, columns)}
    solution = LinearSolver(net).solve(conductance_s, **sources)
    agrees(net, conductance_s, solution, 1e-9, **sources)
    highest = max(0.0, *sources["row_v"], *sources["column_v"]) + 1e-9
    lowest = min(0.0, *sources["row_v"], *sources["column_v"]) - 1e-9
    assert solution.row_node_v.max() <= highest
    assert solution.column_node_v.max() <= highest
    assert solution.row_node_v.min() >= lowest
    assert solution.column_node_v.min() >= lowest


def solved_in_fractions(net, conductance_s, row_v):
    """Give the voltages of the rows' and the columns' nodes, with columns at 0 V, exactly."""
    rows, columns = net.rows, net.columns
    count = 2 * rows * columns
    lines = [[Fraction(0)] * (count + 1) for _ in range(count)]

    def join(one, other, siemens):
        for a, b in ((one, other), (other, one)):
            lines[a][a] += siemens
            lines[a][b] -= siemens

    for i, j in np.ndindex(rows, columns):
        u, w = i * columns + j, (rows + i) * columns + j
        join(u, w, Fraction(conductance_s[i, j]))
        if j:
            join(u - 1, u, 1 / Fraction(net.row_wire_ohm[i, j]))
        else:
            to_source = 1 / Fraction(net.driver_ohm[i] + net.row_wire_ohm[i, 0])
            lines[u][u] += to_source
            lines[u][count] += to_source * Fraction(row_v[i])
        if i < rows - 1:
            join(w, w + columns, 1 / Fraction(net.column_wire_ohm[i, j]))
        else:
            lines[w][w] += 1 / Fraction(net.sense_ohm[j] + net.column_wire_ohm[i, j])
    for k in range(count):
        pivot = [x / lines[k][k] for x in lines[k]]
        lines = [
            pivot if i == k else [x - line[k] * y for x, y in zip(line, pivot, strict=True)]
            if line[k] else line for i, line in enumerate(lines)
        ]  # fmt: skip
    return np.array([line[count] for line in lines]).reshape(2, rows, columns)


@pytest.mark.parametrize("seed", range(6))
def test_resistances_from_milliohm_to_megaohm_keep_their_digits(seed) -> None:
    rng = np.random.default_rng(seed)
    spread = lambda *shape: 10.0 ** rng.uniform(-3, 6, shape)  # noqa: E731
    net = Network.of(3, 3, row_wire_ohm=spread(3, 3), column_wire_ohm=spread(3, 3),
                     driver_ohm=spread(3), sense_ohm=spread(3))  # fmt: skip
    conductance_s, row_v = 10.0 ** rng.uniform(-9, -1, (3, 3)), rng.uniform(0.1, 1, 3)
    at = LinearSolver(net).solve(conductance_s, row_v, 0.0)
    row_node_v, column_node_v = solved_in_fractions(net, conductance_s, row_v)
    np.testing.assert_allclose(at.row_node_v, row_node_v.astype(float), rtol=1e-11)
    last_ohm = [Fraction(ohm) for ohm in net.sense_ohm + net.column_wire_ohm[-1]]
    told_a = (column_node_v[-1] / last_ohm).astype(float)
    np.testing.assert_allclose(at.column_a, told_a, rtol=0, atol=1e-10 * told_a.max())


def kirchhoff(net, conductance_s, row_v, solution):
    """Give the worst missing current of rows' and columns' nodes, in the sum of its terms."""
    missing = []
    cell_a = conductance_s * solution.cell_v
    ends = ((row_v, np.zeros(net.rows)), (np.zeros(net.columns), np.zeros(net.columns)))
    lines = (
        (solution.row_node_v, net.row_wire_ohm, cell_a, ends[0][0]),
        (solution.column_node_v[::-1].T, net.column_wire_ohm[::-1].T, -cell_a[::-1].T, ends[1][0]),
    )
    for node_v, wire_ohm, out_a, source_v in lines:
        before_v = np.column_stack([source_v, node_v[:, :-1]])
        term = (np.abs(before_v) + np.abs(node_v)) / wire_ohm
        flow = (before_v - node_v) / wire_ohm
        onward = np.column_stack([flow[:, 1:], np.zeros(len(flow))])
        terms = term + np.column_stack([term[:, 1:], np.zeros(len(flow))]) + np.abs(out_a)
        missing.append(np.abs(flow - onward - out_a) / terms)
    return [float(each.max()) for each in missing]


@pytest.mark.parametrize("side", [32, 64, 128, 256, 512])
def test_kirchhoffs_laws_hold_to_1e_14(side) -> None:
    net, conductance_s, row_v = uniform(side, side, seed=side)
    solution = LinearSolver(net).solve(conductance_s, row_v, 0.0)
    in_rows, in_columns = kirchhoff(net, conductance_s, row_v, solution)
    assert in_rows < 1e-14
    assert in_columns < 1e-14
    assert abs(solution.row_a.sum() - solution.column_a.sum()) < 1e-14 * solution.row_a.sum()


@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(st.integers(1, 20), st.integers(1, 20)), seed=st.integers(0, 999))
def test_power_that_is_delivered_is_dissipated(shape, seed) -> None:
    net, conductance_s, sources = rough(shape, seed)
    row_v, column_v = sources["row_v"], sources["column_v"]
    at = LinearSolver(net).solve(conductance_s, row_v, column_v)
    delivered_w = row_v @ (at.row_a + at.far_row_a) - column_v @ (at.column_a + at.far_column_a)
    cells_w = (conductance_s * at.cell_v**2).sum()
    rows_w = np.diff(at.row_node_v, axis=1) ** 2 / net.row_wire_ohm[:, 1:]
    columns_w = np.diff(at.column_node_v, axis=0) ** 2 / net.column_wire_ohm[:-1]
    ends_w = (
        at.row_a**2 @ (net.driver_ohm + net.row_wire_ohm[:, 0])
        + at.column_a**2 @ (net.sense_ohm + net.column_wire_ohm[-1])
        + at.far_row_a**2 @ np.where(at.far_row_a, net.far_driver_ohm, 0)
        + at.far_column_a**2 @ np.where(at.far_column_a, net.far_sense_ohm, 0)
    )
    dissipated_w = cells_w + rows_w.sum() + columns_w.sum() + ends_w
    assert delivered_w == pytest.approx(dissipated_w, rel=1e-9)


def test_a_guess_changes_steps_but_not_the_answer() -> None:
    net, conductance_s, row_v = uniform(40, 30)
    solver = LinearSolver(net)
    cold = solver.solve(conductance_s, row_v, 0.0)
    near = solver.solve(
        conductance_s, row_v, 0.0, start_v=cold.row_node_v + 1e-6 * np.sin(np.arange(30))
    )
    exact = solver.solve(conductance_s, row_v, 0.0, start_v=cold.row_node_v)
    far = solver.solve(conductance_s, row_v, 0.0, start_v=np.full((40, 30), 1e9))
    assert exact.iterations == 0
    assert near.iterations < cold.iterations == far.iterations
    for solution in (near, exact, far):
        worst_a = np.abs(solution.column_a - cold.column_a).max()
        assert worst_a < 1e-13 * cold.column_a.max()


def test_a_looser_tolerance_takes_fewer_steps() -> None:
    net, conductance_s, row_v = uniform(64, 64, 20.0)
    solver = LinearSolver(net)
    exact = solver.solve(conductance_s, row_v, 0.0)
    loose = solver.solve(conductance_s, row_v, 0.0, tolerance=1e-3)
    assert loose.iterations < exact.iterations
    assert 1e-9 < np.abs(loose.column_a / exact.column_a - 1).max() < 1e-2


def test_a_source_may_be_a_current() -> None:
    net, conductance_s, row_v = uniform(12, 10)
    driven = LinearSolver(net).solve(conductance_s, row_v, 0.1)
    rows, columns = np.arange(12) == 3, np.arange(10) == 7
    swapped = LinearSolver(net.floating(rows, columns)).solve(
        conductance_s,
        row_v,
        0.1,
        row_a=np.where(rows, driven.row_a, 0),
        column_a=np.where(columns, -driven.column_a, 0),
    )
    np.testing.assert_allclose(swapped.row_node_v, driven.row_node_v, rtol=0, atol=1e-13)
    np.testing.assert_allclose(swapped.column_node_v, driven.column_node_v, rtol=0, atol=1e-13)
    assert swapped.row_a[3] == 0.0
    assert swapped.column_a[7] == 0.0
    assert not swapped.floating.any()


def test_a_leak_of_a_floating_line_is_not_lost_among_larger_currents() -> None:
    net, conductance_s, row_v = uniform(8, 8)
    columns = np.arange(8) == 2
    leak_ohm = 1e12
    at = LinearSolver(net.floating(None, columns, leak_ohm)).solve(conductance_s, row_v, 0.0)
    assert at.column_a[2] == pytest.approx(at.column_node_v[-1, 2] / leak_ohm, rel=1e-10)


def test_far_ends_share_the_current() -> None:
    net = Network.of(
        1, 4, row_wire_ohm=5.0, driver_ohm=[10.0], far_driver_ohm=[15.0], sense_ohm=1e3
    )
    at = LinearSolver(net).solve(np.full((1, 4), 1e-4), [0.4], 0.0)
    assert at.row_a[0] == pytest.approx(at.far_row_a[0], rel=1e-12)
    ideal = Network.of(1, 4, row_wire_ohm=5.0, driver_ohm=[5.0], far_driver_ohm=[0.0])
    at = LinearSolver(ideal).solve(np.full((1, 4), 1e-4), [0.4], 0.0)
    assert at.row_node_v[0, -1] == pytest.approx(0.4, rel=1e-12)
    assert at.far_row_a[0] == pytest.approx((at.row_node_v[0, -1] - at.row_node_v[0, -2]) / 5.0
                                            + 1e-4 * 0.4, rel=1e-9)  # fmt: skip


def test_islands_are_at_0_v_and_carry_nothing() -> None:
    conductance_s = np.full((3, 3), 1e-4)
    conductance_s[0, 1:] = conductance_s[1:, 0] = 0.0
    rows, columns = np.array([True, False, False]), np.array([True, False, False])
    net = Network.of(3, 3, row_wire_ohm=1.0, column_wire_ohm=1.0).floating(rows, columns)
    at = LinearSolver(net).solve(
        conductance_s,
        0.3,
        0.1,
        row_a=[1e-3, 0, 0],
        column_a=[1e-3, 0, 0],
        cell_a=np.full((3, 3), 1e-6),
    )
    floating = np.zeros((2, 3, 3), dtype=bool)
    floating[0, 0], floating[1, :, 0] = True, True
    assert np.array_equal(at.floating, floating)
    assert not at.row_node_v[0].any()
    assert not at.column_node_v[:, 0].any()
    assert at.row_a[0] == at.column_a[0] == 0.0
    assert at.column_a.sum() == pytest.approx(at.row_a.sum(), rel=1e-14)
    assert at.column_a[1] > 0


def test_what_lies_beyond_two_breaks_is_an_island() -> None:
    row_wire_ohm = np.full((2, 6), 1.0)
    row_wire_ohm[0, [2, 4]] = OPEN
    conductance_s = np.full((2, 6), 1e-4)
    conductance_s[0, 2:4] = 0.0
    net = Network.of(2, 6, row_wire_ohm=row_wire_ohm, column_wire_ohm=1.0)
    at = LinearSolver(net).solve(conductance_s, [0.5, 0.5], 0.0)
    assert np.array_equal(at.floating[0], [[False, False, True, True, False, False], [False] * 6])
    assert not at.floating[1].any()
    assert not at.row_node_v[0, 2:4].any()


def test_open_lines_take_any_voltage() -> None:
    net, conductance_s, row_v = uniform(6, 6)
    free = LinearSolver(net.floating(np.arange(6) == 1))
    row_v[1] = 0.0
    told = free.solve(conductance_s, row_v, 0.0)
    row_v[1] = 123.0
    assert np.array_equal(free.solve(conductance_s, row_v, 0.0).row_node_v, told.row_node_v)


def test_takes_any_layout_of_numbers() -> None:
    net, conductance_s, row_v = uniform(9, 7)
    solver = LinearSolver(net)
    told = solver.solve(conductance_s, row_v, 0.0)
    frozen = conductance_s.copy()
    frozen.flags.writeable = False
    for cells in (frozen, np.asfortranarray(conductance_s), conductance_s.tolist()):
        assert np.array_equal(solver.solve(cells, row_v, 0.0).column_a, told.column_a)
    assert np.array_equal(told.column_a, solver.column_a(conductance_s, row_v, 0.0))


@pytest.mark.parametrize("bad", [-1e-9, math.nan, math.inf])
def test_what_is_no_conductance_is_refused(bad) -> None:
    net, conductance_s, row_v = uniform(9, 7)
    conductance_s[8, 6] = bad
    with pytest.raises(ConfigError, match="conductance_s"):
        LinearSolver(net).solve(conductance_s, row_v, 0.0)


@pytest.mark.parametrize(
    "sources",
    [
        {"row_v": math.nan},
        {"column_v": math.inf},
        {"row_a": math.nan},
        {"cell_a": np.full((9, 7), math.nan)},
    ],
)
def test_what_is_no_voltage_or_current_is_refused(sources) -> None:
    net, conductance_s, row_v = uniform(9, 7)
    with pytest.raises(ConfigError, match="finite"):
        LinearSolver(net).solve(conductance_s, **{"row_v": row_v, "column_v": 0.0} | sources)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conductance_s", np.ones((7, 9))),
        ("row_v", np.ones(7)),
        ("column_v", np.ones(9)),
        ("row_a", np.ones(7)),
        ("cell_a", np.ones(9)),
        ("start_v", np.ones((9, 6))),
    ],
)
def test_shapes_that_do_not_fit_are_refused(name, value) -> None:
    net, conductance_s, row_v = uniform(9, 7)
    given_all = {"conductance_s": conductance_s, "row_v": row_v, "column_v": 0.0} | {name: value}
    with pytest.raises(ConfigError, match=name):
        LinearSolver(net).solve(**given_all)


def test_resistances_beyond_float64_are_refused() -> None:
    rng = np.random.default_rng(5)
    net = Network.of(64, 64, row_wire_ohm=1e9, column_wire_ohm=1e9)
    with pytest.raises(ConfigError, match="float64"):
        LinearSolver(net).solve(10 ** rng.uniform(-9, 0, (64, 64)), 0.3, 0.0)
