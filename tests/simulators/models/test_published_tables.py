"""Published three-file tables: reading them, and steps drawn from their probabilities."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest, kstwo, norm

from hil.config import find_bench
from hil.errors import ConfigError
from hil.simulators.models import get_model
from hil.simulators.models.drive import Floats
from hil.simulators.models.jump_table import JumpTable
from hil.simulators.models.published_tables import inlined, read_published
from tests.tiox_published import AT_US, PUBLISHED_US

G_S = np.linspace(5e-6, 30e-6, 26)
STEP_S = np.linspace(-30e-6, 30e-6, 241)


def moments_s(voltage_v: float) -> tuple[Floats, Floats]:
    """Mean and sigma of tiox.toml at G_S, from its polynomials (with its floor of 1 uS)."""
    model = get_model("tiox")
    assert isinstance(model, JumpTable)
    (table,) = (table for table in model.tables if table.voltage_v == voltage_v)
    mean, sigma = (np.polynomial.Polynomial(c)(G_S) for c in (table.mean, table.sigma))
    return mean, np.maximum(sigma, 1e-6)


def publish(prefix: Path, voltage_v: float, separator: str = " ") -> Floats:
    """Write a table of tiox.toml as it is published; returns its probabilities."""
    mean, sigma = moments_s(voltage_v)
    cdf = norm.cdf(STEP_S, mean[:, None], sigma[:, None])
    np.savetxt(f"{prefix}_axis_level_G.txt", G_S)
    np.savetxt(f"{prefix}_axis_level_dG.txt", STEP_S)
    np.savetxt(f"{prefix}_cdf.txt", cdf, delimiter=separator)
    return np.asarray(cdf)


def tabled(tables: list[dict[str, Any]], **parameters: Any) -> JumpTable:
    model = get_model(
        "jump-table", tables=tables, pulse_high_s="500ns",
        **{"low_s": 1e-9, "high_s": 1.0, **parameters},
    )  # fmt: skip
    assert isinstance(model, JumpTable)
    return model


def steps_s(model: JumpTable, voltage_v: float, at_s: float, cells: int = 10_000) -> Floats:
    state = model.initial_state(cells, np.random.default_rng(8))
    state["conductance_s"] = at_s
    for start, stop, duration_s in ((0, 1, 1e-7), (1, 1, 5e-7), (1, 0, 1e-7)):
        model.advance(state, start * voltage_v, stop * voltage_v, duration_s)
    return np.asarray(state["conductance_s"] - at_s)


def test_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    for separator in (" ", ","):
        cdf = publish(tmp_path / "t", 1.5, separator)
        table = read_published(tmp_path / "t", 1.5)
        assert table["voltage_v"] == 1.5
        np.testing.assert_array_equal(table["conductance_s"], G_S)
        np.testing.assert_array_equal(table["step_s"], STEP_S)
        np.testing.assert_array_equal(table["cdf"], cdf)


@pytest.mark.parametrize("row", [0, 7, 25])
@pytest.mark.parametrize("voltage_v", [1.8, -1.65])
def test_steps_on_a_row_follow_its_probabilities(
    tmp_path: Path, row: int, voltage_v: float
) -> None:
    cdf = publish(tmp_path / "t", voltage_v)
    steps = steps_s(tabled([read_published(tmp_path / "t", voltage_v)]), voltage_v, G_S[row])
    between = (1e-9 - G_S[row] < STEP_S) & (STEP_S[-1] > STEP_S)
    shares = np.searchsorted(np.sort(steps), STEP_S[between], side="right") / len(steps)
    assert between.sum() > 120
    assert np.abs(shares - cdf[row][between]).max() < kstwo.ppf(0.999, len(steps))


@pytest.mark.parametrize("voltage_v", [1.5, -1.8])
def test_between_rows_a_step_keeps_its_shape(tmp_path: Path, voltage_v: float) -> None:
    """Half way between coarse rows: the normal distribution between, not a mixture of both."""
    publish(tmp_path / "t", voltage_v)
    table = read_published(tmp_path / "t", voltage_v)
    coarse = {**table, "conductance_s": [10e-6, 28e-6], "cdf": [table["cdf"][k] for k in (5, 23)]}
    mean, sigma = (x[[5, 23]].mean() for x in moments_s(voltage_v))
    assert G_S[[5, 23]] == pytest.approx([10e-6, 28e-6])
    steps = steps_s(tabled([coarse]), voltage_v, 19e-6)
    assert kstest(steps, norm(mean, math.hypot(sigma, 0.25e-6 / math.sqrt(6))).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("voltage_v", "which"), [(1.5, 2), (1.65, 3), (-1.5, 3), (-1.35, 1)])
def test_tables_made_of_the_published_moments_agree_with_the_polynomials(
    tmp_path: Path, voltage_v: float, which: int
) -> None:
    publish(tmp_path / "t", voltage_v)
    model = tabled([read_published(tmp_path / "t", voltage_v)])
    steps_us = steps_s(model, voltage_v, AT_US[which] * 1e-6, 40_000) * 1e6
    mean_us, sigma_us = PUBLISHED_US[voltage_v][which]
    assert np.median(steps_us) == pytest.approx(mean_us, abs=5 * sigma_us / 200)
    spread_us = 0.5 * np.diff(np.quantile(steps_us, norm.cdf([-1, 1])))[0]
    assert spread_us == pytest.approx(sigma_us, rel=0.025)


def test_what_a_grid_cuts_off_is_at_its_ends() -> None:
    table = {
        "voltage_v": 1.0, "conductance_s": [1e-6, 2e-6], "step_s": [-1e-7, 0.0, 1e-7],
        "cdf": [[0.2, 0.5, 0.7]] * 2,
    }  # fmt: skip
    steps = steps_s(tabled([table]), 1.0, 1.5e-6)
    for at, share in ((-1e-7, 0.2), (1e-7, 0.3)):
        assert (np.abs(steps - at) < 1e-15).mean() == pytest.approx(share, abs=0.02)
    assert ((steps > -1e-7 + 1e-15) & (steps < 0)).mean() == pytest.approx(0.3, abs=0.02)


def test_a_certain_step_is_that_step_and_beyond_the_grid_of_g_its_ends_hold() -> None:
    table = {
        "voltage_v": 1.0, "conductance_s": [1e-6, 2e-6], "step_s": [0.0, 1e-12, 1e-7],
        "cdf": [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]],
    }  # fmt: skip
    model = tabled([table])
    assert (steps_s(model, 1.0, 3e-6, 500) <= 1.001e-12).all()
    assert steps_s(model, 1.0, 0.5e-6, 500).max() > 9e-8


def test_polynomials_and_grids_stand_side_by_side(tmp_path: Path) -> None:
    publish(tmp_path / "t", 1.5)
    plain = {"voltage_v": -1.2, "mean": [-2e-6], "sigma": [0.0]}
    model = tabled([plain, read_published(tmp_path / "t", 1.5)])
    assert steps_s(model, -1.2, 20e-6, 5) == pytest.approx(-2e-6)
    assert len(set(steps_s(model, 1.5, 20e-6, 50))) == 50


@given(st.floats(1e-6, 9e-6), st.integers(0, 2**40))
@settings(deadline=None)
def test_conductance_stays_within_its_bounds(at_s: float, seed: int) -> None:
    table = {
        "voltage_v": 1.0, "conductance_s": [1e-6, 9e-6], "step_s": [-9e-6, 0.0, 9e-6],
        "cdf": [[0.1, 0.5, 0.8], [0.3, 0.3, 0.3]],
    }  # fmt: skip
    model = tabled([table], low_s=1e-6, high_s=9e-6)
    state = model.initial_state(20, np.random.default_rng(seed))
    state["conductance_s"] = at_s
    for start_v, stop_v, duration_s in ((0, 1, 1e-7), (1, 1, 5e-7), (1, 0, 1e-7)):
        model.advance(state, start_v, stop_v, duration_s)
    assert (state["conductance_s"] >= 1e-6).all()
    assert (state["conductance_s"] <= 9e-6).all()


MODEL_FILE = """
kind = "model"
version = 1
model = "jump-table"
title = "mine"
source = "test"
[valid]
positive_v = 1.5
negative_v = -1.5
[parameters]
low_s = "5uS"
high_s = "30uS"
pulse_high_s = "500ns"
[[parameters.tables]]
voltage_v = "1.5V"
published = "tables/set"
[[parameters.tables]]
voltage_v = "-1.5V"
published = "tables/reset"
"""


def test_a_model_file_names_the_files_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    publish(tmp_path / "tables/set", 1.5)
    publish(tmp_path / "tables/reset", -1.5)
    (tmp_path / "mine.toml").write_text(MODEL_FILE)
    model = get_model(str(tmp_path / "mine.toml"))
    assert isinstance(model, JumpTable)
    assert model.amplitudes_v.tolist() == [1.5, -1.5]
    np.testing.assert_array_equal(model.tables[1].conductance_s, G_S)
    with find_bench(str(tmp_path / "mine.toml")).build(seed=1) as bench:
        assert bench.limits.switching.positive_v == 1.5


def test_parameters_without_files_are_left_as_they_are() -> None:
    plain = {"tables": [{"voltage_v": 1.2, "mean": [1e-6], "sigma": [1e-7]}], "low_s": 1e-6}
    assert inlined(plain, Path()) == plain
    assert inlined({"i0_a": 1e-3}, Path()) == {"i0_a": 1e-3}


def test_files_and_numbers_in_one_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing else"):
        inlined({"tables": [{"voltage_v": 1, "published": "t", "mean": [1]}]}, tmp_path)


@pytest.mark.parametrize(
    ("ending", "text", "words"),
    [
        ("cdf", None, "cannot be read"),
        ("cdf", "0.1 0.2\n0.3\n", "one length"),
        ("cdf", "0.1 zero", "rows of numbers"),
        ("axis_level_dG", "", "rows of numbers"),
        ("axis_level_G", "5 10 30", "in siemens"),
    ],
    ids=["missing", "ragged", "words", "empty", "units"],
)
def test_bad_files_are_refused(tmp_path: Path, ending: str, text: str | None, words: str) -> None:
    publish(tmp_path / "t", 1.5)
    path = tmp_path / f"t_{ending}.txt"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_published(tmp_path / "t", 1.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cdf": [[0.1, 0.2, 0.9]]}, "2 rows of 3 numbers"),
        ({"cdf": [[0.1, 0.2, 0.9], [0.1, 0.2]]}, "2 rows of 3 numbers"),
        ({"cdf": [[0.1, 0.2, 0.9], [0.1, 0.05, 0.9]]}, "row 2 of cdf"),
        ({"cdf": [[0.1, 0.2, 1.1], [0.1, 0.2, 0.9]]}, "row 1 of cdf"),
        ({"conductance_s": [2e-6, 1e-6]}, "conductance_s must be two or more rising"),
        ({"step_s": [0.0, 0.0, 1e-6]}, "step_s must be two or more rising"),
        ({"mean": [1e-6]}, "either mean and sigma, or"),
        ({"cdf": []}, "either mean and sigma, or"),
        ({"voltage_v": 0.3}, "quiet_v"),
    ],
    ids=str,
)
def test_bad_tables_are_refused(changes: dict[str, Any], words: str) -> None:
    table = {
        "voltage_v": 1.0, "conductance_s": [1e-6, 2e-6], "step_s": [-1e-6, 0.0, 1e-6],
        "cdf": [[0.1, 0.2, 0.9], [0.0, 0.2, 0.9]],
    }  # fmt: skip
    tabled([table])
    with pytest.raises(ConfigError, match=words):
        tabled([{**table, **changes}])
