"""Numbers of few bits: fixed point as QPyTorch rounds to it, and a scale of its own a tensor.

A number of *bits* bits, *fraction* of them behind the point, is a multiple of ``2**-fraction``
from ``-2**(bits - fraction - 1)`` to one step below ``2**(bits - fraction - 1)``: the format, and
the rounding, of ``fixed_point_quantize`` in QPyTorch (T. Zhang et al., arXiv 1910.04540), which
Yousuf 2023, section II.C, trains with. A number beyond the ends becomes the nearest end.
"""

import math
from typing import Any


def fixed_point(x: Any, bits: int, fraction: int, *, generator: Any = None) -> Any:
    """Round a tensor to fixed point.

    Parameters
    ----------
    x : torch.Tensor
        Any shape, float32 or float64; left as it is.
    bits, fraction : int
        Bits in all, sign included, and bits behind the point (may be negative or above *bits*).
    generator : torch.Generator, optional
        Rounds up or down at random with it, so that the mean stays (stochastic rounding);
        without, to the nearest, and halves to the even neighbour.
    """
    import torch

    y = torch.mul(x, 2.0**fraction)
    if generator is not None:
        y += torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        y -= 0.5
    half = 2.0 ** (bits - 1)
    return y.round_().clamp_(-half, half - 1).mul_(2.0**-fraction)


def own_fraction(x: Any, bits: int) -> int:
    """Give the most bits behind the point with which the largest number of a tensor still fits."""
    largest = max(map(abs, map(float, x.aminmax())))
    return math.floor(math.log2((2 ** (bits - 1) - 1) / largest)) if largest > 0 else 0


def scaled(x: Any, bits: int, *, generator: Any = None) -> tuple[Any, int]:
    """Round a tensor to fixed point with its own power-of-two scale.

    Gradients and errors are far below 1 and shrink while a network learns: a fixed number of bits
    behind the point rounds them to nothing.

    Returns
    -------
    tuple of torch.Tensor and int
        The rounded numbers and the bits behind the point (`own_fraction`).
    """
    fraction = own_fraction(x, bits)
    return fixed_point(x, bits, fraction, generator=generator), fraction
