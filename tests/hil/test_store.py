"""The file of a run: what goes in comes out bit for bit, whole or not at all, for any reader."""

import csv
import os
import shutil
import sqlite3
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hil import share as network_share
from hil import store
from hil.errors import ConfigError, StoreError
from hil.protocol import Batch, Columns
from hil.store import FILE, FORMAT, Header, RunRecord, RunStore, add_note

COLUMNS = {"name": "text", "count": "1", "flag": "1", "current_a": "A", "voltage_v": "V"}
HEADER = Header(
    protocol="jump-table", parameters={}, bench="bench", bench_file={"kind": "physics"},
    kind="physics", seed=7, columns=COLUMNS, cells=["cell 0"], created_utc="", versions={},
)  # fmt: skip
FORMAT_1 = Path(__file__).parent / "data" / "run_format_1"


def batch(rows: int = 3, **values: Any) -> Batch:
    given = {"name": "a", "count": 1, "flag": False, "current_a": 1e-6, "voltage_v": 0.1, **values}
    return Batch(given, rows, rows)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore.create(tmp_path / "run", HEADER) as made:
        yield made


def counts(folder: Path) -> list[int]:
    with RunRecord(folder) as record:
        return list(record.table()["count"])


def test_columns_come_back_bit_for_bit_with_their_types(run: RunStore) -> None:
    hard = [np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1.0]
    columns = {
        "name": np.array([f"Zelle {k} µS '\"" for k in range(8)]),
        "count": np.array([0, 1, -1, 2**62, -(2**62), 3, 4, 5]),
        "flag": np.array([True, False] * 4),
        "current_a": np.array(hard),
        "voltage_v": np.array(hard[::-1]).reshape(2, 4),
    }
    run.append(0, [batch(8, **columns)])
    with RunRecord(run.folder) as record:
        table = record.table()
    assert list(table) == list(COLUMNS)
    for name, values in columns.items():
        kept = table[name]
        assert kept.dtype.kind == values.dtype.kind.replace("b", "i")
        assert kept.tobytes() == values.ravel().astype(kept.dtype).tobytes(), name
    assert run.table().keys() == table.keys()


