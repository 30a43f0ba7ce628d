"""Training a network on devices: gradients become pulses (Yousuf 2023, section II.C, eq. 4)."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from hil.errors import ConfigError
from hil.export import needed
from hil.protocols.jump_table.bias.images import Prepared
from hil.protocols.jump_table.bias.network import CLASSES, Network
from hil.protocols.jump_table.bias.quantise import fixed_point, own_fraction
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.profile import Floats

_INITIAL, _ORDER, _ROUNDING, _PULSES, _DEVICES = range(5)
"""What random numbers are for: they come from (seed, purpose, epoch or update)."""


class Training(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a network is trained; what is left out is as Yousuf 2023 has it."""

    epochs: Annotated[int, Meta(ge=1, description="times through all pictures")] = 10
    batch: Annotated[int, Meta(ge=1, description="pictures an update")] = 4096
    rate: Annotated[float, Meta(gt=0, description="learning rate")] = 3.0
    bits: Annotated[
        int | None,
        Meta(description="of weights, activations, errors and gradients; none: no rounding"),
    ] = 6
    weight_range: Annotated[float, Meta(gt=0, description="the bounds of G are +- this")] = 1.0
    max_pulses: Annotated[
        int, Meta(ge=1, description="from bound to bound (p_max); no update has more")
    ] = 500
    hidden: Annotated[int, Meta(ge=1, description="neurons in the hidden layer")] = 50
    crop: Annotated[int, Meta(ge=1, description="rows and columns of a picture that stay")] = 18
    init: Annotated[
        Literal["paper", "torch"],
        Meta(description="k of the first weights, uniform within sqrt(k): 1/400 and 1/10, or "
             "one over the inputs of the layer"),
    ] = "paper"  # fmt: skip
    step: Annotated[
        Literal["physical", "xbtorch"],
        Meta(description="where the rate acts: on the number of pulses, or (as in XBTorch) on the "
             "step that the device made, noise and all"),
    ] = "physical"  # fmt: skip
    update: Annotated[
        Literal["exact", "aggregate"],
        Meta(description="pulse by pulse, or all pulses of a device at once (approximate)"),
    ] = "exact"
    torch_device: Annotated[str, Meta(description="cpu, or a device of torch such as cuda")] = (
        "cpu"
    )

    def __post_init__(self) -> None:
        if self.bits is not None and not 2 <= self.bits <= 16:
            raise ConfigError(f"bits {self.bits} must be 2 to 16, or none")
        if self.update == "aggregate" and self.torch_device != "cpu":
            raise ConfigError("update aggregate runs on torch_device cpu only; choose exact")


@dataclass(frozen=True)
class Seconds:
    """What an epoch takes (s).

    Attributes
    ----------
    network : float
        Gathering pictures, forward and backward passes.
    writes : float
        Pulses from gradients, the devices, and weights from conductances.
    evaluation : float
        Test accuracy.
    """

    network: float
    writes: float
    evaluation: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.network + self.writes + self.evaluation


def train(
    training: Training,
    synapses: Synapses | None,
    images: Prepared,
    seed: int,
    report: Callable[[int, float], None] | None = None,
) -> Floats:
    """Train one network.

    Parameters
    ----------
    training : Training
        How.
    synapses : Synapses or None
        The device of every weight; None for plain numbers and gradient descent.
    images : Prepared
        Pictures, cropped to ``training.crop``.
    seed : int
        Everything random follows from it, 0 or above.
    report : callable, optional
        Told the number of each epoch, from 1, and its accuracy.

    Returns
    -------
    (epochs,) float64
        Share of the test pictures that is told right, after each epoch.

    Raises
    ------
    MissingExtra
        Without torch.
    ConfigError
        For a torch device that is not there.
    """
    trainer = _Trainer(training, synapses, images, seed)
    accuracies = np.empty(training.epochs)
    for epoch in range(training.epochs):
        trainer.epoch(epoch)
        accuracies[epoch] = trainer.accuracy()
        if report is not None:
            report(epoch + 1, accuracies[epoch])
    return accuracies


def time_epochs(
    training: Training, synapses: Synapses | None, images: Prepared, seed: int
) -> list[Seconds]:
    """Train a network and give what each epoch took; parameters as in `train`.

    What is timed is right on torch device cpu only; others answer before they are done. The first
    epoch of a process has the compilers' time in it.
    """
    trainer = _Trainer(training, synapses, images, seed)
    epochs = []
    for epoch in range(training.epochs):
        began_s, trainer.writes_s = perf_counter(), 0.0
        trainer.epoch(epoch)
        trained_s = perf_counter()
        trainer.accuracy()
        network_s = trained_s - began_s - trainer.writes_s
        epochs.append(Seconds(network_s, trainer.writes_s, perf_counter() - trained_s))
    return epochs


