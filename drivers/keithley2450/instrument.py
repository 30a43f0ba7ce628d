r"""Keithley 2450 in its own language (SCPI): a source meter whose sweeps run in the instrument.

pymeasure's Keithley2450 is not built on: it writes ``%g``, which keeps six digits, cuts what is
out of range down to 1.05 A without a word, and knows neither sweeps nor buffers nor compliance.

Sources: 2450 reference manual 2450-901-01, section 6 (SCPI), where nothing else is said; speeds
and ranges from the 2450 data sheet. Numbers are sent with every digit. Measured are current and,
just before it, the voltage at the terminals (``:SOUR:VOLT:READ:BACK``).
"""

import numpy as np
from pymeasure.adapters import Adapter

from hil.clock import Clock
from hil.drivers.keithley2450.unconfirmed import (
    AT_LIMIT_SHARE,
    DEAD_SOCKET_PORT,
    ENDS_OFF,
    LEAST_DELAY_S,
    LIST_PIECE,
    LIST_SWEEP,
    MOST_DELAY_S,
    MOST_LEVELS,
    OWN_STEP_S,
    SOURCE_LIMITED,
)
from hil.drivers.metering import readings, text, up_to_limit, words
from hil.drivers.roles import Floats, Rows, SourceMeterReach, SourceSettings
from hil.drivers.scpi import scpi_session
from hil.drivers.scpi_source_meter import PIECE, ScpiSourceMeter
from hil.drivers.session.answers import flag, integer, numbers, word
from hil.errors import InstrumentError
from hil.guard import SafeMessages

PATTERN = r"KEITHLEY INSTRUMENTS(?: INC\.)?,MODEL 2450,[^,]+,[^,]+"
REMEDY = (
    "switch the 2450 on, look at its address (menu, Communication), and end other programs that "
    f"hold its raw socket, which serves one client (its port {DEAD_SOCKET_PORT} frees a lost one)"
)
STAYS_ON = (
    "A 2450 whose connection is lost keeps its output on: a sweep goes on to its end at 0 V, "
    "then 0 V stands there until somebody connects or presses OUTPUT."
)
ELEMENTS = "READ,REL,SOUR,STAT,SOURSTAT"
"""Current (A), time since the first reading (s), voltage (V), status of meter and of source."""
COLUMNS = 5
SPOT_S = 1.0
"""A single reading that takes longer is a sweep, which is waited for without keeping the line."""
PLC = 0.01, 10.0
"""Aperture in power line cycles."""


def reach(line_hz: float) -> SourceMeterReach:
    """Say what a 2450 can do on a line of 50 or 60 Hz."""
    return SourceMeterReach(
        source_ranges_v=(0.02, 0.2, 2.0, 20.0, 200.0),
        measure_ranges_a=(10e-9, 100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 100e-3, 1.0),
        overrange=1.05,
        least_limit_a=1e-9,
        most_limit_a=1.05,
        least_aperture_s=PLC[0] / line_hz,
        most_aperture_s=PLC[1] / line_hz,
        least_delay_s=LEAST_DELAY_S,
        most_delay_s=MOST_DELAY_S,
        own_step_s=OWN_STEP_S,
        most_points=MOST_LEVELS - 1,  # the last level is 0 V
        least_pulse_s=None,
    )


def safe_messages(address: str) -> SafeMessages:
    r"""Tell the guard how to make a 2450 safe; the first ``\n`` ends a half-sent command."""
    return SafeMessages(
        address, {}, (b"\n:ABOR\n", b":SOUR:VOLT 0\n", b":OUTP OFF\n"), visa_library="@py"
    )


def connected(
    address: str, *, clock: Clock, line_hz: float, rear: bool = False, four_wire: bool = False
) -> "Keithley2450":
    """Connect to a 2450; it is brought to 0 V, off, and to its defaults.

    Raises
    ------
    ConfigError
        Its line has another frequency.
    InstrumentError
        Nothing answers there, or not as a 2450 in this language does.
    """
    with scpi_session(address, PATTERN, REMEDY).closed_if_it_fails() as session:
        meter = Keithley2450(session, clock=clock, line_hz=line_hz, rear=rear, four_wire=four_wire)
        meter.refuse_other_line()
    return meter


