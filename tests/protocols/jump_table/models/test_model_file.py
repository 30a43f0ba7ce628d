"""Fitted tables as model files: what is written is what is played, and a bench at once."""

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import gamma, kstest

from hil.cells import Cells
from hil.config import find_bench
from hil.errors import ConfigError, StoreError
from hil.limits import Limits, PhaseLimits
from hil.program import pulse, read
from hil.protocol import RunView
from hil.protocols.jump_table.collect import JumpTableCollection
from hil.protocols.jump_table.models.model_file import (
    SHAPE_TOLERANCE,
    needed_rows,
    write_checked,
    write_model,
)
from hil.protocols.jump_table.profile import Profile
from hil.simulators.models import get_model
from hil.simulators.models.jump_table import JumpTable
from hil.simulators.physics_bench import PhysicsBench

AXIS_S = np.linspace(3e-9, 38e-9, 60)


def profiles(*, shaped: bool = False) -> dict[float, Profile]:
    """The paper's target, and a skewed one."""
    sigma_s = np.full(60, 1.2e-9)
    mean_s = {2.0: 0.1732e-9 - 3.979e-3 * AXIS_S, -1.5: 0.0271e-9 - 9.83e-3 * AXIS_S}
    skewed = (np.clip(gamma.ppf(np.linspace(0, 1, 65), 2.0), 0, 12) - 2) / np.sqrt(2)
    bent = np.interp(AXIS_S, AXIS_S[[0, 20, 59]], [1.0, -1.0, 0.5])[:, None]
    turned = 0.5 * (1 + bent) * skewed - 0.5 * (1 - bent) * skewed[::-1]
    return {v: Profile(AXIS_S, m, sigma_s, turned if shaped else None) for v, m in mean_s.items()}


def written(path: Path, **changed: Any) -> Path:
    given: dict[str, Any] = {
        "title": "a twin",
        "source": "runs/one",
        "profiles": profiles(),
        "low_s": 3e-9,
        "high_s": 38e-9,
        "pulse_high_s": 300e-6,
    }
    write_model(path, **{**given, **changed})
    return path


def bench_of(path: Path, cells: int) -> PhysicsBench:
    phase = PhaseLimits(positive_v=2.0, negative_v=-2.0, current_a=1e-6)
    limits = Limits(read=phase, switching=phase)
    model = get_model(str(path))
    return PhysicsBench("t", model, cells=Cells(columns=cells), limits=limits, seed=4)


@pytest.mark.parametrize("shaped", [False, True])
def test_what_is_written_is_read_back_to_the_last_digit(tmp_path: Path, shaped: bool) -> None:
    asked = profiles(shaped=shaped)
    model = get_model(str(written(tmp_path / "m.toml", profiles=asked)))
    assert isinstance(model, JumpTable)
    assert (model.low_s, model.high_s, model.pulse_high_s) == (3e-9, 38e-9, 300e-6)
    assert [table.voltage_v for table in model.tables] == [-1.5, 2.0]
    for table in model.tables:
        profile = asked[table.voltage_v]
        np.testing.assert_array_equal(table.conductance_s, profile.conductance_s)
        np.testing.assert_array_equal(table.mean_s, profile.mean_s)
        np.testing.assert_array_equal(table.sigma_s, profile.sigma_s)
        assert bool(table.shape) == shaped
        if profile.shape is not None:
            assert len(table.shape) == 3, "linear between three rows"
            rows = Profile(
                np.array(table.shape_conductance_s), np.zeros(3), np.ones(3), np.array(table.shape)
            )
            again = rows.on(AXIS_S).shape
            assert again is not None
            assert np.abs(again - profile.shape).max() < SHAPE_TOLERANCE + 1e-5


def test_steps_of_the_bench_are_the_profiles(tmp_path: Path) -> None:
    path = written(tmp_path / "m.toml", profiles=profiles(shaped=True))
    at_s = np.full(4_000, 20e-9)
    with bench_of(path, 4_000) as bench:
        bench.state["conductance_s"] = at_s
        program = pulse(2.0, high_s=300e-6) + read(0.1)
        steps_s = bench.apply(program).conductance_s[0] - at_s
    truth = profiles(shaped=True)[2.0]
    assert kstest(truth.cdf(at_s, steps_s), "uniform").pvalue > 1e-3


