"""What the virtual ArC ONE does to its cells: pulses, biases and reads, with their time."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.arcone import unconfirmed
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.lines import Lines
from hil.simulators.instruments.lab.signal import Signal

LINES = 32
"""Words and bits of the board."""
CLASSIC, TIA, FOUR_POINT, FOUR_POINT_NEGATIVE = range(4)
"""Read modes: with a resistor, a transimpedance amplifier with two points, with four."""
LOCAL = 0
"""The session in which the board itself drives the array."""

Place = tuple[int, int]
"""Word and bit, from 1 on."""

_Parts = Mapping[int, tuple[float, float]]
_PULSE, _READ = unconfirmed.PULSE_PARTS, unconfirmed.READ_PARTS


class _Measured(NamedTuple):
    """What a board puts out and measures (V, V, A)."""

    level_v: float
    word_v: float
    """At the selected word line, behind the switch."""
    current_a: float
    """Into the selected bit line's amplifier."""


class Board:
    """The analogue side: settings, and what they do to cells.

    Parameters
    ----------
    lab : Lab
        Its cells are the array: rows are words, columns are bits.
    port : str
        Its name in logs.
    spend : callable
        Lets time pass (s).
    now_s : callable
        Tells the board's time (s).
    ideal : bool
        Whether reads have no noise, offset and path.
    overflows : callable
        Tells whether every reading is beyond its range.
    """

    def __init__(
        self,
        lab: Lab,
        port: str,
        *,
        spend: Callable[[float], None],
        now_s: Callable[[], float],
        ideal: bool,
        overflows: Callable[[], bool],
    ) -> None:
        self._lab = lab
        self._port = port
        self._spend = spend
        self._now_s = now_s
        self._ideal = ideal
        self._overflows = overflows
        self.reset()

    def reset(self) -> None:
        """Open everything and forget all settings."""
        self.selected: Place | None = None
        self.read_v = unconfirmed.FIRST_READ_V
        self.read_mode = FOUR_POINT
        self.read_cycles = unconfirmed.FIRST_READ_CYCLES
        self.words = self.bits = LINES
        self.session = LOCAL
        self.sneak_path = 0

    def read(self, place: Place) -> float:
        """Read a cell at the read voltage and go back to 0 V; resistance (ohm)."""
        measured = self._read([place])
        return self._resistance(self._seen_v(measured), measured.current_a)

    def sum_of(self, places: list[Place]) -> float:
        """Read cells of one bit line at once; the read voltage over the whole current (ohm)."""
        if not places:
            return unconfirmed.LARGEST_OHM
        return self._resistance(_possible(self.read_v), self._read(places).current_a)

    def bias(self, place: Place, level_v: float, lasting_s: float) -> float:
        """Hold a cell at a voltage, read it at the end, go back to 0 V; resistance (ohm)."""
        ohm = self.step(place, 0.0, level_v, lasting_s)
        self.release(place, level_v)
        return ohm

    def step(self, place: Place, before_v: float, level_v: float, lasting_s: float) -> float:
        """Go from one voltage to another, stay, and read at the end; resistance (ohm)."""
        before_v, level_v = _possible(before_v), _possible(level_v)
        signal = Signal.once(
            [unconfirmed.EDGE_S, _held_s(lasting_s)], [before_v, level_v], [level_v, level_v],
            [False, True],
        )  # fmt: skip
        measured = self._play([place], level_v, signal, _PULSE)
        return self._resistance(self._seen_v(measured), measured.current_a)

    def release(self, place: Place, level_v: float) -> None:
        """Go back to 0 V."""
        if _possible(level_v):
            edge = Signal.once([unconfirmed.EDGE_S], [_possible(level_v)], [0.0])
            self._play([place], 0.0, edge, _PULSE)

    def pulse(self, place: Place, level_v: float, width_s: float, series_ohm: float = 0.0) -> None:
        """Pulse a cell, through a series resistance if there is one; a width of 0 is no pulse."""
        self.pulse_all([place], level_v, width_s, series_ohm)

    def pulse_all(
        self, places: list[Place], level_v: float, width_s: float, series_ohm: float = 0.0
    ) -> None:
        """Pulse cells of one bit line at the same time."""
        self.selected = places[0] if places else self.selected
        level_v, edge_s = _possible(level_v), unconfirmed.EDGE_S
        width_s = min(width_s, unconfirmed.LONGEST_PULSE_S)
        if width_s <= 0 or not level_v:
            self._spend(max(width_s, 0.0))
            return
        flat_s = max(width_s - edge_s, 0.0)
        signal = Signal.once(
            [edge_s, flat_s, edge_s], [0.0, level_v, level_v], [level_v, level_v, 0.0]
        )
        self._play(places, level_v, signal, _PULSE, series_ohm)

    def wait(self, lasting_s: float) -> None:
        """Let time pass at 0 V."""
        self._spend(min(max(lasting_s, 0.0), unconfirmed.LONGEST_PULSE_S))

    def _read(self, places: list[Place]) -> _Measured:
        """Hold cells of one bit line at the read voltage, measure, and go back to 0 V."""
        level_v, edge_s = _possible(self.read_v), unconfirmed.EDGE_S
        held_s = _held_s(max(self.read_cycles, 1) * unconfirmed.READ_CYCLE_S)
        signal = Signal.once(
            [edge_s, held_s, edge_s], [0.0, level_v, level_v], [level_v, level_v, 0.0],
            [False, True, False],
        )  # fmt: skip
        return self._play(places, level_v, signal, _READ)

    def _play(
        self,
        places: list[Place],
        level_v: float,
        signal: Signal,
        parts: _Parts,
        series_ohm: float = 0.0,
    ) -> _Measured:
        """Play a signal on the lines; what is measured while the first cell is at a level."""
        begin_s = self._now_s()
        self._spend(signal.lasting_s)
        rows, columns = self._lab.plan.rows, self._lab.plan.columns
        known = [p for p in places if 1 <= p[0] <= rows and 1 <= p[1] <= columns]
        if not known or self.session != LOCAL:
            return _Measured(level_v, level_v, 0.0)
        self.selected = known[0]
        word, bit = known[0][0] - 1, known[0][1] - 1
        lines = self._lines([w - 1 for w, _ in known], bit, parts, series_ohm)
        seen = self._lab.play_board(
            self._port, signal, lines, cell=word * columns + bit, time_s=begin_s
        )
        if not len(seen.row_a):
            return _Measured(level_v, level_v, 0.0)
        dropped_v = float(seen.row_a[-1, word]) * float(lines.row_ohm[word])
        return _Measured(level_v, level_v - dropped_v, float(seen.column_a[-1, bit]))

    def _lines(self, words: list[int], bit: int, parts: _Parts, series_ohm: float) -> Lines:
        """Tell what part of a signal each line is at, and through what resistance."""
        rows, columns = self._lab.plan.rows, self._lab.plan.columns
        on_words, on_bits = parts.get(self.sneak_path, (np.nan, np.nan))
        row_part, column_part = np.full(rows, on_words), np.full(columns, on_bits)
        row_ohm = np.full(rows, 0.0 if self._ideal else unconfirmed.SWITCH_OHM)
        row_part[words], column_part[bit] = 1.0, 0.0
        row_ohm[words] += series_ohm
        return Lines(row_part, column_part, row_ohm)

    def _seen_v(self, measured: _Measured) -> float:
        """Tell the voltage that the current is set against: four points leave out the path."""
        four = self.read_mode in (FOUR_POINT, FOUR_POINT_NEGATIVE)
        return measured.word_v if four else measured.level_v

    def _resistance(self, seen_v: float, current_a: float) -> float:
        """Tell what is read: V/I with the amplifier's noise and offset, within its range."""
        if self._overflows():
            return unconfirmed.SMALLEST_OHM
        if not self._ideal:
            noise = self._lab.noise(self._port).normals(2) / np.sqrt(max(self.read_cycles, 1))
            current_a *= 1 + unconfirmed.NOISE_PART * float(noise[0])
            current_a += unconfirmed.OFFSET_A + unconfirmed.NOISE_A * float(noise[1])
        if current_a == 0 or seen_v / current_a <= 0:
            return unconfirmed.LARGEST_OHM
        ohm = seen_v / current_a
        return float(np.clip(ohm, unconfirmed.SMALLEST_OHM, unconfirmed.LARGEST_OHM))


def _held_s(lasting_s: float) -> float:
    """Tell how long a level is held that is measured at its end."""
    return max(min(lasting_s, unconfirmed.LONGEST_PULSE_S), unconfirmed.READ_CYCLE_S)


def _possible(level_v: float) -> float:
    """Tell what comes out where a voltage is asked for."""
    return float(np.clip(level_v, -unconfirmed.MOST_V, unconfirmed.MOST_V))
