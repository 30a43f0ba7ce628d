"""One program on physics, on a combined unit, on single boxes and on a board: one history."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce

import numpy as np
import pytest

from hil.bench import Bench
from hil.config import find_bench
from hil.program import Program, pulse, read, wait
from hil.virtual import VirtualLab

DEVICE = "data-driven-lab"
LIMITS = {
    "sets_at": "-1",
    "limits.read.current_a": "10uA", "limits.switching.current_a": "1mA",
    "limits.switching.positive_v": "2V", "limits.switching.negative_v": "-3V",
}  # fmt: skip
LEVELS_V = (1.9, -2.0, -2.5, -3.0, -2.8, 1.5, 1.7, -2.2, 1.8)
HIGH_S, EDGE_S = 400e-6, 100e-9

RELAYS = {
    "switch.type": "relaybox", "switch.smu": "2", "switch.generator": "1", "switch.ground": "3",
}  # fmt: skip
BENCHES = {
    "4200A": ("keithley4200", 2e-3, {}),
    "2450, 81160A, 707B": ("smu-pulser", 2e-3, {}),
    "2636B, 33500B, relay box": (
        "smu-pulser", 2e-3,
        {"smu.type": "keithley2600b", "generator.type": "keysight33500b", **RELAYS},
    ),
    # its own rise, of some 30 us, is part of the flat top, and one limit is for pulses and reads
    "2636B alone": (
        "keithley2600b", 2e-2, {"wiring.series_ohm": "50ohm", "limits.read.current_a": "1mA"},
    ),
    "ArC ONE": (
        "arcone", 2e-3,
        {
            "array.rows": "1", "array.columns": "1", "array.series_ohm": "50ohm",
            "limits.read.current_a": "100mA", "limits.switching.current_a": "100mA",
        },
    ),
}  # fmt: skip
"""Shipped bench file, how well its conductances agree with physics, and what differs."""


def history() -> Program:
    """Pulses that move the cell step by step, a read after each."""
    look = wait(1e-3) + read(0.1, settle_s=1e-3, aperture_s=1e-3)
    points = [pulse(level_v, high_s=HIGH_S, edge_s=EDGE_S) + look for level_v in LEVELS_V]
    return reduce(Program.__add__, points)


@contextmanager
def virtual(name: str, overrides: dict[str, str]) -> Iterator[Bench]:
    """A shipped bench with the device under its probes."""
    device = {"virtual.model": DEVICE, "virtual.ideal": "true"}
    named = find_bench(name, {**device, **LIMITS, **overrides})
    with VirtualLab.start(named.file.counterpart(1)) as lab, named.build(1, lab) as bench:
        yield bench


@pytest.fixture(scope="module")
def conductance_s() -> np.ndarray:
    """What physics says, behind the 50 ohm that the sources have."""
    limits = {key: value for key, value in LIMITS.items() if key != "sets_at"}
    limits["limits.read.current_a"] = "1mA"  # held in the pulses too; a generator holds none
    own = {"device.model": DEVICE, "source.output_ohm": "50ohm"}
    with find_bench("jart-lab", {**own, **limits}).build(1) as bench:
        found = bench.apply(history()).conductance_s[:, 0]
    assert found.max() / found.min() > 1.5
    assert len({round(float(g), 9) for g in found}) == len(LEVELS_V)
    return found


@pytest.mark.parametrize("name", BENCHES)
def test_the_cell_has_the_same_history(name: str, conductance_s: np.ndarray) -> None:
    file, tolerance, overrides = BENCHES[name]
    with virtual(file, overrides) as bench:
        readings = bench.apply(history())
    assert readings.conductance_s[:, 0] == pytest.approx(conductance_s, rel=tolerance)


def test_what_differs_is_said_before() -> None:
    with virtual("smu-pulser", {}) as bench:
        notes = " ".join(bench.check(history()).notes)
    assert "between pulse and read the switch takes" in notes
    assert "a read stands about" in notes
