"""What every pulse generator of a bench must do, whoever made it.

Subclass `PulserContract` and override the fixture ``pulser`` with a connected one, nothing at its
output but a resistor of 1 kohm or more::

    class TestMyGenerator(PulserContract):
        @pytest.fixture
        def pulser(self):
            pulser = connected("TCPIP::192.168.0.12::5025::SOCKET", channel=1, clock=RealClock())
            yield pulser
            pulser.make_safe()
            pulser.close()

No level goes beyond `most_v`. What came out is not seen from here: a scope shows it, or the log of
a virtual lab.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from hil.errors import ConfigError, HilError, InstrumentError, LimitExceeded, NotSupported


class Train(NamedTuple):
    """Equal pulses from 0 V, as the role Pulser takes them (V, s)."""

    level_v: float
    rise_s: float
    high_s: float
    fall_s: float
    period_s: float
    pulses: int


PULSE = Train(0.5, 100e-9, 500e-9, 100e-9, 10e-6, 1)


class PulserContract:
    """The contract; each test says in its name what a generator must do."""

    most_v: float = 1.0
    """What no test goes beyond (V, open circuit, either polarity)."""

    level_share: float = 0.01
    """How exactly a level is held (share); more than 1 % is too much."""

    time_share: float = 0.01
    """How exactly a time is held (share)."""

    time_slack_s: float = 1e-9
    """Likewise, of short ones (s)."""

    @pytest.fixture
    def pulser(self) -> Iterator[Any]:
        """Connect the generator under test; to be overridden."""
        raise NotImplementedError("override the fixture pulser with a connected generator")

    def sent(self) -> int | None:
        """Count the messages that have gone to it; None where nobody can."""
        return None

    def is_on(self) -> bool | None:
        """Tell whether its output is on, not asking the driver; None where nobody can."""
        return None

    # -- what it holds ------------------------------------------------------------------------
    @pytest.mark.parametrize("sign", [1, -1])
    @pytest.mark.parametrize(
        "train",
        [
            PULSE,
            PULSE._replace(pulses=1000),
            PULSE._replace(high_s=100e-6, period_s=1e-3, pulses=3),
            PULSE._replace(rise_s=50e-9, fall_s=500e-9, high_s=2e-6),
            PULSE._replace(level_v=0.12345),
        ],
        ids=["one", "many", "long", "uneven", "digits"],
    )
    def test_a_train_is_held_as_it_was_asked_for(
        self, pulser: Any, train: Train, sign: int
    ) -> None:
        self._fenced(pulser)
        self._holds(pulser, train._replace(level_v=sign * train.level_v))

    def test_any_train_follows_any_other(self, pulser: Any) -> None:
        self._fenced(pulser)
        pulser.load(PULSE)
        pulser.output(on=True)
        for train in _random_trains(pulser.reach, self.most_v):
            self._holds(pulser, train)
        assert self.is_on() in (True, None)

    def test_a_train_that_is_fired_is_waited_for(self, pulser: Any) -> None:
        self._fenced(pulser)
        train = PULSE._replace(high_s=1e-3, period_s=2e-3, pulses=5)
        self._ready(pulser, train)
        clock = pulser._clock  # noqa: SLF001 - the bench's, which has no other name here
        before_s = clock.now_s()
        pulser.fire()
        assert clock.now_s() - before_s >= 5 * 2e-3 * (1 - 1e-9)

    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_train_is_fired_again_and_again(self, pulser: Any, sign: int) -> None:
        self._fenced(pulser)
        self._ready(pulser, PULSE._replace(level_v=sign * 0.4, pulses=4))
        for _ in range(3):
            pulser.fire()
        assert self.is_on() in (True, None)

    # -- what it refuses ----------------------------------------------------------------------
    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"level_v": math.nan}, ConfigError),
            ({"high_s": math.inf}, ConfigError),
            ({"pulses": 0}, ConfigError),
            ({"pulses": 1.5}, ConfigError),
            ({"level_v": 0.0}, NotSupported),
            ({"level_v": 1e3}, NotSupported),
            ({"level_v": -1e3}, NotSupported),
            ({"level_v": 1e-4}, NotSupported),
            ({"high_s": 1e-12}, NotSupported),
            ({"high_s": -1e-6}, NotSupported),
            ({"rise_s": 1e-12}, NotSupported),
            ({"fall_s": 1e9, "period_s": 2e9}, NotSupported),
            ({"period_s": 600e-9}, NotSupported),
            ({"pulses": 10**15}, NotSupported),
        ],
        ids=str,
    )
    def test_what_it_cannot_do_is_refused_before_anything_is_sent(
        self, pulser: Any, change: dict[str, Any], error: type[HilError]
    ) -> None:
        before = self.sent()
        with pytest.raises(error):
            pulser.load(PULSE._replace(**change))
        assert self.sent() == before

    @pytest.mark.parametrize("level_v", [0.81, -0.61])
    def test_a_pulse_beyond_its_fence_is_refused_before_anything_is_sent(
        self, pulser: Any, level_v: float
    ) -> None:
        pulser.fence(0.8, -0.6)
        before = self.sent()
        with pytest.raises(LimitExceeded):
            pulser.load(PULSE._replace(level_v=level_v))
        assert self.sent() == before

    @pytest.mark.parametrize("level_v", [0.8, -0.6])
    def test_a_pulse_up_to_its_fence_is_taken(self, pulser: Any, level_v: float) -> None:
        pulser.fence(0.8, -0.6)
        self._holds(pulser, PULSE._replace(level_v=level_v))

    def test_a_fence_may_be_moved(self, pulser: Any) -> None:
        for fence in ((1.0, -1.0), (0.3, -0.2), (0.0, -1.0), (1.0, 0.0), (0.9, -0.9)):
            pulser.fence(*fence)
            for level_v in fence:
                if level_v:
                    self._holds(pulser, PULSE._replace(level_v=level_v))

    @pytest.mark.parametrize("fence", [(-0.1, -0.2), (0.2, 0.1), (math.nan, -1.0), (1, -math.inf)])
    def test_a_fence_that_leaves_out_0_V_is_refused(
        self, pulser: Any, fence: tuple[float, float]
    ) -> None:
        before = self.sent()
        with pytest.raises(ConfigError):
            pulser.fence(*fence)
        assert self.sent() == before

    def test_a_fence_without_room_for_a_pulse_is_refused(self, pulser: Any) -> None:
        with pytest.raises(NotSupported):
            pulser.fence(pulser.reach.least_v / 2, 0.0)

    def test_nothing_is_fired_that_was_not_loaded_or_is_not_on(self, pulser: Any) -> None:
        with pytest.raises(InstrumentError):
            pulser.fire()
        self._fenced(pulser)
        pulser.load(PULSE)
        with pytest.raises(InstrumentError):
            pulser.fire()

    # -- how it is left -----------------------------------------------------------------------
    def test_it_is_made_safe_at_any_time_and_twice(self, pulser: Any) -> None:
        pulser.make_safe()
        self._fenced(pulser)
        pulser.make_safe()
        for _ in range(2):
            self._ready(pulser, PULSE)
            pulser.make_safe()
            pulser.make_safe()
            assert self.is_on() in (False, None)
            with pytest.raises(InstrumentError):
                pulser.fire()
        self._ready(pulser, PULSE)
        pulser.fire()
        pulser.make_safe()
        assert self.is_on() in (False, None)

    def test_its_output_goes_on_and_off(self, pulser: Any) -> None:
        self._fenced(pulser)
        for on in (True, True, False, False, True, False):
            pulser.output(on=on)
            assert self.is_on() in (on, None)

    def test_the_fence_holds_after_it_was_made_safe(self, pulser: Any) -> None:
        pulser.fence(0.5, -0.5)
        pulser.make_safe()
        with pytest.raises(LimitExceeded):
            pulser.load(PULSE._replace(level_v=0.6))
        self._holds(pulser, PULSE._replace(level_v=0.5))

    def test_it_tells_who_it_is_what_it_can_do_and_what_stays_on(self, pulser: Any) -> None:
        assert pulser.identity
        assert pulser.stays_on
        reach = pulser.reach
        assert 0 < reach.least_v < reach.most_v
        assert 0 < reach.least_edge_s < reach.most_edge_s
        assert reach.least_high_s > 0
        assert reach.most_pulses >= 1
        messages = pulser.safe_messages()
        assert messages.address
        assert messages.messages

    # -- helpers ------------------------------------------------------------------------------
    def _fenced(self, pulser: Any) -> None:
        pulser.fence(self.most_v, -self.most_v)

    def _ready(self, pulser: Any, train: Train) -> None:
        pulser.load(train)
        pulser.output(on=True)

    def _holds(self, pulser: Any, train: Train) -> None:
        """See that a train is held within the resolution, and no higher."""
        held = pulser.load(train)
        assert held.level_v == pytest.approx(train.level_v, rel=self.level_share)
        assert held[1:5] == pytest.approx(train[1:5], rel=self.time_share, abs=self.time_slack_s)
        assert held.pulses == train.pulses


def _random_trains(reach: Any, most_v: float) -> list[Train]:
    """Draw trains of all kinds, the same each time."""
    rng = np.random.default_rng(7)
    trains = []
    for sign in rng.choice([-1, 1], 12).tolist():
        edges_s = np.clip(10 ** rng.uniform(-8, -4, 2), 2 * reach.least_edge_s, reach.most_edge_s)
        rise_s, fall_s = edges_s.tolist()
        high_s = max(float(10 ** rng.uniform(-7, -3)), 2 * reach.least_high_s, rise_s + fall_s)
        period_s = (rise_s + high_s + fall_s) * float(rng.uniform(2, 100))
        level_v = sign * float(rng.uniform(2 * reach.least_v, most_v))
        trains.append(Train(level_v, rise_s, high_s, fall_s, period_s, int(rng.integers(1, 1000))))
    return trains
