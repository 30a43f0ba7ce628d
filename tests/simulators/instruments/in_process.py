"""A virtual 4200A in this process: messages in, answers out, no socket."""

from typing import Any

import numpy as np

from hil.clock import VirtualClock
from hil.simulators.instruments.keithley4200.instrument import Keithley4200
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.logs import Event
from hil.virtual import LabPlan

PULSE_S = 100e-9 + 500e-9 + 100e-9 + 10e-6
"""What `Bare.define_pulse` takes."""
READ_S = 20.2e-6
"""What `Bare.define_read` takes."""


class Bare:
    """An instrument with a cell at PMU1-1, ideal unless asked for otherwise."""

    def __init__(
        self,
        model: str = "resistor",
        *,
        wiring: dict[str, str] | None = None,
        seed: int = 0,
        series_ohm: float = 0.0,
        parameters: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        plan = LabPlan(
            instruments={},
            wiring={"PMU1-1": "top"} if wiring is None else wiring,
            model=model,
            parameters=parameters or {},
            series_ohm=series_ohm,
            seed=seed,
        )
        self.lab = Lab(plan)
        self.instrument = Keithley4200("bare", self.lab, {"ideal": True, **options})

    def ask(self, *messages: str) -> str:
        """Send messages one after the other; the answer of the last one."""
        answer: bytes | None = None
        for message in messages:
            answer = self.instrument.handle(message.encode())
        assert answer is not None
        return answer.decode()

    def tell(self, *messages: str) -> None:
        """Send messages that must all be obeyed."""
        for message in messages:
            assert self.ask(message) == "ACK", message
            assert self.error() == 0, message

    def error(self) -> int:
        """Tell the last error and forget it; 0 for none."""
        text = self.ask(":ERROR:LAST:GET")
        self.ask(":ERROR:LAST:CLEAR")
        return int(text[text.rindex("(") + 1 : -1]) if text else 0

    def refused(self, message: str) -> int:
        """Send a message that may be refused; its error, 0 for none."""
        self.ask(message)
        return self.error()

    def sleep(self, duration_s: float) -> None:
        """Let time pass in the lab."""
        assert isinstance(self.lab.clock, VirtualClock)
        self.lab.clock.sleep(duration_s)

    def events(self, kind: str) -> list[Event]:
        """List what happened at the ports."""
        self.instrument.settle()
        found = [event for _, event in self.lab.events.since(0)]
        return [event for event in found if event.what["kind"] == kind]

    def waveform(self, number: int = -1) -> tuple[np.ndarray, np.ndarray]:
        """Give times and voltages of a played waveform at its corners, units played out."""
        signal = self.events("waveform")[number].signal
        assert signal is not None
        order = np.concatenate([np.tile(np.arange(a, b), n) for a, b, n in signal.units.tolist()])
        ends_s = signal.duration_s[order].cumsum()
        return np.append(0.0, ends_s), np.append(signal.start_v[order[0]], signal.stop_v[order])

    # -- pulses -------------------------------------------------------------------------------
    def start_arb(self, range_a: str = "1e-3") -> None:
        """Enter segment arb mode with channel 1 at the cell."""
        self.tell(
            ":PMU:INIT 1", ":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:SOURCE:RANGE 1,10",
            f":PMU:MEASURE:RANGE 1,2,{range_a}",
        )  # fmt: skip

    def define(
        self,
        sequence: int,
        times: str,
        start_v: str,
        stop_v: str,
        measure: tuple[str, str, str] | None = None,
    ) -> None:
        """Define a sequence of channel 1; *measure* is type, start and stop."""
        arrays = {"TIME": times, "STARTV": start_v, "STOPV": stop_v}
        if measure is not None:
            arrays |= dict(zip(("MEAS:TYPE", "MEAS:START", "MEAS:STOP"), measure, strict=True))
        for name, values in arrays.items():
            self.tell(f":PMU:SARB:SEQ:{name} 1,{sequence},{values}")

    def define_pulse(self, sequence: int = 1, volts: str = "1.5") -> None:
        """Define a pulse of 500 ns with edges of 100 ns and a pause of 10 us."""
        self.define(
            sequence, "100e-9,500e-9,100e-9,10e-6", f"0,{volts},{volts},0", f"{volts},{volts},0,0"
        )

    def define_read(self, sequence: int = 2, volts: str = "0.1", kind: int = 1) -> None:
        """Define a read: 10 us to settle and 10 us measured."""
        self.define(
            sequence, "100e-9,20e-6,100e-9", f"0,{volts},{volts}", f"{volts},{volts},0",
            (f"0,{kind},0", "0,10e-6,0", "0,20e-6,0"),
        )  # fmt: skip

    def execute(self, listed: str, wait_s: float = 1.0) -> None:
        """Play a list of sequences to its end."""
        self.tell(f":PMU:SARB:WFM:SEQ:LIST 1,{listed}", ":PMU:OUTPUT:STATE 1,1", ":PMU:EXECUTE")
        self.sleep(wait_s)
        assert self.ask(":PMU:TEST:STATUS?") == "0"

    def rows(self, channel: int = 1) -> list[list[Any]]:
        """Read the buffer; status words as integers in hexadecimal."""
        text = self.ask(f":PMU:DATA:GET {channel}")
        rows = [row.split(",") for row in text.split(";")] if text else []
        return [[*map(float, row[:-1]), int(row[-1], 16)] for row in rows]


def arb(**settings: Any) -> Bare:
    """Make an instrument in segment arb mode."""
    bare = Bare(**settings)
    bare.start_arb()
    return bare


def executed(bare: Bare, listed: str = "1,1") -> int:
    """Start a list of sequences; the error, 0 for none."""
    bare.tell(":PMU:OUTPUT:STATE 1,1", f":PMU:SARB:WFM:SEQ:LIST 1,{listed}")
    return bare.refused(":PMU:EXECUTE")
