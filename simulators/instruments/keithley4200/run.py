"""A test of a pulse channel of the virtual 4200A: it is played when its end has passed."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.keithley4200.track import Track
from hil.simulators.instruments.keithley4200.unconfirmed import PMU_EDGE_S, RPM_NOISE_A
from hil.simulators.instruments.keithley4200.waveform import Flags, Integers
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.models.drive import Floats
from hil.simulators.readout import Readout

OUTPUT_OHM = 50.0
"""Output resistance of a pulse channel (manual, section 7)."""

COUNTS = 32768
"""Counts from zero to the end of a range of the voltmeter and the ammeter."""

DIGITS = 6
"""Significant digits of what is told (the manual's example ``0.00788628,-21.7246e-9``)."""

CURRENT_RANGES_A = (100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 200e-3, 800e-3)
"""By the code that the status word has for them (LPT Library manual, p. 6-23)."""


@cache
def readout(range_a: float, range_v: float, samples: int, *, ideal: bool) -> Readout:
    """Describe the meters of a channel on its ranges."""
    return Readout(
        noise_a=0.0 if ideal else RPM_NOISE_A[range_a],
        range_a=range_a,
        voltage_range_v=range_v,
        counts=COUNTS,
        samples=samples,
        digits=DIGITS,
    )


@dataclass(frozen=True)
class Meter:
    """How a channel measures.

    Attributes
    ----------
    ranges_a : tuple of float
        Ranges of the ammeter that may be used, smallest first; one of them if it is fixed.
    range_v : float
        Range of source and voltmeter (V).
    samples : int
        Equal parts that a spot mean averages.
    ideal : bool
        No noise, offset and settling.
    offset_v, offset_a : float
        What the voltmeter adds (V); what the ammeter adds, as a share of its range.
    status : int
        The status word but for its type of measurement, its current range and its overflow.
    """

    ranges_a: tuple[float, ...]
    range_v: float
    samples: int
    ideal: bool
    offset_v: float
    offset_a: float
    status: int

    def range_for(self, current_a: Floats) -> float:
        """Choose the smallest range (A) that holds the currents of a test."""
        if len(self.ranges_a) == 1:
            return self.ranges_a[0]
        largest_a = float(np.abs(current_a).max())
        return next(
            (range_a for range_a in self.ranges_a if range_a >= largest_a), self.ranges_a[-1]
        )


@dataclass(frozen=True, eq=False)
class Data:
    """The buffer of a channel: one row for each measurement.

    Attributes
    ----------
    voltage_v, current_a, time_s : (rows,) float64
        At the output; times from the start of the test.
    status : (rows,) int64
        Status words.
    """

    voltage_v: Floats
    current_a: Floats
    time_s: Floats
    status: Integers

    def __len__(self) -> int:
        return len(self.time_s)


EMPTY = Data(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.int64))


@dataclass(frozen=True, eq=False)
class Run:
    """A track under way.

    Attributes
    ----------
    port : str
        Where it comes out.
    track : Track
        What is played.
    meter : Meter
        How it is measured.
    start_s : float
        Lab time at which it began (s).
    """

    port: str
    track: Track
    meter: Meter
    start_s: float

    @property
    def end_s(self) -> float:
        """Lab time at which it is over (s)."""
        return self.start_s + self.track.length_s

    def finish(self, lab: Lab, until_s: float | None = None) -> Data:
        """Play it on the cell, cut at the lab time *until_s* if that comes first; measure."""
        aborted = until_s is not None and until_s < self.end_s
        if until_s is not None and aborted:
            track = self.track.cut(until_s - self.start_s, PMU_EDGE_S)
        else:
            track = self.track.to_zero(PMU_EDGE_S)
        terminal = lab.play(
            self.port, track.signal(), output_ohm=OUTPUT_OHM, limit_a=np.inf,
            time_s=self.start_s, aborted=aborted,
        )  # fmt: skip
        if not len(terminal.current_a):
            return EMPTY
        rows = track.rows()
        voltage_v = terminal.voltage_v + terminal.current_a * lab.plan.series_ohm
        current_a = terminal.current_a * rows.settled[:, None]
        meter = self.meter
        range_a = meter.range_for(current_a)
        noise = None
        if not meter.ideal:
            voltage_v = voltage_v + meter.offset_v
            current_a = current_a + meter.offset_a * range_a
            noise = lab.noise(self.port).normals(len(rows.time_s))[:, None]
        seen = _Seen(current_a, voltage_v, noise, rows.parts, rows.waveform)
        told_a, told_v, over = self._read(seen, range_a)
        status = np.where(rows.waveform, 0x20000, 0x10000)
        status += meter.status | CURRENT_RANGES_A.index(range_a) << 4
        if over.any():
            status |= np.where(over, np.where(told_a < 0, 0x400, 0x800), 0)
        return Data(told_v, told_a, rows.time_s, status)

    def _read(self, seen: "_Seen", range_a: float) -> tuple[Floats, Floats, Flags]:
        """Read spot means and samples of waveforms: current, voltage, over range, each (rows,)."""
        meter, waveform = self.meter, seen.waveform
        if waveform.any() and not waveform.all():
            told = (
                np.empty(len(waveform)),
                np.empty(len(waveform)),
                np.empty(len(waveform), bool),
            )
            for rows in (waveform, ~waveform):
                some = self._read(seen.only(rows), range_a)
                for whole, part in zip(told, some, strict=True):
                    whole[rows] = part
            return told
        samples = 1 if waveform[0] else meter.samples
        reads = readout(range_a, meter.range_v, samples, ideal=meter.ideal)
        a, v, over = reads.measured(seen.current_a, seen.voltage_v, seen.noise)
        return a[:, 0], v[:, 0], over[:, 0]


class _Seen(NamedTuple):
    """What comes to the meters: (parts, 1) values, (rows, 1) noise and what the rows are."""

    current_a: Floats
    voltage_v: Floats
    noise: Floats | None
    parts: Integers
    waveform: Flags

    def only(self, rows: Flags) -> "_Seen":
        """Pick some of the rows with their parts."""
        pieces = np.repeat(rows, self.parts)
        return _Seen(
            self.current_a[pieces], self.voltage_v[pieces],
            None if self.noise is None else self.noise[rows],
            self.parts[rows], self.waveform[rows],
        )  # fmt: skip
