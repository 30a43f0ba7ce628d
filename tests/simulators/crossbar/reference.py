"""Nodal analysis of an array by a sparse direct solver: shares nothing with what it checks.

Ideal wires make one node of two; islands without a source are at 0 V.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from hil.simulators.crossbar.network import Network

Floats = NDArray[np.float64]


class Nodal(NamedTuple):
    """Voltages of nodes (rows, columns), currents out of rows' and into columns' sources.

    Near and far source of a line are one here. Currents are summed up over the cells: differences
    of voltages over wires cancel.
    """

    row_node_v: Floats
    column_node_v: Floats
    row_a: Floats
    column_a: Floats


def nodal(net: Network, conductance_s, row_v, column_v, cell_a=0.0, row_a=0.0, column_a=0.0):
    """Solve an array; the nodes are those of the rows, of the columns, and the sources."""
    rows, columns, cells = net.rows, net.columns, net.rows * net.columns
    u = np.arange(cells).reshape(rows, columns)
    w = u + cells
    row_source, column_source = 2 * cells + np.arange(rows), 2 * cells + rows + np.arange(columns)
    joints = [
        (row_source, u[:, 0], net.driver_ohm + net.row_wire_ohm[:, 0]),
        (u[:, :-1], u[:, 1:], net.row_wire_ohm[:, 1:]),
        (u[:, -1], row_source, net.far_driver_ohm),
        (w[:-1], w[1:], net.column_wire_ohm[:-1]),
        (w[-1], column_source, net.sense_ohm + net.column_wire_ohm[-1]),
        (column_source, w[0], net.far_sense_ohm),
        (u, w, 1 / np.where(conductance_s > 0, conductance_s, np.nan)),
    ]
    one, other, ohm = (np.concatenate([np.ravel(joint[k]) for joint in joints]) for k in range(3))
    ohm[np.isnan(ohm)] = np.inf
    injected = np.zeros(2 * cells + rows + columns)
    cell_a = np.broadcast_to(cell_a, (rows, columns))
    np.subtract.at(injected, u, cell_a)
    np.add.at(injected, w, cell_a)
    np.add.at(injected, u[:, 0], np.broadcast_to(row_a, rows))
    np.add.at(injected, w[-1], np.broadcast_to(column_a, columns))
    sources = np.concatenate([row_source, column_source])
    source_v = np.concatenate([np.broadcast_to(row_v, rows), np.broadcast_to(column_v, columns)])
    node_v = _voltages(one, other, ohm, injected, sources, source_v)
    row_node_v, column_node_v = node_v[: 2 * cells].reshape(2, rows, columns)
    through_a = conductance_s * (row_node_v - column_node_v) + cell_a
    return Nodal(row_node_v, column_node_v, through_a.sum(1) - row_a, through_a.sum(0) + column_a)


def _voltages(one, other, ohm, injected, sources, source_v):
    nodes = injected.size
    ideal = ohm == 0
    joined = sp.coo_array((ideal[ideal], (one[ideal], other[ideal])), (nodes, nodes))
    count, group = connected_components(joined, directed=False)
    flows = np.isfinite(ohm) & ~ideal
    a, b, s = group[one[flows]], group[other[flows]], 1 / ohm[flows]
    laplacian = sp.csr_array(
        (
            np.concatenate([s, s, -s, -s]),
            (np.concatenate([a, b, a, b]), np.concatenate([a, b, b, a])),
        ),
        (count, count),
    )
    _, island = connected_components(abs(laplacian), directed=False)
    free = np.isin(island, island[group[sources]])
    free[group[sources]] = False
    current_a = np.bincount(group, injected, count)
    voltage_v = np.zeros(count)
    voltage_v[group[sources]] = source_v
    inner = sp.csc_array(laplacian[free][:, free])
    if inner.shape[0]:
        direct = splu(inner)
        for _ in range(4):  # the first solves, the others refine: differences keep their digits
            flow_a = s * (voltage_v[a] - voltage_v[b])
            missing_a = current_a - np.bincount(a, flow_a, count) + np.bincount(b, flow_a, count)
            voltage_v[free] += direct.solve(missing_a[free])
    return voltage_v[group]
