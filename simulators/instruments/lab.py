"""The lab as its virtual instruments see it: a clock, one simulated cell, wires and logs.

The cell has two terminals, `top` and `bottom`; a port that is wired to one of them drives it while
the other one is at ground. Not modelled: two ports that drive at the same time, capacitance and
resistance of the wires other than one resistor at the cell, leakage of an open switch.
"""

import time
from collections import deque
from itertools import islice
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from hil.clock import RealClock, VirtualClock
from hil.decode import unknown
from hil.errors import ConfigError
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.files import make_model, resolve
from hil.virtual import LabPlan

_CELL = np.zeros(1, np.int64)
_SIGN = {"top": 1.0, "bottom": -1.0}
_NOISE = 3
"""Purpose of the noise among what is drawn from a seed; a physics bench has 1 and 2."""

Entry = TypeVar("Entry")


class Signal(NamedTuple):
    """What a source puts out, open circuit; the arrays are not changed any more.

    Attributes
    ----------
    duration_s, start_v, stop_v : (segments,) float64
        Voltage, linear over each segment.
    measured : (segments,) bool
        Whether voltage and current at the end of the segment are wanted.
    units : (units, 3) int64
        First segment, segment after the last, repeats: what is played, in this order.
    """

    duration_s: Floats
    start_v: Floats
    stop_v: Floats
    measured: NDArray[np.bool_]
    units: NDArray[np.int64]


class Log(Generic[Entry]):
    """The newest entries, numbered from 0; what is too many or too large falls off its old end."""

    def __init__(self, most: int, most_weight: int) -> None:
        self._entries: deque[tuple[Entry, int]] = deque()
        self._most = most
        self._most_weight = most_weight
        self._weight = 0
        self._first = 0

    def append(self, entry: Entry, weight: int = 0) -> None:
        """Add an entry; its weight is whatever the log is bounded by."""
        self._entries.append((entry, weight))
        self._weight += weight
        while len(self._entries) > self._most or self._weight > self._most_weight:
            self._weight -= self._entries.popleft()[1]
            self._first += 1

    def since(self, number: int) -> list[tuple[int, Entry]]:
        """List the entries from *number* on that are still there, with their numbers."""
        skipped = max(number - self._first, 0)
        kept = islice(self._entries, skipped, None)
        return [(n, entry) for n, (entry, _) in enumerate(kept, self._first + skipped)]


class Message(NamedTuple):
    """What went over an instrument's wire."""

    time_s: float
    wall_s: float
    instrument: str
    direction: str
    wire: bytes


class Event(NamedTuple):
    """What happened at a port; a waveform has its signal."""

    time_s: float
    wall_s: float
    source: str
    terminal: str | None
    what: dict[str, Any]
    signal: Signal | None = None


class Noise:
    """Normal numbers of one port: they depend on the seed and on how many were drawn before."""

    def __init__(self, seed: int, port: str) -> None:
        self._rng = np.random.default_rng([seed, _NOISE, *port.encode()])

    def normals(self, count: int) -> Floats:
        """Draw standard normal numbers, (count,)."""
        return self._rng.standard_normal(count)


