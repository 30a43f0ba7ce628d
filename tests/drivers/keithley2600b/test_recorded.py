"""What goes over the wire of a 2600B, message by message."""

import numpy as np
import pytest

from hil.drivers.keithley2600b import reach
from hil.drivers.roles import SourceSettings
from hil.errors import ConfigError, InstrumentError
from tests.drivers.keithley2600b.conversation import (
    CONNECT,
    COUNT,
    HELD,
    IDLE,
    ON,
    READY,
    RESET,
    SAFE,
    SETTINGS,
    fetched,
    n,
    prepared,
    ready,
    swept,
    told,
    unit,
)


def test_connecting_sets_nothing_but_how_numbers_are_printed() -> None:
    with unit(CONNECT) as instrument:
        assert instrument.model == "2636B"
        assert instrument.line_hz == 60


def test_a_channel_begins_at_0_v_and_off_and_reset() -> None:
    with unit([*CONNECT, *SAFE, *RESET]) as instrument:
        channel = instrument.channel("a")
        assert instrument.channel("a") is channel
        with pytest.raises(ConfigError, match="channel 'c'"):
            instrument.channel("c")


def test_a_compliance_of_10_5_ua_is_sent_and_read_back() -> None:
    with unit([*CONNECT, *SAFE, *RESET, *prepared()]) as instrument:
        channel = instrument.channel("a")
        held = channel.prepare(SETTINGS)
        assert held == SourceSettings(2.0, 10.5e-6, 10e-6, 1 / 60)
        assert channel.prepare(SETTINGS) == held  # nothing is sent for what is set


def test_a_sweep_runs_in_the_instrument_and_its_rows_come_back() -> None:
    rows = [(0.0, 0.5, 5e-6, 0.0), (0.0178, 1.0, 10.5e-6, 64.0), (0.0356, -0.5, 9.91e37, 2.0)]
    pairs = [*READY, *swept("0.5,1,-0.5", 3), IDLE, *fetched(*rows)]
    with unit(pairs) as instrument:
        got = ready(instrument).sweep(np.array([0.5, 1, -0.5]), 1e-3)
    assert got.time_s == pytest.approx(1e-3 + 1 / 60 + np.array([0, 0.0178, 0.0356]))
    assert got.voltage_v.tolist() == [0.5, 1.0, -0.5]
    assert got.current_a[:2].tolist() == [5e-6, 10.5e-6]
    assert np.isnan(got.current_a[2])
    assert got.limited.tolist() == [False, True, True]
    assert got.status.tolist() == [0, 64, 2]


def test_a_sweep_that_goes_on_is_waited_for_and_then_aborted() -> None:
    busy = ("print(status.operation.sweeping.condition)", n(2))
    other = ("print(status.operation.sweeping.condition)", n(4))
    pairs = [*READY, *swept("0.5", 1), busy, other, *fetched((0.0, 0.5, 5e-6, 0.0))]
    with unit(pairs) as instrument:
        assert ready(instrument).sweep(np.array([0.5]), 1e-3).current_a == [5e-6]
    pairs = [*READY, *swept("0.5", 1), *[busy] * 502, *SAFE]  # 5 s, every 10 ms
    with unit(pairs) as instrument, pytest.raises(InstrumentError, match="still running"):
        ready(instrument).sweep(np.array([0.5]), 1e-3)


def test_equal_levels_are_one_level_that_is_repeated() -> None:
    rows = [(0.018 * k, 0.5, 5e-6, 0.0) for k in range(40)]
    with unit([*READY, *swept("0.5", 40), IDLE, *fetched(*rows)]) as instrument:
        assert len(ready(instrument).sweep(np.full(40, 0.5), 1e-3).time_s) == 40


