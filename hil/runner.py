"""Driving a protocol on a bench: intent, records, progress, a safe end, and going on after a stop.

Batches are kept in groups: what has come in since the last commit is written, with the bench's
state after it, as soon as a tenth of a second has passed. A slow bench thus keeps every batch at
once, a fast one ten groups a second; what is shown as progress is on disk.
"""

import platform
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import msgspec

from hil.bench import Bench
from hil.catalog import PROTOCOLS
from hil.config import NamedBench, bench_from_record
from hil.decode import decode
from hil.errors import CellFault, ConfigError, HilError
from hil.guard import Guard
from hil.limits import Cost
from hil.protocol import Batch, Protocol, RunView
from hil.samples import FILE as SAMPLES
from hil.samples import SampleLog
from hil.store import Header, RunStore

COMMIT_S = 0.1
"""Longest time between commits while batches come in (s of wall time)."""

LARGEST_SEED = 2**40 - 1


class Progress(NamedTuple):
    """What is on disk by now."""

    done: int
    total: int
    glance: str


class Plan(NamedTuple):
    """What a run would do at worst.

    Attributes
    ----------
    text : str
        The protocol's own line.
    cost : Cost
        The worst of its programs in each respect; `duration_s` is the bench time of the pulses
        that count, all together.
    """

    text: str
    cost: Cost


class Outcome(NamedTuple):
    """How a run ended: its folder, and whether it was finished or stopped in between."""

    folder: Path
    finished: bool


def plan(protocol: Protocol, bench: Bench) -> Plan:
    """Check every program of a protocol against a bench and add up what they would cost.

    Raises
    ------
    LimitExceeded, NotSupported
        If a program is beyond the limits or abilities of the bench.
    CellFault
        If the protocol needs a formed sample and it is not.
    """
    if protocol.needs_formed and not bench.sample.formed:
        raise CellFault(
            f"the sample on bench {bench.name} is not formed and this protocol needs one that is; "
            "form it first, then state formed = true under [sample]"
        )
    costs = [(bench.check(program), times) for program, times in protocol.programs(bench)]
    if not costs:
        raise ConfigError("the protocol has no programs to check")
    stress = costs[0][0].stress[:1].copy()
    for cost, _ in costs:
        stress["highest_v"] = max(stress["highest_v"], cost.positive_v)
        stress["lowest_v"] = min(stress["lowest_v"], cost.negative_v)
        stress["energy_j"] = max(stress["energy_j"], cost.stress["energy_j"].max())
    whole = Cost(
        duration_s=sum(cost.duration_s * times for cost, times in costs),
        current_limit_a=min(cost.current_limit_a for cost, _ in costs),
        current_a=max(cost.current_a for cost, _ in costs),
        stress=stress,
    )
    return Plan(protocol.describe(bench), whole)


def choose_seed() -> int:
    """Choose a seed that can be typed again."""
    return secrets.randbelow(1_000_000_000)


def name_of_run(protocol: str, bench: str) -> str:
    """Name a run by date, time, protocol and bench."""
    return f"{datetime.now().astimezone():%Y-%m-%d_%H%M%S}_{protocol}_{bench}"


def start(
    protocol_name: str,
    protocol: Protocol,
    named: NamedBench,
    bench: Bench,
    *,
    seed: int,
    folder: Path,
    note: str = "",
    report: Callable[[Progress], None] | None = None,
) -> Outcome:
    """Run a protocol from its beginning.

    Parameters
    ----------
    protocol_name, protocol : str, Protocol
        What is measured; its parameters are complete.
    named, bench : NamedBench, Bench
        The bench file, kept with the run, and the bench made from it, not yet open.
    seed : int
        Of all randomness, 0 to `LARGEST_SEED`.
    folder : Path
        The run's own folder, which is made.
    note : str
        A remark.
    report : callable, optional
        Told what is on disk, after each commit.

    Raises
    ------
    HilError
        For anything that stops the run; what was measured until then is kept.
    """
    recall_stress(bench, folder.parent)
    plan(protocol, bench)
    header = Header(
        protocol=protocol_name,
        parameters=msgspec.to_builtins(protocol),
        bench=named.name,
        bench_file=msgspec.to_builtins(named.file),
        kind=bench.kind,
        seed=seed,
        columns=dict(protocol.columns.units),
        cells=[bench.cells.name(cell) for cell in bench.cells.indices.tolist()],
        created_utc=datetime.now().astimezone().isoformat(timespec="seconds"),
        versions=_versions(),
        device=bench.sample.device,
        note=note,
    )
    with RunStore.create(folder, header) as store:
        store.event("started", " ".join(sys.argv[1:]))
        return _drive(protocol, bench, store, report)


def resume(folder: Path, report: Callable[[Progress], None] | None = None) -> Outcome:
    """Go on with a run that was stopped; on physics it ends as if it never had been.

    Raises
    ------
    StoreError
        If the folder is no run, is from a newer version, or another process is writing it.
    """
    with RunStore.open(folder) as store:
        header = store.header
        named = bench_from_record(header.bench, header.bench_file)
        bench = named.build(header.seed)
        protocol = decode(header.parameters, PROTOCOLS.load(header.protocol), f"run {folder.name}")
        if store.snapshot is not None:
            bench.restore(store.snapshot)
        store.event("resumed", f"after {store.batches} batches")
        return _drive(protocol, bench, store, report)


