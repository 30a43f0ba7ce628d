"""Forming: the first LRS of a fresh cell, one cell after the other.

Either one staircase that the source itself ends at its current limit, or pulses of rising
amplitude, each under the current limit. In both a read, not the stress, tells whether the cell has
formed.
"""

import math
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

from hil.bench import Bench
from hil.cells import Indices
from hil.errors import CellFault, ConfigError
from hil.program import Phase, Program, pulse, read, staircase, wait
from hil.protocol import Batch, Columns, Protocol, RunView, Summary, Table
from hil.protocols.basics.summary import summarise_forming
from hil.protocols.basics.sweep import columns_of, highest_v, rising_v
from hil.readings import Readings
from hil.units import format_quantity, quantity

READ = "read"

NAMED = 5
"""How many cells that did not form are named."""


class Forming(Protocol, frozen=True, kw_only=True):
    """Form fresh cells: a sweep that ends at the current limit, or pulses of rising amplitude."""

    method: Annotated[
        Literal["sweep", "pulses"],
        Meta(description="one staircase ended by the limit, or a read after each pulse"),
    ] = "sweep"
    peak_v: (
        Annotated[
            float, quantity("V", "highest voltage; the forming limit, SET polarity, by default")
        ]
        | None
    ) = None
    step_v: Annotated[
        float, quantity("V", "height of a step, or from pulse to pulse; divides the peak", gt=0)
    ] = 0.05
    current_limit_a: (
        Annotated[float, quantity("A", "compliance; the forming limit by default", gt=0)] | None
    ) = None
    dwell_s: Annotated[float, quantity("s", "sweep: settling on a step", gt=0)] = 5e-3
    aperture_s: Annotated[float, quantity("s", "sweep: measuring time of a step", gt=0)] = 5e-3
    high_s: Annotated[float, quantity("s", "pulses: flat top", gt=0)] = 1e-3
    edge_s: Annotated[float, quantity("s", "pulses: each edge, 0 to 100 %", gt=0)] = 10e-6
    delay_s: Annotated[float, quantity("s", "pulses: 0 V between pulse and read", gt=0)] = 1e-3
    read_v: Annotated[float, quantity("V", "read voltage")] = 0.1
    read_s: Annotated[
        float, quantity("s", "width of a read; its second half is measured", gt=0)
    ] = 20e-3
    formed_below_ohm: Annotated[
        float, quantity("ohm", "a cell that reads less has formed", gt=0)
    ] = 1e6
    again: Annotated[bool, Meta(description="form although the sample is stated to be formed")] = (
        False
    )

    columns: ClassVar[Columns] = Columns(
        cell="1", kind="text", attempt="1", step="1", source_v="V", voltage_v="V", current_a="A",
        time_s="s", limited="1", status="1",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.read_v == 0:
            raise ConfigError("read_v is 0 V, which reads no resistance")

    def complete(self, bench: Bench) -> "Forming":
        """Take peak and compliance from the bench's limits for forming.

        Raises
        ------
        LimitExceeded
            If forming is not open on this bench.
        CellFault
            If the sample is formed already.
        """
        limits = bench.limits.of(Phase.FORMING)
        if bench.sample.formed and not self.again:
            raise CellFault(
                f"the sample on bench {bench.name} is formed; form it once more with "
                "--set again=true, or state formed = false under [sample] for a fresh one"
            )
        peak_v = self.peak_v
        if peak_v is None:
            peak_v = highest_v(limits, bench.sets_at, self.step_v)
        allowed_a = limits.current_a
        if self.method == "pulses":  # each goes out with its read, under one limit
            allowed_a = min(allowed_a, bench.limits.read.current_a)
        limit_a = self.current_limit_a or allowed_a
        return msgspec.structs.replace(self, peak_v=peak_v, current_limit_a=limit_a)

    def total(self, bench: Bench) -> int:
        """Cells to form."""
        return len(bench.cells)

    def done(self, past: Table) -> int:
        """Count the cells that have formed."""
        cells = np.unique(past["cell"]).tolist() if past else []
        return sum(self._has_formed(self._last_ohm(_of_cell(past, cell))) for cell in cells)

    def glance(self, batch: Batch) -> str:
        """Show the last current."""
        return f"I {format_quantity(float(batch.values['current_a'][-1]), 'A', 3)}"

    def summarise(self, table: Table) -> Summary:
        """Tell forming voltages and resistances before and after."""
        return summarise_forming(self, table)

    def picture(self, table: Table, caption: str, path: Path) -> list[Path]:
        """Draw the way to the first LRS, and each cell's resistance before and after."""
        from hil.protocols.basics.picture import draw_forming

        return draw_forming(self, table, caption, path)

    def programs(self, bench: Bench) -> Iterable[tuple[Program, float]]:
        """List the read, and every sweep or pulse up to the peak, for each cell by itself."""
        visits = len(bench.cells) if bench.capabilities.parallel else 1
        yield self._read(), (2.0 if self.method == "sweep" else 1.0) * visits
        for attempt in range(1, self._attempts + 1):
            yield self._stress(attempt), visits

    def describe(self, bench: Bench) -> str:
        """Say what is done in one line."""
        cells = f" of {len(bench.cells)} cells" if len(bench.cells) > 1 else ""
        how = (
            f"a staircase of {format_quantity(self.dwell_s + self.aperture_s, 's')} a step"
            if self.method == "sweep"
            else f"pulses of {format_quantity(self.high_s, 's')}, each read"
        )
        return (
            f"forming{cells} by {how}, to {self.peak_v or 0.0:+g} V in steps of "
            f"{format_quantity(self.step_v, 'V')}, at most "
            f"{format_quantity(self.current_limit_a or math.inf, 'A', 3)}; formed below "
            f"{format_quantity(self.formed_below_ohm, 'ohm', 3)} at "
            f"{format_quantity(self.read_v, 'V')}"
        )

    def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
        """Form cell after cell; those that did not form are named at the end."""
        dead = []
        for cell in bench.cells.indices.tolist():
            ohm = yield from self._form(bench, run, cell)
            if not self._has_formed(ohm):
                dead.append(f"{bench.cells.name(cell)} ({format_quantity(ohm, 'ohm', 3)})")
        if dead:
            which = ", ".join(dead[:NAMED]) + (", ..." if len(dead) > NAMED else "")
            raise CellFault(
                f"not formed by {self.peak_v:+g} V and at most "
                f"{format_quantity(self.current_limit_a or math.inf, 'A', 3)}: {which}; allow a "
                "higher peak_v or current_limit_a, or take another cell"
            )

    def _form(self, bench: Bench, run: RunView, cell: int) -> Generator[Batch, None, float]:
        """Read, then stress and read until the cell has formed; returns its resistance (ohm)."""
        past, cells = _of_cell(run.past, cell), np.array([cell])
        attempt = int(past["attempt"].max(initial=0)) if past else 0
        ohm = self._last_ohm(past)
        if not self._has_formed(ohm) and (run.seam or math.isnan(ohm)):
            ohm = yield from self._look(bench, cells, attempt)
        while not self._has_formed(ohm) and attempt < self._attempts:
            attempt += 1
            readings = bench.apply(self._stress(attempt), cells)
            if self.method == "sweep":
                yield self._records(readings, cells, "sweep", attempt, done=0)
                ohm = yield from self._look(bench, cells, attempt)
            else:
                ohm = _ohm(readings)
                yield self._records(
                    readings, cells, np.array(["pulse", READ]), attempt, self._has_formed(ohm)
                )
        return ohm

    def _look(self, bench: Bench, cells: Indices, attempt: int) -> Generator[Batch, None, float]:
        """Read a cell; returns its resistance (ohm)."""
        readings = bench.apply(self._read(), cells)
        ohm = _ohm(readings)
        yield self._records(readings, cells, READ, attempt, self._has_formed(ohm))
        return ohm

    def _records(
        self, readings: Readings, cells: Indices, kind: object, attempt: int, done: int
    ) -> Batch:
        """Lay out what was read; steps that came after the end of a sweep have no records."""
        played = np.isfinite(readings.current_a)
        columns = {name: col[played] for name, col in columns_of(readings, cells).items()}
        return self.batch(kind=kind, attempt=attempt, **columns, done=done)

    def _has_formed(self, ohm: float) -> bool:
        return ohm < self.formed_below_ohm

    def _last_ohm(self, past: Table) -> float:
        """Find the resistance that a cell's last record reads; NaN if that is no read (ohm)."""
        if not past or not past["kind"].size or past["kind"][-1] != READ:
            return math.nan
        amperes = float(past["current_a"][-1])
        return abs(float(past["voltage_v"][-1]) / amperes) if amperes else math.inf

    @property
    def _attempts(self) -> int:
        return 1 if self.method == "sweep" else len(self._levels_v)

    @property
    def _levels_v(self) -> list[float]:
        return rising_v(self.peak_v or 0.0, self.step_v)

    def _read(self) -> Program:
        half_s = self.read_s / 2
        return read(self.read_v, settle_s=half_s, aperture_s=half_s).demanding(regulated=True)

    def _stress(self, attempt: int) -> Program:
        """Build the sweep, or the pulse of that number with its read."""
        if self.method == "sweep":
            levels_v = self._levels_v
            program = staircase(levels_v, dwell_s=self.dwell_s, aperture_s=self.aperture_s)
            program = program.forming().demanding(stop_at_limit=True)
        else:
            level_v = self._levels_v[attempt - 1]
            program = pulse(level_v, high_s=self.high_s, edge_s=self.edge_s, measured=True)
            program = program.forming() + wait(self.delay_s) + self._read()
        return program.demanding(regulated=True, current_limit_a=self.current_limit_a)


def _of_cell(table: Table, cell: int) -> Table:
    if not table:
        return {}
    return {name: values[table["cell"] == cell] for name, values in table.items()}


def _ohm(readings: Readings) -> float:
    """Compute the resistance in the last reading (ohm), infinite where no current flows."""
    volts, amperes = float(readings.voltage_v[-1, 0]), float(readings.current_a[-1, 0])
    return abs(volts / amperes) if amperes else math.inf
