"""The runner: what is kept when a run stops, how a bench is left, who guards it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest

from hil import keeper, runner
from hil.bench import Bench
from hil.catalog import PROTOCOLS
from hil.cells import Cells, Sample
from hil.config import NamedBench, find_bench
from hil.errors import CellFault, LimitExceeded
from hil.limits import STRESS, Budget
from hil.program import Program, pulse, read
from hil.protocol import Batch, Columns, Protocol, RunView
from hil.readings import Readings
from hil.samples import SampleLog
from hil.store import RunRecord


class Reads(Protocol, frozen=True, kw_only=True):
    """Read every cell again and again; raise what it is told to, when it is told to."""

    count: int = 20
    fail_at: int = -1
    columns: ClassVar[Columns] = Columns(number="1", cell="1", current_a="A")
    errors: ClassVar[dict[str, BaseException]] = {}

    def total(self, bench: Bench) -> int:
        return self.count * len(bench.cells)

    def programs(self, bench: Bench) -> Iterator[tuple[Program, float]]:
        yield read(0.1), self.count

    def describe(self, bench: Bench) -> str:
        return f"{self.count} reads"

    def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
        for number in range(run.batch, self.count):
            if number == self.fail_at:
                raise self.errors["now"]
            readings = bench.apply(read(0.1))
            yield self.batch(
                number=number, cell=bench.cells.indices, current_a=readings.current_a[0]
            )


class Watched(Bench):
    """Passes everything on to a simulated bench, and notes what is done to it."""

    kind = "virtual"

    def __init__(self, inner: Bench) -> None:
        super().__init__(
            "watched", cells=inner.cells, capabilities=inner.capabilities, limits=inner.limits,
            clock=inner.clock, sample=inner.sample,
        )  # fmt: skip
        self.inner = inner
        self.calls: list[str] = []

    def _open(self) -> None:
        self.calls.append("open")

    def _prepare(self, program: Program, cells: np.ndarray, current_limit_a: float) -> Any:
        return self.inner._prepare(program, cells, current_limit_a)

    def _apply(self, program: Program, cells: np.ndarray, prepared: Any) -> Readings:
        return self.inner._apply(program, cells, prepared)

    def _make_safe(self) -> None:
        self.calls.append("safe")

    def _close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def named() -> NamedBench:
    return find_bench("tiox", {"cells": "2"})


def run(
    folder: Path, named: NamedBench, bench: Bench, protocol: Protocol | None = None
) -> runner.Outcome:
    return runner.start("reads", protocol or Reads(), named, bench, seed=1, folder=folder / "run")


def kept(folder: Path) -> tuple[int, str]:
    with RunRecord(folder / "run") as record:
        return record.records, record.status


def test_a_finished_run_has_every_record_and_leaves_the_bench_safe_then_closed(
    tmp_path: Path, named: NamedBench
) -> None:
    bench = Watched(named.build(1))
    assert run(tmp_path, named, bench).finished
    assert kept(tmp_path) == (40, "finished")
    assert bench.calls == ["open", "safe", "close"]


def test_what_cannot_be_measured_again_is_kept_before_more_is_measured(
    tmp_path: Path, named: NamedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk: list[int] = []

    class Looking(Reads, frozen=True, kw_only=True):
        def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
            for batch in super().measure(bench, run):
                yield batch
                with RunRecord(tmp_path / "run") as record:
                    on_disk.append(record.records)

    monkeypatch.setattr(keeper, "COMMIT_S", 1e9)
    assert run(tmp_path, named, Watched(named.build(1)), Looking(count=4)).finished
    assert on_disk == [2, 4, 6, 8]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs a time zone that can be set")
def test_a_run_keeps_its_times_in_utc(
    tmp_path: Path, named: NamedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "XYZ-9")
        time.tzset()
        run(tmp_path, named, named.build(1))
    time.tzset()
    with RunRecord(tmp_path / "run") as record:
        times = [record.header.created_utc, *(event.time_utc for event in record.events())]
    assert len(times) == 3
    assert {datetime.fromisoformat(one).utcoffset() for one in times} == {timedelta(0)}


@pytest.mark.parametrize(
    "error", [CellFault("cell 1 is open"), ZeroDivisionError("!"), SystemExit(3)], ids=str
)
def test_what_a_bench_that_cannot_be_brought_back_has_measured_is_kept_when_a_run_fails(
    tmp_path: Path, named: NamedBench, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setitem(Reads.errors, "now", error)
    bench = Watched(named.build(1))
    with pytest.raises(type(error)):
        run(tmp_path, named, bench, Reads(fail_at=7))
    assert kept(tmp_path) == (14, "failed")
    assert bench.calls == ["open", "safe", "close"]


def test_what_shows_a_dead_cell_is_kept_on_a_simulated_bench_too(
    tmp_path: Path, named: NamedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Reads.errors, "now", CellFault("cell 1 is open"))
    with pytest.raises(CellFault):
        run(tmp_path, named, named.build(1), Reads(fail_at=7))
    assert kept(tmp_path) == (14, "failed")


def test_ctrl_c_on_such_a_bench_stops_at_once_and_keeps_what_was_measured(
    tmp_path: Path, named: NamedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Reads.errors, "now", KeyboardInterrupt())
    bench = Watched(named.build(1))
    assert not run(tmp_path, named, bench, Reads(fail_at=7)).finished
    assert kept(tmp_path) == (14, "interrupted")
    assert bench.calls == ["open", "safe", "close"]


def test_a_signal_stops_a_simulated_run_after_the_batch_and_it_resumes_to_the_same_records(
    tmp_path: Path, named: NamedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes while the protocol is at work; nothing it has measured is lost."""

    class Signalling(Reads, frozen=True, kw_only=True):
        def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
            for batch in super().measure(bench, run):
                if batch.values["number"] == 5:
                    signal.raise_signal(signal.SIGTERM)
                yield batch

    before = signal.getsignal(signal.SIGTERM)
    outcome = run(tmp_path, named, named.build(1), Signalling())
    assert not outcome.finished
    assert kept(tmp_path) == (12, "interrupted")
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.setitem(PROTOCOLS.shipped, "reads", f"{__name__}:Reads")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[Reads.__module__])
    assert runner.resume(tmp_path / "run").finished
    assert kept(tmp_path) == (40, "finished")


