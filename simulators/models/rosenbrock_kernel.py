"""RODAS, a Rosenbrock method of order 4 that is L-stable, with an embedded one of order 3.

E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, 1996, sections IV.7 (the form
without products with the Jacobian) and VI.4 (the coefficients, also in their code RODAS), doi
10.1007/978-3-642-05221-7. With W = 1/(gamma h) - df/dy a stage is::

    W k_i = f(t + c_i h, y + sum a_ij k_j) + sum C_ij/h k_j + d_i h df/dt

The step ends at y_6 + k_6, and k_6 is the estimate of its error. The numbers are compiled into
the kernels of other modules, where numba's cache does not notice a change here: whoever changes
this file deletes the folder ``simulators/models/__pycache__``.
"""

from hil.simulators.models.compiled import helper

PER_GAMMA = 4.0
T2, T3, T4 = 0.386, 0.21, 0.63
"""1/gamma; c_2 to c_4 (c_1 is 0, the others are 1)."""

A21 = 1.544
A31, A32 = 0.9466785280815826, 0.2557011698983284
A41, A42, A43 = 3.314825187068521, 2.896124015972201, 0.9986419139977817
A51, A52, A53, A54 = 1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895
"""a_ij; those of the stage 6 are a_5j and 1."""

C21 = -5.6688
C31, C32 = -2.430093356833875, -0.2063599157091915
C41, C42, C43 = -0.1073529058151375, -9.594562251023355, -20.47028614809616
C51, C52, C53, C54 = 7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616
C61, C62, C63, C64, C65 = (
    8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136,
    -6.058818238834054,
)  # fmt: skip

D1, D2, D3, D4 = 0.25, -0.1043, 0.1035, -0.0362
"""d_i; those of the last two stages are 0."""


def rodas(rate):
    """Make the step of one variable whose ``rate(given, time, y)``, a helper, is dy/dt.

    Returns
    -------
    function
        ``step(given, time, y, slope, by_y, by_time, size)`` from where the step begins, the rate
        there, its derivatives, and the step's length: y at its end, and the error. *given* is
        handed on to the rate.
    """

    @helper
    def step(given, time, y, slope, by_y, by_time, size):
        per = 1.0 / size
        w = 1.0 / (PER_GAMMA * per - by_y)
        drift, end = by_time * size, time + size
        a = w * (slope + D1 * drift)
        f = rate(given, time + T2 * size, y + A21 * a)
        b = w * (f + C21 * per * a + D2 * drift)
        f = rate(given, time + T3 * size, y + A31 * a + A32 * b)
        c = w * (f + (C31 * a + C32 * b) * per + D3 * drift)
        f = rate(given, time + T4 * size, y + A41 * a + A42 * b + A43 * c)
        d = w * (f + (C41 * a + C42 * b + C43 * c) * per + D4 * drift)
        y += A51 * a + A52 * b + A53 * c + A54 * d
        f = rate(given, end, y)
        e = w * (f + (C51 * a + C52 * b + C53 * c + C54 * d) * per)
        y += e
        f = rate(given, end, y)
        g = w * (f + (C61 * a + C62 * b + C63 * c + C64 * d + C65 * e) * per)
        return y + g, abs(g)

    return step
