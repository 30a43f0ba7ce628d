"""Nodes that no source reaches.

The helpers are compiled into the kernel of another module, where numba's cache does not notice a
change here: whoever changes this file deletes the folder ``simulators/crossbar/__pycache__``.
"""

import numpy as np

from hil.simulators.crossbar.lines_kernel import reordered


@reordered
def broken(ohm):
    """Whether any wire is broken."""
    count = 0
    for i in range(ohm.shape[0]):
        for j in range(ohm.shape[1]):
            count += 0 if ohm[i, j] < np.inf else 1
    return count > 0


@reordered
def missed(reached):
    """Whether any node is not reached."""
    count = 0
    for k in range(2):
        for i in range(reached.shape[1]):
            for j in range(reached.shape[2]):
                count += 0 if reached[k, i, j] else 1
    return count > 0


@reordered
def reach(g, row_ohm, column_ohm, sources, reached):
    """Mark the nodes that a source reaches through wires and cells."""
    row_root, row_far_s, column_root, column_far_s = sources
    m, n = row_root.shape[0], column_root.shape[0]
    for i in range(m):
        reached[0, i] = False
        reached[0, i, 0] = row_root[i] < np.inf
        reached[0, i, n - 1] |= row_far_s[i] > 0.0
    for j in range(n):
        for i in range(m):
            reached[1, i, j] = False
        reached[1, m - 1, j] = column_root[j] < np.inf
        reached[1, 0, j] |= column_far_s[j] > 0.0
    changed = True
    while changed:
        changed = False
        for i in range(m):
            ohm = row_ohm[min(i, row_ohm.shape[0] - 1)]
            changed |= along(reached[0, i], ohm[1:])
        for j in range(n):
            column = reached[1, :, j]
            ohm = column_ohm[:, j]
            changed |= along(column, ohm)
        for i in range(m):
            for j in range(n):
                if g[i, j] > 0.0 and reached[0, i, j] != reached[1, i, j]:
                    reached[0, i, j] = reached[1, i, j] = changed = True


@reordered
def along(nodes, ohm):
    """Spread along one line, whose segment k lies after node k; return whether that told more."""
    changed = False
    for k in range(nodes.size - 1):
        if nodes[k] and not nodes[k + 1] and ohm[min(k, ohm.size - 1)] < np.inf:
            nodes[k + 1] = changed = True
    for back in range(nodes.size - 1):
        k = nodes.size - 2 - back
        if nodes[k + 1] and not nodes[k] and ohm[min(k, ohm.size - 1)] < np.inf:
            nodes[k] = changed = True
    return changed


@reordered
def cut(cell_a, g, reached):
    """Take conductances and currents of cells from unreached nodes; return what is left of cell_a.

    A current into the line of such a node finds no conductance then, and makes no voltage.
    """
    left = np.empty(cell_a.shape)
    for i in range(cell_a.shape[0]):
        for j in range(cell_a.shape[1]):
            left[i, j] = cell_a[i, j]
    for i in range(reached.shape[1]):
        for j in range(reached.shape[2]):
            if not (reached[0, i, j] and reached[1, i, j]):
                g[i, j] = 0.0
                if left.size:
                    left[i, j] = 0.0
    return left
