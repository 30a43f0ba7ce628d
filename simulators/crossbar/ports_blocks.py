"""Nested merging of an array into the mesh between the ends of its lines."""

import numpy as np
from numpy.typing import NDArray

from hil.simulators.crossbar import ports_kernel as kernel
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.ports_mesh import eliminate

Floats = NDArray[np.float64]
Sides = NDArray[np.int64]
Block = tuple[Floats, Sides]

BLOCK_CELLS = 32


def merged(network: Network, conductance_s: Floats) -> Floats:
    """Return the conductances between the ends of all lines, everything else taken out.

    Blocks of cells are joined with their neighbours again and again until one is left, in
    O(max(rows, columns)^3).

    Returns
    -------
    (ends, ends) float64
        Symmetric with 0 on the diagonal, all positive, in S: near ends of the rows (before their
        first segment) and of the columns (after their last); if any line has a far end, then the
        last cells' nodes of all rows and the first cells' nodes of all columns.
    """
    tree = _Tree(network, conductance_s)
    mesh, side = tree.block(0, tree.blocks_high, 0, tree.blocks_wide)
    order = [kernel.LEFT, kernel.BOTTOM, kernel.RIGHT, kernel.TOP]
    ends: Floats = kernel.ordered(mesh, np.concatenate([np.flatnonzero(side == s) for s in order]))
    return ends


class _Tree:
    """Blocks of cells over an array, and the order in which they are joined."""

    def __init__(self, network: Network, conductance_s: Floats) -> None:
        self._network = network
        self._conductance_s = conductance_s
        self.blocks_high = -(-network.rows // BLOCK_CELLS)
        self.blocks_wide = -(-network.columns // BLOCK_CELLS)
        self._far = not network.one_ended

    def block(self, top: int, bottom: int, left: int, right: int) -> Block:
        """Return the mesh of a range of blocks, joined along its longer side last."""
        high, wide = bottom - top, right - left
        if high == wide == 1:
            return self._cells(top, left)
        if wide > high:
            middle = left + (wide + 1) // 2
            a = self.block(top, bottom, left, middle)
            b = self.block(top, bottom, middle, right)
        else:
            middle = top + (high + 1) // 2
            a = self.block(top, middle, left, right)
            b = self.block(middle, bottom, left, right)
        laplacian, outer, mesh, side = kernel.assemble(*a, *b, wide > high)
        return eliminate(laplacian, outer, mesh), side

    def _cells(self, block_row: int, block_column: int) -> Block:
        net, row, column = self._network, block_row * BLOCK_CELLS, block_column * BLOCK_CELLS
        dropped = 0
        if block_row == 0 and not self._far:
            dropped |= 1 << kernel.TOP
        if block_column == self.blocks_wide - 1 and not self._far:
            dropped |= 1 << kernel.RIGHT
        part = np.s_[row : row + BLOCK_CELLS, column : column + BLOCK_CELLS]
        # copies of one layout, whatever they come from: the kernel is compiled once
        cells: Block = kernel.block_of_cells(
            np.array(self._conductance_s[part], order="C"),
            np.array(net.row_wire_ohm[part], order="C"),
            np.array(net.column_wire_ohm[part], order="C"),
            dropped,
        )
        return cells
