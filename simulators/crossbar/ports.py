"""An array of linear cells, reduced to what the ends of its lines see."""

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError
from hil.one_thread import one_thread
from hil.simulators.crossbar import ports_mesh as meshes
from hil.simulators.crossbar.linear import FLOOR_OHM
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.ports_blocks import merged

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


class Ports:
    """What sources at the ends of the lines see of one network and one state of linear cells.

    Everything between the ends is taken out once, exactly, by nested merging of blocks in
    O(max(rows, columns)^3); each further input then costs one product of a matrix and a vector.
    No conductance loses relative accuracy on the way: wires of 0 ohm (taken as 1e-20 ohm),
    broken wires and open cells are as good as any. Islands that no source reaches are at 0 V and
    carry nothing.

    Parameters
    ----------
    network : Network
        Wires and ends. A far end leads to a second source at the voltage of the line's near one,
        through `FLOOR_OHM` at least.
    conductance_s : (rows, columns) float64
        The cells, in S.

    Raises
    ------
    ConfigError
        The shape does not fit, or a conductance is negative, infinite or not a number.
    """

    @one_thread
    def __init__(self, network: Network, conductance_s: ArrayLike) -> None:
        given = np.asarray(conductance_s, dtype=np.float64)
        if given.shape != (network.rows, network.columns):
            msg = (
                f"conductance_s is {given.shape}, but the array has "
                f"{network.rows} rows and {network.columns} columns"
            )
            raise ConfigError(msg)
        if not (given.min() >= 0 and given.max() < np.inf):
            msg = (
                "conductance_s has a negative, infinite or missing value: "
                "an open cell has 0 S, a shorted one the conductance of its short"
            )
            raise ConfigError(msg)
        self.network = network
        self._near = network.rows + network.columns
        self._far = not network.one_ended
        self._ends = merged(network, given)

    @cached_property
    @one_thread
    def admittance_s(self) -> Floats:
        """(rows + columns, rows + columns) float64: currents into the near ends per volt (S).

        Rows first, then columns; the ends are those of the wires, before driver_ohm and
        sense_ohm. Symmetric. Far sources are at 0 V; without far ends every row sums to 0.
        """
        mesh, near = self._from_far, self._near
        admittance_s = -mesh[:near, :near]
        np.fill_diagonal(admittance_s, mesh[:near].sum(axis=1))
        return admittance_s

    @cached_property
    @one_thread
    def transfer_s(self) -> Floats:
        """(columns, rows) float64: currents into the columns' near sources per volt (S).

        Through the drivers and senses of the network, all columns at 0 V:
        ``column_a = transfer_s @ row_v``. A row whose ends are open has 0.
        """
        near_columns = self._columns[:1]
        return np.ascontiguousarray(self._between(near_columns, self._rows))

    @cached_property
    @one_thread
    def two_point_ohm(self) -> Floats:
        """(rows, columns) float64: resistance between near ends, all other lines floating (ohm).

        Between the wires' ends of row i and column j, without driver_ohm and sense_ohm, and with
        all far ends open; inf where no path leads from one to the other.
        """
        mesh = meshes.without(self._ends, self._near) if self._far else self._ends
        return meshes.two_point_ohm(mesh, self.network.rows)

    @one_thread
    def read_map_s(self, row_share: float | None, column_share: float | None) -> Floats:
        """Return what reading every cell in its turn gives, per volt, without solving for each.

        For cell (i, j) the source of row i is at 1 V and that of column j at 0 V.

        Parameters
        ----------
        row_share, column_share : float or None
            Voltage of the other rows' and of the other columns' sources, per volt at row i; None
            leaves them floating. (Both None takes a solve a row if any line has a far end.)

        Returns
        -------
        (rows, columns) float64
            Current into column j's near source, per volt (S).
        """
        if row_share is None:
            if column_share is None:
                return self._all_floating()
            return self._rows_floating(column_share)
        if column_share is None:
            return self._columns_floating(row_share)
        own_s: Floats = (1 - row_share) * self.transfer_s.T
        others_s: Floats = row_share * self.transfer_s.sum(axis=1)
        return own_s + others_s + column_share * self._between_columns

    @cached_property
    def _from_far(self) -> Floats:
        """Mesh between the near ends of the wires and the far sources."""
        net, mesh = self.network, self._ends
        if not self._far:
            return mesh
        far_ohm = np.concatenate([net.far_driver_ohm, net.far_sense_ohm])
        far_ohm = np.maximum(far_ohm, FLOOR_OHM)
        return meshes.behind(mesh, np.arange(self._near, len(mesh)), far_ohm)

    @cached_property
    def _from_sources(self) -> tuple[Floats, Floats]:
        """Mesh between all sources, near ones first, and what is between the two of each line.

        These two are at one voltage or open, and what is between them may be an ideal wire: kept
        apart, it takes no digits from the rest.
        """
        near_ohm = np.concatenate([self.network.driver_ohm, self.network.sense_ohm])
        near = np.arange(self._near)
        mesh = meshes.behind(self._from_far, near, near_ohm)
        if not self._far:
            return mesh, np.zeros(0)
        far, mesh = near + self._near, mesh.copy()
        own_s = mesh[near, far]
        mesh[near, far] = mesh[far, near] = 0.0
        return mesh, own_s

    @property
    def _mesh(self) -> Floats:
        return self._from_sources[0]

    def _ends_of(self, lines: Places) -> Places:
        """(1 or 2, lines) int64: where the near and far sources of some lines are in the mesh."""
        return np.stack([lines, lines + self._near]) if self._far else lines[None]

    @cached_property
    def _rows(self) -> Places:
        return self._ends_of(np.arange(self.network.rows))

    @cached_property
    def _columns(self) -> Places:
        return self._ends_of(np.arange(self.network.rows, self._near))

    def _between(self, some: Places, others: Places) -> Floats:
        """Return the conductances between lines, all the given ends of each tied together."""
        tied = self._mesh[np.ix_(some.ravel(), others.ravel())]
        lines: Floats = tied.reshape(*some.shape, *others.shape).sum(axis=(0, 2))
        return lines

    @cached_property
    def _between_columns(self) -> Floats:
        """(columns,) float64: current into a column at 0 V from all others at 1 V (S)."""
        total_s: Floats = self._between(self._columns[:1], self._columns).sum(axis=1)
        return total_s

    def _folded(self, lines: Places, others: Places) -> Floats:
        """Return the conductances from floating lines to others, in the floating lines' terms.

        A floating line with a far end has two unknowns: its near source's voltage, and how much
        higher its far one is. What belongs to the first is the current into both.
        """
        ends = self._ends_of(lines)
        tied = self._mesh[np.ix_(ends.ravel(), others.ravel())]
        parts: Floats = tied.reshape(ends.size, *others.shape).sum(axis=1)
        if self._far:
            parts[: lines.size] += parts[lines.size :]
        return parts

    def _response(self, lines: Places) -> Floats:
        """Return what currents into floating lines make of their unknowns, the rest at 0 V."""
        mesh, own_s = self._from_sources
        ends = self._ends_of(lines)
        driven = np.ones(len(mesh), dtype=bool)
        driven[ends] = False
        lost = ~meshes.reached(mesh, driven, own_s)[ends.ravel()]
        # what no source reaches has no part in any current: any conductance to 0 V will do
        matrix = meshes.laplacian(mesh, ends.ravel(), lost * mesh.sum(axis=1).max())
        if self._far:
            far, near = np.s_[lines.size :], np.s_[: lines.size]
            matrix[near] += matrix[far]
            matrix[:, near] += matrix[:, far]
            matrix[far, far] += np.diag(own_s[lines])
        return meshes.inverse(matrix)

    def _alone(self, response: Floats, lines: int) -> Floats:
        """(lines, ends, ends) float64: what holds one line's unknowns, the others floating (S)."""
        ends = len(response) // lines
        parts = response.reshape(ends, lines, ends, lines)
        return np.linalg.inv(np.einsum("pkqk->kpq", parts))

    def _rows_floating(self, share: float) -> Floats:
        """Columns at a share of 1 V but for one, rows floating but for one, which is at 1 V.

        With Z the response of the floating rows to a current, and h = Z C that to the columns,
        row i alone takes the current Z_ii^-1 (1 V - what the columns would leave it at).
        """
        lines, rows = np.arange(self.network.rows), self.network.rows
        response = self._response(lines)
        to_near = self._folded(lines, self._columns[:1])
        ratio = response @ self._folded(lines, self._columns)
        others_v = share * (ratio.sum(axis=1, keepdims=True) - ratio)
        missing_v = -others_v
        missing_v[:rows] += 1.0
        split = (-1, rows, self.network.columns)
        taken_a = np.einsum("ipq,qij->pij", self._alone(response, rows), missing_v.reshape(split))
        read_s = np.einsum("pij,pij->ij", (response @ to_near).reshape(split), taken_a)
        background = np.einsum("uj,uj->j", to_near, others_v)
        return np.asarray(read_s + background + share * self._between_columns)

    def _columns_floating(self, share: float) -> Floats:
        """Rows at a share of 1 V but for one at 1 V, columns floating but for one at 0 V."""
        net = self.network
        lines = np.arange(net.rows, self._near)
        response = self._response(lines)
        ratio = response @ self._folded(lines, self._rows)
        open_v = share * ratio.sum(axis=1, keepdims=True) + (1 - share) * ratio
        near = self._near_current(self._alone(response, net.columns))
        read_s: Floats = np.einsum("jq,qji->ij", near, open_v.reshape(-1, net.columns, net.rows))
        return read_s

    @staticmethod
    def _near_current(alone: Floats) -> Floats:
        """(lines, ends) float64: of what holds a line, the part of its near source."""
        return alone[:, 0] - alone[:, 1] if alone.shape[1] > 1 else alone[:, 0]

    def _all_floating(self) -> Floats:
        """All lines floating but for one row at 1 V and one column at 0 V."""
        rows, columns = self.network.rows, self.network.columns
        if not self._far:
            return 1 / meshes.two_point_ohm(self._mesh, rows)
        read_s = np.empty((rows, columns))
        for i in range(rows):
            lines = np.delete(np.arange(self._near), i)
            response = self._response(lines)
            ratio = response @ self._folded(lines, self._ends_of(np.array([i])))
            ends = len(response) // lines.size
            at = (np.arange(ends)[:, None] * lines.size + np.arange(rows - 1, lines.size)).ravel()
            near = self._near_current(self._alone(response[np.ix_(at, at)], columns))
            read_s[i] = np.einsum("jq,qj->j", near, ratio[at].reshape(ends, columns))
        return read_s
