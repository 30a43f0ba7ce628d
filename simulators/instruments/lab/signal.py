"""What a source puts out: linear segments, in units that repeat."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.simulators.models.drive import Floats

Flags = NDArray[np.bool_]


class _Signal(NamedTuple):
    duration_s: Floats
    start_v: Floats
    stop_v: Floats
    measured: Flags
    units: NDArray[np.int64]


class Signal(_Signal):
    """What a source puts out, open circuit; the arrays are not changed any more.

    Attributes
    ----------
    duration_s, start_v, stop_v : (segments,) float64
        Voltage, linear over each segment.
    measured : (segments,) bool
        Whether voltage and current at the end of the segment are wanted.
    units : (units, 3) int64
        First segment, segment after the last, repeats: what is played, in this order.
    """

    @classmethod
    def once(
        cls,
        duration_s: ArrayLike,
        start_v: ArrayLike,
        stop_v: ArrayLike,
        measured: ArrayLike | None = None,
        repeats: int = 1,
    ) -> "Signal":
        """Make one that is a single unit; nothing is measured unless *measured* says so."""
        durations = np.asarray(duration_s, np.float64)
        flags = np.zeros(len(durations), np.bool_) if measured is None else np.asarray(measured)
        return cls(
            durations, np.asarray(start_v, np.float64), np.asarray(stop_v, np.float64), flags,
            np.array([[0, len(durations), repeats]]),
        )  # fmt: skip

    @cached_property
    def lasting_s(self) -> float:
        """How long it lasts (s)."""
        return float(sum(self._unit_s(unit) * unit[2] for unit in self.units.tolist()))

    @property
    def first_v(self) -> float:
        """Voltage at its beginning (V)."""
        return float(self.start_v[self.units[0, 0]])

    @property
    def last_v(self) -> float:
        """Voltage at its end (V)."""
        return float(self.stop_v[self.units[-1, 1] - 1])

    def split(self, after_s: float) -> "tuple[Signal | None, Signal | None]":
        """Cut it in two; a part without any time is None.

        A measured segment that is cut is measured at its end, in the second part.
        """
        before: list[list[int]] = []
        for place, (first, last, repeats) in enumerate(self.units.tolist()):
            unit_s = self._unit_s([first, last])
            whole = min(repeats, int(after_s / unit_s * (1 + 1e-12))) if unit_s > 0 else repeats
            if whole:
                before.append([first, last, whole])
            after_s -= whole * unit_s
            if whole < repeats:
                return self._split_in(before, place, whole, after_s)
        return self, None

    def _split_in(
        self, before: list[list[int]], place: int, whole: int, after_s: float
    ) -> "tuple[Signal | None, Signal | None]":
        """Cut within one repeat of the unit at *place*, of which *whole* repeats are over."""
        first, last, repeats = self.units[place].tolist()
        ends_s = self.duration_s[first:last].cumsum()
        cut = first + min(int(np.searchsorted(ends_s, after_s, "right")), last - first - 1)
        elapsed_s = max(after_s - float(ends_s[cut - first] - self.duration_s[cut]), 0.0)
        share = min(elapsed_s / float(self.duration_s[cut]), 1.0)
        middle_v = self.start_v[cut] + (self.stop_v[cut] - self.start_v[cut]) * share
        n = len(self.duration_s)
        arrays = (
            np.append(self.duration_s, [elapsed_s, self.duration_s[cut] - elapsed_s]),
            np.append(self.start_v, [self.start_v[cut], middle_v]),
            np.append(self.stop_v, [middle_v, self.stop_v[cut]]),
            np.append(self.measured, [False, bool(self.measured[cut])]),
        )
        before = [*before, [first, cut, 1], [n, n + 1, 1]] if elapsed_s > 0 else [
            *before, [first, cut, 1]
        ]  # fmt: skip
        after = [
            [n + 1, n + 2, 1], [cut + 1, last, 1], [first, last, repeats - whole - 1],
            *self.units[place + 1 :].tolist(),
        ]  # fmt: skip
        return _of(arrays, before), _of(arrays, after)

    def _unit_s(self, unit: list[int]) -> float:
        return float(self.duration_s[unit[0] : unit[1]].sum())


def _of(arrays: tuple[Floats, Floats, Floats, Flags], units: list[list[int]]) -> Signal | None:
    kept = [unit for unit in units if unit[1] > unit[0] and unit[2] > 0]
    return Signal(*arrays, np.array(kept)) if kept else None