class Keithley2450(ScpiSourceMeter):
    """A 2450 in its SCPI language.

    Parameters
    ----------
    adapter : Adapter
        The session.
    clock : Clock
        The bench's.
    line_hz : float
        Line frequency (Hz).
    rear : bool
        Whether the device is at the rear terminals.
    four_wire : bool
        Whether its voltage is sensed by wires of their own.

    Raises
    ------
    InstrumentError
        It is no 2450, or set to another language.
    """

    stays_on = STAYS_ON
    done = 32  # an event: operation complete

    def __init__(
        self,
        adapter: Adapter,
        *,
        clock: Clock,
        line_hz: float,
        rear: bool = False,
        four_wire: bool = False,
    ) -> None:
        super().__init__(
            adapter, "Keithley 2450", PATTERN, reach=reach(line_hz), clock=clock, line_hz=line_hz
        )
        refuse_language(self.get("*LANG?", word))
        self._begin(
            ":SOUR:FUNC VOLT",
            ':SENS:FUNC "CURR"',
            ":SOUR:VOLT:READ:BACK ON",
            ":SOUR:VOLT:DEL:AUTO OFF",
            ":SENS:CURR:AZER OFF",  # it would measure three times as long; zeroed when prepared
            "*ESE 1",
            *([":ROUT:TERM REAR"] if rear else []),
            *([":SENS:CURR:RSEN ON"] if four_wire else []),
        )

    def safe_messages(self) -> SafeMessages:
        """Tell the guard what makes it safe without its owner."""
        return safe_messages(self.address)

    def _set(self, wanted: SourceSettings) -> SourceSettings:
        """Set and read back; ranging is free for a moment, in which any compliance is taken."""
        cycles = round(wanted.aperture_s * self._line_hz, 9)
        for setting in (
            f":SOUR:VOLT:RANG {text(wanted.range_v)}",
            ":SENS:CURR:RANG:AUTO ON",
            f":SOUR:VOLT:ILIM {text(wanted.limit_a)}",
            f":SENS:CURR:RANG {text(wanted.range_a)}",
            f":SENS:CURR:NPLC {text(cycles)}",
            ":SENS:AZER:ONCE",
        ):
            self.tell(setting)
        return SourceSettings(
            self._confirm_range(":SOUR:VOLT:RANG?", wanted.range_v, "source range (V)"),
            self.confirm(":SOUR:VOLT:ILIM?", wanted.limit_a, "current limit (A)"),
            self._confirm_range(":SENS:CURR:RANG?", wanted.range_a, "measuring range (A)"),
            self.confirm(":SENS:CURR:NPLC?", cycles, "aperture (power line cycles)")
            / self._line_hz,
        )

    def _spot(self, level_v: float, delay_s: float) -> Rows:
        """Measure one level and return to 0 V, in one message."""
        self.tell(f":SOUR:VOLT:DEL {text(delay_s)}", ':TRAC:CLE "defbuffer1"')
        values = self.get(
            f':SOUR:VOLT {text(level_v)};:READ? "defbuffer1",{ELEMENTS};:SOUR:VOLT 0',
            numbers(COLUMNS),
        )
        self.check("a reading")
        return self._rows(values.reshape(1, COLUMNS), delay_s)

    def _run(self, levels_v: Floats, delay_s: float, *, stop_at_limit: bool) -> Rows:
        if len(levels_v) == 1 and delay_s + self._held_settings().aperture_s <= SPOT_S:
            return self._spot(float(levels_v[0]), delay_s)
        told = levels_v if levels_v[-1] == 0 else np.append(levels_v, 0.0)
        self._load(told, delay_s, stop_at_limit=stop_at_limit)
        self.write("*CLS;:INIT;*OPC")
        step_s = delay_s + self._held_settings().aperture_s + self.reach.own_step_s
        self._wait_for_end(len(told) * step_s, early=stop_at_limit)
        self.tell(":SOUR:VOLT 0")
        if ENDS_OFF and not self.get(":OUTP?", flag):
            self._switch_on()
        return self._fetched(len(told), delay_s, levels_v, stop_at_limit=stop_at_limit)

    def _load(self, told: Floats, delay_s: float, *, stop_at_limit: bool) -> None:
        """Fill the list and say how it is swept."""
        # the sweep has a delay of its own
        self._fill_list(":SOUR:VOLT:DEL 0", told, LIST_PIECE)
        abort = "ON" if stop_at_limit else "OFF"
        sweep = LIST_SWEEP.format(delay=text(delay_s), abort=abort)
        self.tell(sweep, ':TRAC:CLE "defbuffer1"')

    def _fetched(
        self, steps: int, delay_s: float, levels_v: Floats, *, stop_at_limit: bool
    ) -> Rows:
        """Fetch what was measured: as many readings as steps, or up to the one at the limit."""
        done = self.get(':TRAC:ACT? "defbuffer1"', integer)
        if not 1 <= done <= steps or (done < steps and not stop_at_limit):
            self._refuse_count(done, steps)
        wanted = min(done, len(levels_v))
        pieces = []
        for first in range(1, wanted + 1, PIECE):
            last = min(first + PIECE - 1, wanted)
            command = f':TRAC:DATA? {first},{last},"defbuffer1",{ELEMENTS}'
            pieces.append(self.get(command, numbers((last - first + 1) * COLUMNS)))
        values = np.concatenate(pieces).reshape(wanted, COLUMNS)
        rows = self._rows(values, delay_s)
        if not stop_at_limit:
            return rows
        if done < steps and not rows.limited[-1]:
            self._refuse_count(done, steps)
        return up_to_limit(rows)

    def _rows(self, values: Floats, delay_s: float) -> Rows:
        """Make rows of columns; times count from the first reading, which ended after one step."""
        held = self._held_settings()
        current, time_s, voltage, meter, source = values.T
        self._refuse_times(time_s)
        current_a = readings(current)
        source_word = words(source)
        limited = source_word & SOURCE_LIMITED != 0
        limited |= np.isnan(current_a) | (np.abs(current) >= AT_LIMIT_SHARE * held.limit_a)
        return Rows(
            time_s - time_s[0] + delay_s + held.aperture_s,
            readings(voltage),
            current_a,
            limited,
            words(meter) | source_word << 16,
        )


def refuse_language(language: str) -> None:
    """Raise InstrumentError where a 2450 is set to another language than its own."""
    if language != "SCPI":
        raise InstrumentError(
            f"this 2450 is set to {language}, and the driver speaks SCPI: take the type "
            "keithley2400 for SCPI2400, or set it to SCPI (menu, System, Settings) and switch it "
            "off and on"
        )
