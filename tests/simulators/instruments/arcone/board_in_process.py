"""A virtual ArC ONE in this process: tokens in, bytes out, no line."""

import struct
from typing import Any

from hil.clock import VirtualClock
from hil.simulators.instruments.arcone.instrument import ArcOne
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.logs import Event
from hil.virtual import LabPlan


class Bare:
    """A board with resistors (10 kohm), ideal and initialized unless asked for otherwise."""

    def __init__(
        self, model: str = "resistor", *, rows: int = 4, columns: int = 4, fresh: bool = False,
        parameters: dict[str, Any] | None = None, seed: int = 0, series_ohm: float = 0.0,
        row_wire_ohm: float = 0.0, column_wire_ohm: float = 0.0, sneak_path: int = 0,
        mode: int = 2, **options: Any,
    ) -> None:  # fmt: skip
        plan = LabPlan(
            instruments={}, wiring={}, rows=rows, columns=columns, model=model,
            parameters=parameters or {}, seed=seed, series_ohm=series_ohm,
            row_wire_ohm=row_wire_ohm, column_wire_ohm=column_wire_ohm,
        )  # fmt: skip
        self.lab = Lab(plan)
        self.instrument = ArcOne("board", self.lab, {"ideal": True, **options})
        if not fresh:
            assert self.send("0", 30, rows, columns, mode, 0, sneak_path, 0.5) == b"1\n"

    def send(self, *tokens: object) -> bytes:
        """Send tokens one after the other as a wire does; all that is answered."""
        answer = b""
        for token in tokens:
            answer += self.instrument.handle(str(token).encode()) or b""
            self.sleep(max(self.instrument.busy_until_s - self.lab.now_s(), 0.0))
        return answer

    def ask(self, *tokens: object) -> list[float]:
        """Send tokens; the floats that are answered."""
        answer = self.send(*tokens)
        return list(struct.unpack(f"<{len(answer) // 4}f", answer))

    def triplets(self, *tokens: object) -> list[tuple[float, ...]]:
        """Send tokens; the triplets that are answered, rounded to what a float32 keeps."""
        values = [float(f"{value:.6g}") for value in self.ask(*tokens)]
        assert len(values) % 3 == 0
        return [tuple(values[k : k + 3]) for k in range(0, len(values), 3)]

    def sleep(self, duration_s: float) -> None:
        assert isinstance(self.lab.clock, VirtualClock)
        self.lab.clock.sleep(duration_s)

    def waveforms(self) -> list[Event]:
        """List what was put out on cells."""
        found = [event for _, event in self.lab.events.since(0)]
        return [event for event in found if event.what["kind"] == "waveform"]

    def pulses(self) -> list[tuple[int, float, float]]:
        """List the pulses: cell, level (V), width at half height (s)."""
        found = []
        for event in self.waveforms():
            signal = event.signal
            assert signal is not None
            if not signal.measured.any() and len(signal.duration_s) == 3:
                width_s = float(f"{signal.duration_s[0] + signal.duration_s[1]:.6g}")
                found.append((event.what["cell"], float(signal.start_v[1]), width_s))
        return found
