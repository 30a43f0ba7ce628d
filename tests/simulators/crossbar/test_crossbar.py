"""What an array must obey whatever it holds, and what `Crossbar` promises."""

import copy
import math
import pickle
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ConfigError, NotSupported
from hil.simulators.crossbar import Crossbar, Network
from hil.simulators.crossbar.crossbar import CROSSOVER
from hil.simulators.crossbar.linear import LinearSolver, Solution
from hil.simulators.crossbar.newton import Operating
from hil.simulators.models import get_model

FEW = settings(max_examples=25, deadline=None)
SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
SEEDS = st.integers(0, 999)


class Ends(NamedTuple):
    """Everything about an array but its cells."""

    row_wire_ohm: np.ndarray
    column_wire_ohm: np.ndarray
    driver_ohm: np.ndarray
    sense_ohm: np.ndarray
    far_driver_ohm: np.ndarray
    far_sense_ohm: np.ndarray


def uneven(shape, seed):
    """Give conductances and ends of which no two are alike."""
    rng = np.random.default_rng(seed)
    rows, columns = shape
    ends = Ends(
        rng.choice([0.0, 1.0, 8.0], (rows, columns)) * rng.uniform(0.5, 1, (rows, columns)),
        rng.choice([0.0, 1.0, 8.0], (rows, columns)) * rng.uniform(0.5, 1, (rows, columns)),
        rng.uniform(0, 50, rows),
        rng.uniform(0, 50, columns),
        rng.choice([math.inf, 40.0], rows),
        rng.choice([math.inf, 40.0], columns),
    )
    return rng.uniform(1e-6, 1e-3, (rows, columns)), ends


class Sinh:
    """Cells with a current of a sinh of their voltage."""

    def __init__(self, conductance_s):
        self.rows, self.columns = conductance_s.shape
        self.conductance_s = conductance_s

    def linearised(self, voltage_v):
        scale_a = self.conductance_s / 4
        return scale_a * np.sinh(4 * voltage_v), self.conductance_s * np.cosh(4 * voltage_v)


@FEW
@given(shape=SHAPES, seed=SEEDS)
def test_without_wires_it_multiplies(shape, seed) -> None:
    conductance_s, _ = uneven(shape, seed)
    row_v = np.random.default_rng(seed).uniform(-1, 1, shape[0])
    ideal_a = row_v @ conductance_s
    scale_a = np.abs(row_v) @ conductance_s
    exact_a = Crossbar(conductance_s).currents_a(row_v)
    assert (np.abs(exact_a - ideal_a) <= 1e-14 * scale_a).all()
    nearly_a = Crossbar(conductance_s, row_wire_ohm=1e-6, column_wire_ohm=1e-6).currents_a(row_v)
    assert (np.abs(nearly_a - ideal_a) <= 1e-5 * scale_a.sum()).all()
    assert (nearly_a != exact_a).any()


@FEW
@given(shape=SHAPES, seed=SEEDS)
def test_reciprocity(shape, seed) -> None:
    conductance_s, ends = uneven(shape, seed)
    crossbar = Crossbar(conductance_s, **ends._asdict())
    i, j = seed % shape[0], seed % shape[1]
    driven = crossbar.solve(np.arange(shape[0]) == i)
    back = crossbar.solve(0.0, np.arange(shape[1]) == j)
    there_a = driven.column_a[j] + driven.far_column_a[j]
    assert -(back.row_a[i] + back.far_row_a[i]) == pytest.approx(there_a, rel=1e-9)


