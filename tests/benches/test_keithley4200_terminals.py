"""What comes out at the terminals of the virtual 4200A, compared with what programs ask for."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.bench import Bench
from hil.config import find_bench
from hil.errors import LimitExceeded, NotSupported
from hil.program import Program, hold, pulse, ramp, read, staircase, wait
from hil.virtual import VirtualLab

LIMIT_V = 1.8
READ_LIMIT_V = 0.2
WIDTH_LIMIT_S = 0.5


class Site(NamedTuple):
    """A bench on the virtual 4200A with a resistor, and its lab."""

    bench: Bench
    lab: VirtualLab


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    overrides = {
        "virtual.model": "resistor",
        "virtual.parameters.resistance_ohm": "10000.0",
        "virtual.ideal": "true",
        "limits.switching.width_s": "0.5s",
    }
    named = find_bench("keithley4200", overrides)
    with VirtualLab.start(named.file.counterpart(1)) as lab, named.build(1, lab) as bench:
        yield Site(bench, lab)


def numbers_of(lab: VirtualLab) -> tuple[int, int]:
    """Count the entries of the terminal log and of the byte log so far."""
    events, messages = lab.ask("terminals 0"), lab.ask("bytes 0")
    return (events[-1]["n"] + 1 if events else 0), (messages[-1][0] + 1 if messages else 0)


def played(segments: Any, units: Any) -> Iterator[tuple[float, float, float]]:
    """Yield duration, start and stop voltage of the segments as they are played."""
    rows = list(zip(*segments, strict=True))
    for first, last, repeats in units:
        for _ in range(repeats):
            yield from rows[first:last]


def excursions(segments: Iterator[tuple[float, float, float]]) -> list[float]:
    """Integrate the voltage over each time away from 0 V (V s)."""
    found: list[float] = []
    away = False
    for duration_s, start_v, stop_v in segments:
        if start_v == stop_v == 0:
            away = False
            continue
        if not away or start_v == 0:
            found.append(0.0)
        away = True
        found[-1] += duration_s * (start_v + stop_v) / 2
    return found


def of_program(program: Program) -> list[float]:
    columns = (program.duration_s[:, 0], program.start_v[:, 0], program.stop_v[:, 0])
    return excursions(played([column.tolist() for column in columns], program.units.tolist()))


def of_events(events: list[dict[str, Any]]) -> list[float]:
    found = []
    for event in events:
        if event["kind"] == "waveform":
            assert not event["aborted"]
            assert event["source"] == "PMU1-1"
            columns = [event[name] for name in ("duration_s", "start_v", "stop_v")]
            found += excursions(played(columns, event["units"]))
    return found


millivolts = st.integers(-2200, 2200).map(lambda level: level / 1000)
read_v = st.integers(-250, 250).map(lambda level: level / 1000)
tens_of_ns = st.integers(2, 2000).map(lambda count: round(count * 10e-9, 8))

parts = st.one_of(
    st.builds(
        lambda v, high, edge, measured: pulse(v, high_s=high, edge_s=edge, measured=measured),
        millivolts, tens_of_ns, tens_of_ns, st.booleans(),
    ),
    st.builds(lambda v, count: read(v, count=count), read_v, st.integers(1, 3)),
    st.builds(wait, st.sampled_from([20e-9, 1e-6, 1e-3, 0.7, 2.5])),
    st.builds(lambda v, looks: hold(v, 4e-3, looks=looks), millivolts, st.integers(0, 4)),
    st.builds(lambda v, rise: ramp(v, rise_s=rise), millivolts, tens_of_ns),
    st.builds(
        lambda levels: staircase(levels, dwell_s=1e-5, aperture_s=1e-5),
        st.lists(millivolts, min_size=1, max_size=5),
    ),
)  # fmt: skip


@st.composite
def programs(draw: st.DrawFn) -> Program:
    whole: Program = draw(parts) * draw(st.integers(1, 3))
    for part in draw(st.lists(parts, max_size=4)):
        whole = whole + part * draw(st.integers(1, 3))
    return whole


@settings(max_examples=2000, suppress_health_check=list(HealthCheck))
@given(programs())
def test_the_terminals_show_the_program_pulse_by_pulse_and_never_more_than_the_limit(
    site: Site, program: Program
) -> None:
    events, sent = numbers_of_cached(site)
    try:
        site.bench.apply(program)
    except (LimitExceeded, NotSupported):
        assert not site.lab.ask(f"bytes {sent}"), "something was sent all the same"
        return
    new = site.lab.ask(f"terminals {events}")
    came_out = of_events(new)
    asked = of_program(program)
    assert len(came_out) == len(asked)
    # a ramp that has to be cut is cut at a whole microvolt
    cut_vs = 1e-6 * program.duration_s.max()
    assert came_out == pytest.approx(asked, rel=1e-9, abs=cut_vs)
    for event in new:
        if event["kind"] == "waveform":
            extremes = np.abs([event["start_v"], event["stop_v"]])
            assert extremes.max() <= LIMIT_V
    remember(site, new)


_numbers: dict[int, tuple[int, int]] = {}


def numbers_of_cached(site: Site) -> tuple[int, int]:
    """Tell where both logs end, without fetching them whole each time."""
    events, sent = _numbers.get(id(site), (0, 0))
    newest = site.lab.ask(f"terminals {events}")
    remember(site, newest)
    messages = site.lab.ask(f"bytes {sent}")
    sent = messages[-1][0] + 1 if messages else sent
    _numbers[id(site)] = (_numbers.get(id(site), (0, 0))[0], sent)
    return _numbers[id(site)]


def remember(site: Site, events: list[dict[str, Any]]) -> None:
    if events:
        sent = _numbers.get(id(site), (0, 0))[1]
        _numbers[id(site)] = (events[-1]["n"] + 1, sent)


@pytest.mark.parametrize(
    "program",
    [
        pulse(1.801, high_s=1e-6),
        pulse(-1.9, high_s=1e-6),
        read(0.201),
        pulse(1.5, high_s=0.6),
        pulse(1.5, high_s=1e-6).forming(),
        pulse(1.5, high_s=1e-6).demanding(current_limit_a=1.0),
    ],
    ids=["high", "low", "read", "long", "forming", "current"],
)
def test_beyond_a_limit_not_one_byte_is_sent(site: Site, program: Program) -> None:
    site.bench.apply(read(0.1))
    _, before = numbers_of(site.lab)
    with pytest.raises(LimitExceeded):
        site.bench.apply(program)
    assert numbers_of(site.lab)[1] == before


def test_a_pulse_has_its_flat_top_its_edges_and_its_open_circuit_voltage(site: Site) -> None:
    events, _ = numbers_of(site.lab)
    readings = site.bench.apply(pulse(1.5, high_s=500e-9, edge_s=100e-9, measured=True))
    waveforms = [e for e in site.lab.ask(f"terminals {events}") if e["kind"] == "waveform"]
    (waveform,) = waveforms
    assert waveform["start_v"] == [0.0, *waveform["stop_v"][:-1]]
    (top,) = [
        k for k in range(len(waveform["start_v"])) if waveform["stop_v"][k] == 1.5
        and waveform["start_v"][k] == 0.0
    ]  # fmt: skip
    assert waveform["duration_s"][top] == pytest.approx(100e-9)
    flat = [
        duration
        for duration, start, stop in zip(
            waveform["duration_s"], waveform["start_v"], waveform["stop_v"], strict=True
        )
        if start == stop == 1.5
    ]
    assert sum(flat) == pytest.approx(500e-9)
    # 50 ohm before 10 kohm: the cell has less than the source
    assert readings.source_v[0, 0] == 1.5
    assert readings.voltage_v[0, 0] == pytest.approx(1.5 * 10_000 / 10_050, abs=2e-4)
