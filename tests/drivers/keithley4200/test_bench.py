"""The bench on the virtual 4200A: the contract, and what only this bench does."""

import socket
from collections.abc import Callable
from functools import partial

import msgspec
import numpy as np
import pytest

from hil.bench import Bench
from hil.config import find_bench
from hil.drivers.keithley4200.grammar import Values
from hil.drivers.keithley4200.instrument import Keithley4200A
from hil.drivers.keithley4200.pulses import RANGES_A
from hil.drivers.session import Session
from hil.errors import InstrumentError, LimitExceeded, NotSupported
from hil.program import Program, hold, pulse, read, staircase, wait
from hil.testing.bench_contract import BenchContract
from tests.drivers.keithley4200.conftest import IDEAL, RESISTOR, Site

Make = Callable[..., Site]


class TestContract(BenchContract):
    resistance_ohm = 10e3
    tolerance = 2e-3  # the resolution of 10 uA in the range 100 uA, and of 0.1 V in 10 V

    @pytest.fixture
    def bench(self, resistor: Site) -> Bench:
        return resistor.bench


def point(level_v: float) -> Program:
    return pulse(level_v, high_s=500e-9) + wait(100e-6) + read(0.1)


# -- before a byte is sent --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("program", "error"),
    [
        (pulse(1.801, high_s=1e-6), LimitExceeded),
        (read(-0.201), LimitExceeded),
        (pulse(1.0, high_s=1e-6).demanding(current_limit_a=1e-3), LimitExceeded),
        (hold(1.0, 11.0), LimitExceeded),
        (pulse(1.0, high_s=1e-6).forming(), LimitExceeded),
        (pulse(1.0, high_s=1e-6).demanding(stop_at_limit=True), NotSupported),
        (pulse(1.0, high_s=1e-6).demanding(regulated=True), NotSupported),
        (hold(0.1, 30.0 + 1e-9), NotSupported),
        (pulse(1.0, high_s=10e-9), NotSupported),
    ],
    ids=[
        "voltage",
        "read",
        "current",
        "width",
        "forming",
        "stop",
        "no staircase",
        "resolution",
        "short",
    ],
)
def test_what_is_refused_sends_not_one_byte(
    resistor: Site, program: Program, error: type[Exception]
) -> None:
    before = resistor.bytes_so_far()
    booked = resistor.bench.ledger.own.copy()
    with pytest.raises(error):
        resistor.bench.apply(program)
    assert resistor.bytes_so_far() == before
    assert (resistor.bench.ledger.own == booked).all()


def test_a_check_sends_not_one_byte(resistor: Site) -> None:
    before = resistor.bytes_so_far()
    resistor.bench.check(point(1.0))
    resistor.bench.check(
        staircase([0.1], dwell_s=1e-3, aperture_s=20e-3).demanding(regulated=True)
    )
    assert resistor.bytes_so_far() == before


# -- pulses -----------------------------------------------------------------------------------
def test_a_pulse_comes_out_as_programmed(resistor: Site) -> None:
    resistor.bench.apply(point(1.5))
    (played,) = resistor.terminals("waveform")
    assert played["source"] == "PMU1-1"
    assert played["terminal"] == "top"
    assert not played["aborted"]
    corners = np.concatenate(([0.0], np.cumsum(played["duration_s"])))
    levels = [0.0, *played["stop_v"]]
    program = point(1.5)
    wanted_s = np.concatenate(([0.0], program.duration_s[:, 0].cumsum()))
    wanted_v = np.concatenate(([0.0], program.stop_v[:, 0]))
    assert np.interp(wanted_s, corners, levels) == pytest.approx(wanted_v, abs=1e-5)


def test_a_reading_is_timed_at_the_end_of_its_window(resistor: Site) -> None:
    program = pulse(0.5, high_s=1e-3, measured=True) + read(0.1, count=3) * 4
    begin_s = resistor.bench.clock.now_s()
    readings = resistor.bench.apply(program)
    assert readings.time_s - begin_s == pytest.approx(program.timeline.time_s, rel=1e-9)


