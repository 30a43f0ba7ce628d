"""The trigger model of one channel: what `initiate()` does, computed ahead as steps.

Arm, source, measure and end pulse wait for their stimulus, or go on where it is 0 (2600B manual,
section 4, remote trigger model). What comes of it is queued as steps of the channel with exact
times. Not modelled: the instrument's own delays of some microseconds between trigger and action,
overruns, `measure.action` ASYNC as such, the time of autoranging.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from hil.simulators.instruments.keithley2636b import unconfirmed
from hil.simulators.instruments.smu.model import Level, Step
from hil.simulators.instruments.tsp.engine import Rejected

if TYPE_CHECKING:
    from hil.simulators.instruments.keithley2636b.smu import Smu, Want

DETECTORS = ("arm", "source", "measure", "endpulse")
IDLE, HOLD = 0, 1
"""`SOURCE_IDLE` and `SOURCE_HOLD`: what the source does at the end of a pulse, of a sweep."""


class _Change(NamedTuple):
    """The source goes to a level."""

    time_s: float
    level: Level


class _Look(NamedTuple):
    """A measurement whose aperture begins at a time."""

    time_s: float
    want: "Want"


class Sweep:
    """The trigger model of a channel.

    Parameters
    ----------
    smu : Smu
        The channel.

    Attributes
    ----------
    end_s : float
        When it is idle again (s), as far as that is known.
    """

    def __init__(self, smu: "Smu") -> None:
        self._smu = smu
        self._bus = smu.triggers.bus
        self._bus.listeners.append(self._hear)
        self.event = {name: self._bus.event() for name in unconfirmed.EVENTS}
        self.end_s = -1.0
        self.levels: list[float] = []
        self.levels_are_current = False
        self._run = 0
        self._active = False
        self._waiting: tuple[str, Callable[[float], None]] | None = None
        self._seen: set[str] = set()
        self._done: list[_Change | _Look] = []
        self._point = self._armed_times = self._triggered = 0
        self._at_s = 0.0
        self._level: Level | None = None

    @property
    def active(self) -> bool:
        """Whether it is on its way, as far as it has been computed."""
        return self._active

    @property
    def endless(self) -> bool:
        """Whether it goes on until it is aborted."""
        return not (self._smu.values["trigger.count"] and self._smu.values["trigger.arm.count"])

    def sweeping(self, now_s: float) -> bool:
        """Tell whether the channel sweeps at a time."""
        return self._active or now_s < self.end_s

    def initiate(self, at_s: float) -> None:
        """Leave idle at a time; raises Rejected if it cannot."""
        if self.sweeping(at_s):
            raise Rejected(*unconfirmed.SWEEP_RUNNING)
        if self._smu.values["trigger.source.action"] and not self.levels:
            raise Rejected(*unconfirmed.NO_SWEEP)
        self._active, self._waiting = True, None
        self._seen.clear()
        self._done.clear()
        self._point = self._armed_times = 0
        self._at_s, self._level = at_s, self._smu.channel.level
        self._bus.fire(self.event["SWEEPING"], at_s)
        self._await("arm", self._armed, at_s)

    def stop(self) -> None:
        """Go back to idle, whatever was to come."""
        self._run += 1
        self._active, self._waiting, self.end_s = False, None, -1.0
        self._done.clear()

    def flush(self) -> None:
        """Queue what has been computed."""
        done, self._done = sorted(self._done, key=lambda one: one.time_s), []
        if not done:
            return
        begin_s = cursor_s = self._at_s
        level, steps, wants = self._level or self._smu.channel.level, [], []
        for one in done:
            if isinstance(one, _Look):
                end_s = one.time_s + one.want.aperture_s
                steps.append(Step(level, max(end_s - cursor_s, 0.0), measured=True))
                wants.append(one.want)
                cursor_s = max(end_s, cursor_s)
            elif one.level != level:
                if one.time_s > cursor_s:
                    steps.append(Step(level, one.time_s - cursor_s))
                level, cursor_s = one.level, max(one.time_s, cursor_s)
        if not steps or steps[-1].level != level:
            edge_s = 2 * self._smu.channel.model.edge_s
            steps.append(Step(level, edge_s))
            cursor_s += edge_s
        self._at_s, self._level = cursor_s, level
        self._smu.play(steps, begin_s, wants)

    def hear_setup(self, levels: list[float], *, current: bool) -> None:
        """Take what the source action goes through (V or A)."""
        self.levels, self.levels_are_current = levels, current

    def detect(self, name: str, time_s: float) -> None:
        """Let a detector see its event at a time."""
        if not self._active:
            return
        if self._waiting is not None and self._waiting[0] == name:
            go_on, self._waiting = self._waiting[1], None
            go_on(time_s)
        else:
            self._seen.add(name)

    # -- the flow -------------------------------------------------------------------------------
    def _hear(self, event: int, time_s: float) -> None:
        for name in DETECTORS:
            if event == self._smu.values[f"trigger.{name}.stimulus"]:
                self.detect(name, time_s)

    def _await(self, name: str, go_on: Callable[[float], None], at_s: float) -> None:
        """Go on when the detector has seen its event."""
        stimulus = self._smu.values[f"trigger.{name}.stimulus"]
        if stimulus and name not in self._seen:
            self._waiting = (name, go_on)
            return
        self._seen.discard(name)
        run = self._run
        self._bus.at(at_s, lambda: go_on(at_s) if run == self._run else None)

    def _later(self, at_s: float, event: str, name: str, go_on: Callable[[float], None]) -> None:
        """Tell of an event at a time, and wait for the next detector."""
        run = self._run

        def do() -> None:
            if run == self._run:
                self._bus.fire(self.event[event], at_s)
                self._await(name, go_on, at_s)

        self._bus.at(at_s, do)

    def _armed(self, at_s: float) -> None:
        self._triggered = 0
        self._bus.fire(self.event["ARMED"], at_s)
        self._await("source", self._source, at_s)

    def _source(self, at_s: float) -> None:
        values = self._smu.values
        if values["trigger.source.action"]:
            value = self.levels[self._point % len(self.levels)]
            level = self._smu.swept_level(value, current=self.levels_are_current)
            self._done.append(_Change(at_s, level))
        self._point += 1
        settled_s = at_s + max(values["source.delay"], 0.0)
        self._later(settled_s, "SOURCE_COMPLETE", "measure", self._measure)

    def _measure(self, at_s: float) -> None:
        if self._smu.values["trigger.measure.action"]:
            wants, lasting_s, at_s = self._smu.wanted(at_s)
            for place, want in enumerate(wants):
                self._done.append(_Look(at_s + place * lasting_s, want))
            at_s += len(wants) * lasting_s
            self._later(at_s, "MEASURE_COMPLETE", "endpulse", self._end_pulse)
        else:
            self._await("endpulse", self._end_pulse, at_s)

    def _end_pulse(self, at_s: float) -> None:
        values = self._smu.values
        if values["trigger.endpulse.action"] == IDLE and values["trigger.source.action"]:
            self._done.append(_Change(at_s, self._smu.programmed))
        self._bus.fire(self.event["PULSE_COMPLETE"], at_s)
        self._triggered += 1
        count = values["trigger.count"]
        if count == 0 or self._triggered < count:
            self._await("source", self._source, at_s)
        else:
            self._end_sweep(at_s)

    def _end_sweep(self, at_s: float) -> None:
        values = self._smu.values
        self._armed_times += 1
        count = values["trigger.arm.count"]
        if values["trigger.endsweep.action"] == IDLE and values["trigger.source.action"]:
            self._done.append(_Change(at_s, self._smu.programmed))
        self._bus.fire(self.event["SWEEP_COMPLETE"], at_s)
        if count == 0 or self._armed_times < count:
            self._await("arm", self._armed, at_s)
            return
        self._active, self.end_s = False, at_s
        self._bus.fire(self.event["IDLE"], at_s)
