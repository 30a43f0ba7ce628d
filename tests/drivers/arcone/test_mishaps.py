"""What goes wrong ends with a board at rest, is said, and never becomes a number."""

import contextlib
import socket
from collections.abc import Callable

import numpy as np
import pytest

from hil.clock import Clock
from hil.drivers.arcone.board import ArcOne
from hil.errors import InstrumentError, SessionTimeout, notes_of
from hil.program import Program, pulse, read, wait
from tests.drivers.arcone.conftest import RESISTORS, Site

PATIENCE_S = 0.1
POINT = pulse(1.0, high_s=1e-3) + read(0.2) + wait(1e-3) + read(0.1)
PULSES = (pulse(-1.0, high_s=1e-3) + wait(1e-3)) * 3
CELLS = np.array([1, 4])


@pytest.fixture(autouse=True)
def quick(resistors: Site) -> None:
    impatient(resistors)


def impatient(place: Site) -> ArcOne:
    board = place.bench._board
    assert board is not None
    board.adapter.timeout_s = PATIENCE_S
    return board


def measured(place: Site, program: Program) -> None:
    """Apply; what comes is right, if anything comes."""
    readings = place.bench.apply(program, CELLS)
    assert readings.conductance_s == pytest.approx(1e-4, rel=1e-6)


@pytest.mark.parametrize(
    "fault", ["truncated", "cut", "duplicated", "dropped", "late seconds=0.15"]
)
@pytest.mark.parametrize("skip", [0, 1, 3])
def test_no_fault_of_the_line_becomes_a_number(resistors: Site, fault: str, skip: int) -> None:
    kind, _, settings = fault.partition(" ")
    resistors.fault(kind, f"{settings} skip={skip}".strip())
    for program in (POINT, PULSES, POINT):
        with contextlib.suppress(InstrumentError):
            measured(resistors, program)
    resistors.lab.ask("faults clear")
    measured(resistors, POINT)


def test_an_answer_that_comes_late_is_waited_for_and_dropped(resistors: Site) -> None:
    measured(resistors, POINT)
    resistors.fault("late", "seconds=0.15")
    with pytest.raises(SessionTimeout) as caught:
        resistors.bench.apply(POINT)
    assert notes_of(caught.value) == ()  # it could be reset at once
    measured(resistors, POINT)


def longest_s(place: Site) -> float:
    """The longest time that a cell was away from 0 V in one go."""
    return max((sum(w["duration_s"]) for w in place.waveforms() if any(w["stop_v"])), default=0.0)


def test_a_changed_byte_is_noticed_where_it_makes_no_resistance(resistors: Site) -> None:
    resistors.bench.apply(read(0.1), CELLS)
    resistors.forget()
    resistors.fault("garbled", "skip=2")  # of the version
    with pytest.raises(InstrumentError, match="version"):
        resistors.bench.apply(POINT, np.array([1]))
    measured(resistors, POINT)


@pytest.mark.parametrize("lost", range(1, 6))
@pytest.mark.parametrize("program", [POINT, PULSES], ids=["read", "pulses"])
def test_a_lost_number_never_makes_a_long_pulse(
    resistors: Site, program: Program, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resistors.bench.apply(read(0.2), CELLS)
    resistors.forget()
    board = impatient(resistors)
    put, count = board._put, 0

    def losing(token: str | float) -> None:
        nonlocal count
        count += 1
        if count != lost + (6 if program is PULSES else 0):
            put(token)

    with monkeypatch.context() as patch:
        patch.setattr(board, "_put", losing)
        with contextlib.suppress(InstrumentError):
            resistors.bench.apply(program, np.array([1]))
    assert longest_s(resistors) < 20e-3  # a read takes 5 ms
    measured(resistors, POINT)


@pytest.mark.parametrize("program", [POINT, PULSES], ids=["read", "pulses"])
def test_a_lost_connection_is_said_and_a_new_one_measures(
    resistors: Site, program: Program
) -> None:
    resistors.fault("disconnect")
    with pytest.raises(InstrumentError, match="lost"):
        resistors.bench.apply(program)
    with pytest.raises(InstrumentError, match="could not be reset from here"):
        resistors.bench.close()
    resistors.bench.open()
    impatient(resistors)
    measured(resistors, POINT)


class Interrupting(Clock):
    """The clock of the lab, at which somebody presses Ctrl-C in a certain wait."""

    def __init__(self, clock: Clock, waits: int) -> None:
        self._clock = clock
        self._left = waits

    def now_s(self) -> float:
        return self._clock.now_s()

    def sleep(self, duration_s: float) -> None:
        self._clock.sleep(duration_s)
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("waits", [1, 3, 6, 8])
@pytest.mark.parametrize("then", [read(0.1), wait(1e-3)], ids=["job 3", "job 04"])
def test_ctrl_c_at_any_moment_resets_the_board(resistors: Site, then: Program, waits: int) -> None:
    resistors.bench.apply(POINT)
    resistors.forget()
    board = impatient(resistors)
    board._clock = Interrupting(board._clock, waits)
    with pytest.raises(KeyboardInterrupt):
        resistors.bench.apply(pulse(1.0, high_s=0.5) + then)
    assert board.quiet
    assert longest_s(resistors) < 0.51
    measured(resistors, POINT)


def test_over_range_is_limited(resistors: Site) -> None:
    resistors.lab.ask("trouble arcone over-range on")
    readings = resistors.bench.apply(read(0.1))
    resistors.lab.ask("trouble arcone over-range off")
    assert readings.limited.all()


def test_a_closed_bench_leaves_nothing_selected(resistors: Site) -> None:
    resistors.bench.apply(PULSES)
    resistors.bench.close()
    assert "00" in resistors.sent()[-3:]


def test_a_board_that_drops_what_comes_too_fast_drops_nothing(
    site: Callable[..., Site],
) -> None:
    place = site(RESISTORS, drops_packets=True)
    readings = place.bench.apply(POINT)
    assert readings.conductance_s == pytest.approx(1e-4, rel=1e-6)
    assert len([w for w in place.waveforms() if max(w["stop_v"]) == 1.0]) == 6


@pytest.mark.parametrize(
    "half", [b"", b"04\n2.0", b"04\n2.0\n", b"3\n1\n1\n2.", b"3\n1\n", b"0\n50\n"]
)
def test_the_guard_ends_any_half_told_job_without_a_pulse(resistors: Site, half: bytes) -> None:
    resistors.bench.apply(PULSES)
    impatient(resistors).close()
    resistors.forget()
    (safe,) = resistors.bench.safe_messages()
    _, host, port, _ = safe.address.split("::")
    with socket.create_connection((host, int(port)), 5) as line:
        line.settimeout(5)
        line.sendall(half + b"".join(safe.messages))
        while resistors.sent()[-1:] != ["00"]:  # until it has been let in, and was heard
            line.sendall(b"00\n")
        resistors.lab.ask("sleep 3")
        line.sendall(b"999\n")
        received = b""
        while len(received) < 4 or received[-4:-2] != b"\x03\0":
            received += line.recv(4096)
    assert longest_s(resistors) < 20e-3
    assert all(max(map(abs, w["stop_v"])) <= 0.5 for w in resistors.waveforms())
