"""Commands that measure and that run trigger models.

Source: Model 2450 Reference Manual 2450-901-01 Rev B, pages 6-1 to 6-11 and 6-128 to 6-166.
"""

from typing import TYPE_CHECKING

from hil.simulators.instruments.keithley2450.buffers import ELEMENTS
from hil.simulators.instruments.keithley2450.run import Loop
from hil.simulators.instruments.keithley2450.unconfirmed import STATES
from hil.simulators.instruments.scpi.declare import Maybe, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.values import Number, Text, Whole

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2450.native import Native2450

_BUFFER = Maybe(Text())
_MOST = 268_435_455


class Measuring:
    """What is asked of the instrument as a whole."""

    def __init__(self, engine: "Native2450") -> None:
        self._engine = engine

    @query(":READ", _BUFFER, *ELEMENTS)
    def _read(self, buffer: str | None, *elements: str | None) -> str:
        engine = self._engine
        engine.refuse_busy()
        engine.run.measure(buffer, engine.sense.count)
        return engine.buffers.newest(buffer, elements)

    @query(":MEASure", _BUFFER, *ELEMENTS)
    def _measure(self, buffer: str | None, *elements: str | None) -> str:
        return self._read(buffer, *elements)

    @query(":MEASure:VOLTage[:DC]", _BUFFER, *ELEMENTS)
    def _measure_voltage(self, buffer: str | None, *elements: str | None) -> str:
        return self._measured("VOLT", buffer, *elements)

    @query(":MEASure:CURRent[:DC]", _BUFFER, *ELEMENTS)
    def _measure_current(self, buffer: str | None, *elements: str | None) -> str:
        return self._measured("CURR", buffer, *elements)

    @query(":MEASure:RESistance", _BUFFER, *ELEMENTS)
    def _measure_resistance(self, buffer: str | None, *elements: str | None) -> str:
        return self._measured("RES", buffer, *elements)

    @query(":FETCh", _BUFFER, *ELEMENTS)
    def _fetch(self, buffer: str | None, *elements: str | None) -> str:
        return self._engine.buffers.newest(buffer, elements)

    @command(":TRACe:TRIGger", _BUFFER)
    def _store(self, buffer: str | None) -> None:
        self._engine.refuse_busy()
        self._engine.run.measure(buffer, self._engine.sense.count)

    @command(":INITiate[:IMMediate]")
    def _initiate(self) -> None:
        self._engine.run.begin()

    @command(":ABORt")
    def _abort(self) -> None:
        self._engine.run.stop()

    @command(
        ":TRIGger:LOAD", Text(), Maybe(Number("S", 0, _MOST)), Maybe(Number("S", 0, 10_000)),
        _BUFFER,
    )  # fmt: skip
    def _load(
        self, name: str, first: float | None, delay_s: float | None, buffer: str | None
    ) -> None:
        self._loaded(name.upper(), first, delay_s, buffer)

    @command(":TRIGger:LOAD:LOOP:SIMPle", Whole(1, _MOST), Maybe(Number("S", 0, 10_000)), _BUFFER)
    def _load_simple(self, count: int, delay_s: float | None, buffer: str | None) -> None:
        self._loaded("SIMPLELOOP", count, delay_s, buffer)

    @command(
        ":TRIGger:LOAD:LOOP:DURation", Number("S", 0, 100_000), Maybe(Number("S", 0, 10_000)),
        _BUFFER,
    )  # fmt: skip
    def _load_duration(self, lasting_s: float, delay_s: float | None, buffer: str | None) -> None:
        self._loaded("DURATIONLOOP", lasting_s, delay_s, buffer)

    @query(":TRIGger:STATe")
    def _state(self) -> str:
        return STATES[self._engine.run.is_on]

    def _loaded(
        self, name: str, first: float | None, delay_s: float | None, buffer: str | None
    ) -> None:
        if name not in ("EMPTY", "SIMPLELOOP", "DURATIONLOOP"):
            raise ScpiError(-224)
        if name == "EMPTY":
            self._engine.run.load(None)
            return
        if first is None:
            raise ScpiError(-109)
        self._engine.buffers.named(buffer)
        count = round(first) if name == "SIMPLELOOP" else None
        if count is not None and count < 1:
            raise ScpiError(-222)
        self._engine.run.load(Loop(count, first, delay_s or 0.0, buffer))

    def _measured(self, function: str, buffer: str | None, *elements: str | None) -> str:
        self._engine.refuse_busy()
        self._engine.sense.function = function
        return self._read(buffer, *elements)
