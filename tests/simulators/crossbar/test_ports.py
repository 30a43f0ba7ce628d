"""The port mesh, against a nodal analysis that shares nothing with it, and against physics."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from hil.errors import ConfigError
from hil.simulators.crossbar import ports_blocks, ports_mesh
from hil.simulators.crossbar.linear import LinearSolver
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.ports import Ports


class Circuit:
    """Resistors between named nodes, by dense nodal analysis; 0 ohm makes one node of two."""

    def __init__(self):
        self.names, self.resistors = {}, []

    def node(self, *name):
        return self.names.setdefault(name, len(self.names))

    def add(self, a, b, ohm):
        self.resistors.append((self.node(*a), self.node(*b), ohm))

    def currents_a(self, volts):
        """Current out of every source, in the order of volts, a dict of name to voltage."""
        ends = np.array([(a, b) for a, b, _ in self.resistors])
        ohm = np.array([ohm for _, _, ohm in self.resistors])
        joined = np.eye(len(self.names), dtype=bool)
        joined[tuple(ends[ohm == 0].T)] = True
        count, group = connected_components(joined, directed=False)
        real = (ohm > 0) & np.isfinite(ohm)
        laplacian = np.zeros((count, count))
        for (a, b), siemens in zip(group[ends[real]], 1 / ohm[real], strict=True):
            laplacian[[a, b], [a, b]] += siemens
            laplacian[[a, b], [b, a]] -= siemens
        sources = np.array([group[self.node(*name)] for name in volts], dtype=int)
        voltage_v = np.zeros(count)
        voltage_v[sources] = list(volts.values())
        _, island = connected_components(laplacian != 0, directed=False)
        free = np.isin(island, island[sources])
        free[sources] = False
        inner = laplacian[np.ix_(free, free)]
        voltage_v[free] = np.linalg.solve(inner, -laplacian[free] @ voltage_v)
        return (laplacian @ voltage_v)[sources]


def circuit_of(network, conductance_s, floating_rows=(), floating_columns=(), ends=True):
    circuit, net = Circuit(), network
    for i in range(net.rows):
        for j in range(net.columns):
            row = ("row", i, j - 1) if j else ("row near", i)
            circuit.add(row, ("row", i, j), net.row_wire_ohm[i, j])
            column = ("column", i + 1, j) if i + 1 < net.rows else ("column near", j)
            circuit.add(("column", i, j), column, net.column_wire_ohm[i, j])
            g = conductance_s[i, j]
            circuit.add(("row", i, j), ("column", i, j), 1 / g if g else math.inf)
    for i in set(range(net.rows)) - set(floating_rows) if ends else ():
        circuit.add(("row source", i), ("row near", i), net.driver_ohm[i])
        circuit.add(("row far", i), ("row", i, net.columns - 1), net.far_driver_ohm[i])
    for j in set(range(net.columns)) - set(floating_columns) if ends else ():
        circuit.add(("column source", j), ("column near", j), net.sense_ohm[j])
        circuit.add(("column far", j), ("column", 0, j), net.far_sense_ohm[j])
    return circuit


def nodal(network, conductance_s, row_v, column_v, floating_rows=(), floating_columns=()):
    """Near currents of all rows and columns, by the circuit."""
    circuit = circuit_of(network, conductance_s, floating_rows, floating_columns)
    rows = [i for i in range(network.rows) if i not in floating_rows]
    columns = [j for j in range(network.columns) if j not in floating_columns]
    volts = {("row source", i): row_v[i] for i in rows}
    volts |= {("column source", j): column_v[j] for j in columns}
    near = len(volts)
    volts |= {("row far", i): row_v[i] for i in rows}
    volts |= {("column far", j): column_v[j] for j in columns}
    current_a = circuit.currents_a(volts)[:near]
    row_a, column_a = np.zeros(network.rows), np.zeros(network.columns)
    row_a[rows], column_a[columns] = current_a[: len(rows)], -current_a[len(rows) :]
    return row_a, column_a


def array(rows, columns, seed=0, **ends):
    rng = np.random.default_rng(seed)
    cells = (rows, columns)
    network = Network.of(
        rows, columns,
        row_wire_ohm=rng.uniform(0.5, 4, cells), column_wire_ohm=rng.uniform(0.5, 4, cells),
        **ends,
    )  # fmt: skip
    return network, rng.uniform(1e-6, 1e-4, cells)


SHARES = [(0.0, 0.0), (0.5, 0.5), (1 / 3, 2 / 3), (None, 0.0), (None, 0.4), (0.0, None)]
SHARES += [(0.3, None), (None, None)]


def check(network, conductance_s, shares):
    """Compare each entry of a transfer and a read map with the circuit."""
    net, ports = network, Ports(network, conductance_s)
    volts, grounded = np.eye(net.rows), np.zeros(net.columns)
    for i in range(net.rows):
        row_a, column_a = nodal(net, conductance_s, volts[i], grounded)
        allowed_a = 1e-11 * np.abs([*row_a, *column_a]).max() + 1e-15
        np.testing.assert_allclose(ports.transfer_s[:, i], column_a, rtol=0, atol=allowed_a)
    read_s = ports.read_map_s(*shares)
    for i, j in np.ndindex(net.rows, net.columns):
        row_v = np.full(net.rows, shares[0] or 0.0)
        column_v = np.full(net.columns, shares[1] or 0.0)
        row_v[i], column_v[j] = 1.0, 0.0
        rows = [k for k in range(net.rows) if k != i] if shares[0] is None else []
        columns = [k for k in range(net.columns) if k != j] if shares[1] is None else []
        row_a, column_a = nodal(net, conductance_s, row_v, column_v, rows, columns)
        allowed_a = 1e-9 * np.abs([*row_a, *column_a]).max() + 1e-15
        assert read_s[i, j] == pytest.approx(column_a[j], rel=1e-9, abs=allowed_a)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (6, 1), (3, 7), (33, 3), (2, 40)])
def test_transfer_is_that_of_the_circuit(rows, columns):
    network, g = array(rows, columns, driver_ohm=50.0, sense_ohm=12.0)
    transfer_s = Ports(network, g).transfer_s
    assert transfer_s.shape == (columns, rows)
    for i in {0, rows // 2, rows - 1}:
        _, column_a = nodal(network, g, np.eye(rows)[i], np.zeros(columns))
        np.testing.assert_allclose(transfer_s[:, i], column_a, rtol=1e-10)


@pytest.mark.parametrize("shape", [(64, 64), (70, 33)])
def test_several_blocks_agree_with_the_linear_solver(shape):
    network, g = array(*shape, driver_ohm=30.0, far_sense_ohm=5.0)
    row_v = np.random.default_rng(1).uniform(0.1, 0.5, shape[0])
    want_a = LinearSolver(network).column_a(g, row_v, 0.0)
    got_a = row_v @ Ports(network, g).transfer_s.T
    np.testing.assert_allclose(got_a, want_a, rtol=0, atol=2e-11 * np.abs(want_a).max())


WIRES = st.sampled_from([0.0, 0.0, 1.0, 2.5, 100.0, math.inf])
ENDS = st.sampled_from([0.0, 1.0, 50.0, math.inf])
FAR = st.sampled_from([math.inf, math.inf, 7.0, 30.0])
CELLS = st.sampled_from([0.0, 1e-6, 1e-5, 1e-4, 1e-3])


@st.composite
def cases(draw, far=FAR):
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))

    def table(values):
        return np.array(draw(st.lists(values, min_size=cells, max_size=cells))).reshape(
            rows, columns
        )

    def line(values, count):
        return np.array(draw(st.lists(values, min_size=count, max_size=count)))

    cells = rows * columns
    network = Network.of(
        rows, columns,
        row_wire_ohm=draw(st.one_of(st.just(0.0), st.builds(lambda: table(WIRES)))),
        column_wire_ohm=draw(st.one_of(st.just(0.0), st.builds(lambda: table(WIRES)))),
        driver_ohm=line(ENDS, rows), sense_ohm=line(ENDS, columns),
        far_driver_ohm=line(far, rows), far_sense_ohm=line(far, columns),
    )  # fmt: skip
    return network, table(CELLS)


@pytest.mark.parametrize("block_cells", [32, 1])
@settings(max_examples=80, deadline=None)
@given(case=cases(), shares=st.sampled_from(SHARES))
def test_any_wires_ends_and_cells(block_cells, case, shares):
    """In one compiled block, and in many that are joined."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ports_blocks, "BLOCK_CELLS", block_cells)
        network, g = case
        check(network, g, shares)


