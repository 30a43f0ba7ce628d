"""Meshes: one conductance between every two nodes of a network, and what is done to them.

A mesh is (nodes, nodes) float64 in S, symmetric, all positive, 0 on the diagonal: the Laplacian
of a network of resistors with its sign turned and without its diagonal, which is the sum of each
row. It is symmetric, C-contiguous, and whole unless it is said that only its upper triangle is.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas, lapack

from hil.simulators.crossbar import ports_kernel as kernel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]


def eliminate(laplacian: Floats, outer: Floats, mesh: Floats) -> Floats:
    """Take nodes out of a mesh; of laplacian and mesh only the upper triangles are looked at.

    With A the Laplacian of the nodes that go and B >= 0 the conductances from them to those that
    stay, B^T A^-1 B is added to the mesh. A = L L^T is an M-matrix, so that L^-1 B >= 0: as in
    the star-mesh transformation nothing is subtracted, but in A itself, whose diagonal holds the
    strong wires. Where A is singular (nodes that lead nowhere) they are taken out one by one.

    Parameters
    ----------
    laplacian : (gone, gone) float64, outer : (gone, kept) float64, mesh : (kept, kept) float64
        C-contiguous. The last two are overwritten.

    Returns
    -------
    (kept, kept) float64
        The mesh: its upper triangle, without the diagonal.
    """
    factor, failed = lapack.dpotrf(laplacian.T, lower=1, clean=0)
    if failed:
        kernel.sweep(laplacian, outer, mesh)
        return mesh
    half = blas.dtrsm(1.0, factor, outer.T, side=1, lower=1, trans_a=1, overwrite_b=1)
    joined: Floats = blas.dsyrk(1.0, half, beta=1.0, c=mesh.T, lower=1, overwrite_c=1).T
    return joined


def laplacian(mesh: Floats, nodes: Places, extra_s: Floats | float = 0.0) -> Floats:
    """Return the Laplacian of some nodes, the others at 0 V, with more to 0 V at each (S)."""
    matrix = -mesh[np.ix_(nodes, nodes)]
    total = mesh[nodes].sum(axis=1) + extra_s
    np.fill_diagonal(matrix, np.where(total > 0, total, 1.0))
    return matrix


def without(mesh: Floats, kept: int) -> Floats:
    """Return the mesh between the first nodes; the others are joints at which nothing ends."""
    gone = np.arange(kept, len(mesh))
    inner = np.array(mesh[:kept, :kept])
    return _whole(eliminate(laplacian(mesh, gone), np.array(mesh[kept:, :kept]), inner))


def behind(mesh: Floats, nodes: Places, ohm: Floats) -> Floats:
    """Return the mesh with some nodes replaced by the far ends of resistors that hang on them.

    Parameters
    ----------
    mesh : (nodes, nodes) float64
    nodes : (moved,) int64
        Where the resistors hang, each once.
    ohm : (moved,) float64
        The resistors: 0 leaves a node in its place, inf a node that is connected to nothing.
    """
    real = ohm * kernel.IDEAL_S > 1
    at, conductance_s = nodes[real], 1 / ohm[real]
    if not at.size:
        return mesh
    rest = np.setdiff1d(np.arange(len(mesh)), at)
    outer = np.hstack([np.diag(conductance_s), mesh[np.ix_(at, rest)]])
    joined = np.zeros_like(mesh)
    joined[at.size :, at.size :] = mesh[np.ix_(rest, rest)]
    joined = eliminate(laplacian(mesh, at, conductance_s), outer, joined)
    replaced: Floats = kernel.ordered(joined, np.argsort(np.concatenate([at, rest])))
    return replaced


def inverse(matrix: Floats) -> Floats:
    """Return the inverse of a symmetric positive definite matrix, symmetric to the last bit."""
    factor, failed = lapack.dpotrf(matrix, lower=1, clean=0)
    if failed:
        msg = f"a Laplacian of {len(matrix)} nodes is singular: part of it leads nowhere"
        raise np.linalg.LinAlgError(msg)
    half, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    whole: Floats = np.tril(half) + np.tril(half, -1).T
    return whole


def reached(mesh: Floats, start: Flags, own_s: Floats | None = None) -> Flags:
    """(nodes,) bool: the nodes from which a path leads to one of the start.

    own_s, if any, links the first half of the nodes to the second.
    """
    found = start
    while True:
        grown = found | (mesh @ found > 0)
        if own_s is not None and own_s.size:
            near, far = grown[: own_s.size], grown[own_s.size :]
            linked = (near | far) & (own_s > 0)
            grown = np.concatenate([near | linked, far | linked])
        if (grown == found).all():
            return grown
        found = grown


def two_point_ohm(mesh: Floats, count: int) -> Floats:
    """Return the resistance between each of the first nodes and each of the others.

    With P the inverse of the Laplacian with one node of every island at 0 V, the resistance
    between nodes a and b of one island is P_aa + P_bb - 2 P_ab (Klein and Randic, J. Math. Chem.
    12 (1993) 81, for any generalized inverse); between islands it is inf.

    Returns
    -------
    (count, nodes - count) float64
    """
    islands = _islands(mesh)
    response = np.zeros_like(mesh)
    for label in range(islands.max() + 1):
        nodes = np.flatnonzero(islands == label)
        others = np.delete(nodes, mesh[nodes].sum(axis=1).argmax())
        if others.size:
            response[np.ix_(others, others)] = inverse(laplacian(mesh, others))
    own = response.diagonal()
    ohm = own[:count, None] + own[count:] - 2 * response[:count, count:]
    return np.where(islands[:count, None] == islands[count:], ohm, np.inf)


def _islands(mesh: Floats) -> Places:
    islands = np.full(len(mesh), -1)
    for node in range(len(mesh)):
        if islands[node] < 0:
            islands[reached(mesh, np.arange(len(mesh)) == node)] = islands.max() + 1
    return islands


def _whole(upper: Floats) -> Floats:
    triangle = np.triu(upper, 1)
    return triangle + triangle.T
