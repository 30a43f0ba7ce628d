"""One source measure channel: it holds a level within a limit, measures, sweeps, can be stopped.

A current source is a voltage source that goes as far as its voltage limit and holds the current,
as the 4200A's. Not modelled: output capacitance, overshoot and the loop's stability, the current
that a channel sinks from another source beyond its limit, drift between auto-zeros, leads (a
four-wire measurement reads the same), the 0 V that a NORMAL or ZERO output keeps while it is off
(a cell sees an open end, as with HIMPEDANCE), leakage, the source's noise.
"""

from collections import deque
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.lab.lab import INSTANT_S, Lab
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.instruments.lab.source import Source
from hil.simulators.instruments.smu.meter import Meter, calibrated
from hil.simulators.instruments.smu.model import (
    ChannelModel,
    Flags,
    Integration,
    Level,
    Reading,
    Step,
)
from hil.simulators.models.drive import Terminal

OUTPUT_STUCK, COMPLIANCE, OVER_RANGE = "output-stuck", "compliance", "over-range"
"""What may be wrong with a channel, as the lab names it."""


LOOK_S = 1e-6
"""How long it takes to see whether the limit holds the source (s)."""
_KINDS = (float, float, float, float, bool, bool, bool, float, float)
"""Of the columns of a reading."""


class _Look(NamedTuple):
    """A reading that is due: when it ends, what is forced then, how it is measured."""

    time_s: float
    level: Level
    integration: Integration


