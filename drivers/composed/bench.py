"""A bench of single boxes on one cell: source meter, pulse generator, and a switch between them.

The generator plays the pulses, the source meter reads and sweeps; without a generator the source
meter does both. The path changes only while both rest at 0 V: every contact opens, the cell is
grounded, then the new path closes, with the settling time of the bench file before and after.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from hil.bench import Assurance, Bench, Prepared
from hil.capabilities import Capabilities
from hil.cells import Cells, Indices, Sample
from hil.clock import Clock
from hil.drivers.composed.plan import Boxes, Firing, Measuring, Plan, SlowPulses, Step, planned
from hil.drivers.roles import (
    Pulser,
    PulserReach,
    Role,
    Rows,
    SourceMeter,
    SourceMeterReach,
    SourceSettings,
    Switch,
    Train,
)
from hil.drivers.safety import failures_of, safe_if_it_fails
from hil.errors import InstrumentError
from hil.guard import SafeMessages
from hil.limits import Limits
from hil.program import Program
from hil.readings import Readings

GROUND, SMU, GENERATOR = "ground", "smu", "generator"
"""Names of the paths."""
LEAST_PERIODS = 2.0
"""Pulses of a source meter begin no closer than so many flat tops."""


class Reaches(NamedTuple):
    """What is known of the boxes before they are connected."""

    smu: SourceMeterReach
    pulser: PulserReach | None
    switching_s: float


class Opened(NamedTuple):
    """The boxes, connected."""

    smu: SourceMeter
    pulser: Pulser | None
    switch: Switch | None

    @property
    def all(self) -> tuple[Role, ...]:
        """All that are there, sources first."""
        return tuple(box for box in (self.pulser, self.smu, self.switch) if box is not None)


class ComposedBench(Bench):
    """One cell between the boxes and ground.

    Parameters
    ----------
    name : str
        What the bench is called.
    connect : callable
        Connects to all boxes; makes safe and closes what it opened if one of them fails.
    reaches : Reaches
        What they can do.
    safe : tuple of SafeMessages
        What the guard sends.
    stays_on : tuple of str
        What stays energised when a connection is lost, a sentence a box.
    settle_s : float
        Settling time of sources and cell, before and after each contact (s).
    series_ohm : float
        Resistor at the cell (ohm).
    virtual : bool
        Whether the boxes are virtual ones.
    limits, clock, sample, sets_at :
        As on any bench.
    """

    def __init__(
        self,
        name: str,
        *,
        connect: Callable[[Clock], Opened],
        reaches: Reaches,
        safe: tuple[SafeMessages, ...],
        stays_on: tuple[str, ...],
        settle_s: float,
        series_ohm: float,
        limits: Limits,
        clock: Clock,
        sample: Sample,
        sets_at: int,
        virtual: bool,
    ) -> None:
        pulser = reaches.pulser
        alone = "series" if series_ohm > 0 else "none"
        super().__init__(
            name,
            cells=Cells(),
            capabilities=Capabilities(
                current_limit="regulated" if pulser is None else alone,  # type: ignore[arg-type]
                time_step_s=0.0 if pulser is None else pulser.time_step_s,
                regulates=True,
            ),
            limits=limits,
            clock=clock,
            sample=sample,
            source_ohm=series_ohm + (0.0 if pulser is None else pulser.output_ohm),
            sets_at=sets_at,
        )
        self.kind = "virtual" if virtual else "hardware"
        self._connect = connect
        self._reaches = reaches
        self._safe = safe
        self._stays_on = stays_on
        self._settle_s = settle_s
        self._series_ohm = series_ohm
        self._boxes: Opened | None = None
        self._path: str | None = None
        self._loaded: Train | None = None
        self._settings: SourceSettings | None = None
        self._fenced: Limits | None = None

    def safe_messages(self) -> tuple[SafeMessages, ...]:
        """Tell the guard how to switch every box off."""
        return self._safe

    def assurances(self) -> tuple[Assurance, ...]:
        """Tell how far each promise goes."""
        found = [
            *super().assurances(),
            Assurance(
                "compliance of reads and sweeps",
                "verified",
                "set in the source meter and read back",
            ),
            Assurance("timing", "assumed", "as the boxes report it; nothing here guarantees it"),
        ]
        if self._reaches.pulser is not None:
            found += [
                Assurance(
                    "voltage of pulses",
                    "verified",
                    "load and limits of the generator are read back",
                ),
                Assurance(
                    "no hot switching", "enforced", "contacts move while both sources rest at 0 V"
                ),
                self._current_of_pulses(),
            ]
        return (
            *found,
            *(Assurance("lost connection", "assumed", text) for text in self._stays_on),
        )

    def identity(self) -> str:
        """Tell what the boxes say they are."""
        return "" if self._boxes is None else "; ".join(box.identity for box in self._boxes.all)

    def _current_of_pulses(self) -> Assurance:
        what = "current of pulses"
        if self._series_ohm > 0:
            return Assurance(what, "assumed", f"{self._series_ohm:g} ohm in series, as stated")
        return Assurance(what, "assumed", "neither held nor watched: a generator does not measure")

    def _open(self) -> None:
        self.touched = False
        self._boxes = boxes = self._connect(self.clock)
        self.touched = True
        self._make_safe()
        if boxes.pulser is not None:
            self._fence(boxes.pulser)

    def _fence(self, pulser: Pulser) -> None:
        """Have the generator itself keep the limits of the bench, as they are now."""
        self._fenced = None
        widest = [self.limits.switching]
        if self.limits.forming is not None and self.forming_open:
            widest.append(self.limits.forming)
        pulser.fence(
            max(limits.positive_v for limits in widest),
            min(limits.negative_v for limits in widest),
        )
        self._fenced = self.limits

    def _prepare(self, program: Program, _cells: Indices, current_limit_a: float) -> Prepared:
        plan = planned(program, current_limit_a, self._abilities())
        return Prepared(plan, plan.duration_s, plan.notes)

    def _abilities(self) -> Boxes:
        reaches = self._reaches
        once_s = 2 * (reaches.switching_s + self._settle_s)  # all contacts open, one closes
        route_s = 0.0 if reaches.pulser is None else 2 * once_s  # over ground
        return Boxes(reaches.smu, reaches.pulser, route_s)

    def _apply(self, program: Program, _cells: Indices, payload: Plan) -> Readings:
        with safe_if_it_fails(self._make_safe):
            rows = [row for step in payload.steps for row in self._play(step, payload)]
        return self._readings(program, rows)

    def _play(self, step: Step, plan: Plan) -> list[Rows]:
        """Play one step; a list of what it measured, if anything."""
        match step:
            case Firing(train):
                self._fire(train)
            case SlowPulses(train, settings):
                levels_v = np.full(train.pulses, train.level_v)
                period_s = max(train.period_s, LEAST_PERIODS * train.high_s)
                self._smu_with(settings).pulses(levels_v, train.high_s, period_s)
            case Measuring(stairs, settings, kept):
                smu = self._smu_with(settings)
                begin_s = self.clock.now_s()
                rows = smu.sweep(stairs.levels_v, stairs.delay_s, stop_at_limit=plan.stop_at_limit)
                rows = rows._replace(time_s=begin_s + rows.time_s)
                return [_filled(rows, len(stairs.levels_v))] if kept else []
            case pause_s:
                self.clock.sleep(pause_s)
        return []

    def _fire(self, train: Train) -> None:
        """Lead the cell to the generator and play a train."""
        pulser = self._opened().pulser
        if pulser is None:
            raise InstrumentError(f"bench {self.name} has no generator; open it again")
        if train != self._loaded or self.limits is not self._fenced:
            self._loaded = None
            self._route(GROUND)
            if self.limits is not self._fenced:
                self._fence(pulser)
            pulser.load(train)
            pulser.output(on=True)
            self._loaded = train
        self._route(GENERATOR)
        pulser.fire()

    def _smu_with(self, settings: SourceSettings) -> SourceMeter:
        """Lead the cell to the source meter, on and at 0 V, with its settings."""
        smu = self._opened().smu
        if settings != self._settings:
            self._settings = None
            self._route(GROUND)
            smu.prepare(settings)
            smu.output(on=True)
            self._settings = settings
        self._route(SMU)
        return smu

    def _route(self, path: str) -> None:
        """Lead the cell to a path, over ground; both sources are at 0 V."""
        if path == self._path or self._opened().switch is None:
            return
        if GROUND not in (path, self._path):
            self._lead(GROUND)
        self._lead(path)

    def _lead(self, path: str) -> None:
        """Move the contacts, with the sources settled before and the cell settled after.

        Without a contact to ground all are open there.
        """
        switch = self._opened().switch
        self._path = None
        if switch is None:
            return
        self.clock.sleep(self._settle_s)
        if path in switch.paths:
            switch.close_path(path)
        else:
            switch.open_all()
        self.clock.sleep(self._settle_s)
        self._path = path

    def _opened(self) -> Opened:
        if self._boxes is None:
            raise InstrumentError(f"bench {self.name} has lost its instruments; open it again")
        return self._boxes

    def _readings(self, program: Program, rows: list[Rows]) -> Readings:
        """Put the rows of all sweeps one after the other: one a look."""
        timeline = program.timeline
        columns = tuple(zip(*rows, strict=True)) if rows else _NONE
        time_s, voltage_v, current_a, limited, status = (
            np.concatenate([np.empty(0, dtype), *column])[:, None]
            for column, dtype in zip(columns, _DTYPES, strict=True)
        )
        return Readings(
            time_s=time_s,
            source_v=timeline.source_v,
            voltage_v=voltage_v - current_a * self._series_ohm,
            current_a=current_a,
            limited=limited,
            status=status,
            look=timeline.look,
        )

    def _make_safe(self) -> None:
        """0 V and off everywhere, then all contacts open; each box is tried, whatever failed."""
        boxes = self._boxes
        self._path = self._loaded = self._settings = None
        if boxes is None:
            return
        if failed := failures_of(*(box.make_safe for box in boxes.all)):
            raise InstrumentError(
                f"not everything on bench {self.name} could be switched off: {failed[0]}; "
                "the guard tries it once more, look at the instruments"
            ) from failed[0]

    def _close(self) -> None:
        boxes, self._boxes = self._boxes, None
        if boxes is not None:
            for box in boxes.all:
                box.close()


_DTYPES = (np.float64, np.float64, np.float64, np.bool_, np.int64)
_NONE: tuple[tuple[()], ...] = ((),) * len(_DTYPES)


def _filled(rows: Rows, count: int) -> Rows:
    """Fill up a sweep that ended at its limit: NaN, and no status."""
    missing = count - len(rows.time_s)
    if not missing:
        return rows
    nothing = np.full(missing, np.nan)
    return Rows(
        np.append(rows.time_s, nothing), np.append(rows.voltage_v, nothing),
        np.append(rows.current_a, nothing), np.append(rows.limited, np.zeros(missing, bool)),
        np.append(rows.status, np.zeros(missing, np.int64)),
    )  # fmt: skip
