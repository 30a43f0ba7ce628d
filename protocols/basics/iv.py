"""Quasi-static I-V sweeps.

A staircase from 0 V to a peak and back, each level held, then measured: the SET half at one
polarity, the RESET half at the other, over and over. Each half is one program for a source that
regulates the current, so it is swept within the instrument and has a compliance of its own.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from hil.bench import Bench
from hil.errors import ConfigError
from hil.program import Program, staircase
from hil.protocol import Batch, Columns, Protocol, RunView, Summary, Table
from hil.protocols.basics.summary import summarise_iv
from hil.protocols.basics.sweep import columns_of, highest_v, there_and_back_v
from hil.protocols.basics.switching import RESET, SET
from hil.units import format_quantity, quantity

USUAL_V = 2.0
USUAL_A = 100e-6


class IVSweep(Protocol, frozen=True, kw_only=True):
    """Sweep I-V cycles, SET and RESET with a compliance each."""

    set_v: (
        Annotated[
            float, quantity("V", "peak of the SET half; 2 V or the bench's limit by default")
        ]
        | None
    ) = None
    reset_v: (
        Annotated[
            float, quantity("V", "peak of the RESET half; 2 V or the bench's limit by default")
        ]
        | None
    ) = None
    step_v: Annotated[float, quantity("V", "height of a step; divides both peaks", gt=0)] = 0.05
    dwell_s: Annotated[float, quantity("s", "settling on a step", gt=0)] = 5e-3
    aperture_s: Annotated[float, quantity("s", "measuring time of a step", gt=0)] = 5e-3
    cycles: Annotated[int, Meta(ge=1, description="SET and RESET halves")] = 10
    set_current_limit_a: (
        Annotated[
            float,
            quantity("A", "compliance in the SET half; 100 uA or the bench's by default", gt=0),
        ]
        | None
    ) = None
    reset_current_limit_a: (
        Annotated[
            float, quantity("A", "compliance in the RESET half; the bench's by default", gt=0)
        ]
        | None
    ) = None
    first: Annotated[Literal["set", "reset"], Meta(description="which half begins")] = "set"
    read_v: Annotated[float, quantity("V", "at which the summary compares the branches", gt=0)] = (
        0.1
    )

    columns: ClassVar[Columns] = Columns(
        cell="1", cycle="1", half="text", step="1", source_v="V", voltage_v="V", current_a="A",
        time_s="s", limited="1", status="1", after_stop="1",
    )  # fmt: skip
    needs_formed: ClassVar[bool] = True

    def complete(self, bench: Bench) -> "IVSweep":
        """Take peaks and compliances within the bench's limits; peaks must suit its polarity."""
        limits, sign = bench.limits.switching, bench.sets_at
        set_v, reset_v = (
            highest_v(limits, way, self.step_v, USUAL_V) if given is None else given
            for given, way in ((self.set_v, sign), (self.reset_v, -sign))
        )
        if 0.0 in (set_v, reset_v):
            raise ConfigError(
                f"step_v of {self.step_v:g} V leaves no step within the switching limits of bench "
                f"{bench.name}; take a smaller one"
            )
        if not set_v * sign > 0 > reset_v * sign:
            raise ConfigError(
                f"the device on bench {bench.name} SETs at {'+' if sign > 0 else '-'} voltages; "
                f"set_v {set_v:g} V and reset_v {reset_v:g} V do not fit that"
            )
        return msgspec.structs.replace(
            self,
            set_v=set_v,
            reset_v=reset_v,
            set_current_limit_a=self.set_current_limit_a or min(USUAL_A, limits.current_a),
            reset_current_limit_a=self.reset_current_limit_a or limits.current_a,
        )

    def total(self, bench: Bench) -> int:
        """Count the readings of all half sweeps and cells."""
        return self.cycles * sum(map(len, map(self._levels_v, (SET, RESET)))) * len(bench.cells)

    def glance(self, batch: Batch) -> str:
        """Show the resistance at the last step."""
        volts, amperes = (batch.values[name][-1, -1] for name in ("voltage_v", "current_a"))
        return f"R {format_quantity(float(volts / amperes), 'ohm', 3)}" if amperes else ""

    def summarise(self, table: Table) -> Summary:
        """Tell switching voltages and resistances, medians over cycles and cells."""
        return summarise_iv(self, table)

    def picture(self, table: Table, caption: str, path: Path) -> list[Path]:
        """Draw the current over the programmed voltage, and how what it tells is distributed."""
        from hil.protocols.basics.picture import draw_iv

        return draw_iv(self, table, caption, path)

    def programs(self, _bench: Bench) -> Iterable[tuple[Program, float]]:
        """List both halves, once a cycle."""
        return [(self._program(half), self.cycles) for half in (SET, RESET)]

    def describe(self, bench: Bench) -> str:
        """Say what is done in one line."""
        cells = f" x {len(bench.cells)} cells" if len(bench.cells) > 1 else ""
        halves = ", ".join(
            f"{half.upper()} to {self._peak_v(half):+g} V at most "
            f"{format_quantity(self._limit_a(half) or math.inf, 'A', 3)}"
            for half in self._order
        )
        return (
            f"{self.cycles} cycle{'s' if self.cycles > 1 else ''}{cells}: {halves}; steps of "
            f"{format_quantity(self.step_v, 'V')}, "
            f"{format_quantity(self.dwell_s + self.aperture_s, 's')} each"
        )

    def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
        """Sweep half after half, all cells."""
        programs = {half: self._program(half) for half in self._order}
        begin = run.batch
        for number in range(begin, 2 * self.cycles):
            cycle, second = divmod(number, 2)
            half = self._order[second]
            readings = bench.apply(programs[half])
            yield self.batch(
                cycle=cycle,
                half=half,
                after_stop=int(run.seam and number == begin > 0),
                **columns_of(readings, bench.cells.indices),
            )

    @property
    def _order(self) -> tuple[str, str]:
        return (SET, RESET) if self.first == SET else (RESET, SET)

    def _peak_v(self, half: str) -> float:
        return (self.set_v if half == SET else self.reset_v) or 0.0

    def _limit_a(self, half: str) -> float | None:
        return self.set_current_limit_a if half == SET else self.reset_current_limit_a

    def _levels_v(self, half: str) -> list[float]:
        return there_and_back_v(self._peak_v(half), self.step_v)

    def _program(self, half: str) -> Program:
        """Build one half sweep."""
        program = staircase(self._levels_v(half), dwell_s=self.dwell_s, aperture_s=self.aperture_s)
        return program.demanding(regulated=True, current_limit_a=self._limit_a(half))
