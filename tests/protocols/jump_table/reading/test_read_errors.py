"""Read noise: found from 0 V pulses, taken out of mean and sigma, in chains of shared readings."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from hil.config import find_bench
from hil.errors import ConfigError
from hil.protocol import RunView
from hil.protocols.jump_table.collect import JumpTableCollection
from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.fitting.spline import Spline
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from hil.protocols.jump_table.reading.bounds import bounded, given_bounds
from hil.protocols.jump_table.reading.density import LogDensity
from hil.protocols.jump_table.reading.read_errors import FLOOR, blurred, corrected, effect
from hil.protocols.jump_table.reading.read_noise import NO_CONTROL, ReadNoise, read_noise

Floats = NDArray[np.float64]
Curve = Callable[[Floats], Floats]

LOW, HIGH = 3e-9, 38e-9
AXIS = np.linspace(8e-9, 33e-9, 60)


MIDDLE, SIGMA = 20e-9, 1.2e-9


def drawn_back(g: Floats) -> Floats:
    """A mean that holds a walk of 1.2 nS a step within some 6 nS of the middle."""
    return -0.02 * (g - MIDDLE)


def free(voltage_v: float, before_s: Floats, after_s: Floats) -> Points:
    return Points(voltage_v, before_s, after_s - before_s, -np.inf, np.inf)


def chain(
    means: Sequence[Curve], sigmas_s: Sequence[float], tau: Curve, pulses: int, seed: int
) -> list[Points]:
    """Walks between the bounds, amplitudes at random; each reading serves the next pulse too."""
    rng = np.random.default_rng(seed)
    cells = 500
    g = np.clip(rng.normal(MIDDLE, 6e-9, cells), LOW, HIGH)
    read = [g + tau(g) * rng.standard_normal(cells)]
    amplitude = rng.integers(0, len(means), (pulses // cells, cells))
    for chosen in amplitude:
        mean = np.choose(chosen, [curve(g) for curve in means])
        step = mean + np.choose(chosen, sigmas_s) * rng.standard_normal(cells)
        g = np.clip(g + step, LOW, HIGH)
        read.append(g + tau(g) * rng.standard_normal(cells))
    before, after = np.ravel(read[:-1]), np.ravel(read[1:])
    inside = (before > AXIS[0]) & (before < AXIS[-1])
    return [
        free(float(k), before[mine], after[mine])
        for k, mine in ((k, inside & (amplitude.ravel() == k)) for k in range(len(means)))
    ]


def cubic(points: Points) -> tuple[Profile, Floats]:
    """A cubic mean with its standard error on the axis, and a quadratic variance."""
    x, axis = (points.conductance_s - MIDDLE) / 10e-9, (AXIS - MIDDLE) / 10e-9
    curve, cov = np.polyfit(x, points.step_s, 3, cov=True)
    variance = np.polyfit(x, (points.step_s - np.polyval(curve, x)) ** 2 * 1e18, 2)
    powers = axis[:, None] ** [3, 2, 1, 0]
    error_s = np.sqrt(np.einsum("ik,kl,il->i", powers, cov, powers))
    sigma_s = 1e-9 * np.sqrt(np.polyval(variance, axis))
    return Profile(AXIS, np.asarray(np.polyval(curve, axis)), sigma_s), error_s


def control_of(tau: Curve, count: int, seed: int) -> Points:
    rng = np.random.default_rng(seed)
    g = rng.uniform(LOW, HIGH, count)
    first, second = (g + tau(g) * rng.standard_normal(count) for _ in range(2))
    return free(0.0, first, second)


def constant(g: Floats) -> Floats:
    return np.full(np.shape(g), 0.5e-9)


def relative(g: Floats) -> Floats:
    return 0.02 * g


@pytest.mark.parametrize("tau", [constant, relative], ids=["constant", "relative"])
def test_the_read_noise_is_found_over_g(tau: Curve) -> None:
    noise = read_noise(control_of(tau, 20_000, 3))
    at = np.linspace(5e-9, 36e-9, 7)
    np.testing.assert_allclose(noise.at(at), tau(at), rtol=0.05)
    assert (noise.low_s <= noise.tau_s).all()
    assert (noise.tau_s <= noise.high_s).all()
    assert noise.points == 20_000


def test_the_relative_noise_is_what_a_model_file_takes() -> None:
    assert read_noise(control_of(relative, 20_000, 3)).relative == pytest.approx(0.02, rel=0.03)


@pytest.mark.slow
def test_its_95_percent_interval_covers_as_often() -> None:
    repeats, hits = 160, np.zeros(3, int)
    for seed in range(repeats):
        noise = read_noise(control_of(relative, 300, seed), seed)
        at = [np.abs(noise.conductance_s - g).argmin() for g in (8e-9, 20e-9, 33e-9)]
        truth = relative(noise.conductance_s[at])
        hits += (noise.low_s[at] <= truth) & (truth <= noise.high_s[at])
    least, most = binom.ppf([0.005, 0.995], repeats, [0.90, 0.98])
    assert (hits >= least).all()
    assert (hits <= most).all()


def test_glitches_are_no_noise() -> None:
    clean = control_of(constant, 4000, 3)
    after = clean.after_s.copy()
    after[::200] += 20e-9
    spoiled = read_noise(free(0.0, clean.conductance_s, after))
    np.testing.assert_allclose(spoiled.at([10e-9, 30e-9]), 0.5e-9, rtol=0.12)


def test_a_drift_between_readings_is_no_noise() -> None:
    clean = control_of(constant, 4000, 3)
    drifting = free(0.0, clean.conductance_s, clean.after_s - 2e-9 - 0.05 * clean.conductance_s)
    np.testing.assert_allclose(read_noise(drifting).at([10e-9, 30e-9]), 0.5e-9, rtol=0.06)


@pytest.mark.parametrize(
    ("control", "match"),
    [
        (None, "the data hold no 0 V pulses, so it cannot be known how much of sigma"),
        (control_of(constant, 39, 1), "39 pulses of 0 V do not tell a read noise; 40 are the"),
        (free(0.0, np.linspace(1e-9, 2e-9, 50), np.linspace(1e-9, 2e-9, 50)), "are alike"),
    ],
    ids=["none", "few", "alike"],
)
def test_without_a_control_nothing_can_be_said(control: Points | None, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        read_noise(control)


def test_how_many_pulses_tell_how_much_is_true() -> None:
    """The sentence for people says 500 tell tau to 3 %, where it is alike over G."""
    found = [read_noise(control_of(constant, 500, seed)).tau_s.mean() for seed in range(40)]
    assert "500 pulses tell it to 3 %" in NO_CONTROL
    assert np.std(found) / 0.5e-9 == pytest.approx(0.03, abs=0.01)


# the density of readings


def test_the_slope_of_a_normal_density_is_cubic() -> None:
    readings = np.random.default_rng(2).normal(20e-9, 6e-9, 100_000)
    readings = readings[(readings > 12e-9) & (readings < 30e-9)]
    at = np.linspace(12e-9, 30e-9, 9)
    wanted = -(at - 20e-9) / 6e-9**2
    assert np.abs(LogDensity.of(readings).slope(at) - wanted).max() < 0.1 / 6e-9


def test_an_edge_of_the_readings_is_no_slope() -> None:
    even = np.random.default_rng(2).uniform(8e-9, 33e-9, 50_000)
    slopes = LogDensity.of(even).slope(np.linspace(8e-9, 33e-9, 50))
    assert np.abs(slopes).max() < 0.05 / 1e-9 * 0.2


def test_draws_of_the_slope_scatter_as_fits_to_new_readings_do() -> None:
    rng = np.random.default_rng(2)
    at = np.array([15e-9, 20e-9, 25e-9])
    fits = [LogDensity.of(rng.normal(20e-9, 6e-9, 3000)) for _ in range(25)]
    seen = np.std([one.slope(at) for one in fits], axis=0)
    told = np.mean([one.slope_draws(at, 200, rng).std(axis=0) for one in fits], axis=0)
    assert (told / seen == pytest.approx(1.0, abs=0.6)) or (told > seen).all()
    assert (told < 3 * seen).all()


@pytest.mark.parametrize(
    "readings", [np.linspace(1e-9, 2e-9, 39), np.full(100, 1e-9), np.empty(0)]
)
def test_too_few_readings_tell_no_density(readings: Floats) -> None:
    with pytest.raises(ConfigError, match=f"{len(readings)} readings from .* tell no density"):
        LogDensity.of(readings)


# taking it out


@pytest.mark.parametrize("tau", [constant, lambda g: 0.03 * g], ids=["constant", "relative"])
def test_a_corrected_profile_is_right_where_the_measured_one_is_off_by_many(tau: Curve) -> None:
    pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], tau, 120_000, 1)
    measured, error_s = cubic(pulsed)
    noise = read_noise(control)
    clean = corrected(measured, noise, [pulsed, control])
    off = [(one.mean_s - drawn_back(AXIS)) / error_s for one in (measured, clean)]
    assert np.sqrt(np.mean(off[0] ** 2)) > 3
    assert np.sqrt(np.mean(off[1] ** 2)) < 1.8
    assert np.abs(off[1]).max() < 3.5
    assert measured.sigma_s.mean() > 1.1 * SIGMA
    assert clean.sigma_s.mean() == pytest.approx(SIGMA, rel=0.015)


def test_the_control_itself_is_pulled_to_the_middle_as_the_density_says() -> None:
    """Steps of 0 V have the mean delta: a check that uses no 0 V steps in the correction."""
    pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], constant, 120_000, 2)
    still = Profile(AXIS, np.zeros(60), np.full(60, 1e-9))
    pull = effect(still, ReadNoise.constant(0.5e-9, LOW, HIGH), [pulsed]).shift_s
    edges = np.linspace(AXIS[0], AXIS[-1], 6)
    for left, right in pairwise(edges):
        here = (control.conductance_s >= left) & (control.conductance_s < right)
        error_s = control.step_s[here].std() / np.sqrt(here.sum())
        wanted_s = np.interp(control.conductance_s[here], AXIS, pull).mean()
        assert control.step_s[here].mean() == pytest.approx(wanted_s, abs=4 * error_s)


def test_what_it_does_is_told_in_figures() -> None:
    pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], constant, 120_000, 3)
    measured, _ = cubic(pulsed)
    told = effect(measured, read_noise(control), [pulsed, control])
    assert told.variance_share.mean() == pytest.approx(0.5 / (1.44 + 0.5), rel=0.05)
    assert told.slope_measured < 1.2 * told.slope < 0
    assert told.slope == pytest.approx(-0.02, rel=0.1)
    assert told.explained == 0
    assert told.sentence().startswith("the meter makes 2")
    assert " % of the variance of a step (at most " in told.sentence()


def test_a_sigma_that_is_all_noise_is_said_to_be() -> None:
    pulsed, control = chain([np.zeros_like, np.zeros_like], [0.0, 0.0], constant, 40_000, 3)
    measured, _ = cubic(pulsed)
    noise = ReadNoise.constant(0.51e-9, LOW, HIGH)
    told = effect(measured, noise, [pulsed, control])
    assert told.explained > 0.7
    assert "it explains all of sigma, and the device's own is not to be seen" in told.sentence()
    floored = corrected(measured, noise, [pulsed, control]).sigma_s
    assert np.median(floored / measured.sigma_s) == pytest.approx(FLOOR)


def test_the_draws_of_a_fit_are_corrected_too() -> None:
    pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], constant, 60_000, 4)
    measured, _ = cubic(pulsed)
    draws = np.repeat(np.stack([measured.mean_s, measured.sigma_s])[None], 50, axis=0)
    noise = read_noise(control)
    fit = corrected(Fit(measured, draws, {"points": 5}), noise, [pulsed, control])
    assert fit.draws is not None
    np.testing.assert_allclose(fit.draws[:, 1].mean(axis=0), fit.profile.sigma_s, rtol=0.02)
    spread = fit.draws[:, 0].std(axis=0)
    off = np.abs(fit.draws[:, 0].mean(axis=0) - fit.profile.mean_s)
    assert (spread > 0).all()
    assert (off < 0.7 * spread).all()
    assert fit.figures["points"] == 5
    assert corrected(Fit(measured), noise, pulsed).draws is None


@pytest.mark.slow
def test_95_percent_intervals_of_a_corrected_spline_cover_as_often() -> None:
    """At 2,400 points; uncorrected, those of sigma never do."""
    hits, repeats = np.zeros((2, 2)), 40
    for seed in range(repeats):
        pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], constant, 5000, seed)
        fit = Spline().fit(pulsed, np.random.default_rng(seed))
        for k, one in enumerate((fit, corrected(fit, read_noise(control), [pulsed, control]))):
            assert one.draws is not None
            axis = one.profile.conductance_s
            truth = np.stack([drawn_back(axis), np.full(len(axis), SIGMA)])
            low, high = np.quantile(one.draws, [0.025, 0.975], axis=0)
            inner = (axis > 9e-9) & (axis < 32e-9)
            hits[k] += ((low <= truth) & (truth <= high))[:, inner].mean(axis=1) / repeats
    assert hits[0, 1] < 0.3
    assert (hits[1] > 0.9).all()
    assert (hits[1] < 0.985).all()


def test_what_is_blurred_and_corrected_is_what_it_was() -> None:
    """To the first order in the noise's variance, which both are good to."""
    pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], constant, 60_000, 4)
    noise = ReadNoise.constant(0.4e-9, LOW, HIGH)
    own = Profile(AXIS, drawn_back(AXIS), np.linspace(1e-9, 1.4e-9, 60))
    seen = blurred(own, noise, [pulsed, control])
    back = corrected(seen, noise, [pulsed, control])
    assert (seen.sigma_s > 1.07 * own.sigma_s).all()
    assert np.abs(seen.mean_s - own.mean_s).max() > 0.03e-9
    assert np.abs(back.mean_s - own.mean_s).max() < 0.002e-9
    np.testing.assert_allclose(back.sigma_s, own.sigma_s, rtol=0.005)


