"""What the files of runs and of samples share: whole transactions, and one process at a time."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from hil.errors import StoreError


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Keep all of a block or, on every way out but its end, nothing of it."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
        raise


def locked(path: Path, refusal: str) -> sqlite3.Connection:
    """Lock a file of its own until the connection is closed or this process dies.

    SQLite's file lock works on every system. Raises StoreError with *refusal* where another
    process has the lock.
    """
    lock = sqlite3.connect(path, isolation_level=None, timeout=0)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except BaseException as error:
        lock.close()
        if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise StoreError(refusal) from error
        raise
    return lock
