"""Relaxation: the power law, the growth of the variance, and that batching changes nothing."""

from typing import Any

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.simulators.models import get_model
from hil.simulators.models.drive import Floats
from hil.simulators.models.model import Device, State
from tests.simulators.models.drives import waveform

SET = [(1e-7, 2.0), (1e-7, 0.0)]


def device(**settings: Any) -> Device:
    return get_model("stanford", relaxation={"spread": 0.0, "onset_s": "1ms", **settings})


def programmed(what: Device, cells: int = 1) -> State:
    """Make cells that were driven and stand at 10 uS, away from both bounds."""
    state = what.initial_state(cells, np.random.default_rng(9))
    what.play(state, np.arange(cells), waveform(SET))
    what.preset(state, np.arange(cells), 30e-6, 0.1)
    return state


def conductances_s(what: Device, state: State, *waits_s: float) -> Floats:
    """Wait and read, again and again: (waits, cells)."""
    points = [(wait_s, 0.1) for wait_s in waits_s]
    start_s = float(state["seen_s"].max())
    seen = what.play(state, np.arange(len(state)), waveform(points, start_s=start_s))
    return np.asarray(seen.current_a / 0.1)


def test_drift_is_a_power_law_of_the_age() -> None:
    what = device(drift=0.05)
    state = programmed(what)
    read = conductances_s(what, state, 1.0, 9.0, 990.0)[:, 0]
    ages_s = np.array([1.0, 10.0, 1000.0])
    assert read == pytest.approx(30e-6 * (ages_s / 1e-3) ** -0.05, rel=1e-6)


def test_variance_of_the_logarithm_grows_evenly_with_log_time() -> None:
    what = device(spread=0.06)
    state = programmed(what, 4000)
    logs = np.log(conductances_s(what, state, 0.01, 0.09, 0.9, 99.0) / 30e-6)
    wanted = 0.06 * np.sqrt([1, 2, 3, 5])
    assert logs.std(axis=1) == pytest.approx(wanted, rel=0.04)
    assert np.abs(logs.mean(axis=1)).max() < 0.01
    steps_apart = np.diff(logs, axis=0)
    assert abs(np.corrcoef(steps_apart[0], steps_apart[1])[0, 1]) < 0.05


def test_a_pulse_makes_a_cell_young_again() -> None:
    what = device(drift=0.05)
    state = programmed(what)
    conductances_s(what, state, 100.0)
    assert state["age_s"][0] == pytest.approx(100.0)
    what.play(state, np.arange(1), waveform(SET, start_s=float(state["seen_s"][0])))
    assert state["age_s"][0] == pytest.approx(0.0)


def test_waiting_between_programs_counts() -> None:
    what = device(drift=0.05)
    state, other = programmed(what), programmed(what)
    inside = conductances_s(what, state, 50.0)[0]
    later = waveform([(1e-9, 0.1)], start_s=float(other["seen_s"][0]) + 50.0)
    after = what.play(other, np.arange(1), later).current_a[0] / 0.1
    assert after == pytest.approx(inside, rel=1e-9)


def test_before_the_onset_nothing_happens() -> None:
    what = device(drift=0.5, spread=0.1)
    read = conductances_s(what, programmed(what), *[0.1e-3] * 10)[:, 0]
    assert read == pytest.approx(np.full(10, 30e-6), rel=1e-9)


@pytest.mark.parametrize("parts", [2, 30, 20_000])
def test_a_rest_may_be_made_up_of_any_segments(parts: int) -> None:
    what = device(drift=0.05, spread=0.1)
    whole, cut = programmed(what, 3), programmed(what, 3)
    at_once = conductances_s(what, whole, 10.0)
    drive = waveform([(10.0 / parts, 0.1)], repeats=parts, start_s=float(cut["seen_s"][0]))
    one_by_one = what.play(cut, np.arange(3), drive).current_a / 0.1
    assert one_by_one[-1] == pytest.approx(at_once[-1], rel=1e-6)
    moves = len(np.unique(one_by_one[:, 0]))
    assert 0.6 * min(parts, 97) < moves <= min(parts, 97)