def exact_transfer_s(network, conductance_s):
    """Rational arithmetic, for wires and ends above 0 ohm."""
    circuit = circuit_of(network, conductance_s)
    rows, columns = network.rows, network.columns
    sources = [circuit.node("row source", i) for i in range(rows)]
    sources += [circuit.node("column source", j) for j in range(columns)]
    count = len(circuit.names)
    matrix = [[Fraction(0)] * count for _ in range(count)]
    for a, b, ohm in circuit.resistors:
        siemens = 0 if math.isinf(ohm) else 1 / Fraction(ohm)
        for first, second in ((a, b), (b, a)):
            matrix[first][first] += siemens
            matrix[first][second] -= siemens
    for k in set(range(count)) - set(sources):
        if matrix[k][k] == 0:
            continue
        for i in range(count):
            share = matrix[i][k] / matrix[k][k] if i != k else Fraction(0)
            if share:
                matrix[i] = [x - share * y for x, y in zip(matrix[i], matrix[k], strict=True)]
    ends = [[-float(matrix[j][i]) for i in sources[:rows]] for j in sources[rows:]]
    return np.array(ends)


@pytest.mark.parametrize(("block_cells", "error"), [(32, 2e-14), (1, 1e-10)])
def test_every_entry_keeps_its_digits_over_many_decades(monkeypatch, block_cells, error):
    """Wires of 1e-9 to 1e6 ohm and cells of 1e-12 to 1 S, against rational numbers."""
    monkeypatch.setattr(ports_blocks, "BLOCK_CELLS", block_cells)
    rng = np.random.default_rng(7)
    for rows, columns in ((3, 2), (2, 3), (1, 4)):

        def spread(low, high, shape=(rows, columns)):
            return 10 ** rng.uniform(low, high, shape)

        g = spread(-12, 0)
        network = Network.of(
            rows, columns,
            row_wire_ohm=spread(-9, 6), column_wire_ohm=spread(-9, 6),
            driver_ohm=spread(-6, 4, rows), sense_ohm=spread(-6, 4, columns),
        )  # fmt: skip
        want = exact_transfer_s(network, g)
        np.testing.assert_allclose(Ports(network, g).transfer_s, want, rtol=error)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_kirchhoff_reciprocity_and_passivity(case):
    network, g = case
    admittance_s = Ports(network, g).admittance_s
    np.testing.assert_array_equal(admittance_s, admittance_s.T)
    scale_s = np.abs(admittance_s).max() + 1e-30
    assert np.linalg.eigvalsh(admittance_s / scale_s).min() > -1e-14
    far = np.isfinite(network.far_driver_ohm).any() or np.isfinite(network.far_sense_ohm).any()
    total = admittance_s.sum(axis=1) / scale_s
    assert total.min() > -1e-14
    if not far:
        assert np.abs(total).max() < 1e-14