class _Trainer:
    """One network in training."""

    def __init__(
        self, training: Training, synapses: Synapses | None, images: Prepared, seed: int
    ) -> None:
        self.torch = needed("torch", "learn")
        self.training, self.synapses, self.seed = training, synapses, seed
        self.updates = 0
        self.writes_s = 0.0
        self.on = _device(self.torch, training.torch_device)
        self.generator = self.torch.Generator(device=self.on)
        self.network = Network(
            images.train_x.shape[1], training.hidden, training.bits, training.weight_range
        )
        self._take(images)
        self.weights = self._initial()
        if synapses is not None:
            share = (self.weights.double() / training.weight_range + 1).clamp_(0, 2) / 2
            self.conductance_s = synapses.low_s + share * (synapses.high_s - synapses.low_s)

    def epoch(self, number: int) -> None:
        """Go through all training pictures once, in an order of its own."""
        order = self._rng(_ORDER, number).permutation(len(self.x))
        for rows in self.torch.from_numpy(order).to(self.on).split(self.training.batch):
            self.generator.manual_seed(self._word(_ROUNDING))
            x = self.torch.index_select(self.x, 0, rows, out=self.gathered[: len(rows)])
            target = self.target.index_select(0, rows)
            layers = self.network.read(self.weights)
            gradient = self.network.gradient(layers, x, target, self.generator)
            began_s = perf_counter()
            self._write(gradient)
            self.writes_s += perf_counter() - began_s
            self.updates += 1

    def accuracy(self) -> float:
        """Give the share of the test pictures that is told right."""
        layers = self.network.read(self.weights)
        return self.network.accuracy(layers, self.test_x, self.test_y)

    def _take(self, images: Prepared) -> None:
        """Move pictures to the torch device, and round them once for all."""
        torch, bits = self.torch, self.training.bits
        self.x = torch.from_numpy(images.train_x).to(self.on)
        self.test_x = torch.from_numpy(images.test_x).to(self.on)
        if bits is not None:
            fraction = own_fraction(self.x, bits)
            self.x = fixed_point(self.x, bits, fraction)
            self.test_x = fixed_point(self.test_x, bits, fraction)
        rows = min(self.training.batch, len(self.x))
        self.gathered = self.x.new_empty(rows, self.x.shape[1])
        self.target = torch.eye(CLASSES, device=self.on)[images.train_y]
        self.test_y = torch.from_numpy(images.test_y).to(self.on)

    def _initial(self) -> Any:
        """Draw the first weights: (weights,) float32, uniform."""
        rng, network = self._rng(_INITIAL, 0), self.network
        paper = self.training.init == "paper"
        ends = (1 / 400, 1 / 10) if paper else (1 / network.inputs, 1 / network.hidden)
        sizes = (network.inputs * network.hidden, network.hidden * CLASSES)
        drawn = [rng.uniform(-1, 1, size) * k**0.5 for size, k in zip(sizes, ends, strict=True)]
        return self.torch.from_numpy(np.concatenate(drawn).astype(np.float32)).to(self.on)

    def _write(self, gradient: Any) -> None:
        """Take one step down the gradient."""
        synapses, training = self.synapses, self.training
        if synapses is None:
            self.weights -= training.rate * gradient
            return
        pulses = self._pulses(gradient)
        scale = training.rate if training.step == "xbtorch" else 1.0
        before_s = self.conductance_s.clone() if scale != 1 else None
        self._play(synapses, pulses)
        if before_s is not None:
            self.conductance_s.sub_(before_s).mul_(scale).add_(before_s)
            self.conductance_s.clamp_(synapses.low_s, synapses.high_s)
        per_s = 2 * training.weight_range / (synapses.high_s - synapses.low_s)
        weights = (self.conductance_s - synapses.low_s) * per_s - training.weight_range
        self.weights = weights.float()

    def _pulses(self, gradient: Any) -> Any:
        """Round p_max times the step, as a share of the range, to whole pulses at random."""
        training = self.training
        rate = 1.0 if training.step == "xbtorch" else training.rate
        pulses = gradient * (-rate * training.max_pulses / (2 * training.weight_range))
        self.generator.manual_seed(self._word(_PULSES))
        pulses += self.torch.rand(pulses.shape, generator=self.generator, device=self.on)
        return pulses.floor_().clamp_(-training.max_pulses, training.max_pulses).long()

    def _play(self, synapses: Synapses, pulses: Any) -> None:
        if self.on.type != "cpu":
            self.generator.manual_seed(self._word(_DEVICES))
            synapses.update_exact_torch(self.conductance_s, pulses, self.generator)
            return
        exact = self.training.update == "exact"
        play = synapses.update_exact if exact else synapses.update_aggregate
        play(self.conductance_s.numpy(), pulses.numpy(), self._rng(_DEVICES, self.updates))

    def _rng(self, purpose: int, count: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose, count])

    def _word(self, purpose: int) -> int:
        """Give the seed of torch's generator for this update."""
        words = np.random.SeedSequence([self.seed, purpose, self.updates])
        return int(words.generate_state(1, np.uint64)[0] >> np.uint64(1))


def _device(torch: Any, name: str) -> Any:
    """Find a torch device and try it."""
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"torch_device {name!r} is not there ({str(error).splitlines()[0]}); choose cpu, or "
            "a device that torch finds on this machine"
        ) from error
    return device
