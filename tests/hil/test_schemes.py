"""Schemes of an array: what other cells may see, booked before anything is played."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import laplacian

from hil.errors import ConfigError, LimitExceeded, NotSupported
from hil.limits import STRESS, Budget, Ledger, Limits, PhaseLimits, check_limits
from hil.program import Demands, Program, pulse, read, wait
from hil.schemes import SCHEMES, Biasing, Scheme, seen

LIMITS = Limits(
    read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-4),
    switching=PhaseLimits(positive_v=3.0, negative_v=-3.0, current_a=1e-3),
)
HALF = Biasing(SCHEMES, "V/2", "grounded")
WRITE = pulse(1.0, high_s=1e-6)


@pytest.mark.parametrize(
    ("name", "on_row", "on_column", "elsewhere"),
    [
        ("V/2", Fraction(1, 2), Fraction(1, 2), Fraction(0)),
        ("V/3", Fraction(1, 3), Fraction(1, 3), Fraction(-1, 3)),
        ("grounded", Fraction(1), Fraction(0), Fraction(0)),
    ],
)
def test_driven_lines_leave_the_textbooks_parts_to_other_cells(
    name: str, on_row: Fraction, on_column: Fraction, elsewhere: Fraction
) -> None:
    for part, expected in zip(seen(SCHEMES[name]), (on_row, on_column, elsewhere), strict=True):
        assert part == pytest.approx((float(expected), float(expected)), abs=1e-15)


parts = st.none() | st.floats(0.0, 1.0)


@given(parts, parts, st.integers(2, 5), st.integers(2, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_no_cells_of_any_conductance_see_more_than_a_scheme_says(
    on_rows: float | None, on_columns: float | None, rows: int, columns: int, seed: int
) -> None:
    """Against nodal analysis of ideal lines: floating ones find their own level."""
    scheme = Scheme(rows=on_rows, columns=on_columns)
    rng = np.random.default_rng(seed)
    conductance_s = 10.0 ** rng.uniform(-9, -3, (rows, columns))
    level_v = np.array([1.0, *[scheme.rows] * (rows - 1), 0.0, *[scheme.columns] * (columns - 1)])
    level_v = level_v.astype(float)  # None becomes NaN: floating
    graph = np.zeros((rows + columns, rows + columns))
    graph[:rows, rows:] = conductance_s
    nodal = laplacian(graph + graph.T)
    free = np.isnan(level_v)
    if free.any():
        given_v = level_v[~free]
        level_v[free] = np.linalg.solve(
            nodal[np.ix_(free, free)], -nodal[np.ix_(free, ~free)] @ given_v
        )
    cell_v = level_v[:rows, None] - level_v[None, rows:]
    for found_v, bound in zip(
        (cell_v[0, 1:], cell_v[1:, 0], cell_v[1:, 1:]), seen(scheme), strict=True
    ):
        assert (found_v >= bound.least - 1e-7).all()
        assert (found_v <= bound.most + 1e-7).all()


def booked(biasing: Biasing, program: Program, cells: list[int]) -> np.ndarray:
    """Book a program on cells of an array of 3 x 4; stress by row and column."""
    ledger = Ledger(12)
    stress = check_limits(program, LIMITS).stress
    ledger.book(np.array(cells), stress, biasing.disturb(program, LIMITS, array_columns=4))
    return ledger.own.reshape(3, 4)


def test_half_selected_cells_get_half_the_pulse_and_the_others_nothing() -> None:
    own = booked(HALF, WRITE, [5])
    selected = own[1, 1]
    mates = np.concatenate((own[1, [0, 2, 3]], own[[0, 2], 1]))
    assert (own[np.ix_([0, 2], [0, 2, 3])] == np.zeros((), STRESS)).all()
    assert selected["pulses"] == 1
    assert selected["disturbs"] == 0
    assert (mates["pulses"] == 0).all()
    assert (mates["disturbs"] == 1).all()
    assert mates["highest_v"] == pytest.approx(selected["highest_v"] / 2)
    assert mates["bias_vs"] == pytest.approx(selected["bias_vs"] / 2)
    assert mates["bias_s"] == pytest.approx(selected["bias_s"])


def test_a_third_with_the_other_sign_is_booked_as_such() -> None:
    own = booked(Biasing(SCHEMES, "V/3", "V/3"), WRITE, [0])
    assert own["highest_v"][0, 1:] == pytest.approx(1 / 3)
    assert own["highest_v"][1:, 0] == pytest.approx(1 / 3)
    assert (own["highest_v"][1:, 1:] == 0.0).all()
    assert own["lowest_v"][1:, 1:] == pytest.approx(-1 / 3)


def test_floating_lines_may_pass_on_everything_either_way() -> None:
    own = booked(Biasing(SCHEMES, "float", "float"), WRITE, [0])
    others = own.ravel()[1:]
    assert others["highest_v"] == pytest.approx(1.0)
    assert own["lowest_v"][1:, 1:] == pytest.approx(-1.0)
    assert (own["lowest_v"][0] == 0.0).all()


def test_reads_are_biased_by_their_own_scheme() -> None:
    program = WRITE + wait(1e-6) + read(0.1, settle_s=1e-5, aperture_s=1e-5)
    own = booked(HALF, program, [0])
    alone = booked(HALF, read(0.1, settle_s=1e-5, aperture_s=1e-5), [0])
    assert own["bias_vs"][0, 1] > own["bias_vs"][1, 0], "a grounded read leaves the column alone"
    assert alone["bias_vs"][0, 1] == pytest.approx(alone["bias_vs"][0, 0])
    assert alone["bias_vs"][1, 0] == 0.0
    assert (alone["disturbs"] == 0).all(), "a read is within the read limits"


def test_what_several_cells_get_adds_up_and_each_has_its_own_program() -> None:
    program = pulse(np.array([1.0, 2.0]), high_s=1e-6)
    own = booked(HALF, program, [0, 1])
    assert own["disturbs"][0].tolist() == [1, 1, 2, 2]
    assert own["highest_v"][0] == pytest.approx([1.0, 2.0, 1.0, 1.0])
    assert own["highest_v"][1:, 0] == pytest.approx(0.5)
    assert own["highest_v"][1:, 1] == pytest.approx(1.0)


@given(
    st.sampled_from(["V/2", "V/3", "float", "grounded"]),
    st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True),
    st.lists(st.floats(-3.0, 3.0), min_size=12, max_size=12),
)
@settings(max_examples=40, deadline=None)
def test_booking_is_the_sum_over_all_pairs_of_cells(
    name: str, cells: list[int], levels_v: list[float]
) -> None:
    program = pulse(np.array(levels_v[: len(cells)]), high_s=1e-6)
    biasing = Biasing(SCHEMES, name, name)
    _, *places = biasing.disturb(program, LIMITS, 4)
    expected = np.zeros((3, 4))
    for place, cell in enumerate(cells):
        for row in range(3):
            for column in range(4):
                same_row, same_column = row == cell // 4, column == cell % 4
                if same_row and same_column:
                    continue
                one = np.asarray(places[0 if same_row else 1 if same_column else 2])
                expected[row, column] += one[place if len(one) > 1 else 0]["bias_vs"]
    own = booked(biasing, program, cells)
    alone = Ledger(12)
    alone.book(np.array(cells), check_limits(program, LIMITS).stress)
    assert own["bias_vs"] - alone.own["bias_vs"].reshape(3, 4) == pytest.approx(
        expected, abs=1e-18
    )


def test_a_budget_of_disturbs_is_kept_for_cells_that_nobody_selected() -> None:
    ledger, budget = Ledger(12), Budget(disturbs=2)
    cells, stress = np.array([0]), check_limits(WRITE, LIMITS).stress
    disturb = HALF.disturb(WRITE, LIMITS, 4)
    for _ in range(2):
        ledger.refuse_beyond(budget, cells, stress, disturb)
        ledger.book(cells, stress, disturb)
    with pytest.raises(LimitExceeded, match=r"cell 1 .* limits\.budget\.disturbs"):
        ledger.refuse_beyond(budget, cells, stress, disturb)
    ledger.refuse_beyond(budget, np.array([11]), stress, HALF.disturb(read(0.1), LIMITS, 4))


def test_a_scheme_may_not_change_under_voltage() -> None:
    whole = read(0.1) + WRITE
    joined = replace(
        whole, start_v=np.full_like(whole.start_v, 0.1), stop_v=np.full_like(whole.stop_v, 0.1)
    )
    with pytest.raises(LimitExceeded, match="steps by"):
        HALF.disturb(joined, LIMITS, 4)


def test_a_program_may_ask_for_schemes_and_is_told_what_there_is() -> None:
    assert HALF.of(Demands()) == ("V/2", "grounded")
    assert HALF.of(Demands(scheme="V/3", read_scheme="float")) == ("V/3", "float")
    with pytest.raises(NotSupported, match=r"no scheme 'V/4'; there is V/2, V/3"):
        HALF.of(Demands(scheme="V/4"))


@pytest.mark.parametrize("part", [-0.1, 1.5, float("nan")])
def test_a_part_that_is_none_is_refused(part: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Scheme(rows=part)
