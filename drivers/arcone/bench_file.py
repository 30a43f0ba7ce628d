"""The bench file of an array on an ArC ONE."""

import re
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from hil.bench import Bench
from hil.cells import Cells
from hil.clock import RealClock
from hil.drivers.bench_file import InstrumentBenchFile, Wired
from hil.errors import ConfigError
from hil.units import quantity
from hil.virtual import InstrumentPlan

if TYPE_CHECKING:
    from hil.virtual import VirtualLab

INSTRUMENT = "arcone"
"""Its name in a virtual lab."""

_address = re.compile(r"ASRL.+::INSTR|TCPIP\d*::[^:\s]+::\d{1,5}::SOCKET", re.IGNORECASE).fullmatch
_lines = Meta(ge=1, le=32)
_WIRE = "a {}'s wire from one cell to the next; only a virtual board is told"


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the board is."""

    address: Annotated[str, Meta(description="VISA address: ASRL/dev/ttyACM0::INSTR")]
    parity: Annotated[
        Literal["even", "odd", "none"], Meta(description="even; none on a pseudo terminal")
    ] = "even"
    baud_rate: Annotated[int, Meta(gt=0, description="speed of the serial line")] = 921_600

    def __post_init__(self) -> None:
        if _address(self.address) is None:
            raise ConfigError(
                f"instrument.address is {self.address!r}; an ArC ONE is on a serial line, "
                "ASRL/dev/ttyACM0::INSTR (Windows: ASRL3::INSTR), or behind a socket, "
                "TCPIP::host::port::SOCKET"
            )


class Array(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is on the board; its wires are as they are, and only the virtual board is told."""

    rows: Annotated[int, _lines, Meta(description="words of the board that are used")] = 32
    columns: Annotated[int, _lines, Meta(description="bits of the board that are used")] = 32
    scheme: Annotated[
        Literal["V/2", "V/3", "float"], Meta(description="what lines not selected are at")
    ] = "V/3"
    series_ohm: Annotated[float, quantity("ohm", "resistor at each cell", ge=0)] = 0.0
    row_wire_ohm: Annotated[float, quantity("ohm", _WIRE.format("row"), ge=0)] = 0.0
    column_wire_ohm: Annotated[float, quantity("ohm", _WIRE.format("column"), ge=0)] = 0.0


class ArcOneFile(InstrumentBenchFile, kw_only=True, forbid_unknown_fields=True):
    """An array of devices on an ArC ONE."""

    instrument: Connection
    array: Array = Array()

    def build(self, name: str, seed: int, lab: "VirtualLab | None" = None) -> Bench:  # noqa: ARG002
        """Make the bench, not yet open: the real board, or its counterpart in a lab."""
        from hil.drivers.arcone.bench import ArcOneBench, Line

        where = self.instrument
        line = Line(where.address, where.parity, where.baud_rate)
        if lab is not None:
            line = Line(lab.addresses[INSTRUMENT], "none", where.baud_rate)
        return ArcOneBench(
            name,
            line=line,
            cells=Cells(self.array.rows, self.array.columns),
            scheme=self.array.scheme,
            series_ohm=self.array.series_ohm,
            limits=self.limits,
            clock=RealClock() if lab is None else lab.clock(),
            sample=self.sample,
            sets_at=self.sets_at,
            virtual=lab is not None,
        )

    def wired(self, *, ideal: bool) -> Wired:
        """Say that a virtual board stands for the real one; it holds the cells itself."""
        plan = InstrumentPlan(type=INSTRUMENT, options={"ideal": ideal})
        array = self.array
        return Wired(
            {INSTRUMENT: plan}, {}, array.series_ohm, array.rows, array.columns,
            array.row_wire_ohm, array.column_wire_ohm,
        )  # fmt: skip
