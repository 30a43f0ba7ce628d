"""A generator in this process, wired to a cell: messages in, answers out, what came out."""

from typing import Any

import numpy as np

from hil.clock import VirtualClock
from hil.simulators.instruments import INSTRUMENTS
from hil.simulators.instruments.keysight_pulse.generator import Generator
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.logs import Event
from hil.virtual import LabPlan

TYPES = ("keysight81160a", "keysight33522b")


class Bare:
    """A generator with a resistor at output 1."""

    def __init__(self, kind: str, resistance_ohm: float = 1e12, **options: Any) -> None:
        self.lab = Lab(
            LabPlan(
                instruments={}, wiring={"pg.1": "top"}, model="resistor",
                parameters={"resistance_ohm": resistance_ohm},
            )
        )  # fmt: skip
        instrument = INSTRUMENTS.load(kind)("pg", self.lab, options)
        assert isinstance(instrument, Generator)
        self.it = instrument

    def ask(self, message: str) -> str:
        """Send a message and give its answer."""
        answer = self.it.handle(message.encode("latin-1"))
        assert answer is not None, (message, self.errors())
        return answer.decode("latin-1")

    def number(self, message: str) -> float:
        return float(self.ask(message))

    def errors(self) -> list[str]:
        """Read the error queue."""
        found = []
        while (answer := self.ask("SYST:ERR?")) != '+0,"No error"':
            found.append(answer)
        return found

    def tell(self, *messages: str) -> None:
        """Send messages that must be obeyed."""
        for message in messages:
            assert self.refused(message) == [], message

    def refused(self, message: str | bytes) -> list[int]:
        """Send a message that may be refused; its errors."""
        wire = message.encode() if isinstance(message, str) else message
        assert self.it.handle(wire) is None
        return [int(error.split(",")[0]) for error in self.errors()]

    def sleep(self, duration_s: float) -> None:
        """Let time pass in the lab."""
        assert isinstance(self.lab.clock, VirtualClock)
        self.lab.clock.sleep(duration_s)
        self.it.settle()

    def trigger(self) -> float:
        """Trigger and wait; how long it took (s)."""
        before_s = self.it.now_s
        assert self.ask("*TRG;*OPC?") == "1"
        return self.it.now_s - before_s

    def events(self, kind: str) -> list[Event]:
        """List what happened at the ports."""
        self.it.settle()
        found = [event for _, event in self.lab.events.since(0)]
        return [event for event in found if event.what["kind"] == kind]

    def waveform(self) -> tuple[np.ndarray, np.ndarray]:
        """Give times and voltages at the corners of all that was played, from the first one on."""
        times_s: list[float] = []
        volts: list[float] = []
        for event in self.events("waveform"):
            signal = event.signal
            assert signal is not None
            now_s = event.time_s
            for first, last, repeats in signal.units.tolist():
                for _ in range(repeats):
                    for place in range(first, last):
                        times_s += [now_s, now_s + signal.duration_s[place]]
                        volts += [signal.start_v[place], signal.stop_v[place]]
                        now_s = times_s[-1]
        return np.array(times_s), np.array(volts)

    def pulses(self) -> list[Any]:
        """List the widths at half of the height of all pulses played, with their height."""
        times_s, volts = self.waveform()
        height_v = volts[np.argmax(np.abs(volts))]
        above = volts / height_v > 0.5
        found = []
        begin_s = None
        for n in range(1, len(volts)):
            if above[n] != above[n - 1]:
                share = (height_v / 2 - volts[n - 1]) / (volts[n] - volts[n - 1])
                at_s = times_s[n - 1] + share * (times_s[n] - times_s[n - 1])
                if begin_s is None:
                    begin_s = at_s
                else:
                    found.append((at_s - begin_s, float(height_v)))
                    begin_s = None
        return found


def start(kind: str, high_v: float = 1.0, **settings: Any) -> Bare:
    """Make a generator that waits for a trigger: 500 ns pulses, 80 ns edges, period 10 us."""
    bare = Bare(kind, **settings)
    bare.tell(
        f"{PREFIX[kind]}:WIDT 500ns", f"{PREFIX[kind]}:PER 10us", "FUNC PULS",
        "FUNC:PULS:TRAN 80ns", "OUTP:LOAD INF", f"VOLT:HIGH {high_v};LOW 0", *BUS[kind],
    )  # fmt: skip
    return bare


PREFIX = {"keysight81160a": "PULS", "keysight33522b": "FUNC:PULS"}
BUS = {
    "keysight81160a": ("ARM:SOUR MAN",),
    "keysight33522b": ("BURS:STAT ON", "TRIG:SOUR BUS"),
}
CYCLES = {"keysight81160a": "TRIG:COUN", "keysight33522b": "BURS:NCYC"}
