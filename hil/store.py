"""What was measured, kept: a folder for each run with one SQLite file in it.

Tables: ``header`` (one JSON text: protocol, parameters, bench, seed, versions, sample, kind),
``records`` (the protocol's columns under their names), ``events`` (what happened when) and
``state`` (how many batches are kept, and on physics the bench as it was then). A batch is in the
file whole or not at all, and with it the state that belongs to it.
"""

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from hil.database import locked, transaction
from hil.errors import StoreError
from hil.protocol import Batch, Table
from hil.share import refuse_network_share

FORMAT = 1
"""Version of the run folder; a newer one is refused, older ones are read for ever."""

FILE = "run.sqlite"

ROWS_AT_ONCE = 50_000
"""How many records are read in one go."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is, fixed when it starts."""

    protocol: str
    parameters: dict[str, Any]
    bench: str
    bench_file: dict[str, Any]
    kind: str
    seed: int
    columns: dict[str, str]
    cells: list[str]
    created_utc: str
    versions: dict[str, str]
    device: str = ""
    note: str = ""
    format: int = FORMAT


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a run."""

    time_utc: str
    what: str
    detail: str


class RunStore:
    """A run that is being written, by this process alone.

    Use `create` or `open`, and close it or use it as a context manager.
    """

    def __init__(self, folder: Path, header: Header, connection: sqlite3.Connection) -> None:
        self.folder = folder
        self.header = header
        self._db = connection
        self._lock: sqlite3.Connection | None = None
        marks = ", ".join("?" * (len(header.columns) + 1))
        self._insert = f"INSERT INTO records VALUES (NULL, {marks})"

    @classmethod
    def create(cls, folder: Path, header: Header) -> Self:
        """Make the folder and the file; raises StoreError if it cannot be, or is there already."""
        refuse_network_share(folder)
        with _translated(folder, "start again"), contextlib.ExitStack() as undo:
            folder.mkdir(parents=True)
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            lock = undo.enter_context(contextlib.closing(_locked(folder)))
            db = undo.enter_context(contextlib.closing(_connected(folder / FILE)))
            _lay_out(db, header)
            undo.pop_all()
        store = cls(folder, header, db)
        store._lock = lock
        return store

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a run to go on with it; raises StoreError if another process is writing it."""
        refuse_network_share(folder)
        path = _existing(folder)
        with _translated(folder), contextlib.ExitStack() as undo:
            lock = undo.enter_context(contextlib.closing(_locked(folder)))
            db = undo.enter_context(contextlib.closing(_connected(path)))
            store = cls(folder, _read_header(db, folder), db)
            undo.pop_all()
        store._lock = lock
        return store

    def append(self, first: int, batches: Sequence[Batch], snapshot: bytes | None = None) -> None:
        """Keep batches, and the bench's state after the last of them, in one transaction.

        Parameters
        ----------
        first : int
            Number of the first of the batches.
        batches : sequence of Batch
            What to keep.
        snapshot : bytes, optional
            State of the bench after them.

        Raises
        ------
        StoreError
            If the disk is full or fails; what was kept before is still there.
        """
        with _translated(self.folder), transaction(self._db):
            columns = list(self.header.columns)
            rows = (_rows(batch, number, columns) for number, batch in enumerate(batches, first))
            self._db.executemany(self._insert, chain.from_iterable(rows))
            self._keep("batches", first + len(batches))
            if snapshot is not None:
                self._keep("snapshot", snapshot)

    def event(self, what: str, detail: str = "") -> None:
        """Note that something happened."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        with _translated(self.folder):
            self._db.execute("INSERT INTO events VALUES (NULL, ?, ?, ?)", (now, what, detail))

    def last_event(self, what: str) -> str | None:
        """Tell the detail of the newest event of a kind, None if there is none."""
        with _translated(self.folder):
            row = self._db.execute(
                "SELECT detail FROM events WHERE what = ? ORDER BY rowid DESC LIMIT 1", (what,)
            ).fetchone()
        return None if row is None else str(row[0])

    @property
    def batches(self) -> int:
        """How many batches are kept."""
        return int(self._kept("batches") or 0)

    @property
    def snapshot(self) -> bytes | None:
        """The state of the bench after the last kept batch."""
        kept: bytes | None = self._kept("snapshot")
        return kept

    def table(self) -> Table:
        """Read all records."""
        with _translated(self.folder):
            return _read_table(self._db, self.header.columns)

    def close(self) -> None:
        """Finish writing and let others write; may be called twice."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _keep(self, name: str, value: bytes | int) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))

    def _kept(self, name: str) -> Any:
        with _translated(self.folder):
            row = self._db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None


