"""``hil run`` and ``hil resume``: from a protocol to records and a picture."""

import typing
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

import click
import msgspec

from hil.bench import Bench
from hil.catalog import PROTOCOLS
from hil.cli.console import RUNS, Console, caption_of, confirm, find_run, show_bench, show_cost
from hil.cli.instruments import allow_option, lab_of, virtual_option
from hil.cli.main import STOPPED
from hil.cli.settings import pairs, struct_of
from hil.config import find_bench
from hil.decode import decode, unwrapped
from hil.errors import CellFault, StoreError
from hil.hold import recall_stress
from hil.protocol import Protocol, Table
from hil.runner import LARGEST_SEED, Outcome, Plan, choose_seed, name_of_run, plan
from hil.runner import resume as resume_run
from hil.runner import start as start_run
from hil.store import Header, RunRecord
from hil.units import format_quantity


@click.command(
    add_help_option=False, epilog="Example: hil run jump-table --bench tiox --set points=200"
)
@click.argument("protocol", required=False)
@click.option(
    "--bench", "bench_name", metavar="NAME|FILE", help="A shipped bench, bench file or model file."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter; bench.KEY for the bench file's.",
)
@click.option(
    "--seed", type=click.IntRange(0, LARGEST_SEED), help="Of all randomness; drawn if left out."
)
@click.option("--device", default="", metavar="ID", help="What is under the probes: W3/D14/R2C5.")
@click.option("--note", default="", metavar="TEXT", help="A remark that is kept with the run.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Where runs are kept.",
)
@click.option("--dry-run", is_flag=True, help="Check everything, send nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="End with one JSON object on standard output."
)
@click.option("--yes", is_flag=True, help="Do not ask before a run on hardware.")
@virtual_option
@allow_option
@click.option(
    "-h", "--help", "wants_help", is_flag=True, help="Show this, and the protocol's parameters."
)
@click.pass_context
def run(
    ctx: click.Context,
    protocol: str | None,
    bench_name: str | None,
    settings: tuple[str, ...],
    seed: int | None,
    device: str,
    note: str,
    out: Path,
    dry_run: bool,
    as_json: bool,
    yes: bool,
    virtual: bool,
    allowed: tuple[str, ...],
    wants_help: bool,
) -> None:
    """Run PROTOCOL on a bench: check, measure, keep, draw."""
    if wants_help:
        click.echo(ctx.get_help() + (_parameters_of(protocol) if protocol else ""))
        return
    if protocol is None:
        raise click.UsageError(f"name a protocol: {', '.join(PROTOCOLS.names())}", ctx)
    if bench_name is None:
        raise click.UsageError(
            "name a bench with --bench, by its file or as hil list benches has it", ctx
        )
    console = Console(as_json)
    own, of_bench = _split(settings)
    wanted = _parameters(protocol, own)
    named = find_bench(bench_name, of_bench).with_device(device)
    seed = choose_seed() if seed is None else seed
    with lab_of(named, seed, out, virtual=virtual) as lab:
        bench = named.build(seed, lab, forming="forming" in allowed)
        show_bench(console, bench, named.file.title)
        recall_stress(bench, out)
        complete = wanted.complete(bench)
        planned = plan(complete, bench)
        _show_plan(console, planned)
        if dry_run:
            console.line("dry run: nothing was sent")
            console.result({"run": None, "plan": _plan_figures(planned), "seed": seed})
            return
        confirm(console, bench, yes=yes)
        folder = _unused(out / name_of_run(protocol, named.name))
        console.line(f"run      {folder}")
        with console.progress() as line, _shown_with_fault(console, complete, folder):
            outcome = start_run(
                protocol, complete, named, bench,
                seed=seed, folder=folder, note=note, report=line, lab=lab,
            )  # fmt: skip
    _finish(console, complete, outcome)


@click.command(epilog="Example: hil resume last")
@click.argument("run_name", metavar="RUN")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Where runs are kept.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="End with one JSON object on standard output."
)
@click.option("--yes", is_flag=True, help="Do not ask before going on on hardware.")
@click.option("--new-cells", is_flag=True, help="Go on with new cells if the virtual lab is gone.")
@allow_option
def resume(
    run_name: str,
    out: Path,
    as_json: bool,
    yes: bool,
    new_cells: bool,
    allowed: tuple[str, ...],
) -> None:
    """Go on with RUN where it was stopped; on physics it ends as if it never had been."""
    console = Console(as_json)
    folder = find_run(run_name, out)
    with RunRecord(folder) as record:
        protocol = protocol_of(record)
        title = str(record.header.bench_file.get("title", ""))
    console.line(f"run      {folder}")

    def approve(bench: Bench, planned: Plan) -> None:
        show_bench(console, bench, title)
        _show_plan(console, planned)
        confirm(console, bench, yes=yes)

    with console.progress() as line, _shown_with_fault(console, protocol, folder):
        outcome = resume_run(
            folder,
            report=line,
            forming="forming" in allowed,
            new_cells=new_cells,
            approve=approve,
        )
    _finish(console, protocol, outcome)


