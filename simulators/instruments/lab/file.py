"""A lab file: virtual instruments, wires and a device, for anybody's software to be tried on.

It looks like a bench file, but names instruments instead of what a protocol may do with them::

    kind = "lab"

    [instruments.smu]
    type = "keithley2450"
    port = 5025

    [instruments.generator]
    type = "keysight81160a"
    transport = "hislip"

    [wiring]
    smu = "top"
    "generator.1" = "bottom"

    [device]
    model = "tiox"
    series_ohm = "1kohm"
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hil.decode import decode
from hil.errors import ConfigError
from hil.simulators.models.files import resolve
from hil.units import quantity
from hil.virtual import InstrumentPlan, LabPlan

KIND = "lab"
OPEN_OHM = 1e15
"""Stands for no device at all (ohm)."""

_NAME = re.compile(r"[A-Za-z][\w-]*")


class Placed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One instrument: which, how clients reach it, and what is built in."""

    type: Annotated[str, Meta(description='a type of instrument, such as "keithley2450"')]
    transport: Annotated[
        Literal["socket", "hislip", "pty"], Meta(description="how clients reach it")
    ] = "socket"
    port: Annotated[int, Meta(ge=0, le=65535, description="TCP port; 0 for any free one")] = 0
    options: Annotated[dict[str, Any], Meta(description="its own")] = {}


class LabDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies under the probes; nothing, if the file has no such table."""

    model: Annotated[str, Meta(description="a model's name, or a model file")]
    parameters: Annotated[dict[str, Any], Meta(description="those that differ")] = {}
    rows: Annotated[int, Meta(ge=1, description="of an array")] = 1
    columns: Annotated[int, Meta(ge=1, description="of an array")] = 1
    series_ohm: Annotated[float, quantity("ohm", "a resistor at each cell", ge=0)] = 0.0
    row_wire_ohm: Annotated[float, quantity("ohm", "of a row, cell to cell", ge=0)] = 0.0
    column_wire_ohm: Annotated[float, quantity("ohm", "of a column, cell to cell", ge=0)] = 0.0


class LabFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a lab file says.

    Attributes
    ----------
    kind : str
        "lab".
    title : str
        For people.
    instruments : dict of str to dict
        By name, each a `Placed`.
    wiring : dict
        A port or contact to a line of the device, to ground or to a contact, as in `LabPlan`;
        a key with a dot may be written without quotation marks.
    device : LabDevice, optional
        What lies under the probes.
    pace : str
        "real": time passes as on the wall; "virtual": when the control socket says so.
    seed : int, optional
        Of everything random; drawn if left out.
    """

    kind: Literal["lab"]
    title: str = ""
    instruments: dict[str, Any]
    wiring: dict[str, Any] = {}
    device: LabDevice | None = None
    pace: Literal["real", "virtual"] = "real"
    seed: Annotated[int, Meta(ge=0)] | None = None

    def plan(self, path: Path, seed: int) -> LabPlan:
        """Make the plan of the lab.

        Parameters
        ----------
        path : Path
            Of the file, for errors and for model files beside it.
        seed : int
            Of everything random.

        Raises
        ------
        ConfigError
            Naming the key and what is wrong.
        """
        if not self.instruments:
            raise ConfigError(f"{path}: there are no instruments in this lab; add [instruments.x]")
        device = self.device
        model, parameters = "resistor", {"resistance_ohm": OPEN_OHM}
        if device is not None:
            try:
                model, parameters = resolve(device.model, device.parameters, path.parent)
            except ConfigError as error:
                raise ConfigError(f"{path}, {error}") from error
        return LabPlan(
            instruments={
                name: _planned(name, item, str(path)) for name, item in self.instruments.items()
            },
            wiring=_wires(self.wiring, f"{path}, wiring"),
            model=model,
            parameters=parameters,
            rows=device.rows if device is not None else 1,
            columns=device.columns if device is not None else 1,
            series_ohm=device.series_ohm if device is not None else 0.0,
            row_wire_ohm=device.row_wire_ohm if device is not None else 0.0,
            column_wire_ohm=device.column_wire_ohm if device is not None else 0.0,
            seed=seed,
            pace=self.pace,
        )


def read_lab_file(data: dict[str, Any], path: Path) -> LabFile:
    """Check what was read from a lab file; raises ConfigError naming the key and what is wrong."""
    return decode(data, LabFile, str(path))


def _planned(name: str, item: Any, where: str) -> InstrumentPlan:
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            f"{where}, instruments: {name!r} is no name for an instrument; write letters, digits, "
            "- and _, a letter first"
        )
    if not isinstance(item, dict):
        raise ConfigError(f'{where}, instruments.{name}: it must be a table with type = "..."')
    placed = decode(item, Placed, f"{where}, instruments.{name}")
    return InstrumentPlan(
        type=placed.type, options=placed.options, port=placed.port, transport=placed.transport
    )


def _wires(table: dict[str, Any], where: str) -> dict[str, str]:
    """Write out the wires: TOML makes a table of a key with a dot."""
    wires: dict[str, str] = {}
    for key, end in table.items():
        if isinstance(end, dict):
            wires |= {f"{key}.{rest}": where_to for rest, where_to in _wires(end, where).items()}
        elif isinstance(end, str):
            wires[key] = end
        else:
            raise ConfigError(f"{where}, {key}: a wire leads to an end's name, not to {end!r}")
    return wires
