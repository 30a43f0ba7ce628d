"""Means that must not be below zero: the best one, and draws of such."""

import numpy as np

from hil.protocols.jump_table.fitting.censored import Steer, Top
from hil.protocols.jump_table.profile import Floats

_SETTLE = 20
"""Draws after which the start is forgotten."""


def steer_above(walls: Floats, offsets: Floats) -> Steer:
    """Make Newton keep walls beta + offsets >= 0: each step is the best allowed one.

    A quadratic programme in as many unknowns as coefficients, as the least distance to the origin
    of a whitened space (Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23).

    Parameters
    ----------
    walls : (m, p) float64
        Rows: what must stay above zero, of each coefficient.
    offsets : (m,) float64
        What is added.
    """

    def steer(uphill: Floats, factor: Floats, beta: Floats) -> Floats:
        from scipy.linalg import solve_triangular

        free = solve_triangular(factor, uphill, lower=True)
        white = solve_triangular(factor, walls.T, lower=True).T
        lengths = np.sqrt((white * white).sum(axis=1))
        needed = -(walls @ beta + offsets + white @ free) / lengths
        shift = _least_distance(white / lengths[:, None], needed)
        return np.asarray(solve_triangular(factor, free + shift, lower=True, trans="T"))

    return steer


def _least_distance(normals: Floats, needed: Floats) -> Floats:
    """Return the shortest u with normals u >= needed."""
    from scipy.optimize import nnls

    if (needed <= 0).all():
        return np.zeros(normals.shape[1])
    scale = float(needed.max())
    stacked = np.vstack([normals.T, needed / scale])
    target = np.r_[np.zeros(normals.shape[1]), 1.0]
    dual, _ = nnls(stacked, target, maxiter=100 * len(needed))
    rest = stacked @ dual - target
    return np.asarray(-scale * rest[:-1] / rest[-1])


def draws_above(
    top: Top, walls: Floats, offsets: Floats, count: int, rng: np.random.Generator
) -> Floats:
    """Draw coefficients from Laplace's approximation about a top, where all walls are kept.

    Parameters
    ----------
    top : Top
        Best allowed coefficients; the gradient there says where the distribution is centred.
    walls, offsets : (m, p) and (m,) float64
        walls beta + offsets must be at least 0.
    count : int
        How many draws.
    rng : Generator
        Decides on them.

    Returns
    -------
    (count, p) float64
        The draws.
    """
    from scipy.linalg import solve_triangular

    from hil.protocols.jump_table.fitting.truncated_kernel import draw_within

    free = solve_triangular(top.factor, top.uphill, lower=True)
    white = np.ascontiguousarray(solve_triangular(top.factor, walls.T, lower=True).T)
    at_centre = walls @ top.beta + offsets + white @ free
    velocities = rng.standard_normal((count + _SETTLE, len(top.beta)))
    drawn = draw_within(white, at_centre, -free, velocities)[_SETTLE:]
    moves = solve_triangular(top.factor, (drawn + free).T, lower=True, trans="T").T
    return np.asarray(top.beta + moves)
