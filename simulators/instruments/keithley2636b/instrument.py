"""A virtual Keithley 2636B: TSP over a raw socket, two source measure channels on two ports.

What it knows follows the 2600B Reference manual (2600BS-901) as its clients use it; what no source
at hand says stands in `unconfirmed` and in `tsp.unconfirmed`, one line each. Measurements take
their time while the client waits, or in the background until `waitcomplete()`.

Not modelled: contact check, digital I/O, calibration, relative offsets, the display but for its
names, saved setups and buffers, factory scripts (KIPulse...), power limits, sink mode, high
capacitance, four-wire leads, what an output does while it is off, the ranging delays of the
source; those named in `tsp.instrument`, `sweep`, `triggers` and `smu.channel` besides.
"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from hil.decode import decode
from hil.simulators.instruments.keithley2636b import unconfirmed
from hil.simulators.instruments.keithley2636b.buffers import Buffer
from hil.simulators.instruments.keithley2636b.model import MODEL
from hil.simulators.instruments.keithley2636b.objects import SmuObject
from hil.simulators.instruments.keithley2636b.smu import OFF, Smu
from hil.simulators.instruments.keithley2636b.status import add_status
from hil.simulators.instruments.keithley2636b.triggers import Triggers
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.smu.channel import COMPLIANCE, OUTPUT_STUCK, OVER_RANGE, Channel
from hil.simulators.instruments.tsp.instrument import QUEUE_FULL, TspInstrument
from hil.simulators.instruments.tsp.objects import Object, choice, text

MEASUREMENT_SUMMARY, OPERATION_SUMMARY = 1, 128
_ROUNDS = 40
"""How often events are computed at once before somebody asks again: 2 million for one sweep."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the instrument is like.

    Attributes
    ----------
    serial, version : str
        As ``*IDN?`` tells them.
    line_hz : float
        Line frequency that power line cycles are counted in (Hz).
    ideal : bool
        No errors and no noise of sources and meters, only their ranges and resolution.
    samples : int
        Equal parts of an integration that are averaged.
    """

    serial: str = "4308079"
    version: str = unconfirmed.VERSION
    line_hz: Annotated[float, Meta(ge=50, le=60)] = 60.0
    ideal: bool = False
    samples: Annotated[int, Meta(ge=1, le=1000)] = 4


class Keithley2636B(TspInstrument):
    """Keithley 2636B, a source meter with two channels: TSP.

    Parameters
    ----------
    name : str
        What the lab calls it; its ports are NAME.a and NAME.b.
    lab : Lab
        Clock, cells and logs.
    options : dict
        See `Options`.
    """

    model: ClassVar[str] = "2636B"
    usual_wiring: ClassVar[dict[str, str]] = {"keithley2636b.a": "top"}
    known_troubles: ClassVar[frozenset[str]] = frozenset(
        {OUTPUT_STUCK, COMPLIANCE, OVER_RANGE, QUEUE_FULL}
    )

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        chosen = decode(options, Options, f"instrument {name}, options")
        self.serial, self.version = chosen.serial, chosen.version
        self.line_hz = chosen.line_hz
        self.triggers = Triggers(self.go_on, lambda: self.now_s)
        self.smus = {
            letter: Smu(
                Channel(
                    lab, f"{name}.{letter}", MODEL, troubles=self.troubles, ideal=chosen.ideal,
                    samples=chosen.samples,
                ),
                self.triggers,
                self,
            )
            for letter in "ab"
        }  # fmt: skip
        self._add_objects()

    # -- for the channels -----------------------------------------------------------------------
    def go_on(self) -> None:
        """Compute what follows from the events so far, and queue it."""
        for _ in range(_ROUNDS):
            self.triggers.bus.run()
            for smu in self.smus.values():
                smu.sweep.flush()
            ends = any(smu.sweep.active and not smu.sweep.endless for smu in self.smus.values())
            if self.triggers.bus.next_s is None or not ends:
                return

    def stopped(self) -> None:
        """Stop the timers when no channel needs them any more."""
        if not any(smu.sweep.active for smu in self.smus.values()):
            self.triggers.clear()

    def catch_up(self, buffer: Buffer, wait: bool) -> None:
        """Bring in what has been measured; wait for what *buffer* still gets if asked to."""
        self.lab.advance(self.now_s)
        for smu in self.smus.values():
            smu.collect()
            if wait and smu.fills(buffer):
                smu.wait()

    # -- what a TSP instrument does -------------------------------------------------------------
    def reset(self) -> None:
        """Bring everything to its first state, the outputs to 0 V and off."""
        for smu in self.smus.values():
            smu.reset()
        self.triggers.reset()
        self.engine.form.reset()

    def wait(self) -> None:
        """Wait for sweeps and for what is measured in the background."""
        for smu in self.smus.values():
            smu.wait()

    def bus_trigger(self) -> None:
        """Let the event of ``*TRG`` happen."""
        self.triggers.happen(self.triggers.bus_event)

    def summaries(self) -> int:
        """Tell the summary bits of the status byte."""
        busy = any(smu.sweep.sweeping(self.now_s) for smu in self.smus.values())
        limited = any(smu.limits or smu.overflowed for smu in self.smus.values())
        return (MEASUREMENT_SUMMARY if limited else 0) | (OPERATION_SUMMARY if busy else 0)

    def settle(self) -> None:
        """Play on the cells and store what is over by now."""
        next_s = self.triggers.bus.next_s
        if next_s is not None and next_s <= self.now_s:
            self.go_on()
        self.lab.advance(self.now_s)
        for smu in self.smus.values():
            if smu.channel.on and smu.interlocked:
                smu.switch(OFF)
                self.reject(*unconfirmed.BLOCKED)
            smu.collect()

    # -- inside ---------------------------------------------------------------------------------
    def _add_objects(self) -> None:
        engine, names = self.engine, self.engine.globals()
        for letter, smu in self.smus.items():
            names[f"smu{letter}"] = SmuObject(engine, smu, self.go_on).lua
        names["trigger"] = self.triggers.lua(engine)
        names["display"] = self._display().lua
        names["status"] = add_status(self, self.smus).lua
        names["makebuffer"] = names["smua"]["makebuffer"]
        names["savebuffer"] = names["smua"]["savebuffer"]
        engine.seal()

    def _display(self) -> Object:
        display, trigger = Object(self.engine), Object(self.engine)
        values: dict[str, Any] = {"screen": 2}
        display.setting(values, "screen", choice(0, 1, 2, 3))
        for name in ("clear", "setcursor", "sendkey", "prompt"):
            display.call(name, lambda *_: None)
        display.call("settext", lambda shown=None: text(shown) and None)
        display.constants({
            "SMUA": 0, "SMUB": 1, "SMUA_SMUB": 2, "USER": 3, "MEASURE_DCAMPS": 0,
            "MEASURE_DCVOLTS": 1, "MEASURE_OHMS": 2, "MEASURE_WATTS": 3, "DIGITS_4_5": 4,
            "DIGITS_5_5": 5, "DIGITS_6_5": 6,
        })  # fmt: skip
        trigger.constants({"EVENT_ID": self.triggers.display_event})
        display.child("trigger", trigger)
        for letter in self.smus:
            shown: dict[str, Any] = {"digits": 5, "func": 1}
            child, measure = Object(self.engine), Object(self.engine)
            child.setting(shown, "digits", choice(4, 5, 6))
            measure.setting(shown, "func", choice(0, 1, 2, 3))
            child.child("measure", measure)
            display.child(f"smu{letter}", child)
        return display
