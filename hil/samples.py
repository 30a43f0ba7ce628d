"""The stress of every sample, over all its runs: one small file beside the runs.

Each run writes its own share under its own name, so writing it twice changes nothing. Simulated
and real samples of the same name are kept apart. While a sample is measured it is locked.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hil.database import locked, transaction
from hil.errors import StoreError
from hil.limits import STRESS, Ledger
from hil.share import refuse_network_share

FILE = "samples.sqlite"


class SampleLog:
    """The stress of one named sample, over its runs.

    Parameters
    ----------
    folder : Path
        Where the runs are.
    kind, device : str
        Physics, virtual or hardware; the sample's name.
    run : str
        The run that writes.
    """

    def __init__(self, folder: Path, kind: str, device: str, run: str) -> None:
        self._key = (kind, device)
        self._run = run
        self._path = folder / FILE
        self._written: NDArray[Any] | None = None
        columns = ", ".join(f"{name} NOT NULL" for name in STRESS.fields or ())
        refuse_network_share(folder)
        with _translated(self._path), ExitStack() as undo:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            undo.enter_context(closing(self._db))
            self._db.execute("PRAGMA journal_mode = WAL")
            # As for runs: what is written outlives this process however it dies. Waiting for the
            # disk before each program would save the last shares from a power cut alone, which
            # ends the experiment anyway.
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS stress (kind TEXT, device TEXT, run TEXT, "
                f"cell INTEGER, {columns}, PRIMARY KEY (kind, device, run, cell))"
            )
            self._add_disturbs()
            undo.pop_all()

    def _add_disturbs(self) -> None:
        """Give a file from before there were arrays the column that it lacks."""
        with transaction(self._db):
            names = [row[1] for row in self._db.execute("PRAGMA table_info(stress)")]
            if "disturbs" not in names:
                self._db.execute("ALTER TABLE stress ADD COLUMN disturbs NOT NULL DEFAULT 0")

    def earlier(self, cells: int) -> NDArray[Any]:
        """Add up the stress from all other runs, (cells,) STRESS."""
        return self._sum(cells, "run <> ?")

    def own(self, cells: int) -> NDArray[Any]:
        """Tell the stress from this run as far as it is kept, (cells,) STRESS."""
        return self._sum(cells, "run = ?")

    def _sum(self, cells: int, which: str) -> NDArray[Any]:
        ledger = Ledger(cells)
        with _translated(self._path):
            rows = self._db.execute(
                f"SELECT cell, {', '.join(STRESS.fields or ())} FROM stress "
                f"WHERE kind = ? AND device = ? AND cell < ? AND {which}",
                (*self._key, cells, self._run),
            ).fetchall()
        for cell, *stress in rows:
            ledger.book(np.array([cell]), np.array([tuple(stress)], STRESS))
        return ledger.own

    def write(self, own: NDArray[Any]) -> None:
        """Keep the stress of this run so far, (cells,) STRESS; only what is new is written."""
        if self._written is None:
            self._written = self.own(len(own))
        changed = np.flatnonzero(own != self._written)
        if not changed.size:
            return
        shares = zip(changed.tolist(), own[changed].tolist(), strict=True)
        rows = [(*self._key, self._run, cell, *share) for cell, share in shares]
        marks = ", ".join("?" * (4 + len(STRESS.fields or ())))
        with _translated(self._path), transaction(self._db):
            self._db.executemany(f"INSERT OR REPLACE INTO stress VALUES ({marks})", rows)
        self._written[changed] = own[changed]

    def close(self) -> None:
        """Finish; may be called twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def measuring(folder: Path, kind: str, device: str) -> Iterator[None]:
    """Have a named sample for this process alone; raises StoreError if another measures it."""
    path = _lock_path(folder, kind, device)
    refusal = f"another process is measuring {device} ({kind}); wait for it or stop it"
    with _translated(path):
        folder.mkdir(parents=True, exist_ok=True)
        lock = locked(path, f"{refusal}, then try again")
    with closing(lock):
        yield


def refuse_measured(folder: Path, kind: str, device: str) -> None:
    """Raise StoreError if another process measures a named sample; makes no file."""
    if _lock_path(folder, kind, device).is_file():
        with measuring(folder, kind, device):
            return


def _lock_path(folder: Path, kind: str, device: str) -> Path:
    """Name a file for a sample whose name may have characters that a file's may not."""
    name = hashlib.sha256(f"{kind} {device}".encode()).hexdigest()[:16]
    return folder / f".sample-{name}.lock"


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except StoreError:
        raise
    except (sqlite3.Error, OSError) as error:
        full = "full" in str(error)
        remedy = "free some space" if full else "look at the disk and the folder's permissions"
        raise StoreError(f"{path}: {error}; {remedy}, then try again or hil resume") from error
