"""Jump tables: a pulse moves the conductance by a random step that depends on it.

The model of Yousuf et al., "Device Modeling Bias in ReRAM-Based Neural Network Simulations",
IEEE JETCAS 13(1) 382-394 (2023), section II.A: for each pulse amplitude there is a distribution of
the step dG at each G, and G is clipped to its bounds (eq. 3). A table gives that distribution

- as N(mu(G), sigma(G)) with polynomials mu and sigma, or
- as it is published: cumulated probabilities on a grid of G and dG (see `published_tables`). A
  step is drawn by inverting them. Along dG they are linear between their points (which adds about
  a sixth of the squared distance of two points to the variance); what they leave at the ends of
  the grid (first, 1 - last) is at these ends. Between two G the quantiles are interpolated, not
  the probabilities: a distribution that wanders with G keeps its shape on the way, where a mixture
  of both neighbours would be wider. Beyond the grid of G its ends hold.

It is an event model: it knows what pulses of one width and of the tabled amplitudes do, and
nothing about any other waveform.

Not modelled: the time between pulses (no relaxation), currents that are not ohmic, widths other
than the tabled one. Read noise is already in sigma, which came from measured steps.
"""

from functools import cached_property
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Floats
from hil.simulators.models.jump_table_kernel import Grids
from hil.simulators.models.model import State
from hil.simulators.models.pulsed import NO_GRIDS, Profiles, Pulsed
from hil.units import quantity


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The step for one amplitude: mean and sigma as polynomials in G, or probabilities."""

    voltage_v: Annotated[float, quantity("V", "amplitude at the cell")]
    mean: Annotated[
        tuple[float, ...],
        Meta(description="mean step (S): coefficients of G^0, G^1 ..., lowest order first"),
    ] = ()
    sigma: Annotated[
        tuple[float, ...], Meta(description="sigma of the step (S), coefficients likewise")
    ] = ()
    conductance_s: Annotated[tuple[float, ...], quantity("S", "rows of cdf: G, rising")] = ()
    step_s: Annotated[tuple[float, ...], quantity("S", "columns of cdf: dG, rising")] = ()
    cdf: Annotated[
        tuple[tuple[float, ...], ...],
        Meta(description="probability of a step up to dG, a row for each G"),
    ] = ()

    def __post_init__(self) -> None:
        polynomial = bool(self.mean) + bool(self.sigma)
        grid = bool(self.conductance_s) + bool(self.step_s) + bool(self.cdf)
        if (polynomial, grid) not in ((2, 0), (0, 3)):
            raise ConfigError(
                f"{self._named} must have either mean and sigma, or conductance_s, step_s and cdf"
            )
        if not np.isfinite([self.voltage_v, *self.mean, *self.sigma]).all():
            raise ConfigError(f"{self._named} holds a NaN or infinite number")
        if grid:
            self._check_grid()

    @property
    def _named(self) -> str:
        return f"the table for {self.voltage_v} V"

    def _check_grid(self) -> None:
        for name in ("conductance_s", "step_s"):
            axis = np.array(getattr(self, name))
            if len(axis) < 2 or not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
                raise ConfigError(f"{self._named}: {name} must be two or more rising numbers")
        shape = (len(self.conductance_s), len(self.step_s))
        if len(self.cdf) != shape[0] or {len(row) for row in self.cdf} != {shape[1]}:
            raise ConfigError(
                f"{self._named}: cdf must have {shape[0]} rows of {shape[1]} numbers, as many as "
                "conductance_s and step_s"
            )
        cdf = np.array(self.cdf)
        wrong = ~((cdf >= 0) & (cdf <= 1)).all(axis=1) | ~(np.diff(cdf) >= 0).all(axis=1)
        if wrong.any():
            raise ConfigError(
                f"{self._named}: row {int(wrong.argmax()) + 1} of cdf holds no probabilities; "
                "they must rise within 0 to 1"
            )


class JumpTable(Pulsed, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A device known by its jump tables."""

    tables: Annotated[tuple[Table, ...], Meta(min_length=1, description="one table an amplitude")]
    low_s: Annotated[float, quantity("S", "lower bound of the conductance", gt=0)]
    high_s: Annotated[float, quantity("S", "upper bound of the conductance", gt=0)]
    sigma_floor_s: Annotated[
        float, quantity("S", "least sigma of a step that polynomials give", ge=0)
    ] = 0.0
    initial_conductance_s: (
        Annotated[float, quantity("S", "conductance of a fresh cell; drawn uniformly if left out")]
        | None
    ) = None

    stream: ClassVar[np.uint64] = np.uint64(1)
    knows: ClassVar[str] = "jump table"

    def __post_init__(self) -> None:
        if not 0 < self.low_s < self.high_s < np.inf:
            raise ConfigError(f"low_s {self.low_s} S must be below high_s {self.high_s} S")
        start_s = self.initial_conductance_s
        if start_s is not None and not self.low_s <= start_s <= self.high_s:
            raise ConfigError(
                f"initial_conductance_s {start_s} S is outside {self.low_s} to {self.high_s} S"
            )
        for table in self.tables:
            if abs(table.voltage_v) <= self.quiet_v:
                raise ConfigError(
                    f"a table for {table.voltage_v} V is not beyond quiet_v {self.quiet_v} V"
                )

    def start(self, state: State) -> None:
        """Make fresh cells: at initial_conductance_s, or uniform between the bounds."""
        if self.initial_conductance_s is None:
            share = (state["key"] >> np.uint64(11)) * 2.0**-53
            state["conductance_s"] = self.low_s + (self.high_s - self.low_s) * share
        else:
            state["conductance_s"] = self.initial_conductance_s

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Give the bounds of the conductance."""
        return np.full(len(state), self.low_s), np.full(len(state), self.high_s)

    @property
    def amplitudes_v(self) -> Floats:
        """The tabled amplitudes (V)."""
        return np.array([table.voltage_v for table in self.tables])

    def _profiles(self, state: State, cells: NDArray[np.int64]) -> Profiles:  # noqa: ARG002
        return self._polynomials

    @cached_property
    def _polynomials(self) -> Profiles:
        mean = _padded([table.mean for table in self.tables])[None]
        sigma = _padded([table.sigma for table in self.tables])[None]
        return Profiles(mean, sigma, self.sigma_floor_s, self.low_s, self.high_s)

    def _grids(self) -> Grids:
        return self._tabulated

    @cached_property
    def _tabulated(self) -> Grids:
        if not any(table.cdf for table in self.tables):
            return NO_GRIDS
        rows = np.array([len(table.conductance_s) for table in self.tables])
        columns = np.array([len(table.step_s) for table in self.tables])
        cdf = np.zeros((len(rows), rows.max(), columns.max()))
        for k, table in enumerate(self.tables):
            cdf[k, : rows[k], : columns[k]] = np.reshape(table.cdf, (rows[k], columns[k]))
        return Grids(
            rows, columns, _padded([table.conductance_s for table in self.tables]),
            _padded([table.step_s for table in self.tables]), cdf,
        )  # fmt: skip


def _padded(rows: list[tuple[float, ...]]) -> Floats:
    table = np.zeros((len(rows), max(len(row) for row in rows)))
    for k, row in enumerate(rows):
        table[k, : len(row)] = row
    return table
