"""What waiting does to a programmed cell: its conductance drifts and spreads with log time."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.draws import normals
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.layers.layer import Columns, Layer
from hil.simulators.models.model import Device, State
from hil.simulators.models.streams import RELAXATION
from hil.units import quantity

_PER_DECADE = 24
"""At so many ages a decade, evenly in log time, a cell moves; between them it is where it was."""

_STEP = math.log(10.0) / _PER_DECADE

_FRESH = 1 << 30
"""Number of the last age of a fresh cell: it has rested for ever."""

Units = list[list[int]]


class Relaxation(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Drift and random relaxation of the state at rest, a random walk in the logarithm of time.

    From an age a to an age b (time since the last voltage beyond `rest_v`, at least `onset_s`)
    the conductance at `read_v` changes by ``ln(G_b/G_a) = -drift ln(b/a) + spread sqrt(log10(b/a))
    N(0, 1)``: the power law (t/onset)^-drift, and a variance that grows evenly with log time, as
    10,000 HfOx cells relaxed over 10 ms to 10,000 s (A. Levy, RRAM-Relaxation-Master-Model,
    technology B: at 5 to 20 uS the standard deviation of ln G grows from 0.04 to 0.16, which is
    0.06 in a decade). At the ends of its range the walk is reflected.

    The memory of the cell itself moves and the next pulse begins there. It moves at 24 ages in a
    decade, so a reading is of an age at most 10 % less than its own, however a rest is made up of
    segments and programs; among cells of different ages that are driven together, for all but the
    youngest at most 10 % and one segment. Each move takes milliseconds on the wall.

    Not modelled: temperature, and that states in between relax more than LRS.
    """

    drift: Annotated[float, quantity("1", "exponent of the power law; above 0 G falls")] = 0.0
    spread: Annotated[
        float, quantity("1", "standard deviation of ln G after one decade of time", ge=0)
    ] = 0.06
    onset_s: Annotated[float, quantity("s", "age before which nothing relaxes", gt=0)] = 1e-3
    rest_v: Annotated[float, quantity("V", "up to here a cell is at rest", ge=0)] = 0.25
    read_v: Annotated[float, quantity("V", "where the conductance is meant", gt=0)] = 0.1

    own_columns: ClassVar[Columns] = (
        ("age_s", np.float64),
        ("steps", np.int64),
        ("seen_s", np.float64),
        ("relaxations", np.int64),
    )
    """Age; steps that were taken at it; when the cell was driven last; numbers drawn."""
    needed_columns: ClassVar[tuple[str, ...]] = ("age_s", "steps", "seen_s", "relaxations")
    ages: ClassVar[bool] = True

    def start(self, inner: Device, state: State) -> None:
        """Make fresh cells."""
        state["steps"] = _FRESH
        inner.start(state)

    def play(
        self, inner: Device, state: State, cells: NDArray[np.int64], drive: Drive
    ) -> Terminal:
        """Take cells through a drive in pieces, between which they relax."""
        state["age_s"][cells] += np.maximum(drive.start_s - state["seen_s"][cells], 0.0)
        self._relax(inner, state, cells, state["age_s"][cells])
        youngest_s = state["age_s"][cells]
        if drive.columns == 1:
            youngest_s = youngest_s.min(keepdims=True)
        since_s, seen = np.zeros(drive.columns), []
        for units in self._pieces(drive, youngest_s):
            piece = replace(drive, units=np.array(units), start_s=drive.start_s + since_s)
            self._relax(inner, state, cells, self._age_after(drive, units[0][0], state, cells))
            seen.append(inner.play(state, cells, piece))
            self._grow(state, cells, piece)
            since_s = since_s + piece.lasting_s
        state["seen_s"][cells] = drive.start_s + drive.lasting_s
        return Terminal(*(np.concatenate(part) for part in zip(*seen, strict=True)))

    def _relax(self, inner: Device, state: State, cells: NDArray[np.int64], age_s: Floats) -> None:
        """Move cells by the steps that they have not taken up to an age, (cells,)."""
        due = self._steps(age_s) - state["steps"][cells]
        here, due = cells[due > 0], due[due > 0]
        if not here.size:
            return
        turn = np.arange(due.max())[:, None]
        counts = (state["relaxations"][here] + turn).astype(np.uint64)
        noise = np.where(turn < due, normals(state["key"][here], RELAXATION, counts), 0.0)
        change = self.spread / math.sqrt(_PER_DECADE) * noise.sum(axis=0)
        change -= self.drift * _STEP * due
        state["steps"][here] += due
        state["relaxations"][here] += due
        own = state[here]
        low, high = np.log(inner.reach_s(own, self.read_v))
        wanted = np.log(inner.current_a(own, self.read_v) / self.read_v) + change
        wanted = np.where(wanted > high, 2 * high - wanted, wanted)
        wanted = np.where(wanted < low, 2 * low - wanted, wanted)
        inner.preset(state, here, np.exp(np.clip(wanted, low, high)), self.read_v)

    def _steps(self, age_s: Floats) -> NDArray[np.int64]:
        """Count the steps up to an age."""
        decades = np.log10(np.maximum(age_s, self.onset_s) / self.onset_s)
        return np.floor(decades * _PER_DECADE * (1 + 1e-12)).astype(np.int64)

    def _age_after(
        self, drive: Drive, segment: int, state: State, cells: NDArray[np.int64]
    ) -> Floats:
        """Tell how old cells will be after a segment that they rest in; 0 if they do not."""
        older_s = state["age_s"][cells] + drive.duration_s[segment]
        return np.where(self._quiet(drive)[segment], older_s, 0.0)

    def _grow(self, state: State, cells: NDArray[np.int64], piece: Drive) -> None:
        """Add a piece to the ages of cells; a stress makes them young."""
        stressed, quiet_s = np.zeros(piece.columns, np.bool_), np.zeros(piece.columns)
        quiet = self._quiet(piece)
        for first, last, repeats in piece.units[::-1].tolist():
            trailing, whole = _trailing(quiet[first:last], piece.duration_s[first:last])
            quiet_s += np.where(stressed, 0.0, np.where(whole, repeats, 1) * trailing)
            stressed |= ~whole
        state["age_s"][cells] = np.where(stressed, 0.0, state["age_s"][cells]) + quiet_s
        state["steps"][cells] = np.where(stressed, 0, state["steps"][cells])

    def _quiet(self, drive: Drive) -> NDArray[np.bool_]:
        """Tell in which segments cells are at rest, (segments, columns)."""
        return np.maximum(np.abs(drive.start_v), np.abs(drive.stop_v)) <= self.rest_v

    def _pieces(self, drive: Drive, age_s: Floats) -> Iterator[Units]:
        """Cut a drive before each segment in which a cell, the youngest, has a step to take."""
        quiet, together = self._quiet(drive), list[list[int]]()
        for first, last, repeats in drive.units.tolist():
            rests, lasting_s = quiet[first:last], drive.duration_s[first:last]
            trailing, whole = _trailing(rests, lasting_s)
            left = repeats
            while left:
                more = self._whole_units(age_s, rests, lasting_s, left)
                if more:
                    together.append([first, last, more])
                    age_s = np.where(whole, age_s + more * trailing, trailing)
                    left -= more
                    continue
                for segment in range(first, last):
                    older_s = np.where(quiet[segment], age_s + drive.duration_s[segment], 0.0)
                    if together and (self._steps(older_s) > self._steps(age_s)).any():
                        yield together
                        together = []
                    _append(together, segment)
                    age_s = older_s
                left -= 1
        if together:
            yield together

    def _whole_units(
        self, age_s: Floats, rests: NDArray[np.bool_], lasting_s: Floats, most: int
    ) -> int:
        """Count the repeats of a unit from an age on before a step falls into one."""
        trailing, whole = _trailing(rests, lasting_s)
        leading, _ = _trailing(rests[::-1], lasting_s[::-1])
        first_s, next_s = self._step_s(0), self._step_s(self._steps(age_s))
        resting = np.floor((next_s - age_s) / np.maximum(trailing, 1e-300) * (1 - 1e-9))
        begins = (age_s + leading < next_s) & (_longest(rests, lasting_s) < first_s)
        goes_on = trailing + leading < first_s
        stressed = np.where(begins, np.where(goes_on, most, 1), 0)
        return int(min(most, np.where(whole, resting, stressed).min()))

    def _step_s(self, number: int | NDArray[np.int64]) -> Floats:
        """Tell at which age the step after a number of steps comes."""
        return np.asarray(self.onset_s * 10 ** ((number + 1) / _PER_DECADE))


def _append(units: Units, segment: int) -> None:
    """Add a segment to a piece."""
    if units and units[-1][1] == segment and units[-1][2] == 1:
        units[-1][1] += 1
    else:
        units.append([segment, segment + 1, 1])


def _trailing(rests: NDArray[np.bool_], lasting_s: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Tell how long each column rests at the end of a unit, and whether all through it."""
    at_end = np.logical_and.accumulate(rests[::-1], axis=0)[::-1]
    return (lasting_s * at_end).sum(axis=0), np.asarray(rests.all(axis=0))


def _longest(rests: NDArray[np.bool_], lasting_s: Floats) -> Floats:
    """Tell how long each column rests at the most in a unit, without a break."""
    run, longest = np.zeros(rests.shape[1]), np.zeros(rests.shape[1])
    for quiet, duration_s in zip(rests, lasting_s, strict=True):
        run = np.where(quiet, run + duration_s, 0.0)
        longest = np.maximum(longest, run)
    return longest
