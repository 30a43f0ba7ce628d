"""A file that a killed search goes on from."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hil.database import locked
from hil.errors import StoreError
from hil.export import needed

_BEGINNING = b'{"op_code":'
"""What each line of a journal begins with."""


class _NoLock:
    """In place of Optuna's own lock: the journal is held as a whole.

    Optuna's is a file or link, which a killed process leaves behind and the next one waits for.
    """

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@contextmanager
def journal_storage(path: Path) -> Iterator[Any]:
    """Open an Optuna journal for this process alone.

    The half line that a process leaves when it is killed while it writes is cut off.

    Raises
    ------
    StoreError
        If another process searches in it, or it cannot be read or written.
    MissingExtra
        If Optuna is not installed.
    """
    optuna = needed("optuna", "learn")
    files = needed("optuna.storages.journal", "learn")
    refusal = f"another process searches in {path}; wait for it, or name another journal"
    with _told(path):
        lock = locked(path.with_name(f"{path.name}.lock"), refusal)
    with closing(lock):
        with _told(path):
            _mend(path)
            backend = files.JournalFileBackend(str(path), lock_obj=_NoLock())
            storage = optuna.storages.JournalStorage(backend)
        yield storage


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of which file an error is."""
    try:
        yield
    except StoreError:
        raise
    except (OSError, sqlite3.Error, ValueError, LookupError, TypeError) as error:
        raise StoreError(
            f"{path} cannot be used as the journal of a search ({error}); name another"
        ) from error


def _mend(path: Path) -> None:
    """Cut off what follows the last whole line; of nothing but a journal."""
    with path.open("a+b") as file:
        file.seek(0)
        content = file.read()
        if not content.startswith(_BEGINNING[: len(content)]):
            raise ValueError("it holds something else")
        file.truncate(content.rfind(b"\n") + 1)
