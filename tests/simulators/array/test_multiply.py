"""Vectors on all rows of an array at once."""

from typing import Any

import msgspec
import numpy as np
import pytest

from hil.errors import ConfigError, LimitExceeded, NotSupported
from hil.program import pulse, read
from hil.simulators.array.board import Adc, Board, Dac, Tia
from hil.simulators.crossbar import Crossbar
from hil.simulators.models import get_model
from tests.simulators.array.arrays import LIMITS, WIRES, array_bench

ROWS, COLUMNS = 4, 3
RNG = np.random.default_rng(7)
CONDUCTANCE_S = RNG.uniform(6e-6, 24e-6, (ROWS, COLUMNS))
VOLTAGE_V = RNG.uniform(-0.2, 0.2, (5, ROWS))


def preset_bench(**settings: Any) -> Any:
    """Make a bench of cells that are resistors at read voltages, at known conductances."""
    bench = array_bench(ROWS, COLUMNS, model=get_model("tiox"), wires=WIRES, **settings)
    bench.preset(CONDUCTANCE_S.ravel())
    return bench


def test_currents_are_those_of_the_network() -> None:
    with preset_bench() as bench:
        products = bench.multiply(VOLTAGE_V, dwell_s=1e-6)
    wanted_a = Crossbar(CONDUCTANCE_S, **WIRES).currents_a(VOLTAGE_V)
    assert products.current_a == pytest.approx(wanted_a, rel=1e-9, abs=1e-17)
    assert not products.over.any()
    ideal_a = VOLTAGE_V @ CONDUCTANCE_S
    assert np.abs(products.current_a / ideal_a - 1).max() > 1e-3, "wires and drivers show"


def test_time_passes_and_every_cell_is_booked() -> None:
    with preset_bench() as bench:
        bench.clock.sleep(1.0)
        products = bench.multiply(VOLTAGE_V, dwell_s=8e-6, edge_s=1e-6)
        assert products.time_s == pytest.approx(1.0 + np.arange(5) * 10e-6 + 9e-6)
        assert bench.clock.now_s() == pytest.approx(1.0 + 50e-6)
        booked = bench.ledger.own.reshape(ROWS, COLUMNS)
        assert booked["bias_vs"][:, 0] == pytest.approx(np.abs(VOLTAGE_V).sum(axis=0) * 9e-6)
        assert (booked["pulses"] == 0).all()


def test_no_less_energy_is_booked_than_cells_could_have_had() -> None:
    """The source of a column regulates the current of a program, and not that of vectors."""
    read_only = msgspec.structs.replace(LIMITS.read, current_a=1e-6)
    limits = msgspec.structs.replace(LIMITS, read=read_only)
    cells = get_model("resistor", resistance_ohm=100.0)
    with array_bench(2, 2, model=cells, wires=WIRES, limits=limits) as bench:
        products = bench.multiply([0.2, 0.2], dwell_s=1e-3)
        dissipated_j = (float(products.current_a.min()) / 2) ** 2 * 100.0 * 1e-3
        assert (bench.ledger.own["energy_j"] > dissipated_j).all()
        assert (bench.ledger.own["energy_j"] < 10 * dissipated_j).all()
        assert bench.check(read(0.1)).current_a == 1e-6
    with array_bench(2, 2, limits=limits) as ideal:
        ideal.multiply([0.2, 0.0], dwell_s=1e-3)
        assert ideal.ledger.own["energy_j"].tolist() == [np.inf, np.inf, 0.0, 0.0]


def test_very_many_vectors_are_as_few() -> None:
    many_v = np.tile(VOLTAGE_V, (150, 1))
    many_v[400] = 0.0
    with preset_bench() as bench:
        few = bench.multiply(VOLTAGE_V, dwell_s=1e-6)
        many = bench.multiply(many_v, dwell_s=1e-6)
    assert many.current_a.shape == (750, COLUMNS)
    assert many.current_a[:400] == pytest.approx(np.tile(few.current_a, (80, 1)), rel=1e-9)
    assert (many.current_a[400] == 0).all()
    assert many.current_a[405:] == pytest.approx(np.tile(few.current_a, (69, 1)), rel=1e-9)


