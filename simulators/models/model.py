"""What every device model is: parameters, a state, a current, and a way through a drive."""

import os
from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.roots import behind

State = NDArray[np.void]


class _AbstractStruct(msgspec.StructMeta, ABCMeta):
    """Lets a struct have abstract methods."""


class Device(
    msgspec.Struct,
    metaclass=_AbstractStruct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """What a bench has on its terminals: a model, alone or in layers.

    The state of many cells is one structured array, one element a cell, whose columns carry their
    units. Random numbers come from `hil.draws` with the cell's `key`, a stream and a count that is
    part of the state.
    """

    @property
    @abstractmethod
    def state_dtype(self) -> np.dtype[np.void]:
        """The columns of a state; one is `key`."""

    @property
    @abstractmethod
    def sets_at(self) -> int:
        """Sign of the voltage that SETs the device (brings it to LRS): +1 or -1."""

    @property
    @abstractmethod
    def memory_column(self) -> str:
        """Name of the column that tells HRS from LRS; the current is monotone in it."""

    @property
    @abstractmethod
    def bookkeeping(self) -> frozenset[str]:
        """Names of the columns that nobody wants to see: what a state needs to go on."""

    @property
    def ages(self) -> bool:
        """Whether cells change by themselves, so that a drive must say when it begins."""
        return False

    def initial_state(self, cells: int, rng: np.random.Generator) -> State:
        """Make the state of *cells* fresh cells; cell k is the same however many there are."""
        state = np.zeros(cells, self.state_dtype)
        state["key"] = rng.integers(2**64, size=cells, dtype=np.uint64)
        self.start(state)
        return state

    @abstractmethod
    def start(self, state: State) -> None:
        """Fill in the own columns of fresh cells; `key` and cells' own parameters are there."""

    @abstractmethod
    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Tell between which values the memory column of each cell lies: at HRS, at LRS."""

    @abstractmethod
    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the current of each cell in its state at a voltage across it."""

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute the current of each cell at a voltage across it, and how it grows with it.

        Parameters
        ----------
        state : (cells,) structured array
        voltage_v : float or (cells,)
            Voltage across the cell (V).

        Returns
        -------
        current_a : (cells,) float64
            What `current_a` gives, to rounding (A).
        slope_s : (cells,) float64
            dI/dV (S); where the law has a kink at 0 V, of one of its sides. Unless a model knows
            better, the difference quotient over the next part in a million of the voltage (at
            least 1 uV), away from 0 V.
        """
        return difference(lambda v: self.current_a(state, v), state, voltage_v)

    def linearised_behind(
        self, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Compute what `linearised` does for each cell with a resistance in series.

        *voltage_v* is that across both. Unless a model knows better, V = v + R I(v) is solved to
        rounding, which asks for `linearised` half a dozen times.
        """
        return behind(lambda v: self.linearised(state, v), voltage_v, len(state), series_ohm)

    @abstractmethod
    def play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Take *cells* (indices into the state) through a drive; the state moves in place."""

    def preset(
        self, state: State, cells: NDArray[np.int64], conductance_s: ArrayLike, read_v: float
    ) -> None:
        """Put cells where they have a conductance at a voltage, or at the bound nearest to it.

        No waveform does this; it is for what happens to cells at rest, and for starting points. A
        cell whose current does not depend on its memory, stuck or pristine, stays as it is.

        Parameters
        ----------
        state : (all cells,) structured array
            Its memory column moves in place.
        cells : (cells,) int64
            Which cells.
        conductance_s : float or (cells,)
            I/V at read_v (S).
        read_v : float
            The voltage (V), not 0.

        Raises
        ------
        ConfigError
            For a conductance that is no number, or a voltage of 0.
        """
        from scipy.optimize.elementwise import find_root

        if not (np.isfinite(conductance_s).all() and np.isfinite(read_v) and read_v != 0):
            raise ConfigError(
                f"a preset of {conductance_s!r} S at {read_v!r} V has no meaning; give numbers, "
                "and a voltage that is not 0"
            )
        own = state[cells]
        hrs, lrs = self._memory_ends(own)

        def conductance_at(share: Floats, k: NDArray[np.int64]) -> Floats:
            trial = own[k]
            trial[self.memory_column] = hrs[k] + share * (lrs[k] - hrs[k])
            found_s: Floats = self.current_a(trial, read_v) / read_v
            return found_s

        every = np.arange(len(cells))
        ends = [conductance_at(np.full(len(cells), share), every) for share in (0.0, 1.0)]
        wanted_s = np.clip(conductance_s, *np.sort(ends, axis=0))

        def miss(share: Floats, k: NDArray[np.int64]) -> Floats:
            off: Floats = conductance_at(share, k) / wanted_s[k] - 1.0
            return off

        found = find_root(miss, (0.0, 1.0), args=(every,), tolerances={"xatol": 1e-300})
        share = np.where(wanted_s == ends[0], 0.0, np.where(wanted_s == ends[1], 1.0, found.x))
        state[self.memory_column][cells] = hrs + share * (lrs - hrs)

    def reach_s(self, state: State, read_v: float) -> tuple[Floats, Floats]:
        """Tell between which conductances at a voltage `preset` can put each cell (S)."""
        trial, ends = state.copy(), []
        for end in self._memory_ends(state):
            trial[self.memory_column] = end
            ends.append(self.current_a(trial, read_v) / read_v)
        return np.minimum(*ends), np.maximum(*ends)

    def _memory_ends(self, state: State) -> tuple[Floats, Floats]:
        """Give the memory's range, at HRS and at LRS, widened to where each cell is now."""
        hrs, lrs = self.memory_range(state)
        now = state[self.memory_column]
        rises = lrs >= hrs
        low, high = np.minimum(np.minimum(hrs, lrs), now), np.maximum(np.maximum(hrs, lrs), now)
        return np.where(rises, low, high), np.where(rises, high, low)

    def refuse(self, drive: Drive) -> None:
        """Raise if the device has no answer to a drive; pure, called before anything is played."""

    def advance(
        self,
        state: State,
        start_v: ArrayLike,
        stop_v: ArrayLike,
        duration_s: ArrayLike,
        source_ohm: float = 0.0,
        limit_a: float = np.inf,
    ) -> None:
        """Take every cell of a state through one linear segment (scalars, or one value a cell).

        Parameters
        ----------
        state : (cells,) structured array
            Moves in place.
        start_v, stop_v, duration_s : float or (cells,)
            Open-circuit voltage at both ends (V) and the time between them (s).
        source_ohm : float
            Resistance in series with the cell (ohm).
        limit_a : float
            Regulated current limit (A).

        Raises
        ------
        ConfigError
            For a number that is none, a duration or a resistance below 0, a limit that is not
            above 0.
        """
        _check_segment(start_v, stop_v, duration_s, source_ohm, limit_a)
        rows = [np.atleast_1d(np.asarray(x, float)) for x in (duration_s, start_v, stop_v)]
        lasting, begin, end = (
            np.ascontiguousarray(row.reshape(1, -1)) for row in np.broadcast_arrays(*rows)
        )
        drive = Drive(
            duration_s=lasting,
            start_v=begin,
            stop_v=end,
            measured=np.zeros(1, bool),
            units=np.array([[0, 1, 1]]),
            source_ohm=source_ohm,
            limit_a=limit_a,
        )
        self.play(state, np.arange(len(state)), drive)


class Model(Device, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device model: the struct's fields are its parameters, in SI, checked when it is made.

    A model knows its own columns; around them there may be those of layers, and a column with the
    name of a parameter is each cell's own value of it.
    """

    own_columns: ClassVar[tuple[tuple[str, Any], ...]]
    """Names and types of the columns that a cell's state has, `key` apart."""
    set_polarity: ClassVar[int]
    """What `sets_at` says."""
    memory: ClassVar[str]
    """What `memory_column` says."""
    needed_columns: ClassVar[tuple[str, ...]] = ("draws",)
    """Which of them only serve to go on, see `bookkeeping`."""
    varies: ClassVar[tuple[str, ...]] = ()
    """Parameters of which each cell may have its own value, see `Model.parameter`."""

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        """The key and the model's own columns."""
        return np.dtype([("key", np.uint64), *self.own_columns])

    @property
    def sets_at(self) -> int:
        """Sign of the voltage that SETs the device: +1 or -1."""
        return self.set_polarity

    @property
    def bookkeeping(self) -> frozenset[str]:
        """The key and the columns that only serve to go on."""
        return frozenset(("key", *self.needed_columns))

    @property
    def memory_column(self) -> str:
        """Name of the column that tells HRS from LRS."""
        return self.memory

    def play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Take *cells* (indices into the state) through a drive; the state moves in place.

        Many cells are shared out to threads, one a processor; that changes no result.
        """
        if len(state) == 1:
            return self._play_alone(state, cells, drive)
        if len(cells) < 2 * _CELLS_A_THREAD:
            return self._play(state, cells, drive)
        workers = min(_processors(), len(cells) // _CELLS_A_THREAD)
        shares = np.array_split(np.arange(len(cells)), workers)
        drives = [drive.of_columns(share) for share in shares]
        with ThreadPoolExecutor(workers) as pool:
            seen = pool.map(lambda share, d: self._play(state, cells[share], d), shares, drives)
            parts = zip(*seen, strict=True)
            return Terminal(*(np.concatenate(part, axis=1) for part in parts))

    def _play_alone(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Play a cell beside a copy of itself.

        The columns of one cell lie in memory as no others do: for them alone numba would compile
        every kernel a second time, which takes half a minute.
        """
        beside = state.repeat(2)
        terminal = self._play(beside, cells, drive)
        state[:] = beside[:1]
        return terminal

    def _play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        terminal = Terminal.empty(drive.readings, len(cells))
        self._walk(state, cells, drive, terminal)
        return terminal

    @abstractmethod
    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive and fill in what is at their terminals, outside the GIL."""

    def parameter(self, name: str, state: State) -> Any:
        """Give each cell's own value of a parameter, (cells,), if the state has it, or the one."""
        return state[name] if name in (state.dtype.names or ()) else getattr(self, name)


def difference(
    law: Callable[[Floats], Floats], state: State, voltage_v: ArrayLike
) -> tuple[Floats, Floats]:
    """Compute the currents of a law, (cells,), and its slopes as difference quotients.

    What `Device.linearised` does where nothing better is known; the error of the slope is half
    the step times the second derivative, below 1e-4 of it for exp(V/kT) up to 5 V.
    """
    voltage = np.broadcast_to(np.asarray(voltage_v, float), state.shape)
    moved = voltage + np.copysign(np.maximum(1e-6 * np.abs(voltage), 1e-6), voltage)
    current_a = law(voltage)
    return current_a, (law(moved) - current_a) / (moved - voltage)


def _check_segment(
    start_v: ArrayLike, stop_v: ArrayLike, duration_s: ArrayLike, source_ohm: float, limit_a: float
) -> None:
    """Raise ConfigError for a segment that no source can play."""
    for name, values in (("start_v", start_v), ("stop_v", stop_v), ("duration_s", duration_s)):
        if not np.isfinite(values).all():
            raise ConfigError(f"{name} is {values!r}; it must be of finite numbers")
    if not np.min(duration_s) >= 0 or not source_ohm >= 0 or not limit_a > 0:
        raise ConfigError(
            f"duration_s is {duration_s!r}, source_ohm {source_ohm!r}, limit_a {limit_a!r}; they "
            "must be at least 0, at least 0, and above 0"
        )


_CELLS_A_THREAD = 1000


def _processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def records(dtype: np.dtype[np.void], values: tuple[Any, ...], cells: NDArray[np.int64]) -> Any:
    """Make the constants of a kernel: one record, or one for each of *cells*.

    Parameters
    ----------
    dtype : structured dtype
        The kernel's.
    values : tuple
        In the dtype's order; a scalar holds for all cells, an array (all cells,) is a column of
        the state (`Model.parameter`).
    cells : (cells,) int64
        Which cells are played.

    Returns
    -------
    array of `numpy.record`, (1,) or (cells,)
        Not a `numpy.recarray`, whose type numba finds out anew at each call.
    """
    dtype = np.dtype((np.record, dtype))
    if not any(isinstance(value, np.ndarray) for value in values):
        return np.array([values], dtype)
    table = np.empty(len(cells), dtype)
    for name, value in zip(dtype.names or (), values, strict=True):
        table[name] = value[cells] if np.ndim(value) else value
    return table
