"""The stress of every sample, over all its runs: one small file beside the runs.

Each run writes its own share under its own name, so writing it twice changes nothing. Simulated
and real samples of the same name are kept apart.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hil.errors import StoreError
from hil.limits import STRESS, Ledger

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
        columns = ", ".join(f"{name} NOT NULL" for name in STRESS.fields or ())
        with self._translated(), ExitStack() as undo:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            undo.enter_context(closing(self._db))
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS stress (kind TEXT, device TEXT, run TEXT, "
                f"cell INTEGER, {columns}, PRIMARY KEY (kind, device, run, cell))"
            )
            undo.pop_all()

    def earlier(self, cells: int) -> NDArray[Any]:
        """Add up the stress from all other runs, (cells,) STRESS."""
        return self._sum(cells, "run <> ?")

    def own(self, cells: int) -> NDArray[Any]:
        """Tell the stress from this run as far as it is kept, (cells,) STRESS."""
        return self._sum(cells, "run = ?")

    def _sum(self, cells: int, which: str) -> NDArray[Any]:
        ledger = Ledger(cells)
        with self._translated():
            rows = self._db.execute(
                "SELECT cell, pulses, bias_vs, bias_s, energy_j, highest_v, lowest_v FROM stress "
                f"WHERE kind = ? AND device = ? AND cell < ? AND {which}",
                (*self._key, cells, self._run),
            ).fetchall()
        for cell, *stress in rows:
            ledger.book(np.array([cell]), np.array([tuple(stress)], STRESS))
        return ledger.own

    def write(self, own: NDArray[Any]) -> None:
        """Keep the stress of this run so far, (cells,) STRESS."""
        rows = [(*self._key, self._run, cell, *row) for cell, row in enumerate(own.tolist())]
        marks = ", ".join("?" * (4 + len(STRESS.fields or ())))
        with self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(f"INSERT OR REPLACE INTO stress VALUES ({marks})", rows)
            self._db.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            full = "full" in str(error)
            remedy = "free some space" if full else "look at the disk and the folder's permissions"
            raise StoreError(f"{self._path}: {error}; {remedy}, then hil resume") from error

    def close(self) -> None:
        """Finish; may be called twice."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
