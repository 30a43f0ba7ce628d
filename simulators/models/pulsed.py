"""What event models share: they know pulses of one width and some amplitudes, and nothing else."""

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from hil.errors import NotSupported
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.jump_table_kernel import (
    AMPLITUDE,
    EDGE,
    WIDTH,
    Lists,
    find_unknown,
    play,
)
from hil.simulators.models.model import Model, State
from hil.units import quantity


class Profiles(NamedTuple):
    """What one pulse of each amplitude does.

    Attributes
    ----------
    mean, sigma : (1 or cells, amplitudes, terms) float64
        Mean and sigma of the step (S) as polynomials in G, lowest order first.
    sigma_floor_s, low_s, high_s : float
        Least sigma, and the bounds of the conductance.
    """

    mean: Floats
    sigma: Floats
    sigma_floor_s: float
    low_s: float
    high_s: float


class Pulsed(Model, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A conductance that makes a random step at each pulse; between steps it is a resistor."""

    pulse_high_s: Annotated[float, quantity("s", "flat top of the pulses it knows", gt=0)]
    quiet_v: Annotated[float, quantity("V", "voltages up to this move nothing", ge=0)] = 0.5
    amplitude_tolerance: Annotated[
        float, Meta(gt=0, lt=0.5, description="relative, of a plateau to a known amplitude")
    ] = 0.01
    width_tolerance: Annotated[
        float, Meta(gt=0, lt=0.5, description="relative, of a plateau to pulse_high_s")
    ] = 0.05
    longest_edge_s: Annotated[
        float, quantity("s", "longest edge beyond quiet_v that still belongs to a pulse", gt=0)
    ] = 200e-9

    needed_columns: ClassVar[tuple[str, ...]] = ("draws", "plateau_v", "plateau_s")
    own_columns: ClassVar[tuple[tuple[str, Any], ...]] = (
        ("conductance_s", np.float64),
        ("plateau_v", np.float64),
        ("plateau_s", np.float64),
        ("draws", np.int64),
    )
    set_polarity: ClassVar[int] = 1
    memory: ClassVar[str] = "conductance_s"
    stream: ClassVar[np.uint64]
    """Stream of `hil.draws` for the steps."""
    knows: ClassVar[str]
    """What knows a pulse, as an error says it, in the singular."""

    @property
    @abstractmethod
    def amplitudes_v(self) -> Floats:
        """The amplitudes that it knows (V)."""

    @abstractmethod
    def _profiles(self, state: State, cells: NDArray[np.int64]) -> Profiles:
        """Give what the pulses do to these cells."""

    def _lists(self) -> Lists:
        """Give the tables that are no polynomials; here there are none."""
        return NO_LISTS

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Ohm's law."""
        return np.asarray(state["conductance_s"] * np.asarray(voltage_v, float))

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Ohm's law and the conductance."""
        return self.current_a(state, voltage_v), state["conductance_s"].copy()

    def refuse(self, drive: Drive) -> None:
        """Raise NotSupported for a waveform with anything but known pulses beyond quiet_v.

        Behind a source resistance or a limit, also for pulses that arrive too small at any cell.
        """
        code, voltage_v, time_s = find_unknown(
            drive.duration_s, drive.start_v, drive.stop_v, drive.units,
            *self._matching,
        )  # fmt: skip
        if code:
            raise self._unknown(code, voltage_v, time_s)
        self._refuse_lost(drive)

    def _refuse_lost(self, drive: Drive) -> None:
        """Raise for a pulse that arrives too small even at the cell that draws least current."""
        if drive.source_ohm == 0 and drive.limit_a == np.inf:
            return
        lowest_s = float(self.memory_range(np.zeros(1, self.state_dtype))[0][0])
        flat = (drive.start_v == drive.stop_v) & (np.abs(drive.start_v) > self.quiet_v)
        for source_v in np.unique(drive.start_v[flat]):
            most_a = lowest_s * abs(source_v) / (1.0 + drive.source_ohm * lowest_s)
            cell_v = np.copysign(min(most_a, drive.limit_a) / lowest_s, source_v)
            off = np.abs(cell_v / self.amplitudes_v - 1.0)
            if off.min() > self.amplitude_tolerance * (1.0 + 1e-9):
                raise self._unknown(AMPLITUDE, float(cell_v), 0.0)

    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive; raises NotSupported where a pulse arrives too small."""
        code, voltage_v, time_s = play(
            state["conductance_s"], state["plateau_v"], state["plateau_s"], state["key"],
            state["draws"], cells, drive.duration_s, drive.start_v, drive.stop_v, drive.measured,
            drive.units, float(drive.source_ohm), float(drive.limit_a),
            *self._matching, self.stream, *self._lists(), *self._profiles(state, cells),
            *terminal,
        )  # fmt: skip
        if code:
            raise self._unknown(code, voltage_v, time_s)

    @property
    def _matching(self) -> tuple[Floats, float, float, float, float, float]:
        return (
            self.amplitudes_v, float(self.pulse_high_s), float(self.quiet_v),
            self.amplitude_tolerance, self.width_tolerance, float(self.longest_edge_s),
        )  # fmt: skip

    def _unknown(self, code: int, voltage_v: float, time_s: float) -> NotSupported:
        has = ", ".join(f"{v:+.4g}" for v in sorted(self.amplitudes_v))
        if code == EDGE:
            return NotSupported(
                f"the {self.knows}s know no slope of {time_s:.4g} s at {voltage_v:.4g} V; edges "
                f"beyond {self.quiet_v:.4g} V may take {self.longest_edge_s:.4g} s"
            )
        if code == WIDTH:
            return NotSupported(
                f"the {self.knows}s know pulses of {self.pulse_high_s:.4g} s, not the "
                f"{time_s:.4g} s at {voltage_v:+.4g} V"
            )
        return NotSupported(
            f"there is no {self.knows} for {voltage_v:+.6g} V at the cell; "
            f"there are {self.knows}s for {has} V"
        )


NO_LISTS = Lists(np.zeros((0, 5), np.int64), np.zeros(0))
