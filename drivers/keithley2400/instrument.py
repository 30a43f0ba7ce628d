r"""Keithley 2400 (SCPI): a source meter whose sweeps run in the instrument.

It also drives a 2450 that is set to the language of a 2400. pymeasure's Keithley2400 is not built
on: it writes ``%g``, which keeps six digits, sends 34 messages over 0.6 s to switch off, and knows
neither sweeps nor the compliance of each reading.

Sources: 2400 Series user's manual 2400S-900-01, section 18 (SCPI), where nothing else is said;
speeds from the data sheet SPEC-2400. Numbers are sent with every digit. Voltage and current are
both measured, one after the other: each over half the aperture of a reading, so that a reading
takes the time it is said to. For the hum of the line to cancel, take two of its periods.
"""

import math
from typing import Any

import numpy as np
from pymeasure.adapters import Adapter

from hil.clock import Clock
from hil.drivers.keithley2400.unconfirmed import (
    AT_LIMIT_SHARE,
    COMPLIANCE,
    LIST_ENDS_V,
    LIST_PIECE,
    MOST_POINTS,
    OVERFLOW,
    OWN_STEP_S,
    RANGE_COMPLIANCE,
    STOP_AT_LIMIT,
)
from hil.drivers.metering import part_of, readings, text, up_to_limit, words
from hil.drivers.roles import Floats, Rows, SourceMeterReach, SourceSettings
from hil.drivers.scpi import scpi_session
from hil.drivers.scpi_source_meter import ScpiSourceMeter
from hil.drivers.session.answers import integer, numbers, word
from hil.drivers.session.connect import is_serial
from hil.errors import InstrumentError
from hil.guard import SafeMessages

PATTERN = r"KEITHLEY INSTRUMENTS(?: INC\.)?,MODEL (?:2400|2401|2450),[^,]+,.+"
REMEDY = "switch the 2400 on and look at its address, and at its terminator where it is serial"
STAYS_ON = (
    "A 2400 whose connection is lost keeps its output on: a sweep goes on to its end at 0 V, "
    "then 0 V stands there until somebody connects or presses ON/OFF."
)
COLUMNS = 4
"""Voltage (V), current (A), time (s), status word: in this order, however they are asked for."""
FUNCTIONS = 2
"""Measured one after the other: voltage and current."""
PLC = 0.01, 10.0
"""Aperture of each, in power line cycles."""
NO_STORAGE = ":TRAC:FEED:CONT NEV"
IDLE = 1 << 10
"""Bit of the operation events: nothing runs any more (section 15)."""
BAUD = 9600
BITS_A_BYTE = 10
READING_BYTES = 14
"""Length of one number and its comma."""
LANGUAGE = "SCPI2400"


def reach(line_hz: float) -> SourceMeterReach:
    """Say what a 2400 can do on a line of 50 or 60 Hz; a 2401 ends at 20 V."""
    return SourceMeterReach(
        source_ranges_v=(0.2, 2.0, 20.0, 200.0),
        measure_ranges_a=(1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 100e-3, 1.0),
        overrange=1.05,
        least_limit_a=1e-9,
        most_limit_a=1.05,
        least_aperture_s=FUNCTIONS * PLC[0] / line_hz,
        most_aperture_s=FUNCTIONS * PLC[1] / line_hz,
        least_delay_s=0.0,
        most_delay_s=999.9999,
        own_step_s=OWN_STEP_S,
        most_points=MOST_POINTS - 2,  # 0 V before and after
        least_pulse_s=None,
    )


def safe_messages(address: str) -> SafeMessages:
    r"""Tell the guard how to make a 2400 safe; the first terminator ends a half-sent command."""
    end = _termination(address).encode()
    commands = (b":ABOR", b":SOUR:VOLT:MODE FIX", b":SOUR:VOLT 0", b":OUTP OFF")
    first, *others = (command + end for command in commands)
    return SafeMessages(address, _settings(address), (end + first, *others), visa_library="@py")


def connected(
    address: str, *, clock: Clock, line_hz: float, rear: bool = False, four_wire: bool = False
) -> "Keithley2400":
    r"""Connect to a 2400; it is brought to 0 V, off, and to its defaults.

    A serial line is one of 9600 baud with ``\r`` as terminator, as it leaves the works.

    Raises
    ------
    ConfigError
        Its line has another frequency.
    InstrumentError
        Nothing answers there, or not as a 2400 does.
    """
    session = scpi_session(
        address,
        PATTERN,
        REMEDY,
        termination=_termination(address),
        settings=_settings(address),
    )
    with session.closed_if_it_fails():
        meter = Keithley2400(session, clock=clock, line_hz=line_hz, rear=rear, four_wire=four_wire)
        meter.refuse_other_line()
    return meter