class Channel:
    """One channel.

    Parameters
    ----------
    lab : Lab
        Where it leads to.
    port : str
        Its name in the wiring table.
    model : ChannelModel
        What it can do.
    troubles : set of str
        What is wrong just now; shared with its instrument.
    ideal : bool
        No errors and no noise.
    samples : int
        Equal parts of an integration that are averaged.

    Attributes
    ----------
    source : Source
        What comes out.
    level : Level
        What is forced, or has been while the output was on.
    troubles : set of str
        What is wrong just now.
    """

    def __init__(
        self,
        lab: Lab,
        port: str,
        model: ChannelModel,
        *,
        troubles: set[str],
        ideal: bool = False,
        samples: int = 4,
    ) -> None:
        self.model = model
        self.source = Source(lab, port)
        self.level = Level(current=False, value=0.0, limit=model.ranges_a[0])
        self._lab = lab
        self.troubles = troubles
        self._samples = samples
        calibration = lab.noise(f"{port} calibration")
        self._meter = Meter(model, lab.noise(port), calibration, ideal=ideal, samples=samples)
        self._off_v = calibrated(model.ranges_v, () if ideal else model.source_v, calibration)
        self._looks: deque[_Look] = deque()
        self._steps: deque[tuple[float, Level]] = deque()
        self._ready: list[Reading] = []
        self._half: Terminal | None = None
        self._was_limited = False
        self._end_v, self._end_a = 0.0, self.level.limit_a
        """Voltage and limit at the end of what is queued."""
        self.source.limit_a = self.level.limit_a

    @property
    def on(self) -> bool:
        """Whether the output is on."""
        return self.source.on

    @property
    def end_s(self) -> float:
        """When all that is queued will have been played (s); -inf if nothing is."""
        return self.source.end_s

    @property
    def measures(self) -> bool:
        """Whether a reading is due that has not been completed."""
        return bool(self._looks)

    def switch(self, on: bool, at_s: float, *, edge: bool = True) -> None:
        """Switch the output on, to its level by an edge, or off, by an edge to 0 V or at once."""
        if on == self.on:
            return
        self.abort(at_s)
        if not on:
            if OUTPUT_STUCK not in self.troubles:
                self.source.switch(False, at_s, self.model.edge_s if edge else 0.0)
            return
        self.source.go_to(0.0, at_s)
        self.source.limit_a = self.level.limit_a
        self.source.switch(True, at_s)
        self.force(self.level, at_s)

    def force(self, level: Level, at_s: float) -> None:
        """Go to a level by an edge, or only take note of it while the output is off."""
        self.abort(at_s)
        self.level = level
        if not self.on:
            return
        if self._open_v(level) == self.source.level_v:
            self.source.limit_a = level.limit_a
        else:
            self.queue([Step(level, 2 * self.model.edge_s)], at_s)

    def measure(self, integration: Integration, at_s: float) -> Reading:
        """Measure what is forced; the lab is brought to the end of the integration."""
        at_s = max(at_s, self.end_s)
        self.queue([Step(self.level, integration.aperture_s, measured=True)], at_s, integration)
        self._lab.advance(at_s + integration.aperture_s)
        return self.taken()

    def limited(self, at_s: float) -> bool:
        """Tell whether the limit holds the source, by a look of `LOOK_S`, or by the last reading.

        The last reading tells while readings are queued.
        """
        if not self.measures:
            kept, self._ready = [*self._ready], []
            reading = self.measure(Integration(LOOK_S, np.inf), at_s)
            self._ready = [*kept, *self._ready]
            return bool(reading.compliance[-1])
        return self._was_limited

    def queue(
        self, steps: list[Step], at_s: float, integration: Integration | None = None
    ) -> None:
        """Queue steps after all that is queued already, from a time on.

        Parameters
        ----------
        steps : list of Step
            One after the other; the source stays at the last one's level.
        at_s : float
            When the first one begins (s).
        integration : Integration, optional
            How the measured ones are measured; their last `aperture_s` are integrated.
        """
        self._lab.advance(at_s)
        begin_s = max(at_s, self.end_s)
        if self.end_s < at_s:
            self._collect()
            self._forget()
            self._steps.clear()
            self._steps.append((-np.inf, self.level))
            self._end_v, self._end_a = self.source.level_v, self.source.limit_a
        pieces = Pieces(self._samples)
        for step in steps:
            self._steps.append((begin_s, step.level))
            begin_s += step.lasting_s
            self._add(pieces, step, integration)
            if step.measured and integration is not None:
                self._looks.append(_Look(begin_s, step.level, integration))
        for signal, limit_a in pieces.signals():
            self.source.play(signal, at_s, limit_a)
        self.level = steps[-1].level

    def bring(self, until_s: float, *, stops_at_limit: bool = False) -> bool:
        """Bring the lab up to a time; whether it was stopped by a reading in compliance before."""
        if stops_at_limit:
            for time_s in [_after(look.time_s) for look in self._looks if look.time_s <= until_s]:
                self._lab.advance(time_s)
                self._collect()
                if self._was_limited:
                    self.abort(time_s)
                    return True
        self._lab.advance(until_s)
        return False

    def taken(self) -> Reading:
        """Give the readings that have been completed since the last time, in order."""
        self._collect()
        ready, self._ready = self._ready, []
        if not ready:
            return Reading(*(np.empty(0, kind) for kind in _KINDS))
        return Reading(*(np.concatenate(column) for column in zip(*ready, strict=True)))

    def abort(self, at_s: float) -> None:
        """Stop where it is; what was measured stays, what was still to be measured is dropped."""
        self.source.abort(at_s)
        self._collect()
        self._forget()
        begun = [level for begin_s, level in self._steps if _after(begin_s + INSTANT_S) < at_s]
        self.level = begun[-1] if begun else self.level
        self._steps.clear()

    def _add(self, pieces: "Pieces", step: Step, integration: Integration | None) -> None:
        target_v, limit_a = self._open_v(step.level), step.level.limit_a
        left_s = step.lasting_s
        if target_v != self._end_v:
            edge_s = min(self.model.edge_s, left_s / 2)
            pieces.add(min(limit_a, self._end_a), edge_s, self._end_v, target_v)
            left_s -= edge_s
        if step.measured and integration is not None:
            aperture_s = min(integration.aperture_s, left_s)
            pieces.add(limit_a, left_s - aperture_s, target_v, target_v)
            pieces.add(limit_a, aperture_s, target_v, target_v, measured=True)
        else:
            pieces.add(limit_a, left_s, target_v, target_v)
        self._end_v, self._end_a = target_v, limit_a

    def _open_v(self, level: Level) -> float:
        """Tell where the source really goes (V), with the error that it was built with."""
        if level.current:
            return level.open_v
        off = self._off_v[self.model.range_of(level.value, current=False)]
        return level.value * (1 + off.gain) + off.offset

    def _collect(self) -> None:
        """Make readings of what the source has measured."""
        terminal = self.source.taken()
        if self._half is not None:
            terminal = _joined(self._half, terminal)
        count = len(terminal.current_a) // self._samples
        done, self._half = _cut(terminal, count * self._samples)
        if not count:
            return
        looks = [self._looks.popleft() for _ in range(count)]
        told = self._meter.read(done, [look.integration for look in looks])
        compliance = self._compliance(done.limited, looks)
        self._note(compliance, looks)
        self._ready.append(Reading(
            time_s=np.array([look.time_s for look in looks]),
            voltage_v=told.voltage_v,
            current_a=told.current_a,
            level=np.array([look.level.value for look in looks]),
            compliance=compliance,
            over_v=told.over_v,
            over_a=told.over_a | (OVER_RANGE in self.troubles),
            range_v=told.range_v,
            range_a=told.range_a,
        ))  # fmt: skip

    def _forget(self) -> None:
        """Drop what was to be measured and is not any more, whoever has stopped the source."""
        self._looks.clear()
        self._half = None

    def _note(self, compliance: Flags, looks: list[_Look]) -> None:
        """Log each time that the source has come to its limit."""
        before = np.append(self._was_limited, compliance[:-1])
        for place in np.flatnonzero(compliance & ~before).tolist():
            self._lab.note(self.source.port, "compliance", looks[place].time_s)
        self._was_limited = bool(compliance[-1])

    def _compliance(self, limited: Flags, looks: list[_Look]) -> Flags:
        if COMPLIANCE in self.troubles:
            return np.ones(len(looks), np.bool_)
        held = np.asarray(limited.reshape(-1, self._samples).any(axis=1))
        pairs = zip(looks, np.split(held, len(held)), strict=True)
        found: Flags = np.concatenate([look.level.in_compliance(one) for look, one in pairs])
        return found & self.source.drives


