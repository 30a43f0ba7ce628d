"""What a pulse channel of the virtual 4200A plays: blocks in units, as arrays.

Starting a test costs nothing for each of its segments.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.keithley4200.waveform import (
    INSTANT_S,
    Block,
    Flags,
    Integers,
    edge,
)
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.models.drive import Floats


class Rows(NamedTuple):
    """The rows of a track in the order in which they are measured.

    Attributes
    ----------
    time_s : (rows,) float64
        From the start of the track.
    settled : (parts,) float64
        As in `Block`, for each measured piece that is played.
    parts : (rows,) int64
        Measured pieces of each row.
    waveform : (rows,) bool
        Whether a row is a sample of a waveform.
    """

    time_s: Floats
    settled: Floats
    parts: Integers
    waveform: Flags


@dataclass(frozen=True, eq=False)
class Track:
    """Blocks in units: block *index[k]* is played *loops[k]* times.

    Attributes
    ----------
    blocks : list of Block
        Each of them once.
    index, loops : (units,) int64
        The order of play.
    """

    blocks: list[Block]
    index: Integers
    loops: Integers

    @cached_property
    def unit_s(self) -> Floats:
        """Duration of each unit (s)."""
        lengths_s = np.array([block.length_s for block in self.blocks])
        return np.asarray(lengths_s[self.index] * self.loops)

    @cached_property
    def length_s(self) -> float:
        """Duration of the whole track (s)."""
        return float(self.unit_s.sum())

    @cached_property
    def row_count(self) -> int:
        """Rows that will be measured."""
        rows = np.array([len(block.row_s) for block in self.blocks])
        return int((rows[self.index].astype(float) * self.loops).sum())

    def signal(self) -> Signal:
        """Put the blocks one behind the other, for the lab."""
        blocks = self.blocks
        if len(blocks) == 1:
            arrays = [blocks[0].duration_s, blocks[0].start_v, blocks[0].stop_v]
            measured = blocks[0].measured
        else:
            arrays = [
                np.concatenate([block.duration_s for block in blocks]),
                np.concatenate([block.start_v for block in blocks]),
                np.concatenate([block.stop_v for block in blocks]),
            ]
            measured = np.concatenate([block.measured for block in blocks])
        pieces = np.array([len(block.duration_s) for block in blocks])
        last = pieces.cumsum()
        units = np.empty((len(self.index), 3), np.int64)
        units[:, 1] = last[self.index]
        units[:, 0] = units[:, 1] - pieces[self.index]
        units[:, 2] = self.loops
        return Signal(arrays[0], arrays[1], arrays[2], measured, units)

    def rows(self) -> Rows:
        """List the rows in the order of play."""
        begin_s = self.unit_s.cumsum() - self.unit_s
        if len(self.index) <= 4 and (self.loops == 1).all():  # a pulse and a read: no detours
            played = [(self.blocks[k], t) for k, t in zip(self.index, begin_s, strict=True)]
            return Rows(
                np.concatenate([block.row_s + time_s for block, time_s in played]),
                np.concatenate([block.settled for block, _ in played]),
                np.concatenate([block.row_parts for block, _ in played]),
                np.concatenate([block.waveform for block, _ in played]),
            )
        measuring = np.array([len(block.row_s) > 0 for block in self.blocks])[self.index]
        index, loops = self.index[measuring], self.loops[measuring]
        turn = _counted(loops)
        unit = np.repeat(np.arange(len(index)), loops)
        lengths_s = np.array([block.length_s for block in self.blocks])
        block = index[unit]
        turn_s = begin_s[measuring][unit] + turn * lengths_s[block]
        picked, repeats = _picked([len(b.row_s) for b in self.blocks], block)
        parts, _ = _picked([len(b.settled) for b in self.blocks], block)
        joined = np.concatenate
        return Rows(
            joined([b.row_s for b in self.blocks])[picked] + np.repeat(turn_s, repeats),
            joined([b.settled for b in self.blocks])[parts],
            joined([b.row_parts for b in self.blocks])[picked],
            joined([b.waveform for b in self.blocks])[picked],
        )

    def cut(self, at_s: float, edge_s: float) -> "Track":
        """Return what is played if the source is brought to 0 V from *at_s* on, in *edge_s*."""
        ends_s = self.unit_s.cumsum()
        whole = int(np.searchsorted(ends_s, at_s + INSTANT_S, side="right"))
        if whole == len(ends_s):
            return self.to_zero(edge_s)
        block = self.blocks[self.index[whole]]
        rest_s = at_s - (float(ends_s[whole - 1]) if whole else 0.0)
        turns = int((rest_s + INSTANT_S) / block.length_s)
        kept = [
            (int(k), int(n)) for k, n in zip(self.index[:whole], self.loops[:whole], strict=True)
        ]
        blocks = list(self.blocks)
        if turns:
            kept.append((int(self.index[whole]), turns))
        piece = block.cut(rest_s - turns * block.length_s)
        if piece is not None:
            blocks.append(piece)
            kept.append((len(blocks) - 1, 1))
        if not kept:
            blocks, kept = [edge(self.blocks[self.index[0]].first_v, edge_s)], [(0, 1)]
        index, loops = np.array(kept, np.int64).T
        return replace(self, blocks=blocks, index=index, loops=loops).to_zero(edge_s)

    def to_zero(self, edge_s: float) -> "Track":
        """Add an edge to 0 V if the track does not end there."""
        last_v = self.blocks[self.index[-1]].last_v
        if last_v == 0.0:
            return self
        return Track(
            [*self.blocks, edge(last_v, edge_s)],
            np.append(self.index, len(self.blocks)),
            np.append(self.loops, 1),
        )


def _counted(counts: Integers) -> Integers:
    """Count from 0 in each of several runs: [2, 3] gives [0, 1, 0, 1, 2]."""
    before = counts.cumsum() - counts
    return np.arange(int(counts.sum())) - np.repeat(before, counts)


def _picked(sizes: list[int], order: Integers) -> tuple[Integers, Integers]:
    """Find the elements of joined arrays of given sizes when the arrays are taken in an order.

    Returns the elements and how many each turn takes.
    """
    size = np.array(sizes, np.int64)
    first = (size.cumsum() - size)[order]
    repeats = size[order]
    return np.repeat(first, repeats) + _counted(repeats), repeats
