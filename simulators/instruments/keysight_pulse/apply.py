"""``APPLy``: function, frequency, amplitude and offset in one command, and the output on.

It ends a burst, as on the 33220A and 33250A (user's guides, ``APPLy``).
"""

import math
from typing import Any

from hil.simulators.instruments.keysight_pulse import levels
from hil.simulators.instruments.keysight_pulse.channel import Channel
from hil.simulators.instruments.scpi.declare import Maybe, command
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument
from hil.simulators.instruments.scpi.values import Number, Raw

_FIRST_HZ, _FIRST_V = 1e3, 0.1
"""Frequency and amplitude that DEFault means, as after ``*RST``."""


class _OrDefault(Number):
    """A number, or DEFault, which is read as NaN."""

    def read(self, argument: Argument, owner: Any, default: float | None = None) -> float:
        """Read it."""
        return super().read(argument, owner, math.nan if default is None else default)


_HZ, _V = Maybe(_OrDefault("HZ")), Maybe(_OrDefault("V"))


class Apply:
    """The commands for one channel.

    Parameters
    ----------
    channel : Channel
        Whose settings they are.
    switches_on : bool
        Whether they switch its output on.
    """

    def __init__(self, channel: Channel, *, switches_on: bool) -> None:
        self._channel = channel
        self._switches_on = switches_on

    @command("DC", Maybe(Raw()), Maybe(Raw()), _V)
    def _dc(self, _: Any, __: Any, offset_v: float | None) -> None:
        self._apply("DC", None, None, offset_v)

    @command("NOISe", Maybe(Raw()), _V, _V)
    def _noise(self, _: Any, *asked: float | None) -> None:
        self._apply("NOIS", None, *asked)

    @command("PULSe", _HZ, _V, _V)
    def _pulse(self, *asked: float | None) -> None:
        self._apply("PULS", *asked)

    @command("SINusoid", _HZ, _V, _V)
    def _sine(self, *asked: float | None) -> None:
        self._apply("SIN", *asked)

    @command("SQUare", _HZ, _V, _V)
    def _square(self, *asked: float | None) -> None:
        self._apply("SQU", *asked)

    @command("RAMP", _HZ, _V, _V)
    def _ramp(self, *asked: float | None) -> None:
        self._apply("RAMP", *asked)

    @command("USER|:ARBitrary", _HZ, _V, _V)
    def _user(self, *asked: float | None) -> None:
        self._apply("USER" if "USER" in self._channel.model.functions else "ARB", *asked)

    def _apply(
        self, function: str, hz: float | None, amplitude: float | None, offset_v: float | None
    ) -> None:
        channel = self._channel
        periods_s, room = channel.model.least_period_s, channel.window
        frequency_hz = channel.frequency_hz if hz is None else _or(hz, _FIRST_HZ)
        asked = channel.in_unit(channel.amplitude_v) if amplitude is None else amplitude
        asked = _or(asked, channel.in_unit(_FIRST_V))
        amplitude_v = levels.meant(asked, channel.unit, function, channel.load_ohm)
        offset_v = channel.offset_v if offset_v is None else _or(offset_v, 0.0)
        least_s = periods_s.get(function, periods_s[""])
        slack = 1 + 1e-9
        if hz is not None and not (
            1 / channel.model.most_period_s / slack <= frequency_hz <= slack / least_s
        ):
            raise ScpiError(-222)
        if function != "DC" and not (
            room.least_amplitude_v / slack <= amplitude_v <= room.most_amplitude_v * slack
        ):
            raise ScpiError(-222)
        if abs(offset_v) > room.most_v:
            raise ScpiError(-222)
        channel.apply(function, max(1 / frequency_hz, least_s), amplitude_v, offset_v)
        if self._switches_on:
            channel.switch(True)


def _or(value: float, default: float) -> float:
    return default if math.isnan(value) else value
