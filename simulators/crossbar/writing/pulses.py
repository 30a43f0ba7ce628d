"""Takes cells that know pulses only through a drive of their lines.

An event model is a resistor between its steps, and a step comes when a plateau ends. So a segment
is solved with the cells as they are at its beginning, and played with what they then see.
"""

import numpy as np

from hil.errors import NotSupported
from hil.simulators.crossbar.line_drive import LineDrive, LineTerminal
from hil.simulators.crossbar.writing.circuit import Circuit, Point
from hil.simulators.crossbar.writing.moves import seen_drive
from hil.simulators.crossbar.writing.record import Record
from hil.simulators.models.layers.layer import Layered
from hil.simulators.models.model import Device, State
from hil.simulators.models.pulsed import Pulsed


def knows_only_pulses(model: Device) -> bool:
    """Tell whether a device is an event model, alone or in layers."""
    while isinstance(model, Layered):
        model = model.inner
    return isinstance(model, Pulsed)


def play_pulses(model: Device, state: State, circuit: Circuit, lines: LineDrive) -> LineTerminal:
    """Take an event model's cells through a drive; the state moves in place.

    Raises
    ------
    NotSupported
        What arrives at a cell is a pulse that it does not know.
    """
    record, every = Record(model, state, circuit, lines), np.arange(len(state))
    point: Point | None = None
    solved: tuple[bytes, ...] = ()
    now_s = lines.start_s
    if model.ages:
        nothing = np.zeros((1, len(state)))
        model.play(state, every, seen_drive(np.zeros(1), nothing, nothing, start_s=now_s))
    for k in range(len(lines.duration_s)):
        ends = []
        for row_v, column_v in (
            (lines.row_start_v[k], lines.column_start_v[k]),
            (lines.row_stop_v[k], lines.column_stop_v[k]),
        ):
            key = (row_v.tobytes(), column_v.tobytes(), state[model.memory_column].tobytes())
            if point is None or key != solved:
                point, solved = circuit.solve(row_v, column_v, point), key
            ends.append(point)
        begin, end = ends
        drive = seen_drive(
            lines.duration_s[k : k + 1], begin.memory_v[None], end.memory_v[None], start_s=now_s
        )
        try:
            model.play(state, every, drive)
        except NotSupported as error:
            raise NotSupported(
                f"{error}; in an array the lines take a part of a pulse, and cells beside the "
                "selected one see a part too"
            ) from error
        now_s += float(lines.duration_s[k])
        if lines.measured[k]:
            record.add(end, now_s)
    return record.terminal()
