"""Campaigns on this machine: killed, stopped and taken up again, nothing finished is lost."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hil.errors import ConfigError, StoreError
from hil.protocols.campaign import CampaignError, run_campaign
from hil.protocols.campaign.journal import Journal
from tests.protocols.campaign import toy
from tests.protocols.campaign.toy import Answer, Task, answer, facts, starts, untyped, wait_for

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

CODE = """
from pathlib import Path
from hil.protocols.campaign import run_campaign
from tests.protocols.campaign.toy import Task, answer
folder = Path(r"{folder}")
does = {{7: "waits once"}}
tasks = [Task(number=n, folder=str(folder), does=does.get(n, "")) for n in range(12)]
run_campaign(answer, tasks, journal=folder / "journal", workers={workers})
"""


def tasks(folder: Path | str, count: int, **does: str) -> list[Task]:
    """Make tasks; ``_3="dies"`` says what the fourth one does."""
    return [Task(number=n, folder=str(folder), does=does.get(f"_{n}", "")) for n in range(count)]


def plain(count: int) -> list[Answer]:
    return [answer(Task(number=number)) for number in range(count)]


def kept(journal: Path) -> set[int]:
    """Tell which tasks a journal holds."""
    lines = journal.read_text().splitlines() if journal.is_file() else []
    return {json.loads(line)["result"]["number"] for line in lines}


@pytest.mark.slow
def test_results_come_in_the_order_of_the_tasks_from_processes_as_from_here(
    tmp_path: Path,
) -> None:
    asked = tasks(tmp_path, 9)
    told: list[tuple[int, int]] = []
    pool = run_campaign(
        answer, asked, journal=tmp_path / "pool", workers=3, report=lambda *n: told.append(n)
    )
    here = run_campaign(answer, asked, journal=tmp_path / "here", workers=1)
    assert pool == here == plain(9)
    assert told == [(done, 9) for done in range(10)]
    assert sorted(starts(tmp_path)) == sorted([*range(9), *range(9)])


@pytest.mark.slow
def test_a_process_has_one_thread_and_this_one_keeps_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    (here,) = run_campaign(facts, tasks("", 1), journal=tmp_path / "here", workers=1)
    (there,) = run_campaign(facts, tasks("", 1), journal=tmp_path / "there", workers=2)
    assert here.pid == os.getpid() != there.pid
    assert there.threads == "1"
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_what_is_finished_is_not_done_again_and_equal_tasks_are_done_once(tmp_path: Path) -> None:
    asked = [*tasks(tmp_path, 4), Task(number=2, folder=str(tmp_path))]
    journal = tmp_path / "new folder" / "journal"
    run_campaign(answer, asked[:2], journal=journal, workers=1)
    told: list[tuple[int, int]] = []
    got = run_campaign(answer, asked, journal=journal, workers=1, report=lambda *n: told.append(n))
    assert got == [*plain(4), plain(3)[2]]
    assert starts(tmp_path) == [0, 1, 2, 3]
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert run_campaign(answer, [], journal=journal) == []


def test_another_function_has_other_results(tmp_path: Path) -> None:
    run_campaign(facts, tasks("", 1), journal=tmp_path / "journal", workers=1)
    run_campaign(toy.other, tasks("", 1), journal=tmp_path / "journal", workers=1)
    assert len((tmp_path / "journal").read_text().splitlines()) == 2


@posix
@pytest.mark.slow
def test_a_task_whose_process_is_killed_is_done_by_another(tmp_path: Path) -> None:
    asked = tasks(tmp_path, 8, _2="dies once", _5="dies once")
    got = run_campaign(answer, asked, journal=tmp_path / "journal", workers=2)
    assert got == plain(8)
    counts = [starts(tmp_path).count(number) for number in range(8)]
    assert counts == [1, 1, 2, 1, 1, 2, 1, 1], "one lost task is one lost task"


@posix
@pytest.mark.slow
def test_a_task_that_always_kills_its_process_is_named_after_all_others_are_done(
    tmp_path: Path,
) -> None:
    asked = tasks(tmp_path, 6, _1="dies")
    with pytest.raises(
        CampaignError, match=r"task 2 of 6, Task\(number=1.*2 processes died.*SIGKILL"
    ):
        run_campaign(answer, asked, journal=tmp_path / "journal", workers=2, attempts=2)
    assert kept(tmp_path / "journal") == {0, 2, 3, 4, 5}
    assert starts(tmp_path).count(1) == 2


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_ends_it_in_one_sentence_and_keeps_what_is_finished(
    tmp_path: Path, workers: int
) -> None:
    journal = tmp_path / "journal"
    with pytest.raises(CampaignError) as raised:
        run_campaign(answer, tasks(tmp_path, 30, _3="raises"), journal=journal, workers=workers)
    assert "task 4 of 30, Task(number=3" in str(raised.value)
    assert str(raised.value).endswith("ValueError: seven is too many")
    assert 'raise ValueError("seven\\nis too many")' in str(raised.value.__cause__)
    assert multiprocessing.active_children() == []
    done = kept(journal)
    assert done == {0, 1, 2} if workers == 1 else 3 not in done
    got = run_campaign(answer, tasks(tmp_path, 30), journal=journal, workers=1)
    assert got == plain(30), "a task that now says something else is another task"
    assert all(starts(tmp_path).count(number) == 1 for number in done)


def test_what_this_project_refuses_keeps_its_kind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^task 1 of 1, Task\(.*\): there are no pictures$"):
        run_campaign(answer, tasks("", 1, _0="refuses"), journal=tmp_path / "j", workers=1)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_campaign_that_is_killed_goes_on_where_it_was_and_leaves_no_process(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]], workers: int
) -> None:
    process = launch(code=CODE.format(folder=tmp_path, workers=workers))
    wait_for(tmp_path / "pid")
    children = psutil.Process(process.pid).children(recursive=True)
    assert (len(children) > 1) == (workers > 1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = kept(tmp_path / "journal")
    assert len(done & set(range(7))) >= 8 - workers
    assert 7 not in done
    _, alive = psutil.wait_procs(children, timeout=toy.PATIENCE_S)
    assert not alive
    asked = tasks(tmp_path, 12, _7="waits once")
    assert run_campaign(answer, asked, journal=tmp_path / "journal", workers=1) == plain(12)
    assert {number for number in done if starts(tmp_path).count(number) == 1} == done
    assert starts(tmp_path).count(7) == 2


@posix
@pytest.mark.slow
def test_ctrl_c_stops_at_once_quietly_and_keeps_what_is_finished(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]]
) -> None:
    process = launch(code=CODE.format(folder=tmp_path, workers=2))
    worker = psutil.Process(int(wait_for(tmp_path / "pid")))
    children = psutil.Process(process.pid).children(recursive=True)
    worker.send_signal(signal.SIGINT)  # a terminal sends it to all
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=toy.PATIENCE_S / 2)
    assert err.count("Traceback") == 1
    assert "KeyboardInterrupt" in err
    assert len(kept(tmp_path / "journal")) >= 6
    _, alive = psutil.wait_procs(children, timeout=toy.PATIENCE_S)
    assert not alive


def test_a_line_that_was_cut_off_is_done_again_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    run_campaign(answer, tasks(tmp_path, 3), journal=journal, workers=1)
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-7])
    assert run_campaign(answer, tasks(tmp_path, 3), journal=journal, workers=1) == plain(3)
    assert journal.read_bytes() == whole
    assert starts(tmp_path) == [0, 1, 2, 2]
    journal.write_bytes(whole.replace(b"}\n", b"\n", 1))
    with pytest.raises(StoreError, match=r"line 1 of .* is damaged .* delete the line"):
        run_campaign(answer, tasks(tmp_path, 3), journal=journal, workers=1)


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "journal"),
        pytest.raises(StoreError, match="another process is writing"),
    ):
        run_campaign(answer, tasks("", 1), journal=tmp_path / "journal", workers=1)
    run_campaign(answer, tasks("", 1), journal=tmp_path / "journal", workers=1)


def test_a_journal_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "journal"):
        with pytest.raises(StoreError, match="cannot be written"):
            run_campaign(answer, tasks("", 1), journal=path, workers=1)


def test_a_full_disk_keeps_what_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fsync
    acknowledged: list[int] = []

    def full(file: int) -> None:
        if len(acknowledged) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left.*start again"):
        run_campaign(
            answer,
            tasks(tmp_path, 5),
            journal=tmp_path / "journal",
            workers=1,
            report=lambda done, _: acknowledged.append(done),
        )
    assert acknowledged == [0, 1, 2]
    assert kept(tmp_path / "journal") == {0, 1}
    monkeypatch.setattr(os, "fsync", sync)
    got = run_campaign(answer, tasks(tmp_path, 5), journal=tmp_path / "journal", workers=1)
    assert got == plain(5)


def test_a_result_that_would_not_come_back_is_refused_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match=r"task 1 of 1.*Expected `float`, got `null`"):
        run_campaign(answer, tasks("", 1, _0="nan"), journal=tmp_path / "journal", workers=1)
    assert kept(tmp_path / "journal") == set()


def test_a_result_of_an_older_function_is_not_taken_for_one_of_this(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "journal"
    run_campaign(answer, tasks("", 1), journal=journal, workers=1)
    journal.write_text(journal.read_text().replace('"number"', '"count"'))
    with pytest.raises(StoreError, match=r"task 1 of 1.*take another journal"):
        run_campaign(answer, tasks("", 1), journal=journal, workers=1)


def _lambda(_: Task) -> Answer:
    raise AssertionError


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda _: None, "other processes cannot import .*lambda"),
        (untyped, "must take one argument, and say its type"),
        (_lambda, "another function|cannot be imported"),
    ],
    ids=["lambda", "untyped", "replaced"],
)
def test_a_function_that_nobody_else_could_call_is_refused(
    tmp_path: Path, function: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if function is _lambda:
        monkeypatch.setattr(function, "__module__", toy.__name__)
        monkeypatch.setattr(function, "__qualname__", "answer")
    with pytest.raises(ConfigError, match=words):
        run_campaign(function, tasks("", 1), journal=tmp_path / "journal")
    assert not (tmp_path / "journal").exists()


def test_a_function_of_a_script_is_refused(tmp_path: Path, ended: Callable[..., Any]) -> None:
    code = (
        "from pathlib import Path\nfrom hil.protocols.campaign import run_campaign\n"
        "def own(task: int) -> int: return task\n"
        "run_campaign(own, [1], journal=Path('j'))\n"
    )
    told = ended(code=code)
    assert told.code == 1
    assert "move it into a file of its own" in told.err


@pytest.mark.slow
def test_a_script_without_a_guard_is_told(
    tmp_path: Path, launch: Callable[..., subprocess.Popen[str]]
) -> None:
    script = tmp_path / "script.py"
    script.write_text(CODE.format(folder=tmp_path, workers=2))
    command = f"import subprocess, sys; exit(subprocess.call([sys.executable, {str(script)!r}]))"
    process = launch(code=command)
    _, err = process.communicate(timeout=toy.PATIENCE_S)
    assert process.returncode == 1
    assert "under if __name__ == '__main__':" in err
    assert "starting processes for the tasks: 3 processes died, the last by exit code 1" in err


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"attempts": 0}])
def test_numbers_below_one_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="must be 1 or more"):
        run_campaign(answer, tasks("", 1), journal=tmp_path / "journal", **wrong)  # type: ignore[arg-type]


def test_a_task_that_the_function_does_not_take_is_refused(tmp_path: Path) -> None:
    wrong: Any = [Task(number=1), Answer(2, (1.0,)), Task(number=3.5)]  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"task 3 of 3.*cannot be given it"):
        run_campaign(answer, wrong, journal=tmp_path / "journal")
