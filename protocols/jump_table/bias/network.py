"""The two-layer perceptron of Yousuf 2023, section II.C, with its gradients written out.

Inputs, a layer of sigmoids, ten outputs with softmax, no biases; the loss is half the squared
error summed over the outputs and averaged over the batch. Every quantity has a few bits: weights
and activations are rounded to the nearest, errors and gradients at random with a power-of-two
scale of their own (a fixed one for gradients ends the training).
"""

import math
from typing import Any

from hil.protocols.jump_table.bias.quantise import fixed_point, scaled

CLASSES = 10


class Network:
    """Forward and backward passes; it has no weights of its own.

    Weights are one tensor of ``inputs * hidden + hidden * 10`` float32: the first layer row after
    row, one row an input, then the second, one row a hidden neuron.

    Parameters
    ----------
    inputs, hidden : int
        Numbers of neurons.
    bits : int or None
        Of weights, activations, errors and gradients; None for no rounding.
    weight_range : float
        Weights lie within plus and minus this.

    Attributes
    ----------
    fractions : dict
        Bits behind the point of what was last rounded, by name (``error``, ``gradient`` with the
        number of the layer, ``weight``, ``activation``); empty without rounding.
    """

    def __init__(self, inputs: int, hidden: int, bits: int | None, weight_range: float) -> None:
        self.inputs, self.hidden, self.bits = inputs, hidden, bits
        self.weights = (inputs + CLASSES) * hidden
        self.fractions: dict[str, int] = {}
        if bits is not None:
            self.fractions["weight"] = bits - 1 - math.ceil(math.log2(weight_range))
            self.fractions["activation"] = bits - 1

    def read(self, weights: Any) -> tuple[Any, Any]:
        """Round the weights and part them into two matrices."""
        read = self._rounded(weights, "weight")
        first = self.inputs * self.hidden
        return read[:first].view(self.inputs, -1), read[first:].view(self.hidden, -1)

    def gradient(self, layers: tuple[Any, Any], x: Any, target: Any, generator: Any) -> Any:
        """Give the derivative of the loss by each weight.

        Parameters
        ----------
        layers : tuple of torch.Tensor
            As `read` gives them.
        x : (batch, inputs) torch.Tensor
            Inputs.
        target : (batch, 10) torch.Tensor
            1 at the digit shown, 0 elsewhere.
        generator : torch.Generator
            Rounds errors and gradients.

        Returns
        -------
        torch.Tensor
            (weights,), in their order.
        """
        import torch

        first, second = layers
        h = self._rounded(torch.mm(x, first).sigmoid_(), "activation")
        y = self._rounded(torch.mm(h, second).softmax(1), "activation")
        error = (y - target).div_(len(x))
        error = y * (error - (error * y).sum(1, keepdim=True))
        error = self._scaled(error, "error 2", generator)
        back = torch.mm(error, second.t()).mul_(h).mul_(1 - h)
        back = self._scaled(back, "error 1", generator)
        gradients = (torch.mm(x.t(), back), torch.mm(h.t(), error))
        return torch.cat(
            [
                self._scaled(one, f"gradient {layer}", generator).view(-1)
                for layer, one in enumerate(gradients, 1)
            ]
        )

    def accuracy(self, layers: tuple[Any, Any], x: Any, labels: Any) -> float:
        """Give the share of pictures whose digit has the largest output (before rounding it)."""
        import torch

        h = self._rounded(torch.mm(x, layers[0]).sigmoid_(), "activation")
        found = torch.mm(h, layers[1]).argmax(1)
        return float((found == labels).double().mean())

    def _rounded(self, x: Any, kind: str) -> Any:
        return x if self.bits is None else fixed_point(x, self.bits, self.fractions[kind])

    def _scaled(self, x: Any, name: str, generator: Any) -> Any:
        if self.bits is None:
            return x
        x, self.fractions[name] = scaled(x, self.bits, generator=generator)
        return x
