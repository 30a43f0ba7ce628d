"""What a source does to cells, and what is then at their terminals."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


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
    reads : (segments,) bool or None
        Whether a segment only reads: an array biases its other lines otherwise then. To a cell it
        is all the same.
    """

    duration_s: Floats
    start_v: Floats
    stop_v: Floats
    measured: NDArray[np.bool_]
    units: NDArray[np.int64]
    source_ohm: float
    limit_a: float
    start_s: float | Floats = 0.0
    reads: NDArray[np.bool_] | None = None

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

    @cached_property
    def look_s(self) -> Floats:
        """When each measured segment ends, from the drive's beginning on, (readings, columns)."""
        parts, since = [np.empty((0, self.columns))], np.zeros(self.columns)
        for first, last, repeats in self.units.tolist():
            ends = self.duration_s[first:last].cumsum(axis=0)
            each = ends[-1] if last > first else np.zeros(self.columns)
            again = since + np.arange(repeats)[:, None] * each
            parts.append(
                (again[:, None] + ends[self.measured[first:last]]).reshape(-1, self.columns)
            )
            since = since + repeats * each
        return np.concatenate(parts)

    @cached_property
    def lasting_s(self) -> Floats:
        """How long the drive lasts, (columns,)."""
        whole = np.zeros(self.columns)
        for first, last, repeats in self.units.tolist():
            whole = whole + repeats * self.duration_s[first:last].sum(axis=0)
        return whole

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
        return replace(
            self, duration_s=self.duration_s[source] / share, start_v=start_v, stop_v=stop_v,
            measured=self.measured[source], units=units,
            reads=None if self.reads is None else self.reads[source],
        )  # fmt: skip

    def of_columns(self, columns: NDArray[np.int64]) -> "Drive":
        """Return the same for some of the cells, by their places among those that are played."""
        start_s = self.start_s
        if isinstance(start_s, np.ndarray) and start_s.size > 1:
            start_s = start_s[columns]
        if self.columns == 1:
            return self if start_s is self.start_s else replace(self, start_s=start_s)
        return replace(
            self, duration_s=np.ascontiguousarray(self.duration_s[:, columns]),
            start_v=np.ascontiguousarray(self.start_v[:, columns]),
            stop_v=np.ascontiguousarray(self.stop_v[:, columns]), start_s=start_s,
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
