"""Files that appear whole or not at all, whatever stops their writing."""

from pathlib import Path

import pytest

from hil.errors import StoreError
from hil.whole_file import refuse_unwritable, whole_file


def test_a_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(path: Path) -> None:
        with whole_file(path) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told_before_anything_is_lost(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no such.out.csv cannot be written \(No such file"):
        refuse_unwritable(tmp_path / "no such" / "out.csv")
    with pytest.raises(StoreError, match="is no plain file; name another one"):
        refuse_unwritable(tmp_path)
    kept = tmp_path / "out.csv"
    kept.write_text("old")
    refuse_unwritable(kept)
    assert kept.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
