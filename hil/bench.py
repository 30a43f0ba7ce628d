"""The bench: what a protocol talks to, be it simulated, virtual or real.

A bench has cells, means to drive and read them, limits and a clock. What every bench does alike
stands here: comparing a program with limits and abilities, booking stress, leaving safe. What a
kind of bench does in its own way are the five methods with an underscore that it must write.
"""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.capabilities import Capabilities
from hil.cells import Cells, Indices, Sample
from hil.clock import Clock
from hil.errors import ConfigError, LimitExceeded, NotSupported
from hil.guard import SafeMessages
from hil.limits import Cost, Disturb, Ledger, Limits, check_limits
from hil.program import Phase, Program, vectors
from hil.readings import Products, Readings
from hil.schemes import Biasing

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]

Kind = Literal["physics", "virtual", "hardware"]


class Prepared(NamedTuple):
    """What a bench makes of a program before it is played.

    Attributes
    ----------
    payload : Any
        What `Bench._apply` is given.
    duration_s : float
        How long it takes on this bench, all cells together (s).
    notes : tuple of str
        What is not as the program says, for people: timing kept by the computer, currents that
        the range will not hold.
    """

    payload: Any
    duration_s: float
    notes: tuple[str, ...] = ()


class Assurance(NamedTuple):
    """How far one promise of a bench goes.

    Attributes
    ----------
    what : str
        The promise: voltage limits, compliance, timing.
    how : str
        "enforced" before a byte is sent, "verified" with the instrument, or only "assumed".
    text : str
        By whom and how far.
    """

    what: str
    how: Literal["enforced", "verified", "assumed"]
    text: str


class _Checked(NamedTuple):
    """A program that passed, its cost, and what the bench made of it."""

    program: Program
    cost: Cost
    payload: Any


def _make_energy(stress: NDArray[Any], current_a: float) -> None:
    """Make the integral of |V| that `check_limits` gives an energy at the largest current."""
    biased = stress["energy_j"] > 0
    stress["energy_j"][biased] *= current_a


REMEMBERED = 256
"""How many programs a bench remembers as checked."""


