"""Fitting all amplitudes that were measured, each judged by points that its fit did not see."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.judging.judge import (
    Judgement,
    fitted_reference,
    judge,
    known_reference,
    own_reference,
)
from hil.protocols.jump_table.metrics import Interval, ovle, pit, refits, ssd
from hil.protocols.jump_table.points import Floats, Points
from hil.protocols.jump_table.profile import Profile

HELD_OUT = 1 / 3
"""Share of the points that a fit is judged by and does not see."""
LEAST_TO_SPLIT = 120
"""Points of an amplitude from which a third carries a fit of its own."""
REFITS = 60
"""Fits to resampled points, for the bands of methods without draws of their own."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """One amplitude with its fit.

    Attributes
    ----------
    points : Points
        All of them.
    fit : Fit
        To all of them.
    pit : (points,) float64
        Probability of a smaller step at each point.
    ssd, ovle : Interval
        How far the fit is from the device, by its own posterior.
    """

    points: Points
    fit: Fit
    pit: Floats
    ssd: Interval
    ovle: Interval


def fit_all(points: Points, method: Method, seed: int) -> Fitted:
    """Fit one amplitude to all its points, and tell its own error."""
    rng = _rng(seed, points, "fit")
    fit = method.fit(points, rng)
    reference = own_reference(fit, points, rng)
    if fit.draws is None and method.quick:
        draws = refits(method, points, rng, REFITS, fit.profile.conductance_s)
        fit = Fit(fit.profile, draws, fit.figures)
    return Fitted(
        points,
        fit,
        pit(fit.profile, points, rng),
        reference.distance(ssd, fit.profile),
        reference.distance(ovle, fit.profile),
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
) -> Tried:
    """Judge a method by points that it does not see; all methods get the same split.

    SSD and OVLE are to the simulated device where it is known, else to a spline that is fitted to
    the points that were held out.
    """
    if len(points) < LEAST_TO_SPLIT:
        return Tried(name, points.voltage_v, None, None)
    seen, unseen = points.split(_rng(seed, points, "split"), [1 - HELD_OUT, HELD_OUT])
    rng = _rng(seed, points, name)
    began_s = time.perf_counter()
    fit = method.fit(seen, rng)
    seconds = time.perf_counter() - began_s
    reference = known_reference(truths, points.voltage_v)
    if reference is None:
        reference = fitted_reference(unseen, _rng(seed, points, "reference"))
    judgement = judge(fit.profile, unseen, reference, rng)
    return Tried(name, points.voltage_v, judgement, seconds)


def _rng(seed: int, points: Points, purpose: str) -> np.random.Generator:
    """Make the generator of a purpose; it knows nothing of other methods and amplitudes."""
    amplitude = round(points.voltage_v * 1e6) & 0xFFFFFFFF
    return np.random.default_rng([seed, amplitude, *purpose.encode()])
