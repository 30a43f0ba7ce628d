"""What comes out at the terminals of the virtual 4200A, compared with what programs ask for."""

from collections.abc import Iterator
from typing import Any

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


class Site:
    """A bench on the virtual 4200A with a resistor, its lab, and what both logs have shown."""

    def __init__(self, bench: Bench, lab: VirtualLab) -> None:
        self.bench = bench
        self.played = self.refused = 0
        self._lab = lab
        self._events = self._messages = 0

    def waveforms(self) -> list[dict[str, Any]]:
        """List what has come out since the last look."""
        events = self._lab.ask(f"terminals {self._events}")
        self._events += len(events)
        return [event for event in events if event["kind"] == "waveform"]

    def messages(self) -> list[Any]:
        """List what has gone over the wire since the last look."""
        messages: list[Any] = self._lab.ask(f"bytes {self._messages}")
        self._messages += len(messages)
        return messages


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
def show(site: Site, program: Program) -> None:
    """Play one program, or have it refused; compare what came out with what was asked for."""
    site.waveforms()
    site.messages()
    try:
        site.bench.apply(program)
    except (LimitExceeded, NotSupported):
        assert not site.messages(), "something was sent all the same"
        assert not site.waveforms()
        site.refused += 1
        return
    waveforms = site.waveforms()
    came_out = of_events(waveforms)
    asked = of_program(program)
    assert len(came_out) == len(asked)
    # a ramp that has to be cut is cut at a whole microvolt
    cut_vs = 1e-6 * program.duration_s.max()
    assert came_out == pytest.approx(asked, rel=1e-9, abs=cut_vs)
    for waveform in waveforms:
        assert np.abs([waveform["start_v"], waveform["stop_v"]]).max() <= LIMIT_V
    site.played += 1


def test_the_terminals_show_the_program_pulse_by_pulse_and_never_more_than_the_limit(
    site: Site,
) -> None:
    show(site)
    assert site.played > 500
    assert site.refused > 500
