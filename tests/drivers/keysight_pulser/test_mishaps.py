"""What goes wrong with a generator ends with its output off, and is said."""

from collections.abc import Callable

import pytest

from hil.drivers.roles import Train
from hil.errors import InstrumentError
from tests.drivers.generator_lab import NAME, Site
from tests.drivers.mishaps import Interrupting, guard

At = Callable[[str], Site]

TRAIN = Train(0.8, 100e-9, 1e-6, 100e-9, 10e-6, 3)
OTHER = Train(-0.6, 50e-9, 2e-6, 200e-9, 20e-6, 2)
BOTH = pytest.mark.parametrize("name", ["81160A", "33500B"])


def played(place: Site, train: Train) -> None:
    """Play a train; what comes out is right, if anything comes out."""
    place.forget()
    try:
        place.pulser.load(train)
        place.pulser.output(on=True)
        place.pulser.fire()
    except InstrumentError:
        came = place.pulses()
        assert came in ([], [pytest.approx(train[:4], rel=0.01)] * train.pulses)
        assert not place.is_on()
        return
    assert place.pulses() == [pytest.approx(train[:4], rel=0.01)] * train.pulses


@BOTH
@pytest.mark.parametrize(
    "fault", ["truncated", "cut", "garbled", "duplicated", "dropped", "late seconds=0.2"]
)
def test_no_fault_of_the_line_brings_out_another_pulse(at: At, name: str, fault: str) -> None:
    place = at(name)
    played(place, TRAIN)
    for skip in (0, 4, 6, 8):
        place.fault(f"{fault} skip={skip}")
        for train in (OTHER, TRAIN, OTHER):
            played(place, train)
        place.calm()
    played(place, TRAIN)
    played(place, TRAIN)
    assert place.is_on()


def again_and_again(place: Site) -> None:
    """Play, expecting that it ends soon."""
    for train in (OTHER, TRAIN, OTHER):
        place.pulser.load(train)
        place.pulser.output(on=True)
        place.pulser.fire()


@BOTH
@pytest.mark.parametrize("skip", [0, 4, 7])
def test_a_lost_connection_is_said_and_its_output_is_off(at: At, name: str, skip: int) -> None:
    place = at(name)
    played(place, TRAIN)
    place.fault(f"disconnect skip={skip}")
    with pytest.raises(InstrumentError, match="lost"):
        again_and_again(place)
    assert not place.is_on()
    played(place, TRAIN)
    assert place.is_on()


@BOTH
def test_a_connection_that_stays_lost_is_said(at: At, name: str) -> None:
    place = at(name)
    played(place, TRAIN)
    place.fault("half-open seconds=1")
    place.fault("disconnect")
    with pytest.raises(InstrumentError, match="lost") as caught:
        again_and_again(place)
    assert "could not be switched off from here" in str(caught.value.__notes__)


@BOTH
def test_a_stuck_output_is_said(at: At, name: str) -> None:
    place = at(name)
    played(place, TRAIN)
    place.lab.ask(f"trouble {NAME} output-stuck on")
    with pytest.raises(InstrumentError, match="does not go off"):
        place.pulser.make_safe()
    with pytest.raises(InstrumentError, match="does not go off"):
        place.pulser.load(TRAIN)
    place.calm()
    place.pulser.make_safe()
    assert not place.is_on()


@BOTH
def test_a_full_error_queue_is_said(at: At, name: str) -> None:
    place = at(name)
    played(place, TRAIN)
    place.lab.ask(f"trouble {NAME} queue-full on")
    with pytest.raises(InstrumentError):
        place.pulser.load(OTHER)
    assert not place.is_on()
    place.calm()
    played(place, OTHER)
    assert place.is_on()


@BOTH
def test_ctrl_c_in_the_middle_of_a_train_ends_it(at: At, name: str) -> None:
    place = at(name)
    long = TRAIN._replace(period_s=1e-3, pulses=1000)
    place.pulser.load(long)
    place.pulser.output(on=True)
    place.forget()
    place.pulser._clock = Interrupting(place.clock)
    with pytest.raises(KeyboardInterrupt):
        place.pulser.fire()
    assert not place.is_on()
    assert 499 <= len(place.pulses()) <= 501


@BOTH
@pytest.mark.parametrize("half", [b"", b":OUTP1 ", b":VOLT1:HIGH 5;:OU"])
def test_the_guard_ends_a_train_and_switches_off(at: At, name: str, half: bytes) -> None:
    place = at(name)
    place.pulser.load(TRAIN._replace(period_s=1e-3, pulses=1000))
    place.pulser.output(on=True)
    place.forget()
    place.pulser.tell("*TRG")
    place.clock.sleep(0.1)
    assert place.is_on()
    safe = place.pulser.safe_messages()
    place.pulser.close()
    guard(safe, half)
    assert not place.is_on()
    place.clock.sleep(1.0)
    assert len(place.pulses()) in (100, 101)
    place.pulser = place.connected()
