"""``hil import``: other people's devices as model files."""

from pathlib import Path
from typing import Annotated

import click

from hil.cli.probe import Quantity
from hil.cli.settings import pairs
from hil.decode import decode_text
from hil.errors import ConfigError
from hil.units import quantity

_VOLTS = Annotated[float, quantity("V", "amplitude")]

_out = click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False),
    help="The model file.",
)  # fmt: skip


@click.group("import", epilog="Example: hil import neurosim Cell.cpp --out agsi.toml")
def import_() -> None:
    """Make a model file, which is a bench at once, of what others published."""


@import_.command(
    "jump-table",
    epilog="Example: hil import jump-table --table 1.5V=tables/set --table -1.5V=tables/reset "
    "--pulse-high 500ns --out tiox.toml",
)
@click.option(
    "--table", "tables", multiple=True, required=True, metavar="V=PREFIX",
    help="Amplitude and beginning of its files PREFIX_axis_level_G.txt, _axis_level_dG.txt, "
    "_cdf.txt, in siemens.",
)  # fmt: skip
@click.option(
    "--pulse-high", required=True, type=Quantity("s"), help="Flat top of the pulses: 500ns."
)
@click.option("--title", default="", help="What the device is.")
@click.option("--source", default="", help="Where the tables were published.")
@_out
def jump_table(
    tables: tuple[str, ...], pulse_high: float, title: str, source: str, out: Path
) -> None:
    """Take published jump tables: three text files an amplitude."""
    from hil.protocols.jump_table.models.imports import write_published

    prefixes: dict[float, Path] = {}
    for text, prefix in pairs(tables, "1.5V=tables/set", "--table").items():
        prefixes[decode_text(text, _VOLTS, f"--table {text}")] = Path(prefix)
    if len(prefixes) < len(tables):
        raise ConfigError("--table names an amplitude twice; name each once")
    names = ", ".join(str(prefix) for prefix in prefixes.values())
    write_published(
        out, prefixes, title=title or f"jump tables of {names}", source=source or names,
        pulse_high_s=pulse_high,
    )  # fmt: skip
    click.echo(f"model    {out}")


@import_.command("neurosim", epilog="Example: hil import neurosim Cell.cpp --out agsi.toml")
@click.argument("source", type=click.Path(path_type=Path, dir_okay=False))
@_out
def neurosim(source: Path, out: Path) -> None:
    """Take NeuroSim's RealDevice: its constructor in Cell.cpp, or NAME = VALUE lines."""
    from hil.protocols.jump_table.models.imports import write_neurosim

    write_neurosim(out, source)
    click.echo(f"model    {out}")
