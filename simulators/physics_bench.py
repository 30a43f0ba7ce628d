"""A bench of simulated devices in this process, in virtual time.

Every cell has its own source with a resistance in series and a regulated current limit, so cells
do not see each other; all cells run at once, or one after the other as a single-channel instrument
would. The read-out can be given what an instrument has: noise, a range and its resolution.

Not modelled: wires and sneak paths, capacitance and the charge it dumps, the time a current limit
needs to act (it acts at once), noise on the source, offsets, the averaging of an aperture: a
reading is what flows at the end of its segment, with the noise of one aperture, unless
`Readout.samples` says otherwise.
"""

import io
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from hil.bench import Bench, Kind, Prepared
from hil.capabilities import Capabilities
from hil.cells import Cells, Indices, Sample
from hil.clock import VirtualClock
from hil.draws import normals
from hil.errors import StoreError
from hil.limits import Limits
from hil.program import Demands, Phase, Program
from hil.readings import Readings
from hil.simulators.models.drive import Drive, Floats, Terminal
from hil.simulators.models.model import Device
from hil.simulators.readout import Readout
from hil.units import quantity

_READ_NOISE = np.uint64(2)
"""Stream of `hil.draws` for read noise."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What drives the cells."""

    output_ohm: Annotated[float, quantity("ohm", "output resistance", ge=0)] = 0.0
    series_ohm: Annotated[float, quantity("ohm", "resistor at the cell", ge=0)] = 0.0


