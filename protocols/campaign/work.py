"""One task of a campaign: a function by its name, what it is given, and what came of it.

Only names and bytes travel, so that a process beside this one, one on another machine and this one
are asked for the same and answer the same.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib import import_module
from typing import Any, NamedTuple, get_type_hints

import msgspec

from hil import errors
from hil.errors import ConfigError, HilError
from hil.protocols.campaign.errors import CampaignError

_SHOWN = 100
"""How many characters of a task an error shows."""


@dataclass(frozen=True)
class Function:
    """A function that any process can find, with the types of what it takes and gives."""

    name: str
    call: Callable[[Any], Any]
    takes: Any
    gives: Any


class Job(NamedTuple):
    """A task on its way.

    Attributes
    ----------
    function : str
        ``module:function``.
    task : bytes
        What it is given, in JSON.
    key : str
        The same for the same function and task, and for no others.
    named : str
        What to call it in an error.
    """

    function: str
    task: bytes
    key: str
    named: str


class Outcome(NamedTuple):
    """What came of a job: a result in JSON, or the kind, text and traceback of an error."""

    result: bytes | None
    kind: str = ""
    text: str = ""
    trace: str = ""


class Elsewhere(Exception):
    """The traceback of an error in another process, which is the cause of the one here."""


def function_of(function: Callable[[Any], Any]) -> Function:
    """Look at a function that is to be called elsewhere.

    Raises
    ------
    ConfigError
        If another process could not import it, or if it does not say what it takes and gives.
    """
    module = getattr(function, "__module__", None) or "__main__"
    path = getattr(function, "__qualname__", type(function).__qualname__)
    name = f"{module}:{path}"
    if module == "__main__" or "<" in path:
        raise ConfigError(
            f"other processes cannot import {name}: a campaign's function stands at the top of a "
            "module; move it into a file of its own"
        )
    if found(name).call is not function:
        raise ConfigError(
            f"{name} is another function when it is imported; give a campaign the one that stands "
            "in the module"
        )
    return found(name)


@lru_cache
def found(name: str) -> Function:
    """Import a function by its name; raises ConfigError if it is not there or has no types."""
    module, _, path = name.partition(":")
    try:
        call: Any = import_module(module)
        for part in path.split("."):
            call = getattr(call, part)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{name} cannot be imported ({error})") from error
    types = get_type_hints(call)
    gives = types.pop("return", None)
    if len(types) != 1 or gives is None:
        raise ConfigError(
            f"{name} must take one argument, and say its type and that of its result"
        )
    return Function(name, call, next(iter(types.values())), gives)


def job_of(function: Function, task: Any, number: int, total: int) -> Job:
    """Make a job of a task; raises ConfigError if the task is not what the function takes."""
    shown = repr(task)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    named = f"task {number} of {total}, {shown}"
    try:
        data = msgspec.json.encode(task, order="deterministic")
        msgspec.json.decode(data, type=function.takes)
    except (msgspec.MsgspecError, TypeError) as error:
        raise ConfigError(f"{named}: {function.name} cannot be given it ({error})") from error
    key = blake2b(function.name.encode() + b"\0" + data, digest_size=16).hexdigest()
    return Job(function.name, data, key, named)


def perform(name: str, task: bytes) -> Outcome:
    """Call a function with a task, linear algebra on one thread; never raises an Exception.

    One thread, so that as many processes as there are processors do not fight over them, and so
    that sums are added up in one order wherever the task is done.
    """
    import scipy.linalg.blas  # noqa: F401 - the limit is for libraries that are there by then
    from threadpoolctl import threadpool_limits

    try:
        function = found(name)
        with threadpool_limits(limits=1):
            result = function.call(msgspec.json.decode(task, type=function.takes))
        data = msgspec.json.encode(result)
        # NaN, and types that do not come back, are seen here and not at the end of the campaign
        msgspec.json.decode(data, type=function.gives)
    except Exception as error:  # noqa: BLE001 - it is raised again where the campaign is
        return _failed(error)
    return Outcome(data)


def raise_failure(job: Job, outcome: Outcome) -> None:
    """Raise what a task raised, with the task's name; this project's errors keep their kind."""
    kind = getattr(errors, outcome.kind, None)
    ours = isinstance(kind, type) and issubclass(kind, HilError)
    told = outcome.text if ours else f"{outcome.kind}: {outcome.text}"
    made: type[HilError] = kind if ours and kind is not None else CampaignError
    raise made(f"{job.named}: {told}") from Elsewhere(f"\n{outcome.trace}")


def _failed(error: Exception) -> Outcome:
    text = " ".join(str(error).split())
    return Outcome(None, type(error).__name__, text, "".join(traceback.format_exception(error)))
