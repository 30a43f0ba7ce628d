"""Steps through one segment of a drive in which cells move, as `coupling` says."""

import math
from typing import NamedTuple

import numpy as np

from hil.errors import NotSupported
from hil.simulators.crossbar.line_drive import Flags, Floats, LineDrive
from hil.simulators.crossbar.writing.circuit import Circuit, Point
from hil.simulators.crossbar.writing.moves import Places, Ruler, seen_drive
from hil.simulators.models.model import Device, State

_MOST_KNOTS = 128
"""So many instants of a segment are kept for the cells that are still."""

_LEAST_STEP = 1e-12
"""Of a segment; a step that would have to be shorter is given up."""

_ROUNDING = 1e-14
"""Shares of a segment that are this close are one."""

_MOST_LOAD = 10.0
"""A cell is played behind at most so many times its own resistance."""

_LEAST_LIMIT = 1e-3
"""A cell is left at least this part of its column's limit."""

_SURE = 0.1
"""An estimated error of less than this part of a tolerance is not worth another solution."""

_FAR = 0.01
"""A cell whose memory moves by more than this part in a step may come to a stop in both tries."""

_MOST_SURPRISE = 0.1
"""So far, relative, what such a cell sees may be off what it was taken for: the two tries of a
step agree on where a runaway ends, whatever drove it."""

_CUTS = np.linspace(0.0, 1.0, 5)
"""Where a step is cut."""

_CENTRES = 0.5 * (_CUTS[1:] + _CUTS[:-1])


class Step(NamedTuple):
    """A step that was tried.

    Attributes
    ----------
    error : float
        In tolerances.
    moved : (active cells,) float64
        How far, likewise.
    middle, end : Point
        The network.
    """

    error: float
    moved: Floats
    middle: Point
    end: Point


class Seen(NamedTuple):
    """What the active cells see at an instant.

    Attributes
    ----------
    behind_v : (active cells,) float64
        Voltage behind the load, as if no current was limited (V).
    left_a : float
        What the limit of its column leaves to the lead; inf where the limit does not concern it.
    """

    behind_v: Floats
    left_a: float


