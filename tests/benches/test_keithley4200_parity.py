"""One protocol on simulated cells and through the real driver to the virtual 4200A: the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

from hil import runner
from hil.bench import Bench
from hil.catalog import PROTOCOLS
from hil.config import NamedBench, find_bench
from hil.program import Program, pulse, read, wait
from hil.protocol import Table
from hil.store import RunRecord
from hil.virtual import VirtualLab

RANGES_A = (1e-5, 1e-4, 1e-3, 1e-2)
COUNTS = 32768

LIMITS = """
[limits.read]
positive_v = "0.2V"
negative_v = "-0.2V"
current_a = {read_a}
[limits.switching]
positive_v = "2.5V"
negative_v = "-2.5V"
current_a = {current_a}
[sample]
formed = true
"""
VIRTUAL = """
kind = "keithley4200"
[instrument]
address = "TCPIP::192.0.2.1::1225::SOCKET"
[wiring]
top = "PMU1-1"
sweeps = "SMU1"
bottom = "ground"
[virtual]
model = "{model}"
ideal = true
"""
PHYSICS = """
kind = "physics"
[device]
model = "{model}"
[source]
output_ohm = "50ohm"
[readout]
"""


class Pair:
    """The same device behind a simulated bench and behind the virtual instrument."""

    def __init__(self, folder: Path, model: str, parameters: str, range_a: float) -> None:
        self.folder = folder
        own = LIMITS.format(read_a=range_a, current_a=range_a)
        free = LIMITS.format(read_a=10.0, current_a=10.0)  # the PMU does not hold a current
        virtual = VIRTUAL.format(model=model)
        (folder / "virtual.toml").write_text(
            f"{virtual}[virtual.parameters]\n{parameters}\n{own}", encoding="utf-8"
        )
        meters = f"range_a = {range_a}\nvoltage_range_v = 10.0\nsamples = 4\ndigits = 6\n"
        physics = PHYSICS.format(model=model).replace(
            "[source]", f"[device.parameters]\n{parameters}\n[source]"
        )
        (folder / "physics.toml").write_text(f"{physics}{meters}{free}", encoding="utf-8")
        perfect = physics.replace("[readout]\n", "")
        (folder / "perfect.toml").write_text(f"{perfect}{free}", encoding="utf-8")

    def named(self, which: str) -> NamedBench:
        return find_bench(str(self.folder / f"{which}.toml"))

    @contextmanager
    def bench(self, which: str, seed: int) -> Iterator[Bench]:
        named = self.named(which)
        if which != "virtual":
            with named.build(seed) as bench:
                yield bench
            return
        with (
            VirtualLab.start(named.file.counterpart(seed)) as lab,
            named.build(seed, lab) as bench,
        ):
            yield bench

    def run(self, which: str, seed: int, **parameters: Any) -> Table:
        named = self.named(which)
        protocol = PROTOCOLS.load("jump-table")(**parameters)
        folder = self.folder / f"{which}-{seed}"
        if which != "virtual":
            bench = named.build(seed)
            runner.start("jump-table", protocol, named, bench, seed=seed, folder=folder)
        else:
            with VirtualLab.start(named.file.counterpart(seed)) as lab:
                bench = named.build(seed, lab)
                runner.start(
                    "jump-table", protocol, named, bench, seed=seed, folder=folder, lab=lab
                )
        with RunRecord(folder) as record:
            return record.table()


def _fixed_program() -> Program:
    """Build pulses of both signs, SET and RESET, each with reads after it."""
    look = wait(10e-6) + read(0.1) + read(-0.1, count=2)
    whole = look
    for voltage_v in (1.2, 1.5, -1.2, 1.8, -1.6, -2.0, 0.7, 1.6):
        whole = whole + pulse(voltage_v, high_s=500e-9) + look
    return whole


@pytest.mark.parametrize("range_a", RANGES_A)
def test_a_fixed_program_on_stanford_agrees_within_half_a_count(
    tmp_path: Path, range_a: float
) -> None:
    pair = Pair(tmp_path, "stanford", "i0_a = 1e-5", range_a)
    program = _fixed_program()
    with (
        pair.bench("virtual", 1) as virtual,
        pair.bench("physics", 1) as physics,
        pair.bench("perfect", 1) as perfect,
    ):
        told = virtual.apply(program)
        quantised = physics.apply(program)
        true = perfect.apply(program)
    assert (true.current_a.max() / true.current_a[0, 0]) > 2, "the program switches the cell"
    over = np.abs(true.current_a) > range_a
    half_a = range_a / COUNTS / 2
    told_digits_a = 5e-6 * np.abs(true.current_a)
    assert (np.abs(told.current_a - true.current_a) <= half_a + told_digits_a)[~over].all()
    assert (told.limited[over]).all()
    assert (np.abs(told.voltage_v - true.voltage_v) <= 10.0 / COUNTS / 2 + 5e-7).all()
    # with the same meters not only near but the same
    assert (told.current_a == quantised.current_a).all()
    assert (told.voltage_v == quantised.voltage_v).all()
    assert (told.source_v == quantised.source_v).all()
    assert np.diff(told.time_s, axis=0) == pytest.approx(np.diff(true.time_s, axis=0), rel=1e-9)


@pytest.mark.parametrize("together", [1, 7])
def test_jump_tables_with_equal_seed_and_meters_are_equal_row_for_row(
    tmp_path: Path, together: int
) -> None:
    pair = Pair(tmp_path, "tiox", "", 1e-5)
    settings = {"points": 40, "pulses_per_program": together}
    virtual, physics = pair.run("virtual", 7, **settings), pair.run("physics", 7, **settings)
    assert len(virtual["cell"]) == len(physics["cell"]) > 320
    for name in physics:
        one, other = virtual[name], physics[name]
        if name.startswith("time"):
            one_s, other_s = one - one[0], other - other[0]
            assert one_s == pytest.approx(other_s, rel=1e-12, abs=1e-9, nan_ok=True)
        elif one.dtype.kind == "f":
            assert np.array_equal(one, other, equal_nan=True), name
        else:
            assert (one == other).all(), name


def test_jump_tables_with_different_seeds_have_the_same_distributions(tmp_path: Path) -> None:
    pair = Pair(tmp_path, "tiox", "", 1e-5)
    settings = {"points": 250}
    virtual, physics = pair.run("virtual", 11, **settings), pair.run("physics", 12, **settings)
    chances = []
    for voltage_v in np.unique(physics["pulse_voltage_v"][physics["kind"] == "point"]):
        steps = []
        for table in (virtual, physics):
            mine = (table["kind"] == "point") & (table["pulse_voltage_v"] == voltage_v)
            steps.append((table["conductance_after_s"] - table["conductance_before_s"])[mine])
        chances.append(ks_2samp(*steps).pvalue)
    assert len(chances) == 8
    assert min(chances) > 0.01 / len(chances)  # Bonferroni


def _pulses_to_target(bench: Bench, target_s: float, tolerance_s: float) -> int:
    """Bring the cell to a conductance: a pulse up or down, as strong as the error is large."""
    for pulses in range(200):
        at_s = float(bench.apply(read(0.1)).conductance_s[0, 0])
        error_s = target_s - at_s
        if abs(error_s) <= tolerance_s:
            return pulses
        strong = abs(error_s) > 4e-6
        voltage_v = (1.65 if strong else 1.35) * np.sign(error_s)
        bench.apply(pulse(voltage_v, high_s=500e-9))
    raise AssertionError("the cell did not come to its target")


def test_a_closed_loop_ends_within_its_tolerance_with_the_same_number_of_pulses(
    tmp_path: Path,
) -> None:
    pair = Pair(tmp_path, "tiox", "", 1e-5)
    targets_s = np.linspace(9e-6, 25e-6, 9)
    counts: dict[str, list[int]] = {}
    for which in ("virtual", "physics"):
        with pair.bench(which, 5) as bench:
            counts[which] = [_pulses_to_target(bench, target, 1e-6) for target in targets_s]
            at_s = float(bench.apply(read(0.1)).conductance_s[0, 0])
            assert abs(at_s - targets_s[-1]) <= 1e-6
    assert counts["virtual"] == counts["physics"]
    assert sum(counts["virtual"]) > 9
