"""Runs that are killed, stopped and taken up again: nothing that was seen is lost, all is as if never stopped."""

import io
import os
import random
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from hil import runner
from hil.catalog import PROTOCOLS
from hil.config import find_bench
from hil.errors import StoreError
from hil.store import FILE, RunRecord

SEED = 20261122
BENCH = "tiox"
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

ONE_CELL = {"points": "1500"}
CELLS = {"points": "300", "pulses_per_program": "3", "cells_at_once": "2", "bench.cells": "5"}


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
    monkeypatch.setattr(runner, "COMMIT_S", 0.0)
    commits = 0

    def stop(_: runner.Progress) -> None:
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
        self.status = ""

    @property
    def folder(self) -> Path | None:
        return next(iter(sorted(self.out.glob("*"))), None)

    def look(self) -> None:
        """Take in what is acknowledged by now."""
        if self.folder is None:
            return
        with suppress(StoreError), RunRecord(self.folder) as record:
            self.status = record.status
            assert record.records >= self.seen, "the number of rows only grows"
            self.seen = record.records

    def until(self, true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Look until something is so or the process has ended."""
        until_s = time.monotonic() + 30
        while process.poll() is None and not true():
            assert time.monotonic() < until_s, "waited in vain"
            self.look()
            threading.Event().wait(0.003)


def moments(
    rng: random.Random, watch: Watch, total: int
) -> Iterator[tuple[Callable[[], bool], float]]:
    """Yield what to wait for before a kill, and how much longer: over the whole life of a run."""
    while True:
        yield lambda: True, rng.uniform(0.0, 1.2)  # at start-up
        yield lambda: watch.folder is not None, rng.uniform(0.0, 0.03)  # as the folder is made
        for _ in range(3):  # while it measures
            rows = rng.uniform(watch.seen, total)
            yield lambda rows=rows: watch.seen >= rows, rng.uniform(0.0, 0.1)  # type: ignore[misc]
        yield lambda: watch.seen == total, rng.uniform(0.0, 0.5)  # as it ends, while it draws


@posix
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("settings", [ONE_CELL, CELLS], ids=["one cell", "several cells"])
def test_no_kill_loses_a_row_and_the_resumed_run_is_the_uninterrupted_one(
    tmp_path: Path,
    launch: Callable[..., subprocess.Popen[str]],
    hil: Callable[..., Any],
    settings: dict[str, str],
) -> None:
    """20 SIGKILLs at seeded moments of `hil run` and of the `hil resume` after it."""
    rng = random.Random(SEED + len(settings))
    assert measure(tmp_path / "whole", settings).finished
    whole = kept(tmp_path / "whole")
    watch = Watch(tmp_path / "0")
    moment = moments(rng, watch, len(whole.rows))
    left: list[int] = []
    for number in range(20):
        folder = watch.folder
        begun = folder is not None and (folder / FILE).is_file()
        command = (
            ["resume", str(folder)] if begun else [*arguments(settings), "--out", str(watch.out)]
        )
        process = launch(*command)
        wanted, longer_s = next(moment)
        watch.until(wanted, process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(longer_s)
        watch.look()
        process.kill()
        process.wait()
        assert hil("runs", "--out", watch.out).code == 0
        if watch.folder is None:
            continue
        told = hil("show", watch.folder)
        if told.code:  # killed before it began
            assert watch.seen == 0
            assert told.err.count("\n") == 1
            assert "before it began" in told.err
            assert "before it began" in hil("resume", watch.folder).err
        else:
            rows = kept(watch.folder).rows
            assert len(rows) >= watch.seen, "no row that was seen is lost"
            assert rows == whole.rows[: len(rows)]
            left.append(len(rows))
        if told.code == 0 and rng.random() < 0.3:
            assert hil("resume", watch.folder).code == 0
            assert kept(watch.folder) == whole
            watch.status = "to be followed by another"
        if told.code or watch.status == "to be followed by another":
            watch.__init__(tmp_path / str(number + 1))  # type: ignore[misc]
    if watch.folder is not None:
        assert hil("resume", watch.folder).code == 0
        assert kept(watch.folder) == whole
    assert len({rows for rows in left if 0 < rows < len(whole.rows)}) > 5, (
        "some kills hit a measurement"
    )
