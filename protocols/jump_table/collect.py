"""Random-amplitude jump-table collection.

O. Yousuf et al., "Device Modeling Bias in ReRAM-Based Neural Network Simulations", IEEE JETCAS
13(1) 382-394 (2023), arXiv 2211.15925, section II.B, "experimental": a device is brought to a
random conductance, then pulses whose amplitude is drawn at random from a set are applied, each
followed by a read, until the conductance leaves a window; then it starts anew, until every
amplitude has its points. The draw is without replacement from a list that holds each amplitude
`points` times, so that no amplitude is left over for the end.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.bench import Bench
from hil.cells import Indices
from hil.errors import ConfigError
from hil.program import Program, pulse, read, wait
from hil.protocol import Batch, Columns, Protocol, RunView, Summary, Table
from hil.protocols.jump_table.summary import summarise
from hil.protocols.jump_table.walk import Before, Walk
from hil.readings import Readings
from hil.units import format_quantity, quantity

Floats = NDArray[np.float64]

LOOK, PLACE, POINT = "look", "place", "point"
"""Kinds of record: a read alone, a closed-loop pulse, a pulse of the jump table."""


class JumpTableCollection(Protocol, frozen=True, kw_only=True):
    """Collect jump tables: random amplitudes from random conductances (Yousuf 2023, II.B)."""

    points: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=1_000_000_000,
                description="points of each amplitude, each cell; 10,000 on physics",
            ),
        ]
        | None
    ) = None
    voltages_v: Annotated[
        tuple[float, ...],
        quantity(
            "V", "amplitudes, open circuit; 0 V may be among them as a control", min_length=1
        ),
    ] = (-1.8, -1.65, -1.5, -1.35, 1.35, 1.5, 1.65, 1.8)
    high_s: Annotated[float, quantity("s", "flat top of a pulse", gt=0)] = 500e-9
    edge_s: Annotated[float, quantity("s", "each edge of a pulse, 0 to 100 %", gt=0)] = 100e-9
    read_v: Annotated[float, quantity("V", "read voltage")] = 0.1
    read_s: Annotated[
        float, quantity("s", "width of a read; its second half is measured", gt=0)
    ] = 20e-6
    zero: Annotated[
        bool, Meta(description="read at 0 V first and subtract, on a bench with an offset")
    ] = False
    delay_s: Annotated[float, quantity("s", "0 V between pulse and read", gt=0)] = 100e-6
    window_low_s: Annotated[float, quantity("S", "lower end of the window", gt=0)] = 6e-6
    window_high_s: Annotated[float, quantity("S", "upper end of the window", gt=0)] = 29e-6
    tolerance_s: Annotated[
        float, quantity("S", "how near to a start conductance is near enough", gt=0)
    ] = 1e-6
    attempts: Annotated[
        int, Meta(ge=1, description="closed-loop pulses before a cell counts as stuck")
    ] = 300
    open_below_s: (
        Annotated[
            float,
            quantity("S", "a cell below is open; a hundredth of the window by default", gt=0),
        ]
        | None
    ) = None
    shorted_above_s: (
        Annotated[
            float, quantity("S", "a cell above is shorted; 100 times the window by default", gt=0)
        ]
        | None
    ) = None
    pulses_per_program: Annotated[
        int, Meta(ge=1, le=1_000, description="pulses that go out between looks at the window")
    ] = 1
    cells_at_once: (
        Annotated[int, Meta(ge=1, description="cells measured together; all by default")] | None
    ) = None
    current_limit_a: (
        Annotated[float, quantity("A", "current limit; the bench's limits by default", gt=0)]
        | None
    ) = None

    columns: ClassVar[Columns] = Columns(
        kind="text", cell="1", segment="1", attempt="1", pulse_voltage_v="V", pulse_high_s="s",
        conductance_before_s="S", conductance_after_s="S",
        read_before_v="V", read_before_a="A", read_after_v="V", read_after_a="A",
        time_before_s="s", time_after_s="s", limited="1", in_window="1",
    )  # fmt: skip
    needs_formed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.window_low_s < self.window_high_s:
            raise ConfigError("window_low_s must be below window_high_s")
        if len(set(self.voltages_v)) < len(self.voltages_v):
            raise ConfigError("voltages_v holds a voltage twice")
        if self.read_v == 0:
            raise ConfigError("read_v is 0 V, which reads no conductance")
        if not (min(self.voltages_v) < 0 < max(self.voltages_v)):
            raise ConfigError(
                "voltages_v needs a positive and a negative amplitude to bring cells to a start"
            )

    def complete(self, bench: Bench) -> "JumpTableCollection":
        """Take 10,000 points on physics; elsewhere the person says how many."""
        if self.points is not None:
            return self
        if bench.kind != "physics":
            raise ConfigError("on this bench say how many points to take: --set points=1000")
        return msgspec.structs.replace(self, points=10_000)

    def total(self, bench: Bench) -> int:
        """Points of all amplitudes and cells; closed-loop pulses do not count."""
        return (self.points or 0) * len(self.voltages_v) * len(bench.cells)

    def done(self, past: Table) -> int:
        """Count the points that began in the window."""
        return int(past["in_window"].sum()) if past else 0

    def glance(self, batch: Batch) -> str:
        """Show the last conductance."""
        last_s = float(np.ravel(batch.values["conductance_after_s"])[-1])
        return f"G {format_quantity(last_s, 'S', 3)}"

    def summarise(self, table: Table) -> Summary:
        """Tell mean and sigma of the steps of each amplitude, at two conductances."""
        return summarise(self, table)

    def picture(self, table: Table, caption: str, path: Path) -> list[Path]:
        """Draw the steps over the conductance, one panel an amplitude."""
        from hil.protocols.jump_table.picture import draw

        return draw(self, table, caption, path)

    def programs(self, bench: Bench) -> Iterable[tuple[Program, float]]:
        """Take a train of each amplitude alone: together they last as long as the drawn ones."""
        pulses = min(self.pulses_per_program, self.points or 1)
        times = (self.points or 0) / pulses
        if bench.capabilities.parallel:
            times *= -(-len(bench.cells) // (self.cells_at_once or len(bench.cells)))
        for voltage_v in self.voltages_v:
            yield _train(self, (voltage_v,)) * pulses, times

    def describe(self, bench: Bench) -> str:
        """Say what is done in one line."""
        cells = f" x {len(bench.cells)} cells" if len(bench.cells) > 1 else ""
        return (
            f"{len(self.voltages_v)} pulse voltages x {self.points:,} points{cells}; "
            f"{format_quantity(self.high_s, 's')} high, "
            f"{format_quantity(self.edge_s, 's')} edges, "
            f"read {format_quantity(self.read_v, 'V')} after {format_quantity(self.delay_s, 's')}"
        )

    @property
    def open_s(self) -> float:
        """Conductance below which a cell counts as open (S)."""
        return self.window_low_s / 100 if self.open_below_s is None else self.open_below_s

    @property
    def shorted_s(self) -> float:
        """Conductance above which a cell counts as shorted (S)."""
        return self.window_high_s * 100 if self.shorted_above_s is None else self.shorted_above_s

    def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
        """Measure all cells, `cells_at_once` at a time."""
        every = bench.cells.indices
        size = self.cells_at_once or len(every)
        for first in range(0, len(every), size):
            walk = Walk(self, bench, run, every[first : first + size])
            yield from self._measure(walk)

    def _measure(self, walk: Walk) -> Iterator[Batch]:
        """Look, then place and walk until every amplitude of every cell has its points."""
        if (rows := walk.unseen()).size:
            yield self._look(walk, rows)
            walk.stop_at_fault()
        while (due := walk.due()).rows.size:
            yield self._step(walk, *due) if due.pulses else self._place(walk, due.rows)
            walk.stop_at_fault()

    def _look(self, walk: Walk, rows: Indices) -> Batch:
        """Read cells without a pulse."""
        before = walk.before(rows)
        readings = walk.bench.apply(_read(self), walk.cells[rows]).reads
        walk.looked(rows, readings)
        return self._records(LOOK, before, np.full((1, len(rows)), np.nan), readings, False)

    def _place(self, walk: Walk, rows: Indices) -> Batch:
        """Send one closed-loop pulse to each of these cells."""
        voltages_v = walk.next_step_v(rows)[None]
        before = walk.before(rows)
        readings = walk.bench.apply(self._program(voltages_v), walk.cells[rows]).reads
        walk.placed(rows, readings)
        return self._records(PLACE, before, voltages_v, readings, False)

    def _step(self, walk: Walk, rows: Indices, pulses: int) -> Batch:
        """Send random pulses to each of these cells; those that begin in the window count."""
        chosen = walk.draw(rows, pulses)
        voltages_v = walk.voltages_v[chosen]
        before = walk.before(rows)
        readings = walk.bench.apply(self._program(voltages_v), walk.cells[rows]).reads
        inside = walk.walked(rows, chosen, readings)
        return self._records(POINT, before, voltages_v, readings, inside)

    def _records(
        self, kind: str, before: Before, voltages_v: Floats, readings: Readings, inside: Any
    ) -> Batch:
        """Lay out one record for each pulse and cell, with the reads before and after it."""
        reads = readings.voltage_v, readings.current_a, readings.time_s, readings.conductance_s
        pulses = len(voltages_v)
        cells, segment, attempt = (_repeated(values, pulses) for values in before[:3])
        previous = [
            _shifted(first, after) for first, after in zip(before.read, reads, strict=True)
        ]
        return self.batch(
            done=int(np.count_nonzero(inside)),
            kind=kind,
            cell=cells,
            segment=segment,
            attempt=attempt,
            pulse_voltage_v=voltages_v,
            pulse_high_s=self.high_s,
            conductance_before_s=previous[3],
            conductance_after_s=reads[3],
            read_before_v=previous[0],
            read_before_a=previous[1],
            read_after_v=reads[0],
            read_after_a=reads[1],
            time_before_s=previous[2],
            time_after_s=reads[2],
            limited=readings.limited,
            in_window=inside,
        )

    def _program(self, voltages_v: Floats) -> Program:
        """Build pulses, (pulses, cells), each followed by its read."""
        if voltages_v.shape[1] == 1:
            return _train_of_one(self, tuple(voltages_v[:, 0].tolist()))
        return _train(self, voltages_v)


def _repeated(values: NDArray[Any], pulses: int) -> NDArray[Any]:
    """Repeat what belongs to the cells for each of their pulses."""
    return values if pulses == 1 else np.concatenate([values] * pulses)


def _shifted(first: Floats, after: Floats) -> Floats:
    """Turn the reads after each pulse, (pulses, cells), into the reads before it."""
    return first if len(after) == 1 else np.concatenate((first[None], after[:-1]))


@lru_cache(maxsize=256)
def _train_of_one(protocol: JumpTableCollection, voltages_v: tuple[float, ...]) -> Program:
    """Build the pulses of a single cell, which recur."""
    return _train(protocol, voltages_v)


def _train(protocol: JumpTableCollection, voltages_v: Iterable[Any]) -> Program:
    """Build pulses one after the other, each followed by its read."""
    steps_v = list(voltages_v)
    look = _look(protocol, np.size(steps_v[0]))
    steps = [
        pulse(step_v, high_s=protocol.high_s, edge_s=protocol.edge_s) + look for step_v in steps_v
    ]
    return sum(steps[1:], start=steps[0])


@lru_cache(maxsize=256)
def _look(protocol: JumpTableCollection, columns: int) -> Program:
    """Build what follows each pulse: the delay and the read."""
    delay_s = protocol.delay_s if columns == 1 else np.full(columns, protocol.delay_s)
    return wait(delay_s) + _read(protocol)


def _read(protocol: JumpTableCollection) -> Program:
    """Build a read whose second half is measured."""
    half_s = protocol.read_s / 2
    look = read(protocol.read_v, settle_s=half_s, aperture_s=half_s, zero=protocol.zero)
    return _limited(protocol, look)


def _limited(protocol: JumpTableCollection, program: Program) -> Program:
    if protocol.current_limit_a is None:
        return program
    return program.demanding(current_limit_a=protocol.current_limit_a)
