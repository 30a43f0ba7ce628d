"""Tasks on a Dask cluster: ``dask scheduler``, and ``dask worker ADDRESS --nthreads 1``."""

import gc
import logging
import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from hil.errors import ConfigError
from hil.export import needed
from hil.protocols.campaign.errors import CampaignError
from hil.protocols.campaign.pool import Groups
from hil.protocols.campaign.work import Job, found, perform

PATIENCE_S = 10.0
"""How long a scheduler may take to answer, and workers to come (s)."""

_SAME = ("python", "hil-bench", "distributed", "msgspec", "numba", "numpy", "scipy", "torch")
"""What must have one version on all sides: results, or how they travel, depend on it."""


def on_cluster(jobs: Sequence[Job], address: str) -> Groups:
    """Do jobs on a cluster; yields what is finished, some at a time.

    Scheduler and workers need this package. A worker that dies is the scheduler's matter: it gives
    its tasks to others, and gives a task up after as many dead workers as its
    ``distributed.scheduler.allowed-failures`` says. Workers may come and go; if none is left, this
    waits for the next. Leaving early cancels what is under way.

    Parameters
    ----------
    jobs : sequence of Job
        What to do; at least one.
    address : str
        The scheduler's, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    MissingExtra
        If Dask is not installed here.
    CampaignError
        If no scheduler answers, no worker is there, or the scheduler is lost or gives a task up.
    ConfigError
        If versions differ, or a worker cannot import the function.
    """
    distributed = needed("distributed", "cluster")
    with _connected(distributed, address) as client:
        _refuse_strangers(client, jobs[0].function)
        under_way = {
            client.submit(perform, job.function, job.task, key=f"hil-{job.key}", pure=False): job
            for job in jobs
        }
        try:
            for batch in distributed.as_completed(list(under_way), loop=client.loop).batches():
                finished, troubles = [], []
                for future in batch:
                    job = under_way.pop(future)
                    try:
                        # waits again where a result was lost with the worker that held it
                        finished.append((job, future.result()))
                    except Exception as error:  # noqa: BLE001 - raised below
                        troubles.append(_trouble(job, address, error))
                yield finished
                if troubles:
                    raise troubles[0]
        finally:
            if under_way and client.status == "running":
                client.cancel(list(under_way))


@contextmanager
def _connected(distributed: Any, address: str) -> Iterator[Any]:
    """Connect to a scheduler that has workers; what Dask would log is told by errors."""
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with _client(distributed, address) as client:
            yield client
    finally:
        log.setLevel(level)


@contextmanager
def _client(distributed: Any, address: str) -> Iterator[Any]:
    client, told = None, ""
    try:
        client = distributed.Client(address, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        told = _flat(error)
    if client is None:
        # what is left of the client closes itself as it is collected; if that happened while
        # another client starts, the two would wait for each other
        gc.collect()
        raise CampaignError(
            f"no Dask scheduler can be used at {address} ({told}); start one with "
            "dask scheduler, and give the address that it prints"
        )
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as error:
            raise CampaignError(
                f"the Dask scheduler at {address} has no workers; start some with "
                f"dask worker {address} --nthreads 1"
            ) from error
        yield client


def about(function: str) -> tuple[dict[str, str], str]:
    """Tell the versions of a process, and why it cannot import a function if so."""
    versions = {name: _version(name) for name in _SAME}
    try:
        found(function)
    except ConfigError as error:
        return versions, str(error)
    return versions, ""


def _version(package: str) -> str:
    if package == "python":
        return ".".join(platform.python_version_tuple()[:2])
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _refuse_strangers(client: Any, function: str) -> None:
    """Refuse workers that could not do the tasks, or not as it is done here."""
    ours, _ = about(function)
    for worker, threads in client.nthreads().items():
        if threads > 1:
            raise ConfigError(
                f"worker {worker} does {threads} tasks in one process, which share its "
                "threads; start workers with --nthreads 1 (and --nworkers for more of them)"
            )
    for worker, answer in client.run(about, function, on_error="return").items():
        if isinstance(answer, OSError):
            continue  # it is gone by now
        if isinstance(answer, Exception):
            raise ConfigError(
                f"worker {worker} cannot run this package ({_flat(answer)}); install the same "
                "hil-bench on every worker"
            ) from answer
        versions, trouble = answer
        other = [name for name in _SAME if versions[name] != ours[name]]
        if other:
            name = other[0]
            raise ConfigError(
                f"worker {worker} has {name} {versions[name]}, here it is {ours[name]}; install "
                "the same versions on every worker"
            )
        if trouble:
            raise ConfigError(f"worker {worker}: {trouble}; put its module where workers find it")


def _trouble(job: Job, address: str, error: Exception) -> CampaignError:
    """Say what the cluster made of a task; what a task raised itself comes as an outcome."""
    if isinstance(error, CancelledError):
        told = (
            f"{job.named} was cancelled, as the scheduler at {address} is gone or was told to; "
            "start again: every finished task is kept"
        )
    elif type(error).__name__ == "KilledWorker":
        told = (
            f"{job.named}: the workers that had it died ({_flat(error)}); look at what it does, "
            "and whether their memory is short"
        )
    else:
        told = (
            f"{job.named}: the cluster at {address} cannot do it ({_flat(error)}); look whether "
            "scheduler and workers have the packages that are here"
        )
    trouble = CampaignError(told)
    trouble.__cause__ = error
    return trouble


def _flat(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
