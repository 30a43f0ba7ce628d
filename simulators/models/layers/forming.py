"""Cells as they come from the deposition: they insulate until a first large voltage forms them."""

from dataclasses import replace
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.draws import uniforms
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.layers.layer import Columns, Layer, ohmic
from hil.simulators.models.model import Device, State
from hil.simulators.models.streams import FORMING
from hil.units import quantity


class Forming(Layer, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pristine cell is a resistor; a voltage above V_form across it makes it a working cell.

    It forms at once, in the polarity that SETs the device, and is then the fresh cell of the model
    inside, which the same voltage goes on to SET up to the compliance. V_form differs from cell to
    cell, evenly within +-spread. Not modelled: the time that forming takes at a lower voltage, the
    nonlinear leakage of the pristine stack, what forming does to the filament afterwards.
    """

    form_v: Annotated[float, quantity("V", "magnitude of the voltage that forms a cell", gt=0)]
    spread: Annotated[float, quantity("1", "relative half width of V_form", ge=0, lt=1)] = 0.0
    pristine_ohm: Annotated[float, quantity("ohm", "resistance of a pristine cell", gt=0)] = 100e6

    own_columns: ClassVar[Columns] = (("form_v", np.float64),)
    """Voltage that will form a cell, signed; 0 for one that is formed."""

    def start(self, inner: Device, state: State) -> None:
        """Make pristine cells."""
        share = uniforms(state["key"], FORMING, np.zeros((1, len(state)), np.uint64))[0]
        own_v = self.form_v * (1 + self.spread * (2 * share - 1))
        state["form_v"] = np.copysign(own_v, inner.sets_at)
        inner.start(state)

    def current_a(self, inner: Device, state: State, voltage_v: ArrayLike) -> Floats:
        """Ohm's law for pristine cells, the device's own for the others; nothing is formed."""
        flowing_a = np.asarray(voltage_v, float) / self.pristine_ohm
        return np.where(state["form_v"] != 0, flowing_a, inner.current_a(state, voltage_v))

    def linearised(
        self, inner: Device, state: State, voltage_v: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Ohm's law for pristine cells, the device's own for the others; nothing is formed."""
        return self.linearised_behind(inner, state, voltage_v, 0.0)

    def linearised_behind(
        self, inner: Device, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Likewise, a pristine cell and the resistance being one resistor."""
        pristine, whole_ohm = state["form_v"] != 0, self.pristine_ohm + series_ohm
        current_a, slope_s = inner.linearised_behind(state, voltage_v, series_ohm)
        flowing_a = np.asarray(voltage_v, float) / whole_ohm
        return (
            np.where(pristine, flowing_a, current_a),
            np.where(pristine, 1.0 / whole_ohm, slope_s),
        )

    def play(
        self, inner: Device, state: State, cells: NDArray[np.int64], drive: Drive
    ) -> Terminal:
        """Take cells through a drive; one that forms on the way goes on as the inner device."""
        pristine = state["form_v"][cells] != 0
        if not pristine.any():
            return inner.play(state, cells, drive)
        terminal = ohmic(np.full(len(cells), 1 / self.pristine_ohm), drive)
        formed = np.flatnonzero(~pristine)
        if formed.size:
            _fill(terminal, formed, inner.play(state, cells[formed], drive.of_columns(formed)))
        for place in np.flatnonzero(pristine).tolist():
            here = cells[place : place + 1]
            rest = self._after(drive, place, float(state["form_v"][here[0]]))
            if rest is not None:
                _fill(terminal, np.array([place]), inner.play(state, here, rest))
                state["form_v"][here] = 0.0
        return terminal

    def _after(self, drive: Drive, place: int, form_v: float) -> Drive | None:
        """Cut a drive where a pristine cell forms: what comes then, None if it does not form."""
        if abs(form_v) / self.pristine_ohm > drive.limit_a:
            return None
        own = drive.of_columns(np.array([place]))
        source_v = form_v * (1 + drive.source_ohm / self.pristine_ohm)
        start, stop = (side[:, 0] / source_v for side in (own.start_v, own.stop_v))
        forms = np.maximum(start, stop) >= 1
        since_s = 0.0
        for number, (first, last, repeats) in enumerate(own.units.tolist()):
            hit = first + np.flatnonzero(forms[first:last])
            if hit.size:
                return _rest(own, number, int(hit[0]), source_v, since_s)
            since_s += repeats * float(own.duration_s[first:last, 0].sum())
        return None


def _rest(drive: Drive, number: int, segment: int, source_v: float, since_s: float) -> Drive:
    """Give what is left of a drive of one column from a voltage within a segment on.

    The segment is the first of its unit, *number*, that reaches the voltage, in the unit's first
    repeat; *since_s* is when that unit begins. The rest begins with a jump from 0 V, so that an
    event model sees the whole pulse.
    """
    first, last, repeats = drive.units[number].tolist()
    begin_v, end_v = float(drive.start_v[segment, 0]), float(drive.stop_v[segment, 0])
    passed = 0.0 if begin_v / source_v >= 1 else (source_v - begin_v) / (end_v - begin_v)
    at_v = begin_v if passed == 0 else source_v
    lasting_s = float(drive.duration_s[segment, 0])
    since_s += float(drive.duration_s[first:segment, 0].sum()) + passed * lasting_s

    def ahead(jump: float, value: float, column: Floats) -> Floats:
        return np.vstack(([[jump], [value]], column))

    units = np.array(
        [[0, 2, 1], [segment + 3, last + 2, 1], [first + 2, last + 2, repeats - 1]]
        + [[a + 2, b + 2, n] for a, b, n in drive.units[number + 1 :].tolist()]
    )
    return replace(
        drive,
        duration_s=ahead(0.0, (1 - passed) * lasting_s, drive.duration_s),
        start_v=ahead(0.0, at_v, drive.start_v),
        stop_v=ahead(at_v, end_v, drive.stop_v),
        measured=np.concatenate(([False], drive.measured[segment : segment + 1], drive.measured)),
        units=units[(units[:, 0] < units[:, 1]) & (units[:, 2] > 0)],
        start_s=drive.start_s + since_s,
    )


def _fill(terminal: Terminal, places: NDArray[np.int64], seen: Terminal) -> None:
    """Put the last readings of some cells into their places."""
    for kept, new in zip(terminal, seen, strict=True):
        kept[len(kept) - len(new) :, places] = new
