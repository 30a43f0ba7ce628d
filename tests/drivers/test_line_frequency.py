"""A source meter counts its aperture in periods of the line: another one is refused."""

import pytest

from hil.drivers import keithley2400, keithley2450
from hil.errors import ConfigError
from hil.virtual import VirtualLab
from tests.drivers.meter_lab import NAME, Made

LINES = {"line_hz": 60}


@pytest.mark.parametrize(
    "made",
    [
        Made(keithley2450.connected, "keithley2450", LINES),
        Made(keithley2400.connected, "keithley2400", LINES),
        Made(keithley2400.connected, "keithley2450", {"language": "SCPI2400", **LINES}),
    ],
    ids=["2450", "2400", "2450 as 2400"],
)
def test_a_line_of_another_frequency_is_refused(made: Made) -> None:
    with VirtualLab.start(made.plan()) as lab:
        with pytest.raises(ConfigError, match="on a line of 60 Hz, not of 50 Hz"):
            made.connect(lab.addresses[NAME], clock=lab.clock(), line_hz=50)
        made.connect(lab.addresses[NAME], clock=lab.clock(), line_hz=60).close()
