"""Conjugate gradients over what eliminated lines leave of an array.

What is solved, and why so, stands in `hil.simulators.crossbar.linear`. A line's unknowns are its
voltages less that of its own source, so that every source is a current through a cell: the cell
(i, j) carries g (u - w + e) + cell_a with u on the row, w on the column, e = row_v - column_v.

A plane of the workspace holds one number a cell; rows are filled up to a multiple of 8 with cells
of no conductance, so that 8 rows always go abreast. Loops take few arrays each: only such loops
become vector instructions.
"""

import numpy as np
from numba import njit

from hil.simulators.crossbar.lines_kernel import (
    ABREAST,
    HELPER,
    factor_columns,
    factor_rows,
    reordered,
    sweep_columns,
    sweep_rows,
)

PLANES = 11
G, AR, BR, AC, BC, T, R, Z, P, Q, W = range(PLANES)
"""Conductances; factors of rows and columns; scratch; the residual, P^-1 times it, the direction,
P times that, and the columns' voltages."""

BAD_CELL, BAD_SOURCE, STUCK = -1, -2, -3
"""Answers of `solve` that are no number of steps."""

NEAR = 0.1
"""A guess whose error brings more than this part of the power is dropped."""

WEAK = 1e-3
"""Part of a column's current that reaches its near source, below which the source is a leak."""

MOST_STEPS = 10_000

# what is called from one place is not compiled by itself before
_in_place = njit(inline="always", **HELPER)


@njit(cache=True, error_model="numpy", nogil=True)
def solve(
    g, row_in, column_in, cell_a, row_ohm, column_ohm, row_end, column_end, start, tolerance, work,
    line, row_out, column_out, nodes,
):  # fmt: skip
    """Solve a network; return the steps it took, or why not.

    Parameters
    ----------
    g : (rows, columns)
    row_in, column_in : (2, rows), (2, columns)
        Voltage of a line's sources, current into its near node.
    cell_a, start : (rows, columns) or (0, 0)
        Current sources beside the cells; guess of the rows' voltages. (0, 0): none.
    row_ohm, column_ohm : (rows or 1, columns)
        Wires; the first axis is 1 where they are the same all along.
    row_end, column_end : (2, rows), (2, columns)
        Resistance from a line's near node to its source, conductance from its far node to its.
    work : (PLANES, rows filled up, columns and some more)
    line : (2, rows filled up or columns, whichever are more)
        Scratch.
    row_out, column_out : (2, rows), (2, columns)
        Filled with currents of the near and far sources.
    nodes : (2, rows, columns) or (0, 0, 0)
        Filled with the voltages on rows and columns.
    """
    m, n = g.shape
    if not load(g, work):
        return BAD_CELL
    if not (finite(row_in) and finite(column_in)):
        return BAD_SOURCE
    factor_rows(work[G], row_ohm, row_end, line, work[AR], work[BR])
    factor_columns(work[G], column_ohm, column_end, line, work[AC], work[BC], m)
    rz, goal = begin(row_in, column_in, cell_a, start, tolerance, work, line)
    if not rz < np.inf:
        return BAD_SOURCE
    steps = iterate(work, m, n, rz, goal, line)
    if steps < 0:
        return steps
    rows_of(row_in, column_in, cell_a, work, line)
    row_currents(work, n, line, row_end, row_out)
    column_currents(row_in, column_in, cell_a, work, column_end, column_out)
    if nodes.size:
        voltages(row_in, column_in, work, nodes)
    return steps


@reordered
def load(g, work):
    """Copy conductances, zero what no cell writes; return whether all are finite and >= 0."""
    m, n = g.shape
    highest, lowest = 0.0, 0.0
    for i in range(m):
        into = work[G, i]
        for j in range(n):
            v = g[i, j]
            into[j] = v
            lowest += 0.0 if v >= 0.0 else 1.0
            highest += 0.0 if v < np.inf else 1.0
        for k in (G, T, R, Z):
            work[k, i, n:] = 0.0
        work[W, i] = 0.0
    for k in (G, T, R, Z, W):
        work[k, m:] = 0.0
    return lowest + highest == 0.0


@reordered
def finite(values):
    """Whether all numbers are finite."""
    wrong = 0
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            wrong += 0 if abs(values[i, j]) < np.inf else 1
    return wrong == 0


@_in_place
def begin(row_in, column_in, cell_a, start, tolerance, work, line):
    """Find the first residual R, Z = P^-1 R; return R.Z and where to stop.

    The scale of R.Z is the power that currents into the columns' nodes would bring there: a warm
    start is held to the same as a cold one. A guess that is not near is dropped.
    """
    m, n = row_in.shape[1], column_in.shape[1]
    r, x, z, w = work[R], work[T], work[Z], work[W]
    if start.size:
        for i in range(m):
            for j in range(n):
                x[i, j] = start[i, j] - row_in[0, i]
        columns_given(row_in, column_in, cell_a, work)
        scale = sweep_columns(r, x, 0.0, work[AC], work[BC], w, m, n, line)
        rows_of(row_in, column_in, cell_a, work, line)
        for i in range(m):
            for j in range(n):
                guess = start[i, j] - row_in[0, i]
                r[i, j] = work[G, i, j] * (x[i, j] - guess)
        rz = sweep_columns(r, x, 0.0, work[AC], work[BC], z, m, n, line)
        if rz <= NEAR * scale:
            return rz, tolerance * tolerance * scale
        w[:] = 0.0
    rows_of(row_in, column_in, cell_a, work, line)
    columns_given(row_in, column_in, cell_a, work)
    rz = sweep_columns(r, x, 0.0, work[AC], work[BC], z, m, n, line)
    return rz, tolerance * tolerance * rz


