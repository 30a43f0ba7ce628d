"""Standard pulses of the virtual 4200A: trains and amplitude sweeps, pulse I-V and waveforms.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, section 7. The width is the full width at
half maximum; edges run from 0 to 100 %.
Not modelled: sweeps of the base or of DC, steppers, load-line effect compensation.
"""

import math
from dataclasses import dataclass

import numpy as np

from hil.simulators.instruments.keithley4200.run import Data
from hil.simulators.instruments.keithley4200.sarb import Setup
from hil.simulators.instruments.keithley4200.track import Track
from hil.simulators.instruments.keithley4200.unconfirmed import SPOT_MEAN_TIME
from hil.simulators.instruments.keithley4200.waveform import Block, BlockBuilder, Window, samples
from hil.simulators.instruments.kxci import Refused

NONE, SPOT_DISCRETE, WAVEFORM_DISCRETE, SPOT_AVERAGE, WAVEFORM_AVERAGE = range(5)
"""What is measured (`:PMU:MEASURE:MODE`)."""

LONGEST_PERIOD_S = 1.0
LONGEST_EDGE_S = 33e-3
SHORTEST_OFF_S = 40e-9
SHORTEST_S = {10.0: (60e-9, 40e-9, 20e-9), 40.0: (500e-9, 250e-9, 50e-9)}
"""Shortest period, width and edge by source range (V to s)."""


@dataclass
class Pulses:
    """What the standard pulses of one channel are like; the values are the manual's defaults.

    Attributes
    ----------
    base_v, amplitudes_v :
        Low level, and the high level of each step of a sweep (one for a train).
    period_s, width_s, rise_s, fall_s, delay_s : float
        Width at half maximum, edges 0 to 100 %.
    high, low : bool
        What a pulse I-V measures.
    window : (float, float)
        Which part of the flat level a spot mean averages.
    before, after : float
        What a waveform shows before and after the pulse, in widths.
    """

    base_v: float = 0.0
    amplitudes_v: tuple[float, ...] = (0.0,)
    period_s: float = 1e-6
    width_s: float = 500e-9
    rise_s: float = 100e-9
    fall_s: float = 100e-9
    delay_s: float = 0.0
    high: bool = True
    low: bool = True
    window: tuple[float, float] = (0.75, 0.90)
    before: float = 0.0
    after: float = 0.0

    def sweep(self, start: float, stop: float, step: float, base: float, *, dual: bool) -> None:
        """Take an amplitude sweep (V), there and back if *dual*; raises Refused (-969)."""
        if step == 0.0:
            raise Refused(-969)
        count = int(abs((stop - start) / step) + 1.5)
        levels_v = start + math.copysign(step, stop - start) * np.arange(count)
        there: list[float] = levels_v.tolist()
        self.base_v, self.amplitudes_v = base, (*there, *(there[-2::-1] if dual else ()))

    def track(self, setup: Setup, mode: int, count: int) -> Track:
        """Compile a burst of *count* pulses at each amplitude.

        Raises
        ------
        Refused
            -964 beyond the source range, -967 for impossible times.
        """
        self._check(setup)
        blocks = [self._block(amplitude_v, setup, mode) for amplitude_v in self.amplitudes_v]
        return Track(blocks, np.arange(len(blocks)), np.full(len(blocks), count, dtype=np.int64))

    def table(
        self, data: Data, mode: int, count: int
    ) -> tuple[tuple[str, ...], list[list[float]]]:
        """Arrange the rows of a test as the buffer has them: names of the columns, columns."""
        columns = [data.voltage_v, data.current_a, data.time_s, data.status.astype(float)]
        if mode in (SPOT_AVERAGE, WAVEFORM_AVERAGE) and len(data):
            shape = (len(self.amplitudes_v), count, -1)
            if len(data) % (shape[0] * count) == 0:
                whole = [column.reshape(shape) for column in columns]
                columns = [part.mean(axis=1).ravel() for part in whole[:2]]
                columns += [part[:, 0].ravel() for part in whole[2:]]
        if mode in (WAVEFORM_DISCRETE, WAVEFORM_AVERAGE):
            return ("V", "I", "T", "S"), [column.tolist() for column in columns]
        levels = "H" * self.high + "L" * self.low
        names = tuple(f"{quantity}{level}" for level in levels for quantity in "VITS")
        rows = len(columns[0]) // max(len(levels), 1)
        split = [column[: rows * len(levels)].reshape(rows, -1).T for column in columns]
        return names, [column[k].tolist() for k in range(len(levels)) for column in split]

    def _check(self, setup: Setup) -> None:
        period_s, width_s, edge_s = SHORTEST_S[setup.source_range_v]
        slack_s = 1e-12
        rest_s = self._rest_s
        if not (
            period_s - slack_s <= self.period_s <= LONGEST_PERIOD_S
            and width_s - slack_s <= self.width_s <= self.period_s - 10e-9 + slack_s
            and edge_s - slack_s <= min(self.rise_s, self.fall_s)
            and max(self.rise_s, self.fall_s) <= LONGEST_EDGE_S
            and self.width_s > 0.5 * (self.rise_s + self.fall_s)
            and rest_s >= SHORTEST_OFF_S - slack_s
        ):
            raise Refused(-967)
        levels_v = [*self.amplitudes_v, self.base_v]
        range_v = setup.source_range_v
        if max(map(abs, levels_v)) * setup.load_factor > range_v:
            raise Refused(-964)
        if max(levels_v) - min(levels_v) > range_v:
            raise Refused(-967)

    @property
    def _top_s(self) -> float:
        return self.width_s - 0.5 * (self.rise_s + self.fall_s)

    @property
    def _rest_s(self) -> float:
        return self.period_s - self.delay_s - self.rise_s - self._top_s - self.fall_s

    def _block(self, amplitude_v: float, setup: Setup, mode: int) -> Block:
        builder = BlockBuilder(setup.settling_s, SPOT_MEAN_TIME)
        high_v, low_v = amplitude_v * setup.load_factor, self.base_v * setup.load_factor
        before_s = min(self.before * self.width_s, self.delay_s)
        after_s = min(self.after * self.width_s, self._rest_s)
        for kind, lasting_s, start_v, stop_v in (
            ("delay", self.delay_s, low_v, low_v),
            ("rise", self.rise_s, low_v, high_v),
            ("top", self._top_s, high_v, high_v),
            ("fall", self.fall_s, high_v, low_v),
            ("rest", self._rest_s, low_v, low_v),
        ):
            if not lasting_s:
                continue
            window: Window | None = None
            if mode in (SPOT_DISCRETE, SPOT_AVERAGE):
                if (kind == "top" and self.high) or (kind == "rest" and self.low):
                    begin, end = (share * lasting_s for share in self.window)
                    window = Window(begin, end, setup.samples, waveform=False)
            elif mode in (WAVEFORM_DISCRETE, WAVEFORM_AVERAGE):
                begin = lasting_s - before_s if kind == "delay" else 0.0
                end = after_s if kind == "rest" else lasting_s
                parts = samples(end - begin, setup.rate)
                window = Window(begin, end, parts, waveform=True) if parts else None
            builder.add(lasting_s, start_v, stop_v, window)
        return builder.build()
