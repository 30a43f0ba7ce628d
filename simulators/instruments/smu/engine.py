"""What source meters that speak SCPI have in common: runs, output, interlock."""

import math
from abc import abstractmethod
from typing import ClassVar, Protocol

from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.instrument import ScpiInstrument
from hil.simulators.instruments.smu.channel import Channel
from hil.simulators.instruments.smu.model import Level
from hil.simulators.instruments.smu.run import BackgroundRun


class Blockable(Protocol):
    """The part of the settings that is the output."""

    @property
    def blocked(self) -> bool:
        """Whether the interlock keeps it off."""


class SourcemeterEngine(ScpiInstrument):
    """One channel behind a language.

    Parameters
    ----------
    name : str
        What the lab calls it.
    lab : Lab
        Clock, cells and logs.
    channel : Channel
        Its output.

    Attributes
    ----------
    blocked_error : int
        Code of the error for an output that the interlock keeps off.
    """

    takes_time: ClassVar[bool] = True
    blocked_error: ClassVar[int]
    run: BackgroundRun
    output: Blockable

    def __init__(self, name: str, lab: Lab, channel: Channel) -> None:
        super().__init__(name, lab, {})
        self.troubles = channel.troubles
        self.channel = channel

    @abstractmethod
    def level(self, value: float | None = None) -> Level:
        """Make what the settings force: the level, or *value* instead of it."""

    @property
    @abstractmethod
    def falls(self) -> bool:
        """Whether the output goes to 0 V before its relay opens."""

    def settle(self) -> None:
        """Bring the run and the cells up to now."""
        self.run.settle(self.now_s)
        super().settle()

    def ends_s(self) -> float:
        """When the run is over (s); inf while it waits for a trigger or has no end."""
        return self.run.ends_s()

    def wait(self) -> bool:
        """Let the client wait until the run is over; whether that time ever comes."""
        end_s = self.ends_s()
        if math.isfinite(end_s) and end_s > self.now_s:
            self.spend(max(self.run.bring(end_s) - self.now_s, 0.0))
        return super().wait()

    def clear(self) -> None:
        """Obey a device clear: the run is over."""
        super().clear()
        self.run.stop()

    def switch(self, on: bool) -> None:
        """Switch the output on or off; off ends a run."""
        if on and self.output.blocked:
            raise ScpiError(self.blocked_error)
        if not on:
            self.run.stop()
        elif not self.channel.on:
            self.channel.force(self.level(), self.now_s)
        self.channel.switch(on, self.now_s, edge=self.falls)

    def heed_interlock(self) -> None:
        """Switch off if the interlock forbids the output now."""
        if self.output.blocked and self.channel.on:
            self.switch(False)

    @property
    def interlock_open(self) -> bool:
        """Whether the interlock line is open."""
        return self._interlock_open

    @interlock_open.setter
    def interlock_open(self, is_open: bool) -> None:
        self._interlock_open = is_open
        if hasattr(self, "run"):
            self.heed_interlock()
