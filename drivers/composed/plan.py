"""What a bench of boxes makes of a program: parts that fit the boxes, time, and notes; pure."""

from typing import NamedTuple

import numpy as np

from hil.drivers.composed.parts import Part, Sweep, parts_of
from hil.drivers.roles import PulserReach, SourceMeterReach, SourceSettings, Train
from hil.drivers.staircase import OWN_SHARE, UNEVEN_S, Stairs
from hil.errors import NotSupported
from hil.program import Phase, Program
from hil.units import format_quantity

LEAST_RANGE_V = 1e-3
"""A sweep at 0 V alone still needs a range (V)."""


class Boxes(NamedTuple):
    """What the boxes can do, and how long the way between them takes.

    Attributes
    ----------
    smu : SourceMeterReach
        The source meter.
    pulser : PulserReach or None
        The generator; None: the source meter plays pulses itself.
    route_s : float
        Time to lead the cell from one box to the other, settling included (s).
    """

    smu: SourceMeterReach
    pulser: PulserReach | None
    route_s: float


class Measuring(NamedTuple):
    """A sweep with the settings of the source meter for it, and whether it is the program's."""

    stairs: Stairs
    settings: SourceSettings
    kept: bool = True


class Firing(NamedTuple):
    """Pulses that the generator makes."""

    train: Train


class SlowPulses(NamedTuple):
    """Pulses that the source meter makes itself, with its settings for them."""

    train: Train
    settings: SourceSettings


Step = Firing | SlowPulses | Measuring | float


class Plan(NamedTuple):
    """A program as the boxes play it.

    Attributes
    ----------
    steps : tuple
        Trains for the generator, pulses and sweeps for the source meter, pauses at 0 V (s).
    duration_s : float
        How long it takes, about (s).
    notes : tuple of str
        What is not as the program says.
    stop_at_limit : bool
        Whether a sweep ends at the first reading at compliance.
    """

    steps: tuple[Step, ...]
    duration_s: float
    notes: tuple[str, ...]
    stop_at_limit: bool


def planned(program: Program, limit_a: float, boxes: Boxes) -> Plan:
    """Fit a program to the boxes.

    Raises
    ------
    NotSupported
        Saying what none of them can do.
    """
    parts = parts_of(program)
    demands = program.demands
    sweeps: list[Part] = [part for part in parts if isinstance(part, Sweep)]
    trains = [part for part in parts if isinstance(part, Train)]
    if demands.stop_at_limit and (trains or len(sweeps) != 1):
        raise NotSupported(
            "the source meter ends one sweep at its current limit, and the program is more than "
            "one sweep; apply the parts one after the other"
        )
    if demands.regulated and trains and boxes.pulser is not None:
        raise NotSupported(
            "the program has pulses and asks for a regulated current limit, and a pulse generator "
            "holds none; make it a staircase, or take the generator out of the bench file"
        )
    notes: list[str] = []
    own = parts if boxes.pulser is None else sweeps  # what the source meter puts out
    steps = tuple(_step(part, own, limit_a, boxes, notes) for part in parts)
    ways = _ways(parts, boxes)
    if ways > 1 and sweeps and trains:
        notes.append(
            f"between pulse and read the switch takes {format_quantity(boxes.route_s, 's')} more "
            "than the program says, with the cell at 0 V"
        )
    duration_s = ways * boxes.route_s + sum(_lasting_s(step, boxes) for step in steps)
    return Plan(steps, duration_s, tuple(dict.fromkeys(notes)), demands.stop_at_limit)


def _step(part: Part, parts: list[Part], limit_a: float, boxes: Boxes, notes: list[str]) -> Step:
    if isinstance(part, float):
        return part
    if isinstance(part, Sweep):
        return _measuring(part, parts, limit_a, boxes.smu, notes)
    if boxes.pulser is not None:
        _refuse_train(part, boxes.pulser)
        return Firing(part)
    return _slow(part, parts, limit_a, boxes.smu, notes)


