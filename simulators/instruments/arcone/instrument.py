"""A virtual ArC ONE: a board of 32 words and 32 bits on a serial line.

The line is 921600 baud 8E1 (mbed USB CDC). To the board: decimal tokens, one a line. From the
board: little-endian float32 without any framing, but for ``1`` and a line feed after job 0, and
two uint16 (major and minor version) after job 999. Sources: libarc1 (commit 5bfc6af) and arc1_pyqt
(commit a9a18a1), which both speak to real boards; what neither says stands in `unconfirmed`.

========================  =============================================  ======================
job                       tokens after it                                answer
========================  =============================================  ======================
``00``                    (reset; the board hears nothing for a while)
``0``                     cycles, words, bits, read mode, session,       ``1`` and a line feed
                          sneak path, read V
``01``                    read mode, read V
``999``                                                                  2 x uint16
``02``                    word, bit (select)
``04``                    V, width (pulse what is selected)
``1``                     word, bit                                      R
``3``                     word, bit, V, width                            R after the pulse
``2``                     1, words, bits                                 R, word by word
``2``                     2, 32, 32, devices, then word, bit of each     R after each
``50``                    V, width, read V, words, bit, 1 to read or 2   triplets
                          to write, then each word
``201 141 21 191``        arguments, devices, then word, bit of each     triplets, then zeros
``220 15 152``
========================  =============================================  ======================

There is no error channel: a token too many or too few is taken as an argument of what comes next,
or as a job, and nobody is told. Words and bits count from 1; rows of the lab's array are words,
columns are bits, and a crosspoint beyond the array is open. Between jobs everything is at 0 V.

All cells of the array are between its lines, with the wires and resistors that the lab's plan has:
what words and bits that are not selected are at, or that they float, decides what other cells see
and what of their currents is read along.

Not modelled: resistance at the bit lines' ends (the amplifier holds a true 0 V), leakage of lines
that float, capacitance of the lines, differences between read modes but for the path's resistance,
other sessions than the local one (nothing reaches the array), jobs of other firmware, triplets
that come one by one (those of a device come together, when it is done).
"""

import struct
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from typing import Any, ClassVar

import msgspec
import numpy as np

from hil.decode import decode
from hil.errors import ConfigError
from hil.simulators.instruments.arcone import jobs, seeker, unconfirmed
from hil.simulators.instruments.arcone.board import LINES, Board, Place
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.lab import Lab

Steps = Generator[bytes, float, bytes]
"""A job: it gives what is to be sent and takes the next token; what it returns is sent last."""

