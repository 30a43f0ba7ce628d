"""One channel of a 2636B: its settings, measurements in the fore- and background, its sweep."""

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from hil.simulators.instruments.keithley2636b import unconfirmed
from hil.simulators.instruments.keithley2636b.buffers import (
    COMPLIANCE,
    FILTERED,
    FOUR_WIRE,
    RANGED,
    SOURCE_RANGED,
    Buffer,
    Row,
)
from hil.simulators.instruments.keithley2636b.model import INTERLOCKED_V, MODEL, RANGES_V
from hil.simulators.instruments.keithley2636b.programmed import Programmed
from hil.simulators.instruments.keithley2636b.settings import DEFAULTS
from hil.simulators.instruments.keithley2636b.sweep import Sweep
from hil.simulators.instruments.keithley2636b.triggers import Triggers
from hil.simulators.instruments.smu.channel import Channel
from hil.simulators.instruments.smu.model import Reading, Step
from hil.simulators.instruments.tsp.engine import Rejected

FUNCTIONS = {"i": 0, "v": 1, "r": 2, "p": 3}
"""Numbers of the measure functions, in `measurefunctions`."""
OFF, ON, HIGH_Z = 0, 1, 2
AUTOZERO_ONCE, AUTOZERO_AUTO = 1, 2
_SETTLED_S = 60e-6


class Want(NamedTuple):
    """A reading that is due: the functions, where each is stored, and how long it integrates."""

    kinds: str
    buffers: tuple[Buffer | None, ...]
    aperture_s: float


