"""Switching points of curves that were made with known ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.protocols.basics.switching import (
    RESET,
    SET,
    Sweeps,
    floor_a,
    sweeps_of,
    switching_of,
)

STEP_V = 0.05
SERIES_OHM = 1e3


def curve(
    threshold_v: float,
    hrs_ohm: float,
    lrs_ohm: float,
    *,
    half: str = SET,
    peak: int = 40,
    limit_a: float = np.inf,
    noise_a: float = 0.0,
    seed: int = 0,
    bend_v: float = np.inf,
) -> Sweeps:
    """Sweep a cell that switches at a threshold behind a resistor; sinh-like if bent."""
    sign = 1 if half == SET else -1
    up = np.arange(1, peak + 1)
    source_v = sign * STEP_V * np.concatenate([up, up[-2::-1]])
    after = np.maximum.accumulate(np.abs(source_v)) >= threshold_v
    before_ohm, after_ohm = (hrs_ohm, lrs_ohm) if half == SET else (lrs_ohm, hrs_ohm)
    cell_ohm = np.where(after, after_ohm, before_ohm)
    shape = (
        np.sinh(np.abs(source_v) / bend_v) * bend_v if np.isfinite(bend_v) else np.abs(source_v)
    )
    open_a = shape / (cell_ohm + SERIES_OHM)
    limited = open_a > limit_a
    current_a = sign * np.minimum(open_a, limit_a)
    voltage_v = np.where(limited, current_a * cell_ohm, source_v - current_a * SERIES_OHM)
    current_a = current_a + noise_a * np.random.default_rng(seed).standard_normal(len(source_v))
    return Sweeps(source_v[None], voltage_v[None], current_a[None], limited[None])


@given(
    st.integers(2, 39), st.floats(3.0, 1e4), st.sampled_from([np.inf, 1.0, 0.25]),
    st.sampled_from([np.inf, 2.0]), st.integers(0, 10_000),
)  # fmt: skip
def test_a_set_is_found_between_the_two_readings_it_lies_between(
    first_after: int, ratio: float, bend_v: float, limit_times: float, seed: int
) -> None:
    """The reading before the threshold is found, whatever the curve, the limit and the noise."""
    threshold_v = (first_after + 0.5) * STEP_V
    lrs_ohm, hrs_ohm = 1e4, 1e4 * ratio
    shape_v = np.sinh(threshold_v / bend_v) * bend_v if np.isfinite(bend_v) else threshold_v
    jump_a = shape_v / lrs_ohm * (1 - 1 / ratio)
    swept = curve(
        threshold_v, hrs_ohm, lrs_ohm, bend_v=bend_v, seed=seed,
        limit_a=shape_v / hrs_ohm * limit_times, noise_a=0.002 * min(jump_a, shape_v / hrs_ohm),
    )  # fmt: skip
    found = switching_of(swept, SET, 2.0)  # compared at the peak: only the place is tested here
    assert found.at[0] == first_after - 1  # reading 0 is at one step
    assert swept.source_v[0, found.at[0]] < threshold_v <= swept.source_v[0, found.at[0] + 1]


@given(st.floats(0.3, 1.9), st.floats(3.0, 1e4), st.integers(0, 10_000))
def test_a_reset_is_found_between_the_two_readings_it_lies_between(
    threshold_v: float, ratio: float, seed: int
) -> None:
    swept = curve(threshold_v, 1e4 * ratio, 1e4, half=RESET, noise_a=2e-8, seed=seed, bend_v=1.0)
    found = switching_of(swept, RESET, 0.1)
    at = int(found.at[0])
    assert found.switched[0]
    assert abs(swept.source_v[0, at]) < threshold_v <= abs(swept.source_v[0, at + 1])
    assert found.voltage_v[0] == swept.voltage_v[0, at]


@given(st.integers(0, 100_000), st.floats(0.4, 1.9))
def test_a_set_out_of_the_noise_is_found_and_its_hrs_is_a_bound(
    seed: int, threshold_v: float
) -> None:
    """An HRS of 10 Gohm under 1 nA of noise: all that is seen of it is the noise."""
    swept = curve(threshold_v, 1e10, 1e5, noise_a=1e-9, seed=seed)
    found = switching_of(swept, SET, 0.1)
    at = int(found.at[0])
    assert swept.source_v[0, at] < threshold_v <= swept.source_v[0, at + 1]
    assert found.switched[0]
    assert found.lrs_ohm[0] == pytest.approx(1e5, rel=0.02)
    assert 1e5 * 2 < found.hrs_ohm[0] < 1e9
    assert found.within_noise[0]


def test_noise_is_told_from_a_current() -> None:
    ohmic_a = np.linspace(1e-10, 16e-10, 16)
    noise_a = 1e-9 * np.random.default_rng(3).standard_normal((500, 16))
    assert np.median(floor_a(ohmic_a + noise_a)) == pytest.approx(5e-9, rel=0.15)
    assert floor_a(ohmic_a[None])[0] == 1e-10
    assert floor_a(np.zeros((1, 12)))[0] > 0


def test_a_reset_is_found_although_the_hrs_carries_more_at_the_peak() -> None:
    swept = curve(0.8, 1e5, 1e4, half=RESET, bend_v=0.25)
    found = switching_of(swept, RESET, 0.1)
    assert np.abs(swept.current_a).argmax() == 39
    assert swept.source_v[0, found.at[0]] == pytest.approx(-0.75)


def test_a_gradual_reset_begins_at_its_largest_current() -> None:
    """The resistance doubles at each step from 1 V on; the current is largest just before."""
    swept = curve(9.0, 1e4, 1e4, half=RESET)
    volts = np.abs(swept.source_v)
    gone = np.clip(np.maximum.accumulate(volts, axis=1) / STEP_V - 19, 0, 6)
    swept = swept._replace(current_a=swept.current_a / 2.0 ** np.rint(gone))
    found = switching_of(swept, RESET, 0.1)
    assert found.switched[0]
    assert volts[0, found.at[0]] == pytest.approx(0.95)


def test_what_comes_after_the_compliance_is_not_looked_at() -> None:
    """In compliance at 0.5 V; what the limited current does later is the source's."""
    swept = curve(0.5, 1e6, 1e4, limit_a=1e-6)
    jumping_a = swept.current_a.copy()
    jumping_a[0, 30:] *= 1e3
    found = switching_of(swept._replace(current_a=jumping_a), SET, 0.1)
    assert swept.source_v[0, found.at[0]] == pytest.approx(0.45)


