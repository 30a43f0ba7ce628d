"""One output of a virtual instrument: off, at a level, or playing a signal.

It is told what to do and from when on; the lab brings it to the cell when its time has come, so
that what is switched off half way has done half its work.
"""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.models.drive import Terminal

if TYPE_CHECKING:
    from hil.simulators.instruments.lab.lab import Lab


class _Due(NamedTuple):
    begin_s: float
    signal: Signal
    limit_a: float | None


class Source:
    """One output.

    Parameters
    ----------
    lab : Lab
        Where it leads to; it is added to the lab's sources.
    port : str
        Its name in the wiring table.
    output_ohm : float
        Output resistance (ohm).

    Attributes
    ----------
    on : bool
        Whether the output is switched on.
    level_v : float
        Where it stands, or has come so far (V, open circuit).
    limit_a : float
        Current that it holds by itself (A), inf for none.
    cut_off : bool
        Whether an interlock keeps everything from the terminals although the output is on.
    """

    def __init__(self, lab: "Lab", port: str, *, output_ohm: float = 0.0) -> None:
        self.lab = lab
        self.port = port
        self.output_ohm = output_ohm
        self.limit_a = np.inf
        self.on = False
        self.cut_off = False
        self.level_v = 0.0
        self._due: deque[_Due] = deque()
        self._seen: list[Terminal] = []
        lab.sources.append(self)

    @property
    def standing_v(self) -> float:
        """What it holds at the terminal between signals (V); 0 while nothing comes out."""
        return self.level_v if self.drives else 0.0

    @property
    def drives(self) -> bool:
        """Whether something comes out."""
        return self.on and not self.cut_off

    @property
    def end_s(self) -> float:
        """When the last signal that is to be played ends (s); -inf without one."""
        return max((due.begin_s + due.signal.lasting_s for due in self._due), default=-np.inf)

    def switch(self, on: bool, at_s: float, edge_s: float = 0.0) -> None:
        """Switch the output on, where its level stands at once, or off, by an edge to 0 V."""
        self.lab.advance(at_s)
        if on == self.on:
            return
        if on:
            self.on = True
            self.lab.output(self.port, True, at_s)
            return
        self._due.clear()
        before_v = self.level_v
        if before_v and edge_s > 0:
            self.go_to(0.0, at_s, edge_s)
            self.lab.advance(at_s + edge_s)
        self.on = False
        self.level_v = before_v
        self.lab.output(self.port, False, at_s + edge_s)

    def go_to(self, level_v: float, at_s: float, edge_s: float = 0.0) -> None:
        """Go to a level by an edge and stay there; what is still to be played is dropped."""
        self.lab.advance(at_s)
        self._due.clear()
        if self.drives and level_v != self.level_v and edge_s > 0:
            self.play(Signal.once([edge_s], [self.level_v], [level_v]), at_s)
        else:
            self.level_v = level_v

    def play(self, signal: Signal, at_s: float, limit_a: float | None = None) -> None:
        """Play a signal from a time on, after all that is to be played already.

        *limit_a* is the current that is held from its beginning on (A); None leaves it.
        """
        self._due.append(_Due(max(at_s, self.end_s), signal, limit_a))

    def abort(self, at_s: float) -> None:
        """Stop where it is; what is still to be played is dropped."""
        self.lab.advance(at_s)
        self._due.clear()

    def advance(self, until_s: float) -> None:
        """Bring to the cell what is due by a time; the lab calls it."""
        while self._due and self._due[0].begin_s < until_s:
            begin_s, signal, limit_a = self._due.popleft()
            now: Signal | None = signal
            if begin_s + signal.lasting_s > until_s * (1 + 1e-15):
                now, rest = signal.split(until_s - begin_s)
                if rest is not None:
                    self._due.appendleft(_Due(until_s, rest, None))
            if limit_a is not None:
                self.limit_a = limit_a
            if now is not None:
                self._put_out(now, begin_s)
            if self._due and self._due[0].begin_s >= until_s:
                return

    def taken(self) -> Terminal:
        """Give what was measured since the last time, in order: voltage at the port, (n, 1)."""
        seen, self._seen = self._seen, []
        if not seen:
            return Terminal.empty(0, 1)
        return Terminal(*(np.concatenate(column) for column in zip(*seen, strict=True)))

    def _put_out(self, signal: Signal, begin_s: float) -> None:
        self.level_v = signal.first_v
        if self.drives:
            terminal = self.lab.play(
                self.port, signal, output_ohm=self.output_ohm, limit_a=self.limit_a,
                time_s=begin_s,
            )  # fmt: skip
            dropped_v = terminal.current_a * self.lab.plan.series_ohm
            terminal = terminal._replace(voltage_v=terminal.voltage_v + dropped_v)
        else:
            terminal = Terminal.empty(_readings(signal), 1)
            terminal.voltage_v[:] = terminal.current_a[:] = terminal.limited[:] = 0
        self.level_v = signal.last_v
        if len(terminal.current_a):
            self._seen.append(terminal)


def _readings(signal: Signal) -> int:
    return sum(
        int(np.count_nonzero(signal.measured[first:last])) * repeats
        for first, last, repeats in signal.units.tolist()
    )
