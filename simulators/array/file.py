"""The bench file of an array: its device, its wires, its schemes, its board."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from hil.cells import Sample
from hil.config import BenchFile
from hil.errors import ConfigError
from hil.schemes import SCHEMES, Biasing, Scheme
from hil.simulators.array.bench import ArrayBench, Gated
from hil.simulators.array.board import Board
from hil.simulators.crossbar.access import Selector
from hil.simulators.crossbar.network import Network
from hil.simulators.models.files import make_model
from hil.simulators.physics_file import Device
from hil.units import quantity

if TYPE_CHECKING:
    from hil.virtual import VirtualLab

_MOST = 1024
"""Lines of one kind; the cells of a larger array would be visited for days."""


class Wires(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cells, wires and ends of an array, and how its lines are biased: the table [array]."""

    rows: Annotated[int, Meta(ge=1, le=_MOST, description="word lines, driven from the left")]
    columns: Annotated[int, Meta(ge=1, le=_MOST, description="bit lines, measured at their end")]
    row_wire_ohm: Annotated[
        float, quantity("ohm", "wire of a row from one cell to the next", ge=0)
    ] = 0.0
    column_wire_ohm: Annotated[
        float, quantity("ohm", "wire of a column from one cell to the next", ge=0)
    ] = 0.0
    driver_ohm: Annotated[float, quantity("ohm", "between a row and its source", ge=0)] = 0.0
    sense_ohm: Annotated[
        float, quantity("ohm", "between a column and its virtual ground", ge=0)
    ] = 0.0
    both_ends: Annotated[
        bool, Meta(description="whether every line has a source at both of its ends")
    ] = False
    scheme: Annotated[str, Meta(description="of the other lines while a cell is switched")] = "V/2"
    read_scheme: Annotated[str, Meta(description="of the other lines while a cell is read")] = (
        "grounded"
    )
    schemes: Annotated[
        dict[str, Scheme], Meta(description="schemes of your own; a part left out floats")
    ] = {}

    def __post_init__(self) -> None:
        for name in self.schemes:
            if name in SCHEMES:
                raise ConfigError(
                    f"array.schemes.{name} is there already; give your own scheme another name"
                )
        known = {**SCHEMES, **self.schemes}
        for key in ("scheme", "read_scheme"):
            if getattr(self, key) not in known:
                raise ConfigError(
                    f"array.{key} is {getattr(self, key)!r}; it is one of {', '.join(known)}, "
                    "or state a scheme of your own in [array.schemes]"
                )

    @property
    def biasing(self) -> Biasing:
        """All schemes, and those where a program asks for none."""
        return Biasing({**SCHEMES, **self.schemes}, self.scheme, self.read_scheme)

    def network(self) -> Network:
        """Make the network without the board's part in it."""
        far_driver_ohm = far_sense_ohm = math.inf
        if self.both_ends:
            far_driver_ohm = self.driver_ohm + self.row_wire_ohm
            far_sense_ohm = self.sense_ohm + self.column_wire_ohm
        return Network.of(
            self.rows,
            self.columns,
            row_wire_ohm=self.row_wire_ohm,
            column_wire_ohm=self.column_wire_ohm,
            driver_ohm=self.driver_ohm,
            sense_ohm=self.sense_ohm,
            far_driver_ohm=far_driver_ohm,
            far_sense_ohm=far_sense_ohm,
        )


class ArrayFile(BenchFile, kw_only=True, forbid_unknown_fields=True):
    """A bench of simulated cells in an array."""

    device: Device
    array: Wires
    transistor: Gated | None = None
    selector: Selector | None = None
    board: Board = Board()
    sample: Sample = Sample(formed=True)

    def settled(self, folder: Path) -> "ArrayFile":
        """Write out the model's parameters, so that the run does not depend on a model file."""
        if self.transistor is not None and self.selector is not None:
            raise ConfigError(
                "there is a [transistor] and a [selector]; a cell has one of them in series"
            )
        if self.transistor is not None:
            self._refuse_gate_beyond(self.transistor.gate_v)
        return msgspec.structs.replace(self, device=self.device.settled(folder, self.sample))

    def _refuse_gate_beyond(self, gate_v: float) -> None:
        """Raise ConfigError where the limits do not allow what gates are opened with."""
        for name in ("read", "switching"):
            allowed_v = getattr(self.limits, name).gate_v
            if allowed_v is None or abs(gate_v) > allowed_v:
                has = "is missing" if allowed_v is None else f"is {allowed_v:g} V"
                raise ConfigError(
                    f"limits.{name}.gate_v {has} where transistor.gate_v is {gate_v:g} V; state "
                    "how much a gate may have"
                )

    def build(
        self,
        name: str,
        seed: int,
        lab: "VirtualLab | None" = None,  # noqa: ARG002
    ) -> ArrayBench:
        """Make the bench, not yet open; there is nothing of a lab in it."""
        return ArrayBench(
            name,
            make_model(self.device.model, self.device.parameters),
            network=self.array.network(),
            biasing=self.array.biasing,
            access=self.transistor or self.selector,
            board=self.board,
            limits=self.limits,
            seed=seed,
            sample=self.sample,
        )
