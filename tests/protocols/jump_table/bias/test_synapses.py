"""Devices under pulses: against the simulated device, the closed form, and themselves."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from hil.errors import ConfigError
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.bias.synapses_kernel import play_aggregate, play_exact
from hil.protocols.jump_table.profile import Profile
from hil.simulators.models.jump_table import JumpTable, Table
from tests.simulators.models.drives import play_at, waveform

LOW_S, HIGH_S = 3e-9, 38e-9
AXIS_S = np.linspace(LOW_S, HIGH_S, 100)
SET, RESET = (0.173202952e-9, -3.97901806e-3), (0.0271089146e-9, -9.83011083e-3)
SIGMA_S = 1.2e-9


def linear(line: tuple[float, float], sigma_s: float = SIGMA_S) -> Profile:
    return Profile(AXIS_S, line[0] + line[1] * AXIS_S, np.full(100, sigma_s))


PAPER = Synapses(linear(SET), linear(RESET), LOW_S, HIGH_S)


def skewed() -> Synapses:
    """A SET step with an exponential tail, a curved mean and a sigma that changes."""
    from scipy.stats import expon

    share = np.linspace(0.0005, 0.9995, 201)
    tail = (expon.ppf(share) - 1)[None] * np.linspace(1, 0.5, 30)[:, None]
    axis_s = np.linspace(2e-9, 40e-9, 30)
    mean_s = 2e-9 * np.exp(-axis_s / 9e-9)
    return Synapses(
        Profile(axis_s, mean_s, np.linspace(0.4e-9, 1.5e-9, 30), tail), linear(RESET),
        LOW_S, HIGH_S,
    )  # fmt: skip


def played(
    synapses: Synapses, start_s: float, pulses: int, devices: int = 4000, how: str = "exact"
) -> np.ndarray:
    g = np.full(devices, start_s)
    counts = np.full(devices, pulses)
    if how == "torch":
        torch = pytest.importorskip("torch")
        generator = torch.Generator().manual_seed(7)
        synapses.update_exact_torch(torch.from_numpy(g), torch.from_numpy(counts), generator)
    else:
        getattr(synapses, f"update_{how}")(g, counts, np.random.default_rng(7))
    return g


@pytest.mark.parametrize(
    ("start_s", "pulses"), [(20e-9, 10), (20e-9, -30), (36e-9, 60), (4e-9, -1)]
)
def test_pulses_do_to_devices_what_they_do_to_the_simulated_device(
    start_s: float, pulses: int
) -> None:
    """The simulated device plays each pulse of a waveform, with other code and other draws."""
    tables = (
        Table(voltage_v=1.0, mean=SET, sigma=(SIGMA_S,)),
        Table(voltage_v=-1.0, mean=RESET, sigma=(SIGMA_S,)),
    )
    model = JumpTable(tables=tables, low_s=LOW_S, high_s=HIGH_S, pulse_high_s=500e-9)
    top_v = 1.0 if pulses > 0 else -1.0
    points = [(100e-9, top_v), (500e-9, top_v), (100e-9, 0.0)]
    drive = waveform(points, repeats=abs(pulses), seen=False)
    _, state = play_at(np.full(4000, start_s), model, drive)
    expected = state["conductance_s"]
    for how in ("exact", "torch"):
        assert ks_2samp(played(PAPER, start_s, pulses, how=how), expected).pvalue > 0.01


def test_a_shape_is_drawn_from_its_quantiles() -> None:
    """Against the profile's own inverse, pulse by pulse."""
    synapses, rng = skewed(), np.random.default_rng(2)
    g = np.full(4000, 15e-9)
    for _ in range(12):
        g = np.clip(g + synapses.set.quantile(g, rng.random(4000)), LOW_S, HIGH_S)
    for how in ("exact", "torch"):
        assert ks_2samp(played(synapses, 15e-9, 12, how=how), g).pvalue > 0.01
    normal = Synapses(
        Profile(*(getattr(synapses.set, k) for k in ("conductance_s", "mean_s", "sigma_s"))),
        synapses.reset, LOW_S, HIGH_S,
    )  # fmt: skip
    assert ks_2samp(played(normal, 15e-9, 12), g).pvalue < 1e-3
    # the other direction of the same devices has no shape
    for how in ("exact", "torch"):
        assert (
            ks_2samp(played(synapses, 15e-9, -12, how=how), played(PAPER, 15e-9, -12)).pvalue
            > 0.01
        )


@pytest.mark.parametrize("how", ["exact", "aggregate", "torch"])
def test_who_has_no_pulses_stays_and_nobody_leaves_the_bounds(how: str) -> None:
    rng = np.random.default_rng(1)
    g = rng.uniform(LOW_S, HIGH_S, 3000)
    pulses = rng.integers(-4, 5, 3000) * rng.choice([0, 1, 20], 3000)
    before = g.copy()
    if how == "torch":
        torch = pytest.importorskip("torch")
        generator = torch.Generator().manual_seed(1)
        PAPER.update_exact_torch(torch.from_numpy(g), torch.from_numpy(pulses), generator)
    else:
        getattr(PAPER, f"update_{how}")(g, pulses, rng)
    assert ((g == before) == (pulses == 0)).all()
    assert (g.min(), g.max()) == (LOW_S, HIGH_S)


