"""Read maps with the wires taken out, against a nodal solve that shares nothing with them."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from hil.errors import ConfigError
from hil.simulators.crossbar.deembed import PROBES, deembed
from hil.simulators.crossbar.network import Network

Floats = NDArray[np.float64]
Share = float | None

ENDS = {"driver_ohm": 50.0, "sense_ohm": 10.0}
SCHEMES: dict[str, tuple[Share, Share]] = {
    "grounded": (0.0, 0.0), "V/2": (0.5, 0.5), "V/3": (1 / 3, 2 / 3), "float": (None, None),
    "columns float": (0.0, None), "rows float": (None, 0.0),
}  # fmt: skip


def wired(rows: int, columns: int, ohm: float = 2.5, **ends: Any) -> Network:
    return Network.of(rows, columns, row_wire_ohm=ohm, column_wire_ohm=ohm, **(ends or ENDS))


def some_cells(rows: int, columns: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).uniform(1e-6, 1e-4, (rows, columns))


def between_sources_s(network: Network, cells_s: Floats) -> Floats:
    """(lines, lines): currents into all lines at their sources, per volt; rows first."""
    m, n = cells_s.shape
    row, column = np.arange(m * n).reshape(m, n), np.arange(m * n, 2 * m * n).reshape(m, n)
    inner = 2 * m * n
    source = inner + np.arange(m + n)
    links = [
        (row, column, cells_s),
        (row[:, 1:], row[:, :-1], 1 / network.row_wire_ohm[:, 1:]),
        (column[1:], column[:-1], 1 / network.column_wire_ohm[:-1]),
        (source[:m], row[:, 0], 1 / (network.driver_ohm + network.row_wire_ohm[:, 0])),
        (source[m:], column[-1], 1 / (network.sense_ohm + network.column_wire_ohm[-1])),
    ]
    one, other, s = (np.concatenate([np.ravel(link[k]) for link in links]) for k in range(3))
    ends = np.concatenate((one, other, one, other)), np.concatenate((other, one, one, other))
    matrix = sparse.coo_matrix((np.concatenate((-s, -s, s, s)), ends)).tocsc()
    inside = splu(matrix[:inner, :inner]).solve(matrix[:inner, inner:].toarray())
    return np.asarray(matrix[inner:, inner:].toarray() - matrix[inner:, :inner] @ inside)


def read_map_s(network: Network, cells_s: Floats, scheme: str) -> Floats:
    """Read cell after cell: its row at 1 V, its column at 0 V, the others as the scheme says."""
    (m, n), (rows, columns) = cells_s.shape, SCHEMES[scheme]
    lines_s = between_sources_s(network, cells_s)
    map_s = np.empty((m, n))
    for i, j in np.ndindex(m, n):
        volts = np.repeat([rows or 0.0, columns or 0.0], (m, n))
        driven = np.repeat([rows is not None, columns is not None], (m, n))
        volts[[i, m + j]], driven[[i, m + j]] = (1.0, 0.0), True
        floating = ~driven
        given_a = lines_s[np.ix_(floating, driven)] @ volts[driven]
        volts[floating] = np.linalg.solve(lines_s[np.ix_(floating, floating)], -given_a)
        map_s[i, j] = -lines_s[m + j] @ volts
    return map_s


def shares(scheme: str) -> dict[str, Any]:
    return dict(zip(("row_share", "column_share"), SCHEMES[scheme], strict=True))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_cells_behind_a_read_map_are_found_exactly(scheme: str) -> None:
    size = 16 if scheme.endswith("s float") else 32
    network, cells_s = wired(size, size), some_cells(size, size)
    map_s = read_map_s(network, cells_s, scheme)
    assert np.abs(map_s / cells_s - 1).max() > 0.05
    found = deembed(map_s, network, **shares(scheme))
    assert found.conductance_s == pytest.approx(cells_s, rel=1e-6)
    assert found.misfit < 1e-10
    assert not found.at_zero.any()


def test_half_of_the_current_may_be_lost_in_the_wires() -> None:
    network, cells_s = wired(32, 32, 25.0), some_cells(32, 32)
    map_s = transfer_s(network, cells_s)
    assert np.median(map_s / cells_s) < 0.55
    found = deembed(map_s, network)
    assert found.conductance_s == pytest.approx(cells_s, rel=1e-6)


def transfer_s(network: Network, cells_s: Floats) -> Floats:
    """(rows, columns): the map where all lines are at 0 V but the selected row."""
    rows = cells_s.shape[0]
    return -between_sources_s(network, cells_s)[rows:, :rows].T


@pytest.mark.parametrize("wrong", [0.8, 1.2])
def test_wires_that_are_wrongly_told_leave_their_part_of_the_loss(wrong: float) -> None:
    """To first order an estimate is off by what wires of the difference would take."""
    cells_s = some_cells(32, 32)
    map_s = transfer_s(wired(32, 32), cells_s)
    told = wired(32, 32, 2.5 * wrong)
    found = deembed(map_s, told)
    left = found.conductance_s / cells_s - 1
    of_wires = transfer_s(wired(32, 32, 2.5), cells_s) / transfer_s(wired(32, 32, 1e-6), cells_s)
    expected = (wrong - 1) * (1 / of_wires - 1)
    assert np.median(left) == pytest.approx(np.median(expected), rel=0.15)
    assert np.abs(left).max() < 0.1  # small cells between large ones have more of it


def test_the_estimate_gives_the_closed_form_gain_of_products() -> None:
    """Equal inputs are put right by sum(G) / sum(A) of each column, random ones nearly so."""
    network, cells_s = wired(32, 32, driver_ohm=0.0), some_cells(32, 32)
    map_s = transfer_s(network, cells_s)
    gain = deembed(map_s, network).conductance_s.sum(axis=0) / map_s.sum(axis=0)
    assert map_s.sum(axis=0) * gain == pytest.approx(cells_s.sum(axis=0), rel=1e-8)
    inputs_v = np.random.default_rng(2).uniform(0.1, 0.5, (200, 32))
    ideal_a, real_a = inputs_v @ cells_s, inputs_v @ map_s

    def wrong(current_a: Floats) -> float:
        return float(((current_a - ideal_a) ** 2).mean() / (ideal_a**2).mean())

    assert wrong(real_a * gain) < 5e-6 < 5e-3 < wrong(real_a)


@pytest.mark.parametrize("scheme", ["grounded", "V/2", "float"])
def test_the_amplification_is_that_of_the_inverse_derivative(scheme: str) -> None:
    network, cells_s = wired(6, 5, 20.0), some_cells(6, 5)
    map_s = read_map_s(network, cells_s, scheme)
    found = deembed(map_s, network, **shares(scheme))
    derivative = np.empty((30, 30))
    for cell in range(30):
        more_s = cells_s.copy()
        more_s.flat[cell] *= 1 + 1e-5
        change = read_map_s(network, more_s, scheme) / map_s - 1
        derivative[:, cell] = change.ravel() / 1e-5
    exact = np.linalg.norm(np.linalg.inv(derivative), axis=1).reshape(6, 5)
    ratio = found.amplification / exact
    assert PROBES == 16
    assert np.median(ratio) == pytest.approx(1, abs=0.15)
    assert ((ratio > 0.5) & (ratio < 1.6)).all()
    assert (exact.max() < 1.2) == (scheme == "grounded")


def test_a_cell_that_reads_too_little_is_refused_or_told() -> None:
    network, cells_s = wired(8, 8), some_cells(8, 8)
    cells_s[2, 4] = 0.0
    map_s = read_map_s(network, cells_s, "V/2")
    assert deembed(map_s, network, **shares("V/2")).conductance_s[2, 4] < 1e-12
    map_s[2, 4] -= 1e-6
    with pytest.raises(ConfigError, match=r"1 of 64, such as R3C5 with .* lower than what"):
        deembed(map_s, network, **shares("V/2"))
    told = deembed(map_s, network, **shares("V/2"), zeros_allowed=0.02)
    assert np.argwhere(told.at_zero).tolist() == [[2, 4]]
    assert told.conductance_s[2, 4] == 0
    assert told.amplification[2, 4] == np.inf
    kept = ~told.at_zero
    assert told.conductance_s[kept] == pytest.approx(cells_s[kept], rel=2e-2)
    assert np.isfinite(told.amplification[kept]).all()


def test_what_wires_cannot_let_through_is_refused() -> None:
    map_s = transfer_s(wired(4, 4), some_cells(4, 4))
    map_s[1, 2] = 1 / 60.0  # behind 60 ohm of ends and 15 of wires
    with pytest.raises(ConfigError, match="reading of R2C3 behind 75 ohm of wires"):
        deembed(map_s, wired(4, 4))


def test_nothing_read_is_nothing_there() -> None:
    found = deembed(np.zeros((2, 3)), wired(2, 3))
    assert (found.conductance_s == 0).all()
    assert found.evaluations == 0


def test_without_wires_a_grounded_map_is_its_own_estimate() -> None:
    map_s = some_cells(3, 4)
    found = deembed(map_s, Network.of(3, 4))
    assert found.conductance_s == pytest.approx(map_s, rel=1e-12)
    assert found.amplification == pytest.approx(np.ones((3, 4)), rel=1e-6)


@pytest.mark.parametrize(
    ("map_s", "more", "words"),
    [
        (np.ones((2, 2)), {}, r"shape \(2, 2\), and the array is \(2, 3\)"),
        (np.full((2, 3), np.nan), {}, "a finite number for each cell"),
        (np.ones((2, 3)), {"row_share": 1.0}, "every cell of a column reads the same"),
    ],
)
def test_what_is_no_map_is_refused(map_s: Floats, more: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        deembed(map_s, wired(2, 3), **more)


@settings(max_examples=20)
@given(
    rows=st.integers(1, 5), columns=st.integers(1, 5), scheme=st.sampled_from(sorted(SCHEMES)),
    ohm=st.floats(0.1, 200), driver_ohm=st.floats(0, 1000), sense_ohm=st.floats(0, 1000),
    seed=st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_any_map_leads_back_to_its_cells(
    rows: int, columns: int, scheme: str, ohm: float, driver_ohm: float, sense_ohm: float,
    seed: int,
) -> None:  # fmt: skip
    network = wired(rows, columns, ohm, driver_ohm=driver_ohm, sense_ohm=sense_ohm)
    cells_s = some_cells(rows, columns, seed)
    found = deembed(read_map_s(network, cells_s, scheme), network, **shares(scheme))
    assert found.conductance_s == pytest.approx(cells_s, rel=1e-4, abs=1e-5 * cells_s.max())
