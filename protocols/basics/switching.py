"""Switching points of half sweeps, 0 V to a peak and back.

A SET is seen as the steepest rise of log(I/V) over the programmed voltage on the rising branch, up
to the first reading in compliance, where the current is the source's. I/V, because log I alone is
steepest near 0 V on any ohmic cell; the programmed voltage, because the cell's own falls when the
cell SETs behind a resistor or a compliance. A RESET is seen as the largest current on the rising
branch before the steepest fall of log(I/V): at the peak an HRS may carry more than the LRS did.
Either way the switching voltage is that across the cell in the last reading before the cell
switched: it switched there, or at most one step further on.

Currents below five times the noise of a half sweep count as just that. The noise is taken from the
third differences of the lowest readings, in which smooth currents vanish, of the quieter branch.

A half sweep has switched where the resistances of its two branches at the read voltage (at the
level nearest to it) are at least `SWITCHED` apart, in the right direction.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.protocol import Table

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

SET, RESET = "set", "reset"

SWITCHED = 2.0
"""Least ratio of the resistances of both branches of a half sweep that switched."""

NOISES = 5
"""How many times the noise a current must be to be believed."""

LOWEST = 16
"""How many readings of a branch tell its noise."""


class Sweeps(NamedTuple):
    """Half sweeps of one kind, each array (sweeps, readings)."""

    source_v: Floats
    voltage_v: Floats
    current_a: Floats
    limited: NDArray[np.bool_]

    def branches(self) -> "tuple[Sweeps, Sweeps]":
        """Split into rising and falling branch; both have the peak and begin at the least V."""
        up = (self.source_v.shape[1] + 1) // 2
        return self._part(slice(up)), self._part(slice(None, -up - 1, -1))

    def _part(self, part: slice) -> "Sweeps":
        return Sweeps(
            self.source_v[:, part], self.voltage_v[:, part], self.current_a[:, part],
            self.limited[:, part],
        )  # fmt: skip


class Switching(NamedTuple):
    """When and between what half sweeps switched, each (sweeps,).

    Attributes
    ----------
    at : int64
        The last reading before the cell switched; means nothing where it did not.
    switched : bool
        Whether it did.
    voltage_v : float64
        Voltage across the cell at that reading (V), NaN where it did not switch.
    lrs_ohm, hrs_ohm : float64
        Resistance of the two branches at the read voltage (ohm).
    within_noise : bool
        Whether the HRS carried less than the noise: its resistance is at least what is said.
    """

    at: Indices
    switched: NDArray[np.bool_]
    voltage_v: Floats
    lrs_ohm: Floats
    hrs_ohm: Floats
    within_noise: NDArray[np.bool_]


def undisturbed(table: Table) -> Table:
    """Leave out the half sweeps right after a stop: the one that was cut may have switched it."""
    return {name: values[table["after_stop"] == 0] for name, values in table.items()}


def sweeps_of(table: Table, half: str) -> Sweeps:
    """Sort the records of one kind of half sweep: cycle by cycle, in each cell by cell."""
    chosen = table["half"] == half
    cells = np.unique(table["cell"]).size
    readings = int(table["step"][chosen].max(initial=0)) + 1
    columns = (
        table[name][chosen].reshape(-1, readings, cells).swapaxes(1, 2).reshape(-1, readings)
        for name in Sweeps._fields
    )
    source_v, voltage_v, current_a, limited = columns
    return Sweeps(source_v, voltage_v, current_a, limited == 1)


def switching_of(sweeps: Sweeps, half: str, read_v: float) -> Switching:
    """Find where half sweeps switched (see the module for what that means)."""
    rising, falling = sweeps.branches()
    least_a = np.minimum(floor_a(rising.current_a), floor_a(falling.current_a))
    at = (last_before_set if half == SET else last_before_reset)(rising, least_a)
    level = int(np.abs(np.abs(rising.source_v[0]) - abs(read_v)).argmin())
    lrs, hrs = (falling, rising) if half == SET else (rising, falling)
    lrs_ohm, hrs_ohm = (
        np.abs(branch.voltage_v[:, level])
        / np.maximum(np.abs(branch.current_a[:, level]), least_a)
        for branch in (lrs, hrs)
    )
    switched = hrs_ohm >= SWITCHED * lrs_ohm
    at_v = np.take_along_axis(sweeps.voltage_v, at[:, None], axis=1)[:, 0]
    return Switching(
        at, switched, np.where(switched, at_v, np.nan), lrs_ohm, hrs_ohm,
        np.abs(hrs.current_a[:, level]) < least_a,
    )  # fmt: skip


def last_before_set(rising: Sweeps, least_a: Floats) -> Indices:
    """Find the last reading before the SET on rising branches with a noise floor, (sweeps,)."""
    rise = _rises(rising, least_a)
    limited = rising.limited[:, : rise.shape[1]].cumsum(axis=1) > 0
    limited[:, 0] = False
    return np.asarray(np.where(limited, -np.inf, rise).argmax(axis=1))


def last_before_reset(rising: Sweeps, least_a: Floats) -> Indices:
    """Find the largest current before the steepest fall on rising branches, (sweeps,)."""
    size_a = np.fmax(np.abs(rising.current_a), 0.0)
    fall = _rises(rising, least_a).argmin(axis=1)
    before = np.arange(size_a.shape[1]) <= fall[:, None]
    return np.asarray(np.where(before, size_a, 0.0).argmax(axis=1))


def _rises(rising: Sweeps, least_a: Floats) -> Floats:
    """Compute the slope of log(I/V) from each reading to the next, 0 within the noise (1/V)."""
    size_a = np.maximum(np.abs(rising.current_a), least_a[:, None])
    source_v = np.abs(rising.source_v)
    if size_a.shape[1] < 2:
        return np.zeros((len(size_a), 1))
    slopes = np.diff(np.log(size_a / source_v)) / np.diff(source_v)
    noise = np.maximum(size_a[:, 1:], size_a[:, :-1]) <= least_a[:, None]
    return np.asarray(np.where(noise | np.isnan(slopes), 0.0, slopes))


def floor_a(current_a: Floats) -> Floats:
    """Tell below which current branches, (sweeps, readings), show but noise (A, above 0)."""
    size_a = np.abs(current_a)
    least_a = np.where(size_a > 0, size_a, np.inf).min(axis=1)
    resolution_a = np.where(np.isfinite(least_a), least_a, 1e-15)
    if current_a.shape[1] < 4:
        return resolution_a
    third_a = np.abs(np.diff(current_a[:, :LOWEST], n=3, axis=1))
    sigma_a = np.median(third_a, axis=1) / (0.6745 * np.sqrt(20))
    return np.asarray(np.fmax(NOISES * sigma_a, resolution_a))
