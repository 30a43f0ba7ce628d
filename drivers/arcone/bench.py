"""An ArC ONE with its array as a bench: pulses and reads of one cell after the other.

The board times edges, reads and what lies between a pulse and its read by itself; everything lasts
at least as long as the program says. It tells resistances: the voltage of a reading is the one it
was told to read at, the current follows. It neither limits nor measures the current of a pulse.
Vectors on all rows (`multiply`) are of 0 V and one voltage, each its own: the board puts several
words at one voltage, all other lines at ground, and reads one bit after the other. It dwells on
each as long as a read takes; what is left of the dwell that was asked for passes at 0 V.
Not done: the board's own algorithms (jobs 201, 141, ...), its sessions for other instruments.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.bench import Assurance, Bench, Prepared
from hil.capabilities import Capabilities
from hil.cells import Cells, Indices, Sample
from hil.clock import Clock
from hil.drivers.arcone.biasing import FLOATING, GROUNDING, OTHERS, BoardBiasing
from hil.drivers.arcone.board import OPTIONS, STAYS_ON, ArcOne, connected, safe_messages
from hil.drivers.arcone.steps import Part, Pause, Reads, Shot, Step, lasting_s, parts_of
from hil.drivers.arcone.unconfirmed import READ_SCHEME, READABLE_OHM, ROWS_ARE_WORDS
from hil.drivers.arcone.vectors import Vector, as_played, vectors_of
from hil.drivers.safety import safe_if_it_fails
from hil.errors import HilError, InstrumentError, NotSupported
from hil.guard import SafeMessages
from hil.limits import Limits
from hil.program import Demands, Program
from hil.readings import Floats, Products, Readings
from hil.schemes import SCHEMES

NOT_MEASURED = 1
"""Status of a read at 0 V, where the board has nothing to tell."""
FIRST_READ_V = 0.1
"""Read voltage until a program says one; nothing is read at it (V)."""
_ROUNDING = 1e-6
_VECTORS = "of 0 V and one voltage; columns are read one after the other, timed by the board"
_ZEROS = "reads at 0 V are not played and count as 0: the board tells resistances"


class Line(NamedTuple):
    """How the board is reached: address, and settings of a serial line."""

    address: str
    parity: str
    baud_rate: int


class Plan(NamedTuple):
    """A program as the board plays it: parts for each column, and what other lines are at."""

    columns: tuple[tuple[Part, ...], ...]
    scheme: str


class Row(NamedTuple):
    """One reading: bench time (s), voltage (V), current (A), limited, status."""

    time_s: float
    voltage_v: float
    current_a: float
    limited: bool
    status: int


class ArcOneBench(Bench):
    """An array on an ArC ONE: rows are its words, columns its bits.

    Parameters
    ----------
    name : str
        What the bench is called.
    line : Line
        How the board is reached.
    cells : Cells
        Rows and columns, 32 at most.
    scheme : str
        What lines that are not selected are at in pulses, where a program asks for nothing:
        "V/2", "V/3" or "float". In reads they are at ground, or float if they do in pulses.
    series_ohm : float
        Resistor at each cell (ohm).
    virtual : bool
        Whether the address is that of a virtual board.
    limits, clock, sample, sets_at :
        As on any bench.
    """

    def __init__(
        self,
        name: str,
        *,
        line: Line,
        cells: Cells,
        scheme: str,
        series_ohm: float,
        limits: Limits,
        clock: Clock,
        sample: Sample,
        sets_at: int,
        virtual: bool,
    ) -> None:
        lines = BoardBiasing(SCHEMES, scheme, READ_SCHEME)
        super().__init__(
            name,
            cells=cells,
            capabilities=Capabilities(
                current_limit="series" if series_ohm > 0 else "none",
                schemes=(*OPTIONS, READ_SCHEME),
                multiplies=ROWS_ARE_WORDS,
            ),
            limits=limits,
            clock=clock,
            sample=sample,
            source_ohm=series_ohm,
            sets_at=sets_at,
            biasing=lines,
        )
        self.kind = "virtual" if virtual else "hardware"
        self._line = line
        self._lines = lines
        self._board: ArcOne | None = None
        self._started: str | None = None

    def safe_messages(self) -> tuple[SafeMessages, ...]:
        """Tell the guard how to end a job and reset the board."""
        return (safe_messages(**self._line._asdict()),)

    def assurances(self) -> tuple[Assurance, ...]:
        """Tell how far each promise goes."""
        if self.source_ohm > 0:
            current = f"{self.source_ohm:g} ohm in series, as stated"
        else:
            current = "neither held nor watched: the board does not measure while it pulses"
        return (
            *super().assurances(),
            Assurance("current of pulses", "assumed", current),
            Assurance("voltages and widths", "assumed", "the board cannot be asked for them"),
            Assurance("other cells", "assumed", self._of_others()),
            Assurance("vectors", "assumed", _VECTORS),
            Assurance("offset", "assumed", _ZEROS),
            Assurance("step", "verified", "the board is asked for its version after each program"),
            Assurance("lost connection", "assumed", STAYS_ON),
        )

    def _of_others(self) -> str:
        """Say what cells are given that are not selected."""
        write, read = self._lines.of(Demands())
        if write == FLOATING:
            return "their lines float; up to the whole voltage is booked for each of them"
        return (
            f"lines at {write} in pulses, {read} in reads; booked as if no line had a resistance"
        )

    def identity(self) -> str:
        """Tell what the board says it is."""
        return "" if self._board is None else self._board.identity

    def _open(self) -> None:
        self.touched = False
        self._board = connected(
            self._line.address, clock=self.clock, parity=self._line.parity,
            baud_rate=self._line.baud_rate,
        )  # fmt: skip
        self.touched = True
        self._start(self._board, self._lines.write)

    def _prepare(self, program: Program, cells: Indices, _current_limit_a: float) -> Prepared:
        if program.demands.stop_at_limit:
            raise NotSupported(
                "an ArC ONE cannot stop at a current limit, for it sees none; leave it out"
            )
        columns = tuple(parts_of(program, column) for column in range(program.columns))
        times_s = [lasting_s(parts) for parts in columns]
        duration_s = sum(times_s) if len(columns) > 1 else times_s[0] * len(cells)
        plan = Plan(columns, self._lines.of(program.demands)[0])
        return Prepared(plan, duration_s, self._notes(plan))

    def _notes(self, plan: Plan) -> tuple[str, ...]:
        """Say what is not as the program says."""
        steps = [step for parts in plan.columns for part in parts for step in part.steps]
        notes = ["edges and reads are timed by the board: a read takes as long as it takes there"]
        pulses = any(isinstance(step, Shot) or getattr(step, "after", None) for step in steps)
        reads = any(isinstance(step, Reads) for step in steps)
        if len(self.cells) > 1 and pulses:
            notes.append(OTHERS[plan.scheme])
        if len(self.cells) > 1 and reads and plan.scheme == FLOATING:
            notes.append("reads take in what flows through other cells: their lines float")
        if any(isinstance(step, Pause) and step.zeros for step in steps):
            notes.append(_ZEROS)
        return tuple(notes)

    def _apply(self, program: Program, cells: Indices, payload: Plan) -> Readings:
        with safe_if_it_fails(self._make_safe):
            board = self._started_under(payload.scheme)
            rows = [
                self._play(board, cell, payload.columns[k if len(payload.columns) > 1 else 0])
                for k, cell in enumerate(cells.tolist())
            ]
        return _readings(program, rows)

    def _vectors_as_played(self, program: Program) -> Program:
        return as_played(program, self.cells.columns)

    def _refuse_vectors(self, program: Program) -> None:
        vectors_of(program)

    def _multiply(self, program: Program) -> Products:
        """Put vectors on the words, one bit after the other; the time is that of the last bit."""
        vectors, columns = vectors_of(program), self.cells.columns
        shape = (len(vectors), columns)
        products = Products(np.zeros(shape), np.zeros(shape, np.bool_), np.zeros(len(vectors)))
        with safe_if_it_fails(self._make_safe):
            write = self._lines.write
            board = self._started_under(GROUNDING if write == FLOATING else write)
            for place, vector in enumerate(vectors):
                begin_s = self.clock.now_s()
                if vector.rows:
                    ohm = self._sums(board, vector)
                    products.current_a[place] = vector.level_v / ohm
                    products.over[place] = _is_limited(ohm)
                products.time_s[place] = self.clock.now_s()
                board.check()
                left_s = vector.lasting_s - (self.clock.now_s() - begin_s)
                if left_s > 0:
                    self.clock.sleep(left_s)
        return products

    def _sums(self, board: ArcOne, vector: Vector) -> Floats:
        """Read all columns under a vector (ohm)."""
        columns = range(1, self.cells.columns + 1)
        return np.array([board.resistance_of(vector.rows, k, vector.level_v) for k in columns])

    def _started_under(self, scheme: str) -> ArcOne:
        """Give the board, its array told."""
        if self._board is None:
            raise InstrumentError(f"bench {self.name} has lost its ArC ONE; open it again")
        if self._started != scheme:
            self._start(self._board, scheme)
        return self._board

    def _start(self, board: ArcOne, scheme: str) -> None:
        """Tell the board its array."""
        self._started = None
        board.start(self.cells.rows, self.cells.columns, scheme, FIRST_READ_V)
        self._started = scheme

    def _play(self, board: ArcOne, cell: int, parts: tuple[Part, ...]) -> list[Row]:
        """Play the parts on one cell, and see that the board kept step."""
        place = (cell // self.cells.columns + 1, cell % self.cells.columns + 1)
        rows: list[Row] = []
        selected = False
        for part in parts:
            for _ in range(part.repeats):
                for step in part.steps:
                    begin_s = self.clock.now_s()
                    if isinstance(step, Shot) and not selected:
                        board.select(*place)
                    rows += self._do(board, place, step)
                    selected = isinstance(step, Shot) or (selected and isinstance(step, Pause))
                    left_s = step.lasting_s - (self.clock.now_s() - begin_s)
                    if left_s > 0:
                        self.clock.sleep(left_s)
        board.check()
        return rows

    def _do(self, board: ArcOne, place: tuple[int, int], step: Step) -> list[Row]:
        """Do one step; the rows that it measured."""
        if isinstance(step, Pause):
            begin_s, each_s = self.clock.now_s(), step.lasting_s / max(step.zeros, 1)
            return [
                Row(begin_s + (k + 1) * each_s, 0.0, 0.0, False, NOT_MEASURED)
                for k in range(step.zeros)
            ]
        if isinstance(step, Shot):
            board.pulse(step.level_v, step.high_s)
            return []
        board.read_at(step.read_v)
        rows = []
        for k in range(step.times):
            if k == 0 and step.after is not None:
                ohm = board.pulse_and_read(*place, step.after.level_v, step.after.high_s)
            else:
                ohm = board.resistance(*place)
            rows.append(self._row(step, ohm))
        return rows

    def _row(self, step: Reads, ohm: float) -> Row:
        current_a = 0.0 if math.isinf(ohm) else step.read_v / ohm
        voltage_v = step.read_v - current_a * self.source_ohm
        return Row(self.clock.now_s(), voltage_v, current_a, bool(_is_limited(ohm)), 0)

    def _make_safe(self) -> None:
        """Reset the board if anything was selected: everything opens, at 0 V."""
        self._started = None
        if self._board is None or self._board.quiet:
            return
        try:
            self._board.reset()
        except HilError as error:
            raise InstrumentError(
                f"the ArC ONE at {self._line.address} could not be reset from here: {error}; the "
                "guard tries it once more"
            ) from error

    def _close(self) -> None:
        board, self._board = self._board, None
        if board is not None:
            board.close()


def _is_limited(ohm: float | Floats) -> NDArray[np.bool_]:
    """Tell where the board is at an end of what it can read."""
    least_ohm, most_ohm = READABLE_OHM
    size_ohm = np.abs(ohm)
    return (size_ohm <= least_ohm * (1 + _ROUNDING)) | (size_ohm >= most_ohm * (1 - _ROUNDING))


def _readings(program: Program, rows: list[list[Row]]) -> Readings:
    """Put the rows of all cells side by side."""
    timeline = program.timeline
    shape = (len(rows), len(timeline.look))

    def column(place: int, dtype: type) -> np.ndarray:
        values = [[row[place] for row in cell] for cell in rows]
        return np.array(values, dtype).reshape(shape).T

    return Readings(
        time_s=column(0, np.float64),
        source_v=np.broadcast_to(timeline.source_v, shape[::-1]).copy(),
        voltage_v=column(1, np.float64),
        current_a=column(2, np.float64),
        limited=column(3, np.bool_),
        status=column(4, np.int64),
        look=timeline.look,
    )
