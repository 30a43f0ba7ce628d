"""The campaign that measures modeling bias: rate first, then networks on target and models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.errors import ConfigError
from hil.protocols.jump_table.bias import accuracy
from hil.protocols.jump_table.bias.accuracy import PlainSynapses, modeling_bias
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.bias.training import Training
from hil.protocols.jump_table.profile import Floats, Profile

AXIS_S = np.linspace(3e-9, 38e-9, 12)
QUICK = Training(epochs=4, crop=8)


def devices(step: float = 1.0, shape: Floats | None = None) -> Synapses:
    """Give the device of Yousuf 2023 with another mean."""
    sigma_s = np.full(AXIS_S.shape, 1.2e-9)
    up = Profile(AXIS_S, step * (0.173202952e-9 - 3.97901806e-3 * AXIS_S), sigma_s, shape)
    down = Profile(AXIS_S, step * (0.0271089146e-9 - 9.83011083e-3 * AXIS_S), sigma_s)
    return Synapses(up, down, 3e-9, 38e-9)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Training, float, int]]:
    """Stand in for the training: best at rate 2, and the better the larger the mean step."""
    calls: list[tuple[Training, float, int]] = []

    def train(training: Training, synapses: Synapses, images: Any, seed: int) -> Floats:
        step = synapses.set.mean_s[0] / devices().set.mean_s[0]
        calls.append((training, step, seed))
        rng = np.random.default_rng(seed)
        penalty = 0.1 * abs(np.log2(training.rate / 2))
        return np.asarray(0.7 + 0.1 * step - penalty + rng.normal(0, 0.005, training.epochs))

    monkeypatch.setattr(accuracy, "train", train)
    return calls


def test_the_rate_is_the_targets_and_every_network_has_its_own_seed(
    tmp_path: Path, trained: list[tuple[Training, float, int]]
) -> None:
    told: list[tuple[int, int]] = []
    bias = modeling_bias(
        devices(),
        {"good": [devices(), devices()], "weak": [devices(0.5)]},
        "digits",
        QUICK,
        instances=5,
        rates=(8, 2, 0.5),
        seed=1,
        journal=tmp_path / "journal",
        workers=1,
        report=lambda *numbers: told.append(numbers),
    )
    assert bias.rate == 2
    assert list(bias.rates) == [0.5, 2, 8]
    assert len(trained) == 3 * 3 + 4 * 5
    assert {step for _, step, _ in trained[:9]} == {1.0}
    assert {training.rate for training, _, _ in trained[9:]} == {2}
    searched, used = ({seed for _, _, seed in part} for part in (trained[:9], trained[9:]))
    assert len(searched) == 3, "each rate is tried on the same three networks"
    assert len(used) == 20
    assert not searched & used
    assert told[0] == (0, 29)
    assert told[-1] == (29, 29)
    assert sorted(told) == told
    first, second, weak = bias.promises
    assert (first.model, first.dataset, second.dataset) == ("good", 1, 2)
    assert abs(first.bias[-1]) < 1
    assert weak.verdict == "under-promises"
    assert weak.bias[-1] == pytest.approx(-5, abs=1)
    assert len(bias.target) == 4


def test_started_again_it_trains_nothing_twice_and_one_model_more_changes_nothing(
    tmp_path: Path, trained: list[tuple[Training, float, int]]
) -> None:
    def measure(**models: list[Synapses]) -> Any:
        return modeling_bias(
            devices(), models, "digits", QUICK, instances=4, rates=(1, 2), seed=5,
            journal=tmp_path / "journal", workers=1,
        )  # fmt: skip

    one = measure(weak=[devices(0.5)])
    trained.clear()
    two = measure(better=[devices(1.5)], weak=[devices(0.5)])
    assert len(trained) == 4
    assert two.promises[1] == one.promises[0]
    assert two.promises[0].verdict == "over-promises"


def test_the_rate_is_judged_over_ten_epochs_and_the_lowest_of_equals_is_taken(
    tmp_path: Path, trained: list[tuple[Training, float, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flat(training: Training, *_: Any) -> Floats:
        trained.append((training, 0.0, 0))
        return np.full(training.epochs, 0.5)

    monkeypatch.setattr(accuracy, "train", flat)
    bias = modeling_bias(
        devices(), {}, "digits", Training(epochs=12, crop=8), instances=2, rates=(3, 1, 3),
        seed=5, journal=tmp_path / "journal", workers=1,
    )  # fmt: skip
    assert [training.epochs for training, _, _ in trained] == [10] * 6 + [12] * 2
    assert bias.rate == 1
    assert bias.promises == ()


def test_one_rate_is_taken_as_it_is(
    tmp_path: Path, trained: list[tuple[Training, float, int]]
) -> None:
    bias = modeling_bias(
        devices(), {}, "digits", QUICK, instances=2, rates=(0.7,), seed=5,
        journal=tmp_path / "journal", workers=1,
    )  # fmt: skip
    assert bias.rates == {}
    assert bias.rate == 0.7
    assert next(bias.lines()) == "learning rate 0.7, as given"
    assert len(trained) == 2


def test_devices_travel_as_they_are() -> None:
    shape = np.sort(np.random.default_rng(3).normal(size=(len(AXIS_S), 7)), axis=1)
    sent = devices(shape=shape)
    got = PlainSynapses.of(sent).synapses()
    assert (got.low_s, got.high_s) == (sent.low_s, sent.high_s)
    for mine, theirs in ((got.set, sent.set), (got.reset, sent.reset)):
        for name in ("conductance_s", "mean_s", "sigma_s"):
            assert np.array_equal(getattr(mine, name), getattr(theirs, name))
    assert np.array_equal(got.set.shape, shape)  # type: ignore[arg-type]
    assert got.reset.shape is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"instances": 1}, "instances is 1; an interval needs 2"),
        ({"rates": ()}, "rates is empty"),
        ({"rates": (-1.0, 1.0)}, r"task 1 of 6.*Expected `float` > 0"),
        ({"images": "nowhere"}, "^there is no folder .*nowhere"),
    ],
    ids=["instances", "rates", "rate", "images"],
)
def test_what_cannot_be_is_a_sentence(tmp_path: Path, wrong: dict[str, Any], words: str) -> None:
    settings: dict[str, Any] = {"images": "digits", "instances": 2, **wrong}
    with pytest.raises(ConfigError, match=words):
        modeling_bias(
            devices(), {}, training=QUICK, seed=1, journal=tmp_path / "journal", workers=1,
            **settings,
        )  # fmt: skip


@pytest.mark.slow
def test_networks_on_digits_see_a_device_that_hardly_learns_and_not_one_that_is_the_same(
    tmp_path: Path,
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    small = Training(epochs=4, crop=8, batch=64, hidden=12)
    bias = modeling_bias(
        devices(8), {"same": [devices(8)], "poor": [devices(0.3)]}, "digits", small,
        instances=6, rates=(1, 4), seed=3, journal=tmp_path / "journal", workers=1,
    )  # fmt: skip
    same, poor = bias.promises
    assert bias.target[-1] > 50
    assert same.low[-1] < 0 < same.high[-1]
    assert poor.verdict == "under-promises"
    assert poor.bias[-1] < -10
