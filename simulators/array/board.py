"""What a board of electronics makes of the lines of an array: levels and readings of its own.

Rows, and columns that are not measured, are driven by DACs; a column that is measured ends in the
virtual ground of a transimpedance amplifier (TIA), whose output an ADC converts. A multiplexer is
in series with every line. Every feature is off unless it is asked for.

Not modelled: bandwidth, settling and slewing, charge of the multiplexer, noise on the DACs, the
steps of a DAC on its way along an edge (an edge is linear between the levels that it can put out),
drift with temperature, crosstalk, the virtual ground that a saturated amplifier loses.
"""

import math
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.cells import Indices
from hil.errors import ConfigError, NotSupported
from hil.units import quantity

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_Bits = Annotated[int, Meta(ge=2, le=24, description="resolution; perfect if left out")] | None
_SLACK = 1e-9
"""A level may be so much above a range, relative, and still be its end: rounding."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the board; its numbers are finite, and a resolution has a range."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{name} of the board is {value}; give a finite number")


class Dac(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What drives a line."""

    bits: _Bits = None
    range_v: (
        Annotated[float, quantity("V", "largest level, either sign; any if left out", gt=0)] | None
    ) = None
    inl_lsb: Annotated[
        float, quantity("1", "largest integral nonlinearity of a line, in steps", ge=0)
    ] = 0.0
    offset_v: Annotated[float, quantity("V", "largest offset of a line, either sign", ge=0)] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.range_v is None and self.bits is not None:
            raise ConfigError("board.dac.range_v is missing: bits resolve a range; state it")
        if self.bits is None and self.inl_lsb > 0:
            raise ConfigError("board.dac.bits is missing: inl_lsb counts its steps; state it")

    @property
    def step_v(self) -> float:
        """One step (V), 0 for a perfect one; 0 V and both ends of the range are steps."""
        return _step(self.bits, self.range_v)


