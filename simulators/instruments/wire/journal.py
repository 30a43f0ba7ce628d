"""A file to which all that goes over the wires of a lab is appended, one line a message."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from hil.errors import StoreError
from hil.simulators.instruments.lab.logs import Message


class Journal:
    r"""A log file that people read: time on the wall, lab time (s), instrument, direction, bytes.

    ``2026-11-22T10:14:03.123456+00:00      12.345678 smu in  '*IDN?\n'``

    Each line is written out at once. A disk that is full later on is told once on standard error,
    and the lab goes on without the file.

    Parameters
    ----------
    path : Path
        Where to; what is there stays.

    Raises
    ------
    StoreError
        If it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("a", encoding="utf-8", buffering=1)
        except OSError as error:
            raise StoreError(
                f"the log {path} cannot be written ({error.strerror}); name another file"
            ) from error

    def write(self, message: Message) -> None:
        """Append one message."""
        told = repr(message.wire)[1:]
        self._append(message.time_s, message.wall_s, message.instrument, message.direction, told)

    def note(self, time_s: float, wall_s: float, instrument: str, what: str) -> None:
        """Append something that is no message, in words."""
        self._append(time_s, wall_s, instrument, "--", what)

    def close(self) -> None:
        """Let go of the file."""
        try:
            self._file.close()
        except OSError as error:
            self._give_up(error)

    def _append(
        self, time_s: float, wall_s: float, instrument: str, direction: str, told: str
    ) -> None:
        if self._file.closed:
            return
        when = datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="microseconds")
        try:
            self._file.write(f"{when} {time_s:14.6f} {instrument} {direction:<3} {told}\n")
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        print(  # noqa: T201 - who asked for the file is to know
            f"the log {self._path} ends here, it cannot be written any more "
            f"({error.strerror}); the lab goes on without it",
            file=sys.stderr,
        )
        try:
            self._file.close()
        except OSError:
            return
