"""The cells of a bench and what lies under its probes."""

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from hil.errors import ConfigError

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """The cells of a bench: rows x columns of them, numbered row by row from 0."""

    rows: int = 1
    columns: int = 1

    def __post_init__(self) -> None:
        if self.rows < 1 or self.columns < 1:
            raise ConfigError(f"a bench has at least one cell, not {self.rows} x {self.columns}")

    def __len__(self) -> int:
        return self.rows * self.columns

    @cached_property
    def indices(self) -> Indices:
        """All cells, (cells,) int64."""
        indices = np.arange(len(self))
        indices.setflags(write=False)
        return indices

    def name(self, cell: int) -> str:
        """Name a cell as people do: cell 3, or R2C5 (from 1) in an array."""
        if self.rows == 1 or self.columns == 1:
            return f"cell {cell}"
        return f"R{cell // self.columns + 1}C{cell % self.columns + 1}"


class Sample(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies under the probes."""

    device: str = ""
    """Wafer, die and device: W3/D14/R2C5. Empty for a simulated device without a name."""
    stack: str = ""
    area_m2: float | None = None
    formed: bool = False
