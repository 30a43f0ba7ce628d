"""What the virtual ArC ONE does to its cells: pulses, biases and reads, with their time."""

from collections.abc import Callable

import numpy as np

from hil.simulators.instruments.arcone import unconfirmed
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.signal import Signal

LINES = 32
"""Words and bits of the board."""
CLASSIC, TIA, FOUR_POINT, FOUR_POINT_NEGATIVE = range(4)
"""Read modes: with a resistor, a transimpedance amplifier with two points, with four."""
LOCAL = 0
"""The session in which the board itself drives the array."""

Place = tuple[int, int]
"""Word and bit, from 1 on."""


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
        return self.bias(place, self.read_v, max(self.read_cycles, 1) * unconfirmed.READ_CYCLE_S)

    def bias(self, place: Place, level_v: float, lasting_s: float) -> float:
        """Hold a cell at a voltage, read it at the end, go back to 0 V; resistance (ohm)."""
        ohm = self.step(place, 0.0, level_v, lasting_s)
        self.release(place, level_v)
        return ohm

    def step(self, place: Place, before_v: float, level_v: float, lasting_s: float) -> float:
        """Go from one voltage to another, stay, and read at the end; resistance (ohm)."""
        before_v, level_v = _possible(before_v), _possible(level_v)
        held_s = max(min(lasting_s, unconfirmed.LONGEST_PULSE_S), unconfirmed.READ_CYCLE_S)
        signal = Signal.once(
            [unconfirmed.EDGE_S, held_s], [before_v, level_v], [level_v, level_v], [False, True]
        )
        return self._resistance(level_v, *self._play([place], signal))

    def release(self, place: Place, level_v: float) -> None:
        """Go back to 0 V."""
        if _possible(level_v):
            edge = Signal.once([unconfirmed.EDGE_S], [_possible(level_v)], [0.0])
            self._play([place], edge)

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
        self._play(places, signal, series_ohm)

    def wait(self, lasting_s: float) -> None:
        """Let time pass at 0 V."""
        self._spend(min(max(lasting_s, 0.0), unconfirmed.LONGEST_PULSE_S))

    def sum_of(self, places: list[Place]) -> float:
        """Read cells of one bit line at once; resistance of all together (ohm)."""
        conductances = [1 / self.read(place) for place in places]
        return 1 / sum(conductances) if conductances else unconfirmed.LARGEST_OHM

    def _play(
        self, places: list[Place], signal: Signal, series_ohm: float = 0.0
    ) -> tuple[float, float]:
        """Play a signal; voltage and current at the first cell at the end (V, A)."""
        begin_s = self._now_s()
        self._spend(signal.lasting_s)
        cells, shares = self._seeing(places)
        if not len(cells) or self.session != LOCAL:
            return float(signal.stop_v[-1]), 0.0
        path_ohm = 0.0 if self._ideal else unconfirmed.SWITCH_OHM
        seen = self._lab.play_board(
            self._port, signal, cells, shares, output_ohm=path_ohm + series_ohm, time_s=begin_s
        )
        if not len(seen.current_a):
            return 0.0, 0.0
        current_a = float(seen.current_a[-1, 0])
        voltage_v = float(seen.voltage_v[-1, 0]) + current_a * self._lab.plan.series_ohm
        return voltage_v, current_a

    def _seeing(self, places: list[Place]) -> tuple[np.ndarray, np.ndarray]:
        """Tell which cells see something, the selected ones first, and what part of it."""
        rows, columns = self._lab.plan.rows, self._lab.plan.columns
        known = [p for p in places if 1 <= p[0] <= rows and 1 <= p[1] <= columns]
        if not known:
            return np.empty(0, np.int64), np.empty(0)
        self.selected = known[0]
        on_word, on_bit, elsewhere = unconfirmed.SHARES.get(self.sneak_path, (0.0, 0.0, 0.0))
        part = np.full((rows, columns), elsewhere)
        words = [word - 1 for word, _ in known]
        bit = known[0][1] - 1
        part[words, :] = on_word
        part[:, bit] = on_bit
        part[words, bit] = 1.0
        first = [word * columns + bit for word in words]
        flat = part.ravel()
        others = np.setdiff1d(np.flatnonzero(flat), first)
        cells = np.concatenate((np.array(first, np.int64), others.astype(np.int64)))
        return cells, flat[cells]

    def _resistance(self, level_v: float, voltage_v: float, current_a: float) -> float:
        """Tell what is read: V/I with the amplifier's noise and offset, within its range."""
        if self._overflows():
            return unconfirmed.SMALLEST_OHM
        if not self._ideal:
            noise = self._lab.noise(self._port).normals(2) / np.sqrt(max(self.read_cycles, 1))
            current_a *= 1 + unconfirmed.NOISE_PART * float(noise[0])
            current_a += unconfirmed.OFFSET_A + unconfirmed.NOISE_A * float(noise[1])
        four = self.read_mode in (FOUR_POINT, FOUR_POINT_NEGATIVE)
        seen_v = voltage_v if four else level_v
        if current_a == 0 or seen_v / current_a <= 0:
            return unconfirmed.LARGEST_OHM
        ohm = seen_v / current_a
        return float(np.clip(ohm, unconfirmed.SMALLEST_OHM, unconfirmed.LARGEST_OHM))


def _possible(level_v: float) -> float:
    """Tell what comes out where a voltage is asked for."""
    return float(np.clip(level_v, -unconfirmed.MOST_V, unconfirmed.MOST_V))
