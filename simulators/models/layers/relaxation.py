"""What waiting does to a programmed cell: its conductance drifts and spreads with log time."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from hil.draws import normals
from hil.simulators.models.layers.layer import Columns, Layer
from hil.simulators.models.model import Device, Drive, Floats, State, Terminal
from hil.simulators.models.streams import RELAXATION
from hil.units import quantity


class Relaxation(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Drift and random relaxation of the state at rest, a random walk in the logarithm of time.

    From an age a to an age b (time since the last voltage beyond `rest_v`, at least `onset_s`)
    the conductance at `read_v` changes by ``ln(G_b/G_a) = -drift ln(b/a) + spread sqrt(log10(b/a))
    N(0, 1)``: the power law (t/onset)^-drift, and a variance that grows evenly with log time, as
    10,000 HfOx cells relaxed over 10 ms to 10,000 s (A. Levy, RRAM-Relaxation-Master-Model,
    technology B: at 5 to 20 uS the standard deviation of ln G grows from 0.04 to 0.16, which is
    0.06 in a decade).

    The memory of the cell itself moves and the next pulse begins there. What belongs to a stretch
    of rest shorter than `onset_s` is added up and shows after the next longer one, or at the end
    of the program. Not modelled: temperature, and that states in between relax more than LRS.
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
        ("relaxed_s", np.float64),
        ("seen_s", np.float64),
        ("relaxations", np.int64),
    )
    """Age; that up to which the cell has relaxed; when it was driven last; numbers drawn."""
    needed_columns: ClassVar[tuple[str, ...]] = ("age_s", "relaxed_s", "seen_s", "relaxations")
    ages: ClassVar[bool] = True

    def start(self, inner: Device, state: State) -> None:
        """Make fresh cells: they have rested for ever."""
        state["relaxed_s"] = np.inf
        inner.start(state)

    def play(
        self, inner: Device, state: State, cells: NDArray[np.int64], drive: Drive
    ) -> Terminal:
        """Take cells through a drive in pieces, between which they relax."""
        idle_s = np.maximum(drive.start_s - state["seen_s"][cells], 0.0)
        state["age_s"][cells] += idle_s
        self._relax(inner, state, cells[idle_s >= self.onset_s])
        seen = []
        for piece, alone in self._pieces(drive):
            stressed, quiet_s = self._quiet_s(piece, len(cells))
            resting = cells[~stressed]
            state["age_s"][resting] += quiet_s[~stressed]
            if alone:
                self._relax(inner, state, resting[quiet_s[~stressed] >= self.onset_s])
            seen.append(inner.play(state, cells, piece))
            state["relaxed_s"][cells[stressed]] = 0.0
            state["age_s"][cells[stressed]] = quiet_s[stressed]
        state["seen_s"][cells] = drive.start_s + drive.lasting_s
        return Terminal(*(np.concatenate(part) for part in zip(*seen, strict=True)))

    def _relax(self, inner: Device, state: State, cells: NDArray[np.int64]) -> None:
        """Let cells relax from the age that they have relaxed to up to the age that they have."""
        done_s = np.maximum(state["relaxed_s"][cells], self.onset_s)
        ratio = state["age_s"][cells] / done_s
        here, ratio = cells[ratio > 1], ratio[ratio > 1]
        if not here.size:
            return
        state["relaxed_s"][here] = state["age_s"][here]
        count = state["relaxations"][here].astype(np.uint64)
        noise = normals(state["key"][here], RELAXATION, count[None])[0]
        state["relaxations"][here] += 1
        change = self.spread * np.sqrt(np.log10(ratio)) * noise - self.drift * np.log(ratio)
        now_s = inner.current_a(state[here], self.read_v) / self.read_v
        inner.preset(state, here, now_s * np.exp(change), self.read_v)

    def _quiet_s(self, piece: Drive, cells: int) -> tuple[NDArray[np.bool_], Floats]:
        """Tell which cells are stressed in a piece, and how long each rests at its end."""
        quiet = self._quiet(piece)
        stressed, quiet_s = np.zeros(piece.columns, np.bool_), np.zeros(piece.columns)
        for first, last, repeats in piece.units[::-1].tolist():
            rests = np.logical_and.accumulate(quiet[first:last][::-1], axis=0)[::-1]
            lasting_s = piece.duration_s[first:last]
            once_s = (lasting_s * rests).sum(axis=0)
            whole = rests.all(axis=0)
            quiet_s += np.where(stressed, 0.0, np.where(whole, repeats * once_s, once_s))
            stressed |= ~whole
        return np.broadcast_to(stressed, cells), np.broadcast_to(quiet_s, cells)

    def _quiet(self, drive: Drive) -> NDArray[np.bool_]:
        """Tell in which segments cells are at rest, (segments, columns)."""
        return np.maximum(np.abs(drive.start_v), np.abs(drive.stop_v)) <= self.rest_v

    def _pieces(self, drive: Drive) -> Iterator[tuple[Drive, bool]]:
        """Cut a drive before and after each segment that is a long rest for some cell."""
        since_s = np.zeros(drive.columns)
        rests = self._quiet(drive) & (drive.duration_s >= self.onset_s)
        for units, alone in _cut(drive.units, np.asarray(rests.any(axis=1))):
            piece = replace(drive, units=np.array(units), start_s=drive.start_s + since_s)
            yield piece, alone
            since_s = since_s + piece.lasting_s


def _cut(
    units: NDArray[np.int64], long: NDArray[np.bool_]
) -> Iterator[tuple[list[list[int]], bool]]:
    """Split units so that each long rest stands alone; tells of each part whether it is one."""
    together: list[list[int]] = []
    for first, last, repeats in units.tolist():
        rests = first + np.flatnonzero(long[first:last])
        if not rests.size:
            together.append([first, last, repeats])
            continue
        for _ in range(repeats):
            begin = first
            for rest in rests.tolist():
                if begin < rest:
                    together.append([begin, rest, 1])
                if together:
                    yield together, False
                yield [[rest, rest + 1, 1]], True
                together, begin = [], rest + 1
            if begin < last:
                together.append([begin, last, 1])
    if together:
        yield together, False
