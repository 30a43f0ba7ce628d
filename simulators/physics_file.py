"""The bench file of a physics bench, and a model file that is taken as one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hil.bench import Bench
from hil.cells import Cells, Sample
from hil.config import BenchFile
from hil.errors import ConfigError
from hil.limits import Limits, PhaseLimits
from hil.simulators.models.files import ModelFile, make_model, resolve
from hil.simulators.physics_bench import PhysicsBench, Source
from hil.simulators.readout import Readout

if TYPE_CHECKING:
    from hil.virtual import VirtualLab


class Device(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model the cells follow."""

    model: Annotated[str, Meta(description="a model's name, or a model file")]
    parameters: Annotated[dict[str, Any], Meta(description="those that differ")] = {}

    def settled(self, folder: Path, sample: Sample) -> "Device":
        """Write out all parameters; raises ConfigError for a pristine device called formed."""
        model, parameters = resolve(self.model, self.parameters, folder)
        if sample.formed and parameters.get("forming") not in (None, False):
            raise ConfigError(
                "the device has a forming layer, with which each run begins with pristine cells; "
                "write formed = false in [sample], or take the layer away (forming = false)"
            )
        return Device(model=model, parameters=parameters)


class PhysicsFile(BenchFile, kw_only=True, forbid_unknown_fields=True):
    """A bench of simulated cells."""

    device: Device
    cells: Annotated[int, Meta(ge=1, le=1_000_000, description="how many cells")] = 1
    source: Source = Source()
    readout: Readout = Readout()
    visiting: Literal["parallel", "sequential"] = "parallel"
    sample: Sample = Sample(formed=True)

    def settled(self, folder: Path) -> "PhysicsFile":
        """Write out the model's parameters, so that the run does not depend on a model file."""
        return msgspec.structs.replace(self, device=self.device.settled(folder, self.sample))

    def build(
        self,
        name: str,
        seed: int,
        lab: "VirtualLab | None" = None,  # noqa: ARG002
    ) -> Bench:
        """Make the bench, not yet open; there is nothing of a lab in it."""
        return PhysicsBench(
            name,
            make_model(self.device.model, self.device.parameters),
            cells=Cells(columns=self.cells),
            limits=self.limits,
            seed=seed,
            source=self.source,
            readout=self.readout,
            visiting=self.visiting,
            sample=self.sample,
        )


class ModelAsBench(ModelFile, kw_only=True, forbid_unknown_fields=True):
    """A model file in the place of a bench file: ideal source, limits as it is valid.

    How many cells there are is for the command line to say (``--set bench.cells=20``).
    """

    cells: Annotated[int, Meta(ge=1, le=1_000_000, description="how many cells")] = 1

    def settled(self, folder: Path) -> PhysicsFile:
        """Make the bench file that this stands for; currents up to 0.5 mA, reads up to 0.2 V."""
        valid = self.valid
        read = PhaseLimits(
            positive_v=min(0.2, valid.positive_v),
            negative_v=max(-0.2, valid.negative_v),
            current_a=valid.current_a,
        )
        switching = PhaseLimits(
            positive_v=valid.positive_v, negative_v=valid.negative_v, current_a=valid.current_a
        )
        return PhysicsFile(
            kind="physics",
            title=self.title,
            limits=Limits(read=read, switching=switching),
            device=Device(model=self.model, parameters=self.parameters),
            cells=self.cells,
        ).settled(folder)
