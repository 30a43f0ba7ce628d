"""What a bench will never do to a cell, what a program would cost it, what it has had so far."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.errors import ConfigError, LimitExceeded
from hil.limits_kernel import book, disturb, tally
from hil.program import Phase, Program
from hil.units import quantity

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]


class PhaseLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of one phase, on the open-circuit voltage and the current of the source."""

    positive_v: Annotated[float, quantity("V", "highest positive voltage", ge=0)]
    negative_v: Annotated[float, quantity("V", "lowest negative voltage", le=0)]
    current_a: Annotated[float, quantity("A", "largest current", gt=0)]
    width_s: (
        Annotated[float, quantity("s", "longest time in one go beyond the read limits")] | None
    ) = None
    gate_v: Annotated[float, quantity("V", "largest gate voltage, either sign", ge=0)] | None = (
        None
    )

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is not None and not np.isfinite(value):
                raise ConfigError(f"limit {name} is {value}; a limit is a finite number")
        if self.width_s is not None and self.width_s <= 0:
            raise ConfigError(
                f"limit width_s is {self.width_s} s; it must be positive or left out"
            )


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much stress one cell may have in its life; None is no budget."""

    pulses: Annotated[int, Meta(ge=0, description="pulses beyond the read limits")] | None = None
    energy_j: Annotated[float, quantity("J", "worst-case energy", ge=0)] | None = None
    disturbs: (
        Annotated[int, Meta(ge=0, description="pulses of others on its lines, likewise")] | None
    ) = None


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits per phase and the budget of each cell; forming is shut where it is not given."""

    read: PhaseLimits
    switching: PhaseLimits
    forming: PhaseLimits | None = None
    budget: Budget = Budget()

    def __post_init__(self) -> None:
        if self.read.width_s is not None:
            raise ConfigError(
                "limits.read takes no width_s: it is the longest time beyond the read limits"
            )
        if self.read.positive_v > self.switching.positive_v:
            raise ConfigError(
                "limits.read.positive_v is above limits.switching.positive_v; lower the one or "
                "raise the other"
            )
        if self.read.negative_v < self.switching.negative_v:
            raise ConfigError(
                "limits.read.negative_v is below limits.switching.negative_v; raise the one or "
                "lower the other"
            )

    def of(self, phase: Phase) -> PhaseLimits:
        """Return the limits of a phase; raises LimitExceeded for forming where it is shut."""
        if phase is Phase.FORMING and self.forming is None:
            raise LimitExceeded(
                "forming has no limits on this bench; state [limits.forming] in the bench file"
            )
        return (self.read, self.switching, self.forming)[phase]  # type: ignore[return-value]


STRESS = np.dtype(
    [
        ("pulses", np.int64),
        ("bias_vs", np.float64),
        ("bias_s", np.float64),
        ("energy_j", np.float64),
        ("highest_v", np.float64),
        ("lowest_v", np.float64),
        ("disturbs", np.int64),
    ]
)
"""Stress of a cell: pulses beyond the read limits, integral of |V| over time (V s), time away from
0 V (s), largest energy the waveform could have delivered (J), both extremes (V), and pulses of
other cells of an array of which so much reached this one that it was beyond the read limits."""


class Disturb(NamedTuple):
    """What a program for one cell of an array does at most to the others, by where they lie.

    Attributes
    ----------
    array_columns : int
        How many cells a row of the array has.
    on_row, on_column, elsewhere : (columns,) STRESS
        Of each other cell on the selected row, on the selected column, and on neither.
    """

    array_columns: int
    on_row: NDArray[Any]
    on_column: NDArray[Any]
    elsewhere: NDArray[Any]


class Cost(msgspec.Struct, frozen=True):
    """What a program takes at worst, as `Bench.check` finds it.

    Attributes
    ----------
    duration_s : float
        Time on this bench, all its cells together (s).
    current_limit_a : float
        Current limit that will be set (A), inf where the bench sets none.
    current_a : float
        Largest current into a cell (A): the limit, or the voltage over the resistance in series.
    stress : (columns,) STRESS
        What the ledger books for each cell.
    notes : tuple of str
        What the bench will not do as the program says, for people.
    disturb : Disturb or None
        What it books for the other cells of an array.
    """

    duration_s: float
    current_limit_a: float
    current_a: float
    stress: NDArray[Any]
    notes: tuple[str, ...] = ()
    disturb: Disturb | None = None

    @property
    def positive_v(self) -> float:
        """Highest open-circuit voltage (V)."""
        return float(self.stress["highest_v"].max())

    @property
    def negative_v(self) -> float:
        """Lowest open-circuit voltage (V)."""
        return float(self.stress["lowest_v"].min())


