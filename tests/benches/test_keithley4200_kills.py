"""Runs through the virtual 4200A that are killed while a waveform is really being played."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from hil.errors import HilError, StoreError
from hil.samples import SampleLog
from hil.store import RunRecord
from hil.virtual import VirtualLab

POINTS = 80
TOTAL = 8 * POINTS
OFF_WITHIN_S = 1.0
PATIENCE_S = 30.0
DEVICE = "W3/D14"
RUN = (
    "run", "jump-table", "--bench=lab.toml", "--virtual", f"--device={DEVICE}", "--seed=5",
    f"--set=points={POINTS}", "--set=pulses_per_program=100", "--set=delay_s=2ms",
    "--set=bench.virtual.pace=real", "--set=bench.virtual.ideal=true",
    "--set=bench.limits.read.current_a=10uA",
)  # fmt: skip

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


class Watch:
    """Looks from outside at a run and at the lab whose instruments it measures with."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "runs"
        self.seen = 0

    @property
    def folder(self) -> Path:
        (folder,) = self.out.glob("*_jump-table_*")
        return folder

    def look(self) -> int:
        """Tell how many rows are acknowledged by now."""
        with suppress(StoreError, ValueError), RunRecord(self.folder) as record:
            assert record.records >= self.seen, "a row that was seen is lost"
            self.seen = record.records
        return self.seen

    def control(self) -> str:
        with RunRecord(self.folder) as record:
            return next(event.detail for event in reversed(record.events()) if event.what == "lab")

    def until(self, true: Callable[[], Any]) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < until_s, "waited in vain"
            threading.Event().wait(0.005)

    def until_rows(self, enough: int, process: subprocess.Popen[str]) -> None:
        """Look until so many rows are acknowledged, while the run goes on."""
        self.until(lambda: self.look() >= enough or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1]


def events_of(lab: VirtualLab) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = lab.ask("terminals 0")
    return events


def assert_off(watch: Watch, gone_wall_s: float) -> None:
    """See that the outputs went off within a second, and that nothing came after that."""
    lab = VirtualLab.connect(watch.control())
    with closing(lab):
        outputs: list[dict[str, Any]] = []

        def is_off() -> bool:
            outputs[:] = [event for event in events_of(lab) if event["kind"] == "output"]
            return not outputs[-1]["on"]

        watch.until(is_off)
        first_off = [event for event in outputs if event["wall_s"] >= gone_wall_s] or outputs[-1:]
        assert not first_off[0]["on"]
        assert first_off[0]["wall_s"] - gone_wall_s < OFF_WITHIN_S


def is_executing(lab: VirtualLab) -> bool:
    """Tell whether a long waveform is being played: EXECUTE is answered and nothing came since."""
    newest: list[Any] = []
    for _ in range(2):
        *_, before, last = lab.ask("bytes 0") if not newest else lab.ask(f"bytes {newest[0] - 1}")
        if before[5].strip("\0") != ":PMU:EXECUTE" or (newest and last[0] != newest[0]):
            return False
        newest = last
        threading.Event().wait(0.02)
    return True


def pulses_at(lab: VirtualLab) -> int:
    """Count the pulses that came out at the device, those of cut waveforms too."""
    count = 0
    for event in events_of(lab):
        if event["kind"] != "waveform":
            continue
        tops = np.abs(event["start_v"]) > 0.3
        same = np.array(event["start_v"]) == np.array(event["stop_v"])
        for first, last, repeats in event["units"]:
            count += repeats * int(np.count_nonzero((tops & same)[first:last]))
    return count


def booked(watch: Watch) -> int:
    with SampleLog(watch.out, "virtual", DEVICE, "another run") as log:
        return int(log.earlier(1)["pulses"][0])


def assert_complete(watch: Watch, hil: Callable[..., Any]) -> None:
    with RunRecord(watch.folder) as record:
        table = record.table()
        assert record.status == "finished"
    points = (table["kind"] == "point") & (table["in_window"] == 1)
    assert points.sum() == TOTAL
    assert hil("show", watch.folder).code == 0


