"""What there is, by name: what ships stands here, what others install has entry points.

Each catalog maps a name to ``"module:object"``, which is imported only when it is asked for. A
package adds to one with an entry point of the group ``hil.protocols``, ``hil.models`` or
``hil.benches``.
"""

from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from hil.errors import ConfigError


@dataclass(frozen=True)
class Catalog:
    """Names of one kind of thing and where each is to be imported from."""

    group: str
    what: str
    shipped: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: object) -> bool:
        return name in self.shipped or name in self._installed()

    def names(self) -> list[str]:
        """List the names, sorted."""
        return sorted({**self._installed(), **self.shipped})

    def load(self, name: str) -> Any:
        """Import the object of that name; raises ConfigError where there is none."""
        target = self.shipped.get(name) or self._installed().get(name)
        if target is None:
            raise ConfigError(f"there is no {self.what} {name!r}; there is {self._near(name)}")
        module, _, attribute = target.partition(":")
        return getattr(import_module(module), attribute)

    def _near(self, name: str) -> str:
        close = get_close_matches(name, self.names(), n=1)
        return " and ".join(close or self.names())

    def _installed(self) -> dict[str, str]:
        return {point.name: point.value for point in entry_points(group=self.group)}


PROTOCOLS = Catalog(
    "hil.protocols",
    "protocol",
    {
        "forming": "hil.protocols.basics.forming:Forming",
        "iv": "hil.protocols.basics.iv:IVSweep",
        "jump-table": "hil.protocols.jump_table.collect:JumpTableCollection",
        "read-map": "hil.protocols.basics.read_map:ReadMap",
    },
)
MODELS = Catalog(
    "hil.models",
    "model",
    {
        "data-driven": "hil.simulators.models.data_driven:DataDriven",
        "jart": "hil.simulators.models.jart:Jart",
        "jart-fit": "hil.simulators.models.jart_fit:JartFit",
        "jump-table": "hil.simulators.models.jump_table:JumpTable",
        "neurosim": "hil.simulators.models.neurosim:NeuroSim",
        "resistor": "hil.simulators.models.resistor:Resistor",
        "stanford": "hil.simulators.models.stanford:Stanford",
        "stanford-asu": "hil.simulators.models.asu:StanfordAsu",
    },
)
BENCH_KINDS = Catalog(
    "hil.benches",
    "kind of bench",
    {
        "array": "hil.simulators.array.file:ArrayFile",
        "arcone": "hil.drivers.arcone.bench_file:ArcOneFile",
        "composed": "hil.drivers.composed.bench_file:ComposedFile",
        "keithley4200": "hil.drivers.keithley4200.bench_file:Keithley4200File",
        "physics": "hil.simulators.physics_file:PhysicsFile",
        "model": "hil.simulators.physics_file:ModelAsBench",
    },
)
