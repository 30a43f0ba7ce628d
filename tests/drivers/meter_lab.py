"""A lab with one source meter on a resistor, and what goes wrong there."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

from hil.clock import Clock, RealClock
from hil.drivers.roles import Rows, SourceSettings
from hil.drivers.session.connect import open_resource
from hil.errors import InstrumentError
from hil.testing.source_meter_contract import SourceMeterContract
from hil.virtual import InstrumentPlan, LabPlan, VirtualLab
from tests.drivers.mishaps import Interrupting

NAME = "smu"
LIMIT_A = 10.5e-6
RESISTANCE_OHM = 10e3
PREPARED = SourceSettings(0.5, 100e-6, 100e-6, 1e-3)
SPOT = np.array([0.2])
SWEEP = np.array([0.1, -0.2, 0.3, 0.05])
PATIENCE_S = 0.15
ZERO_V = 2e-3
"""What a source is off at 0 V at most."""
FAULTS = ("late seconds=0.2", "truncated", "cut", "garbled", "duplicated", "dropped", "disconnect")

Connect = Callable[..., Any]


class Made(NamedTuple):
    """Which virtual instrument, and the driver's function that connects."""

    connect: Connect
    type: str
    options: Mapping[str, Any] = MappingProxyType({})

    def plan(self) -> LabPlan:
        """Plan the lab."""
        return LabPlan(
            instruments={
                NAME: InstrumentPlan(type=self.type, options={"line_hz": 50, **self.options})
            },
            wiring={NAME: "top"},
            model="resistor",
            parameters={"resistance_ohm": RESISTANCE_OHM},
            seed=1,
        )