def test_records_read_in_parts_are_those_read_in_one_go_and_take_little_memory(
    run: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap or a long text in one part changes the type of the whole column, as it always did."""
    rows = 20_000
    rng = np.random.default_rng(1)
    gaps = np.arange(rows, dtype=float)
    gaps[-1] = np.nan
    columns = {
        "name": np.array([*["a"] * (rows - 1), "longer"]),
        "count": rng.integers(-(2**62), 2**62, rows),
        "flag": gaps,
        "current_a": rng.normal(size=rows) * 1e-6,
        "voltage_v": np.where(np.arange(rows) % 7, rng.normal(size=rows), np.nan),
    }
    run.append(0, [batch(rows, **columns)])
    for at_once in (10**9, 1000, 7):
        monkeypatch.setattr(store, "ROWS_AT_ONCE", at_once)
        table = run.table()
        for name, values in columns.items():
            assert table[name].dtype == values.dtype, name
            assert table[name].tobytes() == values.tobytes(), name
    monkeypatch.setattr(store, "ROWS_AT_ONCE", 1000)
    tracemalloc.start()
    try:
        table = run.table()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 3 * sum(values.nbytes for values in table.values())


def test_a_table_without_records_has_its_columns_and_their_types(run: RunStore) -> None:
    kinds = {name: values.dtype.kind for name, values in run.table().items()}
    assert kinds == {"name": "U", "count": "i", "flag": "i", "current_a": "f", "voltage_v": "f"}


def test_scalars_stand_for_every_row_and_a_batch_of_scalars_is_one_row(run: RunStore) -> None:
    run.append(0, [batch(3, current_a=np.array([1.0, 2.0, 3.0]), count=np.int64(9)), batch(1)])
    with RunRecord(run.folder) as record:
        table = record.table()
        assert record.records == 4
    assert table["name"].tolist() == ["a"] * 4
    assert table["count"].tolist() == [9, 9, 9, 1]
    assert table["current_a"].tolist() == [1.0, 2.0, 3.0, 1e-6]


def test_a_column_of_counts_with_gaps_is_of_floats(run: RunStore) -> None:
    run.append(0, [batch(2, count=np.array([1.0, np.nan]))])
    np.testing.assert_array_equal(run.table()["count"], [1.0, np.nan])


def test_a_run_without_records_has_empty_columns(run: RunStore) -> None:
    with RunRecord(run.folder) as record:
        assert {name: column.size for name, column in record.table().items()} == dict.fromkeys(
            COLUMNS, 0
        )


def test_the_header_comes_back_as_it_was(run: RunStore) -> None:
    with RunRecord(run.folder) as record:
        assert record.header == HEADER


def test_batches_and_the_state_after_them_are_there_together(run: RunStore) -> None:
    assert (run.batches, run.snapshot) == (0, None)
    run.append(0, [batch(), batch()], b"after two")
    run.append(2, [batch()], b"after three")
    assert (run.batches, run.snapshot) == (3, b"after three")
    with closing(sqlite3.connect(run.folder / FILE)) as db:
        numbers = [number for (number,) in db.execute("SELECT batch FROM records ORDER BY seq")]
    assert numbers == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_group_that_cannot_be_kept_is_not_kept_at_all(run: RunStore) -> None:
    run.append(0, [batch()], b"before")
    with pytest.raises(StoreError, match="run"):
        run.append(1, [batch(count=2), batch(count={"not": "a number"})], b"after")
    assert counts(run.folder) == [1, 1, 1]
    assert (run.batches, run.snapshot) == (1, b"before")
    run.append(1, [batch(count=3)])
    assert counts(run.folder) == [1, 1, 1, 3, 3, 3]


def test_a_reader_sees_nothing_of_a_group_that_is_being_written(
    run: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    keep = RunStore._keep

    def look(self: RunStore, name: str, value: Any) -> None:
        keep(self, name, value)
        seen.append(counts(self.folder))

    monkeypatch.setattr(RunStore, "_keep", look)
    run.append(0, [batch(count=1)], b"")
    run.append(1, [batch(count=2)], b"")
    assert seen == [[], [], [1, 1, 1], [1, 1, 1]]


def test_a_reader_that_stays_sees_each_group_as_it_comes(run: RunStore) -> None:
    with RunRecord(run.folder) as record:
        for number in range(5):
            run.append(number, [batch()])
            assert record.records == 3 * (number + 1)


def test_reading_leaves_nothing_behind(run: RunStore) -> None:
    run.append(0, [batch()])
    run.close()
    before = sorted(path.name for path in run.folder.iterdir())
    assert counts(run.folder) == [1, 1, 1]
    assert sorted(path.name for path in run.folder.iterdir()) == before


def test_a_note_is_kept_while_the_run_is_written_and_shown(
    run: RunStore, hil: Callable[..., Any]
) -> None:
    run.append(0, [batch()])
    assert hil("note", run.folder, "probe lifted").code == 0
    run.append(1, [batch()])
    add_note(run.folder, "probe down again")
    with RunRecord(run.folder) as record:
        assert [(e.what, e.detail) for e in record.events()] == [
            ("note", "probe lifted"),
            ("note", "probe down again"),
        ]
        assert record.records == 6


def test_the_status_follows_the_last_of_its_endings(run: RunStore) -> None:
    def status() -> str:
        with RunRecord(run.folder) as record:
            return record.status

    told = [status()]
    for event in ("started", "note", "failed", "note", "resumed", "interrupted", "finished"):
        run.event(event)
        told.append(status())
    killed = "running or killed"
    assert told == [
        "empty", killed, killed, "failed", "failed", killed, "interrupted", "finished",
    ]  # fmt: skip


def test_a_second_writer_is_told_who_has_the_run_and_a_dead_ones_lock_holds_nothing(
    launch: Callable[..., subprocess.Popen[str]], tmp_path: Path, hil: Callable[..., Any]
) -> None:
    folder = tmp_path / "run"
    owner = launch(
        code=f"""
import sys
from pathlib import Path
import msgspec
from hil.protocol import Batch
from hil.store import Header, RunStore
header = msgspec.json.decode({msgspec.json.encode(HEADER)!r}, type=Header)
run = RunStore.create(Path({str(folder)!r}), header)
values = {batch().values!r}
run.append(0, [Batch(values, 3, 3)])
print("holds it", flush=True)
sys.stdin.read()
"""
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "holds it\n"
    with pytest.raises(StoreError, match="another process is writing") as refused:
        RunStore.open(folder)
    assert str(folder) in str(refused.value)
    told = hil("resume", folder)
    assert told.code == 1
    assert told.err.count("\n") == 1
    assert "another process is writing" in told.err
    assert counts(folder) == [1, 1, 1]
    add_note(folder, "a note from another process")
    owner.kill()
    owner.wait()
    with RunStore.open(folder) as run:
        run.append(run.batches, [batch(count=2)])
    assert counts(folder) == [1, 1, 1, 2, 2, 2]


def test_one_process_cannot_open_a_run_twice_either(run: RunStore) -> None:
    with pytest.raises(StoreError, match="another process is writing"):
        RunStore.open(run.folder)
    run.close()
    run.close()
    RunStore.open(run.folder).close()


def test_a_folder_that_is_there_is_not_written_over(run: RunStore, tmp_path: Path) -> None:
    run.append(0, [batch()])
    with pytest.raises(StoreError, match=r"is there already; choose another --out"):
        RunStore.create(run.folder, HEADER)
    assert counts(run.folder) == [1, 1, 1]
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="choose another --out"):
        RunStore.create(tmp_path / "file" / "run", HEADER)


def test_a_run_of_a_newer_version_is_refused_and_left_alone(
    run: RunStore, hil: Callable[..., Any]
) -> None:
    run.close()
    with closing(sqlite3.connect(run.folder / FILE)) as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    for command in (["show"], ["resume"], ["plot"], ["export", "--out=x.csv"]):
        told = hil(command[0], run.folder, *command[1:])
        assert (told.code, told.err.count("\n")) == (1, 1)
        assert "newer version" in told.err
        assert "update" in told.err
    with pytest.raises(StoreError, match="newer version"):
        add_note(run.folder, "text")
    listed = hil("runs", "--out", run.folder.parent)
    assert listed.code == 0
    assert "newer version" in listed.out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "not a run folder"),
        (b"", "before it began"),
        (b"not a database, but long enough to look like one" * 40, "damaged"),
        ("damaged", "damaged"),
        ("header", "header cannot be read"),
    ],
    ids=["no file", "empty file", "another file", "damaged file", "damaged header"],
)
def test_what_is_not_a_run_is_one_sentence_everywhere(
    run: RunStore, hil: Callable[..., Any], content: bytes | str | None, words: str
) -> None:
    run.append(0, [batch(1000, current_a=np.arange(1000.0))])
    run.close()
    path = run.folder / FILE
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "header":
        with closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE header SET json = '{}'")
    else:
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    for command in (["show"], ["resume"], ["plot"], ["note", "text"], ["export", "--out=x.csv"]):
        told = hil(command[0], run.folder, *command[1:])
        assert (told.code, told.err.count("\n")) == (1, 1), told.err
        assert words in told.err
        assert str(run.folder) in told.err
    assert hil("runs", "--out", run.folder.parent).code == 0


@pytest.fixture
def read_only(tmp_path: Path, run: RunStore) -> Iterator[Path]:
    """Copy a run to where nothing can be written, root or not."""
    run.append(0, [batch()])
    run.close()
    disk = tmp_path / "disk"
    disk.mkdir()
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if (
            shutil.which("mount") is None
            or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False
            ).returncode
        ):
            pytest.skip("root may write everywhere, and no disk can be mounted here")
        shutil.copytree(run.folder, disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        yield disk / "run"
        subprocess.run(["umount", "-l", disk], check=True)
        return
    shutil.copytree(run.folder, disk / "run")
    for path in (disk / "run", disk):
        path.chmod(0o500)
    yield disk / "run"
    for path in (disk, disk / "run"):
        path.chmod(0o700)


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions")
def test_a_run_that_cannot_be_written_can_be_read(
    read_only: Path, hil: Callable[..., Any]
) -> None:
    assert counts(read_only) == [1, 1, 1]
    listed = hil("runs", "--out", read_only.parent)
    assert "3 records" in listed.out
    assert hil("export", read_only, "--out=points.csv").code == 0
    for command in (["resume"], ["note", "text"]):
        told = hil(command[0], read_only, *command[1:])
        assert (told.code, told.err.count("\n")) == (1, 1)
        assert "permissions" in told.err
    told = hil("run", "jump-table", "--bench=tiox", "--out", read_only.parent)
    assert (told.code, told.err.count("\n")) == (1, 1)
    assert "start again" in told.err


@pytest.mark.skipif(os.name != "posix", reason="Windows tells it otherwise")
@pytest.mark.parametrize("kind", ["nfs4", "cifs", "9p", "fuse.sshfs"])
def test_a_network_share_is_refused_with_the_reason_also_behind_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hil: Callable[..., Any], kind: str
) -> None:
    share = tmp_path / "lab share"
    share.mkdir()
    (tmp_path / "runs").symlink_to(share)
    mounts = tmp_path / "mounts"
    escaped = str(share).replace(" ", r"\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/lab {escaped} {kind} rw 0 0\n")
    monkeypatch.setattr(network_share, "MOUNTS", mounts)
    told = hil("run", "jump-table", "--bench=tiox", "--set=points=1")
    assert (told.code, told.err.count("\n")) == (1, 1)
    assert f"network share ({kind})" in told.err
    assert "--out" in told.err
    assert list(share.iterdir()) == []
    network_share.refuse_network_share(tmp_path / "local")


@pytest.mark.parametrize("names", [("seq",), ("Batch",), ("cell", "Cell")], ids=str)
def test_columns_that_the_file_cannot_tell_apart_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="no two may be alike"):
        Columns(**dict.fromkeys(names, "1"))


def test_a_run_of_format_1_opens_for_ever(tmp_path: Path, hil: Callable[..., Any]) -> None:
    """Written by version 0.1.0: `hil run jump-table --bench tiox --seed 3 --set points=2 ...`."""
    folder = tmp_path / "runs" / "run_format_1"
    folder.mkdir(parents=True)
    shutil.copy(FORMAT_1 / FILE, folder)
    with RunRecord(folder) as record:
        header, table = record.header, record.table()
        assert record.status == "finished"
        assert record.records == 34
        assert [event.what for event in record.events()] == ["started", "finished", "note"]
    assert (header.protocol, header.bench, header.kind) == ("jump-table", "tiox", "physics")
    assert (header.seed, header.device, header.note) == (3, "W1/D1", "kept for ever")
    assert (header.format, header.cells) == (1, ["cell 0"])
    with (FORMAT_1 / "records.csv").open(newline="") as file:
        names, *rows = csv.reader(file)
    assert list(table) == names
    kept = [[str(value) for value in row] for row in zip(*table.values(), strict=True)]
    assert kept == rows
    shown = hil("show", "run_format_1")
    assert shown.code == 0
    assert "a remark afterwards" in shown.out
    assert hil("plot", "run_format_1").code == 0
