"""Model files, and models by name."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hil.catalog import MODELS
from hil.decode import decode, read_toml, unknown
from hil.errors import ConfigError
from hil.simulators.models.layers.forming import Forming
from hil.simulators.models.layers.layer import Layered
from hil.simulators.models.layers.noise import Noise
from hil.simulators.models.layers.relaxation import Relaxation
from hil.simulators.models.layers.series import Series
from hil.simulators.models.layers.stuck import Stuck
from hil.simulators.models.layers.variability import Variability
from hil.simulators.models.model import Device, Model
from hil.simulators.models.published_tables import inlined
from hil.units import quantity


class Valid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model was fitted or published, and may be used."""

    positive_v: Annotated[float, quantity("V", "highest voltage", ge=0)]
    negative_v: Annotated[float, quantity("V", "lowest voltage", le=0)]
    current_a: Annotated[float, quantity("A", "largest current", gt=0)] = 0.5e-3
    conductance_s: Annotated[tuple[float, ...], quantity("S", "range of the conductance")] = ()


class ModelFile(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A model with its parameters, where they come from and where they are valid."""

    kind: Literal["model"]
    version: Literal[1]
    model: str
    title: str
    source: str
    valid: Valid
    parameters: dict[str, Any]


def get_model(name: str, **parameters: Any) -> Device:
    """Make a device by a model's name, a shipped model file's name, or a path to a model file.

    Parameters
    ----------
    name : str
        Such as ``stanford``, ``jart-lab`` or ``my-device.toml``.
    **parameters
        Those of the model that differ, and layers around it (`Layers`): ``series_ohm=1e3``.

    Raises
    ------
    ConfigError
        For an unknown name or parameter, or a value out of its range.
    """
    return make_model(*resolve(name, parameters, Path()))


class Layers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may lie around a model, from the inside out; given among its parameters.

    False takes away a layer that a model file has.
    """

    variability: dict[str, Any] = {}
    relaxation: Relaxation | None = None
    forming: Forming | None = None
    stuck: Stuck | None = None
    noise: Noise | None = None
    series_ohm: Annotated[float, quantity("ohm", "resistance in series", ge=0)] = 0.0

    def around(self, model: Model) -> Device:
        """Put the layers that there are around a model."""
        device: Device = model
        if self.variability:
            device = Layered(inner=device, layer=Variability.of(model, self.variability))
        for layer in (self.relaxation, self.forming, self.stuck, self.noise):
            if layer is not None:
                device = Layered(inner=device, layer=layer)
        if self.series_ohm > 0:
            device = Layered(inner=device, layer=Series(series_ohm=self.series_ohm))
        return device


def make_model(name: str, parameters: dict[str, Any]) -> Device:
    """Make a device of a class in the catalog and its layers, checking all parameters."""
    model_type: type[Model] = MODELS.load(name)
    own = {k: value for k, value in parameters.items() if k not in Layers.__struct_fields__}
    model = decode(own, model_type, f"model {name}")
    layers = {k: value for k, value in parameters.items() if k not in own and value is not False}
    return decode(layers, Layers, f"model {name}").around(model)


def resolve(
    name: str, parameters: dict[str, Any], folder: Path, where: str = "device.model"
) -> tuple[str, dict[str, Any]]:
    """Follow a model file to the class and all parameters, *parameters* taking precedence.

    *where* the name stands is for the error about one that there is not.
    """
    file = find_model_file(name, folder, where)
    if file is None:
        return name, inlined(parameters, folder)
    return file.model, _merged(file.parameters, inlined(parameters, folder))


def find_model_file(name: str, folder: Path, where: str = "device.model") -> ModelFile | None:
    """Read a model file by its shipped name or path, its tables written out; None for a class.

    *where* the name stands is for the error about one that there is not.
    """
    if name in MODELS:
        return None
    shipped = shipped_model_files()
    path = shipped.get(name, folder / name)
    if name not in shipped and path.suffix != ".toml":
        raise ConfigError(unknown(name, [*MODELS.names(), *shipped], where, "model"))
    file = decode(read_toml(path), ModelFile, str(path))
    return msgspec.structs.replace(file, parameters=inlined(file.parameters, path.parent))


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Put parameters over a file's, tables of layers key by key, and what is below them whole."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = {**below[key], **above[key]}
    return merged


def shipped_model_files() -> dict[str, Path]:
    """List the model files that ship, by name."""
    folder = resources.files("hil.simulators.models")
    paths = (Path(str(entry)) for entry in folder.iterdir())
    return {path.stem: path for path in sorted(paths) if path.suffix == ".toml"}