def test_stress_of_a_real_sample_is_on_disk_before_a_program_is_sent(
    tmp_path: Path, named: NamedBench
) -> None:
    """What was asked of the sample is known even if the owner dies while it is asked."""
    known: list[tuple[int, int]] = []

    class Asking(Watched):
        def _apply(self, program: Program, cells: np.ndarray, prepared: Any) -> Readings:
            with SampleLog(tmp_path, "virtual", "W3/D14", "run") as log:
                known.append((log.own(2)["bias_s"].min(), self.ledger.own["bias_s"].min()))
            return super()._apply(program, cells, prepared)

    bench = Asking(named.build(1))
    bench.sample = Sample(device="W3/D14", formed=True)
    run(tmp_path, named, bench, Reads(count=3))
    assert len(known) == 3
    assert all(on_disk == booked > 0 for on_disk, booked in known)


def test_a_spent_budget_is_seen_before_a_run_is_made(tmp_path: Path, named: NamedBench) -> None:
    class Pulses(Reads, frozen=True, kw_only=True):
        def programs(self, bench: Bench) -> Iterator[tuple[Program, float]]:
            yield pulse(1.5, high_s=500e-9), 1

    bench = named.build(1)
    bench.sample = Sample(device="W3/D14", formed=True)
    bench.limits = msgspec.structs.replace(bench.limits, budget=Budget(pulses=10))
    spent = np.zeros(2, STRESS)
    spent["pulses"] = 10
    with SampleLog(tmp_path, "physics", "W3/D14", "earlier") as log:
        log.write(spent)
    with pytest.raises(LimitExceeded, match="budget"):
        run(tmp_path, named, bench, Pulses())
    assert not (tmp_path / "run").exists()


