"""Random programs and calls in random order: no cell ever sees more than the limits allow.

``HIL_SEQUENCES=10000`` plays so many of them, shared out to the benches; else it is a few.
"""

import os
import random
from collections.abc import Callable

import numpy as np
import pytest

from hil.bench import Bench
from hil.errors import HilError
from hil.program import Program, hold, pulse, read, staircase, wait
from tests.drivers.composed.conftest import BENCHES, Site, named, opened
from tests.drivers.composed.test_bench import largest_v

SEQUENCES = int(os.environ.get("HIL_SEQUENCES", "150"))
LIMIT_V = 1.8
COMPLIANCE_A = 100e-6
OPEN_CIRCUIT = 51e-6
"""An 81160A that is set for its largest load, 1 Mohm, gives so much more into an open circuit."""


def a_level(rng: random.Random) -> float:
    """A voltage: within the limits, at them, a little or far beyond, or nonsense."""
    sign = rng.choice((1, -1))
    return sign * rng.choice(
        (rng.uniform(0, LIMIT_V), LIMIT_V, LIMIT_V * 1.001, rng.uniform(0, 25), 1e-4, 0.0)
    )


def a_time(rng: random.Random) -> float:
    """A time, over eight decades."""
    return float(10 ** rng.uniform(-9, -1.5))


def a_program(rng: random.Random) -> Program:
    """A program that may or may not be allowed."""
    make: list[Callable[[], Program]] = [
        lambda: pulse(a_level(rng), high_s=a_time(rng), edge_s=a_time(rng) / 10),
        lambda: pulse(a_level(rng), high_s=1e-6) * rng.randint(1, 1000),
        lambda: pulse(a_level(rng), high_s=20e-3),
        lambda: read(a_level(rng) / 9, settle_s=1e-3, aperture_s=1e-3, count=rng.randint(1, 3)),
        lambda: hold(a_level(rng), a_time(rng)),
        lambda: staircase(
            [a_level(rng) for _ in range(rng.randint(1, 9))], dwell_s=10e-3, aperture_s=5e-3
        ).demanding(regulated=True, current_limit_a=COMPLIANCE_A),
        lambda: wait(a_time(rng)),
    ]
    program = rng.choice(make)()
    return program * rng.randint(1, 2)


def play(bench: Bench, rng: random.Random) -> int:
    """Do something; 1 if a program was played."""
    act = rng.random()
    if act < 0.04:
        bench.make_safe()
    elif act < 0.06:
        bench.close()
        bench.open()
    else:
        readings = bench.apply(a_program(rng))
        assert not (np.abs(readings.voltage_v) > LIMIT_V * 1.001).any()
        return 1
    return 0


@pytest.mark.parametrize("what", BENCHES)
def test_no_cell_sees_more_than_its_limits(what: str) -> None:
    rng = random.Random(what)
    played = refused = 0
    with opened(named(what)) as site:
        entry = 0
        for _ in range(max(SEQUENCES // len(BENCHES), 1)):
            for _ in range(rng.randint(1, 4)):
                try:
                    played += play(site.bench, rng)
                except HilError:
                    refused += 1
            entry = within_limits(site, entry)
    assert min(played, refused) > SEQUENCES // len(BENCHES) // 4


def within_limits(site: Site, entry: int) -> int:
    """See that nothing at the cell was beyond the limits since an entry of the log."""
    events = site.since(entry)
    assert largest_v(events) <= LIMIT_V * (1 + OPEN_CIRCUIT)
    assert not [event for event in events if event["kind"] in ("hot switching", "conflict")]
    return int(events[-1]["n"]) + 1 if events else entry
