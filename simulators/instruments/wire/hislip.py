"""HiSLIP: messages with ends, a status byte and a device clear over two TCP connections.

Source: IVI-6.1, "High-Speed LAN Instrument Protocol", in synchronized mode; the numbers of frames
and errors as pyvisa-py 0.8.1 has them. UNCONFIRMED are the answers to locks. VISA finds it at
``TCPIP::HOST::hislip0,PORT::INSTR``.

A message ends where its frame says so (DataEND); a terminator before that ends one too. An answer
ends with the instrument's terminator and DataEND. The status byte has MAV (IEEE 488.2) while an
answer has not been taken, and a client that asks for something else before that is interrupted:
it is told so, and the answer is void.

Not modelled: overlapped mode, encryption and authentication (version 1.0 is offered), service
requests that are announced (a client polls), locks that are waited for. There is one client at a
time, who gets every lock; the next one waits until it has gone, as at a plain socket. While the
instrument is busy on a lab at real pace the status byte is the one that it will have then, and a
device clear does not make it ready any sooner.
"""

import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from hil.simulators.instruments.wire import hislip_frames as frames
from hil.simulators.instruments.wire.doors import PortDoor
from hil.simulators.instruments.wire.hislip_frames import Frame
from hil.simulators.instruments.wire.server import Loop
from hil.simulators.instruments.wire.stream import LONGEST_MESSAGE, Stream

if TYPE_CHECKING:
    from hil.simulators.instruments.wire.wire import Wire

VERSION = 0x0100
VENDOR = int.from_bytes(b"HB", "big")
FIRST_ID = 0xFFFF_FF00
MAV = 16
DELIVERED = 1
"""Bit of the control code: the client has taken the last answer whole."""


class HislipDoor(PortDoor):
    """A HiSLIP server."""

    form: ClassVar[str] = "TCPIP::{host}::hislip0,{port}::INSTR"

    def __init__(self, loop: Loop, wire: "Wire", port: int) -> None:
        super().__init__(loop, wire, port)
        self._session: Session | None = None
        self._is_free = True
        self._numbers = 0
        self._waiting: deque[tuple[Stream, Frame]] = deque()
        self._strangers: set[Stream] = set()

    def listen(self) -> None:
        """Let the next client in, who may be waiting."""
        self._is_free, self._session = True, None
        while self._waiting and self._is_free:
            stream, frame = self._waiting.popleft()
            if stream.is_open:
                stream.go_on(first=lambda s=stream, f=frame: self._begin(s, f))  # type: ignore[misc]

    def close(self) -> None:
        """Give the port back."""
        for stream in list(self._strangers):
            stream.close()
        if self._session is not None:
            self._session.close()
        self._listener.close()

    def _let_in(self, sock: socket.socket) -> None:
        self._strangers.add(Stream(self._loop, sock, frames.cut, self._first, self._leave))

    def _leave(self, stream: Stream, _: bytes) -> None:
        self._strangers.discard(stream)

    def _first(self, stream: Stream, _: bytes, wire: bytes) -> None:
        """Take the first frame of a connection: it says which channel this is."""
        frame = frames.parsed(wire)
        session = self._session
        if frame is None:
            frames.refuse(stream, frames.POORLY_FORMED)
        elif frame.kind == frames.INITIALIZE and self._is_free:
            self._begin(stream, frame)
        elif frame.kind == frames.INITIALIZE:
            stream.hold()
            self._waiting.append((stream, frame))
        elif frame.kind != frames.ASYNC_INITIALIZE:
            frames.refuse(stream, frames.NOT_BOTH_CHANNELS)
        elif session is None or not session.completed_by(stream, frame.parameter):
            frames.refuse(stream, frames.WRONG_INITIALIZATION)
        else:
            self._strangers.discard(stream)
            self._wire.welcome(session)

    def _begin(self, stream: Stream, frame: Frame) -> None:
        """Begin a session, whose second channel is still to come."""
        self._is_free = False
        self._strangers.discard(stream)
        self._numbers = self._numbers % 0xFFFF + 1
        self._session = Session(self._wire, stream, self._numbers, self.listen)
        version = min(frame.parameter >> 16, VERSION)
        frames.send(stream, Frame(frames.INITIALIZE_RESPONSE, 0, version << 16 | self._numbers))