class Steps:
    """One segment; those of the state's cells move in place that are active, then the others.

    Parameters
    ----------
    model, state, circuit, lines, ruler
        As in `Coupling`.
    k : int
        Which segment.
    active : (cells,) bool
        Cells that move.
    lead : int
        The active cell that moves most: its load is the load of all, and what its column's limit
        does is a limit of its own source.
    begin_s : float
        When the segment begins.
    """

    def __init__(
        self, model: Device, state: State, circuit: Circuit, lines: LineDrive, ruler: Ruler,
        k: int, active: Flags, lead: int, begin_s: float,
    ) -> None:  # fmt: skip
        self._model, self._state, self._circuit, self._ruler = model, state, circuit, ruler
        self._row_v = lines.row_start_v[k], lines.row_stop_v[k]
        self._column_v = lines.column_start_v[k], lines.column_stop_v[k]
        self._steady = all(np.array_equal(*side) for side in (self._row_v, self._column_v))
        self._lasting_s, self._begin_s = float(lines.duration_s[k]), begin_s
        self._columns, self._limit_a = len(lines.floating_columns), lines.limit_a
        self._active, self._still = np.flatnonzero(active), np.flatnonzero(~active)
        self._lead, self._ohm, self._clamped = lead, 0.0, True

    def take(self, begin: Point, end: Point) -> Point:
        """Take all steps, given the network at both ends for the cells as they are now.

        Returns the network at the end.

        Raises
        ------
        NotSupported
            No step is small enough.
        """
        left, size, seen = 1.0, 1.0, [(0.0, begin)]
        known: Point | None = end
        earlier: tuple[float, Point, Point] | None = None
        self._load(begin, end)
        while left > 0.0:
            size = min(size, left)
            share, point = seen[-1]
            same = point if self._steady else known or self._solve(share + size, point)
            known = None
            step = self._try(share, size, point, self._ahead(same, size, earlier))
            if step.error > 1.0:
                size *= max(0.1, 0.7 / math.sqrt(step.error))
                if size < _LEAST_STEP:
                    raise self._lost()
                continue
            left = left - size if size < left else 0.0
            earlier = size, same, step.end
            seen += [(share + 0.5 * size, step.middle), (1.0 - left, step.end)]
            size *= min(5.0, 0.9 * max(step.error, 1e-9) ** (-1 / 3))
            if left > 0.0:
                self._lead = int(self._active[step.moved.argmax()])
                self._load(step.end, step.end)
            if len(seen) >= _MOST_KNOTS:
                self._follow(seen)
                seen = seen[-1:]
        self._follow(seen)
        return seen[-1][1]

    def _load(self, begin: Point, end: Point) -> None:
        """Choose the load behind which cells are played: what the lead sees where it sees most.

        While the limit holds, that is what it sees of the others. Where it sees hardly any, what
        the limit leaves to it is a limit of its own source instead.
        """
        if begin.held:
            self._ohm, self._clamped = self._circuit.seen_ohm(begin, self._lead, held=True), False
            if self._ohm <= self._most_ohm(begin):
                return
        strong = max(begin, end, key=lambda point: abs(float(point.memory_v[self._lead])))
        seen_ohm = self._circuit.seen_ohm(strong, self._lead, held=False)
        ohm = min(seen_ohm, self._most_ohm(strong))
        self._ohm, self._clamped = ohm if ohm < math.inf else 0.0, True

    def _most_ohm(self, point: Point) -> float:
        """Give a multiple of the resistance that the lead has."""
        volt, ampere = (abs(float(side[self._lead])) for side in (point.memory_v, point.memory_a))
        return _MOST_LOAD * volt / ampere if ampere > 0.0 else math.inf

    def _lost(self) -> NotSupported:
        row, column = divmod(self._lead, self._columns)
        return NotSupported(
            f"cell R{row + 1}C{column + 1} changes so fast that the array cannot be "
            f"followed in steps of {_LEAST_STEP * self._lasting_s:.2g} s; give the array a larger "
            "tolerance, or its lines more resistance"
        )

    def _follow(self, seen: list[tuple[float, Point]]) -> None:
        """Take the cells that are still through what they saw."""
        if not self._still.size:
            return
        shares = np.array([share for share, _ in seen])
        volts = np.array([point.memory_v[self._still] for _, point in seen])
        state = self._state[self._still]
        drive = seen_drive(
            np.diff(shares) * self._lasting_s, volts[:-1], volts[1:],
            start_s=self._begin_s + shares[0] * self._lasting_s,
        )  # fmt: skip
        self._model.play(state, np.arange(len(state)), drive)
        self._state[self._still] = state

    def _ahead(self, same: Point, size: float, earlier: tuple[float, Point, Point] | None) -> Seen:
        """Predict what the cells will see at the end of a step.

        *same* is the network there for the cells as they are. What they become adds to that as it
        did in the step before.
        """
        ahead = self._seen(same)
        if earlier is None:
            return ahead
        before, *points = earlier
        told, came = (self._seen(point).behind_v for point in points)
        return Seen(ahead.behind_v + (came - told) * (size / before), ahead.left_a)

    def _try(self, share: float, size: float, begin: Point, ahead: Seen) -> Step:
        """Try a step of a size from a share of the segment on; the cells move if it is good.

        *ahead* is what they are expected to see at its end.
        """
        cells, state = self._active, self._state
        before, first = state[cells], self._seen(begin)
        straight = self._played(before, share, size, _line(first, ahead))
        state[cells] = straight
        end = self._solve(share + size, begin)
        last = self._seen(end)
        state[cells] = self._played(before, share, 0.5 * size, _line(first, last), half=True)
        middle = self._solve(share + 0.5 * size, end)
        after = self._played(before, share, size, (first, self._seen(middle), last))
        moved = self._ruler.moves(before, after, cells)
        error = float(self._ruler.moves(straight, after, cells).max())
        far = moved > _FAR / self._ruler.tolerance
        for told, found in ((ahead, last), (_line(first, last)[1], self._seen(middle))):
            error = max(error, _surprise(told.behind_v[far], found.behind_v[far]))
        state[cells] = after if error <= 1.0 else before
        if _SURE < error <= 1.0:
            end = self._solve(share + size, end)
        return Step(error, moved, middle, end)

    def _solve(self, share: float, near: Point) -> Point:
        """Solve the network after a share of the segment."""
        row_v, column_v = (
            side[1] if share > 1.0 - _ROUNDING else side[0] + share * (side[1] - side[0])
            for side in (self._row_v, self._column_v)
        )
        return self._circuit.solve(row_v, column_v, near, roughly=True)

    def _seen(self, point: Point) -> Seen:
        """Tell what the active cells see of an operating point."""
        behind_v: Floats = point.memory_v[self._active] + self._ohm * point.memory_a[self._active]
        column, own_a = self._circuit.limited_column, float(point.memory_a[self._lead])
        clamped = self._clamped and self._lead % self._columns == column
        if self._limit_a == math.inf or not clamped:
            return Seen(behind_v, math.inf)
        if not point.held:
            others_a = float(point.operating.column_a[column]) - own_a
            return Seen(behind_v, self._limit_a - math.copysign(1.0, own_a) * others_a)
        if point.held * own_a <= 0.0:
            return Seen(behind_v, math.inf)
        behind_v[self._active == self._lead] += point.pull_v
        return Seen(behind_v, abs(own_a))

    def _played(
        self, before: State, share: float, size: float, way: tuple[Seen, Seen, Seen], *,
        half: bool = False,
    ) -> State:  # fmt: skip
        """Take the active cells' states through parabolas in time, or only to their middle.

        *size* is how much of the segment is played; the limit acts on the lead alone.
        """
        pieces = len(_CENTRES) // 2 if half else len(_CENTRES)
        knots_v = _parabola(_CUTS[: pieces + 1, None], *(seen.behind_v for seen in way))
        duration_s = np.full(pieces, size * self._lasting_s / pieces)
        begin_s, after = self._begin_s + share * self._lasting_s, before.copy()
        places = np.arange(len(after))
        if all(seen.left_a < math.inf for seen in way):
            limits_a = _parabola(_CENTRES[:pieces], *(np.full(1, seen.left_a) for seen in way))
            led = self._active == self._lead
            places = np.flatnonzero(~led)
            for k, limit_a in enumerate(np.maximum(limits_a, _LEAST_LIMIT * self._limit_a)):
                self._play(
                    after, np.flatnonzero(led), duration_s[k : k + 1], knots_v[k : k + 2],
                    begin_s + k * duration_s[0], float(limit_a),
                )  # fmt: skip
        if places.size:
            self._play(after, places, duration_s, knots_v, begin_s)
        return after

    def _play(
        self, state: State, places: Places, duration_s: Floats, knots_v: Floats, begin_s: float,
        limit_a: float = math.inf,
    ) -> None:  # fmt: skip
        """Take some of the active cells through voltages behind the load."""
        drive = seen_drive(
            duration_s, knots_v[:-1, places], knots_v[1:, places], source_ohm=self._ohm,
            limit_a=limit_a, start_s=begin_s,
        )  # fmt: skip
        self._model.play(state, places, drive)


def _surprise(told_v: Floats, found_v: Floats) -> float:
    """Measure how far what cells see is off what it was taken for, in what is allowed."""
    off_v, allowed_v = np.abs(found_v - told_v), _MOST_SURPRISE * np.abs(found_v)
    return float((off_v / np.maximum(allowed_v, 1e-300)).max(initial=0.0))


def _line(first: Seen, last: Seen) -> tuple[Seen, Seen, Seen]:
    """Give what is seen at the beginning, the middle and the end of a straight way."""
    middle = Seen(0.5 * (first.behind_v + last.behind_v), 0.5 * (first.left_a + last.left_a))
    return first, middle, last


def _parabola(at: Floats, first: Floats, middle: Floats, last: Floats) -> Floats:
    """Evaluate the parabola through values at 0, 1/2 and 1."""
    bend = first - 2.0 * middle + last
    value: Floats = first + at * (last - first) - 2.0 * at * (1.0 - at) * bend
    return value
