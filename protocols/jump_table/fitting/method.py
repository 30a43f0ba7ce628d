"""What every way to fit a jump table takes and gives."""

from abc import ABCMeta, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import numpy as np

from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile


@dataclass(frozen=True, eq=False)
class Fit:
    """What points came to.

    Attributes
    ----------
    profile : Profile
        Mean, sigma and shape of the step over G.
    draws : (draws, 2, m) float64 or None
        Mean and sigma (S) on the profile's axis as they may as well be, from the posterior of the
        fit; None where a method has none, and its intervals come from fits to resampled points.
    figures : dict
        What there is to say about the fit: smoothness, bins, coefficients, trials.
    """

    profile: Profile
    draws: Floats | None = None
    figures: dict[str, Any] = field(default_factory=dict)


class _AbstractStruct(msgspec.StructMeta, ABCMeta):
    """Lets a struct have abstract methods."""


class Method(
    msgspec.Struct,
    metaclass=_AbstractStruct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """A way to fit a jump table to points; the struct's fields are its settings."""

    quick: ClassVar[bool] = True
    """Whether it may be fitted again and again, to resampled points."""

    @abstractmethod
    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        """Fit one amplitude.

        Raises
        ------
        ConfigError
            For too few points, or points that say nothing: what is missing, and how many would do.
        """
