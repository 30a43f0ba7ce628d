"""Segment arb of the virtual 4200A: sequences of segments, lists of sequences, their rules.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, section 7, and its error table.
Not modelled: averaging of the types 3 and 4 over loops (they give a row each time, as 1 and 2),
trigger outputs, and an isolated output (SSR 0) that floats: the cell is at 0 V then.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hil.simulators.instruments.keithley4200.track import Track
from hil.simulators.instruments.keithley4200.unconfirmed import LEAST_SLEW_V_PER_S, SPOT_MEAN_TIME
from hil.simulators.instruments.keithley4200.waveform import (
    INSTANT_S,
    Block,
    BlockBuilder,
    Integers,
    Window,
    samples,
)
from hil.simulators.instruments.kxci import Refused, integer, number

MOST_SEQUENCES = 512
MOST_ENTRIES = 512
"""Of a list of sequences."""
MOST_VALUES = 128
"""Of one command; `:ADD` appends."""
MOST_LOOPS = 1_000_000_000_000
STEP_S = 10e-9
LONGEST_S = 1.0
SHORTEST_S = {10.0: 20e-9, 40.0: 50e-9}
"""Shortest segment by source range (V to s)."""
RELAY_S = 25e-6
"""Least duration of a segment whose output relay (SSR) moves."""

ARRAYS = ("TIME", "STARTV", "STOPV", "SSR", "TRIG", "MEAS:TYPE", "MEAS:START", "MEAS:STOP")
"""What a sequence is made of: one value for each segment."""

_DEFAULTS = {"SSR": 1.0, "TRIG": 1.0, "MEAS:TYPE": 0.0, "MEAS:START": 0.0, "MEAS:STOP": 0.0}


class Setup(NamedTuple):
    """What of a channel's settings a sequence is compiled with.

    Attributes
    ----------
    source_range_v, load_factor :
        Source range (V), and how much the level is raised for the load.
    rate :
        Samples per second of a waveform measurement.
    samples :
        Equal parts that a spot mean averages.
    settling_s :
        Time constant of the ammeter (s).
    """

    source_range_v: float
    load_factor: float
    rate: float
    samples: int
    settling_s: float


@dataclass
class Sequences:
    """The sequences of one channel and the list of them that is played.

    Attributes
    ----------
    arrays : dict
        Sequence number to its arrays.
    used : list of int
        The sequences of the list, each once.
    index, loops : (entries,) int64
        Which of *used* is played, and how often.
    """

    arrays: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    used: list[int] = field(default_factory=list)
    index: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    loops: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    _compiled: dict[int, Block] = field(default_factory=dict)
    _setup: Setup | None = None

    def define(self, array: str, arguments: list[str], *, append: bool) -> None:
        """Take the values of one array; raises Refused (-993) for what is no array."""
        sequence = integer(arguments[0], 1, MOST_SEQUENCES)
        values = [number(argument) for argument in arguments[1:]]
        if not 1 <= len(values) <= MOST_VALUES:
            raise Refused(-993)
        _check_values(array, values)
        kept = self.arrays.setdefault(sequence, {})
        kept[array] = kept.get(array, []) + values if append else values
        self._compiled.pop(sequence, None)

    def order(self, arguments: list[str]) -> None:
        """Take the list of sequences; raises Refused (-961) for an unknown one."""
        if not arguments or len(arguments) % 2 or len(arguments) > 2 * MOST_ENTRIES:
            raise Refused(-993)
        sequences = [integer(argument, 1, MOST_SEQUENCES) for argument in arguments[::2]]
        loops = [integer(argument, 1, MOST_LOOPS) for argument in arguments[1::2]]
        if not self.arrays.keys() >= set(sequences):
            raise Refused(-961)
        self.used = list(dict.fromkeys(sequences))
        place = {sequence: k for k, sequence in enumerate(self.used)}
        self.index = np.array([place[sequence] for sequence in sequences])
        self.loops = np.array(loops, np.int64)

    def track(self, setup: Setup) -> Track:
        """Compile what is new and join the sequences of the list.

        Raises
        ------
        Refused
            -991 without a list, else what is wrong with a segment.
        """
        if not self.used:
            raise Refused(-991)
        if setup != self._setup:
            self._compiled.clear()
            self._setup = setup
        blocks = [self._block(sequence, setup) for sequence in self.used]
        first_v = np.array([block.first_v for block in blocks])
        last_v = np.array([block.last_v for block in blocks])
        jumps = first_v[self.index[1:]] != last_v[self.index[:-1]]
        if jumps.any() or (first_v != last_v)[self.index[self.loops > 1]].any():
            raise Refused(-956)
        return Track(blocks, self.index, self.loops)

    def _block(self, sequence: int, setup: Setup) -> Block:
        if sequence not in self._compiled:
            self._compiled[sequence] = _compiled(self.arrays[sequence], setup)
        return self._compiled[sequence]


def _check_values(array: str, values: list[float]) -> None:
    allowed = {"SSR": 1, "TRIG": 1, "MEAS:TYPE": 4}.get(array)
    if allowed is not None:
        if not all(value.is_integer() and 0 <= value <= allowed for value in values):
            raise Refused(-993)
    elif array not in ("STARTV", "STOPV") and min(values) < 0:
        raise Refused(-993)


def _compiled(arrays: dict[str, list[float]], setup: Setup) -> Block:
    """Check a sequence and cut it into pieces."""
    duration_s = arrays.get("TIME", [])
    if len(duration_s) < 3:
        raise Refused(-958)
    columns = [
        arrays.get(name, [_DEFAULTS[name]] * len(duration_s) if name in _DEFAULTS else [])
        for name in ARRAYS
    ]
    if any(len(column) != len(duration_s) for column in columns):
        raise Refused(-962)
    builder = BlockBuilder(setup.settling_s, SPOT_MEAN_TIME)
    before_v: float | None = None
    closed_before = 1.0
    for lasting_s, start_v, stop_v, closed, _, kind, begin_s, end_s in zip(*columns, strict=True):
        if before_v is not None and start_v != before_v:
            raise Refused(-956)
        _check_segment(lasting_s, (start_v, stop_v), setup)
        if closed != closed_before and lasting_s < RELAY_S:
            raise Refused(-962)
        factor = setup.load_factor * closed
        builder.add(
            lasting_s, factor * start_v, factor * stop_v,
            _window(int(kind), begin_s, end_s, lasting_s, setup),
        )  # fmt: skip
        before_v, closed_before = stop_v, closed
    return builder.build()


def _check_segment(duration_s: float, levels_v: Iterable[float], setup: Setup) -> None:
    ticks = duration_s / STEP_S
    shortest_s = SHORTEST_S[setup.source_range_v]
    whole = abs(ticks - round(ticks)) < 1e-6 * max(ticks, 1.0)
    if not (whole and shortest_s - INSTANT_S <= duration_s <= LONGEST_S):
        raise Refused(-962)
    start_v, stop_v = levels_v
    if max(abs(start_v), abs(stop_v)) * setup.load_factor > setup.source_range_v:
        raise Refused(-964)
    if start_v != stop_v and abs(stop_v - start_v) < LEAST_SLEW_V_PER_S * duration_s:
        raise Refused(-959)


def _window(
    kind: int, begin_s: float, end_s: float, duration_s: float, setup: Setup
) -> Window | None:
    if kind == 0:
        return None
    if not 0 <= begin_s < end_s <= duration_s * (1 + 1e-9):
        raise Refused(-962)
    end_s = min(end_s, duration_s)
    waveform = kind in (2, 4)
    parts = max(1, samples(end_s - begin_s, setup.rate)) if waveform else setup.samples
    return Window(begin_s, end_s, parts, waveform)
