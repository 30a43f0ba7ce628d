"""A bench of simulated devices in this process, in virtual time.

Every cell has its own source with a resistance in series and a regulated current limit, so cells
do not see each other; all cells run at once, or one after the other as a single-channel instrument
would. The read-out can be given what an instrument has: noise, a range and its resolution.

Not modelled: wires and sneak paths, capacitance and the charge it dumps, the time a current limit
needs to act (it acts at once), noise on the source, offsets, the averaging of an aperture: a
reading is what flows at the end of its segment, with the noise of one aperture.
"""

import io
from typing import Annotated, ClassVar, Literal

import msgspec
import numpy as np
from msgspec import Meta

from hil.bench import Bench, Capabilities, Cells, Indices, Kind, Readings, Sample
from hil.clock import VirtualClock
from hil.draws import normals
from hil.errors import StoreError
from hil.limits import Limits
from hil.program import Program
from hil.simulators.models.model import Drive, Floats, Model
from hil.units import quantity

_READ_NOISE = np.uint64(2)
"""Stream of `hil.draws` for read noise."""


class Readout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the ammeter of the bench is like; the default is a perfect one."""

    noise_a: Annotated[float, quantity("A", "white noise of one reading, rms", ge=0)] = 0.0
    range_a: (
        Annotated[float, quantity("A", "fixed measuring range; none if left out", gt=0)] | None
    ) = None
    counts: Annotated[int, Meta(ge=2, description="counts from zero to the end of the range")] = (
        32768
    )


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
    model : Model
        The device; every cell starts in the model's initial state.
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
        model: Model,
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
                current_limit="regulated", parallel=visiting == "parallel", exact_timing=True
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

    def _duration_s(self, program: Program, cells: Indices) -> float:
        if self.capabilities.parallel or len(cells) == 1:
            return program.timeline.longest_s
        lasting = program.timeline.duration_s
        return float(lasting.sum()) if len(lasting) > 1 else float(lasting[0]) * len(cells)

    def _prepare(self, program: Program, _cells: Indices, current_limit_a: float) -> Drive:
        drive = Drive(
            program.duration_s, program.start_v, program.stop_v, program.look > 0, program.units,
            self.source_ohm, current_limit_a,
        )  # fmt: skip
        self.model.refuse(drive)
        return drive

    def _apply(self, program: Program, cells: Indices, prepared: Drive) -> Readings:
        terminal = self.model.play(self.state, cells, prepared)
        start_s = self.clock.now_s()
        self.clock.sleep(self._duration_s(program, cells))
        timeline = program.timeline
        time_s = start_s + timeline.time_s
        if not self.capabilities.parallel and len(cells) > 1:
            each_s = np.broadcast_to(timeline.duration_s, len(cells))
            time_s = time_s + (each_s.cumsum() - each_s)
        shape = terminal.current_a.shape
        source_v = timeline.source_v
        if time_s.shape != shape:
            time_s = np.broadcast_to(time_s, shape)
        if source_v.shape != shape:
            source_v = np.broadcast_to(source_v, shape)
        status = terminal.limited.astype(np.int64)
        current_a, voltage_v = terminal.current_a, terminal.voltage_v
        if not self._exact:
            current_a, over = self._read_out(current_a, cells)
            voltage_v = np.where(
                terminal.limited, voltage_v, source_v - current_a * self.source_ohm
            )
            status |= over.astype(np.int64) << 1
        return Readings(
            time_s, source_v, voltage_v, current_a, terminal.limited, status, timeline.look
        )

    def _read_out(self, current_a: Floats, cells: Indices) -> tuple[Floats, np.ndarray]:
        """Add noise, then round to the counts of the range; beyond the range it reads the end."""
        readings = np.arange(len(current_a), dtype=np.uint64)[:, None]
        draws = self._noise_draws[cells] + readings
        self._noise_draws[cells] += np.uint64(len(current_a))
        noisy_a = current_a + self.readout.noise_a * normals(
            self._noise_keys[cells], _READ_NOISE, draws
        )
        end_a = self.readout.range_a
        if end_a is None:
            return noisy_a, np.zeros(noisy_a.shape, bool)
        count_a = end_a / self.readout.counts
        rounded_a = np.rint(noisy_a / count_a) * count_a
        over = np.abs(rounded_a) > end_a
        return np.clip(rounded_a, -end_a, end_a), over

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
            self.ledger.own = kept["ledger"]
            self._time.jump_to(float(kept["now_s"]))
