"""A source measure channel: limits, ranges, noise, sweeps that are cut, troubles."""

from typing import Any

import numpy as np
import pytest

from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.smu.channel import Channel
from hil.simulators.instruments.smu.model import Accuracy, ChannelModel, Integration, Level, Step
from tests.simulators.instruments.smu.bare import played_v, resistor_lab

MODEL = ChannelModel(
    ranges_v=(0.2, 2.0, 20.0),
    ranges_a=(1e-6, 1e-5, 1e-4, 1e-3),
    envelope=((21.0, 1.05), (210.0, 0.105)),
    edge_s=100e-6,
    counts=100_000,
    noise=1e-5,
    source_v=(Accuracy(2.0, 2e-4, 600e-6),),
    measured_v=(Accuracy(2.0, 1e-4, 300e-6),),
    measured_a=(Accuracy(1e-4, 2e-4, 6e-9),),
)
ONE_CYCLE = Integration(1 / 60, 1.0)


def channel(
    *, ideal: bool = True, seed: int = 0, resistance_ohm: float = 1e4, **settings: Any
) -> tuple[Lab, Channel]:
    lab = resistor_lab(resistance_ohm, seed=seed, **settings)
    return lab, Channel(lab, "smu", MODEL, troubles=set(), ideal=ideal)


def volts(value: float, limit_a: float = 1e-3) -> Level:
    return Level(current=False, value=value, limit=limit_a)


