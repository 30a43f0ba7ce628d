"""A virtual 2636B in this process: messages in, answers out, no socket."""

from typing import Any

import numpy as np

from hil.clock import VirtualClock
from hil.simulators.instruments.keithley2636b.instrument import Keithley2636B
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.logs import Event
from hil.simulators.instruments.tsp.errors import Entry
from hil.virtual import LabPlan


class Bare:
    """An instrument with a cell at channel A, ideal unless asked for otherwise."""

    def __init__(
        self,
        model: str = "resistor",
        *,
        wiring: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        if parameters is None:
            parameters = {"resistance_ohm": 10e3} if model == "resistor" else {}
        plan = LabPlan(
            instruments={}, wiring={"smu.a": "top"} if wiring is None else wiring, model=model,
            parameters=parameters,
        )  # fmt: skip
        self.lab = Lab(plan)
        self.unit = Keithley2636B("smu", self.lab, {"ideal": True, **options})

    def send(self, *messages: str) -> bytes | None:
        """Send messages; what the last one answered."""
        answer: bytes | None = None
        for message in messages:
            answer = self.unit.handle(message.encode("latin-1"))
            self.sleep(max(self.unit.busy_until_s - self.lab.now_s(), 0.0))
        return answer

    def tell(self, *messages: str) -> None:
        """Send messages that must be obeyed without an answer."""
        for message in messages:
            assert self.send(message) is None, message
            assert self.errors() == [], message

    def ask(self, expression: str) -> str:
        """Ask for a value."""
        answer = self.send(f"print({expression})")
        assert answer is not None, self.errors()
        return answer.decode("latin-1")

    def number(self, expression: str) -> float:
        return float(self.ask(expression))

    def numbers(self, message: str) -> list[float]:
        """Send a message that prints a buffer; its numbers."""
        answer = self.send(message)
        assert answer is not None, self.errors()
        return [float(part) for part in answer.decode().split(", ")]

    def errors(self) -> list[Entry]:
        """Take all errors."""
        return [self.unit.errors.next() for _ in range(self.unit.errors.count)]

    def codes(self) -> list[int]:
        return [error.code for error in self.errors()]

    def sleep(self, duration_s: float) -> None:
        assert isinstance(self.lab.clock, VirtualClock)
        self.lab.clock.sleep(duration_s)

    def events(self, kind: str) -> list[Event]:
        self.unit.settle()
        return [event for _, event in self.lab.events.since(0) if event.what["kind"] == kind]

    def voltage(self, port: str = "smu.a") -> tuple[np.ndarray, np.ndarray]:
        """Give times (s) and voltages (V, open circuit) of a port at all corners so far."""
        times, volts = [], []
        for event in self.events("waveform"):
            if event.source != port or event.signal is None:
                continue
            signal = event.signal
            order = np.concatenate(
                [np.tile(np.arange(a, b), n) for a, b, n in signal.units.tolist()]
            )
            ends_s = event.time_s + signal.duration_s[order].cumsum()
            times.append(np.column_stack([np.append(event.time_s, ends_s[:-1]), ends_s]).ravel())
            volts.append(np.column_stack([signal.start_v[order], signal.stop_v[order]]).ravel())
        return np.concatenate(times), np.concatenate(volts)
