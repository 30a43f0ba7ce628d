"""Takes cells through a drive of their lines: what they see follows from what they become.

Without capacitances the voltages of an array follow its sources and the states of its cells at
once, so that writing is a system of ordinary differential equations with the network inside. It is
solved by relaxation with matched sources: over a step each cell is played by its own model behind
a resistance R and a voltage E(t) = v + R i, with v and i from the network. With R what the cell
sees of its lines, E does not change when this cell does: a SET that runs away is one step, and its
model takes it as it would behind a resistor (E. Lelarasmee, A. Ruehli, A. Sangiovanni-Vincentelli,
IEEE Trans. CAD 1(3) 131 (1982), doi 10.1109/TCAD.1982.1270004: waveform relaxation; M. Gander and
A. Ruehli, IEEE TCAS-I 51(4) 755 (2004): why E rather than v).

A step is played twice: with E on a straight line to where it would end, and with E on a parabola
through what the network says of its middle and its end. The difference of the two states is the
estimate of the error of the first; the second is kept. Both are cut at the same times, so that
neither the errors of a model's own steps nor its random numbers differ between them. A step that
is tried again begins from the kept state, and so with the same numbers. Models that draw for each
part of a segment (the diffusion of Stanford's gap) draw others where steps end elsewhere: the
statistics are the same, the single number is not.
"""

import numpy as np

from hil.simulators.crossbar.line_drive import Flags, Floats, LineDrive, LineTerminal
from hil.simulators.crossbar.writing.circuit import Circuit, Point
from hil.simulators.crossbar.writing.moves import Ruler, seen_drive
from hil.simulators.crossbar.writing.record import Record
from hil.simulators.crossbar.writing.steps import Steps
from hil.simulators.models.model import Device, State

_STILL = 0.1
"""A cell that moves by less than this part of a tolerance in a segment is still: its lines do not
notice, and it is played once, over what it saw, when the segment has been solved."""

_MOST_RUN = 16
"""At most so many segments are tried in one go as if no cell moved."""


class Coupling:
    """One drive of an array; the state moves in place.

    Parameters
    ----------
    model : Device
    state : (cells,) structured array
    circuit : Circuit
        Whose law is in this state.
    lines : LineDrive
    tolerance : float
        Largest error of one step, see `Ruler`.
    """

    def __init__(
        self,
        model: Device,
        state: State,
        circuit: Circuit,
        lines: LineDrive,
        tolerance: float,
    ) -> None:
        self._model, self._state, self._circuit, self._lines = model, state, circuit, lines
        self._ruler = Ruler(model, state, tolerance)
        self._record = Record(model, state, circuit, lines)
        self._every = np.arange(len(state))
        self._now_s = lines.start_s
        self._point: Point | None = None
        self._at: tuple[Floats, Floats] | None = None

    def run(self) -> LineTerminal:
        """Play all segments."""
        if self._model.ages:
            nothing = np.zeros((1, len(self._state)))
            self._play(np.zeros(1), nothing, nothing)
        first, segments = 0, len(self._lines.duration_s)
        while first < segments:
            end = self._run_end(first)
            if not self._passes(first, end):
                for k in range(first, end):
                    if end - first == 1 or not self._passes(k, k + 1):
                        self._moves(k)
            first = end
        return self._record.terminal()

    def _run_end(self, first: int) -> int:
        """Find where lines that leave 0 V are back there, or where it is enough.

        Cells that change with time by themselves are looked at after each segment.
        """
        last = min(first + (1 if self._model.ages else _MOST_RUN), len(self._lines.duration_s))
        for k in range(first, last):
            if not (self._lines.row_stop_v[k].any() or self._lines.column_stop_v[k].any()):
                return k + 1
        return last

    def _instant(self, k: int, at_end: bool) -> Point:
        """Solve at an end of a segment for the cells as they are, unless that is known."""
        lines = self._lines
        row_v, column_v = (
            (lines.row_stop_v[k], lines.column_stop_v[k])
            if at_end
            else (lines.row_start_v[k], lines.column_start_v[k])
        )
        known = self._point
        if known is not None and self._at is not None and _same(self._at, (row_v, column_v)):
            return known
        self._point = self._circuit.solve(row_v, column_v, known)
        self._at = row_v, column_v
        return self._point

    def _play(self, duration_s: Floats, start_v: Floats, stop_v: Floats) -> None:
        """Take all cells through voltages (segments, cells), from now on."""
        drive = seen_drive(duration_s, start_v, stop_v, start_s=self._now_s)
        self._model.play(self._state, self._every, drive)

    def _passes(self, first: int, end: int) -> bool:
        """Play segments in one go if no cell moves by so much that its lines would notice.

        Else nothing has happened, and what moved is kept for `_moves`. Where no line has a voltage
        there is nothing to notice.
        """
        begins, ends = [], []
        for k in range(first, end):
            begins.append(self._instant(k, at_end=False))
            ends.append(self._instant(k, at_end=True))
        self._before, self._ends = self._state.copy(), (begins[-1], ends[-1])
        start_v, stop_v = (np.array([point.memory_v for point in side]) for side in (begins, ends))
        self._play(self._lines.duration_s[first:end], start_v, stop_v)
        self._moved = self._ruler.moves(self._before, self._state)
        dark = not any(point.row_v.any() or point.column_v.any() for point in begins + ends)
        if (self._moved > _STILL).any() and not dark:
            self._state[:] = self._before
            if end - first > 1:
                self._point = None
            return False
        if self._moved.any():
            self._at = None  # what adds up over many segments must be seen
        for k, point in zip(range(first, end), ends, strict=True):
            self._now_s += float(self._lines.duration_s[k])
            if self._lines.measured[k]:
                self._record.add(point, self._now_s)
        return True

    def _moves(self, k: int) -> None:
        """Play a segment in which cells move, by steps.

        A cell that seemed to be still and is not, as the others have moved, is played with those
        that move, from the segment's beginning.
        """
        before, (begin, end) = self._before, self._ends
        active: Flags = self._moved > _STILL
        lead = int(self._moved.argmax())
        while True:
            steps = Steps(
                self._model, self._state, self._circuit, self._lines, self._ruler, k, active, lead,
                self._now_s,
            )  # fmt: skip
            last = steps.take(begin, end)
            late = (self._ruler.moves(before, self._state) > 1.0) & ~active
            if not late.any():
                break
            self._state[:] = before
            active = active | late
        self._point, self._at = last, (self._lines.row_stop_v[k], self._lines.column_stop_v[k])
        self._now_s += float(self._lines.duration_s[k])
        if self._lines.measured[k]:
            self._record.add(last, self._now_s)


def _same(one: tuple[Floats, Floats], other: tuple[Floats, Floats]) -> bool:
    """Tell whether two sets of sources are equal."""
    return all(np.array_equal(*side) for side in zip(one, other, strict=True))
