"""The virtual 81160A with pymeasure's own driver, unmodified, over a socket."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.instruments.keysight import Keysight81160A

from hil.simulators.instruments.lab.lab import Lab
from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import running


@pytest.fixture
def lab_and_driver() -> Iterator[tuple[Lab, Keysight81160A]]:
    plan = LabPlan(
        instruments={"pg": InstrumentPlan(type="keysight81160a")},
        wiring={"pg.1": "top"},
        model="resistor",
    )
    with running(plan) as lab:
        driver = Keysight81160A(
            lab.server.addresses["pg"], visa_library="@py", timeout=5_000,
            read_termination="\n", write_termination="\n",
        )  # fmt: skip
        try:
            yield lab.lab, driver
        finally:
            driver.adapter.close()


def played(lab: Lab) -> list[Any]:
    """List levels and pulses of each waveform at the cell."""
    signals = [event.signal for _, event in lab.events.since(0)]
    return [
        (float(signal.stop_v.max()), int(signal.units[:, 2].max()))
        for signal in signals
        if signal is not None
    ]


def test_a_burst_of_pulses(lab_and_driver: tuple[Lab, Keysight81160A]) -> None:
    lab, driver = lab_and_driver
    channel = driver.ch_1
    driver.reset()
    channel.pulse_width = 500e-9
    channel.pulse_transition = 80e-9
    channel.pulse_period = 10e-6
    channel.shape = "PULS"
    channel.voltage_high = 1.5
    channel.voltage_low = 0
    channel.limit_high = 1.6
    channel.limit_state_enabled = True
    channel.trigger_mode = "MAN"
    channel.trigger_count = 25
    channel.output = True
    driver.trigger()
    assert driver.check_errors() == []
    assert channel.output
    channel.output = False
    assert not channel.output
    assert played(lab) == [(pytest.approx(3.0), 25)]  # 1.5 V into 50 ohm
    assert lab.now_s() == pytest.approx(25 * 10e-6)


def test_what_it_refuses(lab_and_driver: tuple[Lab, Keysight81160A]) -> None:
    _, driver = lab_and_driver
    driver.ch_2.voltage_low = -2
    driver.ch_2.limit_low = -2.5
    driver.ch_2.limit_state_enabled = True
    driver.ch_2.voltage_low = -3
    assert [int(error[0]) for error in driver.check_errors()] == [-222]
    assert driver.ch_2.voltage_low == pytest.approx(-2)


def test_points_without_a_terminator(lab_and_driver: tuple[Lab, Keysight81160A]) -> None:
    lab, driver = lab_and_driver
    channel = driver.ch_1
    channel.save_waveform([0.0, 0.5, 1.0, 0.25], "jumps")
    assert channel.waveforms == "JUMPS"  # pymeasure makes no list of a single one
    assert channel.free_memory_slots == 3
    driver.write(":FUNC1:USER jumps")
    channel.shape = "USER"
    channel.trigger_mode = "MAN"
    channel.amplitude = 2
    channel.output = True
    driver.trigger()
    assert driver.complete
    assert played(lab)[0] == (pytest.approx(2.0), 1)
    assert driver.check_errors() == []
