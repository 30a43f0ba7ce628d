"""What read noise does to a jump table, and how to take it out.

A point is two readings: G0 before the pulse and G1 after it, each with an error of rms tau. The
step G1 - G0 has both errors in it, and the conductance before it has one of them: the more a
reading came out too high, the further right the point lies and the smaller its step. With p the
density of the readings before pulses, the conductance that belongs to a reading is on average ::

    E[g0 | G0] = G0 + delta,    delta = (tau^2 p)' / p

away from it (M. Tweedie's formula: H. Robbins, Proc. 3rd Berkeley Symp. 1, 157 (1956); B. Efron,
J. Am. Stat. Assoc. 106, 1602 (2011); here to the first order in tau^2, tau a function of G). A
device whose steps have mean mu and sigma s then shows, to that order, ::

    E[dG | G0]   = mu + (1 + mu') delta
    Var[dG | G0] = s^2 + (s^2)' delta + (1 + mu')^2 tau^2 + E[tau^2(g1)]

(errors in variables: W. A. Fuller, Measurement Error Models, Wiley (1987)). The curvature of mu
and s^2 is left out: it would add ``mu'' tau^2 / 2`` and the like, under 0.001 s on the published
TiOx profiles with a tau of 2 %, and second derivatives of a fit are mostly noise. Which readings
are taken, those in a window, does not matter: all is for a given reading. That readings are
shared, one pulse's after being the next one's before, does not matter for the same reason.

0 V pulses show tau alone: their steps have the variance 2 tau^2. An error that two successive
readings share (a gain, a slow drift) is in no step, and is not seen and not corrected here. Nor
is what the noise does to the shape of the distribution, to readings within a few tau of a bound,
and beyond the first order, where tau is not small against the width of what is pulled (steps,
and the range of G).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from hil.protocols.jump_table.reading.density import LogDensity
from hil.protocols.jump_table.reading.read_noise import ReadNoise

Floats = NDArray[np.float64]

FLOOR = 0.1
"""Least sigma that is left, over the measured one: what is below cannot be told."""


@dataclass(frozen=True, eq=False)
class ReadEffect:
    """What read noise does to the profile of one amplitude.

    Attributes
    ----------
    conductance_s : (m,) float64
        Axis (S).
    variance_share : (m,) float64
        How much of the measured variance of a step is the meter's.
    shift_s : (m,) float64
        How far the mean is pulled (S), ``(1 + mu') delta``.
    shift_sigmas : float
        The largest of them by size, over the measured sigma there.
    slope_measured, slope : float
        Slope of the mean over G (least squares over the axis) as measured and with the pull
        taken out: 0 V pulses on a device that does not move have a slope of about
        ``-tau^2 / var(G)``.
    explained : float
        Part of the axis where the noise explains all of sigma, so that the device's own can only
        be said to be below `FLOOR` of the measured.
    """

    conductance_s: Floats
    variance_share: Floats
    shift_s: Floats
    shift_sigmas: float
    slope_measured: float
    slope: float
    explained: float

    def sentence(self) -> str:
        """Say it in a sentence."""
        text = (
            f"the meter makes {100 * self.variance_share.mean():.2g} % of the variance of a step "
            f"(at most {100 * self.variance_share.max():.2g} %) and pulls its mean by up to "
            f"{abs(self.shift_sigmas):.2g} sigma, so that the mean's slope of {self.slope:.3g} "
            f"reads {self.slope_measured:.3g}"
        )
        if self.explained > 0:
            text += (
                f"; over {100 * self.explained:.2g} % of G it explains all of sigma, and the "
                "device's own is not to be seen"
            )
        return text


def effect(profile: Profile, noise: ReadNoise, points: Points | Sequence[Points]) -> ReadEffect:
    """Tell what read noise does to a profile as it was measured.

    Parameters
    ----------
    profile : Profile
        Fitted to the points as they were read.
    noise : ReadNoise
        From `reading.read_noise`.
    points : Points or sequence of Points
        Whose conductances before pulses tell their density; all amplitudes of a run together,
        where these were drawn at random.
    """
    taken = _Taken(profile.conductance_s, noise, points)
    _, _, parts = taken.out_of(profile.mean_s, profile.sigma_s, taken.delta_s)
    axis_s = profile.conductance_s
    share = parts.variance / profile.sigma_s**2
    ratio = parts.shift_s / profile.sigma_s
    return ReadEffect(
        axis_s, share, parts.shift_s, float(ratio[np.abs(ratio).argmax()]),
        float(np.polyfit(axis_s - axis_s.mean(), profile.mean_s, 1)[0]),
        float(np.polyfit(axis_s - axis_s.mean(), profile.mean_s - parts.shift_s, 1)[0]),
        float(np.mean(share > 1 - FLOOR**2)),
    )  # fmt: skip


@overload
def corrected(fitted: Profile, noise: ReadNoise, points: Points | Sequence[Points]) -> Profile: ...
@overload
def corrected(fitted: Fit, noise: ReadNoise, points: Points | Sequence[Points]) -> Fit: ...
def corrected(
    fitted: Profile | Fit, noise: ReadNoise, points: Points | Sequence[Points]
) -> Profile | Fit:
    """Take read noise out of a profile: the pull out of the mean, the meter's part out of sigma.

    Sigma is never taken below a tenth of the measured (`FLOOR`); `effect` tells where that was.
    The shape of the distribution stays as measured.

    Parameters
    ----------
    fitted : Profile or Fit
        Fitted to the points as they were read. Of a fit the draws are corrected too, each with
        a draw of the density's slope.
    noise : ReadNoise
        From `reading.read_noise`.
    points : Points or sequence of Points
        As for `effect`.
    """
    profile = fitted.profile if isinstance(fitted, Fit) else fitted
    taken = _Taken(profile.conductance_s, noise, points)
    mean_s, sigma_s, _ = taken.out_of(profile.mean_s, profile.sigma_s, taken.delta_s)
    clean = Profile(profile.conductance_s, mean_s, sigma_s, profile.shape)
    if not isinstance(fitted, Fit):
        return clean
    draws = None if fitted.draws is None else taken.out_of_draws(fitted.draws)
    return Fit(clean, draws, {**fitted.figures, "read_noise_relative": noise.relative})


def blurred(profile: Profile, noise: ReadNoise, points: Points | Sequence[Points]) -> Profile:
    """Put read noise into a profile: what a meter with it would show of the device.

    Parameters
    ----------
    profile : Profile
        Of the device itself.
    noise : ReadNoise
        Of the meter.
    points : Points or sequence of Points
        As they were read with it, see `effect`.
    """
    axis_s = profile.conductance_s
    taken = _Taken(axis_s, noise, points)
    gain = 1 + np.gradient(profile.mean_s, axis_s)
    own = profile.sigma_s**2
    moved = np.maximum(own + np.gradient(own, axis_s) * taken.delta_s, 0.0)
    after = noise.at(axis_s + profile.mean_s) ** 2
    sigma_s = np.sqrt(moved + gain**2 * taken.tau2 + after)
    return Profile(axis_s, profile.mean_s + gain * taken.delta_s, sigma_s, profile.shape)


@dataclass(frozen=True)
class _Parts:
    """How far the mean is pulled (S), and the variance that is the meter's (S^2)."""

    shift_s: Floats
    variance: Floats


class _Taken:
    """Takes noise out of means and sigmas on one axis."""

    def __init__(
        self, axis_s: Floats, noise: ReadNoise, points: Points | Sequence[Points]
    ) -> None:
        every = [points] if isinstance(points, Points) else list(points)
        self.axis_s = axis_s
        self.noise = noise
        self.density = LogDensity.of(np.concatenate([one.conductance_s for one in every]))

    @cached_property
    def tau2(self) -> Floats:
        """Variance of a reading (S^2)."""
        return self.noise.at(self.axis_s) ** 2

    @cached_property
    def delta_s(self) -> Floats:
        """Give the distance of the conductance from its reading, on average (S)."""
        return np.asarray(
            np.gradient(self.tau2, self.axis_s) + self.tau2 * self.density.slope(self.axis_s)
        )

    def out_of(
        self, mean_s: Floats, sigma_s: Floats, delta_s: Floats
    ) -> tuple[Floats, Floats, _Parts]:
        """Correct means and sigmas, (..., m) each."""
        gain = 1 + np.gradient(mean_s, self.axis_s, axis=-1)
        for _ in range(2):  # the slope of the mean is itself pulled
            gain = 1 + np.gradient(mean_s - gain * delta_s, self.axis_s, axis=-1)
        clean = mean_s - gain * delta_s
        after = self.noise.at(self.axis_s + clean) ** 2
        variance = gain**2 * self.tau2 + after
        own = np.maximum(sigma_s**2 - variance, 0.0)
        moved = np.gradient(own, self.axis_s, axis=-1) * delta_s
        own = np.maximum(sigma_s**2 - variance - moved, (FLOOR * sigma_s) ** 2)
        return clean, np.sqrt(own), _Parts(gain * delta_s, variance)

    def out_of_draws(self, draws: Floats) -> Floats:
        """Correct the draws of a fit, (draws, 2, m)."""
        rng = np.random.default_rng(0)
        slopes = self.density.slope_draws(self.axis_s, len(draws), rng)
        delta_s = np.gradient(self.tau2, self.axis_s) + self.tau2 * slopes
        mean_s, sigma_s, _ = self.out_of(draws[:, 0], draws[:, 1], delta_s)
        return np.stack([mean_s, sigma_s], axis=1)
