"""A virtual Keithley 2400 SourceMeter.

What it answers follows the 2400 Series SourceMeter User's Manual 2400S-900-01 Rev K (September
2011) and SPEC-2400; what neither says at hand stands in `unconfirmed`, one line each.

Not modelled: limit tests and calculations (:CALCulate1, :CALCulate2), the digital port (:SOURce2),
the trigger link, the front panel, calibration, contact check, software time of settings (they take
none), the serial port's settings; which terminals a cable is on (front and rear lead to the same
cell). The modules on its parts, and `smu`, say the rest.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta

from hil.decode import decode
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.keithley2400.engine import Sourcemeter2400
from hil.simulators.instruments.keithley2400.model import MODEL_2400
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.smu.channel import COMPLIANCE, OUTPUT_STUCK, OVER_RANGE, Channel


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be chosen about it.

    Attributes
    ----------
    ideal : bool
        No errors and no noise of source and meters, only their resolution.
    samples : int
        Equal parts of an integration that are averaged.
    terminator : str
        "LF", as on GPIB and LAN, or "CR", as a serial port has it when it leaves the works.
    line_hz : int
        Frequency of the line for which it is set (Hz).
    """

    ideal: bool = False
    samples: Annotated[int, Meta(ge=1, le=1000)] = 4
    terminator: Literal["LF", "CR"] = "LF"
    line_hz: Literal[50, 60] = 60


class Keithley2400(Sourcemeter2400):
    """Keithley 2400, a source meter: SCPI.

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

    usual_wiring: ClassVar[dict[str, str]] = {"keithley2400": "top"}
    known_troubles: ClassVar[frozenset[str]] = frozenset(
        {OUTPUT_STUCK, COMPLIANCE, OVER_RANGE, "queue-full"}
    )

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        chosen = decode(options, Options, f"instrument {name}, options")
        channel = Channel(
            lab, name, MODEL_2400.channel, troubles=set(), ideal=chosen.ideal,
            samples=chosen.samples,
        )  # fmt: skip
        super().__init__(name, lab, MODEL_2400, channel)
        self.system.line_hz = chosen.line_hz
        if chosen.terminator == "CR":
            vars(self)["terminator"] = b"\r"  # of this one, not of its class

    def cut(self, received: bytearray) -> tuple[int, int] | None:
        """Find the first message; a serial line ends it with its own terminator."""
        if self.terminator == b"\n":
            return super().cut(received)
        return VirtualInstrument.cut(self, received)
