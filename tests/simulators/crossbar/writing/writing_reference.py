"""Writing an array by brute force: all cells' rates in one system of equations, for an integrator.

Every evaluation solves the whole network for the states at hand. Nothing of how
`hil.simulators.crossbar.writing.coupling` takes its steps is used.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.line_drive import Floats, LineDrive
from hil.simulators.models.model import State
from tests.simulators.crossbar.writing import logistic_cells_kernel as kernel

Rate = Callable[[State, Floats], Floats]


def pulse(
    rows_v: Floats,
    columns_v: Floats,
    *,
    high_s: float,
    edge_s: float = 0.0,
    limit_a: float = np.inf,
    limited_column: int = 0,
    floating_rows: list[int] | None = None,
    gate_v: Floats | None = None,
) -> LineDrive:
    """Make a pulse on all lines at once, measured at the end of its flat top."""
    shape = [(edge_s, 0, 1), (high_s, 1, 1), (edge_s, 1, 0)] if edge_s else [(high_s, 1, 1)]
    duration_s, begin, end = np.array(shape, float).T
    floating = np.zeros(len(rows_v), np.bool_)
    floating[floating_rows or []] = True
    return LineDrive(
        duration_s,
        np.outer(begin, rows_v), np.outer(end, rows_v),
        np.outer(begin, columns_v), np.outer(end, columns_v),
        begin + end == 2, floating, np.zeros(len(columns_v), np.bool_),
        limit_a=limit_a, limited_column=limited_column, gate_v=gate_v,
    )  # fmt: skip


def scheme(share: int, size: int, row: int, column: int, volts: float) -> tuple[Floats, Floats]:
    """Bias one cell of a square array by V/2 (share 2) or V/3 (share 3)."""
    rows_v, columns_v = np.zeros(size), np.zeros(size)
    if share == 3:
        rows_v[:], columns_v[:] = volts / 3, 2 * volts / 3
    rows_v[row] = volts / 2 if share == 2 else volts
    columns_v[column] = -volts / 2 if share == 2 else 0.0
    return rows_v, columns_v


def integrate(
    array: Array, state: State, drive: LineDrive, name: str, rate: Rate, unit: float = 1.0,
    rtol: float = 1e-9,
) -> Floats:  # fmt: skip
    """Integrate a column of all cells, in a unit, through a drive (LSODA)."""
    trial, near = state.copy(), [np.zeros((array.network.rows, array.network.columns))]
    now = state[name] / unit
    for k, lasting_s in enumerate(drive.duration_s):

        def speed(share: float, value: Floats, k: int = k, lasting_s: float = lasting_s) -> Floats:
            trial[name] = value * unit
            rows_v = (1 - share) * drive.row_start_v[k] + share * drive.row_stop_v[k]
            columns_v = (1 - share) * drive.column_start_v[k] + share * drive.column_stop_v[k]
            found = array.settle(trial, rows_v, columns_v, gate_v=drive.gate_v, start_v=near[0])
            column = drive.limited_column
            if np.abs(found.column_a[column]) > drive.limit_a:
                at = np.arange(len(columns_v)) == column
                held_a = np.where(at, -np.copysign(drive.limit_a, found.column_a), 0.0)
                found = array.settle(
                    trial, rows_v, columns_v, floating_columns=at, column_a=held_a,
                    start_v=found.cell_v,
                )  # fmt: skip
            near[0] = found.cell_v
            return rate(trial, found.memory_v.ravel()) * lasting_s / unit

        solved = solve_ivp(
            speed, (0, 1), now, method="LSODA", rtol=rtol, atol=rtol / 100, max_step=0.05
        )
        assert solved.success
        now = solved.y[:, -1]
    return now * unit


def netlist(array: Array, x: Floats, drive: LineDrive, out: Path) -> str:
    """Write logistic cells between wires for ngspice: a capacitor a cell holds its state.

    The drive is one flat segment.
    """
    net, stop_s = array.network, float(drive.duration_s[0])
    lines = ["* an array of logistic cells"]
    for i in range(net.rows):
        ohm = net.driver_ohm[i] + net.row_wire_ohm[i, 0]
        lines += [f"Vr{i} sr{i} 0 {drive.row_stop_v[0, i]:.17g}", f"Rr{i} sr{i} r{i}_0 {ohm:.17g}"]
    for j in range(net.columns):
        ohm = net.sense_ohm[j] + net.column_wire_ohm[-1, j]
        lines += [f"Vc{j} sc{j} 0 {drive.column_stop_v[0, j]:.17g}"]
        lines += [f"Rc{j} c{net.rows - 1}_{j} sc{j} {ohm:.17g}"]
    law = f"{kernel.A_V!r}*({kernel.LOW_S!r}+{kernel.HIGH_S - kernel.LOW_S!r}*V(x{{k}}))"
    speed = repr(4e-6 * kernel.RATE_HZ)
    for k in range(net.rows * net.columns):
        i, j = divmod(k, net.columns)
        seen = f"V(r{i}_{j},c{i}_{j})"
        if j:
            lines.append(f"Rw{k} r{i}_{j - 1} r{i}_{j} {net.row_wire_ohm[i, j]:.17g}")
        if i:
            lines.append(f"Rb{k} c{i - 1}_{j} c{i}_{j} {net.column_wire_ohm[i - 1, j]:.17g}")
        lines += [
            f"Bc{k} r{i}_{j} c{i}_{j} I={law.format(k=k)}*sinh({kernel.B_PER_V!r}*{seen})",
            f"Bx{k} 0 x{k} I={speed}*sinh({seen}/{kernel.SCALE_V!r})*V(x{k})*(1-V(x{k}))",
            f"Cx{k} x{k} 0 1u IC={x[k]:.17g}",
        ]
    named = " ".join(f"v(x{k})" for k in range(net.rows * net.columns))
    return "\n".join([
        *lines,
        ".options method=gear trtol=1 reltol=1e-7 abstol=1e-15 vntol=1e-10 gmin=1e-18 itl4=100",
        ".control", "set numdgt=15", f"tran {stop_s / 200!r} {stop_s!r} 0 {stop_s / 200!r} uic",
        f"wrdata {out} {named}", "quit", ".endc", ".end", "",
    ])  # fmt: skip
