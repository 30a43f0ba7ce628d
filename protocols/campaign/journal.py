"""What a campaign has done so far: a file of one JSON line for each finished task.

A line is ``{"key": ..., "result": ...}``. It is on the disk before it counts, and never changed.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from hil.database import locked
from hil.errors import StoreError


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    result: msgspec.Raw


class Journal:
    """The results of a campaign, written by this process alone.

    Use it as a context manager.

    Parameters
    ----------
    path : Path
        Made, with its folder, if it is not there.

    Attributes
    ----------
    results : dict
        The result, in JSON, of each finished task by its key.

    Raises
    ------
    StoreError
        If another process writes it, if it cannot be written, or if a line of it is damaged. A
        last line that was not written to its end is left out: it was never acknowledged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = locked(
                path.with_name(f"{path.name}.lock"),
                f"another process is writing {path}; wait for it or stop it, then try again",
            )
        try:
            with _told(path):
                self._file = path.open("ab", buffering=0)
                self.results, self._size = _read(path)
                self._file.truncate(self._size)
        except BaseException:
            self.close()
            raise

    def add(self, key: str, result: bytes) -> None:
        """Keep a result; it is on the disk when this returns.

        Raises
        ------
        StoreError
            If the disk is full or fails; what was kept before is still there.
        """
        line = msgspec.json.encode(_Line(key, msgspec.Raw(result))) + b"\n"
        with _told(self.path):
            try:
                written = 0
                while written < len(line):
                    written += self._file.write(line[written:])
                os.fsync(self._file.fileno())
            except OSError:
                self._file.truncate(self._size)
                raise
        self._size += len(line)
        self.results[key] = result

    def close(self) -> None:
        """Finish writing and let others write; may be called twice."""
        if hasattr(self, "_file"):
            self._file.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(path: Path) -> tuple[dict[str, bytes], int]:
    """Read the results, and how many bytes of the file hold whole lines."""
    results: dict[str, bytes] = {}
    size = 0
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith(b"\n"):
                break
            try:
                line = msgspec.json.decode(text, type=_Line)
            except msgspec.MsgspecError as error:
                raise StoreError(
                    f"line {number} of {path} is damaged ({error}); delete the line, and its task "
                    "is done again"
                ) from error
            results[line.key] = bytes(line.result)
            size += len(text)
    return results, size


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the operating system says about the file into a sentence."""
    try:
        yield
    except StoreError:
        raise
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"{path} cannot be written ({getattr(error, 'strerror', None) or error}); look at the "
            "disk and at permissions, then start again: every finished task is kept"
        ) from error
