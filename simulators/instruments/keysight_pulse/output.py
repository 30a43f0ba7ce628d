"""One output: what stands at it, runs through it, or waits for a trigger."""

import math
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.keysight_pulse.model import SOURCE_OHM
from hil.simulators.instruments.keysight_pulse.shape import Shape
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.instruments.lab.source import Source

_FOR_EVER_S = 1e9
"""What repeats without end is made as long as this (s)."""
_BACK_S = 1e-9
"""A burst that ends elsewhere goes back to where it began, which takes no longer than this (s)."""
_LAID_OUT = 4096
"""A burst with as many segments is one unit of a signal that repeats for ever."""
_AHEAD = 256
"""Longer ones that repeat by themselves are played out so many at a time."""


class Played(NamedTuple):
    """What an output is to do.

    Attributes
    ----------
    shape : Shape
        One period.
    centre_v, swing_v : float
        Open-circuit voltage at 0 of the shape, and from there to +1; negative if inverted (V).
    cycles : int
        Periods of a burst; 0 for no end.
    every_s : float
        Time from one burst to the next (s): 0 for one that waits for a trigger, inf for none.
    delay_s : float
        From a trigger to the burst (s).
    """

    shape: Shape
    centre_v: float
    swing_v: float
    cycles: int
    every_s: float
    delay_s: float

    @property
    def rest_v(self) -> float:
        """Where it stands between bursts (V)."""
        return self.centre_v + self.swing_v * self.shape.rest

    def same_as(self, other: "Played | None") -> bool:
        """Whether both look alike."""
        return (
            other is not None
            and self[1:] == other[1:]
            and all(
                np.array_equal(getattr(self.shape, name), getattr(other.shape, name))
                for name in ("duration_s", "start", "stop")
            )
        )


class Output:
    """A source behind 50 ohm.

    Attributes
    ----------
    stuck : bool
        Whether its relay does not open any more.
    """

    def __init__(self, lab: Lab, port: str) -> None:
        self.source = Source(lab, port, output_ohm=SOURCE_OHM)
        self.stuck = False
        self._played: Played | None = None
        self._ends_s = -math.inf
        self._next_s = math.inf

    @property
    def on(self) -> bool:
        """Whether the output is on."""
        return self.source.on

    def switch(self, on: bool, at_s: float) -> None:
        """Switch the output; what runs is cut when it goes off."""
        if on == self.source.on or (self.stuck and not on):
            return
        if on:
            self._begin(at_s)
            self.source.switch(True, at_s)
            self._run(at_s)
        else:
            self.source.switch(False, at_s)
            self._ends_s, self._next_s = min(self._ends_s, at_s), math.inf

    def show(self, played: Played, at_s: float) -> None:
        """Do something else from now on; nothing happens if it looks the same."""
        if played.same_as(self._played):
            return
        self._played = played
        self.restart(at_s)

    def restart(self, at_s: float) -> None:
        """Stop what runs and begin again: stand at rest, run, or wait for a trigger."""
        self.source.abort(at_s)
        self._begin(at_s)
        self._run(at_s)

    def fire(self, at_s: float) -> bool:
        """Take a trigger; whether anything waited for it."""
        played = self._played
        if played is None or played.every_s != 0.0 or at_s < self._ends_s:
            return False
        signal = self._burst(played, played.cycles, delay_s=played.delay_s)
        self._ends_s = math.inf if played.cycles == 0 else at_s + signal.lasting_s
        if self.on:
            self.source.play(signal, at_s)
        return True

    def ends_s(self) -> float:
        """When the burst that a trigger started is over (s)."""
        return self._ends_s

    def go_on(self, at_s: float) -> None:
        """Have enough bursts ahead that repeat by themselves."""
        played = self._played
        if played is None or not self.on:
            return
        while self._next_s - at_s < _AHEAD / 2 * played.every_s:
            signal = self._burst(played, played.cycles, _AHEAD, rest_s=_rest_s(played))
            self.source.play(signal, self._next_s)
            self._next_s += signal.lasting_s

    def _begin(self, at_s: float) -> None:
        """Stand at rest."""
        self._ends_s, self._next_s = min(self._ends_s, at_s), math.inf
        if self._played is not None:
            self.source.go_to(self._played.rest_v, at_s)

    def _run(self, at_s: float) -> None:
        """Start what runs without a trigger."""
        played = self._played
        if played is None or not self.on or played.every_s == 0.0:
            return
        if math.isinf(played.every_s):
            if len(played.shape.start) > 1 or played.shape.start[0] != played.shape.stop[0]:
                self.source.play(self._burst(played, 0), at_s)
        elif played.cycles and played.cycles * len(played.shape.start) <= _LAID_OUT:
            once = self._burst(played, played.cycles, rest_s=_rest_s(played))
            self.source.play(_laid_out(once), at_s)
        else:
            self._next_s = at_s
            self.go_on(at_s)

    def _burst(
        self,
        played: Played,
        cycles: int,
        bursts: int = 1,
        delay_s: float = 0.0,
        rest_s: float = 0.0,
    ) -> Signal:
        """Make bursts with a pause before the first and after each."""
        shape, count = played.shape, len(played.shape.duration_s)
        if cycles and shape.stop[-1] != shape.rest:
            rest_s = max(rest_s, _BACK_S)
        repeats = cycles or math.ceil(_FOR_EVER_S / shape.lasting_s)
        units = [[0, count, repeats], [count + 1, count + 2, 1]] * bursts
        levels = np.array([shape.rest, shape.rest])
        start_v = played.centre_v + played.swing_v * np.append(shape.start, levels)
        stop_v = played.centre_v + played.swing_v * np.append(shape.stop, levels)
        durations_s = np.append(shape.duration_s, [delay_s, rest_s])
        if delay_s > 0:
            units.insert(0, [count, count + 1, 1])
        if rest_s <= 0:
            units = [unit for unit in units if unit[0] != count + 1]
        measured = np.zeros(len(durations_s), np.bool_)
        return Signal(durations_s, start_v, stop_v, measured, np.array(units))


def _rest_s(played: Played) -> float:
    """Tell how long it stands after a burst that repeats by itself (s)."""
    return max(played.every_s - played.cycles * played.shape.lasting_s, 0.0)


def _laid_out(burst: Signal) -> Signal:
    """Make one unit of a burst, which then repeats for ever."""
    units = burst.units.tolist()
    order = np.concatenate([np.tile(np.arange(a, b), n) for a, b, n in units])
    durations_s = burst.duration_s[order]
    return Signal.once(
        durations_s, burst.start_v[order], burst.stop_v[order],
        repeats=math.ceil(_FOR_EVER_S / float(durations_s.sum())),
    )  # fmt: skip
