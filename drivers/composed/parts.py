"""From a program to what each box of a bench does, one part after the other; pure."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hil.drivers.roles import Train
from hil.drivers.staircase import Stairs, stairs_of
from hil.errors import NotSupported
from hil.program import Phase, Program

MOST_PARTS = 65_536
"""Parts that a program may come to: a computer deals with each."""
MOST_LEVELS = 4096
"""Levels that a sweep may have; a source meter may take fewer."""


class Sweep(NamedTuple):
    """What a source meter plays: levels, and whose limits hold there."""

    stairs: Stairs
    phase: Phase


Part = Train | Sweep | float
"""Pulses, a sweep, or a pause at 0 V (s)."""


def parts_of(program: Program) -> list[Part]:
    """Take a program of one column apart where it is at 0 V.

    Raises
    ------
    NotSupported
        A part of it is neither a pulse, nor a staircase, nor a read.
    """
    if program.columns != 1:
        raise NotSupported("a bench of single boxes has one cell; give it a program of one column")
    whole = stairs_of(program, MOST_LEVELS)
    if whole is not None:
        return [Sweep(whole, program.phases[-1])]
    parts: list[Part] = []
    for first, last, repeats in program.units.tolist():
        own = _unit(program, first, last)
        trains = [part for part in own if isinstance(part, Train)]
        if repeats > 1 and len(trains) == 1 and not any(isinstance(p, Sweep) for p in own):
            period_s = float(program.duration_s[first:last, 0].sum())
            parts += _repeated(own, trains[0], period_s, repeats)
        else:
            if len(parts) + len(own) * repeats > MOST_PARTS:
                raise NotSupported(
                    f"the program comes to more than {MOST_PARTS} pulses, reads and pauses that "
                    "are played one by one; make it shorter, or repeat one pulse alone"
                )
            parts += own * repeats
    return parts


def _repeated(own: list[Part], train: Train, period_s: float, repeats: int) -> list[Part]:
    """Join what is a pulse and pauses, repeated, to one train; pauses before it come first."""
    before = own[: own.index(train)]
    return [*before, train._replace(period_s=period_s, pulses=repeats)]


def _unit(program: Program, first: int, last: int) -> list[Part]:
    """Take one unit apart."""
    parts: list[Part] = []
    begin = first
    starts, stops = program.start_v[:, 0], program.stop_v[:, 0]
    if starts[first] != 0 or stops[last - 1] != 0:
        raise NotSupported(
            "a part that repeats begins or ends away from 0 V, and between its repeats the boxes "
            "would have to be changed there; let it begin and end at 0 V"
        )
    for place in range(first, last):
        if stops[place] != 0:
            continue
        span = slice(begin, place + 1)
        if program.look[span].any():
            parts += _looks(program, span)
        elif starts[span].any() or stops[span].any():
            parts.append(_pulse(program, span))
        else:
            parts.append(float(program.duration_s[span, 0].sum()))
        begin = place + 1
    return parts


def _pulse(program: Program, span: slice) -> Train:
    """Read a rise, a flat top and a fall."""
    duration_s = program.duration_s[span, 0]
    levels_v = program.stop_v[span, 0]
    flat = program.start_v[span, 0] == levels_v
    if flat[0] or flat[-1] or not flat[1:-1].all() or len(flat) < 3:
        raise NotSupported(
            "a pulse generator and a source meter play pulses with a rise, a flat top and a fall; "
            "the program has another shape: take a staircase, or a bench that plays any waveform"
        )
    rise_s, fall_s = float(duration_s[0]), float(duration_s[-1])
    high_s = float(duration_s[1:-1].sum())
    alone_s = 2 * (rise_s + high_s + fall_s)  # nothing comes after it; a generator wants a pause
    return Train(float(levels_v[0]), rise_s, high_s, fall_s, alone_s, 1)


def _looks(program: Program, span: slice) -> list[Part]:
    """Read what is measured: a staircase, or one level that is measured again and again."""
    own = replace(
        program,
        duration_s=program.duration_s[span], start_v=program.start_v[span],
        stop_v=program.stop_v[span], look=program.look[span], phase=program.phase[span],
        units=np.array([[0, span.stop - span.start, 1]]),
    )  # fmt: skip
    phase = own.phases[-1]
    stairs = stairs_of(own, MOST_LEVELS)
    if stairs is not None:
        return [Sweep(stairs, phase)]
    looks = np.flatnonzero(own.look)
    levels_v = own.stop_v[looks, 0]
    steady = (levels_v == levels_v[0]).all() and (np.diff(looks) == 1).all()
    head = stairs_of(_up_to(own, int(looks[0]) + 1), 1)
    aperture_s = own.duration_s[looks, 0]
    if not steady or head is None or np.ptp(aperture_s) > 1e-9 or phase != Phase.READ:
        raise NotSupported(
            "a source meter measures on the steps of a staircase, each with a dwell and an "
            "aperture as long as the others; the program measures elsewhere"
        )
    # one level without a way over 0 V; a source meter waits as long before each measurement
    return [Sweep(head._replace(levels_v=levels_v), phase)]


def _up_to(program: Program, count: int) -> Program:
    """Return the first segments of a program."""
    return replace(
        program,
        duration_s=program.duration_s[:count], start_v=program.start_v[:count],
        stop_v=program.stop_v[:count], look=program.look[:count], phase=program.phase[:count],
        units=np.array([[0, count, 1]]),
    )  # fmt: skip
