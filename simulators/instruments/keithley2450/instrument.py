"""A virtual Keithley 2450 SourceMeter: its own SCPI, or that of a 2400.

What it answers follows the Model 2450 Reference Manual 2450-901-01 Rev B (September 2013) and the
data sheet; what neither says at hand stands in `unconfirmed`, one line each. ``*LANG`` chooses the
language that it speaks from its next client on, as a real one does from its next start on.

Not modelled: TSP (``*LANG TSP`` is refused), configuration lists, trigger models built of blocks,
digital lines, limit tests and other calculations, the display, files, calibration, software time
of settings (they take none), information and warnings in the event log (only errors are kept),
which terminals a cable is on (front and rear lead to the same cell). The modules on its parts, and
`smu`, say the rest.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from hil.decode import decode
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400
from hil.simulators.instruments.keithley2450.model import CHANNEL, MODEL_2450
from hil.simulators.instruments.keithley2450.native import Native2450
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.declare import command, query
from hil.simulators.instruments.scpi.instrument import ScpiInstrument
from hil.simulators.instruments.scpi.values import Choice
from hil.simulators.instruments.smu.channel import COMPLIANCE, OUTPUT_STUCK, OVER_RANGE, Channel


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be chosen about it.

    Attributes
    ----------
    language : str
        "SCPI" or "SCPI2400".
    ideal : bool
        No errors and no noise of source and meters, only their resolution.
    samples : int
        Equal parts of an integration that are averaged.
    line_hz : int
        Frequency of the line that it finds when it is switched on (Hz).
    """

    language: Literal["SCPI", "SCPI2400"] = "SCPI"
    ideal: bool = False
    samples: Annotated[int, Meta(ge=1, le=1000)] = 4
    line_hz: Literal[50, 60] = 60


class Language:
    """``*LANG``: which language it will speak."""

    def __init__(self, chosen: str) -> None:
        self.chosen = chosen

    @command("*LANG", Choice("SCPI", "SCPI2400"))
    def _choose(self, language: str) -> None:
        self.chosen = language

    @query("*LANG")
    def _told(self) -> str:
        return self.chosen


class Keithley2450(VirtualInstrument):
    """Keithley 2450, a source meter: SCPI, its own or that of a 2400.

    Parameters
    ----------
    name : str
        What the lab calls it.
    lab : Lab
        Clock, cells and logs.
    options : dict
        See `Options`.

    Raises
    ------
    ConfigError
        For options that it does not have.
    """

    terminator: ClassVar[bytes] = b"\n"
    takes_time: ClassVar[bool] = True
    usual_wiring: ClassVar[dict[str, str]] = {"keithley2450": "top"}
    known_troubles: ClassVar[frozenset[str]] = frozenset(
        {OUTPUT_STUCK, COMPLIANCE, OVER_RANGE, "queue-full"}
    )

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        chosen = decode(options, Options, f"instrument {name}, options")
        self._channel = Channel(
            lab, name, CHANNEL, troubles=self.troubles, ideal=chosen.ideal,
            samples=chosen.samples,
        )  # fmt: skip
        self._language = Language(chosen.language)
        self._line_hz = chosen.line_hz
        self._spoken: str = chosen.language
        self._speaker = self._start()

    def _start(self) -> ScpiInstrument:
        """Start it: with its output off, in the chosen language."""
        self._spoken = self._language.chosen
        speaker: Native2450 | Sourcemeter2400
        if self._spoken == "SCPI":
            speaker = Native2450(self.name, self.lab, self._channel)
        else:
            speaker = Sourcemeter2400(self.name, self.lab, MODEL_2450, self._channel)
        speaker.system.line_hz = self._line_hz
        speaker.declare(self._language)
        speaker.interlock_open = self.interlock_open
        return speaker

    def handle(self, message: bytes) -> bytes | None:
        """Obey a message."""
        self._speaker.busy_until_s = self.busy_until_s
        answer = self._speaker.handle(message)
        self.busy_until_s = self._speaker.busy_until_s
        return answer

    def cut(self, received: bytearray) -> tuple[int, int] | None:
        """Find the first message."""
        return self._speaker.cut(received)

    def settle(self) -> None:
        """Bring it and the cells up to now."""
        self._speaker.settle()

    def status_byte(self) -> int:
        """Give the status byte as a serial poll does."""
        return self._speaker.status_byte()

    def clear(self) -> None:
        """Obey a device clear."""
        self._speaker.clear()

    def trigger(self) -> None:
        """Obey a group execute trigger."""
        self._speaker.trigger()

    def connected(self) -> None:
        """Speak the language that was chosen, from this client on."""
        if self._language.chosen != self._spoken:
            self._speaker = self._start()

    @property
    def interlock_open(self) -> bool:
        """Whether the interlock line is open."""
        return self._interlock_open

    @interlock_open.setter
    def interlock_open(self, is_open: bool) -> None:
        self._interlock_open = is_open
        if hasattr(self, "_speaker"):
            self._speaker.interlock_open = is_open
