"""The lab as its virtual instruments see it: a clock, simulated cells, wires, sources and logs.

Every source that is on at a cell acts on it: levels at its two lines are subtracted, sources that
are joined at one line share it through their output resistances. Not modelled: two waveforms at
one cell at the same time (they are played one after the other), capacitance of the wires, leakage
of an open switch. A board that holds all lines of an array works into its wires and all its cells
(`play_board`); other sources reach one cell of an array, through one resistor, and no current
flows through those that they do not select.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from hil.clock import RealClock, VirtualClock
from hil.errors import ConfigError
from hil.simulators.crossbar.line_drive import LineTerminal
from hil.simulators.instruments.lab.lines import LinedCells, Lines
from hil.simulators.instruments.lab.logs import Event, Log, Message
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.instruments.lab.source import Source
from hil.simulators.instruments.lab.wiring import Driven, Wiring
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.files import make_model, resolve
from hil.simulators.models.model import State
from hil.virtual import LabPlan

_NOISE = 3
"""Purpose of the noise among what is drawn from a seed; a physics bench has 1 and 2."""
HOT_V = 10e-3
"""A cell that finds more than this at a contact that closes or opens is switched hot (V)."""
_BARE = 1e-3
"""Resistance that stands for none where sources meet at one line (ohm)."""
INSTANT_S = 1e-12
"""Shorter than this is no time at all (s)."""


class Noise:
    """Normal numbers of one port: they depend on the seed and on how many were drawn before."""

    def __init__(self, seed: int, port: str) -> None:
        self._rng = np.random.default_rng([seed, _NOISE, *port.encode()])

    def normals(self, count: int) -> Floats:
        """Draw standard normal numbers, (count,)."""
        return self._rng.standard_normal(count)


class Lab:
    """Cells, what is wired to them, a clock, and logs of what happened.

    Parameters
    ----------
    plan : LabPlan
        What is in the lab; the cells are those that a `PhysicsBench` of the same model and seed
        has.

    Attributes
    ----------
    wiring : Wiring
        Which port leads where just now.
    sources : list of Source
        All outputs, in the order in which they were made.

    Raises
    ------
    ConfigError
        For an unknown model or parameter.
    """

    def __init__(self, plan: LabPlan) -> None:
        self.plan = plan
        self.clock = VirtualClock() if plan.pace == "virtual" else RealClock()
        self.model = make_model(*resolve(plan.model, plan.parameters, Path.cwd(), "virtual.model"))
        cells = plan.rows * plan.columns
        self.state = self.model.initial_state(cells, np.random.default_rng([plan.seed, 1]))
        self._refuse_polarity()
        self._refuse_idle_wires()
        self._lined = LinedCells(plan, self.model)
        self.wiring = Wiring(plan.wiring, plan.rows, plan.columns)
        self.sources: list[Source] = []
        self.messages: Log[Message] = Log(100_000, 100_000_000)
        self.events: Log[Event] = Log(100_000, 5_000_000)
        self._played_s = np.zeros(cells)
        self._noise: dict[str, Noise] = {}
        self.complaint = ""
        """What went wrong last in the simulation itself."""
        self._warm_up(self.state)

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

    def _refuse_idle_wires(self) -> None:
        """Raise ConfigError for wires that no source of this lab would work into."""
        plan = self.plan
        if plan.wiring and (plan.row_wire_ohm or plan.column_wire_ohm):
            raise ConfigError(
                "the wires of an array act where a board drives all its lines, not on the sources "
                "of a wiring table; leave row_wire_ohm and column_wire_ohm out"
            )

    def _warm_up(self, state: State) -> None:
        """Have the model's kernels compiled before time counts, on a copy of cells."""
        level, ends = np.zeros((1, 1)), np.array([[0, 1, 1]])
        drive = Drive(np.full((1, 1), 1e-6), level, level, np.ones(1, bool), ends, 50.0, np.inf)
        self.model.play(state.copy(), np.zeros(1, np.int64), drive)

    def noise(self, port: str) -> Noise:
        """Give the random numbers of a port."""
        if port not in self._noise:
            self._noise[port] = Noise(self.plan.seed, port)
        return self._noise[port]

    def output(self, port: str, on: bool, at_s: float | None = None) -> None:
        """Log that an output was switched."""
        self.note(port, "output", at_s, on=on)

    def note(self, port: str, kind: str, at_s: float | None = None, **facts: Any) -> None:
        """Log something that happened at a port, just now if *at_s* does not say when."""
        self._log(port, self.now_s() if at_s is None else at_s, {"kind": kind, **facts})

    def advance(self, until_s: float) -> None:
        """Bring everything that sources do up to a time onto the cells."""
        for source in self.sources:
            source.advance(until_s)
        for source in self.sources:
            driven = self._driven(source.port) if source.standing_v else None
            if driven is not None:
                self._hold(driven.cell, until_s)
        np.maximum(self._played_s, until_s, out=self._played_s)

    def close(self, one: str, other: str, at_s: float) -> None:
        """Join two ends by a contact of a switch."""
        self._switch(one, other, at_s, closed=True)

    def open(self, one: str, other: str, at_s: float) -> None:
        """Open a contact of a switch."""
        self._switch(one, other, at_s, closed=False)

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
            Where it comes out; one that leads to no cell sees an open circuit.
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
        driven = self._driven(port)
        if driven is None:
            source_v = _drive(signal, 1.0, 0.0, output_ohm, limit_a, time_s)
            open_v = source_v.stop_v[source_v.looks]
            return Terminal(open_v, np.zeros(open_v.shape), np.zeros(open_v.shape, bool))
        self._hold(driven.cell, time_s)
        self._played_s[driven.cell] = max(self._played_s[driven.cell], time_s + signal.lasting_s)
        meeting, facing = self._others(port, driven)
        if meeting:
            self.note(port, "conflict", time_s, other=", ".join(s.port for s in meeting))
        share, offset_v, source_ohm = _joined(output_ohm, meeting)
        source_ohm += self.plan.series_ohm + sum(other.output_ohm for other in facing)
        offset_v -= sum(other.standing_v for other in facing)
        sign = driven.sign
        drive = _drive(signal, sign * share, sign * offset_v, source_ohm, limit_a, time_s)
        self.model.refuse(drive)
        seen = self.model.play(self.state, np.array([driven.cell]), drive)
        return Terminal(sign * seen.voltage_v, sign * seen.current_a, seen.limited)

    def play_board(
        self, port: str, signal: Signal, lines: Lines, *, cell: int, time_s: float
    ) -> LineTerminal:
        """Play a signal on the lines of an array, all of which a board holds.

        Parameters
        ----------
        port : str
            The board.
        signal : Signal
            What the selected rows get.
        lines : Lines
            What part of it each line gets.
        cell : int
            Which cell is selected; only logged.
        time_s : float
            Time in the lab at which the signal began (s).

        Returns
        -------
        LineTerminal
            Currents at the ends of all lines, without noise.

        Raises
        ------
        NotSupported
            If the model has no answer to the signal; it stands in the log all the same.
        """
        self._log(port, time_s, {"kind": "waveform", "aborted": False, "cell": cell}, signal)
        return self._lined.play(self.state, signal, lines, time_s)

    def warm_up_board(self) -> None:
        """Have compiled what `play_board` needs; a board calls it when it is made.

        Cells that switch are played without the others, and one cell alone lies in memory in
        another way than several, which is another kernel.
        """
        self._lined.warm_up(self.state)
        self._warm_up(self.state[:1])

    def _switch(self, one: str, other: str, at_s: float, *, closed: bool) -> None:
        self.advance(at_s)
        before = self._standing()
        (self.wiring.close if closed else self.wiring.open)(one, other)
        after = self._standing()
        self.note(one, "contact", at_s, to=other, closed=closed)
        for cell in sorted({*before, *after}):
            step_v = after.get(cell, 0.0) - before.get(cell, 0.0)
            if abs(step_v) > HOT_V:
                self.note(one, "hot switching", at_s, cell=cell, voltage_v=step_v)

    def _standing(self) -> dict[int, float]:
        """Tell the open-circuit voltage that stands at each cell that is driven (V)."""
        found: dict[int, float] = {}
        for source in self.sources:
            driven = self._driven(source.port) if source.drives else None
            if driven is not None and driven.cell not in found:
                meeting, facing = self._others(source.port, driven)
                share, offset_v, _ = _joined(source.output_ohm, meeting)
                offset_v -= sum(other.standing_v for other in facing)
                found[driven.cell] = driven.sign * (share * source.standing_v + offset_v)
        return found

    def _hold(self, cell: int, until_s: float) -> None:
        """Let what stands at a cell act on it up to a time."""
        lasting_s = until_s - self._played_s[cell]
        if lasting_s <= INSTANT_S:
            return
        for source in self.sources:
            driven = self._driven(source.port) if source.standing_v else None
            if driven is not None and driven.cell == cell:
                level_v = [source.standing_v]
                begin_s = float(self._played_s[cell])
                self._played_s[cell] = until_s
                self.play(
                    source.port, Signal.once([lasting_s], level_v, level_v),
                    output_ohm=source.output_ohm, limit_a=source.limit_a, time_s=begin_s,
                )  # fmt: skip
                return
        self._played_s[cell] = until_s

    def _others(self, port: str, driven: Driven) -> tuple[list[Source], list[Source]]:
        """Find the other sources at the same line of a cell and at the opposite one."""
        on = [source for source in self.sources if source.drives and source.port != port]
        here = self.wiring.reached(port)
        meeting = [source for source in on if source.port in here]
        facing = [source for source in on if source.port in driven.opposite]
        return meeting, facing

    def _driven(self, port: str) -> Driven | None:
        return self.wiring.driven(port)

    def _log(
        self, port: str, time_s: float, what: dict[str, Any], signal: Signal | None = None
    ) -> None:
        event = Event(time_s, time.time(), port, self.wiring.line_of(port), what, signal)
        self.events.append(event, 0 if signal is None else len(signal.duration_s))


def _joined(output_ohm: float, meeting: list[Source]) -> tuple[float, float, float]:
    """Join a source with others at one line: its share, what the others add (V), resistance."""
    if not meeting:
        return 1.0, 0.0, output_ohm
    own = 1 / max(output_ohm, _BARE)
    others = [1 / max(source.output_ohm, _BARE) for source in meeting]
    whole = own + sum(others)
    added_v = sum(g * source.standing_v for g, source in zip(others, meeting, strict=True))
    return own / whole, added_v / whole, 1 / whole


def _drive(
    signal: Signal,
    share: float,
    offset_v: float,
    source_ohm: float,
    limit_a: float,
    start_s: float,
) -> Drive:
    """Make what one cell sees of a signal."""
    return Drive(
        duration_s=signal.duration_s.reshape(-1, 1),
        start_v=share * signal.start_v.reshape(-1, 1) + offset_v,
        stop_v=share * signal.stop_v.reshape(-1, 1) + offset_v,
        measured=signal.measured,
        units=signal.units,
        source_ohm=source_ohm,
        limit_a=limit_a,
        start_s=start_s,
    )
