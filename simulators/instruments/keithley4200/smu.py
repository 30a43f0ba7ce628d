"""The source measure units of the virtual 4200A: sources that hold, compliance, ranges, read-out.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, sections 3 to 5. A source goes to a new
level by a short ramp (`SMU_EDGE_S`). What it holds acts on the cell when somebody asks: then it
is played up to the lab's time. A reading takes its integration time on the cell, not on the clock.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.keithley4200.unconfirmed import (
    LINE_HZ,
    SMU_COUNTS,
    SMU_EDGE_S,
    SMU_NOISE,
)
from hil.simulators.instruments.keithley4200.waveform import INSTANT_S, Flags, Integers
from hil.simulators.instruments.kxci import Refused
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.instruments.smu.model import Level, held
from hil.simulators.models.drive import Floats, Terminal
from hil.simulators.readout import Readout

MOST_V = 210.0
VOLTAGE_RANGES_V = (0.2, 2.0, 20.0, 200.0)
CURRENT_RANGES_A = tuple(10.0**power for power in range(-7, 0))
PREAMP_RANGES_A = tuple(10.0**power for power in range(-12, -7))
LEAST_COMPLIANCE_A = {False: 100e-9, True: 100e-12}
"""Without and with a preamplifier; a lower compliance is raised without a word."""


ZERO = Level(current=False, value=0.0, limit=np.inf)


class Integration(NamedTuple):
    """How an SMU measures: power line cycles, digits, lowest and fixed current range (A)."""

    cycles: float = 1.0
    digits: int = 5
    lowest_a: float = 0.0
    fixed_a: float | None = None

    @property
    def duration_s(self) -> float:
        """Integration time (s)."""
        return self.cycles / LINE_HZ


class Reading(NamedTuple):
    """What was measured: voltage (V), current (A), in compliance; each (readings,)."""

    voltage_v: Floats
    current_a: Floats
    compliance: Flags


class Smu:
    """One SMU.

    Parameters
    ----------
    lab : Lab
        Where its output leads to.
    number : int
        SMU1 is 1.
    preamp, high_power : bool
        What it is built of: lower ranges, or 1 A.
    route : callable
        Tells the port at which it comes out now.
    interlocked : callable
        Tells whether the interlock is open; nothing comes out then.
    ideal : bool
        No noise.
    samples : int
        Equal parts of an integration that are averaged.
    """

    def __init__(
        self,
        lab: Lab,
        number: int,
        *,
        preamp: bool,
        high_power: bool,
        route: Callable[[], str],
        interlocked: Callable[[], bool],
        ideal: bool,
        samples: int,
    ) -> None:
        self._lab = lab
        self._route = route
        self._interlocked = interlocked
        self._ideal = ideal
        self._samples = samples
        self.number = number
        self.name = f"SMU{number}"
        self.ranges_a = (PREAMP_RANGES_A if preamp else ()) + CURRENT_RANGES_A
        if high_power:
            self.ranges_a += (1.0,)
        self._least_a = LEAST_COMPLIANCE_A[preamp]
        self.on = False
        self.level = ZERO
        self.at_v = 0.0
        """Voltage that it puts out without a load (V)."""
        self._played_s = 0.0

    def checked(self, current: bool, value: float, compliance: float) -> Level:
        """Make a level that this SMU can do; raises Refused (-993) beyond its ranges."""
        most_a = self.ranges_a[-1] * 1.05
        volts, amperes = (compliance, value) if current else (value, compliance)
        if abs(volts) > MOST_V or abs(amperes) > most_a:
            raise Refused(-993)
        least = 0.0 if current else self._least_a
        return Level(current, value, max(abs(compliance), least))

    def force(self, level: Level, at_s: float) -> None:
        """Go to a level by a short ramp, from the lab time *at_s* on; switches the output on."""
        self.hold(at_s)
        if not self.on:
            self.on = True
            self._lab.output(self._route(), True)
        self._ramp(level)

    def off(self, at_s: float) -> None:
        """Go to 0 V by a short ramp, then off."""
        if self.on:
            self.hold(at_s)
            self._ramp(self.level._replace(value=0.0))
            self.on = False
            self._lab.output(self._route(), False)
        self.level = ZERO

    def hold(self, until_s: float) -> None:
        """Let what is held act on the cell up to a lab time."""
        lasting_s = until_s - self._played_s
        if self.on and lasting_s > INSTANT_S:
            self._play(_constant(self.at_v, np.array([lasting_s]), measured=False))
        self._played_s = max(self._played_s, until_s)

    def measure(self, integration: Integration, at_s: float) -> Reading:
        """Measure what is held, at a lab time."""
        self.hold(at_s)
        parts_s = np.full(self._samples, integration.duration_s / self._samples)
        terminal = self._play(_constant(self.at_v, parts_s, measured=True))
        return self.read(terminal, integration)

    def sweep(
        self, levels: list[Level], dwell_s: Floats, integration: Integration, edge_s: float
    ) -> Reading:
        """Go through levels: an edge, a dwell and the integration at each.

        All levels have the same limit, or there is only one. The times of the first edge and of
        all others are parts of the dwell and the integration (see `sweep`).
        """
        count, samples = len(levels), self._samples
        stop_v = np.array([level.open_v for level in levels])
        before_v = np.concatenate(([self.at_v], stop_v[:-1]))
        duration_s = np.empty((count, 2 + samples))
        duration_s[:, 0] = edge_s
        duration_s[:, 1] = np.maximum(dwell_s - edge_s, 0.0)
        integrated_s = integration.duration_s - np.maximum(edge_s - dwell_s, 0.0)
        duration_s[:, 2:] = (integrated_s / samples)[:, None]
        start = np.repeat(stop_v[:, None], 2 + samples, axis=1)
        start[:, 0] = before_v
        measured = np.ones(duration_s.shape, np.bool_)
        measured[:, :2] = False
        played = duration_s > 0
        stop = np.repeat(stop_v[:, None], 2 + samples, axis=1)
        self.level = levels[-1]
        signal = Signal(
            duration_s[played], start[played], stop[played], measured[played], _once(played.sum())
        )
        terminal = self._play(signal)
        self.at_v = float(stop_v[-1])
        return self.read(terminal, integration)

    def begin(self, at_s: float) -> None:
        """Switch the output on at 0 V for a test that begins at a lab time."""
        self.off(at_s)
        self.on = True
        self._played_s = max(self._played_s, at_s)
        self._lab.output(self._route(), True)

    def read(self, terminal: Terminal, integration: Integration) -> Reading:
        """Average, choose ranges, add noise and round: each reading as it is told."""
        current_a = terminal.current_a
        voltage_v = terminal.voltage_v + current_a * self._lab.plan.series_ohm
        parts = (-1, self._samples)
        limited: Flags = np.asarray(terminal.limited.reshape(parts).any(axis=1))
        compliance = self.level.in_compliance(limited)
        count = len(compliance)
        noise = np.zeros(count)
        if not self._ideal:
            noise = self._lab.noise(self.name).normals(count)
        range_a = self._ranges(np.abs(current_a.reshape(parts).mean(axis=1)), integration)
        range_v = held(VOLTAGE_RANGES_V, np.abs(voltage_v.reshape(parts).mean(axis=1)))
        told = Reading(np.empty(count), np.empty(count), compliance)
        for ranges in sorted({*zip(range_a.tolist(), range_v.tolist(), strict=True)}):
            chosen = (range_a == ranges[0]) & (range_v == ranges[1])
            pieces = np.repeat(chosen, self._samples)
            meters = Readout(
                noise_a=SMU_NOISE * ranges[0] / np.sqrt(integration.cycles),
                range_a=ranges[0] * 1.05,
                voltage_range_v=ranges[1] * 1.05,
                counts=round(1.05 * SMU_COUNTS),
                samples=self._samples,
                digits=integration.digits,
            )
            a, v, _ = meters.measured(current_a[pieces], voltage_v[pieces], noise[chosen, None])
            told.current_a[chosen], told.voltage_v[chosen] = a[:, 0], v[:, 0]
        return told

    def _ranges(self, largest_a: Floats, integration: Integration) -> Floats:
        if integration.fixed_a is not None:
            return np.full(len(largest_a), integration.fixed_a)
        return held(self.ranges_a, np.maximum(largest_a, integration.lowest_a * (1 - 1e-9)))

    def _ramp(self, level: Level) -> None:
        before_v = self.at_v
        self.level = level
        self.at_v = level.open_v
        if before_v != self.at_v:
            start_v, stop_v = np.array([before_v]), np.array([self.at_v])
            self._play(Signal(np.array([SMU_EDGE_S]), start_v, stop_v, _UNMEASURED, _once(1)))

    def _play(self, signal: Signal) -> Terminal:
        if not self.on or self._interlocked():
            nothing = np.zeros((int(signal.measured.sum()), 1))
            return Terminal(nothing, nothing, nothing.astype(np.bool_))
        terminal = self._lab.play(
            self._route(), signal, output_ohm=0.0, limit_a=self.level.limit_a,
            time_s=self._played_s,
        )  # fmt: skip
        self._played_s += float(signal.duration_s.sum())
        return terminal


_UNMEASURED = np.zeros(1, np.bool_)


def _once(pieces: int) -> Integers:
    return np.array([[0, pieces, 1]])


def _constant(voltage_v: float, duration_s: Floats, *, measured: bool) -> Signal:
    levels_v = np.full(len(duration_s), voltage_v)
    return Signal(
        duration_s, levels_v, levels_v, np.full(len(levels_v), measured),
        np.array([[0, len(levels_v), 1]]),
    )  # fmt: skip
