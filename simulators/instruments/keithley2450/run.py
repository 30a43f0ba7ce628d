"""Trigger models: sweeps and loops that play in the background, and what they read.

Source: Model 2450 Reference Manual 2450-901-01 Rev B, section 3 (trigger model) and pages 6-81 to
6-90 and 6-160 to 6-166. Not modelled: trigger models that a client builds of blocks, pauses,
events of lines, LAN and timers; a run that another instrument's time overtakes stops late on
a limit.
"""

import math
from typing import TYPE_CHECKING, NamedTuple

from hil.simulators.instruments.keithley2450.model import POINT_S, READING_S
from hil.simulators.instruments.keithley2450.source import MOST_POINTS, Sweep
from hil.simulators.instruments.keithley2450.unconfirmed import AUTORANGE_S, OUTPUT_IS_OFF
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.smu.model import Step
from hil.simulators.instruments.smu.run import BackgroundRun

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2450.buffers import Buffer
    from hil.simulators.instruments.keithley2450.native import Native2450


class Loop(NamedTuple):
    """A loop as it was loaded: readings, or a duration (s); delay before each, buffer."""

    readings: int | None
    lasting_s: float
    delay_s: float
    buffer: str | None


class Run(BackgroundRun):
    """The trigger model; its parts are times through a sweep."""

    _engine: "Native2450"

    def __init__(self, engine: "Native2450") -> None:
        super().__init__(engine)
        self._model: Sweep | Loop | None = None
        self._into: Buffer | None = None

    def load(self, model: Sweep | Loop | None) -> None:
        """Take another trigger model; -221 while one runs."""
        if self.is_on:
            raise ScpiError(-221)
        self._model = model

    def begin(self) -> None:
        """Obey `:INITiate`."""
        engine, model = self._engine, self._model
        if self.is_on:
            raise ScpiError(-213)
        if model is None:
            return
        self._into = engine.buffers.named(model.buffer)
        self._into.entries.clear()
        if isinstance(model, Sweep):
            engine.source_function = model.function
            engine.functions[model.function].level = model.levels[0]
            engine.switch(True)
            self._left = model.times or math.inf
        elif not engine.channel.on:
            raise ScpiError(OUTPUT_IS_OFF[0])
        self.is_on = True
        if isinstance(model, Sweep):
            self._go_on()
        else:
            self._queue_loop(model)

    @property
    def _stops_at_limit(self) -> bool:
        return isinstance(self._model, Sweep) and self._model.aborts

    def _last_s(self) -> float:
        return -math.inf if self._into is None else self._into.entries[-1].time_s

    def _collect(self) -> None:
        engine = self._engine
        reading = engine.channel.taken()
        if self._into is not None:
            for place in range(len(reading.time_s)):
                self._into.add(engine.entry(reading, place, first=not self._into.entries))

    def measure(self, buffer: str | None, count: int) -> None:
        """Make readings at once and store them."""
        engine = self._engine
        if not engine.channel.on:
            raise ScpiError(OUTPUT_IS_OFF[0])
        self._into, self.range_changes = engine.buffers.named(buffer), 0
        step = Step(engine.channel.level, engine.lasting_s() + READING_S, measured=True)
        wait_s = engine.functions[engine.source_function].wait_s if engine.waits else 0.0
        engine.waits = False
        first = step._replace(lasting_s=step.lasting_s + wait_s)
        engine.channel.queue([first] + [step] * (count - 1), engine.now_s, engine.integration())
        end_s = engine.channel.end_s
        engine.channel.bring(end_s)
        self._collect()
        ranging_s = AUTORANGE_S if self.range_changes else 0.0
        engine.spend(end_s - engine.now_s + ranging_s)

    def _go_on(self) -> None:
        """Queue what is left of a sweep; one without end time by time."""
        model = self._model
        if not self.is_on or not isinstance(model, Sweep) or not self._left:
            return
        if math.isfinite(self._left) and self._left * len(model.levels) <= MOST_POINTS:
            self._queue_sweep(model, int(self._left))
            self._left = 0.0
        elif self._engine.channel.end_s <= self._engine.now_s:
            self._queue_sweep(model, 1)
            self._left -= 1

    def _queue_sweep(self, sweep: Sweep, count: int) -> None:
        engine = self._engine
        waits_s = engine.functions[sweep.function].wait_s + sweep.delay_s
        lasting_s = waits_s + engine.lasting_s() + POINT_S
        steps = [Step(engine.level(level), lasting_s, measured=True) for level in sweep.levels]
        engine.channel.queue(steps * count, engine.now_s, engine.integration())

    def _queue_loop(self, loop: Loop) -> None:
        engine = self._engine
        each_s = loop.delay_s + engine.lasting_s() + READING_S
        count = max(int(loop.lasting_s / each_s), 1) if loop.readings is None else loop.readings
        if count > MOST_POINTS:
            raise ScpiError(-223)
        step = Step(engine.channel.level, each_s, measured=True)
        engine.channel.queue([step] * count, engine.now_s, engine.integration())

    def _finish(self) -> None:
        if not self.is_on:
            return
        self.is_on = False
        self._left = 0.0
        if isinstance(self._model, Sweep):
            reached = self._engine.channel.level.value
            self._engine.functions[self._model.function].level = reached
            self._engine.channel.switch(False, self._engine.now_s, edge=self._engine.falls)
