"""Each kernel runs as plain Python too, with numba switched off, and gives the same."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from hil.simulators.models.drive import Floats

ROOT = Path(__file__).resolve().parents[3]


class Case(NamedTuple):
    """A script that prints numbers: how many, how many of them differ, how near they must be."""

    printed: int
    different: int
    rtol: float
    script: str


CASES = {
    "stanford": Case(24, 21, 1e-10, """
import numpy as np
from hil.simulators.models.stanford import Stanford
for ohm, limit in ((0.0, np.inf), (50.0, np.inf), (50.0, 5e-4)):
    for noise in (0.0, 1e-3):
        model = Stanford(delta_gap0_m_per_s=noise)
        state = model.initial_state(2, np.random.default_rng(3))
        for stop in (1.5, -1.3):
            model.advance(state, 0.0, stop, 1e-7, ohm, limit)
            model.advance(state, stop, stop, [3e-7, 5e-8], ohm, limit)
            model.advance(state, stop, 0.0, 1e-7, ohm, limit)
            print(*state["gap_m"].tolist())
"""),
    "asu": Case(24, 19, 1e-08, """
import numpy as np
from hil.simulators.models.asu import StanfordAsu
for ohm, limit in ((0.0, np.inf), (50.0, np.inf), (50.0, 1e-4)):
    model = StanfordAsu()
    state = model.initial_state(2, np.random.default_rng(3))
    for stop in (2.25, -1.4):
        model.advance(state, 0.0, stop, 1e-7, ohm, limit)
        model.advance(state, stop, stop, [3e-7, 2e-8], ohm, limit)
        model.advance(state, stop, 0.0, 1e-7, ohm, limit)
        print(*state["gap_m"].tolist(), *state["temperature_k"].tolist())
"""),
    "jart": Case(48, 47, 1e-07, """
import numpy as np
from hil.simulators.models.jart import Jart
for ohm, limit in ((0.0, np.inf), (500.0, np.inf), (50.0, 2e-4)):
    for most in (0.0, 0.1):
        model = Jart(walk_r=most, walk_n_min=most, rtn=most > 0, tolerance=1e-5)
        state = model.initial_state(2, np.random.default_rng(3))
        for stop in (-0.95, 1.4):
            model.advance(state, 0.0, stop, 1e-7, ohm, limit)
            model.advance(state, stop, stop, [3e-7, 5e-8], ohm, limit)
            model.advance(state, stop, 0.0, 1e-7, ohm, limit)
            print(*state["n_disc_1e26_per_m3"].tolist(), *model.current_a(state, 0.1))
"""),
    "jart-fit": Case(48, 48, 1e-09, """
import numpy as np
from hil.simulators.models.jart_fit import JartFit
walks = dict(walk_n_min=0.9, walk_n_max=0.1, walk_r=0.1, walk_l=0.1, jitter_r=0.01)
for ohm, limit in ((0.0, np.inf), (500.0, 2e-4)):
    for noise in ({}, walks, {**walks, "noise_step_s": 5e-8}):
        model = JartFit(**noise)
        state = model.initial_state(2, np.random.default_rng(3))
        state["n_disc_1e26_per_m3"] = [0.1, 1.0]
        for stop in (-0.5, 0.9):
            model.advance(state, 0.0, stop, 1e-7, ohm, limit)
            model.advance(state, stop, stop, [3e-7, 5e-8], ohm, limit)
            model.advance(state, stop, 0.0, 1e-7, ohm, limit)
            print(*state["n_disc_1e26_per_m3"].tolist(), *model.rate(state, stop).tolist())
"""),
    "data-driven": Case(5, 5, 1e-12, """
import numpy as np
from hil.simulators.models.data_driven import DataDriven
model = DataDriven()
state = model.initial_state(1, np.random.default_rng(0))
for a, b, t, ohm, limit in (
    (0, -4, 1e-2, 1e5, np.inf), (-2, 2, 1e-3, 1e3, np.inf), (2, 2, 1e-4, 0, 5e-3),
    (-3, -3, 1e-4, 0, np.inf), (2, -4, 1e-3, 500, 1e-3),
):
    model.advance(state, a, b, t, ohm, limit)
    print(repr(float(state["resistance_ohm"][0])))
"""),
    "neurosim": Case(3, 3, 1e-12, """
import numpy as np
from hil.simulators.models.neurosim import NeuroSim
model = NeuroSim()
state = model.initial_state(3, np.random.default_rng(1))
for v in (3.2, -2.8):
    for a, b, t in ((0, v, 1e-6), (v, v, 3e-4), (v, 0, 1e-6)):
        model.advance(state, a, b, t)
model.write(state, np.arange(3), 5)
print(*state["conductance_s"].tolist())
"""),
    "jump-table": Case(60, 60, 1e-12, """
import numpy as np
from hil.simulators.models.jump_table import JumpTable, Table
axis_s = (1e-6, 2e-6, 4e-6)
lists = dict(voltage_v=1.0, conductance_s=axis_s, mean_s=(1e-7, 0.0, -1e-7), sigma_s=(1e-7,) * 3)
for table in (
    Table(
        voltage_v=1.0, conductance_s=axis_s, step_s=(-1e-6, 0.0, 1e-6),
        cdf=((0.1, 0.2, 0.9), (0.0, 0.2, 1.0), (0.4, 0.6, 0.6)),
    ),
    Table(**lists),
    Table(**lists, shape=((-2.0, 0.0, 2.0), (-1.0, 0.1, 2.0), (-3.0, 0.0, 0.0))),
):
    model = JumpTable(tables=(table,), low_s=1e-7, high_s=9e-6, pulse_high_s=5e-7)
    state = model.initial_state(20, np.random.default_rng(1))
    for a, b, t in ((0, 1, 1e-7), (1, 1, 5e-7), (1, 0, 1e-7)) * 3:
        model.advance(state, a, b, t)
    print(*state["conductance_s"].tolist())
"""),
}  # fmt: skip


def numbers(script: str, **environment: str) -> Floats:
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return np.array(run.stdout.split(), float)


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_runs_as_plain_python(name: str) -> None:
    case = CASES[name]
    plain, compiled = numbers(case.script, NUMBA_DISABLE_JIT="1"), numbers(case.script)
    assert (len(plain), len(set(compiled))) == (case.printed, case.different)
    np.testing.assert_allclose(plain, compiled, rtol=case.rtol)
