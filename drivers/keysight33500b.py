"""Keysight 33500B and 33600A: pymeasure's driver, made a pulser that rests at 0 V.

Commands and limits are those of pymeasure's `Agilent33500` (0.16.0) and of QCoDeS'
`WaveformGenerator_33XXX` (0.58.0), which were tested on such ones; what they do not send is in
`keysight_pulser.unconfirmed`. Two things of pymeasure's class are mended: its ranges hold for
50 ohm, and `shutdown` leaves the output on.
"""

import re
from typing import Any

from pymeasure.adapters import Adapter
from pymeasure.instruments import Instrument
from pymeasure.instruments.agilent.agilent33500 import Agilent33500, Agilent33500Channel

from hil.clock import Clock
from hil.drivers.keysight_pulser.commands import Commands, safe_messages_of
from hil.drivers.keysight_pulser.pulser import KeysightPulser
from hil.drivers.keysight_pulser.unconfirmed import (
    EDGE_ROOM_33500B,
    EDGE_SHARE,
    FENCE_33500B,
    OPEN_CIRCUIT,
    TIME_STEP_S,
    WIDTH_EDGES,
)
from hil.drivers.roles import PulserReach
from hil.drivers.scpi import scpi_session
from hil.errors import ConfigError
from hil.guard import SafeMessages

PATTERN = r"(?:Agilent|Keysight) Technologies,33[56]\d\d[AB],.*"
"""Its answer to ``*IDN?``; a 33600A takes the same commands and has wider limits."""
REMEDY = "see that the 33500B is on, and its address and port"

STAYS_ON = (
    "a 33500B whose connection is lost plays its burst to the end, rests at 0 V and keeps its "
    "output on until somebody switches it off"
)
"""What stays energised without a connection."""

_MOST_V, _LEAST_V = 5.0, 10e-3  # into 50 ohm: largest level, smallest amplitude
_WIDTH_S, _LEAST_EDGE_S, _MOST_EDGE_S = 16e-9, 8.4e-9 / EDGE_SHARE, 1e-6 / EDGE_SHARE
REACH = PulserReach(
    most_v=OPEN_CIRCUIT * _MOST_V,
    least_v=OPEN_CIRCUIT * _LEAST_V,
    output_ohm=50.0,
    least_high_s=_WIDTH_S - 2 * WIDTH_EDGES * _LEAST_EDGE_S,
    least_edge_s=_LEAST_EDGE_S,
    most_edge_s=_MOST_EDGE_S,
    most_pulses=99_999,
    time_step_s=TIME_STEP_S,
    least_period_s=33e-9,
    edge_room=EDGE_ROOM_33500B * EDGE_SHARE,
)
"""What it can do (the ranges of pymeasure's `Agilent33500Channel`)."""

COMMANDS = Commands(
    period=":SOUR{ch}:FUNC:PULS:PER",
    width=":SOUR{ch}:FUNC:PULS:WIDT",
    leading=":SOUR{ch}:FUNC:PULS:TRAN:LEAD",
    trailing=":SOUR{ch}:FUNC:PULS:TRAN:TRA",
    amplitude=":SOUR{ch}:VOLT",
    offset=":SOUR{ch}:VOLT:OFFS",
    high=":SOUR{ch}:VOLT:HIGH",
    low=":SOUR{ch}:VOLT:LOW",
    pulses=":SOUR{ch}:BURS:NCYC",
    load=":OUTP{ch}:LOAD",
    polarity=":OUTP{ch}:POL",
    output=":OUTP{ch}",
    limit_high=FENCE_33500B[0],
    limit_low=FENCE_33500B[1],
    limit_state=FENCE_33500B[2],
    load_as="INF",
    load_ohm=9.9e37,
    fixed=(
        (":SOUR{ch}:FUNC", "PULS"),
        (":SOUR{ch}:FUNC:PULS:HOLD", "WIDT"),
        (":SOUR{ch}:VOLT:UNIT", "VPP"),
        (":TRIG{ch}:SOUR", "BUS"),
        (":SOUR{ch}:BURS:MODE", "TRIG"),
        (":SOUR{ch}:BURS:STAT", "1"),
    ),
)
"""How it spells what shapes a pulse."""


class OpenChannel(Agilent33500Channel):  # type: ignore[misc]  # pymeasure has no types
    """pymeasure's channel with the ranges of an open circuit, which hold for a load of INF."""

    amplitude_values = (OPEN_CIRCUIT * _LEAST_V, 2 * OPEN_CIRCUIT * _MOST_V)
    offset_values = (-OPEN_CIRCUIT * 4.995, OPEN_CIRCUIT * 4.995)
    voltage_high_values = (-OPEN_CIRCUIT * 4.999, OPEN_CIRCUIT * _MOST_V)
    voltage_low_values = (-OPEN_CIRCUIT * _MOST_V, OPEN_CIRCUIT * 4.999)


class Keysight33500B(KeysightPulser, Agilent33500):  # type: ignore[misc]
    """One channel of a 33500B or 33600A as a `Pulser`; all of it as pymeasure's driver.

    pymeasure's settings are in `ch_1` and `ch_2`; what they change is set anew by the next
    `make_safe` and `load`.

    Raises
    ------
    ConfigError
        It has no such channel: models with an odd number have one.
    """

    commands = COMMANDS
    model = "33500B"
    pattern = PATTERN
    reach = REACH
    stays_on = STAYS_ON

    ch_1: Any = Instrument.ChannelCreator(OpenChannel, 1)
    ch_2: Any = Instrument.ChannelCreator(OpenChannel, 2)

    def __init__(self, adapter: Adapter, *, channel: int, clock: Clock) -> None:
        super().__init__(adapter, channel=channel, clock=clock)
        found = re.search(r",(33\d\d(\d)[AB]),", self.identity)
        if found is not None and int(found[2]) % 2 and channel > 1:
            raise ConfigError(f"a {found[1]} has one channel, not a channel {channel}")


def connected(address: str, *, channel: int, clock: Clock) -> Keysight33500B:
    """Connect to a 33500B or 33600A; nothing is set.

    Raises
    ------
    InstrumentError
        Nothing answers there, or not as such a generator does.
    """
    with scpi_session(address, PATTERN, REMEDY).closed_if_it_fails() as session:
        return Keysight33500B(session, channel=channel, clock=clock)


def safe_messages(address: str, *, channel: int) -> SafeMessages:
    """Tell the guard how to end a burst and switch the output off."""
    return safe_messages_of(COMMANDS, address, channel)
