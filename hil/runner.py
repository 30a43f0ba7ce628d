"""Driving a protocol on a bench: intent, records, a safe end, and going on after a stop.

How a bench is held is in `hil.hold`, how batches come to the disk in `hil.keeper`.
"""

import platform
import secrets
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from hil.bench import Bench
from hil.catalog import PROTOCOLS
from hil.checks import last_check
from hil.clock import RealClock
from hil.config import NamedBench, bench_from_record
from hil.decode import decode
from hil.errors import CellFault, ConfigError, HilError, InstrumentError, notes_of
from hil.hold import at_bench, recall_stress, refuse_second
from hil.keeper import Keeper, Progress
from hil.limits import Cost
from hil.protocol import Protocol
from hil.store import Header, RunStore
from hil.virtual import VirtualLab

LARGEST_SEED = 2**40 - 1
LAB_LOG = "lab.log"
"""Where a virtual lab complains, in the folder of the runs."""


class Plan(NamedTuple):
    """What a run would do at worst.

    Attributes
    ----------
    text : str
        The protocol's own line.
    cost : Cost
        The worst of its programs in each respect; `duration_s` is the bench time of the pulses
        that count, all together.
    """

    text: str
    cost: Cost


class Outcome(NamedTuple):
    """How a run ended.

    Attributes
    ----------
    folder : Path
        The run's.
    finished : bool
        Whether it came to its end, or was stopped in between.
    warnings : tuple of str
        What a person must know, such as an instrument that could not be made safe.
    """

    folder: Path
    finished: bool
    warnings: tuple[str, ...] = ()


def plan(protocol: Protocol, bench: Bench) -> Plan:
    """Check every program of a protocol against a bench and add up what they would cost.

    Raises
    ------
    LimitExceeded, NotSupported
        If a program is beyond the limits or abilities of the bench.
    CellFault
        If the protocol needs a formed sample and it is not.
    """
    if protocol.needs_formed and not bench.sample.formed:
        raise CellFault(
            f"the sample on bench {bench.name} is not formed and this protocol needs one that is; "
            "form it first, then state formed = true under [sample]"
        )
    costs = [(bench.check(program), times) for program, times in protocol.programs(bench)]
    if not costs:
        raise ConfigError("the protocol has no programs to check")
    stress = costs[0][0].stress[:1].copy()
    for cost, _ in costs:
        stress["highest_v"] = max(stress["highest_v"], cost.positive_v)
        stress["lowest_v"] = min(stress["lowest_v"], cost.negative_v)
        stress["energy_j"] = max(stress["energy_j"], cost.stress["energy_j"].max())
    whole = Cost(
        duration_s=sum(cost.duration_s * times for cost, times in costs),
        current_limit_a=min(cost.current_limit_a for cost, _ in costs),
        current_a=max(cost.current_a for cost, _ in costs),
        stress=stress,
        notes=tuple(dict.fromkeys(note for cost, _ in costs for note in cost.notes)),
    )
    return Plan(protocol.describe(bench), whole)


def choose_seed() -> int:
    """Choose a seed that can be typed again."""
    return secrets.randbelow(1_000_000_000)


def name_of_run(protocol: str, bench: str) -> str:
    """Name a run by date, time, protocol and bench."""
    return f"{datetime.now().astimezone():%Y-%m-%d_%H%M%S}_{protocol}_{bench}"


def start(
    protocol_name: str,
    protocol: Protocol,
    named: NamedBench,
    bench: Bench,
    *,
    seed: int,
    folder: Path,
    note: str = "",
    report: Callable[[Progress], None] | None = None,
    lab: VirtualLab | None = None,
) -> Outcome:
    """Run a protocol from its beginning.

    Parameters
    ----------
    protocol_name, protocol : str, Protocol
        What is measured; its parameters are complete.
    named, bench : NamedBench, Bench
        The bench file, kept with the run, and the bench made from it, not yet open.
    seed : int
        Of all randomness, 0 to `LARGEST_SEED`.
    folder : Path
        The run's own folder, which is made.
    note : str
        A remark.
    report : callable, optional
        Told what is on disk, after each commit.
    lab : VirtualLab, optional
        Where the instruments of a virtual bench are; kept going if the run does not end.

    Raises
    ------
    HilError
        For anything that stops the run; what was measured until then is kept.
    """
    recall_stress(bench, folder.parent)
    planned = plan(protocol, bench)
    refuse_second(bench, folder.parent)
    header = Header(
        protocol=protocol_name,
        parameters=msgspec.to_builtins(protocol),
        bench=named.name,
        bench_file=msgspec.to_builtins(named.file),
        kind=bench.kind,
        seed=seed,
        columns=dict(protocol.columns.units),
        cells=[bench.cells.name(cell) for cell in bench.cells.indices.tolist()],
        created_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
        device=bench.sample.device,
        note=note,
    )
    with RunStore.create(folder, header) as store:
        store.event("started", " ".join(sys.argv[1:]))
        for text in planned.cost.notes:
            store.event("bench", text)
        if (checked := last_check(folder.parent, bench)) is not None:
            store.event("checked", checked)
        return _drive(protocol, bench, store, report, lab)


Approve = Callable[[Bench, Plan], None]
"""Shown what would be done on a bench with instruments; raises if it is not to be."""


