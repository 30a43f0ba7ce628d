"""Programs: what a protocol asks a source to do, as immutable arrays of linear voltage segments.

`pulse`, `read`, `hold`, `ramp`, `staircase` and `wait` build programs, ``+`` joins them and ``*``
repeats them. A repeated part is stored once and played often: a million cycles cost no memory but
for what they measure.
All voltages are the source's open-circuit voltage, row minus column.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from functools import cached_property
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError

Floats = NDArray[np.float64]


class Phase(IntEnum):
    """What a segment is there for; each phase has limits of its own."""

    READ = 0
    SWITCHING = 1
    FORMING = 2


class Look(IntEnum):
    """What is measured in a segment, and which read it belongs to."""

    NOT = 0
    FIRST = 1
    """Measured; begins a read."""
    AGAIN = 2
    """Measured; one more aperture of the same read."""
    ZERO = 3
    """Measured; begins a read with its zero, to be subtracted from the apertures that follow."""


@dataclass(frozen=True)
class Demands:
    """What a program asks for beside its waveform; None leaves it to the bench.

    Attributes
    ----------
    current_limit_a : float or None
        Largest current the source may deliver (A).
    gate_v : float or None
        Gate voltage of a cell with a select transistor (V).
    scheme, read_scheme : str or None
        How the other lines of an array are biased while it switches and while it reads
        (`hil.schemes`); None leaves it to the bench.
    exact_timing : bool
        Refuse rather than report a timing that the hardware cannot guarantee.
    regulated : bool
        The current limit must be held while it acts, by the source or by a resistor in series;
        one that is only watched is refused.
    stop_at_limit : bool
        The source itself ends the program, at 0 V, at the first reading that is at the current
        limit. Readings after it are NaN.
    """

    current_limit_a: float | None = None
    gate_v: float | None = None
    scheme: str | None = None
    read_scheme: str | None = None
    exact_timing: bool = False
    regulated: bool = False
    stop_at_limit: bool = False

    def __post_init__(self) -> None:
        limit, gate = self.current_limit_a, self.gate_v
        if limit is not None and not (isinstance(limit, Real) and 0 < limit < math.inf):
            raise ConfigError(f"a current limit is a positive number of amperes, not {limit!r}")
        if gate is not None and not (isinstance(gate, Real) and math.isfinite(gate)):
            raise ConfigError(f"a gate voltage is a number of volts, not {gate!r}")

    def joined(self, other: "Demands") -> "Demands":
        """Merge with the demands of a program that is joined to this one."""
        if self == other:
            return self
        merged: dict[str, Any] = {}
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, bool):
                merged[field.name] = mine or theirs
                continue
            if mine is not None and theirs is not None and mine != theirs:
                raise ConfigError(
                    f"programs that ask for {field.name} {mine} and {theirs} cannot be joined; "
                    "apply them one after the other"
                )
            merged[field.name] = mine if theirs is None else theirs
        return Demands(**merged)


_NONE = Demands()
_PHASES, _LOOKS = frozenset(map(int, Phase)), frozenset(map(int, Look))


class Timeline(NamedTuple):
    """The measured segments of a program in the order in which they are played.

    Attributes
    ----------
    look : (readings,) int8
        `Look` of each.
    time_s : (readings, columns) float64
        End of each, from the start of the program.
    source_v : (readings, columns) float64
        Open-circuit voltage at that time.
    duration_s : (columns,) float64
        Length of the whole program.
    longest_s : float
        The longest of them.
    """

    look: NDArray[np.int8]
    time_s: Floats
    source_v: Floats
    duration_s: Floats
    longest_s: float


@dataclass(frozen=True, eq=False)
class Program:
    """Linear voltage segments, played in units that may repeat.

    Attributes
    ----------
    duration_s, start_v, stop_v : (segments, columns) float64
        One column for all cells alike, or one column for each cell.
    look : (segments,) int8
        What is measured at the end of each segment (`Look`).
    phase : (segments,) int8
        Whose limits hold (`Phase`).
    units : (units, 3) int64
        First segment, segment after the last, repeats: the order of play.
    demands : Demands
        Current limit, gate voltage, array scheme, timing.
    """

    duration_s: Floats
    start_v: Floats
    stop_v: Floats
    look: NDArray[np.int8]
    phase: NDArray[np.int8]
    units: NDArray[np.int64]
    demands: Demands = _NONE

    def __post_init__(self) -> None:
        for array in (
            self.duration_s, self.start_v, self.stop_v, self.look, self.phase, self.units,
        ):  # fmt: skip
            array.setflags(write=False)

    def refuse_malformed(self) -> None:
        """Raise ConfigError for arrays that do not fit together; builders make none such."""
        shape = self.start_v.shape
        count = len(self.look)
        if not (
            len(shape) == 2
            and shape == self.stop_v.shape == self.duration_s.shape
            and shape[0] == count == len(self.phase)
            and self.units.ndim == 2
            and self.units.shape[1] == 3
        ):
            raise ConfigError("a program's arrays do not fit together; use the builders")
        units = self.units.tolist()
        if not units or not all(0 <= a < b <= count and times >= 1 for a, b, times in units):
            raise ConfigError("a program's units do not lie within its segments")
        if not (_PHASES.issuperset(self.phase.tolist()) and _LOOKS.issuperset(self.look.tolist())):
            raise ConfigError("a program has segments of no known phase or look")

    def __add__(self, other: "Program") -> "Program":
        """Play *other* after this program, without a pause."""
        mine, theirs = self.columns, other.columns
        if mine != theirs:
            if 1 not in (mine, theirs):
                raise ConfigError(
                    f"a program for {mine} cells cannot be joined to one for {theirs}"
                )
            return self._widened(max(mine, theirs)) + other._widened(max(mine, theirs))
        shift = np.array([len(self.look), len(self.look), 0])
        columns = np.concatenate
        return Program(
            columns((self.duration_s, other.duration_s)),
            columns((self.start_v, other.start_v)),
            columns((self.stop_v, other.stop_v)),
            columns((self.look, other.look)),
            columns((self.phase, other.phase)),
            columns((self.units, other.units + shift)),
            self.demands.joined(other.demands),
        )

    def __mul__(self, repeats: int) -> "Program":
        """Play the program *repeats* times."""
        if not (isinstance(repeats, Integral) and repeats >= 1):
            raise ConfigError(f"a program is repeated once or more often, not {repeats!r} times")
        if len(self.units) == 1:
            units = self.units * np.array([1, 1, repeats])
        elif (self.units[:, 2] == 1).all() and (self.units[1:, 0] == self.units[:-1, 1]).all():
            units = np.array([[self.units[0, 0], self.units[-1, 1], repeats]])
        else:
            units = np.tile(self.units, (repeats, 1))
        return replace(self, units=units)

    @property
    def columns(self) -> int:
        """Number of columns: 1 for a program that is the same for all cells."""
        columns: int = self.start_v.shape[1]
        return columns

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The phases that occur, lowest first."""
        return tuple(Phase(phase) for phase in sorted(set(self.phase.tolist())))

    def demanding(self, **demands: Any) -> "Program":
        """Ask for a current limit, how it is held, exact timing... (see `Demands`)."""
        return replace(self, demands=replace(self.demands, **demands))

    def forming(self) -> "Program":
        """Put every switching segment under the limits for forming."""
        phase = np.where(self.phase == Phase.SWITCHING, np.int8(Phase.FORMING), self.phase)
        return replace(self, phase=phase)

    @cached_property
    def timeline(self) -> Timeline:
        """When and at which voltage the program looks."""
        looks, times_s = [], []
        passed_s = np.zeros(self.columns)
        for first, last, repeats in _runs(self.units):
            elapsed_s = self.duration_s[first:last].cumsum(axis=0)
            looking = np.flatnonzero(self.look[first:last])
            if looking.size:
                begins_s = passed_s + np.arange(repeats)[:, None, None] * elapsed_s[-1]
                times_s.append((begins_s + elapsed_s[looking]).reshape(-1, self.columns))
                looks.append(np.tile(first + looking, repeats))
            passed_s = passed_s + repeats * elapsed_s[-1]
        order = np.concatenate(looks) if looks else np.empty(0, np.int64)
        time_s = np.concatenate(times_s) if times_s else np.empty((0, self.columns))
        return Timeline(
            self.look[order], time_s, self.stop_v[order], passed_s, float(passed_s.max())
        )

    def _widened(self, columns: int) -> "Program":
        if self.columns == columns:
            return self
        shape = (len(self.look), columns)
        wide = (np.ascontiguousarray(np.broadcast_to(a, shape)) for a in self._voltages())
        duration_s, start_v, stop_v = wide
        return replace(self, duration_s=duration_s, start_v=start_v, stop_v=stop_v)

    def _voltages(self) -> tuple[Floats, Floats, Floats]:
        return self.duration_s, self.start_v, self.stop_v


