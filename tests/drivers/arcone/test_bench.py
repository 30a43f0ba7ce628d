"""The bench on the virtual ArC ONE: the contract, and what only this bench does."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hil.bench import Bench
from hil.config import shipped_benches
from hil.drivers.arcone.bench import NOT_MEASURED
from hil.errors import LimitExceeded, NotSupported
from hil.program import Program, hold, pulse, ramp, read, staircase, wait
from hil.testing import BenchContract
from hil.virtual import VirtualLab
from tests.drivers.arcone.conftest import RESISTORS, Site, plan_of

Make = Callable[..., Site]
SHIPPED = shipped_benches()["arcone"].read_text(encoding="utf-8")
POINT = pulse(1.0, high_s=1e-3) + read(0.2)


class TestContract(BenchContract):
    resistance_ohm = 10e3
    tolerance = 1e-6  # a float32

    @pytest.fixture
    def bench(self, resistors: Site) -> Bench:
        return resistors.bench


def jobs(place: Site) -> list[str]:
    """What the board was told, without fillers and the closing version check."""
    tokens = [token for token in place.sent() if token != "000"]
    return tokens[:-1] if tokens[-1] == "999" else tokens


# -- what it plays ----------------------------------------------------------------------------
def test_a_pulse_comes_out_as_it_was_asked_for(resistors: Site) -> None:
    resistors.forget()
    resistors.bench.apply(pulse(1.25, high_s=500e-9), np.array([5]))
    (played,) = resistors.waveforms()
    assert played["cell"] == 5
    assert max(played["stop_v"]) == 1.25
    assert played["start_v"][0] == played["stop_v"][-1] == 0
    at_half_s = sum(played["duration_s"]) - played["duration_s"][0]
    assert at_half_s == pytest.approx(500e-9, rel=1e-9)
    assert jobs(resistors) == ["02", "2", "3", "04", "1.25", "0.0000005"]


def test_a_negative_pulse_too(resistors: Site) -> None:
    resistors.forget()
    resistors.bench.apply(pulse(-2.5, high_s=1e-3), np.array([0]))
    (played,) = resistors.waveforms()
    assert min(played["stop_v"]) == -2.5
    assert max(played["stop_v"]) == 0


def test_a_pulse_with_its_read_is_one_job(resistors: Site) -> None:
    resistors.bench.apply(read(0.3), np.array([0]))
    resistors.forget()
    readings = resistors.bench.apply(pulse(1.0, high_s=1e-6) + read(0.2), np.array([1]))
    assert jobs(resistors) == ["01", "2", "0.2", "3", "1", "2", "1.0", "0.000001"]
    assert readings.conductance_s == pytest.approx(1e-4, rel=1e-6)
    assert [max(w["stop_v"]) for w in resistors.waveforms()] == [1.0, 0.2]


def test_a_cell_is_selected_once_for_many_pulses(resistors: Site) -> None:
    resistors.forget()
    resistors.bench.apply((pulse(1.0, high_s=1e-6) + wait(1e-3)) * 5, np.array([1]))
    assert jobs(resistors) == ["02", "1", "2", *["04", "1.0", "0.000001"] * 5]
    times_s = [played["time_s"] for played in resistors.waveforms()]
    assert (np.diff(times_s) >= 1e-3).all()


def test_a_read_voltage_is_set_once(resistors: Site) -> None:
    program = read(0.2, count=3) + read(-0.2) + read(-0.2)
    resistors.forget()
    readings = resistors.bench.apply(program, np.array([0]))
    told = jobs(resistors)
    assert told.count("01") == 2
    assert told.count("1") == 5 + 5 * 2  # the job, its word and its bit
    assert readings.conductance_s == pytest.approx(1e-4, rel=1e-6)
    assert (readings.current_a[3:] < 0).all()


def test_cells_are_played_one_after_the_other(resistors: Site) -> None:
    readings = resistors.bench.apply(pulse(1.0, high_s=1e-3) + read(0.1))
    assert (np.diff(readings.time_s[0]) > 1e-3).all()


def test_pauses_and_slow_pulses_last_as_long_as_the_program_says(resistors: Site) -> None:
    program = wait(0.5) + pulse(0.5, high_s=0.2) + wait(0.3) + read(0.1, settle_s=0.4)
    begin_s = resistors.bench.clock.now_s()
    readings = resistors.bench.apply(program, np.array([0]))
    assert readings.time_s[0, 0] - begin_s == pytest.approx(1.0, rel=0.1)
    assert resistors.bench.clock.now_s() - begin_s == pytest.approx(1.4, rel=0.1)


def test_each_cell_may_have_a_column_of_its_own(resistors: Site) -> None:
    levels_v = np.array([1.0, 0.0, -1.0])
    resistors.forget()
    resistors.bench.apply(pulse(levels_v, high_s=1e-6), np.array([0, 1, 2]))
    played = resistors.waveforms()
    assert [(w["cell"], max(w["stop_v"], key=abs)) for w in played] == [(0, 1.0), (2, -1.0)]


def test_a_read_at_0_v_is_said_not_to_be_measured(resistors: Site) -> None:
    program = read(0.2, zero=True) + read(0.0, count=2)
    cost = resistors.bench.check(program)
    assert any("reads at 0 V are not played" in note for note in cost.notes)
    readings = resistors.bench.apply(program, np.array([0]))
    assert readings.status[:, 0].tolist() == [NOT_MEASURED, 0, NOT_MEASURED, NOT_MEASURED]
    assert readings.conductance_s[0, 0] == pytest.approx(1e-4, rel=1e-6)
    assert np.isnan(readings.conductance_s[1, 0])


def test_hil_check_looks_at_it(hil: Callable[..., Any]) -> None:
    small = SHIPPED.replace("rows = 32", "rows = 1").replace("columns = 32", "columns = 2")
    Path("lab.toml").write_text(small, encoding="utf-8")
    told = hil("check", "lab.toml", "--virtual")
    assert told.code == 0, told.err
    assert "says     ArC ONE, firmware 3.0" in told.out
    assert "lab is at 0 V and off" in told.out


def test_the_scheme_is_the_programs_or_the_files(resistors: Site) -> None:
    resistors.forget()
    point = pulse(1.0, high_s=1e-6)
    for scheme in (None, "V/2", "V/2", "float", None):
        resistors.bench.apply(point.demanding(scheme=scheme), np.array([0]))
    tokens = jobs(resistors)
    starts = [tokens[k + 1 : k + 8] for k, token in enumerate(tokens) if token == "0"]
    assert [start[5] for start in starts if start[:3] == ["50", "2", "3"]] == ["1", "256", "0"]
    half = resistors.bench.check(point.demanding(scheme="V/2")).notes
    assert any("see half of each pulse" in note for note in half)


def test_a_series_resistor_is_taken_off_and_limits(resistors_lab: VirtualLab) -> None:
    place = Site(resistors_lab, {**RESISTORS, "array.series_ohm": "1kohm"})
    assert place.bench.capabilities.current_limit == "series"
    with place.bench as bench:
        readings = bench.apply(read(0.1), np.array([0]))
        assert readings.current_a[0, 0] == pytest.approx(10e-6, rel=1e-6)
        assert readings.voltage_v[0, 0] == pytest.approx(0.09, rel=1e-6)
        with pytest.raises(LimitExceeded, match="in series"):
            bench.apply(pulse(1.0, high_s=1e-6).demanding(current_limit_a=0.5e-3))


# -- before a byte is sent --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("program", "error", "why"),
    [
        (pulse(3.1, high_s=1e-6), LimitExceeded, "positive_v"),
        (staircase([0.1, 0.2], dwell_s=1e-3, aperture_s=1e-3), NotSupported, "another shape"),
        (ramp(1.0, rise_s=1e-3), NotSupported, "another shape"),
        (pulse(1.0, high_s=1e-6, edge_s=2e-6), NotSupported, "more edge than top"),
        (pulse(1.0, high_s=10e-9, edge_s=5e-9), NotSupported, "lasts 100 ns to 10 s"),
        (pulse(1.0, high_s=1e-6, measured=True), NotSupported, "does not measure while"),
        (hold(0.1, 1e-3), NotSupported, "does not measure while"),
        (read(0.1).demanding(regulated=True), NotSupported, "cannot hold a current limit"),
        (read(0.1).demanding(current_limit_a=1e-6), NotSupported, "cannot limit a current"),
        (read(0.1).demanding(stop_at_limit=True), NotSupported, "cannot stop"),
        (read(0.1).demanding(exact_timing=True), NotSupported, "timing"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_it_cannot_play_is_refused_and_nothing_is_sent(
    resistors: Site, program: Program, error: type[Exception], why: str
) -> None:
    resistors.forget()
    with pytest.raises(error, match=why):
        resistors.bench.apply(program)
    assert resistors.sent() == []


def test_it_reaches_12_v(resistors_lab: VirtualLab) -> None:
    wide = {
        "limits.switching.positive_v": "15V", "limits.switching.negative_v": "-5V",
        "limits.switching.current_a": "1A",
    }  # fmt: skip
    with Site(resistors_lab, {**RESISTORS, **wide}).bench as bench:
        bench.apply(pulse(12.0, high_s=1e-6), np.array([0]))
        with pytest.raises(NotSupported, match=r"12\.0 V"):
            bench.check(pulse(12.01, high_s=1e-6))


def test_the_announced_time_is_about_the_time_it_takes(resistors: Site) -> None:
    program = (pulse(1.0, high_s=1e-3) + read(0.2)) * 10
    resistors.bench.apply(program)
    before_s = resistors.bench.clock.now_s()
    cost = resistors.bench.check(program)
    resistors.bench.apply(program)
    assert cost.duration_s == pytest.approx(resistors.bench.clock.now_s() - before_s, rel=0.3)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")
def test_it_works_on_a_serial_line() -> None:
    plan = plan_of(RESISTORS, {})
    board = msgspec.structs.replace(plan.instruments["arcone"], transport="pty")
    with VirtualLab.start(msgspec.structs.replace(plan, instruments={"arcone": board})) as lab:
        place = Site(lab, RESISTORS)
        with place.bench as bench:
            readings = bench.apply(POINT)
            assert bench.safe_messages()[0].address.startswith("ASRL")
        assert readings.conductance_s == pytest.approx(1e-4, rel=1e-6)


def test_a_device_switches(site: Make) -> None:
    place = site({"array.rows": "1", "array.columns": "2", "virtual.ideal": "true"})
    look = read(0.1)
    before = place.bench.apply(look).conductance_s[0]
    place.bench.apply(pulse(2.0, high_s=1e-3), np.array([1]))
    after = place.bench.apply(look).conductance_s[0]
    assert after[1] != pytest.approx(before[1], rel=0.2)
    assert after[0] == pytest.approx(before[0], rel=0.2)
