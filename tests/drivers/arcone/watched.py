"""A bench and its virtual board in this process, where every cell is watched."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from hil.config import find_bench
from hil.drivers.arcone.bench import ArcOneBench
from hil.limits import Ledger
from hil.simulators.crossbar.line_drive import LineTerminal
from hil.simulators.instruments.lab.lines import LinedCells, Lines
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.models.model import State
from hil.virtual import VirtualLab
from tests.drivers.arcone.conftest import RESISTORS, plan_of
from tests.simulators.instruments.echo import running

WIRES = {"array.row_wire_ohm": "20ohm", "array.column_wire_ohm": "10ohm"}
READ_V = 0.5
"""The read limits of the shipped file; what is beyond counts as a disturb."""
SLACK_V = 1e-9


class Watch:
    """What each cell of a lab has seen.

    Extremes (V), how often it was beyond READ_V, how often and how long (s) away from 0 V.
    """

    def __init__(self, cells: int) -> None:
        self.highest_v, self.lowest_v = np.zeros(cells), np.zeros(cells)
        self.times, self.biased = np.zeros(cells, np.int64), np.zeros(cells, np.int64)
        self.biased_s = np.zeros(cells)

    def see(self, voltage_v: NDArray[np.float64], lasting_s: float) -> None:
        """Take note of the voltages of all cells in the top of a pulse or a read."""
        self.highest_v = np.maximum(self.highest_v, voltage_v)
        self.lowest_v = np.minimum(self.lowest_v, voltage_v)
        self.times += np.abs(voltage_v) > READ_V + SLACK_V
        biased = np.abs(voltage_v) > SLACK_V
        self.biased += biased
        self.biased_s += np.where(biased, lasting_s, 0.0)


class Watched:
    """A bench and a lab in this process, whose cells are watched."""

    def __init__(self, bench: ArcOneBench, state: State) -> None:
        self.bench, self.state = bench, state
        self.begin()

    def begin(self) -> None:
        """Forget what was booked and what was seen."""
        self.bench.ledger = Ledger(len(self.bench.cells))
        self.watch = Watch(len(self.bench.cells))


@contextmanager
def watching(others: dict[str, str]) -> Iterator[Watched]:
    """A bench on resistors, 2 x 3 of them unless the overrides say otherwise."""
    play = LinedCells.play
    overrides, found = {**RESISTORS, **others}, list[Watched]()

    def spy(
        own: LinedCells, state: State, signal: Signal, lines: Lines, time_s: float
    ) -> LineTerminal:
        top_v = signal.stop_v[np.abs(signal.stop_v).argmax()]
        at = own._array(lines.row_ohm).settle(
            state, top_v * np.nan_to_num(lines.row_part), top_v * np.nan_to_num(lines.column_part),
            floating_rows=np.isnan(lines.row_part), floating_columns=np.isnan(lines.column_part),
        )  # fmt: skip
        found[0].watch.see(at.cell_v.ravel(), signal.lasting_s)
        return play(own, state, signal, lines, time_s)

    with pytest.MonkeyPatch.context() as patch, running(plan_of(overrides, {})) as site:
        patch.setattr(LinedCells, "play", spy)
        with VirtualLab.connect(site.server.control) as lab:
            lab.kept = True  # who serves it ends it
            bench = find_bench("arcone", overrides).build(1, lab)
            assert isinstance(bench, ArcOneBench)
            with bench:
                found.append(Watched(bench, site.lab.state))
                yield found[0]
