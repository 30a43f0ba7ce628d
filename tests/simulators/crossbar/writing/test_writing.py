"""Writing an array against integrators and a circuit simulator that take the whole system."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil.errors import NotSupported
from hil.simulators.crossbar.access import Transistor
from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.cells import Cells
from hil.simulators.crossbar.line_drive import LineDrive
from hil.simulators.crossbar.network import Network
from hil.simulators.crossbar.newton import NonlinearSolver, Operating
from hil.simulators.crossbar.writing import steps
from hil.simulators.crossbar.writing.circuit import Circuit
from hil.simulators.crossbar.writing.moves import Ruler, seen_drive
from hil.simulators.crossbar.writing.steps import Steps
from hil.simulators.models import get_model
from hil.simulators.models.jart import Jart
from hil.simulators.models.model import Device, State
from hil.simulators.models.stanford import Stanford
from tests.simulators.crossbar.writing.logistic_cells import LogisticCells, rate
from tests.simulators.crossbar.writing.writing_reference import integrate, netlist, pulse, scheme
from tests.simulators.models.spice import needs_ngspice

SIZE = 8
WIRED = Network.of(SIZE, SIZE, row_wire_ohm=2.5, column_wire_ohm=2.5, driver_ohm=100.0,
                   sense_ohm=100.0)  # fmt: skip
SMALL = Network.of(2, 2, row_wire_ohm=20.0, column_wire_ohm=20.0, driver_ohm=200.0,
                   sense_ohm=300.0)  # fmt: skip


def logistic(seed: int = 0) -> State:
    """Make 8 x 8 cells anywhere between HRS and LRS, the selected one near HRS."""
    state = LogisticCells().initial_state(SIZE * SIZE, np.random.default_rng(seed))
    state["x"] = np.random.default_rng(seed).uniform(0.0, 1.0, SIZE * SIZE)
    state["x"][0] = 0.1
    return state


def fresh(model: Device, column: str, values: list[float]) -> State:
    """Make cells with given memories."""
    state = model.initial_state(len(values), np.random.default_rng(1))
    state[column] = values
    return state


@pytest.mark.parametrize(("share", "after"), [(2, 0.166), (3, 0.199)])
def test_a_write_is_that_of_an_integrator(share: int, after: float) -> None:
    """0.168 (V/2) and 0.199 (V/3) were found for other states of the same cells elsewhere."""
    array, state = Array(LogisticCells(), WIRED), logistic()
    drive = pulse(*scheme(share, SIZE, 0, 0, 2.0), high_s=400e-9)
    known = integrate(array, state, drive, "x", rate)
    array.play(state, drive)
    assert state["x"] == pytest.approx(known, abs=1e-6)
    assert state["x"][0] == pytest.approx(after, abs=1e-3)


def test_edges_are_followed() -> None:
    array, state = Array(LogisticCells(), WIRED), logistic()
    drive = pulse(*scheme(2, SIZE, 0, 0, 2.0), high_s=100e-9, edge_s=50e-9)
    known = integrate(array, state, drive, "x", rate)
    array.play(state, drive)
    assert state["x"] == pytest.approx(known, abs=5e-6)


def test_what_many_segments_add_up_to_is_seen() -> None:
    """Each moves its cell by less than its lines notice; all of them by a thousandth."""
    array, count = Array(LogisticCells(), Network.of(2, 2, driver_ohm=2e3)), 4000
    state = fresh(LogisticCells(), "x", [0.3, 0.4, 0.5, 0.6])
    row_v, column_v = np.tile([0.5, 0.0], (count, 1)), np.zeros((count, 2))
    last, driven = np.arange(count) == count - 1, np.zeros(2, np.bool_)
    held = LineDrive(
        np.full(count, 0.8e-9), row_v, row_v, column_v, column_v, last, driven, driven
    )
    (told_a,) = array.play(state, held).column_a
    assert state["x"][:2] == pytest.approx([0.3004243, 0.4004848], abs=1e-6)
    at_end = array.settle(state, row_v[-1], 0.0)
    assert told_a == pytest.approx(at_end.column_a, rel=2e-5)


def test_a_cell_that_cannot_be_followed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "_LEAST_STEP", 0.5)
    state = logistic()
    before = state.copy()
    drive = pulse(*scheme(2, SIZE, 0, 1, 2.0), high_s=400e-9)
    with pytest.raises(NotSupported, match="cell R1C2 changes so fast"):
        Array(LogisticCells(), WIRED, tolerance=1e-8).play(state, drive)
    assert (state == before).all()


def test_other_columns_are_measured_roughly() -> None:
    """A temperature that is off by 2 % is as far as a memory that is off by the tolerance."""
    model = get_model("stanford-asu")
    before = model.initial_state(3, np.random.default_rng(1))
    after = before.copy()
    after["temperature_k"][1] *= 1.05
    after["gap_m"][2] *= 1 + 3e-4
    moves = Ruler(model, before, 1e-4).moves(before, after)
    assert moves == pytest.approx([0.0, 0.05 / 1.05 / 0.02, 3.0 / (1 + 3e-4)])


def test_who_ignores_the_wires_gets_it_wrong() -> None:
    wired, apart = logistic(), logistic()
    before = wired["x"].copy()
    drive = pulse(*scheme(2, SIZE, 0, 0, 2.0), high_s=400e-9)
    Array(LogisticCells(), WIRED).play(wired, drive)
    Array(LogisticCells(), Network.of(SIZE, SIZE)).play(apart, drive)
    assert wired["x"][0] < 0.17
    assert apart["x"][0] > 0.999
    disturb, without = (np.abs(state["x"] - before)[1:].max() for state in (wired, apart))
    assert disturb == pytest.approx(0.0008, abs=5e-5)
    assert without == pytest.approx(0.0031, abs=1e-4)


@needs_ngspice
@pytest.mark.parametrize("share", [2, 3])
def test_a_write_is_that_of_ngspice(share: int, tmp_path: Path) -> None:
    array, state = Array(LogisticCells(), WIRED), logistic(1)
    drive = pulse(*scheme(share, SIZE, 0, 0, 2.0), high_s=400e-9)
    circuit, out = tmp_path / "array.cir", tmp_path / "out.txt"
    circuit.write_text(netlist(array, state["x"], drive, out))
    subprocess.run(["ngspice", "-b", circuit], capture_output=True, check=True, timeout=50)
    told = np.loadtxt(out)[-1]
    assert told[0] == pytest.approx(400e-9, rel=1e-9)
    array.play(state, drive)
    assert state["x"] == pytest.approx(told[1::2], abs=1e-5)


def test_a_smaller_tolerance_is_more_accurate() -> None:
    drive = pulse(*scheme(2, SIZE, 0, 0, 2.0), high_s=400e-9)
    found = []
    for tolerance in (1e-2, 1e-3, 1e-6):
        state = logistic()
        Array(LogisticCells(), WIRED, tolerance=tolerance).play(state, drive)
        found.append(state["x"])
    rough, fine = (np.abs(x - found[2]).max() for x in found[:2])
    assert fine < 1e-5
    assert fine < rough < 1e-3


@pytest.mark.parametrize("volts", [2.6, -3.4])
def test_a_filament_that_runs_away(volts: float) -> None:
    """Stanford: a SET, and a RESET of a cell next to it."""
    model, low = Stanford(), volts < 0
    network = Network.of(2, 2, driver_ohm=20.0, sense_ohm=30.0, row_wire_ohm=5.0,
                         column_wire_ohm=5.0) if low else SMALL  # fmt: skip
    state = fresh(model, "gap_m", [0.41e-9, 1.5e-9, 1.34e-9, 1.06e-9])
    array, drive = Array(model, network), pulse(
        *scheme(2, 2, 0, 0 if low else 1, volts), high_s=50e-9, edge_s=50e-9
    )  # fmt: skip
    before = state["gap_m"].copy()
    known = integrate(array, state, drive, "gap_m", model.rate, 1e-9, rtol=1e-7 if low else 1e-9)
    array.play(state, drive)
    assert np.abs(state["gap_m"] - before).max() > 0.2e-9
    assert state["gap_m"] == pytest.approx(known, rel=1e-4)


def test_two_cells_of_a_row_that_run_away_together() -> None:
    model = Stanford()
    state = fresh(model, "gap_m", [1.3e-9, 1.31e-9, 1.34e-9, 1.06e-9])
    array = Array(model, SMALL)
    drive = pulse(np.array([1.3, 0.0]), np.array([-1.3, -1.3]), high_s=50e-9, edge_s=50e-9)
    known = integrate(array, state, drive, "gap_m", model.rate, 1e-9)
    array.play(state, drive)
    assert (state["gap_m"][:2] < 1.2e-9).all()
    assert state["gap_m"] == pytest.approx(known, rel=1e-4)


def test_an_abrupt_set_of_vacancies() -> None:
    """JART in ln N: three decades within nanoseconds, the neighbours with it."""
    model, column = Jart(), "n_disc_1e26_per_m3"
    state = fresh(model, column, [0.1, 0.01, 0.9, 0.1])
    array = Array(model, SMALL)
    drive = pulse(*scheme(2, 2, 0, 1, -1.2), high_s=200e-9, edge_s=100e-9)
    known = integrate(array, state, drive, column, model.rate, rtol=1e-8)
    array.play(state, drive)
    assert state[column][1] > 10.0
    assert state[column] == pytest.approx(known, rel=1e-3)


@pytest.mark.parametrize("gate_v", [1.3, 3.0])
def test_a_transistor_takes_its_part(gate_v: float) -> None:
    """In saturation, where it is a current source, and with its gate wide open."""
    model = Stanford()
    state = fresh(model, "gap_m", [0.41e-9, 1.3e-9, 1.34e-9, 1.06e-9])
    array = Array(model, SMALL, Transistor(k_a_per_v2=2e-3, off_s=1e-9))
    drive = pulse(
        np.array([2.8, 0.0]), np.array([2.8, 0.0]), high_s=50e-9, edge_s=50e-9,
        gate_v=np.array([gate_v, 0.0]),
    )  # fmt: skip
    before = state["gap_m"].copy()
    known = integrate(array, state, drive, "gap_m", model.rate, 1e-9)
    array.play(state, drive)
    assert state["gap_m"][1] < 1.29e-9
    assert state["gap_m"] == pytest.approx(known, rel=1e-4)
    assert (state["gap_m"][[0, 2, 3]] == before[[0, 2, 3]]).all()


@pytest.mark.parametrize("limit_a", [1e-3, 3e-4, np.inf])
@pytest.mark.parametrize("matched", [True, False])
def test_a_lone_cell_is_a_cell_behind_a_resistor(
    limit_a: float, matched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the load behind which it is played is wrong: that costs steps and no more."""
    tries = []
    one_try = Steps._try

    def counted(self: Steps, *step: Any) -> Any:
        tries.append(step)
        return one_try(self, *step)

    monkeypatch.setattr(Steps, "_try", counted)
    if not matched:
        monkeypatch.setattr(Circuit, "seen_ohm", lambda *_, **__: 0.0)
    model, network = Stanford(), Network.of(1, 1, driver_ohm=200.0, sense_ohm=300.0)
    state, alone = (fresh(model, "gap_m", [1.6e-9]) for _ in range(2))
    drive = pulse(np.array([2.6]), np.zeros(1), high_s=50e-9, edge_s=50e-9, limit_a=limit_a)
    Array(model, network).play(state, drive)
    behind = seen_drive(
        drive.duration_s, drive.row_start_v, drive.row_stop_v, source_ohm=500.0, limit_a=limit_a
    )
    model.play(alone, np.arange(1), behind)
    assert alone["gap_m"] < 1.5e-9
    assert state["gap_m"] == pytest.approx(alone["gap_m"], rel=5e-5)
    assert (len(tries) < 8) == matched