@pytest.mark.parametrize("half", [SET, RESET])
@pytest.mark.parametrize(("noise_a", "most"), [(0.0, 0), (1e-8, 0), (3e-8, 10), (1e-6, 10)])
def test_a_cell_that_does_not_switch_has_no_switching_voltage(
    half: str, noise_a: float, most: int
) -> None:
    """Of 1,000 sweeps of 100 nA at the read voltage; noise to a third of that, then 10 times."""
    swept = [curve(9.0, 1e6, 1e6, half=half, noise_a=noise_a, seed=seed) for seed in range(1000)]
    together = Sweeps(*(np.concatenate(column) for column in zip(*swept, strict=True)))
    found = switching_of(together, half, 0.1)
    assert found.switched.sum() <= most
    assert (np.isnan(found.voltage_v) == ~found.switched).all()


@pytest.mark.parametrize("half", [SET, RESET])
def test_the_wrong_direction_is_no_switching(half: str) -> None:
    swept = curve(1.0, 1e4, 1e6, half=half)
    assert not switching_of(swept, half, 0.1).switched[0]


@pytest.mark.parametrize("peak", [1, 2, 3])
@pytest.mark.parametrize("half", [SET, RESET])
def test_branches_of_a_few_readings(half: str, peak: int) -> None:
    found = switching_of(curve(0.06, 1e6, 1e4, half=half, peak=peak), half, 0.05)
    assert found.switched[0] == (peak > 1)
    if peak > 1:
        assert found.at[0] == 0


def test_resistances_are_those_of_the_level_nearest_to_the_read_voltage() -> None:
    found = switching_of(curve(1.0, 1e6, 1e4, bend_v=0.3), SET, 0.11)
    expected = 0.1 / (np.sinh(0.1 / 0.3) * 0.3)
    assert found.hrs_ohm[0] == pytest.approx(1e6 * expected, rel=5e-3)
    assert found.lrs_ohm[0] == pytest.approx(1e4 * expected, rel=0.12)
    assert not found.within_noise[0]


def test_a_reading_that_is_missing_is_passed_over() -> None:
    swept = curve(1.0, 1e6, 1e4)
    swept.current_a[0, 5] = np.nan
    assert switching_of(swept, SET, 0.1).at[0] == 18


def test_records_are_sorted_into_sweeps_cell_by_cell() -> None:
    """Two cycles of three cells with four readings; the value says whose it is."""
    parts = [
        (cell, step, 100 * cycle + 10 * cell + step) for cycle, step, cell in np.ndindex(2, 4, 3)
    ]
    cell, step, value = map(np.array, zip(*parts, strict=True))
    table = {
        "half": np.array([SET] * 24), "cell": cell, "step": step, "source_v": value * 1.0,
        "voltage_v": value * 1.0, "current_a": value * 1.0, "limited": value % 2,
    }  # fmt: skip
    swept = sweeps_of(table, SET)
    assert swept.source_v[:, 0].tolist() == [0, 10, 20, 100, 110, 120]
    assert (np.diff(swept.source_v, axis=1) == 1).all()
    assert swept.limited.dtype == bool
