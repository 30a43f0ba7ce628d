"""HiSLIP frames: what they are made of, how they are cut from a stream, how they are sent.

Source: IVI-6.1, "High-Speed LAN Instrument Protocol"; the numbers as pyvisa-py 0.8.1 has them. A
frame is a header of 16 bytes, ``HS``, type, control code, parameter and length, all big-endian,
and a payload.
"""

import struct
from typing import NamedTuple

from hil.simulators.instruments.wire.stream import LONGEST_MESSAGE, Stream

INITIALIZE, INITIALIZE_RESPONSE, FATAL_ERROR, ERROR = 0, 1, 2, 3
ASYNC_LOCK, ASYNC_LOCK_RESPONSE, DATA, DATA_END = 4, 5, 6, 7
CLEAR_COMPLETE, CLEAR_ACKNOWLEDGE, REMOTE_LOCAL, REMOTE_LOCAL_RESPONSE = 8, 9, 10, 11
TRIGGER, INTERRUPTED, ASYNC_INTERRUPTED, MAX_SIZE, MAX_SIZE_RESPONSE = 12, 13, 14, 15, 16
ASYNC_INITIALIZE, ASYNC_INITIALIZE_RESPONSE, ASYNC_CLEAR = 17, 18, 19
STATUS_QUERY, STATUS_RESPONSE, ASYNC_CLEAR_ACKNOWLEDGE = 21, 22, 23
LOCK_INFO, LOCK_INFO_RESPONSE = 24, 25
"""Types of frames."""

POORLY_FORMED, NOT_BOTH_CHANNELS, WRONG_INITIALIZATION = 1, 2, 3
"""Codes of fatal errors."""

_HEADER = struct.Struct("!2sBBIQ")


class Frame(NamedTuple):
    """One frame: its type, control code, parameter and payload."""

    kind: int
    control: int = 0
    parameter: int = 0
    payload: bytes = b""

    def packed(self) -> bytes:
        """Write it out."""
        head = (b"HS", self.kind, self.control, self.parameter, len(self.payload))
        return _HEADER.pack(*head) + self.payload


BAD_TYPE, BAD_CONTROL = Frame(ERROR, 1), Frame(ERROR, 2)
"""Answers to a frame of an unknown type or control code; the session goes on."""


def cut(received: bytearray) -> tuple[int, int] | None:
    """Find the first frame; what cannot become one is cut off whole, for `parsed` to refuse."""
    if len(received) < _HEADER.size:
        return None if b"HS".startswith(bytes(received[:2])) else (len(received), len(received))
    magic, *_, size = _HEADER.unpack_from(received)
    if magic != b"HS" or size > LONGEST_MESSAGE:
        return len(received), len(received)
    end = _HEADER.size + size
    return (end, end) if len(received) >= end else None


def parsed(frame: bytes) -> Frame | None:
    """Read what `cut` has cut; None if it is no frame."""
    if len(frame) < _HEADER.size:
        return None
    magic, kind, control, parameter, size = _HEADER.unpack_from(frame)
    if magic != b"HS" or size != len(frame) - _HEADER.size:
        return None
    return Frame(kind, control, parameter, frame[_HEADER.size :])


def send(stream: Stream, *frames: Frame) -> None:
    """Send frames at once; nobody hears them who has gone."""
    if stream.is_open:
        stream.send(*(frame.packed() for frame in frames))


def refuse(stream: Stream, code: int) -> None:
    """Tell a fatal error, and close."""
    send(stream, Frame(FATAL_ERROR, code))
    stream.close()