def _measuring(
    sweep: Sweep, parts: list[Part], limit_a: float, smu: SourceMeterReach, notes: list[str]
) -> Measuring:
    """Check a sweep against what the source meter can do."""
    levels_v, delay_s, aperture_s = sweep.stairs
    if len(levels_v) > smu.most_points:
        raise NotSupported(
            f"the source meter sweeps up to {smu.most_points} levels, not {len(levels_v)}"
        )
    if sweep.phase == Phase.READ:
        delay_s, aperture_s = _long_enough(delay_s, aperture_s, smu, notes)
    elif delay_s < min(smu.least_delay_s, UNEVEN_S):
        delay_s = 0.0  # an edge, of which the source meter has its own
    if not smu.least_aperture_s * (1 - 1e-9) <= aperture_s <= smu.most_aperture_s * (1 + 1e-9):
        raise NotSupported(
            f"the source meter measures for {format_quantity(smu.least_aperture_s, 's', 3)} to "
            f"{format_quantity(smu.most_aperture_s, 's', 3)} a step, not for "
            f"{format_quantity(aperture_s, 's', 3)}"
        )
    if delay_s and not smu.least_delay_s * (1 - 1e-9) <= delay_s <= smu.most_delay_s:
        raise NotSupported(
            "the source meter waits on a step for 0 s, or for "
            f"{format_quantity(smu.least_delay_s, 's')} to "
            f"{format_quantity(smu.most_delay_s, 's')}, not for {format_quantity(delay_s, 's')}"
        )
    step_s = delay_s + aperture_s
    if sweep.phase == Phase.READ:
        if len(levels_v) > 1 and delay_s > UNEVEN_S and not np.ptp(levels_v):
            notes.append("a read with several apertures settles before each of them")
        notes.append(
            f"a read stands about {format_quantity(smu.own_step_s, 's', 3)} longer than is "
            "programmed: the source meter's own time"
        )
    elif smu.own_step_s > OWN_SHARE * step_s * (1 + 1e-9):
        raise NotSupported(
            f"the source meter adds about {format_quantity(smu.own_step_s, 's', 3)} of its own to "
            f"each step, too much for one of {format_quantity(step_s, 's', 3)}; make dwell and "
            f"aperture {format_quantity(smu.own_step_s / OWN_SHARE, 's', 3)} or longer together"
        )
    else:
        notes.append(
            f"each step of a sweep lasts about {smu.own_step_s / step_s:.0%} longer than is "
            "compared with the limits and booked"
        )
    settings = _settings(parts, limit_a, aperture_s, smu)
    return Measuring(Stairs(levels_v, delay_s, aperture_s), settings)


def _long_enough(
    delay_s: float, aperture_s: float, smu: SourceMeterReach, notes: list[str]
) -> tuple[float, float]:
    """Let a read settle and be integrated for as long as the source meter must; say so."""
    if aperture_s < smu.least_aperture_s * (1 - 1e-9):
        aperture_s = smu.least_aperture_s
        notes.append(
            f"reads are integrated over {format_quantity(aperture_s, 's', 3)}, the shortest time "
            "of this source meter"
        )
    if 0 < delay_s < smu.least_delay_s * (1 - 1e-9):
        delay_s = smu.least_delay_s
        notes.append(
            f"reads settle for {format_quantity(delay_s, 's', 3)}, the shortest time of this "
            "source meter"
        )
    return delay_s, aperture_s


def _settings(
    parts: list[Part], limit_a: float, aperture_s: float, smu: SourceMeterReach
) -> SourceSettings:
    """Say what a source meter is set to: one range for all levels of the program."""
    if not smu.least_limit_a <= limit_a <= smu.most_limit_a:
        raise NotSupported(
            "the source meter holds a current limit from "
            f"{format_quantity(smu.least_limit_a, 'A')} to "
            f"{format_quantity(smu.most_limit_a, 'A')}, not {format_quantity(limit_a, 'A')}"
        )
    largest_v = max(map(_largest_v, parts))
    most_v = smu.source_ranges_v[-1] * smu.overrange
    if largest_v > most_v:
        raise NotSupported(
            f"the program goes to {largest_v:.4g} V; the source meter reaches {most_v:.4g} V"
        )
    return SourceSettings(max(largest_v, LEAST_RANGE_V), limit_a, limit_a, aperture_s)


def _largest_v(part: Part) -> float:
    if isinstance(part, float):
        return 0.0
    if isinstance(part, Train):
        return abs(part.level_v)
    return float(np.abs(part.stairs.levels_v).max())