@pytest.mark.parametrize(
    ("model", "column", "unit", "memories", "volts", "limit_a"),
    [
        (Stanford(), "gap_m", 1e-9, [0.41e-9, 1.5e-9, 1.34e-9, 1.06e-9], 2.6, 1.2e-3),
        (Stanford(), "gap_m", 1e-9, [1.4e-9, 1.5e-9, 1.6e-9, 1.5e-9], 2.6, 0.3e-3),
        (Jart(), "n_disc_1e26_per_m3", 1.0, [0.1, 0.01, 0.9, 0.1], -1.2, 0.2e-3),
    ],
)
def test_a_set_into_a_limit_is_that_of_an_integrator(
    model: Stanford | Jart, column: str, unit: float, memories: list[float], volts: float,
    limit_a: float,
) -> None:  # fmt: skip
    """With neighbours that carry most of the limit, and with some that carry hardly any."""
    state, array = fresh(model, column, memories), Array(model, SMALL)
    drive = pulse(
        *scheme(2, 2, 0, 1, volts), high_s=50e-9, edge_s=50e-9, limit_a=limit_a, limited_column=1
    )
    known = integrate(array, state, drive, column, model.rate, unit, rtol=1e-8)
    assert array.play(state, drive).limited.all()
    assert np.abs(known[1] / memories[1] - 1) > 0.04
    assert state[column] == pytest.approx(known, rel=3e-4)