class PhysicsBench(Bench):
    """Simulated cells behind ideal sources (see the module for what is not modelled).

    Parameters
    ----------
    name : str
        What the bench is called.
    model : Device
        What each cell is; every one starts in the device's initial state.
    cells : Cells
        How many.
    limits : Limits
        As on any bench; the current limit is regulated.
    seed : int
        Of everything random about the cells and the read-out.
    source, readout : Source, Readout
        Resistances, noise and range.
    visiting : str
        "parallel": all cells at once; "sequential": one after the other.
    sample : Sample
        What lies under the probes; simulated cells are formed unless the sample says otherwise.
    """

    kind: Kind = "physics"
    can_snapshot: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        model: Device,
        *,
        cells: Cells,
        limits: Limits,
        seed: int,
        source: Source | None = None,
        readout: Readout | None = None,
        visiting: Literal["parallel", "sequential"] = "parallel",
        sample: Sample | None = None,
    ) -> None:
        source = source or Source()
        clock = VirtualClock()
        super().__init__(
            name,
            cells=cells,
            capabilities=Capabilities(
                current_limit="regulated",
                parallel=visiting == "parallel",
                exact_timing=True,
                presets=True,
            ),
            limits=limits,
            clock=clock,
            sample=sample or Sample(formed=True),
            source_ohm=source.output_ohm + source.series_ohm,
            sets_at=model.sets_at,
        )
        self._time = clock
        self.model = model
        self.readout = readout or Readout()
        self._exact = self.readout == Readout()
        self.state = model.initial_state(len(cells), np.random.default_rng([seed, 1]))
        keys = np.random.default_rng([seed, 2])
        self._noise_keys = keys.integers(2**64, size=len(cells), dtype=np.uint64)
        self._noise_draws = np.zeros(len(cells), np.uint64)

    def _open(self) -> None:
        """Nothing to connect."""

    def _close(self) -> None:
        """Nothing to disconnect."""

    def _make_safe(self) -> None:
        """Every program ends at 0 V, so a simulated source is always there."""

    def _prepare(self, program: Program, cells: Indices, current_limit_a: float) -> Prepared:
        drive = self._drive(program, program.units, current_limit_a)
        self._refuse(drive, program.demands)
        steps: tuple[Drive, ...] = ()
        if program.demands.stop_at_limit:
            steps = tuple(
                self._drive(program, units, current_limit_a) for units in _steps(program)
            )
        duration_s = self._together_s(program.timeline.duration_s, cells)
        return Prepared(_Playing(program, drive, steps, duration_s), duration_s)

    def _drive(self, program: Program, units: Indices, current_limit_a: float) -> Drive:
        drive = Drive(
            program.duration_s, program.start_v, program.stop_v, program.look > 0, units,
            self.source_ohm, current_limit_a, reads=program.phase == Phase.READ,
        )  # fmt: skip
        return drive if self.readout.samples == 1 else drive.sampled(self.readout.samples)

    def _together_s(self, lasting_s: Floats, cells: Indices) -> float:
        """Tell how long all cells take, each as long as its column says."""
        if self.capabilities.parallel or len(cells) == 1:
            return float(lasting_s.max())
        return float(np.broadcast_to(lasting_s, len(cells)).sum())

    def _apply(self, program: Program, cells: Indices, payload: "_Playing") -> Readings:
        timeline = program.timeline
        lasting_s, duration_s = timeline.duration_s, payload.duration_s
        if payload.steps:
            terminal, start_s, lasting_s = self._play_until_limited(payload, cells)
            duration_s = self._together_s(lasting_s, cells)
        else:
            start_s = self._starts_s(lasting_s, cells)
            drive = self._begun(payload.drive, start_s)
            terminal = self._play(cells, drive, payload.program.demands)
        self.clock.sleep(duration_s)
        shape = (len(timeline.look), len(cells))
        time_s = start_s + timeline.time_s
        source_v = timeline.source_v
        if time_s.shape != shape:
            time_s = np.broadcast_to(time_s, shape)
        if source_v.shape != shape:
            source_v = np.broadcast_to(source_v, shape)
        limited = terminal.limited
        current_a, voltage_v = terminal.current_a, terminal.voltage_v
        status = limited.astype(np.int64)
        if not self._exact:
            if self.readout.samples > 1:
                limited = limited[self.readout.samples - 1 :: self.readout.samples]
            current_a, voltage_v, over = self._read_out(terminal, source_v, limited, cells)
            status = limited.astype(np.int64) | over.astype(np.int64) << 1
            limited = limited | over
        return Readings(time_s, source_v, voltage_v, current_a, limited, status, timeline.look)

    def _refuse(self, drive: Drive, demands: Demands) -> None:  # noqa: ARG002
        """Raise NotSupported where there is no answer to a drive; pure."""
        self.model.refuse(drive)

    def _play(self, cells: Indices, drive: Drive, demands: Demands) -> Terminal:  # noqa: ARG002
        """Take cells through a drive, each by a source of its own."""
        return self.model.play(self.state, cells, drive)

    def _starts_s(self, lasting_s: Floats, cells: Indices) -> float | Floats:
        """Tell when each cell's turn comes, if all together or one after the other."""
        now_s = self.clock.now_s()
        if self.capabilities.parallel or len(cells) == 1:
            return now_s
        each_s = np.broadcast_to(lasting_s, len(cells))
        turns_s: Floats = now_s + each_s.cumsum() - each_s
        return turns_s

    def _begun(self, drive: Drive, start_s: float | Floats) -> Drive:
        """Say in a drive when it begins, for a device that wants to know."""
        return replace(drive, start_s=start_s) if self.model.ages else drive

    def _play_until_limited(
        self, payload: "_Playing", cells: Indices
    ) -> tuple[Terminal, float | Floats, Floats]:
        """Play step by step, all cells at once or one after the other.

        Returns what was at the terminals, when each cell began, and how long each lasted.
        """
        every, now_s = np.arange(len(cells)), self.clock.now_s()
        if self.capabilities.parallel or len(cells) == 1:
            terminal, lasting_s = self._play_steps(payload, cells, every, now_s)
            return terminal, now_s, lasting_s
        parts, lasting_s = [], np.zeros(len(cells))
        for column in every:
            began_s = now_s + lasting_s.sum()
            part, lasting_s[column : column + 1] = self._play_steps(
                payload, cells, every[column : column + 1], began_s
            )
            parts.append(part)
        together = (np.concatenate(part, axis=1) for part in zip(*parts, strict=True))
        return Terminal(*together), self._starts_s(lasting_s, cells), lasting_s

    def _play_steps(
        self, payload: "_Playing", cells: Indices, columns: Indices, start_s: float
    ) -> tuple[Terminal, Floats]:
        """Play step by step; a cell whose reading is at the limit is brought to 0 V and left.

        Returns what was at the terminals, NaN where a cell had stopped, and how long each lasted.
        """
        program, first = payload.program, columns[0]
        seen = [
            Terminal(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, np.bool_))
            for shape in ((step.readings, len(columns)) for step in payload.steps)
        ]
        lasting_s = np.zeros(len(columns))
        for step, shown in zip(payload.steps, seen, strict=True):
            places = columns - first
            begun = self._begun(step.of_columns(columns), start_s + lasting_s[places])
            at = self._play(cells[columns], begun, program.demands)
            for kept, new in zip(shown, at, strict=True):
                kept[:, places] = new
            begin, end, _ = step.units[0]
            lasting_s[places] += begun.duration_s[begin:end].sum(axis=0)
            stopped = at.limited.any(axis=0)
            if stopped.any():
                lasting_s[places[stopped]] += self._back_to_zero(
                    program, step, cells, columns[stopped], start_s + lasting_s[places[stopped]]
                )
                columns = columns[~stopped]
            if not columns.size:
                break
        parts = (np.concatenate([part[k] for part in seen]) for k in range(3))
        return Terminal(*parts), lasting_s

    def _back_to_zero(
        self, program: Program, step: Drive, cells: Indices, columns: Indices, start_s: Floats
    ) -> Floats:
        """Bring stopped cells to 0 V by the program's last edge; tells how long that takes (s)."""
        wanted = columns if program.columns > 1 else np.zeros(len(columns), np.int64)
        edge_s: Floats = program.duration_s[-1, wanted]
        last = int(step.units[0, 1]) - 1
        level_v = step.stop_v[last, wanted]
        edge = Drive(
            edge_s[None].copy(), level_v[None].copy(), np.zeros((1, len(columns))),
            np.zeros(1, np.bool_), np.array([[0, 1, 1]]), self.source_ohm, step.limit_a,
            reads=None if step.reads is None else step.reads[last : last + 1],
        )  # fmt: skip
        self._play(cells[columns], self._begun(edge, start_s), program.demands)
        return edge_s

    def _read_out(
        self, terminal: Terminal, source_v: Floats, limited: NDArray[np.bool_], cells: Indices
    ) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Read what is at the terminals; without a voltmeter the current tells the voltage."""
        noise = self._noise(len(limited), cells)
        current_a, voltage_v, over = self.readout.measured(
            terminal.current_a, terminal.voltage_v, noise
        )
        if self.readout.voltage_range_v is None:
            told_v = source_v - current_a * self.source_ohm
            voltage_v = np.where(limited, voltage_v, told_v)
        return current_a, voltage_v, over

    def _noise(self, count: int, cells: Indices) -> Floats:
        """Draw the next standard normal numbers of each cell's readings, (count, cells)."""
        draws = self._noise_draws[cells] + np.arange(count, dtype=np.uint64)[:, None]
        self._noise_draws[cells] += np.uint64(count)
        noise: Floats = normals(self._noise_keys[cells], _READ_NOISE, draws)
        return noise

    def _preset(self, conductance_s: Floats, cells: Indices, read_v: float) -> None:
        self.model.preset(self.state, cells, conductance_s, read_v)

    def _snapshot(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(
            buffer, state=self.state, noise_draws=self._noise_draws, ledger=self.ledger.own,
            now_s=self.clock.now_s(),
        )  # fmt: skip
        return buffer.getvalue()

    def _restore(self, snapshot: bytes) -> None:
        with np.load(io.BytesIO(snapshot)) as kept:
            if kept["state"].dtype != self.state.dtype or kept["state"].shape != self.state.shape:
                raise StoreError(
                    f"the snapshot is of {len(kept['state'])} other cells than bench "
                    f"{self.name} has; resume with the bench file and the version the run was "
                    "started with"
                )
            self.state = kept["state"]
            self._noise_draws = kept["noise_draws"]
            for name in kept["ledger"].dtype.names or ():
                self.ledger.own[name] = kept["ledger"][name]
            self._time.jump_to(float(kept["now_s"]))


class _Playing(NamedTuple):
    """A program as the model plays it: whole, or in steps between which the source may stop."""

    program: Program
    drive: Drive
    steps: tuple[Drive, ...]
    duration_s: float


def _steps(program: Program) -> list[Indices]:
    """Cut a program after each reading: units of one step each."""
    steps: list[Indices] = []
    for first, last, repeats in program.units.tolist():
        ends = [*(first + np.flatnonzero(program.look[first:last]) + 1).tolist(), last]
        begins = [first, *ends[:-1]]
        once = [np.array([[a, b, 1]]) for a, b in zip(begins, ends, strict=True) if a < b]
        steps += once * repeats
    return steps
