"""Campaigns on a Dask cluster on loopback: as on processes of this machine, with its own ways."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest

from hil.errors import ConfigError, MissingExtra
from hil.protocols.campaign import CampaignError, cluster, run_campaign
from tests.conftest import ROOT
from tests.protocols.campaign import toy
from tests.protocols.campaign.toy import Task, answer, starts, wait_for

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

SCHEDULER = "-m distributed.cli.dask_scheduler --host 127.0.0.1 --port 0 --no-dashboard"
WORKER = "-m distributed.cli.dask_worker --host 127.0.0.1 --no-nanny --nthreads 1 --no-dashboard"


class Cluster:
    """A scheduler and workers in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        self.log = folder / "log"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.folder = folder

    def start(self, command: str) -> None:
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command.split(), "--scheduler-file", str(self.file)],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)

    @property
    def address(self) -> str:
        until_s = monotonic() + toy.PATIENCE_S
        while True:
            with suppress(OSError, ValueError):  # not there yet, or half of it
                return str(json.loads(self.file.read_text())["address"])
            assert monotonic() < until_s, self.log.read_text()
            threading.Event().wait(0.01)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    cluster = Cluster(folder)
    try:
        cluster.start(SCHEDULER)
        assert cluster.address
        yield cluster
    finally:
        cluster.stop()


def tasks(folder: Path | str, count: int, **does: str) -> list[Task]:
    return [Task(number=n, folder=str(folder), does=does.get(f"_{n}", "")) for n in range(count)]


def plain(count: int) -> list[Any]:
    return [answer(Task(number=number)) for number in range(count)]


class Killer(threading.Thread):
    """Kills, once a task has said so, the process that works on it, or another."""

    def __init__(self, pid: Path, victim: Callable[[int], None]) -> None:
        super().__init__(daemon=True)
        self.pid, self.victim = pid, victim
        self.start()

    def run(self) -> None:
        self.victim(int(wait_for(self.pid)))


def test_a_worker_killed_in_the_middle_costs_nothing_and_results_are_those_of_a_pool(
    tmp_path: Path, dask: Cluster
) -> None:
    dask.start(WORKER)
    dask.start(WORKER)
    killer = Killer(tmp_path / "pid", lambda pid: psutil.Process(pid).kill())
    asked = tasks(tmp_path, 12, _5="waits once")
    told: list[tuple[int, int]] = []
    journal = tmp_path / "journal"
    got = run_campaign(
        answer,
        asked,
        journal=journal,
        cluster=dask.address,
        report=lambda *n: told.append(n),
    )
    killer.join()
    assert [process.poll() is None for process in dask.processes].count(False) == 1
    assert got == run_campaign(answer, tasks("", 12), journal=tmp_path / "pool", workers=1)
    assert starts(tmp_path).count(5) == 2
    assert told == [(done, 12) for done in range(13)]
    assert run_campaign(answer, asked, journal=journal, cluster="tcp://127.0.0.1:1") == got

    # the same cluster, with the worker that is left
    with pytest.raises(CampaignError, match=r"task 1 of 2.*ValueError: seven is too many"):
        run_campaign(
            answer, tasks("", 2, _0="raises"), journal=tmp_path / "raises", cluster=dask.address
        )
    with pytest.raises(ConfigError, match=r"task 2 of 2.*: there are no pictures"):
        run_campaign(
            answer, tasks("", 2, _1="refuses"), journal=tmp_path / "refuses", cluster=dask.address
        )
    _check_strangers(tmp_path, dask)
    killer = Killer(tmp_path / "second" / "pid", lambda _: dask.processes[0].kill())
    (tmp_path / "second").mkdir()
    with pytest.raises(CampaignError, match=r"task 1 of 1.*scheduler at tcp.* is gone"):
        run_campaign(
            answer,
            tasks(tmp_path / "second", 1, _0="waits once"),
            journal=tmp_path / "second" / "journal",
            cluster=dask.address,
        )
    killer.join()


def _check_strangers(tmp_path: Path, dask: Cluster) -> None:
    """Look at what is said to workers that have another version, or not the function."""
    version = metadata.version
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            metadata, "version", lambda name: "0.1" if name == "numpy" else version(name)
        )
        with pytest.raises(ConfigError, match=r"worker tcp.* has numpy .*, here it is 0\.1;"):
            run_campaign(answer, tasks("", 1), journal=tmp_path / "v", cluster=dask.address)
        patch.undo()
        (tmp_path / "only_here.py").write_text("def same(task: dict) -> dict: return task\n")
        patch.syspath_prepend(tmp_path)
        same = __import__("only_here").same
        with pytest.raises(ConfigError, match=r"worker tcp.*only_here:same cannot be imported"):
            run_campaign(same, tasks("", 1), journal=tmp_path / "f", cluster=dask.address)


def test_a_scheduler_without_workers_is_told(
    tmp_path: Path, dask: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.3)
    with pytest.raises(CampaignError, match=r"has no workers; start some with dask worker tcp"):
        run_campaign(answer, tasks("", 1), journal=tmp_path / "journal", cluster=dask.address)


def test_workers_whose_tasks_would_share_a_process_are_refused(
    tmp_path: Path, dask: Cluster
) -> None:
    dask.start(WORKER.replace("--nthreads 1", "--nthreads 2"))
    with pytest.raises(ConfigError, match=r"does 2 tasks in one process.*--nthreads 1"):
        run_campaign(answer, tasks("", 1), journal=tmp_path / "journal", cluster=dask.address)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere at all"])
def test_no_scheduler_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 0.3)
    with pytest.raises(CampaignError, match=r"no Dask scheduler can be used at .* start one with"):
        run_campaign(answer, tasks("", 1), journal=tmp_path / "journal", cluster=address)


def test_without_dask_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r'pip install "hil-bench\[cluster\]"'):
        run_campaign(answer, tasks("", 1), journal=tmp_path / "journal", cluster="tcp://there:1")
