"""``hil simulate``: what a model does under a waveform, from a CSV file to a CSV file."""

import math
import textwrap
import time
import typing
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np

from hil.catalog import MODELS
from hil.cli.console import Console
from hil.cli.probe import Quantity
from hil.cli.run import parameters_of
from hil.cli.settings import pairs
from hil.config import guessed
from hil.decode import decode_text, members_of, unknown, unwrapped
from hil.errors import ConfigError
from hil.keeper import Progress
from hil.runner import LARGEST_SEED, choose_seed
from hil.units import format_quantity

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from matplotlib.figure import Figure

    from hil.simulators.models.model import Device
    from hil.simulators.waveform import Trace, Waveform

PATIENCE_S = 2.0
"""What takes longer than this shows how long it will take (s)."""

PICTURES = (".png", ".svg", ".pdf")
LIT = 0.01
"""Conductance is told at voltages of at least this share of the waveform's highest."""

_file = click.Path(path_type=Path, dir_okay=False)


def _show_help(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        name = context.params.get("name")
        click.echo(context.get_help() + (_parameters_of(name) if name else ""))
        context.exit()


@click.command(
    add_help_option=False,
    epilog="Example: hil simulate --model stanford --waveform sweep.csv --out iv.csv",
)
@click.option(
    "--model",
    "name",
    required=True,
    is_eager=True,
    metavar="NAME|FILE",
    help="As hil list models has it, or a model file.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter: i0_a=10uA, series_ohm=1kohm, noise.white=0.01.",
)
@click.option(
    "--waveform", "source", type=_file, required=True, help="CSV with columns time_s, voltage_v."
)
@click.option("--out", type=_file, required=True, help="CSV to write, or to write anew.")
@click.option("--cells", type=click.IntRange(1, 1_000_000), default=1, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0, LARGEST_SEED), help="Of all randomness; drawn if left out."
)
@click.option("--source-ohm", type=Quantity("ohm"), default="0", help="In series with each cell.")
@click.option(
    "--limit", "limit_a", type=Quantity("A"), help="Current that the source does not exceed."
)
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=Path(),
    metavar="[FILE]",
    help="Draw it too: .png, .svg or .pdf; beside --out if not named.",
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")
@click.option(
    "-h",
    "--help",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_help,
    help="Show this, and the parameters of --model.",
)
def simulate(
    name: str,
    settings: tuple[str, ...],
    source: Path,
    out: Path,
    cells: int,
    seed: int | None,
    source_ohm: float,
    limit_a: float | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Take fresh cells of a model through a waveform; current and state after each row."""
    from hil.simulators.waveform import read_waveform, simulate, write_trace
    from hil.whole_file import refuse_unwritable

    console = Console(as_json)
    seed = choose_seed() if seed is None else seed
    limit_a = _checked(source_ohm, limit_a)
    device = _device(name, settings)
    picture = out.with_suffix(".png") if plot == Path() else plot
    _refuse_same(source, out, picture)
    waveform = read_waveform(source)
    for file in filter(None, (out, picture)):
        refuse_unwritable(file)
    what = ", ".join([name, *settings])
    behind = _behind(source_ohm, limit_a)
    _show_task(console, what, source, waveform, cells, seed, behind)
    with _progress(console) as report:
        trace = simulate(
            device, waveform, cells=cells, seed=seed, source_ohm=source_ohm, limit_a=limit_a,
            report=report,
        )  # fmt: skip
    columns = write_trace(trace, out, source_ohm=source_ohm, limit_a=limit_a)
    console.line(f"out      {out}  ({trace.rows * cells:,} rows: {', '.join(columns)})")
    if picture is not None:
        title = [what, f"SIMULATED, seed {seed}", *behind, out.name]
        _draw(trace, device.memory_column, "   |   ".join(title), picture)
        console.line(f"picture  {picture}")
    if cells > 1 and (trace.current_a == trace.current_a[:, :1]).all():
        console.line("         the cells are all alike: nothing about this device is random")
    figures = _figures(trace, device.memory_column)
    _show_figures(console, trace, device.memory_column, figures)
    console.result(
        {
            "model": name, "set": list(settings), "seed": seed, "cells": cells,
            "rows": trace.rows, "out": str(out), "columns": columns,
            "picture": None if picture is None else str(picture), **figures,
        }
    )  # fmt: skip


def _checked(source_ohm: float, limit_a: float | None) -> float:
    """Check what the source is like; returns the limit, inf for none."""
    if source_ohm < 0:
        raise ConfigError(f"--source-ohm is {source_ohm:g} ohm; it must be at least 0 ohm")
    if limit_a is not None and limit_a <= 0:
        raise ConfigError(f"--limit is {limit_a:g} A; it must be above 0 A")
    return math.inf if limit_a is None else limit_a


def _behind(source_ohm: float, limit_a: float) -> list[str]:
    """Say what lies between the source and a cell."""
    source = [f"source {format_quantity(source_ohm, 'ohm')}"] if source_ohm else []
    return source + ([f"limit {format_quantity(limit_a, 'A')}"] if limit_a < math.inf else [])


def _parameters_of(name: str) -> str:
    """List the parameters of a model and of the layers that may lie around it."""
    from hil.simulators.models.files import Layers, resolve

    model, given = resolve(name, {}, Path(), "--model")
    text = parameters_of(MODELS.load(model), name, given=given)
    for key, hint in typing.get_type_hints(Layers, include_extras=True).items():
        layer = members_of(unwrapped(hint)[1])[0]
        if isinstance(layer, type) and issubclass(layer, msgspec.Struct):
            text += parameters_of(layer, f"layer {key}", below=f"{key}.")
    varied = ", ".join(MODELS.load(model).varies) or "nothing in this model"
    more = (
        "Also series_ohm=0ohm, noise.telegraph.step, .high_s and .low_s, and for cells that "
        "differ variability.NAME.sigma (or sigma_relative, sigma_log; low, high), where NAME is "
        f"one of: {varied}"
    )
    return f"{text}\n\n{textwrap.fill(more, width=100)}"


def _device(name: str, settings: tuple[str, ...]) -> "Device":
    """Make the device, with what is set on the command line over what is in its file."""
    from hil.simulators.models.files import Layers, make_model, resolve

    model_type = MODELS.load(resolve(name, {}, Path(), "--model")[0])
    fields = (*model_type.__struct_fields__, *Layers.__struct_fields__)
    hints = typing.get_type_hints(Layers, include_extras=True)
    hints |= typing.get_type_hints(model_type, include_extras=True)
    wanted: dict[str, Any] = {}
    for key, text in pairs(settings, "series_ohm=1kohm").items():
        *parents, last = key.split(".")
        first = key.partition(".")[0]
        if first not in fields:
            raise ConfigError(unknown(first, fields, f"--set {key}", "parameter"))
        table = wanted
        for parent in parents:
            table = table.setdefault(parent, {})
            if not isinstance(table, dict):
                raise ConfigError(f"--set {key}: {parent} has no keys of its own")
        where = f"--set {key}"
        table[last] = guessed(text) if parents else decode_text(text, hints[last], where)
    return make_model(*resolve(name, wanted, Path(), "--model"))


def _refuse_same(source: Path, out: Path, picture: Path | None) -> None:
    """Refuse files that would take each other's place."""
    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise ConfigError(f"--plot {picture} does not end in {', '.join(PICTURES)}; name it so")
    files = {"--waveform": source, "--out": out, "--plot": picture}
    seen: dict[Path, str] = {}
    for option, file in files.items():
        if file is not None:
            other = seen.setdefault(file.resolve(), option)
            if other != option:
                raise ConfigError(f"{other} and {option} are both {file}; name two files")


def _show_task(
    console: Console,
    what: str,
    source: Path,
    waveform: "Waveform",
    cells: int,
    seed: int,
    behind: list[str],
) -> None:
    volts, times = waveform.voltage_v, waveform.time_s
    several = f"; {cells:,} cells" if cells > 1 else ""
    console.line(f"model    {what}{several}, seed {seed}")
    lasting = format_quantity(float(times[-1] - times[0]), "s")
    more = "".join(f", {text}" for text in behind)
    console.line(
        f"waveform {source}: {len(times):,} rows, {lasting}, {volts.min():+.4g} V to "
        f"{volts.max():+.4g} V{more}"
    )
    if waveform.ignored:
        console.line(f"         not used of it: {', '.join(waveform.ignored)}")


@contextmanager
def _progress(console: Console) -> "Iterator[Callable[[int, int], None]]":
    """Show how much is left of what takes long."""
    began_s = time.monotonic()
    with console.progress("rows") as line:

        def report(done: int, total: int) -> None:
            line.begin()
            if time.monotonic() - began_s > PATIENCE_S:
                line(Progress(done, total, "rows"))

        yield report


def _draw(trace: "Trace", memory: str, title: str, path: Path) -> None:
    from hil.simulators.picture import picture_of

    save_picture(picture_of(trace, memory, title=title), path)


def save_picture(figure: "Figure", path: Path) -> None:
    """Write a picture in the format that its name says, whole or not at all."""
    from hil.whole_file import whole_file

    with whole_file(path) as part:
        figure.savefig(part, dpi=130, format=path.suffix[1:].lower())


def _figures(trace: "Trace", memory: str) -> dict[str, Any]:
    """Sum up what was seen: medians over the cells, and the largest current of all."""
    sizes_a = np.abs(trace.current_a)
    row, cell = np.unravel_index(int(sizes_a.argmax()), sizes_a.shape)
    figures: dict[str, Any] = {
        "largest_current_a": float(sizes_a[row, cell]),
        "largest_at_v": float(trace.source_v[row]),
        "limited_rows": int(trace.limited.any(axis=1).sum()),
    }
    across_v = np.abs(trace.voltage_v).min(axis=1)
    lit = np.flatnonzero((across_v > 0) & (across_v >= LIT * np.abs(trace.source_v).max()))
    for when, at in (("first", lit[:1]), ("last", lit[-1:])):
        conductance_s = trace.current_a[at] / trace.voltage_v[at]
        figures[f"{when}_conductance_s"] = float(np.median(conductance_s)) if at.size else None
        figures[f"{when}_conductance_at_v"] = float(trace.source_v[at[0]]) if at.size else None
    middle = np.median(trace.state[memory], axis=1)
    figures["memory"] = {
        "column": memory, "first": float(middle[0]), "last": float(middle[-1]),
        "least": float(middle.min()), "largest": float(middle.max()),
    }  # fmt: skip
    return figures


def _show_figures(console: Console, trace: "Trace", memory: str, figures: dict[str, Any]) -> None:
    from hil.simulators.picture import label_of

    middle = f"  (medians of {trace.cells:,} cells)" if trace.cells > 1 else ""
    limited = f", {figures['limited_rows']:,} rows at the limit" if figures["limited_rows"] else ""
    console.line(
        f"\nlargest |I|   {format_quantity(figures['largest_current_a'], 'A')} at "
        f"{figures['largest_at_v']:+.4g} V{limited}"
    )
    if figures["first_conductance_s"] is not None:
        ends = (
            f"{format_quantity(figures[f'{when}_conductance_s'], 'S')} at "
            f"{figures[f'{when}_conductance_at_v']:+.4g} V"
            for when in ("first", "last")
        )
        console.line(f"conductance   {' at first, '.join(ends)} in the end{middle}")
    label, unit = label_of(memory)
    first, last, least, largest = (
        format_quantity(figures["memory"][key], unit.replace("Ω", "ohm") or "1")
        for key in ("first", "last", "least", "largest")
    )
    way = f"{first} at first, {last} in the end, from {least} to {largest} between{middle}"
    console.line(f"{label if unit else memory:<13} {first if least == largest else way}")
