"""``hil fit``, ``hil twin`` and ``hil import``: what a person types, gets, and is told."""

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.cli.main import main
from hil.protocols.jump_table.models.truth import tables_of
from hil.protocols.jump_table.reading.measured import read_points
from hil.simulators.models.files import get_model

Hil = Callable[..., Any]
RUN = (
    "run", "jump-table", "--bench", "tiox", "--seed", "3", "--set", "points=250",
    "--set", "voltages_v=-1.8,0,1.8",
)  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Measure once, for all tests to copy: 2 amplitudes, a control, readings with noise of 2 %."""
    folder = tmp_path_factory.mktemp("measured")
    arguments = [*RUN, "--set", "bench.device.parameters.noise.white=0.02", "--out", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["hil", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return next(folder.iterdir())


@pytest.fixture
def run(measured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(measured, tmp_path / "runs" / measured.name))


def test_a_run_becomes_a_model_file_with_pictures_and_the_model_a_bench(
    hil: Hil, run: Path, tmp_path: Path
) -> None:
    told = hil("fit", "jump-table", "last", "--bounds", "5uS,30uS", "--out", "twin.toml")
    assert told.code == 0, told.err
    assert "250 pulses of 0 V" in told.out
    assert all((tmp_path / f"twin.{kind}").stat().st_size > 10_000 for kind in ("png", "svg"))
    tables = tables_of("twin.toml", np.array([1e-5, 2e-5]))
    assert sorted(tables.profiles) == [-1.8, 1.8]
    assert tables.noise == pytest.approx(0.02, rel=0.2)
    assert run.name in tables.source
    truth = tables_of("tiox", np.array([1e-5, 2e-5])).profiles[1.8]
    sigmas = (tables.profiles[1.8].mean_s - truth.mean_s) / truth.sigma_s
    assert np.abs(sigmas).max() < 0.5
    again = hil(
        "run", "jump-table", "--bench", "twin.toml", "--seed", "1", "--set", "points=40",
        "--set", "voltages_v=-1.8,1.8", "--json",
    )  # fmt: skip
    assert again.code == 0, again.err
    assert [one["points"] for one in json.loads(again.out)["amplitudes"]] == [40, 40]


def test_points_that_tell_a_density_are_all_cut_off_at_the_stops(run: Path) -> None:
    """Others among them make a step of the density, and read noise is then taken out wrongly."""
    measured = read_points(run, bounds_s=(5e-6, 30e-6))
    points = measured.amplitudes[0]
    assert measured.control is not None
    assert measured.control.conductance_s.max() > points.high_s
    assert all(one.conductance_s.max() <= points.high_s for one in measured.alike(points))


def test_the_same_seed_gives_the_same_model_whatever_it_is_compared_with(
    hil: Hil, run: Path, tmp_path: Path
) -> None:
    assert hil("fit", "jump-table", "last", "--method", "binning", "--out", "a.toml").code == 0
    told = hil(
        "fit", "jump-table", "last", "--method", "binning", "--out", "b.toml",
        "--compare", "polynomial", "--json",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert (tmp_path / "a.toml").read_text() == (tmp_path / "b.toml").read_text()
    figures = json.loads(told.out)
    assert {one["method"] for one in figures["judged"]} == {"binning", "polynomial"}
    assert {one["points"] for one in figures["judged"]} == {83}
    assert (tmp_path / "b-compared.png").is_file()


def test_all_methods_are_those_whose_extras_are_there(
    hil: Hil, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("optuna", "sklearn.gaussian_process"):
        monkeypatch.setitem(sys.modules, module, None)
    told = hil("fit", "jump-table", "last", "--compare", "all")
    assert told.code == 0, told.err
    assert "without  optuna: this needs optuna" in told.out
    assert "without  kriging: this needs sklearn" in told.out
    assert "binning-cv" in told.out
    assert "[learn]" in hil("fit", "jump-table", "last", "--compare", "kriging").err


def test_a_run_that_was_stopped_is_fitted_and_called_so(hil: Hil, run: Path) -> None:
    assert "the run is" not in hil("fit", "jump-table", "last").out
    with closing(sqlite3.connect(run / "run.sqlite")) as db, db:
        db.execute("DELETE FROM events WHERE what = 'finished'")
    told = hil("fit", "jump-table", "last")
    assert told.code == 0, told.err
    assert "the run is running or killed; these are the points that it has" in told.out


def test_means_and_sigmas_of_a_table_have_one_unit(hil: Hil, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    before = rng.uniform(6, 29, 400)
    steps = rng.normal(np.repeat([0.9, 1.2], 200), 0.3) * np.repeat([1, -1], 200)
    rows = np.column_stack([np.repeat([1.5, -1.5], 200), before, before + steps])
    heading = "pulse_voltage_v,conductance_before_us,conductance_after_us"
    np.savetxt(tmp_path / "p.csv", rows, delimiter=",", header=heading, comments="")
    told = hil("fit", "jump-table", "p.csv", "--pulse-high", "500ns")
    assert told.code == 0, told.err
    lines = [line for line in told.out.splitlines() if ") uS" in line or ") nS" in line]
    assert [line.count(") uS") for line in lines] == [3, 3]


def test_a_method_takes_settings_and_help_lists_them(hil: Hil, run: Path) -> None:
    told = hil("fit", "jump-table", "last", "--set", "sign=by-voltage", "--json")
    assert told.code == 0, told.err
    path = Path(json.loads(told.out)["model"])
    assert path == run / "spline.toml" or path.resolve() == (run / "spline.toml").resolve()
    profiles = tables_of(str(path), np.linspace(6e-6, 29e-6, 50)).profiles
    assert (profiles[-1.8].mean_s <= 1e-7).all()
    helped = hil("fit", "jump-table", "--method", "optuna", "-h")
    assert helped.code == 0
    assert "redraws=5" in helped.out


def test_a_read_noise_as_large_as_the_readings_is_refused_before_the_fit(
    hil: Hil, run: Path
) -> None:
    told = hil("fit", "jump-table", "last", "--read-noise", "20uS")
    assert told.code == 1
    assert "more than the 0.5 that a model may have" in told.err
    assert not (run / "spline.toml").exists()


def test_read_noise_may_stay_in_the_tables(hil: Hil, run: Path) -> None:
    assert hil("fit", "jump-table", "last", "--out", "a.toml").code == 0
    assert hil("fit", "jump-table", "last", "--out", "b.toml", "--keep-read-noise").code == 0
    at_s = np.array([2.4e-5, 2.5e-5])
    clean, kept = (tables_of(name, at_s) for name in ("a.toml", "b.toml"))
    assert kept.noise == 0
    assert (kept.profiles[1.8].sigma_s > 1.005 * clean.profiles[1.8].sigma_s).all()


@pytest.mark.slow
def test_a_twin_tells_its_distance_and_what_networks_make_of_it(
    hil: Hil, run: Path, tmp_path: Path
) -> None:
    assert hil("fit", "jump-table", "last", "--method", "polynomial", "--out", "m.toml").code == 0
    command = (
        "twin", "last", "m.toml", "--network", "digits", "--instances", "2", "--rates", "0.3",
        "--workers", "1", "--set", "epochs=2", "--set", "hidden=10", "--json",
    )  # fmt: skip
    told = hil(*command)
    assert told.code == 0, told.err
    assert "flatters it" in told.err
    figures = json.loads(told.out)
    assert [one["voltage_v"] for one in figures["amplitudes"]] == [-1.8, 1.8]
    assert all(0 < one["ovle"]["value"] < 0.3 for one in figures["amplitudes"])
    assert len(figures["bias"]["target"]) == 2
    assert (run / "twin-m.png").is_file()
    lines = (run / "twin-m.jsonl").read_text().splitlines()
    assert hil(*command).out == told.out
    assert (run / "twin-m.jsonl").read_text().splitlines() == lines


def test_a_simulated_device_is_its_own_twin(hil: Hil, run: Path) -> None:
    told = hil("twin", "last", "tiox", "--json")
    assert told.code == 0, told.err
    for one in json.loads(told.out)["amplitudes"]:
        assert one["ovle"]["value"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("fit", "jump-table", "nowhere"), "there is no run 'nowhere'"),
        (("fit", "jump-table", "nowhere.csv"), "there is no file nowhere.csv"),
        (("fit", "jump-table", "last", "--method", "splin"), "did you mean 'spline'?"),
        (("fit", "jump-table", "last", "--compare", "binnin"), "did you mean 'binning'?"),
        (("fit", "jump-table", "last", "--set", "bins=3"), "there is no setting 'bins'"),
        (("fit", "jump-table", "last", "--set", "basis=3"), ">= 5"),
        (("fit", "jump-table", "last", "--voltage", "1V"), "tells its amplitudes itself"),
        (("fit", "jump-table", "last", "--bounds", "5uS"), "write two rising conductances"),
        (("fit", "jump-table", "last", "--bounds", "10uS,20uS"), "beyond the bounds"),
        (("fit", "jump-table", "last", "--bounds", "5V,30V"), "not in S"),
        (("fit", "jump-table", "last", "--out", "model.txt"), "does not end in .toml"),
        (("twin", "last", "nothing.toml"), "cannot be read"),
        (("twin", "last", "stanford"), "has no jump tables"),
        (("twin", "last", "tiox", "--out", "no/folder.png"), "no/folder.png cannot be written"),
        (("twin", "last", "neurosim-500"), "it is a model of other pulses"),
        (("twin", "last", "tiox", "--network", "nofolder"), "hil: there is no folder"),
        (("twin", "last", "tiox", "--network", "digits", "--pair", "1V,2V"), "to train with"),
        (("twin", "last", "tiox", "--network", "digits", "--rates", "0"), "above 0"),
        (("twin", "last", "tiox", "--network", "digits", "--set", "epoch=1"), "'epochs'?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(
    hil: Hil, run: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    told = hil(*arguments)
    assert told.code != 0
    assert sentence in told.err
    assert told.err.count("\n") == 1


def test_a_file_of_points_is_as_good_as_a_run_but_must_say_how_wide_pulses_were(
    hil: Hil, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    before = rng.uniform(6, 29, 200)
    after = np.clip(before + rng.normal(0.5, 1.0, 200), 5, 30)
    rows = np.column_stack([np.repeat([1.5, -1.5], 100), before, after])
    heading = "pulse_voltage_v,conductance_before_us,conductance_after_us"
    text = "\n".join([heading, *(",".join(map(repr, map(float, row))) for row in rows)])
    (tmp_path / "points.csv").write_text(text, encoding="utf-8")
    told = hil("fit", "jump-table", "points.csv")
    assert told.code == 1
    assert "--pulse-high 500ns" in told.err
    told = hil("fit", "jump-table", "points.csv", "--pulse-high", "500ns", "--method", "binning")
    assert told.code == 0, told.err
    assert "fewer than 120 points" in told.out
    assert get_model(str(tmp_path / "points-binning.toml")).memory_column == "conductance_s"


def test_published_tables_and_neurosim_parameters_become_model_files(
    hil: Hil, tmp_path: Path
) -> None:
    axis_s, step_s = np.linspace(5e-6, 30e-6, 40), np.linspace(-3e-5, 3e-5, 101)
    from scipy.special import ndtr

    for name, mean_s in (("set", 2e-6), ("reset", -1e-6)):
        np.savetxt(tmp_path / f"{name}_axis_level_G.txt", axis_s)
        np.savetxt(tmp_path / f"{name}_axis_level_dG.txt", step_s)
        cdf = np.tile(ndtr((step_s - mean_s) / 3e-6), (40, 1))
        np.savetxt(tmp_path / f"{name}_cdf.txt", cdf)
    told = hil(
        "import", "jump-table", "--table", "1.5V=set", "--table", "-1.5V=reset",
        "--pulse-high", "500ns", "--out", "tables.toml",
    )  # fmt: skip
    assert told.code == 0, told.err
    profiles = tables_of("tables.toml", axis_s).profiles
    assert profiles[1.5].mean_s == pytest.approx(2e-6, rel=1e-3)
    assert profiles[-1.5].sigma_s == pytest.approx(3e-6, rel=1e-3)
    (tmp_path / "Cell.cpp").write_text(
        "maxConductance = 4e-8;\nminConductance = 4e-9;\nNL_LTP = 1.5;\nNL_LTD = -1.5;\n"
        "maxNumLevelLTP = 64;\nmaxNumLevelLTD = 64;\nsigmaCtoC = 0.02;\n"
        "writeVoltageLTP = 3.0;\nwriteVoltageLTD = 2.5;\nwritePulseWidthLTP = 1e-4;\n"
    )
    told = hil("import", "neurosim", "Cell.cpp", "--out", "cell.toml")
    assert told.code == 0, told.err
    assert sorted(tables_of("cell.toml", np.array([1e-8, 2e-8])).profiles) == [-2.5, 3.0]
    assert hil("import", "neurosim", "gone.cpp", "--out", "x.toml").code == 1
    twice = hil(
        "import", "jump-table", "--table", "1.5V=set", "--table", "1.50V=set",
        "--pulse-high", "500ns", "--out", "x.toml",
    )  # fmt: skip
    assert "an amplitude twice" in twice.err


@pytest.mark.parametrize(
    "command", [("fit", "jump-table", "last", "--method", "binning"), ("twin", "last", "tiox")]
)
def test_a_picture_that_does_not_fit_on_the_disk_is_named(
    hil: Hil, run: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    told = hil(*command)
    assert told.code == 1
    assert ".png cannot be written (No space left on device)" in told.err
