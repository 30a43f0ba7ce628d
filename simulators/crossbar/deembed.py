"""Conductances from a read map, with the known resistance of the wires taken out.

A reading of a cell in an array is lowered by the wires on its way and raised by what comes from
other cells. Where wires, ends and the scheme of the read are known, there is one set of linear
cells that gives the whole map; `deembed` finds it. The result is computed, not measured, and it is
as good as the knowledge that went into it: `Estimate.amplification` tells what becomes of errors.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.simulators.crossbar.network import Network

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

TOLERANCE = 1e-10
"""Largest misfit of a reading, as a part of the largest reading."""
PROBES = 16
"""Patterns of errors from which the amplification is estimated: within about 20 %."""

_STEPS = 40
_HALVINGS = 12
_STEP_LEAVES, _PROBE_LEAVES = 1e-2, 0.1
"""Parts of their misfits to which Newton steps and the answers to probes are solved."""
_DIFFERENCE = 1e-6
"""Step of a derivative, as a part of the largest conductance."""


class Estimate(NamedTuple):
    """Linear cells that give a read map.

    Attributes
    ----------
    conductance_s : (rows, columns) float64
        Of each cell by itself, without wires and without the others (S).
    amplification : (rows, columns) float64
        Relative error of the estimate for relative errors of size 1 of all readings, each by
        itself (rms): with 3, readings that are good to 1 % give an estimate that is good to 3 %.
        It is estimated from `PROBES` patterns; inf for cells at 0 S.
    at_zero : (rows, columns) bool
        Whether the reading is lower than what the other cells alone give, so that 0 S comes
        nearest.
    misfit : float
        Largest difference between the map and what the estimate gives, cells at zero left out, as
        a part of the largest reading.
    evaluations : int
        How many maps were computed.
    """

    conductance_s: Floats
    amplification: Floats
    at_zero: Flags
    misfit: float
    evaluations: int


def deembed(
    reading_s: ArrayLike,
    network: Network,
    *,
    row_share: float | None = 0.0,
    column_share: float | None = 0.0,
    tolerance: float = TOLERANCE,
    zeros_allowed: float = 0.0,
) -> Estimate:
    """Find the conductances of linear cells which give exactly a read map.

    Newton's method on the whole map: its steps are found by GMRES, whose products with the
    derivative are differences of two maps, and whose preconditioner is the inverse of the
    derivative for equal cells without wires, in closed form. Conductances stay at 0 or above.
    The algorithm is this project's own.

    Parameters
    ----------
    reading_s : (rows, columns)
        Current into the selected column over the voltage of the row's source, for each cell read
        by itself (S): not over the voltage of the cell.
    network : Network
        Wires and ends, as far as they are known.
    row_share, column_share : float or None
        Other rows and columns meanwhile, as parts of the selected row's voltage; None floats.
    tolerance : float
        Largest misfit of a reading, as a part of the largest reading.
    zeros_allowed : float
        Largest part of the cells that may end at 0 S because their readings are too low.

    Raises
    ------
    ConfigError
        For readings of another shape or that are no numbers; for a scheme that puts the other rows
        at the full voltage; where no conductances give these readings.
    """
    wanted_s = _checked(reading_s, network, row_share)
    scale_s = float(np.abs(wanted_s).max())
    if scale_s == 0:
        nothing = np.zeros_like(wanted_s)
        return Estimate(nothing, nothing + np.inf, wanted_s == 0, 0.0, 0)
    search = _Search(wanted_s / scale_s, network, row_share, column_share, scale_s)
    g, free = search.solve(tolerance)
    too_low = ~free
    if too_low.mean() > zeros_allowed:
        raise _refused(too_low, wanted_s)
    misfit = float(np.abs(search.misfit(g)[free]).max(initial=0.0))
    amplification = search.amplification(g, free)
    return Estimate(g * scale_s, amplification, too_low, misfit, search.evaluations)


class _Search:
    """The map as a function of the conductances, both in parts of the largest reading."""

    def __init__(
        self,
        wanted: Floats,
        network: Network,
        row_share: float | None,
        column_share: float | None,
        scale_s: float,
    ) -> None:
        self.wanted = wanted
        self.evaluations = 0
        self._network = network
        self._shares = row_share, column_share
        self._scale_s = scale_s
        self._alike = _Alike(network.rows, network.columns, row_share, column_share)

    def map_of(self, g: Floats) -> Floats:
        from hil.simulators.crossbar.ports import Ports

        self.evaluations += 1
        ports = Ports(self._network, g * self._scale_s)
        read_s: Floats = ports.read_map_s(*self._shares) / self._scale_s
        return read_s

    def misfit(self, g: Floats) -> Floats:
        """(rows, columns): what the readings have more than the map of these conductances."""
        return self.wanted - self.map_of(g)

    def solve(self, tolerance: float) -> tuple[Floats, Flags]:
        """Find conductances, and which of them are not held at 0."""
        level = self._alike.undone(self.wanted)
        g = np.maximum(level, 0.1 * abs(level.mean()) * np.abs(self.wanted))
        miss = self.misfit(g)
        for _ in range(_STEPS):
            free = (g > 0) | (miss > 0)
            if np.abs(miss[free]).max(initial=0.0) <= tolerance:
                return g, free
            step = self._solved(g, self.wanted - miss, miss, free, _STEP_LEAVES)
            for k in range(_HALVINGS):
                tried = np.maximum(g + step / 2**k, 0.0)
                left = self.misfit(tried)
                if _size(left, tried) < (1 - 1e-4 / 2**k) * _size(miss, g):
                    break
            else:
                break
            g, miss = tried, left
        raise _unreachable(miss, self._network)

    def amplification(self, g: Floats, free: Flags) -> Floats:
        """Put random signs on all readings, and see how large the estimate's errors are."""
        signs = np.random.default_rng(0)
        base = self.map_of(g)
        total = np.zeros_like(g)
        for _ in range(PROBES):
            error = self.wanted * np.where(signs.random(g.shape) < 0.5, -1.0, 1.0)
            total += self._solved(g, base, error, free, _PROBE_LEAVES) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            gain: Floats = np.where(free, np.sqrt(total / PROBES) / g, np.inf)
        return gain

    def _solved(
        self, g: Floats, base: Floats, error: Floats, free: Flags, leaves: float
    ) -> Floats:
        """Find the step of free conductances that changes a map from *base* by *error*."""
        from scipy.sparse.linalg import LinearOperator, gmres

        def changed(step: Floats) -> Floats:
            step = np.where(free, step.reshape(g.shape), 0.0)
            return np.where(free, self._derivative(g, base, step), step).ravel()

        def undone(change: Floats) -> Floats:
            return np.where(free, self._alike.undone(change.reshape(g.shape)), 0.0).ravel()

        shape = (g.size, g.size)
        wanted = np.where(free, error, 0.0).ravel()
        step, _ = gmres(
            LinearOperator(shape, changed), wanted, M=LinearOperator(shape, undone), rtol=leaves,
            restart=60, maxiter=2,
        )  # fmt: skip
        found: Floats = np.where(free, step.reshape(g.shape), 0.0)
        return found

    def _derivative(self, g: Floats, base: Floats, step: Floats) -> Floats:
        """Difference of two maps over a step, none of which has a conductance below 0."""
        largest = float(np.abs(step).max())
        if largest == 0:
            return step
        h = _DIFFERENCE * float(g.max()) / largest
        if (g + h * step).min() >= 0:
            return (self.map_of(g + h * step) - base) / h
        more, less = np.maximum(step, 0.0), np.maximum(-step, 0.0)
        return (self.map_of(g + h * more) - self.map_of(g + h * less)) / h