class Lab:
    """One cell, what is wired to it, a clock, and logs of what happened.

    Parameters
    ----------
    plan : LabPlan
        What is in the lab; the cell is the one that a `PhysicsBench` of the same model and seed
        has.

    Raises
    ------
    ConfigError
        For an unknown model, parameter or terminal.
    """

    def __init__(self, plan: LabPlan) -> None:
        for terminal in plan.wiring.values():
            if terminal not in _SIGN:
                raise ConfigError(unknown(terminal, _SIGN, "wiring", "terminal"))
        self.plan = plan
        self.clock = VirtualClock() if plan.pace == "virtual" else RealClock()
        self.model = make_model(*resolve(plan.model, plan.parameters, Path.cwd(), "virtual.model"))
        self.state = self.model.initial_state(1, np.random.default_rng([plan.seed, 1]))
        self._refuse_polarity()
        self.messages: Log[Message] = Log(100_000, 100_000_000)
        self.events: Log[Event] = Log(100_000, 5_000_000)
        self._noise: dict[str, Noise] = {}
        self.complaint = ""
        """What went wrong last in the simulation itself."""
        self._warm_up()

    def now_s(self) -> float:
        """Tell the lab's time (s): as moved, or on the wall since the lab was made."""
        return self.clock.now_s()

    def _refuse_polarity(self) -> None:
        """Raise ConfigError if a device that can be SET does so at the other polarity."""
        hrs, lrs = self.model.memory_range(self.state)
        if self.plan.sets_at in (None, self.model.sets_at) or (hrs == lrs).all():
            return
        side = "positive" if self.model.sets_at > 0 else "negative"
        raise ConfigError(
            f"the virtual device {self.plan.model} SETs at {side} voltage; write sets_at = "
            f"{self.model.sets_at} at the top of the bench file, or --set "
            f"bench.sets_at={self.model.sets_at}"
        )

    def _warm_up(self) -> None:
        """Have the model's kernels compiled before time counts, on a copy of the cell."""
        level, ends = np.zeros((1, 1)), np.array([[0, 1, 1]])
        drive = Drive(np.full((1, 1), 1e-6), level, level, np.ones(1, bool), ends, 50.0, np.inf)
        self.model.play(self.state.copy(), _CELL, drive)

    def noise(self, port: str) -> Noise:
        """Give the random numbers of a port."""
        if port not in self._noise:
            self._noise[port] = Noise(self.plan.seed, port)
        return self._noise[port]

    def output(self, port: str, on: bool) -> None:
        """Log that an output was switched."""
        self.note(port, "output", on=on)

    def note(self, port: str, kind: str, **facts: Any) -> None:
        """Log something that happened at a port just now."""
        self._log(port, self.now_s(), {"kind": kind, **facts})

    def play(
        self,
        port: str,
        signal: Signal,
        *,
        output_ohm: float,
        limit_a: float,
        time_s: float,
        aborted: bool = False,
    ) -> Terminal:
        """Play a signal on the cell that *port* is wired to.

        Parameters
        ----------
        port : str
            Where it comes out; one without a wire sees an open circuit.
        signal : Signal
            What was really put out: an aborted one is cut and brought to 0 V by its last edge.
        output_ohm : float
            Output resistance of the source (ohm); the resistor at the cell is added.
        limit_a : float
            Current that the source holds by itself (A), inf for none.
        time_s : float
            Time in the lab at which the signal began (s).
        aborted : bool
            Whether the signal ended before its end; only logged.

        Returns
        -------
        Terminal
            (readings, 1): voltage and current as the port sees them at the cell, without noise.

        Raises
        ------
        NotSupported
            If the model has no answer to the signal; it stands in the log all the same.
        """
        self._log(port, time_s, {"kind": "waveform", "aborted": aborted}, signal)
        terminal = self.plan.wiring.get(port)
        sign = 1.0 if terminal is None else _SIGN[terminal]
        drive = Drive(
            duration_s=signal.duration_s.reshape(-1, 1),
            start_v=sign * signal.start_v.reshape(-1, 1),
            stop_v=sign * signal.stop_v.reshape(-1, 1),
            measured=signal.measured,
            units=signal.units,
            source_ohm=output_ohm + self.plan.series_ohm,
            limit_a=limit_a,
            start_s=time_s,
        )
        if terminal is None:
            source_v = drive.stop_v[drive.looks]
            return Terminal(source_v, np.zeros(source_v.shape), np.zeros(source_v.shape, bool))
        self.model.refuse(drive)
        seen = self.model.play(self.state, _CELL, drive)
        return Terminal(sign * seen.voltage_v, sign * seen.current_a, seen.limited)

    def _log(
        self, port: str, time_s: float, what: dict[str, Any], signal: Signal | None = None
    ) -> None:
        terminal = self.plan.wiring.get(port)
        event = Event(time_s, time.time(), port, terminal, what, signal)
        self.events.append(event, 0 if signal is None else len(signal.duration_s))
