"""Nodes that no source reaches."""

import math

from numba import njit

INF = math.inf


@njit(cache=True, error_model="numpy", nogil=True)
def reach(g, row_ohm, column_ohm, row_end, column_end, reached):
    """Mark the nodes that a source reaches through wires and cells.

    Parameters
    ----------
    g : (rows, columns)
        Conductances of the cells.
    row_ohm, column_ohm : (rows or 1, columns)
        Wires; the first axis is 1 where they are the same all along.
    row_end, column_end : (2, rows), (2, columns)
        Resistance from a line's near node to its source, conductance from its far node to its.
    reached : (2, rows, columns) bool
        Filled, for nodes on rows and on columns.
    """
    m, n = g.shape
    for i in range(m):
        for j in range(n):
            reached[0, i, j] = reached[1, i, j] = False
    for i in range(m):
        reached[0, i, 0] = row_end[0, i] < INF
        reached[0, i, n - 1] |= row_end[1, i] > 0.0
    for j in range(n):
        reached[1, m - 1, j] = column_end[0, j] < INF
        reached[1, 0, j] |= column_end[1, j] > 0.0
    per_row, per_column = int(row_ohm.shape[0] > 1), int(column_ohm.shape[0] > 1)
    changed = True
    while changed:
        changed = False
        for turn in range(2):
            # along each line, from its first node on and then from its last one
            for i in range(m):
                for k in range(1, n):
                    j = k if turn == 0 else n - k
                    if reached[0, i, j] != reached[0, i, j - 1] and row_ohm[i * per_row, j] < INF:
                        reached[0, i, j] = reached[0, i, j - 1] = changed = True
            for k in range(1, m):
                i = k if turn == 0 else m - k
                for j in range(n):
                    if (
                        reached[1, i, j] != reached[1, i - 1, j]
                        and column_ohm[(i - 1) * per_column, j] < INF
                    ):
                        reached[1, i, j] = reached[1, i - 1, j] = changed = True
        for i in range(m):
            for j in range(n):
                if g[i, j] > 0.0 and reached[0, i, j] != reached[1, i, j]:
                    reached[0, i, j] = reached[1, i, j] = changed = True
