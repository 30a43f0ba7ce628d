"""``hil crossbar``: what the wires of an array do, without measuring anything."""

import re
import typing
from pathlib import Path
from typing import Any

import click
import numpy as np

from hil.cells import Cells
from hil.cli.console import Console, show_bench
from hil.cli.probe import Quantity
from hil.cli.settings import pairs
from hil.cli.simulate import PICTURES, save_picture
from hil.config import find_bench
from hil.errors import ConfigError
from hil.program import Demands
from hil.runner import LARGEST_SEED
from hil.units import format_quantity, parse_quantity

if typing.TYPE_CHECKING:
    from numpy.typing import NDArray

    from hil.simulators.array.bench import ArrayBench
    from hil.simulators.array.file import ArrayFile
    from hil.simulators.crossbar.maps import ProductMap, WriteMap

    Floats = NDArray[np.float64]

_PLACES = {"row": "on its row", "column": "on its column", "elsewhere": "elsewhere"}


@click.command(epilog="Example: hil crossbar array --conductance 1uS,15uS --cell R1C32")
@click.argument("bench_name", metavar="BENCH")
@click.option(
    "--cell", "cell_name", metavar="R1C32", help="The cell that is written; the farthest one."
)
@click.option(
    "--voltage", "voltage_v", type=Quantity("V"), help="Of the write; the bench's largest to SET."
)
@click.option("--scheme", help="The other lines meanwhile: V/2; the bench's by default.")
@click.option(
    "--input", "input_v", type=Quantity("V"), default="0.1V", show_default=True,
    help="On all rows, for the product.",
)  # fmt: skip
@click.option(
    "--conductance", metavar="S[,S]",
    help="Put the cells there first, or at random between two; else they are as they begin.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="Of the bench file: array.row_wire_ohm=5ohm.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default="crossbar.png",
    show_default=True, help="The picture: .png, .svg or .pdf.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")
def crossbar(
    bench_name: str,
    cell_name: str | None,
    voltage_v: float | None,
    scheme: str | None,
    input_v: float,
    conductance: str | None,
    settings: tuple[str, ...],
    seed: int,
    out: Path,
    as_json: bool,
) -> None:
    """Show what cells of the array of BENCH see in a write, and how far a product is off."""
    from hil.simulators.crossbar.maps import product_map, write_map
    from hil.whole_file import refuse_unwritable

    console = Console(as_json)
    if out.suffix.lower() not in PICTURES:
        raise ConfigError(f"--out {out} does not end in {', '.join(PICTURES)}; name it so")
    file, bench = _built(bench_name, settings, seed)
    cells = bench.cells
    cell = _cell(cell_name, cells)
    if voltage_v is None:
        limits = bench.limits.switching
        voltage_v = limits.positive_v if bench.sets_at > 0 else limits.negative_v
    for name, volts in (("voltage", voltage_v), ("input", input_v)):
        if volts == 0:
            raise ConfigError(f"--{name} is 0 V, at which there is nothing to see; take another")
    name, _ = bench.biasing.of(Demands(scheme=scheme))
    _preset(bench, conductance, input_v, seed)
    refuse_unwritable(out)
    show_bench(console, bench, file.title)
    _show_array(console, bench, input_v)
    lines = bench.biasing.schemes[name]
    gate_v = None if file.transistor is None else file.transistor.gate_v
    write = write_map(
        bench.array, bench.state, cell, voltage_v, row_share=lines.rows,
        column_share=lines.columns, scheme=name, gate_v=gate_v,
    )  # fmt: skip
    product = product_map(bench.array, bench.state, input_v, gate_v=gate_v)
    figures = {**_write_figures(write, cells), **_product_figures(product)}
    _show_write(console, write, cells)
    _show_product(console, product)
    _draw(write, product, f"{file.title}   |   SIMULATED, bench {bench.name}, seed {seed}", out)
    console.line(f"picture  {out}")
    console.result(
        {"bench": bench.name, "seed": seed, "scheme": name, **figures, "picture": str(out)}
    )


def _built(
    bench_name: str, settings: tuple[str, ...], seed: int
) -> "tuple[ArrayFile, ArrayBench]":
    """Make the bench; refuse what is no array."""
    from hil.simulators.array.file import ArrayFile

    wanted = pairs(settings, "array.row_wire_ohm=5ohm")
    overrides = {key.removeprefix("bench."): text for key, text in wanted.items()}
    named = find_bench(bench_name, overrides)
    if not isinstance(named.file, ArrayFile):
        raise ConfigError(
            f"bench {named.name} is of kind {named.file.kind!r}; name one of kind 'array', such "
            "as the bench array, which ships"
        )
    return named.file, typing.cast("ArrayBench", named.build(seed))


