"""The two channels of a generator on the wire: triggers, errors, arbitrary waveforms."""

from typing import Any, ClassVar

import msgspec

from hil.decode import decode
from hil.simulators.instruments.keysight_pulse import unconfirmed
from hil.simulators.instruments.keysight_pulse.channel import Channel
from hil.simulators.instruments.keysight_pulse.output import Output
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.instrument import ScpiInstrument

CHANNELS = (1, 2)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a generator is built of: nothing to choose."""


class Generator(ScpiInstrument):
    """The base of the generators.

    Attributes
    ----------
    channel_type : type
        What their channels are.
    channels : dict of int to Channel
        By number.
    """

    takes_time: ClassVar[bool] = True
    known_troubles: ClassVar[frozenset[str]] = frozenset({"output-stuck", "queue-full"})
    error_texts: ClassVar[dict[int, str]] = {-222: "Data out of range"}
    channel_type: ClassVar[type[Channel]]

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        decode(options, Options, f"instrument {name}, options")
        self.channels = {n: self.channel_type(self, Output(lab, f"{name}.{n}")) for n in CHANNELS}
        self.declare_each(self.channels)
        for channel in self.channels.values():
            channel.changed()

    def no_error(self) -> str:
        """Answer ``:SYSTem:ERRor?`` when there is none."""
        return '+0,"No error"'

    def told_error(self, code: int, text: str, detail: str, at_s: float) -> str:
        """Answer ``:SYSTem:ERRor?``."""
        return super().told_error(code, f"{text}; {detail}" if detail else text, "", at_s)

    def reset(self) -> None:
        """Switch the outputs off, then go to the defaults."""
        for channel in self.channels.values():
            channel.switch(False)
        super().reset()
        for channel in self.channels.values():
            channel.reset()
            channel.changed()

    def triggered(self) -> None:
        """Trigger the channels that wait for it."""
        fired = [channel.fire() for channel in self.channels.values()]
        if not any(fired):
            raise ScpiError(unconfirmed.TRIGGER_IGNORED)

    def ends_s(self) -> float:
        """When the last burst that a trigger started is over (s)."""
        return max(channel.output.ends_s() for channel in self.channels.values())

    def settle(self) -> None:
        """Have enough ahead, and play on the cells what is over by now."""
        for channel in self.channels.values():
            channel.output.go_on(self.now_s)
        super().settle()
