"""What goes wrong ends at 0 V and off, is said, and never becomes a number."""

import contextlib
import re
import socket
from typing import Any

import pytest

from hil.drivers.keithley4200.instrument import Keithley4200A
from hil.errors import InstrumentError
from hil.program import Program, pulse, read, staircase, wait
from tests.drivers.keithley4200.conftest import Site
from tests.drivers.mishaps import Interrupting

PATIENCE_S = 0.2
POINT = pulse(0.5, high_s=500e-9) + wait(100e-6) + read(0.1)
OTHER = read(0.2) + read(0.2)
SWEEP = staircase([0.1, 0.2], dwell_s=1e-3, aperture_s=20e-3).demanding(
    regulated=True, current_limit_a=50e-6
)


@pytest.fixture(autouse=True)
def quick(resistor: Site) -> None:
    impatient(resistor)


def impatient(place: Site) -> Keithley4200A:
    instrument = place.bench._instrument
    assert instrument is not None
    instrument._session.timeout_s = PATIENCE_S
    return instrument


def is_on(place: Site) -> bool:
    """Whether a port is on, as the terminals tell."""
    last = {event["source"]: event["on"] for event in place.terminals("output")}
    return any(last.values())


def lasted_s(played: dict[str, Any]) -> float:
    """How long a waveform came out."""
    lasting_s = played["duration_s"]
    return float(sum(sum(lasting_s[a:b]) * times for a, b, times in played["units"]))


def measured(place: Site, program: Program) -> None:
    """Apply; what comes is right, if anything comes."""
    readings = place.bench.apply(program)
    assert readings.conductance_s == pytest.approx(1e-4, rel=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["truncated", "cut", "garbled", "duplicated", "dropped", "late seconds=0.3"]
)
@pytest.mark.parametrize("program", [POINT, SWEEP], ids=["pulse", "sweep"])
def test_no_fault_of_the_line_ever_becomes_a_number(
    resistor: Site, fault: str, program: Program
) -> None:
    measured(resistor, program)
    for skip in range(0, 28, 3):
        resistor.fault(fault, f"skip={skip}")
        for attempt in (program, OTHER, program, OTHER):
            with contextlib.suppress(InstrumentError):
                measured(resistor, attempt)
        resistor.lab.ask("faults clear")
        with contextlib.suppress(InstrumentError):
            resistor.bench.apply(OTHER)  # finds its step again, if it is out of it
        measured(resistor, program)
        measured(resistor, OTHER)


@pytest.mark.parametrize("program", [POINT, SWEEP], ids=["pulse", "sweep"])
@pytest.mark.parametrize("skip", [0, 3])
def test_a_lost_connection_is_said_and_a_new_one_measures(
    resistor: Site, program: Program, skip: int
) -> None:
    resistor.bench.apply(POINT)
    resistor.fault("disconnect", f"skip={skip}")
    with pytest.raises(InstrumentError, match="lost"):
        resistor.bench.apply(program)
    with pytest.raises(InstrumentError) as caught:
        resistor.bench.close()
    assert str(caught.value) == (
        f"the outputs of the 4200A at {resistor.bench._address} could not be switched off from "
        "here; the guard tries it once more: look at the instrument"
    )
    resistor.bench.open()
    impatient(resistor)
    measured(resistor, program)


@pytest.mark.parametrize("program", [pulse(0.5, high_s=0.1), SWEEP], ids=["pulse", "sweep"])
def test_ctrl_c_in_the_middle_switches_off_at_once(resistor: Site, program: Program) -> None:
    bench = resistor.bench
    for player in (bench._player, bench._sweeper):
        assert player is not None
        player._clock = Interrupting(player._clock)
    with pytest.raises(KeyboardInterrupt):
        bench.apply(program)
    assert not is_on(resistor)
    last = resistor.terminals("waveform")[-1]
    assert last["stop_v"][-1] == 0
    assert lasted_s(last) < program.timeline.longest_s


def test_a_test_that_never_ends_is_aborted(
    resistor: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keithley4200A, "is_running", lambda _self: True)
    with pytest.raises(InstrumentError, match="still running"):
        resistor.bench.apply(POINT)
    assert not is_on(resistor)
    assert ":PMU:ABORT" in resistor.sent()[-6:]


def test_what_the_instrument_refuses_is_told_in_its_words_and_not_played(
    resistor: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = len(resistor.terminals("waveform"))
    tell = Keithley4200A.tell

    def mistyped(self: Keithley4200A, command: str) -> None:
        tell(self, re.sub(r"(:SARB:SEQ:\S+ 1),1,", r"\1,600,", command))

    with monkeypatch.context() as patch:
        patch.setattr(Keithley4200A, "tell", mistyped)
        with pytest.raises(InstrumentError, match=r"the 4200A refuses: .*\(-993\)"):
            resistor.bench.apply(POINT)
    assert len(resistor.terminals("waveform")) == played
    assert not is_on(resistor)
    measured(resistor, POINT)


def test_data_of_another_test_are_not_taken(
    resistor: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    resistor.bench.apply(read(0.1, settle_s=50e-6))
    with monkeypatch.context() as patch:
        patch.setattr(Keithley4200A, "execute", lambda _self: None)
        with pytest.raises(InstrumentError, match="another test"):
            resistor.bench.apply(read(0.1, settle_s=20e-6))
    measured(resistor, POINT)


def test_a_closed_bench_leaves_everything_off(resistor: Site) -> None:
    resistor.bench.apply(POINT)
    assert is_on(resistor)
    resistor.bench.close()
    assert not is_on(resistor)


def guard(place: Site, before: bytes = b"") -> None:
    """Send what the guard would send, from a connection of its own."""
    (safe,) = place.bench.safe_messages()
    _, host, port, _ = safe.address.split("::")
    with socket.create_connection((host, int(port)), 5) as line:
        line.settimeout(5)
        line.sendall(before)
        for message in safe.messages:
            line.sendall(message)
        line.sendall(b"ID\0")
        received = b""
        while b"KI4200A" not in received:
            received += line.recv(4096)


@pytest.mark.parametrize("half", [b"", b":PMU:OUTPUT:STATE 1"])
def test_the_guard_switches_off_a_pulse_that_is_under_way(resistor: Site, half: bytes) -> None:
    instrument = impatient(resistor)
    resistor.bench.apply(pulse(0.5, high_s=0.5))
    instrument.execute()
    resistor.lab.ask("sleep 0.1")
    instrument.close()
    assert is_on(resistor)
    guard(resistor, half)
    assert not is_on(resistor)
    last = resistor.terminals("waveform")[-1]
    assert last["aborted"]
    assert last["stop_v"][-1] == 0


def test_the_guard_switches_off_an_smu(resistor: Site) -> None:
    instrument = impatient(resistor)
    instrument.smu1.voltage_setpoint = (0, 0.1, 1e-6)
    instrument.close()
    assert is_on(resistor)
    guard(resistor)
    assert not is_on(resistor)


def test_the_guard_ends_a_sweep(resistor: Site) -> None:
    instrument = impatient(resistor)
    resistor.bench.apply(SWEEP)
    instrument.tell("MD;ME1")
    resistor.lab.ask("sleep 0.03")
    instrument.close()
    guard(resistor)
    assert not is_on(resistor)
