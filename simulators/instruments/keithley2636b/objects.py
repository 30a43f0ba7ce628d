"""A channel's TSP object `smua` or `smub` (2600B manual, section 9)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hil.simulators.instruments.keithley2636b import settings
from hil.simulators.instruments.keithley2636b.buffers import Buffer, buffer_of
from hil.simulators.instruments.keithley2636b.model import MODEL, RANGES_A
from hil.simulators.instruments.keithley2636b.settings import PARTS, checks
from hil.simulators.instruments.keithley2636b.smu import Smu
from hil.simulators.instruments.keithley2636b.sweep import DETECTORS
from hil.simulators.instruments.smu.model import OVERRANGE
from hil.simulators.instruments.tsp import unconfirmed
from hil.simulators.instruments.tsp.engine import Engine, Rejected, TspError
from hil.simulators.instruments.tsp.objects import Check, Object, choice, number, numbers, whole

KINDS = ("i", "v", "r", "p", "iv")


class SmuObject:
    """Builds the object of one channel.

    Parameters
    ----------
    engine : Engine
        The world.
    smu : Smu
        The channel.
    changed : callable
        Called after `initiate()`, to compute what follows.
    """

    def __init__(self, engine: Engine, smu: Smu, changed: Callable[[], None]) -> None:
        self._engine = engine
        self._smu = smu
        self._changed = changed
        made = Object(engine)
        made.constants(settings.CONSTANTS)
        made.setting(smu.values, "sense", choice(0, 1))
        made.child("source", self._source())
        made.child("measure", self._measure())
        made.child("trigger", self._trigger())
        for place, buffer in enumerate(smu.buffers, 1):
            made.child(f"nvbuffer{place}", buffer.lua(engine))
        made.call("reset", smu.reset)
        made.call("abort", smu.stop)
        made.call("savebuffer", lambda *_: None)
        made.call("makebuffer", lambda size=None: self._make_buffer(size))
        for kind in KINDS:
            made.call(f"measure{kind}andstep", self._and_step(kind))
        self.lua = made.lua

    # -- parts ----------------------------------------------------------------------------------
    def _source(self) -> Object:
        smu, made = self._smu, Object(self._engine)
        for name, (_, check) in settings.SOURCE.items():
            made.attribute(name, self._get(f"source.{name}"), self._put_source(name, check))
        made.settings(smu.values, checks(settings.PLAIN_SOURCE), "source.")
        state = choice(0, 1, 2)
        made.attribute("output", lambda: smu.output, lambda value: smu.switch(state(value)))
        made.attribute("compliance", lambda: smu.limits != 0)
        made.attribute("rangev", lambda: smu.range_v, self._put_range("source", "v", 1e-9))
        made.attribute("rangei", lambda: smu.range_a, self._put_range("source", "i", 1e-9))
        self._autoranges(made, "source", choice(0, 1))
        made.call("calibratev", lambda *_: None)
        return made

    def _measure(self) -> Object:
        smu, made = self._smu, Object(self._engine)
        made.settings(smu.values, checks(settings.MEASURE), "measure.")
        mode = choice(0, 1, 2)
        made.attribute(
            "autozero", self._get("measure.autozero"), lambda value: smu.auto_zero(mode(value))
        )
        least_a = RANGES_A[0]
        made.attribute(
            "rangev", lambda: smu.measure_range("v"), self._put_range("measure", "v", least_a)
        )
        made.attribute(
            "rangei", lambda: smu.measure_range("i"), self._put_range("measure", "i", least_a)
        )
        self._autoranges(made, "measure", choice(0, 1, 2))
        averaging = Object(self._engine)
        averaging.settings(smu.values, checks(settings.FILTER), "measure.filter.")
        made.child("filter", averaging)
        for kind in KINDS:
            made.call(kind, self._measures(kind))
            made.call(f"overlapped{kind}", self._begins(kind))
        return made

    def _trigger(self) -> Object:
        smu, made = self._smu, Object(self._engine)
        made.settings(smu.values, checks(settings.TRIGGER), "trigger.")
        for name, part in PARTS.items():
            child = Object(self._engine)
            child.settings(smu.values, checks(part), f"trigger.{name}.")
            if name in DETECTORS:
                child.call("set", self._detects(name))
            if name == "source":
                self._add_sweeps(child)
            if name == "measure":
                for kind in KINDS:
                    child.call(kind, self._stores(kind))
                    child.call(f"{kind}overlapped", self._stores(kind))
            made.child(name, child)
        made.constants({f"{name}_EVENT_ID": event for name, event in smu.sweep.event.items()})
        made.call("initiate", self._initiate)
        return made

    def _add_sweeps(self, made: Object) -> None:
        for unit in "vi":
            made.call(f"linear{unit}", self._spaced(unit, np.linspace))
            made.call(f"log{unit}", self._log(unit))
            made.call(f"list{unit}", self._listed(unit))

    # -- source ---------------------------------------------------------------------------------
    def _get(self, name: str) -> Callable[[], Any]:
        return lambda: self._smu.values[name]

    def _put_source(self, name: str, check: Check) -> Callable[[Any], None]:
        smu = self._smu

        def put(value: Any) -> None:
            checked = check(value)
            kind = name[-1]
            if name.startswith("level") and not smu.values[f"source.autorange{kind}"]:
                most = smu.values[f"source.range{kind}"] * OVERRANGE
                checked = number(-most, most)(checked)
            self._fitting({**smu.values, f"source.{name}": checked})
            smu.values[f"source.{name}"] = checked
            smu.update()

        return put

    def _fitting(self, values: dict[str, Any]) -> None:
        """Refuse a level and a limit that are more power than there is."""
        volts, amperes = values["source.levelv"], values["source.limiti"]
        if not values["source.func"]:
            volts, amperes = values["source.limitv"], abs(values["source.leveli"])
        if amperes > MODEL.most_a(volts):
            raise Rejected(*unconfirmed.TOO_BIG)

    def _put_range(self, part: str, kind: str, least: float) -> Callable[[Any], None]:
        """Set a fixed range: the smallest one that holds the value."""
        smu = self._smu
        ranges = MODEL.ranges_v if kind == "v" else MODEL.ranges_a
        check = number(0.0, ranges[-1])

        def put(value: Any) -> None:
            wanted = check(abs(value) if isinstance(value, (int, float)) else value)
            fixed = next(end for end in ranges if end >= wanted * (1 - 1e-9) and end >= least)
            smu.values[f"{part}.range{kind}"] = fixed
            smu.values[f"{part}.autorange{kind}"] = 0

        return put

    def _autoranges(self, made: Object, part: str, check: Check) -> None:
        for kind in "vi":
            made.attribute(
                f"autorange{kind}", self._get(f"{part}.autorange{kind}"),
                self._put_autorange(part, kind, check),
            )  # fmt: skip

    def _put_autorange(self, part: str, kind: str, check: Check) -> Callable[[Any], None]:
        smu = self._smu

        def put(value: Any) -> None:
            chosen = check(value)
            if not chosen and smu.values[f"{part}.autorange{kind}"]:
                now = smu.range_v if kind == "v" else smu.range_a
                if part == "measure":
                    now = smu.measure_range(kind)
                smu.values[f"{part}.range{kind}"] = now
            smu.values[f"{part}.autorange{kind}"] = chosen

        return put

    # -- measure --------------------------------------------------------------------------------
    def _buffers(self, kind: str, tables: tuple[Any, ...]) -> tuple[Buffer | None, ...]:
        if len(tables) > len(kind):
            tables = tables[: len(kind)]
        found = [buffer_of(self._engine, table) for table in tables]
        return tuple(found + [None] * (len(kind) - len(found)))

    def _measures(self, kind: str) -> Callable[..., Any]:
        return lambda *tables: self._smu.measure(kind, self._buffers(kind, tables))

    def _begins(self, kind: str) -> Callable[..., Any]:
        return lambda *tables: self._smu.begin(kind, self._buffers(kind, tables))

    def _stores(self, kind: str) -> Callable[..., Any]:
        def store(*tables: Any) -> None:
            buffers = self._buffers(kind, tables)
            if any(buffer is None for buffer in buffers):
                raise TspError("a reading buffer was expected")
            self._smu.measures = (kind, buffers)

        return store

    def _and_step(self, kind: str) -> Callable[..., Any]:
        """Measure, then go to the next level of the function that is sourced."""

        def do(level: Any = None) -> tuple[float, ...]:
            told = self._smu.measure(kind, (None,) * len(kind))
            name = "levelv" if self._smu.values["source.func"] else "leveli"
            self._put_source(name, settings.SOURCE[name][1])(level)
            return told

        return do

    def _make_buffer(self, size: Any) -> Any:
        capacity = whole(1, 1_000_000)(size)
        return Buffer(capacity, self._smu.catch_up).lua(self._engine)

    # -- sweeps ---------------------------------------------------------------------------------
    def _take(self, unit: str, values: list[float]) -> None:
        check = settings.SOURCE[f"level{unit}"][1]
        self._smu.sweep.hear_setup([check(value) for value in values], current=unit == "i")

    def _spaced(self, unit: str, space: Callable[..., Any]) -> Callable[..., None]:
        count = whole(1, 100_000)
        level = settings.SOURCE[f"level{unit}"][1]

        def take(start: Any = None, stop: Any = None, points: Any = None) -> None:
            self._take(unit, space(level(start), level(stop), count(points)).tolist())

        return take

    def _log(self, unit: str) -> Callable[..., None]:
        count = whole(1, 100_000)
        level = settings.SOURCE[f"level{unit}"][1]

        def take(
            start: Any = None, stop: Any = None, points: Any = None, asymptote: Any = 0.0
        ) -> None:
            foot = float(asymptote) if isinstance(asymptote, (int, float)) else 0.0
            ends = level(start) - foot, level(stop) - foot
            if ends[0] * ends[1] <= 0:
                raise Rejected(*unconfirmed.TOO_SMALL)
            self._take(unit, (np.geomspace(*ends, count(points)) + foot).tolist())

        return take

    def _listed(self, unit: str) -> Callable[..., None]:
        return lambda table=None: self._take(unit, numbers(table))

    def _detects(self, name: str) -> Callable[[], None]:
        def do() -> None:
            self._smu.detect(name)
            self._changed()

        return do

    def _initiate(self) -> None:
        self._smu.begin_sweep()
        self._changed()
