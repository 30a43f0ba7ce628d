"""The network's own gradients against torch's, and what its few bits are."""

from typing import Any

import pytest

from hil.protocols.jump_table.bias.network import CLASSES, Network

torch = pytest.importorskip("torch")


def batch(network: Network) -> tuple[Any, Any, Any]:
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(network.weights, generator=generator) - 0.5
    x = torch.randn(30, network.inputs, generator=generator)
    labels = torch.randint(CLASSES, (30,), generator=generator)
    return weights, x, labels


def test_gradients_are_those_of_half_the_squared_error() -> None:
    network = Network(12, 7, None, 1.0)
    weights, x, labels = batch(network)
    target = torch.eye(CLASSES)[labels]
    ours = network.gradient(network.read(weights), x, target, torch.Generator())

    followed = weights.clone().requires_grad_()
    first, second = followed[:84].view(12, 7), followed[84:].view(7, CLASSES)
    y = ((x @ first).sigmoid() @ second).softmax(1)
    (0.5 * (y - target).square().sum() / len(x)).backward()
    assert torch.allclose(ours, followed.grad, atol=1e-7, rtol=1e-5)
    assert network.fractions == {}


def test_rounding_errors_and_gradients_at_random_keeps_the_mean_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = Network(12, 7, 6, 1.0)
    weights, x, labels = batch(network)
    target, layers = torch.eye(CLASSES)[labels], network.read(weights)
    generator = torch.Generator().manual_seed(4)
    many = torch.stack([network.gradient(layers, x, target, generator) for _ in range(400)])
    assert set(network.fractions) == {
        "weight", "activation", "error 1", "error 2", "gradient 1", "gradient 2"
    }  # fmt: skip
    one = network.gradient(layers, x, target, generator)
    codes = one[:84] * 2.0 ** network.fractions["gradient 1"]
    assert torch.equal(codes, codes.round())
    assert 15 <= float(codes.abs().max()) <= 31
    monkeypatch.setattr(network, "_scaled", lambda x, name, generator: x)
    expected = network.gradient(layers, x, target, generator)
    spread = many.std(0) / 400**0.5
    assert float(((many.mean(0) - expected) / spread).abs().max()) < 4.5


@pytest.mark.parametrize(("weight_range", "fraction"), [(1.0, 5), (0.25, 7), (0.3, 6), (2.0, 4)])
def test_weights_are_rounded_in_the_format_that_spans_their_range(
    weight_range: float, fraction: int
) -> None:
    network = Network(3, 2, 6, weight_range)
    weights = torch.linspace(-weight_range, weight_range, network.weights)
    read = torch.cat([layer.reshape(-1) for layer in network.read(weights)])
    assert network.fractions["weight"] == fraction
    assert torch.equal(read * 2**fraction, (read * 2**fraction).round())
    assert float((read - weights)[:-1].abs().max()) <= 2.0**-fraction / 2 + 1e-7


def test_accuracy_is_the_share_of_pictures_told_right() -> None:
    network = Network(2, 2, None, 1.0)
    first, second = torch.eye(2) * 9, torch.zeros(2, CLASSES)
    second[0, 3] = second[1, 8] = 1.0
    x = torch.tensor([[1.0, -1], [-1, 1], [1, -1], [-1, 1]])
    assert network.accuracy((first, second), x, torch.tensor([3, 8, 3, 3])) == 0.75
