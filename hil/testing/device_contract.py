"""What every device must do, a model alone or in layers.

Subclass `DeviceContract`, say which pulses SET and RESET the device, and override the fixture
``device``::

    class TestMyModel(DeviceContract):
        set_pulse = Pulse(1.5, 500e-9)
        reset_pulse = Pulse(-1.2, 500e-9)

        @pytest.fixture
        def device(self):
            return MyModel()
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import Device, State

READ_V = 0.1


class Pulse(NamedTuple):
    """A pulse with its edges: open-circuit voltage (V), flat top and edge (s)."""

    voltage_v: float
    high_s: float
    edge_s: float = 100e-9


class DeviceContract:
    """The contract; each test says in its name what a device must do."""

    set_pulse: Pulse
    """Brings a fresh cell, or one after `reset_pulse`, closer to LRS."""
    reset_pulse: Pulse
    """Brings a cell after `set_pulse` closer to HRS."""
    random: bool = False
    """Whether a pulse has a random part, so that single cells may go astray."""
    moves: bool = True
    """Whether there is a state to move."""
    noisy: bool = False
    """Whether a reading differs from the current of the state."""
    source_ohm: float = 0.0
    """Resistance that the pulses are meant to pass."""
    limit_a: float = np.inf
    """Compliance of `set_pulse`."""

    @pytest.fixture
    def device(self) -> Device:
        """Make the device under test; to be overridden."""
        raise NotImplementedError("override the fixture device with the device")

    def cycle(self, repeats: int = 1, *pulses: Pulse, columns: int = 1) -> Drive:
        """Build pulses, a read after each; SET and RESET unless told otherwise."""
        points: list[tuple[float, float, bool]] = []
        for pulse in pulses or (self.set_pulse, self.reset_pulse):
            points += [
                (pulse.edge_s, pulse.voltage_v, False),
                (pulse.high_s, pulse.voltage_v, True),
                (pulse.edge_s, 0.0, False),
                (100e-9, READ_V, False),
                (1e-6, READ_V, True),
                (100e-9, 0.0, False),
            ]
        duration_s, stop_v = np.array([point[:2] for point in points]).T
        start_v = np.concatenate(([0.0], stop_v[:-1]))
        duration_s, start_v, stop_v = (
            np.repeat(row[:, None], columns, axis=1) for row in (duration_s, start_v, stop_v)
        )
        measured = np.array([point[2] for point in points])
        units = np.array([[0, len(points), repeats]])
        return Drive(duration_s, start_v, stop_v, measured, units, self.source_ohm, self.limit_a)

    def fresh(self, device: Device, cells: int = 3) -> State:
        """Make fresh cells of a seed."""
        return device.initial_state(cells, np.random.default_rng(11))

    def played(self, device: Device, state: State, drive: Drive) -> Terminal:
        """Play all cells of a state."""
        return device.play(state, np.arange(len(state)), drive)

    def test_a_cell_is_the_same_however_many_there_are(self, device: Device) -> None:
        few, many = self.fresh(device, 3), self.fresh(device, 50)
        assert few.dtype == device.state_dtype
        assert same(few, many[:3])

    def test_current_vanishes_without_voltage_and_grows_with_it(self, device: Device) -> None:
        state = self.fresh(device, 1)
        levels_v = np.linspace(-0.5, 0.5, 41)
        current_a = np.array([device.current_a(state, v)[0] for v in levels_v])
        assert current_a[20] == 0.0
        assert (np.diff(current_a) > 0).all()

    def test_slopes_are_those_of_the_currents(self, device: Device) -> None:
        state = self.fresh(device)
        before = state.copy()
        for voltage_v in (-0.5, -READ_V, 0.02, READ_V, 0.5):
            current_a, slope_s = device.linearised(state, voltage_v)
            step_v = 1e-4 * abs(voltage_v)
            sides_a = [device.current_a(state, voltage_v + way) for way in (-step_v, step_v)]
            assert current_a == pytest.approx(device.current_a(state, voltage_v), rel=1e-10)
            assert slope_s == pytest.approx((sides_a[1] - sides_a[0]) / (2 * step_v), rel=1e-4)
            assert (slope_s > 0).all()
        assert same(state, before)

    def test_set_and_reset_move_the_conductance_apart(self, device: Device) -> None:
        if not self.moves:
            pytest.skip("there is one state")
        state = self.fresh(device, 200 if self.random else 3)
        reads = []
        for pulse in (self.set_pulse, self.reset_pulse):
            terminal = self.played(device, state, self.cycle(1, pulse))
            reads.append(terminal.current_a[1].mean())
        assert reads[0] > reads[1]
        assert np.sign(self.set_pulse.voltage_v) == device.sets_at

    def test_readings_are_the_currents_of_the_state(self, device: Device) -> None:
        if self.noisy:
            pytest.skip("a reading has noise")
        state = self.fresh(device)
        terminal = self.played(device, state, self.cycle())
        told_a = device.current_a(state, terminal.voltage_v[-1])
        assert terminal.current_a[-1] == pytest.approx(told_a, rel=1e-9)

    def test_kirchhoff_and_the_limit_hold(self, device: Device) -> None:
        state = self.fresh(device)
        drive = self.cycle(2)
        terminal = self.played(device, state, drive)
        source_v = np.broadcast_to(drive.stop_v[drive.looks], terminal.current_a.shape)
        told_v = terminal.voltage_v + terminal.current_a * drive.source_ohm
        free = ~terminal.limited
        assert told_v[free] == pytest.approx(source_v[free], rel=1e-9)
        assert (np.abs(terminal.current_a) <= drive.limit_a * (1 + 1e-12)).all()
        assert (np.abs(told_v) <= np.abs(source_v) * (1 + 1e-9)).all()
        assert (terminal.current_a * terminal.voltage_v >= 0).all()

    def test_a_compliance_is_held(self, device: Device) -> None:
        state = self.fresh(device)
        free_a = np.abs(device.current_a(state, READ_V)).min()
        at_read = Drive(
            np.full((1, 1), 1e-6), np.full((1, 1), READ_V), np.full((1, 1), READ_V),
            np.ones(1, bool), np.array([[0, 1, 1]]), 0.0, free_a / 3,
        )  # fmt: skip
        terminal = self.played(device, state, at_read)
        assert terminal.limited.all()
        assert np.abs(terminal.current_a) == pytest.approx(free_a / 3)
        assert (np.abs(terminal.voltage_v) <= READ_V).all()

    def test_at_zero_volts_nothing_moves(self, device: Device) -> None:
        state = self.fresh(device)
        before = device.current_a(state, READ_V)
        device.advance(state, 0.0, 0.0, 1e-6)
        assert device.current_a(state, READ_V) == pytest.approx(before, rel=1e-12)

    def test_cells_do_not_know_of_each_other(self, device: Device) -> None:
        together, apart = self.fresh(device, 2100), self.fresh(device, 2100)
        seen = self.played(device, together, self.cycle(2))
        for cell in (2099, 0, 1050):
            alone = device.play(apart, np.array([cell]), self.cycle(2))
            assert same(apart[cell], together[cell])
            assert (alone.current_a[:, 0] == seen.current_a[:, cell]).all()

    def test_repeats_are_the_same_as_once_after_the_other(self, device: Device) -> None:
        at_once, one_by_one = self.fresh(device), self.fresh(device)
        seen = self.played(device, at_once, self.cycle(3))
        start_s, parts = 0.0, []
        for _ in range(3):
            drive = self.cycle()
            begun = replace(drive, start_s=start_s)
            parts.append(self.played(device, one_by_one, begun).current_a)
            start_s += float(drive.duration_s.sum())
        assert np.concatenate(parts) == pytest.approx(seen.current_a, rel=1e-6)

    def test_a_column_for_each_cell_is_the_same_as_one_for_all(self, device: Device) -> None:
        shared, own = self.fresh(device), self.fresh(device)
        seen = self.played(device, shared, self.cycle(2))
        again = self.played(device, own, self.cycle(2, columns=3))
        assert same(shared, own)
        assert (seen.current_a == again.current_a).all()

    def test_advance_is_one_segment(self, device: Device) -> None:
        advanced, played = self.fresh(device), self.fresh(device)
        drive = self.cycle(1, self.set_pulse)
        self.played(device, played, drive)
        for begin, end, lasting in zip(drive.start_v, drive.stop_v, drive.duration_s, strict=True):
            device.advance(advanced, begin[0], end[0], lasting[0], self.source_ohm, self.limit_a)
        now_a = [device.current_a(state, READ_V) for state in (advanced, played)]
        assert now_a[0] == pytest.approx(now_a[1], rel=1e-6)

    def test_refuse_is_pure(self, device: Device) -> None:
        device.refuse(self.cycle())

    def test_a_kept_state_goes_on_as_if_it_had_not_been_kept(self, device: Device) -> None:
        state = self.fresh(device)
        self.played(device, state, self.cycle())
        kept = np.frombuffer(state.tobytes(), state.dtype).copy()
        went_on = self.played(device, state, self.cycle())
        again = self.played(device, kept, self.cycle())
        assert (went_on.current_a == again.current_a).all()

    def test_a_preset_conductance_is_read(self, device: Device) -> None:
        if not self.moves:
            pytest.skip("there is one state")
        state = self.fresh(device)
        hrs_a, lrs_a = (self._at(device, state, share) for share in (0.0, 1.0))
        wanted_s = (hrs_a + 0.3 * (lrs_a - hrs_a)) / READ_V
        device.preset(state, np.arange(len(state)), wanted_s, READ_V)
        assert device.current_a(state, READ_V) / READ_V == pytest.approx(wanted_s, rel=1e-9)
        device.preset(state, np.arange(len(state)), 1.0, READ_V)
        assert device.current_a(state, READ_V) == pytest.approx(np.maximum(hrs_a, lrs_a))

    def _at(self, device: Device, state: State, share: float) -> Floats:
        """Tell the current at a bound of the memory."""
        trial = state.copy()
        hrs, lrs = device.memory_range(trial)
        trial[device.memory_column] = hrs + share * (lrs - hrs)
        return device.current_a(trial, READ_V)


def same(one: State, other: State) -> bool:
    """Tell whether two states are equal in every column."""
    return one.tobytes() == other.tobytes()
