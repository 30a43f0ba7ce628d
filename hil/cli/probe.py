"""``hil read``, ``hil pulse`` and ``hil safe``: one look, one pulse, and off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np

from hil import program
from hil.bench import Bench
from hil.cli.console import RUNS, Console, confirm, show_bench, show_cost
from hil.cli.instruments import lab_of, virtual_option
from hil.config import find_bench
from hil.errors import ConfigError
from hil.hold import at_bench_briefly, recall_stress
from hil.hold import probe as probe_bench
from hil.program import Program
from hil.readings import Readings
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
        virtual_option,
        click.option("--yes", is_flag=True, help="Do not ask before sending to hardware."),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            default=RUNS,
            show_default=True,
            help="Where runs are kept; stress of a named device is booked there.",
        ),
        click.option(
            "--device", default="", metavar="ID", help="What is under the probes: W3/D14/R2C5."
        ),
        click.option("--json", "as_json", is_flag=True, help="End with one JSON object."),
        click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Of a simulated bench."),
        click.option("--cell", type=int, help="Which cell; all by default."),
        click.option(
            "--zero", is_flag=True, help="Read at 0 V first and subtract what the meters show."
        ),
        click.option("--read", "read_v", type=Quantity("V"), default="0.1V", show_default=True),
        click.option("--bench", "bench_name", required=True, metavar="NAME|FILE"),
    ):
        command = option(command)
    return command


@click.command(epilog="Example: hil read --bench tiox")
@_options
def read(bench_name: str, read_v: float, zero: bool, **options: Any) -> None:
    """Read cells once."""
    _probe("read", program.read(read_v, zero=zero), ("read",), bench_name, **options)


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
    bench_name: str,
    voltage_v: float,
    high_s: float,
    edge_s: float,
    read_v: float,
    zero: bool,
    **options: Any,
) -> None:
    """Send one pulse and read before and after."""
    look = program.read(read_v, zero=zero)
    whole = (
        look + program.pulse(voltage_v, high_s=high_s, edge_s=edge_s) + program.wait(100e-6) + look
    )
    _probe("pulse", whole, ("before", "after"), bench_name, **options)


@click.command(epilog="Example: hil safe tiox")
@click.argument("bench_name", metavar="BENCH")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Where runs are kept; the guard's log is put there.",
)
def safe(bench_name: str, out: Path) -> None:
    """Bring every source of BENCH to 0 V, then off."""
    bench = find_bench(bench_name).build(0)
    bench.sample = msgspec.structs.replace(bench.sample, device="")  # never mind who holds it
    with at_bench_briefly(bench, out, "safe"):
        bench.make_safe()
    click.echo(f"bench {bench.name} ({bench.kind}) is at 0 V and off")


def _probe(
    what: str,
    whole: Program,
    looks: tuple[str, ...],
    bench_name: str,
    *,
    cell: int | None,
    seed: int | None,
    device: str,
    out: Path,
    yes: bool,
    as_json: bool,
    virtual: bool,
) -> None:
    """Check one program, ask on hardware, send it as a run would, and show what was read."""
    console = Console(as_json)
    named = find_bench(bench_name).with_device(device)
    seed = choose_seed() if seed is None else seed
    with lab_of(named, seed, out, virtual=virtual) as lab:
        bench = named.build(seed, lab)
        cells = _cells(bench, cell)
        recall_stress(bench, out)
        cost = bench.check(whole, cells)
        if bench.kind != "physics":
            show_bench(console, bench, named.file.title)
            show_cost(console, what, cost)
        confirm(console, bench, yes=yes)
        readings = probe_bench(bench, whole, cells, runs=out, what=what).reads
    _show(console, bench, cells, looks, readings)


def _cells(bench: Bench, cell: int | None) -> np.ndarray:
    if cell is None:
        return bench.cells.indices
    if not 0 <= cell < len(bench.cells):
        raise ConfigError(f"bench {bench.name} has cells 0 to {len(bench.cells) - 1}, not {cell}")
    return np.array([cell])


def _show(
    console: Console, bench: Bench, cells: np.ndarray, looks: tuple[str, ...], readings: Readings
) -> None:
    figures = []
    for k, cell in enumerate(cells.tolist()):
        for row, name in enumerate(looks):
            volts, amperes = float(readings.voltage_v[row, k]), float(readings.current_a[row, k])
            siemens, limited = (
                float(readings.conductance_s[row, k]),
                bool(readings.limited[row, k]),
            )
            console.line(
                f"{bench.cells.name(cell)}  {name:<6}  {format_quantity(volts, 'V')}  "
                f"{format_quantity(amperes, 'A')}  {format_quantity(siemens, 'S')}"
                f"{'  at the current limit, or beyond the range' if limited else ''}"
            )
            figures.append(
                {"cell": cell, "look": name, "voltage_v": volts, "current_a": amperes,
                 "conductance_s": siemens, "limited": limited}
            )  # fmt: skip
    console.result({"bench": bench.name, "kind": bench.kind, "readings": figures})
