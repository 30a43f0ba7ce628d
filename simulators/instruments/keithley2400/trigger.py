"""The arm and trigger layers: how often, when, and what is told to others.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, section 11. Not modelled: the
trigger link (a layer that waits for it waits until `:ABORt`), the front panel's TRIG key, digital
inputs that start a test.
"""

from typing import TYPE_CHECKING

from hil.simulators.instruments.keithley2400.unconfirmed import MORE_THAN_ALL_READINGS
from hil.simulators.instruments.scpi.declare import Setting, command
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Choice, Number, Whole

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400

MOST_READINGS = 2500
"""Of all passes of one run together."""

_LINE = Whole(1, 4)


class Arm:
    """``:ARM``: the outer layer; its count is how many passes there are (0: without end)."""

    count = Setting(":COUNt", Whole(1, MOST_READINGS, infinite=True), 1)
    source = Setting(
        ":SOURce",
        Choice("IMMediate", "TLINk", "TIMer", "MANual", "BUS", "NSTest", "PSTest", "BSTest"),
        "IMM",
    )
    timer_s = Setting(":TIMer", Number("S", 1e-3, 99999.99), 0.1)
    direction = Setting(":DIRection", Choice("ACCeptor", "SOURce"), "ACC")
    input_line = Setting(":ILINe", _LINE, 1)
    output_line = Setting(":OLINe", _LINE, 2)
    output = Setting(":OUTPut", Choice("TENTer", "TEXit", "NONE"), "NONE")

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self._engine = engine

    @count.check
    def _few(self, count: int) -> None:
        if count * self._engine.triggers.count > MOST_READINGS:
            raise ScpiError(MORE_THAN_ALL_READINGS)


class Triggers:
    """``:TRIGger``: the inner layer; each trigger is one source-delay-measure cycle."""

    count = Setting(":COUNt", Whole(1, MOST_READINGS), 1)
    delay_s = Setting(":DELay", Number("S", 0, 999.9999), 0.0)
    source = Setting(":SOURce", Choice("IMMediate", "TLINk"), "IMM")
    direction = Setting(":DIRection", Choice("ACCeptor", "SOURce"), "ACC")
    input_line = Setting(":ILINe", _LINE, 1)
    output_line = Setting(":OLINe", _LINE, 2)
    output = Setting(":OUTPut", Choice("SOURce", "DELay", "SENSe", "NONE"), "NONE")
    input = Setting(":INPut", Choice("SOURce", "DELay", "SENSe", "NONE"), "NONE")

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self._engine = engine

    @count.check
    def _few(self, count: int) -> None:
        if count * self._engine.arm.count > MOST_READINGS:
            raise ScpiError(MORE_THAN_ALL_READINGS)

    @command(":CLEar")
    def _clear(self) -> None:
        self._engine.run.stop()
