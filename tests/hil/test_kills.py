"""Runs that are killed, stopped and taken up again: no row is lost, all is as if never stopped."""

import io
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from hil import keeper, runner
from hil.catalog import PROTOCOLS
from hil.config import NamedBench, find_bench
from hil.errors import StoreError
from hil.simulators.physics_bench import PhysicsBench
from hil.store import FILE, RunRecord, RunStore

SEED = 20261122
BENCH = "tiox"
PATIENCE_S = 30.0
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

ONE_CELL = {"points": "1000"}
CELLS = {"points": "200", "pulses_per_program": "3", "cells_at_once": "2", "bench.cells": "5"}


class Kept(NamedTuple):
    """Everything a run must come to: its rows, bit for bit, and the bench's last state."""

    rows: list[str]
    snapshot: dict[str, bytes]


def kept(folder: Path) -> Kept:
    with closing(sqlite3.connect(folder / FILE)) as db:
        rows = [repr(row) for row in db.execute("SELECT * FROM records ORDER BY seq")]
        state = dict(db.execute("SELECT name, value FROM state"))
    if "snapshot" not in state:
        return Kept(rows, {})
    with np.load(io.BytesIO(state["snapshot"])) as arrays:
        assert "ledger" in arrays
        return Kept(rows, {name: arrays[name].tobytes() for name in arrays})


def measure(folder: Path, settings: dict[str, str], **options: Any) -> runner.Outcome:
    own = {key: int(text) for key, text in settings.items() if not key.startswith("bench.")}
    ofbench = {key[6:]: text for key, text in settings.items() if key.startswith("bench.")}
    named = find_bench(BENCH, ofbench)
    protocol = PROTOCOLS.load("jump-table")(**own)
    bench = named.build(SEED)
    return runner.start("jump-table", protocol, named, bench, seed=SEED, folder=folder, **options)


def arguments(settings: dict[str, str]) -> list[str]:
    pairs = [f"--set={key}={text}" for key, text in settings.items()]
    return ["run", "jump-table", "--bench", BENCH, "--seed", str(SEED), *pairs]


class Stop(Exception):
    """Stops a run in this process, after a commit."""


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize(
    "settings",
    [{"points": "5"}, {"points": "5", "bench.cells": "4"}, {**CELLS, "points": "4"}],
    ids=["one cell", "cells together", "cells two at once, three pulses"],
)
def test_a_run_taken_up_after_any_commit_is_the_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], every: int
) -> None:
    monkeypatch.setattr(keeper, "COMMIT_S", 0.0)
    commits = 0

    def stop(_: keeper.Progress) -> None:
        nonlocal commits
        commits += 1
        if commits % every == 0:
            raise Stop

    assert measure(tmp_path / "whole", settings).finished
    with suppress(Stop):
        measure(tmp_path / "stopped", settings, report=stop)
    finished = False
    while not finished:
        with suppress(Stop):
            finished = runner.resume(tmp_path / "stopped", report=stop).finished
    assert commits > 10
    assert kept(tmp_path / "stopped") == kept(tmp_path / "whole")


class Watch:
    """Looks at a run as a reader does while another process measures."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.seen = 0

    @property
    def folder(self) -> Path | None:
        return next(iter(self.out.glob("*_jump-table_*")), None)

    def look(self) -> None:
        """Take in what is acknowledged by now."""
        if self.folder is None:
            return
        with suppress(StoreError), RunRecord(self.folder) as record:
            records = record.records
            assert records >= self.seen, "the number of rows only grows"
            self.seen = records

    def until(self, true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Look until something is so or the process has ended."""
        until_s = time.monotonic() + PATIENCE_S
        while process.poll() is None and not true():
            assert time.monotonic() < until_s, "waited in vain"
            self.look()
            threading.Event().wait(0.003)


