"""Stuck cells: how many, which, and that nothing moves them."""

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.simulators.models import get_model
from tests.simulators.models.drives import play, waveform

STUCK = {"lrs_share": 0.1, "hrs_share": 0.2, "lrs_ohm": "2kohm", "hrs_ohm": "5Mohm"}
CYCLE = [(1e-6, 2.0), (1e-6, 0.0), (1e-6, -2.0), (1e-6, 0.0), (1e-6, 0.1)]


def test_the_shares_are_those_that_were_asked_for() -> None:
    device = get_model("stanford", stuck=STUCK)
    stuck_s = device.initial_state(40_000, np.random.default_rng(2))["stuck_s"]
    assert np.isin(stuck_s, [0.0, 1 / 2e3, 1 / 5e6]).all()
    assert np.mean(stuck_s == 1 / 2e3) == pytest.approx(0.1, abs=0.006)
    assert np.mean(stuck_s == 1 / 5e6) == pytest.approx(0.2, abs=0.008)


def test_a_stuck_cell_is_a_resistor_and_the_others_are_as_without() -> None:
    drive = waveform(CYCLE, ohm=1e3, limit_a=4e-4)
    seen, state = play(get_model("stanford", stuck=STUCK), drive, cells=60)
    plain, _ = play(get_model("stanford"), drive, cells=60)
    stuck_s = state["stuck_s"]
    works = stuck_s == 0
    assert 0 < works.sum() < 60
    assert (seen.current_a[:, works] == plain.current_a[:, works]).all()
    source_v = np.array([2.0, 0.0, -2.0, 0.0, 0.1])[:, None]
    flowing_a = source_v / (1e3 + 1 / stuck_s[~works])
    wanted_a = np.clip(flowing_a, -4e-4, 4e-4)
    assert seen.current_a[:, ~works] == pytest.approx(wanted_a, rel=1e-12)
    assert seen.voltage_v[:, ~works] == pytest.approx(wanted_a / stuck_s[~works], rel=1e-12)
    assert (seen.limited[:, ~works] == (np.abs(flowing_a) > 4e-4)).all()
    assert (state["gap_m"][~works] == 1.7e-9).all()


def test_more_than_all_cells_cannot_be_stuck() -> None:
    with pytest.raises(ConfigError, match="more than all cells"):
        get_model("stanford", stuck={"lrs_share": 0.6, "hrs_share": 0.6})
    with pytest.raises(ConfigError, match="lrs_share"):
        get_model("stanford", stuck={"lrs_share": -0.1})
