"""The bench file of a 4200A-SCS."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hil.bench import Bench
from hil.clock import RealClock
from hil.drivers.bench_file import InstrumentBenchFile, Wired
from hil.errors import ConfigError
from hil.units import quantity
from hil.virtual import InstrumentPlan

if TYPE_CHECKING:
    from hil.virtual import VirtualLab

INSTRUMENT = "keithley4200"
"""Its name in a virtual lab."""

_address = re.compile(r"TCPIP\d*::[^:\s]+::(\d{1,5})::SOCKET", re.IGNORECASE).fullmatch
_pulse_port = re.compile(r"PMU1-([12])").fullmatch
_sweep_port = re.compile(r"SMU([1-9])").fullmatch


class Connection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the instrument is."""

    address: Annotated[str, Meta(description="VISA address: TCPIP::host::1225::SOCKET")]
    line_hz: Annotated[
        Literal[50, 60], Meta(description="line frequency, in which an SMU counts its aperture")
    ] = 60

    def __post_init__(self) -> None:
        match = _address(self.address)
        if match is None or not 0 < int(match[1]) < 65536:
            raise ConfigError(
                f"instrument.address is {self.address!r}; a 4200A is reached over Ethernet: "
                "TCPIP::192.168.0.10::1225::SOCKET, with its own host and port"
            )


class Wiring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is connected to the device."""

    top: Annotated[str, Meta(description="pulse channel: PMU1-1 or PMU1-2, through its RPM")]
    sweeps: (
        Annotated[str, Meta(description="SMU that the RPM leads to the same probe: SMU1")] | None
    ) = None
    bottom: Annotated[str, Meta(description="the other terminal: ground")] = "ground"
    series_ohm: Annotated[float, quantity("ohm", "resistor at the device", ge=0)] = 0.0

    def __post_init__(self) -> None:
        if _pulse_port(self.top) is None:
            raise ConfigError(f"wiring.top is {self.top!r}; it is PMU1-1 or PMU1-2")
        if self.sweeps is not None and _sweep_port(self.sweeps) is None:
            raise ConfigError(
                f"wiring.sweeps is {self.sweeps!r}; it is an SMU, such as SMU1, or left out"
            )
        if self.bottom != "ground":
            raise ConfigError(f"wiring.bottom is {self.bottom!r}; only ground is possible so far")

    @property
    def channel(self) -> int:
        """Channel of the PMU."""
        return int(self.top[-1])

    @property
    def smu(self) -> int | None:
        """Number of the SMU."""
        return None if self.sweeps is None else int(self.sweeps[-1])


class Keithley4200File(InstrumentBenchFile, kw_only=True, forbid_unknown_fields=True):
    """A 4200A-SCS with a PMU, and an SMU for sweeps, on one device."""

    instrument: Connection
    wiring: Wiring

    def build(self, name: str, seed: int, lab: "VirtualLab | None" = None) -> Bench:  # noqa: ARG002
        """Make the bench, not yet open: the real instrument, or its counterpart in a lab."""
        from hil.drivers.keithley4200.bench import Keithley4200Bench

        return Keithley4200Bench(
            name,
            address=self.instrument.address if lab is None else lab.addresses[INSTRUMENT],
            channel=self.wiring.channel,
            smu=self.wiring.smu,
            series_ohm=self.wiring.series_ohm,
            line_hz=self.instrument.line_hz,
            limits=self.limits,
            clock=RealClock() if lab is None else lab.clock(),
            sample=self.sample,
            sets_at=self.sets_at,
            virtual=lab is not None,
        )

    def wired(self, *, ideal: bool) -> Wired:
        """Say which virtual instrument stands for the 4200A, and what it is wired to."""
        options: dict[str, Any] = {"ideal": ideal}
        if self.wiring.sweeps is not None:
            options["rpm"] = {self.wiring.top: self.wiring.sweeps}
        return Wired(
            instruments={INSTRUMENT: InstrumentPlan(type=INSTRUMENT, options=options)},
            wiring={self.wiring.top: "top"},
            series_ohm=self.wiring.series_ohm,
        )
