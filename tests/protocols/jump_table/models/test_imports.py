"""Others' devices: published tables, NeuroSim's parameters, and the truth of simulated devices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import gamma, kstest, norm

from hil.config import find_bench
from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.shapes import moments
from hil.protocols.jump_table.models.imports import (
    model_profiles,
    neurosim_parameters,
    table_profile,
    write_neurosim,
    write_published,
)
from hil.protocols.jump_table.models.model_file import write_model
from hil.protocols.jump_table.profile import Profile
from hil.simulators.models import get_model
from hil.simulators.models.model import Device
from tests.simulators.models.drives import waveform
from tests.tiox_published import AT_US, PUBLISHED_US

Floats = NDArray[np.float64]

G_S = np.linspace(5e-6, 30e-6, 40)
STEP_S = np.linspace(-12e-6, 12e-6, 100)


def mean(g: Floats) -> Floats:
    return 3.9e-6 - 0.15 * g


def sigma(g: Floats) -> Floats:
    return 4.9e-6 - 0.12 * g


def published(folder: Path, cdf: Floats, name: str = "table") -> Path:
    """Write the three files of a table."""
    for part, values in (("axis_level_G", G_S), ("axis_level_dG", STEP_S), ("cdf", cdf)):
        np.savetxt(folder / f"{name}_{part}.txt", values)
    return folder / name


def normal_cdf() -> Floats:
    return np.asarray(norm.cdf((STEP_S - mean(G_S)[:, None]) / sigma(G_S)[:, None]))


def skewed_cdf() -> Floats:
    """Steps of a gamma distribution with a skew of 2 and sigma 2 uS, beginning at -3 uS."""
    return np.broadcast_to(gamma.cdf((STEP_S + 3e-6) / 2e-6, 1.0), (40, 100)).copy()


# published tables


def test_a_table_of_normal_distributions_is_read_to_its_last_digits(tmp_path: Path) -> None:
    """Although its grid ends within 2.4 sigma and its steps are a quarter uS apart."""
    profile = table_profile(published(tmp_path, normal_cdf()))
    assert profile.shape is None
    np.testing.assert_array_equal(profile.conductance_s, G_S)
    np.testing.assert_allclose(profile.mean_s, mean(G_S), atol=1e-15)
    np.testing.assert_allclose(profile.sigma_s, sigma(G_S), rtol=1e-9)


def test_a_table_that_is_not_normal_has_a_shape(tmp_path: Path) -> None:
    profile = table_profile(published(tmp_path, skewed_cdf()))
    assert profile.shape is not None
    mean_s, sigma_s = profile.moments([17e-6])
    assert mean_s[0] == pytest.approx(-1e-6, abs=0.02e-6)
    assert sigma_s[0] == pytest.approx(2e-6, rel=0.02)
    share = (np.arange(2000) + 0.5) / 2000
    steps = profile.quantile(np.full(2000, 17e-6), share)
    wanted = -3e-6 + 2e-6 * gamma.ppf(share, 1.0)
    assert np.abs(steps - wanted)[20:1950].max() < 0.13e-6  # half the distance of two steps


def test_a_published_table_becomes_a_bench(tmp_path: Path) -> None:
    tables = {1.5: published(tmp_path, normal_cdf()), -1.5: published(tmp_path, skewed_cdf(), "x")}
    path = tmp_path / "mine.toml"
    write_published(path, tables, title="mine", source="a paper", pulse_high_s=500e-9)
    found = model_profiles(get_model(str(path)))
    np.testing.assert_allclose(found[1.5].moments(G_S)[0], mean(G_S), atol=3e-9)
    assert found[-1.5].shape is not None
    with find_bench(str(path)).build(1) as bench:
        assert bench.kind == "physics"


def test_bounds_may_be_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    write_published(
        path, {1.5: published(tmp_path, normal_cdf())}, title="mine", source="a paper",
        pulse_high_s=500e-9, bounds_s=(2e-6, 40e-6),
    )  # fmt: skip
    assert model_profiles(get_model(str(path)))[1.5].conductance_s[[0, -1]] == pytest.approx(
        [2e-6, 40e-6]
    )


def test_files_that_hold_no_table_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing_axis_level_G\.txt cannot be read"):
        table_profile(tmp_path / "nothing")
    falling = normal_cdf()
    falling[3] = falling[3, ::-1]
    with pytest.raises(ConfigError, match="row 4 of cdf holds no probabilities"):
        table_profile(published(tmp_path, falling))


# what a model's pulses do


def stepped(device: Device, voltage_v: float, start_s: float) -> Floats:
    """Steps of 4,000 cells of a device, by one pulse of 500 ns of the simulator."""
    state = device.initial_state(4000, np.random.default_rng(3))
    state["conductance_s"] = start_s
    pulse = waveform([(1e-8, voltage_v), (500e-9, voltage_v), (1e-8, 0.0)], seen=False)
    device.play(state, np.arange(4000), pulse)
    return np.asarray(state["conductance_s"] - start_s)


def test_the_profiles_of_the_tiox_model_are_those_published() -> None:
    found = model_profiles(get_model("tiox"))
    assert list(found) == sorted(PUBLISHED_US)
    for voltage_v, rows in PUBLISHED_US.items():
        told = np.stack(found[voltage_v].moments(1e-6 * np.array(AT_US)), axis=1)
        np.testing.assert_allclose(1e6 * told, rows, atol=0.02)


def test_the_profiles_of_neurosim_are_those_of_its_formula() -> None:
    """dG/dG0 of Yousuf's target table in closed form: jump table of 500 levels, 3 to 38 nS."""
    found = model_profiles(get_model("neurosim-500"))
    for voltage_v, slope, offset_s in (
        (3.2, -3.99855e-3, 0.173766e-9), (-2.8, -9.93519e-3, 0.0274286e-9),
    ):  # fmt: skip
        line = np.polyfit(found[voltage_v].conductance_s, found[voltage_v].mean_s, 1)
        np.testing.assert_allclose(line, [slope, offset_s], rtol=2e-4)
        np.testing.assert_allclose(found[voltage_v].sigma_s, 1.2e-9, rtol=1e-4)