def test_cells_between_pulses_relax_if_they_are_given_the_time() -> None:
    what = device(drift=0.2)
    state = programmed(what)
    cycle = [*SET, (1e-2, 0.0), (1e-6, 0.1), (1e-7, 0.0)]
    seen = what.play(state, np.arange(1), waveform(cycle, repeats=5, start_s=1.0))
    reads = seen.current_a.reshape(5, -1)[:, 3] / 0.1
    fast = [*SET, (1e-4, 0.0), (1e-6, 0.1), (1e-7, 0.0)]
    unrelaxed = what.play(programmed(what), np.arange(1), waveform(fast)).current_a[3, 0] / 0.1
    assert reads == pytest.approx(np.full(5, unrelaxed * 10**-0.2), rel=0.01)


def test_a_cell_beyond_its_range_is_not_pulled_back_into_it() -> None:
    what = get_model("jart", relaxation={"spread": 1e-4})
    state = what.initial_state(50, np.random.default_rng(1))
    what.play(state, np.arange(50), waveform([(1e-6, -1.2), (1e-7, 0.0)]))
    state["n_disc_1e26_per_m3"] = np.repeat([0.006, 25.0], 25)
    before = what.current_a(state, 0.1)
    what.play(state, np.arange(50), waveform([(10.0, 0.1)], start_s=float(state["seen_s"][0])))
    moved = np.log(what.current_a(state, 0.1) / before)
    assert 1e-5 < moved.std() < 1e-3


def test_at_a_bound_the_walk_is_reflected() -> None:
    what = get_model("jart", relaxation={"spread": 0.06})
    state = what.initial_state(500, np.random.default_rng(1))
    what.play(state, np.arange(500), waveform([(1e-6, -1.2), (1e-7, 0.0)]))
    state["n_disc_1e26_per_m3"] = 20.0
    before = what.current_a(state, 0.1)
    what.play(state, np.arange(500), waveform([(10.0, 0.1)], start_s=float(state["seen_s"][0])))
    moved = np.log(what.current_a(state, 0.1) / before)
    assert (moved < 0).all()
    assert np.sqrt((moved**2).mean()) == pytest.approx(0.06 * 2, rel=0.1)


def test_fresh_cells_do_not_relax() -> None:
    what = device(drift=0.5)
    state = what.initial_state(1, np.random.default_rng(1))
    before = what.current_a(state, 0.1)[0] / 0.1
    seen = what.play(state, np.arange(1), waveform([(1.0, 0.1)], start_s=1e4))
    assert seen.current_a[0, 0] / 0.1 == pytest.approx(before, rel=1e-12)


def test_programs_may_be_cut_anywhere() -> None:
    what = device(drift=0.02, spread=0.1)
    points = [*SET, (5e-3, 0.1), (1e-4, 0.1), (1e-2, 0.0), *SET, (3e-3, 0.0), (1e-6, 0.1)]
    whole, parts = programmed(what, 3), programmed(what, 3)
    start_s = float(whole["seen_s"][0])
    at_once = what.play(whole, np.arange(3), waveform(points, 5e4, repeats=2, start_s=start_s))
    seen = []
    for point, before_v in zip(points * 2, [0.0, *(v for _, v in points * 2)], strict=False):
        drive = waveform([point], 5e4, start_s=start_s)
        drive.start_v[0, 0] = before_v
        seen.append(what.play(parts, np.arange(3), drive).current_a[0])
        start_s += point[0]
    assert at_once.current_a == pytest.approx(np.array(seen), rel=1e-6, abs=1e-15)
    assert whole["relaxations"].tolist() == parts["relaxations"].tolist()


def test_a_column_each_is_the_same_as_alone() -> None:
    what = device(spread=0.1)
    together = programmed(what, 2)
    drive = waveform([(1e-2, 0.1), (1e-2, 0.1), (1e-3, 0.0), (1e-2, 0.1)])
    drive = drive.of_columns(np.array([0]))
    wide = type(drive)(
        np.hstack([drive.duration_s, 2 * drive.duration_s]),
        np.hstack([drive.start_v, 20 * drive.start_v]),
        np.hstack([drive.stop_v, 20 * drive.stop_v]),
        drive.measured, drive.units, 1e5, np.inf,
    )  # fmt: skip
    seen = what.play(together, np.arange(2), wide)
    for k in range(2):
        apart = programmed(what, 2)
        alone = what.play(apart, np.array([k]), wide.of_columns(np.array([k])))
        assert (alone.current_a[:, 0] == seen.current_a[:, k]).all()
        assert apart[k] == together[k]


def test_bad_values() -> None:
    for key, value in (("onset_s", "0s"), ("spread", -0.1), ("read_v", "0V"), ("drift", "1V")):
        with pytest.raises(ConfigError, match=key):
            device(**{key: value})