def test_blurred_is_what_noisy_readings_show() -> None:
    pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], constant, 120_000, 5)
    measured, error_s = cubic(pulsed)
    own = Profile(AXIS, drawn_back(AXIS), np.full(60, SIGMA))
    seen = blurred(own, ReadNoise.constant(0.5e-9, LOW, HIGH), [pulsed, control])
    assert np.sqrt(np.mean(((measured.mean_s - seen.mean_s) / error_s) ** 2)) < 1.8
    assert measured.sigma_s.mean() == pytest.approx(seen.sigma_s.mean(), rel=0.01)


def test_the_shape_stays() -> None:
    pulsed, control = chain([drawn_back, np.zeros_like], [SIGMA, 0.0], constant, 20_000, 4)
    shape = np.tile([-1.0, 0.0, 1.0], (60, 1))
    measured = Profile(AXIS, drawn_back(AXIS), np.full(60, 1.4e-9), shape)
    assert corrected(measured, read_noise(control), pulsed).shape is shape


def off_by(fit: Fit, axis: Floats, truths: tuple[Floats, Floats]) -> list[float]:
    """How many of their own sigmas mean and sigma are off, in rms over the axis."""
    assert fit.draws is not None
    drawn = [
        [np.interp(axis, fit.profile.conductance_s, curve) for curve in pair] for pair in fit.draws
    ]
    each = zip(fit.profile.moments(axis), truths, np.std(drawn, axis=0), strict=True)
    return [float(np.sqrt(np.mean(((found - true) / s) ** 2))) for found, true, s in each]


