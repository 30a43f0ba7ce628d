"""What an array of cells does, whatever the cells are; writing is in test_writing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hil.errors import ConfigError, NotSupported
from hil.simulators.crossbar.access import Transistor
from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.writing.circuit import Circuit, Point
from hil.simulators.crossbar.writing.moves import seen_drive
from hil.simulators.models.jump_table import JumpTable, Table
from hil.simulators.models.layers.forming import Forming
from hil.simulators.models.layers.layer import Layered
from hil.simulators.models.layers.noise import Noise
from hil.simulators.models.layers.relaxation import Relaxation
from hil.simulators.models.model import State
from hil.simulators.models.resistor import Resistor
from hil.simulators.models.stanford import Stanford
from tests.simulators.crossbar.writing.writing_reference import pulse, scheme

WIRED = Network.of(3, 4, row_wire_ohm=5.0, column_wire_ohm=5.0, driver_ohm=50.0, sense_ohm=80.0)
READ = pulse(np.array([0.1, 0.0, 0.0]), np.zeros(4), high_s=1e-6, edge_s=1e-7)
SET = pulse(
    np.array([1.3, 0.0, 0.0]), np.array([0.0, -1.3, 0.0, 0.0]), high_s=100e-9, edge_s=50e-9
)


def filaments(seed: int = 2) -> State:
    """Make 12 Stanford cells, cell 1 in HRS."""
    state = Stanford().initial_state(12, np.random.default_rng(seed))
    state["gap_m"] = np.random.default_rng(seed).uniform(0.6e-9, 1.6e-9, 12)
    state["gap_m"][1] = 1.5e-9
    return state


def pulsed(network: Network, volts: float) -> tuple[JumpTable, State, State, Array]:
    """Make cells that go up by 2 uS at 1.5 V, and play a pulse on the first row."""
    model = JumpTable(
        tables=(Table(voltage_v=1.5, mean=(2e-6,), sigma=(0.0,)),), low_s=1e-6, high_s=50e-6,
        pulse_high_s=500e-9, initial_conductance_s=10e-6, sigma_floor_s=0.0,
    )  # fmt: skip
    cells = network.rows * network.columns
    state = model.initial_state(cells, np.random.default_rng(0))
    before, array = state.copy(), Array(model, network)
    rows_v = np.zeros(network.rows)
    rows_v[0] = volts
    array.play(state, pulse(rows_v, np.zeros(network.columns), high_s=500e-9, edge_s=100e-9))
    return model, before, state, array


def test_ideal_lines_are_cells_by_themselves() -> None:
    model, together, apart = Stanford(), filaments(), filaments()
    seen = Array(model, Network.of(3, 4)).play(together, SET)
    alone_a = np.empty(12)
    for cell in range(12):
        row, column = divmod(cell, 4)
        start_v = (SET.row_start_v[:, row] - SET.column_start_v[:, column])[:, None]
        stop_v = (SET.row_stop_v[:, row] - SET.column_stop_v[:, column])[:, None]
        drive = replace(seen_drive(SET.duration_s, start_v, stop_v), measured=SET.measured)
        alone_a[cell] = model.play(apart, np.array([cell]), drive).current_a[0, 0]
    assert together.tobytes() == apart.tobytes()
    assert seen.row_a[0] == pytest.approx(alone_a.reshape(3, 4).sum(axis=1), rel=1e-14)
    assert seen.column_a[0] == pytest.approx(alone_a.reshape(3, 4).sum(axis=0), rel=1e-14)
    assert (seen.column_v == SET.column_stop_v[SET.measured]).all()


def test_a_long_drive_of_ideal_lines_is_played_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts, array = filaments(), filaments(), Array(Stanford(), Network.of(3, 4))
    at_once = array.play(whole, SET)
    monkeypatch.setattr("hil.simulators.crossbar.array._MOST_VALUES", 12)
    one_by_one = array.play(parts, SET)
    assert (at_once.row_a == one_by_one.row_a).all()
    assert whole.tobytes() == parts.tobytes()


def test_lines_of_no_resistance_are_nearly_ideal_ones() -> None:
    ideal, nearly = filaments(), filaments()
    seen = [
        Array(Stanford(), Network.of(3, 4, driver_ohm=ohm)).play(state, SET)
        for ohm, state in ((0.0, ideal), (1e-7, nearly))
    ]
    assert nearly["gap_m"] == pytest.approx(ideal["gap_m"], rel=1e-5)
    assert seen[0].column_a == pytest.approx(seen[1].column_a, rel=1e-4)


def test_a_read_is_the_operating_point_and_moves_nothing() -> None:
    array, state = Array(Stanford(), WIRED), filaments()
    before = state.copy()
    seen = array.play(state, READ)
    found = array.settle(state, READ.row_stop_v[1], READ.column_stop_v[1])
    assert state.tobytes() == before.tobytes()
    assert seen.row_a[0] == pytest.approx(found.row_a, rel=1e-9)
    assert seen.column_a[0] == pytest.approx(found.column_a, rel=1e-9)
    assert seen.row_a.sum() == pytest.approx(seen.column_a.sum(), rel=1e-12)
    assert not seen.limited.any()


def test_a_drive_cut_in_two_is_the_same_drive() -> None:
    whole, halves, array = filaments(), filaments(), Array(Stanford(), WIRED)
    array.play(whole, SET)
    middle = np.array([0.5])
    for part in (slice(0, 1), slice(1, 2), slice(1, 2), slice(2, 3)):
        share = middle if part == slice(1, 2) else np.ones(1)
        array.play(
            halves,
            replace(
                SET, duration_s=SET.duration_s[part] * share, measured=SET.measured[part],
                row_start_v=SET.row_start_v[part], row_stop_v=SET.row_stop_v[part],
                column_start_v=SET.column_start_v[part], column_stop_v=SET.column_stop_v[part],
            ),
        )  # fmt: skip
    assert whole["gap_m"][1] < 1.2e-9
    assert halves["gap_m"] == pytest.approx(whole["gap_m"], rel=1e-4)


def test_a_floating_line_carries_nothing_and_tells_its_own_voltage() -> None:
    array, state = Array(Stanford(), WIRED), filaments()
    floating = np.array([False, False, True, True])
    seen = array.play(state, replace(READ, floating_columns=floating))
    found = array.settle(state, READ.row_stop_v[1], 0.0, floating_columns=floating)
    assert (seen.column_a[0, 2:] == 0).all()
    assert (seen.column_a[0, :2] > 0).all()
    assert seen.column_v[0, 2:] == pytest.approx(found.column_node_v[-1, 2:])
    assert ((seen.column_v[0, 2:] > 0) & (seen.column_v[0, 2:] < 0.1)).all()


def test_a_limit_above_the_current_changes_nothing() -> None:
    free, limited, array = filaments(), filaments(), Array(Stanford(), WIRED)
    seen = array.play(free, SET)
    column_a = float(seen.column_a[0, 1])
    again = array.play(limited, replace(SET, limit_a=1.01 * column_a, limited_column=1))
    assert not again.limited.any()
    assert limited["gap_m"] == pytest.approx(free["gap_m"], rel=1e-5)
    held = array.play(filaments(), replace(SET, limit_a=0.99 * column_a, limited_column=1))
    assert held.limited.all()
    assert held.column_a[0, 1] == 0.99 * column_a
    assert held.column_v[0, 1] > SET.column_stop_v[1, 1]


def test_a_closed_gate_protects_its_row() -> None:
    gate_v = np.array([3.0, 0.0, 0.0])
    array, state = Array(Stanford(), WIRED, Transistor(off_s=1e-9)), filaments()
    rows_v, columns_v = scheme(2, 4, 0, 1, 2.6)
    seen = array.play(state, pulse(rows_v[:3] + 1.3, columns_v + 1.3, high_s=1e-7, edge_s=5e-8,
                                   gate_v=gate_v))  # fmt: skip
    assert np.abs(seen.row_a[0, 0]) > 1e-4
    assert (np.abs(seen.row_a[0, 1:]) < 1e-8).all()
    with pytest.raises(ConfigError, match="gate"):
        array.refuse(SET)


def test_a_pulse_that_is_known_where_it_arrives_is_a_step() -> None:
    _, before, state, array = pulsed(Network.of(2, 2, driver_ohm=100.0), 1.503)
    assert state["conductance_s"] - before["conductance_s"] == pytest.approx([2e-6, 2e-6, 0, 0])
    found = array.settle(before, np.array([1.503, 0.0]), 0.0)
    assert found.cell_v[0] == pytest.approx(1.5, rel=1e-3)


def test_a_pulse_of_which_the_wires_take_too_much_is_refused_and_nothing_moves() -> None:
    network = Network.of(2, 2, driver_ohm=2000.0)
    with pytest.raises(NotSupported, match=r"no jump table for \+1\.4.*the lines take a part"):
        pulsed(network, 1.5)
    model, _, state, _ = pulsed(Network.of(2, 2), 1.5)
    before = state.copy()
    drive = pulse(np.array([1.5, 0.0]), np.zeros(2), high_s=500e-9, edge_s=100e-9)
    with pytest.raises(NotSupported):
        Array(model, network).play(state, drive)
    assert state.tobytes() == before.tobytes()


def test_what_is_interrupted_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    state = filaments()
    before, solve = state.copy(), Circuit.solve

    def interrupted(circuit: Circuit, *given: Any, **named: Any) -> Point:
        if state.tobytes() != before.tobytes():
            raise KeyboardInterrupt
        return solve(circuit, *given, **named)

    monkeypatch.setattr(Circuit, "solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Array(Stanford(), WIRED).play(state, SET)
    assert state.tobytes() == before.tobytes()


def test_a_reading_shows_the_noise_of_the_cells() -> None:
    noisy = Layered(inner=Stanford(), layer=Noise(white=0.01))
    state = noisy.initial_state(12, np.random.default_rng(0))
    state["gap_m"] = filaments()["gap_m"]
    array, before = Array(noisy, WIRED), state["gap_m"].copy()
    read = np.array([array.play(state, READ).column_a[0] for _ in range(40)])
    quiet = Array(Stanford(), WIRED).play(filaments(), READ).column_a[0]
    assert (state["gap_m"] == before).all()
    assert (state["noise_draws"] == 40).all()
    assert read.mean(axis=0) == pytest.approx(quiet, rel=0.006)
    assert 0.005 < read.std(axis=0)[0] / quiet[0] < 0.015


def test_cells_relax_between_drives() -> None:
    model = Layered(inner=Stanford(), layer=Relaxation(drift=0.05, spread=0.0))
    state = model.initial_state(12, np.random.default_rng(0))
    state["gap_m"] = filaments()["gap_m"]
    array = Array(model, Network.of(3, 4, driver_ohm=10.0))
    array.play(state, SET)
    now, later = (
        array.play(state, replace(READ, start_s=at_s)).column_a[0, 1] for at_s in (1e-6, 10.0)
    )
    assert later / now == pytest.approx(1e4**-0.05, rel=0.03)


def test_cells_relax_while_they_wait_without_a_voltage() -> None:
    model = Layered(inner=Stanford(), layer=Relaxation(drift=0.05, spread=0.0))
    state = model.initial_state(12, np.random.default_rng(0))
    state["gap_m"] = filaments()["gap_m"]
    array = Array(model, Network.of(3, 4, driver_ohm=10.0))
    array.play(state, SET)
    wait = pulse(np.zeros(3), np.zeros(4), high_s=10.0)
    now = array.play(state, replace(READ, start_s=1e-6)).column_a[0, 1]
    array.play(state, replace(wait, start_s=1e-3))
    later = array.play(state, replace(READ, start_s=10.0)).column_a[0, 1]
    assert later / now == pytest.approx(1e4**-0.05, rel=0.03)


def test_a_pristine_cell_forms_in_the_array() -> None:
    model = Layered(inner=Stanford(), layer=Forming(form_v=2.0))
    state = model.initial_state(12, np.random.default_rng(0))
    array = Array(model, WIRED)
    drive = replace(SET, limit_a=1e-3, limited_column=1)
    assert array.play(state, drive).limited.all()
    assert (state["form_v"] == 0).tolist() == [cell == 1 for cell in range(12)]
    assert state["gap_m"][1] < 1.6e-9


def test_what_does_not_fit_is_refused() -> None:
    array, state = Array(Resistor(), WIRED), Resistor().initial_state(12, np.random.default_rng(0))
    wrong = (
        replace(READ, row_start_v=READ.row_start_v[:, :2]), replace(READ, limited_column=4),
        replace(READ, limit_a=0.0), replace(READ, duration_s=-READ.duration_s),
        replace(READ, column_stop_v=READ.column_stop_v * np.nan),
    )  # fmt: skip
    for drive in wrong:
        with pytest.raises(ConfigError, match="of the drive"):
            array.refuse(drive)
    with pytest.raises(ConfigError, match="row_v"):
        array.settle(state, np.zeros(2), 0.0)
    with pytest.raises(ConfigError, match="tolerance"):
        Array(Resistor(), WIRED, tolerance=0.0)
    both = Array(Resistor(), Network.of(3, 4, sense_ohm=10.0, far_sense_ohm=10.0))
    with pytest.raises(NotSupported, match="one end"):
        both.refuse(replace(READ, limit_a=1e-3))
