"""A source meter in this process: messages in, answers out, no socket; what it does is seen."""

from typing import Any

import numpy as np

from hil.clock import VirtualClock
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.logs import Event
from hil.simulators.instruments.lab.signal import Signal
from hil.virtual import LabPlan

OHM = 1e4


def resistor_lab(resistance_ohm: float = OHM, **settings: Any) -> Lab:
    """Make a lab with a resistor at the port "smu"."""
    return Lab(LabPlan(
        instruments={}, wiring={"smu": "top"}, model="resistor",
        parameters={"resistance_ohm": resistance_ohm}, **settings,
    ))  # fmt: skip


def played_v(signal: Signal) -> np.ndarray:
    """List the voltages at the corners of what is played of a signal (V)."""
    pieces = [slice(first, last) for first, last, _ in signal.units.tolist()]
    return np.concatenate(
        [ends[one] for one in pieces for ends in (signal.start_v, signal.stop_v)]
    )


class Bare:
    """An instrument at a resistor, ideal unless asked for otherwise."""

    def __init__(
        self,
        kind: type[VirtualInstrument],
        *,
        resistance_ohm: float = OHM,
        seed: int = 0,
        **options: Any,
    ) -> None:
        self.lab = resistor_lab(resistance_ohm, seed=seed)
        self.instrument = kind("smu", self.lab, {"ideal": True, **options})

    def tell(self, *messages: str) -> str | None:
        """Send messages one after the other, the lab's time going on; the answer to the last."""
        answer: bytes | None = None
        for message in messages:
            answer = self.instrument.handle(message.encode())
            self.sleep(max(self.instrument.busy_until_s - self.lab.now_s(), 0.0))
        return None if answer is None else answer.decode("latin-1")

    def ask(self, *messages: str) -> str:
        """Send messages of which the last one is answered."""
        answer = self.tell(*messages)
        assert answer is not None, messages
        return answer

    def numbers(self, *messages: str) -> list[float]:
        """Send messages of which the last one is answered by numbers."""
        return [float(word) for word in self.ask(*messages).split(",")]

    def error(self) -> int:
        """Take the oldest error; 0 for none."""
        return int(self.ask(":SYST:ERR?").split(",")[0])

    def obeys(self, *messages: str) -> None:
        """Send messages that must all be obeyed."""
        for message in messages:
            self.tell(message)
            assert self.error() == 0, message

    def refuses(self, message: str) -> int:
        """Send a message that answers nothing; its error."""
        assert self.tell(message) is None, message
        return self.error()

    def sleep(self, duration_s: float) -> None:
        """Let time pass in the lab."""
        assert isinstance(self.lab.clock, VirtualClock)
        self.lab.clock.sleep(duration_s)

    def events(self, kind: str) -> list[Event]:
        """List what happened at the port."""
        self.instrument.settle()
        found = [event for _, event in self.lab.events.since(0)]
        return [event for event in found if event.what["kind"] == kind]

    def last_v(self) -> float:
        """Tell the voltage that was put out last (V)."""
        signal = self.events("waveform")[-1].signal
        assert signal is not None
        return signal.last_v

    def last_v_if_any(self) -> float:
        """Tell the voltage that was put out last (V); 0 if there was none."""
        return self.last_v() if self.events("waveform") else 0.0

    def largest_v(self) -> float:
        """Tell the largest voltage that was put out (V, open circuit)."""
        signals = [event.signal for event in self.events("waveform")]
        return max(float(np.abs(played_v(one)).max()) for one in signals if one is not None)

    def outputs(self) -> list[bool]:
        """List how the output was switched."""
        return [event.what["on"] for event in self.events("output")]
