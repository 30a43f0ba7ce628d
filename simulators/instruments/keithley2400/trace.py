"""The buffer (:TRACe) and what is made of it (:CALCulate3).

Source: 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K, section 9 and table 18-10. Not
modelled: the feeds of calculations and limit tests (:CALCulate1, :CALCulate2).
"""

from hil.simulators.instruments.keithley2400.readings import Format, Row
from hil.simulators.instruments.scpi.declare import Setting, command, query
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.status import Register
from hil.simulators.instruments.scpi.values import Choice, Whole

MOST_ROWS = 2500
BUFFER_AVAILABLE, BUFFER_FULL = 1 << 8, 1 << 9
"""Bits of the measurement event register (section 15)."""
STORAGE_ACTIVE = 800
_ROW_BYTES = 24


class Trace:
    """``:TRACe``; the settings outlive ``*RST``."""

    points = Setting(":POINts", Whole(1, MOST_ROWS), 100, kept=True)
    feed = Setting(
        ":FEED", Choice("SENSe1", "SENSe", "CALCulate1", "CALCulate2"), "SENS1", kept=True
    )
    control = Setting(":FEED:CONTrol", Choice("NEXT", "NEVer"), "NEV", kept=True)
    stamps = Setting(":TSTamp:FORMat", Choice("ABSolute", "DELTa"), "ABS", kept=True)

    def __init__(self, form: Format, events: Register) -> None:
        self._form = form
        self._events = events
        self.rows: list[Row] = []

    def take(self, row: Row) -> None:
        """Store a reading if storage is active; it ends when the buffer is full."""
        if self.control != "NEXT":
            return
        self.rows.append(row)
        if len(self.rows) == 2:
            self._events.set(BUFFER_AVAILABLE)
        if len(self.rows) >= self.points:
            self.control = "NEV"
            self._events.set(BUFFER_FULL)

    @points.check
    @feed.check
    def _idle(self, value: object) -> None:
        del value
        if self.control == "NEXT":
            raise ScpiError(STORAGE_ACTIVE)

    @control.then
    def _begin(self, control: str) -> None:
        if control == "NEXT":
            self._forget()

    @command(":CLEar")
    def _clear(self) -> None:
        self._forget()

    @query(":DATA")
    def _data(self) -> str:
        return self._form.written(self._stamped())

    @query(":POINts:ACTual")
    def _actual(self) -> str:
        return str(len(self.rows))

    @query(":FREE")
    def _free(self) -> str:
        used = len(self.rows) * _ROW_BYTES
        return f"{MOST_ROWS * _ROW_BYTES - used},{used}"

    def stored(self) -> list[Row]:
        """Give all rows; -230 without any."""
        if not self.rows:
            raise ScpiError(-230)
        return self.rows

    def _stamped(self) -> list[Row]:
        """Give the rows with times from the first one on, or from one to the next."""
        rows = self.stored()
        before = [rows[0], *rows[:-1]] if self.stamps == "DELT" else [rows[0]] * len(rows)
        return [
            row._replace(time_s=row.time_s - other.time_s)
            for row, other in zip(rows, before, strict=True)
        ]

    def _forget(self) -> None:
        self.rows = []
        self._events.set(BUFFER_AVAILABLE | BUFFER_FULL, on=False)


class Statistics:
    """``:CALCulate3``."""

    kind = Setting(":FORMat", Choice("MEAN", "SDEViation", "MAXimum", "MINimum", "PKPK"), "MEAN")

    def __init__(self, form: Format, trace: Trace) -> None:
        self._form = form
        self._trace = trace

    @query(":DATA")
    def _data(self) -> str:
        return self._form.statistics(self._trace.stored(), self.kind)
