"""When a simulated device says itself what its pulses did."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hil.protocols.jump_table.models.truth import truths_of
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.reading.measured import Measured


def run_of(parameters: dict[str, Any], model: str = "neurosim-500", kind: str = "physics") -> Any:
    """Stand in for a run on a device with layers."""
    device = {"model": model, "parameters": parameters}
    key = "device" if kind == "physics" else "virtual"
    header: Any = SimpleNamespace(kind=kind, bench_file={key: device})
    points = tuple(
        Points(volts, np.array([1e-8]), np.array([1e-10]), 3e-9, 38e-9)
        for volts in (-2.81, 2.5, 3.2)
    )
    return Measured(points, None, 3e-9, 38e-9, "a run", "runs/a", header=header)


@pytest.mark.parametrize("kind", ["physics", "virtual"])
def test_a_device_with_noise_of_readings_is_still_what_its_model_says(kind: str) -> None:
    truths = truths_of(run_of({"noise": {"white": 0.02}}, kind=kind))
    assert sorted(truths) == [-2.81, 3.2], "amplitudes of the points, known to a percent"
    at_s = np.array([3e-9, 38e-9])
    # slope and intercept of the closed form, Yousuf 2023 and NeuroSim's Cell.cpp
    assert truths[3.2].moments(at_s)[0] == pytest.approx([0.16177e-9, 0.02182e-9], rel=2e-3)
    assert truths[-2.81].moments(at_s)[0] == pytest.approx([-0.00238e-9, -0.35011e-9], rel=2e-3)


@pytest.mark.parametrize(
    "parameters",
    [
        {"variability": {"nl_ltp": {"sigma": 0.3}}},
        {"relaxation": {}},
        {"stuck": {"lrs_share": 0.01}},
        {"noise": {"white": 0.02}, "variability": {"nl_ltp": {"sigma": 0.3}}},
    ],
)
def test_cells_that_differ_from_their_model_have_no_truth(parameters: dict[str, Any]) -> None:
    assert truths_of(run_of(parameters)) == {}


def test_neither_has_a_real_device_nor_a_model_without_jump_tables() -> None:
    assert truths_of(run_of({}, kind="hardware")) == {}
    assert truths_of(run_of({}, model="stanford-lab")) == {}
