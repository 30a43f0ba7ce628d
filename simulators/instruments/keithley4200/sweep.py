"""System mode of the virtual 4200A: pages, source setups, sweeps that take their time.

Source: KXCI Programming manual 4200A-KXCI-907-01 Rev D, section 5. A step takes its delay, its
integration and a time of its own (`SMU_STEP_S`) before it measures; the edge to the next level is
part of these. What has been measured by now is played when somebody asks.
Not modelled: VAR1' sources, user functions, the graph, the filter and delay factors of IT4.
"""

from dataclasses import dataclass, field

import numpy as np

from hil.simulators.instruments.keithley4200.panel import Panel
from hil.simulators.instruments.keithley4200.setup import (
    COMMON,
    CONSTANT,
    CURRENT,
    MOST_LISTED,
    MOST_POINTS,
    VAR1,
    VAR2,
    Definition,
    Setup,
)
from hil.simulators.instruments.keithley4200.smu import Reading, Smu
from hil.simulators.instruments.keithley4200.unconfirmed import (
    AUTO_STANDBY,
    SMU_EDGE_S,
    SMU_STEP_S,
)
from hil.simulators.instruments.keithley4200.waveform import INSTANT_S
from hil.simulators.instruments.kxci import Refused, engineering, expect, integer, name
from hil.simulators.instruments.smu.model import Level
from hil.simulators.models.drive import Floats


@dataclass
class Measured:
    """What a test has measured so far."""

    values: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """By name: a letter for its status (N or C) and the value."""

    def add(self, key: str, flags: np.ndarray, values: Floats) -> None:
        """Append readings of one name."""
        letters = np.where(flags, "C", "N").tolist()
        self.values.setdefault(key, []).extend(zip(letters, values.tolist(), strict=True))


class SystemMode:
    """The pages and the test under way.

    Parameters
    ----------
    panel : Panel
        The SMUs, and how they measure.
    """

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self.setup = Setup(panel.smus)
        self.measured = Measured()
        self.exit_on_compliance = False
        self._test: Sweep | None = None
        self._repeat = False

    @property
    def running(self) -> bool:
        """Whether a test is under way."""
        return self._test is not None

    def settle(self, now_s: float) -> bool:
        """Measure what is due by now; True if a test has just ended."""
        ended = False
        while self._test is not None and self._test.advance(now_s):
            test, self._test = self._test, None
            ended = True
            test.end(test.end_s)
            if self._repeat:
                self._start(test.end_s, append=False)
        return ended

    def stop(self, now_s: float) -> None:
        """End the test at this moment, at 0 V; what was measured stays."""
        self._repeat = False
        if self._test is not None:
            test, self._test = self._test, None
            test.advance(now_s)
            test.end(now_s, at_once=True)

    def obey(self, word: str, arguments: list[str], now_s: float) -> str | None:
        """Do a command of system mode; raises Refused."""
        if word == "ME":
            self._measure(arguments, now_s)
            return None
        if word == "DO":
            key = name(expect(arguments, 1)[0])
            return ",".join(f"{flag} {self._told(v)}" for flag, v in self._readings(key))
        if word == "RD":
            key = name(expect(arguments, 2)[0])
            place = integer(arguments[1], 1, MOST_LISTED * MOST_POINTS)
            readings = self._readings(key)
            return self._told(readings[place - 1][1]) if place <= len(readings) else "0"
        self.setup.obey(word, arguments)
        return None

    def _told(self, value: float) -> str:
        return engineering(value, self._panel.integration.digits) if value else "0.0000"

    def _readings(self, key: str) -> list[tuple[str, float]]:
        names = [f"CH{number}{letter}" for number in self.setup.channels for letter in "TS"]
        for definition in self.setup.channels.values():
            names += [definition.voltage, definition.current]
        if key not in names:
            raise Refused(-993)
        return self.measured.values.get(key, [])

    def clear(self) -> None:
        """Forget what was measured."""
        self.measured = Measured()

    def _measure(self, arguments: list[str], now_s: float) -> None:
        action = integer(expect(arguments, 1)[0], 1, 4)
        if action == 4:
            self.stop(now_s)
            return
        self._repeat = action == 2
        self._start(now_s, append=action == 3)

    def _start(self, now_s: float, *, append: bool) -> None:
        if not append:
            self.measured = Measured()
        self._test = Sweep(self, self._panel, now_s)