class RunRecord:
    """A run that is being read; it may be written by another process meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = _existing(folder)
        with _translated(folder):
            self._db, self.header = _opened_to_read(path)

    def table(self) -> Table:
        """Read all records."""
        with _translated(self.folder):
            return _read_table(self._db, self.header.columns)

    def events(self) -> list[Event]:
        """Read what happened, in order."""
        with _translated(self.folder):
            rows = self._db.execute("SELECT time_utc, what, detail FROM events ORDER BY seq")
            return [Event(*row) for row in rows]

    @property
    def records(self) -> int:
        """How many records are kept."""
        with _translated(self.folder):
            return int(self._db.execute("SELECT count(*) FROM records").fetchone()[0])

    @property
    def status(self) -> str:
        """Whether the run is finished, failed, was interrupted, or is running (or was killed)."""
        endings = [e.what for e in self.events() if e.what in _STATUS]
        return _STATUS[endings[-1]] if endings else "empty"

    def close(self) -> None:
        """Stop reading."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def add_note(folder: Path, text: str) -> None:
    """Add a remark to a run, also while another process is writing it."""
    path = _existing(folder)
    with _translated(folder), contextlib.closing(_connected(path)) as db:
        store = RunStore(folder, _read_header(db, folder), db)
        store.event("note", text)


_STATUS = {
    "started": "running or killed",
    "resumed": "running or killed",
    "finished": "finished",
    "failed": "failed",
    "interrupted": "interrupted",
}


def _existing(folder: Path) -> Path:
    path = folder / FILE
    if not path.is_file():
        raise StoreError(
            f"{folder} is not a run folder, or was stopped before it began: it has no {FILE}; "
            "hil runs lists what there is"
        )
    return path


def _connected(path: Path) -> sqlite3.Connection:
    with contextlib.ExitStack() as undo:
        db = sqlite3.connect(path, isolation_level=None, timeout=10)
        undo.enter_context(contextlib.closing(db))
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        undo.pop_all()
    return db


def _opened_to_read(path: Path) -> tuple[sqlite3.Connection, Header]:
    """Open a file to read it; it may be on a disk that is full or cannot be written."""
    uri = path.absolute().as_uri()
    try:
        return _connected_to_read(f"{uri}?mode=rw", path.parent)
    except sqlite3.OperationalError:
        log = path.with_name(f"{FILE}-wal")
        if log.is_file() and log.stat().st_size:
            raise
        return _connected_to_read(f"{uri}?immutable=1", path.parent)


def _connected_to_read(uri: str, folder: Path) -> tuple[sqlite3.Connection, Header]:
    with contextlib.ExitStack() as undo:
        db = sqlite3.connect(uri, uri=True, timeout=10)
        undo.enter_context(contextlib.closing(db))
        db.execute("PRAGMA query_only = ON")
        header = _read_header(db, folder)
        undo.pop_all()
    return db, header


def _locked(folder: Path) -> sqlite3.Connection:
    """Take the run for this process."""
    refusal = f"another process is writing {folder}; wait for it or stop it, then try again"
    return locked(folder / "lock.sqlite", refusal)


