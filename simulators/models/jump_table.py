"""Jump tables: a pulse moves the conductance by a random step that depends on it.

The model of Yousuf et al., "Device Modeling Bias in ReRAM-Based Neural Network Simulations",
IEEE JETCAS 13(1) 382-394 (2023), section II.A: for each pulse amplitude there is a distribution of
the step dG at each G, and G is clipped to its bounds (eq. 3). A table gives that distribution

- as N(mu(G), sigma(G)) with polynomials mu and sigma,
- as it is fitted: mu and sigma at some conductances, linear between them, and where a step is not
  normal also its shape, quantiles of (dG - mu) / sigma at equally spaced probabilities from 0 to
  1, linear between them and between conductances. Beyond the first and the last conductance all
  stay as they are there. What a fit gives, `hil.protocols.jump_table.profile.Profile`, means the
  same; or
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
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Floats
from hil.simulators.models.jump_table_kernel import CURVES, GRID, Lists
from hil.simulators.models.model import State
from hil.simulators.models.pulsed import Profiles, Pulsed
from hil.units import quantity


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The step for one amplitude: mean and sigma over G as polynomials or lists, or a CDF."""

    voltage_v: Annotated[float, quantity("V", "amplitude at the cell")]
    mean: Annotated[
        tuple[float, ...],
        Meta(description="mean step (S): coefficients of G^0, G^1 ..., lowest order first"),
    ] = ()
    sigma: Annotated[
        tuple[float, ...], Meta(description="sigma of the step (S), coefficients likewise")
    ] = ()
    conductance_s: Annotated[
        tuple[float, ...], quantity("S", "G of mean_s and sigma_s, or of the rows of cdf; rising")
    ] = ()
    mean_s: Annotated[tuple[float, ...], quantity("S", "mean step at conductance_s")] = ()
    sigma_s: Annotated[tuple[float, ...], quantity("S", "sigma of the step at conductance_s")] = ()
    shape: Annotated[
        tuple[tuple[float, ...], ...],
        Meta(
            description="quantiles of (dG - mean_s) / sigma_s at equally spaced probabilities "
            "from 0 to 1, a row for each G; normal if left out"
        ),
    ] = ()
    shape_conductance_s: Annotated[
        tuple[float, ...], quantity("S", "rows of shape: G, rising; conductance_s if left out")
    ] = ()
    step_s: Annotated[tuple[float, ...], quantity("S", "columns of cdf: dG, rising")] = ()
    cdf: Annotated[
        tuple[tuple[float, ...], ...],
        Meta(description="probability of a step up to dG, a row for each G"),
    ] = ()

    def __post_init__(self) -> None:
        given = {name for name in self.__struct_fields__[1:] if getattr(self, name)}
        if given not in _FORMS:
            raise ConfigError(
                f"{self._named} must have either mean and sigma, or conductance_s, step_s and "
                "cdf, or conductance_s, mean_s and sigma_s, with a shape or without"
            )
        if not np.isfinite([self.voltage_v, *self.mean, *self.sigma]).all():
            raise ConfigError(f"{self._named} holds a NaN or infinite number")
        if self.cdf:
            self._check_grid()
        if self.mean_s:
            self._check_curves()
        if self.shape:
            self._check_shape()

    @property
    def shape_rows_s(self) -> tuple[float, ...]:
        """Conductances of the rows of shape (S); empty where there is none."""
        return (self.shape_conductance_s or self.conductance_s) if self.shape else ()

    def laid_out(self) -> tuple[int, int, int, int, tuple[Any, ...]]:
        """Give the form, three lengths and the lists of numbers, as `Lists` has them."""
        rows = len(self.conductance_s)
        if self.cdf:
            lists = (self.conductance_s, self.step_s, self.cdf)
            return GRID, rows, 0, len(self.step_s), lists
        axis_s = self.shape_rows_s
        columns = len(self.shape[0]) if self.shape else 0
        curves = (self.conductance_s, self.mean_s, self.sigma_s, axis_s, self.shape)
        return CURVES if self.mean_s else 0, rows, len(axis_s), columns, curves

    @property
    def _named(self) -> str:
        return f"the table for {self.voltage_v} V"

    def _check_axis(self, name: str) -> None:
        axis = np.array(getattr(self, name))
        if len(axis) < 2 or not np.isfinite(axis).all() or not (np.diff(axis) > 0).all():
            raise ConfigError(f"{self._named}: {name} must be two or more rising numbers")

    def _check_rows(self, name: str, rows: int, columns: int, like: str) -> None:
        table = getattr(self, name)
        if len(table) != rows or {len(row) for row in table} != {columns}:
            raise ConfigError(
                f"{self._named}: {name} must have {rows} rows of {columns} numbers, as many as "
                f"{like}"
            )

    def _check_grid(self) -> None:
        self._check_axis("conductance_s")
        self._check_axis("step_s")
        rows, columns = len(self.conductance_s), len(self.step_s)
        self._check_rows("cdf", rows, columns, "conductance_s and step_s")
        cdf = np.array(self.cdf)
        wrong = ~((cdf >= 0) & (cdf <= 1)).all(axis=1) | ~(np.diff(cdf) >= 0).all(axis=1)
        if wrong.any():
            raise ConfigError(
                f"{self._named}: row {int(wrong.argmax()) + 1} of cdf holds no probabilities; "
                "they must rise within 0 to 1"
            )

    def _check_curves(self) -> None:
        self._check_axis("conductance_s")
        if not len(self.conductance_s) == len(self.mean_s) == len(self.sigma_s):
            raise ConfigError(
                f"{self._named}: conductance_s, mean_s and sigma_s have {len(self.conductance_s)},"
                f" {len(self.mean_s)} and {len(self.sigma_s)} numbers; they must have as many"
            )
        if not np.isfinite([self.mean_s, self.sigma_s]).all():
            raise ConfigError(f"{self._named}: mean_s or sigma_s holds a NaN or infinite number")
        if min(self.sigma_s) < 0:
            raise ConfigError(
                f"{self._named}: sigma_s goes down to {min(self.sigma_s):g} S; it must not be "
                "negative"
            )

    def _check_shape(self) -> None:
        name = "shape_conductance_s" if self.shape_conductance_s else "conductance_s"
        self._check_axis(name)
        columns = max(len(self.shape[0]), 2)
        self._check_rows("shape", len(self.shape_rows_s), columns, f"{name} and its first row")
        shape = np.array(self.shape)
        wrong = ~np.isfinite(shape).all(axis=1) | ~(np.diff(shape) >= 0).all(axis=1)
        if wrong.any():
            raise ConfigError(
                f"{self._named}: row {int(wrong.argmax()) + 1} of shape holds no quantiles; they "
                "must be finite and rise"
            )


_CURVES = {"conductance_s", "mean_s", "sigma_s"}
_FORMS = (
    {"mean", "sigma"},
    {"conductance_s", "step_s", "cdf"},
    _CURVES,
    _CURVES | {"shape"},
    _CURVES | {"shape", "shape_conductance_s"},
)
"""What a table may have beside its voltage."""


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

    def _lists(self) -> Lists:
        return self._listed

    @cached_property
    def _listed(self) -> Lists:
        layout = np.zeros((len(self.tables), 5), np.int64)
        numbers = [np.zeros(0)]
        for row, table in zip(layout, self.tables, strict=True):
            first = sum(map(len, numbers))
            form, *lengths, lists = table.laid_out()
            row[:] = form, first, *lengths
            numbers += [np.array(one, float).ravel() for one in lists]
        return Lists(layout, np.concatenate(numbers))


def _padded(rows: list[tuple[float, ...]]) -> Floats:
    table = np.zeros((len(rows), max(len(row) for row in rows)))
    for k, row in enumerate(rows):
        table[k, : len(row)] = row
    return table