class Session:
    """One client: its synchronous and its asynchronous channel.

    Parameters
    ----------
    wire : Wire
        Who handles its messages.
    sync : Stream
        The channel that is there already.
    number : int
        By which the other channel names it.
    abandon : callable
        Called if it goes before it was complete.
    """

    def __init__(
        self, wire: "Wire", sync: Stream, number: int, abandon: Callable[[], None]
    ) -> None:
        self._wire = wire
        self._sync = sync
        self._async: Stream | None = None
        self._number = number
        self._abandon = abandon
        self._in = bytearray()
        self._has_ended = False
        self._is_clearing = False
        self._waits = False
        self._locks: list[bytes] = []
        self._message_id = FIRST_ID
        self._most = LONGEST_MESSAGE
        self.is_open = True
        sync.hand_to(self._on_sync, self._on_gone)

    def completed_by(self, stream: Stream, number: int) -> bool:
        """Take the asynchronous channel; tell whether it is this session's."""
        if number != self._number or self._async is not None:
            return False
        self._async = stream
        stream.hand_to(self._on_async, self._on_gone)
        frames.send(stream, Frame(frames.ASYNC_INITIALIZE_RESPONSE, 0, VENDOR))
        return True

    # -- as the wire sees it ---------------------------------------------------------------
    def send(self, *wires: bytes, ended: bool = True) -> None:
        """Send answers in frames that the client can take, the last with an end."""
        room = self._most
        packed: list[Frame] = []
        for wire in wires:
            parts = [wire[at : at + room] for at in range(0, len(wire), room)] or [b""]
            packed += [Frame(frames.DATA, 0, self._message_id, part) for part in parts[:-1]]
            packed.append(
                Frame(frames.DATA_END if ended else frames.DATA, 0, self._message_id, parts[-1])
            )
        self._waits = True
        frames.send(self._sync, *packed)

    def hold(self) -> None:
        """Handle none of its messages until `go_on`."""
        self._sync.hold()

    def go_on(self, first: Callable[[], None] | None = None) -> None:
        """Handle its messages again, *first* something else."""

        def resume() -> None:
            if first is not None:
                first()
            self._work()

        self._sync.go_on(first=resume)

    def catch_up(self) -> None:
        """Take what has come already."""
        self._sync.catch_up()

    def close(self) -> None:
        """Close both channels."""
        self._sync.close()

    # -- the synchronous channel -----------------------------------------------------------
    def _on_sync(self, stream: Stream, _: bytes, wire: bytes) -> None:
        frame = frames.parsed(wire)
        if frame is None:
            frames.refuse(stream, frames.POORLY_FORMED)
        elif self._async is None:
            frames.refuse(stream, frames.NOT_BOTH_CHANNELS)
        elif frame.kind == frames.CLEAR_COMPLETE and self._is_clearing:
            self._is_clearing = False
            frames.send(stream, Frame(frames.CLEAR_ACKNOWLEDGE))
        elif self._is_clearing or frame.kind == frames.ERROR:
            return
        elif frame.kind in (frames.DATA, frames.DATA_END, frames.TRIGGER):
            self._hear(frame)
        elif frame.kind == frames.FATAL_ERROR:
            self.close()
        else:
            frames.send(stream, frames.BAD_TYPE)

    def _hear(self, frame: Frame) -> None:
        """Take a part of a message, or a trigger."""
        self._interrupt_unless(bool(frame.control & DELIVERED), frame.parameter)
        self._message_id = frame.parameter
        if frame.kind == frames.TRIGGER:
            self._wire.trigger(self)
            return
        self._in += frame.payload
        if len(self._in) > LONGEST_MESSAGE:
            frames.refuse(self._sync, frames.POORLY_FORMED)
        elif frame.kind == frames.DATA_END:
            self._has_ended = True
            self._work()

    def _interrupt_unless(self, delivered: bool, message_id: int) -> None:
        """Make void an answer that has not been taken (IEEE 488.2, interrupted)."""
        if self._waits and not delivered and self._async is not None and not self._in:
            frames.send(self._async, Frame(frames.ASYNC_INTERRUPTED, 0, message_id))
            frames.send(self._sync, Frame(frames.INTERRUPTED, 0, message_id))
        self._waits = False

    def _work(self) -> None:
        """Handle the messages that lie in what has come, the last one ended by the frame."""
        while self._has_ended and self.is_open and not self._sync.holds:
            if not self._in:
                self._has_ended = False
                return
            found = self._wire.cut(self._in) or (len(self._in), len(self._in))
            wire = bytes(self._in[: found[1]])
            del self._in[: found[1]]
            self._wire.take(self, wire[: found[0]], wire)

    # -- the asynchronous channel ----------------------------------------------------------
    def _on_async(self, stream: Stream, _: bytes, wire: bytes) -> None:
        self._sync.catch_up()  # a client that writes and then polls has done it in this order
        frame = frames.parsed(wire)
        if frame is None:
            frames.refuse(stream, frames.POORLY_FORMED)
        elif frame.kind == frames.STATUS_QUERY:
            self._tell_status(stream, frame)
        elif frame.kind == frames.ASYNC_CLEAR:
            self._clear(stream)
        elif frame.kind == frames.FATAL_ERROR:
            self.close()
        elif frame.kind != frames.ERROR:
            frames.send(stream, self._answer_to(frame))

    def _answer_to(self, frame: Frame) -> Frame:
        """Answer a request about messages, locks, or remote control; an error to any other."""
        if frame.kind == frames.MAX_SIZE and len(frame.payload) == 8:
            self._most = max(1, min(int.from_bytes(frame.payload, "big"), LONGEST_MESSAGE))
            return Frame(frames.MAX_SIZE_RESPONSE, payload=LONGEST_MESSAGE.to_bytes(8, "big"))
        if frame.kind == frames.ASYNC_LOCK:
            return Frame(frames.ASYNC_LOCK_RESPONSE, self._lock(frame))
        if frame.kind == frames.LOCK_INFO:
            exclusive, clients = b"" in self._locks, int(bool(self._locks))
            return Frame(frames.LOCK_INFO_RESPONSE, int(exclusive), clients)
        if frame.kind == frames.REMOTE_LOCAL:
            known = frame.control <= 6
            return Frame(frames.REMOTE_LOCAL_RESPONSE) if known else frames.BAD_CONTROL
        return frames.BAD_TYPE

    def _tell_status(self, stream: Stream, frame: Frame) -> None:
        if frame.control & DELIVERED:
            self._waits = False
        status = self._wire.poll(self, MAV if self._waits else 0)
        frames.send(stream, Frame(frames.STATUS_RESPONSE, status & 0xFF))

    def _clear(self, stream: Stream) -> None:
        """Forget what has come, and what comes until the client says that it has forgotten too."""
        self._is_clearing, self._waits, self._has_ended = True, False, False
        self._in.clear()
        self._message_id = FIRST_ID
        self._wire.clear(self)
        frames.send(stream, Frame(frames.ASYNC_CLEAR_ACKNOWLEDGE))
        self._sync.go_on()

    def _lock(self, frame: Frame) -> int:
        """Grant a lock or take it back: 1 for success (2 for a shared one let go), else 3.

        One with a name is shared, one without is exclusive.
        """
        if frame.control == 1:
            if frame.payload in self._locks or (frame.payload and any(self._locks)):
                return 3
            self._locks.append(frame.payload)
            return 1
        if frame.control or not self._locks:
            return 3
        return 2 if self._locks.pop() else 1

    def _on_gone(self, stream: Stream, rest: bytes) -> None:
        """Close the other channel too, and tell the wire once."""
        if not self.is_open:
            return
        self.is_open = False
        other = self._async if stream is self._sync else self._sync
        if other is not None:
            other.close()
        if self._async is None:
            self._abandon()
        else:
            self._wire.lose(self, bytes(self._in) + rest if stream is self._sync else b"")
