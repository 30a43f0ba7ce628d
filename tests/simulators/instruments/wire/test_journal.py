"""The log file of a lab: a line a message, and what happens when it cannot be written."""

import os
from pathlib import Path

import pytest

from hil.errors import StoreError
from hil.simulators.instruments.lab.logs import Message
from hil.simulators.instruments.wire.journal import Journal

MESSAGE = Message(12.345678, 1.75e9, "smu", "in", b"*IDN?\n\xff'")
LINE = r"""2025-06-15T15:06:40.000000+00:00      12.345678 smu in  "*IDN?\n\xff'" """.strip()


def test_a_message_is_one_line_that_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "lab.log"
    path.write_text("what was there\n")
    journal = Journal(path)
    journal.write(MESSAGE)
    journal.note(13.0, 1.75e9, "smu", "off")
    assert path.read_text().splitlines() == [
        "what was there",
        LINE,
        "2025-06-15T15:06:40.000000+00:00      13.000000 smu --  off",
    ]
    journal.close()


@pytest.mark.parametrize("name", [".", "nowhere/lab.log"])
def test_one_that_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match=r"the log .+ cannot be written \(.+\); name another"):
        Journal(tmp_path / name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told_once_and_nothing_else_happens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    journal = Journal(Path(os.sep, "dev", "full"))
    for _ in range(3):
        journal.write(MESSAGE)
    journal.close()
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "the lab goes on without it" in err
