"""Vectors of 0 V and one voltage on the rows of a virtual ArC ONE (job 50)."""

import contextlib
import socket
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.drivers.arcone.bench import ArcOneBench
from hil.drivers.arcone.board import ArcOne
from hil.drivers.arcone.unconfirmed import READ_S
from hil.errors import InstrumentError, LimitExceeded, NotSupported
from hil.limits import Ledger
from hil.program import pulse, read
from hil.simulators.crossbar import Crossbar
from hil.virtual import VirtualLab
from tests.drivers.arcone.conftest import RESISTORS, Site, closed, plan_of
from tests.drivers.arcone.watched import Watched, watching

Floats = NDArray[np.float64]

ROWS, COLUMNS = 4, 2
TALL = {**RESISTORS, "array.rows": str(ROWS), "array.columns": str(COLUMNS)}
ROW_OHM, COLUMN_OHM = 40.0, 25.0
WIRED = {
    **TALL,
    "array.row_wire_ohm": f"{ROW_OHM}ohm",
    "array.column_wire_ohm": f"{COLUMN_OHM}ohm",
}
DWELL_S = 1e-3
BITS = np.array([[0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0]])
LEVELS_V = np.array([0.2, 0.35, 0.1, -0.3, 0.5])
VECTORS_V = BITS * LEVELS_V[:, None]


@pytest.fixture(scope="module")
def wired() -> Iterator[Watched]:
    """4 x 2 resistors of their own between resistive wires, in this process."""
    with watching(WIRED) as place:
        ohm = np.random.default_rng(3).uniform(2e3, 20e3, ROWS * COLUMNS)
        place.state["resistance_ohm"] = ohm
        yield place


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    """Lines without resistance: with some, cells of rows at 0 V see a little."""
    with watching(TALL) as place:
        yield place


@pytest.fixture(scope="module")
def tall_lab() -> Iterator[VirtualLab]:
    """4 x 2 resistors of 10 kohm and an ideal board, without wires, for a whole module."""
    with VirtualLab.start(plan_of(TALL, {})) as lab:
        yield lab


@pytest.fixture
def tall(tall_lab: VirtualLab) -> Iterator[Site]:
    """An open bench on them that does not wait long."""
    place = Site(tall_lab, TALL)
    place.bench.open()
    impatient(place.bench)
    yield place
    tall_lab.ask("faults clear")
    closed(place)


def impatient(bench: ArcOneBench) -> None:
    assert bench._board is not None
    bench._board.adapter.timeout_s = 0.1


def products_a(volts: Floats) -> Floats:
    """What 4 x 2 resistors of 10 kohm let through."""
    return np.repeat(volts.sum(axis=-1, keepdims=True) / 10e3, COLUMNS, axis=-1)


# -- what it measures -------------------------------------------------------------------------
def test_products_are_those_of_the_array_with_its_wires(wired: Watched) -> None:
    conductance_s = 1 / wired.state["resistance_ohm"].reshape(ROWS, COLUMNS)
    crossbar = Crossbar(conductance_s, row_wire_ohm=ROW_OHM, column_wire_ohm=COLUMN_OHM)
    expected_a = crossbar.currents_a(VECTORS_V)
    products = wired.bench.multiply(VECTORS_V, dwell_s=DWELL_S)
    assert products.current_a == pytest.approx(expected_a, rel=1e-6, abs=1e-18)
    assert not products.over.any()
    ideal_a = VECTORS_V @ conductance_s
    assert np.abs(products.current_a - ideal_a).max() > 5e-3 * np.abs(ideal_a).max()


def test_one_vector_is_one_row_of_products(tall: Site) -> None:
    products = tall.bench.multiply([0.1, 0.1, 0.0, 0.1], dwell_s=DWELL_S)
    assert products.current_a == pytest.approx(np.full((1, COLUMNS), 30e-6), rel=1e-6)
    assert (products.over.shape, products.time_s.shape) == ((1, COLUMNS), (1,))


