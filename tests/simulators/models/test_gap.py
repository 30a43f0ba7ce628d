"""What the Stanford kernels share, against the C library, brentq and exact integrals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from hil.simulators.models import gap_kernel

LAW = np.dtype([(name, float) for name in ("i0", "per_g0", "v0", "ohm", "limit")])


@given(st.floats(-700, 700))
def test_exp_is_that_of_the_c_library(x: float) -> None:
    assert gap_kernel.fast_exp(x) == pytest.approx(math.exp(x), rel=5e-16)


def test_exp_is_held_at_its_ends() -> None:
    assert gap_kernel.fast_exp(-1e5) == pytest.approx(math.exp(-700))
    assert gap_kernel.fast_exp(1e5) == pytest.approx(math.exp(700))


@pytest.mark.parametrize("ohm", [1e-3, 50.0, 1e6])
@pytest.mark.parametrize("source", [1e-6, 0.1, 3.0, 12.0])
def test_load_line_at_one_gap_and_at_all_points_of_a_panel(source: float, ohm: float) -> None:
    law = np.array([(1e-3, 4e9, 0.25, ohm, math.inf)], LAW).view(np.recarray)[0]
    gap, way, work = 0.1e-9, 1.6e-9, np.zeros((4, 16))
    gap_kernel.divide_all(law, source, gap, way, work)
    for at, voltage in zip(gap + way * gap_kernel.WAYS, work[1], strict=True):
        scale = 1e-3 * math.exp(-4e9 * at)

        def miss(v: float, scale: float = scale) -> float:
            return v + ohm * scale * math.sinh(v / 0.25) - source

        expected = brentq(miss, 0, source, xtol=1e-300, rtol=1e-14)
        found, current, limited = gap_kernel.load_line(law, at, source)
        assert found == pytest.approx(expected, rel=1e-12)
        assert current == pytest.approx(scale * math.sinh(expected / 0.25), rel=1e-10)
        assert not limited
        assert voltage == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("degree", range(24))
def test_a_panel_is_exact_for_polynomials(degree: int) -> None:
    best, other = gap_kernel.panel_sums(gap_kernel.WAYS**degree)
    assert best == pytest.approx(1 / (degree + 1), rel=1e-13)
    if degree < 14:
        assert other == pytest.approx(1 / (degree + 1), rel=1e-13)