def begin(tmp_path: Path, launch: Callable[..., Any], *command: str) -> subprocess.Popen[str]:
    bench = Path(__file__).parents[2] / "benches" / "keithley4200.toml"
    (tmp_path / "lab.toml").write_text(bench.read_text(encoding="utf-8"), encoding="utf-8")
    process: subprocess.Popen[str] = launch(*(command or RUN))
    return process


@posix
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(int(os.environ.get("HIL_KILL_SERIES", "1"))))
def test_kills_leave_outputs_off_and_no_row_lost_and_the_run_goes_on_in_the_same_lab(
    tmp_path: Path, launch: Callable[..., Any], hil: Callable[..., Any], seed: int
) -> None:
    rng = random.Random(seed)
    watch = Watch(tmp_path)
    process = begin(tmp_path, launch)
    controls = set()
    cut = 0
    for _ in range(4):
        watch.until_rows(watch.seen + rng.randrange(50, 200), process)
        with closing(VirtualLab.connect(watch.control())) as lab:
            watch.until(partial(is_executing, lab))
        threading.Event().wait(rng.uniform(0.0, 0.04))
        watch.look()
        gone_wall_s = time.time()
        process.kill()
        process.wait()
        assert_off(watch, gone_wall_s)
        watch.look()
        controls.add(watch.control())
        with closing(VirtualLab.connect(watch.control())) as lab:
            cut += any(event.get("aborted") for event in events_of(lab))
            assert booked(watch) >= pulses_at(lab), "stress that the cell has had is not booked"
        process = begin(tmp_path, launch, "resume", str(watch.folder))
    assert process.wait(120) == 0, process.communicate()[1]
    assert cut, "no kill came while a waveform was being played"
    assert len(controls) == 1, "the run went on in another lab"
    assert_complete(watch, hil)


@posix
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_at_once_and_safely(
    tmp_path: Path, launch: Callable[..., Any], hil: Callable[..., Any], number: int
) -> None:
    watch = Watch(tmp_path)
    process = begin(tmp_path, launch)
    watch.until(lambda: watch.look() >= 100)
    gone_wall_s = time.time()
    process.send_signal(number)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in complaint
    assert_off(watch, gone_wall_s)
    assert hil("resume", watch.folder).code == 0
    assert_complete(watch, hil)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_pulled_connection_ends_the_run_safely_and_it_goes_on(
    tmp_path: Path, launch: Callable[..., Any], hil: Callable[..., Any]
) -> None:
    watch = Watch(tmp_path)
    process = begin(tmp_path, launch)
    watch.until(lambda: watch.look() >= 100)
    with closing(VirtualLab.connect(watch.control())) as lab:
        (name,) = lab.addresses
        gone_wall_s = time.time()
        lab.ask(f"fault disconnect {name}")
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert complaint.startswith("hil: ")
    assert "Traceback" not in complaint
    assert_off(watch, gone_wall_s)
    assert hil("resume", watch.folder).code == 0
    assert_complete(watch, hil)


@posix
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_killed_lab_ends_the_run_and_it_goes_on_with_cells_that_begin_anew(
    tmp_path: Path, launch: Callable[..., Any], hil: Callable[..., Any]
) -> None:
    watch = Watch(tmp_path)
    process = begin(tmp_path, launch)
    watch.until(lambda: watch.look() >= 100)
    control = watch.control()
    _listening_at(int(control.partition("/")[0].rpartition(":")[2])).kill()
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complaint.startswith("hil: ")
    with pytest.raises(HilError):
        VirtualLab.connect(control)
    told = hil("resume", watch.folder)
    assert told.code == 1
    assert "--new-cells" in told.err
    assert hil("resume", watch.folder, "--new-cells").code == 0
    assert "goes on with new cells" in hil("show", watch.folder).out
    with RunRecord(watch.folder) as record:
        assert (np.diff(record.table()["time_after_s"]) > 0).all()
    assert_complete(watch, hil)


def _listening_at(port: int) -> psutil.Process:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return process
    raise AssertionError(f"nothing listens at {port}")
