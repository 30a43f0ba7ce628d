"""A map of conductances: every cell of a bench read in its turn.

What is measured is the current at the selected column over the voltage there: in an array it is
lowered by the wires on the way, and contains what comes by other cells. Where the resistance of
the wires is told, a wire-aware estimate is computed from each whole map: the linear cells that
would give its readings behind these wires, the other lines biased as they were
(`hil.simulators.crossbar.deembed`). It has records and a column of its own; what was measured
stays as it is.
"""

import contextlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.bench import Bench
from hil.cells import Indices
from hil.errors import ConfigError, NotSupported
from hil.program import Demands, Program, read
from hil.protocol import Batch, Columns, Protocol, RunView, Summary, Table
from hil.protocols.basics.map_summary import ESTIMATE, READ, summarise_map
from hil.readings import Readings
from hil.schemes import Biasing, Scheme
from hil.units import format_quantity, quantity

if TYPE_CHECKING:
    from hil.simulators.crossbar.network import Network

Floats = NDArray[np.float64]

BLOCK = 64
"""How many cells are read between two looks at the clock, one after the other."""
LARGEST_ZERO_SHARE = 0.1
"""No estimate where more of the cells read less than the other cells alone would give."""


class ReadMap(Protocol, frozen=True, kw_only=True):
    """Read every cell once or several times, and draw the conductances as a map."""

    read_v: Annotated[float, quantity("V", "read voltage")] = 0.1
    settle_s: Annotated[float, quantity("s", "before the measurement", gt=0)] = 10e-6
    aperture_s: Annotated[float, quantity("s", "measuring time of each aperture", gt=0)] = 10e-6
    count: Annotated[int, Meta(ge=1, description="apertures in a row, averaged")] = 1
    zero: Annotated[
        bool, Meta(description="read at 0 V first and subtract, on a bench with an offset")
    ] = False
    repeats: Annotated[int, Meta(ge=1, description="how often the whole map is read")] = 1
    read_scheme: (
        Annotated[str, Meta(description="the other lines meanwhile; the bench's by default")]
        | None
    ) = None
    row_wire_ohm: (
        Annotated[
            float,
            quantity("ohm", "row wire from cell to cell, for a wire-aware estimate", ge=0),
        ]
        | None
    ) = None
    column_wire_ohm: (
        Annotated[float, quantity("ohm", "column wire from cell to cell, likewise", ge=0)] | None
    ) = None
    driver_ohm: (
        Annotated[
            float, quantity("ohm", "between a row's source and its first wire, likewise", ge=0)
        ]
        | None
    ) = None
    sense_ohm: (
        Annotated[
            float, quantity("ohm", "between a column's last wire and its meter, likewise", ge=0)
        ]
        | None
    ) = None

    columns: ClassVar[Columns] = Columns(
        kind="text", repeat="1", cell="1", row="1", column="1", source_v="V", voltage_v="V",
        current_a="A", conductance_s="S", wire_aware_s="S", amplification="1", time_s="s",
        limited="1", status="1",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if self.read_v == 0:
            raise ConfigError("read_v is 0 V, which reads no conductance")

    @property
    def wire_aware(self) -> bool:
        """Whether there is to be an estimate beside what is measured."""
        return any(ohm is not None for ohm in self._ohms.values())

    @property
    def behind(self) -> str:
        """The wires and ends that an estimate takes out, for people."""
        row, column, driver, sense = (
            format_quantity(ohm or 0.0, "ohm") for ohm in self._ohms.values()
        )
        wires = f"{row} in rows and {column} in columns"
        return (
            f"wires of {row if row == column else wires} a segment, drivers of {driver}, "
            f"meters of {sense}"
        )

    def complete(self, bench: Bench) -> "ReadMap":
        """Refuse an estimate where there are no lines that cells share, or none is possible."""
        if self.wire_aware and self.scheme(bench).rows == 1 and bench.cells.rows > 1:
            raise ConfigError(
                "there is no wire-aware estimate of reads with the other rows at the full "
                "voltage, as all cells of a column read the same; take another read_scheme"
            )
        return self

    def total(self, bench: Bench) -> int:
        """Count the reads."""
        return self.repeats * len(bench.cells)

    def done(self, past: Table) -> int:
        """Count the reads of an earlier start; estimates are no reads."""
        return int((past["kind"] == READ).sum()) if past else 0

    def glance(self, batch: Batch) -> str:
        """Show the conductance in the middle of those that were just read."""
        if batch.values["kind"] != READ:
            return "wire-aware estimate"
        siemens = np.asarray(batch.values["conductance_s"])
        known = siemens[np.isfinite(siemens)]
        return f"G {format_quantity(float(np.median(known)), 'S', 3)}" if known.size else ""

    def summarise(self, table: Table) -> Summary:
        """Tell how conductances are distributed, and what wires make of them."""
        return summarise_map(self, table)

    def picture(self, table: Table, caption: str, path: Path) -> list[Path]:
        """Draw the map, and the wire-aware estimate beside it."""
        from hil.protocols.basics.map_picture import draw_map

        return draw_map(self, table, caption, path)

    def programs(self, _bench: Bench) -> Iterable[tuple[Program, float]]:
        """List the read."""
        return [(self._program(), self.repeats)]

    def describe(self, bench: Bench) -> str:
        """Say what is done in one line."""
        cells = bench.cells
        what = f"{cells.rows} x {cells.columns} cells" if min(cells.rows, cells.columns) > 1 else (
            f"{len(cells)} cell{'s' if len(cells) > 1 else ''}"
        )  # fmt: skip
        often = "once" if self.repeats == 1 else f"{self.repeats} times"
        others = ""
        if bench.biasing is not None:
            others = f", other lines {self._scheme_name(bench.biasing)}"
        estimate = f"; wire-aware estimate for {self.behind}" if self.wire_aware else ""
        return f"{what} read {often} at {format_quantity(self.read_v, 'V')}{others}{estimate}"

    def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
        """Read map after map in order of cells; after each whole map, its estimate."""
        cells, program = bench.cells.indices, self._program()
        block = len(cells) if bench.capabilities.parallel else BLOCK
        before = self.done(run.past)
        repeat, begin = divmod(before, len(cells))
        if self.wire_aware and before and not begin and len(run.past["kind"]) < 2 * before:
            repeat, begin = repeat - 1, len(cells)  # what is missing is the estimate
        readings = _Map(self, bench, run.past, repeat)
        while repeat < self.repeats:
            for first in range(begin, len(cells), block):
                chosen = cells[first : first + block]
                yield readings.taken(bench.apply(program, chosen).reads, chosen, repeat)
            if self.wire_aware:
                yield readings.estimate(repeat)
            repeat, begin = repeat + 1, 0

    def _program(self) -> Program:
        program = read(
            self.read_v, settle_s=self.settle_s, aperture_s=self.aperture_s, count=self.count,
            zero=self.zero,
        )  # fmt: skip
        return program.demanding(read_scheme=self.read_scheme)

    @property
    def _ohms(self) -> dict[str, float | None]:
        return {name: getattr(self, name) for name in _WIRES}

    def network(self, rows: int, columns: int) -> "Network":
        """Make the network of an array with the wires and ends that are told; others are 0."""
        from hil.simulators.crossbar.network import Network

        return Network.of(rows, columns, **{k: ohm or 0.0 for k, ohm in self._ohms.items()})

    def scheme(self, bench: Bench) -> Scheme:
        """Find how a bench biases the other lines while it reads."""
        if bench.biasing is None:
            raise NotSupported(
                f"the cells of bench {bench.name} share no lines, so there are no wires to take "
                f"out; leave {', '.join(_WIRES)} out"
            )
        return bench.biasing.schemes[self._scheme_name(bench.biasing)]

    def _scheme_name(self, biasing: Biasing) -> str:
        return biasing.of(Demands(read_scheme=self.read_scheme))[1]


_WIRES = ("row_wire_ohm", "column_wire_ohm", "driver_ohm", "sense_ohm")


class _Map:
    """One map while it is read: what an estimate of it is computed from."""

    def __init__(self, protocol: ReadMap, bench: Bench, past: Table, repeat: int) -> None:
        self._protocol = protocol
        self._bench = bench
        self._reading_s = np.full(len(bench.cells), np.nan)
        self._limited = np.zeros(len(bench.cells), np.bool_)
        if past:
            mine = (past["kind"] == READ) & (past["repeat"] == repeat)
            at = past["cell"][mine]
            self._reading_s[at] = past["current_a"][mine] / past["source_v"][mine]
            self._limited[at] = past["limited"][mine] == 1

    def taken(self, reads: Readings, cells: Indices, repeat: int) -> Batch:
        """Lay out what was read, one record a cell."""
        self._reading_s[cells] = reads.current_a[0] / reads.source_v[0]
        self._limited[cells] = reads.limited[0]
        return self._batch(
            READ, repeat, cells, len(cells),
            source_v=reads.source_v[0], voltage_v=reads.voltage_v[0],
            current_a=reads.current_a[0], conductance_s=reads.conductance_s[0],
            time_s=reads.time_s[0], limited=reads.limited[0], status=reads.status[0],
        )  # fmt: skip

    def estimate(self, repeat: int) -> Batch:
        """Lay out the wire-aware estimate of a whole map, NaN where there is none.

        A reading at its limit is taken as it is for the sake of the other cells; its own cell has
        no estimate, and neither has one that reads less than the others alone would give.
        """
        from hil.simulators.crossbar.deembed import deembed

        rows, columns = self._bench.cells.rows, self._bench.cells.columns
        scheme = self._protocol.scheme(self._bench)
        network = self._protocol.network(rows, columns)
        siemens = amplification = np.full(rows * columns, np.nan)
        with contextlib.suppress(ConfigError):
            found = deembed(
                self._reading_s.reshape(rows, columns), network, row_share=scheme.rows,
                column_share=scheme.columns, zeros_allowed=LARGEST_ZERO_SHARE,
            )  # fmt: skip
            unknown = self._limited | found.at_zero.ravel()
            siemens, amplification = (
                np.where(unknown, np.nan, values.ravel())
                for values in (found.conductance_s, found.amplification)
            )
        return self._batch(
            ESTIMATE, repeat, self._bench.cells.indices, 0, wire_aware_s=siemens,
            amplification=amplification, limited=self._limited,
        )  # fmt: skip

    def _batch(
        self, kind: str, repeat: int, cells: Indices, done: int, **values: NDArray[Any]
    ) -> Batch:
        row, column = np.divmod(cells, self._bench.cells.columns)
        left = self._protocol.columns.names - values.keys()
        rest = dict.fromkeys(left, math.nan) | {"status": 0}
        return self._protocol.batch(
            done=done, **rest | values | {
                "kind": kind, "repeat": repeat, "cell": cells, "row": row, "column": column
            }
        )  # fmt: skip
