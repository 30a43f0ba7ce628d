"""Jump tables: a pulse moves the conductance by a normal random step that depends on it.

The model of Yousuf et al., "Device Modeling Bias in ReRAM-Based Neural Network Simulations",
IEEE JETCAS 13(1) 382-394 (2023), section II.A: for each pulse amplitude the step dG is
N(mu(G), sigma(G)), and G is clipped to its bounds (eq. 3). It is an event model: it knows what
pulses of one width and of the tabled amplitudes do, and nothing about any other waveform.

Not modelled: the time between pulses (no relaxation), currents that are not ohmic, widths other
than the tabled one. Read noise is already in sigma, which came from measured steps.
"""

from functools import cached_property
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError, NotSupported
from hil.simulators.models.jump_table_kernel import EDGE, WIDTH, find_unknown, play
from hil.simulators.models.model import Drive, Floats, Model, State, Terminal
from hil.units import quantity


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mean and sigma of the step for one amplitude, as polynomials in G, lowest order first."""

    voltage_v: Annotated[float, quantity("V", "amplitude at the cell")]
    mean: Annotated[
        tuple[float, ...],
        Meta(min_length=1, description="mean step (S): coefficients of G^0, G^1 ..."),
    ]
    sigma: Annotated[
        tuple[float, ...],
        Meta(min_length=1, description="sigma of the step (S), coefficients likewise"),
    ]


class JumpTable(Model, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """A device known by its jump tables."""

    tables: Annotated[tuple[Table, ...], Meta(min_length=1, description="one table an amplitude")]
    low_s: Annotated[float, quantity("S", "lower bound of the conductance", gt=0)]
    high_s: Annotated[float, quantity("S", "upper bound of the conductance", gt=0)]
    pulse_high_s: Annotated[float, quantity("s", "flat top of the tabled pulses", gt=0)]
    sigma_floor_s: Annotated[float, quantity("S", "least sigma of a step", ge=0)] = 0.0
    initial_conductance_s: (
        Annotated[float, quantity("S", "conductance of a fresh cell; drawn uniformly if left out")]
        | None
    ) = None
    quiet_v: Annotated[float, quantity("V", "voltages up to this move nothing", ge=0)] = 0.5
    amplitude_tolerance: Annotated[
        float, Meta(gt=0, lt=0.5, description="relative, of a plateau to a tabled amplitude")
    ] = 0.01
    width_tolerance: Annotated[
        float, Meta(gt=0, lt=0.5, description="relative, of a plateau to pulse_high_s")
    ] = 0.05
    longest_edge_s: Annotated[
        float, quantity("s", "longest edge beyond quiet_v that still belongs to a pulse", gt=0)
    ] = 200e-9

    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("conductance_s", np.float64),
        ("plateau_v", np.float64),
        ("plateau_s", np.float64),
        ("draws", np.int64),
    )
    set_polarity: ClassVar[int] = 1
    memory: ClassVar[str] = "conductance_s"

    def __post_init__(self) -> None:
        if not 0 < self.low_s < self.high_s < np.inf:
            raise ConfigError(f"low_s {self.low_s} S must be below high_s {self.high_s} S")
        start_s = self.initial_conductance_s
        if start_s is not None and not self.low_s <= start_s <= self.high_s:
            raise ConfigError(
                f"initial_conductance_s {start_s} S is outside {self.low_s} to {self.high_s} S"
            )
        for table in self.tables:
            if not np.isfinite([table.voltage_v, *table.mean, *table.sigma]).all():
                raise ConfigError(
                    f"the table for {table.voltage_v} V holds a NaN or infinite number"
                )
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

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Ohm's law."""
        return np.asarray(state["conductance_s"] * np.asarray(voltage_v, float))

    def refuse(self, drive: Drive) -> None:
        """Raise NotSupported for a waveform with anything but tabled pulses beyond quiet_v."""
        code, voltage_v, time_s = find_unknown(
            drive.duration_s, drive.start_v, drive.stop_v, drive.units,
            *self._matching,
        )  # fmt: skip
        if code:
            raise self._unknown(code, voltage_v, time_s)

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive; raises NotSupported where a pulse arrives too small."""
        code, voltage_v, time_s = play(
            state["conductance_s"], state["plateau_v"], state["plateau_s"], state["key"],
            state["draws"], cells, drive.duration_s, drive.start_v, drive.stop_v, drive.measured,
            drive.units, drive.source_ohm, drive.limit_a,
            *self._matching, *self._profiles, *terminal,
        )  # fmt: skip
        if code:
            raise self._unknown(code, voltage_v, time_s)

    @property
    def amplitudes_v(self) -> Floats:
        """The tabled amplitudes (V)."""
        return np.array([table.voltage_v for table in self.tables])

    @cached_property
    def _matching(self) -> tuple[Floats, float, float, float, float, float]:
        return (
            self.amplitudes_v, self.pulse_high_s, self.quiet_v,
            self.amplitude_tolerance, self.width_tolerance, self.longest_edge_s,
        )  # fmt: skip

    @cached_property
    def _profiles(self) -> tuple[Floats, Floats, float, float, float]:
        mean = _padded([table.mean for table in self.tables])
        sigma = _padded([table.sigma for table in self.tables])
        return mean, sigma, self.sigma_floor_s, self.low_s, self.high_s

    def _unknown(self, code: int, voltage_v: float, time_s: float) -> NotSupported:
        has = ", ".join(f"{v:+.4g}" for v in sorted(self.amplitudes_v))
        if code == EDGE:
            return NotSupported(
                f"the jump tables know no slope of {time_s:.4g} s at {voltage_v:.4g} V; edges "
                f"beyond {self.quiet_v:.4g} V may take {self.longest_edge_s:.4g} s"
            )
        if code == WIDTH:
            return NotSupported(
                f"the jump tables know pulses of {self.pulse_high_s:.4g} s, not the "
                f"{time_s:.4g} s at {voltage_v:+.4g} V"
            )
        return NotSupported(
            f"there is no jump table for {voltage_v:+.6g} V at the cell; "
            f"there are tables for {has} V"
        )


def _padded(rows: list[tuple[float, ...]]) -> Floats:
    table = np.zeros((len(rows), max(len(row) for row in rows)))
    for k, row in enumerate(rows):
        table[k, : len(row)] = row
    return table
