"""From a program to what an ArC ONE does with one cell: pulses, reads and pauses; pure."""

from typing import NamedTuple

import numpy as np

from hil.drivers.arcone.board import MOST_V
from hil.drivers.arcone.unconfirmed import GAP_S, LEAST_PULSE_S, MOST_PULSE_S, READ_S
from hil.errors import NotSupported
from hil.program import Phase, Program
from hil.units import format_quantity

_SHAPES = (
    "an ArC ONE makes pulses with a flat top between steep edges, and reads; the program has {}: "
    "take pulses and reads, or a bench that plays any waveform"
)


class Pause(NamedTuple):
    """Nothing, at 0 V; *zeros* reads fall into it, and the board has nothing to read there."""

    lasting_s: float
    zeros: int = 0


class Shot(NamedTuple):
    """A pulse: its level (V), its flat top, and how long it is with its edges (s)."""

    lasting_s: float
    level_v: float
    high_s: float


class Reads(NamedTuple):
    """Reads at one voltage, right after a pulse if there is one."""

    lasting_s: float
    read_v: float
    times: int
    after: Shot | None = None


Step = Pause | Shot | Reads


class Part(NamedTuple):
    """Steps that are played again and again."""

    steps: tuple[Step, ...]
    repeats: int


def parts_of(program: Program, column: int) -> tuple[Part, ...]:
    """Take one column of a program apart.

    Raises
    ------
    NotSupported
        Something in it is neither a pulse, nor a read, nor a pause.
    """
    parts: list[tuple[list[Step], int]] = []
    for first, last, repeats in program.units.tolist():
        steps = _steps(program, column, first, last)
        if repeats == 1 and parts and parts[-1][1] == 1:
            parts[-1][0].extend(steps)
        else:
            parts.append((steps, repeats))
    return tuple(Part(_joined(steps), repeats) for steps, repeats in parts)


def lasting_s(parts: tuple[Part, ...]) -> float:
    """Tell how long they take, about (s): what the program says, and the board's own time."""
    return sum(
        part.repeats * sum(step.lasting_s + _own_s(step) for step in part.steps) for part in parts
    )


def _own_s(step: Step) -> float:
    """Tell what sending a step and reading take."""
    match step:
        case Reads(times=times):
            return times * READ_S + 6 * GAP_S
        case Shot():
            return 6 * GAP_S
        case _:
            return 0.0


def _steps(program: Program, column: int, first: int, last: int) -> list[Step]:
    starts = program.start_v[first:last, column].tolist()
    stops = program.stop_v[first:last, column].tolist()
    if starts[0] != 0 or stops[-1] != 0:
        raise NotSupported(_SHAPES.format("a part that repeats away from 0 V"))
    steps: list[Step] = []
    begin = 0
    for place, stop_v in enumerate(stops):
        if stop_v == 0:
            own = slice(first + begin, first + place + 1)
            steps.append(_step(program, column, own))
            begin = place + 1
    return steps


def _step(program: Program, column: int, own: slice) -> Step:
    """Read what stands between two moments at 0 V."""
    duration_s = program.duration_s[own, column]
    start_v, stop_v = program.start_v[own, column], program.stop_v[own, column]
    look = program.look[own]
    whole_s = float(duration_s.sum())
    if not start_v.any() and not stop_v.any():
        return Pause(whole_s, int(np.count_nonzero(look)))
    level_v = float(stop_v[0])
    flat = (start_v == level_v) & (stop_v == level_v)
    if len(flat) < 3 or flat[0] or flat[-1] or not flat[1:-1].all():
        raise NotSupported(_SHAPES.format("another shape"))
    if abs(level_v) > MOST_V:
        raise NotSupported(f"the program goes to {level_v:.4g} V; an ArC ONE reaches {MOST_V} V")
    if look.any():
        if (program.phase[own] != Phase.READ).any():
            raise NotSupported(
                "an ArC ONE does not measure while it pulses; read after the pulse instead"
            )
        return Reads(whole_s, level_v, int(np.count_nonzero(look)))
    return _shot(duration_s.tolist(), level_v)


def _shot(duration_s: list[float], level_v: float) -> Shot:
    high_s = float(sum(duration_s[1:-1]))
    if max(duration_s[0], duration_s[-1]) > high_s * (1 + 1e-9):
        raise NotSupported(_SHAPES.format("a pulse that is more edge than top"))
    if not LEAST_PULSE_S * (1 - 1e-9) <= high_s <= MOST_PULSE_S * (1 + 1e-9):
        raise NotSupported(
            f"a pulse of an ArC ONE lasts {format_quantity(LEAST_PULSE_S, 's')} to "
            f"{format_quantity(MOST_PULSE_S, 's')}, not {format_quantity(high_s, 's')}"
        )
    return Shot(float(sum(duration_s)), level_v, high_s)


def _joined(steps: list[Step]) -> tuple[Step, ...]:
    """Join a pulse and what is read right after it, which the board does in one job."""
    joined: list[Step] = []
    for step in steps:
        before = joined[-1] if joined else None
        if isinstance(step, Reads) and isinstance(before, Shot):
            joined[-1] = step._replace(lasting_s=before.lasting_s + step.lasting_s, after=before)
        else:
            joined.append(step)
    return tuple(joined)
