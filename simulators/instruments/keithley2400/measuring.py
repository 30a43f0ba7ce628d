"""Commands that measure: :READ?, :MEASure?, :FETCh?, :INITiate, and those on whole settings.

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, section 17.
"""

from typing import TYPE_CHECKING, Any

from hil.simulators.instruments.keithley2400.kinds import FUNCTIONS
from hil.simulators.instruments.keithley2400.unconfirmed import AUTORANGE_S, OPTIONS
from hil.simulators.instruments.scpi.declare import command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Whole

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400

DEADLOCK = -214
WITHOUT_END = 830


class Measuring:
    """What is asked of the instrument as a whole."""

    def __init__(self, engine: "Sourcemeter2400") -> None:
        self._engine = engine
        self._saved: dict[int, Any] = {}

    @command(":INITiate[:IMMediate]")
    def _initiate(self) -> None:
        self._engine.run.begin()

    @command(":ABORt")
    def _abort(self) -> None:
        self._engine.run.stop()

    @query(":READ")
    def _read(self) -> str:
        engine = self._engine
        if not engine.arm.count:
            raise ScpiError(WITHOUT_END)
        engine.run.stop()
        engine.run.begin()
        if not engine.wait():
            engine.run.stop()
            raise ScpiError(DEADLOCK)
        ranging_s = AUTORANGE_S if engine.run.range_changes else 0.0
        engine.spend(engine.personality.reading_s + ranging_s)
        return self._fetch()

    @query(":FETCh")
    def _fetch(self) -> str:
        if not self._engine.run.rows:
            raise ScpiError(-230)
        return self._engine.format.written(self._engine.run.rows)

    @command(":CONFigure:VOLTage[:DC]")
    def _configure_voltage(self) -> None:
        self._configure("VOLT")

    @command(":CONFigure:CURRent[:DC]")
    def _configure_current(self) -> None:
        self._configure("CURR")

    @command(":CONFigure:RESistance")
    def _configure_resistance(self) -> None:
        self._configure("RES")

    @query(":CONFigure")
    def _configured(self) -> str:
        functions = self._engine.sense.functions
        return ",".join(f'"{told}"' for name, told in FUNCTIONS.items() if name in functions)

    @query(":MEASure")
    def _measure(self) -> str:
        return self._measured(*self._engine.sense.functions)

    @query(":MEASure:VOLTage[:DC]")
    def _measure_voltage(self) -> str:
        return self._measured("VOLT")

    @query(":MEASure:CURRent[:DC]")
    def _measure_current(self) -> str:
        return self._measured("CURR")

    @query(":MEASure:RESistance")
    def _measure_resistance(self) -> str:
        return self._measured("RES")

    @command("*SAV", Whole(0, 4))
    def _save(self, place: int) -> None:
        self._saved[place] = self._engine.memory()

    @command("*RCL", Whole(0, 4))
    def _recall(self, place: int) -> None:
        if place not in self._saved:
            raise ScpiError(-200)
        self._engine.switch(False)
        self._engine.recall(self._saved[place])
        self._engine.changed()

    @query("*OPT")
    def _options(self) -> str:
        return OPTIONS

    def _measured(self, *functions: str) -> str:
        self._configure(*functions)
        return self._read()

    def _configure(self, *functions: str) -> None:
        """Prepare for one reading: defaults of the function, counts of 1, output on (17-2)."""
        engine = self._engine
        engine.run.stop()
        engine.sense.functions = {*functions} | (
            engine.sense.functions if engine.sense.concurrent else set()
        )
        for name in functions:
            if name != "RES":
                engine.senses[name].defaults()
        engine.sense.cycles = 1.0
        engine.arm.count = engine.triggers.count = 1
        engine.triggers.delay_s = 0.0
        engine.arm.source = engine.triggers.source = "IMM"
        engine.trace.control = "NEV"
        engine.system.auto_zero = True
        engine.changed()
        engine.switch(True)