class _Alike:
    """The derivative of the map of equal cells without wires, and its inverse.

    By symmetry all other rows are at one voltage, and all other columns. A cell's conductance
    moves a reading by the product of its voltages when the array is read and when the selected
    column alone is pulled down by 1 V (Tellegen's theorem). So a change of the map is a sum of
    the change of the cell itself, its row, its column and all: four numbers, inverted one by one.
    """

    def __init__(
        self, rows: int, columns: int, row_share: float | None, column_share: float | None
    ) -> None:
        read = self._voltages(rows, columns, 1.0, 0.0, row_share, column_share)
        still = (None if share is None else 0.0 for share in (row_share, column_share))
        pulled = self._voltages(rows, columns, 0.0, -1.0, *still)
        own, on_row, on_column, elsewhere = read * pulled
        self._rest = own - on_row - on_column + elsewhere
        self._row = self._rest + columns * (on_row - elsewhere)
        self._column = self._rest + rows * (on_column - elsewhere)
        self._all = self._row + self._column - self._rest + rows * columns * elsewhere

    def undone(self, change: Floats) -> Floats:
        """Find conductances from the map that they would give: the inverse."""
        mean = change.mean()
        row = change.mean(axis=1, keepdims=True) - mean
        column = change.mean(axis=0, keepdims=True) - mean
        rest = change - row - column - mean
        undone: Floats = (
            rest / self._rest + row / self._row + column / self._column + mean / self._all
        )
        return undone

    @staticmethod
    def _voltages(
        rows: int, columns: int, row_v: float, column_v: float, other_rows: float | None,
        other_columns: float | None,
    ) -> Floats:  # fmt: skip
        """Tell the voltages of the selected cell, of others on its row, column, and elsewhere."""
        matrix, given = np.eye(2), np.array([other_rows or 0.0, other_columns or 0.0])
        if other_rows is None:  # no current into any of them
            matrix[0], given[0] = (columns, 1 - columns), column_v
        if other_columns is None:
            matrix[1], given[1] = (1 - rows, rows), row_v
        x, y = np.linalg.solve(matrix, given)
        return np.array([row_v - column_v, row_v - y, x - column_v, x - y])


