import numpy as np
import pytest

from hil.errors import ConfigError
from hil.protocols.jump_table.metrics import ks2d, ks_interval, pit, pit_distance, pit_interval
from hil.protocols.jump_table.metrics.redraws import redraw
from tests.protocols.jump_table.metrics.tables import HIGH_S, LOW_S, measured, paper_set, skewed

DEVICE = paper_set()


@pytest.mark.slow
@pytest.mark.parametrize("interval", [ks_interval, pit_interval])
def test_the_right_model_is_seldom_above_its_null(interval):
    rng = np.random.default_rng(31)
    table = paper_set(stretch=12)
    found = [interval(table, measured(table, 40, rng), rng, 1, 40) for _ in range(250)]
    assert 0.02 <= np.mean([one.value > one.null_95 for one in found]) <= 0.08


@pytest.mark.slow
@pytest.mark.parametrize("interval", [ks_interval, pit_interval])
def test_interval_of_a_wrong_model_covers(interval):
    rng = np.random.default_rng(32)
    wrong = paper_set(1.0)
    found = [interval(wrong, measured(DEVICE, 60, rng), rng, 1, 40) for _ in range(200)]
    expected = np.mean([one.value for one in found])
    assert 0.90 <= np.mean([low <= expected <= high for _, low, high, _ in found]) <= 0.98
    assert np.mean([one.value > one.null_95 for one in found]) > 0.9


@pytest.mark.parametrize("interval", [ks_interval, pit_interval])
def test_interval_holds_the_distance(interval):
    rng = np.random.default_rng(33)
    points = measured(DEVICE, 300, rng)
    for table in (DEVICE, paper_set(0.5), skewed()):
        value, low, high, null_95 = interval(table, points, rng, 2, 60)
        assert 0 <= low <= value <= high <= 1
        assert 0 < null_95 < 0.2


def test_the_value_is_a_mean_over_redraws():
    rng = np.random.default_rng(34)
    wide = paper_set(stretch=12)
    points = measured(wide, 60, rng)

    def pairs(some):
        return np.stack((some.conductance_s, some.step_s), axis=1)

    single = [ks2d(pairs(points), pairs(redraw(wide, points, rng))) for _ in range(200)]
    found = ks_interval(wide, points, rng, redraws=30, resamples=40)
    assert found.value == pytest.approx(np.mean(single), abs=4 * np.std(single) / np.sqrt(26))
    single = [pit_distance(pit(wide, points, rng)).statistic for _ in range(200)]
    found = pit_interval(wide, points, rng, redraws=30, resamples=40)
    assert found.value == pytest.approx(np.mean(single), abs=4 * np.std(single) / np.sqrt(26))


def test_redrawn_steps_stop_at_the_window_and_follow_the_table():
    rng = np.random.default_rng(35)
    table = paper_set(stretch=12)
    points = redraw(table, measured(DEVICE, 4000, rng), rng)
    assert points.after_s.min() == pytest.approx(LOW_S)
    assert points.after_s.max() == pytest.approx(HIGH_S)
    assert pit_distance(pit(table, points, rng)).p_value > 0.01


@pytest.mark.parametrize("interval", [ks_interval, pit_interval])
def test_too_few(interval):
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=r"9 points and 200 resamples .* 10 and 40 will do"):
        interval(DEVICE, measured(DEVICE, 9, rng), rng)
    with pytest.raises(ConfigError, match="10 points and 39 resamples"):
        interval(DEVICE, measured(DEVICE, 10, rng), rng, resamples=39)
