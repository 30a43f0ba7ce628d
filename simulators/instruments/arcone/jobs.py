"""The jobs of the ArC ONE that bias one device after the other and tell triplets of each.

A triplet is resistance (ohm), voltage (V) and width (s); reads at the read voltage have a width of
0. Source: the arguments and their order from libarc1 (commit 5bfc6af), what the jobs do from its
descriptions and the vendor's simulation in arc1_pyqt; see `unconfirmed` for the rest.

Not modelled: the current cut-offs of Endurance.
"""

from collections.abc import Generator, Iterator

from hil.simulators.instruments.arcone import unconfirmed
from hil.simulators.instruments.arcone.board import Board, Place

Triplet = tuple[float, float, float]
Arguments = list[float]

END: Triplet = (0.0, 0.0, 0.0)
_NEARLY = 1e-6
"""Of a step: numbers come with six decimals."""


def curve_tracer(board: Board, place: Place, arguments: Arguments) -> Iterator[Triplet]:
    """Sweep the voltage up and down, cycle after cycle, with an `END` after each (job 201)."""
    plus_v, minus_v, start_v, step_v, width_s, pause_s = arguments[:6]
    cutoffs_a = {1: abs(arguments[6]), -1: abs(arguments[7])}
    cycles, kind, span, halts = map(int, arguments[8:])
    tops_v = {1: abs(plus_v), -1: abs(minus_v)}
    signs = {0: (1, -1), 1: (-1, 1), 2: (1,)}.get(span, (-1,))
    for _ in range(cycles):
        for sign in signs:
            steps = _steps(abs(start_v), tops_v[sign], abs(step_v))
            sweep = _Sweep(board, place, width_s, pause_s, staircase=kind == 0)
            stopped = yield from sweep.go(steps, sign, cutoffs_a[sign], bool(halts))
            if stopped:
                break
        yield END


def form_finder(board: Board, place: Place, arguments: Arguments) -> Iterator[Triplet]:
    """Pulse with growing width and voltage until the resistance has gone far enough (job 141)."""
    least_v, step_v, most_v, least_s, step_s, most_s, pause_s, target_ohm, part = arguments[:9]
    mode, series, pulses = map(int, arguments[9:])
    series_ohm = unconfirmed.SERIES_OHM.get(series, 0.0)
    first_ohm = board.read(place)
    yield first_ohm, board.read_v, 0.0

    def is_enough(ohm: float) -> bool:
        if part == 0:
            return ohm < target_ohm
        return abs(ohm - first_ohm) / first_ohm > part / 100

    if part == 0 and first_ohm < target_ohm:
        return
    level_v, width_s = least_v, least_s
    while True:
        for _ in range(max(pulses, 1)):
            board.pulse(place, level_v, width_s, series_ohm)
            ohm = board.read(place)
            yield ohm, level_v, width_s
            if is_enough(ohm):
                return
            board.wait(pause_s)
        wider_s = width_s * (1 + step_s / 100) if mode == 0 else width_s + step_s
        if wider_s <= most_s * (1 + _NEARLY) and wider_s > width_s:
            width_s = wider_s
            continue
        level_v, width_s = level_v + step_v, least_s
        if abs(level_v) > abs(most_v) + _NEARLY:
            return


def endurance(board: Board, place: Place, arguments: Arguments) -> Iterator[Triplet]:
    """Pulse to and fro (job 191)."""
    plus_v, plus_s, _, minus_v, minus_s, _, pause_s = arguments[:7]
    plus, minus, cycles = map(int, arguments[7:])
    for _ in range(cycles):
        for count, level_v, width_s in ((plus, plus_v, plus_s), (minus, minus_v, minus_s)):
            for _ in range(count):
                board.pulse(place, level_v, width_s)
                yield board.read(place), level_v, width_s
                board.wait(pause_s)


def chronoamperometry(board: Board, place: Place, arguments: Arguments) -> Iterator[Triplet]:
    """Read again and again under a bias (job 220)."""
    level_v, width_s, count = arguments[0], arguments[1], int(arguments[2])
    before_v = 0.0
    for _ in range(count):
        yield board.step(place, before_v, level_v, width_s / count), level_v, width_s
        before_v = level_v
    board.release(place, before_v)


def converge(board: Board, place: Place, arguments: Arguments) -> Iterator[Triplet]:
    """Pulse until a resistance is reached, the other way after it was passed (job 21)."""
    least_v, step_v, most_v, least_s, step_s, most_s, pause_s, target_ohm, near = arguments[:9]
    pulses, sign = int(arguments[10]), -1.0 if arguments[11] < 0 else 1.0
    ohm = board.read(place)
    yield ohm, board.read_v, 0.0
    level_v, width_s, ends = least_v, least_s, 0
    while target_ohm > 0 and abs(ohm - target_ohm) > near / 100 * target_ohm and ends < 2:
        for _ in range(max(pulses, 1)):
            board.pulse(place, sign * level_v, width_s)
            board.wait(pause_s)
        before_ohm, ohm = ohm, board.read(place)
        yield ohm, sign * level_v, width_s
        wider_s = width_s * (1 + step_s / 100)
        if (before_ohm - target_ohm) * (ohm - target_ohm) < 0:
            sign, level_v, width_s, ends = -sign, least_v, least_s, 0
        elif width_s < wider_s <= most_s * (1 + _NEARLY):
            width_s = wider_s
        else:
            level_v, width_s = level_v + step_v, least_s
        if level_v > most_v + _NEARLY or (step_v <= 0 and width_s == least_s):
            sign, level_v, width_s, ends = -sign, least_v, least_s, ends + 1


class _Sweep:
    """Voltages one after the other, held from one to the next or with pauses at 0 V."""

    def __init__(
        self, board: Board, place: Place, width_s: float, pause_s: float, *, staircase: bool
    ) -> None:
        self._board = board
        self._place = place
        self._width_s = width_s
        self._pause_s = pause_s
        self._staircase = staircase
        self._at_v = 0.0

    def go(
        self, steps_v: list[float], sign: int, cutoff_a: float, halts: bool
    ) -> Generator[Triplet, None, bool]:
        """Go up and down again; at a cut-off turn back, or stop, which is what it returns."""
        climbed: list[float] = []
        is_cut = False
        for level_v in steps_v:
            climbed.append(level_v)
            ohm = self._at(sign * level_v)
            yield ohm, sign * level_v, self._width_s
            is_cut = cutoff_a > 0 and level_v / ohm > cutoff_a
            if is_cut:
                break
        if not (is_cut and halts):
            for level_v in reversed(climbed[:-1]):
                yield self._at(sign * level_v), sign * level_v, self._width_s
        self._board.release(self._place, self._at_v)
        return is_cut and halts

    def _at(self, level_v: float) -> float:
        if self._staircase:
            before_v, self._at_v = self._at_v, level_v
            return self._board.step(self._place, before_v, level_v, self._width_s)
        ohm = self._board.bias(self._place, level_v, self._width_s)
        self._board.wait(self._pause_s)
        return ohm


def _steps(start_v: float, top_v: float, step_v: float) -> list[float]:
    """List the voltages of a sweep's way up."""
    if step_v <= 0 or top_v < start_v:
        return [start_v]
    count = int((top_v - start_v) / step_v + _NEARLY)
    return [start_v + k * step_v for k in range(min(count, unconfirmed.MOST_TRIPLETS) + 1)]
