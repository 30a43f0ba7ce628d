"""SwitchSeeker of the virtual ArC ONE: find the voltages at which a device switches.

Source: the arguments from libarc1 (commit 5bfc6af); the course, loosely, from the vendor's own
simulation in arc1_pyqt: pulse, read, compare with the baseline, raise the voltage.

Not modelled: the resistance threshold, and whether it reads after each pulse (it always does).
"""

from collections.abc import Generator, Iterator
from typing import NamedTuple

from hil.simulators.instruments.arcone.board import Board, Place
from hil.simulators.instruments.arcone.jobs import Arguments, Triplet

_NEARLY = 1e-6


class _Plan(NamedTuple):
    """The arguments of jobs 15 and 152."""

    width_s: float
    least_v: float
    step_v: float
    most_v: float
    pause_s: float
    threshold_ohm: float
    reads: int
    pulses: int
    cycles: int
    tolerance: float
    reads_after: int
    polarity: int


def seek_fast(board: Board, place: Place, arguments: Arguments) -> Iterator[Triplet]:
    """Try both polarities at each voltage (job 15)."""
    return _seek(board, place, arguments, alternating=True)


def seek_slow(board: Board, place: Place, arguments: Arguments) -> Iterator[Triplet]:
    """Try all voltages of one polarity, then those of the other (job 152)."""
    return _seek(board, place, arguments, alternating=False)


def _seek(
    board: Board, place: Place, arguments: Arguments, *, alternating: bool
) -> Iterator[Triplet]:
    whole = [int(value) for value in arguments[6:]]
    plan = _Plan(*arguments[:6], *whole)  # type: ignore[arg-type]
    ramps = _ramps(plan, alternating=alternating)
    sign = plan.polarity
    if sign == 0:
        sign = yield from _first_to_switch(board, place, plan, ramps)
    for _ in range(plan.cycles if sign else 0):
        sign = -sign
        levels = [(sign, level_v) for s, level_v in ramps if s > 0]
        yield from _first_to_switch(board, place, plan, levels)


def _first_to_switch(
    board: Board, place: Place, plan: _Plan, levels: list[tuple[int, float]]
) -> Generator[Triplet, None, int]:
    """Pulse at one level after the other until the device switches; return its sign, or 0."""
    baseline_ohm = yield from _mean_of_reads(board, place, plan)
    for sign, level_v in levels:
        for _ in range(max(plan.pulses, 1)):
            board.pulse(place, sign * level_v, plan.width_s)
            yield board.read(place), sign * level_v, plan.width_s
            board.wait(plan.pause_s)
        now_ohm = yield from _mean_of_reads(board, place, plan)
        if abs(now_ohm / baseline_ohm - 1) > plan.tolerance / 100:
            return sign
    return 0


def _mean_of_reads(board: Board, place: Place, plan: _Plan) -> Generator[Triplet, None, float]:
    """Read a device some times; return the mean (ohm)."""
    count = max(plan.reads, 1)
    whole_ohm = 0.0
    for _ in range(count):
        ohm = board.read(place)
        whole_ohm += ohm
        yield ohm, board.read_v, 0.0
    return whole_ohm / count


def _ramps(plan: _Plan, *, alternating: bool) -> list[tuple[int, float]]:
    """List polarity and voltage in the order in which they are tried."""
    count = 0
    if plan.step_v > 0 and plan.most_v > plan.least_v:
        count = min(int((plan.most_v - plan.least_v) / plan.step_v + _NEARLY), 1000)
    levels = [plan.least_v + k * plan.step_v for k in range(count + 1)]
    if alternating:
        return [(sign, level_v) for level_v in levels for sign in (1, -1)]
    return [(sign, level_v) for sign in (1, -1) for level_v in levels]
