"""Runs on benches of single boxes that are stopped: every output goes off within a second."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from hil.errors import StoreError
from hil.store import RunRecord
from hil.virtual import VirtualLab

OFF_WITHIN_S = 1.0
PATIENCE_S = 30.0
BENCHES = Path(__file__).parents[2] / "benches"
JUMPS = (
    "smu-pulser", "jump-table", "points=500", "bench.switch.switching_s=2ms",
    "bench.virtual.ideal=true",
)  # fmt: skip
SWEEPS = ("keithley2600b", "iv", "cycles=50", "bench.virtual.model=stanford-lab")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals"),
]


def until(process: subprocess.Popen[str], true: Callable[[], Any]) -> Any:
    """Wait for something while a run goes on."""
    until_s = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < until_s, "waited in vain"
        assert process.poll() is None, process.communicate()[1]
        threading.Event().wait(0.01)
    return found


def lab_of(out: Path) -> VirtualLab | None:
    """Connect to the lab of the only run, once it is known and something has been kept."""
    for folder in out.glob("*_*"):
        with suppress(StoreError), RunRecord(folder) as record:  # it may not have begun
            named = [event.detail for event in record.events() if event.what == "lab"]
            if named and record.records:
                return VirtualLab.connect(named[-1])
    return None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize(("bench", "protocol", "settings"), [
    pytest.param(JUMPS[0], JUMPS[1], JUMPS[2:], id="pulses"),
    pytest.param(SWEEPS[0], SWEEPS[1], SWEEPS[2:], id="sweeps"),
])  # fmt: skip
def test_a_run_that_is_stopped_leaves_everything_off(
    tmp_path: Path,
    launch: Callable[..., subprocess.Popen[str]],
    bench: str,
    protocol: str,
    settings: tuple[str, ...],
    number: int,
) -> None:
    (tmp_path / "lab.toml").write_bytes((BENCHES / f"{bench}.toml").read_bytes())
    process = launch(
        "run", protocol, "--bench=lab.toml", "--virtual", "--device=W1", "--seed=5",
        "--set=bench.virtual.pace=real", *(f"--set={setting}" for setting in settings),
    )  # fmt: skip
    lab = until(process, lambda: lab_of(tmp_path / "runs"))
    with closing(lab):
        threading.Event().wait(0.03)
        gone_wall_s = time.time()
        process.send_signal(number)
        process.wait(PATIENCE_S)
        threading.Event().wait(OFF_WITHIN_S)
        states: dict[str, tuple[bool, float]] = {}
        for event in lab.ask("terminals 0"):
            if event["kind"] in ("output", "contact"):
                on = event["on"] if event["kind"] == "output" else event["closed"]
                states[event["source"] + event.get("to", "")] = (on, event["wall_s"])
        lab.ask("stop")
    assert states
    for name, (on, wall_s) in states.items():
        assert not on, f"{name} is still on"
        assert wall_s - gone_wall_s < OFF_WITHIN_S, f"{name} went off too late"
