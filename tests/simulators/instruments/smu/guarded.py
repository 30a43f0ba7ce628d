"""What no source meter may do, whatever it is told: more than its limits at the cell."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.signal import Signal
from tests.simulators.instruments.smu.bare import OHM, Bare, played_v

SOME = 1 + 1e-9
Limits = Callable[[Any], tuple[float, float]]
"""Tells the most voltage and current that the settings allow (V, A)."""


class Guarded(Bare):
    """An instrument of which each move on the cell is held against its settings."""

    def __init__(self, kind: type[VirtualInstrument], limits: Limits) -> None:
        super().__init__(kind)
        self._limits = limits
        self._seen: list[tuple[float, float]] = []
        play = self.lab.play

        def watch(port: str, signal: Signal, **how: Any) -> Any:
            self._look(signal, how["limit_a"])
            return play(port, signal, **how)

        self.lab.play = watch  # type: ignore[method-assign]

    def try_out(self, message: str) -> None:
        """Send a message and let time pass; what holds before or after it may be at the cell."""
        before = self._limits(self.instrument)
        self._seen = []
        self.tell(message)
        self.sleep(0.01)
        self.instrument.settle()
        after = self._limits(self.instrument)
        for volts, amperes in self._seen:
            assert volts <= max(before[0], after[0]) * SOME, (message, volts, before, after)
            assert amperes <= max(before[1], after[1]) * SOME, (message, amperes, before, after)

    def try_all(self, messages: list[str]) -> None:
        """Send messages and reset; nothing is on afterwards."""
        for message in (*messages, "*RST"):
            self.try_out(message)
        assert self.ask("OUTP?") == "0"
        assert self.last_v_if_any() == 0.0

    def _look(self, signal: Signal, limit_a: float) -> None:
        """Take the most that a signal does to the resistor."""
        amperes = min(float(np.abs(played_v(signal)).max()) / OHM, limit_a)
        self._seen.append((amperes * OHM, amperes))
