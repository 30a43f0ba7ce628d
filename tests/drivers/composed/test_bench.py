"""The bench of single boxes: the contract, what reaches the cell, and how the path changes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from hil.bench import Bench
from hil.drivers.roles import SourceSettings
from hil.errors import InstrumentError, NotSupported
from hil.program import hold, pulse, read, staircase, wait
from hil.testing import BenchContract
from tests.drivers.composed.conftest import BENCHES, RESISTOR_OHM, Site, named, opened

A_READ = read(0.1, settle_s=1e-3, aperture_s=1e-3)


class TestContract(BenchContract):
    resistance_ohm = RESISTOR_OHM
    tolerance = 1e-3

    @pytest.fixture
    def bench(self, site: Site) -> Iterator[Bench]:
        site.bench.close()
        with site.named.build(1, site.lab, forming=True) as bench:
            yield bench
        site.bench.open()


class Piece(NamedTuple):
    """A segment that reached the cell: how often, how long, from where to where."""

    repeats: int
    duration_s: float
    start_v: float
    stop_v: float


def pieces(events: list[dict[str, Any]]) -> list[Piece]:
    """What came out and reached the cell."""
    return [
        Piece(repeats, *segment)
        for event in events
        if event["kind"] == "waveform" and event["terminal"] == "top"
        for first, last, repeats in event["units"]
        for segment in zip(
            event["duration_s"][first:last], event["start_v"][first:last],
            event["stop_v"][first:last], strict=True,
        )
    ]  # fmt: skip


def largest_v(events: list[dict[str, Any]]) -> float:
    """The largest voltage that the cell has seen (V)."""
    return max((max(abs(p.start_v), abs(p.stop_v)) for p in pieces(events)), default=0.0)


def stood_s(events: list[dict[str, Any]], level_v: float) -> float:
    """How long a level has stood at the cell (s)."""
    return sum(
        p.repeats * p.duration_s
        for p in pieces(events)
        if p.start_v == p.stop_v == pytest.approx(level_v, rel=1e-3)
    )


@pytest.mark.parametrize("level_v", [1.2, -1.2, 0.3, -0.25])
def test_a_pulse_reaches_the_cell_as_programmed(switched: Site, level_v: float) -> None:
    begin = len(switched.since())
    program = pulse(level_v, high_s=500e-9, edge_s=100e-9) * 3
    switched.bench.apply(program + wait(1e-3) + A_READ)
    assert stood_s(switched.since(begin), level_v) == pytest.approx(3 * 500e-9, rel=1e-3)


def test_the_cell_never_sees_more_than_the_programmed_voltage(switched: Site) -> None:
    begin = len(switched.since())
    for level_v in (1.0, -1.5, 1.79):
        switched.bench.apply(pulse(level_v, high_s=1e-6))
        assert largest_v(switched.since(begin)) <= abs(level_v) * 1.01
        begin = len(switched.since())


def test_no_contact_moves_under_voltage_and_the_cell_is_grounded_between(switched: Site) -> None:
    begin = len(switched.since())
    switched.bench.apply((pulse(1.2, high_s=1e-6) + A_READ) * 3)
    events = switched.since(begin)
    assert [event for event in events if event["kind"] in ("hot switching", "conflict")] == []
    closed: set[str] = set()
    paths = []
    for event in events:
        if event["kind"] == "contact":
            (closed.add if event["closed"] else closed.discard)(event["source"] + event["to"])
            assert len(closed) <= 1
            paths += sorted(closed)
    assert len(paths) == 12
    assert len(set(paths[::2])) == 1


def test_a_program_that_insists_on_its_timing_is_refused(switched: Site) -> None:
    begin = len(switched.since())
    program = pulse(1.0, high_s=1e-6) + wait(100e-6) + A_READ
    with pytest.raises(NotSupported, match="cannot guarantee timing"):
        switched.bench.apply(program.demanding(exact_timing=True))
    assert switched.since(begin) == []


def test_times_are_those_at_which_it_was_measured(site: Site) -> None:
    before_s = site.bench.clock.now_s()
    readings = site.bench.apply(A_READ + wait(0.5) + A_READ)
    first_s, second_s = readings.time_s[:, 0] - before_s
    assert 0 < first_s < 0.5
    assert second_s - first_s >= 0.5


def test_a_staircase_measures_the_resistor_and_keeps_its_compliance(site: Site) -> None:
    levels_v = [0.1, 0.5, 1.0, 1.5, -0.5, -1.5, 0.0]
    program = staircase(levels_v, dwell_s=10e-3, aperture_s=5e-3)
    readings = site.bench.apply(program.demanding(regulated=True, current_limit_a=100e-6))
    current_a = readings.current_a[:, 0]
    within = np.abs(levels_v) <= 0.99
    assert current_a[within] == pytest.approx(np.array(levels_v)[within] / RESISTOR_OHM, rel=2e-3)
    assert np.abs(current_a[~within]) == pytest.approx(np.full((~within).sum(), 1e-4), rel=2e-2)
    assert readings.limited[~within, 0].sum() >= 2
    assert not readings.limited[np.abs(levels_v) <= 0.9, 0].any()


def test_the_source_itself_ends_a_sweep_at_its_limit(site: Site) -> None:
    levels_v = np.arange(1, 19) / 10
    program = staircase(levels_v.tolist(), dwell_s=10e-3, aperture_s=5e-3)
    begin = len(site.since())
    readings = site.bench.apply(
        program.demanding(regulated=True, current_limit_a=50e-6, stop_at_limit=True)
    )
    known = np.isfinite(readings.current_a[:, 0])
    assert known.tolist() == sorted(known.tolist(), reverse=True)
    assert 4 <= known.sum() <= 7
    assert readings.limited[known.sum() - 1, 0]
    assert 0.5 <= largest_v(site.since(begin)) <= 0.8


@pytest.mark.parametrize("site", ["2600B alone", "2450 alone"], indirect=True)
def test_slow_pulses_need_no_generator(site: Site) -> None:
    begin = len(site.since())
    readings = site.bench.apply(pulse(-1.0, high_s=20e-3) + wait(1e-3) + A_READ)
    assert readings.current_a[:, 0] == pytest.approx([0.1 / RESISTOR_OHM], rel=2e-3)
    assert stood_s(site.since(begin), -1.0) == pytest.approx(20e-3, rel=0.25)
    with pytest.raises(NotSupported, match="add a pulse generator"):
        site.bench.apply(pulse(-1.0, high_s=1e-6))


def test_outputs_are_off_and_contacts_open_when_it_is_closed() -> None:
    with opened(named("2400, 33500B, relay box")) as site:
        site.bench.apply(pulse(1.0, high_s=1e-6) + A_READ)
        site.bench.close()
        on: dict[str, bool] = {}
        closed: set[str] = set()
        for event in site.since():
            if event["kind"] == "output":
                on[event["source"]] = event["on"]
            if event["kind"] == "contact":
                (closed.add if event["closed"] else closed.discard)(event["source"])
        assert on == {"smu": False, "generator.1": False}
        assert closed == set()


def test_a_bench_on_a_line_of_50_hz_has_a_counterpart_on_one() -> None:
    with opened(named("2600B alone", {"smu.line_hz": "50"})) as site:
        current_a = site.bench.apply(A_READ).current_a[:, 0]
    assert current_a == pytest.approx([0.1 / RESISTOR_OHM], rel=2e-3)


@pytest.mark.parametrize("box", ["smu", "generator", "switch"])
def test_a_connection_that_is_cut_leaves_everything_off(box: str) -> None:
    with opened(named("2450, 81160A, 707B")) as site:
        program = pulse(1.0, high_s=1e-6) + A_READ
        site.bench.apply(program)
        site.lab.ask(f"fault disconnect {box}")
        with pytest.raises(InstrumentError):
            site.bench.apply(pulse(-1.0, high_s=1e-6) + A_READ + hold(0.15, 20e-3))
        states: dict[str, bool] = {}
        for event in site.since():
            if event["kind"] in ("output", "contact"):
                states[event["source"]] = event["on" if event["kind"] == "output" else "closed"]
        assert len(states) == 5
        assert not any(states.values())


@pytest.mark.parametrize("what", list(BENCHES)[:3])
def test_the_guard_opens_contacts_when_the_sources_are_off(what: str) -> None:
    *sources, switch = named(what).file.build("lab", 1).safe_messages()
    off_s = max(source.pause_s * (len(source.messages) - 1) for source in sources)
    assert 2 * off_s <= switch.pause_s * (len(switch.messages) - 1) <= 0.5


@pytest.mark.parametrize(("box", "missing"), [("generator", "smu"), ("smu", "generator")])
def test_what_others_left_on_goes_off_where_a_box_is_missing(
    switched: Site, box: str, missing: str
) -> None:
    switched.bench.close()
    file: Any = switched.named.file
    left = getattr(file, box).connect(switched.lab.addresses[box], switched.lab.clock())
    if box == "smu":
        left.prepare(SourceSettings(0.5, 100e-6, 100e-6, 1e-3))
    left.output(on=True)
    left.close()
    switched.lab.ask(f"fault disconnect {missing}")
    with pytest.raises(InstrumentError):
        switched.bench.open()
    assert [e["on"] for e in switched.since() if e["kind"] == "output"][-1] is False
    switched.bench.open()


def test_limits_that_change_move_the_fence_of_the_generator() -> None:
    with opened(named("2450, 81160A, 707B")) as site:
        bench = site.bench
        for most_v in (1.0, 2.4):
            switching = msgspec.structs.replace(bench.limits.switching, positive_v=most_v)
            bench.limits = msgspec.structs.replace(bench.limits, switching=switching)
            bench.apply(pulse(most_v, high_s=1e-6))
        told = " ".join(text for *_, box, _, text in site.lab.ask("bytes 0") if box == "generator")
    assert ":VOLT1:LIM:HIGH 1;" in told
    assert ":VOLT1:LIM:HIGH 2.4;" in told