class Keithley2400(ScpiSourceMeter):
    """A 2400, a 2401, or a 2450 in the language of a 2400.

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
        It is none of them, or a 2450 in another language.
    """

    stays_on = STAYS_ON
    done = 128  # an event of operation: idle

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
            adapter, "Keithley 2400", PATTERN, reach=reach(line_hz), clock=clock, line_hz=line_hz
        )
        if "MODEL 2401" in self.identity:
            ranges_v = self.reach.source_ranges_v[:-1]
            self.reach = self.reach._replace(source_ranges_v=ranges_v)
        if "MODEL 2450" in self.identity:
            refuse_language(self.get("*LANG?", word))
        self._begin(
            NO_STORAGE,
            ":SOUR:FUNC VOLT",
            ":SOUR:VOLT:MODE FIX",
            ":SOUR:DEL:AUTO OFF",
            ":SOUR:SWE:RANG FIX",
            ":SENS:FUNC:CONC ON",
            ":SENS:FUNC 'VOLT','CURR'",
            ":FORM:ELEM VOLT,CURR,TIME,STAT",
            ":SYST:AZER:STAT OFF",  # it would measure longer; zeroed when prepared
            f":STAT:OPER:ENAB {IDLE}",
            *([":ROUT:TERM REAR"] if rear else []),
            *([":SYST:RSEN ON"] if four_wire else []),
        )

    @property
    def _home(self) -> tuple[str, ...]:
        return (self.abort, ":SOUR:VOLT:MODE FIX", f"{self.level} 0", ":OUTP OFF")

    def safe_messages(self) -> SafeMessages:
        """Tell the guard what makes it safe without its owner."""
        return safe_messages(self.address)

    def _set(self, wanted: SourceSettings) -> SourceSettings:
        """Set and read back; ranging is free for a moment, in which any compliance is taken."""
        cycles = round(wanted.aperture_s * self._line_hz / FUNCTIONS, 9)
        for setting in (
            f":SOUR:VOLT:RANG {text(wanted.range_v)}",
            ":SENS:CURR:RANG:AUTO ON",
            f":SENS:CURR:PROT {text(wanted.limit_a)}",
            f":SENS:CURR:RANG {text(wanted.range_a)}",
            f":SENS:CURR:NPLC {text(cycles)}",  # that of all functions
            ":SYST:AZER:STAT ONCE",
        ):
            self.tell(setting)
        held = self.confirm(":SENS:CURR:NPLC?", cycles, "aperture (power line cycles)")
        return SourceSettings(
            self._confirm_range(":SOUR:VOLT:RANG?", wanted.range_v, "source range (V)"),
            self.confirm(":SENS:CURR:PROT?", wanted.limit_a, "compliance (A)"),
            self._confirm_range(":SENS:CURR:RANG?", wanted.range_a, "measuring range (A)"),
            held * FUNCTIONS / self._line_hz,
        )

    def _run(self, levels_v: Floats, delay_s: float, *, stop_at_limit: bool) -> Rows:
        told = np.concatenate(([LIST_ENDS_V], levels_v, [LIST_ENDS_V]))
        self._load(told, delay_s, stop_at_limit=stop_at_limit)
        self.write("*CLS;:INIT")
        step_s = delay_s + self._held_settings().aperture_s + self.reach.own_step_s
        self._wait_for_end(len(told) * step_s, early=stop_at_limit)
        # storage would go on after a sweep that ended early
        self.tell(NO_STORAGE, ":SOUR:VOLT:MODE FIX", ":SOUR:VOLT 0")
        return self._fetched(len(told), stop_at_limit=stop_at_limit)

    def _load(self, told: Floats, delay_s: float, *, stop_at_limit: bool) -> None:
        """Fill the list, say how it is swept, and make room for what is measured."""
        # a sweep that was stopped has left its storage on
        self._fill_list(NO_STORAGE, told, LIST_PIECE)
        self.tell(
            STOP_AT_LIMIT if stop_at_limit else ":SOUR:SWE:CAB NEV",
            f":SOUR:DEL {text(delay_s)}",
            f":TRIG:COUN {len(told)}",
            ":SOUR:VOLT:MODE LIST",
            ":TRAC:CLE",
            f":TRAC:POIN {len(told)}",
            ":TRAC:FEED SENS",
            ":TRAC:FEED:CONT NEXT",
        )

    def _fetched(self, steps: int, *, stop_at_limit: bool) -> Rows:
        """Fetch what was measured: as many readings as steps, or up to the one at the limit."""
        done = self.get(":TRAC:POIN:ACT?", integer)
        if not 2 <= done <= steps or (done < steps and not stop_at_limit):
            self._refuse_count(done, steps)
        limit_s = self._transfer_s(done * COLUMNS * READING_BYTES)
        values = self.get(":TRAC:DATA?", numbers(done * COLUMNS), limit_s)
        rows = self._rows(values.reshape(done, COLUMNS))
        if done == steps:
            rows = part_of(rows, slice(-1))  # without 0 V at the end
        elif not rows.limited[-1]:
            self._refuse_count(done, steps)
        return up_to_limit(rows) if stop_at_limit else rows

    def _rows(self, values: Floats) -> Rows:
        """Make rows of columns but the first, whose time is the beginning."""
        held = self._held_settings()
        voltage, current, time_s, status = values.T
        self._refuse_times(time_s)
        status_word = words(status)[1:]
        current_a = readings(current)[1:]
        limited = status_word & (COMPLIANCE | RANGE_COMPLIANCE | OVERFLOW) != 0
        limited |= np.isnan(current_a) | (np.abs(current_a) >= AT_LIMIT_SHARE * held.limit_a)
        since_s = time_s[1:] - time_s[0]
        return Rows(since_s, readings(voltage)[1:], current_a, limited, status_word)

    def _transfer_s(self, count: int) -> float:
        """How long an answer of so many bytes may take (s)."""
        serial_s = count * BITS_A_BYTE / BAUD if is_serial(self.address) else 0.0
        return float(getattr(self.adapter, "timeout_s", 0.0)) + math.ceil(serial_s)


def refuse_language(language: str) -> None:
    """Raise InstrumentError where a 2450 is set to another language than that of a 2400."""
    if language != LANGUAGE:
        raise InstrumentError(
            f"this 2450 is set to {language}, and the driver speaks {LANGUAGE}: take the type "
            f"keithley2450 for SCPI, or set it to {LANGUAGE} (menu, System, Settings) and switch "
            "it off and on"
        )


def _termination(address: str) -> str:
    return "\r" if is_serial(address) else "\n"


def _settings(address: str) -> dict[str, Any]:
    return {"baud_rate": BAUD} if is_serial(address) else {}
