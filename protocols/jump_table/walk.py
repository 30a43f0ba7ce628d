"""Where each cell is on its way: being brought to a start, walking in the window, or finished."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.bench import Bench
from hil.cells import Indices
from hil.errors import CellFault
from hil.protocol import RunView, Table
from hil.readings import Readings
from hil.units import format_quantity

if TYPE_CHECKING:
    from hil.protocols.jump_table.collect import JumpTableCollection

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

READ = ("read_after_v", "read_after_a", "time_after_s", "conductance_after_s")
"""What is remembered of a cell's last read: voltage, current, time, conductance."""


class Due(NamedTuple):
    """Who is next, as rows of the group, and how many random pulses (0: one closed-loop pulse)."""

    rows: Indices
    pulses: int


class Before(NamedTuple):
    """What cells were like before a pulse: each (cells,), the last read (4, cells)."""

    cells: Indices
    segment: NDArray[np.int64]
    attempt: NDArray[np.int64]
    read: Floats


class Walk:
    """The state of a group of cells; all of it follows from their records, so a run can resume.

    Attributes
    ----------
    cells : (cells,) int64
        Which cells of the bench; all other arrays run along them.
    segment, attempt : (cells,) int64
        Number of the walk, and of the closed-loop pulses to its start so far.
    remaining : (cells, amplitudes) int64
        Points that are still to be taken.
    placing : (cells,) bool
        Whether the cell is on its way to the start of a walk.
    last : (4, cells) float64
        The last read of each cell (`READ`), NaN before the first and after a resume on a bench
        that cannot bring its cells back: they are looked at anew.
    """

    def __init__(
        self, protocol: "JumpTableCollection", bench: Bench, run: RunView, cells: Indices
    ) -> None:
        self.protocol = protocol
        self.bench = bench
        self.run = run
        self.cells = cells
        count = len(cells)
        self.voltages_v = np.array(protocol.voltages_v)
        self.segment = np.full(count, -1)
        self.attempt = np.zeros(count, np.int64)
        self.remaining = np.full((count, len(self.voltages_v)), protocol.points or 0)
        self.placing = np.zeros(count, bool)
        self.last = np.full((len(READ), count), np.nan)
        self._left = self.remaining.sum(axis=1)
        self._draws = np.zeros(count, np.int64)
        self._target_s = np.full(count, np.nan)
        self._ladders_v = _ladders(self.voltages_v * bench.sets_at)
        self._rung = np.full(count, -1)
        self._upwards = np.zeros(count, bool)
        self._open_s, self._shorted_s = protocol.open_s, protocol.shorted_s
        self._due: Due | None = None
        self._found: CellFault | None = None
        self._seen: list[tuple[Indices, Floats]] = []
        self._remember(run.past)
        if run.seam:
            self.last[:] = np.nan

    def unseen(self) -> Indices:
        """Rows of the cells that have not been read yet."""
        return np.flatnonzero(np.isnan(self.last[3]) & (self._left > 0))

    def due(self) -> Due:
        """Tell who is next: the cell that has waited longest, and all that need the same as it.

        The choice follows from the records alone, so a resumed run makes the same.
        """
        if self._due is None:
            waiting = np.flatnonzero(self._left > 0)
            if not waiting.size:
                return Due(waiting, 0)
            wanted = np.minimum(self._left, self.protocol.pulses_per_program) * ~self.placing
            first = waiting[self.last[2, waiting].argmin()]
            alike = (wanted == wanted[first]) & (self._left > 0)
            self._due = Due(np.flatnonzero(alike), int(wanted[first]))
        return self._due

    def before(self, rows: Indices) -> Before:
        """Tell what these cells are like now."""
        return Before(self.cells[rows], self.segment[rows], self.attempt[rows], self.last[:, rows])

    def looked(self, rows: Indices, readings: Readings) -> None:
        """Take in a read without a pulse."""
        self._see(rows, readings)
        self._start_anew(rows)

    def next_step_v(self, rows: Indices) -> Floats:
        """Choose closed-loop pulses: the weakest at first and after a crossing, then stronger."""
        upwards = self.last[3, rows] < self._target_s[rows]
        again = (self._rung[rows] >= 0) & (upwards == self._upwards[rows])
        down_v, up_v = self._ladders_v
        rung = np.where(again, self._rung[rows] + 1, 0)
        rung = np.minimum(rung, np.where(upwards, len(up_v), len(down_v)) - 1)
        self._rung[rows], self._upwards[rows] = rung, upwards
        self.attempt[rows] += 1
        step_v: Floats = np.where(upwards, up_v[rung % len(up_v)], down_v[rung % len(down_v)])
        return step_v * self.bench.sets_at

    def placed(self, rows: Indices, readings: Readings) -> None:
        """Take in the read after a closed-loop pulse."""
        self._see(rows, readings)
        self._arrive(rows)
        if self.attempt[rows].max() >= self.protocol.attempts:
            self._find_stubborn(rows)

    def draw(self, rows: Indices, pulses: int) -> NDArray[np.int64]:
        """Draw amplitudes without replacement, (pulses, rows), as indices into `voltages_v`."""
        counts = self._draws[rows] + np.arange(pulses)[:, None]
        shares = self.run.uniform("amplitude", self.cells[rows], counts)
        deck = self.remaining[rows]
        chosen = np.empty((pulses, len(rows)), np.int64)
        every = np.arange(len(rows))
        for k in range(pulses):
            sums = deck.cumsum(axis=1)
            chosen[k] = (sums <= (shares[k] * sums[:, -1])[:, None]).sum(axis=1)
            if k < pulses - 1:
                deck[every, chosen[k]] -= 1
        self._draws[rows] += pulses
        return chosen

    def walked(self, rows: Indices, chosen: NDArray[np.int64], readings: Readings) -> Flags:
        """Take in reads after random pulses; returns which began in the window, (pulses, rows)."""
        begun = np.ones((1, len(rows)), bool)
        self._see(rows, readings)
        inside = self._inside(readings.conductance_s)
        if len(chosen) > 1:
            inside = np.logical_and.accumulate(inside, axis=0)
            begun = np.concatenate((begun, inside[:-1]))
        for indices, counted in zip(chosen, begun, strict=True):
            self.remaining[rows, indices] -= counted
            self._left[rows] -= counted
        if len(self.cells) > 1 or self._left[0] < self.protocol.pulses_per_program:
            self._due = None
        if not inside[-1].all():
            self._start_anew(rows[~inside[-1]])
        return begun

    def stop_at_fault(self) -> None:
        """Raise CellFault if the last reads showed a dead cell; they are records by then."""
        if self._found is not None:
            raise self._found

    def _see(self, rows: Indices, readings: Readings) -> None:
        conductance_s = readings.conductance_s
        last = self.last
        last[0, rows] = readings.voltage_v[-1]
        last[1, rows] = readings.current_a[-1]
        last[2, rows] = readings.time_s[-1]
        last[3, rows] = conductance_s[-1]
        alive = (conductance_s > self._open_s) & (conductance_s < self._shorted_s)
        if not (alive & ~readings.limited).all():
            self._find_dead(rows, conductance_s, readings.limited)
        self._seen.append((rows, conductance_s))
        if len(self._seen) > 2 * self.protocol.attempts:
            self._find_stuck()

    def _inside(self, conductance_s: Floats) -> Flags:
        low_s, high_s = self.protocol.window_low_s, self.protocol.window_high_s
        return (conductance_s >= low_s) & (conductance_s <= high_s)

    def _draw_target_s(self, rows: Indices) -> Floats:
        low_s, high_s = self.protocol.window_low_s, self.protocol.window_high_s
        share: Floats = self.run.uniform("start", self.cells[rows], self.segment[rows][None])[0]
        return low_s + (high_s - low_s) * share

    def _start_anew(self, rows: Indices) -> None:
        self.segment[rows] += 1
        self.attempt[rows] = 0
        self._rung[rows] = -1
        self._target_s[rows] = self._draw_target_s(rows)
        self._arrive(rows)

    def _arrive(self, rows: Indices) -> None:
        at_s = self.last[3, rows]
        near = np.abs(at_s - self._target_s[rows]) <= self.protocol.tolerance_s
        self.placing[rows] = ~(near & self._inside(at_s))
        self._due = None

    def _remember(self, past: Table) -> None:
        """Take up the records of an earlier start of the run."""
        if not past:
            return
        for row, cell in enumerate(self.cells):
            mine = np.flatnonzero(past["cell"] == cell)
            if mine.size:
                self._remember_cell(row, {name: values[mine] for name, values in past.items()})

    def _remember_cell(self, row: int, mine: Table) -> None:
        points = mine["kind"] == "point"
        counted = mine["pulse_voltage_v"][points & (mine["in_window"] == 1)]
        self.remaining[row] -= (counted[:, None] == self.voltages_v).sum(axis=0)
        self._left[row] = self.remaining[row].sum()
        self._draws[row] = points.sum()
        self.segment[row] = mine["segment"][-1]
        self.attempt[row] = mine["attempt"][-1]
        self.last[:, row] = [mine[name][-1] for name in READ]
        rows, kind = np.array([row]), mine["kind"][-1]
        if kind == "place":
            step_v = mine["pulse_voltage_v"][-1] * self.bench.sets_at
            self._target_s[row] = self._draw_target_s(rows)[0]
            self._upwards[row] = step_v > 0
            self._rung[row] = np.flatnonzero(self._ladders_v[int(step_v > 0)] == step_v)[0]
            self._arrive(rows)
        elif kind == "look" or not (mine["in_window"][-1] and self._inside(self.last[3, row])):
            self._start_anew(rows)

    def _find_dead(self, rows: Indices, conductance_s: Floats, limited: Flags) -> None:
        """Find a cell that is open or shorted."""
        shorted = (conductance_s >= self.protocol.shorted_s) | limited
        dead = shorted | ~(conductance_s > self.protocol.open_s)
        reading, at = np.argwhere(dead)[0]
        read_s = format_quantity(float(conductance_s[reading, at]), "S")
        what = f"is {'shorted' if shorted[reading, at] else 'open'}: its read gives {read_s}"
        self._fault(rows[at], what, "look at the contact, then take another cell")

    def _find_stuck(self) -> None:
        """Find a cell that stayed within the tolerance over many pulses."""
        lowest_s, highest_s = np.full((2, len(self.cells)), np.inf)
        for rows, conductance_s in self._seen:
            lowest_s[rows] = np.minimum(lowest_s[rows], conductance_s.min(axis=0))
            highest_s[rows] = np.minimum(highest_s[rows], -conductance_s.max(axis=0))
        looks = np.bincount(np.concatenate([rows for rows, _ in self._seen]))
        often = np.flatnonzero(looks >= self.protocol.attempts)
        for row in often[-highest_s[often] - lowest_s[often] < self.protocol.tolerance_s]:
            stuck_s = format_quantity(float(self.last[3, row]), "S")
            remedy = "take another cell, or larger amplitudes with --set voltages_v=..."
            self._fault(row, f"is stuck at {stuck_s}", remedy)
        self._seen.clear()

    def _find_stubborn(self, rows: Indices) -> None:
        for row in rows[self.placing[rows] & (self.attempt[rows] >= self.protocol.attempts)]:
            target_s = format_quantity(float(self._target_s[row]), "S")
            reached_s = format_quantity(float(self.last[3, row]), "S")
            effort = f"{self.protocol.attempts} pulses did not bring it to {target_s}"
            remedy = (
                "take larger amplitudes, a wider tolerance_s, a narrower window, or another cell"
            )
            self._fault(row, f"is stuck at {reached_s}: {effort}", remedy)

    def _fault(self, row: int | np.int64, what: str, remedy: str) -> None:
        name = self.bench.cells.name(int(self.cells[row]))
        device = self.bench.sample.device
        text = f"{name}{f' of {device}' if device else ''} {what}; {remedy}"
        self._found = self._found or CellFault(text)


def _ladders(voltages_v: Floats) -> tuple[Floats, Floats]:
    """Sort amplitudes from weak to strong: those that lower the conductance, those that raise."""
    ordered = voltages_v[np.argsort(np.abs(voltages_v))]
    return ordered[ordered < 0], ordered[ordered > 0]
