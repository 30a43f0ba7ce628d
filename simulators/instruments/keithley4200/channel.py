"""One output of a pulse card of the virtual 4200A: its settings, its meters, its RPM.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, section 7; status word: LPT Library
manual, p. 6-23.
"""

import math
import re
from dataclasses import dataclass, field

import numpy as np

from hil.simulators.instruments.keithley4200.pulse import Pulses
from hil.simulators.instruments.keithley4200.run import CURRENT_RANGES_A, EMPTY, Data, Meter, Run
from hil.simulators.instruments.keithley4200.sarb import Sequences, Setup
from hil.simulators.instruments.keithley4200.unconfirmed import (
    FIRST_RPM_MODE,
    PMU_CURRENT_OFFSET,
    PMU_LARGEST_VOLTAGE_OFFSET_V,
    PMU_VOLTAGE_OFFSET_V,
    RPM_SETTLING_S,
    load_factor,
)
from hil.simulators.instruments.lab.lab import Lab

Columns = tuple[tuple[str, ...], list[list[float]]]
"""Names of the columns of a buffer, and the columns."""

RPM_PULSE, RPM_CV, RPM_SMU, RPM_CV_4W = range(4)
"""What an RPM connects (manual, p. 7-22)."""

AUTO, LIMITED, FIXED = range(3)
SETTLED_TO = math.log(100.0)
"""Time constants in a settling time, which is to 1 %."""

_RANGES_A = {
    (True, 10.0): CURRENT_RANGES_A[:7],
    (False, 10.0): (10e-3, 200e-3),
    (True, 40.0): (100e-6, 10e-3, 800e-3),
    (False, 40.0): (100e-6, 10e-3, 800e-3),
}
"""Current ranges (A) with or without an RPM, by source range (V)."""

_MODULE = re.compile(r"PMU(\d)?(?:(RPM)(\d)?(?:-(\d))?)?")


@dataclass
class Settings:
    """What `:PMU:INIT` puts back to its defaults, for one channel."""

    source_range_v: float = 10.0
    range_type: int = FIXED
    range_a: float = 10e-3
    load_ohm: float = 1e6
    llec: bool = False
    wanted: bool = False
    pulses: Pulses = field(default_factory=Pulses)
    sequences: Sequences = field(default_factory=Sequences)


@dataclass
class Channel:
    """One output of a pulse card.

    Attributes
    ----------
    number : int
        1 and 2 are on PMU1, 3 and 4 on PMU2.
    rpm : bool
        Whether it has a 4225-RPM.
    rpm_mode : int
        What the RPM connects to the device.
    on : bool
        Whether the output is on.
    offset_v, offset_a : float
        Of the voltmeter (V), and of the ammeter as a share of its range.
    """

    number: int
    rpm: bool
    offset_v: float
    offset_a: float
    rpm_mode: int = FIRST_RPM_MODE
    on: bool = False
    settings: Settings = field(default_factory=Settings)
    run: Run | None = None
    columns: Columns = field(default_factory=lambda: rows(EMPTY))

    @property
    def port(self) -> str:
        """Its name on the back panel: PMU1-1."""
        return f"PMU{(self.number + 1) // 2}-{2 - self.number % 2}"

    @property
    def reached(self) -> str:
        """Where its pulses come out: at its port, or nowhere if the RPM leads elsewhere."""
        if self.rpm and self.rpm_mode != RPM_PULSE:
            return f"{self.port} behind its RPM"
        return self.port

    def fixed_range_a(self) -> float:
        """Choose the range (A) that holds what was asked for."""
        ranges_a = _RANGES_A[self.rpm, self.settings.source_range_v]
        wanted_a = self.settings.range_a * (1 - 1e-9)
        return next((range_a for range_a in ranges_a if range_a >= wanted_a), ranges_a[-1])

    def setup(self, rate: float, samples: int, *, ideal: bool) -> Setup:
        """Say what a waveform is compiled with."""
        settings = self.settings
        exact = ideal or settings.range_type != FIXED
        settling_s = 0.0 if exact else RPM_SETTLING_S[self.fixed_range_a()] / SETTLED_TO
        return Setup(
            settings.source_range_v, load_factor(settings.load_ohm), rate, samples, settling_s
        )

    def meter(self, samples: int, *, ideal: bool) -> Meter:
        """Say how a test is measured."""
        settings = self.settings
        ranges_a = _RANGES_A[self.rpm, settings.source_range_v]
        least_a = self.fixed_range_a()
        if settings.range_type == FIXED:
            ranges_a = (least_a,)
        elif settings.range_type == LIMITED:
            ranges_a = tuple(range_a for range_a in ranges_a if range_a >= least_a)
        status = (
            (self.number & 3)
            | (settings.source_range_v == 40.0) << 2
            | (self.rpm and self.rpm_mode == RPM_PULSE) << 24
            | settings.llec << 28
        )
        return Meter(
            ranges_a, settings.source_range_v, samples, ideal, self.offset_v, self.offset_a, status
        )


def rows(data: Data) -> Columns:
    """Arrange the rows of a test as the buffer has them."""
    columns = (data.voltage_v, data.current_a, data.time_s, data.status)
    return ("V", "I", "T", "S"), [column.tolist() for column in columns]


def make_channels(lab: Lab, modules: list[str]) -> list[Channel]:
    """Find the channels among what is built in: PMU1, PMURPM1, PMU1RPM1-2."""
    with_rpm: dict[int, bool] = {}
    for module in modules:
        match = _MODULE.match(module.upper())
        if match is None:
            continue
        card = int(match[1] or match[3] or 1)
        for channel in (1, 2):
            number = 2 * (card - 1) + channel
            rpm = match[2] is not None and (match[4] is None or int(match[4]) == channel)
            with_rpm[number] = with_rpm.get(number, False) or rpm
    return [_make_channel(lab, number, rpm) for number, rpm in sorted(with_rpm.items())]


def _make_channel(lab: Lab, number: int, rpm: bool) -> Channel:
    draw_v, draw_a = lab.noise(f"offsets of pulse channel {number}").normals(2)
    most_v = PMU_LARGEST_VOLTAGE_OFFSET_V
    offset_v = float(np.clip(draw_v * PMU_VOLTAGE_OFFSET_V, -most_v, most_v))
    return Channel(number, rpm, offset_v, float(draw_a) * PMU_CURRENT_OFFSET)
