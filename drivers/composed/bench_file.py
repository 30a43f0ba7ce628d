"""The bench file of a bench of single boxes."""

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from hil.bench import Bench
from hil.clock import Clock, RealClock
from hil.drivers.bench_file import InstrumentBenchFile, Wired
from hil.drivers.composed.boxes import PulserBox, SourceMeterBox, SwitchBox
from hil.drivers.safety import failures_of, safe_if_it_fails
from hil.errors import ConfigError, HilError
from hil.units import quantity
from hil.virtual import InstrumentPlan

if TYPE_CHECKING:
    from hil.drivers.composed.bench import Opened
    from hil.virtual import VirtualLab

SMU, GENERATOR, SWITCH = "smu", "generator", "switch"
"""What the boxes are called: tables of the file, and names in a virtual lab."""
CELL = "top"


class Wiring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is at the device."""

    series_ohm: Annotated[float, quantity("ohm", "resistor at the device", ge=0)] = 0.0


class ComposedFile(InstrumentBenchFile, kw_only=True, forbid_unknown_fields=True):
    """A source meter, alone or with a pulse generator and a switch, on one device."""

    smu: SourceMeterBox
    generator: PulserBox | None = None
    switch: SwitchBox | None = None
    wiring: Wiring = Wiring()

    def __post_init__(self) -> None:
        if (self.generator is None) != (self.switch is None):
            raise ConfigError(
                "a pulse generator needs a switch that leads the device to it or to the source "
                "meter, and a switch needs the generator; state [generator] and [switch], or "
                "neither"
            )

    def build(self, name: str, seed: int, lab: "VirtualLab | None" = None) -> Bench:  # noqa: ARG002
        """Make the bench, not yet open: the real boxes, or their counterparts in a lab."""
        from hil.drivers.composed.bench import ComposedBench, Reaches

        boxes = self._boxes
        addresses = {box: item.address for box, item in boxes.items()}
        if lab is not None:
            addresses = {box: lab.addresses[box] for box in boxes}
        switch = self.switch
        return ComposedBench(
            name,
            connect=lambda clock: self._connected(addresses, clock),
            reaches=Reaches(
                self.smu.reach,
                None if self.generator is None else self.generator.reach,
                0.0 if switch is None else switch.switching_s,
            ),
            safe=tuple(item.safe(addresses[box]) for box, item in boxes.items()),
            stays_on=tuple(item.stays_on for item in boxes.values()),
            settle_s=0.0 if switch is None else switch.settle_s,
            series_ohm=self.wiring.series_ohm,
            limits=self.limits,
            clock=RealClock() if lab is None else lab.clock(),
            sample=self.sample,
            sets_at=self.sets_at,
            virtual=lab is not None,
        )

    def wired(self, *, ideal: bool) -> Wired:
        """Say which virtual boxes stand for the bench's own, and how they are wired."""
        options: dict[str, dict[str, Any]] = {
            SMU: {"ideal": ideal, **self.smu.virtual_options},
            GENERATOR: {},
            SWITCH: {} if self.switch is None else {"settle_s": self.switch.switching_s},
        }
        instruments = {
            box: InstrumentPlan(type=item.virtual_type, options=options[box])
            for box, item in self._boxes.items()
        }
        port = self.smu.port(SMU)
        if self.switch is None or self.generator is None:
            return Wired(instruments, {port: CELL}, self.wiring.series_ohm)
        ports = {SMU: port, GENERATOR: self.generator.port(GENERATOR)}
        return Wired(instruments, self.switch.wires(SWITCH, ports, CELL), self.wiring.series_ohm)

    @property
    def _boxes(self) -> dict[str, SourceMeterBox | PulserBox | SwitchBox]:
        """Name what is there; sources first, as they are made safe."""
        named = {GENERATOR: self.generator, SMU: self.smu, SWITCH: self.switch}
        return {name: box for name, box in named.items() if box is not None}

    def _connected(self, addresses: dict[str, str], clock: Clock) -> "Opened":
        """Connect to all boxes, or to none: those that there are go to 0 V and off then."""
        from hil.drivers.composed.bench import Opened

        found: dict[str, Any] = {}
        with ExitStack() as stack:

            def connect(name: str) -> None:
                try:
                    found[name] = self._boxes[name].connect(addresses[name], clock)
                except HilError as error:
                    raise type(error)(f"[{name}] at {addresses[name]}: {error}") from error
                stack.callback(found[name].close)

            def make_safe() -> None:
                failures_of(*(box.make_safe for box in found.values()))

            with safe_if_it_fails(make_safe):
                if failed := failures_of(*(partial(connect, name) for name in self._boxes)):
                    raise failed[0]
            stack.pop_all()
        return Opened(found[SMU], found.get(GENERATOR), found.get(SWITCH))