def test_a_resistor_reads_as_one_in_pulses_and_reads(resistor: Site) -> None:
    readings = resistor.bench.apply(
        pulse(0.9, high_s=20e-6, measured=True) + read(0.2, zero=True) + read(-0.2)
    )
    ohms = readings.voltage_v[[0, 2, 3]] / readings.current_a[[0, 2, 3]]
    assert ohms == pytest.approx(10e3, rel=2e-3)
    assert not readings.limited.any()
    assert readings.source_v[:, 0].tolist() == [0.9, 0.0, 0.2, -0.2]


@pytest.mark.parametrize("limit_a", [100e-9, 150e-9, 1e-6, 9e-6, 11e-6, 100e-6])
def test_the_smallest_range_that_holds_the_limit_is_taken(resistor: Site, limit_a: float) -> None:
    program = read(0.1).demanding(current_limit_a=limit_a)
    resistor.bench.apply(program)
    (told,) = [text for text in resistor.sent() if ":MEASURE:RANGE" in text]
    channel, kind, range_a = told.removeprefix(":PMU:MEASURE:RANGE ").split(",")
    assert (channel, kind) == ("1", "2")
    wanted = min(range_a for range_a in RANGES_A if range_a >= limit_a * (1 - 1e-9))
    assert float(range_a) == wanted


def test_currents_beyond_the_range_are_flagged_and_announced(resistor: Site) -> None:
    program = read(0.2).demanding(current_limit_a=5e-6)  # 20 uA in the range 10 uA
    readings = resistor.bench.apply(program)
    assert readings.limited.all()
    assert (readings.status & 0xC00).all()
    notes = resistor.bench.check(pulse(1.0, high_s=1e-6).demanding(current_limit_a=5e-6)).notes
    (note,) = notes
    assert note.startswith("range 10 uA: write currents above it are not measured")
    assert note.endswith("50 ohm holds them, to 20 mA into a short")


def test_a_current_above_the_limit_but_in_the_range_is_watched(resistor: Site) -> None:
    below, above = 18e-6, 22e-6
    for limit_a, limited in ((below, True), (above, False)):
        readings = resistor.bench.apply(read(0.2).demanding(current_limit_a=limit_a))
        assert readings.limited.all() == limited


def test_long_waits_are_timed_by_the_clock_of_the_bench(resistor: Site) -> None:
    program = read(0.1) + wait(60.0) + read(0.1) + wait(5.0)
    begin_s = resistor.bench.clock.now_s()
    readings = resistor.bench.apply(program)
    first_s, second_s = readings.time_s[:, 0]
    assert second_s - first_s == pytest.approx(60.0, abs=0.01)
    assert resistor.bench.clock.now_s() - begin_s >= 65.0
    starts = [played["time_s"] for played in resistor.terminals("waveform")]
    assert np.diff(starts) == pytest.approx(60.0, abs=0.01)
    assert resistor.bench.check(program).notes == (
        "waits of more than 1 s are timed by this computer",
    )


def test_what_is_known_is_not_sent_again(resistor: Site) -> None:
    levels_v = [0.5, -0.5, 0.7]
    for level_v in levels_v:
        resistor.bench.apply(point(level_v))
    before = resistor.bytes_so_far()
    readings = resistor.bench.apply(point(-0.5) + point(0.7) + point(0.5))
    sent = resistor.sent(before)
    assert not [text for text in sent if ":SARB:SEQ" in text]
    assert len(sent) == 6  # list, error, execute, status, error, data
    assert len(readings.time_s) == 3
    again = point(0.5)
    resistor.bench.apply(again)
    before = resistor.bytes_so_far()
    resistor.bench.apply(again)
    assert len(resistor.sent(before)) == 4  # execute, status, error, data