class Bench(ABC):
    """Base of every bench.

    A kind of bench must write `_open`, `_prepare`, `_apply`, `_make_safe` and `_close`; one with
    instruments `safe_messages`, `assurances` and `identity` too, one that sets `can_snapshot`
    `_snapshot` and `_restore`. Use it as a context manager: on every way out it goes to 0 V, then
    off, then closes.

    Attributes
    ----------
    name, kind : str
        What the bench is called, and whether it is physics, virtual or hardware.
    can_snapshot : bool
        Whether the state of the cells can be kept and brought back (physics only).
    cells, capabilities, limits, clock, sample, ledger :
        What it has, can do, will not do, its time, what is under the probes and its stress.
    source_ohm : float
        Resistance between source and cell (ohm).
    sets_at : int
        Sign of the voltage that SETs the device under the probes.
    forming_open : bool
        Whether forming is open where there are limits for it.
    touched : bool
        Whether an instrument of the bench has been reached since it was made.
    biasing : Biasing or None
        How the other lines of an array are biased; None where cells have lines of their own.
    on_preset : callable or None
        Told in words of each `preset`, for the record of a run.
    """

    kind: Kind = "physics"
    can_snapshot: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        *,
        cells: Cells,
        capabilities: Capabilities,
        limits: Limits,
        clock: Clock,
        sample: Sample,
        source_ohm: float = 0.0,
        sets_at: int = 1,
        biasing: Biasing | None = None,
    ) -> None:
        self.name = name
        self.cells = cells
        self.capabilities = capabilities
        self._limits = limits
        self.clock = clock
        self.sample = sample
        self.source_ohm = source_ohm
        self.sets_at = sets_at
        self.ledger = Ledger(len(cells))
        self.forming_open = True
        self.touched = False
        self.biasing = biasing
        self.on_preset: Callable[[str], None] | None = None
        self._checked: dict[tuple[int, bytes], _Checked] = {}
        self._is_open = False

    @property
    def limits(self) -> Limits:
        """What the bench will never do to a cell."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = limits
        self._checked.clear()

    def open(self) -> None:
        """Connect, and bring everything to 0 V with the outputs as `_open` needs them.

        If that fails half way, what is open already is made safe and closed.
        """
        if self._is_open:
            return
        self._is_open = self.touched = True
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Make safe, then disconnect; may be called twice and on a bench that failed to open."""
        if self._is_open:
            try:
                self._make_safe()
            finally:
                self._is_open = False
                self._close()

    def make_safe(self) -> None:
        """Bring every source to 0 V, then off."""
        if self._is_open:
            self._make_safe()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def check(self, program: Program, cells: Indices | None = None) -> Cost:
        """Tell what a program would cost at worst, without sending anything.

        Parameters
        ----------
        program : Program
            One column for all cells, or as many as *cells*.
        cells : (cells,) int64, optional
            Which cells; all of them by default.

        Raises
        ------
        LimitExceeded
            The program, or the stress that the cells have had, is beyond a limit.
        NotSupported
            This bench cannot do what the program asks for.
        """
        return self._check(program, self._resolved(cells)).cost

    def apply(self, program: Program, cells: Indices | None = None) -> Readings:
        """Play a program once on each of *cells* and return what was measured.

        The stress is booked before anything is sent, and stays booked whatever happens then.

        Raises
        ------
        LimitExceeded, NotSupported
            As `check` does; nothing was sent.
        """
        self._refuse_closed()
        cells = self._resolved(cells)
        checked = self._check(program, cells)
        self.ledger.book(cells, checked.cost.stress, checked.cost.disturb)
        return self._apply(program, cells, checked.payload)

    def multiply(
        self, voltage_v: ArrayLike, *, dwell_s: float, edge_s: float = 100e-9
    ) -> Products:
        """Put vectors on the rows of an array and measure the currents of its columns.

        Every cell's stress is booked before anything is sent, as `apply` does.

        Parameters
        ----------
        voltage_v : (rows,) or (inputs, rows)
            Voltages of the rows, within the read limits (V); all columns are at 0 V.
        dwell_s, edge_s : float
            Flat top of each vector, measured at its end, and each edge (s).

        Raises
        ------
        ConfigError
            For vectors of another length than the array has rows.
        LimitExceeded
            For a voltage beyond the read limits, or a budget.
        NotSupported
            Where rows cannot be driven at once, or not at voltages like these.
        """
        self._refuse_closed()
        if not self.capabilities.multiplies:
            raise NotSupported(
                f"bench {self.name} cannot put a vector on all rows at once; read its cells one "
                "by one, or take a bench that can"
            )
        rows, columns = self.cells.rows, self.cells.columns
        try:
            volts = np.atleast_2d(np.asarray(voltage_v, float))
        except (TypeError, ValueError) as error:
            raise ConfigError("a vector holds what is no number; give voltages in V") from error
        if volts.ndim != 2 or volts.shape[1] != rows or not len(volts):
            raise ConfigError(
                f"vectors for bench {self.name} have {rows} voltages each, one a row; these are "
                f"of shape {np.shape(voltage_v)}"
            )
        program = vectors(volts, dwell_s=dwell_s, edge_s=edge_s)
        stress = self._stress_of_vectors(program).repeat(columns)
        self._refuse_vectors(program)
        self.ledger.refuse_beyond(self.limits.budget, self.cells.indices, stress)
        self.ledger.book(self.cells.indices, stress)
        return self._multiply(program)

    def preset(
        self, conductance_s: ArrayLike, cells: Indices | None = None, *, read_v: float = 0.1
    ) -> None:
        """Put simulated cells at conductances as if they had been programmed; nothing is booked.

        What each cell cannot reach ends at the bound nearest to it. The run's record says so.

        Parameters
        ----------
        conductance_s : float, (cells,), or (rows, columns) for all cells
            I/V at *read_v* (S).
        cells : (cells,) int64, optional
            Which cells; all of them by default.
        read_v : float
            Voltage at which the conductance holds (V), not 0.

        Raises
        ------
        ConfigError
            For conductances that are no numbers, negative or of another shape, or a voltage of 0.
        NotSupported
            On instruments: real cells need pulses.
        """
        if not self.capabilities.presets:
            raise NotSupported(
                f"bench {self.name} cannot preset cells; program them with pulses, or take a "
                "physics bench"
            )
        cells = self._resolved(cells)
        wanted_s = self._wanted(conductance_s, len(cells))
        self._preset(wanted_s, cells, read_v)
        if self.on_preset is not None:
            self.on_preset(
                f"{len(cells)} cells put at {wanted_s.min():.4g} to {wanted_s.max():.4g} S at "
                f"{read_v:g} V without a pulse"
            )

    def _wanted(self, conductance_s: ArrayLike, count: int) -> Floats:
        """Give a conductance for each of so many cells (S)."""
        try:
            given = np.asarray(conductance_s, float)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                "a preset holds what is no number; give conductances in S"
            ) from error
        if given.shape == (self.cells.rows, self.cells.columns) and given.size == count:
            given = given.reshape(-1)
        if given.shape not in ((), (1,), (count,)):
            raise ConfigError(
                f"a preset of {count} cells is one conductance, one for each cell, or all of them "
                f"as (rows, columns); this one is of shape {given.shape}"
            )
        if not (given >= 0).all():
            raise ConfigError("a preset has a conductance below 0 or none at all; give S >= 0")
        return np.broadcast_to(given, count)

    def round_time(self, duration_s: float) -> float:
        """Round a duration to what the bench resolves (s); `apply` never rounds by itself."""
        step_s = self.capabilities.time_step_s
        return duration_s if step_s == 0 else max(1, round(duration_s / step_s)) * step_s

    def safe_messages(self) -> tuple[SafeMessages, ...]:
        """Tell what the guard sends to each instrument when the owner of the bench is gone."""
        return ()

    def assurances(self) -> tuple[Assurance, ...]:
        """Tell how far each promise goes; `hil check` shows it."""
        return (Assurance("voltage limits", "enforced", "compared before anything is played"),)

    def identity(self) -> str:
        """Tell what the instruments of an open bench say they are; empty for a simulated one."""
        return ""

    def snapshot(self) -> bytes:
        """Return everything that a physics bench needs to go on as if never stopped."""
        return self._snapshot()

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot of the same bench."""
        self._restore(snapshot)

    @abstractmethod
    def _open(self) -> None:
        """Connect to the instruments; sources at 0 V."""

    @abstractmethod
    def _prepare(self, program: Program, cells: Indices, current_limit_a: float) -> Prepared:
        """Turn a program into what this bench plays on these cells; pure.

        Raises NotSupported for what this bench or its device has no answer to. The current limit
        is what the limits and the program allow (A): to be set where the bench regulates, to
        choose a measuring range by where it only watches.
        """

    @abstractmethod
    def _apply(self, program: Program, cells: Indices, payload: Any) -> Readings:
        """Play a program that has been checked, prepared and booked."""

    @abstractmethod
    def _make_safe(self) -> None:
        """0 V first, then off; also on a bench that `_open` left half open."""

    @abstractmethod
    def _close(self) -> None:
        """Disconnect what is connected."""

    def _snapshot(self) -> bytes:
        raise NotSupported(f"bench {self.name} cannot keep the state of its cells")

    def _restore(self, snapshot: bytes) -> None:
        raise NotSupported(f"bench {self.name} cannot bring back a state of its cells")

    def _stress_of_vectors(self, program: Program) -> NDArray[Any]:
        """Tell what each cell of each row has of vectors, (rows,) STRESS; pure.

        No source regulates a current while all rows are driven.
        """
        stress, largest_v = check_limits(self._vectors_as_played(program), self.limits)
        _make_energy(stress, self._largest_current_a(program, largest_v, np.inf))
        return stress

    def _vectors_as_played(self, program: Program) -> Program:
        """Give what the rows have of vectors that take more than one go; pure."""
        return program

    def _refuse_vectors(self, program: Program) -> None:  # noqa: B027
        """Raise for vectors that the bench cannot put on its rows; pure."""

    def _multiply(self, program: Program) -> Products:
        raise NotSupported(f"bench {self.name} cannot put a vector on all rows at once")

    def _preset(self, conductance_s: Floats, cells: Indices, read_v: float) -> None:
        raise NotSupported(f"bench {self.name} cannot preset cells")

    def _refuse_closed(self) -> None:
        if not self._is_open:
            raise ConfigError(f"bench {self.name} is not open; use it in a with statement")

    def _resolved(self, cells: Indices | None) -> Indices:
        """Return the cells a program is for; raises ConfigError for what is no list of cells."""
        if cells is None:
            return self.cells.indices
        cells = np.asarray(cells)
        if cells.ndim != 1 or not cells.size or cells.dtype.kind not in "iu":
            raise ConfigError("a program is for one or more cells, given as an array of numbers")
        cells = np.ascontiguousarray(cells, np.int64)
        if int(cells.view(np.uint64).max()) >= len(self.cells):  # negative ones are huge
            raise ConfigError(f"bench {self.name} has cells 0 to {len(self.cells) - 1}")
        if cells.size > 1 and np.unique(cells).size < cells.size:
            raise ConfigError("a cell is named twice; each cell gets a program once")
        return cells

    def _check(self, program: Program, cells: Indices) -> "_Checked":
        """Check a program, or remember that it was checked before; the budget is new each time.

        Programs with a column for each cell are made for one occasion and not remembered.
        """
        if program.columns not in (1, len(cells)):
            raise ConfigError(f"a program for {program.columns} cells was given to {len(cells)}")
        key = (id(program), cells.tobytes())
        checked = self._checked.get(key)
        if checked is None or checked.program is not program:
            checked = self._check_anew(program, cells)
            if program.columns == 1:
                if len(self._checked) >= REMEMBERED:
                    self._checked.clear()
                self._checked[key] = checked
        cost = checked.cost
        self.ledger.refuse_beyond(self.limits.budget, cells, cost.stress, cost.disturb)
        return checked

    def _check_anew(self, program: Program, cells: Indices) -> "_Checked":
        """Compare with limits and capabilities: all but the budget."""
        self.capabilities.refuse(program, self.name)
        if Phase.FORMING in program.phases and not self.forming_open:
            raise LimitExceeded(
                "forming is opened for one run at a time on instruments: add --allow forming"
            )
        stress, largest_v = check_limits(program, self.limits)
        limit_a = self._current_limit_a(program)
        current_a = self._largest_current_a(program, largest_v, limit_a)
        disturb = self._disturb(program)
        for each in (stress, *(() if disturb is None else disturb[1:])):
            _make_energy(each, current_a)
        prepared = self._prepare(program, cells, limit_a)
        set_a = limit_a if self.capabilities.limiting(program.demands) == "regulated" else np.inf
        cost = Cost(prepared.duration_s, set_a, current_a, stress, prepared.notes, disturb)
        return _Checked(program, cost, prepared.payload)

    def _disturb(self, program: Program) -> Disturb | None:
        """Find what the other cells of an array have of a program."""
        if self.biasing is None:
            return None
        return self.biasing.disturb(program, self.limits, self.cells.columns)

    def _largest_current_a(
        self, program: Program, largest_v: dict[Phase, float], limit_a: float
    ) -> float:
        """Tell the largest current that can flow; raises if a resistor lets too much through."""
        how, series_ohm = self.capabilities.limiting(program.demands), self.source_ohm
        through_a = {
            phase: volts / series_ohm if series_ohm > 0 else np.inf
            for phase, volts in largest_v.items()
        }
        most_a = max(through_a.values())
        if how == "regulated":
            return limit_a if self.capabilities.regulates else min(limit_a, most_a)
        if how == "series":
            asked_a = program.demands.current_limit_a or np.inf
            for phase, amperes in through_a.items():
                allowed_a = min(self.limits.of(phase).current_a, asked_a)
                if amperes > allowed_a:
                    raise LimitExceeded(
                        f"{largest_v[phase]:.4g} V over {series_ohm:.4g} ohm in series is "
                        f"{amperes:.4g} A where {allowed_a:.4g} A are allowed; take a larger "
                        "resistor or a smaller voltage"
                    )
        return most_a

    def _current_limit_a(self, program: Program) -> float:
        """Find the least of the limits of all phases in the program and of what it asks for."""
        allowed_a = min(self.limits.of(phase).current_a for phase in program.phases)
        asked_a = program.demands.current_limit_a
        if asked_a is None:
            return allowed_a
        if self.capabilities.limiting(program.demands) == "none":
            raise NotSupported(f"bench {self.name} cannot limit a current; leave the limit out")
        if asked_a > allowed_a:
            raise LimitExceeded(
                f"the program asks for a current limit of {asked_a:.4g} A where the bench's "
                f"limits allow {allowed_a:.4g} A; nothing was sent"
            )
        return asked_a
