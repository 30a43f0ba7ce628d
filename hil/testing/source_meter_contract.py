"""What every source meter of a composed bench must do, whatever its language.

Subclass `SourceMeterContract` and override the fixture ``source_meter`` with a connected one, its
output off, with a known resistor across its terminals::

    class TestMySourceMeter(SourceMeterContract):
        resistance_ohm = 10e3

        @pytest.fixture
        def source_meter(self):
            meter = connected("TCPIP::10.0.0.5::5025::SOCKET", clock=RealClock(), line_hz=50)
            yield meter
            meter.make_safe()
            meter.close()

Nothing that is put out goes beyond 0.5 V, and no compliance beyond `limit_a`.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from hil.errors import ConfigError, HilError, InstrumentError, NotSupported


class Settings(NamedTuple):
    """What a source meter is prepared for; the same fields as the drivers' own."""

    range_v: float = 0.5
    limit_a: float = 100e-6
    range_a: float = 100e-6
    aperture_s: float = 1e-3


class SourceMeterContract:
    """The contract; each test says in its name what a source meter must do."""

    resistance_ohm: float = 10e3
    """Resistor across the terminals (ohm)."""

    tolerance: float = 5e-3
    """How well it is measured (relative)."""

    time_step_s: float = 1e-3
    """What its times are told to (s)."""

    zero_a: float = 50e-9
    """What is measured at most where nothing flows (A)."""

    limit_a: float = 10.5e-6
    """A compliance that is reached well below 0.5 V, with more digits than one."""

    @pytest.fixture
    def source_meter(self) -> Iterator[Any]:
        """Connect to the source meter under test; to be overridden."""
        raise NotImplementedError("override the fixture source_meter with a connected one")

    # -- what it says of itself ---------------------------------------------------------------
    def test_it_says_who_it_is_and_what_stays_on(self, source_meter: Any) -> None:
        assert source_meter.identity
        assert source_meter.stays_on.endswith(".")

    def test_what_the_guard_sends_ends_a_half_sent_command_first(self, source_meter: Any) -> None:
        safe = source_meter.safe_messages()
        assert safe.messages[0][:1] in (b"\n", b"\r")
        assert len(b"".join(safe.messages)) > 10

    # -- settings -----------------------------------------------------------------------------
    def test_settings_are_held_with_every_digit(self, source_meter: Any) -> None:
        wanted = Settings(limit_a=self.limit_a, range_a=self.limit_a, aperture_s=1.25e-3)
        held = source_meter.prepare(wanted)
        assert held.limit_a == pytest.approx(wanted.limit_a, rel=1e-6)
        assert held.aperture_s == pytest.approx(wanted.aperture_s, rel=1e-6)
        assert held.range_v * source_meter.reach.overrange >= wanted.range_v
        assert held.range_a * source_meter.reach.overrange >= wanted.range_a * (1 - 1e-9)

    @pytest.mark.parametrize("limit_a", [1e-6, 10.5e-6, 123.456e-6, 1e-3])
    def test_a_compliance_may_follow_any_other(self, source_meter: Any, limit_a: float) -> None:
        for first_a in (10e-3, 2e-6):
            source_meter.prepare(Settings(limit_a=first_a, range_a=first_a))
            held = source_meter.prepare(Settings(limit_a=limit_a, range_a=limit_a))
            assert held.limit_a == pytest.approx(limit_a, rel=1e-6)

    @pytest.mark.parametrize("field", Settings._fields)
    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
    def test_settings_that_are_no_positive_numbers_are_refused(
        self, source_meter: Any, field: str, value: float
    ) -> None:
        with pytest.raises((ConfigError, NotSupported)):
            source_meter.prepare(Settings()._replace(**{field: value}))

    def test_settings_beyond_its_reach_are_refused(self, source_meter: Any) -> None:
        reach = source_meter.reach
        for beyond in (
            Settings(limit_a=reach.most_limit_a * 1.01),
            Settings(limit_a=reach.least_limit_a * 0.9),
            Settings(aperture_s=reach.most_aperture_s * 1.01),
            Settings(aperture_s=reach.least_aperture_s * 0.9),
            Settings(range_v=reach.source_ranges_v[-1] * reach.overrange * 1.01),
        ):
            with pytest.raises(NotSupported):
                source_meter.prepare(beyond)

    # -- measuring ----------------------------------------------------------------------------
    def test_a_sweep_measures_the_resistor(self, source_meter: Any) -> None:
        levels_v = np.array([0.1, 0.3, -0.2, 0.5, 0.0, -0.5])
        rows = self._ready(source_meter).sweep(levels_v, 1e-3)
        self._right(rows, levels_v)
        assert not rows.limited.any()

    def test_levels_are_played_in_their_order_in_time(self, source_meter: Any) -> None:
        levels_v = np.linspace(-0.5, 0.5, 7)
        rows = self._ready(source_meter).sweep(levels_v, 2e-3)
        self._right(rows, levels_v)
        steps_s = np.diff(rows.time_s, prepend=0.0)
        least_s = 2e-3 + Settings().aperture_s
        assert (steps_s >= least_s * (1 - 1e-3) - self.time_step_s).all()

    def test_a_single_level_is_a_reading(self, source_meter: Any) -> None:
        meter = self._ready(source_meter)
        for level_v in (0.1, -0.4, 0.25):
            self._right(meter.sweep(np.array([level_v]), 1e-3), np.array([level_v]))

    def test_one_sweep_leaves_nothing_to_the_next(self, source_meter: Any) -> None:
        meter = self._ready(source_meter)
        for levels_v in (np.linspace(0.1, 0.4, 5), np.array([0.2]), np.linspace(-0.3, 0.1, 3)):
            self._right(meter.sweep(levels_v, 0.0), levels_v)

    def test_more_levels_than_one_message_takes_are_swept(self, source_meter: Any) -> None:
        levels_v = np.round(0.4 * np.sin(np.arange(230) / 20), 6)
        self._right(self._ready(source_meter).sweep(levels_v, 0.0), levels_v)

    def test_what_is_prepared_for_last_is_what_counts(self, source_meter: Any) -> None:
        meter = self._ready(source_meter)
        rows = self._ready(meter, Settings(limit_a=1e-3, range_a=1e-3)).sweep(np.array([0.5]), 0.0)
        self._right(rows, np.array([0.5]))

    # -- compliance ---------------------------------------------------------------------------
    def test_compliance_is_reported_and_kept(self, source_meter: Any) -> None:
        for levels_v in (np.array([0.05, 0.4, -0.5, 0.02]), np.array([0.5])):
            rows = self._limited(source_meter).sweep(levels_v, 1e-3)
            expected = np.abs(levels_v) > self.limit_a * self.resistance_ohm
            assert rows.limited.tolist() == expected.tolist()
            known = rows.current_a[expected & ~np.isnan(rows.current_a)]
            assert (np.abs(known) <= self.limit_a * (1 + self.tolerance)).all()
            self._right(rows, np.clip(levels_v, *self._at_limit_v()))

    def test_a_sweep_can_end_at_its_limit(self, source_meter: Any) -> None:
        levels_v = np.linspace(0.02, 0.5, 25)
        reached = int(np.argmax(levels_v > self.limit_a * self.resistance_ohm))
        rows = self._limited(source_meter).sweep(levels_v, 1e-3, stop_at_limit=True)
        assert len(rows.current_a) == reached + 1
        assert rows.limited.tolist() == [False] * reached + [True]
        self._right(rows, np.clip(levels_v[: reached + 1], *self._at_limit_v()))

    def test_a_sweep_that_reaches_no_limit_is_whole(self, source_meter: Any) -> None:
        levels_v = np.linspace(0.01, 0.09, 5)
        rows = self._limited(source_meter).sweep(levels_v, 1e-3, stop_at_limit=True)
        self._right(rows, levels_v)
        assert not rows.limited.any()

    def test_a_current_beyond_the_measuring_range_is_no_number(self, source_meter: Any) -> None:
        settings = Settings(limit_a=1e-3, range_a=1e-6)
        rows = self._ready(source_meter, settings).sweep(np.array([0.5, 0.5]), 1e-3)
        assert rows.limited.all()
        within = np.abs(np.nan_to_num(rows.current_a)) <= 1e-6 * 1.2  # in compliance of the range
        assert (np.isnan(rows.current_a) | within).all()

    # -- refusals -----------------------------------------------------------------------------
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_levels_and_delays_that_are_no_numbers_are_refused(
        self, source_meter: Any, bad: float
    ) -> None:
        meter = self._ready(source_meter)
        for levels_v, delay_s in (([0.1, bad], 1e-3), ([bad], 0.0), ([0.1], bad), ([0.1], -1e-3)):
            with pytest.raises((ConfigError, NotSupported)):
                meter.sweep(np.array(levels_v), delay_s)
        self._right(meter.sweep(np.array([0.1]), 0.0), np.array([0.1]))  # it is still on

    def test_what_a_sweep_cannot_be_is_refused(self, source_meter: Any) -> None:
        meter = self._ready(source_meter)
        beyond_v = meter.reach.source_ranges_v[-1] * meter.reach.overrange * 1.01
        with pytest.raises((NotSupported, ConfigError)):
            meter.sweep(np.array([beyond_v]), 0.0)
        with pytest.raises((NotSupported, ConfigError)):
            meter.sweep(np.zeros(meter.reach.most_points + 1), 0.0)
        with pytest.raises((NotSupported, ConfigError)):
            meter.sweep(np.zeros(0), 0.0)
        with pytest.raises((NotSupported, ConfigError)):
            meter.sweep(np.zeros(3), 1e9)

    def test_nothing_is_switched_on_or_measured_unprepared(self, source_meter: Any) -> None:
        with pytest.raises(HilError):
            source_meter.output(on=True)
        with pytest.raises(HilError):
            source_meter.sweep(np.array([0.1]), 0.0)

    def test_pulses_are_played_or_refused(self, source_meter: Any) -> None:
        meter = self._ready(source_meter)
        levels_v = np.array([0.2, -0.3, 0.4])
        least_s = meter.reach.least_pulse_s
        if least_s is None:
            with pytest.raises(NotSupported):
                meter.pulses(levels_v, 1e-3, 10e-3)
            return
        with pytest.raises(NotSupported):
            meter.pulses(levels_v, least_s / 2, 10e-3)
        high_s = max(2 * least_s, 2 * Settings().aperture_s)
        rows = meter.pulses(levels_v, high_s, 10 * high_s)
        self._right(rows, levels_v)
        assert np.diff(rows.time_s) == pytest.approx(10 * high_s, rel=1e-2)

    # -- safe ---------------------------------------------------------------------------------
    def test_it_can_be_made_safe_at_any_time_and_twice(self, source_meter: Any) -> None:
        source_meter.make_safe()
        self._ready(source_meter)
        source_meter.make_safe()
        source_meter.make_safe()
        with pytest.raises(InstrumentError):
            source_meter.sweep(np.array([0.1]), 0.0)
        self._right(self._ready(source_meter).sweep(np.array([0.1]), 0.0), np.array([0.1]))

    def test_switched_off_it_measures_nothing(self, source_meter: Any) -> None:
        meter = self._ready(source_meter)
        meter.output(on=True)  # once more is no harm
        self._right(meter.sweep(np.array([0.1]), 0.0), np.array([0.1]))
        meter.output(on=False)
        meter.output(on=False)
        with pytest.raises(InstrumentError):
            meter.sweep(np.array([0.1, 0.2]), 0.0)

    # -- helpers ------------------------------------------------------------------------------
    def _ready(self, meter: Any, settings: Settings | None = None) -> Any:
        meter.prepare(Settings() if settings is None else settings)
        meter.output(on=True)
        return meter

    def _limited(self, meter: Any) -> Any:
        return self._ready(meter, Settings(limit_a=self.limit_a, range_a=self.limit_a))

    def _at_limit_v(self) -> tuple[float, float]:
        """Tell the voltages across the resistor at compliance."""
        at_limit_v = self.limit_a * self.resistance_ohm
        return -at_limit_v, at_limit_v

    def _right(self, rows: Any, voltage_v: np.ndarray) -> None:
        """Make sure that rows are what a resistor shows at these voltages."""
        count = len(voltage_v)
        assert all(column.shape == (count,) for column in rows)
        assert (rows.time_s[0] > 0) & (np.diff(rows.time_s) > 0).all()
        expected_a = voltage_v / self.resistance_ohm
        assert rows.current_a == pytest.approx(expected_a, rel=self.tolerance, abs=self.zero_a)
        known = ~np.isnan(rows.voltage_v)
        slack_v = self.zero_a * self.resistance_ohm
        assert rows.voltage_v[known] == pytest.approx(
            voltage_v[known], rel=self.tolerance, abs=slack_v
        )
        assert rows.limited.dtype == np.bool_
        assert rows.status.dtype == np.int64