def test_a_noise_free_device_has_a_sigma_near_nothing() -> None:
    profile = model_profiles(get_model("neurosim-500", sigma_c2c=0.0))[3.2]
    assert 0 < profile.sigma_s.max() < 1e-16


@pytest.mark.parametrize("form", ["lists", "shape", "grid", "noisy"])
def test_profiles_are_what_the_simulator_draws(tmp_path: Path, form: str) -> None:
    shape = None
    if form == "shape":
        shape = np.tile(gamma.ppf((np.arange(33) + 0.5) / 33, 1.0), (40, 1))
        centre, width = moments(shape)
        shape = (shape - centre) / width
    path = tmp_path / "mine.toml"
    if form == "grid":
        prefix = published(tmp_path, skewed_cdf())
        table = {"voltage_v": 1.5, "published": str(prefix)}
        device = get_model("tiox", tables=[table])
    else:
        profile = Profile(G_S, mean(G_S), sigma(G_S), shape)
        write_model(
            path, title="mine", source="here", profiles={1.5: profile}, low_s=1e-6, high_s=60e-6,
            pulse_high_s=500e-9, read_noise=0.05 if form == "noisy" else None,
        )  # fmt: skip
        device = get_model(str(path))
    steps = stepped(device, 1.5, 17e-6)
    told = model_profiles(device, np.linspace(6e-6, 29e-6, 200))[1.5]
    shares = told.cdf(np.full(len(steps), 17e-6), steps)
    assert kstest(shares, "uniform").pvalue > 1e-3
    assert steps.mean() == pytest.approx(float(told.moments(17e-6)[0]), abs=4 * steps.std() / 63)
    assert steps.std() == pytest.approx(float(told.moments(17e-6)[1]), rel=0.08)


def test_other_models_have_no_jump_tables() -> None:
    with pytest.raises(
        ConfigError, match="Stanford has no jump tables; only jump-table and neuro"
    ):
        model_profiles(get_model("stanford-lab"))


# NeuroSim's parameters

GIVEN = {
    "maxConductance": 40e-9, "minConductance": 4e-9, "maxNumLevelLTP": 200, "maxNumLevelLTD": 150,
    "NL_LTP": 1.5, "NL_LTD": -3.0, "sigmaCtoC": 0.72e-9, "writeVoltageLTP": 2.5,
    "writeVoltageLTD": 2.0, "writePulseWidthLTP": 100e-6,
}  # fmt: skip
OURS = {
    "g_max_s": 40e-9, "g_min_s": 4e-9, "levels_ltp": 200, "levels_ltd": 150, "nl_ltp": 1.5,
    "nl_ltd": -3.0, "sigma_c2c": 0.02, "ltp_v": 2.5, "ltd_v": -2.0, "pulse_high_s": 100e-6,
}  # fmt: skip


