"""Putting on disk what a run measures, in groups, with the bench's state and stress after them.

What has come in since the last commit is written as soon as a tenth of a second has passed; what a
bench that cannot be brought back has measured is written at once. What is shown as progress is on
disk.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from hil.bench import Bench
from hil.guard import Guard
from hil.protocol import Batch, Protocol, RunView
from hil.samples import SampleLog
from hil.store import RunStore

COMMIT_S = 0.1
"""Longest time between commits while batches come in from a simulated bench (s of wall time)."""


class Progress(NamedTuple):
    """What is on disk by now."""

    done: int
    total: int
    glance: str


class Keeper:
    """Keeps the batches of a run.

    Parameters
    ----------
    protocol, bench, store : Protocol, Bench, RunStore
        What is measured, on what, and where it is kept.
    samples, guard : SampleLog, Guard, optional
        Where stress is booked; what must be alive as long as there is something to measure.
    report : callable, optional
        Told what is on disk, after each commit.
    """

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
        """Take a batch; keep the group if it is time, if *at_once*, or if it cannot come again."""
        self.view.batch += 1
        self._waiting.append(batch)
        at_once = at_once or not self._bench.can_snapshot
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
