"""Outputs of virtual instruments: what they put out reaches the cell in its time."""

import numpy as np
import pytest

from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.lines import Lines
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.instruments.lab.source import Source
from hil.virtual import LabPlan

PULSE_S = 1e-6


def lab(wiring: dict[str, str] | None = None, model: str = "resistor", **settings: object) -> Lab:
    wires = {"a": "top", "b": "bottom"} if wiring is None else wiring
    return Lab(LabPlan(instruments={}, wiring=wires, model=model, **settings))  # type: ignore[arg-type]


def pulses(level_v: float, count: int) -> Signal:
    """Rectangles of 1 us, measured at their end, with 1 us between."""
    return Signal.once(
        [PULSE_S, PULSE_S], [level_v, 0.0], [level_v, 0.0], [True, False], repeats=count
    )


def played(place: Lab) -> list[tuple[float, float, float]]:
    """What came out: when, for how long, and the first level."""
    return [
        (event.time_s, event.signal.lasting_s, event.signal.first_v)
        for _, event in place.events.since(0)
        if event.signal is not None
    ]


def test_a_train_is_played_as_far_as_its_time_has_come() -> None:
    place = lab()
    source = Source(place, "a")
    source.switch(True, 0.0)
    source.play(pulses(1.0, 10), 0.0)
    place.advance(6.5e-6)
    assert len(source.taken().current_a) == 3
    place.advance(1.0)
    seen = source.taken()
    assert len(seen.current_a) == 7
    assert seen.current_a == pytest.approx(np.full((7, 1), 1e-4))
    assert source.end_s == -np.inf


def test_what_is_switched_off_half_way_has_done_half_its_work() -> None:
    place = lab()
    source = Source(place, "a")
    source.switch(True, 0.0)
    source.play(pulses(1.0, 10), 0.0)
    source.switch(False, 9e-6)
    place.advance(1.0)
    assert len(source.taken().current_a) == 5
    assert sum(duration_s for _, duration_s, _ in played(place)) == pytest.approx(9e-6)


def test_an_output_that_is_off_plays_nothing_and_reads_nothing() -> None:
    place = lab()
    source = Source(place, "a")
    source.play(pulses(1.0, 2), 0.0)
    place.advance(1.0)
    assert played(place) == []
    assert source.taken().current_a.tolist() == [[0.0], [0.0]]


def test_a_level_acts_on_the_cell_for_as_long_as_it_stands() -> None:
    place = lab()
    source = Source(place, "a")
    source.go_to(0.5, 0.0)
    source.switch(True, 1.0)
    place.advance(3.0)
    source.go_to(0.0, 4.0)
    place.advance(9.0)
    assert sum(duration_s for _, duration_s, v in played(place) if v == 0.5) == pytest.approx(3.0)
    assert [v for *_, v in played(place)].count(0.0) == 0


def test_sources_at_both_ends_are_subtracted() -> None:
    place = lab()
    top, bottom = Source(place, "a"), Source(place, "b")
    for source, level_v in ((top, 0.0), (bottom, 0.3)):
        source.switch(True, 0.0)
        source.go_to(level_v, 0.0)
    top.play(pulses(1.0, 1), 1e-3)
    place.advance(2e-3)
    assert top.taken().current_a == pytest.approx(np.array([[0.7e-4]]))


def test_two_sources_at_one_end_share_it_and_that_is_noted() -> None:
    place = lab({"a": "top", "b": "top"})
    one, other = Source(place, "a", output_ohm=50.0), Source(place, "b", output_ohm=50.0)
    for source in (one, other):
        source.switch(True, 0.0)
    one.play(pulses(1.0, 1), 0.0)
    place.advance(1e-3)
    assert one.taken().current_a == pytest.approx(np.array([[0.5 / 10025]]))
    assert "conflict" in [event.what["kind"] for _, event in place.events.since(0)]


def test_a_contact_that_closes_on_a_standing_level_is_hot_and_acts_at_once() -> None:
    place = lab({"a": "switch.1", "switch.c": "top"})
    place.wiring.add_contacts({"switch.1", "switch.c"})
    source = Source(place, "a")
    source.switch(True, 0.0)
    place.close("switch.1", "switch.c", 0.5)
    source.go_to(0.2, 1.0)
    place.open("switch.1", "switch.c", 2.0)
    kinds = [event.what for _, event in place.events.since(0)]
    hot = [what["voltage_v"] for what in kinds if what["kind"] == "hot switching"]
    assert hot == [-0.2]
    assert [what["closed"] for what in kinds if what["kind"] == "contact"] == [True, False]
    assert sum(duration_s for _, duration_s, _ in played(place)) == pytest.approx(1.0)


def test_at_rest_nothing_is_hot() -> None:
    place = lab({"a": "switch.1", "switch.c": "top"})
    place.wiring.add_contacts({"switch.1", "switch.c"})
    source = Source(place, "a")
    source.switch(True, 0.0)
    source.go_to(5e-3, 0.0)
    place.close("switch.1", "switch.c", 0.5)
    assert "hot switching" not in [event.what["kind"] for _, event in place.events.since(0)]


def test_a_cut_signal_moves_a_cell_exactly_as_a_whole_one() -> None:
    wholes = []
    for stops in ([], [3.3e-6, 7.77e-6, 12.0e-6]):
        place = lab(model="stanford", parameters={}, seed=3)
        source = Source(place, "a")
        source.switch(True, 0.0)
        source.play(pulses(1.3, 10), 0.0)
        for stop_s in stops:
            place.advance(stop_s)
        place.advance(1.0)
        wholes.append((place.state["gap_m"].tolist(), source.taken().current_a.ravel()))
    assert wholes[0][0] == pytest.approx(wholes[1][0], rel=1e-6)
    assert wholes[0][1] == pytest.approx(wholes[1][1], rel=1e-5)


def test_a_board_shares_its_pulse_with_half_selected_cells() -> None:
    place = lab({}, rows=2, columns=2)
    lines = Lines(np.array([1.0, 0.5]), np.array([0.0, np.nan]), np.zeros(2))
    seen = place.play_board("board", pulses(1.0, 2), lines, cell=0, time_s=0.0)
    # the other column floats, half way between the rows
    assert seen.column_a == pytest.approx(np.array([[1.5e-4, 0.0]] * 2), abs=1e-12)
    assert seen.row_a == pytest.approx(np.array([[1.25e-4, 0.25e-4]] * 2))
    assert [event.what["cell"] for _, event in place.events.since(0)] == [0]