class Smu(Programmed):
    """One channel.

    Parameters
    ----------
    channel : Channel
        Its hardware.
    triggers : Triggers
        What both channels share.
    unit : object
        `now_s`, `spend`, `line_hz`, `interlock_open` and `reject` of the instrument.
    """

    def __init__(self, channel: Channel, triggers: Triggers, unit: Any) -> None:
        super().__init__(unit.line_hz)
        self.channel = channel
        self.triggers = triggers
        self.buffers = [Buffer(unconfirmed.MOST_READINGS, unit.catch_up) for _ in range(2)]
        self.measures: tuple[str, tuple[Buffer | None, ...]] = ("", ())
        """What the measure action of a sweep stores where."""
        self._unit = unit
        self.catch_up = unit.catch_up
        self._wants: deque[Want] = deque()
        self._values: list[tuple[float, ...]] = []
        self._overflowed = False
        self._zeroed_s: dict[float, float] = {}
        self.background_s = -1.0
        """When the last measurement in the background is over (s)."""
        self._last_range = {"v": RANGES_V[0], "i": 100e-9}
        self.sweep = Sweep(self)

    # -- the source -----------------------------------------------------------------------------
    @property
    def interlocked(self) -> bool:
        """Whether an open interlock keeps the output off: on the highest voltage range."""
        most_v = self.range_v if self.values["source.func"] else self.values["source.limitv"]
        if self.sweep.sweeping(self._unit.now_s):
            most_v = max(most_v, self._swept_v)
        return bool(self._unit.interlock_open and most_v > INTERLOCKED_V)

    def update(self) -> None:
        """Force what is set, from now on."""
        if self.channel.on and not self.sweep.sweeping(self._unit.now_s):
            if self.interlocked:
                self.switch(OFF)
                raise Rejected(*unconfirmed.BLOCKED)
            self.channel.force(self.programmed, self._unit.now_s)
            self._unit.spend(_SETTLED_S)

    def switch(self, state: float) -> None:
        """Switch the output on or off."""
        now_s = self._unit.now_s
        if state == ON:
            if self.interlocked:
                raise Rejected(*unconfirmed.BLOCKED)
            if not self.channel.on:
                self.channel.level = self.programmed
        else:
            self.stop()
        self.channel.switch(state == ON, now_s)
        self._unit.spend(_SETTLED_S)
        self.values["source.output"] = state

    @property
    def output(self) -> int:
        """What `source.output` tells: the truth about the relay."""
        if self.channel.on:
            return ON
        return HIGH_Z if self.values["source.output"] == HIGH_Z else OFF

    def stop(self) -> None:
        """End the sweep and what is measured in the background."""
        was_sweeping = self.sweep.sweeping(self._unit.now_s)
        self.collect()
        self.channel.abort(self._unit.now_s)
        self.collect()
        self._wants.clear()
        self.sweep.stop()
        self._unit.stopped()
        self.background_s = -1.0
        if was_sweeping and unconfirmed.ABORT_GOES_IDLE and self.channel.on:
            self.channel.force(self.programmed, self._unit.now_s)

    def reset(self) -> None:
        """Do what ``smuX.reset()`` does: 0 V first, then off, then the first settings."""
        self.stop()
        self.channel.switch(False, self._unit.now_s)
        self._unit.spend(_SETTLED_S)
        self.values.clear()
        self.values.update(DEFAULTS)
        self.measures = ("", ())
        self.sweep.hear_setup([], current=False)
        for buffer in self.buffers:
            buffer.values.update(appendmode=0, collecttimestamps=1, collectsourcevalues=0)
            buffer.rows.clear()
        self.channel.force(self.programmed, self._unit.now_s)

    # -- measuring ------------------------------------------------------------------------------
    def reading_s(self, at_s: float) -> float:
        """Tell what a reading takes that begins at a time (s).

        With autozero AUTO the reference and zero are measured as well, with the same aperture,
        when those of that aperture have expired (2600B manual, `smuX.measure.autozero`).
        """
        aperture_s = self.integration.aperture_s
        apertures = 1
        if self.values["measure.autozero"] == AUTOZERO_AUTO:
            expired_s = self._zeroed_s.get(aperture_s, -np.inf) + unconfirmed.REFERENCE_S
            if at_s >= expired_s:
                self._zeroed_s[aperture_s] = at_s
                apertures = 3
        return apertures * aperture_s + unconfirmed.MEASURE_S

    def auto_zero(self, mode: float) -> None:
        """Set how often the reference and zero are measured; ONCE does it now."""
        self.values["measure.autozero"] = mode
        if mode == AUTOZERO_ONCE:
            self._unit.spend(2 * self.integration.aperture_s)

    @property
    def delay_s(self) -> float:
        """Time before a measurement (s)."""
        delay_s = float(self.values["measure.delay"])
        if delay_s >= 0:
            return delay_s
        range_a = self.measure_range("i")
        factor = float(self.values["measure.delayfactor"])
        return unconfirmed.AUTO_DELAY_S.get(range_a, 0.0) * factor

    def measure_range(self, kind: str) -> float:
        """Tell the measure range (A or V): the fixed one or the one that was used last."""
        if self.values[f"measure.autorange{kind}"]:
            return self._last_range[kind]
        return float(self.values[f"measure.range{kind}"])

    def wanted(self, at_s: float) -> tuple[list[Want], float, float]:
        """Tell what a measure action measures, what each reading takes and when it begins (s)."""
        kinds, buffers = self.measures
        want = Want(kinds, buffers, self.integration.aperture_s)
        count = int(self.values["measure.count"])
        begin_s = at_s + self.delay_s
        return [want] * count, self.reading_s(begin_s), begin_s

    def measure(self, kinds: str, buffers: tuple[Buffer | None, ...]) -> tuple[float, ...]:
        """Measure now, *count* times; what the last reading told."""
        self.begin(kinds, buffers)
        self._unit.spend(max(self.background_s - self._unit.now_s, 0.0))
        self.channel.bring(self._unit.now_s)
        self.collect()
        return self._values[-1]

    def begin(self, kinds: str, buffers: tuple[Buffer | None, ...]) -> None:
        """Begin to measure *count* times in the background."""
        self.wait()
        self._start(buffers)
        begin_s, integration = self._unit.now_s, self.integration
        cursor_s, ready_s, steps, wants = begin_s, begin_s, [], []
        for place in range(int(self.values["measure.count"])):
            due_s = begin_s + place * self.values["measure.interval"]
            look_s = max(due_s, ready_s) + self.delay_s
            end_s = look_s + integration.aperture_s
            steps.append(Step(self.channel.level, end_s - cursor_s, measured=True))
            wants.append(Want(kinds, buffers, integration.aperture_s))
            cursor_s, ready_s = end_s, look_s + self.reading_s(look_s)
        self.play(steps, begin_s, wants)
        self.background_s = ready_s

    @property
    def _swept_v(self) -> float:
        """The source range that a sweep needs (V)."""
        if self.sweep.levels_are_current:
            return float(self.values["trigger.source.limitv"] or self.values["source.limitv"])
        most_v = max(map(abs, self.sweep.levels), default=0.0)
        return MODEL.range_of(most_v, current=False)

    def begin_sweep(self) -> None:
        """Do what ``smuX.trigger.initiate()`` does."""
        self.wait()
        sweeps = bool(self.values["trigger.source.action"])
        if sweeps and self._unit.interlock_open and self._swept_v > INTERLOCKED_V:
            raise Rejected(*unconfirmed.BLOCKED)
        self.sweep.initiate(self._unit.now_s)
        self._start(self.measures[1])

    def detect(self, name: str) -> None:
        """Do what ``smuX.trigger.NAME.set()`` does."""
        self.sweep.detect(name, self._unit.now_s)

    def play(self, steps: list[Step], begin_s: float, wants: list[Want]) -> None:
        """Queue steps, the measured ones of which want something each."""
        self._wants.extend(wants)
        self.channel.queue(steps, begin_s, self.integration)

    def wait(self) -> None:
        """Let time pass until nothing is measured in the background and no sweep is on."""
        end_s = max(self.background_s, self.sweep.end_s)
        if end_s > self._unit.now_s:
            self._unit.spend(end_s - self._unit.now_s)
            self.channel.bring(self._unit.now_s)
        self.collect()

    def fills(self, buffer: Buffer) -> bool:
        """Tell whether something is still going to be stored in a buffer."""
        return any(buffer in want.buffers for want in self._wants)

    def collect(self) -> None:
        """Store what has been measured by now."""
        reading = self.channel.taken()
        self._values = self._values[-1:]
        for place in range(len(reading.time_s)):
            self._store(reading, place, self._wants.popleft())

    @property
    def limits(self) -> int:
        """Bits of the measurement status: 1 at the voltage limit, 2 at the current limit."""
        now_s = self._unit.now_s
        if not self.channel.on:
            return 0
        self.channel.bring(now_s)
        self.collect()
        if not self.channel.limited(now_s):
            return 0
        return 1 if self.channel.level.current else 2

    @property
    def overflowed(self) -> bool:
        """Whether the last reading was beyond its range."""
        return self._overflowed

    def _start(self, buffers: tuple[Buffer | None, ...]) -> None:
        for buffer in {id(one): one for one in buffers if one is not None}.values():
            buffer.start()

    def _store(self, reading: Reading, place: int, want: Want) -> None:
        """Store one reading in its buffers."""
        told = self._told(reading, place)
        self._last_range = {
            "v": float(reading.range_v[place]), "i": float(reading.range_a[place])
        }  # fmt: skip
        self._values.append(tuple(told[kind] for kind in want.kinds))
        status = self._status(bool(reading.compliance[place]))
        is_voltage = not self.channel.level.current
        for kind, buffer in zip(want.kinds, want.buffers, strict=False):
            if buffer is None:
                continue
            row = Row(
                told[kind], float(reading.time_s[place]) - want.aperture_s,
                float(reading.level[place]), status,
                self.range_v if is_voltage else self.range_a,
                self._last_range["v" if kind == "v" else "i"],
                int(is_voltage), FUNCTIONS[kind], int(self.channel.on),
            )  # fmt: skip
            try:
                buffer.add(row)
            except Rejected as rejected:
                self._unit.reject(rejected.code, rejected.message)

    def _told(self, reading: Reading, place: int) -> dict[str, float]:
        over_v, over_a = bool(reading.over_v[place]), bool(reading.over_a[place])
        volts = unconfirmed.OVERFLOW if over_v else float(reading.voltage_v[place])
        amperes = unconfirmed.OVERFLOW if over_a else float(reading.current_a[place])
        self._overflowed = over_v or over_a
        if over_v or over_a:
            beyond = unconfirmed.OVERFLOW
            return {"v": volts, "i": amperes, "r": beyond, "p": beyond}
        ohms = volts / amperes if amperes else unconfirmed.OVERFLOW
        return {"v": volts, "i": amperes, "r": ohms, "p": volts * amperes}

    def _status(self, compliance: bool) -> int:
        values = self.values
        ranged = values["measure.autorangei"] or values["measure.autorangev"]
        kind = "v" if values["source.func"] else "i"
        return (
            (RANGED if ranged else 0)
            | (SOURCE_RANGED if values[f"source.autorange{kind}"] else 0)
            | (FOUR_WIRE if values["sense"] else 0)
            | (COMPLIANCE if compliance else 0)
            | (FILTERED if values["measure.filter.enable"] else 0)
        )
