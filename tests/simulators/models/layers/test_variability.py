"""Cells that differ: the distributions against SciPy's, and what the models make of them."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, norm, truncnorm

from hil.errors import ConfigError
from hil.simulators.models import get_model
from hil.simulators.models.model import State
from tests.simulators.models.drives import play, waveform


def cells(count: int = 20_000, **spreads: Any) -> State:
    device = get_model("stanford", variability=spreads)
    return device.initial_state(count, np.random.default_rng(5))


def test_a_sigma_gives_a_truncated_normal_distribution() -> None:
    state = cells(v0_v={"sigma": "20mV", "low": "0.22V", "high": "0.3V"})
    wanted = truncnorm((0.22 - 0.25) / 0.02, (0.3 - 0.25) / 0.02, 0.25, 0.02)
    assert kstest(state["v0_v"], wanted.cdf).pvalue > 1e-3
    assert 0.22 <= state["v0_v"].min() <= 0.2201
    assert 0.2995 <= state["v0_v"].max() <= 0.3


def test_a_relative_sigma_is_of_the_parameter() -> None:
    state = cells(v0_v={"sigma_relative": 0.04})
    assert kstest(state["v0_v"], norm(0.25, 0.01).cdf).pvalue > 1e-3
    assert np.abs(state["v0_v"] - 0.25).max() <= 0.04


def test_a_sigma_of_the_logarithm_gives_a_log_normal_distribution() -> None:
    state = cells(i0_a={"sigma_log": 0.3, "high": "9mA"})
    assert kstest(np.log(state["i0_a"]), norm(np.log(1e-3), 0.3).cdf).pvalue > 1e-3


def test_far_in_the_upper_tail_values_crowd_at_the_lower_end() -> None:
    state = cells(v0_v={"sigma": "1mV", "low": "0.27V", "high": "0.275V"})
    wanted = truncnorm(20, 25, 0.25, 0.001)
    assert kstest(state["v0_v"], wanted.cdf).pvalue > 1e-3


def test_the_variability_of_a_file_can_be_changed_and_taken_away() -> None:
    changed = get_model("jart-var", variability={"r_m": {"sigma_relative": 0.02}})
    assert {"r_m", "l_m", "n_min", "n_max"} <= set(changed.state_dtype.names or ())
    assert "r_m" not in (get_model("jart-var", variability=False).state_dtype.names or ())


def test_parameters_are_drawn_independently_and_each_by_its_name() -> None:
    both = cells(v0_v={"sigma_relative": 0.04}, i0_a={"sigma_log": 0.3})
    alone = cells(v0_v={"sigma_relative": 0.04})
    assert (both["v0_v"] == alone["v0_v"]).all()
    assert abs(np.corrcoef(both["v0_v"], np.log(both["i0_a"]))[0, 1]) < 0.03


def test_a_cell_behaves_as_a_model_with_its_own_parameters() -> None:
    spreads = {"i0_a": {"sigma_log": 0.3}, "gap_max_m": {"sigma": "50pm"}, "beta": {"sigma": 0.01}}
    sweep = waveform([(1e-3, 2.0), (1e-3, 0.0), (1e-3, -1.3), (1e-3, 0.1)], ohm=1e3)
    seen, state = play(get_model("stanford", variability=spreads), sweep, cells=5)
    for k in range(5):
        own = {name: float(state[name][k]) for name in spreads}
        alone, moved = play(get_model("stanford", **own), sweep)
        assert alone.current_a[:, 0] == pytest.approx(seen.current_a[:, k], rel=1e-12)
        assert moved["gap_m"][0] == pytest.approx(state["gap_m"][k], rel=1e-12)


@pytest.mark.parametrize(
    ("spread", "words"),
    [
        ({"v0_w": {"sigma": 0.1}}, "there is no parameter to vary 'v0_w'; did you mean 'v0_v'"),
        ({"v0_v": {}}, "v0_v: give one of sigma, sigma_relative, sigma_log"),
        ({"v0_v": {"sigma": 0.1, "sigma_log": 0.1}}, "give one of"),
        ({"v0_v": {"sigma": "1nm"}}, "variability.v0_v.sigma: '1nm' is not in V"),
        ({"v0_v": {"sigma": float("nan")}}, "nan"),
        ({"v0_v": {"sigma": -0.01}}, "sigma is -0.01; it must be above 0"),
        ({"v0_v": {"sigma": 0.01, "low": 0.3, "high": 0.2}}, "must be below"),
        (
            {"v0_v": {"sigma": 0.1}},
            "reaches v0_v = -0.15, and v0_v is -0.15 V; it must be above 0 V",
        ),
        ({"i0_a": {"sigma_log": 0.9}}, "outside 0 to 0.01 A of the Stanford-PKU"),
        (
            {"gap_min_m": {"sigma": "0.3nm", "low": 0}, "gap_max_m": {"sigma": "0.2nm"}},
            "reaches gap_min_m = 1.4e-09 and gap_max_m = 9e-10",
        ),
        ({"v0_v": {"sigmo": 0.1}}, "did you mean 'sigma'"),
    ],
)
def test_bad_spreads(spread: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        get_model("stanford", variability=spread)
