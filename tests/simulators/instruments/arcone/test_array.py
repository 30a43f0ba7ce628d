"""The array between the lines of the virtual ArC ONE: wires, sneak paths, what else is read."""

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.simulators.instruments.arcone import unconfirmed
from hil.simulators.instruments.lab.lab import Lab
from hil.virtual import LabPlan
from tests.simulators.instruments.arcone.board_in_process import Bare

Floats = NDArray[np.float64]

READ_V, BIAS_V = 0.2, 1.2
ROWS, COLUMNS = 3, 4
ROW_OHM, COLUMN_OHM = 40.0, 25.0
WIRES = {"row_wire_ohm": ROW_OHM, "column_wire_ohm": COLUMN_OHM}
GROUND, FLOAT = (0.0, 0.0), (np.nan, np.nan)
THIRDS, HALVES = (1 / 3, 2 / 3), (1 / 2, 1 / 2)


def line_currents(
    ohm: Floats,
    row_v: Floats,
    column_v: Floats,
    row_ohm: float,
    column_ohm: float,
    path_ohm: float,
) -> tuple[Floats, Floats]:
    """Solve an array node by node: currents out of the rows' sources, into the columns'.

    NaN floats. Every node is one unknown: rows' nodes first, then columns'.
    """
    rows, columns = ohm.shape
    at = np.arange(2 * rows * columns).reshape(2, rows, columns)
    matrix, currents = np.zeros((at.size, at.size)), np.zeros(at.size)

    def join(one: int, other: int, between_ohm: float) -> None:
        matrix[[one, other], [one, other]] += 1 / between_ohm
        matrix[[one, other], [other, one]] -= 1 / between_ohm

    def drive(node: int, source_v: float, through_ohm: float) -> None:
        if not np.isnan(source_v):
            matrix[node, node] += 1 / through_ohm
            currents[node] += source_v / through_ohm

    for i in range(rows):
        drive(at[0, i, 0], row_v[i], path_ohm + row_ohm)
        for j in range(columns):
            join(at[0, i, j], at[1, i, j], ohm[i, j])
            if j:
                join(at[0, i, j - 1], at[0, i, j], row_ohm)
            if i:
                join(at[1, i - 1, j], at[1, i, j], column_ohm)
    for j in range(columns):
        drive(at[1, -1, j], column_v[j], column_ohm)
    node_v = np.linalg.solve(matrix, currents)
    return (
        (row_v - node_v[at[0, :, 0]]) / (path_ohm + row_ohm),
        (node_v[at[1, -1]] - column_v) / column_ohm,
    )


def told(
    ohm: Floats,
    words: list[int],
    bit: int,
    level_v: float,
    parts: tuple[float, float],
    path_ohm: float = 0.0,
) -> float:
    """What a board reads at these places, counted from 0, with four points."""
    row_v, column_v = np.full(ROWS, parts[0] * level_v), np.full(COLUMNS, parts[1] * level_v)
    row_v[words], column_v[bit] = level_v, 0.0
    row_a, column_a = line_currents(ohm, row_v, column_v, ROW_OHM, COLUMN_OHM, path_ohm)
    word_v: float = level_v - row_a[words[0]] * path_ohm
    return word_v / float(column_a[bit])


def resistors(ohm: Floats, **settings: float) -> Bare:
    """A board with a resistor of its own at each place."""
    rows, columns = ohm.shape
    board = Bare(rows=rows, columns=columns, **settings)  # type: ignore[arg-type]
    board.lab.state["resistance_ohm"] = ohm.ravel()
    board.send("01", 2, READ_V)
    return board


@pytest.fixture
def ohm() -> Floats:
    return np.random.default_rng(5).uniform(1e3, 10e3, (ROWS, COLUMNS))


