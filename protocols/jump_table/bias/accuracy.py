"""Modeling bias: how far a network trained on a model misses the accuracy on the device itself.

Yousuf et al., "Device Modeling Bias in ReRAM-based Neural Network Simulations", IEEE JETCAS 13(1)
382-394 (2023), section II.C and eq. (5): the difference between two mean accuracies, after each
epoch, over 20 networks each.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from hil.errors import ConfigError
from hil.export import needed
from hil.protocols.campaign import run_campaign
from hil.protocols.jump_table.bias.images import Prepared, digits, load_images, prepared
from hil.protocols.jump_table.bias.promise import Bias, Promise
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.bias.training import Training, train
from hil.protocols.jump_table.profile import Floats, Profile

DIGITS = "digits"
"""Names the pictures that come with scikit-learn."""

RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)

SEARCH_EPOCHS = 10
"""Over how many epochs a learning rate is judged (Yousuf 2023, section II.C)."""

SEARCH_INSTANCES = 3
"""On how many networks, the same for each rate and none of those that are compared later."""

Report = Callable[[int, int], None]


class PlainProfile(msgspec.Struct, frozen=True):
    """A profile as plain numbers (S), to be sent to another process."""

    conductance_s: tuple[float, ...]
    mean_s: tuple[float, ...]
    sigma_s: tuple[float, ...]
    shape: tuple[tuple[float, ...], ...] | None = None

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """Take a profile."""
        return cls(
            tuple(profile.conductance_s.tolist()),
            tuple(profile.mean_s.tolist()),
            tuple(profile.sigma_s.tolist()),
            None if profile.shape is None else tuple(map(tuple, profile.shape.tolist())),
        )

    def profile(self) -> Profile:
        """Give the profile."""
        return Profile(
            np.array(self.conductance_s),
            np.array(self.mean_s),
            np.array(self.sigma_s),
            None if self.shape is None else np.array(self.shape),
        )


class PlainSynapses(msgspec.Struct, frozen=True):
    """Devices as plain numbers (S)."""

    set: PlainProfile
    reset: PlainProfile
    low_s: float
    high_s: float

    @classmethod
    def of(cls, synapses: Synapses) -> Self:
        """Take devices."""
        low_s, high_s = float(synapses.low_s), float(synapses.high_s)
        return cls(PlainProfile.of(synapses.set), PlainProfile.of(synapses.reset), low_s, high_s)

    def synapses(self) -> Synapses:
        """Give the devices."""
        return Synapses(self.set.profile(), self.reset.profile(), self.low_s, self.high_s)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One network to train.

    Attributes
    ----------
    name : str
        "target", or the model's name.
    dataset : int
        Which of the model's data sets, from 1; 0 for the target.
    seed : int
        Everything random follows from it.
    training : Training
        How it is trained.
    images : str
        A folder of idx files, or "digits".
    synapses : PlainSynapses
        The device of every weight.
    """

    name: str
    dataset: int
    seed: int
    training: Training
    images: str
    synapses: PlainSynapses


def accuracies(setting: Setting) -> tuple[float, ...]:
    """Train one network on one thread; gives the share of test pictures told right, by epoch.

    Raises
    ------
    MissingExtra
        Without torch (or scikit-learn, for its digits).
    ConfigError
        If the pictures are not there or are damaged.
    """
    torch = needed("torch", "learn")
    images = _pictures(setting.images, setting.training.crop)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        result = train(setting.training, setting.synapses.synapses(), images, setting.seed)
    finally:
        torch.set_num_threads(threads)
    return tuple(result.tolist())


