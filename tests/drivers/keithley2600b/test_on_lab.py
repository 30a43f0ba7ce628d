"""What a 2600B brings to the terminals of the device: levels, times, ends; and two channels."""

import socket
from functools import partial

import numpy as np
import pytest

from hil.drivers.keithley2600b import connected, runs
from hil.errors import ConfigError, InstrumentError
from tests.drivers.keithley2600b.conftest import RESISTANCE_OHM, SETTINGS, Site
from tests.drivers.mishaps import Interrupting

EDGE_S = 30e-6
"""What the virtual one takes to a new level."""


def played(place: Site) -> tuple[np.ndarray, np.ndarray]:
    """Times (s) and voltages (V) at the corners of all that came out, one after the other."""
    times_s, volts = [], []
    for event in place.events("waveform"):
        now_s = event["time_s"]
        for first, last, repeats in event["units"]:
            for k in [*range(first, last)] * repeats:
                times_s += [now_s, now_s + event["duration_s"][k]]
                volts += [event["start_v"][k], event["stop_v"][k]]
                now_s = times_s[-1]
    return np.array(times_s), np.array(volts)


def test_an_output_goes_on_and_off_at_0_v(site: Site) -> None:
    site.ready()
    assert site.is_on()
    site.smu.sweep(np.array([0.5, -0.5]), 1e-3)
    site.smu.output(on=False)
    assert not site.is_on()
    assert site.last_v() == 0
    assert not site.events("hot switching")


def test_a_sweep_goes_to_its_levels_and_to_no_others(site: Site) -> None:
    levels_v = np.array([0.1, 0.2, -0.3, 0.05])
    site.ready().sweep(levels_v, 2e-3)
    _, volts = played(site)
    turns = volts[np.diff(volts, prepend=np.nan) != 0]
    assert turns.tolist() == [0.0, *levels_v.tolist(), 0.0]


def test_a_sweep_ends_at_0_v_by_itself(site: Site) -> None:
    site.ready().sweep(np.array([0.3, 0.5]), 1e-3)
    assert site.last_v() == 0
    assert site.is_on()


def test_a_script_ends_at_0_v_by_itself(site: Site) -> None:
    smu = site.ready(SETTINGS._replace(limit_a=10.5e-6))
    rows = smu.sweep(np.linspace(0.01, 0.5, 50), 1e-3, stop_at_limit=True)
    assert len(rows.time_s) == 11
    assert site.last_v() == 0
    _, volts = played(site)
    assert volts.max() == pytest.approx(0.11)


def test_long_lists_go_in_several_lines(site: Site) -> None:
    levels_v = np.random.default_rng(0).uniform(-0.5, 0.5, 600)
    rows = site.ready().sweep(levels_v, 0.0)
    assert rows.current_a == pytest.approx(levels_v / RESISTANCE_OHM, rel=1e-3, abs=2e-9)
    assert max(map(len, site.sent())) <= 900


@pytest.mark.parametrize("high_s", [0.3e-3, 1e-3, 20e-3])
def test_pulses_have_the_times_that_were_asked_for(site: Site, high_s: float) -> None:
    smu = site.ready(SETTINGS._replace(aperture_s=0.1e-3))
    levels_v = np.array([0.4, -0.3, 0.2])
    rows = smu.pulses(levels_v, high_s, 5 * high_s)
    assert rows.current_a == pytest.approx(levels_v / RESISTANCE_OHM, rel=1e-3)
    assert np.diff(rows.time_s) == pytest.approx(5 * high_s, rel=1e-9)
    times_s, volts = played(site)
    for level_v in levels_v:
        at_level_s = times_s[volts == level_v]
        assert at_level_s.max() - at_level_s.min() == pytest.approx(high_s - EDGE_S, rel=1e-9)


def test_many_equal_pulses_are_told_in_few_words(site: Site) -> None:
    smu = site.ready(SETTINGS._replace(aperture_s=0.1e-3))
    before = len(site.sent())
    rows = smu.pulses(np.full(200, 0.25), 0.5e-3, 1e-3)
    assert len(site.sent()) - before < 40
    assert rows.current_a == pytest.approx(np.full(200, 25e-6), rel=1e-3)