@contextlib.contextmanager
def _translated(
    folder: Path, then: str = "hil resume: everything acknowledged is kept"
) -> Iterator[None]:
    """Turn what goes wrong with a run's file into a sentence; *then* comes after mending."""
    try:
        yield
    except FileExistsError as error:
        raise StoreError(f"{folder} is there already; choose another --out") from error
    except NotADirectoryError as error:
        raise StoreError(
            f"{folder} cannot be made, as a part of its path is a file; choose another --out"
        ) from error
    except StoreError:
        raise
    except (sqlite3.Error, OSError) as error:
        what = str(getattr(error, "strerror", None) or error)
        remedy = "look at the disk and the folder's permissions"
        if "full" in what or getattr(error, "errno", None) == errno.ENOSPC or _is_full(folder):
            what, remedy = "the disk is full", "free some space"
        elif "locked" in what:
            remedy = "another program holds the file: close it"
        elif "malformed" in what or "not a database" in what:
            remedy, then = f"{FILE} is damaged: bring it back from a copy", "try again"
        raise StoreError(f"{folder}: {what}; {remedy}, then {then}") from error


def _is_full(folder: Path) -> bool:
    """Tell whether SQLite's shared memory has no place, which it reports as an I/O error."""
    try:
        return shutil.disk_usage(folder).free < 2**16
    except OSError:
        return False


def _lay_out(db: sqlite3.Connection, header: Header) -> None:
    """Make the tables and the header, all of it or nothing."""
    columns = ", ".join(f'"{name}" {_sql(unit)}' for name, unit in header.columns.items())
    db.execute("BEGIN")
    db.execute("CREATE TABLE header (json TEXT NOT NULL)")
    db.execute(
        f"CREATE TABLE records (seq INTEGER PRIMARY KEY, batch INTEGER NOT NULL, {columns})"
    )
    db.execute(
        "CREATE TABLE events (seq INTEGER PRIMARY KEY, time_utc TEXT, what TEXT, detail TEXT)"
    )
    db.execute("CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB)")
    db.execute(f"PRAGMA user_version = {FORMAT}")
    db.execute("INSERT INTO header VALUES (?)", (msgspec.json.encode(header).decode(),))
    db.execute("COMMIT")


def _read_header(db: sqlite3.Connection, folder: Path) -> Header:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT:
        raise StoreError(
            f"{folder} was written by a newer version (format {version}, this one reads up to "
            f"{FORMAT}); update with pip"
        )
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'header'").fetchone() is None:
        raise StoreError(
            f"{folder} holds nothing: it was stopped before it began; delete it and start again"
        )
    (text,) = db.execute("SELECT json FROM header").fetchone()
    try:
        return msgspec.json.decode(text, type=Header)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"{folder}: its header cannot be read ({error}); bring {FILE} back from a copy"
        ) from error


def _sql(unit: str) -> str:
    return "TEXT" if unit == "text" else ""


def _rows(batch: Batch, number: int, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Turn columns into rows; scalars stand for every row."""
    values = batch.values
    lists = [_listed(values[name]) for name in columns]
    return islice(zip(repeat(number), *lists, strict=False), batch.rows)


def _listed(values: Any) -> Any:
    if type(values) is np.ndarray:
        return values.ravel().tolist()
    return repeat(values.item() if isinstance(values, np.generic) else values)


def _read_table(db: sqlite3.Connection, columns: dict[str, str]) -> Table:
    """Read all records, a part at a time: Python's objects take ten times an array's memory."""
    chosen = ", ".join(f'"{name}"' for name in columns)
    parts: list[list[np.ndarray]] = [[_column((), unit)] for unit in columns.values()]
    cursor = db.execute(f"SELECT {chosen} FROM records ORDER BY seq")
    with contextlib.closing(cursor):
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            listed = zip(*rows, strict=True)
            for part, values, unit in zip(parts, listed, columns.values(), strict=True):
                part.append(_column(values, unit))
    # floats where a part has them, texts as long as the longest
    return {name: np.concatenate(part) for name, part in zip(columns, parts, strict=True)}


def _column(values: tuple[Any, ...], unit: str) -> np.ndarray:
    """Make an array; NaN, which SQLite keeps as NULL, comes back as NaN."""
    if unit == "text":
        return np.array(values, dtype=np.str_)
    whole = unit == "1" and all(type(value) is int for value in values)
    return np.array(values, np.int64 if whole else np.float64)