def _refuse_train(train: Train, pulser: PulserReach) -> None:
    """Raise NotSupported for pulses that the generator cannot make."""
    if not pulser.least_v <= abs(train.level_v) <= pulser.most_v:
        raise NotSupported(
            f"the generator makes pulses of {pulser.least_v:.3g} V to {pulser.most_v:.3g} V (open "
            f"circuit), not of {abs(train.level_v):.4g} V"
        )
    if train.high_s < pulser.least_high_s * (1 - 1e-9):
        raise NotSupported(
            f"the generator's shortest flat top is {format_quantity(pulser.least_high_s, 's')}, "
            f"not {format_quantity(train.high_s, 's')}"
        )
    for edge_s in (train.rise_s, train.fall_s):
        if not pulser.least_edge_s * (1 - 1e-9) <= edge_s <= pulser.most_edge_s * (1 + 1e-9):
            raise NotSupported(
                f"the generator's edges last {format_quantity(pulser.least_edge_s, 's')} to "
                f"{format_quantity(pulser.most_edge_s, 's')}, not {format_quantity(edge_s, 's')}"
            )
    if train.pulses > pulser.most_pulses:
        raise NotSupported(
            f"the generator plays up to {pulser.most_pulses} pulses in one go, not {train.pulses}"
        )
    _refuse_period(train, pulser)


def _refuse_period(train: Train, pulser: PulserReach) -> None:
    """Raise NotSupported for pulses, or pauses between them, too short for their edges."""
    edges_s = train.rise_s + train.fall_s
    half_s = train.high_s + edges_s / 2
    room_s = pulser.edge_room * edges_s * (1 - 1e-9)
    least_s = pulser.least_period_s * (1 - 1e-9)
    if min(half_s, train.period_s - half_s) < room_s or train.period_s < least_s:
        raise NotSupported(
            f"the generator cannot make a pulse of {format_quantity(half_s, 's')} (at half "
            f"height) every {format_quantity(train.period_s, 's')} with such edges; make the "
            "edges shorter, or add a wait to the pulse that is repeated"
        )


def _slow(
    train: Train, parts: list[Part], limit_a: float, smu: SourceMeterReach, notes: list[str]
) -> Step:
    """Have the source meter itself play pulses: by its own timer, or one as a step of a sweep."""
    edge_s = max(train.rise_s, train.fall_s)
    if edge_s > UNEVEN_S:
        raise NotSupported(
            f"a source meter has edges of its own, not of {format_quantity(edge_s, 's')}; add a "
            "pulse generator to the bench file"
        )
    notes.append("the edges of pulses are the source meter's own, the rise within the flat top")
    settings = _settings(parts, limit_a, smu.least_aperture_s, smu)
    if smu.least_pulse_s is not None:
        if train.pulses > smu.most_points:
            raise NotSupported(
                f"the source meter plays up to {smu.most_points} pulses in one go, not "
                f"{train.pulses}"
            )
        if train.high_s < smu.least_pulse_s * (1 - 1e-9):
            raise NotSupported(
                "the shortest pulse of this source meter has a flat top of "
                f"{format_quantity(smu.least_pulse_s, 's')}, not "
                f"{format_quantity(train.high_s, 's')}; add a pulse generator to the bench file"
            )
        return SlowPulses(train, settings)
    least_s = max(smu.own_step_s / OWN_SHARE, smu.least_aperture_s)
    if train.high_s < least_s * (1 - 1e-9) or train.pulses > 1:
        raise NotSupported(
            "this source meter has no pulse mode; one step of its sweep can serve as a pulse of "
            f"{format_quantity(least_s, 's', 3)} or longer, not as {train.pulses} of "
            f"{format_quantity(train.high_s, 's')}: add a pulse generator to the bench file"
        )
    notes.append(
        f"a pulse lasts about {smu.own_step_s / train.high_s:.0%} longer than is compared with "
        "the limits and booked: it is a step of a sweep"
    )
    delay_s = train.high_s - smu.least_aperture_s
    stairs = Stairs(np.array([train.level_v]), delay_s, smu.least_aperture_s)
    return Measuring(stairs, settings, kept=False)


def _ways(parts: list[Part], boxes: Boxes) -> int:
    """Count how often the cell is led over ground: to another box, or while pulses change."""
    if boxes.pulser is None:
        return 0
    ends = [part if isinstance(part, Train) else None for part in parts if _is_played(part)]
    return sum(1 for place, end in enumerate(ends) if place == 0 or end != ends[place - 1])


def _is_played(part: Part) -> bool:
    return not isinstance(part, float)


def _lasting_s(step: Step, boxes: Boxes) -> float:
    if isinstance(step, float):
        return step
    if isinstance(step, Firing | SlowPulses):
        return step.train.period_s * step.train.pulses
    stairs = step.stairs
    each_s = stairs.delay_s + stairs.aperture_s + boxes.smu.own_step_s
    return len(stairs.levels_v) * each_s
