"""How far a model is from a device that was measured: table by table, and on a network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.fitting.local import Local
from hil.protocols.jump_table.judging.judge import (
    Judgement,
    fitted_reference,
    judge,
    known_reference,
)
from hil.protocols.jump_table.models.truth import axis_of, tables_of, truths_of
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from hil.protocols.jump_table.reading.measured import Measured
from hil.protocols.jump_table.reading.read_errors import blurred
from hil.protocols.jump_table.reading.read_noise import ReadNoise
from hil.units import format_quantity

NEAR = 0.01
"""Amplitudes and widths that differ by less than this part of themselves are the same."""


@dataclass(frozen=True, eq=False)
class Twin:
    """One amplitude of a device and of its model.

    Attributes
    ----------
    points : Points
        The device's.
    model : Profile
        The model's table.
    truth : Profile or None
        The device's own, where it is a simulated one.
    judgement : Judgement
        How far they are apart.
    """

    points: Points
    model: Profile
    truth: Profile | None
    judgement: Judgement


class Comparison:
    """A run beside a model file.

    Parameters
    ----------
    measured : Measured
        Points of the device.
    model : str
        A model file, or a shipped one's name.
    seed : int
        Of redraws and resamples.

    Raises
    ------
    ConfigError
        If the model has no jump tables, or none for these pulses.
    """

    def __init__(self, measured: Measured, model: str, seed: int) -> None:
        self.measured = measured
        self.seed = seed
        self.name = Path(model).stem
        self.tables = tables_of(model, axis_of(measured))
        self.truths = truths_of(measured)
        self._refuse_width()
        found = {points.voltage_v: self._table(points.voltage_v) for points in measured.amplitudes}
        self.profiles = {volts: table for volts, table in found.items() if table is not None}
        self.missing = [volts for volts, table in found.items() if table is None]
        if not self.profiles:
            raise ConfigError(
                f"{model} has tables for {_volts(list(self.tables.profiles))} and the points are "
                f"at {_volts(self.missing)}; there is nothing to compare"
            )

    @property
    def same_run(self) -> bool:
        """Whether the model was fitted to the very points that it is compared with."""
        return Path(self.measured.source).name in self.tables.source

    def twin(self, points: Points) -> Twin:
        """Judge the model's table for one amplitude."""
        rng = np.random.default_rng([self.seed, round(points.voltage_v * 1e6) & 0xFFFFFFFF])
        model = self.profiles[points.voltage_v]
        reference = known_reference(self.truths, points.voltage_v)
        if reference is None:
            reference = fitted_reference(points, rng)
        seen = None
        if self.tables.noise:
            axis_s = model.conductance_s
            tau_s = self.tables.noise * axis_s
            noise = ReadNoise(axis_s, tau_s, tau_s, tau_s, 0)
            seen = blurred(model, noise, list(self.measured.amplitudes))
        judgement = judge(model, points, reference, rng, seen=seen)
        return Twin(points, model, self.truths.get(points.voltage_v), judgement)

    def pair(self, voltages_v: tuple[float, float] | None) -> tuple[float, float]:
        """Choose the amplitudes that train a network: those told, else the weakest of each sign.

        Raises
        ------
        ConfigError
            If there are no points, or no tables, of one of them.
        """
        have = sorted(self.profiles, key=abs)
        if voltages_v is not None:
            for volts in voltages_v:
                if not any(abs(volts - v) <= NEAR * abs(v) for v in have):
                    raise ConfigError(
                        f"there are no points and table for {volts:+.4g} V to train with; there "
                        f"are for {_volts(have)}"
                    )
            return voltages_v
        up, down = (next((v for v in have if v * sign > 0), None) for sign in (1, -1))
        if up is None or down is None:
            raise ConfigError(
                f"a network needs a SET and a RESET pulse, and there are only {_volts(have)}; "
                "measure an amplitude of the other sign"
            )
        return up, down

    def device(self, pair: tuple[float, float]) -> tuple[Synapses, str]:
        """Give what stands for the device on a network, and what that is."""
        if all(volts in self.truths for volts in pair):
            return self._synapses(self.truths, pair), "the simulated device itself"
        rng = np.random.default_rng([self.seed, 1])
        fits = {
            points.voltage_v: Local().fit(points, rng).profile
            for points in self.measured.amplitudes
            if points.voltage_v in pair
        }
        return self._synapses(fits, pair), "a table of the run's own points (method local)"

    def model(self, pair: tuple[float, float]) -> Synapses:
        """Give the model on a network."""
        return self._synapses(self.profiles, pair)

    def _synapses(self, profiles: dict[float, Profile], pair: tuple[float, float]) -> Synapses:
        """Take the pulse that raises G in the middle for SET."""
        middle_s = [float(np.mean(self.measured.range_s))]
        rising = sorted(pair, key=lambda volts: float(profiles[volts].moments(middle_s)[0][0]))
        return Synapses(profiles[rising[1]], profiles[rising[0]], *self.measured.range_s)

    def _table(self, voltage_v: float) -> Profile | None:
        for volts, profile in self.tables.profiles.items():
            if abs(volts - voltage_v) <= NEAR * abs(voltage_v):
                return profile
        return None

    def _refuse_width(self) -> None:
        width_s, known_s = self.tables.pulse_high_s, self.measured.pulse_high_s
        if known_s is not None and abs(width_s - known_s) > NEAR * known_s:
            raise ConfigError(
                f"the run's pulses are {format_quantity(known_s, 's')} wide and the model's "
                f"{format_quantity(width_s, 's')}; it is a model of other pulses"
            )


def _volts(voltages_v: list[float]) -> str:
    return ", ".join(f"{volts:+.4g} V" for volts in sorted(voltages_v))
