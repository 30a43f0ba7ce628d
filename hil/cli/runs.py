"""``hil runs``, ``show``, ``note``, ``plot`` and ``export``: what has been measured."""

from pathlib import Path

import click

from hil.cli.console import RUNS, find_run
from hil.cli.run import draw, protocol_of
from hil.errors import ConfigError, StoreError
from hil.export import FORMATS, export_table
from hil.store import FILE, RunRecord, add_note

_out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Where runs are kept.",
)
_run = click.argument("run_name", metavar="RUN")


@click.command(epilog="Example: hil runs")
@_out
def runs(out: Path) -> None:
    """List the runs in a folder, oldest first."""
    folders = sorted(path.parent for path in out.glob(f"*/{FILE}"))
    if not folders:
        click.echo(f"no runs in {out}")
    for folder in folders:
        try:
            with RunRecord(folder) as record:
                header = record.header
                text = f"{header.kind:<8}  {record.status:<17}  {record.records:>9,} records"
                click.echo(f"{folder.name}  {text}  {header.device}  {header.note}".rstrip())
        except StoreError as error:
            click.echo(f"{folder.name}  cannot be read: {error}")


@click.command(epilog="Example: hil show last")
@_run
@_out
def show(run_name: str, out: Path) -> None:
    """Show what RUN is, what happened to it and what it came to."""
    folder = find_run(run_name, out)
    with RunRecord(folder) as record:
        header = record.header
        click.echo(f"run       {folder}  ({record.status}, {record.records:,} records)")
        click.echo(f"protocol  {header.protocol}  seed {header.seed}")
        for name, value in header.parameters.items():
            click.echo(f"          {name} = {value}")
        what = f"{header.kind}, {len(header.cells)} cells"
        click.echo(f"bench     {header.bench}  ({what})  {header.device}")
        click.echo("versions  " + ", ".join(f"{k} {v}" for k, v in header.versions.items()))
        if header.note:
            click.echo(f"note      {header.note}")
        for event in record.events():
            click.echo(f"          {event.time_utc}  {event.what}  {event.detail}".rstrip())
        click.echo()
        for line in protocol_of(record).summarise(record.table()).lines:
            click.echo(line)


@click.command(epilog='Example: hil note last "probe lifted after 40 minutes"')
@_run
@click.argument("text")
@_out
def note(run_name: str, text: str, out: Path) -> None:
    """Add a remark to RUN, also while it is measured."""
    add_note(find_run(run_name, out), text)


@click.command(epilog="Example: hil plot last")
@_run
@_out
def plot(run_name: str, out: Path) -> None:
    """Draw the picture of RUN from what is on disk, also while it is measured."""
    folder = find_run(run_name, out)
    with RunRecord(folder) as record:
        header = record.header
        pictures = draw(protocol_of(record), record.table(), header, folder)
    for picture in pictures:
        click.echo(f"picture  {picture}")
    if not pictures:
        click.echo("there is nothing to draw yet")


@click.command(epilog="Example: hil export last --format csv --out points.csv")
@_run
@click.option(
    "--format", "kind", type=click.Choice(sorted(FORMATS)), help="By the file's ending otherwise."
)
@click.option(
    "--out",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The file.",
)
@click.option(
    "--runs", "runs_folder", type=click.Path(path_type=Path), default=RUNS, show_default=True
)
def export(run_name: str, kind: str | None, path: Path, runs_folder: Path) -> None:
    """Write the records of RUN to a file, columns under the protocol's names, SI units."""
    if kind is None:
        kind = {".nc": "netcdf"}.get(path.suffix, path.suffix.removeprefix("."))
        if kind not in FORMATS:
            raise ConfigError(
                f"{path} does not end in a format; add --format, one of {', '.join(FORMATS)}"
            )
    folder = find_run(run_name, runs_folder)
    with RunRecord(folder) as record:
        rows = export_table(record.table(), record.header, kind, path)
    click.echo(f"{rows:,} records in {path}")