def source_text(**changes: Any) -> str:
    """A constructor in the manner of NeuroSim's, among other things."""
    given = {**GIVEN, "sigmaCtoC": "0.02 * (maxConductance - minConductance)", **changes}
    body = "\n".join(f"\t{k} = {v};\t// of the device" for k, v in given.items() if v is not None)
    return (
        "#include <cmath>\nIdealDevice::IdealDevice(int x, int y) {\n\tmaxConductance = 1;\n}\n"
        f"RealDevice::RealDevice(int x, int y) {{\n{body}\n\tnonlinearIV = false;\n"
        "\tif (nonlinearIV) { double Vr_exp = readVoltage; NL = 10; }\n"
        "\t/* NL_LTP = 9; */\n\tdist = new normal(0, sigmaCtoC);\n\theight = a == b;\n}\n"
        "double RealDevice::Read(double voltage) {\n\tNL_LTP = 7;\n}\n"
    )


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_neurosim_s_source_text_is_read(tmp_path: Path) -> None:
    found = neurosim_parameters(written(tmp_path, "Cell.cpp", source_text()))
    assert found == pytest.approx(OURS)
    assert isinstance(found["levels_ltp"], int)


@pytest.mark.parametrize(
    ("name", "line", "head"),
    [("a.toml", "{} = {!r}", ""), ("a.csv", "{}, {!r}", "name,value\n"), ("b.csv", "{},{!r}", "")],
)
def test_a_list_of_neurosim_s_names_is_read(
    tmp_path: Path, name: str, line: str, head: str
) -> None:
    text = head + "\n".join(line.format(k, v) for k, v in GIVEN.items())
    assert neurosim_parameters(written(tmp_path, name, text)) == pytest.approx(OURS)


def test_neurosim_s_spread_of_devices_becomes_variability(tmp_path: Path) -> None:
    path = written(tmp_path, "Cell.cpp", source_text(sigmaDtoD=0.1))
    found = neurosim_parameters(path)
    assert found["variability"]["nl_ltd"]["sigma"] == 0.1
    device = get_model("neurosim", **found)
    state = device.initial_state(2000, np.random.default_rng(1))
    assert state["nl_ltp"].std() == pytest.approx(0.1, rel=0.1)
    write_neurosim(tmp_path / "mine.toml", path)
    assert "nl_ltd" in (get_model(str(tmp_path / "mine.toml")).state_dtype.names or ())


def test_neurosim_s_device_becomes_a_bench(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    write_neurosim(path, written(tmp_path, "Cell.cpp", source_text()), title='my "best" one')
    ours = model_profiles(get_model(str(path)))
    theirs = model_profiles(get_model("neurosim", **OURS))
    assert list(ours) == [-2.0, 2.5]
    for voltage_v in ours:
        np.testing.assert_allclose(ours[voltage_v].mean_s, theirs[voltage_v].mean_s, rtol=1e-9)
    with find_bench(str(path)).build(1) as bench:
        assert bench.kind == "physics"


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.toml", "NL_LTP = 2\nNL_LPT = 3", "a.toml: there is no name 'NL_LPT'; did you mean"),
        ("a.toml", "NL_LTP = 2", "a.toml lacks maxConductance, minConductance, maxNumLevelLTP, "),
        ("a.csv", "NL_LTP,2,3", "a.csv must hold a name and a value in each row"),
        ("a.csv", "NL_LTP,two", "a.csv: NL_LTP = two is no number, nor made of numbers and the"),
        ("Cell.cpp", "int main() {}", "Cell.cpp gives none of NeuroSim's names, such as NL_LTP"),
        ("Cell.cpp", source_text(NL_LTD=None), "Cell.cpp lacks NL_LTD; give them as"),
        ("Cell.cpp", source_text(NL_LTD="f(3)"), r"NL_LTD = f\(3\) is no number, nor made of"),
        ("Cell.cpp", source_text(NL_LTD="1 / 0"), "NL_LTD = 1 / 0 is no number"),
        ("Cell.cpp", source_text(nonIdenticalPulse="true"), "nonIdenticalPulse is set, and the"),
        (
            "Cell.cpp",
            source_text(writePulseWidthLTD=1e-6),
            r"pulses of 0.0001 s \(LTP\) and 1e-06",
        ),
        ("Cell.cpp", source_text(maxNumLevelLTD=1.5), "maxNumLevelLTD is 1.5; it must be a whole"),
        ("Cell.cpp", source_text(maxConductance=1e-9), "minConductance 4e-09 S must be below max"),
    ],
)
def test_what_is_no_neurosim_device_is_told(
    tmp_path: Path, name: str, text: str, match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        neurosim_parameters(written(tmp_path, name, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.cpp cannot be read: No such file"):
        neurosim_parameters(tmp_path / "none.cpp")
    (tmp_path / "x.cpp").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"x\.cpp is not a text file in UTF-8"):
        neurosim_parameters(tmp_path / "x.cpp")


def test_a_device_that_the_model_does_not_allow_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    with pytest.raises(ConfigError, match="nl_ltp"):
        write_neurosim(path, written(tmp_path, "Cell.cpp", source_text(NL_LTP=12)))
    assert not path.exists()
