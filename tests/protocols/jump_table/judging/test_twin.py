"""A model beside a device: who is compared with whom, and what read noise has to do with it."""

from pathlib import Path

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.protocols.jump_table.judging.twin import Comparison
from hil.protocols.jump_table.models.model_file import write_model
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile
from hil.protocols.jump_table.reading.measured import Measured

AXIS_S = np.linspace(5e-6, 30e-6, 40)
SIGMA_S = 1e-6
STEP_S = {1.5: 0.5e-6, -1.5: -0.5e-6}
NOISE = 0.05


def profile(mean_s: float) -> Profile:
    return Profile(AXIS_S, np.full(40, mean_s), np.full(40, SIGMA_S))


def device(*, noise: float = 0.0, count: int = 1200, source: str = "a.csv") -> Measured:
    """Draw steps of constant mean and sigma from even conductances, read with relative noise."""
    rng = np.random.default_rng(4)
    amplitudes = []
    for voltage_v in sorted(STEP_S):
        g = rng.uniform(8e-6, 27e-6, count)
        moved = g + rng.normal(STEP_S[voltage_v], SIGMA_S, count)
        before, after = (x * (1 + noise * rng.standard_normal(count)) for x in (g, moved))
        amplitudes.append(Points(voltage_v, before, after - before, -np.inf, np.inf))
    return Measured(tuple(amplitudes), None, -np.inf, np.inf, "a device", source)


def model(
    folder: Path, *, noise: float | None = None, source: str = "a paper", swapped: bool = False
) -> str:
    """Write the device's own tables as a model file."""
    sign = -1 if swapped else 1
    profiles = {volts: profile(sign * step_s) for volts, step_s in STEP_S.items()}
    path = folder / "model.toml"
    write_model(
        path, title="m", source=source, profiles=profiles, low_s=5e-6, high_s=30e-6,
        pulse_high_s=5e-7, read_noise=noise,
    )  # fmt: skip
    return str(path)


def test_a_model_with_the_meters_noise_beside_it_is_near_points_that_have_it(
    tmp_path: Path,
) -> None:
    measured = device(noise=NOISE)
    right = Comparison(measured, model(tmp_path, noise=NOISE), 0)
    near = [right.twin(points).judgement for points in measured.amplitudes]
    blind = Comparison(measured, model(tmp_path), 0)
    far = [blind.twin(points).judgement for points in measured.amplitudes]
    assert max(one.ovle.value for one in near) < 0.05
    assert min(one.ovle.value for one in far) > 0.15
    assert max(one.ks.value for one in near) < 0.6 * min(one.ks.value for one in far)


def test_a_network_is_trained_on_the_device_and_not_on_the_meters_noise(tmp_path: Path) -> None:
    comparison = Comparison(device(noise=NOISE), model(tmp_path, noise=NOISE), 0)
    stand_in, what = comparison.device((1.5, -1.5))
    assert "noise taken out" in what
    at_s = np.linspace(11e-6, 23e-6, 20)
    for found in (stand_in.set, stand_in.reset):
        assert found.moments(at_s)[1].mean() == pytest.approx(SIGMA_S, rel=0.1)
    kept, what = Comparison(device(noise=NOISE), model(tmp_path), 0).device((1.5, -1.5))
    assert "noise" not in what
    assert kept.set.moments(at_s)[1].mean() > 1.4 * SIGMA_S


def test_set_is_what_raises_the_device_whatever_the_model_says(tmp_path: Path) -> None:
    comparison = Comparison(device(), model(tmp_path, swapped=True), 0)
    wrong = comparison.model((1.5, -1.5))
    assert (wrong.set.mean_s < 0).all()
    assert (wrong.reset.mean_s > 0).all()
    right, _ = comparison.device((-1.5, 1.5))
    assert (right.set.mean_s > 0).all()


def test_a_pair_may_be_told_to_a_percent_and_has_both_signs(tmp_path: Path) -> None:
    comparison = Comparison(device(count=60), model(tmp_path), 0)
    assert comparison.pair(None) == (1.5, -1.5)
    assert comparison.pair((-1.505, 1.495)) == (-1.5, 1.5)
    with pytest.raises(ConfigError, match="of one sign; choose one of each"):
        comparison.pair((1.5, 1.51))
    with pytest.raises(ConfigError, match=r"no table for \+1.6 V .* -1.5 V, \+1.5 V"):
        comparison.pair((1.6, -1.5))


@pytest.mark.parametrize(
    ("source", "same"),
    [
        ("runs/a.csv, 6,000 points", True),
        ("lab\\a.csv, 60 points", True),
        ("a.csv, 6,000 points", True),
        ("data.csv, 6,000 points", False),
        ("A. Author, on a.csv, Journal 3", False),
    ],
)
def test_a_model_of_the_very_points_is_known_by_its_source(
    tmp_path: Path, source: str, same: bool
) -> None:
    comparison = Comparison(device(count=60), model(tmp_path, source=source), 0)
    assert comparison.same_run is same
