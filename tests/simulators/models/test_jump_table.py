"""Jump tables: the published TiOx steps, the recognition of pulses, the clips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from hil.cells import Cells
from hil.config import find_bench
from hil.errors import ConfigError, NotSupported
from hil.limits import Limits, PhaseLimits
from hil.program import Program, hold, pulse, ramp, read, wait
from hil.simulators.models import get_model
from hil.simulators.models.jump_table import JumpTable
from hil.simulators.physics_bench import PhysicsBench, Source
from tests.simulators.models.drives import waveform
from tests.tiox_published import AT_US, PUBLISHED_US

CASES = [
    (voltage_v, at_us, *moments)
    for voltage_v, row in PUBLISHED_US.items()
    for at_us, moments in zip(AT_US, row, strict=True)
]
AWAY = [
    (v, g, mean, sigma)
    for v, g, mean, sigma in CASES
    if g + mean - 3 * sigma > 5 and g + mean + 3 * sigma < 30
]


def tiox(cells: int, **parameters: object) -> PhysicsBench:
    limits = Limits(
        read=PhaseLimits(positive_v=0.5, negative_v=-0.5, current_a=1e-3),
        switching=PhaseLimits(positive_v=3.0, negative_v=-3.0, current_a=1e-3),
    )
    model = get_model("tiox", **parameters)
    return PhysicsBench("t", model, cells=Cells(columns=cells), limits=limits, seed=4)


def steps_us(bench: PhysicsBench, voltage_v: float, at_us: float) -> np.ndarray:
    bench.state["conductance_s"] = at_us * 1e-6
    after_s = bench.apply(pulse(voltage_v, high_s=500e-9) + read(0.1)).conductance_s[0]
    return np.asarray(after_s * 1e6 - at_us)


@pytest.mark.parametrize(("voltage_v", "at_us", "mean_us", "sigma_us"), AWAY)
def test_steps_have_the_published_mean_and_sigma(
    voltage_v: float, at_us: float, mean_us: float, sigma_us: float
) -> None:
    """Away from the clips, within four standard errors (and the 0.005 uS of the fitted sigma)."""
    count = 20_000
    with tiox(count) as bench:
        steps = steps_us(bench, voltage_v, at_us)
    assert steps.mean() == pytest.approx(mean_us, abs=4 * sigma_us / np.sqrt(count) + 1e-4)
    assert steps.std() == pytest.approx(sigma_us, abs=4 * sigma_us / np.sqrt(2 * count) + 0.006)


@pytest.mark.parametrize(("voltage_v", "at_us", "mean_us", "sigma_us"), CASES)
def test_between_the_clips_steps_follow_the_published_law(
    voltage_v: float, at_us: float, mean_us: float, sigma_us: float
) -> None:
    """Clipping moves nothing across a value between the clips: there the law is normal."""
    count = 10_000
    with tiox(count) as bench:
        steps = np.sort(steps_us(bench, voltage_v, at_us))
    ranks = np.arange(1, count + 1) / count
    between = (steps > 5 - at_us + 1e-9) & (steps < 30 - at_us - 1e-9)
    expected = norm.cdf(steps[between], mean_us, sigma_us)
    assert np.abs(ranks[between] - expected).max() < 2.2 / np.sqrt(count)


def test_what_the_clips_cut_off_is_found_at_the_clips() -> None:
    """Eq. (3) of the paper: the conductance is clipped, so the tail piles up there."""
    mean_us, sigma_us = PUBLISHED_US[1.8][4]
    with tiox(20_000) as bench:
        steps = steps_us(bench, 1.8, AT_US[4])
    share = norm.sf(30 - AT_US[4], mean_us, sigma_us)
    assert (steps > 30 - AT_US[4] - 1e-9).mean() == pytest.approx(
        share, abs=4 * np.sqrt(share / 2e4)
    )


@given(st.floats(5, 30), st.sampled_from(sorted(PUBLISHED_US)), st.integers(0, 2**40))
def test_conductance_stays_within_its_bounds(at_us: float, voltage_v: float, seed: int) -> None:
    model = get_model("tiox")
    state = model.initial_state(8, np.random.default_rng(seed))
    state["conductance_s"] = at_us * 1e-6
    for start_v, stop_v, duration_s in ((0, 1, 1e-7), (1, 1, 5e-7), (1, 0, 1e-7)):
        model.advance(state, start_v * voltage_v, stop_v * voltage_v, duration_s)
    assert (state["conductance_s"] >= 5e-6).all()
    assert (state["conductance_s"] <= 30e-6).all()


def test_a_measured_flat_top_is_one_pulse_not_two() -> None:
    with tiox(50, initial_conductance_s=15e-6) as bench:
        plain = bench.apply(pulse(1.5, high_s=500e-9) + read(0.1)).conductance_s[-1]
    split = hold(1.5, 500e-9, looks=2) + read(0.1)
    with tiox(50, initial_conductance_s=15e-6) as bench:
        readings = bench.apply(split)
    assert (readings.conductance_s[-1] == plain).all()
    assert readings.conductance_s[0] == pytest.approx(15e-6)
    assert (bench.state["draws"] == 1).all()


def test_reads_waits_and_null_pulses_move_nothing() -> None:
    with tiox(20) as bench:
        before = bench.state.copy()
        bench.apply(read(0.1) + wait(1.0) + pulse(0.0, high_s=500e-9) + pulse(0.4, high_s=1.0))
        assert (bench.state == before).all()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (pulse(1.4, high_s=500e-9), r"no jump table for \+1.4 V.*-1.8, -1.65, .*\+1.65, \+1.8"),
        (pulse(1.5, high_s=600e-9), "pulses of 5e-07 s, not the 6e-07 s"),
        (pulse(1.5, high_s=500e-9, edge_s=1e-3), "no slope"),
        (ramp(1.5, rise_s=1e-7), "not the 0 s"),
    ],
    ids=["amplitude", "width", "edge", "triangle"],
)
def test_what_the_tables_do_not_know_is_refused_before_anything_is_played(
    program: Program, words: str
) -> None:
    with tiox(2) as bench:
        before = bench.state.copy()
        with pytest.raises(NotSupported, match=words):
            bench.check(program)
        assert (bench.state == before).all()


def test_a_pulse_that_arrives_too_small_at_the_cell_is_refused() -> None:
    model = get_model("tiox", initial_conductance_s=30e-6)
    limits = Limits(
        read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-3),
        switching=PhaseLimits(positive_v=2.0, negative_v=-2.0, current_a=1e-3),
    )
    bench = PhysicsBench(
        "t", model, cells=Cells(), limits=limits, seed=1, source=Source(series_ohm=1000)
    )
    with bench, pytest.raises(NotSupported, match="at the cell"):
        bench.apply(pulse(1.5, high_s=500e-9))


@pytest.mark.parametrize(("ohm", "limit_a"), [(2100.0, np.inf), (0.0, 7.4e-6)])
def test_a_pulse_that_arrives_too_small_at_any_cell_is_refused_before(
    ohm: float, limit_a: float
) -> None:
    """The least conductance is 5 uS: 1.5 V less 1 % is lost at 2,020 ohm and at 7.425 uA."""
    model = get_model("tiox")
    points = [(1e-7, 1.5), (500e-9, 1.5), (1e-7, 0.0)]
    with pytest.raises(NotSupported, match=r"no jump table for \+1.48"):
        model.refuse(waveform(points, ohm, limit_a))
    model.refuse(waveform(points, 0.9 * ohm, 1.01 * limit_a))
    model.refuse(waveform(points))


def test_tolerances_are_kept_to_the_edge() -> None:
    with tiox(1) as bench:
        bench.check(pulse(1.5 * 1.0099, high_s=500e-9 * 1.049))
        with pytest.raises(NotSupported):
            bench.check(pulse(1.5 * 1.0101, high_s=500e-9))
        with pytest.raises(NotSupported):
            bench.check(pulse(1.5, high_s=500e-9 * 1.051))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"low_s": 40e-6}, "below high_s"),
        ({"initial_conductance_s": 1e-6}, "outside"),
        ({"low_s": float("nan")}, "finite"),
        ({"tables": []}, "length"),
        ({"tables": [{"voltage_v": 0.2, "mean": [0.0], "sigma": [1e-6]}]}, "quiet_v"),
        ({"tables": [{"voltage_v": 1.2, "mean": [float("inf")], "sigma": [1e-6]}]}, "finite"),
        ({"lows_s": 1e-6}, "did you mean 'low_s'"),
        ({"low_s": "5uV"}, "not in S"),
    ],
    ids=["bounds", "start", "nan", "none", "quiet", "inf", "unknown", "unit"],
)
def test_bad_parameters_are_refused(parameters: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        get_model("tiox", **parameters)


def test_the_model_file_takes_units() -> None:
    model = get_model("tiox", low_s="4uS")
    assert isinstance(model, JumpTable)
    assert model.low_s == 4e-6


def test_a_model_file_is_a_bench_at_once(tmp_path: object) -> None:
    from hil.simulators.models.files import shipped_model_files

    named = find_bench(str(shipped_model_files()["tiox"]))
    with named.build(seed=1) as bench:
        bench.apply(pulse(1.8, high_s=500e-9))
        assert bench.limits.switching.positive_v == 1.8
