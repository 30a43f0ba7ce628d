"""What the bench file of every bench with instruments says, whatever the instruments are."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

import msgspec
from msgspec import Meta

from hil.config import BenchFile
from hil.errors import ConfigError
from hil.virtual import InstrumentPlan, LabPlan


class Virtual(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the place of instruments and device in a virtual lab."""

    model: Annotated[str, Meta(description="a model's name, or a model file")]
    parameters: Annotated[dict[str, Any], Meta(description="those that differ")] = {}
    pace: Annotated[
        Literal["virtual", "real"], Meta(description="real: time passes as on the wall")
    ] = "virtual"
    ideal: Annotated[bool, Meta(description="no noise, offset and settling")] = False

    def __post_init__(self) -> None:
        for key, value in self.parameters.items():
            if not _is_finite(value):
                raise ConfigError(
                    f"virtual.parameters.{key} is {value}; a parameter is of finite numbers"
                )


def _is_finite(value: Any) -> bool:
    """Tell whether no number in it is NaN or infinite; JSON has neither."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


class Wired(NamedTuple):
    """Virtual instruments and what is wired to what.

    Attributes
    ----------
    instruments : dict of str to InstrumentPlan
        By the name that the lab gives them.
    wiring : dict of str to str
        As in `LabPlan`.
    series_ohm : float
        A resistor at the cell (ohm).
    rows, columns : int
        Of the cells.
    row_wire_ohm, column_wire_ohm : float
        Of the lines of an array, from one cell to the next (ohm).
    """

    instruments: dict[str, InstrumentPlan]
    wiring: dict[str, str]
    series_ohm: float = 0.0
    rows: int = 1
    columns: int = 1
    row_wire_ohm: float = 0.0
    column_wire_ohm: float = 0.0


class InstrumentBenchFile(BenchFile, kw_only=True, forbid_unknown_fields=True):
    """The file of a bench with instruments; each kind of bench adds its own tables."""

    sets_at: Annotated[Literal[1, -1], Meta(description="sign of the voltage that SETs")] = 1
    virtual: Virtual | None = None

    def settled(self, folder: Path) -> Self:
        """Write out the path of a model file that stands beside this one."""
        virtual = self.virtual
        if virtual is None or not virtual.model.endswith(".toml"):
            return self
        path = str((folder / virtual.model).resolve())
        virtual = msgspec.structs.replace(virtual, model=path)
        return msgspec.structs.replace(self, virtual=virtual)

    def counterpart(self, seed: int) -> LabPlan:
        """Say what the virtual lab for this bench is.

        Raises
        ------
        ConfigError
            The file has no [virtual] table.
        """
        if self.virtual is None:
            raise ConfigError(
                "the bench file does not say what stands in the instrument's place: add "
                '[virtual] with model = "tiox", or another model or model file'
            )
        wired = self.wired(ideal=self.virtual.ideal)
        return LabPlan(
            **wired._asdict(),
            model=self.virtual.model,
            parameters=self.virtual.parameters,
            sets_at=self.sets_at,
            seed=seed,
            pace=self.virtual.pace,
        )

    def wired(self, *, ideal: bool) -> Wired:
        """Say which virtual instruments stand for the bench's own, and how they are wired."""
        raise NotImplementedError
