"""Points of a jump table: where the conductance was before a pulse, and how far it moved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Points:
    """Steps of one pulse amplitude.

    Attributes
    ----------
    voltage_v : float
        Amplitude of the pulse (V).
    conductance_s, step_s : (points,) float64
        Conductance before the pulse, and the step that it made (S).
    low_s, high_s : float
        Bounds of the conductance (S): what ends there was stopped there, as eq. 3 of Yousuf 2023
        has it. Minus and plus infinity where the device has none.
    """

    voltage_v: float
    conductance_s: Floats
    step_s: Floats
    low_s: float
    high_s: float

    def __post_init__(self) -> None:
        if self.conductance_s.shape != self.step_s.shape or self.conductance_s.ndim != 1:
            raise ConfigError(
                f"conductances {self.conductance_s.shape} and steps {self.step_s.shape} must be "
                "two lists of one length"
            )
        if not self.low_s < self.high_s:
            raise ConfigError(f"low_s {self.low_s:g} S must be below high_s {self.high_s:g} S")

    def __len__(self) -> int:
        return len(self.step_s)

    @property
    def after_s(self) -> Floats:
        """Conductance after the pulse (S)."""
        return self.conductance_s + self.step_s

    @property
    def at_low(self) -> NDArray[np.bool_]:
        """Whether a step was stopped at the lower bound."""
        return self.after_s <= self.low_s + self._grain_s

    @property
    def at_high(self) -> NDArray[np.bool_]:
        """Whether a step was stopped at the upper bound."""
        return self.after_s >= self.high_s - self._grain_s

    @property
    def _grain_s(self) -> float:
        """What G + dG - G may be off by rounding (S)."""
        return 1e-9 * max(
            abs(bound) for bound in (self.low_s, self.high_s, 0.0) if np.isfinite(bound)
        )

    def take(self, rows: NDArray[Any]) -> "Points":
        """Return some of the points, by index or mask."""
        return replace(self, conductance_s=self.conductance_s[rows], step_s=self.step_s[rows])

    def split(self, rng: np.random.Generator, shares: Sequence[float]) -> "list[Points]":
        """Share the points out at random.

        Parameters
        ----------
        rng : Generator
            Decides who gets which.
        shares : sequence of float
            Their sizes, adding up to 1.
        """
        order = rng.permutation(len(self))
        ends = np.round(np.cumsum(shares) * len(self)).astype(int)[:-1]
        return [self.take(np.sort(rows)) for rows in np.split(order, ends)]