def test_a_full_instrument_is_emptied_and_filled_anew(resistor: Site) -> None:
    for first in (1, 301):
        levels = range(first, first + 300)
        train = sum((point(level / 1000) for level in levels[1:]), start=point(first / 1000))
        readings = resistor.bench.apply(train)
        assert readings.conductance_s == pytest.approx(1e-4, rel=2e-3)
    tops_v = [max(played["stop_v"]) for played in resistor.terminals("waveform")]
    assert tops_v == pytest.approx([0.3, 0.6], abs=1e-3)
    assert resistor.sent().count(":PMU:INIT 1") == 2


def test_data_come_in_pieces(resistor: Site) -> None:
    readings = resistor.bench.apply(read(0.1) * 5000)
    assert readings.current_a.shape == (5000, 1)
    assert len([text for text in resistor.sent() if "DATA:GET" in text]) == 3
    assert (np.diff(readings.time_s[:, 0]) > 0).all()


def test_a_series_resistor_is_subtracted(site: Make) -> None:
    bench = site({**IDEAL, "wiring.series_ohm": "30kohm"}).bench
    readings = bench.apply(read(0.2))
    assert readings.voltage_v == pytest.approx(0.05, rel=5e-3)
    assert readings.conductance_s == pytest.approx(1e-4, rel=1e-2)
    assert bench.capabilities.current_limit == "series"
    readings = bench.apply(sweep([0.2, 0.4], limit_a=8e-6))
    assert readings.current_a[:, 0] == pytest.approx([5e-6, 8e-6], rel=1e-2)
    assert readings.voltage_v[:, 0] == pytest.approx([0.05, 0.08], rel=2e-2)
    assert readings.limited[:, 0].tolist() == [False, True]


def test_beyond_the_range_a_cell_behind_a_resistor_has_no_voltage(site: Make) -> None:
    behind = {
        **IDEAL,
        "virtual.parameters.resistance_ohm": "100.0",
        "wiring.series_ohm": "20kohm",
        "limits.read.current_a": "200uA",
        "limits.switching.current_a": "200uA",
    }
    bench = site(behind).bench
    program = pulse(0.1, high_s=100e-6, measured=True) + pulse(1.8, high_s=100e-6, measured=True)
    readings = bench.apply(program.demanding(current_limit_a=100e-6))
    assert readings.limited[:, 0].tolist() == [False, False]
    assert readings.voltage_v[1, 0] == pytest.approx(8.9e-3, rel=0.1)
    low = (program + read(0.1)).demanding(current_limit_a=10e-6)
    bench.capabilities = msgspec.structs.replace(bench.capabilities, current_limit="watched")
    readings = bench.apply(low)
    assert readings.limited[:, 0].tolist() == [False, True, False]
    assert np.isnan(readings.voltage_v[:, 0]).tolist() == [False, True, False]
    assert readings.current_a[1, 0] == pytest.approx(10e-6, rel=1e-4)  # clipped


def test_without_an_smu_a_series_resistor_holds_the_current(site: Make) -> None:
    alone = {**IDEAL, "wiring.series_ohm": "30kohm", "wiring.sweeps": "none"}
    bench = site(alone).bench
    assert not bench.capabilities.regulates
    readings = bench.apply(read(0.2).demanding(regulated=True, current_limit_a=10e-6))
    assert np.isfinite(readings.current_a).all()


def test_a_noisy_instrument_reads_about_the_same(site: Make) -> None:
    bench = site(RESISTOR).bench
    readings = bench.apply(read(0.2, count=10, zero=True))
    assert readings.conductance_s == pytest.approx(1e-4, rel=0.02)


# -- sweeps -----------------------------------------------------------------------------------
def sweep(levels_v: list[float], limit_a: float = 50e-6, **demands: bool) -> Program:
    program = staircase(levels_v, dwell_s=1e-3, aperture_s=20e-3)
    return program.demanding(regulated=True, current_limit_a=limit_a, **demands)


