"""The lab behind the instruments: a physics bench's own cell, wires, logs, noise, time."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.cells import Cells
from hil.config import find_bench
from hil.errors import ConfigError, NotSupported
from hil.program import Program, pulse, read
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.logs import Log
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.models.drive import Terminal
from hil.simulators.physics_bench import PhysicsBench, Source
from hil.simulators.physics_file import PhysicsFile
from hil.virtual import LabPlan
from tests.simulators.instruments.echo import pulses

CYCLE = (pulse(1.5, high_s=500e-9) + read(0.1) + pulse(-1.5, high_s=500e-9) + read(0.1)) * 20


def plan(model: str = "resistor", **settings: object) -> LabPlan:
    return LabPlan(instruments={}, model=model, **{"wiring": {"P1": "top"}, **settings})  # type: ignore[arg-type]


def signal(program: Program, sign: float = 1.0) -> Signal:
    columns = (program.duration_s, sign * program.start_v, sign * program.stop_v)
    duration_s, start_v, stop_v = (np.ascontiguousarray(column[:, 0]) for column in columns)
    return Signal(duration_s, start_v, stop_v, program.look > 0, program.units)


def played(
    lab: Lab, what: Signal, port: str = "P1", output_ohm: float = 50.0, limit_a: float = np.inf
) -> Terminal:
    return lab.play(port, what, output_ohm=output_ohm, limit_a=limit_a, time_s=0.0)


@pytest.mark.parametrize("bench_name", ["tiox", "stanford-lab"])
@pytest.mark.parametrize("seed", [0, 7])
def test_equal_seeds_give_the_cell_of_a_physics_bench(bench_name: str, seed: int) -> None:
    noisy = {"device.parameters.delta_gap0_m_per_s": "1e-3"}
    overrides = {} if bench_name == "tiox" else noisy
    file = find_bench(bench_name, overrides).file
    assert isinstance(file, PhysicsFile)
    device = file.device
    lab = Lab(plan(device.model, parameters=device.parameters, series_ohm=100.0, seed=seed))
    bench = PhysicsBench(
        "b", lab.model, cells=Cells(), limits=file.limits, seed=seed,
        source=Source(output_ohm=50.0, series_ohm=100.0),
    )  # fmt: skip
    program = CYCLE.demanding(current_limit_a=50e-6)
    readings: list[float] = []
    with bench:
        for _ in range(3):
            expected = bench.apply(program)
            seen = played(lab, signal(program), limit_a=50e-6)
            np.testing.assert_array_equal(seen.current_a, expected.current_a)
            np.testing.assert_array_equal(seen.voltage_v, expected.voltage_v)
            np.testing.assert_array_equal(seen.limited, expected.limited)
            readings += seen.current_a[:, 0].tolist()
    assert len(set(readings)) > 30


def test_what_the_port_sees_is_ohms_law_with_all_resistances() -> None:
    lab = Lab(plan(parameters={"resistance_ohm": 10e3}, series_ohm=1e3))
    seen = played(lab, pulses(1.0))
    assert seen.current_a == pytest.approx(np.full((2, 1), 1 / 11050))
    assert seen.voltage_v == pytest.approx(np.full((2, 1), 10e3 / 11050))
    assert not seen.limited.any()


def test_the_source_holds_its_limit() -> None:
    seen = played(Lab(plan()), pulses(-1.0), limit_a=1e-5)
    assert seen.current_a[:, 0].tolist() == [-1e-5, -1e-5]
    assert seen.limited.all()


def test_at_the_bottom_the_same_signal_drives_the_cell_the_other_way() -> None:
    labs = [Lab(plan("stanford", wiring={"P1": end}, seed=3)) for end in ("top", "bottom")]
    top, bottom = (
        played(lab, signal(CYCLE, sign)) for lab, sign in zip(labs, (1, -1), strict=True)
    )
    np.testing.assert_array_equal(bottom.current_a, -top.current_a)
    np.testing.assert_array_equal(bottom.voltage_v, -top.voltage_v)


def test_a_port_without_a_wire_sees_an_open_circuit_and_moves_nothing() -> None:
    lab = Lab(plan("stanford"))
    before = lab.state.copy()
    seen = played(lab, pulses(2.0), port="P2")
    assert seen.voltage_v[:, 0].tolist() == [2.0, 2.0]
    assert seen.current_a[:, 0].tolist() == [0.0, 0.0]
    assert (lab.state == before).all()
    assert lab.events.since(0)[0][1].terminal is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"wiring": {"P1": "topp"}}, "did you mean 'top'"),
        ({"model": "stanfort"}, "stanford"),
        ({"parameters": {"resistance": 1.0}}, "did you mean 'resistance_ohm'"),
    ],
)
def test_what_does_not_exist_is_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Lab(plan(**wrong)).wiring.refuse_loose()  # type: ignore[arg-type]


def test_a_signal_the_model_has_no_answer_to_moves_nothing_and_is_logged() -> None:
    file = find_bench("tiox").file
    assert isinstance(file, PhysicsFile)
    lab = Lab(plan(file.device.model, parameters=file.device.parameters))
    before = lab.state.copy()
    unknown = signal(pulse(1.5, high_s=500e-9) + pulse(0.9, high_s=1e-6))
    with pytest.raises(NotSupported):
        played(lab, unknown)
    assert (lab.state == before).all()
    assert [event.signal for _, event in lab.events.since(0)] == [unknown]


def test_noise_depends_on_the_seed_the_port_and_how_much_was_drawn() -> None:
    def drawn(seed: int, port: str, *counts: int) -> list[float]:
        noise = Lab(plan(seed=seed)).noise(port)
        return [float(x) for count in counts for x in noise.normals(count)]

    whole = drawn(1, "P1", 1000)
    assert drawn(1, "P1", 1, 0, 999) == whole
    assert not set(drawn(2, "P1", 1000)) & set(whole)
    assert not set(drawn(1, "P2", 1000)) & set(whole)
    assert abs(np.mean(whole)) < 0.15
    assert np.std(whole) == pytest.approx(1, abs=0.1)


def test_a_port_has_one_noise_and_noise_does_not_move_the_cell() -> None:
    lab = Lab(plan(seed=1))
    first = lab.noise("P1").normals(5).tolist()
    assert lab.noise("P1").normals(5).tolist() != first


@given(
    st.lists(st.integers(0, 5), max_size=40),
    st.integers(1, 10),
    st.integers(5, 20),
    st.integers(-3, 50),
)
def test_a_log_keeps_the_newest_that_fit(
    weights: list[int], most: int, most_weight: int, number: int
) -> None:
    log: Log[str] = Log(most, most_weight)
    kept: deque[tuple[int, int]] = deque()
    for n, weight in enumerate(weights):
        log.append(f"entry {n}", weight)
        kept.append((n, weight))
        while len(kept) > most or sum(weight for _, weight in kept) > most_weight:
            kept.popleft()
    assert log.since(number) == [(n, f"entry {n}") for n, _ in kept if n >= number]


def test_virtual_time_stands_and_real_time_passes() -> None:
    virtual, real = Lab(plan()), Lab(plan(pace="real"))
    assert (virtual.now_s(), virtual.now_s()) == (0.0, 0.0)
    before_s = real.now_s()
    assert 0 <= before_s < real.now_s() < 5


def test_a_device_of_the_other_polarity_is_refused() -> None:
    with pytest.raises(ConfigError, match="jart-lab SETs at negative voltage; write sets_at = -1"):
        Lab(plan("jart-lab", sets_at=1))
    assert Lab(plan("jart-lab", sets_at=-1)).model.sets_at == -1
    assert Lab(plan("resistor", sets_at=-1)).model.sets_at == 1
