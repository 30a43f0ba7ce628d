"""A bench of simulated cells in an array, with its wires and its board, in virtual time.

One cell is selected at a time: its row has the program's voltage, its column ends in the virtual
ground in which its current is measured, the other lines are biased by a scheme (`hil.schemes`) or
float. All cells of the array live through it, by `hil.simulators.crossbar.array.Array`.

A reading tells what the board measures. Its voltage is the programmed one less the current's drop
in what is known to lie at the ends of the lines: drivers, multiplexer, the amplifier's input. What
the wires take is not known to it, and a current contains what reaches the column by other cells.

The limits of the bench are compared with programmed levels; the DACs' offset, nonlinearity and
half a step of rounding come on top. The current limit acts at the source of the selected column,
on all that flows there: it does not hold what flows through other cells of the selected row. Where
lines are driven from both ends no source can hold it: it is only watched. Gates refer to 0 V, so
at negative voltages the transistor of a row that is not selected may open; what is booked for
other cells therefore takes no gate into account. It is what the levels of their lines give them;
currents along the lines move that, up or down (decision 17).

Not modelled: capacitances of lines and cells, the time between two vectors or two cells, what
`hil.simulators.array.board` names, and a current limit while all rows are driven.
"""

from dataclasses import replace
from typing import Annotated

import msgspec
import numpy as np

from hil.bench import Assurance, Prepared
from hil.cells import Cells, Indices, Sample
from hil.errors import LimitExceeded
from hil.limits import Limits
from hil.program import Demands, Phase, Program
from hil.readings import Products
from hil.schemes import Biasing, seen
from hil.simulators.array.board import Board, Electronics, Flags, Floats
from hil.simulators.array.lines import Lines, all_rows
from hil.simulators.crossbar.access import Selector, Transistor
from hil.simulators.crossbar.array import Array
from hil.simulators.crossbar.network import Network
from hil.simulators.models.drive import Drive, Terminal
from hil.simulators.models.model import Device
from hil.simulators.physics_bench import PhysicsBench, Source
from hil.units import format_quantity, quantity