def _cell(name: str | None, cells: Cells) -> tuple[int, int]:
    """Find row and column, from 0, of a cell: R1C32, or its number; the farthest by default."""
    if name is None:
        return 0, cells.columns - 1
    match = re.fullmatch(r"[rR](\d+)[cC](\d+)", name.strip())
    if match:
        row, column = int(match[1]) - 1, int(match[2]) - 1
    elif name.strip().isdecimal():
        row, column = divmod(int(name), cells.columns)
    else:
        raise ConfigError(f"--cell {name} is no cell; write it as R1C32, or as its number from 0")
    if not (0 <= row < cells.rows and 0 <= column < cells.columns):
        raise ConfigError(
            f"--cell {name} is not in an array of {cells.rows} x {cells.columns} cells"
        )
    return row, column


def _preset(bench: "ArrayBench", text: str | None, read_v: float, seed: int) -> None:
    """Put the cells at a conductance, or at random between two."""
    if text is None:
        return
    ends = [parse_quantity(part, "S") for part in text.split(",")]
    if len(ends) > 2 or min(ends) <= 0:
        raise ConfigError(
            f"--conductance {text} is not one or two conductances above 0; write it as 10uS or "
            "1uS,15uS"
        )
    drawn = np.random.default_rng([seed, 4]).uniform(min(ends), max(ends), len(bench.cells))
    bench.preset(drawn, read_v=abs(read_v))


def _show_array(console: Console, bench: "ArrayBench", read_v: float) -> None:
    """Tell what the cells and the lines are like."""
    at = bench.model.current_a(bench.state, abs(read_v)) / abs(read_v)
    low, middle, high = (format_quantity(float(g), "S", 3) for g in np.quantile(at, (0, 0.5, 1)))
    console.line(
        f"cells    {middle} (median) at {format_quantity(abs(read_v), 'V')}, {low} to {high}"
    )
    if bench.array.access is not None:
        what = "transistor" if bench.capabilities.gate else "selector"
        console.line(f"         a {what} is in series with each; voltages are those without it")
    network = bench.array.network
    row, column, driver, sense = (
        format_quantity(float(ohm.flat[0]), "ohm")
        for ohm in (
            network.row_wire_ohm, network.column_wire_ohm, network.driver_ohm, network.sense_ohm
        )
    )  # fmt: skip
    console.line(
        f"lines    {row} a segment in rows, {column} in columns; {driver} before each row, "
        f"{sense} behind each column"
    )


def _write_figures(write: "WriteMap", cells: Cells) -> dict[str, Any]:
    i, j, worst_v = write.worst
    others = {
        name: {"least_v": float(v.min()), "most_v": float(v.max())}
        for name, v in write.others_v().items()
    }
    return {
        "write": {
            "cell": cells.name(write.row * cells.columns + write.column),
            "voltage_v": write.voltage_v, "seen_v": write.selected_v, "others": others,
            "worst": None if i < 0 else cells.name(i * cells.columns + j), "worst_v": worst_v,
        }
    }  # fmt: skip


def _product_figures(product: "ProductMap") -> dict[str, Any]:
    worst = int(np.abs(product.column).argmax())
    return {
        "product": {
            "input_v": float(product.input_v[0]),
            "mean_column_error": float(product.column.mean()),
            "worst_column": worst + 1, "worst_column_error": float(product.column[worst]),
            "least_cell_error": float(product.contribution.max()),
            "worst_cell_error": float(product.contribution.min()),
        }
    }  # fmt: skip


def _show_write(console: Console, write: "WriteMap", cells: Cells) -> None:
    figures = _write_figures(write, cells)["write"]
    seen = format_quantity(figures["seen_v"], "V")
    console.line(
        f"write    {figures['cell']} with {write.voltage_v:+.4g} V, {write.scheme}: it sees "
        f"{seen}, {figures['seen_v'] / write.voltage_v:.1%} of it"
    )
    for place, ends in figures["others"].items():
        least, most = (format_quantity(ends[end], "V", 3) for end in ("least_v", "most_v"))
        console.line(f"         others {_PLACES[place]} see {least} to {most}")
    if figures["worst"] is not None:
        worst = format_quantity(figures["worst_v"], "V", 3)
        console.line(f"         most of all that are not selected: {figures['worst']}, {worst}")


def _show_product(console: Console, product: "ProductMap") -> None:
    figures = _product_figures(product)["product"]
    console.line(
        f"product  all rows at {format_quantity(figures['input_v'], 'V')}: columns "
        f"{100 * figures['mean_column_error']:+.3g} % in the mean, "
        f"{100 * figures['worst_column_error']:+.3g} % at C{figures['worst_column']}; single "
        f"cells {100 * figures['worst_cell_error']:+.3g} % to "
        f"{100 * figures['least_cell_error']:+.3g} %"
    )


def _draw(write: "WriteMap", product: "ProductMap", title: str, path: Path) -> None:
    from hil.simulators.crossbar.picture import crossbar_picture

    save_picture(crossbar_picture(write, product, title=title), path)
