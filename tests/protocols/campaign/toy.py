"""Tasks for campaigns: they note each start in a folder, and do what the test asks for."""

import os
import signal
import threading
from pathlib import Path
from time import monotonic

import msgspec
import numpy as np

from hil.errors import ConfigError

PATIENCE_S = 40.0


class Task(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    folder: str = ""
    does: str = ""


class Answer(msgspec.Struct, frozen=True):
    number: int
    values: tuple[float, ...]


class Facts(msgspec.Struct, frozen=True):
    pid: int
    threads: str | None


def wait_for(path: Path) -> str:
    """Wait until a file has a whole line, and give it."""
    until_s = monotonic() + PATIENCE_S
    while not (path.is_file() and path.read_text().endswith("\n")):
        assert monotonic() < until_s, f"waited for {path.name} in vain"
        threading.Event().wait(0.003)
    return path.read_text().strip()


def starts(folder: Path) -> list[int]:
    """Tell which tasks were started, in order, each as often as it was."""
    log = folder / "starts"
    return [int(line) for line in log.read_text().split()] if log.is_file() else []


def answer(task: Task) -> Answer:
    """Give numbers that follow from the task's, after what it says it does."""
    if task.folder:
        # in one write, so that lines of several processes do not mix
        log = os.open(Path(task.folder) / "starts", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{task.number}\n".encode())
        os.close(log)
    first = bool(task.folder) and starts(Path(task.folder)).count(task.number) == 1
    if task.does == "dies" or (task.does == "dies once" and first):
        os.kill(os.getpid(), signal.SIGKILL) if os.name == "posix" else os._exit(9)
    if task.does == "waits" or (task.does == "waits once" and first):
        (Path(task.folder) / "pid").write_text(f"{os.getpid()}\n")
        threading.Event().wait(PATIENCE_S)
    if task.does == "raises":
        raise ValueError("seven\nis too many")
    if task.does == "refuses":
        raise ConfigError("there are no pictures")
    number = float("nan") if task.does == "nan" else 1.0
    rng = np.random.default_rng(task.number)
    values = rng.normal(size=3) / 3 * number
    return Answer(task.number, tuple(values.tolist()))


def facts(task: Task) -> Facts:
    return Facts(os.getpid(), os.environ.get("OMP_NUM_THREADS"))


def untyped(task):
    return task


def other(task: Task) -> Facts:
    return facts(task)