class Pieces:
    """Linear pieces of steps, gathered into signals of one current limit each."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._gathered: list[tuple[float, list[tuple[float, float, float, bool]]]] = []

    def add(
        self,
        limit_a: float,
        lasting_s: float,
        start_v: float,
        stop_v: float,
        measured: bool = False,
    ) -> None:
        """Add a piece; a measured one is cut into samples."""
        if lasting_s <= 0:
            return
        if not self._gathered or self._gathered[-1][0] != limit_a:
            self._gathered.append((limit_a, []))
        parts = self._samples if measured else 1
        self._gathered[-1][1].extend([(lasting_s / parts, start_v, stop_v, measured)] * parts)

    def signals(self) -> list[tuple[Signal, float]]:
        """Give each signal with its current limit (A)."""
        return [(_signal(rows), limit_a) for limit_a, rows in self._gathered]


def _after(time_s: float) -> float:
    """Give the time at which what ends at a time is surely over, however it was added up."""
    return time_s * (1 + 1e-15) + INSTANT_S


def _signal(rows: list[tuple[float, float, float, bool]]) -> Signal:
    duration_s, start_v, stop_v, measured = zip(*rows, strict=True)
    return Signal.once(duration_s, start_v, stop_v, np.array(measured))


def _joined(one: Terminal, other: Terminal) -> Terminal:
    return Terminal(
        np.concatenate((one.voltage_v, other.voltage_v)),
        np.concatenate((one.current_a, other.current_a)),
        np.concatenate((one.limited, other.limited)),
    )


def _cut(whole: Terminal, at: int) -> tuple[Terminal, Terminal]:
    volts, amperes, limited = whole
    return (
        Terminal(volts[:at], amperes[:at], limited[:at]),
        Terminal(volts[at:], amperes[at:], limited[at:]),
    )
