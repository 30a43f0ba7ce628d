"""Training on devices: what is learned, what decides it, and what it takes."""

import os
import sys
from functools import cache

import msgspec
import numpy as np
import pytest

from hil.errors import ConfigError, MissingExtra
from hil.protocols.jump_table.bias.images import Prepared, digits, load_images, prepared
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.bias.training import Training, time_epochs, train
from hil.protocols.jump_table.profile import Profile

pytest.importorskip("torch")
LOW_S, HIGH_S = 3e-9, 38e-9
AXIS_S = np.linspace(LOW_S, HIGH_S, 100)
SMALL = Training(epochs=12, batch=64, crop=8, rate=3.0)


def paper(sigma_s: float = 1.2e-9, steeper: float = 1.0) -> Synapses:
    """Give the target of Yousuf 2023: NeuroSim's Ag:Si device with 500 levels."""
    spread_s = np.full(100, sigma_s)
    up_s = steeper * (0.173202952e-9 - 3.97901806e-3 * AXIS_S)
    down_s = steeper * (0.0271089146e-9 - 9.83011083e-3 * AXIS_S)
    return Synapses(
        Profile(AXIS_S, up_s, spread_s), Profile(AXIS_S, down_s, spread_s), LOW_S, HIGH_S
    )


@cache
def small() -> Prepared:
    return prepared(digits(), crop=8)


def last(training: Training, synapses: Synapses | None, seed: int = 1) -> float:
    return float(train(training, synapses, small(), seed)[-3:].mean())


def with_(**fields: object) -> Training:
    return msgspec.structs.replace(SMALL, **fields)


def test_digits_are_learned_less_well_the_more_devices_scatter() -> None:
    quiet, published, loud = (last(SMALL, paper(sigma_s)) for sigma_s in (0.1e-9, 1.2e-9, 6e-9))
    assert quiet > 0.92
    assert quiet - 0.05 > published > 0.7
    assert loud < 0.3


def test_a_device_with_larger_steps_learns_better() -> None:
    """The paper's figure 5: k times the mean under the same sigma."""
    assert last(with_(rate=1.0), paper(steeper=5)) > last(with_(rate=1.0), paper()) + 0.03


def test_a_device_that_goes_the_wrong_way_learns_nothing() -> None:
    right = paper(0.1e-9)
    wrong = Synapses(right.reset, right.set, LOW_S, HIGH_S)
    assert last(with_(epochs=4), wrong) < 0.3


def test_one_seed_one_result() -> None:
    first, again, other = (train(with_(epochs=2), paper(), small(), seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_more_epochs_do_not_change_the_first_ones() -> None:
    short, long = (train(with_(epochs=n), paper(), small(), 4) for n in (2, 3))
    assert (long[:2] == short).all()


def test_all_pulses_at_once_learn_as_well() -> None:
    exact, aggregate = (
        np.mean([last(with_(update=update, epochs=8), paper(), seed) for seed in range(3)])
        for update in ("exact", "aggregate")
    )
    assert aggregate == pytest.approx(exact, abs=0.08)


def test_without_rounding_digits_are_learned_as_well() -> None:
    assert last(with_(bits=None), None) > 0.94
    assert last(with_(bits=None, init="torch"), paper(0.1e-9)) > 0.92


def first_pulses(monkeypatch: pytest.MonkeyPatch, training: Training) -> np.ndarray:
    """Give the pulses of the first update."""
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(Synapses, "update_exact", lambda _, g, pulses, rng: seen.append(pulses))
        train(training, paper(), small(), 1)
    return np.array(seen[0])


def test_a_gradient_becomes_pulses_at_random_so_that_their_mean_is_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eq. 4: most have far less than half a pulse, and plain rounding would give them none."""
    slow, fast = (
        first_pulses(monkeypatch, with_(epochs=1, batch=2000, rate=rate)) for rate in (0.2, 60.0)
    )
    assert set(slow) <= {-2, -1, 0, 1, 2}
    assert 100 < np.abs(slow).sum() < len(slow)
    expected = fast / 300
    scatter = np.sqrt((np.abs(expected) % 1 * (1 - np.abs(expected) % 1)).sum())
    up = np.sign(fast)
    assert (up * slow).sum() == pytest.approx((up * expected).sum(), abs=4 * scatter)
    most = first_pulses(monkeypatch, with_(epochs=1, batch=2000, rate=1e6))
    assert (most.min(), most.max()) == (-500, 500)


def test_the_rate_acts_on_the_device_step_where_xbtorch_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The count of pulses does not know the rate, and what they did is scaled by it."""
    counts = [first_pulses(monkeypatch, with_(epochs=1, step="xbtorch", rate=k)) for k in (0.1, 7)]
    assert (counts[0] == counts[1]).all()
    slow, fast = (train(with_(step="xbtorch", rate=k), paper(), small(), 1) for k in (0.02, 1.0))
    assert (fast == train(with_(rate=1.0), paper(), small(), 1)).all()
    assert slow[-3:].mean() < fast[-3:].mean() - 0.1


def test_each_epoch_is_reported() -> None:
    told = []
    accuracies = train(with_(epochs=3), paper(), small(), 1, lambda *epoch: told.append(epoch))
    assert told == list(enumerate(accuracies, 1))


def test_where_the_time_goes() -> None:
    epochs = time_epochs(with_(epochs=2), paper(), small(), 1)
    assert len(epochs) == 2
    for seconds in epochs:
        assert min(seconds.network, seconds.writes, seconds.evaluation) > 0
        assert seconds.total == seconds.network + seconds.writes + seconds.evaluation


def test_a_torch_device_of_its_own_plays_the_devices_in_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No accelerator is needed: a device that is not called cpu stands for it."""
    calls = []
    exact = Synapses.update_exact_torch

    def counted(self: Synapses, *given: object) -> None:
        calls.append(len(given))
        exact(self, *given)

    class Elsewhere(str):
        type = "elsewhere"

    monkeypatch.setattr(Synapses, "update_exact_torch", counted)
    monkeypatch.setattr(
        "hil.protocols.jump_table.bias.training._device", lambda torch, name: Elsewhere("cpu")
    )
    accuracies = train(with_(epochs=4), paper(0.1e-9), small(), 1)
    assert len(calls) == 4 * 23
    assert accuracies[-1] > 0.8


def test_what_cannot_be_trained_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"torch_device 'abacus' is not there.*choose cpu"):
        train(with_(torch_device="abacus"), None, small(), 1)
    with pytest.raises(ConfigError, match="aggregate runs on torch_device cpu only"):
        Training(update="aggregate", torch_device="cuda")
    with pytest.raises(ConfigError, match="bits 1 must be 2 to 16"):
        Training(bits=1)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"torch.*hil-bench\[learn\]"):
        train(SMALL, None, small(), 1)


@pytest.mark.slow
@pytest.mark.skipif("HIL_MNIST" not in os.environ, reason="HIL_MNIST names no folder of MNIST")
def test_mnist_is_learned_as_well_as_measured_elsewhere() -> None:
    """Ten epochs at rate 3: 85.5 % with another program, its runs 0.8 points apart."""
    images = prepared(load_images(os.environ["HIL_MNIST"]))
    measured = [71.0, 79.1, 81.4, 83.1, 83.7, 84.5, 85.0, 85.4, 85.6, 85.5]
    runs = [train(Training(bits=None), paper(), images, seed) for seed in range(3)]
    assert 100 * np.mean(runs, 0)[3:] == pytest.approx(np.array(measured[3:]), abs=1.5)
