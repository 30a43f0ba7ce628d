"""Resistances of wires and ends: how they are given, and what is refused."""

import math

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.simulators.crossbar.network import Network


def test_one_number_is_the_same_everywhere() -> None:
    net = Network.of(3, 2, row_wire_ohm=2.5, driver_ohm=7)
    assert np.array_equal(net.row_wire_ohm, np.full((3, 2), 2.5))
    assert np.array_equal(net.driver_ohm, [7, 7, 7])
    assert np.array_equal(net.column_wire_ohm, np.zeros((3, 2)))
    assert np.array_equal(net.far_sense_ohm, [math.inf, math.inf])


def test_each_line_may_have_its_own() -> None:
    net = Network.of(3, 2, column_wire_ohm=[[1.0, 2.0]], sense_ohm=[3.0, 4.0])
    assert np.array_equal(net.column_wire_ohm, [[1, 2], [1, 2], [1, 2]])
    assert np.array_equal(net.sense_ohm, [3, 4])


def test_what_is_given_is_copied() -> None:
    driver_ohm = np.ones(3)
    net = Network.of(3, 2, driver_ohm=driver_ohm)
    driver_ohm[0] = 5.0
    assert net.driver_ohm[0] == 1.0


@pytest.mark.parametrize(
    ("name", "ohm"),
    [
        ("row_wire_ohm", -1.0),
        ("column_wire_ohm", math.nan),
        ("driver_ohm", [1.0, -1.0, 1.0]),
        ("sense_ohm", np.ones(3)),
        ("far_driver_ohm", np.ones((3, 2))),
        ("far_sense_ohm", "much"),
        ("row_wire_ohm", np.ones((2, 3))),
    ],
)
def test_what_is_no_resistance_is_refused(name, ohm) -> None:
    with pytest.raises(ConfigError, match=name):
        Network.of(3, 2, **{name: ohm})


@pytest.mark.parametrize("shape", [(0, 2), (3, 0), (-1, 1)])
def test_an_empty_array_is_refused(shape) -> None:
    with pytest.raises(ConfigError, match="empty"):
        Network.of(*shape)


@pytest.mark.parametrize("shape", [(2.5, 3), (3, "2"), (None, 1)])
def test_a_part_of_a_row_is_refused(shape) -> None:
    with pytest.raises(ConfigError, match="whole numbers"):
        Network.of(*shape)


def test_floating_lines_lose_both_ends() -> None:
    net = Network.of(3, 2, driver_ohm=5.0, sense_ohm=6.0, far_driver_ohm=1.0, far_sense_ohm=2.0)
    free = net.floating(np.array([True, False, False]), np.array([False, True]), leak_ohm=1e9)
    assert np.array_equal(free.driver_ohm, [1e9, 5, 5])
    assert np.array_equal(free.far_driver_ohm, [math.inf, 1, 1])
    assert np.array_equal(free.sense_ohm, [6, 1e9])
    assert np.array_equal(free.far_sense_ohm, [2, math.inf])
    assert not free.open_rows.any()


def test_open_lines_are_told() -> None:
    net = Network.of(
        3, 2, driver_ohm=[math.inf, 1.0, math.inf], far_driver_ohm=[1.0, 1.0, math.inf]
    )
    assert np.array_equal(net.open_rows, [False, False, True])
    assert np.array_equal(net.floating(None, np.array([True, False])).open_columns, [True, False])


@pytest.mark.parametrize("flags", [np.array([True]), np.array([1, 0, 1])])
def test_flags_that_do_not_fit_are_refused(flags) -> None:
    with pytest.raises(ConfigError, match="floating rows"):
        Network.of(3, 2).floating(flags)
