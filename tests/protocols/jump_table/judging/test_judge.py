"""What points and a reference say about a table, and how it is told."""

import numpy as np
import pytest

from hil.protocols.jump_table.fitting.binning import Binning
from hil.protocols.jump_table.fitting.polynomial import Polynomial
from hil.protocols.jump_table.fitting.spline import Spline
from hil.protocols.jump_table.fitting.synthetic import synthetic
from hil.protocols.jump_table.judging import judge as module
from hil.protocols.jump_table.judging.fitted import LEAST_TO_SPLIT, Meter, fit_all, held_out
from hil.protocols.jump_table.judging.judge import (
    Reference,
    fitted_reference,
    judge,
    known_reference,
    own_posterior,
)
from hil.protocols.jump_table.judging.report import (
    compared_lines,
    fitted_figures,
    fitted_lines,
    judged_lines,
    scores,
)
from hil.protocols.jump_table.metrics import ovle, ssd
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile
from hil.protocols.jump_table.reading.measured import Measured
from hil.protocols.jump_table.reading.read_noise import ReadNoise

AXIS_S = np.linspace(5e-6, 30e-6, 50)
TRUTH = Profile(AXIS_S, 4e-6 - 0.15 * AXIS_S, np.full(50, 2e-6))
OFF = Profile(AXIS_S, TRUTH.mean_s + 1e-6, TRUTH.sigma_s)