def amperes(value: float, limit_v: float = 2.0) -> Level:
    return Level(current=True, value=value, limit=limit_v)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Collect the largest current of each signal that is played on the resistor."""
    seen: list[float] = []
    play = Lab.play

    def watch(lab: Lab, port: str, signal: Any, **how: Any) -> Any:
        seen.append(min(float(np.abs(played_v(signal)).max()) / 1e4, how["limit_a"]))
        return play(lab, port, signal, **how)

    monkeypatch.setattr(Lab, "play", watch)
    return seen


class TestForcing:
    def test_a_voltage_is_forced_and_the_current_measured(self) -> None:
        _, smu = channel()
        smu.force(volts(0.5), 0.0)
        smu.switch(True, 0.0)
        reading = smu.measure(ONE_CYCLE, 1e-3)
        assert reading.voltage_v[0] == pytest.approx(0.5, rel=1e-5)
        assert reading.current_a[0] == pytest.approx(50e-6, rel=1e-5)
        assert not reading.compliance[0]
        assert reading.time_s[0] == pytest.approx(1e-3 + 1 / 60)

    def test_the_limit_holds(self) -> None:
        _, smu = channel()
        smu.force(volts(0.5, 10.5e-6), 0.0)
        smu.switch(True, 0.0)
        reading = smu.measure(ONE_CYCLE, 1e-3)
        assert reading.current_a[0] == pytest.approx(10.5e-6, rel=1e-4)
        assert reading.voltage_v[0] == pytest.approx(0.105, rel=1e-4)
        assert reading.compliance[0]
        assert smu.limited(0.1)
        smu.force(volts(0.5, 1e-3), 0.2)
        assert not smu.limited(0.3)

    def test_coming_to_the_limit_is_logged_once(self) -> None:
        lab, smu = channel()
        smu.switch(True, 0.0)
        steps = [Step(volts(one, 25e-6), 0.02, measured=True) for one in (0.1, 0.3, 0.4, 0.1, 0.5)]
        smu.queue(steps, 1.0, ONE_CYCLE)
        lab.advance(2.0)
        smu.taken()
        noted = [event for _, event in lab.events.since(0) if event.what["kind"] == "compliance"]
        assert [event.time_s for event in noted] == pytest.approx([1.04, 1.1])

    def test_a_current_is_forced_up_to_a_voltage(self) -> None:
        _, smu = channel()
        smu.force(amperes(20e-6), 0.0)
        smu.switch(True, 0.0)
        reading = smu.measure(ONE_CYCLE, 1e-3)
        assert reading.voltage_v[0] == pytest.approx(0.2, rel=1e-4)
        assert not reading.compliance[0]
        smu.force(amperes(20e-6, 0.1), 0.1)
        reading = smu.measure(ONE_CYCLE, 0.2)
        assert reading.voltage_v[0] == pytest.approx(0.1, rel=1e-4)
        assert reading.compliance[0]

    def test_open_terminals_put_a_current_source_into_compliance(self) -> None:
        smu = Channel(resistor_lab(), "not wired", MODEL, troubles=set(), ideal=True)
        smu.force(amperes(1e-6), 0.0)
        smu.switch(True, 0.0)
        reading = smu.measure(ONE_CYCLE, 1e-3)
        assert reading.compliance[0]
        assert reading.voltage_v[0] == pytest.approx(2.0)

    def test_no_edge_passes_the_limit_on_either_side(self, watched: list[float]) -> None:
        _, smu = channel()
        smu.force(amperes(1e-6, 20.0), 0.0)
        smu.switch(True, 0.0)
        for place, level in enumerate(
            (amperes(0.0, 20.0), amperes(-2e-6, 20.0), amperes(0.0), volts(0.0), amperes(1e-6))
        ):
            smu.force(level, 0.1 * (place + 1))
        smu.switch(False, 0.9)
        smu._lab.advance(1.0)
        assert max(watched) <= 2e-6 * (1 + 1e-9)

    def test_nothing_comes_out_while_it_is_off(self, watched: list[float]) -> None:
        lab, smu = channel()
        smu.force(volts(1.0), 0.0)
        reading = smu.measure(ONE_CYCLE, 0.1)
        lab.advance(1.0)
        assert not watched
        assert reading.current_a[0] == reading.voltage_v[0] == 0.0
        assert not reading.compliance[0]

    def test_switching_off_goes_to_0_v_by_an_edge_or_at_once(self) -> None:
        for edge in (True, False):
            lab, smu = channel()
            smu.force(volts(1.0), 0.0)
            smu.switch(True, 0.0)
            smu.switch(False, 0.5, edge=edge)
            signals = [e.signal for _, e in lab.events.since(0) if e.signal is not None]
            assert signals[-1].last_v == (0.0 if edge else 1.0)
            off = [e for _, e in lab.events.since(0) if e.what["kind"] == "output"][-1]
            assert off.time_s == pytest.approx(0.5 + (100e-6 if edge else 0.0))
            assert not smu.on


class TestMeters:
    def test_a_fixed_range_overflows(self) -> None:
        _, smu = channel()
        smu.force(volts(0.5), 0.0)
        smu.switch(True, 0.0)
        fixed = ONE_CYCLE._replace(fixed_a=1e-5, fixed_v=0.2)
        reading = smu.measure(fixed, 1e-3)
        assert reading.over_a[0]
        assert reading.over_v[0]
        assert reading.range_a[0] == 1e-5

    def test_the_end_of_a_range_does_not_overflow(self) -> None:
        _, smu = channel(ideal=False)
        smu.force(volts(2.0, 105e-6), 0.0)
        smu.switch(True, 0.0)
        readings = [smu.measure(ONE_CYCLE._replace(fixed_a=1e-4), 0.1 * n) for n in range(1, 30)]
        assert not any(reading.over_a[0] for reading in readings)

    @pytest.mark.parametrize(("value", "end"), [(0.0, 1e-6), (1.04e-6, 1e-6), (1.06e-6, 1e-5)])
    def test_ranges_are_chosen_by_the_reading(self, value: float, end: float) -> None:
        _, smu = channel()
        smu.force(amperes(value, 20.0), 0.0)
        smu.switch(True, 0.0)
        assert smu.measure(ONE_CYCLE, 0.1).range_a[0] == end

    def test_resolution_is_a_count_of_the_range(self) -> None:
        _, smu = channel(resistance_ohm=1e4 / 1.234567)
        smu.force(volts(0.5), 0.0)
        smu.switch(True, 0.0)
        told = smu.measure(ONE_CYCLE, 0.1).current_a[0]
        assert told / 1e-9 == pytest.approx(round(told / 1e-9), abs=1e-6)

    def test_noise_falls_with_the_integration(self) -> None:
        spread = {}
        for cycles in (1.0, 100.0):
            _, smu = channel(ideal=False)
            smu.switch(True, 0.0)
            how = Integration(1e-3, cycles, fixed_a=1e-3)
            told = [smu.measure(how, 0.01 * n).current_a[0] for n in range(1, 200)]
            spread[cycles] = float(np.std(told))
        assert spread[1.0] == pytest.approx(1e-8, rel=0.25)
        assert spread[100.0] < 0.5 * spread[1.0]

    def test_errors_are_those_of_the_seed_and_within_the_accuracy(self) -> None:
        gains = []
        for seed in (1, 1, 2):
            _, smu = channel(ideal=False, seed=seed)
            smu.force(volts(2.0), 0.0)
            smu.switch(True, 0.0)
            gains.append(smu.measure(ONE_CYCLE._replace(cycles=1e9), 0.1).current_a[0] / 2e-4)
        assert gains[0] == gains[1] != gains[2]
        assert abs(gains[0] - 1) < 2e-4 + 3e-4 + 2e-4 + 1e-4


class TestSweeps:
    def test_each_point_is_measured_at_the_end_of_its_step(self) -> None:
        lab, smu = channel()
        smu.switch(True, 0.0)
        levels = [volts(0.1 * n) for n in range(5)]
        smu.queue([Step(level, 0.02, measured=True) for level in levels], 1.0, ONE_CYCLE)
        assert smu.end_s == pytest.approx(1.1)
        lab.advance(1.1)
        reading = smu.taken()
        assert reading.level.tolist() == [level.value for level in levels]
        assert reading.current_a == pytest.approx(reading.level / 1e4, abs=1e-10)
        assert reading.time_s == pytest.approx(1.0 + 0.02 * np.arange(1, 6))
        assert len(smu.taken().time_s) == 0

    def test_a_sweep_of_currents_has_a_limit_for_each_point(self, watched: list[float]) -> None:
        lab, smu = channel()
        smu.switch(True, 0.0)
        values = np.array([-3, -1, 0, 1, 3]) * 1e-6
        steps = [Step(amperes(float(a), 20.0), 0.02, measured=True) for a in values]
        smu.queue(steps, 1.0, ONE_CYCLE)
        lab.advance(2.0)
        assert smu.taken().current_a == pytest.approx(values, abs=1e-10)
        assert max(watched) <= 3e-6 * (1 + 1e-9)

    def test_what_is_stopped_has_done_what_it_did(self) -> None:
        lab, smu = channel()
        smu.switch(True, 0.0)
        steps = [Step(volts(0.1 * n), 0.02, measured=True) for n in range(1, 6)]
        smu.queue(steps, 1.0, ONE_CYCLE)
        smu.abort(1.05)
        assert smu.level == volts(0.1 * 3)
        lab.advance(2.0)
        assert len(smu.taken().time_s) == 2
        signals = [e.signal for _, e in lab.events.since(0) if e.signal is not None]
        assert max(played_v(signal).max() for signal in signals) == pytest.approx(0.3)

    def test_switching_off_in_the_middle_takes_what_is_done(self) -> None:
        lab, smu = channel()
        smu.switch(True, 0.0)
        smu.queue([Step(volts(1.0), 0.02, measured=True)] * 5, 1.0, ONE_CYCLE)
        smu.switch(False, 1.07)
        lab.advance(2.0)
        assert len(smu.taken().time_s) == 3

    def test_the_lab_may_switch_the_source_off_by_itself(self) -> None:
        lab, smu = channel()
        smu.switch(True, 0.0)
        smu.queue([Step(volts(1.0), 0.02, measured=True)] * 5, 1.0, ONE_CYCLE)
        smu.source.switch(False, 1.05)
        assert len(smu.taken().time_s) == 2
        smu.force(volts(0.5), 2.0)
        smu.switch(True, 2.0)
        reading = smu.measure(ONE_CYCLE, 2.1)
        assert reading.level.tolist() == [0.5]
        assert reading.current_a == pytest.approx([50e-6], rel=1e-4)
        lab.advance(3.0)

    def test_a_reading_in_compliance_can_end_it(self) -> None:
        lab, smu = channel()
        smu.switch(True, 0.0)
        steps = [Step(volts(0.1 * n, 25e-6), 0.02, measured=True) for n in range(1, 9)]
        smu.queue(steps, 1.0, ONE_CYCLE)
        assert smu.bring(smu.end_s, stops_at_limit=True)
        lab.advance(3.0)
        assert smu.taken().compliance.tolist() == [False, False, True]
        assert smu.level.value == pytest.approx(0.3)


class TestTroubles:
    def test_a_stuck_output_stays_on(self, watched: list[float]) -> None:
        _, smu = channel()
        smu.force(volts(1.0), 0.0)
        smu.switch(True, 0.0)
        smu.troubles.add("output-stuck")
        smu.switch(False, 0.1)
        assert smu.on
        del watched[:]
        smu._lab.advance(0.2)
        assert max(watched) == pytest.approx(1e-4)

    def test_readings_can_be_in_compliance_and_over_range(self) -> None:
        _, smu = channel()
        smu.switch(True, 0.0)
        smu.troubles |= {"compliance", "over-range"}
        reading = smu.measure(ONE_CYCLE, 0.1)
        assert reading.compliance[0]
        assert reading.over_a[0]

    def test_an_open_interlock_keeps_everything_from_the_cell(self, watched: list[float]) -> None:
        lab, smu = channel()
        smu.force(volts(1.0), 0.0)
        smu.switch(True, 0.0)
        smu.source.cut_off = True
        del watched[:]
        assert smu.measure(ONE_CYCLE, 0.2).current_a[0] == 0.0
        lab.advance(0.5)
        assert not watched