class Sweep:
    """A sweep, a list or sampling in time, measured step by step as the time comes."""

    def __init__(self, system: SystemMode, panel: Panel, start_s: float) -> None:
        setup = system.setup
        self._system = system
        self._panel = panel
        self._channels = {k: setup.channels[k] for k in sorted(setup.channels)}
        self._smus = {k: panel.smus[k] for k in self._channels}
        self._levels = _levels(setup, self._smus)
        count = len(next(iter(self._levels.values())))
        swept = any(d.function == VAR1 for d in self._channels.values())
        step_s = setup.delay_s + SMU_STEP_S + panel.integration.duration_s
        dwell_s = np.full(count, setup.delay_s + SMU_STEP_S)
        if swept:
            dwell_s[:: count // _steps_of(setup)] += setup.hold_s
        else:
            dwell_s[1:] += max(setup.interval_s - step_s, 0.0)
            dwell_s[0] += setup.wait_s + setup.hold_s
        self._dwell_s = dwell_s
        self._start_s = start_s
        self._ends_s = (dwell_s + panel.integration.duration_s).cumsum()
        self._edge_s = min(SMU_EDGE_S, step_s / 10)
        self._next = 0
        self._stopped = False
        for smu in self._smus.values():
            smu.begin(start_s)

    @property
    def end_s(self) -> float:
        """Lab time at which it is over (s)."""
        last = self._next - 1 if self._stopped else -1
        return self._start_s + float(self._ends_s[last])

    def advance(self, now_s: float) -> bool:
        """Measure the steps that have ended by a lab time; True if none is left."""
        due = int(np.searchsorted(self._ends_s, now_s - self._start_s + INSTANT_S, side="right"))
        alone = self._system.exit_on_compliance or any(
            levels[0].current for levels in self._levels.values()
        )
        while self._next < due and not self._stopped:
            self._steps(self._next + 1 if alone else due)
        return self._stopped or self._next == len(self._ends_s)

    def end(self, at_s: float, *, at_once: bool = False) -> None:
        """Bring the sources to 0 V and off, or leave those without standby where they are.

        At once: also in the middle of a step, whose level was there already.
        """
        begun_s = self._start_s + (float(self._ends_s[self._next - 1]) if self._next else 0.0)
        under_way = self._next < len(self._ends_s) and at_s - begun_s > SMU_EDGE_S
        for number, smu in self._smus.items():
            if at_once and under_way:
                smu.force(self._levels[number][self._next], begun_s)
            if at_once or self._system.setup.standby.get(number, AUTO_STANDBY):
                smu.off(at_s)

    def _steps(self, last: int) -> None:
        first, self._next = self._next, last
        stop = False
        for number, definition in self._channels.items():
            reading = self._read(number, slice(first, last))
            measured = self._system.measured
            measured.add(definition.voltage, reading.compliance, reading.voltage_v)
            measured.add(definition.current, reading.compliance, reading.current_a)
            calm = np.zeros(last - first, np.bool_)
            measured.add(f"CH{number}T", calm, self._ends_s[first:last])
            measured.add(f"CH{number}S", calm, reading.compliance.astype(float))
            stop |= bool(reading.compliance.any())
        self._stopped = stop and self._system.exit_on_compliance

    def _read(self, number: int, steps: slice) -> Reading:
        levels = self._levels[number][steps]
        if self._panel.interlocked():
            none = np.zeros(len(levels))
            return Reading(none, none, none.astype(bool))
        integration = self._panel.integration_of(number)
        return self._smus[number].sweep(levels, self._dwell_s[steps], integration, self._edge_s)


def _levels(setup: Setup, smus: dict[int, Smu]) -> dict[int, list[Level]]:
    """Work out what each source does at each step; raises Refused (-991) for an unfit setup."""
    if not setup.channels:
        raise Refused(-991)
    given: dict[int, tuple[bool, Floats, float]] = {}
    for number, definition in setup.channels.items():
        given[number] = _source(setup, number, definition)
    functions = {number: d.function for number, d in setup.channels.items()}
    swept = {len(given[k][1]) for k, f in functions.items() if f == VAR1}
    if len(swept) > 1:
        raise Refused(-948)
    points = swept.pop() if swept else setup.readings
    steps = _steps_of(setup)
    if VAR2 in functions.values() and VAR1 not in functions.values():
        raise Refused(-953)
    levels = {}
    for number, (current, values, compliance) in given.items():
        function = functions[number]
        if function == VAR1:
            played = np.tile(values, steps)
        elif function == VAR2:
            played = np.repeat(values, points)
        else:
            played = np.full(points * steps, values[0])
        smu = smus[number]
        levels[number] = [smu.checked(current, v, compliance) for v in played.tolist()]
    return levels


def _steps_of(setup: Setup) -> int:
    """Count how often the sweep is gone through: once for each step of a stepper."""
    stepped = any(d.function == VAR2 and d.mode != COMMON for d in setup.channels.values())
    return len(setup.var2[1]) if stepped and setup.var2 is not None else 1


def _source(setup: Setup, number: int, definition: Definition) -> tuple[bool, Floats, float]:
    if definition.mode == COMMON:
        return False, np.zeros(1), 0.1
    found = None
    if definition.function == VAR1:
        found = setup.lists.get(number, setup.var1)
    elif definition.function == VAR2:
        found = setup.var2
    elif definition.function == CONSTANT and number in setup.constants:
        current, value, compliance = setup.constants[number]
        found = (current, np.array([value]), compliance)
    if found is None or found[0] != (definition.mode == CURRENT):
        raise Refused(-991)
    return found