@settings(max_examples=40, deadline=None)
@given(cases(far=st.just(math.inf)))
def test_transposed_arrays_have_the_same_ports(case):
    """A column's sense end is the turned array's driver end: its last cells are the first."""
    net, g = case
    turned = Network.of(
        net.columns, net.rows,
        row_wire_ohm=net.column_wire_ohm[::-1, ::-1].T,
        column_wire_ohm=net.row_wire_ohm[::-1, ::-1].T,
    )  # fmt: skip
    other = Ports(turned, g[::-1, ::-1].T).admittance_s[::-1, ::-1]
    np.testing.assert_allclose(Ports(net, g).admittance_s, other, rtol=1e-12, atol=1e-25)


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("far", [False, True])
def test_read_map_is_one_read_of_every_cell(shares, far):
    ends = {"far_driver_ohm": [math.inf, 3.0, 9.0], "far_sense_ohm": 4.0} if far else {}
    network, g = array(3, 4, driver_ohm=[5.0, 0.0, 100.0], sense_ohm=20.0, **ends)
    g[1, 2] = 0.0
    check(network, g, shares)


@pytest.mark.parametrize("shares", [(0.0, 0.0), (None, 0.0), (0.2, None), (None, None)])
def test_ideal_far_ends_change_nothing_on_ideal_wires(shares):
    """An ideal loop from near to far takes no digits from anything."""
    g = np.random.default_rng(3).uniform(1e-6, 1e-4, (3, 4))
    plain = Network.of(3, 4, driver_ohm=10.0, sense_ohm=10.0)
    both = Network.of(3, 4, driver_ohm=[10.0, 0.0, 10.0], sense_ohm=10.0, far_driver_ohm=0.0)
    ideal = Network.of(3, 4, sense_ohm=10.0)
    want = Ports(ideal, g).read_map_s(*shares)
    np.testing.assert_allclose(Ports(both, g).read_map_s(*shares), want, rtol=1e-12)
    assert not np.allclose(Ports(plain, g).read_map_s(*shares), want, rtol=1e-6)