@pytest.mark.slow
def test_through_the_protocol_on_a_noisy_bench() -> None:
    """6 % of read noise on the TiOx device at 1.5 V, 100 cells x 80 points."""
    noisy = {"cells": "100", "device.parameters.noise.white": "0.06"}
    protocol = JumpTableCollection(
        points=80, voltages_v=(-1.5, 0.0, 1.5), window_low_s=8e-6, window_high_s=27e-6
    )
    with find_bench("tiox", noisy).build(5) as bench:
        values = [batch.values for batch in protocol.measure(bench, RunView(7))]
    names = ("pulse_voltage_v", "conductance_before_s", "conductance_after_s", "in_window")
    flat = [
        np.concatenate(
            [np.ravel(np.broadcast_to(v[name], v["pulse_voltage_v"].shape)) for v in values]
        )
        for name in names
    ]
    pulse_v, before_s, after_s = (column[flat[3] == 1] for column in flat[:3])
    every = [free(v, before_s[pulse_v == v], after_s[pulse_v == v]) for v in (-1.5, 0.0, 1.5)]
    noise = read_noise(every[1])
    assert noise.relative == pytest.approx(0.06, rel=0.05)
    points = bounded(every[2], given_bounds((5e-6, 30e-6), noise))
    fit = Spline().fit(points, np.random.default_rng(0))
    clean = corrected(fit, noise, every)
    axis = np.linspace(10e-6, 24e-6, 20)
    truths = 3.8732531e-6 - 0.15310554 * axis, 5.9186995e-6 - 0.19135474 * axis
    measured_off, clean_off = (off_by(one, axis, truths) for one in (fit, clean))
    assert min(measured_off) > 2
    assert max(clean_off) < 2


def test_a_noise_that_is_told_has_the_relative_rms_of_the_range() -> None:
    """The mean of 1/G^2 over a range is one over the product of its ends."""
    noise = ReadNoise.constant(1e-7, 5e-6, 30e-6)
    assert noise.relative == pytest.approx(1e-7 / np.sqrt(5e-6 * 30e-6), rel=0.03)