def _runs(units: NDArray[np.int64]) -> list[list[int]]:
    """Join units that follow each other once in the segments and in time."""
    runs: list[list[int]] = []
    for first, last, repeats in units.tolist():
        if runs and repeats == runs[-1][2] == 1 and first == runs[-1][1]:
            runs[-1][1] = last
        else:
            runs.append([first, last, repeats])
    return runs


def pulse(
    voltage_v: ArrayLike, *, high_s: ArrayLike, edge_s: ArrayLike = 100e-9, measured: bool = False
) -> Program:
    """Build a pulse from 0 V and back.

    Parameters
    ----------
    voltage_v : float or (cells,)
        Amplitude, open circuit (V). 0 gives a null pulse: the time passes, nothing is applied.
    high_s : float or (cells,)
        Flat top (s); the edges come on top of it.
    edge_s : float or (cells,)
        Each edge, 0 to 100 % (s).
    measured : bool
        Whether to measure at the end of the flat top.
    """
    looks = (Look.NOT, Look.FIRST if measured else Look.NOT, Look.NOT)
    return _segments((edge_s, high_s, edge_s), (0.0, voltage_v, voltage_v, 0.0), looks)


def read(
    voltage_v: ArrayLike = 0.1,
    *,
    settle_s: ArrayLike = 10e-6,
    aperture_s: ArrayLike = 10e-6,
    edge_s: ArrayLike = 100e-9,
    count: int = 1,
    zero: bool = False,
) -> Program:
    """Build a read: rise, settle, measure, fall.

    Parameters
    ----------
    voltage_v : float or (cells,)
        Read voltage (V).
    settle_s, aperture_s, edge_s : float or (cells,)
        Time before the measurement, measuring time of each aperture, each edge (s).
    count : int
        Apertures in a row, averaged by `Readings.conductance_s`.
    zero : bool
        Measure at 0 V first and subtract: G = (I_V - I_0) / (V_V - V_0).
    """
    if count < 1:
        raise ConfigError(f"a read measures at least once, not {count} times")
    looks = [Look.NOT, Look.NOT, Look.AGAIN if zero else Look.FIRST, *[Look.AGAIN] * (count - 1)]
    durations = (edge_s, settle_s, *[aperture_s] * count, edge_s)
    levels = (0.0, voltage_v, voltage_v, *[voltage_v] * count, 0.0)
    at_voltage = _segments(durations, levels, (*looks, Look.NOT), Phase.READ)
    if not zero:
        return at_voltage
    return _segments(
        (settle_s, aperture_s), (0.0, 0.0, 0.0), (Look.NOT, Look.ZERO), Phase.READ
    ) + (at_voltage)