def test_a_compliance_is_never_passed_at_the_terminals(site: Site) -> None:
    smu = site.ready(SETTINGS._replace(limit_a=10.5e-6, range_a=10.5e-6))
    rows = smu.sweep(np.array([0.1, 0.5, -0.5]), 1e-3)
    assert rows.limited.tolist() == [False, True, True]
    assert rows.voltage_v == pytest.approx([0.1, 0.105, -0.105], rel=1e-3)


def test_both_channels_are_behind_one_connection(site: Site) -> None:
    other = site.unit.channel("b")
    smu = site.ready()
    other.prepare(SETTINGS._replace(limit_a=1e-6, range_a=1e-6))
    other.output(on=True)
    assert smu.sweep(np.array([0.5]), 1e-3).current_a == pytest.approx([50e-6], rel=1e-3)
    assert abs(other.sweep(np.array([0.5]), 1e-3).current_a[0]) < 1e-9  # nothing is wired to it
    other.make_safe()
    other.close()
    assert smu.sweep(np.array([0.2]), 1e-3).current_a == pytest.approx([20e-6], rel=1e-3)
    smu.make_safe()
    smu.close()
    with pytest.raises(InstrumentError, match="closed"):
        site.unit.ask_for("localnode.linefreq")


def test_a_bench_connects_to_one_channel(site: Site) -> None:
    address = site.session.address
    site.unit.close()
    with pytest.raises(ConfigError, match="60 Hz, not of 50 Hz"):
        connected(address, clock=site.clock, line_hz=50)
    with pytest.raises(ConfigError, match="no channel 'c'"):
        connected(address, clock=site.clock, line_hz=60, channel="c")
    smu = connected(address, clock=site.clock, line_hz=60, channel="b")
    assert "2636B" in smu.identity
    smu.close()


def test_settings_may_change_while_the_output_is_on(site: Site) -> None:
    smu = site.ready()
    for range_v, limit_a in ((0.1, 1e-6), (10.0, 1e-3), (1.0, 100e-6)):
        held = smu.prepare(SETTINGS._replace(range_v=range_v, limit_a=limit_a))
        assert held.limit_a == limit_a
        assert smu.sweep(np.array([0.01]), 0.0).current_a == pytest.approx([1e-6], rel=1e-2)


@pytest.mark.parametrize("pulses", [False, True], ids=["sweep", "pulses"])
def test_ctrl_c_in_the_middle_switches_off_at_once(site: Site, pulses: bool) -> None:
    smu = site.ready()
    smu._clock = Interrupting(site.clock)
    levels_v = np.full(20, 0.5)
    play = partial(smu.pulses, period_s=40e-3) if pulses else smu.sweep
    with pytest.raises(KeyboardInterrupt):
        play(levels_v, 20e-3)
    assert not site.is_on()
    assert site.last_v() == 0
    with pytest.raises(InstrumentError, match="is off"):
        smu.sweep(levels_v, 0.0)
    smu._clock = site.clock
    assert site.ready().sweep(np.array([0.5]), 0.0).current_a == pytest.approx([50e-6], rel=1e-3)


@pytest.mark.parametrize("half", [b"", b"smua.source.levelv = 0.", b"while true do"])
def test_the_guard_switches_off_a_sweep_that_is_under_way(site: Site, half: bytes) -> None:
    smu = site.ready()
    safe = smu.safe_messages()
    site.unit.tell(*runs.sweep_lines("smua", np.full(100, 0.5), 1.0))
    site.clock.sleep(20.0)
    site.unit.close()
    assert site.is_on()
    _, host, port, _ = safe.address.split("::")
    with socket.create_connection((host, int(port)), 5) as line:
        line.settimeout(5)
        line.sendall(half)
        for message in safe.messages:
            line.sendall(message)
        line.sendall(b"*IDN?\n")
        assert b"2636B" in line.recv(4096)
    site.clock.sleep(1.0)
    assert not site.is_on()
    assert site.last_v() == 0
    assert played(site)[0].max() < site.clock.now_s() - 0.9


def test_a_time_between_two_ticks_of_a_timer_is_rounded(site: Site) -> None:
    smu = site.ready(SETTINGS._replace(aperture_s=0.1e-3))
    (current_a,) = smu.pulses(np.array([0.4]), 0.2500004321e-3, 1e-3).current_a
    assert current_a == pytest.approx(0.4 / RESISTANCE_OHM, rel=1e-3)
