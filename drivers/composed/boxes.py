"""Which boxes there are: how each is connected, what it can do, which virtual one stands for it.

Each driver's module has `connected`, `safe_messages`, `STAYS_ON`, and what it can do (`reach` or
`REACH`); a switch's has `wires`, which says what leads where in a virtual lab.
"""

import re
from importlib import import_module
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from hil.clock import Clock
from hil.drivers.roles import Pulser, PulserReach, SourceMeter, SourceMeterReach, Switch
from hil.errors import ConfigError
from hil.guard import SafeMessages
from hil.units import quantity

_address = re.compile(r"[A-Z]+\d*.*::.*(INSTR|SOCKET)", re.IGNORECASE).fullmatch


class Box(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One box of a bench."""

    modules: ClassVar[dict[str, str]] = {}
    """Module of the driver, where it is not called like the type."""
    counterparts: ClassVar[dict[str, str]] = {}
    """Name of the virtual counterpart, where it is not that of the type."""

    type: str
    address: Annotated[str, Meta(description="VISA address")]

    def __post_init__(self) -> None:
        if _address(self.address) is None:
            raise ConfigError(
                f"address is {self.address!r}; write a VISA address, such as "
                "TCPIP::192.168.0.11::5025::SOCKET or ASRL/dev/ttyUSB0::INSTR"
            )

    @property
    def driver(self) -> Any:
        """Import the driver's module."""
        return import_module(f"hil.drivers.{self.modules.get(self.type, self.type)}")

    @property
    def virtual_type(self) -> str:
        """Name the virtual counterpart."""
        return self.counterparts.get(self.type, self.type)

    @property
    def stays_on(self) -> str:
        """Tell what stays energised when the connection is lost."""
        return str(self.driver.STAYS_ON)

    @property
    def own(self) -> dict[str, Any]:
        """Tell which part of the box it is."""
        return {}

    def safe(self, address: str) -> SafeMessages:
        """Tell what the guard sends."""
        messages: SafeMessages = self.driver.safe_messages(address, **self.own)
        return messages


class SourceMeterBox(Box, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The source meter of a bench."""

    counterparts: ClassVar[dict[str, str]] = {"keithley2600b": "keithley2636b"}

    type: Literal["keithley2400", "keithley2450", "keithley2600b"]
    channel: Annotated[Literal["a", "b"], Meta(description="of a 2600B")] = "a"
    line_hz: Annotated[
        Literal[50, 60], Meta(description="line frequency, in which it counts its aperture")
    ] = 60

    @property
    def own(self) -> dict[str, Any]:
        """Tell which channel it is."""
        return {"channel": self.channel} if self.type == "keithley2600b" else {}

    @property
    def reach(self) -> SourceMeterReach:
        """Tell what it can do."""
        reach: SourceMeterReach = self.driver.reach(self.line_hz)
        return reach

    @property
    def virtual_options(self) -> dict[str, Any]:
        """Tell what its counterpart is like."""
        return {"line_hz": self.line_hz}

    def port(self, name: str) -> str:
        """Name its output in a lab."""
        return ".".join((name, *self.own.values()))

    def connect(self, address: str, clock: Clock) -> SourceMeter:
        """Connect to it."""
        meter: SourceMeter = self.driver.connected(
            address, clock=clock, line_hz=self.line_hz, **self.own
        )
        return meter


class PulserBox(Box, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pulse generator of a bench."""

    counterparts: ClassVar[dict[str, str]] = {"keysight33500b": "keysight33522b"}

    type: Literal["keysight81160a", "keysight33500b"]
    channel: Literal[1, 2] = 1

    @property
    def own(self) -> dict[str, Any]:
        """Tell which channel it is."""
        return {"channel": self.channel}

    @property
    def reach(self) -> PulserReach:
        """Tell what it can do."""
        reach: PulserReach = self.driver.REACH
        return reach

    def port(self, name: str) -> str:
        """Name its output in a lab."""
        return f"{name}.{self.channel}"

    def connect(self, address: str, clock: Clock) -> Pulser:
        """Connect to it."""
        pulser: Pulser = self.driver.connected(address, channel=self.channel, clock=clock)
        return pulser


SOURCES_OFF_S = 0.3
"""So long after the guard's first byte all sources are off: it serves all boxes at once."""


class SwitchBox(Box, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switch of a bench: which of its contacts leads the cell where."""

    modules: ClassVar[dict[str, str]] = {"relaybox": "relay_box"}

    type: Literal["keithley707b", "relaybox"]
    smu: Annotated[str | int, Meta(description="contact to the source meter: 1A01, or 2")]
    generator: Annotated[str | int, Meta(description="contact to the generator: 1B01, or 1")]
    ground: (
        Annotated[str | int, Meta(description="contact to ground: 1C01, or 3; or left out")] | None
    ) = None
    switching_s: Annotated[float, quantity("s", "longest time of a contact to move", gt=0)] = 20e-3
    settle_s: Annotated[float, quantity("s", "settling before and after a contact", ge=0)] = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.paths.values())) < len(self.paths):
            raise ConfigError(f"one contact cannot lead to two places: {self.paths}")

    @property
    def paths(self) -> dict[str, str | int]:
        """Tell the contact of each path."""
        named = {"smu": self.smu, "generator": self.generator, "ground": self.ground}
        return {path: contact for path, contact in named.items() if contact is not None}

    def wires(self, name: str, ports: dict[str, str], cell: str) -> dict[str, str]:
        """Wire ports to the contacts of a virtual one, and the cell to what they lead to."""
        wires: dict[str, str] = self.driver.wires(name, self.paths, ports, cell)
        return wires

    def safe(self, address: str) -> SafeMessages:
        """Tell what the guard sends; contacts open when the sources are off."""
        return msgspec.structs.replace(super().safe(address), pause_s=SOURCES_OFF_S)

    def connect(self, address: str, clock: Clock) -> Switch:
        """Connect to it."""
        switch: Switch = self.driver.connected(
            address, paths=self.paths, clock=clock, switching_s=self.switching_s
        )
        return switch