@FEW
@given(shape=SHAPES, seed=SEEDS)
def test_superposition(shape, seed) -> None:
    conductance_s, ends = uneven(shape, seed)
    crossbar = Crossbar(conductance_s, **ends._asdict())
    rng = np.random.default_rng(seed)
    row_v, other_v = rng.uniform(-1, 1, (2, shape[0]))
    column_v = rng.uniform(-1, 1, shape[1])
    whole = crossbar.solve(3 * row_v + other_v, column_v)
    parts = crossbar.solve(row_v), crossbar.solve(other_v, column_v)
    for name in ("row_node_v", "column_node_v", "row_a", "far_row_a", "column_a", "far_column_a"):
        added = 3 * getattr(parts[0], name) + getattr(parts[1], name)
        np.testing.assert_allclose(added, getattr(whole, name), rtol=1e-10, atol=1e-12)


@FEW
@given(shape=SHAPES, seed=SEEDS)
def test_rows_and_columns_may_change_places(shape, seed) -> None:
    conductance_s, ends = uneven(shape, seed)
    rng = np.random.default_rng(seed)
    row_v, column_v = rng.uniform(-1, 1, shape[0]), rng.uniform(-1, 1, shape[1])
    at = Crossbar(conductance_s, **ends._asdict()).solve(row_v, column_v)

    def mirrored(cells):  # the columns' sources are below, so they become rows upside down
        return cells[::-1, ::-1].T

    turned = Crossbar(
        mirrored(conductance_s),
        row_wire_ohm=mirrored(ends.column_wire_ohm),
        column_wire_ohm=mirrored(ends.row_wire_ohm),
        driver_ohm=ends.sense_ohm[::-1],
        sense_ohm=ends.driver_ohm[::-1],
        far_driver_ohm=ends.far_sense_ohm[::-1],
        far_sense_ohm=ends.far_driver_ohm[::-1],
    ).solve(column_v[::-1], row_v[::-1])
    np.testing.assert_allclose(mirrored(turned.row_node_v), at.column_node_v, rtol=0, atol=1e-12)
    np.testing.assert_allclose(mirrored(turned.column_node_v), at.row_node_v, rtol=0, atol=1e-12)
    np.testing.assert_allclose(-turned.row_a[::-1], at.column_a, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(-turned.far_column_a[::-1], at.far_row_a, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("inputs", [1, 3, CROSSOVER - 1, CROSSOVER, 60])
def test_many_inputs_are_one_by_one(inputs) -> None:
    conductance_s, ends = uneven((11, 8), 1)
    voltages_v = np.random.default_rng(inputs).uniform(-0.5, 0.5, (inputs, 11))
    together = Crossbar(conductance_s, **ends._asdict())
    each = np.array([Crossbar(conductance_s, **ends._asdict()).currents_a(v) for v in voltages_v])
    currents_a = together.currents_a(voltages_v)
    assert currents_a.shape == (inputs, 8)
    np.testing.assert_allclose(currents_a, each, rtol=0, atol=1e-11 * np.abs(each).max())
    assert ("ports" in vars(together)) == (inputs >= CROSSOVER)


def test_an_array_that_is_asked_often_is_reduced() -> None:
    conductance_s, ends = uneven((6, 5), 2)
    crossbar = Crossbar(conductance_s, **ends._asdict())
    row_v = np.linspace(0.1, 0.5, 6)
    asked = [crossbar.currents_a(row_v) for _ in range(CROSSOVER + 2)]
    assert "ports" in vars(crossbar)
    np.testing.assert_allclose(asked, np.tile(asked[0], (CROSSOVER + 2, 1)), rtol=1e-11)


def test_no_inputs_give_no_currents() -> None:
    conductance_s, _ = uneven((6, 5), 2)
    assert Crossbar(conductance_s).currents_a(np.empty((0, 6))).shape == (0, 5)


def test_conductances_are_copied() -> None:
    conductance_s, _ = uneven((6, 5), 2)
    crossbar = Crossbar(conductance_s)
    before_a = crossbar.currents_a(np.ones(6))
    conductance_s[:] = 0.0
    assert np.array_equal(crossbar.currents_a(np.ones(6)), before_a)


def test_what_reads_a_lone_cell_by_its_sneak_paths() -> None:
    conductance_s = np.array([[1e-6, 1e-4], [1e-4, 1e-4]])  # three of 10 kohm around one of 1 Mohm
    ohm = Crossbar(conductance_s).two_point_ohm()
    assert ohm[0, 0] == pytest.approx(1 / (1e-6 + 1 / 30e3), rel=1e-9)


def test_two_points_agree_with_a_read_of_floating_lines() -> None:
    conductance_s, ends = uneven((7, 6), 5)
    wires = {"row_wire_ohm": ends.row_wire_ohm, "column_wire_ohm": ends.column_wire_ohm}
    crossbar = Crossbar(conductance_s, **wires)
    rows, columns = np.arange(7) != 2, np.arange(6) != 4
    at = crossbar.solve(
        np.where(rows, 0.0, 0.2), floating_rows=rows, floating_columns=columns
    )  # fmt: skip
    measured_ohm = 0.2 / at.column_a[4]
    assert measured_ohm == pytest.approx(crossbar.two_point_ohm()[2, 4], rel=1e-9)
    assert not at.row_a[rows].any()
    assert not at.column_a[columns].any()


def test_floating_lines_may_change_from_call_to_call() -> None:
    conductance_s, ends = uneven((5, 5), 5)
    crossbar = Crossbar(conductance_s, **ends._asdict())
    for k in (0, 1, 1, 0):
        rows = np.arange(5) == k
        at = crossbar.solve(0.3, floating_rows=rows)
        assert np.array_equal(at.row_a == 0, rows)
    assert (crossbar.solve(0.3).row_a > 0).all()


def test_floating_lines_may_be_listed() -> None:
    crossbar = Crossbar(np.full((2, 3), 1e-4))
    assert np.array_equal(
        crossbar.solve(0.3, floating_rows=[True, False]).row_a > 0, [False, True]
    )
    for wrong in ([True], [0, 1], "some", True):
        with pytest.raises(ConfigError, match="2 booleans"):
            crossbar.solve(0.3, floating_rows=wrong)


def test_an_island_is_told() -> None:
    at = Crossbar(np.diag([1e-4, 1e-4]), row_wire_ohm=1.0).solve(
        [0.3, 0.3], floating_rows=np.array([True, False]), floating_columns=np.array([True, False])
    )
    assert isinstance(at, Solution)
    assert np.array_equal(at.floating[0], [[True, True], [False, False]])
    assert np.array_equal(at.floating[1], [[True, False], [True, False]])
    assert at.row_node_v[0, 0] == at.column_node_v[0, 0] == 0.0


@pytest.mark.parametrize("inputs", [None, 4])
def test_cells_of_a_law(inputs) -> None:
    conductance_s, ends = uneven((6, 5), 9)
    shape = (6,) if inputs is None else (inputs, 6)
    voltages_v = np.random.default_rng(4).uniform(-0.5, 0.5, shape)
    ideal_a = np.einsum("...i,ij->...j", np.sinh(4 * voltages_v) / 4, conductance_s)
    law = Sinh(conductance_s)
    np.testing.assert_allclose(Crossbar(law).currents_a(voltages_v), ideal_a, rtol=0, atol=1e-15)
    wired = Crossbar(law, **ends._asdict())
    lossy_a = wired.currents_a(voltages_v)
    assert np.abs(lossy_a / ideal_a - 1).max() > 1e-3
    at = wired.solve(np.atleast_2d(voltages_v)[-1])
    assert isinstance(at, Operating)
    np.testing.assert_allclose(np.atleast_2d(lossy_a)[-1], at.column_a, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(at.cell_a.sum(0), at.column_a + at.far_column_a, rtol=1e-9)


def test_cells_of_a_law_have_no_two_point_resistance() -> None:
    with pytest.raises(NotSupported, match="conductances"):
        Crossbar(Sinh(np.ones((2, 2)))).two_point_ohm()


@pytest.mark.parametrize(
    "cells", [np.ones(4), np.ones((2, 2, 2)), 1e-4, "much", np.empty((0, 3)), [[1.0], [1.0, 2.0]]]
)
def test_what_is_no_array_is_refused(cells) -> None:
    with pytest.raises(ConfigError):
        Crossbar(cells)


@pytest.mark.parametrize("wire_ohm", [0.0, 2.5])
def test_an_ideal_second_source_is_one_to_few_inputs_and_to_many(wire_ohm: float) -> None:
    """It shares the current with the first; where both are ideal, by halves."""
    crossbar = Crossbar(
        np.full((3, 3), 1e-4), row_wire_ohm=wire_ohm, column_wire_ohm=wire_ohm, far_sense_ohm=0.0,
        sense_ohm=0.5,
    )  # fmt: skip
    voltage_v = np.array([0.1, 0.2, 0.3])
    few_a = crossbar.currents_a(voltage_v)
    assert crossbar.currents_a(np.tile(voltage_v, (CROSSOVER, 1)))[0] == pytest.approx(
        few_a, rel=1e-6, abs=1e-12
    )
    both = Crossbar(np.full((3, 3), 1e-4), far_sense_ohm=0.0)
    few_a = both.currents_a(voltage_v)
    many_a = both.currents_a(np.tile(voltage_v, (CROSSOVER, 1)))[0]
    assert many_a == pytest.approx(few_a, rel=1e-6)


def test_a_model_is_no_array_of_cells() -> None:
    with pytest.raises(ConfigError, match="give Cells"):
        Crossbar(get_model("stanford"))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-1e-6, math.nan, math.inf])
@pytest.mark.parametrize("inputs", [1, 100])
def test_what_is_no_conductance_is_refused(bad, inputs) -> None:
    with pytest.raises(ConfigError, match="conductance_s"):
        Crossbar([[1e-4, bad]]).currents_a(np.ones((inputs, 1)))


@pytest.mark.parametrize("voltages_v", [0.3, np.ones(5), np.ones((6, 5)), np.ones((1, 1, 6))])
def test_voltages_of_another_shape_are_refused(voltages_v) -> None:
    with pytest.raises(ConfigError, match="voltages_v is"):
        Crossbar(np.ones((6, 5))).currents_a(voltages_v)


@pytest.mark.parametrize("voltages_v", [["a"] * 6, [[1.0] * 6, [1.0]]])
def test_voltages_that_are_no_numbers_are_refused(voltages_v) -> None:
    with pytest.raises(ConfigError, match="no number"):
        Crossbar(np.ones((6, 5))).currents_a(voltages_v)


@pytest.mark.parametrize("inputs", [1, 100])
def test_voltages_that_are_not_finite_are_refused(inputs) -> None:
    voltages_v = np.ones((inputs, 6))
    voltages_v[-1, -1] = math.nan
    with pytest.raises(ConfigError, match="finite"):
        Crossbar(np.ones((6, 5))).currents_a(voltages_v)


def test_an_array_that_was_used_can_be_copied_and_pickled() -> None:
    conductance_s = np.random.default_rng(5).uniform(1e-6, 1e-4, (4, 6))
    crossbar = Crossbar(conductance_s, row_wire_ohm=2.5, column_wire_ohm=2.5)
    volts = np.linspace(0.1, 0.4, 4)
    expected_a = crossbar.currents_a(volts)
    for other in (copy.deepcopy(crossbar), pickle.loads(pickle.dumps(crossbar))):
        assert (other.currents_a(volts) == expected_a).all()


@pytest.mark.parametrize("tolerance", [0.0, 1.0, -1e-6, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_refused(tolerance: float) -> None:
    solver = LinearSolver(Network.of(2, 3))
    with pytest.raises(ConfigError, match="tolerance"):
        solver.solve(np.full((2, 3), 1e-5), np.ones(2), np.zeros(3), tolerance=tolerance)
