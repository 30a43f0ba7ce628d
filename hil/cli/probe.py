"""``hil read``, ``hil pulse`` and ``hil safe``: one look, one pulse, and off."""

from collections.abc import Callable
from typing import Any

import click
import numpy as np

from hil import program
from hil.bench import Bench, Readings
from hil.cli.console import Console
from hil.config import find_bench
from hil.errors import ConfigError
from hil.runner import LARGEST_SEED, choose_seed
from hil.units import format_quantity, parse_quantity


class Quantity(click.ParamType):  # type: ignore[type-arg]  # older clicks take no arguments
    """An option that takes 500ns, 1.2V or a plain SI number."""

    def __init__(self, unit: str) -> None:
        self.name = unit

    def convert(self, value: Any, _param: Any, _ctx: Any) -> float:
        """Read the quantity."""
        try:
            return value if isinstance(value, float) else parse_quantity(value, self.name)
        except ConfigError as error:
            self.fail(str(error))


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="End with one JSON object."),
        click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Of a simulated bench."),
        click.option("--cell", type=int, help="Which cell; all by default."),
        click.option("--read", "read_v", type=Quantity("V"), default="0.1V", show_default=True),
        click.option("--bench", "bench_name", required=True, metavar="NAME|FILE"),
    ):
        command = option(command)
    return command


@click.command(epilog="Example: hil read --bench tiox")
@_options
def read(
    bench_name: str, read_v: float, cell: int | None, seed: int | None, as_json: bool
) -> None:
    """Read cells once."""
    console = Console(as_json)
    with _bench(bench_name, seed) as bench:
        cells = _cells(bench, cell)
        readings = bench.apply(program.read(read_v), cells)
    _show(console, bench, cells, {"read": readings})


@click.command(epilog="Example: hil pulse --bench tiox --voltage 1.5V --high 500ns")
@_options
@click.option(
    "--edge",
    "edge_s",
    type=Quantity("s"),
    default="100ns",
    show_default=True,
    help="Each edge, 0 to 100 %.",
)
@click.option("--high", "high_s", type=Quantity("s"), required=True, help="Flat top.")
@click.option(
    "--voltage", "voltage_v", type=Quantity("V"), required=True, help="Amplitude, open circuit."
)
def pulse(
    bench_name: str, voltage_v: float, high_s: float, edge_s: float, read_v: float,
    cell: int | None, seed: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Send one pulse and read before and after."""
    console = Console(as_json)
    look = program.read(read_v)
    whole = (
        look + program.pulse(voltage_v, high_s=high_s, edge_s=edge_s) + program.wait(100e-6) + look
    )
    with _bench(bench_name, seed) as bench:
        cells = _cells(bench, cell)
        readings = bench.apply(whole, cells)
    _show(console, bench, cells, {"before": readings, "after": readings})


@click.command(epilog="Example: hil safe tiox")
@click.argument("bench_name", metavar="BENCH")
def safe(bench_name: str) -> None:
    """Bring every source of BENCH to 0 V, then off."""
    with _bench(bench_name, 0) as bench:
        bench.make_safe()
    click.echo(f"bench {bench.name} ({bench.kind}) is at 0 V and off")


def _bench(name: str, seed: int | None) -> Bench:
    return find_bench(name).build(choose_seed() if seed is None else seed)


def _cells(bench: Bench, cell: int | None) -> np.ndarray:
    if cell is None:
        return bench.cells.indices
    if not 0 <= cell < len(bench.cells):
        raise ConfigError(f"bench {bench.name} has cells 0 to {len(bench.cells) - 1}, not {cell}")
    return np.array([cell])


def _show(console: Console, bench: Bench, cells: np.ndarray, looks: dict[str, Readings]) -> None:
    figures = []
    for k, cell in enumerate(cells.tolist()):
        for row, (name, readings) in enumerate(looks.items()):
            volts, amperes = float(readings.voltage_v[row, k]), float(readings.current_a[row, k])
            siemens, limited = (
                float(readings.conductance_s[row, k]),
                bool(readings.limited[row, k]),
            )
            console.line(
                f"{bench.cells.name(cell)}  {name:<6}  {format_quantity(volts, 'V')}  "
                f"{format_quantity(amperes, 'A')}  {format_quantity(siemens, 'S')}"
                f"{'  at the current limit' if limited else ''}"
            )
            figures.append(
                {"cell": cell, "look": name, "voltage_v": volts, "current_a": amperes,
                 "conductance_s": siemens, "limited": limited}
            )  # fmt: skip
    console.result({"bench": bench.name, "kind": bench.kind, "readings": figures})