class Ledger:
    """The stress that each cell of a sample has had: from earlier runs and from this one."""

    def __init__(self, cells: int, earlier: NDArray[Any] | None = None) -> None:
        self.earlier = np.zeros(cells, STRESS) if earlier is None else earlier
        self.own = np.zeros(cells, STRESS)
        self.journal: Callable[[NDArray[Any]], None] | None = None
        """Told the own stress after each booking, before anything is sent: what a real sample has
        had must be on disk even if nobody lives to say so."""

    def book(
        self, cells: NDArray[np.int64], stress: NDArray[Any], others: Disturb | None = None
    ) -> None:
        """Add the stress of one program to *cells*, and what others on their lines had of it."""
        _book(self.own, cells, stress, others)
        if self.journal is not None:
            self.journal(self.own)

    def total(self) -> NDArray[Any]:
        """Return the stress of every cell in its life, (cells,) STRESS."""
        return self._total(np.arange(len(self.own)))

    def _total(self, cells: NDArray[np.int64]) -> NDArray[Any]:
        total = self.earlier[cells]
        book(total, np.arange(len(total)), self.own[cells])
        return total

    def refuse_beyond(
        self,
        budget: Budget,
        cells: NDArray[np.int64],
        stress: NDArray[Any],
        others: Disturb | None = None,
    ) -> None:
        """Raise LimitExceeded where a program would take a cell beyond its budget."""
        if budget == _NO_BUDGET:
            return
        if others is None:
            after = self._total(cells)
            book(after, np.arange(len(after)), stress)
        else:
            before = self.total()
            after = before.copy()
            _book(after, cells, stress, others)
            concerned = after != before
            concerned[cells] = True
            cells = np.flatnonzero(concerned)
            after = after[cells]
        for name in budget.__struct_fields__:
            most, spent = getattr(budget, name), after[name]
            worst = int(spent.argmax())
            if most is not None and spent[worst] > most:
                raise LimitExceeded(
                    f"cell {cells[worst]} would have had {spent[worst]:.4g} of its budget of "
                    f"{most:.4g} {name}; raise limits.budget.{name} or take another cell"
                )


_NO_BUDGET = Budget()


def _book(
    total: NDArray[Any], cells: NDArray[np.int64], stress: NDArray[Any], others: Disturb | None
) -> None:
    book(total, cells, stress)
    if others is not None:
        disturb(total, cells, *others)


class Waveform(NamedTuple):
    """What a program's waveform is like.

    Attributes
    ----------
    stress : (columns,) STRESS
        Of one cell of each column; its energy is still the integral of |V| (V s), to be
        multiplied by the largest current.
    largest_v : dict
        Largest |V| of each phase that occurs (V).
    """

    stress: NDArray[Any]
    largest_v: dict[Phase, float]


def check_limits(program: Program, limits: Limits) -> Waveform:
    """Compare a program with the voltage, width and gate limits; measure its stress.

    Parameters
    ----------
    program : Program
        What is to be played.
    limits : Limits
        The bench's.

    Raises
    ------
    ConfigError
        For arrays that are no program.
    LimitExceeded
        Naming the limit, the value asked for and the value allowed.
    """
    program.refuse_malformed()
    duration_s, start_v, stop_v = program.duration_s, program.start_v, program.stop_v
    read = limits.read
    stress = np.zeros(program.columns, STRESS)
    extremes = np.zeros((3, 2))
    longest_s = np.zeros(3)
    gap_v = tally(
        duration_s, start_v, stop_v, program.phase, program.units,
        read.negative_v, read.positive_v, stress, extremes, longest_s,
    )  # fmt: skip
    if gap_v == np.inf:
        raise ConfigError(
            "a program's voltages are finite numbers and its segments last longer than 0 s"
        )
    if gap_v > 0:
        raise LimitExceeded(
            f"the program steps by {gap_v:.4g} V in no time; begin and end at 0 V and join "
            "segments by edges"
        )
    for phase in program.phases:
        _compare(
            phase, limits.of(phase), extremes[phase], longest_s[phase], program.demands.gate_v
        )
    return Waveform(
        stress, {phase: float(np.abs(extremes[phase]).max()) for phase in program.phases}
    )


def _compare(
    phase: Phase, limits: PhaseLimits, extremes: Floats, longest_s: float, gate_v: float | None
) -> None:
    name = phase.name.lower()
    low_v, high_v = extremes.tolist()
    if high_v > limits.positive_v:
        raise _exceeded(name, "positive_v", high_v, limits.positive_v, "V")
    if low_v < limits.negative_v:
        raise _exceeded(name, "negative_v", low_v, limits.negative_v, "V")
    if limits.width_s is not None and longest_s > limits.width_s * (1 + 1e-9):
        raise _exceeded(name, "width_s", longest_s, limits.width_s, "s")
    if gate_v is not None and (limits.gate_v is None or abs(gate_v) > limits.gate_v):
        raise _exceeded(name, "gate_v", gate_v, limits.gate_v or 0.0, "V")


def _exceeded(phase: str, name: str, asked: float, allowed: float, unit: str) -> LimitExceeded:
    return LimitExceeded(
        f"the program asks for {asked:.6g} {unit} where limits.{phase}.{name} allows "
        f"{allowed:.6g} {unit}; nothing was sent"
    )