@pytest.mark.parametrize(("option", "parts"), [(0, GROUND), (1, GROUND), (256, FLOAT)])
def test_a_read_goes_through_the_wires(
    option: int, parts: tuple[float, float], ohm: Floats
) -> None:
    board = resistors(ohm, sneak_path=option, **WIRES)
    expected = [told(ohm, [i], j, READ_V, parts) for i in range(ROWS) for j in range(COLUMNS)]
    assert board.ask("2", 1, ROWS, COLUMNS) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("option", "parts"), [(0, THIRDS), (1, HALVES), (256, FLOAT)])
def test_a_bias_is_protected_and_reads_other_words_along(
    option: int, parts: tuple[float, float], ohm: Floats
) -> None:
    board = resistors(ohm, sneak_path=option, **WIRES)
    (first, _) = board.triplets("220", BIAS_V, 1e-3, 1, 1, 2, 3)
    assert first[0] == pytest.approx(told(ohm, [1], 2, BIAS_V, parts), rel=2e-6)


@pytest.mark.parametrize(("option", "parts"), [(0, GROUND), (256, FLOAT)])
def test_several_words_are_one_solution(
    option: int, parts: tuple[float, float], ohm: Floats
) -> None:
    board = resistors(ohm, sneak_path=option, **WIRES)
    ((sum_ohm, level_v, _),) = board.triplets("50", 1, 1e-4, READ_V, 2, 2, 1, 1, 3)
    assert level_v == pytest.approx(READ_V)
    assert sum_ohm == pytest.approx(told(ohm, [0, 2], 1, READ_V, parts), rel=2e-6)


def test_four_points_leave_out_the_switch_alone(
    ohm: Floats, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOISE_PART", "NOISE_A", "OFFSET_A"):
        monkeypatch.setattr(unconfirmed, name, 0.0)
    board = resistors(ohm, ideal=False, **WIRES)
    expected = told(ohm, [2], 3, READ_V, GROUND, unconfirmed.SWITCH_OHM)
    assert board.ask("1", 3, 4) == pytest.approx([expected], rel=1e-6)
    assert expected > ohm[2, 3] * 1.01


class TestSneakPaths:
    HIGH, LOW = 1e6, 1e3

    def read(self, option: int, *job: object) -> float:
        ohm = np.full((8, 8), self.LOW)
        ohm[2, 5] = self.HIGH
        board = resistors(ohm, sneak_path=option)
        return board.ask(*job, 3, 6)[0]

    def test_a_grounded_read_sees_the_cell_alone(self) -> None:
        assert self.read(0, "1") == pytest.approx(self.HIGH, rel=1e-6)

    def test_a_floating_read_sees_the_others(self) -> None:
        around_ohm = self.LOW * (1 / 7 + 1 / 7 + 1 / 49)
        expected = 1 / (1 / self.HIGH + 1 / around_ohm)
        assert self.read(256, "1") == pytest.approx(expected, rel=1e-6)

    def test_a_bias_under_half_its_voltage_reads_the_bit_along(self) -> None:
        expected = 1 / (1 / self.HIGH + 7 / (2 * self.LOW))
        assert self.read(1, "220", BIAS_V, 1e-3, 1, 1) == pytest.approx(expected, rel=1e-6)


def test_a_resistor_at_each_cell_stays_at_its_cell() -> None:
    board = Bare(rows=2, columns=2, series_ohm=5e3, sneak_path=256)
    assert board.ask("1", 1, 1) == pytest.approx([15e3 * 3 / 4], rel=1e-6)


def test_wires_take_a_part_of_a_pulse() -> None:
    """The far cell of a wired array switches less."""
    changed = []
    for ohm in (0.0, 2e3):
        board = Bare(
            "stanford-lab", rows=3, columns=3, sneak_path=1, row_wire_ohm=ohm, column_wire_ohm=ohm
        )
        board.send("02", 1, 3, "04", 1.5, 1e-6)
        changed.append(float(board.lab.state["gap_m"][2]))
    assert changed[0] < 0.9 * changed[1]


def test_the_lab_refuses_wires_that_nothing_works_into() -> None:
    with pytest.raises(ConfigError, match="leave row_wire_ohm"):
        Lab(LabPlan(instruments={}, wiring={"a": "top"}, model="resistor", row_wire_ohm=1.0))
