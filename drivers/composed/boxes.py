"""Which boxes there are: how each is connected, what it can do, which virtual one stands for it."""

from importlib import import_module
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hil.clock import Clock
from hil.drivers.roles import Pulser, PulserReach, SourceMeter, SourceMeterReach, Switch
from hil.errors import ConfigError
from hil.guard import SafeMessages
from hil.units import quantity

_address = Annotated[str, Meta(description="VISA address")]


class SourceMeterBox(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The source meter of a bench."""

    type: Literal["keithley2400", "keithley2450", "keithley2600b"]
    address: _address
    channel: Annotated[Literal["a", "b"], Meta(description="of a 2600B")] = "a"
    line_hz: Annotated[
        Literal[50, 60], Meta(description="line frequency, in which it counts its aperture")
    ] = 60

    @property
    def virtual_type(self) -> str:
        """Name of its virtual counterpart."""
        return {"keithley2600b": "keithley2636b"}.get(self.type, self.type)

    def port(self, name: str) -> str:
        """Name its output in a lab."""
        return f"{name}.{self.channel}" if self.type == "keithley2600b" else name

    @property
    def reach(self) -> SourceMeterReach:
        """What it can do."""
        reach: SourceMeterReach = _driver(self.type).reach(self.line_hz)
        return reach

    def safe(self, address: str) -> SafeMessages:
        """What the guard sends."""
        return _safe(self.type, address, self._own)

    @property
    def stays_on(self) -> str:
        """What stays energised when the connection is lost."""
        return str(_driver(self.type).STAYS_ON)

    def connect(self, address: str, clock: Clock) -> SourceMeter:
        """Connect to it."""
        meter: SourceMeter = _driver(self.type).connected(
            address, clock=clock, line_hz=self.line_hz, **self._own
        )
        return meter

    @property
    def _own(self) -> dict[str, Any]:
        return {"channel": self.channel} if self.type == "keithley2600b" else {}


class PulserBox(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pulse generator of a bench."""

    type: Literal["keysight81160a", "keysight33500b"]
    address: _address
    channel: Literal[1, 2] = 1

    @property
    def virtual_type(self) -> str:
        """Name of its virtual counterpart."""
        return {"keysight33500b": "keysight33522b"}.get(self.type, self.type)

    def port(self, name: str) -> str:
        """Name its output in a lab."""
        return f"{name}.{self.channel}"

    @property
    def reach(self) -> PulserReach:
        """What it can do."""
        reach: PulserReach = _driver(self.type).REACH
        return reach

    def safe(self, address: str) -> SafeMessages:
        """What the guard sends."""
        return _safe(self.type, address, {"channel": self.channel})

    @property
    def stays_on(self) -> str:
        """What stays energised when the connection is lost."""
        return str(_driver(self.type).STAYS_ON)

    def connect(self, address: str, clock: Clock) -> Pulser:
        """Connect to it."""
        pulser: Pulser = _driver(self.type).connected(address, channel=self.channel, clock=clock)
        return pulser


class SwitchBox(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switch of a bench: which of its contacts leads the cell where."""

    type: Literal["keithley707b", "relaybox"]
    address: _address
    smu: Annotated[str | int, Meta(description="contact to the source meter: 1A01, or 2")]
    generator: Annotated[str | int, Meta(description="contact to the generator: 1B01, or 1")]
    ground: (
        Annotated[str | int, Meta(description="contact to ground: 1C01, or 3; or left out")] | None
    ) = None
    switching_s: Annotated[float, quantity("s", "longest time of a contact to move", gt=0)] = 20e-3
    settle_s: Annotated[float, quantity("s", "settling time after each contact", ge=0)] = 1e-3

    def __post_init__(self) -> None:
        paths = list(self.paths.values())
        if len(set(paths)) < len(paths):
            raise ConfigError(f"switch: a contact leads to two places: {self.paths}")

    @property
    def paths(self) -> dict[str, str | int]:
        """Contact of each path."""
        named = {"smu": self.smu, "generator": self.generator, "ground": self.ground}
        return {path: contact for path, contact in named.items() if contact is not None}

    @property
    def virtual_type(self) -> str:
        """Name of its virtual counterpart."""
        return self.type

    def wires(self, name: str, ports: dict[str, str], cell: str) -> dict[str, str]:
        """Wire ports to the contacts of a virtual one, and the cell to what they lead to."""
        wires: dict[str, str] = _driver(self.type).wires(name, self.paths, ports, cell)
        return wires

    def safe(self, address: str) -> SafeMessages:
        """What the guard sends."""
        return _safe(self.type, address, {})

    @property
    def stays_on(self) -> str:
        """What stays closed when the connection is lost."""
        return str(_driver(self.type).STAYS_ON)

    def connect(self, address: str, clock: Clock) -> Switch:
        """Connect to it."""
        switch: Switch = _driver(self.type).connected(
            address, paths=self.paths, clock=clock, switching_s=self.switching_s
        )
        return switch


_MODULES = {
    "keithley2400": "keithley2400",
    "keithley2450": "keithley2450",
    "keithley2600b": "keithley2600b",
    "keysight81160a": "keysight81160a",
    "keysight33500b": "keysight33500b",
    "keithley707b": "keithley707b",
    "relaybox": "relay_box",
}


def _driver(type_: str) -> Any:
    return import_module(f"hil.drivers.{_MODULES[type_]}")


def _safe(type_: str, address: str, own: dict[str, Any]) -> SafeMessages:
    messages: SafeMessages = _driver(type_).safe_messages(address, **own)
    return messages