def hold(
    voltage_v: ArrayLike, duration_s: ArrayLike, *, edge_s: ArrayLike = 100e-9, looks: int = 1
) -> Program:
    """Build a constant bias from 0 V and back, measured at the end of each of *looks* parts."""
    if looks < 0:
        raise ConfigError(f"a hold is measured 0 or more times, not {looks}")
    parts = max(looks, 1)
    part_s = _columns([duration_s], "duration", "s")[0] / parts
    kinds = [Look.FIRST if looks else Look.NOT] * parts
    levels = (0.0, *[voltage_v] * (parts + 1), 0.0)
    return _segments((edge_s, *[part_s] * parts, edge_s), levels, (Look.NOT, *kinds, Look.NOT))


def vectors(voltage_v: ArrayLike, *, dwell_s: float, edge_s: float = 100e-9) -> Program:
    """Build what each row of an array gets when vectors are put on its rows one after the other.

    Parameters
    ----------
    voltage_v : (inputs, rows)
        Voltages (V); every row goes back to 0 V after each.
    dwell_s, edge_s : float
        Flat top, measured at its end, and each edge (s).

    Returns
    -------
    Program
        One column a row.
    """
    table = np.atleast_2d(np.asarray(voltage_v, float))
    levels: list[ArrayLike] = [0.0]
    for row in table:
        levels += [row, row, 0.0]
    looks = (Look.NOT, Look.FIRST, Look.NOT) * len(table)
    return _segments((edge_s, dwell_s, edge_s) * len(table), levels, looks, Phase.READ)


