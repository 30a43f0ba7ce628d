"""A 2600B: one or two channels behind one connection.

pymeasure's Keithley2600 and QCoDeS' driver write numbers with ``%f``: six decimals make 0.000010
of a compliance of 10.5 uA and nothing of 100 nA. So the commands are written here, in TSP
(reference manual 2600BS-901-01, section 7).
"""

import re

from pymeasure.adapters import Adapter

from hil.clock import Clock
from hil.drivers.keithley2600b.channel import Keithley2600BChannel
from hil.drivers.keithley2600b.models import MODELS
from hil.drivers.keithley2600b.unconfirmed import DEAD_SOCKET_PORT, PORT
from hil.drivers.tsp import TspInstrument, tsp_session
from hil.errors import ConfigError, InstrumentError

REMEDY = (
    f"check its address (LAN, raw socket, port {PORT}); it serves one client at a time, and a "
    f"connection to port {DEAD_SOCKET_PORT} frees a lost one"
)
IDENTITY = r"Keithley Instruments Inc\., Model (26\d\dB), [^,]+, [^,]+"
"""What it says it is, as read from instruments."""


def connected(
    address: str, *, clock: Clock, line_hz: float, channel: str = "a"
) -> Keithley2600BChannel:
    """Connect to one channel of a 2600B and reset it; its `close` ends the connection.

    Raises
    ------
    ConfigError
        The instrument finds another line frequency, or has no such channel.
    InstrumentError
        Nothing answers there, or not as a 2600B does.
    """
    unit = unit_at(address, clock=clock)
    try:
        unit.refuse_other_line(line_hz)
        return unit.channel(channel)
    except BaseException:
        unit.close()
        raise


def unit_at(address: str, *, clock: Clock) -> "Keithley2600B":
    """Connect to a 2600B; its channels stay as they are until `Keithley2600B.channel`.

    Raises
    ------
    InstrumentError
        Nothing answers there, or not as a 2600B does.
    """
    with tsp_session(address, REMEDY).closed_if_it_fails() as session:
        return Keithley2600B(session, clock=clock)


class Keithley2600B(TspInstrument):
    """A 2601B to 2636B.

    Parameters
    ----------
    adapter : Adapter
        The session.
    clock : Clock
        What its channels wait with.

    Attributes
    ----------
    model : str
        Such as "2636B".
    line_hz : float
        Line frequency that it has found (Hz).
    """

    def __init__(self, adapter: Adapter, *, clock: Clock) -> None:
        super().__init__(adapter, "Keithley 2600B", IDENTITY)
        match = re.fullmatch(IDENTITY, self.identity)
        self.model = "" if match is None else match[1]
        if self.model not in MODELS:
            raise InstrumentError(
                f"{self.identity} is no model that this driver knows: {', '.join(MODELS)}"
            )
        self.name = f"Keithley {self.model}"
        (self.line_hz,) = self.ask_for("localnode.linefreq")
        if self.line_hz not in (50, 60):
            raise InstrumentError(f"the {self.name} finds a line of {self.line_hz:g} Hz")
        self._clock = clock
        self._channels: dict[str, Keithley2600BChannel] = {}

    def channel(self, letter: str) -> Keithley2600BChannel:
        """Give a channel, after a reset of it: 0 V and off.

        Raises
        ------
        ConfigError
            The model has no such channel.
        InstrumentError
            It cannot be made safe.
        """
        letters = MODELS[self.model].channels
        if len(letter) != 1 or letter not in letters:
            raise ConfigError(
                f"the {self.name} has no channel {letter!r}; it has {' and '.join(letters)}"
            )
        if letter not in self._channels:
            self._channels[letter] = Keithley2600BChannel(self, letter, self._clock)
        return self._channels[letter]

    def refuse_other_line(self, line_hz: float) -> None:
        """Raise ConfigError unless it has found a line of this frequency."""
        if self.line_hz != line_hz:
            raise ConfigError(
                f"the {self.name} finds a line of {self.line_hz:g} Hz, not of {line_hz:g} Hz; "
                "correct line_hz"
            )

    def release(self, letter: str) -> None:
        """Take note that a channel is not used any more; the last one ends the connection."""
        self._channels.pop(letter, None)
        if not self._channels:
            self.close()

    def shutdown(self) -> None:
        """Make every channel in use safe, as pymeasure's users expect of it."""
        for channel in self._channels.values():
            channel.make_safe()
        super().shutdown()

    def close(self) -> None:
        """Disconnect; the instrument stays as it is."""
        self._channels.clear()
        super().close()