def test_the_file_is_readable(tmp_path: Path) -> None:
    title, source = 'Pt/"TiOx" é\x7f', "C:\\runs\\2\nnight"
    about = ["fitted by spline " * 20, "SSD 0.009"]
    text = written(
        tmp_path / "m.toml",
        title=title,
        source=source,
        about=about,
        profiles=profiles(shaped=True),
    ).read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 99
    head = re.match(r"(#[^\n]*\n)+", text)
    assert head is not None
    assert "SSD 0.009" in head[0]
    file = tomllib.loads(text)
    assert (file["title"], file["source"]) == (title, source)


def test_the_collection_runs_on_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "m.toml", edge_s=1e-6)
    protocol = JumpTableCollection(
        points=15, voltages_v=(-1.5, 2.0), high_s=300e-6, edge_s=2e-6, window_low_s=15e-9,
        window_high_s=25e-9, tolerance_s=3e-9,
    )  # fmt: skip
    with find_bench(str(path)).build(seed=1) as bench:
        kinds = {str(batch.values["kind"]) for batch in protocol.measure(bench, RunView(2))}
        assert bench.limits.switching.current_a == pytest.approx(2 * 2.0 * 38e-9, rel=0.1)
    assert kinds == {"look", "place", "point"}


def test_read_noise_is_in_the_readings_and_not_in_the_state(tmp_path: Path) -> None:
    path = written(tmp_path / "m.toml", read_noise=0.03)
    with bench_of(path, 3_000) as bench:
        bench.state["conductance_s"] = 20e-9
        readings_s = bench.apply(read(0.1)).conductance_s[0]
        assert (bench.state["conductance_s"] == 20e-9).all()
    assert readings_s.std() / 20e-9 == pytest.approx(0.03, rel=0.08)


@pytest.mark.parametrize(
    ("voltages_v", "quiet_v", "valid_v"),
    [
        ((1.8, -1.5), 0.5, (-1.5, 1.8)),
        ((0.3, 0.6), 0.15, (-0.2, 0.6)),
        ((-0.8,), 0.4, (-0.8, 0.2)),
    ],
)
def test_small_and_one_sided_amplitudes_can_be_read_beside(
    tmp_path: Path,
    voltages_v: tuple[float, ...],
    quiet_v: float,
    valid_v: tuple[float, float],
) -> None:
    one = profiles()[2.0]
    path = written(tmp_path / "m.toml", profiles=dict.fromkeys(voltages_v, one))
    file = tomllib.loads(path.read_text())
    assert file["parameters"]["quiet_v"] == pytest.approx(quiet_v)
    assert (file["valid"]["negative_v"], file["valid"]["positive_v"]) == valid_v
    with find_bench(str(path)).build(seed=1) as bench:
        bench.apply(pulse(voltages_v[0], high_s=300e-6) + read(0.1))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"profiles": {}}, "needs the profile of one amplitude"),
        ({"profiles": {0.0: profiles()[2.0]}}, "0 V moves no cell"),
        ({"low_s": -np.inf}, "from -inf S to 3.8e-08 S; give the bounds"),
        ({"low_s": 40e-9}, "give the bounds"),
        ({"pulse_high_s": 0.0}, "flat top of the pulses is 0 s"),
        ({"read_noise": 0.9}, "noise.white"),
    ],
    ids=range(6),
)
def test_what_makes_no_model_leaves_the_file_alone(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    (tmp_path / "m.toml").write_text("mine")
    with pytest.raises(ConfigError, match=words):
        written(tmp_path / "m.toml", **changed)
    assert (tmp_path / "m.toml").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        written(tmp_path / "none" / "m.toml")


def test_rows_on_a_line_are_left_out_and_the_others_kept() -> None:
    axis = np.array([0.0, 1.0, 2.0, 5.0, 6.0])
    rows = np.array([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0], [5.0, 10.0], [6.0, 9.0]])
    assert needed_rows(axis, rows, 1e-9) == [0, 3, 4]
    assert needed_rows(axis, rows, 10.0) == [0, 4]
    assert needed_rows(axis, rows * [[0], [1], [0], [1], [0]], 1e-9) == [0, 1, 2, 3, 4]


def test_a_name_that_is_no_model_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model does not end in \.toml"):
        write_checked(tmp_path / "model", ['kind = "model"'])
    assert list(tmp_path.iterdir()) == []