class Site:
    """A source meter in a lab; what was before it in the logs is left out."""

    def __init__(self, lab: VirtualLab, made: Made) -> None:
        self.lab = lab
        self.clock: Clock = lab.clock()
        self.made = made
        self.meter = self.connected()
        self._first_byte = len(lab.ask("bytes 0"))
        self._first_event = len(lab.ask("terminals 0"))

    def connected(self) -> Any:
        """Connect to the instrument."""
        return self.made.connect(self.lab.addresses[NAME], clock=self.clock, line_hz=50)

    def ready(self, settings: SourceSettings = PREPARED) -> Any:
        """Prepare and switch on."""
        self.meter.prepare(settings)
        self.meter.output(on=True)
        return self.meter

    def sent(self) -> list[str]:
        """Every message that went to the instrument."""
        log = self.lab.ask(f"bytes {self._first_byte}")
        return [text.rstrip("\r\n") for *_, way, text in log if way == "in"]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What happened at the terminals."""
        events = self.lab.ask(f"terminals {self._first_event}")
        return [event for event in events if event["kind"] == kind]

    def is_on(self) -> bool:
        """Whether the output is on, as the terminals tell."""
        events = self.lab.ask("terminals 0")
        last = [event["on"] for event in events if event["kind"] == "output"]
        return bool(last and last[-1])

    def stands_v(self) -> float:
        """Voltage that came out last (V)."""
        self.lab.ask("sleep 0.01")
        return float(self.events("waveform")[-1]["stop_v"][-1])

    def stood_s(self) -> dict[float, float]:
        """How long each level came out since the site was made (V to s), to 10 mV."""
        self.lab.ask("sleep 0.01")
        found: dict[float, float] = {}
        for event in self.events("waveform"):
            for first, last, repeats in event["units"]:
                for k in range(first, last):
                    level_v = round(event["stop_v"][k], 2)
                    lasted_s = event["duration_s"][k] * repeats
                    found[level_v] = found.get(level_v, 0.0) + lasted_s
        return found

    def fault(self, fault: str, skip: int) -> None:
        """Let something go wrong with a later answer."""
        kind, _, settings = fault.partition(" ")
        self.lab.ask(f"fault {kind} {NAME} {settings} skip={skip}".replace("  ", " "))

    def trouble(self, trouble: str, *, on: bool) -> None:
        """Break the instrument itself, or mend it."""
        self.lab.ask(f"trouble {NAME} {trouble} {'on' if on else 'off'}")

    def end(self) -> None:
        """Leave nothing to the next one."""
        self.lab.ask("faults clear")
        for trouble in ("output-stuck", "compliance", "over-range", "queue-full"):
            self.trouble(trouble, on=False)
        with contextlib.suppress(InstrumentError):
            self.meter.make_safe()
        self.meter.close()


def right(rows: Rows, levels_v: Any) -> None:
    """Make sure that rows are what the resistor shows."""
    assert len(rows.current_a) == len(levels_v)
    assert not rows.limited.any()
    assert rows.current_a == pytest.approx(levels_v / RESISTANCE_OHM, rel=5e-3, abs=50e-9)
    known = ~np.isnan(rows.voltage_v)
    assert rows.voltage_v[known] == pytest.approx(levels_v[known], rel=5e-3, abs=1e-3)


def contracted(made: Made, lab: VirtualLab | None, address: str | None) -> Iterator[Any]:
    """Connect for the contract, to a virtual instrument or to a real one."""
    if lab is None:
        meter = made.connect(address, clock=RealClock(), line_hz=50)
    else:
        meter = made.connect(lab.addresses[NAME], clock=lab.clock(), line_hz=50)
    yield meter
    meter.make_safe()
    meter.close()


@pytest.fixture(scope="module")
def lab(made: Made) -> Iterator[VirtualLab]:
    """A lab for all tests of a module, with what its fixture ``made`` says."""
    with VirtualLab.start(made.plan()) as running:
        yield running


class VirtualContract(SourceMeterContract):
    """The contract on the virtual source meter, or on a real one by --device-address."""

    @pytest.fixture
    def source_meter(self, request: pytest.FixtureRequest, made: Made) -> Iterator[Any]:
        address = request.config.getoption("--device-address")
        lab = None if address else request.getfixturevalue("lab")
        yield from contracted(made, lab, address)


class Mishaps:
    """What goes wrong ends at 0 V and off, is said, and never becomes a number."""

    @pytest.fixture
    def site(self, made: Made, lab: VirtualLab) -> Iterator[Site]:
        """A source meter that was just connected, off."""
        place = Site(lab, made)
        yield place
        place.end()

    @pytest.fixture(autouse=True)
    def quick(self, site: Site) -> None:
        """Wait less for what will not come."""
        site.meter.adapter.timeout_s = PATIENCE_S

    def recovers(self, site: Site) -> None:
        """Make sure that it measures again, patiently."""
        site.lab.ask("faults clear")
        site.meter.adapter.timeout_s = 5.0
        site.meter.make_safe()
        right(site.ready().sweep(SWEEP, 1e-3), SWEEP)

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("levels_v", [SPOT, SWEEP], ids=["spot", "sweep"])
    def test_no_fault_of_the_line_becomes_a_number_or_leaves_it_on(
        self, site: Site, fault: str, levels_v: Any
    ) -> None:
        meter = site.ready()
        site.fault(fault, len(levels_v))
        try:
            for _ in range(2):
                right(meter.sweep(levels_v, 1e-3), levels_v)
        except InstrumentError:
            assert not site.is_on()
        self.recovers(site)

    @pytest.mark.parametrize("levels_v", [SPOT, SWEEP], ids=["spot", "sweep"])
    def test_levels_stand_as_long_as_they_were_told_to(self, site: Site, levels_v: Any) -> None:
        meter = site.ready()
        before_s = site.stood_s()
        begun_s = site.clock.now_s()
        rows = meter.sweep(levels_v, 5e-3)
        assert 0 < rows.time_s[-1] <= site.clock.now_s() - begun_s
        stood_s = site.stood_s()
        for level_v in levels_v.tolist():
            own_s = stood_s[level_v] - before_s.get(level_v, 0.0) - 6e-3
            assert 0 <= own_s <= meter.reach.own_step_s
        assert np.diff(rows.time_s, prepend=0.0) == pytest.approx(6e-3, abs=1e-3)

    def test_a_connection_that_stays_lost_is_said(self, site: Site) -> None:
        meter = site.ready()
        site.fault("half-open seconds=1", 0)
        site.fault("disconnect", 1)
        with pytest.raises(InstrumentError, match="lost") as caught:
            meter.sweep(SWEEP, 1e-3)
        assert any("could not be made safe" in note for note in caught.value.__notes__)

    def test_a_stuck_output_is_said_and_stands_at_zero(self, site: Site) -> None:
        meter = site.ready()
        site.trouble("output-stuck", on=True)
        right(meter.sweep(SWEEP, 1e-3), SWEEP)
        with pytest.raises(InstrumentError, match="does not go off"):
            meter.make_safe()
        assert site.stands_v() == pytest.approx(0, abs=ZERO_V)
        site.trouble("output-stuck", on=False)
        meter.make_safe()
        assert not site.is_on()

    @pytest.mark.parametrize("levels_v", [SPOT, SWEEP], ids=["spot", "sweep"])
    def test_an_instrument_at_compliance_is_told_so(self, site: Site, levels_v: Any) -> None:
        meter = site.ready()
        site.trouble("compliance", on=True)
        assert meter.sweep(levels_v, 1e-3).limited.all()
        site.trouble("compliance", on=False)
        right(meter.sweep(levels_v, 1e-3), levels_v)

    @pytest.mark.parametrize("levels_v", [SPOT, SWEEP], ids=["spot", "sweep"])
    def test_an_overflow_is_no_number(self, site: Site, levels_v: Any) -> None:
        meter = site.ready()
        site.trouble("over-range", on=True)
        rows = meter.sweep(levels_v, 1e-3)
        assert np.isnan(rows.current_a).all()
        assert rows.limited.all()

    def test_a_full_error_queue_is_an_error_once(self, site: Site) -> None:
        meter = site.ready()
        site.trouble("queue-full", on=True)
        with pytest.raises(InstrumentError, match="refuses"):
            meter.sweep(SPOT, 1e-3)
        assert not site.is_on()
        right(site.ready().sweep(SWEEP, 1e-3), SWEEP)

    def test_ctrl_c_in_the_middle_switches_off_at_once(self, site: Site) -> None:
        meter = site.ready()
        meter._clock = Interrupting(meter._clock)
        with pytest.raises(KeyboardInterrupt):
            meter.sweep(SWEEP, 0.5)
        assert not site.is_on()
        assert site.clock.now_s() - meter._clock.began_s < 2.0
        assert site.stands_v() == pytest.approx(0, abs=ZERO_V)

    @pytest.mark.parametrize("half", [b"", b":SOUR:VOLT 0.4"])
    def test_the_guard_switches_it_off(self, site: Site, half: bytes) -> None:
        meter = site.ready()
        meter.write(":SOUR:VOLT 0.3")
        safe = meter.safe_messages()
        meter.adapter.connection.write_raw(half)
        meter.adapter.close()
        assert site.is_on()
        assert site.stands_v() == pytest.approx(0.3, rel=0.01)
        session = open_resource(safe.address, "@py", safe.settings, 5.0, "")
        for message in safe.messages:
            session.write_raw(message)
        session.write_raw(b"*IDN?\n")
        session.read_termination = "\n"
        session.read()
        session.close()
        assert not site.is_on()
        assert site.stands_v() == pytest.approx(0, abs=ZERO_V)

    def test_every_byte_of_a_setting_that_is_held_already_is_saved(self, site: Site) -> None:
        meter = site.ready()
        before = len(site.sent())
        meter.prepare(PREPARED)
        meter.output(on=True)
        assert len(site.sent()) == before
