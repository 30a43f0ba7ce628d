"""Elimination of single lines: 8 rows abreast, or all columns at once.

How, and why so, stands in `hil.simulators.crossbar.linear`. The helpers are compiled into the
kernel of another module, where numba's cache does not notice a change here: whoever changes this
file deletes the folder ``simulators/crossbar/__pycache__``.
"""

from typing import Any

import numpy as np
from numba import njit

ABREAST = 8

HELPER: dict[str, Any] = {
    "error_model": "numpy",
    "nogil": True,
    "fastmath": {"contract", "reassoc", "nsz"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
"""Options of what only kernels call: no way in from Python, which takes time to compile."""

reordered = njit(**HELPER)


@reordered
def factor_rows(g, ohm, end, line, a, b):
    """Eliminate every row from its far end to its driver, without a subtraction."""
    m, n = end.shape[1], ohm.shape[1]
    e, r = line[0], line[1]
    for i in range(0, g.shape[0], ABREAST):
        for k in range(ABREAST):
            e[k] = end[1, i + k] if i + k < m else 0.0
        for back in range(n):
            j = n - 1 - back
            if j == 0:
                for k in range(ABREAST):
                    r[k] = end[0, min(i + k, m - 1)]
            elif ohm.shape[0] > 1:
                for k in range(ABREAST):
                    r[k] = ohm[min(i + k, m - 1), j]
            else:
                for k in range(ABREAST):
                    r[k] = ohm[0, j]
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
def factor_columns(g, ohm, end, line, a, b, m):
    """Eliminate every column from its first cell to its sense end, without a subtraction."""
    n, e = end.shape[1], line[0]
    for j in range(n):
        e[j] = end[1, j]
    for i in range(m):
        r = end[0] if i == m - 1 else ohm[min(i, ohm.shape[0] - 1)]
        for j in range(n):
            s = e[j] + g[i, j]
            broken = r[j] == np.inf
            ohm_j = 0.0 if broken else r[j]
            v = 1.0 / (1.0 + s * ohm_j)
            a[i, j] = 0.0 if broken else v
            b[i, j] = (1.0 / s if s > 0.0 else 0.0) if broken else ohm_j * v
            e[j] = 0.0 if broken else s * v


@reordered
def sweep_rows(a, b, x, n, root):
    """Solve 8 rows: x holds currents, then voltages; root is what is left to the near source.

    A row is one chain of dependent operations: 8 of them abreast hide its latency.
    """
    y0 = y1 = y2 = y3 = y4 = y5 = y6 = y7 = 0.0
    for back in range(n):
        j = n - 1 - back
        y0 += x[0, j]
        x[0, j] = b[0, j] * y0
        y0 *= a[0, j]
        y1 += x[1, j]
        x[1, j] = b[1, j] * y1
        y1 *= a[1, j]
        y2 += x[2, j]
        x[2, j] = b[2, j] * y2
        y2 *= a[2, j]
        y3 += x[3, j]
        x[3, j] = b[3, j] * y3
        y3 *= a[3, j]
        y4 += x[4, j]
        x[4, j] = b[4, j] * y4
        y4 *= a[4, j]
        y5 += x[5, j]
        x[5, j] = b[5, j] * y5
        y5 *= a[5, j]
        y6 += x[6, j]
        x[6, j] = b[6, j] * y6
        y6 *= a[6, j]
        y7 += x[7, j]
        x[7, j] = b[7, j] * y7
        y7 *= a[7, j]
    root[0], root[1], root[2], root[3] = y0, y1, y2, y3
    root[4], root[5], root[6], root[7] = y4, y5, y6, y7
    y0 = y1 = y2 = y3 = y4 = y5 = y6 = y7 = 0.0
    for j in range(n):
        y0 = x[0, j] + a[0, j] * y0
        x[0, j] = y0
        y1 = x[1, j] + a[1, j] * y1
        x[1, j] = y1
        y2 = x[2, j] + a[2, j] * y2
        x[2, j] = y2
        y3 = x[3, j] + a[3, j] * y3
        x[3, j] = y3
        y4 = x[4, j] + a[4, j] * y4
        x[4, j] = y4
        y5 = x[5, j] + a[5, j] * y5
        x[5, j] = y5
        y6 = x[6, j] + a[6, j] * y6
        x[6, j] = y6
        y7 = x[7, j] + a[7, j] * y7
        x[7, j] = y7


@reordered
def sweep_columns(r, t, alpha, a, b, z, m, n, line):
    """Take alpha t from r, solve every column z = P^-1 r, and return r.z."""
    y = line[1]
    for j in range(n):
        y[j] = 0.0
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
    for j in range(n):
        y[j] = 0.0
    for back in range(m):
        i = m - 1 - back
        for j in range(n):
            x = z[i, j] + a[i, j] * y[j]
            z[i, j] = x
            y[j] = x
    return rz