def drawn(count: int, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    return synthetic(TRUTH, count, 5e-6, 30e-6, rng, voltage_v=1.5)


def meter(*amplitudes: Points) -> Meter:
    return Meter(Measured(amplitudes, None, 5e-6, 30e-6, "drawn", "drawn.csv"))


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_known_device_is_no_distance_from_itself_and_exact_from_others() -> None:
    known = known_reference({1.5: TRUTH}, 1.5)
    assert known is not None
    assert known.distance(ssd, TRUTH) == (0, 0, 0)
    exact = ovle(OFF.mean_s, OFF.sigma_s, TRUTH.mean_s, TRUTH.sigma_s)
    assert known.distance(ovle, OFF) == pytest.approx((exact, exact, exact))
    assert known_reference({1.5: TRUTH}, -1.5) is None


def test_points_that_a_model_was_not_fitted_to_do_not_make_it_look_better_or_worse() -> None:
    """The right model may be at 0; in a fit's own posterior it cannot be."""
    points = drawn(600)
    other = fitted_reference(points, rng())
    own = Reference(other.profile, other.draws, own=True)
    assert other.draws is not None
    assert other.distance(ovle, TRUTH).low == 0
    assert own.distance(ovle, own.profile).low > 0
    exact = ovle(OFF.mean_s, OFF.sigma_s, TRUTH.mean_s, TRUTH.sigma_s)
    found = other.distance(ovle, OFF)
    assert found.low < exact < found.high


def test_a_fit_without_draws_is_told_its_error_by_a_spline() -> None:
    points = drawn(600)
    fit = Binning().fit(points, rng())
    posterior = own_posterior(fit, points, rng())
    reference = Reference(posterior.profile, posterior.draws, own=True)
    exact = ovle(*fit.profile.moments(AXIS_S), TRUTH.mean_s, TRUTH.sigma_s)
    found = reference.distance(ovle, fit.profile)
    assert found.low < exact < found.high


def test_the_right_model_is_judged_right_and_a_wrong_one_wrong() -> None:
    points = drawn(800, 3)
    right, wrong = (judge(model, points, Reference(TRUTH), rng()) for model in (TRUTH, OFF))
    assert right.ks.value < right.ks.null_95
    assert right.pit.value < right.pit.null_95
    assert wrong.ks.value > 1.5 * wrong.ks.null_95
    assert wrong.pit.value > 1.5 * wrong.pit.null_95
    assert wrong.nll.value > right.nll.high


def test_what_the_meter_shows_is_compared_with_points_and_the_model_with_the_device() -> None:
    points = drawn(400)
    told = judge(OFF, points, Reference(TRUTH), rng(), seen=TRUTH)
    plain = judge(TRUTH, points, Reference(TRUTH), rng())
    assert told.ovle.value > 0.05
    assert (told.ks, told.pit, told.nll) == (plain.ks, plain.pit, plain.nll)


def test_all_methods_are_judged_by_the_same_points_which_they_did_not_see() -> None:
    points = drawn(300)
    seen: list[Floats] = []

    class Kept(Binning, frozen=True):
        def fit(self, points: Points, rng: np.random.Generator):
            seen.append(points.conductance_s)
            return super().fit(points, rng)

    tried = [
        held_out(points, name, Kept(), {1.5: TRUTH}, 0, meter(points)) for name in ("one", "other")
    ]
    np.testing.assert_array_equal(seen[0], seen[1])
    assert [len(part) for part in seen] == [200, 200]
    for one in tried:
        assert one.judgement is not None
        assert one.judgement.points == 100
    lines = list(compared_lines(tried))
    assert [line.split()[0] for line in lines[2:]] == ["one", "other"]
    assert "/1)" in lines[2]
    assert {(dot.method, dot.measure) for dot in scores(tried)} >= {
        ("one", "SSD"),
        ("other", "KS"),
    }


def test_too_few_points_are_fitted_but_not_judged_and_the_amplitude_is_named() -> None:
    points = drawn(LEAST_TO_SPLIT - 1)
    tried = [held_out(points, "polynomial", Polynomial(), {}, 0, meter(points))]
    assert tried[0].figures() == {"method": "polynomial", "voltage_v": 1.5, "seconds": None}
    for lines in (list(judged_lines(tried)), list(compared_lines(tried))):
        assert len(lines) == 1
        assert lines[0].startswith("+1.5 V: fewer than 120 points")
    assert not scores(tried)


def test_a_fit_is_told_in_a_unit_that_shows_it() -> None:
    fits = [fit_all(drawn(400), Polynomial(), 0, meter())]
    (row,) = list(fitted_lines(fits, "polynomial"))[3:]
    assert "uS" in row
    figures = fitted_figures(fits)[0]
    middle = figures["at"][1]
    assert middle["mean_s"] == pytest.approx(4e-6 - 0.15 * middle["conductance_s"], abs=5e-7)
    assert figures["ssd"]["low"] < figures["ssd"]["value"] < figures["ssd"]["high"]


def test_the_same_seed_gives_the_same_fit_and_bands() -> None:
    one, again = (fit_all(drawn(200), Binning(), 4, meter()) for _ in range(2))
    assert one.seen.draws is not None
    assert again.seen.draws is not None
    np.testing.assert_array_equal(one.seen.draws, again.seen.draws)
    np.testing.assert_array_equal(one.pit, again.pit)


def test_of_very_many_points_a_part_is_drawn_to_judge_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """The distances cost some two hundred redraws of all that there are."""
    monkeypatch.setattr(module, "MOST", 200)
    told = judge(TRUTH, drawn(5000), Reference(TRUTH), rng())
    assert told.points == 200
    assert 0.05 < told.ks.null_95 < 0.2


def test_what_is_told_of_a_fit_to_noisy_readings_is_told_of_the_device() -> None:
    draw = np.random.default_rng(5)
    clean = drawn(4000, 5)
    tau_s = 1e-6
    errors = tau_s * draw.normal(size=(2, len(clean)))
    readings_s = clean.conductance_s + errors[0]
    noisy = Points(1.5, readings_s, clean.after_s + errors[1] - readings_s, -np.inf, np.inf)
    noise = ReadNoise.constant(tau_s, 5e-6, 30e-6)
    read = Meter(Measured((noisy,), None, -np.inf, np.inf, "drawn", "drawn.csv"), noise)
    plain = Meter(read.measured)
    inner = {1.5: TRUTH.on(np.linspace(9e-6, 26e-6, 40))}
    told = [held_out(noisy, "spline", Spline(), inner, 0, one).judgement for one in (read, plain)]
    assert told[0] is not None
    assert told[1] is not None
    assert told[0].ovle.value < 0.6 * told[1].ovle.value
    assert told[0].ks == told[1].ks
    fitted = fit_all(noisy, Spline(), 0, read)
    at_s = np.array([15e-6, 20e-6])
    assert fitted.seen.profile.moments(at_s)[1] == pytest.approx(np.sqrt(4 + 1.7) * 1e-6, rel=0.05)
    assert fitted.model.profile.moments(at_s)[1] == pytest.approx(2e-6, rel=0.05)
