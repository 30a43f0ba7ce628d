"""What went over a line and when: the newest messages, for errors and for whoever looks."""

from collections import deque
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple

KEPT = 500
LONGEST_BYTES = 4096  # of a longer message the ring keeps the beginning; a file has it whole
SHOWN_BYTES = 200


class Entry(NamedTuple):
    """One message, or a remark of the session.

    Attributes
    ----------
    time_s
        ``time.monotonic()`` of this computer (s): a bench's own clock may be asked over a wire.
    kind
        ">" sent, "<" received, "!" the session's remark.
    """

    time_s: float
    kind: Literal[">", "<", "!"]
    data: bytes


class ByteLog:
    """The newest messages of a line, and all of them in a file if one is named."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._file = None if path is None else path.open("a", encoding="ascii", buffering=1)

    def add(self, kind: Literal[">", "<", "!"], data: bytes) -> None:
        """Keep one message with the time."""
        entry = Entry(monotonic(), kind, data)
        if self._file is not None:
            self._file.write(f"{entry.time_s:.6f} {kind} {data!r}\n")
        if len(data) > LONGEST_BYTES:
            entry = entry._replace(data=data[:LONGEST_BYTES])
        self._entries.append(entry)

    def entries(self) -> tuple[Entry, ...]:
        """Give what is kept, the oldest first."""
        return tuple(self._entries)

    def tail(self, count: int = 4) -> str:
        """Write the newest messages in one line each, with their age (s)."""
        now_s = monotonic()
        return "\n".join(
            f"{entry.time_s - now_s:+.6f} s {entry.kind} {shown(entry.data)}"
            for entry in self.entries()[-count:]
        )

    def close(self) -> None:
        """Close the file, if there is one; the newest messages stay."""
        if self._file is not None:
            self._file.close()
            self._file = None


def shown(data: bytes) -> str:
    """Write bytes for a person, long ones cut."""
    if len(data) <= SHOWN_BYTES:
        return repr(data)
    return f"{data[:SHOWN_BYTES]!r}... ({len(data)} bytes)"