def test_the_smu_holds_the_limit_on_a_resistor(resistor: Site) -> None:
    levels_v = [0.0, 0.2, 0.4, 0.6, -0.6]
    begin_s = resistor.bench.clock.now_s()
    readings = resistor.bench.apply(sweep(levels_v))
    assert readings.source_v[:, 0].tolist() == levels_v
    assert readings.current_a[:, 0] == pytest.approx([0, 2e-5, 4e-5, 5e-5, -5e-5], rel=1e-4)
    assert readings.limited[:, 0].tolist() == [False, False, False, True, True]
    assert readings.voltage_v[:, 0] == pytest.approx([0, 0.2, 0.4, 0.5, -0.5], rel=1e-4)
    due_s = begin_s + 23e-3 * np.arange(1, 6)
    assert readings.time_s[:, 0] == pytest.approx(due_s, abs=0.1e-3)
    assert resistor.sent()[-1] == "US;DV1"


def test_what_a_sweep_books_is_what_happens_within_a_quarter(resistor: Site) -> None:
    program = staircase([0.3] * 10, dwell_s=4e-3 - 1e-6, aperture_s=4e-3)
    program = program.demanding(regulated=True, current_limit_a=50e-6)
    before = resistor.bench.ledger.own["bias_s"][0]
    resistor.bench.apply(program)
    booked_s = resistor.bench.ledger.own["bias_s"][0] - before
    happened_s = 0.0
    for played in resistor.terminals("waveform"):
        for first, last, repeats in played["units"]:
            happened_s += repeats * sum(played["duration_s"][first:last])
    assert happened_s / booked_s == pytest.approx(1.25, rel=0.01)
    (note,) = resistor.bench.check(program).notes
    assert "25% longer than is compared with the limits and booked" in note


