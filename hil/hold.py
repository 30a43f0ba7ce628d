"""Holding a bench: what protects a sample while anything is sent to it, and a probe's one program.

A whole protocol is sent inside `at_bench`, and all else inside `at_bench_briefly`.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from hil.bench import Bench
from hil.cells import Indices
from hil.errors import ConfigError
from hil.guard import Guard
from hil.limits import Budget
from hil.program import Program
from hil.readings import Readings
from hil.samples import FILE as SAMPLES
from hil.samples import SampleLog, measuring, refuse_measured


class Held(NamedTuple):
    """What protects a sample while something is sent to it.

    Attributes
    ----------
    samples : SampleLog or None
        Where stress is booked, for a named sample.
    stop : threading.Event
        Set when a person or the system asks for an end.
    guard : Guard or None
        The process that makes a bench with instruments safe if this one dies.
    """

    samples: SampleLog | None
    stop: threading.Event
    guard: Guard | None


@contextmanager
def at_bench(
    bench: Bench, runs: Path, run: str, *, at_once: bool, log: Path | None = None
) -> Iterator[Held]:
    """Hold a bench open, with all that protects its sample.

    The sample log, the stop signals, the guard and the bench, in this order; left in the opposite
    one.

    Parameters
    ----------
    bench : Bench
        Not yet open.
    runs : Path
        The folder of the runs, with the sample log.
    run : str
        The name under which stress is booked.
    at_once : bool
        Whether the first signal raises KeyboardInterrupt; else it sets `Held.stop`, and the
        second one raises.
    log : Path, optional
        The guard's log; by default in the run's folder.

    Raises
    ------
    StoreError
        If another process is measuring the sample.
    """
    with ExitStack() as stack:
        samples = _sample_log(bench, runs, run, stack)
        stop, deaf = stack.enter_context(_stop_signals(at_once=at_once))
        guard = _guard(bench, log or runs / run / "guard.log", stack)
        try:
            stack.enter_context(bench)
        except BaseException:
            if guard is not None and not bench.touched:
                guard.release()  # nothing was reached: there is nothing to make safe
            raise
        stack.callback(deaf.set)  # the first on the way out
        yield Held(samples, stop, guard)


@contextmanager
def at_bench_briefly(bench: Bench, runs: Path, what: str) -> Iterator[Held]:
    """Hold a bench, as `at_bench` does, for something that is no run; stress is booked alike.

    Parameters
    ----------
    bench : Bench
        Not yet open.
    runs : Path
        The folder with the sample log; the guard's log is put there too.
    what : str
        Ends the name under which stress is booked, after date and time.
    """
    if bench.kind != "physics":
        runs.mkdir(parents=True, exist_ok=True)
    # to the microsecond: a name that came twice would overwrite the share of the first
    name = f"{datetime.now().astimezone():%Y-%m-%d_%H%M%S.%f}_{what}"
    with at_bench(bench, runs, name, at_once=True, log=runs / "guard.log") as held:
        if held.samples is not None:
            bench.ledger.journal = held.samples.write
        yield held


def probe(bench: Bench, program: Program, cells: Indices, *, runs: Path, what: str) -> Readings:
    """Play one program on *cells* of a bench that is not yet open, held briefly."""
    with at_bench_briefly(bench, runs, what):
        return bench.apply(program, cells)


def refuse_second(bench: Bench, runs: Path) -> None:
    """Raise StoreError if another process measures the bench's named sample; makes nothing."""
    if bench.sample.device:
        refuse_measured(runs, bench.kind, bench.sample.device)


def recall_stress(bench: Bench, runs: Path) -> None:
    """Let a bench know the stress that its named sample has had in the runs of a folder.

    Raises
    ------
    ConfigError
        If a real or virtual sample has a budget for its life but no name to count it by.
    """
    if bench.kind != "physics" and bench.limits.budget != Budget() and not bench.sample.device:
        raise ConfigError(
            "limits.budget counts the whole life of a cell; name what is under the probes with "
            "--device, such as W3/D14/R2C5"
        )
    if bench.sample.device and (runs / SAMPLES).is_file():
        with SampleLog(runs, bench.kind, bench.sample.device, "") as log:
            bench.ledger.earlier = log.earlier(len(bench.cells))


def _guard(bench: Bench, log: Path, stack: ExitStack) -> Guard | None:
    """Start the guard before a bench with instruments is opened."""
    if bench.kind == "physics":
        return None
    guard = stack.enter_context(Guard(log))
    guard.protect(bench.safe_messages())
    return guard


def _sample_log(bench: Bench, runs: Path, run: str, stack: ExitStack) -> SampleLog | None:
    """Take a named sample for this process and bring in the stress it has had in other runs."""
    if not bench.sample.device:
        return None
    stack.enter_context(measuring(runs, bench.kind, bench.sample.device))
    log = stack.enter_context(SampleLog(runs, bench.kind, bench.sample.device, run))
    bench.ledger.earlier = log.earlier(len(bench.cells))
    if not bench.can_snapshot:  # a snapshot brings the run's own share itself
        bench.ledger.own = log.own(len(bench.cells))
        bench.ledger.journal = log.write
    return log


@contextmanager
def _stop_signals(*, at_once: bool) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Turn Ctrl-C and SIGTERM into a stop after the current batch.

    The second time, or where a bench cannot wait (*at_once*), they raise KeyboardInterrupt; after
    that they are ignored, so that none of them ends the way to a safe bench. Yields what they set
    and what makes them ignored.
    """
    stop = threading.Event()
    deaf = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if deaf.is_set():
            return
        if at_once or stop.is_set():
            deaf.set()
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop, deaf
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop, deaf
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
