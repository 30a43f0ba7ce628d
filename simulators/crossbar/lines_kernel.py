"""Elimination of single lines: 8 rows abreast, or all columns at once.

How, and why so, stands in `hil.simulators.crossbar.linear`. The helpers are compiled into the
kernel of another module, where numba's cache does not notice a change here: whoever changes this
file deletes the folder ``simulators/crossbar/__pycache__``.
"""

import numpy as np
from numba import njit

ABREAST = 8

FLOOR_OHM = 1e-12
"""Least resistance of a far end: two ideal sources on one line would share its current at will."""

reordered = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, error_model="numpy", nogil=True, fastmath={"contract", "reassoc", "nsz"})


@reordered
def ends(sources, end, first_ohm):
    """Return resistances to near sources, conductances to far ones, and whether a line is open.

    A line that is open at both ends has no source: its voltage is put to 0.
    """
    near_ohm, far_s = np.empty(end.shape[1]), np.empty(end.shape[1])
    free = False
    for k in range(near_ohm.size):
        near_ohm[k] = end[0, k] + first_ohm[min(k, first_ohm.size - 1)]
        far_s[k] = 1 / max(end[1, k], FLOOR_OHM)
        if near_ohm[k] == np.inf and far_s[k] == 0.0:
            free = True
            sources[0, k] = 0.0
    return near_ohm, far_s, free


@reordered
def factor_rows(g, ohm, root_ohm, far_s, a, b):
    """Eliminate every row from its far end to its driver, without a subtraction."""
    m, n = root_ohm.size, ohm.shape[1]
    e, r = np.zeros(ABREAST), np.zeros(ABREAST)
    for i in range(0, g.shape[0], ABREAST):
        for k in range(ABREAST):
            e[k] = far_s[i + k] if i + k < m else 0.0
        for back in range(n):
            j = n - 1 - back
            if j == 0:
                for k in range(ABREAST):
                    r[k] = root_ohm[min(i + k, m - 1)]
            elif ohm.shape[0] > 1:
                for k in range(ABREAST):
                    r[k] = ohm[min(i + k, m - 1), j]
            else:
                r[:] = ohm[0, j]
            for k in range(ABREAST):
                s = e[k] + g[i + k, j]
                if r[k] < np.inf:
                    v = 1.0 / (1.0 + s * r[k])
                    a[i + k, j] = v
                    b[i + k, j] = r[k] * v
                    e[k] = s * v
                else:
                    a[i + k, j] = 0.0
                    b[i + k, j] = 1.0 / s if s > 0.0 else 0.0
                    e[k] = 0.0


@reordered
def factor_columns(g, ohm, root_ohm, far_s, a, b, m):
    """Eliminate every column from its first cell to its sense end, without a subtraction."""
    n = far_s.shape[0]
    e = far_s.copy()
    for i in range(m):
        r = root_ohm if i == m - 1 else ohm[min(i, ohm.shape[0] - 1)]
        for j in range(n):
            s = e[j] + g[i, j]
            broken = r[j] == np.inf
            ohm_j = 0.0 if broken else r[j]
            v = 1.0 / (1.0 + s * ohm_j)
            a[i, j] = 0.0 if broken else v
            b[i, j] = (1.0 / s if s > 0.0 else 0.0) if broken else ohm_j * v
            e[j] = 0.0 if broken else s * v


@reordered
def up(a, b, x, k, j, y):
    """Take one node of row k on the way to the driver: return the current that goes on."""
    y += x[k, j]
    x[k, j] = b[k, j] * y
    return a[k, j] * y


@reordered
def down(a, x, k, j, y):
    """Take one node of row k on the way back: return its voltage."""
    y = x[k, j] + a[k, j] * y
    x[k, j] = y
    return y


@reordered
def sweep_rows(a, b, x, n, root):
    """Solve 8 rows: x holds currents, then voltages; root is what is left to the near source.

    A row is one chain of dependent operations: 8 of them abreast hide its latency.
    """
    y0 = y1 = y2 = y3 = y4 = y5 = y6 = y7 = 0.0
    for back in range(n):
        j = n - 1 - back
        y0 = up(a, b, x, 0, j, y0)
        y1 = up(a, b, x, 1, j, y1)
        y2 = up(a, b, x, 2, j, y2)
        y3 = up(a, b, x, 3, j, y3)
        y4 = up(a, b, x, 4, j, y4)
        y5 = up(a, b, x, 5, j, y5)
        y6 = up(a, b, x, 6, j, y6)
        y7 = up(a, b, x, 7, j, y7)
    root[0], root[1], root[2], root[3] = y0, y1, y2, y3
    root[4], root[5], root[6], root[7] = y4, y5, y6, y7
    y0 = y1 = y2 = y3 = y4 = y5 = y6 = y7 = 0.0
    for j in range(n):
        y0 = down(a, x, 0, j, y0)
        y1 = down(a, x, 1, j, y1)
        y2 = down(a, x, 2, j, y2)
        y3 = down(a, x, 3, j, y3)
        y4 = down(a, x, 4, j, y4)
        y5 = down(a, x, 5, j, y5)
        y6 = down(a, x, 6, j, y6)
        y7 = down(a, x, 7, j, y7)


@reordered
def sweep_columns(r, t, alpha, a, b, z, m, n):
    """Take alpha t from r, solve every column z = P^-1 r, and return r.z."""
    y = np.zeros(n)
    rz = 0.0
    for i in range(m):
        for j in range(n):
            v = r[i, j] - alpha * t[i, j]
            r[i, j] = v
            y[j] += v
        for j in range(n):
            v = y[j]
            x = b[i, j] * v
            z[i, j] = x
            rz += x * v
            y[j] = v * a[i, j]
    y[:] = 0.0
    for back in range(m):
        i = m - 1 - back
        for j in range(n):
            x = z[i, j] + a[i, j] * y[j]
            z[i, j] = x
            y[j] = x
    return rz