class Mux(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is between the lines and what drives or measures them."""

    on_ohm: Annotated[float, quantity("ohm", "in series with every line", ge=0)] = 0.0
    off_ohm: (
        Annotated[float, quantity("ohm", "from a floating line to 0 V; no leak if left out", gt=0)]
        | None
    ) = None


class Tia(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What turns the current of a column into a voltage."""

    input_ohm: Annotated[float, quantity("ohm", "in series with every column", ge=0)] = 0.0
    gain_error: Annotated[
        float, quantity("1", "largest of a column, relative, either sign", ge=0, lt=1)
    ] = 0.0
    offset_a: Annotated[float, quantity("A", "largest of a column, either sign", ge=0)] = 0.0
    saturation_a: (
        Annotated[float, quantity("A", "largest current, either sign; any if left out", gt=0)]
        | None
    ) = None


class Adc(_Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What turns that voltage into a number; told as the current that it stands for."""

    bits: _Bits = None
    range_a: (
        Annotated[float, quantity("A", "largest reading, either sign; any if left out", gt=0)]
        | None
    ) = None
    noise_a: Annotated[float, quantity("A", "white noise of one conversion, rms", ge=0)] = 0.0
    averages: Annotated[
        int, Meta(ge=1, le=1000, description="conversions averaged for a reading")
    ] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.range_a is None and self.bits is not None:
            raise ConfigError("board.adc.range_a is missing: bits resolve a range; state it")

    @property
    def step_a(self) -> float:
        """One step (A), 0 for a perfect one; 0 A and both ends of the range are steps."""
        return _step(self.bits, self.range_a)


class Board(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The electronics around an array; the default is perfect."""

    dac: Dac = Dac()
    mux: Mux = Mux()
    tia: Tia = Tia()
    adc: Adc = Adc()


class Electronics:
    """A board with the errors that its lines have, each its own and for good.

    Offsets and gain errors are drawn evenly between both signs of what the board states. The
    integral nonlinearity of a DAC at u, the part of its range, is a smooth bow of this project's
    making, ``a sin(pi u) + b (1 - cos(2 pi u)) / 2`` with ``|a| + |b|`` at most `Dac.inl_lsb`
    steps: none at 0 V and at both ends, as a data sheet has it once offset and gain are taken out.

    Parameters
    ----------
    board : Board
        What it is like.
    rows, columns : int
        Lines: rows come first, then columns.
    rng : numpy Generator
        For the errors of the lines.
    """

    def __init__(self, board: Board, rows: int, columns: int, rng: np.random.Generator) -> None:
        self.board = board
        lines = rows + columns
        self._offset_v = board.dac.offset_v * rng.uniform(-1, 1, lines)
        odd = rng.uniform(-1, 1, lines)
        even = rng.uniform(-1, 1, lines) * (1 - np.abs(odd))
        self._bow_v = board.dac.inl_lsb * board.dac.step_v * np.stack((odd, even))
        self._gain = 1 + board.tia.gain_error * rng.uniform(-1, 1, columns)
        self._offset_a = board.tia.offset_a * rng.uniform(-1, 1, columns)

    def refuse(self, levels_v: Floats) -> None:
        """Raise NotSupported for programmed levels that the DACs do not reach."""
        range_v = self.board.dac.range_v
        if range_v is None or not levels_v.size:
            return
        most_v = float(np.abs(levels_v).max())
        if most_v > range_v * (1 + _SLACK):
            raise NotSupported(
                f"the program needs {most_v:.4g} V where the board's DACs reach {range_v:.4g} V "
                "either side; lower the voltage or raise board.dac.range_v"
            )

    def programmed(self, level_v: Floats) -> Floats:
        """Turn the levels that are asked for into those that the DACs put out.

        Parameters
        ----------
        level_v : (..., rows + columns) float64
            Asked for, within the range (V).

        Returns
        -------
        (..., rows + columns) float64
            On the lines, open circuit (V).
        """
        dac = self.board.dac
        if dac.bits is not None and dac.range_v is not None:
            level_v = np.rint(level_v / dac.step_v) * dac.step_v
            turn = np.pi * level_v / dac.range_v
            odd, even = self._bow_v
            level_v = level_v + odd * np.sin(turn) + even * np.sin(turn) ** 2
        return level_v + self._offset_v if dac.offset_v > 0 else level_v

    def measured(
        self, current_a: Floats, columns: Indices, noise: Floats | None = None
    ) -> tuple[Floats, Flags]:
        """Turn currents into readings.

        Parameters
        ----------
        current_a : (readings, channels) float64
            What flows into the columns (A).
        columns : (channels,) int64
            Which column each of them is.
        noise : (averages * readings, channels) float64, optional
            Standard normal numbers, one for each conversion; those of a reading follow each other.

        Returns
        -------
        current_a : (readings, channels) float64
            As the board tells it.
        over : (readings, channels) bool
            Whether the amplifier or a conversion was at its end.
        """
        tia, adc = self.board.tia, self.board.adc
        current_a = current_a * self._gain[columns] + self._offset_a[columns]
        current_a, over = _clipped(current_a, tia.saturation_a)
        if noise is None:
            current_a, beyond = self._converted(current_a)
            return current_a, over | beyond
        each_a = current_a[:, None] + adc.noise_a * noise.reshape(
            len(current_a), adc.averages, len(columns)
        )
        each_a, beyond = self._converted(each_a)
        mean_a: Floats = each_a.mean(axis=1)
        return mean_a, over | beyond.any(axis=1)

    def _converted(self, current_a: Floats) -> tuple[Floats, Flags]:
        adc = self.board.adc
        if adc.bits is not None:
            current_a = np.rint(current_a / adc.step_a) * adc.step_a
        return _clipped(current_a, adc.range_a)


def _step(bits: int | None, end: float | None) -> float:
    """Tell the step of a converter with as many steps on both sides of 0."""
    return 0.0 if bits is None or end is None else end / (2 ** (bits - 1) - 1)


def _clipped(values: Floats, end: float | None) -> tuple[Floats, Flags]:
    """Stop at the ends of a range; tells what was beyond."""
    if end is None:
        return values, np.zeros(values.shape, np.bool_)
    return np.clip(values, -end, end), np.abs(values) > end * (1 + _SLACK)