def test_each_column_is_one_job(tall: Site) -> None:
    tall.bench.multiply([0.0, 0.2, 0.0, 0.2], dwell_s=DWELL_S)  # sets the read voltage
    tall.forget()
    tall.bench.multiply([0.0, 0.2, 0.0, 0.2], dwell_s=DWELL_S)
    job = ["50", "0.0", "0.0", "0.2", "+2"]
    assert tall.sent() == [*job, "+1", "+1", "+4", "+2", *job, "+2", "+1", "+4", "+2", "999"]
    assert {max(w["stop_v"]) for w in tall.waveforms()} == {0.2}


def test_a_vector_of_zeros_is_no_job(tall: Site) -> None:
    tall.forget()
    products = tall.bench.multiply(np.zeros((2, ROWS)), dwell_s=DWELL_S)
    assert not products.current_a.any()
    assert not products.over.any()
    assert not tall.waveforms()
    assert "50" not in tall.sent()


def test_a_bench_whose_lines_float_grounds_them_for_vectors(tall_lab: VirtualLab) -> None:
    place = Site(tall_lab, {**TALL, "array.scheme": "float"})
    with place.bench as bench:
        products = bench.multiply([0.1, 0.0, 0.0, 0.0], dwell_s=DWELL_S)
        assert products.current_a == pytest.approx(np.full((1, COLUMNS), 10e-6), rel=1e-6)
        floating = bench.apply(read(0.1), np.array([0])).conductance_s
    assert floating[0, 0] == pytest.approx(1e-4 * 8 / 5, rel=1e-6)  # three others in parallel


def test_what_is_beyond_the_range_is_told(tall: Site) -> None:
    tall.lab.ask("trouble arcone over-range on")
    products = tall.bench.multiply([[0.1] * ROWS, [0.0] * ROWS], dwell_s=DWELL_S)
    tall.lab.ask("trouble arcone over-range off")
    assert products.over.tolist() == [[True] * COLUMNS, [False] * COLUMNS]


def test_times_are_the_clocks(tall: Site) -> None:
    begin_s = tall.bench.clock.now_s()
    products = tall.bench.multiply(VECTORS_V, dwell_s=0.2)
    own_s = np.array([COLUMNS, COLUMNS, 0, COLUMNS, COLUMNS]) * READ_S
    since_s = products.time_s - (begin_s + 0.2 * np.arange(5))
    assert (since_s >= own_s).all()
    assert (since_s < 0.05 + 3 * own_s).all()
    assert tall.bench.clock.now_s() - begin_s == pytest.approx(5 * 0.2, rel=0.1)


# -- before a byte is sent --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("volts", "error", "why"),
    [
        ([[0.2, 0.2, 0, 0], [0.1, 0.2, 0, 0]], NotSupported, "vector 1 has 0.1 V and 0.2 V"),
        ([0.2, -0.2, 0, 0], NotSupported, "vector 0 has -0.2 V and 0.2 V"),
        ([0.6, 0, 0, 0], LimitExceeded, "positive_v"),
    ],
)
def test_other_vectors_are_refused_and_nothing_is_sent_or_booked(
    tall: Site, volts: list[float], error: type[Exception], why: str
) -> None:
    tall.forget()
    before = tall.bench.ledger.own.copy()
    with pytest.raises(error, match=why):
        tall.bench.multiply(volts, dwell_s=DWELL_S)
    assert tall.sent() == []
    assert (tall.bench.ledger.own == before).all()


def test_it_reaches_12_v(tall_lab: VirtualLab) -> None:
    wide = {f"limits.{phase}.positive_v": "15V" for phase in ("read", "switching")}
    place = Site(tall_lab, {**TALL, **wide})
    with place.bench as bench:
        bench.multiply([12.0, 0, 0, 0], dwell_s=DWELL_S)
        with pytest.raises(NotSupported, match=r"reaches 12\.0 V"):
            bench.multiply([12.1, 0, 0, 0], dwell_s=DWELL_S)


