"""Array benches that the tests share."""

from typing import Any

from hil.limits import Limits, PhaseLimits
from hil.schemes import SCHEMES, Biasing, Scheme
from hil.simulators.array.bench import ArrayBench
from hil.simulators.crossbar.network import Network
from hil.simulators.models import get_model
from hil.simulators.models.model import Device

LIMITS = Limits(
    read=PhaseLimits(positive_v=0.2, negative_v=-0.2, current_a=1e-3, gate_v=3.0),
    switching=PhaseLimits(
        positive_v=2.5, negative_v=-2.5, current_a=1e-3, width_s=1e-3, gate_v=3.0
    ),
)
WIRES: dict[str, Any] = {
    "row_wire_ohm": 2.5, "column_wire_ohm": 2.5, "driver_ohm": 50.0, "sense_ohm": 10.0,
}  # fmt: skip
ALL_SCHEMES: dict[str, Scheme] = {**SCHEMES, "mixed": Scheme(rows=0.25)}


def array_bench(
    rows: int = 3,
    columns: int = 4,
    *,
    model: Device | None = None,
    wires: dict[str, Any] | None = None,
    write: str = "V/2",
    read: str = "grounded",
    **settings: Any,
) -> ArrayBench:
    """Make a bench, of 10 kohm resistors between ideal lines unless told otherwise."""
    return ArrayBench(
        "a",
        model or get_model("resistor", resistance_ohm=10e3),
        network=Network.of(rows, columns, **(wires or {})),
        biasing=Biasing(ALL_SCHEMES, write, read),
        **{"limits": LIMITS, "seed": 1, **settings},
    )
