"""The square law of a transistor for all cells of an array in one pass."""

from numba import njit


@njit(cache=True, error_model="numpy", nogil=True)
def square_law(drain, source, over, k, per_v, off, current, drain_slope, source_slope):
    """Fill in currents (A) and slopes (S) of `Transistor`, all (rows, columns).

    ``drain``, ``source``: potentials (V); ``over``: gate less threshold, (rows,) (V); ``k``
    (A/V^2), ``per_v`` (1/V), ``off`` (S): the transistor's constants.
    """
    rows, columns = drain.shape
    for i in range(rows):
        for j in range(columns):
            d, s = drain[i, j], source[i, j]
            above_d, above_s = max(over[i] - d, 0.0), max(over[i] - s, 0.0)
            longer = 1.0 + per_v * abs(d - s)
            square = 0.5 * k * (above_s - above_d) * (above_s + above_d)
            wider = per_v * abs(square) + off
            current[i, j] = square * longer + off * (d - s)
            drain_slope[i, j] = k * above_d * longer + wider
            source_slope[i, j] = k * above_s * longer + wider