@pytest.mark.parametrize("dwell_s", [DWELL_S, 20e-3])
def test_what_is_booked_is_what_cells_see(watched: Watched, dwell_s: float) -> None:
    watched.begin()
    watched.bench.multiply(VECTORS_V, dwell_s=dwell_s)
    booked, seen = watched.bench.ledger.own, watched.watch
    times = np.repeat(BITS[LEVELS_V != 0].sum(axis=0) * COLUMNS, COLUMNS)
    assert seen.biased.tolist() == times.tolist()
    each_s = max(dwell_s, READ_S) + 2 * 100e-9
    assert booked["bias_s"] == pytest.approx(times * each_s)
    assert (seen.biased_s <= booked["bias_s"]).all()
    area_vs = np.abs(VECTORS_V).sum(axis=0) * COLUMNS * (each_s - 100e-9)
    assert booked["bias_vs"] == pytest.approx(np.repeat(area_vs, COLUMNS))
    assert booked["highest_v"] == pytest.approx(np.repeat(VECTORS_V.max(axis=0), COLUMNS))
    assert booked["lowest_v"].min() == -0.3
    assert (seen.highest_v <= booked["highest_v"] + 1e-9).all()
    assert (seen.lowest_v >= booked["lowest_v"] - 1e-9).all()
    assert not booked["pulses"].any()


def test_energy_is_that_of_the_current_that_a_resistor_lets_through(
    tall_lab: VirtualLab,
) -> None:
    place = Site(tall_lab, {**TALL, "array.series_ohm": "500ohm"})
    with place.bench as bench:
        bench.multiply([0.2, 0, 0, 0], dwell_s=10e-3)
        energy_j = COLUMNS * 0.2 * (10e-3 + 100e-9) * 0.2 / 500
        assert bench.ledger.own["energy_j"] == pytest.approx([energy_j] * 2 + [0.0] * 6)
        before = bench.ledger.own.copy()
        with pytest.raises(LimitExceeded, match="in series"):
            bench.multiply([0.0, 0.3, 0, 0], dwell_s=10e-3)
        assert (bench.ledger.own == before).all()


def test_without_one_any_current_may_flow(tall: Site) -> None:
    tall.bench.ledger = Ledger(ROWS * COLUMNS)
    tall.bench.multiply([0.0, 0.2, 0, 0], dwell_s=DWELL_S)
    assert tall.bench.ledger.own["energy_j"].tolist() == [0, 0, np.inf, np.inf, 0, 0, 0, 0]


def test_people_are_told(tall: Site) -> None:
    assert tall.bench.capabilities.multiplies
    (text,) = [each.text for each in tall.bench.assurances() if each.what == "vectors"]
    assert "of 0 V and one voltage" in text


# -- what goes wrong --------------------------------------------------------------------------
THREE_V = np.array([[0.2, 0.0, 0.2, 0.2], [0.3, 0.3, 0.0, 0.3]])


def measured(place: Site) -> None:
    """Multiply; what comes is right, if anything comes."""
    products = place.bench.multiply(THREE_V, dwell_s=DWELL_S)
    assert products.current_a == pytest.approx(products_a(THREE_V), rel=1e-6)


def most_v(place: Site) -> float:
    return max((max(map(abs, w["stop_v"])) for w in place.waveforms()), default=0.0)


def longest_s(place: Site) -> float:
    """The longest time that a cell was away from 0 V in one go."""
    return max((sum(w["duration_s"]) for w in place.waveforms() if any(w["stop_v"])), default=0.0)


