"""A disk that is full: a run fails loudly, opens with all that was acknowledged, and goes on."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from hil import store
from hil.store import FILE, RunRecord, RunStore

RUN = ("run", "jump-table", "--bench", "tiox", "--seed", "5")


@pytest.fixture
def acknowledged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect how many rows each commit that came back has kept."""
    rows: list[int] = []
    append = RunStore.append

    def keep(self: RunStore, first: int, batches: Any, snapshot: bytes | None = None) -> None:
        append(self, first, batches, snapshot)
        rows.append(sum(batch.rows for batch in batches))

    monkeypatch.setattr(RunStore, "append", keep)
    return rows


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MiB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root and mount, to make a small disk")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def grow(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)


def fill(disk: Path) -> None:
    """Take what is left of the disk, to the last byte."""
    with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(512)):
            pass
    assert shutil.disk_usage(disk).free == 0


def rows(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / FILE)) as db:
        return [repr(row) for row in db.execute("SELECT * FROM records ORDER BY seq")]


def is_one_sentence(told: Any, *words: str) -> None:
    assert told.code == 1
    assert told.err.startswith("hil: ")
    assert told.err.count("\n") == 1
    assert all(word in told.err for word in words), told.err


def only(runs: Path) -> Path:
    (folder,) = (path for path in runs.iterdir() if path.is_dir())
    return folder


@pytest.mark.usefixtures("no_pictures")
def test_a_run_on_a_disk_that_fills_fails_loudly_and_goes_on_when_there_is_space(
    hil: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    acknowledged: list[int],
) -> None:
    """SQLite is told that there are no more pages: what it does then is what it does when full."""
    connected = store._connected

    def connected_to_little(path: Path) -> sqlite3.Connection:
        db = connected(path)
        db.execute("PRAGMA max_page_count = 40")
        return db

    monkeypatch.setattr(store, "_connected", connected_to_little)
    monkeypatch.setattr("hil.keeper.COMMIT_S", 0.01)
    told = hil(*RUN, "--set=points=150")
    folder = only(tmp_path / "runs")
    is_one_sentence(
        told,
        str(folder.relative_to(tmp_path)),
        "the disk is full",
        "free some space",
        "hil resume",
    )
    assert sum(acknowledged) > 100
    is_one_sentence(hil("resume", folder), "free some space")
    assert hil("runs").code == hil("show", folder).code == 0
    with RunRecord(folder) as record:
        assert record.records == sum(acknowledged)
        assert record.status in ("failed", "running or killed")
    monkeypatch.setattr(store, "_connected", connected)
    assert hil("resume", folder).code == 0
    assert hil(*RUN, "--set=points=150", "--out=whole").code == 0
    assert rows(folder) == rows(only(tmp_path / "whole"))


def test_a_run_that_cannot_even_begin_leaves_no_folder(
    hil: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connected = store._connected

    def connected_to_nothing(path: Path) -> sqlite3.Connection:
        db = connected(path)
        db.execute("PRAGMA max_page_count = 2")
        return db

    monkeypatch.setattr(store, "_connected", connected_to_nothing)
    is_one_sentence(hil(*RUN), "the disk is full", "free some space, then start again")
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.slow
def test_a_real_full_disk_stops_a_run_which_opens_while_it_is_full_and_then_goes_on(
    hil: Callable[..., Any], tmp_path: Path, small_disk: Path, acknowledged: list[int]
) -> None:
    settings = ("--set=points=1000", "--device=W3/D14/R2C5")
    runs = small_disk / "runs"
    told = hil(*RUN, *settings, f"--out={runs}")
    folder = only(runs)
    # whichever file asks for the last block: the run's or that of its sample
    is_one_sentence(told, str(runs), "disk is full", "free some space", "hil resume")
    assert sum(acknowledged) > 100
    fill(small_disk)
    assert hil("runs", "--out", runs).code == 0
    shown = hil("show", folder)
    assert shown.code == 0
    assert f"{sum(acknowledged):,} records" in shown.out
    is_one_sentence(hil("resume", folder), str(folder), "free some space")
    is_one_sentence(hil("plot", folder), str(folder), "No space left", "every record is kept")
    with RunRecord(folder) as record:
        assert record.records == sum(acknowledged)
        assert record.status in ("failed", "running or killed")
    grow(small_disk)
    assert hil("resume", folder).code == 0
    assert hil(*RUN, *settings, "--out=whole").code == 0
    assert rows(folder) == rows(only(tmp_path / "whole"))


def test_a_full_disk_at_the_end_costs_the_picture_and_no_record(
    hil: Callable[..., Any], small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = RunStore.event

    def fill_when_finished(self: RunStore, what: str, detail: str = "") -> None:
        event(self, what, detail)
        if what == "finished":
            self.close()
            fill(small_disk)

    monkeypatch.setattr(RunStore, "event", fill_when_finished)
    runs = small_disk / "runs"
    told = hil(*RUN, "--set=points=5", f"--out={runs}")
    folder = only(runs)
    is_one_sentence(told, str(folder), "picture", "No space left", "hil plot")
    shown = hil("show", "last", f"--out={runs}")
    assert shown.code == 0
    assert "(finished, " in shown.out
    assert hil("export", folder, "--out=points.csv").code == 0
    is_one_sentence(hil("export", folder, f"--out={runs / 'points.csv'}"), "No space left")
    is_one_sentence(hil("note", folder, "full"), str(folder), "free some space")
    is_one_sentence(hil(*RUN, f"--out={runs}"), "free some space", "start again")
    assert only(runs) == folder
