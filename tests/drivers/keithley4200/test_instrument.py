"""The instrument's own class on the virtual 4200A: pymeasure's part, errors, long sequences."""

import numpy as np
import pytest

from hil.drivers.keithley4200.instrument import Keithley4200A
from hil.errors import ConfigError, InstrumentError
from hil.program import read, staircase
from tests.drivers.keithley4200.conftest import Site


def of(place: Site) -> Keithley4200A:
    assert place.bench._instrument is not None
    return place.bench._instrument


def test_an_smu_in_user_mode_keeps_its_digits(resistor: Site) -> None:
    smu = of(resistor).smu1
    of(resistor).tell(":PMU:OUTPUT:STATE 1,0")
    of(resistor).tell(":PMU:RPM:CONFIGURE PMU1-1,2")
    smu.voltage_setpoint = (0, 0.12345678, 1e-3)
    assert resistor.sent()[-1] == "US;DV1,0,0.12345678,1e-3"
    assert smu.voltage == pytest.approx(0.12345678, rel=1e-4)
    assert smu.current == pytest.approx(12.345678e-6, rel=1e-4)
    with pytest.raises(ConfigError, match="round"):
        smu.voltage_setpoint = (0, 1 / 3, 1e-3)
    smu.disable()


def test_check_tells_the_last_error_once(resistor: Site) -> None:
    instrument = of(resistor)
    instrument.check()
    instrument.tell(":PMU:NONSENSE 1")
    with pytest.raises(InstrumentError, match=r"KXCI command error\. \(-992\)"):
        instrument.check()
    instrument.check()


def test_long_sequences_are_stored_in_several_commands(resistor: Site) -> None:
    levels_v = np.linspace(0.01, 0.2, 100).round(4).tolist()
    program = staircase(levels_v, dwell_s=10e-6, aperture_s=10e-6)  # 301 segments
    readings = resistor.bench.apply(program)
    added = [text for text in resistor.sent() if ":TIME:ADD 1,1," in text]
    assert len(added) == 2
    assert readings.source_v[:, 0].tolist() == levels_v
    at_device_v = np.array(levels_v) * 10e3 / 10.05e3
    assert readings.voltage_v[:, 0] == pytest.approx(at_device_v, abs=2e-4)


def test_a_measured_segment_is_measured_over_its_whole_length(resistor: Site) -> None:
    resistor.bench.apply(read(0.1, settle_s=30e-6, aperture_s=20e-6))
    told = dict(text.split(" ") for text in resistor.sent() if ":SARB:SEQ:" in text)
    assert told[":PMU:SARB:SEQ:TIME"] == "1,1,1e-7,3e-5,2e-5,1e-7"
    assert told[":PMU:SARB:SEQ:MEAS:TYPE"] == "1,1,0,0,1,0"
    assert told[":PMU:SARB:SEQ:MEAS:START"] == "1,1,0,0,0,0"
    assert told[":PMU:SARB:SEQ:MEAS:STOP"] == "1,1,0,0,2e-5,0"


def test_no_command_has_an_argument_that_is_too_long(resistor: Site) -> None:
    levels_v = np.random.default_rng(0).uniform(-1.8, 1.8, 200).tolist()
    resistor.bench.apply(staircase(levels_v, dwell_s=1.23456e-3, aperture_s=12.34567e-3))
    for text in resistor.sent():
        for argument in text.partition(" ")[2].split(","):
            assert len(argument) <= 12


def test_the_rpm_of_channel_1_may_be_left_out_of_the_options(resistor: Site) -> None:
    instrument = of(resistor)
    instrument._options = ("SMU1", "PMU1RPM1-2")
    instrument.refuse_unfit(1)
    with pytest.raises(InstrumentError, match="SMU2"):
        instrument.refuse_unfit(2)


def test_a_test_that_runs_on_from_before_is_ended(resistor: Site) -> None:
    instrument = of(resistor)
    resistor.bench.apply(staircase([0.1] * 50, dwell_s=1e-3, aperture_s=1e-3))
    instrument.execute()
    instrument.close()
    with pytest.raises(InstrumentError):
        resistor.bench.close()
    resistor.bench.open()
    assert resistor.terminals("waveform")[-1]["aborted"]
