"""What every device model is: parameters, a state, a current, and a way through a waveform."""

from abc import ABCMeta, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

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
    """

    duration_s: Floats
    start_v: Floats
    stop_v: Floats
    measured: NDArray[np.bool_]
    units: NDArray[np.int64]
    source_ohm: float
    limit_a: float

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
            self.source_ohm, self.limit_a,
        )  # fmt: skip

    def of_columns(self, columns: NDArray[np.int64]) -> "Drive":
        """Return the same for some of the cells that it has columns for."""
        return Drive(
            np.ascontiguousarray(self.duration_s[:, columns]),
            np.ascontiguousarray(self.start_v[:, columns]),
            np.ascontiguousarray(self.stop_v[:, columns]),
            self.measured, self.units, self.source_ohm, self.limit_a,
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

    The state of many cells is one structured array, one element a cell, whose fields carry their
    units. Random numbers come from `hil.draws` with a key and a count that are part of the state.
    """

    state_dtype: ClassVar[np.dtype[np.void]]
    sets_at: ClassVar[int]
    """Sign of the voltage that SETs the device (brings it to LRS): +1 or -1."""

    @abstractmethod
    def initial_state(self, cells: int, rng: np.random.Generator) -> State:
        """Make the state of *cells* fresh cells; cell k is the same however many there are."""

    @abstractmethod
    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the current of each cell in its state at a voltage across it."""

    @abstractmethod
    def play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Take *cells* (indices into the state) through a drive; the state moves in place."""

    def refuse(self, drive: Drive) -> None:
        """Raise if the model has no answer to a drive; pure, called before anything is played."""

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


def make_key(cells: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Draw one key a cell for `hil.draws`; the first keys do not depend on how many there are."""
    return rng.integers(2**64, size=cells, dtype=np.uint64)