def test_programmed_voltages_are_not_taken_for_measured(
    resistor: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels_v = [0.2, 0.4, 0.6, -0.6]
    fetch = Keithley4200A.sweep_values

    def programmed(self: Keithley4200A, name: str, most: int) -> Values:
        found = fetch(self, name, most)
        return found if name == "I1" else found._replace(value=np.array(levels_v))

    monkeypatch.setattr(Keithley4200A, "sweep_values", programmed)
    readings = resistor.bench.apply(sweep(levels_v))
    assert readings.limited[:, 0].tolist() == [False, False, True, True]
    assert readings.voltage_v[:2, 0].tolist() == [0.2, 0.4]
    assert np.isnan(readings.voltage_v[2:, 0]).all()
    assert readings.current_a[:, 0] == pytest.approx([2e-5, 4e-5, 5e-5, -5e-5], rel=1e-4)


def test_a_sweep_stops_at_its_limit(resistor: Site) -> None:
    readings = resistor.bench.apply(sweep([0.2, 0.4, 0.6, 0.8], stop_at_limit=True))
    assert np.isnan(readings.current_a[:, 0]).tolist() == [False, False, False, True]
    assert np.isnan(readings.time_s[:, 0]).tolist() == [False, False, False, True]
    assert readings.limited[:, 0].tolist() == [False, False, True, False]
    assert resistor.terminals("waveform")[-1]["stop_v"][-1] == 0


@pytest.mark.parametrize("stop", [False, True])
def test_a_sweep_with_too_few_values_is_refused(
    resistor: Site, monkeypatch: pytest.MonkeyPatch, stop: bool
) -> None:
    fetch = Keithley4200A.sweep_values

    def fewer(self: Keithley4200A, name: str, most: int) -> Values:
        found = fetch(self, name, most)
        return Values(found.value[:-1], found.limited[:-1])

    monkeypatch.setattr(Keithley4200A, "sweep_values", fewer)
    with pytest.raises(InstrumentError, match="2 readings of 3 steps"):
        resistor.bench.apply(sweep([0.1, 0.2, 0.3], stop_at_limit=stop))


def test_pulses_and_sweeps_take_turns_without_hot_switching(resistor: Site) -> None:
    for _ in range(2):
        assert resistor.bench.apply(point(1.0)).conductance_s == pytest.approx(1e-4, rel=2e-3)
        assert resistor.bench.apply(sweep([0.2])).current_a == pytest.approx(2e-5, rel=1e-4)
    assert not resistor.terminals("hot switching")
    before = resistor.bytes_so_far()
    resistor.bench.apply(point(1.0))
    sent = resistor.sent(before)
    assert sent[0] == ":PMU:RPM:CONFIGURE PMU1-1,0"
    assert not [text for text in sent if ":SARB:SEQ" in text]  # what was stored is still there


def test_a_memristor_is_set_as_on_the_physics_bench(site: Make) -> None:
    wider = {
        "limits.switching.positive_v": "2.5V",
        "limits.switching.current_a": "500uA",
        "limits.read.current_a": "500uA",
    }
    bench = site({"virtual.model": "stanford", "virtual.ideal": "true", **wider}).bench
    rise_v = np.linspace(0, 2, 41).round(3).tolist()
    program = sweep(rise_v + rise_v[-2::-1], limit_a=500e-6)
    found = bench.apply(program).current_a[:, 0]
    with find_bench("stanford", {"source.output_ohm": "0ohm"}).build(1) as physics:
        expected = physics.apply(program).current_a[:, 0]
    assert found == pytest.approx(expected, rel=2e-2, abs=1e-8)
    assert found[70] > 5 * found[10]  # 0.5 V: the way back carries more, it was SET


def test_an_open_interlock_is_an_error(resistor: Site) -> None:
    resistor.lab.ask("interlock keithley4200 open")
    with pytest.raises(InstrumentError, match="interlock is open"):
        resistor.bench.apply(sweep([0.1, 0.2]))
    resistor.lab.ask("interlock keithley4200 closed")
    assert resistor.bench.apply(sweep([0.2])).current_a == pytest.approx(2e-5, rel=1e-4)


def test_an_open_circuit_is_not_an_open_interlock(site: Make) -> None:
    bench = site({**IDEAL, "virtual.parameters.resistance_ohm": "1e15"}).bench
    assert np.abs(bench.apply(sweep([0.1, 0.2])).current_a).max() < 1e-9


# -- the instrument is not there, or not right ------------------------------------------------
@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"version": "V1.8.1"}, r"Clarius V1.8.1 has no :PMU: commands; update to Clarius 1.13"),
        ({"modules": ["SMU1", "SMU2"], "rpm": {}}, "has no PMU"),
        ({"modules": ["SMU2", "PMU1RPM1-1"], "rpm": {}}, "sweeps with SMU1"),
    ],
    ids=["version", "no PMU", "no SMU"],
)
def test_an_unfit_instrument_is_refused(site: Make, options: dict[str, object], why: str) -> None:
    place = site(IDEAL, options=options, is_open=False)
    with pytest.raises(InstrumentError, match=why):
        place.bench.open()
    assert not place.terminals("waveform")


def test_without_kxci_it_says_what_to_start(site: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    place = site(IDEAL, is_open=False)
    place.bench._address = f"TCPIP::127.0.0.1::{port}::SOCKET"
    with pytest.raises(InstrumentError, match="start KXCI on the 4200A"):
        place.bench.open()


def test_a_4200a_that_another_program_has_is_said_to_be_had(
    site: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = site(IDEAL, is_open=False)
    impatient = partial(Session, timeout_s=0.2)
    monkeypatch.setattr("hil.drivers.keithley4200.instrument.Session", impatient)
    _, host, port, _ = place.bench._address.split("::")
    with socket.create_connection((host, int(port)), 5) as other:
        other.sendall(b"ID\0")
        assert other.recv(100)
        with pytest.raises(InstrumentError, match="another program may have this") as caught:
            place.bench.open()
    assert "start KXCI" not in str(caught.value)


def test_identity_and_assurances(resistor: Site) -> None:
    assert "V1.13" in resistor.bench.identity()
    hows = {assurance.what: assurance.how for assurance in resistor.bench.assurances()}
    assert hows["voltage limits"] == hows["timing of pulses"] == "enforced"
    assert hows["current of pulses"] == hows["compliance of sweeps"] == "assumed"
    assert hows["interlock"] == hows["version"] == "verified"