@posix
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("settings", "seed"),
    [*((ONE_CELL, seed) for seed in range(4)), *((CELLS, seed) for seed in range(4, 7))],
    ids=[*(f"one cell, {seed}" for seed in range(4)), *(f"cells, {seed}" for seed in range(4, 7))],
)
def test_six_kills_lose_no_row_that_was_seen_and_resume_ends_as_if_never_killed(
    tmp_path: Path,
    launch: Callable[..., subprocess.Popen[str]],
    hil: Callable[..., Any],
    settings: dict[str, str],
    seed: int,
) -> None:
    """At start-up, as the folder is made, three times while it measures, at the end: 42 in all."""
    assert measure(tmp_path / "whole", settings).finished
    whole = kept(tmp_path / "whole")
    total = len(whole.rows)
    rng = random.Random(seed)
    watch = Watch(tmp_path / "runs")
    left: list[int] = []

    def kill(true: Callable[[], bool], longer_s: float) -> None:
        go_on = ["resume", str(watch.folder)] if watch.folder else arguments(settings)
        process = launch(*go_on)
        watch.until(true, process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(longer_s)
        watch.look()
        process.kill()
        process.wait()
        left.append(rows_left())

    def rows_left() -> int:
        assert hil("runs").code == 0
        if watch.folder is None:
            return 0
        told = hil("show", watch.folder)
        if told.code:  # it was killed before it began
            assert watch.seen == 0
            for command in ("show", "resume"):
                is_one_sentence(hil(command, watch.folder).err, "before it began")
            shutil.rmtree(watch.folder)
            return 0
        rows = kept(watch.folder).rows
        assert len(rows) >= watch.seen, "no row that was seen is lost"
        assert rows == whole.rows[: len(rows)]
        return len(rows)

    kill(lambda: True, rng.uniform(0.0, 1.2))
    kill(lambda: watch.folder is not None, rng.uniform(0.0, 0.03))
    for _ in range(3):
        enough = watch.seen + rng.uniform(0.0, 0.5) * (total - watch.seen)
        kill(lambda enough=enough: watch.seen > enough, rng.uniform(0.0, 0.1))  # type: ignore[misc]
    kill(lambda: watch.seen == total, rng.uniform(0.0, 0.6))
    assert left == sorted(left)
    assert any(0 < rows < total for rows in left)
    assert hil("resume", watch.folder).code == 0
    assert kept(tmp_path / "runs" / watch.folder.name if watch.folder else tmp_path) == whole


def is_one_sentence(text: str, words: str) -> None:
    assert text.startswith("hil: ")
    assert text.count("\n") == 1
    assert words in text


@posix
@pytest.mark.slow
@pytest.mark.parametrize("step", ["_locked", "_connected", "_lay_out", "RunStore.event"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_while_its_folder_is_made_is_told_apart_from_one_that_began(
    ended: Callable[..., Any], hil: Callable[..., Any], tmp_path: Path, step: str, when: str
) -> None:
    code = f"""
import os, signal
from hil import store
from hil.store import RunStore
from hil.cli.main import main
owner, _, name = "store.{step}".rpartition(".")
step = getattr(eval(owner), name)
def dying(*arguments):
    if "{when}" == "after":
        step(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(eval(owner), name, dying)
main()
"""
    assert ended(*arguments({"points": "4"}), code=code).code == -signal.SIGKILL
    (folder,) = (tmp_path / "runs").iterdir()
    assert hil("runs").code == 0
    if (when, step) == ("after", "_lay_out") or step == "RunStore.event":
        assert hil("show", folder).code == 0
        assert hil("resume", folder).code == 0
        measure(tmp_path / "whole", {"points": "4"})
        assert kept(folder) == kept(tmp_path / "whole")
    else:
        for command in ("show", "resume", "plot"):
            told = hil(command, folder)
            assert told.code == 1
            is_one_sentence(told.err, "before it began")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("place", ["before the rows", "before the count", "before the snapshot"])
def test_a_run_killed_inside_a_commit_has_the_whole_group_or_nothing_of_it(
    ended: Callable[..., Any], hil: Callable[..., Any], tmp_path: Path, place: str
) -> None:
    code = f"""
import os, signal
from hil import store
from hil.cli.main import main
keep, rows, calls = store.RunStore._keep, store._rows, []
def die(name, step, *arguments):
    calls.append(name)
    if calls.count(name) > 3 and name == "{place}":
        os.kill(os.getpid(), signal.SIGKILL)
    return step(*arguments)
store.RunStore._keep = lambda self, name, value: die(
    "before the snapshot" if name == "snapshot" else "before the count", keep, self, name, value
)
store._rows = lambda *arguments: die("before the rows", rows, *arguments)
main()
"""
    assert ended(*arguments(CELLS), code=code).code == -signal.SIGKILL
    (folder,) = (tmp_path / "runs").iterdir()
    measure(tmp_path / "whole", CELLS)
    whole, rows = kept(tmp_path / "whole"), kept(folder).rows
    assert rows == whole.rows[: len(rows)]
    assert hil("resume", folder).code == 0
    assert kept(folder) == whole


@posix
@pytest.mark.slow
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("settings", [ONE_CELL, CELLS], ids=["one cell", "several cells"])
def test_a_person_who_stops_a_run_is_told_how_to_go_on_and_gets_the_same_records(
    tmp_path: Path,
    launch: Callable[..., subprocess.Popen[str]],
    hil: Callable[..., Any],
    settings: dict[str, str],
    number: str,
) -> None:
    watch = Watch(tmp_path / "runs")
    process = launch(*arguments(settings))
    watch.until(lambda: watch.seen > 0, process)
    process.send_signal(signal.Signals[number])
    out, err = process.communicate(timeout=PATIENCE_S)
    assert watch.folder is not None
    assert (process.returncode, err) == (130, "")
    assert out.endswith(f"stopped before its end; hil resume runs/{watch.folder.name} goes on\n")
    with RunRecord(watch.folder) as record:
        assert record.status == "interrupted"
        assert record.records >= watch.seen
    assert hil("resume", watch.folder).code == 0
    measure(tmp_path / "whole", settings)
    assert kept(watch.folder) == kept(tmp_path / "whole")


def test_a_stopped_run_ends_its_json_with_finished_false(
    hil: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = RunStore.append

    def stop(*arguments: Any) -> None:
        keep(*arguments)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(RunStore, "append", stop)
    told = hil(*arguments(ONE_CELL), "--json")
    assert told.code == 130
    assert msgspec.json.decode(told.out)["finished"] is False
    assert "hil resume" in told.err


def as_a_real_bench(monkeypatch: pytest.MonkeyPatch, kind: type[PhysicsBench]) -> None:
    """Build benches that cannot bring their cells back."""
    build = NamedBench.build

    def built(self: NamedBench, seed: int) -> Any:
        bench = build(self, seed)
        bench.__class__ = kind
        return bench

    monkeypatch.setattr(kind, "can_snapshot", False)
    monkeypatch.setattr(NamedBench, "build", built)


def test_hammering_ctrl_c_does_not_end_the_way_to_a_safe_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a bench that cannot wait the first one stops at once; those after it change nothing."""
    safe = []

    class Real(PhysicsBench):
        def _apply(self, *arguments: Any) -> Any:
            readings = super()._apply(*arguments)
            signal.raise_signal(signal.SIGINT)
            return readings

        def _make_safe(self) -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.raise_signal(number)
            safe.append(True)

    as_a_real_bench(monkeypatch, Real)
    assert not measure(tmp_path / "run", {"points": "1"}).finished
    assert safe == [True]
    with RunRecord(tmp_path / "run") as record:
        assert record.status == "interrupted"


def test_a_stop_between_a_commit_and_its_count_keeps_each_row_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Real(PhysicsBench):
        pass

    keep = RunStore.append

    def stop(self: RunStore, first: int, *arguments: Any) -> None:
        keep(self, first, *arguments)
        if first > 10:
            raise KeyboardInterrupt

    as_a_real_bench(monkeypatch, Real)
    monkeypatch.setattr(RunStore, "append", stop)
    monkeypatch.setattr(keeper, "COMMIT_S", 0.0)
    assert not measure(tmp_path / "run", {"points": "5"}).finished
    with RunRecord(tmp_path / "run") as record:
        times_s = record.table()["time_after_s"]
    assert len(times_s) > 10
    assert len(np.unique(times_s)) == len(times_s)