_READ, _WRITE = 1, 2


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the board is like.

    Attributes
    ----------
    ideal : bool
        No noise, no offset and no resistance of the path.
    drops_packets : bool
        A job that comes sooner than half a millisecond after the last token is lost.
    """

    ideal: bool = False
    drops_packets: bool = False


class ArcOne(VirtualInstrument):
    """ArC ONE, a board with an array of up to 32 x 32 cells: its serial protocol.

    Parameters
    ----------
    name : str
        What the lab calls it.
    lab : Lab
        Clock, cells and logs; at most 32 x 32 cells.
    options : dict
        See `Options`.

    Raises
    ------
    ConfigError
        For unknown options, or an array that is too large.
    """

    terminator: ClassVar[bytes] = b"\n"
    answer_terminator: ClassVar[bytes | None] = b""
    takes_time: ClassVar[bool] = True
    usual_shape: ClassVar[tuple[int, int]] = (LINES, LINES)
    known_troubles: ClassVar[frozenset[str]] = frozenset({"over-range"})

    _MODULES: ClassVar[dict[str, tuple[int, Callable[..., Iterator[jobs.Triplet]]]]] = {
        "201": (12, jobs.curve_tracer),
        "141": (12, jobs.form_finder),
        "21": (12, jobs.converge),
        "191": (10, jobs.endurance),
        "220": (3, jobs.chronoamperometry),
        "15": (12, seeker.seek_fast),
        "152": (12, seeker.seek_slow),
    }

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.options = decode(options, Options, f"instrument {name}, options")
        if lab.plan.rows > LINES or lab.plan.columns > LINES:
            raise ConfigError(
                f"instrument {name} has {LINES} words and bits; an array of {lab.plan.rows} x "
                f"{lab.plan.columns} cells does not fit"
            )
        self._board = Board(
            lab, name, spend=self.spend, now_s=lambda: self.now_s, ideal=self.options.ideal,
            overflows=lambda: "over-range" in self.troubles,
        )  # fmt: skip
        lab.warm_up_board()
        self._job: Steps | None = None
        self._deaf_until_s = -1.0
        self._last_s = -1.0
        self._jobs: dict[str, Callable[[], Steps]] = {
            "00": self._reset, "0": self._initialize, "01": self._set_read, "999": self._version,
            "02": self._select, "04": self._pulse, "1": self._read_one, "2": self._read_many,
            "3": self._pulse_and_read, "50": self._multi_bias,
        }  # fmt: skip

    def handle(self, message: bytes) -> bytes | None:
        """Take one token."""
        token = message.strip().decode("latin-1")
        before_s, self._last_s = self._last_s, self.now_s
        if not token or self.now_s < self._deaf_until_s:
            return None
        if self._job is None:
            in_time = self.now_s - before_s >= unconfirmed.GAP_S or before_s < 0
            if self.options.drops_packets and not in_time:
                return None
            return self._begin(token)
        return self._go_on(lambda job: job.send(_number(token)))

    def _begin(self, token: str) -> bytes | None:
        if token in self._jobs:
            self._job = self._jobs[token]()
        elif token in self._MODULES:
            self._job = self._module(*self._MODULES[token])
        else:
            return None
        return self._go_on(next)

    def _go_on(self, how: Callable[[Steps], bytes]) -> bytes | None:
        """Take the job a step further; a job that breaks is over."""
        job, self._job = self._job, None
        assert job is not None  # noqa: S101 - both callers have one
        try:
            answer = how(job)
        except StopIteration as done:
            self.spend(unconfirmed.COMMAND_S)
            answer = done.value
        else:
            self._job = job
        return answer or None

    # -- jobs ------------------------------------------------------------------------------
    def _reset(self) -> Steps:
        self._board.reset()
        self._deaf_until_s = self.now_s + unconfirmed.RESET_S
        yield from _tokens(0)
        return b""

    def _initialize(self) -> Steps:
        board = self._board
        values = yield from _tokens(7)
        board.read_cycles, board.words, board.bits, board.read_mode = map(int, values[:4])
        board.session, board.sneak_path, board.read_v = int(values[4]), int(values[5]), values[6]
        return b"1\n"

    def _set_read(self) -> Steps:
        mode, self._board.read_v = yield from _tokens(2)
        self._board.read_mode = int(mode)
        return b""

    def _version(self) -> Steps:
        yield from _tokens(0)
        return struct.pack("<HH", *unconfirmed.VERSION)

    def _select(self) -> Steps:
        self._board.selected = yield from _place()
        return b""

    def _pulse(self) -> Steps:
        level_v, width_s = yield from _tokens(2)
        if self._board.selected is not None:
            self._board.pulse(self._board.selected, level_v, width_s)
        return b""

    def _read_one(self) -> Steps:
        place = yield from _place()
        return _floats(self._board.read(place))

    def _pulse_and_read(self) -> Steps:
        place = yield from _place()
        level_v, width_s = yield from _tokens(2)
        self._board.pulse(place, level_v, width_s)
        return _floats(self._board.read(place))

    def _read_many(self) -> Steps:
        kind, words, bits = map(int, (yield from _tokens(3)))
        if kind != 2:
            rows, columns = range(1, min(words, LINES) + 1), range(1, min(bits, LINES) + 1)
            return _floats(*(self._board.read((w, b)) for w in rows for b in columns))
        answer, devices = b"", int((yield from _tokens(1))[0])
        for _ in range(devices):
            answer = _floats(self._board.read((yield from _place(answer))))
        return answer

    def _multi_bias(self) -> Steps:
        level_v, width_s, read_v, count, bit, action = yield from _tokens(6)
        words = yield from _tokens(max(int(count), 0))
        board, places = self._board, [(int(word), int(bit)) for word in words]
        before_v, board.read_v = board.read_v, read_v
        answer = b""
        if int(action) == _READ:
            answer = _floats(board.sum_of(places), read_v, 0.0)
        elif int(action) == _WRITE:
            every = [(word, int(bit)) for word in range(1, min(max(board.words, 0), LINES) + 1)]
            answer = b"".join(_floats(board.read(place), read_v, 0.0) for place in every)
            board.pulse_all(places, level_v, width_s)
            answer += b"".join(_floats(board.read(place), level_v, width_s) for place in every)
        board.read_v = before_v
        return answer

    def _module(self, count: int, run: Callable[..., Iterator[jobs.Triplet]]) -> Steps:
        """Run a job that tells triplets, one device after the other."""
        *arguments, devices = yield from _tokens(count + 1)
        answer = b""
        for _ in range(int(devices)):
            place = yield from _place(answer)
            told = list(islice(run(self._board, place, arguments), unconfirmed.MOST_TRIPLETS))
            if not told or told[-1] != jobs.END:
                told.append(jobs.END)
            answer = _floats(*(value for triplet in told for value in triplet))
        return answer


def _tokens(count: int, answer: bytes = b"") -> Generator[bytes, float, list[float]]:
    """Send an answer and take some tokens."""
    values = []
    for _ in range(count):
        values.append((yield answer))
        answer = b""
    return values


def _place(answer: bytes = b"") -> Generator[bytes, float, Place]:
    """Send an answer and take a word and a bit."""
    word, bit = yield from _tokens(2, answer)
    return int(word), int(bit)


def _number(token: str) -> float:
    """Read a token; what is no number counts as 0."""
    try:
        value = float(token)
    except ValueError:
        return 0.0
    return value if abs(value) <= 1e12 else 0.0


def _floats(*values: float) -> bytes:
    """Write numbers as the board does."""
    return np.array(values, "<f4").tobytes()