def test_nothing_is_made_for_a_protocol_beyond_the_limits(
    tmp_path: Path, named: NamedBench
) -> None:
    class TooMuch(Reads, frozen=True, kw_only=True):
        def programs(self, bench: Bench) -> Iterator[tuple[Program, float]]:
            yield pulse(5.0, high_s=1e-6), 1

    with pytest.raises(LimitExceeded):
        run(tmp_path, named, named.build(1), TooMuch())
    assert not (tmp_path / "run").exists()


def test_a_protocol_that_needs_a_formed_sample_refuses_another(named: NamedBench) -> None:
    class Needs(Reads, frozen=True, kw_only=True):
        needs_formed: ClassVar[bool] = True

    bench = named.build(1)
    bench.sample = Sample(formed=False)
    with pytest.raises(CellFault, match="not formed"):
        runner.plan(Needs(), bench)


def test_the_plan_is_the_worst_of_its_programs_and_the_time_of_all(named: NamedBench) -> None:
    from hil.protocols.jump_table.collect import JumpTableCollection

    bench = named.build(1)
    protocol = JumpTableCollection(points=10).complete(bench)
    cost = runner.plan(protocol, bench).cost
    assert (cost.positive_v, cost.negative_v) == (1.8, -1.8)
    assert cost.duration_s == pytest.approx(80 * (0.7e-6 + 100e-6 + 20.2e-6))
    assert cost.current_a == 500e-6


def test_progress_tells_only_what_is_on_disk(tmp_path: Path, named: NamedBench) -> None:
    told: list[tuple[int, int]] = []

    def report(progress: keeper.Progress) -> None:
        with RunRecord(tmp_path / "run") as record:
            told.append((progress.done, record.records))

    runner.start(
        "reads",
        Reads(count=300),
        named,
        named.build(1),
        seed=1,
        folder=tmp_path / "run",
        report=report,
    )
    assert told[-1] == (600, 600)
    assert all(done <= on_disk for done, on_disk in told)


OWNER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_runner import Reads, Watched
from hil import runner
from hil.config import find_bench
from hil.guard import SafeMessages

class Guarded(Watched):
    def safe_messages(self):
        return (SafeMessages("TCPIP::127.0.0.1::{port}::SOCKET", {{}}, (b":OUTP OFF\\n",)),)

named = find_bench("tiox")
def report(progress):
    print(progress.done, flush=True)
protocol = Reads(count=10_000_000)
bench, folder = Guarded(named.build(1)), Path({folder!r})
runner.start("reads", protocol, named, bench, seed=1, folder=folder, report=report)
"""


def test_a_bench_with_instruments_is_made_safe_when_its_owner_is_killed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        heard: list[bytes] = []

        def listen() -> None:
            connection, _ = server.accept()
            with connection:
                heard.append(connection.recv(100))

        thread = threading.Thread(target=listen)
        thread.start()
        code = OWNER.format(
            tests=str(Path(__file__).parent),
            port=server.getsockname()[1],
            folder=str(tmp_path / "run"),
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline(), "the run began"
            assert not heard
            os.kill(owner.pid, signal.SIGKILL)
            thread.join(timeout=5)
    assert heard == [b":OUTP OFF\n"]


def test_cells_have_the_names_people_use() -> None:
    assert Cells(columns=4).name(3) == "cell 3"
    assert Cells(rows=32, columns=32).name(36) == "R2C5"


def test_a_run_knows_what_it_was(tmp_path: Path, named: NamedBench) -> None:
    run(tmp_path, named, named.build(1))
    with RunRecord(tmp_path / "run") as record:
        header = record.header
    assert header.bench_file == msgspec.to_builtins(named.file)
    assert header.kind == "physics"
    assert header.versions["numpy"] == np.__version__
    assert header.cells == ["cell 0", "cell 1"]