def test_ageing_cells_know_what_time_it_is_in_later_vectors() -> None:
    model = get_model("stanford-lab", relaxation={"spread": 0.5, "onset_s": 1e-5})
    rest_v, now_v = np.zeros((400, 1)), np.full((1, 1), 0.1)
    with array_bench(1, 1, model=model) as whole, array_bench(1, 1, model=model) as parted:
        for bench in (whole, parted):
            bench.preset(1e-5)
            bench.apply(pulse(0.5, high_s=1e-6))
        in_one_go = whole.multiply(np.concatenate((now_v, rest_v, now_v)), dwell_s=1e-4)
        parted.multiply(np.concatenate((now_v, rest_v)), dwell_s=1e-4)
        last = parted.multiply(now_v, dwell_s=1e-4)
    assert in_one_go.current_a[-1] == pytest.approx(last.current_a[0], rel=1e-9)
    assert in_one_go.current_a[-1] != pytest.approx(in_one_go.current_a[0], rel=1e-2)


def test_cells_see_the_vectors() -> None:
    model = get_model("jart-lab")
    with array_bench(2, 2, model=model, wires=WIRES) as bench:
        before = bench.state.copy()
        limits = LIMITS.read.__class__(positive_v=1.0, negative_v=-1.0, current_a=1e-3)
        bench.limits = LIMITS.__class__(read=limits, switching=LIMITS.switching)
        bench.multiply(np.array([-0.9, 0.0]), dwell_s=1e-5)
        moved = (bench.state[model.memory_column] != before[model.memory_column]).reshape(2, 2)
    assert moved[0].all()


def test_what_is_no_vector_or_beyond_the_limits_is_refused() -> None:
    with preset_bench(board=Board(dac=Dac(bits=8, range_v=0.15))) as bench:
        before = bench.ledger.own.copy()
        with pytest.raises(ConfigError, match="4 voltages"):
            bench.multiply(np.zeros(3), dwell_s=1e-6)
        with pytest.raises(LimitExceeded, match="positive_v"):
            bench.multiply(np.full(4, 0.3), dwell_s=1e-6)
        with pytest.raises(NotSupported, match="DACs"):
            bench.multiply(np.full(4, 0.19), dwell_s=1e-6)
        assert (bench.ledger.own["bias_s"] == before["bias_s"]).all()


@pytest.mark.parametrize(
    "board",
    [
        Board(dac=Dac(bits=6, range_v=0.5)),
        Board(dac=Dac(offset_v=1e-3)),
        Board(tia=Tia(gain_error=0.01)),
        Board(tia=Tia(offset_a=1e-7)),
        Board(adc=Adc(bits=8, range_a=2e-5)),
        Board(adc=Adc(noise_a=1e-8)),
    ],
    ids=["bits", "offset", "gain", "offset_a", "adc bits", "noise"],
)
def test_the_board_shows_in_products(board: Board) -> None:
    wanted_a = Crossbar(CONDUCTANCE_S, **WIRES).currents_a(VOLTAGE_V)
    with preset_bench(board=board) as bench:
        off_a = np.abs(bench.multiply(VOLTAGE_V, dwell_s=1e-6).current_a - wanted_a)
    assert 1e-9 < off_a.max() < 1e-6


def test_a_saturated_amplifier_is_told() -> None:
    wanted_a = Crossbar(CONDUCTANCE_S, **WIRES).currents_a(VOLTAGE_V)
    end_a = float(np.median(np.abs(wanted_a)))
    with preset_bench(board=Board(tia=Tia(saturation_a=end_a))) as bench:
        products = bench.multiply(VOLTAGE_V, dwell_s=1e-6)
    assert (products.over == (np.abs(wanted_a) > end_a)).all()
    assert products.current_a == pytest.approx(np.clip(wanted_a, -end_a, end_a), rel=1e-9)
