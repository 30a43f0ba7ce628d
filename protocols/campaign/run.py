"""A campaign from its first task to its last, whatever is killed on the way."""

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hil.errors import ConfigError, StoreError
from hil.protocols.campaign.cluster import on_cluster
from hil.protocols.campaign.journal import Journal
from hil.protocols.campaign.pool import Groups, on_processes, processors, refuse_unguarded
from hil.protocols.campaign.work import Function, Job, function_of, job_of, perform, raise_failure

Task = TypeVar("Task", bound=msgspec.Struct)
Result = TypeVar("Result")


def run_campaign(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    journal: Path,
    workers: int | None = None,
    cluster: str | None = None,
    attempts: int = 3,
    report: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Call a function with each of many tasks; what is finished is never done again.

    Results are the same wherever the tasks are done. A task that raises ends the campaign at once;
    so does Ctrl-C. Started again with the same journal, it goes on with what is not finished. The
    journal knows a task by the function's name and by all that the task says, and does not notice
    that the function now does something else: then take another journal.

    Parameters
    ----------
    function : callable
        Stands at the top of a module and says which struct it takes and what it gives; the result
        must come back from JSON as it went (no NaN).
    tasks : sequence of msgspec.Struct
        What it is called with; equal tasks are done once.
    journal : Path
        Where results are kept; a file ``.lock`` stands beside it.
    workers : int, optional
        Processes on this machine, by default one for each processor; 1 is this process, where a
        task that crashes takes the campaign with it. A script that starts some does so under
        ``if __name__ == "__main__":``.
    cluster : str, optional
        The address of a Dask scheduler, which then does all tasks.
    attempts : int
        How many processes a task may take with it before the campaign ends. On a cluster the
        scheduler counts, see `on_cluster`.
    report : callable, optional
        Told how many tasks are finished, and of how many: first what the journal held, then after
        each task.

    Returns
    -------
    list
        The results, in the order of the tasks.

    Raises
    ------
    ConfigError
        If the function cannot be called elsewhere, a task is not what it takes, a number is below
        1, or a script starts processes without being asked whether it is the one that is run.
    CampaignError
        If the function raises something that is not this project's, or a task takes too many
        processes with it; and what `on_cluster` raises.
    StoreError
        If the journal cannot be written, is damaged or is being written by another process.
    HilError
        What the function raises, with the task's name.
    """
    refuse_unguarded()
    _refuse_below_one(workers=workers, attempts=attempts)
    what = function_of(function)
    total = len(tasks)
    jobs = [job_of(what, task, number, total) for number, task in enumerate(tasks, 1)]
    with Journal(journal) as kept:
        times = Counter(job.key for job in jobs)
        todo = list({job.key: job for job in jobs if job.key not in kept.results}.values())
        done = total - sum(times[job.key] for job in todo)
        if report is not None:
            report(done, total)
        with closing(_results(todo, workers, cluster, attempts)) as results:
            for job, result in results:
                kept.add(job.key, result)
                done += times[job.key]
                if report is not None:
                    report(done, total)
        return [_decoded(kept, job, what) for job in jobs]


def _results(
    jobs: Sequence[Job], workers: int | None, cluster: str | None, attempts: int
) -> Generator[tuple[Job, bytes], None, None]:
    """Do jobs; the first that raised is told after all that is finished by then."""
    if not jobs:
        return
    if cluster is not None:
        groups = on_cluster(jobs, cluster)
    elif workers == 1:
        groups = _here(jobs)
    else:
        groups = on_processes(jobs, min(workers or processors(), len(jobs)), attempts)
    with closing(groups):
        for group in groups:
            for job, outcome in group:
                if outcome.result is not None:
                    yield job, outcome.result
            for job, outcome in group:
                if outcome.result is None:
                    raise_failure(job, outcome)


def _here(jobs: Sequence[Job]) -> Groups:
    for job in jobs:
        yield [(job, perform(job.function, job.task))]


def _decoded(kept: Journal, job: Job, what: Function) -> Any:
    """Read a result; raises StoreError if the function gave something else when it was kept."""
    try:
        return msgspec.json.decode(kept.results[job.key], type=what.gives)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"{kept.path} holds a result of {job.named} that is none of {what.name} as it is now "
            f"({error}); take another journal"
        ) from error


def _refuse_below_one(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ConfigError(f"{name} is {number}; it must be 1 or more")
