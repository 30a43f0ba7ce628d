"""Fitting all amplitudes that were measured, each judged by points that its fit did not see."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.judging.judge import (
    Judgement,
    Reference,
    fitted_reference,
    judge,
    known_reference,
    own_posterior,
)
from hil.protocols.jump_table.metrics import Interval, ovle, pit, refits, ssd
from hil.protocols.jump_table.points import Floats, Points
from hil.protocols.jump_table.profile import Profile
from hil.protocols.jump_table.reading.measured import Measured
from hil.protocols.jump_table.reading.read_errors import corrected
from hil.protocols.jump_table.reading.read_noise import ReadNoise

HELD_OUT = 1 / 3
"""Share of the points that a fit is judged by and does not see."""
LEAST_TO_SPLIT = 120
"""Points of an amplitude from which a third carries a fit of its own."""
REFITS = 60
"""Fits to resampled points, for the bands of methods without draws of their own."""


class Meter(NamedTuple):
    """What the points were read with.

    Attributes
    ----------
    measured : Measured
        All that it read.
    noise : ReadNoise or None
        What is to be taken out of fits; None if that is not known, or is to stay.
    """

    measured: Measured
    noise: ReadNoise | None = None

    def clean(self, fit: Fit, points: Points) -> Fit:
        """Take the noise out of a fit to points of one amplitude."""
        if self.noise is None:
            return fit
        return corrected(fit, self.noise, self.measured.alike(points))


@dataclass(frozen=True, eq=False)
class Fitted:
    """One amplitude with its fit.

    Attributes
    ----------
    points : Points
        All of them.
    seen, model : Fit
        To all of them, as the meter shows them, and without its noise.
    pit : (points,) float64
        Probability of a smaller step at each point.
    ssd, ovle : Interval
        How far the model is from the device, by its own posterior.
    """

    points: Points
    seen: Fit
    model: Fit
    pit: Floats
    ssd: Interval
    ovle: Interval


def fit_all(points: Points, method: Method, seed: int, meter: Meter) -> Fitted:
    """Fit one amplitude to all its points, and tell its own error."""
    rng = rng_of(seed, points, "fit")
    fit = method.fit(points, rng)
    posterior = meter.clean(own_posterior(fit, points, rng), points)
    reference = Reference(posterior.profile, posterior.draws, own=True)
    if fit.draws is None and method.quick:
        draws = refits(method, points, rng, REFITS, fit.profile.conductance_s)
        fit = Fit(fit.profile, draws, fit.figures)
    model = meter.clean(fit, points)
    return Fitted(
        points,
        fit,
        model,
        pit(fit.profile, points, rng),
        reference.distance(ssd, model.profile),
        reference.distance(ovle, model.profile),
    )


@dataclass(frozen=True)
class Tried:
    """A method on one amplitude: fitted to two thirds of the points, judged by the third.

    ``judgement`` is None for fewer than 120 points; ``seconds`` is how long the fit took.
    """

    method: str
    voltage_v: float
    judgement: Judgement | None
    seconds: float | None

    def figures(self) -> dict[str, Any]:
        """Give it to programs."""
        told = {} if self.judgement is None else self.judgement.figures()
        return {
            "method": self.method, "voltage_v": self.voltage_v, "seconds": self.seconds, **told
        }  # fmt: skip


def held_out(
    points: Points,
    name: str,
    method: Method,
    truths: Mapping[float, Profile],
    seed: int,
    meter: Meter,
) -> Tried:
    """Judge a method by points that it does not see; all methods get the same split.

    SSD and OVLE are to the simulated device where it is known, else to a spline that is fitted to
    the points that were held out.
    """
    if len(points) < LEAST_TO_SPLIT:
        return Tried(name, points.voltage_v, None, None)
    seen, unseen = points.split(rng_of(seed, points, "split"), [1 - HELD_OUT, HELD_OUT])
    rng = rng_of(seed, points, name)
    began_s = time.perf_counter()
    fit = method.fit(seen, rng)
    seconds = time.perf_counter() - began_s
    reference = known_reference(truths, points.voltage_v)
    if reference is None:
        reference = fitted_reference(unseen, rng_of(seed, points, "reference"))
    model = meter.clean(fit, points).profile
    judgement = judge(model, unseen, reference, rng, seen=fit.profile)
    return Tried(name, points.voltage_v, judgement, seconds)


def rng_of(seed: int, points: Points, purpose: str) -> np.random.Generator:
    """Make the generator of a purpose; it knows nothing of other methods and amplitudes."""
    amplitude = round(points.voltage_v * 1e6) & 0xFFFFFFFF
    return np.random.default_rng([seed, amplitude, *purpose.encode()])