@pytest.mark.parametrize(
    "fault", ["truncated", "cut", "duplicated", "dropped", "late seconds=0.15"]
)
def test_no_fault_of_the_line_becomes_a_number(tall: Site, fault: str) -> None:
    kind, _, settings = fault.partition(" ")
    tall.fault(kind, f"{settings} skip=1".strip())
    for _ in range(2):
        with contextlib.suppress(InstrumentError):
            measured(tall)
    tall.lab.ask("faults clear")
    measured(tall)


@contextlib.contextmanager
def at_number(place: Site, number: int, *, lost: bool) -> Iterator[ArcOne]:
    """Lose a number that is sent to the board, or press Ctrl-C after it."""
    board = place.bench._board
    assert board is not None
    put, count = board._put, 0

    def spy(token: str | float) -> None:
        nonlocal count
        count += 1
        if not (lost and count == number):
            put(token)
        if count == number and not lost:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board, "_put", spy)
        yield board


@pytest.mark.parametrize("number", range(1, 11))
def test_a_lost_number_makes_neither_a_pulse_nor_a_higher_voltage(tall: Site, number: int) -> None:
    measured(tall)
    tall.bench.apply(read(0.2), np.array([0]))  # so that no voltage is to be set
    tall.forget()
    with at_number(tall, number, lost=True), contextlib.suppress(InstrumentError):
        measured(tall)
    assert most_v(tall) <= 0.3
    assert longest_s(tall) < 20e-3  # a read takes 5 ms
    measured(tall)


@pytest.mark.parametrize("number", [2, 5, 8, 10, 14])
def test_ctrl_c_at_any_moment_resets_the_board(tall: Site, number: int) -> None:
    measured(tall)
    tall.forget()
    with at_number(tall, number, lost=False) as board, pytest.raises(KeyboardInterrupt):
        measured(tall)
    assert board.quiet
    assert most_v(tall) <= 0.3
    measured(tall)


def test_a_lost_connection_is_said_and_a_new_one_measures(tall: Site) -> None:
    tall.fault("disconnect")
    with pytest.raises(InstrumentError, match="lost"):
        measured(tall)
    with pytest.raises(InstrumentError, match="could not be reset from here"):
        tall.bench.close()
    tall.bench.open()
    measured(tall)


JOB = b"50\n0.0\n0.0\n0.25\n+32\n+2\n+1\n" + b"".join(b"%+d\n" % k for k in range(32, 0, -1))
ENDS = [*range(30), *range(30, len(JOB), 5)]


@pytest.fixture
def half_told(tall: Site) -> Callable[[bytes], float]:
    """Send a board what somebody left half told, then what the guard has for it."""
    assert tall.bench._board is not None
    tall.bench._board.close()
    tall.forget()

    def tell(half: bytes) -> float:
        (safe,) = tall.bench.safe_messages()
        _, host, port, _ = safe.address.split("::")
        before = len(tall.sent())
        with socket.create_connection((host, int(port)), 5) as line:
            line.settimeout(5)
            line.sendall(half + b"".join(safe.messages))
            while tall.sent()[before:][-1:] != ["00"]:  # until it has been let in, and was heard
                line.sendall(b"00\n")
            tall.lab.ask("sleep 3")
            line.sendall(b"999\n")
            received = b""
            while len(received) < 4 or received[-4:-2] != b"\x03\0":
                received += line.recv(4096)
        return most_v(tall)

    return tell


def test_the_guard_ends_job_50_wherever_it_was_left(
    tall: Site, half_told: Callable[[bytes], float]
) -> None:
    for end in ENDS:
        assert half_told(JOB[:end]) <= 0.25
    assert longest_s(tall) < 20e-3
    tall.bench.close()
    tall.bench.open()
    measured(tall)


def test_a_pulse_after_vectors_is_as_before(tall: Site) -> None:
    measured(tall)
    tall.forget()
    readings = tall.bench.apply(pulse(1.0, high_s=1e-6) + read(0.2))
    assert readings.conductance_s == pytest.approx(1e-4, rel=1e-6)
    assert most_v(tall) == 1.0
