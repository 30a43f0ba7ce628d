"""ArC ONE as an instrument: jobs out as lines of decimals, numbers back as bare float32.

There is no error channel, no echo and no framing: after one lost number the next job would be
taken for it, and a job number for a pulse of so many seconds. So what has no answer is followed by
a zero that is no job, which ends a job that still waits with 0 V or 0 s; after any doubt whatever
was begun is completed with zeros, the board is reset and asked for its version, which is the only
thing it can be known by. That a byte changes on its way nothing would show; on the board's USB its
own check sums see to that.

Source: libarc1 (5bfc6af) and arc1_pyqt (a9a18a1), which are the makers' own; what they leave open
is in `unconfirmed`.
"""

import math
import struct
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pymeasure.adapters import Adapter
from pymeasure.instruments import Instrument

from hil.clock import Clock
from hil.drivers.arcone.unconfirmed import (
    FILLER,
    GAP_S,
    INTEGER,
    LEAST_OHM,
    MOST_OHM,
    READ_CYCLES,
    READ_MODES,
    RESET_S,
    ROWS_ARE_WORDS,
    SUM_V_PART,
)
from hil.drivers.session import Session
from hil.drivers.session.connect import is_serial
from hil.drivers.session.numbers import exact
from hil.errors import InstrumentError
from hil.guard import SafeMessages

BAUD_RATE = 921_600
OPTIONS = {"V/3": 0, "V/2": 1, "float": 256}
"""What lines that are not selected are at in pulses, and its number in job 0: the makers call it
sneak path limiting."""
MOST_V = 12.0
"""Largest voltage, either polarity (V)."""
LINES = 32
"""Words and bits of a board."""
_MOST_ARGUMENTS = 6 + LINES
"""Of any job that is sent here: job 50 with all words."""
_READ = 1
"""What job 50 is to do."""
REMEDY = "see that the ArC ONE is on, its serial line, and its speed and parity"

STAYS_ON = (
    "an ArC ONE whose connection is lost ends the pulse or read under way by itself, seconds at "
    "most; between jobs all its lines are at 0 V"
)
"""What stays energised without a connection."""


def connected(
    address: str, *, clock: Clock, parity: str = "even", baud_rate: int = BAUD_RATE
) -> "ArcOne":
    """Connect to a board, and reset it.

    Parameters
    ----------
    address : str
        ``ASRL/dev/ttyACM0::INSTR``, or a socket: ``TCPIP::host::port::SOCKET``.
    clock : Clock
        The bench's.
    parity : str
        Of a serial line: "even" on a board, "none" on a pseudo terminal, which has no parity.
    baud_rate : int
        Likewise.

    Raises
    ------
    InstrumentError
        Nothing answers there, or not as an ArC ONE does.
    """
    session = Session(
        address,
        write_termination="\n",
        # answers have no end, but that to 999 always has a zero: enough to find one's step by
        read_termination="\0",
        resync=("999", ".*"),
        answers="queries",
        remedy=REMEDY,
        settings=_serial(address, parity, baud_rate),
    )
    with session.closed_if_it_fails():
        return ArcOne(session, clock=clock)


def safe_messages(
    address: str, *, parity: str = "even", baud_rate: int = BAUD_RATE
) -> SafeMessages:
    r"""Tell the guard how to end a job.

    ``\n`` ends a number that was left half sent, zeros complete a job that was left half told, and
    the next one resets the board.
    """
    messages = (b"\n", *[b"00\n"] * (_MOST_ARGUMENTS + 1))
    settings = _serial(address, _PARITY_NUMBERS[parity], baud_rate)
    return SafeMessages(address, settings, messages, pause_s=0.01)