def resume(
    folder: Path,
    report: Callable[[Progress], None] | None = None,
    *,
    forming: bool = False,
    new_cells: bool = False,
    approve: Approve | None = None,
) -> Outcome:
    """Go on with a run that was stopped; on physics it ends as if it never had been.

    Parameters
    ----------
    folder, report : Path, callable
        As for `start`.
    forming : bool
        Whether forming is open on a bench with instruments, as at the start.
    new_cells : bool
        Whether to go on with new cells where the virtual lab is gone with those of the run.
    approve : callable, optional
        Told bench and plan before a bench with instruments is opened.

    Raises
    ------
    StoreError
        If the folder is no run, is from a newer version, or another process is writing it.
    InstrumentError
        If the virtual lab of the run is gone, unless it may go on with *new_cells*.
    """
    with RunStore.open(folder) as store, ExitStack() as stack:
        header = store.header
        named = bench_from_record(header.bench, header.bench_file)
        lab = None
        if header.kind == "virtual":
            lab = stack.enter_context(_lab_again(store, named, new_cells=new_cells))
        bench = named.build(header.seed, lab, forming=forming)
        protocol = decode(header.parameters, PROTOCOLS.load(header.protocol), f"run {folder.name}")
        if store.snapshot is not None:
            bench.restore(store.snapshot)
        refuse_second(bench, folder.parent)
        if bench.kind != "physics":
            recall_stress(bench, folder.parent)
            planned = plan(protocol, bench)
            if approve is not None:
                approve(bench, planned)
            if isinstance(bench.clock, RealClock):
                created = datetime.fromisoformat(header.created_utc)
                bench.clock.jump_to((datetime.now(UTC) - created).total_seconds())
        store.event("resumed", f"after {store.batches} batches")
        return _drive(protocol, bench, store, report, lab)


def _lab_again(store: RunStore, named: NamedBench, *, new_cells: bool) -> VirtualLab:
    """Find the virtual lab of a run with its cells as they are, or start a new one if it may be.

    The time of a new one goes on where the records end.
    """
    control = store.last_event("lab")
    if control is not None:
        try:
            return VirtualLab.connect(control)
        except InstrumentError as error:
            if not new_cells:
                raise InstrumentError(
                    "the virtual lab of this run is gone, and its cells with it; hil resume "
                    "--new-cells goes on with new ones"
                ) from error
    store.event("warning", "the virtual lab of this run was gone: it goes on with new cells")
    log = store.folder.parent / LAB_LOG
    lab = VirtualLab.start(named.file.counterpart(store.header.seed), log=log)
    times_s = [
        values for name, values in store.table().items()
        if name.startswith("time") and store.header.columns.get(name) == "s"
    ]  # fmt: skip
    if times_s and len(times_s[0]):
        lab.clock().sleep(float(np.nanmax(times_s)))
    return lab


def _drive(
    protocol: Protocol,
    bench: Bench,
    store: RunStore,
    report: Callable[[Progress], None] | None,
    lab: VirtualLab | None,
) -> Outcome:
    """Open the bench, measure to the end or to a stop, leave it safe, note how it ended."""
    if lab is not None:
        lab.kept = True  # with the cells as they are, for a run that goes on later
        store.event("lab", lab.control)
    try:
        at_once = not bench.can_snapshot
        with at_bench(bench, store.folder.parent, store.folder.name, at_once=at_once) as held:
            if says := bench.identity():
                store.event("instruments", says)
            bench.on_preset = partial(store.event, "preset")
            keeper = Keeper(protocol, bench, store, held.samples, held.guard, report)
            finished = _measure(protocol, bench, keeper, held.stop)
    except KeyboardInterrupt as error:
        store.event("interrupted", "at once")
        warnings = notes_of(error)
        for warning in warnings:
            store.event("warning", warning)
        return Outcome(store.folder, finished=False, warnings=warnings)
    except BaseException as error:
        behind = error if lab is None else lab.explained(error)
        _note_failure(store, behind)
        if behind is error:
            raise
        raise behind from None
    store.event("finished" if finished else "interrupted")
    if lab is not None:
        lab.kept = not finished
    return Outcome(store.folder, finished)


def _measure(protocol: Protocol, bench: Bench, keeper: Keeper, stop: threading.Event) -> bool:
    """Take batches from the protocol and keep them; returns whether it came to its end."""
    try:
        for batch in protocol.measure(bench, keeper.view):
            keeper.take(batch, at_once=stop.is_set())
            if stop.is_set():
                return False
    except CellFault:
        keeper.keep()  # what shows the fault is among the batches, and nothing was sent since
        raise
    except BaseException:
        # what a real cell has shown cannot be measured again; a simulated one is taken up from its
        # last snapshot, which what waits is ahead of
        if not bench.can_snapshot:
            keeper.keep()
        raise
    keeper.keep()
    return True


def _note_failure(store: RunStore, error: BaseException) -> None:
    try:
        store.event("failed", f"{type(error).__name__}: {error}")
        for warning in notes_of(error):
            store.event("warning", warning)
    except HilError:
        return


def _versions() -> dict[str, str]:
    packages = ("hil-bench", "numpy", "scipy", "numba")
    versions = {name: _version(name) for name in packages}
    return {**versions, "python": platform.python_version(), "system": platform.platform()}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
