"""Keysight 81160A: pymeasure's driver, made a pulser that rests at 0 V.

Commands and limits are those of pymeasure's `Keysight81160A` (0.16.0), which was tested on one;
what it does not send is in `keysight_pulser.unconfirmed`. Three things of pymeasure's class are
mended: its ranges hold for 50 ohm, a block is not ended, `shutdown` leaves the output on.
"""

from typing import Any

from pymeasure.instruments import Instrument
from pymeasure.instruments.keysight import Keysight81160A as PymeasureKeysight81160A
from pymeasure.instruments.keysight.keysight81160A import (
    AMPLITUDE_RANGE,
    IMPEDANCE_RANGE,
    MAX_VOLTAGE,
    OFFSET_RANGE,
    PULSE_PERIOD_RANGE,
    PULSE_TRANSITION_RANGE,
    PULSE_WIDTH_RANGE,
    TRIGGER_COUNT,
    VOLTAGE_HIGH_RANGE,
    VOLTAGE_LOW_RANGE,
    Keysight81160AChannel,
)

from hil.clock import Clock
from hil.drivers.keysight_pulser.commands import Commands, safe_messages_of
from hil.drivers.keysight_pulser.pulser import KeysightPulser
from hil.drivers.keysight_pulser.unconfirmed import (
    EDGE_ROOM_81160A,
    EDGE_SHARE,
    OPEN_CIRCUIT,
    SEPARATE_EDGES_81160A,
    TIME_STEP_S,
    WIDTH_EDGES,
)
from hil.drivers.roles import PulserReach
from hil.drivers.scpi import scpi_session
from hil.guard import SafeMessages

PATTERN = "(?:Agilent|Keysight) Technologies,81160A,.*"
"""Its answer to ``*IDN?``."""
REMEDY = "see that the 81160A is on, and its address and port"

STAYS_ON = (
    "an 81160A whose connection is lost plays its burst to the end, rests at 0 V and keeps its "
    "output on until somebody switches it off"
)
"""What stays energised without a connection."""

_EDGE_S = PULSE_TRANSITION_RANGE[0] / EDGE_SHARE
REACH = PulserReach(
    most_v=OPEN_CIRCUIT * MAX_VOLTAGE,
    least_v=OPEN_CIRCUIT * AMPLITUDE_RANGE[0],
    output_ohm=50.0,
    least_high_s=PULSE_WIDTH_RANGE[0] - 2 * WIDTH_EDGES * _EDGE_S,
    least_edge_s=_EDGE_S,
    most_edge_s=PULSE_TRANSITION_RANGE[1] / EDGE_SHARE,
    most_pulses=int(TRIGGER_COUNT[1]),
    time_step_s=TIME_STEP_S,
    least_period_s=PULSE_PERIOD_RANGE[0],
    edge_room=EDGE_ROOM_81160A * EDGE_SHARE,
)
"""What it can do (pymeasure's ranges, which are the data sheet's)."""

COMMANDS = Commands(
    period=":PULS:PER{ch}",
    width=":PULS:WIDT{ch}",
    leading=SEPARATE_EDGES_81160A[0],
    trailing=SEPARATE_EDGES_81160A[1],
    amplitude=":VOLT{ch}",
    offset=":VOLT{ch}:OFFS",
    high=":VOLT{ch}:HIGH",
    low=":VOLT{ch}:LOW",
    # sets and clears the burst by itself, which is not for a single pulse: BURS:NCYC begins at 2
    pulses=":TRIG{ch}:COUN",
    load=":OUTP{ch}:LOAD",
    polarity=":OUTP{ch}:POL",
    output=":OUTP{ch}",
    limit_high=":VOLT{ch}:LIM:HIGH",
    limit_low=":VOLT{ch}:LIM:LOW",
    limit_state=":VOLT{ch}:LIM:STAT",
    load_as="1e6",  # there is no INF: 0.005 % more comes out with nothing connected
    load_ohm=IMPEDANCE_RANGE[1],
    fixed=(
        (":TRAC:CHAN{ch}", "0"),
        (":FUNC{ch}", "PULS"),
        (":PULS:HOLD{ch}", "WIDT"),
        (":VOLT{ch}:UNIT", "VPP"),
        (":ARM:SOUR{ch}", "MAN"),
    ),
)
"""How it spells what shapes a pulse."""


def _doubled(values: list[float]) -> list[float]:
    return [OPEN_CIRCUIT * value for value in values]


class OpenChannel(Keysight81160AChannel):  # type: ignore[misc]  # pymeasure has no types
    """pymeasure's channel with the ranges of an open circuit, which hold for a load of 1 Mohm."""

    amplitude_values = _doubled(AMPLITUDE_RANGE)
    offset_values = _doubled(OFFSET_RANGE)
    voltage_high_values = _doubled(VOLTAGE_HIGH_RANGE)
    voltage_low_values = _doubled(VOLTAGE_LOW_RANGE)

    def _check_voltages(self, amplitude: float, offset: float) -> None:
        super()._check_voltages(amplitude / OPEN_CIRCUIT, offset / OPEN_CIRCUIT)


class Keysight81160A(KeysightPulser, PymeasureKeysight81160A):  # type: ignore[misc]
    """One channel of an 81160A as a `Pulser`; all of it as pymeasure's driver.

    pymeasure's settings are in `ch_1` and `ch_2`; what they change is set anew by the next
    `make_safe` and `load`.
    """

    commands = COMMANDS
    model = "81160A"
    pattern = PATTERN
    reach = REACH
    stays_on = STAYS_ON

    ch_1: Any = Instrument.ChannelCreator(OpenChannel, 1)
    ch_2: Any = Instrument.ChannelCreator(OpenChannel, 2)


def connected(address: str, *, channel: int, clock: Clock) -> Keysight81160A:
    """Connect to an 81160A; nothing is set.

    Raises
    ------
    InstrumentError
        Nothing answers there, or not as an 81160A does.
    """
    with scpi_session(address, PATTERN, REMEDY).closed_if_it_fails() as session:
        return Keysight81160A(session, channel=channel, clock=clock)


def safe_messages(address: str, *, channel: int) -> SafeMessages:
    """Tell the guard how to end a burst and switch the output off."""
    return safe_messages_of(COMMANDS, address, channel)
