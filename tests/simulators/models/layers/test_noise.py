"""Noise of the cell: rms, spectrum and levels against theory, for any times of the readings."""

from typing import Any

import numpy as np
import pytest
from scipy.signal import welch

from hil.errors import ConfigError
from hil.simulators.models import get_model
from hil.simulators.models.drive import Floats
from hil.simulators.models.model import Device
from tests.simulators.models.drives import play, waveform


def device(**noise: Any) -> Device:
    return get_model("resistor", resistance_ohm="10kohm", noise=noise)


def relative(noise: dict[str, Any], every_s: float, reads: int, cells: int = 1) -> Floats:
    """Read again and again: what the current is off, relatively, (reads, cells)."""
    seen, _ = play(device(**noise), waveform([(every_s, 0.1)], repeats=reads), cells)
    return np.asarray(seen.current_a / 1e-5 - 1)


def test_white_noise_has_its_rms_and_no_memory() -> None:
    off = relative({"white": 0.02}, 1e-6, 40_000)[:, 0]
    assert off.std() == pytest.approx(0.02, rel=0.02)
    assert abs(np.corrcoef(off[1:], off[:-1])[0, 1]) < 0.02


def test_flicker_noise_has_a_density_of_one_over_f() -> None:
    noise = {"flicker": 0.01, "per_decade": 2, "fastest_s": 1e-3, "slowest_s": 1e3}
    off = relative(noise, 1e-3, 2**15, cells=8)
    frequency, density = welch(off, fs=1e3, nperseg=2**13, axis=0)
    inside = (frequency > 1) & (frequency < 50)
    ratio = density.mean(axis=1)[inside] / (1e-4 / frequency[inside])
    assert np.exp(np.log(ratio).mean()) == pytest.approx(1.0, rel=0.1)
    slope = np.polyfit(np.log(frequency[inside]), np.log(density.mean(axis=1)[inside]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.1)


def test_telegraph_noise_has_two_levels_with_their_mean_times() -> None:
    trap = {"step": 0.1, "high_s": "3ms", "low_s": "1ms"}
    off = relative({"telegraph": trap}, 1e-4, 200_000)[:, 0]
    levels = np.unique(off.round(9))
    assert levels == pytest.approx([-0.075, 0.025])
    high = off > 0
    assert high.mean() == pytest.approx(0.75, abs=0.02)
    leaves = np.sum(high[:-1] & ~high[1:]) / np.sum(high[:-1])
    rate = 1 / 3e-3 + 1 / 1e-3
    assert leaves == pytest.approx(0.25 * (1 - np.exp(-rate * 1e-4)), rel=0.05)


def test_slow_noise_hardly_moves_in_a_short_time_and_forgets_in_a_long_one() -> None:
    noise = {"flicker": 0.05, "fastest_s": 1.0, "slowest_s": 10.0}
    close, far = relative(noise, 1e-6, 2, 4000), relative(noise, 1e3, 2, 4000)
    assert np.corrcoef(*close)[0, 1] > 0.9999
    assert abs(np.corrcoef(*far)[0, 1]) < 0.05
    assert close.std() == pytest.approx(far.std(), rel=0.05)


def test_readings_do_not_depend_on_how_programs_are_cut() -> None:
    noise = {"white": 0.01, "flicker": 0.02, "telegraph": {"step": 0.1, "high_s": 1, "low_s": 1}}
    what = device(**noise)
    whole, _ = play(what, waveform([(0.5, 0.1), (0.3, 0.2)], repeats=3), 2)
    state = what.initial_state(2, np.random.default_rng(3))
    parts, start_s = [], 0.0
    for _ in range(3):
        drive = waveform([(0.5, 0.1), (0.3, 0.2)], start_s=start_s)
        parts.append(what.play(state, np.arange(2), drive).current_a)
        start_s += 0.8
    assert np.concatenate(parts) == pytest.approx(whole.current_a, rel=1e-12)


def test_behind_a_resistance_the_current_follows_the_load_line() -> None:
    what = device(white=0.05)
    seen, _ = play(what, waveform([(1e-6, 1.0)], ohm=30e3), 200)
    bare, _ = play(what, waveform([(1e-6, 1.0)]), 200)
    own_s = bare.current_a / 1.0
    assert seen.current_a == pytest.approx(1 / (30e3 + 1 / own_s), rel=1e-12)
    assert seen.voltage_v == pytest.approx(1 - 30e3 * seen.current_a, rel=1e-12)


def test_at_the_limit_the_voltage_is_noisy() -> None:
    seen, _ = play(device(white=0.05), waveform([(1e-6, 1.0)], limit_a=5e-5), 500)
    assert (seen.current_a == 5e-5).all()
    assert seen.voltage_v.std() == pytest.approx(0.5 * 0.05, rel=0.1)


@pytest.mark.parametrize("limit_a", [9.8e-6, 1.02e-5])
def test_noise_about_the_limit_passes_neither_limit_nor_source(limit_a: float) -> None:
    seen, _ = play(device(white=0.05), waveform([(1e-6, 0.1)], limit_a=limit_a), 1000)
    assert (seen.current_a <= limit_a).all()
    assert (seen.voltage_v <= 0.1 * (1 + 1e-12)).all()
    assert 0 < seen.limited.sum() < 1000
    assert (seen.current_a[seen.limited] == limit_a).all()
    assert seen.voltage_v[~seen.limited] == pytest.approx(0.1, rel=1e-12)


@pytest.mark.parametrize(
    ("noise", "words"),
    [
        ({"white": -1}, "white"),
        ({"white": 5}, "white"),
        ({"flicker": float("nan")}, "flicker"),
        ({"fastest_s": 1.0, "slowest_s": 0.1}, "fastest_s 1 s must be below slowest_s 0.1 s"),
        ({"per_decade": 4}, "45 components of 1/f noise are more than 24"),
        ({"telegraph": {"step": 0.1, "high_s": 1}}, "low_s"),
        ({"pink": 1}, "there is no key 'pink'"),
    ],
)
def test_bad_values(noise: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        device(**noise)