@pytest.mark.parametrize("how", ["exact", "aggregate", "torch"])
def test_set_goes_up_and_reset_goes_down(how: str) -> None:
    quiet = Synapses(linear(SET, 1e-15), linear(RESET, 1e-15), LOW_S, HIGH_S)
    assert played(quiet, 20e-9, 1, 5, how) == pytest.approx(20e-9 + SET[0] + SET[1] * 20e-9)
    assert played(quiet, 20e-9, -1, 5, how) == pytest.approx(20e-9 + RESET[0] + RESET[1] * 20e-9)
    a, fixed_s = 1 + RESET[1], -RESET[0] / RESET[1]
    many_s = fixed_s + (20e-9 - fixed_s) * a**100
    assert played(quiet, 20e-9, -100, 5, how) == pytest.approx(many_s, rel=1e-4)


def test_devices_of_one_call_do_not_share_their_fate() -> None:
    """Some have one pulse, some many, and every one starts elsewhere."""
    rng = np.random.default_rng(3)
    pulses = np.repeat([1, 40, -7, 0], 2000)
    g = np.tile([10e-9, 30e-9], 4000)
    PAPER.update_exact(g, pulses, rng)
    for count in (1, 40, -7):
        for start_s, half in ((10e-9, slice(0, None, 2)), (30e-9, slice(1, None, 2))):
            assert ks_2samp(
                g[pulses == count][half], played(PAPER, start_s, count, 2000)
            ).pvalue > 0.003  # fmt: skip


def test_all_at_once_is_right_away_from_the_bounds_and_off_near_them() -> None:
    exact, aggregate = (played(PAPER, 20e-9, 10, 20_000, how) for how in ("exact", "aggregate"))
    assert aggregate.mean() == pytest.approx(exact.mean(), abs=5 * 3.7e-9 / 100)
    assert aggregate.std() == pytest.approx(exact.std(), rel=0.03)
    exact, aggregate = (played(PAPER, 36e-9, 100, 20_000, how) for how in ("exact", "aggregate"))
    assert exact.mean() == pytest.approx(31.4e-9, abs=0.2e-9)
    assert aggregate.mean() == pytest.approx(34.3e-9, abs=0.2e-9)


def test_all_at_once_does_not_run_away_where_the_mean_rises_or_falls_steeply() -> None:
    balanced = Synapses(linear((-1e-9, 0.05)), linear((60e-9, -3.0)), LOW_S, HIGH_S)
    spread = played(balanced, 20e-9, 100, 4000, "aggregate")
    assert ((spread > LOW_S) & (spread < HIGH_S)).mean() > 0.7
    settled = played(balanced, 22e-9, -4, 4000, "aggregate")
    assert settled.mean() == pytest.approx(16e-9, abs=0.1e-9)
    assert settled.std() == pytest.approx(SIGMA_S, rel=0.06)
    flat = Synapses(linear((0.1e-9, 0.0)), linear(RESET), LOW_S, HIGH_S)
    away = played(flat, 15e-9, 9, 20_000, "aggregate")
    assert away.mean() == pytest.approx(15.9e-9, abs=0.1e-9)
    assert away.std() == pytest.approx(3 * SIGMA_S, rel=0.03)


def test_the_same_draws_make_the_same_devices() -> None:
    assert (played(PAPER, 9e-9, 5, 100) == played(PAPER, 9e-9, 5, 100)).all()


def test_kernels_give_the_same_as_plain_python() -> None:
    pulses = np.array([3, 0, -2, 1, 40, -1])
    for synapses in (PAPER, skewed()):
        for sign, moments, shape in synapses._tables:
            compiled, plain = np.full(6, 20e-9), np.full(6, 20e-9)
            kernels: Any = ((play_exact, (moments, shape)), (play_aggregate, (moments,)))
            for kernel, tables in kernels:
                given = (pulses, sign, *tables, LOW_S, HIGH_S)
                kernel(compiled, *given, np.random.default_rng(6))
                kernel.py_func(plain, *given, np.random.default_rng(6))
                np.testing.assert_allclose(plain, compiled, rtol=1e-12)


def test_no_pulses_are_no_work() -> None:
    for how in ("exact", "aggregate", "torch"):
        assert (played(PAPER, 9e-9, 0, 10, how) == 9e-9).all()
        assert len(played(PAPER, 9e-9, 3, 0, how)) == 0


def test_what_cannot_be_played_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=r"must be below high_s"):
        Synapses(linear(SET), linear(RESET), HIGH_S, LOW_S)
    with pytest.raises(ConfigError, match="both finite"):
        Synapses(linear(SET), linear(RESET), LOW_S, np.inf)
    for update in (PAPER.update_exact, PAPER.update_aggregate):
        with pytest.raises(ConfigError, match="two lists"):
            update(np.full(3, 1e-8), np.ones(4, int), rng)
        with pytest.raises(ConfigError, match="not finite"):
            update(np.array([1e-8, np.nan]), np.ones(2, int), rng)
