"""What a channel's meters make of what is at its terminals: ranges, errors, noise, resolution."""

from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.lab.lab import Noise
from hil.simulators.instruments.smu.model import (
    Accuracy,
    ChannelModel,
    Flags,
    Integration,
    held,
)
from hil.simulators.models.drive import Floats, Terminal
from hil.simulators.readout import Readout

_SIGMAS = 3.0
"""A new instrument is off by a third of its one-year accuracy, rms, and never by more than it."""


METER = 1.055
"""A meter reads on a little beyond the 105 % up to which its range is chosen."""


class Calibration(NamedTuple):
    """How far off one range of one instrument really is: value * gain + offset is added."""

    gain: float = 0.0
    offset: float = 0.0


def calibrated(
    ranges: tuple[float, ...], accuracy: tuple[Accuracy, ...], noise: Noise
) -> dict[float, Calibration]:
    """Draw the errors of all ranges; always as many numbers, whatever the accuracy."""
    drawn = np.clip(noise.normals(2 * len(ranges)) / _SIGMAS, -1, 1).reshape(-1, 2)
    found = {}
    for end, (gain, offset) in zip(ranges, drawn.tolist(), strict=True):
        near = min(accuracy, key=lambda row: abs(np.log(row.range / end)), default=None)
        found[end] = Calibration()
        if near is not None:
            found[end] = Calibration(gain * near.gain, offset * near.offset * end / near.range)
    return found


class Told(NamedTuple):
    """What the meters tell, each (readings,); ranges in V and A."""

    voltage_v: Floats
    current_a: Floats
    over_v: Flags
    over_a: Flags
    range_v: Floats
    range_a: Floats


class Meter:
    """The voltmeter and the ammeter of one channel.

    Parameters
    ----------
    model : ChannelModel
        Ranges, counts, noise and accuracy.
    noise, calibration : Noise
        Random numbers of the readings and of the errors that it is built with.
    ideal : bool
        No errors and no noise, only ranges and resolution.
    samples : int
        Equal parts of an integration that are averaged.
    """

    def __init__(
        self,
        model: ChannelModel,
        noise: Noise,
        calibration: Noise,
        *,
        ideal: bool,
        samples: int,
    ) -> None:
        self._model = model
        self._noise = noise
        self._ideal = ideal
        self._samples = samples
        self._off_v = calibrated(model.ranges_v, () if ideal else model.measured_v, calibration)
        self._off_a = calibrated(model.ranges_a, () if ideal else model.measured_a, calibration)

    def read(self, terminal: Terminal, integrations: list[Integration]) -> Told:
        """Average each reading, choose its ranges, add errors and noise, and round."""
        count = len(integrations)
        voltage_v = terminal.voltage_v.reshape(count, self._samples)
        current_a = terminal.current_a.reshape(count, self._samples)
        noise = np.zeros((2, count)) if self._ideal else self._noise.normals(2 * count)
        noise = noise.reshape(2, count) / np.sqrt([one.cycles for one in integrations])
        range_v = self._ranges(self._model.ranges_v, voltage_v, [
            (one.fixed_v, one.lowest_v) for one in integrations
        ])  # fmt: skip
        range_a = self._ranges(self._model.ranges_a, current_a, [
            (one.fixed_a, one.lowest_a) for one in integrations
        ])  # fmt: skip
        told = Told(
            np.empty(count), np.empty(count), np.zeros(count, np.bool_),
            np.zeros(count, np.bool_), range_v, range_a,
        )  # fmt: skip
        for ends in sorted({*zip(range_v.tolist(), range_a.tolist(), strict=True)}):
            chosen = (range_v == ends[0]) & (range_a == ends[1])
            volts, amperes = voltage_v[chosen], current_a[chosen]
            self._tell(told, chosen, ends, volts, amperes, noise[:, chosen])
        return told

    def _tell(
        self,
        told: Told,
        chosen: Flags,
        ends: tuple[float, float],
        volts: Floats,
        amperes: Floats,
        noise: Floats,
    ) -> None:
        """Fill in the readings that have the same two ranges."""
        off_v, off_a = self._off_v[ends[0]], self._off_a[ends[1]]
        each = self._model.noise * noise
        volts = volts * (1 + off_v.gain) + off_v.offset + ends[0] * each[0][:, None]
        amperes = amperes * (1 + off_a.gain) + off_a.offset + ends[1] * each[1][:, None]
        meters = Readout(
            range_a=ends[1] * METER,
            voltage_range_v=ends[0] * METER,
            counts=round(self._model.counts * METER),
            samples=self._samples,
        )
        most_v = ends[0] * METER * (1 + 0.5 / self._model.counts)
        told.over_v[chosen] = np.abs(volts.mean(axis=1)) > most_v
        read_a, read_v, over = meters.measured(amperes.reshape(-1, 1), volts.reshape(-1, 1))
        told.current_a[chosen], told.voltage_v[chosen] = read_a[:, 0], read_v[:, 0]
        told.over_a[chosen] = over[:, 0]

    def _ranges(
        self, ranges: tuple[float, ...], values: Floats, wanted: list[tuple[float | None, float]]
    ) -> Floats:
        """Tell the range of each reading: the fixed one, or the smallest that holds it."""
        lowest = np.array([low for _, low in wanted])
        chosen = held(ranges, np.maximum(np.abs(values).mean(axis=1), lowest * (1 - 1e-9)))
        fixed = np.array([np.nan if end is None else end for end, _ in wanted])
        return np.where(np.isnan(fixed), chosen, fixed)
