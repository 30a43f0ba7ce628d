"""What is booked for cells that are not selected, against what the virtual array does to them."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hil.config import find_bench
from hil.errors import LimitExceeded, NotSupported
from hil.program import pulse, read
from hil.virtual import VirtualLab
from tests.drivers.arcone.conftest import RESISTORS, Site
from tests.drivers.arcone.watched import SLACK_V, WIRES, Watched, watching

Step = tuple[int, str, float | None]
"""A cell, a scheme, the level of a pulse; a read without one."""


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """Lines without resistance, which is what the shares of a scheme are of."""
    with watching({}) as place:
        yield place


@pytest.fixture(scope="module")
def wired() -> Iterator[Watched]:
    """Lines with wires, in which no bound but the size of a voltage between floating lines holds.

    The far end of the selected row may be lower than a floating column, which others feed: cells
    there see a little of the voltage the other way round.
    """
    with watching(WIRES) as place:
        yield place


def play(place: Watched, steps: list[Step], log_ohm: list[float]) -> None:
    """Play steps on resistors; pulses beyond the read limits are no more than is booked."""
    place.state["resistance_ohm"] = 10 ** np.array(log_ohm)
    place.begin()
    for cell, scheme, level_v in steps:
        program = read(0.4) if level_v is None else pulse(level_v, high_s=1e-6)
        place.bench.apply(program.demanding(scheme=scheme), np.array([cell]))
    booked, seen = place.bench.ledger.own, place.watch
    assert seen.highest_v.any() or seen.lowest_v.any()
    assert (seen.times <= booked["pulses"] + booked["disturbs"]).all()


levels_v = st.floats(0.6, 3.0).flatmap(lambda level_v: st.sampled_from([level_v, -level_v]))
resistances = st.lists(st.floats(2.0, 6.0), min_size=6, max_size=6)


def programs(*schemes: str) -> st.SearchStrategy[list[Step]]:
    """Pulses and reads (None) of some cells."""
    step = st.tuples(st.integers(0, 5), st.sampled_from(schemes), st.one_of(levels_v, st.none()))
    return st.lists(step, min_size=1, max_size=4)


@settings(max_examples=25)
@given(steps=programs("V/2", "V/3", "float"), log_ohm=resistances)
def test_no_cell_sees_more_than_is_booked(
    watched: Watched, steps: list[Step], log_ohm: list[float]
) -> None:
    play(watched, steps, log_ohm)
    booked, seen = watched.bench.ledger.own, watched.watch
    assert (seen.highest_v <= booked["highest_v"] + SLACK_V).all()
    assert (seen.lowest_v >= booked["lowest_v"] - SLACK_V).all()


@settings(max_examples=15)
@example(steps=[(1, "float", -1.0)], log_ohm=[2.0, 2.0, 2.0, 2.0, 4.0, 2.0])
@given(steps=programs("float"), log_ohm=resistances)
def test_floating_lines_bound_it_whatever_the_wires(
    wired: Watched, steps: list[Step], log_ohm: list[float]
) -> None:
    play(wired, steps, log_ohm)
    booked, seen = wired.bench.ledger.own, wired.watch
    most_v = np.maximum(booked["highest_v"], -booked["lowest_v"])
    assert (np.maximum(seen.highest_v, -seen.lowest_v) <= most_v + SLACK_V).all()


def test_the_lines_of_a_scheme_are_those_of_the_board(watched: Watched) -> None:
    for scheme in ("V/2", "V/3"):
        watched.begin()
        watched.bench.apply(pulse(2.4, high_s=1e-6).demanding(scheme=scheme), np.array([1]))
        booked = watched.bench.ledger.own
        assert watched.watch.highest_v == pytest.approx(booked["highest_v"], abs=1e-6)
        assert watched.watch.lowest_v == pytest.approx(booked["lowest_v"], abs=1e-6)
        assert booked["disturbs"].sum() == (3 if scheme == "V/2" else 5)


def test_reads_are_booked_as_grounded(watched: Watched) -> None:
    watched.begin()
    watched.bench.apply(read(0.4), np.array([4]))
    assert watched.watch.highest_v == pytest.approx([0, 0, 0, 0.4, 0.4, 0.4], abs=1e-6)
    assert watched.bench.ledger.own["highest_v"].tolist() == [0, 0, 0, 0.4, 0.4, 0.4]
    assert not watched.bench.ledger.own["disturbs"].any()


# -- before a byte is sent --------------------------------------------------------------------
def test_other_cells_have_limits_and_budgets_too(resistors_lab: VirtualLab) -> None:
    narrow = {"limits.switching.negative_v": "-0.7V", "limits.budget.disturbs": "1"}
    place = Site(resistors_lab, {**RESISTORS, **narrow})
    with place.bench as bench:
        bench.apply(pulse(1.8, high_s=1e-6), np.array([0]))
        place.forget()
        with pytest.raises(LimitExceeded, match="negative_v"):
            bench.apply(pulse(2.4, high_s=1e-6), np.array([0]))  # -0.8 V for cells elsewhere
        with pytest.raises(LimitExceeded, match="disturbs"):
            bench.apply(pulse(1.8, high_s=1e-6), np.array([0]))
        assert place.sent() == []


@pytest.mark.parametrize(
    ("scheme", "read_scheme", "why"),
    [
        ("grounded", None, "does not pulse with lines grounded"),
        ("V/2", "V/2", "reads under grounded, not V/2"),
        ("float", "grounded", "reads under float, not grounded"),
        (None, "float", "pulses under V/3 reads under grounded"),
        ("V/4", None, "no scheme 'V/4'"),
    ],
)
def test_schemes_that_a_board_does_not_have_are_refused(
    resistors: Site, scheme: str | None, read_scheme: str | None, why: str
) -> None:
    with pytest.raises(NotSupported, match=why):
        resistors.bench.check(read(0.1).demanding(scheme=scheme, read_scheme=read_scheme))


def test_schemes_of_reads_that_follow_may_be_asked_for(resistors: Site) -> None:
    resistors.bench.check(read(0.1).demanding(read_scheme="grounded"))
    resistors.bench.check(read(0.1).demanding(scheme="float", read_scheme="float"))


def test_what_other_cells_have_is_said_before(resistors: Site) -> None:
    point = pulse(1.0, high_s=1e-6) + read(0.2)
    notes = {
        scheme: " ".join(resistors.bench.check(point.demanding(scheme=scheme)).notes)
        for scheme in ("V/2", "V/3", "float")
    }
    assert "half of each pulse, booked" in notes["V/2"]
    assert "a third of each pulse" in notes["V/3"]
    assert "up to the whole" in notes["float"]
    assert "reads take in" in notes["float"]
    assert "reads take in" not in notes["V/2"]
    (others,) = [a.text for a in resistors.bench.assurances() if a.what == "other cells"]
    assert (
        others
        == "lines at V/3 in pulses, grounded in reads; booked as if no line had a resistance"
    )
    floating = find_bench("arcone", {**RESISTORS, "array.scheme": "float"}).build(1, resistors.lab)
    (others,) = [a.text for a in floating.assurances() if a.what == "other cells"]
    assert "up to the whole voltage is booked" in others