def _drive(
    protocol: Protocol, bench: Bench, store: RunStore, report: Callable[[Progress], None] | None
) -> Outcome:
    """Open the bench, measure to the end or to a stop, leave it safe, note how it ended."""
    try:
        with ExitStack() as stack:
            samples = _sample_log(bench, store, stack)
            stop = stack.enter_context(_stop_signals(at_once=not bench.can_snapshot))
            guard = _guard(bench, store, stack)
            stack.enter_context(bench)
            keeper = _Keeper(protocol, bench, store, samples, guard, report)
            finished = _measure(protocol, bench, keeper, stop)
    except KeyboardInterrupt:
        store.event("interrupted", "at once")
        return Outcome(store.folder, finished=False)
    except BaseException as error:
        _note_failure(store, error)
        raise
    store.event("finished" if finished else "interrupted")
    return Outcome(store.folder, finished)


class _Keeper:
    """Keeps batches, and the bench's state and stress after them, in groups."""

    def __init__(
        self,
        protocol: Protocol,
        bench: Bench,
        store: RunStore,
        samples: SampleLog | None,
        guard: Guard | None,
        report: Callable[[Progress], None] | None,
    ) -> None:
        self._protocol = protocol
        self._bench = bench
        self._store = store
        self._samples = samples
        self._guard = guard
        self._report = report
        self._waiting: list[Batch] = []
        self._first = store.batches
        self._last_s = time.monotonic()
        self.view = RunView(
            store.header.seed, self._first, store.table, seam=store.snapshot is None
        )
        self._done = protocol.done(self.view.past)

    def take(self, batch: Batch, *, at_once: bool) -> None:
        """Take a batch; keep the group if it is time or if *at_once*."""
        self.view.batch += 1
        self._waiting.append(batch)
        if at_once or time.monotonic() - self._last_s >= COMMIT_S:
            self.keep()

    def keep(self) -> None:
        """Put on disk what waits, then show it."""
        self._forget_kept()
        if self._waiting:
            snapshot = self._bench.snapshot() if self._bench.can_snapshot else None
            self._store.append(self._first, self._waiting, snapshot)
            last = self._waiting[-1]
            self._forget_kept()
            self._show(last)
        if self._samples is not None:
            self._samples.write(self._bench.ledger.own)
        if self._guard is not None:
            self._guard.check_alive()
        self._last_s = time.monotonic()

    def _forget_kept(self) -> None:
        """Let go of what is on disk; a stop may have come between a commit and this."""
        kept = self._store.batches
        self._done += sum(batch.done for batch in self._waiting[: kept - self._first])
        self._waiting = self._waiting[kept - self._first :]
        self._first = kept

    def _show(self, last: Batch) -> None:
        if self._report is not None:
            total = self._protocol.total(self._bench)
            self._report(Progress(self._done, total, self._protocol.glance(last)))


def _measure(protocol: Protocol, bench: Bench, keeper: _Keeper, stop: threading.Event) -> bool:
    """Take batches from the protocol and keep them; returns whether it came to its end."""
    try:
        for batch in protocol.measure(bench, keeper.view):
            keeper.take(batch, at_once=stop.is_set())
            if stop.is_set():
                return False
    except BaseException:
        # what a real cell has shown cannot be measured again; a simulated one is taken up from its
        # last snapshot, which what waits is ahead of
        if not bench.can_snapshot:
            keeper.keep()
        raise
    keeper.keep()
    return True


def _guard(bench: Bench, store: RunStore, stack: ExitStack) -> Guard | None:
    """Start the guard before a bench with instruments is opened."""
    if bench.kind == "physics":
        return None
    guard = stack.enter_context(Guard(store.folder / "guard.log"))
    guard.protect(bench.safe_messages())
    return guard


def _sample_log(bench: Bench, store: RunStore, stack: ExitStack) -> SampleLog | None:
    """Bring in the stress that a named sample has had in its other runs."""
    if not bench.sample.device:
        return None
    log = SampleLog(store.folder.parent, bench.kind, bench.sample.device, store.folder.name)
    stack.enter_context(log)
    bench.ledger.earlier = log.earlier(len(bench.cells))
    if not bench.can_snapshot:  # a snapshot brings the run's own share itself
        bench.ledger.own = log.own(len(bench.cells))
        bench.ledger.journal = log.write
    return log


def recall_stress(bench: Bench, runs: Path) -> None:
    """Let a bench know the stress that its named sample has had in the runs of a folder."""
    if bench.sample.device and (runs / SAMPLES).is_file():
        with SampleLog(runs, bench.kind, bench.sample.device, "") as log:
            bench.ledger.earlier = log.earlier(len(bench.cells))


def _note_failure(store: RunStore, error: BaseException) -> None:
    try:
        store.event("failed", f"{type(error).__name__}: {error}")
    except HilError:
        return


@contextmanager
def _stop_signals(*, at_once: bool) -> Iterator[threading.Event]:
    """Turn Ctrl-C and SIGTERM into a stop after the current batch.

    The second time, or where a bench cannot wait (*at_once*), they raise KeyboardInterrupt; after
    that they are ignored, so that none of them ends the way to a safe bench.
    """
    stop = threading.Event()
    raised = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if raised.is_set():
            return
        if at_once or stop.is_set():
            raised.set()
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        numbers.append(signal.SIGBREAK)
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _versions() -> dict[str, str]:
    packages = ("hil-bench", "numpy", "scipy", "numba")
    versions = {name: _version(name) for name in packages}
    return {**versions, "python": platform.python_version(), "system": platform.platform()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
