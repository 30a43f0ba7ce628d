"""Events of the trigger model: timers, blenders, generators, ``*TRG`` (2600B manual, section 4).

Events are computed as far ahead as nothing from outside can come between them. Not modelled:
digital I/O, TSP-Link, LAN and display triggers (their event numbers never occur), overruns.
"""

import heapq
import itertools
from collections.abc import Callable
from typing import Any

from hil.simulators.instruments.tsp.engine import Engine
from hil.simulators.instruments.tsp.objects import Object, boolean, number, numbers, whole

TIMERS, BLENDERS, GENERATORS, STIMULI = 8, 6, 4, 4
MOST_EVENTS = 50_000
"""Events computed at once; the rest follows, or when their time has come."""


class Bus:
    """What is going to happen, in the order of time, and who hears of it."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[int, float], None]] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._events = itertools.count(1)

    @property
    def next_s(self) -> float | None:
        """When something is going to happen (s); None if nothing is."""
        return self._due[0][0] if self._due else None

    def event(self) -> int:
        """Make the number of a new event."""
        return next(self._events)

    def at(self, time_s: float, do: Callable[[], None]) -> None:
        """Do something at a time."""
        heapq.heappush(self._due, (time_s, next(self._order), do))

    def fire(self, event: int, time_s: float) -> None:
        """Let an event happen at a time."""

        def tell() -> None:
            for listener in self.listeners:
                listener(event, time_s)

        self.at(time_s, tell)

    def run(self) -> None:
        """Compute what is going to happen; what goes on for ever at one time is dropped."""
        begin_s = self.next_s
        for _ in range(MOST_EVENTS):
            if not self._due:
                return
            heapq.heappop(self._due)[2]()
        if self.next_s == begin_s:
            self.clear()

    def clear(self) -> None:
        """Forget what was going to happen."""
        self._due.clear()


class Timer:
    """`trigger.timer[N]`: events some time after an event."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.event = bus.event()
        self._run = 0
        self._until_s = -1.0
        self.values: dict[str, Any] = {}
        self.reset()
        bus.listeners.append(self._hear)

    def reset(self) -> None:
        """Go back to what is set at power-on."""
        self.values.update(delay=10e-6, count=1, passthrough=False, stimulus=0, delaylist=[10e-6])
        self.clear()

    def clear(self) -> None:
        """Stop it."""
        self._run += 1
        self._until_s = -1.0

    def lua(self, engine: Engine) -> Any:
        """Make the TSP object."""
        made = Object(engine)

        def set_list(table: Any) -> None:
            delay_s = number(0.0, 100e3)
            self.values["delaylist"] = [delay_s(value) for value in numbers(table)]

        def set_delay(value: Any) -> None:
            self.values["delay"] = number(0.0, 100e3)(value)
            self.values["delaylist"] = [self.values["delay"]]

        made.attribute("delay", lambda: self.values["delay"], set_delay)
        made.attribute("delaylist", lambda: engine.table(self.values["delaylist"]), set_list)
        made.settings(self.values, {
            "count": whole(0, 1_048_575), "passthrough": boolean, "stimulus": whole(0, 10**6),
        })  # fmt: skip
        made.constants({"EVENT_ID": self.event})
        made.call("clear", self.clear)
        made.call("reset", self.reset)
        return made.lua

    def _hear(self, event: int, time_s: float) -> None:
        if event != self.values["stimulus"] or time_s < self._until_s:
            return
        if self.values["passthrough"]:
            self._bus.fire(self.event, time_s)
        self._go_on(self._run, 0, time_s)

    def _go_on(self, run: int, done: int, time_s: float) -> None:
        """Wait for the next event of its own."""
        count, delays_s = self.values["count"], self.values["delaylist"]
        if run != self._run or (count and done >= count):
            return
        next_s = time_s + delays_s[done % len(delays_s)]
        self._until_s = next_s

        def tell() -> None:
            if run == self._run:
                self._bus.fire(self.event, next_s)
                self._go_on(run, done + 1, next_s)

        self._bus.at(next_s, tell)


class Blender:
    """`trigger.blender[N]`: an event when any, or all, of some events have happened."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.event = bus.event()
        self._stimuli: dict[str, Any] = {}
        self._values: dict[str, Any] = {}
        self._seen: set[int] = set()
        self.reset()
        bus.listeners.append(self._hear)

    def reset(self) -> None:
        """Go back to what is set at power-on."""
        self._values.update(orenable=False)
        self._stimuli.update({str(place): 0 for place in range(1, STIMULI + 1)})
        self._seen.clear()

    def lua(self, engine: Engine) -> Any:
        """Make the TSP object."""
        made, stimuli = Object(engine), Object(engine)
        check = whole(0, 10**6)
        for place in range(1, STIMULI + 1):
            self._add(stimuli, place, check)
        made.child("stimulus", stimuli)
        made.setting(self._values, "orenable", boolean)
        made.constants({"EVENT_ID": self.event})
        made.call("clear", self._seen.clear)
        made.call("reset", self.reset)
        return made.lua

    def _add(self, stimuli: Object, place: int, check: Callable[[Any], Any]) -> None:
        name = str(place)
        stimuli.attribute(
            place, lambda: self._stimuli[name],
            lambda value: self._stimuli.update({name: check(value)}),
        )  # fmt: skip

    def _hear(self, event: int, time_s: float) -> None:
        wanted = {stimulus for stimulus in self._stimuli.values() if stimulus}
        if event not in wanted:
            return
        self._seen.add(event)
        if self._values["orenable"] or self._seen >= wanted:
            self._seen.clear()
            self._bus.fire(self.event, time_s)


class Triggers:
    """`trigger`: what both channels share.

    Parameters
    ----------
    fired : callable
        Called after a chunk has let an event happen.
    now_s : callable
        Tells the time (s).
    """

    def __init__(self, fired: Callable[[], None], now_s: Callable[[], float]) -> None:
        self.bus = Bus()
        self._fired = fired
        self._now_s = now_s
        self.bus_event = self.bus.event()
        self.display_event = self.bus.event()
        self._timers = [Timer(self.bus) for _ in range(TIMERS)]
        self._blenders = [Blender(self.bus) for _ in range(BLENDERS)]
        self._generators = [self.bus.event() for _ in range(GENERATORS)]

    def reset(self) -> None:
        """Go back to what is set at power-on."""
        self.bus.clear()
        for timer in self._timers:
            timer.reset()
        for blender in self._blenders:
            blender.reset()

    def clear(self) -> None:
        """Stop what runs."""
        self.bus.clear()
        for timer in self._timers:
            timer.clear()

    def happen(self, event: int) -> None:
        """Let an event from outside happen now."""
        self.bus.fire(event, self._now_s())
        self._fired()

    def lua(self, engine: Engine) -> Any:
        """Make the TSP object."""
        made = Object(engine)
        made.child("timer", engine.table([timer.lua(engine) for timer in self._timers]))
        made.child("blender", engine.table([one.lua(engine) for one in self._blenders]))
        generators = []
        for event in self._generators:
            generator = Object(engine)
            generator.constants({"EVENT_ID": event})
            generator.call("assert", self._asserts(event))
            generators.append(generator.lua)
        made.child("generator", engine.table(generators))
        made.constants({"EVENT_ID": self.bus_event})
        made.call("clear", lambda: None)
        return made.lua

    def _asserts(self, event: int) -> Callable[[], None]:
        return lambda: self.happen(event)
