"""Tables of mean, sigma and shape over G: what a fit gives, played by the simulator."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import gamma, kstest

from hil.draws import uniforms
from hil.errors import ConfigError
from hil.protocols.jump_table.profile import Profile
from hil.simulators.models import get_model
from hil.simulators.models.drive import Floats
from hil.simulators.models.jump_table import JumpTable, Table
from hil.simulators.models.model import State

AXIS_S = 5e-6 + 25e-6 * np.linspace(0, 1, 14) ** 1.7
SHARES = np.linspace(0, 1, 33)


def profile(*, shaped: bool) -> Profile:
    """Mean and sigma that bend, and a skewed shape that turns over with G."""
    x = (AXIS_S - 5e-6) / 25e-6
    skewed = (np.clip(gamma.ppf(SHARES, 2.0), 0, 12) - 2) / np.sqrt(2)
    shape = (1 - x[:, None]) * skewed - x[:, None] * skewed[::-1]
    mean_s, sigma_s = 2e-6 * np.cos(4 * x), 1e-6 * (1 + x**2)
    return Profile(AXIS_S, mean_s, sigma_s, shape if shaped else None)


def table(form: Profile, voltage_v: float = 1.5) -> dict[str, Any]:
    lists: dict[str, Any] = {
        "voltage_v": voltage_v,
        "conductance_s": form.conductance_s.tolist(),
        "mean_s": form.mean_s.tolist(),
        "sigma_s": form.sigma_s.tolist(),
    }
    return lists if form.shape is None else {**lists, "shape": form.shape.tolist()}


def device(*tables: dict[str, Any]) -> JumpTable:
    model = get_model("jump-table", tables=tables, pulse_high_s=5e-7, low_s=1e-9, high_s=1.0)
    assert isinstance(model, JumpTable)
    return model


def stepped(model: JumpTable, at_s: Floats, voltage_v: float = 1.5) -> tuple[State, Floats]:
    """One pulse for each cell: the cells before it, and their steps (S)."""
    state = model.initial_state(len(at_s), np.random.default_rng(8))
    state["conductance_s"] = at_s
    before = state.copy()
    for start, stop, duration_s in ((0, 1, 1e-7), (1, 1, 5e-7), (1, 0, 1e-7)):
        model.advance(state, start * voltage_v, stop * voltage_v, duration_s)
    return before, state["conductance_s"] - at_s


AT_S = np.concatenate([np.random.default_rng(1).uniform(2e-5, 4e-5, 3_000), AXIS_S])
"""Up to beyond the axis, and its own entries."""


def test_a_shaped_step_is_the_profiles_quantile_of_the_cells_random_number() -> None:
    truth = profile(shaped=True)
    before, steps_s = stepped(device(table(truth)), AT_S)
    counts = np.zeros((1, len(AT_S)), np.uint64)
    shares = uniforms(before["key"], JumpTable.stream, counts)[0]
    np.testing.assert_allclose(steps_s, truth.quantile(AT_S, shares), rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("at_s", [3e-6, AXIS_S[4], 1.9e-5, 4e-5])
def test_steps_are_distributed_as_the_profile_says(at_s: float, shaped: bool) -> None:
    """Below the axis, on one of its entries, between two and above: a uniform PIT."""
    truth = profile(shaped=shaped)
    places_s = np.full(5_000, at_s)
    _, steps_s = stepped(device(table(truth)), places_s)
    assert kstest(truth.cdf(places_s, steps_s), "uniform").pvalue > 1e-3


def test_a_shape_may_have_an_axis_of_its_own() -> None:
    fine = profile(shaped=True)
    assert fine.shape is not None
    coarse = {
        **table(fine),
        "shape": fine.shape[[0, -1]].tolist(),
        "shape_conductance_s": AXIS_S[[0, -1]].tolist(),
    }
    of_fine_s, of_coarse_s = (stepped(device(one), AT_S)[1] for one in (table(fine), coarse))
    np.testing.assert_allclose(of_coarse_s, of_fine_s, rtol=1e-9, atol=1e-18)


def test_each_table_is_played_by_its_own_form() -> None:
    """Polynomial, probabilities, lists with a shape and without stand side by side."""
    lists = [profile(shaped=False), profile(shaped=True)]
    tables = [
        {"voltage_v": -1.0, "mean": [1e-6, -0.1], "sigma": [1e-6]},
        table(lists[0], 1.0),
        {
            "voltage_v": -2.0,
            "conductance_s": [1e-6, 5e-5],
            "step_s": [-2e-6, 0.0, 3e-6],
            "cdf": [[0.0, 0.4, 1.0], [0.1, 0.2, 0.9]],
        },
        table(lists[1], 2.0),
    ]
    every = device(*tables)
    for one in tables:
        alone = stepped(device(one), AT_S, one["voltage_v"])[1]
        assert (stepped(every, AT_S, one["voltage_v"])[1] == alone).all()
        assert np.unique(alone).size > 2_000


def test_a_step_without_sigma_is_its_mean() -> None:
    certain = {**table(profile(shaped=True)), "sigma_s": [0.0] * len(AXIS_S)}
    steps_s = stepped(device(certain), AT_S)[1]
    mean_s = profile(shaped=True).moments(AT_S)[0]
    np.testing.assert_allclose(steps_s, mean_s, rtol=1e-9, atol=1e-18)


def test_lists_take_units() -> None:
    spoken = {
        "voltage_v": "1.5V",
        "conductance_s": ["5uS", "30uS"],
        "mean_s": ["1uS", "-1uS"],
        "sigma_s": ["100nS", "0.1uS"],
    }
    (read,) = device(spoken).tables
    assert (read.mean_s, read.sigma_s) == ((1e-6, -1e-6), (1e-7, 1e-7))


PLAIN: dict[str, Any] = {
    "voltage_v": 1.5, "conductance_s": [1e-6, 2e-6], "mean_s": [0.0, 1e-7], "sigma_s": [1e-7] * 2,
}  # fmt: skip
SHAPED = {**PLAIN, "shape": [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0]]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({**PLAIN, "sigma_s": []}, r"1\.5 V must have either .* or conductance_s, mean_s and"),
        ({**PLAIN, "mean": [1e-7]}, "must have either"),
        ({**PLAIN, "shape_conductance_s": [1e-6, 2e-6]}, "must have either"),
        ({**PLAIN, "conductance_s": [2e-6, 1e-6]}, "conductance_s must be two or more rising"),
        ({**PLAIN, "mean_s": [0.0] * 3}, "2, 3 and 2 numbers"),
        ({**PLAIN, "mean_s": [0.0, float("inf")]}, "mean_s or sigma_s holds a NaN or infinite"),
        ({**PLAIN, "sigma_s": [1e-7, -1e-9]}, "down to -1e-09 S"),
        ({**SHAPED, "shape": [[0.0, 1.0]]}, "shape must have 2 rows of 2 numbers, as many as c"),
        ({**SHAPED, "shape": [[0.0, 1.0], [0.0]]}, "2 rows of 2 numbers"),
        ({**SHAPED, "shape": [[0.0], [0.0]]}, "2 rows of 2 numbers"),
        ({**SHAPED, "shape": [[0.0, 1.0], [1.0, 0.0]]}, "row 2 of shape holds no quantiles"),
        ({**SHAPED, "shape": [[0.0, float("-inf")], [1.0, 2.0]]}, "row 1 of shape"),
        ({**SHAPED, "shape_conductance_s": [1e-6, 1e-6]}, "shape_conductance_s must be two"),
        ({**SHAPED, "shape_conductance_s": [1e-6, 2e-6, 3e-6]}, "3 rows of 3 .*shape_conduct"),
    ],
    ids=range(14),
)
def test_lists_that_are_no_table_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Table(**given)