def test_a_sweep_with_stop_runs_as_a_script() -> None:
    script = (
        "function hil_step(smu, n, wait_s) local done = 0 local last = table.getn(hil_levels) "
        "for k = 1, n do smu.source.levelv = hil_levels[math.min(k, last)] delay(wait_s) "
        "local i = smu.measure.iv(smu.nvbuffer1, smu.nvbuffer2) done = k "
        "if smu.source.compliance or math.abs(i) > 9e37 then break end end "
        "smu.source.levelv = 0 return done end"
    )
    pairs = [
        *READY,
        *told(
            "smua.nvbuffer1.clear()",
            "smua.nvbuffer2.clear()",
            "hil_levels = {}",
            "for _, v in ipairs({0.5,1,1.5}) do table.insert(hil_levels, v) end",
            "smua.measure.delay = 0",
            script,
        ),
        ("print(hil_step(smua, 3, 1e-3))", n(2)),
        COUNT,
        *fetched((0.0, 0.5, 5e-6, 0.0), (0.018, 0.9, 10.5e-6, 64.0)),
    ]
    with unit(pairs) as instrument:
        got = ready(instrument).sweep(np.array([0.5, 1.0, 1.5]), 1e-3, stop_at_limit=True)
    assert got.limited.tolist() == [False, True]


def test_pulses_are_timed_by_three_timers() -> None:
    quick = SETTINGS._replace(aperture_s=0.01 / 60)
    own = [
        (text.replace("nplc = 1", "nplc = 0.01") if text else text, reply)
        for text, reply in prepared()[:-1]
    ]
    held = (HELD, "\t".join(map(n, (1, 0, 0, 2, 10.5e-6, 0, 1e-5, 0.01))))
    pulsed = told(
        "smua.nvbuffer1.clear()",
        "smua.nvbuffer2.clear()",
        "hil_levels = {}",
        "for _, v in ipairs({0.5,-0.5}) do table.insert(hil_levels, v) end",
        "smua.trigger.source.listv(hil_levels)",
        "smua.measure.delay = 0",
        "trigger.timer[1].reset()",
        "trigger.timer[1].delay = 0.01",
        "trigger.timer[1].count = 1",
        "trigger.timer[1].passthrough = true",
        "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID",
        "trigger.timer[2].reset()",
        "trigger.timer[2].delay = 7.73333e-4",
        "trigger.timer[2].count = 1",
        "trigger.timer[2].passthrough = false",
        "trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID",
        "trigger.timer[3].reset()",
        "trigger.timer[3].delay = 1e-3",
        "trigger.timer[3].count = 1",
        "trigger.timer[3].passthrough = false",
        "trigger.timer[3].stimulus = trigger.timer[1].EVENT_ID",
        "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID",
        "smua.trigger.measure.stimulus = trigger.timer[2].EVENT_ID",
        "smua.trigger.endpulse.stimulus = trigger.timer[3].EVENT_ID",
        "smua.trigger.endpulse.action = smua.SOURCE_IDLE",
        "smua.trigger.count = 2",
    )
    pairs = [
        *CONNECT, *SAFE, *RESET, *own, held, *ON, *pulsed,
        ("print(trigger.timer[1].delay, trigger.timer[3].delay)", f"{n(0.01)}\t{n(0.001)}"),
        *told("smua.trigger.initiate()"), IDLE,
        *fetched((0.0, 0.5, 5e-6, 0.0), (0.01, -0.5, -5e-6, 0.0)),
    ]  # fmt: skip
    with unit(pairs) as instrument:
        channel = instrument.channel("a")
        channel.prepare(quick)
        channel.output(on=True)
        got = channel.pulses(np.array([0.5, -0.5]), 1e-3, 10e-3)
    assert got.time_s == pytest.approx([0.94e-3, 10.94e-3])


def test_reach_of_the_models() -> None:
    assert reach(60).source_ranges_v == (0.2, 2.0, 20.0, 200.0)
    assert reach(60, "2602B").source_ranges_v == (0.1, 1.0, 6.0, 40.0)
    assert reach(50, "2634B").measure_ranges_a[0] == 1e-9
    assert reach(50, "2636B").measure_ranges_a[0] == 100e-12
    assert reach(50).least_pulse_s == pytest.approx(120e-6)
    assert reach(50).least_aperture_s == pytest.approx(20e-6)
    with pytest.raises(ConfigError, match="2651B"):
        reach(60, "2651B")


def test_shutdown_of_the_unit_switches_its_channels_off() -> None:
    with unit([*READY, *SAFE]) as instrument:
        ready(instrument)
        instrument.shutdown()
        assert instrument.isShutdown