@_in_place
def iterate(work, m, n, rz, goal, line):
    """Go on with conjugate gradients until R.Z <= goal, and take the step that comes for free."""
    alpha, beta, steps = 0.0, 0.0, 0
    while max(1.0, alpha * alpha) * rz > goal:
        s = step_rows(work, alpha, beta, n, steps == 0, line[0])
        steps += 1
        if not s > 0.0 or steps == MOST_STEPS:
            return STUCK
        alpha = rz / s
        new = sweep_columns(work[R], work[T], alpha, work[AC], work[BC], work[Z], m, n, line)
        beta = new / rz
        rz = new
    for i in range(0, work.shape[1], ABREAST):
        w = work[W, i : i + ABREAST].ravel()
        z = work[Z, i : i + ABREAST].ravel()
        p = work[P, i : i + ABREAST].ravel()
        if steps:
            for j in range(w.size):
                w[j] += alpha * p[j] + z[j]
        else:
            for j in range(w.size):
                w[j] += z[j]
    return steps


@reordered
def step_rows(work, alpha, beta, n, first, root):
    """Turn to the next direction P, fill T with S P, and return P.T."""
    s = 0.0
    for i in range(0, work.shape[1], ABREAST):
        p = work[P, i : i + ABREAST].ravel()
        z = work[Z, i : i + ABREAST].ravel()
        q = work[Q, i : i + ABREAST].ravel()
        r = work[R, i : i + ABREAST].ravel()
        x = work[T, i : i + ABREAST].ravel()
        g = work[G, i : i + ABREAST].ravel()
        w = work[W, i : i + ABREAST].ravel()
        if first:
            for j in range(p.size):
                p[j] = z[j]
                x[j] = g[j] * z[j]
        else:
            for j in range(p.size):
                w[j] += alpha * p[j]
            for j in range(p.size):
                v = z[j] + beta * p[j]
                p[j] = v
                x[j] = g[j] * v
        sweep_rows(work[AR, i : i + 8], work[BR, i : i + 8], work[T, i : i + 8], n, root)
        if first:
            for j in range(p.size):
                v = r[j] - g[j] * x[j]
                q[j] = r[j]
                x[j] = v
                s += p[j] * v
        else:
            for j in range(p.size):
                v = r[j] + beta * q[j]
                q[j] = v
                t = v - g[j] * x[j]
                x[j] = t
                s += p[j] * t
    return s


@reordered
def rows_of(row_in, column_in, cell_a, work, line):
    """Solve the rows against the columns' voltages W into T; line[0] is left to the sources."""
    m, n = row_in.shape[1], column_in.shape[1]
    g, w, x = work[G], work[W], work[T]
    for i in range(0, g.shape[0], ABREAST):
        for k in range(i, min(i + ABREAST, m)):
            for j in range(n):
                x[k, j] = g[k, j] * (w[k, j] - (row_in[0, k] - column_in[0, j]))
            if cell_a.size:
                for j in range(n):
                    x[k, j] -= cell_a[k, j]
            x[k, 0] += row_in[1, k]
        sweep_rows(work[AR, i : i + 8], work[BR, i : i + 8], x[i : i + 8], n, line[0, i : i + 8])


@reordered
def columns_given(row_in, column_in, cell_a, work):
    """Fill R with the currents into the columns' nodes for the rows' voltages T and W = 0."""
    m, n = row_in.shape[1], column_in.shape[1]
    g, u, r = work[G], work[T], work[R]
    for i in range(m):
        for j in range(n):
            r[i, j] = g[i, j] * (u[i, j] + (row_in[0, i] - column_in[0, j]))
        if cell_a.size:
            for j in range(n):
                r[i, j] += cell_a[i, j]
    for j in range(n):
        r[m - 1, j] += column_in[1, j]


@reordered
def row_currents(work, n, line, end, out):
    """Find the currents of the rows' sources, from no difference of voltages, which cancel."""
    for i in range(out.shape[1]):
        out[0, i] = -line[0, i]
        out[1, i] = -end[1, i] * work[T, i, n - 1]


@reordered
def column_currents(row_in, column_in, cell_a, work, end, out):
    """Find the currents of the columns' sources.

    What the cells bring is left to the near source, so that currents add up exactly; one behind so
    large a resistance that little is left takes it from its voltage, which is then no small one.
    """
    m, n = row_in.shape[1], column_in.shape[1]
    g, u, w, a = work[G], work[T], work[W], work[AC]
    near, far, far_s = out[0], out[1], end[1]
    for j in range(n):
        near[j] = column_in[1, j]
    for i in range(m):
        for j in range(n):
            near[j] += g[i, j] * (u[i, j] - w[i, j] + (row_in[0, i] - column_in[0, j]))
        if cell_a.size:
            for j in range(n):
                near[j] += cell_a[i, j]
    for j in range(n):
        far[j] = far_s[j] * w[0, j]
        if a[m - 1, j] > WEAK:
            near[j] -= far[j]
        else:
            total = near[j]
            near[j] = w[m - 1, j] / end[0, j]
            if far_s[j] > 0.0:
                far[j] = total - near[j]


@reordered
def voltages(row_in, column_in, work, nodes):
    """Fill in the nodes' voltages."""
    for i in range(nodes.shape[1]):
        for j in range(nodes.shape[2]):
            nodes[0, i, j] = row_in[0, i] + work[T, i, j]
        for j in range(nodes.shape[2]):
            nodes[1, i, j] = column_in[0, j] + work[W, i, j]