@pytest.mark.parametrize("limit_a", [1.2e-3, 0.95e-3])
def test_a_limit_ends_a_set_where_the_current_is_that(limit_a: float) -> None:
    """The column carries the limit, and the cell stops where the network says it must.

    A SET behind a current source goes on until its voltage is at the threshold of its gap.
    """
    model = Stanford()
    state = fresh(model, "gap_m", [0.41e-9, 1.5e-9, 1.34e-9, 1.06e-9])
    array = Array(model, SMALL)
    rows_v, columns_v = scheme(2, 2, 0, 1, 2.6)
    drive = pulse(rows_v, columns_v, high_s=2e-6, edge_s=50e-9, limit_a=limit_a, limited_column=1)
    seen = array.play(state, drive)
    assert seen.limited.tolist() == [True]
    assert seen.column_a[0, 1] == limit_a
    assert columns_v[1] < seen.column_v[0, 1] < rows_v[0]
    found = array.settle(
        state, rows_v, columns_v, floating_columns=np.array([False, True]),
        column_a=np.array([0.0, -limit_a]),
    )  # fmt: skip
    assert seen.row_a[0] == pytest.approx(found.row_a, rel=1e-6)
    threshold_v = model.threshold_v(state["gap_m"][1], 1)
    assert found.cell_v[0, 1] == pytest.approx(threshold_v, rel=1e-3)


def test_what_is_not_found_from_near_by_is_found_from_nowhere() -> None:
    """Lines that closed gates cut off may stray so far that no way leads back from there."""

    class Cold(NonlinearSolver):
        def solve(self, *given: Any, start_v: Any = None, **named: Any) -> Operating:
            if start_v is not None:
                raise NotSupported("there is no way from here")
            return super().solve(*given, **named)

    model, none = Stanford(), np.zeros(2, np.bool_)
    cells = Cells(model, fresh(model, "gap_m", [0.6e-9, 1.0e-9, 0.8e-9, 0.5e-9]), 2, 2)
    row_v, column_v = np.array([1.2, 0.6]), np.array([0.0, 0.6])
    solvers = [
        lambda rows, columns, kind=kind: kind(SMALL.floating(rows, columns))
        for kind in (NonlinearSolver, Cold)
    ]
    for limit_a in (np.inf, 1e-5):
        known, cold = (
            Circuit(SMALL, make, cells, lambda law: law, none, none, limit_a) for make in solvers
        )
        near = known.solve(row_v, column_v)
        assert near.held == (limit_a < 1.0)
        found = cold.solve(row_v, column_v, near)
        assert found.operating.column_a == pytest.approx(near.operating.column_a, rel=1e-9)