class ArcOne(Instrument):  # type: ignore[misc]  # pymeasure has no types
    """A board. Rows and columns are counted from 1, as its words and bits are.

    Parameters
    ----------
    adapter : Adapter
        The session.
    clock : Clock
        The bench's.

    Attributes
    ----------
    version : tuple of int
        Of its firmware.
    quiet : bool
        Whether nothing was selected since its last reset.

    Raises
    ------
    InstrumentError
        It does not tell its version.
    """

    def __init__(self, adapter: Adapter, *, clock: Clock) -> None:
        super().__init__(adapter, "ArC ONE", includeSCPI=False)
        self._clock = clock
        self._read_v: float | None = None
        self._answered = False  # whether the last job was seen to be over
        self.quiet = False
        self._doubt = "nobody knows what was sent to it before"
        self.version = (0, 0)
        self.reset()

    @property
    def identity(self) -> str:
        """What it says it is."""
        major, minor = self.version
        return f"ArC ONE, firmware {major}.{minor}"

    def reset(self) -> None:
        """Reset the board, which opens all lines, and see that it is the same as before."""
        self.quiet = False
        self._read_v = None
        self._send("00")
        self._clock.sleep(RESET_S)
        self.check()
        self.quiet = True

    def check(self) -> None:
        """Ask for the version, which also shows that no job waits for anything.

        Raises
        ------
        InstrumentError
            The answer is no version, or another one than before.
        """
        version = struct.unpack("<2H", self._answer("999", count=4))
        if not 0 < version[0] < 256 or (any(self.version) and version != self.version):
            self._suspect("it told a version that it does not have")
            raise InstrumentError(
                f"the ArC ONE told {version[0]}.{version[1]} as its version; "
                f"{REMEDY if not any(self.version) else 'it is out of step, switch it off and on'}"
            )
        self.version = version

    def start(self, rows: int, columns: int, scheme: str, read_v: float) -> None:
        """Tell the board its array, what lines that are not selected are at, and a read voltage.

        Raises
        ------
        InstrumentError
            It does not confirm.
        """
        answer = self._answer(
            "0", READ_CYCLES, *_word_bit(rows, columns), READ_MODES[read_v < 0], 0,
            OPTIONS[scheme], float(read_v), count=2,
        )  # fmt: skip
        if answer != b"1\n":
            self._suspect("it did not confirm its array")
            raise InstrumentError(f"the ArC ONE confirms its array by {answer!r}, not by 1")
        self._read_v = float(read_v)

    def read_at(self, read_v: float) -> None:
        """Set the read voltage (V); nothing is sent for what is set already."""
        if read_v != self._read_v:
            self._read_v = None
            self._send("01", READ_MODES[read_v < 0], float(read_v))
            self._read_v = float(read_v)

    def resistance(self, row: int, column: int) -> float:
        """Read one cell (ohm)."""
        self.quiet = False
        return self._resistance(self._answer("1", *_word_bit(row, column), count=4))

    def resistance_of(self, rows: Sequence[int], column: int, read_v: float) -> float:
        """Read a column with several rows at a voltage: the voltage over its current (ohm).

        Should one of the first three numbers be lost, the count of rows would be taken for the
        voltage, and the first row for what is to be done. So the highest goes first: beyond 2 it
        is nothing that can be done. With rows 1 and 2 alone a read at 1 or 2 V remains possible.
        To write would be at 0 V.

        Raises
        ------
        InstrumentError
            What it tells is no resistance, or was read at another voltage.
        """
        self.quiet = False
        self.read_at(read_v)
        counts = (len(rows), column, _READ, *sorted(rows, reverse=True))
        data = self._answer(
            "50", 0.0, 0.0, float(read_v), *(INTEGER.format(count) for count in counts), count=12
        )
        ohm, (told_v,) = self._resistance(data[:4]), struct.unpack("<f", data[4:8])
        if not abs(told_v - read_v) <= SUM_V_PART * abs(read_v):
            self._suspect("it read at another voltage than it was told")
            raise InstrumentError(
                f"the ArC ONE read a column at {told_v:.6g} V and was told {read_v:.6g} V: it is "
                "out of step"
            )
        return ohm

    def pulse_and_read(self, row: int, column: int, level_v: float, width_s: float) -> float:
        """Pulse one cell, then read it (ohm)."""
        self.quiet = False
        data = self._answer(
            "3", *_word_bit(row, column), float(level_v), float(width_s),
            count=4, lasting_s=width_s,
        )  # fmt: skip
        return self._resistance(data)

    def select(self, row: int, column: int) -> None:
        """Connect one cell, at 0 V, for pulses to come."""
        self.quiet = False
        self._send("02", *_word_bit(row, column))

    def pulse(self, level_v: float, width_s: float) -> None:
        """Pulse the selected cell, and wait until it is over."""
        self.quiet = False
        self._send("04", float(level_v), float(width_s), lasting_s=width_s)

    def close(self) -> None:
        """Close the connection."""
        self.adapter.close()

    def _resistance(self, data: bytes) -> float:
        """Read a float32 that can be a resistance."""
        value = float(struct.unpack("<f", data)[0])
        if not (LEAST_OHM <= abs(value) <= MOST_OHM or value == math.inf):
            self._suspect("it told what is no resistance")
            raise InstrumentError(
                f"the ArC ONE told {value:.6g} ohm ({data.hex(' ')}), which is no resistance: it "
                "is out of step, or nothing is connected"
            )
        return value

    def _answer(
        self, job: str, *arguments: str | float, count: int, lasting_s: float = 0.0
    ) -> bytes:
        """Send a job, wait as long as it lasts and read the bytes of its answer."""
        try:
            self._send(job, *arguments, lasting_s=lasting_s)
            data = bytes(self.read_bytes(count))
        except BaseException:
            self._suspect(f"the answer to job {job} was not received")
            raise
        self._answered = True
        return data

    def _send(self, *tokens: str | float, lasting_s: float = 0.0) -> None:
        """Send a job and its arguments, a line each with the gap it needs; wait as it lasts."""
        if self._doubt:
            self._find_step()
        fill = () if self._answered else (FILLER,)
        self._answered = False
        try:
            for token in (*fill, *tokens[:-1]):
                self._put(token)
            begin_s = self._clock.now_s() if lasting_s else 0.0
            self._put(tokens[-1])
            if lasting_s:  # a virtual board may have let that time pass already
                left_s = begin_s + GAP_S + lasting_s - self._clock.now_s()
                self._clock.sleep(max(left_s, 0.0))
        except BaseException:
            self._suspect(f"job {tokens[0]} was not sent to its end")
            raise

    def _put(self, token: str | float) -> None:
        """Send one token, after which the board needs a gap.

        What lies in the input is dropped before, or the session would ask for the version in the
        middle of a job.
        """
        self.adapter.flush_read_buffer()
        self.write(_decimal(token))
        self._clock.sleep(GAP_S)

    def _find_step(self) -> None:
        """Complete what was begun with zeros; the session then drops all up to a version."""
        for _ in range(_MOST_ARGUMENTS):
            self._put(FILLER)
        suspect = getattr(self.adapter, "suspect", None)
        if suspect is not None:
            suspect(self._doubt)
        self._doubt = ""

    def _suspect(self, reason: str) -> None:
        """Find the step again before anything else is sent."""
        self._read_v = None
        self._doubt = reason


def _word_bit(row: int, column: int) -> tuple[int, int]:
    return (row, column) if ROWS_ARE_WORDS else (column, row)


def _decimal(token: str | float) -> str:
    """Write a number as the board reads it: plain, without an exponent, with every digit."""
    if isinstance(token, float):
        text = format(Decimal(exact(token, 24)), "f")
        return text if "." in text else f"{text}.0"
    return str(token)


_PARITY_NUMBERS = {"none": 0, "odd": 1, "even": 2}
"""As pyvisa counts them; the guard is told numbers."""


def _serial(address: str, parity: str | int, baud_rate: int) -> dict[str, Any]:
    """Make the settings of a serial line; a socket has none."""
    if not is_serial(address):
        return {}
    return {"baud_rate": baud_rate, "data_bits": 8, "parity": parity}
