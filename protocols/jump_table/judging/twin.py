"""How far a model is from a device that was measured: table by table, and on a network."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.fitting.local import Local
from hil.protocols.jump_table.judging.fitted import rng_of
from hil.protocols.jump_table.judging.judge import (
    Judgement,
    fitted_reference,
    judge,
    known_reference,
)
from hil.protocols.jump_table.models.truth import NEAR, axis_of, table_for, tables_of, truths_of
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from hil.protocols.jump_table.reading.measured import Measured
from hil.protocols.jump_table.reading.read_errors import blurred, corrected
from hil.protocols.jump_table.reading.read_noise import ReadNoise
from hil.units import format_quantity


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
        tables = self.tables.profiles
        found = {one.voltage_v: table_for(one.voltage_v, tables) for one in measured.amplitudes}
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
        name = re.escape(Path(self.measured.source).resolve().name)
        return re.search(rf"(^|[\\/]){name}, [\d,]+ points$", self.tables.source) is not None

    def twin(self, points: Points) -> Twin:
        """Judge the model's table for one amplitude."""
        rng = rng_of(self.seed, points, "twin")
        model = self.profiles[points.voltage_v]
        reference = known_reference(self.truths, points.voltage_v)
        if reference is None:
            reference = fitted_reference(points, rng)
        noise = self._noise
        seen = None if noise is None else blurred(model, noise, self.measured.alike(points))
        judgement = judge(model, points, reference, rng, seen=seen)
        return Twin(points, model, self.truths.get(points.voltage_v), judgement)

    def pair(self, voltages_v: tuple[float, float] | None) -> tuple[float, float]:
        """Choose the amplitudes that train a network: those told, else the weakest of each sign.

        Raises
        ------
        ConfigError
            If there are no points, or no table, of one of them, or both have one sign.
        """
        have = sorted(self.profiles, key=abs)
        if voltages_v is not None:
            first, second = (self._known(volts) for volts in voltages_v)
            if first * second > 0:
                raise ConfigError(
                    f"a network needs a SET and a RESET pulse, and {_volts([first, second])} are "
                    "of one sign; choose one of each"
                )
            return first, second
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
        fits, noise = {}, self._noise
        for points in self.measured.amplitudes:
            if points.voltage_v in pair:
                fit = Local().fit(points, rng).profile
                if noise is not None:
                    fit = corrected(fit, noise, self.measured.alike(points))
                fits[points.voltage_v] = fit
        what = "a table of the run's own points (method local)"
        if noise is not None:
            what += ", the model's read noise taken out"
        return self._synapses(fits, pair), what

    def model(self, pair: tuple[float, float]) -> Synapses:
        """Give the model on a network."""
        return self._synapses(self.profiles, pair)

    def _synapses(self, profiles: dict[float, Profile], pair: tuple[float, float]) -> Synapses:
        """Take for SET, of model and device alike, the pulse that raised the device more."""
        steps_s = {one.voltage_v: float(one.step_s.mean()) for one in self.measured.amplitudes}
        reset, set_ = sorted(pair, key=lambda volts: steps_s[volts])
        return Synapses(profiles[set_], profiles[reset], *self.measured.range_s)

    @property
    def _noise(self) -> ReadNoise | None:
        """Read noise that was taken out of the model's tables, and stands beside them."""
        if not self.tables.noise:
            return None
        axis_s = axis_of(self.measured)
        tau_s = self.tables.noise * axis_s
        return ReadNoise(axis_s, tau_s, tau_s, tau_s, 0)

    def _known(self, voltage_v: float) -> float:
        """Find the amplitude of the points and of a table that is meant."""
        for volts in self.profiles:
            if abs(volts - voltage_v) <= NEAR * abs(volts):
                return volts
        raise ConfigError(
            f"there are no points or no table for {voltage_v:+.4g} V to train with; there are "
            f"both for {_volts(list(self.profiles))}"
        )

    def _refuse_width(self) -> None:
        width_s, known_s = self.tables.pulse_high_s, self.measured.pulse_high_s
        if known_s is not None and abs(width_s - known_s) > NEAR * known_s:
            raise ConfigError(
                f"the run's pulses are {format_quantity(known_s, 's')} wide and the model's "
                f"{format_quantity(width_s, 's')}; it is a model of other pulses"
            )


def _volts(voltages_v: list[float]) -> str:
    return ", ".join(f"{volts:+.4g} V" for volts in sorted(voltages_v))
