"""Tasks on processes of this machine, each of which may die without the others noticing.

The standard library's pool gives up all that is under way when one process dies and does not say
which task it was; here each process has a pipe of its own, so that one lost task is one lost task.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from hil.errors import ConfigError
from hil.protocols.campaign.errors import CampaignError
from hil.protocols.campaign.work import Job, Outcome, perform

_ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)  # fmt: skip

_PATIENCE_S = 5.0
"""How long a process that has nothing left to do may take to end (s)."""

_MOST_ON_WINDOWS = 60
"""Processes at once: Windows waits for 63 things at the most."""

_STARTING = "starting processes for the tasks"

Groups = Generator[list[tuple[Job, Outcome]], None, None]
"""What is finished, some at a time."""


def on_processes(jobs: Sequence[Job], workers: int, attempts: int) -> Groups:
    """Do jobs on processes; yields what is finished, some at a time.

    Leaving early (an exception, Ctrl-C, closing) kills the processes.

    Parameters
    ----------
    jobs : sequence of Job
        What to do.
    workers : int
        How many processes; on Windows never more than 60.
    attempts : int
        How many processes a job may take with it, and how many may die as they start, one
        after another. A job whose process died comes last.

    Raises
    ------
    CampaignError
        If that many have died; raised after what is under way is yielded.
    """
    waiting = deque(jobs)
    deaths: Counter[str] = Counter()
    crew: list[_Worker] = []
    too_many = ""
    if sys.platform == "win32":
        workers = min(workers, _MOST_ON_WINDOWS)
    try:
        while waiting or any(worker.job for worker in crew):
            while waiting and (worker := _free(crew, workers)):
                worker.give(waiting.popleft())
            finished, lost = _answers(crew)
            yield finished
            if finished:
                del deaths[_STARTING]
            for job, who, death in lost:
                deaths[who] += 1
                waiting.append(job)
                if deaths[who] >= attempts:
                    too_many = f"{who}: {attempts} processes died, the last by {death}"
            if too_many:
                waiting.clear()  # what is under way may still come to its end
        if too_many:
            raise CampaignError(
                f"{too_many}; look at what they printed, what the task does, and whether memory "
                "is short"
            )
        for worker in crew:
            worker.wire.close()
        for worker in crew:
            worker.leave()
    finally:
        for worker in crew:
            worker.kill()


def processors() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Loss(NamedTuple):
    """A job that is to be done again, whom its end is put down to, and how that ended."""

    job: Job
    who: str
    death: str


class _Worker:
    """A process that does one job after another."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.started = False
        context = multiprocessing.get_context("spawn")
        self.wire, far_end = context.Pipe()
        self._process = context.Process(target=_work, args=(far_end,), daemon=True)
        with far_end, _calm_start():
            self._process.start()

    def give(self, job: Job) -> None:
        """Send a job; if the process is dead, that is seen when its answer is taken."""
        self.job = job
        with suppress(OSError):
            self.wire.send((job.function, job.task))

    def take(self) -> Outcome | None:
        """Receive what came of the job; None if it is that the process has started."""
        outcome: Outcome | None = self.wire.recv()
        self.started = True
        if outcome is not None:
            self.job = None
        return outcome

    @property
    def death(self) -> str:
        """Tell how the process ended."""
        code = self._process.exitcode
        with suppress(ValueError):
            return signal.Signals(-(code or 0)).name
        return f"exit code {code}"

    def leave(self) -> None:
        """Let the process end by itself, which it does when its pipe is closed."""
        self._process.join(_PATIENCE_S)

    def kill(self) -> None:
        """End the process at once; may be called on a dead one."""
        self.wire.close()
        self._process.kill()
        self._process.join()


def _free(crew: list[_Worker], workers: int) -> _Worker | None:
    """Find somebody with nothing to do, and take on one more while there are not enough."""
    idle = next((worker for worker in crew if worker.job is None), None)
    if idle is None and len(crew) < workers:
        crew.append(idle := _Worker())
    return idle


def _answers(crew: list[_Worker]) -> tuple[list[tuple[Job, Outcome]], list[_Loss]]:
    """Wait until somebody has something to say or has died; the dead leave the crew."""
    busy = {worker.wire: (worker, worker.job) for worker in crew if worker.job is not None}
    ready = wait(list(busy))
    finished: list[tuple[Job, Outcome]] = []
    lost: list[_Loss] = []
    for wire, (worker, job) in busy.items():
        if wire not in ready:
            continue
        try:
            outcome = worker.take()
        except (EOFError, OSError):
            crew.remove(worker)
            worker.leave()  # so that it tells how it died
            worker.kill()
            lost.append(_Loss(job, job.named if worker.started else _STARTING, worker.death))
        else:
            if outcome is not None:
                finished.append((job, outcome))
    return finished, lost


def refuse_unguarded() -> None:
    """Raise ConfigError in a process that is being started, and for that imports the script."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise ConfigError(
            "each process of a campaign imports the script that starts it; put what the script "
            "does under if __name__ == '__main__':"
        )


@contextmanager
def _calm_start() -> Iterator[None]:
    """Start a process that has one thread and is not ended by a Ctrl-C meant for this one.

    Libraries read their number of threads as they are loaded, and a Ctrl-C may come before a
    process can say that it does not want it.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    mask = _block_interrupt()
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _block_interrupt() -> set[int | signal.Signals] | None:
    if sys.platform == "win32":
        return None
    return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _work(wire: Connection) -> None:
    """Do what comes over a pipe until nobody is at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    with wire, suppress(EOFError, OSError):
        wire.send(None)
        while True:
            function, task = wire.recv()
            wire.send(perform(function, task))


def _end_with_parent() -> None:
    """End this process, whatever it does, as soon as the one that started it has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
