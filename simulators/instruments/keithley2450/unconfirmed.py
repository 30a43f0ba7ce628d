"""What the virtual 2450 does and no manual at hand says: one line to change for each.

UNCONFIRMED, all of it; each says why it is what it is. What is more than a value stands where it
is done:

- a sweep switches the output on when it begins and off when it ends, as the blocks of its trigger
  model do; the loops leave the output alone (`Run`);
- a fixed measure range below the source limit overflows; the limit stays (`Native2450`);
- a setting of source or measurement is refused while a trigger model runs (`Native2450.changed`);
- `*TRG` makes an event that no block of these trigger models waits for (`Native2450.triggered`);
- `*RST` deletes the buffers that somebody has made (`Buffers.reset`).
"""

from collections.abc import Callable
from datetime import UTC, datetime

from hil.simulators.instruments.smu.model import Accuracy

SETTING_FORM: Callable[[float], str] = "{:.6E}".format
"""How the query of a setting answers: as readings."""

AUTOMATIC_PRECISION = 7
"""Significant digits where :FORMat:ASCii:PRECision is 0 (automatic)."""

SEPARATOR = ","
"""Between values; the manual says comma and space of all formats of all its languages, clients
that show their traffic have no space."""

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
"""The instrument's date when a lab's time is 0."""

AUTOZERO_CONVERSIONS = 3
"""Conversions of a reading with auto-zero on: signal, zero and reference; the data sheet's speeds
are those with auto-zero off."""

AUTORANGE_S = 10e-3
"""Time that a change of the measure range adds."""

AUTO_DELAY_S = 1e-3
"""Source delay while it is automatic."""

NOISE = 2e-6
"""White noise of a reading of 1 PLC, part of the range, rms: two counts of 6 1/2 digits."""

MEASURED_V = (Accuracy(2.0, 1.2e-4, 300e-6), Accuracy(20.0, 1.2e-4, 1e-3))
"""Accuracy of the voltmeter in a year: the data sheet from memory."""

OUTPUT_IS_OFF = (-221, "")
"""What a measurement reports while the output is off."""

INTERLOCKED = (5074, "Output blocked by interlock")
"""What switching on reports while an open interlock forbids it."""

BUSY = (-221, "")
"""What a command reports that a running trigger model does not allow."""

EMPTY_BUFFER = (-222, "")
"""What :FETCh? and :TRACe:DATA? report of readings that are not there."""

NO_SUCH_BUFFER = (1133, "Parameter error, the buffer does not exist")
BUFFER_EXISTS = (1115, "Parameter error, a buffer of that name exists")
"""What the commands on buffers report."""

DEFAULT_POINTS = 100_000
"""Size of the default buffers."""

QUESTIONABLE, FRONT, FIRST = 1, 8, 256
"""Bits of a reading's status: overflow, front terminals, first of a group."""

UNITS = {"CURR": "AMP", "VOLT": "VOLT", "RES": "OHM"}
"""Names of units beside readings."""

STATES = {True: "RUNNING;RUNNING;1", False: "IDLE;IDLE;1"}
"""Answers to :TRIGger:STATe? while a trigger model runs and when it does not."""