class Gated(Transistor, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A transistor in series with each cell, its gate at a line of the cell's row."""

    gate_v: Annotated[
        float, quantity("V", "at the gates that are open, where a program does not say")
    ]


class ArrayBench(PhysicsBench):
    """Simulated cells between the lines of an array (see the module for what is not modelled).

    Parameters
    ----------
    name : str
        What the bench is called.
    model : Device
        What each cell is; every one starts in the device's initial state.
    network : Network
        Wires, drivers and sense resistances; the board's own come on top.
    biasing : Biasing
        The schemes it knows, for switching and for reads.
    access : Gated or Selector, optional
        What lies in series with each cell.
    board : Board
        The electronics; perfect by default.
    limits : Limits
        As on any bench, of the programmed levels.
    seed : int
        Of everything random about the cells and the board.
    sample : Sample
        What the array is; simulated cells are formed unless the sample says otherwise.

    Attributes
    ----------
    array : Array
        The cells in their network. What it knows no instrument does: for tests.
    """

    def __init__(
        self,
        name: str,
        model: Device,
        *,
        network: Network,
        biasing: Biasing,
        limits: Limits,
        seed: int,
        access: Gated | Selector | None = None,
        board: Board | None = None,
        sample: Sample | None = None,
    ) -> None:
        board = board or Board()
        on_ohm, off_ohm = board.mux.on_ohm, board.mux.off_ohm
        network = replace(
            network,
            driver_ohm=network.driver_ohm + on_ohm,
            far_driver_ohm=network.far_driver_ohm + on_ohm,
            sense_ohm=network.sense_ohm + on_ohm + board.tia.input_ohm,
            far_sense_ohm=network.far_sense_ohm + on_ohm + board.tia.input_ohm,
        )
        self._ends_ohm = _ends_ohm(network)
        super().__init__(
            name,
            model,
            cells=Cells(network.rows, network.columns),
            limits=limits,
            seed=seed,
            source=Source(output_ohm=float(self._ends_ohm.min())),
            visiting="sequential",
            sample=sample,
        )
        self.biasing: Biasing = biasing
        self._gate_v = access.gate_v if isinstance(access, Gated) else None
        self._regulates = network.one_ended
        self.capabilities = msgspec.structs.replace(
            self.capabilities,
            current_limit="regulated" if self._regulates else "watched",
            gate=self._gate_v is not None,
            schemes=tuple(biasing.schemes),
            multiplies=True,
        )
        self.board = board
        self.electronics = Electronics(
            board, network.rows, network.columns, np.random.default_rng([seed, 3])
        )
        self._exact = board == Board()
        self.array = Array(
            model, network, access=access, leak_ohm=np.inf if off_ohm is None else off_ohm
        )

    def assurances(self) -> tuple[Assurance, ...]:
        """Say what the voltages of an array and a current limit mean."""
        network = self.array.network
        wires = ", ".join(
            f"{format_quantity(float(ohm.max()), 'ohm', 3)} {what}"
            for ohm, what in (
                (network.row_wire_ohm, "a segment of a row"),
                (network.column_wire_ohm, "a segment of a column"),
            )
        )
        return (
            *super().assurances(),
            Assurance(
                "disturbs", "assumed", "booked for other cells as if no line had a resistance"
            ),
            self._of_the_limit(),
            Assurance("array", "assumed", f"simulated as its file says: wires of {wires}"),
        )  # fmt: skip

    def _of_the_limit(self) -> Assurance:
        if not self._regulates:
            return Assurance("current limit", "assumed", "watched; both ends of lines are driven")
        return Assurance(
            "current limit", "enforced",
            "at the source of the selected column, other cells of the column included; what flows "
            "in other cells of the row, and under vectors on all rows, is not limited",
        )  # fmt: skip

    def _prepare(self, program: Program, cells: Indices, current_limit_a: float) -> Prepared:
        self.biasing.of(program.demands)
        self._refuse_gate(program)
        self.electronics.refuse(program.start_v)
        prepared = super()._prepare(program, cells, current_limit_a)
        return prepared._replace(notes=self._notes(program))

    def _notes(self, program: Program) -> tuple[str, ...]:
        """Say what other cells have of a program, and where its current limit acts."""
        write, read = self.biasing.of(program.demands)
        if program.phases == (Phase.READ,):
            notes = [f"other lines while it reads: {read}"]
        else:
            most = max(abs(part) for place in seen(self.biasing.schemes[write]) for part in place)
            notes = [
                (
                    f"other lines: {write} while it switches, {read} while it reads; other cells "
                    f"see up to {most:.0%} of each pulse, booked as disturbs"
                )
            ]
        if self._regulates and program.demands.current_limit_a is not None:
            notes.append("the current limit acts at the source of the selected column")
        return tuple(notes)

    def _lines(self, demands: Demands) -> Lines:
        write, read = (self.biasing.schemes[name] for name in self.biasing.of(demands))
        return Lines(
            self.cells.rows, self.cells.columns, write, read, self._gate_of(demands),
            self.electronics, self._regulates,
        )  # fmt: skip

    def _gate_of(self, demands: Demands) -> float | None:
        """Tell the voltage of open gates; None where there are none."""
        return self._gate_v if demands.gate_v is None else demands.gate_v

    def _refuse_gate(self, program: Program) -> None:
        """Raise LimitExceeded for the file's gate voltage; a program's own is compared with it."""
        if self._gate_v is None or program.demands.gate_v is not None:
            return
        for phase in program.phases:
            allowed_v = self.limits.of(phase).gate_v
            if allowed_v is None or abs(self._gate_v) > allowed_v:
                name = phase.name.lower()
                raise LimitExceeded(
                    f"transistor.gate_v of bench {self.name} is {self._gate_v:.6g} V where "
                    f"limits.{name}.gate_v allows {allowed_v or 0.0:.6g} V; state a larger limit"
                )

    def _refuse(self, drive: Drive, demands: Demands) -> None:
        """Raise where the cells have no answer to what the first one would be given."""
        lines = self._lines(demands)
        for column in range(drive.columns):
            for first, last, _ in drive.units.tolist():
                for each in lines.drives(drive, first, last, column, 0):
                    self.array.refuse(each)

    def _play(self, cells: Indices, drive: Drive, demands: Demands) -> Terminal:
        """Take the cells through a drive, each in its turn."""
        terminal = Terminal.empty(drive.readings, len(cells))
        lines = self._lines(demands)
        for place, cell in enumerate(cells.tolist()):
            own = drive.of_columns(np.array([place]))
            self._play_one(cell, own, lines, terminal, place)
        return terminal

    def _play_one(
        self, cell: int, drive: Drive, lines: Lines, terminal: Terminal, place: int
    ) -> None:
        """Take one cell through a drive of its own, all others seeing what the lines give them."""
        column = cell % self.cells.columns
        now_s, count = float(np.max(drive.start_s)), 0
        source_v = drive.stop_v[drive.looks, 0]
        for first, last, repeats in drive.units.tolist():
            for part in lines.drives(drive, first, last, 0, cell, repeats):
                at = self.array.play(self.state, replace(part, start_s=now_s))
                now_s += float(part.duration_s.sum())
                where = slice(count, count + len(at.limited))
                count = where.stop
                current_a = at.column_a[:, column]
                terminal.current_a[where, place] = current_a
                terminal.voltage_v[where, place] = (
                    source_v[where] - at.column_v[:, column] - current_a * self._ends_ohm[cell]
                )
                terminal.limited[where, place] = (
                    at.limited if self._regulates else np.abs(current_a) > drive.limit_a
                )

    def _read_out(
        self, terminal: Terminal, source_v: Floats, limited: Flags, cells: Indices
    ) -> tuple[Floats, Floats, Flags]:
        """Read what flows into the columns; the current tells the voltage at the cell."""
        columns = cells % self.cells.columns
        current_a, over = self._measured(terminal.current_a, columns, cells)
        told_v = source_v - current_a * self._ends_ohm[cells]
        return current_a, np.where(limited, terminal.voltage_v, told_v), over

    def _measured(
        self, current_a: Floats, columns: Indices, cells: Indices
    ) -> tuple[Floats, Flags]:
        """Measure currents of columns with the noise of *cells*."""
        adc, noise = self.board.adc, None
        if adc.noise_a > 0:
            noise = self._noise(adc.averages * len(current_a), cells)
        return self.electronics.measured(current_a, columns, noise)

    def _refuse_vectors(self, program: Program) -> None:
        self._refuse_gate(program)
        self.electronics.refuse(program.start_v)

    def _multiply(self, program: Program) -> Products:
        """Put vectors on all rows; the noise of a column is that of its cell in the first row."""
        gate_v = self._gate_of(program.demands)
        drive = self._drive(program, program.units, np.inf)
        columns, start_s = np.arange(self.cells.columns), self.clock.now_s()
        now_s, parts = start_s, []
        for part in all_rows(drive, self.electronics, len(columns), gate_v):
            parts.append(self.array.play(self.state, replace(part, start_s=now_s)).column_a)
            now_s += float(part.duration_s.sum())
        timeline = program.timeline
        self.clock.sleep(timeline.longest_s)
        current_a, over = self._measured(np.concatenate(parts), columns, columns)
        return Products(current_a, over, start_s + timeline.time_s[:, 0])


def _ends_ohm(network: Network) -> Floats:
    """Tell what lies in series with each cell at the ends of its lines; both ends in parallel."""
    row_ohm, column_ohm = (
        1 / (1 / np.maximum(near, _IDEAL_OHM) + 1 / np.maximum(far, _IDEAL_OHM))
        for near, far in (
            (network.driver_ohm, network.far_driver_ohm),
            (network.sense_ohm, network.far_sense_ohm),
        )
    )
    ends_ohm: Floats = np.add.outer(row_ohm, column_ohm).reshape(-1)
    return np.where(ends_ohm < 3 * _IDEAL_OHM, 0.0, ends_ohm)


_IDEAL_OHM = 1e-12
"""Less than this is nothing."""
