"""The devices behind the weights: what pulses make of many conductances."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.protocols.jump_table.bias.synapses_kernel import NO_SHAPE, play_aggregate, play_exact
from hil.protocols.jump_table.profile import Floats, Profile

_NODES = 1024
"""Equal steps of G in which mean and sigma are tabled."""
_SHAPE_ROWS = 128
"""Equal steps of G in which quantiles are tabled."""


@dataclass(frozen=True, eq=False)
class Synapses:
    """Devices of one kind: a SET pulse and a RESET pulse each make a random step (eq. 1).

    Mean and sigma are tabled in 1,024 equal steps of G, so that a look-up takes the same time
    whatever the profile; between them they are linear. A linear profile keeps its values, at a
    kink they are off by at most a quarter of a step times the change of slope. Quantiles of a
    shape are tabled in 128 steps.

    Attributes
    ----------
    set, reset : Profile
        Step of one pulse up, and of one pulse down.
    low_s, high_s : float
        Bounds (S): a step beyond one ends there (Yousuf 2023, eq. 3 by clipping).

    Raises
    ------
    ConfigError
        For bounds that are not finite or not in order.
    """

    set: Profile
    reset: Profile
    low_s: float
    high_s: float

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low_s, self.high_s]).all() and self.low_s < self.high_s):
            raise ConfigError(
                f"low_s {self.low_s:g} S must be below high_s {self.high_s:g} S, both finite: "
                "weights are spread between them"
            )

    def update_exact(
        self, conductance_s: Floats, pulses: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Play pulses one by one: draw a step at G, clip, next (Yousuf 2023, section II.C).

        Parameters
        ----------
        conductance_s : (devices,) float64
            Changed in place; a device without pulses is not touched.
        pulses : (devices,) int64
            How many for each; SET above 0, RESET below.
        rng : Generator
            Draws the steps: those of SET first, and of those the first of every device first.

        Raises
        ------
        ConfigError
            For lists of different lengths, or a conductance that is not finite.
        """
        _check(conductance_s, pulses)
        for sign, moments, shape in self._tables:
            play_exact(conductance_s, pulses, sign, moments, shape, self.low_s, self.high_s, rng)

    def update_aggregate(
        self, conductance_s: Floats, pulses: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Play all pulses of a device at once: an approximation with one draw a device.

        Around G the mean is taken for a line, ``mu(G') = mu + c (G' - G)``, and sigma for a
        constant. With a = 1 + c, p pulses then move G by ``mu (1 - a^p) / (1 - a)`` on average,
        with the variance ``sigma^2 (1 - a^2p) / (1 - a^2)``, and the end is clipped once. Exact
        far from the bounds for a mean that falls linearly under a constant sigma. Off

        - near a bound, where each pulse is clipped and not only the last: at 36 nS of the target
          of Yousuf 2023, 100 SET pulses end at 34.3 nS on average and not at 31.4;
        - where mean or sigma bend within the way of p pulses;
        - where the mean rises with G, or falls by more than G: c is kept within -1 to 0, for such
          lines run away;
        - for few pulses of a distribution with a shape: the sum is taken to be normal.

        Parameters and errors are those of `update_exact`.
        """
        _check(conductance_s, pulses)
        for sign, moments, _ in self._tables:
            play_aggregate(conductance_s, pulses, sign, moments, self.low_s, self.high_s, rng)

    def update_exact_torch(self, conductance_s: Any, pulses: Any, generator: Any) -> None:
        """Play pulses one by one on a torch device; what `update_exact` does, in distribution.

        Devices are ordered by their pulses once; the k-th pulses are then one operation on those
        that have as many, and the work is the number of pulses, not devices times the most.

        Parameters
        ----------
        conductance_s : (devices,) torch.Tensor of floats
            Changed in place.
        pulses : (devices,) torch.Tensor of int64
            As in `update_exact`, on the same torch device.
        generator : torch.Generator
            Of the same torch device.
        """
        import torch

        count, order = torch.sort(pulses.abs(), descending=True)
        most = int(count[0]) if len(count) else 0
        if not most:
            return
        left = torch.bincount(count).flip(0).cumsum(0).flip(0).tolist()
        order = order[: left[1]]
        g = conductance_s[order].clamp_(self.low_s, self.high_s)
        kind = (pulses[order] < 0).long()
        tables = _TorchTables(self, g)
        for k in range(1, most + 1):
            now = g[: left[k]]
            now += tables.steps(now, kind[: left[k]], generator)
            now.clamp_(self.low_s, self.high_s)
        conductance_s[order] = g

    @cached_property
    def _tables(self) -> list[tuple[int, Floats, Floats]]:
        axis_s = np.linspace(self.low_s, self.high_s, _NODES + 1)
        shape_s = np.linspace(self.low_s, self.high_s, _SHAPE_ROWS + 1)
        tables = []
        for sign, profile in ((1, self.set), (-1, self.reset)):
            shape = profile.on(shape_s).shape
            moments = np.ascontiguousarray(np.stack(profile.moments(axis_s), axis=1))
            tables.append((sign, moments, NO_SHAPE if shape is None else shape))
        return tables


def _check(conductance_s: Floats, pulses: NDArray[np.int64]) -> None:
    if conductance_s.shape != pulses.shape or conductance_s.ndim != 1:
        raise ConfigError(
            f"conductances {conductance_s.shape} and pulses {pulses.shape} must be two lists of "
            "one length"
        )
    if not np.isfinite(conductance_s).all():
        raise ConfigError("a conductance is not finite; start devices between their bounds")


class _TorchTables:
    """The same tables as tensors, SET first."""

    def __init__(self, synapses: Synapses, like: Any) -> None:
        import torch

        def tensor(values: Floats) -> Any:
            return torch.as_tensor(values, dtype=like.dtype, device=like.device)

        tables = synapses._tables  # noqa: SLF001 - one class in two halves
        self.low_s = synapses.low_s
        self.per_s = _NODES / (synapses.high_s - synapses.low_s)
        self.moments = tensor(np.concatenate([moments for _, moments, _ in tables]))
        self.shapes = [tensor(shape) if shape.size else None for _, _, shape in tables]

    def steps(self, g: Any, kind: Any, generator: Any) -> Any:
        """Draw one step for each conductance; kind is 0 for SET and 1 for RESET."""
        x = (g - self.low_s) * self.per_s
        left = x.long().clamp_(max=_NODES - 1)
        part = (x - left)[:, None]
        left += kind * (_NODES + 1)
        mean, sigma = self.moments[left].lerp(self.moments[left + 1], part).unbind(1)
        return mean + sigma * self._deviates(x * (_SHAPE_ROWS / _NODES), kind, generator)

    def _deviates(self, x: Any, kind: Any, generator: Any) -> Any:
        import torch

        z = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        for number, shape in enumerate(self.shapes):
            if shape is None:
                continue
            share = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
            z = torch.where(kind == number, _shaped(shape, x, share), z)
        return z


def _shaped(shape: Any, x: Any, share: Any) -> Any:
    """Look quantiles up, linear between rows (x, in rows) and between columns."""
    row = x.long().clamp_(max=shape.shape[0] - 2)
    y = share * (shape.shape[1] - 1)
    column = y.long().clamp_(max=shape.shape[1] - 2)
    a, b = x - row, y - column
    low = shape[row, column].lerp(shape[row, column + 1], b)
    return low.lerp(shape[row + 1, column].lerp(shape[row + 1, column + 1], b), a)
