"""Model files, and models by name."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from hil.catalog import MODELS
from hil.decode import decode, read_toml, unknown
from hil.errors import ConfigError
from hil.simulators.models.model import Model
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


def get_model(name: str, **parameters: Any) -> Model:
    """Make a model by its name, a shipped model file's name, or a path to a model file.

    Raises
    ------
    ConfigError
        For an unknown name or parameter, or a value out of its range.
    """
    return make_model(*resolve(name, parameters, Path()))


def make_model(name: str, parameters: dict[str, Any]) -> Model:
    """Make a model of a class in the catalog, checking its parameters."""
    model_type: type[Model] = MODELS.load(name)
    return decode(parameters, model_type, f"model {name}")


def resolve(
    name: str, parameters: dict[str, Any], folder: Path, where: str = "device.model"
) -> tuple[str, dict[str, Any]]:
    """Follow a model file to the class and all parameters, *parameters* taking precedence.

    *where* the name stands is for the error about one that there is not.
    """
    if name in MODELS:
        return name, parameters
    shipped = shipped_model_files()
    path = shipped.get(name, folder / name)
    if name not in shipped and path.suffix != ".toml":
        raise ConfigError(unknown(name, [*MODELS.names(), *shipped], where, "model"))
    file = decode(read_toml(path), ModelFile, str(path))
    return file.model, {**file.parameters, **parameters}


def shipped_model_files() -> dict[str, Path]:
    """List the model files that ship, by name."""
    folder = resources.files("hil.simulators.models")
    paths = (Path(str(entry)) for entry in folder.iterdir())
    return {path.stem: path for path in sorted(paths) if path.suffix == ".toml"}