def test_wires_of_0_ohm_give_the_ideal_product():
    """Even of cells that are nearly shorts."""
    g = np.random.default_rng(4).uniform(0.1, 1, (40, 35))
    np.testing.assert_allclose(Ports(Network.of(40, 35), g).transfer_s, g.T, rtol=1e-14)


def test_two_point_resistance_of_equal_cells():
    """Between the sides of a complete bipartite graph: (m + n - 1) R / (m n)."""
    m, n = 7, 12
    ohm = Ports(Network.of(m, n), np.full((m, n), 1e-4)).two_point_ohm
    np.testing.assert_allclose(ohm, np.full((m, n), 1e4 * (m + n - 1) / (m * n)), rtol=1e-13)


@pytest.mark.parametrize("ends", [{}, {"far_driver_ohm": 0.0, "driver_ohm": 9.0}])
def test_two_point_resistance_is_that_of_the_circuit(ends):
    network, g = array(4, 3, **ends)
    network = Network.of(
        4, 3, row_wire_ohm=network.row_wire_ohm * [1, 0, 1], column_wire_ohm=1.5, **ends
    )
    ohm = Ports(network, g).two_point_ohm
    circuit = circuit_of(network, g, ends=False)
    for i in range(4):
        for j in range(3):
            current_a = circuit.currents_a({("row near", i): 1.0, ("column near", j): 0.0})
            assert ohm[i, j] == pytest.approx(1 / current_a[0], rel=1e-10)


def test_sneak_paths_hide_a_cell():
    """A cell of 13.77 kohm among 20 kohm ones, 64 x 64, 2.5 ohm a segment, reads below 1 kohm."""
    g = np.full((64, 64), 5e-5)
    g[31, 31] = 1 / 13.77e3
    ports = Ports(Network.of(64, 64, row_wire_ohm=2.5, column_wire_ohm=2.5), g)
    assert 600 < ports.two_point_ohm[31, 31] < 900
    assert 1 / ports.read_map_s(0.0, 0.0)[31, 31] > 13.77e3


def test_islands_carry_nothing_and_have_no_resistance():
    """Row 0 sees column 0 alone, row 2 is cut off, and nothing leads from one part to another."""
    g = np.full((3, 3), 1e-5)
    g[0, 1:] = g[1:, 0] = g[2] = 0.0
    ports = Ports(Network.of(3, 3, row_wire_ohm=1.0, column_wire_ohm=1.0), g)
    ohm = ports.two_point_ohm
    assert ohm[0, 0] == pytest.approx(1e5 + 4.0, rel=1e-12)
    linked = np.zeros((3, 3), dtype=bool)
    linked[0, 0] = linked[1, 1] = linked[1, 2] = True
    np.testing.assert_array_equal(np.isfinite(ohm), linked)
    for shares in SHARES:
        read_s = ports.read_map_s(*shares)
        assert np.isfinite(read_s).all()
    np.testing.assert_array_equal(ports.read_map_s(None, None) > 0, linked)


def test_nodes_that_lead_nowhere_are_left_out():
    """Two nodes that are joined with each other alone make a Laplacian that has no inverse."""
    laplacian = np.array([[1.0, -1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    outer = np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    mesh = ports_mesh.eliminate(laplacian, outer, np.zeros((2, 2)))
    assert mesh[0, 1] == pytest.approx(0.5)


@pytest.mark.parametrize("value", [-1e-6, math.nan, math.inf])
def test_impossible_cells_are_refused(value):
    g = np.full((2, 2), 1e-5)
    g[1, 0] = value
    with pytest.raises(ConfigError, match="conductance_s has a negative, infinite or missing"):
        Ports(Network.of(2, 2), g)


def test_wrong_shapes_are_refused():
    network, g = array(3, 4)
    with pytest.raises(ConfigError, match=r"conductance_s is \(4, 3\).*3 rows and 4 columns"):
        Ports(network, g.T)
