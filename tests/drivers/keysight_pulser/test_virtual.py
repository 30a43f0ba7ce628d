"""Both generators in a virtual lab: what really comes out."""

from collections.abc import Callable

import pytest

from hil.drivers.roles import Train
from tests.drivers.generator_lab import Site

At = Callable[[str], Site]

PULSE = Train(0.5, 100e-9, 500e-9, 100e-9, 10e-6, 1)
BOTH = pytest.mark.parametrize("name", ["81160A", "33500B"])


def fired(place: Site, train: Train) -> list[tuple[float, ...]]:
    """What comes out of a train."""
    place.pulser.load(train)
    place.pulser.output(on=True)
    place.forget()
    place.pulser.fire()
    return place.pulses()


@BOTH
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "train",
    [
        PULSE,
        PULSE._replace(pulses=7),
        PULSE._replace(rise_s=50e-9, fall_s=400e-9, high_s=2e-6, pulses=2),
        PULSE._replace(level_v=9.9, high_s=1e-3, period_s=2e-3),
        PULSE._replace(level_v=0.123, rise_s=1e-6, fall_s=1e-6, high_s=1e-6),
    ],
    ids=["one", "seven", "uneven", "high", "low"],
)
def test_what_comes_out_is_what_was_asked_for(at: At, name: str, train: Train, sign: int) -> None:
    place = at(name)
    train = train._replace(level_v=sign * train.level_v)
    came = fired(place, train)
    assert len(came) == train.pulses
    for pulse in came:
        assert pulse[0] == pytest.approx(train.level_v, rel=0.01)
        assert abs(pulse[0]) <= abs(train.level_v) * 1.01
        assert pulse[1:] == pytest.approx(train[1:4], rel=0.01, abs=0.5e-9)


@BOTH
def test_the_period_is_kept(at: At, name: str) -> None:
    place = at(name)
    fired(place, PULSE._replace(period_s=20e-6, pulses=3))
    (event,) = place.events("waveform")
    lasting_s = [
        sum(event["duration_s"][first:last]) * times for first, last, times in event["units"]
    ]
    assert sum(lasting_s) == pytest.approx(60e-6, abs=20e-6)


@BOTH
@pytest.mark.parametrize("sign", [1, -1])
def test_a_generator_that_was_set_for_50_ohm_puts_out_no_more(
    at: At, name: str, sign: int
) -> None:
    place = at(name)
    place.pulser.write("*RST")
    place.pulser.write(":OUTP1:LOAD 50")
    came = fired(place, PULSE._replace(level_v=sign * 1.5))
    assert [pulse[0] for pulse in came] == [pytest.approx(sign * 1.5, rel=1e-4)]


@BOTH
def test_a_load_that_somebody_changed_is_noticed(at: At, name: str) -> None:
    place = at(name)
    fired(place, PULSE)
    place.pulser.write(":OUTP1 0")
    place.pulser.write(":OUTP1:LOAD 50")
    place.forget()
    with pytest.raises(Exception, match="load of 50 ohm"):
        place.pulser.load(PULSE._replace(level_v=0.6))
    assert not place.is_on()
    assert fired(place, PULSE)[0][0] == pytest.approx(0.5, rel=1e-4)


@BOTH
def test_whatever_it_was_left_at_comes_to_nothing(at: At, name: str) -> None:
    place = at(name)
    left = place.pulser.ch_1
    left.shape = "SIN"
    left.frequency = 29e6
    left.amplitude = 1.0
    left.offset = 3.0
    left.burst_state = True
    left.output = True
    place.clock.sleep(1e-6)
    place.pulser.make_safe()
    assert fired(place, PULSE._replace(pulses=2)) == [
        pytest.approx((0.5, 100e-9, 500e-9, 100e-9), rel=0.01)
    ] * 2  # fmt: skip


@BOTH
def test_between_trains_it_rests_at_0_v_whatever_is_loaded(at: At, name: str) -> None:
    place = at(name)
    pulser = place.pulser
    pulser.fence(2.0, -2.0)
    pulser.load(PULSE)
    pulser.output(on=True)
    place.forget()
    for level_v in (1.0, 2.0, 0.2, -0.4, -2.0, 1.5):
        pulser.load(PULSE._replace(level_v=level_v, high_s=abs(level_v) * 1e-6))
        place.clock.sleep(1e-3)
    assert place.pulses() == []
    pulser.fire()
    assert [pulse[0] for pulse in place.pulses()] == [pytest.approx(1.5, rel=1e-3)]


@BOTH
def test_the_fence_is_the_generators_own_too(at: At, name: str) -> None:
    place = at(name)
    place.pulser.fence(1.0, -1.0)
    fired(place, PULSE._replace(level_v=1.0))
    place.pulser.write(f"{place.pulser.commands.of(1).high} 1.5")
    assert "-" in place.pulser.ask(":SYST:ERR?")
    place.forget()
    place.pulser.write("*TRG")
    place.clock.sleep(1e-3)
    assert max(pulse[0] for pulse in place.pulses()) <= 1.01
