"""Maps of a write and of a product, against arrays whose voltages are known."""

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.simulators.crossbar import Crossbar, Network, Transistor
from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.maps import product_map, write_map
from hil.simulators.models import get_model
from tests.simulators.crossbar.resistors import resistors

CELLS_S = np.random.default_rng(1).uniform(1e-6, 1e-4, (5, 7))


@pytest.mark.parametrize(
    ("scheme", "row_share", "column_share"), [("V/2", 0.5, 0.5), ("V/3", 1 / 3, 2 / 3)]
)
def test_without_wires_cells_see_what_the_scheme_says(
    scheme: str, row_share: float, column_share: float
) -> None:
    array = resistors(CELLS_S)
    write = write_map(
        *array, (1, 4), -1.5, row_share=row_share, column_share=column_share, scheme=scheme
    )
    product = product_map(*array, 0.2)
    others = write.others_v()
    assert write.selected_v == pytest.approx(-1.5)
    assert others["row"] == pytest.approx(np.full(6, -1.5 * (1 - column_share)))
    assert others["column"] == pytest.approx(np.full(4, -1.5 * row_share))
    assert others["elsewhere"] == pytest.approx(np.full(24, -1.5 * (row_share - column_share)))
    assert (write.on_row, write.on_column) == (1 - column_share, row_share)
    assert product.contribution == pytest.approx(np.zeros((5, 7)), abs=1e-12)
    assert product.column == pytest.approx(np.zeros(7), abs=1e-12)


def test_floating_lines_share_the_voltage_of_equal_cells() -> None:
    """Of n rows and columns of equal cells, those on the selected lines see (n - 1)/(2n - 1)."""
    array = resistors(np.full((6, 6), 20e-6))
    write = write_map(*array, (2, 3), 1.1, row_share=None, column_share=None)
    others = write.others_v()
    assert others["row"] == pytest.approx(np.full(5, 0.5), rel=1e-9)
    assert others["column"] == pytest.approx(np.full(5, 0.5), rel=1e-9)
    assert others["elsewhere"] == pytest.approx(np.full(25, -0.1), rel=1e-9)
    assert (write.on_row, write.on_column) == (None, None)


def test_wires_take_most_from_the_farthest_cells() -> None:
    array = resistors(CELLS_S, row_wire_ohm=20.0, column_wire_ohm=20.0)
    write, product = write_map(*array, (0, 6), 2.0), product_map(*array, 0.2)
    assert write.selected_v < 1.95
    i, j, worst_v = write.worst
    assert (i == 0) != (j == 6)
    assert worst_v == pytest.approx(max(v.max() for v in write.others_v().values()))
    assert (product.contribution < 0).all()
    assert product.contribution.argmin() % 7 > 3 > product.contribution.argmin() // 7
    real_a = Crossbar(CELLS_S, row_wire_ohm=20.0, column_wire_ohm=20.0).currents_a(np.full(5, 0.2))
    assert real_a == pytest.approx((1 + product.column) * 0.2 * CELLS_S.sum(axis=0))


def test_cells_of_a_model_are_compared_with_their_own_law() -> None:
    model = get_model("stanford", i0_a=10e-6)
    state = model.initial_state(6, np.random.default_rng(1))
    model.preset(state, np.arange(6), 50e-6, 0.1)
    near, far = (
        product_map(Array(model, Network.of(2, 3, driver_ohm=ohm)), state, 0.5)
        for ohm in (0.0, 100.0)
    )
    assert near.contribution == pytest.approx(np.zeros((2, 3)), abs=1e-9)
    assert (far.contribution < -0.01).all()


def test_places_and_currents_that_are_not_there_are_left_out() -> None:
    write = write_map(*resistors([[1e-5]]), (0, 0), 1.0)
    assert write.worst == (-1, -1, 0.0)
    assert write.others_v() == {}
    dark = product_map(*resistors(CELLS_S), 0.0)
    assert (dark.contribution == 0).all()
    assert (dark.column == 0).all()


def test_a_cell_outside_the_array_is_refused() -> None:
    with pytest.raises(ConfigError, match="no cell R6C1 in an array of 5 x 7"):
        write_map(*resistors(CELLS_S), (5, 0), 1.0)


def test_behind_a_closed_gate_a_memory_sees_nothing() -> None:
    model = get_model("stanford-lab")
    state = model.initial_state(6, np.random.default_rng(1))
    array = Array(model, Network.of(2, 3, row_wire_ohm=2.5), access=Transistor())
    seen = write_map(array, state, (0, 2), 1.0, gate_v=2.0)
    assert seen.cell_v[0, 2] > 0.9
    assert np.abs(seen.cell_v[1]).max() < 1e-9