def wait(duration_s: ArrayLike) -> Program:
    """Build a pause at 0 V."""
    return _segments((duration_s,), (0.0, 0.0), (Look.NOT,), Phase.READ)


def ramp(peak_v: ArrayLike, *, rise_s: ArrayLike, fall_s: ArrayLike | None = None) -> Program:
    """Build a triangle: 0 V to *peak_v* in *rise_s*, back in *fall_s* (the same by default)."""
    durations = (rise_s, rise_s if fall_s is None else fall_s)
    return _segments(durations, (0.0, peak_v, 0.0), (Look.NOT, Look.NOT))


def staircase(
    levels_v: Sequence[float], *, dwell_s: float, aperture_s: float, edge_s: float = 1e-6
) -> Program:
    """Build a measured staircase from 0 V through *levels_v* and back to 0 V.

    Parameters
    ----------
    levels_v : sequence of float
        Voltage of each step (V); each is measured once.
    dwell_s, aperture_s, edge_s : float
        Settling time on a step, measuring time at its end, edge between steps (s).
    """
    durations: list[float] = []
    voltages: list[ArrayLike] = [0.0]
    looks: list[Look] = []
    for level in levels_v:
        durations += [edge_s, dwell_s, aperture_s]
        voltages += [level] * 3
        looks += [Look.NOT, Look.NOT, Look.FIRST]
    return _segments((*durations, edge_s), (*voltages, 0.0), (*looks, Look.NOT))


def _segments(
    durations: Sequence[ArrayLike],
    levels: Sequence[ArrayLike],
    looks: Sequence[Look],
    phase: Phase = Phase.SWITCHING,
) -> Program:
    """Connect levels (one more than durations) by linear segments, one unit, played once."""
    voltages = _columns(levels, "voltage", "V")
    duration_s = _columns(durations, "duration", "s")
    columns = max(voltages.shape[1], duration_s.shape[1])
    if min(voltages.shape[1], duration_s.shape[1]) not in (1, columns):
        raise ConfigError(
            f"there are voltages for {voltages.shape[1]} cells and durations for "
            f"{duration_s.shape[1]}"
        )
    if duration_s.shape[1] != columns:
        duration_s = np.ascontiguousarray(np.broadcast_to(duration_s, (len(durations), columns)))
    if voltages.shape[1] != columns:
        voltages = np.ascontiguousarray(np.broadcast_to(voltages, (len(levels), columns)))
    if not duration_s.min() > 0:
        raise ConfigError(f"a segment lasts longer than 0 s, not {duration_s.min()} s")
    voltages.setflags(write=False)
    return Program(
        duration_s,
        voltages[:-1],
        voltages[1:],
        np.array(looks, np.int8),
        np.full(len(looks), phase, np.int8),
        np.array([[0, len(looks), 1]]),
    )


def _columns(rows: Sequence[ArrayLike], what: str, unit: str) -> Floats:
    """Stack scalars and (cells,) arrays to (rows, columns); refuse what is not a finite number."""
    sizes = [1 if type(row) in (int, float) else np.size(row) for row in rows]
    columns = max(sizes)
    table = np.empty((len(rows), columns))
    for k, (row, size) in enumerate(zip(rows, sizes, strict=True)):
        if size not in (1, columns) or (size > 1 and np.ndim(row) > 1):
            raise ConfigError(
                f"a {what} is one number, or one for each of {columns} cells, "
                f"not an array of shape {np.shape(row)}"
            )
        try:
            table[k] = row
        except (TypeError, ValueError) as error:
            raise ConfigError(f"a {what} is a number in {unit}, not {row!r}") from error
    if not np.isfinite(table).all():
        raise ConfigError(f"a {what} of a program is a finite number, not NaN or infinite")
    return table
