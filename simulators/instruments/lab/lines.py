"""What a board does to the lines of the lab's array, and what then is at their ends."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.line_drive import LineDrive, LineTerminal
from hil.simulators.crossbar.network import Network
from hil.simulators.instruments.lab.signal import Signal
from hil.simulators.models.drive import Floats
from hil.simulators.models.layers.layer import Layered
from hil.simulators.models.layers.series import Series
from hil.simulators.models.model import Device, State
from hil.virtual import LabPlan

_KEPT = 8
"""So many networks are kept: one for each choice of resistances at the rows."""


_TRIAL_V = 1e-3
"""For which the network is solved once for nothing (V)."""


class Lines(NamedTuple):
    """How a board drives the lines of an array while it plays a signal.

    Attributes
    ----------
    row_part, column_part : (rows,) float64, (columns,) float64
        What part of the signal each line's source is at; NaN for a line that floats.
    row_ohm : (rows,) float64
        Resistance between each row's source and the array (ohm); columns have none.
    """

    row_part: Floats
    column_part: Floats
    row_ohm: Floats


class LinedCells:
    """The cells of a lab between rows and columns that a board drives all at once.

    Parameters
    ----------
    plan : LabPlan
        Its rows, columns, wires and the resistor at each cell.
    model : Device
        The cells without that resistor.
    """

    def __init__(self, plan: LabPlan, model: Device) -> None:
        self._plan = plan
        series = Series(series_ohm=plan.series_ohm)
        self._model = Layered(inner=model, layer=series) if plan.series_ohm > 0 else model
        self._arrays: OrderedDict[bytes, Array] = OrderedDict()

    def play(self, state: State, signal: Signal, lines: Lines, time_s: float) -> LineTerminal:
        """Play a signal on the lines; every cell's state moves in place, all or none.

        Raises
        ------
        NotSupported
            If the cells have no answer to what reaches them.
        """
        drive = _drive(signal, lines, time_s)
        return self._array(lines.row_ohm).play(state, drive)

    def warm_up(self, state: State) -> None:
        """Have the network's kernels compiled before time counts; nothing moves."""
        self._array(np.ones(self._plan.rows)).settle(state, _TRIAL_V, 0.0)

    def _array(self, row_ohm: Floats) -> Array:
        """Give the array with these resistances at its rows, the last used ones at hand."""
        key = row_ohm.tobytes()
        if key not in self._arrays:
            plan = self._plan
            network = Network.of(
                plan.rows, plan.columns, row_wire_ohm=plan.row_wire_ohm,
                column_wire_ohm=plan.column_wire_ohm, driver_ohm=row_ohm,
            )  # fmt: skip
            self._arrays[key] = Array(self._model, network)
            if len(self._arrays) > _KEPT:
                self._arrays.popitem(last=False)
        self._arrays.move_to_end(key)
        return self._arrays[key]


def _drive(signal: Signal, lines: Lines, time_s: float) -> LineDrive:
    """Make what the sources of all lines do of a signal; repeats are written out."""
    order = np.concatenate([
        np.tile(np.arange(first, last), repeats) for first, last, repeats in signal.units.tolist()
    ])  # fmt: skip
    start_v, stop_v = signal.start_v[order, None], signal.stop_v[order, None]
    row_part, column_part = np.nan_to_num(lines.row_part), np.nan_to_num(lines.column_part)
    return LineDrive(
        duration_s=signal.duration_s[order],
        row_start_v=start_v * row_part, row_stop_v=stop_v * row_part,
        column_start_v=start_v * column_part, column_stop_v=stop_v * column_part,
        measured=signal.measured[order],
        floating_rows=np.isnan(lines.row_part), floating_columns=np.isnan(lines.column_part),
        start_s=time_s,
    )  # fmt: skip