def _size(miss: Floats, g: Floats) -> float:
    """Size of a misfit, of cells that may still do something about it."""
    return float(np.linalg.norm(miss[(g > 0) | (miss > 0)]))


def _checked(reading_s: ArrayLike, network: Network, row_share: float | None) -> Floats:
    wanted = np.asarray(reading_s, float)
    shape = (network.rows, network.columns)
    if wanted.shape != shape:
        raise ConfigError(f"the readings are of shape {wanted.shape}, and the array is {shape}")
    if not np.isfinite(wanted).all():
        raise ConfigError("a read map has a finite number for each cell; read the others again")
    if row_share == 1 and network.rows > 1:
        raise ConfigError(
            "with the other rows at the full voltage every cell of a column reads the same; read "
            "with another scheme"
        )
    return wanted


def _refused(too_low: Flags, reading_s: Floats) -> ConfigError:
    i, j = np.unravel_index(int(np.where(too_low, -reading_s, -np.inf).argmax()), too_low.shape)
    return ConfigError(
        f"no conductances give these readings: {too_low.sum()} of {too_low.size}, such as "
        f"R{i + 1}C{j + 1} with {reading_s[i, j]:.3g} S, are lower than what the other cells "
        "alone give; look at the scheme, the wires and the offset of the meter"
    )


def _unreachable(miss: Floats, network: Network) -> ConfigError:
    i, j = np.unravel_index(int(np.abs(miss).argmax()), miss.shape)
    way_ohm = (
        network.driver_ohm[i] + network.row_wire_ohm[i, : j + 1].sum()
        + network.column_wire_ohm[i:, j].sum() + network.sense_ohm[j]
    )  # fmt: skip
    return ConfigError(
        f"no conductances give the reading of R{i + 1}C{j + 1} behind {way_ohm:.4g} ohm of wires "
        "and ends; look at their resistances and at the scheme"
    )
