"""Benches and records for the tests of sweeps and forming."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hil.bench import Bench
from hil.config import find_bench
from hil.protocol import Protocol, RunView, Table
from hil.simulators.physics_bench import PhysicsBench
from tests.protocols.basics.records import flat, joined

FRESH = """\
kind = "physics"
title = "fresh cells: a gap of 2.4 nm, which closes at 3.4 V"
cells = {cells}
visiting = "{visiting}"
[device]
model = "stanford"
[device.parameters]
i0_a = "50uA"
v0_v = "0.5V"
gap_max_m = 2.4e-9
[limits.read]
positive_v = "0.2V"
negative_v = "-0.2V"
current_a = "500uA"
[limits.switching]
positive_v = "2V"
negative_v = "-2V"
current_a = "500uA"
[limits.forming]
positive_v = "4V"
negative_v = "0V"
current_a = "50uA"
[source]
series_ohm = "1kohm"
[sample]
formed = {formed}
"""


@pytest.fixture
def fresh_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a bench file of fresh cells."""

    def write(cells: int = 1, formed: str = "false", visiting: str = "parallel") -> Path:
        path = tmp_path / "fresh.toml"
        path.write_text(FRESH.format(cells=cells, formed=formed, visiting=visiting))
        return path

    return write


@pytest.fixture
def fresh(fresh_file: Callable[..., Path]) -> Callable[..., PhysicsBench]:
    """Make a bench of fresh cells."""

    def make(overrides: dict[str, str] | None = None, **file: object) -> PhysicsBench:
        bench = find_bench(str(fresh_file(**file)), overrides).build(1)
        assert isinstance(bench, PhysicsBench)
        return bench

    return make


@pytest.fixture
def measured() -> Callable[..., Table]:
    """Run a protocol without a runner, from a batch on if asked; records as flat columns."""

    def measure(protocol: Protocol, bench: Bench, run: RunView | None = None) -> Table:
        with bench:
            return joined([flat(batch) for batch in protocol.measure(bench, run or RunView(1))])

    return measure
