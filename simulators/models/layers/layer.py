"""What may lie around a model: a layer, and a device in one."""

from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import Device, State, difference
from hil.simulators.models.roots import behind

Columns = tuple[tuple[Any, ...], ...]
"""Names and types of columns, as `numpy.dtype` takes them."""


class Layer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of something that real cells do and a model leaves out.

    A layer adds columns to the state of the device inside it and stands between that device and
    its terminals. What it does not override it passes on.
    """

    own_columns: ClassVar[Columns] = ()
    """Names and types of the columns that the layer adds to a cell's state."""
    needed_columns: ClassVar[tuple[str, ...]] = ()
    """Which of them only serve to go on."""
    ages: ClassVar[bool] = False
    """Whether the layer changes a cell with time, so that a drive must say when it begins."""

    @property
    def columns(self) -> Columns:
        """The columns that the layer adds; `own_columns` unless its settings decide."""
        return self.own_columns

    def start(self, inner: Device, state: State) -> None:
        """Fill in the columns of fresh cells, the inner device's too."""
        inner.start(state)

    def current_a(self, inner: Device, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the current of each cell at a voltage across the device in this layer."""
        return inner.current_a(state, voltage_v)

    def linearised(
        self, inner: Device, state: State, voltage_v: ArrayLike
    ) -> tuple[Floats, Floats]:
        """Compute current and slope of each cell, see `Device.linearised`.

        The inner device's own; a difference of currents where the layer changes the current.
        """
        if type(self).current_a is Layer.current_a:
            return inner.linearised(state, voltage_v)
        return difference(lambda v: self.current_a(inner, state, v), state, voltage_v)

    def linearised_behind(
        self, inner: Device, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Compute the same with a resistance in series, see `Device.linearised_behind`.

        The inner device's own, unless the layer changes the current.
        """
        own = type(self)
        if own.current_a is Layer.current_a and own.linearised is Layer.linearised:
            return inner.linearised_behind(state, voltage_v, series_ohm)
        return behind(
            lambda v: self.linearised(inner, state, v), voltage_v, len(state), series_ohm
        )

    def play(
        self, inner: Device, state: State, cells: NDArray[np.int64], drive: Drive
    ) -> Terminal:
        """Take cells through a drive."""
        return inner.play(state, cells, drive)

    def refuse(self, inner: Device, drive: Drive) -> None:
        """Raise if there is no answer to a drive."""
        inner.refuse(drive)


class Layered(Device, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device in a layer."""

    inner: Device
    layer: Layer

    @property
    def state_dtype(self) -> np.dtype[np.void]:
        """The inner device's columns, then the layer's."""
        inner = self.inner.state_dtype
        own = ((name, inner[name]) for name in inner.names or ())
        return np.dtype([*own, *self.layer.columns])

    @property
    def sets_at(self) -> int:
        """Sign of the voltage that SETs the inner device."""
        return self.inner.sets_at

    @property
    def memory_column(self) -> str:
        """Name the inner device's memory column."""
        return self.inner.memory_column

    @property
    def bookkeeping(self) -> frozenset[str]:
        """Columns that only serve to go on, the inner device's too."""
        return self.inner.bookkeeping | set(self.layer.needed_columns)

    @property
    def ages(self) -> bool:
        """Whether the layer or something inside it changes with time."""
        return self.layer.ages or self.inner.ages

    def start(self, state: State) -> None:
        """Fill in the columns of fresh cells."""
        self.layer.start(self.inner, state)

    def memory_range(self, state: State) -> tuple[Floats, Floats]:
        """Tell between which values the inner device's memory lies."""
        return self.inner.memory_range(state)

    def current_a(self, state: State, voltage_v: ArrayLike) -> Floats:
        """Compute the current of each cell at a voltage across the whole."""
        return self.layer.current_a(self.inner, state, voltage_v)

    def linearised(self, state: State, voltage_v: ArrayLike) -> tuple[Floats, Floats]:
        """Compute current and slope of each cell at a voltage across the whole."""
        return self.layer.linearised(self.inner, state, voltage_v)

    def linearised_behind(
        self, state: State, voltage_v: ArrayLike, series_ohm: float
    ) -> tuple[Floats, Floats]:
        """Compute the same with a resistance in series with the whole."""
        return self.layer.linearised_behind(self.inner, state, voltage_v, series_ohm)

    def play(self, state: State, cells: NDArray[np.int64], drive: Drive) -> Terminal:
        """Take cells through a drive; the state moves in place."""
        return self.layer.play(self.inner, state, cells, drive)

    def refuse(self, drive: Drive) -> None:
        """Raise if there is no answer to a drive."""
        self.layer.refuse(self.inner, drive)


def ohmic(conductance_s: Floats, drive: Drive) -> Terminal:
    """Give what is at the terminals of ohmic cells, (cells,), at the readings of a drive."""
    source_v = drive.stop_v[drive.looks]
    flowing_a = source_v * conductance_s / (1.0 + drive.source_ohm * conductance_s)
    limited = np.abs(flowing_a) > drive.limit_a
    current_a = np.where(limited, np.copysign(drive.limit_a, source_v), flowing_a)
    with np.errstate(divide="ignore", invalid="ignore"):
        held_v = current_a / conductance_s
    voltage_v = np.where(limited, held_v, source_v - current_a * drive.source_ohm)
    return Terminal(voltage_v, current_a, limited)
