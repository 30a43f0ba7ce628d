"""What every device model is: parameters, a state, a current, and a way through a waveform."""

import os
from abc import ABCMeta, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
State = NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Drive:
    """What a source does to the cells: linear segments, in units that may repeat.

    Attributes
    ----------
    duration_s, start_v, stop_v : (segments, columns) float64, C-contiguous
        Open-circuit voltage, linear over each segment. One column for all cells, or one for each.
    measured : (segments,) bool
        Whether voltage and current at the end of the segment are wanted.
    units : (units, 3) int64
        First segment, segment after the last, repeats: what is played, in this order.
    source_ohm : float
        Resistance in series with the cell: of the source, the wires and the bench's own resistor.
    limit_a : float
        Regulated current limit (compliance) of the source, inf for none.
    start_s : float or (columns,) float64
        When it begins, for what changes with time by itself (`Model.ages`).
    """

    duration_s: Floats
    start_v: Floats
    stop_v: Floats
    measured: NDArray[np.bool_]
    units: NDArray[np.int64]
    source_ohm: float
    limit_a: float
    start_s: float | Floats = 0.0

    @cached_property
    def looks(self) -> NDArray[np.int64]:
        """The measured segments in the order in which they are played, (readings,)."""
        parts = [
            np.tile(first + np.flatnonzero(self.measured[first:last]), repeats)
            for first, last, repeats in self.units.tolist()
        ]
        return np.concatenate(parts)

    @cached_property
    def readings(self) -> int:
        """Number of measured segments that will be played."""
        return sum(
            int(np.count_nonzero(self.measured[first:last])) * repeats
            for first, last, repeats in self.units.tolist()
        )

    @property
    def columns(self) -> int:
        """1 where all cells see the same, else the number of cells."""
        return int(self.duration_s.shape[1])

    def sampled(self, samples: int) -> "Drive":
        """Cut every measured segment into equal parts, all measured: what an average is made of.

        A steady level is the same whether it is cut or not.
        """
        parts = np.where(self.measured, samples, 1)
        begins = parts.cumsum() - parts
        source = np.repeat(np.arange(len(parts)), parts)
        part = (np.arange(parts.sum()) - begins[source])[:, None]
        share = parts[source][:, None]
        slope_v = self.stop_v[source] - self.start_v[source]
        start_v = self.start_v[source] + slope_v * (part / share)
        stop_v = np.where(
            part + 1 == share,
            self.stop_v[source],
            self.start_v[source] + slope_v * ((part + 1) / share),
        )
        bounds = np.append(begins, parts.sum())
        units = np.column_stack((bounds[self.units[:, :2]], self.units[:, 2]))
        return Drive(
            self.duration_s[source] / share, start_v, stop_v, self.measured[source], units,
            self.source_ohm, self.limit_a, self.start_s,
        )  # fmt: skip

    def of_columns(self, columns: NDArray[np.int64]) -> "Drive":
        """Return the same for some of the cells, by their places among those that are played."""
        start_s = self.start_s[columns] if isinstance(self.start_s, np.ndarray) else self.start_s
        if self.columns == 1:
            return self if start_s is self.start_s else replace(self, start_s=start_s)
        return Drive(
            np.ascontiguousarray(self.duration_s[:, columns]),
            np.ascontiguousarray(self.start_v[:, columns]),
            np.ascontiguousarray(self.stop_v[:, columns]),
            self.measured, self.units, self.source_ohm, self.limit_a, start_s,
        )  # fmt: skip


class Terminal(NamedTuple):
    """What happens at the cells' terminals at the end of each measured segment, without noise.

    Attributes
    ----------
    voltage_v, current_a : (readings, cells) float64
        Voltage across the cell itself, current through it.
    limited : (readings, cells) bool
        Whether the source was holding its current limit.
    """

    voltage_v: Floats
    current_a: Floats
    limited: NDArray[np.bool_]

    @classmethod
    def empty(cls, readings: int, cells: int) -> "Terminal":
        """Make one to be filled in."""
        shape = (readings, cells)
        return cls(np.empty(shape), np.empty(shape), np.empty(shape, np.bool_))


class _AbstractStruct(msgspec.StructMeta, ABCMeta):
    """Lets a struct have abstract methods."""


class Model(
    msgspec.Struct,
    metaclass=_AbstractStruct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """A device model: the struct's fields are its parameters, in SI, checked when it is made.

    The state of many cells is one structured array, one element a cell, whose columns carry their
    units. A model knows its own columns; around them there may be those of layers, and a column
    with the name of a parameter is each cell's own value of it. Random numbers come from
    `hil.draws` with the cell's `key`, a stream and a count that is part of the state.
    """

    own_columns: ClassVar[tuple[tuple[str, Any], ...]]
    """Names and types of the columns that a cell's state has, `key` apart."""
    set_polarity: ClassVar[int]
    """Sign of the voltage that SETs the device (brings it to LRS): +1 or -1."""
    memory: ClassVar[str]
    """Name of the column that tells HRS from LRS; the current is monotone in it."""
    varies: ClassVar[tuple[str, ...]] = ()
    """Parameters of which each cell may have its own value, see `Model.parameter`."""

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        """The columns of a state."""
        return np.dtype([("key", np.uint64), *self.own_columns])

    @property
    def sets_at(self) -> int:
        """Sign of the voltage that SETs the device: +1 or -1."""
        return self.set_polarity

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
        """Tell between which values the column `memory` of each cell lies: at HRS, at LRS."""

    @abstractmethod
    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the current of each cell in its state at a voltage across it."""

    def play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Take *cells* (indices into the state) through a drive; the state moves in place.

        Many cells are shared out to threads, one a processor; that changes no result.
        """
        workers = min(_processors(), len(cells) // _CELLS_A_THREAD)
        if workers < 2:
            return self._play(state, cells, drive)
        shares = np.array_split(np.arange(len(cells)), workers)
        drives = [drive.of_columns(share) for share in shares]
        with ThreadPoolExecutor(workers) as pool:
            seen = pool.map(
                lambda share, own: self._play(state, cells[share], own), shares, drives
            )
            parts = zip(*seen, strict=True)
            return Terminal(*(np.concatenate(part, axis=1) for part in parts))

    def _play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        terminal = Terminal.empty(drive.readings, len(cells))
        self._walk(state, cells, drive, terminal)
        return terminal

    @abstractmethod
    def _walk(
        self, state: State, cells: NDArray[np.int64], drive: Drive, terminal: Terminal
    ) -> None:
        """Take cells through a drive and fill in what is at their terminals, outside the GIL."""

    def refuse(self, drive: Drive) -> None:
        """Raise if the model has no answer to a drive; pure, called before anything is played."""

    def parameter(self, name: str, state: State) -> Any:
        """Give each cell's own value of a parameter, (cells,), if the state has it, or the one."""
        return state[name] if name in (state.dtype.names or ()) else getattr(self, name)

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
        """
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


_CELLS_A_THREAD = 256


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
    record array, (1,) or (cells,)
    """
    if not any(np.ndim(value) for value in values):
        return np.array([values], dtype).view(np.recarray)
    table = np.empty(len(cells), dtype)
    for name, value in zip(dtype.names or (), values, strict=True):
        table[name] = value[cells] if np.ndim(value) else value
    return table.view(np.recarray)