def protocol_of(record: RunRecord) -> Protocol:
    """Bring back the protocol of a run, with its parameters."""
    header = record.header
    protocol_type: type[Protocol] = PROTOCOLS.load(header.protocol)
    return decode(header.parameters, protocol_type, f"run {record.folder.name}")


def _finish(console: Console, protocol: Protocol, outcome: Outcome) -> None:
    """Draw and sum up what is on disk."""
    for warning in outcome.warnings:
        click.echo(f"hil: {warning}", err=True)
    figures = _show_records(console, protocol, outcome.folder)
    if not outcome.finished:
        console.line(f"\nstopped before its end; hil resume {outcome.folder} goes on")
    head = {"run": str(outcome.folder), "finished": outcome.finished}
    console.result({**head, "warnings": outcome.warnings, **figures})
    if not outcome.finished:
        raise click.exceptions.Exit(STOPPED)


def _show_records(console: Console, protocol: Protocol, folder: Path) -> dict[str, Any]:
    """Draw and sum up what a run has kept; returns the figures."""
    with RunRecord(folder) as record:
        table, header = record.table(), record.header
    pictures = draw(protocol, table, header, folder)
    summary = protocol.summarise(table)
    for picture in pictures:
        console.line(f"picture  {picture}")
    console.line()
    for text in summary.lines:
        console.line(text)
    files = [str(picture) for picture in pictures]
    return {"seed": header.seed, "pictures": files, **summary.figures}


@contextmanager
def _shown_with_fault(console: Console, protocol: Protocol, folder: Path) -> Iterator[None]:
    """Show what a cell gave before it turned out to be dead; the fault is told after it."""
    try:
        yield
    except CellFault:
        with RunRecord(folder) as record:
            is_empty = record.records == 0
        if not is_empty:
            _show_records(console, protocol, folder)
        raise


def draw(protocol: Protocol, table: Table, header: Header, folder: Path) -> list[Path]:
    """Draw a run into its folder; raises StoreError where that cannot be written."""
    try:
        return protocol.picture(
            table, caption_of(header, folder), folder / f"{header.protocol}.png"
        )
    except OSError as error:
        raise StoreError(
            f"{folder}: the picture cannot be written ({error.strerror or error}); every record "
            "is kept, so mend that and ask for it with hil plot"
        ) from error


def _unused(folder: Path) -> Path:
    """Add a number to the folder of a run that starts in the same second as another."""
    numbered = (folder.with_name(f"{folder.name}-{k}") for k in count(2))
    return next(path for path in chain([folder], numbered) if not path.exists())


def _split(settings: tuple[str, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """Sort --set entries into the protocol's and the bench file's."""
    own: dict[str, str] = {}
    of_bench: dict[str, str] = {}
    for key, text in pairs(settings, "points=200").items():
        if key.startswith("bench."):
            of_bench[key.removeprefix("bench.")] = text
        else:
            own[key] = text
    return own, of_bench


def _parameters(name: str, settings: dict[str, str]) -> Protocol:
    protocol_type: type[Protocol] = PROTOCOLS.load(name)
    return struct_of(protocol_type, settings, f"protocol {name}", "parameter")


def _parameters_of(name: str) -> str:
    """List a protocol's parameters."""
    return parameters_of(PROTOCOLS.load(name), name)


def parameters_of(
    struct: type[msgspec.Struct],
    name: str,
    *,
    given: dict[str, Any] | None = None,
    below: str = "",
) -> str:
    """List what ``--set`` may set of a struct: key, value if nothing is set, what it is.

    A file that has *given* some values goes before defaults; keys are *below* another one.
    """
    hints = typing.get_type_hints(struct, include_extras=True)
    formatter = click.HelpFormatter(width=click.get_current_context().terminal_width or 100)
    with formatter.section(f"\n\nParameters of {name} (--set KEY=VALUE)"):
        rows = []
        schema = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
        for field in msgspec.structs.fields(struct):
            about = schema[field.name]
            about = about if "description" in about else about.get("anyOf", [about])[0]
            value = (given or {}).get(field.name, "..." if field.required else field.default)
            shown = f"{below}{field.name}={_typed(value, hints[field.name])}"
            rows.append((shown, about.get("description", "")))
        formatter.write_dl(rows)
    return formatter.getvalue()


def _typed(value: Any, hint: Any) -> str:
    """Write a default as one would type it: 500ns."""
    if isinstance(value, tuple):
        return ",".join(_typed(entry, hint) for entry in value)
    if isinstance(value, (list, dict)):
        return "..."
    unit, _ = unwrapped(hint)
    if isinstance(value, float) and unit is not None:
        return format_quantity(value, unit).replace(" ", "")
    return "none" if value is None else str(value)


def _show_plan(console: Console, planned: Plan) -> None:
    cost = planned.cost
    console.line(f"plan     {planned.text}")
    lasting = format_quantity(cost.duration_s, "s", 3)
    show_cost(console, "", cost, f" a program; pulses last {lasting} of device time")


def _plan_figures(planned: Plan) -> dict[str, Any]:
    cost = planned.cost
    return {
        "positive_v": cost.positive_v,
        "negative_v": cost.negative_v,
        "current_a": cost.current_a,
        "energy_per_program_j": float(cost.stress["energy_j"][0]),
        "duration_s": cost.duration_s,
    }
