"""Vectors on the rows of an array as an ArC ONE puts them there: one voltage each; pure."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hil.drivers.arcone.board import MOST_V
from hil.drivers.arcone.unconfirmed import READ_S
from hil.errors import NotSupported
from hil.program import Program

_SEGMENTS = 3
"""Of each vector: edge, flat top, edge (`hil.program.vectors`)."""


class Vector(NamedTuple):
    """The rows that are at a voltage (V), counted from 1, and how long it lasts at least (s)."""

    level_v: float
    rows: tuple[int, ...]
    lasting_s: float


def vectors_of(program: Program) -> list[Vector]:
    """Take vectors apart.

    Raises
    ------
    NotSupported
        One of them has two voltages beside 0 V, or one that the board does not reach.
    """
    lasting_s = program.duration_s[:, 0].reshape(-1, _SEGMENTS).sum(axis=1)
    table = zip(program.timeline.source_v, lasting_s.tolist(), strict=True)
    return [_vector(place, *each) for place, each in enumerate(table)]


def as_played(program: Program, columns: int) -> Program:
    """Build what a cell gets of vectors: each once for each column, for as long as a read lasts.

    Columns that are not read are at 0 V like the one that is, so each cell of a row has its
    voltage each time.
    """
    first = np.arange(0, len(program.look), _SEGMENTS)
    units = np.stack((first, first + _SEGMENTS, np.full_like(first, columns)), axis=1)
    duration_s = program.duration_s.copy()
    duration_s[1::_SEGMENTS] = np.maximum(duration_s[1::_SEGMENTS], READ_S)
    return replace(program, duration_s=duration_s, units=units)


def _vector(place: int, row_v: np.ndarray, lasting_s: float) -> Vector:
    levels_v = np.unique(row_v[row_v != 0])
    if len(levels_v) > 1:
        raise NotSupported(
            f"an ArC ONE puts rows at 0 V or at one voltage, and vector {place} has "
            f"{levels_v[0]:.4g} V and {levels_v[-1]:.4g} V; give it a vector for each voltage and "
            "add the currents, or take a bench that drives each row"
        )
    level_v = float(levels_v[0]) if len(levels_v) else 0.0
    if abs(level_v) > MOST_V:
        raise NotSupported(f"vector {place} has {level_v:.4g} V; an ArC ONE reaches {MOST_V} V")
    return Vector(level_v, tuple((np.flatnonzero(row_v) + 1).tolist()), lasting_s)
