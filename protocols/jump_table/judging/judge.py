"""How good a jump table is: how far from its device, and whether points look like its own."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.fitting.spline import Spline
from hil.protocols.jump_table.metrics import (
    Distance,
    Interval,
    fitted_interval,
    fixed_interval,
    ks_interval,
    mean_interval,
    nll_each,
    ovle,
    pit_interval,
    ssd,
)
from hil.protocols.jump_table.metrics.intervals import Metric
from hil.protocols.jump_table.points import Floats, Points
from hil.protocols.jump_table.profile import Profile

RESAMPLES = 100
"""Resamples for the interval of a distance, and redraws of the model for what is usual."""

MOST = 20_000
"""Points that are judged, drawn from more: these show a distance of 0.02, a million take hours."""


class Reference(NamedTuple):
    """What stands for the device.

    Attributes
    ----------
    profile : Profile
        The device's own, or a fit to points of it.
    draws : (draws, 2, m) float64 or None
        Of that fit; None where the profile is the device itself.
    own : bool
        Whether what is judged was fitted to the same points.
    """

    profile: Profile
    draws: Floats | None = None
    own: bool = False

    def distance(self, metric: Metric, model: Profile) -> Interval:
        """Tell how far a model is from the device, with a 95 % interval."""
        if self.draws is None:
            axis_s = self.profile.conductance_s
            exact = float(metric(*model.moments(axis_s), *self.profile.moments(axis_s)))
            return Interval(exact, exact, exact)
        interval = fitted_interval if self.own else fixed_interval
        return interval(metric, model, self.profile, self.draws)


class Judgement(NamedTuple):
    """What points and a reference say about a model of one amplitude.

    Attributes
    ----------
    voltage_v : float
        The amplitude (V).
    points : int
        How many points it was judged on.
    ssd, ovle : Interval
        Switching sign discrepancy and overlapping error to the device (Yousuf 2023, eq. 6, 8).
    ks, pit : Distance
        Peacock's distance of the points from the model's, and that of their PIT from uniform.
    nll : Interval
        Mean negative log-likelihood of a point.
    """

    voltage_v: float
    points: int
    ssd: Interval
    ovle: Interval
    ks: Distance
    pit: Distance
    nll: Interval

    def figures(self) -> dict[str, Any]:
        """Give it to programs."""
        return {
            name: value._asdict() if isinstance(value, (Interval, Distance)) else value
            for name, value in self._asdict().items()
        }


def judge(
    model: Profile,
    points: Points,
    reference: Reference,
    rng: np.random.Generator,
    *,
    seen: Profile | None = None,
) -> Judgement:
    """Judge a model of one amplitude.

    Parameters
    ----------
    model : Profile
        What the device is said to do.
    points : Points
        What was measured; not what the model was fitted to, or KS, PIT and NLL flatter it. Of
        more than 20,000 as many are drawn.
    reference : Reference
        What stands for the device.
    rng : Generator
        Of redraws and resamples.
    seen : Profile, optional
        The model as the meter shows it, if its read noise is no part of the model. The points
        see it, and so does a reference that was fitted to points; the device itself does not.
    """
    if len(points) > MOST:
        points = points.take(np.sort(rng.choice(len(points), MOST, replace=False)))
    shown = model if seen is None else seen
    beside = model if reference.draws is None else shown
    return Judgement(
        points.voltage_v,
        len(points),
        reference.distance(ssd, beside),
        reference.distance(ovle, beside),
        ks_interval(shown, points, rng, resamples=RESAMPLES),
        pit_interval(shown, points, rng, resamples=RESAMPLES),
        mean_interval(nll_each(shown, points), rng),
    )


def fitted_reference(points: Points, rng: np.random.Generator) -> Reference:
    """Let a spline that is fitted to points stand for their device."""
    fit = Spline().fit(points, rng)
    return Reference(fit.profile, fit.draws)


def own_posterior(fit: Fit, points: Points, rng: np.random.Generator) -> Fit:
    """Find what tells a fit's own error: its draws, else a spline's to the same points."""
    return fit if fit.draws is not None else Spline().fit(points, rng)


def known_reference(truths: Mapping[float, Profile], voltage_v: float) -> Reference | None:
    """Take the simulated device itself, where it is one."""
    truth = truths.get(voltage_v)
    return None if truth is None else Reference(truth)