def modeling_bias(
    target: Synapses,
    models: Mapping[str, Sequence[Synapses]],
    images: Path | str,
    training: Training,
    *,
    instances: int = 20,
    rates: Sequence[float] = RATES,
    seed: int,
    journal: Path,
    workers: int | None = None,
    cluster: str | None = None,
    report: Report | None = None,
) -> Bias:
    """Measure the modeling bias of models on networks.

    First the learning rate: of those given, the one at which networks on the *target* reach the
    highest test accuracy, averaged over the first 10 epochs (all, if fewer are trained) and over 3
    networks; the lowest of several such. The models are then trained at the target's rate too, so
    that a difference is the model's doing and not the rate's (both as in Yousuf 2023, section
    II.C). Then *instances* networks on the target and on each model, each with a seed of its own.

    Parameters
    ----------
    target : Synapses
        The device itself, or what stands for it.
    models : mapping of str to sequence of Synapses
        By name, what each way to model makes of one or more data sets.
    images : path or str
        A folder with the four idx files of MNIST, there on every machine; or "digits", for which
        ``training.crop`` is at most 8.
    training : Training
        How networks are trained; its rate is replaced, also if only one is given.
    instances : int
        Networks on the target, and on each model.
    rates : sequence of float
        Learning rates to try; one is taken as it is.
    seed : int
        Every network's seed follows from it and from what the network is, so that a model more or
        less changes nothing for the others.
    journal, workers, cluster, report
        As in `run_campaign`; *report* counts the search and all networks together.

    Raises
    ------
    ConfigError
        For fewer than 2 instances, no rate, or pictures that are not there.
    HilError
        And what `run_campaign` raises.
    """
    if instances < 2:
        raise ConfigError(f"instances is {instances}; an interval needs 2 or more, the paper's 20")
    if not rates:
        raise ConfigError("rates is empty; give the learning rates to try, or the one to take")
    devices = {("target", 0): PlainSynapses.of(target)}
    for name, datasets in models.items():
        devices |= {(name, n): PlainSynapses.of(each) for n, each in enumerate(datasets, 1)}
    if cluster is None:
        needed("torch", "learn")
    _pictures(_place(images), training.crop)
    work = _Work(_place(images), training, seed, report)
    tried = _tried(rates)
    work.total = len(devices) * instances + len(tried) * SEARCH_INSTANCES
    options = {"journal": journal, "workers": workers, "cluster": cluster}
    judged = work.search(devices["target", 0], tried, options)
    rate = max(judged, key=lambda rate: judged[rate]) if judged else rates[0]
    reached = work.reached(devices, rate, instances, options)
    promises = [
        Promise.of(name, dataset, model, reached[0])
        for (name, dataset), model in zip(devices, reached, strict=True)
        if dataset
    ]
    return Bias.of(rate, judged, reached[0], promises)


class _Work:
    """The networks of one measurement, and how far they are."""

    def __init__(self, images: str, training: Training, seed: int, report: Report | None) -> None:
        self.images, self.training, self.seed, self.report = images, training, seed, report
        self.before = 0
        self.total = 0

    def search(
        self, target: PlainSynapses, rates: Sequence[float], options: dict[str, Any]
    ) -> dict[float, float]:
        """Tell the mean accuracy (%) at each rate; nothing if there is none to choose from."""
        epochs = min(SEARCH_EPOCHS, self.training.epochs)
        settings = [
            self._setting("target", 0, target, f"rate {number}", rate=rate, epochs=epochs)
            for rate in rates
            for number in range(SEARCH_INSTANCES)
        ]
        if not settings:
            return {}
        means = self._run(settings, options).reshape(len(rates), -1).mean(axis=1)
        return dict(zip(rates, means.tolist(), strict=True))

    def reached(
        self,
        devices: Mapping[tuple[str, int], PlainSynapses],
        rate: float,
        instances: int,
        options: dict[str, Any],
    ) -> Floats:
        """Train at one rate; gives accuracies (%), (devices, instances, epochs)."""
        settings = [
            self._setting(name, dataset, synapses, f"bias {number}", rate=rate)
            for (name, dataset), synapses in devices.items()
            for number in range(instances)
        ]
        return self._run(settings, options).reshape(len(devices), instances, -1)

    def _setting(
        self, name: str, dataset: int, synapses: PlainSynapses, purpose: str, **changes: float
    ) -> Setting:
        text = f"{self.seed} {purpose} {name} {dataset}"
        word = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
        return Setting(
            name=name,
            dataset=dataset,
            seed=word >> 1,
            training=msgspec.structs.replace(self.training, **changes),
            images=self.images,
            synapses=synapses,
        )

    def _run(self, settings: list[Setting], options: dict[str, Any]) -> Floats:
        def tell(done: int, _: int) -> None:
            if self.report is not None:
                self.report(self.before + done, self.total)

        result = run_campaign(accuracies, settings, report=tell, **options)
        self.before += len(settings)
        return 100 * np.array(result)


def _tried(rates: Sequence[float]) -> list[float]:
    """Sort what there is to choose from, so that the lowest of the best is found first."""
    tried = sorted(set(rates))
    return tried if len(tried) > 1 else []


def _place(images: Path | str) -> str:
    """Name the pictures so that a process in another folder finds them."""
    return DIGITS if images == DIGITS else str(Path(images).absolute())


@lru_cache(maxsize=1)
def _pictures(images: str, crop: int) -> Prepared:
    """Read the pictures once in a process."""
    return prepared(digits() if images == DIGITS else load_images(images), crop)
